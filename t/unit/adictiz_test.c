/* Adictiz: participations, the player as a contact, consents, whatever order they come in. */
#include "t/unit/broken_tools.h"

#define ROUTE "Adictiz/User/Participate"

static const char *post(const char *body)
{
    return send_one(&(sent_t){.route = ROUTE, .body = body});
}

static const char *event_of(int at, const char *request, const char *data)
{
    return apr_psprintf(pool,
                        "{\"timestamp\":%d,\"request_id\":\"%s\",\"event_type\":\"FormSubscribe\","
                        "\"data\":{%s}}",
                        1772442000 + at, request, data);
}

static void mapping(void)
{
    empty();
    is_text(send_one(&(sent_t){.route = ROUTE,
                               .body = fixture("adictiz/user-participate.json"),
                               .zone_id = 3,
                               .brand_id = 4,
                               .contact_address_type_id = 5}),
            NULL, "the fixture is done");
    is_text(ask("SELECT FirstName, LastName, CivilityId, GenderId, BirthDate, BirthDay, BirthMonth,"
                " BirthYear, LanguageId, GlobalOptin, GlobalPartnerOptin, ZoneId FROM Contacts"),
            "Léa|Marchand|2|2|1990-05-17T00:00:00|17|5|1990|fr|NULL|0|3", "the contact");
    is_text(ask("SELECT BrandId, ContactAddressTypeId, Address1, Address4, PostCode, City, State,"
                " CountryId, Email, HomePhoneNumber, MobilePhoneNumber, MobilePhoneCountryId,"
                " EmailOptin, MobilePhoneOptin FROM Addresses"),
            "4|5|NULL|12 rue des Écoles|06000|Nice|NULL|FRA|lea.marchand@example.fr|NULL|"
            "+33612345678|FRA|1|NULL",
            "the address");
    is_text(ask("SELECT SourceId, Identifier FROM ContactIdentifiers"),
            "12|email:lea.marchand@example.fr", "known by the mail address, not by user_id");
    is_text(
        ask("SELECT x.SourceId, ContactInterestIdentifier, InterestDate, FreeField1, FreeField2,"
            " Label, Identifier FROM ContactInterests x JOIN ContactInterestCategories c"
            " ON c.ContactInterestCategoryId = x.ContactInterestCategoryId"
            " WHERE ContactId IS NOT NULL"),
        "12|65e2f0a1b4c7d8e9f0a1b2c3/9a41c2|2026-03-02T09:15:27|Bleu|NULL|Jeu de printemps|"
        "65e2f0a1b4c7d8e9f0a1b2c3",
        "the participation");
    is_text(ask("SELECT SourceId, EventIdentifier, Kind, At, EventChannelId, EventCategoryId,"
                " Address, Detail FROM WebhookEvents WHERE ContactId IS NOT NULL"),
            "12|5f2b6d1c9a|game.participation|2026-03-02T09:15:27|3|6|lea.marchand@example.fr|"
            "{\"utm_source\":\"newsletter\",\"utm_medium\":\"email\",\"utm_campaign\":"
            "\"printemps\",\"operation_id\":\"65e2f0a1b4c7d8e9f0a1b2c3\",\"operation_name\":"
            "\"Jeu de printemps\",\"custom_1\":\"Bleu\"}",
            "the event");
    ok(!strstr(dump(), "192.0.2.10"), "the network address is nowhere");
}

