/*
 * Connections to the CRM database: opening and reopening, transactions, statements. Knows apr_dbd
 * and no database; those stand behind crm_db_dialect_t. Must never use apr_dbd's own transactions
 * (on SQLite they swallow statements after an error, on PostgreSQL they report an aborted one as
 * committed).
 */
#include "crm/db_private.h"

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "core/log.h"

#define SAVEPOINT "crm360_message"
#define REMEMBERED_MOST 1000

/* The statements of one description. */
typedef struct made_t {
    const void *description;
    struct made_t *next;
    const crm_db_statement_t *statements[CRM_DB_MADE_MOST];
} made_t;

struct crm_db_t {
    const crm_db_dialect_t *dialect;
    const apr_dbd_driver_t *driver;
    const crm360_database_t *database; /* borrowed: lives as long as the configuration */
    const char *params;
    apr_pool_t *pool;
    apr_pool_t *connection; /* lives as long as `handle` */
    apr_dbd_t *handle;      /* NULL = closed */
    apr_hash_t *statements; /* label -> prepared_t, in `connection` */
    apr_hash_t *remembered; /* texts, in `memory` */
    apr_pool_t *memory;     /* of one transaction */
    made_t *made;           /* statements that were made of descriptions, in `pool` */
    int prepared;           /* how many statements there have been */
    int reopen;             /* the connection is of no more use */
    apr_uint64_t changes;   /* what may have changed something */
    char error[256];
};

/* A statement prepared on one connection. */
typedef struct prepared_t {
    apr_dbd_prepared_t *native;
    int placeholders;
    int reads; /* and changes nothing */
} prepared_t;

static const crm_db_dialect_t *const dialects[] = {&crm_db_sqlite3, &crm_db_pgsql, NULL};

void crm_db_note(crm_db_t *db, const char *text)
{
    char *end, *c;

    apr_cpystrn(db->error, text && *text ? text : "no reason given", sizeof(db->error));
    end = db->error + strlen(db->error);
    while (end > db->error && apr_isspace(end[-1])) {
        *--end = '\0';
    }
    /* One line of a log: libpq says what it tried at several addresses in as many lines. */
    for (c = db->error; *c; c++) {
        *c = apr_iscntrl(*c) ? ' ' : *c;
    }
}

static void *native_of(const crm_db_t *db)
{
    return apr_dbd_native_handle(db->driver, db->handle);
}

/* Keeps the text of the error that just happened and gives its class. */
static apr_status_t failed(crm_db_cure_t *cure, crm_db_t *db)
{
    char text[sizeof(db->error)] = "";
    apr_status_t rv = db->dialect->classify(cure, native_of(db));

    db->dialect->explain(text, sizeof(text), native_of(db));
    crm_db_note(db, text);
    db->reopen |= *cure == CRM_DB_REOPEN;
    db->changes++;
    return rv;
}

static apr_status_t close_connection(void *data)
{
    crm_db_t *db = data;

    if (db->handle) {
        apr_dbd_close(db->driver, db->handle);
        db->handle = NULL;
    }
    return APR_SUCCESS;
}

/* Opens the handle in a pool of its own, so that reopening for years does not grow `pool`. */
static apr_status_t connect_native(crm_db_t *db)
{
    const char *text = NULL;
    crm_db_cure_t cure;
    apr_status_t rv;

    if (!db->connection) {
        apr_pool_create(&db->connection, db->pool);
        apr_pool_tag(db->connection, "crm_db_connection");
    }
    apr_pool_clear(db->connection);
    db->reopen = 0;
    if (apr_dbd_open_ex(db->driver, db->connection, db->params, &db->handle, &text) !=
        APR_SUCCESS) {
        db->handle = NULL;
        crm_db_note(db, text);
        return CRM360_EAWAY;
    }
    apr_pool_cleanup_register(db->connection, db, close_connection, apr_pool_cleanup_null);
    db->statements = apr_hash_make(db->connection);
    rv = db->dialect->settle(&text, native_of(db));
    if (rv != APR_SUCCESS) {
        if (text) {
            crm_db_note(db, text);
        }
        else {
            rv = failed(&cure, db);
        }
        apr_pool_clear(db->connection);
    }
    return rv;
}

