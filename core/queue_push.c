/*
 * The verb of producers: push. Must never say a message is stored before Redis did, and never make
 * a large one visible before it is whole.
 */
#include "core/queue_private.h"

#include <apr_strings.h>

#include <string.h>

#include "core/mail_copy.h"
#include "core/queue_group.h"

#define CEASED "Redis has ceased to flush messages while this one was stored"

/* The place of the counters' key in its call. */
#define COUNTERS 3

/* What the script says became of a message (lua/push.lua). */
enum { PUSH_AGAIN, PUSH_STORED, PUSH_REPETITION, PUSH_REFUSED, PUSH_NOT_YET, PUSH_FULL };

/* A push, as it travels through crm360_redis_run(). */
typedef struct push_t {
    queue_call_t *call;
    crm360_queue_t *queue;
    const crm360_push_t *push;
    int large;            /* is written in parts */
    const char *key;      /* where it is written */
    const char *copy_key; /* the same for its mail copy; NULL = there is none */
    int outcome;          /* PUSH_... */
    crm360_receipt_t *receipt;
} push_t;

static int is_answer(const crm360_reply_t *reply)
{
    return reply->type == CRM360_REPLY_ARRAY && reply->count == 3 &&
           reply->items[0].type == CRM360_REPLY_NUMBER &&
           reply->items[1].type == CRM360_REPLY_NUMBER &&
           reply->items[2].type == CRM360_REPLY_STRING;
}

/* Whether an answer says that a message was stored. */
static int has_stored(const crm360_reply_t *reply)
{
    return is_answer(reply) && reply->items[1].number == PUSH_STORED;
}

/* Takes the answer of the script apart. */
static apr_status_t read_answer(push_t *job)
{
    const crm360_reply_t *items = job->call->reply->items;

    if (!is_answer(job->call->reply)) {
        job->receipt->detail = "unexpected reply of the push script";
        return CRM360_EPROTOCOL;
    }
    job->outcome = (int)items[1].number;
    job->receipt->visible_at = apr_time_from_msec(items[0].number);
    job->receipt->id = items[2].text;
    job->receipt->duplicate = job->outcome == PUSH_REPETITION;
    return APR_SUCCESS;
}

/* Calls the script. */
static apr_status_t ask(push_t *job, crm360_redis_t *redis, apr_pool_t *pool)
{
    apr_status_t rv = queue_call_work(job->call, redis, pool);

    return rv == APR_SUCCESS ? read_answer(job) : rv;
}

