/* The SMS gateways, Primotexto and Smsbox: each event to its row, and to the state and consent of
 * its number. */
#include "handlers/sms.h"
#include "t/unit/report_tools.h"

#define PRIMOTEXTO "Primotexto/Sms/Callback"
#define REPORT "Smsbox/Sms/Callback"
#define ANSWER "Smsbox/Sms/CallbackStop"

static const char *post(const char *body)
{
    return send_one(&(sent_t){.route = PRIMOTEXTO, .body = body});
}

static const char *get(const char *route, const char *query)
{
    return send_one(&(sent_t){.route = route, .query = query});
}

/* ---- numbers and words ---- */

static void numbers(void)
{
    static const struct {
        const char *text;
        const char *international; /* as a gateway writes it that has the country code in front */
        const char *local;
    } cases[] = {
        {"33612345678", "+33612345678", "+33612345678"},
        {"+33612345678", "+33612345678", "+33612345678"},
        {"0033612345678", "+33612345678", "+33612345678"},
        {"0612345678", "+33612345678", "+33612345678"},
        {"612345678", "+612345678", "+33612345678"},
        {"32470123456", "+32470123456", "+32470123456"},
        {"33 6 12 34 56 78", "+33612345678", "+33612345678"},
        {"262692123456", "+262692123456", "+262692123456"},
        {"36180", NULL, NULL},
        {"INFO", NULL, NULL},
        {"3361234567890123456", NULL, NULL},
        {"+", NULL, NULL},
        {"33612345678 33612345679", NULL, NULL},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_text(handler_sms_number(cases[i].text, 1, pool), cases[i].international, cases[i].text);
        is_text(handler_sms_number(cases[i].text, 0, pool), cases[i].local, "not international");
    }
}

static void stop_words(void)
{
    static const struct {
        const char *text;
        int is_word;
        int begins;
    } cases[] = {
        {"STOP", 1, 1},
        {"stop", 1, 1},
        {" Stop! merci", 1, 1},
        {"St\xC3\xB2p", 1, 1},
        {"\xC5\xA0T\xC3\x96P", 1, 1},
        {"sto\xCC\x80p", 1, 1},
        {"stop\xCC\x80", 1, 1},
        {"\xC2\xAB\xC2\xA0STOP\xC2\xA0\xC2\xBB", 1, 1},
        {"\xE2\x80\x9CStop\xE2\x80\x9D", 1, 1},
        {"\xF0\x9F\x98\xA0 STOP", 1, 1},
        {"STOP\xE2\x80\xA6", 1, 1},
        {"STOP36180", 1, 1},
        {"STOP-SMS", 1, 1},
        {"stoppez", 0, 1},
        {"STOP\xC3\xA9", 0, 1},
        {"NON STOP", 0, 0},
        {"1 STOP", 0, 0},
        {"STO", 0, 0},
        {"ST OP", 0, 0},
        {"st\xC3\xA9p", 0, 0},
        {"sT\xF2OP", 0, 0},
        {"merci", 0, 0},
        {"\xC3\x97STOP", 1, 1},
        {"", 0, 0},
        {NULL, 0, 0},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *text = cases[i].text ? cases[i].text : "(none)";

        is_number(handler_sms_says_stop(cases[i].text, 0), cases[i].is_word, text);
        is_number(handler_sms_says_stop(cases[i].text, 1), cases[i].begins, "its beginning");
    }
}

/* ---- Primotexto ---- */

