/*
 * The rows of WebhookPoints, and the addresses that follow them. The match key of a value is held
 * from before the search for its addresses until the transaction ends, so that no address gets the
 * value in between and misses what is said here.
 */
#include "crm/point.h"

#include <stdlib.h>
#include <string.h>

#include "crm/address.h"
#include "crm/contact.h"
#include "crm/db_private.h"
#include "crm/match.h"

/* Of all brands: there are few, and for a list of them SQLite makes a temporary table. */
static const crm_db_statement_t select_point = {
    .label = "point_select",
    .sql = "SELECT BrandId, StateId, StateVersion, Optin, OptinVersion FROM WebhookPoints"
           " WHERE PointKey = %s"};

static const crm_db_statement_t insert_point = {
    .label = "point_insert",
    .sql = "INSERT INTO WebhookPoints (PointKey, BrandId) VALUES (%s, %d) ON CONFLICT DO NOTHING"};

static const crm_db_statement_t update_state = {
    .label = "point_state",
    .sql = "UPDATE WebhookPoints SET StateId = %d, StateVersion = %s WHERE PointKey = %s"
           " AND BrandId = 0 AND (StateVersion IS NULL OR StateVersion < %s)"};

static const crm_db_statement_t update_optin = {
    .label = "point_optin",
    .sql = "UPDATE WebhookPoints SET Optin = %d, OptinVersion = %s WHERE PointKey = %s"
           " AND BrandId = %d AND (OptinVersion IS NULL OR OptinVersion < %s)"};

static const crm_db_statement_t select_addresses[] = {
    [CRM_POINT_EMAIL] = {.label = "point_emails",
                         .sql =
                             "SELECT AddressId, ContactId FROM Addresses WHERE LOWER(Email) = %s"},
    [CRM_POINT_PHONE] = {.label = "point_phones",
                         .sql = "SELECT AddressId, ContactId FROM Addresses"
                                " WHERE MobilePhoneNumber = %s"},
};

apr_status_t crm_point_load(crm_point_t *point, crm_db_t *db, crm_point_kind_t kind,
                            const char *value, int brand_id, apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv;
    const char *version;
    int i;

    memset(point, 0, sizeof(*point));
    point->optin_version = "";
    if (!value) {
        return APR_SUCCESS;
    }
    rv = crm_db_select(&rows, db, &select_point, CRM_DB_VALUES(crm_match_key(kind, value, pool)),
                       pool);
    for (i = 0; i < rows.count; i++) {
        apr_int64_t brand = crm_db_number(&rows, i, 0);

        if (brand != 0 && brand != brand_id) {
            continue;
        }
        if (brand == 0) {
            point->state = crm_db_cell(&rows, i, 1);
        }
        version = crm_db_cell(&rows, i, 4);
        if (version && strcmp(version, point->optin_version) > 0) {
            point->optin = crm_db_cell(&rows, i, 3);
            point->optin_version = version;
        }
    }
    return rv;
}

/* Writes what is newer than what is known. *changed says whether something was. */
static apr_status_t write_news(int *changed, crm_db_t *db, const char *key, int brand_id,
                               const crm_point_news_t *news, apr_pool_t *pool)
{
    const char *brand = crm_db_int(brand_id, pool);
    apr_status_t rv = APR_SUCCESS;
    int rows = 0;

    *changed = 0;
    if (news->state) {
        rv = crm_db_execute(NULL, db, &insert_point, CRM_DB_VALUES(key, "0"), pool);
        if (rv == APR_SUCCESS) {
            rv = crm_db_execute(
                &rows, db, &update_state,
                CRM_DB_VALUES(crm_db_int(news->state, pool), news->version, key, news->version),
                pool);
        }
        *changed += rows;
    }
    if (rv == APR_SUCCESS && news->says_optin) {
        rows = 0;
        rv = crm_db_execute(NULL, db, &insert_point, CRM_DB_VALUES(key, brand), pool);
        if (rv == APR_SUCCESS) {
            rv = crm_db_execute(
                &rows, db, &update_optin,
                CRM_DB_VALUES(news->optin ? "1" : "0", news->version, key, brand, news->version),
                pool);
        }
        *changed += rows;
    }
    return rv;
}

typedef struct place_t {
    int contact_id;
    int address_id;
} place_t;

/* In the order in which contacts are locked. */
static int by_contact(const void *a, const void *b)
{
    const place_t *one = a, *other = b;

    return one->contact_id != other->contact_id
               ? (one->contact_id > other->contact_id) - (one->contact_id < other->contact_id)
               : (one->address_id > other->address_id) - (one->address_id < other->address_id);
}

/* The addresses with a value. Sorted here: SQLite would make a temporary table for it. */
static apr_status_t find_places(place_t **places, int *count, crm_db_t *db,
                                const crm_match_t *match, apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv =
        crm_db_select(&rows, db, &select_addresses[match->kind], CRM_DB_VALUES(match->value), pool);
    int i;

    *count = rows.count;
    *places = apr_palloc(pool, sizeof(place_t) * (apr_size_t)(rows.count + 1));
    for (i = 0; i < rows.count; i++) {
        (*places)[i].address_id = (int)crm_db_number(&rows, i, 0);
        (*places)[i].contact_id = (int)crm_db_number(&rows, i, 1);
    }
    qsort(*places, (size_t)rows.count, sizeof(place_t), by_contact);
    return rv;
}

/* Lets the addresses with this value follow. A till may give one number to everybody who has none:
 * a pool for each. */
static apr_status_t follow(crm_db_t *db, const crm_match_t *match, apr_pool_t *pool)
{
    crm_contact_t contact;
    apr_pool_t *each;
    place_t *places;
    int i, count;
    apr_status_t rv = find_places(&places, &count, db, match, pool);

    if (rv != APR_SUCCESS || count == 0) {
        return rv;
    }
    apr_pool_create(&each, pool);
    apr_pool_tag(each, "crm_point_follow");
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        rv = crm_contact_load(&contact, db, places[i].contact_id, each);
        if (rv == APR_SUCCESS || APR_STATUS_IS_ENOENT(rv)) {
            rv = crm_address_follow(db, places[i].address_id, match->kind, each);
        }
        apr_pool_clear(each);
    }
    apr_pool_destroy(each);
    return rv;
}

apr_status_t crm_point_tell(crm_db_t *db, crm_point_kind_t kind, const char *value, int brand_id,
                            const crm_point_news_t *news, apr_pool_t *pool)
{
    crm_match_t match;
    apr_status_t rv;
    int changed = 0;

    if (!value || !*value || (!news->state && !news->says_optin)) {
        return APR_SUCCESS;
    }
    rv = crm_match_hold(&match, db, kind, value, pool);
    if (rv == APR_SUCCESS) {
        rv = write_news(&changed, db, match.key, brand_id, news, pool);
    }
    return rv == APR_SUCCESS && changed ? follow(db, &match, pool) : rv;
}
