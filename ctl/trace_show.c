/*
 * What is known of a message, as a list in the order of time. Times of Redis have milliseconds,
 * those of a database whole seconds: of two in the same second the database's comes last.
 */
#include "ctl/trace.h"

#include <apr_cstr.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "core/message.h"
#include "crm/date.h"

/* More elements than these are counted by their states only. */
#define ELEMENTS_SHOWN 100

typedef struct event_t {
    apr_time_t at;   /* 0 = not known */
    apr_time_t rank; /* in which order it comes */
    int number;      /* of those with the same rank */
    const char *id;
    const char *what; /* a word */
    const char *text; /* NULL = nothing more to say */
} event_t;

static const ctl_column_t event_columns[] = {
    {"at", "WHEN", CTL_TIME, 0},
    {"what", "WHAT", CTL_TEXT, 0},
    {"text", "", CTL_TEXT, 0},
    {"id", "MESSAGE", CTL_TEXT, 2},
};

static const ctl_column_t element_columns[] = {
    {"id", "ELEMENT", CTL_TEXT, 0},        {"state", "STATE", CTL_TEXT, 0},
    {"at", "SINCE, UNTIL", CTL_TIME, 2},   {"attempts", "FAILED", CTL_NUMBER, 3},
    {"reason", "LAST ERROR", CTL_TEXT, 0},
};

/* ---- events ---- */

static void add(apr_array_header_t *events, apr_time_t at, apr_time_t rank, const char *id,
                const char *what, const char *text)
{
    event_t *event = apr_array_push(events);

    event->at = at;
    event->rank = rank;
    event->number = events->nelts;
    event->id = id;
    event->what = what;
    event->text = text;
}

/* Of a database: the second has passed. */
static void add_second(apr_array_header_t *events, apr_time_t at, const char *id, const char *what,
                       const char *text)
{
    if (at) {
        add(events, at, at + APR_USEC_PER_SEC - 1, id, what, text);
    }
}

static int compare(const void *one, const void *other)
{
    const event_t *a = one, *b = other;

    return a->rank != b->rank ? (a->rank < b->rank ? -1 : 1) : a->number - b->number;
}

