/*
 * The inbox table. Must never be written outside the transaction that holds the message's effect,
 * save for pruning.
 */
#include "crm/inbox.h"

#include "crm/date.h"
#include "crm/db_private.h"

static const crm_db_statement_t insert_row = {
    .label = "inbox_insert",
    .sql = "INSERT INTO WebhookInbox (MessageId, Route, ProcessedAt) VALUES (%s, %s, %s)"
           " ON CONFLICT DO NOTHING"};

static const crm_db_statement_t delete_old = {
    .label = "inbox_prune",
    .sql = "DELETE FROM WebhookInbox WHERE MessageId IN (SELECT MessageId FROM WebhookInbox"
           " WHERE ProcessedAt < %s ORDER BY ProcessedAt LIMIT CAST(%d AS INTEGER))"};

apr_status_t crm_inbox_add(int *fresh, crm_db_t *db, const char *id, const char *route,
                           apr_pool_t *pool)
{
    const char *now = crm_date_text(apr_time_now() / 1000, pool);

    *fresh = 0;
    return crm_db_execute(fresh, db, &insert_row, CRM_DB_VALUES(id, route, now), pool);
}

apr_status_t crm_inbox_prune(int *pruned, crm_db_t *db, apr_interval_time_t keep, int most,
                             apr_pool_t *pool)
{
    const char *before = crm_date_text((apr_time_now() - keep) / 1000, pool);
    apr_status_t rv = crm_db_begin(db);

    *pruned = 0;
    if (rv == APR_SUCCESS) {
        rv = crm_db_execute(pruned, db, &delete_old, CRM_DB_VALUES(before, crm_db_int(most, pool)),
                            pool);
    }
    if (rv == APR_SUCCESS) {
        return crm_db_commit(db);
    }
    crm_db_rollback(db);
    return rv;
}
