/*
 * Mail copies: what the text says of a webhook of any kind, what is attached, and to whom nothing
 * is sent. Nothing that a caller sends passes for another line, another field or another charset.
 */
#include <apr_general.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <stdlib.h>

#include "core/charset.h"
#include "handlers/content_mail.h"
#include "handlers/content_text.h"
#include "outbound/mail.h"
#include "t/unit/tap.h"

#define ID "01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Order-Insert"
#define TARGET "/x/QueueProcess/acme/prod/Shopify/Order/Insert"

static apr_pool_t *pool;

/* What a test says of a message. */
typedef struct sent_t {
    const char *query;
    const char *type; /* Content-Type */
    const char *body;
    apr_size_t length; /* of a body with NULs; 0 = strlen */
} sent_t;

static apr_status_t free_body(void *body)
{
    free(body);
    return APR_SUCCESS;
}

static crm360_message_t *message_of(const sent_t *sent)
{
    crm360_message_t *message = apr_pcalloc(pool, sizeof(*message));
    apr_table_t *headers = apr_table_make(pool, 4);

    message->id = ID ".mail";
    message->route = crm360_route_by_name("Shopify/Order/Insert");
    message->received = apr_time_from_sec(1772500000);
    message->customer = "acme";
    message->database = "prod";
    message->email = "Ops@acme.example";
    message->peer = "192.0.2.1";
    message->method = "POST";
    message->host = "crm.example";
    message->target = apr_pstrcat(pool, TARGET, sent->query ? "?" : "", sent->query, NULL);
    if (sent->type) {
        apr_table_add(headers, "Content-Type", sent->type);
    }
    apr_table_add(headers, "X-Kind", "a");
    apr_table_add(headers, "X-Kind", "b");
    message->headers = headers;
    message->body_len = sent->length ? sent->length : sent->body ? strlen(sent->body) : 0;
    /* Not NUL-terminated, in a block whose end a sanitizer sees. */
    message->body = malloc(message->body_len + !message->body_len);
    apr_pool_cleanup_register(pool, message->body, free_body, apr_pool_cleanup_null);
    if (message->body_len) {
        memcpy((void *)message->body, sent->body, message->body_len);
    }
    return message;
}

/* The text of what is sent; or of its body alone. */
static const char *text_of(const sent_t *sent)
{
    return content_text(message_of(sent), 0, pool);
}

static const char *body_of(const sent_t *sent)
{
    const char *from = strchr(strstr(text_of(sent), "\nBODY, ") + 1, '\n') + 1;
    const char *end = strstr(from, "\nThe request is attached");

    return apr_pstrmemdup(pool, from, (apr_size_t)(end - from));
}

static void whole(void)
{
    sent_t sent = {.query = "SourceId=12&Email=ops%40acme.example&x=a%0Ab&%zz&y",
                   .type = "application/json; charset=utf-8",
                   .body = "{\"id\":5801234567890123456789,\"name\":\"L\xC3\xA9"
                           "a\",\"tags\":[],\"o\":{},\"lines\":[{\"a\":1.50},2]}"};
    sent_t nothing = {.query = NULL};

    is_text(text_of(&sent),
            "Shopify/Order/Insert, sent to acme/prod\n"
            "\n"
            "Message:  " ID "\n"
            "Received: 2026-03-03 01:06:40 UTC\n"
            "Caller:   192.0.2.1\n"
            "Request:  POST " TARGET "\n"
            "\n"
            "PARAMETERS\n"
            "SourceId: 12\n"
            "Email: ops@acme.example\n"
            "x: a\n"
            "    b\n"
            "%zz: \n"
            "y: \n"
            "\n"
            "HEADER FIELDS\n"
            "Host: crm.example\n"
            "Content-Type: application/json; charset=utf-8\n"
            "X-Kind: a\n"
            "X-Kind: b\n"
            "\n"
            "BODY, 83 bytes\n"
            "{\n"
            "  \"id\": 5801234567890123456789,\n"
            "  \"name\": \"L\xC3\xA9"
            "a\",\n"
            "  \"tags\": [],\n"
            "  \"o\": {},\n"
            "  \"lines\": [\n"
            "    {\n"
            "      \"a\": 1.50\n"
            "    },\n"
            "    2\n"
            "  ]\n"
            "}\n"
            "\n"
            "The request is attached as it came, without credentials.\n",
            "a whole text");
    ok(strstr(text_of(&nothing), "PARAMETERS\n(none)\n") &&
           strstr(text_of(&nothing), "BODY, 0 bytes\n(none)\n"),
       "nothing is said to be nothing");
}

