/*
 * Reading and comparing names (see name.h). The steps of crm_name_compare() go from the most to
 * the least that two names can have in common; the first that holds is the answer.
 */
#include "crm/name.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "crm/postal.h"
#include "crm/similar.h"
#include "crm/sound.h"

#define WORDS_MOST 20

static const char *const legal_forms[] = {
    "SARL",       "SAS",  "SASU", "SA",  "EURL", "EIRL", "SNC", "SCI", "SCOP",    "SELARL",
    "GIE",        "GMBH", "LTD",  "SRL", "BV",   "SPRL", "ETS", "STE", "SOCIETE", "ETABLISSEMENTS",
    "ENTREPRISE", NULL};

/* Particles of last names that people leave out at will; LE and LA they do not. */
static const char *const particles[] = {"DE", "D", "DA", "DI", "DOS", "VON", NULL};

static const char *const small_words[] = {"DE",  "DU",  "DES",   "LA",  "LE",  "LES", "AL",
                                          "EL",  "DA",  "DI",    "DOS", "VAN", "VON", "DER",
                                          "DEN", "BEN", "SAINT", "ET",  NULL};

static int listed(const char *word, const char *const *list)
{
    while (*list && strcmp(*list, word) != 0) {
        list++;
    }
    return *list != NULL;
}

int crm_name_is_small(const char *word)
{
    return strlen(word) < 2 || listed(word, small_words);
}

/* Letters beyond Latin ones, seen by the first bytes of their UTF-8: from U+0380 on, except U+1E00
 * to U+2FFF (Latin letters with two marks, punctuation). Bytes that are no UTF-8 are not meant. */
static int has_other_script(const char *text)
{
    const unsigned char *t = (const unsigned char *)text;

    for (; *t; t++) {
        int is_pair = (t[1] & 0xC0) == 0x80;

        if (is_pair && ((*t >= 0xCE && *t <= 0xE0) || (*t == 0xE1 && t[1] < 0xB8) || *t >= 0xE3)) {
            return 1;
        }
    }
    return 0;
}

/* The text without blanks at its ends. */
static const char *trimmed(const char *text, apr_pool_t *pool)
{
    char *copy;

    while (apr_isspace(*text)) {
        text++;
    }
    copy = apr_pstrdup(pool, text);
    for (text = copy + strlen(copy); text > copy && apr_isspace(text[-1]); text--) {
        copy[text - copy - 1] = '\0';
    }
    return copy;
}

