/*
 * Crm360/Sms/Send: an SMS to one number. Whatever is not transactional needs the consent of
 * whoever has the number. Must never send to a number that it has to guess, nor send what would be
 * cut.
 */
#include "handlers/crm360_sms.h"

#include <apr_strings.h>

#include <string.h>

#include "crm/consent.h"
#include "handlers/command.h"
#include "handlers/field.h"
#include "handlers/place.h"
#include "handlers/report.h"
#include "outbound/phone.h"
#include "outbound/sms.h"

#define NUMBER "MobilePhoneNumber"
#define COUNTRY "MobilePhoneCountryIso3"
#define SENDER "Sender"
#define MESSAGE "Message"
#define CHANNEL "Crm360EventChannelId"
#define CATEGORY "Crm360EventCategoryId"

/* Of a state that a refusal tells: more than a delivery of the same moment. */
#define RANK_OF_REFUSAL 3

typedef struct job_t {
    outbound_sms_t sms;
    outbound_length_t length;
    int channel_id; /* the event's; as the body says */
    int category_id;
} job_t;

/* ---- the body ---- */

/* The number as E.164, NULL with *reason. */
static const char *read_number(const char **reason, const handler_command_t *command)
{
    const char *country = handler_command_text(command, COUNTRY);
    outbound_phone_t phone;

    if (outbound_phone_parse(&phone, handler_command_text(command, NUMBER), country) !=
        APR_SUCCESS) {
        *reason = NUMBER " is no number that can be dialled in the country that " COUNTRY " names";
        return NULL;
    }
    if (country && !phone.is_prefixed && !outbound_phone_knows(country)) {
        *reason = COUNTRY " names no country whose numbers this version knows; expected an "
                          "ISO 3166-1 alpha-3 code, or a number that begins with + and its "
                          "country's code";
        return NULL;
    }
    if (phone.kind == OUTBOUND_PHONE_FIXED) {
        *reason = NUMBER " is a fixed line; expected a mobile number";
        return NULL;
    }
    return apr_pstrdup(command->pool, phone.e164);
}

/* A text as phones show it: what controls something else would cost twice the price for a blank. */
static const char *read_message(const handler_command_t *command)
{
    const char *key = crm360_command_key(command->body, MESSAGE), *text = NULL;
    char *tab;

    handler_field_block(&text, command->body, key ? key : MESSAGE, command->pool);
    /* From one to the next: a text of nothing else may have ten million. */
    for (tab = text ? strchr(text, '\t') : NULL; tab; tab = strchr(tab, '\t')) {
        *tab = ' ';
    }
    return text;
}

/* Fills the job, whose id is set. NULL, or why it cannot be sent. */
static const char *read_job(job_t *job, const handler_command_t *command,
                            const crm360_provider_t *provider)
{
    const char *reason = NULL, *fault;

    job->sms.number = read_number(&reason, command);
    if (!job->sms.number) {
        return reason;
    }
    job->sms.text = read_message(command);
    if (!job->sms.text) {
        return MESSAGE " is missing or empty; it must be a text";
    }
    outbound_sms_length(&job->length, job->sms.text);
    if (job->length.segments > OUTBOUND_SEGMENTS_MOST) {
        return apr_psprintf(
            command->pool, MESSAGE " has %d segments (%s, %d units); at most %d are sent",
            job->length.segments, job->length.encoding, job->length.units, OUTBOUND_SEGMENTS_MOST);
    }
    job->sms.sender = handler_command_text(command, SENDER);
    fault = job->sms.sender ? outbound_sms_sender_fault(provider, job->sms.sender) : NULL;
    if (fault) {
        return apr_pstrcat(command->pool, SENDER " must be ", fault, NULL);
    }
    job->channel_id = handler_command_id(command, CHANNEL);
    job->category_id = handler_command_id(command, CATEGORY);
    job->sms.is_marketing = job->category_id != CRM_CATEGORY_TRANSACTIONAL;
    return NULL;
}

/* ---- before the call ---- */

static const char *detail_of(const job_t *job, const crm360_provider_t *provider, apr_pool_t *pool)
{
    json_object *detail = handler_report_detail(pool);
    const char *sender = job->sms.sender ? job->sms.sender : provider ? provider->sender : NULL;

    json_object_object_add(detail, "encoding", json_object_new_string(job->length.encoding));
    json_object_object_add(detail, "units", json_object_new_int(job->length.units));
    json_object_object_add(detail, "segments", json_object_new_int(job->length.segments));
    handler_report_add(detail, "sender", sender);
    return handler_report_detail_text(detail, pool);
}

static void call(outbound_result_t *result, const handler_send_t *send, outbound_t *outbound,
                 apr_pool_t *pool)
{
    const job_t *job = send->job;

    outbound_sms_send(result, outbound, send->provider, &job->sms, pool);
}

static apr_status_t reject(handler_result_t *result, const char *reason)
{
    result->verdict = HANDLER_REJECT;
    result->reason = reason;
    return APR_SUCCESS;
}

