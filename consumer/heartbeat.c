/* The master's heartbeat. Must never hold the master up, and never fail it. */
#include "consumer/heartbeat.h"

#include <apr_network_io.h>

#include <unistd.h>

#include "consumer/identity.h"
#include "core/queue_consumers.h"
#include "core/version.h"

#define BEAT_EVERY (5 * APR_USEC_PER_SEC)

struct consumer_heartbeat_t {
    const consumer_crew_t *crew;
    crm360_queue_t *queue;
    crm360_heartbeat_t beat;
    apr_time_t next;
};

consumer_heartbeat_t *consumer_heartbeat_make(const crm360_config_t *config,
                                              const consumer_crew_t *crew, crm360_queue_t *queue,
                                              apr_pool_t *pool)
{
    consumer_heartbeat_t *heartbeat = apr_pcalloc(pool, sizeof *heartbeat);
    char *host = apr_pcalloc(pool, APRMAXHOSTLEN + 1);

    if (apr_gethostname(host, APRMAXHOSTLEN, pool) != APR_SUCCESS) {
        host[0] = '\0';
    }
    heartbeat->crew = crew;
    heartbeat->queue = queue;
    heartbeat->beat.instance = consumer_identity(getpid(), pool);
    heartbeat->beat.host = host;
    heartbeat->beat.version = CRM360_VERSION;
    heartbeat->beat.pid = (int)getpid();
    heartbeat->beat.databases = crm360_config_databases(config)->nelts;
    return heartbeat;
}

void consumer_heartbeat_count(consumer_heartbeat_t *heartbeat, int messages)
{
    heartbeat->beat.messages += messages;
}

apr_int64_t consumer_heartbeat_messages(const consumer_heartbeat_t *heartbeat)
{
    return heartbeat->beat.messages;
}

void consumer_heartbeat_tick(consumer_heartbeat_t *heartbeat, apr_time_t now, apr_int64_t offset_ms,
                             apr_pool_t *pool)
{
    const consumer_shared_t *shared = heartbeat->crew->shared;
    crm360_heartbeat_t *beat = &heartbeat->beat;
    int lane, i;

    if (now < heartbeat->next) {
        return;
    }
    heartbeat->next = now + BEAT_EVERY;
    beat->at_ms = apr_time_as_msec(now) + offset_ms;
    beat->started_ms = beat->started_ms ? beat->started_ms : beat->at_ms;
    beat->busy = 0;
    for (lane = 0; lane < CRM360_LANES; lane++) {
        beat->workers[lane] = 0;
        crm360_histogram_read(&beat->handler[lane], &shared->handler[lane]);
        crm360_histogram_read(&beat->delay[lane], &shared->delay[lane]);
    }
    for (i = 0; i < heartbeat->crew->count; i++) {
        const consumer_worker_t *worker = &heartbeat->crew->workers[i];

        beat->workers[worker->lane] += worker->pid != 0;
        beat->busy += worker->pid && worker->database >= 0;
    }
    if (crm360_queue_beat(heartbeat->queue, beat, pool) != APR_SUCCESS) {
        return; /* Redis is away: who needs it logs that */
    }
    beat->again = 1;
}

apr_time_t consumer_heartbeat_next(const consumer_heartbeat_t *heartbeat)
{
    return heartbeat->next;
}

void consumer_heartbeat_end(consumer_heartbeat_t *heartbeat, apr_pool_t *pool)
{
    if (heartbeat->next &&
        crm360_queue_beat_end(heartbeat->queue, heartbeat->beat.instance, pool) != APR_SUCCESS) {
        return; /* others remove it when it has been silent for long */
    }
}
