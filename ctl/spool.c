/*
 * crm360ctl spool: what lies in the spool of this host, and carrying it into Redis now, by the same
 * code as crm360d and beside it. Looking needs no Redis and changes nothing but the time of the
 * lock's file. Must never hold the lock for long: crm360d wants it, too.
 */
#include "ctl/ctl.h"

#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/spool.h"
#include "core/spool_drain.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/progress.h"

/* The lock is held for so many messages at most, and so long. */
#define SLICE 100
#define SLICE_TIME (20 * 1000)
/* How often the lock is tried before a delay is shown as it was asked. */
#define LOCK_TRIES 50
#define LOCK_PAUSE (10 * 1000)
/* So often in a row the folder cannot be used before drain ends: crm360d goes on by itself. */
#define FAULTS_MOST 3
/* So long somebody else may hold the lock, which is some ms at a time, before drain ends. */
#define LOCKED_MOST (10 * APR_USEC_PER_SEC)

static const ctl_option_t options[] = {CTL_OPTION_JSON, {NULL, NULL, NULL}};

static const ctl_column_t columns[] = {
    {"id", "ID", CTL_TEXT, 0},
    {"database", "DATABASE", CTL_TEXT, 1},
    {"lane", "LANE", CTL_TEXT, 2},
    {"written", "WRITTEN", CTL_TIME, 3},
    {"delayLeft", "DELAY LEFT", CTL_TEXT, 4},
    {"bytes", "BYTES", CTL_BYTES, 5},
    {"fault", "WRONG", CTL_TEXT, 1},
};

/* Reads the words of a verb without options of its own, and finds the spool. -1 = go on, else the
 * exit status. */
static int begin(ctl_words_t *words, const crm360_spool_place_t **place, const ctl_verb_t *verb,
                 const crm360_config_t *config, int count, const char *const *text,
                 apr_pool_t *pool)
{
    const char *fault;
    int status = ctl_options_read(words, verb, NULL, NULL, count, text, pool);

    if (status >= 0) {
        return status;
    }
    if (words->count) {
        return (int)ctl_usage_error(verb, "wants no more words");
    }
    *place = crm360_config_spool(config);
    if (!*place) {
        fprintf(stderr, "crm360ctl: the configuration names no spool (Crm360Spool)\n");
        return CTL_CONFIGURATION;
    }
    fault = crm360_spool_fault(*place, pool);
    if (fault) {
        fprintf(stderr, "crm360ctl: %s\n", ctl_plain(fault, pool));
        return CTL_FAILED;
    }
    return -1;
}

/* ---- list ---- */

typedef struct list_t {
    crm360_spool_t *spool;
    ctl_table_t *table;
    apr_int64_t messages;
    apr_int64_t bad;
} list_t;

/* One file. `name` is that of a message, or of one set aside. */
static void show(list_t *list, const char *name, int is_bad, apr_pool_t *pool)
{
    crm360_spooled_t spooled;
    apr_status_t rv = crm360_spool_read(&spooled, list->spool, name, pool);
    const crm360_push_t *push = &spooled.push;
    int is_message = rv == APR_SUCCESS;

    if (APR_STATUS_IS_ENOENT(rv)) {
        return; /* crm360d has carried it */
    }
    list->messages += !is_bad;
    list->bad += is_bad;
    ctl_cell_text(list->table, is_message && !is_bad ? push->id : name);
    ctl_cell_text(list->table,
                  is_message ? apr_pstrcat(pool, push->customer, "/", push->database, NULL) : NULL);
    ctl_cell_text(list->table, is_message ? crm360_lane_name(push->lane) : NULL);
    ctl_cell_time(list->table, spooled.written);
    ctl_cell_text(list->table, is_message && push->invisible_for > 0
                                   ? ctl_span_text(push->invisible_for, pool)
                                   : NULL);
    ctl_cell_number(list->table, spooled.bytes);
    ctl_cell_text(list->table, !is_message ? spooled.detail
                               : is_bad    ? "it is whole now: rename it back"
                                           : NULL);
    ctl_row_end(list->table);
}

/* Without the lock all is shown as well, but for how much of a delay is over. */
static void lock(crm360_spool_t *spool)
{
    int i;

    for (i = 0; i < LOCK_TRIES && APR_STATUS_IS_EAGAIN(crm360_spool_lock(spool)); i++) {
        apr_sleep(LOCK_PAUSE);
    }
}

