/*
 * What standards beyond HTTP itself say about a request: its trace, content codings that nobody
 * has undone, CloudEvents, and their handshake. Must never change a request: what is stored is what
 * came.
 */
#include "mod_crm360_private.h"

#include <apr_strings.h>
#include <util_filter.h>

#include <string.h>

#include "core/trace.h"

/* The largest name that DNS has. */
#define ORIGIN_MOST 253

/* ---- Trace Context ---- */

const char *webhook_trace(request_rec *r)
{
    const char *trace = crm360_trace_parent(apr_table_get(r->headers_in, "traceparent"), r->pool);

    if (trace) {
        apr_table_setn(r->notes, "crm360-trace", crm360_trace_id(trace, r->pool));
    }
    return trace;
}

/* ---- content codings ---- */

static int is_encoded(const request_rec *r)
{
    return crm360_intake_is_coded(apr_table_get(r->headers_in, "Content-Encoding"));
}

/* Whether a filter stands where a coding could be undone: above HTTP's own. */
static int has_decoder(const request_rec *r)
{
    return r->input_filters && r->input_filters->frec->ftype < AP_FTYPE_PROTOCOL;
}

static int refuse_encoding(webhook_t *webhook)
{
    request_rec *r = webhook->r;

    apr_table_setn(r->err_headers_out, "Accept-Encoding", "identity"); /* RFC 9110 12.5.3 */
    return webhook_refuse(
        webhook, PROBLEM_ENCODING, "Content-Encoding",
        "Nothing undoes this content coding here: send the body without. Of all codings only gzip "
        "can be taken, by mod_deflate and SetInputFilter DEFLATE in this location.");
}

int webhook_check_encoding(webhook_t *webhook)
{
    return !is_encoded(webhook->r) || has_decoder(webhook->r) || refuse_encoding(webhook);
}

int webhook_check_decoded(webhook_t *webhook)
{
    return !is_encoded(webhook->r) || refuse_encoding(webhook);
}

/* ---- CloudEvents ---- */

int webhook_check_event(webhook_t *webhook, webhook_body_t *body)
{
    request_rec *r = webhook->r;
    crm360_fault_t fault;

    if (crm360_intake_event(&webhook->event, &webhook->structured, &fault, r->headers_in,
                            webhook_body_prepend(body, "", 0), body->len, r->pool)) {
        return 1;
    }
    if (fault.kind == CRM360_FAULT_MEDIA_TYPE) {
        apr_table_setn(r->err_headers_out, "Accept", CRM360_EVENT_TYPE); /* RFC 9110 15.5.16 */
    }
    return webhook_refuse_fault(webhook, &fault);
}

const char *webhook_content(apr_size_t *len, webhook_t *webhook, webhook_body_t *body,
                            apr_size_t most)
{
    *len = body->len;
    if (!webhook->structured) {
        return webhook_body_prepend(body, "", 0);
    }
    /* Decoding makes it shorter, and usually not by much. */
    *len = webhook->event->raw_len;
    return *len > 2 * most ? NULL : crm360_cloudevent_data(len, webhook->event, webhook->r->pool);
}

/* ---- the handshake ---- */

const char *webhook_allowed_rate(const webhook_t *webhook)
{
    crm360_rate_t rate =
        crm360_database_rate(webhook->database, crm360_platform_find(webhook->route->platform));
    apr_int64_t a_minute;

    if (rate.number <= 0) {
        return "*";
    }
    a_minute = (apr_int64_t)rate.number * 60 / rate.seconds;
    return apr_off_t_toa(webhook->r->pool, a_minute > 0 ? a_minute : 1);
}

const char *webhook_asking_origin(const request_rec *r)
{
    const char *origin = apr_table_get(r->headers_in, "WebHook-Request-Origin");
    apr_size_t len = origin ? strlen(origin) : 0;
    apr_size_t i;

    for (i = 0; i < len; i++) {
        if (origin[i] <= ' ' || origin[i] > '~' || origin[i] == ',') {
            return NULL;
        }
    }
    return len > 0 && len <= ORIGIN_MOST ? origin : NULL;
}
