/*
 * How safe Redis keeps what it is given: asked of the server, never assumed. All processes share
 * the last answer, and one of them asks again every second, so that a push costs no round trip for
 * it. "On disk" is said of a push only when the server said so before it and again after it.
 */
#include "core/queue_private.h"

#include <apr_atomic.h>
#include <apr_strings.h>

#include <string.h>

#include "core/clock.h"
#include "core/log.h"

/* An answer counts for so long; then one caller asks, and soon everybody does, ms. */
#define FRESH_MS 1000
#define OLD_MS 2000
/* For so long a server that kept everything on its disk is taken not to have begun anew, ms. */
#define SETTLED_MS 60000

/* The answer and its time in one word, so that no reader takes them from two answers: the time is
 * exact to 4 ms. 0 = nobody has asked yet. */
#define ANSWER_BITS 3u
#define ANSWER_MEMORY 1u
#define ANSWER_ON_DISK 2u

static apr_uint32_t now_ms(void)
{
    return (apr_uint32_t)apr_time_as_msec(crm360_clock());
}

static crm360_durability_t level_of(apr_uint32_t answer)
{
    return (answer & ANSWER_BITS) == ANSWER_ON_DISK ? CRM360_ON_DISK : CRM360_IN_MEMORY;
}

/* ---- what the server says ---- */

/* Whether a reply of CONFIG GET has `name` set to `value`. */
static int is_set(const crm360_reply_t *reply, const char *name, const char *value)
{
    apr_size_t i;

    if (reply->type != CRM360_REPLY_ARRAY) {
        return 0;
    }
    for (i = 0; i + 1 < reply->count; i += 2) {
        if (reply->items[i].type == CRM360_REPLY_STRING &&
            reply->items[i + 1].type == CRM360_REPLY_STRING &&
            strcmp(reply->items[i].text, name) == 0) {
            return strcmp(reply->items[i + 1].text, value) == 0;
        }
    }
    return 0;
}

/* Whether a reply of INFO has this line. */
static int has_line(const crm360_reply_t *reply, const char *line)
{
    const char *at = reply->type == CRM360_REPLY_STRING ? strstr(reply->text, line) : NULL;

    return at && (at == reply->text || at[-1] == '\n') && at[strlen(line)] == '\r';
}

/* Each write is flushed before its answer. */
static int flushes(const crm360_reply_t *config)
{
    return is_set(config, "appendonly", "yes") && is_set(config, "appendfsync", "always") &&
           is_set(config, "no-appendfsync-on-rewrite", "no");
}

/* The file that is flushed is the one that a restart reads. It is not from a CONFIG SET appendonly
 * yes until the first rewrite is through, and that looks like any other rewrite. */
static int is_settled(const crm360_reply_t *info)
{
    return has_line(info, "aof_enabled:1") && has_line(info, "aof_rewrite_in_progress:0") &&
           has_line(info, "aof_rewrite_scheduled:0");
}

/* Asks, and lets all know. What the server does not want to tell (CONFIG is forbidden or has
 * another name) is "in memory"; when it does not answer now, or not yet (a script runs for long),
 * that is no answer. */
static apr_status_t ask(crm360_durability_t *level, crm360_redis_t *redis, apr_pool_t *pool)
{
    crm360_redis_node_t *node = crm360_redis_node(redis);
    apr_uint32_t before = node ? apr_atomic_read32(&node->durability) : 0;
    apr_uint32_t now = now_ms();
    int settled = level_of(before) == CRM360_ON_DISK && now - (before & ~ANSWER_BITS) < SETTLED_MS;
    crm360_command_t commands[2];
    crm360_reply_t *replies[2];
    apr_status_t rv;

    commands[0] = *crm360_command_make(3, pool);
    crm360_command_add(&commands[0], "CONFIG");
    crm360_command_add(&commands[0], "GET");
    crm360_command_add(&commands[0], "*append*");
    commands[1] = *crm360_command_make(2, pool);
    crm360_command_add(&commands[1], "INFO");
    crm360_command_add(&commands[1], "persistence");
    redis = crm360_redis_last(redis);
    rv = crm360_redis_pipeline(replies, redis, commands, 2, pool);
    if (rv == CRM360_EAWAY || (rv == CRM360_EREFUSED && !crm360_redis_forbids(redis))) {
        return rv;
    }
    *level = rv == APR_SUCCESS && flushes(replies[0]) && (settled || is_settled(replies[1]))
                 ? CRM360_ON_DISK
                 : CRM360_IN_MEMORY;
    if (node) {
        apr_atomic_set32(&node->durability,
                         (now & ~ANSWER_BITS) |
                             (*level == CRM360_ON_DISK ? ANSWER_ON_DISK : ANSWER_MEMORY));
    }
    return APR_SUCCESS;
}

/* ---- for a push ---- */

apr_status_t queue_durability_before(crm360_durability_t *level, crm360_redis_t *redis,
                                     apr_pool_t *pool)
{
    crm360_redis_node_t *node = crm360_redis_node(redis);
    apr_uint32_t answer = node ? apr_atomic_read32(&node->durability) : 0;
    apr_uint32_t asked = node ? apr_atomic_read32(&node->asked_ms) : 0;
    apr_uint32_t now = now_ms();
    apr_uint32_t age = now - (answer & ~ANSWER_BITS);

    *level = level_of(answer);
    if (answer && (age < FRESH_MS ||
                   (age < OLD_MS && (now - asked < FRESH_MS ||
                                     apr_atomic_cas32(&node->asked_ms, now, asked) != asked)))) {
        return APR_SUCCESS;
    }
    return ask(level, redis, pool);
}

apr_status_t queue_durability_now(crm360_durability_t *level, crm360_redis_t *redis,
                                  apr_pool_t *pool)
{
    return ask(level, redis, pool);
}

apr_status_t queue_durability_after(crm360_durability_t *level, crm360_redis_t *redis,
                                    apr_pool_t *pool)
{
    apr_status_t rv = ask(level, redis, pool);

    *level = rv == APR_SUCCESS ? *level : CRM360_IN_MEMORY;
    return rv;
}

void queue_durability_demanded(crm360_queue_t *queue, crm360_durability_t wanted, int met)
{
    apr_uint32_t unmet = met ? 0 : 1;

    if (apr_atomic_read32(&queue->nodes->unmet) == unmet ||
        apr_atomic_cas32(&queue->nodes->unmet, unmet, !unmet) == unmet) {
        return;
    }
    if (met) {
        crm360_log(CRM360_LOG_NOTICE, APR_SUCCESS, "Redis at %s keeps messages %s, as is demanded",
                   queue->server,
                   wanted == CRM360_ON_REPLICA ? "in a replica, too" : "on its disk");
    }
    else if (wanted == CRM360_ON_REPLICA) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0106) "no replica of Redis at %s confirms messages in time, and a "
                                      "location demands Crm360Durability replica",
                   queue->server);
    }
    else {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0103) "Redis at %s keeps messages in its memory, and a location "
                                      "demands Crm360Durability fsync: it must have appendonly "
                                      "yes, appendfsync always, no-appendfsync-on-rewrite no",
                   queue->server);
    }
}
