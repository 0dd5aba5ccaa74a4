/* The way from a word of the command line to a database and its queue. Must never connect before
 * the words are known to be right. */
#include "ctl/ctl.h"

#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#include "core/queue_find.h"
#include "core/status.h"
#include "ctl/output.h"

const crm360_database_t *ctl_database(const crm360_config_t *config, const char *customer,
                                      const char *alias, apr_pool_t *pool)
{
    const crm360_database_t *database;
    int customer_known;

    database = crm360_config_database(config, customer, alias, &customer_known);
    if (!database) {
        fprintf(stderr, "crm360ctl: the configuration has no %s %s\n",
                customer_known ? "database" : "customer",
                customer_known ? apr_pstrcat(pool, customer, "/", alias, NULL) : customer);
    }
    return database;
}

const crm360_database_t *ctl_database_named(const crm360_config_t *config, const char *name,
                                            apr_pool_t *pool)
{
    const char *slash = strchr(name, '/');

    if (!slash) {
        fprintf(stderr, "crm360ctl: %s is no customer/alias\n", name);
        return NULL;
    }
    return ctl_database(config, apr_pstrmemdup(pool, name, (apr_size_t)(slash - name)), slash + 1,
                        pool);
}

/* The file of an SQLite database is no server: what is wrong with it does not mend itself. */
ctl_status_t ctl_database_status(apr_status_t rv, const crm360_database_t *database)
{
    if (rv == APR_SUCCESS) {
        return CTL_FINE;
    }
    if (rv == CRM360_EAWAY && strcmp(database->driver, "sqlite3") != 0) {
        return CTL_AWAY;
    }
    return rv == CRM360_ECONFIG ? CTL_CONFIGURATION : CTL_FAILED;
}

ctl_status_t ctl_place_make(ctl_place_t *place, const crm360_config_t *config, const char *name,
                            apr_pool_t *pool)
{
    apr_status_t rv;

    memset(place, 0, sizeof(*place));
    place->config = config;
    place->database = ctl_database_named(config, name, pool);
    if (!place->database) {
        return CTL_USAGE;
    }
    place->name = apr_pstrcat(pool, place->database->customer, "/", place->database->alias, NULL);
    place->keys = crm360_keys_make(place->database->customer, place->database->alias, pool);
    rv = crm360_queue_make(&place->queue, config, 1, NULL, pool);
    return rv == APR_SUCCESS ? CTL_FINE : ctl_failed(place, "the queue", rv);
}

/* ---- several ---- */

ctl_status_t ctl_places_make(ctl_places_t *places, const crm360_config_t *config, int count,
                             const char *const *names, apr_pool_t *pool)
{
    const apr_array_header_t *all = crm360_config_databases(config);
    int i, most = count ? count : all->nelts;
    const crm360_database_t *database;
    apr_status_t rv;

    memset(places, 0, sizeof(*places));
    places->config = config;
    places->databases = apr_pcalloc(pool, ((apr_size_t)most + 1) * sizeof(*places->databases));
    places->keys = apr_pcalloc(pool, ((apr_size_t)most + 1) * sizeof(*places->keys));
    for (i = 0; i < most; i++) {
        database = count ? ctl_database_named(config, names[i], pool)
                         : APR_ARRAY_IDX(all, i, const crm360_database_t *);
        if (!database) {
            return CTL_USAGE;
        }
        places->databases[i] = database;
        places->keys[i] = crm360_keys_make(database->customer, database->alias, pool);
    }
    places->count = most;
    rv = crm360_queue_make(&places->queue, config, 1, NULL, pool);
    return rv == APR_SUCCESS ? CTL_FINE : ctl_redis_failed(places, "", rv, pool);
}

void ctl_places_get(ctl_place_t *place, const ctl_places_t *places, int number)
{
    place->config = places->config;
    place->database = places->databases[number];
    place->keys = places->keys[number];
    place->name = place->keys->name;
    place->queue = places->queue;
}

