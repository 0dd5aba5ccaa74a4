/*
 * An address line as words in norm letters, and what the words of French addresses mean: types
 * of streets, titles, keywords, their abbreviations. Private to crm/postal*.c. Constant data; never
 * holds anything of an address.
 */
#ifndef CRM_POSTAL_WORDS_H
#define CRM_POSTAL_WORDS_H

#include <apr_pools.h>
#include <apr_tables.h>

/* What stood before a word. */
typedef enum {
    CRM_POSTAL_BLANK,
    CRM_POSTAL_SOFT, /* a parenthesis, or a hyphen or slash between blanks: may separate parts */
    CRM_POSTAL_HARD  /* a comma, a semicolon or the end of a line: does separate parts */
} crm_postal_gap_t;

typedef struct crm_postal_word_t {
    const char *text; /* never empty */
    crm_postal_gap_t gap;
} crm_postal_word_t;

/* Some words in a row: a line, or a part of one. */
typedef struct crm_postal_words_t {
    crm_postal_word_t *at;
    int count;
} crm_postal_words_t;

/* What a word is used for; the norm abbreviates the kinds in turn. */
#define CRM_POSTAL_USE_TYPE 1   /* at the beginning of a street */
#define CRM_POSTAL_USE_TITLE 2  /* within a street or a name */
#define CRM_POSTAL_USE_PLACE 4  /* in the lines of flat, building and hamlet */
#define CRM_POSTAL_USE_PERSON 8 /* in the line of the addressee */

/* The words of `text`, as written; *other_script says whether letters were left out. A keyword
 * and the number glued to it (BP12, CEDEX03) are two words, B.P. is one. In `pool`. */
crm_postal_words_t crm_postal_words(const char *text, int *other_script, apr_pool_t *pool);

/* The words with single blanks between; NULL when there are none. In `pool`. */
const char *crm_postal_text(crm_postal_words_t words, apr_pool_t *pool);

/* Words from `from` on, `count` of them. */
crm_postal_words_t crm_postal_slice(crm_postal_words_t words, int from, int count);

/* One list of both, in `pool`. */
crm_postal_words_t crm_postal_join(crm_postal_words_t first, crm_postal_words_t second,
                                   apr_pool_t *pool);

/* Whether word `i` is there and is `text`. */
int crm_postal_is(crm_postal_words_t words, int i, const char *text);

/* Whether word `i` is there and is one of `list`, which ends with NULL. */
int crm_postal_is_one(crm_postal_words_t words, int i, const char *const *list);

int crm_postal_is_digits(const char *word, size_t least, size_t most);

/* Whether word `i` is an article or DE. L and D are before a vowel only; else they are initials. */
int crm_postal_is_article(crm_postal_words_t words, int i);

int crm_postal_is_first_name(const char *word);

/* The type of street that `word` is or abbreviates, in full, else NULL. `after_number`: R and CH
 * count, too. */
const char *crm_postal_type(const char *word, int after_number);

/* The title that `word` abbreviates, in full, else NULL. */
const char *crm_postal_title(const char *word);

/* The norm's abbreviation of word `i`, or of it and the next, for one of `uses`, else NULL;
 * *taken is how many words it stands for. */
const char *crm_postal_brief(crm_postal_words_t words, int i, int uses, int *taken);

#endif
