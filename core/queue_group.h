/*
 * Group commit: pushes that the threads of a process make at the same time travel to Redis
 * together. The first that finds nobody on the way takes all that wait along: one connection, one
 * system call, one flush of Redis' log for all of them. It waits for nobody: alone it goes alone.
 */
#ifndef CRM360_QUEUE_GROUP_H
#define CRM360_QUEUE_GROUP_H

#include "core/queue.h"
#include "core/redis.h"

typedef struct queue_group_t queue_group_t; /* any thread */

/* One push on its way, of one thread, which fills in the first five. */
typedef struct queue_rider_t {
    const char *key;                               /* says which node it goes to */
    crm360_command_t commands[2];                  /* the message, and the script call behind it */
    crm360_durability_t wanted;                    /* memory or disk */
    int (*has_grown)(const crm360_reply_t *reply); /* whether it has added data to Redis */
    apr_pool_t *pool;                              /* for `reply` and `detail` */
    crm360_reply_t *reply;                         /* of the script: no error */
    crm360_durability_t durability;
    apr_status_t rv;
    const char *detail;
} queue_rider_t;

/* Makes the groups of a process with so many `threads`. Ends with `pool`. */
apr_status_t queue_group_make(queue_group_t **group, int threads, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Sends a push with others. 1: it has come back, rv (as crm360_redis_run(), or CRM360_EUNSAFE) says
 * how, and where that is APR_SUCCESS the script has answered. 0: it must go on its own, whether it
 * was sent or not: an error reply is only understood there, and nobody came to take it along. */
int queue_group_ride(queue_rider_t *rider, crm360_queue_t *queue);

#endif