static apr_status_t show_messages(list_t *list, apr_pool_t *pool)
{
    crm360_spool_walk_t *walk;
    const char *name;
    apr_pool_t *turn;
    apr_time_t until = 0;
    apr_status_t rv;
    int i = 0;

    apr_pool_create(&turn, pool);
    apr_pool_tag(turn, "crm360ctl_spool");
    rv = crm360_spool_walk(&walk, list->spool, pool);
    while (rv == APR_SUCCESS && !ctl_output_ended()) {
        rv = crm360_spool_next(&name, walk, 0);
        if (rv != APR_SUCCESS) {
            break;
        }
        if (i++ % SLICE == 0 || crm360_clock() > until) {
            crm360_spool_unlock(list->spool);
            lock(list->spool);
            until = crm360_clock() + SLICE_TIME;
        }
        show(list, name, 0, turn);
        apr_pool_clear(turn);
    }
    crm360_spool_unlock(list->spool);
    apr_pool_destroy(turn);
    return rv == APR_EOF ? APR_SUCCESS : rv;
}

static apr_status_t show_bad(list_t *list, apr_pool_t *pool)
{
    apr_array_header_t *names;
    apr_pool_t *turn;
    apr_status_t rv = crm360_spool_bad(&names, list->spool, pool);
    int i;

    apr_pool_create(&turn, pool);
    for (i = 0; rv == APR_SUCCESS && i < names->nelts && !ctl_output_ended(); i++) {
        show(list, APR_ARRAY_IDX(names, i, const char *), 1, turn);
        apr_pool_clear(turn);
    }
    apr_pool_destroy(turn);
    return rv;
}

static ctl_status_t cannot(const crm360_spool_place_t *place, apr_status_t rv)
{
    char text[200];

    fprintf(stderr, "crm360ctl: the spool %s: %s\n", place->folder,
            crm360_status_text(rv, text, sizeof(text)));
    return CTL_FAILED;
}

