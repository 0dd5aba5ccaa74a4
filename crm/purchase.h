/*
 * PurchaseHeaders and PurchaseDetails: a sale and its lines, with the Stores and Vouchers it names.
 * What handlers use. Any set of messages about one purchase gives the same rows, in whatever order
 * and however often.
 */
#ifndef CRM_PURCHASE_H
#define CRM_PURCHASE_H

#include "crm/db.h"
#include "crm/version.h"

/* The groups of the header, in the order of their columns. Amounts are crm_decimal_text(), dates
 * crm_date_text(). */
typedef enum {
    CRM_PURCHASE_NUMBER,       /* PurchaseNumber: what people know it by */
    CRM_PURCHASE_CONTACT,      /* ContactId */
    CRM_PURCHASE_BRAND,        /* BrandId */
    CRM_PURCHASE_STORE,        /* StoreId: crm_purchase_store() */
    CRM_PURCHASE_VOUCHER,      /* VoucherId: crm_purchase_voucher() */
    CRM_PURCHASE_TYPE,         /* PurchaseTypeId */
    CRM_PURCHASE_STATUS,       /* PurchaseStatusId, StatusText (the platform's word) */
    CRM_PURCHASE_DATE,         /* PurchaseDate */
    CRM_PURCHASE_CANCELLED,    /* CancellationDate */
    CRM_PURCHASE_TAX_INCLUDED, /* AmountTaxIncluded: what it is worth now */
    CRM_PURCHASE_TAX_FREE,     /* AmountTaxFree, likewise */
    CRM_PURCHASE_TAX,          /* TaxAmount, likewise */
    CRM_PURCHASE_DISCOUNT,     /* DiscountAmount */
    CRM_PURCHASE_SHIPPING,     /* ShippingAmount */
    CRM_PURCHASE_REFUND,       /* RefundAmount: sum of the refunds */
    CRM_PURCHASE_ORIGINAL,     /* OriginalAmountTaxIncluded: before edits and refunds */
    CRM_PURCHASE_CURRENCY,     /* CurrencyId, ISO 4217 */
    CRM_PURCHASE_LINES,        /* no column: for crm/purchase.c only */
    CRM_PURCHASE_GROUPS
} crm_purchase_group_t;

/* PurchaseTypes */
#define CRM_PURCHASE_TYPE_ONLINE 1
#define CRM_PURCHASE_TYPE_STORE 2

/* PurchaseStatuses */
typedef enum {
    CRM_PURCHASE_PENDING = 1,
    CRM_PURCHASE_AUTHORIZED,
    CRM_PURCHASE_PARTIALLY_PAID,
    CRM_PURCHASE_PAID,
    CRM_PURCHASE_PARTIALLY_REFUNDED,
    CRM_PURCHASE_REFUNDED,
    CRM_PURCHASE_VOIDED,
    CRM_PURCHASE_EXPIRED,
    CRM_PURCHASE_IS_CANCELLED,
    CRM_PURCHASE_TEST,
    CRM_PURCHASE_OPEN,
    CRM_PURCHASE_CLOSED
} crm_purchase_status_t;

/* VoucherTypes */
#define CRM_VOUCHER_FIXED_AMOUNT 1
#define CRM_VOUCHER_PERCENTAGE 2
#define CRM_VOUCHER_FREE_SHIPPING 3
#define CRM_VOUCHER_OTHER 4

/* A line. Columns that are NULL are written as NULL: a platform sends a line whole. */
typedef struct crm_purchase_line_t {
    const char *identifier; /* what the source calls the line; at most CRM_IDENTIFIER_MOST */
    int good_id;            /* crm_good_of_line(); 0 = none */
    const char *label;
    const char *sku;
    const char *quantity; /* crm_decimal_text(), as all that follow */
    const char *refunded_quantity;
    const char *unit_price;
    const char *amount_tax_included;
    const char *amount_tax_free;
    const char *tax_amount;
    const char *tax_rate; /* percent */
    const char *discount_amount;
} crm_purchase_line_t;

typedef struct crm_purchase_t {
    int source_id;
    const char *identifier; /* what the source calls the purchase; at most CRM_IDENTIFIER_MOST */
    const char *version;    /* of the message: that of its lines */
    crm_news_t news[CRM_PURCHASE_GROUPS];
    int has_lines; /* the message lists the lines: those it does not list are gone */
    const crm_purchase_line_t *lines;
    int line_count;
} crm_purchase_t;

/* Saves what a message says, inside the caller's transaction. If the source has deleted the
 * purchase, the data is written and header and lines stay flagged. *header_id may be NULL. Errors
 * as crm_db_begin(), or CRM360_EDATA. */
apr_status_t crm_purchase_save(int *header_id, crm_db_t *db, const crm_purchase_t *purchase,
                               apr_pool_t *pool) __attribute__((warn_unused_result));

/* The source has deleted the purchase, known or not. */
apr_status_t crm_purchase_delete(crm_db_t *db, int source_id, const char *identifier,
                                 apr_pool_t *pool) __attribute__((warn_unused_result));

/* The store that a source calls `identifier`, made when there is none (label: the same text). *id 0
 * when identifier is NULL. zone_id, brand_id: 0 = none. */
apr_status_t crm_purchase_store(int *id, crm_db_t *db, int source_id, const char *identifier,
                                int zone_id, int brand_id, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The voucher with this code, made when there is none. *id 0 when code is NULL. */
apr_status_t crm_purchase_voucher(int *id, crm_db_t *db, int source_id, const char *code, int type,
                                  apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
