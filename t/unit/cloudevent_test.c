/*
 * CloudEvents: modes by their fields; attributes in fields and in JSON, valid and not; the data as
 * handlers get it, byte for byte; and what is never unwrapped.
 */
#include "core/cloudevent.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "tap.h"

static apr_pool_t *pool;

static apr_table_t *fields(const char *name, const char *value)
{
    apr_table_t *table = apr_table_make(pool, 4);

    apr_table_set(table, name, value);
    return table;
}

/* ---- modes ---- */

static void test_modes(void)
{
    static const struct {
        const char *name;
        const char *value;
        crm360_event_mode_t want;
    } rows[] = {
        {"X", "y", CRM360_EVENT_NONE},
        {"Content-Type", "application/json", CRM360_EVENT_NONE},
        {"Content-Type", "text/cloudevents+json", CRM360_EVENT_NONE},
        {"ce-id", "1", CRM360_EVENT_NONE},
        {"ce-specversion", "1.0", CRM360_EVENT_BINARY},
        {"CE-SpecVersion", "", CRM360_EVENT_BINARY},
        {"Content-Type", "application/cloudevents+json", CRM360_EVENT_STRUCTURED},
        {"content-type", "Application/CloudEvents+JSON;charset=utf-8", CRM360_EVENT_STRUCTURED},
        {"Content-Type", "application/cloudevents+json ; charset=UTF-8", CRM360_EVENT_STRUCTURED},
        {"Content-Type", "application/cloudevents-batch+json", CRM360_EVENT_OTHER},
        {"Content-Type", "application/cloudevents+avro; x=y", CRM360_EVENT_OTHER},
        {"Content-Type", "application/cloudevents", CRM360_EVENT_OTHER},
        {"Content-Type", "application/cloudevents+jsonx", CRM360_EVENT_OTHER},
    };
    apr_table_t *both = fields("ce-specversion", "1.0");
    apr_size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        is_number(crm360_cloudevent_mode(fields(rows[i].name, rows[i].value)), rows[i].want,
                  apr_psprintf(pool, "%s: %s", rows[i].name, rows[i].value));
    }
    apr_table_set(both, "Content-Type", "application/cloudevents+json");
    is_number(crm360_cloudevent_mode(both), CRM360_EVENT_STRUCTURED, "Content-Type counts more");
}

/* ---- binary mode ---- */

static void test_binary(void)
{
    static const struct {
        const char *id;
        const char *want; /* decoded; NULL = refused */
    } ids[] = {
        {"A234-1234-1234", "A234-1234-1234"},
        {"Euro%20%E2%82%AC%20%f0%9f%98%80", "Euro \xE2\x82\xAC \xF0\x9F\x98\x80"},
        {"%41%2d%3A", "A-:"},
        {"a+b", "a+b"},
        {"%2541", "%41"}, /* one round */
        {"\"a b\"", "a b"},
        {"\"a\\\"b\\\\c\"", "a\"b\\c"},
        {"\"%41\"", "A"},
        {"\xC3\xA9", "\xC3\xA9"},
        {"\"", "\""},
        {"", NULL},
        {"\"\"", NULL},
        {"%", NULL},
        {"a%4", NULL},
        {"%zz", NULL},
        {"%C0%A0", NULL},
        {"%E2%82", NULL},
        {"%ED%A0%80", NULL},
        {"\xE9", NULL},
        {"a%00b", NULL},
        {"a%0Db", NULL},
        {"a%7F", NULL},
        {"%C2%80", NULL},
        {"a\tb", NULL},
    };
    static const char *const required[] = {"specversion", "id", "source", "type"};
    crm360_param_error_t error;
    crm360_cloudevent_t event;
    apr_size_t i;
    int fault;

    for (i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        apr_table_t *table = fields("CE-ID", ids[i].id);
        apr_status_t rv;

        apr_table_set(table, "ce-specversion", "1.0");
        apr_table_set(table, "ce-source", "/s");
        apr_table_set(table, "ce-type", "t");
        rv = crm360_cloudevent_read(&event, &error, table, "", 0, pool);
        is_text(rv == APR_SUCCESS ? event.id : NULL, ids[i].want,
                apr_psprintf(pool, "ce-id: %s", ids[i].id));
        ok(rv == APR_SUCCESS || strcmp(error.parameter, "id") == 0, "  named when it is wrong");
    }
    for (i = 0; i < 4; i++) {
        for (fault = 0; fault < 3; fault++) {
            apr_table_t *table = apr_table_make(pool, 4);
            const char *name = apr_pstrcat(pool, "ce-", required[i], NULL);

            apr_table_set(table, "ce-specversion", "1.0");
            apr_table_set(table, "ce-id", "1");
            apr_table_set(table, "ce-source", "/s");
            apr_table_set(table, "ce-type", "t");
            if (fault < 2) {
                apr_table_set(table, name, fault ? "" : "%");
            }
            else {
                apr_table_unset(table, name);
            }
            ok(crm360_cloudevent_read(&event, &error, table, "{}", 2, pool) == APR_EINVAL &&
                   strcmp(error.parameter, required[i]) == 0 && strstr(error.detail, required[i]),
               "%s wrong, empty or missing (%d)", name, fault);
        }
    }
}

