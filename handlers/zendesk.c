/*
 * Zendesk: tickets as cases. The body is a template that the customer keeps in Zendesk; how it is
 * read, broken or not, is zendesk_template.c. It has no date: the signed time of the request stands
 * for it (https://developer.zendesk.com/documentation/webhooks/verifying/). Doing a message twice
 * is harmless: everything is guarded by that time. Must never append comments: each message has all
 * of them.
 */
#include "handlers/zendesk.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "core/log.h"
#include "crm/date.h"
#include "crm/person.h"
#include "handlers/field.h"
#include "handlers/people.h"
#include "handlers/place.h"
#include "handlers/zendesk_template.h"

typedef struct ticket_t {
    const crm360_message_t *message;
    const handler_context_t *context;
    apr_pool_t *pool;
    crm_place_t place;
    json_object *body;   /* as handler_zendesk_template() gives it */
    apr_int64_t at_ms;   /* when it was signed, else when it came */
    const char *version; /* of what it says */
    const char *guess;   /* of what any other news wins over; among guesses the newest counts */
    crm_case_t told;
} ticket_t;

static int serves(const crm360_route_t *route)
{
    return strcmp(route->entity, "Ticket") == 0 && strcmp(route->action, "Update") == 0;
}

static void read_date(ticket_t *ticket)
{
    const crm360_message_t *message = ticket->message;
    const char *text = crm360_message_header(message, "X-Zendesk-Webhook-Signature-Timestamp");

    if (!text || crm_date_parse(&ticket->at_ms, text) != APR_SUCCESS) {
        ticket->at_ms = message->received / 1000;
    }
    ticket->version =
        crm_version_make(ticket->at_ms, 0, message->body, message->body_len, ticket->pool);
    ticket->guess =
        crm_version_make(0, ticket->at_ms, message->body, message->body_len, ticket->pool);
}

/* ---- the case ---- */

/* A placeholder without text says nothing: Zendesk leaves some empty when a ticket is made, and
 * misspelt ones always. */
static void say_text(ticket_t *ticket, crm_case_group_t group, const char *name)
{
    const char *text;

    if (handler_field_text(&text, ticket->body, name, ticket->pool) == HANDLER_FIELD_VALUE) {
        crm_news_say(&ticket->told.news[group], ticket->version, text);
    }
}

static void say_comments(ticket_t *ticket)
{
    const char *text;

    if (handler_field_block(&text, ticket->body, "comments", ticket->pool) == HANDLER_FIELD_VALUE) {
        crm_news_say(&ticket->told.news[CRM_CASE_DESCRIPTION], ticket->version, text);
    }
}

static void say_state(ticket_t *ticket)
{
    crm_news_t *news = &ticket->told.news[CRM_CASE_STATE];
    crm_case_state_t state;
    const char *text;

    if (handler_field_text(&text, ticket->body, "status", ticket->pool) != HANDLER_FIELD_VALUE) {
        return;
    }
    state = handler_zendesk_state(text);
    if (!state) {
        crm360_log(CRM360_LOG_INFO, APR_SUCCESS,
                   "%s: the status is none of Zendesk's own; kept as CaseStateText, without a"
                   " CaseStateId",
                   ticket->message->id);
    }
    crm_news_say(news, ticket->version, state ? apr_itoa(ticket->pool, (int)state) : NULL);
    news->values[1] = text;
    if (state == CRM_CASE_SOLVED || state == CRM_CASE_CLOSED) {
        news->values[2] = crm_date_text(ticket->at_ms, ticket->pool);
    }
}

/* "-" is what a ticket without a type shows. */
static apr_status_t say_category(ticket_t *ticket)
{
    crm_news_t *news = &ticket->told.news[CRM_CASE_CATEGORY];
    const char *text, *type;
    handler_field_t field = handler_field_text(&text, ticket->body, "type", ticket->pool);
    apr_status_t rv;
    int id;

    if (field == HANDLER_FIELD_ABSENT || (text && strlen(text) > CRM_IDENTIFIER_MOST)) {
        return APR_SUCCESS;
    }
    if (field == HANDLER_FIELD_NULL || strcmp(text, "-") == 0) {
        crm_news_say(news, ticket->version, NULL);
        return APR_SUCCESS;
    }
    type = handler_zendesk_type(text);
    rv = crm_case_category(&id, ticket->context->db, ticket->place.source_id, type ? type : text,
                           ticket->pool);
    crm_news_say_id(news, ticket->version, id, ticket->pool);
    return rv;
}

