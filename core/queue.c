/*
 * The queue's verbs: each runs one Lua script (lua/) on a pooled connection. Knows keys, arguments
 * and replies of the scripts, and nobody else does. Must never say a message is stored before Redis
 * did.
 */
#include "core/queue.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "core/embedded.h"
#include "core/json.h"
#include "core/redis.h"

/* A message larger than this is written in parts, so that Redis is never busy with one for long. */
#define PART_BYTES (256 * 1024)
/* How long written parts wait to be made visible before Redis drops them. */
#define STAGED_SECONDS 120
/* Leases that may expire, and workers that may crash, before a message is a dead letter. */
#define EXPIRIES_MOST 10
#define CRASHES_MOST 3

typedef enum { PUSH, CLAIM, EXTEND, ACK, RETRY, BURY, RELEASE, VERBS } verb_t;

struct crm360_queue_t {
    crm360_redis_pool_t *redis;
    crm360_script_t scripts[VERBS];
};

/* One script call, as it travels through crm360_redis_run(). */
typedef struct call_t {
    const crm360_script_t *script;
    crm360_command_t *command;
    crm360_reply_t *reply;
    const crm360_push_t *staged; /* write its message in parts first; NULL = no */
    const char *parts_key;       /* where they go */
} call_t;

apr_size_t crm360_queue_health_size(void)
{
    return sizeof(crm360_redis_health_t);
}

/* A script as it stands in lua/; NULL when there is none of that name. */
static const char *lua_text(const char *name)
{
    const crm360_embedded_t *script;

    for (script = crm360_lua_scripts; script->name; script++) {
        if (strcmp(script->name, name) == 0) {
            return script->text;
        }
    }
    return NULL;
}

apr_status_t crm360_queue_make(crm360_queue_t **queue, const crm360_config_t *config,
                               int connections, void *health, apr_pool_t *pool)
{
    static const char *const names[VERBS] = {"push",  "claim", "extend", "ack",
                                             "retry", "bury",  "release"};
    crm360_queue_t *made = apr_pcalloc(pool, sizeof *made);
    int verb;

    for (verb = 0; verb < VERBS; verb++) {
        const char *text = lua_text(names[verb]);
        const char *common = lua_text("common");

        if (!text || !common) {
            return APR_EGENERAL; /* the build left a script out */
        }
        made->scripts[verb].name = names[verb];
        made->scripts[verb].text = apr_pstrcat(pool, common, text, NULL);
        crm360_script_digest(&made->scripts[verb]);
    }
    if (!health) {
        health = apr_pcalloc(pool, crm360_queue_health_size());
    }
    *queue = made;
    return crm360_redis_pool_make(&made->redis, crm360_config_redis(config, pool),
                                  crm360_config_connect_timeout(config),
                                  crm360_config_command_timeout(config), connections, health, pool);
}

/* ---- calling ---- */

/* SET and APPEND of the parts, under a key of their own, so that a repeated push does not touch
 * a message that is there, and under an expiry, so that a push that dies half way leaves
 * nothing. The expiry is set anew with each part: APPEND would make a key without one where the
 * parts so far were evicted. */
