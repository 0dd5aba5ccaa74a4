/*
 * Smsbox (https://docs.smsbox.dev/sms): delivery reports, and what people answer. Both come by GET
 * in the query string, or as a form. Must never let a report that is not final (accuse -1, 9)
 * change a number's state, nor take an ordinary answer for a STOP.
 */
#include "handlers/smsbox.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>
#include <strings.h>

#include "handlers/body.h"
#include "handlers/field.h"
#include "handlers/sms.h"
#include "outbound/smsbox.h"

#define OWN_NAMES_MOST 20  /* parameters of the sender (cvar) that are kept */
#define OWN_VALUE_MOST 200 /* bytes of one of them */

static const char *text_of(json_object *object, const char *name, apr_pool_t *pool)
{
    const char *text;

    handler_field_text(&text, object, name, pool);
    return text;
}

/* The time of a report: ts, Unix time; else that of its arrival. */
static void read_time(handler_report_t *report, json_object *object,
                      const crm360_message_t *message, apr_pool_t *pool)
{
    if (handler_field_time(&report->event.at_ms, object, "ts", pool) != HANDLER_FIELD_VALUE) {
        report->event.at_ms = message->received / 1000;
    }
}

/* ---- delivery reports ---- */

/* What `accuse` says. Rank: of two reports of one second the worse counts. */
typedef struct accuse_t {
    int code;
    const char *kind;
    const char *means;
    int is_final;            /* no other report about the message will follow */
    crm_phone_state_t state; /* 0 = says nothing of the number */
    int rank;
} accuse_t;

static const accuse_t accuses[] = {
    {-3, "sms.refunded", "refunded", 1, 0, 0},
    {-1, "sms.unknown", "unknown", 0, 0, 0},
    {0, "sms.delivered", "received by the phone", 1, CRM_PHONE_VALID, 1},
    {1, "sms.failed", "failure", 1, 0, 0},
    {2, "sms.failed", "rejected by the operator", 1, 0, 0},
    {3, "sms.failed", "number inactive", 1, CRM_PHONE_SUSPECT, 2},
    {4, "sms.failed", "no answer from the phone", 1, 0, 0},
    {5, "sms.failed", "reception error", 1, 0, 0},
    {6, "sms.failed", "phone memory full", 1, 0, 0},
    {7, "sms.failed", "number unknown", 1, CRM_PHONE_INVALID, 3},
    {8, "sms.failed", "not routable", 1, CRM_PHONE_INVALID, 3},
    {9, "sms.pending", "handed over, waiting", 0, 0, 0},
    {10, "sms.sent", "sent, no receipt will come", 1, 0, 0},
    {30, "sms.voice", "call running", 0, 0, 0},
    {31, "sms.voice", "call: hung up", 1, 0, 0},
    {32, "sms.voice", "call accepted", 0, 0, 0},
    {33, "sms.voice", "call: listened", 1, 0, 0},
    {34, "sms.voice", "call: confirmed", 1, 0, 0},
    {35, "sms.voice", "call refused", 1, 0, 0},
    {36, "sms.voice", "call not picked up", 1, 0, 0},
    {37, "sms.voice", "call: no answer", 1, 0, 0},
    {38, "sms.voice", "call: no tone", 1, 0, 0},
    {39, "sms.voice", "call: will be tried again", 0, 0, 0},
};

/* The row of a code that is in the table; any other is kept without effect. */
static const accuse_t *find_accuse(int code)
{
    static const accuse_t other = {0, "sms.other", "not known to this version", 0, 0, 0};
    size_t i;

    for (i = 0; i < sizeof(accuses) / sizeof(accuses[0]); i++) {
        if (accuses[i].code == code) {
            return &accuses[i];
        }
    }
    return &other;
}

/* A whole number of at most four digits, maybe below zero. */
static int read_code(int *code, const char *text)
{
    const char *digits = text + (*text == '-' || *text == '+');
    size_t count = strspn(digits, "0123456789");
    size_t i;

    *code = 0;
    if (count == 0 || count > 4 || digits[count] != '\0') {
        return 0;
    }
    for (i = 0; i < count; i++) {
        *code = *code * 10 + (digits[i] - '0');
    }
    *code = *text == '-' ? -*code : *code;
    return 1;
}

/* The pairs that the sender gave as cvar: what is none of Smsbox' names. */
static void add_own(json_object *detail, json_object *object, apr_pool_t *pool)
{
    static const char *const known[] = {"numero", "reference", "accuse", "ts"};
    json_object *own = NULL;
    int count = 0;
    size_t i;

    json_object_object_foreach(object, name, value)
    {
        const char *text = text_of(object, name, pool);

        (void)value;
        for (i = 0; i < sizeof(known) / sizeof(known[0]) && strcmp(known[i], name) != 0; i++) {
        }
        if (i < sizeof(known) / sizeof(known[0]) || !text || strlen(name) > OWN_VALUE_MOST ||
            strlen(text) > OWN_VALUE_MOST || ++count > OWN_NAMES_MOST) {
            continue;
        }
        own = own ? own : json_object_new_object();
        handler_report_add(own, name, text);
    }
    if (own) {
        json_object_object_add(detail, "cvar", own);
    }
}

