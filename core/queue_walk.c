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

apr_status_t queue_read_page(crm360_page_t *page, const crm360_reply_t *pairs, apr_pool_t *pool)
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
            entry->at = apr_time_from_msec(queue_read_score(&id[1]));
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
    return rv == APR_SUCCESS ? queue_read_page(page, reply, pool) : rv;
}

/* Takes the answer to a step of a walk apart: *page is what it has found. */
static apr_status_t read_scan(const crm360_reply_t **page, const char **cursor,
                              const crm360_reply_t *reply)
{
    if (reply->type != CRM360_REPLY_ARRAY || reply->count != 2 ||
        reply->items[0].type != CRM360_REPLY_STRING || reply->items[1].type != CRM360_REPLY_ARRAY) {
        return CRM360_EPROTOCOL;
    }
    *cursor = reply->items[0].text;
    *page = &reply->items[1];
    return APR_SUCCESS;
}

/* A step of a walk through all keys of a node. */
static apr_status_t scan_node(const crm360_reply_t **page, const char **cursor,
                              crm360_queue_t *queue, int node, const char *pattern, int most,
                              apr_pool_t *pool)
{
    ask_t ask = {.command = crm360_command_make(6, pool)};
    const char *detail;
    apr_status_t rv;

    crm360_command_add(ask.command, "SCAN");
    crm360_command_add(ask.command, *cursor);
    crm360_command_add(ask.command, "MATCH");
    crm360_command_add(ask.command, pattern);
    crm360_command_add(ask.command, "COUNT");
    crm360_command_add_number(ask.command, most, pool);
    rv = crm360_redis_run_at(queue->redis, node, ask_work, &ask, CRM360_REDIS_READ, &detail, pool);
    return rv == APR_SUCCESS ? read_scan(page, cursor, ask.reply) : rv;
}

apr_status_t crm360_queue_walk(crm360_page_t *page, const char **cursor, crm360_queue_t *queue,
                               const char *key, int most, apr_pool_t *pool)
{
    const char *type = crm360_keys_type(key);
    crm360_command_t *command = crm360_command_make(5, pool);
    const crm360_reply_t *found;
    crm360_reply_t *reply;
    apr_status_t rv;

    memset(page, 0, sizeof *page);
    crm360_command_add(command, type && strcmp(type, "hash") == 0 ? "HSCAN" : "ZSCAN");
    crm360_command_add(command, key);
    crm360_command_add(command, *cursor);
    crm360_command_add(command, "COUNT");
    crm360_command_add_number(command, most, pool);
    rv = queue_ask(&reply, queue, command, CRM360_REPLY_ARRAY, pool);
    rv = rv == APR_SUCCESS ? read_scan(&found, cursor, reply) : rv;
    return rv == APR_SUCCESS ? queue_read_page(page, found, pool) : rv;
}

