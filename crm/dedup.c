/*
 * The steps of a run (see dedup.h). Everything that a run knows stands in the database, and is
 * committed with the step: a worker that is killed loses one step. Must never hold locks on people
 * longer than for one merge: a step that has merged is over.
 */
#include "crm/dedup.h"

#include <apr_strings.h>

#include "core/clock.h"
#include "core/log.h"
#include "crm/dedup_keys.h"
#include "crm/merge.h"
#include "crm/postal.h"

#define STEP_TIME (40 * 1000) /* as crm/address_clean.c: nobody waits longer for the database */

static const crm_db_statement_t select_last = {
    .label = "dedup_last", .sql = "SELECT COALESCE(MAX(ContactId), 0) FROM Contacts"};

static const crm_db_statement_t insert_task = {
    .label = "dedup_task",
    .sql = "INSERT INTO WebhookDuplicateTasks (MessageId, ContactId) VALUES (%s, %d)"
           " ON CONFLICT DO NOTHING"};

/* Of the contacts behind one up to another. */
static const crm_db_statement_t insert_tasks = {
    .label = "dedup_tasks",
    .sql = "INSERT INTO WebhookDuplicateTasks (MessageId, ContactId)"
           " SELECT CAST(%s AS TEXT), c.ContactId FROM Contacts c"
           " WHERE c.ContactId > %d AND c.ContactId <= %d AND c.DeletionFlag = 0"
           " AND (CAST(%d AS INTEGER) = 0 OR EXISTS (SELECT 1 FROM ContactIdentifiers i"
           " WHERE i.ContactId = c.ContactId AND i.SourceId = %d))"
           " AND (CAST(%d AS INTEGER) = 0 OR c.ZoneId = %d)"
           " AND (CAST(%d AS INTEGER) = 0 OR EXISTS (SELECT 1 FROM Addresses a"
           " WHERE a.ContactId = c.ContactId AND a.DeletionFlag = 0"
           " AND (CAST(%d AS INTEGER) = 0 OR a.BrandId = %d)"
           " AND (CAST(%d AS INTEGER) = 0 OR a.ContactAddressTypeId = %d)))"
           " ON CONFLICT DO NOTHING"};

static const crm_db_statement_t select_task = {
    .label = "dedup_next",
    .sql = "SELECT MIN(ContactId) FROM WebhookDuplicateTasks WHERE MessageId = %s"};

static const crm_db_statement_t select_asked = {
    .label = "dedup_asked",
    .sql = "SELECT 1 FROM WebhookDuplicateTasks WHERE MessageId = %s AND ContactId = %d"};

/* Of a contact that is not deleted nothing has become. */
static const crm_db_statement_t select_kept = {
    .label = "dedup_kept",
    .sql = "SELECT m.KeptContactId FROM WebhookMerges m JOIN Contacts c"
           " ON c.ContactId = m.MergedContactId WHERE m.MergedContactId = %d"
           " AND c.DeletionFlag = 1 ORDER BY m.MergeId DESC LIMIT 1"};

static const crm_db_statement_t delete_task = {
    .label = "dedup_task_done",
    .sql = "DELETE FROM WebhookDuplicateTasks WHERE MessageId = %s AND ContactId = %d"};

/* Of messages that were given up long ago: their jobs are pruned. */
static const crm_db_statement_t delete_orphans = {
    .label = "dedup_orphans",
    .sql = "DELETE FROM WebhookDuplicateTasks WHERE MessageId NOT IN"
           " (SELECT MessageId FROM WebhookJobs)"};

typedef struct run_t {
    crm_db_t *db;
    crm_job_t *job;
    const char *message_id;
    const crm_dedup_choice_t *choice;
    apr_time_t until;
    int over;         /* the step is */
    apr_pool_t *pool; /* of one contact */
} run_t;

/* ---- the first part: keys and tasks ---- */

/* `pool` is the caller's: the job keeps texts of it. */
static apr_status_t begin(run_t *run, apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, run->db, &select_last, NULL, 0, pool);

    run->job->total = (int)crm_db_number(&rows, 0, 0);
    if (rv == APR_SUCCESS) {
        rv = crm_job_save(run->job, run->db, pool); /* ours are no orphans */
    }
    return rv == APR_SUCCESS ? crm_db_execute(NULL, run->db, &delete_orphans, NULL, 0, pool) : rv;
}

/* Makes tasks of the chosen contacts behind one up to another. */
static apr_status_t choose(int *chosen, crm_db_t *db, const char *message_id,
                           const crm_dedup_choice_t *choice, int after, int last, apr_pool_t *pool)
{
    const char *source = crm_db_int(choice->source_id, pool);
    const char *zone = crm_db_int(choice->zone_id, pool);
    const char *brand = crm_db_int(choice->brand_id, pool);
    const char *type = crm_db_int(choice->contact_address_type_id, pool);
    const char *place = choice->brand_id || choice->contact_address_type_id ? "1" : "0";

    return crm_db_execute(chosen, db, &insert_tasks,
                          CRM_DB_VALUES(message_id, crm_db_int(after, pool), crm_db_int(last, pool),
                                        source, source, zone, zone, place, brand, brand, type,
                                        type),
                          pool);
}

