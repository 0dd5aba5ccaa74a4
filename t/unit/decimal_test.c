/* Exact decimals: reading, rounding, multiplying, writing, and what is refused. */
#include "crm/decimal.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>

#include "crm/date.h"
#include "t/unit/tap.h"

static apr_pool_t *pool;

#define MOST "999999999999999.999"

/* What is read, as text; NULL = APR_EINVAL, "range" = APR_ERANGE. */
static const struct {
    const char *text;
    const char *want;
} numbers[] = {
    {"129.80", "129.800"},
    {"0", "0.000"},
    {"-0", "0.000"},
    {"-0.0004", "0.000"},
    {"+0.0", "0.000"},
    {"-3", "-3.000"},
    {"+3", "3.000"},
    {".5", "0.500"},
    {"-.5", "-0.500"},
    {"5.", "5.000"},
    {"007.50", "7.500"},
    {"  12  ", "12.000"},
    {"0.001", "0.001"},
    {"-0.001", "-0.001"},
    /* rounding: half away from zero, decided by the fourth digit */
    {"0.0004", "0.000"},
    {"0.0005", "0.001"},
    {"-0.0005", "-0.001"},
    {"0.00049999999999999999999999", "0.000"},
    {"0.00050000000000000000000000", "0.001"},
    {"0.00005", "0.000"},
    {"1.2345", "1.235"},
    {"1.2344999", "1.234"},
    {"-1.2345", "-1.235"},
    {"9.9995", "10.000"},
    {"19.99950", "20.000"},
    {"0.9994999999999999999999999999999999999999999999999999999999", "0.999"},
    {"0.0000000000000000000000000000000000000000000000000000000009", "0.000"},
    {"1.0000000000000000000000000000000000000000000000000000000009", "1.000"},
    {"12.123499999999999999999999999999999999999999999999999999999", "12.123"},
    /* exponents */
    {"1e2", "100.000"},
    {"+1E+2", "100.000"},
    {"1.5e3", "1500.000"},
    {"12980e-2", "129.800"},
    {"5e-4", "0.001"},
    {"49e-5", "0.000"},
    {"4e-4", "0.000"},
    {"123456e-9", "0.000"},
    {"1234567e-9", "0.001"},
    {"0e99999", "0.000"},
    {"0.000e-99999", "0.000"},
    {"1e-99999", "0.000"},
    {"1e-99999999999999999999", "0.000"},
    {"0.00000000000000000000000000000000000000000000000001e50", "1.000"},
    {"100000000000000000000000000000000000000000000000000e-50", "1.000"},
    {"123456789012345678901234567890123456789012345678901e-48", "123.457"},
    /* limits */
    {MOST, MOST},
    {"-" MOST, "-" MOST},
    {"999999999999999.9994", MOST},
    {"999999999999999.9995", "range"},
    {"-999999999999999.9995", "range"},
    {"1000000000000000", "range"},
    {"0000000000000000000000000000000000000000000000000000000000001", "1.000"},
    {"1e15", "range"},
    {"1e14", "100000000000000.000"},
    {"1e99999999999999999999", "range"},
    {"123456789012345678901234567890", "range"},
    /* what is no number */
    {"", NULL},
    {" ", NULL},
    {".", NULL},
    {"-", NULL},
    {"+", NULL},
    {"--1", NULL},
    {"+-1", NULL},
    {"1-", NULL},
    {"1e", NULL},
    {"1e+", NULL},
    {"1e+-2", NULL},
    {"e5", NULL},
    {".e5", NULL},
    {"1e2.5", NULL},
    {"1.2.3", NULL},
    {"1,5", NULL},
    {"1 000", NULL},
    {"1_000", NULL},
    {"0x10", NULL},
    {"1\t", NULL},
    {"\n1", NULL},
    {"1\n", NULL},
    {"12 EUR", NULL},
    {"\xE2\x82\xAC 12", NULL},
    {"1\xC2\xA0", NULL},
    {"\xD9\xA1\xD9\xA2", NULL}, /* Arabic digits */
    {"nan", NULL},
    {"inf", NULL},
    {"Infinity", NULL},
    {"null", NULL},
    {"true", NULL},
    {"- 1", NULL},
};

static const char *read_number(const char *text)
{
    /* An own block, so that a sanitizer sees its end. */
    char *copy = malloc(strlen(text) + 1);
    crm_decimal_t value = 77;
    apr_status_t rv;

    memcpy(copy, text, strlen(text) + 1);
    rv = crm_decimal_parse(&value, copy);
    free(copy);
    if (rv != APR_SUCCESS) {
        return value                      ? "a value beside an error"
               : rv == APR_EINVAL         ? NULL
               : APR_STATUS_IS_ERANGE(rv) ? "range"
                                          : "?";
    }
    return crm_decimal_text(value, pool);
}

