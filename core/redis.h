/*
 * Connections to Redis: a pool of them for requests, and single ones for who listens. The only
 * place that knows hiredis, and where a key is: on the one server, on the master that sentinels
 * name, or on the node of a cluster that serves its slot. User data travels as counted arguments,
 * never in a format. A connection that had an I/O error is dead and replaced; that a server is away
 * is remembered for all processes, so that nobody queues up for it.
 */
#ifndef CRM360_REDIS_H
#define CRM360_REDIS_H

#include <apr_pools.h>
#include <apr_time.h>

#include "core/config.h"
#include "core/redis_nodes.h"
#include "core/status.h"

typedef struct crm360_redis_t crm360_redis_t;           /* one connection; one thread at a time */
typedef struct crm360_redis_pool_t crm360_redis_pool_t; /* many; any thread */

typedef enum {
    CRM360_REPLY_NIL,
    CRM360_REPLY_STRING,
    CRM360_REPLY_NUMBER,
    CRM360_REPLY_ARRAY,
    CRM360_REPLY_ERROR
} crm360_reply_type_t;

/* A reply of the server. Strings are NUL-terminated beyond their `len` bytes. */
typedef struct crm360_reply_t {
    crm360_reply_type_t type;
    const char *text; /* STRING and ERROR */
    apr_size_t len;
    apr_int64_t number;
    const struct crm360_reply_t *items; /* ARRAY */
    apr_size_t count;
} crm360_reply_t;

/* One Lua script; `sha` is filled by crm360_script_digest(). */
typedef struct crm360_script_t {
    const char *name;
    const char *text;
    char sha[41];
} crm360_script_t;

/* One command with counted arguments. */
typedef struct crm360_command_t {
    int argc;
    int most; /* words there is room for */
    const char **argv;
    apr_size_t *lens;
} crm360_command_t;

/* Makes a pool of at most `most` connections to each server; connects nothing. `nodes`, all zero
 * at first, is borrowed and must outlive it; the processes of one program share it. Ends with
 * `pool`. */
