/*
 * The looks of crm360_tail_t. Each asks twice: for the time, the claims and the counters; and then
 * for what became visible from the last look up to that time, and for the state of what nobody
 * holds any more. Must never change anything.
 */
#include "core/queue_tail.h"

#include <apr_hash.h>
#include <apr_strings.h>

#include <string.h>

#include "core/queue_private.h"

/* What somebody holds. */
typedef struct held_t {
    const char *id;
    const char *worker;
    apr_int64_t since_ms;
    apr_int64_t due_ms;
    crm360_lane_t lane;
} held_t;

/* What is remembered from one look to the next: in a pool that lives until the one after. */
typedef struct memory_t {
    apr_pool_t *pool;
    apr_hash_t *claims; /* id -> held_t */
    apr_hash_t *dead;   /* ids that were told to have died */
} memory_t;

struct crm360_tail_t {
    const crm360_keys_t *keys;
    int has_begun;
    apr_int64_t since_ms; /* what was visible before is known */
    apr_int64_t counts[CRM360_COUNTERS];
    memory_t memories[2];
    int current; /* which of them is that of the last look */
};

/* One look. */
typedef struct looking_t {
    crm360_tail_t *tail;
    const memory_t *before;
    memory_t *after;
    crm360_queue_t *queue;
    apr_array_header_t *events;
    apr_array_header_t *taken; /* held_t *: since the last look */
    apr_array_header_t *left;  /* held_t *: nobody holds them any more */
    apr_int64_t now_ms;
    apr_pool_t *pool;
} looking_t;

crm360_tail_t *crm360_tail_make(const crm360_keys_t *keys, apr_pool_t *pool)
{
    crm360_tail_t *tail = apr_pcalloc(pool, sizeof *tail);
    int i;

    tail->keys = keys;
    for (i = 0; i < 2; i++) {
        memory_t *memory = &tail->memories[i];

        apr_pool_create(&memory->pool, pool);
        apr_pool_tag(memory->pool, "crm360_tail");
        memory->claims = apr_hash_make(memory->pool);
        memory->dead = apr_hash_make(memory->pool);
    }
    return tail;
}

static void tell(looking_t *looking, crm360_tail_kind_t kind, apr_int64_t at_ms, const char *id,
                 crm360_lane_t lane, const char *text)
{
    crm360_tail_event_t *event = apr_array_push(looking->events);

    event->kind = kind;
    event->at = apr_time_from_msec(at_ms);
    event->id = id;
    event->lane = lane;
    event->text = text;
}

/* ---- who holds what ---- */

static void read_claim(looking_t *looking, const char *id, const crm360_reply_t *reply)
{
    held_t *held = apr_palloc(looking->after->pool, sizeof *held), *then;
    queue_claim_note_t note;

    if (!queue_read_claim(&note, reply, looking->after->pool)) {
        return;
    }
    held->id = apr_pstrdup(looking->after->pool, id);
    held->worker = note.worker;
    held->since_ms = note.since_ms;
    held->due_ms = note.due_ms;
    held->lane = crm360_id_lane(id);
    apr_hash_set(looking->after->claims, held->id, APR_HASH_KEY_STRING, held);
    then = apr_hash_get(looking->before->claims, id, APR_HASH_KEY_STRING);
    if (then && then->since_ms == held->since_ms) {
        held->lane = then->lane;
    }
    else if (looking->taken->nelts < CRM360_PAGE_MOST) {
        APR_ARRAY_PUSH(looking->taken, held_t *) = held;
    }
}

static void read_claims(looking_t *looking, const crm360_reply_t *reply)
{
    apr_hash_index_t *at;
    apr_size_t i;

    for (i = 0; reply->type == CRM360_REPLY_ARRAY && i + 1 < reply->count; i += 2) {
        if (reply->items[i].type == CRM360_REPLY_STRING) {
            read_claim(looking, reply->items[i].text, &reply->items[i + 1]);
        }
    }
    for (at = apr_hash_first(looking->pool, looking->before->claims); at; at = apr_hash_next(at)) {
        held_t *held = apr_hash_this_val(at);

        if (!apr_hash_get(looking->after->claims, held->id, APR_HASH_KEY_STRING) &&
            looking->left->nelts < CRM360_PAGE_MOST) {
            APR_ARRAY_PUSH(looking->left, held_t *) = held;
        }
    }
}