static apr_status_t prepare(run_t *run)
{
    int after = run->job->cursor, last = 0;
    apr_status_t rv = crm_dedup_keys_range(&last, run->db, after, run->pool);

    if (rv == APR_SUCCESS && last && run->choice) {
        rv = choose(NULL, run->db, run->message_id, run->choice, after, last, run->pool);
    }
    run->job->cursor = last && last < run->job->total ? last : run->job->total;
    return rv;
}

/* ---- the second part ---- */

static apr_status_t forget_task(run_t *run, int contact_id)
{
    return crm_db_execute(NULL, run->db, &delete_task,
                          CRM_DB_VALUES(run->message_id, crm_db_int(contact_id, run->pool)),
                          run->pool);
}

/* Merges two contacts, unless one of them has changed since it was compared. The kept one has
 * grown, and is looked at again. */
static apr_status_t merge(run_t *run, int a, int b)
{
    int kept = a < b ? a : b, merged = a < b ? b : a;
    crm_duplicate_t result;
    apr_status_t rv = crm_merge_pair(&result, run->db, a, b, run->message_id, run->pool);

    if (rv != APR_SUCCESS || result.verdict != CRM_DUPLICATE_MERGE) {
        return rv;
    }
    run->job->changed++;
    crm360_log(CRM360_LOG_DEBUG, APR_SUCCESS, "%s: contact %d merged into %d by rule %s",
               run->message_id, merged, kept, result.rule);
    rv = crm_dedup_keys_one(run->db, kept, run->pool);
    if (rv == APR_SUCCESS) {
        rv = crm_dedup_keys_one(run->db, merged, run->pool);
    }
    if (rv == APR_SUCCESS) {
        rv = forget_task(run, merged);
    }
    return rv == APR_SUCCESS
               ? crm_db_execute(NULL, run->db, &insert_task,
                                CRM_DB_VALUES(run->message_id, crm_db_int(kept, run->pool)),
                                run->pool)
               : rv;
}

/* Nothing of the merge has happened. Somebody is in the way: the next step tries again. The rows
 * cannot be stored, as some other program has made them: the run must not end with that pair. */
static apr_status_t give_up(run_t *run, const crm_duplicate_t *result, int a, int b,
                            apr_status_t why)
{
    apr_status_t rv = crm_db_savepoint_rollback(run->db);
    int written = 0;

    if (rv != APR_SUCCESS || why == CRM360_ECONFLICT) {
        crm360_log(CRM360_LOG_DEBUG, why, "%s: contacts %d and %d are in use; again in a moment",
                   run->message_id, a, b);
        run->over = 1;
        return rv;
    }
    crm360_log(
        CRM360_LOG_WARNING, APR_SUCCESS,
        CRM360_LOGNO(0536) "%s: contacts %d and %d are one person, and cannot be merged: %s; "
                           "they are put into WebhookReviews",
        run->message_id, a, b, crm_db_error(run->db));
    rv = crm_merge_note(&written, run->db, a, b, result, run->pool);
    run->job->states[CRM_POSTAL_AMBIGUOUS] += written > 0;
    return rv;
}

/* Merges in a savepoint of its own. Then the step is over: nobody shall wait for two people at
 * once. */
static apr_status_t try_merge(run_t *run, const crm_duplicate_t *result, int a, int b)
{
    crm_job_t before = *run->job;
    apr_status_t rv = crm_db_savepoint(run->db);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = merge(run, a, b);
    if (rv == APR_SUCCESS) {
        run->over = 1;
        return crm_db_savepoint_release(run->db);
    }
    *run->job = before;
    return rv == CRM360_ECONFLICT || rv == CRM360_EDATA ? give_up(run, result, a, b, rv) : rv;
}

/* Compares a contact with a candidate, which may have changed since its keys were made. */
static apr_status_t compare(run_t *run, const crm_suspect_t *suspect, int other_id,
                            apr_pool_t *pool)
{
    crm_duplicate_t result;
    crm_suspect_t other;
    apr_status_t rv = crm_merge_read(&other, run->db, other_id, pool);
    int written = 0;

    if (rv != APR_SUCCESS) {
        return APR_STATUS_IS_ENOENT(rv) ? APR_SUCCESS : rv;
    }
    rv = crm_merge_judge(&result, run->db, suspect, &other, pool);
    if (rv != APR_SUCCESS || result.verdict == CRM_DUPLICATE_NO) {
        return rv;
    }
    if (result.verdict == CRM_DUPLICATE_MERGE) {
        return try_merge(run, &result, suspect->contact_id, other_id);
    }
    rv = crm_merge_note(&written, run->db, suspect->contact_id, other_id, &result, pool);
    run->job->states[CRM_POSTAL_AMBIGUOUS] += written > 0;
    return rv;
}

