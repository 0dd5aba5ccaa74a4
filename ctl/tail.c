/*
 * crm360ctl tail: what happens, as it happens, until it is interrupted or nobody reads any more. It
 * looks some times a second and sees what is there then; how many came and went in between is told
 * from the counters. Must change nothing, and never keep Redis busy for more than a tenth of the
 * time, however many databases there are.
 */
#include <apr_signal.h>
#include <apr_strings.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/message.h"
#include "core/queue_tail.h"
#include "core/status.h"
#include "ctl/options.h"
#include "ctl/output.h"

#define EVERY_DEFAULT (500 * 1000)
#define EVERY_LEAST (100 * 1000)
/* The pause after a look is at least so many times what the look took. */
#define PATIENCE 9
/* What becomes visible so soon after its id was made has just come. */
#define JUST_NOW (3 * APR_USEC_PER_SEC)

enum { LANE, ROUTE, EVERY };

static const ctl_option_t options[] = {
    {"lane", "LANE", "only of this lane: live, batch or send"},
    {"route", "ROUTE", "only of this platform, or this Platform/Entity/Action"},
    {"every", "TIME", "how often to look, from 100ms on (default 500ms)"},
    CTL_OPTION_JSON,
    {NULL, NULL, NULL},
};

static const ctl_column_t columns[] = {
    {"at", "WHEN", CTL_TIME, 0},     {"database", "DATABASE", CTL_TEXT, 2},
    {"event", "EVENT", CTL_TEXT, 0}, {"id", "MESSAGE", CTL_TEXT, 0},
    {"text", "", CTL_TEXT, 1},
};

typedef struct run_t {
    ctl_places_t places;
    crm360_tail_t **tails;
    ctl_output_t *output;
    ctl_table_t *table;
    int lane;          /* -1 = any */
    const char *route; /* NULL = any */
    apr_interval_time_t every;
    apr_status_t fault; /* of the last time */
} run_t;

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

static const char *take(void *baton, int which, const char *value, apr_pool_t *pool)
{
    run_t *run = baton;
    const char *fault;

    (void)pool;
    switch (which) {
    case LANE:
        return ctl_read_lane(&run->lane, value);
    case ROUTE:
        return ctl_read_route(&run->route, value);
    default:
        fault = ctl_read_interval(&run->every, value);
        return fault ? fault : run->every < EVERY_LEAST ? "wants at least 100ms" : NULL;
    }
}

/* ---- telling ---- */

static void show(run_t *run, apr_time_t at, const char *database, const char *event, const char *id,
                 const char *text)
{
    ctl_cell_time(run->table, at);
    ctl_cell_text(run->table, database);
    ctl_cell_text(run->table, event);
    ctl_cell_text(run->table, id);
    ctl_cell_text(run->table, text);
    ctl_row_end(run->table);
}

static int is_chosen(const run_t *run, const crm360_tail_event_t *event)
{
    return (run->lane < 0 || run->lane == (int)event->lane) &&
           (!run->route || ctl_id_has_route(event->id, run->route));
}

/* Whether what became visible has just come. */
static int is_new(const crm360_tail_event_t *event)
{
    apr_time_t made = crm360_message_id_time(event->id);

    return event->kind == CRM360_TAIL_VISIBLE && made > event->at - JUST_NOW &&
           made < event->at + JUST_NOW;
}

static const char *word_of(const crm360_tail_event_t *event)
{
    static const char *const words[CRM360_TAIL_KINDS] = {
        [CRM360_TAIL_VISIBLE] = "visible",   [CRM360_TAIL_CLAIMED] = "claimed",
        [CRM360_TAIL_ENDED] = "done",        [CRM360_TAIL_RETRIED] = "retried",
        [CRM360_TAIL_RELEASED] = "released", [CRM360_TAIL_DEAD] = "dead",
    };

    return is_new(event) ? "received" : words[event->kind];
}

/* What the counters say beyond what was shown: "12 received, 11 done". */
static void show_rest(run_t *run, const char *database, const crm360_tail_look_t *look,
                      const int *shown, int received, apr_pool_t *pool)
{
    const char *text = "";
    int i;

    for (i = 0; i < CRM360_COUNTERS; i++) {
        const char *name = crm360_counter_name(i);
        apr_int64_t rest = look->counts[i];

        rest -= strcmp(name, "received") == 0   ? received
                : strcmp(name, "done") == 0     ? shown[CRM360_TAIL_ENDED]
                : strcmp(name, "retried") == 0  ? shown[CRM360_TAIL_RETRIED]
                : strcmp(name, "released") == 0 ? shown[CRM360_TAIL_RELEASED]
                : strcmp(name, "dead") == 0     ? shown[CRM360_TAIL_DEAD]
                                                : 0;
        if (rest > 0) {
            text = apr_psprintf(pool, "%s%s%" APR_INT64_T_FMT " %s", text, *text ? ", " : "", rest,
                                name);
        }
    }
    if (*text) {
        show(run, look->now, database, "more", NULL, text);
    }
}

static void show_look(run_t *run, const char *database, const crm360_tail_look_t *look,
                      apr_pool_t *pool)
{
    int shown[CRM360_TAIL_KINDS] = {0}, received = 0, i;

    for (i = 0; i < look->events->nelts; i++) {
        const crm360_tail_event_t *event =
            &APR_ARRAY_IDX(look->events, i, const crm360_tail_event_t);

        shown[event->kind]++;
        received += is_new(event);
        if (is_chosen(run, event)) {
            show(run, event->at, database, word_of(event), event->id, event->text);
        }
    }
    /* The counters know neither lanes nor routes. */
    if (!look->begins && run->lane < 0 && !run->route) {
        show_rest(run, database, look, shown, received, pool);
    }
}