/* One row a case: what the data says, and what a query shows. */
static void members(void)
{
    static const struct {
        const char *data;
        const char *sql;
        const char *shown;
    } cases[] = {
        {"\"civility\":\"M\"", "SELECT CivilityId, GenderId FROM Contacts", "1|1"},
        {"\"civility\":\"Mr.\"", "SELECT CivilityId, GenderId FROM Contacts", "1|1"},
        {"\"civility\":1", "SELECT CivilityId, GenderId FROM Contacts", "1|1"},
        {"\"civility\":\"Mme\"", "SELECT CivilityId, GenderId FROM Contacts", "2|2"},
        {"\"civility\":\"MRS\"", "SELECT CivilityId, GenderId FROM Contacts", "2|2"},
        {"\"civility\":\"Mlle\"", "SELECT CivilityId, GenderId FROM Contacts", "3|2"},
        {"\"civility\":\"other\"", "SELECT CivilityId, GenderId FROM Contacts", "NULL|NULL"},
        {"\"birthday\":\"17/05/1990\"", "SELECT BirthDate, BirthDay FROM Contacts",
         "1990-05-17T00:00:00|17"},
        {"\"birthday\":\"7.5.1990\"", "SELECT BirthDate, BirthMonth FROM Contacts",
         "1990-05-07T00:00:00|5"},
        {"\"birthday\":\"29/02/1990\"", "SELECT BirthDate, BirthYear FROM Contacts", "NULL|NULL"},
        {"\"birthday\":\"2999-01-01\"", "SELECT BirthDate FROM Contacts", "NULL"},
        {"\"birthday\":\"1990-05-17 00:00:00\"", "SELECT BirthDate FROM Contacts",
         "1990-05-17T00:00:00"},
        {"\"birthday\":\"1990-05-171\"", "SELECT BirthDate FROM Contacts", "NULL"},
        {"\"birthday\":\"0000-00-00\"", "SELECT BirthDate FROM Contacts", "NULL"},
        {"\"language\":\"fr_FR\"", "SELECT LanguageId FROM Contacts", "fr"},
        {"\"language\":\"french\"", "SELECT LanguageId FROM Contacts", "NULL"},
        {"\"newsletter\":true", "SELECT EmailOptin FROM Addresses", "1"},
        {"\"newsletter\":\"on\"", "SELECT EmailOptin FROM Addresses", "1"},
        {"\"newsletter\":\"oui\"", "SELECT EmailOptin FROM Addresses", "1"},
        {"\"newsletter\":\"non\"", "SELECT EmailOptin FROM Addresses", "0"},
        {"\"newsletter\":\"\"", "SELECT EmailOptin FROM Addresses", "NULL"},
        {"\"newsletter\":\"perhaps\"", "SELECT EmailOptin FROM Addresses", "NULL"},
        {"\"optin_mobile\":\"1\"", "SELECT MobilePhoneOptin FROM Addresses", "NULL"},
        {"\"optin_mobile\":\"1\",\"mobilePhone\":\"0612345678\"",
         "SELECT MobilePhoneOptin, MobilePhoneNumber FROM Addresses", "1|+33612345678"},
        {"\"optin_partner\":\"1\"", "SELECT GlobalPartnerOptin FROM Contacts", "1"},
        {"\"mobilePhone\":\"01 23 45 67 89\"",
         "SELECT HomePhoneNumber, MobilePhoneNumber FROM Addresses", "+33123456789|NULL"},
        {"\"deskPhone\":\"0470123456\",\"country\":\"Belgium\"",
         "SELECT HomePhoneNumber, HomePhoneCountryId, CountryId FROM Addresses",
         "+32470123456|BEL|NULL"},
        {"\"mobilePhone\":\"call me\"", "SELECT MobilePhoneNumber FROM Addresses", "NULL"},
        {"\"city\":\"Nice\"", "SELECT Address4, City FROM Addresses", "NULL|Nice"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *body =
            event_of(0, "r", apr_pstrcat(pool, "\"email\":\"a@b.fr\",", cases[i].data, NULL));

        empty();
        is_text(post(body), NULL, apr_pstrcat(pool, "done: ", cases[i].data, NULL));
        is_text(ask(cases[i].sql), cases[i].shown, cases[i].data);
    }
}

static void identities(void)
{
    static const char *const invalid[] = {"a@b",     "a b@c.fr", "@c.fr",   "a@@c.fr",
                                          "a@c..fr", "a@c.fr,",  "nobody",  ".a@c.fr",
                                          "a@-c.fr", "a@c.fr.",  "<a@c.fr>"};
    size_t i;

    for (i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        empty();
        is_text(post(event_of(0, "r",
                              apr_pstrcat(pool, "\"newsletter\":\"1\",\"email\":\"", invalid[i],
                                          "\",\"mobilePhone\":\"0612345678\"", NULL))),
                NULL, "an invalid mail address is done");
        is_text(ask("SELECT Identifier, Email, EmailOptin FROM ContactIdentifiers, Addresses"),
                "phone:+33612345678|NULL|NULL",
                apr_pstrcat(pool, "as if absent: ", invalid[i], NULL));
    }
    empty();
    is_text(post(event_of(0, "r1",
                          "\"firstname\":\"Ann\",\"deskPhone\":\"0123456789\",\"operation_id\":"
                          "\"op\",\"user_id\":\"u\"")),
            NULL, "neither mail address nor mobile number");
    is_text(ask("SELECT COUNT(*) FROM Contacts"), "0", "no contact");
    is_text(ask("SELECT ContactInterestIdentifier, ContactId FROM ContactInterests"), "op/u|NULL",
            "the participation is kept");
    is_text(ask("SELECT EventIdentifier, ContactId FROM WebhookEvents"), "r1|NULL",
            "with an event");
    is_text(
        post(event_of(1, "r2", "\"email\":\"A@b.fr\",\"operation_id\":\"op\",\"user_id\":\"u\"")),
        NULL, "the next form tells who it is");
    is_text(ask("SELECT COUNT(*), COUNT(ContactId) FROM ContactInterests"), "1|1",
            "the participation is the contact's");
    is_text(post(event_of(2, "r3", "\"email\":\"a@B.fr\",\"user_id\":\"u\"")), NULL,
            "without an operation");
    is_text(ask("SELECT ContactInterestIdentifier FROM ContactInterests ORDER BY 1"), "op/u\nr3",
            "request_id stands for it");
    is_text(ask("SELECT COUNT(*) FROM Contacts"), "1", "mail addresses are compared without case");
    is_text(post(apr_psprintf(pool,
                              "{\"timestamp\":1,\"data\":{\"operation_id\":\"%0200d\",\"user_id\":"
                              "\"%0200d\",\"email\":\"a@b.fr\"}}",
                              1, 2)),
            NULL, "identifiers that are too long together");
    is_text(ask("SELECT COUNT(*) FROM ContactInterests"), "2", "make no participation");
    is_text(ask("SELECT COUNT(*) FROM WebhookEvents"), "4", "but an event");
}

static void consents(void)
{
    empty();
    post(event_of(0, "1", "\"email\":\"a@b.fr\",\"newsletter\":\"1\""));
    post(event_of(9, "2", "\"email\":\"a@b.fr\",\"newsletter\":\"0\",\"optin_partner\":false"));
    is_text(ask("SELECT EmailOptin, GlobalPartnerOptin FROM Addresses, Contacts"), "1|0",
            "a no withdraws nothing, and stands where nobody has said anything");
    post(event_of(5, "3", "\"email\":\"a@b.fr\",\"optin_partner\":\"yes\""));
    is_text(ask("SELECT EmailOptin, GlobalPartnerOptin FROM Addresses, Contacts"), "1|1",
            "a yes counts more than any no");
    post(event_of(20, "4",
                  "\"email\":\"a@b.fr\",\"firstname\":\"Ann\",\"address\":\"1 rue X\",\"zipCode\":"
                  "\"06000\",\"city\":\"Nice\""));
    post(event_of(30, "5",
                  "\"email\":\"a@b.fr\",\"firstname\":\"\",\"address\":\"\",\"zipCode\":\"75001\","
                  "\"city\":\"\",\"mobilePhone\":\"\",\"birthday\":\"\""));
    is_text(ask("SELECT FirstName, Address4, PostCode, City FROM Contacts, Addresses"),
            "Ann|1 rue X|06000|Nice", "what was not filled in erases nothing");
}

static void forms_and_arrays(void)
{
    empty();
    is_text(send_one(&(sent_t){.route = ROUTE,
                               .body = "timestamp=1772442927&request_id=f1&email=a%40b.fr&"
                                       "firstname=L%E9a&operation_id=o&user_id=u&newsletter=on",
                               .headers = {"Content-Type: application/x-www-form-urlencoded"}}),
            NULL, "a form with everything at the root");
    is_text(ask("SELECT FirstName, EmailOptin, ContactInterestIdentifier FROM Contacts, Addresses,"
                " ContactInterests"),
            "Léa|1|o/u", "is read");
    is_text(post(apr_pstrcat(pool, "[", event_of(1, "a", "\"email\":\"a@b.fr\""), ",",
                             event_of(2, "b", "\"email\":\"c@d.fr\""), ",",
                             event_of(3, "b", "\"email\":\"c@d.fr\""), "]", NULL)),
            NULL, "an array of three");
    is_text(ask("SELECT COUNT(*) FROM Contacts"), "2", "two players");
    is_text(ask("SELECT COUNT(*) FROM WebhookEvents"), "3", "one of them told twice");
    is_text(post("[]"), NULL, "an empty array is done");
    empty();
    ok(has(post(apr_pstrcat(pool, "[", event_of(1, "a", "\"email\":\"a@b.fr\""),
                            ",{\"data\":{\"email\":\"x\"}}]", NULL)),
           "reject: participation 2 tells neither who nor what it is: expected request_id"),
       "one that tells nothing is rejected with its place");
    broken_left_nothing("an array with it");
    ok(has(post("{}"), "reject: participation 1"), "so is {}");
    ok(has(post(""), "line 1, column 1: expected a JSON value"), "and nothing");
    ok(has(post("{\"data\":\n {"), "line 2, column 3"), "what is no JSON says where");
    is_text(post("{\"timestamp\":1772442927,\"request_id\":\"w1\",\"event_type\":\"Instant Win!\","
                 "\"data\":{\"email\":\"a@b.fr\"}}"),
            NULL, "another type of event");
    is_text(post("{\"timestamp\":1772442927,\"request_id\":\"w2\",\"event_type\":\"InstantWin\"}"),
            NULL, "and one that is a word");
    is_text(ask("SELECT EventIdentifier, Kind, EventCategoryId FROM WebhookEvents ORDER BY 1"),
            "w1|adictiz.other|7\nw2|adictiz.instantwin|7", "are events");
    is_text(ask("SELECT COUNT(*) FROM Contacts"), "0", "and nothing else");
    post("{\"timestamp\":4070908800,\"data\":{\"email\":\"a@b.fr\",\"newsletter\":1,"
         "\"operation_id\":1,\"user_id\":1}}");
    send_one(&(sent_t){.route = "Mailjet/email/Callback",
                       .body = "{\"event\":\"unsub\",\"time\":1772500001,\"MessageID\":1,"
                               "\"email\":\"a@b.fr\"}"});
    is_text(ask("SELECT EmailOptin FROM Addresses"), "0",
            "a consent of a date to come is withdrawn all the same");
}

#define OP "\"operation_id\":\"op\",\"operation_name\":\"Game\",\"user_id\":\"u\","
#define SENT(text)                                                                                 \
    {                                                                                              \
        .route = ROUTE, .body = text                                                               \
    }

/* Somebody who leaves the number only, in other games with the mail address too. */
static void second_game(void)
{
#define PHONE "\"mobilePhone\":\"0612345678\""
    const sent_t forms[] = {
        SENT(event_of(0, "1", OP "\"email\":\"a@b.fr\",\"firstname\":\"Ann\"," PHONE)),
        SENT(event_of(1, "2", OP "\"email\":\"a@b.fr\",\"optin_mobile\":\"0\"," PHONE)),
        SENT(event_of(2, "3", OP "\"email\":\"a@b\",\"lastname\":\"Bee\"," PHONE)),
        SENT(event_of(90000, "4",
                      "\"operation_id\":\"p\",\"user_id\":\"v\",\"civility\":\"2\"," PHONE)),
        SENT(event_of(90001, "5",
                      "\"operation_id\":\"p\",\"user_id\":\"v\",\"optin_mobile\":\"1\"," PHONE)),
    };

    all_orders_agree(forms, 5, "two games, one of somebody known by the number");
    is_text(ask("SELECT FirstName, LastName, CivilityId, MobilePhoneOptin FROM Contacts,"
                " Addresses"),
            "Ann|Bee|2|1", "are of the same contact");
    is_text(ask("SELECT COUNT(*), COUNT(ContactId) FROM ContactInterests"), "2|2",
            "and two participations");
}

static void orders(void)
{
    const sent_t forms[] = {
        SENT(event_of(0, "1", OP "\"firstname\":\"Ann\",\"custom_1\":\"red\",\"newsletter\":\"\"")),
        SENT(event_of(1, "2",
                      OP "\"firstname\":\"Ann\",\"email\":\"a@b.fr\",\"custom_1\":\"blue\","
                         "\"newsletter\":\"0\",\"optin_partner\":\"0\",\"city\":\"Nice\"")),
        SENT(event_of(2, "3",
                      OP
                      "\"firstname\":\"\",\"lastname\":\"Bee\",\"email\":\"A@b.fr\",\"custom_2\":"
                      "\"x\",\"newsletter\":\"1\",\"address\":\"1 rue X\",\"zipCode\":\"06000\","
                      "\"city\":\"Nice\"")),
        SENT(event_of(2, "4",
                      OP "\"lastname\":\"Bea\",\"email\":\"a@b.fr\",\"custom_1\":\"green\","
                         "\"mobilePhone\":\"0612345678\",\"optin_mobile\":\"1\",\"zipCode\":"
                         "\"75001\"")),
        SENT(event_of(3, "5",
                      "\"operation_id\":\"op\",\"operation_name\":\"Game 2\",\"user_id\":\"u\","
                      "\"email\":\"a@b.fr\",\"newsletter\":\"0\",\"optin_mobile\":\"0\","
                      "\"mobilePhone\":\"0612345678\",\"optin_partner\":\"1\"")),
    };

    all_orders_agree(forms, 5, "the forms of a game");
    is_text(ask("SELECT FirstName, LastName, EmailOptin, MobilePhoneOptin, GlobalPartnerOptin,"
                " Address4, PostCode FROM Contacts, Addresses"),
            strstr(ask("SELECT LastName FROM Contacts"), "Bee") ? "Ann|Bee|1|1|1|1 rue X|06000"
                                                                : "Ann|Bea|1|1|1|1 rue X|06000",
            "they complete each other");
    is_text(ask("SELECT FreeField2, InterestDate FROM ContactInterests"), "x|2026-03-02T09:00:03",
            "and the participation");
    is_text(ask("SELECT COUNT(*) FROM WebhookEvents"), "5", "each form is an event");
    second_game();
}

static void broken(void)
{
    const sent_t like = {.route = ROUTE};
    const char *whole = fixture("adictiz/user-participate.json");

    empty();
    is_number(broken_cut(&like, whole), (long long)strlen(whole) - 1, "all of them are rejected");
    broken_types(&like, whole);
    broken_nested(&like, "[", "]");
    broken_nested(&like, "{\"data\":", "}");
    broken_bytes(&like, whole);
    broken_long(&like, whole, "Marchand");
    broken_long(&like, whole, "lea.marchand");
    broken_long(&like, whole, "9a41c2");
    broken_left_nothing("broken participations");
}

int main(void)
{
    start();
    mapping();
    members();
    identities();
    consents();
    forms_and_arrays();
    orders();
    broken();
    crm_db_close(db);
    return tap_done();
}
