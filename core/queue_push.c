/*
 * The verb of producers: push. Must never say a message is stored before Redis did, and never make
 * a large one visible before it is whole.
 */
#include "core/queue_private.h"

#include <apr_strings.h>

#include <string.h>

#include "core/mail_copy.h"

/* What the script says became of a message (lua/push.lua). */
enum { PUSH_AGAIN, PUSH_STORED, PUSH_REPETITION, PUSH_REFUSED, PUSH_NOT_YET };

/* A push, as it travels through crm360_redis_run(). */
typedef struct push_t {
    queue_call_t *call;
    crm360_queue_t *queue;
    const crm360_push_t *push;
    const char *parts_key; /* where the parts of a large message go */
    const char *copy_key;  /* the same for its mail copy; NULL = there is none */
    int outcome;           /* PUSH_... */
    crm360_receipt_t *receipt;
} push_t;

/* Calls the script and takes its answer apart. */
static apr_status_t ask(push_t *job, crm360_redis_t *redis, apr_pool_t *pool)
{
    const crm360_reply_t *items;
    apr_status_t rv = queue_call_work(job->call, redis, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    items = job->call->reply->items;
    if (job->call->reply->type != CRM360_REPLY_ARRAY || job->call->reply->count != 3 ||
        items[0].type != CRM360_REPLY_NUMBER || items[1].type != CRM360_REPLY_NUMBER ||
        items[2].type != CRM360_REPLY_STRING) {
        job->receipt->detail = "unexpected reply of the push script";
        return CRM360_EPROTOCOL;
    }
    job->outcome = (int)items[1].number;
    job->receipt->visible_at = apr_time_from_msec(items[0].number);
    job->receipt->id = items[2].text;
    job->receipt->duplicate = job->outcome == PUSH_REPETITION;
    return APR_SUCCESS;
}

/* Writes the parts. Those of the copy are sent a second time: one call that copied the whole inside
 * Redis would keep all others waiting. */
static apr_status_t stage(push_t *job, crm360_redis_t *redis, apr_pool_t *pool)
{
    const crm360_push_t *push = job->push;
    apr_status_t rv = queue_stage(redis, job->parts_key, push->message, push->message_len, pool);

    if (rv == APR_SUCCESS && job->copy_key) {
        rv = queue_stage(redis, job->copy_key, push->message, push->message_len, pool);
    }
    return rv;
}

/* The parts of a large message are written only when the script says that they are wanted. */
static apr_status_t store(push_t *job, crm360_redis_t *redis, apr_pool_t *pool)
{
    apr_status_t rv = ask(job, redis, pool);

    if (rv == APR_SUCCESS && job->outcome == PUSH_NOT_YET) {
        rv = stage(job, redis, pool);
        if (rv == APR_SUCCESS) {
            rv = ask(job, redis, pool);
        }
    }
    if (rv == APR_SUCCESS && job->outcome == PUSH_NOT_YET) {
        job->receipt->detail = "the parts of the message are gone again";
        rv = CRM360_EPROTOCOL;
    }
    if (rv == APR_SUCCESS && job->outcome == PUSH_REFUSED) {
        job->receipt->detail = "the same key came with another content";
        rv = CRM360_EREUSED;
    }
    return rv;
}

static apr_status_t push_work(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    push_t *job = baton;
    crm360_durability_t wanted = job->push->durability;
    crm360_durability_t level;
    apr_status_t rv = queue_durability_before(&level, job->queue, redis, pool);

    if (rv == APR_SUCCESS && level < wanted) {
        job->receipt->detail = "Redis keeps messages in memory only";
        rv = CRM360_EUNSAFE;
    }
    if (rv == APR_SUCCESS) {
        rv = store(job, redis, pool);
    }
    if (rv == APR_SUCCESS && level == CRM360_ON_DISK) {
        level = queue_durability_after(job->queue, redis, pool);
        if (level < wanted) {
            job->receipt->detail = "Redis has ceased to flush messages while this one was stored";
            rv = CRM360_EUNSAFE;
        }
    }
    if (rv == APR_SUCCESS && job->outcome == PUSH_STORED) {
        crm360_redis_grew(redis);
    }
    job->receipt->durability = level;
    if (wanted > CRM360_IN_MEMORY && (rv == APR_SUCCESS || rv == CRM360_EUNSAFE)) {
        queue_durability_demanded(job->queue, rv == APR_SUCCESS);
    }
    return rv;
}

/* What the script is given, in its order. */
static void make_call(push_t *job, const crm360_keys_t *keys, apr_pool_t *pool)
{
    const crm360_push_t *push = job->push;
    const crm360_dedup_t *dedup = &push->dedup;
    int large = push->message_len > QUEUE_PART_BYTES;
    const char *copy_id = push->mail_copy ? crm360_mail_id(push->id, pool) : NULL;
    queue_call_t *call = queue_call_make(job->queue, QUEUE_PUSH, copy_id ? 9 : 6, 18, pool);

    crm360_command_add(call->command, keys->lane[push->lane]);
    crm360_command_add(call->command, crm360_keys_message(keys, push->id, pool));
    crm360_command_add(call->command, keys->counters);
    crm360_command_add(call->command, job->parts_key);
    crm360_command_add(call->command, keys->dead);
    /* Without a hash nothing is remembered there; the key keeps the place of those that follow. */
    crm360_command_add(call->command,
                       crm360_keys_seen(keys, dedup->hash ? dedup->hash : "none", pool));
    if (copy_id) {
        job->copy_key = crm360_keys_parts(keys, copy_id, pool);
        crm360_command_add(call->command, keys->lane[CRM360_LANE_SEND]);
        crm360_command_add(call->command, crm360_keys_message(keys, copy_id, pool));
        crm360_command_add(call->command, job->copy_key);
    }
    crm360_command_add(call->command, push->id);
    crm360_command_add_number(call->command, apr_time_as_msec(push->invisible_for), pool);
    crm360_command_add_bytes(call->command, push->message, large ? 0 : push->message_len);
    crm360_command_add(call->command, CRM360_KEY_WAKE);
    crm360_command_add_number(call->command, (apr_int64_t)push->message_len, pool);
    crm360_command_add(call->command, dedup->hash ? dedup->content : "");
    crm360_command_add_number(call->command, dedup->hash ? apr_time_as_msec(dedup->window) : 0,
                              pool);
    crm360_command_add(call->command, dedup->hash && dedup->strict ? "1" : "0");
    if (copy_id) {
        crm360_command_add(call->command, copy_id);
    }
    job->call = call;
}

apr_status_t crm360_queue_push(crm360_receipt_t *receipt, crm360_queue_t *queue,
                               const crm360_push_t *push, apr_pool_t *pool)
{
    const crm360_keys_t *keys = crm360_keys_make(push->customer, push->database, pool);
    push_t job = {.queue = queue, .push = push, .receipt = receipt};
    const char *detail;
    apr_status_t rv;

    memset(receipt, 0, sizeof *receipt);
    receipt->queue = keys->lane[push->lane];
    job.parts_key = crm360_keys_parts(keys, push->id, pool);
    make_call(&job, keys, pool);
    rv = queue_run(&detail, queue, push_work, &job, CRM360_REDIS_GROW, job.call->command->argv + 1,
                   job.call->keys, pool);
    if (rv != APR_SUCCESS && !receipt->detail) {
        receipt->detail = detail;
    }
    return rv;
}
