/* Mailjet: each event to its row, and to the state and consent of its address. */
#include "t/unit/report_tools.h"

#define ROUTE "Mailjet/email/Callback"
#define MAIL "\"MessageID\":576460777283914763,\"email\":\"lea@example.fr\""

static const char *post(const char *body)
{
    return send_one(&(sent_t){.route = ROUTE, .body = body});
}

#define COMMON                                                                                     \
    "\"MessageID\":\"576460777283914763\",\"Message_GUID\":"                                       \
    "\"5c1d8e9a-3b17-4f0e-9a61-20f3c8e7d415\",\"CustomID\":\"CRM-000123\","                        \
    "\"customcampaign\":\"bienvenue-2026\",\"mj_campaign_id\":\"7257\""
#define PAYLOAD ",\"Payload\":\"{\\\"ContactId\\\":132}\""

static void fixtures(void)
{
    static const struct {
        const char *file;
        const char *events;
        const char *points;
    } cases[] = {
        {"sent",
         "email.sent|2026-03-02T09:15:27|2|3|lea.marchand@example.fr|CRM-000123|{" COMMON PAYLOAD
         ",\"smtp_reply\":\"sent (250 2.0.0 OK)\"}",
         "email:lea.marchand@example.fr|0|1|NULL"},
        {"open",
         "email.open|2026-03-02T09:18:20|2|4|lea.marchand@example.fr|CRM-000123|{" COMMON PAYLOAD
         "}",
         ""},
        {"click",
         "email.click|2026-03-02T09:19:20|2|4|lea.marchand@example.fr|CRM-000123|{" COMMON PAYLOAD
         ",\"url\":\"https://boutique.example.fr/soldes?u=132&utm_source=mail\"}",
         ""},
        {"blocked",
         "email.blocked|2026-03-02T09:15:31|2|3|bloque@example.fr|CRM-000123|{" COMMON PAYLOAD
         ",\"error_related_to\":\"mailjet\",\"error\":\"preblocked\"}",
         "email:bloque@example.fr|0|2|NULL"},
        {"spam",
         "email.spam|2026-03-02T11:13:20|2|5|lea.marchand@example.fr|CRM-000123|{" COMMON PAYLOAD
         ",\"source\":\"JMRPP\"}",
         "email:lea.marchand@example.fr|0|4|0"},
        {"unsub",
         "email.unsub|2026-03-02T11:18:20|2|5|lea.marchand@example.fr|CRM-000123|{" COMMON
         ",\"mj_list_id\":\"4\"" PAYLOAD "}",
         "email:lea.marchand@example.fr|0|NULL|0"},
        {"",
         "email.bounce|2026-03-02T09:15:30|2|3|inconnu@example.fr|CRM-000124|{\"MessageID\":"
         "\"576460777283914764\",\"Message_GUID\":\"d2a0f1f4-8b1e-4d65-8a4f-0f6f5d1c0b22\","
         "\"CustomID\":\"CRM-000124\",\"customcampaign\":\"bienvenue-2026\",\"mj_campaign_id\":"
         "\"7257\",\"error_related_to\":\"recipient\",\"error\":\"user unknown\",\"comment\":"
         "\"550 5.1.1 <inconnu@example.fr>: no such \\\"user\\\" here\",\"hard_bounce\":true,"
         "\"blocked\":false}",
         "email:inconnu@example.fr|0|2|NULL"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *name = apr_pstrcat(pool, "mailjet/email-callback", *cases[i].file ? "-" : "",
                                       cases[i].file, ".json", NULL);

        empty();
        is_text(post(fixture(name)), NULL, name);
        is_text(events(), cases[i].events, "its event");
        is_text(points(), cases[i].points, "what it means for the address");
    }
}

/* The five of the group, of whom the customer is known by then. */
static void grouped(void)
{
    const char *together;

    empty();
    is_text(send_one(&(sent_t){.route = SHOP,
                               .body = "{\"id\":1,\"email\":\"Lea.Marchand@example.fr\","
                                       "\"updated_at\":\"2026-03-02T09:00:00Z\","
                                       "\"email_marketing_consent\":{\"state\":\"subscribed\"}}"}),
            NULL, "a customer");
    is_text(post(fixture("mailjet/email-callback-grouped.json")), NULL, "a group");
    is_text(ask("SELECT Kind, ContactId IS NULL FROM WebhookEvents ORDER BY At, Kind"),
            tools_pgsql()
                ? "email.bounce|t\nemail.sent|f\nemail.open|f\nemail.click|f\nemail.unsub|f"
                : "email.bounce|1\nemail.sent|0\nemail.open|0\nemail.click|0\n"
                  "email.unsub|0",
            "its five events, four are the customer's");
    is_text(ask("SELECT EmailStateId, EmailOptin FROM Addresses"), "1|0",
            "the customer wants no more");
    is_text(points(), "email:lea.marchand@example.fr|0|1|0",
            "a bounce that is not for good says nothing");
    ok(!strstr(dump(), "192.0.2.10") && !strstr(dump(), "Mozilla") && !strstr(dump(), "2001:db8"),
       "nothing is kept of the reader's machine");
    together = dump();
    is_text(post(fixture("mailjet/email-callback-sent.json")), NULL, "one of them alone");
    is_text(post(fixture("mailjet/email-callback-open.json")), NULL, "another");
    is_text(post(fixture("mailjet/email-callback-unsub.json")), NULL, "and another");
    /* The url of the one that is sent alone is escaped otherwise. */
    is_text(post(fixture("mailjet/email-callback-click.json")), NULL, "and the click");
    is_text(dump(), together, "change nothing");
}

static void failures(void)
{
    /* What a hard bounce, a soft one and a blocked message with these words mean: state and
     * consent. */
    static const struct {
        const char *related_to;
        const char *error;
        const char *hard;
        const char *blocked;
    } cases[] = {
        {"recipient", "user unknown", "2|NULL", "2|NULL"},
        {"Recipient", "User Unknown", "2|NULL", "2|NULL"},
        {"recipient", "mailbox inactive", "2|NULL", ""},
        {"recipient", "quota exceeded", "", ""},
        {"recipient", "blacklisted", "3|0", "3|0"},
        {"recipient", "spam reporter", "4|0", "4|0"},
        {"recipient", "something new", "2|NULL", ""},
        {"domain", "invalid domain", "2|NULL", "2|NULL"},
        {"domain", "no mail host", "2|NULL", "2|NULL"},
        {"domain", "typofix", "2|NULL", "2|NULL"},
        {"domain", "relay/access denied", "", ""},
        {"domain", "greylisted", "", ""},
        {"content", "bad or empty template", "", ""},
        {"content", "error in template language", "", ""},
        {"content", "something new", "", ""},
        {"content", "", "", ""},
        {"spam", "sender blocked", "", ""},
        {"spam", "content blocked", "", ""},
        {"spam", "policy issue", "", ""},
        {"policy issue", "", "", ""},
        {"system", "system issue", "", ""},
        {"system", "protocol issue", "", ""},
        {"system", "connection issue", "", ""},
        {"mailjet", "preblocked", "2|NULL", "2|NULL"},
        {"mailjet", "duplicate in campaign", "", ""},
        {"", "", "2|NULL", ""},
        {"", "user unknown", "2|NULL", ""},
        {"something new", "", "2|NULL", ""},
    };
    static const char *const events_of[] = {
        "\"event\":\"bounce\",\"hard_bounce\":true", "\"event\":\"bounce\",\"hard_bounce\":false",
        "\"event\":\"bounce\",\"blocked\":true", "\"event\":\"blocked\""};
    size_t i, k;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (k = 0; k < 4; k++) {
            empty();
            is_text(post(apr_psprintf(pool,
                                      "{%s,\"time\":1772442927," MAIL
                                      ",\"error_related_to\":\"%s\",\"error\":\"%s\"}",
                                      events_of[k], cases[i].related_to, cases[i].error)),
                    NULL, "a failure");
            is_text(ask("SELECT StateId, Optin FROM WebhookPoints"),
                    k == 0   ? cases[i].hard
                    : k == 3 ? cases[i].blocked
                             : "",
                    apr_psprintf(pool, "%s: %s / %s", events_of[k], cases[i].related_to,
                                 cases[i].error));
        }
    }
}

