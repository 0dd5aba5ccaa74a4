/*
 * crm360ctl status: all on one screen. Changes nothing, costs Redis the same whatever waits, and
 * must show the spool also when Redis is away: then what comes is there.
 */
#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#include "core/queue_consumers.h"
#include "core/queue_status.h"
#include "core/spool.h"
#include "ctl/options.h"
#include "ctl/output.h"

/* A crm360d that has said nothing for so long is called silent: its beats come every 5 s. */
#define SILENT (15 * APR_USEC_PER_SEC)

#define SCREEN 30 /* databases, before empty ones are left out */

static const ctl_option_t options[] = {
    {"all", NULL, "on a terminal: databases in which nothing is, too"},
    CTL_OPTION_JSON,
    {NULL, NULL, NULL},
};

static const ctl_column_t consumer_columns[] = {
    {"name", "CRM360D", CTL_TEXT, 1},      {"version", "VERSION", CTL_TEXT, 4},
    {"state", "STATE", CTL_TEXT, 0},       {"heartbeatAt", "HEARTBEAT", CTL_TIME, 2},
    {"startedAt", "STARTED", CTL_TIME, 3}, {"workers", "WORKERS", CTL_NUMBER, 0},
    {"busy", "BUSY", CTL_NUMBER, 0},       {"messages", "MESSAGES", CTL_NUMBER, 2},
};

static const ctl_column_t database_columns[] = {
    {"database", "DATABASE", CTL_TEXT, 0},
    {"waiting", "WAITING", CTL_NUMBER, 0},
    {"due", "DUE", CTL_NUMBER, 0},
    {"leased", "LEASED", CTL_NUMBER, 0},
    {"paused", "PAUSED", CTL_NUMBER, 0},
    {"dead", "DEAD", CTL_NUMBER, 0},
    {"oldestDueAt", "OLDEST DUE", CTL_TIME, 0},
    {"pausedNames", "PAUSED ARE", CTL_TEXT, 1},
};

#define COLUMNS(table) ((int)(sizeof(table) / sizeof((table)[0])))

typedef struct run_t {
    ctl_places_t places;
    ctl_output_t *output;
    const crm360_status_t *statuses; /* NULL = Redis did not say */
    int all;
    apr_pool_t *pool;
} run_t;

static const char *take(void *baton, int which, const char *value, apr_pool_t *pool)
{
    run_t *run = baton;

    (void)which;
    (void)value;
    (void)pool;
    run->all = 1;
    return NULL;
}

/* ---- the spool ---- */

/* How many messages lie there, -1 = that cannot be said; *bytes is what they take. */
static apr_int64_t look_at_spool(apr_int64_t *bytes, const crm360_spool_place_t *place,
                                 apr_pool_t *pool)
{
    crm360_spool_t *spool = crm360_spool_make(place, NULL, pool);
    apr_int64_t count = 0;
    apr_status_t rv = crm360_spool_usage(bytes, spool);

    if (rv == APR_SUCCESS) {
        rv = crm360_spool_files(&count, spool);
    }
    return rv == APR_SUCCESS ? count : -1;
}

static void show_spool(const run_t *run)
{
    const crm360_spool_place_t *place = crm360_config_spool(run->places.config);
    ctl_output_t *output = run->output;
    apr_int64_t bytes = -1, count;
    const char *text;

    if (!place) {
        ctl_field_text(output, "spool", "Spool",
                       ctl_output_form(output) == CTL_FORM_TABLE ? "none on this host" : NULL);
        return;
    }
    count = look_at_spool(&bytes, place, run->pool);
    if (ctl_output_form(output) != CTL_FORM_TABLE) {
        ctl_object_begin(output, "spool");
        ctl_field_text(output, "folder", "", place->folder);
        ctl_field_number(output, "spooled", "", count);
        ctl_field_number(output, "spooledBytes", "", bytes);
        ctl_field_number(output, "limitBytes", "", place->most_bytes);
        ctl_object_end(output);
        return;
    }
    text = count < 0 ? apr_pstrcat(run->pool, place->folder, ": cannot be looked at", NULL)
                     : apr_psprintf(run->pool, "%s: %" APR_INT64_T_FMT " messages, %s of %s",
                                    place->folder, count, ctl_bytes_text(bytes, run->pool),
                                    ctl_bytes_text(place->most_bytes, run->pool));
    ctl_field_text(output, "spool", "Spool", text);
}

