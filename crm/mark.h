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

/* Takes the row for this transaction; makes it when there is none. *deleted says whether the source
 * has deleted the thing. Errors as crm_db_begin(). */
apr_status_t crm_mark_take(int *deleted, crm_db_t *db, const char *table, const char *key,
                           apr_pool_t *pool) __attribute__((warn_unused_result));

/* The source has deleted it: for good. */
apr_status_t crm_mark_bury(crm_db_t *db, const char *table, const char *key, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
