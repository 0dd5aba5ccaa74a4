/*
 * The audit of a Redis server, from INFO and CONFIG GET. Each finding says what is and what to set.
 * What the server does not let us read is no fault: nothing is guessed from it.
 */
#include "core/redis_audit.h"

#include <apr_strings.h>

#include <string.h>

#include "core/log.h"
#include "core/queue_private.h"

#define VERSION_LEAST 6
/* A memory limit is near from here on, per cent. */
#define NEAR 90
#define CODE_LENGTH 7 /* "CRM0360" */

static const struct {
    const char *name;
    const char *code; /* as it stands in front of a line of the log */
} checks[CRM360_AUDIT_CHECKS] = {
    [CRM360_AUDIT_VERSION] = {"version", CRM360_LOGNO(0360)},
    [CRM360_AUDIT_ROLE] = {"role", CRM360_LOGNO(0366)},
    [CRM360_AUDIT_APPENDONLY] = {"appendonly", CRM360_LOGNO(0362)},
    [CRM360_AUDIT_APPENDFSYNC] = {"appendfsync", CRM360_LOGNO(0363)},
    [CRM360_AUDIT_POLICY] = {"maxmemory-policy", CRM360_LOGNO(0361)},
    [CRM360_AUDIT_LIMIT] = {"maxmemory", CRM360_LOGNO(0364)},
    [CRM360_AUDIT_MEMORY] = {"memory", CRM360_LOGNO(0365)},
};

/* What the server has told. */
typedef struct told_t {
    const char *info;        /* "" = not told */
    const char *save;        /* save points; NULL = not told */
    const char *appendfsync; /* NULL = not told */
    const char *least;       /* min-replicas-to-write; NULL = not told */
    apr_pool_t *pool;
} told_t;

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

/* A number of INFO; -1 = it is not told. */
static apr_int64_t info_number(const told_t *told, const char *name)
{
    const char *text = info(told, name);

    return *text ? apr_atoi64(text) : -1;
}

/* The value in a reply of CONFIG GET with one name; NULL when there is none. */
static const char *setting(const crm360_reply_t *reply)
{
    return reply->type == CRM360_REPLY_ARRAY && reply->count == 2 &&
                   reply->items[1].type == CRM360_REPLY_STRING
               ? reply->items[1].text
               : NULL;
}

static apr_status_t ask(told_t *told, crm360_redis_t *redis, apr_pool_t *pool)
{
    static const char *const settings[] = {"save", "appendfsync", "min-replicas-to-write"};
    crm360_command_t commands[4];
    crm360_reply_t *replies[4];
    apr_status_t rv;
    int i;

    commands[0] = *crm360_command_make(1, pool);
    crm360_command_add(&commands[0], "INFO");
    for (i = 0; i < 3; i++) {
        commands[i + 1] = *crm360_command_make(3, pool);
        crm360_command_add(&commands[i + 1], "CONFIG");
        crm360_command_add(&commands[i + 1], "GET");
        crm360_command_add(&commands[i + 1], settings[i]);
    }
    rv = crm360_redis_pipeline(replies, redis, commands, 4, pool);
    if (rv != APR_SUCCESS && rv != CRM360_EREFUSED) {
        return rv;
    }
    /* Refused may be one or the other. */
    told->info = replies[0]->type == CRM360_REPLY_STRING ? replies[0]->text : "";
    told->save = setting(replies[1]);
    told->appendfsync = setting(replies[2]);
    told->least = setting(replies[3]);
    told->pool = pool;
    return APR_SUCCESS;
}

/* ---- findings ---- */

static void found(crm360_redis_audit_t *audit, crm360_audit_check_t check,
                  crm360_audit_verdict_t verdict, const char *text)
{
    audit->findings[check].verdict = verdict;
    audit->findings[check].text = text;
}

static void check_version(crm360_redis_audit_t *audit, const told_t *told)
{
    const char *version = audit->version;

    if (!*version) {
        found(audit, CRM360_AUDIT_VERSION, CRM360_AUDIT_UNKNOWN, "does not tell its version");
    }
    else if (apr_atoi64(version) < VERSION_LEAST) {
        found(audit, CRM360_AUDIT_VERSION, CRM360_AUDIT_WRONG,
              apr_psprintf(told->pool, "is version %s: install version %d or later", version,
                           VERSION_LEAST));
    }
    else {
        found(audit, CRM360_AUDIT_VERSION, CRM360_AUDIT_FINE,
              apr_pstrcat(told->pool, "is version ", version, NULL));
    }
}

