/* Shopify customers through the real handler into a temporary database, column by column. */
#include "handlers/handler.h"

#include "core/route.h"
#include "t/unit/crm_tools.h"

#define ID "7312459817263"
#define FIXTURES "t/fixtures/shopify/"

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
static const char *deliver(const sent_t *sent)
{
    crm360_message_t *message = message_of(sent);
    handler_context_t context = {.db = db, .database = section};
    const handler_t *handler = handler_find(message->route);
    handler_result_t result;
    apr_status_t rv;

    if (crm_db_savepoint(db) != APR_SUCCESS) {
        return "no savepoint";
    }
    rv = handler->deliver(&result, message, &context, pool);
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

static const char *post(const char *action, const char *body)
{
    return send_one(&(sent_t){.action = action, .body = body});
}

static const char *ask(const char *sql)
{
    return tools_query(section, sql);
}

static void empty(void)
{
    tools_execute(section, "BEGIN; DELETE FROM Addresses; DELETE FROM ContactIdentifiers;"
                           "DELETE FROM Contacts; DELETE FROM WebhookVersions;"
                           "DELETE FROM WebhookMatches; COMMIT;");
}

static const char *slurp(const char *name)
{
    const char *path = apr_pstrcat(pool, FIXTURES, name, NULL);
    apr_size_t length;
    apr_finfo_t info;
    apr_file_t *file;
    char *text;

    if (apr_file_open(&file, path, APR_FOPEN_READ, 0, pool) != APR_SUCCESS ||
        apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS) {
        printf("Bail out! %s cannot be read (run from the project's folder)\n", path);
        exit(1);
    }
    length = (apr_size_t)info.size;
    text = apr_pcalloc(pool, length + 1);
    apr_file_read_full(file, text, length, NULL);
    apr_file_close(file);
    return text;
}

/* All that a set of messages leaves behind, without the numbers the database gives. */
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

/* ---- fixtures, column by column ---- */

static void is_row(const char *what, const char *const *columns, const char *table)
{
    int i;

    for (i = 0; columns[i]; i += 2) {
        is_text(ask(apr_psprintf(pool, "SELECT %s FROM %s", columns[i], table)), columns[i + 1],
                apr_pstrcat(pool, what, ": ", columns[i], NULL));
    }
}

static void fixture_insert(void)
{
    static const char *const contact[] = {"COUNT(*)",
                                          "1",
                                          "FirstName",
                                          "Léa",
                                          "LastName",
                                          "Marchand",
                                          "CompanyName",
                                          "NULL",
                                          "AdvertiserCreationDate",
                                          "2026-03-02T09:15:27",
                                          "ZoneId",
                                          "3",
                                          "DeletionFlag",
                                          "0",
                                          "BirthDate",
                                          "NULL",
                                          NULL};
    static const char *const identifier[] = {"ContactIdentifierId",
                                             "12:" ID,
                                             "Identifier",
                                             ID,
                                             "SourceId",
                                             "12",
                                             "ContactId = (SELECT ContactId FROM Contacts)",
                                             "1",
                                             NULL};
    static const char *const address[] = {"COUNT(*)",
                                          "1",
                                          "BrandId",
                                          "1",
                                          "ContactAddressTypeId",
                                          "1",
                                          "Address1",
                                          "Léa Marchand",
                                          "Address2",
                                          "NULL",
                                          "Address3",
                                          "Bât. B",
                                          "Address4",
                                          "12 rue des Écoles",
                                          "Address5",
                                          "NULL",
                                          "Address6",
                                          "NULL",
                                          "Address7",
                                          "NULL",
                                          "PostCode",
                                          "06000",
                                          "City",
                                          "Nice",
                                          "State",
                                          "NULL",
                                          "CountryId",
                                          "FRA",
                                          "Email",
                                          "lea.marchand@example.fr",
                                          "HomePhoneNumber",
                                          "NULL",
                                          "HomePhoneCountryId",
                                          "NULL",
                                          "MobilePhoneNumber",
                                          "+33612345678",
                                          "MobilePhoneCountryId",
                                          "FRA",
                                          "EmailOptin",
                                          "NULL",
                                          "MobilePhoneOptin",
                                          "NULL",
                                          "DeletionFlag",
                                          "0",
                                          NULL};

    empty();
    is_text(send_one(&(sent_t){.action = "Insert",
                               .body = slurp("customer-insert.json"),
                               .triggered = "2026-03-02T09:15:27.118Z",
                               .zone_id = 3,
                               .brand_id = 1,
                               .contact_address_type_id = 1}),
            NULL, "insert is done");
    is_row("insert", contact, "Contacts");
    is_row("insert", identifier, "ContactIdentifiers");
    is_row("insert", address, "Addresses");
}

/* On top of the insert. */
static void fixture_updates(void)
{
    static const char *const updated[] = {"COUNT(*)",
                                          "1",
                                          "Address1",
                                          "Atelier Petit & Fils",
                                          "Address2",
                                          "Léa Marchand-Petit",
                                          "Address3",
                                          "NULL",
                                          "Address4",
                                          "5 avenue de l'Hôtel-de-Ville",
                                          "PostCode",
                                          "42000",
                                          "City",
                                          "Saint-Étienne",
                                          "EmailOptin",
                                          "NULL",
                                          "HomePhoneNumber",
                                          "NULL",
                                          NULL};
    static const char *const consents[] = {"COUNT(*)",         "1", "EmailOptin", "1",
                                           "MobilePhoneOptin", "0", NULL};
    sent_t sent = {.body = slurp("customer-update.json"),
                   .triggered = "2026-03-05T17:02:11.402Z",
                   .zone_id = 3,
                   .brand_id = 1,
                   .contact_address_type_id = 1};
    const char *after;

    is_text(send_one(&sent), NULL, "update is done");
    is_text(ask("SELECT LastName, CompanyName FROM Contacts"),
            "Marchand-Petit|Atelier Petit & Fils", "update: the contact");
    is_row("update", updated, "Addresses");
    sent.body = slurp("customer-update-2024-10.json");
    sent.triggered = "2026-03-06T07:00:00.027Z";
    is_text(send_one(&sent), NULL, "the older structure is done");
    is_row("2024-10", consents, "Addresses");
    after = dump();
    sent.body = slurp("customer-insert.json");
    is_text(send_one(&sent), NULL, "the insert comes once more");
    is_text(dump(), after, "and changes nothing");
    sent.action = "Delete";
    sent.body = slurp("customer-delete.json");
    is_text(send_one(&sent), NULL, "delete is done");
    is_text(ask("SELECT c.DeletionFlag, a.DeletionFlag, LastName FROM Contacts c, Addresses a"),
            "1|1|Marchand-Petit", "it flags contact and address and removes nothing");
}

static void fixture_testbutton(void)
{
    static const char *const address[] = {"Address1",
                                          "Bob Biller",
                                          "Address4",
                                          "151 Example Street",
                                          "PostCode",
                                          "K2P 2L8",
                                          "State",
                                          "ON",
                                          "CountryId",
                                          "CAN",
                                          "Email",
                                          "bob@example.com",
                                          "MobilePhoneNumber",
                                          "NULL",
                                          "HomePhoneNumber",
                                          "+15555555555",
                                          "HomePhoneCountryId",
                                          "CAN",
                                          "BrandId",
                                          "NULL",
                                          "ContactAddressTypeId",
                                          "NULL",
                                          NULL};

    empty();
    is_text(post("Update", slurp("customer-update-testbutton.json")), NULL, "test button is done");
    is_text(ask("SELECT Identifier FROM ContactIdentifiers"), "706405506930370084",
            "an id above 2^53 is exact");
    is_text(ask("SELECT AdvertiserCreationDate, ZoneId FROM Contacts"), "2022-01-01T00:00:00|NULL",
            "its date is in UTC, and no zone was given");
    is_row("test button", address, "Addresses");
}

/* The section's defaults stand in for absent parameters. */
static void defaults(void)
{
    empty();
    section->default_zone_id = 7;
    section->default_brand_id = 8;
    section->default_contact_address_type_id = 9;
    post("Insert", slurp("customer-insert.json"));
    section->default_zone_id = section->default_brand_id = 0;
    section->default_contact_address_type_id = 0;
    is_text(ask("SELECT ZoneId, BrandId, ContactAddressTypeId FROM Contacts, Addresses"), "7|8|9",
            "defaults of the section");
    send_one(&(sent_t){.body = slurp("customer-insert.json"), .brand_id = 5});
    is_text(ask("SELECT BrandId, City FROM Addresses ORDER BY 1"), "5|Nice\n8|Nice",
            "another brand is another address of the same contact");
}

/* ---- ids ---- */

static void ids(void)
{
    static const struct {
        const char *body;
        const char *want; /* identifier, NULL = rejected */
    } cases[] = {
        {"{\"id\":7312459817263}", ID},
        {"{\"id\":\"7312459817263\"}", ID},
        {"{\"id\":\" 7312459817263 \"}", ID},
        {"{\"id\":18446744073709551614}", "18446744073709551614"},
        {"{\"id\":\"123456789012345678901234567890\"}", "123456789012345678901234567890"},
        {"{\"id\":706405506930370100,\"admin_graphql_api_id\":\"gid://shopify/Customer/"
         "706405506930370084\"}",
         "706405506930370084"},
        {"{\"admin_graphql_api_id\":\"gid://shopify/Customer/" ID "?x=1\"}", ID},
        {"{\"id\":5,\"admin_graphql_api_id\":\"gid://shopify/Order/9\"}", "5"},
        {"{\"id\":5,\"admin_graphql_api_id\":null}", "5"},
        {"{\"customer_id\":7312459817263,\"email_address\":\"a@b.fr\"}", ID},
        {"{\"customerId\":\"gid://shopify/Customer/7312459817263\",\"tags\":[\"vip\"]}", ID},
        {"{\"shop_id\":1,\"customer\":{\"id\":7312459817263,\"email\":\"a@b.fr\"}}", ID},
        {"{\"id\":\"007\"}", "7"},
        {"{}", NULL},
        {"{\"id\":null}", NULL},
        {"{\"id\":0}", NULL},
        {"{\"id\":-5}", NULL},
        {"{\"id\":7.5}", NULL},
        {"{\"id\":7e12}", NULL},
        {"{\"id\":true}", NULL},
        {"{\"id\":[1]}", NULL},
        {"{\"id\":{\"id\":1}}", NULL},
        {"{\"id\":\"abc\"}", NULL},
        {"{\"id\":\"12 34\"}", NULL},
        {"{\"id\":123456789012345678901234567890}", NULL},
        {"{\"customer\":null}", NULL},
        {"{\"customer\":[]}", NULL},
    };
    size_t i, k;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static const char *const actions[] = {"Insert", "Update", "Delete"};

        for (k = 0; k < 3; k++) {
            const char *reason;

            empty();
            reason = post(actions[k], cases[i].body);
            if (!cases[i].want) {
                ok(reason && strncmp(reason, "reject: ", 8) == 0 && strstr(reason, " id"),
                   "%s of %s is rejected naming the id", actions[k], cases[i].body);
                is_text(ask("SELECT COUNT(*) FROM WebhookVersions"), "0", "and leaves nothing");
                continue;
            }
            is_text(reason, NULL, apr_pstrcat(pool, actions[k], " of ", cases[i].body, NULL));
            is_text(ask("SELECT TargetKey FROM WebhookVersions"
                        " WHERE TargetTable = 'ContactIdentifiers'"),
                    apr_pstrcat(pool, "12:", cases[i].want, NULL), "its identifier");
        }
    }
}

