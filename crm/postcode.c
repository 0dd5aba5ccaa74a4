/*
 * The table of post codes. Must never show half an import: the old rows go and the new ones come in
 * one transaction.
 */
#include "crm/postcode.h"

#include <apr_strings.h>

#include "crm/db_private.h"

static const crm_db_statement_t select_code = {
    .label = "postcode_of_code",
    .sql = "SELECT DISTINCT PostCode, City, Line5 FROM WebhookPostcodes WHERE PostCode = %s"
           " ORDER BY City, Line5"};

static const crm_db_statement_t select_city = {
    .label = "postcode_of_city",
    .sql = "SELECT DISTINCT PostCode, City, Line5 FROM WebhookPostcodes WHERE CityKey = %s"
           " ORDER BY PostCode, City, Line5"};

static const crm_db_statement_t select_any = {
    .label = "postcode_any", .sql = "SELECT PostCode FROM WebhookPostcodes LIMIT 1"};

/* PostgreSQL: two imports at once would leave the rows of both. SQLite lets one write at a time. */
static const crm_db_statement_t lock = {.label = "postcode_lock",
                                        .sql =
                                            "SELECT Version FROM WebhookSchema WHERE Version = 4",
                                        .locks = 1};

static const crm_db_statement_t delete_all = {.label = "postcode_delete",
                                              .sql = "DELETE FROM WebhookPostcodes"};

/* Many rows a statement: a server may be a millisecond away, and there are 39,000 rows. */
#define VALUES 5 /* of a row */
#define BATCH 20 /* rows */

#define INSERT "INSERT INTO WebhookPostcodes (PostCode, City, CityKey, InseeCode, Line5) VALUES "
#define ONE "(%s, %s, %s, %s, %s)"
#define FIVE ONE ", " ONE ", " ONE ", " ONE ", " ONE

static const crm_db_statement_t insert_row = {.label = "postcode_insert",
                                              .sql = INSERT ONE " ON CONFLICT DO NOTHING"};

static const crm_db_statement_t insert_batch = {.label = "postcode_insert_batch",
                                                .sql = INSERT FIVE ", " FIVE ", " FIVE ", " FIVE
                                                                   " ON CONFLICT DO NOTHING"};

static const char *text_of(const crm_db_rows_t *rows, int row, int column)
{
    const char *text = crm_db_cell(rows, row, column);

    return text ? text : "";
}

static apr_status_t find(apr_array_header_t **places, crm_db_t *db,
                         const crm_db_statement_t *statement, const char *value, apr_pool_t *pool)
{
    crm_postal_place_t *place;
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, statement, CRM_DB_VALUES(value), pool);
    int i;

    *places = apr_array_make(pool, rows.count + 1, sizeof(crm_postal_place_t));
    for (i = 0; rv == APR_SUCCESS && i < rows.count; i++) {
        place = apr_array_push(*places);
        place->post_code = text_of(&rows, i, 0);
        place->city = text_of(&rows, i, 1);
        place->line5 = text_of(&rows, i, 2);
    }
    return rv;
}

apr_status_t crm_postcode_places_of_code(apr_array_header_t **places, crm_db_t *db,
                                         const char *post_code, apr_pool_t *pool)
{
    return find(places, db, &select_code, post_code, pool);
}

apr_status_t crm_postcode_places_of_city(apr_array_header_t **places, crm_db_t *db,
                                         const char *city_key, apr_pool_t *pool)
{
    return find(places, db, &select_city, city_key, pool);
}

apr_status_t crm_postcode_is_empty(int *empty, crm_db_t *db, apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, &select_any, NULL, 0, pool);

    *empty = rows.count == 0;
    return rv;
}

/* ---- filling ---- */

/* Stores some rows: `values` has VALUES for each. */
static apr_status_t store(int *stored, crm_db_t *db, const char **values, int rows,
                          apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    int i, added = 0;

    if (rows == BATCH) {
        rv = crm_db_execute(&added, db, &insert_batch, values, BATCH * VALUES, pool);
        *stored += added;
        return rv;
    }
    for (i = 0; i < rows && rv == APR_SUCCESS; i++) {
        rv = crm_db_execute(&added, db, &insert_row, values + i * VALUES, VALUES, pool);
        *stored += added;
    }
    return rv;
}

/* Takes up to BATCH rows; *rows says how many. APR_EOF: there are no more behind them. */
static apr_status_t take(const char **values, int *rows, crm_postcode_next_t *next, void *baton,
                         apr_pool_t *pool)
{
    crm_postcode_row_t row;
    apr_status_t rv = APR_SUCCESS;

    for (*rows = 0; *rows < BATCH; (*rows)++) {
        rv = next(baton, &row);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        *values++ = apr_pstrdup(pool, row.post_code);
        *values++ = apr_pstrdup(pool, row.city);
        *values++ = crm_postal_city_key(row.city, pool);
        *values++ = apr_pstrdup(pool, row.insee_code);
        *values++ = apr_pstrdup(pool, row.line5);
    }
    return rv;
}

/* Stores all rows inside the transaction the caller holds. `pool` is cleared on the way. */
static apr_status_t store_all(int *stored, crm_db_t *db, crm_postcode_next_t *next, void *baton,
                              apr_pool_t *pool)
{
    const char *values[BATCH * VALUES];
    apr_status_t rv = APR_SUCCESS, taken;
    int rows;

    do {
        apr_pool_clear(pool);
        taken = take(values, &rows, next, baton, pool);
        if (taken == APR_SUCCESS || APR_STATUS_IS_EOF(taken)) {
            rv = store(stored, db, values, rows, pool);
        }
    } while (taken == APR_SUCCESS && rv == APR_SUCCESS);
    return rv != APR_SUCCESS || APR_STATUS_IS_EOF(taken) ? rv : taken;
}

static apr_status_t replace(int *stored, crm_db_t *db, crm_postcode_next_t *next, void *baton,
                            apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, &lock, NULL, 0, pool);

    if (rv == APR_SUCCESS) {
        rv = crm_db_execute(NULL, db, &delete_all, NULL, 0, pool);
    }
    return rv == APR_SUCCESS ? store_all(stored, db, next, baton, pool) : rv;
}

apr_status_t crm_postcode_replace(int *stored, crm_db_t *db, crm_postcode_next_t *next, void *baton,
                                  apr_pool_t *pool)
{
    apr_pool_t *scratch;
    apr_status_t rv = crm_db_begin(db);

    *stored = 0;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_pool_create(&scratch, pool);
    apr_pool_tag(scratch, "crm_postcode");
    rv = replace(stored, db, next, baton, scratch);
    apr_pool_destroy(scratch);
    if (rv == APR_SUCCESS) {
        rv = crm_db_commit(db);
    }
    else {
        crm_db_rollback(db);
    }
    return rv;
}
