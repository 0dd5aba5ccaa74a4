/*
 * How a Redis server is set up: what would lose messages, or refuse them, although everything of
 * ours works. Findings as data, for whoever shows or logs them; changes nothing, logs nothing.
 */
#ifndef CRM360_REDIS_AUDIT_H
#define CRM360_REDIS_AUDIT_H

#include "core/config.h"
#include "core/queue.h"
#include "core/redis.h"

typedef enum {
    CRM360_AUDIT_FINE,
    CRM360_AUDIT_WRONG,
    CRM360_AUDIT_UNKNOWN /* the server does not let us read it */
} crm360_audit_verdict_t;

/* In this order. */
typedef enum {
    CRM360_AUDIT_VERSION,
    CRM360_AUDIT_ROLE,
    CRM360_AUDIT_APPENDONLY, /* nothing, or snapshots only, reach the disk */
    CRM360_AUDIT_APPENDFSYNC,
    CRM360_AUDIT_POLICY, /* what happens when the memory is full */
    CRM360_AUDIT_LIMIT,  /* there is none */
    CRM360_AUDIT_MEMORY, /* it is nearly full */
    CRM360_AUDIT_CHECKS
} crm360_audit_check_t;

/* What one check found. Strings live in the pool of the call, or for ever. */
typedef struct crm360_audit_finding_t {
    /* "version", "role", "appendonly", "appendfsync", "maxmemory-policy", "maxmemory" or "memory":
     * the same in each release. */
    const char *check;
    const char *code; /* "CRM0361", of doc/errors.txt; each belongs to one check */
    crm360_audit_verdict_t verdict;
    /* Goes on after "Redis at ... ": "is version 5.0.3: install version 6 or later" when it is
     * wrong, what is set when it is fine, "does not tell ..." when that is not known. */
    const char *text;
} crm360_audit_finding_t;

typedef struct crm360_redis_audit_t {
    const char *run_id;       /* another one after each start of the server; "" = not told */
    const char *version;      /* "" = not told */
    apr_int64_t memory_used;  /* bytes; -1 = not told */
    apr_int64_t memory_limit; /* bytes, 0 = none; -1 = not told */
    int replicas;             /* that are connected; -1 = not told */
    int replicas_good;        /* of them, those that are in time; -1 = nothing demands any */
    int replicas_least;       /* how many of these writes demand; 0 = none, or not told */
    /* "INFO" or "CONFIG GET" when the server does not let us read all of it that the checks need;
     * else NULL. */
    const char *unread;
    crm360_audit_finding_t findings[CRM360_AUDIT_CHECKS];
} crm360_redis_audit_t;

/* Looks at the server at the other end of a connection. CRM360_EAWAY, or CRM360_EPROTOCOL; a
 * command that is refused is no error, it leaves findings unknown. */
apr_status_t crm360_redis_audit(crm360_redis_audit_t *audit, crm360_redis_t *redis,
                                apr_pool_t *pool) __attribute__((warn_unused_result));

/* The same over the connections of a queue, at one of its servers (crm360_redis_next_node()). Any
 * thread. Errors as crm360_redis_run(): *detail (in `pool`) says what failed. */
apr_status_t crm360_queue_audit(crm360_redis_audit_t *audit, const char **detail,
                                crm360_queue_t *queue, int node, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* All of its servers as one: the worst finding of each check, with the name of the server where
 * there are several, memory in sum, the version of the first. An error when one cannot be asked. */
apr_status_t crm360_queue_audit_all(crm360_redis_audit_t *audit, const char **detail,
                                    crm360_queue_t *queue, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
