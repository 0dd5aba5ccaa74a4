/*
 * Decimals as the CRM stores them: exact, with three places behind the point. Amounts, quantities
 * and rates are read from text and reckoned with as thousandths; a double is never used. Pure
 * functions, usable by any thread.
 */
#ifndef CRM_DECIMAL_H
#define CRM_DECIMAL_H

#include <apr_errno.h>
#include <apr_pools.h>

/* Thousandths; what NUMERIC(18, 3) holds: fifteen digits in front of the point. */
typedef apr_int64_t crm_decimal_t;

#define CRM_DECIMAL_ONE ((crm_decimal_t)1000)

/* Reads "129.80", "-3", ".5", "+1e2" (a sign, digits, a point, an exponent; blanks around). More
 * than three places are rounded, half away from zero. APR_EINVAL for anything else, APR_ERANGE for
 * more than fifteen digits in front of the point; *value is 0 then. */
apr_status_t crm_decimal_parse(crm_decimal_t *value, const char *text)
    __attribute__((warn_unused_result));

/* The same for a rate, as percent: "0.08875" is 8.875. */
apr_status_t crm_decimal_parse_percent(crm_decimal_t *value, const char *text)
    __attribute__((warn_unused_result));

/* Whether crm_decimal_parse() has rounded a number that it can read: 1 for "1.0005", 0 for "1.5000"
 * and for what is left of a decimal that went through a double ("22.409999999999997"). */
int crm_decimal_rounds(const char *text);

/* a * b, rounded, half away from zero; stops at the largest value there is. */
crm_decimal_t crm_decimal_multiply(crm_decimal_t a, crm_decimal_t b);

/* *sum += value. APR_ERANGE, and *sum is left alone, when that is more than there can be. */
apr_status_t crm_decimal_add(crm_decimal_t *sum, crm_decimal_t value)
    __attribute__((warn_unused_result));

/* *result = value * part / whole, rounded once, half away from zero: the share of an amount, or
 * with whole = CRM_DECIMAL_ONE a product. APR_ERANGE, and *result 0, when that is more than there
 * can be or `whole` is 0. */
apr_status_t crm_decimal_share(crm_decimal_t *result, crm_decimal_t value, crm_decimal_t part,
                               crm_decimal_t whole) __attribute__((warn_unused_result));

/* Rounded to `places` behind the point (0 to 3), half away from zero; stops likewise. */
crm_decimal_t crm_decimal_round(crm_decimal_t value, int places);

/* "129.800" in `pool`: the canonical form, that of NUMERIC(18, 3); stops likewise. */
const char *crm_decimal_text(crm_decimal_t value, apr_pool_t *pool);

#endif
