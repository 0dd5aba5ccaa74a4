/*
 * Fuzz target: what a server that is not Redis, or is out of its mind, may answer. The first byte
 * of an input says which call is made, the second into what pieces the bytes are cut on their way,
 * the rest is what the server sends, whatever it is asked; then it closes the connection.
 *
 * Every call ends, with one of its own statuses; what it calls a success holds what its header
 * promises. There is no server and no socket: the few calls of hiredis and the system that would
 * reach one are here and in t/fuzz/server.c.
 */
#include "t/fuzz/fuzz.h"

#include <apr_strings.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/listen.h"
#include "core/config_private.h"
#include "core/queue_admin.h"
#include "core/queue_consumers.h"
#include "core/queue_history.h"
#include "core/queue_private.h"
#include "core/queue_provider.h"
#include "t/fuzz/server.h"

#define ID1 "01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Order-Insert"
#define ID2 "01JDCW3T2XQ5M7V9K0B4Z8R6AF-Zendesk-Ticket-Save.3"
#define IDS 2

/* ---- the server ---- */

static int is_new; /* no connection of an earlier input may be used */

redisContext *redisConnectUnixWithTimeout(const char *path, const struct timeval timeout)
{
    (void)path;
    (void)timeout;
    return fuzz_server_connect();
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    (void)fds;
    (void)count;
    if (timeout == 0 && !is_new) {
        return 0;
    }
    is_new = 0;
    return 1;
}

/* ---- what is called ---- */

static crm360_queue_t *queue;
static const crm360_config_t *config;
static const crm360_keys_t *keys;
static void *health;

static const char *const ids[IDS] = {ID1, ID2};

static void check_rv(apr_status_t rv)
{
    expect(rv == APR_SUCCESS || rv == CRM360_EAWAY || rv == CRM360_EREFUSED ||
               rv == CRM360_EPROTOCOL || rv == CRM360_EUNSAFE || rv == CRM360_ELEASE ||
               rv == CRM360_EREUSED,
           "another status");
}

static void push_one(apr_size_t len, crm360_durability_t durability, int copy, apr_pool_t *pool)
{
    crm360_push_t push = {.customer = "acme",
                          .database = "prod",
                          .lane = CRM360_LANE_LIVE,
                          .id = ID1,
                          .message = apr_pcalloc(pool, len),
                          .message_len = len,
                          .durability = durability,
                          .mail_copy = copy};
    crm360_receipt_t receipt;
    apr_size_t staged = 0;
    apr_status_t rv;

    push.dedup.hash = push.dedup.content = "0123456789abcdef0123456789abcdef";
    push.dedup.window = apr_time_from_sec(60);
    rv = crm360_queue_push(&receipt, queue, &push, pool);
    check_rv(rv);
    expect(receipt.queue != NULL, NULL);
    if (rv == APR_SUCCESS) {
        expect(receipt.id && receipt.durability >= durability, receipt.id);
    }
    else {
        expect(receipt.detail != NULL, NULL);
    }
    check_rv(crm360_queue_stage(&staged, queue, &push, pool));
    expect(staged <= crm360_queue_stage_bytes(&push), NULL);
}

static void call_push(apr_pool_t *pool)
{
    push_one(500, CRM360_IN_MEMORY, 0, pool);
}

static void call_push_safely(apr_pool_t *pool)
{
    push_one(500, CRM360_ON_DISK, 1, pool);
}

static void call_push_parts(apr_pool_t *pool)
{
    push_one(QUEUE_PART_BYTES * 2 + 1, CRM360_IN_MEMORY, 1, pool);
}

