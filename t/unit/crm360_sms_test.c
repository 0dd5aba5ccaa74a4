/*
 * Crm360/Sms/Send: which bodies make an SMS and which are refused and why, whose consent counts,
 * what follows from the gateway's answer, and how its reports find the message again.
 */
#include "outbound/sms.h"
#include "t/unit/handler_tools.h"

#define ROUTE "Crm360/Sms/Send"

static crm360_provider_t primotexto = {.kind = "primotexto", .secret = "k"};
static crm360_provider_t smsbox = {.kind = "smsbox", .secret = "k", .sender = "SHOP"};

static const handler_t *handler;
static crm360_message_t *message; /* the last one */
static handler_send_t *prepared;
static handler_context_t context;

/* Has a command prepared, as the worker does. NULL when it is to be sent, else "reject: ...". */
static const char *prepare_sent(const sent_t *sent)
{
    handler_result_t result;
    apr_status_t rv;

    message = message_of(sent);
    handler = handler_find(message);
    context.db = db;
    context.database = section;
    if (crm_db_begin(db) != APR_SUCCESS) {
        return crm_db_error(db);
    }
    rv = handler_prepare(&result, &prepared, handler, message, &context, pool);
    if (rv == APR_SUCCESS) {
        rv = crm_db_commit(db);
    }
    else {
        crm_db_rollback(db);
    }
    /* Nothing that is prepared may point into it. */
    free((void *)message->body);
    message->body = NULL;
    if (rv != APR_SUCCESS) {
        return apr_psprintf(pool, "status %d: %s", rv, crm_db_error(db));
    }
    return result.verdict == HANDLER_DONE     ? NULL
           : result.verdict == HANDLER_REJECT ? apr_pstrcat(pool, "reject: ", result.reason, NULL)
                                              : "neither done nor rejected";
}

static const char *prepare(const char *body)
{
    return prepare_sent(&(sent_t){.route = ROUTE, .body = body});
}

static const outbound_sms_t *sms(void)
{
    return prepared->job; /* its first member */
}

/* ---- bodies ---- */

