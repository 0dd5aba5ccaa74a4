/*
 * The rows of a person and their end. The order in which rows are locked is that of crm/person.c:
 * identifiers, match keys, then the contact. Must never remove a row of a contact that was not
 * found by the caller's own words: what those contacts share with others leads no further.
 */
#include "crm/erase.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "crm/contact.h"
#include "crm/db_private.h"
#include "crm/identifier.h"
#include "crm/match.h"

/* ---- who it is ---- */

#define LIMIT " ORDER BY 1 LIMIT 101" /* CRM_ERASE_MOST, and one that is too many */

/* An identifier can be a mail address or number, or "email:..." or "phone:..." of somebody whom the
 * source has no name for (crm_person_identify()). The values are the address, its match key, both
 * again, the address. */
static const crm_db_statement_t find_by_email = {
    .label = "erase_by_email",
    .sql = "SELECT ContactId FROM Addresses WHERE LOWER(Email) = %s"
           " UNION SELECT ContactId FROM WebhookMatches WHERE MatchKey = %s AND ContactId <> 0"
           " UNION SELECT ContactId FROM ContactIdentifiers WHERE LOWER(Identifier) IN (%s, %s)"
           " UNION SELECT c.ContactId FROM WebhookEvents e JOIN Contacts c"
           " ON c.ContactId = e.ContactId WHERE e.Address = %s" LIMIT};

static const crm_db_statement_t find_by_phone = {
    .label = "erase_by_phone",
    .sql = "SELECT ContactId FROM Addresses WHERE MobilePhoneNumber = %s"
           " UNION SELECT ContactId FROM WebhookMatches WHERE MatchKey = %s AND ContactId <> 0"
           " UNION SELECT ContactId FROM ContactIdentifiers WHERE Identifier IN (%s, %s)"
           " UNION SELECT c.ContactId FROM WebhookEvents e JOIN Contacts c"
           " ON c.ContactId = e.ContactId WHERE e.Address = %s"
           " UNION SELECT ContactId FROM Addresses WHERE HomePhoneNumber = %s" LIMIT};

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

static const crm_db_statement_t select_events = {
    .label = "erase_events",
    .sql = "SELECT DISTINCT Address FROM WebhookEvents WHERE ContactId = %d"
           " AND Address IS NOT NULL ORDER BY Address"};

static const crm_db_statement_t select_identifiers = {
    .label = "erase_identifiers",
    .sql = "SELECT SourceId, Identifier FROM ContactIdentifiers WHERE ContactId = %d"
           " ORDER BY SourceId, Identifier"};

/* ---- the end of its rows ---- */

#define VERSIONS_OF(table, key)                                                                    \
    "DELETE FROM WebhookVersions WHERE TargetTable = '" table "' AND TargetKey IN (SELECT " key    \
    " FROM " table " WHERE ContactId = %d)"

#define OF_CARDS "LoyaltyCardId IN (SELECT LoyaltyCardId FROM LoyaltyCards WHERE ContactId = %d)"

/* A row of the contact loses him, and his card, but not somebody else's that he has shown. */
#define WITHOUT_CONTACT(table)                                                                     \
    "UPDATE " table " SET ContactId = NULL, LoyaltyCardId = CASE WHEN LoyaltyCardId IN"            \
    " (SELECT c.LoyaltyCardId FROM LoyaltyCards c WHERE c.ContactId = " table ".ContactId)"        \
    " THEN NULL ELSE LoyaltyCardId END WHERE ContactId = %d"

/* A row of somebody else, or nobody, loses the contact's card; none is counted twice. */
#define WITHOUT_CARD(table) "UPDATE " table " SET LoyaltyCardId = NULL WHERE " OF_CARDS

#define ROWS(number, name, stays, text)                                                            \
    {                                                                                              \
        .table = name, .kept = stays, .statement = {.label = "erase_rows_" number, .sql = text }   \
    }

/* Each takes the ContactId. In this order: what refers to a row goes before it, and notes of the
 * guard before what they are about. A table that holds something of a person needs a line here, or
 * below when it holds something of an address. What refers to AddressId goes before Addresses, what
 * refers to a ContactId before Contacts. */
