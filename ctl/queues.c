/* crm360ctl queues: the numbers of each lane, and who holds what. Changes nothing, and costs Redis
 * the same whatever waits. */
#include <apr_strings.h>

#include "core/queue_status.h"
#include "ctl/options.h"
#include "ctl/output.h"

static const ctl_option_t options[] = {
    {"holders", NULL, "show who holds messages instead"},
    CTL_OPTION_JSON,
    {NULL, NULL, NULL},
};

static const ctl_column_t lane_columns[] = {
    {"database", "DATABASE", CTL_TEXT, 0},      {"lane", "LANE", CTL_TEXT, 0},
    {"waiting", "WAITING", CTL_NUMBER, 0},      {"due", "DUE", CTL_NUMBER, 0},
    {"leased", "LEASED", CTL_NUMBER, 0},        {"paused", "PAUSED", CTL_NUMBER, 0},
    {"oldestDueAt", "OLDEST DUE", CTL_TIME, 0}, {"nextAt", "NEXT", CTL_TIME, 2},
};

static const ctl_column_t holder_columns[] = {
    {"database", "DATABASE", CTL_TEXT, 0},
    {"worker", "WORKER", CTL_TEXT, 1},
    {"messages", "MESSAGES", CTL_NUMBER, 0},
    {"since", "SINCE", CTL_TIME, 0},
};

#define COLUMNS(table) ((int)(sizeof(table) / sizeof((table)[0])))

static const char *take(void *baton, int which, const char *value, apr_pool_t *pool)
{
    (void)which;
    (void)value;
    (void)pool;
    *(int *)baton = 1;
    return NULL;
}

static void show_lanes(ctl_output_t *output, const ctl_places_t *places,
                       const crm360_status_t *statuses)
{
    ctl_table_t *table = ctl_table_begin(output, NULL, lane_columns, COLUMNS(lane_columns));
    int i, lane;

    for (i = 0; i < places->count; i++) {
        for (lane = 0; lane < CRM360_LANES; lane++) {
            const crm360_lane_status_t *status = &statuses[i].lanes[lane];
            int seen = status->messages >= 0;

            ctl_cell_text(table, places->keys[i]->name);
            ctl_cell_text(table, crm360_lane_name((crm360_lane_t)lane));
            ctl_cell_number(table, seen ? status->waiting : -1);
            ctl_cell_number(table, seen ? status->due : -1);
            ctl_cell_number(table, seen ? status->leased : -1);
            ctl_cell_number(table, seen ? status->paused : -1);
            ctl_cell_time(table, status->oldest_due);
            ctl_cell_time(table, status->next);
            ctl_row_end(table);
        }
    }
    ctl_table_end(table);
}

static void show_holders(ctl_output_t *output, const ctl_places_t *places,
                         const crm360_status_t *statuses)
{
    ctl_table_t *table = ctl_table_begin(output, NULL, holder_columns, COLUMNS(holder_columns));
    int i, at;

    for (i = 0; i < places->count; i++) {
        for (at = 0; at < statuses[i].holders->nelts; at++) {
            const crm360_holder_t *holder =
                &APR_ARRAY_IDX(statuses[i].holders, at, crm360_holder_t);

            ctl_cell_text(table, places->keys[i]->name);
            ctl_cell_text(table, holder->worker);
            ctl_cell_number(table, holder->messages);
            ctl_cell_time(table, holder->since);
            ctl_row_end(table);
        }
    }
    ctl_table_end(table);
}

static ctl_status_t run_queues(const crm360_config_t *config, int count, const char *const *text,
                               apr_pool_t *pool)
{
    crm360_status_t *statuses;
    ctl_places_t places;
    ctl_output_t *output;
    ctl_words_t words;
    const char *detail = "";
    apr_time_t now;
    apr_status_t rv;
    int status, holders = 0;

    status = ctl_options_read(&words, &ctl_queues, take, &holders, count, text, pool);
    if (status >= 0) {
        return (ctl_status_t)status;
    }
    status = (int)ctl_places_make(&places, config, words.count, words.rest, pool);
    if (status != CTL_FINE) {
        return (ctl_status_t)status;
    }
    statuses = apr_pcalloc(pool, ((apr_size_t)places.count + 1) * sizeof(*statuses));
    rv =
        crm360_queue_status(statuses, &now, &detail, places.queue, places.keys, places.count, pool);
    if (rv != APR_SUCCESS) {
        return ctl_redis_failed(&places, detail, rv, pool);
    }
    output = ctl_output_make(words.json, pool);
    ctl_output_now(output, now);
    if (holders) {
        show_holders(output, &places, statuses);
    }
    else {
        show_lanes(output, &places, statuses);
    }
    return ctl_places_away(&places, statuses, detail, pool);
}

const ctl_verb_t ctl_queues = {
    .name = "queues",
    .words = "[customer/alias ...]",
    .summary = "show the numbers of each lane",
    .help =
        "Shows what waits, is due, leased and paused in each lane of all databases, or of these:\n"
        "one row a lane. -1 stands where Redis has a key of another type, or where the node of a\n"
        "cluster does not answer.\n",
    .options = options,
    .examples = "  crm360ctl queues acme/prod\n"
                "  crm360ctl queues --holders\n"
                "  crm360ctl queues --json | jq 'select(.due > 1000)'\n",
    .run = run_queues,
};
