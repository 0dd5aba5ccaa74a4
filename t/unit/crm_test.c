/* The CRM database: migrations, transactions, classes of errors, the inbox. */
#include "crm/inbox.h"

#include <unistd.h>

#include "core/embedded.h"
#include "crm/country.h"
#include "crm/date.h"
#include "crm/db_private.h"
#include "crm/retention.h"
#include "t/unit/crm_tools.h"

/* The newest schema there is. */
static int newest;

static const crm_db_statement_t insert_version = {
    .label = "test_insert",
    .sql = "INSERT INTO WebhookSchema (Version, AppliedAt) VALUES (%d, %s)"};
static const crm_db_statement_t insert_orphan = {
    .label = "test_orphan", .sql = "INSERT INTO Addresses (ContactId) VALUES (%d)"};
static const crm_db_statement_t select_texts = {
    .label = "test_texts", .sql = "SELECT CAST(%s AS TEXT), CAST(%s AS TEXT), 12"};
static const crm_db_statement_t select_number = {.label = "test_number",
                                                 .sql = "SELECT CAST(CAST(%s AS TEXT) AS INTEGER)"};
static const crm_db_statement_t select_lock = {
    .label = "test_lock", .sql = "SELECT Version FROM WebhookSchema", .locks = 1};
static const crm_db_statement_t unknown_table = {.label = "test_unknown",
                                                 .sql = "SELECT 1 FROM NoSuchTable"};

#define DATE "2026-03-02T09:15:27"

/* ---- migrations and opening ---- */

static void migrations(void)
{
    crm360_database_t *section = tools_section("migrations");
    crm_migration_t done;
    const char *why = "";
    crm_db_t *db;
    apr_finfo_t info;

    ok(crm_db_open(&db, &why, section, pool) == CRM360_ESCHEMA, "a missing file is no schema");
    ok(strstr(why, "does not exist; run: crm360ctl migrate") != NULL, "and says what to do");
    ok(apr_stat(&info, section->params, APR_FINFO_TYPE, pool) != APR_SUCCESS,
       "opening makes no file");

    ok(crm_migrate(&done, &why, section, pool) == APR_SUCCESS, "migrate makes it");
    ok(done.created && done.from == 0 && done.to == newest, "from nothing to version %d", newest);
    ok(apr_stat(&info, section->params, APR_FINFO_PROT, pool) == APR_SUCCESS &&
           (info.protection & 0x777) == 0x640,
       "with mode 0640");
    is_text(tools_query(section, "SELECT COUNT(*), MAX(Version) FROM WebhookSchema"),
            apr_psprintf(pool, "%d|%d", newest, newest), "the versions are noted");
    is_text(tools_query(section, "PRAGMA journal_mode"), "wal", "write-ahead log");
    ok(crm_migrate(&done, &why, section, pool) == APR_SUCCESS, "migrating again");
    ok(!done.created && done.from == newest && done.to == newest, "changes nothing");
    is_text(tools_query(section, "SELECT COUNT(*) FROM WebhookSchema"), apr_itoa(pool, newest),
            "nothing at all");
    ok(crm_db_open(&db, &why, section, pool) == APR_SUCCESS, "now it opens");
    crm_db_close(db);

    tools_query(section, "INSERT INTO WebhookSchema VALUES (99, 'x')");
    ok(crm_db_open(&db, &why, section, pool) == CRM360_ESCHEMA, "a newer schema is refused");
    ok(strstr(why, apr_psprintf(pool, "version 99, this program needs %d", newest)) != NULL,
       "and says so");
    ok(crm_migrate(&done, &why, section, pool) == CRM360_ESCHEMA, "migrate refuses it too");
    tools_query(section, "DELETE FROM WebhookSchema");
    ok(crm_db_open(&db, &why, section, pool) == CRM360_ESCHEMA, "an older one is refused");
    ok(strstr(why, "run: crm360ctl migrate") != NULL, "with the remedy");
    ok(crm_migrate(&done, &why, section, pool) != APR_SUCCESS, "half a schema is not migrated");
    is_text(tools_query(section, "SELECT COUNT(*) FROM WebhookSchema"), "0",
            "and nothing of the attempt remains");
}

