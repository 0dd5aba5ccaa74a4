/*
 * crm360ctl dead: shows dead letters and gives them another life, those that all options of the
 * command line choose. Reads the dead letters page by page, oldest first, and never has more than
 * one page in memory. Only what was dead at the beginning counts: what dies again meanwhile is not
 * redriven in a circle.
 */
#include "ctl/ctl.h"

#include <apr_cstr.h>
#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/queue_admin.h"
#include "core/route.h"
#include "ctl/options.h"
#include "ctl/resend.h"

#define PAGE CRM360_ADMIN_MOST

/* What the words say. */
typedef struct choice_t {
    apr_hash_t *ids;           /* id -> was it found: "" or "found"; NULL = any id */
    const char *route;         /* "Platform" or "Platform/Entity/Action"; NULL = any */
    const char *reason;        /* part of the last error; NULL = any */
    apr_interval_time_t older; /* -1 = not said */
    apr_interval_time_t younger;
    int lane;         /* -1 = any */
    int all;          /* --all */
    int dry_run;      /* --dry-run */
    int resend;       /* --resend */
    apr_int64_t rate; /* a second; 0 = all at once */
} choice_t;

typedef struct run_t {
    ctl_place_t place;
    choice_t choice;
    int redrives;
    apr_time_t began; /* Redis' clock */
    apr_time_t clock; /* ours, at the same moment */
    double next_ms;   /* from then: when the next one shall be visible */
    apr_int64_t looked_at;
    apr_int64_t chosen;
    apr_int64_t redriven;
    apr_int64_t without_message;
    apr_int64_t gone;
    apr_int64_t uncertain; /* left alone, for they may have been sent */
    crm_db_t *db;          /* for what is to be sent again; NULL until the first */
    ctl_status_t failed;   /* of that database */
    apr_pool_t *pool;
} run_t;

/* ---- words ---- */

static const ctl_option_t options[] = {
    {"id", "ID", "this dead letter; may be given several times"},
    {"route", "ROUTE", "of this platform, or this Platform/Entity/Action"},
    {"reason", "TEXT", "whose last error has this text in it, in any case"},
    {"older", "TIME", "that died longer ago than this, as 2h or 30d"},
    {"younger", "TIME", "that died less long ago than this"},
    {"lane", "LANE", "that died in this lane: live, batch or send"},
    {"all", NULL, "all of them"},
    {"rate", "N[/s]", "let at most N a second become visible"},
    {"dry-run", NULL, "print which they are, and change nothing"},
    {"resend", NULL, "also what may have been sent already; nothing else sends it again"},
    {NULL, NULL, NULL},
};

#define OPTIONS_OF_LIST 7

static const char *read_route(const char **route, const char *text)
{
    const crm360_route_t *row;

    for (row = crm360_routes; row->platform; row++) {
        if (apr_cstr_casecmp(row->platform, text) == 0 || apr_cstr_casecmp(row->name, text) == 0) {
            *route = strchr(text, '/') ? row->name : row->platform;
            return NULL;
        }
    }
    return "wants a platform, as Shopify, or a route, as Shopify/Order/Insert";
}

static const char *read_lane(int *lane, const char *text)
{
    int i;

    for (i = 0; i < CRM360_LANES; i++) {
        if (strcmp(crm360_lane_name((crm360_lane_t)i), text) == 0) {
            *lane = i;
            return NULL;
        }
    }
    return "wants live, batch or send";
}

static const char *read_rate(apr_int64_t *rate, const char *text, apr_pool_t *pool)
{
    apr_size_t length = strlen(text);

    if (length > 2 && strcmp(text + length - 2, "/s") == 0) {
        text = apr_pstrmemdup(pool, text, length - 2);
    }
    if (ctl_read_number(rate, text, 1, 1000000) != APR_SUCCESS) {
        return "wants a whole number a second, 1 to 1000000";
    }
    return NULL;
}

static const char *take(void *baton, int which, const char *value, apr_pool_t *pool)
{
    choice_t *choice = baton;

    switch (which) {
    case 0:
        choice->ids = choice->ids ? choice->ids : apr_hash_make(pool);
        apr_hash_set(choice->ids, value, APR_HASH_KEY_STRING, "");
        return *value ? NULL : "wants a message id";
    case 1:
        return read_route(&choice->route, value);
    case 2:
        choice->reason = value;
        return *value ? NULL : "wants a part of the reason";
    case 3:
        return ctl_read_interval(&choice->older, value);
    case 4:
        return ctl_read_interval(&choice->younger, value);
    case 5:
        return read_lane(&choice->lane, value);
    case 6:
        choice->all = 1;
        return NULL;
    case 7:
        return read_rate(&choice->rate, value, pool);
    case 8:
        choice->dry_run = 1;
        return NULL;
    default:
        choice->resend = 1;
        return NULL;
    }
}

