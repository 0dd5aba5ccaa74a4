/*
 * What this crm360d tells about itself in Redis, for whoever looks on: one entry of the hash
 * crm360:1:consumers, renewed every few seconds. Used by the master only.
 */
#ifndef CONSUMER_HEARTBEAT_H
#define CONSUMER_HEARTBEAT_H

#include <apr_pools.h>
#include <apr_time.h>

#include "consumer/crew.h"
#include "core/queue.h"

typedef struct consumer_heartbeat_t consumer_heartbeat_t;

/* `crew` and `queue` are borrowed and must outlive it. Tells nothing yet. */
consumer_heartbeat_t *consumer_heartbeat_make(const crm360_config_t *config,
                                              const consumer_crew_t *crew, crm360_queue_t *queue,
                                              apr_pool_t *pool);

/* A worker has worked on so many messages. */
void consumer_heartbeat_count(consumer_heartbeat_t *heartbeat, int messages);

/* So many have been, since it was made. */
apr_int64_t consumer_heartbeat_messages(const consumer_heartbeat_t *heartbeat);

/* Tells, when it is time to. `offset_ms` is Redis' clock minus crm360_clock(). A failure is
 * nobody's concern: the next beat makes up for it. */
void consumer_heartbeat_tick(consumer_heartbeat_t *heartbeat, apr_time_t now, apr_int64_t offset_ms,
                             apr_pool_t *pool);

/* When to call tick again; crm360_clock(). */
apr_time_t consumer_heartbeat_next(const consumer_heartbeat_t *heartbeat);

/* Takes the entry away: this life is over. */
void consumer_heartbeat_end(consumer_heartbeat_t *heartbeat, apr_pool_t *pool);

#endif
