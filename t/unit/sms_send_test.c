/*
 * The two SMS gateways: what they are asked, byte for byte, whatever stands in the fields; what
 * each of their documented answers means; the outbox; and who may be named as sender.
 */
#include "outbound/sms.h"

#include <apr_file_io.h>
#include <stdlib.h>

#include "core/json.h"
#include "core/params.h"
#include "outbound/http.h"
#include "outbound/primotexto.h"
#include "outbound/smsbox.h"
#include "t/unit/gateway_tools.h"
#include "t/unit/tap.h"

#define ID "01JDCW3T2XQ5M7V9K0B4Z8R6AE-Crm360-Sms-Send"

static apr_pool_t *pool;
static outbound_t *outbound;
static crm360_provider_t primotexto = {.kind = "primotexto", .secret = "k3y"};
static crm360_provider_t smsbox = {.kind = "smsbox", .secret = "k3y"};

/* ---- answers ---- */

#define SENT OUTBOUND_SENT
#define REFUSED OUTBOUND_REFUSED
#define FAILED OUTBOUND_FAILED
#define AWAY OUTBOUND_AWAY
#define UNCERTAIN OUTBOUND_UNCERTAIN
#define NOTHING OUTBOUND_SAYS_NOTHING
#define UNREACHABLE OUTBOUND_SAYS_UNREACHABLE
#define UNSUBSCRIBED OUTBOUND_SAYS_UNSUBSCRIBED

typedef struct case_t {
    int status;
    const char *body;
    outbound_fate_t fate;
    int alarm;
    outbound_says_t says;
    const char *code;
    const char *reference;
} case_t;

#define CODE(status, code, fate, alarm, says)                                                      \
    {                                                                                              \
        status, "{\"code\":" code ",\"message\":\"x\"}", fate, alarm, says, code, NULL             \
    }

