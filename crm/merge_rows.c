/*
 * The rows of two contacts become those of one (steps 4 to 7 of merge.h), and what is needed to
 * undo it by hand is written down: what moved, and what stood in the rows that were joined. Must
 * never change a row without that.
 */
#include <apr_strings.h>

#include <string.h>

#include "core/json.h"
#include "crm/address.h"
#include "crm/contact.h"
#include "crm/merge.h"
#include "crm/merge_private.h"

/* ---- columns ---- */

/* Those of Contacts that no message writes: filled where they are empty. */
#define PLAIN_COLUMNS(X)                                                                           \
    X(TitleId)                                                                                     \
    X(MiddleName)                                                                                  \
    X(LastName2)                                                                                   \
    X(FirstNameSecondAlphabet)                                                                     \
    X(MiddleNameSecondAlphabet)                                                                    \
    X(LastNameSecondAlphabet)                                                                      \
    X(LastName2SecondAlphabet)                                                                     \
    X(MaritalStatusId)                                                                             \
    X(JobTitle)                                                                                    \
    X(ContactStateId)                                                                              \
    X(ContactTypeId)                                                                               \
    X(NationalityId)                                                                               \
    X(FreeField1)                                                                                  \
    X(FreeField2)                                                                                  \
    X(FreeField3)                                                                                  \
    X(FreeField4)                                                                                  \
    X(FreeField5)                                                                                  \
    X(FreeFieldDateTime1)                                                                          \
    X(FreeFieldDateTime2)                                                                          \
    X(FreeFieldDateTime3)                                                                          \
    X(FreeFieldDateTime4)                                                                          \
    X(FreeFieldDateTime5)                                                                          \
    X(FreeFieldNumber1)                                                                            \
    X(FreeFieldNumber2)                                                                            \
    X(FreeFieldNumber3)                                                                            \
    X(FreeFieldNumber4)                                                                            \
    X(FreeFieldNumber5)                                                                            \
    X(FreeFieldBoolean1)                                                                           \
    X(FreeFieldBoolean2)                                                                           \
    X(FreeFieldBoolean3)                                                                           \
    X(FreeFieldBoolean4)                                                                           \
    X(FreeFieldBoolean5)                                                                           \
    X(ZoneIdString)

/* Those of the groups of crm/contact.h. */
#define GROUP_COLUMNS(X)                                                                           \
    X(FirstName)                                                                                   \
    X(LastName)                                                                                    \
    X(CompanyName)                                                                                 \
    X(AdvertiserCreationDate)                                                                      \
    X(ZoneId)                                                                                      \
    X(CivilityId)                                                                                  \
    X(GenderId)                                                                                    \
    X(BirthDate)                                                                                   \
    X(BirthDay)                                                                                    \
    X(BirthMonth)                                                                                  \
    X(BirthYear)                                                                                   \
    X(LanguageId)                                                                                  \
    X(GlobalOptin)                                                                                 \
    X(GlobalPartnerOptin)

#define ADDRESS_COLUMNS(X)                                                                         \
    X(Address1)                                                                                    \
    X(Address2)                                                                                    \
    X(Address3)                                                                                    \
    X(Address4)                                                                                    \
    X(Address5)                                                                                    \
    X(Address6)                                                                                    \
    X(Address7)                                                                                    \
    X(PostCode)                                                                                    \
    X(City)                                                                                        \
    X(State)                                                                                       \
    X(CountryId)                                                                                   \
    X(Email)                                                                                       \
    X(HomePhoneNumber)                                                                             \
    X(HomePhoneCountryId)                                                                          \
    X(MobilePhoneNumber)                                                                           \
    X(MobilePhoneCountryId)                                                                        \
    X(AddressOptin)                                                                                \
    X(EmailOptin)                                                                                  \
    X(HomePhoneOptin)                                                                              \
    X(MobilePhoneOptin)                                                                            \
    X(AddressAdvertiserCreationDate)                                                               \
    X(EmailAdvertiserCreationDate)                                                                 \
    X(HomePhoneAdvertiserCreationDate)                                                             \
    X(MobilePhoneAdvertiserCreationDate)                                                           \
    X(AddressStateId)                                                                              \
    X(EmailStateId)                                                                                \
    X(HomePhoneStateId)                                                                            \
    X(MobilePhoneStateId)                                                                          \
    X(BrandIdString)                                                                               \
    X(DeletionFlag)