static void documented(void)
{
    static const struct {
        const char *file;
        const char *number;
        const char *text;
        const char *detail;
    } cases[] = {
        {"crm360/sms-send.json", "+33612345678",
         "Votre commande est pr\xC3\xAAte : \xC3\xA0 bient\xC3\xB4t !",
         "{\"encoding\":\"UCS-2\",\"units\":38,\"segments\":1,\"sender\":\"CRM360\"}"},
        {"crm360/sms-send-lenient.txt", "+33600000000", "Mon SMS",
         "{\"encoding\":\"GSM-7\",\"units\":7,\"segments\":1,\"sender\":\"CRM360\"}"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_text(prepare(fixture(cases[i].file)), NULL, cases[i].file);
        is_text(sms()->number, cases[i].number, "  its number");
        is_text(prepared->record.recipient, cases[i].number, "  is the recipient");
        is_text(sms()->text, cases[i].text, "  its text");
        is_text(sms()->sender, "CRM360", "  its sender");
        is_number(sms()->is_marketing, 0, "  it is transactional");
        is_text(sms()->id, message->id, "  its id");
        is_text(prepared->record.detail, cases[i].detail, "  its detail");
        is_text(prepared->record.kind, "sms", "  its kind");
        is_text(prepared->record.provider, "outbox", "  its provider");
        is_number(prepared->record.contact_id, 0, "  nobody has the number");
    }
}

/* A body of the fields given, in the order number, country, sender, message, category; NULL = not
 * there. Each is JSON. */
static const char *body_of(const char *number, const char *country, const char *sender,
                           const char *text, const char *category)
{
    const char *const names[] = {"MobilePhoneNumber", "MobilePhoneCountryIso3", "Sender", "Message",
                                 "Crm360EventCategoryId"};
    const char *const values[] = {number, country, sender, text, category};
    const char *body = "{\"Crm360EventChannelId\": 1";
    int i;

    for (i = 0; i < 5; i++) {
        if (values[i]) {
            body = apr_pstrcat(pool, body, ", \"", names[i], "\": ", values[i], NULL);
        }
    }
    return apr_pstrcat(pool, body, "}", NULL);
}

static void numbers(void)
{
    static const struct {
        const char *number;
        const char *country;
        const char *want; /* E.164, or a part of the reason */
    } cases[] = {
        {"\"0612345678\"", "\"FRA\"", "+33612345678"},
        {"\"06 12 34 56 78\"", "\"fra\"", "+33612345678"},
        {"612345678", "\"FRA\"", "+33612345678"},
        {"33612345678", "\"FRA\"", "+33612345678"},
        {"\"0612345678\"", NULL, "+33612345678"},
        {"\"0612345678\"", "\"\"", "+33612345678"},
        {"\"0612345678\"", "\"FR\"", "+33612345678"},
        {"\"0612345678\"", "250", "+33612345678"},
        {"\"0470123456\"", "\"BEL\"", "+32470123456"},
        {"\"+32470123456\"", "\"FRA\"", "+32470123456"},
        {"\"0032470123456\"", "\"FRA\"", "+32470123456"},
        {"\"0690123456\"", "\"FRA\"", "+590690123456"},
        {"\"+819012345678\"", "\"JPN\"", "+819012345678"},
        {"\"09012345678\"", "\"JPN\"", "MobilePhoneNumber is no number that can be dialled"},
        {"\"0612345678\"", "\"JPN\"", "MobilePhoneCountryIso3 names no country"},
        {"\"0612345678\"", "\"Fr%0a\"", "MobilePhoneCountryIso3 names no country"},
        {"\"0612345678\"", "[]", "MobilePhoneCountryIso3 must be a text"},
        {"\"0123456789\"", "\"FRA\"", "MobilePhoneNumber is a fixed line"},
        {"\"+33123456789\"", "\"FRA\"", "MobilePhoneNumber is a fixed line"},
        {"\"07001234567890\"", "\"FRA\"", "MobilePhoneNumber is no number that can be dialled"},
        {"\"061234567\"", "\"FRA\"", "MobilePhoneNumber is no number that can be dialled"},
        {"\"0612345678,0612345679\"", "\"FRA\"", "MobilePhoneNumber is no number"},
        {"\"0612345678&dest=33600000000\"", "\"FRA\"", "MobilePhoneNumber"},
        {"\"0612345678\\n33600000000\"", "\"FRA\"", "MobilePhoneNumber"},
        {"\"ann\"", "\"FRA\"", "MobilePhoneNumber must be a phone number"},
        {"\"\"", "\"FRA\"", "MobilePhoneNumber is missing or empty"},
        {"null", "\"FRA\"", "MobilePhoneNumber is missing or empty"},
        {NULL, "\"FRA\"", "MobilePhoneNumber is missing or empty"},
        {"true", "\"FRA\"", "MobilePhoneNumber must be a phone number"},
        {"[\"0612345678\"]", "\"FRA\"", "MobilePhoneNumber must be a phone number"},
        {"6.12345678e8", "\"FRA\"", "MobilePhoneNumber"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *reason =
            prepare(body_of(cases[i].number, cases[i].country, NULL, "\"Mon SMS\"", "\"1\""));

        if (cases[i].want[0] == '+') {
            is_text(reason, NULL, apr_psprintf(pool, "number %d is taken", (int)i));
            is_text(reason ? NULL : sms()->number, cases[i].want, "  as E.164");
        }
        else {
            ok(has(reason, "reject: ") && has(reason, cases[i].want), "number %d: %s", (int)i,
               reason ? reason : "taken");
            ok(!has(reason, "12345"), "  which quotes nothing");
        }
    }
}

static char *repeated(const char *text, int times)
{
    char *all = apr_pcalloc(pool, strlen(text) * (size_t)times + 3), *at = all;

    *at++ = '"';
    for (; times > 0; times--, at += strlen(text)) {
        memcpy(at, text, strlen(text));
    }
    *at = '"';
    return all;
}

static void texts(void)
{
    const struct {
        const char *json;
        const char *want; /* the text that is sent, or a part of the reason */
    } cases[] = {
        {"\"Mon SMS\"", "Mon SMS"},
        {"\"  Mon SMS \\n\"", "Mon SMS"},
        {"\"a\\r\\nb\\nc\"", "a\nb\nc"},
        {"\"a\\tb\\u0001c\\u007fd\"", "a b c d"},
        {"\"a\\u0000b\"", "ab"},
        {"\"a%0d%0ab&c=d\\\"e\"", "a%0d%0ab&c=d\"e"},
        {"4711", "4711"},
        {"\"{{var:Prenom}}\"", "{{var:Prenom}}"},
        {"\"\"", "reject: Message is missing or empty"},
        {"\" \\n\\t\"", "reject: Message is missing or empty"},
        {"\"\\u0000\"", "reject: Message is missing or empty"},
        {"\"\\u0001\"", "reject: Message is missing or empty"},
        {"null", "reject: Message is missing or empty"},
        {NULL, "reject: Message is missing or empty"},
        {"{}", "reject: Message must be a text"},
        {repeated("a", 1225), "reject: Message has 9 segments (GSM-7, 1225 units); at most 8"},
        {repeated("\xC3\xAA", 537), "reject: Message has 9 segments (UCS-2, 537 units)"},
        {repeated("\xE2\x82\xAC", 1000000), "reject: Message has "},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *reason = prepare(body_of("\"0612345678\"", NULL, NULL, cases[i].json, "\"1\""));

        if (strncmp(cases[i].want, "reject: ", 8) == 0) {
            ok(has(reason, cases[i].want), "text %d: %s", (int)i, reason ? reason : "taken");
        }
        else {
            is_text(reason ? reason : sms()->text, cases[i].want,
                    apr_psprintf(pool, "text %d", (int)i));
        }
    }
    is_text(prepare(body_of("\"0612345678\"", NULL, NULL, repeated("a", 1224), "1")), NULL,
            "eight segments are sent");
}

/* What is about to be refused must not hold a worker for longer than it takes to read it. */
static void tabs(void)
{
    apr_time_t begun = apr_time_now();
    const char *text = repeated("\\ta", 1000000);

    ok(has(prepare(body_of("\"0612345678\"", NULL, NULL, text, "1")), "reject: Message has "),
       "a text of a million tabs");
    ok(apr_time_now() - begun < 5 * APR_USEC_PER_SEC, "  takes no longer than others");
}

static void senders(void)
{
    static const char with_shop[] = "\"sender\":\"SHOP\"";

    section->providers[CRM360_SENDS_SMS] = &primotexto;
    ok(has(prepare(body_of("\"0612345678\"", NULL, "\"12\"", "\"x\"", "1")),
           "reject: Sender must be 3 to 11 letters A to Z and digits, not digits alone"),
       "a sender that the gateway does not take is refused by name");
    ok(has(prepare(body_of("\"0612345678\"", NULL, "\"A\\r\\nB\"", "\"x\"", "1")),
           "reject: Sender must be "),
       "one that would like to be a line more, too");
    is_text(prepare(body_of("\"0612345678\"", NULL, NULL, "\"x\"", "1")), NULL, "none is fine");
    ok(!has(prepared->record.detail, "sender"), "  and then none is noted");
    is_text(prepared->record.provider, "primotexto", "  the provider is noted");
    section->providers[CRM360_SENDS_SMS] = &smsbox;
    is_text(prepare(body_of("\"0612345678\"", NULL, NULL, "\"x\"", "1")), NULL,
            "without one, that of the gateway");
    ok(has(prepared->record.detail, with_shop), "  is noted");
    is_text(prepare(body_of("\"0612345678\"", NULL, "\"36180\"", "\"x\"", "1")), NULL,
            "Smsbox takes a number");
    section->providers[CRM360_SENDS_SMS] = NULL;
}

static void ids(void)
{
    static const char *const bad[] = {
        "0", "-1", "\"x\"", "1.5", "32768", "[]", "true", "\"1 2\"", "99999999999999999999"};
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *body = body_of("\"0612345678\"", NULL, NULL, "\"x\"", bad[i]);

        ok(has(prepare(body), "reject: Crm360EventCategoryId must be a whole number"),
           "category %s is refused by name", bad[i]);
        body = apr_pstrcat(pool,
                           "{MobilePhoneNumber: \"0612345678\", Message: \"x\", "
                           "Crm360EventCategoryId: 1, Crm360EventChannelId: ",
                           bad[i], "}", NULL);
        ok(has(prepare(body), "reject: Crm360EventChannelId must be a whole number"),
           "channel %s likewise", bad[i]);
    }
    is_text(prepare(body_of("\"0612345678\"", NULL, NULL, "\"x\"", "1")), NULL, "category 1");
    is_text(prepare(body_of("\"0612345678\"", NULL, NULL, "\"x\"", "\"1\"")), NULL,
            "category \"1\"");
    is_text(prepare(body_of("\"0612345678\"", NULL, NULL, "\"x\"", "\"01\"")), NULL,
            "category \"01\"");
}

/* ---- consent ---- */

/* A contact with one address. */
static void person(int id, int brand, const char *optin, const char *state, int address_deleted,
                   int contact_deleted)
{
    tools_execute(section,
                  apr_psprintf(pool,
                               "INSERT INTO Contacts (ContactId, DeletionFlag) VALUES (%d, %d);"
                               "INSERT INTO Addresses (ContactId, BrandId, MobilePhoneNumber,"
                               " MobilePhoneOptin, MobilePhoneStateId, DeletionFlag)"
                               " VALUES (%d, %s, '+33612345678', %s, %s, %d);",
                               id, contact_deleted, id,
                               brand ? apr_psprintf(pool, "%d", brand) : "NULL", optin, state,
                               address_deleted));
}

static void consents(void)
{
    static const struct {
        const char *name;
        int brand; /* of the address */
        const char *optin;
        const char *state;
        int address_deleted, contact_deleted;
        int asked_brand; /* of the URI */
        const char *category;
        int given;
        int contact; /* that is noted */
    } cases[] = {
        {"consent", 0, "1", "NULL", 0, 0, 0, "2", 1, 41},
        {"consent, the number is valid", 0, "1", "1", 0, 0, 0, "2", 1, 41},
        {"consent, the number is suspect", 0, "1", "3", 0, 0, 0, "2", 1, 41},
        {"consent, the number is invalid", 0, "1", "2", 0, 0, 0, "2", 0, 0},
        {"withdrawn", 0, "0", "NULL", 0, 0, 0, "2", 0, 0},
        {"nothing is known", 0, "NULL", "NULL", 0, 0, 0, "2", 0, 0},
        {"the address is deleted", 0, "1", "NULL", 1, 0, 0, "2", 0, 0},
        {"the contact is deleted", 0, "1", "NULL", 0, 1, 0, "2", 0, 0},
        {"of the brand", 3, "1", "NULL", 0, 0, 3, "2", 1, 41},
        {"of another brand", 3, "1", "NULL", 0, 0, 4, "2", 0, 0},
        {"of no brand", 0, "1", "NULL", 0, 0, 4, "2", 0, 0},
        {"any brand will do", 3, "1", "NULL", 0, 0, 0, "2", 1, 41},
        {"another category", 0, "1", "NULL", 0, 0, 0, "7", 1, 41},
        {"no category", 0, "1", "NULL", 0, 0, 0, NULL, 1, 41},
        {"no category and no consent", 0, "0", "NULL", 0, 0, 0, NULL, 0, 0},
        {"transactional", 0, "0", "2", 0, 0, 0, "1", 1, 41},
        {"transactional, of another brand", 3, "0", "NULL", 0, 0, 4, "1", 1, 41},
        {"transactional, to an address that is deleted", 0, "1", "NULL", 1, 0, 0, "1", 1, 0},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *body =
            body_of("\"0612345678\"", "\"FRA\"", NULL, "\"Soldes\"", cases[i].category);
        const char *reason;

        empty();
        person(41, cases[i].brand, cases[i].optin, cases[i].state, cases[i].address_deleted,
               cases[i].contact_deleted);
        reason =
            prepare_sent(&(sent_t){.route = ROUTE, .body = body, .brand_id = cases[i].asked_brand});
        if (cases[i].given) {
            is_text(reason, NULL, cases[i].name);
            is_number(reason ? -1 : prepared->record.contact_id, cases[i].contact, "  the contact");
            is_number(reason ? -1 : sms()->is_marketing,
                      !cases[i].category || *cases[i].category != '1', "  marketing");
            continue;
        }
        ok(has(reason, "reject: consent is missing: Crm360EventCategoryId is ") &&
               has(reason, "MobilePhoneOptin is 1"),
           "%s: %s", cases[i].name, reason ? reason : "taken");
        ok(has(reason, cases[i].asked_brand ? "BrandId 4" : "no one has an address with"),
           "  it says where");
        ok(!has(reason, "612345678"), "  it quotes no number");
    }
    empty();
    is_text(prepare(body_of("\"0612345678\"", NULL, NULL, "\"x\"", "1")), NULL,
            "transactional, to a stranger");
    person(41, 0, "0", "NULL", 0, 0);
    person(42, 0, "1", "NULL", 0, 0);
    is_text(prepare(body_of("\"0612345678\"", NULL, NULL, "\"x\"", "2")), NULL,
            "of two who share a number, one consents");
    is_number(prepared->record.contact_id, 42, "  it is sent to that one");
}

/* ---- outcomes ---- */

/* Notes a prepared command as sent or refused, as the worker does. */
static void end(const outbound_result_t *outcome)
{
    const crm_send_outcome_t noted = {.state = outcome->fate == OUTBOUND_SENT ? CRM_SEND_SENT
                                                                              : CRM_SEND_REFUSED,
                                      .reference = outcome->reference};
    handler_result_t verdict = {0};
    crm_send_past_t past;
    int ours = 0;
    apr_status_t rv = crm_db_begin(db);

    rv |= crm_send_find(&past, db, message->id, pool);
    rv |= crm_send_begin(&past.attempt, db, message->id, &prepared->record, pool);
    rv |= (outcome->fate == OUTBOUND_SENT ? handler->finish : handler->refused)(
        &verdict, prepared, outcome, message, &context, pool);
    rv |= crm_send_end(&ours, db, message->id, past.attempt, &noted, pool);
    rv |= crm_db_commit(db);
    ok(rv == APR_SUCCESS && ours && verdict.verdict == HANDLER_DONE, "the outcome is noted");
}

static const char *timeline(void)
{
    return ask("SELECT EventIdentifier, Kind, ContactId, EventChannelId, EventCategoryId, Address,"
               " Reference FROM WebhookEvents ORDER BY EventId");
}

static void sent(void)
{
    static const outbound_result_t taken = {.fate = OUTBOUND_SENT, .reference = "386479"};
    static const char body[] = "{MobilePhoneNumber: \"0612345678\", Message: \"x\","
                               " Crm360EventChannelId: 9, Crm360EventCategoryId: 1}";

    empty();
    person(41, 0, "0", "NULL", 0, 0);
    is_text(prepare_sent(&(sent_t){.route = ROUTE, .body = body, .id = "M1"}), NULL, "a command");
    end(&taken);
    is_text(timeline(), "M1|sms.sent|41|9|1|+33612345678|386479", "its event");
    is_text(ask("SELECT Detail FROM WebhookEvents"), prepared->record.detail, "  its detail");
    is_text(ask("SELECT SourceId, MessageId FROM WebhookEvents"), "12|M1", "  its message");
    empty();
    is_text(prepare_sent(&(sent_t){.route = ROUTE,
                                   .body = "MobilePhoneNumber=0612345678&Message=x"
                                           "&Crm360EventCategoryId=1",
                                   .headers = {"Content-Type: application/x-www-form-urlencoded"},
                                   .id = "M2"}),
            NULL, "a command as a form, to a stranger");
    end(&taken);
    is_text(timeline(), "M2|sms.sent|NULL|1|1|+33612345678|386479", "its event, on channel SMS");
}

static void refusals(void)
{
    static const struct {
        outbound_says_t says;
        int brand;
        const char *timeline;
        const char *points;
        const char *address; /* optin and state */
    } cases[] = {
        {OUTBOUND_SAYS_NOTHING, 0, "", "", "1|NULL"},
        {OUTBOUND_SAYS_UNREACHABLE, 0, "M3:refused|sms.failed|41|1|3|+33612345678|NULL",
         "phone:+33612345678|0|2|NULL", "1|2"},
        {OUTBOUND_SAYS_UNSUBSCRIBED, 0, "M3:refused|sms.stop|41|1|5|+33612345678|NULL",
         "phone:+33612345678|0|NULL|0", "0|NULL"},
        {OUTBOUND_SAYS_UNSUBSCRIBED, 3, "M3:refused|sms.stop|41|1|5|+33612345678|NULL",
         "phone:+33612345678|3|NULL|0", "0|NULL"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        outbound_result_t outcome = {.fate = OUTBOUND_REFUSED, .code = "12"};

        outcome.says = cases[i].says;
        empty();
        person(41, cases[i].brand, "1", "NULL", 0, 0);
        is_text(
            prepare_sent(&(sent_t){.route = ROUTE,
                                   .brand_id = cases[i].brand,
                                   .id = "M3",
                                   .body = body_of("\"0612345678\"", NULL, NULL, "\"x\"", "2")}),
            NULL, "a command that is refused");
        end(&outcome);
        is_text(timeline(), cases[i].timeline, "  its event");
        is_text(ask("SELECT PointKey, BrandId, StateId, Optin FROM WebhookPoints ORDER BY 1, 2"),
                cases[i].points, "  what it says of the number");
        is_text(ask("SELECT MobilePhoneOptin, MobilePhoneStateId FROM Addresses"), cases[i].address,
                "  reaches the address");
        if (cases[i].says != OUTBOUND_SAYS_NOTHING) {
            is_text(ask("SELECT Detail FROM WebhookEvents"),
                    "{\"provider\":\"outbox\",\"code\":\"12\"}", "  its detail");
            ok(has(prepare_sent(
                       &(sent_t){.route = ROUTE,
                                 .brand_id = cases[i].brand,
                                 .body = body_of("\"0612345678\"", NULL, NULL, "\"x\"", "2")}),
                   "reject: consent is missing"),
               "  the next one is not even sent");
        }
    }
}

/* ---- reports ---- */

static const char *last_event(void)
{
    return ask("SELECT Kind, ContactId, Address FROM WebhookEvents ORDER BY EventId DESC LIMIT 1");
}

/* A message that has gone to contact 41 at a number that he has changed since. */
static void sent_before(const char *id, const char *reference)
{
    const outbound_result_t taken = {.fate = OUTBOUND_SENT, .reference = reference};

    empty();
    person(41, 0, "1", "NULL", 0, 0);
    is_text(prepare_sent(&(sent_t){.route = ROUTE,
                                   .id = id,
                                   .body = body_of("\"0612345678\"", NULL, NULL, "\"x\"", "1")}),
            NULL, "a command");
    end(&taken);
    tools_execute(section, "UPDATE Addresses SET MobilePhoneNumber = '+33699999999'");
}

static void reports(void)
{
    sent_before("M4", "123456789012");
    send_one(&(sent_t){.route = "Smsbox/Sms/Callback",
                       .query = "numero=33612345678&reference=123456789012&accuse=0&ts=1772442927"
                                "&crm360=M4"});
    is_text(last_event(), "sms.delivered|41|+33612345678", "Smsbox: found by its id");
    send_one(&(sent_t){.route = "Smsbox/Sms/Callback",
                       .query = "numero=33612345678&reference=123456789012&accuse=9"
                                "&ts=1772442926"});
    is_text(last_event(), "sms.pending|41|+33612345678", "Smsbox: found by its reference");
    send_one(&(sent_t){.route = "Smsbox/Sms/Callback",
                       .query = "numero=33612345678&reference=77&accuse=1&ts=1772442926"
                                "&crm360=M4"});
    is_text(last_event(), "sms.failed|41|+33612345678", "Smsbox: another part of it, by its id");
    send_one(&(sent_t){.route = "Smsbox/Sms/Callback",
                       .query = "numero=x&reference=123456789012&accuse=2&ts=1772442926"});
    is_text(last_event(), "sms.failed|41|+33612345678", "Smsbox: a number that cannot be read");
    send_one(&(sent_t){.route = "Smsbox/Sms/Callback",
                       .query = "numero=33612345678&reference=78&accuse=1&ts=1772442926"
                                "&crm360=M5"});
    is_text(last_event(), "sms.failed|NULL|+33612345678", "Smsbox: none of ours");
    send_one(&(sent_t){.route = "Smsbox/Sms/CallbackStop",
                       .query = "numero=36180&reference=9&link_reference=123456789012"
                                "&keyword=STOP&message=STOP"});
    is_text(last_event(), "sms.stop|41|+33612345678", "Smsbox: a STOP, by what it answers");
    is_text(ask("SELECT PointKey, Optin FROM WebhookPoints WHERE Optin = 0"),
            "phone:+33612345678|0", "  withdraws the consent of the number it was sent to");

    sent_before("M6", "386479");
    send_one(&(sent_t){.route = "Primotexto/Sms/Callback",
                       .body = "{\"event\":\"delivered\",\"snapshotId\":\"386479\"}"});
    is_text(last_event(), "sms.delivered|41|+33612345678", "Primotexto: without a number");
    send_one(&(sent_t){.route = "Primotexto/Sms/Callback",
                       .body = "{\"event\":\"bounced\",\"snapshotId\":386479,"
                               "\"contact\":{\"identifier\":\"+33612345678\"}}"});
    is_text(last_event(), "sms.failed|41|+33612345678", "Primotexto: the id as a number");
    send_one(&(sent_t){.route = "Mailjet/email/Callback",
                       .body = "{\"event\":\"open\",\"time\":1772442927,\"CustomID\":\"M6\","
                               "\"email\":\"ann@example.org\"}"});
    is_text(last_event(), "email.open|NULL|ann@example.org", "Mailjet: an SMS is no mail");
}

/* The report is there before the answer is noted. */
static void early_report(void)
{
    const outbound_result_t taken = {.fate = OUTBOUND_SENT, .reference = "386480"};

    empty();
    person(41, 0, "1", "NULL", 0, 0);
    is_text(prepare_sent(&(sent_t){.route = ROUTE,
                                   .id = "M7",
                                   .body = body_of("\"0612345678\"", NULL, NULL, "\"x\"", "1")}),
            NULL, "a command");
    send_one(&(sent_t){.route = "Primotexto/Sms/Callback",
                       .body = "{\"event\":\"delivered\",\"snapshotId\":\"386480\"}"});
    is_text(last_event(), "sms.delivered|NULL|NULL", "a report that comes before the answer");
    end(&taken);
    is_text(ask("SELECT Kind, ContactId FROM WebhookEvents ORDER BY EventId"),
            "sms.delivered|41\nsms.sent|41", "  gets its contact with the answer");
}

/* A mail of ours: found by the CustomID that Mailjet brings back. */
static void mail_report(void)
{
    const crm_send_t mail = {
        .kind = "mail", .provider = "mailjet", .recipient = "ann@example.org", .contact_id = 41};
    int attempt = 0;

    empty();
    person(41, 0, "1", "NULL", 0, 0);
    ok(crm_db_begin(db) == APR_SUCCESS &&
           crm_send_begin(&attempt, db, "M8", &mail, pool) == APR_SUCCESS &&
           crm_db_commit(db) == APR_SUCCESS,
       "a mail is being sent");
    send_one(&(sent_t){.route = "Mailjet/email/Callback",
                       .body = "{\"event\":\"bounce\",\"hard_bounce\":true,\"time\":1772442927,"
                               "\"CustomID\":\"M8\",\"error\":\"user unknown\"}"});
    is_text(last_event(), "email.bounce|41|ann@example.org", "Mailjet: found by its CustomID");
    is_text(ask("SELECT PointKey, StateId FROM WebhookPoints"), "email:ann@example.org|2",
            "  the address is invalid");
}

/* ---- bodies that no one should send ---- */

static void broken(void)
{
    const char *whole = fixture("crm360/sms-send.json");
    size_t length = strlen(whole), i;
    int sound = 0;

    for (i = 1; i < length; i++) {
        const char *reason = prepare(apr_pstrmemdup(pool, whole, i));

        sound += !reason || strncmp(reason, "reject: ", 8) == 0;
    }
    is_number(sound, (long long)length - 1, "cut anywhere, it is sent or rejected");
    ok(has(prepare(""), "reject: "), "an empty body is rejected");
    ok(has(prepare("[]"), "reject: "), "an empty array is rejected");
    ok(has(prepare("[{},{}]"), "reject: "), "several are rejected");
    ok(has(prepare("7"), "reject: "), "a number is rejected");
}

int main(void)
{
    start();
    documented();
    numbers();
    texts();
    tabs();
    senders();
    ids();
    consents();
    sent();
    refusals();
    reports();
    early_report();
    mail_report();
    broken();
    return tap_done();
}
