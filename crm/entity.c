/*
 * The statements of a table are made of its description, which is constant; values only ever travel
 * as parameters. The order of the steps is that in which rows are locked: the notes of the key
 * first, so that messages about one thing follow each other. Must never remove a row.
 */
#include "crm/entity.h"

#include <apr_strings.h>

#include <string.h>

#include "core/digest.h"
#include "core/encode.h"
#include "crm/db_private.h"
#include "crm/mark.h"

#define VALUES_MOST 48 /* columns of the widest table, and four more */

/* ---- statements ---- */

/* Their numbers for crm_db_made(). */
typedef enum { SELECT_ROW, FIND_ROW, INSERT_ROW, UPDATE_ROW } which_t;

static const char *placeholder(const crm_db_dialect_t *dialect, crm_column_kind_t kind)
{
    switch (kind) {
    case CRM_COLUMN_INTEGER:
        return "%d";
    case CRM_COLUMN_DECIMAL:
        return dialect->decimal;
    default:
        return "%s";
    }
}

static void put_statement(crm_db_statement_t *statement, const crm_entity_t *entity,
                          const char *what, const char *sql, apr_pool_t *pool)
{
    statement->label = apr_pstrcat(pool, "entity_", what, "_", entity->table, NULL);
    statement->sql = sql;
}

static void make_select(crm_db_statement_t *statement, const crm_db_dialect_t *dialect,
                        const void *description, apr_pool_t *pool)
{
    const crm_entity_t *entity = description;
    const char *sql = apr_pstrcat(pool, "SELECT ", entity->id, ", DeletionFlag", NULL);
    int i;

    (void)dialect;
    for (i = 0; i < entity->column_count; i++) {
        sql = apr_pstrcat(pool, sql, ", ", entity->columns[i].name, NULL);
    }
    put_statement(statement, entity, "select",
                  apr_pstrcat(pool, sql, " FROM ", entity->table, " WHERE SourceId = %d AND ",
                              entity->identifier, " = %s", NULL),
                  pool);
}

static void make_find(crm_db_statement_t *statement, const crm_db_dialect_t *dialect,
                      const void *description, apr_pool_t *pool)
{
    const crm_entity_t *entity = description;

    (void)dialect;
    put_statement(statement, entity, "find",
                  apr_pstrcat(pool, "SELECT e.", entity->id, ", v.Versions FROM ", entity->table,
                              " e LEFT JOIN WebhookVersions v ON v.TargetTable = '", entity->table,
                              "' AND v.TargetKey = %s WHERE e.SourceId = %d AND e.",
                              entity->identifier, " = %s", NULL),
                  pool);
}

static void make_insert(crm_db_statement_t *statement, const crm_db_dialect_t *dialect,
                        const void *description, apr_pool_t *pool)
{
    const crm_entity_t *entity = description;
    const char *names = apr_pstrcat(pool, "SourceId, ", entity->identifier, ", DeletionFlag", NULL);
    const char *values = "%d, %s, %d";
    int i;

    for (i = 0; i < entity->column_count; i++) {
        names = apr_pstrcat(pool, names, ", ", entity->columns[i].name, NULL);
        values =
            apr_pstrcat(pool, values, ", ", placeholder(dialect, entity->columns[i].kind), NULL);
    }
    statement->gives = entity->id;
    put_statement(statement, entity, "insert",
                  apr_pstrcat(pool, "INSERT INTO ", entity->table, " (", names, ") VALUES (",
                              values, ")", NULL),
                  pool);
}

static void make_update(crm_db_statement_t *statement, const crm_db_dialect_t *dialect,
                        const void *description, apr_pool_t *pool)
{
    const crm_entity_t *entity = description;
    const char *sql = apr_pstrcat(pool, "UPDATE ", entity->table, " SET DeletionFlag = %d", NULL);
    int i;

    for (i = 0; i < entity->column_count; i++) {
        sql = apr_pstrcat(pool, sql, ", ", entity->columns[i].name, " = ",
                          placeholder(dialect, entity->columns[i].kind), NULL);
    }
    put_statement(statement, entity, "update",
                  apr_pstrcat(pool, sql, " WHERE ", entity->id, " = %d", NULL), pool);
}

/* ---- reading ---- */

const char *crm_entity_identifier(const char *text, apr_size_t most, apr_pool_t *pool)
{
    unsigned char digest[CRM360_SHA1_BYTES];
    apr_size_t length = strlen(text);
    char *hex;

    if (length <= most) {
        return text;
    }
    crm360_sha1(digest, text, length);
    hex = apr_palloc(pool, 2 * CRM360_SHA1_BYTES + 1);
    crm360_hex_write(hex, digest, CRM360_SHA1_BYTES);
    return hex;
}