/* Writes the message whole and calls the script, in one go. */
static apr_status_t write_and_ask(push_t *job, crm360_redis_t *redis, apr_pool_t *pool)
{
    const crm360_push_t *push = job->push;
    crm360_command_t writes[2];
    crm360_reply_t *replies[3];
    int count = 0;
    apr_status_t rv;

    queue_stage_whole(&writes[count++], job->key, push->message, push->message_len, pool);
    if (job->copy_key) {
        queue_stage_whole(&writes[count++], job->copy_key, push->message, push->message_len, pool);
    }
    rv = crm360_redis_script_behind(replies, redis, writes, count, job->call->script,
                                    job->call->command, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    job->call->reply = replies[count];
    rv = read_answer(job);
    /* Why it was not written stands in what these commands were told. */
    while (rv == APR_SUCCESS && job->outcome == PUSH_NOT_YET && count-- > 0) {
        if (replies[count]->type == CRM360_REPLY_ERROR) {
            job->receipt->detail = replies[count]->text;
            rv = CRM360_EREFUSED;
        }
    }
    /* It was, but later: by another node of a cluster. */
    return rv == APR_SUCCESS && job->outcome == PUSH_NOT_YET ? ask(job, redis, pool) : rv;
}

/* Writes the parts, when the script says that they are wanted. Those of the copy are sent a second
 * time: one call that copied the whole inside Redis would keep all others waiting. */
static apr_status_t ask_and_write(push_t *job, crm360_redis_t *redis, apr_pool_t *pool)
{
    const crm360_push_t *push = job->push;
    apr_status_t rv = ask(job, redis, pool);

    if (rv != APR_SUCCESS || job->outcome != PUSH_NOT_YET) {
        return rv;
    }
    rv = queue_stage(redis, job->key, push->message, push->message_len, pool);
    if (rv == APR_SUCCESS && job->copy_key) {
        rv = queue_stage(redis, job->copy_key, push->message, push->message_len, pool);
    }
    return rv == APR_SUCCESS ? ask(job, redis, pool) : rv;
}

/* What the outcome means to who has pushed. */
static apr_status_t read_outcome(push_t *job, apr_status_t rv)
{
    if (rv == APR_SUCCESS && job->outcome == PUSH_NOT_YET) {
        job->receipt->detail = "what was written of the message is gone again";
        rv = CRM360_EPROTOCOL;
    }
    if (rv == APR_SUCCESS && job->outcome == PUSH_REFUSED) {
        job->receipt->detail = "the same key came with another content";
        rv = CRM360_EREUSED;
    }
    if (rv == APR_SUCCESS && job->outcome == PUSH_FULL) {
        job->receipt->detail = "as much waits in this database as is allowed";
        rv = CRM360_EFULL;
    }
    return rv;
}

static apr_status_t store(push_t *job, crm360_redis_t *redis, apr_pool_t *pool)
{
    return read_outcome(job, job->large ? ask_and_write(job, redis, pool)
                                        : write_and_ask(job, redis, pool));
}

/* A write that changes nothing and goes to the replicas all the same. WAIT asks for what this
 * connection has written (Redis 7.2), and a push that finds its message there has written nothing:
 * every replica that is connected would confirm it. */
static apr_status_t write_nothing(push_t *job, crm360_redis_t *redis, apr_pool_t *pool)
{
    crm360_command_t *command = crm360_command_make(4, pool);
    crm360_reply_t *reply;
    apr_status_t rv;

    crm360_command_add(command, "HINCRBY");
    crm360_command_add(command, job->call->command->argv[COUNTERS]);
    crm360_command_add(command, "received");
    crm360_command_add(command, "0");
    rv = crm360_redis_command(&reply, crm360_redis_last(redis), command, pool);
    if (rv != APR_SUCCESS && rv != CRM360_EAWAY) {
        job->receipt->detail = "whether a replica has it cannot be asked now";
        rv = CRM360_EUNSAFE;
    }
    return rv;
}

/* What is certain of a message that the server has taken: what was known before, asked again, and
 * whether a replica has it where that is demanded. */
static apr_status_t make_sure(push_t *job, crm360_durability_t *level, crm360_redis_t *redis,
                              apr_pool_t *pool)
{
    crm360_durability_t wanted = job->push->durability;
    apr_status_t rv = APR_SUCCESS;
    int replicas = 0;

    if (*level == CRM360_ON_DISK) {
        rv = queue_durability_after(level, redis, pool);
    }
    if (wanted != CRM360_ON_DISK) {
        rv = APR_SUCCESS; /* nobody has asked for it */
    }
    else if (rv == APR_SUCCESS && *level != wanted) {
        job->receipt->detail = CEASED;
        return CRM360_EUNSAFE;
    }
    if (wanted == CRM360_ON_REPLICA && job->outcome != PUSH_STORED) {
        rv = write_nothing(job, redis, pool);
    }
    if (rv == APR_SUCCESS && wanted == CRM360_ON_REPLICA) {
        rv = crm360_redis_wait(&replicas, redis, 1, job->queue->wait_for_replica, pool);
        *level = replicas > 0 ? wanted : *level;
        if (rv == APR_SUCCESS && replicas == 0) {
            job->receipt->detail = "no replica of Redis has confirmed it in time";
            rv = CRM360_EUNSAFE;
        }
    }
    return rv;
}

static apr_status_t push_work(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    push_t *job = baton;
    crm360_durability_t wanted = job->push->durability;
    crm360_durability_t level;
    apr_status_t rv = queue_durability_before(&level, redis, pool);

    if (rv == APR_SUCCESS && wanted == CRM360_ON_DISK && level != wanted) {
        rv = queue_durability_now(&level, redis, pool);
    }
    if (rv == APR_SUCCESS && wanted == CRM360_ON_DISK && level != wanted) {
        job->receipt->detail = "Redis keeps messages in memory only";
        rv = CRM360_EUNSAFE;
    }
    if (rv == APR_SUCCESS) {
        rv = store(job, redis, pool);
    }
    if (rv == APR_SUCCESS && job->outcome == PUSH_STORED) {
        crm360_redis_grew(redis);
    }
    if (rv == APR_SUCCESS) {
        rv = make_sure(job, &level, redis, pool);
    }
    job->receipt->durability = level;
    if (wanted > CRM360_IN_MEMORY && (rv == APR_SUCCESS || rv == CRM360_EUNSAFE)) {
        queue_durability_demanded(job->queue, wanted, rv == APR_SUCCESS);
    }
    return rv;
}

/* Whether the words that say nothing may be left out. */
static int is_plain(const crm360_push_t *push)
{
    return !push->dedup.strict && push->most.messages <= 0 && push->most.bytes <= 0 &&
           !push->mail_copy;
}

/* What the script is given, in its order. What comes last and says nothing is left out: Redis is
 * faster without. */
static void make_call(push_t *job, const crm360_keys_t *keys, apr_pool_t *pool)
{
    const crm360_push_t *push = job->push;
    const crm360_dedup_t *dedup = &push->dedup;
    const char *copy_id = push->mail_copy ? crm360_mail_id(push->id, pool) : NULL;
    queue_call_t *call = queue_call_make(job->queue, QUEUE_PUSH, copy_id ? 11 : 9, 21, pool);
    crm360_command_t *command = call->command;
    int lane;

    crm360_command_add(command, keys->lane[push->lane]);
    crm360_command_add(command, crm360_keys_message(keys, push->id, pool));
    crm360_command_add(command, keys->counters);
    crm360_command_add(command, job->key);
    crm360_command_add(command, keys->dead);
    /* Without a hash nothing is remembered there; the key keeps the place of those that follow. */
    crm360_command_add(command, crm360_keys_seen(keys, dedup->hash ? dedup->hash : "none", pool));
    for (lane = 0; lane < CRM360_LANES; lane++) {
        crm360_command_add(command, keys->lane[lane]);
    }
    if (copy_id) {
        job->copy_key = crm360_keys_parts(keys, copy_id, job->queue->writer, pool);
        crm360_command_add(command, crm360_keys_message(keys, copy_id, pool));
        crm360_command_add(command, job->copy_key);
    }
    crm360_command_add(command, push->id);
    crm360_command_add_number(command, apr_time_as_msec(push->invisible_for), pool);
    crm360_command_add(command, CRM360_KEY_WAKE);
    crm360_command_add_number(command, (apr_int64_t)push->message_len, pool);
    crm360_command_add(command, dedup->hash ? dedup->content : "");
    crm360_command_add_number(command, dedup->hash ? apr_time_as_msec(dedup->window) : 0, pool);
    if (!is_plain(push)) {
        crm360_command_add(command, dedup->hash && dedup->strict ? "1" : "0");
        crm360_command_add_number(command, push->most.messages, pool);
        crm360_command_add_number(command, push->most.bytes, pool);
    }
    if (copy_id) {
        crm360_command_add(command, copy_id);
    }
    job->call = call;
}

/* Sends it together with those of other threads. 0: it must go on its own. */
static int push_together(apr_status_t *status, push_t *job, apr_pool_t *pool)
{
    const crm360_push_t *push = job->push;
    queue_rider_t rider = {.key = job->call->command->argv[1],
                           .wanted = push->durability,
                           .has_grown = has_stored,
                           .rv = APR_EINCOMPLETE,
                           .pool = pool};

    if (job->large || job->copy_key || push->durability == CRM360_ON_REPLICA) {
        return 0;
    }
    queue_stage_whole(&rider.commands[0], job->key, push->message, push->message_len, pool);
    rider.commands[1] = *crm360_script_call(job->call->script, job->call->command, pool);
    if (!queue_group_ride(&rider, job->queue)) {
        return 0;
    }
    if (rider.rv == APR_SUCCESS) {
        job->call->reply = rider.reply;
        rider.rv = read_answer(job);
        if (rider.rv != APR_SUCCESS || job->outcome == PUSH_NOT_YET) {
            return 0;
        }
        rider.rv = read_outcome(job, APR_SUCCESS);
        if (rider.rv == APR_SUCCESS && push->durability == CRM360_ON_DISK &&
            rider.durability != CRM360_ON_DISK) {
            job->receipt->detail = CEASED;
            rider.rv = CRM360_EUNSAFE;
        }
    }
    else {
        job->receipt->detail = rider.detail;
    }
    job->receipt->durability = rider.durability;
    if (push->durability > CRM360_IN_MEMORY &&
        (rider.rv == APR_SUCCESS || rider.rv == CRM360_EUNSAFE)) {
        queue_durability_demanded(job->queue, push->durability, rider.rv == APR_SUCCESS);
    }
    *status = rider.rv;
    return 1;
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
    job.large = push->message_len > QUEUE_PART_BYTES;
    job.key = crm360_keys_parts(keys, push->id, queue->writer, pool);
    make_call(&job, keys, pool);
    if (push_together(&rv, &job, pool)) {
        return rv;
    }
    receipt->detail = NULL;
    rv = queue_run(&detail, queue, push_work, &job, CRM360_REDIS_GROW, job.call->command->argv + 1,
                   job.call->keys, pool);
    if (rv != APR_SUCCESS && !receipt->detail) {
        receipt->detail = detail;
    }
    return rv;
}
