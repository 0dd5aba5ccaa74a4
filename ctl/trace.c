/*
 * crm360ctl trace: what has become of a message, from its coming on, in the order of time: what its
 * head says, its history in Redis, its mail copy and its elements, the spool of this host, and what
 * the CRM database remembers. Each of these may be out of reach, which is said. Changes nothing.
 */
#include <apr_strings.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mail_copy.h"
#include "core/message_element.h"
#include "core/queue_find.h"
#include "core/queue_view.h"
#include "core/spool.h"
#include "crm/past.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/trace.h"

static const ctl_option_t options[] = {CTL_OPTION_JSON, {NULL, NULL, NULL}};

/* ---- where it is ---- */

static void note_redis_fault(ctl_trace_t *trace, const char *detail, apr_status_t rv)
{
    char text[200];

    trace->redis_fault =
        *detail ? detail : apr_pstrdup(trace->pool, crm360_status_text(rv, text, sizeof(text)));
}

/* In Redis: itself, its mail copy, or an element. 0 = in no database that was asked. */
static int find_in_redis(ctl_trace_t *trace, const ctl_places_t *places)
{
    const char *tries[] = {trace->id, crm360_mail_id(trace->id, trace->pool),
                           crm360_element_id(trace->id, 1, trace->pool)};
    int *has = apr_pcalloc(trace->pool, ((apr_size_t)places->count + 1) * sizeof(*has));
    const char *detail = NULL;
    apr_status_t rv;
    int i, t;

    for (t = 0; t < 3; t++) {
        rv = crm360_queue_find(has, &detail, places->queue, places->keys, places->count, tries[t],
                               trace->pool);
        if (rv != APR_SUCCESS) {
            note_redis_fault(trace, detail, rv);
            return 0;
        }
        for (i = 0; i < places->count; i++) {
            if (has[i] > 0) {
                trace->redis_fault = NULL; /* of another node */
                ctl_places_get(&trace->place, places, i);
                return 1;
            }
            if (has[i] < 0) {
                note_redis_fault(trace, detail, CRM360_EAWAY);
            }
        }
    }
    return 0;
}

static int find_in_spool(ctl_trace_t *trace, const ctl_places_t *places)
{
    const crm360_spool_place_t *folder = crm360_config_spool(places->config);
    const char *name = apr_pstrcat(trace->pool, trace->id, ".msg", NULL);
    crm360_spool_t *spool;
    int i;

    if (!folder || strchr(trace->id, '/')) {
        return 0;
    }
    spool = crm360_spool_make(folder, NULL, trace->pool);
    if (crm360_spool_read(&trace->spooled, spool, name, trace->pool) != APR_SUCCESS) {
        return 0;
    }
    trace->is_spooled = 1;
    for (i = 0; i < places->count; i++) {
        if (strcmp(places->databases[i]->customer, trace->spooled.push.customer) == 0 &&
            strcmp(places->databases[i]->alias, trace->spooled.push.database) == 0) {
            ctl_places_get(&trace->place, places, i);
            return 1;
        }
    }
    return 0;
}

/* Opens the database of a place. NULL when it is out of reach: that is noted. */
static crm_db_t *open_database(ctl_trace_t *trace, const crm360_database_t *database,
                               apr_pool_t *pool)
{
    const char *why = "";
    crm_db_t *db;

    if (crm_db_open(&db, &why, database, pool) != APR_SUCCESS) {
        trace->database_fault =
            apr_pstrcat(trace->pool, database->customer, "/", database->alias, ": ", why, NULL);
        return NULL;
    }
    return db;
}

/* A question to an open database has failed. */
static void note_fault(ctl_trace_t *trace, const char *name, const crm_db_t *db)
{
    trace->database_fault = apr_pstrcat(trace->pool, name, ": ", crm_db_error(db), NULL);
}

