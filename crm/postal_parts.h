/*
 * Parts of an address line: where one ends and the next begins, and what each is. Private to
 * crm/postal*.c. Pure.
 */
#ifndef CRM_POSTAL_PARTS_H
#define CRM_POSTAL_PARTS_H

#include "crm/postal_words.h"

typedef enum {
    CRM_POSTAL_OTHER,
    CRM_POSTAL_NUMBER,   /* a house number alone */
    CRM_POSTAL_NUMBERED, /* a number and a type of street */
    CRM_POSTAL_STREET,   /* a type of street without number; in line 4, a number and a name, too */
    CRM_POSTAL_FLAT,     /* flat, floor, staircase, door */
    CRM_POSTAL_CHEZ,     /* in somebody's house */
    CRM_POSTAL_BUILDING, /* building, entrance */
    CRM_POSTAL_ESTATE,   /* what may be a street, too: RESIDENCE, ZI, LOTISSEMENT */
    CRM_POSTAL_HAMLET,
    CRM_POSTAL_BOX,     /* BP, CS, TSA, POSTE RESTANTE */
    CRM_POSTAL_LOCALITY /* begins with a post code */
} crm_postal_kind_t;

typedef struct crm_postal_part_t {
    crm_postal_words_t words; /* count 0 = taken away */
    int line;                 /* 0 = Address1 */
    int first;                /* whether it begins its line */
    crm_postal_kind_t kind;
} crm_postal_part_t;

/* Appends the parts of a line to `parts` (of crm_postal_part_t). `whole`: only what commas
 * separate is a part. */
void crm_postal_parts_cut(apr_array_header_t *parts, crm_postal_words_t words, int line, int whole,
                          apr_pool_t *pool);

#endif