/* ---- choosing ---- */

static int contains(const char *text, const char *part)
{
    apr_size_t length = strlen(part);

    for (; *text; text++) {
        if (apr_cstr_casecmpn(text, part, length) == 0) {
            return 1;
        }
    }
    return 0;
}

static int has_route(const char *id, const char *wanted)
{
    const crm360_route_t *route = crm360_id_route(id);

    return route && (strcmp(route->platform, wanted) == 0 || strcmp(route->name, wanted) == 0);
}

static int is_chosen(const run_t *run, const crm360_entry_t *entry, const crm360_failure_t *failure)
{
    const choice_t *choice = &run->choice;

    return (!choice->ids || apr_hash_get(choice->ids, entry->id, APR_HASH_KEY_STRING)) &&
           (choice->older < 0 || entry->at < run->began - choice->older) &&
           (choice->younger < 0 || entry->at > run->began - choice->younger) &&
           (!choice->route || has_route(entry->id, choice->route)) &&
           (choice->lane < 0 || (int)failure->lane == choice->lane) &&
           (!choice->reason || contains(failure->reason, choice->reason));
}

/* ---- doing ---- */

static const char *time_text(apr_time_t at, apr_pool_t *pool)
{
    apr_time_exp_t exploded;
    char text[32];
    apr_size_t length;

    if (apr_time_exp_gmt(&exploded, at) != APR_SUCCESS ||
        apr_strftime(text, &length, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &exploded) != APR_SUCCESS) {
        return "?";
    }
    return apr_pstrdup(pool, text);
}

/* One line for a person or a program: fields are separated by tabs. */
static void show(const crm360_entry_t *entry, const crm360_failure_t *failure, apr_pool_t *pool)
{
    printf("%s\t%s\t%d\t%s\n", ctl_plain(entry->id, pool), time_text(entry->at, pool),
           failure->attempts, ctl_plain(failure->reason, pool));
}

/* Gives the chosen ones of a page another life. *removed counts those that left the dead. */
static apr_status_t redrive(run_t *run, int *removed, const char *const *ids, int count,
                            apr_pool_t *pool)
{
    double spacing = run->choice.rate ? 1000.0 / (double)run->choice.rate : 0;
    double elapsed = (double)(crm360_clock() - run->clock) / 1000.0;
    crm360_admin_result_t results[PAGE];
    apr_status_t rv;
    int i;

    /* What the work itself takes counts: the time between two of them is never shorter. */
    run->next_ms = spacing > 0 && run->next_ms > elapsed ? run->next_ms : elapsed;
    rv = crm360_queue_redrive(results, run->place.queue, run->place.keys, ids, count,
                              run->next_ms - elapsed, spacing, pool);
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        if (results[i] == CRM360_ADMIN_DONE) {
            run->redriven++;
            run->next_ms += spacing;
        }
        else if (results[i] == CRM360_ADMIN_NO_MESSAGE) {
            run->without_message++;
            fprintf(stderr, "crm360ctl: %s: %s has no stored message and stays a dead letter\n",
                    run->place.name, ctl_plain(ids[i], pool));
        }
        else {
            run->gone++;
        }
        *removed += results[i] != CRM360_ADMIN_NO_MESSAGE;
    }
    return rv;
}

/* What may have been sent already is left out, or a person has said that it may be sent again, and
 * that is noted. 1 when it is to be redriven. */
static int may_go(run_t *run, const char *id, const crm360_failure_t *failure, apr_pool_t *pool)
{
    if (!run->redrives || !ctl_resend_needed(failure)) {
        return 1;
    }
    if (!run->choice.resend) {
        run->uncertain++;
        if (run->choice.ids) {
            fprintf(stderr, "crm360ctl: %s: %s may have been sent; --resend sends it again\n",
                    run->place.name, ctl_plain(id, pool));
        }
        return 0;
    }
    if (!run->choice.dry_run && run->failed == CTL_FINE) {
        run->failed = ctl_resend_allow(&run->db, &run->place, &id, 1, run->pool, pool);
    }
    return run->failed == CTL_FINE;
}

