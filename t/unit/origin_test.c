/*
 * Requests against rules: each scheme with a fixed clock, what is decided before the body and what
 * with it, alternatives, and what a refused caller is told. The vectors of Standard Webhooks
 * (t/vectors/standard-webhooks.js) are what the reference implementation signed and verified.
 */
#include "t/unit/config_tools.h"

#include <sys/stat.h>

#include "core/encode.h"

#define NOW apr_time_from_sec(1767225600) /* 2026-01-01T00:00:00Z */
#define VECTORS "t/fixtures/vectors/standard-webhooks.tsv"
/* As openssl dgst -sha256 -hmac writes them, with the secret of now and the one before it. */
#define BODY "{\"id\":1}"
#define NOW_HEX "d52a1927f73218a6676710c9cb47cab679d5e0479d2446c2ec17e08008e71fab"
#define NOW_BASE64 "1SoZJ/cyGKZnZxDJy0fKtnnV4EedJEbC7BfggAjnH6s="
#define BEFORE_BASE64 "pppk7B7JttkG45PP63zI+MiZbGvB1Efz3OeMZQTwByY="
#define ZENDESK_BASE64 "MQxxM9bF5x6DF9oTny37PhMK3ot1xKfLU306LUeJLdc="
#define ZENDESK_EMPTY "73lnQwb+3AMcxVMrN1wS0+JOjED+oXORORbsScYBk3Y=" /* of an empty body */
#define SHA1_HEX "220714c5a2288ea671144ca712751d4b7a517ca9"

static const char *folder;

/* The rules that `lines` make for Shopify, $name being a file in `folder`; lines end with '\n'. */
static const apr_array_header_t *rules_of(const char *lines)
{
    crm360_database_t *database = make_target(CRM360_IN_DATABASE);
    char *state = NULL;
    char *line = apr_strtok(apr_pstrdup(pool, lines), "\n", &state);

    for (; line; line = apr_strtok(NULL, "\n", &state)) {
        const char *at = strchr(line, '$');
        const char *args =
            at ? apr_pstrcat(pool, apr_pstrmemdup(pool, line, (apr_size_t)(at - line)), folder, "/",
                             at + 1, NULL)
               : line;
        const char *fault = apply("Crm360Origin", database, args);

        if (fault) {
            ok(0, "%s", fault);
        }
    }
    return crm360_database_origins(database, crm360_route_by_name("Shopify/Order/Insert"));
}

/* A request: fields as "Name: value\n..." (repeated ones joined as httpd does), the query, and from
 * where it comes. */
static crm360_caller_t caller_of(const char *fields, const char *query, const char *address)
{
    apr_table_t *headers = apr_table_make(pool, 4);
    crm360_caller_t caller = {headers, query, NULL, NOW};
    char *state = NULL;
    char *line = apr_strtok(apr_pstrdup(pool, fields), "\n", &state);

    for (; line; line = apr_strtok(NULL, "\n", &state)) {
        char *colon = strchr(line, ':');

        *colon = '\0';
        apr_table_merge(headers, line, colon + 2);
    }
    apr_sockaddr_info_get(&caller.address, address, APR_UNSPEC, 0, 0, pool);
    return caller;
}

/* Both steps; the verdict, or the cause in brackets: "(...)" before the body, "[...]" with it. */
static const char *tried(const apr_array_header_t *rules, const crm360_caller_t *caller,
                         const char *body)
{
    const char *verdict;
    crm360_origin_found_t found = crm360_origin_head(&verdict, rules, caller, pool);

    if (found == CRM360_ORIGIN_PROVEN) {
        return verdict;
    }
    if (found != CRM360_ORIGIN_OPEN) {
        return apr_pstrcat(pool, "(", crm360_origin_cause(found), ")", NULL);
    }
    found = crm360_origin_body(&verdict, rules, caller, body, strlen(body), pool);
    return found == CRM360_ORIGIN_PROVEN
               ? verdict
               : apr_pstrcat(pool, "[", crm360_origin_cause(found), "]", NULL);
}

typedef struct case_t {
    const char *lines; /* NULL = those of the case before */
    const char *fields;
    const char *query;
    const char *body;
    const char *want;
} case_t;

