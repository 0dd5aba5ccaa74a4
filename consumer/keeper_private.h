/*
 * What the files of the keeper share and nobody else may include: its process, and the four
 * things that it does. Each does a small step at a time, so that the keeper can pause in between
 * and end at once.
 */
#ifndef CONSUMER_KEEPER_PRIVATE_H
#define CONSUMER_KEEPER_PRIVATE_H

#include <apr_hash.h>

#include <signal.h>

#include "consumer/keeper.h"
#include "core/queue_admin.h"
#include "core/queue_history.h"

typedef struct keeper_database_t {
    const crm360_database_t *conf;
    const crm360_keys_t *keys;
    apr_int64_t dead_bytes; /* of its dead letters, as the walk through them has found */
    apr_time_t prune_at;    /* when its old rows are deleted next */
} keeper_database_t;

/* Where the walk is. */
typedef struct keeper_walk_t {
    int database;     /* the one that is walked through; databases = the stored messages are */
    int looked;       /* up to here it is known which are occupied */
    int *occupied;    /* of 200 databases: whether they have anything in Redis */
    int set;          /* which of its keys */
    char cursor[32];  /* in that key, or in all of Redis */
    apr_int64_t seen; /* entries */
    int healed;
    int exported;
    int pruned;            /* databases */
    apr_hash_t *strangers; /* "customer/alias" of messages that no section names */
    const char *stranger;  /* the first of them; NULL = none */
} keeper_walk_t;

/* The minute that is being written, or waited for. */
typedef struct keeper_history_t {
    crm360_history_t minute;
    int looking;     /* at the databases, one after the other */
    int database;    /* the next of them */
    int tries;       /* in a row that Redis had no answer for */
    apr_time_t next; /* step; crm360_clock() */
} keeper_history_t;

typedef struct keeper_t {
    const crm360_config_t *config;
    crm360_queue_t *queue;
    int count;
    keeper_database_t *databases;
    apr_hash_t *by_name; /* "customer/alias" -> keeper_database_t */
    crm360_dead_limits_t limits;
    int export_failed; /* which has been logged */
    keeper_walk_t walk;
    keeper_history_t history;
    apr_pool_t *walked; /* of one walk */
    unsigned strangers; /* how many were logged last */
    const volatile sig_atomic_t *stop;
    apr_pool_t *pool;
    apr_pool_t *turn; /* of one step */
} keeper_t;

/* The child's life: until the master closes `link`, ends or sends TERM. Returns the exit status. */
int keeper_run(const crm360_config_t *config, int link, void *health, apr_pool_t *pool);

/* Begins a walk through everything. */
void keeper_walk_begin(keeper_t *keeper);

/* One step of it. *cost says how many entries were looked at, at least 1. APR_EOF: the walk is
 * over. Errors of Redis: to be tried again later, at the same place. */
apr_status_t keeper_walk_step(int *cost, keeper_t *keeper) __attribute__((warn_unused_result));

/* Exports and drops dead letters of a database that are beyond the limits, some at a time. APR_EOF:
 * none is (any more), or nothing can be written. */
apr_status_t keeper_bound_dead(int *cost, keeper_t *keeper, keeper_database_t *database)
    __attribute__((warn_unused_result));

/* One step of writing the line of this minute, when it is time at `now` (crm360_clock()). */
void keeper_history_step(keeper_t *keeper, apr_time_t now);

/* When the next one is due. */
apr_time_t keeper_history_next(const keeper_t *keeper);

/* Deletes old rows of the database whose turn it is at `now` (crm360_clock()). 1 when there was
 * one. */
int keeper_prune(keeper_t *keeper, apr_time_t now);

/* When the next one is due; CONSUMER_NEVER when there is no database. */
apr_time_t keeper_prune_next(const keeper_t *keeper);

#endif
