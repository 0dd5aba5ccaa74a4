/*
 * The handler of the status pages (SetHandler crm360-status): which page is asked for, and in which
 * form. The numbers are gathered first, then written. Reading must never change anything, show a
 * secret, or fail with Redis: the pages are looked at when something is wrong. What webhooks say is
 * shown only where Crm360StatusMessages says so; a form acts only where Crm360StatusActions does.
 */
#include "mod_crm360_status.h"

#include <apr_cstr.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>

#include <string.h>

#define HANDLER "crm360-status"
/* Hours of the charts. */
#define HOURS 6
#define HOURS_MOST 24

typedef enum { HTML, JSON, PROMETHEUS, FORMATS } format_t;

/* FORMATS: there is no such one. */
static format_t format_of(request_rec *r)
{
    static const char *const names[FORMATS] = {"html", "json", "prometheus"};
    const char *name = status_param(r->args, "format", r->pool);
    int i;

    for (i = 0; name && i < FORMATS && strcmp(name, names[i]) != 0; i++) {
    }
    return name ? (format_t)i : HTML;
}

static int is_among(const char *name, const apr_array_header_t *names, int are_patterns)
{
    int i;

    for (i = 0; names && i < names->nelts; i++) {
        const char *other = APR_ARRAY_IDX(names, i, const char *);

        if (other && (are_patterns ? ap_strcasecmp_match(name, other) == 0
                                   : apr_cstr_casecmp(name, other) == 0)) {
            return 1;
        }
    }
    return 0;
}

/* Whether a page is asked for by a name of this server, or by an address. Under a name of his own
 * that leads here (DNS rebinding) somebody's page could read ours, and its forms, in the browser
 * of who may see it. */
static int is_our_name(const request_rec *r)
{
    const server_rec *s = r->server;
    const char *name = r->hostname;

    /* An address leads nowhere else. */
    return !name || strchr(name, ':') || !name[strspn(name, "0123456789.")] ||
           apr_cstr_casecmp(name, "localhost") == 0 ||
           apr_cstr_casecmp(name, s->server_hostname) == 0 || is_among(name, s->names, 0) ||
           is_among(name, s->wild_names, 1);
}

/* Header fields of every answer, and the methods: POST is for forms. */
static int begin(status_t *status)
{
    request_rec *r = status->r;
    int code = OK;

    if ((status->actions || status->messages) && !is_our_name(r)) {
        return HTTP_MISDIRECTED_REQUEST;
    }
    if (r->method_number != M_POST) {
        code = webhook_begin_page(r, "no-store", status_policy(r->pool));
        if (code != OK && status->actions) {
            ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, M_POST, -1);
        }
    }
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    apr_table_setn(r->headers_out, "Content-Security-Policy", status_policy(r->pool));
    /* Not "no-referrer": a browser would then hide the origin of our own forms as well. */
    apr_table_setn(r->headers_out, "Referrer-Policy", "same-origin");
    return code;
}

static int hours_of(request_rec *r)
{
    return (int)status_param_number(r->args, "hours", 1, HOURS_MOST, HOURS, r->pool);
}

/* The page of a database, or of one of its messages. */
static int show_one(status_t *status, const char *name)
{
    const crm360_database_t *database = status_database_named(status, name);
    const char *id = status_param(status->r->args, "id", status->r->pool);

    if (!database) {
        return HTTP_NOT_FOUND;
    }
    status_gather_one(status, database);
    status->r->status = status->answers ? HTTP_OK : HTTP_SERVICE_UNAVAILABLE;
    if (id && *id) {
        status_message(status, id);
    }
    else {
        status_gather_reasons(status);
        status_database(status);
    }
    return OK;
}

static int show_all(status_t *status, format_t format)
{
    request_rec *r = status->r;

    status->places = status_places(r->server, r->pool);
    status_gather(status, format == PROMETHEUS);
    status_gather_health(status);
    /* Who scrapes wants an answer that he can read, whatever is away: it says so itself. */
    r->status = status->answers || format == PROMETHEUS ? HTTP_OK : HTTP_SERVICE_UNAVAILABLE;
    if (format == PROMETHEUS) {
        apr_pool_create(&status->turn, r->pool);
        apr_pool_tag(status->turn, "crm360_metrics_turn");
        status_metrics(status);
        return OK;
    }
    status_gather_reasons(status);
    status_gather_history(status, hours_of(r) * 60);
    if (format == JSON) {
        status_json(status);
    }
    else {
        status_overview(status);
    }
    return OK;
}

int webhook_status(request_rec *r, const webhook_server_t *server,
                   const crm360_location_t *location)
{
    status_t status = {.r = r, .server = server};
    format_t format;
    const char *name;
    int code;

    if (!r->handler || strcmp(r->handler, HANDLER) != 0) {
        return DECLINED;
    }
    status.actions = crm360_location_status_actions(location);
    status.messages = crm360_location_status_messages(location);
    code = begin(&status);
    if (code != OK) {
        return code;
    }
    if (r->method_number == M_POST) {
        return status_act(&status);
    }
    format = format_of(r);
    name = status_param(r->args, "show", r->pool);
    if (format == FORMATS || (name && format != HTML)) {
        return HTTP_BAD_REQUEST;
    }
    return name ? show_one(&status, name) : show_all(&status, format);
}
