/*
 * One webhook from its path to its place in the queue, or in the spool: route, method, parameters,
 * body, fields of a command, message, push. Must never answer with success before queue or spool
 * have confirmed, and never store anything of a request that is refused.
 */
#include "mod_crm360_private.h"

#include <apr_cstr.h>
#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>

#include <string.h>

#include "core/clock.h"
#include "core/command.h"
#include "core/dedup.h"
#include "core/log.h"
#include "core/mail_copy.h"
#include "core/message.h"

APLOG_USE_MODULE(crm360_webhook);

/* The values of the path, in its order. */
enum { IN_CUSTOMER, IN_DATABASE, IN_PLATFORM, IN_ENTITY, IN_ACTION, VALUES };

static const char *const value_names[VALUES] = {"CustomerName", "DatabaseAlias", "ExternalPlatform",
                                                "ExternalEntity", "ExternalAction"};

/* A webhook on its way. */
typedef struct webhook_t {
    request_rec *r;
    const webhook_server_t *server;
    const crm360_location_t *location;
    const char *values[VALUES];
    crm360_process_t process;
    crm360_reply_kind_t reply; /* how errors are told; known as soon as the platform is */
    const crm360_database_t *database;
    const crm360_route_t *route;
    crm360_params_t params;
    int spool_full; /* neither Redis nor the spool took it */
} webhook_t;

/* Each step of the way returns 1 to go on, or 0 when the request has been answered. */
static int refuse(webhook_t *webhook, webhook_problem_t problem, const char *parameter,
                  const char *detail)
{
    webhook_reply_problem(webhook->r, webhook->reply, problem, parameter, detail);
    return 0;
}

/* ---- the path ---- */

int webhook_process_named(crm360_process_t *process, const char *segment, apr_size_t len)
{
    static const char *const names[] = {"QueueProcess", "EmailProcess"};
    int i;

    for (i = 0; i < 2; i++) {
        if (len == strlen(names[i]) && apr_cstr_casecmpn(segment, names[i], len) == 0) {
            if (process) {
                *process = i == 0 ? CRM360_QUEUE_PROCESS : CRM360_EMAIL_PROCESS;
            }
            return 1;
        }
    }
    return 0;
}

/* Takes the last six segments of the path apart; one '/' at its end is fine. */
static int read_path(webhook_t *webhook)
{
    char *path = apr_pstrdup(webhook->r->pool, webhook->r->uri);
    apr_size_t len = strlen(path);
    char *slash;
    int i;

    if (len && path[len - 1] == '/') {
        path[len - 1] = '\0';
    }
    for (i = VALUES - 1; i >= 0; i--) {
        slash = strrchr(path, '/');
        if (!slash) {
            break;
        }
        webhook->values[i] = slash + 1;
        *slash = '\0';
    }
    slash = i < 0 ? strrchr(path, '/') : NULL;
    if (!slash || !webhook_process_named(&webhook->process, slash + 1, strlen(slash + 1))) {
        return refuse(webhook, PROBLEM_UNKNOWN_PATH, NULL,
                      "The path must end in QueueProcess/{CustomerName}/{DatabaseAlias}/"
                      "{ExternalPlatform}/{ExternalEntity}/{ExternalAction}, or in EmailProcess "
                      "with the same five values.");
    }
    return 1;
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

    webhook->reply = platform_reply(webhook->values[IN_PLATFORM]);
    for (i = 0; i < VALUES; i++) {
        if (!crm360_path_value_ok(webhook->values[i])) {
            return refuse(webhook, PROBLEM_BAD_PARAMETER, value_names[i],
                          apr_psprintf(webhook->r->pool,
                                       "%s must be 1 to 64 characters of A-Z a-z 0-9 . _ -",
                                       value_names[i]));
        }
    }
    return 1;
}

static int find_database(webhook_t *webhook)
{
    const char *customer = webhook->values[IN_CUSTOMER];
    const char *alias = webhook->values[IN_DATABASE];
    int customer_known;

    webhook->database =
        crm360_config_database(webhook->server->config, customer, alias, &customer_known);
    if (webhook->database) {
        return 1;
    }
    if (!customer_known) {
        return refuse(webhook, PROBLEM_UNKNOWN_CUSTOMER, value_names[IN_CUSTOMER],
                      apr_psprintf(webhook->r->pool, "There is no customer %s here.", customer));
    }
    return refuse(
        webhook, PROBLEM_UNKNOWN_DATABASE, value_names[IN_DATABASE],
        apr_psprintf(webhook->r->pool, "Customer %s has no database %s here.", customer, alias));
}

