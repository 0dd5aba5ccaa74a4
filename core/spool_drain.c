/*
 * The drain of the spool. At rest it looks once a second when the folder has changed last, and
 * reads nothing. After a change it walks through the messages in their order, again and again until
 * none is left. Must never hold its caller up, and never remove what Redis has not confirmed.
 */
#include "core/spool_drain.h"

#include <apr_hash.h>
#include <apr_strings.h>

#include "core/backoff.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/queue_admin.h"
#include "core/spool.h"

/* How often a folder at rest is looked at. */
#define LOOK_EVERY APR_USEC_PER_SEC
/* While a file is there of which nobody knows yet whether it becomes a message. */
#define LOOK_UNSETTLED (10 * APR_USEC_PER_SEC)
/* One slice. */
#define SLICE_TIME (20 * 1000)
#define SLICE_FILES 100
/* Pauses when Redis does not take the next message, when a message cannot be carried, and when the
 * folder cannot be used: doubles from the first to the most. */
#define PAUSE_FIRST (250 * 1000)
#define REDIS_PAUSE_MOST APR_USEC_PER_SEC
#define HELD_PAUSE_MOST (60 * APR_USEC_PER_SEC)
#define FOLDER_PAUSE_MOST (30 * APR_USEC_PER_SEC)
/* So many messages of one database are refused in a walk before the rest of it waits for the
 * next. */
#define REFUSALS_MOST 3
/* Memory that one message has taken and the next may use; more goes back to the system. */
#define KEEP_BYTES ((apr_size_t)1 << 20)

struct crm360_spool_drain_t {
    crm360_spool_t *spool; /* NULL = none */
    const char *folder;
    crm360_queue_t *queue;
    apr_pool_t *pool;
    apr_pool_t *message; /* of one message */
    apr_pool_t *walking; /* of the walk */

    crm360_spool_walk_t *walk; /* NULL = at rest */
    const char *name;          /* the message in hand; NULL = the next one of the walk */
    int loaded;                /* `spooled` is what that name holds; in `message` */
    crm360_spooled_t spooled;
    apr_size_t staged;    /* bytes of it that are in Redis already, when it is large */
    int slow;             /* how often in a row Redis did not answer about it in time */
    apr_hash_t *refusals; /* in this walk, by database: int */
    int held;             /* messages that this walk had to leave */
    int postponed;        /* so often for what passes by itself */
    int found;            /* messages that this walk has met */

    apr_time_t seen;    /* change of the folder before the walk that found nothing; -1 = none */
    apr_time_t look_at; /* next turn */
    apr_time_t locked_since; /* by somebody else; 0 = it is not */
    int was_up;
    int tries;         /* in a row that Redis did not take a message */
    int held_walks;    /* in a row that had to leave messages */
    int folder_faults; /* in a row */

    apr_time_t began; /* of this drain, when its first message was carried; 0 = none yet */
    int carried;
    int duplicates;
    int aside;
    crm360_spool_drained_t sum; /* since it was made */

    apr_pool_t *troubles; /* until a walk leaves nothing */
    apr_hash_t *blamed;   /* what was logged as staying in the spool: databases, and "" */
};

crm360_spool_drain_t *crm360_spool_drain_make(const crm360_config_t *config, crm360_queue_t *queue,
                                              apr_pool_t *pool)
{
    const crm360_spool_place_t *place = crm360_config_spool(config);
    crm360_spool_drain_t *drain = apr_pcalloc(pool, sizeof *drain);
    apr_allocator_t *allocator;

    if (!place) {
        return drain;
    }
    drain->folder = place->folder;
    drain->queue = queue;
    drain->pool = pool;
    drain->seen = -1;
    drain->spool = crm360_spool_make(place, NULL, pool);
    apr_pool_create(&drain->troubles, pool);
    apr_pool_tag(drain->troubles, "crm360_drain_troubles");
    drain->blamed = apr_hash_make(drain->troubles);
    apr_pool_create(&drain->walking, pool);
    apr_pool_tag(drain->walking, "crm360_drain");
    /* A message may be large: its memory must not stay with the master. */
    if (apr_allocator_create(&allocator) == APR_SUCCESS) {
        apr_allocator_max_free_set(allocator, KEEP_BYTES);
        apr_pool_create_ex(&drain->message, pool, NULL, allocator);
        apr_allocator_owner_set(allocator, drain->message);
    }
    else {
        apr_pool_create(&drain->message, pool);
    }
    apr_pool_tag(drain->message, "crm360_drained");
    return drain;
}

apr_time_t crm360_spool_drain_next(const crm360_spool_drain_t *drain, int up)
{
    return drain->spool && up ? drain->look_at : CRM360_SPOOL_DRAIN_NEVER;
}

