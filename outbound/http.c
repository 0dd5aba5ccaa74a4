/*
 * One HTTP request by libcurl. Everything that would make libcurl send a request twice, or to
 * somebody else, is off: kept connections, redirects, HTTP/2 (whose refused streams are sent
 * again), authentication by trial, proxies and passwords of the environment. Must never say that
 * nothing was sent when something may have been.
 */
#include "outbound/http.h"

#include <apr_strings.h>

#include <curl/curl.h>
#include <string.h>

#include "core/trace.h"
#include "core/version.h"
#include "outbound/outbound_private.h"

/* A provider that says nothing at all for so long is given up. */
#define STALL_MOST (20 * APR_USEC_PER_SEC)
/* No provider asks for more patience than this. */
#define PATIENCE_MOST apr_time_from_sec(86400)

/* One request under way. */
typedef struct call_t {
    CURL *curl;
    struct curl_slist *fields;
    apr_pool_t *pool;
    char *body;
    apr_size_t len;
    int may_be_sent; /* the connection stood, and libcurl went on to send */
    int too_long;
    char error[CURL_ERROR_SIZE];
} call_t;

static apr_status_t call_free(void *data)
{
    call_t *call = data;

    curl_easy_cleanup(call->curl);
    curl_slist_free_all(call->fields);
    call->curl = NULL;
    call->fields = NULL;
    return APR_SUCCESS;
}

static int ready_to_send(void *data, char *peer, char *local, int peer_port, int local_port)
{
    call_t *call = data;

    (void)peer;
    (void)local;
    (void)peer_port;
    (void)local_port;
    call->may_be_sent = 1;
    return CURL_PREREQFUNC_OK;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *data)
{
    call_t *call = data;
    size_t len = size * count;

    if (len > OUTBOUND_ANSWER_MOST - call->len) {
        call->too_long = 1;
        return 0;
    }
    memcpy(call->body + call->len, bytes, len);
    call->len += len;
    return len;
}

/* A field for libcurl, whose notation of an empty one is "Name;". 0 ends the walk. */
static int add_field(void *data, const char *name, const char *value)
{
    call_t *call = data;
    struct curl_slist *longer;

    if (strpbrk(name, "\r\n:") || strpbrk(value, "\r\n")) {
        return 0; /* would become another field */
    }
    longer =
        curl_slist_append(call->fields, *value ? apr_pstrcat(call->pool, name, ": ", value, NULL)
                                               : apr_pstrcat(call->pool, name, ";", NULL));
    if (!longer) {
        return 0;
    }
    call->fields = longer;
    return 1;
}

/* The limits of a call and everything that is always the same. 0 when libcurl refuses. */
static int set_rules(call_t *call, const outbound_t *outbound)
{
    CURL *curl = call->curl;
    apr_interval_time_t most = outbound->most;
    apr_interval_time_t connect = most < OUTBOUND_CONNECT_MOST ? most : OUTBOUND_CONNECT_MOST;
    int bad = 0;

    bad |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    bad |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    bad |= curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    bad |= curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    bad |= curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    bad |= curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    bad |= curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    bad |= curl_easy_setopt(curl, CURLOPT_PROXY, "");
    bad |= curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    bad |= curl_easy_setopt(curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    bad |= curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    bad |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    bad |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    bad |= curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    bad |= curl_easy_setopt(curl, CURLOPT_USERAGENT, "crm360/" CRM360_VERSION);
    /* A resolver that hangs must not hold the worker beyond the limit. */
    bad |= curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
    bad |= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)apr_time_as_msec(connect));
    bad |= curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)apr_time_as_msec(most));
    bad |= curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    bad |= curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)apr_time_sec(STALL_MOST));
    bad |= curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, ready_to_send);
    bad |= curl_easy_setopt(curl, CURLOPT_PREREQDATA, call);
    bad |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    bad |= curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);
    bad |= curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, call->error);
    return !bad;
}

/* Says to which trace the request belongs. Without random numbers it says nothing. */
static int add_trace(call_t *call, const outbound_t *outbound)
{
    const char *trace = crm360_trace_child(outbound->trace, call->pool);

    return !trace ||
           (add_field(call, "traceparent", trace) &&
            (!outbound->trace_state || add_field(call, "tracestate", outbound->trace_state)));
}

/* What is said, to whom, and as whom. 0 when it cannot be. */
static int set_request(call_t *call, const outbound_t *outbound, const outbound_request_t *request)
{
    CURL *curl = call->curl;
    int bad = 0;

    /* Waiting for "100 Continue" would only make a call longer. */
    call->fields = curl_slist_append(NULL, "Expect:");
    if (!call->fields) {
        return 0;
    }
    if (request->headers && !apr_table_do(add_field, call, request->headers, NULL)) {
        return 0;
    }
    if (!add_trace(call, outbound)) {
        return 0;
    }
    bad |= curl_easy_setopt(curl, CURLOPT_URL, request->url);
    bad |= curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
    bad |= curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body ? request->body : "");
    bad |= curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    bad |= curl_easy_setopt(curl, CURLOPT_HTTPHEADER, call->fields);
    if (request->user) {
        bad |= curl_easy_setopt(curl, CURLOPT_USERNAME, request->user);
        bad |= curl_easy_setopt(curl, CURLOPT_PASSWORD, request->secret ? request->secret : "");
    }
    if (request->ca) {
        bad |= curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca);
        bad |= curl_easy_setopt(curl, CURLOPT_CAPATH, NULL); /* instead of the system's */
    }
    return !bad;
}

