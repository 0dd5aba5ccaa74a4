/*
 * Steps of cleaning addresses (see address_clean.h). The contact is locked before its address is
 * read, as everybody does it. Must never write an address that is as it should be: a second run
 * over a database changes nothing.
 */
#include "crm/address_clean.h"

#include <apr_strings.h>

#include <string.h>

#include "core/clock.h"
#include "crm/address.h"
#include "crm/address_check.h"
#include "crm/db_private.h"
#include "crm/postcode.h"

#define STEP_MOST 200
#define STEP_MOST_TEXT "200"
#define STEP_TIME (40 * 1000)
/* How many numbers a search goes through: few addresses of a large database may be meant. */
#define WINDOW 400

/* ---- statements ---- */

/* What stands in the subqueries is looked up for each address, by the contact's number. Joined
 * instead, or with the source in a condition, PostgreSQL may think that few contacts are of that
 * source, and go through all of them in every step: seen before the first ANALYZE. */
#define CHOICE                                                                                     \
    "SELECT a.AddressId, a.ContactId FROM Addresses a WHERE a.DeletionFlag = 0"                    \
    " AND (SELECT COUNT(*) FROM Contacts c WHERE c.ContactId = a.ContactId"                        \
    " AND c.DeletionFlag = 0"                                                                      \
    " AND (CAST(%d AS INTEGER) = 0 OR c.ZoneId = CAST(%d AS INTEGER))) > 0"                        \
    " AND (CAST(%d AS INTEGER) = 0 OR a.BrandId = CAST(%d AS INTEGER))"                            \
    " AND (CAST(%d AS INTEGER) = 0 OR a.ContactAddressTypeId = CAST(%d AS INTEGER))"
#define CHOICE_VALUES 6

static const crm_db_statement_t select_exists = {
    .label = "clean_exists",
    .sql = "SELECT (SELECT COUNT(*) FROM Addresses WHERE AddressId = %d),"
           " (SELECT COUNT(*) FROM Contacts WHERE ContactId = %d)"};

static const crm_db_statement_t select_of_source = {
    .label = "clean_of_source",
    .sql = CHOICE " AND (SELECT COUNT(CASE WHEN i.SourceId = CAST(%d AS INTEGER) THEN 1 END)"
                  " FROM ContactIdentifiers i WHERE i.ContactId = a.ContactId) > 0"
                  " AND a.AddressId > %d AND a.AddressId <= %d ORDER BY a.AddressId"
                  " LIMIT " STEP_MOST_TEXT};

static const crm_db_statement_t select_of_contact = {
    .label = "clean_of_contact", .sql = CHOICE " AND a.ContactId = %d ORDER BY a.AddressId"};

static const crm_db_statement_t select_one = {.label = "clean_one",
                                              .sql = CHOICE " AND a.AddressId = %d"};

static const crm_db_statement_t select_last = {
    .label = "clean_last", .sql = "SELECT COALESCE(MAX(AddressId), 0) FROM Addresses"};

#define TAKE "SELECT DeletionFlag FROM Contacts WHERE ContactId = %d"

static const crm_db_statement_t take_waiting = {.label = "clean_take", .sql = TAKE, .locks = 1};
static const crm_db_statement_t take_free = {
    .label = "clean_take_free", .sql = TAKE, .locks = CRM_DB_LOCK_FREE};
static const crm_db_statement_t select_contact = {.label = "clean_contact", .sql = TAKE};

#define NAMES                                                                                      \
    "Address1, Address2, Address3, Address4, Address5, Address6, Address7, PostCode, City, State," \
    " CountryId"

static const crm_db_statement_t select_row = {
    .label = "clean_select",
    .sql = "SELECT ContactId, COALESCE(BrandId, 0), COALESCE(ContactAddressTypeId, 0),"
           " COALESCE(AddressStateId, 0), " NAMES
           " FROM Addresses WHERE AddressId = %d AND DeletionFlag = 0"};

