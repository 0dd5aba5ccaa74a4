/*
 * The subscription. A subscriber that hears nothing cannot tell silence from a dead connection, so
 * it asks now and then (PING is allowed while subscribed).
 */
#include "consumer/listen.h"

#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "consumer/link.h"
#include "core/backoff.h"
#include "core/keys.h"
#include "core/log.h"
#include "core/redis.h"

#define RECONNECT_FIRST (50 * 1000)
#define RECONNECT_MOST (500 * 1000)
/* Silence after which it asks, and then gives up. */
#define PING_AFTER (10 * APR_USEC_PER_SEC)
#define ANSWER_WITHIN (5 * APR_USEC_PER_SEC)

struct consumer_listener_t {
    const crm360_redis_address_t *address;
    crm360_queue_t *queue;
    crm360_redis_t *redis; /* NULL = not connected */
    apr_pool_t *pool;      /* the listener's own */
    apr_pool_t *life;      /* of one connection */
    crm360_command_t *ping;
    char why[200]; /* why it is not connected */
    int tries;     /* failed in a row */
    int asked;     /* a PING is on its way */
    apr_time_t next;
};

consumer_listener_t *consumer_listener_make(const crm360_config_t *config, crm360_queue_t *queue,
                                            apr_pool_t *pool)
{
    consumer_listener_t *listener = apr_pcalloc(pool, sizeof *listener);

    listener->queue = queue;
    listener->address = crm360_config_redis(config, pool);
    listener->pool = pool;
    listener->ping = crm360_command_make(1, pool);
    crm360_command_add(listener->ping, "PING");
    return listener;
}

int consumer_listener_fd(const consumer_listener_t *listener)
{
    return listener->redis ? crm360_redis_socket(listener->redis) : -1;
}

apr_time_t consumer_listener_next(const consumer_listener_t *listener)
{
    return listener->next;
}

/* Gives the connection up; the next tick makes another. */
static void drop(consumer_listener_t *listener, apr_time_t now, apr_status_t rv, const char *why)
{
    if (listener->tries++ == 0) {
        crm360_log(CRM360_LOG_WARNING, rv,
                   CRM360_LOGNO(0330) "not listening to Redis at %s (%s); tried again at least "
                                      "twice a second",
                   listener->address->text, why);
    }
    if (listener->life) {
        apr_pool_destroy(listener->life);
        listener->life = NULL;
    }
    listener->redis = NULL;
    listener->asked = 0;
    listener->next =
        now + crm360_backoff_reconnect(listener->tries, RECONNECT_FIRST, RECONNECT_MOST);
}

void consumer_listener_renew(consumer_listener_t *listener, apr_time_t now)
{
    if (listener->redis) {
        apr_pool_destroy(listener->life);
        listener->life = NULL;
        listener->redis = NULL;
        listener->asked = 0;
    }
    listener->next = now;
}

static apr_status_t subscribe(consumer_listener_t *listener, const char **why)
{
    crm360_command_t *command;
    apr_status_t rv;

    apr_pool_create(&listener->life, listener->pool);
    apr_pool_tag(listener->life, "crm360_listener");
    rv = crm360_redis_connect(&listener->redis, why, crm360_queue_redis(listener->queue), -1,
                              listener->life);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    command = crm360_command_make(2, listener->life);
    crm360_command_add(command, "SUBSCRIBE");
    crm360_command_add(command, CRM360_KEY_WAKE);
    *why = "subscribing failed";
    return crm360_redis_send(listener->redis, command);
}

static int connect_now(consumer_listener_t *listener, apr_time_t now)
{
    const char *why = "";
    apr_status_t rv = subscribe(listener, &why);
    crm360_reply_t *reply = NULL;

    /* Only the confirmation says that wake-ups are heard from here on. */
    while (rv == APR_SUCCESS) {
        rv = crm360_redis_arrived(&reply, listener->redis, listener->life);
        if (rv == APR_SUCCESS) {
            break;
        }
        if (APR_STATUS_IS_EAGAIN(rv)) {
            rv = crm360_redis_read(listener->redis);
            why = "no confirmation of the subscription";
        }
    }
    if (rv == APR_SUCCESS && reply->type == CRM360_REPLY_ERROR) {
        why = reply->text;
        rv = CRM360_EREFUSED;
    }
    if (rv != APR_SUCCESS) {
        apr_cpystrn(listener->why, why, sizeof listener->why); /* drop() ends what it lives in */
        drop(listener, now, rv, listener->why);
        return 0;
    }
    if (listener->tries > 0) {
        crm360_log(CRM360_LOG_NOTICE, APR_SUCCESS, "listening to Redis at %s again",
                   listener->address->text);
    }
    listener->tries = 0;
    listener->next = now + PING_AFTER;
    return 1;
}

int consumer_listener_tick(consumer_listener_t *listener, apr_time_t now)
{
    if (now < listener->next) {
        return 0;
    }
    if (!listener->redis) {
        return connect_now(listener, now);
    }
    if (listener->asked) {
        drop(listener, now, CRM360_EAWAY, "no answer to a PING");
        return 0;
    }
    listener->asked = 1;
    listener->next = now + ANSWER_WITHIN;
    if (crm360_redis_send(listener->redis, listener->ping) != APR_SUCCESS) {
        drop(listener, now, CRM360_EAWAY, "the connection was closed");
    }
    return 0;
}

void consumer_listener_read(consumer_listener_t *listener, apr_time_t now)
{
    if (!listener->redis) {
        return;
    }
    if (crm360_redis_read(listener->redis) != APR_SUCCESS) {
        drop(listener, now, CRM360_EAWAY, "the connection was closed");
        return;
    }
    listener->asked = 0;
    listener->next = now + PING_AFTER;
}

/* Reads "key milliseconds" of a wake-up. */
static int parse(const crm360_reply_t *reply, const char **key, apr_int64_t *visible_ms,
                 apr_pool_t *pool)
{
    const char *text, *space;

    if (reply->type != CRM360_REPLY_ARRAY || reply->count != 3 ||
        reply->items[0].type != CRM360_REPLY_STRING ||
        strcmp(reply->items[0].text, "message") != 0 ||
        reply->items[2].type != CRM360_REPLY_STRING) {
        return 0; /* the answer to a PING */
    }
    text = reply->items[2].text;
    space = strrchr(text, ' ');
    if (!space) {
        return 0;
    }
    *key = apr_pstrmemdup(pool, text, (apr_size_t)(space - text));
    *visible_ms = apr_atoi64(space + 1);
    return 1;
}

int consumer_listener_take(consumer_listener_t *listener, const char **key, apr_int64_t *visible_ms,
                           apr_pool_t *pool)
{
    crm360_reply_t *reply;

    while (listener->redis && crm360_redis_arrived(&reply, listener->redis, pool) == APR_SUCCESS) {
        if (parse(reply, key, visible_ms, pool)) {
            return 1;
        }
    }
    return 0;
}
