/*
 * One connection to a Redis server on hiredis: connecting, commands, replies. Maps hiredis' errors
 * and the server's to our own status here and nowhere else. Must never let user data near a format
 * string, use a connection after an I/O error, or sleep.
 */
#include "core/redis_private.h"

#include <apr_atomic.h>
#include <apr_strings.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "core/clock.h"

void redis_disconnect(crm360_redis_t *redis)
{
    if (redis->context) {
        redisFree(redis->context);
        redis->context = NULL;
    }
    if (redis->detour) {
        redis_disconnect(redis->detour);
    }
}

/* Notes why the context failed and drops it: hiredis contexts are dead after an error. */
static apr_status_t fail(crm360_redis_t *redis, const char *doing)
{
    int saved = errno;
    redisContext *context = redis->context;

    redis->timed_out = context && context->err == REDIS_ERR_IO &&
                       (saved == EAGAIN || saved == EWOULDBLOCK || saved == ETIMEDOUT);
    apr_snprintf(redis->error, sizeof redis->error, "%s: %s", doing,
                 redis->timed_out ? "no answer in time"
                 : context        ? context->errstr
                                  : "out of memory");
    redis_disconnect(redis);
    return CRM360_EAWAY;
}

/* The deadline of a command has passed. */
static apr_status_t time_out(crm360_redis_t *redis)
{
    redis->timed_out = 1;
    apr_cpystrn(redis->error, "no answer in time", sizeof redis->error);
    redis_disconnect(redis);
    return CRM360_EAWAY;
}

/* Error replies that mean "not now" or "not you", as opposed to a misunderstanding. */
apr_status_t redis_classify(const char *text)
{
    static const char *const refusals[] = {"OOM",
                                           "MISCONF",
                                           "READONLY",
                                           "LOADING",
                                           "BUSY",
                                           "MASTERDOWN",
                                           "NOREPLICAS",
                                           "CLUSTERDOWN",
                                           "MOVED",
                                           "ASK ",
                                           "TRYAGAIN",
                                           "NOAUTH",
                                           "WRONGPASS",
                                           "NOPERM",
                                           "ERR max number of clients reached",
                                           "ERR invalid password",
                                           "ERR AUTH",
                                           "ERR Protocol error: unauthenticated",
                                           "ERR DB index",
                                           NULL};
    const char *inner = NULL;
    int i;

    /* What a command inside a script was told, Redis 6 puts behind words of its own. */
    if (strncmp(text, "ERR Error running script", 24) == 0) {
        inner = strstr(text, ": -");
    }
    text = inner ? inner + 3 : text;
    for (i = 0; refusals[i]; i++) {
        if (strncmp(text, refusals[i], strlen(refusals[i])) == 0) {
            return CRM360_EREFUSED;
        }
    }
    return CRM360_EPROTOCOL;
}

static apr_status_t free_reply(void *data)
{
    freeReplyObject(data);
    return APR_SUCCESS;
}

/* Our view of a hiredis reply; strings are borrowed from it. */
static void convert(crm360_reply_t *to, const redisReply *from, apr_pool_t *pool)
{
    crm360_reply_t *items;
    apr_size_t i;

    memset(to, 0, sizeof *to);
    switch (from->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
        to->type = from->type == REDIS_REPLY_ERROR ? CRM360_REPLY_ERROR : CRM360_REPLY_STRING;
        to->text = from->str;
        to->len = from->len;
        break;
    case REDIS_REPLY_INTEGER:
        to->type = CRM360_REPLY_NUMBER;
        to->number = from->integer;
        break;
    case REDIS_REPLY_ARRAY:
        to->type = CRM360_REPLY_ARRAY;
        to->count = from->elements;
        to->items = items = apr_palloc(pool, (from->elements + 1) * sizeof *items);
        for (i = 0; i < from->elements; i++) {
            convert(&items[i], from->element[i], pool);
        }
        break;
    default:
        to->type = CRM360_REPLY_NIL;
        break;
    }
}

static crm360_reply_t *adopt(redisReply *from, apr_pool_t *pool)
{
    crm360_reply_t *reply = apr_palloc(pool, sizeof *reply);

    apr_pool_cleanup_register(pool, from, free_reply, apr_pool_cleanup_null);
    convert(reply, from, pool);
    return reply;
}