static const case_t of_primotexto[] = {
    {200, "{\"snapshotId\":\"386479\",\"creditsUsed\":1.0}", SENT, 0, NOTHING, "HTTP 200",
     "386479"},
    {200, "{\"snapshotId\":386479}", SENT, 0, NOTHING, "HTTP 200", "386479"},
    {200, "{\"snapshotId\":12345678901234567890123}", SENT, 0, NOTHING, "HTTP 200",
     "12345678901234567890123"},
    {200, " \r\n{\"creditsUsed\":1.0,\"snapshotId\":\"a/b \\u00e9\"}\n", SENT, 0, NOTHING,
     "HTTP 200", "a/b \xC3\xA9"},
    CODE(400, "10", REFUSED, 0, UNREACHABLE),
    CODE(400, "11", REFUSED, 0, UNREACHABLE),
    CODE(400, "12", REFUSED, 0, UNSUBSCRIBED),
    CODE(400, "13", REFUSED, 0, UNREACHABLE),
    CODE(400, "14", REFUSED, 0, UNREACHABLE),
    CODE(400, "15", REFUSED, 0, NOTHING),
    CODE(400, "16", REFUSED, 0, NOTHING),
    CODE(400, "17", REFUSED, 0, NOTHING),
    CODE(400, "18", REFUSED, 0, NOTHING),
    CODE(400, "19", REFUSED, 0, UNREACHABLE),
    CODE(400, "20", REFUSED, 0, NOTHING),
    CODE(400, "21", REFUSED, 0, NOTHING),
    CODE(400, "22", REFUSED, 0, NOTHING),
    CODE(400, "23", REFUSED, 0, NOTHING),
    CODE(400, "30", REFUSED, 0, NOTHING),
    CODE(400, "31", REFUSED, 0, NOTHING),
    CODE(400, "32", REFUSED, 0, NOTHING),
    CODE(400, "40", REFUSED, 0, NOTHING),
    CODE(400, "41", REFUSED, 0, NOTHING),
    CODE(400, "42", REFUSED, 0, NOTHING),
    CODE(400, "43", REFUSED, 0, NOTHING),
    CODE(400, "44", AWAY, 1, NOTHING),
    CODE(400, "45", REFUSED, 0, NOTHING),
    CODE(400, "46", REFUSED, 0, NOTHING),
    CODE(400, "47", REFUSED, 0, NOTHING),
    CODE(400, "48", REFUSED, 0, NOTHING),
    CODE(400, "60", REFUSED, 0, NOTHING),
    CODE(400, "61", REFUSED, 0, NOTHING),
    CODE(400, "62", REFUSED, 0, NOTHING),
    CODE(403, "70", AWAY, 1, NOTHING),
    CODE(402, "71", AWAY, 1, NOTHING),
    CODE(401, "72", AWAY, 1, NOTHING),
    CODE(400, "73", REFUSED, 0, NOTHING),
    CODE(400, "74", REFUSED, 0, NOTHING),
    CODE(400, "75", REFUSED, 0, NOTHING),
    CODE(429, "76", AWAY, 0, NOTHING),
    CODE(400, "90", REFUSED, 0, NOTHING),
    CODE(400, "91", REFUSED, 0, NOTHING),
    CODE(403, "92", AWAY, 1, NOTHING),
    CODE(404, "93", AWAY, 1, NOTHING),
    CODE(404, "94", AWAY, 1, NOTHING),
    CODE(400, "95", REFUSED, 0, NOTHING),
    CODE(400, "120", REFUSED, 0, NOTHING),
    CODE(400, "121", REFUSED, 0, NOTHING),
    CODE(500, "1000", UNCERTAIN, 0, NOTHING),
    /* The code says it, whatever the status is; also as text. */
    CODE(200, "12", REFUSED, 0, UNSUBSCRIBED),
    CODE(500, "71", AWAY, 1, NOTHING),
    {400, "{\"code\":\"12\"}", REFUSED, 0, UNSUBSCRIBED, "12", NULL},
    /* It says both: no code of success is known, so it was not taken. */
    {200, "{\"code\":32,\"snapshotId\":\"1\"}", REFUSED, 0, NOTHING, "32", NULL},
    /* A code of later days: the status decides. */
    {400, "{\"code\":77,\"message\":\"x\"}", REFUSED, 0, NOTHING, "HTTP 400", NULL},
    {200, "{\"code\":77,\"message\":\"x\"}", UNCERTAIN, 0, NOTHING, "HTTP 200", NULL},
    {500, "{\"code\":77,\"message\":\"x\"}", UNCERTAIN, 0, NOTHING, "HTTP 500", NULL},
    /* What cannot be read. */
    {200, "", UNCERTAIN, 0, NOTHING, "HTTP 200", NULL},
    {200, "{\"snapshotId\":", UNCERTAIN, 0, NOTHING, "HTTP 200", NULL},
    {200, "{\"snapshotId\":null}", UNCERTAIN, 0, NOTHING, "HTTP 200", NULL},
    {200, "{\"snapshotId\":\"\"}", UNCERTAIN, 0, NOTHING, "HTTP 200", NULL},
    {200, "{\"snapshotId\":{}}", UNCERTAIN, 0, NOTHING, "HTTP 200", NULL},
    {200, "{\"snapshotId\":1.5}", UNCERTAIN, 0, NOTHING, "HTTP 200", NULL},
    {200, "[]", UNCERTAIN, 0, NOTHING, "HTTP 200", NULL},
    {200, "null", UNCERTAIN, 0, NOTHING, "HTTP 200", NULL},
    {200, "<html>login</html>", UNCERTAIN, 0, NOTHING, "HTTP 200", NULL},
    {302, "", UNCERTAIN, 0, NOTHING, "HTTP 302", NULL},
    {401, "", AWAY, 1, NOTHING, "HTTP 401", NULL},
    {429, "slow down", AWAY, 0, NOTHING, "HTTP 429", NULL},
    {503, "<html>", AWAY, 0, NOTHING, "HTTP 503", NULL},
    {503, "{\"snapshotId\":\"abc\"}", UNCERTAIN, 0, NOTHING, "HTTP 503", "abc"},
    {401, "{\"snapshotId\":\"abc\"}", UNCERTAIN, 0, NOTHING, "HTTP 401", "abc"},
    {502, "<html>", UNCERTAIN, 0, NOTHING, "HTTP 502", NULL},
    {400, "{\"code\":{}}", REFUSED, 0, NOTHING, "HTTP 400", NULL},
    {400, "{\"code\":-12}", REFUSED, 0, NOTHING, "HTTP 400", NULL},
    {400, "{\"code\":12.0}", REFUSED, 0, NOTHING, "HTTP 400", NULL},
    {400, "{\"code\":99999999999999999999}", REFUSED, 0, NOTHING, "HTTP 400", NULL},
};

