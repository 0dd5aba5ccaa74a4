/*
 * The row of WebhookVersions that stands for one thing of one source: what transactions about that
 * thing wait for, and where its deletion at the source is kept, also before the thing itself is
 * known. Private to crm/.
 */
#ifndef CRM_MARK_H
#define CRM_MARK_H

#include "crm/db.h"

/* "<SourceId>:<identifier>", in `pool`: the key. */
const char *crm_mark_key(int source_id, const char *identifier, apr_pool_t *pool);

typedef struct crm_mark_t {
    int exists;
    int deleted;       /* the source has deleted the thing */
    const char *notes; /* of the guard (crm/version.h); NULL = none */
} crm_mark_t;

/* Takes the row for this transaction; makes it when there is none. Errors as crm_db_begin(). */
apr_status_t crm_mark_take(crm_mark_t *mark, crm_db_t *db, const char *table, const char *key,
                           apr_pool_t *pool) __attribute__((warn_unused_result));

/* Takes the row if there is one. For things that are only told of by whoever has taken another: the
 * lines of a purchase. */
apr_status_t crm_mark_look(crm_mark_t *mark, crm_db_t *db, const char *table, const char *key,
                           apr_pool_t *pool) __attribute__((warn_unused_result));

/* Makes the row that crm_mark_look() has not found, with its notes. CRM360_ECONFLICT: somebody else
 * has, meanwhile. */
apr_status_t crm_mark_add(crm_db_t *db, const char *table, const char *key, const char *notes,
                          apr_pool_t *pool) __attribute__((warn_unused_result));

/* The source has deleted it: for good. */
apr_status_t crm_mark_bury(crm_db_t *db, const char *table, const char *key, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
