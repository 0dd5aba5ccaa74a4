/*
 * Reading refunds (see shopify_refund.h). The money is what transactions say, where a refund has a
 * list of them, be it empty: a line that is taken out of an unpaid order is a "refund" without any
 * money. Without a list it is reckoned from the lines and the adjustments of the refund.
 */
#include "handlers/shopify_refund.h"

#include <apr_strings.h>

#include <strings.h>

#include "handlers/shopify_id.h"

typedef struct reader_t {
    handler_shopify_refunds_t *refunds;
    handler_shopify_money_t *money;
    int taxes_included;
} reader_t;

static int is_word(json_object *object, const char *name, const char *word, apr_pool_t *pool)
{
    const char *text;

    return handler_field_text(&text, object, name, pool) == HANDLER_FIELD_VALUE &&
           strcasecmp(text, word) == 0;
}

/* An object in an array, with money->where set for it; NULL when it is none. */
static json_object *enter(reader_t *reader, const char *where, const char *list, json_object *array,
                          size_t i)
{
    json_object *object = json_object_array_get_idx(array, i);

    reader->money->where =
        apr_psprintf(reader->money->pool, "%s%s[%lu].", where, list, (unsigned long)i);
    return json_object_is_type(object, json_type_object) ? object : NULL;
}

/* What came back by transactions that went through. */
static crm_decimal_t transactions(reader_t *reader, json_object *array)
{
    handler_shopify_money_t *money = reader->money;
    const char *where = money->where;
    size_t i, count = json_object_array_length(array);
    crm_decimal_t sum = 0, value;
    json_object *transaction;

    for (i = 0; i < count; i++) {
        transaction = enter(reader, where, "transactions", array, i);
        if (is_word(transaction, "kind", "refund", money->pool) &&
            is_word(transaction, "status", "success", money->pool)) {
            handler_shopify_money_read(&value, money, transaction, "amount");
            handler_shopify_money_add(&sum, money, value);
        }
    }
    money->where = where;
    return sum;
}

/* Refunded shipping, and the difference between what a refund should be and what it is: negative
 * amounts, without tax, are money that went back. Refunded shipping always is. */
static crm_decimal_t adjustments(reader_t *reader, json_object *refund)
{
    handler_shopify_money_t *money = reader->money;
    const char *where = money->where;
    crm_decimal_t sum = 0, amount, tax;
    json_object *array, *adjustment;
    size_t i, count;

    handler_field_array(&array, refund, "order_adjustments");
    count = array ? json_object_array_length(array) : 0;
    for (i = 0; i < count; i++) {
        adjustment = enter(reader, where, "order_adjustments", array, i);
        handler_shopify_money_read(&amount, money, adjustment, "amount");
        handler_shopify_money_read(&tax, money, adjustment, "tax_amount");
        handler_shopify_money_add(&amount, money, tax);
        if (amount > 0 && is_word(adjustment, "kind", "shipping_refund", money->pool)) {
            amount = -amount;
        }
        handler_shopify_money_add(&sum, money, -amount);
    }
    money->where = where;
    return sum;
}

/* The line that something was taken back of: its own gid is more exact than line_item_id. */
static const char *line_of(json_object *refunded, apr_pool_t *pool)
{
    json_object *line;
    const char *id;

    handler_field_object(&line, refunded, "line_item");
    id = handler_shopify_id(line, "LineItem", "id", pool);
    return id ? id : handler_shopify_reference(refunded, "LineItem", "line_item_id", pool);
}

static handler_shopify_refunded_t *entry_of(reader_t *reader, const char *id)
{
    handler_shopify_refunded_t *entry =
        apr_hash_get(reader->refunds->lines, id, APR_HASH_KEY_STRING);

    if (!entry) {
        entry = apr_pcalloc(reader->money->pool, sizeof(*entry));
        entry->exact = 1;
        apr_hash_set(reader->refunds->lines, id, APR_HASH_KEY_STRING, entry);
    }
    return entry;
}

/* What was taken back of one line. Returns its money. */
static crm_decimal_t refunded_line(reader_t *reader, json_object *refunded)
{
    handler_shopify_money_t *money = reader->money;
    const char *id = line_of(refunded, money->pool);
    handler_shopify_refunded_t *entry;
    crm_decimal_t quantity, subtotal, tax;
    int told;

    handler_shopify_money_read(&quantity, money, refunded, "quantity");
    told =
        handler_shopify_money_read(&subtotal, money, refunded, "subtotal") == HANDLER_FIELD_VALUE;
    told &= handler_shopify_money_read(&tax, money, refunded, "total_tax") == HANDLER_FIELD_VALUE;
    handler_shopify_money_add(&reader->refunds->tax, money, tax);
    if (id) {
        entry = entry_of(reader, id);
        handler_shopify_money_add(&entry->quantity, money, quantity);
        handler_shopify_money_add(&entry->subtotal, money, subtotal);
        handler_shopify_money_add(&entry->tax, money, tax);
        entry->exact &= told;
    }
    if (!reader->taxes_included) {
        handler_shopify_money_add(&subtotal, money, tax);
    }
    return subtotal;
}

static crm_decimal_t refunded_lines(reader_t *reader, json_object *refund)
{
    const char *where = reader->money->where;
    json_object *array, *refunded;
    crm_decimal_t sum = 0;
    size_t i, count;

    handler_field_array(&array, refund, "refund_line_items");
    count = array ? json_object_array_length(array) : 0;
    for (i = 0; i < count; i++) {
        refunded = enter(reader, where, "refund_line_items", array, i);
        handler_shopify_money_add(&sum, reader->money, refunded_line(reader, refunded));
    }
    reader->money->where = where;
    return sum;
}

static void read_refund(reader_t *reader, json_object *refund)
{
    crm_decimal_t amount = refunded_lines(reader, refund);
    json_object *array;

    if (handler_field_array(&array, refund, "transactions") == HANDLER_FIELD_VALUE) {
        amount = transactions(reader, array);
    }
    else {
        handler_shopify_money_add(&amount, reader->money, adjustments(reader, refund));
    }
    handler_shopify_money_add(&reader->refunds->amount, reader->money, amount);
}

void handler_shopify_refunds(handler_shopify_refunds_t *refunds, handler_shopify_money_t *money,
                             json_object *order, int taxes_included)
{
    reader_t reader = {.refunds = refunds, .money = money, .taxes_included = taxes_included};
    const char *where = money->where;
    json_object *array;
    size_t i, count;

    *refunds = (handler_shopify_refunds_t){.lines = apr_hash_make(money->pool)};
    refunds->told = handler_field_array(&array, order, "refunds") == HANDLER_FIELD_VALUE;
    count = array ? json_object_array_length(array) : 0;
    for (i = 0; i < count && !money->reason; i++) {
        read_refund(&reader, enter(&reader, where, "refunds", array, i));
    }
    money->where = where;
}
