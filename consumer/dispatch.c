/*
 * One batch: claim, transaction, an inbox row per message (and a savepoint, while messages fail
 * that have changed something), commit, acknowledge. The order is the promise: nothing is
 * acknowledged before its effect is committed, and what is committed but not yet acknowledged is
 * recognised by its inbox row when it comes again. Must never keep a message that it cannot finish.
 */
#include "consumer/dispatch.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "consumer/databases.h"
#include "consumer/dispatch_private.h"
#include "consumer/split.h"
#include "core/backoff.h"
#include "core/clock.h"
#include "core/cloudevent.h"
#include "core/log.h"
#include "core/mail_copy.h"
#include "core/message.h"
#include "core/message_element.h"
#include "crm/inbox.h"
#include "handlers/handler.h"

/* How much of the stored messages is in memory at once, beyond the first. */
#define FETCH_BYTES (1024 * 1024)
/* How long the handlers of one batch run: other databases wait for a worker meanwhile. Reached,
 * what is done is committed and the rest goes back. Longer than a commit takes, so that most of
 * the time is work. */
#define BATCH_TIME (50 * 1000)
/* How often a message is tried at once that other transactions are in the way of. */
#define CONFLICT_TRIES 4
/* For how many batches each message has a savepoint, after one has had to be undone. */
#define CAREFUL_BATCHES 50
/* Something is to be undone, and only all of the transaction can be. */
#define UNDO_ALL APR_INCOMPLETE
/* Whoever gets less than this has reached the limit of his memory. */
#define MEMORY_LEAST (1024 * 1024)

consumer_dispatch_t *consumer_dispatch_make(const crm360_config_t *config, crm360_queue_t *queue,
                                            crm360_lane_t lane, const char *worker,
                                            consumer_slot_t *slot, consumer_shared_t *shared,
                                            outbound_t *outbound, const volatile sig_atomic_t *stop,
                                            apr_pool_t *pool)
{
    consumer_dispatch_t *dispatch = apr_pcalloc(pool, sizeof *dispatch);

    dispatch->config = config;
    dispatch->queue = queue;
    dispatch->lane = lane;
    dispatch->worker = worker;
    dispatch->slot = slot;
    dispatch->shared = shared;
    dispatch->outbound = outbound;
    dispatch->stop = stop;
    dispatch->databases = consumer_databases_make(config, shared, pool);
    apr_pool_create(&dispatch->pool, pool);
    apr_pool_tag(dispatch->pool, "crm360_batch");
    return dispatch;
}

/* ---- the slot: what the master sees of us ---- */

/* The time first: the master reads the id first, and so never holds an old time against a new
 * id. */
void dispatch_enter(consumer_slot_t *slot, const char *id)
{
    apr_size_t i;

    consumer_slot_touch(slot, crm360_clock());
    for (i = 0; i < CONSUMER_ID_BYTES - 1 && id[i]; i++) {
        slot->id[i] = id[i];
    }
    slot->id[i] = '\0';
}

void dispatch_leave(consumer_slot_t *slot)
{
    slot->id[0] = '\0';
    /* A commit that hangs is an overrun too, charged to nobody. */
    consumer_slot_touch(slot, crm360_clock());
}

/* ---- one message ---- */

/* The message failed: when does it come again, if ever? */
static void decide_retry(batch_t *batch, int i, const handler_result_t *result)
{
    outcome_t *outcome = &batch->outcomes[i];
    apr_pool_t *pool = batch->dispatch->pool;
    int failures = batch->claim.attempts[i] + 1;
    int steps;
    const apr_interval_time_t *schedule =
        crm360_config_retry_schedule(batch->dispatch->config, &steps);
    apr_time_t now = apr_time_now();

    outcome->reason = apr_pstrdup(pool, result->reason ? result->reason : "no reason given");
    outcome->delay = crm360_backoff_next(schedule, steps, failures);
    if (outcome->delay < 0) {
        outcome->fate = BURY;
        outcome->reason =
            apr_psprintf(pool, "failed %d times, the last time: %s", failures, outcome->reason);
        return;
    }
    outcome->fate = RETRY;
    if (result->not_before > now + outcome->delay) {
        outcome->delay = result->not_before - now;
    }
}

