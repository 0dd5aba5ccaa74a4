/*
 * Contacts as duplicate detection sees them, one or many at a time. Only reads, and locks nothing.
 */
#include <apr_strings.h>

#include <string.h>

#include "crm/db_private.h"
#include "crm/merge.h"
#include "crm/merge_private.h"
#include "crm/version.h"

#define CONTACT "ContactId, DeletionFlag, FirstName, LastName, CompanyName, BirthDate, GenderId"
#define ADDRESS                                                                                    \
    "ContactId, Address4, Address5, Address3, PostCode, City, CountryId, Email, HomePhoneNumber,"  \
    " MobilePhoneNumber"
#define TEXTS 10      /* the most columns of the two */
#define TEXT_MOST 500 /* bytes of a text that are compared */

static const crm_db_statement_t select_contact = {
    .label = "merge_contact", .sql = "SELECT " CONTACT " FROM Contacts WHERE ContactId = %d"};

static const crm_db_statement_t select_contacts = {
    .label = "merge_contacts",
    .sql = "SELECT " CONTACT " FROM Contacts WHERE ContactId > %d ORDER BY ContactId"
           " LIMIT CAST(%d AS INTEGER)"};

static const crm_db_statement_t select_address = {
    .label = "merge_address",
    .sql = "SELECT " ADDRESS " FROM Addresses WHERE ContactId = %d AND DeletionFlag = 0"
           " ORDER BY AddressId"};

static const crm_db_statement_t select_addresses = {
    .label = "merge_addresses",
    .sql = "SELECT " ADDRESS " FROM Addresses WHERE ContactId > %d AND ContactId <= %d"
           " AND DeletionFlag = 0 ORDER BY ContactId, AddressId"};

const char *crm_merge_digest(const char *text, apr_pool_t *pool)
{
    return crm_version_digest(text, strlen(text), pool);
}

/* A row as one text: equal rows give equal texts. */
static const char *row_text(const crm_db_rows_t *rows, int row, apr_pool_t *pool)
{
    const char *parts[TEXTS];
    struct iovec vectors[2 * TEXTS];
    int i;

    for (i = 0; i < rows->columns && i < TEXTS; i++) {
        parts[i] = crm_db_cell(rows, row, i);
        vectors[2 * i].iov_base = (void *)(parts[i] ? parts[i] : "");
        vectors[2 * i].iov_len = parts[i] ? strlen(parts[i]) : 0;
        vectors[2 * i + 1].iov_base = (void *)(parts[i] ? "\x1f" : "\x1e");
        vectors[2 * i + 1].iov_len = 1;
    }
    return apr_pstrcatv(pool, vectors, 2 * (apr_size_t)i, NULL);
}

/* A text as it is compared: what nobody is called, or lives at, is not read to its end for each of
 * the others. Not cut inside a character, whose later bytes are 10xxxxxx. */
static const char *compared(const char *text, apr_pool_t *pool)
{
    size_t length = TEXT_MOST;

    if (!text || strlen(text) <= TEXT_MOST) {
        return text;
    }
    while (length > 0 && (text[length] & 0xC0) == 0x80) {
        length--;
    }
    return apr_pstrmemdup(pool, text, length);
}

static void add_text(apr_array_header_t *texts, const char *text)
{
    if (text) {
        APR_ARRAY_PUSH(texts, const char *) = text;
    }
}

static void add_address(crm_suspect_t *suspect, const crm_db_rows_t *rows, int row,
                        apr_pool_t *pool)
{
    crm_suspect_place_t *place = apr_array_push(suspect->places);
    int line;

    memset(place, 0, sizeof(*place));
    for (line = 1; line <= 3 && !place->street; line++) {
        place->street = compared(crm_db_cell(rows, row, line), pool);
    }
    place->post_code = compared(crm_db_cell(rows, row, 4), pool);
    place->city = compared(crm_db_cell(rows, row, 5), pool);
    place->country = compared(crm_db_cell(rows, row, 6), pool);
    add_text(suspect->emails, crm_db_cell(rows, row, 7));
    add_text(suspect->phones, crm_db_cell(rows, row, 8));
    add_text(suspect->phones, crm_db_cell(rows, row, 9));
}