/* The schema file of this driver with a number, NULL when there is none. */
static const char *schema_file(const crm360_database_t *section, int number)
{
    const char *name = apr_psprintf(pool, "%04d-%s", number, section->driver);
    const crm360_embedded_t *file;

    for (file = crm360_schema; file->name; file++) {
        if (strcmp(file->name, name) == 0) {
            return file->text;
        }
    }
    return NULL;
}

/* A database as an earlier version has left it, with something in it. */
static void upgrades(void)
{
    int from, i;

    for (from = 1; from < newest; from++) {
        crm360_database_t *section = tools_section(apr_psprintf(pool, "upgrade%d", from));
        crm_migration_t done;
        const char *why = "";
        crm_db_t *db;

        if (!tools_pgsql()) {
            ok(apr_file_open(&(apr_file_t *){NULL}, section->params,
                             APR_FOPEN_CREATE | APR_FOPEN_WRITE, APR_OS_DEFAULT,
                             pool) == APR_SUCCESS,
               "an empty file");
        }
        for (i = 1; i <= from; i++) {
            tools_execute(section, schema_file(section, i));
            tools_execute(section, apr_psprintf(pool,
                                                "INSERT INTO WebhookSchema (Version, AppliedAt)"
                                                " VALUES (%d, '" DATE "')",
                                                i));
        }
        tools_execute(section, "INSERT INTO Contacts (FirstName) VALUES ('Ann')");
        ok(crm_db_open(&db, &why, section, pool) == CRM360_ESCHEMA, "version %d is refused", from);
        ok(crm_migrate(&done, &why, section, pool) == APR_SUCCESS, "and migrated: %s",
           why ? why : "fine");
        ok(done.from == from && done.to == newest, "from %d to %d", done.from, done.to);
        is_text(tools_query(section, "SELECT FirstName FROM Contacts"), "Ann", "nothing is lost");
    }
}

static void wrong_sections(void)
{
    crm360_database_t *section = tools_section("wrong");
    const char *why = "";
    apr_file_t *file;
    crm_db_t *db;

    section->driver = "oracle";
    ok(crm_db_open(&db, &why, section, pool) == CRM360_ECONFIG, "an unknown driver");
    ok(strstr(why, "this build has no driver oracle; available: ") == why, "is named");
    section->driver = NULL;
    ok(crm_db_open(&db, &why, section, pool) == CRM360_ECONFIG, "no driver");
    section->driver = "sqlite3";
    section->params = "relative.db";
    ok(crm_db_open(&db, &why, section, pool) == CRM360_ECONFIG, "a relative name is refused");
    section->params = NULL;
    ok(crm_db_open(&db, &why, section, pool) == CRM360_ECONFIG, "no name");
    section->params = folder;
    ok(crm_db_open(&db, &why, section, pool) == CRM360_EAWAY, "a folder is no database");
    section->params = apr_pstrcat(pool, folder, "/text.db", NULL);
    if (apr_file_open(&file, section->params, APR_FOPEN_CREATE | APR_FOPEN_WRITE,
                      APR_FPROT_OS_DEFAULT, pool) == APR_SUCCESS) {
        apr_file_printf(file, "%01000d", 0);
        apr_file_close(file);
    }
    ok(crm_db_open(&db, &why, section, pool) == CRM360_EAWAY, "a text file is no database");
    ok(strstr(why, "not a database") != NULL, "and says so");
}

/* ---- transactions and statements ---- */

static apr_status_t add(crm_db_t *db, const char *id, int *fresh)
{
    return crm_inbox_add(fresh, db, id, "Shopify/Customer/Insert", pool);
}

