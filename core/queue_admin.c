/*
 * What failed and why, redriving, dropping, reconciling. Must never drop what the caller has not
 * seen, and never handle more than a script may.
 */
#include "core/queue_admin.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/mail_copy.h"
#include "core/queue_private.h"

/* ---- what is remembered of failures ---- */

/* "<id>.<n>" is an element. */
static int is_element(const char *id)
{
    const char *dot = strrchr(id, '.');
    const char *at;

    for (at = dot ? dot + 1 : ""; apr_isdigit(*at); at++) {
    }
    return dot && dot[1] && !*at;
}

const crm360_route_t *crm360_id_route(const char *id)
{
    const char *suffix = strchr(id, '-');
    const crm360_route_t *route;
    apr_size_t len;

    if (!suffix++) {
        return NULL;
    }
    len = strlen(suffix);
    if (is_element(id) || crm360_id_is_mail(id)) {
        len = (apr_size_t)(strrchr(suffix, '.') - suffix);
    }
    for (route = crm360_routes; route->platform; route++) {
        if (strlen(route->id_suffix) == len && strncmp(route->id_suffix, suffix, len) == 0) {
            return route;
        }
    }
    return NULL;
}

crm360_lane_t crm360_id_lane(const char *id)
{
    const crm360_route_t *route = crm360_id_route(id);

    if (is_element(id)) {
        return CRM360_LANE_BATCH;
    }
    if (crm360_id_is_mail(id)) {
        return CRM360_LANE_SEND;
    }
    return route ? route->lane : CRM360_LANE_LIVE;
}

apr_status_t crm360_queue_failures(crm360_failure_t **failures, crm360_queue_t *queue,
                                   const crm360_keys_t *keys, const char *const *ids, int count,
                                   apr_pool_t *pool)
{
    crm360_command_t *command = crm360_command_make(2 + count, pool);
    crm360_failure_t *made = apr_pcalloc(pool, ((apr_size_t)count + 1) * sizeof *made);
    crm360_reply_t *reply;
    apr_status_t rv;
    int i;

    *failures = made;
    if (count == 0) {
        return APR_SUCCESS;
    }
    crm360_command_add(command, "HMGET");
    crm360_command_add(command, keys->failures);
    for (i = 0; i < count; i++) {
        crm360_command_add(command, ids[i]);
    }
    rv = queue_ask(&reply, queue, command, CRM360_REPLY_ARRAY, pool);
    if (rv == APR_SUCCESS && reply->count != (apr_size_t)count) {
        rv = CRM360_EPROTOCOL;
    }
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        queue_read_failure(&made[i], ids[i], &reply->items[i], pool);
    }
    return rv;
}

/* ---- redrive and drop ---- */

apr_status_t queue_read_results(crm360_admin_result_t *results, const crm360_reply_t *reply,
                                int count, crm360_admin_result_t refused)
{
    int i;

    if (reply->type != CRM360_REPLY_ARRAY || reply->count != (apr_size_t)count) {
        return CRM360_EPROTOCOL;
    }
    for (i = 0; i < count; i++) {
        apr_int64_t number = reply->items[i].number;

        if (reply->items[i].type != CRM360_REPLY_NUMBER) {
            return CRM360_EPROTOCOL;
        }
        results[i] = number > 0 ? CRM360_ADMIN_DONE : number < 0 ? refused : CRM360_ADMIN_GONE;
    }
    return APR_SUCCESS;
}

static void add_lanes(queue_call_t *call, const crm360_keys_t *keys)
{
    int lane;

    for (lane = 0; lane < CRM360_LANES; lane++) {
        crm360_command_add(call->command, keys->lane[lane]);
    }
}

/* Reads what redrive.lua has answered: the results, and when the next may be visible. */
static apr_status_t read_redriven(crm360_admin_result_t *results, crm360_redrive_rate_t *rate,
                                  const crm360_reply_t *reply, int count)
{
    crm360_reply_t numbers = *reply;
    double next_ms;

    if (reply->type != CRM360_REPLY_ARRAY || reply->count != (apr_size_t)count + 1 ||
        reply->items[count].type != CRM360_REPLY_STRING) {
        return CRM360_EPROTOCOL;
    }
    next_ms = strtod(reply->items[count].text, NULL);
    if (!(next_ms >= 0 && next_ms < (double)QUEUE_NEVER_MS)) { /* no number, neither */
        return CRM360_EPROTOCOL;
    }
    if (rate) {
        rate->next_ms = next_ms;
    }
    numbers.count--;
    return queue_read_results(results, &numbers, count, CRM360_ADMIN_NO_MESSAGE);
}

apr_status_t crm360_queue_redrive(crm360_admin_result_t *results, crm360_queue_t *queue,
                                  const crm360_keys_t *keys, const char *const *ids, int count,
                                  crm360_redrive_rate_t *rate, apr_pool_t *pool)
{
    queue_call_t *call =
        queue_call_make(queue, QUEUE_REDRIVE, 4 + CRM360_LANES + count, 10 + 3 * count, pool);
    const char *detail;
    apr_status_t rv;
    int i;

    if (count == 0) {
        return APR_SUCCESS;
    }
    crm360_command_add(call->command, keys->dead);
    crm360_command_add(call->command, keys->failures);
    crm360_command_add(call->command, keys->claims);
    crm360_command_add(call->command, keys->counters);
    add_lanes(call, keys);
    for (i = 0; i < count; i++) {
        crm360_command_add(call->command, crm360_keys_message(keys, ids[i], pool));
    }
    crm360_command_add(call->command, apr_psprintf(pool, "%.3f", rate ? rate->next_ms : 0.0));
    crm360_command_add(call->command, apr_psprintf(pool, "%.6f", rate ? rate->spacing_ms : 0.0));
    crm360_command_add(call->command, CRM360_KEY_WAKE);
    for (i = 0; i < count; i++) {
        crm360_command_add(call->command, ids[i]);
        crm360_command_add(call->command, crm360_lane_name(crm360_id_lane(ids[i])));
    }
    rv = queue_call_run(&detail, queue, call, CRM360_REDIS_WRITE, pool);
    return rv == APR_SUCCESS ? read_redriven(results, rate, call->reply, count) : rv;
}

