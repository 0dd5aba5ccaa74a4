/*
 * What people and platforms write about a person, put into a crm_person_t: mail addresses, phone
 * numbers, dates of birth, forms of address. What makes no sense says nothing. For handlers only;
 * pure functions. Must never log or guess what it reads.
 */
#ifndef HANDLERS_PEOPLE_H
#define HANDLERS_PEOPLE_H

#include <apr_pools.h>

#include "crm/person.h"

/* A mail address, as it is written. Returns 0 when it is none: nothing is said then. `text` may be
 * NULL. */
int handler_people_email(crm_person_t *person, const char *version, const char *text);

typedef enum {
    HANDLER_PEOPLE_NO_PHONE, /* no number that can be dialled: nothing is said */
    HANDLER_PEOPLE_MOBILE,   /* said as the mobile number */
    HANDLER_PEOPLE_HOME      /* a fixed line: said as the home number */
} handler_people_phone_t;

/* A number of which nobody knows whether it is a mobile one, written in the manner of `country`
 * (outbound_phone_parse()). `text` may be NULL. Says nothing of the other number. */
handler_people_phone_t handler_people_phone(crm_person_t *person, const char *version,
                                            const char *text, const char *country,
                                            apr_pool_t *pool);

/* The home number, whatever kind of number it is. Returns 0 when it is none. */
int handler_people_home_phone(crm_person_t *person, const char *version, const char *text,
                              const char *country, apr_pool_t *pool);

/* A date of birth: "1990-05-17" (also with a time behind it), "17/05/1990", also with points or
 * hyphens. Dates before 1900, and after `before_ms`, are none. Returns 0 for what is none. */
int handler_people_birth(crm_person_t *person, const char *version, const char *text,
                         apr_int64_t before_ms, apr_pool_t *pool);

/* A form of address in French or English ("Mme", "Mr", "M.", "Mlle", ...), or the 1 and 2 of forms
 * for a man and a woman. Returns 0 for what is none. */
int handler_people_civility(crm_person_t *person, const char *version, const char *text,
                            apr_pool_t *pool);

/* A language: "fr", also "fr-FR" or "fr_FR", as "fr". Returns 0 for what is none. */
int handler_people_language(crm_person_t *person, const char *version, const char *text,
                            apr_pool_t *pool);

#endif
