/*
 * An httpd handler that does nothing: it reads the body of a request and answers a constant. What
 * it answers a second is what httpd, the sender and this machine can do at all, and the benchmark
 * holds the real module against it. Built for that alone, and never installed: it must not check,
 * store or log anything.
 *
 *   <Location "/null">
 *       SetHandler bench-null
 *   </Location>
 */
#include <httpd.h>

#include <http_config.h>
#include <http_protocol.h>
#include <util_filter.h>

#include <string.h>

/* How much of a body is asked for at a time. */
#define PIECE_BYTES (64 * 1024)

/* Reads what the brigade has; whether that was the end of the body. */
static int read_brigade(apr_bucket_brigade *brigade, apr_status_t *rv)
{
    const char *data;
    apr_size_t length;

    for (apr_bucket *bucket = APR_BRIGADE_FIRST(brigade); bucket != APR_BRIGADE_SENTINEL(brigade);
         bucket = APR_BUCKET_NEXT(bucket)) {
        if (APR_BUCKET_IS_EOS(bucket)) {
            return 1;
        }
        *rv = apr_bucket_read(bucket, &data, &length, APR_BLOCK_READ);
        if (*rv != APR_SUCCESS) {
            return 1;
        }
    }
    return 0;
}

/* RUN_FIRST: OK, DECLINED or HTTP_... */
static int answer(request_rec *r)
{
    apr_bucket_brigade *brigade;
    apr_status_t rv = APR_SUCCESS;
    int ended = 0;

    if (!r->handler || strcmp(r->handler, "bench-null") != 0) {
        return DECLINED;
    }
    brigade = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    while (rv == APR_SUCCESS && !ended) {
        rv = ap_get_brigade(r->input_filters, brigade, AP_MODE_READBYTES, APR_BLOCK_READ,
                            PIECE_BYTES);
        ended = rv == APR_SUCCESS && read_brigade(brigade, &rv);
        apr_brigade_cleanup(brigade);
    }
    if (rv != APR_SUCCESS) {
        return ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
    }
    ap_set_content_type(r, "application/json");
    ap_rputs("{\"ok\":true}", r);
    return OK;
}

static void register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_handler(answer, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(bench_null) = {
    STANDARD20_MODULE_STUFF,
    .register_hooks = register_hooks,
};
