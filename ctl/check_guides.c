/*
 * crm360ctl check: those who tell where Redis is, sentinels or the nodes of a cluster that the
 * configuration names. Each is asked by itself, with a connection that nobody else uses; must
 * change nothing.
 */
#include <apr_strings.h>

#include <string.h>

#include "core/redis.h"
#include "ctl/check.h"

/* What one of them has said. */
typedef struct answer_t {
    const char *name;    /* of the sentinels' master; "" = nothing is asked about it */
    const char *place;   /* of the master, "host:port"; "" = none is named */
    const char *strange; /* what is wrong with an answer that is no error; NULL = nothing */
} answer_t;

/* A crm360_redis_work_t: where a sentinel takes the master to be. */
static apr_status_t ask_sentinel(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    answer_t *answer = baton;
    crm360_command_t *command = crm360_command_make(3, pool);
    crm360_redis_seed_t place;
    crm360_reply_t *reply;
    apr_status_t rv;

    crm360_command_add(command, "SENTINEL");
    crm360_command_add(command, "GET-MASTER-ADDR-BY-NAME");
    crm360_command_add(command, answer->name);
    rv = crm360_redis_command(&reply, redis, command, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (reply->type == CRM360_REPLY_ARRAY && reply->count == 2 &&
        reply->items[0].type == CRM360_REPLY_STRING &&
        reply->items[1].type == CRM360_REPLY_STRING) {
        place.host = reply->items[0].text;
        place.port = (int)apr_atoi64(reply->items[1].text);
        answer->place = crm360_redis_seed_text(&place, pool);
    }
    else {
        answer->strange = apr_psprintf(pool, "knows no master that is called %s", answer->name);
    }
    return APR_SUCCESS;
}

/* The same: whether a node of a cluster knows who serves the slots. */
static apr_status_t ask_node(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    answer_t *answer = baton;
    crm360_command_t *command = crm360_command_make(2, pool);
    crm360_reply_t *reply;
    apr_status_t rv;

    crm360_command_add(command, "CLUSTER");
    crm360_command_add(command, "SLOTS");
    rv = crm360_redis_command(&reply, redis, command, pool);
    if (rv == APR_SUCCESS && (reply->type != CRM360_REPLY_ARRAY || reply->count == 0)) {
        answer->strange = "knows nobody who serves slots: make a cluster of the nodes";
    }
    return rv;
}

/* Asks one of them. Errors as crm360_redis_run(). */
static apr_status_t ask(answer_t *answer, const char **detail, const ctl_check_t *check,
                        const crm360_redis_address_t *all, const crm360_redis_seed_t *seed)
{
    int sentinels = all->kind == CRM360_REDIS_SENTINEL;
    crm360_redis_address_t *one = apr_pcalloc(check->pool, sizeof *one);
    crm360_redis_pool_t *servers;
    apr_status_t rv;

    one->kind = CRM360_REDIS_SINGLE;
    one->host = seed->host;
    one->port = seed->port;
    one->user = sentinels ? all->sentinel_user : all->user;
    one->password = sentinels ? all->sentinel_password : all->password;
    one->text = crm360_redis_seed_text(seed, check->pool);
    answer->name = sentinels ? all->name : "";
    answer->place = "";
    answer->strange = NULL;
    *detail = "";
    rv =
        crm360_redis_pool_make(&servers, one, crm360_config_connect_timeout(check->config),
                               crm360_config_command_timeout(check->config), 1,
                               apr_pcalloc(check->pool, sizeof(crm360_redis_nodes_t)), check->pool);
    return rv == APR_SUCCESS ? crm360_redis_run(servers, NULL, sentinels ? ask_sentinel : ask_node,
                                                answer, CRM360_REDIS_LOOK, detail, check->pool)
                             : rv;
}

/* ---- all of them ---- */

/* One line for the answer of each. */
static void say_answer(ctl_guides_t *guides, const ctl_check_t *check,
                       const crm360_redis_address_t *all, const crm360_redis_seed_t *seed)
{
    int sentinels = all->kind == CRM360_REDIS_SENTINEL;
    const char *kind = sentinels ? "sentinel" : "cluster node";
    const char *of = crm360_redis_seed_text(seed, check->pool), *detail;
    answer_t answer;
    apr_status_t rv = ask(&answer, &detail, check, all, seed);

    guides->answers += rv == APR_SUCCESS && !answer.strange;
    guides->refusals += rv == APR_SUCCESS ? answer.strange != NULL : rv != CRM360_EAWAY;
    if (rv != APR_SUCCESS || answer.strange) {
        const char *text = rv == APR_SUCCESS ? answer.strange : detail;

        guides->why =
            apr_pstrcat(check->pool, guides->why, *guides->why ? "; " : "", of, ": ", text, NULL);
        ctl_check_say(check, rv == CRM360_EAWAY ? CTL_CHECK_AWAY : CTL_CHECK_FAIL, kind, of, "%s",
                      text);
        return;
    }
    ctl_check_say(check, CTL_CHECK_OK, kind, of, "%s%s%s",
                  sentinels ? "names " : "tells who serves the slots", answer.place,
                  sentinels ? " as the master" : "");
    guides->disagree |= guides->place && strcmp(guides->place, answer.place) != 0;
    guides->place = answer.place;
}

void ctl_check_guides(ctl_guides_t *guides, const ctl_check_t *check,
                      const crm360_redis_address_t *address)
{
    int i;

    memset(guides, 0, sizeof *guides);
    guides->why = "";
    for (i = 0; i < address->seed_count; i++) {
        say_answer(guides, check, address, &address->seeds[i]);
    }
    if (address->kind != CRM360_REDIS_SENTINEL) {
        return;
    }
    if (guides->disagree) {
        ctl_check_say(check, CTL_CHECK_FAIL, "sentinels", address->text,
                      "they name different masters: a failover is going on, or some are cut off, "
                      "or they watch different servers");
    }
    if (guides->answers * 2 <= address->seed_count) {
        ctl_check_say(check, CTL_CHECK_WARN, "sentinels", address->text,
                      "%d of %d name a master: no failover is possible", guides->answers,
                      address->seed_count);
    }
}
