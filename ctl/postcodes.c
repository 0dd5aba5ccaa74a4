/*
 * crm360ctl import-postcodes: fills the table of post codes from La Poste's file. The file is read
 * and checked to its end before a database is opened; each database then changes as a whole or not
 * at all. Must go on with the other databases when one fails.
 */
#include "ctl/ctl.h"

#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/postcode_file.h"
#include "ctl/progress.h"

typedef struct words_t {
    int all;
    int dry_run;
    ctl_output_t *output;
} words_t;

/* One database being filled. */
typedef struct filling_t {
    const ctl_postcodes_t *found;
    int next; /* row */
    ctl_progress_t *progress;
} filling_t;

static const ctl_option_t options[] = {
    {"all", NULL, "all databases of the configuration, as when none is named"},
    {"dry-run", NULL, "read and check the file, and change nothing"},
    CTL_OPTION_JSON,
    {NULL, NULL, NULL},
};

static const char *take(void *baton, int which, const char *value, apr_pool_t *pool)
{
    words_t *words = baton;

    (void)value;
    (void)pool;
    if (which == 0) {
        words->all = 1;
    }
    else {
        words->dry_run = 1;
    }
    return NULL;
}

/* Implements crm_postcode_next_t. */
static apr_status_t next_row(void *baton, crm_postcode_row_t *row)
{
    filling_t *filling = baton;
    const apr_array_header_t *rows = filling->found->rows;

    if (filling->next == rows->nelts) {
        return APR_EOF;
    }
    ctl_progress_at(filling->progress, filling->next);
    *row = APR_ARRAY_IDX(rows, filling->next, crm_postcode_row_t);
    filling->next++;
    return APR_SUCCESS;
}

/* What came of a database; `name` NULL = only of the file, nothing was changed. `why` is NULL when
 * it has succeeded. */
static void tell_program(ctl_output_t *output, const char *name, int rows,
                         const ctl_postcodes_t *found, const char *why)
{
    ctl_object_begin(output, NULL);
    ctl_field_text(output, "database", NULL, name);
    ctl_field_number(output, "rows", NULL, rows);
    ctl_field_number(output, "codes", NULL, found->codes);
    ctl_field_number(output, "duplicates", NULL, found->duplicates);
    ctl_field_flag(output, "changed", NULL, name && !why);
    ctl_field_text(output, "error", NULL, why);
    ctl_object_end(output);
}

static ctl_status_t fill_one(ctl_output_t *output, const crm360_database_t *database,
                             const ctl_postcodes_t *found, apr_pool_t *parent)
{
    filling_t filling = {.found = found};
    const char *name, *why;
    apr_pool_t *pool;
    apr_status_t rv;
    crm_db_t *db;
    int stored = 0;

    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm360ctl_postcodes");
    name = apr_pstrcat(pool, database->customer, "/", database->alias, NULL);
    filling.progress = ctl_progress_begin(name, found->rows->nelts, pool);
    rv = crm_db_open(&db, &why, database, pool);
    if (rv == APR_SUCCESS) {
        rv = crm_postcode_replace(&stored, db, next_row, &filling, pool);
        why = crm_db_error(db);
    }
    ctl_progress_hide(filling.progress);
    if (rv != APR_SUCCESS) {
        fprintf(stderr, "crm360ctl: %s (%s:%d): %s\n", name, database->file, database->line, why);
    }
    if (ctl_output_form(output) == CTL_FORM_JSON) {
        tell_program(output, name, rv == APR_SUCCESS ? stored : 0, found,
                     rv == APR_SUCCESS ? NULL : why);
    }
    else if (rv == APR_SUCCESS) {
        printf("%s: %d rows with %d post codes imported, %d duplicates left out\n", name, stored,
               found->codes, found->duplicates);
    }
    apr_pool_destroy(pool);
    return ctl_database_status(rv, database);
}