static const crm_db_dialect_t *find_dialect(const char **why, const char *driver, apr_pool_t *pool)
{
    const char *known = "";
    int i;

    for (i = 0; dialects[i]; i++) {
        if (driver && strcmp(dialects[i]->driver, driver) == 0) {
            return dialects[i];
        }
        known = apr_pstrcat(pool, known, *known ? ", " : "", dialects[i]->driver, NULL);
    }
    *why = apr_psprintf(pool, "this build has no driver %s; available: %s",
                        driver ? driver : "(none set)", known);
    return NULL;
}

/* ---- memory ---- */

static void forget_texts(crm_db_t *db)
{
    apr_pool_clear(db->memory);
    db->remembered = apr_hash_make(db->memory);
}

void crm_db_remember(crm_db_t *db, const char *text)
{
    const char *kept;

    if (apr_hash_count(db->remembered) < REMEMBERED_MOST) {
        kept = apr_pstrdup(db->memory, text);
        apr_hash_set(db->remembered, kept, APR_HASH_KEY_STRING, kept);
    }
}

int crm_db_remembers(const crm_db_t *db, const char *text)
{
    return apr_hash_get(db->remembered, text, APR_HASH_KEY_STRING) != NULL;
}

/* ---- connections ---- */

apr_status_t crm_db_init(apr_pool_t *pool)
{
    int i;

    for (i = 0; dialects[i]; i++) {
        if (dialects[i]->start) {
            dialects[i]->start();
        }
    }
    return apr_dbd_init(pool);
}

