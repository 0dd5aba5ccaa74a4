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
    json_object *body;        /* an object: the message's, or a part of it that is an event too */
    apr_int64_t triggered_ms; /* X-Shopify-Triggered-At; 0 = none */
    apr_int64_t date_ms;      /* updated_at, else triggered, else received */
    const char *digest;       /* of the message's body, for versions */
    int deletes;              /* the action is Delete */
    crm_place_t place;        /* where its data belongs */
} handler_shopify_event_t;

/* The version of what an event says: its dates and the digest of the message. */
const char *handler_shopify_version(const handler_shopify_event_t *event, apr_pool_t *pool);

/* Why a body is a request of privacy law (customers/redact, customers/data_request),
 * which a person has to answer; NULL when it is none. */
const char *handler_shopify_privacy(json_object *body);

/* Insert, Update and Delete of one entity (shopify_customer.c and so on). As handler_t.deliver. */
apr_status_t handler_shopify_customer(handler_result_t *result,
                                      const handler_shopify_event_t *event, apr_pool_t *pool);
apr_status_t handler_shopify_product(handler_result_t *result, const handler_shopify_event_t *event,
                                     apr_pool_t *pool);
apr_status_t handler_shopify_order(handler_result_t *result, const handler_shopify_event_t *event,
                                   apr_pool_t *pool);

/* Saves the customer that event->body is (shopify_customer.c), with the dates of the event. Errors
 * as crm_person_save(). */
apr_status_t handler_shopify_customer_save(int *contact_id, const handler_shopify_event_t *event,
                                           const char *id, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Saves who has bought the order that event->body is, when Shopify has no customer for it: a person
 * without a name of its own, known by mail address or number. *contact_id 0 when the order has
 * neither. */
apr_status_t handler_shopify_buyer_save(int *contact_id, const handler_shopify_event_t *event,
                                        apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
