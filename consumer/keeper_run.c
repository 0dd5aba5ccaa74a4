/*
 * The keeper's own process: when it does what. Between small steps it rests, so that neither Redis
 * nor the machine notices it. Must never outlive its master.
 */
#include "consumer/keeper_private.h"

#include <apr_general.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "consumer/schedule.h"
#include "consumer/signals.h"
#include "core/backoff.h"
#include "core/clock.h"
#include "core/log.h"
#include "crm/db.h"

/* The first walk after the start, and the rest between the end of one and the next. Both by up to
 * half as much longer, so that several hosts do not walk together. */
#define WALK_FIRST (10 * APR_USEC_PER_SEC)
#define WALK_EVERY (300 * APR_USEC_PER_SEC)
/* A walk looks at this many entries a second; 1,000,000 messages, as entries and as keys of
 * Redis, take it an hour. */
#define ENTRIES_A_SECOND 600
/* And at this many in one go, so that whoever needs Redis at that moment does not notice. */
#define ENTRIES_AT_ONCE 100
/* One that was asked for rests as long as it works, at most this much. */
#define HURRY_REST (5 * 1000)
/* While Redis is away or refuses. */
#define AWAY_FIRST (5 * APR_USEC_PER_SEC)
#define AWAY_MOST (300 * APR_USEC_PER_SEC)
/* The first pruning after the start, and how far the databases are apart in it. */
#define PRUNE_FIRST (600 * APR_USEC_PER_SEC)
#define PRUNE_APART APR_USEC_PER_SEC
/* How long a step may go on after TERM. */
#define GRACE_SECONDS 5

typedef struct life_t {
    keeper_t *keeper;
    int link;
    int walking;
    int hurry;       /* everything at once, as was asked for */
    int asked_again; /* meanwhile */
    int tries;       /* steps in a row that Redis had no answer for */
    apr_time_t next; /* step, or walk */
} life_t;

static volatile sig_atomic_t stop;

static apr_interval_time_t jittered(apr_interval_time_t least)
{
    unsigned char random = 0;

    if (apr_generate_random_bytes(&random, 1) != APR_SUCCESS) {
        random = 128;
    }
    return least + least / 2 * random / 255;
}

static apr_status_t make(keeper_t *keeper, void *health)
{
    const apr_array_header_t *list = crm360_config_databases(keeper->config);
    apr_time_t now = crm360_clock();
    int i;

    keeper->count = list->nelts;
    keeper->databases =
        apr_pcalloc(keeper->pool, (apr_size_t)(list->nelts + 1) * sizeof *keeper->databases);
    keeper->by_name = apr_hash_make(keeper->pool);
    for (i = 0; i < list->nelts; i++) {
        keeper_database_t *database = &keeper->databases[i];

        database->conf = APR_ARRAY_IDX(list, i, const crm360_database_t *);
        database->keys =
            crm360_keys_make(database->conf->customer, database->conf->alias, keeper->pool);
        database->prune_at = now + PRUNE_FIRST + i * PRUNE_APART;
        apr_hash_set(keeper->by_name, database->keys->name, APR_HASH_KEY_STRING, database);
    }
    keeper->limits = crm360_config_dead_limits(keeper->config);
    apr_pool_create(&keeper->turn, keeper->pool);
    apr_pool_tag(keeper->turn, "crm360_keeper_turn");
    apr_pool_create(&keeper->walked, keeper->pool);
    apr_pool_tag(keeper->walked, "crm360_keeper_walk");
    return crm360_queue_make(&keeper->queue, keeper->config, 1, health, keeper->pool);
}

/* ---- when ---- */

static void begin_walk(life_t *life, apr_time_t now)
{
    keeper_walk_begin(life->keeper);
    life->walking = 1;
    life->next = now;
}

/* All there is to do, now. */
static void begin_hurry(life_t *life, apr_time_t now)
{
    int i;

    life->hurry = 1;
    life->asked_again = 0;
    for (i = 0; i < life->keeper->count; i++) {
        life->keeper->databases[i].prune_at = now;
    }
    begin_walk(life, now);
}

/* Everything was done that was asked for. */
static void end_hurry(life_t *life, apr_time_t now)
{
    const keeper_walk_t *walk = &life->keeper->walk;

    life->hurry = 0;
    crm360_log(CRM360_LOG_INFO, APR_SUCCESS,
               "kept house: looked at %" APR_INT64_T_FMT
               " entries of %d databases, put %d right, dropped %d dead letters, pruned %d",
               walk->seen, life->keeper->count, walk->healed, walk->exported, walk->pruned);
    if (life->asked_again) {
        begin_hurry(life, now);
    }
}