static const crm_db_statement_t update_row = {
    .label = "clean_update",
    .sql = "UPDATE Addresses SET Address1 = %s, Address2 = %s, Address3 = %s, Address4 = %s,"
           " Address5 = %s, Address6 = %s, Address7 = %s, PostCode = %s, City = %s, State = %s,"
           " CountryId = %s, AddressStateId = %d WHERE AddressId = %d"};

/* ---- one address ---- */

/* A row of Addresses with its last check. */
typedef struct address_t {
    int id; /* 0 = not there, or deleted */
    int contact_id;
    int brand_id;
    int contact_address_type_id;
    int state;
    const char *text; /* of what stands there, crm_address_check_text() */
    crm_address_check_t check;
    /* What is to be cleaned: what stands there, or what stood there before the last check. */
    const char *values[CRM_POSTAL_VALUES];
} address_t;

static apr_status_t load(address_t *address, crm_db_t *db, int id, apr_pool_t *pool)
{
    const char *before[CRM_POSTAL_VALUES];
    crm_db_rows_t rows;
    apr_status_t rv =
        crm_db_select(&rows, db, &select_row, CRM_DB_VALUES(crm_db_int(id, pool)), pool);
    int i;

    memset(address, 0, sizeof(*address));
    if (rv != APR_SUCCESS || rows.count == 0) {
        return rv;
    }
    address->id = id;
    address->contact_id = (int)crm_db_number(&rows, 0, 0);
    address->brand_id = (int)crm_db_number(&rows, 0, 1);
    address->contact_address_type_id = (int)crm_db_number(&rows, 0, 2);
    address->state = (int)crm_db_number(&rows, 0, 3);
    for (i = 0; i < CRM_POSTAL_VALUES; i++) {
        address->values[i] = crm_db_cell(&rows, 0, 4 + i);
    }
    address->text = crm_address_check_text(address->values, pool);
    rv = crm_address_check_load(&address->check, db, id, pool);
    if (rv == APR_SUCCESS && address->check.state &&
        strcmp(address->text, address->check.output) == 0 &&
        crm_address_check_values(before, address->check.input, pool)) {
        memcpy(address->values, before, sizeof(before));
    }
    return rv;
}

static void append(apr_array_header_t *places, const apr_array_header_t *more, const char *but_code)
{
    int i;

    for (i = 0; i < more->nelts; i++) {
        const crm_postal_place_t *place = &APR_ARRAY_IDX(more, i, crm_postal_place_t);

        if (!but_code || strcmp(place->post_code, but_code) != 0) {
            APR_ARRAY_PUSH(places, crm_postal_place_t) = *place;
        }
    }
}

/* The verdict on some values. */
static apr_status_t judge(crm_postal_result_t *result, const crm_clean_t *clean,
                          const char *const *values)
{
    apr_array_header_t *places = apr_array_make(clean->pool, 8, sizeof(crm_postal_place_t)), *more;
    const char *code, *city;
    apr_status_t rv = APR_SUCCESS;

    crm_postal_normalise(result, values, clean->pool);
    code = result->values[CRM_POSTAL_POST_CODE];
    city = result->values[CRM_POSTAL_CITY];
    if (result->verdict != CRM_POSTAL_VALID && result->verdict != CRM_POSTAL_CORRECTED) {
        return rv;
    }
    if (!clean->reference_empty && code) {
        rv = crm_postcode_places_of_code(&more, clean->db, code, clean->pool);
        append(places, more, NULL);
    }
    if (!clean->reference_empty && city && rv == APR_SUCCESS) {
        rv = crm_postcode_places_of_city(&more, clean->db, crm_postal_city_key(city, clean->pool),
                                         clean->pool);
        append(places, more, code);
    }
    if (rv == APR_SUCCESS) {
        crm_postal_validate(result, (const crm_postal_place_t *)places->elts, places->nelts,
                            clean->reference_empty, clean->pool);
    }
    return rv;
}

static int same(const char *a, const char *b)
{
    return !a || !b ? a == b : strcmp(a, b) == 0;
}