/* A contact with those rows of `addresses` that are its own, from number *next on. */
static void build(crm_merge_seen_t *seen, const crm_db_rows_t *contacts, int row,
                  const crm_db_rows_t *addresses, int *next, apr_pool_t *pool)
{
    crm_suspect_t *suspect = &seen->suspect;
    const char *text = row_text(contacts, row, pool);

    memset(seen, 0, sizeof(*seen));
    suspect->contact_id = (int)crm_db_number(contacts, row, 0);
    seen->deleted = crm_db_number(contacts, row, 1) != 0;
    suspect->first_name = compared(crm_db_cell(contacts, row, 2), pool);
    suspect->last_name = compared(crm_db_cell(contacts, row, 3), pool);
    suspect->company = compared(crm_db_cell(contacts, row, 4), pool);
    suspect->birth_date = crm_db_cell(contacts, row, 5);
    suspect->gender_id = (int)crm_db_number(contacts, row, 6);
    suspect->places = apr_array_make(pool, 1, sizeof(crm_suspect_place_t));
    suspect->emails = apr_array_make(pool, 1, sizeof(const char *));
    suspect->phones = apr_array_make(pool, 2, sizeof(const char *));
    while (*next < addresses->count && crm_db_number(addresses, *next, 0) <= suspect->contact_id) {
        if (crm_db_number(addresses, *next, 0) == suspect->contact_id) {
            add_address(suspect, addresses, *next, pool);
            text = apr_pstrcat(pool, text, row_text(addresses, *next, pool), NULL);
        }
        (*next)++;
    }
    seen->digest = crm_merge_digest(text, pool);
}

static apr_array_header_t *build_all(const crm_db_rows_t *contacts, const crm_db_rows_t *addresses,
                                     apr_pool_t *pool)
{
    apr_array_header_t *seen = apr_array_make(pool, contacts->count + 1, sizeof(crm_merge_seen_t));
    int i, next = 0;

    for (i = 0; i < contacts->count; i++) {
        build(apr_array_push(seen), contacts, i, addresses, &next, pool);
    }
    return seen;
}

apr_status_t crm_merge_read_range(apr_array_header_t **seen, crm_db_t *db, int after,
                                  apr_pool_t *pool)
{
    const char *first = crm_db_int(after, pool), *last;
    crm_db_rows_t contacts, addresses = {.count = 0};
    apr_status_t rv = crm_db_select(&contacts, db, &select_contacts,
                                    CRM_DB_VALUES(first, crm_db_int(CRM_MERGE_RANGE, pool)), pool);

    if (rv == APR_SUCCESS && contacts.count > 0) {
        last = crm_db_cell(&contacts, contacts.count - 1, 0);
        rv = crm_db_select(&addresses, db, &select_addresses, CRM_DB_VALUES(first, last), pool);
    }
    *seen = build_all(&contacts, &addresses, pool);
    return rv;
}

apr_status_t crm_merge_read_one(apr_array_header_t **seen, crm_db_t *db, int contact_id,
                                apr_pool_t *pool)
{
    const char *id = crm_db_int(contact_id, pool);
    crm_db_rows_t contacts, addresses = {.count = 0};
    apr_status_t rv = crm_db_select(&contacts, db, &select_contact, CRM_DB_VALUES(id), pool);

    if (rv == APR_SUCCESS && contacts.count > 0) {
        rv = crm_db_select(&addresses, db, &select_address, CRM_DB_VALUES(id), pool);
    }
    *seen = build_all(&contacts, &addresses, pool);
    return rv;
}

apr_status_t crm_merge_read(crm_suspect_t *suspect, crm_db_t *db, int contact_id, apr_pool_t *pool)
{
    apr_array_header_t *seen;
    apr_status_t rv = crm_merge_read_one(&seen, db, contact_id, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (seen->nelts == 0 || APR_ARRAY_IDX(seen, 0, crm_merge_seen_t).deleted) {
        return APR_ENOENT;
    }
    *suspect = APR_ARRAY_IDX(seen, 0, crm_merge_seen_t).suspect;
    return APR_SUCCESS;
}