ctl_status_t ctl_places_find(ctl_place_t *place, const ctl_places_t *places, const char *id,
                             apr_pool_t *pool)
{
    int *has = apr_pcalloc(pool, ((apr_size_t)places->count + 1) * sizeof(*has));
    const char *names = "", *unseen = NULL, *detail;
    int i, found = 0, unseen_count = 0;
    apr_status_t rv =
        crm360_queue_find(has, &detail, places->queue, places->keys, places->count, id, pool);

    if (rv != APR_SUCCESS) {
        return ctl_redis_failed(places, detail, rv, pool);
    }
    for (i = 0; i < places->count; i++) {
        if (has[i] < 0) {
            unseen = unseen ? unseen : places->keys[i]->name;
            unseen_count++;
        }
        else if (has[i]) {
            names = apr_pstrcat(pool, names, found++ ? " and " : "", places->keys[i]->name, NULL);
            ctl_places_get(place, places, i);
        }
    }
    if (found == 1) {
        return CTL_FINE;
    }
    if (found == 0 && unseen) {
        fprintf(stderr,
                "crm360ctl: %s is in none of the databases that can be seen; %d of %d cannot be "
                "(%s...): a node of the cluster does not answer: %s\n",
                ctl_plain(id, pool), unseen_count, places->count, unseen, ctl_plain(detail, pool));
        return CTL_AWAY;
    }
    if (found == 0) {
        fprintf(
            stderr,
            "crm360ctl: %s is no message in Redis%s%s: it is done, dropped, or was never there; "
            "crm360ctl trace looks further\n",
            ctl_plain(id, pool), places->count == 1 ? " of " : "",
            places->count == 1 ? places->keys[0]->name : "");
    }
    else {
        fprintf(stderr, "crm360ctl: %s is in %s: say which is meant\n", ctl_plain(id, pool), names);
    }
    return CTL_FAILED;
}

ctl_status_t ctl_places_of_words(ctl_places_t *places, const char *const **ids, int *id_count,
                                 const crm360_config_t *config, int count, const char *const *words,
                                 apr_pool_t *pool)
{
    const char **names = apr_pcalloc(pool, ((apr_size_t)count + 1) * sizeof(*names));
    const char **others = apr_pcalloc(pool, ((apr_size_t)count + 1) * sizeof(*others));
    int i, name_count = 0;

    *id_count = 0;
    *ids = others;
    for (i = 0; i < count; i++) {
        if (strchr(words[i], '/')) {
            names[name_count++] = words[i];
        }
        else {
            others[(*id_count)++] = words[i];
        }
    }
    return ctl_places_make(places, config, name_count, names, pool);
}

/* ---- failures ---- */

static ctl_status_t status_of(apr_status_t rv)
{
    return rv == CRM360_EAWAY ? CTL_AWAY : rv == CRM360_ECONFIG ? CTL_CONFIGURATION : CTL_FAILED;
}

ctl_status_t ctl_redis_failed(const ctl_places_t *places, const char *detail, apr_status_t rv,
                              apr_pool_t *pool)
{
    char text[200];

    fprintf(
        stderr, "crm360ctl: Redis at %s: %s%s%s\n", crm360_config_redis(places->config, pool)->text,
        crm360_status_text(rv, text, sizeof(text)), *detail ? ": " : "", ctl_plain(detail, pool));
    return status_of(rv);
}

ctl_status_t ctl_places_away(const ctl_places_t *places, const crm360_status_t *statuses,
                             const char *detail, apr_pool_t *pool)
{
    const char *first = NULL;
    int i, away = 0;

    for (i = 0; i < places->count; i++) {
        first = statuses[i].away && !first ? places->keys[i]->name : first;
        away += statuses[i].away;
    }
    if (!away) {
        return CTL_FINE;
    }
    fprintf(stderr,
            "crm360ctl: %d of %d databases cannot be seen (%s...): a node of the cluster does not "
            "answer: %s\n",
            away, places->count, first, ctl_plain(detail, pool));
    return CTL_AWAY;
}

ctl_status_t ctl_failed(const ctl_place_t *place, const char *what, apr_status_t rv)
{
    char text[200];

    fprintf(stderr, "crm360ctl: %s: %s%s%s\n", place->name, what ? what : "", what ? ": " : "",
            crm360_status_text(rv, text, sizeof(text)));
    return status_of(rv);
}