void dispatch_decide(batch_t *batch, int i, const handler_result_t *result)
{
    outcome_t *outcome = &batch->outcomes[i];

    switch (result->verdict) {
    case HANDLER_DONE:
        outcome->fate = ACK;
        break;
    case HANDLER_MORE:
        outcome->fate = STEP;
        break;
    case HANDLER_RETRY:
        decide_retry(batch, i, result);
        break;
    case HANDLER_REJECT:
        outcome->fate = BURY;
        outcome->reason =
            apr_pstrdup(batch->dispatch->pool, result->reason ? result->reason : "no reason given");
        break;
    }
}

/* Libraries that get no memory call it by many names, "database away" among them, and the message
 * would come again for ever. It is what it is: the end of this worker, charged to the message. */
static void check_memory(apr_pool_t *pool)
{
    void *volatile probe = malloc(MEMORY_LEAST); /* volatile: the compiler may not save it */

    if (!probe && apr_pool_abort_get(pool)) {
        apr_pool_abort_get(pool)(APR_ENOMEM);
    }
    free(probe);
}

/* Undoes what a message has done since there were `changes`, when its inbox row was in. Mostly that
 * is nothing: it was refused for what is in it. */
static apr_status_t undo(const batch_t *batch, const crm360_message_t *message,
                         apr_uint64_t changes, apr_pool_t *pool)
{
    crm_db_t *db = batch->database->db;

    return batch->careful                  ? crm_db_savepoint_rollback(db)
           : crm_db_changes(db) != changes ? UNDO_ALL
                                           : crm_inbox_remove(db, message->id, pool);
}

/* Runs the handler of one message. The inbox row comes first: when another transaction has
 * committed it, the effect is there already.
 *
 * A savepoint costs as much as a small message. So a batch does without, until one has changed
 * something and is to be undone: then all of it is, and it runs again, with savepoints. UNDO_ALL
 * says so. */
static apr_status_t deliver(batch_t *batch, int i, const crm360_message_t *message,
                            const handler_t *handler, apr_pool_t *pool)
{
    crm_db_t *db = batch->database->db;
    handler_context_t context = {.db = db, .database = batch->database->conf};
    handler_result_t result = {.verdict = HANDLER_DONE};
    apr_status_t rv = batch->careful ? crm_db_savepoint(db) : APR_SUCCESS;
    apr_uint64_t changes;
    char text[200];
    int fresh = 0;

    if (rv == APR_SUCCESS) {
        rv = crm_inbox_add(&fresh, db, message->id, message->route->name, pool);
    }
    /* Without its row there is nothing that could be undone alone. */
    changes = rv == APR_SUCCESS ? crm_db_changes(db) : crm_db_changes(db) - 1;
    if (rv == APR_SUCCESS && fresh) {
        rv = handler_deliver(&result, handler, message, &context, pool);
    }
    if (rv == APR_SUCCESS && result.verdict == HANDLER_MORE) {
        rv = crm_inbox_remove(db, message->id, pool); /* it is not done yet */
    }
    if (rv != APR_SUCCESS || result.verdict == HANDLER_RETRY || result.verdict == HANDLER_REJECT) {
        check_memory(pool);
    }
    if (rv == CRM360_EAWAY || rv == CRM360_ECONFLICT || rv == CRM360_ESCHEMA) {
        return rv; /* the whole transaction is rolled back: no message is to blame */
    }
    if (rv != APR_SUCCESS) {
        /* Whatever it is, it must not hold up the messages behind it. */
        result.verdict = HANDLER_RETRY;
        result.reason = crm360_status_text(rv, text, sizeof text);
    }
    if (result.verdict == HANDLER_RETRY || result.verdict == HANDLER_REJECT) {
        rv = undo(batch, message, changes, pool);
    }
    else {
        rv = batch->careful ? crm_db_savepoint_release(db) : crm_db_check(db);
    }
    if (rv == APR_SUCCESS) {
        dispatch_decide(batch, i, &result);
        if (!fresh && result.verdict == HANDLER_DONE) {
            batch->outcomes[i].reason = "its effect was there already";
        }
    }
    return rv;
}

static void reject(batch_t *batch, int i, const char *reason)
{
    handler_result_t result = {.verdict = HANDLER_REJECT, .reason = reason};

    dispatch_decide(batch, i, &result);
}

/* Whether it is an element of which nothing is left: somebody's data was erased from its batch
 * while it was still whole (lua/blank.lua), or its sender has put nothing there. */
static int is_blanked(const crm360_message_t *message)
{
    const char *body = message->body;
    apr_size_t len = message->body_len;

    while (len > 4 && apr_isspace(body[len - 1])) {
        len--;
    }
    return crm360_message_is_element(message) && len == 4 && memcmp(body, "null", 4) == 0;
}