static apr_status_t read_row(crm_entity_row_t *row, crm_db_t *db, apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv;
    int i;

    rv = crm_db_select(&rows, db, crm_db_made(db, row->entity, SELECT_ROW, make_select),
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
    crm_mark_t mark;
    apr_status_t rv;

    memset(row, 0, sizeof(*row));
    row->entity = entity;
    row->source_id = source_id;
    row->identifier = crm_entity_identifier(identifier, CRM_ENTITY_IDENTIFIER_MOST, pool);
    row->key = crm_mark_key(source_id, row->identifier, pool);
    row->cells = apr_pcalloc(pool, sizeof(char *) * (apr_size_t)(entity->column_count + 1));
    rv = entity->follows ? crm_mark_look(&mark, db, entity->table, row->key, pool)
                         : crm_mark_take(&mark, db, entity->table, row->key, pool);
    row->marked = mark.exists;
    row->buried = mark.deleted;
    if (rv == APR_SUCCESS) {
        rv = read_row(row, db, pool);
    }
    /* Notes without their row are of one that some other program has removed: it is made anew, of
     * all that is told then. */
    row->guard = crm_guard_read(row->id ? mark.notes : NULL, entity->table, row->key, pool);
    return rv;
}

/* A row's id, 0 when there is none, and its notes, without taking it. */
static apr_status_t find(int *id, const char **notes, crm_db_t *db, const crm_entity_t *entity,
                         int source_id, const char *identifier, apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv;

    rv = crm_db_select(&rows, db, crm_db_made(db, entity, FIND_ROW, make_find),
                       CRM_DB_VALUES(crm_mark_key(source_id, identifier, pool),
                                     crm_db_int(source_id, pool), identifier),
                       pool);
    *id = (int)crm_db_number(&rows, 0, 0);
    *notes = crm_db_cell(&rows, 0, 1);
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

    values[0] = crm_db_int(row->source_id, pool);
    values[1] = row->identifier;
    values[2] = deleted ? "1" : "0";
    memcpy(values + 3, row->cells, sizeof(char *) * (apr_size_t)entity->column_count);
    row->deleted = deleted;
    return crm_db_insert(&row->id, db, crm_db_made(db, entity, INSERT_ROW, make_insert), values,
                         3 + entity->column_count, pool);
}

static apr_status_t update(crm_entity_row_t *row, crm_db_t *db, int deleted, apr_pool_t *pool)
{
    const crm_entity_t *entity = row->entity;
    const char *values[VALUES_MOST];

    values[0] = deleted ? "1" : "0";
    memcpy(values + 1, row->cells, sizeof(char *) * (apr_size_t)entity->column_count);
    values[1 + entity->column_count] = crm_db_int(row->id, pool);
    row->deleted = deleted;
    return crm_db_execute(NULL, db, crm_db_made(db, entity, UPDATE_ROW, make_update), values,
                          2 + entity->column_count, pool);
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
    if (!row->marked) {
        row->marked = 1;
        return crm_guard_add(row->guard, db, row->entity->table, row->key, pool);
    }
    return crm_guard_save(row->guard, db, row->entity->table, row->key, pool);
}

apr_status_t crm_entity_bury(crm_entity_row_t *row, crm_db_t *db, apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;

    if (!row->marked) {
        rv = crm_guard_add(row->guard, db, row->entity->table, row->key, pool);
        row->marked = 1;
    }
    if (rv == APR_SUCCESS && !row->buried) {
        rv = crm_mark_bury(db, row->entity->table, row->key, pool);
        row->buried = 1;
    }
    if (rv == APR_SUCCESS && row->id && !row->deleted) {
        rv = update(row, db, 1, pool);
    }
    return rv;
}

/* Read without taking the row: what is known never becomes unknown again. */
apr_status_t crm_entity_known(int *id, crm_db_t *db, const crm_entity_t *entity, int source_id,
                              const char *identifier, const crm_news_t *news, apr_pool_t *pool)
{
    const char *notes;
    apr_status_t rv;

    identifier = crm_entity_identifier(identifier, CRM_ENTITY_IDENTIFIER_MOST, pool);
    rv = find(id, &notes, db, entity, source_id, identifier, pool);
    if (rv == APR_SUCCESS && *id &&
        !crm_guard_knows(crm_guard_read(notes, entity->table, identifier, pool), entity->groups,
                         entity->group_count, news)) {
        *id = 0;
    }
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
