/*
 * The queue: messages of one database and lane in a Redis sorted set scored by the time from which
 * they are visible (doc/queue.txt). Each verb is one Lua script, and this is the only caller of
 * them. Hides the transport: pooled connections, NOSCRIPT, a restarted Redis. Tokens fence: a
 * worker that lost its lease completes nothing.
 */
#ifndef CRM360_QUEUE_H
#define CRM360_QUEUE_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "core/config.h"
#include "core/dedup.h"
#include "core/keys.h"
#include "core/status.h"

#define CRM360_CLAIM_MOST 100 /* ids in one script call */

typedef struct crm360_queue_t crm360_queue_t;

/* Makes the access to the queues of one Redis: a server, the master that sentinels name, or a
 * cluster; connects nothing yet. At most `connections` are open to each server at a time. `health`
 * is the memory in which all processes remember where the servers are and whether one is away, of
 * crm360_queue_health_size() zeroed bytes, or NULL for one of our own. Any
 * thread may use the result; everything ends with `pool`. The configuration must outlive it. */
apr_status_t crm360_queue_make(crm360_queue_t **queue, const crm360_config_t *config,
                               int connections, void *health, apr_pool_t *pool)
    __attribute__((warn_unused_result));
apr_size_t crm360_queue_health_size(void);

/* The connections behind it, for who speaks with the servers themselves (core/redis.h). */
struct crm360_redis_pool_t *crm360_queue_redis(const crm360_queue_t *queue);

/* Asks where the nodes of sentinels or a cluster are, at most every five seconds: for who runs all
 * the time. *changed is set when keys are served by another server than at the call before (*epoch,
 * 0 at first), whoever found that out. One thread. */
void crm360_queue_follow(int *changed, apr_uint32_t *epoch, crm360_queue_t *queue,
                         apr_pool_t *pool);

/* Whether databases are on different servers, of which one may be away while others answer. */
int crm360_queue_is_spread(const crm360_queue_t *queue);

/* Whether its Redis is known to be away: what the last call of any process found, without asking.
 * Any thread. */
int crm360_queue_is_away(const crm360_queue_t *queue);

/* What a producer hands over. Everything is borrowed for the call. Whoever pushes the same message
 * again later (a spool) hands the same over; of `dedup` that is hash, content, window and strict,
 * of which `hash` also stands in the stored message (Crm360-Dedup-Key). */
typedef struct crm360_push_t {
    const char *customer;
    const char *database;
    crm360_lane_t lane;
    const char *id;
    const char *message; /* the stored message */
    apr_size_t message_len;
    apr_interval_time_t invisible_for; /* 0 = visible at once */
    crm360_dedup_t dedup;              /* its hash is NULL: stored whatever came before */
    crm360_durability_t durability;    /* the least that is wanted */
    int mail_copy; /* its mail copy (core/mail_copy.h) goes into lane send, visible at once */
    /* What may wait in the database with it. No limit for what was acknowledged before: a spool. */
    crm360_waiting_limits_t most;
} crm360_push_t;

typedef struct crm360_receipt_t {
    const char *id;                 /* the message that counts: the pushed one, or the first */
    int duplicate;                  /* the first one, pushed before under another id, counts */
    const char *queue;              /* key of the sorted set */
    apr_time_t visible_at;          /* of the message that counts; Redis' clock */
    crm360_durability_t durability; /* what is certain when the call returns */
    const char *detail;             /* why it failed, for the log; never a secret */
} crm360_receipt_t;

/* Stores a message and makes it visible when it is due, with its mail copy or not at all, unless
 * the same delivery was pushed within its window: then nothing is stored, and the receipt is about
 * the first one. Pushing an id again
 * changes nothing and succeeds, so repeating is harmless: while the message is in its queue, and,
 * where it is remembered, within the window also when it has been processed; it is no duplicate
 * then. Repeats once on a fresh connection when the old one was broken.
 *
 * CRM360_EAWAY: out of reach or timed out; CRM360_EREFUSED: Redis refuses writes now. After either
 * the message may be there or not. CRM360_EUNSAFE: Redis keeps less than `durability` asks for;
 * nothing was stored, unless its settings changed during the call, or a replica was demanded, which
 * only shows afterwards. CRM360_EREUSED: the same hash,
 * strictly, came with another content; nothing was stored. CRM360_EFULL: with it more would wait
 * than `most` allows; nothing was stored. A repetition of what was stored is found before that.
 * receipt->detail says more. Strings live in `pool`. */