static void pause_for(crm360_spool_drain_t *drain, int tries, apr_interval_time_t most)
{
    drain->look_at = crm360_clock() + crm360_backoff_reconnect(tries, PAUSE_FIRST, most);
}

/* The folder or a file in it could not be used as it must be. */
static void folder_fault(crm360_spool_drain_t *drain, apr_status_t rv, const char *doing)
{
    if (drain->folder_faults++ == 0) {
        crm360_log(CRM360_LOG_ERROR, rv,
                   CRM360_LOGNO(0352) "the spool %s cannot be used (%s); tried again by itself",
                   drain->folder, doing);
    }
    pause_for(drain, drain->folder_faults, FOLDER_PAUSE_MOST);
}

static void folder_fine(crm360_spool_drain_t *drain)
{
    if (drain->folder_faults) {
        drain->folder_faults = 0;
        crm360_log(CRM360_LOG_NOTICE, APR_SUCCESS, "the spool %s can be used again", drain->folder);
    }
}

/* ---- one message ---- */

typedef enum {
    NEXT,  /* it is done with, one way or another: on to the next */
    MORE,  /* it goes on with it in the next turn */
    AGAIN, /* it stays in hand, and Redis is given a pause */
    BROKEN /* the folder is given a pause */
} carry_t;

/* A message that is left for a later walk. Why is logged once for each database ("" for a file that
 * cannot be read), until a walk has left nothing. */
static void leave(crm360_spool_drain_t *drain, apr_status_t rv, const char *database,
                  const char *detail)
{
    drain->held++;
    if (apr_hash_get(drain->blamed, database, APR_HASH_KEY_STRING)) {
        return;
    }
    database = apr_pstrdup(drain->troubles, database);
    apr_hash_set(drain->blamed, database, APR_HASH_KEY_STRING, database);
    if (*database) {
        crm360_log(CRM360_LOG_ERROR, rv,
                   CRM360_LOGNO(0353) "spooled messages of %s stay in the spool: %s", database,
                   detail ? detail : "no detail");
    }
    else {
        crm360_log(CRM360_LOG_ERROR, rv,
                   CRM360_LOGNO(0354) "%s in the spool cannot be read; it stays there, and others "
                                      "may like it",
                   drain->name);
    }
}

/* What Redis has answered shows that something is wrong with the keys of its database: after some
 * of these the rest of the database waits for the next walk. */
static void count_refusal(crm360_spool_drain_t *drain, const char *database)
{
    int *count = apr_hash_get(drain->refusals, database, APR_HASH_KEY_STRING);

    if (!count) {
        count = apr_pcalloc(drain->walking, sizeof *count);
        apr_hash_set(drain->refusals, apr_pstrdup(drain->walking, database), APR_HASH_KEY_STRING,
                     count);
    }
    (*count)++;
}

static int is_refused(const crm360_spool_drain_t *drain, const char *database)
{
    const int *count = apr_hash_get(drain->refusals, database, APR_HASH_KEY_STRING);

    return count && *count >= REFUSALS_MOST;
}

/* The rest of a database waits for the next walk, which comes soon: its node of the cluster does
 * not answer, or has no replica for messages that demand one. The queue logs either. */
static carry_t postpone(crm360_spool_drain_t *drain, const char *what)
{
    static const int many = REFUSALS_MOST;

    apr_hash_set(drain->refusals, apr_pstrdup(drain->walking, what), APR_HASH_KEY_STRING, &many);
    drain->held++;
    drain->postponed++;
    return NEXT;
}

/* What a message that demands a replica is counted under, beside its database. */
static const char *with_replica(const crm360_spool_drain_t *drain, const char *database)
{
    return apr_pstrcat(drain->message, database, " replica", NULL);
}

static carry_t set_aside(crm360_spool_drain_t *drain, const char *why)
{
    const char *aside;
    apr_status_t rv = crm360_spool_set_aside(&aside, drain->spool, drain->name, drain->message);

    if (APR_STATUS_IS_ENOENT(rv)) {
        return NEXT;
    }
    if (rv != APR_SUCCESS) {
        folder_fault(drain, rv, "renaming a file");
        return BROKEN;
    }
    drain->aside++;
    drain->sum.aside++;
    crm360_log(CRM360_LOG_ERROR, APR_SUCCESS,
               CRM360_LOGNO(0351) "%s in the spool is no message (%s); it is called %s now",
               drain->name, why, aside);
    return NEXT;
}

/* Redis has it, or had it already. */
static carry_t taken(crm360_spool_drain_t *drain, const crm360_spooled_t *spooled, int duplicate)
{
    apr_status_t rv = crm360_spool_remove(drain->spool, drain->name, spooled->bytes);

    drain->tries = 0;
    if (rv != APR_SUCCESS) {
        folder_fault(drain, rv, "removing a file");
        return BROKEN;
    }
    if (!drain->began) {
        drain->began = crm360_clock();
        crm360_log(CRM360_LOG_INFO, APR_SUCCESS, "carrying spooled messages into Redis");
    }
    drain->carried++;
    drain->duplicates += duplicate;
    drain->sum.carried++;
    drain->sum.duplicates += duplicate;
    return NEXT;
}

