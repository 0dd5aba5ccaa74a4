/*
 * Consents (see consent.h). Must never take silence for a consent: a column that is NULL is none.
 */
#include "crm/consent.h"

#include "crm/db_private.h"
#include "crm/match.h"
#include "crm/point.h"

static const crm_db_statement_t by_phone = {
    .label = "consent_phone",
    .sql = "SELECT MIN(a.ContactId) FROM Addresses a JOIN Contacts c ON c.ContactId = a.ContactId"
           " WHERE a.MobilePhoneNumber = %s AND a.DeletionFlag = 0 AND c.DeletionFlag = 0"
           " AND a.MobilePhoneOptin = 1"
           " AND COALESCE(a.MobilePhoneStateId, 0) <> CAST(%d AS INTEGER)"
           " AND (CAST(%d AS INTEGER) = 0 OR a.BrandId = CAST(%d AS INTEGER))"};

apr_status_t crm_consent_phone(crm_consent_t *consent, crm_db_t *db, const char *number,
                               int brand_id, apr_pool_t *pool)
{
    const char *brand = crm_db_int(brand_id, pool);
    const char *invalid = crm_db_int(CRM_PHONE_INVALID, pool);
    crm_db_rows_t rows;
    apr_status_t rv =
        crm_db_select(&rows, db, &by_phone, CRM_DB_VALUES(number, invalid, brand, brand), pool);

    consent->contact_id = (int)crm_db_number(&rows, 0, 0);
    consent->is_given = consent->contact_id != 0;
    if (rv == APR_SUCCESS && !consent->is_given) {
        rv = crm_match_contact(&consent->contact_id, db, CRM_POINT_PHONE, number, pool);
    }
    return rv;
}
