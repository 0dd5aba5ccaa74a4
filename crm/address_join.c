/*
 * Two rows of Addresses become one (see address.h). The values are joined by the notes of the
 * guard; what follows a value (its state, its date, a consent that no message told of) goes with
 * the one that stands. Must never let a withdrawn consent come back by a merge.
 */
#include "crm/address.h"

#include <string.h>

#include "crm/db_private.h"
#include "crm/point.h"

/* Places in the cells: the columns of the groups first. */
#define COUNTRY 10 /* the last one of the postal group */
#define EMAIL_OPTIN 16
#define MOBILE_OPTIN 17
#define EMAIL_STATE 18
#define MOBILE_STATE 19
#define POSTAL_STATE 20
#define HOME_STATE 21
#define POSTAL_OPTIN 22
#define HOME_OPTIN 23
#define DATES 24 /* of postal address, mail address, home and mobile phone */
#define BRAND_TEXT 28
#define COLUMNS 29

#define NAMES                                                                                      \
    "Address1, Address2, Address3, Address4, Address5, Address6, Address7, PostCode, City, State," \
    " CountryId, Email, HomePhoneNumber, HomePhoneCountryId, MobilePhoneNumber,"                   \
    " MobilePhoneCountryId, EmailOptin, MobilePhoneOptin, EmailStateId, MobilePhoneStateId,"       \
    " AddressStateId, HomePhoneStateId, AddressOptin, HomePhoneOptin,"                             \
    " AddressAdvertiserCreationDate, EmailAdvertiserCreationDate,"                                 \
    " HomePhoneAdvertiserCreationDate, MobilePhoneAdvertiserCreationDate, BrandIdString"

static const crm_db_statement_t select_row = {.label = "address_join_select",
                                              .sql = "SELECT COALESCE(BrandId, 0), " NAMES
                                                     " FROM Addresses WHERE AddressId = %d"};

static const crm_db_statement_t update_row = {
    .label = "address_join_update",
    .sql = "UPDATE Addresses SET Address1 = %s, Address2 = %s, Address3 = %s, Address4 = %s,"
           " Address5 = %s, Address6 = %s, Address7 = %s, PostCode = %s, City = %s, State = %s,"
           " CountryId = %s, Email = %s, HomePhoneNumber = %s, HomePhoneCountryId = %s,"
           " MobilePhoneNumber = %s, MobilePhoneCountryId = %s, EmailOptin = %d,"
           " MobilePhoneOptin = %d, EmailStateId = %d, MobilePhoneStateId = %d,"
           " AddressStateId = %d, HomePhoneStateId = %d, AddressOptin = %d, HomePhoneOptin = %d,"
           " AddressAdvertiserCreationDate = %s, EmailAdvertiserCreationDate = %s,"
           " HomePhoneAdvertiserCreationDate = %s, MobilePhoneAdvertiserCreationDate = %s,"
           " BrandIdString = %s, DeletionFlag = 0 WHERE AddressId = %d"};

/* The check of the address that stands now. The other row keeps its own. */
static const crm_db_statement_t copy_check = {
    .label = "address_join_check",
    .sql = "INSERT INTO WebhookAddressChecks (AddressId, StateId, Reason, CheckedAt, MessageId,"
           " Input, Output) SELECT CAST(%d AS INTEGER), StateId, Reason, CheckedAt, MessageId,"
           " Input, Output FROM WebhookAddressChecks WHERE AddressId = %d"
           " ON CONFLICT (AddressId) DO UPDATE SET StateId = excluded.StateId,"
           " Reason = excluded.Reason, CheckedAt = excluded.CheckedAt,"
           " MessageId = excluded.MessageId, Input = excluded.Input, Output = excluded.Output"};

typedef struct medium_t {
    int value; /* the first of its columns */
    int columns;
    int state;
    int optin;
    int date;
    int has_point; /* its provider tells of the value itself (crm/point.h) */
    crm_point_kind_t kind;
    crm_address_group_t group; /* the consent's, of one with a point */
} medium_t;

static const medium_t mediums[] = {
    {0, 11, POSTAL_STATE, POSTAL_OPTIN, DATES, 0, 0, 0},
    {11, 1, EMAIL_STATE, EMAIL_OPTIN, DATES + 1, 1, CRM_POINT_EMAIL, CRM_ADDRESS_EMAIL_OPTIN},
    {12, 2, HOME_STATE, HOME_OPTIN, DATES + 2, 0, 0, 0},
    {14, 2, MOBILE_STATE, MOBILE_OPTIN, DATES + 3, 1, CRM_POINT_PHONE, CRM_ADDRESS_MOBILE_OPTIN},
};

#define MEDIUMS (sizeof(mediums) / sizeof(mediums[0]))

typedef struct joined_t {
    crm_db_t *db;
    int brand_id; /* of both */
    const char *kept[COLUMNS];
    const char *other[COLUMNS];
    const char *cells[COLUMNS + 1]; /* what comes of it, with room for the id */
    crm_guard_t *guard;
    apr_pool_t *pool;
} joined_t;

static int equal(const char *const *a, const char *const *b, int columns)
{
    int i;

    for (i = 0; i < columns; i++) {
        if (!a[i] || !b[i] ? a[i] != b[i] : strcmp(a[i], b[i]) != 0) {
            return 0;
        }
    }
    return 1;
}

static const char *later(const char *a, const char *b)
{
    return strcmp(a, b) > 0 ? a : b;
}

static int is_withdrawn(const char *consent)
{
    return consent && strcmp(consent, "0") == 0;
}

