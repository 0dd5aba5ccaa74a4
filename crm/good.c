/*
 * Goods, their products and categories. A product has no table of its own: its key in
 * WebhookVersions ('Products') is what messages about it wait for, carries its mark of deletion,
 * and knows the version of its newest list of variants. A good is shown when that newest list has
 * it: then its own note of the list has the same version. So it does not matter which list came
 * first.
 */
#include "crm/good.h"

#include <apr_hash.h>

#include <string.h>

#include "crm/db_private.h"
#include "crm/entity.h"
#include "crm/mark.h"

#define PRODUCTS "Products"
#define LISTED "listed"
#define PARENT 0 /* place of ParentIdentifier in the cells */

static const crm_column_t good_columns[] = {
    {"ParentIdentifier", CRM_COLUMN_TEXT},
    {"Label", CRM_COLUMN_TEXT},
    {"Sku", CRM_COLUMN_TEXT},
    {"Barcode", CRM_COLUMN_TEXT},
    {"Vendor", CRM_COLUMN_TEXT},
    {"GoodStateText", CRM_COLUMN_TEXT},
    {"Price", CRM_COLUMN_DECIMAL},
    {"ComparePrice", CRM_COLUMN_DECIMAL},
    {"CurrencyId", CRM_COLUMN_TEXT},
    {"BrandId", CRM_COLUMN_INTEGER},
    {"PurchaseGoodTypeId", CRM_COLUMN_INTEGER},
    {"PurchaseGoodCategoryId", CRM_COLUMN_INTEGER},
};

static const crm_group_t good_groups[CRM_GOOD_GROUPS] = {
    [CRM_GOOD_PARENT] = CRM_GROUP("parent", 1),     [CRM_GOOD_LABEL] = CRM_GROUP("label", 1),
    [CRM_GOOD_SKU] = CRM_GROUP("sku", 1),           [CRM_GOOD_BARCODE] = CRM_GROUP("barcode", 1),
    [CRM_GOOD_VENDOR] = CRM_GROUP("vendor", 1),     [CRM_GOOD_STATE] = CRM_GROUP("state", 1),
    [CRM_GOOD_PRICE] = CRM_GROUP("price", 1),       [CRM_GOOD_COMPARE] = CRM_GROUP("compare", 1),
    [CRM_GOOD_CURRENCY] = CRM_GROUP("currency", 1), [CRM_GOOD_BRAND] = CRM_GROUP("brand", 1),
    [CRM_GOOD_TYPE] = CRM_GROUP("type", 1),         [CRM_GOOD_CATEGORY] = CRM_GROUP("category", 1),
    [CRM_GOOD_LISTED] = CRM_GROUP(LISTED, 0),
};

static const crm_entity_t goods = {
    .table = "PurchaseGoods",
    .id = "PurchaseGoodId",
    .identifier = "Identifier",
    .columns = good_columns,
    .column_count = sizeof(good_columns) / sizeof(good_columns[0]),
    .groups = good_groups,
    .group_count = CRM_GOOD_GROUPS,
};

static const crm_column_t category_columns[] = {
    {"Label", CRM_COLUMN_TEXT},
    {"PurchaseGoodCategoryPath", CRM_COLUMN_TEXT},
    {"BrandId", CRM_COLUMN_INTEGER},
};

static const crm_group_t category_groups[] = {CRM_GROUP("label", 2), CRM_GROUP("brand", 1)};

static const crm_entity_t categories = {
    .table = "PurchaseGoodCategories",
    .id = "PurchaseGoodCategoryId",
    .identifier = "Identifier",
    .columns = category_columns,
    .column_count = 3,
    .groups = category_groups,
    .group_count = 2,
};

static const crm_group_t product_groups[] = {CRM_GROUP(LISTED, 0)};

/* The goods of a product that are shown: only these can have to go. Sorted by an expression: for a
 * column SQLite would take the index that has it in order, and read all goods of the source. */
