/*
 * Makes a split last: in crm360d_faulty each call that hands elements to the queue waits first, so
 * that a test can act in the middle of a split however fast the machine is. How many ms it waits
 * says the file that CRM360_TEST_SPLIT_PAUSE names; without one, not at all. The linker puts it in
 * the way of crm360_queue_split() (--wrap).
 */
#include <apr_strings.h>

#include <stdio.h>
#include <stdlib.h>

#include "core/queue.h"

typedef apr_status_t split_t(int *next, const char **detail, crm360_queue_t *queue,
                             const crm360_keys_t *keys, crm360_lane_t lane,
                             const crm360_split_t *split, apr_pool_t *pool);

split_t __real_crm360_queue_split, __wrap_crm360_queue_split;

static apr_interval_time_t pause_of_file(void)
{
    const char *name = getenv("CRM360_TEST_SPLIT_PAUSE");
    FILE *file = name ? fopen(name, "re") : NULL;
    int ms = 0;

    if (file) {
        if (fscanf(file, "%d", &ms) != 1) {
            ms = 0;
        }
        fclose(file);
    }
    return apr_time_from_msec(ms);
}

apr_status_t __wrap_crm360_queue_split(int *next, const char **detail, crm360_queue_t *queue,
                                       const crm360_keys_t *keys, crm360_lane_t lane,
                                       const crm360_split_t *split, apr_pool_t *pool)
{
    apr_interval_time_t pause = pause_of_file();

    if (pause) {
        apr_sleep(pause);
    }
    return __real_crm360_queue_split(next, detail, queue, keys, lane, split, pool);
}
