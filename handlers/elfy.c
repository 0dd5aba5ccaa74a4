/*
 * elfy76310's process/Rnvp: restructuring, normalising and validating postal addresses, of a whole
 * database if need be; and process/RnvpDedup, which then finds and merges duplicates (crm/dedup.h),
 * in steps of a job of its own kind. A job in steps (crm/job.h): each is a transaction of at most
 * 40 ms, so that other messages of the database get their turn, and the next goes on behind it,
 * whoever takes it. Doing a step twice changes nothing, because what is clean stays
 * (crm/address_clean.h).
 */
#include "handlers/elfy.h"

#include <apr_strings.h>

#include <string.h>

#include "core/log.h"
#include "crm/dedup.h"

#define KIND "rnvp"     /* of the job */
#define UNKNOWN_MOST 10 /* lines about what is not known */

/* A message on its way. */
typedef struct work_t {
    const crm360_message_t *message;
    crm_place_t place;
    handler_elfy_order_t order;
    crm_job_t job;
    crm_clean_t clean;
    apr_pool_t *pool;
} work_t;

static int serves(const crm360_route_t *route)
{
    (void)route; /* both of them */
    return 1;
}

static int wants_dedup(const work_t *work)
{
    return strcmp(work->message->route->action, "RnvpDedup") == 0;
}

/* ---- what is said of it ---- */

/* What is amiss with number `place` of the list. */
static const char *unknown_text(const work_t *work, int place)
{
    const handler_elfy_item_t *item =
        &APR_ARRAY_IDX(work->order.items, place, const handler_elfy_item_t);
    const crm360_message_t *message = work->message;
    int limited = message->zone_id || message->brand_id || message->contact_address_type_id;
    const char *limits =
        limited && !item->object ? ", or it is not of the URI's zone, brand and type" : "";

    if (item->address_id && item->contact_id) {
        return apr_psprintf(work->pool, "AddressId %d is no address of ContactId %d",
                            item->address_id, item->contact_id);
    }
    if (item->address_id) {
        return apr_psprintf(work->pool, "AddressId %d is not there, or deleted%s", item->address_id,
                            limits);
    }
    if (item->contact_id) {
        return apr_psprintf(work->pool,
                            "ContactId %d is not there, or deleted, or has no address%s",
                            item->contact_id, limits);
    }
    return apr_psprintf(work->pool,
                        "place %d of the list has nothing that the address can be attached to: "
                        "expected AddressId, ContactId, Email or MobilePhoneNumber",
                        place + 1);
}

static void note_unknown(work_t *work)
{
    if (++work->job.unknown <= UNKNOWN_MOST) {
        crm360_log(CRM360_LOG_INFO, APR_SUCCESS, "%s: %s%s", work->message->id,
                   unknown_text(work, work->job.cursor),
                   work->job.unknown == UNKNOWN_MOST ? "; more of them are only counted" : "");
    }
}

/* A line for each tenth of a long job. Of a single address, one of many in a batch perhaps, the
 * line that every message gets is enough. */
static void tell_progress(const work_t *work, int cursor_before)
{
    int single = !work->order.all && work->job.total <= 1;
    const crm_job_t *job = &work->job;
    const char *what = work->order.all ? "AddressId" : "place";
    apr_int64_t before = cursor_before, now = job->cursor;

    if (job->finished) {
        crm360_log(single ? CRM360_LOG_DEBUG : CRM360_LOG_INFO, APR_SUCCESS,
                   "%s: %d addresses: %d valid, %d corrected, %d ambiguous, %d rejected; %d rows "
                   "changed, %d not found",
                   work->message->id, job->done, job->states[CRM_POSTAL_VALID],
                   job->states[CRM_POSTAL_CORRECTED], job->states[CRM_POSTAL_AMBIGUOUS],
                   job->states[CRM_POSTAL_REJECTED], job->changed, job->unknown);
    }
    else if (cursor_before == 0 || now * 10 / job->total > before * 10 / job->total) {
        crm360_log(CRM360_LOG_INFO, APR_SUCCESS, "%s: %s %d of %d; %d addresses, %d rows changed",
                   work->message->id, what, job->cursor, job->total, job->done, job->changed);
    }
}

/* ---- a step ---- */

static apr_status_t begin(work_t *work, crm_db_t *db)
{
    crm_job_t *job = &work->job;
    apr_status_t rv = crm_job_open(job, db, work->message->id, KIND, work->pool);

    if (rv == APR_SUCCESS) {
        rv = crm_clean_begin(&work->clean, db, job, work->pool);
    }
    if (rv != APR_SUCCESS || job->started_at) {
        return rv;
    }
    if (work->clean.reference_empty) {
        crm360_log(CRM360_LOG_INFO, APR_SUCCESS,
                   "%s: no post codes were imported (crm360ctl import-postcodes): only the form of "
                   "addresses is checked",
                   work->message->id);
    }
    job->total = work->order.items->nelts;
    return work->order.all ? crm_clean_last(&job->total, db, work->pool) : APR_SUCCESS;
}

