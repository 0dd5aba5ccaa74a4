/* The heartbeats of crm360d in Redis. Must never decide anything: it is for those who look on. */
#include "core/queue_consumers.h"

#include <apr_strings.h>

#include <string.h>

#include "core/json.h"
#include "core/log.h"
#include "core/queue_private.h"
#include "core/version.h"

/* What travels through crm360_redis_run(). */
typedef struct beat_t {
    const crm360_heartbeat_t *beat;
    const char *json;
    int mended;   /* the key was set aside meanwhile */
    int vanished; /* it was made anew, and no other is there */
} beat_t;

static const char *beat_json(const crm360_heartbeat_t *beat, apr_pool_t *pool)
{
    const char *workers = "";
    int lane;

    for (lane = 0; lane < CRM360_LANES; lane++) {
        workers = apr_psprintf(pool, "%s%s\"%s\":%d", workers, lane ? "," : "",
                               crm360_lane_name((crm360_lane_t)lane), beat->workers[lane]);
    }
    return apr_psprintf(pool,
                        "{\"host\":%s,\"pid\":%d,\"version\":\"" CRM360_VERSION
                        "\",\"at\":%" APR_INT64_T_FMT ",\"started\":%" APR_INT64_T_FMT
                        ",\"databases\":%d,\"workers\":{%s},\"busy\":%d"
                        ",\"messages\":%" APR_INT64_T_FMT "}",
                        crm360_json_quote(beat->host, pool), beat->pid, beat->at_ms,
                        beat->started_ms, beat->databases, workers, beat->busy, beat->messages);
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
    return crm360_redis_run(queue->redis, end_work, command, CRM360_REDIS_WRITE, &detail, pool);
}
