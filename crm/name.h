/*
 * How well two names agree: first names, last names, companies. For duplicate detection, which
 * weighs the answer (duplicate.h). Pure functions, usable by any thread. Nothing here decides
 * anything about people.
 *
 * A name is read as its words in capitals A-Z without accents. Words of a name may come in any
 * order and with or without blanks. Names in other scripts (Greek, Cyrillic, Arabic, ...) are
 * compared as they stand: they are the same or different.
 */
#ifndef CRM_NAME_H
#define CRM_NAME_H

#include <apr_pools.h>
#include <apr_tables.h>

typedef enum { CRM_NAME_FIRST, CRM_NAME_LAST, CRM_NAME_COMPANY } crm_name_kind_t;

/* What two names have in common, from nothing to everything. From CRM_NAME_CLOSE on they count as
 * one name; INITIAL to NEAR are weak, and need something else. */
typedef enum {
    CRM_NAME_DIFFERENT,
    CRM_NAME_ABSENT,   /* at least one of them is empty */
    CRM_NAME_INITIAL,  /* "J." and "Jean", "JP" and "Jean-Pierre" */
    CRM_NAME_PART,     /* all words of one are in the other: "Jean", "Jean-Pierre" */
    CRM_NAME_FEMININE, /* first names that sound alike and are his and hers: "Michel", "Michèle" */
    CRM_NAME_NEAR,     /* a letter differs where first names differ: "Marine", "Martine" */
    CRM_NAME_CLOSE,    /* a slip of the pen: swapped letters, one letter of many, a particle */
    CRM_NAME_SOUND,    /* they sound alike (sound.h) */
    CRM_NAME_SAME      /* the same letters */
} crm_name_level_t;

typedef struct crm_name_t {
    crm_name_kind_t kind;
    const char *letters;       /* all words as one; "" = no name */
    const char *sorted;        /* the words in the order of the alphabet, a blank between */
    const char *sound;         /* crm_sound(); of another script the name as it stands */
    const char *parts;         /* crm_sound_parts() */
    apr_array_header_t *words; /* const char *, as they came; the first 20 */
    int other_script;
} crm_name_t;

typedef struct crm_name_match_t {
    crm_name_level_t level;
    int similarity; /* per mille; 0 when one of them is empty */
} crm_name_match_t;

/* Reads a name; NULL is an empty one. Of a company the legal form ("SARL") is left out. In
 * `pool`. */
void crm_name_read(crm_name_t *name, crm_name_kind_t kind, const char *text, apr_pool_t *pool);

/* Compares two names; symmetric. If one of them is a first name, the strict rules for those apply:
 * brothers and sisters often differ by a letter, and slips of the pen must not make one of two. */
crm_name_match_t crm_name_compare(const crm_name_t *a, const crm_name_t *b, apr_pool_t *pool);

/* A word of a name that says too little to find somebody by: a particle, an article, a single
 * letter. */
int crm_name_is_small(const char *word);

#endif