/* ---- structured mode ---- */

#define E "\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\""

static apr_status_t read_text(crm360_cloudevent_t *event, crm360_param_error_t *error,
                              const char *text)
{
    return crm360_cloudevent_read(event, error, fields("Content-Type", CRM360_EVENT_TYPE), text,
                                  strlen(text), pool);
}

static void test_data(void)
{
    static const struct {
        const char *text;
        const char *data;
        const char *type;
    } rows[] = {
        {"{" E "}", "", "application/json"},
        {"{" E ",\"data\":null}", "", "application/json"},
        {"{" E ",\"data\": {\"a\" : 1.50e0,\"a\":[ ]} }", "{\"a\" : 1.50e0,\"a\":[ ]}",
         "application/json"},
        {"\xEF\xBB\xBF\n{\"data\":[1, 2 ,\t3]," E "}\r\n", "[1, 2 ,\t3]", "application/json"},
        {"{" E ",\"data\":12.30}", "12.30", "application/json"},
        {"{" E ",\"data\":true}", "true", "application/json"},
        {"{" E ",\"data\":\"\"}", "", "application/json"},
        {"{" E ",\"data\":\"<a>\\u00e9\\n\\\"\"}", "<a>\xC3\xA9\n\"", "application/json"},
        {"{" E ",\"data\":\"a=1\",\"datacontenttype\":\"application/x-www-form-urlencoded\"}",
         "a=1", "application/x-www-form-urlencoded"},
        {"{" E ",\"data\":\"x\",\"datacontenttype\":\"text/xml; charset=latin1\"}", "x",
         "text/xml"},
        {"{" E ",\"data\":\"x\",\"datacontenttype\":null}", "x", "application/json"},
        {"{" E ",\"data_base64\":\"eyJhIjoxfQ==\"}", "{\"a\":1}", "application/json"},
        {"{" E ",\"data_base64\":\"Pz8\\/\",\"datacontenttype\":\"text/plain;charset=latin1\"}",
         "?\?\?", "text/plain;charset=latin1"},
        {"{" E ",\"data_base64\":\"\"}", "", "application/json"},
        {"{" E ",\"d\\u0061ta\":[7]}", "[7]", "application/json"},
        {"{" E ",\"subject\":\"x\",\"time\":\"y\",\"Data\":1,\"ext\":{\"data\":2},\"data\":[8]}",
         "[8]", "application/json"},
    };
    crm360_param_error_t error = {NULL, NULL};
    crm360_cloudevent_t event;
    const char *data;
    apr_size_t i, len;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!ok(read_text(&event, &error, rows[i].text) == APR_SUCCESS, "an event: %s",
                rows[i].text)) {
            printf("# %s\n", error.detail);
            continue;
        }
        data = crm360_cloudevent_data(&len, &event, pool);
        is_text(apr_pstrmemdup(pool, data, len), rows[i].data, "  its data");
        is_number((long long)len, (long long)strlen(rows[i].data), "  of that length");
        is_text(event.content_type, rows[i].type, "  and type");
        ok(!strcmp(event.id, "1") && !strcmp(event.source, "/s"), "  its attributes");
    }
    ok(read_text(&event, &error,
                 "{\"specversion\":\"1.0\",\"id\":\"\\ud83d\\ude00\\\\ud83d\",\"source\":\"/s\","
                 "\"type\":\"t\"}") == APR_SUCCESS &&
           strcmp(event.id, "\xF0\x9F\x98\x80\\ud83d") == 0,
       "a whole surrogate pair is one character");
}