crm360_message_t *dispatch_read(batch_t *batch, int i, const crm360_blob_t *blob, apr_pool_t *pool)
{
    crm360_message_t *message;
    const char *why;

    if (!blob->data) {
        reject(batch, i, "its stored message is missing");
        return NULL;
    }
    if (crm360_message_parse(&message, &why, blob->data, blob->len, pool) != APR_SUCCESS) {
        reject(batch, i, apr_pstrcat(pool, "its stored message cannot be read: ", why, NULL));
        return NULL;
    }
    if (!crm360_id_fits(batch->claim.ids[i], message->id)) {
        reject(batch, i, "its stored message carries another id");
        return NULL;
    }
    message->id = batch->claim.ids[i]; /* a mail copy's own from here on */
    if (message->trace) {
        batch->notes[i].trace = apr_pstrdup(batch->dispatch->pool, message->trace);
    }
    if (crm360_cloudevent_unwrap(message, &why, pool) != APR_SUCCESS) {
        reject(batch, i, why);
        return NULL;
    }
    if (is_blanked(message)) {
        batch->outcomes[i].fate = ACK;
        batch->outcomes[i].reason = "nothing is left of it";
        return NULL;
    }
    if (!handler_find(message)) {
        reject(
            batch, i,
            apr_pstrcat(pool, "no handler for ", message->route->name, " in this version", NULL));
        return NULL;
    }
    return message;
}

/* One message of the batch, from its stored form to its outcome. */
static apr_status_t run_message(batch_t *batch, int i, const crm360_blob_t *blob, apr_pool_t *pool)
{
    crm360_message_t *message = dispatch_read(batch, i, blob, pool);
    const handler_t *handler = message ? handler_find(message) : NULL;

    if (!message) {
        return APR_SUCCESS;
    }
    if (consumer_split_wanted(message)) {
        batch->outcomes[i].fate = SPLIT; /* when the transaction is over: it needs none */
        return APR_SUCCESS;
    }
    if (!handler->deliver) {
        reject(batch, i, "it belongs to the lane send, where nothing is sent inside a transaction");
        return APR_SUCCESS;
    }
    return deliver(batch, i, message, handler, pool);
}

/* ---- the batch ---- */

/* Prolongs the lease. CRM360_ELEASE when it was lost, or nobody can say. */
static apr_status_t extend_lease(batch_t *batch)
{
    consumer_dispatch_t *dispatch = batch->dispatch;
    apr_time_t now = crm360_clock();
    apr_status_t rv = crm360_queue_extend(dispatch->queue, batch->database->keys, dispatch->lane,
                                          batch->claim.token, batch->claim.ids, batch->claim.count,
                                          crm360_config_lease(dispatch->config), dispatch->pool);

    if (rv == APR_SUCCESS) {
        batch->leased_at = now;
    }
    return rv;
}

/* Whether the lease lasts for `needed` more, by our own clock. */
static int is_leased(const batch_t *batch, apr_interval_time_t needed)
{
    return crm360_clock() + needed <=
           batch->leased_at + crm360_config_lease(batch->dispatch->config);
}

/* Sees to it that the lease lasts for a handler more, extending it when it does not. */
apr_status_t dispatch_keep_lease(batch_t *batch)
{
    if (is_leased(batch, crm360_config_handler_timeout(batch->dispatch->config))) {
        return APR_SUCCESS;
    }
    return extend_lease(batch);
}

/* The fence in front of COMMIT: Redis is asked whether the lease is still ours, whatever our
 * own clock says, which stands still while a machine is suspended. What follows has half a lease at
 * least: one of which less is left is prolonged. Only when Redis cannot say, our clock decides.
 *
 * What remains: a worker that is stopped between this and its COMMIT for longer than that.
 * Even then the effect happens once. Our transaction has written the inbox rows, so whoever has
 * claimed the messages meanwhile waits for its end (SQLite has one writer, PostgreSQL keeps the
 * unique key), and then finds the rows of a commit, or does the work after a rollback. */
