/* Match keys and the search by mail address and mobile number (see match.h). */
#include "crm/match.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "crm/db_private.h"

static const crm_db_statement_t select_owner = {
    .label = "match_owner",
    .sql = "SELECT ContactId FROM WebhookMatches WHERE MatchKey = %s",
    .locks = 1};

/* Also one that is deleted: whether an event comes before or after the deletion must not matter. */
static const crm_db_statement_t select_first_owner = {
    .label = "match_first_owner",
    .sql = "SELECT m.ContactId FROM WebhookMatches m JOIN Contacts c ON c.ContactId = m.ContactId"
           " WHERE m.MatchKey = %s"};

static const crm_db_statement_t insert_key = {
    .label = "match_insert",
    .sql = "INSERT INTO WebhookMatches (MatchKey, ContactId) VALUES (%s, %d)"
           " ON CONFLICT DO NOTHING"};

static const crm_db_statement_t move_key = {
    .label = "match_move",
    .sql = "UPDATE WebhookMatches SET ContactId = %d WHERE MatchKey = %s AND ContactId = %d"};

#define FIND(condition, rule)                                                                      \
    "SELECT MIN(a.ContactId) FROM Addresses a JOIN Contacts c ON c.ContactId = a.ContactId"        \
    " WHERE " condition " AND a.DeletionFlag = 0 AND c.DeletionFlag = 0"                           \
    " AND NOT EXISTS (SELECT 1 FROM ContactIdentifiers i"                                          \
    " WHERE i.ContactId = a.ContactId AND i.SourceId = %d AND " rule ")"
#define BY_EMAIL "LOWER(a.Email) = %s"
#define BY_PHONE "a.MobilePhoneNumber = %s"

static const crm_db_statement_t find_by[][3] = {
    [CRM_POINT_EMAIL] =
        {
            [CRM_IDENTIFIER_ANY] = {.label = "match_email", .sql = FIND(BY_EMAIL, "1 = 0")},
            [CRM_IDENTIFIER_NAMED] = {.label = "match_email_named",
                                      .sql = FIND(BY_EMAIL, CRM_IDENTIFIER_IS_NAMED("i"))},
            [CRM_IDENTIFIER_OTHER] = {.label = "match_email_other",
                                      .sql = FIND(BY_EMAIL, CRM_IDENTIFIER_IS_OTHER("i"))},
        },
    [CRM_POINT_PHONE] =
        {
            [CRM_IDENTIFIER_ANY] = {.label = "match_phone", .sql = FIND(BY_PHONE, "1 = 0")},
            [CRM_IDENTIFIER_NAMED] = {.label = "match_phone_named",
                                      .sql = FIND(BY_PHONE, CRM_IDENTIFIER_IS_NAMED("i"))},
            [CRM_IDENTIFIER_OTHER] = {.label = "match_phone_other",
                                      .sql = FIND(BY_PHONE, CRM_IDENTIFIER_IS_OTHER("i"))},
        },
};

/* As the databases do it: no letters but those of ASCII. */
const char *crm_match_key(crm_point_kind_t kind, const char *value, apr_pool_t *pool)
{
    char *key = apr_pstrcat(pool, kind == CRM_POINT_EMAIL ? "email:" : "phone:", value, NULL);
    char *c;

    for (c = key; *c; c++) {
        *c = (char)apr_tolower(*c);
    }
    return key;
}

apr_status_t crm_match_look(crm_match_t *match, crm_db_t *db, crm_point_kind_t kind,
                            const char *value, apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv;

    memset(match, 0, sizeof(*match));
    match->kind = kind;
    if (!value || !*value) {
        return APR_SUCCESS;
    }
    if (strlen(value) > CRM_MATCH_MOST) { /* an index of PostgreSQL takes no long ones */
        crm_db_note(db, "a mail address or phone number is longer than any can be");
        return CRM360_EDATA;
    }
    match->key = crm_match_key(kind, value, pool);
    match->value = strchr(match->key, ':') + 1;
    rv = crm_db_select(&rows, db, &select_owner, CRM_DB_VALUES(match->key), pool);
    match->exists = rows.count > 0;
    match->owner = (int)crm_db_number(&rows, 0, 0);
    return rv;
}

apr_status_t crm_match_hold(crm_match_t *match, crm_db_t *db, crm_point_kind_t kind,
                            const char *value, apr_pool_t *pool)
{
    apr_status_t rv = crm_match_look(match, db, kind, value, pool);
    int added = 0;

    if (rv != APR_SUCCESS || !match->key || match->exists) {
        return rv;
    }
    rv = crm_db_execute(&added, db, &insert_key, CRM_DB_VALUES(match->key, "0"), pool);
    if (rv == APR_SUCCESS && added) {
        match->exists = 1; /* and nobody's */
        return APR_SUCCESS;
    }
    return rv == APR_SUCCESS ? crm_match_look(match, db, kind, value, pool) : rv;
}

apr_status_t crm_match_find(int *contact_id, crm_db_t *db, const crm_match_t *match, int source_id,
                            crm_identifier_rule_t rule, apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv;

    *contact_id = 0;
    if (!match->value) {
        return APR_SUCCESS;
    }
    rv = crm_db_select(&rows, db, &find_by[match->kind][rule],
                       CRM_DB_VALUES(match->value, crm_db_int(source_id, pool)), pool);
    *contact_id = (int)crm_db_number(&rows, 0, 0);
    return rv;
}

apr_status_t crm_match_contact(int *contact_id, crm_db_t *db, crm_point_kind_t kind,
                               const char *value, apr_pool_t *pool)
{
    const char *key = crm_match_key(kind, value, pool);
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, &find_by[kind][CRM_IDENTIFIER_ANY],
                                    CRM_DB_VALUES(strchr(key, ':') + 1, "0"), pool);

    *contact_id = (int)crm_db_number(&rows, 0, 0);
    if (rv == APR_SUCCESS && !*contact_id) {
        rv = crm_db_select(&rows, db, &select_first_owner, CRM_DB_VALUES(key), pool);
        *contact_id = (int)crm_db_number(&rows, 0, 0);
    }
    return rv;
}

apr_status_t crm_match_held_contact(int *contact_id, crm_db_t *db, const crm_match_t *match,
                                    apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv = crm_match_find(contact_id, db, match, 0, CRM_IDENTIFIER_ANY, pool);

    if (rv == APR_SUCCESS && !*contact_id && match->owner) {
        rv = crm_db_select(&rows, db, &select_first_owner, CRM_DB_VALUES(match->key), pool);
        *contact_id = (int)crm_db_number(&rows, 0, 0);
    }
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
    if (match->exists) {
        rv = crm_db_execute(&taken, db, &move_key,
                            CRM_DB_VALUES(id, match->key, crm_db_int(match->owner, pool)), pool);
    }
    else {
        rv = crm_db_execute(&taken, db, &insert_key, CRM_DB_VALUES(match->key, id), pool);
    }
    if (rv == APR_SUCCESS && !taken) {
        crm_db_note(db, "somebody else got this mail address or number at the same moment");
        return CRM360_ECONFLICT;
    }
    return rv;
}
