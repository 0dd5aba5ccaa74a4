/*
 * The schedule: one entry per database and lane. Scans are linear: ten thousand databases are well
 * under a tenth of a millisecond, and nothing here can get out of step with anything.
 */
#include "consumer/schedule.h"

typedef struct entry_t {
    /* When the head is visible, as far as known; unknown, so never, from when a worker is sent
     * until he, a wake-up or a look says so. */
    apr_time_t due;
    apr_uint64_t served; /* number of the last take; 0 = none yet */
    int taken;           /* workers on this queue */
} entry_t;

typedef struct database_t {
    entry_t lanes[CRM360_LANES];
    int taken; /* workers on this database */
    int most;
    apr_time_t held_until;
} database_t;

struct consumer_schedule_t {
    int count;
    apr_uint64_t takes; /* since the beginning */
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
        }
    }
    return schedule;
}

void consumer_schedule_due(consumer_schedule_t *schedule, int database, crm360_lane_t lane,
                           apr_time_t at)
{
    entry_t *entry = &schedule->databases[database].lanes[lane];

    entry->due = earlier(entry->due, at);
}

void consumer_schedule_seen(consumer_schedule_t *schedule, int database, crm360_lane_t lane,
                            apr_time_t at)
{
    entry_t *entry = &schedule->databases[database].lanes[lane];

    entry->due = entry->taken ? earlier(entry->due, at) : at;
}

/* Whether a worker may be sent to this queue now. */
static int is_due(const database_t *database, crm360_lane_t lane, apr_time_t now)
{
    return database->lanes[lane].due <= now && database->taken < most_now(database) &&
           database->held_until <= now;
}

int consumer_schedule_take(consumer_schedule_t *schedule, crm360_lane_t lane, apr_time_t now)
{
    database_t *database;
    int best = -1;
    int i;

    for (i = 0; i < schedule->count; i++) {
        database = &schedule->databases[i];
        if (is_due(database, lane, now) &&
            (best < 0 ||
             database->lanes[lane].served < schedule->databases[best].lanes[lane].served)) {
            best = i;
        }
    }
    if (best >= 0) {
        database = &schedule->databases[best];
        database->taken++;
        database->lanes[lane].taken++;
        database->lanes[lane].served = ++schedule->takes;
        /* A second worker joins only when the first one, or a wake-up, says that there is
         * more. */
        database->lanes[lane].due = CONSUMER_NEVER;
    }
    return best;
}

int consumer_schedule_join(consumer_schedule_t *schedule, int database, crm360_lane_t lane)
{
    database_t *wanted = &schedule->databases[database];

    if (wanted->taken >= wanted->most) {
        return 0;
    }
    wanted->taken++;
    wanted->lanes[lane].taken++;
    return 1;
}

void consumer_schedule_done(consumer_schedule_t *schedule, int database, crm360_lane_t lane,
                            apr_time_t at)
{
    entry_t *entry = &schedule->databases[database].lanes[lane];

    entry->taken--;
    schedule->databases[database].taken--;
    entry->due = earlier(entry->due, at);
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
