/*
 * LoyaltyCards: what is to be known of a card, its owner, its points and its vouchers at one
 * moment, and what happens to it. What handlers use. Cards and points are the tenant's: nothing
 * here changes them.
 *
 * What belongs to a card: rows of LoyaltyPoints and Vouchers with its LoyaltyCardId; and those
 * without any LoyaltyCardId that have its ContactId, for they are good with each card of that
 * person. Rows with DeletionFlag do not count.
 *
 * The balance is the sum of PointAmount - PointUsedAmount - PointExpiredAmount (NULL is 0) over the
 * rows whose DatePoint has come and whose ExpiredDatePoint has not; exact, and below zero when the
 * rows say so. PointOriginalAmount is only for the record.
 *
 * A voucher is valid when it has no UseDate, its state is 1 (Valid) or NULL, its
 * ValidityStartDate has come and its ValidityEndDate has not.
 *
 * Moments are UTC, and one that is NULL is no limit. An end at midnight is that whole day: who
 * stores dates without a time means the last day by it.
 */
#ifndef CRM_LOYALTY_H
#define CRM_LOYALTY_H

#include <apr_tables.h>

#include "crm/db.h"

typedef enum {
    CRM_LOYALTY_TEXT, /* also dates, crm_date_text() */
    CRM_LOYALTY_INTEGER,
    CRM_LOYALTY_DECIMAL, /* crm_decimal_text() */
    CRM_LOYALTY_FLAG     /* "0" or "1" */
} crm_loyalty_kind_t;

/* A value and its name; doc/handlers.txt says where it comes from. */
typedef struct crm_loyalty_value_t {
    const char *name; /* "FirstName" */
    crm_loyalty_kind_t kind;
    const char *text; /* NULL = none; never empty */
} crm_loyalty_value_t;

typedef struct crm_loyalty_card_t {
    int id; /* 0 = there is none, and nothing else is set */
    int deleted;
    int contact_id; /* 0 = nobody's */
    int contact_deleted;
    const char *number;             /* LoyaltyCardNumber, else LoyaltyCardIdentifier; NULL = "" */
    const char *contact_identifier; /* the contact's at the card's source; NULL = none */
    /* crm_loyalty_value_t: always the same names, but for PointsN of the types of points. */
    apr_array_header_t *values;
    int had_vouchers; /* any ever, valid or not */
    /* apr_array_header_t *: of each valid one its values, likewise. */
    apr_array_header_t *vouchers;
} crm_loyalty_card_t;

/* Reads a card as it is at `now`. In `pool`. Errors as crm_db_begin(), or CRM360_EDATA when an
 * amount of its points is no decimal, or the sum is too large for one. */
apr_status_t crm_loyalty_read(crm_loyalty_card_t *card, crm_db_t *db, int card_id, apr_time_t now,
                              apr_pool_t *pool) __attribute__((warn_unused_result));

/* LoyaltyCardActionTypes */
typedef enum { CRM_LOYALTY_SENT = 1, CRM_LOYALTY_NO_PASS } crm_loyalty_action_t;

/* Adds a row of LoyaltyCardActions, once for a message. */
apr_status_t crm_loyalty_act(crm_db_t *db, int card_id, crm_loyalty_action_t action, int source_id,
                             const char *message_id, apr_time_t now, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
