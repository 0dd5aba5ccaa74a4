/* The minutes in Redis. A minute that cannot be read is a gap, and no failure. */
#include "core/queue_history.h"

#include <apr_strings.h>

#include <string.h>

#include "core/json.h"
#include "core/queue_private.h"

#define MINUTE (60 * APR_USEC_PER_SEC)
/* The words in front of the fields of HDEL and HMGET. */
#define BEFORE_FIELDS 2

/* ---- as JSON ---- */

static const char *lane_json(const crm360_history_lane_t *lane, apr_pool_t *pool)
{
    return apr_psprintf(pool,
                        "{\"waiting\":%" APR_INT64_T_FMT ",\"due\":%" APR_INT64_T_FMT
                        ",\"leased\":%" APR_INT64_T_FMT ",\"paused\":%" APR_INT64_T_FMT
                        ",\"oldest\":%" APR_INT64_T_FMT "}",
                        lane->waiting, lane->due, lane->leased, lane->paused,
                        (apr_int64_t)apr_time_sec(lane->oldest_due));
}

static const char *minute_json(const crm360_history_t *minute, apr_pool_t *pool)
{
    const char *lanes = "";
    int i;

    for (i = 0; i < CRM360_LANES; i++) {
        lanes = apr_psprintf(pool, "%s\"%s\":%s,", lanes, crm360_lane_name((crm360_lane_t)i),
                             lane_json(&minute->lanes[i], pool));
    }
    return apr_psprintf(pool,
                        "{%s\"dead\":%" APR_INT64_T_FMT
                        ",\"counters\":{\"received\":%" APR_INT64_T_FMT
                        ",\"done\":%" APR_INT64_T_FMT ",\"dead\":%" APR_INT64_T_FMT "}}",
                        lanes, minute->dead, minute->received, minute->done, minute->died);
}

/* Who adds up counts of minutes and lanes has to stay within an integer. */
#define COUNT_MOST APR_INT64_C(1000000000000000)

/* A member that is a count; 0 when it is none, or `value` no object. */
static apr_int64_t count_of(json_object *value, const char *name)
{
    json_object *member;
    apr_int64_t count = 0;

    if (json_object_is_type(value, json_type_object) &&
        json_object_object_get_ex(value, name, &member)) {
        count = json_object_get_int64(member);
    }
    return count < 0 ? 0 : count < COUNT_MOST ? count : COUNT_MOST;
}

static void read_lane(crm360_history_lane_t *lane, json_object *value)
{
    apr_int64_t oldest = count_of(value, "oldest");

    lane->waiting = count_of(value, "waiting");
    lane->due = count_of(value, "due");
    lane->leased = count_of(value, "leased");
    lane->paused = count_of(value, "paused");
    lane->oldest_due = apr_time_from_sec(oldest < APR_INT32_MAX ? oldest : APR_INT32_MAX);
}

static void read_minute(crm360_history_t *minute, const crm360_reply_t *reply, apr_pool_t *pool)
{
    json_object *value, *counters = NULL;
    const char *why;
    int i;

    if (reply->type != CRM360_REPLY_STRING ||
        crm360_json_parse(&value, &why, reply->text, reply->len, pool) != APR_SUCCESS ||
        !json_object_is_type(value, json_type_object)) {
        return;
    }
    for (i = 0; i < CRM360_LANES; i++) {
        json_object *lane = NULL;

        json_object_object_get_ex(value, crm360_lane_name((crm360_lane_t)i), &lane);
        read_lane(&minute->lanes[i], lane);
    }
    json_object_object_get_ex(value, "counters", &counters);
    minute->dead = count_of(value, "dead");
    minute->received = count_of(counters, "received");
    minute->done = count_of(counters, "done");
    minute->died = count_of(counters, "dead");
    minute->known = 1;
}

/* ---- what travels through crm360_redis_run() ---- */

typedef struct job_t {
    apr_time_t now;
    int count;                      /* minutes to read, up to the one that runs */
    const crm360_history_t *minute; /* to write */
    crm360_reply_t *reply;          /* of HMGET, or of HSETNX */
} job_t;

static crm360_command_t *command_of(const char *verb, int most, apr_pool_t *pool)
{
    crm360_command_t *command = crm360_command_make(BEFORE_FIELDS + most, pool);

    crm360_command_add(command, verb);
    crm360_command_add(command, CRM360_KEY_HISTORY);
    return command;
}