/* ---- who is who ---- */

static void matching(void)
{
    empty();
    tools_execute(
        section, "INSERT INTO Contacts (ContactId, FirstName) VALUES (500, 'Imported'), (501, 'x'),"
                 " (502, 'Gone');"
                 "INSERT INTO Addresses (ContactId, Email, MobilePhoneNumber) VALUES"
                 " (500, 'Lea@Example.FR', NULL), (501, 'other@example.fr', '+33611111111'),"
                 " (502, 'gone@example.fr', NULL);"
                 "UPDATE Contacts SET DeletionFlag = 1 WHERE ContactId = 502;");
    post("Insert", "{\"id\":1,\"email\":\" lea@example.fr \"}");
    is_text(ask("SELECT ContactId FROM ContactIdentifiers WHERE Identifier = '1'"), "500",
            "a mail address matches in any case");
    post("Insert", "{\"id\":2,\"email\":\"new@example.fr\",\"phone\":\"06 11 11 11 11\"}");
    is_text(ask("SELECT ContactId FROM ContactIdentifiers WHERE Identifier = '2'"), "501",
            "a phone matches when the mail address does not");
    post("Insert", "{\"id\":3,\"email\":\"lea@example.fr\"}");
    is_text(ask("SELECT ContactId NOT IN (500, 501, 502) FROM ContactIdentifiers"
                " WHERE Identifier = '3'"),
            "1", "not when the contact has another identifier of the source");
    post("Insert", "{\"id\":4,\"email\":\"gone@example.fr\"}");
    is_text(ask("SELECT ContactId <> 502 FROM ContactIdentifiers WHERE Identifier = '4'"), "1",
            "a deleted contact does not match");
    send_one(&(sent_t){.body = "{\"id\":1,\"email\":\"lea@example.fr\"}", .source_id = 13});
    is_text(ask("SELECT ContactId FROM ContactIdentifiers WHERE SourceId = 13"), "500",
            "another source's customer of the same number matches by mail address");
    post("Update", "{\"id\":1,\"email\":\"other@example.fr\"}");
    is_text(
        ask("SELECT ContactId FROM ContactIdentifiers WHERE SourceId = 12 AND Identifier = '1'"),
        "500", "a known identifier decides before the mail address");
    tools_execute(section, "UPDATE Addresses SET DeletionFlag = 1 WHERE ContactId = 501");
    send_one(&(sent_t){.body = "{\"id\":9,\"phone\":\"+33611111111\"}", .source_id = 14});
    is_text(ask("SELECT ContactId <> 501 FROM ContactIdentifiers WHERE SourceId = 14"), "1",
            "a deleted address does not match");
}