static void transactions(void)
{
    crm360_database_t *section = tools_section("transactions");
    crm_db_t *db = tools_open(section);
    int fresh = 0;

    ok(crm_db_begin(db) == APR_SUCCESS, "begin");
    ok(crm_db_savepoint(db) == APR_SUCCESS && add(db, "a", &fresh) == APR_SUCCESS && fresh &&
           crm_db_savepoint_release(db) == APR_SUCCESS,
       "a message in a savepoint");
    ok(crm_db_savepoint(db) == APR_SUCCESS && add(db, "b", &fresh) == APR_SUCCESS && fresh &&
           crm_db_savepoint_rollback(db) == APR_SUCCESS,
       "a second one that fails");
    ok(crm_db_savepoint(db) == APR_SUCCESS && add(db, "a", &fresh) == APR_SUCCESS && !fresh &&
           crm_db_savepoint_release(db) == APR_SUCCESS,
       "the first one again is not fresh");
    ok(crm_db_commit(db) == APR_SUCCESS, "commit");
    is_text(tools_query(section, "SELECT MessageId FROM WebhookInbox"), "a",
            "what was rolled back is gone, what was released is there");
    ok(crm_db_begin(db) == APR_SUCCESS && add(db, "c", &fresh) == APR_SUCCESS, "another one");
    crm_db_rollback(db);
    crm_db_rollback(db);
    is_text(tools_query(section, "SELECT COUNT(*) FROM WebhookInbox"), "1",
            "rolling back twice is harmless");
    ok(crm_db_begin(db) == APR_SUCCESS && add(db, "a", &fresh) == APR_SUCCESS && !fresh,
       "a committed message is not fresh in a later transaction");
    crm_db_rollback(db);

    /* As the database does by itself when its disk is full. */
    ok(crm_db_begin(db) == APR_SUCCESS && add(db, "d", &fresh) == APR_SUCCESS &&
           crm_db_run(db, "ROLLBACK") == APR_SUCCESS,
       "the database ends a transaction by itself");
    ok(crm_db_savepoint_release(db) == CRM360_EAWAY, "a savepoint notices");
    ok(crm_db_commit(db) == CRM360_EAWAY, "commit refuses");
    ok(strstr(crm_db_error(db), "ended the transaction") != NULL, "and says why");
    ok(crm_db_begin(db) == APR_SUCCESS && crm_db_commit(db) == APR_SUCCESS, "the next one works");
    crm_db_close(db);
}

/* A statement that fails, inside a savepoint as a message would have it. */
static void refused(crm_db_t *db, const crm_db_statement_t *statement, const char **values,
                    int count, apr_status_t want, const char *name)
{
    apr_status_t rv = crm_db_savepoint(db);

    if (rv == APR_SUCCESS) {
        rv = crm_db_execute(NULL, db, statement, values, count, pool);
    }
    ok(rv == want, "%s", name);
    /* Without changing what crm_db_error() says. */
    ok(crm_db_savepoint_rollback(db) == APR_SUCCESS, "it is undone");
}

static void statements(void)
{
    crm360_database_t *section = tools_section("statements");
    crm_db_t *db = tools_open(section);
    crm_db_rows_t rows;

    ok(crm_db_select(&rows, db, &select_texts, CRM_DB_VALUES("it's \"quoted\"; --", NULL), pool) ==
           APR_SUCCESS,
       "values are no SQL");
    is_text(crm_db_cell(&rows, 0, 0), "it's \"quoted\"; --", "a text comes back");
    is_text(crm_db_cell(&rows, 0, 1), NULL, "NULL comes back");
    is_number(crm_db_number(&rows, 0, 2), 12, "a number");
    is_text(crm_db_cell(&rows, 1, 0), NULL, "no such row");
    is_text(crm_db_cell(&rows, 0, 3), NULL, "no such column");
    ok(crm_db_select(&rows, db, &select_texts, CRM_DB_VALUES("one"), pool) != APR_SUCCESS,
       "a wrong number of values is refused");

    ok(crm_db_begin(db) == APR_SUCCESS, "begin");
    refused(db, &insert_version, CRM_DB_VALUES("1", DATE), CRM360_ECONFLICT,
            "a key that is taken is a conflict");
    ok(strstr(crm_db_error(db), tools_pgsql() ? "duplicate key" : "UNIQUE constraint failed") !=
           NULL,
       "with the database's words: %s", crm_db_error(db));
    refused(db, &insert_version, CRM_DB_VALUES("2", NULL), CRM360_EDATA,
            "NULL where it must not be is wrong data");
    refused(db, &insert_orphan, CRM_DB_VALUES("77"), CRM360_EDATA,
            "a row without its contact is wrong data");
    ok(crm_db_commit(db) == APR_SUCCESS, "such errors do not end the transaction");
    ok(crm_db_select(&rows, db, &unknown_table, NULL, 0, pool) == CRM360_ESCHEMA,
       "an unknown table is a wrong schema");
    crm_db_close(db);
}