/* How the messages of a list stand, in its order; NULL when it is empty. */
static apr_status_t view(crm360_view_t **views, const looking_t *looking,
                         const apr_array_header_t *list)
{
    const char **ids = apr_pcalloc(looking->pool, ((apr_size_t)list->nelts + 1) * sizeof *ids);
    apr_time_t now;
    int i;

    *views = NULL;
    for (i = 0; i < list->nelts; i++) {
        ids[i] = APR_ARRAY_IDX(list, i, const held_t *)->id;
    }
    return list->nelts ? crm360_queue_view(views, &now, looking->queue, looking->tail->keys, ids,
                                           list->nelts, looking->pool)
                       : APR_SUCCESS;
}

/* What was taken since the last look, and, when it had not been seen before, that it was there. */
static apr_status_t tell_taken(looking_t *looking)
{
    crm360_view_t *views;
    apr_status_t rv = view(&views, looking, looking->taken);
    int i;

    for (i = 0; rv == APR_SUCCESS && i < looking->taken->nelts; i++) {
        held_t *held = APR_ARRAY_IDX(looking->taken, i, held_t *);
        const char *id = apr_pstrdup(looking->pool, held->id);

        if (views[i].state == CRM360_STATE_LEASED) {
            held->lane = views[i].lane; /* the id does not always say it */
        }
        if (held->due_ms >= looking->tail->since_ms) {
            tell(looking, CRM360_TAIL_VISIBLE, held->due_ms, id, held->lane, NULL);
        }
        tell(looking, CRM360_TAIL_CLAIMED, held->since_ms, id, held->lane,
             apr_pstrdup(looking->pool, held->worker));
    }
    return rv;
}

/* ---- what became of what nobody holds any more ---- */

static void tell_dead(looking_t *looking, apr_int64_t at_ms, const char *id, crm360_lane_t lane,
                      const char *reason)
{
    if (!apr_hash_get(looking->before->dead, id, APR_HASH_KEY_STRING) &&
        !apr_hash_get(looking->after->dead, id, APR_HASH_KEY_STRING)) {
        tell(looking, CRM360_TAIL_DEAD, at_ms, id, lane, reason && *reason ? reason : NULL);
        apr_hash_set(looking->after->dead, apr_pstrdup(looking->after->pool, id),
                     APR_HASH_KEY_STRING, "");
    }
}

static apr_status_t tell_left(looking_t *looking)
{
    crm360_view_t *views;
    apr_status_t rv = view(&views, looking, looking->left);
    int i;

    for (i = 0; rv == APR_SUCCESS && i < looking->left->nelts; i++) {
        const crm360_view_t *now = &views[i];
        const crm360_event_t *last =
            now->event_count > 0 ? &now->events[now->event_count - 1] : NULL;
        /* What failed since the last look failed now. */
        int failed = last && apr_time_as_msec(last->at) >= looking->tail->since_ms;

        if (now->state == CRM360_STATE_GONE) {
            tell(looking, CRM360_TAIL_ENDED, looking->now_ms, now->id,
                 APR_ARRAY_IDX(looking->left, i, const held_t *)->lane, NULL);
        }
        else if (now->state == CRM360_STATE_DEAD) {
            tell_dead(looking, apr_time_as_msec(now->at), now->id, now->lane, now->failure.reason);
        }
        else if (now->state != CRM360_STATE_LEASED) {
            tell(looking, failed ? CRM360_TAIL_RETRIED : CRM360_TAIL_RELEASED, looking->now_ms,
                 now->id, now->lane, failed ? last->reason : NULL);
        }
    }
    return rv;
}

/* ---- what became visible, or died ---- */

static void ask_range(crm360_command_t *command, const char *key, const looking_t *looking)
{
    crm360_command_add(command, "ZRANGEBYSCORE");
    crm360_command_add(command, key);
    crm360_command_add_number(command, looking->tail->since_ms, looking->pool);
    crm360_command_add(command, apr_psprintf(looking->pool, "(%" APR_INT64_T_FMT, looking->now_ms));
    crm360_command_add(command, "WITHSCORES");
    crm360_command_add(command, "LIMIT");
    crm360_command_add(command, "0");
    crm360_command_add_number(command, CRM360_TAIL_MOST, looking->pool);
}

