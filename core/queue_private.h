/*
 * What the files of the queue share and nobody else may include: the scripts by verb, and how one
 * is called. A new verb is a script in lua/, a name here and in queue.c, and a function beside its
 * kind: queue_push.c, queue_lease.c, queue_fetch.c.
 */
#ifndef CRM360_QUEUE_PRIVATE_H
#define CRM360_QUEUE_PRIVATE_H

#include "core/queue.h"
#include "core/redis.h"

/* A message larger than this travels in parts, so that Redis is never busy with one for long. */
#define QUEUE_PART_BYTES (256 * 1024)

typedef enum {
    QUEUE_PUSH,
    QUEUE_CLAIM,
    QUEUE_EXTEND,
    QUEUE_ACK,
    QUEUE_RETRY,
    QUEUE_BURY,
    QUEUE_RELEASE,
    QUEUE_REDRIVE,
    QUEUE_DROP,
    QUEUE_VERBS
} queue_verb_t;

struct crm360_queue_t {
    crm360_redis_pool_t *redis;
    crm360_script_t scripts[QUEUE_VERBS];
};

/* One script call, as it travels through crm360_redis_run(). */
typedef struct queue_call_t {
    const crm360_script_t *script;
    crm360_command_t *command;
    crm360_reply_t *reply;
} queue_call_t;

/* A call of a verb with `keys` keys; then the caller adds to its command at most `most` words:
 * first the keys, then the arguments. In `pool`. */
queue_call_t *queue_call_make(crm360_queue_t *queue, queue_verb_t verb, int keys, int most,
                              apr_pool_t *pool);

/* What crm360_redis_run() is given for a plain call; the baton is the call. */
crm360_redis_work_t queue_call_work;

/* Runs a call whose reply is a number. CRM360_EPROTOCOL when it is none; else as
 * crm360_redis_run(). */
apr_status_t queue_call_number(int *number, crm360_queue_t *queue, queue_call_t *call,
                               apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