#define QUOTED(column) #column,
#define SELECTED(column) #column ", "
#define FILLED(column) ", " #column " = COALESCE(k." #column ", m." #column ")"

const char *const crm_merge_contact_columns[] = {GROUP_COLUMNS(QUOTED) PLAIN_COLUMNS(QUOTED) NULL};
const char *const crm_merge_address_columns[] = {ADDRESS_COLUMNS(QUOTED) NULL};

/* The statements end with a column that is not looked at, for the comma in front of it. */
static const crm_db_statement_t select_contact = {
    .label = "merge_contact_before",
    .sql = "SELECT " GROUP_COLUMNS(SELECTED)
        PLAIN_COLUMNS(SELECTED) "ContactId FROM Contacts WHERE ContactId = %d"};

static const crm_db_statement_t select_address = {
    .label = "merge_address_before",
    .sql = "SELECT " ADDRESS_COLUMNS(SELECTED) "AddressId FROM Addresses WHERE AddressId = %d"};

const char *const crm_merge_check_columns[] = {"StateId", "Reason", "CheckedAt", "MessageId",
                                               "Input",   "Output", NULL};

static const crm_db_statement_t select_check = {
    .label = "merge_check_before",
    .sql = "SELECT StateId, Reason, CheckedAt, MessageId, Input, Output FROM WebhookAddressChecks"
           " WHERE AddressId = %d"};

static const crm_db_statement_t fill_contact = {
    .label = "merge_fill",
    .sql = "UPDATE Contacts AS k SET DeletionFlag = 0" PLAIN_COLUMNS(
        FILLED) " FROM Contacts AS m WHERE k.ContactId = %d AND m.ContactId = %d"};

static const crm_db_statement_t select_versions = {
    .label = "merge_versions",
    .sql = "SELECT Versions FROM WebhookVersions WHERE TargetTable = %s AND TargetKey = %s"};

/* The addresses of the merged contact, and the row that is in the way of each. */
static const crm_db_statement_t select_addresses = {
    .label = "merge_addresses_of",
    .sql = "SELECT m.AddressId, m.DeletionFlag, k.AddressId FROM Addresses m"
           " LEFT JOIN Addresses k ON k.ContactId = %d"
           " AND COALESCE(k.BrandId, 0) = COALESCE(m.BrandId, 0)"
           " AND COALESCE(k.ContactAddressTypeId, 0) = COALESCE(m.ContactAddressTypeId, 0)"
           " WHERE m.ContactId = %d ORDER BY m.AddressId"};

static const crm_db_statement_t move_address = {
    .label = "merge_move_address",
    .sql = "UPDATE Addresses SET ContactId = %d WHERE AddressId = %d"};

#define MOVES(name, key, text, word)                                                               \
    {                                                                                              \
        .table = name, .is_text = (text),                                                          \
        .list = {.label = "merge_list_" word,                                                      \
                 .sql = "SELECT " key " FROM " name " WHERE ContactId = %d ORDER BY " key},        \
        .move = {                                                                                  \
            .label = "merge_move_" word,                                                           \
            .sql = "UPDATE " name " SET ContactId = %d WHERE ContactId = %d"                       \
        }                                                                                          \
    }

/* The last word is for labels, which PostgreSQL knows in small letters only.
 * A table with a ContactId needs a line here, or one in t/unit/merge_test.c that says why not. */
