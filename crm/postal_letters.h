/*
 * Letters of addresses: any Latin text as ASCII capitals, and capitals that keep their accents.
 * Private to crm/postal*.c. Never fails: what is no Latin letter is left out, and said.
 */
#ifndef CRM_POSTAL_LETTERS_H
#define CRM_POSTAL_LETTERS_H

#include <apr_pools.h>

#define CRM_POSTAL_SOFT_MARK ';'
#define CRM_POSTAL_HARD_MARK ','

/* As crm_postal_letters(), with marks instead of blanks where parts of a line are separated
 * (crm_postal_gap_t). *other_script says whether letters were left out. In `pool`. */
char *crm_postal_letters_marked(const char *text, int *other_script, apr_pool_t *pool);

/* `text` without white space at its ends, in `pool`; NULL when nothing is left. */
const char *crm_postal_trim(const char *text, apr_pool_t *pool);

/* `text` in capitals that keep their accents; what is no small Latin letter stays. In `pool`. */
const char *crm_postal_capitals(const char *text, apr_pool_t *pool);

#endif
