/*
 * What the verdict on two contacts rests on. Private to crm/duplicate*.c: duplicate_read.c brings
 * contacts into a comparable form, duplicate.c compares and decides.
 */
#ifndef CRM_DUPLICATE_PRIVATE_H
#define CRM_DUPLICATE_PRIVATE_H

#include "crm/duplicate.h"
#include "crm/name.h"

typedef struct place_t {
    const char *street;  /* letters, the first 35; "" = none */
    const char *code;    /* post code without blanks, or the city; never "" */
    const char *country; /* alpha-3, FRA for all with French post codes; "" = unknown */
} place_t;

/* A contact in comparable form; all in the pool it was read with. */
typedef struct person_t {
    const crm_suspect_t *suspect;
    crm_name_t last;
    crm_name_t first;
    crm_name_t whole;           /* both; empty when one is of another script */
    crm_name_t company;         /* empty when there is a name of a person */
    int named;                  /* there is a name of a person */
    const char *birth_date;     /* YYYY-MM-DD; "" = none that counts */
    int gender_id;              /* 0 = unknown */
    apr_array_header_t *places; /* place_t */
    apr_array_header_t *emails; /* const char *, lower case */
    apr_array_header_t *phones; /* const char *, digits */
} person_t;

/* *suspect is borrowed. */
void crm_duplicate_read(person_t *person, const crm_suspect_t *suspect, apr_pool_t *pool);

#endif
