/*
 * The sound of French names (see sound.h): letters are cut to A-Z, silent ends are taken off, and
 * one table of rules, read from left to right, turns the rest into sounds. To teach it a spelling,
 * add a rule and a pair to t/unit/sound_test.c. Never looks at anything but the letters.
 */
#include "crm/sound.h"

#include <apr_strings.h>
#include <apr_tables.h>

#include <stdlib.h>
#include <string.h>

#include "crm/postal.h"

#define LETTERS_MOST 100 /* of a word or name: no longer one is anybody's */
#define PARTS_MOST 20    /* likewise */

/* What a name may end in without its being heard, and what is written instead. The first that
 * fits is applied, then they are tried again, until none fits; at least two letters and a vowel
 * are left. */
static const struct {
    const char *letters;
    const char *instead;
} endings[] = {
    {"AUER", "AUR"}, /* BAUER is heard to its end */
    {"ERT", "ERR"},  /* and so is the R of ALBERT, */
    {"ERD", "ERR"},  /* unlike that of BERGER below */
    {"ERCQ", "ERR"}, /* LECLERCQ, LECLERC */
    {"ERC", "ERR"},  /* but MARC */
    {"ER", "E"},     /* BOULANGER as BOULANGÉ */
    {"ET", "EI"},    /* HUET: the E is heard */
    {"EUX", "EU"},   /* an X is silent behind these only: MAX, FELIX */
    {"AUX", "AU"},   /* GIRAUX */
    {"OUX", "OU"},   /* LEROUX */
    {"OIX", "OI"},   /* LACROIX */
    {"AMP", "AN"},   /* DUCHAMP, but PHILIP */
    {"OUP", "OU"},   /* LELOUP */
    {"OMB", "ON"},   /* COLOMB */
    {"ANC", "AN"},   /* LEBLANC */
    {"ANG", "AN"},   /* ROSTANG */
    {"ONG", "ON"},   /* LELONG */
    {"OURG", "OUR"}, /* DUBOURG */
    {"AULT", "AU"},  /* RENAULT as RENAUD, but PAUL */
    {"AULD", "AU"},  /* RENAULD */
    {"NN", "N"},     /* YANN as YAN, but ANNE */
    {"S", ""},       /* DURANDS, LOUIS */
    {"Z", ""},       /* LOPEZ as LOPES */
    {"T", ""},       /* DUPONT */
    {"D", ""},       /* DUPOND, and with the T of SCHMIDT gone, SCHMID */
};

/* What must stand in front of or behind the letters of a rule. */
typedef enum {
    ANY,
    VOWEL,    /* A E I O U Y */
    FRONT,    /* E I Y: C and G are soft before them */
    NO_NASAL, /* behind N: neither a vowel nor N nor M, so that AN is one (JEAN, but JEANNE) */
    LIPS,     /* behind M: B or P, likewise (CHAMPION, but CHAMOIS) */
    SOFT,     /* J or G, which swallow an E (GEORGES) */
    END,      /* the end of the name */
    HEARD     /* somewhere before a vowel was heard: a final E may be silent */
} context_t;

typedef struct rule_t {
    const char *letters;
    context_t before;
    context_t behind;
    const char *sound;
} rule_t;

