/* elfy76310, postal addresses and duplicates: the handler, and its parts. */
#ifndef HANDLERS_ELFY_H
#define HANDLERS_ELFY_H

#include <apr_tables.h>
#include <json-c/json.h>

#include "crm/address_clean.h"
#include "handlers/handler.h"
#include "handlers/place.h"

extern const handler_t handler_elfy76310;

/* ---- for the parts ---- */

/* One thing that a message names. */
typedef struct handler_elfy_item_t {
    int address_id; /* 0 = none given */
    int contact_id; /* likewise */
    /* An address as somebody writes it, borrowed; NULL when only a number was given. */
    json_object *object;
} handler_elfy_item_t;

/* What a message asks for. */
typedef struct handler_elfy_order_t {
    int all;                   /* every address of the source */
    apr_array_header_t *items; /* else these, in their order: handler_elfy_item_t */
} handler_elfy_order_t;

/* Reads the body (or, without one, the parameters of the same names) and checks the types of all
 * that will be used (elfy_order.c). 0 with *reason: what was expected, and where. In `pool`. */
int handler_elfy_order(handler_elfy_order_t *order, const char **reason,
                       const crm360_message_t *message, apr_pool_t *pool);

/* Text of a member, whose name counts in any case; NULL when it is absent or empty, *said is 0 when
 * it is absent. `said` may be NULL. In `pool`. */
const char *handler_elfy_text(int *said, json_object *object, const char *name, apr_pool_t *pool);

/* Cleans one thing of the order (elfy_address.c). *contact_id is whose it is, 0 = nobody's that is
 * known. APR_ENOENT: it is not known here, or there is nothing to attach it to, or the contact has
 * no address; APR_EBUSY: not in this step. */
apr_status_t handler_elfy_clean(int *contact_id, crm_clean_t *clean,
                                const handler_elfy_item_t *item, const crm360_message_t *message,
                                const crm_place_t *place) __attribute__((warn_unused_result));

#endif
