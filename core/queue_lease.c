/*
 * The verbs of consumers: claim, and what becomes of what was claimed. Each runs one script; tokens
 * fence. Must never repeat a claim: what the lost reply had leased, a second one would not name.
 */
#include "core/queue_private.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <limits.h>
#include <string.h>

#include "core/encode.h"

/* Leases that may expire, and workers that may crash, before a message is a dead letter. */
#define EXPIRIES_MOST 10
#define CRASHES_MOST 3
/* Longest time that can be told in microseconds, ms. */
#define TOLD_MOST (APR_INT64_MAX / 1000)
/* What a claim says of each message: id, attempts, how long it has been visible, its bytes. */
#define EACH 4

/* 48 hexadecimal digits that nobody can guess or repeat. NULL when the kernel has no randomness. */
static const char *token_make(apr_pool_t *pool)
{
    unsigned char bytes[24];
    char *token = apr_palloc(pool, 2 * sizeof bytes + 1);

    if (apr_generate_random_bytes(bytes, sizeof bytes) != APR_SUCCESS) {
        return NULL;
    }
    crm360_hex_write(token, bytes, sizeof bytes);
    return token;
}

/* Reads "ms until next, id, attempts, ms visible, bytes, id, ..." into the claim; `most` are
 * wanted. */
static apr_status_t read_claim(crm360_claim_t *claim, const crm360_reply_t *reply, int most,
                               apr_pool_t *pool)
{
    apr_interval_time_t *waited;
    apr_size_t *bytes, i;
    const char **ids;
    apr_int64_t next;
    int *attempts;

    if (reply->type != CRM360_REPLY_ARRAY || reply->count % EACH != 1 ||
        reply->count / EACH > (apr_size_t)most || reply->items[0].type != CRM360_REPLY_NUMBER) {
        return CRM360_EPROTOCOL;
    }
    next = reply->items[0].number < TOLD_MOST ? reply->items[0].number : TOLD_MOST;
    claim->next_due = next < 0 ? -1 : apr_time_from_msec(next);
    claim->count = (int)(reply->count / EACH);
    claim->ids = ids = apr_palloc(pool, reply->count * sizeof *ids);
    claim->attempts = attempts = apr_palloc(pool, reply->count * sizeof *attempts);
    claim->waited = waited = apr_palloc(pool, reply->count * sizeof *waited);
    claim->bytes = bytes = apr_palloc(pool, reply->count * sizeof *bytes);
    for (i = 0; i < (apr_size_t)claim->count; i++) {
        const crm360_reply_t *id = &reply->items[1 + EACH * i];

        if (id->type != CRM360_REPLY_STRING || id[1].type != CRM360_REPLY_NUMBER ||
            id[1].number < 0 || id[1].number > INT_MAX || id[2].type != CRM360_REPLY_NUMBER ||
            id[2].number < 0 || id[2].number > TOLD_MOST / 2 || id[3].type != CRM360_REPLY_NUMBER ||
            id[3].number < 0 || id[3].number > QUEUE_STRING_MOST) {
            return CRM360_EPROTOCOL;
        }
        ids[i] = id->text;
        attempts[i] = (int)id[1].number;
        waited[i] = apr_time_from_msec(id[2].number);
        bytes[i] = (apr_size_t)id[3].number;
    }
    return APR_SUCCESS;
}

apr_status_t crm360_queue_claim(crm360_claim_t *claim, crm360_queue_t *queue,
                                const crm360_keys_t *keys, crm360_lane_t lane, int most,
                                const char *worker, apr_interval_time_t lease, apr_pool_t *pool)
{
    queue_call_t *call = queue_call_make(queue, QUEUE_CLAIM, 7, 12, pool);
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
    crm360_command_add(call->command, keys->message_prefix);
    crm360_command_add(call->command, keys->paused);
    crm360_command_add_number(call->command, most, pool);
    crm360_command_add_number(call->command, apr_time_as_msec(lease), pool);
    crm360_command_add(call->command, claim->token);
    crm360_command_add(call->command, worker);
    crm360_command_add_number(call->command, EXPIRIES_MOST, pool);
    /* Not repeated: a first run whose reply was lost has leased messages that a second one would
     * not name. The caller releases them by its worker name before it claims again. */
    rv = queue_call_run(&claim->detail, queue, call, CRM360_REDIS_ONCE, pool);
    return rv == APR_SUCCESS ? read_claim(claim, call->reply, most, pool) : rv;
}

