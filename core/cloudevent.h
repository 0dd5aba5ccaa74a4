/*
 * CloudEvents 1.0.2 over HTTP: requests that are events, with their attributes in header fields
 * (binary mode) or in a JSON object around the data (structured mode). The intake checks an event
 * and knows it again by it; the consumer unwraps it, so that a handler sees the data as if it had
 * come alone. The stored message stays the request as it came. Pure functions, any thread; they
 * quote nothing of an event.
 */
#ifndef CRM360_CLOUDEVENT_H
#define CRM360_CLOUDEVENT_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "core/message.h"
#include "core/params.h"

#define CRM360_EVENT_TYPE "application/cloudevents+json"

typedef enum {
    CRM360_EVENT_NONE,       /* no event */
    CRM360_EVENT_BINARY,     /* a ce-specversion field */
    CRM360_EVENT_STRUCTURED, /* Content-Type CRM360_EVENT_TYPE, with parameters or without */
    /* Content-Type of another format (application/cloudevents+xml), or of a batch: not taken. */
    CRM360_EVENT_OTHER
} crm360_event_mode_t;

/* What a structured event has for data. */
typedef enum {
    CRM360_EVENT_EMPTY,  /* none, or null */
    CRM360_EVENT_JSON,   /* an object, array, number or word: as it stands in the text */
    CRM360_EVENT_STRING, /* a JSON string */
    CRM360_EVENT_BASE64  /* data_base64: a JSON string of base64 */
} crm360_event_data_t;

typedef struct crm360_cloudevent_t {
    /* The attributes, decoded: valid UTF-8 without control characters, never empty. */
    const char *id;
    const char *source;
    /* Structured mode only. */
    const char *content_type; /* of the data */
    crm360_event_data_t kind;
    const char *raw; /* the value as it stands in the body, quotes included */
    apr_size_t raw_len;
} crm360_cloudevent_t;

/* What the header fields of a request say that it is (HTTP binding, section 3). */
crm360_event_mode_t crm360_cloudevent_mode(const apr_table_t *headers);

/* Reads and checks a request that is an event in binary or structured mode. APR_EINVAL:
 * error->parameter names the attribute that is missing or wrong, NULL = the body is no JSON object;
 * error->detail is a sentence without capital and full stop. Strings live in `pool`; event->raw
 * points into `body`. */
apr_status_t crm360_cloudevent_read(crm360_cloudevent_t *event, crm360_param_error_t *error,
                                    const apr_table_t *headers, const char *body, apr_size_t len,
                                    apr_pool_t *pool) __attribute__((warn_unused_result));

/* The data of a structured event that was read: what stands in the body for JSON, else decoded, in
 * `pool`. */
const char *crm360_cloudevent_data(apr_size_t *len, const crm360_cloudevent_t *event,
                                   apr_pool_t *pool);

/* Makes of a message that is a structured event one with the data for a body and its type in
 * Content-Type; every other message, a mail copy (which shows the whole) and an element of a batch
 * (whose whole was unwrapped) stay as they are. *message is changed, not what it points to; the new
 * body lives in the old one or in `pool`. APR_EINVAL: it is no event, *why is such a sentence. */
apr_status_t crm360_cloudevent_unwrap(crm360_message_t *message, const char **why, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
