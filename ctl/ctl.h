/* What the verbs of crm360ctl share: exit statuses, the form of a verb, and the way to what they
 * work on. */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <apr_pools.h>

#include "core/config.h"
#include "core/keys.h"
#include "core/queue.h"

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

/* dead list, dead redrive: dead letters, by what the words choose (dead.c). */
ctl_verb_t ctl_dead_list;
ctl_verb_t ctl_dead_redrive;
#define CTL_DEAD_LIST_WORDS "customer/alias [option ...]"
#define CTL_DEAD_REDRIVE_WORDS "customer/alias {--all | option ...}"

/* erase: what is stored of one person (erase.c). */
ctl_verb_t ctl_erase;
#define CTL_ERASE_WORDS                                                                            \
    "customer/alias {--email A | --phone N | --identifier S:I}... {--dry-run | --yes}"

/* import-postcodes: La Poste's file of post codes into databases (postcodes.c). */
ctl_verb_t ctl_import_postcodes;
#define CTL_IMPORT_POSTCODES_WORDS "[customer/alias ... | --all] [--dry-run] FILE"

/* ---- what verbs work on (place.c) ---- */

/* The database that was named; NULL when the configuration has none: that is said. */
const crm360_database_t *ctl_database(const crm360_config_t *config, const char *customer,
                                      const char *alias, apr_pool_t *pool);

/* Likewise for "customer/alias". */
const crm360_database_t *ctl_database_named(const crm360_config_t *config, const char *name,
                                            apr_pool_t *pool);

/* The exit status for what came of work on a database. */
ctl_status_t ctl_database_status(apr_status_t rv, const crm360_database_t *database);

/* One database and its queue. */
typedef struct ctl_place_t {
    const crm360_config_t *config;
    const crm360_database_t *database;
    const char *name; /* "customer/alias", as the configuration spells it */
    crm360_queue_t *queue;
    const crm360_keys_t *keys;
} ctl_place_t;

/* Makes the way to the place that "customer/alias" names; connects nothing. Anything but CTL_FINE
 * has been said on standard error. */
ctl_status_t ctl_place_make(ctl_place_t *place, const crm360_config_t *config, const char *name,
                            apr_pool_t *pool);

/* Says that something with the place failed; `what` may be NULL. The exit status for it. */
ctl_status_t ctl_failed(const ctl_place_t *place, const char *what, apr_status_t rv);

/* A text for a terminal: control characters are replaced, in `pool`. */
const char *ctl_plain(const char *text, apr_pool_t *pool);

#endif
