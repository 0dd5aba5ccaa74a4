/*
 * The schedule: one entry per database and lane. An entry that may be taken stands in one of two
 * kinds of heap: among those that wait for their time, the next one on top, or among those that are
 * due, the one that was not served for longest on top. So what happens to one database costs the
 * same however many others there are. Every change of an entry or its database goes through
 * place().
 */
#include "consumer/schedule.h"

/* For so long a database waits for the worker that knows it; then whoever is free takes it. */
#define PATIENCE (20 * 1000)

typedef enum { NOWHERE, WAITING, READY } where_t;

typedef struct entry_t {
    /* When the head is visible, as far as known; unknown, so never, from when a worker is sent
     * until he, a wake-up or a look says so. */
    apr_time_t due;
    apr_time_t since;    /* from when on it may be taken: due, or the end of a pause */
    apr_uint64_t served; /* number of the last take; 0 = none yet */
    int taken;           /* workers on this queue */
    int database;
    crm360_lane_t lane;
    where_t where;
    int at; /* its place in that heap */
} entry_t;

typedef struct database_t {
    entry_t lanes[CRM360_LANES];
    int taken; /* workers on this database */
    int most;
    apr_time_t held_until;
} database_t;

/* A binary heap: no entry comes before the one at half its place. */
typedef struct heap_t {
    entry_t **entries;
    int count;
} heap_t;

typedef struct lane_t {
    heap_t waiting;
    heap_t *ready; /* one for each share */
    int shares;
} lane_t;

