/*
 * The queue's access to Redis: the scripts of all verbs, and calling one. What the verbs mean is in
 * queue_push.c, queue_lease.c, queue_split.c and queue_fetch.c.
 */
#include "core/queue_private.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <string.h>

#include "core/clock.h"
#include "core/embedded.h"
#include "core/log.h"
#include "core/queue_group.h"

apr_size_t crm360_queue_health_size(void)
{
    return sizeof(crm360_redis_nodes_t);
}

/* A script as it stands in lua/; NULL when there is none of that name. */
static const char *lua_text(const char *name)
{
    const crm360_embedded_t *script;

    for (script = crm360_lua_scripts; script->name; script++) {
        if (strcmp(script->name, name) == 0) {
            return script->text;
        }
    }
    return NULL;
}

int crm360_queue_is_spread(const crm360_queue_t *queue)
{
    return queue->many_nodes;
}

int crm360_queue_is_away(const crm360_queue_t *queue)
{
    return crm360_redis_is_away(queue->redis);
}

void crm360_queue_follow(int *changed, apr_uint32_t *epoch, crm360_queue_t *queue, apr_pool_t *pool)
{
    apr_uint32_t now;

    crm360_redis_refresh(queue->redis, pool);
    now = crm360_redis_epoch(queue->redis);
    *changed = now != *epoch;
    *epoch = now;
}

struct crm360_redis_pool_t *crm360_queue_redis(const crm360_queue_t *queue)
{
    return queue->redis;
}

/* Eight hexadecimal digits: each queue is made by the process that uses it, so no two that are in
 * use have the same. */
static apr_status_t name_writer(char *name)
{
    unsigned char random[4];
    apr_status_t rv = apr_generate_random_bytes(random, sizeof random);
    int i;

    for (i = 0; rv == APR_SUCCESS && i < (int)sizeof random; i++) {
        apr_snprintf(name + 2 * i, 3, "%02x", random[i]);
    }
    return rv;
}

