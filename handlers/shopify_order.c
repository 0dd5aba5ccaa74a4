/*
 * Shopify orders to PurchaseHeaders and PurchaseDetails, with the contact, goods, store and voucher
 * they name. Insert and Update are the same; every topic that carries the whole order (paid,
 * cancelled, fulfilled) is an Update. Everything is read before anything is written. Must never
 * count a test order as a sale, nor let what an order tells of a person or a product stand against
 * what they tell themselves.
 */
#include "handlers/shopify.h"

#include <apr_strings.h>

#include <string.h>
#include <strings.h>

#include "core/log.h"
#include "crm/date.h"
#include "crm/person.h"
#include "crm/purchase.h"
#include "handlers/field.h"
#include "handlers/shopify_id.h"
#include "handlers/shopify_line.h"

typedef struct order_t {
    const handler_shopify_event_t *event;
    apr_pool_t *pool;
    handler_shopify_money_t money;
    handler_shopify_refunds_t refunds;
    handler_shopify_lines_t lines;
    const char *currency; /* NULL = not told */
    crm_purchase_t purchase;
} order_t;

/* orders/edited and the topics of parts come under an id of their own, or none: the order they
 * belong to is not in them. They are refused, so that nobody believes they were worked. */
static const handler_shopify_stranger_t strangers[] = {
    {"order_edit",
     "the body is of orders/edited, which carries no order: subscribe orders/updated, "
     "which carries the edited order"},
    {"order_id", "the body is a part of an order (a fulfilment, refund or transaction), which "
                 "orders/updated carries as well"},
    {"email_marketing_consent", "the body is a customer's consent, not an order"},
    {"sms_marketing_consent", "the body is a customer's consent, not an order"},
    {"abandoned_checkout_url", "the body is a checkout, not an order"},
    {"variants", "the body is a product, not an order"},
    {NULL, NULL},
};

/* ---- state ---- */

static const struct {
    const char *text;
    crm_purchase_status_t id;
} statuses[] = {
    {"pending", CRM_PURCHASE_PENDING},
    {"authorized", CRM_PURCHASE_AUTHORIZED},
    {"partially_paid", CRM_PURCHASE_PARTIALLY_PAID},
    {"paid", CRM_PURCHASE_PAID},
    {"partially_refunded", CRM_PURCHASE_PARTIALLY_REFUNDED},
    {"refunded", CRM_PURCHASE_REFUNDED},
    {"voided", CRM_PURCHASE_VOIDED},
    {"expired", CRM_PURCHASE_EXPIRED},
};

/* The id of a status, 0 when it is none that we know. */
static int status_of(const order_t *order, const char *text)
{
    size_t i;

    for (i = 0; text && i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (strcasecmp(text, statuses[i].text) == 0) {
            return (int)statuses[i].id;
        }
    }
    if (text) {
        crm360_log(CRM360_LOG_DEBUG, APR_SUCCESS, "%s: financial_status is none that is known",
                   order->event->message->id);
    }
    return 0;
}

/* What the state is, however it is paid: a test, else cancelled, else what was paid. */
static void say_status(order_t *order)
{
    crm_news_t *news = order->purchase.news;
    json_object *body = order->event->body;
    apr_int64_t cancelled_ms;
    const char *text;
    handler_field_t status, cancelled;
    int id, test;

    status = handler_field_text(&text, body, "financial_status", order->pool);
    cancelled = handler_field_time(&cancelled_ms, body, "cancelled_at", order->pool);
    handler_field_flag(&test, body, "test");
    if (cancelled != HANDLER_FIELD_ABSENT) {
        crm_news_say(&news[CRM_PURCHASE_CANCELLED], order->purchase.version,
                     cancelled == HANDLER_FIELD_VALUE ? crm_date_text(cancelled_ms, order->pool)
                                                      : NULL);
    }
    id = status_of(order, text);
    id = test                               ? CRM_PURCHASE_TEST
         : cancelled == HANDLER_FIELD_VALUE ? CRM_PURCHASE_IS_CANCELLED
                                            : id;
    if (status != HANDLER_FIELD_ABSENT || id) {
        crm_news_say(&news[CRM_PURCHASE_STATUS], order->purchase.version,
                     id ? apr_itoa(order->pool, id) : NULL);
        news[CRM_PURCHASE_STATUS].values[1] = text;
    }
}

