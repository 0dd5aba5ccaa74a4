/*
 * Rows of Contacts: the columns that webhooks write, each a group of its own for the guard. Private
 * to crm/, save for the names of the groups.
 */
#ifndef CRM_CONTACT_H
#define CRM_CONTACT_H

#include "crm/db.h"
#include "crm/version.h"

/* The groups, in the order of their columns. */
typedef enum {
    CRM_CONTACT_FIRST_NAME, /* FirstName */
    CRM_CONTACT_LAST_NAME,  /* LastName */
    CRM_CONTACT_COMPANY,    /* CompanyName */
    CRM_CONTACT_CREATED,    /* AdvertiserCreationDate, crm_date_text() */
    CRM_CONTACT_ZONE,       /* ZoneId */
    CRM_CONTACT_CIVILITY,   /* CivilityId, GenderId */
    CRM_CONTACT_BIRTH,      /* BirthDate, BirthDay, BirthMonth, BirthYear */
    CRM_CONTACT_LANGUAGE,   /* LanguageId, ISO 639-1 as the platform sends it */
    CRM_CONTACT_OPTIN,      /* GlobalOptin, "0" or "1" */
    CRM_CONTACT_PARTNER,    /* GlobalPartnerOptin, likewise */
    CRM_CONTACT_GROUPS
} crm_contact_group_t;

#define CRM_CONTACT_COLUMNS 14

/* Civilities */
#define CRM_CIVILITY_MR 1
#define CRM_CIVILITY_MRS 2
#define CRM_CIVILITY_MISS 3

/* Genders */
#define CRM_GENDER_MALE 1
#define CRM_GENDER_FEMALE 2

typedef struct crm_contact_t {
    int id;      /* 0 = not made yet */
    int deleted; /* DeletionFlag */
    const char *cells[CRM_CONTACT_COLUMNS];
} crm_contact_t;

/* Reads and locks a contact. APR_ENOENT when there is no such row. */
apr_status_t crm_contact_load(crm_contact_t *contact, crm_db_t *db, int id, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Applies news of `writer` and writes what has changed; makes the row when contact->id is 0. */
apr_status_t crm_contact_apply(crm_contact_t *contact, crm_db_t *db, const crm_news_t *news,
                               const char *writer, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* One contact of two, both loaded: of each group the newer news stands, a group that no message has
 * told of is filled where it is empty. A consent that one of them has withdrawn is withdrawn, until
 * it is given again later than both have spoken. Writes the kept one; the other row stays. */
apr_status_t crm_contact_join(crm_contact_t *kept, const crm_contact_t *other, crm_db_t *db,
                              apr_pool_t *pool) __attribute__((warn_unused_result));

/* Sets DeletionFlag of a contact and of all its addresses. */
apr_status_t crm_contact_flag(crm_db_t *db, int id, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
