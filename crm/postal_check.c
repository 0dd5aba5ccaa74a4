/*
 * Post code and city against the places of La Poste's table; the rules stand in crm/postal.h, and
 * their numbers here. Must never settle by chance: two candidates are for a person.
 */
#include <apr_strings.h>

#include <string.h>

#include "crm/postal.h"
#include "crm/postal_country.h"
#include "crm/postal_words.h"

#define KEY_MOST 40 /* letters of a key that near spelling looks at */

/* A check at work. */
typedef struct check_t {
    crm_postal_result_t *result;
    const crm_postal_place_t *places;
    int count;
    const char *code; /* NULL = none */
    const char *key;  /* of the city; "" = none */
    int code_known;   /* some place has the code */
    apr_pool_t *pool;
} check_t;

/* Candidates, as the distinct texts among them. */
typedef struct found_t {
    int count;         /* distinct ones; what is beyond two need not be exact */
    const char *first; /* of them */
} found_t;

static void conclude(const check_t *check, crm_postal_verdict_t verdict, const char *reason)
{
    check->result->verdict = verdict;
    check->result->reason = reason;
}

/* Writes what the table says, unless no line could hold it. */
static void correct(const check_t *check, int place, const char *value, const char *reason)
{
    const char **old = &check->result->values[place];

    if (!*value || strlen(value) > CRM_POSTAL_CITY_COLUMNS) {
        conclude(check, CRM_POSTAL_AMBIGUOUS, "the table of places has no usable locality");
    }
    else if (!*old || strcmp(*old, value) != 0) {
        *old = value;
        conclude(check, CRM_POSTAL_CORRECTED, reason);
    }
}

static const char *city_of(const check_t *check, int i)
{
    return crm_postal_city_key(check->places[i].city, check->pool);
}

static const char *part_of(const check_t *check, int i)
{
    return crm_postal_city_key(check->places[i].line5, check->pool);
}

static int has_code(const check_t *check, int i)
{
    return check->code && strcmp(check->places[i].post_code, check->code) == 0;
}

/* Whether two post codes are of one department. */
static int same_department(const char *one, const char *other)
{
    size_t digits = strncmp(one, "97", 2) == 0 || strncmp(one, "98", 2) == 0 ? 3 : 2;

    return strncmp(one, other, digits) == 0;
}

/* Counts `text` when no place before has given it; `seen` holds those that did. */
static void count_text(found_t *found, apr_array_header_t *seen, const char *text)
{
    int i;

    for (i = 0; i < seen->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(seen, i, const char *), text) == 0) {
            return;
        }
    }
    APR_ARRAY_PUSH(seen, const char *) = text;
    found->first = found->count ? found->first : text;
    found->count++;
}

/* Post codes of the city; those of `near`'s department when that is given. */
static found_t codes_of_city(const check_t *check, const char *near)
{
    apr_array_header_t *seen = apr_array_make(check->pool, 8, sizeof(const char *));
    found_t found = {0, NULL};
    int i;

    for (i = 0; i < check->count; i++) {
        const char *code = check->places[i].post_code;

        if ((!near || same_department(near, code)) &&
            (strcmp(city_of(check, i), check->key) == 0 ||
             strcmp(part_of(check, i), check->key) == 0)) {
            count_text(&found, seen, code);
        }
    }
    return found;
}

/* ---- near spelling ---- */

static int least(int a, int b, int c)
{
    int ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* Letters to add, remove, change or swap with their neighbour; many when a key is too long. */
static int distance(const char *one, const char *other)
{
    int rows[3][KEY_MOST + 1];
    int *before = rows[0], *last = rows[1], *row = rows[2];
    int n = (int)strlen(one), m = (int)strlen(other);
    int i, j;

    if (n > KEY_MOST || m > KEY_MOST) {
        return KEY_MOST;
    }
    for (j = 0; j <= m; j++) {
        last[j] = before[j] = j;
    }
    for (i = 1; i <= n; i++) {
        int *spare = before;

        row[0] = i;
        for (j = 1; j <= m; j++) {
            row[j] = least(last[j] + 1, row[j - 1] + 1, last[j - 1] + (one[i - 1] != other[j - 1]));
            if (i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1]) {
                row[j] = least(row[j], before[j - 2] + 1, row[j]);
            }
        }
        before = last;
        last = row;
        row = spare;
    }
    return last[m];
}

