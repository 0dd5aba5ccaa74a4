/*
 * Primotexto's callback: delivery, STOP and replies come to one URL. Its body is not documented;
 * this reads what its users report (event, snapshotId, contact.identifier, replyMessage) and the
 * likely other names, as JSON, form or query string. Must never take a word it does not know for
 * news about a number.
 */
#include "handlers/primotexto.h"

#include <apr_strings.h>

#include <string.h>
#include <strings.h>

#include "core/digest.h"
#include "core/log.h"
#include "handlers/body.h"
#include "handlers/field.h"
#include "handlers/sms.h"

/* ---- words ---- */

#define REPLY "reply"

/* What an event says of the number; of two of one second the failure counts. */
typedef struct word_t {
    const char *word;
    const char *kind;
    crm_category_t category;
    crm_phone_state_t state; /* 0 = nothing */
    int rank;
    int withdraws;
} word_t;

static const word_t words[] = {
    {"submitted", "sms.submitted", CRM_CATEGORY_DELIVERY_REPORT, 0, 0, 0},
    {"sent", "sms.sent", CRM_CATEGORY_DELIVERY_REPORT, 0, 0, 0},
    {"delivered", "sms.delivered", CRM_CATEGORY_DELIVERY_REPORT, CRM_PHONE_VALID, 1, 0},
    /* The number is not in service. */
    {"bounced", "sms.failed", CRM_CATEGORY_DELIVERY_REPORT, CRM_PHONE_INVALID, 2, 0},
    {"error", "sms.error", CRM_CATEGORY_DELIVERY_REPORT, 0, 0, 0},
    {"opened", "sms.open", CRM_CATEGORY_REACTION, 0, 0, 0},
    {"unsubscribed", "sms.stop", CRM_CATEGORY_CONSENT, 0, 0, 1},
    {REPLY, "sms.reply", CRM_CATEGORY_REACTION, 0, 0, 0},
};

static const word_t stop = {REPLY, "sms.stop", CRM_CATEGORY_CONSENT, 0, 0, 1};
static const word_t unknown = {NULL, "sms.other", CRM_CATEGORY_OTHER, 0, 0, 0};

/* The row of a word. A reply that begins with STOP is one that withdraws. */
static const word_t *find_word(const char *word, const char *text)
{
    size_t i;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(words[i].word, word) == 0) {
            return strcmp(words[i].word, REPLY) == 0 && handler_sms_says_stop(text, 1) ? &stop
                                                                                       : &words[i];
        }
    }
    return &unknown;
}

/* ---- members ---- */

/* The first present of the names of each. */
static const char *const event_names[] = {"event", "state", "status", "type", NULL};
static const char *const reference_names[] = {"snapshotId", "id", "messageId", NULL};
static const char *const number_names[] = {
    "contact.identifier", "identifier", "number", "phone", "from", NULL};
static const char *const text_names[] = {"replyMessage", "message", "text", NULL};
static const char *const date_names[] = {"stateDate", "date", "timestamp", NULL};

static const char *first_of(json_object *object, const char *const *names, apr_pool_t *pool)
{
    const char *text;

    handler_field_any(&text, object, names, pool);
    return text;
}

/* The event's own date; 0 when there is none that can be read. */
static int read_date(apr_int64_t *ms, json_object *object, apr_pool_t *pool)
{
    int i;

    for (i = 0; date_names[i]; i++) {
        if (handler_field_time(ms, object, date_names[i], pool) == HANDLER_FIELD_VALUE) {
            return 1;
        }
    }
    return 0;
}

/* ---- one event ---- */

typedef struct sms_t {
    const char *word; /* as it came */
    const char *reference;
    const char *number; /* as it came */
    const char *text;   /* of a reply */
    apr_pool_t *pool;
} sms_t;

static const char *detail_of(const sms_t *sms)
{
    json_object *detail = handler_report_detail(sms->pool);

    handler_report_add(detail, "event", sms->word);
    handler_report_add(detail, "snapshotId", sms->reference);
    handler_report_add(detail, "message", sms->text);
    return handler_report_detail_text(detail, sms->pool);
}

