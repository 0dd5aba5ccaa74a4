/*
 * Writing a message before a script queues it, a large one in parts. Must never touch a message
 * that is there: what is written stands under a key of its own until a script makes a message of
 * it.
 */
#include "core/mail_copy.h"
#include "core/queue_private.h"

/* How long what is written waits to be made visible before Redis drops it. */
#define STAGED_SECONDS "120"

void queue_stage_whole(crm360_command_t *command, const char *key, const char *message,
                       apr_size_t len, apr_pool_t *pool)
{
    *command = *crm360_command_make(5, pool);
    crm360_command_add(command, "SET");
    crm360_command_add(command, key);
    crm360_command_add_bytes(command, message, len);
    crm360_command_add(command, "EX");
    crm360_command_add(command, STAGED_SECONDS);
}

/* SET and APPEND, under an expiry, so that one that dies half way leaves nothing. The expiry is set
 * anew with each part: APPEND would make a key without one where the parts so far were evicted. */
static apr_status_t stage_part(apr_size_t *at, crm360_redis_t *redis, const char *key,
                               const char *message, apr_size_t len, apr_pool_t *pool)
{
    apr_size_t rest = len - *at < QUEUE_PART_BYTES ? len - *at : QUEUE_PART_BYTES;
    crm360_command_t commands[2];
    crm360_reply_t *replies[2];
    apr_status_t rv;

    commands[0] = *crm360_command_make(3, pool);
    crm360_command_add(&commands[0], *at == 0 ? "SET" : "APPEND");
    crm360_command_add(&commands[0], key);
    crm360_command_add_bytes(&commands[0], message + *at, rest);
    commands[1] = *crm360_command_make(3, pool);
    crm360_command_add(&commands[1], "EXPIRE");
    crm360_command_add(&commands[1], key);
    crm360_command_add(&commands[1], STAGED_SECONDS);
    rv = crm360_redis_pipeline(replies, redis, commands, 2, pool);
    if (rv == APR_SUCCESS && replies[0]->type == CRM360_REPLY_ERROR) {
        rv = CRM360_EPROTOCOL;
    }
    if (rv == APR_SUCCESS) {
        *at += rest;
    }
    return rv;
}

apr_status_t queue_stage(crm360_redis_t *redis, const char *key, const char *message,
                         apr_size_t len, apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    apr_size_t at = 0;

    while (at < len && rv == APR_SUCCESS) {
        rv = stage_part(&at, redis, key, message, len, pool);
    }
    return rv;
}

/* One part, as it travels through crm360_redis_run(). */
typedef struct part_t {
    const crm360_push_t *push;
    const char *key;
    apr_size_t at;
} part_t;

static apr_status_t part_work(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    part_t *part = baton;

    return stage_part(&part->at, redis, part->key, part->push->message, part->push->message_len,
                      pool);
}

apr_status_t crm360_queue_stage(apr_size_t *staged, crm360_queue_t *queue,
                                const crm360_push_t *push, apr_pool_t *pool)
{
    /* The message first, then the same bytes for its copy. */
    apr_size_t before = *staged < push->message_len ? 0 : push->message_len;
    part_t part = {.push = push, .at = *staged - before};
    const crm360_keys_t *keys;
    const char *detail;
    apr_status_t rv;

    if (*staged >= crm360_queue_stage_bytes(push)) {
        return APR_SUCCESS;
    }
    keys = crm360_keys_make(push->customer, push->database, pool);
    part.key = crm360_keys_parts(keys, before ? crm360_mail_id(push->id, pool) : push->id,
                                 queue->writer, pool);
    /* Not repeated: nobody knows whether a part whose answer was lost is there. */
    rv = crm360_redis_run(queue->redis, part.key, part_work, &part, CRM360_REDIS_ONCE, &detail,
                          pool);
    *staged = rv == APR_SUCCESS ? before + part.at : 0;
    return rv;
}

apr_size_t crm360_queue_stage_bytes(const crm360_push_t *push)
{
    return push->message_len <= QUEUE_PART_BYTES ? 0
                                                 : push->message_len * (push->mail_copy ? 2 : 1);
}
