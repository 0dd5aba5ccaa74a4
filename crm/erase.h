/*
 * Erasing a person: which contacts somebody's mail address, phone number or identifier leads to,
 * what else the tables know of them, and the end of all their rows. For crm360ctl; no handler may
 * use it: a deletion that a platform tells of is crm_person_delete().
 */
#ifndef CRM_ERASE_H
#define CRM_ERASE_H

#include <apr_tables.h>

#include "crm/db.h"

/* Most contacts that one person may have. */
#define CRM_ERASE_MOST 100

typedef struct crm_known_identifier_t {
    int source_id;
    const char *identifier;
} crm_known_identifier_t;

/* What is known of a person. */
typedef struct crm_known_t {
    apr_array_header_t *emails;      /* const char *: ASCII letters in lower case */
    apr_array_header_t *phones;      /* const char *: E.164 */
    apr_array_header_t *identifiers; /* crm_known_identifier_t */
} crm_known_t;

/* Nothing, with room for more, in `pool`. */
void crm_known_make(crm_known_t *known, apr_pool_t *pool);

typedef struct crm_erased_rows_t {
    const char *table; /* constant */
    int rows;
    int kept; /* the rows stay, and know the person no more */
} crm_erased_rows_t;

typedef struct crm_erasure_t {
    apr_array_header_t *contacts; /* int: the ContactIds, ascending */
    /* What the rows of these contacts hold, but for what somebody else's have too. */
    crm_known_t known;
    apr_array_header_t *shared; /* const char *: what was left out of `known` for that */
    int refused;                /* there are more contacts than allowed: nothing was erased */
    apr_array_header_t *rows;   /* crm_erased_rows_t, a table each; those without rows too */
} crm_erasure_t;

/* Removes every row of the contacts that one of the `wanted` values leads to: by a mail address or
 * phone number in an address, as a match key, of an event, or as an identifier; by an identifier of
 * a source. Purchases and vouchers stay, without the contact and his cards. What is kept of the
 * addresses and numbers themselves goes as well, contact or not; also of those of `learned` (of an
 * earlier call; may be NULL), which lead to nobody, unless somebody else has them by now. Deleted
 * contacts count. In a transaction of its own; with `dry_run` it is rolled back, so that *erasure
 * says what would happen. More than `most_contacts` are refused, CRM_ERASE_MOST at the most. Doing
 * it again is harmless. Everything lives in `pool`. Errors as crm_db_begin(); nothing was erased
 * then. */
apr_status_t crm_erase(crm_erasure_t *erasure, crm_db_t *db, const crm_known_t *wanted,
                       const crm_known_t *learned, int most_contacts, int dry_run, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