/* Sends commands within the time of one. */
static apr_status_t send_all(crm360_redis_t *redis, const crm360_command_t *commands, int count,
                             apr_pool_t *pool)
{
    apr_time_t deadline = crm360_clock() + redis->command_timeout;
    redisContext *context = redis->context;

    if (!context) {
        return CRM360_EAWAY;
    }
    if (!redis_write(context->fd, commands, count, deadline, pool)) {
        int saved = errno;

        context->err = REDIS_ERR_IO;
        apr_strerror(APR_FROM_OS_ERROR(saved), context->errstr, sizeof context->errstr);
        errno = saved;
        return fail(redis, "sending");
    }
    return APR_SUCCESS;
}

/* Waits for the next reply until `deadline`, whatever the server sends in between: a reply that
 * drips in does not stretch it. poll(2) is punctual, where the time-out of a socket was seen 50
 * ms late. */
static apr_status_t await(void **reply, crm360_redis_t *redis, apr_time_t deadline)
{
    for (;;) {
        struct pollfd readable = {.fd = redis->context->fd, .events = POLLIN};
        apr_interval_time_t rest;
        int ready;

        *reply = NULL;
        if (redisGetReplyFromReader(redis->context, reply) != REDIS_OK) {
            return fail(redis, "reading the reply");
        }
        if (*reply) {
            return APR_SUCCESS;
        }
        rest = deadline - crm360_clock();
        ready = rest > 0 ? poll(&readable, 1, (int)((rest + 999) / 1000)) : 0;
        if (ready == 0) {
            return time_out(redis);
        }
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        if (redisBufferRead(redis->context) != REDIS_OK) {
            return fail(redis, "waiting for the reply");
        }
    }
}

apr_status_t crm360_redis_send(crm360_redis_t *redis, const crm360_command_t *command)
{
    apr_pool_t *scratch;
    apr_status_t rv = apr_pool_create(&scratch, NULL);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_pool_tag(scratch, "crm360_send");
    rv = send_all(redis, command, 1, scratch);
    apr_pool_destroy(scratch);
    return rv;
}

/* Sends commands and reads their replies: each within the time of a command, or, `together`, all
 * of them. */
static apr_status_t exchange(crm360_reply_t **replies, crm360_redis_t *redis,
                             const crm360_command_t *commands, int count, int together,
                             apr_pool_t *pool)
{
    apr_time_t deadline = crm360_clock() + redis->command_timeout;
    apr_status_t rv = send_all(redis, commands, count, pool);
    int i;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (i = 0; i < count; i++) {
        void *reply;

        rv = await(&reply, redis, together ? deadline : crm360_clock() + redis->command_timeout);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        replies[i] = adopt(reply, pool);
    }
    redis->last = redis;
    return APR_SUCCESS;
}

apr_status_t redis_exchange(crm360_reply_t **replies, crm360_redis_t *redis,
                            const crm360_command_t *commands, int count, apr_pool_t *pool)
{
    return exchange(replies, redis, commands, count, 0, pool);
}

/* All replies have been read: the connection is fine, whatever they say. CRM360_EREFUSED when one
 * means "not now"; what a node of a cluster says of a single slot counts unless `together`. */
static apr_status_t look_through(crm360_reply_t *const *replies, crm360_redis_t *redis, int count,
                                 int together)
{
    int i;

    for (i = 0; i < count; i++) {
        const char *text = replies[i]->text;

        if (replies[i]->type == CRM360_REPLY_ERROR) {
            apr_cpystrn(redis->error, text, sizeof redis->error);
            if (redis_classify(text) == CRM360_EREFUSED && !(together && redis_is_of_slot(text))) {
                return CRM360_EREFUSED;
            }
        }
    }
    return APR_SUCCESS;
}

apr_status_t crm360_redis_together(crm360_reply_t **replies, crm360_redis_t *redis,
                                   const crm360_command_t *commands, int count, apr_pool_t *pool)
{
    apr_status_t rv = exchange(replies, redis, commands, count, 1, pool);

    return rv == APR_SUCCESS ? look_through(replies, redis, count, 1) : rv;
}

apr_status_t crm360_redis_pipeline(crm360_reply_t **replies, crm360_redis_t *redis,
                                   const crm360_command_t *commands, int count, apr_pool_t *pool)
{
    apr_status_t rv = redis_exchange(replies, redis, commands, count, pool);
    int i;

    for (i = 0; i < count && rv == APR_SUCCESS && redis->detour; i++) {
        if (replies[i]->type == CRM360_REPLY_ERROR) {
            rv = redis_follow(&replies[i], redis, &commands[i], pool);
        }
    }
    return rv == APR_SUCCESS ? look_through(replies, redis, count, 0) : rv;
}

