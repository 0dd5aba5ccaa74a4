/*
 * Counting how fast something comes, in memory that several processes share: a bucket of `number`
 * that fills up again evenly within the period (GCRA: one moment in time is all that is kept). No
 * lock and no call to anybody. Knows neither requests nor databases.
 */
#ifndef CRM360_RATE_H
#define CRM360_RATE_H

#include <apr_time.h>

/* So many in a period; a line of Crm360Rate. */
typedef struct crm360_rate_t {
    apr_int32_t number; /* -1 = no limit */
    apr_int32_t seconds;
} crm360_rate_t;

/* One bucket; zeroed memory is a full one. Changed by atomic operations only. */
typedef struct crm360_rate_slot_t {
    apr_uint64_t full_at; /* when it is full again, nanoseconds of crm360_clock() */
    apr_uint64_t refused; /* how often it was empty when asked */
} crm360_rate_slot_t;

/* Takes one at `now` (crm360_clock(), microseconds). 0 when there was one; else how long until
 * there is one, microseconds, and nothing was taken but a note of the refusal. In any span of time
 * all processes together get at most `number` and what that time has filled in. Any thread. */
apr_interval_time_t crm360_rate_take(crm360_rate_slot_t *slot, crm360_rate_t rate, apr_time_t now)
    __attribute__((warn_unused_result));

/* The same without taking: only looks whether there is one. A refusal is noted as well. */
apr_interval_time_t crm360_rate_peek(crm360_rate_slot_t *slot, crm360_rate_t rate, apr_time_t now);

/* How many of `number` are used at the moment. */
int crm360_rate_used(const crm360_rate_slot_t *slot, crm360_rate_t rate, apr_time_t now);

/* How often it was empty. */
apr_uint64_t crm360_rate_refused(const crm360_rate_slot_t *slot);

/* Whole seconds for Retry-After (RFC 9110, 10.2.3): rounded up, at least 1. */
int crm360_rate_seconds(apr_interval_time_t wait);

#endif
