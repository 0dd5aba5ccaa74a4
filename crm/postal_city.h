/*
 * The locality line: post code, city, CEDEX and arrondissement. Private to crm/postal*.c. Pure.
 */
#ifndef CRM_POSTAL_CITY_H
#define CRM_POSTAL_CITY_H

#include "crm/postal_words.h"

/* What is known of the locality so far. */
typedef struct crm_postal_locality_t {
    const char *country;     /* alpha-3 */
    const char *post_code;   /* NULL = none; not always five digits */
    crm_postal_words_t city; /* count 0 = none */
    const char *remark;      /* why a person has to choose; NULL = nothing */
} crm_postal_locality_t;

/* The words of a city, sorted out. */
typedef struct crm_postal_city_t {
    crm_postal_words_t name;           /* ST and STE, no S for SUR */
    crm_postal_words_t arrondissement; /* as written, behind the name */
    int number;                        /* of the arrondissement; 0 = it has none */
    crm_postal_words_t cedex;          /* from CEDEX on */
} crm_postal_city_t;

void crm_postal_city_read(crm_postal_city_t *city, crm_postal_words_t words, apr_pool_t *pool);

/* Begins with the values PostCode and City, each of which may hold both. */
void crm_postal_locality_begin(crm_postal_locality_t *locality, crm_postal_words_t post_code,
                               crm_postal_words_t city, const char *country, apr_pool_t *pool);

/* Takes post code and city out of a part of an address line; returns the words that stay. Takes
 * what fills a gap or repeats what is known. `line6`: the part was written where the locality
 * belongs, and may be a city alone. A second post code stays, with a remark. */
crm_postal_words_t crm_postal_locality_take(crm_postal_locality_t *locality,
                                            crm_postal_words_t words, int line6, apr_pool_t *pool);

/* Norm form of the city. The arrondissement gives Paris, Lyon and Marseille their post code, and
 * goes. */
void crm_postal_locality_finish(crm_postal_locality_t *locality, apr_pool_t *pool);

#endif