static void changed_schema(void)
{
    crm360_database_t *section = tools_section("changed");
    crm_db_t *db = tools_open(section);
    int fresh;

    ok(crm_db_begin(db) == APR_SUCCESS && add(db, "a", &fresh) == APR_SUCCESS &&
           crm_db_commit(db) == APR_SUCCESS,
       "a statement is prepared");
    tools_execute(section, "ALTER TABLE WebhookInbox ADD COLUMN Other TEXT");
    ok(crm_db_begin(db) == APR_SUCCESS && add(db, "b", &fresh) == APR_SUCCESS && fresh &&
           crm_db_commit(db) == APR_SUCCESS,
       "after a change of the schema it is prepared again");
    is_text(tools_query(section, "SELECT COUNT(*) FROM WebhookInbox"), "2", "both are there");
    tools_execute(section, "ALTER TABLE WebhookInbox RENAME TO Elsewhere");
    ok(crm_db_begin(db) == APR_SUCCESS && add(db, "c", &fresh) == CRM360_ESCHEMA,
       "a table that is gone is a wrong schema");
    crm_db_rollback(db);
    tools_execute(section, "ALTER TABLE Elsewhere RENAME TO WebhookInbox");
    ok(crm_db_begin(db) == APR_SUCCESS && add(db, "c", &fresh) == APR_SUCCESS && fresh &&
           crm_db_commit(db) == APR_SUCCESS,
       "when it is back, a new connection goes on");
    crm_db_close(db);
}

static void locked(void)
{
    crm360_database_t *section = tools_section("locked");
    crm_db_t *db = tools_open(section);
    apr_time_t start = apr_time_now();
    sqlite3 *other;
    int took;

    sqlite3_open(section->params, &other);
    sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    ok(crm_db_begin(db) == CRM360_EAWAY, "a locked database is away");
    took = (int)apr_time_sec(apr_time_now() - start);
    ok(took >= 2 && took <= 15, "after a wait within bounds (%d s)", took);
    ok(strstr(crm_db_error(db), "locked") != NULL, "and says so");
    sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(other);
    ok(crm_db_begin(db) == APR_SUCCESS && crm_db_commit(db) == APR_SUCCESS, "then it is back");
    crm_db_close(db);
}

/* How many deleted files this process has open: SQLite deletes its temporary ones at once. */
static int deleted_files(void)
{
    char target[4096];
    apr_finfo_t entry;
    apr_dir_t *dir;
    int count = 0;

    if (apr_dir_open(&dir, "/proc/self/fd", pool) != APR_SUCCESS) {
        return -1;
    }
    while (apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        ssize_t length = readlink(apr_pstrcat(pool, "/proc/self/fd/", entry.name, NULL), target,
                                  sizeof(target) - 1);

        target[length > 0 ? length : 0] = '\0';
        count += strstr(target, " (deleted)") != NULL;
    }
    apr_dir_close(dir);
    return count;
}

/* The pages of a savepoint are kept in memory: as files they would cost more than all the rest. */
static void savepoints(void)
{
    static const crm_db_statement_t fill = {
        .label = "test_fill",
        .sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)"
               " INSERT INTO WebhookInbox (MessageId, Route, ProcessedAt)"
               " SELECT 'fill ' || (i * 7919 % 4001), 'x', '" DATE "' FROM n"};
    static const crm_db_statement_t change = {
        .label = "test_change", .sql = "UPDATE WebhookInbox SET Route = 'changed'"};
    crm360_database_t *section = tools_section("savepoints");
    crm_db_t *db = tools_open(section);
    int files, before;

    ok(crm_db_begin(db) == APR_SUCCESS &&
           crm_db_execute(NULL, db, &fill, NULL, 0, pool) == APR_SUCCESS &&
           crm_db_commit(db) == APR_SUCCESS,
       "4000 rows");
    before = deleted_files();
    ok(crm_db_begin(db) == APR_SUCCESS && crm_db_savepoint(db) == APR_SUCCESS &&
           crm_db_execute(NULL, db, &change, NULL, 0, pool) == APR_SUCCESS,
       "changed inside a savepoint");
    files = deleted_files();
    is_number(files - before, 0, "need no temporary file");
    ok(crm_db_savepoint_rollback(db) == APR_SUCCESS && crm_db_commit(db) == APR_SUCCESS,
       "and rolled back");
    is_text(tools_query(section, "SELECT COUNT(*) FROM WebhookInbox WHERE Route = 'x'"), "4000",
            "they are as they were");
    crm_db_close(db);
}

