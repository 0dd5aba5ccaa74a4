/*
 * What products and lines of orders tell of a good in the same words. For the parts of the Shopify
 * handler; pure functions.
 */
#ifndef HANDLERS_SHOPIFY_GOOD_H
#define HANDLERS_SHOPIFY_GOOD_H

#include "crm/good.h"

/* More variants or lines than a product or an order can have. */
#define HANDLER_SHOPIFY_MOST 10000

/* "Title - Variant", in `pool`. "Default Title" is what Shopify calls the only variant of a
 * product. NULL without a title. */
const char *handler_shopify_label(const char *title, const char *variant, apr_pool_t *pool);

/* Says a good's type. What was once known as a gift card stays one: only some payloads tell. */
void handler_shopify_say_type(crm_news_t *news, int gift_card, apr_pool_t *pool);

#endif