static const case_t of_smsbox[] = {
    {200, "OK", SENT, 0, NOTHING, "HTTP 200", NULL},
    {200, "OK 123456789012", SENT, 0, NOTHING, "HTTP 200", "123456789012"},
    {200, " OK 123456789012\r\n", SENT, 0, NOTHING, "HTTP 200", "123456789012"},
    {200, "OK 123456789012,123456789013", SENT, 0, NOTHING, "HTTP 200", "123456789012"},
    {200, "ERROR 01", REFUSED, 0, NOTHING, "01", NULL},
    {200, "ERROR 02", AWAY, 1, NOTHING, "02", NULL},
    {200, "ERROR 03", AWAY, 1, NOTHING, "03", NULL},
    {200, "ERROR 04", REFUSED, 0, UNREACHABLE, "04", NULL},
    {200, "ERROR 05", FAILED, 0, NOTHING, "05", NULL},
    {200, "ERROR", REFUSED, 0, NOTHING, "ERROR", NULL},
    {200, "ERROR 04\n", REFUSED, 0, UNREACHABLE, "04", NULL},
    {500, "ERROR 05", FAILED, 0, NOTHING, "05", NULL},
    {200, "ERROR 06", UNCERTAIN, 0, NOTHING, "HTTP 200", NULL},
    {200, "ERROR 1", UNCERTAIN, 0, NOTHING, "HTTP 200", NULL},
    {200, "OKAY", UNCERTAIN, 0, NOTHING, "HTTP 200", NULL},
    {200, "OK x", UNCERTAIN, 0, NOTHING, "HTTP 200", NULL},
    {200, "OK ,5", UNCERTAIN, 0, NOTHING, "HTTP 200", NULL},
    {200, "OK 123456789012345678901", UNCERTAIN, 0, NOTHING, "HTTP 200", NULL},
    {200, "ok 5", UNCERTAIN, 0, NOTHING, "HTTP 200", NULL},
    {200, "", UNCERTAIN, 0, NOTHING, "HTTP 200", NULL},
    {200, "<html>OK 5</html>", UNCERTAIN, 0, NOTHING, "HTTP 200", NULL},
    {500, "OK 5", UNCERTAIN, 0, NOTHING, "HTTP 500", "5"},
    {503, "OK 5", UNCERTAIN, 0, NOTHING, "HTTP 503", "5"},
    {403, "OK", UNCERTAIN, 0, NOTHING, "HTTP 403", NULL},
    {401, "", AWAY, 1, NOTHING, "HTTP 401", NULL},
    {429, "", AWAY, 0, NOTHING, "HTTP 429", NULL},
    {503, "", AWAY, 0, NOTHING, "HTTP 503", NULL},
};

typedef void read_t(outbound_result_t *result, const outbound_answer_t *answer, apr_pool_t *pool);

static void test_answers(const char *name, read_t *read, const case_t *cases, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        const case_t *c = &cases[i];
        outbound_answer_t answer = {.status = c->status,
                                    .body = c->body,
                                    .body_len = strlen(c->body),
                                    .retry_after = apr_time_from_sec(7)};
        outbound_result_t result;

        read(&result, &answer, pool);
        ok(result.fate == c->fate && result.alarm == c->alarm && result.says == c->says,
           "%s: answer %d", name, (int)i);
        is_text(result.code, c->code, "  its code");
        is_text(result.reference, c->reference, "  its reference");
        ok(!result.reason == (c->fate == SENT), "  %s", result.reason ? result.reason : "-");
        is_number(apr_time_sec(result.retry_after), 7, "  patience");
    }
}

/* An answer with a NUL in it is none. */
static void test_nul(void)
{
    outbound_answer_t answer = {.status = 200, .body = "OK\0 5", .body_len = 5};
    outbound_result_t result;

    outbound_smsbox_read(&result, &answer, pool);
    is_number(result.fate, UNCERTAIN, "Smsbox: a NUL in the answer");
}