/* ---- looking ---- */

/* Says that something cannot be looked at, and why: once, not at each look; and when it can again.
 * `first` is the first of the `missed` databases. */
static void tell_fault(run_t *run, apr_status_t rv, const char *detail, const char *first,
                       int missed, apr_pool_t *pool)
{
    char text[200];

    detail = *detail ? ctl_plain(detail, pool) : crm360_status_text(rv, text, sizeof(text));
    if (rv == APR_SUCCESS && run->fault != APR_SUCCESS) {
        fprintf(stderr, "crm360ctl: Redis answers again\n");
    }
    else if (rv != run->fault && missed < run->places.count) {
        fprintf(stderr,
                "crm360ctl: %d of %d databases cannot be followed (%s...): %s; looking again until "
                "they can\n",
                missed, run->places.count, first, detail);
    }
    else if (rv != run->fault) {
        fprintf(stderr, "crm360ctl: Redis %s: %s; looking again until it does\n",
                rv == CRM360_EAWAY ? "does not answer" : "does not let it look", detail);
    }
    run->fault = rv;
}

static void look_at_all(run_t *run, apr_pool_t *pool)
{
    int is_spread = crm360_queue_is_spread(run->places.queue), missed = 0, i;
    const char *detail = "", *why = "", *first = NULL;
    apr_status_t fault = APR_SUCCESS, rv;
    crm360_tail_look_t look;

    for (i = 0; i < run->places.count && !interrupted; i++) {
        rv = crm360_tail_look(&look, &detail, run->tails[i], run->places.queue, pool);
        if (rv == APR_SUCCESS) {
            ctl_output_now(run->output, look.now);
            show_look(run, run->places.keys[i]->name, &look, pool);
        }
        else if (missed++ == 0) {
            fault = rv;
            why = detail;
            first = run->places.keys[i]->name;
        }
        if (rv == CRM360_EAWAY && !is_spread) {
            missed = run->places.count; /* all are there, also those looked at */
            break;
        }
    }
    ctl_table_flush(run->table);
    fflush(stdout);
    tell_fault(run, fault, why, first, missed, pool);
}

/* Waits for the next look. 0 when it is over: nobody reads any more, or somebody has said so. */
static int wait_for(apr_interval_time_t pause)
{
    struct pollfd place = {.fd = STDOUT_FILENO};
    apr_time_t until = crm360_clock() + pause, left;

    while (!interrupted && (left = until - crm360_clock()) > 0) {
        if (poll(&place, 1, (int)(left / 1000) + 1) > 0) {
            return 0; /* of no events, only an error is told: the reader has gone */
        }
    }
    return !interrupted && !ctl_output_ended();
}

/* The queue logs that Redis is away; so does this verb, in its own words. */
static void say_nothing(void *baton, crm360_log_level_t level, apr_status_t rv, const char *text)
{
    (void)baton;
    (void)level;
    (void)rv;
    (void)text;
}

static void follow(run_t *run, apr_pool_t *parent)
{
    apr_interval_time_t took;
    apr_time_t began;
    apr_pool_t *pool;
    int i;

    run->tails = apr_pcalloc(parent, ((apr_size_t)run->places.count + 1) * sizeof(*run->tails));
    for (i = 0; i < run->places.count; i++) {
        run->tails[i] = crm360_tail_make(run->places.keys[i], parent);
    }
    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm360ctl_tail");
    do {
        apr_pool_clear(pool);
        began = crm360_clock();
        look_at_all(run, pool);
        took = (crm360_clock() - began) * PATIENCE;
    } while (wait_for(took > run->every ? took : run->every));
    apr_pool_destroy(pool);
}

static ctl_status_t run_tail(const crm360_config_t *config, int count, const char *const *text,
                             apr_pool_t *pool)
{
    run_t run = {.lane = -1, .every = EVERY_DEFAULT};
    ctl_words_t words;
    int status = ctl_options_read(&words, &ctl_tail, take, &run, count, text, pool);

    if (status >= 0) {
        return (ctl_status_t)status;
    }
    status = (int)ctl_places_make(&run.places, config, words.count, words.rest, pool);
    if (status != CTL_FINE) {
        return (ctl_status_t)status;
    }
    crm360_log_set(say_nothing, NULL, CRM360_LOG_ERROR);
    apr_signal(SIGINT, interrupt);
    apr_signal(SIGTERM, interrupt);
    run.output = ctl_output_make(words.json, pool);
    run.table = ctl_table_begin(run.output, NULL, columns, sizeof(columns) / sizeof(columns[0]));
    follow(&run, pool);
    ctl_table_end(run.table);
    return CTL_FINE;
}

const ctl_verb_t ctl_tail = {
    .name = "tail",
    .words = "[customer/alias ...] [option ...]",
    .summary = "show what happens, as it happens, until it is interrupted",
    .help =
        "Prints a line for each message that is received, becomes visible again, is claimed,\n"
        "done, retried, released or dead, in the databases that are named, or in all. It looks\n"
        "some times a second; of what came and went between two looks it prints how many "
        "('more'),\n"
        "unless a lane or a route is chosen. It asks only for what has changed, and pauses long\n"
        "enough to take Redis a tenth of its time at most. While Redis is away it waits.\n",
    .options = options,
    .examples = "  crm360ctl tail\n"
                "  crm360ctl tail acme/prod --route Shopify\n"
                "  crm360ctl tail --json | jq -c 'select(.event == \"dead\")'\n",
    .run = run_tail};