static void pruning(void)
{
    crm360_database_t *section = tools_section("pruning");
    crm_db_t *db = tools_open(section);
    crm_retention_t keep = {.inbox = apr_time_from_sec(86400), .events = apr_time_from_sec(86400)};
    crm_pruned_t pruned;

    tools_query(section, "INSERT INTO WebhookInbox VALUES ('old1', 'r', '2020-01-01T00:00:00'),"
                         " ('old2', 'r', '2020-01-02T00:00:00'),"
                         " ('new', 'r', '2999-01-01T00:00:00')");
    tools_query(section, "INSERT INTO WebhookEvents (MessageId, ContactId, Kind, At) VALUES"
                         " ('m', 1, 'open', '2020-01-01T00:00:00'),"
                         " ('m', NULL, 'click', '2999-01-01T00:00:00')");
    tools_query(section, "INSERT INTO WebhookJobs (MessageId, Kind, StartedAt, UpdatedAt) VALUES"
                         " ('job', 'a', '2020-01-01T00:00:00', '2020-01-01T00:00:00'),"
                         " ('job', 'b', '2020-01-01T00:00:00', '2999-01-01T00:00:00')");
    ok(crm_retention_prune(&pruned, db, &keep, 1, pool) == APR_SUCCESS, "prune one of each");
    ok(pruned.inbox == 1 && pruned.jobs == 1 && pruned.events == 1 && pruned.more, "one of each");
    is_text(tools_query(section, "SELECT Kind FROM WebhookJobs"), "b",
            "of jobs what nobody has touched for long");
    is_text(tools_query(section, "SELECT MessageId FROM WebhookInbox ORDER BY 1"), "new\nold2",
            "the oldest first");
    is_text(tools_query(section, "SELECT Kind FROM WebhookEvents"), "click", "of events, too");
    ok(crm_retention_prune(&pruned, db, &keep, 100, pool) == APR_SUCCESS, "prune all");
    ok(pruned.inbox == 1 && pruned.events == 0 && !pruned.more, "the other one");
    is_text(tools_query(section, "SELECT MessageId FROM WebhookInbox"), "new",
            "the young one stays");
    keep.events = apr_time_from_sec(86400) * 36500;
    tools_query(section, "INSERT INTO WebhookEvents (MessageId, Kind, At) VALUES"
                         " ('m', 'open', '2020-01-01T00:00:00')");
    ok(crm_retention_prune(&pruned, db, &keep, 100, pool) == APR_SUCCESS && pruned.events == 0,
       "each table has a time of its own");
    crm_db_close(db);
}

/* ---- PostgreSQL only ---- */

static void migrations_pgsql(void)
{
    crm360_database_t *section = tools_section("migrations");
    crm_migration_t done;
    const char *why = "";
    crm_db_t *db;

    ok(crm_db_open(&db, &why, section, pool) == CRM360_ESCHEMA, "an empty database is no schema");
    ok(strstr(why, apr_psprintf(pool, "version 0, this program needs %d; run: crm360ctl migrate",
                                newest)) != NULL,
       "%s", why);
    ok(crm_migrate(&done, &why, section, pool) == APR_SUCCESS, "migrate makes it");
    ok(!done.created && done.from == 0 && done.to == newest, "from nothing to version %d", newest);
    ok(crm_migrate(&done, &why, section, pool) == APR_SUCCESS, "migrating again");
    ok(done.from == newest && done.to == newest, "changes nothing");
    tools_query(section, "INSERT INTO WebhookSchema VALUES (99, '" DATE "')");
    ok(crm_db_open(&db, &why, section, pool) == CRM360_ESCHEMA, "a newer schema is refused");
    tools_query(section, "DELETE FROM WebhookSchema");
    ok(crm_migrate(&done, &why, section, pool) == CRM360_ESCHEMA, "half a schema is not migrated");
    is_text(tools_query(section, "SELECT COUNT(*) FROM WebhookSchema"), "0",
            "and nothing of the attempt remains");
}

