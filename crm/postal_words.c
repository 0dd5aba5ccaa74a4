/*
 * Word lists of French addresses and the splitting of a line into words. Must never list a word
 * that is a name of its own as an abbreviation to be written out: MAL and COL stay what they are.
 */
#include "crm/postal_words.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "crm/postal_letters.h"

#define TYPE CRM_POSTAL_USE_TYPE
#define TITLE CRM_POSTAL_USE_TITLE
#define PLACE CRM_POSTAL_USE_PLACE
#define PERSON CRM_POSTAL_USE_PERSON

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A word and what it is in full. */
typedef struct pair_t {
    const char *word;
    const char *full;
} pair_t;

/* A word, or a word and the next, and its abbreviation. */
typedef struct brief_t {
    const char *word;
    const char *next; /* NULL = the word alone */
    const char *brief;
    int uses;
} brief_t;

/* All lists are sorted by their words. */

/* First names that streets carry; the norm makes them initials. */
static const char *const first_names[] = {
    "ADELE",      "ADOLPHE",   "ADRIEN",    "ADRIENNE",    "AGNES",      "ALAIN",
    "ALBAN",      "ALBERT",    "ALEXANDRE", "ALEXANDRINE", "ALEXIS",     "ALFRED",
    "ALICE",      "ALINE",     "ALOIS",     "ALPHONSE",    "AMBROISE",   "AMEDEE",
    "AMELIE",     "ANATOLE",   "ANDRE",     "ANDREE",      "ANGELE",     "ANGELINE",
    "ANNE",       "ANNETTE",   "ANNIE",     "ANTOINE",     "ANTOINETTE", "ANTONIN",
    "ARISTIDE",   "ARMAND",    "ARMANDE",   "ARNAUD",      "ARTHUR",     "AUGUSTE",
    "AUGUSTIN",   "AUGUSTINE", "AURELIE",   "AURELIEN",    "BAPTISTE",   "BARTHELEMY",
    "BASILE",     "BEATRICE",  "BENJAMIN",  "BENOIT",      "BERNADETTE", "BERNARD",
    "BERTHE",     "BERTRAND",  "BLAISE",    "BLANCHE",     "BRIGITTE",   "BRUNO",
    "CAMILLE",    "CAROLINE",  "CATHERINE", "CECILE",      "CELESTIN",   "CELINE",
    "CESAR",      "CHARLES",   "CHARLOTTE", "CHRISTIAN",   "CHRISTIANE", "CHRISTINE",
    "CHRISTOPHE", "CLAIRE",    "CLAUDE",    "CLAUDINE",    "CLEMENCE",   "CLEMENT",
    "COLETTE",    "CYPRIEN",   "DANIEL",    "DANIELLE",    "DAVID",      "DENIS",
    "DENISE",     "DESIRE",    "DIDIER",    "DOMINIQUE",   "EDGAR",      "EDMOND",
    "EDMONDE",    "EDOUARD",   "ELEONORE",  "ELIE",        "ELISABETH",  "ELISE",
    "ELOI",       "ELSA",      "EMILE",     "EMILIE",      "EMMANUEL",   "ERIC",
    "ERNEST",     "ESTELLE",   "ETIENNE",   "EUGENE",      "EUGENIE",    "EVARISTE",
    "FABIEN",     "FELICIEN",  "FELIX",     "FERDINAND",   "FERNAND",    "FERNANDE",
    "FIRMIN",     "FLORENCE",  "FLORENT",   "FRANCIS",     "FRANCISQUE", "FRANCOIS",
    "FRANCOISE",  "FRANTZ",    "FREDERIC",  "GABRIEL",     "GABRIELLE",  "GASPARD",
    "GASTON",     "GENEVIEVE", "GEORGES",   "GEORGETTE",   "GERARD",     "GERMAIN",
    "GERMAINE",   "GHISLAINE", "GILBERT",   "GILLES",      "GISELE",     "GRACE",
    "GREGOIRE",   "GUILLAUME", "GUSTAVE",   "GUY",         "HECTOR",     "HELENE",
    "HENRI",      "HENRIETTE", "HENRY",     "HERVE",       "HIPPOLYTE",  "HONORE",
    "HORTENSE",   "HUBERT",    "HUGUES",    "IRENE",       "ISABELLE",   "ISIDORE",
    "JACQUELINE", "JACQUES",   "JEAN",      "JEANNE",      "JEANNETTE",  "JEROME",
    "JOACHIM",    "JOEL",      "JOSEPH",    "JOSEPHINE",   "JULES",      "JULIE",
    "JULIEN",     "JULIENNE",  "JULIETTE",  "JUSTIN",      "LAURENCE",   "LAURENT",
    "LEA",        "LEON",      "LEONARD",   "LEONIE",      "LEOPOLD",    "LOUIS",
    "LOUISE",     "LUC",       "LUCIE",     "LUCIEN",      "LUCIENNE",   "LUDOVIC",
    "MADELEINE",  "MARC",      "MARCEAU",   "MARCEL",      "MARCELLE",   "MARCELLIN",
    "MARGUERITE", "MARIANNE",  "MARIE",     "MARIUS",      "MARTHE",     "MARTIN",
    "MARTINE",    "MATHIEU",   "MATHILDE",  "MAURICE",     "MAX",        "MAXIME",
    "MAXIMILIEN", "MICHEL",    "MICHELE",   "MICHELINE",   "MONIQUE",    "NADIA",
    "NATHALIE",   "NICOLAS",   "NICOLE",    "NOEL",        "OCTAVE",     "ODETTE",
    "ODILE",      "OLIVIER",   "OLYMPE",    "OSCAR",       "PASCAL",     "PATRICE",
    "PATRICK",    "PAUL",      "PAULE",     "PAULETTE",    "PAULINE",    "PHILIBERT",
    "PHILIPPE",   "PIERRE",    "PIERRETTE", "PROSPER",     "RAOUL",      "RAPHAEL",
    "RAYMOND",    "RAYMONDE",  "REMI",      "REMY",        "RENE",       "RENEE",
    "RICHARD",    "ROBERT",    "ROGER",     "ROLAND",      "ROMAIN",     "ROSA",
    "ROSALIE",    "SALVADOR",  "SEBASTIEN", "SIMON",       "SIMONE",     "SOPHIE",
    "STEPHANE",   "STEPHANIE", "SUZANNE",   "SYLVAIN",     "SYLVIE",     "THEODORE",
    "THEOPHILE",  "THERESE",   "THIERRY",   "THOMAS",      "TRISTAN",    "URBAIN",
    "VALENTIN",   "VALENTINE", "VALERIE",   "VICTOR",      "VICTORIN",   "VINCENT",
    "VIRGINIE",   "VIVIEN",    "XAVIER",    "YVES",        "YVETTE",     "YVONNE",
    "ZOE",
};