/* ---- the requester ---- */

static int has_digit(const char *text)
{
    return text && strpbrk(text, "0123456789") != NULL;
}

/* Zendesk names those it knows no name of by the mail address ("Lea.marchand") or the number
 * ("Caller +33 6 ..."): a name of one word is only a guess, one with digits none. */
static void say_names(crm_person_t *person, const ticket_t *ticket, json_object *requester)
{
    const char *first, *last;
    const char *version;

    handler_field_text(&first, requester, "first_name", ticket->pool);
    handler_field_text(&last, requester, "last_name", ticket->pool);
    if (has_digit(first) || has_digit(last)) {
        return;
    }
    version = first && last ? ticket->version : ticket->guess;
    if (first) {
        crm_news_say(&person->contact[CRM_CONTACT_FIRST_NAME], version, first);
    }
    if (last) {
        crm_news_say(&person->contact[CRM_CONTACT_LAST_NAME], version, last);
    }
}

/* Who asks: known by mail address, else by mobile number, else by the number of a fixed line.
 * *contact_id stays 0 when there is none of them. */
static apr_status_t save_requester(int *contact_id, const ticket_t *ticket)
{
    crm_person_t person = {.source_id = 0};
    json_object *requester;
    const char *email, *phone;

    if (handler_field_object(&requester, ticket->body, "requester") != HANDLER_FIELD_VALUE) {
        return APR_SUCCESS;
    }
    handler_field_text(&email, requester, "email", ticket->pool);
    handler_field_text(&phone, requester, "phone", ticket->pool);
    handler_place_person(&person, &ticket->place, ticket->version, ticket->pool);
    say_names(&person, ticket, requester);
    handler_people_email(&person, ticket->version, email);
    phone = handler_people_phone(&person, ticket->version, phone, NULL, ticket->pool) ==
                    HANDLER_PEOPLE_HOME
                ? person.address[CRM_ADDRESS_HOME_PHONE].values[0]
                : NULL;
    if (!crm_person_identify(&person, ticket->pool)) {
        if (!phone) {
            return APR_SUCCESS;
        }
        person.identifier = apr_pstrcat(ticket->pool, "phone:", phone, NULL);
    }
    return crm_person_save(contact_id, ticket->context->db, &person, ticket->pool);
}

/* ---- the whole ---- */

static apr_status_t save(ticket_t *ticket)
{
    crm_news_t *news = ticket->told.news;
    int contact_id = 0;
    apr_status_t rv = save_requester(&contact_id, ticket);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    crm_news_say_id(&news[CRM_CASE_CONTACT], ticket->version, contact_id, ticket->pool);
    crm_news_say(&news[CRM_CASE_OPENED], crm_version_earliest(ticket->at_ms, ticket->pool),
                 crm_date_text(ticket->at_ms, ticket->pool));
    say_text(ticket, CRM_CASE_TITLE, "title");
    say_text(ticket, CRM_CASE_CHANNEL, "via");
    say_text(ticket, CRM_CASE_LINK, "link");
    say_comments(ticket);
    say_state(ticket);
    rv = say_category(ticket);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return crm_case_save(NULL, ticket->context->db, &ticket->told, ticket->pool);
}

static apr_status_t deliver(handler_result_t *result, const crm360_message_t *message,
                            const handler_context_t *context, apr_pool_t *pool)
{
    ticket_t ticket = {.message = message, .context = context, .pool = pool};
    apr_status_t rv;
    int repaired;

    if (!handler_zendesk_template(&ticket.body, &repaired, &result->reason, message, pool)) {
        result->verdict = HANDLER_REJECT;
        return APR_SUCCESS;
    }
    if (handler_field_id(&ticket.told.identifier, ticket.body, "id", pool) != HANDLER_FIELD_VALUE) {
        result->verdict = HANDLER_REJECT;
        result->reason = "the ticket's id is too long: expected at most " APR_STRINGIFY(
            CRM_IDENTIFIER_MOST) " digits in the member id";
        return APR_SUCCESS;
    }
    if (repaired) {
        crm360_log(CRM360_LOG_DEBUG, APR_SUCCESS, "%s: no JSON; read by the template's keys",
                   message->id);
    }
    read_date(&ticket);
    rv = handler_place(&ticket.place, message, context, pool);
    ticket.told.source_id = ticket.place.source_id;
    return rv == APR_SUCCESS ? save(&ticket) : rv;
}

const handler_t handler_zendesk = {
    .platform = "Zendesk",
    .serves = serves,
    .deliver = deliver,
};