static void end_walk(life_t *life, apr_time_t now)
{
    const keeper_walk_t *walk = &life->keeper->walk;

    life->walking = 0;
    life->next = now + jittered(WALK_EVERY);
    crm360_log(CRM360_LOG_DEBUG, APR_SUCCESS,
               "walked through %" APR_INT64_T_FMT " entries of %d databases, put %d right",
               walk->seen, life->keeper->count, walk->healed);
}

/* As many steps as belong into one go; then the rest. */
static void walk_on(life_t *life)
{
    apr_time_t began = crm360_clock();
    apr_interval_time_t rest;
    apr_status_t rv = APR_SUCCESS;
    int done = 0;
    int cost;

    do {
        rv = keeper_walk_step(&cost, life->keeper);
        apr_pool_clear(life->keeper->turn);
        done += cost;
    } while (rv == APR_SUCCESS && !stop &&
             (life->hurry ? crm360_clock() - began < HURRY_REST : done < ENTRIES_AT_ONCE));
    if (rv == APR_EOF) {
        end_walk(life, crm360_clock());
        return;
    }
    if (rv != APR_SUCCESS) {
        life->next =
            crm360_clock() + crm360_backoff_reconnect(++life->tries, AWAY_FIRST, AWAY_MOST);
        return;
    }
    life->tries = 0;
    rest = crm360_clock() - began;
    life->next = life->hurry
                     ? crm360_clock() + (rest < HURRY_REST ? rest : HURRY_REST)
                     : began + (apr_interval_time_t)done * APR_USEC_PER_SEC / ENTRIES_A_SECOND;
}

/* ---- the loop ---- */

/* Waits until `until`, the master's word, or the end: 0. */
static int wait_for(life_t *life, apr_time_t until)
{
    struct pollfd fd = {.fd = life->link, .events = POLLIN};
    apr_interval_time_t rest = until - crm360_clock();
    apr_interval_time_t most = 3600 * APR_USEC_PER_SEC;
    char word;

    rest = rest < 0 ? 0 : rest > most ? most : rest;
    if (poll(&fd, 1, (int)((rest + 999) / 1000)) <= 0) {
        return !stop;
    }
    if (recv(life->link, &word, 1, 0) != 1) {
        return 0; /* the master is gone */
    }
    if (life->hurry) {
        life->asked_again = 1;
    }
    else {
        begin_hurry(life, crm360_clock());
    }
    return !stop;
}

static void live(life_t *life)
{
    keeper_t *keeper = life->keeper;
    apr_time_t now, prune_next, next;

    do {
        now = crm360_clock();
        keeper_history_step(keeper, now);
        apr_pool_clear(keeper->turn);
        if (now >= life->next && !life->walking) {
            begin_walk(life, now);
        }
        else if (now >= life->next) {
            walk_on(life);
        }
        /* Databases that are away take their time: the walk that was asked for comes first. */
        if (!(life->hurry && life->walking) && keeper_prune(keeper, now)) {
            apr_pool_clear(keeper->turn);
        }
        prune_next = life->hurry && life->walking ? CONSUMER_NEVER : keeper_prune_next(keeper);
        if (life->hurry && !life->walking && prune_next > now) {
            end_hurry(life, now);
        }
        next = prune_next < life->next ? prune_next : life->next;
    } while (
        wait_for(life, keeper_history_next(keeper) < next ? keeper_history_next(keeper) : next));
}

int keeper_run(const crm360_config_t *config, int link, void *health, apr_pool_t *pool)
{
    keeper_t keeper = {.config = config, .pool = pool, .stop = &stop};
    life_t life = {.keeper = &keeper, .link = link};
    apr_status_t rv;

    consumer_signals_worker(&stop, GRACE_SECONDS);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_SET_NAME, "crm360d-keeper");
    rv = crm_db_init(pool);
    if (rv == APR_SUCCESS) {
        rv = make(&keeper, health);
    }
    if (rv != APR_SUCCESS) {
        crm360_log(CRM360_LOG_ERROR, rv, CRM360_LOGNO(0320) "the keeper cannot start");
        return 1;
    }
    life.next = crm360_clock() + jittered(WALK_FIRST);
    live(&life);
    return 0;
}