/* Types that begin a street, also without a number, and their usual abbreviations. */
static const pair_t types[] = {
    {"ALL", "ALLEE"},
    {"ALLEE", "ALLEE"},
    {"ALLEES", "ALLEES"},
    {"AV", "AVENUE"},
    {"AVE", "AVENUE"},
    {"AVENUE", "AVENUE"},
    {"BD", "BOULEVARD"},
    {"BLD", "BOULEVARD"},
    {"BLV", "BOULEVARD"},
    {"BLVD", "BOULEVARD"},
    {"BOUL", "BOULEVARD"},
    {"BOULEVARD", "BOULEVARD"},
    {"BVD", "BOULEVARD"},
    {"CARREFOUR", "CARREFOUR"},
    {"CH", "CHEMIN"},
    {"CHAUSSEE", "CHAUSSEE"},
    {"CHE", "CHEMIN"},
    {"CHEM", "CHEMIN"},
    {"CHEMIN", "CHEMIN"},
    {"COUR", "COUR"},
    {"COURS", "COURS"},
    {"CRS", "COURS"},
    {"DESCENTE", "DESCENTE"},
    {"ESPLANADE", "ESPLANADE"},
    {"FAUBOURG", "FAUBOURG"},
    {"FBG", "FAUBOURG"},
    {"FG", "FAUBOURG"},
    {"IMP", "IMPASSE"},
    {"IMPASSE", "IMPASSE"},
    {"MAIL", "MAIL"},
    {"MONTEE", "MONTEE"},
    {"PARVIS", "PARVIS"},
    {"PASSAGE", "PASSAGE"},
    {"PL", "PLACE"},
    {"PLACE", "PLACE"},
    {"PLACETTE", "PLACETTE"},
    {"PROMENADE", "PROMENADE"},
    {"QUAI", "QUAI"},
    {"R", "RUE"},
    {"ROCADE", "ROCADE"},
    {"ROUTE", "ROUTE"},
    {"RTE", "ROUTE"},
    {"RUE", "RUE"},
    {"RUELLE", "RUELLE"},
    {"SENTE", "SENTE"},
    {"SENTIER", "SENTIER"},
    {"SQ", "SQUARE"},
    {"SQUARE", "SQUARE"},
    {"TRAVERSE", "TRAVERSE"},
    {"VENELLE", "VENELLE"},
    {"VOIE", "VOIE"},
};

