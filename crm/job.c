/* The rows of WebhookJobs. Must never be written outside the transaction that holds the step. */
#include "crm/job.h"

#include <string.h>

#include "crm/date.h"
#include "crm/db_private.h"

#define COUNTS "Cursor, Total, Done, Changed, Unknown, Valid, Corrected, Ambiguous, Rejected"

static const crm_db_statement_t select_job = {.label = "job_select",
                                              .sql = "SELECT StartedAt, FinishedAt, " COUNTS
                                                     " FROM WebhookJobs"
                                                     " WHERE MessageId = %s AND Kind = %s"};

static const crm_db_statement_t upsert_job = {
    .label = "job_upsert",
    .sql = "INSERT INTO WebhookJobs (MessageId, Kind, StartedAt, UpdatedAt, FinishedAt, " COUNTS
           ") VALUES (%s, %s, %s, %s, %s, %d, %d, %d, %d, %d, %d, %d, %d, %d)"
           " ON CONFLICT (MessageId, Kind) DO UPDATE SET UpdatedAt = excluded.UpdatedAt,"
           " FinishedAt = excluded.FinishedAt, Cursor = excluded.Cursor, Total = excluded.Total,"
           " Done = excluded.Done, Changed = excluded.Changed, Unknown = excluded.Unknown,"
           " Valid = excluded.Valid, Corrected = excluded.Corrected,"
           " Ambiguous = excluded.Ambiguous, Rejected = excluded.Rejected"};

apr_status_t crm_job_open(crm_job_t *job, crm_db_t *db, const char *message_id, const char *kind,
                          apr_pool_t *pool)
{
    int *const counts[] = {&job->cursor, &job->total, &job->done, &job->changed, &job->unknown};
    crm_db_rows_t rows;
    apr_status_t rv;
    int i;

    memset(job, 0, sizeof(*job));
    job->message_id = message_id;
    job->kind = kind;
    rv = crm_db_select(&rows, db, &select_job, CRM_DB_VALUES(message_id, kind), pool);
    job->started_at = crm_db_cell(&rows, 0, 0);
    job->finished = crm_db_cell(&rows, 0, 1) != NULL;
    for (i = 0; i < 5; i++) {
        *counts[i] = (int)crm_db_number(&rows, 0, 2 + i);
    }
    for (i = 1; i < CRM_JOB_STATES; i++) {
        job->states[i] = (int)crm_db_number(&rows, 0, 6 + i);
    }
    return rv;
}

apr_status_t crm_job_save(crm_job_t *job, crm_db_t *db, apr_pool_t *pool)
{
    const char *now = crm_date_text(apr_time_now() / 1000, pool);
    const int counts[] = {job->cursor, job->total, job->done, job->changed, job->unknown};
    const char *values[14];
    int i;

    if (!job->started_at) {
        job->started_at = now;
    }
    values[0] = job->message_id;
    values[1] = job->kind;
    values[2] = job->started_at;
    values[3] = now;
    values[4] = job->finished ? now : NULL;
    for (i = 0; i < 5; i++) {
        values[5 + i] = crm_db_int(counts[i], pool);
    }
    for (i = 1; i < CRM_JOB_STATES; i++) {
        values[9 + i] = crm_db_int(job->states[i], pool);
    }
    return crm_db_execute(NULL, db, &upsert_job, values, 14, pool);
}
