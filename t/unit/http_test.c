/*
 * One HTTP request: what is said when the other side answers, is silent, breaks off or is not
 * there, and that whatever happens it is said once.
 */
#include "outbound/http.h"

#include <stdlib.h>

#include "outbound/outbound_private.h"
#include "t/unit/gateway_tools.h"
#include "t/unit/tap.h"

static apr_pool_t *pool;
static outbound_t *outbound;
static outbound_answer_t answer;
static const char *why;

/* By the path that is asked for. */
static const char ANSWERS[] =
    "answers_by_path {"
    "\"/good\":{\"body\":\"{\\\"a\\\":1}\"},"
    "\"/empty\":{\"status\":204,\"headers\":{\"Content-Length\":null}},"
    "\"/refused\":{\"status\":400,\"body\":\"no\"},"
    "\"/busy\":{\"status\":429,\"headers\":{\"Retry-After\":\"120\"}},"
    "\"/busy-date\":{\"status\":503,\"headers\":{\"Retry-After\":"
    "\"Fri, 31 Dec 2999 23:59:59 GMT\"}},"
    "\"/busy-past\":{\"status\":503,\"headers\":{\"Retry-After\":"
    "\"Fri, 31 Dec 1999 23:59:59 GMT\"}},"
    "\"/busy-nonsense\":{\"status\":503,\"headers\":{\"Retry-After\":\"soon\"}},"
    "\"/busy-negative\":{\"status\":503,\"headers\":{\"Retry-After\":\"-5\"}},"
    "\"/moved\":{\"status\":302,\"headers\":{\"Location\":\"/good\"}},"
    "\"/login\":{\"status\":401,\"headers\":{\"WWW-Authenticate\":\"Basic realm=x\"}},"
    "\"/continue\":{\"status\":100,\"headers\":{\"Content-Length\":null},\"how\":\"cut\","
    "\"body\":\"\"},"
    "\"/slow\":{\"delay\":0.3},"
    "\"/late\":{\"delay\":5},"
    "\"/never\":{\"how\":\"never\"},"
    "\"/close\":{\"how\":\"close\"},"
    "\"/reset\":{\"how\":\"reset\"},"
    "\"/cut\":{\"how\":\"cut\",\"body\":\"{\\\"a\\\":1,\\\"b\\\":2}\"},"
    "\"/cut-status\":{\"how\":\"cut\"},"
    "\"/cut-reset\":{\"how\":\"cut-reset\",\"body\":\"{\\\"a\\\":1,\\\"b\\\":2}\"},"
    "\"/garbage\":{\"how\":\"garbage\"},"
    "\"/drip\":{\"how\":\"drip\",\"body\":\"0123456789012345678901234567890123456789\"},"
    "\"/endless\":{\"how\":\"endless\"}"
    "}";

static apr_status_t post(const char *path)
{
    outbound_request_t request = {.method = "POST", .body = "a=b", .body_len = 3};

    request.url = apr_pstrcat(pool, gateway.url, path, NULL);
    return outbound_http(&answer, &why, outbound, &request, pool);
}

/* What comes back, whole: status, fate, and how long it asks for. */
static const struct {
    const char *path;
    int status;
    outbound_fate_t fate;
    int alarm;
    int seconds; /* of retry_after */
} whole[] = {
    {"/good", 200, OUTBOUND_SENT, 0, 0},          {"/empty", 204, OUTBOUND_SENT, 0, 0},
    {"/slow", 200, OUTBOUND_SENT, 0, 0},          {"/refused", 400, OUTBOUND_REFUSED, 0, 0},
    {"/busy", 429, OUTBOUND_AWAY, 0, 120},        {"/busy-date", 503, OUTBOUND_AWAY, 0, 86400},
    {"/busy-past", 503, OUTBOUND_AWAY, 0, 0},     {"/busy-nonsense", 503, OUTBOUND_AWAY, 0, 0},
    {"/busy-negative", 503, OUTBOUND_AWAY, 0, 0}, {"/moved", 302, OUTBOUND_UNCERTAIN, 0, 0},
    {"/login", 401, OUTBOUND_AWAY, 1, 0},
};

