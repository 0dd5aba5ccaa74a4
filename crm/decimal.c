/* Thousandths in 64 bits (see decimal.h). Must never go through a floating-point number. */
#include "crm/decimal.h"

#include <apr_lib.h>
#include <apr_strings.h>

#define MOST ((crm_decimal_t)999999999999999999) /* 15 digits and 3 behind the point */
#define DIGITS_MOST 40                           /* of a number that is read to its end */

/* The digits of a number and where its point is. */
typedef struct scan_t {
    char digits[DIGITS_MOST];
    int count;
    int point; /* how many of the digits stand in front of the point */
} scan_t;

/* Leading zeros carry nothing; digits far behind the point only matter for rounding. */
static int add_digit(scan_t *scan, char digit, int behind)
{
    if (scan->count == 0 && digit == '0') {
        scan->point -= behind;
        return 1;
    }
    if (scan->count == DIGITS_MOST) {
        scan->point += !behind;
        return 1;
    }
    scan->digits[scan->count++] = digit;
    scan->point += !behind;
    return 1;
}

/* "e+12"; what is behind it is left to the caller. */
static int read_exponent(int *exponent, const char **text)
{
    int negative = 0, value = 0;

    *exponent = 0;
    if (**text != 'e' && **text != 'E') {
        return 1;
    }
    (*text)++;
    if (**text == '+' || **text == '-') {
        negative = *(*text)++ == '-';
    }
    if (!apr_isdigit(**text)) {
        return 0;
    }
    for (; apr_isdigit(**text); (*text)++) {
        value = value < 10000 ? value * 10 + (**text - '0') : value;
    }
    *exponent = negative ? -value : value;
    return 1;
}

static int read_number(scan_t *scan, const char **text)
{
    int digits = 0, behind = 0, exponent;

    for (;; (*text)++) {
        if (apr_isdigit(**text)) {
            digits += add_digit(scan, **text, behind);
        }
        else if (**text == '.' && !behind) {
            behind = 1;
        }
        else {
            break;
        }
    }
    if (!digits || !read_exponent(&exponent, text)) {
        return 0;
    }
    scan->point += exponent;
    return 1;
}

apr_status_t crm_decimal_parse(crm_decimal_t *value, const char *text)
{
    scan_t scan = {.count = 0};
    int negative = 0, i;

    *value = 0;
    while (*text == ' ') {
        text++;
    }
    if (*text == '-' || *text == '+') {
        negative = *text++ == '-';
    }
    if (!read_number(&scan, &text)) {
        return APR_EINVAL;
    }
    while (*text == ' ') {
        text++;
    }
    if (*text) {
        return APR_EINVAL;
    }
    if (scan.count > 0 && scan.point > 15) {
        return APR_ERANGE;
    }
    for (i = 0; i < scan.point + 3; i++) {
        *value = *value * 10 + (i < scan.count ? scan.digits[i] - '0' : 0);
    }
    if (scan.point + 3 >= 0 && i < scan.count && scan.digits[i] >= '5') {
        (*value)++;
    }
    if (*value > MOST) {
        *value = 0;
        return APR_ERANGE;
    }
    *value = negative ? -*value : *value;
    return APR_SUCCESS;
}

/* value / divisor, half away from zero. */
static __int128 divide(__int128 value, int divisor)
{
    return (value < 0 ? value - divisor / 2 : value + divisor / 2) / divisor;
}

static crm_decimal_t within(__int128 value)
{
    return value > MOST ? MOST : value < -MOST ? -MOST : (crm_decimal_t)value;
}

crm_decimal_t crm_decimal_multiply(crm_decimal_t a, crm_decimal_t b)
{
    return within(divide((__int128)a * b, 1000));
}

crm_decimal_t crm_decimal_round(crm_decimal_t value, int places)
{
    static const int units[] = {1000, 100, 10, 1};

    if (places < 0 || places > 3) {
        return value;
    }
    return within(divide(value, units[places]) * units[places]);
}

const char *crm_decimal_text(crm_decimal_t value, apr_pool_t *pool)
{
    crm_decimal_t positive;

    value = within(value); /* a sum may be more */
    positive = value < 0 ? -value : value;
    return apr_psprintf(pool, "%s%" APR_INT64_T_FMT ".%03d", value < 0 ? "-" : "",
                        positive / CRM_DECIMAL_ONE, (int)(positive % CRM_DECIMAL_ONE));
}
