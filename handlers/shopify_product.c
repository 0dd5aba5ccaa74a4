/*
 * Shopify products to PurchaseGoods: one good per variant. Insert and Update are the same. What
 * belongs to the product (vendor, state, category, list of variants) has the version of the
 * message, whose date is the product's updated_at. What belongs to a variant (label, SKU, bar code,
 * prices) has the later of the product's and the variant's updated_at: neither goes back in time,
 * so a later state has the later date, whichever of the two Shopify has touched. Must never take
 * the absence of a variant for its removal, unless the payload has the list.
 */
#include "handlers/shopify.h"

#include <apr_hash.h>
#include <apr_strings.h>

#include <string.h>
#include <strings.h>

#include "core/log.h"
#include "handlers/field.h"
#include "handlers/shopify_good.h"
#include "handlers/shopify_id.h"
#include "handlers/shopify_money.h"

#define CATEGORY_MOST 1020 /* bytes: 255 characters, Shopify's limit */

typedef struct product_t {
    const handler_shopify_event_t *event;
    apr_pool_t *pool;
    handler_shopify_money_t money;
    crm_product_t told;
    const char *title; /* NULL = not told */
    /* Of every variant: what belongs to the product. */
    crm_news_t news[CRM_GOOD_GROUPS];
    int gift_card;
} product_t;

static const handler_shopify_stranger_t strangers[] = {
    {"inventory_item_id", "the body is of an inventory topic, not a product"},
    {"product_id", "the body is a part of a product (a variant, an image), not a product"},
    {"order_id", "the body belongs to an order, and is no product"},
    {"line_items", "the body is an order, not a product"},
    {NULL, NULL},
};

/* ---- the product ---- */

/* A member that goes to one column as it is. */
static void say_member(crm_news_t *news, const char *version, json_object *object, const char *name,
                       apr_pool_t *pool)
{
    const char *text;

    if (handler_field_text(&text, object, name, pool) != HANDLER_FIELD_ABSENT) {
        crm_news_say(news, version, text);
    }
}

/* What belongs to the product, save for its category. */
static void read_product(product_t *product)
{
    json_object *body = product->event->body;
    const char *version = product->told.version;

    handler_field_text(&product->title, body, "title", product->pool);
    say_member(&product->news[CRM_GOOD_VENDOR], version, body, "vendor", product->pool);
    say_member(&product->news[CRM_GOOD_STATE], version, body, "status", product->pool);
    crm_news_say_id(&product->news[CRM_GOOD_BRAND], version, product->event->place.brand_id,
                    product->pool);
    if (handler_field_flag(&product->gift_card, body, "gift_card") != HANDLER_FIELD_VALUE) {
        handler_field_flag(&product->gift_card, body, "is_gift_card");
    }
}

/* ---- its variants ---- */

/* The version of what belongs to a variant. */
static const char *variant_version(const product_t *product, json_object *variant)
{
    const char *version = product->told.version;
    apr_int64_t date;

    if (!handler_field_date(&date, variant, "updated_at", product->pool) ||
        date <= product->event->date_ms) {
        return version;
    }
    /* The digest of the digest serves as well as that of the whole body. */
    return crm_version_make(date, product->event->triggered_ms, version, strlen(version),
                            product->pool);
}

/* fulfillment_service is what versions until 2024-04 have. */
static int is_gift_card(const product_t *product, json_object *variant)
{
    const char *service;

    handler_field_text(&service, variant, "fulfillment_service", product->pool);
    return product->gift_card || (service && strcasecmp(service, "gift_card") == 0);
}

static void read_variant(crm_good_t *good, product_t *product, json_object *variant)
{
    const char *version = variant_version(product, variant), *title;
    handler_shopify_money_t *money = &product->money;
    crm_news_t *news = good->news;
    handler_field_t field;
    crm_decimal_t amount;

    memcpy(news, product->news, sizeof(product->news));
    good->identifier = handler_shopify_id(variant, "ProductVariant", "id", product->pool);
    if (!good->identifier && !money->reason) {
        money->reason = apr_pstrcat(product->pool, money->where,
                                    "id is no id: expected an integer, or a gid in "
                                    "admin_graphql_api_id",
                                    NULL);
    }
    if (product->title) {
        handler_field_text(&title, variant, "title", product->pool);
        crm_news_say(&news[CRM_GOOD_LABEL], version,
                     handler_shopify_label(product->title, title, product->pool));
    }
    say_member(&news[CRM_GOOD_SKU], version, variant, "sku", product->pool);
    say_member(&news[CRM_GOOD_BARCODE], version, variant, "barcode", product->pool);
    field = handler_shopify_money_read(&amount, money, variant, "price");
    handler_shopify_money_say(&news[CRM_GOOD_PRICE], version, field, amount, product->pool);
    field = handler_shopify_money_read(&amount, money, variant, "compare_at_price");
    handler_shopify_money_say(&news[CRM_GOOD_COMPARE], version, field, amount, product->pool);
    handler_shopify_say_type(&news[CRM_GOOD_TYPE], is_gift_card(product, variant), product->pool);
}

/* An array that is not longer than it can be. */
static json_object *list_of(product_t *product, const char *name)
{
    json_object *array;

    handler_field_array(&array, product->event->body, name);
    if (array && json_object_array_length(array) > HANDLER_SHOPIFY_MOST) {
        product->money.reason =
            apr_pstrcat(product->pool, name,
                        " has more entries than a product can have: expected at most 10000", NULL);
        return NULL;
    }
    return array;
}

