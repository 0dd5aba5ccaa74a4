/*
 * Where the master is that sentinels know by a name. Several are asked, and the newest answer
 * counts: one that was cut off may still name a master that has been replaced. See "Guidelines for
 * Redis clients with support for Redis Sentinel"; that the server there is a master is checked by
 * whoever connects.
 */
#include "core/redis_private.h"

#include <apr_strings.h>

#include <string.h>

#include "core/log.h"

/* What a sentinel says of the master. */
typedef struct told_t {
    const char *host;
    int port;
    apr_int64_t epoch; /* of the configuration: a later failover has a higher one */
} told_t;

/* The value of a field in "name, value, ..."; "" when it is not there. */
static const char *field(const crm360_reply_t *reply, const char *name)
{
    apr_size_t i;

    for (i = 0; i + 1 < reply->count; i += 2) {
        if (reply->items[i].type == CRM360_REPLY_STRING &&
            reply->items[i + 1].type == CRM360_REPLY_STRING &&
            strcmp(reply->items[i].text, name) == 0) {
            return reply->items[i + 1].text;
        }
    }
    return "";
}

/* Takes the two replies apart. */
static apr_status_t read_answer(told_t *told, crm360_reply_t *const *replies)
{
    const crm360_reply_t *place = replies[0];

    if (place->type != CRM360_REPLY_ARRAY || place->count != 2 ||
        place->items[0].type != CRM360_REPLY_STRING ||
        place->items[1].type != CRM360_REPLY_STRING || replies[1]->type != CRM360_REPLY_ARRAY) {
        return CRM360_EPROTOCOL;
    }
    told->host = place->items[0].text;
    told->port = (int)apr_atoi64(place->items[1].text);
    told->epoch = apr_atoi64(field(replies[1], "config-epoch"));
    return *told->host && told->port > 0 && told->port <= 65535 ? APR_SUCCESS : CRM360_EPROTOCOL;
}

/* The address is that of GET-MASTER-ADDR-BY-NAME: from the promotion on it is the new master's,
 * while MASTER names the old one until all replicas have been told. */
static apr_status_t ask_one(told_t *told, const char **why, const crm360_redis_pool_t *redis_pool,
                            const crm360_redis_seed_t *seed, apr_pool_t *pool)
{
    static const char *const questions[] = {"GET-MASTER-ADDR-BY-NAME", "MASTER"};
    const crm360_redis_address_t *address = redis_address_of(redis_pool);
    crm360_redis_t *redis = redis_alone(pool);
    crm360_command_t commands[2];
    crm360_reply_t *replies[2];
    redis_target_t target;
    apr_status_t rv;
    int i;

    redis_target_at(&target, redis_pool, seed->host, seed->port);
    target.user = address->sentinel_user;
    target.password = address->sentinel_password;
    target.database = 0;
    target.master = 0;
    rv = redis_connect(redis, &target, pool);
    for (i = 0; i < 2; i++) {
        commands[i] = *crm360_command_make(3, pool);
        crm360_command_add(&commands[i], "SENTINEL");
        crm360_command_add(&commands[i], questions[i]);
        crm360_command_add(&commands[i], address->name);
    }
    rv = rv == APR_SUCCESS ? redis_exchange(replies, redis, commands, 2, pool) : rv;
    if (rv != APR_SUCCESS) {
        *why = apr_pstrdup(pool, redis->error);
        return rv;
    }
    *why = replies[1]->type == CRM360_REPLY_ERROR ? apr_pstrdup(pool, replies[1]->text)
                                                  : "its answer names no address";
    return read_answer(told, replies);
}

static apr_status_t enter(int *changed, const crm360_redis_pool_t *redis_pool, const told_t *told)
{
    const crm360_redis_address_t *address = redis_address_of(redis_pool);
    crm360_redis_nodes_t *nodes = redis_nodes_of(redis_pool);
    crm360_slot_range_t all = {
        .first = 0, .last = CRM360_SLOTS - 1, .host = told->host, .port = told->port};
    int first = crm360_nodes_of_slot(nodes, 0) < 0;
    apr_status_t rv = crm360_nodes_enter(changed, nodes, &all, 1, 1);

    if (rv == APR_SUCCESS && *changed) {
        crm360_log(CRM360_LOG_NOTICE, APR_SUCCESS, "the master of %s %s %s:%d", address->text,
                   first ? "is" : "is now", told->host, told->port);
    }
    return rv;
}

apr_status_t redis_sentinel_learn(int *changed, const char **detail,
                                  const crm360_redis_pool_t *redis_pool, apr_pool_t *pool)
{
    const crm360_redis_address_t *address = redis_address_of(redis_pool);
    told_t told, newest = {.epoch = -1};
    const char *why;
    apr_pool_t *life;
    apr_status_t rv;
    int i, answers = 0;

    *changed = 0;
    *detail = "";
    apr_pool_create(&life, pool);
    apr_pool_tag(life, "crm360_sentinels");
    /* More than half of them have seen the last failover. */
    for (i = 0; i < address->seed_count && answers <= address->seed_count / 2; i++) {
        rv = ask_one(&told, &why, redis_pool, &address->seeds[i], life);
        if (rv == APR_SUCCESS) {
            answers++;
            newest = told.epoch > newest.epoch ? told : newest;
        }
        else {
            *detail =
                apr_pstrcat(pool, *detail, **detail ? "; " : "",
                            crm360_redis_seed_text(&address->seeds[i], pool), ": ", why, NULL);
        }
    }
    rv = answers ? enter(changed, redis_pool, &newest) : CRM360_EAWAY;
    apr_pool_destroy(life);
    return rv == APR_EBUSY ? APR_SUCCESS : rv;
}