/* Whether it is the message in hand about which Redis does not answer, and not Redis that is away:
 * that is asked when it has not answered some times. */
static int is_slow(crm360_spool_drain_t *drain)
{
    apr_time_t now;

    if (++drain->slow < CRM360_SPOOL_DRAIN_TRIES) {
        return 0;
    }
    drain->slow = 0;
    if (crm360_queue_now(&now, drain->queue, drain->message) != APR_SUCCESS) {
        return 0;
    }
    drain->tries = 0;
    return 1;
}

/* Redis did not take the message in hand. One about which it never answers in time, while it
 * answers everything else (it is too large for Crm360CommandTimeout), must not hold up the
 * others. */
static carry_t refused(crm360_spool_drain_t *drain, apr_status_t rv, const char *database,
                       const char *detail)
{
    if (rv == CRM360_EUNSAFE && drain->spooled.push.durability == CRM360_ON_REPLICA) {
        return postpone(drain, with_replica(drain, database));
    }
    if ((rv == CRM360_EAWAY || rv == CRM360_EREFUSED) && crm360_queue_is_spread(drain->queue)) {
        return postpone(drain, database);
    }
    if (rv == CRM360_EREFUSED || (rv == CRM360_EAWAY && !is_slow(drain))) {
        pause_for(drain, ++drain->tries, REDIS_PAUSE_MOST); /* the queue logs it */
        return AGAIN;
    }
    if (rv != CRM360_EUNSAFE && rv != CRM360_EAWAY) {
        count_refusal(drain, database);
    }
    leave(drain, rv, database, detail);
    return NEXT;
}

/* Reads the message of the name in hand. NEXT when there is nothing to carry. */
static carry_t load(crm360_spool_drain_t *drain)
{
    apr_status_t rv = crm360_spool_read(&drain->spooled, drain->spool, drain->name, drain->message);

    if (APR_STATUS_IS_ENOENT(rv)) {
        return NEXT; /* somebody else has removed it */
    }
    if (rv == CRM360_EDATA) {
        return set_aside(drain, drain->spooled.detail);
    }
    if (rv != APR_SUCCESS) {
        leave(drain, rv, "", drain->spooled.detail);
        return NEXT;
    }
    drain->loaded = 1;
    drain->staged = 0;
    return MORE;
}

static carry_t carry(crm360_spool_drain_t *drain, apr_time_t until)
{
    const crm360_push_t *push = &drain->spooled.push;
    crm360_receipt_t receipt = {.detail = "writing its parts"};
    carry_t loaded = drain->loaded ? MORE : load(drain);
    const char *database;
    apr_status_t rv = APR_SUCCESS;

    if (loaded != MORE) {
        return loaded;
    }
    database = apr_pstrcat(drain->message, push->customer, "/", push->database, NULL);
    if (is_refused(drain, database) || (push->durability == CRM360_ON_REPLICA &&
                                        is_refused(drain, with_replica(drain, database)))) {
        drain->held++;
        return NEXT;
    }
    while (rv == APR_SUCCESS && drain->staged < crm360_queue_stage_bytes(push)) {
        if (drain->staged > 0 && crm360_clock() >= until) {
            return MORE;
        }
        rv = crm360_queue_stage(&drain->staged, drain->queue, push, drain->message);
    }
    if (rv == APR_SUCCESS) {
        rv = crm360_queue_push(&receipt, drain->queue, push, drain->message);
    }
    if (rv != APR_SUCCESS) {
        return refused(drain, rv, database, receipt.detail);
    }
    if (receipt.duplicate) {
        crm360_log(CRM360_LOG_INFO, APR_SUCCESS, "%s: a repeated delivery of %s, not queued",
                   push->id, receipt.id);
    }
    return taken(drain, &drain->spooled, receipt.duplicate);
}

/* ---- walks ---- */

static void end_walk(crm360_spool_drain_t *drain)
{
    drain->walk = NULL;
    drain->name = NULL;
    drain->loaded = 0;
    drain->slow = 0;
    apr_pool_clear(drain->message);
    apr_pool_clear(drain->walking);
}

/* Whether nothing has changed since the folder was found empty. */
static int is_empty(const crm360_spool_drain_t *drain)
{
    apr_time_t changed;
    int sure;

    return crm360_spool_changed(&changed, &sure, drain->spool) == APR_SUCCESS &&
           changed == drain->seen;
}

