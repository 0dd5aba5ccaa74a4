/*
 * Who works on what, and when: for each database and lane the time its queue is next due, which
 * databases are taken or paused, and whose turn it is. Arithmetic only: no clock, no socket, no
 * Redis, so that it can be tested to the last case. Times are crm360_clock() microseconds. Used by
 * the master only.
 */
#ifndef CONSUMER_SCHEDULE_H
#define CONSUMER_SCHEDULE_H

#include <apr_pools.h>
#include <apr_time.h>

#include "core/route.h"

#define CONSUMER_NEVER APR_INT64_MAX
#define CONSUMER_ANY_SHARE (-1)

typedef struct consumer_schedule_t consumer_schedule_t;

/* A schedule of `databases` databases whose queues are all empty. most_at_once[i] limits the
 * workers on database i over all lanes (SQLite: 1). In each lane the databases are dealt out into
 * shares[lane] shares, database i into share i % shares[lane]; 0 counts as 1. */
consumer_schedule_t *consumer_schedule_make(int databases, const int *most_at_once,
                                            const int *shares, apr_pool_t *pool);

/* The queue's head is, or was moved, to `at`: takes the earlier of this and what is known. Also
 * what a worker says who has just claimed: when the rest of the queue is due. */
void consumer_schedule_due(consumer_schedule_t *schedule, int database, crm360_lane_t lane,
                           apr_time_t at);

/* The queue's head was seen at `at` (CONSUMER_NEVER = empty) just now: replaces what is known.
 * While somebody works on the queue it may be older than what he has said, or newer: the
 * earlier of both counts then, and one look too many is all it can cost. */
void consumer_schedule_seen(consumer_schedule_t *schedule, int database, crm360_lane_t lane,
                            apr_time_t at);

/* Index of the database whose turn it is in `lane`, counted as taken; -1 when nothing is due
 * that may be worked on. Among several it is the one that was not served for longest, so that
 * however many have a backlog, a fresh message elsewhere is next. With a share it is one of that
 * share (whoever asks has its connection open, as like as not), or -1; unless the one whose turn it
 * is has waited for 20 ms: then nobody waits for anybody in particular. `now` never goes back. */
int consumer_schedule_take(consumer_schedule_t *schedule, crm360_lane_t lane, int share,
                           apr_time_t now);

/* Whether one who has left a database may use it again now: 1, and it is counted as taken by him,
 * in `lane`. Whether it is due or held does not matter: he has work to finish. */
int consumer_schedule_join(consumer_schedule_t *schedule, int database, crm360_lane_t lane);

/* One who took it is done; the queue is due at `at` again, CONSUMER_NEVER when he knows no more
 * than he has said (consumer_schedule_due) before. */
void consumer_schedule_done(consumer_schedule_t *schedule, int database, crm360_lane_t lane,
                            apr_time_t at);

/* Nothing of this database is taken before `until`, and then by one worker only, until 0 ends the
 * pause: the others wait for what becomes of his try. */
void consumer_schedule_hold(consumer_schedule_t *schedule, int database, apr_time_t until);

/* When something that cannot be taken now will be due by time alone; CONSUMER_NEVER when only an
 * event can change anything. `idle[lane]` says whether the lane has a worker free to take it. */
apr_time_t consumer_schedule_next(const consumer_schedule_t *schedule, const int *idle);

#endif
