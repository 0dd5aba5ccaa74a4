/*
 * The public side of postal normalisation: which addresses are French, passes until nothing
 * changes, and the verdict. Must never give back a result that another call would change.
 */
#include "crm/postal.h"

#include <apr_strings.h>

#include <string.h>

#include "crm/country.h"
#include "crm/postal_country.h"
#include "crm/postal_letters.h"
#include "crm/postal_lines.h"
#include "crm/postal_words.h"

#define MOST_BYTES 500 /* of a value; a longer one is no address */
#define MOST_PASSES 6

static int same_text(const char *one, const char *other)
{
    one = one ? one : "";
    other = other ? other : "";
    return strcmp(one, other) == 0;
}

static int same_values(const char *const *one, const char *const *other)
{
    int i;

    for (i = 0; i < CRM_POSTAL_VALUES; i++) {
        if (!same_text(one[i], other[i])) {
            return 0;
        }
    }
    return 1;
}

static void conclude(crm_postal_result_t *result, crm_postal_verdict_t verdict, const char *reason)
{
    result->verdict = verdict;
    result->reason = reason;
}

/* The words behind the last comma or parenthesis of a text. */
static crm_postal_words_t last_part(crm_postal_words_t words)
{
    int from = words.count;

    while (from > 0 && words.at[from - 1].gap == CRM_POSTAL_BLANK) {
        from--;
    }
    from = from > 0 ? from - 1 : 0;
    return crm_postal_slice(words, from, words.count - from);
}

/* The country that the lines name: line 7; else the last part of City or line 6; and, when there
 * is neither post code nor city, of the last line there is. */
static const char *named_country(const char *const *values, apr_pool_t *pool)
{
    static const int places[] = {6, CRM_POSTAL_CITY, 5, 4, 3, 2, 1, 0};
    const char *country = NULL;
    size_t i;

    for (i = 0; i < sizeof(places) / sizeof(places[0]) && !country; i++) {
        int other_script;
        crm_postal_words_t words = crm_postal_words(values[places[i]], &other_script, pool);
        crm_postal_words_t last = last_part(words);

        if (places[i] < 5 && (values[CRM_POSTAL_CITY] || values[CRM_POSTAL_POST_CODE])) {
            break;
        }
        if (places[i] >= 5 && places[i] <= 6) {
            country =
                crm_postal_country_of(last, places[i] == 6 && last.count == words.count, pool);
        }
        else if (last.count < words.count) {
            country = crm_postal_country_of(last, 0, pool);
        }
        if (places[i] < 5 && words.count > 0) {
            break;
        }
    }
    return country;
}

/* Another post's address: nothing is changed but what every post wants in capitals. */
static void keep_foreign(crm_postal_result_t *result, const char *country, apr_pool_t *pool)
{
    static const int capitals[] = {6, CRM_POSTAL_CITY};
    size_t i;

    for (i = 0; i < sizeof(capitals) / sizeof(capitals[0]); i++) {
        const char **value = &result->values[capitals[i]];

        *value = *value ? crm_postal_capitals(*value, pool) : NULL;
    }
    result->values[CRM_POSTAL_COUNTRY] = country;
    conclude(result, CRM_POSTAL_VALID, "foreign address, kept as given");
}

/* The country, alpha-3, of an address to be normalised; NULL when the result is concluded. */
static const char *french_country(crm_postal_result_t *result, apr_pool_t *pool)
{
    const char *given = result->values[CRM_POSTAL_COUNTRY];
    const char *named = named_country(result->values, pool);
    const char *country = NULL, *code = result->values[CRM_POSTAL_POST_CODE];
    int other_script;

    if (given) {
        country = crm_postal_country_of(crm_postal_words(given, &other_script, pool), 1, pool);
        if (!country) {
            conclude(result, CRM_POSTAL_AMBIGUOUS, "the country is not known");
            return NULL;
        }
    }
    else {
        country = named ? named : code && strncmp(code, "98000", 5) == 0 ? "MCO" : "FRA";
    }
    if (!crm_postal_is_french(country)) {
        keep_foreign(result, country, pool);
        return NULL;
    }
    if (named && !crm_postal_is_french(named)) {
        conclude(result, CRM_POSTAL_AMBIGUOUS, "the lines name another country than the address");
        return NULL;
    }
    return country;
}

/* Passes over the values until one changes nothing. */
static void make_stable(crm_postal_result_t *result, const char *country, apr_pool_t *pool)
{
    const char *given[CRM_POSTAL_VALUES];
    crm_postal_result_t pass;
    int i;

    memcpy(given, result->values, sizeof(given));
    memcpy(pass.values, given, sizeof(given));
    for (i = 0; i < MOST_PASSES; i++) {
        const char *before[CRM_POSTAL_VALUES];

        memcpy(before, pass.values, sizeof(before));
        crm_postal_lines_pass(&pass, before, country, pool);
        if (pass.verdict == CRM_POSTAL_REJECTED) {
            conclude(result, CRM_POSTAL_REJECTED, pass.reason);
            return;
        }
        if (same_values(pass.values, before)) {
            *result = pass;
            return;
        }
    }
    conclude(result, CRM_POSTAL_REJECTED, "its parts cannot be told apart");
}

void crm_postal_normalise(crm_postal_result_t *result, const char *const *values, apr_pool_t *pool)
{
    const char *country;
    int i, empty = 1;

    memset(result, 0, sizeof(*result));
    for (i = 0; i < CRM_POSTAL_VALUES; i++) {
        result->values[i] = crm_postal_trim(values[i], pool);
        empty = empty && (!result->values[i] || i == CRM_POSTAL_COUNTRY || i == CRM_POSTAL_STATE);
    }
    if (empty) {
        conclude(result, CRM_POSTAL_REJECTED, "the address is empty");
        return;
    }
    for (i = 0; i < CRM_POSTAL_VALUES; i++) {
        if (result->values[i] && strlen(result->values[i]) > MOST_BYTES) {
            conclude(result, CRM_POSTAL_REJECTED, "a value is far too long");
            return;
        }
    }
    country = french_country(result, pool);
    if (!country) {
        return;
    }
    make_stable(result, country, pool);
    if (result->verdict == CRM_POSTAL_VALID && !same_values(result->values, values)) {
        result->verdict = CRM_POSTAL_CORRECTED;
    }
}
