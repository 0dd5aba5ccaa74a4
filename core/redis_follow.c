/*
 * What a node of a Redis Cluster says instead of an answer: that a slot has moved (MOVED), that a
 * key of a slot which is moving may be elsewhere (ASK), or that the keys of one command are on two
 * nodes for now (TRYAGAIN); see the Redis Cluster specification, "Redirection and resharding". The
 * command is run where it belongs, over a second connection; in these three cases it was not run
 * before. Must never run a command twice whose answer is not known.
 */
#include "core/redis_private.h"

#include <apr_atomic.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

/* From node to node at most so often; a map that changes meanwhile needs two or three. */
#define HOPS_MOST 8
/* Between two tries of what is on two nodes. */
#define TRY_AGAIN_AFTER (10 * 1000)

/* Where "MOVED 3999 127.0.0.1:6381" or "ASK ..." leads. An address without a host is on the host
 * that says so; "?" stands for one that even the node does not know. */
typedef struct elsewhere_t {
    int slot;
    char host[CRM360_NODE_HOST_MOST];
    int port;
    int ask;
} elsewhere_t;

static int read_elsewhere(elsewhere_t *to, const char *text, const char *this_host)
{
    const char *at = strchr(text, ' ');
    const char *colon = strrchr(text, ':');
    char *end;
    apr_size_t len;

    to->ask = strncmp(text, "ASK ", 4) == 0;
    if (!at || !colon || colon < at || (!to->ask && strncmp(text, "MOVED ", 6) != 0)) {
        return 0;
    }
    to->slot = (int)strtol(at + 1, &end, 10);
    to->port = (int)strtol(colon + 1, NULL, 10);
    if (*end != ' ' || to->slot < 0 || to->slot >= CRM360_SLOTS || to->port < 1 ||
        to->port > 65535) {
        return 0;
    }
    len = (apr_size_t)(colon - end - 1);
    if (len >= sizeof to->host || (len == 1 && end[1] == '?')) {
        return 0;
    }
    apr_cpystrn(to->host, len ? end + 1 : this_host, len ? len + 1 : sizeof to->host);
    return 1;
}

/* The next ones go there at once, whoever asks; and who runs next looks at the whole map. */
static void note_moved(const crm360_redis_t *redis, const elsewhere_t *to)
{
    crm360_redis_nodes_t *nodes = redis_nodes_of(redis->pool);
    crm360_slot_range_t range = {
        .first = to->slot, .last = to->slot, .host = to->host, .port = to->port};

    if (crm360_nodes_enter(NULL, nodes, &range, 1, 0) != APR_SUCCESS) {
        /* Somebody else is entering what he has learnt; this is learnt again. */
    }
    apr_atomic_set32(&nodes->doubted, 1);
}

/* The second connection, led to another node. */
static apr_status_t lead(crm360_redis_t *redis, const elsewhere_t *to, apr_pool_t *pool)
{
    crm360_redis_t *detour = redis->detour;
    redis_target_t target;
    apr_status_t rv;

    if (detour->context && redis->detour_to->port == to->port &&
        strcmp(redis->detour_to->host, to->host) == 0) {
        return APR_SUCCESS;
    }
    redis_disconnect(detour);
    apr_cpystrn(redis->detour_to->host, to->host, sizeof redis->detour_to->host);
    redis->detour_to->port = to->port;
    redis_target_at(&target, redis->pool, redis->detour_to->host, to->port);
    rv = redis_connect(detour, &target, pool);
    if (rv != APR_SUCCESS) {
        apr_snprintf(redis->error, sizeof redis->error, "%s:%d: %s", to->host, to->port,
                     detour->error);
    }
    return rv;
}

/* The command over a connection; with `ask` a node takes it to which the slot is still moving. */
static apr_status_t run_on(crm360_reply_t **reply, crm360_redis_t *redis, crm360_redis_t *on,
                           int ask, const crm360_command_t *command, apr_pool_t *pool)
{
    crm360_command_t commands[2];
    crm360_reply_t *replies[2];
    apr_status_t rv;

    if (ask) {
        commands[0] = *crm360_command_make(1, pool);
        crm360_command_add(&commands[0], "ASKING");
    }
    commands[ask] = *command;
    rv = redis_exchange(replies, on, commands, 1 + ask, pool);
    if (rv == APR_SUCCESS) {
        *reply = replies[ask];
        redis->last = on;
    }
    else if (on != redis) {
        redis->timed_out = on->timed_out;
        apr_cpystrn(redis->error, on->error, sizeof redis->error);
    }
    return rv;
}

/* The host of the node at the other end; what a Unix socket leads to is on this one. */
static const char *host_of(const crm360_redis_t *redis, const crm360_redis_t *on,
                           crm360_node_address_t *address)
{
    redis_target_t target;

    if (on != redis) {
        return redis->detour_to->host;
    }
    return redis_target_of(&target, address, redis->pool, redis->node) ? target.host : "127.0.0.1";
}

int redis_is_of_slot(const char *text)
{
    return strncmp(text, "MOVED ", 6) == 0 || strncmp(text, "ASK ", 4) == 0 ||
           strncmp(text, "TRYAGAIN", 8) == 0;
}

apr_status_t redis_follow(crm360_reply_t **reply, crm360_redis_t *redis,
                          const crm360_command_t *command, apr_pool_t *pool)
{
    apr_time_t deadline = crm360_clock() + redis->command_timeout;
    crm360_redis_t *on = redis;
    crm360_node_address_t address;
    elsewhere_t to = {0};
    apr_status_t rv = APR_SUCCESS;
    int hops = 0;

    while (rv == APR_SUCCESS && (*reply)->type == CRM360_REPLY_ERROR) {
        const char *text = (*reply)->text;

        if (strncmp(text, "TRYAGAIN", 8) == 0) {
            if (crm360_clock() + TRY_AGAIN_AFTER > deadline) {
                return APR_SUCCESS;
            }
            apr_sleep(TRY_AGAIN_AFTER);
        }
        else if (hops++ < HOPS_MOST && read_elsewhere(&to, text, host_of(redis, on, &address))) {
            if (!to.ask) {
                note_moved(redis, &to);
            }
            on = redis->detour;
            rv = lead(redis, &to, pool);
        }
        else {
            return APR_SUCCESS; /* any other error, or one that leads nowhere */
        }
        rv = rv == APR_SUCCESS ? run_on(reply, redis, on, to.ask, command, pool) : rv;
    }
    return rv;
}
