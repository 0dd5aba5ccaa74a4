/*
 * crm360ctl push: puts a webhook into the queue as httpd would, from a file. Whatever a platform
 * would be refused is refused here, with the same words; of the checks only those are left out that
 * protect httpd (proof of origin, rates, the size of a body). Nothing goes into the spool: an
 * operator can come again.
 */
#include "ctl/ctl.h"

#include <apr_escape.h>
#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#include "core/dedup.h"
#include "core/intake.h"
#include "core/trace.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/request_file.h"

#define ORIGIN "operator"

enum { SOURCE_ID, QUERY, HEADER, INVISIBLE, BATCH, REQUEST, DRY_RUN };

static const ctl_option_t options[] = {
    {"source-id", "N", "the parameter SourceId"},
    {"query", "NAME=VALUE ...", "a parameter of the query; may be given several times"},
    {"header", "'NAME: VALUE' ...", "a header field; may be given several times"},
    {"invisible", "TIME", "let it wait so long before it is worked on, as 30s or 2h"},
    {"batch", NULL, "the parameter BatchMode=true"},
    {"request", NULL, "FILE is a whole HTTP request, also when a route is named"},
    {"dry-run", NULL, "only say whether it would be taken; ask no server, store nothing"},
    CTL_OPTION_JSON,
    {NULL, NULL, NULL},
};

/* What the words say, and what is made of them. */
typedef struct push_t {
    apr_array_header_t *query; /* const char *: "name=value", encoded */
    apr_table_t *headers;
    int is_request;
    int dry_run;
    ctl_place_t place;
    ctl_request_t request;
    crm360_process_t process;
    const crm360_route_t *route;
    crm360_params_t params;
    const crm360_cloudevent_t *event;
    apr_pool_t *pool;
} push_t;

/* ---- words ---- */

static const char *add_query(push_t *push, const char *name, const char *value)
{
    APR_ARRAY_PUSH(push->query, const char *) =
        apr_pstrcat(push->pool, apr_pescape_urlencoded(push->pool, name), "=",
                    apr_pescape_urlencoded(push->pool, value), NULL);
    return NULL;
}

static const char *read_query(push_t *push, const char *text)
{
    const char *equals = strchr(text, '=');

    return equals && equals > text
               ? add_query(push, apr_pstrmemdup(push->pool, text, (apr_size_t)(equals - text)),
                           equals + 1)
               : "wants NAME=VALUE";
}

static const char *read_header(push_t *push, const char *text)
{
    const char *colon = strchr(text, ':');
    const char *name = colon ? apr_pstrmemdup(push->pool, text, (apr_size_t)(colon - text)) : "";
    const char *value = colon ? colon + 1 + strspn(colon + 1, " \t") : "";

    if (ctl_request_field_fault(name, value)) {
        return "wants 'NAME: VALUE'";
    }
    apr_table_addn(push->headers, name, value);
    return NULL;
}

static const char *read_invisible(push_t *push, const char *text)
{
    apr_interval_time_t interval;
    const char *fault = ctl_read_interval(&interval, text);

    if (fault || interval % APR_USEC_PER_SEC) {
        return fault ? fault : "wants whole seconds";
    }
    return add_query(push, "secondsOfInvisibility",
                     apr_off_t_toa(push->pool, apr_time_sec(interval)));
}

static const char *take(void *baton, int which, const char *value, apr_pool_t *pool)
{
    push_t *push = baton;

    (void)pool;
    switch (which) {
    case SOURCE_ID:
        return add_query(push, "SourceId", value);
    case QUERY:
        return read_query(push, value);
    case HEADER:
        return read_header(push, value);
    case INVISIBLE:
        return read_invisible(push, value);
    case BATCH:
        return add_query(push, "BatchMode", "true");
    case REQUEST:
        push->is_request = 1;
        return NULL;
    default:
        push->dry_run = 1;
        return NULL;
    }
}

/* ---- the request ---- */

static ctl_status_t refuse(const char *parameter, const char *detail)
{
    fprintf(stderr, "crm360ctl: push: not stored: %s%s%s\n", parameter ? parameter : "",
            parameter ? ": " : "", detail);
    return CTL_FAILED;
}

/* Sets a field of the command line in the place of those of its name in the file. */
static int set_field(void *baton, const char *name, const char *value)
{
    apr_table_addn(baton, name, value);
    return 1;
}

