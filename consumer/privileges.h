/*
 * Whom crm360d runs as. All of it is for the main thread, before there is another process or
 * thread, save consumer_privileges_fault(), which a reload calls, too.
 */
#ifndef CONSUMER_PRIVILEGES_H
#define CONSUMER_PRIVILEGES_H

#include "core/config.h"

/* Whether the user of the configuration exists, can be become, and can then use what crm360d has to
 * write: spool, outbox, folder of exported dead letters, SQLite files. As root that is tried out in
 * a process of its own. A process that is not root (any more) looks for itself; `testing`: it
 * need not be that user. *warning, in `pool`, is what works now and will not on a reload: the user
 * cannot read the configuration or a secret; NULL = nothing. Returns NULL, or "Directive: what is
 * wrong; what is allowed" in `pool`. */
const char *consumer_privileges_fault(const char **warning, const crm360_config_t *config,
                                      const char *config_file, int testing, apr_pool_t *pool);

/* Becomes that user for good when this process is root: groups, group, user, each looked at
 * afterwards, and that root cannot be had again. Then, in any case: no program that it may start
 * gets other rights, and no other process of the same user, nor a core file, gets at its memory.
 * APR_SUCCESS, or CRM360_EREFUSED and the reason in *error. Warns when root stays root. */
apr_status_t consumer_privileges_drop(const char **error, const crm360_config_t *config,
                                      apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
