/*
 * The worker's loop. It ends when its master does: the link's other end is closed then, and the
 * kernel sends TERM, so that no orphan goes on claiming. Must never take more memory than it may:
 * the machine belongs to others too.
 */
#include "consumer/worker.h"

#include <apr_allocator.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "consumer/dispatch.h"
#include "consumer/identity.h"
#include "consumer/output.h"
#include "consumer/signals.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/queue.h"
#include "crm/db.h"

/* How long a handler may go on after TERM beyond its own deadline. */
#define GRACE_SECONDS 5
/* Memory that pools keep for their next use; beyond it what a large message took is given back. */
#define KEPT_BYTES (16 * 1024 * 1024)

static volatile sig_atomic_t stop;

/* How long a worker waits for its turn. */
#define TURN_MOST (5 * APR_USEC_PER_SEC)

/* For the last words. */
static const consumer_slot_t *own_slot;
static int most_megabytes;

/* APR calls it when a pool gets no memory: nobody could go on without. Must not allocate. */
static int end_without_memory(int status)
{
    const char *id = (const char *)own_slot->id;

    (void)status;
    consumer_output_release();
    crm360_log(CRM360_LOG_ERROR, APR_SUCCESS,
               CRM360_LOGNO(0323) "message %s: no memory is left, and Crm360WorkerMemory is %d MB; "
                                  "the worker ends",
               id[0] ? id : "(none)", most_megabytes);
    _exit(CONSUMER_EXIT_MEMORY);
}

/* From here on memory beyond the limit is refused, and the refusal ends the worker. */
static apr_status_t limit_memory(const crm360_config_t *config, apr_pool_t *pool)
{
    apr_int64_t most = crm360_config_worker_memory(config);
    struct rlimit limit;

    most_megabytes = (int)(most >> 20);
    apr_pool_abort_set(end_without_memory, pool);
    apr_allocator_max_free_set(apr_pool_allocator_get(pool), KEPT_BYTES);
#ifdef __SANITIZE_ADDRESS__
    return APR_SUCCESS; /* the sanitizer's own memory is beyond every limit */
#endif
    if (getrlimit(RLIMIT_DATA, &limit) < 0) {
        return errno;
    }
    if (limit.rlim_max == RLIM_INFINITY || (rlim_t)most < limit.rlim_max) {
        limit.rlim_max = (rlim_t)most;
    }
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_DATA, &limit) < 0 ? errno : APR_SUCCESS;
}

/* Waits for the next assignment: 1 when there is one, 0 when it is time to go. */
static int next_assignment(consumer_assignment_t *assignment, int link)
{
    while (!stop) {
        ssize_t len = recv(link, assignment, sizeof *assignment, 0);

        if (len == (ssize_t)sizeof *assignment) {
            if (assignment->turn) {
                continue; /* it has come too late: await_turn() went on without */
            }
            return 1;
        }
        if (len >= 0 || errno != EINTR) {
            return 0;
        }
    }
    return 0;
}

/* Waits for the turn to use the database again, for some time only: what is to be written must be
 * written, with a master or without; the database's own locks hold in any case. */
static void await_turn(int link)
{
    apr_time_t until = crm360_clock() + TURN_MOST;
    struct pollfd poll_on = {.fd = link, .events = POLLIN};
    consumer_assignment_t assignment;

    for (;;) {
        apr_interval_time_t rest = until - crm360_clock();
        int ready = rest > 0 ? poll(&poll_on, 1, (int)(rest / 1000) + 1) : 0;

        if (ready > 0) {
            ready = recv(link, &assignment, sizeof assignment, MSG_DONTWAIT) ==
                    (ssize_t)sizeof assignment;
            if (!ready || assignment.turn) {
                return; /* its turn, or there is no master any more */
            }
        }
        else if (ready == 0 || errno != EINTR) {
            return;
        }
    }
}

/* Sends a report: 1, or 0 when the master is gone. */
static int tell(int link, const consumer_report_t *report)
{
    return send(link, report, sizeof *report, MSG_NOSIGNAL) == (ssize_t)sizeof *report;
}

/* The call and what follows from it, when consumer_dispatch_prepare() has made one ready. */
static void send_out(consumer_report_t *report, consumer_dispatch_t *dispatch, int link)
{
    tell(link, report);
    consumer_dispatch_call(report, dispatch);
    tell(link, report);
    await_turn(link);
    consumer_dispatch_finish(report, dispatch);
}

/* What was claimed, from its beginning to its end. */
static void work(consumer_report_t *report, consumer_dispatch_t *dispatch, crm360_lane_t lane,
                 int link)
{
    /* An idle worker shall not wait for the end of this batch to hear of the rest. */
    if (report->next_due >= 0) {
        tell(link, report); /* when the master is gone, the next one says so */
    }
    if (lane == CRM360_LANE_SEND) {
        consumer_dispatch_prepare(report, dispatch);
    }
    else {
        consumer_dispatch_work(report, dispatch);
    }
    if (!report->over && consumer_dispatch_calls(dispatch)) {
        send_out(report, dispatch, link);
    }
    else if (!report->over) {
        tell(link, report);
        consumer_dispatch_split(report, dispatch);
    }
}

int consumer_worker_run(const crm360_config_t *config, crm360_lane_t lane, int link,
                        consumer_slot_t *slot, consumer_shared_t *shared, void *health,
                        apr_pool_t *pool)
{
    consumer_dispatch_t *dispatch;
    consumer_assignment_t assignment;
    crm360_queue_t *queue;
    outbound_t *outbound = NULL;
    apr_status_t rv;

    consumer_signals_worker(&stop, (unsigned)apr_time_sec(crm360_config_handler_timeout(config)) +
                                       GRACE_SECONDS);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    own_slot = slot;
    rv = limit_memory(config, pool);
    if (rv == APR_SUCCESS) {
        rv = crm_db_init(pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm360_queue_make(&queue, config, 1, health, pool);
    }
    if (rv == APR_SUCCESS && lane == CRM360_LANE_SEND) {
        rv = outbound_make(&outbound, crm360_config_outbox(config),
                           crm360_config_handler_timeout(config) / 4 * 3, pool);
    }
    if (rv != APR_SUCCESS) {
        crm360_log(CRM360_LOG_ERROR, rv, CRM360_LOGNO(0320) "a worker of lane %s cannot start",
                   crm360_lane_name(lane));
        return 1;
    }
    dispatch = consumer_dispatch_make(config, queue, lane, consumer_identity(getpid(), pool), slot,
                                      shared, outbound, &stop, pool);
    while (next_assignment(&assignment, link)) {
        consumer_report_t report;

        consumer_dispatch_claim(&report, dispatch, assignment.database);
        if (!report.over) {
            work(&report, dispatch, lane, link);
        }
        if (!tell(link, &report)) {
            break;
        }
    }
    consumer_dispatch_settle(dispatch);
    return 0;
}
