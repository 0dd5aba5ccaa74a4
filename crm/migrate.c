/*
 * Applies the numbered schema files. Must never change a database that is newer than this program,
 * and never leave half a migration behind.
 */
#include "crm/migrate.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "core/embedded.h"
#include "crm/date.h"
#include "crm/db_private.h"

static const crm_db_statement_t select_version = {.label = "schema_version",
                                                  .sql = "SELECT MAX(Version) FROM WebhookSchema"};

static const crm_db_statement_t insert_version = {
    .label = "schema_insert",
    .sql = "INSERT INTO WebhookSchema (Version, AppliedAt) VALUES (%d, %s)"};

/* Number of a schema file "NNNN-<driver>", 0 when it belongs to another driver. */
static int number_of(const crm360_embedded_t *file, const char *driver)
{
    int number = 0, i;

    for (i = 0; i < 4; i++) {
        if (!apr_isdigit(file->name[i])) {
            return 0;
        }
        number = number * 10 + (file->name[i] - '0');
    }
    return file->name[4] == '-' && strcmp(file->name + 5, driver) == 0 ? number : 0;
}

int crm_db_schema_newest(const crm_db_t *db)
{
    const crm360_embedded_t *file;
    int newest = 0, number;

    for (file = crm360_schema; file->name; file++) {
        number = number_of(file, crm_db_dialect(db)->driver);
        newest = number > newest ? number : newest;
    }
    return newest;
}

static const char *text_of(const crm_db_t *db, int number)
{
    const crm360_embedded_t *file;

    for (file = crm360_schema; file->name; file++) {
        if (number_of(file, crm_db_dialect(db)->driver) == number) {
            return file->text;
        }
    }
    return NULL;
}

apr_status_t crm_db_schema_version(int *version, crm_db_t *db, apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv;

    *version = 0;
    rv = crm_db_select(&rows, db, &crm_db_dialect(db)->schema_there, NULL, 0, pool);
    if (rv == APR_SUCCESS && crm_db_number(&rows, 0, 0) > 0) {
        rv = crm_db_select(&rows, db, &select_version, NULL, 0, pool);
        *version = (int)crm_db_number(&rows, 0, 0);
    }
    return rv;
}

/* Runs a file statement by statement: apr_dbd reports only the last error of several. A
 * statement ends with a semicolon at the end of a line; lines that begin with -- are left out. */
static apr_status_t run_statements(crm_db_t *db, const char *text, apr_pool_t *pool)
{
    const char *sql = "", *line, *end;
    apr_status_t rv = APR_SUCCESS;

    for (line = text; *line && rv == APR_SUCCESS; line = *end ? end + 1 : end) {
        end = line + strcspn(line, "\n");
        if (end == line || strncmp(line, "--", 2) == 0) {
            continue;
        }
        if (end[-1] == ';') {
            sql = apr_pstrcat(pool, sql, apr_pstrmemdup(pool, line, (apr_size_t)(end - line - 1)),
                              NULL);
            rv = crm_db_run(db, sql);
            sql = "";
        }
        else {
            sql = apr_pstrcat(pool, sql, apr_pstrmemdup(pool, line, (apr_size_t)(end - line)), "\n",
                              NULL);
        }
    }
    return rv;
}

/* One migration inside the transaction the caller holds. */
static apr_status_t apply(crm_db_t *db, int number, apr_pool_t *pool)
{
    const char *now = crm_date_text(apr_time_now() / 1000, pool);
    apr_status_t rv = run_statements(db, text_of(db, number), pool);

    if (rv == APR_SUCCESS) {
        crm_db_forget(db);
        rv = crm_db_execute(NULL, db, &insert_version, CRM_DB_VALUES(crm_db_int(number, pool), now),
                            pool);
    }
    return rv;
}

/* Begins a transaction in which no other program migrates. */
static apr_status_t begin(crm_db_t *db)
{
    apr_status_t rv = crm_db_run(db, crm_db_dialect(db)->begin);

    if (rv == APR_SUCCESS && crm_db_dialect(db)->migrate) {
        rv = crm_db_run(db, crm_db_dialect(db)->migrate);
    }
    return rv;
}

/* Applies the next migration, if there is one; *version is what the database has then. */
static apr_status_t step(int *version, crm_db_t *db, apr_pool_t *pool)
{
    apr_status_t rv = begin(db);

    /* Looked up inside the transaction, with statements made inside it: another program may have
     * migrated meanwhile. */
    if (rv == APR_SUCCESS) {
        crm_db_forget(db);
        rv = crm_db_schema_version(version, db, pool);
    }
    if (rv == APR_SUCCESS && *version < crm_db_schema_newest(db)) {
        rv = apply(db, *version + 1, pool);
        if (rv == APR_SUCCESS) {
            rv = crm_db_commit(db);
            *version += rv == APR_SUCCESS;
            return rv;
        }
    }
    crm_db_rollback(db);
    return rv;
}

/* What the database has, looked up while nobody else migrates: in the middle of somebody's
 * migrations a statement would find the schema changed under it, time and again. */
static apr_status_t look(int *version, crm_db_t *db, apr_pool_t *pool)
{
    apr_status_t rv = begin(db);

    if (rv == APR_SUCCESS) {
        crm_db_forget(db);
        rv = crm_db_schema_version(version, db, pool);
    }
    crm_db_rollback(db);
    return rv;
}

apr_status_t crm_migrate(crm_migration_t *done, const char **why, const crm360_database_t *database,
                         apr_pool_t *pool)
{
    crm_db_t *db;
    apr_status_t rv;
    int before;

    memset(done, 0, sizeof(*done));
    *why = NULL;
    rv = crm_db_connect(&db, &done->created, why, database, 1, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = look(&done->from, db, pool);
    done->to = done->from;
    if (rv == APR_SUCCESS && done->from > crm_db_schema_newest(db)) {
        *why = apr_psprintf(
            pool, "the schema is version %d, this program knows %d; install the newer program",
            done->from, crm_db_schema_newest(db));
        rv = CRM360_ESCHEMA;
    }
    do {
        before = done->to;
        if (rv == APR_SUCCESS) {
            rv = step(&done->to, db, pool);
        }
    } while (rv == APR_SUCCESS && done->to != before);
    if (rv != APR_SUCCESS && !*why) {
        *why = apr_pstrdup(pool, crm_db_error(db));
    }
    crm_db_close(db);
    return rv;
}
