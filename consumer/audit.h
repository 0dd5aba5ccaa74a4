/*
 * A look at how the Redis server is set up: what would lose messages, or refuse them, although
 * everything of ours works. Says so in the log, once for each life of the server, and changes
 * nothing.
 */
#ifndef CONSUMER_AUDIT_H
#define CONSUMER_AUDIT_H

#include <apr_pools.h>

#include "core/queue.h"

typedef struct consumer_audit_t consumer_audit_t;

/* Makes it; connects nothing. `queue` is borrowed. */
consumer_audit_t *consumer_audit_make(crm360_queue_t *queue, apr_pool_t *pool);

/* Looks at the servers, each on a connection of its own, when `connected` anew since the last look
 * and they `answer` commands, so that their data are loaded; logs of each that is another one, or
 * was started again. Call it in each turn: a look that failed is made again a second later, or when
 * something else happens. Blocks for as long as connecting and one command may take. `pool` is for
 * the call. */
void consumer_audit_look(consumer_audit_t *audit, int connected, int answers, apr_pool_t *pool);

#endif