/* Opens it; what was wrong is in *why, where no piece of the password may be. */
static apr_status_t try_params(const char **why, crm360_database_t *section, const char *params)
{
    crm_db_t *db;
    apr_status_t rv;

    section->params = params;
    *why = "";
    rv = crm_db_open(&db, why, section, pool);
    if (rv == APR_SUCCESS) {
        crm_db_close(db);
    }
    ok(!strstr(*why, "cret"), "no password in: %s", *why);
    return rv;
}

static const crm_db_statement_t select_settings = {
    .label = "test_settings",
    .sql = "SELECT current_setting('application_name'), current_setting('client_encoding'),"
           " current_setting('TimeZone'), current_setting('synchronous_commit')"};

static void params_pgsql(void)
{
    crm360_database_t *section = tools_section("params");
    const char *params = section->params, *why;
    crm_db_rows_t rows;
    apr_status_t rv;
    crm_db_t *db;

    section->password = "se'cret\\ password='";
    rv = try_params(&why, section, apr_pstrcat(pool, params, " options='", NULL));
    ok(rv == CRM360_ECONFIG, "an open quote does not swallow the password");
    rv = try_params(&why, section, apr_pstrcat(pool, params, " password", NULL));
    ok(rv == CRM360_ECONFIG, "nor does a name without a value");
    rv = try_params(&why, section, apr_pstrcat(pool, params, " dbname=unit_not_there", NULL));
    ok(rv == CRM360_EAWAY && strstr(why, "unit_not_there"), "no such database");
    rv = try_params(&why, section, apr_pstrcat(pool, params, " host=/nowhere", NULL));
    ok(rv == CRM360_EAWAY && strstr(why, "/nowhere"), "no such server");

    section->params = params;
    crm_db_close(tools_open(section));
    tools_query(section, "ALTER ROLE CURRENT_USER SET synchronous_commit TO off");
    tools_disconnect();
    is_text(tools_query(section, "SHOW synchronous_commit"), "off", "a server that does not wait");
    section->params = apr_pstrcat(pool, params, " application_name='it\\'s\\\\'", NULL);
    db = tools_open(section);
    tools_query(section, "ALTER ROLE CURRENT_USER RESET synchronous_commit");
    ok(crm_db_select(&rows, db, &select_settings, NULL, 0, pool) == APR_SUCCESS, "settings");
    is_text(crm_db_cell(&rows, 0, 0), "it's\\", "quotes and backslashes are passed on");
    is_text(crm_db_cell(&rows, 0, 1), "UTF8", "the encoding");
    is_text(crm_db_cell(&rows, 0, 2), "UTC", "the time zone");
    is_text(crm_db_cell(&rows, 0, 3), "on", "commits wait for the disk");
    crm_db_close(db);

    tools_pgsql_query(params, "DROP DATABASE IF EXISTS unit_latin");
    tools_pgsql_query(params,
                      "CREATE DATABASE unit_latin ENCODING LATIN1 LOCALE 'C' TEMPLATE template0");
    rv = try_params(&why, section, apr_pstrcat(pool, params, " dbname=unit_latin", NULL));
    ok(rv == CRM360_ECONFIG && strstr(why, "UTF8"), "another encoding is refused");
}

/* PostgreSQL answers COMMIT of a transaction that has failed with success, and rolls it back. */
static void aborted_pgsql(void)
{
    crm360_database_t *section = tools_section("aborted");
    crm_db_t *db = tools_open(section);
    crm_db_rows_t rows;
    int fresh;

    ok(crm_db_begin(db) == APR_SUCCESS && add(db, "a", &fresh) == APR_SUCCESS && fresh,
       "something is written");
    ok(crm_db_select(&rows, db, &select_number, CRM_DB_VALUES("secret value"), pool) ==
           CRM360_EDATA,
       "a statement fails");
    ok(!strstr(crm_db_error(db), "secret"), "its text quotes no value: %s", crm_db_error(db));
    ok(add(db, "b", &fresh) == CRM360_EAWAY && !fresh, "the next one is refused");
    ok(crm_db_commit(db) == CRM360_EAWAY, "commit refuses");
    ok(strstr(crm_db_error(db), "ended the transaction") != NULL, "%s", crm_db_error(db));
    is_text(tools_query(section, "SELECT COUNT(*) FROM WebhookInbox"), "0", "nothing is there");
    ok(crm_db_begin(db) == APR_SUCCESS && crm_db_savepoint(db) == APR_SUCCESS &&
           crm_db_execute(NULL, db, &insert_orphan, CRM_DB_VALUES("x"), pool) == CRM360_EDATA,
       "one fails inside a savepoint");
    ok(crm_db_savepoint_release(db) == CRM360_EAWAY, "which cannot be released");
    ok(crm_db_savepoint_rollback(db) == APR_SUCCESS && add(db, "c", &fresh) == APR_SUCCESS &&
           crm_db_commit(db) == APR_SUCCESS,
       "but rolled back, and the rest goes on");
    is_text(tools_query(section, "SELECT MessageId FROM WebhookInbox"), "c", "and is there");
    crm_db_close(db);
}