static ctl_status_t run_list(const crm360_config_t *config, int count, const char *const *text,
                             apr_pool_t *pool)
{
    const crm360_spool_place_t *place;
    apr_int64_t bytes = 0;
    list_t list = {.messages = 0};
    ctl_words_t words;
    apr_status_t rv;
    int status = begin(&words, &place, &ctl_spool_list, config, count, text, pool);

    if (status >= 0) {
        return (ctl_status_t)status;
    }
    list.spool = crm360_spool_make(place, NULL, pool);
    list.table = ctl_table_begin(ctl_output_make(words.json, pool), NULL, columns,
                                 sizeof(columns) / sizeof(columns[0]));
    rv = show_messages(&list, pool);
    if (rv == APR_SUCCESS) {
        rv = show_bad(&list, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm360_spool_usage(&bytes, list.spool);
    }
    ctl_table_end(list.table);
    if (rv != APR_SUCCESS) {
        return cannot(place, rv);
    }
    fprintf(stderr,
            "%s: %" APR_INT64_T_FMT " messages, %" APR_INT64_T_FMT " files set aside; %s of %s\n",
            place->folder, list.messages, list.bad, ctl_bytes_text(bytes, pool),
            ctl_bytes_text(place->most_bytes, pool));
    return CTL_FINE;
}

const ctl_verb_t ctl_spool_list = {
    .name = "spool list",
    .words = "[option ...]",
    .summary = "show what lies in the spool of this host",
    .help = "Prints the messages that wait in the spool until Redis takes them, oldest first, and\n"
            "behind them the files that were set aside, with what is wrong. Needs no Redis.\n",
    .options = options,
    .examples = "  crm360ctl spool list\n"
                "  crm360ctl spool list --json | jq -r .database | sort | uniq -c\n",
    .run = run_list};

/* ---- drain ---- */

static void write_log(void *baton, crm360_log_level_t level, apr_status_t rv, const char *text)
{
    char reason[200];

    (void)level;
    ctl_progress_hide(baton);
    fprintf(stderr, "crm360ctl: %s%s%s\n", text, rv == APR_SUCCESS ? "" : ": ",
            rv == APR_SUCCESS ? "" : crm360_status_text(rv, reason, sizeof(reason)));
}

/* How many messages there are, for the bar. */
static apr_int64_t count_messages(crm360_spool_t *spool, apr_pool_t *parent)
{
    crm360_spool_walk_t *walk;
    apr_int64_t count = 0;
    const char *name;
    apr_pool_t *pool;

    apr_pool_create(&pool, parent);
    if (crm360_spool_walk(&walk, spool, pool) == APR_SUCCESS) {
        while (crm360_spool_next(&name, walk, 0) == APR_SUCCESS) {
            count++;
        }
    }
    apr_pool_destroy(pool);
    return count;
}

static int is_locked(const crm360_spool_drained_t *sum)
{
    return sum->locked_since && crm360_clock() - sum->locked_since >= LOCKED_MOST;
}

/* Takes turns until nothing is left that can be carried now. */
static crm360_spool_drained_t drain_all(crm360_spool_drain_t *drain, ctl_progress_t *progress)
{
    crm360_spool_drained_t sum = crm360_spool_drain_sum(drain);

    while (!sum.ended && sum.refused < CRM360_SPOOL_DRAIN_TRIES && sum.faults < FAULTS_MOST &&
           !is_locked(&sum)) {
        apr_time_t now = crm360_clock(), next = crm360_spool_drain_next(drain, 1);

        if (next > now) {
            apr_sleep(next - now);
        }
        crm360_spool_drain_turn(drain, crm360_clock(), 1);
        sum = crm360_spool_drain_sum(drain);
        ctl_progress_at(progress, sum.carried);
    }
    return sum;
}

/* What has come of it, as an exit status; what kept it from going on is said. */
static ctl_status_t end(const crm360_spool_drained_t *sum, const crm360_spool_place_t *place)
{
    if (!sum->ended && is_locked(sum)) {
        fprintf(stderr,
                "crm360ctl: the spool %s: another process has held its lock for %d s, a crm360d or "
                "crm360ctl that hangs or was stopped (fuser %s/lock tells which); the rest stays "
                "in the spool\n",
                place->folder, (int)apr_time_sec(LOCKED_MOST), place->folder);
        return CTL_FAILED;
    }
    if (sum->refused || sum->postponed) {
        fprintf(stderr, "crm360ctl: Redis does not take %s now; the rest stays in the spool\n",
                sum->refused ? "them" : "all of them");
        return CTL_AWAY;
    }
    return sum->held || sum->faults ? CTL_FAILED : CTL_FINE;
}

static ctl_status_t run_drain(const crm360_config_t *config, int count, const char *const *text,
                              apr_pool_t *pool)
{
    const crm360_spool_place_t *place;
    crm360_spool_drained_t sum;
    ctl_progress_t *progress;
    crm360_queue_t *queue;
    ctl_output_t *output;
    ctl_words_t words;
    apr_status_t rv;
    int status = begin(&words, &place, &ctl_spool_drain, config, count, text, pool);

    if (status >= 0) {
        return (ctl_status_t)status;
    }
    rv = crm360_queue_make(&queue, config, 1, NULL, pool);
    if (rv != APR_SUCCESS) {
        return cannot(place, rv);
    }
    progress = ctl_progress_begin("spool",
                                  count_messages(crm360_spool_make(place, NULL, pool), pool), pool);
    crm360_log_set(write_log, progress, CRM360_LOG_WARNING);
    sum = drain_all(crm360_spool_drain_make(config, queue, pool), progress);
    ctl_progress_hide(progress);
    output = ctl_output_make(words.json, pool);
    ctl_object_begin(output, NULL);
    ctl_field_number(output, "carried", "Carried into Redis", sum.carried);
    ctl_field_number(output, "duplicates", "Repeated deliveries among them", sum.duplicates);
    ctl_field_number(output, "setAside", "Files set aside", sum.aside);
    ctl_field_number(output, "held", "Messages that stay", sum.held);
    ctl_object_end(output);
    return end(&sum, place);
}

const ctl_verb_t ctl_spool_drain = {
    .name = "spool drain",
    .words = "[option ...]",
    .summary = "carry the spool of this host into Redis now",
    .help =
        "Carries what lies in the spool into Redis, oldest first, as crm360d does by itself\n"
        "whenever Redis takes messages; also while crm360d runs. A message is removed from the\n"
        "spool after Redis has it. A file that is no message is set aside (.bad).\n",
    .options = options,
    .examples = "  crm360ctl spool drain\n",
    .run = run_drain};