/* Titles as callers abbreviate them. */
static const pair_t titles[] = {
    {"ADJ", "ADJUDANT"},  {"CDT", "COMMANDANT"},  {"CNE", "CAPITAINE"},   {"DR", "DOCTEUR"},
    {"GAL", "GENERAL"},   {"LT", "LIEUTENANT"},   {"MGR", "MONSEIGNEUR"}, {"PDT", "PRESIDENT"},
    {"PR", "PROFESSEUR"}, {"PROF", "PROFESSEUR"}, {"SGT", "SERGENT"},
};

/* The abbreviations of the norm. */
static const brief_t briefs[] = {
    {"ADJUDANT", NULL, "ADJ", TITLE},
    {"ALLEE", NULL, "ALL", TYPE},
    {"ALLEES", NULL, "ALL", TYPE},
    {"ANCIEN", NULL, "ANC", TITLE},
    {"ANCIENNE", NULL, "ANC", TITLE},
    {"ANCIENS", NULL, "ANC", TITLE},
    {"APPARTEMENT", NULL, "APPT", PLACE},
    {"AVENUE", NULL, "AV", TYPE},
    {"BATIMENT", NULL, "BAT", PLACE},
    {"BOULEVARD", NULL, "BD", TYPE},
    {"CAPITAINE", NULL, "CNE", TITLE},
    {"CARREFOUR", NULL, "CAR", TYPE},
    {"CENTRE", "COMMERCIAL", "CCAL", TYPE | PLACE},
    {"CHAUSSEE", NULL, "CHS", TYPE},
    {"CHEMIN", NULL, "CHE", TYPE},
    {"COLONEL", NULL, "COL", TITLE},
    {"COMMANDANT", NULL, "CDT", TITLE},
    {"COMPAGNIE", NULL, "CIE", PERSON},
    {"COURS", NULL, "CRS", TYPE},
    {"DOCTEUR", NULL, "DR", TITLE},
    {"DOMAINE", NULL, "DOM", TYPE | PLACE},
    {"ENTREE", NULL, "ENT", PLACE},
    {"ESCALIER", NULL, "ESC", PLACE},
    {"ESPLANADE", NULL, "ESP", TYPE},
    {"ETABLISSEMENT", NULL, "ETS", PERSON},
    {"ETABLISSEMENTS", NULL, "ETS", PERSON},
    {"ETAGE", NULL, "ETG", PLACE},
    {"FAUBOURG", NULL, "FG", TYPE},
    {"GENERAL", NULL, "GAL", TITLE},
    {"GRAND", NULL, "GD", TITLE},
    {"GRANDE", NULL, "GDE", TITLE},
    {"GRANDES", NULL, "GDES", TITLE},
    {"GRANDS", NULL, "GDS", TITLE},
    {"HAMEAU", NULL, "HAM", TYPE | PLACE},
    {"IMMEUBLE", NULL, "IMM", TYPE | PLACE},
    {"IMPASSE", NULL, "IMP", TYPE},
    {"INGENIEUR", NULL, "ING", TITLE},
    {"LIEU", "DIT", "LD", PLACE},
    {"LIEUTENANT", NULL, "LT", TITLE},
    {"LOTISSEMENT", NULL, "LOT", TYPE | PLACE},
    {"MADAME", NULL, "MME", PERSON},
    {"MADEMOISELLE", NULL, "MLLE", PERSON},
    {"MARECHAL", NULL, "MAL", TITLE},
    {"MESSIEURS", NULL, "MM", PERSON},
    {"MONSEIGNEUR", NULL, "MGR", TITLE},
    {"MONSIEUR", NULL, "M", PERSON},
    {"NATIONAL", NULL, "NAL", TITLE},
    {"NATIONALE", NULL, "NALE", TITLE},
    {"NOTRE", "DAME", "ND", TITLE},
    {"PASSAGE", NULL, "PAS", TYPE},
    {"PETIT", NULL, "PT", TITLE},
    {"PETITE", NULL, "PTE", TITLE},
    {"PLACE", NULL, "PL", TYPE},
    {"PRESIDENT", NULL, "PDT", TITLE},
    {"PROFESSEUR", NULL, "PR", TITLE},
    {"PROMENADE", NULL, "PROM", TYPE},
    {"QUAI", NULL, "QU", TYPE},
    {"QUARTIER", NULL, "QUA", TYPE | PLACE},
    {"RESIDENCE", NULL, "RES", TYPE | PLACE},
    {"ROND", "POINT", "RPT", TYPE},
    {"ROUTE", NULL, "RTE", TYPE},
    {"RUELLE", NULL, "RLE", TYPE},
    {"SENTIER", NULL, "SEN", TYPE},
    {"SERGENT", NULL, "SGT", TITLE},
    {"SOCIETE", NULL, "STE", PERSON},
    {"SQUARE", NULL, "SQ", TYPE},
    {"TRAVERSE", NULL, "TRA", TYPE},
    {"VENELLE", NULL, "VEN", TYPE},
    {"ZONE", "ARTISANALE", "ZA", TYPE | PLACE},
    {"ZONE", "INDUSTRIELLE", "ZI", TYPE | PLACE},
};

