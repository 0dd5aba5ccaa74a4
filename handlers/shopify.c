/*
 * Shopify's webhooks (https://shopify.dev/docs/api/webhooks): what all topics have in common. The
 * route decides what a message is; Shopify's own topic is only compared. Doing a message twice is
 * harmless, because everything it writes is guarded by its version (crm/version.h).
 */
#include "handlers/shopify.h"

#include <apr_strings.h>

#include <string.h>
#include <strings.h>

#include "core/log.h"
#include "crm/date.h"
#include "crm/version.h"
#include "handlers/body.h"
#include "handlers/field.h"

typedef apr_status_t (*part_t)(handler_result_t *result, const handler_shopify_event_t *event,
                               apr_pool_t *pool);

/* The part that serves a route, NULL when there is none. */
static part_t part_of(const crm360_route_t *route)
{
    static const struct {
        const char *entity;
        part_t part;
    } parts[] = {{"Customer", handler_shopify_customer},
                 {"Product", handler_shopify_product},
                 {"Order", handler_shopify_order}};
    size_t i;

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strcmp(route->entity, parts[i].entity) == 0) {
            return parts[i].part;
        }
    }
    return NULL;
}

static int serves(const crm360_route_t *route)
{
    return part_of(route) != NULL;
}

const char *handler_shopify_version(const handler_shopify_event_t *event, apr_pool_t *pool)
{
    return crm_version_of(event->date_ms, event->triggered_ms, event->digest, pool);
}

const char *handler_shopify_privacy(json_object *body)
{
    static const char *const members[] = {"orders_to_redact", "orders_requested", "data_request"};
    size_t i;

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (json_object_object_get_ex(body, members[i], NULL)) {
            return "the body is a privacy request (customers/redact or customers/data_request), "
                   "which a person has to answer: see crm360ctl erase";
        }
    }
    return NULL;
}

/* Whether a topic belongs to a route: "orders/paid" and Order/Update. */
static int is_topic_of(const char *topic, const crm360_route_t *route)
{
    static const struct {
        const char *action;
        const char *words[5]; /* how the part behind the slash may begin */
    } topics[] = {{"Insert", {"create"}},
                  {"Update", {"update", "paid", "cancelled", "fulfilled", "partially_fulfilled"}},
                  {"Delete", {"delete"}}};
    const char *tail = strchr(topic, '/');
    size_t i, k;

    if (!tail || strncasecmp(topic, route->entity, strlen(route->entity)) != 0) {
        return 0;
    }
    for (i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        for (k = 0; k < 5 && topics[i].words[k]; k++) {
            if (strcmp(route->action, topics[i].action) == 0 &&
                strncasecmp(tail + 1, topics[i].words[k], strlen(topics[i].words[k])) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

/* A topic subscribed under another route's address is worked all the same, and said. */
static void compare_topic(const crm360_message_t *message)
{
    const char *topic = crm360_message_header(message, "X-Shopify-Topic");

    if (topic && !is_topic_of(topic, message->route)) {
        crm360_log(CRM360_LOG_INFO, APR_SUCCESS, "%s: the topic is %s; taken as %s", message->id,
                   topic, message->route->name);
    }
}

/* Reads the body and the dates. Returns 0 with the reason in *result when it is not one JSON
 * object. */
static int read_event(handler_result_t *result, handler_shopify_event_t *event, apr_pool_t *pool)
{
    const crm360_message_t *message = event->message;
    const char *triggered;

    if (!handler_body_json(&event->body, &result->reason, message, pool)) {
        return 0;
    }
    if (!json_object_is_type(event->body, json_type_object)) {
        result->reason = "the body is not what Shopify sends: line 1, column 1: expected an object";
        return 0;
    }
    triggered = crm360_message_header(message, "X-Shopify-Triggered-At");
    if (!triggered || crm_date_parse(&event->triggered_ms, triggered) != APR_SUCCESS) {
        event->triggered_ms = 0;
    }
    if (!handler_field_date(&event->date_ms, event->body, "updated_at", pool)) {
        event->date_ms = event->triggered_ms ? event->triggered_ms : message->received / 1000;
    }
    event->digest = crm_version_digest(message->body, message->body_len, pool);
    event->deletes = strcmp(message->route->action, "Delete") == 0;
    return 1;
}

static apr_status_t deliver(handler_result_t *result, const crm360_message_t *message,
                            const handler_context_t *context, apr_pool_t *pool)
{
    handler_shopify_event_t event = {.message = message, .context = context};
    apr_status_t rv;

    if (!read_event(result, &event, pool)) {
        result->verdict = HANDLER_REJECT;
        return APR_SUCCESS;
    }
    compare_topic(message);
    rv = handler_place(&event.place, message, context, pool);
    return rv == APR_SUCCESS ? part_of(message->route)(result, &event, pool) : rv;
}

const handler_t handler_shopify = {
    .platform = "Shopify",
    .serves = serves,
    .deliver = deliver,
};
