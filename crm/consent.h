/*
 * Whether somebody wants to hear from us: asked before anything leaves that is no part of a
 * business. Reads the rows of Addresses, which follow what sources and providers say
 * (crm/point.h).
 */
#ifndef CRM_CONSENT_H
#define CRM_CONSENT_H

#include "crm/db.h"

typedef struct crm_consent_t {
    /* In an address that is not deleted, of a contact that is not, the consent is 1 and the state
     * is not Invalid. */
    int is_given;
    int contact_id; /* whose address that is, else whose the number is; 0 = nobody's */
} crm_consent_t;

/* Asks for SMS to a number (E.164): MobilePhoneOptin and MobilePhoneStateId. brand_id limits it to
 * addresses of that brand, 0 = any. Errors as crm_db_begin(). */
apr_status_t crm_consent_phone(crm_consent_t *consent, crm_db_t *db, const char *number,
                               int brand_id, apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