static void test_bad(void)
{
    static const struct {
        const char *text;
        const char *parameter;
    } rows[] = {
        {"", NULL},
        {"[]", NULL},
        {"[{" E "}]", NULL},
        {"\"x\"", NULL},
        {"{" E, NULL},
        {"{" E "} x", NULL},
        {"{" E "}{}", NULL},
        {"{" E ",}", NULL},
        {"{" E " \"data\":1}", NULL},
        {"{" E ",\"data\":{\"a\":}}", NULL},
        {"{" E ",\"data\":}", NULL},
        {"{" E ",\"data\"}", NULL},
        {"{" E ",data:1}", NULL},
        {"{" E ",1:1}", NULL},
        {"{}", "specversion"},
        {"{\"specversion\":\"1.0\",\"source\":\"/s\",\"type\":\"t\"}", "id"},
        {"{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"/s\",\"type\":\"t\"}", "id"},
        {"{\"specversion\":\"1.0\",\"id\":7,\"source\":\"/s\",\"type\":\"t\"}", "id"},
        {"{\"specversion\":\"1.0\",\"id\":null,\"source\":\"/s\",\"type\":\"t\"}", "id"},
        {"{\"specversion\":\"1.0\",\"ID\":\"1\",\"source\":\"/s\",\"type\":\"t\"}", "id"},
        {"{\"specversion\":\"1.0\",\"id\":\"a\\u0000b\",\"source\":\"/s\",\"type\":\"t\"}", "id"},
        {"{\"specversion\":\"1.0\",\"id\":\"a\\n\",\"source\":\"/s\",\"type\":\"t\"}", "id"},
        {"{\"specversion\":\"1.0\",\"id\":\"a\xff\",\"source\":\"/s\",\"type\":\"t\"}", "id"},
        {"{\"specversion\":\"1.0\",\"id\":\"\\ud800\",\"source\":\"/s\",\"type\":\"t\"}", "id"},
        {"{\"specversion\":\"1.0\",\"id\":\"\\uDFFF\",\"source\":\"/s\",\"type\":\"t\"}", "id"},
        {"{\"specversion\":\"1.0\",\"id\":\"\\ud83d\\u0041\",\"source\":\"/s\",\"type\":\"t\"}",
         "id"},
        {"{\"specversion\":\"1.0\",\"id\":\"\\\\\\ud83dx\",\"source\":\"/s\",\"type\":\"t\"}",
         "id"},
        {"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"\",\"type\":\"t\"}", "source"},
        {"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\"}", "type"},
        {"{\"specversion\":\"0.3\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\"}", "specversion"},
        {"{\"specversion\":1.0,\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\"}", "specversion"},
        {"{" E ",\"id\":\"1\"}", "id"},
        {"{" E ",\"i\\u0064\":\"2\"}", "id"},
        {"{" E ",\"datacontenttype\":\"\"}", "datacontenttype"},
        {"{" E ",\"datacontenttype\":1}", "datacontenttype"},
        {"{" E ",\"datacontenttype\":\"a\\r\\nCrm360-Id: x\"}", "datacontenttype"},
        {"{" E ",\"data\":1,\"data\":1}", "data"},
        {"{" E ",\"data\":1,\"data_base64\":\"\"}", "data_base64"},
        {"{" E ",\"data_base64\":{}}", "data_base64"},
        {"{" E ",\"data_base64\":12}", "data_base64"},
        {"{" E ",\"data_base64\":\"YQ\"}", "data_base64"},
        {"{" E ",\"data_base64\":\"YQ=\"}", "data_base64"},
        {"{" E ",\"data_base64\":\"Y===\"}", "data_base64"},
        {"{" E ",\"data_base64\":\"YQ==YQ==\"}", "data_base64"},
        {"{" E ",\"data_base64\":\"Y Q=\"}", "data_base64"},
        {"{" E ",\"data_base64\":\"YQ-_\"}", "data_base64"},
    };
    crm360_param_error_t error;
    crm360_cloudevent_t event;
    apr_size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        memset(&error, 0, sizeof error);
        is_number(read_text(&event, &error, rows[i].text), APR_EINVAL,
                  apr_psprintf(pool, "no event: %s", rows[i].text));
        is_text(error.parameter, rows[i].parameter, "  by its parameter");
        ok(error.detail && strlen(error.detail) > 20 &&
               error.detail[strlen(error.detail) - 1] != '.',
           "  with a sentence");
    }
}

