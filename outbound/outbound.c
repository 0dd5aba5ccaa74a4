/*
 * Making what a worker needs for its calls. The only place that initialises libcurl, before any
 * other of its functions is called.
 */
#include "outbound/outbound_private.h"

#include <curl/curl.h>

#include "core/trace.h"

apr_status_t outbound_make(outbound_t **outbound, const char *outbox, apr_interval_time_t most,
                           apr_pool_t *pool)
{
    static int initialised;
    outbound_t *made = apr_pcalloc(pool, sizeof(*made));

    if (!initialised && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return APR_EGENERAL;
    }
    initialised = 1;
    made->outbox = outbox;
    made->most = most;
    made->pool = pool;
    *outbound = made;
    return APR_SUCCESS;
}

void outbound_trace(outbound_t *outbound, const char *parent, const char *state)
{
    outbound->trace = parent;
    outbound->trace_state = parent && crm360_trace_state_ok(state) ? state : NULL;
}
