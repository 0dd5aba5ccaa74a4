/*
 * The worker processes of a master: starting them, giving them work, noticing their end. Used by
 * the master's single thread only.
 */
#ifndef CONSUMER_CREW_H
#define CONSUMER_CREW_H

#include <apr_pools.h>

#include <sys/types.h>

#include "consumer/link.h"
#include "consumer/shared.h"
#include "core/config.h"
#include "core/queue.h"

/* One worker, or the place of one that is to be started. */
typedef struct consumer_worker_t {
    crm360_lane_t lane;
    pid_t pid;        /* 0 = not running */
    const char *name; /* as in the claims; in `pool` */
    apr_pool_t *pool; /* of this life of the worker */
    int link;         /* socket to it; -1 when not running */
    consumer_slot_t *slot;
    int database;                       /* what it works on; -1 = idle */
    int left;                           /* it does not need that now, another may use it */
    int wants;                          /* it has left it, and waits until it may use it again */
    int overran;                        /* killed by us for its handler's deadline */
    char overran_id[CONSUMER_ID_BYTES]; /* the message that ran then; "" = none */
    int failures;                       /* quick deaths in a row */
    apr_time_t started;
    apr_time_t start_at; /* not before; crm360_clock() */
} consumer_worker_t;

typedef struct consumer_crew_t {
    const crm360_config_t *config;
    int count;
    consumer_worker_t *workers;
    consumer_shared_t *shared;
    void *health; /* shared memory for crm360_queue_make() */
    apr_pool_t *pool;
} consumer_crew_t;

/* What became of a worker. */
typedef struct consumer_death_t {
    consumer_worker_t *worker; /* its name and database are those of the life that ended */
    const char *what;          /* for the log */
    int charged;               /* a message is to be charged */
    crm360_charge_t charge;
} consumer_death_t;

/* Makes the places for all lanes' workers; starts none. Ends with `pool`. */
apr_status_t consumer_crew_make(consumer_crew_t **crew, const crm360_config_t *config,
                                apr_pool_t *pool) __attribute__((warn_unused_result));

/* Starts whoever is not running and may start by now. In the child it never returns. */
void consumer_crew_start(consumer_crew_t *crew, apr_time_t now);

/* When somebody may be started; CONSUMER_NEVER (schedule.h) when all run. */
apr_time_t consumer_crew_next_start(const consumer_crew_t *crew);

/* Sends work to an idle worker. Not APR_SUCCESS when it has just died. */
apr_status_t consumer_crew_assign(consumer_worker_t *worker, int database)
    __attribute__((warn_unused_result));

/* Lets a worker that has left its database use it again. As above. */
apr_status_t consumer_crew_turn(consumer_worker_t *worker) __attribute__((warn_unused_result));

/* Reads a report of a worker whose link is readable. APR_EAGAIN when there is none. */
apr_status_t consumer_crew_report(consumer_report_t *report, consumer_worker_t *worker)
    __attribute__((warn_unused_result));

/* Kills workers whose handler has overrun its deadline; returns when to look again. */
apr_time_t consumer_crew_check(consumer_crew_t *crew, apr_time_t now);

/* Whether consumer_crew_check() should have killed somebody by now and has not. */
int consumer_crew_overlooks(const consumer_crew_t *crew, apr_time_t now);

/* Takes one dead child: 1 and *death, 0 when there is none (left). Strings live in `pool`. */
int consumer_crew_reap(consumer_death_t *death, consumer_crew_t *crew, apr_pool_t *pool);

/* Asks all to finish their message and end; with `hard` ends them at once. */
void consumer_crew_stop(consumer_crew_t *crew, int hard);

/* How many are running. */
int consumer_crew_running(const consumer_crew_t *crew);

#endif
