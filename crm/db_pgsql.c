/*
 * The PostgreSQL side of a connection: parameters, settings, the state of a transaction, and the
 * class of an error. The only file that includes libpq-fe.h. Must never pass a password or user
 * data on to a log: libpq quotes values in its messages, and pieces of a connection string that it
 * cannot read.
 */
#include "crm/db_private.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <libpq-fe.h>
#include <string.h>

/* Values of what Crm360DBParams does not set. A server that is
 * gone without a word is noticed well within a handler's time limit: by keepalives while we wait
 * for its answer, by tcp_user_timeout while we send. */
static const char *const defaults[][2] = {
    {"connect_timeout", "5"},     {"application_name", "crm360"}, {"keepalives_idle", "10"},
    {"keepalives_interval", "3"}, {"keepalives_count", "3"},      {"tcp_user_timeout", "15000"},
};

/* Waiting for a lock is bounded, as on SQLite. What was told to be stored is on disk when COMMIT
 * returns, whatever the server's own setting: only then is a message acknowledged. */
static const char settings[] = "SET TimeZone TO 'UTC';"
                               "SET lock_timeout TO '10s';"
                               "SELECT set_config('synchronous_commit', 'on', false)"
                               " WHERE current_setting('synchronous_commit') = 'off'";

/* ---- connecting ---- */

/* " name='value'" behind `text`, quoted for libpq
 * (https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNSTRING). */
static const char *add(const char *text, const char *name, const char *value, apr_pool_t *pool)
{
    char *quoted = apr_palloc(pool, 2 * strlen(value) + 1), *to = quoted;

    for (; *value; value++) {
        if (*value == '\'' || *value == '\\') {
            *to++ = '\\';
        }
        *to++ = *value;
    }
    *to = '\0';
    return apr_pstrcat(pool, text, *text ? " " : "", name, "='", quoted, "'", NULL);
}

static int is_set(const PQconninfoOption *options, const char *name)
{
    for (; options->keyword; options++) {
        if (strcmp(options->keyword, name) == 0) {
            return options->val != NULL;
        }
    }
    return 0;
}

/* The string is taken to pieces and put together again: behind one that is not well-formed, what
 * we add could mean something else, and the password could end up in an error message. */
static const char *join(PQconninfoOption *options, const char *password, apr_pool_t *pool)
{
    const PQconninfoOption *option;
    const char *text = "";
    size_t i;

    for (option = options; option->keyword; option++) {
        if (option->val && strcmp(option->keyword, "client_encoding") != 0) {
            text = add(text, option->keyword, option->val, pool);
        }
    }
    for (i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
        if (!is_set(options, defaults[i][0])) {
            text = add(text, defaults[i][0], defaults[i][1], pool);
        }
    }
    text = add(text, "client_encoding", "UTF8", pool);
    return password ? add(text, "password", password, pool) : text;
}

static apr_status_t locate(const char **params, int *create, const char **why,
                           const crm360_database_t *database, apr_pool_t *pool)
{
    PQconninfoOption *options;
    char *error = NULL;

    *create = 0; /* a database of a server is made by its administrator */
    if (!database->params) {
        *why = "Crm360DBParams must be a connection string of libpq";
        return CRM360_ECONFIG;
    }
    options = PQconninfoParse(database->params, &error);
    if (!options) {
        *why = apr_psprintf(pool, "Crm360DBParams: %.*s", error ? (int)strcspn(error, "\n") : 0,
                            error ? error : "");
        PQfreemem(error);
        return CRM360_ECONFIG;
    }
    *params = join(options, database->password, pool);
    PQconninfoFree(options);
    return APR_SUCCESS;
}

static apr_status_t settle(const char **why, void *native)
{
    const char *encoding = PQparameterStatus(native, "server_encoding");
    PGresult *result;
    int done;

    *why = NULL;
    if (!encoding || strcmp(encoding, "UTF8") != 0) {
        *why = "the database is not in UTF8, and could not hold every name; make it anew with "
               "createdb -E UTF8 -T template0";
        return CRM360_ECONFIG;
    }
    /* The only way to the SQLSTATE: apr_dbd_pgsql throws results of errors away, and only the
     * text stays with the connection. */
    (void)PQsetErrorVerbosity(native, PQERRORS_VERBOSE); /* the former value */
    result = PQexec(native, settings);
    done = PQresultStatus(result) == PGRES_TUPLES_OK;
    PQclear(result);
    return done ? APR_SUCCESS : APR_EGENERAL;
}

/* ---- state and errors ---- */

static crm_db_state_t state(void *native)
{
    switch (PQtransactionStatus(native)) {
    case PQTRANS_IDLE:
        return CRM_DB_IDLE;
    case PQTRANS_INTRANS:
        return CRM_DB_IN_TRANSACTION;
    default:
        return CRM_DB_LOST;
    }
}

/* The SQLSTATE in "ERROR:  42P01: relation ... does not exist", whose first word is translated; ""
 * when the message is libpq's own. *rest is what follows. */