static int unset_field(void *baton, const char *name, const char *value)
{
    (void)value;
    apr_table_unset(baton, name);
    return 1;
}

/* Whether the command line says a parameter of the file's query. */
static int is_said(const push_t *push, const crm360_param_pair_t *pair)
{
    apr_array_header_t *query = push->query;
    int i;

    for (i = 0; i < query->nelts; i++) {
        const char *text = APR_ARRAY_IDX(query, i, const char *);
        const char *name = apr_pstrmemdup(push->pool, text, strcspn(text, "="));
        const char *plain;

        if (crm360_params_decode(&plain, name, strlen(name), push->pool) == APR_SUCCESS &&
            crm360_params_is(pair->name, pair->name_len, plain, push->pool)) {
            return 1;
        }
    }
    return 0;
}

/* The query of the file without what the command line says, and then that. */
static const char *whole_query(const push_t *push)
{
    apr_array_header_t *parts = apr_array_make(push->pool, 8, sizeof(const char *));
    const char *rest = push->request.query;
    crm360_param_pair_t pair;

    while (crm360_params_next(&pair, &rest)) {
        const char *end = pair.value + pair.value_len;

        if (!is_said(push, &pair)) {
            APR_ARRAY_PUSH(parts, const char *) =
                apr_pstrmemdup(push->pool, pair.name, (apr_size_t)(end - pair.name));
        }
    }
    apr_array_cat(parts, push->query);
    return apr_array_pstrcat(push->pool, parts, '&');
}

/* Takes FILE as a body, or as a whole request where it is one. */
static ctl_status_t read_file(push_t *push, const char *name)
{
    const char *data, *fault;
    apr_size_t len;

    fault = ctl_request_load(&data, &len, name, push->pool);
    if (!fault && push->is_request) {
        fault = ctl_request_read(&push->request, data, len, push->pool);
    }
    else if (!fault) {
        push->request.method = len > 0 ? "POST" : "GET";
        push->request.path = push->request.query = "";
        push->request.headers = apr_table_make(push->pool, 8);
        push->request.body = data;
        push->request.body_len = len;
        if (len > 0) {
            apr_table_setn(push->request.headers, "Content-Type", "application/json");
        }
    }
    if (fault) {
        return refuse(name, fault);
    }
    apr_table_do(unset_field, push->request.headers, push->headers, NULL);
    apr_table_do(set_field, push->request.headers, push->headers, NULL);
    return CTL_FINE;
}

/* Finds the route, that of the path where `text` is NULL, and the target of the request as it would
 * have been sent to this database. */
static ctl_status_t find_route(const char **target, push_t *push, const char *text)
{
    const char *values[CRM360_PATH_VALUES] = {"", "", "", "", ""}, *mount = CRM360_DEFAULT_MOUNT;
    int has_path =
        crm360_intake_path(&mount, &push->process, values, push->request.path, push->pool);
    const crm360_database_t *database = push->place.database;
    crm360_fault_t fault;
    char *part, *last = NULL;
    int i;

    push->process = has_path ? push->process : CRM360_QUEUE_PROCESS;
    if (!text && !has_path) {
        return refuse(NULL, "The path of the request is not that of a webhook: name its route.");
    }
    for (i = CRM360_PATH_PLATFORM; text && i < CRM360_PATH_VALUES; i++) {
        part = apr_strtok(i == CRM360_PATH_PLATFORM ? apr_pstrdup(push->pool, text) : NULL, "/",
                          &last);
        values[i] = part ? part : "";
    }
    for (i = CRM360_PATH_PLATFORM; i < CRM360_PATH_VALUES; i++) {
        if (!crm360_path_value_ok(values[i])) {
            return refuse(crm360_path_values[i].name,
                          "It must be 1 to 64 characters of A-Z a-z 0-9 . _ -; a route is written "
                          "Platform/Entity/Action.");
        }
    }
    if (!crm360_intake_route(&push->route, &fault, values[CRM360_PATH_PLATFORM],
                             values[CRM360_PATH_ENTITY], values[CRM360_PATH_ACTION], push->pool)) {
        return refuse(fault.parameter, fault.detail);
    }
    *target = apr_pstrcat(push->pool, mount, "/", crm360_process_name(push->process), "/",
                          database->customer, "/", database->alias, "/", push->route->name, "?",
                          whole_query(push), NULL);
    return CTL_FINE;
}

