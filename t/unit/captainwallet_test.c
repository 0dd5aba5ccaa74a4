/*
 * CaptainWallet/LoyaltyCard/SendUpdate: which commands are taken, what of a card is sent, and what
 * follows: a card that has changed during the call is sent again.
 */
#include "handlers/captainwallet.h"

#include "core/json.h"
#include "crm/loyalty.h"
#include "outbound/wallet.h"
#include "t/unit/gateway_tools.h"
/* Last: its `pool` is a name of the others' parameters. */
#include "t/unit/handler_tools.h"

#define ROUTE "CaptainWallet/LoyaltyCard/SendUpdate"

static outbound_t *outbound;
static crm360_message_t *message; /* the last one */
static handler_send_t *sending;

/* What becomes of a body: NULL = it is to be sent. */
static const char *prepare(const char *body)
{
    handler_context_t context = {.db = db, .database = section};
    sent_t sent = {.route = ROUTE, .body = body, .source_id = 81};
    handler_result_t result;
    apr_status_t rv = crm_db_begin(db);

    message = message_of(&sent);
    if (rv == APR_SUCCESS) {
        rv = handler_prepare(&result, &sending, handler_find(message), message, &context, pool);
    }
    crm_db_rollback(db);
    free((void *)message->body); /* read, and no longer needed */
    message->body = NULL;
    message->body_len = 0;
    if (rv != APR_SUCCESS) {
        return apr_psprintf(pool, "status %d: %s", rv, crm_db_error(db));
    }
    return result.verdict == HANDLER_DONE     ? NULL
           : result.verdict == HANDLER_REJECT ? result.reason
                                              : "another verdict";
}

/* Carries it to the outbox. */
static outbound_result_t call(void)
{
    outbound_result_t result;

    memset(&result, 0, sizeof(result));
    sending->provider = NULL;
    sending->call(&result, sending, outbound, pool);
    return result;
}

