/*
 * A worker's connections to the CRM databases: opened at first use, kept, the least recently used
 * closed when there are many, opened anew after a failure. One process, one thread.
 */
#ifndef CONSUMER_DATABASES_H
#define CONSUMER_DATABASES_H

#include <apr_ring.h>

#include "consumer/shared.h"
#include "core/config.h"
#include "core/keys.h"
#include "crm/db.h"

typedef struct consumer_databases_t consumer_databases_t;

typedef struct consumer_database_t {
    APR_RING_ENTRY(consumer_database_t) link; /* among the open ones */
    const crm360_database_t *conf;
    const crm360_keys_t *keys;
    crm_db_t *db;      /* NULL = not open */
    apr_pool_t *pool;  /* of the connection; destroyed with it */
    apr_time_t pruned; /* when its old rows were last deleted */
    int fits;          /* how many messages to claim: so many have fitted into a batch's time */
    int unsettled;     /* leases may be left under our name */
    int careful;       /* for so many batches more each message has a savepoint */
    int complained;    /* this worker could not use it the last time */
    consumer_trouble_t *trouble; /* the same of all workers, which is logged */
    consumer_databases_t *owner;
} consumer_database_t;

/* Of all databases of the configuration; opens none. `shared` is borrowed. */
consumer_databases_t *consumer_databases_make(const crm360_config_t *config,
                                              consumer_shared_t *shared, apr_pool_t *pool);

/* Number `index` as it is; NULL beyond the last. */
consumer_database_t *consumer_database_at(consumer_databases_t *all, int index);

/* Whether it is closed, and not because it failed. */
int consumer_database_sleeps(const consumer_database_t *database);

/* Number `index`, connected. Otherwise the status of crm_db_open(), logged when it is news. */
apr_status_t consumer_database_open(consumer_database_t **database, consumer_databases_t *all,
                                    int index) __attribute__((warn_unused_result));

/* A transaction failed: logs it when it is news, and closes the connection, so that
 * the next use makes a new one. */
void consumer_database_failed(consumer_database_t *database, const char *why);

/* A transaction went well: logs the end of a failure, prunes once an hour. */
void consumer_database_worked(consumer_database_t *database, apr_pool_t *pool);

#endif
