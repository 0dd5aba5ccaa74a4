/* Match keys and the search by mail address and mobile number (see match.h). */
#include "crm/match.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "crm/db_private.h"

static const crm_db_statement_t select_owner = {
    .label = "match_owner", .sql = "SELECT ContactId FROM WebhookMatches WHERE MatchKey = %s"};

static const crm_db_statement_t insert_key = {
    .label = "match_insert",
    .sql = "INSERT INTO WebhookMatches (MatchKey, ContactId) VALUES (%s, %d)"
           " ON CONFLICT DO NOTHING"};

static const crm_db_statement_t move_key = {
    .label = "match_move",
    .sql = "UPDATE WebhookMatches SET ContactId = %d WHERE MatchKey = %s AND ContactId = %d"};

#define FIND(condition)                                                                            \
    "SELECT MIN(a.ContactId) FROM Addresses a JOIN Contacts c ON c.ContactId = a.ContactId"        \
    " WHERE " condition " AND a.DeletionFlag = 0 AND c.DeletionFlag = 0"                           \
    " AND NOT EXISTS (SELECT 1 FROM ContactIdentifiers i"                                          \
    " WHERE i.ContactId = a.ContactId AND i.SourceId = %d)"

static const crm_db_statement_t find_by[] = {
    [CRM_MATCH_EMAIL] = {.label = "match_email", .sql = FIND("LOWER(a.Email) = %s")},
    [CRM_MATCH_PHONE] = {.label = "match_phone", .sql = FIND("a.MobilePhoneNumber = %s")},
};

apr_status_t crm_match_look(crm_match_t *match, crm_db_t *db, crm_match_kind_t kind,
                            const char *value, apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv;
    char *key, *c;

    memset(match, 0, sizeof(*match));
    match->kind = kind;
    if (!value) {
        return APR_SUCCESS;
    }
    /* As the databases do it: no letters but those of ASCII. */
    key = apr_pstrcat(pool, kind == CRM_MATCH_EMAIL ? "email:" : "phone:", value, NULL);
    for (c = key; *c; c++) {
        *c = (char)apr_tolower(*c);
    }
    match->key = key;
    match->value = strchr(key, ':') + 1;
    rv = crm_db_select(&rows, db, &select_owner, CRM_DB_VALUES(match->key), pool);
    match->owner = (int)crm_db_number(&rows, 0, 0);
    return rv;
}

apr_status_t crm_match_find(int *contact_id, crm_db_t *db, const crm_match_t *match, int source_id,
                            apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv;

    *contact_id = 0;
    if (!match->value) {
        return APR_SUCCESS;
    }
    rv = crm_db_select(&rows, db, &find_by[match->kind],
                       CRM_DB_VALUES(match->value, crm_db_int(source_id, pool)), pool);
    *contact_id = (int)crm_db_number(&rows, 0, 0);
    return rv;
}

apr_status_t crm_match_claim(crm_db_t *db, const crm_match_t *match, int contact_id, int created,
                             apr_pool_t *pool)
{
    const char *id = crm_db_int(contact_id, pool);
    apr_status_t rv;
    int taken = 0;

    if (!match->value || match->owner == contact_id || (match->owner && !created)) {
        return APR_SUCCESS;
    }
    if (match->owner) {
        rv = crm_db_execute(&taken, db, &move_key,
                            CRM_DB_VALUES(id, match->key, crm_db_int(match->owner, pool)), pool);
    }
    else {
        rv = crm_db_execute(&taken, db, &insert_key, CRM_DB_VALUES(match->key, id), pool);
    }
    return rv == APR_SUCCESS && !taken && created ? CRM360_ECONFLICT : rv;
}
