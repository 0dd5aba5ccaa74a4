/*
 * Which crm360d serve this Redis: each tells its state now and then in one hash, for whoever looks
 * on. Nothing is decided by it.
 */
#ifndef CRM360_QUEUE_CONSUMERS_H
#define CRM360_QUEUE_CONSUMERS_H

#include "core/histogram.h"
#include "core/queue.h"

/* What a crm360d tells about itself. */
typedef struct crm360_heartbeat_t {
    const char *instance; /* its name, the same in each of its lives' beats */
    const char *host;
    const char *version;
    int pid;
    apr_int64_t at_ms;      /* Redis' clock */
    apr_int64_t started_ms; /* Redis' clock */
    int databases;
    int workers[CRM360_LANES]; /* running */
    int busy;
    apr_int64_t messages; /* worked on since its start, whatever became of them */
    /* Since its start, by lane: in the handler, each attempt that has ended; and from visible to
     * acknowledged, what is done. */
    crm360_histogram_view_t handler[CRM360_LANES];
    crm360_histogram_view_t delay[CRM360_LANES];
    int again; /* for crm360_queue_beat(): it has been put there before */
} crm360_heartbeat_t;

/* Puts the beat, which is borrowed for the call, in the place of the last one, and removes those of
 * others that have been silent for CRM360_SILENT_MS. When one that was there before is gone and no
 * other is there, Redis has lost its data, which is logged. CRM360_EAWAY and CRM360_EREFUSED as
 * every call; nothing is lost then. */
#define CRM360_SILENT_MS (10 * 60 * 1000)
apr_status_t crm360_queue_beat(crm360_queue_t *queue, const crm360_heartbeat_t *beat,
                               apr_pool_t *pool) __attribute__((warn_unused_result));

/* Takes the beats of `instance` away, at its end. */
apr_status_t crm360_queue_beat_end(crm360_queue_t *queue, const char *instance, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* All that are there, those that are silent since less than CRM360_SILENT_MS included, in the order
 * of their instances; what is no heartbeat is left out, and what one does not tell is 0 or "". *now
 * is Redis' clock. Everything lives in `pool`. Changes nothing. Errors as
 * crm360_redis_run(): *detail (in `pool`) says what failed. */
apr_status_t crm360_queue_consumers(crm360_heartbeat_t **beats, int *count, apr_time_t *now,
                                    const char **detail, crm360_queue_t *queue, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
