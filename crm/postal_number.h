/*
 * House numbers: "15 bis", "15/17", "n° 015". Private to crm/postal*.c. Pure.
 */
#ifndef CRM_POSTAL_NUMBER_H
#define CRM_POSTAL_NUMBER_H

#include "crm/postal_words.h"

typedef struct crm_postal_number_t {
    const char *digits; /* without leading zeros; NULL for a number 0, which is none */
    const char *suffix; /* "B" for BIS, or a letter as written; NULL = none */
    int taken;          /* words that the number is made of; 0 = there is no number */
    int is_range;       /* further numbers follow the first, and are among those taken */
} crm_postal_number_t;

/* Reads the house number that `words` begin with. Texts live in `pool` or in the words. */
void crm_postal_number_read(crm_postal_number_t *number, crm_postal_words_t words,
                            apr_pool_t *pool);

/* Whether a street begins at word `i`: a type, or GRANDE RUE, and a name behind it. */
int crm_postal_street_at(crm_postal_words_t words, int i, int after_number);

#endif
