/*
 * The rows of ContactIdentifiers and their marks of deletion. Must never remove either: a mark that
 * is gone would let a late message bring a deleted person back.
 */
#include "crm/identifier.h"

#include "crm/db_private.h"
#include "crm/mark.h"

#define TABLE "ContactIdentifiers"

static const crm_db_statement_t select_contact = {
    .label = "identifier_contact",
    .sql = "SELECT ContactId FROM ContactIdentifiers WHERE SourceId = %d AND Identifier = %s"};

static const crm_db_statement_t insert_row = {
    .label = "identifier_insert",
    .sql = "INSERT INTO ContactIdentifiers (ContactIdentifierId, Identifier, ContactId, SourceId)"
           " VALUES (%s, %s, %d, %d) ON CONFLICT DO NOTHING"};

#define COUNT(rule)                                                                                \
    "SELECT COUNT(*) FROM ContactIdentifiers i WHERE i.ContactId = %d AND i.SourceId = %d "        \
    "AND " rule

static const crm_db_statement_t count_of_source[] = {
    [CRM_IDENTIFIER_NAMED] = {.label = "identifier_named",
                              .sql = COUNT(CRM_IDENTIFIER_IS_NAMED("i"))},
    [CRM_IDENTIFIER_OTHER] = {.label = "identifier_other",
                              .sql = COUNT(CRM_IDENTIFIER_IS_OTHER("i"))},
};

/* A name made of a mail address or number counts only where the source has no name of its own: it
 * does not keep alive whom the source has deleted. The key is built from the columns: rows of other
 * programs may have another ContactIdentifierId. */
static const crm_db_statement_t count_live = {
    .label = "identifier_live",
    .sql =
        "SELECT COUNT(*) FROM ContactIdentifiers i LEFT JOIN WebhookVersions v"
        " ON v.TargetTable = '" TABLE "'"
        " AND v.TargetKey = CAST(i.SourceId AS TEXT) || ':' || i.Identifier AND v.Deleted = 1"
        " WHERE i.ContactId = %d AND v.TargetKey IS NULL AND (" CRM_IDENTIFIER_IS_NAMED(
            "i") " OR NOT EXISTS (SELECT 1 FROM ContactIdentifiers n WHERE n.ContactId ="
                 " i.ContactId AND n.SourceId = i.SourceId AND " CRM_IDENTIFIER_IS_NAMED("n") "))"};

const char *crm_identifier_key(int source_id, const char *identifier, apr_pool_t *pool)
{
    return crm_mark_key(source_id, identifier, pool);
}

apr_status_t crm_identifier_lock(int *deleted, crm_db_t *db, const char *key, apr_pool_t *pool)
{
    crm_mark_t mark;
    apr_status_t rv = crm_mark_take(&mark, db, TABLE, key, pool);

    *deleted = mark.deleted;
    return rv;
}

apr_status_t crm_identifier_bury(crm_db_t *db, const char *key, apr_pool_t *pool)
{
    return crm_mark_bury(db, TABLE, key, pool);
}

apr_status_t crm_identifier_find(int *contact_id, crm_db_t *db, int source_id,
                                 const char *identifier, apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, &select_contact,
                                    CRM_DB_VALUES(crm_db_int(source_id, pool), identifier), pool);

    *contact_id = (int)crm_db_number(&rows, 0, 0);
    return rv;
}

apr_status_t crm_identifier_add(crm_db_t *db, int source_id, const char *identifier, int contact_id,
                                apr_pool_t *pool)
{
    int added = 0;
    apr_status_t rv =
        crm_db_execute(&added, db, &insert_row,
                       CRM_DB_VALUES(crm_identifier_key(source_id, identifier, pool), identifier,
                                     crm_db_int(contact_id, pool), crm_db_int(source_id, pool)),
                       pool);

    if (rv == APR_SUCCESS && added == 0) {
        crm_db_note(db, "the identifier was tied to another contact at the same moment");
        return CRM360_ECONFLICT;
    }
    return rv;
}

apr_status_t crm_identifier_refuses(int *refuses, crm_db_t *db, int contact_id, int source_id,
                                    crm_identifier_rule_t rule, apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv;

    *refuses = 0;
    if (rule == CRM_IDENTIFIER_ANY) {
        return APR_SUCCESS;
    }
    rv = crm_db_select(&rows, db, &count_of_source[rule],
                       CRM_DB_VALUES(crm_db_int(contact_id, pool), crm_db_int(source_id, pool)),
                       pool);
    *refuses = crm_db_number(&rows, 0, 0) > 0;
    return rv;
}

apr_status_t crm_identifier_live(int *live, crm_db_t *db, int contact_id, apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv =
        crm_db_select(&rows, db, &count_live, CRM_DB_VALUES(crm_db_int(contact_id, pool)), pool);

    *live = (int)crm_db_number(&rows, 0, 0);
    return rv;
}