static void call_claim(apr_pool_t *pool)
{
    crm360_claim_t claim;
    apr_status_t rv = crm360_queue_claim(&claim, queue, keys, CRM360_LANE_LIVE, 5, "w1",
                                         apr_time_from_sec(60), pool);
    int i;

    check_rv(rv);
    expect(claim.detail != NULL, NULL);
    for (i = 0; rv == APR_SUCCESS && i < claim.count; i++) {
        expect(claim.ids[i] && strlen(claim.ids[i]) < 1u << 20, NULL);
        expect(claim.attempts[i] >= 0, claim.ids[i]);
        expect(claim.bytes[i] <= QUEUE_STRING_MOST, claim.ids[i]);
    }
    expect(rv != APR_SUCCESS || (claim.token && claim.count >= 0 && claim.count <= 5), NULL);
    expect(rv != APR_SUCCESS || claim.next_due >= -1, NULL);
}

static void call_fetch(apr_pool_t *pool)
{
    crm360_blob_t *blobs;
    apr_size_t bytes = 0;
    int fetched = 0, i;
    apr_status_t rv = crm360_queue_fetch(&blobs, &fetched, queue, keys, ids, NULL, IDS, 1000, pool);

    check_rv(rv);
    expect(fetched >= 0 && fetched <= IDS, NULL);
    for (i = 0; rv == APR_SUCCESS && i < fetched; i++) {
        bytes += blobs[i].data ? blobs[i].len : 0;
        expect(!blobs[i].data || !blobs[i].len || !memchr(blobs[i].data, 1, blobs[i].len) || bytes,
               NULL);
    }
}

static void call_look(apr_pool_t *pool)
{
    const crm360_keys_t *both[] = {keys, keys};
    crm360_look_t looks[2];
    apr_int64_t now;
    apr_status_t rv = crm360_queue_look(looks, &now, queue, both, 2, pool);
    int i;

    check_rv(rv);
    for (i = 0; rv == APR_SUCCESS && i < 2 && looks[i].workers; i++) {
        expect(APR_ARRAY_IDX(looks[i].workers, 0, const char *) != NULL, NULL);
    }
}

static void call_lease(apr_pool_t *pool)
{
    apr_interval_time_t lasts = -1;
    int n = -1;

    check_rv(
        crm360_queue_fence(&lasts, queue, keys, CRM360_LANE_LIVE, "t", ID1, ids[IDS - 1], pool));
    expect(lasts >= -1, NULL);
    check_rv(crm360_queue_extend(queue, keys, CRM360_LANE_LIVE, "t", ids, IDS, 1000000, pool));
    check_rv(crm360_queue_ack(&n, queue, keys, CRM360_LANE_LIVE, "t", ids, IDS, pool));
    check_rv(crm360_queue_retry(queue, keys, CRM360_LANE_LIVE, "t", ID1, 1000000, "why", pool));
    check_rv(crm360_queue_bury(queue, keys, CRM360_LANE_LIVE, "t", ID1, "why", pool));
}

static void call_release(apr_pool_t *pool)
{
    int n = -1;

    check_rv(crm360_queue_release(&n, queue, keys, CRM360_LANE_LIVE, "t", ids, IDS, 0, pool));
    check_rv(crm360_queue_release_worker(&n, queue, keys, CRM360_LANE_LIVE, "w", NULL, pool));
}

static void call_split(apr_pool_t *pool)
{
    crm360_blob_t blobs[2] = {{"one", 3}, {"two", 3}};
    crm360_split_t split = {"t", ID1, 1, 2, 1, blobs};
    const char *detail = "";
    int next = 0;
    apr_status_t rv =
        crm360_queue_split(&next, &detail, queue, keys, CRM360_LANE_BATCH, &split, pool);

    check_rv(rv);
    expect(detail && (rv != APR_SUCCESS || next >= 0), detail);
}

static void check_page(apr_status_t rv, const crm360_page_t *page)
{
    int i;

    check_rv(rv);
    for (i = 0; rv == APR_SUCCESS && i < page->count; i++) {
        expect(page->entries[i].id && page->entries[i].score, NULL);
    }
}

