/*
 * Rows that a source tells of, each known by (SourceId, identifier): purchases, goods, cases and
 * whatever else has such a key. Finds or makes the row, lets the guard decide what is newer, keeps
 * the mark of deletion. Private to crm/: one file per aggregate describes its table and says what
 * its columns mean. Not for Contacts and Addresses, whose rows have several writers.
 *
 * The notes of the guard and the mark of deletion of a row are one row of WebhookVersions, with the
 * table's name and "<SourceId>:<identifier>" for a key. It can stand before the row itself, and it
 * is what transactions about the same thing wait for.
 */
#ifndef CRM_ENTITY_H
#define CRM_ENTITY_H

#include "crm/db.h"
#include "crm/version.h"

#define CRM_ENTITY_IDENTIFIER_MOST 255

typedef enum { CRM_COLUMN_TEXT, CRM_COLUMN_INTEGER, CRM_COLUMN_DECIMAL } crm_column_kind_t;

typedef struct crm_column_t {
    const char *name;
    crm_column_kind_t kind;
} crm_column_t;

/* A table, constant. Besides the columns here it has SourceId and DeletionFlag. */
typedef struct crm_entity_t {
    const char *table;           /* "PurchaseHeaders" */
    const char *id;              /* "PurchaseHeaderId", given by the database */
    const char *identifier;      /* "PurchaseIdentifier" */
    const crm_column_t *columns; /* those of groups[0], then groups[1], ... */
    int column_count;
    const crm_group_t *groups;
    int group_count;
    /* Whoever tells of such a row has taken another one first, which it belongs to: nobody need
     * wait for it, and its notes are made with the row. */
    int follows;
} crm_entity_t;

/* One row, taken for this transaction. */
typedef struct crm_entity_row_t {
    const crm_entity_t *entity;
    int source_id;
    const char *identifier;
    const char *key;    /* in WebhookVersions */
    int id;             /* 0 = not made yet */
    int marked;         /* the key is there in WebhookVersions */
    int buried;         /* its source has deleted it, for good */
    int deleted;        /* DeletionFlag */
    const char **cells; /* as the columns */
    crm_guard_t *guard;
    int changed; /* a cell has changed since it was read */
} crm_entity_row_t;

/* What becomes of DeletionFlag. A row that is buried is flagged in any case. */
typedef enum {
    CRM_ENTITY_KEEP,  /* as it is; a new row is not flagged */
    CRM_ENTITY_SHOWN, /* not flagged */
    CRM_ENTITY_GONE   /* flagged */
} crm_entity_flag_t;

/* A text as an identifier, in `pool`: itself, or its digest when it has more than `most` bytes: an
 * index takes no long ones, and PostgreSQL shorter ones than SQLite. */
const char *crm_entity_identifier(const char *text, apr_size_t most, apr_pool_t *pool);

/* Takes a row, there or not, and reads it. In `pool`. An identifier of more than
 * CRM_ENTITY_IDENTIFIER_MOST bytes is stored as its digest. Errors as crm_db_begin(). */
apr_status_t crm_entity_open(crm_entity_row_t *row, crm_db_t *db, const crm_entity_t *entity,
                             int source_id, const char *identifier, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Applies news, one for each group of the table, to the cells. */
void crm_entity_tell(crm_entity_row_t *row, const crm_news_t *news);

/* Writes what has changed, and the notes; makes the row when there is none. Errors as
 * crm_db_begin(), or CRM360_EDATA. */
apr_status_t crm_entity_save(crm_entity_row_t *row, crm_db_t *db, crm_entity_flag_t flag,
                             apr_pool_t *pool) __attribute__((warn_unused_result));

/* Its source has deleted it: marks the key for good, and flags the row if there is one. */
apr_status_t crm_entity_bury(crm_entity_row_t *row, crm_db_t *db, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Looks a row up without taking it. *id is 0 when there is none, or when it does not know all of
 * `news` yet. */
apr_status_t crm_entity_known(int *id, crm_db_t *db, const crm_entity_t *entity, int source_id,
                              const char *identifier, const crm_news_t *news, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The row, with `news`, one for each group; made when there is none. One that knows the news
 * already is not taken. For what others refer to (a category, a store): they must not wait for
 * each other. */
apr_status_t crm_entity_ensure(int *id, crm_db_t *db, const crm_entity_t *entity, int source_id,
                               const char *identifier, const crm_news_t *news, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