/* One contact with all its candidates; its task ends when none of them was merged. */
static apr_status_t examine(run_t *run, int contact_id)
{
    apr_array_header_t *ids;
    crm_suspect_t suspect;
    apr_pool_t *turn;
    int i, left_out = 0;
    apr_status_t rv = crm_merge_read(&suspect, run->db, contact_id, run->pool);

    if (APR_STATUS_IS_ENOENT(rv)) {
        return forget_task(run, contact_id);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_dedup_candidates(&ids, &left_out, run->db, &suspect, CRM_DEDUP_BLOCK, run->pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_pool_create(&turn, run->pool);
    for (i = 0; i < ids->nelts && rv == APR_SUCCESS && !run->over; i++) {
        rv = compare(run, &suspect, APR_ARRAY_IDX(ids, i, int), turn);
        apr_pool_clear(turn);
    }
    if (rv != APR_SUCCESS || run->over) {
        return rv;
    }
    run->job->done++;
    run->job->states[CRM_POSTAL_REJECTED] += left_out;
    return forget_task(run, contact_id);
}

static apr_status_t look_further(run_t *run)
{
    crm_db_rows_t rows;
    apr_status_t rv =
        crm_db_select(&rows, run->db, &select_task, CRM_DB_VALUES(run->message_id), run->pool);
    int contact_id = (int)crm_db_number(&rows, 0, 0);

    if (rv == APR_SUCCESS && contact_id) {
        return examine(run, contact_id);
    }
    run->job->finished = rv == APR_SUCCESS;
    return rv;
}

static void tell(const crm_job_t *job)
{
    /* Of a single one, of many in a batch perhaps, the line that every message gets is enough. */
    crm360_log(job->done > 1 || job->changed ? CRM360_LOG_INFO : CRM360_LOG_DEBUG, APR_SUCCESS,
               "%s: %d contacts compared, %d merged, %d pairs to be looked at by a person",
               job->message_id, job->done, job->changed, job->states[CRM_POSTAL_AMBIGUOUS]);
    if (job->states[CRM_POSTAL_REJECTED]) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0535) "%s: %d contacts share a mail address, a phone number or a "
                                      "name with more than %d others, and were not compared with "
                                      "all of them",
                   job->message_id, job->states[CRM_POSTAL_REJECTED], CRM_DEDUP_BLOCK);
    }
}

/* ---- the whole ---- */

apr_status_t crm_dedup_ask(int *known, crm_db_t *db, const char *message_id, int contact_id,
                           const crm_dedup_choice_t *choice, apr_pool_t *pool)
{
    const crm_dedup_choice_t any = {.source_id = 0};
    crm_db_rows_t rows;
    apr_status_t rv = APR_SUCCESS;

    *known = 0;
    while (rv == APR_SUCCESS && contact_id && !*known) {
        const char *id = crm_db_int(contact_id, pool);

        rv = choose(NULL, db, message_id, choice ? choice : &any, contact_id - 1, contact_id, pool);
        if (rv == APR_SUCCESS) { /* it may have been asked for already */
            rv = crm_db_select(&rows, db, &select_asked, CRM_DB_VALUES(message_id, id), pool);
            *known = rv == APR_SUCCESS && rows.count > 0;
        }
        if (rv == APR_SUCCESS && !*known) {
            rv = crm_db_select(&rows, db, &select_kept, CRM_DB_VALUES(id), pool);
            contact_id = (int)crm_db_number(&rows, 0, 0); /* always smaller: it comes to an end */
        }
    }
    return rv;
}

apr_status_t crm_dedup_run(crm_job_t *job, crm_db_t *db, const char *message_id,
                           const crm_dedup_choice_t *choice, apr_pool_t *pool)
{
    run_t run = {.db = db, .job = job, .message_id = message_id, .choice = choice};
    apr_status_t rv = crm_job_open(job, db, message_id, CRM_DEDUP_KIND, pool);

    apr_pool_create(&run.pool, pool);
    apr_pool_tag(run.pool, "crm_dedup");
    run.until = crm360_clock() + STEP_TIME;
    if (rv == APR_SUCCESS && !job->started_at) {
        rv = begin(&run, pool);
    }
    while (rv == APR_SUCCESS && !job->finished && !run.over) {
        rv = job->cursor < job->total ? prepare(&run) : look_further(&run);
        run.over = run.over || crm360_clock() >= run.until;
        apr_pool_clear(run.pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_job_save(job, db, pool);
    }
    if (rv == APR_SUCCESS && job->finished) {
        tell(job);
    }
    apr_pool_destroy(run.pool);
    return rv;
}
