/*
 * What all processes of a program know of the Redis servers they use: the addresses of the nodes,
 * how each of them is, and which of them serves which slot. Lives in shared memory, all zero at
 * first, and is read and changed without locks that a process could die with. A single server is
 * node 0, and its address is in the configuration only; the master that sentinels name serves all
 * slots.
 */
#ifndef CRM360_REDIS_NODES_H
#define CRM360_REDIS_NODES_H

#include <apr.h>
#include <apr_errno.h>

/* Of which those that serve now and those that are to serve next must have a place at once. */
#define CRM360_NODES_MOST 64
#define CRM360_NODE_HOST_MOST 254 /* bytes of a name, with its NUL */
#define CRM360_SLOTS 16384

/* What all know of how one server answers. Changed by atomic operations only. */
typedef struct crm360_redis_health_t {
    volatile apr_uint32_t state;     /* answers, away or refuses, and how often that changed */
    volatile apr_uint32_t probed_ms; /* when somebody last tried while it was away; wraps */
} crm360_redis_health_t;

typedef struct crm360_redis_node_t {
    volatile apr_uint32_t version; /* of the address: odd while it is written, 0 = there is none */
    char host[CRM360_NODE_HOST_MOST];
    int port;
    crm360_redis_health_t health;
    volatile apr_uint32_t durability; /* how safe it keeps data (queue_durability.c) */
    volatile apr_uint32_t asked_ms;   /* when somebody set out to ask that again; wraps */
} crm360_redis_node_t;

typedef struct crm360_redis_nodes_t {
    crm360_redis_node_t nodes[CRM360_NODES_MOST];
    volatile unsigned char slots[CRM360_SLOTS]; /* node + 1; 0 = not known */
    volatile apr_uint32_t epoch;                /* changes with the slots */
    volatile apr_uint32_t writing_ms;           /* who changes addresses and slots; 0 = nobody */
    volatile apr_uint32_t learned_ms;           /* when somebody last set out to learn; wraps */
    volatile apr_uint32_t doubted;              /* 1 = a server gave cause to ask anew */
    volatile apr_uint32_t unmet;                /* 1 = less safe than a location demands */
    crm360_redis_health_t guides;               /* whether anybody told where the nodes are */
} crm360_redis_nodes_t;

/* A copy of an address. */
typedef struct crm360_node_address_t {
    char host[CRM360_NODE_HOST_MOST];
    int port;
    apr_uint32_t version; /* another one when another server has taken the place */
} crm360_node_address_t;

/* The slot of a key: that of its hash tag when it has one (Redis Cluster specification, "Hash
 * tags"). Any thread. */
int crm360_slot_of(const char *key, apr_size_t len);

/* The node that serves a slot; -1 = not known. */
int crm360_nodes_of_slot(const crm360_redis_nodes_t *nodes, int slot);

/* The address of a node. 0 when there is none. */
int crm360_nodes_address(crm360_node_address_t *address, const crm360_redis_nodes_t *nodes,
                         int node);

/* Whether a node serves any slot. */
int crm360_nodes_serves(const crm360_redis_nodes_t *nodes, int node);

/* A range of slots and who serves it. */
typedef struct crm360_slot_range_t {
    int first, last;
    const char *host;
    int port;
} crm360_slot_range_t;

/* Enters who serves which slots, the servers that are not known yet too. With `whole`, slots that
 * no range names become unknown. *changed (may be NULL) says whether anything is served by somebody
 * else now. APR_EBUSY when somebody else is entering something, APR_ENOSPC when more servers serve
 * than there is room for, APR_EINVAL for a range or host that is none; nothing is served by
 * somebody else then. */
apr_status_t crm360_nodes_enter(int *changed, crm360_redis_nodes_t *nodes,
                                const crm360_slot_range_t *ranges, int count, int whole)
    __attribute__((warn_unused_result));

#endif
