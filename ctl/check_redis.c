/*
 * crm360ctl check: Redis and those who work with it. Must change nothing: rights are asked for in a
 * transaction that is never executed, and scripts are run on a message that is not there.
 */
#include <apr_lib.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/keys.h"
#include "core/queue_admin.h"
#include "core/queue_consumers.h"
#include "core/redis_audit.h"
#include "core/version.h"
#include "ctl/check.h"
#include "ctl/output.h"

/* Clocks that are this far apart make times in logs and ids hard to compare. */
#define CLOCKS_APART (2 * APR_USEC_PER_SEC)
/* Two beats of crm360d may be missing, milliseconds. */
#define SILENT_MS 15000
#define RIGHTS_WORDS 6

typedef struct redis_check_t {
    const ctl_check_t *check;
    const crm360_redis_address_t *address;
    crm360_queue_t *queue;
    const crm360_keys_t *keys; /* of the first database */
} redis_check_t;

/* ---- settings and clock ---- */

/* What loses or refuses messages for sure. */
static int is_grave(int which)
{
    return which == CRM360_AUDIT_VERSION || which == CRM360_AUDIT_ROLE ||
           which == CRM360_AUDIT_POLICY;
}

/* Whether a master of several servers could be replaced. */
static void check_replicas(const redis_check_t *redis, const char *server,
                           const crm360_redis_audit_t *audit)
{
    const char *unmet = "";

    if (audit->replicas_least > 0 && audit->replicas_good >= 0 &&
        audit->replicas_good < audit->replicas_least) {
        unmet = apr_psprintf(redis->check->pool,
                             "%d of the %d replicas that min-replicas-to-write demands are in "
                             "time, so that Redis refuses messages (NOREPLICAS)",
                             audit->replicas_good, audit->replicas_least);
    }
    if (audit->replicas == 0 && redis->address->kind != CRM360_REDIS_SINGLE) {
        ctl_check_say(redis->check, CTL_CHECK_WARN, "redis replicas", server,
                      "has no replica: no failover is possible, and what Crm360Durability replica "
                      "asks for goes to the spool%s%s",
                      *unmet ? "; " : "", unmet);
    }
    else if (*unmet) {
        ctl_check_say(redis->check, CTL_CHECK_WARN, "redis replicas", server, "%s", unmet);
    }
}

/* One server. 0 when it is not there: that is said. */
static int check_settings(const redis_check_t *redis, int node)
{
    const char *server =
        crm360_redis_node_text(crm360_queue_redis(redis->queue), node, redis->check->pool);
    crm360_redis_audit_t audit;
    const char *detail = "";
    apr_status_t rv = crm360_queue_audit(&audit, &detail, redis->queue, node, redis->check->pool);
    int i;

    if (rv != APR_SUCCESS) {
        ctl_check_say(redis->check, rv == CRM360_EAWAY ? CTL_CHECK_AWAY : CTL_CHECK_FAIL, "redis",
                      server, "%s", detail ? detail : "it does not answer");
        return 0;
    }
    ctl_check_say(redis->check, CTL_CHECK_OK, "redis", server, "answers");
    for (i = 0; i < CRM360_AUDIT_CHECKS; i++) {
        const crm360_audit_finding_t *finding = &audit.findings[i];
        int wrong = finding->verdict == CRM360_AUDIT_WRONG;

        ctl_check_say(redis->check,
                      wrong && is_grave(i)                       ? CTL_CHECK_FAIL
                      : wrong                                    ? CTL_CHECK_WARN
                      : finding->verdict == CRM360_AUDIT_UNKNOWN ? CTL_CHECK_INFO
                                                                 : CTL_CHECK_OK,
                      apr_pstrcat(redis->check->pool, "redis ", finding->check, NULL), server,
                      "%s%s%s%s", finding->text, wrong ? " (" : "", wrong ? finding->code : "",
                      wrong ? ")" : "");
    }
    check_replicas(redis, server, &audit);
    return 1;
}

