/*
 * Cuts address lines at commas, and where a keyword with its number says that another part
 * begins. Must never cut a street at a word of its name: "rue de la Porte 3" stays whole, because
 * of the article.
 */
#include "crm/postal_parts.h"

#include <apr_lib.h>

#include <string.h>

#include "crm/postal_number.h"

/* What a keyword needs to be one. */
typedef enum {
    ALONE,  /* nothing */
    NAMED,  /* any word behind it; at the beginning of a part, nothing */
    LETTER, /* a number or letter behind it; at the beginning of a part, nothing */
    STRICT, /* a number or letter behind it */
    DIGITS  /* a number behind it */
} need_t;

static const struct {
    const char *phrase;
    crm_postal_kind_t kind;
    need_t need;
} keywords[] = {
    {"APPARTEMENT", CRM_POSTAL_FLAT, LETTER},
    {"APPART", CRM_POSTAL_FLAT, LETTER},
    {"APPT", CRM_POSTAL_FLAT, LETTER},
    {"APT", CRM_POSTAL_FLAT, LETTER},
    {"APP", CRM_POSTAL_FLAT, LETTER},
    {"AUX BONS SOINS", CRM_POSTAL_CHEZ, NAMED},
    {"BATIMENTS", CRM_POSTAL_BUILDING, NAMED},
    {"BATIMENT", CRM_POSTAL_BUILDING, NAMED},
    {"BAT", CRM_POSTAL_BUILDING, NAMED},
    {"BLOC", CRM_POSTAL_BUILDING, STRICT},
    {"BOITE POSTALE", CRM_POSTAL_BOX, DIGITS},
    {"BOITE", CRM_POSTAL_FLAT, STRICT},
    {"BP", CRM_POSTAL_BOX, DIGITS},
    {"CENTRE COMMERCIAL", CRM_POSTAL_ESTATE, ALONE},
    {"CHAMBRE", CRM_POSTAL_FLAT, STRICT},
    {"CHEZ", CRM_POSTAL_CHEZ, NAMED},
    {"COULOIR", CRM_POSTAL_FLAT, STRICT},
    {"COURSE SPECIALE", CRM_POSTAL_BOX, DIGITS},
    {"CS", CRM_POSTAL_BOX, DIGITS},
    {"C O", CRM_POSTAL_CHEZ, NAMED},
    {"ENTREE", CRM_POSTAL_BUILDING, STRICT},
    {"ENT", CRM_POSTAL_BUILDING, STRICT},
    {"ESCALIER", CRM_POSTAL_FLAT, LETTER},
    {"ESC", CRM_POSTAL_FLAT, LETTER},
    {"ETAGE", CRM_POSTAL_FLAT, LETTER},
    {"ETG", CRM_POSTAL_FLAT, LETTER},
    {"HALL", CRM_POSTAL_BUILDING, STRICT},
    {"HAMEAU", CRM_POSTAL_HAMLET, LETTER},
    {"HAM", CRM_POSTAL_HAMLET, LETTER},
    {"IMMEUBLE", CRM_POSTAL_BUILDING, NAMED},
    {"IMM", CRM_POSTAL_BUILDING, NAMED},
    {"LD", CRM_POSTAL_HAMLET, LETTER},
    {"LIEU DIT", CRM_POSTAL_HAMLET, NAMED},
    {"LIEUDIT", CRM_POSTAL_HAMLET, NAMED},
    {"LOGEMENT", CRM_POSTAL_FLAT, LETTER},
    {"LOGT", CRM_POSTAL_FLAT, LETTER},
    {"LOTISSEMENT", CRM_POSTAL_ESTATE, NAMED},
    {"LOT", CRM_POSTAL_ESTATE, LETTER},
    {"PALIER", CRM_POSTAL_FLAT, STRICT},
    {"PARC D ACTIVITES", CRM_POSTAL_ESTATE, ALONE},
    {"PARC D ACTIVITE", CRM_POSTAL_ESTATE, ALONE},
    {"PORTE", CRM_POSTAL_FLAT, STRICT},
    {"POSTE RESTANTE", CRM_POSTAL_BOX, ALONE},
    {"RDC", CRM_POSTAL_FLAT, ALONE},
    {"RESIDENCE", CRM_POSTAL_ESTATE, NAMED},
    {"RESID", CRM_POSTAL_ESTATE, NAMED},
    {"RES", CRM_POSTAL_ESTATE, NAMED},
    {"REZ DE CHAUSSEE", CRM_POSTAL_FLAT, ALONE},
    {"REZ DE JARDIN", CRM_POSTAL_FLAT, ALONE},
    {"STUDIO", CRM_POSTAL_FLAT, STRICT},
    {"TOUR", CRM_POSTAL_ESTATE, LETTER},
    {"TSA", CRM_POSTAL_BOX, DIGITS},
    {"ZAC", CRM_POSTAL_ESTATE, NAMED},
    {"ZAE", CRM_POSTAL_ESTATE, NAMED},
    {"ZA", CRM_POSTAL_ESTATE, NAMED},
    {"ZI", CRM_POSTAL_ESTATE, NAMED},
    {"ZONE ARTISANALE", CRM_POSTAL_ESTATE, ALONE},
    {"ZONE COMMERCIALE", CRM_POSTAL_ESTATE, ALONE},
    {"ZONE INDUSTRIELLE", CRM_POSTAL_ESTATE, ALONE},
    {"ZONE D ACTIVITES", CRM_POSTAL_ESTATE, ALONE},
    {"ZONE D ACTIVITE", CRM_POSTAL_ESTATE, ALONE},
};