/* The value of a field of the stored message's head; NULL = it has none. */
static const char *field(const ctl_trace_t *trace, const char *name)
{
    apr_size_t len = strlen(name);
    const char *line = trace->head;

    while (line) {
        if (apr_cstr_casecmpn(line, name, len) == 0 && line[len] == ':') {
            line += len + 1 + strspn(line + len + 1, " ");
            return apr_pstrmemdup(trace->pool, line, strcspn(line, "\r\n"));
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return NULL;
}

static void add_coming(apr_array_header_t *events, const ctl_trace_t *trace)
{
    const char *received = field(trace, "Crm360-Received");
    const char *peer = field(trace, "Crm360-Peer");
    const char *origin = field(trace, "Crm360-Origin");
    const char *seen = field(trace, "Crm360-Trace");
    apr_time_t at = crm360_message_id_time(trace->id);
    apr_int64_t ms;

    if (received && crm_date_parse(&ms, received) == APR_SUCCESS) {
        at = apr_time_from_msec(ms);
    }
    add(events, at, at, trace->id, "received",
        origin ? apr_pstrcat(trace->pool, peer ? "from " : "", peer ? peer : "", peer ? ", " : "",
                             "origin ", origin, seen ? ", trace " : "", seen ? seen : "", NULL)
               : "by its id: its stored message is not there any more");
    if (trace->is_spooled) {
        add(events, trace->spooled.written, trace->spooled.written, trace->id, "spooled",
            "it waits in the spool of this host until Redis takes it");
    }
}

/* The word for a line of the history: lua/ and crm360d write them. */
static const char *word_of(const char *reason)
{
    apr_size_t len = strlen(reason);

    if (strncmp(reason, "redriven", 8) == 0) {
        return "redriven";
    }
    if (len > 8 && strcmp(reason + len - 8, " expired") == 0) {
        return "expired";
    }
    /* consumer/crew.c */
    return strncmp(reason, "its worker ", 11) == 0 ||
                   strncmp(reason, "its handler overran", 19) == 0
               ? "crashed"
               : "failed";
}

static void add_history(apr_array_header_t *events, const ctl_trace_one_t *one)
{
    apr_time_t last = 0;
    int i;

    for (i = 0; one->view && i < one->view->event_count; i++) {
        const crm360_event_t *event = &one->view->events[i];

        last = event->at ? event->at : last;
        add(events, event->at, last, one->id, word_of(event->reason), event->reason);
    }
}

/* Where it stands in Redis. */
static void add_state(apr_array_header_t *events, const ctl_trace_t *trace,
                      const ctl_trace_one_t *one)
{
    const crm360_view_t *view = one->view;
    const char *lane;

    if (!view) {
        return;
    }
    lane = apr_pstrcat(trace->pool, "in lane ", crm360_lane_name(view->lane), NULL);
    switch (view->state) {
    case CRM360_STATE_WAITING:
        add(events, view->at, view->at, one->id, "visible",
            apr_pstrcat(trace->pool, lane, ": it waits until then", NULL));
        break;
    case CRM360_STATE_DUE:
        add(events, view->at, view->at, one->id, "visible",
            apr_pstrcat(trace->pool, lane, ": nobody has taken it yet", NULL));
        break;
    case CRM360_STATE_PAUSED:
        add(events, view->at, view->at, one->id, "paused",
            apr_pstrcat(trace->pool, lane, ": its lane or its route is paused", NULL));
        break;
    case CRM360_STATE_LEASED:
        if (view->due) {
            add(events, view->due, view->due, one->id, "visible", lane);
        }
        add(events, view->since, view->since, one->id, "claimed",
            apr_pstrcat(trace->pool, "held by ", view->worker, NULL));
        add(events, view->at, view->at, one->id, "lease ends", NULL);
        break;
    case CRM360_STATE_DEAD:
        add(events, view->at, view->at, one->id, "dead",
            *view->failure.reason ? view->failure.reason : NULL);
        break;
    case CRM360_STATE_LOST:
        add(events, trace->now, trace->now, one->id, "lost",
            "stored, and in no queue: crm360d makes a dead letter of it");
        break;
    case CRM360_STATE_GONE:
    case CRM360_STATES:
        break;
    }
}

static void add_past(apr_array_header_t *events, const ctl_trace_t *trace,
                     const ctl_trace_one_t *one)
{
    const crm_past_t *past = one->past;
    const char *answer = "";

    if (!past) {
        return;
    }
    if (past->kind) {
        add_second(events, past->started, one->id, "calling",
                   apr_psprintf(trace->pool, "%s by %s, call number %d", past->kind, past->provider,
                                past->attempt));
        if (past->reference) {
            answer = apr_pstrcat(trace->pool, answer, "reference ", past->reference, "; ", NULL);
        }
        if (past->code) {
            answer = apr_pstrcat(trace->pool, answer, "code ", past->code, "; ", NULL);
        }
        answer = past->reason ? apr_pstrcat(trace->pool, answer, past->reason, NULL)
                 : *answer    ? apr_pstrmemdup(trace->pool, answer, strlen(answer) - 2)
                              : NULL;
        add_second(events, past->ended, one->id, past->state, answer);
    }
    add_second(events, past->processed, one->id, "done",
               one->view && one->view->state == CRM360_STATE_GONE
                   ? "it had its effect in the database; nothing is left in Redis"
                   : "it had its effect in the database");
}

static void add_all(apr_array_header_t *events, const ctl_trace_t *trace,
                    const ctl_trace_one_t *one)
{
    add_history(events, one);
    add_state(events, trace, one);
    add_past(events, trace, one);
}

/* ---- states ---- */

static const char *state_of(const ctl_trace_one_t *one)
{
    if (one->view && one->view->state != CRM360_STATE_GONE) {
        return crm360_state_name(one->view->state);
    }
    return one->past && one->past->processed ? "done"
           : one->past && one->past->kind    ? one->past->state
           : one->view                       ? "gone"
                                             : "unknown";
}

/* The state of the whole. */
static const char *whole_state(const ctl_trace_t *trace)
{
    const char *state = state_of(&trace->self);
    int known = ctl_trace_is_known(&trace->self);

    return known                              ? state
           : trace->is_spooled                ? "spooled"
           : trace->elements->nelts           ? "split"
           : ctl_trace_is_known(&trace->mail) ? state_of(&trace->mail)
                                              : state;
}

/* "3 done, 1 dead", in the order in which they are met. */
static const char *count_states(const ctl_trace_t *trace)
{
    const apr_array_header_t *elements = trace->elements;
    const char *text = "";
    int i, j, count, first;

    for (i = 0; i < elements->nelts; i++) {
        const char *state = state_of(&APR_ARRAY_IDX(elements, i, ctl_trace_one_t));

        for (j = 0, count = 0, first = i; j < elements->nelts; j++) {
            if (strcmp(state_of(&APR_ARRAY_IDX(elements, j, ctl_trace_one_t)), state) == 0) {
                first = j < first ? j : first;
                count++;
            }
        }
        if (first == i) {
            text = apr_psprintf(trace->pool, "%s%s%d %s", text, *text ? ", " : "", count, state);
        }
    }
    return text;
}

/* ---- printing ---- */

static void show_events(const apr_array_header_t *events, ctl_output_t *output)
{
    ctl_table_t *table;
    int i;

    ctl_heading(output, "What has happened");
    ctl_list_begin(output, "events");
    table = ctl_table_begin(output, "event", event_columns, 4);
    for (i = 0; i < events->nelts; i++) {
        const event_t *event = &APR_ARRAY_IDX(events, i, const event_t);

        ctl_cell_time(table, event->at);
        ctl_cell_text(table, event->what);
        ctl_cell_text(table, event->text);
        ctl_cell_text(table, event->id);
        ctl_row_end(table);
    }
    ctl_table_end(table);
    ctl_list_end(output);
}

static void show_elements(const ctl_trace_t *trace, ctl_output_t *output)
{
    const char *count = count_states(trace);
    ctl_table_t *table;
    int i;

    if (trace->elements->nelts > 0) {
        ctl_field_text(output, "elementStates", "Elements", count);
        ctl_heading(output, "Elements");
    }
    ctl_list_begin(output, "elements");
    table = ctl_table_begin(output, "element", element_columns, 5);
    for (i = 0; i < trace->elements->nelts && i < ELEMENTS_SHOWN; i++) {
        const ctl_trace_one_t *one = &APR_ARRAY_IDX(trace->elements, i, ctl_trace_one_t);
        const crm360_view_t *view = one->view;

        ctl_cell_text(table, one->id);
        ctl_cell_text(table, state_of(one));
        ctl_cell_time(table, view && view->at ? view->at : one->past ? one->past->processed : 0);
        ctl_cell_number(table, view ? view->failure.attempts : 0);
        ctl_cell_text(table, view && *view->failure.reason ? view->failure.reason : NULL);
        ctl_row_end(table);
    }
    ctl_table_end(table);
    ctl_list_end(output);
}

void ctl_trace_show(const ctl_trace_t *trace, ctl_output_t *output)
{
    apr_array_header_t *events = apr_array_make(trace->pool, 32, sizeof(event_t));
    const crm360_route_t *route = crm360_id_route(trace->id);
    int has_mail = ctl_trace_is_known(&trace->mail);

    if (trace->now) {
        ctl_output_now(output, trace->now);
    }
    add_coming(events, trace);
    add_all(events, trace, &trace->self);
    if (trace->elements->nelts > 0) {
        const event_t *last = &APR_ARRAY_IDX(events, events->nelts - 1, const event_t);

        /* Nothing notes when; it was the last that became of it. */
        add(events, 0, last->rank, trace->id, "split",
            apr_psprintf(trace->pool, "into elements: %s", count_states(trace)));
    }
    if (has_mail) {
        add_all(events, trace, &trace->mail);
    }
    qsort(events->elts, (size_t)events->nelts, sizeof(event_t), compare);
    ctl_object_begin(output, NULL);
    ctl_field_text(output, "id", "Message", trace->id);
    ctl_field_text(output, "database", "Database", trace->place.name);
    ctl_field_text(output, "route", "Route", route ? route->name : NULL);
    ctl_field_text(output, "state", "State", whole_state(trace));
    if (has_mail || ctl_output_form(output) == CTL_FORM_JSON) {
        ctl_field_text(output, "mailState", "Mail copy", has_mail ? state_of(&trace->mail) : NULL);
    }
    if (trace->redis_fault || ctl_output_form(output) == CTL_FORM_JSON) {
        ctl_field_text(output, "redisFault", "Redis was not asked", trace->redis_fault);
    }
    if (trace->database_fault || ctl_output_form(output) == CTL_FORM_JSON) {
        ctl_field_text(output, "databaseFault", "The database was not asked",
                       trace->database_fault);
    }
    show_events(events, output);
    show_elements(trace, output);
    ctl_object_end(output);
}
