/*
 * Reading lines (see shopify_line.h). Amounts are what the line is worth now, as those of the
 * header: what was taken back is taken off, exactly as the refund has it, so that lines and
 * shipping make the header's sum.
 */
#include "handlers/shopify_line.h"

#include <apr_strings.h>

#include <string.h>

#include "crm/date.h"
#include "handlers/shopify_id.h"

#define DAY_MS ((apr_int64_t)86400000)

/* What goes through the reading of the lines of one order. */
typedef struct reader_t {
    const handler_shopify_event_t *event;
    handler_shopify_money_t *money;
    const handler_shopify_refunds_t *refunds;
    const char *currency;
    int taxes_included;
    apr_int64_t day_ms; /* when the order was made; 0 = not told */
} reader_t;

/* A line as numbers: first as it was sold, then as it is now. */
typedef struct worth_t {
    int has_quantity; /* whether it is told; likewise the next two */
    int has_price;
    int has_tax;
    crm_decimal_t quantity;
    crm_decimal_t refunded;
    crm_decimal_t price;
    crm_decimal_t discount;
    crm_decimal_t net; /* price * quantity - discount */
    crm_decimal_t tax;
} worth_t;

/* ---- amounts ---- */

/* How many were taken back: what current_quantity lacks, else what the refunds say. */
static crm_decimal_t refunded_quantity(reader_t *reader, json_object *line,
                                       const handler_shopify_refunded_t *refunded,
                                       crm_decimal_t quantity)
{
    crm_decimal_t current, gone = refunded ? refunded->quantity : 0;

    if (handler_shopify_money_read(&current, reader->money, line, "current_quantity") ==
        HANDLER_FIELD_VALUE) {
        gone = quantity;
        handler_shopify_money_add(&gone, reader->money, -current);
    }
    return gone < 0 ? 0 : gone > quantity ? quantity : gone;
}

/* Whether the refunds tell exactly what the quantity that is gone was worth. */
static int is_explained(const worth_t *worth, const handler_shopify_refunded_t *refunded)
{
    return refunded && refunded->exact && refunded->quantity == worth->refunded &&
           refunded->subtotal >= 0 && refunded->subtotal <= worth->net && refunded->tax >= 0 &&
           refunded->tax <= worth->tax;
}

/* From what was sold to what is left. */
static void take_back(worth_t *worth, reader_t *reader, const handler_shopify_refunded_t *refunded)
{
    handler_shopify_money_t *money = reader->money;
    crm_decimal_t left = worth->quantity - worth->refunded;
    crm_decimal_t net = worth->net, tax = worth->tax;

    if (worth->refunded == 0) {
        return;
    }
    if (left > 0 && is_explained(worth, refunded)) {
        handler_shopify_money_add(&net, money, -refunded->subtotal);
        handler_shopify_money_add(&tax, money, -refunded->tax);
    }
    else {
        net = handler_shopify_money_share(money, net, left, worth->quantity);
        tax = handler_shopify_money_share(money, tax, left, worth->quantity);
    }
    worth->net = net;
    worth->tax = tax;
    worth->discount = handler_shopify_money_times(money, worth->price, left);
    handler_shopify_money_add(&worth->discount, money, -net);
}

static void read_worth(worth_t *worth, reader_t *reader, json_object *line,
                       const handler_shopify_refunded_t *refunded)
{
    handler_shopify_money_t *money = reader->money;

    worth->has_quantity = handler_shopify_money_read(&worth->quantity, money, line, "quantity") ==
                          HANDLER_FIELD_VALUE;
    worth->has_price =
        handler_shopify_money_read(&worth->price, money, line, "price") == HANDLER_FIELD_VALUE;
    worth->has_tax = handler_shopify_money_sum(&worth->tax, money, line, "tax_lines", "price") ==
                     HANDLER_FIELD_VALUE;
    /* total_discount lacks the share of discounts on the whole order. */
    if (handler_shopify_money_sum(&worth->discount, money, line, "discount_allocations",
                                  "amount") != HANDLER_FIELD_VALUE) {
        handler_shopify_money_read(&worth->discount, money, line, "total_discount");
    }
    worth->net = handler_shopify_money_times(money, worth->price, worth->quantity);
    handler_shopify_money_add(&worth->net, money, -worth->discount);
    worth->refunded = refunded_quantity(reader, line, refunded, worth->quantity);
    take_back(worth, reader, refunded);
}

