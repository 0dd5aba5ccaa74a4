/*
 * Log lines: as text, as JSON, and with anything in them. Whatever a caller, a database or Redis
 * has written, a line stays one line and one object, and no field is another one's.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include <limits.h>

#include "core/json.h"
#include "core/log_line.h"
#include "core/status.h"
#include "t/unit/tap.h"

#define ID "01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Order-Insert"

static char said[CRM360_LOG_TEXT_BYTES];
static apr_status_t said_rv;
static char object[CRM360_LOG_JSON_BYTES];

static void keep_text(void *baton, crm360_log_level_t level, apr_status_t rv, const char *text)
{
    (void)baton;
    (void)level;
    said_rv = rv;
    apr_cpystrn(said, text, sizeof said);
}

static void keep_json(void *baton, const crm360_log_line_t *line)
{
    (void)baton;
    crm360_log_line_json(object, line, APR_TIME_C(1795449480123456), 77);
}

static crm360_log_message_t whole(void)
{
    const crm360_log_message_t message = {.id = ID,
                                          .database = "acme/prod",
                                          .route = "Shopify/Order/Insert",
                                          .attempt = 2,
                                          .outcome = "retry",
                                          .took = 12345,
                                          .trace = "4bf92f3577b34da6a3ce929d0e0e4736"};

    return message;
}

/* ---- text ---- */

static void text(void)
{
    crm360_log_message_t message = whole();

    crm360_log_set(keep_text, NULL, CRM360_LOG_INFO);
    crm360_log(CRM360_LOG_WARNING, APR_EGENERAL, CRM360_LOGNO(0101) "one %s", "two");
    is_text(said, "CRM0101: one two", "a line is its code and its words");
    is_number(said_rv, APR_EGENERAL, "the status comes beside it");
    crm360_log(CRM360_LOG_INFO, APR_SUCCESS, "a\nb\tc\x1b[2J\x7f");
    is_text(said, "a?b?c?[2J?", "control characters are none any more");
    crm360_log_message(CRM360_LOG_WARNING, &message, CRM360_LOGNO(0310) "failed: %s", "no");
    is_text(said,
            "CRM0310: id=" ID " database=acme/prod route=Shopify/Order/Insert attempt=2 "
            "outcome=retry ms=12 trace=4bf92f3577b34da6a3ce929d0e0e4736: failed: no",
            "a line about a message has what is known of it in front");
    crm360_log_message(CRM360_LOG_INFO, &message, "%s", "");
    ok(strstr(said, "0e0e4736") && !strstr(said, "4736:"), "and no words where there are none");
    message = (crm360_log_message_t){.id = "x y=z\n", .outcome = "dead", .took = -1};
    crm360_log_message(CRM360_LOG_INFO, &message, "why");
    is_text(said, "id=x?y?z? outcome=dead: why", "a field ends where it ends");
    crm360_log(CRM360_LOG_DEBUG, APR_SUCCESS, "details");
    ok(!strstr(said, "details"), "what nobody wants is not written");
}

/* ---- JSON ---- */

static json_object *parsed(apr_pool_t *pool)
{
    json_object *value = NULL;
    const char *why = "";

    if (crm360_json_parse(&value, &why, object, strlen(object), pool) != APR_SUCCESS) {
        printf("# %s: %s\n", why, object);
        return NULL;
    }
    return strchr(object, '\n') ? NULL : value;
}

static const char *member(json_object *value, const char *name)
{
    json_object *found;

    return json_object_object_get_ex(value, name, &found) ? json_object_get_string(found) : NULL;
}