/* A crm360_redis_work_t that only wants a server. */
static apr_status_t do_nothing(void *baton, crm360_redis_t *connection, apr_pool_t *pool)
{
    (void)baton;
    (void)connection;
    (void)pool;
    return APR_SUCCESS;
}

/* Nobody tells where Redis is, or what is told is of no use: why. */
static void say_lost(const redis_check_t *redis, const ctl_guides_t *guides)
{
    const char *detail = "";

    if (*guides->why) {
        detail =
            apr_pstrcat(redis->check->pool, "nobody tells where Redis is: ", guides->why, NULL);
    }
    else if (crm360_redis_run(crm360_queue_redis(redis->queue), NULL, do_nothing, NULL,
                              CRM360_REDIS_LOOK, &detail, redis->check->pool) == APR_SUCCESS) {
        detail = "just now somebody tells where Redis is, and a moment ago nobody did: try again";
    }
    ctl_check_say(redis->check,
                  guides->refusals || guides->answers ? CTL_CHECK_FAIL : CTL_CHECK_AWAY, "redis",
                  redis->address->text, "%s", detail);
}

/* All of them; 1 when they answer. */
static int check_servers(const redis_check_t *redis)
{
    crm360_redis_pool_t *servers = crm360_queue_redis(redis->queue);
    ctl_guides_t guides = {.why = ""};
    int node, good = 1;

    if (redis->address->kind == CRM360_REDIS_SENTINEL) {
        ctl_check_guides(&guides, redis->check, redis->address);
    }
    node = crm360_redis_next_node(servers, -1, redis->check->pool);
    if (node < 0) {
        if (redis->address->kind == CRM360_REDIS_CLUSTER) {
            ctl_check_guides(&guides, redis->check, redis->address);
        }
        say_lost(redis, &guides);
        return 0;
    }
    for (; node >= 0; node = crm360_redis_next_node(servers, node, redis->check->pool)) {
        good &= check_settings(redis, node);
    }
    return good;
}

static void check_clock(const redis_check_t *redis)
{
    apr_pool_t *pool = redis->check->pool;
    apr_time_t before = apr_time_now(), there, after;
    apr_interval_time_t apart;
    apr_status_t rv = crm360_queue_now(&there, redis->queue, pool);

    after = apr_time_now();
    if (rv != APR_SUCCESS) {
        ctl_check_say(redis->check, CTL_CHECK_FAIL, "clock", redis->address->text,
                      "Redis does not tell its time");
        return;
    }
    apart = there < before ? before - there : there > after ? there - after : 0;
    ctl_check_say(redis->check, apart > CLOCKS_APART ? CTL_CHECK_WARN : CTL_CHECK_OK, "clock",
                  redis->address->text, "%" APR_TIME_T_FMT " ms from that of this host%s",
                  apr_time_as_msec(apart),
                  apart > CLOCKS_APART
                      ? ": nothing depends on it, but times in logs do not fit: set the clocks"
                      : "");
}

/* ---- rights ---- */

/* Each command that crm360ctl, and the redis-cli lines of doc/queue.txt, need: crm360.conf(5),
 * "Redis", has the same. "K" is a key of a database. */
static const char *const needed[][RIGHTS_WORDS] = {
    {"APPEND", "K", "x"},
    {"DEL", "K"},
    {"ECHO", "x"},
    {"EVAL", "return 1", "0"},
    {"EVALSHA", "x", "0"},
    {"EXPIRE", "K", "1"},
    {"GET", "K"},
    {"GETRANGE", "K", "0", "1"},
    {"HDEL", "K", "x"},
    {"HEXISTS", "K", "x"},
    {"HGET", "K", "x"},
    {"HGETALL", "K"},
    {"HINCRBY", "K", "x", "1"},
    {"HLEN", "K"},
    {"HMGET", "K", "x"},
    {"HSCAN", CRM360_KEY_CONSUMERS, "0"},
    {"HSET", "K", "x", "x"},
    {"PERSIST", "K"},
    {"PUBLISH", CRM360_KEY_WAKE, "x"},
    {"RENAME", "K", "K"},
    {"SADD", "K", "x"},
    {"SCAN", "0"},
    {"SCARD", "K"},
    {"SET", "K", "x"},
    {"SETRANGE", "K", "0", "x"},
    {"SMEMBERS", "K"},
    {"SREM", "K", "x"},
    {"STRLEN", "K"},
    {"TIME"},
    {"TYPE", "K"},
    {"ZADD", "K", "0", "x"},
    {"ZCARD", "K"},
    {"ZCOUNT", "K", "0", "1"},
    {"ZRANGE", "K", "0", "1"},
    {"ZRANGEBYSCORE", "K", "0", "1"},
    {"ZREM", "K", "x"},
    {"ZSCAN", "K", "0"},
    {"ZSCORE", "K", "x"},
};
#define NEEDED (int)(sizeof(needed) / sizeof(needed[0]))