/* The rate of the one tax on the line, in percent; NULL when there are several, or none. */
static const char *tax_rate(json_object *line, apr_pool_t *pool)
{
    crm_decimal_t percent;
    json_object *array;
    const char *text;

    handler_field_array(&array, line, "tax_lines");
    if (!array || json_object_array_length(array) != 1 ||
        handler_field_text(&text, json_object_array_get_idx(array, 0), "rate", pool) !=
            HANDLER_FIELD_VALUE ||
        crm_decimal_parse_percent(&percent, text) != APR_SUCCESS) {
        return NULL;
    }
    return crm_decimal_text(percent, pool);
}

static void write_worth(crm_purchase_line_t *to, const worth_t *worth, reader_t *reader)
{
    handler_shopify_money_t *money = reader->money;
    crm_decimal_t included = worth->net, without = worth->net;

    if (worth->has_price) {
        to->unit_price = crm_decimal_text(worth->price, money->pool);
    }
    if (worth->has_quantity) {
        to->quantity = crm_decimal_text(worth->quantity, money->pool);
        to->refunded_quantity = crm_decimal_text(worth->refunded, money->pool);
    }
    if (!worth->has_price || !worth->has_quantity) {
        return;
    }
    to->discount_amount = crm_decimal_text(worth->discount, money->pool);
    if (worth->has_tax) {
        handler_shopify_money_add(&included, money, reader->taxes_included ? 0 : worth->tax);
        handler_shopify_money_add(&without, money, reader->taxes_included ? -worth->tax : 0);
        to->tax_amount = crm_decimal_text(worth->tax, money->pool);
    }
    if (worth->has_tax || reader->taxes_included) {
        to->amount_tax_included = crm_decimal_text(included, money->pool);
    }
    if (worth->has_tax || !reader->taxes_included) {
        to->amount_tax_free = crm_decimal_text(without, money->pool);
    }
}

/* ---- goods ---- */

/* A guess of the day on which the order was made: the newest day wins among guesses, and a good
 * that is told of again on the same day need not be taken. */
static void guess(crm_news_t *news, const reader_t *reader, const char *value)
{
    if (value) {
        crm_news_say(news,
                     crm_version_make(0, reader->day_ms, value, strlen(value), reader->money->pool),
                     value);
    }
}

/* What the line tells of its variant, as long as the product itself has told nothing. */
static void read_good(crm_good_t *good, const char **parent, const reader_t *reader,
                      const crm_purchase_line_t *line, json_object *object)
{
    apr_pool_t *pool = reader->money->pool;
    const char *vendor;
    int gift_card;

    good->identifier = handler_shopify_reference(object, "ProductVariant", "variant_id", pool);
    if (!good->identifier) {
        return;
    }
    *parent = handler_shopify_reference(object, "Product", "product_id", pool);
    handler_field_text(&vendor, object, "vendor", pool);
    guess(&good->news[CRM_GOOD_LABEL], reader, line->label);
    guess(&good->news[CRM_GOOD_SKU], reader, line->sku);
    guess(&good->news[CRM_GOOD_PRICE], reader, line->unit_price);
    guess(&good->news[CRM_GOOD_VENDOR], reader, vendor);
    if (reader->currency) {
        crm_news_guess(&good->news[CRM_GOOD_CURRENCY], reader->currency, pool);
    }
    crm_news_guess_id(&good->news[CRM_GOOD_BRAND], reader->event->place.brand_id, pool);
    handler_field_flag(&gift_card, object, "gift_card");
    handler_shopify_say_type(&good->news[CRM_GOOD_TYPE], gift_card, pool);
}

