/*
 * Mails by Mailjet: what is asked of it, and what its answers mean, good, bad and senseless.
 * (mailjet_test.c is about what it tells us.)
 */
#include "outbound/mailjet.h"

#include <apr_general.h>

#include "core/json.h"
#include "t/unit/gateway_tools.h"
#include "t/unit/tap.h"

static apr_pool_t *pool;
static outbound_t *outbound;
static crm360_provider_t provider = {
    .kind = "mailjet", .user = "public", .secret = "private \"key\" %s"};

static const char *of(const char *what, int count)
{
    apr_size_t len = strlen(what);
    char *text = apr_palloc(pool, len * (apr_size_t)count + 1);
    int i;

    for (i = 0; i < count; i++) {
        memcpy(text + len * (apr_size_t)i, what, len);
    }
    text[len * (apr_size_t)count] = '\0';
    return text;
}

static outbound_mail_t fresh(void)
{
    outbound_mail_t mail = {.id = "01JDCW3T2XQ5M7V9K0B4000001-Crm360-Email-Send",
                            .from = "shop@example.fr",
                            .subject = "Subject",
                            .text = "Text"};
    apr_array_header_t *to = apr_array_make(pool, 2, sizeof(const char *));

    APR_ARRAY_PUSH(to, const char *) = "ann@example.org";
    mail.to = to;
    return mail;
}

static const char GOOD[] =
    "{\"Messages\":[{\"Status\":\"success\",\"CustomID\":\"x\",\"To\":[{\"Email\":"
    "\"ann@example.org\",\"MessageUUID\":\"1ab23cd4-e567-8901-2345-6789f0gh1i2j\","
    "\"MessageID\":576460754655154659,\"MessageHref\":\"https://api.mailjet.com/v3/message/1\"}],"
    "\"Cc\":[],\"Bcc\":[]}]}";

#define ERROR(code, status)                                                                        \
    "{\"ErrorIdentifier\":\"f987\",\"ErrorCode\":\"" code "\",\"StatusCode\":" status              \
    ",\"ErrorMessage\":\"\\\"ann@example.org\\\" is wrong\",\"ErrorRelatedTo\":[\"From\"]}"
#define MESSAGE(errors) "{\"Messages\":[{\"Status\":\"error\",\"Errors\":[" errors "]}]}"

