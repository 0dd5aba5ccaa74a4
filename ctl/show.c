/*
 * crm360ctl show and dead show: one message, readable: where it stands, what it has been through,
 * and the request as it came. It shows what the webhook says, as redis-cli would; must never show a
 * control character of it to a terminal. Changes nothing.
 */
#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#include "core/charset.h"
#include "core/json.h"
#include "core/message.h"
#include "core/queue_view.h"
#include "ctl/options.h"
#include "ctl/output.h"

/* What of a body is shown on a terminal without --full. */
#define LINES_MOST 40
#define BYTES_MOST 4000

#define PART (256 * 1024) /* of a raw message, read at once */

static const ctl_option_t options[] = {
    {"full", NULL, "on a terminal: the whole body, however long"},
    {"raw", NULL, "the stored bytes as they are, and nothing else"},
    CTL_OPTION_JSON,
    {NULL, NULL, NULL},
};

static const ctl_column_t event_columns[] = {
    {"at", "WHEN", CTL_TIME, 0},
    {"reason", "WHAT", CTL_TEXT, 0},
};

typedef struct run_t {
    ctl_place_t place;
    ctl_output_t *output;
    const char *id;
    int full;
    int raw;
    apr_pool_t *pool;
} run_t;

static const char *take(void *baton, int which, const char *value, apr_pool_t *pool)
{
    run_t *run = baton;

    (void)value;
    (void)pool;
    if (which == 0) {
        run->full = 1;
    }
    else {
        run->raw = 1;
    }
    return NULL;
}

/* ---- where it stands ---- */

static void show_state(const run_t *run, const crm360_view_t *view)
{
    ctl_output_t *output = run->output;
    int is_table = ctl_output_form(output) == CTL_FORM_TABLE;
    int is_visible = view->state == CRM360_STATE_WAITING || view->state == CRM360_STATE_DUE ||
                     view->state == CRM360_STATE_PAUSED;

    ctl_field_text(output, "state", "State", crm360_state_name(view->state));
    if (is_visible || !is_table) {
        ctl_field_time(output, "visibleAt", "Visible from", is_visible ? view->at : 0);
    }
    if (view->state == CRM360_STATE_DEAD || !is_table) {
        ctl_field_time(output, "diedAt", "Died", view->state == CRM360_STATE_DEAD ? view->at : 0);
    }
    if (view->state == CRM360_STATE_LEASED || !is_table) {
        ctl_field_text(output, "worker", "Held by", view->worker);
        ctl_field_time(output, "since", "Since", view->since);
        ctl_field_time(output, "leaseUntil", "Lease ends",
                       view->state == CRM360_STATE_LEASED ? view->at : 0);
    }
}

static void show_history(const run_t *run, const crm360_view_t *view)
{
    ctl_output_t *output = run->output;
    ctl_table_t *table;
    int i;

    ctl_field_number(output, "attempts", "Failed", view->failure.attempts);
    ctl_field_number(output, "crashes", "Crashed", view->failure.crashes);
    ctl_field_number(output, "expiries", "Expired", view->failure.expiries);
    ctl_field_text(output, "lastError", "Last error",
                   *view->failure.reason ? view->failure.reason : NULL);
    if (view->event_count > 0) {
        ctl_heading(output, "History");
    }
    ctl_list_begin(output, "events");
    table = ctl_table_begin(output, "event", event_columns, 2);
    for (i = 0; i < view->event_count; i++) {
        ctl_cell_time(table, view->events[i].at);
        ctl_cell_text(table, view->events[i].reason);
        ctl_row_end(table);
    }
    ctl_table_end(table);
    ctl_list_end(output);
}

/* ---- the request ---- */

/* Prints lines of a text one by one, each made harmless: all of them, or what fits a screen. */
static void print_lines(const run_t *run, const char *text, apr_size_t len, int cuts)
{
    const char *end, *at, *line_end;
    apr_pool_t *pool;
    int lines = 0;

    at = text = crm360_utf8_clean(&len, text, len, run->pool);
    end = text + len;
    apr_pool_create(&pool, run->pool);
    apr_pool_tag(pool, "crm360ctl_line");
    for (; at < end; at = line_end + 1) {
        apr_size_t left = (apr_size_t)(end - at), line;

        line_end = memchr(at, '\n', left);
        line_end = line_end ? line_end : end;
        line = (apr_size_t)(line_end - at);
        line -= line > 0 && at[line - 1] == '\r';
        if (cuts && (lines == LINES_MOST || at - text + (apr_ssize_t)line > BYTES_MOST)) {
            break;
        }
        printf("%s\n", ctl_plain(apr_pstrmemdup(pool, at, line), pool));
        apr_pool_clear(pool);
        lines++;
    }
    if (at < end) {
        /* The beginning of a line that is too long by itself says something, too. */
        line_end = at + (end - at < 200 ? end - at : 200);
        if (lines == 0) {
            printf("%s\n", ctl_plain(apr_pstrmemdup(pool, at, (apr_size_t)(line_end - at)), pool));
        }
        printf("... %s in all; --full shows it, --raw gives it as it came\n",
               ctl_bytes_text((apr_int64_t)len, pool));
    }
    apr_pool_destroy(pool);
}

