/*
 * Updates of loyalty cards against a gateway that answers as Captain Wallet is reported to, and as
 * nobody should: tokens, fates, and what is said how often; and the files of the outbox.
 */
#include "outbound/wallet.h"

#include "core/json.h"
#include "outbound/wallet_private.h"
#include "t/unit/gateway_tools.h"
/* Last: its `pool` is a name of the others' parameters. */
#include "t/unit/crm_tools.h"

static outbound_t *outbound;
static crm360_provider_t provider;
static json_object *values;

#define TOKEN "{\"body\":\"{\\\"access_token\\\":\\\"t1\\\",\\\"expires_in\\\":3600}\"}"
#define TOKEN_BODY(json) "{\"body\":\"" json "\"}"
#define STATUS(number) "{\"status\":" #number "}"
#define CODED(number, text) "{\"status\":" #number ",\"body\":\"" text "\"}"
#define HOW(word) "{\"how\":\"" word "\"}"

/* The next requests are answered by these, in their order, later ones by the last. */
static void answers(const char *list)
{
    const char *order = "answers [";
    int i, before = gateway_count(pool);

    for (i = 0; i < before; i++) {
        order = apr_pstrcat(pool, order, "{},", NULL);
    }
    gateway_order(apr_pstrcat(pool, order, list, "]", NULL), pool);
}

/* An account that has no token yet. */
static void new_account(void)
{
    static int count;

    provider.user = apr_psprintf(pool, "client-%d", ++count);
}

static outbound_result_t update(const char *identifier)
{
    outbound_card_t card = {.id = "M1", .identifier = identifier, .values = values};
    outbound_result_t result;

    outbound_wallet_update(&result, outbound, &provider, &card, pool);
    return result;
}

/* What was asked since this was last called: "token" or the method of an update. */
static const char *asked(void)
{
    static size_t seen;
    const char *text = gateway_order("requests", pool), *why, *path;
    json_object *requests = NULL, *at;
    size_t i;

    if (crm360_json_parse(&requests, &why, text, strlen(text), pool) != APR_SUCCESS) {
        return why;
    }
    text = "";
    for (i = seen; i < json_object_array_length(requests); i++) {
        at = json_object_array_get_idx(requests, i);
        path = json_object_get_string(json_object_object_get(at, "path"));
        text = apr_pstrcat(pool, text, *text ? " " : "",
                           strstr(path, "/oauth/token")
                               ? "token"
                               : json_object_get_string(json_object_object_get(at, "method")),
                           NULL);
    }
    seen = i;
    return text;
}

/* ---- one update ---- */

static void request(void)
{
    outbound_result_t result;

    new_account();
    answers(TOKEN "," STATUS(200));
    result = update("299/00 \xc3\xa9?");
    is_number(result.fate, OUTBOUND_SENT, "an update is sent");
    is_text(result.code, "HTTP 200", "  and taken");
    is_text(result.reason, NULL, "  without a word more");
    is_text(gateway_said(-2, "method", pool), "POST", "the token is asked for");
    is_text(gateway_said(-2, "path", pool), "/oauth/token", "  at its place");
    is_text(gateway_said(-2, "headers.content-type", pool), "application/x-www-form-urlencoded",
            "  by a form");
    is_text(gateway_said(-2, "body", pool),
            apr_pstrcat(pool, "client_id=", provider.user,
                        "&client_secret=s%26cret%20%2B&grant_type=client_credentials"
                        "&scope=pass-owner%20webhooks",
                        NULL),
            "  that holds what RFC 6749 wants");
    is_text(gateway_said(-2, "headers.authorization", pool), "", "  and nothing in a header field");
    is_text(gateway_said(-1, "method", pool), "PUT", "the update");
    is_text(gateway_said(-1, "path", pool), "/v1/a%2Fb/fr_FR/pass-owners/299%2F00%20%C3%A9%3F",
            "  each part is one part of the path");
    is_text(gateway_said(-1, "headers.authorization", pool), "Bearer t1", "  with the token");
    is_text(gateway_said(-1, "headers.content-type", pool), "application/json; charset=utf-8",
            "  as JSON");
    is_text(gateway_said(-1, "body", pool), "{\"counters\":{\"points\":120},\"metadatas\":{}}",
            "  which is the payload");
    is_text(gateway_said(-1, "headers.connection", pool), "", "  nothing odd about it");
    provider.template = "{\"p\":\"{{var:Points}}\"}";
    update("x");
    is_text(gateway_said(-1, "body", pool), "{\"p\":120}", "another template");
    provider.template = "{\"p\":\"{{var:Piont}}\"}";
    asked();
    result = update("x");
    is_number(result.fate, OUTBOUND_AWAY, "a template with a fault sends nothing");
    ok(result.alarm && strstr(result.reason, "template=: {{var:Piont}}"), "  and says so: %s",
       result.reason);
    is_text(asked(), "", "  nobody has heard of it");
    provider.template = NULL;
}

