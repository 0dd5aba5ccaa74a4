/*
 * Reading the queue: stored messages by id, and a look at whole databases. Changes nothing. Must
 * never ask for so much at once that Redis or the reader is busy with it for long.
 */
#include "core/queue_private.h"

#include <apr_strings.h>

#include <string.h>

/* What crm360_queue_fetch() carries through crm360_redis_run(). */
typedef struct fetch_t {
    crm360_command_t *commands; /* one GET per id, before that one STRLEN, if need be */
    crm360_reply_t **replies;
    int count;
    apr_size_t most_bytes;
    int measured;         /* the lengths are known */
    crm360_blob_t *blobs; /* their lengths first */
    int fetched;
} fetch_t;

/* Asks for the lengths of the messages. */
static apr_status_t measure(fetch_t *fetch, crm360_redis_t *redis, apr_pool_t *pool)
{
    apr_status_t rv;
    int i;

    for (i = 0; i < fetch->count; i++) {
        fetch->commands[i].argv[0] = "STRLEN";
        fetch->commands[i].lens[0] = 6;
    }
    rv = crm360_redis_pipeline(fetch->replies, redis, fetch->commands, fetch->count, pool);
    for (i = 0; rv == APR_SUCCESS && i < fetch->count; i++) {
        apr_int64_t len =
            fetch->replies[i]->type == CRM360_REPLY_NUMBER ? fetch->replies[i]->number : 0;

        if (len < 0 || len > QUEUE_STRING_MOST) {
            return CRM360_EPROTOCOL;
        }
        fetch->blobs[i].len = (apr_size_t)len;
    }
    return rv;
}

/* How many of the messages fit into most_bytes, at least one; a large one stands alone, or ends the
 * list. */