static const char *no_consent(const job_t *job, const crm360_message_t *message, apr_pool_t *pool)
{
    const char *where = message->brand_id
                            ? apr_psprintf(pool, "an address of BrandId %d", message->brand_id)
                            : "an address";

    return apr_pstrcat(pool, "consent is missing: " CATEGORY " is ",
                       job->category_id ? "not 1 (transactional)" : "missing", ", and no one has ",
                       where,
                       " with this number whose MobilePhoneOptin is 1 and whose MobilePhoneStateId "
                       "is not 2 (invalid)",
                       NULL);
}

static apr_status_t prepare(handler_result_t *result, handler_send_t **send,
                            const crm360_message_t *message, const handler_context_t *context,
                            apr_pool_t *pool)
{
    const crm360_provider_t *provider = context->database->providers[CRM360_SENDS_SMS];
    job_t *job = apr_pcalloc(pool, sizeof(*job));
    handler_command_t command;
    crm_consent_t consent;
    const char *reason;
    apr_status_t rv;

    if (!handler_command_read(&command, &reason, message, context->database, pool)) {
        return reject(result, reason);
    }
    job->sms.id = message->id;
    reason = read_job(job, &command, provider);
    if (reason) {
        return reject(result, reason);
    }
    rv = crm_consent_phone(&consent, context->db, job->sms.number, message->brand_id, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (job->sms.is_marketing && !consent.is_given) {
        return reject(result, no_consent(job, message, pool));
    }
    *send = apr_pcalloc(pool, sizeof(**send));
    (*send)->record.recipient = job->sms.number;
    (*send)->record.contact_id = consent.contact_id;
    (*send)->record.detail = detail_of(job, provider, pool);
    (*send)->call = call;
    (*send)->job = job;
    return APR_SUCCESS;
}

/* ---- after it ---- */

/* What is the same for all events of the message. */
static void begin_event(crm_event_t *event, const handler_send_t *send,
                        const crm360_message_t *message)
{
    memset(event, 0, sizeof(*event));
    event->source_id = message->source_id;
    event->message_id = message->id;
    event->identifier = message->id;
    event->channel = CRM_CHANNEL_SMS;
    event->at_ms = apr_time_now() / 1000;
    event->contact_id = send->record.contact_id;
    event->address_kind = CRM_POINT_PHONE;
    event->address = send->record.recipient;
}

static apr_status_t finish(handler_result_t *result, const handler_send_t *send,
                           const outbound_result_t *outcome, const crm360_message_t *message,
                           const handler_context_t *context, apr_pool_t *pool)
{
    const job_t *job = send->job;
    crm_event_t event;
    crm_place_t place;
    apr_status_t rv = handler_place(&place, message, context, pool);

    (void)result;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    begin_event(&event, send, message);
    event.kind = "sms.sent";
    event.channel = job->channel_id ? (crm_channel_t)job->channel_id : CRM_CHANNEL_SMS;
    event.category = (crm_category_t)job->category_id;
    event.reference = outcome->reference;
    event.detail = send->record.detail;
    rv = crm_event_add(NULL, context->db, &event, pool);
    if (rv == APR_SUCCESS && outcome->reference) {
        rv = crm_send_adopt_reports(context->db, message->id, CRM_CHANNEL_SMS, outcome->reference,
                                    pool);
    }
    return rv;
}

/* The gateway says something of the number itself: as if it had reported it. */
static apr_status_t refused(handler_result_t *result, const handler_send_t *send,
                            const outbound_result_t *outcome, const crm360_message_t *message,
                            const handler_context_t *context, apr_pool_t *pool)
{
    json_object *detail = handler_report_detail(pool);
    handler_report_t report = {.rank = RANK_OF_REFUSAL};

    (void)result;
    if (outcome->says == OUTBOUND_SAYS_NOTHING) {
        return APR_SUCCESS;
    }
    handler_report_add(detail, "provider", send->record.provider);
    handler_report_add(detail, "code", outcome->code);
    begin_event(&report.event, send, message);
    report.event.identifier = apr_pstrcat(pool, message->id, ":refused", NULL);
    report.event.detail = handler_report_detail_text(detail, pool);
    if (outcome->says == OUTBOUND_SAYS_UNSUBSCRIBED) {
        report.event.kind = "sms.stop";
        report.event.category = CRM_CATEGORY_CONSENT;
        report.withdraws = 1;
    }
    else {
        report.event.kind = "sms.failed";
        report.event.category = CRM_CATEGORY_DELIVERY_REPORT;
        report.state = CRM_PHONE_INVALID;
    }
    return handler_report_save(&report, message, context, pool);
}

static int serves(const crm360_route_t *route)
{
    return strcmp(route->entity, "Sms") == 0;
}

const handler_t handler_crm360_sms = {
    .platform = "Crm360",
    .serves = serves,
    .sends = CRM360_SENDS_SMS,
    .prepare = prepare,
    .finish = finish,
    .refused = refused,
};
