/* Worker processes. Must never let what a worker held lie until its lease ends. */
#include "consumer/crew.h"

#include <apr_shm.h>
#include <apr_strings.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "consumer/child.h"
#include "consumer/identity.h"
#include "consumer/schedule.h"
#include "consumer/worker.h"
#include "core/backoff.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/queue_admin.h"

/* A worker that ends sooner than this after its start is started again with growing delays. */
#define QUICK_DEATH APR_USEC_PER_SEC
/* A handler may overrun its deadline by this, so that its own time-outs come first. */
#define OVERRUN_GRACE APR_USEC_PER_SEC
/* What a worker does between handlers (waiting for a locked database, a commit) may take this
 * long, however short the deadline of handlers is. */
#define BETWEEN_LEAST (10 * APR_USEC_PER_SEC)

apr_status_t consumer_crew_make(consumer_crew_t **crew, const crm360_config_t *config,
                                apr_pool_t *pool)
{
    consumer_crew_t *made = apr_pcalloc(pool, sizeof *made);
    int databases = crm360_config_databases(config)->nelts;
    apr_size_t health_size = APR_ALIGN_DEFAULT(crm360_queue_health_size());
    apr_size_t shared_size = APR_ALIGN_DEFAULT(consumer_shared_size(databases));
    consumer_slot_t *slots;
    apr_shm_t *shared;
    apr_status_t rv;
    int lane, i;

    made->config = config;
    made->pool = pool;
    for (lane = 0; lane < CRM360_LANES; lane++) {
        made->count += crm360_config_workers(config, (crm360_lane_t)lane);
    }
    rv = apr_shm_create(&shared,
                        health_size + shared_size + (apr_size_t)(made->count + 1) * sizeof *slots,
                        NULL, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    made->health = apr_shm_baseaddr_get(shared);
    memset(made->health, 0, apr_shm_size_get(shared));
    made->shared = (consumer_shared_t *)((char *)made->health + health_size);
    slots = (consumer_slot_t *)((char *)made->shared + shared_size);
    made->workers = apr_pcalloc(pool, (apr_size_t)(made->count + 1) * sizeof *made->workers);
    for (lane = 0, i = 0; lane < CRM360_LANES; lane++) {
        int last = i + crm360_config_workers(config, (crm360_lane_t)lane);

        for (; i < last; i++) {
            made->workers[i].lane = (crm360_lane_t)lane;
            made->workers[i].slot = &slots[i];
            made->workers[i].link = -1;
            made->workers[i].database = -1;
        }
    }
    *crew = made;
    return APR_SUCCESS;
}

/* The child's part of a start. */
static void be_worker(consumer_crew_t *crew, consumer_worker_t *worker, int link)
{
    int status = consumer_worker_run(crew->config, worker->lane, link, worker->slot, crew->shared,
                                     crew->health, worker->pool);

    apr_pool_destroy(worker->pool); /* closes its databases properly */
    /* Not exit(): what the master registered to run at its end is not ours. */
    _exit(status);
}

static apr_status_t start(consumer_crew_t *crew, consumer_worker_t *worker)
{
    apr_status_t rv;
    int link;

    apr_pool_create(&worker->pool, crew->pool);
    apr_pool_tag(worker->pool, "crm360_worker");
    memset((void *)worker->slot, 0, sizeof *worker->slot);
    rv = consumer_child_fork(&worker->pid, &link, worker->pool);
    if (rv == APR_INCHILD) {
        be_worker(crew, worker, link);
    }
    if (rv != APR_INPARENT) {
        apr_pool_destroy(worker->pool);
        return rv;
    }
    worker->link = link;
    worker->name = consumer_identity(worker->pid, worker->pool);
    worker->database = -1;
    worker->overran = 0;
    return APR_SUCCESS;
}

void consumer_crew_start(consumer_crew_t *crew, apr_time_t now)
{
    int i;

    for (i = 0; i < crew->count; i++) {
        consumer_worker_t *worker = &crew->workers[i];
        apr_status_t rv;

        if (worker->pid || worker->start_at > now) {
            continue;
        }
        worker->started = now;
        rv = start(crew, worker);
        if (rv != APR_SUCCESS) {
            worker->failures++;
            worker->start_at = now + crm360_backoff_reconnect(worker->failures, APR_USEC_PER_SEC,
                                                              30 * APR_USEC_PER_SEC);
            crm360_log(CRM360_LOG_ERROR, rv,
                       CRM360_LOGNO(0321) "cannot start a worker of lane %s; next try in %d s",
                       crm360_lane_name(worker->lane),
                       (int)apr_time_sec(worker->start_at - now) + 1);
        }
    }
}

apr_time_t consumer_crew_next_start(const consumer_crew_t *crew)
{
    apr_time_t next = CONSUMER_NEVER;
    int i;

    for (i = 0; i < crew->count; i++) {
        if (!crew->workers[i].pid && crew->workers[i].start_at < next) {
            next = crew->workers[i].start_at;
        }
    }
    return next;
}

static apr_status_t tell(const consumer_worker_t *worker, const consumer_assignment_t *assignment)
{
    return send(worker->link, assignment, sizeof *assignment, MSG_NOSIGNAL) ==
                   (ssize_t)sizeof *assignment
               ? APR_SUCCESS
               : APR_EGENERAL;
}

apr_status_t consumer_crew_assign(consumer_worker_t *worker, int database)
{
    const consumer_assignment_t assignment = {.database = database};
    apr_status_t rv = tell(worker, &assignment);

    if (rv == APR_SUCCESS) {
        worker->database = database;
        worker->left = 0;
    }
    return rv;
}

apr_status_t consumer_crew_turn(consumer_worker_t *worker)
{
    const consumer_assignment_t assignment = {.database = worker->database, .turn = 1};

    return tell(worker, &assignment);
}

apr_status_t consumer_crew_report(consumer_report_t *report, consumer_worker_t *worker)
{
    ssize_t len = recv(worker->link, report, sizeof *report, MSG_DONTWAIT);

    return len == (ssize_t)sizeof *report ? APR_SUCCESS : APR_EAGAIN;
}

/* When the worker will have been too long in the state that its slot shows; CONSUMER_NEVER when
 * it is idle. *id is set to the message that runs. */
static apr_time_t deadline(const consumer_crew_t *crew, const consumer_worker_t *worker, char *id)
{
    apr_interval_time_t most = crm360_config_handler_timeout(crew->config);
    apr_time_t since;

    /* The id first, see dispatch_enter() in dispatch.c. */
    apr_cpystrn(id, (const char *)worker->slot->id, CONSUMER_ID_BYTES);
    since = consumer_slot_since(worker->slot);
    if (!id[0] && most < BETWEEN_LEAST) {
        most = BETWEEN_LEAST;
    }
    return since ? since + most + OVERRUN_GRACE : CONSUMER_NEVER;
}

apr_time_t consumer_crew_check(consumer_crew_t *crew, apr_time_t now)
{
    /* Nobody tells when a worker enters a handler: look again before it could overrun. */
    apr_time_t next = now + crm360_config_handler_timeout(crew->config) + OVERRUN_GRACE;
    int i;

    for (i = 0; i < crew->count; i++) {
        consumer_worker_t *worker = &crew->workers[i];
        char id[CONSUMER_ID_BYTES];
        apr_time_t until;

        if (!worker->pid || worker->database < 0 || worker->overran) {
            continue;
        }
        until = deadline(crew, worker, id);
        if (now >= until) {
            worker->overran = 1;
            memcpy(worker->overran_id, id, sizeof id);
            kill(worker->pid, SIGKILL);
        }
        else if (until < next) {
            next = until;
        }
    }
    return next;
}

int consumer_crew_overlooks(const consumer_crew_t *crew, apr_time_t now)
{
    char id[CONSUMER_ID_BYTES];
    int i;

    for (i = 0; i < crew->count; i++) {
        const consumer_worker_t *worker = &crew->workers[i];

        if (worker->pid && worker->database >= 0 && !worker->overran &&
            now >= deadline(crew, worker, id)) {
            return 1;
        }
    }
    return 0;
}

/* The one line about an attempt that its worker did not survive. */
static void log_death(const consumer_crew_t *crew, const consumer_death_t *death, apr_pool_t *pool)
{
    static const char form[] =
        CRM360_LOGNO(0322) "worker %d of lane %s ended (message %s): %s; what it held is released";
    const consumer_worker_t *worker = death->worker;
    const char *id = death->charge.id;
    const char *lane = crm360_lane_name(worker->lane);
    crm360_log_message_t said = {.id = id, .outcome = "ended", .took = -1};
    const crm360_route_t *route = crm360_id_route(id);

    if (!id[0]) {
        crm360_log(CRM360_LOG_ERROR, APR_SUCCESS, form, (int)worker->pid, lane, "none",
                   death->what);
        return;
    }
    said.route = route ? route->name : NULL;
    if (worker->database >= 0) {
        const crm360_database_t *database = APR_ARRAY_IDX(
            crm360_config_databases(crew->config), worker->database, const crm360_database_t *);

        said.database = apr_pstrcat(pool, database->customer, "/", database->alias, NULL);
    }
    if (death->charged) {
        said.outcome = death->charge.kind == CRM360_CHARGE_CRASH ? "crash" : "killed";
    }
    crm360_log_message(CRM360_LOG_ERROR, &said, form, (int)worker->pid, lane, id, death->what);
}

/* What the end of a worker means for the message it ran. */
static void judge(const consumer_crew_t *crew, consumer_death_t *death, int status,
                  apr_pool_t *pool)
{
    consumer_worker_t *worker = death->worker;
    const char *id = apr_pstrdup(pool, (const char *)worker->slot->id);
    int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

    if (worker->overran) {
        death->what = id[0] ? "its handler overran Crm360HandlerTimeout and was killed"
                            : "it was stuck between handlers and was killed";
    }
    else if (signal) {
        death->what =
            apr_psprintf(pool, "its worker was ended by signal %d (%s)", signal, strsignal(signal));
    }
    else if (WEXITSTATUS(status) == CONSUMER_EXIT_MEMORY) {
        death->what = "its worker has used up Crm360WorkerMemory";
    }
    else {
        death->what = apr_psprintf(pool, "its worker exited with %d", WEXITSTATUS(status));
    }
    death->charge.what = death->what;
    death->charge.id = id;
    /* The message that ran crashed it, or overran. A kill from outside (or by the kernel, for
     * want of memory) may be its fault or not: ten of them are. Between messages nobody is to
     * blame. */
    if (worker->overran) {
        death->charge.kind = CRM360_CHARGE_CRASH;
        death->charged = id[0] && strcmp(id, worker->overran_id) == 0;
    }
    else if ((signal && signal != SIGTERM) || (!signal && WEXITSTATUS(status) != 0)) {
        death->charge.kind = signal == SIGKILL ? CRM360_CHARGE_EXPIRY : CRM360_CHARGE_CRASH;
        death->charged = id[0] != '\0';
    }
    if (signal || WEXITSTATUS(status) != 0) {
        log_death(crew, death, pool);
    }
}

int consumer_crew_reap(consumer_death_t *death, consumer_crew_t *crew, apr_pool_t *pool)
{
    apr_time_t now = crm360_clock();
    int status, i;

    memset(death, 0, sizeof *death);
    /* One by one: the other children of the master are not ours. */
    for (i = 0; i < crew->count; i++) {
        if (crew->workers[i].pid && waitpid(crew->workers[i].pid, &status, WNOHANG) > 0) {
            break;
        }
    }
    if (i == crew->count) {
        return 0;
    }
    death->worker = &crew->workers[i];
    judge(crew, death, status, pool);
    death->worker->name = apr_pstrdup(pool, death->worker->name);
    close(death->worker->link);
    death->worker->link = -1;
    death->worker->pid = 0;
    apr_pool_destroy(death->worker->pool);
    if (now - death->worker->started < QUICK_DEATH) {
        /* One that has come as far as to run a message can start: what it died of is the message's,
         * and that has an end. The next message shall not pay for it. */
        death->worker->failures = death->charged ? 1 : death->worker->failures + 1;
        death->worker->start_at =
            now + crm360_backoff_reconnect(death->worker->failures, APR_USEC_PER_SEC / 10,
                                           30 * APR_USEC_PER_SEC);
    }
    else {
        death->worker->failures = 0;
        death->worker->start_at = now;
    }
    return 1;
}

void consumer_crew_stop(consumer_crew_t *crew, int hard)
{
    int i;

    for (i = 0; i < crew->count; i++) {
        if (crew->workers[i].pid) {
            /* The end of the link reaches one that is about to wait for work, too. */
            shutdown(crew->workers[i].link, SHUT_WR);
            kill(crew->workers[i].pid, hard ? SIGKILL : SIGTERM);
        }
    }
}

int consumer_crew_running(const consumer_crew_t *crew)
{
    int running = 0;
    int i;

    for (i = 0; i < crew->count; i++) {
        running += crew->workers[i].pid != 0;
    }
    return running;
}