/* Reads the minutes up to that of Redis' clock. */
static apr_status_t read_work(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    job_t *job = baton;
    crm360_command_t *command = crm360_command_make(1, pool);
    apr_int64_t now_ms;
    apr_status_t rv;
    int i;

    crm360_command_add(command, "TIME");
    rv = crm360_redis_command(&job->reply, redis, command, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!queue_read_time(&now_ms, job->reply)) {
        return CRM360_EPROTOCOL;
    }
    job->now = apr_time_from_msec(now_ms);
    command = command_of("HMGET", job->count, pool);
    for (i = job->count - 1; i >= 0; i--) {
        crm360_command_add_number(command, job->now / MINUTE - i, pool);
    }
    rv = crm360_redis_command(&job->reply, redis, command, pool);
    return rv == APR_SUCCESS && (job->reply->type != CRM360_REPLY_ARRAY ||
                                 job->reply->count != (apr_size_t)job->count)
               ? CRM360_EPROTOCOL
               : rv;
}

/* Fields of minutes that are no longer kept; those of a clock that was ahead by a day, too. Fields
 * that are no numbers are left alone. */
static apr_status_t remove_old(crm360_redis_t *redis, apr_int64_t minute, apr_pool_t *pool)
{
    crm360_command_t *removal, *command = command_of("HKEYS", 0, pool);
    crm360_reply_t *reply;
    apr_status_t rv = crm360_redis_command(&reply, redis, command, pool);
    apr_size_t i;

    if (rv != APR_SUCCESS || reply->type != CRM360_REPLY_ARRAY) {
        return rv == APR_SUCCESS ? CRM360_EPROTOCOL : rv;
    }
    removal = command_of("HDEL", (int)reply->count, pool);
    for (i = 0; i < reply->count; i++) {
        const crm360_reply_t *field = &reply->items[i];
        apr_int64_t other = field->type == CRM360_REPLY_STRING ? apr_atoi64(field->text) : 0;

        if (other > 0 &&
            (other <= minute - CRM360_HISTORY_MOST || other >= minute + CRM360_HISTORY_MOST)) {
            crm360_command_add_bytes(removal, field->text, field->len);
        }
    }
    return removal->argc > BEFORE_FIELDS ? crm360_redis_command(&reply, redis, removal, pool)
                                         : APR_SUCCESS;
}

static apr_status_t write_work(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    job_t *job = baton;
    crm360_command_t *command = command_of("HSETNX", 2, pool);
    apr_int64_t minute = job->minute->at / MINUTE;
    apr_status_t rv;

    crm360_command_add_number(command, minute, pool);
    crm360_command_add(command, minute_json(job->minute, pool));
    rv = crm360_redis_command(&job->reply, redis, command, pool);
    if (rv != APR_SUCCESS || job->reply->type != CRM360_REPLY_NUMBER) {
        return rv == APR_SUCCESS ? CRM360_EPROTOCOL : rv;
    }
    if (job->reply->number == 0) {
        return APR_SUCCESS; /* whoever was faster has removed what is old */
    }
    crm360_redis_grew(redis);
    return remove_old(redis, minute, pool);
}

/* ---- the calls ---- */

apr_status_t crm360_queue_history_begin(crm360_history_t *minute, int *missing, apr_time_t *now,
                                        crm360_queue_t *queue, apr_pool_t *pool)
{
    const char *key = CRM360_KEY_HISTORY;
    job_t job = {.count = 1};
    const char *detail;
    apr_status_t rv = queue_run(&detail, queue, read_work, &job, CRM360_REDIS_READ, &key, 1, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    memset(minute, 0, sizeof *minute);
    minute->at = job.now / MINUTE * MINUTE;
    *now = job.now;
    *missing = job.reply->items[0].type == CRM360_REPLY_NIL;
    return APR_SUCCESS;
}

apr_status_t crm360_queue_history_write(int *written, crm360_queue_t *queue,
                                        const crm360_history_t *minute, apr_pool_t *pool)
{
    const char *key = CRM360_KEY_HISTORY;
    job_t job = {.minute = minute};
    const char *detail;
    apr_status_t rv = queue_run(&detail, queue, write_work, &job, CRM360_REDIS_GROW, &key, 1, pool);

    *written = rv == APR_SUCCESS && job.reply->number == 1;
    return rv;
}

apr_status_t crm360_queue_history_read(crm360_history_t *minutes, apr_time_t *now,
                                       const char **detail, crm360_queue_t *queue, int count,
                                       apr_pool_t *pool)
{
    job_t job = {.count = count};
    apr_pool_t *own;
    apr_status_t rv;
    int i;

    *detail = "";
    rv = crm360_redis_run(queue->redis, CRM360_KEY_HISTORY, read_work, &job, CRM360_REDIS_LOOK,
                          detail, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *now = job.now;
    memset(minutes, 0, (apr_size_t)count * sizeof *minutes);
    apr_pool_create(&own, pool);
    apr_pool_tag(own, "crm360_history");
    for (i = 0; i < count; i++) {
        minutes[i].at = (job.now / MINUTE - (count - 1 - i)) * MINUTE;
        read_minute(&minutes[i], &job.reply->items[i], own);
        apr_pool_clear(own);
    }
    apr_pool_destroy(own);
    return APR_SUCCESS;
}