/* ---- fates ---- */

static const struct {
    const char *token, *put; /* NULL = it is not asked */
    outbound_fate_t fate;
    const char *code;
    int alarm;
    int seconds; /* of retry_after */
    const char *what;
} fates[] = {
    {TOKEN, STATUS(200), OUTBOUND_SENT, "HTTP 200", 0, 0, "taken"},
    {TOKEN, STATUS(204), OUTBOUND_SENT, "HTTP 204", 0, 0, "taken, no content"},
    {TOKEN, STATUS(202), OUTBOUND_SENT, "HTTP 202", 0, 0, "taken for later"},
    {TOKEN, STATUS(404), OUTBOUND_SENT, "no pass", 0, 0, "nobody has it"},
    {TOKEN, CODED(404, "{\\\"code\\\":\\\"ER1\\\"}"), OUTBOUND_SENT, "no pass", 0, 0,
     "nobody has it, with a code"},
    {TOKEN, STATUS(302), OUTBOUND_AWAY, "HTTP 302", 1, 0, "a redirect"},
    {TOKEN, STATUS(400), OUTBOUND_REFUSED, "HTTP 400", 0, 0, "refused"},
    {TOKEN, CODED(400, "{\\\"code\\\":\\\"ER0\\\"}"), OUTBOUND_REFUSED, "ER0", 0, 0,
     "refused, with a code"},
    {TOKEN, CODED(422, "ER3: no such field"), OUTBOUND_REFUSED, "ER3", 0, 0, "a code in a text"},
    {TOKEN, CODED(409, "NEVER3 ER ERROR ER1234 xER1 ER1x ER2"), OUTBOUND_REFUSED, "ER2", 0, 0,
     "a code among what is none"},
    {TOKEN, CODED(422, "SERVER1"), OUTBOUND_REFUSED, "HTTP 422", 0, 0, "no code"},
    {TOKEN, STATUS(413), OUTBOUND_REFUSED, "HTTP 413", 0, 0, "too large"},
    {TOKEN, STATUS(403), OUTBOUND_AWAY, "HTTP 403", 1, 0, "not allowed"},
    {TOKEN, STATUS(408), OUTBOUND_AWAY, "HTTP 408", 0, 0, "too slow for it"},
    {TOKEN, STATUS(425), OUTBOUND_AWAY, "HTTP 425", 0, 0, "too early"},
    {TOKEN, "{\"status\":429,\"headers\":{\"Retry-After\":\"7\"}}", OUTBOUND_AWAY, "HTTP 429", 0, 7,
     "too many"},
    {TOKEN, STATUS(500), OUTBOUND_UNCERTAIN, "HTTP 500", 0, 0, "broken"},
    {TOKEN, "{\"status\":503,\"headers\":{\"Retry-After\":\"9\"}}", OUTBOUND_AWAY, "HTTP 503", 0, 9,
     "busy"},
    {TOKEN, HOW("close"), OUTBOUND_UNCERTAIN, NULL, 0, 0, "no answer"},
    {TOKEN, HOW("reset"), OUTBOUND_UNCERTAIN, NULL, 0, 0, "a reset"},
    {TOKEN, HOW("cut"), OUTBOUND_UNCERTAIN, NULL, 0, 0, "half an answer"},
    {TOKEN, HOW("garbage"), OUTBOUND_UNCERTAIN, NULL, 0, 0, "no HTTP"},
    {TOKEN, HOW("never"), OUTBOUND_UNCERTAIN, NULL, 0, 0, "silence"},
    {STATUS(401), NULL, OUTBOUND_AWAY, "HTTP 401", 1, 0, "no token for us"},
    {CODED(400, "{\\\"error\\\":\\\"invalid_client\\\"}"), NULL, OUTBOUND_AWAY, "invalid_client", 1,
     0, "no such client"},
    {CODED(400, "{\\\"error\\\":\\\"Ann@example.fr\\\"}"), NULL, OUTBOUND_AWAY, "HTTP 400", 1, 0,
     "an error that is no word"},
    {CODED(400, "{\\\"error\\\":7}"), NULL, OUTBOUND_AWAY, "HTTP 400", 1, 0, "nor a text"},
    {CODED(400, "[]"), NULL, OUTBOUND_AWAY, "HTTP 400", 1, 0, "nor an object"},
    {STATUS(404), NULL, OUTBOUND_AWAY, "HTTP 404", 1, 0, "no place for tokens"},
    {STATUS(500), NULL, OUTBOUND_AWAY, "HTTP 500", 0, 0, "tokens are broken"},
    {"{\"status\":429,\"headers\":{\"Retry-After\":\"5\"}}", NULL, OUTBOUND_AWAY, "HTTP 429", 0, 5,
     "too many tokens"},
    {HOW("reset"), NULL, OUTBOUND_AWAY, NULL, 0, 0, "a reset instead of a token"},
    {HOW("never"), NULL, OUTBOUND_AWAY, NULL, 0, 0, "silence instead of a token"},
    {CODED(200, "<html>"), NULL, OUTBOUND_AWAY, "HTTP 200", 0, 0, "a page instead of a token"},
    {CODED(200, ""), NULL, OUTBOUND_AWAY, "HTTP 200", 0, 0, "nothing instead of a token"},
    {CODED(200, "[1]"), NULL, OUTBOUND_AWAY, "HTTP 200", 0, 0, "a list"},
    {CODED(200, "null"), NULL, OUTBOUND_AWAY, "HTTP 200", 0, 0, "null"},
    {TOKEN_BODY("{\\\"access_token\\\":7}"), NULL, OUTBOUND_AWAY, "HTTP 200", 0, 0,
     "a token that is a number"},
    {TOKEN_BODY("{\\\"access_token\\\":\\\"\\\"}"), NULL, OUTBOUND_AWAY, "HTTP 200", 0, 0,
     "an empty token"},
    {TOKEN_BODY("{\\\"access_token\\\":\\\"a\\\\r\\\\nX: y\\\"}"), NULL, OUTBOUND_AWAY, "HTTP 200",
     0, 0, "a token that would be two header fields"},
    {TOKEN_BODY("{\\\"access_token\\\":\\\"a b\\\"}"), NULL, OUTBOUND_AWAY, "HTTP 200", 0, 0,
     "a token with a blank"},
    {TOKEN_BODY("{\\\"access_token\\\":\\\"t1\\\",\\\"expires_in\\\":[]}"), STATUS(200),
     OUTBOUND_SENT, "HTTP 200", 0, 0, "a life that makes no sense"},
};

