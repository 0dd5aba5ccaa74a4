/*
 * Every answer to a caller of webhooks: the receipt, problem details (RFC 9457), and the plain
 * texts that one platform insists on; and the header fields of pages. Must never let a caller's
 * bytes into an answer unescaped, nor say what Redis or a file said.
 */
#include "mod_crm360_private.h"

#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>

#include <string.h>

#include "core/json.h"

APLOG_USE_MODULE(crm360_webhook);

#define ALLOW "GET, POST, OPTIONS"
#define RETRY_AFTER "30"  /* seconds */
#define INSTANCE_MOST 512 /* bytes of the path that an answer repeats */
#define DETAIL_MOST 2048
/* RFC 6585, 5; httpd has no name for it. */
#define HTTP_FIELDS_TOO_LARGE 431

const crm360_api_problem_t webhook_problems[] = {
    [PROBLEM_BAD_PARAMETER] = {HTTP_BAD_REQUEST, "bad-parameter", "A parameter is wrong"},
    [PROBLEM_BAD_FIELD] = {HTTP_BAD_REQUEST, "bad-field", "A field of the command is wrong"},
    [PROBLEM_UNKNOWN_PATH] = {HTTP_NOT_FOUND, "unknown-path", "This is not the path of a webhook"},
    [PROBLEM_UNKNOWN_CUSTOMER] = {HTTP_NOT_FOUND, "unknown-customer", "The customer is unknown"},
    [PROBLEM_UNKNOWN_DATABASE] = {HTTP_NOT_FOUND, "unknown-database", "The database is unknown"},
    [PROBLEM_UNKNOWN_ROUTE] = {HTTP_NOT_FOUND, "unknown-route", "The route is unknown"},
    [PROBLEM_METHOD] = {HTTP_METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not allowed"},
    [PROBLEM_ORIGIN] = {HTTP_UNAUTHORIZED, "bad-origin", "The origin is not proven"},
    [PROBLEM_MAIL] = {HTTP_FORBIDDEN, "mail-not-allowed", "Mail copies are not allowed"},
    [PROBLEM_BODY_TOO_LARGE] = {HTTP_REQUEST_ENTITY_TOO_LARGE, "body-too-large",
                                "The body is too large"},
    [PROBLEM_BODY_TIMEOUT] = {HTTP_REQUEST_TIME_OUT, "body-timeout",
                              "The body did not come in time"},
    [PROBLEM_BODY_BROKEN] = {HTTP_BAD_REQUEST, "body-broken", "The body could not be read"},
    [PROBLEM_ENCODING] = {HTTP_UNSUPPORTED_MEDIA_TYPE, "unsupported-encoding",
                          "The content coding is not supported"},
    [PROBLEM_MEDIA_TYPE] = {HTTP_UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type",
                            "The format of events is not supported"},
    [PROBLEM_EVENT] = {HTTP_BAD_REQUEST, "bad-event", "The CloudEvent is wrong"},
    [PROBLEM_KEY_REUSED] = {HTTP_UNPROCESSABLE_ENTITY, "idempotency-key-reused",
                            "The Idempotency-Key belongs to another content"},
    [PROBLEM_HEADERS_TOO_LARGE] = {HTTP_FIELDS_TOO_LARGE, "headers-too-large",
                                   "The header fields are too large"},
    [PROBLEM_TOO_MANY_PARAMETERS] = {HTTP_BAD_REQUEST, "too-many-parameters",
                                     "The query has too many parameters"},
    [PROBLEM_RATE_LIMITED] = {HTTP_TOO_MANY_REQUESTS, "rate-limited",
                              "Too many requests in this time"},
    [PROBLEM_QUEUE_FULL] = {HTTP_SERVICE_UNAVAILABLE, "queue-full", "As much waits as is allowed"},
    [PROBLEM_UNSAFE] = {HTTP_SERVICE_UNAVAILABLE, "durability-not-reached",
                        "The queue is not as safe as demanded"},
    [PROBLEM_AWAY] = {HTTP_SERVICE_UNAVAILABLE, "queue-away", "The queue is out of reach"},
    [PROBLEMS] = {0, NULL, NULL},
};

int webhook_begin_page(request_rec *r, const char *caching, const char *policy)
{
    if (r->method_number != M_GET) {
        ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, -1); /* it adds HEAD */
        return HTTP_METHOD_NOT_ALLOWED;
    }
    apr_table_setn(r->headers_out, "Cache-Control", caching);
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    apr_table_setn(r->headers_out, "Referrer-Policy", "no-referrer");
    apr_table_setn(r->headers_out, "Content-Security-Policy", policy);
    return OK;
}

/* Sends a finished answer. Nothing that a cache or browser could misuse goes without its label. */
static int answer(request_rec *r, int status, const char *type, const char *text)
{
    apr_size_t len = strlen(text);

    r->status = status;
    /* httpd would cut the receipt of a POST, too, and answer 206. The request is stored already. */
    apr_table_unset(r->headers_in, "Range");
    apr_table_unset(r->headers_in, "Request-Range");
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    ap_set_content_type(r, type);
    ap_set_content_length(r, (apr_off_t)len);
    ap_rwrite(text, (int)len, r);
    return OK;
}