static int how_many(const fetch_t *fetch)
{
    apr_size_t bytes = 0;
    int i;

    for (i = 0; i < fetch->count; i++) {
        bytes += fetch->blobs[i].len;
        if (i > 0 && (bytes > fetch->most_bytes || fetch->blobs[i].len > QUEUE_PART_BYTES)) {
            break;
        }
    }
    return i > 0 && fetch->blobs[0].len > QUEUE_PART_BYTES ? 1 : i;
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
        if (rv == APR_SUCCESS &&
            (reply->type != CRM360_REPLY_STRING || reply->len > blob->len - at)) {
            rv = CRM360_EPROTOCOL;
        }
        if (rv == APR_SUCCESS && reply->len == 0) {
            apr_pool_destroy(part);
            blob->len = 0; /* it is gone since it was measured, as one that was never there */
            return APR_SUCCESS;
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
    apr_status_t rv = fetch->measured ? APR_SUCCESS : measure(fetch, redis, pool);
    int i;

    fetch->fetched = how_many(fetch);
    if (rv == APR_SUCCESS && fetch->blobs[0].len > QUEUE_PART_BYTES) {
        return fetch_parts(&fetch->blobs[0], fetch->commands[0].argv[1], redis, pool);
    }
    for (i = 0; i < fetch->fetched; i++) {
        fetch->commands[i].argv[0] = "GET";
        fetch->commands[i].lens[0] = 3;
    }
    if (rv == APR_SUCCESS) {
        rv = crm360_redis_pipeline(fetch->replies, redis, fetch->commands, fetch->fetched, pool);
    }
    for (i = 0; rv == APR_SUCCESS && i < fetch->fetched; i++) {
        if (fetch->replies[i]->type == CRM360_REPLY_STRING) {
            fetch->blobs[i].data = fetch->replies[i]->text;
            fetch->blobs[i].len = fetch->replies[i]->len;
        }
    }
    return rv;
}

apr_status_t crm360_queue_fetch(crm360_blob_t **blobs, int *fetched, crm360_queue_t *queue,
                                const crm360_keys_t *keys, const char *const *ids,
                                const apr_size_t *bytes, int count, apr_size_t most_bytes,
                                apr_pool_t *pool)
{
    fetch_t fetch = {.count = count, .most_bytes = most_bytes, .measured = bytes != NULL};
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
        fetch.blobs[i].len = bytes ? bytes[i] : 0;
    }
    rv = crm360_redis_run(queue->redis, keys->dead, fetch_work, &fetch, CRM360_REDIS_READ, &detail,
                          pool);
    for (i = 0; rv == APR_SUCCESS && i < fetch.fetched; i++) {
        /* As good as missing; its caller says so. */
        if (fetch.replies[i] && queue_is_wrong_type(fetch.replies[i])) {
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
        queue_claim_note_t note;
        int at;

        if (!queue_read_claim(&note, &claims->items[i], pool)) {
            continue; /* not ours to judge; the claim script overwrites it when it is due */
        }
        workers = workers ? workers : apr_array_make(pool, 4, sizeof(const char *));
        for (at = 0; at < workers->nelts; at++) {
            if (strcmp(APR_ARRAY_IDX(workers, at, const char *), note.worker) == 0) {
                break;
            }
        }
        if (at == workers->nelts) {
            APR_ARRAY_PUSH(workers, const char *) = note.worker;
        }
    }
    return workers;
}

/* When the first entry of a lane is visible, ms; -1 = there is none, or only one with a score that
 * is no time (claim.lua takes it for none as well). */
static apr_int64_t head_of(const crm360_reply_t *reply)
{
    const char *score;

    if (reply->type != CRM360_REPLY_ARRAY || reply->count != 2 ||
        reply->items[1].type != CRM360_REPLY_STRING) {
        return -1;
    }
    score = reply->items[1].text;
    if (strstr(score, "inf")) {
        return *score == '-' ? 0 : -1;
    }
    return apr_atoi64(score);
}

/* What the replies say of one database: the heads of its lanes, then its claims. A key of the wrong
 * type is set aside: it is as good as empty, as the look says already. */
static apr_status_t read_look(crm360_look_t *look, crm360_queue_t *queue,
                              const crm360_command_t *commands, crm360_reply_t *const *replies,
                              apr_pool_t *pool)
{
    apr_status_t rv;
    int i;

    for (i = 0; i < CRM360_LANES + 1; i++) {
        if (!replies[i]) {
            look->away = 1;
            return APR_SUCCESS;
        }
        if (queue_is_wrong_type(replies[i]) &&
            (rv = queue_heal(queue, &commands[i].argv[1], 1, pool)) != APR_SUCCESS) {
            return rv;
        }
        if (i < CRM360_LANES) {
            look->head_ms[i] = head_of(replies[i]);
        }
        else {
            look->workers = holders(replies[i], pool);
        }
    }
    return APR_SUCCESS;
}

apr_status_t crm360_queue_look(crm360_look_t *looks, apr_int64_t *now_ms, crm360_queue_t *queue,
                               const crm360_keys_t *const *keys, int count, apr_pool_t *pool)
{
    /* TIME, then per database the head of each lane and the claims. */
    const int each = CRM360_LANES + 1;
    queue_pipeline_t *all = queue_pipeline_make(1 + count * each, 5, pool);
    const char *detail;
    apr_status_t rv;
    int i, missing;

    crm360_command_add(&all->commands[0], "TIME");
    for (i = 1; i < all->count; i++) {
        const crm360_keys_t *of = keys[(i - 1) / each];
        int what = (i - 1) % each;
        crm360_command_t *command = &all->commands[i];

        crm360_command_add(command, what < CRM360_LANES ? "ZRANGE" : "HVALS");
        crm360_command_add(command, what < CRM360_LANES ? of->lane[what] : of->claims);
        if (what < CRM360_LANES) {
            crm360_command_add(command, "0");
            crm360_command_add(command, "0");
            crm360_command_add(command, "WITHSCORES");
        }
    }
    rv = queue_pipeline_run_some(&missing, &detail, queue, all, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!all->replies[0]) {
        return CRM360_EAWAY; /* the node that was to tell the time */
    }
    if (!queue_read_time(now_ms, all->replies[0])) {
        return CRM360_EPROTOCOL;
    }
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        rv = read_look(&looks[i], queue, all->commands + 1 + i * each, all->replies + 1 + i * each,
                       pool);
    }
    return rv;
}
