/*
 * Abbreviates in the norm's order, one word at a time, and stops as soon as the line fits. Must
 * never touch a number or the last word.
 */
#include "crm/postal_fit.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "crm/postal.h"
#include "crm/postal_number.h"

/* A line at work. */
typedef struct line_t {
    crm_postal_words_t words; /* a copy of our own */
    int label;                /* first word of the name, behind the number */
    int label_most;           /* columns for the name; 0 = only the line counts */
    apr_pool_t *pool;
} line_t;

static int columns(crm_postal_words_t words, int from)
{
    int i, count = 0;

    for (i = from; i < words.count && count <= CRM_POSTAL_COLUMNS; i++) {
        count += (int)strlen(words.at[i].text) + (i > from);
    }
    return count;
}

int crm_postal_fits(crm_postal_words_t words)
{
    return columns(words, 0) <= CRM_POSTAL_COLUMNS;
}

static int line_fits(const line_t *line)
{
    return crm_postal_fits(line->words) &&
           (!line->label_most || columns(line->words, line->label) <= line->label_most);
}

static void set_words(line_t *line, crm_postal_words_t words)
{
    crm_postal_words_t none = {NULL, 0};

    line->words = crm_postal_join(words, none, line->pool);
}

/* Puts `text` for `count` words at `i`; NULL takes them away. */
static void replace(line_t *line, int i, int count, const char *text)
{
    crm_postal_words_t *words = &line->words;
    int kept = text ? 1 : 0;

    if (text) {
        words->at[i].text = text;
    }
    memmove(words->at + i + kept, words->at + i + count,
            sizeof(crm_postal_word_t) * (size_t)(words->count - i - count));
    words->count -= count - kept;
}

/* ---- abbreviations, in the norm's order ---- */

/* Abbreviates from word `from` to word `to`, but never the last one. */
static void shorten_words(line_t *line, int from, int to, int uses)
{
    int i;

    for (i = from; i < to && i < line->words.count && !line_fits(line); i++) {
        int taken = 0;
        const char *brief = crm_postal_brief(line->words, i, uses, &taken);

        if (brief && i + taken < line->words.count) {
            replace(line, i, taken, brief);
        }
    }
}

static const char *initial_of(const line_t *line, int i)
{
    return apr_pstrmemdup(line->pool, line->words.at[i].text, 1);
}

/* First names to initials. Behind an article a word is no first name (LA PIERRE), and a saint
 * keeps his. */
static void shorten_names(line_t *line)
{
    static const char *const before[] = {"SAINT", "SAINTE", "ST",  "STE", "L",
                                         "LA",    "LES",    "DES", NULL};
    int i;

    for (i = line->label; i + 1 < line->words.count && !line_fits(line); i++) {
        if (crm_postal_is_first_name(line->words.at[i].text) &&
            !(i > line->label && crm_postal_is_one(line->words, i - 1, before))) {
            line->words.at[i].text = initial_of(line, i);
        }
    }
}

static void remove_articles(line_t *line)
{
    int i = line->label + 1;

    while (i + 1 < line->words.count && !line_fits(line)) {
        if (crm_postal_is_article(line->words, i)) {
            replace(line, i, 1, NULL);
        }
        else {
            i++;
        }
    }
}

/* What is left of the names, where the line does not fit otherwise. */
static void shorten_rest(line_t *line)
{
    static const char *const whole[] = {"SAINT", "SAINTE", "ST", "STE", NULL};
    int i;

    for (i = line->label + 1; i + 1 < line->words.count && !crm_postal_fits(line->words); i++) {
        const char *word = line->words.at[i].text;

        if (word[strcspn(word, "0123456789")] == '\0' && !crm_postal_is_article(line->words, i) &&
            !crm_postal_is_one(line->words, i, whole)) {
            line->words.at[i].text = initial_of(line, i);
        }
    }
}

/* ---- the street ---- */

/* The first number, its suffix, and the name. */
static void write_number(line_t *line, crm_postal_words_t words)
{
    crm_postal_word_t parts[2];
    crm_postal_words_t front = {parts, 0};
    crm_postal_number_t number;

    crm_postal_number_read(&number, words, line->pool);
    if (number.taken == 0 || number.taken == words.count) {
        set_words(line, words);
        return;
    }
    if (number.digits) {
        parts[front.count].gap = CRM_POSTAL_BLANK;
        parts[front.count++].text = number.digits;
    }
    if (number.digits && number.suffix) {
        parts[front.count].gap = CRM_POSTAL_BLANK;
        parts[front.count++].text = number.suffix;
    }
    words = crm_postal_slice(words, number.taken, words.count - number.taken);
    line->words = crm_postal_join(front, words, line->pool);
    line->label = front.count;
}

/* SAINT and SAINTE in full, wherever a name follows. */
static void write_saints(line_t *line)
{
    int i;

    for (i = line->label; i + 1 < line->words.count; i++) {
        if (crm_postal_is(line->words, i, "ST")) {
            line->words.at[i].text = "SAINT";
        }
        else if (crm_postal_is(line->words, i, "STE")) {
            line->words.at[i].text = "SAINTE";
        }
    }
}

/* Type and titles in full, when all of them fit. Else as they came, so that what the norm has
 * abbreviated stays so; only a type's odd abbreviation becomes the usual one. */
static void write_in_full(line_t *line)
{
    line_t full = *line;
    crm_postal_words_t *words = &full.words;
    const char *type;
    int i, taken;

    if (line->label + 1 >= line->words.count) {
        return;
    }
    set_words(&full, line->words);
    type = crm_postal_type(words->at[full.label].text, full.label > 0);
    if (type) {
        words->at[full.label].text = type;
    }
    for (i = full.label + (type != NULL); i + 1 < words->count; i++) {
        const char *title = crm_postal_title(words->at[i].text);

        words->at[i].text = title ? title : words->at[i].text;
    }
    if (line_fits(&full)) {
        *line = full;
    }
    else if (type && strcmp(type, line->words.at[line->label].text) != 0) {
        type = crm_postal_brief(full.words, full.label, CRM_POSTAL_USE_TYPE, &taken);
        line->words.at[line->label].text = type ? type : full.words.at[full.label].text;
    }
}

crm_postal_words_t crm_postal_fit_street(crm_postal_words_t words, apr_pool_t *pool)
{
    line_t line;

    memset(&line, 0, sizeof(line));
    line.pool = pool;
    line.label_most = CRM_POSTAL_CITY_COLUMNS;
    write_number(&line, words);
    write_saints(&line);
    write_in_full(&line);
    shorten_words(&line, line.label, line.label + 1, CRM_POSTAL_USE_TYPE);
    shorten_words(&line, line.label, line.words.count, CRM_POSTAL_USE_TITLE);
    shorten_names(&line);
    remove_articles(&line);
    shorten_rest(&line);
    return line.words;
}

crm_postal_words_t crm_postal_fit_line(crm_postal_words_t words, int number, apr_pool_t *pool)
{
    line_t line;

    memset(&line, 0, sizeof(line));
    line.pool = pool;
    set_words(&line, words);
    if (number == 0) {
        shorten_words(&line, 0, words.count, CRM_POSTAL_USE_PERSON);
    }
    else {
        shorten_words(&line, 0, words.count, CRM_POSTAL_USE_PLACE);
    }
    shorten_words(&line, 0, words.count, CRM_POSTAL_USE_TITLE);
    shorten_names(&line);
    if (number > 0) {
        remove_articles(&line);
    }
    return line.words;
}