apr_status_t crm360_redis_command(crm360_reply_t **reply, crm360_redis_t *redis,
                                  const crm360_command_t *command, apr_pool_t *pool)
{
    apr_status_t rv = crm360_redis_pipeline(reply, redis, command, 1, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if ((*reply)->type == CRM360_REPLY_ERROR) {
        apr_cpystrn(redis->error, (*reply)->text, sizeof redis->error);
        return redis_classify((*reply)->text);
    }
    return APR_SUCCESS;
}

crm360_command_t *crm360_script_call(const crm360_script_t *script, const crm360_command_t *command,
                                     apr_pool_t *pool)
{
    crm360_command_t *whole = crm360_command_make(command->argc + 2, pool);

    crm360_command_add(whole, "EVALSHA");
    crm360_command_add_bytes(whole, script->sha, sizeof script->sha - 1);
    memcpy(whole->argv + 2, command->argv, (apr_size_t)command->argc * sizeof *command->argv);
    memcpy(whole->lens + 2, command->lens, (apr_size_t)command->argc * sizeof *command->lens);
    whole->argc += command->argc;
    return whole;
}

/* SCRIPT FLUSH or a restart: EVAL runs it and keeps it for the next one. */
static apr_status_t teach(crm360_reply_t **reply, crm360_redis_t *redis,
                          const crm360_script_t *script, crm360_command_t *whole, apr_pool_t *pool)
{
    whole->argv[0] = "EVAL";
    whole->lens[0] = 4;
    whole->argv[1] = script->text;
    whole->lens[1] = strlen(script->text);
    return crm360_redis_command(reply, redis, whole, pool);
}

static int is_unknown_script(const char *error)
{
    return strncmp(error, "NOSCRIPT", 8) == 0;
}

apr_status_t crm360_redis_script(crm360_reply_t **reply, crm360_redis_t *redis,
                                 const crm360_script_t *script, const crm360_command_t *command,
                                 apr_pool_t *pool)
{
    crm360_command_t *whole = crm360_script_call(script, command, pool);
    apr_status_t rv = crm360_redis_command(reply, redis, whole, pool);

    if (rv == CRM360_EPROTOCOL && is_unknown_script(redis->error)) {
        rv = teach(reply, redis, script, whole, pool);
    }
    return rv;
}

apr_status_t crm360_redis_script_behind(crm360_reply_t **replies, crm360_redis_t *redis,
                                        const crm360_command_t *commands, int count,
                                        const crm360_script_t *script,
                                        const crm360_command_t *command, apr_pool_t *pool)
{
    crm360_command_t *all = apr_palloc(pool, ((apr_size_t)count + 1) * sizeof *all);
    apr_status_t rv;

    memcpy(all, commands, (apr_size_t)count * sizeof *all);
    all[count] = *crm360_script_call(script, command, pool);
    rv = crm360_redis_pipeline(replies, redis, all, count + 1, pool);
    if (rv != APR_SUCCESS && rv != CRM360_EREFUSED) {
        return rv;
    }
    if (replies[count]->type != CRM360_REPLY_ERROR) {
        return APR_SUCCESS;
    }
    if (is_unknown_script(replies[count]->text)) {
        return teach(&replies[count], redis, script, &all[count], pool);
    }
    return rv == APR_SUCCESS ? redis_classify(replies[count]->text) : rv;
}

/* Whoever says that he is a replica is none to write to; one that does not tell is taken. */
static apr_status_t ask_role(crm360_redis_t *redis, apr_pool_t *pool)
{
    crm360_command_t *command = crm360_command_make(2, pool);
    crm360_reply_t *reply;
    apr_status_t rv;

    crm360_command_add(command, "INFO");
    crm360_command_add(command, "replication");
    rv = crm360_redis_command(&reply, redis, command, pool);
    if (rv == APR_SUCCESS && reply->type == CRM360_REPLY_STRING &&
        strstr(reply->text, "role:slave")) {
        apr_cpystrn(redis->error, "it is a replica", sizeof redis->error);
        return CRM360_EAWAY;
    }
    return rv == CRM360_EAWAY ? rv : APR_SUCCESS;
}

/* AUTH and SELECT, where the target asks for them. */
static apr_status_t greet(crm360_redis_t *redis, const redis_target_t *target, apr_pool_t *pool)
{
    crm360_command_t *command = crm360_command_make(3, pool);
    crm360_reply_t *reply;
    apr_status_t rv = APR_SUCCESS;

    if (target->password) {
        crm360_command_add(command, "AUTH");
        if (target->user) {
            crm360_command_add(command, target->user);
        }
        crm360_command_add(command, target->password);
        rv = crm360_redis_command(&reply, redis, command, pool);
    }
    if (rv == APR_SUCCESS && target->database != 0) {
        command = crm360_command_make(2, pool);
        crm360_command_add(command, "SELECT");
        crm360_command_add_number(command, target->database, pool);
        rv = crm360_redis_command(&reply, redis, command, pool);
    }
    return rv == APR_SUCCESS && target->master ? ask_role(redis, pool) : rv;
}

static struct timeval timeval_of(apr_interval_time_t t)
{
    struct timeval tv;

    tv.tv_sec = (time_t)apr_time_sec(t);
    tv.tv_usec = (suseconds_t)apr_time_usec(t);
    return tv;
}

apr_status_t redis_connect(crm360_redis_t *redis, const redis_target_t *target, apr_pool_t *pool)
{
    crm360_redis_t *detour = redis->detour;
    struct timeval timeout = timeval_of(target->connect_timeout);
    apr_status_t rv;

    errno = 0;
    redis->timed_out = 0;
    redis->context = target->path ? redisConnectUnixWithTimeout(target->path, timeout)
                                  : redisConnectWithTimeout(target->host, target->port, timeout);
    if (!redis->context || redis->context->err) {
        return fail(redis, "connecting");
    }
    /* A program that a module of httpd runs must not have it. */
    if (fcntl(redis->context->fd, F_SETFD, FD_CLOEXEC) < 0) {
        return fail(redis, "closing it to programs that are run");
    }
    redis->command_timeout = target->command_timeout;
    if (redisSetTimeout(redis->context, timeval_of(target->command_timeout)) != REDIS_OK) {
        return fail(redis, "setting the timeout");
    }
    redis->detour = NULL; /* what is said here is for this server */
    rv = greet(redis, target, pool);
    redis->detour = detour;
    if (rv != APR_SUCCESS) {
        redis_disconnect(redis);
    }
    return rv;
}

static apr_status_t disconnect_cleanup(void *data)
{
    redis_disconnect(data);
    return APR_SUCCESS;
}

crm360_redis_t *redis_alone(apr_pool_t *pool)
{
    crm360_redis_t *made = apr_pcalloc(pool, sizeof *made);

    made->node = -1;
    made->last = made;
    apr_pool_cleanup_register(pool, made, disconnect_cleanup, apr_pool_cleanup_null);
    return made;
}

int crm360_redis_socket(const crm360_redis_t *redis)
{
    return redis->context ? redis->context->fd : -1;
}

apr_status_t crm360_redis_read(crm360_redis_t *redis)
{
    if (!redis->context) {
        return CRM360_EAWAY;
    }
    errno = 0;
    return redisBufferRead(redis->context) == REDIS_OK ? APR_SUCCESS : fail(redis, "listening");
}

apr_status_t crm360_redis_arrived(crm360_reply_t **reply, crm360_redis_t *redis, apr_pool_t *pool)
{
    void *arrived = NULL;

    if (!redis->context) {
        return CRM360_EAWAY;
    }
    if (redisGetReplyFromReader(redis->context, &arrived) != REDIS_OK) {
        return fail(redis, "listening");
    }
    if (!arrived) {
        return APR_EAGAIN;
    }
    *reply = adopt(arrived, pool);
    return APR_SUCCESS;
}

crm360_redis_t *crm360_redis_last(crm360_redis_t *redis)
{
    return redis->last;
}

int crm360_redis_forbids(const crm360_redis_t *redis)
{
    return strncmp(redis->error, "NOPERM", 6) == 0;
}

apr_status_t crm360_redis_wait(int *reached, crm360_redis_t *redis, int replicas,
                               apr_interval_time_t timeout, apr_pool_t *pool)
{
    crm360_command_t *command = crm360_command_make(3, pool);
    crm360_reply_t *reply;
    apr_status_t rv;

    *reached = 0;
    crm360_command_add(command, "WAIT");
    crm360_command_add_number(command, replicas, pool);
    crm360_command_add_number(command, apr_time_as_msec(timeout), pool);
    rv = crm360_redis_command(&reply, redis->last, command, pool);
    if (rv == APR_SUCCESS && reply->type == CRM360_REPLY_NUMBER) {
        *reached = (int)reply->number;
    }
    if (rv == APR_SUCCESS && *reached == 0 && redis->pool) {
        /* Its replicas may follow another one by now. */
        apr_atomic_set32(&redis_nodes_of(redis->pool)->doubted, 1);
    }
    return rv;
}