static const struct {
    const char *table;
    int kept; /* the row stays: the sale is for the books, and the person no longer in it */
    crm_db_statement_t statement;
} rows_of_contact[] = {
    ROWS("1", "WebhookVersions", 0, VERSIONS_OF("Addresses", "CAST(AddressId AS TEXT)")),
    ROWS("2", "WebhookVersions", 0,
         VERSIONS_OF("ContactIdentifiers", "CAST(SourceId AS TEXT) || ':' || Identifier")),
    ROWS("3", "WebhookVersions", 0,
         VERSIONS_OF("Cases", "CAST(SourceId AS TEXT) || ':' || CaseIdentifier")),
    ROWS("4", "WebhookVersions", 0,
         VERSIONS_OF("ContactInterests",
                     "CAST(SourceId AS TEXT) || ':' || ContactInterestIdentifier")),
    ROWS("5", "WebhookVersions", 0,
         "DELETE FROM WebhookVersions WHERE TargetTable = 'Contacts' AND TargetKey = %s"),
    ROWS("6", "WebhookMatches", 0, "DELETE FROM WebhookMatches WHERE ContactId = %d"),
    ROWS("7", "WebhookEvents", 0, "DELETE FROM WebhookEvents WHERE ContactId = %d"),
    ROWS("27", "WebhookSends", 0, "DELETE FROM WebhookSends WHERE ContactId = %d"),
    ROWS("8", "PurchaseHeaders", 1, WITHOUT_CONTACT("PurchaseHeaders")),
    ROWS("9", "Vouchers", 1, WITHOUT_CONTACT("Vouchers")),
    ROWS("10", "PurchaseHeaders", 1, WITHOUT_CARD("PurchaseHeaders")),
    ROWS("11", "Vouchers", 1, WITHOUT_CARD("Vouchers")),
    ROWS("12", "LoyaltyPoints", 0, "DELETE FROM LoyaltyPoints WHERE ContactId = %d"),
    ROWS("13", "LoyaltyPoints", 0, "DELETE FROM LoyaltyPoints WHERE " OF_CARDS),
    ROWS("14", "LoyaltyCardActions", 0, "DELETE FROM LoyaltyCardActions WHERE " OF_CARDS),
    ROWS("15", "LoyaltyCards", 0, "DELETE FROM LoyaltyCards WHERE ContactId = %d"),
    ROWS("16", "Cases", 0, "DELETE FROM Cases WHERE ContactId = %d"),
    ROWS("17", "ContactInterests", 0, "DELETE FROM ContactInterests WHERE ContactId = %d"),
    ROWS("18", "WebhookAddressChecks", 0,
         "DELETE FROM WebhookAddressChecks WHERE AddressId IN (SELECT AddressId FROM Addresses "
         "WHERE ContactId = %d)"),
    ROWS("19", "WebhookMerges", 0,
         "DELETE FROM WebhookMerges WHERE CAST(%d AS INTEGER) IN (KeptContactId, MergedContactId)"),
    ROWS("20", "WebhookReviews", 0,
         "DELETE FROM WebhookReviews WHERE CAST(%d AS INTEGER) IN (ContactId, OtherContactId)"),
    ROWS("21", "WebhookDuplicateKeys", 0, "DELETE FROM WebhookDuplicateKeys WHERE ContactId = %d"),
    ROWS("22", "WebhookDuplicateContacts", 0,
         "DELETE FROM WebhookDuplicateContacts WHERE ContactId = %d"),
    ROWS("23", "WebhookDuplicateTasks", 0,
         "DELETE FROM WebhookDuplicateTasks WHERE ContactId = %d"),
    ROWS("24", "Addresses", 0, "DELETE FROM Addresses WHERE ContactId = %d"),
    ROWS("25", "ContactIdentifiers", 0, "DELETE FROM ContactIdentifiers WHERE ContactId = %d"),
    ROWS("26", "Contacts", 0, "DELETE FROM Contacts WHERE ContactId = %d"),
};

#define ROWS_OF_CONTACT (sizeof(rows_of_contact) / sizeof(rows_of_contact[0]))

/* What is kept of a mail address or number itself: of nobody, when the contact's rows are gone.
 * Each takes the match key, or the address alone. */