static apr_status_t stage(call_t *call, crm360_redis_t *redis, apr_pool_t *pool)
{
    const crm360_push_t *push = call->staged;
    apr_size_t at;

    for (at = 0; at < push->message_len; at += PART_BYTES) {
        apr_size_t len = push->message_len - at;
        crm360_command_t commands[2];
        crm360_reply_t *replies[2];
        apr_status_t rv;

        commands[0] = *crm360_command_make(3, pool);
        crm360_command_add(&commands[0], at == 0 ? "SET" : "APPEND");
        crm360_command_add(&commands[0], call->parts_key);
        crm360_command_add_bytes(&commands[0], push->message + at,
                                 len < PART_BYTES ? len : PART_BYTES);
        commands[1] = *crm360_command_make(3, pool);
        crm360_command_add(&commands[1], "EXPIRE");
        crm360_command_add(&commands[1], call->parts_key);
        crm360_command_add_number(&commands[1], STAGED_SECONDS, pool);
        rv = crm360_redis_pipeline(replies, redis, commands, 2, pool);
        if (rv == APR_SUCCESS && replies[0]->type == CRM360_REPLY_ERROR) {
            rv = CRM360_EPROTOCOL;
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    return APR_SUCCESS;
}

static apr_status_t call_work(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    call_t *call = baton;

    if (call->staged) {
        apr_status_t rv = stage(call, redis, pool);

        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    return crm360_redis_script(&call->reply, redis, call->script, call->command, pool);
}

static call_t *call_make(crm360_queue_t *queue, verb_t verb, int keys, int most, apr_pool_t *pool)
{
    call_t *call = apr_pcalloc(pool, sizeof *call);

    call->script = &queue->scripts[verb];
    call->command = crm360_command_make(most + 1, pool);
    crm360_command_add_number(call->command, keys, pool);
    return call;
}

/* Runs a call whose reply is a number. */
static apr_status_t call_number(int *number, crm360_queue_t *queue, call_t *call, apr_pool_t *pool)
{
    const char *detail;
    apr_status_t rv =
        crm360_redis_run(queue->redis, call_work, call, CRM360_REDIS_WRITE, &detail, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (call->reply->type != CRM360_REPLY_NUMBER) {
        return CRM360_EPROTOCOL;
    }
    *number = (int)call->reply->number;
    return APR_SUCCESS;
}

/* 48 hexadecimal digits that nobody can guess or repeat. NULL when the kernel has no randomness. */
static const char *token_make(apr_pool_t *pool)
{
    unsigned char bytes[24];
    char *token = apr_palloc(pool, 2 * sizeof bytes + 1);
    apr_size_t i;

    if (apr_generate_random_bytes(bytes, sizeof bytes) != APR_SUCCESS) {
        return NULL;
    }
    for (i = 0; i < sizeof bytes; i++) {
        apr_snprintf(token + 2 * i, 3, "%02x", bytes[i]);
    }
    return token;
}

/* ---- producers ---- */

apr_status_t crm360_queue_push(crm360_receipt_t *receipt, crm360_queue_t *queue,
                               const crm360_push_t *push, apr_pool_t *pool)
{
    const crm360_keys_t *keys = crm360_keys_make(push->customer, push->database, pool);
    call_t *call = call_make(queue, PUSH, 4, 9, pool);
    apr_status_t rv;

    memset(receipt, 0, sizeof *receipt);
    receipt->queue = keys->lane[push->lane];
    call->parts_key = crm360_keys_parts(keys, push->id, pool);
    call->staged = push->message_len > PART_BYTES ? push : NULL;
    crm360_command_add(call->command, receipt->queue);
    crm360_command_add(call->command, crm360_keys_message(keys, push->id, pool));
    crm360_command_add(call->command, keys->counters);
    crm360_command_add(call->command, call->parts_key);
    crm360_command_add(call->command, push->id);
    crm360_command_add_number(call->command, apr_time_as_msec(push->invisible_for), pool);
    crm360_command_add_bytes(call->command, push->message, call->staged ? 0 : push->message_len);
    crm360_command_add(call->command, CRM360_KEY_WAKE);
    crm360_command_add_number(call->command, (apr_int64_t)push->message_len, pool);
    rv =
        crm360_redis_run(queue->redis, call_work, call, CRM360_REDIS_WRITE, &receipt->detail, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (call->reply->type != CRM360_REPLY_ARRAY || call->reply->count != 2 ||
        call->reply->items[0].type != CRM360_REPLY_NUMBER) {
        receipt->detail = "unexpected reply of the push script";
        return CRM360_EPROTOCOL;
    }
    receipt->visible_at = apr_time_from_msec(call->reply->items[0].number);
    receipt->durability = "memory";
    return APR_SUCCESS;
}

/* ---- consumers ---- */

/* Reads "ms until next, id, attempts, id, ..." into the claim. */
static apr_status_t read_claim(crm360_claim_t *claim, const crm360_reply_t *reply, apr_pool_t *pool)
{
    const char **ids;
    int *attempts;
    apr_size_t i;

    if (reply->type != CRM360_REPLY_ARRAY || reply->count % 2 != 1 ||
        reply->items[0].type != CRM360_REPLY_NUMBER) {
        return CRM360_EPROTOCOL;
    }
    claim->next_due = reply->items[0].number < 0 ? -1 : apr_time_from_msec(reply->items[0].number);
    claim->count = (int)(reply->count / 2);
    claim->ids = ids = apr_palloc(pool, reply->count * sizeof *ids);
    claim->attempts = attempts = apr_palloc(pool, reply->count * sizeof *attempts);
    for (i = 0; i < (apr_size_t)claim->count; i++) {
        const crm360_reply_t *id = &reply->items[1 + 2 * i];

        if (id->type != CRM360_REPLY_STRING || id[1].type != CRM360_REPLY_NUMBER) {
            return CRM360_EPROTOCOL;
        }
        ids[i] = id->text;
        attempts[i] = (int)id[1].number;
    }
    return APR_SUCCESS;
}

apr_status_t crm360_queue_claim(crm360_claim_t *claim, crm360_queue_t *queue,
                                const crm360_keys_t *keys, crm360_lane_t lane, int most,
                                const char *worker, apr_interval_time_t lease, apr_pool_t *pool)
{
    call_t *call = call_make(queue, CLAIM, 5, 10, pool);
    apr_status_t rv;

    memset(claim, 0, sizeof *claim);
    claim->detail = "";
    claim->token = token_make(pool);
    if (!claim->token) {
        return APR_EGENERAL;
    }
    crm360_command_add(call->command, keys->lane[lane]);
    crm360_command_add(call->command, keys->claims);
    crm360_command_add(call->command, keys->failures);
    crm360_command_add(call->command, keys->dead);
    crm360_command_add(call->command, keys->counters);
    crm360_command_add_number(call->command, most, pool);
    crm360_command_add_number(call->command, apr_time_as_msec(lease), pool);
    crm360_command_add(call->command, claim->token);
    crm360_command_add(call->command, worker);
    crm360_command_add_number(call->command, EXPIRIES_MOST, pool);
    /* Not repeated: a first run whose reply was lost has leased messages that a second one would
     * not name. The caller releases them by its worker name before it claims again. */
    rv = crm360_redis_run(queue->redis, call_work, call, CRM360_REDIS_ONCE, &claim->detail, pool);
    return rv == APR_SUCCESS ? read_claim(claim, call->reply, pool) : rv;
}

/* What crm360_queue_fetch() carries through crm360_redis_run(). */
typedef struct fetch_t {
    crm360_command_t *commands; /* one STRLEN, later one GET, per id */
    crm360_reply_t **replies;
    int count;
    apr_size_t most_bytes;
    crm360_blob_t *blobs;
    int fetched;
} fetch_t;

/* How many of the messages fit into most_bytes, at least one; notes their lengths. */
static apr_status_t measure(fetch_t *fetch, crm360_redis_t *redis, apr_pool_t *pool)
{
    apr_size_t bytes = 0;
    apr_status_t rv;
    int i;

    for (i = 0; i < fetch->count; i++) {
        fetch->commands[i].argv[0] = "STRLEN";
        fetch->commands[i].lens[0] = 6;
    }
    rv = crm360_redis_pipeline(fetch->replies, redis, fetch->commands, fetch->count, pool);
    for (i = 0; rv == APR_SUCCESS && i < fetch->count; i++) {
        fetch->blobs[i].len = fetch->replies[i]->type == CRM360_REPLY_NUMBER
                                  ? (apr_size_t)fetch->replies[i]->number
                                  : 0;
        bytes += fetch->blobs[i].len;
        if (i > 0 && bytes > fetch->most_bytes) {
            break;
        }
    }
    fetch->fetched = i;
    return rv;
}

/* A large message, part by part: each has the whole time of a command, and Redis is never busy
 * with one for long. */
static apr_status_t fetch_parts(crm360_blob_t *blob, const char *key, crm360_redis_t *redis,
                                apr_pool_t *pool)
{
    char *data = apr_palloc(pool, blob->len);
    apr_status_t rv = APR_SUCCESS;
    apr_size_t at = 0;

    while (at < blob->len && rv == APR_SUCCESS) {
        crm360_command_t *command;
        crm360_reply_t *reply;
        apr_pool_t *part;

        apr_pool_create(&part, pool);
        apr_pool_tag(part, "crm360_part");
        command = crm360_command_make(4, part);
        crm360_command_add(command, "GETRANGE");
        crm360_command_add(command, key);
        crm360_command_add_number(command, (apr_int64_t)at, part);
        crm360_command_add_number(command, (apr_int64_t)(at + PART_BYTES - 1), part);
        rv = crm360_redis_command(&reply, redis, command, part);
        if (rv == APR_SUCCESS && (reply->type != CRM360_REPLY_STRING || reply->len == 0 ||
                                  reply->len > blob->len - at)) {
            rv = CRM360_EPROTOCOL; /* somebody changes it meanwhile */
        }
        if (rv == APR_SUCCESS) {
            memcpy(data + at, reply->text, reply->len);
            at += reply->len;
        }
        apr_pool_destroy(part);
    }
    blob->data = data;
    return rv;
}

static apr_status_t fetch_work(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    fetch_t *fetch = baton;
    apr_status_t rv = measure(fetch, redis, pool);
    int i, small = 0;

    /* The small ones in one go; a large one stands alone, or ends the list. */
    while (rv == APR_SUCCESS && small < fetch->fetched && fetch->blobs[small].len <= PART_BYTES) {
        fetch->commands[small].argv[0] = "GET";
        fetch->commands[small].lens[0] = 3;
        small++;
    }
    if (rv == APR_SUCCESS && small == 0) {
        fetch->fetched = 1;
        return fetch_parts(&fetch->blobs[0], fetch->commands[0].argv[1], redis, pool);
    }
    if (rv == APR_SUCCESS) {
        fetch->fetched = small;
        rv = crm360_redis_pipeline(fetch->replies, redis, fetch->commands, small, pool);
    }
    for (i = 0; rv == APR_SUCCESS && i < small; i++) {
        if (fetch->replies[i]->type == CRM360_REPLY_STRING) {
            fetch->blobs[i].data = fetch->replies[i]->text;
            fetch->blobs[i].len = fetch->replies[i]->len;
        }
    }
    return rv;
}

apr_status_t crm360_queue_fetch(crm360_blob_t **blobs, int *fetched, crm360_queue_t *queue,
                                const crm360_keys_t *keys, const char *const *ids, int count,
                                apr_size_t most_bytes, apr_pool_t *pool)
{
    fetch_t fetch = {.count = count, .most_bytes = most_bytes};
    const char *detail;
    apr_status_t rv;
    int i;

    fetch.commands = apr_pcalloc(pool, (apr_size_t)count * sizeof *fetch.commands);
    fetch.replies = apr_pcalloc(pool, (apr_size_t)count * sizeof *fetch.replies);
    fetch.blobs = apr_pcalloc(pool, (apr_size_t)count * sizeof *fetch.blobs);
    for (i = 0; i < count; i++) {
        fetch.commands[i] = *crm360_command_make(2, pool);
        crm360_command_add(&fetch.commands[i], "");
        crm360_command_add(&fetch.commands[i], crm360_keys_message(keys, ids[i], pool));
    }
    rv = crm360_redis_run(queue->redis, fetch_work, &fetch, CRM360_REDIS_READ, &detail, pool);
    *fetched = fetch.fetched;
    *blobs = fetch.blobs;
    return rv;
}

apr_status_t crm360_queue_extend(crm360_queue_t *queue, const crm360_keys_t *keys,
                                 crm360_lane_t lane, const char *token, const char *const *ids,
                                 int count, apr_interval_time_t lease, apr_pool_t *pool)
{
    call_t *call = call_make(queue, EXTEND, 2, 4 + count, pool);
    apr_status_t rv;
    int extended = 0;
    int i;

    crm360_command_add(call->command, keys->lane[lane]);
    crm360_command_add(call->command, keys->claims);
    crm360_command_add(call->command, token);
    crm360_command_add_number(call->command, apr_time_as_msec(lease), pool);
    for (i = 0; i < count; i++) {
        crm360_command_add(call->command, ids[i]);
    }
    rv = call_number(&extended, queue, call, pool);
    return rv == APR_SUCCESS && extended < count ? CRM360_ELEASE : rv;
}

apr_status_t crm360_queue_ack(int *acked, crm360_queue_t *queue, const crm360_keys_t *keys,
                              crm360_lane_t lane, const char *token, const char *const *ids,
                              int count, apr_pool_t *pool)
{
    call_t *call = call_make(queue, ACK, 4 + count, 5 + 2 * count, pool);
    int i;

    crm360_command_add(call->command, keys->lane[lane]);
    crm360_command_add(call->command, keys->claims);
    crm360_command_add(call->command, keys->failures);
    crm360_command_add(call->command, keys->counters);
    for (i = 0; i < count; i++) {
        crm360_command_add(call->command, crm360_keys_message(keys, ids[i], pool));
    }
    crm360_command_add(call->command, token);
    for (i = 0; i < count; i++) {
        crm360_command_add(call->command, ids[i]);
    }
    return call_number(acked, queue, call, pool);
}

apr_status_t crm360_queue_retry(crm360_queue_t *queue, const crm360_keys_t *keys,
                                crm360_lane_t lane, const char *token, const char *id,
                                apr_interval_time_t delay, const char *reason, apr_pool_t *pool)
{
    call_t *call = call_make(queue, RETRY, 4, 9, pool);
    apr_status_t rv;
    int done = 0;

    crm360_command_add(call->command, keys->lane[lane]);
    crm360_command_add(call->command, keys->claims);
    crm360_command_add(call->command, keys->failures);
    crm360_command_add(call->command, keys->counters);
    crm360_command_add(call->command, token);
    crm360_command_add(call->command, id);
    crm360_command_add_number(call->command, apr_time_as_msec(delay), pool);
    crm360_command_add(call->command, reason);
    crm360_command_add(call->command, CRM360_KEY_WAKE);
    rv = call_number(&done, queue, call, pool);
    return rv == APR_SUCCESS && !done ? CRM360_ELEASE : rv;
}

apr_status_t crm360_queue_bury(crm360_queue_t *queue, const crm360_keys_t *keys, crm360_lane_t lane,
                               const char *token, const char *id, const char *reason,
                               apr_pool_t *pool)
{
    call_t *call = call_make(queue, BURY, 5, 8, pool);
    apr_status_t rv;
    int done = 0;

    crm360_command_add(call->command, keys->lane[lane]);
    crm360_command_add(call->command, keys->claims);
    crm360_command_add(call->command, keys->failures);
    crm360_command_add(call->command, keys->dead);
    crm360_command_add(call->command, keys->counters);
    crm360_command_add(call->command, token);
    crm360_command_add(call->command, id);
    crm360_command_add(call->command, reason);
    rv = call_number(&done, queue, call, pool);
    return rv == APR_SUCCESS && !done ? CRM360_ELEASE : rv;
}

/* The part that both kinds of release share: keys and the arguments before the ids. */
static call_t *release_call(crm360_queue_t *queue, const crm360_keys_t *keys, crm360_lane_t lane,
                            const char *field, const char *holder, apr_interval_time_t delay,
                            const crm360_charge_t *charge, int ids, apr_pool_t *pool)
{
    call_t *call = call_make(queue, RELEASE, 5, 13 + ids, pool);
    int expiry = charge && charge->kind == CRM360_CHARGE_EXPIRY;

    crm360_command_add(call->command, keys->lane[lane]);
    crm360_command_add(call->command, keys->claims);
    crm360_command_add(call->command, keys->failures);
    crm360_command_add(call->command, keys->dead);
    crm360_command_add(call->command, keys->counters);
    crm360_command_add(call->command, field);
    crm360_command_add(call->command, holder);
    crm360_command_add_number(call->command, apr_time_as_msec(delay), pool);
    crm360_command_add(call->command, charge ? charge->id : "");
    crm360_command_add(call->command, charge ? charge->what : "");
    crm360_command_add(call->command, expiry ? "expiries" : "crashes");
    crm360_command_add_number(call->command, expiry ? EXPIRIES_MOST : CRASHES_MOST, pool);
    crm360_command_add(call->command, CRM360_KEY_WAKE);
    return call;
}

apr_status_t crm360_queue_release(int *released, crm360_queue_t *queue, const crm360_keys_t *keys,
                                  crm360_lane_t lane, const char *token, const char *const *ids,
                                  int count, apr_interval_time_t delay, apr_pool_t *pool)
{
    call_t *call = release_call(queue, keys, lane, "token", token, delay, NULL, count, pool);
    int i;

    for (i = 0; i < count; i++) {
        crm360_command_add(call->command, ids[i]);
    }
    return call_number(released, queue, call, pool);
}

apr_status_t crm360_queue_release_worker(int *released, crm360_queue_t *queue,
                                         const crm360_keys_t *keys, crm360_lane_t lane,
                                         const char *worker, const crm360_charge_t *charge,
                                         apr_pool_t *pool)
{
    apr_status_t rv;
    int some;

    *released = 0;
    do {
        call_t *call = release_call(queue, keys, lane, "worker", worker, 0, charge, 0, pool);

        some = 0;
        rv = call_number(&some, queue, call, pool);
        *released += some;
    } while (rv == APR_SUCCESS && some == CRM360_CLAIM_MOST);
    return rv;
}

/* Collects the names of those who hold claims, each once. */
static const apr_array_header_t *holders(const crm360_reply_t *claims, apr_pool_t *pool)
{
    apr_array_header_t *workers = NULL;
    apr_size_t i;

    for (i = 0; claims->type == CRM360_REPLY_ARRAY && i < claims->count; i++) {
        json_object *claim, *worker;
        const char *why, *name;
        int at;

        if (crm360_json_parse(&claim, &why, claims->items[i].text, claims->items[i].len, pool) !=
                APR_SUCCESS ||
            !json_object_object_get_ex(claim, "worker", &worker) ||
            !json_object_is_type(worker, json_type_string)) {
            continue; /* not ours to judge; the claim script overwrites it when it is due */
        }
        name = json_object_get_string(worker);
        workers = workers ? workers : apr_array_make(pool, 4, sizeof(const char *));
        for (at = 0; at < workers->nelts; at++) {
            if (strcmp(APR_ARRAY_IDX(workers, at, const char *), name) == 0) {
                break;
            }
        }
        if (at == workers->nelts) {
            APR_ARRAY_PUSH(workers, const char *) = name;
        }
    }
    return workers;
}

/* What crm360_queue_look() carries through crm360_redis_run(). */
typedef struct look_t {
    crm360_command_t *commands;
    crm360_reply_t **replies;
    int count;
} look_t;

static apr_status_t look_work(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    look_t *look = baton;

    return crm360_redis_pipeline(look->replies, redis, look->commands, look->count, pool);
}

apr_status_t crm360_queue_look(crm360_look_t *looks, apr_int64_t *now_ms, crm360_queue_t *queue,
                               const crm360_keys_t *const *keys, int count, apr_pool_t *pool)
{
    /* TIME, then per database the head of each lane and the claims. */
    const int each = CRM360_LANES + 1;
    look_t look = {.count = 1 + count * each};
    const char *detail;
    apr_status_t rv;
    int i;

    look.commands = apr_pcalloc(pool, (apr_size_t)look.count * sizeof *look.commands);
    look.replies = apr_pcalloc(pool, (apr_size_t)look.count * sizeof *look.replies);
    look.commands[0] = *crm360_command_make(1, pool);
    crm360_command_add(&look.commands[0], "TIME");
    for (i = 1; i < look.count; i++) {
        const crm360_keys_t *of = keys[(i - 1) / each];
        int what = (i - 1) % each;
        crm360_command_t *command = &look.commands[i];

        *command = *crm360_command_make(5, pool);
        crm360_command_add(command, what < CRM360_LANES ? "ZRANGE" : "HVALS");
        crm360_command_add(command, what < CRM360_LANES ? of->lane[what] : of->claims);
        if (what < CRM360_LANES) {
            crm360_command_add(command, "0");
            crm360_command_add(command, "0");
            crm360_command_add(command, "WITHSCORES");
        }
    }
    rv = crm360_redis_run(queue->redis, look_work, &look, CRM360_REDIS_READ, &detail, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (look.replies[0]->type != CRM360_REPLY_ARRAY || look.replies[0]->count != 2) {
        return CRM360_EPROTOCOL;
    }
    *now_ms = apr_atoi64(look.replies[0]->items[0].text) * 1000 +
              apr_atoi64(look.replies[0]->items[1].text) / 1000;
    for (i = 0; i < count * each; i++) {
        const crm360_reply_t *reply = look.replies[1 + i];
        crm360_look_t *to = &looks[i / each];

        if (i % each < CRM360_LANES) {
            to->head_ms[i % each] = reply->type == CRM360_REPLY_ARRAY && reply->count == 2
                                        ? apr_atoi64(reply->items[1].text)
                                        : -1;
        }
        else {
            to->workers = holders(reply, pool);
        }
    }
    return APR_SUCCESS;
}