static const char *report_detail(const accuse_t *row, int code, json_object *object,
                                 apr_pool_t *pool)
{
    json_object *detail = handler_report_detail(pool);

    json_object_object_add(detail, "accuse", json_object_new_int(code));
    handler_report_add(detail, "means", row->means);
    json_object_object_add(detail, "final", json_object_new_boolean(row->is_final));
    add_own(detail, object, pool);
    return handler_report_detail_text(detail, pool);
}

/* A handler_report_read_t. */
static const char *read_report(handler_report_t *report, json_object *object, int number,
                               const crm360_message_t *message, apr_pool_t *pool)
{
    const char *numero = text_of(object, "numero", pool);
    const char *reference = text_of(object, "reference", pool);
    const char *accuse = text_of(object, "accuse", pool);
    const accuse_t *row;
    int code;

    (void)number;
    if (!numero) {
        return "the parameter numero is missing: expected the phone number, 33612345678";
    }
    if (!reference) {
        return "the parameter reference is missing: expected the id returned at sending";
    }
    if (!accuse || !read_code(&code, accuse)) {
        return "the parameter accuse is missing or no code: expected a whole number, 0 for "
               "received";
    }
    row = find_accuse(code);
    read_time(report, object, message, pool);
    report->event.kind = row->kind;
    report->event.category = CRM_CATEGORY_DELIVERY_REPORT;
    report->state = (int)row->state;
    report->rank = row->rank;
    handler_sms_address(report, numero, 1, pool);
    report->event.reference = reference;
    report->sent_id = text_of(object, OUTBOUND_SMSBOX_ID, pool);
    report->event.detail = report_detail(row, code, object, pool);
    report->event.identifier =
        apr_psprintf(pool, "smsbox:report:%d:%s:%s", code, reference, numero);
    return NULL;
}

/* ---- what people answer ---- */

/* The first word decides, in either parameter; without any word the route does: it is that of
 * STOP. */
static int is_stop(const char *keyword, const char *text)
{
    return (!keyword && !text) || handler_sms_says_stop(keyword, 0) ||
           handler_sms_says_stop(text, 0);
}

static const char *answer_detail(const char *text, json_object *object, apr_pool_t *pool)
{
    static const char *const names[] = {"keyword", "modem", "reference"};
    json_object *detail = handler_report_detail(pool);
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        handler_report_add(detail, names[i], text_of(object, names[i], pool));
    }
    handler_report_add(detail, "message", text);
    return handler_report_detail_text(detail, pool);
}

/* A handler_report_read_t. */
static const char *read_answer(handler_report_t *report, json_object *object, int number,
                               const crm360_message_t *message, apr_pool_t *pool)
{
    const char *numero = text_of(object, "numero", pool);
    const char *reference = text_of(object, "reference", pool);
    const char *text;
    int stops;

    (void)number;
    if (!numero) {
        return "the parameter numero is missing: expected the number of the sender, 33612345678";
    }
    handler_field_block(&text, object, "message", pool);
    stops = is_stop(text_of(object, "keyword", pool), text);
    read_time(report, object, message, pool);
    report->event.kind = stops ? "sms.stop" : "sms.reply";
    report->event.category = stops ? CRM_CATEGORY_CONSENT : CRM_CATEGORY_REACTION;
    report->withdraws = stops;
    handler_sms_address(report, numero, 1, pool);
    report->event.reference = text_of(object, "link_reference", pool);
    report->event.detail = answer_detail(text, object, pool);
    /* Without the id of the answer its time tells it apart. */
    if (!reference) {
        reference = apr_psprintf(pool, "at %" APR_INT64_T_FMT, report->event.at_ms);
    }
    report->event.identifier = apr_pstrcat(pool, "smsbox:answer:", reference, ":", numero, NULL);
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
    int is_report = strcmp(message->route->action, "Callback") == 0;
    apr_array_header_t *events;

    if (!handler_body_events(&events, &result->reason, message,
                             HANDLER_BODY_FORM | HANDLER_BODY_QUERY, pool)) {
        result->verdict = HANDLER_REJECT;
        return APR_SUCCESS;
    }
    return handler_report_each(result, events, is_report ? read_report : read_answer, message,
                               context, pool);
}

const handler_t handler_smsbox = {
    .platform = "Smsbox",
    .serves = serves,
    .deliver = deliver,
};