apr_status_t dispatch_fence(batch_t *batch)
{
    const consumer_dispatch_t *dispatch = batch->dispatch;
    const crm360_claim_t *claim = &batch->claim;
    apr_interval_time_t half = crm360_config_lease(dispatch->config) / 2;
    apr_interval_time_t left = 0;
    apr_status_t rv = APR_SUCCESS;

    if (!dispatch->outbound) { /* a call has the whole of a new lease */
        rv = crm360_queue_fence(&left, dispatch->queue, batch->database->keys, dispatch->lane,
                                claim->token, claim->ids[0], claim->ids[claim->count - 1],
                                dispatch->pool);
    }
    if (rv == APR_SUCCESS && left < half) {
        rv = extend_lease(batch);
    }
    if ((rv == CRM360_EAWAY || rv == CRM360_EREFUSED) && is_leased(batch, half)) {
        return APR_SUCCESS;
    }
    return rv == APR_SUCCESS ? APR_SUCCESS : CRM360_ELEASE;
}

/* Whether the batch ends before message number `i`. At least one message is tried, however long it
 * takes. */
static int is_over(const batch_t *batch, int i)
{
    return *batch->dispatch->stop || (i > 0 && crm360_clock() - batch->started >= BATCH_TIME);
}

/* Runs the messages from number `first` on that fit into memory at once. *next is the first that
 * was not looked at; claim.count when it is over. */
static apr_status_t run_chunk(int *next, batch_t *batch, int first, int last,
                              apr_pool_t *chunk_pool)
{
    consumer_dispatch_t *dispatch = batch->dispatch;
    crm360_blob_t *blobs;
    apr_pool_t *pool;
    apr_status_t rv;
    apr_time_t began;
    int count, i;

    /* One that is too large for our memory is charged like one whose handler takes too much. */
    dispatch_enter(dispatch->slot, batch->claim.ids[first]);
    rv = crm360_queue_fetch(&blobs, &count, dispatch->queue, batch->database->keys,
                            batch->claim.ids + first, batch->claim.bytes + first, last - first,
                            FETCH_BYTES, chunk_pool);
    dispatch_leave(dispatch->slot);
    if (rv != APR_SUCCESS) {
        batch->fetch_failed = 1;
        *next = last; /* Redis is away: commit what is done, the rest is given back */
        return APR_SUCCESS;
    }
    apr_pool_create(&pool, chunk_pool);
    apr_pool_tag(pool, "crm360_message");
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        if (is_over(batch, first + i)) {
            *next = last; /* commit what is done, the rest is given back */
            return APR_SUCCESS;
        }
        /* Lost, or nobody can say: somebody else may be at it by now, and shall have the effect. */
        rv = dispatch_keep_lease(batch) == APR_SUCCESS ? APR_SUCCESS : CRM360_ELEASE;
        if (rv == APR_SUCCESS) {
            /* From here on, whatever kills the worker is the message's doing. */
            began = crm360_clock();
            dispatch_enter(dispatch->slot, batch->claim.ids[first + i]);
            rv = run_message(batch, first + i, &blobs[i], pool);
            batch->notes[first + i].took = crm360_clock() - began;
            dispatch_leave(dispatch->slot);
            batch->ran = first + i + 1;
        }
        apr_pool_clear(pool);
    }
    *next = first + count;
    return rv;
}

/* The messages from `first` to before `last` in one transaction. On failure nothing of it
 * remains, and their outcomes are RELEASE. */
static apr_status_t run_transaction(batch_t *batch, int first, int last)
{
    crm_db_t *db = batch->database->db;
    apr_status_t rv = crm_db_begin(db);
    apr_pool_t *pool;
    int next = first;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_pool_create(&pool, batch->dispatch->pool);
    apr_pool_tag(pool, "crm360_chunk");
    while (rv == APR_SUCCESS && next < last) {
        rv = run_chunk(&next, batch, next, last, pool);
        apr_pool_clear(pool);
    }
    if (rv == APR_SUCCESS) {
        rv = dispatch_fence(batch);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_db_commit(db);
    }
    else {
        crm_db_rollback(db);
    }
    if (rv != APR_SUCCESS) {
        memset(batch->outcomes + first, 0, (apr_size_t)(last - first) * sizeof *batch->outcomes);
    }
    return rv;
}

/* One message in a transaction of its own: again when others were in its way, for they have got on
 * meanwhile. */
static apr_status_t run_alone(batch_t *batch, int i)
{
    apr_status_t rv;
    int tries = 0;

    do {
        rv = run_transaction(batch, i, i + 1);
    } while (rv == CRM360_ECONFLICT && ++tries < CONFLICT_TRIES && !*batch->dispatch->stop);
    return rv;
}

