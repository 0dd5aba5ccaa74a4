/* The master's side of the keeper: starting it, telling it, noticing its end. */
#include "consumer/keeper.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "consumer/child.h"
#include "consumer/keeper_private.h"
#include "consumer/schedule.h"
#include "core/backoff.h"
#include "core/clock.h"
#include "core/log.h"

/* As for workers: one that ends sooner than this is started again with growing delays. */
#define QUICK_DEATH APR_USEC_PER_SEC
#define RESTART_MOST (30 * APR_USEC_PER_SEC)
/* How long it may take to end when it is asked to. All it does can be done again. */
#define END_MOST (6 * APR_USEC_PER_SEC)
#define END_LOOK (10 * 1000)

struct consumer_keeper_t {
    const crm360_config_t *config;
    void *health;
    apr_pool_t *pool;
    apr_pool_t *life; /* of the process that runs */
    pid_t pid;        /* 0 = it does not run */
    int link;
    int told;     /* to end */
    int hurried;  /* before it ran */
    int failures; /* quick ends in a row */
    apr_time_t started;
    apr_time_t start_at; /* not before */
};

consumer_keeper_t *consumer_keeper_make(const crm360_config_t *config, void *health,
                                        apr_pool_t *pool)
{
    consumer_keeper_t *keeper = apr_pcalloc(pool, sizeof *keeper);

    keeper->config = config;
    keeper->health = health;
    keeper->pool = pool;
    keeper->link = -1;
    return keeper;
}

apr_time_t consumer_keeper_next(const consumer_keeper_t *keeper)
{
    return keeper->pid ? CONSUMER_NEVER : keeper->start_at;
}

/* The child's part of a start. */
static void be_keeper(consumer_keeper_t *keeper, int link)
{
    int status = keeper_run(keeper->config, link, keeper->health, keeper->life);

    apr_pool_destroy(keeper->life);
    _exit(status);
}

/* It is to be started again, later each time it does not last. */
static void wait_longer(consumer_keeper_t *keeper, apr_time_t now)
{
    keeper->failures++;
    keeper->start_at =
        now + crm360_backoff_reconnect(keeper->failures, APR_USEC_PER_SEC / 10, RESTART_MOST);
}

void consumer_keeper_start(consumer_keeper_t *keeper, apr_time_t now)
{
    apr_status_t rv;

    if (keeper->pid || keeper->start_at > now) {
        return;
    }
    apr_pool_create(&keeper->life, keeper->pool);
    apr_pool_tag(keeper->life, "crm360_keeper");
    keeper->started = now;
    rv = consumer_child_fork(&keeper->pid, &keeper->link, keeper->life);
    if (rv == APR_INCHILD) {
        be_keeper(keeper, keeper->link);
    }
    if (rv != APR_INPARENT) {
        apr_pool_destroy(keeper->life);
        wait_longer(keeper, now);
        crm360_log(CRM360_LOG_ERROR, rv,
                   CRM360_LOGNO(0321) "cannot start the keeper; next try in %d s",
                   (int)apr_time_sec(keeper->start_at - now) + 1);
        return;
    }
    if (keeper->hurried) {
        consumer_keeper_hurry(keeper);
    }
}

void consumer_keeper_hurry(consumer_keeper_t *keeper)
{
    /* When it does not take the word it has many already, or is about to be buried. */
    keeper->hurried = !keeper->pid || send(keeper->link, "h", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1;
}

void consumer_keeper_reap(consumer_keeper_t *keeper)
{
    apr_time_t now = crm360_clock();
    int status = 0;
    pid_t pid;

    if (!keeper->pid) {
        return;
    }
    pid = waitpid(keeper->pid, &status, WNOHANG);
    if (pid != keeper->pid && !(pid < 0 && errno == ECHILD)) {
        return;
    }
    if (!keeper->told) {
        crm360_log(CRM360_LOG_ERROR, APR_SUCCESS,
                   CRM360_LOGNO(0322) "the keeper %d ended (%s %d); a new one is started",
                   (int)keeper->pid, WIFSIGNALED(status) ? "signal" : "exit status",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    close(keeper->link);
    keeper->link = -1;
    keeper->pid = 0;
    apr_pool_destroy(keeper->life);
    keeper->start_at = now;
    if (now - keeper->started < QUICK_DEATH) {
        wait_longer(keeper, now);
    }
    else {
        keeper->failures = 0;
    }
}

void consumer_keeper_stop(consumer_keeper_t *keeper)
{
    keeper->told = 1;
    if (keeper->pid) {
        kill(keeper->pid, SIGTERM);
    }
}

void consumer_keeper_await(consumer_keeper_t *keeper)
{
    apr_time_t until = crm360_clock() + END_MOST;

    consumer_keeper_reap(keeper);
    while (keeper->pid) {
        if (crm360_clock() > until) {
            kill(keeper->pid, SIGKILL);
        }
        apr_sleep(END_LOOK);
        consumer_keeper_reap(keeper);
    }
}
