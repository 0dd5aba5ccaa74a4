/*
 * What the spellings of one street have in common, for comparing addresses that nobody has cleaned.
 * Must not be stored or printed as an address: words are missing in it.
 */
#include <apr_strings.h>
#include <apr_tables.h>

#include "crm/postal.h"
#include "crm/postal_number.h"
#include "crm/postal_words.h"

/* A word in full; NULL for one that does not count. */
static const char *word_of(crm_postal_words_t words, int i, int first, int has_number)
{
    const char *word = words.at[i].text;
    const char *full = i == first ? crm_postal_type(word, has_number) : crm_postal_title(word);

    if (full) {
        return full;
    }
    return i + 1 < words.count && crm_postal_is_article(words, i) ? NULL : word;
}

const char *crm_postal_street_key(const char *street, apr_pool_t *pool)
{
    crm_postal_number_t number;
    apr_array_header_t *key = apr_array_make(pool, 8, sizeof(const char *));
    crm_postal_words_t words;
    const char *word;
    int other_script = 0, i;

    if (!street) {
        return "";
    }
    words = crm_postal_words(street, &other_script, pool);
    crm_postal_number_read(&number, words, pool);
    if (number.digits) {
        APR_ARRAY_PUSH(key, const char *) = number.digits;
    }
    if (number.digits && number.suffix) {
        APR_ARRAY_PUSH(key, const char *) = number.suffix;
    }
    for (i = number.taken; i < words.count; i++) {
        word = word_of(words, i, number.taken, number.taken > 0);
        if (word) {
            APR_ARRAY_PUSH(key, const char *) = word;
        }
    }
    return apr_array_pstrcat(pool, key, ' ');
}
