/*
 * A known sequence of everything that touches Redis and files, in which one call of the system
 * fails as inject.h says: the configuration with its secret, pushes, claims and what becomes of
 * them, an export of dead letters, the spool and its drain. Says of each step whether it was done,
 * as its caller would be told; t/96-inject.t holds that against what is there.
 *
 * usage: inject_run CONFIGURATION CUSTOMER CLASS:N:WAY
 * Exit status: 0 went through all steps; 3 the configuration was refused; 4 no memory, said so.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "consumer/export.h"
#include "core/clock.h"
#include "core/config.h"
#include "core/digest.h"
#include "core/log.h"
#include "core/message.h"
#include "core/queue_admin.h"
#include "core/spool.h"
#include "t/faulty/inject.h"

#define SMALL 500
#define LARGE (300 * 1024)
#define WORKER "w1"
#define CLAIM 20
#define EXIT_MEMORY 4

static apr_pool_t *pool;
static crm360_config_t *config;
static crm360_queue_t *queue;
static const crm360_keys_t *keys;
static crm360_spool_t *spool;
static void *health;
static const char *customer;

/* Said of a step. That Redis was away is forgotten, so that the next step is tried. */
static int tell(const char *step, char letter, apr_status_t rv, const char *detail)
{
    char text[120];

    if (rv == APR_SUCCESS) {
        printf("done %s %c\n", step, letter);
    }
    else {
        printf("not %s %c: %s (%s)\n", step, letter, apr_strerror(rv, text, sizeof text),
               detail ? detail : "");
        memset(health, 0, crm360_queue_health_size());
    }
    fflush(stdout);
    return rv == APR_SUCCESS;
}

static void write_line(void *baton, crm360_log_level_t level, apr_status_t rv, const char *text)
{
    (void)baton;
    printf("log %s %d %s\n", crm360_log_level_name(level), (int)rv, text);
}

/* APR's own rule for a pool without memory is to hand out NULL; no program of ours lives with that,
 * and each says so. */
static int end_without_memory(int status)
{
    (void)status;
    inject_end();
    printf("out of memory\n");
    fflush(stdout);
    _exit(EXIT_MEMORY);
}

/* ---- messages ---- */

static const char *id_of(char letter)
{
    return apr_psprintf(pool, "01JDCW3T2XQ5M7V9K0B4Z8R6A%c-Shopify-Order-Insert", letter);
}

static char letter_of(const char *id)
{
    return strlen(id) > 25 ? id[25] : '?';
}

/* Of the same text in every run, whoever its customer is. */
static void make(crm360_push_t *push, char letter, apr_size_t body_len)
{
    crm360_message_t message = {.id = id_of(letter),
                                .received = APR_TIME_C(1795449480123456),
                                .customer = "acme",
                                .database = "prod",
                                .route = crm360_route_by_name("Shopify/Order/Insert"),
                                .source_id = 71,
                                .method = "POST",
                                .target = "/x?SourceId=71",
                                .headers = apr_table_make(pool, 1),
                                .body_len = body_len};
    const char *head;
    apr_size_t head_len;
    char *data;

    apr_table_set((apr_table_t *)message.headers, "X-Letter", apr_psprintf(pool, "%c", letter));
    crm360_message_head(&head, &head_len, &message, pool);
    data = apr_palloc(pool, head_len + body_len);
    memcpy(data, head, head_len);
    memset(data + head_len, letter, body_len);
    memset(push, 0, sizeof *push);
    push->customer = customer;
    push->database = "prod";
    push->lane = CRM360_LANE_LIVE;
    push->id = message.id;
    push->message = data;
    push->message_len = head_len + body_len;
    push->dedup.window = apr_time_from_sec(600);
}

/* With what makes it known again: the digest is libcrypto's. */
static apr_status_t find_dedup(crm360_push_t *push, const char **fault)
{
    crm360_dedup_rule_t rule = {.key = CRM360_DEDUP_CONTENT, .window = apr_time_from_sec(600)};
    crm360_message_t *message;
    apr_status_t rv = crm360_message_parse(&message, fault, push->message, push->message_len, pool);

    return rv == APR_SUCCESS ? crm360_dedup_find(&push->dedup, fault, &rule, message, NULL, 0, pool)
                             : rv;
}

/* ---- steps ---- */