static const char *const sides[] = {"DROITE", "GAUCHE", "FACE", "DTE", "GCHE", NULL};

/* What stands at some word. */
typedef struct found_t {
    crm_postal_kind_t kind;
    int core;   /* words that make it what it is: the keyword and its number */
    int begins; /* whether it counts within a part, too */
} found_t;

/* How many words of the phrase stand at word `i`, which is all of them or 0. */
static int phrase_at(crm_postal_words_t words, int i, const char *phrase)
{
    int taken = 0;

    while (*phrase) {
        size_t length = strcspn(phrase, " ");
        const char *word = i + taken < words.count ? words.at[i + taken].text : "";

        if (strncmp(word, phrase, length) != 0 || word[length] != '\0') {
            return 0;
        }
        taken++;
        phrase += length + (phrase[length] == ' ');
    }
    return taken;
}

static int is_keyword_at(crm_postal_words_t words, int i)
{
    size_t n;

    for (n = 0; n < sizeof(keywords) / sizeof(keywords[0]); n++) {
        if (phrase_at(words, i, keywords[n].phrase)) {
            return 1;
        }
    }
    return 0;
}

/* Whether word `i` tells one flat or building from another: 12, B, A12, 12B. L and D before a
 * vowel are articles (BAT L ATLANTIQUE). */
static int is_identifier(crm_postal_words_t words, int i)
{
    const char *word = i < words.count ? words.at[i].text : "";
    size_t letters = strcspn(word, "0123456789");
    size_t digits = strspn(word + letters, "0123456789");

    if (digits == 0) {
        if (letters != 1) {
            return 0;
        }
        return (*word != 'L' && *word != 'D') || i + 1 >= words.count ||
               !strchr("AEIOUYH", *words.at[i + 1].text) || is_keyword_at(words, i + 1);
    }
    if (letters == 0) {
        size_t behind = strlen(word + digits);

        return digits <= 5 && behind <= 1;
    }
    return letters == 1 && digits <= 4 && word[letters + digits] == '\0';
}