/* ---- requests ---- */

/* Texts that would like to be something else. */
static const char *const texts[] = {
    "Mon SMS",
    "Votre commande est pr\xC3\xAAte : \xC3\xA0 bient\xC3\xB4t !",
    "10 \xE2\x82\xAC & plus + 5% = [oui] ?",
    "\xF0\x9F\x98\x80",
    "a&dest=33600000000&msg=b",
    "a%0a%0D%00&b=%26",
    "line 1\nline 2\r\nline 3",
    "\"},\"number\":\"+33600000000\",\"x\":{\"y\":\"",
    "quote \" backslash \\ slash / apostrophe ' \x01\x1F\x7F",
    "</script><b>\xE2\x80\xA8\xE2\x80\xA9",
    "{{var:Prenom}} %s %n \xEF\xBF\xBD",
};

#define TEXTS (sizeof(texts) / sizeof(texts[0]))

/* The bytes that the gateway has got; its tool spells each byte above 0x7F as a character. */
static const char *bytes_said(const char *member)
{
    const unsigned char *s = (const unsigned char *)gateway_said(-1, member, pool);
    char *bytes = apr_pstrdup(pool, (const char *)s);
    char *at = bytes;

    for (; *s; s++) {
        if (*s >= 0x80) {
            *at++ = (char)((s[0] & 0x03) << 6 | (s[1] & 0x3F));
            s++;
        }
        else {
            *at++ = (char)*s;
        }
    }
    *at = '\0';
    return bytes;
}

static outbound_result_t send_one(const crm360_provider_t *provider, const char *text,
                                  const char *sender, int is_marketing)
{
    outbound_sms_t sms = {.id = ID,
                          .number = "+33612345678",
                          .sender = sender,
                          .text = text,
                          .is_marketing = is_marketing};
    outbound_result_t result;

    outbound_sms_send(&result, outbound, provider, &sms, pool);
    return result;
}

static void is_member(json_object *object, const char *name, const char *want)
{
    json_object *member = NULL;

    json_object_object_get_ex(object, name, &member);
    is_text(json_object_get_string(member), want, apr_pstrcat(pool, "  ", name, NULL));
}

static void test_primotexto(void)
{
    outbound_result_t result;
    json_object *body;
    const char *why;
    size_t i;

    gateway_order("answers {\"body\":\"{\\\"snapshotId\\\":\\\"386479\\\"}\"}", pool);
    for (i = 0; i < TEXTS; i++) {
        const char *said;

        result = send_one(&primotexto, texts[i], i % 2 ? "CRM360" : NULL, i == 2);
        ok(result.fate == SENT, "Primotexto: text %d", (int)i);
        is_text(result.reference, "386479", "  its reference");
        said = bytes_said("body");
        if (crm360_json_parse(&body, &why, said, strlen(said), pool) != APR_SUCCESS) {
            ok(0, "  %s", why);
            continue;
        }
        is_number(json_object_object_length(body), i % 2 ? 5 : 4, "  members");
        is_member(body, "number", "+33612345678");
        is_member(body, "message", texts[i]);
        is_member(body, "sender", i % 2 ? "CRM360" : NULL);
        is_member(body, "campaignName", ID);
        is_member(body, "category", i == 2 ? "crm360-marketing" : "crm360-transactional");
        is_text(gateway_said(-1, "path", pool),
                i == 2 ? "/v2/marketing/messages/send" : "/v2/notification/messages/send",
                "  its path");
    }
    is_text(gateway_said(-1, "method", pool), "POST", "Primotexto: its method");
    is_text(gateway_said(-1, "headers.x-primotexto-apikey", pool), "k3y", "  the key");
    is_text(gateway_said(-1, "headers.content-type", pool), "application/json", "  the type");
    primotexto.sender = "SHOP";
    (void)send_one(&primotexto, "x", NULL, 0);
    ok(strstr(bytes_said("body"), "\"sender\":\"SHOP\"") != NULL, "  the configured sender");
    (void)send_one(&primotexto, "x", "CRM360", 0);
    ok(strstr(bytes_said("body"), "\"sender\":\"CRM360\"") != NULL, "  the command's own wins");
}