static void reading(void)
{
    static const char kinds[] = "0123456789.-+eE ";
    unsigned int state = 4711;
    char text[24], *big;
    int i, k, stable = 0;
    size_t n;

    for (n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
        is_text(read_number(numbers[n].text), numbers[n].want,
                apr_psprintf(pool, "number %d: \"%.*s\"", (int)n,
                             (int)strcspn(numbers[n].text, "\n"), numbers[n].text));
    }
    /* What was written is read as the same. */
    for (i = 0; i < 20000; i++) {
        const char *once;

        for (k = 0; k < (int)sizeof(text) - 1; k++) {
            state = state * 1103515245 + 12345;
            text[k] = kinds[(state >> 16) % (i % 2 ? 10 : sizeof(kinds) - 1)];
        }
        text[state % sizeof(text)] = '\0';
        text[sizeof(text) - 1] = '\0';
        once = read_number(text);
        stable += !once || strcmp(once, "range") == 0 || strcmp(once, read_number(once)) == 0;
    }
    is_number(stable, 20000, "20,000 texts: what is written is read as the same");
    /* A caller of bad will. */
    big = malloc(10000001);
    memset(big, '9', 10000000);
    big[10000000] = '\0';
    is_text(read_number(big), "range", "ten million digits");
    big[0] = '.';
    is_text(read_number(big), "1.000", "ten million digits behind the point");
    memset(big, '0', 10000000);
    is_text(read_number(big), "0.000", "ten million zeros");
    memcpy(big, "1e", 2);
    memset(big + 2, '9', 10000000 - 2);
    is_text(read_number(big), "range", "ten million digits of an exponent");
    free(big);
}

static crm_decimal_t number(const char *text)
{
    crm_decimal_t value;

    if (crm_decimal_parse(&value, text) != APR_SUCCESS) {
        ok(0, "%s is a number", text);
    }
    return value;
}

static void reckoning(void)
{
    static const struct {
        const char *a, *b, *product;
    } products[] = {
        {"3", "19.99", "59.970"},
        {"0.001", "0.5", "0.001"},
        {"0.001", "0.499", "0.000"},
        {"-0.001", "0.5", "-0.001"},
        {"-0.001", "-0.5", "0.001"},
        {"1.5", "-2.001", "-3.002"},
        {"0", MOST, "0.000"},
        {"1", MOST, MOST},
        {"-1", MOST, "-" MOST},
        {MOST, MOST, MOST},
        {"-" MOST, MOST, "-" MOST},
        {"-" MOST, "-" MOST, MOST},
        {"999999999999999.999", "0.001", "1000000000000.000"},
    };
    static const struct {
        const char *value;
        int places;
        const char *want;
    } roundings[] = {
        {"1.235", 2, "1.240"},   {"1.234", 2, "1.230"},  {"-1.235", 2, "-1.240"},
        {"1.25", 1, "1.300"},    {"-1.25", 1, "-1.300"}, {"0.5", 0, "1.000"},
        {"-0.5", 0, "-1.000"},   {"0.499", 0, "0.000"},  {"2.345", 3, "2.345"},
        {"2.345", 4, "2.345"},   {"2.345", -1, "2.345"}, {MOST, 2, MOST},
        {"-" MOST, 0, "-" MOST}, {"0", 0, "0.000"},
    };
    size_t i;

    for (i = 0; i < sizeof(products) / sizeof(products[0]); i++) {
        is_text(crm_decimal_text(crm_decimal_multiply(number(products[i].a), number(products[i].b)),
                                 pool),
                products[i].product, apr_psprintf(pool, "%s * %s", products[i].a, products[i].b));
    }
    for (i = 0; i < sizeof(roundings) / sizeof(roundings[0]); i++) {
        is_text(crm_decimal_text(crm_decimal_round(number(roundings[i].value), roundings[i].places),
                                 pool),
                roundings[i].want,
                apr_psprintf(pool, "%s to %d places", roundings[i].value, roundings[i].places));
    }
    is_text(crm_decimal_text(number(MOST) + number(MOST), pool), MOST, "a sum that is too large");
    is_text(crm_decimal_text(INT64_MIN, pool), "-" MOST, "the smallest of all");
    is_text(crm_decimal_text(INT64_MAX, pool), MOST, "the largest of all");
    is_text(crm_decimal_text(CRM_DECIMAL_ONE, pool), "1.000", "one");
}

/* Dates that an offset leads out of the years there are. */
static void dates(void)
{
    static const struct {
        const char *text, *want;
    } moments[] = {
        {"9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59"},
        {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59"},
        {"0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00"},
        {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00"},
        {"2026-03-02T10:15:27.118+01:00", "2026-03-02T09:15:27"},
        {"1969-12-31T23:59:59.500Z", "1969-12-31T23:59:59"},
    };
    apr_int64_t ms;
    size_t i;

    for (i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        ok(crm_date_parse(&ms, moments[i].text) == APR_SUCCESS, "%s is read", moments[i].text);
        is_text(crm_date_text(ms, pool), moments[i].want, "  and written with four digits of year");
    }
    is_text(crm_date_text(INT64_MAX, pool), "9999-12-31T23:59:59", "the end of time");
    is_text(crm_date_text(INT64_MIN, pool), "0001-01-01T00:00:00", "and its beginning");
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    reading();
    reckoning();
    dates();
    return tap_done();
}
