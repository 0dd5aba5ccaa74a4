/*
 * The refunds of a Shopify order: how much money went back, and what went back of each line. For
 * the parts of the Shopify handler.
 */
#ifndef HANDLERS_SHOPIFY_REFUND_H
#define HANDLERS_SHOPIFY_REFUND_H

#include <apr_hash.h>

#include "handlers/shopify_money.h"

/* What was taken back of one line. */
typedef struct handler_shopify_refunded_t {
    crm_decimal_t quantity;
    int exact;              /* the next two are told for all of it */
    crm_decimal_t subtotal; /* after discounts; with taxes where prices have them */
    crm_decimal_t tax;
} handler_shopify_refunded_t;

typedef struct handler_shopify_refunds_t {
    int told;             /* the order has a list of refunds, empty or not */
    crm_decimal_t amount; /* the money, with taxes */
    crm_decimal_t tax;    /* the taxes of what was taken back */
    apr_hash_t *lines;    /* id of the line: handler_shopify_refunded_t * */
} handler_shopify_refunds_t;

/* Reads the refunds of an order; errors go to *money. In the pool of *money. */
void handler_shopify_refunds(handler_shopify_refunds_t *refunds, handler_shopify_money_t *money,
                             json_object *order, int taxes_included);

#endif
