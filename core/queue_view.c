/* One message as an operator sees it. Must never change anything. */
#include "core/queue_view.h"

#include <apr_strings.h>

#include <string.h>

#include "core/json.h"
#include "core/queue_private.h"

/* What is asked once, and what about each message. */
enum { NOW, PAUSED, CLAIMS, FAILURES, ONCE };
enum { DIED = CRM360_LANES, STORED, EACH };

const char *crm360_state_name(crm360_state_t state)
{
    static const char *const names[CRM360_STATES] = {"gone",   "waiting", "due", "leased",
                                                     "paused", "dead",    "lost"};

    return names[state];
}

static queue_pipeline_t *ask(const crm360_keys_t *keys, const char *const *ids, int count,
                             apr_pool_t *pool)
{
    queue_pipeline_t *all = queue_pipeline_make(ONCE + count * EACH, 3, pool);
    crm360_command_t *claims = &all->commands[CLAIMS];
    crm360_command_t *failures = &all->commands[FAILURES];
    int i, what;

    crm360_command_add(&all->commands[NOW], "TIME");
    crm360_command_add(&all->commands[PAUSED], "SMEMBERS");
    crm360_command_add(&all->commands[PAUSED], keys->paused);
    *claims = *crm360_command_make(2 + count, pool);
    crm360_command_add(claims, "HMGET");
    crm360_command_add(claims, keys->claims);
    *failures = *crm360_command_make(2 + count, pool);
    crm360_command_add(failures, "HMGET");
    crm360_command_add(failures, keys->failures);
    for (i = 0; i < count; i++) {
        crm360_command_t *each = all->commands + ONCE + i * EACH;

        crm360_command_add(claims, ids[i]);
        crm360_command_add(failures, ids[i]);
        for (what = 0; what <= DIED; what++) {
            crm360_command_add(&each[what], "ZSCORE");
            crm360_command_add(&each[what], what == DIED ? keys->dead : keys->lane[what]);
            crm360_command_add(&each[what], ids[i]);
        }
        crm360_command_add(&each[STORED], "STRLEN");
        crm360_command_add(&each[STORED], crm360_keys_message(keys, ids[i], pool));
    }
    return all;
}

/* Entry `i` of a reply; a nil where there is none. */
static const crm360_reply_t *item(const crm360_reply_t *reply, int i)
{
    static const crm360_reply_t nothing = {.type = CRM360_REPLY_NIL};

    return reply->type == CRM360_REPLY_ARRAY && (apr_size_t)i < reply->count ? &reply->items[i]
                                                                             : &nothing;
}

static int is_paused(const crm360_reply_t *paused, const crm360_view_t *view)
{
    const crm360_route_t *route = crm360_id_route(view->id);
    apr_size_t i;

    for (i = 0; paused->type == CRM360_REPLY_ARRAY && i < paused->count; i++) {
        const char *what = paused->items[i].text;

        if (strcmp(what, crm360_lane_name(view->lane)) == 0 ||
            (route && (strcmp(what, route->name) == 0 || strcmp(what, route->platform) == 0))) {
            return 1;
        }
    }
    return 0;
}

/* Its place in a lane decides; then whether it is dead, or stored at all. */
static void read_state(crm360_view_t *view, crm360_reply_t *const *replies,
                       const crm360_reply_t *paused, apr_int64_t now_ms, int claimed)
{
    int lane;

    for (lane = 0; lane < CRM360_LANES; lane++) {
        apr_int64_t score = queue_read_score(replies[lane]);

        if (replies[lane]->type != CRM360_REPLY_STRING) {
            continue;
        }
        view->lane = (crm360_lane_t)lane;
        if (score >= QUEUE_PARKED_MS) {
            view->state = CRM360_STATE_PAUSED;
            score -= score < QUEUE_NEVER_MS ? QUEUE_PARKED_MS : score;
        }
        else if (score > now_ms) {
            view->state = claimed ? CRM360_STATE_LEASED : CRM360_STATE_WAITING;
        }
        else {
            view->state = is_paused(paused, view) ? CRM360_STATE_PAUSED : CRM360_STATE_DUE;
        }
        view->at = apr_time_from_msec(score);
        return;
    }
    if (replies[DIED]->type == CRM360_REPLY_STRING) {
        view->state = CRM360_STATE_DEAD;
        view->lane = view->failure.lane;
        view->at = apr_time_from_msec(queue_read_score(replies[DIED]));
    }
    else {
        view->state = view->bytes > 0 ? CRM360_STATE_LOST : CRM360_STATE_GONE;
    }
}

/* Fills events from the record of failures. */
static void read_events(crm360_view_t *view, apr_pool_t *pool)
{
    json_object *record, *errors, *value;
    crm360_event_t *events;
    const char *why;
    int count, i;

    if (!view->failure.json ||
        crm360_json_parse(&record, &why, view->failure.json, view->failure.json_len, pool) !=
            APR_SUCCESS ||
        !json_object_object_get_ex(record, "errors", &errors) ||
        !json_object_is_type(errors, json_type_array)) {
        return;
    }
    count = (int)json_object_array_length(errors);
    view->events = events = apr_pcalloc(pool, ((apr_size_t)count + 1) * sizeof *events);
    for (i = 0; i < count; i++) {
        json_object *error = json_object_array_get_idx(errors, (size_t)i);
        crm360_event_t *event = &events[view->event_count];

        if (!json_object_is_type(error, json_type_object)) {
            continue;
        }
        event->reason = json_object_object_get_ex(error, "reason", &value) &&
                                json_object_is_type(value, json_type_string)
                            ? apr_pstrdup(pool, json_object_get_string(value))
                            : "";
        if (json_object_object_get_ex(error, "at", &value)) {
            apr_int64_t ms = json_object_get_int64(value);

            event->at = ms > 0 && ms < QUEUE_PARKED_MS ? apr_time_from_msec(ms) : 0;
        }
        view->event_count++;
    }
}

apr_status_t crm360_queue_view(crm360_view_t **views, apr_time_t *now, crm360_queue_t *queue,
                               const crm360_keys_t *keys, const char *const *ids, int count,
                               apr_pool_t *pool)
{
    queue_pipeline_t *all = ask(keys, ids, count, pool);
    crm360_view_t *made = apr_pcalloc(pool, ((apr_size_t)count + 1) * sizeof *made);
    const char *detail;
    apr_int64_t now_ms = 0;
    apr_status_t rv = queue_pipeline_look(&detail, queue, all, pool);
    int i;

    *views = made;
    if (rv == APR_SUCCESS && !queue_read_time(&now_ms, all->replies[NOW])) {
        rv = CRM360_EPROTOCOL;
    }
    *now = apr_time_from_msec(now_ms);
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        crm360_reply_t *const *replies = all->replies + ONCE + i * EACH;
        crm360_view_t *view = &made[i];
        queue_claim_note_t note;
        int claimed = queue_read_claim(&note, item(all->replies[CLAIMS], i), pool);

        view->id = ids[i];
        view->bytes = replies[STORED]->type == CRM360_REPLY_NUMBER ? replies[STORED]->number : 0;
        queue_read_failure(&view->failure, ids[i], item(all->replies[FAILURES], i), pool);
        view->lane = view->failure.lane;
        read_events(view, pool);
        read_state(view, replies, all->replies[PAUSED], now_ms, claimed);
        if (view->state == CRM360_STATE_LEASED) {
            view->worker = note.worker;
            view->since = apr_time_from_msec(note.since_ms);
            view->due = apr_time_from_msec(note.due_ms);
        }
    }
    return rv;
}
