/*
 * What the files of crm360ctl check share: findings, and the checks. Each check runs in a process
 * of its own, which is ended when it takes too long; it says what it finds by ctl_check_say().
 */
#ifndef CTL_CHECK_H
#define CTL_CHECK_H

#include <apr_pools.h>
#include <apr_time.h>

#include "core/config.h"

typedef enum {
    CTL_CHECK_OK,
    CTL_CHECK_INFO, /* fine, and good to know */
    CTL_CHECK_WARN, /* works, and should be otherwise */
    CTL_CHECK_FAIL, /* does not work */
    CTL_CHECK_AWAY, /* a server is out of reach */
    CTL_CHECK_RESULTS
} ctl_check_result_t;

typedef struct ctl_check_t {
    const crm360_config_t *config;
    const char *file;         /* that was read; NULL = not known */
    apr_interval_time_t most; /* that the check may take */
    int out;                  /* descriptor of the pipe on which findings go */
    apr_pool_t *pool;
} ctl_check_t;

/* What is found: one line. `subject` is what was looked at. */
void ctl_check_say(const ctl_check_t *check, ctl_check_result_t result, const char *name,
                   const char *subject, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Becomes the user of crm360d, where one is configured and this process is root; for good, so only
 * in the process of a check. NULL, or what is wrong. */
const char *ctl_check_become(const ctl_check_t *check);

/* A check; `what` is what its comment says. */
typedef void ctl_check_run_t(const ctl_check_t *check, const void *what);

/* Redis, as this program reaches it: audit, rights, clock, scripts, and which crm360d have told
 * their state (check_redis.c). `what` is NULL. */
ctl_check_run_t ctl_check_redis;

/* What those who tell where Redis is have said. */
typedef struct ctl_guides_t {
    int answers;       /* that help */
    int refusals;      /* who answers, and does not tell */
    int disagree;      /* sentinels name several masters */
    const char *place; /* what the last one named; NULL = none did */
    const char *why;   /* of those that do not tell, in words; "" = all do */
} ctl_guides_t;

/* Asks each sentinel, or each node of a cluster, that the address names, and says a line for each
 * (check_guides.c). In the pool of the check. */
void ctl_check_guides(ctl_guides_t *guides, const ctl_check_t *check,
                      const crm360_redis_address_t *address);

/* One database, as crm360d's user: `what` is its crm360_database_t (check_database.c). */
ctl_check_run_t ctl_check_database;

/* One provider: `what` is a crm360_provider_t. */
ctl_check_run_t ctl_check_provider;

/* Files and folders with the rights of crm360d's user, which the process becomes when it is root;
 * `what` is NULL (check_files.c). */
ctl_check_run_t ctl_check_files;

/* Secrets, and the spool as it is. `what` is NULL. */
ctl_check_run_t ctl_check_secrets;
ctl_check_run_t ctl_check_spool;

#endif
