/*
 * The last 24 hours, a line a minute: what all databases of a crm360d held together, in one hash of
 * Redis. crm360d writes it, for whoever looks on. Nothing is decided by it. Any thread of a process
 * may call.
 */
#ifndef CRM360_QUEUE_HISTORY_H
#define CRM360_QUEUE_HISTORY_H

#include "core/queue.h"

#define CRM360_HISTORY_MOST (24 * 60) /* minutes that are kept */

/* Messages of one lane, as in core/queue_status.h. */
typedef struct crm360_history_lane_t {
    apr_int64_t waiting;
    apr_int64_t due;
    apr_int64_t leased;
    apr_int64_t paused;
    apr_interval_time_t oldest_due; /* how long the first has been due, whole seconds; 0 = none */
} crm360_history_lane_t;

/* One minute. The counters count from the beginning, so that what happened in between is the
 * difference of two minutes; one that is smaller than before was begun anew. */
typedef struct crm360_history_t {
    apr_time_t at; /* when the minute began; Redis' clock */
    int known;     /* 0 = a gap: nobody wrote it, and the rest is 0 */
    crm360_history_lane_t lanes[CRM360_LANES];
    apr_int64_t dead;     /* dead letters that are there */
    apr_int64_t received; /* counters of doc/queue.txt */
    apr_int64_t done;
    apr_int64_t died;
} crm360_history_t;

/* Begins a minute: *minute has its time and nothing else yet. *missing is 0 when somebody has
 * written it already. *now is Redis' clock. Errors as crm360_redis_run(). */
apr_status_t crm360_queue_history_begin(crm360_history_t *minute, int *missing, apr_time_t *now,
                                        crm360_queue_t *queue, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Writes it, unless somebody was faster (*written is 0 then), and removes what is older than
 * CRM360_HISTORY_MOST minutes. Repeating it is harmless. Errors as crm360_redis_run(). */
apr_status_t crm360_queue_history_write(int *written, crm360_queue_t *queue,
                                        const crm360_history_t *minute, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Reads the last `count` (1 ... CRM360_HISTORY_MOST) minutes, the oldest first; the last one is the
 * minute that runs, which may not be written yet. *now is Redis' clock. Errors
 * as crm360_redis_run(): *detail (in `pool`) says what failed. Changes nothing. */
apr_status_t crm360_queue_history_read(crm360_history_t *minutes, apr_time_t *now,
                                       const char **detail, crm360_queue_t *queue, int count,
                                       apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
