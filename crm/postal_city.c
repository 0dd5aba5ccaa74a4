/*
 * Reads and writes the locality line. Must never change a post code but for what callers lose of
 * it: blanks, the country's letter, and a leading zero.
 */
#include "crm/postal_city.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "crm/postal.h"
#include "crm/postal_country.h"

#define TWO_POST_CODES "two post codes, or a post code and an arrondissement that contradict"

static const crm_postal_words_t no_words = {NULL, 0};

/* ---- the city's words ---- */

static crm_postal_word_t word_of(const char *text)
{
    crm_postal_word_t word;

    word.text = text;
    word.gap = CRM_POSTAL_BLANK;
    return word;
}

/* The name with ST for SAINT, SUR for "S/" and SOUS for "S/S". A word that ends the name stays:
 * LE SAINT is a commune. */
static crm_postal_words_t read_name(crm_postal_words_t words, apr_pool_t *pool)
{
    crm_postal_words_t name;
    int i;

    name.at = apr_palloc(pool, sizeof(crm_postal_word_t) * (size_t)(words.count + 1));
    name.count = 0;
    for (i = 0; i < words.count; i++) {
        crm_postal_word_t word = words.at[i];
        int inside = i > 0 && i + 1 < words.count;

        if (i + 1 < words.count && crm_postal_is(words, i, "SAINT")) {
            word.text = "ST";
        }
        else if (i + 1 < words.count && crm_postal_is(words, i, "SAINTE")) {
            word.text = "STE";
        }
        else if (inside && crm_postal_is(words, i, "S")) {
            int under = crm_postal_is(words, i + 1, "S") && i + 2 < words.count;

            word.text = under ? "SOUS" : "SUR";
            i += under;
        }
        name.at[name.count++] = word;
    }
    return name;
}

/* The number of an arrondissement in one word: 8, 08, 8E, 8EME, 1ER, VIII, VIIIE; 0 = none. */
static int ordinal_of(const char *word)
{
    static const char *const endings[] = {"", "E", "EME", "ER", "ERE", "IEME", NULL};
    static const char *const romans[] = {"I",    "II",  "III",  "IV",    "V",   "VI",   "VII",
                                         "VIII", "IX",  "X",    "XI",    "XII", "XIII", "XIV",
                                         "XV",   "XVI", "XVII", "XVIII", "XIX", "XX"};
    size_t digits = strspn(word, "0123456789");
    size_t length = strspn(word, "IVX");
    int i;

    for (i = 0; endings[i] && digits > 0 && digits <= 2; i++) {
        if (strcmp(word + digits, endings[i]) == 0) {
            return (word[0] - '0') * (digits == 2 ? 10 : 1) + (digits == 2 ? word[1] - '0' : 0);
        }
    }
    for (i = 0; i < 20 && digits == 0; i++) {
        if (strlen(romans[i]) == length && strncmp(word, romans[i], length) == 0 &&
            (word[length] == '\0' || strcmp(word + length, "E") == 0)) {
            return i + 1;
        }
    }
    return 0;
}

/* How many words at the end of `name` are its arrondissement, and its number. */
static int arrondissement_words(int *number, crm_postal_words_t name)
{
    static const char *const words[] = {"ARRONDISSEMENT", "ARR", "ARRDT", "ARRT", "ARDT", NULL};
    static const char *const endings[] = {"E", "EME", "ER", "IEME", NULL};
    static const char *const divided[] = {"PARIS", "LYON", "MARSEILLE", NULL};
    int said = crm_postal_is_one(name, name.count - 1, words);
    int last = name.count - 1 - said;
    int ending = last > 1 && crm_postal_is_one(name, last, endings) &&
                 crm_postal_is_digits(name.at[last - 1].text, 1, 2);

    last -= ending;
    if (last < 1 || (!said && (last != 1 || !crm_postal_is_one(name, 0, divided)))) {
        return 0;
    }
    *number = ordinal_of(name.at[last].text);
    return *number ? name.count - last : 0;
}

