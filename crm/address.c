/*
 * Rows of Addresses. Must never remove one, nor write a second for the same contact, brand and
 * type.
 *
 * Some columns follow others instead of a message: the states of mail address and mobile number
 * are those of the value that stands there now (crm/point.h), and so is a consent, when what was
 * said of the value is newer than what the row's own source said. The postal columns of an address
 * that was checked show what the check has made of it (crm/address_check.h).
 */
#include "crm/address.h"

#include <string.h>

#include "crm/address_check.h"
#include "crm/db_private.h"
#include "crm/point.h"

/* Places in the cells: columns of the groups, and those behind them. */
#define EMAIL_STATE 18
#define MOBILE_STATE 19
#define POSTAL_STATE 20
#define COLUMNS 21

#define EMAIL 11
#define MOBILE 14
#define EMAIL_OPTIN 16
#define MOBILE_OPTIN 17

static const crm_group_t groups[CRM_ADDRESS_GROUPS] = {
    [CRM_ADDRESS_POSTAL] = CRM_GROUP("postal", 11),
    [CRM_ADDRESS_EMAIL] = CRM_GROUP("email", 1),
    [CRM_ADDRESS_HOME_PHONE] = CRM_GROUP("homephone", 2),
    [CRM_ADDRESS_MOBILE_PHONE] = CRM_GROUP("mobile", 2),
    [CRM_ADDRESS_EMAIL_OPTIN] = {"emailoptin", 1, 1},
    [CRM_ADDRESS_MOBILE_OPTIN] = {"mobileoptin", 1, 1},
};

const crm_group_t *crm_address_groups(void)
{
    return groups;
}

#define NAMES                                                                                      \
    "Address1, Address2, Address3, Address4, Address5, Address6, Address7, PostCode, City, State," \
    " CountryId, Email, HomePhoneNumber, HomePhoneCountryId, MobilePhoneNumber,"                   \
    " MobilePhoneCountryId, EmailOptin, MobilePhoneOptin, EmailStateId, MobilePhoneStateId,"       \
    " AddressStateId"

static const crm_db_statement_t select_row = {
    .label = "address_select",
    .sql = "SELECT AddressId, " NAMES
           " FROM Addresses WHERE ContactId = %d AND COALESCE(BrandId, 0) = CAST(%d AS INTEGER)"
           " AND COALESCE(ContactAddressTypeId, 0) = CAST(%d AS INTEGER)"};

static const crm_db_statement_t select_by_id = {.label = "address_select_by_id",
                                                .sql = "SELECT COALESCE(BrandId, 0), " NAMES
                                                       " FROM Addresses WHERE AddressId = %d"};

static const crm_db_statement_t insert_row = {
    .label = "address_insert",
    .sql = "INSERT INTO Addresses (" NAMES ", ContactId, BrandId, ContactAddressTypeId)"
           " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %d, %d, %d,"
           " %d, %d, %d, %d, %d)",
    .gives = "AddressId"};

static const crm_db_statement_t update_row = {
    .label = "address_update",
    .sql = "UPDATE Addresses SET Address1 = %s, Address2 = %s, Address3 = %s, Address4 = %s,"
           " Address5 = %s, Address6 = %s, Address7 = %s, PostCode = %s, City = %s, State = %s,"
           " CountryId = %s, Email = %s, HomePhoneNumber = %s, HomePhoneCountryId = %s,"
           " MobilePhoneNumber = %s, MobilePhoneCountryId = %s, EmailOptin = %d,"
           " MobilePhoneOptin = %d, EmailStateId = %d, MobilePhoneStateId = %d,"
           " AddressStateId = %d WHERE AddressId = %d"};

/* One row on its way. */
typedef struct row_t {
    int id; /* 0 = none yet: then all cells are NULL */
    int brand_id;
    const char *cells[COLUMNS + 3]; /* with room for the place behind them */
    const char *before[COLUMNS];
    crm_guard_t *guard;
} row_t;

static void read_cells(row_t *row, const crm_db_rows_t *rows)
{
    int i;

    for (i = 0; i < COLUMNS; i++) {
        row->before[i] = row->cells[i] = crm_db_cell(rows, 0, 1 + i);
    }
}

static apr_status_t load_guard(row_t *row, crm_db_t *db, apr_pool_t *pool)
{
    return crm_guard_load(&row->guard, db, "Addresses", row->id ? crm_db_int(row->id, pool) : NULL,
                          pool);
}

static apr_status_t insert(row_t *row, crm_db_t *db, const char **place, apr_pool_t *pool)
{
    int i;

    row->cells[COLUMNS] = place[0];
    for (i = 1; i < 3; i++) {
        row->cells[COLUMNS + i] = strcmp(place[i], "0") == 0 ? NULL : place[i];
    }
    return crm_db_insert(&row->id, db, &insert_row, row->cells, COLUMNS + 3, pool);
}

static apr_status_t update(row_t *row, crm_db_t *db, apr_pool_t *pool)
{
    row->cells[COLUMNS] = crm_db_int(row->id, pool);
    return crm_db_execute(NULL, db, &update_row, row->cells, COLUMNS + 1, pool);
}

static int differs(const char *a, const char *b)
{
    return !a || !b ? a != b : strcmp(a, b) != 0;
}

static int has_changed(const row_t *row, int first, int count)
{
    int i;

    for (i = first; i < first + count; i++) {
        if (differs(row->cells[i], row->before[i])) {
            return 1;
        }
    }
    return 0;
}

