/* The table of nodes and slots: slots of keys by the vectors of the specification, what is entered
 * and found again, what is refused, a writer that died, more servers than there is room for. */
#include <apr_general.h>
#include <apr_strings.h>

#include <string.h>

#include "core/redis_nodes.h"
#include "t/unit/tap.h"

static apr_pool_t *pool;

static int slot(const char *key)
{
    return crm360_slot_of(key, strlen(key));
}

static void slots_of_keys(void)
{
    is_number(slot("123456789"), 0x31c3, "the vector of the specification");
    is_number(slot("foo"), 12182, "a key without a tag");
    is_number(slot("{user1000}.following"), slot("user1000"), "the tag counts");
    is_number(slot("foo{}{bar}"), 8363, "an empty tag is none");
    is_number(slot("foo{{bar}}zap"), slot("{bar"), "from the first brace to the first end");
    is_number(slot("foo{bar}{zap}"), slot("bar"), "the first tag");
    ok(slot("foo{bar") != slot("bar"), "no end, no tag");
    is_number(slot("crm360:1:{acme/prod}:live"), slot("crm360:1:{acme/prod}:message:x"),
              "all keys of a database");
    is_number(slot(""), 0, "nothing");
}

static crm360_redis_nodes_t *table(void)
{
    return apr_pcalloc(pool, sizeof(crm360_redis_nodes_t));
}

static crm360_slot_range_t range(int first, int last, const char *host, int port)
{
    crm360_slot_range_t made = {.first = first, .last = last, .host = host, .port = port};

    return made;
}

static void is_served(const crm360_redis_nodes_t *nodes, int slot_, const char *want,
                      const char *name)
{
    crm360_node_address_t address;
    int node = crm360_nodes_of_slot(nodes, slot_);
    const char *got = node >= 0 && crm360_nodes_address(&address, nodes, node)
                          ? apr_psprintf(pool, "%s:%d", address.host, address.port)
                          : NULL;

    is_text(got, want, name);
}

static void entering(void)
{
    crm360_redis_nodes_t *nodes = table();
    crm360_slot_range_t three[3], one;
    int changed = -1;
    apr_uint32_t epoch = nodes->epoch;

    three[0] = range(0, 5460, "10.0.0.1", 7000);
    three[1] = range(5461, 10922, "10.0.0.1", 7001);
    three[2] = range(10923, 16383, "fe80::1", 7000);
    is_served(nodes, 0, NULL, "nothing is known at first");
    is_number(crm360_nodes_enter(&changed, nodes, three, 3, 1), APR_SUCCESS, "a whole map");
    is_number(changed, 1, "is news");
    ok(nodes->epoch != epoch, "the epoch has changed");
    is_served(nodes, 0, "10.0.0.1:7000", "the first slot");
    is_served(nodes, 5461, "10.0.0.1:7001", "another port is another node");
    is_served(nodes, 16383, "fe80::1:7000", "the last slot");
    epoch = nodes->epoch;
    is_number(crm360_nodes_enter(&changed, nodes, three, 3, 1), APR_SUCCESS, "the same again");
    is_number(changed, 0, "is no news");
    is_number(nodes->epoch, epoch, "and changes no epoch");

    one = range(77, 77, "10.0.0.1", 7001);
    is_number(crm360_nodes_enter(&changed, nodes, &one, 1, 0), APR_SUCCESS, "a slot has moved");
    is_served(nodes, 77, "10.0.0.1:7001", "it is there");
    is_served(nodes, 76, "10.0.0.1:7000", "its neighbours are not");
    ok(crm360_nodes_serves(nodes, crm360_nodes_of_slot(nodes, 77)), "who serves, serves");

    is_number(crm360_nodes_enter(&changed, nodes, three, 1, 1), APR_SUCCESS, "a map with holes");
    is_served(nodes, 6000, NULL, "what nobody serves is not known");
    ok(!crm360_nodes_serves(nodes, 2), "and who serves nothing, does not");
}

static void refusing(void)
{
    crm360_redis_nodes_t *nodes = table();
    char *host = apr_pcalloc(pool, CRM360_NODE_HOST_MOST + 1);
    crm360_slot_range_t bad[] = {
        range(-1, 5, "h", 1), range(5, 16384, "h", 1), range(6, 5, "h", 1),  range(0, 1, "", 1),
        range(0, 1, "h", 0),  range(0, 1, "h", 65536), range(0, 1, host, 1),
    };
    crm360_slot_range_t good = range(0, 16383, "h", 1);
    apr_size_t i;
    int changed = -1;

    memset(host, 'x', CRM360_NODE_HOST_MOST);
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        is_number(crm360_nodes_enter(&changed, nodes, &bad[i], 1, 1), APR_EINVAL, "refused");
        is_number(changed, 0, "nothing is entered");
    }
    is_number(crm360_nodes_enter(NULL, nodes, &good, 1, 1), APR_SUCCESS, "the table works on");
    nodes->writing_ms = 1;
    is_number(crm360_nodes_enter(NULL, nodes, &good, 1, 1), APR_SUCCESS,
              "one who died while he wrote holds nobody up");
}

/* A writer that died in the middle of an address. */
static void half_written(void)
{
    crm360_redis_nodes_t *nodes = table();
    crm360_slot_range_t good = range(0, 16383, "h", 1);
    crm360_node_address_t address;

    nodes->nodes[0].version = 3;
    strcpy(nodes->nodes[0].host, "hal");
    nodes->nodes[0].port = 1;
    ok(!crm360_nodes_address(&address, nodes, 0), "half an address is none");
    is_number(crm360_nodes_enter(NULL, nodes, &good, 1, 1), APR_SUCCESS, "the next writer");
    is_served(nodes, 0, "h:1", "has his own");
}

static void many(void)
{
    crm360_redis_nodes_t *nodes = table();
    crm360_slot_range_t all[CRM360_NODES_MOST + 1];
    int i;

    for (i = 0; i <= CRM360_NODES_MOST; i++) {
        all[i] = range(i, i, apr_psprintf(pool, "host%d", i), 6379);
    }
    is_number(crm360_nodes_enter(NULL, nodes, all, CRM360_NODES_MOST, 1), APR_SUCCESS,
              "a full one");
    is_number(crm360_nodes_enter(NULL, nodes, all, CRM360_NODES_MOST + 1, 1), APR_ENOSPC,
              "one more has no room");
    is_served(nodes, 3, "host3:6379", "the old map stands");
    is_number(crm360_nodes_enter(NULL, nodes, all + 1, 1, 1), APR_SUCCESS, "one is left");
    for (i = 0; i < 200; i++) {
        crm360_slot_range_t next = range(0, 16383, apr_psprintf(pool, "new%d", i), 6379);

        if (crm360_nodes_enter(NULL, nodes, &next, 1, 1) != APR_SUCCESS) {
            break;
        }
    }
    is_number(i, 200, "addresses that nobody needs make room for others, 200 in turn");
    is_served(nodes, 9, "new199:6379", "the last one serves");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    slots_of_keys();
    entering();
    refusing();
    half_written();
    many();
    apr_pool_destroy(pool);
    apr_terminate();
    return tap_done();
}
