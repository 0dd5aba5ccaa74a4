/*
 * The queue as operators and the keeper see it: pages of its entries, why messages failed, another
 * life for dead letters, their end. For crm360d's keeper and crm360ctl; workers and producers need
 * none of it. Any thread of a process may call, as in core/queue.h.
 */
#ifndef CRM360_QUEUE_ADMIN_H
#define CRM360_QUEUE_ADMIN_H

#include "core/queue.h"

/* Most ids in one call of a script here, and most entries asked for in one page. */
#define CRM360_ADMIN_MOST 100
#define CRM360_PAGE_MOST 1000

/* ---- looking ---- */

/* One entry of a sorted set: of a lane or of the dead letters. */
typedef struct crm360_entry_t {
    const char *id;
    const char *score; /* as Redis spells it, for crm360_queue_drop() */
    apr_time_t at;     /* the same as a time: visible from, or died at */
} crm360_entry_t;

typedef struct crm360_page_t {
    int count;
    const crm360_entry_t *entries;
} crm360_page_t;

/* Entries number `first` (from 0) to `first + most - 1` of a sorted set, lowest time first; `key`
 * is keys->dead or one of keys->lane. Fewer than `most` when the set ends there. Whoever removes
 * what he has seen, or works beside others who do, asks again from a smaller `first`. Everything
 * lives in `pool`. Errors as crm360_redis_run(). */