static const struct {
    const char *members;
    const char *body;
    outbound_fate_t fate;
    int alarm;
    const char *code;
    const char *reason; /* part of it */
    int seconds;        /* of retry_after */
} cases[] = {
    {"\"status\":200", MESSAGE(ERROR("mj-0013", "400")), OUTBOUND_REFUSED, 0, "mj-0013",
     "an address is not valid", 0},
    {"\"status\":400", MESSAGE(ERROR("mj-0013", "400")), OUTBOUND_REFUSED, 0, "mj-0013",
     "an address is not valid", 0},
    {"\"status\":400", MESSAGE(ERROR("mj-0006", "400")), OUTBOUND_REFUSED, 0, "mj-0006", "255", 0},
    {"\"status\":403", MESSAGE(ERROR("send-0008", "403")), OUTBOUND_REFUSED, 0, "send-0008",
     "not validated", 0},
    {"\"status\":400", MESSAGE(ERROR("mj-0004", "400") "," ERROR("mj-0001", "401")), OUTBOUND_AWAY,
     1, "mj-0001", "suspended", 0},
    {"\"status\":400", MESSAGE(ERROR("send-9999", "400")), OUTBOUND_REFUSED, 0, "send-9999",
     "Mailjet answers send-9999", 0},
    {"\"status\":200", MESSAGE(ERROR("send-9999", "403")), OUTBOUND_AWAY, 1, "send-9999",
     "send-9999", 0},
    {"\"status\":200", MESSAGE(ERROR("send-9999", "500")), OUTBOUND_UNCERTAIN, 0, "send-9999",
     "send-9999", 0},
    {"\"status\":200", MESSAGE(ERROR("send-9999", "200")), OUTBOUND_UNCERTAIN, 0, "send-9999",
     "send-9999", 0},
    {"\"status\":200", MESSAGE("{}"), OUTBOUND_UNCERTAIN, 0, "HTTP 200", "HTTP 200", 0},
    {"\"status\":200", MESSAGE(""), OUTBOUND_UNCERTAIN, 0, "HTTP 200", "HTTP 200", 0},
    {"\"status\":200", "{\"Messages\":[{\"Status\":\"error\"}]}", OUTBOUND_UNCERTAIN, 0, "HTTP 200",
     "HTTP 200", 0},
    {"\"status\":400", MESSAGE(ERROR("ann@example.org", "400")), OUTBOUND_REFUSED, 0, "HTTP 400",
     "HTTP 400", 0},
    {"\"status\":400", ERROR("mj-0002", "400"), OUTBOUND_REFUSED, 0, "mj-0002", "cannot read", 0},
    {"\"status\":401", ERROR("mj-0015", "401"), OUTBOUND_AWAY, 1, "mj-0015", "keys", 0},
    {"\"status\":401", "", OUTBOUND_AWAY, 1, "HTTP 401", "HTTP 401", 0},
    {"\"status\":403", "<html>", OUTBOUND_AWAY, 1, "HTTP 403", "HTTP 403", 0},
    {"\"status\":429,\"headers\":{\"Retry-After\":\"90\"}", "{}", OUTBOUND_AWAY, 0, "HTTP 429",
     "HTTP 429", 90},
    {"\"status\":429,\"headers\":{\"Retry-After\":\"30\"}", ERROR("mj-0099", "429"), OUTBOUND_AWAY,
     0, "mj-0099", "mj-0099", 30},
    {"\"status\":503", "{\"Messages\":[{\"Status\":\"success\"}]}", OUTBOUND_UNCERTAIN, 0,
     "HTTP 503", "but with HTTP 503", 0},
    {"\"status\":503", "", OUTBOUND_AWAY, 0, "HTTP 503", "HTTP 503", 0},
    {"\"status\":500", ERROR("mj-9999", "500"), OUTBOUND_UNCERTAIN, 0, "mj-9999", "mj-9999", 0},
    {"\"status\":500", GOOD, OUTBOUND_UNCERTAIN, 0, "HTTP 500", "HTTP 500", 0},
    {"\"status\":502", "<html>", OUTBOUND_UNCERTAIN, 0, "HTTP 502", "HTTP 502", 0},
    {"\"status\":200", "", OUTBOUND_UNCERTAIN, 0, "HTTP 200", "without saying", 0},
    {"\"status\":200", "<html>OK</html>", OUTBOUND_UNCERTAIN, 0, "HTTP 200", "without saying", 0},
    {"\"status\":200", "{}", OUTBOUND_UNCERTAIN, 0, "HTTP 200", "without saying", 0},
    {"\"status\":200", "[]", OUTBOUND_UNCERTAIN, 0, "HTTP 200", "without saying", 0},
    {"\"status\":200", "null", OUTBOUND_UNCERTAIN, 0, "HTTP 200", "without saying", 0},
    {"\"status\":200", "{\"Messages\":{}}", OUTBOUND_UNCERTAIN, 0, "HTTP 200", "without saying", 0},
    {"\"status\":200", "{\"Messages\":[]}", OUTBOUND_UNCERTAIN, 0, "HTTP 200", "without saying", 0},
    {"\"status\":200", "{\"Messages\":[7]}", OUTBOUND_UNCERTAIN, 0, "HTTP 200", "without", 0},
    {"\"status\":200", "{\"Messages\":[{\"Status\":\"queued\"}]}", OUTBOUND_UNCERTAIN, 0,
     "HTTP 200", "without saying", 0},
    {"\"status\":200", "{\"Messages\":[{\"Status\":\"success\"", OUTBOUND_UNCERTAIN, 0, "HTTP 200",
     "without saying", 0},
    {"\"how\":\"close\"", "", OUTBOUND_UNCERTAIN, 0, NULL, "no whole answer", 0},
    {"\"how\":\"cut\"", "{\"Messages\":[{\"Status\":\"success\"}]}", OUTBOUND_UNCERTAIN, 0, NULL,
     "no whole answer", 0},
    {"\"how\":\"garbage\"", "", OUTBOUND_UNCERTAIN, 0, NULL, "no whole answer", 0},
    {"\"how\":\"never\"", "", OUTBOUND_UNCERTAIN, 0, NULL, "no whole answer", 0},
};

/* Each case is an answer of its own base address, <gateway>/<number>; every other is answered
 * well. */
static void set_answers(void)
{
    const char *order = "answers_by_path {";
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        order = apr_psprintf(pool, "%s\"/%d/v3.1/send\":{%s,\"body\":%s},", order, (int)i,
                             cases[i].members, crm360_json_quote(cases[i].body, pool));
    }
    gateway_order(
        apr_psprintf(pool, "%s\"/v3.1/send\":{\"body\":%s}}", order, crm360_json_quote(GOOD, pool)),
        pool);
}

static void answers(void)
{
    outbound_mail_t mail = fresh();
    outbound_result_t result;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        crm360_provider_t one = provider;
        int good;

        one.url = apr_psprintf(pool, "%s/%d", gateway.url, (int)i);
        outbound_mail_send(&result, outbound, &one, &mail, pool);
        good = result.fate == cases[i].fate && result.alarm == cases[i].alarm && result.reason &&
               strstr(result.reason, cases[i].reason) && !strstr(result.reason, "ann@") &&
               (cases[i].code ? result.code && strcmp(result.code, cases[i].code) == 0
                              : !result.code) &&
               apr_time_sec(result.retry_after) == cases[i].seconds &&
               !result.reference == (strcmp(cases[i].body, GOOD) != 0);
        ok(good, "%s %.60s", cases[i].members, cases[i].body);
        if (!good) {
            printf("# fate %d, alarm %d, code %s, reason %s\n", (int)result.fate, result.alarm,
                   result.code ? result.code : "none", result.reason ? result.reason : "none");
        }
    }
    is_number(gateway_count(pool), (long long)i, "each was asked for once");
    gateway_order("down", pool);
    outbound_mail_send(&result, outbound, &provider, &mail, pool);
    is_number(result.fate, OUTBOUND_AWAY, "nobody there");
    gateway_order("up", pool);
}

