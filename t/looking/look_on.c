/*
 * Prints what those who look on read of a crm360d in Redis, for t/89-history.t: the last minutes,
 * and the heartbeats. And writes a minute, as another crm360d would.
 *
 * usage: look_on CONFIGURATION history MINUTES
 *        look_on CONFIGURATION write MINUTE
 *        look_on CONFIGURATION consumers
 */
#include <apr_general.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/queue_consumers.h"
#include "core/queue_history.h"

static apr_status_t print_history(crm360_queue_t *queue, int count, apr_pool_t *pool)
{
    crm360_history_t *minutes = apr_palloc(pool, (apr_size_t)count * sizeof *minutes);
    const char *detail;
    apr_time_t now;
    apr_status_t rv = crm360_queue_history_read(minutes, &now, &detail, queue, count, pool);
    int i, lane;

    if (rv != APR_SUCCESS) {
        printf("failed: %s\n", detail);
        return rv;
    }
    printf("now %" APR_TIME_T_FMT "\n", now / APR_USEC_PER_SEC / 60);
    for (i = 0; i < count; i++) {
        const crm360_history_t *minute = &minutes[i];

        printf("%" APR_TIME_T_FMT " %s", minute->at / APR_USEC_PER_SEC / 60,
               minute->known ? "known" : "gap");
        for (lane = 0; lane < CRM360_LANES; lane++) {
            const crm360_history_lane_t *of = &minute->lanes[lane];

            printf(" %d/%d/%d/%d/%d", (int)of->waiting, (int)of->due, (int)of->leased,
                   (int)of->paused, (int)apr_time_sec(of->oldest_due));
        }
        printf(" dead %d received %d done %d died %d\n", (int)minute->dead, (int)minute->received,
               (int)minute->done, (int)minute->died);
    }
    return rv;
}

static apr_status_t write_minute(crm360_queue_t *queue, long minute, apr_pool_t *pool)
{
    const crm360_history_t line = {.at = apr_time_from_sec(minute * 60), .dead = 4711};
    int written;
    apr_status_t rv = crm360_queue_history_write(&written, queue, &line, pool);

    printf("%s\n", rv != APR_SUCCESS ? "failed" : written ? "written" : "there already");
    return rv;
}

static void print_histograms(const char *name, const crm360_histogram_view_t *views)
{
    int lane, i;

    for (lane = 0; lane < CRM360_LANES; lane++) {
        printf(" %s %s %d us", name, crm360_lane_name((crm360_lane_t)lane), (int)views[lane].sum);
        for (i = 0; i <= CRM360_HISTOGRAM_BOUNDS; i++) {
            printf(" %d", (int)views[lane].upto[i]);
        }
        printf(";");
    }
}

static apr_status_t print_consumers(crm360_queue_t *queue, apr_pool_t *pool)
{
    crm360_heartbeat_t *beats;
    const char *detail;
    apr_time_t now;
    int count, i;
    apr_status_t rv = crm360_queue_consumers(&beats, &count, &now, &detail, queue, pool);

    if (rv != APR_SUCCESS) {
        printf("failed: %s\n", detail);
        return rv;
    }
    for (i = 0; i < count; i++) {
        const crm360_heartbeat_t *beat = &beats[i];

        printf("%s host %s pid %d version %s age %d up %d databases %d workers %d/%d/%d busy %d "
               "messages %d;",
               beat->instance, beat->host, beat->pid, beat->version,
               (int)(apr_time_as_msec(now) - beat->at_ms) / 1000,
               (int)(beat->at_ms - beat->started_ms) / 1000, beat->databases, beat->workers[0],
               beat->workers[1], beat->workers[2], beat->busy, (int)beat->messages);
        print_histograms("handler", beat->handler);
        print_histograms("delay", beat->delay);
        printf("\n");
    }
    return rv;
}

int main(int argc, char **argv)
{
    crm360_config_t *config;
    crm360_queue_t *queue;
    const char *error;
    apr_pool_t *pool;
    apr_status_t rv;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    if (argc < 3 || crm360_config_read(&config, &error, argv[1], CRM360_READ_CONSUMER, pool) ||
        crm360_queue_make(&queue, config, 1, NULL, pool)) {
        return 2;
    }
    if (argc == 4) {
        long number = strtol(argv[3], NULL, 10);

        rv = strcmp(argv[2], "write") == 0 ? write_minute(queue, number, pool)
                                           : print_history(queue, (int)number, pool);
    }
    else {
        rv = print_consumers(queue, pool);
    }
    return rv == APR_SUCCESS ? 0 : 1;
}