/* A key left behind by a contact that has another mail address now must not block a new contact. */
static void stale_keys(void)
{
    empty();
    post("Insert", "{\"id\":1,\"email\":\"a@b.fr\",\"updated_at\":\"2026-01-01T00:00:00Z\"}");
    post("Update", "{\"id\":1,\"email\":\"c@d.fr\",\"updated_at\":\"2026-01-02T00:00:00Z\"}");
    is_text(post("Insert", "{\"id\":2,\"email\":\"a@b.fr\"}"), NULL,
            "a mail address is used again");
    is_text(ask("SELECT COUNT(*) FROM Contacts"), "2", "by another contact");
    is_text(ask("SELECT COUNT(*) FROM WebhookMatches m JOIN ContactIdentifiers i"
                " ON i.ContactId = m.ContactId WHERE MatchKey = 'email:a@b.fr'"
                " AND i.Identifier = '2'"),
            "1", "which has the key now");
}

/* The race that the keys decide, as it would be seen on a database with several writers. */
static void key_conflict(void)
{
    empty();
    tools_execute(section, "CREATE TRIGGER race AFTER INSERT ON Contacts BEGIN INSERT INTO"
                           " WebhookMatches VALUES ('email:a@b.fr', 1); END");
    ok(strstr(post("Delete", "{\"id\":1}"), apr_psprintf(pool, "status %d", CRM360_ESCHEMA)) !=
           NULL,
       "a change of the schema costs one more try");
    ok(strstr(post("Insert", "{\"id\":1,\"email\":\"a@b.fr\"}"),
              apr_psprintf(pool, "status %d", CRM360_ECONFLICT)) != NULL,
       "whoever comes second runs again");
    tools_execute(section, "DROP TRIGGER race");
    post("Delete", "{\"id\":1}");
}

