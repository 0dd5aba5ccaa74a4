/*
 * Steering by an operator: making messages visible, pausing, resuming. Must never touch what a
 * worker holds.
 */
#include "core/queue_steer.h"

#include <apr_strings.h>

#include <strings.h>

#include "core/clock.h"
#include "core/queue_private.h"

apr_status_t crm360_queue_visible(crm360_admin_result_t *results, crm360_queue_t *queue,
                                  const crm360_keys_t *keys, const char *const *ids, int count,
                                  apr_interval_time_t delay, apr_pool_t *pool)
{
    queue_call_t *call =
        queue_call_make(queue, QUEUE_VISIBLE, CRM360_LANES + 3, CRM360_LANES + 5 + count, pool);
    const char *detail;
    apr_status_t rv;
    int i;

    if (count == 0) {
        return APR_SUCCESS;
    }
    for (i = 0; i < CRM360_LANES; i++) {
        crm360_command_add(call->command, keys->lane[i]);
    }
    crm360_command_add(call->command, keys->claims);
    crm360_command_add(call->command, keys->paused);
    crm360_command_add(call->command, keys->failures);
    crm360_command_add_number(call->command, apr_time_as_msec(delay), pool);
    crm360_command_add(call->command, CRM360_KEY_WAKE);
    for (i = 0; i < count; i++) {
        crm360_command_add(call->command, ids[i]);
    }
    rv = queue_call_run(&detail, queue, call, CRM360_REDIS_WRITE, pool);
    return rv == APR_SUCCESS ? queue_read_results(results, call->reply, count, CRM360_ADMIN_BUSY)
                             : rv;
}

/* ---- pausing ---- */

const char *crm360_pause_name(const char *text)
{
    const crm360_route_t *route = crm360_route_by_name(text);
    int platform = crm360_platform_find(text);
    int lane;

    for (lane = 0; lane < CRM360_LANES; lane++) {
        if (strcasecmp(text, crm360_lane_name((crm360_lane_t)lane)) == 0) {
            return crm360_lane_name((crm360_lane_t)lane);
        }
    }
    if (route) {
        return route->name;
    }
    return platform >= 0 ? crm360_platform_name(platform) : NULL;
}

apr_status_t crm360_queue_pause(int *changed, crm360_queue_t *queue, const crm360_keys_t *keys,
                                const char *what, apr_pool_t *pool)
{
    queue_call_t *call = queue_call_make(queue, QUEUE_PAUSE, 2, 3, pool);

    crm360_command_add(call->command, keys->paused);
    crm360_command_add(call->command, keys->claims);
    crm360_command_add(call->command, what);
    return queue_call_number(changed, queue, call, pool);
}

/* What one call of the script has done. */
typedef struct resumed_t {
    int was; /* paused */
    int restored;
    int stay; /* parked messages that were seen, and are still paused */
} resumed_t;

/* Of the lane `over` parked messages are passed over. */
static apr_status_t resume_some(resumed_t *some, crm360_queue_t *queue, const crm360_keys_t *keys,
                                int lane, const char *what, apr_int64_t over, apr_pool_t *pool)
{
    queue_call_t *call = queue_call_make(queue, QUEUE_RESUME, 2 + CRM360_LANES, 9, pool);
    const crm360_reply_t *reply;
    const char *detail;
    apr_status_t rv;
    int i;

    crm360_command_add(call->command, keys->paused);
    crm360_command_add(call->command, keys->claims);
    for (i = 0; i < CRM360_LANES; i++) {
        crm360_command_add(call->command, keys->lane[i]);
    }
    crm360_command_add(call->command, what);
    crm360_command_add_number(call->command, lane + 1, pool);
    crm360_command_add_number(call->command, over, pool);
    crm360_command_add(call->command, CRM360_KEY_WAKE);
    rv = queue_call_run(&detail, queue, call, CRM360_REDIS_WRITE, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    reply = call->reply;
    if (reply->type != CRM360_REPLY_ARRAY || reply->count != 3 ||
        reply->items[0].type != CRM360_REPLY_NUMBER ||
        reply->items[1].type != CRM360_REPLY_NUMBER ||
        reply->items[2].type != CRM360_REPLY_NUMBER) {
        return CRM360_EPROTOCOL;
    }
    some->was = reply->items[0].number > 0;
    some->restored = (int)reply->items[1].number;
    some->stay = (int)reply->items[2].number;
    return APR_SUCCESS;
}

apr_status_t crm360_queue_resume(int *changed, apr_int64_t *restored, crm360_queue_t *queue,
                                 const crm360_keys_t *keys, const char *what, apr_time_t until,
                                 apr_pool_t *pool)
{
    apr_pool_t *turn;
    apr_status_t rv = APR_SUCCESS;
    int lane;

    *changed = 0;
    *restored = 0;
    apr_pool_create(&turn, pool);
    apr_pool_tag(turn, "crm360_resume");
    for (lane = 0; lane < CRM360_LANES && rv == APR_SUCCESS; lane++) {
        resumed_t some = {.was = 0};
        apr_int64_t over = 0;

        do {
            apr_pool_clear(turn);
            rv = resume_some(&some, queue, keys, lane, what, over, turn);
            *changed |= some.was;
            *restored += rv == APR_SUCCESS ? some.restored : 0;
            over += some.stay;
            if (rv == APR_SUCCESS && until && crm360_clock() >= until &&
                (lane < CRM360_LANES - 1 || some.restored + some.stay > 0)) {
                rv = APR_TIMEUP;
            }
        } while (rv == APR_SUCCESS && some.restored + some.stay > 0);
    }
    apr_pool_destroy(turn);
    return rv;
}

apr_status_t crm360_queue_paused(apr_array_header_t **paused, crm360_queue_t *queue,
                                 const crm360_keys_t *keys, apr_pool_t *pool)
{
    crm360_command_t *command = crm360_command_make(2, pool);
    crm360_reply_t *reply;
    apr_status_t rv;
    apr_size_t i;

    *paused = apr_array_make(pool, 1, sizeof(const char *));
    crm360_command_add(command, "SMEMBERS");
    crm360_command_add(command, keys->paused);
    rv = queue_ask(&reply, queue, command, CRM360_REPLY_ARRAY, pool);
    for (i = 0; rv == APR_SUCCESS && i < reply->count; i++) {
        APR_ARRAY_PUSH(*paused, const char *) = apr_pstrdup(pool, reply->items[i].text);
    }
    return rv;
}
