/* Durations fall into their buckets, and none is lost when processes and threads add at once. */
#include <apr_general.h>
#include <apr_shm.h>
#include <apr_thread_proc.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/histogram.h"
#include "t/unit/tap.h"

#define PROCESSES 3
#define THREADS 2
#define EACH 20000

/* The bucket that a duration alone falls into. */
static int bucket_of(apr_interval_time_t duration)
{
    crm360_histogram_t histogram = {{0}, 0};
    crm360_histogram_view_t view;
    int bucket = 0;

    crm360_histogram_add(&histogram, duration);
    crm360_histogram_read(&view, &histogram);
    while (bucket <= CRM360_HISTOGRAM_BOUNDS && !view.upto[bucket]) {
        bucket++;
    }
    return bucket;
}

static void buckets(void)
{
    int bad = 0, i;

    for (i = 0; i < CRM360_HISTOGRAM_BOUNDS; i++) {
        apr_interval_time_t most =
            (apr_interval_time_t)(strtod(crm360_histogram_bound(i), NULL) * 1e6 + 0.5);

        bad += bucket_of(most) != i || bucket_of(most + 1) != i + 1;
    }
    is_number(bad, 0, "each bound belongs to its bucket, and a microsecond more to the next");
    is_number(bucket_of(-5), 0, "less than nothing is nothing");
    is_text(crm360_histogram_bound(0), "0.001", "the first bound is a millisecond");
    is_text(crm360_histogram_bound(CRM360_HISTOGRAM_BOUNDS - 1), "300", "the last five minutes");
    is_text(crm360_histogram_bound(CRM360_HISTOGRAM_BOUNDS), "+Inf", "and behind it is no bound");
}

static void merging(void)
{
    crm360_histogram_t one = {{0}, 0}, two = {{0}, 0};
    crm360_histogram_view_t all, more;

    crm360_histogram_add(&one, 700);
    crm360_histogram_add(&two, 3000);
    crm360_histogram_read(&all, &one);
    crm360_histogram_read(&more, &two);
    crm360_histogram_merge(&all, &more);
    ok(all.upto[0] == 1 && all.upto[1] == 1 && all.upto[2] == 2, "two views are one");
    is_number((long)all.sum, 3700, "with the sum of both");
}

static void *APR_THREAD_FUNC add_many(apr_thread_t *thread, void *baton)
{
    int i;

    (void)thread;
    for (i = 0; i < EACH; i++) {
        crm360_histogram_add(baton, i % 2 ? 2 : 400000000);
    }
    return NULL;
}

/* A process with several threads, as a child of httpd. */
static void be_child(crm360_histogram_t *histogram, apr_pool_t *pool)
{
    apr_thread_t *threads[THREADS];
    apr_status_t rv;
    int i;

    for (i = 0; i < THREADS; i++) {
        if (apr_thread_create(&threads[i], NULL, add_many, histogram, pool) != APR_SUCCESS) {
            _exit(1);
        }
    }
    for (i = 0; i < THREADS; i++) {
        apr_thread_join(&rv, threads[i]);
    }
    _exit(0);
}

static void together(apr_pool_t *pool)
{
    crm360_histogram_t *histogram;
    crm360_histogram_view_t view;
    apr_shm_t *shared;
    int status, failed = 0, i;

    if (apr_shm_create(&shared, sizeof *histogram, NULL, pool) != APR_SUCCESS) {
        ok(0, "shared memory");
        return;
    }
    histogram = apr_shm_baseaddr_get(shared);
    memset(histogram, 0, sizeof *histogram);
    for (i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            be_child(histogram, pool);
        }
    }
    for (i = 0; i < PROCESSES; i++) {
        failed += wait(&status) < 0 || status != 0;
    }
    crm360_histogram_read(&view, histogram);
    is_number(failed, 0, "processes with threads have added");
    is_number((long)view.upto[CRM360_HISTOGRAM_BOUNDS], PROCESSES * THREADS * EACH,
              "and each of their durations was counted");
    is_number((long)view.upto[0], PROCESSES * THREADS * EACH / 2, "in its bucket");
    is_number((long)view.sum, PROCESSES * THREADS * (EACH / 2) * 400000002L, "and in the sum");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    buckets();
    merging();
    together(pool);
    apr_terminate();
    return tap_done();
}
