/*
 * Cases and CaseCategories: what customers ask a help desk. What handlers use. Any set of messages
 * about one case gives the same row, in whatever order and however often.
 */
#ifndef CRM_CASE_H
#define CRM_CASE_H

#include "crm/db.h"
#include "crm/version.h"

/* The groups, in the order of their columns. */
typedef enum {
    CRM_CASE_CONTACT,     /* ContactId */
    CRM_CASE_STATE,       /* CaseStateId, CaseStateText (the platform's word), ClosingDate */
    CRM_CASE_CATEGORY,    /* CaseCategoryId: crm_case_category() */
    CRM_CASE_TITLE,       /* Title */
    CRM_CASE_DESCRIPTION, /* Description: the comments, replaced as a whole */
    CRM_CASE_CHANNEL,     /* Channel */
    CRM_CASE_LINK,        /* Link */
    CRM_CASE_OPENED,      /* OpeningDate; said with crm_version_earliest(), so the first counts */
    CRM_CASE_GROUPS
} crm_case_group_t;

/* CaseStates */
typedef enum {
    CRM_CASE_NEW = 1,
    CRM_CASE_OPEN,
    CRM_CASE_PENDING,
    CRM_CASE_ON_HOLD,
    CRM_CASE_SOLVED,
    CRM_CASE_CLOSED
} crm_case_state_t;

typedef struct crm_case_t {
    int source_id;
    const char *identifier; /* what the source calls the case; at most CRM_IDENTIFIER_MOST */
    crm_news_t news[CRM_CASE_GROUPS];
} crm_case_t;

/* Saves what a message says, inside the caller's transaction. *case_id may be NULL. Errors as
 * crm_db_begin(), or CRM360_EDATA. */
apr_status_t crm_case_save(int *case_id, crm_db_t *db, const crm_case_t *told, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The category that a source calls `identifier`, made when there is none. *id 0 when it is NULL. */
apr_status_t crm_case_category(int *id, crm_db_t *db, int source_id, const char *identifier,
                               apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
