/*
 * What the tests of handlers share: messages made by hand or from t/fixtures, delivered as the
 * worker does it, and all that they leave in a temporary database, without the numbers that the
 * database gives, so that two orders of the same messages can be compared.
 */
#ifndef HANDLER_TOOLS_H
#define HANDLER_TOOLS_H

#include "core/route.h"
#include "crm/db_private.h"
#include "handlers/handler.h"
#include "t/unit/crm_tools.h"

static crm360_database_t *section;
static crm_db_t *db;

/* What a test says of a message; the rest has fixed values. */
typedef struct sent_t {
    const char *route; /* "Shopify/Order/Insert" */
    const char *body;  /* NULL = none */
    apr_size_t length; /* of a body with NULs; 0 = strlen */
    const char *query; /* the platform's own parameters; NULL = none */
    /* Header fields, "Name: value", ended by NULL. */
    const char *headers[6];
    int source_id; /* 0 = 12 */
    int zone_id;
    int brand_id;
    int contact_address_type_id;
    int batch_mode;
    const char *id;         /* of the message; NULL = one that counts up */
    apr_int64_t received_s; /* 0 = 1772500000 */
} sent_t;

static crm360_message_t *message_of(const sent_t *sent) __attribute__((unused));
static crm360_message_t *message_of(const sent_t *sent)
{
    static int count;
    crm360_message_t *message = apr_pcalloc(pool, sizeof(*message));
    apr_table_t *headers = apr_table_make(pool, 4);
    const char *colon;
    int i;

    message->route = crm360_route_by_name(sent->route);
    if (!message->route) {
        printf("Bail out! no route %s\n", sent->route);
        exit(1);
    }
    message->id = sent->id ? sent->id
                           : apr_psprintf(pool, "01JDCW3T2XQ5M7V9K0B4%06d-%s", ++count,
                                          message->route->id_suffix);
    message->received = apr_time_from_sec(sent->received_s ? sent->received_s : 1772500000);
    message->customer = "acme";
    message->database = "prod";
    message->method = sent->body ? "POST" : "GET";
    message->source_id = sent->source_id ? sent->source_id : 12;
    message->zone_id = sent->zone_id;
    message->brand_id = sent->brand_id;
    message->contact_address_type_id = sent->contact_address_type_id;
    message->batch_mode = sent->batch_mode;
    message->target = apr_psprintf(
        pool, "/ProcessManagement/Connector/Standard/QueueProcess/acme/prod/%s?SourceId=%d%s%s",
        message->route->name, message->source_id, sent->query ? "&" : "",
        sent->query ? sent->query : "");
    for (i = 0; i < 6 && sent->headers[i]; i++) {
        colon = strchr(sent->headers[i], ':');
        apr_table_add(
            headers, apr_pstrmemdup(pool, sent->headers[i], (apr_size_t)(colon - sent->headers[i])),
            colon + 2);
    }
    message->headers = headers;
    message->body_len = sent->length ? sent->length : sent->body ? strlen(sent->body) : 0;
    /* Not NUL-terminated, as in a stored message, in a block whose end a sanitizer sees. */
    message->body = malloc(message->body_len + !message->body_len);
    if (message->body_len) {
        memcpy((void *)message->body, sent->body, message->body_len);
    }
    return message;
}

/* Delivers inside the transaction in progress, a message of several steps to its end. Returns NULL
 * for DONE, else "reject: ...", "retry: ..." or "status N: ...". */
static const char *deliver(const sent_t *sent) __attribute__((unused));
static const char *deliver(const sent_t *sent)
{
    crm360_message_t *message = message_of(sent);
    handler_context_t context = {.db = db, .database = section};
    const handler_t *handler = handler_find(message);
    handler_result_t result;
    apr_pool_t *own;
    apr_status_t rv;

    if (!handler) {
        return "no handler";
    }
    apr_pool_create(&own, pool);
    do {
        if (crm_db_savepoint(db) != APR_SUCCESS) {
            return "no savepoint";
        }
        rv = handler_deliver(&result, handler, message, &context, own);
        if (rv == APR_SUCCESS &&
            (result.verdict == HANDLER_DONE || result.verdict == HANDLER_MORE)) {
            rv = crm_db_savepoint_release(db);
        }
    } while (rv == APR_SUCCESS && result.verdict == HANDLER_MORE);
    free((void *)message->body);
    if (rv == APR_SUCCESS && result.verdict == HANDLER_DONE) {
        apr_pool_destroy(own);
        return NULL;
    }
    if (crm_db_savepoint_rollback(db) != APR_SUCCESS) {
        return "no rollback";
    }
    if (rv != APR_SUCCESS) {
        return apr_psprintf(pool, "status %d: %s", rv, crm_db_error(db));
    }
    return apr_pstrcat(
        pool, result.verdict == HANDLER_REJECT ? "reject: " : "retry: ", result.reason, NULL);
}

