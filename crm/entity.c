/*
 * The statements of a table are made of its description, which is constant; values only ever travel
 * as parameters. The order of the steps is that in which rows are locked: the notes of the key
 * first, so that messages about one thing follow each other. Must never remove a row.
 */
#include "crm/entity.h"

#include <apr_sha1.h>
#include <apr_strings.h>

#include <string.h>

#include "crm/db_private.h"
#include "crm/mark.h"

#define VALUES_MOST 48 /* columns of the widest table, and four more */

/* ---- statements ---- */

static const char *placeholder(const crm_db_t *db, crm_column_kind_t kind)
{
    switch (kind) {
    case CRM_COLUMN_INTEGER:
        return "%d";
    case CRM_COLUMN_DECIMAL:
        return crm_db_dialect(db)->decimal;
    default:
        return "%s";
    }
}

static const char *label_of(const crm_entity_t *entity, const char *what, apr_pool_t *pool)
{
    return apr_pstrcat(pool, "entity_", what, "_", entity->table, NULL);
}

static void make_select(crm_db_statement_t *statement, const crm_entity_t *entity, apr_pool_t *pool)
{
    const char *sql = apr_pstrcat(pool, "SELECT ", entity->id, ", DeletionFlag", NULL);
    int i;

    for (i = 0; i < entity->column_count; i++) {
        sql = apr_pstrcat(pool, sql, ", ", entity->columns[i].name, NULL);
    }
    *statement = (crm_db_statement_t){.label = label_of(entity, "select", pool),
                                      .sql = apr_pstrcat(pool, sql, " FROM ", entity->table,
                                                         " WHERE SourceId = %d AND ",
                                                         entity->identifier, " = %s", NULL)};
}

static void make_find(crm_db_statement_t *statement, const crm_entity_t *entity, apr_pool_t *pool)
{
    *statement = (crm_db_statement_t){.label = label_of(entity, "find", pool),
                                      .sql = apr_pstrcat(pool, "SELECT ", entity->id, " FROM ",
                                                         entity->table, " WHERE SourceId = %d AND ",
                                                         entity->identifier, " = %s", NULL)};
}

static void make_insert(crm_db_statement_t *statement, const crm_db_t *db,
                        const crm_entity_t *entity, apr_pool_t *pool)
{
    const char *names = apr_pstrcat(pool, "SourceId, ", entity->identifier, ", DeletionFlag", NULL);
    const char *values = "%d, %s, %d";
    int i;

    for (i = 0; i < entity->column_count; i++) {
        names = apr_pstrcat(pool, names, ", ", entity->columns[i].name, NULL);
        values = apr_pstrcat(pool, values, ", ", placeholder(db, entity->columns[i].kind), NULL);
    }
    *statement = (crm_db_statement_t){.label = label_of(entity, "insert", pool),
                                      .sql = apr_pstrcat(pool, "INSERT INTO ", entity->table, " (",
                                                         names, ") VALUES (", values,
                                                         ") RETURNING ", entity->id, NULL)};
}

static void make_update(crm_db_statement_t *statement, const crm_db_t *db,
                        const crm_entity_t *entity, apr_pool_t *pool)
{
    const char *sql = apr_pstrcat(pool, "UPDATE ", entity->table, " SET DeletionFlag = %d", NULL);
    int i;

    for (i = 0; i < entity->column_count; i++) {
        sql = apr_pstrcat(pool, sql, ", ", entity->columns[i].name, " = ",
                          placeholder(db, entity->columns[i].kind), NULL);
    }
    *statement =
        (crm_db_statement_t){.label = label_of(entity, "update", pool),
                             .sql = apr_pstrcat(pool, sql, " WHERE ", entity->id, " = %d", NULL)};
}

/* ---- reading ---- */

