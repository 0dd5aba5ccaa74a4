/* Numbers for operators. Must never change anything, a key of the wrong type included. */
#include "core/queue_status.h"

#include <apr_strings.h>

#include <string.h>

#include "core/queue_private.h"

/* So many databases are asked about in one go. */
#define DATABASES_MOST 100

/* What is asked about each lane, and then about the rest of a database. */
enum { SIZE, COME, PARKED, HEAD, NEXT, EACH_LANE };
enum { DEAD = CRM360_LANES * EACH_LANE, OLDEST_DEAD, CLAIMS, COUNTS, PAUSED, EACH };

const char *crm360_counter_name(int counter)
{
    static const char *const names[CRM360_COUNTERS] = {"received", "duplicate", "refused",  "done",
                                                       "split",    "retried",   "released", "dead",
                                                       "erased",   "dropped",   "redriven"};

    return names[counter];
}

/* Some of the databases, while they are asked about. */
typedef struct look_t {
    crm360_status_t *statuses;
    const crm360_keys_t *const *keys;
    int count;
    apr_int64_t now_ms;
    crm360_queue_t *queue;
    const char **detail;
    apr_pool_t *pool;
    apr_pool_t *turn;           /* of some databases: what is asked and answered of many is large */
    int away;                   /* databases so far that could not be seen */
    apr_array_header_t *silent; /* int: nodes that did not answer in this look */
} look_t;

/* A command on a key, and up to two words more. */
static void add(crm360_command_t *command, const char *verb, const char *key, const char *from,
                const char *to)
{
    crm360_command_add(command, verb);
    crm360_command_add(command, key);
    if (from) {
        crm360_command_add(command, from);
        crm360_command_add(command, to);
    }
}

/* The first entry whose score lies within these bounds. */
static void add_first(crm360_command_t *command, const char *key, const char *from, const char *to)
{
    add(command, "ZRANGEBYSCORE", key, from, to);
    crm360_command_add(command, "WITHSCORES");
    crm360_command_add(command, "LIMIT");
    crm360_command_add(command, "0");
    crm360_command_add(command, "1");
}

static void ask_lane(crm360_command_t *commands, const char *key, apr_int64_t now_ms,
                     apr_pool_t *pool)
{
    const char *now = apr_psprintf(pool, "%" APR_INT64_T_FMT, now_ms);
    const char *parked = apr_psprintf(pool, "%" APR_INT64_T_FMT, QUEUE_PARKED_MS);

    add(&commands[SIZE], "ZCARD", key, NULL, NULL);
    add(&commands[COME], "ZCOUNT", key, "-inf", now);
    add(&commands[PARKED], "ZCOUNT", key, parked, "+inf");
    /* A score of 0, by which operators make something visible at once, tells no time: those behind
     * it have waited for as long as they say all the same. */
    add_first(&commands[HEAD], key, "(0", now);
    add_first(&commands[NEXT], key, apr_pstrcat(pool, "(", now, NULL),
              apr_pstrcat(pool, "(", parked, NULL));
}

static void ask_database(crm360_command_t *commands, const crm360_keys_t *keys, apr_int64_t now_ms,
                         apr_pool_t *pool)
{
    crm360_command_t *counts = &commands[COUNTS];
    int i;

    for (i = 0; i < CRM360_LANES; i++) {
        ask_lane(commands + i * EACH_LANE, keys->lane[i], now_ms, pool);
    }
    add(&commands[DEAD], "ZCARD", keys->dead, NULL, NULL);
    add(&commands[OLDEST_DEAD], "ZRANGE", keys->dead, "0", "0");
    crm360_command_add(&commands[OLDEST_DEAD], "WITHSCORES");
    add(&commands[CLAIMS], "HGETALL", keys->claims, NULL, NULL);
    add(&commands[PAUSED], "SMEMBERS", keys->paused, NULL, NULL);
    *counts = *crm360_command_make(3 + CRM360_COUNTERS, pool);
    add(counts, "HMGET", keys->counters, NULL, NULL);
    crm360_command_add(counts, "waiting-bytes");
    for (i = 0; i < CRM360_COUNTERS; i++) {
        crm360_command_add(counts, crm360_counter_name(i));
    }
}