/* Delivers in a transaction of its own. */
static const char *send_one(const sent_t *sent) __attribute__((unused));
static const char *send_one(const sent_t *sent)
{
    const char *reason;

    if (crm_db_begin(db) != APR_SUCCESS) {
        return crm_db_error(db);
    }
    reason = deliver(sent);
    if (crm_db_commit(db) != APR_SUCCESS) {
        return crm_db_error(db);
    }
    return reason;
}

static int has(const char *reason, const char *part) __attribute__((unused));
static int has(const char *reason, const char *part)
{
    return reason && strstr(reason, part) != NULL;
}

static const char *ask(const char *sql) __attribute__((unused));
static const char *ask(const char *sql)
{
    return tools_query(section, sql);
}

/* The tables that messages write, in an order in which their rows can be deleted. */
static const char *const written_tables[] = {"PurchaseDetails",
                                             "PurchaseHeaders",
                                             "PurchaseGoods",
                                             "PurchaseGoodCategories",
                                             "Vouchers",
                                             "Stores",
                                             "Cases",
                                             "CaseCategories",
                                             "ContactInterests",
                                             "ContactInterestCategories",
                                             "WebhookJobs",
                                             "WebhookAddressChecks",
                                             "WebhookMerges",
                                             "Addresses",
                                             "ContactIdentifiers",
                                             "Contacts",
                                             "WebhookEvents",
                                             "WebhookSends",
                                             "WebhookPoints",
                                             "WebhookVersions",
                                             "WebhookMatches"};

#define WRITTEN_TABLES (sizeof(written_tables) / sizeof(written_tables[0]))

static void empty(void) __attribute__((unused));
static void empty(void)
{
    const char *sql = "BEGIN;";
    size_t i;

    for (i = 0; i < WRITTEN_TABLES; i++) {
        sql = apr_pstrcat(pool, sql, "DELETE FROM ", written_tables[i], ";", NULL);
    }
    tools_execute(section, apr_pstrcat(pool, sql, "COMMIT;", NULL));
}

/* The rows of queries as the transaction in progress sees them, as tools_queries(). */
static const char *inside(const char *const *queries)
{
    const char *text = "";
    crm_db_rows_t rows;
    int number, i;

    for (number = 0; queries[number]; number++) {
        crm_db_statement_t statement = {.label = apr_psprintf(pool, "test_inside_%d", number),
                                        .sql = queries[number]};

        if (crm_db_select(&rows, db, &statement, NULL, 0, pool) != APR_SUCCESS) {
            return crm_db_error(db);
        }
        for (i = 0; i < rows.count * rows.columns; i++) {
            text = apr_pstrcat(pool, text, rows.cells[i] ? rows.cells[i] : "NULL",
                               (i + 1) % rows.columns               ? "|"
                               : i + 1 == rows.count * rows.columns ? ""
                                                                    : "\n",
                               NULL);
        }
        text = apr_pstrcat(pool, text, "\n", NULL);
    }
    return text;
}

/* dump() looks from inside the transaction in progress. */
static int dumps_inside;

/* Everything that was written, one table after the other, with names for numbers that the database
 * gives: a contact is its identifiers, a good its identifier. */
