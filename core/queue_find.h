/*
 * In which database a message is: an operator has its id from a receipt or a log, which do not
 * always say. For crm360ctl and the status page. Changes nothing. Any thread of a process may call.
 */
#ifndef CRM360_QUEUE_FIND_H
#define CRM360_QUEUE_FIND_H

#include "core/queue.h"

/* Looks for a message in `count` databases: has[i] is 1 when it is stored there, in a lane or among
 * the dead letters, else 0; -1 when the node of a cluster that would know does not answer. Costs
 * Redis the same whatever waits; many databases are asked in several goes. Errors as
 * crm360_redis_run(), when none could be asked: *detail (in `pool`) says what failed, and why what
 * is -1 is. */
apr_status_t crm360_queue_find(int *has, const char **detail, crm360_queue_t *queue,
                               const crm360_keys_t *const *keys, int count, const char *id,
                               apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