/* ---- consumers ---- */

/* All workers of all lanes that run. */
static int workers_of(const crm360_heartbeat_t *beat)
{
    int sum = 0;
    int lane;

    for (lane = 0; lane < CRM360_LANES; lane++) {
        sum += beat->workers[lane];
    }
    return sum;
}

static void show_consumer(ctl_table_t *table, const crm360_heartbeat_t *beat, apr_time_t now)
{
    apr_time_t at = apr_time_from_msec(beat->at_ms);

    ctl_cell_text(table, beat->instance);
    ctl_cell_text(table, beat->version);
    ctl_cell_text(table, now - at < SILENT ? "runs" : "silent");
    ctl_cell_time(table, at);
    ctl_cell_time(table, apr_time_from_msec(beat->started_ms));
    ctl_cell_number(table, workers_of(beat));
    ctl_cell_number(table, beat->busy);
    ctl_cell_number(table, beat->messages);
    ctl_row_end(table);
}

static void show_consumers(const run_t *run, const crm360_heartbeat_t *beats, int count,
                           apr_time_t now)
{
    ctl_table_t *table;
    int i;

    ctl_heading(run->output, count > 0 ? "Consumers" : "Consumers: no crm360d serves this Redis");
    ctl_list_begin(run->output, "consumers");
    table = ctl_table_begin(run->output, "consumer", consumer_columns, COLUMNS(consumer_columns));
    for (i = 0; i < count; i++) {
        show_consumer(table, &beats[i], now);
    }
    ctl_table_end(table);
    ctl_list_end(run->output);
}

/* ---- databases ---- */

/* A number of -1, which cannot be said, is not empty. */
static int is_empty(const crm360_status_t *status)
{
    int lane;

    for (lane = 0; lane < CRM360_LANES; lane++) {
        if (status->lanes[lane].messages != 0) {
            return 0;
        }
    }
    return status->dead == 0 && status->paused->nelts == 0;
}

/* Whether the lanes of a database cannot be counted: its node is away, or a key of another type is
 * in the place of one of them. */
static int is_unknown(const crm360_status_t *status)
{
    int lane;

    for (lane = 0; lane < CRM360_LANES && status->lanes[lane].messages >= 0; lane++) {
    }
    return status->away || lane < CRM360_LANES;
}

static void show_database(ctl_table_t *table, const crm360_keys_t *keys,
                          const crm360_status_t *status, apr_pool_t *pool)
{
    crm360_lane_status_t sum = {.messages = 0};
    int unknown = is_unknown(status), i;

    for (i = 0; i < CRM360_LANES; i++) {
        const crm360_lane_status_t *lane = &status->lanes[i];

        sum.waiting += lane->waiting;
        sum.due += lane->due;
        sum.leased += lane->leased;
        sum.paused += lane->paused;
        if (lane->oldest_due && (!sum.oldest_due || lane->oldest_due < sum.oldest_due)) {
            sum.oldest_due = lane->oldest_due;
        }
    }
    ctl_cell_text(table, keys->name);
    ctl_cell_number(table, unknown ? -1 : sum.waiting);
    ctl_cell_number(table, unknown ? -1 : sum.due);
    ctl_cell_number(table, unknown ? -1 : sum.leased);
    ctl_cell_number(table, unknown ? -1 : sum.paused);
    ctl_cell_number(table, status->dead);
    ctl_cell_time(table, sum.oldest_due);
    ctl_cell_text(table,
                  status->paused->nelts ? apr_array_pstrcat(pool, status->paused, ' ') : NULL);
    ctl_row_end(table);
}