static void call_pages(apr_pool_t *pool)
{
    crm360_page_t page;
    const char *cursor = "0";
    apr_int64_t size;
    apr_status_t rv = crm360_queue_page(&page, queue, keys->dead, 0, 10, pool);

    check_page(rv, &page);
    rv = crm360_queue_walk(&page, &cursor, queue, keys->claims, 10, pool);
    check_page(rv, &page);
    expect(cursor != NULL, NULL);
    check_rv(crm360_queue_size(&size, queue, keys->dead, pool));
    check_rv(crm360_queue_count_aside(&size, queue, keys, pool));
}

static void call_stored(apr_pool_t *pool)
{
    crm360_stored_t *stored;
    const char *cursor = "0", *data = NULL;
    apr_size_t len = 0;
    int count = 0, i;
    apr_status_t rv = crm360_queue_walk_stored(&stored, &count, &cursor, queue, 10, pool);

    check_rv(rv);
    for (i = 0; rv == APR_SUCCESS && i < count; i++) {
        expect(strlen(stored[i].database) > 0 && strlen(stored[i].id) > 0, NULL);
    }
    check_rv(crm360_queue_read(&data, &len, queue, keys, ID1, 0, 100, pool));
    expect(len <= 100, "more than was asked for");
}

static void call_many(apr_pool_t *pool)
{
    const crm360_keys_t *both[] = {keys, keys};
    int flags[2] = {0, 0};
    apr_time_t now;

    check_rv(crm360_queue_occupied(flags, queue, both, 2, pool));
    check_rv(crm360_queue_waiting(flags, queue, both, ids, 2, pool));
    check_rv(crm360_queue_now(&now, queue, pool));
}

static void call_failures(apr_pool_t *pool)
{
    crm360_failure_t *failures;
    apr_status_t rv = crm360_queue_failures(&failures, queue, keys, ids, IDS, pool);
    int i;

    check_rv(rv);
    for (i = 0; rv == APR_SUCCESS && i < IDS; i++) {
        expect(failures[i].reason && failures[i].lane < CRM360_LANES, NULL);
    }
}

static void call_admin(apr_pool_t *pool)
{
    crm360_entry_t entries[IDS] = {{ID1, "1", 1000}, {ID2, "2", 2000}};
    crm360_span_t span = {1, 2};
    crm360_admin_result_t results[IDS];
    crm360_redrive_rate_t rate = {0.5, 0};
    crm360_reconciled_t done;

    check_rv(crm360_queue_redrive(results, queue, keys, ids, IDS, &rate, pool));
    check_rv(crm360_queue_drop(results, queue, keys, entries, IDS, pool));
    check_rv(crm360_queue_erase(results, queue, keys, ids, IDS, pool));
    check_rv(crm360_queue_blank(results, queue, keys, ID1, 10, &span, 1, pool));
    check_rv(crm360_queue_reconcile(&done, queue, keys, ids, IDS, pool));
    expect(done.healed >= 0, NULL);
}

static void call_reconcile(apr_pool_t *pool)
{
    crm360_reconciled_t done;

    check_rv(crm360_queue_reconcile(&done, queue, keys, ids, IDS, pool));
}

static void call_beat(apr_pool_t *pool)
{
    crm360_heartbeat_t beat = {
        .instance = "i", .host = "h", .version = "1", .at_ms = 1795449480123, .again = 1};

    check_rv(crm360_queue_beat(queue, &beat, pool));
    check_rv(crm360_queue_beat_end(queue, "i", pool));
}

static void call_provider(apr_pool_t *pool)
{
    apr_interval_time_t wait = 0;
    const char *why = "";
    crm360_breaker_t change;

    check_rv(crm360_queue_permit(&wait, &why, queue, "p", ID1, 1000, pool));
    expect(why != NULL, NULL);
    check_rv(crm360_queue_verdict(&change, &wait, queue, "p", 0, 0, "why", pool));
    check_rv(crm360_queue_pardon(queue, "p", pool));
}

