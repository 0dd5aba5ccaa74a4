/*
 * The rows of a person and their end. The order in which rows are locked is that of crm/person.c:
 * identifiers, then the contact. Must never remove a row of a contact that was not found by the
 * caller's own words: what those contacts share with others leads no further.
 */
#include "crm/erase.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "crm/contact.h"
#include "crm/db_private.h"
#include "crm/identifier.h"

/* ---- who it is ---- */

#define LIMIT " ORDER BY 1 LIMIT 101" /* CRM_ERASE_MOST, and one that is too many */

/* The values are the address, its match key, the address again. */
static const crm_db_statement_t find_by_email = {
    .label = "erase_by_email",
    .sql = "SELECT ContactId FROM Addresses WHERE LOWER(Email) = %s"
           " UNION SELECT ContactId FROM WebhookMatches WHERE MatchKey = %s AND ContactId <> 0"
           " UNION SELECT ContactId FROM ContactIdentifiers WHERE LOWER(Identifier) = %s" LIMIT};

static const crm_db_statement_t find_by_phone = {
    .label = "erase_by_phone",
    .sql = "SELECT ContactId FROM Addresses WHERE MobilePhoneNumber = %s"
           " UNION SELECT ContactId FROM Addresses WHERE HomePhoneNumber = %s"
           " UNION SELECT ContactId FROM WebhookMatches WHERE MatchKey = %s AND ContactId <> 0"
           " UNION SELECT ContactId FROM ContactIdentifiers WHERE Identifier = %s" LIMIT};

static const crm_db_statement_t find_by_identifier = {
    .label = "erase_by_identifier",
    .sql = "SELECT ContactId FROM ContactIdentifiers WHERE SourceId = %d AND Identifier = %s"};

/* What a contact was merged into, and what was merged into it: one person. */
static const crm_db_statement_t find_merged = {
    .label = "erase_merged",
    .sql = "SELECT c.ContactId FROM WebhookMerges m JOIN Contacts c"
           " ON c.ContactId = m.KeptContactId WHERE m.MergedContactId = %d"
           " UNION SELECT c.ContactId FROM WebhookMerges m JOIN Contacts c"
           " ON c.ContactId = m.MergedContactId WHERE m.KeptContactId = %d" LIMIT};

/* ---- what is known of a contact ---- */

static const crm_db_statement_t select_addresses = {
    .label = "erase_addresses",
    .sql = "SELECT Email, MobilePhoneNumber, HomePhoneNumber FROM Addresses WHERE ContactId = %d"};

static const crm_db_statement_t select_keys = {
    .label = "erase_keys", .sql = "SELECT MatchKey FROM WebhookMatches WHERE ContactId = %d"};

static const crm_db_statement_t select_identifiers = {
    .label = "erase_identifiers",
    .sql = "SELECT SourceId, Identifier FROM ContactIdentifiers WHERE ContactId = %d"
           " ORDER BY SourceId, Identifier"};

/* ---- the end of its rows ---- */

/* Each takes the ContactId. In this order: what refers to a row goes before it. A table that holds
 * something of a person needs a line here. */
static const struct {
    const char *table;
    crm_db_statement_t statement;
} rows_of_contact[] = {
    {"WebhookVersions",
     {.label = "erase_rows_1",
      .sql = "DELETE FROM WebhookVersions WHERE TargetTable = 'Addresses' AND TargetKey IN"
             " (SELECT CAST(AddressId AS TEXT) FROM Addresses WHERE ContactId = %d)"}},
    {"WebhookVersions",
     {.label = "erase_rows_2",
      .sql = "DELETE FROM WebhookVersions WHERE TargetTable = 'ContactIdentifiers'"
             " AND TargetKey IN (SELECT CAST(SourceId AS TEXT) || ':' || Identifier"
             " FROM ContactIdentifiers WHERE ContactId = %d)"}},
    {"WebhookVersions",
     {.label = "erase_rows_3",
      .sql = "DELETE FROM WebhookVersions WHERE TargetTable = 'Contacts' AND TargetKey = %s"}},
    {"WebhookMatches",
     {.label = "erase_rows_4", .sql = "DELETE FROM WebhookMatches WHERE ContactId = %d"}},
    {"WebhookEvents",
     {.label = "erase_rows_5", .sql = "DELETE FROM WebhookEvents WHERE ContactId = %d"}},
    {"WebhookAddressChecks",
     {.label = "erase_rows_6",
      .sql = "DELETE FROM WebhookAddressChecks WHERE AddressId IN"
             " (SELECT AddressId FROM Addresses WHERE ContactId = %d)"}},
    {"WebhookMerges",
     {.label = "erase_rows_7",
      .sql = "DELETE FROM WebhookMerges"
             " WHERE CAST(%d AS INTEGER) IN (KeptContactId, MergedContactId)"}},
    {"WebhookReviews",
     {.label = "erase_rows_11",
      .sql = "DELETE FROM WebhookReviews"
             " WHERE CAST(%d AS INTEGER) IN (ContactId, OtherContactId)"}},
    {"WebhookDuplicateKeys",
     {.label = "erase_rows_12", .sql = "DELETE FROM WebhookDuplicateKeys WHERE ContactId = %d"}},
    {"WebhookDuplicateContacts",
     {.label = "erase_rows_13",
      .sql = "DELETE FROM WebhookDuplicateContacts WHERE ContactId = %d"}},
    {"WebhookDuplicateTasks",
     {.label = "erase_rows_14", .sql = "DELETE FROM WebhookDuplicateTasks WHERE ContactId = %d"}},
    {"Addresses", {.label = "erase_rows_8", .sql = "DELETE FROM Addresses WHERE ContactId = %d"}},
    {"ContactIdentifiers",
     {.label = "erase_rows_9", .sql = "DELETE FROM ContactIdentifiers WHERE ContactId = %d"}},
    {"Contacts", {.label = "erase_rows_10", .sql = "DELETE FROM Contacts WHERE ContactId = %d"}},
};

