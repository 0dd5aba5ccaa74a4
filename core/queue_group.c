/*
 * Leader and followers. What one of them is told concerns nobody else: the leader hands each its
 * own answer, and whoever hears an error does its push once more alone, where errors are dealt with
 * (a script that Redis has forgotten, a key of the wrong type, memory that is full): a push may be
 * repeated. Only what befalls the connection befalls them all. Must never let one wait for a leader
 * much longer than for Redis.
 */
#include "core/queue_group.h"

#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>

#include "core/clock.h"
#include "core/queue_private.h"

/* For so long one waits to be taken along, before it goes on its own: another one's Redis may be
 * slow. What goes with others comes back with them. */
#define PATIENCE apr_time_from_msec(50)
/* What goes together at most. */
#define RIDERS_MOST 64
#define BYTES_MOST (256 * 1024)

typedef enum { SEAT_FREE, SEAT_WAITS, SEAT_TRAVELS, SEAT_BACK } seat_state_t;

/* A place for one thread. Outlives its push, so that it may be woken without the lock. */
typedef struct seat_t {
    seat_state_t state;
    queue_rider_t *rider;
    struct seat_t *next; /* behind it in the line, or in the group */
    apr_thread_cond_t *woken;
} seat_t;

/* Those who wait for the way to one node. */
typedef struct line_t {
    seat_t *first;
    seat_t *last;
    int leading; /* somebody is on the way */
} line_t;

struct queue_group_t {
    apr_thread_mutex_t *lock; /* for all that follows */
    seat_t *seats;            /* those that are free */
    line_t lines[CRM360_NODES_MOST];
};

/* What travels together. */
typedef struct load_t {
    seat_t *first;
    int count;
    crm360_queue_t *queue;
} load_t;

apr_status_t queue_group_make(queue_group_t **group, int threads, apr_pool_t *pool)
{
    queue_group_t *made = apr_pcalloc(pool, sizeof *made);
    apr_status_t rv = apr_thread_mutex_create(&made->lock, APR_THREAD_MUTEX_DEFAULT, pool);
    int i;

    for (i = 0; rv == APR_SUCCESS && i < threads; i++) {
        seat_t *seat = apr_pcalloc(pool, sizeof *seat);

        seat->next = made->seats;
        made->seats = seat;
        rv = apr_thread_cond_create(&seat->woken, pool);
    }
    *group = made;
    return rv;
}

/* ---- on the way: the thread of the leader, without the lock ---- */

static int is_unsafe(const queue_rider_t *rider, crm360_durability_t level)
{
    return rider->wanted == CRM360_ON_DISK && level != CRM360_ON_DISK;
}

/* The answer of one, in memory of its own: its thread does nothing meanwhile. What is not as it
 * should be is left out; the push that goes alone finds out what it is. */
static void hand_over(queue_rider_t *rider, const crm360_reply_t *reply, crm360_durability_t level)
{
    crm360_reply_t *copy, *items;
    apr_size_t i;

    rider->durability = level;
    if (reply->type != CRM360_REPLY_ARRAY) {
        return;
    }
    copy = apr_pmemdup(rider->pool, reply, sizeof *reply);
    copy->items = items =
        apr_pmemdup(rider->pool, reply->items, (reply->count + 1) * sizeof *reply->items);
    for (i = 0; i < reply->count; i++) {
        if (items[i].type == CRM360_REPLY_STRING) {
            items[i].text = apr_pstrmemdup(rider->pool, items[i].text, items[i].len);
        }
    }
    rider->reply = copy;
    rider->rv = APR_SUCCESS;
}