static const char *dump(void) __attribute__((unused));
static const char *dump(void)
{
#define CONTACT(id)                                                                                \
    "(SELECT MIN(CAST(i.SourceId AS TEXT) || ':' || i.Identifier) FROM ContactIdentifiers i"       \
    " WHERE i.ContactId = " id ")"
    static const char *const queries[] = {
        "SELECT 'contact', " CONTACT(
            "c.ContactId") ", (SELECT COUNT(*) FROM ContactIdentifiers i"
                           " WHERE i.ContactId = c.ContactId), FirstName, LastName, CompanyName,"
                           " CivilityId, GenderId, BirthDate, BirthYear, BirthMonth, BirthDay,"
                           " LanguageId, GlobalOptin, GlobalPartnerOptin, AdvertiserCreationDate,"
                           " ZoneId, DeletionFlag FROM Contacts c ORDER BY 2, 4, 5",
        "SELECT 'identifier', SourceId, Identifier, " CONTACT(
            "x.ContactId") " FROM ContactIdentifiers x ORDER BY 2, 3",
        "SELECT 'address', " CONTACT(
            "a.ContactId") ", BrandId, ContactAddressTypeId, Address1, Address2, Address3,"
                           " Address4, Address5, Address6, Address7, PostCode, City, State,"
                           " CountryId, Email, HomePhoneNumber, HomePhoneCountryId,"
                           " MobilePhoneNumber, MobilePhoneCountryId, EmailOptin, MobilePhoneOptin,"
                           " EmailStateId, MobilePhoneStateId, AddressStateId, DeletionFlag"
                           " FROM Addresses a ORDER BY 2, COALESCE(BrandId, 0),"
                           " COALESCE(ContactAddressTypeId, 0)",
        "SELECT 'category', SourceId, Identifier, Label, PurchaseGoodCategoryPath, BrandId,"
        " DeletionFlag FROM PurchaseGoodCategories ORDER BY 2, 3",
        "SELECT 'good', g.SourceId, g.Identifier, g.ParentIdentifier, g.Label, Sku, Barcode, "
        "Vendor,"
        " GoodStateText, Price, ComparePrice, CurrencyId, g.BrandId, PurchaseGoodTypeId,"
        " c.Identifier, g.DeletionFlag FROM PurchaseGoods g LEFT JOIN PurchaseGoodCategories c"
        " ON c.PurchaseGoodCategoryId = g.PurchaseGoodCategoryId ORDER BY 2, 3",
        "SELECT 'store', SourceId, Identifier, Label, ZoneId, BrandId, DeletionFlag FROM Stores"
        " ORDER BY 2, 3",
        "SELECT 'voucher', SourceId, VoucherIdentifier, VoucherCode, VoucherTypeId, Amount,"
        " DeletionFlag FROM Vouchers ORDER BY 2, 3",
        "SELECT 'purchase', h.SourceId, PurchaseIdentifier, PurchaseNumber, " CONTACT(
            "h.ContactId") ", h.BrandId, s.Identifier, v.VoucherCode, PurchaseTypeId,"
                           " PurchaseStatusId, StatusText, PurchaseDate, CancellationDate,"
                           " AmountTaxIncluded, AmountTaxFree, TaxAmount, DiscountAmount,"
                           " ShippingAmount, RefundAmount, OriginalAmountTaxIncluded,"
                           " h.CurrencyId, h.DeletionFlag FROM PurchaseHeaders h"
                           " LEFT JOIN Stores s ON s.StoreId = h.StoreId"
                           " LEFT JOIN Vouchers v ON v.VoucherId = h.VoucherId ORDER BY 2, 3",
        "SELECT 'line', d.SourceId, PurchaseDetailIdentifier, h.PurchaseIdentifier, g.Identifier,"
        " d.Label, d.Sku, Quantity, RefundedQuantity, UnitPrice, d.AmountTaxIncluded,"
        " d.AmountTaxFree, d.TaxAmount, TaxRate, d.DiscountAmount, d.DeletionFlag"
        " FROM PurchaseDetails d JOIN PurchaseHeaders h ON h.PurchaseHeaderId = d.PurchaseHeaderId"
        " LEFT JOIN PurchaseGoods g ON g.PurchaseGoodId = d.PurchaseGoodId ORDER BY 2, 3",
        "SELECT 'case', k.SourceId, CaseIdentifier, " CONTACT(
            "k.ContactId") ", CaseStateId, CaseStateText, c.Identifier, Title, Description,"
                           " Channel, Link, OpeningDate, ClosingDate, k.DeletionFlag FROM Cases k"
                           " LEFT JOIN CaseCategories c ON c.CaseCategoryId = k.CaseCategoryId"
                           " ORDER BY 2, 3",
        "SELECT 'interest', x.SourceId, ContactInterestIdentifier, " CONTACT(
            "x.ContactId") ", c.Identifier, c.Label, InterestDate, FreeField1, FreeField2,"
                           " FreeField3, FreeField4, FreeField5, x.DeletionFlag"
                           " FROM ContactInterests x LEFT JOIN ContactInterestCategories c"
                           " ON c.ContactInterestCategoryId = x.ContactInterestCategoryId"
                           " ORDER BY 2, 3",
        "SELECT 'event', SourceId, EventIdentifier, " CONTACT(
            "e.ContactId") ", Kind, At, EventChannelId, EventCategoryId, Address, Reference,"
                           " Detail FROM WebhookEvents e ORDER BY 2, 3",
        "SELECT 'point', PointKey, BrandId, StateId, StateVersion, Optin, OptinVersion"
        " FROM WebhookPoints ORDER BY 2, 3",
        "SELECT 'versions', TargetTable, CASE WHEN TargetTable IN ('Contacts', 'Addresses')"
        " THEN NULL ELSE TargetKey END, Deleted, Versions FROM WebhookVersions ORDER BY 2, 3, 5",
        "SELECT 'match', MatchKey, " CONTACT("m.ContactId") " FROM WebhookMatches m ORDER BY 2",
        "SELECT 'check', " CONTACT(
            "a.ContactId") ", BrandId, ContactAddressTypeId, StateId, Reason,"
                           " Input, Output FROM WebhookAddressChecks k JOIN Addresses a ON "
                           "a.AddressId = k.AddressId"
                           " ORDER BY 2, COALESCE(BrandId, 0), COALESCE(ContactAddressTypeId, 0)",
        "SELECT 'merge', " CONTACT("m.KeptContactId") ", " CONTACT(
            "m.MergedContactId") ", Rule, Score, Explanation, Detail FROM WebhookMerges m ORDER BY "
                                 "2, 3, 4",
        NULL,
    };

    return dumps_inside ? inside(queries) : tools_queries(section, queries);
#undef CONTACT
}