static void errors_pgsql(void)
{
    crm360_database_t *section = tools_section("errors");
    crm_db_t *db = tools_open(section), *other;
    crm_db_rows_t rows;
    const char *why = "";
    apr_time_t start;
    int fresh, took;

    ok(crm_db_open(&other, &why, section, pool) == APR_SUCCESS, "a second connection");
    ok(crm_db_begin(db) == APR_SUCCESS && crm_db_begin(other) == APR_SUCCESS &&
           crm_db_select(&rows, other, &select_lock, NULL, 0, pool) == APR_SUCCESS,
       "holds a row");
    start = apr_time_now();
    ok(crm_db_select(&rows, db, &select_lock, NULL, 0, pool) == CRM360_EAWAY, "which is awaited");
    took = (int)apr_time_sec(apr_time_now() - start);
    ok(took >= 5 && took <= 15, "within bounds (%d s): %s", took, crm_db_error(db));
    crm_db_rollback(db);
    crm_db_rollback(other);
    crm_db_close(other);

    /* A server that restarts or kills the connection in the middle. */
    ok(crm_db_begin(db) == APR_SUCCESS && add(db, "a", &fresh) == APR_SUCCESS, "in a transaction");
    tools_query(section, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                         " WHERE datname = current_database() AND pid <> pg_backend_pid()");
    ok(crm_db_commit(db) == CRM360_EAWAY, "a connection that is gone: %s", crm_db_error(db));
    ok(crm_db_begin(db) == APR_SUCCESS && add(db, "a", &fresh) == APR_SUCCESS && fresh &&
           crm_db_commit(db) == APR_SUCCESS,
       "is made again, and nothing of the transaction was left");
    tools_query(section, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                         " WHERE datname = current_database() AND pid <> pg_backend_pid()");
    ok(crm_db_begin(db) == APR_SUCCESS && crm_db_commit(db) == APR_SUCCESS,
       "one that goes while nothing happens is not even noticed");

    tools_query(section, "ALTER TABLE WebhookInbox ALTER COLUMN Route TYPE SMALLINT USING 1");
    ok(crm_db_begin(db) == APR_SUCCESS && add(db, "b", &fresh) != APR_SUCCESS,
       "a column of another type: %s", crm_db_error(db));
    crm_db_rollback(db);
    crm_db_close(db);
}

/* ---- dates and countries ---- */

