/* Rows of Contacts. Must never remove one: deletion is DeletionFlag. */
#include "crm/contact.h"

#include <string.h>

#include "crm/db_private.h"

static const crm_group_t groups[CRM_CONTACT_GROUPS] = {
    [CRM_CONTACT_FIRST_NAME] = CRM_GROUP("firstname", 1),
    [CRM_CONTACT_LAST_NAME] = CRM_GROUP("lastname", 1),
    [CRM_CONTACT_COMPANY] = CRM_GROUP("company", 1),
    [CRM_CONTACT_CREATED] = CRM_GROUP("created", 1),
    [CRM_CONTACT_ZONE] = CRM_GROUP("zone", 1),
    [CRM_CONTACT_CIVILITY] = CRM_GROUP("civility", 2),
    [CRM_CONTACT_BIRTH] = CRM_GROUP("birth", 4),
    [CRM_CONTACT_LANGUAGE] = CRM_GROUP("language", 1),
    [CRM_CONTACT_OPTIN] = CRM_GROUP("optin", 1),
    [CRM_CONTACT_PARTNER] = CRM_GROUP("partner", 1),
};

#define NAMES                                                                                      \
    "FirstName, LastName, CompanyName, AdvertiserCreationDate, ZoneId, CivilityId, GenderId,"      \
    " BirthDate, BirthDay, BirthMonth, BirthYear, LanguageId, GlobalOptin, GlobalPartnerOptin"

static const crm_db_statement_t select_row = {.label = "contact_select",
                                              .sql = "SELECT DeletionFlag, " NAMES
                                                     " FROM Contacts WHERE ContactId = %d",
                                              .locks = 1};

static const crm_db_statement_t insert_row = {
    .label = "contact_insert",
    .sql = "INSERT INTO Contacts (" NAMES ") VALUES (%s, %s, %s, %s, %d, %d, %d, %s, %d, %d, %d,"
           " %s, %d, %d)",
    .gives = "ContactId"};

static const crm_db_statement_t update_row = {
    .label = "contact_update",
    .sql = "UPDATE Contacts SET FirstName = %s, LastName = %s, CompanyName = %s,"
           " AdvertiserCreationDate = %s, ZoneId = %d, CivilityId = %d, GenderId = %d,"
           " BirthDate = %s, BirthDay = %d, BirthMonth = %d, BirthYear = %d, LanguageId = %s,"
           " GlobalOptin = %d, GlobalPartnerOptin = %d WHERE ContactId = %d"};

static const crm_db_statement_t flag_row = {
    .label = "contact_flag",
    .sql = "UPDATE Contacts SET DeletionFlag = 1 WHERE ContactId = %d AND DeletionFlag = 0"};

static const crm_db_statement_t flag_addresses = {
    .label = "contact_flag_addresses",
    .sql = "UPDATE Addresses SET DeletionFlag = 1 WHERE ContactId = %d AND DeletionFlag = 0"};

apr_status_t crm_contact_load(crm_contact_t *contact, crm_db_t *db, int id, apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv;
    int i;

    memset(contact, 0, sizeof(*contact));
    rv = crm_db_select(&rows, db, &select_row, CRM_DB_VALUES(crm_db_int(id, pool)), pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (rows.count == 0) {
        return APR_ENOENT;
    }
    contact->id = id;
    contact->deleted = crm_db_number(&rows, 0, 0) != 0;
    for (i = 0; i < CRM_CONTACT_COLUMNS; i++) {
        contact->cells[i] = crm_db_cell(&rows, 0, 1 + i);
    }
    return APR_SUCCESS;
}

static apr_status_t insert(crm_contact_t *contact, crm_db_t *db, apr_pool_t *pool)
{
    return crm_db_insert(&contact->id, db, &insert_row, contact->cells, CRM_CONTACT_COLUMNS, pool);
}

static apr_status_t update(const crm_contact_t *contact, crm_db_t *db, apr_pool_t *pool)
{
    const char *values[CRM_CONTACT_COLUMNS + 1];

    memcpy(values, contact->cells, sizeof(contact->cells));
    values[CRM_CONTACT_COLUMNS] = crm_db_int(contact->id, pool);
    return crm_db_execute(NULL, db, &update_row, values, CRM_CONTACT_COLUMNS + 1, pool);
}

apr_status_t crm_contact_apply(crm_contact_t *contact, crm_db_t *db, const crm_news_t *news,
                               const char *writer, apr_pool_t *pool)
{
    const char *key = contact->id ? crm_db_int(contact->id, pool) : NULL;
    crm_guard_t *guard;
    apr_status_t rv = crm_guard_load(&guard, db, "Contacts", key, pool);
    int changed;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    changed = crm_guard_apply(guard, contact->cells, groups, CRM_CONTACT_GROUPS, news, writer);
    if (!contact->id) {
        rv = insert(contact, db, pool);
    }
    else if (changed) {
        rv = update(contact, db, pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return crm_guard_save(guard, db, "Contacts", crm_db_int(contact->id, pool), pool);
}

/* Places of the consents in the cells. */
static const struct {
    crm_contact_group_t group;
    int cell;
} consents[] = {{CRM_CONTACT_OPTIN, 12}, {CRM_CONTACT_PARTNER, 13}};

static int is_withdrawn(const char *consent)
{
    return consent && strcmp(consent, "0") == 0;
}

apr_status_t crm_contact_join(crm_contact_t *kept, const crm_contact_t *other, crm_db_t *db,
                              apr_pool_t *pool)
{
    const char *key = crm_db_int(kept->id, pool), *before[CRM_CONTACT_COLUMNS];
    crm_guard_t *guard, *other_guard;
    apr_status_t rv = crm_guard_load(&guard, db, "Contacts", key, pool);
    size_t i;

    if (rv == APR_SUCCESS) {
        rv = crm_guard_load(&other_guard, db, "Contacts", crm_db_int(other->id, pool), pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    memcpy(before, kept->cells, sizeof(before));
    crm_guard_join(guard, kept->cells, other_guard, other->cells, groups, CRM_CONTACT_GROUPS);
    for (i = 0; i < sizeof(consents) / sizeof(consents[0]); i++) {
        int cell = consents[i].cell;

        if ((is_withdrawn(before[cell]) || is_withdrawn(other->cells[cell])) &&
            !is_withdrawn(kept->cells[cell])) {
            crm_guard_withdraw(guard, groups[consents[i].group].name, "");
            kept->cells[cell] = "0";
        }
    }
    rv = update(kept, db, pool);
    return rv == APR_SUCCESS ? crm_guard_save(guard, db, "Contacts", key, pool) : rv;
}

apr_status_t crm_contact_flag(crm_db_t *db, int id, apr_pool_t *pool)
{
    apr_status_t rv =
        crm_db_execute(NULL, db, &flag_row, CRM_DB_VALUES(crm_db_int(id, pool)), pool);

    if (rv == APR_SUCCESS) {
        rv = crm_db_execute(NULL, db, &flag_addresses, CRM_DB_VALUES(crm_db_int(id, pool)), pool);
    }
    return rv;
}
