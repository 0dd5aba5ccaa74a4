/* The way from a word of the command line to a database and its queue. Must never connect before
 * the words are known to be right. */
#include "ctl/ctl.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#include "core/status.h"

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

ctl_status_t ctl_failed(const ctl_place_t *place, const char *what, apr_status_t rv)
{
    char text[200];

    fprintf(stderr, "crm360ctl: %s: %s%s%s\n", place->name, what ? what : "", what ? ": " : "",
            crm360_status_text(rv, text, sizeof(text)));
    return rv == CRM360_EAWAY ? CTL_AWAY : rv == CRM360_ECONFIG ? CTL_CONFIGURATION : CTL_FAILED;
}

const char *ctl_plain(const char *text, apr_pool_t *pool)
{
    char *plain = apr_pstrdup(pool, text), *at;

    for (at = plain; *at; at++) {
        *at = apr_iscntrl(*at) ? '?' : *at;
    }
    return plain;
}
