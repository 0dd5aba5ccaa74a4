/*
 * Rows of Addresses: one per contact, brand and address type, with postal address, mail address,
 * phones and consents. Private to crm/, save for the names of the groups.
 */
#ifndef CRM_ADDRESS_H
#define CRM_ADDRESS_H

#include "crm/db.h"
#include "crm/point.h"
#include "crm/postal.h"
#include "crm/version.h"

/* The groups, in the order of their columns. */
typedef enum {
    CRM_ADDRESS_POSTAL,       /* Address1 ... CountryId, as in crm/postal.h */
    CRM_ADDRESS_EMAIL,        /* Email */
    CRM_ADDRESS_HOME_PHONE,   /* HomePhoneNumber (E.164), HomePhoneCountryId (alpha-3) */
    CRM_ADDRESS_MOBILE_PHONE, /* MobilePhoneNumber, MobilePhoneCountryId, likewise */
    CRM_ADDRESS_EMAIL_OPTIN,  /* EmailOptin, "0" or "1" */
    CRM_ADDRESS_MOBILE_OPTIN, /* MobilePhoneOptin, likewise */
    CRM_ADDRESS_GROUPS
} crm_address_group_t;

/* Applies news of `writer` to the address of a contact, which the caller has locked; makes the
 * row when there is none. brand_id and contact_address_type_id: 0 = NULL. */
apr_status_t crm_address_apply(crm_db_t *db, int contact_id, int brand_id,
                               int contact_address_type_id, const crm_news_t *news,
                               const char *writer, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The address of a contact, brand and type, 0 = none. */
apr_status_t crm_address_find(int *address_id, crm_db_t *db, int contact_id, int brand_id,
                              int contact_address_type_id, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Something new is known of the mail address or mobile number in this row (crm/point.c): its state
 * and consent follow. The caller has locked the contact. */
apr_status_t crm_address_follow(crm_db_t *db, int address_id, crm_point_kind_t kind,
                                apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