apr_status_t crm360_queue_fence(apr_interval_time_t *left, crm360_queue_t *queue,
                                const crm360_keys_t *keys, crm360_lane_t lane, const char *token,
                                const char *first, const char *last, apr_pool_t *pool)
{
    queue_call_t *call = queue_call_make(queue, QUEUE_FENCE, 2, 5, pool);
    const char *detail;
    apr_status_t rv;

    crm360_command_add(call->command, keys->lane[lane]);
    crm360_command_add(call->command, keys->claims);
    crm360_command_add(call->command, token);
    crm360_command_add(call->command, first);
    crm360_command_add(call->command, last);
    rv = queue_call_run(&detail, queue, call, CRM360_REDIS_READ, pool);
    if (rv == APR_SUCCESS && call->reply->type == CRM360_REPLY_NIL) {
        return CRM360_ELEASE;
    }
    if (rv == APR_SUCCESS && call->reply->type != CRM360_REPLY_NUMBER) {
        return CRM360_EPROTOCOL;
    }
    *left = rv != APR_SUCCESS                  ? 0
            : call->reply->number >= TOLD_MOST ? APR_INT64_MAX
            : call->reply->number < 0          ? 0
                                               : apr_time_from_msec(call->reply->number);
    return rv;
}

apr_status_t crm360_queue_extend(crm360_queue_t *queue, const crm360_keys_t *keys,
                                 crm360_lane_t lane, const char *token, const char *const *ids,
                                 int count, apr_interval_time_t lease, apr_pool_t *pool)
{
    queue_call_t *call = queue_call_make(queue, QUEUE_EXTEND, 2, 4 + count, pool);
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
    rv = queue_call_number(&extended, queue, call, pool);
    return rv == APR_SUCCESS && extended < count ? CRM360_ELEASE : rv;
}

apr_status_t crm360_queue_ack(int *acked, crm360_queue_t *queue, const crm360_keys_t *keys,
                              crm360_lane_t lane, const char *token, const char *const *ids,
                              int count, apr_pool_t *pool)
{
    queue_call_t *call = queue_call_make(queue, QUEUE_ACK, 4 + count, 5 + 2 * count, pool);
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
    return queue_call_number(acked, queue, call, pool);
}

apr_status_t crm360_queue_retry(crm360_queue_t *queue, const crm360_keys_t *keys,
                                crm360_lane_t lane, const char *token, const char *id,
                                apr_interval_time_t delay, const char *reason, apr_pool_t *pool)
{
    queue_call_t *call = queue_call_make(queue, QUEUE_RETRY, 4, 9, pool);
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
    rv = queue_call_number(&done, queue, call, pool);
    return rv == APR_SUCCESS && !done ? CRM360_ELEASE : rv;
}

apr_status_t crm360_queue_bury(crm360_queue_t *queue, const crm360_keys_t *keys, crm360_lane_t lane,
                               const char *token, const char *id, const char *reason,
                               apr_pool_t *pool)
{
    queue_call_t *call = queue_call_make(queue, QUEUE_BURY, 6, 9, pool);
    apr_status_t rv;
    int done = 0;

    crm360_command_add(call->command, keys->lane[lane]);
    crm360_command_add(call->command, keys->claims);
    crm360_command_add(call->command, keys->failures);
    crm360_command_add(call->command, keys->dead);
    crm360_command_add(call->command, keys->counters);
    crm360_command_add(call->command, crm360_keys_message(keys, id, pool));
    crm360_command_add(call->command, token);
    crm360_command_add(call->command, id);
    crm360_command_add(call->command, reason);
    rv = queue_call_number(&done, queue, call, pool);
    return rv == APR_SUCCESS && !done ? CRM360_ELEASE : rv;
}

/* The part that both kinds of release share: keys and the arguments before the ids. */
static queue_call_t *release_call(crm360_queue_t *queue, const crm360_keys_t *keys,
                                  crm360_lane_t lane, const char *field, const char *holder,
                                  apr_interval_time_t delay, const crm360_charge_t *charge, int ids,
                                  apr_pool_t *pool)
{
    queue_call_t *call = queue_call_make(queue, QUEUE_RELEASE, charge ? 6 : 5, 14 + ids, pool);
    int expiry = charge && charge->kind == CRM360_CHARGE_EXPIRY;

    crm360_command_add(call->command, keys->lane[lane]);
    crm360_command_add(call->command, keys->claims);
    crm360_command_add(call->command, keys->failures);
    crm360_command_add(call->command, keys->dead);
    crm360_command_add(call->command, keys->counters);
    if (charge) {
        crm360_command_add(call->command, crm360_keys_message(keys, charge->id, pool));
    }
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
    queue_call_t *call = release_call(queue, keys, lane, "token", token, delay, NULL, count, pool);
    int i;

    for (i = 0; i < count; i++) {
        crm360_command_add(call->command, ids[i]);
    }
    return queue_call_number(released, queue, call, pool);
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
        queue_call_t *call = release_call(queue, keys, lane, "worker", worker, 0, charge, 0, pool);

        some = 0;
        rv = queue_call_number(&some, queue, call, pool);
        *released += some;
    } while (rv == APR_SUCCESS && some == CRM360_CLAIM_MOST);
    return rv;
}
