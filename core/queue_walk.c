/*
 * Listing: pages of the queue's keys, walks through them, parts of messages. Changes nothing. Must
 * never ask Redis for so much at once that it is busy with it for long.
 */
#include "core/queue_admin.h"

#include <apr_strings.h>

#include <string.h>

#include "core/queue_private.h"

/* ---- one plain command ---- */

typedef struct ask_t {
    crm360_command_t *command;
    crm360_reply_t *reply;
} ask_t;

static apr_status_t ask_work(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    ask_t *ask = baton;

    return crm360_redis_command(&ask->reply, redis, ask->command, pool);
}

apr_status_t queue_ask(crm360_reply_t **reply, crm360_queue_t *queue, crm360_command_t *command,
                       crm360_reply_type_t type, apr_pool_t *pool)
{
    ask_t ask = {.command = command};
    const char *detail;
    apr_status_t rv =
        queue_run(&detail, queue, ask_work, &ask, CRM360_REDIS_READ, &command->argv[1], 1, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *reply = ask.reply;
    return ask.reply->type == type ? APR_SUCCESS : CRM360_EPROTOCOL;
}

/* ---- pages ---- */

/* Reads "id, score, ..." of a sorted set, or "id, value, ..." of a hash, into a page. An id with a
 * NUL in it is none that can be spoken of here, and is left out. */
static apr_status_t read_page(crm360_page_t *page, const crm360_reply_t *pairs, apr_pool_t *pool)
{
    crm360_entry_t *entries = apr_palloc(pool, (pairs->count / 2 + 1) * sizeof *entries);
    apr_size_t i;

    page->entries = entries;
    for (i = 0; i + 1 < pairs->count; i += 2) {
        const crm360_reply_t *id = &pairs->items[i];
        crm360_entry_t *entry = &entries[page->count];

        if (id->type != CRM360_REPLY_STRING || id[1].type != CRM360_REPLY_STRING) {
            return CRM360_EPROTOCOL;
        }
        if (strlen(id->text) == id->len) {
            entry->id = id->text;
            entry->score = id[1].text;
            entry->at = apr_time_from_msec(apr_atoi64(id[1].text));
            page->count++;
        }
    }
    return APR_SUCCESS;
}

apr_status_t crm360_queue_page(crm360_page_t *page, crm360_queue_t *queue, const char *key,
                               apr_int64_t first, int most, apr_pool_t *pool)
{
    crm360_command_t *command = crm360_command_make(5, pool);
    crm360_reply_t *reply;
    apr_status_t rv;

    memset(page, 0, sizeof *page);
    crm360_command_add(command, "ZRANGE");
    crm360_command_add(command, key);
    crm360_command_add_number(command, first, pool);
    crm360_command_add_number(command, first + most - 1, pool);
    crm360_command_add(command, "WITHSCORES");
    rv = queue_ask(&reply, queue, command, CRM360_REPLY_ARRAY, pool);
    return rv == APR_SUCCESS ? read_page(page, reply, pool) : rv;
}

/* A step of a walk: *page is what it has found. */
static apr_status_t scan(const crm360_reply_t **page, const char **cursor, crm360_queue_t *queue,
                         crm360_command_t *command, apr_pool_t *pool)
{
    crm360_reply_t *reply;
    apr_status_t rv = queue_ask(&reply, queue, command, CRM360_REPLY_ARRAY, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (reply->count != 2 || reply->items[0].type != CRM360_REPLY_STRING ||
        reply->items[1].type != CRM360_REPLY_ARRAY) {
        return CRM360_EPROTOCOL;
    }
    *cursor = reply->items[0].text;
    *page = &reply->items[1];
    return APR_SUCCESS;
}

apr_status_t crm360_queue_walk(crm360_page_t *page, const char **cursor, crm360_queue_t *queue,
                               const char *key, int most, apr_pool_t *pool)
{
    const char *type = crm360_keys_type(key);
    crm360_command_t *command = crm360_command_make(5, pool);
    const crm360_reply_t *found;
    apr_status_t rv;

    memset(page, 0, sizeof *page);
    crm360_command_add(command, type && strcmp(type, "hash") == 0 ? "HSCAN" : "ZSCAN");
    crm360_command_add(command, key);
    crm360_command_add(command, *cursor);
    crm360_command_add(command, "COUNT");
    crm360_command_add_number(command, most, pool);
    rv = scan(&found, cursor, queue, command, pool);
    return rv == APR_SUCCESS ? read_page(page, found, pool) : rv;
}

apr_status_t crm360_queue_walk_stored(crm360_stored_t **stored, int *count, const char **cursor,
                                      crm360_queue_t *queue, int most, apr_pool_t *pool)
{
    crm360_command_t *command = crm360_command_make(6, pool);
    const crm360_reply_t *found;
    apr_status_t rv;
    apr_size_t i;

    *count = 0;
    crm360_command_add(command, "SCAN");
    crm360_command_add(command, *cursor);
    crm360_command_add(command, "MATCH");
    crm360_command_add(command, CRM360_KEY_MESSAGES);
    crm360_command_add(command, "COUNT");
    crm360_command_add_number(command, most, pool);
    rv = scan(&found, cursor, queue, command, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *stored = apr_palloc(pool, (found->count + 1) * sizeof **stored);
    for (i = 0; i < found->count; i++) {
        crm360_stored_t *next = &(*stored)[*count];

        *count += found->items[i].type == CRM360_REPLY_STRING &&
                  crm360_keys_stored(&next->database, &next->id, found->items[i].text, pool);
    }
    return APR_SUCCESS;
}

apr_status_t crm360_queue_count_aside(apr_int64_t *found, crm360_queue_t *queue,
                                      const crm360_keys_t *keys, apr_pool_t *parent)
{
    const char *names = crm360_keys_all_aside(keys, parent);
    char at[32] = "0";
    apr_status_t rv;
    apr_pool_t *pool;

    *found = 0;
    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm360_aside");
    do {
        crm360_command_t *command;
        const crm360_reply_t *page;
        const char *cursor;

        apr_pool_clear(pool);
        command = crm360_command_make(6, pool);
        crm360_command_add(command, "SCAN");
        crm360_command_add(command, at);
        crm360_command_add(command, "MATCH");
        crm360_command_add(command, names);
        crm360_command_add(command, "COUNT");
        crm360_command_add_number(command, CRM360_PAGE_MOST, pool);
        rv = scan(&page, &cursor, queue, command, pool);
        if (rv == APR_SUCCESS) {
            *found += (apr_int64_t)page->count;
            apr_cpystrn(at, cursor, sizeof at);
        }
    } while (rv == APR_SUCCESS && strcmp(at, "0") != 0);
    apr_pool_destroy(pool);
    return rv;
}

apr_status_t crm360_queue_size(apr_int64_t *size, crm360_queue_t *queue, const char *key,
                               apr_pool_t *pool)
{
    crm360_command_t *command = crm360_command_make(2, pool);
    crm360_reply_t *reply;
    apr_status_t rv;

    *size = 0;
    crm360_command_add(command, "ZCARD");
    crm360_command_add(command, key);
    rv = queue_ask(&reply, queue, command, CRM360_REPLY_NUMBER, pool);
    if (rv == APR_SUCCESS) {
        *size = reply->number;
    }
    return rv;
}

/* ---- many at once ---- */

typedef struct pipeline_t {
    crm360_command_t *commands;
    crm360_reply_t **replies;
    int count;
} pipeline_t;

static apr_status_t pipeline_work(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    pipeline_t *all = baton;

    return crm360_redis_pipeline(all->replies, redis, all->commands, all->count, pool);
}

/* `count` commands of at most `words` words, which the caller adds. */
static pipeline_t *pipeline_make(int count, int words, apr_pool_t *pool)
{
    pipeline_t *all = apr_pcalloc(pool, sizeof *all);
    int i;

    all->commands = apr_palloc(pool, ((apr_size_t)count + 1) * sizeof *all->commands);
    all->replies = apr_pcalloc(pool, ((apr_size_t)count + 1) * sizeof *all->replies);
    all->count = count;
    for (i = 0; i < count; i++) {
        all->commands[i] = *crm360_command_make(words, pool);
    }
    return all;
}

apr_status_t crm360_queue_occupied(int *occupied, crm360_queue_t *queue,
                                   const crm360_keys_t *const *keys, int count, apr_pool_t *pool)
{
    pipeline_t *all = pipeline_make(count, CRM360_LANES + 5, pool);
    const char *detail;
    apr_status_t rv;
    int i, lane;

    for (i = 0; i < count; i++) {
        crm360_command_t *command = &all->commands[i];

        crm360_command_add(command, "EXISTS");
        for (lane = 0; lane < CRM360_LANES; lane++) {
            crm360_command_add(command, keys[i]->lane[lane]);
        }
        crm360_command_add(command, keys[i]->claims);
        crm360_command_add(command, keys[i]->failures);
        crm360_command_add(command, keys[i]->dead);
        crm360_command_add(command, keys[i]->splits);
    }
    rv = crm360_redis_run(queue->redis, pipeline_work, all, CRM360_REDIS_READ, &detail, pool);
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        occupied[i] = all->replies[i]->type == CRM360_REPLY_NUMBER && all->replies[i]->number > 0;
    }
    return rv;
}

apr_status_t crm360_queue_waiting(int *waiting, crm360_queue_t *queue,
                                  const crm360_keys_t *const *keys, const char *const *ids,
                                  int count, apr_pool_t *pool)
{
    pipeline_t *all = pipeline_make(count, 3, pool);
    const char *detail;
    apr_status_t rv;
    int i;

    for (i = 0; i < count; i++) {
        crm360_command_add(&all->commands[i], "ZSCORE");
        crm360_command_add(&all->commands[i], keys[i]->lane[crm360_id_lane(ids[i])]);
        crm360_command_add(&all->commands[i], ids[i]);
    }
    rv = crm360_redis_run(queue->redis, pipeline_work, all, CRM360_REDIS_READ, &detail, pool);
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        waiting[i] = all->replies[i]->type == CRM360_REPLY_STRING;
    }
    return rv;
}

apr_status_t crm360_queue_now(apr_time_t *now, crm360_queue_t *queue, apr_pool_t *pool)
{
    crm360_look_t nothing;
    apr_int64_t ms = 0;
    apr_status_t rv = crm360_queue_look(&nothing, &ms, queue, NULL, 0, pool);

    *now = apr_time_from_msec(ms);
    return rv;
}

apr_status_t crm360_queue_read(const char **data, apr_size_t *len, crm360_queue_t *queue,
                               const crm360_keys_t *keys, const char *id, apr_off_t offset,
                               apr_size_t most, apr_pool_t *pool)
{
    crm360_command_t *command = crm360_command_make(4, pool);
    crm360_reply_t *reply;
    apr_status_t rv;

    *len = 0;
    crm360_command_add(command, "GETRANGE");
    crm360_command_add(command, crm360_keys_message(keys, id, pool));
    crm360_command_add_number(command, offset, pool);
    crm360_command_add_number(command, offset + (apr_off_t)most - 1, pool);
    rv = queue_ask(&reply, queue, command, CRM360_REPLY_STRING, pool);
    if (rv == APR_SUCCESS) {
        *data = reply->text;
        *len = reply->len;
    }
    return rv;
}