static void test_whole(void)
{
    size_t i;

    for (i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
        outbound_result_t result;
        int before = gateway_count(pool);

        is_number(post(whole[i].path), APR_SUCCESS, whole[i].path);
        is_number(answer.status, whole[i].status, "  its status");
        is_number(apr_time_sec(answer.retry_after), whole[i].seconds, "  Retry-After");
        outbound_http_fate(&result, &answer, pool);
        is_number(result.fate, whole[i].fate, "  its fate");
        is_number(result.alarm, whole[i].alarm, "  whether a person is needed");
        is_number(gateway_count(pool) - before, 1, "  it was said once");
    }
    (void)post("/good");
    is_text(answer.body, "{\"a\":1}", "the body has come");
    is_number((long long)answer.body_len, 7, "  and its length");
}

/* Said, and no whole answer: nobody knows. */
static const char *const unknown[] = {"/close",     "/reset", "/cut",     "/cut-status",
                                      "/cut-reset", "/never", "/garbage", "/continue",
                                      "/late",      "/drip",  "/endless"};

static void test_unknown(void)
{
    size_t i;

    for (i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
        outbound_result_t result;
        int before = gateway_count(pool);
        apr_status_t rv = post(unknown[i]);

        is_number(rv, CRM360_EPROTOCOL, unknown[i]);
        ok(why && strstr(why, "127.0.0.1: sent, but no whole answer came: ") == why, "  %s", why);
        outbound_http_failed(&result, rv, why);
        is_number(result.fate, OUTBOUND_UNCERTAIN, "  nobody knows");
        is_number(gateway_count(pool) - before, 1, "  it was said once");
    }
}

static void test_what_is_said(void)
{
    apr_table_t *headers = apr_table_make(pool, 3);
    outbound_request_t request = {.method = "PUT",
                                  .headers = headers,
                                  .user = "ann",
                                  .secret = "s:e\xC3\xA9",
                                  .body = "x\0y",
                                  .body_len = 3};

    apr_table_setn(headers, "Content-Type", "application/json");
    apr_table_setn(headers, "X-Empty", "");
    request.url = apr_pstrcat(pool, gateway.url, "/good?a=%0a/../b", NULL);
    is_number(outbound_http(&answer, &why, outbound, &request, pool), APR_SUCCESS, "a PUT");
    is_text(gateway_said(-1, "method", pool), "PUT", "  its method");
    is_text(gateway_said(-1, "path", pool), "/good?a=%0a/../b", "  its path, as it was given");
    is_text(gateway_said(-1, "headers.content-type", pool), "application/json", "  a header field");
    is_text(gateway_said(-1, "headers.x-empty", pool), "", "  an empty one");
    is_text(gateway_said(-1, "headers.authorization", pool), "Basic YW5uOnM6ZcOp", "  who we are");
    is_text(gateway_said(-1, "headers.content-length", pool), "3", "  as many bytes");
    is_text(gateway_said(-1, "headers.expect", pool), "", "  no waiting for leave");
    ok(strncmp(gateway_said(-1, "headers.user-agent", pool), "crm360/", 7) == 0, "  by what");

    apr_table_setn(headers, "X-Evil", "a\r\nX-More: b");
    is_number(outbound_http(&answer, &why, outbound, &request, pool), CRM360_EAWAY,
              "a line break in a field is not sent");
    is_text(why, "127.0.0.1: nothing was sent: the request cannot be made", "  and said so");
}

/* Each call says to which trace it belongs, with a span of its own; no trace, no field. */
static void test_trace(void)
{
    static const char parent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const char *one, *other;

    post("/good");
    is_text(gateway_said(-1, "headers.traceparent", pool), "", "no trace, no field");
    outbound_trace(outbound, parent, "a=1,b=2");
    post("/good");
    one = apr_pstrdup(pool, gateway_said(-1, "headers.traceparent", pool));
    ok(one && strlen(one) == 55 && strncmp(one, parent, 36) == 0 && strcmp(one + 52, "-01") == 0,
       "a call says to which trace it belongs: %s", one ? one : "none");
    is_text(gateway_said(-1, "headers.tracestate", pool), "a=1,b=2", "  and its state");
    post("/good");
    other = gateway_said(-1, "headers.traceparent", pool);
    ok(strcmp(one, other) != 0 && strcmp(other, parent) != 0, "  each time with another span");
    outbound_trace(outbound, parent, "no state");
    post("/good");
    ok(*gateway_said(-1, "headers.traceparent", pool), "a broken state");
    is_text(gateway_said(-1, "headers.tracestate", pool), "", "  is left out");
    outbound_trace(outbound, NULL, "a=1");
    post("/good");
    is_text(gateway_said(-1, "headers.traceparent", pool), "", "the next one has none");
    is_text(gateway_said(-1, "headers.tracestate", pool), "", "  and no state either");
}

