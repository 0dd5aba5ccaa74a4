/*
 * crm360ctl list: the messages of a database, lane by lane, in the order in which they become
 * visible. Reads page by page and looks no further than it has to, so a million may wait. It is no
 * snapshot: what workers do meanwhile may move a message past the reader or back to him. Changes
 * nothing.
 */
#include <apr_hash.h>
#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#include "core/queue_admin.h"
#include "core/queue_steer.h"
#include "core/queue_view.h"
#include "ctl/options.h"
#include "ctl/output.h"

#define LIMIT_MOST APR_INT64_C(1000000000)
#define FIRST_PAGE 100 /* entries; later pages are larger */
#define A_THOUSAND_YEARS (APR_INT64_C(1000) * 365 * 86400 * APR_USEC_PER_SEC)

static const ctl_option_t options[] = {
    {"lane", "LANE", "of this lane: live, batch or send"},
    {"route", "ROUTE", "of this platform, or this Platform/Entity/Action"},
    {"state", "STATE", "that are due, waiting, leased or paused"},
    {"due", NULL, "that are due, as --state due"},
    {"older-than", "TIME", "that have been visible longer than this, as 5m or 2h"},
    {"limit", "N", "no more than N"},
    CTL_OPTION_JSON,
    {NULL, NULL, NULL},
};

static const ctl_column_t columns[] = {
    {"id", "ID", CTL_TEXT, 0},
    {"lane", "LANE", CTL_TEXT, 0},
    {"state", "STATE", CTL_TEXT, 0},
    {"visibleAt", "VISIBLE", CTL_TIME, 3},
    {"attempts", "ATTEMPTS", CTL_NUMBER, 4},
    {"worker", "WORKER", CTL_TEXT, 2},
};

typedef struct run_t {
    ctl_place_t place;
    int lane;                  /* -1 = all */
    const char *route;         /* NULL = any */
    int state;                 /* a crm360_state_t; -1 = any */
    apr_interval_time_t older; /* -1 = not said */
    apr_int64_t limit;         /* -1 = none */
    apr_int64_t shown;
    apr_time_t began;                 /* Redis' clock */
    const apr_array_header_t *paused; /* names; with --state paused only */
    ctl_output_t *output;
    ctl_table_t *table;
} run_t;

/* ---- words ---- */

static const char *read_state(int *state, const char *text)
{
    static const crm360_state_t states[] = {CRM360_STATE_DUE, CRM360_STATE_WAITING,
                                            CRM360_STATE_LEASED, CRM360_STATE_PAUSED};
    apr_size_t i;

    for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcmp(text, crm360_state_name(states[i])) == 0) {
            *state = (int)states[i];
            return NULL;
        }
    }
    return "wants due, waiting, leased or paused; crm360ctl dead list shows dead letters";
}

static const char *take(void *baton, int which, const char *value, apr_pool_t *pool)
{
    run_t *run = baton;

    (void)pool;
    switch (which) {
    case 0:
        return ctl_read_lane(&run->lane, value);
    case 1:
        return ctl_read_route(&run->route, value);
    case 2:
        return read_state(&run->state, value);
    case 3:
        run->state = CRM360_STATE_DUE;
        return NULL;
    case 4:
        return ctl_read_interval(&run->older, value);
    default:
        return ctl_read_number(&run->limit, value, 1, LIMIT_MOST) == APR_SUCCESS
                   ? NULL
                   : "wants a whole number, 1 or more";
    }
}

/* ---- rows ---- */

static int is_full(const run_t *run)
{
    return ctl_output_ended() || (run->limit >= 0 && run->shown >= run->limit);
}

static int is_chosen(const run_t *run, const crm360_view_t *view)
{
    if (view->state == CRM360_STATE_GONE || view->state == CRM360_STATE_DEAD ||
        view->state == CRM360_STATE_LOST || (run->lane >= 0 && (int)view->lane != run->lane)) {
        return 0; /* it has moved on */
    }
    return (run->state < 0 || (int)view->state == run->state) &&
           (run->older < 0 ||
            (view->state != CRM360_STATE_LEASED && view->at < run->began - run->older));
}

