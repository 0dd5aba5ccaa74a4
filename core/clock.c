/* The monotonic clock of the system. */
#include "core/clock.h"

#include <time.h>

apr_time_t crm360_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (apr_time_t)now.tv_sec * APR_USEC_PER_SEC + now.tv_nsec / 1000;
}
