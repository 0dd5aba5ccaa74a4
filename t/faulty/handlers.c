/*
 * Handlers that misbehave on demand, linked into a crm360d of its own for the tests
 * (build/t/crm360d_faulty) in the place of handlers/handlers.c. The first word of the body says
 * what to do; never part of what is installed.
 */
#include <apr_strings.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handlers/handler.h"

static int serves(const crm360_route_t *route)
{
    return strcmp(route->platform, "Adictiz") == 0;
}

static apr_status_t deliver(handler_result_t *result, const crm360_message_t *message,
                            const handler_context_t *context, apr_pool_t *pool)
{
    const char *order = apr_pstrmemdup(pool, message->body, message->body_len);

    (void)context;
    result->verdict = HANDLER_DONE;
    if (strcmp(order, "crash") == 0) {
        signal(SIGSEGV, SIG_DFL); /* a sanitizer would make a report of it */
        raise(SIGSEGV);
    }
    else if (strcmp(order, "hang") == 0) {
        for (;;) {
            pause();
        }
    }
    else if (strncmp(order, "sleep ", 6) == 0) {
        apr_sleep(apr_time_from_msec(apr_atoi64(order + 6)));
    }
    else if (strcmp(order, "retry") == 0) {
        result->verdict = HANDLER_RETRY;
        result->reason = "told to retry";
    }
    else if (strcmp(order, "reject") == 0) {
        result->verdict = HANDLER_REJECT;
        result->reason = "told to reject";
    }
    else if (strcmp(order, "conflict") == 0) {
        return CRM360_ECONFLICT;
    }
    else if (strcmp(order, "fault") == 0) {
        return APR_EGENERAL;
    }
    return APR_SUCCESS;
}

static const handler_t faulty = {.platform = "Adictiz", .serves = serves, .deliver = deliver};

const handler_t *const handlers[] = {&faulty, NULL};

const handler_t *handler_find(const crm360_route_t *route)
{
    return serves(route) ? &faulty : NULL;
}
