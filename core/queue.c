/*
 * The queue's access to Redis: the scripts of all verbs, and calling one. What the verbs mean is in
 * queue_push.c, queue_lease.c and queue_fetch.c.
 */
#include "core/queue_private.h"

#include <apr_strings.h>

#include <string.h>

#include "core/embedded.h"

apr_size_t crm360_queue_health_size(void)
{
    return sizeof(queue_health_t);
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

apr_status_t crm360_queue_make(crm360_queue_t **queue, const crm360_config_t *config,
                               int connections, void *health, apr_pool_t *pool)
{
    static const char *const names[QUEUE_VERBS] = {"push", "claim",   "extend",  "ack", "retry",
                                                   "bury", "release", "redrive", "drop"};
    crm360_queue_t *made = apr_pcalloc(pool, sizeof *made);
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
    made->health = health;
    made->server = crm360_config_redis(config, pool)->text;
    *queue = made;
    return crm360_redis_pool_make(
        &made->redis, crm360_config_redis(config, pool), crm360_config_connect_timeout(config),
        crm360_config_command_timeout(config), connections, &made->health->redis, pool);
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
    call->command = crm360_command_make(most + 1, pool);
    crm360_command_add_number(call->command, keys, pool);
    return call;
}

apr_status_t queue_call_number(int *number, crm360_queue_t *queue, queue_call_t *call,
                               apr_pool_t *pool)
{
    const char *detail;
    apr_status_t rv =
        crm360_redis_run(queue->redis, queue_call_work, call, CRM360_REDIS_WRITE, &detail, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (call->reply->type != CRM360_REPLY_NUMBER) {
        return CRM360_EPROTOCOL;
    }
    *number = (int)call->reply->number;
    return APR_SUCCESS;
}
