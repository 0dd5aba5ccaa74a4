/*
 * Reads what the scripts write down as JSON: who holds a message, and what it failed of. What
 * cannot be read counts as not there: somebody else may have written it.
 */
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/queue_private.h"

static int json_count(json_object *record, const char *name)
{
    json_object *value;

    return json_object_object_get_ex(record, name, &value) ? json_object_get_int(value) : 0;
}

static const char *json_text(json_object *record, const char *name, apr_pool_t *pool)
{
    json_object *value;

    return json_object_object_get_ex(record, name, &value) &&
                   json_object_is_type(value, json_type_string)
               ? apr_pstrdup(pool, json_object_get_string(value))
               : "";
}

void queue_read_failure(crm360_failure_t *failure, const char *id, const crm360_reply_t *reply,
                        apr_pool_t *pool)
{
    json_object *record, *errors;
    const char *why, *lane;
    int i;

    memset(failure, 0, sizeof *failure);
    failure->reason = "";
    failure->lane = crm360_id_lane(id);
    if (reply->type != CRM360_REPLY_STRING ||
        crm360_json_parse(&record, &why, reply->text, reply->len, pool) != APR_SUCCESS ||
        !json_object_is_type(record, json_type_object)) {
        return;
    }
    failure->json = reply->text;
    failure->json_len = reply->len;
    failure->attempts = json_count(record, "attempts");
    failure->crashes = json_count(record, "crashes");
    failure->expiries = json_count(record, "expiries");
    lane = json_text(record, "lane", pool);
    for (i = 0; i < CRM360_LANES; i++) {
        if (strcmp(lane, crm360_lane_name((crm360_lane_t)i)) == 0) {
            failure->lane = (crm360_lane_t)i;
        }
    }
    if (json_object_object_get_ex(record, "errors", &errors) &&
        json_object_is_type(errors, json_type_array) && json_object_array_length(errors) > 0) {
        json_object *last = json_object_array_get_idx(errors, json_object_array_length(errors) - 1);

        failure->reason =
            json_object_is_type(last, json_type_object) ? json_text(last, "reason", pool) : "";
    }
}

static apr_int64_t json_ms(json_object *record, const char *name)
{
    json_object *value;
    apr_int64_t ms = 0;

    if (json_object_object_get_ex(record, name, &value)) {
        ms = json_object_get_int64(value);
    }
    return ms > 0 && ms < QUEUE_PARKED_MS ? ms : 0;
}

int queue_read_claim(queue_claim_note_t *note, const crm360_reply_t *reply, apr_pool_t *pool)
{
    json_object *claim, *worker;
    const char *why;

    if (reply->type != CRM360_REPLY_STRING ||
        crm360_json_parse(&claim, &why, reply->text, reply->len, pool) != APR_SUCCESS ||
        !json_object_object_get_ex(claim, "worker", &worker) ||
        !json_object_is_type(worker, json_type_string)) {
        return 0;
    }
    note->worker = apr_pstrdup(pool, json_object_get_string(worker));
    note->since_ms = json_ms(claim, "since");
    note->due_ms = json_ms(claim, "due");
    return 1;
}

int queue_read_time(apr_int64_t *ms, const crm360_reply_t *reply)
{
    apr_int64_t seconds;

    if (reply->type != CRM360_REPLY_ARRAY || reply->count != 2 ||
        reply->items[0].type != CRM360_REPLY_STRING ||
        reply->items[1].type != CRM360_REPLY_STRING) {
        return 0;
    }
    seconds = apr_atoi64(reply->items[0].text);
    if (seconds < 0 || seconds > APR_INT64_MAX / APR_USEC_PER_SEC / 2) {
        return 0;
    }
    *ms = seconds * 1000 + apr_atoi64(reply->items[1].text) / 1000;
    return 1;
}

apr_int64_t queue_read_score(const crm360_reply_t *reply)
{
    double score;

    if (reply->type != CRM360_REPLY_STRING) {
        return 0;
    }
    score = strtod(reply->text, NULL);
    if (score >= (double)QUEUE_NEVER_MS) {
        return QUEUE_NEVER_MS;
    }
    return score > 0 ? (apr_int64_t)score : 0;
}