/* A value of the form that was sent last; NULL = none, or twice. */
static const char *form_value(const char *name)
{
    const char *rest = bytes_said("body"), *value = NULL, *decoded;
    crm360_param_pair_t pair;

    while (crm360_params_next(&pair, &rest)) {
        if (pair.name_len != strlen(name) || strncmp(pair.name, name, pair.name_len) != 0) {
            continue;
        }
        if (value ||
            crm360_params_decode(&decoded, pair.value, pair.value_len, pool) != APR_SUCCESS) {
            return NULL;
        }
        value = decoded;
    }
    return value;
}

static void test_smsbox(void)
{
    outbound_result_t result;
    size_t i;

    gateway_order("answers {\"body\":\"OK 123456789012\\n\"}", pool);
    for (i = 0; i < TEXTS; i++) {
        outbound_length_t length;
        const char *rest, *body;
        crm360_param_pair_t pair;
        int names = 0;

        result = send_one(&smsbox, texts[i], i % 2 ? "CRM360" : NULL, i == 2);
        ok(result.fate == SENT, "Smsbox: text %d", (int)i);
        is_text(result.reference, "123456789012", "  its reference");
        outbound_sms_length(&length, texts[i]);
        for (rest = body = bytes_said("body"); crm360_params_next(&pair, &rest); names++) {
        }
        is_number(names, i % 2 ? 10 : 9, "  names of the form");
        is_number((long long)strspn(body, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789-_.*~+%&="),
                  (long long)strlen(body), "  nothing that is not encoded");
        is_text(form_value("dest"), "33612345678", "  dest");
        is_text(form_value("msg"), texts[i], "  msg");
        is_text(form_value("charset"), "utf-8", "  charset");
        is_text(form_value("coding"), strcmp(length.encoding, "GSM-7") == 0 ? "default" : "unicode",
                "  coding");
        is_text(form_value("mode"), i % 2 ? "Expert" : "Standard", "  mode");
        is_text(form_value("origine"), i % 2 ? "CRM360" : NULL, "  origine");
        is_text(form_value("strategy"), i == 2 ? "4" : "2", "  strategy");
        is_text(form_value("id"), "1", "  id");
        is_text(form_value("callback"), "1", "  callback");
        is_text(form_value("cvar"), "crm360=" ID, "  cvar");
    }
    is_text(gateway_said(-1, "method", pool), "POST", "Smsbox: its method");
    is_text(gateway_said(-1, "path", pool), "/1.1/api.php", "  its path");
    is_text(gateway_said(-1, "headers.authorization", pool), "App k3y", "  the key");
    is_text(gateway_said(-1, "headers.content-type", pool), "application/x-www-form-urlencoded",
            "  the type");
    smsbox.mode = "Reponse";
    smsbox.strategy = "3";
    (void)send_one(&smsbox, "x", "CRM360", 0);
    is_text(form_value("mode"), "Reponse", "  the configured mode");
    is_text(form_value("origine"), NULL, "  which shows no sender");
    is_text(form_value("strategy"), "3", "  the configured strategy");
    (void)send_one(&smsbox, "x", "CRM360", 1);
    is_text(form_value("strategy"), "4", "  which marketing does not ask");
    smsbox.mode = "Expert";
    smsbox.sender = "SHOP";
    (void)send_one(&smsbox, "x", NULL, 0);
    is_text(form_value("origine"), "SHOP", "  the configured sender");
}

/* What is not answered as it should be, through the whole call. */
static void test_faults(const crm360_provider_t *provider, const char *refusal)
{
    static const struct {
        const char *how;
        outbound_fate_t fate;
    } cases[] = {
        {"\"how\":\"close\"", UNCERTAIN},   {"\"how\":\"reset\"", UNCERTAIN},
        {"\"how\":\"garbage\"", UNCERTAIN}, {"\"how\":\"never\"", UNCERTAIN},
        {"\"status\":500", UNCERTAIN},      {"\"status\":404", REFUSED},
        {"\"status\":503", AWAY},
    };
    outbound_result_t result;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gateway_order(apr_psprintf(pool, "answers {%s}", cases[i].how), pool);
        result = send_one(provider, "x", NULL, 0);
        ok(result.fate == cases[i].fate, "%s: %s: %s", provider->kind, cases[i].how, result.reason);
        ok(!strstr(result.reason, "k3y") && !strstr(result.reason, "612345678"),
           "  neither key nor number is told");
    }
    gateway_order(apr_psprintf(pool, "answers {\"body\":%s,\"how\":\"cut\"}", refusal), pool);
    is_number(send_one(provider, "x", NULL, 0).fate, UNCERTAIN, "half an answer");
    gateway_order("down", pool);
    is_number(send_one(provider, "x", NULL, 0).fate, AWAY, "nobody there");
    gateway_order("up", pool);
}

