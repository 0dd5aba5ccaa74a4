/* When the audit of the Redis server is made, and that its findings are in the log. */
#include "consumer/audit.h"

#include <apr_strings.h>

#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/redis_audit.h"

/* After a look that failed, at the earliest. */
#define LOOK_AGAIN APR_USEC_PER_SEC

#define RUN_ID_MOST 64

struct consumer_audit_t {
    crm360_redis_pool_t *redis;
    int cluster;
    int pending;     /* there is a server that may not have been looked at */
    apr_time_t next; /* not before, when a look has failed */
    char run_ids[CRM360_NODES_MOST][RUN_ID_MOST]; /* of the servers that were looked at last */
};

consumer_audit_t *consumer_audit_make(crm360_queue_t *queue, apr_pool_t *pool)
{
    consumer_audit_t *audit = apr_pcalloc(pool, sizeof *audit);

    audit->redis = crm360_queue_redis(queue);
    audit->cluster = crm360_queue_is_spread(queue);
    return audit;
}

static void log_findings(const crm360_redis_audit_t *found, const char *server)
{
    const crm360_audit_finding_t *finding;
    int i;

    for (i = 0; i < CRM360_AUDIT_CHECKS; i++) {
        finding = &found->findings[i];
        if (finding->verdict == CRM360_AUDIT_WRONG) {
            crm360_log(CRM360_LOG_WARNING, APR_SUCCESS, "%s: Redis at %s %s", finding->code, server,
                       finding->text);
        }
    }
    if (found->unread) {
        crm360_log(CRM360_LOG_INFO, APR_SUCCESS,
                   "Redis at %s does not let us read %s; its settings were not checked as a whole",
                   server, found->unread);
    }
}

static apr_status_t look_at(consumer_audit_t *audit, int node, apr_pool_t *pool)
{
    crm360_redis_audit_t found;
    crm360_redis_t *redis;
    const char *run_id, *why;
    apr_status_t rv = crm360_redis_connect(&redis, &why, audit->redis, node, pool);

    rv = rv == APR_SUCCESS ? crm360_redis_audit(&found, redis, pool) : rv;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (audit->cluster && found.findings[CRM360_AUDIT_ROLE].verdict == CRM360_AUDIT_WRONG) {
        return CRM360_EAWAY; /* it was the master just now: whoever is, is looked at next time */
    }
    run_id = *found.run_id ? found.run_id : "unknown"; /* without INFO: looked at once */
    if (strcmp(run_id, audit->run_ids[node]) != 0) {
        apr_cpystrn(audit->run_ids[node], run_id, RUN_ID_MOST);
        log_findings(&found, crm360_redis_node_text(audit->redis, node, pool));
    }
    return APR_SUCCESS;
}

void consumer_audit_look(consumer_audit_t *audit, int connected, int answers, apr_pool_t *pool)
{
    apr_time_t now = crm360_clock();
    int node = -1;

    if (connected) {
        audit->pending = 1;
        audit->next = now;
    }
    if (!audit->pending || !answers || now < audit->next) {
        return;
    }
    audit->next = now + LOOK_AGAIN;
    audit->pending = 0;
    while ((node = crm360_redis_next_node(audit->redis, node, pool)) >= 0) {
        audit->pending |= look_at(audit, node, pool) != APR_SUCCESS;
    }
}
