/*
 * The walk through everything in Redis: database by database all entries and notes, then all
 * stored messages. What it comes across is handed to the script that mends it, page by page. Must
 * never ask for so much at once that Redis is busy with it for long.
 */
#include "consumer/keeper_private.h"

#include <apr_strings.h>

#include <string.h>

#include "core/log.h"

/* Databases in one look. */
#define LOOK_AT_ONCE 200
/* Entries in a page, and keys of Redis in a step through all of them. */
#define PAGE 100
#define SCAN_KEYS 500
/* Names that are noted of databases that no section names. */
#define STRANGERS_MOST 1000

/* The keys of a database in the order of the walk; the dead letters last, because what is mended
 * before may add some. */
enum { CLAIMS = CRM360_LANES, FAILURES, SPLITS, DEAD, BOUND, SETS };

/* Notes where to go on. 1 when that is the beginning, so the key is through. */
static int move_on(keeper_walk_t *walk, const char *cursor)
{
    apr_cpystrn(walk->cursor, cursor, sizeof walk->cursor);
    return strcmp(walk->cursor, "0") == 0;
}

void keeper_walk_begin(keeper_t *keeper)
{
    int *occupied = keeper->walk.occupied;

    if (!occupied) {
        occupied = apr_pcalloc(keeper->pool, LOOK_AT_ONCE * sizeof *occupied);
    }
    memset(&keeper->walk, 0, sizeof keeper->walk);
    keeper->walk.occupied = occupied;
    apr_pool_clear(keeper->walked);
    keeper->walk.strangers = apr_hash_make(keeper->walked);
    (void)move_on(&keeper->walk, "0");
}

static apr_status_t reconcile(apr_int64_t *dead_bytes, keeper_t *keeper, const crm360_keys_t *keys,
                              const char *const *ids, int count)
{
    apr_status_t rv = APR_SUCCESS;
    int at;

    for (at = 0; at < count && rv == APR_SUCCESS; at += CRM360_ADMIN_MOST) {
        int some = count - at < CRM360_ADMIN_MOST ? count - at : CRM360_ADMIN_MOST;
        crm360_reconciled_t done;

        rv = crm360_queue_reconcile(&done, keeper->queue, keys, ids + at, some, keeper->turn);
        keeper->walk.healed += done.healed;
        *dead_bytes += done.dead_bytes;
    }
    return rv;
}

/* ---- the keys of a database ---- */

static const char *set_key(const crm360_keys_t *keys, int set)
{
    switch (set) {
    case CLAIMS:
        return keys->claims;
    case FAILURES:
        return keys->failures;
    case SPLITS:
        return keys->splits;
    case DEAD:
        return keys->dead;
    default:
        return keys->lane[set];
    }
}

/* A page of one of the keys. APR_EOF: it was the last one. */
static apr_status_t walk_set(int *cost, keeper_t *keeper, keeper_database_t *database)
{
    keeper_walk_t *walk = &keeper->walk;
    const char *cursor = walk->cursor;
    apr_int64_t bytes = 0;
    crm360_page_t page;
    const char **ids;
    apr_status_t rv;
    int i;

    if (walk->set == DEAD && strcmp(cursor, "0") == 0) {
        database->dead_bytes = 0;
    }
    rv = crm360_queue_walk(&page, &cursor, keeper->queue, set_key(database->keys, walk->set), PAGE,
                           keeper->turn);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    ids = apr_palloc(keeper->turn, ((apr_size_t)page.count + 1) * sizeof *ids);
    for (i = 0; i < page.count; i++) {
        ids[i] = page.entries[i].id;
    }
    rv = reconcile(&bytes, keeper, database->keys, ids, page.count);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (walk->set == DEAD) {
        database->dead_bytes += bytes;
    }
    *cost = page.count + 1;
    walk->seen += page.count;
    return move_on(walk, cursor) ? APR_EOF : APR_SUCCESS;
}

/* Looks which of the next databases have anything in Redis. */
static apr_status_t look_ahead(int *cost, keeper_t *keeper)
{
    keeper_walk_t *walk = &keeper->walk;
    int rest = keeper->count - walk->looked;
    int some = rest < LOOK_AT_ONCE ? rest : LOOK_AT_ONCE;
    const crm360_keys_t **keys = apr_palloc(keeper->turn, (apr_size_t)some * sizeof(*keys));
    apr_status_t rv;
    int i;

    for (i = 0; i < some; i++) {
        keys[i] = keeper->databases[walk->looked + i].keys;
    }
    rv = crm360_queue_occupied(walk->occupied, keeper->queue, keys, some, keeper->turn);
    if (rv == APR_SUCCESS) {
        walk->looked += some;
        *cost = some;
    }
    return rv;
}

static void next_database(keeper_walk_t *walk)
{
    walk->database++;
    walk->set = 0;
    (void)move_on(walk, "0");
}