static apr_status_t write_row(crm_db_t *db, int id, const char *const *values, int state,
                              apr_pool_t *pool)
{
    const char *cells[CRM_POSTAL_VALUES + 2];

    memcpy(cells, values, sizeof(*values) * CRM_POSTAL_VALUES);
    cells[CRM_POSTAL_VALUES] = crm_db_int(state, pool);
    cells[CRM_POSTAL_VALUES + 1] = crm_db_int(id, pool);
    return crm_db_execute(NULL, db, &update_row, cells, CRM_POSTAL_VALUES + 2, pool);
}

/* Judges a row, and writes what is not yet as it should be. */
static apr_status_t clean_row(crm_clean_t *clean, const address_t *address)
{
    const char *const *output = address->values;
    const crm_address_check_t *old = &address->check;
    crm_postal_result_t result;
    crm_address_check_t check;
    apr_status_t rv = judge(&result, clean, address->values);
    int changed;

    if (result.verdict != CRM_POSTAL_REJECTED) {
        output = result.values;
    }
    check.state = (int)result.verdict;
    check.reason = result.reason;
    check.input = crm_address_check_text(address->values, clean->pool);
    check.output = crm_address_check_text(output, clean->pool);
    changed = !same(address->text, check.output) || address->state != check.state;
    if (rv == APR_SUCCESS && changed) {
        rv = write_row(clean->db, address->id, output, check.state, clean->pool);
    }
    if (rv == APR_SUCCESS && (old->state != check.state || !same(old->reason, check.reason) ||
                              !same(old->input, check.input) || !same(old->output, check.output))) {
        rv = crm_address_check_save(&check, clean->db, address->id, clean->job->message_id,
                                    clean->pool);
    }
    clean->job->changed += changed;
    clean->job->states[check.state]++;
    return rv;
}

/* ---- steps ---- */

apr_status_t crm_clean_begin(crm_clean_t *clean, crm_db_t *db, crm_job_t *job, apr_pool_t *pool)
{
    memset(clean, 0, sizeof(*clean));
    clean->db = db;
    clean->job = job;
    clean->left = STEP_MOST;
    clean->until = crm360_clock() + STEP_TIME;
    apr_pool_create(&clean->pool, pool);
    apr_pool_tag(clean->pool, "crm_address_clean");
    return crm_postcode_is_empty(&clean->reference_empty, db, clean->pool);
}

int crm_clean_is_over(const crm_clean_t *clean)
{
    return clean->left <= 0 || crm360_clock() >= clean->until;
}

apr_status_t crm_clean_take(crm_clean_t *clean, int contact_id)
{
    const char *id = crm_db_int(contact_id, clean->pool);
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, clean->db, clean->holds ? &take_free : &take_waiting,
                                    CRM_DB_VALUES(id), clean->pool);

    if (rv == APR_SUCCESS && rows.count == 0 && clean->holds) {
        rv = crm_db_select(&rows, clean->db, &select_contact, CRM_DB_VALUES(id), clean->pool);
        if (rv == APR_SUCCESS && rows.count > 0) {
            return APR_EBUSY;
        }
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    clean->holds |= rows.count > 0;
    return rows.count == 0 || crm_db_number(&rows, 0, 0) != 0 ? APR_ENOENT : APR_SUCCESS;
}

/* Cleans a row that a search has found; meanwhile it may have moved, or gone. */
static apr_status_t clean_found(int *found, crm_clean_t *clean, int id, int contact_id)
{
    apr_status_t rv = crm_clean_take(clean, contact_id);
    address_t address;

    *found = 0;
    if (rv == APR_SUCCESS) {
        rv = load(&address, clean->db, id, clean->pool);
    }
    if (rv == APR_SUCCESS && address.id && address.contact_id == contact_id) {
        rv = clean_row(clean, &address);
        clean->job->done++;
        *found = 1;
    }
    clean->left--;
    return APR_STATUS_IS_ENOENT(rv) ? APR_SUCCESS : rv;
}