void crm_postal_city_read(crm_postal_city_t *city, crm_postal_words_t words, apr_pool_t *pool)
{
    int cedex = 0, behind, taken;

    while (cedex < words.count && !crm_postal_is(words, cedex, "CEDEX")) {
        cedex++;
    }
    city->cedex = crm_postal_slice(words, cedex, words.count - cedex);
    city->name = crm_postal_slice(words, 0, cedex);
    behind = city->cedex.count > 1 && crm_postal_is_digits(city->cedex.at[1].text, 1, 2) ? 2 : 1;
    if (cedex == 0 && city->cedex.count > behind) {
        city->name = crm_postal_slice(words, behind, words.count - behind);
        city->cedex.count = behind;
    }
    city->name = read_name(city->name, pool);
    city->number = 0;
    taken = arrondissement_words(&city->number, city->name);
    city->arrondissement = crm_postal_slice(city->name, city->name.count - taken, taken);
    city->name.count -= taken;
}

const char *crm_postal_city_key(const char *text, apr_pool_t *pool)
{
    int other_script;
    crm_postal_words_t words = crm_postal_words(text, &other_script, pool);
    crm_postal_city_t city;
    const char *key;

    crm_postal_city_read(&city, words, pool);
    while (city.number) {
        crm_postal_city_read(&city, city.name, pool);
    }
    key = crm_postal_text(city.name, pool);
    return key ? key : "";
}

/* ---- post codes ---- */

/* The post code that `words` begin with, and how many words it takes; NULL = none. `repair`: a
 * blank in it and a lost zero at its front are made good. */
static const char *read_code(int *taken, crm_postal_words_t words, int repair, apr_pool_t *pool)
{
    static const char *const france[] = {"F", "FR", "FRA", "FRANCE", NULL};
    int i = crm_postal_is_one(words, 0, france);
    const char *word = i < words.count ? words.at[i].text : "";

    *taken = i + 1;
    if (crm_postal_is_digits(word, 5, 5)) {
        return word;
    }
    if (!repair) {
        return NULL;
    }
    if (*word == 'F' && crm_postal_is_digits(word + 1, 5, 5)) {
        return word + 1;
    }
    if (crm_postal_is_digits(word, 4, 4) && *word != '0') {
        return apr_pstrcat(pool, "0", word, NULL);
    }
    if (i + 1 < words.count && crm_postal_is_digits(word, 1, 2) &&
        crm_postal_is_digits(words.at[i + 1].text, 3, 3) && (word[1] != '\0' || *word != '0')) {
        *taken = i + 2;
        return apr_pstrcat(pool, word[1] ? "" : "0", word, words.at[i + 1].text, NULL);
    }
    return NULL;
}

/* The words without the department behind a name (VILLEURBANNE 69), which the post code says. */
static crm_postal_words_t strip_department(crm_postal_words_t words, const char *post_code)
{
    const char *last = words.count > 1 ? words.at[words.count - 1].text : "";

    if (post_code && crm_postal_is_digits(last, 2, 3) &&
        !crm_postal_is(words, words.count - 2, "CEDEX") &&
        strncmp(post_code, last, strlen(last)) == 0) {
        words.count--;
    }
    return words;
}

static const char *key_of(crm_postal_words_t words, apr_pool_t *pool)
{
    return crm_postal_city_key(crm_postal_text(words, pool), pool);
}

static int has_cedex(crm_postal_words_t words)
{
    int i;

    for (i = 0; i < words.count; i++) {
        if (crm_postal_is(words, i, "CEDEX")) {
            return 1;
        }
    }
    return 0;
}

/* Takes a city when it fills a gap or repeats the known one; 0 = it is another. */
static int take_city(crm_postal_locality_t *locality, crm_postal_words_t words, apr_pool_t *pool)
{
    if (locality->city.count > 0 &&
        (words.count == 0 || strcmp(key_of(locality->city, pool), key_of(words, pool)) != 0)) {
        return 0;
    }
    if (locality->city.count == 0 || (has_cedex(words) && !has_cedex(locality->city))) {
        locality->city = words;
    }
    return 1;
}

/* Takes a post code in the same way; a second one is remarked. */
static int take_code(crm_postal_locality_t *locality, const char *code)
{
    if (!locality->post_code) {
        locality->post_code = code;
    }
    if (strcmp(locality->post_code, code) != 0) {
        locality->remark = TWO_POST_CODES;
        return 0;
    }
    return 1;
}