/* What makes it one event: its word, message and number, and the text of a reply, of which a
 * message may get several. An event that belongs to no message is told apart by its date, or else
 * by the webhook that brought it. */
static const char *identifier_of(const sms_t *sms, const handler_report_t *report, int is_dated,
                                 int element, const crm360_message_t *message)
{
    const char *text = sms->text ? sms->text : "";
    struct iovec piece = {.iov_base = (void *)text, .iov_len = strlen(text)};
    const char *reference = sms->reference;

    if (!reference && is_dated) {
        reference = apr_psprintf(sms->pool, "at %" APR_INT64_T_FMT, report->event.at_ms);
    }
    if (!reference) {
        reference = apr_psprintf(sms->pool, "in %s %d", message->id, element);
    }
    return apr_pstrcat(sms->pool, "primotexto:", sms->word, ":", reference, ":",
                       report->event.address ? report->event.address
                       : sms->number         ? sms->number
                                             : "",
                       sms->text ? ":" : "", sms->text ? crm360_digest(&piece, 1, sms->pool) : "",
                       NULL);
}

/* NULL, or what a report needs and this one lacks. */
static const char *what_lacks(const sms_t *sms, const word_t *row)
{
    if (!sms->word) {
        return "the event has no name: expected submitted, sent, delivered, bounced, unsubscribed, "
               "error, opened or reply in event, state, status or type";
    }
    if (!sms->number && row->withdraws) {
        return "the number that sent STOP is missing: expected it in contact.identifier, "
               "identifier, number, phone or from";
    }
    if (!sms->number && !sms->reference) {
        return "neither message nor number: expected an id in snapshotId, id or messageId, and a "
               "number in contact.identifier, identifier, number, phone or from";
    }
    return NULL;
}

/* A handler_report_read_t. */
static const char *read_event(handler_report_t *report, json_object *object, int number,
                              const crm360_message_t *message, apr_pool_t *pool)
{
    sms_t sms = {.word = first_of(object, event_names, pool),
                 .reference = first_of(object, reference_names, pool),
                 .number = first_of(object, number_names, pool),
                 .pool = pool};
    const word_t *row;
    const char *why;
    int is_dated;

    sms.text = first_of(object, text_names, pool);
    /* Somebody has written, and nothing else is said. */
    sms.word = !sms.word && sms.text ? REPLY : sms.word;
    row = sms.word ? find_word(sms.word, sms.text) : NULL;
    why = what_lacks(&sms, row);
    if (why) {
        return why;
    }
    is_dated = read_date(&report->event.at_ms, object, pool);
    if (!is_dated) {
        report->event.at_ms = message->received / 1000;
    }
    report->event.kind = row->kind;
    report->event.category = row->category;
    report->state = (int)row->state;
    report->rank = row->rank;
    report->withdraws = row->withdraws;
    handler_sms_address(report, sms.number, 0, pool);
    report->event.reference = sms.reference;
    report->event.detail = detail_of(&sms);
    report->event.identifier = identifier_of(&sms, report, is_dated, number, message);
    if (row == &unknown) {
        crm360_log(CRM360_LOG_INFO, APR_SUCCESS,
                   "%s: an event of an unknown name is kept as sms.other, without effect",
                   message->id);
    }
    return NULL;
}

/* ---- the handler ---- */

static int serves(const crm360_route_t *route)
{
    return strcmp(route->entity, "Sms") == 0;
}

static apr_status_t deliver(handler_result_t *result, const crm360_message_t *message,
                            const handler_context_t *context, apr_pool_t *pool)
{
    apr_array_header_t *events;

    if (!handler_report_events(&events, &result->reason, message,
                               HANDLER_BODY_JSON | HANDLER_BODY_FORM | HANDLER_BODY_QUERY, pool)) {
        result->verdict = HANDLER_REJECT;
        return APR_SUCCESS;
    }
    return handler_report_each(result, events, read_event, message, context, pool);
}

const handler_t handler_primotexto = {
    .platform = "Primotexto",
    .serves = serves,
    .deliver = deliver,
};
