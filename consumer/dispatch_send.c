/*
 * One message of lane `send`, from its claim to its end:
 *   1. the provider's permit: its rate, and whether it is called at all;
 *   2. the intent, committed: from here on a crash leaves a message of which nobody knows whether
 *      it was sent, and nobody sends it again but a person;
 *   3. the call, with no transaction open, while others use the database;
 *   4. the outcome, committed;
 *   5. the queue is told.
 * Must never call before 2 is committed, nor tell the queue before 4 is.
 */
#include "consumer/dispatch_private.h"

#include <apr_strings.h>

#include <string.h>

#include "consumer/split.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/queue_provider.h"
#include "crm/inbox.h"
#include "crm/send.h"

/* How often a transaction is tried at once that others are in the way of. */
#define CONFLICT_TRIES 4
/* When a message is tried again whose provider is out of reach and has not said for how long. */
#define AWAY_AGAIN (5 * APR_USEC_PER_SEC)
/* What only a person can mend is not tried more often than this. */
#define ALARM_AGAIN (300 * APR_USEC_PER_SEC)
/* Whoever waits for a provider asks again by then, for he may have been mended meanwhile. */
#define ASK_AGAIN (30 * APR_USEC_PER_SEC)
/* Between two tries to note an outcome. */
#define NOTE_AGAIN (200 * 1000)
/* How long an outcome is tried to be noted: a database that is away for less makes no message
 * uncertain of which we know what became. */
#define NOTE_MOST (60 * APR_USEC_PER_SEC)

typedef struct sending_t {
    batch_t *batch;
    crm360_message_t *message;
    const handler_t *handler;
    const crm360_provider_t *provider; /* NULL = the outbox */
    int repeatable;                    /* calling twice does no harm */
    handler_send_t *send;
    int attempt;
    int called;
    int is_news; /* that the outbox takes nothing */
    outbound_result_t result;
    apr_pool_t *pool;
} sending_t;

static handler_context_t context_of(const sending_t *sending)
{
    handler_context_t context = {.db = sending->batch->database->db,
                                 .database = sending->batch->database->conf};

    return context;
}

static void bury(const sending_t *sending, const char *reason)
{
    sending->batch->outcomes[0].fate = BURY;
    sending->batch->outcomes[0].reason = reason;
}

/* Nobody knows whether it was sent. */
static void bury_uncertain(const sending_t *sending, const char *reason)
{
    bury(sending, apr_pstrcat(sending->pool, "uncertain: ", reason, NULL));
    sending->batch->outcomes[0].word = "uncertain";
}

/* Gives it back untried, visible after `delay`: no attempt is spent. */
static void wait_for(const sending_t *sending, apr_interval_time_t delay)
{
    sending->batch->outcomes[0].fate = WAIT;
    /* The queue counts milliseconds; one that comes too early would only be sent away again. */
    sending->batch->outcomes[0].delay = delay + 999;
}

/* ---- the permit ---- */

/* 1 to go on. Else its outcome is decided, or Redis is away and it is given back as it was. */
static int has_permit(const sending_t *sending)
{
    consumer_dispatch_t *dispatch = sending->batch->dispatch;
    apr_interval_time_t wait = 0;
    const char *why = "";
    apr_status_t rv;

    if (!sending->provider) {
        return 1;
    }
    rv = crm360_queue_permit(
        &wait, &why, dispatch->queue, sending->provider->key, sending->message->id,
        crm360_database_spacing(sending->batch->database->conf, sending->handler->sends),
        sending->pool);
    if (rv != APR_SUCCESS) {
        sending->batch->fetch_failed = 1;
        return 0;
    }
    if (wait > 0) {
        crm360_log(CRM360_LOG_DEBUG, APR_SUCCESS, "%s waits %d ms for %s: %s", sending->message->id,
                   (int)apr_time_as_msec(wait), sending->provider->kind, why);
        wait_for(sending, strcmp(why, "rate") == 0 || wait < ASK_AGAIN ? wait : ASK_AGAIN);
        return 0;
    }
    return 1;
}

/* ---- the intent ---- */