/* What asking has found. */
typedef struct rights_t {
    const char *missing; /* what Redis would not run for us, as words with blanks in front */
    const char *other;   /* the first refusal that is not about rights; NULL = none */
    const char *detail;  /* of a server that is out of reach */
} rights_t;

/* An error says that a right is missing, or that this is not the time (NOREPLICAS, OOM, MOVED...):
 * Redis looks at rights first. */
static void note_refusal(rights_t *rights, const char *word, const char *error, apr_pool_t *pool)
{
    if (strncmp(error, "NOPERM", 6) == 0) {
        rights->missing = apr_pstrcat(pool, rights->missing, " ", word, NULL);
    }
    else if (!rights->other) {
        rights->other = error;
    }
}

/* Adds the commands to ask on the server that has `key`, which is that of the heartbeats or one of
 * a database, where all others are asked; `words` is what each is called. */
static int list_rights(crm360_command_t *commands, const char **words, const char *key,
                       apr_pool_t *pool)
{
    int beats = strcmp(key, CRM360_KEY_CONSUMERS) == 0;
    int i, j, count = 0;

    for (i = 0; i < NEEDED; i++) {
        if ((strcmp(needed[i][1] ? needed[i][1] : "", CRM360_KEY_CONSUMERS) == 0) != beats) {
            continue;
        }
        words[count] = needed[i][0];
        commands[count] = *crm360_command_make(RIGHTS_WORDS, pool);
        for (j = 0; j < RIGHTS_WORDS && needed[i][j]; j++) {
            crm360_command_add(&commands[count], strcmp(needed[i][j], "K") ? needed[i][j] : key);
        }
        count++;
    }
    return count;
}

/* Asks on the server that has a key; the commands are queued in a transaction, which ends with the
 * connection and is never executed. */
