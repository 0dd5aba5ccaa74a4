/*
 * crm360ctl migrate: one line per database, and the worst exit status of all. Must go on with the
 * other databases when one fails.
 */
#include "ctl/ctl.h"

#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#include "crm/migrate.h"
#include "ctl/options.h"

static const ctl_option_t options[] = {{NULL, NULL, NULL}};

/* One database, with a pool of its own: there may be ten thousand. */
static ctl_status_t migrate_one(const crm360_database_t *database, apr_pool_t *parent)
{
    crm_migration_t done;
    const char *why;
    apr_pool_t *pool;
    apr_status_t rv;

    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm360ctl_migrate");
    rv = crm_migrate(&done, &why, database, pool);
    if (rv != APR_SUCCESS) {
        fprintf(stderr, "crm360ctl: %s/%s (%s:%d): %s\n", database->customer, database->alias,
                database->file, database->line, why);
    }
    else if (done.from == done.to) {
        printf("%s/%s: schema %d, nothing to do\n", database->customer, database->alias, done.to);
    }
    else {
        printf("%s/%s: %sschema %d to %d\n", database->customer, database->alias,
               done.created ? "created, " : "", done.from, done.to);
    }
    apr_pool_destroy(pool);
    return ctl_database_status(rv, database);
}

static ctl_status_t migrate_named(const crm360_config_t *config, const char *customer,
                                  const char *alias, apr_pool_t *pool)
{
    const crm360_database_t *database = ctl_database(config, customer, alias, pool);

    return database ? migrate_one(database, pool) : CTL_USAGE;
}

/* Those that are named, by one word or two. */
static ctl_status_t migrate_some(const crm360_config_t *config, int count, const char *const *words,
                                 apr_pool_t *pool)
{
    ctl_status_t worst = CTL_FINE, status;
    const char *slash;
    int i;

    for (i = 0; i < count; i++) {
        slash = strchr(words[i], '/');
        if (!slash && i + 1 == count) {
            fprintf(stderr,
                    "crm360ctl: migrate takes customer and alias; the alias of %s is missing\n",
                    words[i]);
            return CTL_USAGE;
        }
        if (slash) {
            status = migrate_named(config,
                                   apr_pstrmemdup(pool, words[i], (apr_size_t)(slash - words[i])),
                                   slash + 1, pool);
        }
        else {
            status = migrate_named(config, words[i], words[i + 1], pool);
            i++;
        }
        worst = status > worst ? status : worst;
    }
    return worst;
}

static ctl_status_t run_migrate(const crm360_config_t *config, int count, const char *const *text,
                                apr_pool_t *pool)
{
    const apr_array_header_t *all = crm360_config_databases(config);
    ctl_status_t worst = CTL_FINE, status;
    ctl_words_t words;
    int i;

    i = ctl_options_read(&words, &ctl_migrate, NULL, NULL, count, text, pool);
    if (i >= 0) {
        return (ctl_status_t)i;
    }
    if (words.count > 0) {
        return migrate_some(config, words.count, words.rest, pool);
    }
    for (i = 0; i < all->nelts; i++) {
        status = migrate_one(APR_ARRAY_IDX(all, i, const crm360_database_t *), pool);
        worst = status > worst ? status : worst;
    }
    if (all->nelts == 0) {
        printf("the configuration has no database\n");
    }
    return worst;
}

const ctl_verb_t ctl_migrate = {
    .name = "migrate",
    .words = "[customer alias | customer/alias ...]",
    .summary = "bring the schema of all databases, or of these, up to date;\n"
               "      a SQLite file that is not there is made",
    .help =
        "Brings the schema of databases up to the version that this release works with, all of\n"
        "them or those that are named. One that is up to date is left alone.\n",
    .options = options,
    .examples = "  crm360ctl migrate\n"
                "  crm360ctl migrate acme/prod\n",
    .run = run_migrate,
};
