/* Shopify customers through the real handler into a temporary database, column by column. */
#include "t/unit/shopify_tools.h"

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
                                             "ContactId - (SELECT ContactId FROM Contacts)",
                                             "0",
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
        {"{\"id\":123456789012345678901234567890}", "123456789012345678901234567890"},
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
    if (tools_pgsql()) {
        /* What SQLite does by itself: new numbers come after those of the import. */
        tools_execute(section,
                      "SELECT setval(pg_get_serial_sequence('contacts', 'contactid'), 502)");
    }
    post("Insert", "{\"id\":1,\"email\":\" lea@example.fr \"}");
    is_text(ask("SELECT ContactId FROM ContactIdentifiers WHERE Identifier = '1'"), "500",
            "a mail address matches in any case");
    post("Insert", "{\"id\":2,\"email\":\"new@example.fr\",\"phone\":\"06 11 11 11 11\"}");
    is_text(ask("SELECT ContactId FROM ContactIdentifiers WHERE Identifier = '2'"), "501",
            "a phone matches when the mail address does not");
    post("Insert", "{\"id\":3,\"email\":\"lea@example.fr\"}");
    is_text(ask("SELECT COUNT(*) FROM ContactIdentifiers WHERE ContactId NOT IN (500, 501, 502)"
                " AND Identifier = '3'"),
            "1", "not when the contact has another identifier of the source");
    post("Insert", "{\"id\":4,\"email\":\"gone@example.fr\"}");
    is_text(ask("SELECT COUNT(*) FROM ContactIdentifiers WHERE ContactId <> 502"
                " AND Identifier = '4'"),
            "1", "a deleted contact does not match");
    send_one(&(sent_t){.body = "{\"id\":1,\"email\":\"lea@example.fr\"}", .source_id = 13});
    is_text(ask("SELECT ContactId FROM ContactIdentifiers WHERE SourceId = 13"), "500",
            "another source's customer of the same number matches by mail address");
    post("Update", "{\"id\":1,\"email\":\"other@example.fr\"}");
    is_text(
        ask("SELECT ContactId FROM ContactIdentifiers WHERE SourceId = 12 AND Identifier = '1'"),
        "500", "a known identifier decides before the mail address");
    tools_execute(section, "UPDATE Addresses SET DeletionFlag = 1 WHERE ContactId = 501");
    send_one(&(sent_t){.body = "{\"id\":9,\"phone\":\"+33611111111\"}", .source_id = 14});
    is_text(ask("SELECT COUNT(*) FROM ContactIdentifiers WHERE ContactId <> 501"
                " AND SourceId = 14"),
            "1", "a deleted address does not match");
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
    tools_execute(section, tools_pgsql()
                               ? "CREATE RULE race AS ON INSERT TO Contacts DO ALSO INSERT INTO"
                                 " WebhookMatches VALUES ('email:a@b.fr', 1)"
                               : "CREATE TRIGGER race AFTER INSERT ON Contacts BEGIN INSERT INTO"
                                 " WebhookMatches VALUES ('email:a@b.fr', 1); END");
    ok(has(post("Insert", "{\"id\":1,\"email\":\"a@b.fr\"}"),
           apr_psprintf(pool, "status %d", CRM360_ECONFLICT)),
       "whoever comes second runs again");
    tools_execute(section, tools_pgsql() ? "DROP RULE race ON Contacts" : "DROP TRIGGER race");
}

/* ---- absent, null, values ---- */

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
    post("Update", "{\"id\":1,\"email\":\"lea@example.fr\",\"email_marketing_consent\":{\"state\":"
                   "\"subscribed\",\"consent_updated_at\":\"2099-01-01T00:00:00Z\"}," AT("09") "}");
    post("Update", "{\"id\":1,\"email_marketing_consent\":{\"state\":\"unsubscribed\","
                   "\"consent_updated_at\":\"2026-03-03T02:00:00Z\"}," AT("09") "}");
    is_text(ask("SELECT EmailOptin FROM Addresses"), "0",
            "one of a date to come is withdrawn all the same");
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
        {"\"email\":\"a@nowhere\"", "NULL|NULL|NULL"},
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
    is_text(
        ask("SELECT MIN(FirstName), MIN(a.DeletionFlag), COUNT(*) FROM Contacts c, Addresses a"),
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
    ok(has(post("Update", "{\"id\":1}"), "reject: the database refuses the data"),
       "an identifier whose contact was removed by hand is for a person to look at");
    is_text(post("Delete", "{\"id\":1}"), NULL, "deleting it is done");
}

static void routes(void)
{
    static const char *const entities[] = {"Customer", "Product", "Order"};
    static const char *const actions[] = {"Insert", "Update", "Delete"};
    size_t i, k;

    for (i = 0; i < 3; i++) {
        for (k = 0; k < 3; k++) {
            crm360_message_t message = {.id = "x"};

            crm360_route_find(&message.route, "Shopify", entities[i], actions[k]);
            ok(handler_find(&message) != NULL, "%s has a handler", message.route->name);
        }
    }
}

int main(void)
{
    start();
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
    crm_db_close(db);
    return tap_done();
}