/* Several requests, one answer after the other. */
static const struct {
    const char *answers;
    outbound_fate_t fate;
    const char *code;
    int alarm;
    int seconds;
    const char *asked;
    const char *what;
} sequences[] = {
    {TOKEN "," STATUS(401), OUTBOUND_AWAY, "HTTP 401", 1, 0, "token PUT token",
     "and no token any more"},
    {TOKEN "," STATUS(401) "," TOKEN "," STATUS(200), OUTBOUND_SENT, "HTTP 200", 0, 0,
     "token PUT token PUT", "a token that has ended"},
    {TOKEN "," STATUS(401) "," TOKEN "," STATUS(401), OUTBOUND_AWAY, "HTTP 401", 1, 0,
     "token PUT token PUT", "a fresh one that is not taken"},
    {TOKEN "," STATUS(401) "," TOKEN "," STATUS(503), OUTBOUND_AWAY, "HTTP 503", 0, 0,
     "token PUT token PUT", "busy after that"},
    {TOKEN "," STATUS(401) "," STATUS(503), OUTBOUND_AWAY, "HTTP 503", 0, 0, "token PUT token",
     "and no other one"},
};

static void judged(const outbound_result_t *result, const char *what, outbound_fate_t fate,
                   const char *code, int alarm, int seconds)
{
    is_number(result->fate, fate, what);
    is_text(result->code, code, "  its code");
    is_number(result->alarm, alarm, "  whether a person is needed");
    is_number(apr_time_sec(result->retry_after), seconds, "  how long to wait");
    ok(!result->reason == (fate == OUTBOUND_SENT), "  the reason: %s",
       result->reason ? result->reason : "none");
    ok(!result->reason || (!strstr(result->reason, "cret") && !strstr(result->reason, "t1")),
       "  without a secret");
}

