/*
 * What all processes of a master share beside their slots: how long messages took, and which
 * troubles have been said, so that an outage that many workers run into is one line. Lives in
 * shared memory, zeroed at first, and changes by atomic operations only.
 */
#ifndef CONSUMER_SHARED_H
#define CONSUMER_SHARED_H

#include <apr_time.h>

#include <sys/types.h>

#include "core/histogram.h"
#include "core/route.h"

/* Something that several workers may find broken at the same time. */
typedef struct consumer_trouble_t {
    apr_uint32_t said;    /* 1 = its beginning is in the log, and its end is not */
    apr_time_t failed_at; /* the last time; crm360_clock() */
    pid_t failed;         /* who has, then */
} consumer_trouble_t;

typedef struct consumer_shared_t {
    crm360_histogram_t handler[CRM360_LANES]; /* in the handler, each attempt that has ended */
    crm360_histogram_t delay[CRM360_LANES];   /* from visible to acknowledged, what is done */
    consumer_trouble_t outbox;                /* takes no files */
    consumer_trouble_t split;                 /* Redis has no room for elements */
    consumer_trouble_t databases[];           /* by their number: cannot be used */
} consumer_shared_t;

/* Bytes for so many databases. */
apr_size_t consumer_shared_size(int databases);

/* Somebody has failed at `now` (crm360_clock()). 1 when that is news, and to be logged. */
int consumer_trouble_begins(consumer_trouble_t *trouble, apr_time_t now);

/* Somebody has succeeded. 1 when the trouble is over with that, which is to be logged: it was his
 * own (`failed_before`), or whoever failed last is gone, or nobody has failed for a minute. The
 * success of one for whom it always worked is no end. */
int consumer_trouble_ends(consumer_trouble_t *trouble, int failed_before, apr_time_t now);

#endif