static void primotexto_events(void)
{
    static const struct {
        const char *word;
        const char *event;
        const char *point;
    } cases[] = {
        {"submitted", "sms.submitted|1|3", ""},
        {"sent", "sms.sent|1|3", ""},
        {"delivered", "sms.delivered|1|3", "phone:+33612345678|0|1|NULL"},
        {"Delivered", "sms.delivered|1|3", "phone:+33612345678|0|1|NULL"},
        {"bounced", "sms.failed|1|3", "phone:+33612345678|0|2|NULL"},
        {"unsubscribed", "sms.stop|1|5", "phone:+33612345678|0|NULL|0"},
        {"error", "sms.error|1|3", ""},
        {"opened", "sms.open|1|4", ""},
        {"reply", "sms.reply|1|4", ""},
        {"renamed", "sms.other|1|7", ""},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        empty();
        is_text(post(apr_psprintf(pool,
                                  "{\"event\":\"%s\",\"snapshotId\":386479,\"contact\":"
                                  "{\"identifier\":\"+33612345678\"}}",
                                  cases[i].word)),
                NULL, cases[i].word);
        is_text(ask("SELECT Kind, EventChannelId, EventCategoryId FROM WebhookEvents"),
                cases[i].event, "its event");
        is_text(ask("SELECT Address, Reference, At FROM WebhookEvents"),
                "+33612345678|386479|2026-03-03T01:06:40", "of number, message and arrival");
        is_text(points(), cases[i].point, "what it means for the number");
    }
}

static void primotexto_fixtures(void)
{
    empty();
    is_text(post(fixture("primotexto/sms-callback.json")), NULL, "fixture: delivered");
    is_text(post(fixture("primotexto/sms-callback-reply.json")), NULL, "fixture: reply");
    is_text(events(),
            "sms.delivered|2026-03-03T01:06:40|1|3|+33612345678|386479|"
            "{\"event\":\"delivered\",\"snapshotId\":\"386479\"}\n"
            "sms.reply|2026-03-03T01:06:40|1|4|+33612345678|386479|"
            "{\"event\":\"reply\",\"snapshotId\":\"386479\",\"message\":\"Merci, \xC3\xA0 "
            "bient\xC3\xB4t !\"}",
            "their events");
    is_text(points(), "phone:+33612345678|0|1|NULL", "the number is valid");
    is_text(post(fixture("primotexto/sms-callback-stop.json")), NULL, "fixture: STOP");
    is_text(points(), "phone:+33612345678|0|1|0", "consent is withdrawn");
}

/* Whatever form it comes in. */
static void primotexto_forms(void)
{
    static const sent_t sent[] = {
        {.body = "{\"event\":\"delivered\",\"snapshotId\":\"7\",\"contact\":{\"identifier\":"
                 "\"+33612345678\"},\"date\":1772442927000}"},
        {.body = "[{\"state\":\"DELIVERED\",\"id\":7,\"identifier\":\"0612345678\",\"stateDate\":"
                 "1772442927}]"},
        {.body = "{\"status\":\"delivered\",\"messageId\":\"7\",\"phone\":33612345678,"
                 "\"timestamp\":\"2026-03-02T10:15:27+01:00\"}"},
        {.body = "type=delivered&id=7&from=%2B33612345678&date=1772442927"},
        {.body = "event=delivered&snapshotId=7&number=612345678&date=1772442927",
         .headers = {"Content-Type: application/x-www-form-urlencoded"}},
        {.query = "event=delivered&snapshotId=7&contact.identifier=33612345678&date=1772442927000"},
    };
    const char *first = NULL;
    size_t i;

    for (i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
        sent_t one = sent[i];

        empty();
        one.route = PRIMOTEXTO;
        is_text(send_one(&one), NULL, one.body ? one.body : one.query);
        first = first ? first : points();
        is_text(ask("SELECT Kind, At, Address, Reference FROM WebhookEvents"),
                "sms.delivered|2026-03-02T09:15:27|+33612345678|7", "is read");
        is_text(points(), first, "with its effect");
    }
}

