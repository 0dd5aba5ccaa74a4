/*
 * Names of all Redis keys, contract version 1 (doc/queue.txt). Nothing else in the project spells a
 * key. All keys of one database share one hash tag, so that every script fits one cluster slot.
 */
#ifndef CRM360_KEYS_H
#define CRM360_KEYS_H

#include <apr_pools.h>

#include "core/route.h"

#define CRM360_KEY_WAKE "crm360:1:wake"           /* channel: "<queue key> <visible from, ms>" */
#define CRM360_KEY_CONSUMERS "crm360:1:consumers" /* hash: crm360d -> JSON heartbeat */
#define CRM360_KEY_HISTORY "crm360:1:history"     /* hash: minute since 1970 -> JSON totals */

typedef struct crm360_keys_t {
    const char *name;               /* "customer/alias", for logs */
    const char *lane[CRM360_LANES]; /* sorted sets, one per lane */
    const char *claims;             /* hash */
    const char *failures;           /* hash */
    const char *dead;               /* sorted set */
    const char *splits;             /* hash */
    const char *counters;           /* hash */
    const char *paused;             /* set */
    const char *message_prefix;     /* followed by a message id */
    const char *seen_prefix;        /* followed by the hash of a delivery */
} crm360_keys_t;

/* All keys of one database, in `pool`. */
const crm360_keys_t *crm360_keys_make(const char *customer, const char *alias, apr_pool_t *pool);

/* Key of one stored message, in `pool`. */
const char *crm360_keys_message(const crm360_keys_t *keys, const char *id, apr_pool_t *pool);

/* Key of a message on its way into Redis, in `pool`. Who writes it has a name of its own: the parts
 * of two who write the same message at the same time, as two do who drain one spool, must never
 * become one. */
const char *crm360_keys_parts(const crm360_keys_t *keys, const char *id, const char *writer,
                              apr_pool_t *pool);

/* Key under which a delivery is remembered by its hash (core/dedup.h), in `pool`. */
const char *crm360_keys_seen(const crm360_keys_t *keys, const char *hash, apr_pool_t *pool);

/* What is shared of a provider (crm360_provider_t.key) by all workers: whether it is called at all,
 * and whose turn is when. In `pool`. */
const char *crm360_keys_breaker(const char *provider, apr_pool_t *pool);
const char *crm360_keys_turns(const char *provider, apr_pool_t *pool);

/* The name under which a key of the wrong type is set aside at `ms` since 1970, in `pool`. */
const char *crm360_keys_aside(const char *key, apr_int64_t ms, apr_pool_t *pool);

/* What SCAN is given to find all keys of a database that were set aside, in `pool`. */
const char *crm360_keys_all_aside(const crm360_keys_t *keys, apr_pool_t *pool);

/* The database and the message id of a stored message's key, by the pattern below:
 * "customer/alias" in *name and the id in *id, in `pool`. 0 when it is another key: parts on their
 * way, something set aside, another version. */
int crm360_keys_stored(const char **name, const char **id, const char *key, apr_pool_t *pool);

/* What SCAN is given to find the stored messages of all databases. */
#define CRM360_KEY_MESSAGES "crm360:1:{*}:message:*"

/* The type that a key of ours must have, as Redis names it: "zset", "hash", "set" or "string"; NULL
 * when it is none of these keys, such as one of another version of the contract. */
const char *crm360_keys_type(const char *key);

#endif