/* All messages in one transaction; again with savepoints when that is needed. */
static apr_status_t run_all(batch_t *batch)
{
    consumer_database_t *database = batch->database;
    apr_status_t rv;

    batch->started = crm360_clock();
    batch->careful = database->careful > 0;
    rv = run_transaction(batch, 0, batch->claim.count);
    database->careful -= batch->careful;
    if (rv == UNDO_ALL) {
        database->careful = CAREFUL_BATCHES;
        batch->careful = 1;
        batch->ran = 0;
        batch->started = crm360_clock();
        rv = run_transaction(batch, 0, batch->claim.count);
    }
    return rv;
}

/* Each message in a transaction of its own, after the batch lost against parallel ones: the
 * others shall not suffer from the one that conflicts. That one has failed once more when it does
 * so again and again, so that a conflict that never ends does not go on for ever. */
static apr_status_t run_one_by_one(batch_t *batch)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    batch->started = crm360_clock();
    batch->careful = 1;
    batch->ran = 0;
    for (i = 0; i < batch->claim.count && rv == APR_SUCCESS && !is_over(batch, i); i++) {
        rv = run_alone(batch, i);
        if (rv == CRM360_ECONFLICT) {
            handler_result_t result = {.verdict = HANDLER_RETRY,
                                       .reason = crm_db_error(batch->database->db)};

            dispatch_decide(batch, i, &result);
            rv = APR_SUCCESS;
        }
    }
    return rv;
}

/* ---- the worker's entry ---- */

/* Claims a batch, after giving back what an earlier failure may have left under our name. */
static apr_status_t claim_batch(batch_t *batch)
{
    consumer_dispatch_t *dispatch = batch->dispatch;
    consumer_database_t *database = batch->database;
    apr_status_t rv;
    int released;

    if (database->unsettled) {
        rv = crm360_queue_release_worker(&released, dispatch->queue, database->keys, dispatch->lane,
                                         dispatch->worker, NULL, dispatch->pool);
        if (rv != APR_SUCCESS) {
            batch->claim.detail = "what it has claimed cannot be released";
            return rv;
        }
        database->unsettled = 0;
    }
    batch->claimed_at = batch->leased_at = crm360_clock();
    rv = crm360_queue_claim(&batch->claim, dispatch->queue, database->keys, dispatch->lane,
                            dispatch->outbound ? 1 : database->fits, dispatch->worker,
                            crm360_config_lease(dispatch->config), dispatch->pool);
    database->unsettled = rv != APR_SUCCESS;
    return rv;
}

/* Claims as many next time as have found room in the time of a batch now: what is claimed and given
 * back is two calls for nothing. */
static void adapt_claims(const batch_t *batch)
{
    int *fits = &batch->database->fits;
    int count = batch->claim.count;

    if (batch->ran < count) {
        *fits = batch->ran > 1 ? batch->ran : 1;
    }
    else if (count >= *fits && crm360_clock() - batch->started < BATCH_TIME / 2) {
        *fits = 2 * count < CRM360_CLAIM_MOST ? 2 * count : CRM360_CLAIM_MOST;
    }
}

/* What was to be split goes back like the rest. */
static void give_up_splits(batch_t *batch)
{
    int i;

    for (i = 0; i < batch->claim.count; i++) {
        if (batch->outcomes[i].fate == SPLIT) {
            batch->outcomes[i].fate = RELEASE;
        }
    }
}

/* Works a claimed batch; *away is set when the database could not be used. */
static void work_batch(batch_t *batch, int *away)
{
    apr_status_t rv;

    batch->outcomes = apr_pcalloc(batch->dispatch->pool,
                                  (apr_size_t)batch->claim.count * sizeof *batch->outcomes);
    rv = run_all(batch);
    if (rv == APR_SUCCESS) {
        adapt_claims(batch);
    }
    if (rv == CRM360_ECONFLICT) {
        rv = run_one_by_one(batch);
    }
    if (rv == CRM360_ELEASE) {
        crm360_log(
            CRM360_LOG_WARNING, rv,
            CRM360_LOGNO(0312) "%s/%s: a batch of %d outlasted its lease and was rolled back; "
                               "it runs again. Crm360Lease may be too short",
            batch->database->conf->customer, batch->database->conf->alias, batch->claim.count);
    }
    else if (rv != APR_SUCCESS) {
        *away = 1;
        consumer_database_failed(batch->database, crm_db_error(batch->database->db));
    }
    if (*away || batch->fetch_failed) {
        give_up_splits(batch); /* nobody will come to them */
    }
    batch->database->unsettled = dispatch_tell(batch) != APR_SUCCESS;
    if (rv == APR_SUCCESS) {
        consumer_database_worked(batch->database, batch->dispatch->pool);
    }
}

