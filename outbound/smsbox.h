/*
 * Smsbox (https://docs.smsbox.dev/sms): one SMS by its API, version 1.1.
 */
#ifndef OUTBOUND_SMSBOX_H
#define OUTBOUND_SMSBOX_H

#include "outbound/http.h"
#include "outbound/sms.h"

/* The parameter by which a delivery report brings back the message's id. */
#define OUTBOUND_SMSBOX_ID "crm360"

/* Sends it; the sender counts in mode Expert only, NULL = that of the account. Marketing always
 * goes as strategy 4; the provider's own, or 2, is that of all else. */
void outbound_smsbox_send(outbound_result_t *result, const outbound_t *outbound,
                          const crm360_provider_t *provider, const outbound_sms_t *sms,
                          apr_pool_t *pool);

/* What an answer means; for the tests too. */
void outbound_smsbox_read(outbound_result_t *result, const outbound_answer_t *answer,
                          apr_pool_t *pool);

#endif
