/*
 * What the files of the queue share and nobody else may include: the scripts by verb, and how one
 * is called. A new verb is a script in lua/, a name here and in queue.c, and a function beside its
 * kind: queue_push.c, queue_lease.c, queue_split.c, queue_fetch.c, queue_provider.c, queue_steer.c.
 */
#ifndef CRM360_QUEUE_PRIVATE_H
#define CRM360_QUEUE_PRIVATE_H

#include "core/queue.h"
#include "core/queue_admin.h"
#include "core/redis.h"

/* The score of a message whose route is paused is its time plus this, ms (lua/common.lua). A score
 * from QUEUE_NEVER_MS on is none of ours. */
#define QUEUE_PARKED_MS APR_INT64_C(100000000000000)
#define QUEUE_NEVER_MS APR_INT64_C(1000000000000000)

/* A message larger than this travels in parts, so that Redis is never busy with one for long. */
#define QUEUE_PART_BYTES (256 * 1024)

/* Longest string of Redis; who tells of a longer one is not to be given room for it. */
#define QUEUE_STRING_MOST (APR_INT64_C(512) << 20)

typedef enum {
    QUEUE_PUSH,
    QUEUE_CLAIM,
    QUEUE_FENCE,
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
    QUEUE_PAUSE,
    QUEUE_RESUME,
    QUEUE_VISIBLE,
    QUEUE_VERBS
} queue_verb_t;

struct queue_group_t;

struct crm360_queue_t {
    crm360_redis_pool_t *redis;
    crm360_redis_nodes_t *nodes;          /* shared memory */
    int many_nodes;                       /* keys are on different ones */
    const char *server;                   /* for the log */
    apr_interval_time_t wait_for_replica; /* where a message must reach one */
    struct queue_group_t *group;          /* pushes that go together */
    char writer[9];                       /* whose the keys are that it stages messages under */
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

/* As crm360_redis_run() for the first of `keys`, and the way of everything that touches keys of
 * ours: when Redis says that a key has the wrong type, those of `keys` that have are set aside
 * (lua/heal.lua), which is logged, and the work is done once more, whatever its purpose: a script
 * that meets such a key has changed nothing. */
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

/* Makes the command that writes a message whole to `key`, under an expiry, for a script that is
 * sent with it and makes it visible. Repeating it is harmless. */
void queue_stage_whole(crm360_command_t *command, const char *key, const char *message,
                       apr_size_t len, apr_pool_t *pool);

/* Writes a large message to `key` in parts, under an expiry, for a script that is run next and
 * makes it visible. Repeating it is harmless. */
apr_status_t queue_stage(crm360_redis_t *redis, const char *key, const char *message,
                         apr_size_t len, apr_pool_t *pool) __attribute__((warn_unused_result));

/* Runs a call whose reply is a number. CRM360_EPROTOCOL when it is none; else as
 * crm360_redis_run(). */
apr_status_t queue_call_number(int *number, crm360_queue_t *queue, queue_call_t *call,
                               apr_pool_t *pool) __attribute__((warn_unused_result));

/* Reads a number per id: 1, 0, or -1 for what `refused` says (queue_admin.c). CRM360_EPROTOCOL when
 * the reply is something else. */
apr_status_t queue_read_results(crm360_admin_result_t *results, const crm360_reply_t *reply,
                                int count, crm360_admin_result_t refused)
    __attribute__((warn_unused_result));

/* ---- many commands in one go (queue_walk.c) ---- */

typedef struct queue_pipeline_t {
    crm360_command_t *commands;
    crm360_reply_t **replies;
    int count;
} queue_pipeline_t;

/* `count` commands of at most `words` words, which the caller adds. In `pool`. */
queue_pipeline_t *queue_pipeline_make(int count, int words, apr_pool_t *pool);

/* Runs them; they must change nothing, and have their key, if they have one, as the first argument.
 * Each goes to the node that has its key. Replies may be errors. As crm360_redis_run(). */
apr_status_t queue_pipeline_run(const char **detail, crm360_queue_t *queue, queue_pipeline_t *all,
                                apr_pool_t *pool) __attribute__((warn_unused_result));

/* The same for who can use a part of it: replies of nodes of a cluster that are out of reach are
 * NULL, and *missing is how many; *detail says why. An error when all are. */
apr_status_t queue_pipeline_run_some(int *missing, const char **detail, crm360_queue_t *queue,
                                     queue_pipeline_t *all, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The same for who looks on, and may lack the right to (CRM360_REDIS_LOOK); *detail says why what
 * is missing is. */
apr_status_t queue_pipeline_look_some(int *missing, const char **detail, crm360_queue_t *queue,
                                      queue_pipeline_t *all, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Likewise, all or nothing. */
apr_status_t queue_pipeline_look(const char **detail, crm360_queue_t *queue, queue_pipeline_t *all,
                                 apr_pool_t *pool) __attribute__((warn_unused_result));

/* Reads "id, score, ..." of a sorted set, or "id, value, ..." of a hash, into a page. An id with a
 * NUL in it is none that can be spoken of here, and is left out. CRM360_EPROTOCOL when the reply is
 * something else. */
apr_status_t queue_read_page(crm360_page_t *page, const crm360_reply_t *pairs, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* ---- what stands in claims and failures, and the clock (queue_note.c) ---- */

/* A note about who holds a message. Times are ms of Redis' clock; 0 = not known. */
typedef struct queue_claim_note_t {
    const char *worker;
    apr_int64_t since_ms;
    apr_int64_t due_ms;
} queue_claim_note_t;

/* Reads a note, in `pool`. 0 when there is none that can be read. */
int queue_read_claim(queue_claim_note_t *note, const crm360_reply_t *reply, apr_pool_t *pool);

/* Reads the history of a message, in `pool`; an unreadable one counts as none. */
void queue_read_failure(crm360_failure_t *failure, const char *id, const crm360_reply_t *reply,
                        apr_pool_t *pool);

/* Reads the answer to TIME as ms. 0 when it is none. */
int queue_read_time(apr_int64_t *ms, const crm360_reply_t *reply);

/* A score as ms; what is no time of ours is 0 (visible), or QUEUE_NEVER_MS. */
apr_int64_t queue_read_score(const crm360_reply_t *reply);

/* ---- queue_durability.c ---- */

/* How safe Redis keeps what is pushed from here on, as far as it is known: the answer may be two
 * seconds old. CRM360_EAWAY when it had to be asked and did not answer, CRM360_EREFUSED when it
 * does not answer now. */
apr_status_t queue_durability_before(crm360_durability_t *level, crm360_redis_t *redis,
                                     apr_pool_t *pool) __attribute__((warn_unused_result));

/* The same, asked in any case: for who would refuse a push because of it. A server that is gone is
 * noticed, too: CRM360_EAWAY. */
apr_status_t queue_durability_now(crm360_durability_t *level, crm360_redis_t *redis,
                                  apr_pool_t *pool) __attribute__((warn_unused_result));

/* Asks it in any case: what was pushed when it was CRM360_ON_DISK is so safe as this says;
 * CRM360_IN_MEMORY when it fails, as the next one does. */
apr_status_t queue_durability_after(crm360_durability_t *level, crm360_redis_t *redis,
                                    apr_pool_t *pool) __attribute__((warn_unused_result));

/* A demand was met, or not: logged when that changes, by whichever process sees it first. */
void queue_durability_demanded(crm360_queue_t *queue, crm360_durability_t wanted, int met);

#endif
