/*
 * House numbers in front of a street. Must never take a number that belongs to a name: in
 * "3 4 SEPTEMBRE" the range would need a type of street or an article behind it.
 */
#include "crm/postal_number.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#define MOST_DIGITS 4

static const struct {
    const char *word;
    const char *suffix;
} suffixes[] = {
    {"BIS", "B"},     {"TER", "T"},       {"QUATER", "Q"},
    {"QUARTER", "Q"}, {"QUINQUIES", "C"}, {"QUINQUIE", "C"},
};

int crm_postal_street_at(crm_postal_words_t words, int i, int after_number)
{
    static const char *const great[] = {"GRANDE", "GRAND", "GDE", NULL};

    if (crm_postal_is_one(words, i, great) && crm_postal_is(words, i + 1, "RUE")) {
        return 1;
    }
    return i + 1 < words.count && crm_postal_type(words.at[i].text, after_number) != NULL;
}

static const char *repetition(const char *word)
{
    size_t i;

    for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (strcmp(word, suffixes[i].word) == 0) {
            return suffixes[i].suffix;
        }
    }
    return NULL;
}

/* The suffix that word `i` is, behind a number. A letter alone may as well be an article (L, D),
 * "rue" (R) or the "à" of a range: what follows tells. */
static const char *suffix_at(crm_postal_words_t words, int i)
{
    const char *word = i < words.count ? words.at[i].text : "";

    if (!apr_isalpha(*word)) {
        return NULL;
    }
    if (word[1] != '\0') {
        return repetition(word);
    }
    if (i + 1 == words.count || words.at[i + 1].gap == CRM_POSTAL_HARD ||
        crm_postal_street_at(words, i + 1, 1)) {
        return word;
    }
    return strchr("LDR", *word) || apr_isdigit(*words.at[i + 1].text) ? NULL : word;
}

/* One number with its suffix at word `i`; returns how many words, 0 = none. */
static int read_one(crm_postal_number_t *number, crm_postal_words_t words, int i, apr_pool_t *pool)
{
    const char *word = i < words.count ? words.at[i].text : "";
    size_t digits = strspn(word, "0123456789");
    const char *glued = word + digits;
    const char *suffix = NULL;
    int taken = 1;

    if (digits == 0 || digits > MOST_DIGITS) {
        return 0;
    }
    if (*glued) {
        /* 5E is an ordinal: a street may be called 5E AVENUE. */
        suffix = repetition(glued);
        if (!suffix && (glued[1] != '\0' || *glued == 'E')) {
            return 0;
        }
        suffix = suffix ? suffix : glued;
    }
    else {
        suffix = suffix_at(words, i + 1);
        taken += suffix != NULL;
    }
    number->digits = apr_pstrmemdup(pool, word, digits);
    number->digits += strspn(number->digits, "0");
    number->digits = *number->digits ? number->digits : NULL;
    number->suffix = suffix;
    return taken;
}

/* Words of further numbers from word `i` on: "17", "A 17", "17 ET 19". */
static int further_numbers(crm_postal_words_t words, int i, apr_pool_t *pool)
{
    static const char *const between[] = {"A", "AU", "ET", NULL};
    crm_postal_number_t ignored;
    int from = i;

    for (;;) {
        int connector = crm_postal_is_one(words, i, between);
        int taken = read_one(&ignored, words, i + connector, pool);

        if (taken == 0) {
            break;
        }
        i += connector + taken;
    }
    if (i < words.count && !crm_postal_street_at(words, i, 1) && !crm_postal_is_article(words, i)) {
        return 0;
    }
    return i - from;
}

void crm_postal_number_read(crm_postal_number_t *number, crm_postal_words_t words, apr_pool_t *pool)
{
    static const char *const marks[] = {"N", "NO", "NUM", "NUMERO", NULL};
    int mark = crm_postal_is_one(words, 0, marks);
    int further;

    memset(number, 0, sizeof(*number));
    number->taken = read_one(number, words, mark, pool);
    if (number->taken == 0) {
        return;
    }
    number->taken += mark;
    further = further_numbers(words, number->taken, pool);
    number->taken += further;
    number->is_range = further > 0;
}