static apr_status_t begin_walk(crm360_spool_drain_t *drain)
{
    apr_time_t changed;
    int sure;
    apr_status_t rv = crm360_spool_changed(&changed, &sure, drain->spool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    drain->seen = sure ? changed : -1;
    drain->held = drain->found = drain->postponed = 0;
    drain->sum.ended = 0;
    drain->refusals = apr_hash_make(drain->walking);
    return crm360_spool_walk(&drain->walk, drain->spool, drain->walking);
}

/* Says what the drain has done, when there is something to say. */
static void tell(crm360_spool_drain_t *drain)
{
    if (drain->began) {
        crm360_log(CRM360_LOG_INFO, APR_SUCCESS,
                   "carried %d spooled messages into Redis in %.1f s (%d of them were repeated "
                   "deliveries); %d stay, %d files were set aside",
                   drain->carried, (double)(crm360_clock() - drain->began) / APR_USEC_PER_SEC,
                   drain->duplicates, drain->held, drain->aside);
    }
    drain->began = 0;
    drain->carried = drain->duplicates = drain->aside = 0;
}

/* The walk has come to its end. */
static apr_status_t finish(crm360_spool_drain_t *drain)
{
    apr_status_t rv = APR_SUCCESS;
    int settled = 1;

    end_walk(drain);
    drain->sum.held = drain->held;
    drain->sum.postponed = drain->postponed;
    drain->sum.ended = drain->held || !drain->found;
    if (drain->held) {
        tell(drain);
        drain->seen = -1;
        pause_for(drain, ++drain->held_walks,
                  drain->postponed ? REDIS_PAUSE_MOST : HELD_PAUSE_MOST);
        return APR_SUCCESS;
    }
    drain->held_walks = 0;
    apr_pool_clear(drain->troubles);
    drain->blamed = apr_hash_make(drain->troubles);
    folder_fine(drain);
    if (drain->found) {
        drain->seen = -1;
        drain->look_at = 0; /* others may have come meanwhile */
        return APR_SUCCESS;
    }
    tell(drain);
    rv = crm360_spool_settle(&settled, drain->spool);
    if (!settled) {
        drain->seen = -1;
    }
    drain->look_at = crm360_clock() + (settled ? LOOK_EVERY : LOOK_UNSETTLED);
    return rv;
}

/* One slice of a walk. */
static apr_status_t walk_on(crm360_spool_drain_t *drain, apr_time_t until)
{
    int i;

    drain->look_at = 0;
    for (i = 0; i < SLICE_FILES && crm360_clock() < until; i++) {
        carry_t outcome;

        if (!drain->name) {
            apr_status_t rv = crm360_spool_next(&drain->name, drain->walk, until);

            if (rv != APR_SUCCESS) {
                drain->name = NULL;
                return rv == APR_EOF ? finish(drain) : rv == APR_TIMEUP ? APR_SUCCESS : rv;
            }
            drain->found++;
        }
        outcome = carry(drain, until);
        if (outcome == MORE) {
            return APR_SUCCESS;
        }
        drain->loaded = 0;
        apr_pool_clear(drain->message);
        if (outcome == AGAIN) {
            return APR_SUCCESS;
        }
        drain->name = NULL;
        drain->slow = 0;
        if (outcome == BROKEN) {
            end_walk(drain);
            drain->seen = -1;
            return APR_SUCCESS;
        }
    }
    return APR_SUCCESS;
}

void crm360_spool_drain_turn(crm360_spool_drain_t *drain, apr_time_t now, int up)
{
    apr_status_t rv;

    if (!drain->spool || !up) {
        drain->was_up = 0;
        return;
    }
    if (!drain->was_up) {
        drain->was_up = 1;
        drain->look_at = 0;
    }
    if (now < drain->look_at) {
        return;
    }
    if (!drain->walk && is_empty(drain)) {
        drain->look_at = now + LOOK_EVERY;
        return;
    }
    rv = crm360_spool_lock(drain->spool);
    if (APR_STATUS_IS_EAGAIN(rv)) {
        drain->look_at = now + LOOK_EVERY / 10; /* somebody else is at it, for some ms */
        drain->locked_since = drain->locked_since ? drain->locked_since : now;
        return;
    }
    drain->locked_since = 0;
    if (rv == APR_SUCCESS && !drain->walk) {
        rv = begin_walk(drain);
    }
    if (rv == APR_SUCCESS && drain->walk) {
        rv = walk_on(drain, now + SLICE_TIME);
    }
    crm360_spool_unlock(drain->spool);
    if (rv != APR_SUCCESS) {
        end_walk(drain);
        drain->seen = -1;
        folder_fault(drain, rv, "reading the folder");
    }
}

crm360_spool_drained_t crm360_spool_drain_sum(const crm360_spool_drain_t *drain)
{
    crm360_spool_drained_t sum = drain->sum;

    sum.refused = drain->tries;
    sum.faults = drain->folder_faults;
    sum.locked_since = drain->locked_since;
    return sum;
}
