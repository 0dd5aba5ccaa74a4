/*
 * Carries what lies in the spool into Redis, a slice in each turn of the master's loop. Removes a
 * message only after Redis has it; a message that cannot be carried now holds up no other. Used by
 * the master's single thread only.
 */
#ifndef CONSUMER_DRAIN_H
#define CONSUMER_DRAIN_H

#include <apr_pools.h>
#include <apr_time.h>

#include "core/config.h"
#include "core/queue.h"

typedef struct consumer_drain_t consumer_drain_t;

/* Makes the drain of the spool that the configuration names, if it names one. Reads nothing yet;
 * the first turn begins with what an earlier life has left. Ends with `pool`. */
consumer_drain_t *consumer_drain_make(const crm360_config_t *config, crm360_queue_t *queue,
                                      apr_pool_t *pool);

/* Does what is due at `now` (crm360_clock()), for some 20 ms; nothing while Redis is not `up`. */
void consumer_drain_turn(consumer_drain_t *drain, apr_time_t now, int up);

/* When the next turn is due; CONSUMER_NEVER (schedule.h) while Redis is not `up`, and where
 * there is no spool. */
apr_time_t consumer_drain_next(const consumer_drain_t *drain, int up);

#endif
