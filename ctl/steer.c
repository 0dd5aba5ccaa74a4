/*
 * crm360ctl now, pause and resume: what a person does to messages that live. Must never touch what
 * a worker holds, nor more than was named.
 */
#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#include "core/queue_steer.h"
#include "core/queue_view.h"
#include "ctl/options.h"
#include "ctl/output.h"

#define NAMED_MOST 10 /* databases that an error lists */

/* ---- now ---- */

static const ctl_option_t now_options[] = {
    {"in", "TIME", "not now, but in this time from now on, as 10m: it is postponed"},
    CTL_OPTION_JSON,
    {NULL, NULL, NULL},
};

static const ctl_column_t now_columns[] = {
    {"id", "ID", CTL_TEXT, 0},
    {"database", "DATABASE", CTL_TEXT, 0},
    {"state", "STATE", CTL_TEXT, 0},
    {"visibleAt", "VISIBLE", CTL_TIME, 0},
};

typedef struct now_t {
    ctl_places_t places;
    apr_interval_time_t delay;
    ctl_output_t *output;
    ctl_table_t *table;
} now_t;

static const char *take_now(void *baton, int which, const char *value, apr_pool_t *pool)
{
    (void)which;
    (void)pool;
    return ctl_read_interval(&((now_t *)baton)->delay, value);
}

/* Why it was not done. */
static const char *refusal(const crm360_view_t *view, crm360_admin_result_t result,
                           apr_pool_t *pool)
{
    if (result == CRM360_ADMIN_BUSY) {
        return apr_pstrcat(pool, "is held by ", view->worker ? view->worker : "a worker",
                           ": nothing was changed", NULL);
    }
    if (view->state == CRM360_STATE_DEAD) {
        return "is a dead letter: crm360ctl dead redrive gives it another life";
    }
    return "is in no queue any more: nothing was changed";
}

/* One message; what is wrong with it keeps no other from its turn. */
static ctl_status_t one_now(now_t *now, const char *id, apr_pool_t *pool)
{
    ctl_place_t place;
    crm360_admin_result_t result = CRM360_ADMIN_GONE;
    crm360_view_t *view = NULL;
    apr_time_t at;
    apr_status_t rv;
    ctl_status_t status = ctl_places_find(&place, &now->places, id, pool);

    if (status != CTL_FINE) {
        return status;
    }
    rv = crm360_queue_visible(&result, place.queue, place.keys, &id, 1, now->delay, pool);
    if (rv == APR_SUCCESS) {
        rv = crm360_queue_view(&view, &at, place.queue, place.keys, &id, 1, pool);
    }
    if (rv != APR_SUCCESS) {
        return ctl_failed(&place, NULL, rv);
    }
    if (result != CRM360_ADMIN_DONE) {
        fprintf(stderr, "crm360ctl: %s: %s %s\n", place.name, ctl_plain(id, pool),
                ctl_plain(refusal(view, result, pool), pool));
        return CTL_FAILED;
    }
    ctl_output_now(now->output, at);
    ctl_cell_text(now->table, id);
    ctl_cell_text(now->table, place.name);
    ctl_cell_text(now->table, crm360_state_name(view->state));
    ctl_cell_time(now->table, view->at);
    ctl_row_end(now->table);
    return CTL_FINE;
}

static ctl_status_t run_now(const crm360_config_t *config, int count, const char *const *text,
                            apr_pool_t *pool)
{
    now_t now = {.delay = 0};
    ctl_status_t worst = CTL_FINE;
    ctl_words_t words;
    const char *const *ids;
    apr_pool_t *turn;
    int status, id_count, is_spread, i;

    status = ctl_options_read(&words, &ctl_now, take_now, &now, count, text, pool);
    if (status >= 0) {
        return (ctl_status_t)status;
    }
    status = (int)ctl_places_of_words(&now.places, &ids, &id_count, config, words.count, words.rest,
                                      pool);
    if (status != CTL_FINE) {
        return (ctl_status_t)status;
    }
    if (id_count == 0) {
        return ctl_usage_error(&ctl_now, "wants a message id, or several");
    }
    is_spread = crm360_queue_is_spread(now.places.queue);
    now.output = ctl_output_make(words.json, pool);
    now.table = ctl_table_begin(now.output, NULL, now_columns, 4);
    apr_pool_create(&turn, pool);
    apr_pool_tag(turn, "crm360ctl_now");
    for (i = 0; i < id_count && (worst != CTL_AWAY || is_spread); i++) {
        apr_pool_clear(turn);
        status = (int)one_now(&now, ids[i], turn);
        worst = status > (int)worst ? (ctl_status_t)status : worst;
    }
    apr_pool_destroy(turn);
    ctl_table_end(now.table);
    return worst;
}

