/*
 * What the files of the dispatch share and nobody else may include: the batch on its way.
 * dispatch.c carries it through its transaction, dispatch_split.c splits what is to be split,
 * dispatch_tell.c tells the queue what became of it, dispatch_send.c sends what leaves.
 */
#ifndef CONSUMER_DISPATCH_PRIVATE_H
#define CONSUMER_DISPATCH_PRIVATE_H

#include "consumer/databases.h"
#include "consumer/dispatch.h"
#include "core/log.h"
#include "core/message.h"
#include "handlers/handler.h"

/* What is to become of a claimed message. Everything begins as RELEASE, so that whatever is not
 * reached is given back. */
typedef enum { RELEASE, ACK, RETRY, BURY, SPLIT, STEP, WAIT } fate_t;

/* What else the log says of a message, as far as it is known. */
typedef struct note_t {
    const char *trace;        /* traceparent (core/trace.h); NULL = none */
    apr_interval_time_t took; /* in its handler */
} note_t;

typedef struct outcome_t {
    fate_t fate;
    const char *reason;        /* ACK and SPLIT: what there is to say of it, or NULL */
    const char *word;          /* for the log; NULL = that of its fate */
    apr_interval_time_t delay; /* RETRY, and WAIT: given back untried, visible then */
} outcome_t;

struct consumer_dispatch_t {
    const crm360_config_t *config;
    crm360_queue_t *queue;
    crm360_lane_t lane;
    const char *worker;
    consumer_slot_t *slot;
    consumer_shared_t *shared;
    const volatile sig_atomic_t *stop;
    consumer_databases_t *databases;
    struct batch_t *batch;     /* claimed and not worked yet; in `pool` */
    outbound_t *outbound;      /* in lane `send`; else NULL */
    struct sending_t *sending; /* what is being sent; in `pool`; NULL = nothing */
    int outbox_fails;          /* it took nothing the last time */
    int split_fails;           /* Redis had no room for elements the last time */
    apr_pool_t *pool;          /* of one batch; cleared after it */
};

/* One batch on its way. Lives in dispatch->pool. */
typedef struct batch_t {
    consumer_dispatch_t *dispatch;
    consumer_database_t *database;
    int index; /* its number */
    crm360_claim_t claim;
    apr_time_t claimed_at;
    apr_time_t started; /* the first handler */
    int ran;            /* messages that were looked at; the others are given back */
    /* Before the claim, or its last extension, was sent: the lease counts from here at
     * the latest. */
    apr_time_t leased_at;
    outcome_t *outcomes;
    note_t *notes;
    int fetch_failed; /* Redis did not give messages that it had leased */
    int careful;      /* each message has a savepoint */
    int steps;        /* messages of which a step is done, and more is to come */
} batch_t;

/* The slot: what the master sees of us. From entering to leaving, whatever kills the worker is
 * charged to the message. */
void dispatch_enter(consumer_slot_t *slot, const char *id);
void dispatch_leave(consumer_slot_t *slot);

/* Reads message number `i` of the claim from its stored form; a CloudEvent in structured mode is
 * unwrapped. NULL, and its outcome is decided, when it cannot be read, or there is nothing to do
 * with it. */
crm360_message_t *dispatch_read(batch_t *batch, int i, const crm360_blob_t *blob, apr_pool_t *pool);

/* What becomes of message number `i`, by a handler's verdict. */
void dispatch_decide(batch_t *batch, int i, const handler_result_t *result);

/* The fence in front of a COMMIT, or of a call. CRM360_ELEASE when the lease is not surely ours. */
apr_status_t dispatch_fence(batch_t *batch);

/* Sees to it that the lease of all that is in the claim lasts for a handler more, extending it when
 * it does not; then errors are those of crm360_queue_extend(). */
apr_status_t dispatch_keep_lease(batch_t *batch);

/* The ids of one fate, in the batch's pool. */
int dispatch_select(const char ***ids, const batch_t *batch, fate_t fate);

/* An attempt at message number `i` has ended in `outcome`, and the queue knows: counts it, and
 * fills in what its line in the log says. Each attempt that ends has one line. */
void dispatch_end_attempt(crm360_log_message_t *said, const batch_t *batch, int i,
                          const char *outcome);

/* A reason as it may stand in a log: without the words of a mail server behind its code,
 * "550 5.1.1 (...)", which often name somebody. They stay in the reason itself, which is data. In
 * `pool`, or `reason` itself; NULL for NULL. */
const char *dispatch_for_log(const char *reason, apr_pool_t *pool);

/* Retries or buries message number `i` of the claim, by its outcome. */
apr_status_t dispatch_tell_failed(batch_t *batch, int i);

/* Acknowledges, retries, buries and releases what is in the claim. Any failure leaves leases behind
 * under our name; they are released before the next claim. */
apr_status_t dispatch_tell(batch_t *batch);

/* Keeps of the claim what is to be split; the others have been told. Returns how many there are. */
int dispatch_keep_splits(batch_t *batch);

void dispatch_begin_report(consumer_report_t *report, int database);

/* The worker is idle again. */
void dispatch_end(consumer_dispatch_t *dispatch);

#endif