/* The one city of the post code that the given one is, but for its spelling or missing words. */
static const char *near_city(const check_t *check)
{
    size_t length = strlen(check->key);
    int limit = length < 4 ? 0 : length < 8 ? 1 : 2;
    apr_array_header_t *seen = apr_array_make(check->pool, 8, sizeof(const char *));
    found_t found = {0, NULL};
    int i, nearest = limit;

    for (i = 0; i < check->count; i++) {
        const char *city = city_of(check, i);
        int longer = length > 0 && strncmp(city, check->key, length) == 0 && city[length] == ' ';
        int apart = longer ? limit : distance(city, check->key);

        if (!has_code(check, i) || apart > nearest || (apart == 0 && !longer)) {
            continue;
        }
        if (apart < nearest) {
            nearest = apart;
            found.count = 0;
            seen->nelts = 0;
        }
        count_text(&found, seen, city);
    }
    return found.count == 1 ? found.first : NULL;
}

/* ---- the rules ---- */

static const char *how_many(const check_t *check, const char *what, int count)
{
    return apr_psprintf(check->pool, "%s (%d)", what, count);
}

/* 1. The city alone. */
static void find_code(const check_t *check)
{
    found_t codes = codes_of_city(check, NULL);

    if (codes.count == 1) {
        correct(check, CRM_POSTAL_POST_CODE, codes.first, NULL);
    }
    else if (codes.count > 1) {
        conclude(check, CRM_POSTAL_AMBIGUOUS,
                 how_many(check, "no post code, and the locality has several", codes.count));
    }
    else {
        conclude(check, CRM_POSTAL_REJECTED, "no post code, and the locality is not known");
    }
}

/* 2. The post code alone. */
static void find_city(const check_t *check)
{
    apr_array_header_t *seen = apr_array_make(check->pool, 8, sizeof(const char *));
    found_t cities = {0, NULL};
    int i;

    for (i = 0; i < check->count; i++) {
        if (has_code(check, i)) {
            count_text(&cities, seen, city_of(check, i));
        }
    }
    if (cities.count == 1) {
        correct(check, CRM_POSTAL_CITY, cities.first, NULL);
    }
    else if (cities.count > 1) {
        conclude(check, CRM_POSTAL_AMBIGUOUS,
                 how_many(check, "no locality, and the post code has several", cities.count));
    }
    else {
        conclude(check, CRM_POSTAL_REJECTED, "no locality, and the post code is not known");
    }
}

/* 3. The city is one of the post code's, or a part of one; whether it was. */
static int confirm(const check_t *check)
{
    apr_array_header_t *seen = apr_array_make(check->pool, 8, sizeof(const char *));
    const char *line5 = check->result->values[4];
    found_t wholes = {0, NULL};
    int i;

    for (i = 0; i < check->count; i++) {
        if (has_code(check, i) && strcmp(city_of(check, i), check->key) == 0) {
            correct(check, CRM_POSTAL_CITY, check->key, NULL);
            return 1;
        }
        if (has_code(check, i) && strcmp(part_of(check, i), check->key) == 0) {
            count_text(&wholes, seen, city_of(check, i));
        }
    }
    if (wholes.count == 1 &&
        (!line5 || strcmp(crm_postal_city_key(line5, check->pool), check->key) == 0)) {
        correct(check, CRM_POSTAL_CITY, wholes.first, NULL);
        if (check->result->verdict == CRM_POSTAL_CORRECTED) {
            correct(check, 4, check->key, NULL);
        }
    }
    else if (wholes.count > 0) {
        conclude(check, CRM_POSTAL_AMBIGUOUS, "the locality is a part of another one");
    }
    return wholes.count > 0;
}