static void run(const char *name, const case_t *cases, size_t count)
{
    const apr_array_header_t *rules = NULL;
    size_t i;

    for (i = 0; i < count; i++) {
        crm360_caller_t caller = caller_of(cases[i].fields, cases[i].query, "192.0.2.7");

        rules = cases[i].lines ? rules_of(cases[i].lines) : rules;
        is_text(tried(rules, &caller, cases[i].body), cases[i].want,
                apr_psprintf(pool, "%s %d: %s", name, (int)i + 1, cases[i].fields));
    }
}

#define WRONG "[no secret fits]"
#define WRONG_AT_ONCE "(no secret fits)"
#define ABSENT "(no proof)"
#define MALFORMED "(the proof is malformed, or was sent twice)"
#define STALE "(timestamp outside the window)"
#define ELSEWHERE "(not from one of the networks)"

static void shopify(void)
{
    static const case_t cases[] = {
        {"Shopify shopify $secret", "X-Shopify-Hmac-Sha256: " NOW_BASE64, NULL, BODY,
         "shopify; key=1"},
        {NULL, "x-shopify-hmac-sha256: " NOW_BASE64, NULL, BODY, "shopify; key=1"},
        {NULL, "X-Shopify-Hmac-Sha256: " BEFORE_BASE64, NULL, BODY, "shopify; key=2"},
        {NULL, "X-Shopify-Hmac-Sha256: " NOW_BASE64, NULL, BODY " ", WRONG},
        {NULL, "X-Shopify-Hmac-Sha256: " NOW_BASE64, NULL, "", WRONG},
        {NULL, "X-Shopify-Hmac-Sha256: " NOW_HEX, NULL, BODY, MALFORMED},
        {NULL, "X-Shopify-Hmac-Sha256: " NOW_BASE64 "\nX-Shopify-Hmac-Sha256: " NOW_BASE64, NULL,
         BODY, MALFORMED},
        {NULL, "X-Shopify-Topic: orders/create", NULL, BODY, ABSENT},
        {NULL, "", "hmac=" NOW_BASE64, BODY, ABSENT},
        {"Shopify shopify $secret networks=192.0.2.0/24", "X-Shopify-Hmac-Sha256: " NOW_BASE64,
         NULL, BODY, "shopify; key=1"},
        {"Shopify shopify $secret networks=198.51.100.0/24,192.0.2.8",
         "X-Shopify-Hmac-Sha256: " NOW_BASE64, NULL, BODY, ELSEWHERE},
    };

    run("shopify", cases, COUNT(cases));
}

static void hmac(void)
{
    static const case_t cases[] = {
        {"* tabology $secret", "Signature: " NOW_HEX, NULL, BODY, "tabology; key=1"},
        {NULL, "Signature: sha256=" NOW_HEX, NULL, BODY, "tabology; key=1"},
        {NULL, "Signature: sha256=" BEFORE_BASE64, NULL, BODY, "tabology; key=2"},
        {NULL, "Signature: " NOW_BASE64, NULL, BODY, "tabology; key=1"},
        {NULL, "Signature: sha256=sha256=" NOW_HEX, NULL, BODY, MALFORMED},
        {NULL, "Signature: sha1=" SHA1_HEX, NULL, BODY, MALFORMED},
        {"* hmac $secret header=X-Sign hash=sha1 encoding=hex prefix=sha1=",
         "X-Sign: sha1=" SHA1_HEX, NULL, BODY, "hmac; key=1"},
        {NULL, "X-Sign: " SHA1_HEX, NULL, BODY, MALFORMED},
        {NULL, "X-Sign: SHA1=" SHA1_HEX, NULL, BODY, MALFORMED},
        {NULL, "X-Sign: sha1=" NOW_HEX, NULL, BODY, MALFORMED},
        {"* hmac $secret header=X-Sign encoding=hex", "X-Sign: " NOW_BASE64, NULL, BODY, MALFORMED},
        {NULL, "X-Sign: " NOW_HEX, NULL, BODY, "hmac; key=1"},
        {NULL, "X-Sign: ", NULL, BODY, MALFORMED},
    };

    run("hmac", cases, COUNT(cases));
}

#define ZENDESK(signature, date)                                                                   \
    "X-Zendesk-Webhook-Signature: " signature "\nX-Zendesk-Webhook-Signature-Timestamp: " date