/* Everything that httpd would look at, in its order. */
static ctl_status_t check(push_t *push, const char *target)
{
    const ctl_request_t *request = &push->request;
    const crm360_database_t *database = push->place.database;
    const char *content = request->body;
    apr_size_t len = request->body_len;
    crm360_param_error_t error;
    crm360_fault_t fault;
    int structured;

    if (strcmp(request->method, "POST") != 0 && strcmp(request->method, "GET") != 0) {
        return refuse(NULL, "A webhook is sent with GET or POST.");
    }
    if (crm360_params_read(&push->params, &error, strchr(target, '?') + 1, push->process,
                           push->pool) != APR_SUCCESS) {
        return refuse(error.parameter, error.detail);
    }
    if (crm360_intake_is_coded(apr_table_get(request->headers, "Content-Encoding"))) {
        return refuse("Content-Encoding", "Nothing undoes this content coding here: give the body "
                                          "without, and no such field.");
    }
    if (!crm360_intake_mail(&fault, database, &push->params) ||
        !crm360_intake_event(&push->event, &structured, &fault, request->headers, request->body,
                             request->body_len, push->pool)) {
        return refuse(fault.parameter, fault.detail);
    }
    if (structured) {
        content = crm360_cloudevent_data(&len, push->event, push->pool);
    }
    if (!crm360_intake_command(&fault, push->route, push->process, database, content, len,
                               push->pool)) {
        return refuse(fault.parameter, fault.detail);
    }
    return CTL_FINE;
}

/* ---- storing ---- */

static void fill_message(crm360_message_t *message, const push_t *push, const char *target,
                         apr_time_t now)
{
    const ctl_request_t *request = &push->request;

    memset(message, 0, sizeof(*message));
    message->received = now;
    message->customer = push->place.database->customer;
    message->database = push->place.database->alias;
    message->route = push->route;
    message->source_id = push->params.source_id;
    message->zone_id = push->params.zone_id;
    message->brand_id = push->params.brand_id;
    message->contact_address_type_id = push->params.contact_address_type_id;
    message->batch_mode = push->params.batch_mode;
    message->email = push->params.email;
    message->origin = ORIGIN;
    message->trace =
        crm360_trace_parent(apr_table_get(request->headers, "traceparent"), push->pool);
    message->method = request->method;
    message->target = target;
    message->host = request->host;
    message->headers = request->headers;
    message->body = request->body;
    message->body_len = request->body_len;
}

/* Makes what is pushed. */
static ctl_status_t make(crm360_push_t *job, const push_t *push, const char *target)
{
    crm360_dedup_rule_t rule = crm360_config_dedup(push->place.config, push->route);
    apr_time_t now = apr_time_now();
    crm360_message_t message;
    const char *head, *fault;
    apr_size_t head_len;
    apr_status_t rv;
    char *stored;

    memset(job, 0, sizeof(*job));
    fill_message(&message, push, target, now);
    rv = crm360_dedup_find(&job->dedup, &fault, &rule, &message, push->event,
                           push->process == CRM360_EMAIL_PROCESS, push->pool);
    if (rv == APR_EINVAL) {
        return refuse("Idempotency-Key", fault);
    }
    message.id = crm360_message_id(push->route, now, push->pool);
    if (rv != APR_SUCCESS || !message.id) {
        return refuse(NULL, "The system gives no random numbers, or no memory.");
    }
    message.dedup = job->dedup.hash;
    crm360_message_head(&head, &head_len, &message, push->pool);
    crm360_intake_push(job, &message, &push->params, push->process, push->place.database,
                       push->pool);
    job->message_len = head_len + message.body_len;
    stored = apr_palloc(push->pool, job->message_len + 1);
    memcpy(stored, head, head_len);
    if (message.body_len > 0) {
        memcpy(stored + head_len, message.body, message.body_len);
    }
    job->message = stored;
    job->durability = CRM360_IN_MEMORY;
    return CTL_FINE;
}

static ctl_status_t not_stored(const push_t *push, const crm360_push_t *job, apr_status_t rv,
                               const char *detail)
{
    ctl_status_t failed;

    if (rv == CRM360_EREUSED) {
        return refuse("Idempotency-Key", "This key came before with another content.");
    }
    if (rv == CRM360_EFULL) {
        return refuse(NULL, "As many webhooks of this database wait as are allowed "
                            "(Crm360WaitingMost, Crm360WaitingBytes).");
    }
    failed = ctl_failed(&push->place, detail, rv);
    if (rv == CRM360_EAWAY || rv == CRM360_EREFUSED) {
        /* The command may have reached Redis, and its answer not us. */
        fprintf(stderr,
                "crm360ctl: push: it may be stored or not: crm360ctl show %s %s tells, when Redis "
                "answers again\n",
                push->place.name, job->id);
    }
    return failed;
}

