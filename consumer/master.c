/*
 * The master's loop: wait for a signal, a report, a wake-up or the next due time; then hand out
 * work. It holds no state that Redis does not hold: after every (re)connection it looks at all
 * queues again. Must never block for longer than a Redis command may take.
 */
#include "consumer/master.h"

#include <apr_hash.h>
#include <apr_strings.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/audit.h"
#include "consumer/crew.h"
#include "consumer/heartbeat.h"
#include "consumer/identity.h"
#include "consumer/keeper.h"
#include "consumer/lean.h"
#include "consumer/listen.h"
#include "consumer/notify.h"
#include "consumer/pulse.h"
#include "consumer/schedule.h"
#include "consumer/signals.h"
#include "core/backoff.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/queue.h"
#include "core/queue_provider.h"
#include "core/spool_drain.h"

/* All queues are looked at this often even when nothing was missed as far as we know. */
#define LOOK_EVERY (30 * APR_USEC_PER_SEC)
/* Whether keys are served by other servers now is looked at as often, where that may be. */
#define FOLLOW_EVERY (5 * APR_USEC_PER_SEC)
/* And this soon after a look that failed. */
#define LOOK_AGAIN (250 * 1000)
/* At most, while it answers and refuses. */
#define REFUSED_MOST (2 * APR_USEC_PER_SEC)
/* While a worker of an earlier life finishes, its claims are looked at this often. */
#define LOOK_ORPHANS APR_USEC_PER_SEC
/* Databases in one look. */
#define LOOK_AT_ONCE 200
/* Pause of a database that could not be used: doubles from the first to the most. */
#define HOLD_FIRST APR_USEC_PER_SEC
#define HOLD_MOST (30 * APR_USEC_PER_SEC)
/* How long a worker may need beyond its handler's deadline when it is asked to end. */
#define STOP_GRACE (5 * APR_USEC_PER_SEC)

typedef struct master_t {
    const crm360_config_t *config;
    crm360_queue_t *queue;
    consumer_crew_t *crew;
    consumer_schedule_t *schedule;
    consumer_listener_t *listener;
    consumer_heartbeat_t *heartbeat;
    consumer_pulse_t *pulse;
    consumer_audit_t *audit;
    crm360_spool_drain_t *drain;
    consumer_keeper_t *keeper;
    const crm360_keys_t **keys; /* per database */
    int count;
    int *lost;              /* per database: its node of the cluster did not answer the last look */
    int *away;              /* per database: how often in a row it could not be used */
    int aways;              /* how many of them cannot be used */
    apr_time_t *held_until; /* per database: end of its pause */
    apr_hash_t *by_key;     /* lane key -> &index[...] */
    int *index;             /* database * CRM360_LANES + lane, behind by_key */
    apr_int64_t offset_ms;  /* Redis' clock minus ours (monotonic) */
    apr_time_t look_at;     /* when all queues are looked at next */
    apr_time_t follow_at;   /* when it is asked next where they are */
    apr_uint32_t epoch;     /* of what was known of that */
    int refusals;           /* reports in a row that Redis could not be used */
    int redis_up;           /* the last look went well: work may be handed out */
    int pardoned;           /* providers have got another chance since we live */
    consumer_reload_t *reload;
    void *baton;
    apr_pool_t *pool;
    apr_pool_t *turn; /* of one turn of the loop */
} master_t;

/* ---- making ---- */

/* How many may work on a database at once. */
static int most_workers(const crm360_config_t *config, const crm360_database_t *database)
{
    int most = crm360_config_workers_per_database(config);

    if (database->driver && strcmp(database->driver, "sqlite3") == 0) {
        return 1; /* it has one writer: a second worker would only wait for the first */
    }
    return most ? most : APR_INT32_MAX;
}