#define ROWS_OF_CONTACT (sizeof(rows_of_contact) / sizeof(rows_of_contact[0]))

/* The mark that a source has deleted somebody whom no contact here belongs to. */
static const crm_db_statement_t delete_mark = {
    .label = "erase_mark",
    .sql = "DELETE FROM WebhookVersions WHERE TargetTable = 'ContactIdentifiers'"
           " AND TargetKey = %s"};

void crm_known_make(crm_known_t *known, apr_pool_t *pool)
{
    known->emails = apr_array_make(pool, 2, sizeof(const char *));
    known->phones = apr_array_make(pool, 2, sizeof(const char *));
    known->identifiers = apr_array_make(pool, 2, sizeof(crm_known_identifier_t));
}

/* ---- finding ---- */

static int has_number(const apr_array_header_t *numbers, int number)
{
    int i;

    for (i = 0; i < numbers->nelts; i++) {
        if (APR_ARRAY_IDX(numbers, i, int) == number) {
            return 1;
        }
    }
    return 0;
}

static apr_status_t select_by_email(crm_db_rows_t *rows, crm_db_t *db, const char *email,
                                    apr_pool_t *pool)
{
    const char *key = apr_pstrcat(pool, "email:", email, NULL);

    return crm_db_select(rows, db, &find_by_email, CRM_DB_VALUES(email, key, email), pool);
}

static apr_status_t select_by_phone(crm_db_rows_t *rows, crm_db_t *db, const char *phone,
                                    apr_pool_t *pool)
{
    const char *key = apr_pstrcat(pool, "phone:", phone, NULL);

    return crm_db_select(rows, db, &find_by_phone, CRM_DB_VALUES(phone, phone, key, phone), pool);
}

static void add_contacts(apr_array_header_t *contacts, const crm_db_rows_t *rows)
{
    int i;

    for (i = 0; i < rows->count && contacts->nelts <= CRM_ERASE_MOST; i++) {
        int id = (int)crm_db_number(rows, i, 0);

        if (!has_number(contacts, id)) {
            APR_ARRAY_PUSH(contacts, int) = id;
        }
    }
}

static int by_number(const void *a, const void *b)
{
    int left = *(const int *)a, right = *(const int *)b;

    return (left > right) - (left < right);
}

/* Those that were merged with them, at any depth. */
static apr_status_t follow_merges(apr_array_header_t *contacts, crm_db_t *db, apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    crm_db_rows_t rows;
    int i;

    for (i = 0; i < contacts->nelts && rv == APR_SUCCESS; i++) {
        const char *id = crm_db_int(APR_ARRAY_IDX(contacts, i, int), pool);

        rv = crm_db_select(&rows, db, &find_merged, CRM_DB_VALUES(id, id), pool);
        add_contacts(contacts, &rows);
    }
    return rv;
}

