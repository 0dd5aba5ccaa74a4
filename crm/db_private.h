/*
 * What the files of crm/ share and nobody else may use: statements and rows on a connection, and
 * the small table of functions in which the two databases differ.
 */
#ifndef CRM_DB_PRIVATE_H
#define CRM_DB_PRIVATE_H

#include <apr_dbd.h>

#include "crm/db.h"

typedef struct crm_db_dialect_t crm_db_dialect_t;

/* ---- statements ---- */

/* A statement, declared static const beside the code that uses it, or made of a description by
 * crm_db_made(); prepared at its first use on each connection. Placeholders are apr_dbd's: %d
 * integer, %s text, and also a date-time, which is a text to both databases; values travel as
 * text. Inside an expression write CAST(%d AS INTEGER): SQLite compares a bare value with a column
 * only by the column's type. Text functions take columns, not values: what LOWER makes of a value
 * depends on PostgreSQL's locale. */
typedef struct crm_db_statement_t {
    const char *label; /* unique in the program; a name in SQL */
    const char *sql;
    /* 1: a SELECT that locks its row until the transaction ends. CRM_DB_LOCK_FREE: likewise, but a
     * row that another transaction has locked counts as not there. */
    int locks;
    const char *gives; /* an INSERT of one row: the column that crm_db_insert() asks for */
} crm_db_statement_t;

#define CRM_DB_LOCK_FREE 2

/* A statement that is made of a constant description (crm/entity.c): made once per connection, and
 * lives as long. `number` tells the statements of one description apart. What `make` allocates in
 * `pool` is copied. */
#define CRM_DB_MADE_MOST 4 /* as many */
typedef void crm_db_make_t(crm_db_statement_t *statement, const crm_db_dialect_t *dialect,
                           const void *description, apr_pool_t *pool);
const crm_db_statement_t *crm_db_made(crm_db_t *db, const void *description, int number,
                                      crm_db_make_t *make);

/* The values of a statement, NULL = SQL's NULL, and how many there are. */
#define CRM_DB_VALUES(...)                                                                         \
    (const char *[]){__VA_ARGS__},                                                                 \
        (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *))

/* Runs a statement that changes rows; *rows (may be NULL) says how many. Errors as
 * crm_db_begin(), or CRM360_EDATA when the values cannot be stored. `pool` is used for the call
 * only. */
apr_status_t crm_db_execute(int *rows, crm_db_t *db, const crm_db_statement_t *statement,
                            const char **values, int count, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Runs an INSERT of one row whose key the database makes; *id is that key. Errors as
 * crm_db_execute(). */
apr_status_t crm_db_insert(int *id, crm_db_t *db, const crm_db_statement_t *statement,
                           const char **values, int count, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The rows of a SELECT (or INSERT ... RETURNING), all read, in a pool. */
typedef struct crm_db_rows_t {
    int count;
    int columns;
    const char **cells; /* row after row; NULL = SQL's NULL */
} crm_db_rows_t;

apr_status_t crm_db_select(crm_db_rows_t *rows, crm_db_t *db, const crm_db_statement_t *statement,
                           const char **values, int count, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Text of a cell; NULL when it is NULL or there is no such row or column. */
const char *crm_db_cell(const crm_db_rows_t *rows, int row, int column);

/* A cell as a number; 0 when it is NULL, absent or no number. */
apr_int64_t crm_db_number(const crm_db_rows_t *rows, int row, int column);

/* A number as a value; 0 becomes NULL in crm_db_id(). In `pool`. */
const char *crm_db_int(apr_int64_t number, apr_pool_t *pool);
const char *crm_db_id(int id, apr_pool_t *pool);

/* A text that stays true until the transaction ends, or a part of it is rolled back: remembered for
 * that long, so that the messages of a batch need not ask again. Some are forgotten when there are
 * many. */
void crm_db_remember(crm_db_t *db, const char *text);
int crm_db_remembers(const crm_db_t *db, const char *text);

/* Prepares all statements again at their next use: after DDL on this connection. */
void crm_db_forget(crm_db_t *db);

/* Runs one constant piece of SQL without values (DDL, transaction control). */
apr_status_t crm_db_run(crm_db_t *db, const char *sql) __attribute__((warn_unused_result));

/* Sets what crm_db_error() says, for errors found by crm/ itself. No user data. */
void crm_db_note(crm_db_t *db, const char *text);

/* ---- connections without the check of the schema, for crm/migrate.c ---- */

/* As crm_db_open(), but takes any schema, and makes the database (SQLite: its file, mode 0640) when
 * `create` is set; *created says whether it did. */
apr_status_t crm_db_connect(crm_db_t **db, int *created, const char **why,
                            const crm360_database_t *database, int create, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The number of the newest migration that was applied, 0 for an empty database (migrate.c). */
apr_status_t crm_db_schema_version(int *version, crm_db_t *db, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The number of the newest migration compiled in for this connection's driver (migrate.c). */
int crm_db_schema_newest(const crm_db_t *db);

/* ---- interface to implement: a driver ---- */

typedef enum {
    CRM_DB_IDLE,           /* no transaction is in progress */
    CRM_DB_IN_TRANSACTION, /* one is, and it can be committed */
    CRM_DB_LOST            /* one is that cannot, or the connection is gone */
} crm_db_state_t;

typedef enum {
    CRM_DB_NOTHING, /* the connection goes on */
    CRM_DB_PREPARE, /* the schema has changed: it did not run, prepare it again */
    CRM_DB_REOPEN   /* the connection is of no more use */
} crm_db_cure_t;

struct crm_db_dialect_t {
    const char *driver;     /* its name in apr_dbd and in Crm360DBDriver */
    const char *begin;      /* starts a transaction that may write */
    const char *migrate;    /* run in it before a migration looks at the schema; NULL = nothing */
    const char *for_update; /* what a locking SELECT ends with */
    const char *for_free;   /* the same with CRM_DB_LOCK_FREE */
    const char *decimal;    /* the placeholder of a decimal, which travels as text */
    crm_db_statement_t schema_there; /* selects how many tables WebhookSchema there are */

    int prepares_control; /* SAVEPOINT and RELEASE can be prepared */

    /* Settings of the database's library, once per process and before its first use; NULL =
     * none. They are of help, not needed: a library that refuses them works all the same. */
    void (*start)(void);
    /* Makes apr_dbd's parameters from the section. A missing database is CRM360_ESCHEMA, or is
     * made when *create is set, which then says whether that was so. *why has no secret. */
    apr_status_t (*locate)(const char **params, int *create, const char **why,
                           const crm360_database_t *database, apr_pool_t *pool);
    /* Settings of a fresh connection. On failure *why says more, or is NULL: then classify() and
     * explain() know. */
    apr_status_t (*settle)(const char **why, void *native);
    crm_db_state_t (*state)(void *native);
    /* The key of the row that was inserted last; NULL = an INSERT has to return it. */
    apr_int64_t (*inserted)(void *native);
    /* Class of the error that just happened, and what helps. */
    apr_status_t (*classify)(crm_db_cure_t *cure, void *native);
    /* Its text, without user data, into a buffer of `size` bytes. */
    void (*explain)(char *text, apr_size_t size, void *native);
};

extern const crm_db_dialect_t crm_db_sqlite3;
extern const crm_db_dialect_t crm_db_pgsql;

/* The driver of a connection; never NULL. */
const crm_db_dialect_t *crm_db_dialect(const crm_db_t *db);

#endif