static void show(const push_t *push, const crm360_push_t *job, const crm360_receipt_t *receipt,
                 ctl_output_t *output)
{
    ctl_object_begin(output, NULL);
    ctl_field_text(output, "id", "Id", receipt ? receipt->id : NULL);
    ctl_field_text(output, "database", "Database", push->place.name);
    ctl_field_text(output, "route", "Route", push->route->name);
    ctl_field_text(output, "lane", "Lane", crm360_lane_name(job->lane));
    ctl_field_bytes(output, "bytes", "Size", (apr_int64_t)job->message_len);
    ctl_field_flag(output, "mailCopy", "Mail copy", job->mail_copy);
    ctl_field_flag(output, "stored", "Stored", receipt != NULL);
    if (receipt) {
        ctl_field_time(output, "visibleAt", "Visible at", receipt->visible_at);
        ctl_field_text(output, "durability", "Durability",
                       crm360_durability_name(receipt->durability));
        ctl_field_flag(output, "duplicate", "Duplicate", receipt->duplicate);
    }
    ctl_object_end(output);
}

static ctl_status_t run_push(const crm360_config_t *config, int count, const char *const *text,
                             apr_pool_t *pool)
{
    push_t push = {.pool = pool};
    const char *route = NULL, *target;
    crm360_receipt_t receipt;
    ctl_output_t *output;
    ctl_status_t failed;
    crm360_push_t job;
    ctl_words_t words;
    apr_status_t rv;
    int status;

    push.query = apr_array_make(pool, 4, sizeof(const char *));
    push.headers = apr_table_make(pool, 4);
    status = ctl_options_read(&words, &ctl_push, take, &push, count, text, pool);
    if (status >= 0) {
        return (ctl_status_t)status;
    }
    if (words.count != 2 && words.count != 3) {
        return ctl_usage_error(&ctl_push, "wants customer/alias, a route, and a file");
    }
    route = words.count == 3 ? words.rest[1] : NULL;
    push.is_request |= !route;
    status = (int)ctl_place_make(&push.place, config, words.rest[0], pool);
    if (status != CTL_FINE) {
        return (ctl_status_t)status;
    }
    output = ctl_output_make(words.json, pool);
    if ((failed = read_file(&push, words.rest[words.count - 1])) != CTL_FINE ||
        (failed = find_route(&target, &push, route)) != CTL_FINE ||
        (failed = check(&push, target)) != CTL_FINE ||
        (failed = make(&job, &push, target)) != CTL_FINE) {
        return failed;
    }
    if (push.dry_run) {
        show(&push, &job, NULL, output);
        return CTL_FINE;
    }
    rv = crm360_queue_push(&receipt, push.place.queue, &job, pool);
    if (rv != APR_SUCCESS) {
        return not_stored(&push, &job, rv, receipt.detail);
    }
    show(&push, &job, &receipt, output);
    return CTL_FINE;
}

const ctl_verb_t ctl_push = {
    .name = "push",
    .words = "customer/alias [ROUTE] FILE [option ...]",
    .summary = "put a webhook from a file into the queue",
    .help = "Stores a webhook as if its platform had sent it, and prints its receipt. FILE is the\n"
            "body, of the route Platform/Entity/Action; or, when no route is named, a whole HTTP\n"
            "request, also one that was stored: what 'show --raw' and redis-cli --raw GET print.\n"
            "'-' is standard input. Whatever a platform would be refused is refused. A repeated\n"
            "delivery is not stored again, and its receipt is that of the first one; a field\n"
            "Idempotency-Key makes it another delivery. Nothing goes into the spool; when\n"
            "Redis does not answer in time, the id is printed with which 'show' tells whether it\n"
            "was stored.\n",
    .options = options,
    .examples = "  crm360ctl push acme/prod Shopify/Order/Insert order.json --source-id 12\n"
                "  crm360ctl show acme/prod ID --raw | crm360ctl push acme/test -\n"
                "  crm360ctl push acme/prod Tabology/Ticket/Create - --source-id 3 --invisible 2h "
                "<order.json\n",
    .run = run_push};
