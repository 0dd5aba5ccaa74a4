/* The heartbeats of crm360d in Redis. Must never decide anything: it is for those who look on. */
#include "core/queue_consumers.h"

#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/log.h"
#include "core/queue_private.h"

/* What travels through crm360_redis_run(). */
typedef struct beat_t {
    const crm360_heartbeat_t *beat;
    const char *json;
    int mended;   /* the key was set aside meanwhile */
    int vanished; /* it was made anew, and no other is there */
} beat_t;

/* {"live":{"us":SUM,"upto":[COUNT,...]},...} */
static const char *histograms_json(const crm360_histogram_view_t *views, apr_pool_t *pool)
{
    const char *all = "{";
    int lane, i;

    for (lane = 0; lane < CRM360_LANES; lane++) {
        all = apr_psprintf(pool, "%s%s\"%s\":{\"us\":%" APR_UINT64_T_FMT ",\"upto\":[", all,
                           lane ? "," : "", crm360_lane_name((crm360_lane_t)lane), views[lane].sum);
        for (i = 0; i <= CRM360_HISTOGRAM_BOUNDS; i++) {
            all = apr_psprintf(pool, "%s%s%" APR_UINT64_T_FMT, all, i ? "," : "",
                               views[lane].upto[i]);
        }
        all = apr_pstrcat(pool, all, "]}", NULL);
    }
    return apr_pstrcat(pool, all, "}", NULL);
}

static const char *beat_json(const crm360_heartbeat_t *beat, apr_pool_t *pool)
{
    const char *workers = "";
    int lane;

    for (lane = 0; lane < CRM360_LANES; lane++) {
        workers = apr_psprintf(pool, "%s%s\"%s\":%d", workers, lane ? "," : "",
                               crm360_lane_name((crm360_lane_t)lane), beat->workers[lane]);
    }
    return apr_psprintf(
        pool,
        "{\"host\":%s,\"pid\":%d,\"version\":%s,\"at\":%" APR_INT64_T_FMT
        ",\"started\":%" APR_INT64_T_FMT ",\"databases\":%d,\"workers\":{%s},\"busy\":%d"
        ",\"messages\":%" APR_INT64_T_FMT ",\"handler\":%s,\"delay\":%s}",
        crm360_json_quote(beat->host, pool), beat->pid, crm360_json_quote(beat->version, pool),
        beat->at_ms, beat->started_ms, beat->databases, workers, beat->busy, beat->messages,
        histograms_json(beat->handler, pool), histograms_json(beat->delay, pool));
}

/* When the beat was made, by the clock of Redis; 0 when that cannot be read. */
static apr_int64_t beat_at(const crm360_reply_t *reply, apr_pool_t *pool)
{
    json_object *value, *at;
    const char *why;

    if (reply->type != CRM360_REPLY_STRING ||
        crm360_json_parse(&value, &why, reply->text, reply->len, pool) != APR_SUCCESS ||
        !json_object_object_get_ex(value, "at", &at)) {
        return 0;
    }
    return json_object_get_int64(at);
}

static apr_status_t beat_work(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    beat_t *job = baton;
    crm360_command_t commands[2];
    crm360_reply_t *replies[2];
    crm360_command_t *removal;
    apr_status_t rv;
    apr_size_t i;

    commands[0] = *crm360_command_make(4, pool);
    crm360_command_add(&commands[0], "HSET");
    crm360_command_add(&commands[0], CRM360_KEY_CONSUMERS);
    crm360_command_add(&commands[0], job->beat->instance);
    crm360_command_add(&commands[0], job->json);
    commands[1] = *crm360_command_make(2, pool);
    crm360_command_add(&commands[1], "HGETALL");
    crm360_command_add(&commands[1], CRM360_KEY_CONSUMERS);
    rv = crm360_redis_pipeline(replies, redis, commands, 2, pool);
    if (rv != APR_SUCCESS) {
        job->mended |= rv == CRM360_EPROTOCOL;
        return rv;
    }
    if (replies[0]->type == CRM360_REPLY_ERROR || replies[1]->type != CRM360_REPLY_ARRAY) {
        job->mended = 1;
        return CRM360_EPROTOCOL; /* another type of key, which is put aside then */
    }
    crm360_redis_grew(redis);
    job->vanished = !job->mended && replies[0]->type == CRM360_REPLY_NUMBER &&
                    replies[0]->number == 1 && replies[1]->count == 2;
    removal = crm360_command_make((int)replies[1]->count / 2 + 2, pool);
    crm360_command_add(removal, "HDEL");
    crm360_command_add(removal, CRM360_KEY_CONSUMERS);
    for (i = 0; i + 1 < replies[1]->count; i += 2) {
        const crm360_reply_t *name = &replies[1]->items[i];

        if (name->type == CRM360_REPLY_STRING &&
            beat_at(name + 1, pool) < job->beat->at_ms - CRM360_SILENT_MS) {
            crm360_command_add_bytes(removal, name->text, name->len);
        }
    }
    return removal->argc > 2 ? crm360_redis_command(&replies[0], redis, removal, pool)
                             : APR_SUCCESS;
}

apr_status_t crm360_queue_beat(crm360_queue_t *queue, const crm360_heartbeat_t *beat,
                               apr_pool_t *pool)
{
    beat_t job = {.beat = beat, .json = beat_json(beat, pool)};
    const char *key = CRM360_KEY_CONSUMERS;
    const char *detail;
    apr_status_t rv = queue_run(&detail, queue, beat_work, &job, CRM360_REDIS_GROW, &key, 1, pool);

    if (rv == APR_SUCCESS && beat->again && job.vanished) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0104) "Redis at %s has been emptied, or came back without its "
                                      "data: what waited in it is gone; what comes now is worked "
                                      "on",
                   queue->server);
    }
    return rv;
}