static void primotexto_replies(void)
{
    static const struct {
        const char *text;
        const char *kind;
    } cases[] = {{" stop ", "sms.stop"},
                 {"Stoppez tout", "sms.stop"},
                 {"St\xC3\xB2p", "sms.stop"},
                 {"Ne stop pas", "sms.reply"},
                 {"", "sms.reply"}};
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        empty();
        is_text(post(apr_pstrcat(pool,
                                 "{\"event\":\"reply\",\"snapshotId\":\"7\",\"identifier\":"
                                 "\"+33612345678\",\"replyMessage\":\"",
                                 cases[i].text, "\"}", NULL)),
                NULL, cases[i].text);
        is_text(kinds(), cases[i].kind, "its event");
        is_text(points(),
                strcmp(cases[i].kind, "sms.stop") == 0 ? "phone:+33612345678|0|NULL|0" : "",
                "its effect");
    }
    empty();
    is_text(get(PRIMOTEXTO, "from=33612345678&message=STOP"), NULL, "a text without an event");
    is_text(kinds(), "sms.stop", "is a reply");
    post("{\"event\":\"reply\",\"snapshotId\":\"7\",\"number\":\"+33612345678\",\"text\":\"a\"}");
    post("{\"event\":\"reply\",\"snapshotId\":\"7\",\"number\":\"+33612345678\",\"text\":\"b\"}");
    post("{\"event\":\"reply\",\"snapshotId\":\"7\",\"number\":\"+33612345678\",\"text\":\"b\"}");
    is_text(kinds(), "sms.reply\nsms.reply\nsms.stop", "two replies to one message, one twice");
}

/* A text is not cut inside a character. */
static void long_reply(void)
{
    const char *text = "x";
    int i;

    for (i = 0; i < 600; i++) {
        text = apr_pstrcat(pool, text, "\xC3\xA9", NULL);
    }
    empty();
    post(apr_pstrcat(pool, "{\"event\":\"reply\",\"number\":\"0612345678\",\"text\":\"", text,
                     "\"}", NULL));
    is_text(ask("SELECT Detail FROM WebhookEvents"),
            apr_psprintf(pool, "{\"event\":\"reply\",\"message\":\"%.999s\"}", text),
            "a long reply is cut between its characters");
}

static void primotexto_lacks(void)
{
    empty();
    ok(has(post("{\"snapshotId\":\"7\",\"number\":\"+33612345678\"}"),
           "reject: the event has no name: expected submitted,"),
       "no event is rejected");
    ok(has(post("{\"event\":\"delivered\"}"), "reject: neither message nor number: expected an id"),
       "neither message nor number is rejected");
    ok(has(post("{\"event\":\"unsubscribed\",\"snapshotId\":\"7\"}"),
           "reject: the number that sent STOP is missing"),
       "a STOP without a number is rejected");
    ok(has(get(PRIMOTEXTO, NULL), "the body is empty"), "nothing at all is rejected");
    is_text(kinds(), "", "and nothing written");
    is_text(post("{\"event\":\"delivered\",\"snapshotId\":\"7\"}"), NULL, "one without a number");
    is_text(post("{\"event\":\"bounced\",\"snapshotId\":\"7\",\"number\":\"36180\"}"), NULL,
            "one whose number cannot be read");
    is_text(post("{\"event\":\"unsubscribed\",\"snapshotId\":\"7\",\"number\":\"INFO\"}"), NULL,
            "a STOP likewise");
    is_text(ask("SELECT Kind, Address FROM WebhookEvents ORDER BY 1"),
            "sms.delivered|NULL\nsms.failed|NULL\nsms.stop|NULL", "are events of nobody");
    is_text(points(), "", "without effect");
    empty();
    is_text(post("{\"event\":\"unsubscribed\",\"number\":\"+33612345678\"}"), NULL,
            "a STOP without a message");
    is_text(post("{\"event\":\"unsubscribed\",\"number\":\"+33612345678\"}"), NULL, "and another");
    is_text(kinds(), "sms.stop\nsms.stop", "are two");
    empty();
    is_text(post("[{\"event\":\"delivered\",\"id\":1,\"number\":\"+33612345678\"},5,"
                 "{\"event\":\"bounced\"},{\"event\":\"bounced\",\"id\":2,\"number\":"
                 "\"+33612345679\"}]"),
            NULL, "an array with broken elements is done");
    is_text(kinds(), "sms.delivered\nsms.failed", "but for them");
}