static void zendesk(void)
{
    static const case_t cases[] = {
        {"* zendesk $secret", ZENDESK(ZENDESK_BASE64, "2026-01-01T00:04:00Z"), NULL, BODY,
         "zendesk; key=1"},
        {NULL, ZENDESK(ZENDESK_EMPTY, "2026-01-01T00:04:00Z"), NULL, "", "zendesk; key=1"},
        {NULL, ZENDESK(ZENDESK_BASE64, "2026-01-01T00:04:00Z"), NULL, "", WRONG},
        {NULL, ZENDESK(ZENDESK_BASE64, "2026-01-01T00:03:59Z"), NULL, BODY, WRONG},
        {NULL, ZENDESK(ZENDESK_BASE64, "2026-01-01T01:04:00+01:00"), NULL, BODY, WRONG},
        {NULL, ZENDESK(ZENDESK_BASE64, "2026-01-01T00:05:01Z"), NULL, BODY, STALE},
        {NULL, ZENDESK(ZENDESK_BASE64, "2025-12-31T23:54:59Z"), NULL, BODY, STALE},
        {NULL, ZENDESK(ZENDESK_BASE64, "2025-12-31T23:55:00Z"), NULL, BODY, WRONG},
        {NULL, ZENDESK(ZENDESK_BASE64, "now"), NULL, BODY, MALFORMED},
        {NULL, ZENDESK(ZENDESK_BASE64, "2026-01-01T00:04:00Z\n" ZENDESK(ZENDESK_BASE64, "x")), NULL,
         BODY, MALFORMED},
        {NULL, "X-Zendesk-Webhook-Signature: " ZENDESK_BASE64, NULL, BODY, ABSENT},
        {"* zendesk $secret window=3m", ZENDESK(ZENDESK_BASE64, "2026-01-01T00:04:00Z"), NULL, BODY,
         STALE},
    };

    run("zendesk", cases, COUNT(cases));
}

#define AUTHORIZATION "Authorization: "

static void tokens(void)
{
    static const case_t cases[] = {
        {"* token $secret", "X-Crm360Api-Token: secret-of-now", NULL, BODY, "token; key=1"},
        {NULL, "X-Crm360Api-Token: secret-before", NULL, BODY, "token; key=2"},
        {NULL, AUTHORIZATION "Bearer secret-of-now", NULL, BODY, "token; key=1"},
        {NULL, AUTHORIZATION "bearer  secret-before", NULL, BODY, "token; key=2"},
        {NULL, "", "SourceId=1&token=secret-of-now", BODY, "token; key=1"},
        {NULL, "", "TOKEN=secret%2Dof-now", BODY, "token; key=1"},
        {NULL, "", "%74oken=secret-of-now&SourceId=1", BODY, "token; key=1"},
        {NULL, "", "token=secret-of-now&token=secret-of-now", BODY, MALFORMED},
        {NULL, "", "token=", BODY, WRONG_AT_ONCE},
        {NULL, "", "token", BODY, WRONG_AT_ONCE},
        {NULL, "", "token=secret-of-now%00", BODY, WRONG_AT_ONCE},
        {NULL, "", "xtoken=secret-of-now", BODY, ABSENT},
        {NULL, "", NULL, BODY, ABSENT},
        {NULL, "X-Crm360Api-Token: secret-of-no", NULL, BODY, WRONG_AT_ONCE},
        {NULL, "X-Crm360Api-Token: Secret-Of-Now", NULL, BODY, WRONG_AT_ONCE},
        {NULL, "X-Crm360Api-Token: secret-of-now\nX-Crm360Api-Token: secret-of-now", NULL, BODY,
         MALFORMED},
        {NULL, AUTHORIZATION "Bearersecret-of-now", NULL, BODY, ABSENT},
        {NULL, AUTHORIZATION "Basic secret-of-now", NULL, BODY, ABSENT},
        {NULL, AUTHORIZATION "Bearer of-somebody-else\nX-Crm360Api-Token: secret-of-now", NULL,
         BODY, "token; key=1"},
        {"* token $secret in=header", "", "token=secret-of-now", BODY, ABSENT},
        {"* token $secret in=url", "X-Crm360Api-Token: secret-of-now", NULL, BODY, ABSENT},
        {NULL, AUTHORIZATION "Bearer secret-of-now", "token=secret-before", BODY, "token; key=2"},
        {"* basic $basic", AUTHORIZATION "Basic bWFpbGpldDpmaXh0dXJlLXBhc3MtNDE=", NULL, BODY,
         "basic; key=1"},
        {NULL, AUTHORIZATION "BASIC  bWFpbGpldDpmaXh0dXJlLXBhc3MtNDE=", NULL, BODY, "basic; key=1"},
        {NULL, AUTHORIZATION "Basic bWFpbGpldDpmaXh0dXJlLXBhc3MtNDE", NULL, BODY, WRONG_AT_ONCE},
        {NULL, AUTHORIZATION "Basic bcOpbW86bcOpbW8tcGFzc3dvcmQ=", NULL, BODY, "basic; key=2"},
        {NULL, AUTHORIZATION "Basic bWFpbGpldDo=", NULL, BODY, WRONG_AT_ONCE},
        {NULL, AUTHORIZATION "Basic ", NULL, BODY, WRONG_AT_ONCE},
        {NULL, AUTHORIZATION "Basic", NULL, BODY, ABSENT},
        {NULL,
         AUTHORIZATION "Basic bWFpbGpldDpmaXh0dXJlLXBhc3MtNDE=\n" AUTHORIZATION
                       "Basic bWFpbGpldDpmaXh0dXJlLXBhc3MtNDE=",
         NULL, BODY, MALFORMED},
        {NULL, AUTHORIZATION "Bearer bWFpbGpldDpmaXh0dXJlLXBhc3MtNDE=", NULL, BODY, ABSENT},
    };

    run("token, basic", cases, COUNT(cases));
}

