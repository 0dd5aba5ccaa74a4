/*
 * Reports of providers to events, states and consents (see report.h). Doing one twice is harmless:
 * the event has its identifier, the rest its version. Must never log or quote an address.
 */
#include "handlers/report.h"

#include <apr_strings.h>

#include <string.h>

#include "core/log.h"
#include "handlers/body.h"
#include "handlers/place.h"

/* How many bytes of a text stay, of at most `most`: not a part of a character, whose later bytes
 * are 10xxxxxx. */
static size_t cut(const char *text, size_t most)
{
    size_t len = strlen(text);

    if (len > most) {
        for (len = most; len > 0 && (text[len] & 0xC0) == 0x80; len--) {
        }
    }
    return len;
}

/* ---- one report ---- */

/* The state of all brands, then the consent of the URI's own: a brand that is only the section's
 * default must not narrow a withdrawal. */
static apr_status_t tell(const handler_report_t *report, const crm360_message_t *message,
                         const handler_context_t *context, apr_pool_t *pool)
{
    const crm_event_t *event = &report->event;
    size_t len = strlen(event->identifier);
    crm_point_news_t state = {.state = report->state};
    crm_point_news_t consent = {.says_optin = report->withdraws};
    apr_status_t rv;

    /* The rank stands where the time of sending does: it decides when dates are equal. */
    consent.version =
        crm_version_make(event->at_ms, (apr_int64_t)report->rank, event->identifier, len, pool);
    state.version = report->lasts ? crm_version_lasting(event->at_ms, event->identifier, len, pool)
                                  : consent.version;
    rv = crm_point_tell(context->db, event->address_kind, event->address, 0, &state, pool);
    if (rv == APR_SUCCESS) {
        rv = crm_point_tell(context->db, event->address_kind, event->address, message->brand_id,
                            &consent, pool);
    }
    return rv;
}

/* Looks for the message of ours that the report is about. */
static apr_status_t find_send(handler_report_t *report, crm_db_t *db, apr_pool_t *pool)
{
    crm_event_t *event = &report->event;
    const char *kind =
        crm360_sends_name(event->channel == CRM_CHANNEL_SMS ? CRM360_SENDS_SMS : CRM360_SENDS_MAIL);
    const char *recipient = NULL;
    apr_status_t rv = APR_SUCCESS;
    int contact_id = 0;

    if (report->sent_id) {
        rv = crm_send_by_message(&contact_id, &recipient, db, kind, report->sent_id, pool);
    }
    if (rv == APR_SUCCESS && !recipient && event->reference) {
        rv = crm_send_by_reference(&contact_id, &recipient, db, kind, event->reference, pool);
    }
    if (contact_id) {
        event->contact_id = contact_id;
    }
    if (!event->address && recipient) {
        event->address = recipient;
    }
    return rv;
}

static void say_unreadable(const handler_report_t *report)
{
    if (report->withdraws) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0516) "%s: the number that sent STOP cannot be read; nobody's "
                                      "consent is withdrawn",
                   report->event.message_id);
    }
    else {
        crm360_log(CRM360_LOG_DEBUG, APR_SUCCESS,
                   "%s: the number cannot be read; the event has none", report->event.message_id);
    }
}

