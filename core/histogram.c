/* Durations in buckets, counted by atomic operations only. */
#include "core/histogram.h"

/* Upper bounds, the shortest first, and how they are written. */
static const struct {
    apr_interval_time_t most; /* microseconds */
    const char *seconds;
} bounds[CRM360_HISTOGRAM_BOUNDS] = {
    {1000, "0.001"},    {2500, "0.0025"},   {5000, "0.005"},  {10000, "0.01"},  {25000, "0.025"},
    {50000, "0.05"},    {100000, "0.1"},    {250000, "0.25"}, {500000, "0.5"},  {1000000, "1"},
    {2500000, "2.5"},   {5000000, "5"},     {10000000, "10"}, {30000000, "30"}, {60000000, "60"},
    {120000000, "120"}, {300000000, "300"},
};

void crm360_histogram_add(crm360_histogram_t *histogram, apr_interval_time_t duration)
{
    int bucket = 0;

    duration = duration < 0 ? 0 : duration;
    while (bucket < CRM360_HISTOGRAM_BOUNDS && duration > bounds[bucket].most) {
        bucket++;
    }
    __atomic_fetch_add(&histogram->sum, (apr_uint64_t)duration, __ATOMIC_RELAXED);
    __atomic_fetch_add(&histogram->counts[bucket], 1, __ATOMIC_RELAXED);
}

void crm360_histogram_read(crm360_histogram_view_t *view, const crm360_histogram_t *histogram)
{
    apr_uint64_t all = 0;
    int i;

    for (i = 0; i <= CRM360_HISTOGRAM_BOUNDS; i++) {
        all += __atomic_load_n(&histogram->counts[i], __ATOMIC_RELAXED);
        view->upto[i] = all;
    }
    view->sum = __atomic_load_n(&histogram->sum, __ATOMIC_RELAXED);
}

void crm360_histogram_merge(crm360_histogram_view_t *view, const crm360_histogram_view_t *more)
{
    int i;

    for (i = 0; i <= CRM360_HISTOGRAM_BOUNDS; i++) {
        view->upto[i] += more->upto[i];
    }
    view->sum += more->sum;
}

const char *crm360_histogram_bound(int bucket)
{
    return bucket < CRM360_HISTOGRAM_BOUNDS ? bounds[bucket].seconds : "+Inf";
}