/* All at once: the provider of case N is at /N. */
static void each_fate(void)
{
    const char *order = "answers_by_path {", *url = provider.url;
    outbound_result_t result;
    int i, count = (int)(sizeof(fates) / sizeof(fates[0]));

    for (i = 0; i < count; i++) {
        order = apr_psprintf(pool, "%s%s\"/%d/oauth/token\":%s", order, i ? "," : "", i,
                             fates[i].token);
        order = apr_psprintf(pool, "%s,\"/%d/v1/a%%2Fb/fr_FR/pass-owners/7\":%s", order, i,
                             fates[i].put ? fates[i].put : "{}");
    }
    gateway_order(apr_pstrcat(pool, order, "}", NULL), pool);
    for (i = 0; i < count; i++) {
        provider.url = apr_psprintf(pool, "%s/%d", url, i);
        result = update("7");
        judged(&result, fates[i].what, fates[i].fate, fates[i].code, fates[i].alarm,
               fates[i].seconds);
        is_text(asked(), fates[i].put ? "token PUT" : "token", "  what was asked");
    }
    provider.url = url;
}

static void each_sequence(void)
{
    outbound_result_t result;
    size_t i;

    for (i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
        new_account();
        answers(sequences[i].answers);
        result = update("7");
        judged(&result, sequences[i].what, sequences[i].fate, sequences[i].code, sequences[i].alarm,
               sequences[i].seconds);
        is_text(asked(), sequences[i].asked, "  what was asked");
    }
}

static void nobody_there(void)
{
    outbound_result_t result;

    new_account();
    answers(TOKEN "," STATUS(200));
    update("7");
    gateway_order("down", pool);
    result = update("7");
    is_number(result.fate, OUTBOUND_AWAY, "nobody is there, with a token");
    new_account();
    result = update("7");
    is_number(result.fate, OUTBOUND_AWAY, "  and without one");
    ok(!result.alarm && strstr(result.reason, "no access token"), "  which is said: %s",
       result.reason);
    gateway_order("up", pool);
    asked();
}

/* ---- tokens ---- */

static void lives(void)
{
    static const struct {
        apr_int64_t seconds, kept_ms;
    } cases[] = {{3600, 3540000}, {121, 61000},      {120, 60000},
                 {61, 30500},     {1, 500},          {0, 0},
                 {-5, 0},         {86400, 86340000}, {APR_INT64_MAX, 86340000}};
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_number(apr_time_as_msec(outbound_token_life(cases[i].seconds)), cases[i].kept_ms,
                  apr_psprintf(pool, "a life of %" APR_INT64_T_FMT " s", cases[i].seconds));
    }
}

static void keeping(void)
{
    const char *user;

    new_account();
    answers(TOKEN "," STATUS(200));
    update("1");
    update("2");
    update("3");
    is_text(asked(), "token PUT PUT PUT", "a token is kept");
    user = provider.user;
    new_account();
    answers(TOKEN "," STATUS(200));
    update("1");
    is_text(asked(), "token PUT", "another client has another");
    provider.user = user;
    update("1");
    is_text(asked(), "PUT", "  and the first one its own still");
    provider.secret = "changed";
    answers(TOKEN "," STATUS(200));
    update("1");
    is_text(asked(), "token PUT", "another secret is another client");
    provider.secret = "s&cret +";

    new_account();
    answers(TOKEN_BODY(
        "{\\\"access_token\\\":\\\"t1\\\",\\\"expires_in\\\":\\\"1\\\"}") ",{}," TOKEN ",{}");
    update("1");
    apr_sleep(600 * 1000);
    update("1");
    is_text(asked(), "token PUT token PUT", "a short life has ended");
    new_account();
    answers(TOKEN_BODY("{\\\"access_token\\\":\\\"t1\\\",\\\"expires_in\\\":0}") ",{}," TOKEN
                                                                                 ",{}");
    update("1");
    update("1");
    is_text(asked(), "token PUT token PUT", "a token without a life is for once");
    new_account();
    answers(TOKEN_BODY("{\\\"access_token\\\":\\\"t1\\\"}") "," STATUS(200));
    update("1");
    update("1");
    is_text(asked(), "token PUT PUT", "one that does not say is kept for a while");
}