/* A crm360_redis_work_t: the baton is a load_t. */
static apr_status_t travel(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    load_t *load = baton;
    apr_size_t most = (apr_size_t)load->count * 2;
    crm360_command_t *commands = apr_palloc(pool, most * sizeof *commands);
    crm360_reply_t **replies = apr_palloc(pool, most * sizeof(*replies));
    crm360_durability_t level;
    apr_status_t rv = queue_durability_before(&level, redis, pool), after = APR_SUCCESS;
    int count = 0, at = 0, grew = 0;
    seat_t *seat;

    for (seat = load->first; rv == APR_SUCCESS && seat; seat = seat->next) {
        if (is_unsafe(seat->rider, level)) {
            rv = queue_durability_now(&level, redis, pool);
            break;
        }
    }
    for (seat = load->first; rv == APR_SUCCESS && seat; seat = seat->next) {
        queue_rider_t *rider = seat->rider;

        rider->reply = NULL;
        rider->rv = is_unsafe(rider, level) ? CRM360_EUNSAFE : APR_EINCOMPLETE;
        rider->durability = level;
        rider->detail = "Redis keeps messages in memory only";
        if (rider->rv == APR_EINCOMPLETE) {
            commands[count++] = rider->commands[0];
            commands[count++] = rider->commands[1];
        }
    }
    if (rv == APR_SUCCESS && count > 0) {
        rv = crm360_redis_together(replies, redis, commands, count, pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (level == CRM360_ON_DISK && count > 0) {
        after = queue_durability_after(&level, redis, pool);
    }
    for (seat = load->first; seat; seat = seat->next) {
        queue_rider_t *rider = seat->rider;

        if (rider->rv == APR_EINCOMPLETE) {
            hand_over(rider, replies[at + 1], level);
            grew |= rider->rv == APR_SUCCESS && rider->has_grown(rider->reply);
            at += 2;
            if (rider->rv == APR_SUCCESS && rider->wanted == CRM360_ON_DISK) {
                rider->rv = after;
                rider->detail = "Redis does not say whether it is on its disk";
            }
        }
    }
    if (grew) {
        crm360_redis_grew(redis);
    }
    return APR_SUCCESS;
}

/* Takes a load to Redis and back. What Redis refuses to one concerns each on its own. */
static void lead(load_t *load, const queue_rider_t *leader)
{
    const char *detail;
    apr_status_t rv = crm360_redis_run(load->queue->redis, leader->key, travel, load,
                                       CRM360_REDIS_GROW, &detail, leader->pool);
    seat_t *seat;

    for (seat = load->first; rv != APR_SUCCESS && seat; seat = seat->next) {
        seat->rider->rv = rv == CRM360_EAWAY ? rv : APR_EINCOMPLETE;
        seat->rider->detail = apr_pstrdup(seat->rider->pool, detail);
    }
}

/* ---- the line: with the lock ---- */

static apr_size_t bytes_of(const queue_rider_t *rider)
{
    return rider->commands[0].lens[2];
}

/* Takes from the line what goes next. */
static load_t take_load(line_t *line, crm360_queue_t *queue)
{
    load_t load = {line->first, 0, queue};
    apr_size_t bytes = 0;
    seat_t *seat = line->first, *last = NULL;

    while (seat && load.count < RIDERS_MOST &&
           (load.count == 0 || bytes + bytes_of(seat->rider) <= BYTES_MOST)) {
        bytes += bytes_of(seat->rider);
        seat->state = SEAT_TRAVELS;
        load.count++;
        last = seat;
        seat = seat->next;
    }
    line->first = seat;
    if (!seat) {
        line->last = NULL;
    }
    last->next = NULL;
    return load;
}

static void join(line_t *line, seat_t *seat)
{
    seat->state = SEAT_WAITS;
    seat->next = NULL;
    if (line->last) {
        line->last->next = seat;
    }
    else {
        line->first = seat;
    }
    line->last = seat;
}

static void leave(line_t *line, const seat_t *seat)
{
    seat_t *before = NULL, *at = line->first;

    while (at != seat) {
        before = at;
        at = at->next;
    }
    if (before) {
        before->next = seat->next;
    }
    else {
        line->first = seat->next;
    }
    if (line->last == seat) {
        line->last = before;
    }
}

/* Goes with all that wait, this one first or among them, and wakes them when they are back; and
 * the next one who can lead. Lets go of the lock meanwhile. */
static void go(queue_group_t *group, line_t *line, const seat_t *own, crm360_queue_t *queue)
{
    seat_t *others[RIDERS_MOST + 1];
    load_t load = take_load(line, queue);
    seat_t *seat, *next;
    int count = 0;

    line->leading = 1;
    apr_thread_mutex_unlock(group->lock);
    lead(&load, own->rider);
    apr_thread_mutex_lock(group->lock);
    for (seat = load.first; seat; seat = next) {
        next = seat->next;
        seat->state = SEAT_BACK;
        if (seat != own) {
            others[count++] = seat;
        }
    }
    line->leading = 0;
    if (line->first && line->first != own) {
        others[count++] = line->first;
    }
    apr_thread_mutex_unlock(group->lock);
    while (count-- > 0) {
        apr_thread_cond_signal(others[count]->woken);
    }
    apr_thread_mutex_lock(group->lock);
}

/* Waits until this one is back, or nobody is on the way, or its patience is over. */
static void wait_for_turn(queue_group_t *group, const line_t *line, seat_t *seat)
{
    apr_time_t until = crm360_clock() + PATIENCE;
    apr_interval_time_t rest = PATIENCE;

    while (seat->state == SEAT_TRAVELS ||
           (seat->state == SEAT_WAITS && line->leading && rest > 0)) {
        if (seat->state == SEAT_TRAVELS) {
            apr_thread_cond_wait(seat->woken, group->lock);
        }
        else {
            apr_thread_cond_timedwait(seat->woken, group->lock, rest);
        }
        rest = until - crm360_clock();
    }
}

int queue_group_ride(queue_rider_t *rider, crm360_queue_t *queue)
{
    queue_group_t *group = queue->group;
    int node = crm360_redis_node_of(queue->redis, rider->key, rider->pool);
    int came_back;
    line_t *line;
    seat_t *seat;

    /* Who asks whether a node is back does so alone, and keeps nobody waiting. */
    if (node < 0 || node >= CRM360_NODES_MOST || crm360_redis_node_is_away(queue->nodes, node)) {
        return 0;
    }
    line = &group->lines[node];
    apr_thread_mutex_lock(group->lock);
    seat = group->seats;
    if (!seat) {
        apr_thread_mutex_unlock(group->lock);
        return 0;
    }
    group->seats = seat->next;
    seat->rider = rider;
    join(line, seat);
    wait_for_turn(group, line, seat);
    while (seat->state == SEAT_WAITS && !line->leading) {
        go(group, line, seat, queue);
        wait_for_turn(group, line, seat);
    }
    came_back = seat->state == SEAT_BACK && rider->rv != APR_EINCOMPLETE;
    if (seat->state == SEAT_WAITS) {
        leave(line, seat);
    }
    seat->state = SEAT_FREE;
    seat->next = group->seats;
    group->seats = seat;
    apr_thread_mutex_unlock(group->lock);
    return came_back;
}
