/*
 * crm360ctl dead redrive: gives dead letters another life. What may have been sent already is left
 * alone unless a person says otherwise (--resend): must never send anything twice by itself.
 */
#include "ctl/dead.h"

#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#include "ctl/resend.h"

static const ctl_option_t options[] = {
    DEAD_CHOICE,
    {"rate", "N[/s]", "let at most N a second become visible"},
    {"dry-run", NULL, "print which they are, and change nothing"},
    {"resend", NULL, "also what may have been sent already; nothing else sends it again"},
    CTL_OPTION_JSON,
    {NULL, NULL, NULL},
};

static const ctl_column_t columns[] = {{"id", "ID", CTL_TEXT, 0}};

/* What the words say, and what came of it. */
typedef struct redrive_t {
    dead_run_t run;
    int dry_run;
    int resend;
    apr_int64_t rate; /* a second; 0 = all at once */
    crm360_redrive_rate_t pace;
    ctl_table_t *table;  /* of a dry run */
    apr_int64_t allowed; /* those chosen that are not uncertain */
    apr_int64_t redriven;
    apr_int64_t without_message;
    apr_int64_t gone;
    apr_int64_t uncertain; /* left alone, for they may have been sent */
    crm_db_t *db;          /* for what is to be sent again; NULL until the first */
    ctl_status_t failed;   /* of that database */
    apr_pool_t *pool;
} redrive_t;

/* ---- words ---- */

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
    redrive_t *redrive = baton;

    switch (which) {
    case DEAD_CHOICES:
        return read_rate(&redrive->rate, value, pool);
    case DEAD_CHOICES + 1:
        redrive->dry_run = 1;
        return NULL;
    case DEAD_CHOICES + 2:
        redrive->resend = 1;
        return NULL;
    default:
        return dead_choice_take(&redrive->run.choice, which, value, pool);
    }
}

/* ---- doing ---- */

/* A line on standard error about one of them. */
static void complain(const redrive_t *redrive, const char *id, const char *what, apr_pool_t *pool)
{
    if (redrive->run.progress) {
        ctl_progress_hide(redrive->run.progress);
    }
    fprintf(stderr, "crm360ctl: %s: %s %s\n", redrive->run.place.name, ctl_plain(id, pool), what);
}

/* Gives the chosen ones of a page another life. *removed counts those that left the dead. */
static apr_status_t redrive_ids(redrive_t *redrive, int *removed, const char *const *ids, int count,
                                apr_pool_t *pool)
{
    const ctl_place_t *place = &redrive->run.place;
    crm360_admin_result_t results[DEAD_PAGE];
    apr_status_t rv;
    int i;

    rv = crm360_queue_redrive(results, place->queue, place->keys, ids, count,
                              redrive->rate ? &redrive->pace : NULL, pool);
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        if (results[i] == CRM360_ADMIN_DONE) {
            redrive->redriven++;
        }
        else if (results[i] == CRM360_ADMIN_NO_MESSAGE) {
            redrive->without_message++;
            complain(redrive, ids[i], "has no stored message and stays a dead letter", pool);
        }
        else {
            redrive->gone++;
        }
        *removed += results[i] != CRM360_ADMIN_NO_MESSAGE;
    }
    return rv;
}

/* What may have been sent already is left out, or a person has said that it may be sent again, and
 * that is noted. 1 when it is to be redriven. */
static int may_go(redrive_t *redrive, const dead_letter_t *letter, apr_pool_t *pool)
{
    const char *id = letter->entry->id;

    if (!ctl_resend_needed(letter->failure)) {
        return 1;
    }
    if (!redrive->resend) {
        redrive->uncertain++;
        if (redrive->run.choice.ids) {
            complain(redrive, id, "may have been sent; --resend sends it again", pool);
        }
        return 0;
    }
    if (!redrive->dry_run && redrive->failed == CTL_FINE) {
        redrive->failed =
            ctl_resend_allow(&redrive->db, &redrive->run.place, &id, 1, redrive->pool, pool);
    }
    return redrive->failed == CTL_FINE;
}

/* Implements dead_work_t. */
static apr_status_t work(dead_run_t *run, int *removed, const dead_letter_t *letters, int count,
                         apr_pool_t *pool)
{
    redrive_t *redrive = run->baton;
    const char *ids[DEAD_PAGE];
    int i, allowed = 0;

    for (i = 0; i < count; i++) {
        if (!may_go(redrive, &letters[i], pool)) {
            continue;
        }
        ids[allowed++] = letters[i].entry->id;
        if (redrive->dry_run) {
            ctl_cell_text(redrive->table, letters[i].entry->id);
            ctl_row_end(redrive->table);
        }
    }
    redrive->allowed += allowed;
    return allowed && !redrive->dry_run ? redrive_ids(redrive, removed, ids, allowed, pool)
                                        : APR_SUCCESS;
}

/* ---- telling ---- */

/* When the last one is visible, by Redis' clock; 0 when they all are. */
static apr_time_t last_visible(const redrive_t *redrive)
{
    if (!redrive->rate || !redrive->redriven) {
        return 0;
    }
    return (apr_time_t)((redrive->pace.next_ms - redrive->pace.spacing_ms) * 1000);
}