/* "Shopify/Customer/Insert, ...": the routes of one platform, or the platforms when it is NULL. */
static const char *list_routes(const char *platform, apr_pool_t *pool)
{
    const crm360_route_t *row;
    const char *text = "";

    for (row = crm360_routes; row->platform; row++) {
        const char *item = platform ? row->name : row->platform;

        if (platform ? apr_cstr_casecmp(row->platform, platform) != 0
                     : row != crm360_routes && strcmp(row[-1].platform, row->platform) == 0) {
            continue;
        }
        text = apr_pstrcat(pool, text, *text ? ", " : "", item, NULL);
    }
    return text;
}

static int find_route(webhook_t *webhook)
{
    const char *const *values = webhook->values;
    apr_pool_t *pool = webhook->r->pool;
    int at = IN_ACTION;

    switch (crm360_route_find(&webhook->route, values[IN_PLATFORM], values[IN_ENTITY],
                              values[IN_ACTION])) {
    case CRM360_ROUTE_FOUND:
        webhook->reply = webhook->route->reply;
        return 1;
    case CRM360_ROUTE_NO_PLATFORM:
        return refuse(webhook, PROBLEM_UNKNOWN_ROUTE, value_names[IN_PLATFORM],
                      apr_psprintf(pool, "There is no platform %s. Platforms: %s.",
                                   values[IN_PLATFORM], list_routes(NULL, pool)));
    case CRM360_ROUTE_NO_ENTITY:
        at = IN_ENTITY;
        break;
    case CRM360_ROUTE_NO_ACTION:
        break;
    }
    return refuse(webhook, PROBLEM_UNKNOWN_ROUTE, value_names[at],
                  apr_psprintf(pool, "There is no route %s/%s/%s. Routes of this platform: %s.",
                               values[IN_PLATFORM], values[IN_ENTITY], values[IN_ACTION],
                               list_routes(values[IN_PLATFORM], pool)));
}

/* ---- method and parameters ---- */

static int check_method(webhook_t *webhook)
{
    request_rec *r = webhook->r;

    if (r->method_number == M_OPTIONS) {
        webhook_reply_options(r);
        return 0;
    }
    /* httpd hands HEAD over as a GET without an answer's body: it must not queue anything. */
    if ((r->method_number == M_GET && !r->header_only) || r->method_number == M_POST) {
        return 1;
    }
    return refuse(webhook, PROBLEM_METHOD, NULL, "A webhook is sent with GET or POST.");
}

static int check_params(webhook_t *webhook)
{
    crm360_param_error_t error;

    if (crm360_params_read(&webhook->params, &error, webhook->r->args, webhook->process,
                           webhook->r->pool) != APR_SUCCESS) {
        return refuse(webhook, PROBLEM_BAD_PARAMETER, error.parameter, error.detail);
    }
    if (webhook->params.email &&
        !crm360_address_fits(webhook->database->email_allow, webhook->params.email)) {
        return refuse(webhook, PROBLEM_MAIL, "Email",
                      "Crm360EmailAllow of this database does not allow this address: nothing is "
                      "mailed to it, and nothing was queued.");
    }
    return 1;
}

/* ---- body ---- */

static int read_body(webhook_t *webhook, webhook_body_t *body, int *status)
{
    request_rec *r = webhook->r;
    apr_off_t most = crm360_location_max_body(webhook->location);

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
        refuse(webhook, PROBLEM_BODY_TOO_LARGE, NULL,
               apr_psprintf(r->pool,
                            "The body is larger than this location takes (Crm360MaxBody is "
                            "%" APR_OFF_T_FMT " bytes).",
                            most));
        break;
    case HTTP_REQUEST_TIME_OUT:
        refuse(webhook, PROBLEM_BODY_TIMEOUT, NULL,
               "The body was not complete in time. Nothing was stored.");
        break;
    default:
        refuse(webhook, PROBLEM_BODY_BROKEN, NULL,
               "The body ended early or its transfer coding is wrong. Nothing was stored.");
        break;
    }
    *status = OK;
    return 0;
}

/* A command that can be seen to come to nothing is not taken. */
static int check_command(webhook_t *webhook, webhook_body_t *body)
{
    const crm360_command_t *command = crm360_command_find(webhook->route);
    apr_pool_t *pool = webhook->r->pool;
    crm360_param_error_t error;

    if (!command || webhook->process == CRM360_EMAIL_PROCESS ||
        crm360_command_glance(&error, command, webhook_body_prepend(body, "", 0), body->len,
                              webhook->database, pool) == APR_SUCCESS) {
        return 1;
    }
    return refuse(webhook, PROBLEM_BAD_FIELD, error.parameter,
                  apr_pstrcat(pool, error.detail, ".", NULL));
}

/* ---- message ---- */

/* Authority of the request without credentials: of the target when it has one (RFC 9112 3.2.2),
 * else the Host field. */
