/*
 * Handing a mail to an SMTP server (RFC 5321) over a connection that is kept for the next one. For
 * outbound/ only.
 */
#ifndef OUTBOUND_SMTP_H
#define OUTBOUND_SMTP_H

#include "outbound/mail.h"
#include "outbound/outbound_private.h"

/* Hands `len` bytes, as outbound_mail_mime() makes them, to the server of `provider` for the
 * recipients of `mail`: all of them or none. *result as of outbound_mail_send(). */
void outbound_smtp_send(outbound_result_t *result, outbound_t *outbound,
                        const crm360_provider_t *provider, const outbound_mail_t *mail,
                        const char *bytes, apr_size_t len, apr_pool_t *pool);

/* Connects to the server of `provider`, up to EHLO and STARTTLS; does not log in, and sends
 * nothing. As outbound_reach(). */
apr_status_t outbound_smtp_reach(const char **why, const outbound_t *outbound,
                                 const crm360_provider_t *provider, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
