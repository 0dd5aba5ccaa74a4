/*
 * What the files of the Redis client share and nobody else may include: the connection itself, and
 * how its parts come to each other. redis_connection.c speaks with one server, redis_follow.c with
 * the others that it names, redis_sentinel.c and redis_cluster.c find out where the nodes are, and
 * redis_lend.c keeps connections, and redis.c lends them.
 */
#ifndef CRM360_REDIS_PRIVATE_H
#define CRM360_REDIS_PRIVATE_H

#include "core/redis.h"

#include <apr_reslist.h>

#include <hiredis.h>

/* Where a connection leads, and how it logs in. Strings are borrowed. */
typedef struct redis_target_t {
    const char *path; /* Unix socket; NULL = TCP */
    const char *host;
    int port;
    int database; /* selected when it is not 0 */
    const char *user;
    const char *password; /* NULL = no login */
    int master;           /* whoever is a replica is not taken */
    apr_interval_time_t connect_timeout;
    apr_interval_time_t command_timeout;
} redis_target_t;

struct crm360_redis_t {
    redisContext *context; /* NULL while not connected; freed by redis_disconnect() */
    apr_interval_time_t command_timeout;
    apr_uint32_t generation; /* of the pool's node, when it was connected */
    apr_uint32_t version;    /* of the node's address, likewise */
    int node;                /* -1 = it is not of a pool */
    int grew;                /* what this borrower did has added data */
    int timed_out;           /* the last error was a timeout: the command may have been executed */
    int unsent;              /* the last borrower's work was not begun */
    char error[200];
    const crm360_redis_pool_t *pool; /* NULL = it is of none */
    crm360_redis_t *next_spare;      /* among those that are closed */
    /* Of a cluster, for what this node does not serve; connected when that is met. */
    crm360_redis_t *detour;
    crm360_node_address_t *detour_to;
    crm360_redis_t *last; /* the one of the two that the last command went over */
};

/* ---- redis_connection.c ---- */

void redis_disconnect(crm360_redis_t *redis);

/* Connects and logs in. CRM360_EAWAY, CRM360_EREFUSED or CRM360_EPROTOCOL, with redis->error. */
apr_status_t redis_connect(crm360_redis_t *redis, const redis_target_t *target, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* A connection of its own, not connected yet, which ends with `pool`. */
crm360_redis_t *redis_alone(apr_pool_t *pool);

/* The status that an error reply stands for. */
apr_status_t redis_classify(const char *text);

/* Sends `count` commands in one go and reads their replies, which may be errors of any kind. */
apr_status_t redis_exchange(crm360_reply_t **replies, crm360_redis_t *redis,
                            const crm360_command_t *commands, int count, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* ---- redis_write.c ---- */

/* Sends commands, all of their bytes, in one go, until `deadline` of crm360_clock(), however slowly
 * the server reads. 0 when that failed; errno says why, EAGAIN that the time is over. Needs memory
 * of `pool` for what is short in them. */
int redis_write(int socket, const crm360_command_t *commands, int count, apr_time_t deadline,
                apr_pool_t *pool) __attribute__((warn_unused_result));

/* ---- redis_follow.c ---- */

/* Whether an error reply is one of those that redis_follow() is for. */
int redis_is_of_slot(const char *text);

/* When a reply of a cluster's node names another node, or says that this is not the time: runs the
 * command there, or later, within the time of a command, and puts its reply in the place of
 * *reply. CRM360_EAWAY when the other node does not answer; redis->error says so. */
apr_status_t redis_follow(crm360_reply_t **reply, crm360_redis_t *redis,
                          const crm360_command_t *command, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* ---- redis_lend.c ---- */

/* What this process has to a node. */
typedef struct redis_lender_t {
    const crm360_redis_pool_t *pool;
    int node;
    apr_reslist_t *list;              /* of crm360_redis_t, idle or borrowed */
    crm360_redis_t *spare;            /* closed, for the next one; with the lock of the list */
    volatile apr_uint32_t generation; /* connections of an older one are not used again */
} redis_lender_t;

/* Makes `count` of them, for nodes from 0 on, of at most `most` connections each. One that was
 * idle for `idle_most` is closed by apr_reslist_maintain(), 0 = never; who wants one waits for
 * `patience` at most. End with `pool`. */
apr_status_t redis_lenders_make(redis_lender_t **lenders, const crm360_redis_pool_t *redis_pool,
                                int count, int most, apr_interval_time_t idle_most,
                                apr_interval_time_t patience, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* ---- redis.c ---- */

/* Where a node of a pool is; 0 when it is not known. *address holds the strings. */
int redis_target_of(redis_target_t *target, crm360_node_address_t *address,
                    const crm360_redis_pool_t *redis_pool, int node);

/* How one logs in at a node of a pool, wherever it is. */
void redis_target_at(redis_target_t *target, const crm360_redis_pool_t *redis_pool,
                     const char *host, int port);

const crm360_redis_address_t *redis_address_of(const crm360_redis_pool_t *redis_pool);
crm360_redis_nodes_t *redis_nodes_of(const crm360_redis_pool_t *redis_pool);

/* ---- redis_sentinel.c, redis_cluster.c ---- */

/* Ask who serves what, and enter it. *changed says whether anything has. CRM360_EAWAY when nobody
 * tells; *detail, in `pool`, says why. */
apr_status_t redis_sentinel_learn(int *changed, const char **detail,
                                  const crm360_redis_pool_t *redis_pool, apr_pool_t *pool)
    __attribute__((warn_unused_result));
apr_status_t redis_cluster_learn(int *changed, const char **detail,
                                 const crm360_redis_pool_t *redis_pool, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
