/* What the verbs of crm360ctl share: exit statuses and the form of a verb. */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <apr_pools.h>

#include "core/config.h"

typedef enum {
    CTL_FINE,
    CTL_FAILED,
    CTL_USAGE,
    CTL_CONFIGURATION,
    CTL_AWAY /* a server is out of reach */
} ctl_status_t;

/* A verb: `words` are the `count` arguments behind its name. Prints what it did to standard
 * output, what is wrong to standard error, and returns the exit status. */
typedef ctl_status_t ctl_verb_t(const crm360_config_t *config, int count, const char *const *words,
                                apr_pool_t *pool);

/* migrate: brings the schema of all databases, or of those named, up to date (migrate.c). */
ctl_verb_t ctl_migrate;

#endif
