/*
 * Names of worker processes, as they stand in the claims: host, process-id namespace, run of the
 * kernel, process id and start time. From a name a master can tell whether that worker still lives,
 * when it ran beside it.
 */
#ifndef CONSUMER_IDENTITY_H
#define CONSUMER_IDENTITY_H

#include <apr_pools.h>

#include <sys/types.h>

/* Name of process `pid` on this machine, in `pool`: "host/namespace-boot/pid.start". */
const char *consumer_identity(pid_t pid, apr_pool_t *pool);

/* Whether the worker of that name is known to be gone: it ran on this machine, in this
 * namespace, and no such process with that start time is there. 0 when it lives or when that
 * cannot be told from here. */
int consumer_identity_gone(const char *name, apr_pool_t *pool);

/* Whether a worker of that name runs, or ran, on this machine and in this namespace, so that its
 * end can be told from here. */
int consumer_identity_here(const char *name, apr_pool_t *pool);

#endif