/* The body as JSON; NULL when it is none. */
static json_object *json_of(const crm360_message_t *message, apr_pool_t *pool)
{
    json_object *value;
    const char *why;

    return message->body_len > 0 && crm360_json_parse(&value, &why, message->body,
                                                      message->body_len, pool) == APR_SUCCESS
               ? value
               : NULL;
}

static void show_request_json(const run_t *run, const crm360_message_t *message)
{
    ctl_output_t *output = run->output;
    const apr_array_header_t *headers = apr_table_elts(message->headers);
    const char *body;
    apr_size_t len;
    int i;

    ctl_object_begin(output, "request");
    ctl_field_time(output, "receivedAt", "", message->received);
    ctl_field_text(output, "route", "", message->route->name);
    ctl_field_number(output, "sourceId", "", message->source_id);
    ctl_field_text(output, "origin", "", message->origin);
    ctl_field_text(output, "peer", "", message->peer);
    ctl_field_text(output, "method", "", message->method);
    ctl_field_text(output, "target", "", message->target);
    ctl_list_begin(output, "headers");
    for (i = 0; i < headers->nelts; i++) {
        const apr_table_entry_t *header = &APR_ARRAY_IDX(headers, i, apr_table_entry_t);

        ctl_object_begin(output, NULL);
        ctl_field_text(output, "name", "", header->key);
        ctl_field_text(output, "value", "", header->val);
        ctl_object_end(output);
    }
    ctl_list_end(output);
    ctl_field_number(output, "bodyBytes", "", (apr_int64_t)message->body_len);
    body = crm360_utf8_clean(&len, message->body, message->body_len, run->pool);
    ctl_field_text(output, "body", "", apr_pstrmemdup(run->pool, body, len));
    ctl_object_end(output);
}

static void show_request(const run_t *run, const crm360_blob_t *blob)
{
    int is_table = ctl_output_form(run->output) == CTL_FORM_TABLE;
    int cuts = is_table && !run->full;
    crm360_message_t *message;
    json_object *value;
    const char *why, *text;
    apr_size_t len;

    if (crm360_message_parse(&message, &why, blob->data, blob->len, run->pool) != APR_SUCCESS) {
        ctl_field_text(run->output, "fault", "Stored", why);
        if (ctl_output_form(run->output) != CTL_FORM_JSON) {
            ctl_heading(run->output, "What is stored is no request");
            print_lines(run, blob->data, blob->len, cuts);
        }
        return;
    }
    if (ctl_output_form(run->output) == CTL_FORM_JSON) {
        show_request_json(run, message);
        return;
    }
    ctl_heading(run->output, "Request");
    printf("%s", is_table ? "" : "\n");
    print_lines(run, blob->data, (apr_size_t)(message->body - blob->data), 0);
    value = is_table ? json_of(message, run->pool) : NULL;
    text = value ? json_object_to_json_string_ext(value, JSON_C_TO_STRING_PRETTY |
                                                             JSON_C_TO_STRING_SPACED |
                                                             JSON_C_TO_STRING_NOSLASHESCAPE)
                 : message->body;
    len = value ? strlen(text) : message->body_len;
    print_lines(run, text, len, cuts);
}

/* The stored bytes, part by part; there were `bytes` of them. */
static ctl_status_t show_raw(const run_t *run, apr_int64_t bytes)
{
    apr_off_t offset = 0;
    apr_size_t len = 0;
    const char *data;
    apr_pool_t *pool;
    apr_status_t rv = APR_SUCCESS;

    apr_pool_create(&pool, run->pool);
    apr_pool_tag(pool, "crm360ctl_raw");
    do {
        apr_pool_clear(pool);
        rv = crm360_queue_read(&data, &len, run->place.queue, run->place.keys, run->id, offset,
                               PART, pool);
        if (rv == APR_SUCCESS && len > 0) {
            fwrite(data, 1, len, stdout);
            offset += (apr_off_t)len;
        }
    } while (rv == APR_SUCCESS && len == PART && !ctl_output_ended());
    apr_pool_destroy(pool);
    if (rv == APR_SUCCESS && offset == 0) {
        fprintf(stderr, "crm360ctl: %s: the stored message of %s is missing\n", run->place.name,
                ctl_plain(run->id, run->pool));
        return CTL_FAILED;
    }
    if (rv == APR_SUCCESS && offset < bytes && !ctl_output_ended()) {
        fprintf(stderr,
                "crm360ctl: %s: %s became shorter while it was read, as when it is done: these "
                "are not all of its bytes\n",
                run->place.name, ctl_plain(run->id, run->pool));
        return CTL_FAILED;
    }
    return rv == APR_SUCCESS ? CTL_FINE : ctl_failed(&run->place, NULL, rv);
}