void crm_postal_locality_begin(crm_postal_locality_t *locality, crm_postal_words_t post_code,
                               crm_postal_words_t city, const char *country, apr_pool_t *pool)
{
    const char *named = crm_postal_country_in_french(city, pool);
    int taken = 0;

    memset(locality, 0, sizeof(*locality));
    locality->country = country;
    locality->post_code = read_code(&taken, post_code, 1, pool);
    if (!locality->post_code) {
        locality->post_code = crm_postal_text(post_code, pool);
        taken = post_code.count;
    }
    if (named && strcmp(named, "FRA") == 0) {
        city = no_words;
    }
    city = crm_postal_locality_take(locality, city, 1, pool);
    if (city.count > 0) {
        locality->city = city;
    }
    post_code = crm_postal_slice(post_code, taken, post_code.count - taken);
    post_code = crm_postal_strip_country(post_code, country, pool);
    if (post_code.count > 0 && !take_city(locality, post_code, pool)) {
        if (crm_postal_is(post_code, 0, "CEDEX") && !has_cedex(locality->city)) {
            locality->city = crm_postal_join(locality->city, post_code, pool);
        }
        else {
            locality->post_code =
                apr_pstrcat(pool, locality->post_code, " ", crm_postal_text(post_code, pool), NULL);
        }
    }
}

crm_postal_words_t crm_postal_locality_take(crm_postal_locality_t *locality,
                                            crm_postal_words_t words, int line6, apr_pool_t *pool)
{
    crm_postal_words_t rest;
    const char *code;
    int taken;

    rest = crm_postal_strip_country(words, locality->country, pool);
    if (rest.count == 0) {
        return words;
    }
    code = read_code(&taken, rest, line6, pool);
    if (code) {
        rest = crm_postal_slice(rest, taken, rest.count - taken);
    }
    else if (rest.count > 1 && crm_postal_is_digits(rest.at[rest.count - 1].text, 5, 5)) {
        code = rest.at[rest.count - 1].text;
        rest.count--;
    }
    if (code && !take_code(locality, code)) {
        return words;
    }
    rest = strip_department(rest, locality->post_code);
    if (rest.count == 0) {
        return rest;
    }
    if (crm_postal_is(rest, 0, "CEDEX") && rest.count <= 2 && locality->city.count > 0 &&
        !has_cedex(locality->city)) {
        locality->city = crm_postal_join(locality->city, rest, pool);
        return no_words;
    }
    if ((code || line6 || locality->city.count > 0) && take_city(locality, rest, pool)) {
        return no_words;
    }
    return code ? rest : words;
}

/* ---- norm form ---- */

/* The post code of an arrondissement of Paris, Lyon or Marseille; NULL = it has none. */
static const char *code_of(const crm_postal_city_t *city, apr_pool_t *pool)
{
    static const struct {
        const char *city;
        const char *prefix;
        int most;
    } divided[] = {{"PARIS", "750", 20}, {"LYON", "690", 9}, {"MARSEILLE", "130", 16}};
    size_t i;

    for (i = 0; i < sizeof(divided) / sizeof(divided[0]); i++) {
        if (city->name.count == 1 && crm_postal_is(city->name, 0, divided[i].city) &&
            city->number > 0 && city->number <= divided[i].most) {
            return apr_psprintf(pool, "%s%02d", divided[i].prefix, city->number);
        }
    }
    return NULL;
}

/* The arrondissement of an address with CEDEX is the number of that. */
static int take_cedex_number(crm_postal_city_t *city, apr_pool_t *pool)
{
    if (city->cedex.count == 1) {
        crm_postal_word_t number = word_of(apr_psprintf(pool, "%02d", city->number));
        crm_postal_words_t one = {&number, 1};

        city->cedex = crm_postal_join(city->cedex, one, pool);
    }
    return ordinal_of(city->cedex.at[1].text) == city->number;
}

void crm_postal_locality_finish(crm_postal_locality_t *locality, apr_pool_t *pool)
{
    crm_postal_city_t city;
    const char *code;
    int agrees;

    crm_postal_city_read(&city, locality->city, pool);
    code = code_of(&city, pool);
    if (code) {
        if (city.cedex.count > 0) {
            agrees = take_cedex_number(&city, pool);
        }
        else {
            locality->post_code = locality->post_code ? locality->post_code : code;
            agrees = strcmp(locality->post_code, code) == 0 ||
                     (strcmp(code, "75016") == 0 && strcmp(locality->post_code, "75116") == 0);
        }
        if (agrees) {
            city.arrondissement.count = 0;
        }
        else {
            locality->remark = TWO_POST_CODES;
        }
    }
    locality->city = crm_postal_join(city.name, city.arrondissement, pool);
    locality->city = crm_postal_join(locality->city, city.cedex, pool);
}
