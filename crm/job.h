/*
 * Jobs: messages that are worked on in steps, each in a transaction of its own (HANDLER_MORE in
 * handlers/handler.h). A row of WebhookJobs says where the next step begins, and is committed
 * together with the step: a worker that is killed loses one step, and the next worker goes on.
 */
#ifndef CRM_JOB_H
#define CRM_JOB_H

#include "crm/db.h"

#define CRM_JOB_STATES 5 /* by the numbers of crm/postal.h; 0 is not used */

typedef struct crm_job_t {
    const char *message_id; /* borrowed, like the next */
    const char *kind;       /* what is done, "rnvp": a message may have several jobs */
    const char *started_at; /* NULL = no step was saved yet */
    int finished;
    int cursor;                 /* behind this the next step begins; 0 at first */
    int total;                  /* where cursor ends; 0 until the first step sets it */
    int done;                   /* worked on; likewise from here on: how many */
    int changed;                /* of these, rows that look different now */
    int unknown;                /* named by the message, and not there */
    int states[CRM_JOB_STATES]; /* what became of addresses */
} crm_job_t;

/* Reads where a job stands, all zero when it has not begun. Texts are in `pool`. Errors as
 * crm_db_begin(). */
apr_status_t crm_job_open(crm_job_t *job, crm_db_t *db, const char *message_id, const char *kind,
                          apr_pool_t *pool) __attribute__((warn_unused_result));

/* Writes where it stands; with `finished` set it will not be asked for again, and its row ends with
 * those of the inbox (crm/retention.h). */
apr_status_t crm_job_save(crm_job_t *job, crm_db_t *db, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
