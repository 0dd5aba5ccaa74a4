/*
 * A line a minute of what all databases held together (core/queue_history.h), looked at some at a
 * time. Of several crm360d the one that wrote the last minute begins first, so that the others find
 * it done, and take over when it is gone. Must never try for long: a minute that was missed is a
 * gap.
 */
#include "consumer/keeper_private.h"

#include <string.h>

#include "core/backoff.h"
#include "core/clock.h"
#include "core/queue_status.h"

#define MINUTE (60 * APR_USEC_PER_SEC)
/* Databases in one step, and the pause between two. */
#define AT_ONCE 100
#define PAUSE (20 * 1000)
/* How far into a minute whoever did not write the last one begins. */
#define LATER (20 * APR_USEC_PER_SEC)
/* After a failure of Redis, more each time: it may be one that only a person can mend. */
#define AWAY_FIRST (5 * APR_USEC_PER_SEC)
#define AWAY_MOST (300 * APR_USEC_PER_SEC)

apr_time_t keeper_history_next(const keeper_t *keeper)
{
    return keeper->history.next;
}

/* A counter by its name. */
static apr_int64_t counter(const crm360_status_t *status, const char *name)
{
    int i = 0;

    while (i < CRM360_COUNTERS && strcmp(crm360_counter_name(i), name) != 0) {
        i++;
    }
    return i < CRM360_COUNTERS ? status->counters[i] : 0;
}

/* Adds what one database holds. A key of another type counts as nothing. */
static void add(crm360_history_t *minute, const crm360_status_t *status, apr_time_t now)
{
    int i;

    for (i = 0; i < CRM360_LANES; i++) {
        const crm360_lane_status_t *lane = &status->lanes[i];
        crm360_history_lane_t *sum = &minute->lanes[i];
        apr_interval_time_t age = lane->oldest_due ? now - lane->oldest_due : 0;

        sum->waiting += lane->waiting;
        sum->due += lane->due;
        sum->leased += lane->leased;
        sum->paused += lane->paused;
        sum->oldest_due = age > sum->oldest_due ? age : sum->oldest_due;
    }
    minute->dead += status->dead > 0 ? status->dead : 0;
    minute->received += counter(status, "received");
    minute->done += counter(status, "done");
    minute->died += counter(status, "dead");
}

/* The next minute is begun `late` after its beginning, which Redis' clock will show. */
static void await_minute(keeper_history_t *history, apr_time_t now, apr_interval_time_t late)
{
    history->looking = 0;
    history->tries = 0;
    history->next = crm360_clock() + MINUTE - now % MINUTE + late;
}

static apr_status_t begin(keeper_t *keeper)
{
    keeper_history_t *history = &keeper->history;
    apr_time_t now;
    int missing;
    apr_status_t rv =
        crm360_queue_history_begin(&history->minute, &missing, &now, keeper->queue, keeper->turn);

    if (rv == APR_SUCCESS && missing) {
        history->looking = 1;
        history->database = 0;
    }
    else if (rv == APR_SUCCESS) {
        await_minute(history, now, LATER);
    }
    return rv;
}

static apr_status_t look_on(keeper_t *keeper)
{
    keeper_history_t *history = &keeper->history;
    const crm360_keys_t *keys[AT_ONCE];
    crm360_status_t statuses[AT_ONCE];
    const char *detail;
    apr_status_t rv;
    apr_time_t now;
    int count, i;

    for (count = 0; count < AT_ONCE && history->database + count < keeper->count; count++) {
        keys[count] = keeper->databases[history->database + count].keys;
    }
    rv = crm360_queue_status(statuses, &now, &detail, keeper->queue, keys, count, keeper->turn);
    for (i = 0; rv == APR_SUCCESS && i < count; i++) {
        rv = statuses[i].away ? CRM360_EAWAY : APR_SUCCESS; /* a minute is whole, or is none */
    }
    for (i = 0; rv == APR_SUCCESS && i < count; i++) {
        add(&history->minute, &statuses[i], now);
    }
    history->database += rv == APR_SUCCESS ? count : 0;
    history->next = crm360_clock() + PAUSE;
    return rv;
}

static apr_status_t end(keeper_t *keeper)
{
    keeper_history_t *history = &keeper->history;
    int written;
    apr_status_t rv =
        crm360_queue_history_write(&written, keeper->queue, &history->minute, keeper->turn);
    apr_time_t now;

    if (rv == APR_SUCCESS) {
        rv = crm360_queue_now(&now, keeper->queue, keeper->turn);
    }
    if (rv == APR_SUCCESS) {
        await_minute(history, now, written ? 0 : LATER);
    }
    return rv;
}

void keeper_history_step(keeper_t *keeper, apr_time_t now)
{
    keeper_history_t *history = &keeper->history;
    apr_status_t rv;

    if (now < history->next) {
        return;
    }
    rv = !history->looking                   ? begin(keeper)
         : history->database < keeper->count ? look_on(keeper)
                                             : end(keeper);
    if (rv != APR_SUCCESS) {
        history->looking = 0; /* what was looked at is old by then */
        history->next =
            crm360_clock() + crm360_backoff_reconnect(++history->tries, AWAY_FIRST, AWAY_MOST);
    }
}
