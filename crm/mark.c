/*
 * Taking and burying the keys of WebhookVersions. Must never remove a row: a deletion that is
 * forgotten would let a late message bring back what its source has deleted.
 */
#include "crm/mark.h"

#include <apr_strings.h>

#include "crm/db_private.h"

static const crm_db_statement_t select_mark = {
    .label = "mark",
    .sql =
        "SELECT Deleted, Versions FROM WebhookVersions WHERE TargetTable = %s AND TargetKey = %s",
    .locks = 1};

static const crm_db_statement_t insert_mark = {
    .label = "mark_insert",
    .sql = "INSERT INTO WebhookVersions (TargetTable, TargetKey, Versions) VALUES (%s, %s, %s)"
           " ON CONFLICT DO NOTHING"};

static const crm_db_statement_t set_mark = {
    .label = "mark_set",
    .sql = "UPDATE WebhookVersions SET Deleted = 1 WHERE TargetTable = %s AND TargetKey = %s"
           " AND Deleted = 0"};

const char *crm_mark_key(int source_id, const char *identifier, apr_pool_t *pool)
{
    return apr_pstrcat(pool, crm_db_int(source_id, pool), ":", identifier, NULL);
}

apr_status_t crm_mark_look(crm_mark_t *mark, crm_db_t *db, const char *table, const char *key,
                           apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, &select_mark, CRM_DB_VALUES(table, key), pool);

    mark->exists = rows.count > 0;
    mark->deleted = crm_db_number(&rows, 0, 0) != 0;
    mark->notes = crm_db_cell(&rows, 0, 1);
    return rv;
}

apr_status_t crm_mark_take(crm_mark_t *mark, crm_db_t *db, const char *table, const char *key,
                           apr_pool_t *pool)
{
    apr_status_t rv = crm_mark_look(mark, db, table, key, pool);
    int added = 0;

    if (rv != APR_SUCCESS || mark->exists) {
        return rv;
    }
    rv = crm_db_execute(&added, db, &insert_mark, CRM_DB_VALUES(table, key, "{}"), pool);
    if (rv == APR_SUCCESS && added) {
        mark->exists = 1;
        return APR_SUCCESS;
    }
    if (rv == APR_SUCCESS) {
        rv = crm_mark_look(mark, db, table, key, pool);
    }
    if (rv == APR_SUCCESS && !mark->exists) {
        crm_db_note(db, "a row of WebhookVersions was made and erased at the same moment");
        rv = CRM360_ECONFLICT;
    }
    return rv;
}

apr_status_t crm_mark_add(crm_db_t *db, const char *table, const char *key, const char *notes,
                          apr_pool_t *pool)
{
    int added = 0;
    apr_status_t rv =
        crm_db_execute(&added, db, &insert_mark, CRM_DB_VALUES(table, key, notes), pool);

    if (rv == APR_SUCCESS && !added) {
        crm_db_note(db, "a row of WebhookVersions was made at the same moment");
        rv = CRM360_ECONFLICT;
    }
    return rv;
}

apr_status_t crm_mark_bury(crm_db_t *db, const char *table, const char *key, apr_pool_t *pool)
{
    return crm_db_execute(NULL, db, &set_mark, CRM_DB_VALUES(table, key), pool);
}
