/*
 * Headers and lines of purchases. Each line has its own version; the header knows that of the
 * newest list of lines, and a line is shown when it has the same: so it does not matter which list
 * came first. Must never remove a line.
 */
#include "crm/purchase.h"

#include <apr_hash.h>

#include <string.h>

#include "crm/db_private.h"
#include "crm/entity.h"

#define LINES "lines"
#define LINE "line"
#define LINE_COLUMNS 12
#define LINE_HEADER 0 /* place of PurchaseHeaderId */

static const crm_column_t header_columns[] = {
    {"PurchaseNumber", CRM_COLUMN_TEXT},
    {"ContactId", CRM_COLUMN_INTEGER},
    {"BrandId", CRM_COLUMN_INTEGER},
    {"StoreId", CRM_COLUMN_INTEGER},
    {"VoucherId", CRM_COLUMN_INTEGER},
    {"PurchaseTypeId", CRM_COLUMN_INTEGER},
    {"PurchaseStatusId", CRM_COLUMN_INTEGER},
    {"StatusText", CRM_COLUMN_TEXT},
    {"PurchaseDate", CRM_COLUMN_TEXT},
    {"CancellationDate", CRM_COLUMN_TEXT},
    {"AmountTaxIncluded", CRM_COLUMN_DECIMAL},
    {"AmountTaxFree", CRM_COLUMN_DECIMAL},
    {"TaxAmount", CRM_COLUMN_DECIMAL},
    {"DiscountAmount", CRM_COLUMN_DECIMAL},
    {"ShippingAmount", CRM_COLUMN_DECIMAL},
    {"RefundAmount", CRM_COLUMN_DECIMAL},
    {"OriginalAmountTaxIncluded", CRM_COLUMN_DECIMAL},
    {"CurrencyId", CRM_COLUMN_TEXT},
};

static const crm_group_t header_groups[CRM_PURCHASE_GROUPS] = {
    [CRM_PURCHASE_NUMBER] = CRM_GROUP("number", 1),
    [CRM_PURCHASE_CONTACT] = CRM_GROUP("contact", 1),
    [CRM_PURCHASE_BRAND] = CRM_GROUP("brand", 1),
    [CRM_PURCHASE_STORE] = CRM_GROUP("store", 1),
    [CRM_PURCHASE_VOUCHER] = CRM_GROUP("voucher", 1),
    [CRM_PURCHASE_TYPE] = CRM_GROUP("type", 1),
    [CRM_PURCHASE_STATUS] = CRM_GROUP("status", 2),
    [CRM_PURCHASE_DATE] = CRM_GROUP("date", 1),
    [CRM_PURCHASE_CANCELLED] = CRM_GROUP("cancelled", 1),
    [CRM_PURCHASE_TAX_INCLUDED] = CRM_GROUP("taxincluded", 1),
    [CRM_PURCHASE_TAX_FREE] = CRM_GROUP("taxfree", 1),
    [CRM_PURCHASE_TAX] = CRM_GROUP("tax", 1),
    [CRM_PURCHASE_DISCOUNT] = CRM_GROUP("discount", 1),
    [CRM_PURCHASE_SHIPPING] = CRM_GROUP("shipping", 1),
    [CRM_PURCHASE_REFUND] = CRM_GROUP("refund", 1),
    [CRM_PURCHASE_ORIGINAL] = CRM_GROUP("original", 1),
    [CRM_PURCHASE_CURRENCY] = CRM_GROUP("currency", 1),
    [CRM_PURCHASE_LINES] = CRM_GROUP(LINES, 0),
};

static const crm_entity_t headers = {
    .table = "PurchaseHeaders",
    .id = "PurchaseHeaderId",
    .identifier = "PurchaseIdentifier",
    .columns = header_columns,
    .column_count = sizeof(header_columns) / sizeof(header_columns[0]),
    .groups = header_groups,
    .group_count = CRM_PURCHASE_GROUPS,
};

