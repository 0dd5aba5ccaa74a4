/* crm360ctl dead list: which dead letters there are, and what they died of. Changes nothing. */
#include "ctl/dead.h"

#include <stdio.h>

static const ctl_option_t options[] = {DEAD_CHOICE, CTL_OPTION_JSON, {NULL, NULL, NULL}};

static const ctl_column_t columns[] = {
    {"id", "ID", CTL_TEXT, 0},
    {"diedAt", "DIED", CTL_TIME, 2},
    {"attempts", "ATTEMPTS", CTL_NUMBER, 3},
    {"reason", "LAST ERROR", CTL_TEXT, 1},
};

static const char *take(void *baton, int which, const char *value, apr_pool_t *pool)
{
    return dead_choice_take(baton, which, value, pool);
}

/* Implements dead_work_t; the baton is the table. */
static apr_status_t show(dead_run_t *run, int *removed, const dead_letter_t *letters, int count,
                         apr_pool_t *pool)
{
    ctl_table_t *table = run->baton;
    int i;

    (void)removed;
    (void)pool;
    for (i = 0; i < count; i++) {
        ctl_cell_text(table, letters[i].entry->id);
        ctl_cell_time(table, letters[i].entry->at);
        ctl_cell_number(table, letters[i].failure->attempts);
        ctl_cell_text(table, letters[i].failure->reason);
        ctl_row_end(table);
    }
    return ctl_output_ended() ? APR_EOF : APR_SUCCESS;
}

static ctl_status_t run_list(const crm360_config_t *config, int count, const char *const *text,
                             apr_pool_t *pool)
{
    dead_run_t run = {.choice = DEAD_ANY, .work = show};
    ctl_words_t words;
    apr_status_t rv;
    int status, missing;

    status = ctl_options_read(&words, &ctl_dead_list, take, &run.choice, count, text, pool);
    if (status >= 0) {
        return (ctl_status_t)status;
    }
    if (words.count != 1) {
        return ctl_usage_error(&ctl_dead_list, "wants one customer/alias");
    }
    run.output = ctl_output_make(words.json, pool);
    status = (int)dead_run_begin(&run, config, words.rest[0], pool);
    if (status != CTL_FINE) {
        return (ctl_status_t)status;
    }
    run.baton = ctl_table_begin(run.output, NULL, columns, sizeof(columns) / sizeof(columns[0]));
    rv = dead_run_all(&run, pool);
    ctl_table_end(run.baton);
    if (APR_STATUS_IS_EOF(rv)) {
        return CTL_FINE; /* main() says why nothing can be printed */
    }
    if (rv != APR_SUCCESS) {
        return ctl_failed(&run.place, NULL, rv);
    }
    missing = dead_run_missing(&run, pool);
    fprintf(stderr, "%s: %" APR_INT64_T_FMT " of %" APR_INT64_T_FMT " dead letters\n",
            run.place.name, run.chosen, run.looked_at);
    return missing ? CTL_FAILED : CTL_FINE;
}

const ctl_verb_t ctl_dead_list = {
    .name = "dead list",
    .words = "customer/alias [option ...]",
    .summary = "show dead letters, and what they died of",
    .help = "Prints dead letters, oldest first: id, when it died, failed attempts and the last\n"
            "error. Options choose; where several are given, all hold:\n",
    .options = options,
    .examples = "  crm360ctl dead list acme/prod --younger 1d --reason 'timed out'\n"
                "  crm360ctl dead list acme/prod --json | jq -r .reason | sort | uniq -c\n",
    .run = run_list,
};
