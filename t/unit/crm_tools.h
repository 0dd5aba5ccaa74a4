/*
 * What the tests of the CRM database share: a temporary database, made by the real
 * migrations, and a second look at it that does not go through the code under test.
 */
#ifndef CRM_TOOLS_H
#define CRM_TOOLS_H

#include <apr_env.h>
#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>

#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "core/log.h"
#include "crm/db.h"
#include "crm/migrate.h"
#include "t/unit/tap.h"

static apr_pool_t *pool;   /* of the whole program */
static const char *folder; /* temporary; removed at the end */

static void tools_remove(void)
{
    apr_dir_t *dir;
    apr_finfo_t entry;

    if (apr_dir_open(&dir, folder, pool) == APR_SUCCESS) {
        while (apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS) {
            if (entry.name[0] != '.') {
                apr_file_remove(apr_pstrcat(pool, folder, "/", entry.name, NULL), pool);
            }
        }
        apr_dir_close(dir);
    }
    apr_dir_remove(folder, pool);
}

/* Lines of the log as comments between the results. */
static void tools_log(void *baton, crm360_log_level_t level, apr_status_t rv, const char *text)
{
    (void)baton;
    (void)rv;
    printf("# log %s: %s\n", crm360_log_level_name(level), text);
}

static void tools_start(void)
{
    const char *temp;
    char *name;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    crm360_log_set(tools_log, NULL, CRM360_LOG_INFO);
    if (apr_temp_dir_get(&temp, pool) != APR_SUCCESS) {
        abort();
    }
    name = apr_pstrcat(pool, temp, "/crm360-test-XXXXXX", NULL);
    folder = mkdtemp(name);
    if (!folder || crm_db_init(pool) != APR_SUCCESS) {
        abort();
    }
    atexit(tools_remove);
}

/* The connection string of a PostgreSQL server's superuser, from CRM360_TEST_DB; NULL = SQLite.
 * Then each section gets a fresh database of that server. */
static const char *tools_pgsql(void)
{
    char *params;

    return apr_env_get(&params, "CRM360_TEST_DB", pool) == APR_SUCCESS ? params : NULL;
}

/* A second connection, which stays for the next query of the same database. */
static PGconn *tools_native;

static void tools_disconnect(void)
{
    PQfinish(tools_native); /* NULL is fine */
    tools_native = NULL;
}

static void tools_connect(const char *params)
{
    static const char *of;

    if (tools_native && (strcmp(of, params) != 0 || PQstatus(tools_native) != CONNECTION_OK)) {
        tools_disconnect();
    }
    if (!tools_native) {
        tools_native = PQconnectdb(params);
        of = params;
        /* As a program that does not look at foreign keys, which on SQLite is every other one. */
        PQclear(PQexec(tools_native, "SET session_replication_role TO replica;"
                                     "SET client_min_messages TO warning"));
    }
}

/* Runs statements on a connection of its own; the rows of the last, as tools_query(). */
static const char *tools_pgsql_query(const char *params, const char *sql)
{
    const char *text = "";
    PGresult *result;
    int row, i;

    tools_connect(params);
    result = PQexec(tools_native, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK) {
        printf("# %s: %s\n", sql, PQerrorMessage(tools_native));
        text = "failed";
    }
    for (row = 0; row < PQntuples(result); row++) {
        for (i = 0; i < PQnfields(result); i++) {
            text = apr_pstrcat(pool, text,
                               i       ? "|"
                               : *text ? "\n"
                                       : "",
                               PQgetisnull(result, row, i) ? "NULL" : PQgetvalue(result, row, i),
                               NULL);
        }
    }
    PQclear(result);
    return text;
}

/* A section for a database that is not there (SQLite), or is empty (PostgreSQL). */
static crm360_database_t *tools_section(const char *name) __attribute__((unused));
static crm360_database_t *tools_section(const char *name)
{
    crm360_database_t *section = apr_pcalloc(pool, sizeof(*section));

    section->customer = "acme";
    section->alias = name;
    section->driver = "sqlite3";
    section->params = apr_pstrcat(pool, folder, "/", name, ".db", NULL);
    section->file = "test.conf";
    section->line = 1;
    if (tools_pgsql()) {
        section->driver = "pgsql";
        section->params = apr_pstrcat(pool, tools_pgsql(), " dbname=unit_", name, NULL);
        tools_pgsql_query(tools_pgsql(),
                          apr_pstrcat(pool, "DROP DATABASE IF EXISTS unit_", name, NULL));
        tools_pgsql_query(tools_pgsql(), apr_pstrcat(pool, "CREATE DATABASE unit_", name, NULL));
    }
    return section;
}

