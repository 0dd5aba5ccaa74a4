/*
 * Recognising a person by mail address or mobile number. Private to crm/.
 *
 * People are searched in Addresses, so that rows of any origin are found. WebhookMatches only keeps
 * two transactions from making the same person at once: look first, then search, and claim what was
 * found free after the contact was made; of two at once one gets CRM360_ECONFLICT and runs again.
 */
#ifndef CRM_MATCH_H
#define CRM_MATCH_H

#include "crm/db.h"

typedef enum { CRM_MATCH_EMAIL, CRM_MATCH_PHONE } crm_match_kind_t;

typedef struct crm_match_t {
    crm_match_kind_t kind;
    /* The mail address in lower case, or the E.164 number; NULL = none, every call does nothing. */
    const char *value;
    const char *key; /* in WebhookMatches */
    int owner;       /* who held the key when it was looked up; 0 = nobody */
} crm_match_t;

/* Looks the key up. `value` is borrowed and may be NULL. */
apr_status_t crm_match_look(crm_match_t *match, crm_db_t *db, crm_match_kind_t kind,
                            const char *value, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Searches a contact that is not deleted, has this value in an address that is not deleted, and
 * has no identifier of `source_id` yet (families share phones, and then a source tells them
 * apart). The oldest of several; 0 = none. */
apr_status_t crm_match_find(int *contact_id, crm_db_t *db, const crm_match_t *match, int source_id,
                            apr_pool_t *pool) __attribute__((warn_unused_result));

/* Takes the key for a contact; `created` = the contact was made in this transaction, which alone
 * may take a key from another contact. CRM360_ECONFLICT: somebody took it since it was looked
 * up. */
apr_status_t crm_match_claim(crm_db_t *db, const crm_match_t *match, int contact_id, int created,
                             apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