/* ---- reading the answers ---- */

/* The number of a reply; `otherwise` when it is none. */
static apr_int64_t number_of(const crm360_reply_t *reply, apr_int64_t otherwise)
{
    return reply->type == CRM360_REPLY_NUMBER ? reply->number : otherwise;
}

/* A counter; 0 when it is not there, or no number. */
static apr_int64_t count_of(const crm360_reply_t *reply)
{
    apr_int64_t number = reply->type == CRM360_REPLY_STRING ? apr_atoi64(reply->text) : 0;

    return number > 0 ? number : 0;
}

/* The score of the one entry that was asked for, as a time; 0 = there is none, or no time. */
static apr_time_t entry_time(const crm360_reply_t *reply)
{
    apr_int64_t ms = reply->type == CRM360_REPLY_ARRAY && reply->count == 2
                         ? queue_read_score(&reply->items[1])
                         : 0;

    return ms < QUEUE_PARKED_MS ? apr_time_from_msec(ms) : 0;
}

static int is_paused(const crm360_status_t *status, const char *what)
{
    int i;

    for (i = 0; i < status->paused->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(status->paused, i, const char *), what) == 0) {
            return 1;
        }
    }
    return 0;
}

static void read_lane(crm360_lane_status_t *lane, crm360_reply_t *const *replies, int paused)
{
    lane->messages = number_of(replies[SIZE], -1);
    lane->due = number_of(replies[COME], 0);
    lane->paused = number_of(replies[PARKED], 0);
    /* The leases that run are taken away when it is known whose they are. */
    lane->waiting = lane->messages - lane->due - lane->paused;
    lane->waiting = lane->waiting > 0 ? lane->waiting : 0;
    lane->oldest_due = lane->due > 0 ? entry_time(replies[HEAD]) : 0;
    lane->next = entry_time(replies[NEXT]);
    if (paused) {
        lane->paused += lane->due;
        lane->due = 0;
        lane->oldest_due = 0;
    }
}

/* Whether the node that has a database did not answer. */
static int is_away(crm360_reply_t *const *replies)
{
    int i;

    for (i = 0; i < EACH && replies[i]; i++) {
    }
    return i < EACH;
}

static void set_away(crm360_status_t *status, apr_pool_t *pool)
{
    int lane;

    memset(status, 0, sizeof *status);
    status->away = 1;
    status->dead = -1;
    status->paused = apr_array_make(pool, 1, sizeof(const char *));
    for (lane = 0; lane < CRM360_LANES; lane++) {
        status->lanes[lane].messages = -1;
    }
}

static void read_database(crm360_status_t *status, crm360_reply_t *const *replies, apr_pool_t *pool)
{
    const crm360_reply_t *counts = replies[COUNTS];
    const crm360_reply_t *paused = replies[PAUSED];
    apr_array_header_t *names = apr_array_make(pool, 1, sizeof(const char *));
    apr_size_t at;
    int i;

    memset(status, 0, sizeof *status);
    for (at = 0; paused->type == CRM360_REPLY_ARRAY && at < paused->count; at++) {
        const crm360_reply_t *name = &paused->items[at];

        /* One with a NUL in it would be taken for what stands before that. */
        if (name->type == CRM360_REPLY_STRING && strlen(name->text) == name->len) {
            APR_ARRAY_PUSH(names, const char *) = apr_pstrdup(pool, name->text);
        }
    }
    status->paused = names;
    for (i = 0; i < CRM360_LANES; i++) {
        read_lane(&status->lanes[i], replies + i * EACH_LANE,
                  is_paused(status, crm360_lane_name((crm360_lane_t)i)));
    }
    status->dead = number_of(replies[DEAD], -1);
    status->oldest_dead = entry_time(replies[OLDEST_DEAD]);
    if (counts->type != CRM360_REPLY_ARRAY || counts->count != 1 + CRM360_COUNTERS) {
        return;
    }
    status->waiting_bytes = count_of(&counts->items[0]);
    for (i = 0; i < CRM360_COUNTERS; i++) {
        status->counters[i] = count_of(&counts->items[1 + i]);
    }
}

