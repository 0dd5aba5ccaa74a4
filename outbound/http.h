/*
 * One HTTP request to a provider, on a fresh connection: libcurl repeats a request silently when a
 * kept connection dies under it. Redirects are not followed. For the files of outbound/ only.
 */
#ifndef OUTBOUND_HTTP_H
#define OUTBOUND_HTTP_H

#include <apr_tables.h>

#include "outbound/outbound.h"

/* Most bytes of an answer that are read; a longer one counts as broken. */
#define OUTBOUND_ANSWER_MOST (256 * 1024)

typedef struct outbound_request_t {
    const char *method; /* "POST" or "PUT" */
    const char *url;
    const apr_table_t *headers; /* without CR, LF and NUL; Authorization too */
    const char *user;           /* Basic authentication; NULL = none */
    const char *secret;
    const char *ca; /* as crm360_provider_t */
    const char *body;
    apr_size_t body_len;
} outbound_request_t;

typedef struct outbound_answer_t {
    int status;       /* 0 = none came */
    const char *body; /* NUL-terminated; body_len bytes without it */
    apr_size_t body_len;
    apr_interval_time_t retry_after; /* Retry-After (RFC 9110 10.2.3), seconds or date; 0 = none */
} outbound_answer_t;

/* Sends it. APR_SUCCESS: an answer has come, whole, whatever its status. CRM360_EAWAY: nothing was
 * sent (no name, no connection, no trust in the certificate). CRM360_EPROTOCOL: something was sent,
 * and no whole answer came: nobody knows. *why says it in a sentence without a secret. All in
 * `pool`. */
apr_status_t outbound_http(outbound_answer_t *answer, const char **why, const outbound_t *outbound,
                           const outbound_request_t *request, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Connects to the server of `provider`, with TLS where its address says so, and sends nothing. As
 * outbound_reach(). */
apr_status_t outbound_http_reach(const char **why, const outbound_t *outbound,
                                 const crm360_provider_t *provider, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* What a status means when the body says nothing better, for calls that must not be repeated
 * blindly: 2xx SENT; 401, 403 AWAY with alarm; 408, 425, 429, 503 AWAY; other 4xx REFUSED; the rest
 * UNCERTAIN. Also sets retry_after and code ("HTTP 503"). */
void outbound_http_fate(outbound_result_t *result, const outbound_answer_t *answer,
                        apr_pool_t *pool);

/* What a failed outbound_http() means. */
void outbound_http_failed(outbound_result_t *result, apr_status_t rv, const char *why);

#endif
