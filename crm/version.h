/*
 * The guard: decides whether what a message says about a group of columns is newer than what they
 * hold, so that messages may come late, twice and in any order. Private to crm/, but for
 * crm_version_make().
 *
 * The rule, for one group of one row. Each writer (source and identifier) says values or says
 * "empty". The newest value wins, whoever wrote it; a writer's newer "empty" removes that writer's
 * own value, and nobody else's. Replaying any set of messages in any order gives the same columns:
 * what is kept is the newest value's version and writer, and for each writer a later "empty".
 */
#ifndef CRM_VERSION_H
#define CRM_VERSION_H

#include "crm/db.h"

/* The version of one message (or of one group in it), in `pool`: texts that sort by the
 * payload's own date, then by the time the platform sent it (0 = not told), both in milliseconds
 * since 1970, then by a digest of the body's `len` bytes. */
const char *crm_version_make(apr_int64_t date_ms, apr_int64_t triggered_ms, const char *body,
                             apr_size_t len, apr_pool_t *pool);

#define CRM_NEWS_COLUMNS 11 /* most columns of a group */

/* What a message says about one group of columns. */
typedef struct crm_news_t {
    int said;                             /* 0 = nothing: the columns are left alone */
    const char *version;                  /* crm_version_make() */
    const char *values[CRM_NEWS_COLUMNS]; /* in the group's order; all NULL = "empty" */
} crm_news_t;

/* One group of a table: its name in the stored notes and how many columns it has. */
typedef struct crm_group_t {
    const char *name; /* never changed: it is stored */
    int columns;
} crm_group_t;

typedef struct crm_guard_t crm_guard_t;

/* Reads the notes of one row, which the caller has locked. `key` NULL makes empty notes for a
 * row that is about to be made. In `pool`. */
apr_status_t crm_guard_load(crm_guard_t **guard, crm_db_t *db, const char *table, const char *key,
                            apr_pool_t *pool) __attribute__((warn_unused_result));

/* Applies news to the cells of a row: cells hold the columns of groups[0], then groups[1], ...
 * `writer` is source and identifier. Returns 1 when a cell has changed. */
int crm_guard_apply(crm_guard_t *guard, const char **cells, const crm_group_t *groups, int count,
                    const crm_news_t *news, const char *writer);

/* Writes the notes back when they have changed. */
apr_status_t crm_guard_save(crm_guard_t *guard, crm_db_t *db, const char *table, const char *key,
                            apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