apr_status_t crm360_queue_push(crm360_receipt_t *receipt, crm360_queue_t *queue,
                               const crm360_push_t *push, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Writes the next part of a large message, for who must not be busy with one for long: *staged
 * counts the bytes that are there, 0 at first; call it until it is crm360_queue_stage_bytes(). A
 * push within two minutes then finds them all. After an error *staged is 0 again. CRM360_EAWAY,
 * CRM360_EREFUSED, CRM360_EPROTOCOL as crm360_queue_push(). */
apr_status_t crm360_queue_stage(apr_size_t *staged, crm360_queue_t *queue,
                                const crm360_push_t *push, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* How many bytes are to be written so before a push: those of a mail copy too, 0 for a small
 * message, which has no parts. */
apr_size_t crm360_queue_stage_bytes(const crm360_push_t *push);

/* ---- for consumers ---- */

/* What one claim gave. */
typedef struct crm360_claim_t {
    const char *token; /* fences everything done with these ids */
    int count;
    const char *const *ids;            /* oldest first */
    const int *attempts;               /* how often each has failed before */
    const apr_interval_time_t *waited; /* for how long each has been visible */
    const apr_size_t *bytes;           /* of each stored message; 0 = there is none */
    /* Until the queue's next message is visible; 0 = now, -1 = none. */
    apr_interval_time_t next_due;
    const char *detail; /* why it failed, for the log */
} crm360_claim_t;

/* Leases up to `most` (<= CRM360_CLAIM_MOST) visible messages of a lane to `worker` for `lease`. */
apr_status_t crm360_queue_claim(crm360_claim_t *claim, crm360_queue_t *queue,
                                const crm360_keys_t *keys, crm360_lane_t lane, int most,
                                const char *worker, apr_interval_time_t lease, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Fetches stored messages by id. (*data)[i] is NULL where the id has no message. Stops once
 * `most_bytes` are there, but not before the first: *fetched says how many of the ids were
 * looked at. `bytes` is how long they are, from the claim, or NULL: then Redis is asked first. */
typedef struct crm360_blob_t {
    const char *data;
    apr_size_t len;
} crm360_blob_t;
apr_status_t crm360_queue_fetch(crm360_blob_t **blobs, int *fetched, crm360_queue_t *queue,
                                const crm360_keys_t *keys, const char *const *ids,
                                const apr_size_t *bytes, int count, apr_size_t most_bytes,
                                apr_pool_t *pool) __attribute__((warn_unused_result));

/* Whether the lease of a claim still holds: for how long it does, by Redis' clock, which may be 0
 * or less while nobody else has taken the messages. CRM360_ELEASE when it was lost. Its first and
 * its last message speak for all, which were leased together. */
apr_status_t crm360_queue_fence(apr_interval_time_t *left, crm360_queue_t *queue,
                                const crm360_keys_t *keys, crm360_lane_t lane, const char *token,
                                const char *first, const char *last, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Prolongs the lease of all `count` messages of a claim to `lease` from now. CRM360_ELEASE when
 * one of them is no longer ours: nothing is prolonged then, and the whole batch must be given
 * up. */
apr_status_t crm360_queue_extend(crm360_queue_t *queue, const crm360_keys_t *keys,
                                 crm360_lane_t lane, const char *token, const char *const *ids,
                                 int count, apr_interval_time_t lease, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Ends messages that are done. *acked counts those whose lease was still ours. */
apr_status_t crm360_queue_ack(int *acked, crm360_queue_t *queue, const crm360_keys_t *keys,
                              crm360_lane_t lane, const char *token, const char *const *ids,
                              int count, apr_pool_t *pool) __attribute__((warn_unused_result));

/* Puts a message that failed back, visible after `delay`, and records the failure.
 * CRM360_ELEASE when the lease is no longer ours. */
apr_status_t crm360_queue_retry(crm360_queue_t *queue, const crm360_keys_t *keys,
                                crm360_lane_t lane, const char *token, const char *id,
                                apr_interval_time_t delay, const char *reason, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Moves a message to the dead letters with the reason. CRM360_ELEASE as above. */
apr_status_t crm360_queue_bury(crm360_queue_t *queue, const crm360_keys_t *keys, crm360_lane_t lane,
                               const char *token, const char *id, const char *reason,
                               apr_pool_t *pool) __attribute__((warn_unused_result));

/* Gives messages back untried, visible again after `delay` (0 = at their old place in the
 * queue); costs no attempt. *released counts those whose lease was still ours. */
apr_status_t crm360_queue_release(int *released, crm360_queue_t *queue, const crm360_keys_t *keys,
                                  crm360_lane_t lane, const char *token, const char *const *ids,
                                  int count, apr_interval_time_t delay, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Some elements of a leased message, as messages of their own (core/message_element.h). */
typedef struct crm360_split_t {
    const char *token; /* of the claim */
    const char *id;    /* of the whole */
    int first;         /* number of the first of these elements, from 1 */
    int count;         /* how many, at most CRM360_CLAIM_MOST */
    int last;          /* they are the last ones: the message ends with them */
    const crm360_blob_t *messages;
} crm360_split_t;

/* How many bytes of elements one call should hold, beyond the first. */
#define CRM360_SPLIT_BYTES (256 * 1024)

/* Puts elements into the queue of the whole, visible at once. *next is the number of the element
 * that is next: those before it are in the queue, or were; 0 when the whole has ended. Repeating a
 * call is harmless, and a call with an element that is not next does nothing but tell.
 * CRM360_ELEASE when the lease is no longer ours. CRM360_EREFUSED when Redis takes nothing more for
 * now, such as at its memory limit: nothing was done. *detail says why it failed, in `pool`. */
apr_status_t crm360_queue_split(int *next, const char **detail, crm360_queue_t *queue,
                                const crm360_keys_t *keys, crm360_lane_t lane,
                                const crm360_split_t *split, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* What a message is charged with when its worker did not survive it. */
typedef enum {
    CRM360_CHARGE_CRASH, /* it crashed or overran: a dead letter after three */
    CRM360_CHARGE_EXPIRY /* killed by somebody else while it ran: a dead letter after ten */
} crm360_charge_kind_t;

typedef struct crm360_charge_t {
    crm360_charge_kind_t kind;
    const char *id;
    const char *what; /* for the history */
} crm360_charge_t;

/* The same for all messages of a worker that holds none rightly any more, by its name. `charge`
 * names the message that ran when it died; NULL = none. */
apr_status_t crm360_queue_release_worker(int *released, crm360_queue_t *queue,
                                         const crm360_keys_t *keys, crm360_lane_t lane,
                                         const char *worker, const crm360_charge_t *charge,
                                         apr_pool_t *pool) __attribute__((warn_unused_result));

/* What a look at one database shows. */
typedef struct crm360_look_t {
    apr_int64_t head_ms[CRM360_LANES]; /* when each lane's first entry is visible; -1 = empty */
    const apr_array_header_t *workers; /* const char *: who holds claims; NULL = nobody */
    int away; /* the node of the cluster that has it did not answer: nothing else is set */
} crm360_look_t;

/* Looks at `count` databases in one go, changing nothing. `looks` are all zero at first. *now_ms is
 * Redis' clock. */
apr_status_t crm360_queue_look(crm360_look_t *looks, apr_int64_t *now_ms, crm360_queue_t *queue,
                               const crm360_keys_t *const *keys, int count, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