/* The message of the last request, as compact JSON. */
static const char *asked(void)
{
    json_object *body, *list;
    const char *why;
    const char *text = gateway_said(-1, "body", pool);

    if (crm360_json_parse(&body, &why, text, strlen(text), pool) != APR_SUCCESS ||
        json_object_object_length(body) != 1 ||
        !json_object_object_get_ex(body, "Messages", &list) ||
        json_object_array_length(list) != 1) {
        return "no message";
    }
    return json_object_to_json_string_ext(json_object_array_get_idx(list, 0),
                                          JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

static void requests(void)
{
    outbound_mail_t mail = fresh();
    outbound_result_t result;

    outbound_mail_send(&result, outbound, &provider, &mail, pool);
    ok(result.fate == OUTBOUND_SENT && !result.reason, "a mail is sent");
    is_text(result.reference, "1ab23cd4-e567-8901-2345-6789f0gh1i2j", "known by its UUID");
    is_text(gateway_said(-1, "method", pool), "POST", "by POST");
    is_text(gateway_said(-1, "path", pool), "/v3.1/send", "at its place");
    is_text(gateway_said(-1, "headers.content-type", pool), "application/json", "as JSON");
    is_text(gateway_said(-1, "headers.authorization", pool),
            "Basic cHVibGljOnByaXZhdGUgImtleSIgJXM=", "with both keys");
    is_text(asked(),
            "{\"From\":{\"Email\":\"shop@example.fr\"},\"To\":[{\"Email\":\"ann@example.org\"}],"
            "\"Subject\":\"Subject\",\"TextPart\":\"Text\","
            "\"CustomID\":\"01JDCW3T2XQ5M7V9K0B4000001-Crm360-Email-Send\"}",
            "the least of mails");

    mail = fresh();
    APR_ARRAY_PUSH((apr_array_header_t *)mail.to, const char *) = "bob@example.org";
    mail.from_name = "The \"Shop\"\r\n, <x@y.fr>";
    mail.reply_to = "help@example.fr";
    mail.subject = "a\r\nBcc: b";
    mail.html = "<p>{{var:x}} \"\\</p>";
    mail.text = NULL;
    mail.attachment = "bytes";
    mail.attachment_len = 5;
    mail.attachment_name = "a.txt";
    mail.attachment_type = "text/plain";
    outbound_mail_send(&result, outbound, &provider, &mail, pool);
    is_text(asked(),
            "{\"From\":{\"Email\":\"shop@example.fr\",\"Name\":\"The \\\"Shop\\\"  , <x@y.fr>\"},"
            "\"To\":[{\"Email\":\"ann@example.org\"},{\"Email\":\"bob@example.org\"}],"
            "\"ReplyTo\":{\"Email\":\"help@example.fr\"},\"Subject\":\"a  Bcc: b\","
            "\"TextPart\":\"{{var:x}} \\\"\\\\\",\"HTMLPart\":\"<p>{{var:x}} \\\"\\\\</p>\","
            "\"Attachments\":[{\"ContentType\":\"text/plain\",\"Filename\":\"a.txt\","
            "\"Base64Content\":\"Ynl0ZXM=\"}],"
            "\"CustomID\":\"01JDCW3T2XQ5M7V9K0B4000001-Crm360-Email-Send\"}",
            "all that a mail can have, each in its place");
}

/* Texts that try to be something else stay texts. */
static void hostile(void)
{
    const char *const values[] = {"\",\"Bcc\":[{\"Email\":\"eve@example.org\"}],\"x\":\"",
                                  "\\",
                                  "\r\n\r\n",
                                  "a\xFF\xFE",
                                  "%0d%0a",
                                  "\x01",
                                  of("\r\nBcc: eve@example.org", 500),
                                  of("\"", 5000)};
    outbound_result_t result;
    json_object *body;
    const char *why = "", *text;
    size_t i;
    int bad = 0;

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        outbound_mail_t mail = fresh();

        mail.from_name = mail.subject = mail.text = values[i];
        outbound_mail_send(&result, outbound, &provider, &mail, pool);
        text = gateway_said(-1, "body", pool);
        if (result.fate != OUTBOUND_SENT || strstr(asked(), "\"Bcc\"") != NULL ||
            crm360_json_parse(&body, &why, text, strlen(text), pool) != APR_SUCCESS) {
            bad++;
            printf("# value %d: %s, %s\n", (int)i, result.reason ? result.reason : "sent", why);
        }
    }
    is_number(bad, 0, "hostile values stay in their places");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    if (!gateway_start() ||
        outbound_make(&outbound, "/nowhere", 4 * APR_USEC_PER_SEC, pool) != APR_SUCCESS) {
        printf("Bail out! no gateway\n");
        return 1;
    }
    provider.url = gateway.url;
    set_answers();
    answers();
    requests();
    hostile();
    gateway_stop();
    apr_pool_destroy(pool);
    return tap_done();
}
