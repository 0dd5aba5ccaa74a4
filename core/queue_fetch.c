/*
 * Reading the queue: stored messages by id, and a look at whole databases. Changes nothing. Must
 * never ask for so much at once that Redis or the reader is busy with it for long.
 */
#include "core/queue_private.h"

#include <apr_strings.h>

#include <string.h>

#include "core/json.h"

/* What crm360_queue_fetch() carries through crm360_redis_run(). */
typedef struct fetch_t {
    crm360_command_t *commands; /* one STRLEN, later one GET, per id */
    crm360_reply_t **replies;
    int count;
    apr_size_t most_bytes;
    crm360_blob_t *blobs;
    int fetched;
} fetch_t;

/* How many of the messages fit into most_bytes, at least one; notes their lengths. */
static apr_status_t measure(fetch_t *fetch, crm360_redis_t *redis, apr_pool_t *pool)
{
    apr_size_t bytes = 0;
    apr_status_t rv;
    int i;

    for (i = 0; i < fetch->count; i++) {
        fetch->commands[i].argv[0] = "STRLEN";
        fetch->commands[i].lens[0] = 6;
    }
    rv = crm360_redis_pipeline(fetch->replies, redis, fetch->commands, fetch->count, pool);
    for (i = 0; rv == APR_SUCCESS && i < fetch->count; i++) {
        fetch->blobs[i].len = fetch->replies[i]->type == CRM360_REPLY_NUMBER
                                  ? (apr_size_t)fetch->replies[i]->number
                                  : 0;
        bytes += fetch->blobs[i].len;
        if (i > 0 && bytes > fetch->most_bytes) {
            break;
        }
    }
    fetch->fetched = i;
    return rv;
}

/* A large message, part by part: each has the whole time of a command, and Redis is never busy
 * with one for long. */
static apr_status_t fetch_parts(crm360_blob_t *blob, const char *key, crm360_redis_t *redis,
                                apr_pool_t *pool)
{
    char *data = apr_palloc(pool, blob->len);
    apr_status_t rv = APR_SUCCESS;
    apr_size_t at = 0;

    while (at < blob->len && rv == APR_SUCCESS) {
        crm360_command_t *command;
        crm360_reply_t *reply;
        apr_pool_t *part;

        apr_pool_create(&part, pool);
        apr_pool_tag(part, "crm360_part");
        command = crm360_command_make(4, part);
        crm360_command_add(command, "GETRANGE");
        crm360_command_add(command, key);
        crm360_command_add_number(command, (apr_int64_t)at, part);
        crm360_command_add_number(command, (apr_int64_t)(at + QUEUE_PART_BYTES - 1), part);
        rv = crm360_redis_command(&reply, redis, command, part);
        if (rv == APR_SUCCESS && (reply->type != CRM360_REPLY_STRING || reply->len == 0 ||
                                  reply->len > blob->len - at)) {
            rv = CRM360_EPROTOCOL; /* somebody changes it meanwhile */
        }
        if (rv == APR_SUCCESS) {
            memcpy(data + at, reply->text, reply->len);
            at += reply->len;
        }
        apr_pool_destroy(part);
    }
    blob->data = data;
    return rv;
}

static apr_status_t fetch_work(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    fetch_t *fetch = baton;
    apr_status_t rv = measure(fetch, redis, pool);
    int i, small = 0;

    /* The small ones in one go; a large one stands alone, or ends the list. */
    while (rv == APR_SUCCESS && small < fetch->fetched &&
           fetch->blobs[small].len <= QUEUE_PART_BYTES) {
        fetch->commands[small].argv[0] = "GET";
        fetch->commands[small].lens[0] = 3;
        small++;
    }
    if (rv == APR_SUCCESS && small == 0) {
        fetch->fetched = 1;
        return fetch_parts(&fetch->blobs[0], fetch->commands[0].argv[1], redis, pool);
    }
    if (rv == APR_SUCCESS) {
        fetch->fetched = small;
        rv = crm360_redis_pipeline(fetch->replies, redis, fetch->commands, small, pool);
    }
    for (i = 0; rv == APR_SUCCESS && i < small; i++) {
        if (fetch->replies[i]->type == CRM360_REPLY_STRING) {
            fetch->blobs[i].data = fetch->replies[i]->text;
            fetch->blobs[i].len = fetch->replies[i]->len;
        }
    }
    return rv;
}

apr_status_t crm360_queue_fetch(crm360_blob_t **blobs, int *fetched, crm360_queue_t *queue,
                                const crm360_keys_t *keys, const char *const *ids, int count,
                                apr_size_t most_bytes, apr_pool_t *pool)
{
    fetch_t fetch = {.count = count, .most_bytes = most_bytes};
    const char *detail;
    apr_status_t rv;
    int i;

    fetch.commands = apr_pcalloc(pool, (apr_size_t)count * sizeof *fetch.commands);
    fetch.replies = apr_pcalloc(pool, (apr_size_t)count * sizeof *fetch.replies);
    fetch.blobs = apr_pcalloc(pool, (apr_size_t)count * sizeof *fetch.blobs);
    for (i = 0; i < count; i++) {
        fetch.commands[i] = *crm360_command_make(2, pool);
        crm360_command_add(&fetch.commands[i], "");
        crm360_command_add(&fetch.commands[i], crm360_keys_message(keys, ids[i], pool));
    }
    rv = crm360_redis_run(queue->redis, fetch_work, &fetch, CRM360_REDIS_READ, &detail, pool);
    for (i = 0; rv == APR_SUCCESS && i < fetch.fetched; i++) {
        /* As good as missing; its caller says so. */
        if (queue_is_wrong_type(fetch.replies[i])) {
            rv = queue_heal(queue, &fetch.commands[i].argv[1], 1, pool);
        }
    }
    *fetched = fetch.fetched;
    *blobs = fetch.blobs;
    return rv;
}