static const struct {
    const char *table;
    int by_key;
    crm_db_statement_t statement;
} rows_of_value[] = {
    {"WebhookMatches",
     1,
     {.label = "erase_value_1", .sql = "DELETE FROM WebhookMatches WHERE MatchKey = %s"}},
    {"WebhookPoints",
     1,
     {.label = "erase_value_2", .sql = "DELETE FROM WebhookPoints WHERE PointKey = %s"}},
    {"WebhookEvents",
     0,
     {.label = "erase_value_3",
      .sql = "DELETE FROM WebhookEvents WHERE Address = %s AND NOT EXISTS"
             " (SELECT 1 FROM Contacts c WHERE c.ContactId = WebhookEvents.ContactId)"}},
    {"WebhookSends",
     0,
     {.label = "erase_value_4",
      .sql = "DELETE FROM WebhookSends WHERE Recipient = %s AND NOT EXISTS"
             " (SELECT 1 FROM Contacts c WHERE c.ContactId = WebhookSends.ContactId)"}},
};

#define ROWS_OF_VALUE (sizeof(rows_of_value) / sizeof(rows_of_value[0]))

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
    const char *key = crm_match_key(CRM_POINT_EMAIL, email, pool);

    return crm_db_select(rows, db, &find_by_email, CRM_DB_VALUES(email, key, email, key, email),
                         pool);
}

static apr_status_t select_by_phone(crm_db_rows_t *rows, crm_db_t *db, const char *phone,
                                    apr_pool_t *pool)
{
    const char *key = crm_match_key(CRM_POINT_PHONE, phone, pool);

    return crm_db_select(rows, db, &find_by_phone,
                         CRM_DB_VALUES(phone, key, phone, key, phone, phone), pool);
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

/* Whether somebody who is not meant has a mail address or number as well. */
static apr_status_t is_shared(int *shared, const crm_erasure_t *erasure, crm_db_t *db,
                              crm_point_kind_t kind, const char *value, apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv = kind == CRM_POINT_EMAIL ? select_by_email(&rows, db, value, pool)
                                              : select_by_phone(&rows, db, value, pool);
    int i;

    *shared = 0;
    for (i = 0; i < rows.count && rv == APR_SUCCESS; i++) {
        *shared |= !has_number(erasure->contacts, (int)crm_db_number(&rows, i, 0));
    }
    return rv;
}

/* Adds a mail address or phone number, unless somebody who is not meant has it as well. */
static apr_status_t learn(crm_erasure_t *erasure, crm_db_t *db, crm_point_kind_t kind,
                          const char *value, apr_pool_t *pool)
{
    apr_array_header_t *list =
        kind == CRM_POINT_EMAIL ? erasure->known.emails : erasure->known.phones;
    apr_status_t rv;
    int shared;

    if (!value || !*value) {
        return APR_SUCCESS;
    }
    value = kind == CRM_POINT_EMAIL ? lower(value, pool) : value;
    if (has_text(list, value) || has_text(erasure->shared, value)) {
        return APR_SUCCESS;
    }
    rv = is_shared(&shared, erasure, db, kind, value, pool);
    if (rv == APR_SUCCESS) {
        APR_ARRAY_PUSH(shared ? erasure->shared : list, const char *) = value;
    }
    return rv;
}

/* "email:..." or "phone:...", or something else, which is nothing to learn from. */
static apr_status_t learn_key(crm_erasure_t *erasure, crm_db_t *db, const char *key,
                              apr_pool_t *pool)
{
    if (strncmp(key, "email:", 6) == 0) {
        return learn(erasure, db, CRM_POINT_EMAIL, key + 6, pool);
    }
    if (strncmp(key, "phone:", 6) == 0) {
        return learn(erasure, db, CRM_POINT_PHONE, key + 6, pool);
    }
    return APR_SUCCESS;
}

static apr_status_t learn_addresses(crm_erasure_t *erasure, crm_db_t *db, const char *contact,
                                    apr_pool_t *pool)
{
    static const crm_point_kind_t kinds[] = {CRM_POINT_EMAIL, CRM_POINT_PHONE, CRM_POINT_PHONE};
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, &select_addresses, CRM_DB_VALUES(contact), pool);
    int i, column;

    for (i = 0; i < rows.count; i++) {
        for (column = 0; column < 3 && rv == APR_SUCCESS; column++) {
            rv = learn(erasure, db, kinds[column], crm_db_cell(&rows, i, column), pool);
        }
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
        rv = learn_key(erasure, db, crm_db_cell(&rows, i, 0), pool);
    }
    return rv;
}