static apr_status_t tell_ranges(const char **detail, looking_t *looking)
{
    const crm360_keys_t *keys = looking->tail->keys;
    queue_pipeline_t *all = queue_pipeline_make(CRM360_LANES + 1, 8, looking->pool);
    apr_status_t rv;
    apr_size_t j;
    int i;

    for (i = 0; i < CRM360_LANES; i++) {
        ask_range(&all->commands[i], keys->lane[i], looking);
    }
    ask_range(&all->commands[CRM360_LANES], keys->dead, looking);
    rv = queue_pipeline_run(detail, looking->queue, all, looking->pool);
    for (i = 0; rv == APR_SUCCESS && i <= CRM360_LANES; i++) {
        const crm360_reply_t *reply = all->replies[i];

        for (j = 0; reply->type == CRM360_REPLY_ARRAY && j + 1 < reply->count; j += 2) {
            apr_int64_t at_ms = queue_read_score(&reply->items[j + 1]);
            const char *id = apr_pstrdup(looking->pool, reply->items[j].text);

            if (i < CRM360_LANES) {
                tell(looking, CRM360_TAIL_VISIBLE, at_ms, id, (crm360_lane_t)i, NULL);
            }
            else {
                tell_dead(looking, at_ms, id, crm360_id_lane(id), NULL);
            }
        }
    }
    return rv;
}

/* ---- one look ---- */

/* Reads the counters. 0 when one is less than before: these are other data. */
static int read_counts(apr_int64_t *counts, apr_int64_t *grown, const crm360_tail_t *tail,
                       const crm360_reply_t *reply)
{
    int i, same = 1;

    for (i = 0; i < CRM360_COUNTERS; i++) {
        counts[i] = reply->type == CRM360_REPLY_ARRAY && (apr_size_t)i < reply->count &&
                            reply->items[i].type == CRM360_REPLY_STRING
                        ? apr_atoi64(reply->items[i].text)
                        : 0;
        grown[i] = counts[i] - tail->counts[i];
        same &= grown[i] >= 0;
    }
    return same;
}

static apr_status_t ask(queue_pipeline_t **all, const char **detail, const looking_t *looking)
{
    const crm360_keys_t *keys = looking->tail->keys;
    int i;

    *all = queue_pipeline_make(3, 2 + CRM360_COUNTERS, looking->pool);
    crm360_command_add(&(*all)->commands[0], "TIME");
    crm360_command_add(&(*all)->commands[1], "HGETALL");
    crm360_command_add(&(*all)->commands[1], keys->claims);
    crm360_command_add(&(*all)->commands[2], "HMGET");
    crm360_command_add(&(*all)->commands[2], keys->counters);
    for (i = 0; i < CRM360_COUNTERS; i++) {
        crm360_command_add(&(*all)->commands[2], crm360_counter_name(i));
    }
    return queue_pipeline_run(detail, looking->queue, *all, looking->pool);
}

apr_status_t crm360_tail_look(crm360_tail_look_t *look, const char **detail, crm360_tail_t *tail,
                              crm360_queue_t *queue, apr_pool_t *pool)
{
    looking_t looking = {.tail = tail, .queue = queue, .pool = pool};
    apr_int64_t counts[CRM360_COUNTERS];
    queue_pipeline_t *all;
    apr_status_t rv;

    memset(look, 0, sizeof *look);
    looking.before = &tail->memories[tail->current];
    looking.after = &tail->memories[1 - tail->current];
    apr_pool_clear(looking.after->pool);
    looking.after->claims = apr_hash_make(looking.after->pool);
    looking.after->dead = apr_hash_make(looking.after->pool);
    looking.events = apr_array_make(pool, 16, sizeof(crm360_tail_event_t));
    looking.taken = apr_array_make(pool, 16, sizeof(held_t *));
    looking.left = apr_array_make(pool, 16, sizeof(held_t *));
    rv = ask(&all, detail, &looking);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!queue_read_time(&looking.now_ms, all->replies[0])) {
        return CRM360_EPROTOCOL;
    }
    look->begins = !read_counts(counts, look->counts, tail, all->replies[2]) || !tail->has_begun;
    tail->since_ms = tail->has_begun ? tail->since_ms : looking.now_ms;
    read_claims(&looking, all->replies[1]);
    if (!look->begins) {
        rv = tell_ranges(detail, &looking);
        rv = rv == APR_SUCCESS ? tell_taken(&looking) : rv;
        rv = rv == APR_SUCCESS ? tell_left(&looking) : rv;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    look->now = apr_time_from_msec(looking.now_ms);
    look->events =
        look->begins ? apr_array_make(pool, 1, sizeof(crm360_tail_event_t)) : looking.events;
    memcpy(tail->counts, counts, sizeof counts);
    tail->since_ms = looking.now_ms;
    tail->has_begun = 1;
    tail->current = 1 - tail->current;
    return APR_SUCCESS;
}
