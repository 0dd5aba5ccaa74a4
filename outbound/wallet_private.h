/* What outbound/wallet*.c share, and their tests look at. */
#ifndef OUTBOUND_WALLET_PRIVATE_H
#define OUTBOUND_WALLET_PRIVATE_H

#include "outbound/http.h"
#include "outbound/outbound_private.h"

/* As outbound_http(), but it ends by `until`, of crm360_clock(): an update is several requests, and
 * has one limit. CRM360_EAWAY when no time is left. */
apr_status_t outbound_wallet_http(outbound_answer_t *answer, const char **why,
                                  const outbound_t *outbound, const outbound_request_t *request,
                                  apr_time_t until, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* `text` for a path or form: what is not unreserved (RFC 3986 2.3) as %XX. In `pool`. */
const char *outbound_wallet_escape(const char *text, apr_pool_t *pool);

/* ---- wallet_token.c: access tokens (RFC 6749 4.4, client credentials) ---- */

/* The access token for a provider: the one that is kept, or a new one. In `pool`. NULL: *result
 * says why; its fate is AWAY, for no update has been sent. */
const char *outbound_token_get(outbound_result_t *result, outbound_t *outbound,
                               const crm360_provider_t *provider, apr_time_t until,
                               apr_pool_t *pool);

/* Forgets the one that is kept: the provider does not take it any more. */
void outbound_token_forget(outbound_t *outbound, const crm360_provider_t *provider);

/* How long a token is kept that is said to live for `seconds`. */
apr_interval_time_t outbound_token_life(apr_int64_t seconds);

#endif
