/*
 * What an operator does to messages that live: make one visible, hold up a lane or a route and let
 * it go on. For crm360ctl and the status page. Any thread of a process may call, as in
 * core/queue.h.
 */
#ifndef CRM360_QUEUE_STEER_H
#define CRM360_QUEUE_STEER_H

#include <apr_tables.h>

#include "core/queue.h"
#include "core/queue_admin.h"

/* Makes messages that wait (a delay, a retry) visible at `delay` from now, by Redis' clock; 0 = at
 * once. Their history stays. results[i] (of `count` <= CRM360_ADMIN_MOST) is DONE, GONE (in no
 * lane: done, or a dead letter), or BUSY: a worker holds it. One whose route is paused stays
 * paused. Repeating it is harmless. Errors as crm360_queue_redrive(). */
apr_status_t crm360_queue_visible(crm360_admin_result_t *results, crm360_queue_t *queue,
                                  const crm360_keys_t *keys, const char *const *ids, int count,
                                  apr_interval_time_t delay, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* What can be paused, spelt as it stands in Redis: "live", "batch" or "send"; a route
 * ("Shopify/Order/Insert"); a platform ("Shopify"), for all of its routes. `text` may have any
 * case. NULL when it names none of these. */
const char *crm360_pause_name(const char *text);

/* Holds up a lane or a route of a database: from here on none of its messages is claimed; what a
 * worker holds is finished. Messages are taken in all the same. `what` is of crm360_pause_name().
 * *changed is 0 when it was paused already. */
apr_status_t crm360_queue_pause(int *changed, crm360_queue_t *queue, const crm360_keys_t *keys,
                                const char *what, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Lets it go on. *changed is 0 when it was not paused. *restored is how many messages had been
 * parked since and have their times back. With very many of them that takes long: APR_TIMEUP when
 * it is not through at `until` (crm360_clock(); 0 = it takes the time that it takes). It is not
 * paused any more then. Repeating it is harmless, and ends what an interrupted call has begun; so
 * does the keeper of crm360d. */
apr_status_t crm360_queue_resume(int *changed, apr_int64_t *restored, crm360_queue_t *queue,
                                 const crm360_keys_t *keys, const char *what, apr_time_t until,
                                 apr_pool_t *pool) __attribute__((warn_unused_result));

/* What of a database is paused: const char *, as of crm360_pause_name(), in `pool`. */
apr_status_t crm360_queue_paused(apr_array_header_t **paused, crm360_queue_t *queue,
                                 const crm360_keys_t *keys, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