const char *crm_entity_identifier(const char *text, apr_size_t most, apr_pool_t *pool)
{
    unsigned char digest[APR_SHA1_DIGESTSIZE];
    char *hex = apr_palloc(pool, 2 * APR_SHA1_DIGESTSIZE + 1);
    apr_size_t length = strlen(text);
    apr_sha1_ctx_t context;
    int i;

    if (length <= most) {
        return text;
    }
    apr_sha1_init(&context);
    apr_sha1_update(&context, text, (unsigned int)length);
    apr_sha1_final(digest, &context);
    for (i = 0; i < APR_SHA1_DIGESTSIZE; i++) {
        apr_snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
    return hex;
}

static apr_status_t read_row(crm_entity_row_t *row, crm_db_t *db, apr_pool_t *pool)
{
    crm_db_statement_t statement;
    crm_db_rows_t rows;
    apr_status_t rv;
    int i;

    make_select(&statement, row->entity, pool);
    rv = crm_db_select(&rows, db, &statement,
                       CRM_DB_VALUES(crm_db_int(row->source_id, pool), row->identifier), pool);
    row->id = (int)crm_db_number(&rows, 0, 0);
    row->deleted = crm_db_number(&rows, 0, 1) != 0;
    for (i = 0; i < row->entity->column_count; i++) {
        row->cells[i] = crm_db_cell(&rows, 0, 2 + i);
    }
    return rv;
}

apr_status_t crm_entity_open(crm_entity_row_t *row, crm_db_t *db, const crm_entity_t *entity,
                             int source_id, const char *identifier, apr_pool_t *pool)
{
    apr_status_t rv;

    memset(row, 0, sizeof(*row));
    row->entity = entity;
    row->source_id = source_id;
    row->identifier = crm_entity_identifier(identifier, CRM_ENTITY_IDENTIFIER_MOST, pool);
    row->key = crm_mark_key(source_id, row->identifier, pool);
    row->cells = apr_pcalloc(pool, sizeof(char *) * (apr_size_t)(entity->column_count + 1));
    rv = crm_mark_take(&row->buried, db, entity->table, row->key, pool);
    if (rv == APR_SUCCESS) {
        rv = read_row(row, db, pool);
    }
    /* Notes without their row are of one that some other program has removed: it is made anew, of
     * all that is told then. */
    return rv == APR_SUCCESS
               ? crm_guard_load(&row->guard, db, entity->table, row->id ? row->key : NULL, pool)
               : rv;
}

/* *id is 0 when there is no such row. */
static apr_status_t find(int *id, crm_db_t *db, const crm_entity_t *entity, int source_id,
                         const char *identifier, apr_pool_t *pool)
{
    crm_db_statement_t statement;
    crm_db_rows_t rows;
    apr_status_t rv;

    make_find(&statement, entity, pool);
    rv = crm_db_select(&rows, db, &statement,
                       CRM_DB_VALUES(crm_db_int(source_id, pool), identifier), pool);
    *id = (int)crm_db_number(&rows, 0, 0);
    return rv;
}

/* ---- writing ---- */

/* One source writes all of such a row: the writer's name in the notes can be empty. */
void crm_entity_tell(crm_entity_row_t *row, const crm_news_t *news)
{
    row->changed |= crm_guard_apply(row->guard, row->cells, row->entity->groups,
                                    row->entity->group_count, news, "");
}

static apr_status_t insert(crm_entity_row_t *row, crm_db_t *db, int deleted, apr_pool_t *pool)
{
    const crm_entity_t *entity = row->entity;
    const char *values[VALUES_MOST];
    crm_db_statement_t statement;
    crm_db_rows_t rows;
    apr_status_t rv;

    make_insert(&statement, db, entity, pool);
    values[0] = crm_db_int(row->source_id, pool);
    values[1] = row->identifier;
    values[2] = deleted ? "1" : "0";
    memcpy(values + 3, row->cells, sizeof(char *) * (apr_size_t)entity->column_count);
    rv = crm_db_select(&rows, db, &statement, values, 3 + entity->column_count, pool);
    row->id = (int)crm_db_number(&rows, 0, 0);
    row->deleted = deleted;
    return rv;
}

static apr_status_t update(crm_entity_row_t *row, crm_db_t *db, int deleted, apr_pool_t *pool)
{
    const crm_entity_t *entity = row->entity;
    const char *values[VALUES_MOST];
    crm_db_statement_t statement;

    make_update(&statement, db, entity, pool);
    values[0] = deleted ? "1" : "0";
    memcpy(values + 1, row->cells, sizeof(char *) * (apr_size_t)entity->column_count);
    values[1 + entity->column_count] = crm_db_int(row->id, pool);
    row->deleted = deleted;
    return crm_db_execute(NULL, db, &statement, values, 2 + entity->column_count, pool);
}

apr_status_t crm_entity_save(crm_entity_row_t *row, crm_db_t *db, crm_entity_flag_t flag,
                             apr_pool_t *pool)
{
    int deleted = row->buried || (flag == CRM_ENTITY_KEEP ? row->deleted : flag == CRM_ENTITY_GONE);
    apr_status_t rv = APR_SUCCESS;

    if (row->entity->column_count + 4 > VALUES_MOST) {
        crm_db_note(db, "a table is wider than crm/entity.c allows");
        return CRM360_ESCHEMA;
    }
    if (!row->id) {
        rv = insert(row, db, deleted, pool);
    }
    else if (row->changed || deleted != row->deleted) {
        rv = update(row, db, deleted, pool);
    }
    row->changed = 0;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return crm_guard_save(row->guard, db, row->entity->table, row->key, pool);
}

apr_status_t crm_entity_bury(crm_entity_row_t *row, crm_db_t *db, apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;

    if (!row->buried) {
        rv = crm_mark_bury(db, row->entity->table, row->key, pool);
        row->buried = 1;
    }
    if (rv == APR_SUCCESS && row->id && !row->deleted) {
        rv = update(row, db, 1, pool);
    }
    return rv;
}

/* Whether everything of `news` is known already. Read without taking the row: what is known never
 * becomes unknown again. */
static apr_status_t is_known(int *known, crm_db_t *db, const crm_entity_t *entity, int source_id,
                             const char *identifier, const crm_news_t *news, apr_pool_t *pool)
{
    crm_guard_t *guard;
    apr_status_t rv =
        crm_guard_load(&guard, db, entity->table, crm_mark_key(source_id, identifier, pool), pool);

    *known = rv == APR_SUCCESS && crm_guard_knows(guard, entity->groups, entity->group_count, news);
    return rv;
}

apr_status_t crm_entity_known(int *id, crm_db_t *db, const crm_entity_t *entity, int source_id,
                              const char *identifier, const crm_news_t *news, apr_pool_t *pool)
{
    apr_status_t rv;
    int known = 0;

    identifier = crm_entity_identifier(identifier, CRM_ENTITY_IDENTIFIER_MOST, pool);
    rv = find(id, db, entity, source_id, identifier, pool);
    if (rv == APR_SUCCESS && *id) {
        rv = is_known(&known, db, entity, source_id, identifier, news, pool);
    }
    *id = known ? *id : 0;
    return rv;
}

apr_status_t crm_entity_ensure(int *id, crm_db_t *db, const crm_entity_t *entity, int source_id,
                               const char *identifier, const crm_news_t *news, apr_pool_t *pool)
{
    crm_entity_row_t row;
    apr_status_t rv = crm_entity_known(id, db, entity, source_id, identifier, news, pool);

    if (rv != APR_SUCCESS || *id) {
        return rv;
    }
    rv = crm_entity_open(&row, db, entity, source_id, identifier, pool);
    if (rv == APR_SUCCESS) {
        crm_entity_tell(&row, news);
        rv = crm_entity_save(&row, db, CRM_ENTITY_KEEP, pool);
    }
    *id = row.id;
    return rv;
}
