/*
 * The arithmetic of rates. Times are nanoseconds, and the time that one takes is rounded up: no
 * rounding may ever let one too many through.
 */
#include "core/rate.h"

#define NANO APR_UINT64_C(1000)
#define PERIOD APR_UINT64_C(1000000000)

/* How long it takes until one more is there. */
static apr_uint64_t spacing(crm360_rate_t rate)
{
    apr_uint64_t number = (apr_uint64_t)rate.number;

    return ((apr_uint64_t)rate.seconds * PERIOD + number - 1) / number;
}

/* How long until there is one, nanoseconds, when the bucket is full at `full_at`. */
static apr_uint64_t missing(apr_uint64_t full_at, crm360_rate_t rate, apr_uint64_t now)
{
    apr_uint64_t most = spacing(rate) * (apr_uint64_t)(rate.number - 1);

    return full_at > now + most ? full_at - now - most : 0;
}

static apr_interval_time_t refuse(crm360_rate_slot_t *slot, apr_uint64_t wait)
{
    __atomic_add_fetch(&slot->refused, 1, __ATOMIC_RELAXED);
    return (apr_interval_time_t)((wait + NANO - 1) / NANO);
}

/* The compiler's own operations: APR's for 64 bits may use a lock of one process alone where the
 * processor has none. */
apr_interval_time_t crm360_rate_take(crm360_rate_slot_t *slot, crm360_rate_t rate, apr_time_t when)
{
    apr_uint64_t now = (apr_uint64_t)when * NANO;
    apr_uint64_t full_at = __atomic_load_n(&slot->full_at, __ATOMIC_RELAXED);
    apr_uint64_t next, wait;

    do {
        wait = missing(full_at, rate, now);
        if (wait > 0) {
            return refuse(slot, wait);
        }
        next = (full_at > now ? full_at : now) + spacing(rate);
    } while (!__atomic_compare_exchange_n(&slot->full_at, &full_at, next, 0, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return 0;
}

apr_interval_time_t crm360_rate_peek(crm360_rate_slot_t *slot, crm360_rate_t rate, apr_time_t when)
{
    apr_uint64_t wait =
        missing(__atomic_load_n(&slot->full_at, __ATOMIC_RELAXED), rate, (apr_uint64_t)when * NANO);

    return wait > 0 ? refuse(slot, wait) : 0;
}

int crm360_rate_used(const crm360_rate_slot_t *slot, crm360_rate_t rate, apr_time_t when)
{
    apr_uint64_t now = (apr_uint64_t)when * NANO;
    apr_uint64_t full_at = __atomic_load_n(&slot->full_at, __ATOMIC_RELAXED);
    apr_uint64_t used = full_at > now ? (full_at - now + spacing(rate) - 1) / spacing(rate) : 0;

    return used < (apr_uint64_t)rate.number ? (int)used : rate.number;
}

apr_uint64_t crm360_rate_refused(const crm360_rate_slot_t *slot)
{
    return __atomic_load_n(&slot->refused, __ATOMIC_RELAXED);
}

int crm360_rate_seconds(apr_interval_time_t wait)
{
    return wait > APR_USEC_PER_SEC ? (int)((wait + APR_USEC_PER_SEC - 1) / APR_USEC_PER_SEC) : 1;
}
