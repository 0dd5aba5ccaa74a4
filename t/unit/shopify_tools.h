/*
 * What the tests of Shopify's handler share: messages made by hand, delivered as the worker does
 * it, and all that they leave in a temporary database.
 */
#ifndef SHOPIFY_TOOLS_H
#define SHOPIFY_TOOLS_H

#include "core/route.h"
#include "handlers/handler.h"
#include "t/unit/crm_tools.h"

#define ID "7312459817263"
/* A date in March 2026 as a member of the body. */
#define AT(day) "\"updated_at\":\"2026-03-" day "T00:00:00Z\""

static crm360_database_t *section;
static crm_db_t *db;

/* What a test varies of a message; the rest has fixed values. */
typedef struct sent_t {
    const char *action; /* NULL = Update */
    const char *body;
    const char *triggered; /* NULL = no header */
    const char *topic;
    int source_id; /* 0 = 12 */
    int zone_id;
    int brand_id;
    int contact_address_type_id;
} sent_t;

static crm360_message_t *message_of(const sent_t *sent) __attribute__((unused));
static crm360_message_t *message_of(const sent_t *sent)
{
    crm360_message_t *message = apr_pcalloc(pool, sizeof(*message));
    apr_table_t *headers = apr_table_make(pool, 4);

    message->id = "01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Customer-Update";
    message->received = apr_time_from_sec(1772500000);
    message->customer = "acme";
    message->database = "prod";
    crm360_route_find(&message->route, "Shopify", "Customer",
                      sent->action ? sent->action : "Update");
    message->source_id = sent->source_id ? sent->source_id : 12;
    message->zone_id = sent->zone_id;
    message->brand_id = sent->brand_id;
    message->contact_address_type_id = sent->contact_address_type_id;
    if (sent->triggered) {
        apr_table_setn(headers, "X-Shopify-Triggered-At", sent->triggered);
    }
    if (sent->topic) {
        apr_table_setn(headers, "X-Shopify-Topic", sent->topic);
    }
    message->headers = headers;
    message->body_len = strlen(sent->body);
    /* Not NUL-terminated, as in a stored message. */
    message->body =
        memcpy(malloc(message->body_len + !message->body_len), sent->body, message->body_len);
    return message;
}

/* Delivers inside the transaction in progress. Returns NULL for DONE, else the reason. */
static const char *deliver(const sent_t *sent) __attribute__((unused));
static const char *deliver(const sent_t *sent)
{
    crm360_message_t *message = message_of(sent);
    handler_context_t context = {.db = db, .database = section};
    const handler_t *handler = handler_find(message);
    handler_result_t result;
    apr_status_t rv;

    if (crm_db_savepoint(db) != APR_SUCCESS) {
        return "no savepoint";
    }
    rv = handler_deliver(&result, handler, message, &context, pool);
    free((void *)message->body);
    if (rv != APR_SUCCESS || result.verdict != HANDLER_DONE) {
        if (crm_db_savepoint_rollback(db) != APR_SUCCESS) {
            return "no rollback";
        }
        return rv != APR_SUCCESS
                   ? apr_psprintf(pool, "status %d: %s", rv, crm_db_error(db))
                   : apr_pstrcat(pool, result.verdict == HANDLER_REJECT ? "reject: " : "retry: ",
                                 result.reason, NULL);
    }
    return crm_db_savepoint_release(db) == APR_SUCCESS ? NULL : "no release";
}

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

static const char *post(const char *action, const char *body) __attribute__((unused));
static const char *post(const char *action, const char *body)
{
    return send_one(&(sent_t){.action = action, .body = body});
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

static void empty(void) __attribute__((unused));
static void empty(void)
{
    tools_execute(section, "BEGIN; DELETE FROM Addresses; DELETE FROM ContactIdentifiers;"
                           "DELETE FROM Contacts; DELETE FROM WebhookVersions;"
                           "DELETE FROM WebhookMatches; COMMIT;");
}

static const char *slurp(const char *name) __attribute__((unused));
static const char *slurp(const char *name)
{
    return fixture(apr_pstrcat(pool, "shopify/", name, NULL));
}

/* All that a set of messages leaves behind, without the numbers the database gives. */
static const char *dump(void) __attribute__((unused));
static const char *dump(void)
{
    return apr_pstrcat(
        pool,
        ask("SELECT i.SourceId, i.Identifier, i.ContactIdentifierId, c.FirstName, c.LastName,"
            " c.CompanyName, c.AdvertiserCreationDate, c.ZoneId, c.DeletionFlag, a.BrandId,"
            " a.ContactAddressTypeId, a.Address1, a.Address2, a.Address3, a.Address4, a.Address5,"
            " a.PostCode, a.City, a.State, a.CountryId, a.Email, a.HomePhoneNumber,"
            " a.HomePhoneCountryId, a.MobilePhoneNumber, a.MobilePhoneCountryId, a.EmailOptin,"
            " a.MobilePhoneOptin, a.DeletionFlag FROM Contacts c"
            " LEFT JOIN ContactIdentifiers i ON i.ContactId = c.ContactId"
            " LEFT JOIN Addresses a ON a.ContactId = c.ContactId ORDER BY 1, 2, 10, 11"),
        "\n",
        ask("SELECT TargetTable, CASE TargetTable WHEN 'ContactIdentifiers' THEN TargetKey END,"
            " Deleted, Versions FROM WebhookVersions ORDER BY 1, 2, 4"),
        "\n", ask("SELECT MatchKey FROM WebhookMatches ORDER BY 1"), NULL);
}

/* Opens the database all messages go to. */
static void start(void)
{
    tools_start();
    section = tools_section("prod");
    db = tools_open(section);
}

#endif
