/*
 * The verb that makes many messages of one: split. Must never hand Redis more at once than it does
 * quickly: a large element is written in parts before.
 */
#include "core/queue_private.h"

#include "core/message_element.h"

/* A split, as it travels through crm360_redis_run(). */
typedef struct split_t {
    queue_call_t *call;
    const crm360_blob_t *staged; /* written in parts first; NULL = none */
    const char *parts_key;       /* where they go */
    const char *writer;
} split_t;

static apr_status_t split_work(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    split_t *job = baton;
    apr_status_t rv = APR_SUCCESS;

    if (job->staged) {
        rv = queue_stage(redis, job->parts_key, job->staged->data, job->staged->len, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = queue_call_work(job->call, redis, pool);
    }
    if (rv == APR_SUCCESS) {
        crm360_redis_grew(redis);
    }
    return rv;
}

/* The whole call, keys first. */
static void fill(split_t *job, const crm360_keys_t *keys, crm360_lane_t lane,
                 const crm360_split_t *split, apr_pool_t *pool)
{
    crm360_command_t *command = job->call->command;
    int i;

    crm360_command_add(command, keys->lane[lane]);
    crm360_command_add(command, keys->claims);
    crm360_command_add(command, keys->failures);
    crm360_command_add(command, keys->counters);
    crm360_command_add(command, keys->splits);
    crm360_command_add(command, crm360_keys_message(keys, split->id, pool));
    for (i = 0; i < split->count; i++) {
        const char *id = crm360_element_id(split->id, split->first + i, pool);

        crm360_command_add(command, crm360_keys_message(keys, id, pool));
        if (job->staged) {
            job->parts_key = crm360_keys_parts(keys, id, job->writer, pool);
            crm360_command_add(command, job->parts_key);
        }
    }
    crm360_command_add(command, split->token);
    crm360_command_add(command, split->id);
    crm360_command_add_number(command, split->first, pool);
    crm360_command_add(command, split->last ? "1" : "0");
    crm360_command_add(command, CRM360_KEY_WAKE);
    crm360_command_add_number(command, job->staged ? (apr_int64_t)split->messages[0].len : 0, pool);
    for (i = 0; i < split->count && !job->staged; i++) {
        crm360_command_add_bytes(command, split->messages[i].data, split->messages[i].len);
    }
}

apr_status_t crm360_queue_split(int *next, const char **detail, crm360_queue_t *queue,
                                const crm360_keys_t *keys, crm360_lane_t lane,
                                const crm360_split_t *split, apr_pool_t *pool)
{
    int staged = split->count == 1 && split->messages[0].len > QUEUE_PART_BYTES;
    int key_count = 6 + split->count + staged;
    queue_call_t *call =
        queue_call_make(queue, QUEUE_SPLIT, key_count, key_count + 6 + split->count, pool);
    split_t job = {
        .call = call, .staged = staged ? split->messages : NULL, .writer = queue->writer};
    apr_status_t rv;

    fill(&job, keys, lane, split, pool);
    rv = queue_run(detail, queue, split_work, &job, CRM360_REDIS_GROW, call->command->argv + 1,
                   call->keys, pool);
    if (rv == APR_SUCCESS && call->reply->type != CRM360_REPLY_NUMBER) {
        *detail = "unexpected reply of the split script";
        rv = CRM360_EPROTOCOL;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *next = (int)call->reply->number;
    return *next < 0 ? CRM360_ELEASE : APR_SUCCESS;
}
