/*
 * Reading of CloudEvents (the contract stands in cloudevent.h). Walks over the members of a
 * structured event without building it: the data may be a batch of any size, and its bytes must
 * reach the handler unchanged. Must never quote an event: its attributes may name a person.
 */
#include "core/cloudevent.h"

#include <apr_cstr.h>
#include <apr_encode.h>
#include <apr_strings.h>

#include <string.h>

#include "core/charset.h"
#include "core/encode.h"
#include "core/json.h"
#include "core/json_scan.h"
#include "core/mail_copy.h"
#include "core/message_element.h"

#define EVENT_PREFIX "application/cloudevents"
#define FIELD_PREFIX "ce-"
#define VERSION "1.0"
/* Most members of a structured event; attributes are few. */
#define MEMBERS_MOST 1000

/* The attributes that are looked at, and the two names of the data. */
typedef enum {
    SPECVERSION,
    ID,
    SOURCE,
    TYPE,
    REQUIRED, /* how many of them must be there */
    DATACONTENTTYPE = REQUIRED,
    ATTRIBUTES,
    DATA = ATTRIBUTES,
    DATA_BASE64,
    NAMES
} name_t;

static const char *const names[NAMES] = {"specversion",     "id",   "source",     "type",
                                         "datacontenttype", "data", "data_base64"};

typedef struct reader_t {
    crm360_cloudevent_t *event;
    crm360_param_error_t *error;
    const char *attributes[ATTRIBUTES]; /* NULL = not there */
    apr_pool_t *pool;
} reader_t;

static apr_status_t refuse(reader_t *reader, const char *parameter, const char *detail)
{
    reader->error->parameter = parameter;
    reader->error->detail = detail;
    return APR_EINVAL;
}

/* "the attribute id of the event ..." */
static apr_status_t refuse_name(reader_t *reader, name_t name, const char *fault)
{
    return refuse(reader, names[name],
                  apr_pstrcat(reader->pool, name < ATTRIBUTES ? "the attribute " : "the member ",
                              names[name], " of the event ", fault, NULL));
}

/* ---- which mode ---- */

crm360_event_mode_t crm360_cloudevent_mode(const apr_table_t *headers)
{
    const char *type = apr_table_get(headers, "Content-Type");
    apr_size_t len = type ? strcspn(type, "; \t,") : 0;

    if (len >= sizeof(EVENT_PREFIX) - 1 &&
        apr_cstr_casecmpn(type, EVENT_PREFIX, sizeof(EVENT_PREFIX) - 1) == 0) {
        return len == sizeof(CRM360_EVENT_TYPE) - 1 &&
                       apr_cstr_casecmpn(type, CRM360_EVENT_TYPE, len) == 0
                   ? CRM360_EVENT_STRUCTURED
                   : CRM360_EVENT_OTHER;
    }
    return apr_table_get(headers, FIELD_PREFIX "specversion") ? CRM360_EVENT_BINARY
                                                              : CRM360_EVENT_NONE;
}

/* ---- attributes ---- */

/* Whether a text is what an attribute may be (CloudEvents, "Type System"): valid UTF-8, no control
 * characters. */
static int is_attribute(const char *text, apr_size_t len, apr_pool_t *pool)
{
    apr_size_t clean_len, i;

    if (crm360_utf8_clean(&clean_len, text, len, pool) != text || clean_len != len) {
        return 0;
    }
    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 || c == 0x7f || (c == 0xC2 && (unsigned char)text[i + 1] < 0xA0)) {
            return 0;
        }
    }
    return 1;
}

static apr_status_t take_attribute(reader_t *reader, name_t name, const char *text, apr_size_t len)
{
    if (!is_attribute(text, len, reader->pool)) {
        return refuse_name(reader, name, "must be UTF-8 without control characters");
    }
    reader->attributes[name] = apr_pstrmemdup(reader->pool, text, len);
    return APR_SUCCESS;
}

static apr_status_t check_attributes(reader_t *reader)
{
    int i;

    for (i = 0; i < ATTRIBUTES; i++) {
        const char *value = reader->attributes[i];

        if (value ? !*value : i < REQUIRED) {
            return refuse_name(reader, (name_t)i, "is missing or empty");
        }
    }
    if (strcmp(reader->attributes[SPECVERSION], VERSION) != 0) {
        return refuse_name(reader, SPECVERSION, "must be " VERSION);
    }
    reader->event->id = reader->attributes[ID];
    reader->event->source = reader->attributes[SOURCE];
    return APR_SUCCESS;
}