/* ---- Smsbox ---- */

static void smsbox_codes(void)
{
    static const struct {
        int code;
        const char *kind;
        int is_final;
        const char *state;
    } cases[] = {
        {-3, "sms.refunded", 1, ""},    {-2, "sms.other", 0, ""},
        {-1, "sms.unknown", 0, ""},     {0, "sms.delivered", 1, "1|NULL"},
        {1, "sms.failed", 1, ""},       {2, "sms.failed", 1, ""},
        {3, "sms.failed", 1, "3|NULL"}, {4, "sms.failed", 1, ""},
        {5, "sms.failed", 1, ""},       {6, "sms.failed", 1, ""},
        {7, "sms.failed", 1, "2|NULL"}, {8, "sms.failed", 1, "2|NULL"},
        {9, "sms.pending", 0, ""},      {10, "sms.sent", 1, ""},
        {11, "sms.other", 0, ""},       {30, "sms.voice", 0, ""},
        {31, "sms.voice", 1, ""},       {32, "sms.voice", 0, ""},
        {33, "sms.voice", 1, ""},       {34, "sms.voice", 1, ""},
        {35, "sms.voice", 1, ""},       {36, "sms.voice", 1, ""},
        {37, "sms.voice", 1, ""},       {38, "sms.voice", 1, ""},
        {39, "sms.voice", 0, ""},       {40, "sms.other", 0, ""},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *detail = apr_psprintf(pool, "{\"accuse\":%d,", cases[i].code);
        const char *final = cases[i].is_final ? "\"final\":true}" : "\"final\":false}";

        empty();
        is_text(get(REPORT, apr_psprintf(pool,
                                         "numero=33612345678&reference=123&accuse=%d"
                                         "&ts=1772442927",
                                         cases[i].code)),
                NULL, apr_psprintf(pool, "accuse %d", cases[i].code));
        is_text(ask("SELECT Kind, At, EventChannelId, EventCategoryId, Address, Reference"
                    " FROM WebhookEvents"),
                apr_pstrcat(pool, cases[i].kind, "|2026-03-02T09:15:27|1|3|+33612345678|123", NULL),
                "its event");
        ok(has(ask("SELECT Detail FROM WebhookEvents"), detail) &&
               has(ask("SELECT Detail FROM WebhookEvents"), final),
           "its code and finality");
        is_text(ask("SELECT StateId, Optin FROM WebhookPoints"), cases[i].state, "its effect");
    }
}

static void smsbox_fixtures(void)
{
    empty();
    is_text(get(REPORT, fixture("smsbox/sms-callback.txt")), NULL, "fixture: delivered");
    is_text(get(REPORT, fixture("smsbox/sms-callback-invalid.txt")), NULL, "fixture: invalid");
    is_text(get(REPORT, fixture("smsbox/sms-callback-refund.txt")), NULL, "fixture: refund");
    is_text(get(ANSWER, fixture("smsbox/sms-callbackstop.txt")), NULL, "fixture: STOP");
    is_text(events(),
            "sms.delivered|2026-03-02T09:15:27|1|3|+33612345678|123456789012|{\"accuse\":0,"
            "\"means\":\"received by the phone\",\"final\":true,\"cvar\":{\"crmid\":\"42\"}}\n"
            "sms.failed|2026-03-02T09:16:30|1|3|+33612345679|123456789013|{\"accuse\":7,"
            "\"means\":\"number unknown\",\"final\":true}\n"
            "sms.refunded|2026-03-02T09:16:31|1|3|+33612345680|123456789014|{\"accuse\":-3,"
            "\"means\":\"refunded\",\"final\":true}\n"
            "sms.stop|2026-03-02T09:16:40|1|5|+33612345678|123456789012|{\"keyword\":\"STOP\","
            "\"modem\":\"36180\",\"reference\":\"987654321\",\"message\":\"STOP d\xC3\xA9sol"
            "\xC3\xA9\"}",
            "their events");
    is_text(points(), "phone:+33612345678|0|1|0\nphone:+33612345679|0|2|NULL",
            "what they mean for the numbers");
}

