/*
 * The verbs about providers. Each runs one script; nothing is remembered here, so that all hosts
 * see the same.
 */
#include "core/queue_provider.h"

#include "core/queue_private.h"

#define FAILURES_MOST 5
#define OPEN_FIRST (5 * APR_USEC_PER_SEC)
#define OPEN_MOST (300 * APR_USEC_PER_SEC)
/* Longer than a call takes. */
#define TRIAL (60 * APR_USEC_PER_SEC)

/* Runs a call whose reply is a number and something else. */
static apr_status_t run(const crm360_reply_t **items, crm360_queue_t *queue, queue_call_t *call,
                        apr_pool_t *pool)
{
    const char *detail;
    apr_status_t rv = queue_call_run(&detail, queue, call, CRM360_REDIS_WRITE, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (call->reply->type != CRM360_REPLY_ARRAY || call->reply->count != 2 ||
        call->reply->items[0].type != CRM360_REPLY_NUMBER) {
        return CRM360_EPROTOCOL;
    }
    *items = call->reply->items;
    return APR_SUCCESS;
}

apr_status_t crm360_queue_permit(apr_interval_time_t *wait, const char **why, crm360_queue_t *queue,
                                 const char *provider, const char *id, apr_interval_time_t spacing,
                                 apr_pool_t *pool)
{
    queue_call_t *call = queue_call_make(queue, QUEUE_PERMIT, 2, 6, pool);
    const crm360_reply_t *items;
    apr_status_t rv;

    crm360_command_add(call->command, crm360_keys_breaker(provider, pool));
    crm360_command_add(call->command, crm360_keys_turns(provider, pool));
    crm360_command_add(call->command, id);
    crm360_command_add_number(call->command, spacing > 0 ? spacing : 0, pool);
    crm360_command_add_number(call->command, FAILURES_MOST, pool);
    crm360_command_add_number(call->command, TRIAL, pool);
    rv = run(&items, queue, call, pool);
    if (rv == APR_SUCCESS && items[1].type != CRM360_REPLY_STRING) {
        rv = CRM360_EPROTOCOL;
    }
    if (rv == APR_SUCCESS) {
        *wait = items[0].number;
        *why = items[1].text;
    }
    return rv;
}

apr_status_t crm360_queue_verdict(crm360_breaker_t *change, apr_interval_time_t *wait,
                                  crm360_queue_t *queue, const char *provider, int good,
                                  apr_interval_time_t hold, const char *reason, apr_pool_t *pool)
{
    queue_call_t *call = queue_call_make(queue, QUEUE_VERDICT, 1, 7, pool);
    const crm360_reply_t *items;
    apr_status_t rv;

    crm360_command_add(call->command, crm360_keys_breaker(provider, pool));
    crm360_command_add(call->command, good ? "good" : "bad");
    crm360_command_add_number(call->command, hold > 0 ? hold : 0, pool);
    crm360_command_add_number(call->command, FAILURES_MOST, pool);
    crm360_command_add_number(call->command, OPEN_FIRST, pool);
    crm360_command_add_number(call->command, OPEN_MOST, pool);
    crm360_command_add(call->command, reason ? reason : "");
    rv = run(&items, queue, call, pool);
    if (rv == APR_SUCCESS && items[1].type != CRM360_REPLY_NUMBER) {
        rv = CRM360_EPROTOCOL;
    }
    if (rv == APR_SUCCESS) {
        *change = items[0].number == 1   ? CRM360_BREAKER_OPENED
                  : items[0].number == 2 ? CRM360_BREAKER_CLOSED
                                         : CRM360_BREAKER_SAME;
        *wait = items[1].number;
    }
    return rv;
}

apr_status_t crm360_queue_pardon(crm360_queue_t *queue, const char *provider, apr_pool_t *pool)
{
    crm360_command_t *command = crm360_command_make(2, pool);
    crm360_reply_t *reply;

    crm360_command_add(command, "DEL");
    crm360_command_add(command, crm360_keys_breaker(provider, pool));
    return queue_ask(&reply, queue, command, CRM360_REPLY_NUMBER, pool);
}