static int is_point_of_sale(const char *source)
{
    return source && strcasecmp(source, "pos") == 0;
}

/* Numbers, dates, where it was sold. */
static void say_facts(order_t *order)
{
    crm_news_t *news = order->purchase.news;
    const char *version = order->purchase.version, *text;
    json_object *body = order->event->body;
    apr_int64_t date;

    if (handler_field_text(&text, body, "name", order->pool) != HANDLER_FIELD_ABSENT) {
        crm_news_say(&news[CRM_PURCHASE_NUMBER], version, text);
    }
    if (handler_field_date(&date, body, "processed_at", order->pool) ||
        handler_field_date(&date, body, "created_at", order->pool)) {
        crm_news_say(&news[CRM_PURCHASE_DATE], version, crm_date_text(date, order->pool));
    }
    crm_news_say_id(&news[CRM_PURCHASE_BRAND], version, order->event->place.brand_id, order->pool);
    if (handler_field_text(&text, body, "source_name", order->pool) != HANDLER_FIELD_ABSENT) {
        crm_news_say_id(&news[CRM_PURCHASE_TYPE], version,
                        is_point_of_sale(text) ? CRM_PURCHASE_TYPE_STORE : CRM_PURCHASE_TYPE_ONLINE,
                        order->pool);
    }
}

/* ---- amounts ---- */

/* What an order is worth now: current_*, which follow edits and refunds; older payloads have only
 * the original amount, from which refunds are taken. */
static handler_field_t worth(crm_decimal_t *value, order_t *order, const char *current,
                             const char *original, crm_decimal_t refunded)
{
    json_object *body = order->event->body;
    handler_field_t field = handler_shopify_money_read(value, &order->money, body, current);

    if (field != HANDLER_FIELD_VALUE) {
        field = handler_shopify_money_read(value, &order->money, body, original);
        handler_shopify_money_add(value, &order->money,
                                  field == HANDLER_FIELD_VALUE ? -refunded : 0);
    }
    return field;
}

static void say(order_t *order, crm_purchase_group_t group, handler_field_t field,
                crm_decimal_t value)
{
    handler_shopify_money_say(&order->purchase.news[group], order->purchase.version, field, value,
                              order->pool);
}

/* Shipping after its discounts; without discounted_price the discounts are taken off. */
static void say_shipping(order_t *order)
{
    handler_shopify_money_t *money = &order->money;
    crm_decimal_t sum = 0, price, discount;
    json_object *array, *line;
    size_t i, count;
    int removed;

    if (handler_field_array(&array, order->event->body, "shipping_lines") != HANDLER_FIELD_VALUE) {
        return;
    }
    count = json_object_array_length(array);
    for (i = 0; i < count && !money->reason; i++) {
        line = json_object_array_get_idx(array, i);
        money->where = apr_psprintf(order->pool, "shipping_lines[%lu].", (unsigned long)i);
        handler_field_flag(&removed, line, "is_removed");
        if (removed) {
            continue;
        }
        if (handler_shopify_money_read(&price, money, line, "discounted_price") !=
            HANDLER_FIELD_VALUE) {
            handler_shopify_money_read(&price, money, line, "price");
            handler_shopify_money_sum(&discount, money, line, "discount_allocations", "amount");
            handler_shopify_money_add(&price, money, -discount);
        }
        handler_shopify_money_add(&sum, money, price);
    }
    money->where = "";
    say(order, CRM_PURCHASE_SHIPPING, HANDLER_FIELD_VALUE, sum);
}

