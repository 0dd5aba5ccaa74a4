/* A worker process: waits for assignments of the master, works one batch each, reports. */
#ifndef CONSUMER_WORKER_H
#define CONSUMER_WORKER_H

#include <apr_pools.h>

#include "consumer/link.h"
#include "consumer/shared.h"
#include "core/config.h"

/* Runs in the forked child until the master closes `link`, ends or sends TERM; then returns the
 * process' exit code. `slot`, `shared` and `health`, which is that of crm360_queue_make(), are in
 * shared memory. */
int consumer_worker_run(const crm360_config_t *config, crm360_lane_t lane, int link,
                        consumer_slot_t *slot, consumer_shared_t *shared, void *health,
                        apr_pool_t *pool);

#endif
