/* Rows of Addresses. Must never remove one, nor write a second for the same contact, brand and
 * type. */
#include "crm/address.h"

#include <string.h>

#include "crm/db_private.h"

#define COLUMNS 18

static const crm_group_t groups[CRM_ADDRESS_GROUPS] = {
    [CRM_ADDRESS_POSTAL] = {"postal", 11},         [CRM_ADDRESS_EMAIL] = {"email", 1},
    [CRM_ADDRESS_HOME_PHONE] = {"homephone", 2},   [CRM_ADDRESS_MOBILE_PHONE] = {"mobile", 2},
    [CRM_ADDRESS_EMAIL_OPTIN] = {"emailoptin", 1}, [CRM_ADDRESS_MOBILE_OPTIN] = {"mobileoptin", 1},
};

#define NAMES                                                                                      \
    "Address1, Address2, Address3, Address4, Address5, Address6, Address7, PostCode, City, State," \
    " CountryId, Email, HomePhoneNumber, HomePhoneCountryId, MobilePhoneNumber,"                   \
    " MobilePhoneCountryId, EmailOptin, MobilePhoneOptin"

static const crm_db_statement_t select_row = {
    .label = "address_select",
    .sql = "SELECT AddressId, " NAMES
           " FROM Addresses WHERE ContactId = %d AND COALESCE(BrandId, 0) = CAST(%d AS INTEGER)"
           " AND COALESCE(ContactAddressTypeId, 0) = CAST(%d AS INTEGER)"};

static const crm_db_statement_t insert_row = {
    .label = "address_insert",
    .sql = "INSERT INTO Addresses (" NAMES ", ContactId, BrandId, ContactAddressTypeId)"
           " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %d, %d,"
           " %d, %d, %d) RETURNING AddressId"};

static const crm_db_statement_t update_row = {
    .label = "address_update",
    .sql = "UPDATE Addresses SET Address1 = %s, Address2 = %s, Address3 = %s, Address4 = %s,"
           " Address5 = %s, Address6 = %s, Address7 = %s, PostCode = %s, City = %s, State = %s,"
           " CountryId = %s, Email = %s, HomePhoneNumber = %s, HomePhoneCountryId = %s,"
           " MobilePhoneNumber = %s, MobilePhoneCountryId = %s, EmailOptin = %d,"
           " MobilePhoneOptin = %d WHERE AddressId = %d"};

/* *id is 0 when there is no such row; then all cells are NULL. */
static apr_status_t load(int *id, const char **cells, crm_db_t *db, const char **place,
                         apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, &select_row, place, 3, pool);
    int i;

    *id = (int)crm_db_number(&rows, 0, 0);
    for (i = 0; i < COLUMNS; i++) {
        cells[i] = crm_db_cell(&rows, 0, 1 + i);
    }
    return rv;
}

/* `values` are the cells with three more behind them. */
static apr_status_t insert(int *id, crm_db_t *db, const char **values, const char **place,
                           apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv;
    int i;

    values[COLUMNS] = place[0];
    for (i = 1; i < 3; i++) {
        values[COLUMNS + i] = strcmp(place[i], "0") == 0 ? NULL : place[i];
    }
    rv = crm_db_select(&rows, db, &insert_row, values, COLUMNS + 3, pool);
    *id = (int)crm_db_number(&rows, 0, 0);
    return rv;
}

static apr_status_t update(int id, crm_db_t *db, const char **values, apr_pool_t *pool)
{
    values[COLUMNS] = crm_db_int(id, pool);
    return crm_db_execute(NULL, db, &update_row, values, COLUMNS + 1, pool);
}

apr_status_t crm_address_apply(crm_db_t *db, int contact_id, int brand_id,
                               int contact_address_type_id, const crm_news_t *news,
                               const char *writer, apr_pool_t *pool)
{
    const char *place[] = {crm_db_int(contact_id, pool), crm_db_int(brand_id, pool),
                           crm_db_int(contact_address_type_id, pool)};
    const char *values[COLUMNS + 3];
    crm_guard_t *guard;
    apr_status_t rv;
    int id, changed;

    rv = load(&id, values, db, place, pool);
    if (rv == APR_SUCCESS) {
        rv = crm_guard_load(&guard, db, "Addresses", id ? crm_db_int(id, pool) : NULL, pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    changed = crm_guard_apply(guard, values, groups, CRM_ADDRESS_GROUPS, news, writer);
    if (!id) {
        rv = insert(&id, db, values, place, pool);
    }
    else if (changed) {
        rv = update(id, db, values, pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return crm_guard_save(guard, db, "Addresses", crm_db_int(id, pool), pool);
}