static void bodies(void)
{
    static const struct {
        const char *what;
        sent_t sent;
        const char *body;
    } rows[] = {
        {"a form",
         {.type = "application/x-www-form-urlencoded", .body = "texte=d%C3%A9j%E0+vu&x=1%262&y"},
         "texte: d\xC3\xA9j\xEF\xBF\xBD vu\nx: 1&2\ny: \n"},
        {"a form that names its charset",
         {.type = "application/x-www-form-urlencoded; charset=ISO-8859-15",
          .body = "t=%A4+%E9t%E9"},
         "t: \xE2\x82\xAC \xC3\xA9t\xC3\xA9\n"},
        {"a form with a line of its own in a value",
         {.type = "application/x-www-form-urlencoded", .body = "a=1%0D%0Ab:%202%0D%0A&c=3%00"},
         "a: 1\n    b: 2\n    \nc: 3\n"},
        {"JSON that says it is a form",
         {.type = "application/x-www-form-urlencoded", .body = " [1,[]]"},
         "[\n  1,\n  []\n]\n"},
        {"Latin 1",
         {.type = "text/plain; charset=iso-8859-1", .body = "\xE9t\xE9"},
         "\xC3\xA9t\xC3\xA9\n"},
        {"UTF-16",
         {.type = "text/plain",
          .body = "\xFF\xFE"
                  "a\0\xE9\0",
          .length = 6},
         "a\xC3\xA9\n"},
        {"a text of several lines",
         {.type = "text/plain", .body = "a\r\nb\rc\n\nd\tz\n\n"},
         "a\nb\nc\n\nd\tz\n"},
        {"lines of JSON",
         {.type = "application/x-ndjson", .body = "{\"a\":1}\n{\"a\":2}\n"},
         "{\"a\":1}\n{\"a\":2}\n"},
        {"JSON that is broken",
         {.type = "application/json", .body = "{\"a\": 1 , }"},
         "{\"a\": 1 , }\n"},
        {"JSON that is cut", {.type = "application/json", .body = "[1,2"}, "[1,2\n"},
        {"JSON laid out otherwise",
         {.type = "application/json", .body = "{\n\n\"a\" :\t\"x \\\" , {\" ,\r\n\"b\":[ ]}\n"},
         "{\n  \"a\": \"x \\\" , {\",\n  \"b\": []\n}\n"},
        {"a picture",
         {.type = "image/png", .body = "\x89PNG\r\n\x1a\n\0\0", .length = 10},
         "(binary, see the attachment)\n"},
        {"NULs", {.body = "\0\0\0", .length = 3}, "(binary, see the attachment)\n"},
        {"bytes of no charset", {.body = "a\xFF\xC3\xA9"}, "a\xEF\xBF\xBD\xC3\xA9\n"},
        {"a form with a NUL in it",
         {.type = "application/x-www-form-urlencoded", .body = "a=1\0&b=2", .length = 8},
         "a=1&b=2\n"},
    };
    apr_size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        is_text(body_of(&rows[i].sent), rows[i].body, rows[i].what);
    }
}

/* Whether a text is cut where it must be, with whole characters to its end. */
static void is_cut(const char *body, const char *what)
{
    const char *end = strstr(body, "\n[cut here; there is more]\n");
    apr_size_t len = end ? (apr_size_t)(end - body) : 0;

    ok(end && len <= CONTENT_TEXT_MOST && len > CONTENT_TEXT_MOST - 8, "%s: cut", what);
    ok(len && !(body[len - 1] & 0x80 && (body[len - 1] & 0xC0) != 0x80), "  behind a character");
}