static void dates(void)
{
    static const struct {
        const char *text;
        const char *utc; /* NULL = refused */
        long long ms;
    } cases[] = {
        {"2026-03-02T10:15:27+01:00", "2026-03-02T09:15:27", 1772442927000},
        {"2026-03-02T09:15:27.118Z", "2026-03-02T09:15:27", 1772442927118},
        {"2026-03-02T09:15:27.1Z", "2026-03-02T09:15:27", 1772442927100},
        {"2026-03-02T09:15:27.1189999Z", "2026-03-02T09:15:27", 1772442927118},
        {"2021-12-31T19:00:00-05:00", "2022-01-01T00:00:00", 1640995200000},
        {"2024-02-29T23:59:60Z", "2024-03-01T00:00:00", 1709251200000},
        {"2026-03-02 09:15:27", "2026-03-02T09:15:27", 1772442927000},
        {"2026-03-02T09:15", "2026-03-02T09:15:00", 1772442900000},
        {"2026-03-02T14:45:27+0530", "2026-03-02T09:15:27", 1772442927000},
        {"2026-03-02T11:15:27+02", "2026-03-02T09:15:27", 1772442927000},
        {"1970-01-01", "1970-01-01T00:00:00", 0},
        {"1969-12-31T23:59:59.500Z", "1969-12-31T23:59:59", -500},
        {"1900-03-01T00:00:00Z", "1900-03-01T00:00:00", -2203891200000},
        {"2000-02-29T12:00:00Z", "2000-02-29T12:00:00", 951825600000},
        {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59", 253402300799000},
        {"2026-02-29T00:00:00Z", NULL, 0},
        {"1900-02-29", NULL, 0},
        {"2026-13-01", NULL, 0},
        {"2026-00-10", NULL, 0},
        {"0000-01-01", NULL, 0},
        {"2026-03-02T24:00:00Z", NULL, 0},
        {"2026-03-02T09:60:00Z", NULL, 0},
        {"2026-03-02T09:15:27+24:00", NULL, 0},
        {"2026-03-02T09:15:27.Z", NULL, 0},
        {"2026-03-02T09:15:27Zulu", NULL, 0},
        {"2026-03-02T", NULL, 0},
        {"02/03/2026", NULL, 0},
        {"yesterday", NULL, 0},
        {"", NULL, 0},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        apr_int64_t ms = 0;
        apr_status_t rv = crm_date_parse(&ms, cases[i].text);

        if (!cases[i].utc) {
            ok(rv == APR_EINVAL, "\"%s\" is no date", cases[i].text);
            continue;
        }
        ok(rv == APR_SUCCESS, "\"%s\" is a date", cases[i].text);
        is_number(ms, cases[i].ms, "its milliseconds");
        is_text(crm_date_text(ms, pool), cases[i].utc, "its text");
    }
}

static void countries(void)
{
    static const char *const cases[][2] = {
        {"FR", "FRA"},
        {"fr", "FRA"},
        {" Fra ", "FRA"},
        {"France", "FRA"},
        {"FRANCE", "FRA"},
        {"CA", "CAN"},
        {"GB", "GBR"},
        {"UK", "GBR"},
        {"United Kingdom", "GBR"},
        {"US", "USA"},
        {"United States", "USA"},
        {"United States of America", "USA"},
        {"Germany", "DEU"},
        {"Reunion", "REU"},
        {"R\xC3\xA9union", "REU"},
        {"C\xC3\xB4te d\xE2\x80\x99Ivoire", "CIV"},
        {"Cote d'Ivoire", "CIV"},
        {"T\xC3\xBCrkiye", "TUR"},
        {"Turkey", "TUR"},
        {"South Korea", "KOR"},
        {"Russia", "RUS"},
        {"Czech Republic", "CZE"},
        {"Czechia", "CZE"},
        {"Hong Kong", "HKG"},
        {"Hong Kong SAR", "HKG"},
        {"Saint Lucia", "LCA"},
        {"St. Lucia", "LCA"},
        {"Bosnia and Herzegovina", "BIH"},
        {"Trinidad & Tobago", "TTO"},
        {"\xC3\x85land Islands", "ALA"},
        {"Cura\xC3\xA7"
         "ao",
         "CUW"},
        {"Zimbabwe", "ZWE"},
        {"Andorra", "AND"},
        {"Vietnam", "VNM"},
        {"DEU", "DEU"},
        {"Chad", "TCD"},
        {"XX", NULL},
        {"F", NULL},
        {"", NULL},
        {"  ", NULL},
        {"Atlantis", NULL},
        {"F R", NULL},
        {"\xE6\x97\xA5\xE6\x9C\xAC", NULL},
        {"A country whose name is longer than any country's name has ever been written", NULL},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_text(crm_country_find(cases[i][0]), cases[i][1], cases[i][0]);
    }
}

int main(void)
{
    tools_start();
    for (newest = 0; schema_file(&(crm360_database_t){.driver = "sqlite3"}, newest + 1);) {
        newest++;
    }
    upgrades();
    if (tools_pgsql()) {
        migrations_pgsql();
        params_pgsql();
        aborted_pgsql();
        errors_pgsql();
    }
    else {
        migrations();
        wrong_sections();
        locked();
        savepoints();
    }
    transactions();
    statements();
    changed_schema();
    pruning();
    dates();
    countries();
    return tap_done();
}