apr_status_t crm_clean_last(int *address_id, crm_db_t *db, apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, &select_last, NULL, 0, pool);

    *address_id = (int)crm_db_number(&rows, 0, 0);
    return rv;
}

/* The values of CHOICE. */
static void choose(const char **values, const crm_clean_choice_t *choice, apr_pool_t *pool)
{
    values[0] = values[1] = crm_db_int(choice->zone_id, pool);
    values[2] = values[3] = crm_db_int(choice->brand_id, pool);
    values[4] = values[5] = crm_db_int(choice->contact_address_type_id, pool);
}

/* The next addresses of the source, up to the number `upto`. */
static apr_status_t select_next(crm_db_rows_t *rows, crm_clean_t *clean,
                                const crm_clean_choice_t *choice, int upto, apr_pool_t *pool)
{
    const char *values[CHOICE_VALUES + 3];

    choose(values, choice, pool);
    values[CHOICE_VALUES] = crm_db_int(choice->source_id, pool);
    values[CHOICE_VALUES + 1] = crm_db_int(clean->job->cursor, pool);
    values[CHOICE_VALUES + 2] = crm_db_int(upto, pool);
    return crm_db_select(rows, clean->db, &select_of_source, values, CHOICE_VALUES + 3, pool);
}

/* One search, and what it finds, as far as the step goes. */
static apr_status_t clean_window(crm_clean_t *clean, const crm_clean_choice_t *choice,
                                 apr_pool_t *pool)
{
    crm_job_t *job = clean->job;
    int upto = job->total - job->cursor > WINDOW ? job->cursor + WINDOW : job->total;
    crm_db_rows_t rows;
    apr_status_t rv = select_next(&rows, clean, choice, upto, pool);
    int i, found;

    /* One at least, or a slow database would never come to an end. */
    for (i = 0; rv == APR_SUCCESS && i < rows.count && (i == 0 || !crm_clean_is_over(clean)); i++) {
        int id = (int)crm_db_number(&rows, i, 0);

        rv = clean_found(&found, clean, id, (int)crm_db_number(&rows, i, 1));
        job->cursor = rv == APR_SUCCESS ? id : job->cursor;
        apr_pool_clear(clean->pool);
    }
    if (rv == APR_SUCCESS && i == rows.count && rows.count < STEP_MOST) {
        job->cursor = upto;
    }
    return rv;
}

apr_status_t crm_clean_all(crm_clean_t *clean, const crm_clean_choice_t *choice)
{
    apr_status_t rv = APR_SUCCESS;
    apr_pool_t *pool;

    /* Not below the pool of one address, which is cleared on the way. */
    apr_pool_create(&pool, apr_pool_parent_get(clean->pool));
    apr_pool_tag(pool, "crm_address_clean_window");
    do {
        rv = clean_window(clean, choice, pool);
        apr_pool_clear(pool);
    } while (rv == APR_SUCCESS && clean->job->cursor < clean->job->total &&
             !crm_clean_is_over(clean));
    apr_pool_destroy(pool);
    return APR_STATUS_IS_EBUSY(rv) ? APR_SUCCESS : rv;
}

apr_status_t crm_clean_few(crm_clean_t *clean, const crm_clean_choice_t *choice)
{
    int id = choice->address_id ? choice->address_id : choice->contact_id;
    const char *values[CHOICE_VALUES + 1];
    crm_db_rows_t rows;
    apr_status_t rv;
    int i, found = 0, any = 0;

    choose(values, choice, clean->pool);
    values[CHOICE_VALUES] = crm_db_int(id, clean->pool);
    rv = crm_db_select(&rows, clean->db, choice->address_id ? &select_one : &select_of_contact,
                       values, CHOICE_VALUES + 1, clean->pool);
    for (i = 0; rv == APR_SUCCESS && i < rows.count; i++) {
        rv = clean_found(&found, clean, (int)crm_db_number(&rows, i, 0),
                         (int)crm_db_number(&rows, i, 1));
        any |= found;
    }
    return rv == APR_SUCCESS && !any ? APR_ENOENT : rv;
}