/* One that is done may be in any of them. */
static int find_in_databases(ctl_trace_t *trace, const ctl_places_t *places)
{
    const char *ids[] = {trace->id, crm360_mail_id(trace->id, trace->pool),
                         crm360_element_id(trace->id, 1, trace->pool)};
    crm_past_t *pasts;
    apr_pool_t *pool;
    crm_db_t *db;
    int i, j, found = 0;

    for (i = 0; i < places->count && !found; i++) {
        apr_pool_create(&pool, trace->pool);
        apr_pool_tag(pool, "crm360ctl_trace");
        db = open_database(trace, places->databases[i], pool);
        if (db && crm_past_find(&pasts, db, ids, 3, pool) != APR_SUCCESS) {
            note_fault(trace, places->keys[i]->name, db);
        }
        else if (db) {
            for (j = 0; j < 3; j++) {
                found |= pasts[j].processed || pasts[j].kind;
            }
        }
        if (found) {
            ctl_places_get(&trace->place, places, i);
        }
        apr_pool_destroy(pool);
    }
    return found;
}

static int find(ctl_trace_t *trace, const ctl_places_t *places)
{
    int in_redis = find_in_redis(trace, places);
    int in_spool = find_in_spool(trace, places);

    if (in_redis || in_spool) {
        return 1;
    }
    if (find_in_databases(trace, places)) {
        trace->database_fault = NULL; /* of another one */
        return 1;
    }
    return 0;
}

/* ---- what is known of it ---- */

/* Sets the states of messages in Redis, when it is there. */
static void view(ctl_trace_t *trace, ctl_trace_one_t *ones, const char *const *ids, int count)
{
    crm360_view_t *views;
    char text[200];
    apr_status_t rv;
    int i;

    if (trace->redis_fault) {
        return;
    }
    rv = crm360_queue_view(&views, &trace->now, trace->place.queue, trace->place.keys, ids, count,
                           trace->pool);
    if (rv != APR_SUCCESS) {
        trace->redis_fault = apr_pstrdup(trace->pool, crm360_status_text(rv, text, sizeof(text)));
        return;
    }
    for (i = 0; i < count; i++) {
        ones[i].view = &views[i];
    }
}

static void remember(ctl_trace_t *trace, ctl_trace_one_t *ones, crm_db_t *db,
                     const char *const *ids, int count)
{
    crm_past_t *pasts;
    int i;

    if (!db) {
        return;
    }
    if (crm_past_find(&pasts, db, ids, count, trace->pool) != APR_SUCCESS) {
        note_fault(trace, trace->place.name, db);
        return;
    }
    for (i = 0; i < count; i++) {
        ones[i].past = &pasts[i];
    }
}

int ctl_trace_is_known(const ctl_trace_one_t *one)
{
    return (one->view && one->view->state != CRM360_STATE_GONE) ||
           (one->past && (one->past->processed || one->past->kind));
}

/* Looks at some messages. */
static void look(ctl_trace_t *trace, ctl_trace_one_t *ones, crm_db_t *db, const char *const *ids,
                 int count)
{
    int i;

    for (i = 0; i < count; i++) {
        ones[i].id = ids[i];
    }
    view(trace, ones, ids, count);
    remember(trace, ones, db, ids, count);
}

/* The elements, until there are some in a row of which nobody knows. */
static void look_at_elements(ctl_trace_t *trace, crm_db_t *db)
{
    int first, i, found = 1;

    trace->elements = apr_array_make(trace->pool, 16, sizeof(ctl_trace_one_t));
    for (first = 1; found && first <= CTL_TRACE_ELEMENTS; first += CTL_TRACE_AT_ONCE) {
        const char *ids[CTL_TRACE_AT_ONCE];
        ctl_trace_one_t ones[CTL_TRACE_AT_ONCE];

        memset(ones, 0, sizeof(ones));
        for (i = 0; i < CTL_TRACE_AT_ONCE; i++) {
            ids[i] = crm360_element_id(trace->id, first + i, trace->pool);
        }
        look(trace, ones, db, ids, CTL_TRACE_AT_ONCE);
        found = 0;
        for (i = 0; i < CTL_TRACE_AT_ONCE; i++) {
            if (ctl_trace_is_known(&ones[i])) {
                APR_ARRAY_PUSH(trace->elements, ctl_trace_one_t) = ones[i];
                found = 1;
            }
        }
    }
}

