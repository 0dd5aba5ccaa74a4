/*
 * The worker's database connections. Must never keep one that failed: a connection after an error
 * is in a state nobody knows.
 */
#include "consumer/databases.h"

#include <sys/resource.h>

#include "consumer/link.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/queue.h"
#include "crm/retention.h"

/* How often, and how many rows at a time, a database that is worked on is pruned. */
#define PRUNE_EVERY (APR_USEC_PER_SEC * 3600)
#define PRUNE_ROWS 10000

struct consumer_databases_t {
    const crm360_config_t *config;
    int count;
    int open;
    consumer_database_t *each;
    APR_RING_HEAD(consumer_open_t, consumer_database_t)
    used; /* the open ones, the last used one last */
    apr_pool_t *pool;
};

/* SQLite has three files open for each database. What root allows is ours to use. */
static void allow_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* without it the old limit holds */
    }
}

consumer_databases_t *consumer_databases_make(const crm360_config_t *config,
                                              consumer_shared_t *shared, apr_pool_t *pool)
{
    const apr_array_header_t *list = crm360_config_databases(config);
    consumer_databases_t *all = apr_pcalloc(pool, sizeof *all);
    int i;

    all->config = config;
    all->count = list->nelts;
    all->each = apr_pcalloc(pool, (apr_size_t)(list->nelts + 1) * sizeof *all->each);
    all->pool = pool;
    APR_RING_INIT(&all->used, consumer_database_t, link);
    allow_files();
    for (i = 0; i < list->nelts; i++) {
        const crm360_database_t *conf = APR_ARRAY_IDX(list, i, const crm360_database_t *);

        all->each[i].conf = conf;
        all->each[i].keys = crm360_keys_make(conf->customer, conf->alias, pool);
        all->each[i].fits = CRM360_CLAIM_MOST;
        all->each[i].owner = all;
        all->each[i].trouble = &shared->databases[i];
    }
    return all;
}

static void close_database(consumer_database_t *database)
{
    if (database->pool) {
        APR_RING_REMOVE(database, link);
        apr_pool_destroy(database->pool);
        database->pool = NULL;
        database->db = NULL;
        database->owner->open--;
    }
}

static void complain(consumer_database_t *database, const char *why)
{
    database->complained = 1;
    if (consumer_trouble_begins(database->trouble, crm360_clock())) {
        crm360_log(CRM360_LOG_ERROR, APR_SUCCESS,
                   CRM360_LOGNO(0313) "database %s/%s cannot be used: %s; its messages wait and "
                                      "lose no attempt",
                   database->conf->customer, database->conf->alias, why);
    }
}

consumer_database_t *consumer_database_at(consumer_databases_t *all, int index)
{
    return index < all->count ? &all->each[index] : NULL;
}

int consumer_database_sleeps(const consumer_database_t *database)
{
    return !database->db && !database->complained;
}

apr_status_t consumer_database_open(consumer_database_t **database, consumer_databases_t *all,
                                    int index)
{
    consumer_database_t *wanted = &all->each[index];
    const char *why = "";
    apr_status_t rv;

    *database = wanted;
    if (wanted->db) {
        APR_RING_REMOVE(wanted, link);
        APR_RING_INSERT_TAIL(&all->used, wanted, consumer_database_t, link);
        return APR_SUCCESS;
    }
    if (all->open >= crm360_config_databases_open(all->config)) {
        close_database(APR_RING_FIRST(&all->used));
    }
    APR_RING_INSERT_TAIL(&all->used, wanted, consumer_database_t, link);
    apr_pool_create(&wanted->pool, all->pool);
    apr_pool_tag(wanted->pool, "crm360_database");
    all->open++;
    rv = crm_db_open(&wanted->db, &why, wanted->conf, wanted->pool);
    if (rv != APR_SUCCESS) {
        wanted->db = NULL;
        complain(wanted, why);
        close_database(wanted);
    }
    return rv;
}

void consumer_database_failed(consumer_database_t *database, const char *why)
{
    complain(database, why);
    close_database(database);
}

void consumer_database_worked(consumer_database_t *database, apr_pool_t *pool)
{
    apr_time_t now = crm360_clock();
    crm_retention_t keep;
    crm_pruned_t pruned;
    apr_status_t rv;

    if (consumer_trouble_ends(database->trouble, database->complained, now)) {
        crm360_log(CRM360_LOG_NOTICE, APR_SUCCESS, "database %s/%s works again",
                   database->conf->customer, database->conf->alias);
    }
    database->complained = 0;
    if (database->pruned && now - database->pruned < PRUNE_EVERY) {
        return;
    }
    keep.inbox = crm360_config_inbox_keep(database->owner->config);
    keep.events = crm360_config_event_keep(database->owner->config);
    rv = crm_retention_prune(&pruned, database->db, &keep, PRUNE_ROWS, pool);
    if (rv != APR_SUCCESS) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0314) "pruning %s/%s: %s; next try in an hour",
                   database->conf->customer, database->conf->alias, crm_db_error(database->db));
        close_database(database);
    }
    /* As long as there is more to delete, each batch deletes some. */
    if (rv != APR_SUCCESS || !pruned.more) {
        database->pruned = now;
    }
}