/* total_price has the taxes in it, whether prices have or not. */
static void say_amounts(order_t *order)
{
    json_object *body = order->event->body;
    crm_decimal_t included, tax, value;
    handler_field_t field, tax_field;

    field = worth(&included, order, "current_total_price", "total_price", order->refunds.amount);
    tax_field = worth(&tax, order, "current_total_tax", "total_tax", order->refunds.tax);
    say(order, CRM_PURCHASE_TAX_INCLUDED, field, included);
    say(order, CRM_PURCHASE_TAX, tax_field, tax);
    if (field == HANDLER_FIELD_VALUE && tax_field == HANDLER_FIELD_VALUE) {
        handler_shopify_money_add(&included, &order->money, -tax);
        say(order, CRM_PURCHASE_TAX_FREE, field, included);
    }
    field = worth(&value, order, "current_total_discounts", "total_discounts", 0);
    say(order, CRM_PURCHASE_DISCOUNT, field, value);
    field = handler_shopify_money_read(&value, &order->money, body, "total_price");
    say(order, CRM_PURCHASE_ORIGINAL, field, value);
    if (order->refunds.told) {
        say(order, CRM_PURCHASE_REFUND, HANDLER_FIELD_VALUE, order->refunds.amount);
    }
    say_shipping(order);
}

/* ---- what it names ---- */

/* The embedded customer, with its own updated_at. The customer's own messages win at equal dates,
 * because they have a time of sending; one without a date is only a guess. */
static apr_status_t save_customer(int *contact_id, const order_t *order, json_object *customer,
                                  const char *id)
{
    handler_shopify_event_t event = *order->event;

    event.body = customer;
    event.triggered_ms = 0;
    if (!handler_field_date(&event.date_ms, customer, "updated_at", order->pool)) {
        event.date_ms = 0;
    }
    return handler_shopify_customer_save(contact_id, &event, id, order->pool);
}

/* A buyer without customer is a guess: any dated news wins, and of two orders the newer one. */
static apr_status_t save_buyer(int *contact_id, const order_t *order)
{
    handler_shopify_event_t event = *order->event;

    event.triggered_ms = order->event->date_ms;
    event.date_ms = 0;
    return handler_shopify_buyer_save(contact_id, &event, order->pool);
}

static apr_status_t say_contact(order_t *order)
{
    crm_news_t *news = &order->purchase.news[CRM_PURCHASE_CONTACT];
    handler_field_t field;
    json_object *customer;
    apr_status_t rv;
    const char *id;
    int contact_id;

    field = handler_field_object(&customer, order->event->body, "customer");
    id = handler_shopify_id(customer, "Customer", "id", order->pool);
    rv = id ? save_customer(&contact_id, order, customer, id) : save_buyer(&contact_id, order);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (contact_id) {
        crm_news_say_id(news, order->purchase.version, contact_id, order->pool);
    }
    else if (field == HANDLER_FIELD_NULL) {
        crm_news_say(news, order->purchase.version, NULL);
    }
    return APR_SUCCESS;
}

static apr_status_t say_store(order_t *order)
{
    const handler_shopify_event_t *event = order->event;
    const char *source, *location;
    apr_status_t rv;
    int id;

    handler_field_text(&source, event->body, "source_name", order->pool);
    location = handler_shopify_reference(event->body, "Location", "location_id", order->pool);
    if (!is_point_of_sale(source) || !location) {
        return APR_SUCCESS;
    }
    rv = crm_purchase_store(&id, event->context->db, event->message->source_id, location,
                            event->place.zone_id, event->place.brand_id, order->pool);
    crm_news_say_id(&order->purchase.news[CRM_PURCHASE_STORE], order->purchase.version, id,
                    order->pool);
    return rv;
}

static int voucher_type(const char *type)
{
    if (!type) {
        return 0;
    }
    return strcasecmp(type, "fixed_amount") == 0 ? CRM_VOUCHER_FIXED_AMOUNT
           : strcasecmp(type, "percentage") == 0 ? CRM_VOUCHER_PERCENTAGE
           : strcasecmp(type, "shipping") == 0   ? CRM_VOUCHER_FREE_SHIPPING
                                                 : CRM_VOUCHER_OTHER;
}