static void show_databases(const run_t *run)
{
    int leaves_out =
        ctl_output_form(run->output) == CTL_FORM_TABLE && !run->all && run->places.count > SCREEN;
    ctl_table_t *table;
    int i, left_out = 0;

    ctl_heading(run->output, "Databases");
    ctl_list_begin(run->output, "databases");
    table = ctl_table_begin(run->output, "database", database_columns, COLUMNS(database_columns));
    for (i = 0; i < run->places.count; i++) {
        if (leaves_out && is_empty(&run->statuses[i])) {
            left_out++;
            continue;
        }
        show_database(table, run->places.keys[i], &run->statuses[i], run->pool);
    }
    ctl_table_end(table);
    ctl_list_end(run->output);
    if (left_out) {
        printf("%d databases more, in which nothing is (--all)\n", left_out);
    }
}

/* ---- all of it ---- */

static void show_redis(const run_t *run, int answers)
{
    const char *server = crm360_config_redis(run->places.config, run->pool)->text;
    ctl_output_t *output = run->output;

    if (ctl_output_form(output) == CTL_FORM_TABLE) {
        ctl_field_text(
            output, "redis", "Redis",
            apr_pstrcat(run->pool, server, answers ? ": answers" : ": does not answer", NULL));
        return;
    }
    ctl_object_begin(output, "redis");
    ctl_field_text(output, "server", "", server);
    ctl_field_flag(output, "up", "", answers);
    ctl_object_end(output);
}

static ctl_status_t show_all(run_t *run)
{
    apr_size_t count = (apr_size_t)run->places.count;
    crm360_status_t *statuses = apr_pcalloc(run->pool, (count + 1) * sizeof(*statuses));
    const char *detail = "", *why = "";
    crm360_heartbeat_t *beats = NULL;
    int beat_count = 0, seen;
    apr_time_t now = 0;
    apr_status_t rv = crm360_queue_status(statuses, &now, &detail, run->places.queue,
                                          run->places.keys, run->places.count, run->pool);

    /* In a cluster heartbeats are on a node of their own. */
    seen = rv == APR_SUCCESS && crm360_queue_is_spread(run->places.queue);
    if (rv == APR_SUCCESS) {
        rv = crm360_queue_consumers(&beats, &beat_count, &now, &why, run->places.queue, run->pool);
        detail = rv == APR_SUCCESS ? detail : why;
    }
    if (rv == APR_SUCCESS || seen) {
        ctl_output_now(run->output, now);
        run->statuses = statuses;
    }
    ctl_object_begin(run->output, NULL);
    show_redis(run, run->statuses != NULL);
    show_spool(run);
    if (run->statuses) {
        if (rv == APR_SUCCESS) {
            show_consumers(run, beats, beat_count, now);
        }
        show_databases(run);
    }
    ctl_object_end(run->output);
    return rv == APR_SUCCESS ? ctl_places_away(&run->places, run->statuses, detail, run->pool)
                             : ctl_redis_failed(&run->places, detail, rv, run->pool);
}

static ctl_status_t run_status(const crm360_config_t *config, int count, const char *const *text,
                               apr_pool_t *pool)
{
    run_t run = {.pool = pool};
    ctl_words_t words;
    int status;

    status = ctl_options_read(&words, &ctl_status, take, &run, count, text, pool);
    if (status >= 0) {
        return (ctl_status_t)status;
    }
    status = (int)ctl_places_make(&run.places, config, words.count, words.rest, pool);
    if (status != CTL_FINE) {
        return (ctl_status_t)status;
    }
    run.output = ctl_output_make(words.json, pool);
    return show_all(&run);
}

const ctl_verb_t ctl_status = {
    .name = "status",
    .words = "[customer/alias ...]",
    .summary = "show on one screen how things stand",
    .help =
        "Shows whether Redis answers, what lies in the spool of this host, which crm360d serve\n"
        "this Redis, and what waits, is due, leased, paused and dead in all databases, or in\n"
        "these. Exit status 4 when Redis is out of reach.\n",
    .options = options,
    .examples = "  crm360ctl status\n"
                "  crm360ctl status acme/prod\n"
                "  crm360ctl status --json | jq '.databases[] | select(.dead > 0) | .database'\n",
    .run = run_status,
};
