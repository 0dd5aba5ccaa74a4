/*
 * The SQLite side of a connection: settings, the state of a transaction, and the class of an error.
 * The only file that includes sqlite3.h. Must never make a database file unless a migration asks
 * for it: an empty file in the wrong place would hide a wrong path.
 */
#include "crm/db_private.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>

#include <sqlite3.h>

#include <unistd.h>

/* apr_dbd repeats a busy statement 15 times with pauses of 100 ms on top of this, so that a lock is
 * waited for about 5 s in all: well below a handler's time limit. */
#define BUSY_TIMEOUT_MS 200

/* Another program may just be making the database, and then switching to the write-ahead log
 * fails at once instead of waiting for the busy timeout, because both hold the lock it needs
 * alone. */
#define SETTLE_TRIES 20
#define SETTLE_PAUSE (100 * 1000)

/* How many bytes of pages as they were before a savepoint stay in memory; more go to a temporary
 * file. A message's savepoint needs some 100 kB, and SQLite's own 64 kB mean thousands of writes
 * a transaction, for nothing: the journal of a savepoint protects from no crash. */
#define SAVEPOINT_BYTES (4 * 1024 * 1024)

#define FILE_MODE (APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_GREAD)

/* A connection belongs to one thread, so that no call on it needs a mutex. Statistics of memory
 * would take one for each allocation, and nobody reads them. */
static void start(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, SAVEPOINT_BYTES);
}

/* A statement that failed at its step leaves the exact code in the connection only after it was
 * reset, which apr_dbd does before it returns (sqlite3_prepare:
 * https://sqlite.org/c3ref/step.html). */
static apr_status_t classify(crm_db_cure_t *cure, void *native)
{
    int code = sqlite3_extended_errcode(native);

    *cure = CRM_DB_NOTHING;
    switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
        if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
            code == SQLITE_CONSTRAINT_ROWID) {
            return CRM360_ECONFLICT;
        }
        return CRM360_EDATA;
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
        return CRM360_EDATA;
    case SQLITE_OK:
    case SQLITE_SCHEMA:
        /* Statements made by sqlite3_prepare, as apr_dbd's are, do not survive a change of the
         * schema. One that never got to run leaves no code behind. */
        *cure = CRM_DB_PREPARE;
        return CRM360_ESCHEMA;
    case SQLITE_ERROR:
        /* All our SQL is constant: what the database does not understand is a schema of another
         * version. */
        *cure = CRM_DB_REOPEN;
        return CRM360_ESCHEMA;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_NOMEM:
        return CRM360_EAWAY;
    default:
        *cure = CRM_DB_REOPEN;
        return CRM360_EAWAY;
    }
}

static void explain(char *text, apr_size_t size, void *native)
{
    switch (sqlite3_errcode(native)) {
    case SQLITE_OK:
        apr_cpystrn(text, "the schema has changed", size);
        break;
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        apr_snprintf(text, size,
                     "%s (user %lu must be able to write the database file and its folder)",
                     sqlite3_errmsg(native), (unsigned long)geteuid());
        break;
    default:
        apr_cpystrn(text, sqlite3_errmsg(native), size);
        break;
    }
}

/* SQLite ends a transaction by itself after some errors (disk full, I/O). */
static crm_db_state_t state(void *native)
{
    return sqlite3_get_autocommit(native) ? CRM_DB_IDLE : CRM_DB_IN_TRANSACTION;
}

/* All keys that the database makes are rowids. RETURNING would make a temporary table each time. */
static apr_int64_t inserted(void *native)
{
    return sqlite3_last_insert_rowid(native);
}

static apr_status_t settle(const char **why, void *native)
{
    int tries, rc = SQLITE_OK;

    *why = NULL;
    (void)sqlite3_busy_timeout(native, BUSY_TIMEOUT_MS); /* cannot fail */
    for (tries = 0; tries < SETTLE_TRIES; tries++) {
        rc = sqlite3_exec(native,
                          "PRAGMA foreign_keys=ON;"
                          "PRAGMA synchronous=FULL;"
                          "PRAGMA journal_mode=WAL;",
                          NULL, NULL, NULL);
        if (rc != SQLITE_BUSY) {
            break;
        }
        apr_sleep(SETTLE_PAUSE);
    }
    return rc == SQLITE_OK ? APR_SUCCESS : APR_EGENERAL;
}

static apr_status_t make_file(const char *path, int *create, const char **why, apr_pool_t *pool)
{
    apr_file_t *file;
    apr_status_t rv = apr_file_open(
        &file, path, APR_FOPEN_CREATE | APR_FOPEN_EXCL | APR_FOPEN_WRITE, FILE_MODE, pool);

    if (APR_STATUS_IS_EEXIST(rv)) {
        *create = 0; /* another program was faster */
        return APR_SUCCESS;
    }
    if (rv != APR_SUCCESS) {
        *why = apr_psprintf(pool, "cannot create %s: %pm", path, &rv);
        return CRM360_EAWAY;
    }
    /* The mode that was asked for, whatever the umask. */
    rv = apr_file_perms_set(path, FILE_MODE);
    if (rv == APR_SUCCESS) {
        rv = apr_file_close(file);
    }
    if (rv != APR_SUCCESS) {
        *why = apr_psprintf(pool, "cannot create %s: %pm", path, &rv);
        return CRM360_EAWAY;
    }
    return APR_SUCCESS;
}

static apr_status_t locate(const char **params, int *create, const char **why,
                           const crm360_database_t *database, apr_pool_t *pool)
{
    const char *path = database->params;
    apr_finfo_t info;
    apr_status_t rv;

    if (!path || path[0] != '/') {
        *why = "Crm360DBParams must be the absolute name of the SQLite file";
        return CRM360_ECONFIG;
    }
    *params = path;
    rv = apr_stat(&info, path, APR_FINFO_TYPE, pool);
    if (APR_STATUS_IS_ENOENT(rv)) {
        if (*create) {
            return make_file(path, create, why, pool);
        }
        *why = apr_psprintf(pool, "%s does not exist; run: crm360ctl migrate", path);
        return CRM360_ESCHEMA;
    }
    *create = 0;
    if (rv != APR_SUCCESS) {
        *why = apr_psprintf(pool, "cannot look at %s: %pm", path, &rv);
        return CRM360_EAWAY;
    }
    if (info.filetype != APR_REG) {
        *why = apr_psprintf(pool, "%s is not a file", path);
        return CRM360_EAWAY;
    }
    return APR_SUCCESS;
}

const crm_db_dialect_t crm_db_sqlite3 = {
    .driver = "sqlite3",
    .begin = "BEGIN IMMEDIATE",
    .migrate = NULL,
    .for_update = "",
    .for_free = "", /* there is one writer, and that is us */
    .decimal = "%s",
    .schema_there = {.label = "schema_there",
                     .sql = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table'"
                            " AND name = 'WebhookSchema'"},
    .prepares_control = 1,
    .start = start,
    .locate = locate,
    .settle = settle,
    .state = state,
    .inserted = inserted,
    .classify = classify,
    .explain = explain,
};