/* The contacts that the wanted values lead to. */
static apr_status_t find_contacts(apr_array_header_t *contacts, crm_db_t *db,
                                  const crm_known_t *wanted, apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    crm_db_rows_t rows;
    int i;

    for (i = 0; i < wanted->emails->nelts && rv == APR_SUCCESS; i++) {
        rv = select_by_email(&rows, db, APR_ARRAY_IDX(wanted->emails, i, const char *), pool);
        add_contacts(contacts, &rows);
    }
    for (i = 0; i < wanted->phones->nelts && rv == APR_SUCCESS; i++) {
        rv = select_by_phone(&rows, db, APR_ARRAY_IDX(wanted->phones, i, const char *), pool);
        add_contacts(contacts, &rows);
    }
    for (i = 0; i < wanted->identifiers->nelts && rv == APR_SUCCESS; i++) {
        const crm_known_identifier_t *at =
            &APR_ARRAY_IDX(wanted->identifiers, i, crm_known_identifier_t);

        rv = crm_db_select(&rows, db, &find_by_identifier,
                           CRM_DB_VALUES(crm_db_int(at->source_id, pool), at->identifier), pool);
        add_contacts(contacts, &rows);
    }
    if (rv == APR_SUCCESS) {
        rv = follow_merges(contacts, db, pool);
    }
    qsort(contacts->elts, (size_t)contacts->nelts, sizeof(int), by_number);
    return rv;
}

/* ---- what else is known of them ---- */

static const char *lower(const char *text, apr_pool_t *pool)
{
    char *copy = apr_pstrdup(pool, text), *c;

    for (c = copy; *c; c++) {
        *c = (char)apr_tolower(*c);
    }
    return copy;
}

static int has_text(const apr_array_header_t *texts, const char *text)
{
    int i;

    for (i = 0; i < texts->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(texts, i, const char *), text) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Adds a mail address or phone number, unless somebody who is not meant has it as well. */
static apr_status_t learn(crm_erasure_t *erasure, crm_db_t *db, const char *value, int is_email,
                          apr_pool_t *pool)
{
    apr_array_header_t *list = is_email ? erasure->known.emails : erasure->known.phones;
    crm_db_rows_t rows;
    apr_status_t rv;
    int i;

    if (!value || !*value) {
        return APR_SUCCESS;
    }
    value = is_email ? lower(value, pool) : value;
    if (has_text(list, value) || has_text(erasure->shared, value)) {
        return APR_SUCCESS;
    }
    rv = is_email ? select_by_email(&rows, db, value, pool)
                  : select_by_phone(&rows, db, value, pool);
    for (i = 0; i < rows.count && rv == APR_SUCCESS; i++) {
        if (!has_number(erasure->contacts, (int)crm_db_number(&rows, i, 0))) {
            list = erasure->shared;
        }
    }
    if (rv == APR_SUCCESS) {
        APR_ARRAY_PUSH(list, const char *) = value;
    }
    return rv;
}

static apr_status_t learn_keys(crm_erasure_t *erasure, crm_db_t *db, const char *contact,
                               apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, &select_keys, CRM_DB_VALUES(contact), pool);
    int i;

    for (i = 0; i < rows.count && rv == APR_SUCCESS; i++) {
        const char *key = crm_db_cell(&rows, i, 0);

        if (strncmp(key, "email:", 6) == 0) {
            rv = learn(erasure, db, key + 6, 1, pool);
        }
        else if (strncmp(key, "phone:", 6) == 0) {
            rv = learn(erasure, db, key + 6, 0, pool);
        }
    }
    return rv;
}

/* What the rows of a contact hold. */
static apr_status_t learn_contact(crm_erasure_t *erasure, crm_db_t *db, const char *contact,
                                  apr_pool_t *pool)
{
    crm_known_identifier_t *identifier;
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, &select_addresses, CRM_DB_VALUES(contact), pool);
    int i;

    for (i = 0; i < rows.count && rv == APR_SUCCESS; i++) {
        rv = learn(erasure, db, crm_db_cell(&rows, i, 0), 1, pool);
        if (rv == APR_SUCCESS) {
            rv = learn(erasure, db, crm_db_cell(&rows, i, 1), 0, pool);
        }
        if (rv == APR_SUCCESS) {
            rv = learn(erasure, db, crm_db_cell(&rows, i, 2), 0, pool);
        }
    }
    if (rv == APR_SUCCESS) {
        rv = learn_keys(erasure, db, contact, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_db_select(&rows, db, &select_identifiers, CRM_DB_VALUES(contact), pool);
    }
    for (i = 0; i < rows.count && rv == APR_SUCCESS; i++) {
        identifier = apr_array_push(erasure->known.identifiers);
        identifier->source_id = (int)crm_db_number(&rows, i, 0);
        identifier->identifier = crm_db_cell(&rows, i, 1);
    }
    return rv;
}

/* ---- erasing ---- */

/* Takes the identifiers of the contacts, then the contacts, so that no message about them is
 * between reading and writing. */