/* A step through the databases. */
static apr_status_t walk_databases(int *cost, keeper_t *keeper)
{
    keeper_walk_t *walk = &keeper->walk;
    keeper_database_t *database = &keeper->databases[walk->database];
    apr_status_t rv;

    if (walk->database == walk->looked) {
        return look_ahead(cost, keeper);
    }
    if (!walk->occupied[walk->database % LOOK_AT_ONCE]) {
        next_database(walk);
        *cost = 0;
        return APR_SUCCESS;
    }
    rv = walk->set == BOUND ? keeper_bound_dead(cost, keeper, database)
                            : walk_set(cost, keeper, database);
    /* What Redis cannot say of this key shall not hold up the others. */
    if (rv == APR_EOF || rv == CRM360_EPROTOCOL) {
        (void)move_on(walk, "0");
        if (++walk->set == SETS) {
            next_database(walk);
        }
        rv = APR_SUCCESS;
    }
    return rv;
}

/* ---- the stored messages ---- */

/* Reconciles those of the messages that do not wait where they should. They are taken database by
 * database: taken[i] is set for those that are done with. */
static apr_status_t reconcile_stored(keeper_t *keeper, const crm360_keys_t *const *keys,
                                     const char *const *ids, int *taken, int count)
{
    const char **some = apr_palloc(keeper->turn, ((apr_size_t)count + 1) * sizeof *some);
    apr_status_t rv = APR_SUCCESS;
    apr_int64_t bytes = 0;
    int i, other;

    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        int found = 0;

        for (other = i; other < count; other++) {
            if (!taken[other] && keys[other] == keys[i]) {
                taken[other] = 1;
                some[found++] = ids[other];
            }
        }
        rv = reconcile(&bytes, keeper, keys[i], some, found);
    }
    return rv;
}

/* Notes the database of a message that no section names: nobody works on it. */
static void note_stranger(keeper_t *keeper, const char *database)
{
    keeper_walk_t *walk = &keeper->walk;

    if (apr_hash_count(walk->strangers) < STRANGERS_MOST &&
        !apr_hash_get(walk->strangers, database, APR_HASH_KEY_STRING)) {
        const char *name = apr_pstrdup(keeper->walked, database);

        apr_hash_set(walk->strangers, name, APR_HASH_KEY_STRING, "");
        walk->stranger = walk->stranger ? walk->stranger : name;
    }
}

/* At the end of a walk; once, until there are more or fewer of them. */
static void tell_strangers(keeper_t *keeper)
{
    unsigned found = apr_hash_count(keeper->walk.strangers);

    if (found && found != keeper->strangers) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0125) "Redis holds messages of %u databases that no section names, "
                                      "the first is %s; this crm360d leaves them alone",
                   found, keeper->walk.stranger);
    }
    keeper->strangers = found;
}

/* A step through all messages. Most wait where their id says, and that is asked in one go. */
static apr_status_t walk_stored(int *cost, keeper_t *keeper)
{
    keeper_walk_t *walk = &keeper->walk;
    const char *cursor = walk->cursor;
    const crm360_keys_t **keys;
    crm360_stored_t *stored;
    const char **ids;
    apr_status_t rv;
    int *waiting;
    int count, ours = 0;
    int i;

    rv = crm360_queue_walk_stored(&stored, &count, &cursor, keeper->queue, SCAN_KEYS, keeper->turn);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    keys = apr_palloc(keeper->turn, ((apr_size_t)count + 1) * sizeof(*keys));
    ids = apr_palloc(keeper->turn, ((apr_size_t)count + 1) * sizeof *ids);
    waiting = apr_palloc(keeper->turn, ((apr_size_t)count + 1) * sizeof *waiting);
    for (i = 0; i < count; i++) {
        const keeper_database_t *database =
            apr_hash_get(keeper->by_name, stored[i].database, APR_HASH_KEY_STRING);

        if (database) {
            keys[ours] = database->keys;
            ids[ours++] = stored[i].id;
        }
        else {
            note_stranger(keeper, stored[i].database);
        }
    }
    rv = crm360_queue_waiting(waiting, keeper->queue, keys, ids, ours, keeper->turn);
    if (rv == APR_SUCCESS) {
        rv = reconcile_stored(keeper, keys, ids, waiting, ours);
    }
    if (rv != APR_SUCCESS && rv != CRM360_EPROTOCOL) {
        return rv;
    }
    *cost = SCAN_KEYS;
    walk->seen += ours;
    if (!move_on(walk, cursor)) {
        return APR_SUCCESS;
    }
    tell_strangers(keeper);
    return APR_EOF;
}

apr_status_t keeper_walk_step(int *cost, keeper_t *keeper)
{
    *cost = 1;
    if (keeper->count == 0) {
        return APR_EOF; /* nothing in Redis is ours to judge */
    }
    return keeper->walk.database < keeper->count ? walk_databases(cost, keeper)
                                                 : walk_stored(cost, keeper);
}
