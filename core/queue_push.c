/*
 * The verb of producers: push. Must never say a message is stored before Redis did, and never make
 * a large one visible before it is whole.
 */
#include "core/queue_private.h"

#include <apr_strings.h>

#include <string.h>

/* How long written parts wait to be made visible before Redis drops them. */
#define STAGED_SECONDS 120

/* A push, as it travels through crm360_redis_run(). */
typedef struct push_t {
    queue_call_t *call;
    const crm360_push_t *staged; /* write its message in parts first; NULL = no */
    const char *parts_key;       /* where they go */
} push_t;

/* SET and APPEND of the parts, under a key of their own, so that a repeated push does not touch
 * a message that is there, and under an expiry, so that a push that dies half way leaves
 * nothing. The expiry is set anew with each part: APPEND would make a key without one where the
 * parts so far were evicted. */
static apr_status_t stage(const push_t *job, crm360_redis_t *redis, apr_pool_t *pool)
{
    const crm360_push_t *push = job->staged;
    apr_size_t at;

    for (at = 0; at < push->message_len; at += QUEUE_PART_BYTES) {
        apr_size_t len = push->message_len - at;
        crm360_command_t commands[2];
        crm360_reply_t *replies[2];
        apr_status_t rv;

        commands[0] = *crm360_command_make(3, pool);
        crm360_command_add(&commands[0], at == 0 ? "SET" : "APPEND");
        crm360_command_add(&commands[0], job->parts_key);
        crm360_command_add_bytes(&commands[0], push->message + at,
                                 len < QUEUE_PART_BYTES ? len : QUEUE_PART_BYTES);
        commands[1] = *crm360_command_make(3, pool);
        crm360_command_add(&commands[1], "EXPIRE");
        crm360_command_add(&commands[1], job->parts_key);
        crm360_command_add_number(&commands[1], STAGED_SECONDS, pool);
        rv = crm360_redis_pipeline(replies, redis, commands, 2, pool);
        if (rv == APR_SUCCESS && replies[0]->type == CRM360_REPLY_ERROR) {
            rv = CRM360_EPROTOCOL;
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    return APR_SUCCESS;
}

static apr_status_t push_work(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    push_t *job = baton;
    apr_status_t rv = job->staged ? stage(job, redis, pool) : APR_SUCCESS;

    return rv == APR_SUCCESS ? queue_call_work(job->call, redis, pool) : rv;
}

apr_status_t crm360_queue_push(crm360_receipt_t *receipt, crm360_queue_t *queue,
                               const crm360_push_t *push, apr_pool_t *pool)
{
    const crm360_keys_t *keys = crm360_keys_make(push->customer, push->database, pool);
    queue_call_t *call = queue_call_make(queue, QUEUE_PUSH, 4, 9, pool);
    push_t job = {.call = call, .parts_key = crm360_keys_parts(keys, push->id, pool)};
    apr_status_t rv;

    memset(receipt, 0, sizeof *receipt);
    receipt->queue = keys->lane[push->lane];
    job.staged = push->message_len > QUEUE_PART_BYTES ? push : NULL;
    crm360_command_add(call->command, receipt->queue);
    crm360_command_add(call->command, crm360_keys_message(keys, push->id, pool));
    crm360_command_add(call->command, keys->counters);
    crm360_command_add(call->command, job.parts_key);
    crm360_command_add(call->command, push->id);
    crm360_command_add_number(call->command, apr_time_as_msec(push->invisible_for), pool);
    crm360_command_add_bytes(call->command, push->message, job.staged ? 0 : push->message_len);
    crm360_command_add(call->command, CRM360_KEY_WAKE);
    crm360_command_add_number(call->command, (apr_int64_t)push->message_len, pool);
    rv =
        crm360_redis_run(queue->redis, push_work, &job, CRM360_REDIS_WRITE, &receipt->detail, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (call->reply->type != CRM360_REPLY_ARRAY || call->reply->count != 2 ||
        call->reply->items[0].type != CRM360_REPLY_NUMBER) {
        receipt->detail = "unexpected reply of the push script";
        return CRM360_EPROTOCOL;
    }
    receipt->visible_at = apr_time_from_msec(call->reply->items[0].number);
    receipt->durability = "memory";
    return APR_SUCCESS;
}