static const char *const articles[] = {"DE", "DES", "DU", "LA", "LE", "LES"};

/* Keywords to which callers glue a number. */
static const char *const glued[] = {"APPT", "APT", "BAT", "BP", "CEDEX", "CS", "ESC", "TSA"};

/* Compares a word with the first member of a row, whichever list the row is of. */
static int compare(const void *key, const void *row)
{
    return strcmp(key, *(const char *const *)row);
}

#define FIND(word, list) bsearch(word, list, COUNT(list), sizeof((list)[0]), compare)

/* Adds a word; the gap before the first word of a line counts for nothing. */
static void add(apr_array_header_t *list, const char *text, crm_postal_gap_t gap)
{
    crm_postal_word_t *word = apr_array_push(list);

    word->text = text;
    word->gap = list->nelts > 1 ? gap : CRM_POSTAL_BLANK;
}

/* Whether the last words are B and P, as dots leave them. */
static int ends_in_box(const apr_array_header_t *list)
{
    crm_postal_words_t words = {(crm_postal_word_t *)list->elts, list->nelts};

    return crm_postal_is(words, words.count - 2, "B") &&
           crm_postal_is(words, words.count - 1, "P") &&
           words.at[words.count - 1].gap == CRM_POSTAL_BLANK;
}

/* Adds `text`, as two words when it is a keyword with its number. */
static void add_unglued(apr_array_header_t *list, char *text, crm_postal_gap_t gap)
{
    size_t letters = strcspn(text, "0123456789");
    const char *keyword = apr_pstrmemdup(list->pool, text, letters);

    if (letters == 0 && list->nelts > 1 && ends_in_box(list)) {
        apr_array_pop(list);
        APR_ARRAY_IDX(list, list->nelts - 1, crm_postal_word_t).text = "BP";
    }
    if (!crm_postal_is_digits(text + letters, 1, 6) || !FIND(keyword, glued)) {
        add(list, text, gap);
        return;
    }
    add(list, keyword, gap);
    add(list, text + letters, CRM_POSTAL_BLANK);
}