apr_status_t
crm360_redis_pool_make(crm360_redis_pool_t **redis_pool, const crm360_redis_address_t *address,
                       apr_interval_time_t connect_timeout, apr_interval_time_t command_timeout,
                       int most, crm360_redis_nodes_t *nodes, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* What is done with a borrowed connection. Returns the status of the calls it made. */
typedef apr_status_t crm360_redis_work_t(void *baton, crm360_redis_t *redis, apr_pool_t *pool);

/* What a piece of work does: whether it may run twice, and whether its success says that Redis
 * takes writes. */
typedef enum {
    CRM360_REDIS_READ,  /* changes nothing */
    CRM360_REDIS_LOOK,  /* likewise, by who may lack the right to: a refusal is not the server's */
    CRM360_REDIS_WRITE, /* may be repeated */
    CRM360_REDIS_GROW,  /* likewise; adds data, so that a full Redis refuses it */
    CRM360_REDIS_ONCE   /* must not be repeated */
} crm360_redis_purpose_t;

/* Borrows a connection to the server that has `key` (NULL = any), connects it where necessary, runs
 * `work`, gives the connection back. All keys of the work must be where this one is: those with its
 * hash tag are. When the connection turns out to have been closed (Redis was restarted), `work`
 * runs once more on a fresh one, unless its purpose forbids it; after a timeout never. When a
 * server is gone and another one has taken its place, `work` runs there under the same conditions.
 * CRM360_EAWAY at once while the server is known to be away, save for one caller every 250 ms, who
 * asks with a PING first. *detail (in `pool`) says what failed. */
apr_status_t crm360_redis_run(crm360_redis_pool_t *redis_pool, const char *key,
                              crm360_redis_work_t *work, void *baton,
                              crm360_redis_purpose_t purpose, const char **detail, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The same on a node: what concerns a server as a whole. CRM360_EAWAY when there is none. */
apr_status_t crm360_redis_run_at(crm360_redis_pool_t *redis_pool, int node,
                                 crm360_redis_work_t *work, void *baton,
                                 crm360_redis_purpose_t purpose, const char **detail,
                                 apr_pool_t *pool) __attribute__((warn_unused_result));

/* The node that has a key (NULL = any that is known to answer); -1 = not known, also when nobody
 * could be asked. */
int crm360_redis_node_of(crm360_redis_pool_t *redis_pool, const char *key, apr_pool_t *pool);

/* The next node after `node` (-1 = the first one) that serves keys; -1 = there is none. Of a single
 * server and of sentinels there is one. */
int crm360_redis_next_node(crm360_redis_pool_t *redis_pool, int node, apr_pool_t *pool);

/* What a node is called in logs, in `pool`. */
const char *crm360_redis_node_text(const crm360_redis_pool_t *redis_pool, int node,
                                   apr_pool_t *pool);

/* Asks sentinels or cluster where the nodes are, unless somebody has done so in the last five
 * seconds. For who runs all the time: others ask when something has failed. */
void crm360_redis_refresh(crm360_redis_pool_t *redis_pool, apr_pool_t *pool);

/* Changes whenever keys are served by another server than before. */
apr_uint32_t crm360_redis_epoch(const crm360_redis_pool_t *redis_pool);

/* For work with the purpose GROW, when it has really added data: a Redis that was full has room
 * again. A success that added nothing (a repetition) says nothing of that. */
void crm360_redis_grew(crm360_redis_t *redis);

/* Whether a server is known to be away, any of several: what the last calls have found, without
 * asking. */
int crm360_redis_is_away(const crm360_redis_pool_t *redis_pool);

/* The same of one of them. */
int crm360_redis_node_is_away(const crm360_redis_nodes_t *nodes, int node);

/* Connects one connection of its own, closed with `pool`: to the server that has `node`, or to any
 * (-1). *detail (in `pool`) says what failed. */
apr_status_t crm360_redis_connect(crm360_redis_t **redis, const char **detail,
                                  crm360_redis_pool_t *redis_pool, int node, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* ---- with a connection in hand ---- */

/* Sends one command and reads its reply, which lives in `pool`. An error reply gives
 * CRM360_EREFUSED (out of memory, loading, read-only, no permission...) or CRM360_EPROTOCOL, an
 * I/O error CRM360_EAWAY. */
apr_status_t crm360_redis_command(crm360_reply_t **reply, crm360_redis_t *redis,
                                  const crm360_command_t *command, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Whether a CRM360_EREFUSED just now was about the rights of its user: waiting changes nothing. */
int crm360_redis_forbids(const crm360_redis_t *redis);

/* Sends `count` commands in one go and reads their replies. replies[i] may be an ERROR, but none
 * that means "not now": such a one gives CRM360_EREFUSED. A command whose key another node of the
 * cluster serves is run there; in a pipeline that may be after those that stand behind it. */
apr_status_t crm360_redis_pipeline(crm360_reply_t **replies, crm360_redis_t *redis,
                                   const crm360_command_t *commands, int count, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The same for commands that have nothing to do with each other: all replies are here within the
 * time of one command, and none is run elsewhere: what another node serves stays an ERROR. */
apr_status_t crm360_redis_together(crm360_reply_t **replies, crm360_redis_t *redis,
                                   const crm360_command_t *commands, int count, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Runs a script by its digest; teaches it to the server when it does not know it (NOSCRIPT).
 * `command` holds the number of keys, the keys and the arguments. Errors as
 * crm360_redis_command(). */
apr_status_t crm360_redis_script(crm360_reply_t **reply, crm360_redis_t *redis,
                                 const crm360_script_t *script, const crm360_command_t *command,
                                 apr_pool_t *pool) __attribute__((warn_unused_result));

/* Waits until as many replicas as `replicas` have what this connection wrote last, for `timeout` at
 * most (WAIT). *reached is how many have it. Errors as crm360_redis_command(). */
apr_status_t crm360_redis_wait(int *reached, crm360_redis_t *redis, int replicas,
                               apr_interval_time_t timeout, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* What is known of the server that the last command went to; NULL when it is none of the pool's. */
crm360_redis_node_t *crm360_redis_node(const crm360_redis_t *redis);

/* The connection that the last command went over: of a cluster it may be another one. */
crm360_redis_t *crm360_redis_last(crm360_redis_t *redis);

/* The command by which a script is called: EVALSHA. For who sends it with others, and sees to it
 * himself that the server may not know it. */
crm360_command_t *crm360_script_call(const crm360_script_t *script, const crm360_command_t *command,
                                     apr_pool_t *pool);

/* The same behind `count` commands, all in one go. The status is that of the script alone; its
 * reply is replies[count], and those of the commands may be errors of any kind. */
apr_status_t crm360_redis_script_behind(crm360_reply_t **replies, crm360_redis_t *redis,
                                        const crm360_command_t *commands, int count,
                                        const crm360_script_t *script,
                                        const crm360_command_t *command, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Sends without reading: for SUBSCRIBE. */
apr_status_t crm360_redis_send(crm360_redis_t *redis, const crm360_command_t *command)
    __attribute__((warn_unused_result));

/* The socket, to poll for readability; and what has arrived on it: APR_EAGAIN when no whole
 * reply is there yet, so call it until it says so. */
int crm360_redis_socket(const crm360_redis_t *redis);
apr_status_t crm360_redis_read(crm360_redis_t *redis) __attribute__((warn_unused_result));
apr_status_t crm360_redis_arrived(crm360_reply_t **reply, crm360_redis_t *redis, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Builds commands of at most `most` words, in `pool`. The words are borrowed; one too many ends the
 * program. */
crm360_command_t *crm360_command_make(int most, apr_pool_t *pool);
void crm360_command_add(crm360_command_t *command, const char *text);
void crm360_command_add_bytes(crm360_command_t *command, const char *data, apr_size_t len);
void crm360_command_add_number(crm360_command_t *command, apr_int64_t number, apr_pool_t *pool);

/* Digest of a script's text, as EVALSHA wants it. */
void crm360_script_digest(crm360_script_t *script);

#endif