/* Alternatives, and the cause that is told of several. */
static void alternatives(void)
{
    static const case_t cases[] = {
        {"* none", "", NULL, BODY, "none"},
        {"Zendesk none", "", NULL, BODY, "(no rule)"},
        {"* networks 192.0.2.0/24", "", NULL, BODY, "networks"},
        {"* networks 192.0.3.0/24", "", NULL, BODY, ELSEWHERE},
        {"* shopify $secret\n* token $secret\n* networks 198.51.100.1",
         "X-Crm360Api-Token: secret-of-now", NULL, BODY, "token; key=1"},
        {NULL, "X-Shopify-Hmac-Sha256: " NOW_BASE64, NULL, BODY, "shopify; key=1"},
        {NULL, "X-Crm360Api-Token: x\nX-Shopify-Hmac-Sha256: " NOW_BASE64, NULL, BODY,
         "shopify; key=1"},
        {NULL, "X-Crm360Api-Token: x", NULL, BODY, WRONG_AT_ONCE},
        {NULL, "X-Crm360Api-Token: x\nX-Shopify-Hmac-Sha256: " NOW_BASE64, NULL, "{}", WRONG},
        {NULL, "", NULL, BODY, ELSEWHERE},
        {"* shopify $secret\n* shopify $other", "X-Shopify-Hmac-Sha256: " BEFORE_BASE64, NULL, BODY,
         "shopify; key=2"},
    };

    run("alternatives", cases, COUNT(cases));
}

static void addresses(void)
{
    const apr_array_header_t *rules = rules_of("* networks 192.0.2.0/25 2001:db8::/32\n");
    static const struct {
        const char *address;
        const char *want;
    } cases[] = {{"192.0.2.127", "networks"},      {"192.0.2.128", ELSEWHERE},
                 {"::ffff:192.0.2.1", "networks"}, {"2001:db8:ffff::1", "networks"},
                 {"2001:db9::1", ELSEWHERE},       {"::1", ELSEWHERE}};
    size_t i;

    for (i = 0; i < COUNT(cases); i++) {
        crm360_caller_t caller = caller_of("", NULL, cases[i].address);

        is_text(tried(rules, &caller, ""), cases[i].want, cases[i].address);
    }
}

/* ---- what is told ---- */