/* Works on entries [from, count) of a page. *removed counts those that are no dead letters any
 * more. */
static apr_status_t work_on(run_t *run, int *removed, const crm360_page_t *page, int from,
                            apr_pool_t *pool)
{
    const char *ids[PAGE];
    crm360_failure_t *failures;
    apr_status_t rv;
    int i, chosen = 0;

    for (i = from; i < page->count; i++) {
        ids[i - from] = page->entries[i].id;
    }
    rv = crm360_queue_failures(&failures, run->place.queue, run->place.keys, ids,
                               page->count - from, pool);
    for (i = from; i < page->count && rv == APR_SUCCESS; i++) {
        const crm360_entry_t *entry = &page->entries[i];

        run->looked_at++;
        if (!is_chosen(run, entry, &failures[i - from])) {
            continue;
        }
        if (run->choice.ids) {
            apr_hash_set(run->choice.ids,
                         apr_pstrdup(apr_hash_pool_get(run->choice.ids), entry->id),
                         APR_HASH_KEY_STRING, "found");
        }
        if (!may_go(run, entry->id, &failures[i - from], pool)) {
            continue;
        }
        ids[chosen++] = entry->id;
        if (!run->redrives) {
            show(entry, &failures[i - from], pool);
        }
        else if (run->choice.dry_run) {
            printf("%s\n", ctl_plain(entry->id, pool));
        }
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    run->chosen += chosen;
    return run->redrives && !run->choice.dry_run && chosen
               ? redrive(run, removed, ids, chosen, pool)
               : APR_SUCCESS;
}

/* The order in which Redis keeps them. */
static int is_after(const crm360_entry_t *entry, apr_time_t at, const char *id)
{
    return entry->at != at ? entry->at > at : strcmp(entry->id, id) > 0;
}

/*
 * Works on all dead letters from the oldest on. Each page begins with the last entry that was left
 * among them, so that one shows whether others have removed entries before it: then it begins
 * earlier. Nothing is passed over, and nothing is looked at twice.
 */
static apr_status_t work_on_all(run_t *run, apr_pool_t *parent)
{
    const char *last_id = "";
    apr_time_t last_at = -1;
    apr_int64_t first = 0;
    apr_status_t rv = APR_SUCCESS;
    crm360_page_t page;
    int from, removed, more = 1;
    apr_pool_t *pool, *kept;

    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm360ctl_dead");
    apr_pool_create(&kept, parent);
    apr_pool_tag(kept, "crm360ctl_last");
    while (more && rv == APR_SUCCESS) {
        apr_pool_clear(pool);
        rv = crm360_queue_page(&page, run->place.queue, run->place.keys->dead, first, PAGE, pool);
        if (rv != APR_SUCCESS) {
            break;
        }
        more = page.count == PAGE;
        if (first > 0 && (page.count == 0 || is_after(&page.entries[0], last_at, last_id))) {
            first = first > PAGE ? first - PAGE : 0;
            more = 1;
            continue;
        }
        for (from = 0; from < page.count && !is_after(&page.entries[from], last_at, last_id);) {
            from++;
        }
        while (page.count > from && page.entries[page.count - 1].at > run->began) {
            page.count--; /* they died since */
            more = 0;
        }
        removed = 0;
        if (page.count > from) {
            rv = work_on(run, &removed, &page, from, pool);
            last_at = page.entries[page.count - 1].at;
            apr_pool_clear(kept);
            last_id = apr_pstrdup(kept, page.entries[page.count - 1].id);
        }
        first += page.count - removed;
        first -= first > 0;
    }
    apr_pool_destroy(kept);
    apr_pool_destroy(pool);
    return rv;
}

/* ---- the end ---- */

/* Says which of the ids that were named were not among the dead letters; how many. */
static int tell_missing(const run_t *run, apr_pool_t *pool)
{
    apr_hash_index_t *at;
    int missing = 0;

    for (at = run->choice.ids ? apr_hash_first(pool, run->choice.ids) : NULL; at;
         at = apr_hash_next(at)) {
        if (*(const char *)apr_hash_this_val(at) == '\0') {
            missing++;
            fprintf(stderr, "crm360ctl: %s: %s is no dead letter that the options choose\n",
                    run->place.name, ctl_plain(apr_hash_this_key(at), pool));
        }
    }
    return missing;
}

static void tell_uncertain(const run_t *run)
{
    if (run->uncertain) {
        printf("; %" APR_INT64_T_FMT " may have been sent and stay (--resend)", run->uncertain);
    }
}

static void tell_summary(const run_t *run, apr_pool_t *pool)
{
    double rate = (double)run->choice.rate;

    if (!run->redrives) {
        fprintf(stderr, "%s: %" APR_INT64_T_FMT " of %" APR_INT64_T_FMT " dead letters\n",
                run->place.name, run->chosen, run->looked_at);
        return;
    }
    if (run->choice.dry_run) {
        printf("%s: %" APR_INT64_T_FMT " of %" APR_INT64_T_FMT " dead letters would be redriven",
               run->place.name, run->chosen, run->looked_at);
        if (run->choice.rate) {
            printf(", over %.0f s", (double)(run->chosen - (run->chosen > 0)) / rate);
        }
        tell_uncertain(run);
        printf("\n");
        return;
    }
    printf("%s: %" APR_INT64_T_FMT " of %" APR_INT64_T_FMT " dead letters redriven",
           run->place.name, run->redriven, run->looked_at);
    if (run->choice.rate && run->redriven) {
        printf(", the last is visible at %s",
               time_text(run->began + (apr_time_t)((run->next_ms - 1000.0 / rate) * 1000), pool));
    }
    if (run->without_message) {
        printf("; %" APR_INT64_T_FMT " without a stored message stay", run->without_message);
    }
    if (run->gone) {
        printf("; %" APR_INT64_T_FMT " were gone meanwhile", run->gone);
    }
    tell_uncertain(run);
    printf("\n");
}

static ctl_status_t run_verb(const ctl_usage_t *usage, int redrives, const crm360_config_t *config,
                             int count, const char *const *words, apr_pool_t *pool)
{
    run_t run = {.redrives = redrives, .choice = {.older = -1, .younger = -1, .lane = -1}};
    const choice_t *choice = &run.choice;
    const char *const *rest;
    int rest_count, missing, status;
    apr_status_t rv;

    status = ctl_options_read(&rest, &rest_count, usage, take, &run.choice, count, words, pool);
    if (status >= 0) {
        return (ctl_status_t)status;
    }
    if (rest_count != 1) {
        return ctl_usage_error(usage, "wants one customer/alias");
    }
    if (redrives && !choice->all && !choice->ids && !choice->route && !choice->reason &&
        choice->older < 0 && choice->younger < 0 && choice->lane < 0) {
        return ctl_usage_error(usage, "wants to be told which; --all means all of them");
    }
    status = (int)ctl_place_make(&run.place, config, rest[0], pool);
    if (status != CTL_FINE) {
        return (ctl_status_t)status;
    }
    run.pool = pool;
    run.clock = crm360_clock();
    rv = crm360_queue_now(&run.began, run.place.queue, pool);
    if (rv == APR_SUCCESS) {
        rv = work_on_all(&run, pool);
    }
    fflush(stdout);
    if (rv != APR_SUCCESS) {
        /* What was done is done: say it before the reason why the rest was not. */
        if (run.redriven) {
            tell_summary(&run, pool);
        }
        return ctl_failed(&run.place, NULL, rv);
    }
    missing = tell_missing(&run, pool);
    tell_summary(&run, pool);
    if (run.failed != CTL_FINE) {
        return run.failed;
    }
    return missing || run.without_message || (run.uncertain && choice->ids) ? CTL_FAILED : CTL_FINE;
}

ctl_status_t ctl_dead_list(const crm360_config_t *config, int count, const char *const *words,
                           apr_pool_t *pool)
{
    ctl_option_t of_list[OPTIONS_OF_LIST + 1] = {{NULL, NULL, NULL}};
    ctl_usage_t usage = {"dead list", CTL_DEAD_LIST_WORDS,
                         "Prints dead letters, oldest first: id, when it died (UTC), failed "
                         "attempts and the\nlast error, separated by tabs. Options choose; where "
                         "several are given, all hold:\n",
                         of_list};

    memcpy(of_list, options, OPTIONS_OF_LIST * sizeof(options[0]));
    return run_verb(&usage, 0, config, count, words, pool);
}

ctl_status_t ctl_dead_redrive(const crm360_config_t *config, int count, const char *const *words,
                              apr_pool_t *pool)
{
    static const ctl_usage_t usage = {
        "dead redrive", CTL_DEAD_REDRIVE_WORDS,
        "Gives dead letters another life with all their attempts, in the lane in which they "
        "died,\noldest first. Options choose; where several are given, all hold:\n",
        options};

    return run_verb(&usage, 1, config, count, words, pool);
}