static void messages(void)
{
    static const struct {
        const char *members;
        const char *reference;
        const char *id;
    } cases[] = {
        {"\"MessageID\":576460777283914763", "576460777283914763", "576460777283914763"},
        {"\"MessageID\":\"18446744073709551617\"", "18446744073709551617", "18446744073709551617"},
        {"\"MessageID\":5.764607772839148e17,\"mj_message_id\":\"576460777283914763\"",
         "576460777283914763", "576460777283914763"},
        {"\"MessageID\":576460777283914752,\"mj_message_id\":\"576460777283914763\"",
         "576460777283914763", "576460777283914763"},
        {"\"MessageID\":7,\"mj_message_id\":\"0\"", "7", "7"},
        {"\"MessageID\":7,\"mj_message_id\":\"\"", "7", "7"},
        {"\"MessageID\":7,\"Message_GUID\":\"a-b\"", "a-b", "7"},
        {"\"MessageID\":7,\"Message_GUID\":\"a-b\",\"CustomID\":\" \"", "a-b", "7"},
        {"\"MessageID\":7,\"Message_GUID\":\"a-b\",\"CustomID\":\"c\"", "c", "7"},
        {"\"Message_GUID\":\"a-b\"", "a-b", "a-b"},
        {"\"MessageID\":0,\"Message_GUID\":null,\"CustomID\":\"\"", "NULL", "-"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        empty();
        is_text(post(apr_psprintf(pool, "{\"event\":\"open\",\"time\":1772442927,%s}",
                                  cases[i].members)),
                NULL, cases[i].members);
        is_text(
            ask("SELECT Reference, EventIdentifier FROM WebhookEvents"),
            apr_psprintf(pool, "%s|mailjet:open:%s:1772442927::", cases[i].reference, cases[i].id),
            "its message");
    }
}

/* What tells events apart, and what does not. */
static void which_event(void)
{
    empty();
    post("{\"event\":\"click\",\"time\":1772442927," MAIL ",\"url\":\"https://a.example/1\"}");
    post("{\"event\":\"click\",\"time\":1772442927," MAIL ",\"url\":\"https:\\/\\/a.example/1\"}");
    is_text(kinds(), "email.click", "the same click twice");
    post("{\"event\":\"click\",\"time\":1772442927," MAIL ",\"url\":\"https://a.example/2\"}");
    post("{\"event\":\"click\",\"time\":1772442928," MAIL ",\"url\":\"https://a.example/2\"}");
    is_text(kinds(), "email.click\nemail.click\nemail.click", "another link, another second");
    empty();
    post("[{\"event\":\"unsub\",\"time\":1772442927," MAIL ",\"mj_list_id\":4},"
         "{\"event\":\"unsub\",\"time\":1772442927," MAIL ",\"mj_list_id\":5},"
         "{\"event\":\"open\",\"time\":1772442927," MAIL "}]");
    is_text(kinds(), "email.open\nemail.unsub\nemail.unsub", "two lists, and an open");
}

static void odd_ones(void)
{
    empty();
    is_text(post("{\"event\":\"open\",\"time\":1772442927,\"MessageID\":0,\"email\":\"\"}"), NULL,
            "the test button is done");
    is_text(post("{\"event\":\"unsub\",\"time\":1772442927,\"MessageID\":0,\"email\":\"\"}"), NULL,
            "of each kind");
    is_text(ask("SELECT Kind, Address, ContactId, Reference FROM WebhookEvents ORDER BY 1"),
            "email.open|NULL|NULL|NULL\nemail.unsub|NULL|NULL|NULL", "as events of nobody");
    is_text(points(), "", "without effect");
    empty();
    is_text(post("{\"event\":\"renamed\",\"time\":1772442927," MAIL "}"), NULL,
            "an unknown event is done");
    is_text(events(),
            "email.other|2026-03-02T09:15:27|2|7|lea@example.fr|576460777283914763|"
            "{\"event\":\"renamed\",\"MessageID\":\"576460777283914763\"}",
            "kept as such");
    is_text(points(), "", "without effect");
    empty();
    is_text(post("{\"event\":\"UNSUB\",\"time\":\"never\"," MAIL "}"), NULL, "one without a time");
    is_text(ask("SELECT Kind, At FROM WebhookEvents"), "email.unsub|2026-03-03T01:06:40",
            "is of its arrival");
    is_text(points(), "email:lea@example.fr|0|NULL|0", "with its effect");
    empty();
    is_text(post("[{\"event\":\"open\",\"time\":1772442927," MAIL "},7,null,[],\"a\",{},"
                 "{\"event\":7},{\"time\":1772442927},"
                 "{\"event\":\"spam\",\"time\":1772442928," MAIL "}]"),
            NULL, "an array with broken elements is done");
    is_text(kinds(), "email.open\nemail.spam\nemail.other", "but for them");
    is_text(points(), "email:lea@example.fr|0|4|0", "and has its effects");
    empty();
    ok(has(post("[{},{\"time\":1}]"), "no event can be read; number 1: the event has no name"),
       "an array in which none can be read is rejected");
    ok(has(post("{\"time\":1772442927}"), "reject: the event has no name: expected sent, open,"),
       "an object without a name too");
    is_text(post("{\"event\":\"bounce\",\"hard_bounce\":true,\"time\":1772442927,\"MessageID\":7,"
                 "\"email\":\"no address\"}"),
            NULL, "a bounce of what is no address");
    is_text(ask("SELECT Kind, Address FROM WebhookEvents"), "email.bounce|NULL",
            "is an event only");
}

/* A withdrawal that came with a brand is of that brand; a state is of all. */
static void brands(void)
{
    static const char customer[] = "{\"id\":1,\"email\":\"lea@example.fr\",\"updated_at\":"
                                   "\"2026-03-01T09:00:00Z\",\"email_marketing_consent\":"
                                   "{\"state\":\"subscribed\"}}";

    empty();
    send_one(&(sent_t){.route = SHOP, .body = customer, .brand_id = 1});
    send_one(&(sent_t){.route = SHOP, .body = customer, .brand_id = 2});
    send_one(&(sent_t){.route = ROUTE,
                       .body = "{\"event\":\"spam\",\"time\":1772442927," MAIL "}",
                       .brand_id = 2});
    is_text(ask("SELECT BrandId, EmailOptin, EmailStateId FROM Addresses ORDER BY 1"),
            "1|1|4\n2|0|4", "a complaint within a brand");
    /* The section's default brand does not limit a withdrawal. */
    section->default_brand_id = 2;
    post("{\"event\":\"unsub\",\"time\":1772442928," MAIL "}");
    section->default_brand_id = 0;
    is_text(ask("SELECT BrandId, EmailOptin, EmailStateId FROM Addresses ORDER BY 1"),
            "1|0|4\n2|0|4", "an unsubscription without one");
}

/* What comes later, and what stays. */
static void later(void)
{
    static const struct {
        const char *bodies[2];
        const char *state;
        const char *what;
    } cases[] = {
        {{"{\"event\":\"bounce\",\"hard_bounce\":true,\"time\":1772442927," MAIL "}",
          "{\"event\":\"sent\",\"time\":1772442928," MAIL "}"},
         "1|NULL",
         "accepted after a bounce: valid again"},
        {{"{\"event\":\"sent\",\"time\":1772442927," MAIL "}",
          "{\"event\":\"bounce\",\"hard_bounce\":true,\"time\":1772442927," MAIL "}"},
         "2|NULL",
         "both in one second: it bounced"},
        {{"{\"event\":\"spam\",\"time\":1772442927," MAIL "}",
          "{\"event\":\"sent\",\"time\":1772442928," MAIL "}"},
         "4|0",
         "accepted after a complaint: it stays"},
        {{"{\"event\":\"spam\",\"time\":1772442927," MAIL "}",
          "{\"event\":\"bounce\",\"hard_bounce\":true,\"time\":1772442928," MAIL "}"},
         "4|0",
         "bounced after a complaint: it stays"},
    };
    size_t i;
    int backwards;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (backwards = 0; backwards < 2; backwards++) {
            empty();
            post(cases[i].bodies[backwards]);
            post(cases[i].bodies[!backwards]);
            is_text(ask("SELECT StateId, Optin FROM WebhookPoints"), cases[i].state, cases[i].what);
        }
    }
    /* Consent, unlike the complaint, can be given again. */
    send_one(&(sent_t){.route = SHOP,
                       .body = "{\"id\":1,\"email\":\"lea@example.fr\",\"updated_at\":"
                               "\"2026-03-04T00:00:00Z\",\"email_marketing_consent\":{\"state\":"
                               "\"subscribed\",\"consent_updated_at\":\"2026-03-04T00:00:00Z\"}}"});
    is_text(ask("SELECT EmailStateId, EmailOptin FROM Addresses"), "4|1", "consent given anew");
}