static apr_status_t lock_contacts(const crm_erasure_t *erasure, crm_db_t *db, apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    int i, deleted, count = erasure->contacts->nelts;
    crm_contact_t contact;

    for (i = 0; i < erasure->known.identifiers->nelts && rv == APR_SUCCESS; i++) {
        const crm_known_identifier_t *at =
            &APR_ARRAY_IDX(erasure->known.identifiers, i, crm_known_identifier_t);

        rv = crm_identifier_lock(&deleted, db,
                                 crm_identifier_key(at->source_id, at->identifier, pool), pool);
    }
    for (i = 0; i < erasure->contacts->nelts && rv == APR_SUCCESS; i++) {
        rv = crm_contact_load(&contact, db, APR_ARRAY_IDX(erasure->contacts, i, int), pool);
        rv = APR_STATUS_IS_ENOENT(rv) ? APR_SUCCESS : rv;
    }
    if (rv == APR_SUCCESS) {
        rv = follow_merges(erasure->contacts, db, pool);
    }
    if (rv == APR_SUCCESS && erasure->contacts->nelts != count) {
        crm_db_note(db, "one of the contacts was merged at the same moment");
        return CRM360_ECONFLICT;
    }
    return rv;
}

static void count_rows(crm_erasure_t *erasure, const char *table, int rows)
{
    crm_erased_rows_t *entry;
    int i;

    for (i = 0; i < erasure->rows->nelts; i++) {
        entry = &APR_ARRAY_IDX(erasure->rows, i, crm_erased_rows_t);
        if (strcmp(entry->table, table) == 0) {
            entry->rows += rows;
            return;
        }
    }
    entry = apr_array_push(erasure->rows);
    entry->table = table;
    entry->rows = rows;
}

static apr_status_t delete_rows(crm_erasure_t *erasure, crm_db_t *db, const crm_known_t *wanted,
                                apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    int i, rows = 0;
    size_t k;

    for (k = 0; k < ROWS_OF_CONTACT; k++) {
        count_rows(erasure, rows_of_contact[k].table, 0);
        for (i = 0; i < erasure->contacts->nelts && rv == APR_SUCCESS; i++) {
            const char *id = crm_db_int(APR_ARRAY_IDX(erasure->contacts, i, int), pool);

            rv = crm_db_execute(&rows, db, &rows_of_contact[k].statement, CRM_DB_VALUES(id), pool);
            count_rows(erasure, rows_of_contact[k].table, rv == APR_SUCCESS ? rows : 0);
        }
    }
    for (i = 0; i < wanted->identifiers->nelts && rv == APR_SUCCESS; i++) {
        const crm_known_identifier_t *at =
            &APR_ARRAY_IDX(wanted->identifiers, i, crm_known_identifier_t);
        const char *key = crm_identifier_key(at->source_id, at->identifier, pool);

        rv = crm_db_execute(&rows, db, &delete_mark, CRM_DB_VALUES(key), pool);
        count_rows(erasure, "WebhookVersions", rv == APR_SUCCESS ? rows : 0);
    }
    return rv;
}

apr_status_t crm_erase(crm_erasure_t *erasure, crm_db_t *db, const crm_known_t *wanted,
                       int most_contacts, int dry_run, apr_pool_t *pool)
{
    apr_status_t rv = crm_db_begin(db);
    int i;

    memset(erasure, 0, sizeof(*erasure));
    erasure->contacts = apr_array_make(pool, 4, sizeof(int));
    erasure->rows = apr_array_make(pool, ROWS_OF_CONTACT, sizeof(crm_erased_rows_t));
    erasure->shared = apr_array_make(pool, 2, sizeof(const char *));
    crm_known_make(&erasure->known, pool);
    if (rv == APR_SUCCESS) {
        rv = find_contacts(erasure->contacts, db, wanted, pool);
    }
    erasure->refused =
        erasure->contacts->nelts > most_contacts || erasure->contacts->nelts > CRM_ERASE_MOST;
    if (rv == APR_SUCCESS && !erasure->refused) {
        for (i = 0; i < erasure->contacts->nelts && rv == APR_SUCCESS; i++) {
            rv = learn_contact(erasure, db,
                               crm_db_int(APR_ARRAY_IDX(erasure->contacts, i, int), pool), pool);
        }
        if (rv == APR_SUCCESS) {
            rv = lock_contacts(erasure, db, pool);
        }
        if (rv == APR_SUCCESS) {
            rv = delete_rows(erasure, db, wanted, pool);
        }
    }
    if (rv == APR_SUCCESS && !erasure->refused && !dry_run) {
        return crm_db_commit(db);
    }
    crm_db_rollback(db);
    return rv;
}