/* The path of the request as the caller wrote it, without its query: printable ASCII, cut. */
static const char *instance(request_rec *r)
{
    static const char hex[] = "0123456789ABCDEF";
    const char *path = webhook_target(r);
    apr_size_t len = strcspn(path, "?#");
    char *out, *to;
    apr_size_t i;

    len = len > INSTANCE_MOST ? INSTANCE_MOST : len;
    out = to = apr_palloc(r->pool, len * 3 + 1);
    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)path[i];

        if (c > 0x20 && c < 0x7f && !strchr("\"<>\\^`{|}", c)) {
            *to++ = (char)c;
        }
        else {
            *to++ = '%';
            *to++ = hex[c >> 4];
            *to++ = hex[c & 15];
        }
    }
    *to = '\0';
    return out;
}

static const char *problem_json(request_rec *r, const crm360_api_problem_t *problem,
                                const char *parameter, const char *detail)
{
    apr_pool_t *pool = r->pool;

    return apr_psprintf(pool,
                        "{\"type\":\"" CRM360_PROBLEM_TYPE
                        "%s\",\"title\":%s,\"status\":%d,\"detail\":%s,"
                        "\"instance\":%s%s%s}\n",
                        problem->name, crm360_json_quote(problem->title, pool), problem->status,
                        crm360_json_quote(apr_pstrndup(pool, detail, DETAIL_MOST), pool),
                        crm360_json_quote(instance(r), pool), parameter ? ",\"parameter\":" : "",
                        parameter ? crm360_json_quote(parameter, pool) : "");
}

int webhook_reply_problem(request_rec *r, crm360_reply_kind_t kind, webhook_problem_t problem,
                          const char *parameter, const char *detail)
{
    const crm360_api_problem_t *row = &webhook_problems[problem];

    /* Our own faults have been logged where they arose. The detail may quote a mail address, so
     * it is not for info. */
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "answering %d %s%s%s", row->status, row->name,
                  parameter ? " of " : "", parameter ? parameter : "");
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, "detail: %s", detail);
    if (problem == PROBLEM_METHOD) {
        apr_table_setn(r->headers_out, "Allow", ALLOW);
    }
    if (row->status == HTTP_SERVICE_UNAVAILABLE && !apr_table_get(r->headers_out, "Retry-After")) {
        apr_table_setn(r->headers_out, "Retry-After", RETRY_AFTER);
    }
    if (kind == CRM360_REPLY_TEXT) {
        return answer(r, row->status, "text/plain", "ERROR");
    }
    return answer(r, row->status, "application/problem+json",
                  problem_json(r, row, parameter, detail));
}

int webhook_refuse(webhook_t *webhook, webhook_problem_t problem, const char *parameter,
                   const char *detail)
{
    if (!webhook->body_begun) {
        webhook_body_leave(webhook->r, WEBHOOK_BODY_SPARE);
    }
    webhook_reply_problem(webhook->r, webhook->reply, problem, parameter, detail);
    return 0;
}

int webhook_refuse_fault(webhook_t *webhook, const crm360_fault_t *fault)
{
    static const webhook_problem_t problems[] = {
        [CRM360_FAULT_PARAMETER] = PROBLEM_BAD_PARAMETER,
        [CRM360_FAULT_CUSTOMER] = PROBLEM_UNKNOWN_CUSTOMER,
        [CRM360_FAULT_DATABASE] = PROBLEM_UNKNOWN_DATABASE,
        [CRM360_FAULT_ROUTE] = PROBLEM_UNKNOWN_ROUTE,
        [CRM360_FAULT_MAIL] = PROBLEM_MAIL,
        [CRM360_FAULT_MEDIA_TYPE] = PROBLEM_MEDIA_TYPE,
        [CRM360_FAULT_EVENT] = PROBLEM_EVENT,
        [CRM360_FAULT_FIELD] = PROBLEM_BAD_FIELD,
    };

    return webhook_refuse(webhook, problems[fault->kind], fault->parameter, fault->detail);
}

int webhook_refuse_for(webhook_t *webhook, webhook_problem_t problem, int seconds,
                       const char *detail)
{
    apr_table_setn(webhook->r->headers_out, "Retry-After",
                   apr_psprintf(webhook->r->pool, "%d", seconds));
    return webhook_refuse(webhook, problem, NULL, detail);
}

int webhook_reply_stored(request_rec *r, crm360_reply_kind_t kind, const crm360_receipt_t *receipt)
{
    const char *text;

    if (kind == CRM360_REPLY_TEXT) {
        return answer(r, HTTP_OK, "text/plain", "OK");
    }
    text = apr_psprintf(
        r->pool, "{\"MessageId\":%s,\"VisibleAt\":%s,\"Durability\":\"%s\",\"Duplicate\":%s}\n",
        crm360_json_quote(receipt->id, r->pool), crm360_json_date(receipt->visible_at, r->pool),
        crm360_durability_name(receipt->durability), receipt->duplicate ? "true" : "false");
    return answer(r, HTTP_OK, "application/json", text);
}

int webhook_reply_options(request_rec *r, const char *origin, const char *rate)
{
    r->status = HTTP_NO_CONTENT;
    apr_table_setn(r->headers_out, "Allow", ALLOW);
    if (origin) {
        apr_table_setn(r->headers_out, "WebHook-Allowed-Origin", origin);
        apr_table_setn(r->headers_out, "WebHook-Allowed-Rate", rate);
    }
    return OK;
}