struct consumer_schedule_t {
    int count;
    apr_uint64_t takes; /* since the beginning */
    apr_time_t now;     /* of the last take: what was due by then is ready */
    database_t *databases;
    lane_t lanes[CRM360_LANES];
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

/* ---- the heaps ---- */

/* Whether one entry comes before another of the same heap. */
static int before(const entry_t *a, const entry_t *b)
{
    if (a->where == WAITING && a->since != b->since) {
        return a->since < b->since;
    }
    if (a->where == READY && a->served != b->served) {
        return a->served < b->served;
    }
    return a->database < b->database;
}

static void put(heap_t *heap, int at, entry_t *entry)
{
    heap->entries[at] = entry;
    entry->at = at;
}

/* Finds the place of an entry, which may be anywhere from `at` on; the place is free. */
static void sift(heap_t *heap, int at, entry_t *entry)
{
    int child;

    while (at > 0 && before(entry, heap->entries[(at - 1) / 2])) {
        put(heap, at, heap->entries[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    while ((child = 2 * at + 1) < heap->count) {
        if (child + 1 < heap->count && before(heap->entries[child + 1], heap->entries[child])) {
            child++;
        }
        if (!before(heap->entries[child], entry)) {
            break;
        }
        put(heap, at, heap->entries[child]);
        at = child;
    }
    put(heap, at, entry);
}

static entry_t *top(const heap_t *heap)
{
    return heap->count ? heap->entries[0] : NULL;
}

static heap_t *heap_of(consumer_schedule_t *schedule, const entry_t *entry)
{
    lane_t *lane = &schedule->lanes[entry->lane];

    return entry->where == WAITING ? &lane->waiting : &lane->ready[entry->database % lane->shares];
}

static void leave(consumer_schedule_t *schedule, entry_t *entry)
{
    heap_t *heap;
    entry_t *last;

    if (entry->where == NOWHERE) {
        return;
    }
    heap = heap_of(schedule, entry);
    last = heap->entries[--heap->count];
    if (last != entry) {
        sift(heap, entry->at, last);
    }
    entry->where = NOWHERE;
}

/* Puts an entry where it belongs, after whatever has changed. */
static void place(consumer_schedule_t *schedule, entry_t *entry)
{
    const database_t *database = &schedule->databases[entry->database];
    heap_t *heap;

    leave(schedule, entry);
    if (entry->due == CONSUMER_NEVER || database->taken >= most_now(database)) {
        return; /* a wake-up, or the report of who works on it, is the event to wait for */
    }
    entry->since = entry->due > database->held_until ? entry->due : database->held_until;
    entry->where = entry->since <= schedule->now ? READY : WAITING;
    heap = heap_of(schedule, entry);
    sift(heap, heap->count++, entry);
}

static void place_all(consumer_schedule_t *schedule, int database)
{
    int lane;

    for (lane = 0; lane < CRM360_LANES; lane++) {
        place(schedule, &schedule->databases[database].lanes[lane]);
    }
}

/* ---- what the master says ---- */

static void make_heap(heap_t *heap, int most, apr_pool_t *pool)
{
    heap->entries = apr_pcalloc(pool, ((apr_size_t)most + 1) * sizeof(*heap->entries));
}

static void make_lane(lane_t *lane, int databases, int shares, apr_pool_t *pool)
{
    int i;

    lane->shares = shares > 0 ? shares : 1;
    lane->ready = apr_pcalloc(pool, (apr_size_t)lane->shares * sizeof *lane->ready);
    make_heap(&lane->waiting, databases, pool);
    for (i = 0; i < lane->shares; i++) {
        make_heap(&lane->ready[i], databases / lane->shares + 1, pool);
    }
}

consumer_schedule_t *consumer_schedule_make(int databases, const int *most_at_once,
                                            const int *shares, apr_pool_t *pool)
{
    consumer_schedule_t *schedule = apr_pcalloc(pool, sizeof *schedule);
    int i, lane;

    schedule->count = databases;
    schedule->now = APR_INT64_MIN;
    schedule->databases =
        apr_pcalloc(pool, (apr_size_t)(databases + 1) * sizeof *schedule->databases);
    for (lane = 0; lane < CRM360_LANES; lane++) {
        make_lane(&schedule->lanes[lane], databases, shares[lane], pool);
    }
    for (i = 0; i < databases; i++) {
        schedule->databases[i].most = most_at_once[i];
        for (lane = 0; lane < CRM360_LANES; lane++) {
            entry_t *entry = &schedule->databases[i].lanes[lane];

            entry->due = CONSUMER_NEVER;
            entry->database = i;
            entry->lane = (crm360_lane_t)lane;
        }
    }
    return schedule;
}

void consumer_schedule_due(consumer_schedule_t *schedule, int database, crm360_lane_t lane,
                           apr_time_t at)
{
    entry_t *entry = &schedule->databases[database].lanes[lane];

    entry->due = earlier(entry->due, at);
    place(schedule, entry);
}

void consumer_schedule_seen(consumer_schedule_t *schedule, int database, crm360_lane_t lane,
                            apr_time_t at)
{
    entry_t *entry = &schedule->databases[database].lanes[lane];

    entry->due = entry->taken ? earlier(entry->due, at) : at;
    place(schedule, entry);
}

/* What has become due since the last time. */
static void advance(consumer_schedule_t *schedule, crm360_lane_t lane, apr_time_t now)
{
    entry_t *entry;

    if (now > schedule->now) {
        schedule->now = now;
    }
    while ((entry = top(&schedule->lanes[lane].waiting)) && entry->since <= schedule->now) {
        place(schedule, entry);
    }
}

int consumer_schedule_take(consumer_schedule_t *schedule, crm360_lane_t lane, int share,
                           apr_time_t now)
{
    const lane_t *whose = &schedule->lanes[lane];
    entry_t *best = NULL;
    int i;

    advance(schedule, lane, now);
    for (i = 0; i < whose->shares; i++) {
        entry_t *entry = top(&whose->ready[i]);

        if (entry && (!best || before(entry, best))) {
            best = entry;
        }
    }
    if (best && share != CONSUMER_ANY_SHARE && now - best->since < PATIENCE) {
        best = top(&whose->ready[share]);
    }
    if (!best) {
        return -1;
    }
    schedule->databases[best->database].taken++;
    best->taken++;
    /* A second worker joins only when the first one, or a wake-up, says that there is more. */
    best->due = CONSUMER_NEVER;
    leave(schedule, best);
    best->served = ++schedule->takes;
    place_all(schedule, best->database);
    return best->database;
}

int consumer_schedule_join(consumer_schedule_t *schedule, int database, crm360_lane_t lane)
{
    database_t *wanted = &schedule->databases[database];

    if (wanted->taken >= wanted->most) {
        return 0;
    }
    wanted->taken++;
    wanted->lanes[lane].taken++;
    place_all(schedule, database);
    return 1;
}

void consumer_schedule_done(consumer_schedule_t *schedule, int database, crm360_lane_t lane,
                            apr_time_t at)
{
    entry_t *entry = &schedule->databases[database].lanes[lane];

    entry->taken--;
    schedule->databases[database].taken--;
    entry->due = earlier(entry->due, at);
    place_all(schedule, database);
}

void consumer_schedule_hold(consumer_schedule_t *schedule, int database, apr_time_t until)
{
    schedule->databases[database].held_until = until;
    place_all(schedule, database);
}

apr_time_t consumer_schedule_next(const consumer_schedule_t *schedule, const int *idle)
{
    apr_time_t next = CONSUMER_NEVER;
    int lane, i;

    for (lane = 0; lane < CRM360_LANES; lane++) {
        const lane_t *whose = &schedule->lanes[lane];
        const entry_t *entry = idle[lane] ? top(&whose->waiting) : NULL;

        next = entry ? earlier(next, entry->since) : next;
        for (i = 0; i < whose->shares && idle[lane]; i++) {
            entry = top(&whose->ready[i]);
            next = entry ? earlier(next, entry->since) : next;
        }
    }
    return next;
}