/* ---- absent, null, values ---- */

#define AT(day) "\"updated_at\":\"2026-03-" day "T00:00:00Z\""

static void absent_and_null(void)
{
    empty();
    post("Insert", "{\"id\":1,\"first_name\":\"A\",\"last_name\":\"B\",\"email\":\"a@b.fr\","
                   "\"phone\":\"0612345678\"," AT("01") "}");
    post("Update", "{\"id\":1," AT("02") "}");
    is_text(ask("SELECT FirstName, LastName, Email, MobilePhoneNumber FROM Contacts, Addresses"),
            "A|B|a@b.fr|+33612345678", "absent members say nothing");
    post("Update", "{\"id\":1,\"last_name\":null,\"phone\":\"\"," AT("03") "}");
    is_text(ask("SELECT FirstName, LastName, Email, MobilePhoneNumber, MobilePhoneCountryId"
                " FROM Contacts, Addresses"),
            "A|NULL|a@b.fr|NULL|NULL", "null and an empty text clear");
    send_one(&(sent_t){.body = "{\"id\":9,\"email\":\"a@b.fr\",\"first_name\":null," AT("04") "}",
                       .source_id = 13});
    is_text(ask("SELECT FirstName FROM Contacts"), "A",
            "null does not clear another source's data");
    send_one(&(sent_t){.body = "{\"id\":9,\"first_name\":\"Z\"," AT("05") "}", .source_id = 13});
    is_text(ask("SELECT FirstName FROM Contacts"), "Z", "a newer value of another source does");
    post("Update", "{\"id\":1,\"first_name\":null," AT("06") "}");
    is_text(ask("SELECT FirstName FROM Contacts"), "Z", "and is then not ours to clear");
    tools_execute(section, "UPDATE Contacts SET CompanyName = 'by hand'");
    post("Update", "{\"id\":1,\"default_address\":null," AT("07") "}");
    is_text(ask("SELECT CompanyName FROM Contacts"), "by hand",
            "null does not clear what no webhook wrote");
}

static void guard(void)
{
    empty();
    post("Update", "{\"id\":1,\"first_name\":\"new\"," AT("05") "}");
    post("Update", "{\"id\":1,\"first_name\":\"old\",\"last_name\":\"first told\"," AT("04") "}");
    is_text(ask("SELECT FirstName, LastName FROM Contacts"), "new|first told",
            "each group has its own date");
    send_one(&(sent_t){.body = "{\"id\":1,\"first_name\":\"t2\"," AT("06") "}",
                       .triggered = "2026-03-06T00:00:02Z"});
    send_one(&(sent_t){.body = "{\"id\":1,\"first_name\":\"t1\"," AT("06") "}",
                       .triggered = "2026-03-06T00:00:01Z"});
    is_text(ask("SELECT FirstName FROM Contacts"), "t2", "equal dates: the trigger time decides");
    send_one(&(sent_t){.body = "{\"id\":1,\"first_name\":\"undated\",\"updated_at\":null}",
                       .triggered = "2026-03-07T00:00:00Z"});
    is_text(ask("SELECT FirstName FROM Contacts"), "undated",
            "without a date the trigger time is the date");
    send_one(&(sent_t){.body = "{\"id\":1,\"first_name\":\"offset\","
                               "\"updated_at\":\"2026-03-07T00:30:00+01:00\"}"});
    is_text(ask("SELECT FirstName FROM Contacts"), "undated", "offsets count");
    post("Update", "{\"id\":1,\"email_marketing_consent\":{\"state\":\"subscribed\","
                   "\"consent_updated_at\":\"2026-02-01T00:00:00Z\"}," AT("08") "}");
    post("Update", "{\"id\":1,\"email_marketing_consent\":{\"state\":\"unsubscribed\","
                   "\"consent_updated_at\":\"2026-01-01T00:00:00Z\"}," AT("09") "}");
    is_text(ask("SELECT EmailOptin FROM Addresses"), "1", "consents have dates of their own");
    tools_execute(section, "UPDATE WebhookVersions SET Versions = 'oops'"
                           " WHERE TargetTable = 'Contacts'");
    is_text(post("Update", "{\"id\":1,\"first_name\":\"after\"," AT("01") "}"), NULL,
            "notes spoilt by hand do not stop anything");
}