static const char *host_of(const request_rec *r)
{
    const char *host = r->parsed_uri.hostinfo;
    const char *at = host ? strrchr(host, '@') : NULL;

    return at ? at + 1 : host ? host : apr_table_get(r->headers_in, "Host");
}

/* Whether a text is `len` lower-case hexadecimal digits, and not only zeros. */
static int is_hex(const char *text, apr_size_t len)
{
    return strspn(text, "0123456789abcdef") >= len && strspn(text, "0") < len;
}

/* The traceparent field when it is well formed (W3C Trace Context 3.2), else NULL. */
static const char *trace(const request_rec *r)
{
    const char *text = apr_table_get(r->headers_in, "traceparent");

    if (!text || strlen(text) != 55 || text[2] != '-' || text[35] != '-' || text[52] != '-' ||
        strspn(text, "0123456789abcdef") < 2 || strncmp(text, "ff", 2) == 0 ||
        !is_hex(text + 3, 32) || !is_hex(text + 36, 16) ||
        strspn(text + 53, "0123456789abcdef") != 2) {
        return NULL;
    }
    return text;
}

/* Fills in what is stored. The defaults of the database's section are not written into it: whoever
 * handles the message applies those of that day. */
static void fill_message(crm360_message_t *message, const webhook_t *webhook, const char *id,
                         apr_time_t now)
{
    request_rec *r = webhook->r;

    memset(message, 0, sizeof(*message));
    message->id = id;
    message->received = now;
    message->customer = webhook->database->customer;
    message->database = webhook->database->alias;
    message->route = webhook->route;
    message->source_id = webhook->params.source_id;
    message->zone_id = webhook->params.zone_id;
    message->brand_id = webhook->params.brand_id;
    message->contact_address_type_id = webhook->params.contact_address_type_id;
    message->batch_mode = webhook->params.batch_mode;
    message->email = webhook->params.email;
    message->peer = r->useragent_ip;
    message->origin = "none";
    message->trace = trace(r);
    message->method = r->method;
    message->target = webhook_target(r);
    message->host = host_of(r);
    message->headers = r->headers_in;
}

/* Loads that may wait step aside; what leaves keeps its lane, however much of it there is. */
static crm360_lane_t lane(const webhook_t *webhook)
{
    if (webhook->process == CRM360_EMAIL_PROCESS) {
        return CRM360_LANE_SEND;
    }
    return webhook->params.batch_mode && webhook->route->lane == CRM360_LANE_LIVE
               ? CRM360_LANE_BATCH
               : webhook->route->lane;
}

/* ---- storing ---- */

static void away(webhook_t *webhook)
{
    refuse(webhook, PROBLEM_AWAY, NULL,
           webhook->spool_full ? "The webhook could not be stored now: the queue is out of reach, "
                                 "and its spool is full. Send it again later."
                               : "The webhook could not be stored now. Send it again later.");
}

static void note_push(request_rec *r, const crm360_receipt_t *receipt, apr_time_t began)
{
    apr_table_setn(r->notes, "crm360-push-us",
                   apr_psprintf(r->pool, "%" APR_TIME_T_FMT, crm360_clock() - began));
    if (receipt->queue) {
        apr_table_setn(r->notes, "crm360-queue", receipt->queue);
    }
    if (receipt->duplicate) {
        apr_table_setn(r->notes, "crm360-id", receipt->id);
    }
}

/* Answers for a push that has failed. */
static void not_stored(webhook_t *webhook, const crm360_push_t *job, apr_status_t rv,
                       const char *detail)
{
    request_rec *r = webhook->r;

    detail = detail ? detail : "no detail";
    if (rv == CRM360_EREUSED) {
        refuse(webhook, PROBLEM_KEY_REUSED, "Idempotency-Key",
               "This key came before with another content. Nothing was stored.");
        return;
    }
    if (rv == CRM360_EAWAY || rv == CRM360_EREFUSED || rv == CRM360_EUNSAFE) {
        /* The queue logs when that begins and when it ends. */
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "%s not stored: %s", job->id, detail);
    }
    else {
        /* Our own status values mean nothing to httpd's log; the detail says it. */
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      CRM360_LOGNO(0206) "%s not stored, answering 503: %s", job->id, detail);
    }
    if (rv == CRM360_EUNSAFE) {
        refuse(webhook, PROBLEM_UNSAFE, NULL,
               "This location wants webhooks on a disk before it answers with success "
               "(fsync), and the queue keeps them in memory now. Send it again later.");
        return;
    }
    away(webhook);
}

/* Puts what Redis, asked at `began`, did not take for the reason `why` into the spool:
 * APR_SUCCESS and the receipt, or `why` again when there is no spool or it does not take it
 * either. Redis may have it all the same, when it did not say so in time: the id is the same,
 * and the second one changes nothing. */