crm_postal_words_t crm_postal_words(const char *text, int *other_script, apr_pool_t *pool)
{
    static const char marks[] = {' ', CRM_POSTAL_SOFT_MARK, CRM_POSTAL_HARD_MARK, '\0'};
    apr_array_header_t *list = apr_array_make(pool, 16, sizeof(crm_postal_word_t));
    crm_postal_words_t words;
    crm_postal_gap_t gap = CRM_POSTAL_BLANK;
    char *from = crm_postal_letters_marked(text ? text : "", other_script, pool);

    while (*from) {
        size_t length = strcspn(from, marks);
        char mark = from[length];

        from[length] = '\0';
        add_unglued(list, from, gap);
        gap = mark == CRM_POSTAL_HARD_MARK   ? CRM_POSTAL_HARD
              : mark == CRM_POSTAL_SOFT_MARK ? CRM_POSTAL_SOFT
                                             : CRM_POSTAL_BLANK;
        from += length + (mark != '\0');
    }
    words.at = (crm_postal_word_t *)list->elts;
    words.count = list->nelts;
    return words;
}

const char *crm_postal_text(crm_postal_words_t words, apr_pool_t *pool)
{
    apr_size_t length = 0;
    char *text, *to;
    int i;

    if (words.count == 0) {
        return NULL;
    }
    for (i = 0; i < words.count; i++) {
        length += strlen(words.at[i].text) + 1;
    }
    text = to = apr_palloc(pool, length);
    for (i = 0; i < words.count; i++) {
        if (i > 0) {
            *to++ = ' ';
        }
        length = strlen(words.at[i].text);
        memcpy(to, words.at[i].text, length);
        to += length;
    }
    *to = '\0';
    return text;
}

crm_postal_words_t crm_postal_slice(crm_postal_words_t words, int from, int count)
{
    crm_postal_words_t slice;

    /* No words may have no place, and nothing may be added to that. */
    slice.at = from ? words.at + from : words.at;
    slice.count = count;
    return slice;
}

crm_postal_words_t crm_postal_join(crm_postal_words_t first, crm_postal_words_t second,
                                   apr_pool_t *pool)
{
    crm_postal_words_t both;
    int i;

    both.count = first.count + second.count;
    both.at = apr_palloc(pool, sizeof(crm_postal_word_t) * (size_t)(both.count + 1));
    for (i = 0; i < both.count; i++) {
        both.at[i] = i < first.count ? first.at[i] : second.at[i - first.count];
    }
    return both;
}

int crm_postal_is(crm_postal_words_t words, int i, const char *text)
{
    return i >= 0 && i < words.count && strcmp(words.at[i].text, text) == 0;
}

int crm_postal_is_one(crm_postal_words_t words, int i, const char *const *list)
{
    for (; *list; list++) {
        if (crm_postal_is(words, i, *list)) {
            return 1;
        }
    }
    return 0;
}

int crm_postal_is_digits(const char *word, size_t least, size_t most)
{
    size_t length = strspn(word, "0123456789");

    return word[length] == '\0' && length >= least && length <= most;
}

int crm_postal_is_article(crm_postal_words_t words, int i)
{
    if (i < 0 || i >= words.count) {
        return 0;
    }
    if (crm_postal_is(words, i, "L") || crm_postal_is(words, i, "D")) {
        return i + 1 < words.count && strchr("AEIOUYH", *words.at[i + 1].text) != NULL;
    }
    return FIND(words.at[i].text, articles) != NULL;
}

int crm_postal_is_first_name(const char *word)
{
    return FIND(word, first_names) != NULL;
}

const char *crm_postal_type(const char *word, int after_number)
{
    const pair_t *pair = FIND(word, types);

    if (!pair || (!after_number && (strcmp(word, "R") == 0 || strcmp(word, "CH") == 0))) {
        return NULL;
    }
    return pair->full;
}

const char *crm_postal_title(const char *word)
{
    const pair_t *pair = FIND(word, titles);

    return pair ? pair->full : NULL;
}

const char *crm_postal_brief(crm_postal_words_t words, int i, int uses, int *taken)
{
    const brief_t *row = FIND(words.at[i].text, briefs);

    if (!row) {
        return NULL;
    }
    while (row > briefs && strcmp(row[-1].word, row->word) == 0) {
        row--;
    }
    for (; row < briefs + COUNT(briefs) && crm_postal_is(words, i, row->word); row++) {
        if ((row->uses & uses) && (!row->next || crm_postal_is(words, i + 1, row->next))) {
            *taken = row->next ? 2 : 1;
            return row->brief;
        }
    }
    return NULL;
}
