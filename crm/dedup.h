/*
 * Finding and merging the duplicates of some contacts, or of all of a source, step by step. What
 * handlers use. The selected contacts are compared with the whole database, each with those that
 * share a key of crm/duplicate.h with it.
 *
 * A run has two parts. First it walks through all contacts and makes the keys of those that have
 * changed since the last run; then it takes the selected contacts from WebhookDuplicateTasks, the
 * smallest ContactId first, and compares each with its candidates, likewise. What is one person is
 * merged (crm/merge.h), what may be one is put into WebhookReviews. A contact that has grown by a
 * merge is looked at again. So the result depends on the rows alone, not on steps and workers.
 *
 * A key that very many share (CRM_DEDUP_BLOCK) tells nothing by itself: a mail address that a shop
 * fills in, or the Martins of a large town. Such keys count two by two: whoever shares two of them
 * is compared, again up to that bound. What is left out is counted, and said in the log.
 */
#ifndef CRM_DEDUP_H
#define CRM_DEDUP_H

#include "crm/db.h"
#include "crm/job.h"

#define CRM_DEDUP_KIND "dedup" /* of its row in WebhookJobs */
#define CRM_DEDUP_BLOCK 300    /* contacts that share a key, beside the one that is looked at */

/* Which contacts are looked at; 0 in a member = any. Never deleted ones. */
typedef struct crm_dedup_choice_t {
    int source_id; /* those with an identifier of this source */
    int zone_id;   /* of the contact */
    int brand_id;  /* those with an address of this brand and type */
    int contact_address_type_id;
} crm_dedup_choice_t;

/* Selects one contact for the run of a message, before or while it runs, if it is there and
 * within `choice` (NULL = any); for one that was merged the one that was kept. *known says
 * whether there is one. */
apr_status_t crm_dedup_ask(int *known, crm_db_t *db, const char *message_id, int contact_id,
                           const crm_dedup_choice_t *choice, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* One step, of about 40 ms or up to the first merge, inside the caller's transaction and savepoint.
 * `choice` selects contacts beside those that were asked for; NULL = none. job->finished when there
 * is nothing left to do, which is logged. The job is of CRM_DEDUP_KIND, opened and saved by this:
 *
 *   cursor, total    a ContactId, and where the first part ends
 *   done             contacts looked at
 *   changed          merges
 *   states[3]        pairs written into WebhookReviews (Ambiguous)
 *   states[4]        contacts that were not compared with all who share a key (Rejected)
 *
 * Somebody else in the way (CRM360_ECONFLICT in crm/merge.c) ends the step; the next one tries
 * again. Errors as crm_db_begin(). */
apr_status_t crm_dedup_run(crm_job_t *job, crm_db_t *db, const char *message_id,
                           const crm_dedup_choice_t *choice, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
