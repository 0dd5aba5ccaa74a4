/*
 * The state and the consent of a mail address or phone number itself, as its provider tells: a
 * bounce, a complaint, a STOP. They hold for every address row with that value, whoever it belongs
 * to, now or later, until something newer is said. What handlers use; crm/address.c asks it.
 *
 * A consent column of an address row shows the newest of: what the row's own source said
 * (crm/version.h), what was said of its value for all brands, what was said for the row's brand.
 */
#ifndef CRM_POINT_H
#define CRM_POINT_H

#include "crm/db.h"

typedef enum { CRM_POINT_EMAIL, CRM_POINT_PHONE } crm_point_kind_t;

/* EmailStates */
typedef enum {
    CRM_EMAIL_VALID = 1,
    CRM_EMAIL_INVALID,
    CRM_EMAIL_BLOCKED,
    CRM_EMAIL_COMPLAINED
} crm_email_state_t;

/* MobilePhoneStates */
typedef enum { CRM_PHONE_VALID = 1, CRM_PHONE_INVALID, CRM_PHONE_SUSPECT } crm_phone_state_t;

/* What a message says of a mail address or number. */
typedef struct crm_point_news_t {
    const char *version; /* crm_version_make() */
    int state;           /* one of the above; 0 = says nothing of it */
    int says_optin;
    int optin; /* 0 = withdrawn, 1 = given */
} crm_point_news_t;

/* Saves news about `value` (a mail address in any case, or E.164; NULL or empty: nothing is done)
 * and lets all address rows with it follow. brand_id limits the consent to rows of that brand,
 * 0 = all; a state is of all brands. Errors as crm_db_begin(), or CRM360_EDATA. */
apr_status_t crm_point_tell(crm_db_t *db, crm_point_kind_t kind, const char *value, int brand_id,
                            const crm_point_news_t *news, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* ---- for crm/address.c ---- */

/* What is known of a value for a row of a brand. */
typedef struct crm_point_t {
    const char *state; /* cells as text; NULL = nothing known */
    const char *optin;
    const char *optin_version; /* "" = nothing known */
} crm_point_t;

/* Reads what is known; all empty when `value` is NULL. The caller holds its match key
 * (crm/match.h). */
apr_status_t crm_point_load(crm_point_t *point, crm_db_t *db, crm_point_kind_t kind,
                            const char *value, int brand_id, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
