/*
 * Two who write the same large message into Redis at the same time, for t/42-large-message.t:
 * stage_twice CONF. They take turns as two do who drain one spool, part by part, and push it when
 * all their parts are there. Prints the message's id.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#include "core/config.h"
#include "core/queue.h"

#define PART (256 * 1024)
#define PARTS 6
/* Whose turn it is: without parts of their own, what A pushes would be 1 2 5 3 4 6. */
#define TURNS "AAAABBABBABB"

/* The next part; and behind the last one, the push. */
static apr_status_t turn(apr_size_t *staged, crm360_queue_t *queue, const crm360_push_t *push,
                         apr_pool_t *pool)
{
    crm360_receipt_t receipt;
    apr_status_t rv = crm360_queue_stage(staged, queue, push, pool);

    if (rv == APR_SUCCESS && *staged == crm360_queue_stage_bytes(push)) {
        rv = crm360_queue_push(&receipt, queue, push, pool);
    }
    return rv;
}

int main(int argc, char **argv)
{
    crm360_push_t push = {.customer = "acme",
                          .database = "prod",
                          .lane = CRM360_LANE_LIVE,
                          .id = "01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Order-Insert",
                          .message_len = PART * PARTS};
    crm360_queue_t *queues[2];
    apr_size_t staged[2] = {0, 0};
    crm360_config_t *config;
    const char *fault, *at;
    apr_pool_t *pool;
    char *message;
    int i;

    if (argc != 2 || apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL)) {
        return 2;
    }
    if (crm360_config_read(&config, &fault, argv[1], CRM360_READ_HTTPD, pool) != APR_SUCCESS) {
        fprintf(stderr, "%s\n", fault);
        return 1;
    }
    push.message = message = apr_palloc(pool, push.message_len);
    for (i = 0; i < PARTS; i++) {
        memset(message + i * PART, '1' + i, PART);
    }
    for (i = 0; i < 2; i++) {
        if (crm360_queue_make(&queues[i], config, 1, NULL, pool) != APR_SUCCESS) {
            return 1;
        }
    }
    for (at = TURNS; *at; at++) {
        i = *at - 'A';
        if (turn(&staged[i], queues[i], &push, pool) != APR_SUCCESS) {
            return 1;
        }
    }
    printf("%s\n", push.id);
    apr_terminate();
    return 0;
}
