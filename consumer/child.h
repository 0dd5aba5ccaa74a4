/*
 * Forking the processes of a master: each is linked to it by a socket, whose end tells the other
 * side of its end. Used by the master's single thread only.
 */
#ifndef CONSUMER_CHILD_H
#define CONSUMER_CHILD_H

#include <apr_pools.h>

#include <sys/types.h>

/* Forks. APR_INPARENT: *pid is the child, *link our end of the socket, closed on exec. APR_INCHILD:
 * *link is the child's end, and nothing else is open but the standard descriptors; all signals are
 * blocked until it has handlers of its own. Anything else: there is no child. */
apr_status_t consumer_child_fork(pid_t *pid, int *link, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
