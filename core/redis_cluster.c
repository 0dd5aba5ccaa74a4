/*
 * Which node of a Redis Cluster serves which slots: asked of the nodes themselves (CLUSTER SLOTS).
 * One that is cut off from the others says so (CLUSTER INFO) and is believed only when nobody else
 * answers. The nodes of the configuration are asked only where none of those already known does.
 */
#include "core/redis_private.h"

#include <apr_strings.h>

#include <string.h>

#include "core/log.h"

/* Nodes that are asked at most in one go, so that it ends in time. */
#define ASKED_MOST 5

/* What a node says. */
typedef struct told_t {
    crm360_slot_range_t *ranges;
    int count;
    int whole; /* it is in touch with the others */
} told_t;

/* One entry: first slot, last slot, [host, port, ...] of the master, replicas. */
static int read_range(crm360_slot_range_t *range, const crm360_reply_t *entry, const char *host)
{
    const crm360_reply_t *master = entry->count > 2 ? &entry->items[2] : NULL;

    if (entry->type != CRM360_REPLY_ARRAY || !master || master->type != CRM360_REPLY_ARRAY ||
        master->count < 2 || entry->items[0].type != CRM360_REPLY_NUMBER ||
        entry->items[1].type != CRM360_REPLY_NUMBER ||
        master->items[1].type != CRM360_REPLY_NUMBER) {
        return 0;
    }
    range->first = (int)entry->items[0].number;
    range->last = (int)entry->items[1].number;
    range->port = (int)master->items[1].number;
    /* A node that does not know its own address leaves it out. */
    range->host = master->items[0].type == CRM360_REPLY_STRING && master->items[0].len &&
                          strcmp(master->items[0].text, "?") != 0
                      ? master->items[0].text
                      : host;
    return 1;
}

static apr_status_t read_answer(told_t *told, crm360_reply_t *const *replies, const char *host,
                                apr_pool_t *pool)
{
    const crm360_reply_t *slots = replies[0];
    apr_size_t i;

    if (slots->type != CRM360_REPLY_ARRAY) {
        return CRM360_EPROTOCOL;
    }
    told->count = 0;
    told->ranges = apr_palloc(pool, (slots->count + 1) * sizeof *told->ranges);
    for (i = 0; i < slots->count; i++) {
        if (!read_range(&told->ranges[told->count++], &slots->items[i], host)) {
            return CRM360_EPROTOCOL;
        }
    }
    told->whole = replies[1]->type != CRM360_REPLY_STRING ||
                  strstr(replies[1]->text, "cluster_state:ok") != NULL;
    return APR_SUCCESS;
}

static apr_status_t ask_one(told_t *told, const char **why, const crm360_redis_pool_t *redis_pool,
                            const char *host, int port, apr_pool_t *pool)
{
    crm360_redis_t *redis = redis_alone(pool);
    crm360_command_t commands[2];
    crm360_reply_t *replies[2];
    redis_target_t target;
    apr_status_t rv;
    int i;

    redis_target_at(&target, redis_pool, host, port);
    rv = redis_connect(redis, &target, pool);
    for (i = 0; i < 2; i++) {
        commands[i] = *crm360_command_make(2, pool);
        crm360_command_add(&commands[i], "CLUSTER");
        crm360_command_add(&commands[i], i == 0 ? "SLOTS" : "INFO");
    }
    rv = rv == APR_SUCCESS ? redis_exchange(replies, redis, commands, 2, pool) : rv;
    if (rv != APR_SUCCESS) {
        *why = apr_pstrdup(pool, redis->error);
        return rv;
    }
    *why = replies[0]->type == CRM360_REPLY_ERROR ? replies[0]->text
                                                  : "its answer to CLUSTER SLOTS is not understood";
    /* A copy: the caller's does not last as long as the answer. */
    return read_answer(told, replies, apr_pstrdup(pool, host), pool);
}

/* ---- whom to ask ---- */

typedef struct search_t {
    const crm360_redis_pool_t *redis_pool;
    const char **detail;
    apr_pool_t *pool; /* of the caller, for the detail */
    apr_pool_t *life;
    told_t best;
    int found; /* an answer */
    int asked;
} search_t;

/* 1 when nobody else needs to be asked. */
static int ask(search_t *search, const char *host, int port)
{
    told_t told;
    const char *why;

    if (search->asked++ == ASKED_MOST) {
        return 1;
    }
    if (ask_one(&told, &why, search->redis_pool, host, port, search->life) != APR_SUCCESS) {
        *search->detail = apr_psprintf(search->pool, "%s%s%s:%d: %s", *search->detail,
                                       **search->detail ? "; " : "", host, port, why);
        return 0;
    }
    if (!search->found || (told.whole && !search->best.whole)) {
        search->best = told;
        search->found = 1;
    }
    return told.whole;
}

/* Those that answer first: one that hangs costs the time of a command. */
static int ask_known(search_t *search)
{
    crm360_redis_nodes_t *nodes = redis_nodes_of(search->redis_pool);
    crm360_node_address_t address;
    int i, away;

    for (away = 0; away < 2; away++) {
        for (i = 0; i < CRM360_NODES_MOST; i++) {
            if (crm360_redis_node_is_away(nodes, i) == away &&
                crm360_nodes_address(&address, nodes, i) && crm360_nodes_serves(nodes, i) &&
                ask(search, address.host, address.port)) {
                return 1;
            }
        }
        if (away == 0) {
            const crm360_redis_address_t *seeds = redis_address_of(search->redis_pool);

            for (i = 0; i < seeds->seed_count; i++) {
                if (ask(search, seeds->seeds[i].host, seeds->seeds[i].port)) {
                    return 1;
                }
            }
        }
    }
    return 0;
}

static void say(const crm360_redis_pool_t *redis_pool)
{
    const crm360_redis_nodes_t *nodes = redis_nodes_of(redis_pool);
    int i, masters = 0, slots = 0;

    for (i = 0; i < CRM360_NODES_MOST; i++) {
        masters += crm360_nodes_serves(nodes, i);
    }
    for (i = 0; i < CRM360_SLOTS; i++) {
        slots += crm360_nodes_of_slot(nodes, i) >= 0;
    }
    crm360_log(CRM360_LOG_NOTICE, APR_SUCCESS, "%s: %d masters serve %d of %d slots",
               redis_address_of(redis_pool)->text, masters, slots, CRM360_SLOTS);
}

apr_status_t redis_cluster_learn(int *changed, const char **detail,
                                 const crm360_redis_pool_t *redis_pool, apr_pool_t *pool)
{
    search_t search = {.redis_pool = redis_pool, .detail = detail, .pool = pool};
    apr_status_t rv = CRM360_EAWAY;

    *changed = 0;
    *detail = "";
    apr_pool_create(&search.life, pool);
    apr_pool_tag(search.life, "crm360_cluster");
    ask_known(&search);
    if (search.found) {
        rv = crm360_nodes_enter(changed, redis_nodes_of(redis_pool), search.best.ranges,
                                search.best.count, 1);
    }
    if (rv == APR_EINVAL || rv == APR_ENOSPC) {
        *detail = rv == APR_ENOSPC
                      ? "more than " APR_STRINGIFY(CRM360_NODES_MOST) " masters serve slots"
                      : "the answer to CLUSTER SLOTS has a slot, a host or a port that is none";
        rv = CRM360_EPROTOCOL;
    }
    if (*changed) {
        say(redis_pool);
    }
    apr_pool_destroy(search.life);
    return rv == APR_EBUSY ? APR_SUCCESS : rv;
}