/* ---- columns that follow ---- */

/* One medium: its value, and the columns that follow it. */
typedef struct medium_t {
    crm_point_kind_t kind;
    int value;
    int state;
    int optin;
    crm_address_group_t group; /* the consent's */
} medium_t;

static const medium_t mediums[] = {
    {CRM_POINT_EMAIL, EMAIL, EMAIL_STATE, EMAIL_OPTIN, CRM_ADDRESS_EMAIL_OPTIN},
    {CRM_POINT_PHONE, MOBILE, MOBILE_STATE, MOBILE_OPTIN, CRM_ADDRESS_MOBILE_OPTIN},
};

#define MEDIUMS ((int)(sizeof(mediums) / sizeof(mediums[0])))

/* Sets state and consent by what is known of the value that stands there. A state that was set by
 * somebody else stays while the value does and its provider has said nothing. */
static apr_status_t follow(row_t *row, crm_db_t *db, const medium_t *medium, apr_pool_t *pool)
{
    const char *group = groups[medium->group].name;
    const char *own = crm_guard_value(row->guard, group, row->before[medium->optin]);
    const char *own_version = crm_guard_version(row->guard, group);
    crm_point_t point;
    apr_status_t rv =
        crm_point_load(&point, db, medium->kind, row->cells[medium->value], row->brand_id, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (has_changed(row, medium->value, 1) || point.state) {
        row->cells[medium->state] = point.state;
    }
    if (strcmp(point.optin_version, own_version) > 0) {
        crm_guard_keep(row->guard, group, own);
        row->cells[medium->optin] = point.optin;
    }
    else if (*own_version) {
        row->cells[medium->optin] = own;
    }
    else if (has_changed(row, medium->value, 1)) {
        row->cells[medium->optin] = NULL; /* it was that of another value */
    }
    return APR_SUCCESS;
}

/* What a message has changed decides what has to follow. */
static apr_status_t follow_changes(row_t *row, crm_db_t *db, apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; i < MEDIUMS && rv == APR_SUCCESS; i++) {
        if (has_changed(row, mediums[i].value, 1) || has_changed(row, mediums[i].optin, 1)) {
            rv = follow(row, db, &mediums[i], pool);
        }
    }
    /* Another address: nobody has checked it yet, or somebody has. */
    if (rv == APR_SUCCESS && row->id && has_changed(row, 0, groups[CRM_ADDRESS_POSTAL].columns)) {
        rv = crm_address_check_recall(row->cells, &row->cells[POSTAL_STATE], db, row->id, pool);
    }
    return rv;
}

apr_status_t crm_address_follow(crm_db_t *db, int address_id, crm_point_kind_t kind,
                                apr_pool_t *pool)
{
    row_t row = {.id = address_id};
    crm_db_rows_t rows;
    apr_status_t rv =
        crm_db_select(&rows, db, &select_by_id, CRM_DB_VALUES(crm_db_int(address_id, pool)), pool);
    int i;

    if (rv != APR_SUCCESS || rows.count == 0) {
        return rv;
    }
    row.brand_id = (int)crm_db_number(&rows, 0, 0);
    read_cells(&row, &rows);
    rv = load_guard(&row, db, pool);
    for (i = 0; i < MEDIUMS && rv == APR_SUCCESS; i++) {
        if (mediums[i].kind == kind) {
            rv = follow(&row, db, &mediums[i], pool);
        }
    }
    if (rv == APR_SUCCESS && has_changed(&row, 0, COLUMNS)) {
        rv = update(&row, db, pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return crm_guard_save(row.guard, db, "Addresses", crm_db_int(address_id, pool), pool);
}

/* ---- a message ---- */

apr_status_t crm_address_find(int *address_id, crm_db_t *db, int contact_id, int brand_id,
                              int contact_address_type_id, apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv =
        crm_db_select(&rows, db, &select_row,
                      CRM_DB_VALUES(crm_db_int(contact_id, pool), crm_db_int(brand_id, pool),
                                    crm_db_int(contact_address_type_id, pool)),
                      pool);

    *address_id = (int)crm_db_number(&rows, 0, 0);
    return rv;
}

apr_status_t crm_address_apply(crm_db_t *db, int contact_id, int brand_id,
                               int contact_address_type_id, const crm_news_t *news,
                               const char *writer, apr_pool_t *pool)
{
    const char *place[] = {crm_db_int(contact_id, pool), crm_db_int(brand_id, pool),
                           crm_db_int(contact_address_type_id, pool)};
    row_t row = {.brand_id = brand_id};
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, &select_row, place, 3, pool);

    row.id = (int)crm_db_number(&rows, 0, 0);
    read_cells(&row, &rows);
    if (rv == APR_SUCCESS) {
        rv = load_guard(&row, db, pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    crm_guard_apply(row.guard, row.cells, groups, CRM_ADDRESS_GROUPS, news, writer);
    rv = follow_changes(&row, db, pool);
    if (rv == APR_SUCCESS && !row.id) {
        rv = insert(&row, db, place, pool);
    }
    else if (rv == APR_SUCCESS && has_changed(&row, 0, COLUMNS)) {
        rv = update(&row, db, pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return crm_guard_save(row.guard, db, "Addresses", crm_db_int(row.id, pool), pool);
}