/* ---- the whole ---- */

static void read_line(crm_purchase_line_t *to, crm_good_t *good, const char **parent,
                      reader_t *reader, json_object *line)
{
    handler_shopify_money_t *money = reader->money;
    const char *title, *variant;
    worth_t worth = {.price = 0};

    to->identifier = handler_shopify_id(line, "LineItem", "id", money->pool);
    if (!to->identifier && !money->reason) {
        money->reason = apr_pstrcat(money->pool, money->where,
                                    "id is no id: expected an integer, or a gid in "
                                    "admin_graphql_api_id",
                                    NULL);
    }
    handler_field_text(&title, line, "title", money->pool);
    handler_field_text(&variant, line, "variant_title", money->pool);
    to->label = handler_shopify_label(title, variant, money->pool);
    if (!to->label) {
        handler_field_text(&to->label, line, "name", money->pool);
    }
    handler_field_text(&to->sku, line, "sku", money->pool);
    to->tax_rate = tax_rate(line, money->pool);
    read_worth(&worth, reader, line,
               to->identifier
                   ? apr_hash_get(reader->refunds->lines, to->identifier, APR_HASH_KEY_STRING)
                   : NULL);
    write_worth(to, &worth, reader);
    read_good(good, parent, reader, to, line);
}

static void make_room(handler_shopify_lines_t *lines, int count, apr_pool_t *pool)
{
    apr_size_t some = (apr_size_t)count + 1;

    lines->count = count;
    lines->lines = apr_pcalloc(pool, some * sizeof(*lines->lines));
    lines->goods = apr_pcalloc(pool, some * sizeof(*lines->goods));
    lines->parents = apr_pcalloc(pool, some * sizeof(*lines->parents));
}

/* The day on which the order was made, as the guesses about its goods have it. */
static apr_int64_t day_of(json_object *order, apr_pool_t *pool)
{
    apr_int64_t ms;

    return handler_field_date(&ms, order, "created_at", pool) && ms > 0 ? ms - ms % DAY_MS : 0;
}

void handler_shopify_lines(handler_shopify_lines_t *lines, const handler_shopify_event_t *event,
                           handler_shopify_money_t *money, const handler_shopify_refunds_t *refunds,
                           const char *currency, int taxes_included)
{
    reader_t reader = {.event = event,
                       .money = money,
                       .refunds = refunds,
                       .currency = currency,
                       .taxes_included = taxes_included,
                       .day_ms = day_of(event->body, money->pool)};
    const char *where = money->where;
    json_object *array;
    size_t count;
    int i;

    *lines = (handler_shopify_lines_t){.told = 0};
    if (handler_field_array(&array, event->body, "line_items") != HANDLER_FIELD_VALUE) {
        return;
    }
    count = json_object_array_length(array);
    if (count > HANDLER_SHOPIFY_MOST) {
        money->reason =
            "line_items has more entries than an order can have: expected at most 10000";
        return;
    }
    lines->told = 1;
    make_room(lines, (int)count, money->pool);
    for (i = 0; i < lines->count && !money->reason; i++) {
        money->where = apr_psprintf(money->pool, "line_items[%d].", i);
        read_line(&lines->lines[i], &lines->goods[i], &lines->parents[i], &reader,
                  json_object_array_get_idx(array, (size_t)i));
    }
    money->where = where;
}

apr_status_t handler_shopify_lines_find(handler_shopify_lines_t *lines,
                                        const handler_shopify_event_t *event, apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; i < lines->count && rv == APR_SUCCESS; i++) {
        if (lines->goods[i].identifier) {
            rv = crm_good_of_line(&lines->lines[i].good_id, event->context->db,
                                  event->message->source_id, lines->parents[i], &lines->goods[i],
                                  pool);
        }
    }
    return rv;
}
