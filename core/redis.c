/*
 * Redis connections on hiredis: making, pooling, commands, replies. Maps hiredis' errors to our own
 * status here and nowhere else. Must never let user data near a format string, reuse a connection
 * after an I/O error, or sleep.
 */
#include "core/redis.h"

#include <apr_atomic.h>
#include <apr_reslist.h>
#include <apr_strings.h>

#include <hiredis.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "core/clock.h"
#include "core/log.h"

/* How often one caller may try while the server is away, in ms: callers in between fail at once,
 * and a server that is back is noticed within this time. */
#define PROBE_MS 250

#define STATE_ANSWERS 0u
#define STATE_AWAY 1u
#define STATE_REFUSES 2u
#define STATE_FULL 3u /* refuses what adds data */
#define STATE_MASK 3u
#define STATE_CHANGE 4u /* the bits above count the changes */

struct crm360_redis_t {
    redisContext *context; /* NULL while not connected; freed by disconnect() */
    apr_interval_time_t command_timeout;
    apr_uint32_t generation;
    int grew;      /* what this borrower did has added data */
    int timed_out; /* the last error was a timeout: the command may have been executed */
    char error[200];
};

struct crm360_redis_pool_t {
    const crm360_redis_address_t *address;
    apr_interval_time_t connect_timeout;
    apr_interval_time_t command_timeout;
    apr_reslist_t *list;              /* of crm360_redis_t, idle or borrowed */
    volatile apr_uint32_t generation; /* connections of an older one are not used again */
    crm360_redis_health_t *health;
};

/* ---- one connection ---- */

static void disconnect(crm360_redis_t *redis)
{
    if (redis->context) {
        redisFree(redis->context);
        redis->context = NULL;
    }
}

static apr_status_t disconnect_cleanup(void *data)
{
    disconnect(data);
    return APR_SUCCESS;
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
    disconnect(redis);
    return CRM360_EAWAY;
}

/* The deadline of a command has passed. */
static apr_status_t time_out(crm360_redis_t *redis)
{
    redis->timed_out = 1;
    apr_cpystrn(redis->error, "no answer in time", sizeof redis->error);
    disconnect(redis);
    return CRM360_EAWAY;
}