const ctl_verb_t ctl_now = {
    .name = "now",
    .words = "[customer/alias] ID ... [--in TIME]",
    .summary = "make messages that wait visible, at once or after a time",
    .help =
        "Makes messages visible that wait for their time or for their next attempt; their history\n"
        "stays. With --in they are postponed instead. What a worker holds is left to him, and\n"
        "what is paused stays paused. Prints the state and time that each has then.\n",
    .options = now_options,
    .examples = "  crm360ctl now 01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Order-Insert\n"
                "  crm360ctl now --in 2h 01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Order-Insert\n"
                "  crm360ctl list acme/prod --route Zendesk | cut -f1 | xargs crm360ctl now\n",
    .run = run_now,
};

/* ---- pause and resume ---- */

static const ctl_option_t pause_options[] = {
    {"all", NULL, "in all databases of the configuration; wants --yes"},
    CTL_OPTION_YES,
    CTL_OPTION_JSON,
    {NULL, NULL, NULL},
};

static const ctl_column_t pause_columns[] = {
    {"database", "DATABASE", CTL_TEXT, 0},   {"what", "WHAT", CTL_TEXT, 0},
    {"paused", "PAUSED", CTL_FLAG, 0},       {"changed", "CHANGED", CTL_FLAG, 0},
    {"restored", "RESTORED", CTL_NUMBER, 0},
};

static const char *take_pause(void *baton, int which, const char *value, apr_pool_t *pool)
{
    (void)which;
    (void)value;
    (void)pool;
    *(int *)baton = 1;
    return NULL;
}

/* A few of the databases that there are. */
static const char *some_names(const ctl_places_t *places, apr_pool_t *pool)
{
    const char *names = "";
    int i;

    for (i = 0; i < places->count && i < NAMED_MOST; i++) {
        names = apr_pstrcat(pool, names, i ? ", " : "", places->keys[i]->name, NULL);
    }
    return places->count > NAMED_MOST ? apr_pstrcat(pool, names, ", ...", NULL) : names;
}

/* The databases and the lane or route that the words name. Its name and that of a database both
 * may have a slash: what is none of the one is the other. Anything but CTL_FINE has been said. */
static ctl_status_t read_pause(ctl_places_t *places, const char **what, const ctl_verb_t *verb,
                               int all, const ctl_words_t *words, const crm360_config_t *config,
                               apr_pool_t *pool)
{
    const char **names = apr_pcalloc(pool, ((apr_size_t)words->count + 1) * sizeof(*names));
    ctl_status_t status;
    int i, count = 0;

    *what = NULL;
    for (i = 0; i < words->count; i++) {
        const char *name = crm360_pause_name(words->rest[i]);

        if (name && *what) {
            return ctl_usage_error(verb, "wants one lane or route");
        }
        if (name) {
            *what = name;
        }
        else {
            names[count++] = words->rest[i];
        }
    }
    if (!*what) {
        return ctl_usage_error(verb, "wants a lane (live, batch, send), a platform (Shopify) or a "
                                     "route (Shopify/Order/Insert)");
    }
    if (all && count > 0) {
        return ctl_usage_error(verb, "wants customer/alias or --all, not both");
    }
    status = ctl_places_make(places, config, count, names, pool);
    if (status != CTL_FINE || count > 0 || all || places->count == 1) {
        return status;
    }
    return ctl_usage_error(verb, apr_pstrcat(pool, "wants to be told where (or --all): ",
                                             some_names(places, pool), NULL));
}

