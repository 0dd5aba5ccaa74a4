/*
 * The work of a worker: take one batch of messages from a queue, carry each to its handler inside
 * one database transaction, commit, and tell the queue what became of each. Knows handlers and the
 * database; knows nothing of processes and signals but a flag to stop after the current message.
 */
#ifndef CONSUMER_DISPATCH_H
#define CONSUMER_DISPATCH_H

#include <apr_pools.h>

#include <signal.h>

#include "consumer/link.h"
#include "consumer/shared.h"
#include "core/config.h"
#include "core/queue.h"
#include "outbound/outbound.h"

typedef struct consumer_dispatch_t consumer_dispatch_t;

/* Makes the worker's side of everything: connections are opened when first needed and kept. All
 * arguments are borrowed and must outlive it. `outbound` is for the lane `send`; else NULL. */
consumer_dispatch_t *consumer_dispatch_make(const crm360_config_t *config, crm360_queue_t *queue,
                                            crm360_lane_t lane, const char *worker,
                                            consumer_slot_t *slot, consumer_shared_t *shared,
                                            outbound_t *outbound, const volatile sig_atomic_t *stop,
                                            apr_pool_t *pool);

/* Claims a batch of database number `database`. report->over tells whether there is anything to
 * work on: when not, the report is the last of this batch; otherwise consumer_dispatch_work() must
 * follow. */
void consumer_dispatch_claim(consumer_report_t *report, consumer_dispatch_t *dispatch,
                             int database);

/* Works what was claimed, for as long as one batch may take; the rest goes back to its place in
 * the queue. Everything has been acknowledged, put back, buried or released when it returns, or
 * Redis is away and the leases will tell. */
void consumer_dispatch_work(consumer_report_t *report, consumer_dispatch_t *dispatch);

/* Must follow when the report of consumer_dispatch_work() is not over: splits the messages of the
 * batch that are to be split. Needs no database, and says at its end when others are due. */
void consumer_dispatch_split(consumer_report_t *report, consumer_dispatch_t *dispatch);

/* ---- in lane `send`, instead of consumer_dispatch_work() ---- */

/* Makes ready to send the one message that was claimed. When the report is over, there was nothing
 * to send, or not now. When not, and report->leaves is set, consumer_dispatch_calls() says whether
 * a call follows, for which the database is not needed, or a split as above. */
void consumer_dispatch_prepare(consumer_report_t *report, consumer_dispatch_t *dispatch);
int consumer_dispatch_calls(const consumer_dispatch_t *dispatch);

/* Calls the provider; *report says that the database is wanted again. */
void consumer_dispatch_call(consumer_report_t *report, consumer_dispatch_t *dispatch);

/* Must follow when it is this worker's turn to use the database: notes what became of the call, and
 * tells the queue. */
void consumer_dispatch_finish(consumer_report_t *report, consumer_dispatch_t *dispatch);

/* Gives back what a failure may have left claimed under the worker's name. For its end. */
void consumer_dispatch_settle(consumer_dispatch_t *dispatch);

#endif
