/*
 * What all workers of all hosts share of a provider: how fast it is called, and whether it is
 * called at all (a circuit breaker). For the worker of lane `send`.
 */
#ifndef CRM360_QUEUE_PROVIDER_H
#define CRM360_QUEUE_PROVIDER_H

#include "core/queue.h"

/* Whether `provider` (crm360_provider_t.key) may be called for message `id` now: *wait is 0, or how
 * long it has to wait, and *why says why (in `pool`): "rate", or what the provider's last failure
 * was. `spacing` is the least time between two calls, 0 or less = no limit. A permit is used up by
 * asking. Errors as crm360_queue_push(). */
apr_status_t crm360_queue_permit(apr_interval_time_t *wait, const char **why, crm360_queue_t *queue,
                                 const char *provider, const char *id, apr_interval_time_t spacing,
                                 apr_pool_t *pool) __attribute__((warn_unused_result));

/* What a verdict has changed. */
typedef enum { CRM360_BREAKER_SAME, CRM360_BREAKER_OPENED, CRM360_BREAKER_CLOSED } crm360_breaker_t;

/* Notes that the provider has answered (`good`), or is out of reach, overloaded or lets nobody in.
 * After five such failures in a row it is left alone for 5 seconds, twice as long after each more,
 * 5 minutes at most; then one message tries. `hold` > 0: it is left alone for that long at once.
 * *wait is how long it is left alone from now. */
apr_status_t crm360_queue_verdict(crm360_breaker_t *change, apr_interval_time_t *wait,
                                  crm360_queue_t *queue, const char *provider, int good,
                                  apr_interval_time_t hold, const char *reason, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Forgets what failures of the provider are known, so that he is called again at once: somebody may
 * have mended him, or how he is reached. */
apr_status_t crm360_queue_pardon(crm360_queue_t *queue, const char *provider, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