apr_status_t handler_report_save(handler_report_t *report, const crm360_message_t *message,
                                 const handler_context_t *context, apr_pool_t *pool)
{
    apr_status_t rv;

    report->event.source_id = message->source_id;
    report->event.message_id = message->id;
    if (report->event.reference) {
        report->event.reference = apr_pstrmemdup(
            pool, report->event.reference, cut(report->event.reference, HANDLER_REPORT_REFERENCE));
    }
    rv = find_send(report, context->db, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (report->is_unreadable && !report->event.address) {
        say_unreadable(report);
    }
    rv = crm_event_add(NULL, context->db, &report->event, pool);
    return rv == APR_SUCCESS && report->event.address ? tell(report, message, context, pool) : rv;
}

/* ---- the reports of a message ---- */

/* The elements of an array, NULL for what is no object. Returns how many objects there are. */
static int read_elements(apr_array_header_t *events, json_object *array)
{
    size_t i, count = json_object_array_length(array);
    int objects = 0;

    for (i = 0; i < count; i++) {
        json_object *element = json_object_array_get_idx(array, i);
        int is_object = json_object_is_type(element, json_type_object);

        objects += is_object;
        APR_ARRAY_PUSH(events, json_object *) = is_object ? element : NULL;
    }
    return objects;
}

int handler_report_events(apr_array_header_t **events, const char **reason,
                          const crm360_message_t *message, int sources, apr_pool_t *pool)
{
    const char *other;
    json_object *value;

    if (handler_body_events(events, reason, message, sources, pool)) {
        return 1;
    }
    if (!(sources & HANDLER_BODY_JSON) || !handler_body_json(&value, &other, message, pool) ||
        !json_object_is_type(value, json_type_array)) {
        return 0;
    }
    *events = apr_array_make(pool, 8, sizeof(json_object *));
    return read_elements(*events, value) > 0;
}

/* Reads and saves one. *why is NULL when it could be read. */
static apr_status_t do_one(const char **why, const apr_array_header_t *events, int i,
                           handler_report_read_t *read, const crm360_message_t *message,
                           const handler_context_t *context, apr_pool_t *pool)
{
    json_object *object = APR_ARRAY_IDX(events, i, json_object *);
    handler_report_t report;

    memset(&report, 0, sizeof(report));
    *why = object ? read(&report, object, i + 1, message, pool) : "expected an object";
    return *why ? APR_SUCCESS : handler_report_save(&report, message, context, pool);
}

apr_status_t handler_report_each(handler_result_t *result, const apr_array_header_t *events,
                                 handler_report_read_t *read, const crm360_message_t *message,
                                 const handler_context_t *context, apr_pool_t *pool)
{
    const char *why, *first = NULL;
    int i, left_out = 0, first_at = 0;
    crm_place_t place;
    apr_status_t rv = handler_place(&place, message, context, pool);
    apr_pool_t *own;

    apr_pool_create(&own, pool);
    apr_pool_tag(own, "crm360_report");
    for (i = 0; i < events->nelts && rv == APR_SUCCESS; i++) {
        rv = do_one(&why, events, i, read, message, context, own);
        if (why && !left_out++) {
            first = apr_pstrdup(pool, why);
            first_at = i + 1;
        }
        apr_pool_clear(own);
    }
    apr_pool_destroy(own);
    if (rv != APR_SUCCESS || !left_out) {
        return rv;
    }
    if (left_out == events->nelts) {
        result->verdict = HANDLER_REJECT;
        result->reason = events->nelts == 1
                             ? first
                             : apr_psprintf(pool, "no event can be read; number 1: %s", first);
        return APR_SUCCESS;
    }
    crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
               CRM360_LOGNO(0515) "%s: %d of %d events cannot be read and are left out, the others "
                                  "are done; number %d: %s",
               message->id, left_out, events->nelts, first_at, first);
    return APR_SUCCESS;
}

/* ---- Detail ---- */

static apr_status_t put_object(void *object)
{
    json_object_put(object);
    return APR_SUCCESS;
}

json_object *handler_report_detail(apr_pool_t *pool)
{
    json_object *detail = json_object_new_object();

    apr_pool_cleanup_register(pool, detail, put_object, apr_pool_cleanup_null);
    return detail;
}

void handler_report_add(json_object *detail, const char *name, const char *text)
{
    if (text) {
        json_object_object_add(
            detail, name, json_object_new_string_len(text, (int)cut(text, HANDLER_REPORT_TEXT)));
    }
}

const char *handler_report_detail_text(json_object *detail, apr_pool_t *pool)
{
    if (json_object_object_length(detail) == 0) {
        return NULL;
    }
    return apr_pstrdup(pool, json_object_to_json_string_ext(
                                 detail, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}
