/*
 * Countries in French postal addresses: which of them La Poste delivers to as France, their
 * French names, and post codes that tell them. Private to crm/postal*.c. Constant data.
 */
#ifndef CRM_POSTAL_COUNTRY_H
#define CRM_POSTAL_COUNTRY_H

#include "crm/postal_words.h"

/* Whether an address in the country follows the French norm. */
int crm_postal_is_french(const char *alpha3);

/* The country whose French name the words are, or France when they are FR or FRA; else NULL. */
const char *crm_postal_country_in_french(crm_postal_words_t words, apr_pool_t *pool);

/* The country whose code or name, French or English, the words are; else NULL. `codes`: two and
 * three letters count, too; else only those of France. */
const char *crm_postal_country_of(crm_postal_words_t words, int codes, apr_pool_t *pool);

/* The overseas country or department of a post code, NULL for the rest. */
const char *crm_postal_country_of_code(const char *post_code);

/* The words without the name of the country at their end. A place that ends so keeps it
 * (ROISSY EN FRANCE), and one word always stays. */
crm_postal_words_t crm_postal_strip_country(crm_postal_words_t words, const char *alpha3,
                                            apr_pool_t *pool);

#endif
