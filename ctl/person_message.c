/*
 * A person in a stored message. What a message as a whole says of its caller and its route is
 * looked at apart from the elements of a batch, so that one person's data can be taken out of a
 * batch of many. Must never take a broken message for one without the person.
 */
#include "ctl/person.h"

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "core/cloudevent.h"
#include "core/elements.h"

/* A stored message in its parts, all borrowed. */
typedef struct parts_t {
    apr_size_t head_len; /* with the empty line */
    const char *query;   /* of the request line */
    apr_size_t query_len;
    int source_id; /* 0 = it says none */
    const char *content_type;
    const char *body;
    apr_size_t body_len;
} parts_t;

/* The value of a header field in a line, NULL when it is another field. */
static const char *field_value(const char *line, apr_size_t len, const char *name, apr_pool_t *pool)
{
    apr_size_t name_len = strlen(name);
    const char *end = line + len;

    if (len <= name_len || line[name_len] != ':' || apr_cstr_casecmpn(line, name, name_len) != 0) {
        return NULL;
    }
    for (line += name_len + 1; line < end && apr_isspace(*line); line++) {
    }
    while (end > line && apr_isspace(end[-1])) {
        end--;
    }
    return apr_pstrmemdup(pool, line, (apr_size_t)(end - line));
}

static void read_parts(parts_t *parts, const char *data, apr_size_t len, apr_pool_t *pool)
{
    const char *end = memmem(data, len, "\r\n\r\n", 4), *line, *next, *value;

    memset(parts, 0, sizeof(*parts));
    parts->head_len = end ? (apr_size_t)(end - data) + 4 : len;
    parts->body = data + parts->head_len;
    parts->body_len = len - parts->head_len;
    for (line = data; line < data + parts->head_len; line = next) {
        apr_size_t rest = (apr_size_t)(data + parts->head_len - line), line_len;

        next = memchr(line, '\n', rest);
        next = next ? next + 1 : line + rest;
        line_len = (apr_size_t)(next - line);
        if (line == data && (value = memchr(line, '?', line_len))) {
            parts->query = value + 1;
            parts->query_len = (apr_size_t)(next - value - 1);
            value = memchr(parts->query, ' ', parts->query_len);
            parts->query_len = value ? (apr_size_t)(value - parts->query) : parts->query_len;
        }
        else if ((value = field_value(line, line_len, "Crm360-Source-Id", pool))) {
            parts->source_id = (int)strtol(value, NULL, 10);
        }
        else if ((value = field_value(line, line_len, "Content-Type", pool))) {
            parts->content_type = value;
        }
    }
}

/* Goes on to the data of a structured CloudEvent, which may be base64, or a batch. Returns whether
 * the person is in what stands around it. *decoded: its bytes stand nowhere in the message. */
static int go_to_data(parts_t *parts, int *decoded, const ctl_person_t *person, apr_pool_t *pool)
{
    apr_table_t *headers = apr_table_make(pool, 1);
    crm360_param_error_t error;
    crm360_cloudevent_t event;
    const char *behind;
    int around;

    *decoded = 0;
    apr_table_setn(headers, "Content-Type", parts->content_type ? parts->content_type : "");
    if (crm360_cloudevent_mode(headers) != CRM360_EVENT_STRUCTURED ||
        crm360_cloudevent_read(&event, &error, headers, parts->body, parts->body_len, pool) !=
            APR_SUCCESS ||
        event.kind == CRM360_EVENT_EMPTY) {
        return 0;
    }
    behind = event.raw + event.raw_len;
    around =
        ctl_person_in_text(person, parts->body, (apr_size_t)(event.raw - parts->body),
                           parts->source_id, pool) ||
        ctl_person_in_text(person, behind, (apr_size_t)(parts->body + parts->body_len - behind),
                           parts->source_id, pool);
    parts->body = crm360_cloudevent_data(&parts->body_len, &event, pool);
    parts->content_type = event.content_type;
    *decoded = event.kind != CRM360_EVENT_JSON;
    return around;
}

/* What the elements of a batch have of the person. */
typedef struct batch_t {
    int elements;
    int about;     /* how many are about the person */
    int elsewhere; /* the person is in what could not be read to the end */
} batch_t;

static void look_at_elements(batch_t *batch, apr_array_header_t *spans, const ctl_person_t *person,
                             const char *data, const parts_t *parts, apr_pool_t *pool)
{
    crm360_elements_kind_t kind =
        crm360_elements_kind(parts->content_type, parts->body, parts->body_len);
    const char *element, *done = parts->body;
    crm360_elements_t *elements;
    apr_pool_t *turn;
    apr_size_t len;
    apr_status_t rv;

    memset(batch, 0, sizeof(*batch));
    if (kind == CRM360_ELEMENTS_NONE) {
        return;
    }
    apr_pool_create(&turn, pool);
    apr_pool_tag(turn, "crm360ctl_element");
    elements = crm360_elements_make(kind, parts->body, parts->body_len, pool);
    while ((rv = crm360_elements_next(&element, &len, elements)) == APR_SUCCESS) {
        batch->elements++;
        if (ctl_person_in_text(person, element, len, parts->source_id, turn)) {
            crm360_span_t *span = apr_array_push(spans);

            span->at = (apr_size_t)(element - data);
            span->len = len;
            batch->about++;
        }
        done = element + len;
        apr_pool_clear(turn);
    }
    if (!APR_STATUS_IS_EOF(rv)) {
        batch->elements++;
        len = parts->body_len - (apr_size_t)(done - parts->body);
        batch->elsewhere = ctl_person_in_text(person, done, len, parts->source_id, turn);
    }
    apr_pool_destroy(turn);
}

ctl_person_verdict_t ctl_person_in_message(apr_array_header_t **spans, const ctl_person_t *person,
                                           const char *data, apr_size_t len, apr_pool_t *pool)
{
    parts_t parts;
    batch_t batch;
    int in_head, in_body, decoded;

    *spans = apr_array_make(pool, 0, sizeof(crm360_span_t));
    read_parts(&parts, data, len, pool);
    in_head = ctl_person_in_text(person, data, parts.head_len, 0, pool) ||
              (parts.query &&
               ctl_person_in_text(person, parts.query, parts.query_len, parts.source_id, pool));
    in_head |= go_to_data(&parts, &decoded, person, pool);
    in_body = ctl_person_in_text(person, parts.body, parts.body_len, parts.source_id, pool);
    if (!in_head && !in_body) {
        return CTL_PERSON_ABSENT;
    }
    look_at_elements(&batch, *spans, person, data, &parts, pool);
    if (batch.elements < 2 || batch.about == batch.elements) {
        return CTL_PERSON_WHOLE;
    }
    if (decoded) {
        apr_array_clear(*spans); /* nothing can be taken out of it */
    }
    if (in_head || batch.elsewhere || !batch.about || decoded) {
        return CTL_PERSON_MIXED;
    }
    return CTL_PERSON_PARTS;
}
