/*
 * Pushes from many threads at once, for t/47-group.t: push_together CONF THREADS PUSHES. Each push
 * has an id of its own, and its message begins with it; a line says what became of it: id,
 * database, ok or why not, and how long it took in us.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/config.h"
#include "core/queue.h"

#define BYTES 2000
#define DATABASES 2

static const char *const databases[DATABASES] = {"prod", "test"};
static crm360_queue_t *queue;
static int pushes;

/* By turns into two databases. */
static void push_one(int thread, int number, apr_pool_t *pool)
{
    const char *database = databases[number % DATABASES];
    crm360_push_t push;
    crm360_receipt_t receipt = {.detail = NULL};
    char *message = apr_palloc(pool, BYTES);
    apr_time_t began = crm360_clock();
    apr_status_t rv;

    memset(&push, 0, sizeof push);
    push.customer = "acme";
    push.database = database;
    push.lane = CRM360_LANE_LIVE;
    push.id =
        apr_psprintf(pool, "01%08d%08d%08d-Shopify-Order-Insert", (int)getpid(), thread, number);
    memset(message, 'x', BYTES);
    memcpy(message, push.id, strlen(push.id));
    push.message = message;
    push.message_len = BYTES;
    rv = crm360_queue_push(&receipt, queue, &push, pool);
    if (rv == APR_SUCCESS && strcmp(receipt.id, push.id) != 0) {
        rv = APR_EMISMATCH; /* the answer of another one */
    }
    printf("%s %s %s %" APR_TIME_T_FMT "\n", push.id, database,
           rv == APR_SUCCESS ? "ok" : apr_psprintf(pool, "%d", rv), crm360_clock() - began);
}

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *number)
{
    apr_pool_t *pool;
    int i;

    /* As in httpd: memory of a thread is its own. */
    if (apr_pool_create_unmanaged_ex(&pool, NULL, NULL) != APR_SUCCESS) {
        abort();
    }
    for (i = 0; i < pushes; i++) {
        push_one((int)(apr_uintptr_t)number, i, pool);
        apr_pool_clear(pool);
    }
    apr_pool_destroy(pool);
    /* No apr_thread_exit(): AddressSanitizer would not see that this frame ends. */
    (void)thread;
    return NULL;
}

int main(int argc, char **argv)
{
    apr_pool_t *pool;
    crm360_config_t *config;
    apr_thread_t **threads;
    const char *fault;
    apr_status_t rv;
    int count, i;

    if (argc != 4 || apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL)) {
        return 2;
    }
    count = atoi(argv[2]);
    pushes = atoi(argv[3]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (crm360_config_read(&config, &fault, argv[1], CRM360_READ_HTTPD, pool) != APR_SUCCESS) {
        fprintf(stderr, "%s\n", fault);
        return 1;
    }
    if (crm360_queue_make(&queue, config, count, NULL, pool) != APR_SUCCESS) {
        return 1;
    }
    threads = apr_palloc(pool, (apr_size_t)count * sizeof(*threads));
    for (i = 0; i < count; i++) {
        if (apr_thread_create(&threads[i], NULL, run, (void *)(apr_uintptr_t)i, pool)) {
            return 1;
        }
    }
    for (i = 0; i < count; i++) {
        (void)apr_thread_join(&rv, threads[i]);
    }
    apr_terminate();
    return 0;
}
