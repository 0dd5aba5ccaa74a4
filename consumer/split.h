/*
 * Splitting: a message with BatchMode whose body is a JSON array, or newline-delimited JSON,
 * becomes as many messages as that has elements, each in its queue on its own from then on.
 */
#ifndef CONSUMER_SPLIT_H
#define CONSUMER_SPLIT_H

#include "core/message.h"
#include "core/queue.h"

/* Whether a message is to be split: it came with BatchMode, is no element itself, and its body
 * begins like something that has elements. */
int consumer_split_wanted(const crm360_message_t *message);

/* One message to split, which the caller has claimed. Everything is borrowed. */
typedef struct consumer_split_t {
    crm360_queue_t *queue;
    const crm360_keys_t *keys;
    crm360_lane_t lane;
    const char *token;
    const char *id;
    /* Asked before each step: what is not APR_SUCCESS ends the work, and is returned. It keeps the
     * lease and says that the worker is alive. */
    apr_status_t (*go_on)(void *baton);
    void *baton;
    int total;       /* out: how many elements there are, as far as counted */
    const char *why; /* out, with most failures: the reason */
} consumer_split_t;

/* Splits it. The whole body is checked before the first element is queued, and no element is queued
 * twice, however often and by whom this is run: Redis knows how far it got. APR_SUCCESS: all
 * elements are in the queue and the message has ended. APR_EINVAL: it can never be split, and none
 * was queued. APR_EAGAIN: somebody meddles with what Redis knows; begin anew. Else as go_on() and
 * crm360_queue_split(): the next run goes on where this one stopped. Strings live in `pool`. */
apr_status_t consumer_split_run(consumer_split_t *split, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