static void push_all(void)
{
    static const char letters[] = "ABCDG";
    const char *letter;

    for (letter = letters; *letter; letter++) {
        crm360_receipt_t receipt = {.detail = ""};
        crm360_push_t push;
        apr_status_t rv;

        make(&push, *letter, *letter == 'G' ? LARGE : SMALL);
        rv = find_dedup(&push, &receipt.detail);
        if (rv == APR_SUCCESS) {
            rv = crm360_queue_push(&receipt, queue, &push, pool);
        }
        (void)tell("push", *letter, rv, receipt.detail);
    }
}

static void spool_all(void)
{
    static const char letters[] = "ST";
    const char *letter;

    for (letter = letters; *letter; letter++) {
        crm360_receipt_t receipt = {.detail = ""};
        crm360_push_t push;
        apr_status_t rv;

        make(&push, *letter, *letter == 'T' ? LARGE : SMALL);
        rv = crm360_spool_put(&receipt, spool, &push, crm360_clock(), pool);
        (void)tell("spool", *letter, rv, receipt.detail);
    }
}

/* One message of the spool into Redis, as crm360d does it. */
static void drain_one(const char *name)
{
    crm360_receipt_t receipt;
    crm360_spooled_t spooled;
    apr_status_t rv = crm360_spool_read(&spooled, spool, name, pool);

    if (!tell("read", letter_of(name), rv, spooled.detail)) {
        return;
    }
    rv = crm360_queue_push(&receipt, queue, &spooled.push, pool);
    if (tell("carry", letter_of(name), rv, receipt.detail)) {
        rv = crm360_spool_remove(spool, name, spooled.bytes);
        (void)tell("remove", letter_of(name), rv, name);
    }
}

static void drain(void)
{
    crm360_spool_walk_t *walk;
    const char *name;
    int settled;
    apr_status_t rv = crm360_spool_lock(spool);

    if (!tell("lock", '-', rv, "")) {
        return;
    }
    rv = crm360_spool_walk(&walk, spool, pool);
    while (rv == APR_SUCCESS && (rv = crm360_spool_next(&name, walk, 0)) == APR_SUCCESS) {
        drain_one(name);
    }
    (void)tell("walk", '-', APR_STATUS_IS_EOF(rv) ? APR_SUCCESS : rv, "");
    rv = crm360_spool_settle(&settled, spool);
    (void)tell("settle", '-', rv, "");
    crm360_spool_unlock(spool);
}

/* A claim is never repeated by itself: what a lost one has taken is given back by the worker's
 * name. */
static int claim(crm360_claim_t *claimed)
{
    int tries;

    for (tries = 0; tries < 2; tries++) {
        int released = 0;
        apr_status_t rv = crm360_queue_claim(claimed, queue, keys, CRM360_LANE_LIVE, CLAIM, WORKER,
                                             apr_time_from_sec(60), pool);

        if (tell("claim", '-', rv, claimed->detail)) {
            return 1;
        }
        rv = crm360_queue_release_worker(&released, queue, keys, CRM360_LANE_LIVE, WORKER, NULL,
                                         pool);
        (void)tell("giveback", '-', rv, "");
    }
    return 0;
}

/* Whether it is the message that was pushed under that id. */
static int is_whole(const crm360_blob_t *blob, char letter)
{
    crm360_push_t push;

    make(&push, letter, letter == 'G' ? LARGE : SMALL);
    return blob->len == push.message_len && memcmp(blob->data, push.message, blob->len) == 0;
}

static void fetch(const crm360_claim_t *claimed)
{
    int at = 0;

    while (at < claimed->count) {
        crm360_blob_t *blobs;
        int fetched = 0, i;
        apr_status_t rv =
            crm360_queue_fetch(&blobs, &fetched, queue, keys, claimed->ids + at,
                               claimed->bytes + at, claimed->count - at, 1 << 20, pool);

        if (!tell("fetch", letter_of(claimed->ids[at]), rv, "")) {
            return;
        }
        for (i = 0; i < fetched; i++) {
            char letter = letter_of(claimed->ids[at + i]);

            (void)tell("whole", letter,
                       blobs[i].data && is_whole(&blobs[i], letter) ? APR_SUCCESS : APR_EGENERAL,
                       "what was fetched is not what was pushed");
        }
        at += fetched;
    }
}

