/*
 * The first half of the way of a webhook, from its path to a request that is found good: route,
 * method, limits, parameters, origin, body, fields of a command. Must never let a request pass that
 * is refused.
 */
#include "mod_crm360_private.h"

#include <apr_cstr.h>
#include <apr_strings.h>
#include <http_protocol.h>

#include <string.h>

#include "core/command.h"

/* ---- the path ---- */

static int read_path(webhook_t *webhook)
{
    return crm360_intake_path(NULL, &webhook->process, webhook->values, webhook->r->uri,
                              webhook->r->pool) ||
           webhook_refuse(webhook, PROBLEM_UNKNOWN_PATH, NULL,
                          "The path must end in QueueProcess/{CustomerName}/{DatabaseAlias}/"
                          "{ExternalPlatform}/{ExternalEntity}/{ExternalAction}, or in "
                          "EmailProcess with the same five values.");
}

/* How the platform wants to hear about errors, also when the rest of its path is wrong. */
static crm360_reply_kind_t platform_reply(const char *platform)
{
    const crm360_route_t *row;

    for (row = crm360_routes; row->platform; row++) {
        if (apr_cstr_casecmp(row->platform, platform) == 0) {
            return row->reply;
        }
    }
    return CRM360_REPLY_JSON;
}

static int check_values(webhook_t *webhook)
{
    int i;

    webhook->reply = platform_reply(webhook->values[CRM360_PATH_PLATFORM]);
    for (i = 0; i < CRM360_PATH_VALUES; i++) {
        if (!crm360_path_value_ok(webhook->values[i])) {
            return webhook_refuse(webhook, PROBLEM_BAD_PARAMETER, crm360_path_values[i].name,
                                  apr_pstrcat(webhook->r->pool, crm360_path_values[i].name,
                                              " must be 1 to 64 characters of A-Z a-z 0-9 . _ -.",
                                              NULL));
        }
    }
    return 1;
}

static int find_database(webhook_t *webhook)
{
    crm360_fault_t fault;

    return crm360_intake_database(&webhook->database, &fault, webhook->server->config,
                                  webhook->values[CRM360_PATH_CUSTOMER],
                                  webhook->values[CRM360_PATH_DATABASE], webhook->r->pool) ||
           webhook_refuse_fault(webhook, &fault);
}

static int find_route(webhook_t *webhook)
{
    const char *const *values = webhook->values;
    crm360_fault_t fault;

    if (!crm360_intake_route(&webhook->route, &fault, values[CRM360_PATH_PLATFORM],
                             values[CRM360_PATH_ENTITY], values[CRM360_PATH_ACTION],
                             webhook->r->pool)) {
        return webhook_refuse_fault(webhook, &fault);
    }
    webhook->reply = webhook->route->reply;
    return 1;
}

/* ---- method and parameters ---- */

static int check_method(webhook_t *webhook)
{
    request_rec *r = webhook->r;

    if (r->method_number == M_OPTIONS) {
        webhook_body_leave(r, WEBHOOK_BODY_SPARE);
        webhook_reply_options(r, webhook_asking_origin(r), webhook_allowed_rate(webhook));
        return 0;
    }
    /* httpd hands HEAD over as a GET without an answer's body: it must not queue anything. */
    if ((r->method_number == M_GET && !r->header_only) || r->method_number == M_POST) {
        return 1;
    }
    return webhook_refuse(webhook, PROBLEM_METHOD, NULL, "A webhook is sent with GET or POST.");
}

static int check_params(webhook_t *webhook)
{
    crm360_param_error_t error;

    if (crm360_params_read(&webhook->params, &error, webhook->query, webhook->process,
                           webhook->r->pool) != APR_SUCCESS) {
        return webhook_refuse(webhook, PROBLEM_BAD_PARAMETER, error.parameter, error.detail);
    }
    return 1;
}

/* Waits for the proof of origin: what a section allows is nobody else's business. So it is looked
 * at twice, before the body where that proves nothing more, and with it. */
