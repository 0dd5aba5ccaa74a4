/*
 * Pruning by age. Must never hold a database for long: a few rows a transaction, and nothing else
 * in it.
 */
#include "crm/retention.h"

#include "crm/date.h"
#include "crm/db_private.h"

static const crm_db_statement_t delete_inbox = {
    .label = "inbox_prune",
    .sql = "DELETE FROM WebhookInbox WHERE MessageId IN (SELECT MessageId FROM WebhookInbox"
           " WHERE ProcessedAt < %s ORDER BY ProcessedAt LIMIT CAST(%d AS INTEGER))"};

static const crm_db_statement_t delete_events = {
    .label = "events_prune",
    .sql = "DELETE FROM WebhookEvents WHERE EventId IN (SELECT EventId FROM WebhookEvents"
           " WHERE At < %s ORDER BY At LIMIT CAST(%d AS INTEGER))"};

static const crm_db_statement_t delete_sends = {
    .label = "sends_prune",
    .sql = "DELETE FROM WebhookSends WHERE MessageId IN (SELECT MessageId FROM WebhookSends"
           " WHERE StartedAt < %s ORDER BY StartedAt LIMIT CAST(%d AS INTEGER))"};

/* They end with the inbox: a job whose message comes again later than that begins anew. */
static const crm_db_statement_t delete_jobs = {
    .label = "jobs_prune",
    .sql = "DELETE FROM WebhookJobs WHERE (MessageId, Kind) IN (SELECT MessageId, Kind"
           " FROM WebhookJobs WHERE UpdatedAt < %s ORDER BY UpdatedAt"
           " LIMIT CAST(%d AS INTEGER))"};

static apr_status_t prune(int *rows, crm_db_t *db, const crm_db_statement_t *statement,
                          apr_interval_time_t keep, int most, apr_pool_t *pool)
{
    const char *before = crm_date_text((apr_time_now() - keep) / 1000, pool);
    apr_status_t rv = crm_db_begin(db);

    *rows = 0;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = crm_db_execute(rows, db, statement, CRM_DB_VALUES(before, crm_db_int(most, pool)), pool);
    if (rv == APR_SUCCESS) {
        return crm_db_commit(db);
    }
    crm_db_rollback(db);
    return rv;
}

apr_status_t crm_retention_prune(crm_pruned_t *pruned, crm_db_t *db, const crm_retention_t *keep,
                                 int most, apr_pool_t *pool)
{
    apr_status_t rv = prune(&pruned->inbox, db, &delete_inbox, keep->inbox, most, pool);

    pruned->jobs = pruned->events = pruned->sends = 0;
    if (rv == APR_SUCCESS) {
        rv = prune(&pruned->jobs, db, &delete_jobs, keep->inbox, most, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = prune(&pruned->events, db, &delete_events, keep->events, most, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = prune(&pruned->sends, db, &delete_sends, keep->events, most, pool);
    }
    pruned->more = pruned->inbox >= most || pruned->jobs >= most || pruned->events >= most ||
                   pruned->sends >= most;
    return rv;
}
