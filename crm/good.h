/*
 * PurchaseGoods and PurchaseGoodCategories: what is sold, one row per variant, and the kinds of it.
 * What handlers use. Any set of messages about one product gives the same rows, in whatever order
 * and however often, also when purchases name a good before its product is known.
 */
#ifndef CRM_GOOD_H
#define CRM_GOOD_H

#include "crm/db.h"
#include "crm/version.h"

/* The groups, in the order of their columns. */
typedef enum {
    CRM_GOOD_PARENT,   /* ParentIdentifier */
    CRM_GOOD_LABEL,    /* Label */
    CRM_GOOD_SKU,      /* Sku */
    CRM_GOOD_BARCODE,  /* Barcode */
    CRM_GOOD_VENDOR,   /* Vendor */
    CRM_GOOD_STATE,    /* GoodStateText */
    CRM_GOOD_PRICE,    /* Price: crm_decimal_text() */
    CRM_GOOD_COMPARE,  /* ComparePrice, likewise */
    CRM_GOOD_CURRENCY, /* CurrencyId, ISO 4217 */
    CRM_GOOD_BRAND,    /* BrandId */
    CRM_GOOD_TYPE,     /* PurchaseGoodTypeId */
    CRM_GOOD_CATEGORY, /* PurchaseGoodCategoryId: crm_good_category() */
    CRM_GOOD_LISTED,   /* no column: for crm/good.c only */
    CRM_GOOD_GROUPS
} crm_good_group_t;

/* PurchaseGoodTypes */
#define CRM_GOOD_TYPE_PRODUCT 1
#define CRM_GOOD_TYPE_GIFT_CARD 2
#define CRM_GOOD_TYPE_SERVICE 3

typedef struct crm_good_t {
    const char *identifier; /* what the source calls the variant; at most CRM_IDENTIFIER_MOST */
    crm_news_t news[CRM_GOOD_GROUPS];
} crm_good_t;

/* What a source says of one product. */
typedef struct crm_product_t {
    int source_id;
    const char *identifier; /* of the product */
    const char *version;    /* of the message */
    /* Its variants; news about PARENT is added here. */
    crm_good_t *goods;
    int good_count;
    /* The identifiers of all variants it has now, when it says (NULL = it does not): others of the
     * product are flagged, and those not known yet are made. Includes those in `goods`. */
    const char **listed;
    int listed_count;
} crm_product_t;

/* The category `label` of a source, made when there is none. *id 0 when label is NULL. brand_id: 0
 * = none. */
apr_status_t crm_good_category(int *id, crm_db_t *db, int source_id, int brand_id,
                               const char *label, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Saves what a message says of a product and its variants, inside the caller's transaction. If the
 * source has deleted the product, the data is written and the goods stay flagged. Errors as
 * crm_db_begin(), or CRM360_EDATA. */
apr_status_t crm_product_save(crm_db_t *db, const crm_product_t *product, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The source has deleted the product, known or not: flags its goods, now and later. */
apr_status_t crm_product_delete(crm_db_t *db, int source_id, const char *identifier,
                                apr_pool_t *pool) __attribute__((warn_unused_result));

/* The good that a line of a purchase names: looked up, or made of what the line tells, which any
 * news of the product replaces. `parent` is the product, NULL = not told; `good->news` should carry
 * crm_version_weak(). */
apr_status_t crm_good_of_line(int *id, crm_db_t *db, int source_id, const char *parent,
                              const crm_good_t *good, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
