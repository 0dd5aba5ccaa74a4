/*
 * Whether a provider can be reached: a connection with its TLS, and for a mail server its greeting.
 * For who looks on; nothing is sent, and nobody logs in. One thread.
 */
#ifndef OUTBOUND_REACH_H
#define OUTBOUND_REACH_H

#include "outbound/outbound.h"

/* Tries it, for as long as a call of `outbound` may take. CRM360_EAWAY: no connection came about;
 * CRM360_EREFUSED: its certificate, or that it has no TLS, keeps us from speaking to it. *why says
 * it, in `pool`. */
apr_status_t outbound_reach(const char **why, const outbound_t *outbound,
                            const crm360_provider_t *provider, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