static const crm_column_t line_columns[LINE_COLUMNS] = {
    {"PurchaseHeaderId", CRM_COLUMN_INTEGER},
    {"PurchaseGoodId", CRM_COLUMN_INTEGER},
    {"Label", CRM_COLUMN_TEXT},
    {"Sku", CRM_COLUMN_TEXT},
    {"Quantity", CRM_COLUMN_DECIMAL},
    {"RefundedQuantity", CRM_COLUMN_DECIMAL},
    {"UnitPrice", CRM_COLUMN_DECIMAL},
    {"AmountTaxIncluded", CRM_COLUMN_DECIMAL},
    {"AmountTaxFree", CRM_COLUMN_DECIMAL},
    {"TaxAmount", CRM_COLUMN_DECIMAL},
    {"TaxRate", CRM_COLUMN_DECIMAL},
    {"DiscountAmount", CRM_COLUMN_DECIMAL},
};

static const crm_group_t line_groups[] = {CRM_GROUP(LINE, LINE_COLUMNS)};

static const crm_entity_t details = {
    .table = "PurchaseDetails",
    .id = "PurchaseDetailId",
    .identifier = "PurchaseDetailIdentifier",
    .columns = line_columns,
    .column_count = LINE_COLUMNS,
    .groups = line_groups,
    .group_count = 1,
    .follows = 1,
};

static const crm_column_t store_columns[] = {
    {"Label", CRM_COLUMN_TEXT},
    {"ZoneId", CRM_COLUMN_INTEGER},
    {"BrandId", CRM_COLUMN_INTEGER},
};

static const crm_group_t store_groups[] = {CRM_GROUP("label", 1), CRM_GROUP("zone", 1),
                                           CRM_GROUP("brand", 1)};

static const crm_entity_t stores = {
    .table = "Stores",
    .id = "StoreId",
    .identifier = "Identifier",
    .columns = store_columns,
    .column_count = 3,
    .groups = store_groups,
    .group_count = 3,
};

static const crm_column_t voucher_columns[] = {
    {"VoucherCode", CRM_COLUMN_TEXT},
    {"VoucherTypeId", CRM_COLUMN_INTEGER},
};

static const crm_group_t voucher_groups[] = {CRM_GROUP("code", 1), CRM_GROUP("type", 1)};

static const crm_entity_t vouchers = {
    .table = "Vouchers",
    .id = "VoucherId",
    .identifier = "VoucherIdentifier",
    .columns = voucher_columns,
    .column_count = 2,
    .groups = voucher_groups,
    .group_count = 2,
};

/* The lines of a purchase that are shown: only these can have to go. */
static const crm_db_statement_t select_shown = {
    .label = "purchase_shown",
    .sql = "SELECT SourceId, PurchaseDetailIdentifier FROM PurchaseDetails"
           " WHERE PurchaseHeaderId = %d AND DeletionFlag = 0"};

/* ---- lines ---- */

static void say_line(crm_news_t *news, const crm_purchase_t *told, const crm_purchase_line_t *line,
                     int header_id, apr_pool_t *pool)
{
    const char *values[LINE_COLUMNS] = {crm_db_int(header_id, pool),
                                        crm_db_id(line->good_id, pool),
                                        line->label,
                                        line->sku,
                                        line->quantity,
                                        line->refunded_quantity,
                                        line->unit_price,
                                        line->amount_tax_included,
                                        line->amount_tax_free,
                                        line->tax_amount,
                                        line->tax_rate,
                                        line->discount_amount};

    news->said = 1;
    news->version = told->version;
    memcpy(news->values, values, sizeof(values));
}

/* Applies news to one line and shows it, or not. A purchase can have very many: a pool for each. */
static apr_status_t save_line(crm_db_t *db, const crm_entity_row_t *header, int source_id,
                              const char *identifier, const crm_news_t *news, apr_pool_t *parent)
{
    const char *newest = crm_guard_version(header->guard, LINES);
    crm_entity_flag_t flag = CRM_ENTITY_SHOWN;
    crm_entity_row_t row;
    apr_status_t rv;
    apr_pool_t *pool;

    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm_purchase_line");
    rv = crm_entity_open(&row, db, &details, source_id, identifier, pool);
    if (rv == APR_SUCCESS) {
        crm_entity_tell(&row, news);
    }
    if (rv == APR_SUCCESS && row.cells[LINE_HEADER]) { /* or another program has just removed it */
        if (strcmp(row.cells[LINE_HEADER], crm_db_int(header->id, pool)) != 0) {
            flag = CRM_ENTITY_KEEP; /* another purchase's by now, which says whether it is shown */
        }
        else if (header->buried || strcmp(crm_guard_version(row.guard, LINE), newest) != 0) {
            flag = CRM_ENTITY_GONE;
        }
        rv = crm_entity_save(&row, db, flag, pool);
    }
    apr_pool_destroy(pool);
    return rv;
}