static int check_mail(webhook_t *webhook)
{
    crm360_fault_t fault;

    return !webhook->origin || crm360_intake_mail(&fault, webhook->database, &webhook->params) ||
           webhook_refuse_fault(webhook, &fault);
}

/* ---- body ---- */

static const char *too_large(const webhook_t *webhook, apr_off_t most)
{
    return apr_psprintf(webhook->r->pool,
                        "The body is larger than this location takes (%s is %" APR_OFF_T_FMT
                        " bytes).",
                        webhook->params.batch_mode ? "Crm360MaxBatchBody" : "Crm360MaxBody", most);
}

static int read_body(webhook_t *webhook, webhook_body_t *body, int *status)
{
    request_rec *r = webhook->r;
    apr_off_t most = webhook_body_most(webhook);

    webhook->body_begun = 1;
    *status = webhook_body_read(body, r, most);
    if (*status == OK) {
        return 1;
    }
    /* Where the next request on this connection begins is unknown now; httpd closes it after
     * each of these statuses. */
    switch (*status) {
    case AP_FILTER_ERROR:
        return 0;
    case HTTP_REQUEST_ENTITY_TOO_LARGE:
        webhook_refuse(webhook, PROBLEM_BODY_TOO_LARGE, NULL,
                       body->undecoded
                           ? "Decoded, the body is larger than mod_deflate lets it become here."
                           : too_large(webhook, most));
        break;
    case HTTP_REQUEST_TIME_OUT:
        webhook_refuse(webhook, PROBLEM_BODY_TIMEOUT, NULL,
                       "The body was not complete in time. Nothing was stored.");
        break;
    default:
        webhook_refuse(
            webhook, PROBLEM_BODY_BROKEN, NULL,
            body->undecoded
                ? "The content coding of the body is wrong. Nothing was stored."
                : "The body ended early or its transfer coding is wrong. Nothing was stored.");
        break;
    }
    *status = OK;
    return 0;
}

/* A command that can be seen to come to nothing is not taken. */
static int check_command(webhook_t *webhook, webhook_body_t *body)
{
    crm360_fault_t fault;
    const char *content;
    apr_size_t len;

    if (!crm360_command_find(webhook->route)) {
        return 1;
    }
    content = webhook_content(&len, webhook, body, CRM360_COMMAND_GLANCE);
    return crm360_intake_command(&fault, webhook->route, webhook->process, webhook->database,
                                 content, len, webhook->r->pool) ||
           webhook_refuse_fault(webhook, &fault);
}

/* What can be said before the body is read, cheapest first. */
static int check_head(webhook_t *webhook)
{
    return read_path(webhook) && check_values(webhook) && find_database(webhook) &&
           find_route(webhook) && check_method(webhook) && webhook_check_sizes(webhook) &&
           webhook_peek_rate(webhook) && check_params(webhook) && webhook_origin_head(webhook) &&
           check_mail(webhook) && webhook_check_encoding(webhook);
}

/* The body, and what it proves and says. */
static int check_body(webhook_t *webhook, webhook_body_t *body, int *status)
{
    return read_body(webhook, body, status) && webhook_check_decoded(webhook) &&
           webhook_origin_body(webhook, body) && webhook_take_rate(webhook) &&
           check_mail(webhook) && webhook_check_event(webhook, body) &&
           check_command(webhook, body);
}

int webhook_request(request_rec *r, const webhook_server_t *server,
                    const crm360_location_t *location, const char *query)
{
    webhook_t webhook;
    webhook_body_t body;
    int status = OK;

    memset(&webhook, 0, sizeof(webhook));
    webhook.r = r;
    webhook.server = server;
    webhook.location = location;
    webhook.query = query;
    webhook.reply = CRM360_REPLY_JSON;
    webhook.trace = webhook_trace(r);
    if (check_head(&webhook) && check_body(&webhook, &body, &status)) {
        webhook_store(&webhook, &body);
    }
    return status;
}