static void check_role(crm360_redis_audit_t *audit, const told_t *told)
{
    const char *role = info(told, "role");

    if (!*role) {
        found(audit, CRM360_AUDIT_ROLE, CRM360_AUDIT_UNKNOWN,
              "does not tell whether it is a replica");
    }
    else if (strcmp(role, "slave") == 0) {
        found(audit, CRM360_AUDIT_ROLE, CRM360_AUDIT_WRONG,
              apr_psprintf(told->pool,
                           "is a replica of %s:%s and refuses messages, or loses them: let "
                           "Crm360Redis name the primary",
                           info(told, "master_host"), info(told, "master_port")));
    }
    else {
        found(audit, CRM360_AUDIT_ROLE, CRM360_AUDIT_FINE,
              audit->replicas < 0 ? "is no replica"
              : audit->replicas == 0
                  ? "is no replica, and has none"
                  : apr_psprintf(told->pool, "is no replica, and has %d replica%s", audit->replicas,
                                 audit->replicas == 1 ? "" : "s"));
    }
}

static void check_appendonly(crm360_redis_audit_t *audit, const told_t *told)
{
    const char *enabled = info(told, "aof_enabled");

    if (!*enabled) {
        found(audit, CRM360_AUDIT_APPENDONLY, CRM360_AUDIT_UNKNOWN,
              "does not tell whether it writes to a disk");
    }
    else if (strcmp(enabled, "0") != 0) {
        found(audit, CRM360_AUDIT_APPENDONLY, CRM360_AUDIT_FINE, "has appendonly yes");
    }
    else if (told->save && !*told->save) {
        found(audit, CRM360_AUDIT_APPENDONLY, CRM360_AUDIT_WRONG,
              "writes nothing to a disk, and every message is lost when it ends: set appendonly "
              "yes");
    }
    else {
        found(audit, CRM360_AUDIT_APPENDONLY, CRM360_AUDIT_WRONG,
              apr_psprintf(told->pool,
                           "writes snapshots at most (save%s%s), and what came after the last one "
                           "is lost when it crashes: set appendonly yes",
                           told->save ? " " : "", told->save ? told->save : ""));
    }
}

/* Counts only where there is a file to be flushed. */
static void check_appendfsync(crm360_redis_audit_t *audit, const told_t *told)
{
    const char *enabled = info(told, "aof_enabled");

    if (strcmp(enabled, "0") == 0) {
        found(audit, CRM360_AUDIT_APPENDFSYNC, CRM360_AUDIT_FINE, "has no file to flush");
    }
    else if (!*enabled || !told->appendfsync) {
        found(audit, CRM360_AUDIT_APPENDFSYNC, CRM360_AUDIT_UNKNOWN,
              "does not tell when its file reaches the disk");
    }
    else if (strcmp(told->appendfsync, "no") == 0) {
        found(audit, CRM360_AUDIT_APPENDFSYNC, CRM360_AUDIT_WRONG,
              "leaves it to the system when its file reaches the disk: set appendfsync everysec, "
              "or always");
    }
    else {
        found(audit, CRM360_AUDIT_APPENDFSYNC, CRM360_AUDIT_FINE,
              apr_pstrcat(told->pool, "has appendfsync ", told->appendfsync, NULL));
    }
}

static void check_policy(crm360_redis_audit_t *audit, const told_t *told)
{
    const char *policy = info(told, "maxmemory_policy");

    if (!*policy) {
        found(audit, CRM360_AUDIT_POLICY, CRM360_AUDIT_UNKNOWN,
              "does not tell what it does when its memory is full");
    }
    else if (strcmp(policy, "noeviction") != 0) {
        found(audit, CRM360_AUDIT_POLICY, CRM360_AUDIT_WRONG,
              apr_psprintf(told->pool,
                           "drops messages when its memory is full (maxmemory-policy %s): set "
                           "maxmemory-policy noeviction",
                           policy));
    }
    else {
        found(audit, CRM360_AUDIT_POLICY, CRM360_AUDIT_FINE, "has maxmemory-policy noeviction");
    }
}