static apr_status_t end_work(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    crm360_reply_t *reply;

    return crm360_redis_command(&reply, redis, baton, pool);
}

apr_status_t crm360_queue_beat_end(crm360_queue_t *queue, const char *instance, apr_pool_t *pool)
{
    crm360_command_t *command = crm360_command_make(3, pool);
    const char *detail;

    crm360_command_add(command, "HDEL");
    crm360_command_add(command, CRM360_KEY_CONSUMERS);
    crm360_command_add(command, instance);
    return crm360_redis_run(queue->redis, CRM360_KEY_CONSUMERS, end_work, command,
                            CRM360_REDIS_WRITE, &detail, pool);
}

/* ---- for those who look on ---- */

static json_object *member(json_object *value, const char *name)
{
    json_object *found = NULL;

    if (json_object_is_type(value, json_type_object)) {
        json_object_object_get_ex(value, name, &found);
    }
    return found;
}

/* A count from 0 on; 0 for everything else. */
static apr_int64_t number_of(json_object *value)
{
    apr_int64_t number =
        json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : 0;

    return number > 0 ? number : 0;
}

/* A time in ms; what is none of ours is 0, so that who reckons with it stays within an integer. */
static apr_int64_t time_of(json_object *value)
{
    apr_int64_t ms = number_of(value);

    return ms < QUEUE_NEVER_MS ? ms : 0;
}

static int small_number(json_object *value)
{
    apr_int64_t number = number_of(value);

    return (int)(number < APR_INT32_MAX ? number : APR_INT32_MAX);
}

static const char *text_of(json_object *value, apr_pool_t *pool)
{
    return json_object_is_type(value, json_type_string)
               ? apr_pstrdup(pool, json_object_get_string(value))
               : "";
}

/* One with other buckets than ours, of another release, says nothing. */
static void read_histogram(crm360_histogram_view_t *view, json_object *value)
{
    json_object *upto = member(value, "upto");
    apr_uint64_t last = 0;
    int i;

    if (!json_object_is_type(upto, json_type_array) ||
        json_object_array_length(upto) != CRM360_HISTOGRAM_BOUNDS + 1) {
        return;
    }
    for (i = 0; i <= CRM360_HISTOGRAM_BOUNDS; i++) {
        apr_uint64_t count =
            (apr_uint64_t)number_of(json_object_array_get_idx(upto, (apr_size_t)i));

        last = count > last ? count : last;
        view->upto[i] = last;
    }
    view->sum = (apr_uint64_t)number_of(member(value, "us"));
}

/* 1 when it is a heartbeat. */
static int read_beat(crm360_heartbeat_t *beat, const crm360_reply_t *pair, apr_pool_t *pool)
{
    json_object *value;
    const char *why;
    int lane;

    memset(beat, 0, sizeof *beat);
    if (pair[0].type != CRM360_REPLY_STRING || strlen(pair[0].text) != pair[0].len ||
        pair[1].type != CRM360_REPLY_STRING ||
        crm360_json_parse(&value, &why, pair[1].text, pair[1].len, pool) != APR_SUCCESS ||
        !json_object_is_type(value, json_type_object)) {
        return 0;
    }
    beat->instance = pair[0].text;
    beat->host = text_of(member(value, "host"), pool);
    beat->version = text_of(member(value, "version"), pool);
    beat->pid = small_number(member(value, "pid"));
    beat->at_ms = time_of(member(value, "at"));
    beat->started_ms = time_of(member(value, "started"));
    beat->databases = small_number(member(value, "databases"));
    beat->busy = small_number(member(value, "busy"));
    beat->messages = number_of(member(value, "messages"));
    for (lane = 0; lane < CRM360_LANES; lane++) {
        const char *name = crm360_lane_name((crm360_lane_t)lane);

        beat->workers[lane] = small_number(member(member(value, "workers"), name));
        read_histogram(&beat->handler[lane], member(member(value, "handler"), name));
        read_histogram(&beat->delay[lane], member(member(value, "delay"), name));
    }
    return 1;
}

static int by_instance(const void *one, const void *other)
{
    return strcmp(((const crm360_heartbeat_t *)one)->instance,
                  ((const crm360_heartbeat_t *)other)->instance);
}

apr_status_t crm360_queue_consumers(crm360_heartbeat_t **beats, int *count, apr_time_t *now,
                                    const char **detail, crm360_queue_t *queue, apr_pool_t *pool)
{
    queue_pipeline_t *both = queue_pipeline_make(2, 2, pool);
    const crm360_reply_t *found;
    apr_int64_t now_ms;
    apr_status_t rv;
    apr_size_t i;

    crm360_command_add(&both->commands[0], "TIME");
    crm360_command_add(&both->commands[1], "HGETALL");
    crm360_command_add(&both->commands[1], CRM360_KEY_CONSUMERS);
    rv = queue_pipeline_look(detail, queue, both, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    found = both->replies[1];
    if (!queue_read_time(&now_ms, both->replies[0]) || found->type != CRM360_REPLY_ARRAY) {
        *detail = "the answer is not what was asked for";
        return CRM360_EPROTOCOL;
    }
    *now = apr_time_from_msec(now_ms);
    *beats = apr_pcalloc(pool, (found->count / 2 + 1) * sizeof **beats);
    *count = 0;
    for (i = 0; i + 1 < found->count; i += 2) {
        *count += read_beat(&(*beats)[*count], &found->items[i], pool);
    }
    qsort(*beats, (apr_size_t)*count, sizeof **beats, by_instance);
    return APR_SUCCESS;
}
