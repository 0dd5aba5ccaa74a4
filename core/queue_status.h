/*
 * What an operator wants to see of databases, as numbers: what waits, what is dead, the counters.
 * Changes nothing, and costs Redis the same whatever waits. Any thread of a process may call.
 */
#ifndef CRM360_QUEUE_STATUS_H
#define CRM360_QUEUE_STATUS_H

#include "core/queue.h"

/* The counters of doc/queue.txt, without waiting-bytes, which is no count of what happened. */
#define CRM360_COUNTERS 11

/* One lane: every message in it is in one of the four states. */
typedef struct crm360_lane_status_t {
    apr_int64_t messages;  /* all together; -1 = a key of another type stands there */
    apr_int64_t waiting;   /* visible later; those whose lease runs are not among them */
    apr_int64_t due;       /* visible, nobody has taken them; 0 while the lane is paused */
    apr_int64_t leased;    /* workers hold them */
    apr_int64_t paused;    /* of a paused route, or all that are due while the lane is paused */
    apr_time_t oldest_due; /* from when the first of those that are due is visible; 0 = none is */
    apr_time_t next;       /* when the first that is not due becomes visible; 0 = none */
} crm360_lane_status_t;

/* A worker that holds messages. */
typedef struct crm360_holder_t {
    const char *worker;
    apr_int64_t messages;
    apr_time_t since; /* he has held the first of them from here on */
} crm360_holder_t;

typedef struct crm360_status_t {
    crm360_lane_status_t lanes[CRM360_LANES];
    apr_int64_t dead; /* -1 = a key of another type stands there */
    int away; /* the node of the cluster that has it does not answer: lanes and dead are -1 */
    apr_time_t oldest_dead;
    apr_int64_t waiting_bytes;
    apr_int64_t counters[CRM360_COUNTERS];
    const apr_array_header_t *paused;  /* const char *: as crm360_queue_paused() */
    const apr_array_header_t *holders; /* crm360_holder_t */
} crm360_status_t;

/* Name of a counter, 0 <= counter < CRM360_COUNTERS, as it stands in Redis. */
const char *crm360_counter_name(int counter);

/* Looks at `count` databases; *now is Redis' clock. Many are looked at in several goes, so that
 * Redis is not held up. Strings live in `pool`. Of a cluster of which a node does not answer,
 * what the others have is seen; an error when none does. Errors as crm360_redis_run(): *detail (in
 * `pool`) says what failed, also for a part. */
apr_status_t crm360_queue_status(crm360_status_t *statuses, apr_time_t *now, const char **detail,
                                 crm360_queue_t *queue, const crm360_keys_t *const *keys, int count,
                                 apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