/* Whether calling again does no harm, whoever would be called now. */
static int may_repeat(const sending_t *sending, const crm_send_past_t *past)
{
    return sending->handler->repeatable ||
           (past->provider && strcmp(past->provider, HANDLER_OUTBOX) == 0);
}

/* Somebody has called before, and has not said what became of it. */
static apr_status_t find_uncertain(sending_t *sending, const crm_send_past_t *past)
{
    static const char lost[] = "its worker ended during the call";
    const crm_send_outcome_t outcome = {.state = CRM_SEND_UNCERTAIN, .reason = lost};
    int ours;

    bury_uncertain(sending,
                   past->state == CRM_SEND_UNCERTAIN && past->reason ? past->reason : lost);
    return past->state == CRM_SEND_UNCERTAIN
               ? APR_SUCCESS
               : crm_send_end(&ours, sending->batch->database->db, sending->message->id,
                              past->attempt, &outcome, sending->pool);
}

/* What the handler makes of the message. *calls is 1 when it is to be sent. */
static apr_status_t prepare(sending_t *sending, int *calls)
{
    handler_context_t context = context_of(sending);
    handler_result_t result;
    apr_status_t rv = handler_prepare(&result, &sending->send, sending->handler, sending->message,
                                      &context, sending->pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (result.verdict != HANDLER_DONE) {
        dispatch_decide(sending->batch, 0, &result);
        return APR_SUCCESS;
    }
    *calls = 1;
    return crm_send_begin(&sending->attempt, context.db, sending->message->id,
                          &sending->send->record, sending->pool);
}

/* In a transaction. What was decided is in the outcome, or *calls is 1. */
static apr_status_t intend(sending_t *sending, int *calls)
{
    crm_send_past_t past;
    apr_status_t rv =
        crm_send_find(&past, sending->batch->database->db, sending->message->id, sending->pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    sending->attempt = past.attempt;
    if (past.state == CRM_SEND_SENT) {
        sending->batch->outcomes[0].fate = ACK; /* only the queue was not told */
        sending->batch->outcomes[0].reason = "it was sent already";
        return APR_SUCCESS;
    }
    if ((past.state == CRM_SEND_CALLING || past.state == CRM_SEND_UNCERTAIN) &&
        !may_repeat(sending, &past)) {
        return find_uncertain(sending, &past);
    }
    return prepare(sending, calls);
}

/* Commits the intent, or what was found instead. */
static apr_status_t commit_intent(sending_t *sending, int *calls)
{
    crm_db_t *db = sending->batch->database->db;
    apr_status_t rv;
    int tries = 0;

    do {
        *calls = 0;
        memset(sending->batch->outcomes, 0, sizeof *sending->batch->outcomes);
        rv = crm_db_begin(db);
        if (rv == APR_SUCCESS) {
            rv = intend(sending, calls);
            if (rv == APR_SUCCESS) {
                rv = dispatch_fence(sending->batch);
            }
            if (rv == APR_SUCCESS) {
                rv = crm_db_commit(db);
            }
            else {
                crm_db_rollback(db);
            }
        }
    } while (rv == CRM360_ECONFLICT && ++tries < CONFLICT_TRIES &&
             !*sending->batch->dispatch->stop);
    if (rv == CRM360_EDATA) {
        bury(sending,
             apr_pstrcat(sending->pool, "the database refuses the data: ", crm_db_error(db), NULL));
        rv = APR_SUCCESS;
        *calls = 0;
    }
    return rv;
}

/* Everything up to the call. 1 when it is to be made; *away as in work_batch(). */
static int make_ready(sending_t *sending, int *away)
{
    batch_t *batch = sending->batch;
    int calls = 0;
    apr_status_t rv;

    if (!has_permit(sending)) {
        return 0;
    }
    rv = commit_intent(sending, &calls);
    if (rv == APR_SUCCESS) {
        consumer_database_worked(batch->database, sending->pool);
        return calls;
    }
    memset(batch->outcomes, 0, sizeof *batch->outcomes);
    if (rv != CRM360_ELEASE) {
        *away = 1;
        consumer_database_failed(batch->database, crm_db_error(batch->database->db));
    }
    return 0;
}

/* The end of the one message: tells the queue, and the master. */
static void settle(consumer_report_t *report, consumer_dispatch_t *dispatch, int away)
{
    batch_t *batch = dispatch->batch;
    int database = report->database;

    batch->database->unsettled = dispatch_tell(batch) != APR_SUCCESS;
    dispatch_begin_report(report, database);
    report->worked = 1;
    report->away = away                                                ? CONSUMER_DATABASE_AWAY
                   : batch->database->unsettled || batch->fetch_failed ? CONSUMER_REDIS_AWAY
                                                                       : 0;
    if (batch->outcomes[0].fate == RELEASE) {
        report->next_due = crm360_clock();
    }
    dispatch_end(dispatch);
}

/* Reads the claimed message. NULL when there is nothing to send: then *elsewhere says that it is to
 * be worked as in the other lanes. */
static sending_t *read_message(batch_t *batch, int *elsewhere)
{
    consumer_dispatch_t *dispatch = batch->dispatch;
    sending_t *sending = apr_pcalloc(dispatch->pool, sizeof *sending);
    crm360_blob_t *blobs;
    int count;

    *elsewhere = 0;
    if (crm360_queue_fetch(&blobs, &count, dispatch->queue, batch->database->keys, batch->claim.ids,
                           batch->claim.bytes, 1, 0, dispatch->pool) != APR_SUCCESS) {
        batch->fetch_failed = 1;
        return NULL;
    }
    batch->ran = 1;
    sending->batch = batch;
    sending->pool = dispatch->pool;
    sending->message = dispatch_read(batch, 0, &blobs[0], dispatch->pool);
    if (!sending->message) {
        return NULL;
    }
    sending->handler = handler_find(sending->message);
    if (!sending->handler->prepare || consumer_split_wanted(sending->message)) {
        *elsewhere = 1;
        return NULL;
    }
    sending->provider = batch->database->conf->providers[sending->handler->sends];
    sending->repeatable = sending->handler->repeatable || !sending->provider;
    return sending;
}

void consumer_dispatch_prepare(consumer_report_t *report, consumer_dispatch_t *dispatch)
{
    batch_t *batch = dispatch->batch;
    sending_t *sending;
    apr_time_t began;
    int elsewhere, away = 0;

    dispatch_begin_report(report, report->database);
    batch->outcomes = apr_pcalloc(dispatch->pool, sizeof *batch->outcomes);
    batch->started = crm360_clock();
    began = crm360_clock();
    dispatch_enter(dispatch->slot, batch->claim.ids[0]);
    sending = read_message(batch, &elsewhere);
    if (sending && !*dispatch->stop && make_ready(sending, &away)) {
        dispatch->sending = sending;
    }
    dispatch_leave(dispatch->slot);
    batch->notes[0].took = crm360_clock() - began;
    if (elsewhere) {
        consumer_dispatch_work(report, dispatch);
    }
    else if (dispatch->sending) {
        report->over = 0;
        report->leaves = 1;
    }
    else {
        settle(report, dispatch, away);
    }
}

int consumer_dispatch_calls(const consumer_dispatch_t *dispatch)
{
    return dispatch->sending != NULL;
}

/* ---- the call ---- */

void consumer_dispatch_call(consumer_report_t *report, consumer_dispatch_t *dispatch)
{
    sending_t *sending = dispatch->sending;
    apr_interval_time_t lease = crm360_config_lease(dispatch->config);
    apr_time_t began = crm360_clock();
    int database = report->database;

    dispatch_enter(dispatch->slot, sending->message->id);
    /* A worker that stood still since the fence calls no more: another may have the message. */
    if (crm360_clock() < sending->batch->leased_at + lease / 2) {
        sending->called = 1;
        outbound_trace(dispatch->outbound, sending->message->trace,
                       crm360_message_header(sending->message, "tracestate"));
        sending->send->call(&sending->result, sending->send, dispatch->outbound, sending->pool);
        outbound_trace(dispatch->outbound, NULL, NULL);
    }
    else {
        sending->result.fate = OUTBOUND_AWAY;
        sending->result.reason = "the worker was held up before the call";
    }
    dispatch_leave(dispatch->slot);
    sending->batch->notes[0].took += crm360_clock() - began;
    dispatch_begin_report(report, database);
    report->over = 0;
    report->wants = 1;
}

/* ---- the outcome ---- */

/* Lets the handler write what follows from it. Whatever becomes of that, the outcome itself must be
 * noted: its faults are undone and told. */
static apr_status_t follow_up(sending_t *sending, handler_result_t *verdict)
{
    handler_context_t context = context_of(sending);
    apr_status_t (*finish)(handler_result_t *, const handler_send_t *, const outbound_result_t *,
                           const crm360_message_t *, const handler_context_t *, apr_pool_t *) =
        sending->result.fate == OUTBOUND_SENT      ? sending->handler->finish
        : sending->result.fate == OUTBOUND_REFUSED ? sending->handler->refused
                                                   : NULL;
    apr_status_t rv;

    memset(verdict, 0, sizeof *verdict);
    if (!finish) {
        return APR_SUCCESS;
    }
    rv = crm_db_savepoint(context.db);
    if (rv == APR_SUCCESS) {
        rv = finish(verdict, sending->send, &sending->result, sending->message, &context,
                    sending->pool);
        if (rv == APR_SUCCESS) {
            return crm_db_savepoint_release(context.db);
        }
    }
    if (rv != CRM360_EDATA) {
        return rv;
    }
    crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
               CRM360_LOGNO(0382) "%s: what follows from its outcome cannot be stored: %s",
               sending->message->id, crm_db_error(context.db));
    verdict->verdict = HANDLER_DONE;
    return crm_db_savepoint_rollback(context.db);
}

static crm_send_state_t state_of(const sending_t *sending)
{
    switch (sending->result.fate) {
    case OUTBOUND_SENT:
        return CRM_SEND_SENT;
    case OUTBOUND_REFUSED:
        return CRM_SEND_REFUSED;
    case OUTBOUND_UNCERTAIN:
        return sending->repeatable ? CRM_SEND_FAILED : CRM_SEND_UNCERTAIN;
    default:
        return CRM_SEND_FAILED;
    }
}

/* One transaction that notes the outcome; *ours as crm_send_end(). */
static apr_status_t note_once(sending_t *sending, handler_result_t *verdict, int *ours)
{
    crm_db_t *db = sending->batch->database->db;
    const crm360_message_t *message = sending->message;
    crm_send_outcome_t outcome = {.state = state_of(sending),
                                  .reference = sending->result.reference,
                                  .code = sending->result.code,
                                  .reason = sending->result.reason};
    apr_status_t rv = crm_db_begin(db);
    int fresh;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = follow_up(sending, verdict);
    if (rv == APR_SUCCESS && verdict->verdict == HANDLER_MORE) {
        outcome.state = CRM_SEND_FAILED;
        outcome.reason = "things have changed since: it is sent again";
    }
    if (rv == APR_SUCCESS) {
        rv = crm_send_end(ours, db, message->id, sending->attempt, &outcome, sending->pool);
    }
    if (rv == APR_SUCCESS && outcome.state == CRM_SEND_SENT) {
        rv = crm_inbox_add(&fresh, db, message->id, message->route->name, sending->pool);
    }
    if (rv == APR_SUCCESS) {
        return crm_db_commit(db);
    }
    crm_db_rollback(db);
    return rv;
}

/* Notes the outcome, again and again while the database cannot. */
static apr_status_t note(sending_t *sending, handler_result_t *verdict, int *ours, const char **why)
{
    batch_t *batch = sending->batch;
    const consumer_dispatch_t *dispatch = batch->dispatch;
    apr_time_t began = crm360_clock();
    /* Whoever is told to end has less time: its master waits for a handler, and no longer. */
    apr_interval_time_t least = crm360_config_handler_timeout(dispatch->config) / 2;
    int index = batch->index;
    apr_status_t rv;

    for (;;) {
        /* The wait for the turn is over, or for a lock: whoever is held up only now is stuck. */
        dispatch_leave(batch->dispatch->slot);
        rv = consumer_database_open(&batch->database, batch->dispatch->databases, index);
        if (rv == APR_SUCCESS) {
            rv = note_once(sending, verdict, ours);
        }
        if (rv == APR_SUCCESS) {
            consumer_database_worked(batch->database, sending->pool);
            return rv;
        }
        *why = batch->database->db ? apr_pstrdup(sending->pool, crm_db_error(batch->database->db))
                                   : "out of reach";
        if (rv != CRM360_ECONFLICT && batch->database->db) {
            consumer_database_failed(batch->database, *why);
        }
        if (crm360_clock() - began >= (*dispatch->stop ? least : NOTE_MOST)) {
            return rv;
        }
        apr_sleep(NOTE_AGAIN);
        /* Lost or not, what we know is worth noting; whoever has it now finds the row. */
        (void)dispatch_keep_lease(batch);
    }
}

/* ---- what follows for the provider, and for the queue ---- */

/* The outbox has no breaker: that it takes nothing (a full disk, a wrong mode) is said here, when
 * it begins and when it ends. */
static void tell_outbox(sending_t *sending)
{
    consumer_dispatch_t *dispatch = sending->batch->dispatch;
    consumer_trouble_t *trouble = &dispatch->shared->outbox;
    int fails = sending->result.fate != OUTBOUND_SENT;
    apr_time_t now = crm360_clock();

    sending->is_news = fails && consumer_trouble_begins(trouble, now);
    if (sending->is_news) {
        crm360_log(CRM360_LOG_ERROR, APR_SUCCESS,
                   CRM360_LOGNO(0384) "%s; what is to go there waits and loses no attempt",
                   sending->result.reason);
    }
    else if (!fails && consumer_trouble_ends(trouble, dispatch->outbox_fails, now)) {
        crm360_log(CRM360_LOG_NOTICE, APR_SUCCESS, "the outbox takes files again");
    }
    dispatch->outbox_fails = fails;
}

/* Tells all workers how the provider does. Returns how long it is left alone. */
static apr_interval_time_t tell_provider(sending_t *sending)
{
    const outbound_result_t *result = &sending->result;
    crm360_breaker_t change = CRM360_BREAKER_SAME;
    apr_interval_time_t wait = 0;
    int is_its_own = result->fate == OUTBOUND_REFUSED || result->fate == OUTBOUND_FAILED;
    int good = result->fate == OUTBOUND_SENT || is_its_own;
    apr_interval_time_t hold = result->retry_after;

    /* Whoever answers something about the message answers; without a code nobody has. */
    if (!sending->called || (is_its_own && !result->code)) {
        return 0;
    }
    if (!sending->provider) {
        tell_outbox(sending);
        return 0;
    }
    if (result->alarm && hold < ALARM_AGAIN) {
        hold = ALARM_AGAIN;
    }
    /* A fault of Redis is none of the message's: then the breaker knows one call less. */
    if (crm360_queue_verdict(&change, &wait, sending->batch->dispatch->queue,
                             sending->provider->key, good, good ? 0 : hold, result->reason,
                             sending->pool) != APR_SUCCESS) {
        return hold;
    }
    if (change == CRM360_BREAKER_OPENED) {
        crm360_log(CRM360_LOG_ERROR, APR_SUCCESS,
                   CRM360_LOGNO(0380) "%s at %s is not called for %d s: %s; its messages wait and "
                                      "lose no attempt%s",
                   sending->provider->kind, sending->provider->url, (int)apr_time_sec(wait),
                   dispatch_for_log(result->reason, sending->pool),
                   result->alarm ? "; this needs a person" : "");
    }
    else if (change == CRM360_BREAKER_CLOSED) {
        crm360_log(CRM360_LOG_NOTICE, APR_SUCCESS, "%s at %s answers again",
                   sending->provider->kind, sending->provider->url);
    }
    return wait;
}

static void decide_retry(const sending_t *sending)
{
    handler_result_t result = {.verdict = HANDLER_RETRY, .reason = sending->result.reason};

    if (sending->result.retry_after > 0) {
        result.not_before = apr_time_now() + sending->result.retry_after;
    }
    dispatch_decide(sending->batch, 0, &result);
}

/* While others get through, the breaker says nothing of the one that does not. When the outbox
 * takes nothing, it takes nothing of all: that is said of the first. */
static void log_away(const sending_t *sending, const char *reason, apr_interval_time_t wait)
{
    crm360_log_message_t said;

    if (!sending->called) {
        return;
    }
    dispatch_end_attempt(&said, sending->batch, 0, "wait");
    crm360_log_message(sending->provider || sending->is_news ? CRM360_LOG_INFO : CRM360_LOG_DEBUG,
                       &said, "not sent: %s; waits %d s", dispatch_for_log(reason, sending->pool),
                       (int)apr_time_sec(wait));
}

/* What becomes of the message, once its outcome is noted. */
static void decide_noted(sending_t *sending, const handler_result_t *verdict,
                         apr_interval_time_t left_alone)
{
    const outbound_result_t *result = &sending->result;
    const char *reason = result->reason ? result->reason : "no reason given";
    apr_interval_time_t wait;

    switch (result->fate) {
    case OUTBOUND_SENT:
        if (verdict->verdict == HANDLER_MORE) {
            sending->batch->outcomes[0].fate = STEP;
            break;
        }
        sending->batch->outcomes[0].fate = ACK;
        sending->batch->outcomes[0].reason =
            apr_psprintf(sending->pool, "sent by %s, reference %s", sending->send->record.provider,
                         result->reference ? result->reference : "none");
        break;
    case OUTBOUND_REFUSED:
        bury(sending, reason);
        break;
    case OUTBOUND_AWAY:
        wait = left_alone > result->retry_after ? left_alone : result->retry_after;
        wait = wait < AWAY_AGAIN && sending->called ? AWAY_AGAIN : wait;
        wait = wait < ASK_AGAIN ? wait : ASK_AGAIN;
        wait_for(sending, wait);
        log_away(sending, reason, wait);
        break;
    case OUTBOUND_UNCERTAIN:
        if (!sending->repeatable) {
            bury_uncertain(sending, reason);
            break;
        }
        decide_retry(sending);
        break;
    case OUTBOUND_FAILED:
        decide_retry(sending);
        break;
    }
}

/* The outcome is known, and the database cannot note it: a person must. */
static void decide_unnoted(const sending_t *sending, const char *why)
{
    const outbound_result_t *result = &sending->result;

    if (sending->repeatable) {
        return; /* given back as it was: it is sent again, which does no harm */
    }
    bury_uncertain(
        sending,
        apr_psprintf(sending->pool, "%s%s, but the database could not note it: %s",
                     result->fate == OUTBOUND_SENT ? "sent, reference " : "not noted as sent: ",
                     result->fate == OUTBOUND_SENT
                         ? (result->reference ? result->reference : "none")
                         : (result->reason ? result->reason : "no reason given"),
                     why));
}

void consumer_dispatch_finish(consumer_report_t *report, consumer_dispatch_t *dispatch)
{
    sending_t *sending = dispatch->sending;
    apr_interval_time_t left_alone = tell_provider(sending);
    const char *why = "no reason given";
    crm360_log_message_t said;
    handler_result_t verdict;
    apr_status_t rv;
    int ours = 0;

    rv = note(sending, &verdict, &ours, &why);
    if (rv != APR_SUCCESS) {
        decide_unnoted(sending, why);
    }
    else if (ours) {
        decide_noted(sending, &verdict, left_alone);
    }
    else {
        /* Given back: whoever has begun since decides. */
        dispatch_end_attempt(&said, sending->batch, 0, "overtaken");
        crm360_log_message(CRM360_LOG_ERROR, &said,
                           CRM360_LOGNO(0383) "it was overtaken by another attempt, and may have "
                                              "been sent twice");
    }
    settle(report, dispatch, rv != APR_SUCCESS);
}
