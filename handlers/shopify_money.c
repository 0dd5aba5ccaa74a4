/* Reading and summing up amounts (see shopify_money.h). Must never use a double. */
#include "handlers/shopify_money.h"

#include <apr_strings.h>

#include <string.h>

#include "core/log.h"

static void refuse(handler_shopify_money_t *money, const char *name, const char *why)
{
    if (!money->reason) {
        money->reason = apr_pstrcat(money->pool, money->where, name, why, NULL);
    }
}

static void too_large(handler_shopify_money_t *money)
{
    if (!money->reason) {
        money->reason = "the amounts are too large: expected sums of at most fifteen digits in "
                        "front of the point";
    }
}

/* Neither missing nor null, but no text and no number either. */
static int is_odd(json_object *object, const char *name)
{
    json_object *value = NULL;

    return json_object_is_type(object, json_type_object) &&
           json_object_object_get_ex(object, name, &value) && value;
}

handler_field_t handler_shopify_money_read(crm_decimal_t *value, handler_shopify_money_t *money,
                                           json_object *object, const char *name)
{
    const char *text;
    handler_field_t field = handler_field_text(&text, object, name, money->pool);
    apr_status_t rv = APR_SUCCESS;

    *value = 0;
    if (field == HANDLER_FIELD_VALUE) {
        rv = crm_decimal_parse(value, text);
    }
    if (APR_STATUS_IS_ERANGE(rv)) {
        refuse(money, name, " is too large: expected at most fifteen digits in front of the point");
        return HANDLER_FIELD_ABSENT;
    }
    if (rv != APR_SUCCESS || (field == HANDLER_FIELD_ABSENT && is_odd(object, name))) {
        refuse(money, name, " is no number: expected one such as 129.80");
        return HANDLER_FIELD_ABSENT;
    }
    if (field == HANDLER_FIELD_VALUE && !money->rounded && crm_decimal_rounds(text)) {
        money->rounded = 1;
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0510) "%s: %s%s has more than three places; rounded",
                   money->message_id, money->where, name);
    }
    return field;
}

handler_field_t handler_shopify_money_sum(crm_decimal_t *sum, handler_shopify_money_t *money,
                                          json_object *object, const char *list, const char *name)
{
    const char *where = money->where;
    json_object *array;
    crm_decimal_t value;
    size_t i, count;
    handler_field_t field = handler_field_array(&array, object, list);

    *sum = 0;
    count = array ? json_object_array_length(array) : 0;
    for (i = 0; i < count && !money->reason; i++) {
        money->where = apr_psprintf(money->pool, "%s%s[%lu].", where, list, (unsigned long)i);
        handler_shopify_money_read(&value, money, json_object_array_get_idx(array, i), name);
        handler_shopify_money_add(sum, money, value);
    }
    money->where = where;
    return field;
}

void handler_shopify_money_add(crm_decimal_t *sum, handler_shopify_money_t *money,
                               crm_decimal_t value)
{
    if (crm_decimal_add(sum, value) != APR_SUCCESS) {
        too_large(money);
    }
}

crm_decimal_t handler_shopify_money_times(handler_shopify_money_t *money, crm_decimal_t value,
                                          crm_decimal_t factor)
{
    crm_decimal_t result;

    if (crm_decimal_share(&result, value, factor, CRM_DECIMAL_ONE) != APR_SUCCESS) {
        too_large(money);
    }
    return result;
}

crm_decimal_t handler_shopify_money_share(handler_shopify_money_t *money, crm_decimal_t value,
                                          crm_decimal_t part, crm_decimal_t whole)
{
    crm_decimal_t result = 0, rounded = 0;

    if (whole != 0 && crm_decimal_share(&result, value, part, whole) != APR_SUCCESS) {
        too_large(money);
    }
    handler_shopify_money_add(&rounded, money, crm_decimal_round(result, money->places));
    return rounded;
}

/* Places behind the point that are not two (ISO 4217). */
static int places_of(const char *currency)
{
    static const char none[] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
    static const char three[] = "BHD IQD JOD KWD LYD OMR TND";

    return strstr(none, currency) ? 0 : strstr(three, currency) ? 3 : 2;
}

handler_field_t handler_shopify_money_currency(const char **currency,
                                               handler_shopify_money_t *money, json_object *object,
                                               const char *name)
{
    static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    handler_field_t field = handler_field_text(currency, object, name, money->pool);

    money->places = 2;
    if (field == HANDLER_FIELD_VALUE ? strlen(*currency) != 3 || strspn(*currency, capitals) != 3
                                     : field == HANDLER_FIELD_ABSENT && is_odd(object, name)) {
        refuse(money, name, " is no currency: expected three capital letters (ISO 4217)");
        *currency = NULL;
        return HANDLER_FIELD_ABSENT;
    }
    if (*currency) {
        money->places = places_of(*currency);
    }
    return field;
}

void handler_shopify_money_say(crm_news_t *news, const char *version, handler_field_t field,
                               crm_decimal_t value, apr_pool_t *pool)
{
    if (field != HANDLER_FIELD_ABSENT) {
        crm_news_say(news, version,
                     field == HANDLER_FIELD_VALUE ? crm_decimal_text(value, pool) : NULL);
    }
}
