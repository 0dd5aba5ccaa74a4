/*
 * The inbox table. Must never be written outside the transaction that holds the message's effect;
 * its rows end by age (crm/retention.h).
 */
#include "crm/inbox.h"

#include "crm/date.h"
#include "crm/db_private.h"

static const crm_db_statement_t insert_row = {
    .label = "inbox_insert",
    .sql = "INSERT INTO WebhookInbox (MessageId, Route, ProcessedAt) VALUES (%s, %s, %s)"
           " ON CONFLICT DO NOTHING"};

static const crm_db_statement_t delete_row = {
    .label = "inbox_delete", .sql = "DELETE FROM WebhookInbox WHERE MessageId = %s"};

apr_status_t crm_inbox_add(int *fresh, crm_db_t *db, const char *id, const char *route,
                           apr_pool_t *pool)
{
    const char *now = crm_date_text(apr_time_now() / 1000, pool);

    *fresh = 0;
    return crm_db_execute(fresh, db, &insert_row, CRM_DB_VALUES(id, route, now), pool);
}

apr_status_t crm_inbox_remove(crm_db_t *db, const char *id, apr_pool_t *pool)
{
    return crm_db_execute(NULL, db, &delete_row, CRM_DB_VALUES(id), pool);
}