/* All requests of an update together take no longer than one call may; each of these alone is in
 * time. */
static void in_time(void)
{
    new_account();
    answers("{\"delay\":2.5,\"body\":\"{\\\"access_token\\\":\\\"t1\\\"}\"},{\"delay\":2.5}");
    is_number(update("1").fate, OUTBOUND_UNCERTAIN, "a slow provider is given up");
}

/* ---- identifiers and the outbox ---- */

static void identifiers(void)
{
    char *longest = apr_pcalloc(pool, 257);

    memset(longest, '1', 255);
    ok(outbound_wallet_identifier_ok("2990000012345") && outbound_wallet_identifier_ok("a/../b") &&
           outbound_wallet_identifier_ok(longest),
       "identifiers");
    longest[255] = '1';
    ok(!outbound_wallet_identifier_ok("") && !outbound_wallet_identifier_ok(".") &&
           !outbound_wallet_identifier_ok("..") && !outbound_wallet_identifier_ok(longest),
       "what none can be");
    is_text(outbound_wallet_escape("aZ09-._~", pool), "aZ09-._~", "what stays in a path");
    is_text(outbound_wallet_escape("/?#%&=+ :@\n\xff", pool),
            "%2F%3F%23%25%26%3D%2B%20%3A%40%0A%FF", "what does not");
}

static const char *content(const char *name)
{
    char text[2000];
    apr_size_t len = sizeof(text) - 1;
    apr_file_t *file;

    if (apr_file_open(&file, apr_pstrcat(pool, outbound->outbox, "/", name, NULL), APR_FOPEN_READ,
                      0, pool) != APR_SUCCESS) {
        return "no such file";
    }
    if (apr_file_read(file, text, &len) != APR_SUCCESS) {
        len = 0;
    }
    apr_file_close(file);
    return apr_pstrmemdup(pool, text, len);
}

static void outbox(void)
{
    outbound_card_t card = {.id = "M7", .identifier = "299 \"7\"", .values = values};
    const char *first = "{\"method\":\"PUT\",\"path\":\"\\/v1\\/{accountId}\\/{projectId}\\/"
                        "pass-owners\\/299%20%227%22\",\"body\":{\"counters\":{\"points\":120},"
                        "\"metadatas\":{}}}";
    outbound_result_t result;
    json_object *read;
    const char *text, *why;

    outbound_wallet_update(&result, outbound, NULL, &card, pool);
    is_number(result.fate, OUTBOUND_SENT, "without a provider");
    is_text(result.reference, "M7.json", "  it becomes a file");
    text = content("M7.json");
    ok(crm360_json_parse(&read, &why, text, strlen(text), pool) == APR_SUCCESS, "  of JSON");
    is_text(json_object_to_json_string_ext(read, JSON_C_TO_STRING_PLAIN), first,
            "  which says what would be sent");
    json_object_object_add(values, "Points", json_object_new_int(121));
    outbound_wallet_update(&result, outbound, NULL, &card, pool);
    is_number(result.fate, OUTBOUND_SENT, "when things have changed meanwhile");
    ok(strstr(content("M7.json"), "121") != NULL, "  the file is as they are now");
    json_object_object_add(values, "Points", json_object_new_int(120));
}

int main(void)
{
    const char *why;

    tools_start();
    if (!gateway_start() || outbound_make(&outbound, apr_pstrcat(pool, folder, "/outbox", NULL),
                                          4 * APR_USEC_PER_SEC, pool) != APR_SUCCESS) {
        printf("Bail out! no gateway\n");
        return 1;
    }
    provider.kind = "captainwallet";
    provider.url = gateway.url;
    provider.secret = "s&cret +";
    provider.account = "a/b";
    provider.project = "fr_FR";
    if (crm360_json_parse(&values, &why, "{\"Points\":120}", 14, pool) != APR_SUCCESS) {
        return 1;
    }
    request();
    each_fate();
    each_sequence();
    nobody_there();
    lives();
    keeping();
    in_time();
    identifiers();
    outbox();
    gateway_stop();
    return tap_done();
}