/* What belongs to the value of a medium goes with it. */
static void follow(joined_t *row, const medium_t *medium, int column)
{
    int same = equal(row->kept + medium->value, row->other + medium->value, medium->columns);
    int from_other =
        !same && equal(row->cells + medium->value, row->other + medium->value, medium->columns);

    row->cells[column] = from_other ? row->other[column] : row->kept[column];
    if (same && !row->kept[column]) {
        row->cells[column] = row->other[column];
    }
}

/* The version of what was said of a value itself. */
static apr_status_t point_version(const char **version, joined_t *row, const medium_t *medium,
                                  const char *value)
{
    crm_point_t point;
    apr_status_t rv =
        crm_point_load(&point, row->db, medium->kind, value, row->brand_id, row->pool);

    *version = later(*version, point.optin_version);
    return rv;
}

/* State and consent of a mail address or mobile number: what its provider told of it, the row's own
 * sources, and last what stands there without notes. */
static apr_status_t settle_point(joined_t *row, const medium_t *medium)
{
    const char *group = crm_address_groups()[medium->group].name;
    const char *own = crm_guard_value(row->guard, group, row->cells[medium->optin]);
    const char *version = crm_guard_version(row->guard, group);
    const char *value = row->cells[medium->value];
    crm_point_t point;
    apr_status_t rv =
        crm_point_load(&point, row->db, medium->kind, value, row->brand_id, row->pool);

    if (point.state) {
        row->cells[medium->state] = point.state;
    }
    if (strcmp(point.optin_version, version) > 0) {
        row->cells[medium->optin] = point.optin;
    }
    else if (*version) {
        row->cells[medium->optin] = own;
    }
    else {
        follow(row, medium, medium->optin);
    }
    if (is_withdrawn(row->cells[medium->optin]) ||
        (!is_withdrawn(row->kept[medium->optin]) && !is_withdrawn(row->other[medium->optin]))) {
        return rv;
    }
    version = later(version, point.optin_version);
    if (rv == APR_SUCCESS) {
        rv = point_version(&version, row, medium, row->kept[medium->value]);
    }
    if (rv == APR_SUCCESS) {
        rv = point_version(&version, row, medium, row->other[medium->value]);
    }
    crm_guard_withdraw(row->guard, group, version);
    row->cells[medium->optin] = "0";
    return rv;
}

/* Everything that follows the values. */
static apr_status_t settle(joined_t *row)
{
    apr_status_t rv = APR_SUCCESS;
    size_t i;

    for (i = 0; i < MEDIUMS && rv == APR_SUCCESS; i++) {
        const medium_t *medium = &mediums[i];

        follow(row, medium, medium->state);
        follow(row, medium, medium->date);
        if (medium->has_point) {
            rv = settle_point(row, medium);
            continue;
        }
        follow(row, medium, medium->optin);
        if (is_withdrawn(row->kept[medium->optin]) || is_withdrawn(row->other[medium->optin])) {
            row->cells[medium->optin] = "0";
        }
    }
    if (!row->cells[BRAND_TEXT]) {
        row->cells[BRAND_TEXT] = row->other[BRAND_TEXT];
    }
    return rv;
}

/* Of addresses that no message has told of, one that is nothing but a country is none. */
static void fill_postal(joined_t *row)
{
    const char *group = crm_address_groups()[CRM_ADDRESS_POSTAL].name;
    int i;

    if (*crm_guard_version(row->guard, group)) {
        return;
    }
    for (i = 0; i < COUNTRY; i++) {
        if (row->kept[i]) {
            return;
        }
    }
    for (i = 0; i < COUNTRY; i++) {
        row->cells[i] = row->other[i];
    }
    if (row->other[COUNTRY]) {
        row->cells[COUNTRY] = row->other[COUNTRY];
    }
}

static apr_status_t load(const char **cells, joined_t *row, int address_id)
{
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, row->db, &select_row,
                                    CRM_DB_VALUES(crm_db_int(address_id, row->pool)), row->pool);
    int i;

    row->brand_id = (int)crm_db_number(&rows, 0, 0);
    for (i = 0; i < COLUMNS; i++) {
        cells[i] = crm_db_cell(&rows, 0, 1 + i);
    }
    return rv;
}

/* The result of the check, if the state that stands is the other row's. */
static apr_status_t take_check(joined_t *row, int kept_id, int other_id)
{
    if (!row->other[POSTAL_STATE] || row->cells[POSTAL_STATE] != row->other[POSTAL_STATE]) {
        return APR_SUCCESS;
    }
    return crm_db_execute(
        NULL, row->db, &copy_check,
        CRM_DB_VALUES(crm_db_int(kept_id, row->pool), crm_db_int(other_id, row->pool)), row->pool);
}

apr_status_t crm_address_join(crm_db_t *db, int kept_id, int other_id, apr_pool_t *pool)
{
    const char *key = crm_db_int(kept_id, pool);
    joined_t row = {.db = db, .pool = pool};
    crm_guard_t *other;
    apr_status_t rv = load(row.kept, &row, kept_id);

    if (rv == APR_SUCCESS) {
        rv = load(row.other, &row, other_id);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_guard_load(&row.guard, db, "Addresses", key, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_guard_load(&other, db, "Addresses", crm_db_int(other_id, pool), pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    memcpy(row.cells, row.kept, sizeof(row.kept));
    crm_guard_join(row.guard, row.cells, other, row.other, crm_address_groups(),
                   CRM_ADDRESS_GROUPS);
    fill_postal(&row);
    rv = settle(&row);
    if (rv == APR_SUCCESS) {
        row.cells[COLUMNS] = key;
        rv = crm_db_execute(NULL, db, &update_row, row.cells, COLUMNS + 1, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = take_check(&row, kept_id, other_id);
    }
    return rv == APR_SUCCESS ? crm_guard_save(row.guard, db, "Addresses", key, pool) : rv;
}