const crm_merge_table_t crm_merge_tables[] = {
    MOVES("ContactIdentifiers", "ContactIdentifierId", 1, "identifiers"),
    MOVES("WebhookMatches", "MatchKey", 1, "matches"),
    MOVES("PurchaseHeaders", "PurchaseHeaderId", 0, "purchases"),
    MOVES("Vouchers", "VoucherId", 0, "vouchers"),
    MOVES("LoyaltyCards", "LoyaltyCardId", 0, "cards"),
    MOVES("LoyaltyPoints", "LoyaltyPointId", 0, "points"),
    MOVES("Cases", "CaseId", 0, "cases"),
    MOVES("ContactInterests", "ContactInterestId", 0, "interests"),
    MOVES("WebhookEvents", "EventId", 0, "events"),
    MOVES("WebhookSends", "MessageId", 1, "sends"),
    {.table = NULL},
};

/* ---- Detail ---- */

typedef struct merge_t {
    crm_db_t *db;
    const char *kept; /* the ids as values */
    const char *merged;
    const char *detail; /* JSON, without the braces around it */
    apr_pool_t *pool;
} merge_t;

static void add_member(merge_t *merge, const char *name, const char *json)
{
    merge->detail = apr_pstrcat(merge->pool, merge->detail, *merge->detail ? ",\n" : "", "\"", name,
                                "\":", json, NULL);
}

/* "[1,2]" of the first column. */
static const char *ids_json(const crm_db_rows_t *rows, int is_text, apr_pool_t *pool)
{
    const char **parts = apr_pcalloc(pool, sizeof(*parts) * (apr_size_t)(rows->count + 1));
    apr_array_header_t list = {.pool = pool,
                               .elt_size = sizeof(*parts),
                               .nelts = rows->count,
                               .nalloc = rows->count,
                               .elts = (char *)parts};
    int i;

    for (i = 0; i < rows->count; i++) {
        parts[i] = crm_db_cell(rows, i, 0);
        parts[i] = is_text ? crm360_json_quote(parts[i], pool) : parts[i];
    }
    return apr_pstrcat(pool, "[", apr_array_pstrcat(pool, &list, ','), "]", NULL);
}

/* The cells of the first row that are not empty. */
static const char *row_json(const crm_db_rows_t *rows, const char *const *columns, apr_pool_t *pool)
{
    const char *text = "";
    int i;

    for (i = 0; columns[i]; i++) {
        const char *cell = crm_db_cell(rows, 0, i);

        if (cell) {
            text = apr_pstrcat(pool, text, *text ? "," : "", "\"", columns[i],
                               "\":", crm360_json_quote(cell, pool), NULL);
        }
    }
    return apr_pstrcat(pool, "{", text, "}", NULL);
}

/* What stands in a row and in its notes: {"Before": {...}, "Versions": {...}} without the
 * braces. */