static const crm_db_statement_t select_shown = {
    .label = "good_shown",
    .sql = "SELECT Identifier FROM PurchaseGoods WHERE SourceId = %d AND ParentIdentifier = %s"
           " AND DeletionFlag = 0 ORDER BY Identifier || ''"};

/* A product, taken for this transaction. */
typedef struct taken_t {
    crm_db_t *db;
    int source_id;
    const char *identifier;
    const char *key;
    int buried;
    crm_guard_t *guard;
} taken_t;

apr_status_t crm_good_category(int *id, crm_db_t *db, int source_id, int brand_id,
                               const char *label, apr_pool_t *pool)
{
    crm_news_t news[2] = {{.said = 0}};

    *id = 0;
    if (!label) {
        return APR_SUCCESS;
    }
    crm_news_guess(&news[0], label, pool);
    news[0].values[1] = label;
    crm_news_guess_id(&news[1], brand_id, pool);
    return crm_entity_ensure(id, db, &categories, source_id, label, news, pool);
}

static apr_status_t take(taken_t *product, crm_db_t *db, int source_id, const char *identifier,
                         apr_pool_t *pool)
{
    crm_mark_t mark;
    apr_status_t rv;

    product->db = db;
    product->source_id = source_id;
    product->identifier = identifier;
    product->key = crm_mark_key(source_id, identifier, pool);
    rv = crm_mark_take(&mark, db, PRODUCTS, product->key, pool);
    product->buried = mark.deleted;
    product->guard = crm_guard_read(mark.notes, PRODUCTS, product->key, pool);
    return rv;
}

/* Whether a good is shown is for its product to say; one that is another product's by now is left
 * alone. A product without a list hides nothing. */
static crm_entity_flag_t flag_of(const taken_t *product, const crm_entity_row_t *row)
{
    const char *newest = crm_guard_version(product->guard, LISTED);

    if (strcmp(row->cells[PARENT], product->identifier) != 0) {
        return CRM_ENTITY_KEEP;
    }
    if (product->buried ||
        (*newest && strcmp(crm_guard_version(row->guard, LISTED), newest) != 0)) {
        return CRM_ENTITY_GONE;
    }
    return CRM_ENTITY_SHOWN;
}

/* A product can have very many: a pool for each. */
static apr_status_t save_good(int *id, const taken_t *product, const char *identifier,
                              const crm_news_t *news, apr_pool_t *parent)
{
    crm_entity_row_t row;
    apr_status_t rv;
    apr_pool_t *pool;

    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm_good");
    rv = crm_entity_open(&row, product->db, &goods, product->source_id, identifier, pool);
    if (rv == APR_SUCCESS) {
        crm_entity_tell(&row, news);
    }
    if (rv == APR_SUCCESS && row.cells[PARENT]) { /* or another program has just removed it */
        rv = crm_entity_save(&row, product->db, flag_of(product, &row), pool);
    }
    if (id) {
        *id = row.id;
    }
    apr_pool_destroy(pool);
    return rv;
}

/* What a message names of a product: there can be very many variants. */
typedef struct named_t {
    apr_hash_t *told;   /* by identifier, as the message tells it; likewise the next one */
    apr_hash_t *listed; /* those in its list */
} named_t;

static void note_names(named_t *named, const crm_product_t *told, apr_pool_t *pool)
{
    int i;

    named->told = apr_hash_make(pool);
    named->listed = apr_hash_make(pool);
    for (i = 0; told && i < told->good_count; i++) {
        apr_hash_set(named->told, told->goods[i].identifier, APR_HASH_KEY_STRING, told);
    }
    for (i = 0; told && i < told->listed_count; i++) {
        apr_hash_set(named->listed, told->listed[i], APR_HASH_KEY_STRING, told);
    }
}

static int has_name(apr_hash_t *names, const char *identifier)
{
    return apr_hash_get(names, identifier, APR_HASH_KEY_STRING) != NULL;
}

