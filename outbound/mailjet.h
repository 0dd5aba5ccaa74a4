/*
 * Handing a mail to Mailjet, Send API v3.1
 * (https://dev.mailjet.com/email/guides/send-api-v31/). For outbound/ only.
 */
#ifndef OUTBOUND_MAILJET_H
#define OUTBOUND_MAILJET_H

#include "outbound/mail.h"
#include "outbound/outbound_private.h"

/* *result as of outbound_mail_send(). */
void outbound_mailjet_send(outbound_result_t *result, outbound_t *outbound,
                           const crm360_provider_t *provider, const outbound_mail_t *mail,
                           apr_pool_t *pool);

#endif
