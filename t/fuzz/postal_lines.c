/*
 * Fuzz target: postal addresses. An input is lines: the seven address lines, post code, city,
 * state, country, then post code, city and line 5 of one place of the table.
 *
 * What is brought into form has at most 38 columns of the norm's letters in each line; whatever
 * comes out stays as it is when it is done again; keys are norm letters, and the key of a key is
 * itself.
 */
#include "t/fuzz/fuzz.h"

#include <apr_strings.h>

#include <string.h>

#include "crm/postal.h"

static int is_norm(const char *text, apr_size_t most)
{
    return !text || (strlen(text) <= most && *text && *text != ' ' &&
                     text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ")] == '\0' &&
                     !strstr(text, "  ") && text[strlen(text) - 1] != ' ');
}

static const char *show(const char *const *values, apr_pool_t *pool)
{
    const char *text = "";
    int i;

    for (i = 0; i < CRM_POSTAL_VALUES; i++) {
        text = apr_pstrcat(pool, text, values[i] ? values[i] : "", "|", NULL);
    }
    return text;
}

/* Rejected, foreign, or of a doubtful country: nothing was brought into form. */
static int is_as_given(const crm_postal_result_t *result)
{
    return result->verdict == CRM_POSTAL_REJECTED ||
           (result->reason &&
            (strstr(result->reason, "country") || strstr(result->reason, "foreign")));
}

static void check_form(const crm_postal_result_t *result, apr_pool_t *pool)
{
    const char *const *values = result->values;
    const char *code = values[CRM_POSTAL_POST_CODE];
    int i;

    expect(result->verdict >= CRM_POSTAL_VALID && result->verdict <= CRM_POSTAL_REJECTED, NULL);
    for (i = 0; i < CRM_POSTAL_VALUES; i++) {
        expect(!values[i] || *values[i], show(values, pool));
    }
    if (is_as_given(result)) {
        return;
    }
    for (i = 0; i < 5; i++) {
        expect(is_norm(values[i], CRM_POSTAL_COLUMNS), show(values, pool));
    }
    expect(!values[5] && !values[6], show(values, pool));
    expect(is_norm(values[CRM_POSTAL_CITY], CRM_POSTAL_CITY_COLUMNS), show(values, pool));
    expect(!code || (strlen(code) == 5 && strspn(code, "0123456789") == 5), show(values, pool));
}

static void check_same(const crm_postal_result_t *one, const crm_postal_result_t *other,
                       apr_pool_t *pool)
{
    int i;

    for (i = 0; i < CRM_POSTAL_VALUES; i++) {
        expect(fuzz_same(one->values[i], other->values[i]),
               apr_pstrcat(pool, show(one->values, pool), "\nthen: ", show(other->values, pool),
                           NULL));
    }
}

static void check_address(const char *const *values, const crm_postal_place_t *place,
                          apr_pool_t *pool)
{
    crm_postal_result_t first, second, checked;

    crm_postal_normalise(&first, values, pool);
    check_form(&first, pool);
    crm_postal_normalise(&second, first.values, pool);
    check_form(&second, pool);
    check_same(&first, &second, pool);
    checked = first;
    crm_postal_validate(&checked, place, 1, 0, pool);
    check_form(&checked, pool);
    checked = first;
    crm_postal_validate(&checked, NULL, 0, 1, pool);
    check_form(&checked, pool);
}

/* Keys of a text as street, as city and as letters. */
static void check_keys(const char *text, apr_pool_t *pool)
{
    const char *city = crm_postal_city_key(text, pool);
    const char *letters = crm_postal_letters(text, pool);

    expect(!*city || is_norm(city, strlen(city)), city);
    expect(fuzz_same(city, crm_postal_city_key(city, pool)), city);
    expect(!*letters || is_norm(letters, strlen(letters)), letters);
    expect(fuzz_same(letters, crm_postal_letters(letters, pool)), letters);
    (void)crm_postal_street_key(text, pool);
}

/* A field of the table as its import leaves it: norm letters that fit. */
static const char *table_text(const char *text, apr_size_t most, apr_pool_t *pool)
{
    const char *letters = crm_postal_letters(text, pool);

    return strlen(letters) <= most ? letters : "";
}

void fuzz_one(const char *data, apr_size_t len, apr_pool_t *pool)
{
    const char *values[CRM_POSTAL_VALUES];
    crm_postal_place_t place;
    int i;

    if (len > 8192) {
        return;
    }
    for (i = 0; i < CRM_POSTAL_VALUES; i++) {
        values[i] = fuzz_text(&data, &len, '\n', pool);
        check_keys(values[i], pool);
    }
    place.post_code = fuzz_text(&data, &len, '\n', pool);
    if (strlen(place.post_code) != 5 || strspn(place.post_code, "0123456789") != 5) {
        place.post_code = "69100";
    }
    place.city = table_text(fuzz_text(&data, &len, '\n', pool), CRM_POSTAL_CITY_COLUMNS, pool);
    place.line5 = table_text(fuzz_text(&data, &len, '\n', pool), CRM_POSTAL_COLUMNS, pool);
    check_address(values, &place, pool);
}