/* The databases that are named; NULL = one is not there: that is said. */
static const apr_array_header_t *named(const crm360_config_t *config, int count,
                                       const char *const *words, apr_pool_t *pool)
{
    apr_array_header_t *databases = apr_array_make(pool, count, sizeof(crm360_database_t *));
    const crm360_database_t *database;
    int i;

    /* As migrate takes it, too: customer and alias as two words. */
    if (count == 2 && !strchr(words[0], '/') && !strchr(words[1], '/')) {
        database = ctl_database(config, words[0], words[1], pool);
        if (database) {
            APR_ARRAY_PUSH(databases, const crm360_database_t *) = database;
        }
        return database ? databases : NULL;
    }
    for (i = 0; i < count; i++) {
        database = ctl_database_named(config, words[i], pool);
        if (!database) {
            return NULL;
        }
        APR_ARRAY_PUSH(databases, const crm360_database_t *) = database;
    }
    return databases;
}

/* Reads the file and fills the databases from it. */
static ctl_status_t import(const apr_array_header_t *databases, const char *path,
                           const words_t *said, apr_pool_t *pool)
{
    ctl_status_t worst = CTL_FINE, status;
    ctl_postcodes_t found;
    const char *why;
    int i;

    if (ctl_postcodes_read(&found, &why, path, pool) != APR_SUCCESS) {
        fprintf(stderr, "crm360ctl: %s; nothing was changed\n", why);
        return CTL_FAILED;
    }
    if (said->dry_run) {
        if (ctl_output_form(said->output) == CTL_FORM_JSON) {
            tell_program(said->output, NULL, found.rows->nelts, &found, NULL);
        }
        else {
            printf("%s: %d rows with %d post codes, %d duplicates; nothing was changed\n",
                   path ? path : "standard input", found.rows->nelts, found.codes,
                   found.duplicates);
        }
        return CTL_FINE;
    }
    for (i = 0; i < databases->nelts; i++) {
        status = fill_one(said->output, APR_ARRAY_IDX(databases, i, const crm360_database_t *),
                          &found, pool);
        worst = status > worst ? status : worst;
    }
    return worst;
}

static ctl_status_t run_import(const crm360_config_t *config, int count, const char *const *text,
                               apr_pool_t *pool)
{
    const ctl_verb_t *verb = &ctl_import_postcodes;
    const apr_array_header_t *databases;
    words_t said = {.all = 0};
    ctl_words_t words;
    const char *file;
    int status = ctl_options_read(&words, verb, take, &said, count, text, pool);

    if (status >= 0) {
        return (ctl_status_t)status;
    }
    if (words.count == 0) {
        return ctl_usage_error(verb, "wants a file, or - for standard input");
    }
    words.count--;
    if (said.all && words.count > 0) {
        return ctl_usage_error(verb, "wants customer/alias or --all, not both, and one file");
    }
    databases = words.count ? named(config, words.count, words.rest, pool)
                            : crm360_config_databases(config);
    if (!databases) {
        return CTL_USAGE;
    }
    said.output = ctl_output_make(words.json, pool);
    if (databases->nelts == 0 && !words.json) {
        printf("the configuration has no database\n");
    }
    file = words.rest[words.count];
    return import(databases, strcmp(file, "-") == 0 ? NULL : file, &said, pool);
}

const ctl_verb_t ctl_import_postcodes = {
    .name = "import-postcodes",
    .words = "[customer/alias ... | --all] [--dry-run] FILE",
    .summary =
        "replace the post codes that addresses are checked against by those of La Poste's CSV file",
    .help =
        "Replaces the post codes that addresses are checked against by those of FILE, La Poste's\n"
        "public CSV file (laposte_hexasmal, \"Base officielle des codes postaux\" of "
        "data.gouv.fr);\n"
        "- is standard input. A file that is wrong anywhere changes nothing.\n",
    .options = options,
    .examples = "  crm360ctl import-postcodes --all --dry-run laposte_hexasmal.csv\n"
                "  crm360ctl import-postcodes acme/prod laposte_hexasmal.csv\n",
    .run = run_import,
};
