/*
 * One connection to the CRM database of one customer, on apr_dbd: SQLite or PostgreSQL. The only
 * place that knows a driver. Transactions are raw BEGIN (IMMEDIATE on SQLite), SAVEPOINT, COMMIT;
 * statements are prepared once per connection; errors are classed by extended result code or
 * SQLSTATE. A connection belongs to one process and one thread. Never holds a transaction across a
 * call out.
 */
#ifndef CRM_DB_H
#define CRM_DB_H

#include <apr_pools.h>
#include <apr_time.h>

#include "core/config.h"
#include "core/status.h"

typedef struct crm_db_t crm_db_t;

/* Loads apr_dbd; once per process, before crm_db_open. */
apr_status_t crm_db_init(apr_pool_t *pool) __attribute__((warn_unused_result));

/* Opens and checks that the schema is the one this program knows. CRM360_EAWAY: out of reach or
 * locked; CRM360_ESCHEMA: run `crm360ctl migrate`; *why says more (in `pool`, no secret). The
 * connection is closed with `pool` or by crm_db_close(). */
apr_status_t crm_db_open(crm_db_t **db, const char **why, const crm360_database_t *database,
                         apr_pool_t *pool) __attribute__((warn_unused_result));
void crm_db_close(crm_db_t *db);

/* What the last failed call on this connection said, for logs; never NULL, no user data. */
const char *crm_db_error(const crm_db_t *db);

/* Transactions. commit refuses, rolls back and returns an error when the native transaction is
 * no longer a healthy one (PostgreSQL would say success to COMMIT of an aborted one). Each
 * returns APR_SUCCESS, CRM360_EAWAY (busy, gone), CRM360_ECONFLICT (serialisation: run it again)
 * or CRM360_ESCHEMA. rollback never fails. */
apr_status_t crm_db_begin(crm_db_t *db) __attribute__((warn_unused_result));
apr_status_t crm_db_commit(crm_db_t *db) __attribute__((warn_unused_result));
void crm_db_rollback(crm_db_t *db);
/* Whether the transaction can still be used: some errors have ended it. CRM360_EAWAY when not. */
apr_status_t crm_db_check(crm_db_t *db) __attribute__((warn_unused_result));

/* Counts what has been tried that may have changed something, or has failed: while the number
 * stays, there is nothing to undo. */
apr_uint64_t crm_db_changes(const crm_db_t *db);

apr_status_t crm_db_savepoint(crm_db_t *db) __attribute__((warn_unused_result));
apr_status_t crm_db_savepoint_release(crm_db_t *db) __attribute__((warn_unused_result));
apr_status_t crm_db_savepoint_rollback(crm_db_t *db) __attribute__((warn_unused_result));

#endif