/* The head of the stored message, of which there are more bytes than a head has. */
static void read_head(ctl_trace_t *trace)
{
    const char *data, *end;
    apr_size_t len;

    if (trace->is_spooled) {
        trace->head = trace->spooled.push.message;
        len = trace->spooled.push.message_len;
    }
    else if (!trace->redis_fault &&
             crm360_queue_read(&data, &len, trace->place.queue, trace->place.keys,
                               trace->self.view && trace->self.view->bytes ? trace->id
                                                                           : trace->mail.id,
                               0, CTL_TRACE_HEAD, trace->pool) == APR_SUCCESS &&
             len > 0) {
        trace->head = data;
    }
    if (trace->head) {
        trace->head =
            apr_pstrmemdup(trace->pool, trace->head, len < CTL_TRACE_HEAD ? len : CTL_TRACE_HEAD);
        end = strstr(trace->head, "\r\n\r\n");
        trace->head =
            end ? apr_pstrmemdup(trace->pool, trace->head, (apr_size_t)(end - trace->head))
                : trace->head;
    }
}

static ctl_status_t run_trace(const crm360_config_t *config, int count, const char *const *text,
                              apr_pool_t *pool)
{
    ctl_trace_t trace = {.pool = pool};
    const char *const *ids;
    ctl_places_t places;
    ctl_words_t words;
    crm_db_t *db;
    int id_count, status = ctl_options_read(&words, &ctl_trace, NULL, NULL, count, text, pool);

    if (status >= 0) {
        return (ctl_status_t)status;
    }
    status =
        (int)ctl_places_of_words(&places, &ids, &id_count, config, words.count, words.rest, pool);
    if (status != CTL_FINE) {
        return (ctl_status_t)status;
    }
    if (id_count != 1) {
        return ctl_usage_error(&ctl_trace, "wants one message id");
    }
    trace.id = crm360_id_is_mail(ids[0]) ? crm360_mail_source(ids[0], pool) : ids[0];
    if (!find(&trace, &places)) {
        fprintf(stderr, "crm360ctl: of %s nothing is known%s%s%s%s\n", ctl_plain(ids[0], pool),
                trace.redis_fault ? "; Redis could not be asked: " : "",
                trace.redis_fault ? trace.redis_fault : "",
                trace.database_fault ? "; a database could not be asked: " : "",
                trace.database_fault ? ctl_plain(trace.database_fault, pool) : "");
        return trace.redis_fault || trace.database_fault ? CTL_AWAY : CTL_FAILED;
    }
    db = open_database(&trace, trace.place.database, pool);
    look(&trace, &trace.self, db, &trace.id, 1);
    trace.mail.id = crm360_mail_id(trace.id, pool);
    look(&trace, &trace.mail, db, &trace.mail.id, 1);
    look_at_elements(&trace, db);
    read_head(&trace);
    ctl_trace_show(&trace, ctl_output_make(words.json, pool));
    return CTL_FINE;
}

const ctl_verb_t ctl_trace = {
    .name = "trace",
    .words = "[customer/alias] ID [option ...]",
    .summary = "show all that has become of a message, in the order of time",
    .help =
        "Prints when a message came and from whom, each failed attempt, crash and redrive (the\n"
        "last 20), who holds it, what became of its mail copy and of the elements of a batch\n"
        "(the first 1000), when it had its effect in the CRM database, and what was sent. Also\n"
        "for a message that is done, as long as Crm360InboxKeep says. What cannot be asked,\n"
        "Redis or the database, is said and left out.\n",
    .options = options,
    .examples = "  crm360ctl trace 01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Order-Insert\n"
                "  crm360ctl trace acme/prod ID --json | jq -r '.events[] | .at + \" \" + .what'\n",
    .run = run_trace};
