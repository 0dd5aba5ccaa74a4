/*
 * Where data belongs: Sources, Zones, Brands and ContactAddressTypes, which the tenant keeps. A
 * number that is not there is kept in the rows all the same, and reported.
 */
#ifndef CRM_PLACE_H
#define CRM_PLACE_H

#include "crm/db.h"

typedef struct crm_place_t {
    int source_id;
    int zone_id; /* 0 = none; likewise the next two */
    int brand_id;
    int contact_address_type_id;
} crm_place_t;

/* Looks the numbers up. What is not known is written to WebhookUnknownIds, and into the log the
 * first time. Errors as crm_db_begin(). */
apr_status_t crm_place_check(crm_db_t *db, const crm_place_t *place, const char *message_id,
                             apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