/* A is done, B failed, C is to die, all others are given back. */
static void finish(const crm360_claim_t *claimed)
{
    int i;

    for (i = 0; i < claimed->count; i++) {
        const char *const *id = &claimed->ids[i];
        char letter = letter_of(*id);
        apr_status_t rv;
        int count = 0;

        switch (letter) {
        case 'A':
            rv = crm360_queue_ack(&count, queue, keys, CRM360_LANE_LIVE, claimed->token, id, 1,
                                  pool);
            (void)tell("ack", letter, rv, "");
            break;
        case 'B':
            rv = crm360_queue_retry(queue, keys, CRM360_LANE_LIVE, claimed->token, *id,
                                    apr_time_from_sec(60), "tried", pool);
            (void)tell("retry", letter, rv, "");
            break;
        case 'C':
            rv = crm360_queue_bury(queue, keys, CRM360_LANE_LIVE, claimed->token, *id, "to die",
                                   pool);
            (void)tell("bury", letter, rv, "");
            break;
        default:
            rv = crm360_queue_release(&count, queue, keys, CRM360_LANE_LIVE, claimed->token, id, 1,
                                      0, pool);
            (void)tell("release", letter, rv, "");
            break;
        }
    }
}

/* Writes the dead letters into a file, then gives them another life. */
static void export_and_redrive(const char *folder)
{
    crm360_database_t database = {.customer = customer, .alias = "prod"};
    crm360_admin_result_t result = CRM360_ADMIN_GONE;
    const char *why = "", *const id = id_of('C');
    consumer_export_t *export;
    crm360_failure_t *failures;
    crm360_page_t page;
    apr_int64_t bytes;
    apr_pool_t *own;
    apr_status_t rv = crm360_queue_page(&page, queue, keys->dead, 0, 10, pool);

    if (!tell("page", '-', rv, "") || page.count == 0) {
        return;
    }
    rv = crm360_queue_failures(&failures, queue, keys, &page.entries[0].id, 1, pool);
    if (!tell("failures", 'C', rv, "")) {
        return;
    }
    apr_pool_create(&own, pool);
    rv = consumer_export_open(&export, &why, folder, &database, APR_TIME_C(1795449480123456), own);
    if (rv == APR_SUCCESS) {
        rv = consumer_export_letter(&bytes, export, queue, keys, &page.entries[0], failures);
    }
    if (rv == APR_SUCCESS) {
        rv = consumer_export_close(export);
    }
    (void)tell("export", 'C', rv, why);
    apr_pool_destroy(own);
    rv = crm360_queue_redrive(&result, queue, keys, &id, 1, NULL, pool);
    (void)tell("redrive", 'C', rv == APR_SUCCESS && result != CRM360_ADMIN_DONE ? APR_NOTFOUND : rv,
               "");
}

static void run(void)
{
    crm360_claim_t claimed;
    const char *folder = crm360_config_dead_limits(config).export_folder;

    push_all();
    spool_all();
    if (claim(&claimed)) {
        fetch(&claimed);
        finish(&claimed);
    }
    export_and_redrive(folder);
    drain();
}

/* What a program does before it serves anybody. */
static int prepare(const char *file)
{
    const char *error;

    if (crm360_config_read(&config, &error, file, CRM360_READ_CONSUMER, pool) != APR_SUCCESS) {
        printf("configuration refused: %s\n", error);
        return 3;
    }
    health = apr_pcalloc(pool, crm360_queue_health_size());
    keys = crm360_keys_make(customer, "prod", pool);
    spool = crm360_spool_make(crm360_config_spool(config), NULL, pool);
    if (crm360_queue_make(&queue, config, 1, health, pool) != APR_SUCCESS) {
        printf("no access to the queue\n");
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct iovec warm;
    int code;

    if (argc != 4 || apr_initialize() != APR_SUCCESS ||
        apr_pool_create_ex(&pool, NULL, end_without_memory, NULL) != APR_SUCCESS) {
        return 2;
    }
    crm360_log_set(write_line, NULL, CRM360_LOG_WARNING);
    customer = argv[2];
    /* OpenSSL 3.0 does not survive that its very first call finds no memory. */
    warm.iov_base = argv[2];
    warm.iov_len = strlen(argv[2]);
    (void)crm360_digest(&warm, 1, pool);
    if (inject_begin(argv[3]) < 0) {
        fprintf(stderr, "inject_run: %s: cannot be understood\n", argv[3]);
        return 2;
    }
    code = prepare(argv[1]);
    if (code == 0) {
        run();
    }
    inject_end();
    apr_pool_destroy(pool);
    apr_terminate();
    return code;
}