static void smsbox_reports(void)
{
    const char *query = "numero=33612345678&reference=123&accuse=0";
    int i;

    empty();
    is_text(send_one(&(sent_t){.route = REPORT,
                               .body = "numero=33612345678&reference=123&accuse=0&ts=1772442927"}),
            NULL, "a report by POST");
    is_text(get(REPORT, "numero=%2B33612345678&reference=124&accuse=+7&ts=1772442928"), NULL,
            "a number with +, a code with a blank");
    is_text(ask("SELECT Kind, Address, Reference FROM WebhookEvents ORDER BY 3"),
            "sms.delivered|+33612345678|123\nsms.failed|+33612345678|124", "are read");
    empty();
    is_text(get(REPORT, apr_pstrcat(pool, query, "&ts=never", NULL)), NULL, "no time");
    is_text(ask("SELECT At FROM WebhookEvents"), "2026-03-03T01:06:40", "is that of the arrival");
    is_text(get(REPORT, "numero=33612345678&reference=123&accuse=0&ts=1772442927"), NULL,
            "the same again");
    is_text(kinds(), "sms.delivered", "adds nothing");
    for (i = 0; i < 30; i++) {
        query = apr_psprintf(pool, "%s&v%d=%d", query, i, i);
    }
    empty();
    is_text(get(REPORT, apr_pstrcat(pool, query, "&ZoneId=3&brandid=2&token=secret", NULL)), NULL,
            "many parameters");
    ok(has(events(), "\"v19\":\"19\"}") && !strstr(events(), "Id") && !strstr(events(), "token"),
       "are kept up to a number, without those of the URL's own: %s", events());
    empty();
    is_text(get(REPORT, "numero=33612345678&reference=1&accuse=0&short=%C3%A9&none=&long="
                        "0123456789012345678901234567890123456789012345678901234567890123456789"
                        "0123456789012345678901234567890123456789012345678901234567890123456789"
                        "0123456789012345678901234567890123456789012345678901234567890123456789"),
            NULL, "a long parameter");
    ok(has(events(), "\"cvar\":{\"short\":\"\xC3\xA9\"}}"), "is left out: %s", events());
}

static void smsbox_lacks(void)
{
    static const struct {
        const char *route;
        const char *query;
        const char *reason;
    } cases[] = {
        {REPORT, NULL, "the body is empty, and the URL has no parameters"},
        {REPORT, "reference=1&accuse=0", "the parameter numero is missing: expected"},
        {REPORT, "numero=&reference=1&accuse=0", "the parameter numero is missing: expected"},
        {REPORT, "numero=33612345678&accuse=0", "the parameter reference is missing: expected"},
        {REPORT, "numero=33612345678&reference=1", "the parameter accuse is missing or no code"},
        {REPORT, "numero=33612345678&reference=1&accuse=", "the parameter accuse"},
        {REPORT, "numero=33612345678&reference=1&accuse=zero", "the parameter accuse"},
        {REPORT, "numero=33612345678&reference=1&accuse=0x", "the parameter accuse"},
        {REPORT, "numero=33612345678&reference=1&accuse=-", "the parameter accuse"},
        {REPORT, "numero=33612345678&reference=1&accuse=99999", "the parameter accuse"},
        {ANSWER, "keyword=STOP&reference=1", "the parameter numero is missing: expected"},
    };
    size_t i;

    empty();
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *reason = get(cases[i].route, cases[i].query);

        ok(has(reason, "reject: ") && has(reason, cases[i].reason), "%s: %s",
           cases[i].query ? cases[i].query : "nothing", reason ? reason : "done");
    }
    ok(has(send_one(&(sent_t){.route = REPORT, .body = "<xml/>"}), "the body is no form"),
       "a body that is no form is rejected");
    is_text(kinds(), "", "nothing was written");
    is_text(get(REPORT, "numero=INFO&reference=1&accuse=7&ts=1772442927"), NULL,
            "a number that cannot be read");
    is_text(get(ANSWER, "numero=36180&reference=1&keyword=STOP&ts=1772442928"), NULL, "a STOP too");
    is_text(ask("SELECT Kind, Address FROM WebhookEvents ORDER BY 1"),
            "sms.failed|NULL\nsms.stop|NULL", "is an event of nobody");
    is_text(points(), "", "without effect");
}