/* A cursor is "<node>:<that of Redis>", and "0" before the first node and behind the last. */
apr_status_t crm360_queue_walk_stored(crm360_stored_t **stored, int *count, const char **cursor,
                                      crm360_queue_t *queue, int most, apr_pool_t *pool)
{
    const char *colon = strchr(*cursor, ':');
    const char *at = colon ? colon + 1 : "0";
    const crm360_reply_t *found;
    apr_status_t rv;
    apr_size_t i;
    int node = colon ? (int)apr_atoi64(*cursor) : crm360_redis_next_node(queue->redis, -1, pool);

    *count = 0;
    rv = scan_node(&found, &at, queue, node, CRM360_KEY_MESSAGES, most, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    node = strcmp(at, "0") == 0 ? crm360_redis_next_node(queue->redis, node, pool) : node;
    *cursor = node < 0 ? "0" : apr_psprintf(pool, "%d:%s", node, at);
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
    int node = crm360_redis_node_of(queue->redis, keys->dead, parent);
    char at[32] = "0";
    apr_status_t rv;
    apr_pool_t *pool;

    *found = 0;
    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm360_aside");
    do {
        const crm360_reply_t *page;
        const char *cursor = at;

        apr_pool_clear(pool);
        rv = scan_node(&page, &cursor, queue, node, names, CRM360_PAGE_MOST, pool);
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

static apr_status_t pipeline_work(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    queue_pipeline_t *all = baton;

    return crm360_redis_pipeline(all->replies, redis, all->commands, all->count, pool);
}

queue_pipeline_t *queue_pipeline_make(int count, int words, apr_pool_t *pool)
{
    queue_pipeline_t *all = apr_pcalloc(pool, sizeof *all);
    int i;

    all->commands = apr_palloc(pool, ((apr_size_t)count + 1) * sizeof *all->commands);
    all->replies = apr_pcalloc(pool, ((apr_size_t)count + 1) * sizeof *all->replies);
    all->count = count;
    for (i = 0; i < count; i++) {
        all->commands[i] = *crm360_command_make(words, pool);
    }
    return all;
}

/* The key that decides which node runs a command; NULL = any may. */
static const char *key_of(const crm360_command_t *command)
{
    return command->argc > 1 ? command->argv[1] : NULL;
}

/* A node's share of a pipeline: `nodes` says to which node each command goes. */
static apr_status_t run_share(const char **detail, crm360_queue_t *queue, queue_pipeline_t *all,
                              const int *nodes, int node, crm360_redis_purpose_t purpose,
                              apr_pool_t *pool)
{
    queue_pipeline_t share = {.count = 0};
    apr_status_t rv;
    int i;

    share.commands = apr_palloc(pool, ((apr_size_t)all->count + 1) * sizeof *share.commands);
    share.replies = apr_pcalloc(pool, ((apr_size_t)all->count + 1) * sizeof *share.replies);
    for (i = 0; i < all->count; i++) {
        if (nodes[i] == node) {
            share.commands[share.count++] = all->commands[i];
        }
    }
    /* By a key, so that whoever has taken the node's place is found. */
    rv = crm360_redis_run(queue->redis, key_of(&share.commands[share.count - 1]), pipeline_work,
                          &share, purpose, detail, pool);
    share.count = 0;
    for (i = 0; i < all->count && rv == APR_SUCCESS; i++) {
        if (nodes[i] == node) {
            all->replies[i] = share.replies[share.count++];
        }
    }
    return rv;
}

/* A pipeline over the nodes of a cluster. *failed is how the last share ended that could not be
 * run; the replies of such are NULL. */
static void run_shares(apr_status_t *failed, const char **detail, crm360_queue_t *queue,
                       queue_pipeline_t *all, crm360_redis_purpose_t purpose, apr_pool_t *pool)
{
    int *nodes = apr_palloc(pool, ((apr_size_t)all->count + 1) * sizeof *nodes);
    int i, first;

    *failed = APR_SUCCESS;
    for (i = 0; i < all->count; i++) {
        nodes[i] = crm360_redis_node_of(queue->redis, key_of(&all->commands[i]), pool);
    }
    for (first = 0; first < all->count; first++) {
        for (i = 0; i < first && nodes[i] != nodes[first]; i++) {
        }
        if (i == first) { /* else this node has had its share */
            apr_status_t rv = run_share(detail, queue, all, nodes, nodes[first], purpose, pool);

            *failed = rv == APR_SUCCESS ? *failed : rv;
        }
    }
}

/* Runs a pipeline, of which parts may be left out when `missing` is given: NULL replies,
 * counted. */
static apr_status_t run_pipeline(int *missing, const char **detail, crm360_queue_t *queue,
                                 queue_pipeline_t *all, crm360_redis_purpose_t purpose,
                                 apr_pool_t *pool)
{
    const char *key = all->count ? key_of(&all->commands[all->count - 1]) : NULL;
    apr_status_t rv;
    int i, none = 0;

    *detail = "";
    if (!queue->many_nodes) {
        return crm360_redis_run(queue->redis, key, pipeline_work, all, purpose, detail, pool);
    }
    run_shares(&rv, detail, queue, all, purpose, pool);
    for (i = 0; i < all->count; i++) {
        none += all->replies[i] == NULL;
    }
    if (missing) {
        *missing = none;
        return none < all->count ? APR_SUCCESS : rv;
    }
    return rv;
}

apr_status_t queue_pipeline_run(const char **detail, crm360_queue_t *queue, queue_pipeline_t *all,
                                apr_pool_t *pool)
{
    return run_pipeline(NULL, detail, queue, all, CRM360_REDIS_READ, pool);
}

apr_status_t queue_pipeline_run_some(int *missing, const char **detail, crm360_queue_t *queue,
                                     queue_pipeline_t *all, apr_pool_t *pool)
{
    *missing = 0;
    return run_pipeline(missing, detail, queue, all, CRM360_REDIS_READ, pool);
}

apr_status_t queue_pipeline_look_some(int *missing, const char **detail, crm360_queue_t *queue,
                                      queue_pipeline_t *all, apr_pool_t *pool)
{
    *missing = 0;
    return run_pipeline(missing, detail, queue, all, CRM360_REDIS_LOOK, pool);
}

apr_status_t queue_pipeline_look(const char **detail, crm360_queue_t *queue, queue_pipeline_t *all,
                                 apr_pool_t *pool)
{
    return run_pipeline(NULL, detail, queue, all, CRM360_REDIS_LOOK, pool);
}

apr_status_t crm360_queue_occupied(int *occupied, crm360_queue_t *queue,
                                   const crm360_keys_t *const *keys, int count, apr_pool_t *pool)
{
    queue_pipeline_t *all = queue_pipeline_make(count, CRM360_LANES + 5, pool);
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
    rv = queue_pipeline_run(&detail, queue, all, pool);
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        occupied[i] = all->replies[i]->type == CRM360_REPLY_NUMBER && all->replies[i]->number > 0;
    }
    return rv;
}

apr_status_t crm360_queue_waiting(int *waiting, crm360_queue_t *queue,
                                  const crm360_keys_t *const *keys, const char *const *ids,
                                  int count, apr_pool_t *pool)
{
    queue_pipeline_t *all = queue_pipeline_make(count, 3, pool);
    const char *detail;
    apr_status_t rv;
    int i;

    for (i = 0; i < count; i++) {
        crm360_command_add(&all->commands[i], "ZSCORE");
        crm360_command_add(&all->commands[i], keys[i]->lane[crm360_id_lane(ids[i])]);
        crm360_command_add(&all->commands[i], ids[i]);
    }
    rv = queue_pipeline_run(&detail, queue, all, pool);
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
    if (rv == APR_SUCCESS && reply->len > most) {
        rv = CRM360_EPROTOCOL;
    }
    if (rv == APR_SUCCESS) {
        *data = reply->text;
        *len = reply->len;
    }
    return rv;
}
