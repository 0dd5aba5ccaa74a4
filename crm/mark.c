/*
 * Taking and burying the keys of WebhookVersions. Must never remove a row: a deletion that is
 * forgotten would let a late message bring back what its source has deleted.
 */
#include "crm/mark.h"

#include <apr_strings.h>

#include "crm/db_private.h"

static const crm_db_statement_t select_mark = {
    .label = "mark",
    .sql = "SELECT Deleted FROM WebhookVersions WHERE TargetTable = %s AND TargetKey = %s",
    .locks = 1};

static const crm_db_statement_t insert_mark = {
    .label = "mark_insert",
    .sql = "INSERT INTO WebhookVersions (TargetTable, TargetKey) VALUES (%s, %s)"
           " ON CONFLICT DO NOTHING"};

static const crm_db_statement_t set_mark = {
    .label = "mark_set",
    .sql = "UPDATE WebhookVersions SET Deleted = 1 WHERE TargetTable = %s AND TargetKey = %s"
           " AND Deleted = 0"};

const char *crm_mark_key(int source_id, const char *identifier, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%d:%s", source_id, identifier);
}

apr_status_t crm_mark_take(int *deleted, crm_db_t *db, const char *table, const char *key,
                           apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, &select_mark, CRM_DB_VALUES(table, key), pool);

    if (rv == APR_SUCCESS && rows.count == 0) {
        rv = crm_db_execute(NULL, db, &insert_mark, CRM_DB_VALUES(table, key), pool);
        if (rv == APR_SUCCESS) {
            rv = crm_db_select(&rows, db, &select_mark, CRM_DB_VALUES(table, key), pool);
        }
        if (rv == APR_SUCCESS && rows.count == 0) {
            crm_db_note(db, "a row of WebhookVersions was made and erased at the same moment");
            rv = CRM360_ECONFLICT;
        }
    }
    *deleted = crm_db_number(&rows, 0, 0) != 0;
    return rv;
}

apr_status_t crm_mark_bury(crm_db_t *db, const char *table, const char *key, apr_pool_t *pool)
{
    return crm_db_execute(NULL, db, &set_mark, CRM_DB_VALUES(table, key), pool);
}
