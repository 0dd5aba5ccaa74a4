/*
 * What the files of the queue share and nobody else may include: the scripts by verb, and how one
 * is called. A new verb is a script in lua/, a name here and in queue.c, and a function beside its
 * kind: queue_push.c, queue_lease.c, queue_split.c, queue_fetch.c, queue_provider.c.
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
    QUEUE_RECONCILE,
    QUEUE_HEAL,
    QUEUE_BLANK,
    QUEUE_SPLIT,
    QUEUE_PERMIT,
    QUEUE_VERDICT,
    QUEUE_VERBS
} queue_verb_t;

/* What all processes know of the server and its data, in the memory they share. */
typedef struct queue_health_t {
    crm360_redis_health_t redis;
    volatile apr_uint32_t answer;   /* how safe the server keeps data (queue_durability.c) */
    volatile apr_uint32_t asked_ms; /* when somebody set out to ask it again; wraps */
    volatile apr_uint32_t unmet;    /* 1 = it was less than a location demands */
} queue_health_t;

struct crm360_queue_t {
    crm360_redis_pool_t *redis;
    queue_health_t *health;
    const char *server; /* for the log */
    crm360_script_t scripts[QUEUE_VERBS];
};

/* One script call, as it travels through crm360_redis_run(). */
typedef struct queue_call_t {
    const crm360_script_t *script;
    crm360_command_t *command;
    int keys;
    crm360_reply_t *reply;
} queue_call_t;

/* A call of a verb with `keys` keys; then the caller adds to its command at most `most` words:
 * first the keys, then the arguments. In `pool`. */
queue_call_t *queue_call_make(crm360_queue_t *queue, queue_verb_t verb, int keys, int most,
                              apr_pool_t *pool);

/* What queue_run() is given for a plain call; the baton is the call. */
crm360_redis_work_t queue_call_work;

/* As crm360_redis_run(), and the way of everything that touches keys of ours: when Redis says that
 * a key has the wrong type, those of `keys` that have are set aside (lua/heal.lua), which is
 * logged, and the work is done once more, whatever its purpose: a script that meets such a key has
 * changed nothing. */
apr_status_t queue_run(const char **detail, crm360_queue_t *queue, crm360_redis_work_t *work,
                       void *baton, crm360_redis_purpose_t purpose, const char *const *keys,
                       int count, apr_pool_t *pool) __attribute__((warn_unused_result));

/* The same for a script call, with its keys. */
apr_status_t queue_call_run(const char **detail, crm360_queue_t *queue, queue_call_t *call,
                            crm360_redis_purpose_t purpose, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The same for one command that reads, whose second word is its key. CRM360_EPROTOCOL when the
 * reply is not of `type`. */
apr_status_t queue_ask(crm360_reply_t **reply, crm360_queue_t *queue, crm360_command_t *command,
                       crm360_reply_type_t type, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* For who reads replies himself: whether one says that a key has the wrong type, and setting such
 * keys aside. */
int queue_is_wrong_type(const crm360_reply_t *reply);
apr_status_t queue_heal(crm360_queue_t *queue, const char *const *keys, int count, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Writes a large message to `key` in parts, under an expiry, for a script that is run next and
 * makes it visible. Repeating it is harmless. */
apr_status_t queue_stage(crm360_redis_t *redis, const char *key, const char *message,
                         apr_size_t len, apr_pool_t *pool) __attribute__((warn_unused_result));

/* Runs a call whose reply is a number. CRM360_EPROTOCOL when it is none; else as
 * crm360_redis_run(). */
apr_status_t queue_call_number(int *number, crm360_queue_t *queue, queue_call_t *call,
                               apr_pool_t *pool) __attribute__((warn_unused_result));

/* ---- queue_durability.c ---- */

/* How safe Redis keeps what is pushed from here on, as far as it is known: the answer may be two
 * seconds old. CRM360_EAWAY when it had to be asked and did not answer. */
apr_status_t queue_durability_before(crm360_durability_t *level, crm360_queue_t *queue,
                                     crm360_redis_t *redis, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Asks it in any case: what was pushed when it was CRM360_ON_DISK is so safe as this says. */
crm360_durability_t queue_durability_after(crm360_queue_t *queue, crm360_redis_t *redis,
                                           apr_pool_t *pool);

/* A demand was met, or not: logged when that changes, by whichever process sees it first. */
void queue_durability_demanded(crm360_queue_t *queue, int met);

#endif
