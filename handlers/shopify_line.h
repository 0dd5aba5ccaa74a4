/*
 * The lines of a Shopify order to crm_purchase_line_t, with what they tell of the goods they name.
 * For the parts of the Shopify handler.
 */
#ifndef HANDLERS_SHOPIFY_LINE_H
#define HANDLERS_SHOPIFY_LINE_H

#include "crm/good.h"
#include "crm/purchase.h"
#include "handlers/shopify.h"
#include "handlers/shopify_good.h"
#include "handlers/shopify_refund.h"

typedef struct handler_shopify_lines_t {
    int told;                   /* the order lists its lines */
    crm_purchase_line_t *lines; /* `good_id` is 0 until handler_shopify_lines_find() */
    crm_good_t *goods;          /* beside them; identifier NULL = no good */
    const char **parents;       /* their products; NULL = not told */
    int count;
} handler_shopify_lines_t;

/* Reads the lines; errors go to *money. currency: that of the order, NULL = not told. In the pool
 * of *money. */
void handler_shopify_lines(handler_shopify_lines_t *lines, const handler_shopify_event_t *event,
                           handler_shopify_money_t *money, const handler_shopify_refunds_t *refunds,
                           const char *currency, int taxes_included);

/* Looks the goods up, or makes them. Errors as crm_good_of_line(). */
apr_status_t handler_shopify_lines_find(handler_shopify_lines_t *lines,
                                        const handler_shopify_event_t *event, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
