/*
 * Telling the queue what became of the messages of a claim. Must never tell of an effect that is
 * not committed: the caller has seen to that.
 */
#include "consumer/dispatch_private.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "consumer/output.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/queue_admin.h"
#include "core/trace.h"

/* Between two steps of a message, so that it comes behind what is due already. */
#define STEP_DELAY (1 * 1000)

int dispatch_select(const char ***ids, const batch_t *batch, fate_t fate)
{
    int count = 0, i;

    *ids = apr_palloc(batch->dispatch->pool, (apr_size_t)batch->claim.count * sizeof **ids);
    for (i = 0; i < batch->claim.count; i++) {
        if (batch->outcomes[i].fate == fate) {
            (*ids)[count++] = batch->claim.ids[i];
        }
    }
    return count;
}

const char *dispatch_for_log(const char *reason, apr_pool_t *pool)
{
    const char *open = reason ? strrchr(reason, '(') : NULL;

    return open && open >= reason + 2 && open[-1] == ' ' && apr_isdigit(open[-2]) &&
                   reason[strlen(reason) - 1] == ')'
               ? apr_pstrmemdup(pool, reason, (apr_size_t)(open - 1 - reason))
               : reason;
}

void dispatch_end_attempt(crm360_log_message_t *said, const batch_t *batch, int i,
                          const char *outcome)
{
    const consumer_dispatch_t *dispatch = batch->dispatch;
    const note_t *note = &batch->notes[i];
    const crm360_route_t *route = crm360_id_route(batch->claim.ids[i]);

    crm360_histogram_add(&dispatch->shared->handler[dispatch->lane], note->took);
    memset(said, 0, sizeof *said);
    said->id = batch->claim.ids[i];
    said->database = batch->database->keys->name;
    said->route = route ? route->name : NULL;
    said->attempt = batch->claim.attempts[i] + 1;
    said->outcome = batch->outcomes[i].word ? batch->outcomes[i].word : outcome;
    said->took = note->took;
    said->trace = note->trace ? crm360_trace_id(note->trace, dispatch->pool) : NULL;
}

/* A line is written only for what the queue has confirmed. */
apr_status_t dispatch_tell_failed(batch_t *batch, int i)
{
    consumer_dispatch_t *dispatch = batch->dispatch;
    const outcome_t *outcome = &batch->outcomes[i];
    const char *id = batch->claim.ids[i];
    const crm360_keys_t *keys = batch->database->keys;
    crm360_log_message_t said;
    apr_status_t rv;

    if (outcome->fate == RETRY) {
        rv = crm360_queue_retry(dispatch->queue, keys, dispatch->lane, batch->claim.token, id,
                                outcome->delay, outcome->reason, dispatch->pool);
        if (rv == APR_SUCCESS) {
            dispatch_end_attempt(&said, batch, i, "retry");
            crm360_log_message(CRM360_LOG_WARNING, &said,
                               CRM360_LOGNO(0310) "failed: %s; next in %d s",
                               dispatch_for_log(outcome->reason, dispatch->pool),
                               (int)apr_time_sec(outcome->delay));
        }
        return rv;
    }
    rv = crm360_queue_bury(dispatch->queue, keys, dispatch->lane, batch->claim.token, id,
                           outcome->reason, dispatch->pool);
    if (rv == APR_SUCCESS) {
        dispatch_end_attempt(&said, batch, i, "dead");
        crm360_log_message(CRM360_LOG_ERROR, &said, CRM360_LOGNO(0311) "to the dead letters: %s",
                           dispatch_for_log(outcome->reason, dispatch->pool));
    }
    return rv;
}

/* They are acknowledged: their way through the queue is over. */
static void end_done(const batch_t *batch)
{
    const consumer_dispatch_t *dispatch = batch->dispatch;
    apr_interval_time_t since_claim = crm360_clock() - batch->claimed_at;
    crm360_log_message_t said;
    int i;

    consumer_output_hold();
    for (i = 0; i < batch->claim.count; i++) {
        const char *words = batch->outcomes[i].reason;

        if (batch->outcomes[i].fate == ACK) {
            crm360_histogram_add(&dispatch->shared->delay[dispatch->lane],
                                 batch->claim.waited[i] + since_claim);
            dispatch_end_attempt(&said, batch, i, "done");
            crm360_log_message(CRM360_LOG_INFO, &said, "%s", words ? words : "");
        }
    }
    consumer_output_release();
}

apr_status_t dispatch_tell(batch_t *batch)
{
    consumer_dispatch_t *dispatch = batch->dispatch;
    const crm360_keys_t *keys = batch->database->keys;
    apr_status_t rv = APR_SUCCESS;
    const char **ids;
    int count, told, i;

    count = dispatch_select(&ids, batch, ACK);
    if (count) {
        rv = crm360_queue_ack(&told, dispatch->queue, keys, dispatch->lane, batch->claim.token, ids,
                              count, dispatch->pool);
        if (rv == APR_SUCCESS) {
            end_done(batch);
        }
    }
    for (i = 0; i < batch->claim.count && rv == APR_SUCCESS; i++) {
        if (batch->outcomes[i].fate == RETRY || batch->outcomes[i].fate == BURY) {
            rv = dispatch_tell_failed(batch, i);
            rv = rv == CRM360_ELEASE ? APR_SUCCESS : rv; /* its new owner decides */
        }
        else if (batch->outcomes[i].fate == WAIT) {
            rv = crm360_queue_release(&told, dispatch->queue, keys, dispatch->lane,
                                      batch->claim.token, &batch->claim.ids[i], 1,
                                      batch->outcomes[i].delay, dispatch->pool);
        }
    }
    count = dispatch_select(&ids, batch, RELEASE);
    if (count && rv == APR_SUCCESS) {
        rv = crm360_queue_release(&told, dispatch->queue, keys, dispatch->lane, batch->claim.token,
                                  ids, count, 0, dispatch->pool);
    }
    batch->steps = dispatch_select(&ids, batch, STEP);
    if (batch->steps && rv == APR_SUCCESS) {
        rv = crm360_queue_release(&told, dispatch->queue, keys, dispatch->lane, batch->claim.token,
                                  ids, batch->steps, STEP_DELAY, dispatch->pool);
    }
    return rv;
}
