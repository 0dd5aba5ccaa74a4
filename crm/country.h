/*
 * Countries: whatever a platform calls one, as the ISO 3166-1 alpha-3 code the CRM stores. Constant
 * data, usable by any thread.
 */
#ifndef CRM_COUNTRY_H
#define CRM_COUNTRY_H

/* "FR", "FRA" or "France", in any case, blanks around it aside: "FRA". Names are the English
 * ones that shops show (Unicode CLDR) and a few older or formal ones; accents do not matter.
 * NULL when unknown. */
const char *crm_country_find(const char *text);

#endif