/* Every code becomes a voucher; the header names the first. */
static apr_status_t say_voucher(order_t *order)
{
    const handler_shopify_event_t *event = order->event;
    const char *code, *type;
    json_object *array, *entry;
    int id, first = 0;
    size_t i, count;
    apr_status_t rv;

    if (handler_field_array(&array, event->body, "discount_codes") != HANDLER_FIELD_VALUE) {
        return APR_SUCCESS;
    }
    count = json_object_array_length(array);
    for (i = 0; i < count; i++) {
        entry = json_object_array_get_idx(array, i);
        handler_field_text(&type, entry, "type", order->pool);
        if (handler_field_id(&code, entry, "code", order->pool) != HANDLER_FIELD_VALUE) {
            continue;
        }
        rv = crm_purchase_voucher(&id, event->context->db, event->message->source_id, code,
                                  voucher_type(type), order->pool);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        first = first ? first : id;
    }
    crm_news_say(&order->purchase.news[CRM_PURCHASE_VOUCHER], order->purchase.version,
                 first ? apr_itoa(order->pool, first) : NULL);
    return APR_SUCCESS;
}

/* ---- the whole ---- */

/* Everything that needs no database. Errors go to order->money. */
static void read_order(order_t *order)
{
    json_object *body = order->event->body;
    handler_field_t field;
    int taxes_included;

    field = handler_shopify_money_currency(&order->currency, &order->money, body, "currency");
    if (field != HANDLER_FIELD_ABSENT) {
        crm_news_say(&order->purchase.news[CRM_PURCHASE_CURRENCY], order->purchase.version,
                     order->currency);
    }
    handler_field_flag(&taxes_included, body, "taxes_included");
    handler_shopify_refunds(&order->refunds, &order->money, body, taxes_included);
    say_amounts(order);
    handler_shopify_lines(&order->lines, order->event, &order->money, &order->refunds,
                          order->currency, taxes_included);
    say_status(order);
    say_facts(order);
}

static apr_status_t write_order(order_t *order)
{
    const handler_shopify_event_t *event = order->event;
    apr_status_t rv = say_contact(order);

    if (rv == APR_SUCCESS) {
        rv = say_store(order);
    }
    if (rv == APR_SUCCESS) {
        rv = say_voucher(order);
    }
    if (rv == APR_SUCCESS) {
        rv = handler_shopify_lines_find(&order->lines, event, order->pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    order->purchase.has_lines = order->lines.told;
    order->purchase.lines = order->lines.lines;
    order->purchase.line_count = order->lines.count;
    return crm_purchase_save(NULL, event->context->db, &order->purchase, order->pool);
}

/* Why the body is no order, NULL when it is one. */
static const char *refusal(const handler_shopify_event_t *event, const char *id, apr_pool_t *pool)
{
    const char *reason = handler_shopify_privacy(event->body);

    if (!reason) {
        reason = handler_shopify_stranger(event->body, "Order", strangers, pool);
    }
    if (!reason && !id) {
        reason = "the order has no id: expected an integer in the member id, or a gid in "
                 "admin_graphql_api_id";
    }
    return reason;
}

apr_status_t handler_shopify_order(handler_result_t *result, const handler_shopify_event_t *event,
                                   apr_pool_t *pool)
{
    order_t order = {.event = event, .pool = pool};
    const char *id = handler_shopify_id(event->body, "Order", "id", pool);

    result->reason = refusal(event, id, pool);
    if (!result->reason && event->deletes) {
        return crm_purchase_delete(event->context->db, event->message->source_id, id, pool);
    }
    if (!result->reason) {
        order.purchase.source_id = event->message->source_id;
        order.purchase.identifier = id;
        order.purchase.version = handler_shopify_version(event, pool);
        order.money = (handler_shopify_money_t){
            .message_id = event->message->id, .where = "", .places = 2, .pool = pool};
        read_order(&order);
        result->reason = order.money.reason;
    }
    if (result->reason) {
        result->verdict = HANDLER_REJECT;
        return APR_SUCCESS;
    }
    return write_order(&order);
}