static apr_status_t make(master_t *master, apr_pool_t *pool)
{
    const apr_array_header_t *databases = crm360_config_databases(master->config);
    int workers[CRM360_LANES];
    int *most;
    apr_status_t rv;
    int i, lane;

    master->pool = pool;
    master->count = databases->nelts;
    master->follow_at =
        crm360_config_redis(master->config, pool)->kind == CRM360_REDIS_SINGLE ? CONSUMER_NEVER : 0;
    master->keys = apr_pcalloc(pool, (apr_size_t)(master->count + 1) * sizeof *master->keys);
    master->lost = apr_pcalloc(pool, (apr_size_t)(master->count + 1) * sizeof *master->lost);
    master->away = apr_pcalloc(pool, (apr_size_t)(master->count + 1) * sizeof *master->away);
    master->held_until =
        apr_pcalloc(pool, (apr_size_t)(master->count + 1) * sizeof *master->held_until);
    master->index =
        apr_pcalloc(pool, (apr_size_t)(master->count + 1) * CRM360_LANES * sizeof *master->index);
    master->by_key = apr_hash_make(pool);
    most = apr_pcalloc(pool, (apr_size_t)(master->count + 1) * sizeof *most);
    for (i = 0; i < master->count; i++) {
        const crm360_database_t *conf = APR_ARRAY_IDX(databases, i, const crm360_database_t *);

        master->keys[i] = crm360_keys_make(conf->customer, conf->alias, pool);
        most[i] = most_workers(master->config, conf);
        for (lane = 0; lane < CRM360_LANES; lane++) {
            int *at = &master->index[i * CRM360_LANES + lane];

            *at = i * CRM360_LANES + lane;
            apr_hash_set(master->by_key, master->keys[i]->lane[lane], APR_HASH_KEY_STRING, at);
        }
    }
    for (lane = 0; lane < CRM360_LANES; lane++) {
        workers[lane] = crm360_config_workers(master->config, (crm360_lane_t)lane);
    }
    master->schedule = consumer_schedule_make(master->count, most, workers, pool);
    rv = consumer_crew_make(&master->crew, master->config, pool);
    if (rv == APR_SUCCESS) {
        rv = crm360_queue_make(&master->queue, master->config, 1, master->crew->health, pool);
    }
    if (rv == APR_SUCCESS) {
        master->listener = consumer_listener_make(master->config, master->queue, pool);
        master->audit = consumer_audit_make(master->queue, pool);
        master->heartbeat =
            consumer_heartbeat_make(master->config, master->crew, master->queue, pool);
        master->pulse = consumer_pulse_make(master->crew, pool);
        master->drain = crm360_spool_drain_make(master->config, master->queue, pool);
        master->keeper = consumer_keeper_make(master->config, master->crew->health, pool);
    }
    apr_pool_create(&master->turn, pool);
    apr_pool_tag(master->turn, "crm360_turn");
    return rv;
}

/* ---- looking at the queues ---- */

/* Gives back what a worker that is gone had claimed, in whatever lane. */
static apr_status_t release_all(master_t *master, int database, const char *worker,
                                const crm360_charge_t *charge)
{
    apr_status_t rv = APR_SUCCESS;
    int lane, released;

    for (lane = 0; lane < CRM360_LANES && rv == APR_SUCCESS; lane++) {
        rv = crm360_queue_release_worker(&released, master->queue, master->keys[database],
                                         (crm360_lane_t)lane, worker, charge, master->turn);
        if (rv == APR_SUCCESS && released > 0) {
            consumer_schedule_due(master->schedule, database, (crm360_lane_t)lane, 0);
            crm360_log(CRM360_LOG_INFO, APR_SUCCESS, "released %d messages of %s in %s", released,
                       worker, master->keys[database]->lane[lane]);
        }
    }
    return rv;
}

/* Whether one of our workers holds claims there rightly: only where it works now. What an idle one
 * has left behind (Redis was away when it wanted to settle) is nobody's. */