/* The full variants: at most 100 of them. There is room for `more` others behind them. */
static void read_variants(product_t *product, json_object *array, int more)
{
    int i, count = array ? (int)json_object_array_length(array) : 0;
    crm_product_t *told = &product->told;

    told->goods = apr_pcalloc(product->pool, (apr_size_t)(count + more + 1) * sizeof(*told->goods));
    told->good_count = count;
    for (i = 0; i < count && !product->money.reason; i++) {
        product->money.where = apr_psprintf(product->pool, "variants[%d].", i);
        read_variant(&told->goods[i], product, json_object_array_get_idx(array, (size_t)i));
    }
    product->money.where = "";
}

/* ---- the list ---- */

/* Reads the ids in variant_gids, objects with a gid each. 0 when one cannot be read: half a list is
 * none. */
static int read_gids(const char **ids, json_object *array, apr_pool_t *pool)
{
    int i, count = (int)json_object_array_length(array);

    for (i = 0; i < count; i++) {
        ids[i] = handler_shopify_id(json_object_array_get_idx(array, (size_t)i), "ProductVariant",
                                    "id", pool);
        if (!ids[i]) {
            return 0;
        }
    }
    return 1;
}

/* A variant beyond the first 100 is only listed: what belongs to the product is known of it, and
 * the product's title stands in for its label. */
static void add_listed(product_t *product, const char *id)
{
    crm_good_t *good = &product->told.goods[product->told.good_count++];

    memcpy(good->news, product->news, sizeof(product->news));
    good->identifier = id;
    if (product->title) {
        crm_news_guess(&good->news[CRM_GOOD_LABEL], product->title, product->pool);
    }
    handler_shopify_say_type(&good->news[CRM_GOOD_TYPE], product->gift_card, product->pool);
}

/* The list of all variants: variant_gids and what is told in full. A product has one variant at
 * least, so that an empty list says nothing. */
static void list_variants(product_t *product, json_object *gids)
{
    int i, full = product->told.good_count, count = gids ? (int)json_object_array_length(gids) : 0;
    const char **ids = apr_pcalloc(product->pool, (apr_size_t)(count + full + 1) * sizeof(*ids));
    crm_product_t *told = &product->told;
    apr_hash_t *named = apr_hash_make(product->pool);

    if (count && !read_gids(ids, gids, product->pool)) {
        return;
    }
    for (i = 0; i < full; i++) {
        apr_hash_set(named, told->goods[i].identifier, APR_HASH_KEY_STRING, told);
    }
    for (i = 0; i < count; i++) {
        if (!apr_hash_get(named, ids[i], APR_HASH_KEY_STRING)) {
            add_listed(product, ids[i]);
        }
    }
    for (i = 0; i < full; i++) {
        ids[count + i] = told->goods[i].identifier;
    }
    if (count + full > 0) {
        told->listed = ids;
        told->listed_count = count + full;
    }
}

/* ---- the whole ---- */

/* The category of all variants, made when it is new. */
static apr_status_t say_category(product_t *product)
{
    const handler_shopify_event_t *event = product->event;
    crm_news_t news = {.said = 0};
    apr_status_t rv = APR_SUCCESS;
    const char *label;
    int id, i;

    switch (handler_field_text(&label, event->body, "product_type", product->pool)) {
    case HANDLER_FIELD_NULL:
        crm_news_say(&news, product->told.version, NULL);
        break;
    case HANDLER_FIELD_ABSENT:
        break;
    case HANDLER_FIELD_VALUE:
        if (strlen(label) > CATEGORY_MOST) {
            crm360_log(CRM360_LOG_DEBUG, APR_SUCCESS, "%s: product_type is too long; left out",
                       event->message->id);
            break;
        }
        rv = crm_good_category(&id, event->context->db, event->message->source_id,
                               event->place.brand_id, label, product->pool);
        crm_news_say_id(&news, product->told.version, id, product->pool);
        break;
    }
    for (i = 0; i < product->told.good_count; i++) {
        product->told.goods[i].news[CRM_GOOD_CATEGORY] = news;
    }
    return rv;
}

static apr_status_t save(handler_result_t *result, product_t *product)
{
    json_object *variants, *gids;
    apr_status_t rv;

    read_product(product);
    variants = list_of(product, "variants");
    gids = list_of(product, "variant_gids");
    read_variants(product, variants, gids ? (int)json_object_array_length(gids) : 0);
    if (product->money.reason) {
        result->verdict = HANDLER_REJECT;
        result->reason = product->money.reason;
        return APR_SUCCESS;
    }
    list_variants(product, gids);
    rv = say_category(product);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return crm_product_save(product->event->context->db, &product->told, product->pool);
}

apr_status_t handler_shopify_product(handler_result_t *result, const handler_shopify_event_t *event,
                                     apr_pool_t *pool)
{
    product_t product = {.event = event, .pool = pool};
    const char *id = handler_shopify_id(event->body, "Product", "id", pool);

    result->reason = handler_shopify_stranger(event->body, "Product", strangers, pool);
    if (!result->reason && !id) {
        result->reason = "the product has no id: expected an integer in the member id, or a gid in "
                         "admin_graphql_api_id";
    }
    if (result->reason) {
        result->verdict = HANDLER_REJECT;
        return APR_SUCCESS;
    }
    product.told.source_id = event->message->source_id;
    if (event->deletes) {
        return crm_product_delete(event->context->db, product.told.source_id, id, pool);
    }
    product.told.identifier = id;
    product.told.version = handler_shopify_version(event, pool);
    product.money = (handler_shopify_money_t){
        .message_id = event->message->id, .where = "", .places = 2, .pool = pool};
    return save(result, &product);
}