void consumer_dispatch_settle(consumer_dispatch_t *dispatch)
{
    consumer_database_t *database;
    int i, released;

    for (i = 0; (database = consumer_database_at(dispatch->databases, i)) != NULL; i++) {
        if (database->unsettled &&
            crm360_queue_release_worker(&released, dispatch->queue, database->keys, dispatch->lane,
                                        dispatch->worker, NULL, dispatch->pool) != APR_SUCCESS) {
            return; /* Redis is still away: a master finds them by our name when it is back */
        }
    }
}

void dispatch_begin_report(consumer_report_t *report, int database)
{
    memset(report, 0, sizeof *report);
    report->database = database;
    report->over = 1;
    report->next_due = -1;
}

/* The worker is idle again. */
void dispatch_end(consumer_dispatch_t *dispatch)
{
    consumer_slot_touch(dispatch->slot, 0);
    dispatch->batch = NULL;
    dispatch->sending = NULL;
    apr_pool_clear(dispatch->pool);
}

static apr_status_t open_database(batch_t *batch)
{
    return consumer_database_open(&batch->database, batch->dispatch->databases, batch->index);
}

/* All that was claimed, untried. */
static void give_back(batch_t *batch)
{
    consumer_dispatch_t *dispatch = batch->dispatch;
    int released;

    batch->database->unsettled =
        crm360_queue_release_worker(&released, dispatch->queue, batch->database->keys,
                                    dispatch->lane, dispatch->worker, NULL,
                                    dispatch->pool) != APR_SUCCESS;
}

/* A wake-up is heard on every host, and one of them gets the message. To open a database takes much
 * longer than to ask for one, so who has it closed opens it when he has got something. */
void consumer_dispatch_claim(consumer_report_t *report, consumer_dispatch_t *dispatch, int database)
{
    batch_t *batch = apr_pcalloc(dispatch->pool, sizeof *batch);
    apr_status_t rv;
    int early; /* claimed before the database is open */

    dispatch_begin_report(report, database);
    batch->dispatch = dispatch;
    batch->index = database;
    consumer_slot_touch(dispatch->slot, crm360_clock());
    batch->database = consumer_database_at(dispatch->databases, database);
    early = consumer_database_sleeps(batch->database);
    if (!early && open_database(batch) != APR_SUCCESS) {
        report->away = CONSUMER_DATABASE_AWAY;
    }
    else if ((rv = claim_batch(batch)) != APR_SUCCESS) {
        report->away = rv == CRM360_EPROTOCOL ? CONSUMER_DATABASE_AWAY : CONSUMER_REDIS_AWAY;
        if (rv == CRM360_EPROTOCOL) {
            consumer_database_failed(batch->database, batch->claim.detail);
        }
    }
    else if (early && batch->claim.count && open_database(batch) != APR_SUCCESS) {
        give_back(batch);
        report->away = CONSUMER_DATABASE_AWAY;
    }
    else {
        report->next_due =
            batch->claim.next_due < 0 ? -1 : batch->leased_at + batch->claim.next_due;
        report->over = batch->claim.count == 0;
        batch->notes =
            apr_pcalloc(dispatch->pool, (apr_size_t)batch->claim.count * sizeof *batch->notes);
    }
    dispatch->batch = batch;
    if (report->over) {
        dispatch_end(dispatch);
    }
}

void consumer_dispatch_work(consumer_report_t *report, consumer_dispatch_t *dispatch)
{
    batch_t *batch = dispatch->batch;
    int away = 0;

    dispatch_begin_report(report, report->database);
    work_batch(batch, &away);
    report->worked = batch->ran;
    report->away = away                                                ? CONSUMER_DATABASE_AWAY
                   : batch->database->unsettled || batch->fetch_failed ? CONSUMER_REDIS_AWAY
                                                                       : 0;
    if (batch->ran < batch->claim.count || batch->steps) {
        report->next_due = crm360_clock(); /* what was given back */
    }
    if (!report->away && dispatch_keep_splits(batch) > 0) {
        report->over = 0;
        report->leaves = 1;
        return;
    }
    dispatch_end(dispatch);
}
