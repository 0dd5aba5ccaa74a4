/*
 * When the service manager is told what (notify.h): ready after the first turn of the master's
 * loop, how it does, and that the master makes progress. Must never say so of a master that
 * overlooks a worker. Used by the master's single thread only.
 */
#ifndef CONSUMER_PULSE_H
#define CONSUMER_PULSE_H

#include <apr_pools.h>

#include "consumer/crew.h"

typedef struct consumer_pulse_t consumer_pulse_t;

/* How the master does. */
typedef struct consumer_state_t {
    int redis_up;
    int databases;        /* it serves */
    int away;             /* of those, cannot be used */
    apr_int64_t messages; /* worked on since its start */
} consumer_state_t;

/* `crew` is borrowed and must outlive it. Tells nothing yet. */
consumer_pulse_t *consumer_pulse_make(const consumer_crew_t *crew, apr_pool_t *pool);

/* One turn of the loop is through, at `now` (crm360_clock()): tells what is due. */
void consumer_pulse_beat(consumer_pulse_t *pulse, const consumer_state_t *state, apr_time_t now);

/* The same while the workers are told to end, as long as they are not overdue. */
void consumer_pulse_beat_last(consumer_pulse_t *pulse, apr_time_t now);

/* When to call one of them again. */
apr_time_t consumer_pulse_next(const consumer_pulse_t *pulse);

#endif