/* Of what addresses and numbers the contact's events are. */
static apr_status_t learn_events(crm_erasure_t *erasure, crm_db_t *db, const char *contact,
                                 apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, &select_events, CRM_DB_VALUES(contact), pool);
    int i;

    for (i = 0; i < rows.count && rv == APR_SUCCESS; i++) {
        const char *value = crm_db_cell(&rows, i, 0);

        rv =
            learn(erasure, db, strchr(value, '@') ? CRM_POINT_EMAIL : CRM_POINT_PHONE, value, pool);
    }
    return rv;
}

static apr_status_t learn_identifiers(crm_erasure_t *erasure, crm_db_t *db, const char *contact,
                                      apr_pool_t *pool)
{
    crm_known_identifier_t *identifier;
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, &select_identifiers, CRM_DB_VALUES(contact), pool);
    int i;

    for (i = 0; i < rows.count && rv == APR_SUCCESS; i++) {
        identifier = apr_array_push(erasure->known.identifiers);
        identifier->source_id = (int)crm_db_number(&rows, i, 0);
        identifier->identifier = crm_db_cell(&rows, i, 1);
        rv = learn_key(erasure, db, identifier->identifier, pool);
    }
    return rv;
}

/* What the rows of a contact hold. */
static apr_status_t learn_contact(crm_erasure_t *erasure, crm_db_t *db, const char *contact,
                                  apr_pool_t *pool)
{
    apr_status_t rv = learn_addresses(erasure, db, contact, pool);

    if (rv == APR_SUCCESS) {
        rv = learn_keys(erasure, db, contact, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = learn_events(erasure, db, contact, pool);
    }
    return rv == APR_SUCCESS ? learn_identifiers(erasure, db, contact, pool) : rv;
}

/* ---- addresses and numbers themselves ---- */

typedef struct value_t {
    crm_point_kind_t kind;
    const char *value;
} value_t;

static void add_values(apr_array_header_t *values, crm_point_kind_t kind,
                       const apr_array_header_t *list)
{
    value_t *added;
    int i, k;

    for (i = 0; i < list->nelts; i++) {
        const char *value = APR_ARRAY_IDX(list, i, const char *);

        for (k = 0; k < values->nelts; k++) {
            if (strcmp(APR_ARRAY_IDX(values, k, value_t).value, value) == 0) {
                break;
            }
        }
        if (k == values->nelts) {
            added = apr_array_push(values);
            added->kind = kind;
            added->value = value;
        }
    }
}

static void add_known(apr_array_header_t *values, const crm_known_t *known)
{
    add_values(values, CRM_POINT_EMAIL, known->emails);
    add_values(values, CRM_POINT_PHONE, known->phones);
}

/* Those that nobody else has: what was wanted (whoever has that is meant), what the contacts have
 * alone, and what was learned before. */
static apr_status_t find_values(apr_array_header_t *values, const crm_erasure_t *erasure,
                                crm_db_t *db, const crm_known_t *wanted, const crm_known_t *learned,
                                apr_pool_t *pool)
{
    apr_array_header_t *before = apr_array_make(pool, 4, sizeof(value_t));
    apr_status_t rv = APR_SUCCESS;
    int i, shared;

    add_known(values, wanted);
    add_known(values, &erasure->known);
    if (learned) {
        add_known(before, learned);
    }
    for (i = 0; i < before->nelts && rv == APR_SUCCESS; i++) {
        const value_t *at = &APR_ARRAY_IDX(before, i, value_t);
        apr_array_header_t *one = apr_array_make(pool, 1, sizeof(const char *));

        rv = is_shared(&shared, erasure, db, at->kind, at->value, pool);
        if (rv == APR_SUCCESS && !shared) {
            APR_ARRAY_PUSH(one, const char *) = at->value;
            add_values(values, at->kind, one);
        }
    }
    return rv;
}

/* ---- erasing ---- */

/* Takes the identifiers of the contacts, the match keys, then the contacts, so that no message
 * about them is between reading and writing. */
static apr_status_t lock_rows(const crm_erasure_t *erasure, crm_db_t *db,
                              const apr_array_header_t *values, apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    int i, deleted, count = erasure->contacts->nelts;
    crm_contact_t contact;
    crm_match_t match;

    for (i = 0; i < erasure->known.identifiers->nelts && rv == APR_SUCCESS; i++) {
        const crm_known_identifier_t *at =
            &APR_ARRAY_IDX(erasure->known.identifiers, i, crm_known_identifier_t);

        rv = crm_identifier_lock(&deleted, db,
                                 crm_identifier_key(at->source_id, at->identifier, pool), pool);
    }
    for (i = 0; i < values->nelts && rv == APR_SUCCESS; i++) {
        const value_t *at = &APR_ARRAY_IDX(values, i, value_t);

        if (strlen(at->value) <= CRM_MATCH_MOST) { /* a longer one is of some other program */
            rv = crm_match_look(&match, db, at->kind, at->value, pool);
        }
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

static void count_rows(crm_erasure_t *erasure, const char *table, int rows, int kept)
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
    entry->kept = kept;
}

static apr_status_t delete_contacts(crm_erasure_t *erasure, crm_db_t *db, apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    int i, rows = 0;
    size_t k;

    for (k = 0; k < ROWS_OF_CONTACT; k++) {
        count_rows(erasure, rows_of_contact[k].table, 0, rows_of_contact[k].kept);
        for (i = 0; i < erasure->contacts->nelts && rv == APR_SUCCESS; i++) {
            const char *id = crm_db_int(APR_ARRAY_IDX(erasure->contacts, i, int), pool);

            rv = crm_db_execute(&rows, db, &rows_of_contact[k].statement, CRM_DB_VALUES(id), pool);
            count_rows(erasure, rows_of_contact[k].table, rv == APR_SUCCESS ? rows : 0, 0);
        }
    }
    return rv;
}

static apr_status_t delete_values(crm_erasure_t *erasure, crm_db_t *db,
                                  const apr_array_header_t *values, apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    int i, rows = 0;
    size_t k;

    for (k = 0; k < ROWS_OF_VALUE; k++) {
        count_rows(erasure, rows_of_value[k].table, 0, 0);
        for (i = 0; i < values->nelts && rv == APR_SUCCESS; i++) {
            const value_t *at = &APR_ARRAY_IDX(values, i, value_t);
            const char *value =
                rows_of_value[k].by_key ? crm_match_key(at->kind, at->value, pool) : at->value;

            rv = crm_db_execute(&rows, db, &rows_of_value[k].statement, CRM_DB_VALUES(value), pool);
            count_rows(erasure, rows_of_value[k].table, rv == APR_SUCCESS ? rows : 0, 0);
        }
    }
    return rv;
}

static apr_status_t delete_marks(crm_erasure_t *erasure, crm_db_t *db, const crm_known_t *wanted,
                                 apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    int i, rows = 0;

    for (i = 0; i < wanted->identifiers->nelts && rv == APR_SUCCESS; i++) {
        const crm_known_identifier_t *at =
            &APR_ARRAY_IDX(wanted->identifiers, i, crm_known_identifier_t);
        const char *key = crm_identifier_key(at->source_id, at->identifier, pool);

        rv = crm_db_execute(&rows, db, &delete_mark, CRM_DB_VALUES(key), pool);
        count_rows(erasure, "WebhookVersions", rv == APR_SUCCESS ? rows : 0, 0);
    }
    return rv;
}

/* Everything behind the question who it is. */
static apr_status_t erase_found(crm_erasure_t *erasure, crm_db_t *db, const crm_known_t *wanted,
                                const crm_known_t *learned, apr_pool_t *pool)
{
    apr_array_header_t *values = apr_array_make(pool, 4, sizeof(value_t));
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; i < erasure->contacts->nelts && rv == APR_SUCCESS; i++) {
        rv = learn_contact(erasure, db, crm_db_int(APR_ARRAY_IDX(erasure->contacts, i, int), pool),
                           pool);
    }
    if (rv == APR_SUCCESS) {
        rv = find_values(values, erasure, db, wanted, learned, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = lock_rows(erasure, db, values, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = delete_contacts(erasure, db, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = delete_values(erasure, db, values, pool);
    }
    return rv == APR_SUCCESS ? delete_marks(erasure, db, wanted, pool) : rv;
}

apr_status_t crm_erase(crm_erasure_t *erasure, crm_db_t *db, const crm_known_t *wanted,
                       const crm_known_t *learned, int most_contacts, int dry_run, apr_pool_t *pool)
{
    apr_status_t rv = crm_db_begin(db);

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
        rv = erase_found(erasure, db, wanted, learned, pool);
    }
    if (rv == APR_SUCCESS && !erasure->refused && !dry_run) {
        return crm_db_commit(db);
    }
    crm_db_rollback(db);
    return rv;
}