/* ---- all of it ---- */

static ctl_status_t show_all(const run_t *run, const crm360_view_t *view)
{
    ctl_output_t *output = run->output;
    crm360_blob_t *blobs = NULL;
    apr_status_t rv;
    int fetched;

    rv = crm360_queue_fetch(&blobs, &fetched, run->place.queue, run->place.keys, &run->id, NULL, 1,
                            1, run->pool);
    if (rv != APR_SUCCESS) {
        return ctl_failed(&run->place, NULL, rv);
    }
    ctl_heading(output, run->id);
    ctl_object_begin(output, NULL);
    if (ctl_output_form(output) != CTL_FORM_TABLE) {
        ctl_field_text(output, "id", "", run->id);
    }
    ctl_field_text(output, "database", "Database", run->place.name);
    ctl_field_text(output, "lane", "Lane", crm360_lane_name(view->lane));
    show_state(run, view);
    ctl_field_bytes(output, "bytes", "Stored", view->bytes);
    show_history(run, view);
    if (blobs[0].data) {
        show_request(run, &blobs[0]);
    }
    ctl_object_end(output);
    if (!blobs[0].data) {
        fprintf(stderr, "crm360ctl: %s: the stored message of %s is missing\n", run->place.name,
                ctl_plain(run->id, run->pool));
        return CTL_FAILED;
    }
    return CTL_FINE;
}

static ctl_status_t run_verb(const ctl_verb_t *verb, int only_dead, const crm360_config_t *config,
                             int count, const char *const *text, apr_pool_t *pool)
{
    run_t run = {.pool = pool};
    ctl_places_t places;
    ctl_words_t words;
    crm360_view_t *view;
    const char *const *ids;
    apr_time_t now;
    apr_status_t rv;
    int status, id_count;

    status = ctl_options_read(&words, verb, take, &run, count, text, pool);
    if (status >= 0) {
        return (ctl_status_t)status;
    }
    status =
        (int)ctl_places_of_words(&places, &ids, &id_count, config, words.count, words.rest, pool);
    if (status != CTL_FINE) {
        return (ctl_status_t)status;
    }
    if (id_count != 1) {
        return ctl_usage_error(verb, "wants one message id, and at most one customer/alias");
    }
    run.id = ids[0];
    status = (int)ctl_places_find(&run.place, &places, run.id, pool);
    if (status != CTL_FINE) {
        return (ctl_status_t)status;
    }
    rv = crm360_queue_view(&view, &now, run.place.queue, run.place.keys, &run.id, 1, pool);
    if (rv != APR_SUCCESS) {
        return ctl_failed(&run.place, NULL, rv);
    }
    if (only_dead && view->state != CRM360_STATE_DEAD) {
        fprintf(stderr, "crm360ctl: %s: %s is no dead letter, but %s\n", run.place.name,
                ctl_plain(run.id, pool), crm360_state_name(view->state));
        return CTL_FAILED;
    }
    if (run.raw) {
        return show_raw(&run, view->bytes);
    }
    run.output = ctl_output_make(words.json, pool);
    ctl_output_now(run.output, now);
    return show_all(&run, view);
}

static ctl_status_t run_show(const crm360_config_t *config, int count, const char *const *words,
                             apr_pool_t *pool)
{
    return run_verb(&ctl_show, 0, config, count, words, pool);
}

static ctl_status_t run_dead_show(const crm360_config_t *config, int count,
                                  const char *const *words, apr_pool_t *pool)
{
    return run_verb(&ctl_dead_show, 1, config, count, words, pool);
}

const ctl_verb_t ctl_show = {
    .name = "show",
    .words = "[customer/alias] ID [--full | --raw]",
    .summary = "show one message: its state, its history, the request",
    .help =
        "Shows a message of any database: its state, who holds it, what it has been through, and\n"
        "the request as it came; JSON is laid out on a terminal. A message that is done is no\n"
        "more in Redis.\n",
    .options = options,
    .examples = "  crm360ctl show 01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Order-Insert\n"
                "  crm360ctl show 01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Order-Insert --raw >letter\n",
    .run = run_show,
};

const ctl_verb_t ctl_dead_show = {
    .name = "dead show",
    .words = "[customer/alias] ID [--full | --raw]",
    .summary = "show one dead letter, as show does",
    .help = "Shows a dead letter of any database, as crm360ctl show does.\n",
    .options = options,
    .examples = "  crm360ctl dead show 01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Order-Insert\n",
    .run = run_dead_show,
};