/* "2E ETAGE", "2 EME ETAGE", "PREMIER ETAGE": the number of words, 0 = it is not. */
static int floor_at(crm_postal_words_t words, int i)
{
    static const char *const floors[] = {"ETAGE", "ETG", NULL};
    static const char *const endings[] = {"E", "EME", "ER", "ERE", "ND", "IEME", NULL};
    static const char *const ordinals[] = {"PREMIER",   "SECOND",    "DEUXIEME", "TROISIEME",
                                           "QUATRIEME", "CINQUIEME", "DERNIER",  NULL};
    const char *word = words.at[i].text;
    size_t digits = strspn(word, "0123456789");
    int taken = 1;

    if (digits > 2 || (digits == 0 && !crm_postal_is_one(words, i, ordinals))) {
        return 0;
    }
    if (digits > 0 && word[digits]) {
        crm_postal_word_t ending = {word + digits, CRM_POSTAL_BLANK};
        crm_postal_words_t one = {&ending, 1};

        if (!crm_postal_is_one(one, 0, endings)) {
            return 0;
        }
    }
    else if (digits > 0 && crm_postal_is_one(words, i + 1, endings)) {
        taken++;
    }
    return crm_postal_is_one(words, i + taken, floors) ? taken + 1 : 0;
}

/* Whether the words behind a keyword of `length` words give it what it needs; the core grows by
 * a number or letter that does. */
static int has_need(found_t *found, crm_postal_words_t words, int i, int length, need_t need)
{
    int next = i + length;
    int identified = is_identifier(words, next) ||
                     (found->kind == CRM_POSTAL_FLAT && crm_postal_is_one(words, next, sides));

    found->core = length;
    found->begins = 1;
    if (need == ALONE) {
        return 1;
    }
    if (need == DIGITS) {
        if (crm_postal_is(words, next, "N")) {
            next++;
        }
        found->core = next + 1 - i;
        return next < words.count && crm_postal_is_digits(words.at[next].text, 1, 6);
    }
    found->core += identified;
    found->begins = identified || (need == NAMED && next < words.count);
    return identified || need == NAMED || need == LETTER;
}

static found_t find_keyword(crm_postal_words_t words, int i)
{
    found_t found = {CRM_POSTAL_OTHER, 0, 0};
    int length = floor_at(words, i);
    size_t n;

    if (length > 0) {
        found.kind = CRM_POSTAL_FLAT;
        found.core = length;
        found.begins = 1;
    }
    for (n = 0; n < sizeof(keywords) / sizeof(keywords[0]) && !found.core; n++) {
        length =
            *keywords[n].phrase == *words.at[i].text ? phrase_at(words, i, keywords[n].phrase) : 0;
        found.kind = keywords[n].kind;
        if (length > 0 && !has_need(&found, words, i, length, keywords[n].need)) {
            found.core = 0;
        }
    }
    if (!found.core) {
        found.kind = CRM_POSTAL_OTHER;
    }
    while (found.kind == CRM_POSTAL_FLAT && crm_postal_is_one(words, i + found.core, sides)) {
        found.core++;
    }
    return found;
}

/* A post code, which "F" may precede, and a name or nothing behind it: how many words the code
 * takes, 0 = it is none. */
static int locality_at(crm_postal_words_t words, int i)
{
    static const char *const france[] = {"F", "FR", "FRA", NULL};
    int taken = 1 + crm_postal_is_one(words, i, france);

    i += taken - 1;
    if (i >= words.count || !crm_postal_is_digits(words.at[i].text, 5, 5)) {
        return 0;
    }
    return i + 1 == words.count ||
                   (apr_isalpha(*words.at[i + 1].text) && !crm_postal_street_at(words, i + 1, 1))
               ? taken
               : 0;
}

