/*
 * Retention: what this program's own tables forget in time: the inbox, the jobs and the events. The
 * tables of the CustomerApi are not touched.
 */
#ifndef CRM_RETENTION_H
#define CRM_RETENTION_H

#include "crm/db.h"

/* How long rows are kept. */
typedef struct crm_retention_t {
    apr_interval_time_t inbox; /* and jobs */
    apr_interval_time_t events; /* and sends */
} crm_retention_t;

/* How many rows were deleted. */
typedef struct crm_pruned_t {
    int inbox;
    int jobs;
    int events;
    int sends;
    int more; /* there may be more to delete: call again */
} crm_pruned_t;

/* Deletes rows that are older than `keep` says, the oldest first, at most `most` of each table,
 * each table in a transaction of its own. Errors as crm_db_begin(); *pruned says what was done
 * until then. */
apr_status_t crm_retention_prune(crm_pruned_t *pruned, crm_db_t *db, const crm_retention_t *keep,
                                 int most, apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