/* Each on a connection of its own. */
static void test_connections(void)
{
    const char *first, *second;

    (void)post("/good");
    first = gateway_said(-1, "connection", pool);
    (void)post("/good");
    second = gateway_said(-1, "connection", pool);
    ok(atoi(second) > atoi(first), "no connection is used twice (%s, %s)", first, second);
}

static void is_away(const char *url, const char *ca, const char *name)
{
    outbound_request_t request = {.method = "POST", .body = "a", .body_len = 1};
    outbound_result_t result;
    apr_status_t rv;

    request.url = url;
    request.ca = ca;
    rv = outbound_http(&answer, &why, outbound, &request, pool);
    is_number(rv, CRM360_EAWAY, name);
    ok(why && strstr(why, ": nothing was sent: "), "  %s", why);
    outbound_http_failed(&result, rv, why);
    is_number(result.fate, OUTBOUND_AWAY, "  away");
}

static void test_nothing_sent(void)
{
    const char *url = apr_pstrcat(pool, gateway.url, "/good", NULL);
    int before = gateway_count(pool);

    is_away("file:///etc/passwd", NULL, "a file is no URL of a provider");
    is_away("https://127.0.0.1:1/", "/nonexistent/ca.pem", "nobody listens");
    is_away("http://no-such-host.invalid/", NULL, "a name that is none");
    is_away("http://ann:secret@127.0.0.1:1/", NULL, "a login in the URL");
    gateway_order("down", pool);
    is_away(url, NULL, "the gateway is down");
    gateway_order("up", pool);
    is_number(gateway_count(pool), before, "nothing of that was heard");
    is_number(post("/good"), APR_SUCCESS, "it is up again");
    is_away(apr_pstrcat(pool, "https", url + 4, NULL), NULL, "TLS with somebody who speaks none");
}

/* What the environment and the home of the user say does not count. */
static void test_environment(void)
{
    char netrc[64];
    FILE *file;

    apr_snprintf(netrc, sizeof(netrc), "%s/.netrc", gateway.folder);
    file = fopen(netrc, "w");
    if (file) {
        fprintf(file, "machine 127.0.0.1 login ann password secret\n");
        fclose(file);
    }
    setenv("HOME", gateway.folder, 1);
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    is_number(post("/good"), APR_SUCCESS, "no proxy of the environment is asked");
    is_text(gateway_said(-1, "headers.authorization", pool), "", "  no password of .netrc is told");
}

static void test_statuses(void)
{
    static const struct {
        int status;
        outbound_fate_t fate;
        int alarm;
    } cases[] = {
        {200, OUTBOUND_SENT, 0},      {201, OUTBOUND_SENT, 0},      {299, OUTBOUND_SENT, 0},
        {300, OUTBOUND_UNCERTAIN, 0}, {400, OUTBOUND_REFUSED, 0},   {401, OUTBOUND_AWAY, 1},
        {403, OUTBOUND_AWAY, 1},      {404, OUTBOUND_REFUSED, 0},   {408, OUTBOUND_AWAY, 0},
        {413, OUTBOUND_REFUSED, 0},   {425, OUTBOUND_AWAY, 0},      {429, OUTBOUND_AWAY, 0},
        {499, OUTBOUND_REFUSED, 0},   {500, OUTBOUND_UNCERTAIN, 0}, {502, OUTBOUND_UNCERTAIN, 0},
        {503, OUTBOUND_AWAY, 0},      {504, OUTBOUND_UNCERTAIN, 0}, {999, OUTBOUND_UNCERTAIN, 0},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        outbound_answer_t given = {.status = cases[i].status};
        outbound_result_t result;

        outbound_http_fate(&result, &given, pool);
        ok(result.fate == cases[i].fate && result.alarm == cases[i].alarm, "what HTTP %d means",
           cases[i].status);
        is_text(result.code, apr_psprintf(pool, "HTTP %d", cases[i].status), "  its code");
        ok((result.reason == NULL) == (result.fate == OUTBOUND_SENT), "  and a reason");
    }
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    if (outbound_make(&outbound, gateway.folder, 3 * APR_USEC_PER_SEC, pool) != APR_SUCCESS ||
        !gateway_start()) {
        printf("Bail out! no gateway\n");
        return 1;
    }
    gateway_order(ANSWERS, pool);
    test_statuses();
    test_whole();
    test_what_is_said();
    test_trace();
    test_connections();
    test_unknown();
    test_nothing_sent();
    test_environment();
    gateway_stop();
    apr_pool_destroy(pool);
    apr_terminate();
    return tap_done();
}
