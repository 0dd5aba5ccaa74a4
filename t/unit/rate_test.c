/*
 * Rates: a table of moments and what is granted then, and four processes at one bucket that
 * together never get more than there is.
 */
#include "core/rate.h"

#include <apr_general.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "t/unit/tap.h"

#define MS APR_INT64_C(1000)
#define SECOND (1000 * MS)
#define START (12345 * SECOND)
#define PROCESSES 4

/* One after the other at the same bucket. */
static const struct {
    apr_time_t at; /* behind START */
    int takes;     /* how many are asked for */
    int granted;
    apr_interval_time_t wait; /* what the last refusal says; 0 = none was refused */
    const char *name;
} steps[] = {
    {0, 10, 10, 0, "a full bucket"},
    {0, 3, 0, 100 * MS, "and no more"},
    {99 * MS, 1, 0, 1 * MS, "a moment too early"},
    {100 * MS, 2, 1, 100 * MS, "one is back"},
    {150 * MS, 1, 0, 50 * MS, "half of one is none"},
    {1050 * MS, 20, 9, 50 * MS, "what came back in almost a second"},
    {3600 * SECOND, 20, 10, 100 * MS, "never more than it holds"},
    {3599 * SECOND, 1, 0, 1100 * MS, "a clock that goes back grants nothing"},
};

static void in_a_row(void)
{
    crm360_rate_slot_t slot;
    crm360_rate_t rate = {10, 1};
    apr_uint64_t refused = 0;
    size_t i;

    memset(&slot, 0, sizeof slot);
    for (i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        apr_interval_time_t wait = 0;
        int granted = 0;
        int n;

        for (n = 0; n < steps[i].takes; n++) {
            wait = crm360_rate_take(&slot, rate, START + steps[i].at);
            granted += wait == 0;
        }
        refused += (apr_uint64_t)(steps[i].takes - granted);
        is_number(granted, steps[i].granted, steps[i].name);
        is_number(wait, steps[i].wait, "  and how long to wait");
    }
    is_number((long long)crm360_rate_refused(&slot), (long long)refused, "refusals are counted");
}

static void looking(void)
{
    crm360_rate_slot_t slot;
    crm360_rate_t rate = {2, 3600};

    memset(&slot, 0, sizeof slot);
    is_number(crm360_rate_peek(&slot, rate, START), 0, "there is one");
    is_number(crm360_rate_used(&slot, rate, START), 0, "looking uses none");
    is_number(crm360_rate_take(&slot, rate, START), 0, "one is taken");
    is_number(crm360_rate_used(&slot, rate, START), 1, "one is used");
    is_number(crm360_rate_take(&slot, rate, START), 0, "and the other");
    is_number(crm360_rate_used(&slot, rate, START), 2, "both are");
    is_number(crm360_rate_peek(&slot, rate, START), 1800 * SECOND, "the next in half an hour");
    is_number((long long)crm360_rate_refused(&slot), 1, "which counts as a refusal");
    is_number(crm360_rate_used(&slot, rate, START + 1800 * SECOND), 1, "one is back then");
    is_number(crm360_rate_used(&slot, rate, START + 3600 * SECOND), 0, "then all");
}

/* A limit that does not divide its period: over a long time not one too many. */
static void rounding(void)
{
    static const crm360_rate_t rates[] = {{3, 1}, {7, 60}, {999983, 1}, {1000000, 3600}};
    size_t i;

    for (i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        crm360_rate_slot_t slot;
        apr_interval_time_t span = 10 * rates[i].seconds * SECOND;
        apr_interval_time_t step = span / 1000000 + 1;
        apr_interval_time_t at;
        long long granted = 0;

        memset(&slot, 0, sizeof slot);
        for (at = 0; at < span; at += step) {
            while (granted < 20000000 && crm360_rate_take(&slot, rates[i], START + at) == 0) {
                granted++;
            }
        }
        ok(granted <= 11LL * rates[i].number && granted >= 10.98 * rates[i].number - 2,
           "%d in %d s: %lld in ten of these and a full bucket", rates[i].number, rates[i].seconds,
           granted);
    }
}

static void retry_after(void)
{
    is_number(crm360_rate_seconds(1), 1, "a moment is a second");
    is_number(crm360_rate_seconds(SECOND), 1, "a second is one");
    is_number(crm360_rate_seconds(SECOND + 1), 2, "and a moment more is two");
    is_number(crm360_rate_seconds(1800 * SECOND), 1800, "half an hour");
}

typedef struct shared_t {
    crm360_rate_slot_t slot;
    int granted[PROCESSES];
} shared_t;

/* Processes that all ask at once: `fixed` at one and the same moment, else by the clock. */
static long long together(shared_t *shared, crm360_rate_t rate, apr_time_t fixed, int asks)
{
    long long sum = 0;
    int i, n;

    memset(shared, 0, sizeof *shared);
    for (i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            for (n = 0; n < asks; n++) {
                shared->granted[i] +=
                    crm360_rate_take(&shared->slot, rate, fixed ? fixed : crm360_clock()) == 0;
            }
            _exit(0);
        }
    }
    for (i = 0; i < PROCESSES; i++) {
        (void)wait(NULL);
    }
    for (i = 0; i < PROCESSES; i++) {
        sum += shared->granted[i];
    }
    return sum;
}

static void processes(void)
{
    shared_t *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    crm360_rate_t much = {300000, 3600};
    crm360_rate_t some = {20000, 1};
    apr_time_t began;
    long long granted, most;

    if (!ok(shared != MAP_FAILED, "shared memory")) {
        return;
    }
    granted = together(shared, much, START, 200000);
    is_number(granted, 300000, "of 800,000 asks of four processes at one moment");
    is_number((long long)crm360_rate_refused(&shared->slot), 500000, "the others are refused");
    began = crm360_clock();
    granted = together(shared, some, 0, 200000);
    most = some.number + (crm360_clock() - began) * some.number / SECOND + 1;
    ok(granted >= some.number && granted <= most, "by the clock: %lld, at most %lld", granted,
       most);
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    in_a_row();
    looking();
    rounding();
    retry_after();
    processes();
    return tap_done();
}