/* ---- what somebody says of an address ---- */

apr_status_t crm_clean_exists(int *exists, crm_clean_t *clean, int address_id, int contact_id)
{
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(
        &rows, clean->db, &select_exists,
        CRM_DB_VALUES(crm_db_int(address_id, clean->pool), crm_db_int(contact_id, clean->pool)),
        clean->pool);

    *exists = crm_db_number(&rows, 0, 0) + crm_db_number(&rows, 0, 1) > 0;
    return rv;
}

apr_status_t crm_clean_owner(int *contact_id, crm_clean_t *clean, int address_id)
{
    address_t address;
    apr_status_t rv = load(&address, clean->db, address_id, clean->pool);

    *contact_id = address.contact_id;
    return rv == APR_SUCCESS && !address.id ? APR_ENOENT : rv;
}

static int says_something(const crm_clean_given_t *given)
{
    int i;

    for (i = 0; i < CRM_POSTAL_VALUES; i++) {
        if (given->said[i] && given->values[i]) {
            return 1;
        }
    }
    return 0;
}

/* news := `values` with what was given in its place. */
static void overlay(crm_news_t *news, const char *const *values, const crm_clean_given_t *given)
{
    int i;

    news->said = 1;
    news->version = given->version;
    for (i = 0; i < CRM_POSTAL_VALUES; i++) {
        news->values[i] = given->said[i] ? given->values[i] : values[i];
    }
}

apr_status_t crm_clean_given(crm_clean_t *clean, int address_id, const crm_clean_given_t *given)
{
    crm_news_t news[CRM_ADDRESS_GROUPS];
    const char *wanted = NULL;
    address_t address;
    apr_status_t rv = load(&address, clean->db, address_id, clean->pool);

    memset(news, 0, sizeof(news));
    if (rv != APR_SUCCESS || !address.id) {
        return rv == APR_SUCCESS ? APR_ENOENT : rv;
    }
    if (says_something(given)) {
        overlay(&news[CRM_ADDRESS_POSTAL], address.values, given);
        wanted = crm_address_check_text(news[CRM_ADDRESS_POSTAL].values, clean->pool);
    }
    if (wanted && !same(wanted, crm_address_check_text(address.values, clean->pool))) {
        rv = crm_address_apply(clean->db, address.contact_id, address.brand_id,
                               address.contact_address_type_id, news, given->writer, clean->pool);
        if (rv == APR_SUCCESS) {
            rv = load(&address, clean->db, address_id, clean->pool);
        }
    }
    if (rv == APR_SUCCESS &&
        (!wanted || same(wanted, crm_address_check_text(address.values, clean->pool)))) {
        rv = clean_row(clean, &address);
    }
    clean->job->done += rv == APR_SUCCESS;
    clean->left--;
    return rv;
}

apr_status_t crm_clean_place(crm_clean_t *clean, int contact_id, int brand_id,
                             int contact_address_type_id, const crm_clean_given_t *given)
{
    crm_news_t news[CRM_ADDRESS_GROUPS];
    apr_status_t rv;
    int id = 0;

    rv = crm_address_find(&id, clean->db, contact_id, brand_id, contact_address_type_id,
                          clean->pool);
    if (rv == APR_SUCCESS && !id && !says_something(given)) {
        return APR_ENOENT;
    }
    if (rv == APR_SUCCESS && !id) {
        static const char *const nothing[CRM_POSTAL_VALUES];

        memset(news, 0, sizeof(news));
        overlay(&news[CRM_ADDRESS_POSTAL], nothing, given);
        rv = crm_address_apply(clean->db, contact_id, brand_id, contact_address_type_id, news,
                               given->writer, clean->pool);
        if (rv == APR_SUCCESS) {
            rv = crm_address_find(&id, clean->db, contact_id, brand_id, contact_address_type_id,
                                  clean->pool);
        }
    }
    return rv == APR_SUCCESS ? crm_clean_given(clean, id, given) : rv;
}
