/*
 * What the tests of the aggregates of crm/ share: steps, each of them a call as a handler makes it,
 * run in every order and twice, each with a pool of its own as a message has it; what they leave in
 * the database must be the same.
 */
#ifndef ORDER_TOOLS_H
#define ORDER_TOOLS_H

#include "crm/version.h"
#include "t/unit/handler_tools.h"

/* One step. `p` ends with it. */
typedef apr_status_t (*step_t)(apr_pool_t *p);

/* The version of a message of second `second`; `body` tells messages of one second apart. */
static const char *at(int second, const char *body) __attribute__((unused));
static const char *at(int second, const char *body)
{
    return crm_version_make(second * (apr_int64_t)1000, 0, body, strlen(body), pool);
}

/* Runs a step inside the transaction in progress, and lets nothing of its pool live on. */
static apr_status_t run_step(step_t step) __attribute__((unused));
static apr_status_t run_step(step_t step)
{
    static apr_size_t steps;
    apr_pool_t *own;
    apr_status_t rv;

    apr_pool_create(&own, pool);
    apr_palloc(own, 8 * (++steps * 7919 % 997)); /* nothing lies where it lay the last time */
    rv = step(own);
    /* As what comes next would do it. */
    apr_pool_clear(own);
    memset(apr_palloc(own, 4000), 'x', 4000);
    apr_pool_destroy(own);
    return rv;
}

/* Runs a step in a transaction of its own. */
static apr_status_t run_alone(step_t step) __attribute__((unused));
static apr_status_t run_alone(step_t step)
{
    apr_status_t rv = crm_db_begin(db);

    if (rv == APR_SUCCESS) {
        rv = run_step(step);
    }
    if (rv == APR_SUCCESS) {
        return crm_db_commit(db);
    }
    crm_db_rollback(db);
    return rv;
}

/* Runs steps in an order, in one transaction, and gives the dump; `twice`: each once more
 * afterwards, backwards. The rows stay if `stays`. */
static const char *steps_outcome(const step_t *steps, const int *order, int count, int twice,
                                 int stays) __attribute__((unused));
static const char *steps_outcome(const step_t *steps, const int *order, int count, int twice,
                                 int stays)
{
    const char *text;
    int i;

    if (crm_db_begin(db) != APR_SUCCESS) {
        return crm_db_error(db);
    }
    for (i = 0; i < (twice ? 2 * count : count); i++) {
        if (run_step(steps[order[i < count ? i : 2 * count - 1 - i]]) != APR_SUCCESS) {
            crm_db_rollback(db);
            return apr_pstrcat(pool, "a step failed: ", crm_db_error(db), NULL);
        }
    }
    dumps_inside = 1;
    text = dump();
    dumps_inside = 0;
    if (!stays) {
        crm_db_rollback(db); /* no order waits for the disk */
    }
    else if (crm_db_commit(db) != APR_SUCCESS) {
        return crm_db_error(db);
    }
    return text;
}

/* All orders of at most 7 steps give the same rows, every second one with each step twice. Of very
 * many orders only some are tried, on PostgreSQL fewer. The rows of the first one stay. */
static void all_steps_agree(const step_t *steps, int count, const char *what)
    __attribute__((unused));
static void all_steps_agree(const step_t *steps, int count, const char *what)
{
    int order[7] = {0, 1, 2, 3, 4, 5, 6}, orders = 0, tried = 0, equal = 0;
    /* Odd, so that there are steps once and twice. */
    int every = count > 4 && tools_pgsql() ? 11 : count > 6 ? 5 : 1;
    const char *wanted, *got;

    empty();
    wanted = steps_outcome(steps, order, count, 0, 0);
    do {
        if (orders++ % every) {
            continue;
        }
        got = steps_outcome(steps, order, count, tried++ % 2, 0);
        equal += strcmp(got, wanted) == 0;
        if (strcmp(got, wanted) != 0 && tried - equal < 3) {
            printf("# order %d %d %d %d %d %d %d:\n%s\n# wanted:\n%s\n", order[0], order[1],
                   order[2], order[3], order[4], order[5], order[6], got, wanted);
        }
    } while (next_order(order, count));
    is_number(equal, tried, apr_psprintf(pool, "%s: %d orders agree", what, tried));
    ok(strlen(wanted) > 200, "%s: and there are rows", what);
    for (orders = 0; orders < 7; orders++) {
        order[orders] = orders;
    }
    is_text(steps_outcome(steps, order, count, 1, 1), wanted, "  also when it is committed");
}

#endif