/* The name of the server in a URL, for sentences. */
static const char *host_of(const char *url, apr_pool_t *pool)
{
    const char *start = strstr(url, "://");

    start = start ? start + 3 : url;
    return apr_pstrmemdup(pool, start, strcspn(start, ":/?#"));
}

/* What a failed transfer means. Before anything is sent, libcurl's own text is the better one; it
 * cannot hold anything of the request then. */
static apr_status_t failed(const char **why, const call_t *call, CURLcode code, const char *host)
{
    const char *text = curl_easy_strerror(code);

    if (!call->may_be_sent) {
        *why = apr_psprintf(call->pool, "%s: nothing was sent: %s", host,
                            *call->error ? call->error : text);
        return CRM360_EAWAY;
    }
    if (call->too_long) {
        text = "the answer is longer than any that is read";
    }
    *why = apr_psprintf(call->pool, "%s: sent, but no whole answer came: %s", host, text);
    return CRM360_EPROTOCOL;
}

/* Sends it and takes the answer. */
static apr_status_t perform(outbound_answer_t *answer, const char **why, call_t *call,
                            const char *host)
{
    CURLcode code = curl_easy_perform(call->curl);
    curl_off_t patience = 0;
    long status = 0;

    curl_easy_getinfo(call->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(call->curl, CURLINFO_RETRY_AFTER, &patience);
    call->body[call->len] = '\0';
    answer->status = (int)status;
    answer->body = call->body;
    answer->body_len = call->len;
    if (patience > 0) {
        answer->retry_after =
            patience < apr_time_sec(PATIENCE_MOST) ? apr_time_from_sec(patience) : PATIENCE_MOST;
    }
    if (code != CURLE_OK) {
        return failed(why, call, code, host);
    }
    return APR_SUCCESS;
}

apr_status_t outbound_http(outbound_answer_t *answer, const char **why, const outbound_t *outbound,
                           const outbound_request_t *request, apr_pool_t *pool)
{
    call_t *call = apr_pcalloc(pool, sizeof(*call));
    const char *host = host_of(request->url, pool);
    apr_status_t rv;

    memset(answer, 0, sizeof(*answer));
    answer->body = "";
    *why = NULL;
    call->pool = pool;
    call->body = apr_palloc(pool, OUTBOUND_ANSWER_MOST + 1);
    call->curl = curl_easy_init();
    apr_pool_cleanup_register(pool, call, call_free, apr_pool_cleanup_null);
    if (!call->curl || !set_rules(call, outbound) || !set_request(call, outbound, request)) {
        *why = apr_psprintf(pool, "%s: nothing was sent: the request cannot be made", host);
        rv = CRM360_EAWAY;
    }
    else {
        rv = perform(answer, why, call, host);
    }
    apr_pool_cleanup_run(pool, call, call_free);
    return rv;
}

/* Connects, and no more. */
static apr_status_t connect_only(const char **why, call_t *call, const outbound_t *outbound,
                                 const crm360_provider_t *provider)
{
    CURL *curl = call->curl;
    CURLcode code;
    int bad = !curl || !set_rules(call, outbound);

    if (!bad) {
        bad |= curl_easy_setopt(curl, CURLOPT_URL, provider->url);
        bad |= curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
        if (provider->ca) {
            bad |= curl_easy_setopt(curl, CURLOPT_CAINFO, provider->ca);
            bad |= curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
        }
    }
    code = bad ? CURLE_OUT_OF_MEMORY : curl_easy_perform(curl);
    *why = apr_pstrdup(call->pool, *call->error ? call->error : curl_easy_strerror(code));
    return code == CURLE_OK ? APR_SUCCESS
           : code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE
               ? CRM360_EREFUSED
               : CRM360_EAWAY;
}

apr_status_t outbound_http_reach(const char **why, const outbound_t *outbound,
                                 const crm360_provider_t *provider, apr_pool_t *pool)
{
    call_t *call = apr_pcalloc(pool, sizeof(*call));
    apr_status_t rv;

    call->pool = pool;
    call->curl = curl_easy_init();
    apr_pool_cleanup_register(pool, call, call_free, apr_pool_cleanup_null);
    rv = connect_only(why, call, outbound, provider);
    apr_pool_cleanup_run(pool, call, call_free);
    return rv;
}

void outbound_http_fate(outbound_result_t *result, const outbound_answer_t *answer,
                        apr_pool_t *pool)
{
    int status = answer->status;

    memset(result, 0, sizeof(*result));
    result->code = apr_psprintf(pool, "HTTP %d", status);
    result->retry_after = answer->retry_after;
    if (status >= 200 && status < 300) {
        result->fate = OUTBOUND_SENT;
        return;
    }
    result->reason = apr_psprintf(pool, "the provider answers HTTP %d", status);
    if (status == 401 || status == 403) {
        result->fate = OUTBOUND_AWAY;
        result->alarm = 1;
    }
    else if (status == 408 || status == 425 || status == 429 || status == 503) {
        result->fate = OUTBOUND_AWAY;
    }
    else if (status >= 400 && status < 500) {
        result->fate = OUTBOUND_REFUSED;
    }
    else {
        result->fate = OUTBOUND_UNCERTAIN;
    }
}

void outbound_http_failed(outbound_result_t *result, apr_status_t rv, const char *why)
{
    memset(result, 0, sizeof(*result));
    result->fate = rv == CRM360_EAWAY ? OUTBOUND_AWAY : OUTBOUND_UNCERTAIN;
    result->reason = why;
}
