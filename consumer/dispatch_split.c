/*
 * The messages of a batch that are split (split.h): after its transaction, when what became of the
 * others has been told. Must never need the database, which somebody else may be using by then.
 */
#include "consumer/dispatch_private.h"

#include <apr_strings.h>

#include <string.h>

#include "consumer/split.h"
#include "core/clock.h"
#include "core/log.h"

/* When a message is tried again that Redis had no room to split. */
#define SPLIT_AGAIN (10 * APR_USEC_PER_SEC)

/* Between two steps of a split. */
static apr_status_t go_on(void *baton)
{
    batch_t *batch = baton;

    if (*batch->dispatch->stop) {
        return APR_EINTR;
    }
    dispatch_enter(batch->dispatch->slot, batch->claim.ids[0]);
    return dispatch_keep_lease(batch);
}

/* Redis is full, say: that is logged when it begins and when it ends, however many wait for it. */
static void tell_room(consumer_dispatch_t *dispatch, const consumer_split_t *split, apr_status_t rv)
{
    consumer_trouble_t *trouble = &dispatch->shared->split;
    apr_time_t now = crm360_clock();

    if (rv == CRM360_EREFUSED) {
        dispatch->split_fails = 1;
        if (consumer_trouble_begins(trouble, now)) {
            crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                       CRM360_LOGNO(0317) "%s cannot be split now: %s; that, and others, is tried "
                                          "again every %d s",
                       split->id, split->why, (int)apr_time_sec(SPLIT_AGAIN));
        }
    }
    else if (rv == APR_SUCCESS) {
        if (consumer_trouble_ends(trouble, dispatch->split_fails, now)) {
            crm360_log(CRM360_LOG_NOTICE, APR_SUCCESS, "messages are split again");
        }
        dispatch->split_fails = 0;
    }
}

/* Tells the queue what became of the split of the claim's first message. Not APR_SUCCESS: nothing
 * can be split now. */
static apr_status_t settle_split(batch_t *batch, const consumer_split_t *split, apr_status_t rv)
{
    consumer_dispatch_t *dispatch = batch->dispatch;
    crm360_log_message_t said;
    int told;

    tell_room(dispatch, split, rv);
    if (rv == APR_SUCCESS) {
        dispatch_end_attempt(&said, batch, 0, "split");
        crm360_log_message(CRM360_LOG_INFO, &said, "split into %d messages", split->total);
    }
    else if (rv == APR_EINVAL) {
        batch->outcomes[0].fate = BURY;
        batch->outcomes[0].reason = split->why;
        rv = dispatch_tell_failed(batch, 0);
        batch->outcomes[0].fate = RELEASE;
    }
    else if (rv == CRM360_EREFUSED) {
        /* Whoever makes room must not be held up by this one. */
        rv = crm360_queue_release(&told, dispatch->queue, batch->database->keys, dispatch->lane,
                                  batch->claim.token, &split->id, 1, SPLIT_AGAIN, dispatch->pool);
    }
    else if (rv == CRM360_ELEASE) {
        dispatch_end_attempt(&said, batch, 0, "lost");
        crm360_log_message(CRM360_LOG_WARNING, &said,
                           CRM360_LOGNO(0318) "its lease was lost while it was split; whoever has "
                                              "it now goes on with what is left of it");
    }
    else if (rv == CRM360_EPROTOCOL) {
        consumer_database_failed(batch->database, apr_pstrdup(dispatch->pool, split->why));
    }
    return rv;
}

/* Keeps of the claim what run_message() has put aside; the others have been told. Returns how many
 * there are. */
int dispatch_keep_splits(batch_t *batch)
{
    int *attempts =
        apr_palloc(batch->dispatch->pool, ((apr_size_t)batch->claim.count + 1) * sizeof *attempts);
    const char **ids;
    int kept = 0, i;

    for (i = 0; i < batch->claim.count; i++) {
        if (batch->outcomes[i].fate == SPLIT) {
            batch->notes[kept] = batch->notes[i];
            attempts[kept++] = batch->claim.attempts[i];
        }
    }
    batch->claim.count = dispatch_select(&ids, batch, SPLIT);
    batch->claim.ids = ids;
    batch->claim.attempts = attempts;
    memset(batch->outcomes, 0, (apr_size_t)batch->claim.count * sizeof *batch->outcomes);
    return batch->claim.count;
}

/* Splits one after the other. What is left in the claim afterwards is to be given back. */
static apr_status_t split_messages(batch_t *batch)
{
    consumer_dispatch_t *dispatch = batch->dispatch;
    apr_status_t rv = APR_SUCCESS;
    apr_time_t began;
    apr_pool_t *pool;

    apr_pool_create(&pool, dispatch->pool);
    apr_pool_tag(pool, "crm360_split");
    while (batch->claim.count > 0 && rv == APR_SUCCESS) {
        consumer_split_t split = {.queue = dispatch->queue,
                                  .keys = batch->database->keys,
                                  .lane = dispatch->lane,
                                  .token = batch->claim.token,
                                  .id = batch->claim.ids[0],
                                  .go_on = go_on,
                                  .baton = batch};

        began = crm360_clock();
        rv = consumer_split_run(&split, pool);
        batch->notes[0].took = crm360_clock() - began;
        dispatch_leave(dispatch->slot);
        rv = settle_split(batch, &split, rv);
        if (rv == APR_SUCCESS) {
            batch->claim.ids++;
            batch->claim.attempts++;
            batch->notes++;
            batch->claim.count--;
        }
        apr_pool_clear(pool);
    }
    return rv;
}

void consumer_dispatch_split(consumer_report_t *report, consumer_dispatch_t *dispatch)
{
    batch_t *batch = dispatch->batch;
    apr_status_t rv = split_messages(batch);

    dispatch_begin_report(report, report->database);
    if (rv == CRM360_EAWAY || rv == CRM360_EPROTOCOL || dispatch_tell(batch) != APR_SUCCESS) {
        batch->database->unsettled = 1;
        report->away = rv == CRM360_EPROTOCOL ? CONSUMER_DATABASE_AWAY : CONSUMER_REDIS_AWAY;
    }
    report->worked = batch->ran;
    report->next_due = crm360_clock(); /* its elements, or what was given back */
    dispatch_end(dispatch);
}
