/* Labels and types of goods (see shopify_good.h). Must never depend on which message came first. */
#include "handlers/shopify_good.h"

#include <apr_strings.h>

#include <string.h>

const char *handler_shopify_label(const char *title, const char *variant, apr_pool_t *pool)
{
    if (!title || !variant || strcmp(variant, "Default Title") == 0) {
        return title;
    }
    return apr_pstrcat(pool, title, " - ", variant, NULL);
}

/* Both are guesses; that of a gift card has the later time, and wins. */
void handler_shopify_say_type(crm_news_t *news, int gift_card, apr_pool_t *pool)
{
    const char *type = apr_itoa(pool, gift_card ? CRM_GOOD_TYPE_GIFT_CARD : CRM_GOOD_TYPE_PRODUCT);

    crm_news_say(news, crm_version_make(0, gift_card, type, strlen(type), pool), type);
}