static crm_db_t *tools_open(const crm360_database_t *section) __attribute__((unused));
static crm_db_t *tools_open(const crm360_database_t *section)
{
    crm_migration_t done;
    const char *why = "";
    crm_db_t *db = NULL;

    if (crm_migrate(&done, &why, section, pool) != APR_SUCCESS ||
        crm_db_open(&db, &why, section, pool) != APR_SUCCESS) {
        printf("Bail out! %s\n", why);
        exit(1);
    }
    return db;
}

/* The rows of queries, ended by NULL, on a connection of its own: cells joined by '|', rows by line
 * feeds; a line feed behind each query. */
static const char *tools_queries(const crm360_database_t *section, const char *const *queries)
    __attribute__((unused));
static const char *tools_queries(const crm360_database_t *section, const char *const *queries)
{
    const char *text = "", *rows;
    sqlite3_stmt *statement;
    sqlite3 *native = NULL;
    int i;

    for (; *queries && tools_pgsql(); queries++) {
        text = apr_pstrcat(pool, text, tools_pgsql_query(section->params, *queries), "\n", NULL);
    }
    if (*queries &&
        sqlite3_open_v2(section->params, &native, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        printf("# %s\n", sqlite3_errmsg(native));
    }
    for (; *queries; queries++) {
        rows = "";
        if (sqlite3_prepare_v2(native, *queries, -1, &statement, NULL) != SQLITE_OK) {
            printf("# %s: %s\n", *queries, sqlite3_errmsg(native));
            rows = "failed";
        }
        while (statement && sqlite3_step(statement) == SQLITE_ROW) {
            for (i = 0; i < sqlite3_column_count(statement); i++) {
                const char *cell = (const char *)sqlite3_column_text(statement, i);

                rows = apr_pstrcat(pool, rows,
                                   i       ? "|"
                                   : *rows ? "\n"
                                           : "",
                                   cell ? cell : "NULL", NULL);
            }
        }
        sqlite3_finalize(statement);
        text = apr_pstrcat(pool, text, rows, "\n", NULL);
    }
    sqlite3_close(native);
    return text;
}

/* The rows of one query. */
static const char *tools_query(const crm360_database_t *section, const char *sql)
    __attribute__((unused));
static const char *tools_query(const crm360_database_t *section, const char *sql)
{
    const char *const queries[] = {sql, NULL};
    const char *text = tools_queries(section, queries);

    return apr_pstrmemdup(pool, text, strlen(text) - 1);
}

/* Runs statements on a connection of its own; rows are dropped. */
static void tools_execute(const crm360_database_t *section, const char *sql)
    __attribute__((unused));
static void tools_execute(const crm360_database_t *section, const char *sql)
{
    char *error = NULL;
    sqlite3 *native;

    if (tools_pgsql()) {
        tools_pgsql_query(section->params, sql);
        return;
    }
    if (sqlite3_open_v2(section->params, &native, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_exec(native, sql, NULL, NULL, &error) != SQLITE_OK) {
        printf("# %s: %s\n", sql, error ? error : "cannot be opened");
    }
    sqlite3_free(error);
    sqlite3_close(native);
}

/* The text of a file below t/fixtures. */
static const char *fixture(const char *name) __attribute__((unused));
static const char *fixture(const char *name)
{
    const char *path = apr_pstrcat(pool, "t/fixtures/", name, NULL);
    apr_size_t length;
    apr_finfo_t info;
    apr_file_t *file;
    char *text;

    if (apr_file_open(&file, path, APR_FOPEN_READ, 0, pool) != APR_SUCCESS ||
        apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS) {
        printf("Bail out! %s cannot be read (run from the project's folder)\n", path);
        exit(1);
    }
    length = (apr_size_t)info.size;
    text = apr_pcalloc(pool, length + 1);
    apr_file_read_full(file, text, length, NULL);
    apr_file_close(file);
    return text;
}

/* Steps to the next order in lexical order; 0 after the last. */
static int next_order(int *order, int count) __attribute__((unused));
static int next_order(int *order, int count)
{
    int i = count - 2, k = count - 1, swap;

    while (i >= 0 && order[i] > order[i + 1]) {
        i--;
    }
    if (i < 0) {
        return 0;
    }
    while (order[k] < order[i]) {
        k--;
    }
    swap = order[i], order[i] = order[k], order[k] = swap;
    for (i++, k = count - 1; i < k; i++, k--) {
        swap = order[i], order[i] = order[k], order[k] = swap;
    }
    return 1;
}

#endif