static void check_memory(crm360_redis_audit_t *audit, const told_t *told)
{
    apr_int64_t most = audit->memory_limit, used = audit->memory_used;
    const char *text;

    if (most < 0) {
        text = "does not tell its memory limit";
        found(audit, CRM360_AUDIT_LIMIT, CRM360_AUDIT_UNKNOWN, text);
        found(audit, CRM360_AUDIT_MEMORY, CRM360_AUDIT_UNKNOWN, text);
        return;
    }
    if (most == 0) {
        found(audit, CRM360_AUDIT_LIMIT, CRM360_AUDIT_WRONG,
              "has no memory limit, and the system may end it when memory runs out: set maxmemory");
        found(audit, CRM360_AUDIT_MEMORY, CRM360_AUDIT_FINE,
              apr_psprintf(told->pool, "uses %" APR_INT64_T_FMT " MB", used >> 20));
        return;
    }
    text = apr_psprintf(told->pool, "uses %" APR_INT64_T_FMT " of %" APR_INT64_T_FMT " MB",
                        used >> 20, most >> 20);
    found(audit, CRM360_AUDIT_LIMIT, CRM360_AUDIT_FINE, "has a memory limit");
    if (used > most / 100 * NEAR) {
        found(audit, CRM360_AUDIT_MEMORY, CRM360_AUDIT_WRONG,
              apr_pstrcat(told->pool, text,
                          ", and refuses messages when they are full: set a larger maxmemory, or "
                          "see what waits",
                          NULL));
    }
    else {
        found(audit, CRM360_AUDIT_MEMORY, CRM360_AUDIT_FINE, text);
    }
}

apr_status_t crm360_redis_audit(crm360_redis_audit_t *audit, crm360_redis_t *redis,
                                apr_pool_t *pool)
{
    told_t told;
    apr_status_t rv = ask(&told, redis, pool);
    int i;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (i = 0; i < CRM360_AUDIT_CHECKS; i++) {
        audit->findings[i].check = checks[i].name;
        audit->findings[i].code = apr_pstrmemdup(pool, checks[i].code, CODE_LENGTH);
    }
    audit->run_id = info(&told, "run_id");
    audit->version = info(&told, "redis_version");
    audit->memory_used = info_number(&told, "used_memory");
    audit->memory_limit = info_number(&told, "maxmemory");
    audit->replicas = (int)info_number(&told, "connected_slaves");
    audit->replicas_good = (int)info_number(&told, "min_slaves_good_slaves");
    audit->replicas_least = told.least ? (int)apr_atoi64(told.least) : 0;
    audit->unread = !*told.info ? "INFO" : !told.save || !told.appendfsync ? "CONFIG GET" : NULL;
    check_version(audit, &told);
    check_role(audit, &told);
    check_appendonly(audit, &told);
    check_appendfsync(audit, &told);
    check_policy(audit, &told);
    check_memory(audit, &told);
    return APR_SUCCESS;
}

static apr_status_t audit_work(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    return crm360_redis_audit(baton, redis, pool);
}

apr_status_t crm360_queue_audit(crm360_redis_audit_t *audit, const char **detail,
                                crm360_queue_t *queue, int node, apr_pool_t *pool)
{
    return crm360_redis_run_at(queue->redis, node, audit_work, audit, CRM360_REDIS_READ, detail,
                               pool);
}

/* How bad a verdict is. */
static int rank(crm360_audit_verdict_t verdict)
{
    return verdict == CRM360_AUDIT_WRONG ? 2 : verdict == CRM360_AUDIT_UNKNOWN ? 1 : 0;
}

static apr_int64_t sum(apr_int64_t one, apr_int64_t other)
{
    return one < 0 || other < 0 ? -1 : one + other;
}

static void merge(crm360_redis_audit_t *all, const crm360_redis_audit_t *one, const char *server,
                  apr_pool_t *pool)
{
    int i;

    all->memory_used = sum(all->memory_used, one->memory_used);
    /* Without a limit on one of them there is none on all. */
    all->memory_limit = all->memory_limit == 0 || one->memory_limit == 0
                            ? 0
                            : sum(all->memory_limit, one->memory_limit);
    all->unread = all->unread ? all->unread : one->unread;
    for (i = 0; i < CRM360_AUDIT_CHECKS; i++) {
        if (rank(one->findings[i].verdict) > rank(all->findings[i].verdict)) {
            all->findings[i] = one->findings[i];
            all->findings[i].text =
                apr_pstrcat(pool, one->findings[i].text, " (", server, ")", NULL);
        }
    }
}

apr_status_t crm360_queue_audit_all(crm360_redis_audit_t *audit, const char **detail,
                                    crm360_queue_t *queue, apr_pool_t *pool)
{
    int node = crm360_redis_next_node(queue->redis, -1, pool);
    apr_status_t rv = crm360_queue_audit(audit, detail, queue, node, pool);

    while (rv == APR_SUCCESS && (node = crm360_redis_next_node(queue->redis, node, pool)) >= 0) {
        const char *server = crm360_redis_node_text(queue->redis, node, pool);
        crm360_redis_audit_t one;

        rv = crm360_queue_audit(&one, detail, queue, node, pool);
        if (rv == APR_SUCCESS) {
            merge(audit, &one, server, pool);
        }
    }
    return rv;
}