static void told(void)
{
    static const struct {
        const char *lines;
        const char *wanted;
        const char *challenges;
    } cases[] = {
        {"* shopify $secret", "a signature of the body, in X-Shopify-Hmac-Sha256",
         "Signature realm=\"crm360\""},
        {"* hmac $secret header=X-Sign-2\n* hmac $secret header=X-Sign\n* hmac $secret "
         "header=X-Sign",
         "a signature of the body, in X-Sign-2; or a signature of the body, in X-Sign",
         "Signature realm=\"crm360\""},
        {"* basic $basic\n* token $secret in=header",
         "user and password, in Authorization: Basic; or a token, in X-Crm360Api-Token or "
         "Authorization: Bearer",
         "Basic realm=\"crm360\", charset=\"UTF-8\", Bearer realm=\"crm360\""},
        {"* token $secret in=url", "a token, as the query parameter token",
         "Bearer realm=\"crm360\""},
        {"* networks 192.0.2.1", "a call from a network that is known here",
         "Signature realm=\"crm360\""},
        {"", "", "Signature realm=\"crm360\""},
    };
    size_t i;

    for (i = 0; i < COUNT(cases); i++) {
        const apr_array_header_t *rules = rules_of(cases[i].lines);

        is_text(crm360_origin_wanted(rules, pool), cases[i].wanted, cases[i].lines);
        is_text(crm360_origin_challenges(rules, pool), cases[i].challenges, "  its challenges");
    }
}

/* ---- vectors ---- */

enum { NAME, SECRET, ID, TIMESTAMP, SIGNATURE, BYTES, ARRIVED, SAID, COLUMNS };

static void vector(char *const *columns)
{
    const char *secret = write_file(folder, "whsec", columns[SECRET]);
    const apr_array_header_t *rules = rules_of("* standard-webhooks $whsec\n");
    crm360_caller_t caller =
        caller_of(apr_psprintf(pool, "webhook-id: %s\nwebhook-timestamp: %s\nwebhook-signature: %s",
                               columns[ID], columns[TIMESTAMP], columns[SIGNATURE]),
                  NULL, "192.0.2.7");
    const char *said;
    const char *body = "";
    apr_size_t len = 0;

    unlink(secret);
    caller.now = apr_time_from_sec(apr_atoi64(columns[ARRIVED]));
    if (*columns[BYTES] && crm360_base64_read(&body, &len, columns[BYTES], pool) != APR_SUCCESS) {
        ok(0, "%s: its body", columns[NAME]);
    }
    said = tried(rules, &caller, body);
    is_text(strcmp(said, "standard-webhooks; key=1") == 0 ? "yes" : "no", columns[SAID],
            apr_psprintf(pool, "%s: %s", columns[NAME], said));
}

static void vectors(void)
{
    char text[16384];
    int count = 0;
    apr_file_t *file;

    if (apr_file_open(&file, VECTORS, APR_FOPEN_READ | APR_FOPEN_BUFFERED, 0, pool) !=
        APR_SUCCESS) {
        ok(0, "%s cannot be read", VECTORS);
        return;
    }
    while (apr_file_gets(text, sizeof(text), file) == APR_SUCCESS) {
        char *columns[COLUMNS];
        char *at = text;
        int i;

        text[strcspn(text, "\n")] = '\0';
        for (i = 0; i < COLUMNS; i++) {
            char *tab = strchr(at, '\t');

            columns[i] = at;
            at = tab ? tab + 1 : at + strlen(at);
            if (tab) {
                *tab = '\0';
            }
        }
        vector(columns);
        count++;
    }
    apr_file_close(file);
    ok(count > 300, "there are vectors: %d", count);
}

int main(void)
{
    static const char *const names[] = {"secret", "other", "basic"};
    char name[] = "/tmp/crm360-origin-XXXXXX";
    size_t i;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    folder = mkdtemp(name);
    if (!folder) {
        return 1;
    }
    write_file(folder, names[0], "secret-of-now\nsecret-before\n");
    write_file(folder, names[1], "another-secret\n");
    write_file(folder, names[2], "mailjet:fixture-pass-41\nm\xc3\xa9mo:m\xc3\xa9mo-password\n");
    shopify();
    hmac();
    zendesk();
    tokens();
    alternatives();
    addresses();
    told();
    vectors();
    for (i = 0; i < COUNT(names); i++) {
        unlink(apr_pstrcat(pool, folder, "/", names[i], NULL));
    }
    rmdir(folder);
    return tap_done();
}