/* Of the rules whose letters stand at a place, the first that fits is applied. */
static const rule_t rules[] = {
    /* vowels of several letters; the nasals come first */
    {"AULT", ANY, ANY, "OT"}, /* GAULTIER */
    {"EAU", ANY, ANY, "O"},
    {"AU", ANY, ANY, "O"},
    {"OEU", ANY, ANY, "4"},
    {"EU", ANY, ANY, "4"},
    {"OU", ANY, ANY, "W"},
    {"OIN", ANY, NO_NASAL, "W1"},
    {"OI", ANY, ANY, "WA"},
    {"OY", ANY, VOWEL, "WAI"}, /* ROYER, not ROY */
    {"OY", ANY, ANY, "WA"},
    {"AIN", ANY, NO_NASAL, "1"},
    {"EIN", ANY, NO_NASAL, "1"},
    {"AI", ANY, VOWEL, "EI"}, /* MEIER, MAYER, MEYER */
    {"EI", ANY, VOWEL, "EI"},
    {"AY", ANY, VOWEL, "EI"},
    {"EY", ANY, VOWEL, "EI"},
    {"AI", ANY, ANY, "E"},
    {"EI", ANY, ANY, "E"},
    {"AY", ANY, ANY, "E"},
    {"EY", ANY, ANY, "E"},
    {"IEN", ANY, NO_NASAL, "I1"}, /* JULIEN, not JULIENNE */
    {"YEN", ANY, NO_NASAL, "I1"},
    {"EAN", SOFT, NO_NASAL, "2"}, /* JEAN */
    {"EA", SOFT, ANY, "A"},       /* JEANNE */
    {"EO", SOFT, ANY, "O"},       /* GEORGES, GEOFFROY */
    {"AN", ANY, NO_NASAL, "2"},
    {"EN", ANY, NO_NASAL, "2"},
    {"AM", ANY, LIPS, "2"},
    {"EM", ANY, LIPS, "2"},
    {"IN", ANY, NO_NASAL, "1"},
    {"YN", ANY, NO_NASAL, "1"},
    {"UN", ANY, NO_NASAL, "1"},
    {"IM", ANY, LIPS, "1"},
    {"YM", ANY, LIPS, "1"},
    {"UM", ANY, LIPS, "1"},
    {"OMPT", ANY, ANY, "3T"}, /* LECOMPTE */
    {"OMT", ANY, ANY, "3T"},  /* LECOMTE, LECONTE */
    {"OM", ANY, LIPS, "3"},
    {"ON", ANY, NO_NASAL, "3"},
    {"EGN", ANY, ANY, "EN"}, /* REGNAULT, REGNIER */
    {"ESN", ANY, ANY, "EN"}, /* DUCHESNE, BESNARD */
    {"EE", HEARD, END, ""},  /* RENEE: accents are gone, so E and É must both fall */
    {"E", HEARD, END, ""},
    {"A", ANY, ANY, "A"},
    {"E", ANY, ANY, "E"},
    {"I", ANY, ANY, "I"},
    {"O", ANY, ANY, "O"},
    {"U", ANY, ANY, "U"},
    {"Y", ANY, ANY, "I"},
    /* consonants */
    {"SCH", ANY, ANY, "C"},
    {"SH", ANY, ANY, "C"},
    {"CHR", ANY, ANY, "KR"},     /* CHRISTINE */
    {"CHL", ANY, ANY, "KL"},     /* CHLOE */
    {"CHAEL", ANY, ANY, "KAEL"}, /* MICHAEL */
    {"CH", ANY, ANY, "C"},
    {"CC", ANY, FRONT, "KS"},
    {"SC", ANY, FRONT, "S"},
    {"CQU", ANY, ANY, "K"}, /* JACQUES */
    {"CQ", ANY, ANY, "K"},
    {"CK", ANY, ANY, "K"},
    {"C", ANY, FRONT, "S"},
    {"C", ANY, ANY, "K"},
    {"QU", ANY, ANY, "K"},
    {"Q", ANY, ANY, "K"},
    {"K", ANY, ANY, "K"},
    {"GN", ANY, ANY, "Y"}, /* AGNES, not ANNE */
    {"GU", ANY, FRONT, "G"},
    {"G", ANY, FRONT, "J"},
    {"G", ANY, ANY, "G"},
    {"J", ANY, ANY, "J"},
    {"PH", ANY, ANY, "F"},
    {"PTIST", ANY, ANY, "TIST"}, /* BAPTISTE */
    {"P", ANY, ANY, "P"},
    {"BV", ANY, ANY, "V"}, /* LEFEBVRE */
    {"B", ANY, ANY, "B"},
    {"SS", ANY, ANY, "S"},
    {"S", VOWEL, VOWEL, "Z"},
    {"S", ANY, ANY, "S"},
    {"X", ANY, ANY, "KS"},
    {"W", ANY, ANY, "V"}, /* WEBER */
    {"H", ANY, ANY, ""},
    {"D", ANY, ANY, "D"},
    {"F", ANY, ANY, "F"},
    {"L", ANY, ANY, "L"},
    {"M", ANY, ANY, "M"},
    {"N", ANY, ANY, "N"},
    {"R", ANY, ANY, "R"},
    {"T", ANY, ANY, "T"},
    {"V", ANY, ANY, "V"},
    {"Z", ANY, ANY, "Z"},
};