static apr_status_t before(const char **json, merge_t *merge, const crm_db_statement_t *statement,
                           const char *table, const char *const *columns, const char *id)
{
    crm_db_rows_t rows, notes;
    const char *versions;
    apr_status_t rv = crm_db_select(&rows, merge->db, statement, CRM_DB_VALUES(id), merge->pool);

    if (rv == APR_SUCCESS) {
        rv = crm_db_select(&notes, merge->db, &select_versions, CRM_DB_VALUES(table, id),
                           merge->pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    versions = crm_db_cell(&notes, 0, 0);
    *json = apr_pstrcat(merge->pool, "\"Before\":", row_json(&rows, columns, merge->pool),
                        ",\"Versions\":", versions ? versions : "{}", NULL);
    return APR_SUCCESS;
}

/* ---- the rows ---- */

static apr_status_t join_contacts(merge_t *merge, int kept_id, int merged_id)
{
    crm_contact_t kept, merged;
    const char *json;
    apr_status_t rv =
        before(&json, merge, &select_contact, "Contacts", crm_merge_contact_columns, merge->kept);

    if (rv == APR_SUCCESS) {
        add_member(merge, "Contact", apr_pstrcat(merge->pool, "{", json, "}", NULL));
        rv = crm_db_execute(NULL, merge->db, &fill_contact,
                            CRM_DB_VALUES(merge->kept, merge->merged), merge->pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_contact_load(&kept, merge->db, kept_id, merge->pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_contact_load(&merged, merge->db, merged_id, merge->pool);
    }
    return rv == APR_SUCCESS ? crm_contact_join(&kept, &merged, merge->db, merge->pool) : rv;
}

static apr_status_t join_address(merge_t *merge, const char **joined, int kept_id, int other_id)
{
    const char *id = crm_db_int(kept_id, merge->pool), *json, *check;
    crm_db_rows_t rows;
    apr_status_t rv =
        before(&json, merge, &select_address, "Addresses", crm_merge_address_columns, id);

    if (rv == APR_SUCCESS) {
        rv = crm_db_select(&rows, merge->db, &select_check, CRM_DB_VALUES(id), merge->pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    check = rows.count ? row_json(&rows, crm_merge_check_columns, merge->pool) : "null";
    *joined =
        apr_psprintf(merge->pool, "%s%s{\"AddressId\":%d,\"OtherAddressId\":%d,%s,\"Check\":%s}",
                     *joined, **joined ? "," : "", kept_id, other_id, json, check);
    return crm_address_join(merge->db, kept_id, other_id, merge->pool);
}

static apr_status_t move_addresses(merge_t *merge)
{
    const char *moved = "", *joined = "";
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, merge->db, &select_addresses,
                                    CRM_DB_VALUES(merge->kept, merge->merged), merge->pool);
    int i;

    for (i = 0; i < rows.count && rv == APR_SUCCESS; i++) {
        const char *id = crm_db_cell(&rows, i, 0);

        if (!crm_db_cell(&rows, i, 2)) {
            moved = apr_pstrcat(merge->pool, moved, *moved ? "," : "", id, NULL);
            rv = crm_db_execute(NULL, merge->db, &move_address, CRM_DB_VALUES(merge->kept, id),
                                merge->pool);
        }
        else if (!crm_db_number(&rows, i, 1)) {
            rv = join_address(merge, &joined, (int)crm_db_number(&rows, i, 2),
                              (int)crm_db_number(&rows, i, 0));
        }
    }
    if (*moved) {
        add_member(merge, "Addresses", apr_pstrcat(merge->pool, "[", moved, "]", NULL));
    }
    if (*joined) {
        add_member(merge, "JoinedAddresses", apr_pstrcat(merge->pool, "[", joined, "]", NULL));
    }
    return rv;
}

static apr_status_t move_rows(merge_t *merge, const crm_merge_table_t *table)
{
    crm_db_rows_t rows;
    apr_status_t rv =
        crm_db_select(&rows, merge->db, &table->list, CRM_DB_VALUES(merge->merged), merge->pool);

    if (rv != APR_SUCCESS || rows.count == 0) {
        return rv;
    }
    add_member(merge, table->table, ids_json(&rows, table->is_text, merge->pool));
    return crm_db_execute(NULL, merge->db, &table->move, CRM_DB_VALUES(merge->kept, merge->merged),
                          merge->pool);
}

apr_status_t crm_merge_rows(const char **detail, crm_db_t *db, int kept_id, int merged_id,
                            apr_pool_t *pool)
{
    merge_t merge = {.db = db,
                     .kept = crm_db_int(kept_id, pool),
                     .merged = crm_db_int(merged_id, pool),
                     .detail = "",
                     .pool = pool};
    apr_status_t rv = join_contacts(&merge, kept_id, merged_id);
    int i;

    if (rv == APR_SUCCESS) {
        rv = move_addresses(&merge);
    }
    for (i = 0; crm_merge_tables[i].table && rv == APR_SUCCESS; i++) {
        rv = move_rows(&merge, &crm_merge_tables[i]);
    }
    *detail = apr_pstrcat(pool, "{", merge.detail, "}", NULL);
    return rv;
}
