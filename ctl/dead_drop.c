/*
 * crm360ctl dead drop: ends dead letters for good. Must never drop one that the options do not
 * choose, nor any without --yes; one that was redriven meanwhile stays.
 */
#include "ctl/dead.h"

#include <apr_strings.h>

#include <stdio.h>

static const ctl_option_t options[] = {
    DEAD_CHOICE,        {"dry-run", NULL, "print which they are, and change nothing"},
    CTL_OPTION_YES,     CTL_OPTION_JSON,
    {NULL, NULL, NULL},
};

static const ctl_column_t columns[] = {{"id", "ID", CTL_TEXT, 0}};

/* What the words say, and what came of it. */
typedef struct drop_t {
    dead_run_t run;
    int dry_run;
    ctl_table_t *table; /* of a dry run */
    apr_int64_t dropped;
    apr_int64_t gone; /* redriven or dropped by somebody else meanwhile */
} drop_t;

static const char *take(void *baton, int which, const char *value, apr_pool_t *pool)
{
    drop_t *drop = baton;

    if (which == DEAD_CHOICES) {
        drop->dry_run = 1;
        return NULL;
    }
    return dead_choice_take(&drop->run.choice, which, value, pool);
}

/* Implements dead_work_t: only looks. */
static apr_status_t look(dead_run_t *run, int *removed, const dead_letter_t *letters, int count,
                         apr_pool_t *pool)
{
    drop_t *drop = run->baton;
    int i;

    (void)removed;
    (void)pool;
    for (i = 0; i < count && drop->dry_run; i++) {
        ctl_cell_text(drop->table, letters[i].entry->id);
        ctl_row_end(drop->table);
    }
    return ctl_output_ended() ? APR_EOF : APR_SUCCESS;
}

/* Implements dead_work_t. */
static apr_status_t work(dead_run_t *run, int *removed, const dead_letter_t *letters, int count,
                         apr_pool_t *pool)
{
    drop_t *drop = run->baton;
    crm360_admin_result_t results[DEAD_PAGE];
    crm360_entry_t *entries = apr_palloc(pool, (apr_size_t)count * sizeof(*entries));
    apr_status_t rv;
    int i;

    for (i = 0; i < count; i++) {
        entries[i] = *letters[i].entry;
    }
    rv = crm360_queue_drop(results, run->place.queue, run->place.keys, entries, count, pool);
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        drop->dropped += results[i] == CRM360_ADMIN_DONE;
        drop->gone += results[i] != CRM360_ADMIN_DONE;
        *removed += 1;
    }
    return rv;
}

static void tell_json(const drop_t *drop)
{
    ctl_output_t *output = drop->run.output;

    ctl_object_begin(output, NULL);
    ctl_field_text(output, "database", "", drop->run.place.name);
    ctl_field_number(output, drop->dry_run ? "wouldDrop" : "dropped", "",
                     drop->dry_run ? drop->run.chosen : drop->dropped);
    ctl_field_number(output, "lookedAt", "", drop->run.looked_at);
    ctl_field_number(output, "goneMeanwhile", "", drop->gone);
    ctl_object_end(output);
}

static void tell(const drop_t *drop)
{
    if (ctl_output_form(drop->run.output) == CTL_FORM_JSON) {
        tell_json(drop);
        return;
    }
    printf("%s: %" APR_INT64_T_FMT " of %" APR_INT64_T_FMT " dead letters %s", drop->run.place.name,
           drop->dry_run ? drop->run.chosen : drop->dropped, drop->run.looked_at,
           drop->dry_run ? "would be dropped" : "dropped");
    if (drop->gone) {
        printf("; %" APR_INT64_T_FMT " were gone meanwhile", drop->gone);
    }
    printf("\n");
}

/* Works through them; what came of it is told. */
static ctl_status_t go(drop_t *drop, int yes, apr_pool_t *pool)
{
    dead_run_t *run = &drop->run;
    apr_status_t rv;
    int missing;

    run->work = yes ? work : look;
    run->baton = drop;
    if (yes) {
        run->progress = ctl_progress_begin(apr_pstrcat(pool, run->place.name, ": drop", NULL),
                                           run->total, pool);
    }
    drop->table = ctl_table_begin(run->output, NULL, columns, 1);
    rv = dead_run_all(run, pool);
    ctl_table_end(drop->table);
    if (APR_STATUS_IS_EOF(rv)) {
        return CTL_FINE; /* main() says why nothing can be printed */
    }
    if (rv != APR_SUCCESS) {
        if (drop->dropped) {
            tell(drop);
        }
        return ctl_failed(&run->place, NULL, rv);
    }
    missing = dead_run_missing(run, pool);
    if (yes || drop->dry_run) {
        tell(drop);
        return missing ? CTL_FAILED : CTL_FINE;
    }
    if (run->chosen == 0) {
        fprintf(stderr, "crm360ctl: %s: none of %" APR_INT64_T_FMT " dead letters is chosen\n",
                run->place.name, run->looked_at);
        return CTL_FAILED;
    }
    return ctl_refuse(&ctl_dead_drop,
                      apr_psprintf(pool,
                                   "%" APR_INT64_T_FMT " of %" APR_INT64_T_FMT " dead letters of "
                                   "%s would be dropped for good",
                                   run->chosen, run->looked_at, run->place.name));
}

static ctl_status_t run_drop(const crm360_config_t *config, int count, const char *const *text,
                             apr_pool_t *pool)
{
    drop_t drop = {.run = {.choice = DEAD_ANY}};
    ctl_words_t words;
    int status;

    status = ctl_options_read(&words, &ctl_dead_drop, take, &drop, count, text, pool);
    if (status >= 0) {
        return (ctl_status_t)status;
    }
    if (words.count != 1) {
        return ctl_usage_error(&ctl_dead_drop, "wants one customer/alias");
    }
    if (words.yes && drop.dry_run) {
        return ctl_usage_error(&ctl_dead_drop, "wants --dry-run or --yes, not both");
    }
    if (dead_choice_is_open(&drop.run.choice)) {
        return ctl_usage_error(&ctl_dead_drop, "wants to be told which; --all means all of them");
    }
    drop.run.output = ctl_output_make(words.json, pool);
    status = (int)dead_run_begin(&drop.run, config, words.rest[0], pool);
    return status == CTL_FINE ? go(&drop, words.yes, pool) : (ctl_status_t)status;
}

const ctl_verb_t ctl_dead_drop = {
    .name = "dead drop",
    .words = "customer/alias {--all | option ...} {--dry-run | --yes}",
    .summary = "end dead letters for good",
    .help =
        "Drops dead letters, their history and their stored messages: they do not come back.\n"
        "Without --yes it says how many, and drops none. Options choose; where several are given,\n"
        "all hold:\n",
    .options = options,
    .examples = "  crm360ctl dead drop acme/prod --older 30d --dry-run\n"
                "  crm360ctl dead drop acme/prod --older 30d --route Adictiz --yes\n",
    .run = run_drop,
};
