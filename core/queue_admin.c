/*
 * Listing, redriving and dropping. Must never ask Redis for so much at once that it is busy with it
 * for long, and never drop what the caller has not seen.
 */
#include "core/queue_admin.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "core/json.h"
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

/* Runs a command that reads. CRM360_EPROTOCOL when the reply is not of `type`. */
static apr_status_t ask_redis(crm360_reply_t **reply, crm360_queue_t *queue,
                              crm360_command_t *command, crm360_reply_type_t type, apr_pool_t *pool)
{
    ask_t ask = {.command = command};
    const char *detail;
    apr_status_t rv =
        crm360_redis_run(queue->redis, ask_work, &ask, CRM360_REDIS_READ, &detail, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *reply = ask.reply;
    return ask.reply->type == type ? APR_SUCCESS : CRM360_EPROTOCOL;
}

/* ---- pages ---- */

/* Reads "id, score, ..." into a page. */
static apr_status_t read_page(crm360_page_t *page, const crm360_reply_t *pairs, apr_pool_t *pool)
{
    int count = (int)(pairs->count / 2);
    crm360_entry_t *entries = apr_palloc(pool, ((apr_size_t)count + 1) * sizeof *entries);
    int i;

    for (i = 0; i < count; i++) {
        const crm360_reply_t *pair = &pairs->items[(apr_size_t)i * 2];

        if (pair[0].type != CRM360_REPLY_STRING || pair[1].type != CRM360_REPLY_STRING) {
            return CRM360_EPROTOCOL;
        }
        entries[i].id = pair[0].text;
        entries[i].score = pair[1].text;
        entries[i].at = apr_time_from_msec(apr_atoi64(pair[1].text));
    }
    page->count = count;
    page->entries = entries;
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
    rv = ask_redis(&reply, queue, command, CRM360_REPLY_ARRAY, pool);
    return rv == APR_SUCCESS ? read_page(page, reply, pool) : rv;
}

apr_status_t crm360_queue_walk(crm360_page_t *page, const char **cursor, crm360_queue_t *queue,
                               const char *key, int most, apr_pool_t *pool)
{
    crm360_command_t *command = crm360_command_make(5, pool);
    crm360_reply_t *reply;
    apr_status_t rv;

    memset(page, 0, sizeof *page);
    crm360_command_add(command, "ZSCAN");
    crm360_command_add(command, key);
    crm360_command_add(command, *cursor);
    crm360_command_add(command, "COUNT");
    crm360_command_add_number(command, most, pool);
    rv = ask_redis(&reply, queue, command, CRM360_REPLY_ARRAY, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (reply->count != 2 || reply->items[0].type != CRM360_REPLY_STRING ||
        reply->items[1].type != CRM360_REPLY_ARRAY) {
        return CRM360_EPROTOCOL;
    }
    *cursor = reply->items[0].text;
    return read_page(page, &reply->items[1], pool);
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
    rv = ask_redis(&reply, queue, command, CRM360_REPLY_NUMBER, pool);
    if (rv == APR_SUCCESS) {
        *size = reply->number;
    }
    return rv;
}

/* ---- what is remembered of failures ---- */

/* "<id>.<n>": where the tail of an element's id begins; NULL when there is none. */
static const char *element_tail(const char *id)
{
    const char *dot = strrchr(id, '.');
    const char *at;

    for (at = dot ? dot + 1 : ""; apr_isdigit(*at); at++) {
    }
    return dot && dot[1] && !*at ? dot : NULL;
}

const crm360_route_t *crm360_id_route(const char *id)
{
    const char *suffix = strchr(id, '-');
    const char *tail = element_tail(id);
    const crm360_route_t *route;

    if (!suffix++) {
        return NULL;
    }
    for (route = crm360_routes; route->platform; route++) {
        apr_size_t len = tail ? (apr_size_t)(tail - suffix) : strlen(suffix);

        if (strlen(route->id_suffix) == len && strncmp(route->id_suffix, suffix, len) == 0) {
            return route;
        }
    }
    return NULL;
}

crm360_lane_t crm360_id_lane(const char *id)
{
    const crm360_route_t *route = crm360_id_route(id);

    if (element_tail(id)) {
        return CRM360_LANE_BATCH;
    }
    return route ? route->lane : CRM360_LANE_LIVE;
}

static int json_count(json_object *record, const char *name)
{
    json_object *value;

    return json_object_object_get_ex(record, name, &value) ? json_object_get_int(value) : 0;
}

static const char *json_text(json_object *record, const char *name, apr_pool_t *pool)
{
    json_object *value;

    return json_object_object_get_ex(record, name, &value) &&
                   json_object_is_type(value, json_type_string)
               ? apr_pstrdup(pool, json_object_get_string(value))
               : "";
}

static void read_failure(crm360_failure_t *failure, const char *id, const crm360_reply_t *reply,
                         apr_pool_t *pool)
{
    json_object *record, *errors;
    const char *why, *lane;
    int i;

    memset(failure, 0, sizeof *failure);
    failure->reason = "";
    failure->lane = crm360_id_lane(id);
    if (reply->type != CRM360_REPLY_STRING ||
        crm360_json_parse(&record, &why, reply->text, reply->len, pool) != APR_SUCCESS ||
        !json_object_is_type(record, json_type_object)) {
        return;
    }
    failure->json = reply->text;
    failure->json_len = reply->len;
    failure->attempts = json_count(record, "attempts");
    failure->crashes = json_count(record, "crashes");
    failure->expiries = json_count(record, "expiries");
    lane = json_text(record, "lane", pool);
    for (i = 0; i < CRM360_LANES; i++) {
        if (strcmp(lane, crm360_lane_name((crm360_lane_t)i)) == 0) {
            failure->lane = (crm360_lane_t)i;
        }
    }
    if (json_object_object_get_ex(record, "errors", &errors) &&
        json_object_is_type(errors, json_type_array) && json_object_array_length(errors) > 0) {
        json_object *last = json_object_array_get_idx(errors, json_object_array_length(errors) - 1);

        failure->reason =
            json_object_is_type(last, json_type_object) ? json_text(last, "reason", pool) : "";
    }
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
    rv = ask_redis(&reply, queue, command, CRM360_REPLY_ARRAY, pool);
    if (rv == APR_SUCCESS && reply->count != (apr_size_t)count) {
        rv = CRM360_EPROTOCOL;
    }
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        read_failure(&made[i], ids[i], &reply->items[i], pool);
    }
    return rv;
}

/* ---- redrive and drop ---- */

/* Runs a call that answers with a number per id: 1, 0, or -1 for what `refused` says. */
static apr_status_t call_results(crm360_admin_result_t *results, int count,
                                 crm360_admin_result_t refused, crm360_queue_t *queue,
                                 queue_call_t *call, apr_pool_t *pool)
{
    const char *detail;
    apr_status_t rv =
        crm360_redis_run(queue->redis, queue_call_work, call, CRM360_REDIS_WRITE, &detail, pool);
    int i;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (call->reply->type != CRM360_REPLY_ARRAY || call->reply->count != (apr_size_t)count) {
        return CRM360_EPROTOCOL;
    }
    for (i = 0; i < count; i++) {
        apr_int64_t number = call->reply->items[i].number;

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

apr_status_t crm360_queue_redrive(crm360_admin_result_t *results, crm360_queue_t *queue,
                                  const crm360_keys_t *keys, const char *const *ids, int count,
                                  double first_ms, double spacing_ms, apr_pool_t *pool)
{
    queue_call_t *call =
        queue_call_make(queue, QUEUE_REDRIVE, 4 + CRM360_LANES + count, 10 + 3 * count, pool);
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
    crm360_command_add(call->command, apr_psprintf(pool, "%.3f", first_ms));
    crm360_command_add(call->command, apr_psprintf(pool, "%.6f", spacing_ms));
    crm360_command_add(call->command, CRM360_KEY_WAKE);
    for (i = 0; i < count; i++) {
        crm360_command_add(call->command, ids[i]);
        crm360_command_add(call->command, crm360_lane_name(crm360_id_lane(ids[i])));
    }
    return call_results(results, count, CRM360_ADMIN_NO_MESSAGE, queue, call, pool);
}

/* Entries without a score are dropped whatever it is. */
static apr_status_t drop(crm360_admin_result_t *results, crm360_queue_t *queue,
                         const crm360_keys_t *keys, const char *which,
                         const crm360_entry_t *entries, int count, apr_pool_t *pool)
{
    queue_call_t *call =
        queue_call_make(queue, QUEUE_DROP, 5 + CRM360_LANES + count, 9 + 3 * count, pool);
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
    return call_results(results, count, CRM360_ADMIN_BUSY, queue, call, pool);
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