/* ---- binary mode ---- */

/* Decodes a field's value in place (HTTP binding, 3.1.3.2): quotes first, as older versions sent
 * them, then one round of %XX. 0 when it cannot be. */
static int decode_field(char *text, apr_size_t *len)
{
    apr_size_t from = 0, end = strlen(text), to = 0;
    int quoted = end >= 2 && text[0] == '"' && text[end - 1] == '"';

    if (quoted) {
        char *out = text;
        apr_size_t i;

        for (i = 1; i < end - 1; i++) {
            i += text[i] == '\\' && i + 1 < end - 1;
            *out++ = text[i];
        }
        end = (apr_size_t)(out - text);
    }
    while (from < end) {
        char c = text[from++];

        if (c == '%') {
            int high = from + 1 < end ? crm360_hex_value(text[from]) : -1;
            int low = high >= 0 ? crm360_hex_value(text[from + 1]) : -1;

            if (low < 0) {
                return 0;
            }
            c = (char)(high << 4 | low);
            from += 2;
        }
        text[to++] = c;
    }
    *len = to;
    return 1;
}

static apr_status_t read_fields(reader_t *reader, const apr_table_t *headers)
{
    int i;

    for (i = 0; i < REQUIRED; i++) {
        const char *field = apr_pstrcat(reader->pool, FIELD_PREFIX, names[i], NULL);
        char *value = apr_pstrdup(reader->pool, apr_table_get(headers, field));
        apr_status_t rv = APR_SUCCESS;
        apr_size_t len = 0;

        if (value && !decode_field(value, &len)) {
            return refuse_name(reader, (name_t)i, "has a % that no two hexadecimal digits follow");
        }
        if (value) {
            rv = take_attribute(reader, (name_t)i, value, len);
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    return check_attributes(reader);
}

/* ---- structured mode ---- */

/* The number of the escape \uXXXX at the beginning of `text`; -1 when there is none. */
static int unicode_escape(const char *text, apr_size_t len)
{
    int number = 0;
    int i;

    if (len < 6 || text[0] != '\\' || text[1] != 'u') {
        return -1;
    }
    for (i = 2; i < 6; i++) {
        number = number << 4 | crm360_hex_value(text[i]);
    }
    return number;
}

/* Whether a valid JSON string has half of a surrogate pair, which is no character: the decoder
 * makes the same U+FFFD of each. */
static int has_half_pair(const char *raw, apr_size_t len)
{
    apr_size_t i = 0;

    while (i < len) {
        int number = unicode_escape(raw + i, len - i);

        if (number < 0) {
            i += raw[i] == '\\' ? 2 : 1;
            continue;
        }
        i += 6;
        if (number >= 0xD800 && number < 0xDC00) {
            number = unicode_escape(raw + i, len - i);
            if (number < 0xDC00 || number > 0xDFFF) {
                return 1;
            }
            i += 6;
        }
        else if (number >= 0xDC00 && number < 0xE000) {
            return 1;
        }
    }
    return 0;
}

/* A JSON string of the text as bytes, in the reader's pool. NULL when it is no string. */
static const char *decode_string(apr_size_t *len, const char *raw, apr_size_t raw_len,
                                 apr_pool_t *pool)
{
    json_object *value;
    const char *why;

    if (crm360_json_parse(&value, &why, raw, raw_len, pool) != APR_SUCCESS ||
        !json_object_is_type(value, json_type_string)) {
        return NULL;
    }
    *len = (apr_size_t)json_object_get_string_len(value);
    return json_object_get_string(value);
}

/* Which of the names a member has; NAMES = another. */
static name_t which_name(const char *raw, apr_size_t raw_len, apr_pool_t *pool)
{
    apr_size_t len = raw_len - 2;
    const char *text = raw + 1;
    int i;

    /* At most six characters stand for one: a longer name with escapes is none of ours. */
    if (memchr(text, '\\', len) && len <= 6 * strlen(names[DATACONTENTTYPE])) {
        text = decode_string(&len, raw, raw_len, pool);
    }
    for (i = 0; text && i < NAMES; i++) {
        if (len == strlen(names[i]) && memcmp(text, names[i], len) == 0) {
            return (name_t)i;
        }
    }
    return NAMES;
}

/* Takes one member whose name is of ours. */
static apr_status_t take_member(reader_t *reader, name_t name, const char *raw, apr_size_t raw_len)
{
    crm360_cloudevent_t *event = reader->event;
    const char *text;
    apr_size_t len;

    if (name >= DATA) {
        if (event->raw) {
            return refuse_name(reader, name, "is there twice, or data and data_base64 are");
        }
        event->raw = raw;
        event->raw_len = raw_len;
        event->kind = name == DATA_BASE64 ? CRM360_EVENT_BASE64
                      : *raw == '"'       ? CRM360_EVENT_STRING
                      : *raw == 'n'       ? CRM360_EVENT_EMPTY
                                          : CRM360_EVENT_JSON;
        return APR_SUCCESS;
    }
    if (reader->attributes[name]) {
        return refuse_name(reader, name, "is there twice");
    }
    if (*raw == 'n' && name >= REQUIRED) {
        return APR_SUCCESS; /* null says that it is not set */
    }
    text = decode_string(&len, raw, raw_len, reader->pool);
    if (!text) {
        return refuse_name(reader, name, "must be a JSON string");
    }
    /* What the decoder would repair must be seen in the text: two ids may not become one. */
    if (!is_attribute(raw, raw_len, reader->pool)) {
        return refuse_name(reader, name, "must be UTF-8 without control characters");
    }
    if (has_half_pair(raw, raw_len)) {
        return refuse_name(reader, name, "has half of a surrogate pair");
    }
    return take_attribute(reader, name, text, len);
}

/* Steps over a value; *raw is where it stands. NULL, or what was expected. */
static const char *step(crm360_scan_t *scan, const char **raw, apr_size_t *raw_len)
{
    const char *why;

    crm360_scan_blanks(scan);
    (void)crm360_scan_look(scan); /* steps over NUL */
    *raw = scan->data + scan->at;
    why = crm360_scan_value(scan);
    *raw_len = (apr_size_t)(scan->data + scan->at - *raw);
    crm360_scan_blanks(scan);
    return why;
}

/* One member: its name, colon and value. */
static const char *step_member(crm360_scan_t *scan, reader_t *reader, apr_status_t *rv)
{
    const char *why = NULL, *raw_name, *raw;
    apr_size_t name_len, raw_len;
    name_t name;

    crm360_scan_blanks(scan);
    if (crm360_scan_look(scan) != '"') {
        return "expected a member name in double quotes";
    }
    why = step(scan, &raw_name, &name_len);
    if (!why && crm360_scan_look(scan) != ':') {
        why = "expected : after a member name";
    }
    if (why) {
        return why;
    }
    scan->at++;
    why = step(scan, &raw, &raw_len);
    name = why ? NAMES : which_name(raw_name, name_len, reader->pool);
    if (name != NAMES) {
        *rv = take_member(reader, name, raw, raw_len);
    }
    return why;
}

/* All members. NULL, or what was expected; *rv when a member itself is wrong. */
static const char *walk(crm360_scan_t *scan, reader_t *reader, apr_status_t *rv)
{
    const char *why = NULL;
    int members = 0;

    crm360_scan_blanks(scan);
    if (crm360_scan_look(scan) != '{') {
        return "expected the { of an event";
    }
    scan->at++;
    scan->within = 1;
    crm360_scan_blanks(scan);
    if (crm360_scan_look(scan) == '}') {
        scan->at++;
        return NULL;
    }
    for (;;) {
        if (++members > MEMBERS_MOST) {
            return "expected at most " APR_STRINGIFY(MEMBERS_MOST) " members";
        }
        why = step_member(scan, reader, rv);
        if (why || *rv != APR_SUCCESS) {
            return why;
        }
        if (crm360_scan_look(scan) == '}') {
            break;
        }
        if (crm360_scan_look(scan) != ',') {
            return "expected , or } in an object";
        }
        scan->at++;
    }
    scan->at++;
    crm360_scan_blanks(scan);
    return scan->at < scan->len ? "expected nothing after the event" : NULL;
}

/* The base64 of an event. Some writers of JSON put a backslash in front of each '/'. NULL when it
 * is no string. */
static const char *base64_text(apr_size_t *len, const crm360_cloudevent_t *event, apr_pool_t *pool)
{
    *len = event->raw_len - 2;
    if (*event->raw == '"' && !memchr(event->raw, '\\', event->raw_len)) {
        return event->raw + 1;
    }
    return decode_string(len, event->raw, event->raw_len, pool);
}

/* Whether it is base64 with its padding and nothing else. */
static int is_base64(const crm360_cloudevent_t *event, apr_pool_t *pool)
{
    apr_size_t len;
    const char *text = base64_text(&len, event, pool);

    return text && crm360_base64_bytes(text, len) >= 0;
}

/* JSON is UTF-8 whatever its data is said to be; only what comes as base64 has a charset of its
 * own. */
static const char *data_type(const reader_t *reader)
{
    const char *type = reader->attributes[DATACONTENTTYPE];

    if (!type) {
        return "application/json";
    }
    return reader->event->kind == CRM360_EVENT_BASE64
               ? type
               : apr_pstrmemdup(reader->pool, type, strcspn(type, "; \t"));
}

static apr_status_t read_object(reader_t *reader, const char *body, apr_size_t len)
{
    crm360_scan_t scan = {.data = body, .len = len};
    apr_status_t rv = APR_SUCCESS;
    const char *why;

    crm360_scan_mark(&scan);
    why = walk(&scan, reader, &rv);
    if (why) {
        return refuse(reader, NULL,
                      apr_pstrcat(reader->pool, "the body is no CloudEvent in JSON: ",
                                  crm360_scan_place(&scan, why, reader->pool), NULL));
    }
    if (rv == APR_SUCCESS) {
        rv = check_attributes(reader);
    }
    if (rv == APR_SUCCESS && reader->event->kind == CRM360_EVENT_BASE64 &&
        !is_base64(reader->event, reader->pool)) {
        rv = refuse_name(reader, DATA_BASE64, "must be a JSON string of base64 with its padding");
    }
    reader->event->content_type = data_type(reader);
    return rv;
}

/* ---- for all ---- */

apr_status_t crm360_cloudevent_read(crm360_cloudevent_t *event, crm360_param_error_t *error,
                                    const apr_table_t *headers, const char *body, apr_size_t len,
                                    apr_pool_t *pool)
{
    reader_t reader = {.event = event, .error = error, .pool = pool};

    memset(event, 0, sizeof(*event));
    return crm360_cloudevent_mode(headers) == CRM360_EVENT_STRUCTURED
               ? read_object(&reader, body, len)
               : read_fields(&reader, headers);
}

const char *crm360_cloudevent_data(apr_size_t *len, const crm360_cloudevent_t *event,
                                   apr_pool_t *pool)
{
    const char *text = NULL;
    unsigned char *decoded;

    *len = 0;
    switch (event->kind) {
    case CRM360_EVENT_EMPTY:
        break;
    case CRM360_EVENT_JSON:
        *len = event->raw_len;
        return event->raw;
    case CRM360_EVENT_STRING:
        text = decode_string(len, event->raw, event->raw_len, pool);
        break;
    case CRM360_EVENT_BASE64:
        text = base64_text(len, event, pool);
        decoded = apr_palloc(pool, *len + 1);
        if (!text || *len == 0 ||
            apr_decode_base64_binary(decoded, text, (apr_ssize_t)*len, APR_ENCODE_NONE, len) !=
                APR_SUCCESS) {
            *len = 0;
        }
        text = (const char *)decoded;
        break;
    }
    return text ? text : "";
}

apr_status_t crm360_cloudevent_unwrap(crm360_message_t *message, const char **why, apr_pool_t *pool)
{
    crm360_param_error_t error;
    crm360_cloudevent_t event;
    apr_table_t *headers;

    if (crm360_cloudevent_mode(message->headers) != CRM360_EVENT_STRUCTURED ||
        crm360_id_is_mail(message->id) || crm360_message_is_element(message)) {
        return APR_SUCCESS;
    }
    if (crm360_cloudevent_read(&event, &error, message->headers, message->body, message->body_len,
                               pool) != APR_SUCCESS) {
        *why = error.detail;
        return APR_EINVAL;
    }
    headers = apr_table_copy(pool, message->headers);
    apr_table_setn(headers, "Content-Type", event.content_type);
    message->headers = headers;
    message->body = crm360_cloudevent_data(&message->body_len, &event, pool);
    return APR_SUCCESS;
}
