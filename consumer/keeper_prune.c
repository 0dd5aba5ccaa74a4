/*
 * Deleting old rows of the CRM databases: of all of them, also those that nothing happens to. Each
 * is opened for that once a day, one at a time. Must never keep a database open, or locked for
 * long.
 */
#include "consumer/keeper_private.h"

#include "consumer/schedule.h"
#include "core/clock.h"
#include "core/log.h"
#include "crm/retention.h"

#define PRUNE_EVERY (24 * 3600 * APR_USEC_PER_SEC)
/* A database that could not be used. */
#define PRUNE_AGAIN (3600 * APR_USEC_PER_SEC)
/* Rows in a transaction, and the pause behind it in which others get at the database. */
#define PRUNE_ROWS 1000
#define PRUNE_PAUSE (20 * 1000)
/* As long as it takes, but not all day; the rest comes tomorrow. */
#define PRUNE_MOST (60 * APR_USEC_PER_SEC)

apr_time_t keeper_prune_next(const keeper_t *keeper)
{
    apr_time_t next = CONSUMER_NEVER;
    int i;

    for (i = 0; i < keeper->count; i++) {
        if (keeper->databases[i].prune_at < next) {
            next = keeper->databases[i].prune_at;
        }
    }
    return next;
}

/* Deletes what there is to delete. */
static apr_status_t prune(crm_pruned_t *all, crm_db_t *db, keeper_t *keeper, apr_time_t until)
{
    crm_retention_t keep = {.inbox = crm360_config_inbox_keep(keeper->config),
                            .events = crm360_config_event_keep(keeper->config)};
    apr_pool_t *pool;
    apr_status_t rv;
    crm_pruned_t some;

    apr_pool_create(&pool, keeper->turn);
    apr_pool_tag(pool, "crm360_prune");
    for (;;) {
        rv = crm_retention_prune(&some, db, &keep, PRUNE_ROWS, pool);
        all->inbox += some.inbox;
        all->jobs += some.jobs;
        all->events += some.events;
        if (rv != APR_SUCCESS || !some.more || *keeper->stop || crm360_clock() > until) {
            return rv;
        }
        apr_pool_clear(pool);
        apr_sleep(PRUNE_PAUSE);
    }
}

int keeper_prune(keeper_t *keeper, apr_time_t now)
{
    keeper_database_t *database = NULL;
    crm_pruned_t pruned = {0};
    const char *why = "";
    apr_status_t rv;
    crm_db_t *db;
    int i;

    for (i = 0; i < keeper->count; i++) {
        if (keeper->databases[i].prune_at <= now) {
            database = &keeper->databases[i];
            break;
        }
    }
    if (!database) {
        return 0;
    }
    rv = crm_db_open(&db, &why, database->conf, keeper->turn);
    if (rv == APR_SUCCESS) {
        rv = prune(&pruned, db, keeper, now + PRUNE_MOST);
        why = crm_db_error(db);
    }
    /* Whoever has work for it says at a higher level what is wrong with it. */
    if (rv != APR_SUCCESS) {
        crm360_log(CRM360_LOG_INFO, APR_SUCCESS,
                   "old rows of %s are not deleted (%s); next try in an hour", database->keys->name,
                   why);
    }
    else {
        keeper->walk.pruned++;
    }
    if (pruned.inbox || pruned.jobs || pruned.events) {
        crm360_log(
            CRM360_LOG_INFO, APR_SUCCESS,
            "old rows of %s deleted: %d of WebhookInbox, %d of WebhookEvents, %d of WebhookJobs",
            database->keys->name, pruned.inbox, pruned.events, pruned.jobs);
    }
    database->prune_at = crm360_clock() + (rv == APR_SUCCESS ? PRUNE_EVERY : PRUNE_AGAIN);
    return 1;
}