apr_status_t crm360_queue_make(crm360_queue_t **queue, const crm360_config_t *config,
                               int connections, void *health, apr_pool_t *pool)
{
    static const char *const names[QUEUE_VERBS] = {
        "push",    "claim",   "fence", "extend",    "ack",    "retry", "bury",
        "release", "redrive", "drop",  "reconcile", "heal",   "blank", "split",
        "permit",  "verdict", "pause", "resume",    "visible"};
    crm360_queue_t *made = apr_pcalloc(pool, sizeof *made);
    apr_status_t rv;
    int verb;

    for (verb = 0; verb < QUEUE_VERBS; verb++) {
        const char *text = lua_text(names[verb]);
        const char *common = lua_text("common");

        if (!text || !common) {
            return APR_EGENERAL; /* the build left a script out */
        }
        made->scripts[verb].name = names[verb];
        made->scripts[verb].text = apr_pstrcat(pool, common, text, NULL);
        crm360_script_digest(&made->scripts[verb]);
    }
    if (!health) {
        health = apr_pcalloc(pool, crm360_queue_health_size());
    }
    rv = name_writer(made->writer);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    made->nodes = health;
    made->server = crm360_config_redis(config, pool)->text;
    made->many_nodes = crm360_config_redis(config, pool)->kind == CRM360_REDIS_CLUSTER;
    /* Its answer must be here within the time of a command. */
    made->wait_for_replica = crm360_config_command_timeout(config) * 3 / 4;
    *queue = made;
    rv = queue_group_make(&made->group, connections, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return crm360_redis_pool_make(
        &made->redis, crm360_config_redis(config, pool), crm360_config_connect_timeout(config),
        crm360_config_command_timeout(config), connections, made->nodes, pool);
}

apr_status_t queue_call_work(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    queue_call_t *call = baton;

    return crm360_redis_script(&call->reply, redis, call->script, call->command, pool);
}

queue_call_t *queue_call_make(crm360_queue_t *queue, queue_verb_t verb, int keys, int most,
                              apr_pool_t *pool)
{
    queue_call_t *call = apr_pcalloc(pool, sizeof *call);

    call->script = &queue->scripts[verb];
    call->keys = keys;
    call->command = crm360_command_make(most + 1, pool);
    crm360_command_add_number(call->command, keys, pool);
    return call;
}

/* ---- keys of the wrong type ---- */

/* Names that are tried for one that is set aside: others may do the same in the same ms. */
#define ASIDE_NAMES 4

/* Redis 6 puts words of its own in front. */
static int says_wrong_type(const char *text)
{
    return strstr(text, "WRONGTYPE") != NULL;
}

int queue_is_wrong_type(const crm360_reply_t *reply)
{
    return reply->type == CRM360_REPLY_ERROR && says_wrong_type(reply->text);
}

apr_status_t queue_heal(crm360_queue_t *queue, const char *const *keys, int count, apr_pool_t *pool)
{
    const char **ours = apr_palloc(pool, ((apr_size_t)count + 1) * sizeof *ours);
    const crm360_reply_t *reply;
    queue_call_t *call;
    apr_int64_t ms = apr_time_as_msec(crm360_clock());
    const char *detail;
    apr_status_t rv;
    apr_size_t at;
    int some = 0;
    int i, name;

    for (i = 0; i < count; i++) {
        if (crm360_keys_type(keys[i])) {
            ours[some++] = keys[i];
        }
    }
    call = queue_call_make(queue, QUEUE_HEAL, (1 + ASIDE_NAMES) * some, (2 + ASIDE_NAMES) * some,
                           pool);
    for (i = 0; i < some; i++) {
        crm360_command_add(call->command, ours[i]);
    }
    for (i = 0; i < some; i++) {
        for (name = 0; name < ASIDE_NAMES; name++) {
            crm360_command_add(call->command, crm360_keys_aside(ours[i], ms + name, pool));
        }
    }
    for (i = 0; i < some; i++) {
        crm360_command_add(call->command, crm360_keys_type(ours[i]));
    }
    if (some == 0) {
        return APR_SUCCESS;
    }
    rv = crm360_redis_run(queue->redis, ours[0], queue_call_work, call, CRM360_REDIS_WRITE, &detail,
                          pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    reply = call->reply;
    for (at = 0; reply->type == CRM360_REPLY_ARRAY && at + 2 < reply->count; at += 3) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0120) "%s was of type %s, which is wrong; it was set aside as %s",
                   reply->items[at].text, reply->items[at + 2].text, reply->items[at + 1].text);
    }
    return APR_SUCCESS;
}

apr_status_t queue_run(const char **detail, crm360_queue_t *queue, crm360_redis_work_t *work,
                       void *baton, crm360_redis_purpose_t purpose, const char *const *keys,
                       int count, apr_pool_t *pool)
{
    apr_status_t rv =
        crm360_redis_run(queue->redis, count ? keys[0] : NULL, work, baton, purpose, detail, pool);

    if (rv == CRM360_EPROTOCOL && says_wrong_type(*detail) &&
        queue_heal(queue, keys, count, pool) == APR_SUCCESS) {
        rv = crm360_redis_run(queue->redis, count ? keys[0] : NULL, work, baton, purpose, detail,
                              pool);
    }
    return rv;
}

/* ---- calling a script ---- */

apr_status_t queue_call_run(const char **detail, crm360_queue_t *queue, queue_call_t *call,
                            crm360_redis_purpose_t purpose, apr_pool_t *pool)
{
    /* The first word is the number of keys. */
    return queue_run(detail, queue, queue_call_work, call, purpose, call->command->argv + 1,
                     call->keys, pool);
}

apr_status_t queue_call_number(int *number, crm360_queue_t *queue, queue_call_t *call,
                               apr_pool_t *pool)
{
    const char *detail;
    apr_status_t rv = queue_call_run(&detail, queue, call, CRM360_REDIS_WRITE, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (call->reply->type != CRM360_REPLY_NUMBER) {
        return CRM360_EPROTOCOL;
    }
    *number = (int)call->reply->number;
    return APR_SUCCESS;
}