static apr_status_t put_into_spool(webhook_t *webhook, const crm360_push_t *job, apr_status_t why,
                                   apr_time_t began, crm360_receipt_t *receipt)
{
    crm360_spool_t *spool = webhook->server->lender->spool;
    const char *detail = receipt->detail ? receipt->detail : "no detail";
    apr_status_t rv;

    if (!spool || (why != CRM360_EAWAY && why != CRM360_EREFUSED && why != CRM360_EPROTOCOL)) {
        return why;
    }
    rv = crm360_spool_put(receipt, spool, job, began, webhook->r->pool);
    if (rv == APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, webhook->r, "%s spooled: %s", job->id, detail);
        return APR_SUCCESS;
    }
    receipt->detail = apr_pstrcat(webhook->r->pool, detail, "; ", receipt->detail, NULL);
    webhook->spool_full = rv == CRM360_EREFUSED;
    return why;
}

static void push(webhook_t *webhook, const crm360_push_t *job)
{
    request_rec *r = webhook->r;
    crm360_queue_t *queue = webhook->server->lender->queue;
    apr_time_t began = crm360_clock();
    crm360_receipt_t receipt = {.detail = "no access to the queue"};
    apr_status_t rv = CRM360_EAWAY; /* child_init has logged why there is no queue */

    if (queue) {
        rv = crm360_queue_push(&receipt, queue, job, r->pool);
    }
    if (rv != APR_SUCCESS) {
        rv = put_into_spool(webhook, job, rv, began, &receipt);
    }
    note_push(r, &receipt, began);
    if (rv == APR_SUCCESS) {
        webhook_reply_stored(r, webhook->reply, &receipt);
    }
    else {
        not_stored(webhook, job, rv, receipt.detail);
    }
}

/* How this delivery is known again; 0 when the request has been answered. */
static int find_dedup(webhook_t *webhook, crm360_dedup_t *dedup, const crm360_message_t *message)
{
    crm360_dedup_rule_t rule = crm360_config_dedup(webhook->server->config, webhook->route);
    const char *fault;
    apr_status_t rv = crm360_dedup_find(dedup, &fault, &rule, message,
                                        webhook->process == CRM360_EMAIL_PROCESS, webhook->r->pool);

    if (rv == APR_EINVAL) {
        return refuse(webhook, PROBLEM_BAD_PARAMETER, "Idempotency-Key", fault);
    }
    if (rv != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, rv, webhook->r,
                      CRM360_LOGNO(0207) "no digest of a webhook, answering 503");
        away(webhook);
    }
    return rv == APR_SUCCESS;
}

static void store(webhook_t *webhook, webhook_body_t *body)
{
    request_rec *r = webhook->r;
    apr_time_t now = apr_time_now();
    const char *id = crm360_message_id(webhook->route, now, r->pool);
    crm360_message_t message;
    crm360_push_t job;
    const char *head;
    apr_size_t head_len;

    if (!id) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      CRM360_LOGNO(0205) "no random numbers for a message id, answering 503");
        away(webhook);
        return;
    }
    fill_message(&message, webhook, id, now);
    message.body = webhook_body_prepend(body, "", 0);
    message.body_len = body->len;
    if (!find_dedup(webhook, &job.dedup, &message)) {
        return;
    }
    message.dedup = job.dedup.hash;
    crm360_message_head(&head, &head_len, &message, r->pool);
    job.customer = message.customer;
    job.database = message.database;
    job.lane = lane(webhook);
    /* The mail alone, or the webhook and, where it is wanted, the mail. */
    job.id = webhook->process == CRM360_EMAIL_PROCESS ? crm360_mail_id(id, r->pool) : id;
    job.mail_copy = webhook->process == CRM360_QUEUE_PROCESS && message.email;
    apr_table_setn(r->notes, "crm360-id", job.id);
    job.message = webhook_body_prepend(body, head, head_len);
    job.message_len = head_len + body->len;
    job.invisible_for = apr_time_from_sec(webhook->params.seconds_of_invisibility);
    job.durability = crm360_location_durability(webhook->location);
    push(webhook, &job);
}

int webhook_request(request_rec *r, const webhook_server_t *server,
                    const crm360_location_t *location)
{
    webhook_t webhook;
    webhook_body_t body;
    int status = OK;

    memset(&webhook, 0, sizeof(webhook));
    webhook.r = r;
    webhook.server = server;
    webhook.location = location;
    webhook.reply = CRM360_REPLY_JSON;
    if (read_path(&webhook) && check_values(&webhook) && find_database(&webhook) &&
        find_route(&webhook) && check_method(&webhook) && check_params(&webhook) &&
        read_body(&webhook, &body, &status) && check_command(&webhook, &body)) {
        store(&webhook, &body);
    }
    return status;
}