static void tell_json(const redrive_t *redrive)
{
    ctl_output_t *output = redrive->run.output;

    ctl_object_begin(output, NULL);
    ctl_field_text(output, "database", "", redrive->run.place.name);
    ctl_field_number(output, redrive->dry_run ? "wouldRedrive" : "redriven", "",
                     redrive->dry_run ? redrive->allowed : redrive->redriven);
    ctl_field_number(output, "lookedAt", "", redrive->run.looked_at);
    ctl_field_number(output, "withoutMessage", "", redrive->without_message);
    ctl_field_number(output, "goneMeanwhile", "", redrive->gone);
    ctl_field_number(output, "uncertain", "", redrive->uncertain);
    ctl_field_time(output, "lastVisibleAt", "", last_visible(redrive));
    ctl_object_end(output);
}

static void tell_uncertain(const redrive_t *redrive)
{
    if (redrive->uncertain) {
        printf("; %" APR_INT64_T_FMT " may have been sent and stay (--resend)", redrive->uncertain);
    }
    printf("\n");
}

static void tell(const redrive_t *redrive, apr_pool_t *pool)
{
    const dead_run_t *run = &redrive->run;

    if (ctl_output_form(run->output) == CTL_FORM_JSON) {
        tell_json(redrive);
        return;
    }
    if (redrive->dry_run) {
        printf("%s: %" APR_INT64_T_FMT " of %" APR_INT64_T_FMT " dead letters would be redriven",
               run->place.name, redrive->allowed, run->looked_at);
        if (redrive->rate) {
            printf(", over %.0f s",
                   (double)(redrive->allowed - (redrive->allowed > 0)) / (double)redrive->rate);
        }
        tell_uncertain(redrive);
        return;
    }
    printf("%s: %" APR_INT64_T_FMT " of %" APR_INT64_T_FMT " dead letters redriven",
           run->place.name, redrive->redriven, run->looked_at);
    if (last_visible(redrive)) {
        printf(", the last is visible at %s", ctl_time_utc(last_visible(redrive), pool));
    }
    if (redrive->without_message) {
        printf("; %" APR_INT64_T_FMT " without a stored message stay", redrive->without_message);
    }
    if (redrive->gone) {
        printf("; %" APR_INT64_T_FMT " were gone meanwhile", redrive->gone);
    }
    tell_uncertain(redrive);
}

/* Works through them, and tells what came of it. */
static ctl_status_t go(redrive_t *redrive, apr_pool_t *pool)
{
    dead_run_t *run = &redrive->run;
    apr_status_t rv;
    int missing;

    run->work = work;
    run->baton = redrive;
    redrive->pool = pool;
    redrive->table = ctl_table_begin(run->output, NULL, columns, 1);
    if (!redrive->dry_run) {
        run->progress = ctl_progress_begin(apr_pstrcat(pool, run->place.name, ": redrive", NULL),
                                           run->total, pool);
    }
    rv = dead_run_all(run, pool);
    ctl_table_end(redrive->table);
    if (rv != APR_SUCCESS) {
        /* What was done is done: say it before the reason why the rest was not. */
        if (redrive->redriven) {
            tell(redrive, pool);
        }
        return ctl_failed(&run->place, NULL, rv);
    }
    missing = dead_run_missing(run, pool);
    tell(redrive, pool);
    if (redrive->failed != CTL_FINE) {
        return redrive->failed;
    }
    return missing || redrive->without_message || (redrive->uncertain && run->choice.ids)
               ? CTL_FAILED
               : CTL_FINE;
}

static ctl_status_t run_redrive(const crm360_config_t *config, int count, const char *const *text,
                                apr_pool_t *pool)
{
    redrive_t redrive = {.run = {.choice = DEAD_ANY}};
    ctl_words_t words;
    int status;

    status = ctl_options_read(&words, &ctl_dead_redrive, take, &redrive, count, text, pool);
    if (status >= 0) {
        return (ctl_status_t)status;
    }
    if (words.count != 1) {
        return ctl_usage_error(&ctl_dead_redrive, "wants one customer/alias");
    }
    if (dead_choice_is_open(&redrive.run.choice)) {
        return ctl_usage_error(&ctl_dead_redrive,
                               "wants to be told which; --all means all of them");
    }
    if (redrive.rate) {
        redrive.pace.spacing_ms = 1000.0 / (double)redrive.rate;
    }
    redrive.run.output = ctl_output_make(words.json, pool);
    status = (int)dead_run_begin(&redrive.run, config, words.rest[0], pool);
    return status == CTL_FINE ? go(&redrive, pool) : (ctl_status_t)status;
}

const ctl_verb_t ctl_dead_redrive = {
    .name = "dead redrive",
    .words = "customer/alias {--all | option ...}",
    .summary = "give dead letters another life",
    .help =
        "Gives dead letters another life with all their attempts, in the lane in which they died,\n"
        "oldest first. Options choose; where several are given, all hold:\n",
    .options = options,
    .examples =
        "  crm360ctl dead redrive acme/prod --reason 'timed out' --dry-run\n"
        "  crm360ctl dead redrive acme/prod --reason 'timed out' --rate 10/s\n"
        "  crm360ctl dead redrive acme/prod --id 01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Order-Insert\n",
    .run = run_redrive,
};
