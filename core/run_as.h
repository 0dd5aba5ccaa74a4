/*
 * The user that crm360d runs as (Crm360User): who that is, becoming it, and what it must be able to
 * use. One thread.
 */
#ifndef CRM360_RUN_AS_H
#define CRM360_RUN_AS_H

#include <sys/types.h>

#include "core/config.h"

/* A user as the system knows it. */
typedef struct crm360_identity_t {
    uid_t uid;
    gid_t gid;
    const char *login; /* whose groups it gets; NULL = a number without an entry: none but gid */
    const char *home;
} crm360_identity_t;

/* Looks it up, into `pool`. NULL, or "Crm360User: what is wrong; what is allowed". */
const char *crm360_run_as_find(crm360_identity_t *found, const crm360_user_t *user,
                               apr_pool_t *pool) __attribute__((warn_unused_result));

/* Becomes it for good: groups, group, user. NULL, or which step failed, and errno. */
const char *crm360_run_as_become(const crm360_identity_t *who) __attribute__((warn_unused_result));

/* Something that crm360d writes. */
typedef struct crm360_used_t {
    /* The directive: "Crm360Spool", "Crm360Outbox", "Crm360DeadLetterExport", "Crm360DBParams". */
    const char *name;
    const char *path;
    const char *fault; /* NULL = this process can use it; else "Directive: what; allowed: what" */
} crm360_used_t;

/* All of that, in `pool`, and whether this process could use it: crm360_used_t. What is not there
 * yet, and can be made, is fine. Rights only: it writes nothing. */
apr_array_header_t *crm360_run_as_uses(const crm360_config_t *config, apr_pool_t *pool);

#endif