/* Entries without a score are dropped whatever it is. */
static apr_status_t drop(crm360_admin_result_t *results, crm360_queue_t *queue,
                         const crm360_keys_t *keys, const char *which,
                         const crm360_entry_t *entries, int count, apr_pool_t *pool)
{
    queue_call_t *call =
        queue_call_make(queue, QUEUE_DROP, 5 + CRM360_LANES + count, 9 + 3 * count, pool);
    const char *detail;
    apr_status_t rv;
    int i;

    if (count == 0) {
        return APR_SUCCESS;
    }
    crm360_command_add(call->command, keys->dead);
    crm360_command_add(call->command, keys->failures);
    crm360_command_add(call->command, keys->claims);
    crm360_command_add(call->command, keys->splits);
    crm360_command_add(call->command, keys->counters);
    add_lanes(call, keys);
    for (i = 0; i < count; i++) {
        crm360_command_add(call->command, crm360_keys_message(keys, entries[i].id, pool));
    }
    crm360_command_add(call->command, which);
    for (i = 0; i < count; i++) {
        crm360_command_add(call->command, entries[i].id);
        crm360_command_add(call->command, entries[i].score ? entries[i].score : "");
    }
    rv = queue_call_run(&detail, queue, call, CRM360_REDIS_WRITE, pool);
    return rv == APR_SUCCESS ? queue_read_results(results, call->reply, count, CRM360_ADMIN_BUSY)
                             : rv;
}

apr_status_t crm360_queue_drop(crm360_admin_result_t *results, crm360_queue_t *queue,
                               const crm360_keys_t *keys, const crm360_entry_t *entries, int count,
                               apr_pool_t *pool)
{
    return drop(results, queue, keys, "dead", entries, count, pool);
}

apr_status_t crm360_queue_erase(crm360_admin_result_t *results, crm360_queue_t *queue,
                                const crm360_keys_t *keys, const char *const *ids, int count,
                                apr_pool_t *pool)
{
    crm360_entry_t *entries = apr_pcalloc(pool, ((apr_size_t)count + 1) * sizeof *entries);
    int i;

    for (i = 0; i < count; i++) {
        entries[i].id = ids[i];
    }
    return drop(results, queue, keys, "any", entries, count, pool);
}

/* ---- reconcile ---- */

/* What the script names, and how a log line puts it: "<id> in <customer>/<alias>: <this>". */
static void tell_healed(const char *id, const char *what, const char *place)
{
    if (strcmp(what, "no-message") == 0) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0121) "%s of %s: queued without a stored message; to the dead "
                                      "letters",
                   id, place);
    }
    else if (strcmp(what, "no-entry") == 0) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0122) "%s of %s: stored and in no queue; to the dead letters", id,
                   place);
    }
    else if (strcmp(what, "places") == 0) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0123) "%s of %s: was in two places at once; one is left", id,
                   place);
    }
    else {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0124) "%s of %s: its %s was wrong and has been put right", id,
                   place, what);
    }
}

apr_status_t crm360_queue_reconcile(crm360_reconciled_t *done, crm360_queue_t *queue,
                                    const crm360_keys_t *keys, const char *const *ids, int count,
                                    apr_pool_t *pool)
{
    queue_call_t *call = queue_call_make(queue, QUEUE_RECONCILE, 6 + CRM360_LANES + count,
                                         7 + CRM360_LANES + 3 * count, pool);
    const crm360_reply_t *reply;
    const char *detail;
    apr_status_t rv;
    apr_size_t i;
    int at;

    memset(done, 0, sizeof *done);
    if (count == 0) {
        return APR_SUCCESS;
    }
    add_lanes(call, keys);
    crm360_command_add(call->command, keys->claims);
    crm360_command_add(call->command, keys->failures);
    crm360_command_add(call->command, keys->dead);
    crm360_command_add(call->command, keys->splits);
    crm360_command_add(call->command, keys->counters);
    crm360_command_add(call->command, keys->paused);
    for (at = 0; at < count; at++) {
        crm360_command_add(call->command, crm360_keys_message(keys, ids[at], pool));
    }
    crm360_command_add(call->command, CRM360_KEY_WAKE);
    for (at = 0; at < count; at++) {
        crm360_command_add(call->command, ids[at]);
        crm360_command_add(call->command, crm360_lane_name(crm360_id_lane(ids[at])));
    }
    rv = queue_call_run(&detail, queue, call, CRM360_REDIS_WRITE, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    reply = call->reply;
    if (reply->type != CRM360_REPLY_ARRAY || reply->count % 2 != 1 ||
        reply->items[0].type != CRM360_REPLY_NUMBER) {
        return CRM360_EPROTOCOL;
    }
    done->dead_bytes = reply->items[0].number;
    for (i = 1; i + 1 < reply->count; i += 2) {
        if (reply->items[i].type != CRM360_REPLY_STRING ||
            reply->items[i + 1].type != CRM360_REPLY_STRING) {
            return CRM360_EPROTOCOL;
        }
        tell_healed(reply->items[i].text, reply->items[i + 1].text, keys->name);
        done->healed++;
    }
    return APR_SUCCESS;
}