/* What the words from `i` on are, were they a part of their own. */
static found_t find(crm_postal_words_t words, int i, apr_pool_t *pool)
{
    found_t found = {CRM_POSTAL_LOCALITY, 0, 1};
    crm_postal_number_t number;

    found.core = locality_at(words, i);
    if (found.core > 0) {
        return found;
    }
    found = find_keyword(words, i);
    if (found.kind != CRM_POSTAL_OTHER) {
        return found;
    }
    crm_postal_number_read(&number, crm_postal_slice(words, i, words.count - i), pool);
    if (number.taken > 0 && crm_postal_street_at(words, i + number.taken, 1)) {
        found.kind = CRM_POSTAL_NUMBERED;
        found.begins = 1;
    }
    else if (number.taken > 0 && i + number.taken == words.count) {
        found.kind = CRM_POSTAL_NUMBER;
    }
    else if (number.taken == 0 && crm_postal_street_at(words, i, 0)) {
        found.kind = CRM_POSTAL_STREET;
    }
    return found;
}

/* Whether `found` at word `i` begins a part there, with no mark before it; the part so far began
 * at `start` and is `before`. */
static int begins_here(const found_t *found, const found_t *before, crm_postal_words_t words,
                       int start, int i, apr_pool_t *pool)
{
    static const char *const joining[] = {"A",  "AU", "AUX", "D",  "DE",  "DES",  "DU",  "EN",
                                          "ET", "L",  "LA",  "LE", "LES", "SOUS", "SUR", "CD",
                                          "CR", "KM", "PK",  "RD", "RN",  "VC",   NULL};
    int complete = before->core > 0 && i == start + before->core;
    crm_postal_number_t number;

    if (i < start + before->core) {
        return 0;
    }
    if (found->kind == CRM_POSTAL_STREET && complete) {
        return before->begins;
    }
    if (!found->begins || (!complete && crm_postal_is_one(words, i - 1, joining)) ||
        (!complete && found->kind != CRM_POSTAL_LOCALITY &&
         crm_postal_type(words.at[i - 1].text, i > start))) {
        return 0;
    }
    if (found->kind == CRM_POSTAL_CHEZ) {
        return before->kind == CRM_POSTAL_NUMBERED || before->kind == CRM_POSTAL_STREET ||
               before->kind == CRM_POSTAL_FLAT;
    }
    /* A number belongs to the name behind it, but not to a flat or a box. */
    crm_postal_number_read(&number, crm_postal_slice(words, start, words.count - start), pool);
    return number.taken < i - start || found->kind == CRM_POSTAL_FLAT ||
           found->kind == CRM_POSTAL_BOX || found->kind == CRM_POSTAL_LOCALITY;
}

static void append(apr_array_header_t *parts, crm_postal_words_t words, int line, int first,
                   apr_pool_t *pool)
{
    crm_postal_part_t *part = apr_array_push(parts);

    part->words = words;
    part->line = line;
    part->first = first;
    part->kind = find(words, 0, pool).kind;
}

/* Cuts what stands between two commas. */
static void cut(apr_array_header_t *parts, crm_postal_words_t words, int line, int first,
                apr_pool_t *pool)
{
    found_t before = find(words, 0, pool);
    int start = 0, i;

    for (i = 1; i < words.count; i++) {
        found_t found = find(words, i, pool);
        int marked = words.at[i].gap == CRM_POSTAL_SOFT && found.kind > CRM_POSTAL_NUMBER;

        if (marked || begins_here(&found, &before, words, start, i, pool)) {
            append(parts, crm_postal_slice(words, start, i - start), line, first && start == 0,
                   pool);
            start = i;
            before = found;
        }
    }
    append(parts, crm_postal_slice(words, start, i - start), line, first && start == 0, pool);
}

void crm_postal_parts_cut(apr_array_header_t *parts, crm_postal_words_t words, int line, int whole,
                          apr_pool_t *pool)
{
    int start = 0, i;

    for (i = 1; i <= words.count; i++) {
        crm_postal_words_t between;

        if (i < words.count && words.at[i].gap != CRM_POSTAL_HARD) {
            continue;
        }
        between = crm_postal_slice(words, start, i - start);
        if (whole) {
            append(parts, between, line, start == 0, pool);
        }
        else {
            cut(parts, between, line, start == 0, pool);
        }
        start = i;
    }
}
