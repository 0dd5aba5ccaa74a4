/*
 * The guard: decides whether what a message says about a group of columns is newer than what they
 * hold, so that messages may come late, twice and in any order. Private to crm/, but for
 * crm_version_make().
 *
 * The rule, for one group of one row. Each writer (source and identifier) says values or says
 * "empty". The newest value wins, whoever wrote it (of one version, that of the writer whose name
 * sorts last); a writer's newer "empty" removes that writer's own value, and nobody else's.
 * Replaying any set of messages in any order gives the same columns: what is kept is the newest
 * value's version and writer, and for each writer a later "empty".
 */
#ifndef CRM_VERSION_H
#define CRM_VERSION_H

#include "crm/db.h"

/* The version of one message (or of one group in it), in `pool`: texts that sort by the
 * payload's own date, then by the time the platform sent it (0 = not told), both in milliseconds
 * since 1970, then by a digest of the body's `len` bytes. */
const char *crm_version_make(apr_int64_t date_ms, apr_int64_t triggered_ms, const char *body,
                             apr_size_t len, apr_pool_t *pool);

/* The same of a body whose digest is known: for versions of several groups of one message. */
const char *crm_version_digest(const char *body, apr_size_t len, apr_pool_t *pool);
const char *crm_version_of(apr_int64_t date_ms, apr_int64_t triggered_ms, const char *digest,
                           apr_pool_t *pool);

/* The version of what is only guessed, such as a good's label from a purchase: any dated news wins,
 * and among guesses the digest decides. */
const char *crm_version_weak(const char *body, apr_size_t len, apr_pool_t *pool);

/* The version of a group in which the earliest date wins instead of the newest. */
const char *crm_version_earliest(apr_int64_t date_ms, apr_pool_t *pool);

/* The version of what stays, whatever comes later: only another such, of a later date, is newer. */
const char *crm_version_lasting(apr_int64_t date_ms, const char *body, apr_size_t len,
                                apr_pool_t *pool);

#define CRM_NEWS_COLUMNS 12 /* most columns of a group */

/* What a message says about one group of columns. */
typedef struct crm_news_t {
    int said;                             /* 0 = nothing: the columns are left alone */
    const char *version;                  /* crm_version_make() */
    const char *values[CRM_NEWS_COLUMNS]; /* in the group's order; all NULL = "empty" */
} crm_news_t;

/* news := this one value (NULL = "empty") of a group with one column. */
void crm_news_say(crm_news_t *news, const char *version, const char *value);

/* The same with a number that refers to another row or a look-up; 0 = says nothing. */
void crm_news_say_id(crm_news_t *news, const char *version, int id, apr_pool_t *pool);

/* News that is only guessed (crm_version_weak()), with a version made of the value itself: which of
 * two guesses stays does not depend on which came first. */
void crm_news_guess(crm_news_t *news, const char *value, apr_pool_t *pool);

/* The same with a number; 0 = says nothing. */
void crm_news_guess_id(crm_news_t *news, int id, apr_pool_t *pool);

/* One group of a table: its name in the stored notes and how many columns it has. */
typedef struct crm_group_t {
    const char *name; /* never changed: it is stored */
    int columns;      /* 0 = only the version is kept */
    int keeps_value;  /* its one value stands in the notes too: the column may show another's */
} crm_group_t;

/* One that does not keep its value. */
#define CRM_GROUP(name, columns)                                                                   \
    {                                                                                              \
        name, columns, 0                                                                           \
    }

typedef struct crm_guard_t crm_guard_t;

/* Reads the notes of one row, which the caller has locked. `key` NULL makes empty notes for a
 * row that is about to be made. In `pool`. */
apr_status_t crm_guard_load(crm_guard_t **guard, crm_db_t *db, const char *table, const char *key,
                            apr_pool_t *pool) __attribute__((warn_unused_result));

/* The same of notes that have been read: `text` as it is stored, NULL = none. Never NULL. */
crm_guard_t *crm_guard_read(const char *text, const char *table, const char *key, apr_pool_t *pool);

/* Applies news to the cells of a row: cells hold the columns of groups[0], then groups[1], ...
 * `writer` is source and identifier. Returns 1 when a cell has changed. */
int crm_guard_apply(crm_guard_t *guard, const char **cells, const crm_group_t *groups, int count,
                    const crm_news_t *news, const char *writer);

/* The version of the newest value of a group, "" when none was written. */
const char *crm_guard_version(const crm_guard_t *guard, const char *group);

/* The value behind it, of a group that keeps it. `cell` is what the column shows: the value of
 * notes that were written before groups kept theirs. */
const char *crm_guard_value(const crm_guard_t *guard, const char *group, const char *cell);

/* Writes that value into notes that were written before groups kept theirs, before the column shows
 * another's. `cell` must live as long as the guard. */
void crm_guard_keep(crm_guard_t *guard, const char *group, const char *cell);

/* Whether news of the one writer of a row would change nothing: all of it is as old as what the
 * notes have, or older. */
int crm_guard_knows(const crm_guard_t *guard, const crm_group_t *groups, int count,
                    const crm_news_t *news);

/* The notes of two rows that become one: afterwards they and the cells are what they would be, had
 * all messages about both rows been about the one that is kept. A group that no message has told of
 * is filled from the other row when all its cells are empty. */
void crm_guard_join(crm_guard_t *kept, const char **cells, const crm_guard_t *other,
                    const char *const *other_cells, const crm_group_t *groups, int count);

/* Notes of a group that its value is "0" since `version`, or since what they know, whichever is
 * later, and that no source in particular has said so: only a later value turns it. Does nothing
 * when neither has a version. */
void crm_guard_withdraw(crm_guard_t *guard, const char *group, const char *version);

/* Writes notes that are not there yet (crm/mark.h), whether they have changed or not.
 * CRM360_ECONFLICT when they are. */
apr_status_t crm_guard_add(crm_guard_t *guard, crm_db_t *db, const char *table, const char *key,
                           apr_pool_t *pool) __attribute__((warn_unused_result));

/* Writes the notes back when they have changed. */
apr_status_t crm_guard_save(crm_guard_t *guard, crm_db_t *db, const char *table, const char *key,
                            apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