/* ---- who holds what ---- */

/* A claim, and where it belongs. */
typedef struct held_t {
    const char *id;
    int database;
    queue_claim_note_t note;
} held_t;

static void add_holder(crm360_status_t *status, const queue_claim_note_t *note)
{
    apr_time_t since = apr_time_from_msec(note->since_ms);
    apr_array_header_t *holders = (apr_array_header_t *)status->holders;
    crm360_holder_t *holder = NULL;
    int i;

    for (i = 0; i < holders->nelts && !holder; i++) {
        crm360_holder_t *known = &APR_ARRAY_IDX(holders, i, crm360_holder_t);

        holder = strcmp(known->worker, note->worker) == 0 ? known : NULL;
    }
    if (!holder) {
        holder = apr_array_push(holders);
        holder->worker = note->worker;
        holder->messages = 0;
        holder->since = since;
    }
    holder->messages++;
    holder->since = since < holder->since ? since : holder->since;
}

/* All claims of the databases: held_t. */
static apr_array_header_t *read_claims(const look_t *look, crm360_reply_t *const *replies)
{
    apr_array_header_t *all = apr_array_make(look->turn, 16, sizeof(held_t));
    int i;

    for (i = 0; i < look->count; i++) {
        const crm360_reply_t *claims = replies[i * EACH + CLAIMS];
        apr_size_t at;

        look->statuses[i].holders = apr_array_make(look->pool, 1, sizeof(crm360_holder_t));
        for (at = 0; claims && claims->type == CRM360_REPLY_ARRAY && at + 1 < claims->count;
             at += 2) {
            held_t held = {.id = claims->items[at].text, .database = i};

            if (queue_read_claim(&held.note, &claims->items[at + 1], look->pool)) {
                APR_ARRAY_PUSH(all, held_t) = held;
            }
        }
    }
    return all;
}

/* In which lane each of them is: a lease that has run out is none. */
static apr_status_t place_claims(look_t *look, const apr_array_header_t *claims)
{
    queue_pipeline_t *all = queue_pipeline_make(claims->nelts * CRM360_LANES, 3, look->turn);
    apr_status_t rv;
    int i, lane, missing;

    for (i = 0; i < all->count; i++) {
        const held_t *held = &APR_ARRAY_IDX(claims, i / CRM360_LANES, held_t);

        add(&all->commands[i], "ZSCORE", look->keys[held->database]->lane[i % CRM360_LANES], NULL,
            NULL);
        crm360_command_add(&all->commands[i], held->id);
    }
    rv = queue_pipeline_look_some(&missing, look->detail, look->queue, all, look->turn);
    for (i = 0; i < all->count && rv == APR_SUCCESS; i++) {
        const held_t *held = &APR_ARRAY_IDX(claims, i / CRM360_LANES, held_t);
        crm360_lane_status_t *of;
        apr_int64_t score = all->replies[i] ? queue_read_score(all->replies[i]) : 0;

        lane = i % CRM360_LANES;
        of = &look->statuses[held->database].lanes[lane];
        if (score > look->now_ms && score < QUEUE_PARKED_MS) {
            of->leased++;
            of->waiting -= of->waiting > 0;
            add_holder(&look->statuses[held->database], &held->note);
        }
    }
    return rv;
}

/* Whether the node of a database was silent in this look before; with `note`, that it is. A node
 * that hangs takes the whole time that a command may: each further batch would wait for it again,
 * and a scrape of many databases for longer than anybody waits for a scrape. */
static int is_silent(look_t *look, int database, int note)
{
    int node, i;

    if (!crm360_queue_is_spread(look->queue) || (!note && look->silent->nelts == 0)) {
        return 0;
    }
    node = crm360_redis_node_of(look->queue->redis, look->keys[database]->dead, look->turn);
    for (i = 0; i < look->silent->nelts; i++) {
        if (APR_ARRAY_IDX(look->silent, i, int) == node) {
            return 1;
        }
    }
    if (note) {
        APR_ARRAY_PUSH(look->silent, int) = node;
    }
    return note;
}