static apr_status_t ask_rights(rights_t *rights, const redis_check_t *redis, const char *key,
                               apr_pool_t *pool)
{
    crm360_command_t commands[NEEDED], *begin = crm360_command_make(1, pool);
    crm360_redis_pool_t *servers = crm360_queue_redis(redis->queue);
    crm360_reply_t *replies[NEEDED], *reply;
    const char *words[NEEDED];
    crm360_redis_t *connection;
    apr_status_t rv;
    int i, count;

    rv = crm360_redis_connect(&connection, &rights->detail, servers,
                              crm360_redis_node_of(servers, key, pool), pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    crm360_command_add(begin, "MULTI");
    rv = crm360_redis_command(&reply, connection, begin, pool);
    if (rv == CRM360_EREFUSED || rv == CRM360_EPROTOCOL) {
        note_refusal(rights, "MULTI", reply->text, pool);
        return APR_SUCCESS;
    }
    count = list_rights(commands, words, key, pool);
    rv = rv == APR_SUCCESS ? crm360_redis_pipeline(replies, connection, commands, count, pool) : rv;
    for (i = 0; (rv == APR_SUCCESS || rv == CRM360_EREFUSED) && i < count; i++) {
        if (replies[i]->type == CRM360_REPLY_ERROR) {
            note_refusal(rights, words[i], replies[i]->text, pool);
        }
    }
    return rv == CRM360_EREFUSED ? APR_SUCCESS : rv;
}

static void check_rights(const redis_check_t *redis)
{
    const char *user = redis->address->user ? redis->address->user : "default";
    rights_t rights = {.missing = "", .detail = "no answer"};
    apr_pool_t *pool;
    apr_status_t rv;

    apr_pool_create(&pool, redis->check->pool);
    rv = ask_rights(&rights, redis, redis->keys->dead, pool);
    if (rv == APR_SUCCESS && strcmp(rights.missing, " MULTI") != 0) {
        rv = ask_rights(&rights, redis, CRM360_KEY_CONSUMERS, pool);
    }
    if (*rights.missing) {
        ctl_check_say(redis->check, CTL_CHECK_FAIL, "rights", user,
                      "this user of Redis may not do what crm360ctl needs:%s; crm360.conf(5) has "
                      "the line for ACL SETUSER",
                      rights.missing);
    }
    else if (rv != APR_SUCCESS || rights.other) {
        ctl_check_say(redis->check, CTL_CHECK_AWAY, "rights", user, "not known: %s",
                      rv != APR_SUCCESS ? rights.detail : rights.other);
    }
    else {
        ctl_check_say(redis->check, CTL_CHECK_OK, "rights", user,
                      "this user of Redis may do what crm360ctl needs");
    }
    apr_pool_destroy(pool); /* with the connection */
}

/* ---- scripts ---- */

static const char *const nobody = "00000000000000000000000000-Nobody-Nothing-Check";

/* A crm360_redis_work_t: what Redis says to a script that would write, in words. The keys are those
 * of a real one; what it writes is nothing, to a message that is not there. */
static apr_status_t try_script(void *baton, crm360_redis_t *connection, apr_pool_t *pool)
{
    const crm360_keys_t *keys = baton;
    crm360_command_t *command = crm360_command_make(8, pool);
    crm360_reply_t *reply;

    crm360_command_add(command, "EVAL");
    crm360_command_add(command, "return redis.call('SETRANGE', KEYS[5], 0, '')");
    crm360_command_add(command, "5");
    crm360_command_add(command, keys->dead);
    crm360_command_add(command, keys->failures);
    crm360_command_add(command, keys->claims);
    crm360_command_add(command, keys->counters);
    crm360_command_add(command, crm360_keys_message(keys, nobody, pool));
    return crm360_redis_command(&reply, connection, command, pool);
}

/* Why a script was not run, in the words of Redis where it says anything. */
static const char *script_fault(const redis_check_t *redis, apr_status_t rv)
{
    apr_pool_t *pool = redis->check->pool;
    char *text = apr_palloc(pool, 200);
    const char *detail = "";

    /* A slot that is being moved may be there by now: then what was said first holds. */
    if (crm360_redis_run(crm360_queue_redis(redis->queue), redis->keys->dead, try_script,
                         (void *)redis->keys, CRM360_REDIS_LOOK, &detail, pool) != APR_SUCCESS &&
        *detail) {
        return detail;
    }
    return crm360_status_text(rv, text, 200);
}

static void check_scripts(const redis_check_t *redis)
{
    crm360_admin_result_t result = CRM360_ADMIN_GONE;
    const char *fault;
    apr_status_t rv = crm360_queue_redrive(&result, redis->queue, redis->keys, &nobody, 1, NULL,
                                           redis->check->pool);

    if (rv == APR_SUCCESS && result == CRM360_ADMIN_GONE) {
        ctl_check_say(redis->check, CTL_CHECK_OK, "scripts", redis->address->text,
                      "Redis runs them");
        return;
    }
    fault = rv == APR_SUCCESS ? "a strange answer" : script_fault(redis, rv);
    if (strstr(fault, "TRYAGAIN")) {
        ctl_check_say(redis->check, CTL_CHECK_WARN, "scripts", redis->address->text,
                      "a slot is being moved to another node, and Redis does not run them "
                      "meanwhile: %s",
                      fault);
        return;
    }
    ctl_check_say(redis->check, rv == CRM360_EAWAY ? CTL_CHECK_AWAY : CTL_CHECK_FAIL, "scripts",
                  redis->address->text, "Redis does not run them: %s", fault);
}

/* ---- crm360d ---- */

/* A text or a number of a heartbeat; "" when there is none. */
static const char *member(json_object *beat, const char *name)
{
    json_object *value;

    return json_object_object_get_ex(beat, name, &value) ? json_object_get_string(value) : "";
}

/* One crm360d. 1 when it lives. */
static int show_beat(const redis_check_t *redis, const crm360_entry_t *entry, apr_int64_t now_ms)
{
    apr_pool_t *pool = redis->check->pool;
    json_object *beat;
    const char *why, *version, *host;
    apr_int64_t silent;

    if (crm360_json_parse(&beat, &why, entry->score, strlen(entry->score), pool) != APR_SUCCESS) {
        return 0;
    }
    version = member(beat, "version");
    host = apr_psprintf(pool, "%s, process %s", member(beat, "host"), member(beat, "pid"));
    silent = now_ms - apr_atoi64(member(beat, "at"));
    if (silent > SILENT_MS) {
        ctl_check_say(redis->check, CTL_CHECK_WARN, "crm360d", host,
                      "has been silent for %s: it has crashed or hangs, or its host is gone",
                      ctl_span_text(apr_time_from_msec(silent), pool));
        return 0;
    }
    if (strcmp(version, CRM360_VERSION) != 0) {
        ctl_check_say(redis->check, CTL_CHECK_WARN, "crm360d", host,
                      "runs, and is version %s, while crm360ctl is " CRM360_VERSION
                      ": install the same everywhere",
                      version);
        return 1;
    }
    ctl_check_say(redis->check, CTL_CHECK_OK, "crm360d", host, "runs, version %s", version);
    return 1;
}

static void check_consumers(const redis_check_t *redis)
{
    apr_pool_t *pool = redis->check->pool;
    const char *cursor = "0";
    apr_time_t now = 0;
    crm360_page_t page;
    int i, alive = 0;
    apr_status_t rv = crm360_queue_now(&now, redis->queue, pool);

    do {
        rv = rv == APR_SUCCESS
                 ? crm360_queue_walk(&page, &cursor, redis->queue, CRM360_KEY_CONSUMERS, 100, pool)
                 : rv;
        for (i = 0; rv == APR_SUCCESS && i < page.count; i++) {
            alive += show_beat(redis, &page.entries[i], apr_time_as_msec(now));
        }
    } while (rv == APR_SUCCESS && strcmp(cursor, "0") != 0);
    if (rv != APR_SUCCESS) {
        ctl_check_say(redis->check, CTL_CHECK_FAIL, "crm360d", redis->address->text,
                      "Redis does not tell who runs");
    }
    else if (alive == 0) {
        ctl_check_say(redis->check, CTL_CHECK_FAIL, "crm360d", redis->address->text,
                      "none runs, so that nothing is worked on: start one");
    }
}

void ctl_check_redis(const ctl_check_t *check, const void *what)
{
    const apr_array_header_t *all = crm360_config_databases(check->config);
    const crm360_database_t *first =
        all->nelts ? APR_ARRAY_IDX(all, 0, const crm360_database_t *) : NULL;
    redis_check_t redis = {.check = check};

    (void)what;
    redis.address = crm360_config_redis(check->config, check->pool);
    redis.keys = crm360_keys_make(first ? first->customer : "check", first ? first->alias : "check",
                                  check->pool);
    if (crm360_queue_make(&redis.queue, check->config, 1, NULL, check->pool) != APR_SUCCESS) {
        ctl_check_say(check, CTL_CHECK_FAIL, "redis", redis.address->text, "no access to it");
        return;
    }
    if (check_servers(&redis)) {
        check_clock(&redis);
        check_rights(&redis);
        check_scripts(&redis);
        check_consumers(&redis);
    }
}
