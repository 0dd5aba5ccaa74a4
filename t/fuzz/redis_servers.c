/*
 * Fuzz target: what servers may answer that say where others are: sentinels, and nodes of a cluster
 * with their maps and redirections. The first byte of an input says whether it is sentinels or a
 * cluster and what is called, the second into what pieces the bytes are cut, the rest is what all
 * servers together send, in the order in which they are asked; then every connection is closed.
 *
 * Every call ends, with one of its own statuses, and what is entered into the map is an address.
 * There is no server: the few calls of hiredis and the system that would reach one are here and in
 * t/fuzz/server.c.
 */
#include "t/fuzz/fuzz.h"

#include <apr_strings.h>

#include <poll.h>
#include <string.h>

#include "core/config_private.h"
#include "core/queue_admin.h"
#include "core/queue_private.h"
#include "core/redis_audit.h"
#include "t/fuzz/server.h"

#define ID "01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Order-Insert"
#define MOST_CONNECTIONS 100 /* more than any call makes */

/* ---- the servers ---- */

static int connections;

redisContext *redisConnectWithTimeout(const char *host, int port, const struct timeval timeout)
{
    (void)timeout;
    expect(*host && strlen(host) < CRM360_NODE_HOST_MOST, host);
    expect(port > 0 && port <= 65535, host);
    expect(++connections < MOST_CONNECTIONS, "it never ends");
    return fuzz_server_connect();
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    (void)fds;
    (void)count;
    return timeout == 0 ? 0 : 1;
}

/* What waits before it tries again: not here. */
void apr_sleep(apr_interval_time_t time)
{
    (void)time;
}

/* ---- what is called ---- */

typedef struct world_t {
    crm360_queue_t *queue;
    void *health;
} world_t;

static world_t worlds[2];
static const crm360_keys_t *keys[2];

static void check_rv(apr_status_t rv)
{
    expect(rv == APR_SUCCESS || rv == CRM360_EAWAY || rv == CRM360_EREFUSED ||
               rv == CRM360_EPROTOCOL || rv == CRM360_EUNSAFE,
           "another status");
}

static void call_push(crm360_queue_t *queue, apr_pool_t *pool)
{
    crm360_push_t push = {.customer = "acme",
                          .database = "prod",
                          .id = ID,
                          .message = "POST / HTTP/1.1\r\n\r\n",
                          .message_len = 19,
                          .durability = CRM360_ON_REPLICA};
    crm360_receipt_t receipt;
    apr_status_t rv = crm360_queue_push(&receipt, queue, &push, pool);

    check_rv(rv);
    expect(rv != APR_SUCCESS || receipt.durability == CRM360_ON_REPLICA, NULL);
    expect(rv == APR_SUCCESS || receipt.detail, NULL);
}

static void call_look(crm360_queue_t *queue, apr_pool_t *pool)
{
    crm360_look_t looks[2] = {{.away = 0}};
    apr_int64_t now_ms;
    apr_status_t rv = crm360_queue_look(looks, &now_ms, queue, keys, 2, pool);

    check_rv(rv);
    expect(rv != APR_SUCCESS || !looks[0].away || !looks[1].away, NULL);
}

static void call_walk(crm360_queue_t *queue, apr_pool_t *pool)
{
    crm360_stored_t *stored;
    const char *cursor = "0";
    int count, turns = 0;

    do {
        apr_status_t rv = crm360_queue_walk_stored(&stored, &count, &cursor, queue, 100, pool);

        check_rv(rv);
        if (rv != APR_SUCCESS) {
            return;
        }
    } while (strcmp(cursor, "0") != 0 && ++turns < 20);
}

static void call_audit(crm360_queue_t *queue, apr_pool_t *pool)
{
    crm360_redis_audit_t audit;
    const char *detail = NULL;
    apr_status_t rv = crm360_queue_audit_all(&audit, &detail, queue, pool);

    check_rv(rv);
    expect(rv == APR_SUCCESS || detail, NULL);
}

static void call_connect(crm360_queue_t *queue, apr_pool_t *pool)
{
    const char *detail = NULL;
    crm360_redis_t *redis = NULL;
    apr_status_t rv = crm360_redis_connect(&redis, &detail, crm360_queue_redis(queue), -1, pool);

    check_rv(rv);
    expect(rv == APR_SUCCESS ? redis != NULL : detail != NULL, NULL);
}

static void (*const calls[])(crm360_queue_t *, apr_pool_t *) = {call_push, call_look, call_walk,
                                                                call_audit, call_connect};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* ---- an input ---- */

static void make_world(world_t *world, const char *address, apr_pool_t *pool)
{
    crm360_config_t *config = crm360_config_make(pool);
    const char *fault =
        crm360_directive_apply(crm360_directive_find("Crm360Redis"), config, CRM360_IN_SERVER,
                               CRM360_READ_CONSUMER, address, pool);

    expect(!fault, fault);
    world->health = apr_pcalloc(pool, crm360_queue_health_size());
    expect(crm360_queue_make(&world->queue, config, 1, world->health, pool) == APR_SUCCESS, NULL);
}

/* What stands in the map. */
static void check_map(const crm360_redis_nodes_t *nodes)
{
    crm360_node_address_t address;
    int slot;

    for (slot = 0; slot < CRM360_SLOTS; slot += 61) {
        int node = crm360_nodes_of_slot(nodes, slot);

        expect(node < 0 || (crm360_nodes_address(&address, nodes, node) && address.host[0] &&
                            address.port > 0 && address.port <= 65535),
               "a slot without an address");
    }
    expect(nodes->writing_ms == 0, "the map stays locked");
}

void fuzz_one(const char *data, apr_size_t len, apr_pool_t *pool)
{
    apr_pool_t *forever = apr_pool_parent_get(pool);
    world_t *world;

    if (!worlds[0].queue) {
        make_world(&worlds[0], "sentinel://s1,s2:7,s3/crm", forever);
        make_world(&worlds[1], "cluster://n1,n2:7000", forever);
        keys[0] = crm360_keys_make("acme", "prod", forever);
        keys[1] = crm360_keys_make("beta", "shop", forever);
    }
    if (!fuzz_server_sends(data, len)) {
        return;
    }
    world = &worlds[data[0] & 1];
    memset(world->health, 0, crm360_queue_health_size());
    connections = 0;
    calls[((unsigned char)data[0] >> 1) % CALLS](world->queue, pool);
    check_map(world->health);
}
