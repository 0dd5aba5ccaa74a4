/* The clock that master and workers share. */
#include "consumer/link.h"

#include <time.h>

apr_time_t consumer_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (apr_time_t)now.tv_sec * APR_USEC_PER_SEC + now.tv_nsec / 1000;
}
