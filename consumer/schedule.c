/*
 * The schedule: one entry per database and lane. Scans are linear: ten thousand databases are a few
 * microseconds, and nothing here can get out of step with anything.
 */
#include "consumer/schedule.h"

typedef struct entry_t {
    apr_time_t due;   /* when the head is visible, as far as known */
    apr_time_t moved; /* earliest wake-up that came while somebody worked on it */
    int taken;        /* workers on this queue */
} entry_t;

typedef struct database_t {
    entry_t lanes[CRM360_LANES];
    int taken; /* workers on this database */
    int most;
    apr_time_t held_until;
} database_t;

struct consumer_schedule_t {
    int count;
    int turn[CRM360_LANES]; /* where the next search begins */
    database_t *databases;
};

static apr_time_t earlier(apr_time_t a, apr_time_t b)
{
    return a < b ? a : b;
}

/* How many may work on it now: one tries first whether a database that was away is back. */
static int most_now(const database_t *database)
{
    return database->held_until ? 1 : database->most;
}

consumer_schedule_t *consumer_schedule_make(int databases, const int *most_at_once,
                                            apr_pool_t *pool)
{
    consumer_schedule_t *schedule = apr_pcalloc(pool, sizeof *schedule);
    int i, lane;

    schedule->count = databases;
    schedule->databases =
        apr_pcalloc(pool, (apr_size_t)(databases + 1) * sizeof *schedule->databases);
    for (i = 0; i < databases; i++) {
        schedule->databases[i].most = most_at_once[i];
        for (lane = 0; lane < CRM360_LANES; lane++) {
            schedule->databases[i].lanes[lane].due = CONSUMER_NEVER;
            schedule->databases[i].lanes[lane].moved = CONSUMER_NEVER;
        }
    }
    return schedule;
}

void consumer_schedule_due(consumer_schedule_t *schedule, int database, crm360_lane_t lane,
                           apr_time_t at)
{
    entry_t *entry = &schedule->databases[database].lanes[lane];

    entry->due = earlier(entry->due, at);
    if (entry->taken) {
        entry->moved = earlier(entry->moved, at);
    }
}

void consumer_schedule_seen(consumer_schedule_t *schedule, int database, crm360_lane_t lane,
                            apr_time_t at)
{
    entry_t *entry = &schedule->databases[database].lanes[lane];

    if (!entry->taken) {
        entry->due = at;
    }
}

int consumer_schedule_take(consumer_schedule_t *schedule, crm360_lane_t lane, apr_time_t now)
{
    int step;

    for (step = 0; step < schedule->count; step++) {
        int at = (schedule->turn[lane] + step) % schedule->count;
        database_t *database = &schedule->databases[at];
        entry_t *entry = &database->lanes[lane];

        if (entry->due <= now && database->taken < most_now(database) &&
            database->held_until <= now) {
            entry->taken++;
            database->taken++;
            schedule->turn[lane] = (at + 1) % schedule->count;
            /* A second worker joins only when the first one's report, or a wake-up, says that
             * there is more. */
            entry->due = CONSUMER_NEVER;
            return at;
        }
    }
    return -1;
}

void consumer_schedule_done(consumer_schedule_t *schedule, int database, crm360_lane_t lane,
                            apr_time_t at)
{
    entry_t *entry = &schedule->databases[database].lanes[lane];

    entry->taken--;
    schedule->databases[database].taken--;
    entry->due = earlier(earlier(entry->due, at), entry->moved);
    if (!entry->taken) {
        entry->moved = CONSUMER_NEVER;
    }
}

void consumer_schedule_hold(consumer_schedule_t *schedule, int database, apr_time_t until)
{
    schedule->databases[database].held_until = until;
}

apr_time_t consumer_schedule_next(const consumer_schedule_t *schedule, const int *idle)
{
    apr_time_t next = CONSUMER_NEVER;
    int i, lane;

    for (i = 0; i < schedule->count; i++) {
        const database_t *database = &schedule->databases[i];

        if (database->taken >= most_now(database)) {
            continue; /* the report of who works on it is the event to wait for */
        }
        for (lane = 0; lane < CRM360_LANES; lane++) {
            apr_time_t due = database->lanes[lane].due;

            if (idle[lane] && due != CONSUMER_NEVER) {
                next = earlier(next, due > database->held_until ? due : database->held_until);
            }
        }
    }
    return next;
}
