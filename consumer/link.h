/*
 * What master and workers say to each other: fixed-size records over a socket pair, and a slot of
 * shared memory per worker in which the master sees what runs when the worker cannot say it any
 * more.
 */
#ifndef CONSUMER_LINK_H
#define CONSUMER_LINK_H

#include <apr_time.h>

#include "core/message.h"

#define CONSUMER_ID_BYTES (CRM360_ID_MOST + 1) /* longest message id and its NUL */

/* Master to worker: take one batch from this database, in the worker's lane. */
typedef struct consumer_assignment_t {
    int database; /* index in the configuration's list */
    int turn;     /* no batch: the worker, who has left the database, may use it again */
} consumer_assignment_t;

/* What a worker could not use. */
#define CONSUMER_REDIS_AWAY 1
#define CONSUMER_DATABASE_AWAY 2 /* or its keys in Redis are broken */

/* Worker to master: what the claim of a batch has shown, or that the batch is over. */
typedef struct consumer_report_t {
    int database;
    int over;            /* 0: works on what it has claimed, and another may take the rest */
    int leaves;          /* goes on without the database: another may use it; unless over */
    int wants;           /* waits for its turn to use it again; unless over */
    int worked;          /* messages worked on; only when over */
    int away;            /* 0, CONSUMER_REDIS_AWAY or CONSUMER_DATABASE_AWAY; only when over */
    apr_time_t next_due; /* crm360_clock() when the next message is due; -1 = nothing to say */
} consumer_report_t;

/* Exit status of a worker that got no memory any more. */
#define CONSUMER_EXIT_MEMORY 12

/* Shared memory. Written by the worker only, read by the master when it looks for overruns and
 * after the worker's death. Times are crm360_clock(). */
typedef struct consumer_slot_t {
    volatile apr_time_t busy_since;      /* 0 = idle */
    volatile char id[CONSUMER_ID_BYTES]; /* message that runs; "" = none */
} consumer_slot_t;

/* Writes and reads busy_since whole, and in order with the id. */
static inline void consumer_slot_touch(consumer_slot_t *slot, apr_time_t now)
{
    __atomic_store_n(&slot->busy_since, now, __ATOMIC_SEQ_CST);
}

static inline apr_time_t consumer_slot_since(const consumer_slot_t *slot)
{
    return __atomic_load_n(&slot->busy_since, __ATOMIC_SEQ_CST);
}

#endif
