/*
 * A worker's connections to the CRM databases: opened at first use, kept, the least recently used
 * closed when there are many, opened anew after a failure. One process, one thread.
 */
#ifndef CONSUMER_DATABASES_H
#define CONSUMER_DATABASES_H

#include "core/config.h"
#include "core/keys.h"
#include "crm/db.h"

typedef struct consumer_databases_t consumer_databases_t;

typedef struct consumer_database_t {
    const crm360_database_t *conf;
    const crm360_keys_t *keys;
    crm_db_t *db;      /* NULL = not open */
    apr_pool_t *pool;  /* of the connection; destroyed with it */
    apr_time_t used;   /* crm360_clock() of the last use */
    apr_time_t pruned; /* when its old rows were last deleted */
    int fits;          /* how many messages to claim: so many have fitted into a batch's time */
    int unsettled;     /* leases may be left under our name */
    int complained;    /* that it is out of reach has been logged */
    consumer_databases_t *owner;
} consumer_database_t;

/* Of all databases of the configuration; opens none. */
consumer_databases_t *consumer_databases_make(const crm360_config_t *config, apr_pool_t *pool);

/* Number `index` as it is; NULL beyond the last. */
consumer_database_t *consumer_database_at(consumer_databases_t *all, int index);

/* Number `index`, connected. Otherwise the status of crm_db_open(), logged when it is news. */
apr_status_t consumer_database_open(consumer_database_t **database, consumer_databases_t *all,
                                    int index) __attribute__((warn_unused_result));

/* A transaction failed: logs it when it is news, and closes the connection, so that
 * the next use makes a new one. */
void consumer_database_failed(consumer_database_t *database, const char *why);

/* A transaction went well: logs the end of a failure, prunes once an hour. */
void consumer_database_worked(consumer_database_t *database, apr_pool_t *pool);

#endif