static void smsbox_answers(void)
{
    static const struct {
        const char *query;
        const char *kind;
        const char *text;
    } cases[] = {
        {"keyword=STOP&message=STOP", "sms.stop", "STOP"},
        {"keyword=stop&message=", "sms.stop", NULL},
        {"keyword=&message=", "sms.stop", NULL},
        {"modem=36180", "sms.stop", NULL},
        {"keyword=&message=Stop+merci", "sms.stop", "Stop merci"},
        {"keyword=&message=st%F2p&charset=ISO-8859-1", "sms.stop", "st\xC3\xB2p"},
        {"keyword=&message=st%F2p", "sms.stop", "st\xC3\xB2p"},
        {"keyword=&message=st%C3%B2p&charset=UTF-8", "sms.stop", "st\xC3\xB2p"},
        {"keyword=ST%D2P&charset=iso-8859-15", "sms.stop", NULL},
        {"keyword=Info&message=STOP", "sms.stop", "STOP"},
        {"keyword=STOP&message=autre", "sms.stop", "autre"},
        {"keyword=MERCI&message=Merci%20%A4&charset=ISO-8859-15", "sms.reply",
         "Merci \xE2\x82\xAC"},
        {"keyword=STOPPER&message=stopper", "sms.reply", "stopper"},
        {"keyword=NON&message=non+stop", "sms.reply", "non stop"},
        {"keyword=&message=%F0%9F%91%8D", "sms.reply", "\xF0\x9F\x91\x8D"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int stops = strcmp(cases[i].kind, "sms.stop") == 0;
        const char *detail;

        empty();
        is_text(get(ANSWER, apr_pstrcat(pool,
                                        "numero=33612345678&reference=9&ts=1772443000&"
                                        "link_reference=12&",
                                        cases[i].query, NULL)),
                NULL, cases[i].query);
        is_text(ask("SELECT Kind, At, Address, Reference, EventCategoryId FROM WebhookEvents"),
                apr_pstrcat(pool, cases[i].kind, "|2026-03-02T09:16:40|+33612345678|12|",
                            stops ? "5" : "4", NULL),
                "its event");
        is_text(points(), stops ? "phone:+33612345678|0|NULL|0" : "", "its effect");
        detail = ask("SELECT Detail FROM WebhookEvents");
        ok(!cases[i].text ||
               has(detail, apr_pstrcat(pool, "\"message\":\"", cases[i].text, "\"", NULL)),
           "its text: %s", detail);
    }
    empty();
    is_text(get(ANSWER, "numero=33612345678&keyword=Oui&message=Oui&ts=1772443000&link_reference="),
            NULL, "an answer without its id");
    is_text(get(ANSWER, "numero=33612345678&keyword=Oui&message=Oui&ts=1772443001"), NULL,
            "and another");
    is_text(ask("SELECT Kind, Reference FROM WebhookEvents"), "sms.reply|NULL\nsms.reply|NULL",
            "are two, to no message");
}

static void brands(void)
{
    static const char customer[] = "{\"id\":1,\"phone\":\"0612345678\",\"updated_at\":"
                                   "\"2026-03-01T09:00:00Z\",\"sms_marketing_consent\":"
                                   "{\"state\":\"subscribed\"}}";

    empty();
    send_one(&(sent_t){.route = SHOP, .body = customer, .brand_id = 1});
    send_one(&(sent_t){.route = SHOP, .body = customer, .brand_id = 2});
    send_one(&(sent_t){.route = ANSWER,
                       .query = "numero=33612345678&reference=9&ts=1772443000&keyword=STOP",
                       .brand_id = 1});
    send_one(&(sent_t){.route = PRIMOTEXTO,
                       .body = "{\"event\":\"bounced\",\"id\":1,\"number\":\"0612345678\"}",
                       .brand_id = 2});
    is_text(ask("SELECT BrandId, MobilePhoneOptin, MobilePhoneStateId FROM Addresses ORDER BY 1"),
            "1|0|2\n2|1|2", "a STOP is of its brand, a state of all");
    section->default_brand_id = 1;
    post("{\"event\":\"unsubscribed\",\"id\":2,\"number\":\"0612345678\"}");
    section->default_brand_id = 0;
    is_text(ask("SELECT BrandId, MobilePhoneOptin, MobilePhoneStateId FROM Addresses ORDER BY 1"),
            "1|0|2\n2|0|2", "a STOP without a brand is of all, whatever the default");
}

/* A query, and a form, cut at every byte. */
static void cut_parameters(const char *route, const char *whole)
{
    size_t length = strlen(whole), i;
    int sound = 0;

    for (i = 0; i < length; i++) {
        const char *part = apr_pstrmemdup(pool, whole, i);

        sound += is_sound(get(route, part));
        sound += is_sound(send_one(&(sent_t){.route = route, .body = part}));
    }
    is_number(sound, 2 * (long long)length, "queries and forms cut anywhere are survived");
}

static void broken(void)
{
    crm360_log_set(tools_log, NULL, CRM360_LOG_ERROR);
    never_an_event(PRIMOTEXTO, 1);
    cut_anywhere(PRIMOTEXTO, fixture("primotexto/sms-callback-reply.json"));
    is_text(kinds(), "", "and leaves nothing");
    any_type(PRIMOTEXTO, fixture("primotexto/sms-callback-reply.json"));
    any_type(PRIMOTEXTO, "{\"event\": \"delivered\", \"id\": 1, \"number\": \"0612345678\", "
                         "\"date\": 1772442927}");
    long_member(PRIMOTEXTO, "{\"event\":\"reply\",\"number\":\"0612345678\",\"text\":\"", "\"}");
    long_member(PRIMOTEXTO, "{\"event\":\"sent\",\"snapshotId\":\"", "\"}");
    long_member(PRIMOTEXTO, "{\"event\":\"sent\",\"number\":\"", "\"}");
    long_member(ANSWER, "numero=33612345678&message=", "");
    long_member(REPORT, "numero=33612345678&accuse=0&own=1&reference=", "");
    long_member(REPORT, "reference=1&accuse=0&numero=33612345678&own=", "");
    cut_parameters(REPORT, fixture("smsbox/sms-callback.txt"));
    cut_parameters(ANSWER, fixture("smsbox/sms-callbackstop.txt"));
    is_text(send_one(&(sent_t){.route = ANSWER,
                               .body = "numero=33612345678&message=a\0%00\xFF\xFE&ts=1772443000",
                               .length = 48}),
            NULL, "a form with NULs and bytes of no charset is done");
}

int main(void)
{
    start();
    numbers();
    stop_words();
    primotexto_events();
    primotexto_fixtures();
    primotexto_forms();
    primotexto_replies();
    long_reply();
    primotexto_lacks();
    smsbox_codes();
    smsbox_fixtures();
    smsbox_reports();
    smsbox_lacks();
    smsbox_answers();
    brands();
    broken();
    crm_db_close(db);
    return tap_done();
}