/* What follows from it, committed: "done", "more" or what went wrong. */
static const char *finish(const char *code)
{
    handler_context_t context = {.db = db, .database = section};
    outbound_result_t outcome = {.fate = OUTBOUND_SENT, .code = code};
    handler_result_t result;
    apr_status_t rv = crm_db_begin(db);

    memset(&result, 0, sizeof(result));
    if (rv == APR_SUCCESS) {
        rv = handler_captainwallet.finish(&result, sending, &outcome, message, &context, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_db_commit(db);
    }
    else {
        crm_db_rollback(db);
    }
    if (rv != APR_SUCCESS) {
        return apr_psprintf(pool, "status %d: %s", rv, crm_db_error(db));
    }
    return result.verdict == HANDLER_DONE ? "done" : result.verdict == HANDLER_MORE ? "more" : "?";
}

/* The file that the last call has left, read; its body alone. */
static json_object *written(int whole)
{
    const char *path = apr_pstrcat(pool, folder, "/outbox/", message->id, ".json", NULL), *why;
    json_object *value = NULL, *body = NULL;
    char text[20000];
    apr_size_t len = sizeof(text);
    apr_file_t *file;

    if (apr_file_open(&file, path, APR_FOPEN_READ, 0, pool) != APR_SUCCESS) {
        ok(0, "there is no file");
        return NULL;
    }
    if (apr_file_read(file, text, &len) != APR_SUCCESS ||
        crm360_json_parse(&value, &why, text, len, pool) != APR_SUCCESS) {
        ok(0, "the file is not JSON");
    }
    apr_file_close(file);
    json_object_object_get_ex(value, "body", &body);
    return whole ? value : body;
}

static const char *plain(json_object *value)
{
    return apr_pstrdup(pool, json_object_to_json_string_ext(
                                 value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* Léa and her card, as the samples know them. */
static void fill(void)
{
    tools_execute(section, "DELETE FROM LoyaltyCardActions; DELETE FROM LoyaltyPoints;"
                           "DELETE FROM LoyaltyCards; DELETE FROM WebhookUnknownIds");
    empty();
    tools_execute(section,
                  "INSERT INTO Contacts (ContactId, FirstName, LastName) VALUES (7, 'Léa',"
                  " 'Marchand');"
                  "INSERT INTO Addresses (ContactId, Email) VALUES (7, 'lea.marchand@example.fr');"
                  "INSERT INTO ContactIdentifiers VALUES ('12:731', '731', 7, 12);"
                  "INSERT INTO LoyaltyCards (LoyaltyCardId, LoyaltyCardIdentifier, ContactId,"
                  " SourceId) VALUES (12345, '2990000012345', 7, 12);"
                  "INSERT INTO LoyaltyPoints (PointIdentifier, LoyaltyCardId, SourceId,"
                  " PointAmount, PointUsedAmount) VALUES ('p1', 12345, 12, '150.000', '30.000')");
}

/* ---- bodies ---- */

static void bodies(void)
{
    static const struct {
        const char *body, *part; /* NULL = it is sent */
    } cases[] = {
        {"{\"LoyaltyCardId\":\"12345\"}", NULL},
        {"{\"LoyaltyCardId\":12345}", NULL},
        {"{\n    LoyaltyCardId: \"12345\"\n}", NULL},
        {"{loyaltycardid: 12345}", NULL},
        {"{\"LoyaltyCardId\":\" 012345 \"}", NULL},
        {"[{\"LoyaltyCardId\":12345}]", NULL},
        {"LoyaltyCardId=12345", NULL},
        {"{\"LoyaltyCardId\":12346}", "LoyaltyCardId 12346: there is none in this database"},
        {"{\"LoyaltyCardId\":2147483647}", "there is none"},
        {"{}", "LoyaltyCardId is missing or empty"},
        {"{\"LoyaltyCardId\":null}", "LoyaltyCardId is missing or empty"},
        {"{\"LoyaltyCardId\":\"\"}", "LoyaltyCardId is missing or empty"},
        {"{\"LoyaltyCardId\":0}", "LoyaltyCardId must be a whole number from 1"},
        {"{\"LoyaltyCardId\":-12345}", "LoyaltyCardId must be"},
        {"{\"LoyaltyCardId\":12345.0}", "LoyaltyCardId must be"},
        {"{\"LoyaltyCardId\":1.2345e4}", "LoyaltyCardId must be"},
        {"{\"LoyaltyCardId\":2147483648}", "LoyaltyCardId must be"},
        {"{\"LoyaltyCardId\":99999999999999999999999}", "LoyaltyCardId must be"},
        {"{\"LoyaltyCardId\":\"12345 or 1\"}", "LoyaltyCardId must be"},
        {"{\"LoyaltyCardId\":true}", "LoyaltyCardId must be"},
        {"{\"LoyaltyCardId\":[12345]}", "LoyaltyCardId must be"},
        {"[]", "expected one command"},
        {"[{\"LoyaltyCardId\":12345},{\"LoyaltyCardId\":12345}]", "expected one command"},
        {"12345", "expected an object"},
        {"<xml/>", "not JSON"},
    };
    size_t i;

    fill();
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *got = prepare(cases[i].body);

        ok(cases[i].part ? has(got, cases[i].part) : got == NULL, "%s: %s", cases[i].body,
           got ? got : "sent");
        ok(got || sending->record.contact_id == 7, "  of Léa");
    }
    ok(handler_captainwallet.repeatable, "an update may be repeated");
    is_text(ask("SELECT COUNT(*) FROM WebhookEvents"), "0", "and nothing is written yet");
}

/* ---- the sample ---- */

static void sample(void)
{
    json_object *wanted = NULL, *body, *file, *path;
    const char *why, *text = fixture("captainwallet/expected-update-request.json");
    outbound_result_t result;

    fill();
    if (crm360_json_parse(&wanted, &why, text, strlen(text), pool) != APR_SUCCESS) {
        ok(0, "the sample: %s", why);
        return;
    }
    json_object_object_get_ex(wanted, "body", &body);
    is_text(prepare(fixture("captainwallet/loyaltycard-sendupdate-lenient.txt")), NULL,
            "the sample as it is printed");
    is_text(prepare(fixture("captainwallet/loyaltycard-sendupdate.json")), NULL, "the sample");
    is_text(sending->record.kind, "wallet", "  is for a wallet");
    is_text(sending->record.provider, "outbox", "  that is a file here");
    is_text(sending->record.detail, "{\"LoyaltyCardId\":12345}", "  with its number");
    is_text(sending->record.recipient, NULL, "  and nobody's address");
    result = call();
    is_number(result.fate, OUTBOUND_SENT, "  it is sent");
    file = written(1);
    is_text(plain(written(0)), plain(body), "  exactly as expected");
    json_object_object_get_ex(file, "method", &path);
    is_text(json_object_get_string(path), "PUT", "  by the method");
    json_object_object_get_ex(file, "path", &path);
    is_text(json_object_get_string(path), "/v1/{accountId}/{projectId}/pass-owners/2990000012345",
            "  to the place");
    is_number(json_object_object_length(file), 3, "  and that is all");
}

/* ---- what a template can name ---- */

/* A card of which everything is known, with a voucher. */
static void fill_all(void)
{
    static const char *const days[] = {"1", "2", "3", "4", "5"};
    const char *sql = "";
    size_t i;

    fill();
    for (i = 0; i < 5; i++) {
        sql = apr_psprintf(pool,
                           "%sUPDATE LoyaltyCards SET FreeField%s = 'free', FreeFieldDateTime%s ="
                           " '2025-01-01T00:00:00', FreeFieldNumber%s = '1.500',"
                           " FreeFieldBoolean%s = 1;",
                           sql, days[i], days[i], days[i], days[i]);
    }
    tools_execute(section, sql);
    tools_execute(
        section,
        "INSERT INTO Stores (StoreId, Identifier, Label, SourceId) VALUES (4, 'S', 'Shop', 12);"
        "DELETE FROM Brands; INSERT INTO Brands (BrandId, Label) VALUES (3, 'Maison');"
        "UPDATE Contacts SET CivilityId = 2, CompanyName = 'C', BirthDate = '1990-05-17T00:00:00',"
        " LanguageId = 'fr';"
        "UPDATE LoyaltyCards SET BrandId = 3, StoreId = 4, LoyaltyCardTypeId = 1, CreationDate ="
        " '2025-01-01T00:00:00', ExpirationDate = '2030-01-01T00:00:00', FreeFieldNumber2 ="
        " '2.000', FreeFieldNumber3 = '-0.125', FreeFieldNumber4 = '100.000', FreeFieldNumber5 ="
        " '123456789012345.678', FreeFieldBoolean2 = 0;"
        "DELETE FROM VoucherCategories; INSERT INTO VoucherCategories (VoucherCategoryId,"
        " Identifier, Label, SourceId) VALUES (4, 'k', 'Birthday', 12);"
        "INSERT INTO Vouchers (VoucherId, VoucherIdentifier, VoucherCode, ContactId, SourceId,"
        " VoucherTypeId, VoucherCategoryId, Amount, CurrencyId, ValidityStartDate,"
        " ValidityEndDate) VALUES (8, 'v8', 'TEN', 7, 12, 1, 4, '10.000', 'EUR',"
        " '2020-01-01T00:00:00', '2100-01-01T00:00:00')");
}

static int is_listed(const char *const *names, const char *name)
{
    for (; *names; names++) {
        if (strcmp(*names, name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Members of an object, each of them the placeholder of its own name. */
static const char *members(const char *const *names)
{
    const char *text = "";

    for (; *names; names++) {
        text =
            apr_psprintf(pool, "%s%s\"%s\":\"{{var:%s}}\"", text, *text ? "," : "", *names, *names);
    }
    return text;
}

static const char *lacking(const char *const *names, json_object *object)
{
    const char *text = "";

    for (; *names; names++) {
        if (!json_object_object_get_ex(object, *names, NULL)) {
            text = apr_pstrcat(pool, text, " ", *names, NULL);
        }
    }
    return text;
}

static const char *unlisted(const char *const *names, const apr_array_header_t *values)
{
    const char *text = "";
    int i;

    for (i = 0; i < values->nelts; i++) {
        const char *name = APR_ARRAY_IDX(values, i, crm_loyalty_value_t).name;

        if (!is_listed(names, name) && (strncmp(name, "Points", 6) != 0 || !name[6])) {
            text = apr_pstrcat(pool, text, " ", name, NULL);
        }
    }
    return text;
}

/* What a provider gets by a template; NULL with a failure. */
static json_object *got_by(const char *template)
{
    static crm360_provider_t provider = {
        .kind = "captainwallet", .user = "u", .secret = "s", .account = "a", .project = "p"};
    json_object *body = NULL;
    outbound_result_t result;
    const char *text, *why = "";

    provider.url = gateway.url;
    provider.template = template;
    sending->provider = &provider;
    sending->call(&result, sending, outbound, pool);
    is_text(result.reason, NULL, "it is sent");
    text = gateway_said(-1, "body", pool);
    if (crm360_json_parse(&body, &why, text, strlen(text), pool) != APR_SUCCESS) {
        ok(0, "what was sent is JSON: %s", why);
    }
    return body;
}

static const char *value_of(json_object *object, const char *name)
{
    json_object *value = NULL;

    return json_object_object_get_ex(object, name, &value) ? plain(value) : "absent";
}

static void names(void)
{
    static const char *const values[][2] = {
        {"LoyaltyCardId", "12345"},
        {"CardTypeId", "1"},
        {"CardType", "\"Standard\""},
        {"ContactIdentifier", "\"731\""},
        {"FreeFieldNumber1", "1.5"},
        {"FreeFieldNumber2", "2"},
        {"FreeFieldNumber3", "-0.125"},
        {"FreeFieldNumber4", "100"},
        {"FreeFieldNumber5", "123456789012345.678"},
        {"FreeFieldBoolean1", "true"},
        {"FreeFieldBoolean2", "false"},
        {"FreeFieldDateTime1", "\"2025-01-01T00:00:00\""},
        {"Points", "120"},
        {"Store", "\"S\""},
        {"Brand", "\"Maison\""},
        {"Civility", "\"Mme\""},
    };
    crm_loyalty_card_t card;
    json_object *body, *list = NULL;
    apr_status_t rv;
    size_t i;

    fill_all();
    is_text(prepare("{\"LoyaltyCardId\":12345}"), NULL, "a card of which everything is known");
    body = got_by(apr_pstrcat(pool, "{", members(outbound_wallet_names),
                              ",\"list\":{\"{{each:Vouchers}}\":{",
                              members(outbound_wallet_voucher_names), "}}}", NULL));
    is_text(lacking(outbound_wallet_names, body), "", "each name has a value");
    json_object_object_get_ex(body, "list", &list);
    is_number(json_object_array_length(list), 1, "there is a voucher");
    is_text(lacking(outbound_wallet_voucher_names, json_object_array_get_idx(list, 0)), "",
            "  each name of a voucher, too");
    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        is_text(value_of(body, values[i][0]), values[i][1], values[i][0]);
    }
    is_text(value_of(json_object_array_get_idx(list, 0), "VoucherAmount"), "10", "VoucherAmount");
    rv = crm_db_begin(db);
    if (rv == APR_SUCCESS) {
        rv = crm_loyalty_read(&card, db, 12345, apr_time_now(), pool);
    }
    crm_db_rollback(db);
    if (ok(rv == APR_SUCCESS, "the other way round")) {
        is_text(unlisted(outbound_wallet_names, card.values), "", "  each value has a name");
        is_text(unlisted(outbound_wallet_voucher_names,
                         APR_ARRAY_IDX(card.vouchers, 0, apr_array_header_t *)),
                "", "  each value of a voucher, too");
    }
}

/* What other programs may have put there. */
static void odd_values(void)
{
    json_object *body;

    fill();
    tools_execute(section, "UPDATE Contacts SET FirstName = '\",\"points\":9,\"x\":\"',"
                           " LastName = '', CompanyName = '{{var:Points}}'");
    if (!tools_pgsql()) {
        tools_execute(section,
                      "UPDATE Contacts SET LanguageId = CAST(X'66C3FF72' AS TEXT);"
                      "UPDATE LoyaltyCards SET FreeFieldNumber1 = 'many', FreeFieldNumber2 = '1e2',"
                      " LoyaltyCardTypeId = 'gold', FreeField1 = CAST(X'610062' AS TEXT)");
    }
    is_text(prepare("{\"LoyaltyCardId\":12345}"), NULL, "odd values");
    body = got_by(apr_pstrcat(pool, "{", members(outbound_wallet_names), "}", NULL));
    is_text(value_of(body, "FirstName"), "\"\\\",\\\"points\\\":9,\\\"x\\\":\\\"\"",
            "a value stays one");
    is_text(value_of(body, "LastName"), "absent", "an empty text is none");
    is_text(value_of(body, "CompanyName"), "\"{{var:Points}}\"", "it is not read again");
    if (!tools_pgsql()) {
        /* U+FFFD twice; the gateway's ledger takes each byte for a character. */
        is_text(value_of(body, "LanguageId"),
                "\"f\xc3\xaf\xc2\xbf\xc2\xbd\xc3\xaf\xc2\xbf\xc2\xbdr\"",
                "what is no UTF-8 is replaced");
        is_text(value_of(body, "FreeFieldNumber1"), "absent", "what is no number is none");
        is_text(value_of(body, "FreeFieldNumber2"), "100", "another spelling is one");
        is_text(value_of(body, "CardTypeId"), "absent", "what is no id is none");
        is_text(value_of(body, "FreeField1"), "\"a\"", "a text ends with a NUL");
    }
}

/* ---- whom the pass is known by, and who has none ---- */

static const char *path_by(const char *identifier)
{
    static crm360_provider_t by;
    const char *reason;
    json_object *path;

    by.identifier = identifier;
    section->providers[CRM360_SENDS_WALLET] = &by;
    reason = prepare("{\"LoyaltyCardId\":12345}");
    section->providers[CRM360_SENDS_WALLET] = NULL;
    if (reason) {
        return reason;
    }
    call();
    json_object_object_get_ex(written(1), "path", &path);
    return strrchr(json_object_get_string(path), '/') + 1;
}

static void identifiers(void)
{
    fill();
    is_text(path_by(NULL), "2990000012345", "by itself the card's number");
    is_text(path_by("card"), "2990000012345", "  also when that is said");
    is_text(path_by("contact"), "7", "by contact");
    is_text(path_by("source"), "731", "by what its source calls the contact");
    tools_execute(section, "UPDATE LoyaltyCards SET LoyaltyCardNumber = '299 0/1'");
    is_text(path_by("card"), "299%200%2F1", "a number of its own");
    tools_execute(section, "UPDATE LoyaltyCards SET LoyaltyCardNumber = '..'");
    ok(has(path_by("card"), "LoyaltyCardId 12345: its identifier cannot stand in a URL"),
       "no path");
    tools_execute(section, "UPDATE ContactIdentifiers SET SourceId = 13");
    ok(has(path_by("source"), "identifier=source needs one"), "no identifier of that source");
    tools_execute(section, "UPDATE LoyaltyCards SET ContactId = NULL, LoyaltyCardNumber = NULL");
    ok(has(path_by("contact"), "identifier=contact needs one"), "no contact");
    ok(has(path_by("source"), "identifier=source needs one"), "  nor an identifier of it");
    is_text(path_by("card"), "2990000012345", "  but a number");
    tools_execute(section, "UPDATE LoyaltyCards SET LoyaltyCardIdentifier = ''");
    ok(has(path_by("card"), "neither LoyaltyCardNumber nor"), "not even that");
}

static void deleted(void)
{
    fill();
    tools_execute(section, "UPDATE LoyaltyCards SET DeletionFlag = 1");
    is_text(prepare("{\"LoyaltyCardId\":12345}"), "LoyaltyCardId 12345: it is deleted",
            "a deleted card");
    tools_execute(section, "UPDATE LoyaltyCards SET DeletionFlag = 0;"
                           "UPDATE Contacts SET DeletionFlag = 1");
    is_text(prepare("{\"LoyaltyCardId\":12345}"), "LoyaltyCardId 12345: its contact is deleted",
            "a deleted contact");
    if (!tools_pgsql()) {
        fill();
        tools_execute(section, "UPDATE LoyaltyPoints SET PointAmount = 'much'");
        ok(has(prepare("{\"LoyaltyCardId\":12345}"), "an amount of LoyaltyPoints is no decimal"),
           "points that are no number");
    }
}

/* ---- after the call ---- */

#define NOTES                                                                                      \
    "SELECT Kind, e.SourceId, ContactId, EventChannelId, EventCategoryId, Detail,"                 \
    " LoyaltyCardId, a.SourceId, LoyaltyCardActionTypeId FROM WebhookEvents e, LoyaltyCardActions" \
    " a WHERE a.LoyaltyCardActionIdentifier = e.MessageId AND e.EventIdentifier = e.MessageId"

static void notes(void)
{
    fill();
    prepare("{\"LoyaltyCardId\":12345}");
    is_text(finish("HTTP 200"), "done", "the provider has it");
    is_text(ask(NOTES), "wallet.update|81|7|6|1|{\"LoyaltyCardId\":12345}|12345|81|1",
            "  an event and an action say so");
    is_text(finish("HTTP 200"), "done", "  once more");
    is_text(ask("SELECT COUNT(*) FROM WebhookEvents"), "1", "  changes nothing");
    is_text(ask("SELECT Id FROM WebhookUnknownIds WHERE Kind = 'SourceId'"), "81",
            "  a source that nobody knows is noted");
    fill();
    prepare("{\"LoyaltyCardId\":12345}");
    is_text(finish("no pass"), "done", "nobody has it");
    is_text(ask(NOTES), "wallet.no-pass|81|7|6|1|{\"LoyaltyCardId\":12345}|12345|81|2",
            "  which is said as well");
    fill();
    tools_execute(section, "UPDATE LoyaltyCards SET ContactId = NULL");
    prepare("{\"LoyaltyCardId\":12345}");
    is_text(finish(NULL), "done", "a card of nobody");
    is_text(ask(NOTES), "wallet.update|81|NULL|6|1|{\"LoyaltyCardId\":12345}|12345|81|1",
            "  is nobody's event");
}

static void changes(void)
{
    static const struct {
        const char *sql, *verdict, *what;
    } cases[] = {
        {"UPDATE Contacts SET JobTitle = 'x'", "done", "what is not sent has changed"},
        {"UPDATE LoyaltyPoints SET PointUsedAmount = '31.000'", "more", "points were used"},
        {"INSERT INTO LoyaltyPoints (PointIdentifier, LoyaltyCardId, SourceId, PointAmount) VALUES"
         " ('p2', 12345, 12, '0.000')",
         "done", "nothing was earned"},
        {"INSERT INTO Vouchers (VoucherIdentifier, ContactId, SourceId) VALUES ('v', 7, 12)",
         "more", "there is a voucher"},
        {"UPDATE Contacts SET LastName = 'Roche'", "more", "she has married"},
        {"UPDATE Addresses SET Email = 'x@example.fr'", "more", "another address"},
        {"UPDATE LoyaltyCards SET LoyaltyCardNumber = '9'", "more", "another number"},
        {"UPDATE LoyaltyCards SET ContactId = NULL", "more", "another owner"},
        {"UPDATE LoyaltyCards SET DeletionFlag = 1", "done", "it was deleted"},
        {"UPDATE Contacts SET DeletionFlag = 1", "done", "she was deleted"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fill();
        prepare("{\"LoyaltyCardId\":12345}");
        tools_execute(section, cases[i].sql);
        is_text(finish("HTTP 200"), cases[i].verdict, cases[i].what);
        is_text(ask("SELECT COUNT(*) FROM WebhookEvents"),
                strcmp(cases[i].verdict, "done") == 0 ? "1" : "0", "  what is noted");
    }
    fill();
    prepare("{\"LoyaltyCardId\":12345}");
    tools_execute(section, "DELETE FROM LoyaltyCards; DELETE FROM Addresses;"
                           "DELETE FROM ContactIdentifiers; DELETE FROM Contacts");
    is_text(finish("HTTP 200"), "done", "she was erased");
    is_text(ask("SELECT (SELECT COUNT(*) FROM WebhookEvents) + (SELECT COUNT(*) FROM"
                " LoyaltyCardActions)"),
            "0", "  nothing of her is written");
}

int main(void)
{
    start();
    if (!gateway_start() || outbound_make(&outbound, apr_pstrcat(pool, folder, "/outbox", NULL),
                                          apr_time_from_sec(5), pool) != APR_SUCCESS) {
        printf("Bail out! no gateway\n");
        return 1;
    }
    gateway_order("answers {\"body\":\"{\\\"access_token\\\":\\\"t\\\"}\"}", pool);
    bodies();
    sample();
    names();
    odd_values();
    identifiers();
    deleted();
    notes();
    changes();
    gateway_stop();
    crm_db_close(db);
    return tap_done();
}