/* Error replies that mean "not now" or "not you", as opposed to a misunderstanding. */
static apr_status_t classify(const char *text)
{
    static const char *const refusals[] = {"OOM",
                                           "MISCONF",
                                           "READONLY",
                                           "LOADING",
                                           "BUSY",
                                           "MASTERDOWN",
                                           "NOREPLICAS",
                                           "CLUSTERDOWN",
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

/* Waits for the next reply until `deadline`, whatever the server sends in between: a reply that
 * drips in does not stretch it. poll(2) is punctual, where the time-out of a socket was seen 50
 * ms late. */
static apr_status_t await(void **reply, crm360_redis_t *redis, apr_time_t deadline)
{
    int written = 0;

    errno = 0;
    while (!written) {
        if (redisBufferWrite(redis->context, &written) != REDIS_OK) {
            return fail(redis, "sending");
        }
    }
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
    int done = 0;

    if (!redis->context) {
        return CRM360_EAWAY;
    }
    if (redisAppendCommandArgv(redis->context, command->argc, command->argv, command->lens)) {
        return fail(redis, "sending");
    }
    while (!done) {
        if (redisBufferWrite(redis->context, &done) != REDIS_OK) {
            return fail(redis, "sending");
        }
    }
    return APR_SUCCESS;
}

apr_status_t crm360_redis_pipeline(crm360_reply_t **replies, crm360_redis_t *redis,
                                   const crm360_command_t *commands, int count, apr_pool_t *pool)
{
    int i;

    if (!redis->context) {
        return CRM360_EAWAY;
    }
    for (i = 0; i < count; i++) {
        if (redisAppendCommandArgv(redis->context, commands[i].argc, commands[i].argv,
                                   commands[i].lens)) {
            return fail(redis, "sending");
        }
    }
    for (i = 0; i < count; i++) {
        void *reply;
        apr_status_t rv = await(&reply, redis, crm360_clock() + redis->command_timeout);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        replies[i] = adopt(reply, pool);
    }
    /* All replies have been read: the connection is fine, whatever they say. */
    for (i = 0; i < count; i++) {
        if (replies[i]->type == CRM360_REPLY_ERROR) {
            apr_cpystrn(redis->error, replies[i]->text, sizeof redis->error);
            if (classify(replies[i]->text) == CRM360_EREFUSED) {
                return CRM360_EREFUSED;
            }
        }
    }
    return APR_SUCCESS;
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
        return classify((*reply)->text);
    }
    return APR_SUCCESS;
}

apr_status_t crm360_redis_script(crm360_reply_t **reply, crm360_redis_t *redis,
                                 const crm360_script_t *script, const crm360_command_t *command,
                                 apr_pool_t *pool)
{
    crm360_command_t *whole = crm360_command_make(command->argc + 2, pool);
    apr_status_t rv;

    crm360_command_add(whole, "EVALSHA");
    crm360_command_add(whole, script->sha);
    memcpy(whole->argv + 2, command->argv, (apr_size_t)command->argc * sizeof *command->argv);
    memcpy(whole->lens + 2, command->lens, (apr_size_t)command->argc * sizeof *command->lens);
    whole->argc += command->argc;
    rv = crm360_redis_command(reply, redis, whole, pool);
    if (rv == CRM360_EPROTOCOL && strncmp(redis->error, "NOSCRIPT", 8) == 0) {
        /* SCRIPT FLUSH or a restart: EVAL runs it and keeps it for the next one. */
        whole->argv[0] = "EVAL";
        whole->lens[0] = 4;
        whole->argv[1] = script->text;
        whole->lens[1] = strlen(script->text);
        rv = crm360_redis_command(reply, redis, whole, pool);
    }
    return rv;
}

/* AUTH and SELECT, where the address asks for them. */
static apr_status_t greet(crm360_redis_t *redis, const crm360_redis_address_t *address,
                          apr_pool_t *pool)
{
    crm360_command_t *command = crm360_command_make(3, pool);
    crm360_reply_t *reply;
    apr_status_t rv;

    if (address->password) {
        crm360_command_add(command, "AUTH");
        if (address->user) {
            crm360_command_add(command, address->user);
        }
        crm360_command_add(command, address->password);
        rv = crm360_redis_command(&reply, redis, command, pool);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    if (address->database != 0) {
        command = crm360_command_make(2, pool);
        crm360_command_add(command, "SELECT");
        crm360_command_add_number(command, address->database, pool);
        return crm360_redis_command(&reply, redis, command, pool);
    }
    return APR_SUCCESS;
}

static struct timeval timeval_of(apr_interval_time_t t)
{
    struct timeval tv;

    tv.tv_sec = (time_t)apr_time_sec(t);
    tv.tv_usec = (suseconds_t)apr_time_usec(t);
    return tv;
}

static apr_status_t connect_to(crm360_redis_t *redis, const crm360_redis_address_t *address,
                               apr_interval_time_t connect_timeout,
                               apr_interval_time_t command_timeout, apr_pool_t *pool)
{
    apr_status_t rv;

    errno = 0;
    redis->timed_out = 0;
    redis->context =
        address->path
            ? redisConnectUnixWithTimeout(address->path, timeval_of(connect_timeout))
            : redisConnectWithTimeout(address->host, address->port, timeval_of(connect_timeout));
    if (!redis->context || redis->context->err) {
        return fail(redis, "connecting");
    }
    redis->command_timeout = command_timeout;
    if (redisSetTimeout(redis->context, timeval_of(command_timeout)) != REDIS_OK) {
        return fail(redis, "setting the timeout");
    }
    rv = greet(redis, address, pool);
    if (rv != APR_SUCCESS) {
        disconnect(redis);
    }
    return rv;
}

apr_status_t crm360_redis_connect(crm360_redis_t **redis, const char **detail,
                                  const crm360_redis_address_t *address,
                                  apr_interval_time_t connect_timeout,
                                  apr_interval_time_t command_timeout, apr_pool_t *pool)
{
    crm360_redis_t *made = apr_pcalloc(pool, sizeof *made);
    apr_status_t rv;

    apr_pool_cleanup_register(pool, made, disconnect_cleanup, apr_pool_cleanup_null);
    rv = connect_to(made, address, connect_timeout, command_timeout, pool);
    if (rv != APR_SUCCESS) {
        *detail = apr_pstrcat(pool, address->text, ": ", made->error, NULL);
        return rv;
    }
    *redis = made;
    return APR_SUCCESS;
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

/* ---- what all processes know of the server ---- */

static apr_uint32_t now_ms(void)
{
    return (apr_uint32_t)apr_time_as_msec(crm360_clock());
}

typedef enum { TURN_NONE, TURN_WORK, TURN_PROBE } turn_t;

/* Whether this caller may work: always when the server answers. While it is away one caller each
 * PROBE_MS may ask whether it is back, and work if it is. *known is what is known now, for
 * note_state(). */
static turn_t take_turn(apr_uint32_t *known, crm360_redis_health_t *health)
{
    apr_uint32_t probed;
    apr_uint32_t now;

    *known = apr_atomic_read32(&health->state);
    if ((*known & STATE_MASK) != STATE_AWAY) {
        return TURN_WORK;
    }
    probed = apr_atomic_read32(&health->probed_ms);
    now = now_ms();
    return now - probed >= PROBE_MS && apr_atomic_cas32(&health->probed_ms, now, probed) == probed
               ? TURN_PROBE
               : TURN_NONE;
}

/* What the outcome of a call says of the server, as far as it says anything beyond `before`. */
static apr_uint32_t state_after(apr_uint32_t before, apr_status_t rv,
                                crm360_redis_purpose_t purpose, int grew)
{
    if (rv == CRM360_EAWAY) {
        return STATE_AWAY;
    }
    if (rv == CRM360_EREFUSED) {
        return before == STATE_REFUSES        ? before
               : purpose == CRM360_REDIS_GROW ? STATE_FULL
                                              : STATE_REFUSES;
    }
    /* A Redis that refuses writes may still answer questions, and a full one takes what adds
     * nothing. */
    if ((before == STATE_REFUSES && purpose == CRM360_REDIS_READ) ||
        (before == STATE_FULL && !grew)) {
        return before;
    }
    return STATE_ANSWERS;
}

/* Notes the outcome of a call: one line a change of state, whichever process sees it first. What
 * began before the last change (`known` is what was known then) knows nothing of it. */
static void note_state(crm360_redis_pool_t *rp, apr_uint32_t known, apr_status_t rv,
                       crm360_redis_purpose_t purpose, const crm360_redis_t *redis)
{
    crm360_redis_health_t *health = rp->health;
    apr_uint32_t before = known & STATE_MASK;
    apr_uint32_t state = state_after(before, rv, purpose, redis->grew);

    if (before == state || apr_atomic_read32(&health->state) != known) {
        return;
    }
    if (state == STATE_AWAY) {
        apr_atomic_set32(&health->probed_ms, now_ms());
    }
    if (apr_atomic_cas32(&health->state, ((known & ~STATE_MASK) + STATE_CHANGE) | state, known) !=
        known) {
        return; /* somebody else was first, and logs it */
    }
    if (state == STATE_AWAY) {
        crm360_log(CRM360_LOG_ERROR, rv,
                   CRM360_LOGNO(0101) "Redis at %s is out of reach (%s); "
                                      "tried again every %d ms",
                   rp->address->text, redis->error, PROBE_MS);
    }
    else if (state == STATE_REFUSES || state == STATE_FULL) {
        if (before != STATE_FULL) {
            crm360_log(CRM360_LOG_ERROR, rv, CRM360_LOGNO(0102) "Redis at %s refuses: %s",
                       rp->address->text, redis->error);
        }
    }
    else {
        crm360_log(CRM360_LOG_NOTICE, APR_SUCCESS, "Redis at %s answers again", rp->address->text);
    }
}

/* ---- the pool ---- */

/* Cheap on purpose: it runs under the list's lock, so connecting happens after the acquire. */
static apr_status_t construct(void **resource, void *params, apr_pool_t *pool)
{
    (void)params;
    *resource = apr_pcalloc(pool, sizeof(crm360_redis_t));
    return APR_SUCCESS;
}

static apr_status_t destruct(void *resource, void *params, apr_pool_t *pool)
{
    (void)params;
    (void)pool;
    disconnect(resource);
    return APR_SUCCESS;
}

apr_status_t crm360_redis_pool_make(crm360_redis_pool_t **redis_pool,
                                    const crm360_redis_address_t *address,
                                    apr_interval_time_t connect_timeout,
                                    apr_interval_time_t command_timeout, int most,
                                    crm360_redis_health_t *health, apr_pool_t *pool)
{
    crm360_redis_pool_t *rp = apr_pcalloc(pool, sizeof *rp);
    apr_status_t rv;

    rp->address = address;
    rp->connect_timeout = connect_timeout;
    rp->command_timeout = command_timeout;
    rp->health = health;
    rv = apr_reslist_create(&rp->list, 0, most, most, 0, construct, destruct, rp, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_reslist_timeout_set(rp->list, command_timeout);
    /* The default order destroys the subpools first, and with them what destruct() looks at. */
    apr_reslist_cleanup_order_set(rp->list, APR_RESLIST_CLEANUP_FIRST);
    *redis_pool = rp;
    return APR_SUCCESS;
}

/* Whether an idle connection was closed on the other side: nothing else could make it readable, as
 * nobody has asked anything. Seen before it is used, so that what must not be repeated need not
 * fail for it. */
static int was_closed(const crm360_redis_t *redis)
{
    struct pollfd idle = {.fd = redis->context->fd, .events = POLLIN};

    return poll(&idle, 1, 0) != 0;
}

/* Runs the work once, on a connection of the current generation. *fresh says whether it was made
 * for this call. */
static apr_status_t run_once(crm360_redis_pool_t *rp, crm360_redis_t *redis, int *fresh,
                             crm360_redis_work_t *work, void *baton, apr_pool_t *pool)
{
    apr_uint32_t generation = apr_atomic_read32(&rp->generation);
    apr_status_t rv;

    if (redis->context && (redis->generation != generation || was_closed(redis))) {
        disconnect(redis);
    }
    *fresh = redis->context == NULL;
    if (*fresh) {
        redis->generation = generation;
        rv = connect_to(redis, rp->address, rp->connect_timeout, rp->command_timeout, pool);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    rv = work(baton, redis, pool);
    if (rv == CRM360_EAWAY && !redis->timed_out) {
        /* Closed under us: its idle siblings are as dead. Only the first to see it says so. */
        apr_atomic_cas32(&rp->generation, generation + 1, generation);
    }
    return rv;
}

/* The same, and once more on a fresh connection when the old one turns out to be closed. */
static apr_status_t run_safely(crm360_redis_pool_t *rp, crm360_redis_t *redis,
                               crm360_redis_work_t *work, void *baton,
                               crm360_redis_purpose_t purpose, apr_pool_t *pool)
{
    int fresh;
    apr_status_t rv = run_once(rp, redis, &fresh, work, baton, pool);

    if (rv == CRM360_EAWAY && !fresh && !redis->timed_out && purpose != CRM360_REDIS_ONCE) {
        rv = run_once(rp, redis, &fresh, work, baton, pool);
    }
    return rv;
}

/* A crm360_redis_work_t: asks whether the server answers, and leaves nothing with one that does
 * not: a message would be stored by it whenever it goes on. */
static apr_status_t ping(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    crm360_command_t *command = crm360_command_make(1, pool);
    crm360_reply_t *reply;

    (void)baton;
    crm360_command_add(command, "PING");
    return crm360_redis_command(&reply, redis, command, pool);
}

apr_status_t crm360_redis_run(crm360_redis_pool_t *redis_pool, crm360_redis_work_t *work,
                              void *baton, crm360_redis_purpose_t purpose, const char **detail,
                              apr_pool_t *pool)
{
    void *resource;
    crm360_redis_t *redis;
    apr_uint32_t known;
    turn_t turn = take_turn(&known, redis_pool->health);
    apr_status_t rv;

    *detail = "";
    if (turn == TURN_NONE) {
        *detail = "known to be out of reach";
        return CRM360_EAWAY;
    }
    rv = apr_reslist_acquire(redis_pool->list, &resource);
    if (rv != APR_SUCCESS) {
        *detail = "no connection became free in time";
        return CRM360_EAWAY;
    }
    redis = resource;
    redis->grew = 0;
    rv = turn == TURN_PROBE ? run_safely(redis_pool, redis, ping, NULL, CRM360_REDIS_READ, pool)
                            : APR_SUCCESS;
    if (rv == APR_SUCCESS) {
        rv = run_safely(redis_pool, redis, work, baton, purpose, pool);
    }
    if (rv != APR_SUCCESS) {
        *detail = apr_pstrdup(pool, redis->error);
    }
    note_state(redis_pool, known, rv, purpose, redis);
    /* A connection that is gone goes back too: it is made anew for the next borrower. */
    apr_reslist_release(redis_pool->list, redis);
    return rv;
}

void crm360_redis_grew(crm360_redis_t *redis)
{
    redis->grew = 1;
}