apr_status_t crm360_queue_page(crm360_page_t *page, crm360_queue_t *queue, const char *key,
                               apr_int64_t first, int most, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Walks through a sorted set in no order: begins with *cursor "0", and has been through all of it
 * when *cursor is "0" again (in `pool`). What is in the set all the time comes at least once, and
 * may come more than once; a page holds about `most` entries, none or more of them. Also for the
 * hashes of keys.h, by their fields; `score` is the value then, and `at` means nothing. */
apr_status_t crm360_queue_walk(crm360_page_t *page, const char **cursor, crm360_queue_t *queue,
                               const char *key, int most, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* A stored message, of any database in this Redis. */
typedef struct crm360_stored_t {
    const char *database; /* "customer/alias", as keys->name */
    const char *id;
} crm360_stored_t;

/* Walks through the stored messages of all databases, whether they are configured or not; as
 * crm360_queue_walk(). Redis looks at about `most` of its keys, whosever they are. */
apr_status_t crm360_queue_walk_stored(crm360_stored_t **stored, int *count, const char **cursor,
                                      crm360_queue_t *queue, int most, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Counts the keys of a database that were set aside because they were of a wrong type; goes through
 * all of Redis. */
apr_status_t crm360_queue_count_aside(apr_int64_t *found, crm360_queue_t *queue,
                                      const crm360_keys_t *keys, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* How many entries a sorted set has. */
apr_status_t crm360_queue_size(apr_int64_t *size, crm360_queue_t *queue, const char *key,
                               apr_pool_t *pool) __attribute__((warn_unused_result));

/* Which of `count` databases have any message or note in Redis: occupied[i] is 0 or 1. */
apr_status_t crm360_queue_occupied(int *occupied, crm360_queue_t *queue,
                                   const crm360_keys_t *const *keys, int count, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Which of `count` (<= CRM360_PAGE_MOST) messages, each of the database of keys[i], wait in the
 * lane that their id speaks of. The others may be elsewhere. */
apr_status_t crm360_queue_waiting(int *waiting, crm360_queue_t *queue,
                                  const crm360_keys_t *const *keys, const char *const *ids,
                                  int count, apr_pool_t *pool) __attribute__((warn_unused_result));

/* The clock of Redis: what the times of entries are compared with. */
apr_status_t crm360_queue_now(apr_time_t *now, crm360_queue_t *queue, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* At most `most` bytes of a stored message from `offset` on, in `pool`; fewer at its end, *len is
 * 0 behind it and when it is missing. For large messages: whole ones come from
 * crm360_queue_fetch(). */
apr_status_t crm360_queue_read(const char **data, apr_size_t *len, crm360_queue_t *queue,
                               const crm360_keys_t *keys, const char *id, apr_off_t offset,
                               apr_size_t most, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* What is remembered of the failures of one message. */
typedef struct crm360_failure_t {
    int attempts;
    int crashes;
    int expiries;
    crm360_lane_t lane; /* where it failed last; by its id's route where that is not noted */
    const char *reason; /* the last error; "" = none */
    const char *json;   /* the record as it is stored; NULL = none */
    apr_size_t json_len;
} crm360_failure_t;

/* The records of `count` (<= CRM360_PAGE_MOST) messages, in `pool`; an unreadable one counts as
 * none. */
apr_status_t crm360_queue_failures(crm360_failure_t **failures, crm360_queue_t *queue,
                                   const crm360_keys_t *keys, const char *const *ids, int count,
                                   apr_pool_t *pool) __attribute__((warn_unused_result));

/* The route that a message id names, NULL when it names none; and the lane in which its messages
 * wait: that of the route, batch for an element that was split out of an array, send for a mail
 * copy, live when the id says nothing. */
const crm360_route_t *crm360_id_route(const char *id);
crm360_lane_t crm360_id_lane(const char *id);

/* ---- doing ---- */

/* What became of one id. */
typedef enum {
    CRM360_ADMIN_GONE,       /* not there (any more), or not as it was seen: nothing was done */
    CRM360_ADMIN_DONE,       /* done */
    CRM360_ADMIN_NO_MESSAGE, /* its stored message is missing: it stays a dead letter */
    CRM360_ADMIN_BUSY        /* a worker holds it: ask again later */
} crm360_admin_result_t;

/* How fast what is redriven becomes visible, over any number of calls: by Redis' clock alone, since
 * what a call takes to get there would come off the time between two of them. */
typedef struct crm360_redrive_rate_t {
    double spacing_ms; /* from one to the next, fractions count: 0.5 is 2000 a second */
    double next_ms;    /* since 1970: when the next one may be visible; 0 = none was yet */
} crm360_redrive_rate_t;

/* Gives dead letters another life, in the lane in which they died: visible at once when `rate` is
 * NULL, else one after the other from next_ms on, which is moved on for the next call; Redis holds
 * them, nobody has to wait. results[i] (of `count` <= CRM360_ADMIN_MOST) is DONE, GONE or
 * NO_MESSAGE. Repeating it is harmless: what was redriven is GONE. CRM360_EAWAY: it may have been
 * done or not. */
apr_status_t crm360_queue_redrive(crm360_admin_result_t *results, crm360_queue_t *queue,
                                  const crm360_keys_t *keys, const char *const *ids, int count,
                                  crm360_redrive_rate_t *rate, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Ends dead letters for good: entry, history and stored message. Those that have been redriven, and
 * died again, since the caller saw them (another score) are GONE and stay. results[i] is DONE or
 * GONE; `count` <= CRM360_ADMIN_MOST. */
apr_status_t crm360_queue_drop(crm360_admin_result_t *results, crm360_queue_t *queue,
                               const crm360_keys_t *keys, const crm360_entry_t *entries, int count,
                               apr_pool_t *pool) __attribute__((warn_unused_result));

/* The same for messages in any state but one: those that a worker holds are BUSY. For erasing what
 * is stored of a person. */
apr_status_t crm360_queue_erase(crm360_admin_result_t *results, crm360_queue_t *queue,
                                const crm360_keys_t *keys, const char *const *ids, int count,
                                apr_pool_t *pool) __attribute__((warn_unused_result));

/* A place in a stored message, in bytes. */
typedef struct crm360_span_t {
    apr_size_t at;
    apr_size_t len;
} crm360_span_t;

/* Overwrites elements of a stored batch, a JSON array or lines of JSON, with null and blanks, for
 * erasing what they say of a person; the others stay as they are. `message_len` is the length with
 * which the caller saw the message. *result is DONE, GONE or BUSY. Repeating it is harmless. */
apr_status_t crm360_queue_blank(crm360_admin_result_t *result, crm360_queue_t *queue,
                                const crm360_keys_t *keys, const char *id, apr_size_t message_len,
                                const crm360_span_t *spans, int count, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* What crm360_queue_reconcile() has seen and done. */
typedef struct crm360_reconciled_t {
    int healed;
    apr_int64_t dead_bytes; /* of those that are dead letters: message and history */
} crm360_reconciled_t;

/* Makes the entries of these messages (`count` <= CRM360_ADMIN_MOST) fit together, see
 * lua/reconcile.lua, and logs each thing that was healed. What a worker holds is left to him. Ids
 * that are nowhere are harmless. */
apr_status_t crm360_queue_reconcile(crm360_reconciled_t *done, crm360_queue_t *queue,
                                    const crm360_keys_t *keys, const char *const *ids, int count,
                                    apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
