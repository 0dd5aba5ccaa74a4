/* Thousandths in 64 bits (see decimal.h). Must never go through a floating-point number. */
#include "crm/decimal.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

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

/* The whole of a text: blanks, sign, number, blanks. */
static int read_text(scan_t *scan, int *negative, const char *text)
{
    *scan = (scan_t){.count = 0};
    *negative = 0;
    text += strspn(text, " ");
    if (*text == '-' || *text == '+') {
        *negative = *text++ == '-';
    }
    if (!read_number(scan, &text)) {
        return 0;
    }
    return text[strspn(text, " ")] == '\0';
}

/* The value, with the point moved to the right by `shift` places. */
static apr_status_t parse(crm_decimal_t *value, const char *text, int shift)
{
    scan_t scan;
    int negative, i;

    *value = 0;
    if (!read_text(&scan, &negative, text)) {
        return APR_EINVAL;
    }
    scan.point += shift;
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

apr_status_t crm_decimal_parse(crm_decimal_t *value, const char *text)
{
    return parse(value, text, 0);
}

apr_status_t crm_decimal_parse_percent(crm_decimal_t *value, const char *text)
{
    return parse(value, text, 2);
}

/* A double is off by less than a millionth: then the fourth to sixth place are all 0 or all 9. */
int crm_decimal_rounds(const char *text)
{
    int zeros = 0, nines = 0, negative, i;
    scan_t scan;
    char digit;

    if (!read_text(&scan, &negative, text)) {
        return 0;
    }
    for (i = scan.point + 3; i < scan.point + 6; i++) {
        digit = i >= 0 && i < scan.count ? scan.digits[i] : '0';
        zeros += digit == '0';
        nines += digit == '9';
    }
    return zeros < 3 && nines < 3;
}

/* value / divisor, half away from zero; the divisor is positive. */
static __int128 divide(__int128 value, __int128 divisor)
{
    return (value < 0 ? value - divisor / 2 : value + divisor / 2) / divisor;
}

static int fits(__int128 value)
{
    return value >= -MOST && value <= MOST;
}

static crm_decimal_t within(__int128 value)
{
    return fits(value) ? (crm_decimal_t)value : value > 0 ? MOST : -MOST;
}

crm_decimal_t crm_decimal_multiply(crm_decimal_t a, crm_decimal_t b)
{
    return within(divide((__int128)a * b, 1000));
}

apr_status_t crm_decimal_add(crm_decimal_t *sum, crm_decimal_t value)
{
    if (!fits((__int128)*sum + value)) {
        return APR_ERANGE;
    }
    *sum += value;
    return APR_SUCCESS;
}

apr_status_t crm_decimal_share(crm_decimal_t *result, crm_decimal_t value, crm_decimal_t part,
                               crm_decimal_t whole)
{
    __int128 product = (__int128)value * part;

    *result = 0;
    if (whole == 0) {
        return APR_ERANGE;
    }
    product = whole < 0 ? divide(-product, -(__int128)whole) : divide(product, whole);
    if (!fits(product)) {
        return APR_ERANGE;
    }
    *result = (crm_decimal_t)product;
    return APR_SUCCESS;
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