static int has_box(const check_t *check)
{
    static const char *const boxes[] = {"BP", "CS", "TSA", "POSTALE", "SPECIALE", NULL};
    int i, other_script;
    crm_postal_words_t words =
        crm_postal_words(check->result->values[4], &other_script, check->pool);

    for (i = 0; i < words.count; i++) {
        if (crm_postal_is_one(words, i, boxes)) {
            return 1;
        }
    }
    return 0;
}

/* 5. The post code that the city settles, else NULL. */
static const char *settled_code(const check_t *check, const found_t *all, const found_t *near)
{
    if (has_box(check)) {
        return NULL;
    }
    if (check->code_known) {
        return all->count == 1 && near->count == 1 ? near->first : NULL;
    }
    return all->count == 1 ? all->first : near->count == 1 ? near->first : NULL;
}

/* 4 to 6. The city is none of the post code's. */
static void reconcile(const check_t *check)
{
    found_t all = codes_of_city(check, NULL);
    found_t near = codes_of_city(check, check->code);
    const char *city = near.count == 0 ? near_city(check) : NULL;
    const char *code = settled_code(check, &all, &near);

    if (city) {
        correct(check, CRM_POSTAL_CITY, city, "the spelling of the locality was corrected");
    }
    else if (code) {
        correct(check, CRM_POSTAL_POST_CODE, code, "the post code is the locality's");
    }
    else if (check->code_known && all.count > 0) {
        conclude(check, CRM_POSTAL_AMBIGUOUS, "the locality has another post code");
    }
    else if (check->code_known) {
        conclude(check, CRM_POSTAL_AMBIGUOUS, "the locality is none of the post code's");
    }
    else if (all.count > 0) {
        conclude(check, CRM_POSTAL_AMBIGUOUS,
                 "the post code is not known, and the locality does not settle it");
    }
    else {
        conclude(check, CRM_POSTAL_REJECTED, "neither post code nor locality is known");
    }
}

/* Whether the form alone decides; then the verdict is there. */
static int decide_by_form(const check_t *check, int reference_empty)
{
    const char *city = check->result->values[CRM_POSTAL_CITY];
    int other_script, i, cedex = 0;
    crm_postal_words_t words = crm_postal_words(city, &other_script, check->pool);

    for (i = 0; i < words.count; i++) {
        cedex = cedex || crm_postal_is(words, i, "CEDEX");
    }
    if (cedex && !check->code) {
        conclude(check, CRM_POSTAL_REJECTED, "a CEDEX without its post code");
    }
    else if (!cedex && reference_empty && (!check->code || !city)) {
        conclude(check, CRM_POSTAL_AMBIGUOUS,
                 "post code or locality is missing, and the table of places is empty");
    }
    else if (!cedex && reference_empty) {
        check->result->reason = "not validated: the table of places is empty";
    }
    return cedex || reference_empty ||
           (check->code && city &&
            (strncmp(check->code, "00", 2) == 0 || strncmp(check->code, "980", 3) == 0));
}

void crm_postal_validate(crm_postal_result_t *result, const crm_postal_place_t *places, int count,
                         int reference_empty, apr_pool_t *pool)
{
    const char *country = result->values[CRM_POSTAL_COUNTRY];
    check_t check;
    int i;

    if (result->verdict >= CRM_POSTAL_AMBIGUOUS || !country || !crm_postal_is_french(country)) {
        return;
    }
    memset(&check, 0, sizeof(check));
    check.result = result;
    check.places = places;
    check.count = count;
    check.code = result->values[CRM_POSTAL_POST_CODE];
    check.key = crm_postal_city_key(result->values[CRM_POSTAL_CITY], pool);
    check.pool = pool;
    for (i = 0; i < count; i++) {
        check.code_known = check.code_known || has_code(&check, i);
    }
    if (decide_by_form(&check, reference_empty)) {
        return;
    }
    if (!check.code) {
        find_code(&check);
    }
    else if (!*check.key) {
        find_city(&check);
    }
    else if (!confirm(&check)) {
        reconcile(&check);
    }
}