/* Delivers messages in an order, in one transaction, and gives the dump; `twice`: each once more
 * afterwards, backwards. */
static const char *outcome(const sent_t *events, const int *order, int count, int twice)
    __attribute__((unused));
static const char *outcome(const sent_t *events, const int *order, int count, int twice)
{
    const char *reason;
    int i;

    empty();
    if (crm_db_begin(db) != APR_SUCCESS) {
        return crm_db_error(db);
    }
    for (i = 0; i < (twice ? 2 * count : count); i++) {
        reason = deliver(&events[order[i < count ? i : 2 * count - 1 - i]]);
        if (reason) {
            crm_db_rollback(db);
            return reason;
        }
    }
    return crm_db_commit(db) == APR_SUCCESS ? dump() : crm_db_error(db);
}

/* All orders of `count` events (at most 6) give the same rows, every second one with each event
 * twice. */
static void all_orders_agree(const sent_t *events, int count, const char *what)
    __attribute__((unused));
static void all_orders_agree(const sent_t *events, int count, const char *what)
{
    int order[6] = {0, 1, 2, 3, 4, 5}, orders = 0, equal = 0;
    const char *wanted = outcome(events, order, count, 0), *got;

    do {
        got = outcome(events, order, count, orders % 2);
        equal += strcmp(got, wanted) == 0;
        if (strcmp(got, wanted) != 0 && orders - equal < 2) {
            printf("# order %d %d %d %d %d %d:\n%s\n# wanted:\n%s\n", order[0], order[1], order[2],
                   order[3], order[4], order[5], got, wanted);
        }
        orders++;
    } while (next_order(order, count));
    is_number(equal, orders, apr_psprintf(pool, "%s: all %d orders agree", what, orders));
    ok(strlen(wanted) > 200, "%s: and there are rows", what);
}

/* Opens the database all messages go to. */
static void start(void) __attribute__((unused));
static void start(void)
{
    tools_start();
    section = tools_section("prod");
    db = tools_open(section);
}

#endif