static void large(void)
{
    const apr_size_t most = 300000;
    char *many = apr_palloc(pool, 3 * most + 10);
    sent_t sent = {.body = many};
    apr_size_t i;

    memset(many, 'x', most);
    many[most] = '\0';
    is_cut(body_of(&sent), "a long text");
    many[CONTENT_TEXT_MOST] = '\0';
    ok(!strstr(body_of(&sent), "[cut"), "what just fits is whole");
    for (i = 0; i < most; i++) {
        memcpy(many + 2 * i, "\xC3\xA9", 2);
    }
    many[2 * most] = '\0';
    is_cut(body_of(&sent), "accents");
    many[0] = 'x';
    many[1] = 'x';
    memmove(many + 1, many + 2, 2 * most - 1);
    is_cut(body_of(&sent), "accents, one byte on");
    sent.type = "application/json";
    many[0] = '[';
    for (i = 0; i < most; i++) {
        memcpy(many + 1 + 2 * i, "1,", 2);
    }
    strcpy(many + 1 + 2 * most, "1]");
    is_cut(body_of(&sent), "JSON");
    ok(strncmp(body_of(&sent), "[\n  1,\n  1,\n", 12) == 0, "  laid out, as far as it goes");
    sent.type = "application/x-www-form-urlencoded";
    many[0] = '&';
    is_cut(body_of(&sent), "a form");
    memset(many, 'x', most);
    many[most] = '\0';
    sent.body = "";
    sent.query = many;
    ok(strstr(text_of(&sent), "\n[cut here; there is more]\n\nHEADER FIELDS") != NULL,
       "a long query is cut");
}

/* Whatever the bytes are, the text is valid UTF-8 and has no control character. */
static void random_bytes(int rounds)
{
    static const char *const types[] = {NULL, "application/json", "text/plain; charset=utf-16",
                                        "application/x-www-form-urlencoded; charset=latin1"};
    static const char letters[] = "{}[]\",:\\ \n%&=+a1\xC3\xA9\xFF\x01\r";
    apr_pool_t *all = pool;
    unsigned seed = 20261129;
    int i, bad = 0;

    for (i = 0; i < rounds; i++) {
        char body[200], query[60];
        sent_t sent = {.query = query, .type = types[i % 4], .body = body};
        apr_size_t len, k;
        const char *text;

        apr_pool_create(&pool, all);
        sent.length = (apr_size_t)(rand_r(&seed) % (int)sizeof(body));
        for (k = 0; k < sent.length; k++) {
            body[k] =
                i % 3 ? letters[rand_r(&seed) % (int)(sizeof(letters) - 1)] : (char)rand_r(&seed);
        }
        body[0] = sent.length ? body[0] : '\0';
        for (k = 0; k < sizeof(query) - 1; k++) {
            query[k] = letters[rand_r(&seed) % (int)(sizeof(letters) - 1)];
        }
        query[k] = '\0';
        text = text_of(&sent);
        bad += crm360_utf8_clean(&len, text, strlen(text), pool) != text;
        for (k = 0; text[k]; k++) {
            bad += apr_iscntrl(text[k]) && text[k] != '\n' && text[k] != '\t';
        }
        apr_pool_destroy(pool);
    }
    pool = all;
    is_number(bad, 0, "random bytes make a text that a mail can hold");
}

static const char *prepared(handler_send_t **send, const crm360_message_t *message,
                            const crm360_database_t *section)
{
    handler_context_t context = {.database = section};
    handler_result_t result = {.verdict = HANDLER_DONE};

    *send = NULL;
    if (handler_content_mail.prepare(&result, send, message, &context, pool) != APR_SUCCESS) {
        return "no success";
    }
    return result.verdict == HANDLER_DONE ? NULL : result.reason;
}

static crm360_database_t *section_of(const char *pattern, const char *from)
{
    crm360_database_t *section = apr_pcalloc(pool, sizeof(*section));

    section->customer = "acme";
    section->alias = "prod";
    section->email_from = from;
    if (pattern) {
        apr_array_header_t *patterns = apr_array_make(pool, 1, sizeof(const char *));

        APR_ARRAY_PUSH(patterns, const char *) = pattern;
        section->email_allow = patterns;
    }
    return section;
}