static void call_listen(apr_pool_t *pool)
{
    consumer_listener_t *listener = consumer_listener_make(config, queue, pool);
    const char *key = NULL;
    apr_int64_t ms;

    (void)consumer_listener_tick(listener, 1000000);
    while (consumer_listener_fd(listener) >= 0) {
        consumer_listener_read(listener, 2000000);
        while (consumer_listener_take(listener, &key, &ms, pool)) {
            expect(key != NULL, NULL);
        }
        (void)consumer_listener_tick(listener, 3000000);
    }
}

static void call_look_on(apr_pool_t *pool)
{
    crm360_heartbeat_t *beats = NULL;
    const char *detail = NULL;
    apr_time_t now = 0;
    int count = 0, i, lane;
    apr_status_t rv = crm360_queue_consumers(&beats, &count, &now, &detail, queue, pool);

    check_rv(rv);
    expect(rv == APR_SUCCESS || detail, NULL);
    for (i = 0; rv == APR_SUCCESS && i < count; i++) {
        expect(beats[i].instance && beats[i].host && beats[i].version, NULL);
        expect(beats[i].pid >= 0 && beats[i].busy >= 0 && beats[i].messages >= 0, NULL);
        for (lane = 0; lane < CRM360_LANES; lane++) {
            const apr_uint64_t *upto = beats[i].delay[lane].upto;

            expect(upto[0] <= upto[CRM360_HISTOGRAM_BOUNDS], NULL);
        }
    }
}

static void call_history(apr_pool_t *pool)
{
    crm360_history_t minutes[3];
    const char *detail = NULL;
    apr_time_t now = 0;
    int missing = -1, written = -1, i;
    apr_status_t rv = crm360_queue_history_read(minutes, &now, &detail, queue, 3, pool);

    check_rv(rv);
    expect(rv == APR_SUCCESS || detail, NULL);
    for (i = 0; rv == APR_SUCCESS && i < 3; i++) {
        expect(minutes[i].lanes[0].due >= 0 && minutes[i].lanes[1].oldest_due >= 0, NULL);
        expect(minutes[i].dead >= 0 && minutes[i].done >= 0, NULL);
    }
    check_rv(crm360_queue_history_begin(&minutes[0], &missing, &now, queue, pool));
    minutes[0].at = APR_TIME_C(1795449480000000);
    check_rv(crm360_queue_history_write(&written, queue, &minutes[0], pool));
    expect(written == 0 || written == 1, NULL);
}

static void (*const calls[])(apr_pool_t *) = {
    call_push,   call_push_safely, call_push_parts, call_claim,   call_fetch,
    call_look,   call_lease,       call_release,    call_split,   call_pages,
    call_stored, call_many,        call_failures,   call_admin,   call_reconcile,
    call_beat,   call_provider,    call_listen,     call_look_on, call_history,
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* ---- an input ---- */

/* Made once, above the pool of an input: fifteen digests are too much for each. */
static void prepare(apr_pool_t *pool)
{
    apr_pool_t *forever = apr_pool_parent_get(pool);
    crm360_config_t *made = crm360_config_make(forever);
    const char *fault =
        crm360_directive_apply(crm360_directive_find("Crm360Redis"), made, CRM360_IN_SERVER,
                               CRM360_READ_CONSUMER, "unix:/nowhere", forever);

    expect(!fault, fault);
    config = made;
    keys = crm360_keys_make("acme", "prod", forever);
    health = apr_pcalloc(forever, crm360_queue_health_size());
    expect(crm360_queue_make(&queue, config, 1, health, forever) == APR_SUCCESS, NULL);
}

void fuzz_one(const char *data, apr_size_t len, apr_pool_t *pool)
{
    if (!queue) {
        prepare(pool);
    }
    if (!fuzz_server_sends(data, len)) {
        return;
    }
    memset(health, 0, crm360_queue_health_size());
    is_new = 1;
    calls[(unsigned char)data[0] % CALLS](pool);
}
