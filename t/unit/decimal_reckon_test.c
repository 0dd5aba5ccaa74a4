/* Reckoning with exact decimals: sums, shares, percents, and whether reading one has rounded. */
#include "crm/decimal.h"

#include <apr_general.h>

#include <stdlib.h>

#include "t/unit/tap.h"

#define MOST "999999999999999.999"

static apr_pool_t *pool;

static crm_decimal_t of(const char *text)
{
    crm_decimal_t value;

    if (crm_decimal_parse(&value, text) != APR_SUCCESS) {
        printf("Bail out! %s cannot be read\n", text);
        exit(1);
    }
    return value;
}

static void sums(void)
{
    static const char *const cases[][3] = {
        {"0.1", "0.2", "0.300"}, {"-5", "5", "0.000"},       {"999999999999999", "0.999", MOST},
        {MOST, "0.001", NULL},   {"-" MOST, "-0.001", NULL}, {MOST, "-" MOST, "0.000"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        crm_decimal_t sum = of(cases[i][0]);
        apr_status_t rv = crm_decimal_add(&sum, of(cases[i][1]));

        is_text(rv == APR_SUCCESS ? crm_decimal_text(sum, pool) : NULL, cases[i][2], cases[i][0]);
        ok(cases[i][2] || (APR_STATUS_IS_ERANGE(rv) && sum == of(cases[i][0])),
           "  and a sum that is too large is left alone");
    }
}

static void shares(void)
{
    static const char *const cases[][4] = {
        {"10", "2", "3", "6.667"},     {"-10", "2", "3", "-6.667"},
        {"10", "-2", "3", "-6.667"},   {"10", "2", "-3", "-6.667"},
        {"24.90", "2", "1", "49.800"}, {"7.47", "1", "2", "3.735"},
        {"0.001", "1", "2", "0.001"},  {"0.001", "1", "3", "0.000"},
        {MOST, "1", "1", MOST},        {MOST, "999999", "999999", MOST},
        {MOST, "1.001", "1", NULL},    {"-" MOST, "2", "1", NULL},
        {"1", "1", "0", NULL},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        crm_decimal_t value;
        apr_status_t rv =
            crm_decimal_share(&value, of(cases[i][0]), of(cases[i][1]), of(cases[i][2]));

        is_text(rv == APR_SUCCESS ? crm_decimal_text(value, pool) : NULL, cases[i][3], cases[i][0]);
        ok(rv == APR_SUCCESS || (APR_STATUS_IS_ERANGE(rv) && value == 0), "  and its status");
    }
}

static void percents(void)
{
    static const char *const cases[][2] = {
        {"0.2", "20.000"},     {"0.08875", "8.875"}, {"0.055", "5.500"}, {"5.5e-2", "5.500"},
        {"0.19600", "19.600"}, {"1", "100.000"},     {"0", "0.000"},     {"0.000004", "0.000"},
        {"20 %", NULL},        {"", NULL},           {"1e14", NULL},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        crm_decimal_t value;

        is_text(crm_decimal_parse_percent(&value, cases[i][0]) == APR_SUCCESS
                    ? crm_decimal_text(value, pool)
                    : NULL,
                cases[i][1], cases[i][0]);
    }
}

static void rounding(void)
{
    static const struct {
        const char *text;
        int rounds;
    } cases[] = {
        {"129.80", 0},
        {"129.8000000", 0},
        {"1.0005", 1},
        {"1.00049999", 1},
        {"0.0001", 1},
        {"1.5e-4", 1},
        {"15e-4", 1},
        {"15e-3", 0},
        {"1e3", 0},
        {"22.409999999999997", 0},
        {"0.30000000000000004", 0},
        {"-22.409999999999997", 0},
        {"0.9999", 1},
        {"0.9999999", 0},
        {"none", 0},
        {"0", 0},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_number(crm_decimal_rounds(cases[i].text), cases[i].rounds, cases[i].text);
    }
    is_text(crm_decimal_text(of("22.409999999999997"), pool), "22.410", "what a double left");
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    sums();
    shares();
    percents();
    rounding();
    return tap_done();
}