static void mail(void)
{
    sent_t sent = {.query = "SourceId=12&token=secret",
                   .type = "application/json",
                   .body = "{\"a\":1}\0\xFF",
                   .length = 9};
    crm360_message_t *message = message_of(&sent);
    const outbound_mail_t *made;
    handler_send_t *send;
    const char request[] = "POST " TARGET "?SourceId=12 HTTP/1.1\r\nHost: crm.example\r\n"
                           "Content-Type: application/json\r\nX-Kind: a\r\nX-Kind: b\r\n"
                           "Content-Length: 9\r\n\r\n{\"a\":1}\0\xFF";

    apr_table_add((apr_table_t *)message->headers, "Authorization", "Bearer secret");
    is_text(prepared(&send, message, section_of("*@acme.example", "crm@acme.example")), NULL,
            "an allowed recipient");
    ok(send && send->call && !handler_content_mail.repeatable, "is sent to, once");
    is_text(send->record.recipient, "ops@acme.example", "as is noted");
    made = send->job;
    is_text(made->id, ID ".mail", "the mail has the id of the copy");
    is_text(made->from, "crm@acme.example", "the sender of the section");
    is_number(made->to->nelts, 1, "one recipient");
    is_text(APR_ARRAY_IDX(made->to, 0, const char *), "Ops@acme.example", "who is the one");
    is_text(made->subject, "[acme/prod] Shopify/Order/Insert " ID, "the subject");
    ok(made->text && !made->html, "a text");
    is_text(made->attachment_name, ID ".http.txt", "the name of the attachment");
    ok(made->attachment_len == sizeof(request) - 1 &&
           memcmp(made->attachment, request, made->attachment_len) == 0,
       "which is the request, without a credential");
    is_text(prepared(&send, message, section_of("*@acme.example", NULL)), NULL, "into the outbox");
    is_text(((const outbound_mail_t *)send->job)->from, "crm360@outbox.invalid",
            "nobody has to be named as the sender");
}

static void refused(void)
{
    static const crm360_provider_t mailer = {.kind = "smtp"};
    sent_t sent = {.body = "x"};
    crm360_message_t *message = message_of(&sent);
    crm360_database_t *section = section_of("*@acme.example", NULL);
    handler_send_t *send;
    const char *why;

    why = prepared(&send, message, section_of(NULL, NULL));
    ok(why && strstr(why, "Crm360EmailAllow") && !send, "nobody is allowed by default");
    why = prepared(&send, message, section_of("boss@acme.example", NULL));
    ok(why && strstr(why, "Crm360EmailAllow") && !strstr(why, "ps@"), "nor who does not fit");
    section->providers[CRM360_SENDS_MAIL] = &mailer;
    why = prepared(&send, message, section);
    ok(why && strstr(why, "Crm360EmailFrom"), "a mailer wants to know who sends");
    section->email_from = "nobody";
    why = prepared(&send, message, section);
    ok(why && strstr(why, "Crm360EmailFrom") && !strstr(why, "nobody"), "by an address");
    message->email = NULL;
    why = prepared(&send, message, section);
    ok(why && strstr(why, "recipient"), "a copy for nobody");
    message->email = "nobody, really";
    why = prepared(&send, message, section_of("*", NULL));
    ok(why && strstr(why, "recipient") && !strstr(why, "nobody"), "or for no address");
}

static void attached(void)
{
    apr_size_t len = (10 << 20) + 5;
    char *much = memset(malloc(len), 'x', len);
    sent_t sent = {.body = much, .length = len};
    crm360_message_t *message = message_of(&sent);
    const outbound_mail_t *made;
    handler_send_t *send;

    is_text(prepared(&send, message, section_of("*", NULL)), NULL, "a very large one");
    made = send->job;
    is_number((long long)made->attachment_len, 10 << 20, "is attached as far as 10 MB");
    ok(strstr(made->text, "\nThe first 10485760 bytes of the request are attached") != NULL,
       "and the text says so");
    free(much);
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    whole();
    bodies();
    large();
    random_bytes(20000);
    mail();
    refused();
    attached();
    return tap_done();
}
