/*
 * Primotexto (https://www.primotexto.com/api/sms/notification.asp): one SMS by its API, version 2.
 */
#ifndef OUTBOUND_PRIMOTEXTO_H
#define OUTBOUND_PRIMOTEXTO_H

#include "outbound/http.h"
#include "outbound/sms.h"

/* Sends it; the sender is the one to be shown, NULL = a short number, which can be answered. The
 * message's id is the campaign's name there, so that a person finds a message of which nobody knows
 * what became. */
void outbound_primotexto_send(outbound_result_t *result, const outbound_t *outbound,
                              const crm360_provider_t *provider, const outbound_sms_t *sms,
                              apr_pool_t *pool);

/* What an answer means; for the tests too. */
void outbound_primotexto_read(outbound_result_t *result, const outbound_answer_t *answer,
                              apr_pool_t *pool);

#endif
