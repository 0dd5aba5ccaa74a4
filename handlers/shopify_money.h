/*
 * Amounts in Shopify's orders and products: texts ("129.80"), in refunds JSON numbers (89.99). Read
 * exactly; the first that is none, or a sum that is too large, makes the message impossible, with a
 * reason that names the member. For the parts of the Shopify handler.
 */
#ifndef HANDLERS_SHOPIFY_MONEY_H
#define HANDLERS_SHOPIFY_MONEY_H

#include <apr_pools.h>
#include <json-c/json.h>

#include "crm/decimal.h"
#include "crm/version.h"
#include "handlers/field.h"

/* How the reading of one message goes. After an error everything may go on: amounts are 0. */
typedef struct handler_shopify_money_t {
    const char *message_id; /* for the log */
    const char *where;      /* in front of member names: "", "line_items[3]." */
    const char *reason;     /* why it cannot be; NULL = fine so far */
    int places;             /* of the currency, for shares: 0 to 3 */
    int rounded;            /* an amount was; it is logged once a message */
    apr_pool_t *pool;
} handler_shopify_money_t;

/* A member. ABSENT also after an error; *value is 0 unless there is one. More than three places are
 * rounded, and logged once a message (CRM0510). */
handler_field_t handler_shopify_money_read(crm_decimal_t *value, handler_shopify_money_t *money,
                                           json_object *object, const char *name);

/* The sum of the member `name` of all objects in the array `list`. VALUE when there is an array,
 * empty or not. */
handler_field_t handler_shopify_money_sum(crm_decimal_t *sum, handler_shopify_money_t *money,
                                          json_object *object, const char *list, const char *name);

/* *sum += value, with an error when that is too large. */
void handler_shopify_money_add(crm_decimal_t *sum, handler_shopify_money_t *money,
                               crm_decimal_t value);

/* value * part / whole, likewise; rounded to three places, or to those of the currency. */
crm_decimal_t handler_shopify_money_times(handler_shopify_money_t *money, crm_decimal_t value,
                                          crm_decimal_t factor);
crm_decimal_t handler_shopify_money_share(handler_shopify_money_t *money, crm_decimal_t value,
                                          crm_decimal_t part, crm_decimal_t whole);

/* Reads the currency, three capital letters (ISO 4217), and sets money->places. *currency is in the
 * pool, NULL unless there is one. */
handler_field_t handler_shopify_money_currency(const char **currency,
                                               handler_shopify_money_t *money, json_object *object,
                                               const char *name);

/* Says an amount, or "empty"; nothing when it is ABSENT. */
void handler_shopify_money_say(crm_news_t *news, const char *version, handler_field_t field,
                               crm_decimal_t value, apr_pool_t *pool);

#endif