/* Asks about the databases: EACH replies of each, NULL where its node was not asked or did not
 * answer. */
static apr_status_t ask_some(crm360_reply_t ***replies, look_t *look)
{
    queue_pipeline_t *all = queue_pipeline_make(look->count * EACH, 8, look->turn);
    int *asked = apr_palloc(look->turn, (apr_size_t)look->count * sizeof *asked);
    apr_status_t rv = APR_SUCCESS;
    int i, missing, count = 0;

    for (i = 0; i < look->count; i++) {
        if (!is_silent(look, i, 0)) {
            ask_database(all->commands + count * EACH, look->keys[i], look->now_ms, look->turn);
            asked[count++] = i;
        }
    }
    *replies = apr_pcalloc(look->turn, (apr_size_t)look->count * EACH * sizeof **replies);
    all->count = count * EACH;
    if (count > 0) {
        rv = queue_pipeline_look_some(&missing, look->detail, look->queue, all, look->turn);
    }
    for (i = 0; i < count; i++) {
        memcpy(*replies + asked[i] * EACH, all->replies + i * EACH, EACH * sizeof **replies);
        if (is_away(all->replies + i * EACH)) {
            is_silent(look, asked[i], 1);
        }
    }
    return rv;
}

static apr_status_t look_at_some(look_t *look)
{
    const apr_array_header_t *claims;
    crm360_reply_t **replies;
    apr_status_t rv = ask_some(&replies, look);
    int i;

    if (rv != APR_SUCCESS && !crm360_queue_is_spread(look->queue)) {
        return rv;
    }
    for (i = 0; i < look->count; i++) {
        if (is_away(replies + i * EACH)) {
            set_away(&look->statuses[i], look->pool);
            look->away++;
        }
        else {
            read_database(&look->statuses[i], replies + i * EACH, look->pool);
        }
    }
    claims = read_claims(look, replies);
    return claims->nelts > 0 ? place_claims(look, claims) : APR_SUCCESS;
}

/* Redis' clock. */
static apr_status_t ask_time(look_t *look)
{
    queue_pipeline_t *one = queue_pipeline_make(1, 1, look->pool);
    apr_status_t rv;

    crm360_command_add(&one->commands[0], "TIME");
    rv = queue_pipeline_look(look->detail, look->queue, one, look->pool);
    if (rv == APR_SUCCESS && !queue_read_time(&look->now_ms, one->replies[0])) {
        *look->detail = "TIME has another answer than expected";
        rv = CRM360_EPROTOCOL;
    }
    return rv;
}

apr_status_t crm360_queue_status(crm360_status_t *statuses, apr_time_t *now, const char **detail,
                                 crm360_queue_t *queue, const crm360_keys_t *const *keys, int count,
                                 apr_pool_t *pool)
{
    look_t look = {.queue = queue, .detail = detail, .pool = pool};
    apr_status_t rv;
    int first;

    *detail = "";
    apr_pool_create(&look.turn, pool);
    apr_pool_tag(look.turn, "crm360_status_turn");
    look.silent = apr_array_make(pool, 1, sizeof(int));
    rv = ask_time(&look);
    for (first = 0; first < count && rv == APR_SUCCESS; first += DATABASES_MOST) {
        look.statuses = statuses + first;
        look.keys = keys + first;
        look.count = count - first < DATABASES_MOST ? count - first : DATABASES_MOST;
        rv = look_at_some(&look);
        *detail = **detail ? apr_pstrdup(pool, *detail) : "";
        apr_pool_clear(look.turn);
    }
    apr_pool_destroy(look.turn);
    *now = apr_time_from_msec(look.now_ms);
    return rv == APR_SUCCESS && count > 0 && look.away == count ? CRM360_EAWAY : rv;
}