/* `letter` is one of `set`; the end of a text is in no set. */
static int among(char letter, const char *set)
{
    return letter && strchr(set, letter);
}

static int fits(context_t context, char neighbour, int heard)
{
    switch (context) {
    case VOWEL:
        return among(neighbour, "AEIOUY");
    case FRONT:
        return among(neighbour, "EIY");
    case NO_NASAL:
        return !among(neighbour, "AEIOUYMN");
    case LIPS:
        return among(neighbour, "BP");
    case SOFT:
        return among(neighbour, "JG");
    case END:
        return neighbour == '\0';
    case HEARD:
        return heard;
    case ANY:
        break;
    }
    return 1;
}

/* Takes silent ends off `letters`, which never become longer by it. */
static void trim(char *letters)
{
    apr_size_t length = strlen(letters), vowel = strcspn(letters, "AEIOUY");
    size_t i = 0;

    while (i < sizeof(endings) / sizeof(endings[0])) {
        apr_size_t ending = strlen(endings[i].letters);
        apr_size_t instead = strlen(endings[i].instead);
        apr_size_t left = length - ending + instead;
        char *end = letters + length - ending;

        if (length < ending || left < 2 || vowel >= left ||
            memcmp(end, endings[i].letters, ending) != 0) {
            i++;
            continue;
        }
        memcpy(end, endings[i].instead, instead + 1);
        length = left;
        i = 0;
    }
}

/* The sound of `letters` (A-Z only), which are trimmed in place. No rule makes more sounds than it
 * has letters but X, which makes two. */
static const char *sound_of(char *letters, apr_pool_t *pool)
{
    const char *at = letters;
    char *sound, *to;
    int heard = 0;

    trim(letters);
    to = sound = apr_palloc(pool, strlen(letters) * 2 + 1);
    while (*at) {
        char before = at > letters ? at[-1] : '\0';
        const rule_t *rule = rules;
        const char *s;

        while (*at != rule->letters[0] || strncmp(at, rule->letters, strlen(rule->letters)) != 0 ||
               !fits(rule->before, before, heard) ||
               !fits(rule->behind, at[strlen(rule->letters)], heard)) {
            rule++;
        }
        for (s = rule->sound; *s; s++) {
            heard |= among(*s, "AEIOUW1234");
            if (to == sound || to[-1] != *s) {
                *to++ = *s;
            }
        }
        at += strlen(rule->letters);
    }
    *to = '\0';
    return sound;
}

/* The letters A-Z of `text` up to its end or to `stop`, at most LETTERS_MOST of them; *rest is
 * what follows `stop`. */
static char *letters_until(const char **rest, const char *text, char stop, apr_pool_t *pool)
{
    char *letters = apr_palloc(pool, LETTERS_MOST + 1);
    char *to = letters;

    for (; *text && *text != stop; text++) {
        if (*text >= 'A' && *text <= 'Z' && to < letters + LETTERS_MOST) {
            *to++ = *text;
        }
    }
    *to = '\0';
    *rest = *text ? text + 1 : text;
    return letters;
}

const char *crm_sound(const char *text, apr_pool_t *pool)
{
    const char *rest = text ? crm_postal_letters(text, pool) : "";

    return sound_of(letters_until(&rest, rest, '\0', pool), pool);
}

static int by_alphabet(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *crm_sound_parts(const char *text, apr_pool_t *pool)
{
    apr_array_header_t *parts = apr_array_make(pool, 4, sizeof(const char *));
    const char *rest = text ? crm_postal_letters(text, pool) : "";

    while (*rest && parts->nelts < PARTS_MOST) {
        const char *sound = sound_of(letters_until(&rest, rest, ' ', pool), pool);

        if (*sound) {
            APR_ARRAY_PUSH(parts, const char *) = sound;
        }
    }
    if (parts->nelts > 1) {
        qsort(parts->elts, (size_t)parts->nelts, sizeof(const char *), by_alphabet);
    }
    return apr_array_pstrcat(pool, parts, ' ');
}
