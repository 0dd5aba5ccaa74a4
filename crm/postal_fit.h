/*
 * Fits lines into the norm's columns, and gives the street its norm form. Private to
 * crm/postal*.c. Pure.
 */
#ifndef CRM_POSTAL_FIT_H
#define CRM_POSTAL_FIT_H

#include "crm/postal_words.h"

/* The street in norm form: first number of a range, B for BIS, type and titles in full where they
 * fit, SAINT in full; then abbreviated as far as needed. May still be too long. */
crm_postal_words_t crm_postal_fit_street(crm_postal_words_t words, apr_pool_t *pool);

/* Another line (0 = Address1), abbreviated as far as needed; may still be too long. */
crm_postal_words_t crm_postal_fit_line(crm_postal_words_t words, int line, apr_pool_t *pool);

/* Whether the words with their blanks fit into a line. */
int crm_postal_fits(crm_postal_words_t words);

#endif