static const char *sqlstate(char code[6], const char **rest, const char *text)
{
    const char *at = strstr(text, ":  ");
    int i;

    *code = '\0';
    *rest = text;
    if (!at || at > text + strcspn(text, "\n")) {
        return code;
    }
    at += 3;
    for (i = 0; i < 5; i++) {
        if (!apr_isdigit(at[i]) && !apr_isupper(at[i])) {
            return code;
        }
    }
    if (at[5] == ':') {
        memcpy(code, at, 5);
        code[5] = '\0';
        *rest = at + 6 + strspn(at + 6, " ");
    }
    return code;
}

typedef struct class_t {
    const char *prefix; /* of the SQLSTATE */
    apr_status_t rv;
    crm_db_cure_t cure;
} class_t;

/* The first that fits (https://www.postgresql.org/docs/15/errcodes-appendix.html). What none fits
 * is trouble of the server. */
static const class_t classes[] = {
    {"40", CRM360_ECONFLICT, CRM_DB_NOTHING},    /* serialisation, deadlock */
    {"23505", CRM360_ECONFLICT, CRM_DB_NOTHING}, /* unique key */
    {"22", CRM360_EDATA, CRM_DB_NOTHING},
    {"23", CRM360_EDATA, CRM_DB_NOTHING},
    {"25P02", CRM360_EAWAY, CRM_DB_NOTHING}, /* a statement after the one that failed */
    {"42501", CRM360_EAWAY, CRM_DB_REOPEN},  /* no permission: the schema is right */
    /* All our SQL is constant: what the server does not understand is a schema of another
     * version. 0A000: a statement's columns have changed since it was prepared. The error has
     * ended the transaction, so that preparing it again here is of no use. */
    {"42", CRM360_ESCHEMA, CRM_DB_REOPEN},
    {"3F", CRM360_ESCHEMA, CRM_DB_REOPEN},
    {"0A000", CRM360_ESCHEMA, CRM_DB_REOPEN},
    {"54", CRM360_EDATA, CRM_DB_NOTHING},    /* beyond a limit: a value too long for an index */
    {"53", CRM360_EAWAY, CRM_DB_NOTHING},    /* disk, memory */
    {"55P03", CRM360_EAWAY, CRM_DB_NOTHING}, /* lock_timeout */
    {"57014", CRM360_EAWAY, CRM_DB_NOTHING}, /* cancelled */
    {"", CRM360_EAWAY, CRM_DB_REOPEN},
};

static apr_status_t classify(crm_db_cure_t *cure, void *native)
{
    const class_t *match = classes;
    const char *rest;
    char code[6];

    *cure = CRM_DB_REOPEN;
    if (PQstatus(native) != CONNECTION_OK) {
        return CRM360_EAWAY;
    }
    sqlstate(code, &rest, PQerrorMessage(native));
    while (strncmp(code, match->prefix, strlen(match->prefix)) != 0) {
        match++;
    }
    *cure = match->cure;
    return match->rv;
}

/* The first line: details and context behind it quote rows. Of class 22 that line itself quotes a
 * value. */
static void explain(char *text, apr_size_t size, void *native)
{
    const char *message = PQerrorMessage(native), *rest;
    apr_size_t length;
    char code[6];

    sqlstate(code, &rest, message);
    if (strncmp(code, "22", 2) == 0) {
        apr_snprintf(text, size, "a value does not fit its column (SQLSTATE %s)", code);
        return;
    }
    length = strcspn(rest, "\n");
    if (*code) {
        apr_snprintf(text, size, "%.*s (SQLSTATE %s)", (int)length, rest, code);
    }
    else {
        apr_cpystrn(text, rest, length < size ? length + 1 : size);
    }
}

const crm_db_dialect_t crm_db_pgsql = {
    .driver = "pgsql",
    /* Each statement sees what others have committed before it: whoever has waited for a row must
     * see it as it is now (crm/person.c). */
    .begin = "BEGIN ISOLATION LEVEL READ COMMITTED",
    /* One migration at a time; the number is ours (the bytes "CRM3"). */
    .migrate = "SET LOCAL lock_timeout TO '60s'; SELECT pg_advisory_xact_lock(1129467187)",
    .for_update = " FOR UPDATE",
    .for_free = " FOR UPDATE SKIP LOCKED",
    .decimal = "CAST(%s AS NUMERIC)",
    /* Where the search path of this connection finds it, as all other statements do. Asked of the
     * table of tables: to_regclass() may answer from memory, and not know what another migration
     * has made while we waited for it. */
    .schema_there = {.label = "schema_there",
                     .sql =
                         "SELECT COUNT(*) FROM pg_catalog.pg_class WHERE relkind = 'r'"
                         " AND relname = 'webhookschema' AND pg_catalog.pg_table_is_visible(oid)"},
    .locate = locate,
    .settle = settle,
    .state = state,
    .classify = classify,
    .explain = explain,
};
