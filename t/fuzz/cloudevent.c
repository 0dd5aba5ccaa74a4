/*
 * Fuzz target: CloudEvents and Trace Context. Lines of an input: a traceparent, a tracestate, then
 * header fields "Name: value" up to an empty line; the rest is the body.
 *
 * What is taken for an event has its attributes, in valid text without controls; what is refused
 * says what is wrong and quotes nothing; the data of a structured event is the member of that name
 * as a parser of JSON reads it; unwrapping leaves the message whole. A traceparent comes out as one
 * of version 00, and its child is of the same trace.
 */
#include "t/fuzz/fuzz.h"

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "core/charset.h"
#include "core/cloudevent.h"
#include "core/json.h"
#include "core/trace.h"

/* ---- traces ---- */

static int is_hex(const char *text, apr_size_t len)
{
    return strspn(text, "0123456789abcdef") >= len;
}

static void check_trace(const char *parent, const char *state, apr_pool_t *pool)
{
    const char *read = crm360_trace_parent(parent, pool);
    const char *child;

    if (read) {
        expect(strlen(read) == CRM360_TRACE_LEN && strncmp(read, "00-", 3) == 0, read);
        expect(is_hex(read + 3, 32) && read[35] == '-' && is_hex(read + 36, 16) &&
                   read[52] == '-' && is_hex(read + 53, 2),
               read);
        expect(strspn(read + 3, "0") < 32 && strspn(read + 36, "0") < 16, read);
        expect(strncmp(read + 2, parent + 2, 51) == 0, parent);
        expect(fuzz_same(read, crm360_trace_parent(read, pool)), read);
        child = crm360_trace_child(read, pool);
        expect(child && fuzz_same(child, crm360_trace_parent(child, pool)), child);
        expect(strncmp(child, read, 36) == 0, child);
        expect(fuzz_same(crm360_trace_id(child, pool), crm360_trace_id(read, pool)), child);
    }
    expect(!crm360_trace_state_ok(state) || strlen(state) <= 512, state);
}

/* ---- events ---- */

static int is_text(const char *text, apr_pool_t *pool)
{
    apr_size_t len;
    const char *c;

    for (c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            return 0;
        }
    }
    return c > text && crm360_utf8_clean(&len, text, strlen(text), pool) == text;
}

static void check_refused(const crm360_param_error_t *error)
{
    const char *c;

    expect(error->detail && *error->detail, NULL);
    for (c = error->detail; *c; c++) {
        expect(*c >= ' ' && *c <= '~', error->detail);
    }
}

/* The data, against what JSON has under that name. */
static void check_data(const crm360_cloudevent_t *event, const char *body, apr_size_t len,
                       apr_pool_t *pool)
{
    json_object *whole, *member, *ours;
    const char *why, *data;
    apr_size_t data_len = 0;

    data = crm360_cloudevent_data(&data_len, event, pool);
    expect(data_len == 0 || data != NULL, NULL);
    if (memmem(body, len, "\\u0000", 6) ||
        crm360_json_parse(&whole, &why, body, len, pool) != APR_SUCCESS) {
        return; /* json-c ends names at their NUL; or more values than are built at once */
    }
    expect(json_object_is_type(whole, json_type_object), why);
    if (event->kind == CRM360_EVENT_JSON) {
        expect(event->raw >= body && event->raw + event->raw_len <= body + len, NULL);
        expect(json_object_object_get_ex(whole, "data", &member), "data");
        expect(crm360_json_parse(&ours, &why, data, data_len, pool) == APR_SUCCESS, why);
        expect(json_object_equal(member, ours), json_object_to_json_string(member));
    }
    if (event->kind == CRM360_EVENT_STRING) {
        expect(json_object_object_get_ex(whole, "data", &member) &&
                   json_object_is_type(member, json_type_string),
               "data");
        expect(json_object_get_string_len(member) == (int)data_len &&
                   memcmp(json_object_get_string(member), data, data_len) == 0,
               data);
    }
}

static void check_unwrap(apr_table_t *headers, const char *body, apr_size_t len, apr_pool_t *pool)
{
    crm360_message_t message = {.id = "01JDCW3T2XQ5M7V9K0B4Z8R6AE-Crm360-Event-Insert",
                                .customer = "acme",
                                .database = "prod",
                                .route = &crm360_routes[0],
                                .source_id = 1,
                                .method = "POST",
                                .target = "/x",
                                .headers = headers,
                                .body = body,
                                .body_len = len};
    const char *why = NULL;

    if (crm360_cloudevent_unwrap(&message, &why, pool) != APR_SUCCESS) {
        expect(why && *why, NULL);
        return;
    }
    expect(message.body || message.body_len == 0, NULL);
    expect(message.headers != NULL && fuzz_same(message.target, "/x"), NULL);
    if (message.body == body && message.body_len == len) {
        return;
    }
    expect(crm360_cloudevent_mode(headers) == CRM360_EVENT_STRUCTURED, NULL);
    expect(crm360_cloudevent_mode(message.headers) != CRM360_EVENT_STRUCTURED ||
               strstr(crm360_message_header(&message, "Content-Type"), "cloudevents"),
           NULL);
}

static void check_event(apr_table_t *headers, const char *body, apr_size_t len, apr_pool_t *pool)
{
    crm360_event_mode_t mode = crm360_cloudevent_mode(headers);
    crm360_cloudevent_t event;
    crm360_param_error_t error = {NULL, NULL};

    if (mode != CRM360_EVENT_BINARY && mode != CRM360_EVENT_STRUCTURED) {
        return;
    }
    if (crm360_cloudevent_read(&event, &error, headers, body, len, pool) != APR_SUCCESS) {
        check_refused(&error);
        return;
    }
    expect(event.id && is_text(event.id, pool), event.id);
    expect(event.source && is_text(event.source, pool), event.source);
    if (mode == CRM360_EVENT_STRUCTURED) {
        check_data(&event, body, len, pool);
    }
}

void fuzz_one(const char *data, apr_size_t len, apr_pool_t *pool)
{
    const char *parent = fuzz_text(&data, &len, '\n', pool);
    const char *state = fuzz_text(&data, &len, '\n', pool);
    apr_table_t *headers = apr_table_make(pool, 4);
    const char *line;

    if (len > 65536) {
        return;
    }
    check_trace(parent, state, pool);
    while (*(line = fuzz_text(&data, &len, '\n', pool))) {
        const char *colon = strchr(line, ':');

        if (colon) {
            apr_table_add(headers, apr_pstrmemdup(pool, line, (apr_size_t)(colon - line)),
                          colon[1] == ' ' ? colon + 2 : colon + 1);
        }
    }
    check_event(headers, data, len, pool);
    check_unwrap(headers, data, len, pool);
}
