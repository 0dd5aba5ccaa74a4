/*
 * The post codes of France (WebhookPostcodes): which places a post code has and which post codes a
 * place has, to check addresses against. The rows come from La Poste's public file, by crm360ctl
 * import-postcodes; until then the table is empty, and nothing can be said of any address.
 */
#ifndef CRM_POSTCODE_H
#define CRM_POSTCODE_H

#include <apr_tables.h>

#include "crm/db.h"
#include "crm/postal.h"

/* ---- looking up ---- */

/* The places of a post code ("69001"), each once, sorted by city and line 5: crm_postal_place_t, in
 * `pool`; line5 is "" where there is none. No such post code is an empty array and APR_SUCCESS.
 * Errors as crm_db_begin(). */
apr_status_t crm_postcode_places_of_code(apr_array_header_t **places, crm_db_t *db,
                                         const char *post_code, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The places whose name has this key (crm_postal_city_key), likewise, sorted by post code: one name
 * may be that of several communes. */
apr_status_t crm_postcode_places_of_city(apr_array_header_t **places, crm_db_t *db,
                                         const char *city_key, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Whether the table has no rows: nobody has imported post codes yet. Errors as crm_db_begin(). */
apr_status_t crm_postcode_is_empty(int *empty, crm_db_t *db, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* ---- filling ---- */

/* A row to store; texts are UTF-8 and never NULL. */
typedef struct crm_postcode_row_t {
    const char *post_code;
    const char *city;       /* as crm_postal_letters() makes it */
    const char *insee_code; /* "" = not known */
    const char *line5;      /* likewise; "" = none */
} crm_postcode_row_t;

/* Gives the next row, whose texts live until the next call; APR_EOF behind the last; anything else
 * ends the import. */
typedef apr_status_t crm_postcode_next_t(void *baton, crm_postcode_row_t *row);

/* Replaces the whole table by the rows that `next` gives, in one transaction: whoever reads
 * meanwhile sees the old rows, and whatever fails leaves them. Rows that come twice are stored
 * once; *stored says how many were. Of two at once one waits for the other. CRM360_EAWAY (also:
 * waited too long), CRM360_ECONFLICT, CRM360_ESCHEMA, CRM360_EDATA, or what `next` said. */
apr_status_t crm_postcode_replace(int *stored, crm_db_t *db, crm_postcode_next_t *next, void *baton,
                                  apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