static void consents(void)
{
    static const struct {
        const char *members;
        const char *want; /* EmailOptin|MobilePhoneOptin */
    } cases[] = {
        {"\"email_marketing_consent\":{\"state\":\"subscribed\"}", "1|NULL"},
        {"\"email_marketing_consent\":{\"state\":\"SUBSCRIBED\"}", "1|NULL"},
        {"\"email_marketing_consent\":{\"state\":\"not_subscribed\"}", "0|NULL"},
        {"\"email_marketing_consent\":{\"state\":\"pending\"}", "0|NULL"},
        {"\"email_marketing_consent\":{\"state\":\"redacted\"}", "0|NULL"},
        {"\"email_marketing_consent\":{\"state\":\"invalid\"}", "0|NULL"},
        {"\"email_marketing_consent\":{\"state\":null}", "NULL|NULL"},
        {"\"email_marketing_consent\":{}", "NULL|NULL"},
        {"\"email_marketing_consent\":null", "NULL|NULL"},
        {"\"email_marketing_consent\":\"subscribed\"", "NULL|NULL"},
        {"\"sms_marketing_consent\":{\"state\":\"subscribed\"}", "NULL|1"},
        {"\"sms_marketing_consent\":{\"state\":\"unsubscribed\"}", "NULL|0"},
        {"\"accepts_marketing\":true", "1|NULL"},
        {"\"accepts_marketing\":false", "0|NULL"},
        {"\"accepts_marketing\":\"true\"", "1|NULL"},
        {"\"accepts_marketing\":null", "NULL|NULL"},
        {"\"accepts_marketing\":\"perhaps\"", "NULL|NULL"},
        {"\"accepts_marketing\":false,\"email_marketing_consent\":{\"state\":\"subscribed\"}",
         "1|NULL"},
        {"\"accepts_marketing\":false,\"email_marketing_consent\":null", "0|NULL"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        empty();
        post("Update", apr_pstrcat(pool, "{\"id\":1,", cases[i].members, "}", NULL));
        is_text(ask("SELECT EmailOptin, MobilePhoneOptin FROM Addresses"), cases[i].want,
                cases[i].members);
    }
}

static void addresses(void)
{
    static const struct {
        const char *members;
        const char *want; /* Address1|2|3|4|PostCode|City|CountryId|HomePhoneNumber */
    } cases[] = {
        {"\"default_address\":{\"name\":\"A B\",\"address1\":\"1 rue X\",\"zip\":\"06000\"}",
         "A B|NULL|NULL|1 rue X|06000|NULL|NULL|NULL"},
        {"\"first_name\":\"F\",\"last_name\":\"L\",\"default_address\":{\"city\":\"Nice\"}",
         "F L|NULL|NULL|NULL|NULL|Nice|NULL|NULL"},
        {"\"default_address\":{\"first_name\":\"F\",\"last_name\":\"L\",\"company\":\"C\","
         "\"address1\":\"1\",\"address2\":\"2\"}",
         "C|F L|2|1|NULL|NULL|NULL|NULL"},
        {"\"default_address\":{\"last_name\":\"L\",\"company\":\"  \",\"address2\":\"\"}",
         "L|NULL|NULL|NULL|NULL|NULL|NULL|NULL"},
        {"\"default_address\":{\"zip\":6000,\"city\":\"a\\nb\"}",
         "NULL|NULL|NULL|NULL|6000|a b|NULL|NULL"},
        {"\"default_address\":{\"country_code\":\"be\",\"country\":\"France\"}",
         "NULL|NULL|NULL|NULL|NULL|NULL|BEL|NULL"},
        {"\"default_address\":{\"country\":\"CA\"}", "NULL|NULL|NULL|NULL|NULL|NULL|CAN|NULL"},
        {"\"default_address\":{\"country\":\"Switzerland\"}",
         "NULL|NULL|NULL|NULL|NULL|NULL|CHE|NULL"},
        {"\"default_address\":{\"country\":\"Atlantis\",\"country_name\":\"Spain\"}",
         "NULL|NULL|NULL|NULL|NULL|NULL|ESP|NULL"},
        {"\"default_address\":{\"country_code\":\"BE\",\"phone\":\"02 512 34 56\"}",
         "NULL|NULL|NULL|NULL|NULL|NULL|BEL|+3225123456"},
        {"\"phone\":\"+33612345678\",\"default_address\":{\"phone\":\"06 12 34 56 78\"}",
         "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL"},
        {"\"default_address\":{\"phone\":\"none\"}", "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL"},
        {"\"default_address\":[],\"addresses\":[]", "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL"},
        {"\"addresses\":[{\"city\":\"Nice\",\"default\":false},{\"city\":\"Lyon\","
         "\"default\":true}]",
         "NULL|NULL|NULL|NULL|NULL|Lyon|NULL|NULL"},
        {"\"addresses\":[{\"city\":\"Nice\"},null,7]", "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL"},
        {"\"default_address\":null,\"addresses\":[{\"city\":\"Nice\",\"default\":true}]",
         "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        empty();
        is_text(post("Update", apr_pstrcat(pool, "{\"id\":1,", cases[i].members, "}", NULL)), NULL,
                "done");
        is_text(ask("SELECT Address1, Address2, Address3, Address4, PostCode, City, CountryId,"
                    " HomePhoneNumber FROM Addresses"),
                cases[i].want, cases[i].members);
    }
    empty();
    post("Update",
         "{\"id\":1,\"default_address\":{\"city\":\"Nice\",\"company\":\"C\"}," AT("01") "}");
    post("Update", "{\"id\":1,\"addresses\":[]," AT("02") "}");
    is_text(ask("SELECT City FROM Addresses"), "Nice", "an empty list says nothing");
    post("Update", "{\"id\":1,\"default_address\":null," AT("03") "}");
    is_text(ask("SELECT City, Address1, CompanyName FROM Addresses, Contacts"), "NULL|NULL|NULL",
            "null clears the address and the company");
}

static void contact_details(void)
{
    static const struct {
        const char *members;
        const char *want; /* Email|MobilePhoneNumber|MobilePhoneCountryId */
    } cases[] = {
        {"\"email\":\"  a@b.fr \"", "a@b.fr|NULL|NULL"},
        {"\"email_address\":\"a@b.fr\"", "a@b.fr|NULL|NULL"},
        {"\"email\":\"nobody\"", "NULL|NULL|NULL"},
        {"\"email\":\"a@b@c\"", "NULL|NULL|NULL"},
        {"\"email\":{\"a\":1}", "NULL|NULL|NULL"},
        {"\"phone\":33612345678", "NULL|+33612345678|FRA"},
        {"\"phone\":\"+1 212 555 0123\"", "NULL|+12125550123|NULL"},
        {"\"phone\":\"0470123456\",\"default_address\":{\"country_code\":\"BE\"}",
         "NULL|+32470123456|BEL"},
        {"\"phone\":\"call me\"", "NULL|NULL|NULL"},
        {"\"phone\":[\"0612345678\"]", "NULL|NULL|NULL"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        empty();
        is_text(post("Update", apr_pstrcat(pool, "{\"id\":1,", cases[i].members, "}", NULL)), NULL,
                "done");
        is_text(ask("SELECT Email, MobilePhoneNumber, MobilePhoneCountryId FROM Addresses"),
                cases[i].want, cases[i].members);
    }
}

/* ---- deletion ---- */

static void deletion(void)
{
    empty();
    is_text(post("Delete", "{\"id\":1}"), NULL, "a delete of an unknown customer is done");
    is_text(ask("SELECT COUNT(*) FROM Contacts"), "0", "and makes no contact");
    post("Insert", "{\"id\":1,\"first_name\":\"Late\"}");
    is_text(ask("SELECT FirstName, c.DeletionFlag, a.DeletionFlag FROM Contacts c, Addresses a"),
            "Late|1|1", "a late insert writes its data and stays flagged");
    send_one(&(sent_t){.body = "{\"id\":1,\"first_name\":\"Later\"}",
                       .brand_id = 4,
                       .triggered = "2999-01-01T00:00:00Z"});
    is_text(ask("SELECT FirstName, MIN(a.DeletionFlag), COUNT(*) FROM Contacts c, Addresses a"),
            "Later|1|2", "and so does an address that is new then");

    empty();
    post("Insert", "{\"id\":1,\"email\":\"a@b.fr\"}");
    send_one(&(sent_t){.body = "{\"id\":2,\"email\":\"a@b.fr\"}", .source_id = 13});
    post("Delete", "{\"id\":1}");
    is_text(ask("SELECT c.DeletionFlag, a.DeletionFlag FROM Contacts c, Addresses a"), "0|0",
            "a contact another source knows stays");
    send_one(&(sent_t){.action = "Delete", .body = "{\"id\":2}", .source_id = 13});
    is_text(ask("SELECT c.DeletionFlag, a.DeletionFlag FROM Contacts c, Addresses a"), "1|1",
            "until that one deletes it too");
    is_text(ask("SELECT COUNT(*) FROM ContactIdentifiers"), "2", "nothing was removed");

    tools_execute(section, "DELETE FROM Addresses; DELETE FROM Contacts");
    ok(strstr(post("Update", "{\"id\":1}"), "reject: the database refuses the data") != NULL,
       "an identifier whose contact was removed by hand is for a person to look at");
    is_text(post("Delete", "{\"id\":1}"), NULL, "deleting it is done");
}

/* ---- any order, any repetition ---- */

static const sent_t events[] = {
    {.action = "Insert",
     .body =
         "{\"id\":1,\"first_name\":\"Ann\",\"last_name\":\"One\",\"email\":\"ann@example.fr\","
         "\"phone\":\"0612345678\",\"created_at\":\"2026-03-01T10:00:00+01:00\","
         "\"default_address\":{\"city\":\"Nice\",\"company\":\"First\",\"phone\":\"0493000000\"},"
         "\"accepts_marketing\":false," AT("01") "}",
     .triggered = "2026-03-01T00:00:01Z",
     .zone_id = 1},
    {.body = "{\"id\":1,\"last_name\":\"Two\",\"email\":\"two@example.fr\",\"phone\":null,"
             "\"default_address\":{\"city\":\"Lyon\"}," AT("02") "}",
     .triggered = "2026-03-02T00:00:01Z",
     .zone_id = 2},
    {.body = "{\"id\":1,\"first_name\":null,\"last_name\":\"Three\",\"default_address\":null,"
             "\"email_marketing_consent\":{\"state\":\"subscribed\","
             "\"consent_updated_at\":\"2026-03-01T12:00:00Z\"}," AT("02") "}",
     .triggered = "2026-03-02T00:00:02Z"},
    {.body = "{\"customer_id\":1,\"email_address\":\"two@example.fr\",\"email_marketing_consent\":"
             "{\"state\":\"unsubscribed\",\"consent_updated_at\":\"2026-03-03T00:00:00Z\"}}",
     .triggered = "2026-03-01T12:00:00Z",
     .topic = "customers_email_marketing_consent/update",
     .brand_id = 2},
    {.action = "Delete", .body = "{\"id\":1}", .triggered = "2026-03-01T06:00:00Z"},
};

#define EVENTS 5

/* Delivers the events in an order and gives the dump. `twice`: each once more afterwards, backwards. */
static const char *outcome(const int *order, int twice)
{
    int i, fine = crm_db_begin(db) == APR_SUCCESS;

    for (i = 0; i < EVENTS; i++) {
        fine &= deliver(&events[order[i]]) == NULL;
    }
    for (i = EVENTS - 1; twice && i >= 0; i--) {
        fine &= deliver(&events[order[i]]) == NULL;
    }
    fine &= crm_db_commit(db) == APR_SUCCESS;
    return fine ? dump() : "failed";
}

/* Steps to the next order in lexical order; 0 after the last. */
static int next_order(int *order)
{
    int i = EVENTS - 2, k = EVENTS - 1, swap;

    while (i >= 0 && order[i] > order[i + 1]) {
        i--;
    }
    if (i < 0) {
        return 0;
    }
    while (order[k] < order[i]) {
        k--;
    }
    swap = order[i], order[i] = order[k], order[k] = swap;
    for (i++, k = EVENTS - 1; i < k; i++, k--) {
        swap = order[i], order[i] = order[k], order[k] = swap;
    }
    return 1;
}

static void permutations(void)
{
    int order[EVENTS] = {0, 1, 2, 3, 4}, orders = 0, equal = 0;
    const char *wanted, *got;

    empty();
    wanted = outcome(order, 0);
    is_text(ask("SELECT FirstName, LastName, CompanyName, ZoneId, DeletionFlag FROM Contacts"),
            "NULL|Three|NULL|2|1", "in order: the contact");
    is_text(ask("SELECT BrandId, City, Email, MobilePhoneNumber, HomePhoneNumber, EmailOptin,"
                " DeletionFlag FROM Addresses ORDER BY 1"),
            "NULL|NULL|two@example.fr|NULL|NULL|1|1\n2|NULL|two@example.fr|NULL|NULL|0|1",
            "in order: its addresses");
    do {
        empty();
        got = outcome(order, orders % 2);
        if (strcmp(got, wanted) == 0) {
            equal++;
        }
        else {
            printf("# order %d %d %d %d %d:\n%s\n# wanted:\n%s\n", order[0], order[1], order[2],
                   order[3], order[4], got, wanted);
        }
        orders++;
    } while (next_order(order));
    is_number(orders, 120, "all orders were tried");
    is_number(equal, 120, "each gives the same rows, every second one with all events twice");
}

/* Two sources of one contact: what each wrote and cleared last decides, in any order. */
static void two_writers(void)
{
    static const sent_t told[] = {
        {.body = "{\"id\":1,\"first_name\":\"one\"," AT("01") "}"},
        {.body = "{\"id\":2,\"first_name\":\"two\"," AT("02") "}", .source_id = 13},
        {.body = "{\"id\":1,\"first_name\":null," AT("03") "}"},
        {.body = "{\"id\":2,\"first_name\":null," AT("04") "}", .source_id = 13},
        {.body = "{\"id\":1,\"first_name\":\"late\"," AT("02") "}"},
    };
    int order[EVENTS] = {0, 1, 2, 3, 4}, orders = 0, equal = 0, i, fine;
    const char *wanted = NULL, *got;

    do {
        empty();
        post("Update", "{\"id\":1,\"email\":\"a@b.fr\"}");
        send_one(&(sent_t){.body = "{\"id\":2,\"email\":\"a@b.fr\"}", .source_id = 13});
        fine = crm_db_begin(db) == APR_SUCCESS;
        for (i = 0; i < EVENTS; i++) {
            fine &= deliver(&told[order[i]]) == NULL;
        }
        fine &= crm_db_commit(db) == APR_SUCCESS;
        got = fine ? dump() : "failed";
        wanted = wanted ? wanted : got;
        equal += strcmp(got, wanted) == 0;
        orders++;
    } while (next_order(order));
    is_number(equal, orders, "two writers: all orders agree");
    is_text(ask("SELECT COUNT(*) FROM Contacts"), "1", "on one contact");
}

/* ---- broken bodies ---- */

static void is_sound(const char *reason, const char *what, int at)
{
    if (reason && strncmp(reason, "reject: ", 8) != 0) {
        ok(0, "%s at %d: %s", what, at, reason);
    }
}

static void truncations(const char *name)
{
    const char *whole = slurp(name);
    size_t length = strlen(whole), i;
    int rejected = 0, begun = crm_db_begin(db) == APR_SUCCESS;

    for (i = 0; i < length; i++) {
        const char *reason = deliver(&(sent_t){.body = apr_pstrmemdup(pool, whole, i)});

        rejected += reason && strstr(reason, "reject: the body is not JSON: line 1, column") &&
                    strstr(reason, "expected");
    }
    crm_db_rollback(db);
    ok(begun, "a transaction for %s", name);
    is_number(rejected, (long long)length,
              apr_pstrcat(pool, name, " cut anywhere is rejected with its place", NULL));
}

/* Each member of a fixture with values of every type. */
static void wrong_types(const char *name)
{
    static const char *const values[] = {"null",
                                         "true",
                                         "-1",
                                         "1.5e300",
                                         "\"\"",
                                         "\"\\u0000x\"",
                                         "[]",
                                         "[null]",
                                         "{}",
                                         "{\"id\":{}}",
                                         "\"gid://shopify/Customer/\"",
                                         "\"2026-99-99\"",
                                         "99999999999999999999999999"};
    const char *whole = slurp(name), *at, *end;
    int tried = 0, begun = crm_db_begin(db) == APR_SUCCESS;
    size_t i;

    for (at = whole; (at = strstr(at, "\":")) != NULL; at = end) {
        end = at + 2;
        for (i = 0; i < sizeof(values) / sizeof(values[0]); i++, tried++) {
            size_t skipped = strcspn(end, ",}");

            if (*end == '"') {
                skipped = 1 + strcspn(end + 1, "\"") + 1;
            }
            else if (*end == '{' || *end == '[') {
                skipped = 0; /* makes the text broken: that must be survived as well */
            }
            is_sound(deliver(&(sent_t){.body = apr_pstrcat(
                                           pool, apr_pstrmemdup(pool, whole, (size_t)(end - whole)),
                                           values[i], end + skipped, NULL)}),
                     name, (int)(end - whole));
        }
    }
    crm_db_rollback(db);
    ok(begun && tried > 20, "%s with %d wrong values is survived", name, tried);
}

static void broken_bodies(void)
{
    static const char *const cases[][2] = {
        {"", "reject: the body is not JSON: line 1, column 1: expected a JSON value"},
        {"id=1&email=a%40b.fr", "reject: the body is not JSON: line 1, column 1"},
        {"[]", "expected an object"},
        {"[{\"id\":1}]", "expected an object"},
        {"null", "expected an object"},
        {"\"id\"", "expected an object"},
        {"{\"id\":1,\n \"email\":}", "line 2, column 10: expected a JSON value"},
        {"{\"id\":1}}", "expected nothing after the value"},
    };
    static const char *const names[] = {"customer-insert.json", "customer-update.json",
                                        "customer-update-2024-10.json",
                                        "customer-update-testbutton.json", "customer-delete.json"};
    char *deep = apr_pcalloc(pool, 20001);
    size_t i;

    empty();
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *reason = post("Insert", cases[i][0]);

        ok(reason && strstr(reason, cases[i][1]), "broken body %d is rejected: %s", (int)i, reason);
    }
    memset(deep, '[', 10000);
    memset(deep + 10000, ']', 10000);
    ok(strstr(post("Insert", deep), "at most 64 levels") != NULL, "deep nesting is rejected");
    ok(strstr(post("Insert", apr_pstrcat(pool, "{\"id\":1,\"default_address\":", deep, "}", NULL)),
              "at most 64 levels") != NULL,
       "inside a member too");
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        truncations(names[i]);
        wrong_types(names[i]);
    }
    is_text(ask("SELECT COUNT(*) FROM Contacts"), "0", "nothing broken was written");
    is_text(post("Insert", "{\"id\":1,\"first_name\":\"L\xE9"
                           "a\"}"),
            NULL, "wrong UTF-8 is done");
    is_text(ask("SELECT FirstName FROM Contacts"),
            "L\xEF\xBF\xBD"
            "a",
            "as U+FFFD");
}

static void routes(void)
{
    static const char *const none[][3] = {{"Shopify", "Product", "Insert"},
                                          {"Shopify", "Order", "Delete"},
                                          {"Mailjet", "email", "Callback"}};
    const crm360_route_t *route;
    size_t i;

    for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        crm360_route_find(&route, none[i][0], none[i][1], none[i][2]);
        ok(route && !handler_find(route), "%s has no handler yet", route->name);
    }
}

int main(void)
{
    tools_start();
    section = tools_section("prod");
    db = tools_open(section);
    routes();
    fixture_insert();
    fixture_updates();
    fixture_testbutton();
    defaults();
    ids();
    matching();
    stale_keys();
    key_conflict();
    absent_and_null();
    guard();
    consents();
    addresses();
    contact_details();
    deletion();
    permutations();
    two_writers();
    broken_bodies();
    crm_db_close(db);
    return tap_done();
}
