/*
 * The table of nodes and slots. Readers copy an address and look whether its version has changed
 * meanwhile; a writer holds a word with the time in it, which others may take from one that has
 * died. A node whose address is replaced serves no slot at that moment, so that a reader that still
 * uses it at worst asks a server that answers MOVED.
 */
#include "core/redis_nodes.h"

#include <apr_atomic.h>
#include <apr_strings.h>

#include <string.h>

#include "core/clock.h"

/* A writer needs microseconds; one that has held the word for so long is dead, ms. */
#define WRITER_DEAD_MS 2000

/* ---- slots ---- */

/* CRC-16/XMODEM (polynomial 0x1021), as the specification of Redis Cluster wants it. */
static unsigned crc16(const char *data, apr_size_t len)
{
    unsigned crc = 0;
    apr_size_t i;
    int bit;

    for (i = 0; i < len; i++) {
        crc ^= (unsigned)(unsigned char)data[i] << 8;
        for (bit = 0; bit < 8; bit++) {
            crc = crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1;
        }
    }
    return crc & 0xffff;
}

int crm360_slot_of(const char *key, apr_size_t len)
{
    const char *open = memchr(key, '{', len);
    const char *close = open ? memchr(open, '}', len - (apr_size_t)(open - key)) : NULL;

    if (close && close > open + 1) {
        key = open + 1;
        len = (apr_size_t)(close - key);
    }
    return (int)(crc16(key, len) % CRM360_SLOTS);
}

int crm360_nodes_of_slot(const crm360_redis_nodes_t *nodes, int slot)
{
    return nodes->slots[slot] - 1;
}

int crm360_nodes_serves(const crm360_redis_nodes_t *nodes, int node)
{
    int slot;

    for (slot = 0; slot < CRM360_SLOTS; slot++) {
        if (nodes->slots[slot] == node + 1) {
            return 1;
        }
    }
    return 0;
}

/* ---- addresses ---- */

/* A read with a full barrier, so that what stands around it is not moved across. */
static apr_uint32_t version_of(const crm360_redis_node_t *node)
{
    return apr_atomic_add32((volatile apr_uint32_t *)&node->version, 0);
}

int crm360_nodes_address(crm360_node_address_t *address, const crm360_redis_nodes_t *nodes,
                         int node)
{
    const crm360_redis_node_t *from = &nodes->nodes[node];
    int tries;

    for (tries = 0; tries < 1000; tries++) {
        address->version = version_of(from);
        if (address->version == 0) {
            return 0;
        }
        memcpy(address->host, from->host, sizeof address->host);
        address->port = from->port;
        if (address->version % 2 == 0 && version_of(from) == address->version) {
            return 1;
        }
    }
    return 0; /* its writer died half way; the next one mends it */
}

static int is_at(const crm360_redis_node_t *node, const crm360_slot_range_t *range)
{
    return node->version && node->version % 2 == 0 && node->port == range->port &&
           strcmp(node->host, range->host) == 0;
}

/* Writes an address. A writer that died left an odd version behind: it stays odd meanwhile. */
static void write_address(crm360_redis_node_t *node, const crm360_slot_range_t *range)
{
    apr_uint32_t version = version_of(node);

    apr_atomic_set32(&node->version, version | 1);
    version_of(node);
    apr_cpystrn(node->host, range->host, sizeof node->host);
    node->port = range->port;
    apr_atomic_set32(&node->health.state, 0);
    apr_atomic_set32(&node->durability, 0);
    version_of(node);
    apr_atomic_set32(&node->version, (version | 1) + 1 ? (version | 1) + 1 : 2);
}

/* The node of a range; one that nobody needs is made to be it. -1 = there is no room. `busy` says
 * of each node whether it serves a slot, or will. */
static int place_of(crm360_redis_nodes_t *nodes, unsigned char *busy,
                    const crm360_slot_range_t *range)
{
    int i, spare = -1;

    for (i = 0; i < CRM360_NODES_MOST; i++) {
        if (is_at(&nodes->nodes[i], range)) {
            busy[i] = 1;
            return i;
        }
        if (!busy[i] && (spare < 0 || (nodes->nodes[spare].version && !nodes->nodes[i].version))) {
            spare = i;
        }
    }
    if (spare >= 0) {
        write_address(&nodes->nodes[spare], range);
        busy[spare] = 1;
    }
    return spare;
}

/* ---- entering ---- */

/* The word that is held, 0 = somebody else holds it. */
static apr_uint32_t begin(crm360_redis_nodes_t *nodes)
{
    apr_uint32_t now = (apr_uint32_t)apr_time_as_msec(crm360_clock()) | 1;
    apr_uint32_t holder = apr_atomic_read32(&nodes->writing_ms);

    return (holder == 0 || now - holder > WRITER_DEAD_MS) &&
                   apr_atomic_cas32(&nodes->writing_ms, now, holder) == holder
               ? now
               : 0;
}

static int range_ok(const crm360_slot_range_t *range)
{
    return range->first >= 0 && range->first <= range->last && range->last < CRM360_SLOTS &&
           range->port > 0 && range->port <= 65535 && range->host[0] &&
           strlen(range->host) < CRM360_NODE_HOST_MOST;
}

/* The new map, on top of the old one. */
static apr_status_t draw(unsigned char *slots, crm360_redis_nodes_t *nodes,
                         const crm360_slot_range_t *ranges, int count)
{
    unsigned char busy[CRM360_NODES_MOST] = {0};
    int i, slot;

    for (slot = 0; slot < CRM360_SLOTS; slot++) {
        if (nodes->slots[slot]) {
            busy[nodes->slots[slot] - 1] = 1;
        }
    }
    for (i = 0; i < count; i++) {
        int node = range_ok(&ranges[i]) ? place_of(nodes, busy, &ranges[i]) : -1;

        if (node < 0) {
            return range_ok(&ranges[i]) ? APR_ENOSPC : APR_EINVAL;
        }
        memset(slots + ranges[i].first, node + 1,
               (apr_size_t)(ranges[i].last - ranges[i].first) + 1);
    }
    return APR_SUCCESS;
}

apr_status_t crm360_nodes_enter(int *changed, crm360_redis_nodes_t *nodes,
                                const crm360_slot_range_t *ranges, int count, int whole)
{
    unsigned char slots[CRM360_SLOTS];
    apr_uint32_t began = begin(nodes);
    apr_status_t rv;
    int slot, differ = 0;

    if (!began) {
        return APR_EBUSY;
    }
    for (slot = 0; slot < CRM360_SLOTS; slot++) {
        slots[slot] = whole ? 0 : nodes->slots[slot];
    }
    rv = draw(slots, nodes, ranges, count);
    for (slot = 0; slot < CRM360_SLOTS && rv == APR_SUCCESS; slot++) {
        if (nodes->slots[slot] != slots[slot]) {
            nodes->slots[slot] = slots[slot];
            differ = 1;
        }
    }
    if (differ) {
        apr_atomic_inc32(&nodes->epoch);
    }
    if (changed) {
        *changed = differ;
    }
    apr_atomic_cas32(&nodes->writing_ms, 0, began); /* unless it was taken for dead meanwhile */
    return rv;
}