static int holds_rightly(const master_t *master, const char *worker, int database)
{
    int i;

    for (i = 0; i < master->crew->count; i++) {
        const consumer_worker_t *ours = &master->crew->workers[i];

        if (ours->pid && ours->database == database && strcmp(ours->name, worker) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Whether it is one of our workers, at work elsewhere or idle. */
static int lives_here(const master_t *master, const char *worker)
{
    int i;

    for (i = 0; i < master->crew->count; i++) {
        if (master->crew->workers[i].pid && strcmp(master->crew->workers[i].name, worker) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Claims of workers that are gone are released; *orphans counts those of others that still live
 * here, so that their end is noticed soon. Whoever lives elsewhere has a master of his own, or a
 * lease that ends. */
static void settle_claims(master_t *master, int database, const crm360_look_t *look, int *orphans)
{
    int i;

    for (i = 0; look->workers && i < look->workers->nelts; i++) {
        const char *worker = APR_ARRAY_IDX(look->workers, i, const char *);

        if (holds_rightly(master, worker, database)) {
            continue;
        }
        if (!lives_here(master, worker) && !consumer_identity_gone(worker, master->turn)) {
            *orphans += consumer_identity_here(worker, master->turn);
        }
        else if (release_all(master, database, worker, NULL) != APR_SUCCESS) {
            (*orphans)++;
        }
    }
}

/* Nobody is sent to a database whose node of the cluster does not answer, before a look finds that
 * it does. */
static void look_lost(master_t *master, int database, int lost)
{
    if (lost || master->lost[database]) {
        consumer_schedule_hold(master->schedule, database, lost ? CONSUMER_NEVER : 0);
    }
    master->lost[database] = lost;
}

static apr_status_t look_some(master_t *master, int first, int count, int *orphans)
{
    crm360_look_t *looks = apr_pcalloc(master->turn, (apr_size_t)count * sizeof *looks);
    apr_time_t now = crm360_clock();
    apr_int64_t redis_ms;
    apr_status_t rv;
    int i, lane;

    rv = crm360_queue_look(looks, &redis_ms, master->queue, master->keys + first, count,
                           master->turn);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    master->offset_ms = redis_ms - apr_time_as_msec(now);
    for (i = 0; i < count; i++) {
        look_lost(master, first + i, looks[i].away);
        if (looks[i].away) {
            (*orphans)++;
            continue;
        }
        for (lane = 0; lane < CRM360_LANES; lane++) {
            apr_int64_t head = looks[i].head_ms[lane];

            consumer_schedule_seen(master->schedule, first + i, (crm360_lane_t)lane,
                                   head < 0 ? CONSUMER_NEVER
                                            : apr_time_from_msec(head - master->offset_ms));
        }
        settle_claims(master, first + i, &looks[i], orphans);
    }
    return APR_SUCCESS;
}

/* Whoever starts us, or lets us read the configuration again, may have mended a provider. */
static void pardon_providers(master_t *master)
{
    const apr_array_header_t *databases = crm360_config_databases(master->config);
    int i, sends;

    for (i = 0; i < databases->nelts; i++) {
        const crm360_database_t *database = APR_ARRAY_IDX(databases, i, const crm360_database_t *);

        for (sends = 0; sends < CRM360_SENDS; sends++) {
            if (database->providers[sends] &&
                crm360_queue_pardon(master->queue, database->providers[sends]->key, master->turn) !=
                    APR_SUCCESS) {
                return; /* Redis is away again: the next look */
            }
        }
    }
    master->pardoned = 1;
}

/* Looks at everything. While it fails no work is handed out: a claim would fail as well. */
static void look(master_t *master)
{
    apr_status_t rv = APR_SUCCESS;
    int orphans = 0;
    int first;

    for (first = 0; first < master->count && rv == APR_SUCCESS; first += LOOK_AT_ONCE) {
        int rest = master->count - first;

        rv = look_some(master, first, rest < LOOK_AT_ONCE ? rest : LOOK_AT_ONCE, &orphans);
    }
    master->redis_up = rv == APR_SUCCESS;
    if (master->redis_up && !master->pardoned) {
        pardon_providers(master);
    }
    master->look_at = crm360_clock() + (rv != APR_SUCCESS ? LOOK_AGAIN
                                        : orphans         ? LOOK_ORPHANS
                                                          : LOOK_EVERY);
}

/* Where the servers are may have changed: then everything is heard and seen anew. */
static void follow(master_t *master, apr_time_t now)
{
    int changed;

    if (master->follow_at == CONSUMER_NEVER) {
        return;
    }
    master->follow_at = now + FOLLOW_EVERY;
    crm360_queue_follow(&changed, &master->epoch, master->queue, master->turn);
    if (changed) {
        consumer_listener_renew(master->listener, now);
    }
}

/* ---- events ---- */

static void take_wakes(master_t *master)
{
    const char *key;
    apr_int64_t visible_ms;

    while (consumer_listener_take(master->listener, &key, &visible_ms, master->turn)) {
        const int *at = apr_hash_get(master->by_key, key, APR_HASH_KEY_STRING);

        if (at) {
            consumer_schedule_due(master->schedule, *at / CRM360_LANES,
                                  (crm360_lane_t)(*at % CRM360_LANES),
                                  apr_time_from_msec(visible_ms - master->offset_ms));
        }
    }
}

/* Pauses a database that could not be used, longer each time. Workers that ran into the same outage
 * together count once. */
static void hold(master_t *master, int database, apr_time_t now)
{
    if (now < master->held_until[database]) {
        return;
    }
    master->aways += !master->away[database];
    master->held_until[database] =
        now + crm360_backoff_reconnect(++master->away[database], HOLD_FIRST, HOLD_MOST);
    consumer_schedule_hold(master->schedule, database, master->held_until[database]);
}

/* A worker is done with the queue that it was sent to, which is due again at `next`. */
static void leave_queue(master_t *master, const consumer_worker_t *worker, apr_time_t next)
{
    if (worker->left) {
        consumer_schedule_due(master->schedule, worker->database, worker->lane, next);
    }
    else {
        consumer_schedule_done(master->schedule, worker->database, worker->lane, next);
    }
}

/* A batch is over. */
static void take_end(master_t *master, consumer_worker_t *worker, const consumer_report_t *report)
{
    apr_time_t now = crm360_clock();
    apr_time_t next = report->next_due < 0 ? CONSUMER_NEVER : report->next_due;

    leave_queue(master, worker, report->away ? now : next);
    worker->database = -1;
    worker->wants = 0;
    consumer_heartbeat_count(master->heartbeat, report->worked);
    if (report->away == CONSUMER_REDIS_AWAY) {
        /* Redis may answer the look and still refuse the claim: no haste, and less each time. */
        master->redis_up &= crm360_queue_is_spread(master->queue);
        master->look_at =
            now + crm360_backoff_reconnect(++master->refusals, LOOK_AGAIN, REFUSED_MOST);
    }
    else {
        master->refusals = 0;
    }
    if (report->away == CONSUMER_DATABASE_AWAY) {
        hold(master, report->database, now);
    }
    else if (report->away && crm360_queue_is_spread(master->queue)) {
        look_lost(master, report->database, 1);
    }
    else if (!report->away && master->away[report->database]) {
        master->away[report->database] = 0;
        master->aways--;
        master->held_until[report->database] = 0;
        consumer_schedule_hold(master->schedule, report->database, 0);
    }
}

/* Whatever a worker has said. Nothing when its link was closed: its death is about to be
 * noticed. */
static void take_reports(master_t *master, consumer_worker_t *worker)
{
    consumer_report_t report;

    while (consumer_crew_report(&report, worker) == APR_SUCCESS) {
        if (report.over) {
            take_end(master, worker, &report);
        }
        else if (report.leaves) {
            leave_queue(master, worker, report.next_due < 0 ? CONSUMER_NEVER : report.next_due);
            worker->left = 1;
        }
        else if (report.wants) {
            worker->wants = worker->left;
        }
        else {
            consumer_schedule_due(master->schedule, report.database, worker->lane, report.next_due);
        }
    }
}

static void mourn(master_t *master)
{
    consumer_death_t death;

    consumer_keeper_reap(master->keeper);
    while (consumer_crew_reap(&death, master->crew, master->turn)) {
        int database = death.worker->database;

        if (database < 0) {
            continue;
        }
        leave_queue(master, death.worker, crm360_clock());
        death.worker->database = -1;
        death.worker->wants = 0;
        if (release_all(master, database, death.worker->name,
                        death.charged ? &death.charge : NULL) != APR_SUCCESS) {
            master->look_at = 0; /* the look finds its claims when Redis is back */
        }
    }
}

/* Whether the configuration has been read again: when not, the old one goes on. */
static int reloads(const master_t *master)
{
    int read;

    consumer_notify_reloading();
    read = master->reload(master->baton);
    if (!read) {
        consumer_notify_ready();
    }
    return read;
}

/* Takes what signals have arrived. 1 when the master is to end, for the reason in *end. */
static int take_signals(master_t *master, consumer_end_t *end)
{
    int signal;

    while ((signal = consumer_signals_take()) != 0) {
        if (signal == SIGCHLD) {
            mourn(master);
        }
        else if (signal == SIGUSR1) {
            consumer_keeper_hurry(master->keeper);
        }
        else if (signal == SIGTERM || signal == SIGINT) {
            *end = CONSUMER_STOPPED;
            return 1;
        }
        else if (signal == SIGHUP && reloads(master)) {
            *end = CONSUMER_RELOAD;
            return 1;
        }
    }
    return 0;
}

/* ---- the loop ---- */

/* Whoever has to write down what his provider has said comes first: it takes him a moment, and
 * until then nobody knows. */
static void give_turns(master_t *master)
{
    int i;

    for (i = 0; i < master->crew->count; i++) {
        consumer_worker_t *worker = &master->crew->workers[i];

        if (worker->wants &&
            consumer_schedule_join(master->schedule, worker->database, worker->lane)) {
            worker->left = worker->wants = 0;
            if (consumer_crew_turn(worker) != APR_SUCCESS) {
                continue; /* it has just died, which is about to be noticed */
            }
        }
    }
}

/* Gives work to whoever is idle, lane by lane, live first: of his share, or any. */
static void hand_out_some(master_t *master, int own, apr_time_t now)
{
    int nothing[CRM360_LANES] = {0}; /* is due in that lane */
    int place[CRM360_LANES] = {0};   /* of the next worker in his lane: his share */
    int i;

    for (i = 0; i < master->crew->count && master->redis_up; i++) {
        consumer_worker_t *worker = &master->crew->workers[i];
        int share = own ? place[worker->lane] : CONSUMER_ANY_SHARE;
        int database;

        place[worker->lane]++;
        if (!worker->pid || worker->database >= 0 || nothing[worker->lane]) {
            continue;
        }
        database = consumer_schedule_take(master->schedule, worker->lane, share, now);
        if (database < 0) {
            nothing[worker->lane] = !own;
        }
        else if (consumer_crew_assign(worker, database) != APR_SUCCESS) {
            consumer_schedule_done(master->schedule, database, worker->lane, now);
        }
    }
}

/* A database goes to the worker who has its connection open when he is free. */
static void hand_out(master_t *master)
{
    apr_time_t now = crm360_clock();

    give_turns(master);
    hand_out_some(master, 1, now);
    hand_out_some(master, 0, now);
}

static apr_time_t next_event(master_t *master, apr_time_t deadline)
{
    int idle[CRM360_LANES] = {0};
    apr_time_t next = deadline;
    apr_time_t others[8];
    int i;

    for (i = 0; i < master->crew->count; i++) {
        const consumer_worker_t *worker = &master->crew->workers[i];

        idle[worker->lane] |= worker->pid && worker->database < 0;
    }
    others[0] = master->redis_up ? consumer_schedule_next(master->schedule, idle) : CONSUMER_NEVER;
    others[1] = consumer_crew_next_start(master->crew);
    others[2] = consumer_listener_next(master->listener);
    others[3] = master->redis_up ? consumer_heartbeat_next(master->heartbeat) : CONSUMER_NEVER;
    others[4] = crm360_spool_drain_next(master->drain, master->redis_up);
    others[5] = consumer_keeper_next(master->keeper);
    others[6] = consumer_pulse_next(master->pulse);
    others[7] = master->follow_at;
    for (i = 0; i < 8; i++) {
        next = others[i] < next ? others[i] : next;
    }
    return next < master->look_at ? next : master->look_at;
}

/* Tells the service manager how it goes. */
static void beat(const master_t *master)
{
    const consumer_state_t state = {.redis_up = master->redis_up,
                                    .databases = master->count,
                                    .away = master->aways,
                                    .messages = consumer_heartbeat_messages(master->heartbeat)};

    consumer_pulse_beat(master->pulse, &state, crm360_clock());
}

/* Sleeps until something happens or `until`, and takes what workers and Redis have said. */
static void wait_for_events(master_t *master, apr_time_t until)
{
    int count = master->crew->count;
    struct pollfd *fds = apr_pcalloc(master->turn, (apr_size_t)(count + 2) * sizeof *fds);
    apr_interval_time_t rest = until - crm360_clock();
    int i;

    for (i = 0; i < count; i++) {
        fds[i].fd = master->crew->workers[i].link;
        fds[i].events = POLLIN;
    }
    fds[count].fd = consumer_signals_fd();
    fds[count].events = POLLIN;
    fds[count + 1].fd = consumer_listener_fd(master->listener);
    fds[count + 1].events = POLLIN;
    /* Rounded up: a timer that fires early would only go round once more. */
    if (poll(fds, (nfds_t)count + 2, rest <= 0 ? 0 : (int)((rest + 999) / 1000)) <= 0) {
        return;
    }
    for (i = 0; i < count; i++) {
        if (fds[i].revents & POLLIN) {
            take_reports(master, &master->crew->workers[i]);
        }
    }
    if (fds[count + 1].revents) {
        consumer_listener_read(master->listener, crm360_clock());
        take_wakes(master);
    }
}

static apr_time_t next_pulse(const master_t *master, apr_time_t until)
{
    apr_time_t next = consumer_pulse_next(master->pulse);

    return next < until ? next : until;
}

/* Asks the workers to end and waits for them; whoever does not is killed. A TERM that comes
 * while they end for a reload makes it the end. */
static void stop(master_t *master, consumer_end_t *end)
{
    apr_time_t until = crm360_clock() + crm360_config_handler_timeout(master->config) + STOP_GRACE;
    int hard = 0;
    int again = 0;
    int signal;

    if (*end == CONSUMER_STOPPED) {
        consumer_notify_stopping();
    }
    consumer_keeper_stop(master->keeper);
    consumer_crew_stop(master->crew, 0);
    while (consumer_crew_running(master->crew) > 0) {
        apr_time_t now = crm360_clock();

        if (now >= until && !hard) {
            hard = 1;
            consumer_crew_stop(master->crew, 1);
        }
        else if (!hard) {
            consumer_pulse_beat_last(master->pulse, now);
        }
        give_turns(master);
        wait_for_events(master, hard ? now + APR_USEC_PER_SEC : next_pulse(master, until));
        while ((signal = consumer_signals_take()) != 0) {
            if (signal == SIGTERM || signal == SIGINT) {
                *end = CONSUMER_STOPPED;
                consumer_notify_stopping();
            }
            again |= signal == SIGHUP;
        }
        mourn(master);
        apr_pool_clear(master->turn);
    }
    consumer_keeper_await(master->keeper);
    if (again && *end == CONSUMER_RELOAD) {
        raise(SIGHUP); /* the file was changed again meanwhile: for the next life */
    }
}

apr_status_t consumer_master_run(consumer_end_t *end, const crm360_config_t *config,
                                 consumer_reload_t *reload, void *baton, apr_pool_t *pool)
{
    master_t master = {.config = config, .reload = reload, .baton = baton};
    apr_status_t rv = make(&master, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    consumer_lean();
    for (;;) {
        apr_time_t now = crm360_clock();
        apr_time_t deadline = consumer_crew_check(master.crew, now);
        int connected;

        if (take_signals(&master, end)) {
            break;
        }
        consumer_crew_start(master.crew, now);
        consumer_keeper_start(master.keeper, now);
        follow(&master, now);
        connected = consumer_listener_tick(master.listener, now);
        if (connected || now >= master.look_at) {
            look(&master);
            take_wakes(&master);
        }
        hand_out(&master);
        consumer_audit_look(master.audit, connected, master.redis_up, master.turn);
        if (master.redis_up) {
            consumer_heartbeat_tick(master.heartbeat, now, master.offset_ms, master.turn);
        }
        crm360_spool_drain_turn(master.drain, crm360_clock(), master.redis_up);
        beat(&master);
        wait_for_events(&master, next_event(&master, deadline));
        apr_pool_clear(master.turn);
    }
    stop(&master, end);
    consumer_heartbeat_end(master.heartbeat, pool);
    return APR_SUCCESS;
}
