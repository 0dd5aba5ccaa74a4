/* What the verbs of crm360ctl share: exit statuses, the form of a verb, and the way to what they
 * work on. */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <apr_pools.h>

#include "core/config.h"
#include "core/keys.h"
#include "core/queue.h"
#include "core/queue_status.h"

typedef enum {
    CTL_FINE,
    CTL_FAILED,
    CTL_USAGE,
    CTL_CONFIGURATION,
    CTL_AWAY /* a server is out of reach */
} ctl_status_t;

/* Does the work of a verb: `words` are the `count` arguments behind its name. Prints what it did to
 * standard output, what is wrong to standard error, and returns the exit status. */
typedef ctl_status_t ctl_run_t(const crm360_config_t *config, int count, const char *const *words,
                               apr_pool_t *pool);

/* One option, in a table that ends with a name of NULL. */
typedef struct ctl_option_t {
    const char *name;
    const char
        *value; /* what its value is called in the help, as "TIME"; "ID ..." = it may be given
                        * several times; NULL = it has none */
    const char *help;
} ctl_option_t;

/* A verb: all that the help, the messages about wrong words and the completion of shells say of it
 * comes from here. */
typedef struct ctl_verb_t {
    const char *name;    /* one word, or two: "dead list" */
    const char *words;   /* what stands behind it */
    const char *summary; /* half a sentence, for the list of all verbs */
    const char *help;    /* sentences; lines with a line feed each */
    const ctl_option_t *options;
    const char *examples; /* lines, likewise, each begins with two blanks; NULL = none */
    ctl_run_t *run;
} ctl_verb_t;

/* The verbs; each file holds those of one family. The list of all is in main.c. */
extern const ctl_verb_t ctl_status;
extern const ctl_verb_t ctl_queues;
extern const ctl_verb_t ctl_list;
extern const ctl_verb_t ctl_show;
extern const ctl_verb_t ctl_now;
extern const ctl_verb_t ctl_pause;
extern const ctl_verb_t ctl_resume;
extern const ctl_verb_t ctl_migrate;
extern const ctl_verb_t ctl_dead_list;
extern const ctl_verb_t ctl_dead_show;
extern const ctl_verb_t ctl_dead_redrive;
extern const ctl_verb_t ctl_dead_drop;
extern const ctl_verb_t ctl_erase;
extern const ctl_verb_t ctl_import_postcodes;
extern const ctl_verb_t ctl_check;
extern const ctl_verb_t ctl_push;
extern const ctl_verb_t ctl_trace;
extern const ctl_verb_t ctl_tail;
extern const ctl_verb_t ctl_spool_list;
extern const ctl_verb_t ctl_spool_drain;

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

/* Several databases, all in one Redis, and one queue for them. */
typedef struct ctl_places_t {
    const crm360_config_t *config;
    crm360_queue_t *queue;
    int count;
    const crm360_database_t **databases;
    const crm360_keys_t **keys; /* their names are "customer/alias" */
} ctl_places_t;

/* Makes the way to those that are named, or to all of the configuration when `count` is 0; connects
 * nothing. Anything but CTL_FINE has been said. */
ctl_status_t ctl_places_make(ctl_places_t *places, const crm360_config_t *config, int count,
                             const char *const *names, apr_pool_t *pool);

/* One of them. */
void ctl_places_get(ctl_place_t *place, const ctl_places_t *places, int number);

/* The one that has the message. CTL_FAILED when none has, or several: that is said. */
ctl_status_t ctl_places_find(ctl_place_t *place, const ctl_places_t *places, const char *id,
                             apr_pool_t *pool);

/* The words "[customer/alias] ID ...", apart: those with a slash are databases. What is wrong is
 * said; *ids is in `pool`. */
ctl_status_t ctl_places_of_words(ctl_places_t *places, const char *const **ids, int *id_count,
                                 const crm360_config_t *config, int count, const char *const *words,
                                 apr_pool_t *pool);

/* Says that Redis failed; `detail` is what is known of it, "" = nothing. The exit status for it. */
ctl_status_t ctl_redis_failed(const ctl_places_t *places, const char *detail, apr_status_t rv,
                              apr_pool_t *pool);

/* Says on standard error which databases could not be seen, for a node of the cluster that does not
 * answer: CTL_AWAY then, else CTL_FINE. */
ctl_status_t ctl_places_away(const ctl_places_t *places, const crm360_status_t *statuses,
                             const char *detail, apr_pool_t *pool);

/* Says that something with the place failed; `what` may be NULL. The exit status for it. */
ctl_status_t ctl_failed(const ctl_place_t *place, const char *what, apr_status_t rv);

#endif
