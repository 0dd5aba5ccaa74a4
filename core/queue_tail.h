/*
 * What happens in a database's queues, look by look: what became visible, who claimed what, and
 * what came of it. Asks for what has changed since the last look, so it costs Redis the same
 * whatever waits; what came and went between two looks shows in the counters alone. For crm360ctl.
 * One thread for each.
 */
#ifndef CRM360_QUEUE_TAIL_H
#define CRM360_QUEUE_TAIL_H

#include <apr_tables.h>

#include "core/queue_status.h"
#include "core/queue_view.h"

/* So many of what became visible in one lane, and of what died, are told in one look. */
#define CRM360_TAIL_MOST 100

typedef enum {
    CRM360_TAIL_VISIBLE,  /* it is due, for the first time or again */
    CRM360_TAIL_CLAIMED,  /* text: the worker */
    CRM360_TAIL_ENDED,    /* a worker had it, and it is in Redis no more: done, as a rule */
    CRM360_TAIL_RETRIED,  /* it failed, and is tried again; text: the reason */
    CRM360_TAIL_RELEASED, /* given back untried */
    CRM360_TAIL_DEAD,     /* text: the reason; NULL = none is noted */
    CRM360_TAIL_KINDS
} crm360_tail_kind_t;

typedef struct crm360_tail_event_t {
    crm360_tail_kind_t kind;
    apr_time_t at; /* Redis' clock; of ENDED, RETRIED and RELEASED that of the look */
    const char *id;
    crm360_lane_t lane;
    const char *text; /* NULL = nothing more */
} crm360_tail_event_t;

typedef struct crm360_tail_look_t {
    apr_time_t now;
    const apr_array_header_t *events;    /* crm360_tail_event_t */
    apr_int64_t counts[CRM360_COUNTERS]; /* by how much each counter has grown */
    int begins; /* the first look, or the data are others than before: nothing is told */
} crm360_tail_look_t;

typedef struct crm360_tail_t crm360_tail_t;

/* Follows one database; asks nothing yet. `keys` is borrowed. Ends with `pool`. */
crm360_tail_t *crm360_tail_make(const crm360_keys_t *keys, apr_pool_t *pool);

/* Looks. Everything in *look lives in `pool`. After an error, as crm360_redis_run() with what is
 * known of it in *detail, the next look goes on where the last one was. */
apr_status_t crm360_tail_look(crm360_tail_look_t *look, const char **detail, crm360_tail_t *tail,
                              crm360_queue_t *queue, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
