/*
 * The keeper: a process of the master's that keeps house, so that the master never waits for it.
 * It walks slowly through the queues and mends what does not fit together, keeps the dead letters
 * within their limits, deletes old rows of the CRM databases, and writes down once a minute what
 * all queues hold. Used by the master's single
 * thread only.
 */
#ifndef CONSUMER_KEEPER_H
#define CONSUMER_KEEPER_H

#include <apr_pools.h>
#include <apr_time.h>

#include "core/config.h"

typedef struct consumer_keeper_t consumer_keeper_t;

/* Makes its place; starts nothing. `health` is the shared memory of crm360_queue_make(). */
consumer_keeper_t *consumer_keeper_make(const crm360_config_t *config, void *health,
                                        apr_pool_t *pool);

/* Starts it when it does not run and may start by now. In the child it never returns. */
void consumer_keeper_start(consumer_keeper_t *keeper, apr_time_t now);

/* When it may be started; CONSUMER_NEVER (schedule.h) while it runs. */
apr_time_t consumer_keeper_next(const consumer_keeper_t *keeper);

/* Has it do everything at once, without pauses: SIGUSR1. */
void consumer_keeper_hurry(consumer_keeper_t *keeper);

/* Notices its end. To be called when a child has died, before anybody else waits for children. */
void consumer_keeper_reap(consumer_keeper_t *keeper);

/* Asks it to end; and waits for that, for some seconds at most. */
void consumer_keeper_stop(consumer_keeper_t *keeper);
void consumer_keeper_await(consumer_keeper_t *keeper);

#endif