/* Shows those of the ids that are chosen. */
static apr_status_t show(run_t *run, const char *const *ids, int count, apr_pool_t *pool)
{
    crm360_view_t *views;
    apr_time_t now;
    apr_status_t rv;
    int i;

    if (count == 0) {
        return APR_SUCCESS;
    }
    rv = crm360_queue_view(&views, &now, run->place.queue, run->place.keys, ids, count, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    ctl_output_now(run->output, now);
    for (i = 0; i < count && !is_full(run); i++) {
        if (is_chosen(run, &views[i])) {
            ctl_cell_text(run->table, views[i].id);
            ctl_cell_text(run->table, crm360_lane_name(views[i].lane));
            ctl_cell_text(run->table, crm360_state_name(views[i].state));
            ctl_cell_time(run->table, views[i].at);
            ctl_cell_number(run->table, views[i].failure.attempts);
            ctl_cell_text(run->table, views[i].worker);
            ctl_row_end(run->table);
            run->shown++;
        }
    }
    return APR_SUCCESS;
}

/* ---- what workers hold ---- */

/* The claims name them: no lane has to be searched for them. A walk through a hash may meet an
 * entry twice. */
static apr_status_t list_leased(run_t *run, apr_pool_t *parent)
{
    apr_hash_t *seen = apr_hash_make(parent);
    const char *cursor = "0", *ids[CRM360_PAGE_MOST];
    crm360_page_t page;
    apr_status_t rv;
    apr_pool_t *pool;
    int i, count;

    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm360ctl_list");
    do {
        rv = crm360_queue_walk(&page, &cursor, run->place.queue, run->place.keys->claims, 100,
                               parent);
        for (i = 0; rv == APR_SUCCESS && i < page.count;) {
            for (count = 0; i < page.count && count < CRM360_PAGE_MOST; i++) {
                const char *id = page.entries[i].id;

                if (!apr_hash_get(seen, id, APR_HASH_KEY_STRING) &&
                    (!run->route || ctl_id_has_route(id, run->route))) {
                    apr_hash_set(seen, id, APR_HASH_KEY_STRING, "");
                    ids[count++] = id;
                }
            }
            apr_pool_clear(pool);
            rv = show(run, ids, count, pool);
        }
    } while (rv == APR_SUCCESS && strcmp(cursor, "0") != 0 && !is_full(run));
    apr_pool_destroy(pool);
    return rv;
}

/* ---- lanes ---- */

/* The place of the first entry of a lane that is visible after `at`: halving, for Redis has no
 * other way to a place that costs the same whatever waits. */
static apr_status_t first_after(apr_int64_t *first, run_t *run, const char *key, apr_time_t at,
                                apr_pool_t *pool)
{
    apr_int64_t low = 0, high, middle;
    crm360_page_t page;
    apr_status_t rv = crm360_queue_size(&high, run->place.queue, key, pool);

    while (rv == APR_SUCCESS && low < high) {
        middle = low + (high - low) / 2;
        rv = crm360_queue_page(&page, run->place.queue, key, middle, 1, pool);
        if (rv == APR_SUCCESS && page.count > 0 && page.entries[0].at <= at) {
            low = middle + 1;
        }
        else {
            high = middle;
        }
    }
    *first = low;
    return rv;
}

/* Whether a message of a lane, by its id alone, is worth a look. Of those that are visible only
 * what is paused by name can be paused; `lane` is NULL for those that are set aside. */
static int may_be_chosen(const run_t *run, const char *lane, const char *id)
{
    int i;

    if (run->route && !ctl_id_has_route(id, run->route)) {
        return 0;
    }
    for (i = 0; run->paused && lane && i < run->paused->nelts; i++) {
        const char *name = APR_ARRAY_IDX(run->paused, i, const char *);

        if (strcmp(name, lane) == 0 || ctl_id_has_route(id, name)) {
            return 1;
        }
    }
    return !run->paused || !lane;
}

/* Shows what is chosen of a lane of those that are visible after `after` and not after `last`, as
 * Redis has them in order. */
static apr_status_t list_range(run_t *run, int lane, apr_time_t after, apr_time_t last,
                               apr_pool_t *parent)
{
    const char *key = run->place.keys->lane[lane], *ids[CRM360_PAGE_MOST];
    const char *name = after > run->began ? NULL : crm360_lane_name((crm360_lane_t)lane);
    apr_int64_t first = 0;
    crm360_page_t page = {.count = 0};
    apr_status_t rv = APR_SUCCESS;
    apr_pool_t *pool;
    int i, count, more = 1, most = FIRST_PAGE;

    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm360ctl_list");
    if (after > 0) {
        rv = first_after(&first, run, key, after, pool);
    }
    while (more && rv == APR_SUCCESS && !is_full(run)) {
        apr_pool_clear(pool);
        rv = crm360_queue_page(&page, run->place.queue, key, first, most, pool);
        more = rv == APR_SUCCESS && page.count == most;
        for (i = 0, count = 0; rv == APR_SUCCESS && i < page.count; i++) {
            if (page.entries[i].at > last) {
                more = 0;
                break;
            }
            if (may_be_chosen(run, name, page.entries[i].id)) {
                ids[count++] = page.entries[i].id;
            }
        }
        rv = rv == APR_SUCCESS ? show(run, ids, count, pool) : rv;
        first += page.count;
        most = CRM360_PAGE_MOST; /* who wants a few has had them */
    }
    apr_pool_destroy(pool);
    return rv;
}

/* Looks only where what is chosen can be: what is visible stands in front, what is set aside for a
 * paused route stands behind all others, more than a thousand years ahead. */
static apr_status_t list_lane(run_t *run, int lane, apr_pool_t *pool)
{
    apr_time_t aside = run->began + A_THOUSAND_YEARS;
    int has_front = run->state == CRM360_STATE_DUE || run->state == CRM360_STATE_PAUSED ||
                    (run->older >= 0 && run->state < 0);
    apr_status_t rv = APR_SUCCESS;

    if (run->state == CRM360_STATE_WAITING) {
        return list_range(run, lane, run->began, aside, pool);
    }
    if (!has_front) {
        return list_range(run, lane, 0, APR_INT64_MAX, pool);
    }
    if (!run->paused || run->paused->nelts > 0) {
        rv = list_range(run, lane, 0, run->older >= 0 ? run->began - run->older : run->began, pool);
    }
    if (rv != APR_SUCCESS || run->state == CRM360_STATE_DUE) {
        return rv;
    }
    return list_range(run, lane, aside, APR_INT64_MAX, pool);
}

static apr_status_t list_all(run_t *run, apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    int lane;

    if (run->state == CRM360_STATE_LEASED) {
        return list_leased(run, pool);
    }
    if (run->state == CRM360_STATE_PAUSED) {
        apr_array_header_t *paused = NULL;

        rv = crm360_queue_paused(&paused, run->place.queue, run->place.keys, pool);
        run->paused = paused;
    }
    for (lane = 0; lane < CRM360_LANES && rv == APR_SUCCESS; lane++) {
        if (run->lane < 0 || run->lane == lane) {
            rv = list_lane(run, lane, pool);
        }
    }
    return rv;
}

static ctl_status_t run_list(const crm360_config_t *config, int count, const char *const *text,
                             apr_pool_t *pool)
{
    run_t run = {.lane = -1, .state = -1, .older = -1, .limit = -1};
    ctl_words_t words;
    apr_status_t rv;
    int status;

    status = ctl_options_read(&words, &ctl_list, take, &run, count, text, pool);
    if (status >= 0) {
        return (ctl_status_t)status;
    }
    if (words.count != 1) {
        return ctl_usage_error(&ctl_list, "wants one customer/alias");
    }
    if (run.older >= 0 && (run.state == CRM360_STATE_WAITING || run.state == CRM360_STATE_LEASED)) {
        return ctl_usage_error(&ctl_list, "--older-than is about those that are due or paused");
    }
    status = (int)ctl_place_make(&run.place, config, words.rest[0], pool);
    if (status != CTL_FINE) {
        return (ctl_status_t)status;
    }
    run.output = ctl_output_make(words.json, pool);
    run.table = ctl_table_begin(run.output, NULL, columns, sizeof(columns) / sizeof(columns[0]));
    rv = crm360_queue_now(&run.began, run.place.queue, pool);
    if (rv == APR_SUCCESS) {
        rv = list_all(&run, pool);
    }
    ctl_table_end(run.table);
    if (rv != APR_SUCCESS) {
        return ctl_failed(&run.place, NULL, rv);
    }
    if (!ctl_output_ended()) {
        fprintf(stderr, "%s: %" APR_INT64_T_FMT " messages\n", run.place.name, run.shown);
    }
    return CTL_FINE;
}

const ctl_verb_t ctl_list = {
    .name = "list",
    .words = "customer/alias [option ...]",
    .summary = "show the messages that wait, and who holds which",
    .help =
        "Shows the messages of a database, lane by lane, the first visible first: id, lane,\n"
        "state, when it is visible (of a leased one: when its lease ends), failed attempts, and\n"
        "the worker that holds it. Where several options are given, all hold:\n",
    .options = options,
    .examples = "  crm360ctl list acme/prod --due --limit 20\n"
                "  crm360ctl list acme/prod --state leased\n"
                "  crm360ctl list acme/prod --older-than 10m --route Shopify --json | jq -r .id\n",
    .run = run_list,
};