/* Collects the names of those who hold claims, each once. */
static const apr_array_header_t *holders(const crm360_reply_t *claims, apr_pool_t *pool)
{
    apr_array_header_t *workers = NULL;
    apr_size_t i;

    for (i = 0; claims->type == CRM360_REPLY_ARRAY && i < claims->count; i++) {
        json_object *claim, *worker;
        const char *why, *name;
        int at;

        if (crm360_json_parse(&claim, &why, claims->items[i].text, claims->items[i].len, pool) !=
                APR_SUCCESS ||
            !json_object_object_get_ex(claim, "worker", &worker) ||
            !json_object_is_type(worker, json_type_string)) {
            continue; /* not ours to judge; the claim script overwrites it when it is due */
        }
        name = json_object_get_string(worker);
        workers = workers ? workers : apr_array_make(pool, 4, sizeof(const char *));
        for (at = 0; at < workers->nelts; at++) {
            if (strcmp(APR_ARRAY_IDX(workers, at, const char *), name) == 0) {
                break;
            }
        }
        if (at == workers->nelts) {
            APR_ARRAY_PUSH(workers, const char *) = name;
        }
    }
    return workers;
}

/* What crm360_queue_look() carries through crm360_redis_run(). */
typedef struct look_t {
    crm360_command_t *commands;
    crm360_reply_t **replies;
    int count;
} look_t;

static apr_status_t look_work(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    look_t *look = baton;

    return crm360_redis_pipeline(look->replies, redis, look->commands, look->count, pool);
}

/* When the first entry of a lane is visible, ms; -1 = there is none, or only one with a score that
 * is no time (claim.lua takes it for none as well). */
static apr_int64_t head_of(const crm360_reply_t *reply)
{
    const char *score;

    if (reply->type != CRM360_REPLY_ARRAY || reply->count != 2) {
        return -1;
    }
    score = reply->items[1].text;
    if (strstr(score, "inf")) {
        return *score == '-' ? 0 : -1;
    }
    return apr_atoi64(score);
}

apr_status_t crm360_queue_look(crm360_look_t *looks, apr_int64_t *now_ms, crm360_queue_t *queue,
                               const crm360_keys_t *const *keys, int count, apr_pool_t *pool)
{
    /* TIME, then per database the head of each lane and the claims. */
    const int each = CRM360_LANES + 1;
    look_t look = {.count = 1 + count * each};
    const char *detail;
    apr_status_t rv;
    int i;

    look.commands = apr_pcalloc(pool, (apr_size_t)look.count * sizeof *look.commands);
    look.replies = apr_pcalloc(pool, (apr_size_t)look.count * sizeof *look.replies);
    look.commands[0] = *crm360_command_make(1, pool);
    crm360_command_add(&look.commands[0], "TIME");
    for (i = 1; i < look.count; i++) {
        const crm360_keys_t *of = keys[(i - 1) / each];
        int what = (i - 1) % each;
        crm360_command_t *command = &look.commands[i];

        *command = *crm360_command_make(5, pool);
        crm360_command_add(command, what < CRM360_LANES ? "ZRANGE" : "HVALS");
        crm360_command_add(command, what < CRM360_LANES ? of->lane[what] : of->claims);
        if (what < CRM360_LANES) {
            crm360_command_add(command, "0");
            crm360_command_add(command, "0");
            crm360_command_add(command, "WITHSCORES");
        }
    }
    rv = crm360_redis_run(queue->redis, look_work, &look, CRM360_REDIS_READ, &detail, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (look.replies[0]->type != CRM360_REPLY_ARRAY || look.replies[0]->count != 2) {
        return CRM360_EPROTOCOL;
    }
    *now_ms = apr_atoi64(look.replies[0]->items[0].text) * 1000 +
              apr_atoi64(look.replies[0]->items[1].text) / 1000;
    for (i = 0; i < count * each; i++) {
        const crm360_reply_t *reply = look.replies[1 + i];
        crm360_look_t *to = &looks[i / each];

        /* Set aside, it is as good as empty: what the look says of it already. */
        if (queue_is_wrong_type(reply) &&
            (rv = queue_heal(queue, &look.commands[1 + i].argv[1], 1, pool)) != APR_SUCCESS) {
            return rv;
        }
        if (i % each < CRM360_LANES) {
            to->head_ms[i % each] = head_of(reply);
        }
        else {
            to->workers = holders(reply, pool);
        }
    }
    return APR_SUCCESS;
}