static apr_status_t pause_one(ctl_table_t *table, const ctl_place_t *place, int resumes,
                              const char *what, apr_pool_t *pool)
{
    apr_int64_t restored = 0;
    int changed = 0;
    apr_status_t rv =
        resumes ? crm360_queue_resume(&changed, &restored, place->queue, place->keys, what, 0, pool)
                : crm360_queue_pause(&changed, place->queue, place->keys, what, pool);

    if (rv == APR_SUCCESS) {
        ctl_cell_text(table, place->name);
        ctl_cell_text(table, what);
        ctl_cell_number(table, !resumes);
        ctl_cell_number(table, changed);
        ctl_cell_number(table, restored);
        ctl_row_end(table);
    }
    return rv;
}

/* Does it in each place. Where they are on several servers, one that is away keeps no other from
 * its turn; with a single one, none behind it would fare better. */
static ctl_status_t pause_all(ctl_table_t *table, const ctl_places_t *places, int resumes,
                              const char *what, apr_pool_t *pool)
{
    ctl_status_t worst = CTL_FINE, status;
    ctl_place_t place;
    apr_status_t rv;
    int i, rest = 0;

    for (i = 0; i < places->count && !rest; i++) {
        ctl_places_get(&place, places, i);
        rv = pause_one(table, &place, resumes, what, pool);
        if (rv == APR_SUCCESS) {
            continue;
        }
        status = ctl_failed(&place, NULL, rv);
        worst = status > worst ? status : worst;
        rest = crm360_queue_is_spread(places->queue) ? 0 : places->count - i - 1;
    }
    if (rest) {
        fprintf(stderr, "crm360ctl: %d databases behind it were not tried: run it again\n", rest);
    }
    return worst;
}

static ctl_status_t run_verb(const ctl_verb_t *verb, int resumes, const crm360_config_t *config,
                             int count, const char *const *text, apr_pool_t *pool)
{
    ctl_places_t places;
    ctl_words_t words;
    ctl_table_t *table;
    const char *what;
    int status, all = 0;

    status = ctl_options_read(&words, verb, take_pause, &all, count, text, pool);
    if (status >= 0) {
        return (ctl_status_t)status;
    }
    status = (int)read_pause(&places, &what, verb, all, &words, config, pool);
    if (status != CTL_FINE) {
        return (ctl_status_t)status;
    }
    if (all && !words.yes) {
        return ctl_refuse(verb, apr_psprintf(pool, "%s of %d databases would be %s", what,
                                             places.count, resumes ? "resumed" : "paused"));
    }
    table =
        ctl_table_begin(ctl_output_make(words.json, pool), NULL, pause_columns, resumes ? 5 : 4);
    status = (int)pause_all(table, &places, resumes, what, pool);
    ctl_table_end(table);
    return (ctl_status_t)status;
}

static ctl_status_t run_pause(const crm360_config_t *config, int count, const char *const *words,
                              apr_pool_t *pool)
{
    return run_verb(&ctl_pause, 0, config, count, words, pool);
}

static ctl_status_t run_resume(const crm360_config_t *config, int count, const char *const *words,
                               apr_pool_t *pool)
{
    return run_verb(&ctl_resume, 1, config, count, words, pool);
}

const ctl_verb_t ctl_pause = {
    .name = "pause",
    .words = "[customer/alias ... | --all --yes] LANE|ROUTE",
    .summary = "hold up a lane, a platform or a route of a database",
    .help =
        "From here on no message of the lane (live, batch, send), platform (Shopify) or route\n"
        "(Shopify/Order/Insert) is given to a worker, until it is resumed; what a worker holds is\n"
        "finished, and webhooks are taken in all the same. The database may be left out when the\n"
        "configuration has one only. Repeating it is harmless.\n",
    .options = pause_options,
    .examples = "  crm360ctl pause acme/prod send\n"
                "  crm360ctl pause acme/prod Shopify/Order/Insert\n"
                "  crm360ctl pause --all --yes batch\n",
    .run = run_pause,
};

const ctl_verb_t ctl_resume = {
    .name = "resume",
    .words = "[customer/alias ... | --all --yes] LANE|ROUTE",
    .summary = "let what was paused go on",
    .help =
        "Ends crm360ctl pause. RESTORED is how many messages had been set aside meanwhile and are\n"
        "due again. Repeating it is harmless, and ends what an interrupted call has begun.\n",
    .options = pause_options,
    .examples = "  crm360ctl resume acme/prod send\n"
                "  crm360ctl resume --all --yes batch\n",
    .run = run_resume,
};