/* Not deeper, not longer than what can be read without recursion; every cut of an event is none. */
static void test_limits(void)
{
    const char *whole = "{" E ",\"data\":{\"a\":[1,\"\\u00e9\"]},\"x\":\"y\"}";
    crm360_param_error_t error;
    crm360_cloudevent_t event;
    const char *text = "{" E;
    apr_size_t i, taken = 0;

    for (i = 0; i < strlen(whole); i++) {
        taken += read_text(&event, &error, apr_pstrmemdup(pool, whole, i)) == APR_SUCCESS;
    }
    is_number((long long)taken, 0, "no part of an event is one");
    for (i = 0; i < 996; i++) {
        text = apr_psprintf(pool, "%s,\"x%d\":%d", text, (int)i, (int)i);
    }
    is_number(read_text(&event, &error, apr_pstrcat(pool, text, "}", NULL)), APR_SUCCESS,
              "1000 members");
    is_number(read_text(&event, &error, apr_pstrcat(pool, text, ",\"z\":1}", NULL)), APR_EINVAL,
              "  not more");
    text = "";
    for (i = 0; i < 64; i++) {
        text = apr_pstrcat(pool, text, "[", NULL);
    }
    is_number(read_text(&event, &error, apr_pstrcat(pool, "{" E ",\"data\":", text, NULL)),
              APR_EINVAL, "too deep");
    ok(strstr(error.detail, "levels") != NULL, "  says so");
}

/* ---- unwrapping ---- */

static void test_unwrap(void)
{
    const char *text = "{" E ",\"data\":{\"a\":1}}";
    const char *why = NULL;
    crm360_message_t event = {.id = "X-Shopify-Order-Insert",
                              .headers = fields("Content-Type", CRM360_EVENT_TYPE),
                              .body = text,
                              .body_len = strlen(text)};
    crm360_message_t message = event;

    apr_table_set((apr_table_t *)event.headers, "X-Shopify-Topic", "orders/create");
    is_number(crm360_cloudevent_unwrap(&message, &why, pool), APR_SUCCESS, "an event is unwrapped");
    is_text(apr_pstrmemdup(pool, message.body, message.body_len), "{\"a\":1}", "  to its data");
    ok(message.body > text && message.body < text + strlen(text), "  where it stands");
    is_text(crm360_message_header(&message, "Content-Type"), "application/json", "  with its type");
    is_text(crm360_message_header(&message, "X-Shopify-Topic"), "orders/create",
            "  and the other fields");
    is_text(crm360_message_header(&event, "Content-Type"), CRM360_EVENT_TYPE,
            "the message itself stays as it is");

    message = event;
    message.id = "X-Shopify-Order-Insert.mail";
    ok(crm360_cloudevent_unwrap(&message, &why, pool) == APR_SUCCESS && message.body == text,
       "a mail copy is not unwrapped");
    message.id = "X-Shopify-Order-Insert.12";
    ok(crm360_cloudevent_unwrap(&message, &why, pool) == APR_SUCCESS && message.body == text,
       "nor is an element");
    message = event;
    message.headers = fields("ce-specversion", "1.0");
    ok(crm360_cloudevent_unwrap(&message, &why, pool) == APR_SUCCESS && message.body == text,
       "nor an event in binary mode");
    message = event;
    message.body_len--;
    ok(crm360_cloudevent_unwrap(&message, &why, pool) == APR_EINVAL && why,
       "what is no event is said to be none");
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    test_modes();
    test_binary();
    test_data();
    test_bad();
    test_limits();
    test_unwrap();
    return tap_done();
}