static void json(apr_pool_t *pool)
{
    crm360_log_message_t message = whole();
    json_object *value;

    crm360_log_set_lines(keep_json, NULL, CRM360_LOG_INFO);
    crm360_log_message(CRM360_LOG_WARNING, &message, CRM360_LOGNO(0310) "failed: %s", "no");
    is_text(object,
            "{\"time\":\"2026-11-23T15:58:00.123Z\",\"level\":\"warning\",\"code\":\"CRM0310\","
            "\"pid\":77,\"id\":\"" ID "\",\"database\":\"acme/prod\","
            "\"route\":\"Shopify/Order/Insert\",\"attempt\":2,\"outcome\":\"retry\",\"ms\":12,"
            "\"trace\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"message\":\"failed: no\"}",
            "a line about a message");
    crm360_log_message(CRM360_LOG_INFO, &message, "%s", "");
    value = parsed(pool);
    ok(value && strcmp(member(value, "message"), "retry") == 0, "without words, its outcome");
    crm360_log(CRM360_LOG_ERROR, CRM360_EAWAY, CRM360_LOGNO(0101) "Redis");
    value = parsed(pool);
    ok(value && strncmp(member(value, "message"), "Redis (", 7) == 0 && !member(value, "id"),
       "a line about none, with its status");
    crm360_log(CRM360_LOG_INFO, APR_SUCCESS, "%s", "CRM0666: not ours");
    value = parsed(pool);
    ok(value && !member(value, "code"), "a code in somebody's text is none");
    is_text(value ? member(value, "message") : "", "CRM0666: not ours", "but text");
}

/* What is in the words, and in a field, comes out as it was, or harmless. */
static void hostile(apr_pool_t *pool)
{
    static const struct {
        const char *text;
        const char *want;
    } cases[] = {
        {"\",\"level\":\"info\",\"x\":\"", "\",\"level\":\"info\",\"x\":\""},
        {"\\", "\\"},
        {"\\\"}\n{\"time\":\"x\"}", "\\\"}?{\"time\":\"x\"}"},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"caf\xe9", "caf\xef\xbf\xbd"},
        {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xc0\xaf\xff\xf4\x90\x80\x80",
         "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf0\x9f\x98\x80 outcome=done", "\xf0\x9f\x98\x80 outcome=done"},
    };
    int i;

    for (i = 0; i < (int)(sizeof cases / sizeof cases[0]); i++) {
        crm360_log_message_t message = {.id = cases[i].text, .took = -1};
        json_object *value;

        crm360_log_message(CRM360_LOG_ERROR, &message, "%s", cases[i].text);
        value = parsed(pool);
        is_text(value ? member(value, "message") : NULL, cases[i].want, "hostile words");
        is_text(value ? member(value, "id") : NULL, cases[i].want, "a hostile field");
        is_text(value ? member(value, "level") : NULL, "error", "forge no other field");
    }
}

/* However long everything is, of whatever bytes. */
static void lengths(apr_pool_t *pool)
{
    static const char *const bytes[] = {"a", "\"", "\xff", "\xe2\x82\xac", "\n"};
    int bad = 0, len, i;

    for (i = 0; i < (int)(sizeof bytes / sizeof bytes[0]); i++) {
        for (len = 1; len < 1100; len += 1 + len / 50) {
            char *text = apr_palloc(pool, (apr_size_t)len * 4 + 1);
            crm360_log_message_t message;
            int n;

            *text = '\0';
            for (n = 0; n < len; n++) {
                strcat(text + strlen(text), bytes[i]);
            }
            message = (crm360_log_message_t){text, text, text, INT_MAX, text, 1, text};
            crm360_log_message(CRM360_LOG_ERROR, &message, "%s", text);
            bad += !parsed(pool);
        }
    }
    is_number(bad, 0, "a line of any length is one object");
    ok(strlen(object) < CRM360_LOG_JSON_BYTES, "that a pipe takes whole");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    text();
    json(pool);
    hostile(pool);
    lengths(pool);
    is_number(crm360_log_priority(CRM360_LOG_ERROR), 3, "an error is one to the journal");
    is_number(crm360_log_priority(CRM360_LOG_TRACE), 7, "and bytes are for debugging");
    apr_terminate();
    return tap_done();
}
