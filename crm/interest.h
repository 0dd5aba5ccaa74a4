/*
 * ContactInterests and ContactInterestCategories: what a contact has shown interest in, such as a
 * game it took part in. What handlers use. Any set of messages about one interest gives the same
 * row, in whatever order and however often.
 */
#ifndef CRM_INTEREST_H
#define CRM_INTEREST_H

#include "crm/db.h"
#include "crm/version.h"

/* The groups, in the order of their columns. */
typedef enum {
    CRM_INTEREST_CONTACT,  /* ContactId */
    CRM_INTEREST_CATEGORY, /* ContactInterestCategoryId: crm_interest_category() */
    CRM_INTEREST_DATE,     /* InterestDate, crm_date_text() */
    CRM_INTEREST_FREE_1,   /* FreeField1 */
    CRM_INTEREST_FREE_2,   /* FreeField2 */
    CRM_INTEREST_FREE_3,   /* FreeField3 */
    CRM_INTEREST_FREE_4,   /* FreeField4 */
    CRM_INTEREST_FREE_5,   /* FreeField5 */
    CRM_INTEREST_GROUPS
} crm_interest_group_t;

typedef struct crm_interest_t {
    int source_id;
    const char *identifier; /* what the source calls it; at most CRM_IDENTIFIER_MOST */
    crm_news_t news[CRM_INTEREST_GROUPS];
} crm_interest_t;

/* Saves what a message says, inside the caller's transaction. Errors as crm_db_begin(), or
 * CRM360_EDATA. */
apr_status_t crm_interest_save(crm_db_t *db, const crm_interest_t *interest, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The category that a source calls `identifier`, made with `label` when there is none, and labelled
 * anew when `version` is newer. */
apr_status_t crm_interest_category(int *id, crm_db_t *db, int source_id, const char *identifier,
                                   const char *label, const char *version, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
