/*
 * A look at how the Redis server is set up: what would lose messages, or refuse them, although
 * everything of ours works. Says so in the log, once for each life of the server, and changes
 * nothing.
 */
#ifndef CONSUMER_AUDIT_H
#define CONSUMER_AUDIT_H

#include <apr_pools.h>

#include "core/config.h"

typedef struct consumer_audit_t consumer_audit_t;

/* Makes it; connects nothing. `config` is borrowed. */
consumer_audit_t *consumer_audit_make(const crm360_config_t *config, apr_pool_t *pool);

/* Looks at the server, on a connection of its own, when `connected` anew since the last look and
 * the server `answers` commands, so that its data are loaded; logs when it is another one, or was
 * started again. Call it in each turn: a look that failed is made again a second later, or when
 * something else happens. Blocks for as long as connecting and one command may take. `pool` is for
 * the call. */
void consumer_audit_look(consumer_audit_t *audit, int connected, int answers, apr_pool_t *pool);

#endif
