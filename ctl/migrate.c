/*
 * crm360ctl migrate: one line, or one JSON object, per database, and the worst exit status of all.
 * Must go on with the other databases when one fails.
 */
#include "ctl/ctl.h"

#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#include "crm/migrate.h"
#include "ctl/options.h"
#include "ctl/output.h"

static const ctl_option_t options[] = {CTL_OPTION_JSON, {NULL, NULL, NULL}};

static void tell(const char *name, const crm_migration_t *done)
{
    if (done->from == done->to) {
        printf("%s: schema %d, nothing to do\n", name, done->to);
    }
    else {
        printf("%s: %sschema %d to %d\n", name, done->created ? "created, " : "", done->from,
               done->to);
    }
}

/* As JSON; `why` is NULL when it has succeeded, and only then *done is something. */
static void tell_program(ctl_output_t *output, const char *name, const crm_migration_t *done,
                         const char *why)
{
    ctl_object_begin(output, NULL);
    ctl_field_text(output, "database", NULL, name);
    if (why) {
        ctl_field_text(output, "created", NULL, NULL);
        ctl_field_text(output, "from", NULL, NULL);
        ctl_field_text(output, "to", NULL, NULL);
    }
    else {
        ctl_field_flag(output, "created", NULL, done->created);
        ctl_field_number(output, "from", NULL, done->from);
        ctl_field_number(output, "to", NULL, done->to);
    }
    ctl_field_text(output, "error", NULL, why);
    ctl_object_end(output);
}

/* One database, with a pool of its own: there may be ten thousand. */
static ctl_status_t migrate_one(ctl_output_t *output, const crm360_database_t *database,
                                apr_pool_t *parent)
{
    crm_migration_t done;
    const char *name, *why = NULL;
    apr_pool_t *pool;
    apr_status_t rv;

    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm360ctl_migrate");
    name = apr_pstrcat(pool, database->customer, "/", database->alias, NULL);
    rv = crm_migrate(&done, &why, database, pool);
    if (rv != APR_SUCCESS) {
        fprintf(stderr, "crm360ctl: %s (%s:%d): %s\n", name, database->file, database->line, why);
    }
    if (ctl_output_form(output) == CTL_FORM_JSON) {
        tell_program(output, name, &done, rv == APR_SUCCESS ? NULL : why);
    }
    else if (rv == APR_SUCCESS) {
        tell(name, &done);
    }
    apr_pool_destroy(pool);
    return ctl_database_status(rv, database);
}

/* The databases that are named, by one word or two; NULL = one is not there: that is said. All are
 * found before the first is touched. */
static const apr_array_header_t *named(const crm360_config_t *config, int count,
                                       const char *const *words, apr_pool_t *pool)
{
    apr_array_header_t *databases = apr_array_make(pool, count, sizeof(crm360_database_t *));
    const crm360_database_t *database;
    int i;

    for (i = 0; i < count; i++) {
        if (strchr(words[i], '/')) {
            database = ctl_database_named(config, words[i], pool);
        }
        else if (i + 1 < count) {
            database = ctl_database(config, words[i], words[i + 1], pool);
            i++;
        }
        else {
            fprintf(stderr,
                    "crm360ctl: migrate takes customer and alias; the alias of %s is missing\n",
                    ctl_plain(words[i], pool));
            database = NULL;
        }
        if (!database) {
            return NULL;
        }
        APR_ARRAY_PUSH(databases, const crm360_database_t *) = database;
    }
    return databases;
}

static ctl_status_t run_migrate(const crm360_config_t *config, int count, const char *const *text,
                                apr_pool_t *pool)
{
    const apr_array_header_t *databases;
    ctl_output_t *output;
    ctl_status_t worst = CTL_FINE, status;
    ctl_words_t words;
    int i;

    i = ctl_options_read(&words, &ctl_migrate, NULL, NULL, count, text, pool);
    if (i >= 0) {
        return (ctl_status_t)i;
    }
    databases = words.count ? named(config, words.count, words.rest, pool)
                            : crm360_config_databases(config);
    if (!databases) {
        return CTL_USAGE;
    }
    output = ctl_output_make(words.json, pool);
    for (i = 0; i < databases->nelts; i++) {
        status = migrate_one(output, APR_ARRAY_IDX(databases, i, const crm360_database_t *), pool);
        worst = status > worst ? status : worst;
    }
    if (databases->nelts == 0 && !words.json) {
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
                "  crm360ctl migrate acme/prod\n"
                "  crm360ctl migrate --json | jq -r 'select(.error) | .database'\n",
    .run = run_migrate,
};