apr_status_t crm_db_connect(crm_db_t **pdb, int *created, const char **why,
                            const crm360_database_t *database, int create, apr_pool_t *pool)
{
    crm_db_t *db = apr_pcalloc(pool, sizeof(*db));
    apr_status_t rv;

    *pdb = NULL;
    *created = create;
    db->database = database;
    db->dialect = find_dialect(why, database->driver, pool);
    if (!db->dialect) {
        return CRM360_ECONFIG;
    }
    rv = db->dialect->locate(&db->params, created, why, database, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_dbd_get_driver(pool, db->dialect->driver, &db->driver);
    if (rv != APR_SUCCESS) {
        *why = apr_psprintf(pool,
                            "apr_dbd cannot load its driver %s; Debian's package is "
                            "libaprutil1-dbd-%s",
                            db->dialect->driver, db->dialect->driver);
        return CRM360_EAWAY;
    }
    apr_pool_create(&db->pool, pool);
    apr_pool_tag(db->pool, "crm_db");
    apr_pool_create(&db->memory, db->pool);
    apr_pool_tag(db->memory, "crm_db_memory");
    forget_texts(db);
    rv = connect_native(db);
    if (rv != APR_SUCCESS) {
        *why = apr_pstrdup(pool, db->error);
        apr_pool_destroy(db->pool);
        return rv;
    }
    *pdb = db;
    return APR_SUCCESS;
}

/* The schema must be exactly the one this program was made for: an older one lacks columns, and
 * of a newer one nobody knows what it expects. */
static apr_status_t check_schema(crm_db_t *db)
{
    char text[160];
    apr_pool_t *pool;
    apr_status_t rv;
    int version = 0;

    apr_pool_create(&pool, db->pool);
    rv = crm_db_schema_version(&version, db, pool);
    apr_pool_destroy(pool);
    if (rv == APR_SUCCESS && version != crm_db_schema_newest(db)) {
        apr_snprintf(text, sizeof(text), "the schema is version %d, this program needs %d; %s",
                     version, crm_db_schema_newest(db),
                     version < crm_db_schema_newest(db) ? "run: crm360ctl migrate"
                                                        : "install the newer program");
        crm_db_note(db, text);
        db->reopen = 1;
        return CRM360_ESCHEMA;
    }
    return rv;
}

apr_status_t crm_db_open(crm_db_t **pdb, const char **why, const crm360_database_t *database,
                         apr_pool_t *pool)
{
    int created = 0;
    crm_db_t *db;
    apr_status_t rv;

    *pdb = NULL;
    rv = crm_db_connect(&db, &created, why, database, 0, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = check_schema(db);
    if (rv != APR_SUCCESS) {
        *why = apr_pstrdup(pool, db->error);
        crm_db_close(db);
        return rv;
    }
    *pdb = db;
    return APR_SUCCESS;
}

void crm_db_close(crm_db_t *db)
{
    apr_pool_destroy(db->pool);
}

const char *crm_db_error(const crm_db_t *db)
{
    return db->error;
}

/* ---- transactions ---- */

/* Makes sure there is a connection that can be used, opening a new one after a failure. */
static apr_status_t revive(crm_db_t *db)
{
    apr_status_t rv;

    if (db->handle && !db->reopen) {
        return APR_SUCCESS;
    }
    rv = connect_native(db);
    if (rv == APR_SUCCESS) {
        rv = check_schema(db);
    }
    if (rv == APR_SUCCESS) {
        crm360_log(CRM360_LOG_INFO, rv, "database %s/%s: connection opened again",
                   db->database->customer, db->database->alias);
    }
    return rv;
}

apr_status_t crm_db_run(crm_db_t *db, const char *sql)
{
    crm_db_cure_t cure;
    int rows;

    if (!db->handle) {
        crm_db_note(db, "the connection is closed");
        return CRM360_EAWAY;
    }
    return apr_dbd_query(db->driver, db->handle, &rows, sql) == 0 ? APR_SUCCESS : failed(&cure, db);
}

apr_status_t crm_db_begin(crm_db_t *db)
{
    apr_status_t rv = APR_SUCCESS;
    int tries;

    forget_texts(db);
    /* A server that was restarted while we were idle is noticed here, and nothing is lost yet. */
    for (tries = 0; tries < 2; tries++) {
        rv = revive(db);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        rv = crm_db_run(db, db->dialect->begin);
        if (!db->reopen) {
            return rv;
        }
    }
    return rv;
}

apr_uint64_t crm_db_changes(const crm_db_t *db)
{
    return db->changes;
}

/* A transaction that the database has given up cannot be used any further. */
apr_status_t crm_db_check(crm_db_t *db)
{
    if (db->handle && db->dialect->state(native_of(db)) == CRM_DB_IN_TRANSACTION) {
        return APR_SUCCESS;
    }
    crm_db_note(db, "the database has ended the transaction after an error");
    return CRM360_EAWAY;
}

apr_status_t crm_db_commit(crm_db_t *db)
{
    apr_status_t rv = crm_db_check(db);

    if (rv == APR_SUCCESS) {
        rv = crm_db_run(db, "COMMIT");
    }
    if (rv != APR_SUCCESS) {
        crm_db_rollback(db);
    }
    return rv;
}

/* Keeps crm_db_error(): callers roll back first and log then. */
void crm_db_rollback(crm_db_t *db)
{
    int rows;

    forget_texts(db);
    if (!db->handle || db->dialect->state(native_of(db)) == CRM_DB_IDLE) {
        return;
    }
    /* What matters is the state afterwards, not what the statement said. */
    (void)apr_dbd_query(db->driver, db->handle, &rows, "ROLLBACK");
    if (db->dialect->state(native_of(db)) != CRM_DB_IDLE) {
        db->reopen = 1;
    }
}

/* What each message needs twice: worth a prepared statement, where there can be one. */
static const crm_db_statement_t set_savepoint = {.label = "savepoint",
                                                 .sql = "SAVEPOINT " SAVEPOINT};
static const crm_db_statement_t release_savepoint = {.label = "savepoint_release",
                                                     .sql = "RELEASE SAVEPOINT " SAVEPOINT};

static apr_status_t control(crm_db_t *db, const crm_db_statement_t *statement)
{
    return db->dialect->prepares_control
               ? crm_db_execute(NULL, db, statement, NULL, 0, db->connection)
               : crm_db_run(db, statement->sql);
}

apr_status_t crm_db_savepoint(crm_db_t *db)
{
    return control(db, &set_savepoint);
}

apr_status_t crm_db_savepoint_release(crm_db_t *db)
{
    apr_status_t rv = crm_db_check(db);

    return rv == APR_SUCCESS ? control(db, &release_savepoint) : rv;
}

apr_status_t crm_db_savepoint_rollback(crm_db_t *db)
{
    apr_status_t rv = crm_db_run(db, "ROLLBACK TO SAVEPOINT " SAVEPOINT);

    forget_texts(db);
    /* Rolling back to a savepoint leaves it in place. */
    return rv == APR_SUCCESS ? control(db, &release_savepoint) : rv;
}

/* ---- statements ---- */

static int count_placeholders(const char *sql)
{
    int count = 0;

    for (; *sql; sql++) {
        count += sql[0] == '%' && apr_isalpha(sql[1]);
    }
    return count;
}

/* A name of its own each time: PostgreSQL keeps statements that we have forgotten. In lower case:
 * apr_dbd's driver prepares it unquoted, which PostgreSQL folds, and runs it by the exact name. */
static const char *make_name(crm_db_t *db, const char *label)
{
    char *name = apr_psprintf(db->connection, "%s_%d", label, ++db->prepared), *c;

    for (c = name; *c; c++) {
        *c = (char)apr_tolower(*c);
    }
    return name;
}

/* The text of a statement for this database. */
static const char *complete(crm_db_t *db, const crm_db_statement_t *statement)
{
    if (statement->gives && !db->dialect->inserted) {
        return apr_pstrcat(db->connection, statement->sql, " RETURNING ", statement->gives, NULL);
    }
    return apr_pstrcat(db->connection, statement->sql,
                       statement->locks == CRM_DB_LOCK_FREE ? db->dialect->for_free
                       : statement->locks                   ? db->dialect->for_update
                                                            : "",
                       NULL);
}

static apr_status_t prepare(prepared_t **found, crm_db_t *db, const crm_db_statement_t *statement,
                            int count)
{
    prepared_t *prepared;
    const char *sql;
    crm_db_cure_t cure;

    if (!db->handle) {
        crm_db_note(db, "the connection is closed");
        return CRM360_EAWAY;
    }
    prepared = apr_hash_get(db->statements, statement->label, APR_HASH_KEY_STRING);
    if (!prepared) {
        sql = complete(db, statement);
        prepared = apr_pcalloc(db->connection, sizeof(*prepared));
        prepared->placeholders = count_placeholders(sql);
        prepared->reads = strncmp(sql, "SELECT ", 7) == 0;
        if (apr_dbd_prepare(db->driver, db->connection, db->handle, sql,
                            make_name(db, statement->label), &prepared->native) != 0) {
            return failed(&cure, db);
        }
        /* The hash keeps the key itself, and a label may live no longer than its message. */
        apr_hash_set(db->statements, apr_pstrdup(db->connection, statement->label),
                     APR_HASH_KEY_STRING, prepared);
    }
    if (prepared->placeholders != count) {
        /* A slip of ours; going on would read past the values. */
        crm_db_note(db, apr_psprintf(db->connection, "statement %s takes %d values, got %d",
                                     statement->label, prepared->placeholders, count));
        return CRM360_ESCHEMA;
    }
    *found = prepared;
    return APR_SUCCESS;
}

static const crm_db_statement_t *make_statement(crm_db_t *db, const void *description,
                                                crm_db_make_t *make)
{
    crm_db_statement_t *statement = apr_pcalloc(db->pool, sizeof(*statement));
    apr_pool_t *pool;

    apr_pool_create(&pool, db->pool);
    apr_pool_tag(pool, "crm_db_make");
    make(statement, db->dialect, description, pool);
    statement->label = apr_pstrdup(db->pool, statement->label);
    statement->sql = apr_pstrdup(db->pool, statement->sql);
    apr_pool_destroy(pool);
    return statement;
}

const crm_db_statement_t *crm_db_made(crm_db_t *db, const void *description, int number,
                                      crm_db_make_t *make)
{
    made_t *made = db->made;

    while (made && made->description != description) {
        made = made->next;
    }
    if (!made) {
        made = apr_pcalloc(db->pool, sizeof(*made));
        made->description = description;
        made->next = db->made;
        db->made = made;
    }
    if (!made->statements[number]) {
        made->statements[number] = make_statement(db, description, make);
    }
    return made->statements[number];
}

void crm_db_forget(crm_db_t *db)
{
    apr_hash_clear(db->statements);
}

/* Runs a statement, for its rows when `results` is given. When the schema has changed since it
 * was prepared, the database refuses to begin it; then it is prepared again, once. */
static apr_status_t run_prepared(int *changed, apr_dbd_results_t **results, crm_db_t *db,
                                 const crm_db_statement_t *statement, const char **values,
                                 int count, apr_pool_t *pool)
{
    prepared_t *prepared = NULL;
    crm_db_cure_t cure;
    apr_status_t rv;
    int tries, code;

    for (tries = 0; tries < 2; tries++) {
        rv = prepare(&prepared, db, statement, count);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        db->changes += !prepared->reads;
        if (results) {
            code = apr_dbd_pselect(db->driver, pool, db->handle, results, prepared->native, 1,
                                   count, values);
        }
        else {
            code = apr_dbd_pquery(db->driver, pool, db->handle, changed, prepared->native, count,
                                  values);
        }
        if (code == 0) {
            return APR_SUCCESS;
        }
        rv = failed(&cure, db);
        if (cure != CRM_DB_PREPARE) {
            return rv;
        }
        apr_hash_set(db->statements, statement->label, APR_HASH_KEY_STRING, NULL);
    }
    db->reopen = 1;
    return rv;
}

apr_status_t crm_db_execute(int *rows, crm_db_t *db, const crm_db_statement_t *statement,
                            const char **values, int count, apr_pool_t *pool)
{
    int changed = 0;
    apr_status_t rv = run_prepared(&changed, NULL, db, statement, values, count, pool);

    if (rv == APR_SUCCESS && rows) {
        *rows = changed;
    }
    return rv;
}

apr_status_t crm_db_select(crm_db_rows_t *rows, crm_db_t *db, const crm_db_statement_t *statement,
                           const char **values, int count, apr_pool_t *pool)
{
    apr_dbd_results_t *results = NULL;
    apr_dbd_row_t *row = NULL;
    int tuples, i, column;
    apr_status_t rv;
    char *text;

    memset(rows, 0, sizeof(*rows));
    rv = run_prepared(NULL, &results, db, statement, values, count, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    tuples = apr_dbd_num_tuples(db->driver, results);
    rows->columns = apr_dbd_num_cols(db->driver, results);
    rows->cells = apr_pcalloc(pool, sizeof(char *) * (size_t)(tuples * rows->columns + 1));
    for (i = 0; i < tuples && apr_dbd_get_row(db->driver, pool, results, &row, -1) == 0; i++) {
        for (column = 0; column < rows->columns; column++) {
            /* APR_ENOENT is how the driver says NULL. */
            text = NULL;
            if (apr_dbd_datum_get(db->driver, row, column, APR_DBD_TYPE_STRING, &text) ==
                APR_SUCCESS) {
                rows->cells[i * rows->columns + column] = apr_pstrdup(pool, text);
            }
        }
    }
    rows->count = i;
    return APR_SUCCESS;
}

apr_status_t crm_db_insert(int *id, crm_db_t *db, const crm_db_statement_t *statement,
                           const char **values, int count, apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv;

    *id = 0;
    if (db->dialect->inserted) {
        rv = crm_db_execute(NULL, db, statement, values, count, pool);
        *id = rv == APR_SUCCESS ? (int)db->dialect->inserted(native_of(db)) : 0;
        return rv;
    }
    rv = crm_db_select(&rows, db, statement, values, count, pool);
    *id = (int)crm_db_number(&rows, 0, 0);
    return rv;
}

const char *crm_db_cell(const crm_db_rows_t *rows, int row, int column)
{
    if (row < 0 || row >= rows->count || column < 0 || column >= rows->columns) {
        return NULL;
    }
    return rows->cells[row * rows->columns + column];
}

apr_int64_t crm_db_number(const crm_db_rows_t *rows, int row, int column)
{
    const char *text = crm_db_cell(rows, row, column);
    char *end = NULL;
    apr_int64_t number;

    if (!text) {
        return 0;
    }
    number = apr_strtoi64(text, &end, 10);
    return end != text && *end == '\0' ? number : 0;
}

/* By hand: each message has dozens, and apr_psprintf takes longer for one than many a statement. */
const char *crm_db_int(apr_int64_t number, apr_pool_t *pool)
{
    char digits[24], *at = digits + sizeof(digits);
    apr_uint64_t left = number < 0 ? 0 - (apr_uint64_t)number : (apr_uint64_t)number;

    do {
        *--at = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (number < 0) {
        *--at = '-';
    }
    return apr_pstrmemdup(pool, at, (apr_size_t)(digits + sizeof(digits) - at));
}

const char *crm_db_id(int id, apr_pool_t *pool)
{
    return id ? crm_db_int(id, pool) : NULL;
}

const crm_db_dialect_t *crm_db_dialect(const crm_db_t *db)
{
    return db->dialect;
}
