/*
 * A mail as the bytes that a mail server gets: header and MIME parts. For outbound/ only.
 */
#ifndef OUTBOUND_MAIL_MIME_H
#define OUTBOUND_MAIL_MIME_H

#include "outbound/mail.h"

/* Message-ID of a mail, "<id@domain of the sender>": the same for each attempt. In `pool`. */
const char *outbound_mail_message_id(const outbound_mail_t *mail, apr_pool_t *pool);

/* The text part: mail->text, or what becomes of mail->html; never NULL. */
const char *outbound_mail_text(const outbound_mail_t *mail, apr_pool_t *pool);

/* *len bytes in `pool`: ASCII, every line ended by CRLF and at most 998 bytes long without it (RFC
 * 5322 2.1.1), no dot added at the beginning of a line. APR_EGENERAL: libcurl could not, or made
 * something else. The mail is one that outbound_mail_fault() finds nothing in. */
apr_status_t outbound_mail_mime(const char **bytes, apr_size_t *len, const outbound_mail_t *mail,
                                apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