/* The identifiers of the lines that a message names; it can name very many. */
static apr_hash_t *names_of(const crm_purchase_t *told, apr_pool_t *pool)
{
    apr_hash_t *names = apr_hash_make(pool);
    int i;

    for (i = 0; told && i < told->line_count; i++) {
        apr_hash_set(names, told->lines[i].identifier, APR_HASH_KEY_STRING, told);
    }
    return names;
}

/* Looks again at the lines that the message has not named. */
static apr_status_t flag_others(crm_db_t *db, const crm_entity_row_t *header,
                                const crm_purchase_t *told, apr_pool_t *pool)
{
    static const crm_news_t nothing;
    crm_db_rows_t rows;
    apr_status_t rv =
        crm_db_select(&rows, db, &select_shown, CRM_DB_VALUES(crm_db_int(header->id, pool)), pool);
    apr_hash_t *named = names_of(told, pool);
    int i;

    for (i = 0; i < rows.count && rv == APR_SUCCESS; i++) {
        const char *identifier = crm_db_cell(&rows, i, 1);

        if (!apr_hash_get(named, identifier, APR_HASH_KEY_STRING)) {
            rv = save_line(db, header, (int)crm_db_number(&rows, i, 0), identifier, &nothing, pool);
        }
    }
    return rv;
}

static apr_status_t save_lines(crm_db_t *db, const crm_entity_row_t *header,
                               const crm_purchase_t *told, apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; i < told->line_count && rv == APR_SUCCESS; i++) {
        crm_news_t news = {.said = 0};

        say_line(&news, told, &told->lines[i], header->id, pool);
        rv = save_line(db, header, told->source_id, told->lines[i].identifier, &news, pool);
    }
    return rv == APR_SUCCESS ? flag_others(db, header, told, pool) : rv;
}

/* ---- the whole ---- */

apr_status_t crm_purchase_save(int *header_id, crm_db_t *db, const crm_purchase_t *told,
                               apr_pool_t *pool)
{
    crm_news_t news[CRM_PURCHASE_GROUPS];
    crm_entity_row_t header;
    apr_status_t rv =
        crm_entity_open(&header, db, &headers, told->source_id, told->identifier, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    memcpy(news, told->news, sizeof(news));
    news[CRM_PURCHASE_LINES].said = told->has_lines;
    news[CRM_PURCHASE_LINES].version = told->version;
    crm_entity_tell(&header, news);
    rv = crm_entity_save(&header, db, CRM_ENTITY_KEEP, pool);
    if (rv == APR_SUCCESS && told->has_lines) {
        rv = save_lines(db, &header, told, pool);
    }
    if (header_id) {
        *header_id = header.id;
    }
    return rv;
}

apr_status_t crm_purchase_delete(crm_db_t *db, int source_id, const char *identifier,
                                 apr_pool_t *pool)
{
    crm_entity_row_t header;
    apr_status_t rv = crm_entity_open(&header, db, &headers, source_id, identifier, pool);

    if (rv == APR_SUCCESS) {
        rv = crm_entity_bury(&header, db, pool);
    }
    if (rv != APR_SUCCESS || !header.id) {
        return rv;
    }
    return flag_others(db, &header, NULL, pool);
}

apr_status_t crm_purchase_store(int *id, crm_db_t *db, int source_id, const char *identifier,
                                int zone_id, int brand_id, apr_pool_t *pool)
{
    crm_news_t news[3] = {{.said = 0}};

    *id = 0;
    if (!identifier) {
        return APR_SUCCESS;
    }
    crm_news_guess(&news[0], identifier, pool);
    crm_news_guess_id(&news[1], zone_id, pool);
    crm_news_guess_id(&news[2], brand_id, pool);
    return crm_entity_ensure(id, db, &stores, source_id, identifier, news, pool);
}

apr_status_t crm_purchase_voucher(int *id, crm_db_t *db, int source_id, const char *code, int type,
                                  apr_pool_t *pool)
{
    crm_news_t news[2] = {{.said = 0}};

    *id = 0;
    if (!code) {
        return APR_SUCCESS;
    }
    crm_news_guess(&news[0], code, pool);
    crm_news_guess_id(&news[1], type, pool);
    return crm_entity_ensure(id, db, &vouchers, source_id, code, news, pool);
}