static void say_parent(crm_news_t *news, const crm_product_t *told, const named_t *named,
                       const char *identifier)
{
    crm_news_say(&news[CRM_GOOD_PARENT], told->version, told->identifier);
    if (has_name(named->listed, identifier)) {
        news[CRM_GOOD_LISTED].said = 1;
        news[CRM_GOOD_LISTED].version = told->version;
    }
}

/* The variants that the message tells of, then those it only lists. */
static apr_status_t save_goods(const taken_t *product, const crm_product_t *told,
                               const named_t *named, apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; i < told->good_count && rv == APR_SUCCESS; i++) {
        say_parent(told->goods[i].news, told, named, told->goods[i].identifier);
        rv = save_good(NULL, product, told->goods[i].identifier, told->goods[i].news, pool);
    }
    for (i = 0; i < told->listed_count && rv == APR_SUCCESS; i++) {
        crm_news_t news[CRM_GOOD_GROUPS] = {{.said = 0}};

        if (!has_name(named->told, told->listed[i])) {
            say_parent(news, told, named, told->listed[i]);
            rv = save_good(NULL, product, told->listed[i], news, pool);
        }
    }
    return rv;
}

/* Looks again at the goods that the message has not named. */
static apr_status_t flag_others(const taken_t *product, const named_t *named, apr_pool_t *pool)
{
    static const crm_news_t nothing[CRM_GOOD_GROUPS];
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(
        &rows, product->db, &select_shown,
        CRM_DB_VALUES(crm_db_int(product->source_id, pool), product->identifier), pool);
    int i;

    for (i = 0; i < rows.count && rv == APR_SUCCESS; i++) {
        const char *identifier = crm_db_cell(&rows, i, 0);

        if (!has_name(named->told, identifier) && !has_name(named->listed, identifier)) {
            rv = save_good(NULL, product, identifier, nothing, pool);
        }
    }
    return rv;
}

apr_status_t crm_product_save(crm_db_t *db, const crm_product_t *told, apr_pool_t *pool)
{
    crm_news_t list = {.said = told->listed != NULL, .version = told->version};
    const char *cells[1] = {NULL}; /* it has none */
    taken_t product;
    named_t named;
    apr_status_t rv = take(&product, db, told->source_id, told->identifier, pool);

    note_names(&named, told, pool);
    if (rv == APR_SUCCESS) {
        crm_guard_apply(product.guard, cells, product_groups, 1, &list, "");
        rv = crm_guard_save(product.guard, db, PRODUCTS, product.key, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = save_goods(&product, told, &named, pool);
    }
    return rv == APR_SUCCESS ? flag_others(&product, &named, pool) : rv;
}

apr_status_t crm_product_delete(crm_db_t *db, int source_id, const char *identifier,
                                apr_pool_t *pool)
{
    taken_t product;
    named_t nothing;
    apr_status_t rv = take(&product, db, source_id, identifier, pool);

    note_names(&nothing, NULL, pool);
    if (rv == APR_SUCCESS && !product.buried) {
        rv = crm_mark_bury(db, PRODUCTS, product.key, pool);
        product.buried = 1;
    }
    return rv == APR_SUCCESS ? flag_others(&product, &nothing, pool) : rv;
}

apr_status_t crm_good_of_line(int *id, crm_db_t *db, int source_id, const char *parent,
                              const crm_good_t *good, apr_pool_t *pool)
{
    crm_news_t news[CRM_GOOD_GROUPS];
    taken_t product;
    apr_status_t rv;

    memcpy(news, good->news, sizeof(news));
    if (parent) {
        crm_news_guess(&news[CRM_GOOD_PARENT], parent, pool);
    }
    rv = crm_entity_known(id, db, &goods, source_id, good->identifier, news, pool);
    if (rv != APR_SUCCESS || *id) {
        return rv;
    }
    if (!parent) {
        return crm_entity_ensure(id, db, &goods, source_id, good->identifier, news, pool);
    }
    rv = take(&product, db, source_id, parent, pool);
    return rv == APR_SUCCESS ? save_good(id, &product, good->identifier, news, pool) : rv;
}
