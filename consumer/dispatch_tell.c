/*
 * Telling the queue what became of the messages of a claim. Must never tell of an effect that is
 * not committed: the caller has seen to that.
 */
#include "consumer/dispatch_private.h"

#include <apr_strings.h>

#include "core/log.h"

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

/* A line is written only for what the queue has confirmed. */
apr_status_t dispatch_tell_failed(batch_t *batch, int i)
{
    consumer_dispatch_t *dispatch = batch->dispatch;
    const outcome_t *outcome = &batch->outcomes[i];
    const char *id = batch->claim.ids[i];
    const crm360_keys_t *keys = batch->database->keys;
    apr_status_t rv;

    if (outcome->fate == RETRY) {
        rv = crm360_queue_retry(dispatch->queue, keys, dispatch->lane, batch->claim.token, id,
                                outcome->delay, outcome->reason, dispatch->pool);
        if (rv == APR_SUCCESS) {
            crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                       CRM360_LOGNO(0310) "%s: attempt %d failed: %s; next in %d s", id,
                       batch->claim.attempts[i] + 1, outcome->reason,
                       (int)apr_time_sec(outcome->delay));
        }
        return rv;
    }
    rv = crm360_queue_bury(dispatch->queue, keys, dispatch->lane, batch->claim.token, id,
                           outcome->reason, dispatch->pool);
    if (rv == APR_SUCCESS) {
        crm360_log(CRM360_LOG_ERROR, APR_SUCCESS,
                   CRM360_LOGNO(0311) "%s: to the dead letters of %s/%s: %s", id,
                   batch->database->conf->customer, batch->database->conf->alias, outcome->reason);
    }
    return rv;
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
        for (i = 0; i < count && rv == APR_SUCCESS; i++) {
            crm360_log(CRM360_LOG_INFO, APR_SUCCESS, "%s: done", ids[i]);
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
