/*
 * A histogram of durations, in memory that processes and threads may share: counts in fixed buckets
 * from 1 ms to 5 min, as Prometheus wants them. Zeroed memory is an empty one. Must never lock,
 * allocate or fail: it is added to where messages are worked on.
 */
#ifndef CRM360_HISTOGRAM_H
#define CRM360_HISTOGRAM_H

#include <apr_time.h>

/* Buckets with an upper bound; behind them comes one without. The bounds are a part of what
 * crm360d tells in Redis (doc/queue.txt). */
#define CRM360_HISTOGRAM_BOUNDS 17

/* To be added to and read by the functions below only. */
typedef struct crm360_histogram_t {
    apr_uint64_t counts[CRM360_HISTOGRAM_BOUNDS + 1]; /* of each bucket alone */
    apr_uint64_t sum;                                 /* microseconds */
} crm360_histogram_t;

/* What it held at some moment. */
typedef struct crm360_histogram_view_t {
    /* How many lasted no longer than each bound; the last is how many there were at all. */
    apr_uint64_t upto[CRM360_HISTOGRAM_BOUNDS + 1];
    apr_uint64_t sum; /* microseconds, all together */
} crm360_histogram_view_t;

/* Adds a duration in microseconds; less than 0 counts as 0. Any thread of any process. */
void crm360_histogram_add(crm360_histogram_t *histogram, apr_interval_time_t duration);

/* Takes a view, while others may be adding: no count is less than in a view taken before, and the
 * sum may be ahead of the counts by what is just being added. */
void crm360_histogram_read(crm360_histogram_view_t *view, const crm360_histogram_t *histogram);

/* Adds what `more` holds to a view, for the sum of several. */
void crm360_histogram_merge(crm360_histogram_view_t *view, const crm360_histogram_view_t *more);

/* Upper bound of a bucket in seconds as Prometheus writes it: "0.001" ... "300", and "+Inf" for
 * the last, 0 <= bucket <= CRM360_HISTOGRAM_BOUNDS. */
const char *crm360_histogram_bound(int bucket);

#endif
