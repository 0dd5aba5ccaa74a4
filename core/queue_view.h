/*
 * One message as an operator sees it: in which state it is (doc/queue.txt, "States"), who holds it,
 * and what it has been through. For crm360ctl and the status page; workers need none of it. Changes
 * nothing. Any thread of a process may call, as in core/queue.h.
 */
#ifndef CRM360_QUEUE_VIEW_H
#define CRM360_QUEUE_VIEW_H

#include "core/queue.h"
#include "core/queue_admin.h"

typedef enum {
    CRM360_STATE_GONE,    /* in no queue, not dead and not stored: done, dropped, or never here */
    CRM360_STATE_WAITING, /* visible later */
    CRM360_STATE_DUE,     /* visible, and nobody has taken it yet */
    CRM360_STATE_LEASED,  /* a worker holds it */
    CRM360_STATE_PAUSED,  /* its lane or route is paused (core/queue_steer.h) */
    CRM360_STATE_DEAD,    /* a dead letter */
    CRM360_STATE_LOST,    /* stored, and in no queue: the keeper makes a dead letter of it */
    CRM360_STATES
} crm360_state_t;

/* "gone", "waiting", "due", "leased", "paused", "dead" or "lost". */
const char *crm360_state_name(crm360_state_t state);

/* A line of a message's history: a failed attempt, a crash, an expired lease, a redrive. */
typedef struct crm360_event_t {
    apr_time_t at; /* Redis' clock; 0 when that is not known */
    const char *reason;
} crm360_event_t;

typedef struct crm360_view_t {
    const char *id;
    crm360_state_t state;
    crm360_lane_t lane;
    /* Visible from (waiting, due, paused), end of the lease (leased), died at (dead); else 0.
     * Redis' clock, as all times here. */
    apr_time_t at;
    const char *worker; /* who holds it; NULL = nobody */
    apr_time_t since;   /* from when on; 0 = nobody */
    apr_time_t due;     /* from when it was visible to him */
    apr_int64_t bytes;  /* of the stored message; 0 = it is missing */
    crm360_failure_t failure;
    int event_count; /* the last 20 at most, oldest first */
    const crm360_event_t *events;
} crm360_view_t;

/* Looks at `count` (<= CRM360_PAGE_MOST) messages of one database in one go; (*views)[i] is that of
 * ids[i], in `pool`. *now is Redis' clock. Costs Redis the same whatever waits. Errors as
 * crm360_redis_run(). */
apr_status_t crm360_queue_view(crm360_view_t **views, apr_time_t *now, crm360_queue_t *queue,
                               const crm360_keys_t *keys, const char *const *ids, int count,
                               apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