/* RnvpDedup: whose it is will be looked at. *known: there is such a contact, with or without an
 * address, and within the URI's limits, which do not hold for what is told. */
static apr_status_t select_contact(int *known, work_t *work, const handler_elfy_item_t *item,
                                   int contact_id)
{
    const crm360_message_t *message = work->message;
    crm_dedup_choice_t limits = {.zone_id = message->zone_id,
                                 .brand_id = message->brand_id,
                                 .contact_address_type_id = message->contact_address_type_id};

    *known = 0;
    if (!wants_dedup(work) || !contact_id) {
        return APR_SUCCESS;
    }
    return crm_dedup_ask(known, work->clean.db, message->id, contact_id,
                         item->object ? NULL : &limits, work->clean.pool);
}

/* The next thing of the list. APR_ENOENT: it is not known. */
static apr_status_t clean_next(work_t *work)
{
    const handler_elfy_item_t *item =
        &APR_ARRAY_IDX(work->order.items, work->job.cursor, const handler_elfy_item_t);
    int contact_id = 0, known = 0;
    apr_status_t cleaned =
        handler_elfy_clean(&contact_id, &work->clean, item, work->message, &work->place);
    apr_status_t rv;

    if (cleaned != APR_SUCCESS && !APR_STATUS_IS_ENOENT(cleaned)) {
        return cleaned;
    }
    rv = select_contact(&known, work, item, contact_id);
    return rv == APR_SUCCESS && !known ? cleaned : rv;
}

static apr_status_t clean_list(work_t *work)
{
    crm_job_t *job = &work->job;
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS && job->cursor < job->total) {
        rv = clean_next(work);
        if (APR_STATUS_IS_ENOENT(rv)) {
            note_unknown(work);
            work->clean.left--;
            rv = APR_SUCCESS;
        }
        job->cursor += rv == APR_SUCCESS;
        apr_pool_clear(work->clean.pool);
        if (crm_clean_is_over(&work->clean)) {
            break;
        }
    }
    return APR_STATUS_IS_EBUSY(rv) ? APR_SUCCESS : rv;
}

static apr_status_t clean_some(work_t *work)
{
    crm_clean_choice_t choice = {.source_id = work->message->source_id,
                                 .zone_id = work->message->zone_id,
                                 .brand_id = work->message->brand_id,
                                 .contact_address_type_id = work->message->contact_address_type_id};

    return work->order.all ? crm_clean_all(&work->clean, &choice) : clean_list(work);
}

static apr_status_t step(handler_result_t *result, work_t *work, crm_db_t *db)
{
    crm_job_t *job = &work->job;
    apr_status_t rv = begin(work, db);
    int before = job->cursor;

    if (rv == APR_SUCCESS && !job->finished) {
        rv = clean_some(work);
    }
    if (rv != APR_SUCCESS || job->finished) {
        return rv;
    }
    job->finished = job->cursor >= job->total;
    if (job->finished && job->unknown > 0 && job->done == 0) {
        result->verdict = HANDLER_REJECT;
        result->reason =
            apr_pstrcat(work->pool, "nothing of it is known here: ", unknown_text(work, 0), NULL);
        return APR_SUCCESS;
    }
    tell_progress(work, before);
    result->verdict = job->finished && !wants_dedup(work) ? HANDLER_DONE : HANDLER_MORE;
    return crm_job_save(job, db, work->pool);
}

/* A step of what RnvpDedup does when everything is cleaned. */
static apr_status_t find_duplicates(handler_result_t *result, const work_t *work, crm_db_t *db)
{
    const crm360_message_t *message = work->message;
    crm_dedup_choice_t choice = {.source_id = message->source_id,
                                 .zone_id = message->zone_id,
                                 .brand_id = message->brand_id,
                                 .contact_address_type_id = message->contact_address_type_id};
    crm_job_t job;
    apr_status_t rv =
        crm_dedup_run(&job, db, message->id, work->order.all ? &choice : NULL, work->pool);

    result->verdict = rv == APR_SUCCESS && job.finished ? HANDLER_DONE : HANDLER_MORE;
    return rv;
}

static apr_status_t deliver(handler_result_t *result, const crm360_message_t *message,
                            const handler_context_t *context, apr_pool_t *pool)
{
    work_t work = {.message = message, .pool = pool};
    apr_status_t rv;

    if (!handler_elfy_order(&work.order, &result->reason, message, pool)) {
        result->verdict = HANDLER_REJECT;
        return APR_SUCCESS;
    }
    rv = handler_place(&work.place, message, context, pool);
    if (rv == APR_SUCCESS) {
        rv = step(result, &work, context->db);
    }
    /* Done, that is: in an earlier step. */
    return rv == APR_SUCCESS && result->verdict == HANDLER_DONE && wants_dedup(&work)
               ? find_duplicates(result, &work, context->db)
               : rv;
}

const handler_t handler_elfy76310 = {
    .platform = "elfy76310",
    .serves = serves,
    .deliver = deliver,
};