static int by_alphabet(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The words in the order of the alphabet, without those of `left_out` (NULL = all). */
static const char *sorted_words(const apr_array_header_t *words, const char *const *left_out,
                                apr_pool_t *pool)
{
    apr_array_header_t *kept = apr_array_make(pool, words->nelts + 1, sizeof(const char *));
    int i;

    for (i = 0; i < words->nelts; i++) {
        const char *word = APR_ARRAY_IDX(words, i, const char *);

        if (!left_out || !listed(word, left_out)) {
            APR_ARRAY_PUSH(kept, const char *) = word;
        }
    }
    if (kept->nelts > 1) {
        qsort(kept->elts, (size_t)kept->nelts, sizeof(const char *), by_alphabet);
    }
    return apr_array_pstrcat(pool, kept, ' ');
}

/* Splits letters and blanks into words; without the legal form, if anything else is there. */
static apr_array_header_t *words_of(const char *letters, crm_name_kind_t kind, apr_pool_t *pool)
{
    apr_array_header_t *words = apr_array_make(pool, 4, sizeof(const char *));
    apr_array_header_t *kept = apr_array_make(pool, 4, sizeof(const char *));

    while (*letters && words->nelts < WORDS_MOST) {
        apr_size_t length = strcspn(letters, " ");
        const char *word = apr_pstrmemdup(pool, letters, length);

        APR_ARRAY_PUSH(words, const char *) = word;
        if (!listed(word, legal_forms)) {
            APR_ARRAY_PUSH(kept, const char *) = word;
        }
        letters += length + (letters[length] == ' ');
    }
    return kind == CRM_NAME_COMPANY && kept->nelts > 0 ? kept : words;
}

void crm_name_read(crm_name_t *name, crm_name_kind_t kind, const char *text, apr_pool_t *pool)
{
    const char *joined;

    memset(name, 0, sizeof(*name));
    name->kind = kind;
    text = text ? text : "";
    name->other_script = has_other_script(text);
    if (name->other_script) {
        name->words = apr_array_make(pool, 1, sizeof(const char *));
        name->letters = name->sorted = name->sound = name->parts = trimmed(text, pool);
        APR_ARRAY_PUSH(name->words, const char *) = name->letters;
        return;
    }
    name->words = words_of(crm_postal_letters(text, pool), kind, pool);
    joined = apr_array_pstrcat(pool, name->words, ' ');
    name->letters = apr_array_pstrcat(pool, name->words, '\0');
    name->sorted = sorted_words(name->words, NULL, pool);
    name->sound = crm_sound(joined, pool);
    name->parts = name->words->nelts > 1 ? crm_sound_parts(joined, pool) : name->sound;
}

/* ---- his and hers ---- */

/* `text` with double letters once. */
static const char *undoubled(const char *text, apr_pool_t *pool)
{
    char *copy = apr_palloc(pool, strlen(text) + 1), *to = copy;

    for (; *text; text++) {
        if (to == copy || to[-1] != *text) {
            *to++ = *text;
        }
    }
    *to = '\0';
    return copy;
}

/* `hers` is `his` with an E: LOUISE, RENEE; or with QUE for C: FREDERIQUE. No woman's name ends in
 * PE where a man's ends in P: PHILIPPE is only another spelling. */
static int adds_e(const char *his, const char *hers)
{
    apr_size_t length = strlen(his);

    if (length < 2 || strncmp(his, hers, length - 1) != 0) {
        return 0;
    }
    if (his[length - 1] == 'C' && strcmp(hers + length - 1, "QUE") == 0) {
        return 1;
    }
    return his[length - 1] != 'P' && hers[length - 1] == his[length - 1] &&
           strcmp(hers + length, "E") == 0;
}

/* The plain form tells RENE from RENEE, the one with double letters once MICHEL from MICHELLE. */
static int is_feminine_pair(const char *a, const char *b, apr_pool_t *pool)
{
    const char *a_once = undoubled(a, pool), *b_once = undoubled(b, pool);

    return adds_e(a, b) || adds_e(b, a) || adds_e(a_once, b_once) || adds_e(b_once, a_once);
}

/* The names as a whole, or a word of one and a word of the other. */
static int are_his_and_hers(const crm_name_t *a, const crm_name_t *b, apr_pool_t *pool)
{
    int i, j, found = is_feminine_pair(a->letters, b->letters, pool);

    for (i = 0; i < a->words->nelts && !found; i++) {
        for (j = 0; j < b->words->nelts && !found; j++) {
            found = is_feminine_pair(APR_ARRAY_IDX(a->words, i, const char *),
                                     APR_ARRAY_IDX(b->words, j, const char *), pool);
        }
    }
    return found;
}

/* ---- slips of the pen ---- */

/* Last names and companies. Members of a family do not differ in them, so more may be forgiven. */
static int is_close_last(const char *a, const char *b)
{
    apr_size_t a_length = strlen(a), b_length = strlen(b);
    apr_size_t shorter = a_length < b_length ? a_length : b_length;

    return shorter >= 4 && crm_similar_distance(a, b, 2) <= (shorter >= 8 ? 2 : 1);
}

/* First names. One difference, and where it is: two swapped letters within the name are a slip,
 * and one letter of a long name, but not near its end, where names of brothers and sisters differ
 * (STEPHANE, STEPHANIE; CHRISTINE, CHRISTIANE). */
static crm_name_level_t first_level(const char *a, const char *b)
{
    apr_size_t a_length = strlen(a), b_length = strlen(b), start = 0, end = 0;
    apr_size_t shorter = a_length < b_length ? a_length : b_length;

    if (crm_similar_distance(a, b, 1) != 1) {
        return CRM_NAME_DIFFERENT;
    }
    while (start < shorter && a[start] == b[start]) {
        start++;
    }
    while (end < shorter - start && a[a_length - 1 - end] == b[b_length - 1 - end]) {
        end++;
    }
    if (a_length == b_length && a_length - start - end == 2) {
        return shorter >= 4 && start >= 1 && end >= 1 ? CRM_NAME_CLOSE : CRM_NAME_DIFFERENT;
    }
    if (shorter >= 7 && start >= 1 && end >= 3) {
        return CRM_NAME_CLOSE;
    }
    return shorter >= 5 && end >= 2 ? CRM_NAME_NEAR : CRM_NAME_DIFFERENT;
}

/* ---- words ---- */

/* JP for JEAN PIERRE. */
static int are_initials(const crm_name_t *initials, const crm_name_t *name)
{
    int i;

    if (name->words->nelts < 2 || (int)strlen(initials->letters) != name->words->nelts) {
        return 0;
    }
    for (i = 0; i < name->words->nelts; i++) {
        if (initials->letters[i] != APR_ARRAY_IDX(name->words, i, const char *)[0]) {
            return 0;
        }
    }
    return 1;
}

static int is_same_word(const char *a, const char *b, apr_pool_t *pool)
{
    const char *sound = crm_sound(a, pool);

    return strcmp(a, b) == 0 || (*sound && strcmp(sound, crm_sound(b, pool)) == 0);
}

static int is_initial_word(const char *a, const char *b, apr_pool_t *pool)
{
    (void)pool;
    return a[0] == b[0] && (a[1] == '\0' || b[1] == '\0');
}

/* Pairs words that are not paired yet, as far as `agree` says; returns how many pairs it made. */
static int pair_words(const crm_name_t *a, const crm_name_t *b, char *a_paired, char *b_paired,
                      int (*agree)(const char *, const char *, apr_pool_t *), apr_pool_t *pool)
{
    int i, j, pairs = 0;

    for (i = 0; i < a->words->nelts; i++) {
        for (j = 0; j < b->words->nelts && !a_paired[i]; j++) {
            if (!b_paired[j] && agree(APR_ARRAY_IDX(a->words, i, const char *),
                                      APR_ARRAY_IDX(b->words, j, const char *), pool)) {
                a_paired[i] = b_paired[j] = 1;
                pairs++;
            }
        }
    }
    return pairs;
}

/* INITIAL, PART or DIFFERENT. Both ways to agree sort words into classes, so it does not matter
 * which word is paired first. */
static crm_name_level_t word_level(const crm_name_t *a, const crm_name_t *b, apr_pool_t *pool)
{
    char a_paired[WORDS_MOST] = {0}, b_paired[WORDS_MOST] = {0};
    int fewer = a->words->nelts < b->words->nelts ? a->words->nelts : b->words->nelts;
    int full = pair_words(a, b, a_paired, b_paired, is_same_word, pool);
    int initials = pair_words(a, b, a_paired, b_paired, is_initial_word, pool);

    if (full + initials == fewer) {
        return initials > 0 ? CRM_NAME_INITIAL : CRM_NAME_PART;
    }
    return are_initials(a, b) || are_initials(b, a) ? CRM_NAME_INITIAL : CRM_NAME_DIFFERENT;
}

/* ---- comparing ---- */

static int equal(const char *a, const char *b)
{
    return *a && strcmp(a, b) == 0;
}

static crm_name_level_t level_of(const crm_name_t *a, const crm_name_t *b, apr_pool_t *pool)
{
    int first = a->kind == CRM_NAME_FIRST || b->kind == CRM_NAME_FIRST;
    crm_name_level_t level;

    if (!*a->letters || !*b->letters) {
        return CRM_NAME_ABSENT;
    }
    if (equal(a->letters, b->letters) || equal(a->sorted, b->sorted)) {
        return CRM_NAME_SAME;
    }
    if (a->other_script || b->other_script) {
        return CRM_NAME_DIFFERENT;
    }
    if (equal(a->sound, b->sound) || equal(a->parts, b->parts)) {
        return first && are_his_and_hers(a, b, pool) ? CRM_NAME_FEMININE : CRM_NAME_SOUND;
    }
    if (!first &&
        equal(sorted_words(a->words, particles, pool), sorted_words(b->words, particles, pool))) {
        return CRM_NAME_CLOSE;
    }
    level = word_level(a, b, pool);
    if (level != CRM_NAME_DIFFERENT) {
        return level;
    }
    if (first) {
        return first_level(a->letters, b->letters);
    }
    return is_close_last(a->letters, b->letters) ? CRM_NAME_CLOSE : CRM_NAME_DIFFERENT;
}

crm_name_match_t crm_name_compare(const crm_name_t *a, const crm_name_t *b, apr_pool_t *pool)
{
    crm_name_match_t match = {.level = level_of(a, b, pool)};
    int letters = crm_similar_per_mille(a->letters, b->letters);

    switch (match.level) {
    case CRM_NAME_SAME:
        match.similarity = 1000;
        break;
    case CRM_NAME_SOUND:
        match.similarity = letters > 900 ? letters : 900;
        break;
    case CRM_NAME_INITIAL:
    case CRM_NAME_PART:
        match.similarity = 500;
        break;
    case CRM_NAME_DIFFERENT:
        match.similarity = letters / 2;
        break;
    case CRM_NAME_ABSENT:
        break;
    case CRM_NAME_FEMININE:
    case CRM_NAME_NEAR:
    case CRM_NAME_CLOSE:
        match.similarity = letters;
        break;
    }
    return match;
}
