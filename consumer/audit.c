/*
 * The audit of the Redis server. Each finding has a code of its own and says what to set. What the
 * server does not let us read is no finding.
 */
#include "consumer/audit.h"

#include <apr_strings.h>

#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/redis.h"

#define VERSION_LEAST 6
/* A memory limit is near from here on, per cent. */
#define NEAR 90
/* After a look that failed, at the earliest. */
#define LOOK_AGAIN APR_USEC_PER_SEC

struct consumer_audit_t {
    const crm360_config_t *config;
    const crm360_redis_address_t *address;
    int pending;     /* there is a server that may not have been looked at */
    apr_time_t next; /* not before, when a look has failed */
    char run_id[64]; /* of the server that was looked at last */
};

/* What the server has told. Texts are "" where it did not tell. */
typedef struct told_t {
    const char *server; /* for the log */
    const char *info;
    const char *save;        /* save points; NULL = not told */
    const char *appendfsync; /* NULL = not told */
    apr_pool_t *pool;
} told_t;

consumer_audit_t *consumer_audit_make(const crm360_config_t *config, apr_pool_t *pool)
{
    consumer_audit_t *audit = apr_pcalloc(pool, sizeof *audit);

    audit->config = config;
    audit->address = crm360_config_redis(config, pool);
    return audit;
}

/* ---- asking ---- */

/* The value of a line "name:value" of INFO; "" when there is none. */
static const char *info(const told_t *told, const char *name)
{
    apr_size_t len = strlen(name);
    const char *line = told->info;

    while (line && *line) {
        if (strncmp(line, name, len) == 0 && line[len] == ':') {
            line += len + 1;
            return apr_pstrmemdup(told->pool, line, strcspn(line, "\r\n"));
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return "";
}

/* The value in a reply of CONFIG GET with one name; NULL when there is none. */
static const char *setting(const crm360_reply_t *reply)
{
    return reply->type == CRM360_REPLY_ARRAY && reply->count == 2 &&
                   reply->items[1].type == CRM360_REPLY_STRING
               ? reply->items[1].text
               : NULL;
}

static apr_status_t ask(told_t *told, const consumer_audit_t *audit, apr_pool_t *pool)
{
    static const char *const settings[] = {"save", "appendfsync"};
    crm360_command_t commands[3];
    crm360_reply_t *replies[3];
    crm360_redis_t *redis;
    const char *why;
    apr_status_t rv;
    int i;

    rv = crm360_redis_connect(&redis, &why, audit->address,
                              crm360_config_connect_timeout(audit->config),
                              crm360_config_command_timeout(audit->config), pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    commands[0] = *crm360_command_make(1, pool);
    crm360_command_add(&commands[0], "INFO");
    for (i = 0; i < 2; i++) {
        commands[i + 1] = *crm360_command_make(3, pool);
        crm360_command_add(&commands[i + 1], "CONFIG");
        crm360_command_add(&commands[i + 1], "GET");
        crm360_command_add(&commands[i + 1], settings[i]);
    }
    rv = crm360_redis_pipeline(replies, redis, commands, 3, pool);
    if (rv != APR_SUCCESS && rv != CRM360_EREFUSED) {
        return rv;
    }
    /* Refused may be one or the other. */
    told->info = replies[0]->type == CRM360_REPLY_STRING ? replies[0]->text : "";
    told->save = setting(replies[1]);
    told->appendfsync = setting(replies[2]);
    return APR_SUCCESS;
}

/* ---- findings ---- */

static void check_version(const told_t *told)
{
    const char *version = info(told, "redis_version");

    if (*version && apr_atoi64(version) < VERSION_LEAST) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0360) "Redis at %s is version %s: install version %d or later",
                   told->server, version, VERSION_LEAST);
    }
}

static void check_role(const told_t *told)
{
    if (strcmp(info(told, "role"), "slave") == 0) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0366) "Redis at %s is a replica of %s:%s and refuses messages, or "
                                      "loses them: let Crm360Redis name the primary",
                   told->server, info(told, "master_host"), info(told, "master_port"));
    }
}

static void check_persistence(const told_t *told)
{
    const char *enabled = info(told, "aof_enabled");

    if (strcmp(enabled, "0") == 0 && told->save && !*told->save) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0362) "Redis at %s writes nothing to a disk, and every message is "
                                      "lost when it ends: set appendonly yes",
                   told->server);
    }
    else if (strcmp(enabled, "0") == 0) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0362) "Redis at %s writes snapshots at most (save%s%s), and what "
                                      "came after the last one is lost when it crashes: set "
                                      "appendonly yes",
                   told->server, told->save ? " " : "", told->save ? told->save : "");
    }
    else if (*enabled && told->appendfsync && strcmp(told->appendfsync, "no") == 0) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0363) "Redis at %s leaves it to the system when its file reaches "
                                      "the disk: set appendfsync everysec, or always",
                   told->server);
    }
}

static void check_memory(const told_t *told)
{
    const char *policy = info(told, "maxmemory_policy");
    const char *limit = info(told, "maxmemory");
    apr_int64_t most = apr_atoi64(limit);
    apr_int64_t used = apr_atoi64(info(told, "used_memory"));

    if (*policy && strcmp(policy, "noeviction") != 0) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0361) "Redis at %s drops messages when its memory is full "
                                      "(maxmemory-policy %s): set maxmemory-policy noeviction",
                   told->server, policy);
    }
    if (*limit && most == 0) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0364) "Redis at %s has no memory limit, and the system may end it "
                                      "when memory runs out: set maxmemory",
                   told->server);
    }
    else if (most > 0 && used > most / 100 * NEAR) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0365) "Redis at %s uses %" APR_INT64_T_FMT " of %" APR_INT64_T_FMT
                                      " MB, and refuses messages when they are full: set a "
                                      "larger maxmemory, or see what waits",
                   told->server, used >> 20, most >> 20);
    }
}

static void check_all(const told_t *told)
{
    check_version(told);
    check_role(told);
    check_persistence(told);
    check_memory(told);
    if (!*told->info || !told->save || !told->appendfsync) {
        crm360_log(CRM360_LOG_INFO, APR_SUCCESS,
                   "Redis at %s does not let us read %s; its settings were not checked as a whole",
                   told->server, *told->info ? "CONFIG GET" : "INFO");
    }
}

void consumer_audit_look(consumer_audit_t *audit, int connected, int answers, apr_pool_t *pool)
{
    told_t told = {.server = audit->address->text, .pool = pool};
    apr_time_t now = crm360_clock();
    const char *run_id;

    if (connected) {
        audit->pending = 1;
        audit->next = now;
    }
    if (!audit->pending || !answers || now < audit->next) {
        return;
    }
    audit->next = now + LOOK_AGAIN;
    if (ask(&told, audit, pool) != APR_SUCCESS) {
        return;
    }
    audit->pending = 0;
    run_id = info(&told, "run_id");
    run_id = *run_id ? run_id : "unknown"; /* without INFO: looked at once */
    if (strcmp(run_id, audit->run_id) != 0) {
        apr_cpystrn(audit->run_id, run_id, sizeof audit->run_id);
        check_all(&told);
    }
}