/* ---- outbox ---- */

static void test_outbox(void)
{
    const char *path = apr_pstrcat(pool, gateway.folder, "/outbox/" ID ".json", NULL);
    outbound_result_t result;
    size_t i;

    for (i = 0; i < TEXTS; i++) {
        json_object *file;

        remove(path);
        result = send_one(NULL, texts[i], i % 2 ? "CRM360" : NULL, 0);
        ok(result.fate == SENT, "outbox: text %d", (int)i);
        is_text(result.reference, ID ".json", "  its name");
        file = json_object_from_file(path);
        is_number(json_object_object_length(file), 6, "  members");
        is_member(file, "number", "+33612345678");
        is_member(file, "sender", i % 2 ? "CRM360" : NULL);
        is_member(file, "text", texts[i]);
        is_member(file, "encoding", i == 0 || i == 2 || (i > 3 && i < 8) ? "GSM-7" : "UCS-2");
        is_member(file, "segments", "1");
        json_object_put(file);
    }
}

/* ---- senders ---- */

static void test_senders(void)
{
    static const struct {
        const char *sender;
        int primotexto; /* whether it is taken */
        int smsbox;
    } cases[] = {
        {"CRM360", 1, 1},
        {"abc", 1, 1},
        {"ABCDEFGHIJK", 1, 1},
        {"ab", 0, 1},
        {"A", 0, 1},
        {"ABCDEFGHIJKL", 0, 0},
        {"12345", 0, 1},
        {"36180", 0, 1},
        {"123456789012345", 0, 1},
        {"1234567890123456", 0, 0},
        {"12345678901A", 0, 0},
        {"", 0, 0},
        {"Ma marque", 0, 0},
        {"Caf\xC3\xA9", 0, 0},
        {"A&B", 0, 0},
        {"A\r\nB", 0, 0},
        {"A%0aB", 0, 0},
        {"A\"B", 0, 0},
        {"+33612345678", 0, 0},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int first = !outbound_sms_sender_fault(&primotexto, cases[i].sender);
        int second = !outbound_sms_sender_fault(&smsbox, cases[i].sender);
        int third = !outbound_sms_sender_fault(NULL, cases[i].sender);

        ok(first == cases[i].primotexto && second == cases[i].smsbox && third == second,
           "sender number %d", (int)i);
    }
    is_text(outbound_sms_sender_fault(&primotexto, "1"),
            "3 to 11 letters A to Z and digits, not digits alone", "what Primotexto takes");
    is_text(outbound_sms_sender_fault(&smsbox, "-"),
            "1 to 11 letters A to Z and digits, or at most 15 digits", "what Smsbox takes");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    if (!gateway_start() ||
        outbound_make(&outbound, apr_pstrcat(pool, gateway.folder, "/outbox", NULL),
                      4 * APR_USEC_PER_SEC, pool) != APR_SUCCESS) {
        printf("Bail out! no gateway\n");
        return 1;
    }
    primotexto.url = smsbox.url = gateway.url;
    test_answers("Primotexto", outbound_primotexto_read, of_primotexto,
                 sizeof(of_primotexto) / sizeof(of_primotexto[0]));
    test_answers("Smsbox", outbound_smsbox_read, of_smsbox,
                 sizeof(of_smsbox) / sizeof(of_smsbox[0]));
    test_nul();
    test_primotexto();
    test_smsbox();
    test_faults(&primotexto, "\"{\\\"snapshotId\\\":\\\"1\\\"}\"");
    test_faults(&smsbox, "\"OK 123456789\"");
    test_outbox();
    test_senders();
    gateway_stop();
    apr_pool_destroy(pool);
    apr_terminate();
    return tap_done();
}
