/* Delays between attempts, jittered so that many of them do not come back at once. */
#include "core/backoff.h"

#include <apr_general.h>

/* A number from 0 to `below` - 1; `below` >= 1. Spreading needs no secrecy, but processes forked
 * from one parent must not share a seed, so the kernel is asked. */
static apr_uint64_t pick(apr_uint64_t below)
{
    apr_uint64_t value = 0;

    if (apr_generate_random_bytes((unsigned char *)&value, sizeof value) != APR_SUCCESS) {
        return below / 2;
    }
    return value % below;
}

apr_interval_time_t crm360_backoff_next(const apr_interval_time_t *schedule, int steps,
                                        int failures)
{
    apr_interval_time_t step;

    if (failures < 1 || failures > steps) {
        return -1;
    }
    step = schedule[failures - 1];
    return step - (apr_interval_time_t)pick((apr_uint64_t)step);
}

apr_interval_time_t crm360_backoff_reconnect(int tries, apr_interval_time_t first,
                                             apr_interval_time_t most)
{
    apr_interval_time_t delay = first;

    while (--tries > 0 && delay < most) {
        delay *= 2;
    }
    delay = delay < most ? delay : most;
    return delay - (apr_interval_time_t)pick((apr_uint64_t)delay / 4 + 1);
}