static void broken(void)
{
    crm360_log_set(tools_log, NULL, CRM360_LOG_ERROR);
    never_an_event(ROUTE, 0);
    ok(has(send_one(&(sent_t){.route = ROUTE}), "line 1, column 1: expected a JSON value"),
       "no body is rejected");
    cut_anywhere(ROUTE, fixture("mailjet/email-callback-click.json"));
    cut_anywhere(ROUTE, fixture("mailjet/email-callback-grouped.json"));
    is_text(kinds(), "", "and leaves nothing");
    any_type(ROUTE, fixture("mailjet/email-callback.json"));
    any_type(ROUTE, fixture("mailjet/email-callback-grouped.json"));
    long_member(ROUTE, "{\"event\":\"click\",\"time\":1772442927," MAIL ",\"url\":\"", "\"}");
    long_member(ROUTE, "{\"event\":\"open\",\"time\":1772442927," MAIL ",\"CustomID\":\"", "\"}");
    long_member(ROUTE, "{\"event\":\"", "\",\"time\":1772442927," MAIL "}");
    empty();
    is_text(post("{\"event\":\"bounce\",\"time\":1772442927," MAIL ",\"comment\":\"bo\xEEte\"}"),
            NULL, "a comment in Latin-1");
    ok(has(events(), "\"comment\":\"bo\xC3\xAEte\""), "is read as such");
}

int main(void)
{
    start();
    fixtures();
    grouped();
    failures();
    messages();
    which_event();
    odd_ones();
    brands();
    later();
    broken();
    crm_db_close(db);
    return tap_done();
}
