/*
 * Handlers that misbehave on demand, linked into a crm360d of its own for the tests
 * (build/t/crm360d_faulty) in the place of handlers/handlers.c; never part of what is installed.
 * The body is an order: a word, and after it, where the test wants to count effects, a serial
 * number and how many ms the work takes; whatever follows is ballast. With a serial number the
 * effect comes first: a row of the table Effects, which the test has made. Behind "quote" stands
 * the reason for which the message is rejected. The row of "clock" says when in microseconds.
 */
#include <apr_strings.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mail_copy.h"
#include "crm/db_private.h"
#include "handlers/handler.h"

/* What "allocate" takes at a time, and how often: more than any worker should have, but not
 * all that a machine has before the deadline of the handler. */
#define BITE_BYTES (16 * 1024 * 1024)
#define BITE_EVERY (10 * 1000)

typedef struct order_t {
    const char *word;
    const char *serial; /* NULL = none */
    apr_interval_time_t takes;
} order_t;

static int serves(const crm360_route_t *route)
{
    return strcmp(route->platform, "Adictiz") == 0;
}

static order_t read_order(const crm360_message_t *message, apr_pool_t *pool)
{
    char *rest = apr_pstrmemdup(pool, message->body, message->body_len);
    order_t order = {.word = apr_strtok(rest, " ", &rest)};
    const char *takes;

    order.word = order.word ? order.word : "";
    order.serial = apr_strtok(NULL, " ", &rest);
    takes = apr_strtok(NULL, " ", &rest);
    order.takes = takes ? apr_time_from_msec(apr_atoi64(takes)) : 0;
    if (strcmp(order.word, "sleep") == 0) {
        order.takes = order.serial ? apr_time_from_msec(apr_atoi64(order.serial)) : 0;
        order.serial = NULL;
    }
    else if (strcmp(order.word, "quote") == 0) {
        order.serial = NULL;
        order.takes = 0;
    }
    return order;
}

/* One row a run: a second run leaves a second row, and "when" is the clock that Redis has too. */
static apr_status_t leave_effect(crm_db_t *db, const order_t *order, const char *id,
                                 apr_pool_t *pool)
{
    static const crm_db_statement_t insert = {
        .label = "faulty_effect",
        .sql = "INSERT INTO Effects (Serial, MessageId, RanAt) VALUES (%s, %s, %s)"};
    int fine = strcmp(order->word, "clock") == 0;
    apr_time_t at = apr_time_now();
    const char *now = apr_psprintf(pool, "%" APR_TIME_T_FMT, fine ? at : apr_time_as_msec(at));

    return crm_db_execute(NULL, db, &insert, CRM_DB_VALUES(order->serial, id, now), pool);
}

static void crash(void)
{
    signal(SIGSEGV, SIG_DFL); /* a sanitizer would make a report of it */
    raise(SIGSEGV);
}

static void allocate(void)
{
    for (;;) {
        char *bite = malloc(BITE_BYTES);

        if (!bite) {
            crash(); /* what APR's pools do when memory is refused */
        }
        memset(bite, 1, BITE_BYTES); /* never freed */
        apr_sleep(BITE_EVERY);
    }
}

/* The same from a pool, which never comes back from what is refused. */
static void hoard(apr_pool_t *pool)
{
    for (;;) {
        memset(apr_palloc(pool, BITE_BYTES), 1, BITE_BYTES);
        apr_sleep(BITE_EVERY);
    }
}

/* Orders that never come back. */
static void misbehave(const char *word)
{
    static volatile unsigned spins;

    if (strcmp(word, "crash") == 0) {
        crash();
    }
    else if (strcmp(word, "loop") == 0) {
        for (;;) {
            spins++;
        }
    }
    else if (strcmp(word, "allocate") == 0) {
        allocate();
    }
    else if (strcmp(word, "hang") == 0) {
        for (;;) {
            pause();
        }
    }
}

/* MORE until the message has left five effects. */
static apr_status_t step(handler_result_t *result, crm_db_t *db, const char *serial,
                         apr_pool_t *pool)
{
    static const crm_db_statement_t count = {
        .label = "faulty_steps", .sql = "SELECT COUNT(*) FROM Effects WHERE Serial = %s"};
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, &count, CRM_DB_VALUES(serial), pool);

    result->verdict = crm_db_number(&rows, 0, 0) < 5 ? HANDLER_MORE : HANDLER_DONE;
    return rv;
}

static apr_status_t deliver(handler_result_t *result, const crm360_message_t *message,
                            const handler_context_t *context, apr_pool_t *pool)
{
    order_t order = read_order(message, pool);

    result->verdict = HANDLER_DONE;
    if (order.takes) {
        apr_sleep(order.takes);
    }
    if (order.serial) {
        apr_status_t rv = leave_effect(context->db, &order, message->id, pool);

        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    if (strcmp(order.word, "hoard") == 0) {
        hoard(pool);
    }
    misbehave(order.word);
    if (strcmp(order.word, "retry") == 0) {
        result->verdict = HANDLER_RETRY;
        result->reason = "told to retry";
    }
    else if (strcmp(order.word, "reject") == 0) {
        result->verdict = HANDLER_REJECT;
        result->reason = "told to reject";
    }
    else if (strcmp(order.word, "quote") == 0) {
        result->verdict = HANDLER_REJECT;
        result->reason = apr_pstrmemdup(pool, message->body + 6, message->body_len - 6);
    }
    else if (strcmp(order.word, "conflict") == 0) {
        return CRM360_ECONFLICT;
    }
    else if (strcmp(order.word, "collide") == 0) {
        static int collisions; /* two of three times */

        return ++collisions % 3 ? CRM360_ECONFLICT : APR_SUCCESS;
    }
    else if (strcmp(order.word, "steps") == 0 && order.serial) {
        return step(result, context->db, order.serial, pool);
    }
    else if (strcmp(order.word, "fault") == 0) {
        return APR_EGENERAL;
    }
    return APR_SUCCESS;
}

static const handler_t faulty = {.platform = "Adictiz", .serves = serves, .deliver = deliver};

const handler_t *const handlers[] = {&faulty, NULL};

const handler_t *handler_find(const crm360_message_t *message)
{
    return serves(message->route) && !crm360_id_is_mail(message->id) ? &faulty : NULL;
}
