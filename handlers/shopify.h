/* Shopify: the handler, and its parts, one per entity. */
#ifndef HANDLERS_SHOPIFY_H
#define HANDLERS_SHOPIFY_H

#include <json-c/json.h>

#include "handlers/handler.h"
#include "handlers/place.h"

extern const handler_t handler_shopify;

/* ---- for the parts ---- */

/* What every part of a Shopify message needs. Lives in the message's pool. */
typedef struct handler_shopify_event_t {
    const crm360_message_t *message;
    const handler_context_t *context;
    json_object *body;        /* an object */
    apr_int64_t triggered_ms; /* X-Shopify-Triggered-At; 0 = none */
    apr_int64_t date_ms;      /* updated_at, else triggered, else received */
    int deletes;              /* the action is Delete */
    crm_place_t place;        /* where its data belongs */
} handler_shopify_event_t;

/* Customer Insert, Update and Delete (shopify_customer.c). As handler_t.deliver. */
apr_status_t handler_shopify_customer(handler_result_t *result,
                                      const handler_shopify_event_t *event, apr_pool_t *pool);

#endif
