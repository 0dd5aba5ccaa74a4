/*
 * Tabology's members: people who are known by a UUID. A member has one name, one mail address and
 * one phone; what is null or empty was removed. Must never flag a contact as deleted: Tabology only
 * deactivates.
 */
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>
#include <strings.h>

#include "crm/date.h"
#include "crm/person.h"
#include "handlers/field.h"
#include "handlers/people.h"
#include "handlers/tabology.h"

typedef struct member_t {
    const handler_tabology_event_t *event;
    apr_pool_t *pool;
    const char *version;
    apr_int64_t at_ms;
    crm_person_t person;
} member_t;

const char *handler_tabology_member_id(int *told, json_object *object, const char *name,
                                       apr_pool_t *pool)
{
    const char *text;
    char *c;

    *told = handler_field_id(&text, object, name, pool) != HANDLER_FIELD_ABSENT;
    if (!text || strcmp(text, "0") == 0) {
        return NULL;
    }
    /* A UUID is the same in either case (RFC 9562 4). */
    for (c = apr_pstrdup(pool, text), text = c; *c; c++) {
        *c = (char)apr_tolower(*c);
    }
    return text;
}

/* "Léa Marchand": the first word is the first name, the rest the last name; "Marchand, Léa": the
 * other way round. One word alone is a first name, and says nothing of the last. */
static void say_name(member_t *member)
{
    crm_news_t *first = &member->person.contact[CRM_CONTACT_FIRST_NAME];
    crm_news_t *last = &member->person.contact[CRM_CONTACT_LAST_NAME];
    const char *text, *comma, *blank;

    switch (handler_field_text(&text, member->event->data, "name", member->pool)) {
    case HANDLER_FIELD_ABSENT:
        return;
    case HANDLER_FIELD_NULL:
        crm_news_say(first, member->version, NULL);
        crm_news_say(last, member->version, NULL);
        return;
    case HANDLER_FIELD_VALUE:
        break;
    }
    comma = strchr(text, ',');
    blank = strchr(text, ' ');
    if (comma && comma != text && comma[1 + strspn(comma + 1, " ,")]) {
        crm_news_say(last, member->version,
                     apr_pstrmemdup(member->pool, text, (apr_size_t)(comma - text)));
        crm_news_say(first, member->version, comma + 1 + strspn(comma + 1, " ,"));
    }
    else if (blank) {
        crm_news_say(first, member->version,
                     apr_pstrmemdup(member->pool, text, (apr_size_t)(blank - text)));
        crm_news_say(last, member->version, blank + strspn(blank, " "));
    }
    else {
        crm_news_say(first, member->version, text);
    }
}

static void say_points(member_t *member)
{
    crm_person_t *person = &member->person;
    crm_news_t *home = &person->address[CRM_ADDRESS_HOME_PHONE];
    crm_news_t *mobile = &person->address[CRM_ADDRESS_MOBILE_PHONE];
    const char *text;

    switch (handler_field_text(&text, member->event->data, "email", member->pool)) {
    case HANDLER_FIELD_NULL:
        crm_news_say(&person->address[CRM_ADDRESS_EMAIL], member->version, NULL);
        break;
    case HANDLER_FIELD_VALUE:
        handler_people_email(person, member->version, text);
        break;
    case HANDLER_FIELD_ABSENT:
        break;
    }
    /* There is one phone: what was the other kind of number before is gone. */
    switch (handler_field_text(&text, member->event->data, "phone", member->pool)) {
    case HANDLER_FIELD_NULL:
        crm_news_say(home, member->version, NULL);
        crm_news_say(mobile, member->version, NULL);
        break;
    case HANDLER_FIELD_VALUE:
        switch (handler_people_phone(person, member->version, text, NULL, member->pool)) {
        case HANDLER_PEOPLE_MOBILE:
            crm_news_say(home, member->version, NULL);
            break;
        case HANDLER_PEOPLE_HOME:
            crm_news_say(mobile, member->version, NULL);
            break;
        case HANDLER_PEOPLE_NO_PHONE:
            break;
        }
        break;
    case HANDLER_FIELD_ABSENT:
        break;
    }
}

static void say_birth(member_t *member)
{
    const char *text;
    handler_field_t field = handler_field_text(&text, member->event->data, "dob", member->pool);

    if (field == HANDLER_FIELD_NULL || (text && strncmp(text, "0000-00-00", 10) == 0)) {
        crm_news_say(&member->person.contact[CRM_CONTACT_BIRTH], member->version, NULL);
    }
    else if (text) {
        handler_people_birth(&member->person, member->version, text, member->at_ms, member->pool);
    }
}

/* The permission is for marketing in general and for mail; of SMS nobody was asked. */
static void say_consent(member_t *member)
{
    crm_person_t *person = &member->person;
    int given;

    if (handler_field_flag(&given, member->event->data, "marketing_permission_given") ==
        HANDLER_FIELD_VALUE) {
        crm_news_say(&person->contact[CRM_CONTACT_OPTIN], member->version, given ? "1" : "0");
        crm_news_say(&person->address[CRM_ADDRESS_EMAIL_OPTIN], member->version, given ? "1" : "0");
    }
}

apr_status_t handler_tabology_member(int *contact_id, handler_result_t *result,
                                     const handler_tabology_event_t *event, apr_pool_t *pool)
{
    member_t member = {.event = event, .pool = pool};
    int told;

    /* Without an object inside, `id` would be that of the event. */
    if (!event->type || event->data != event->whole) {
        member.person.identifier = handler_tabology_member_id(&told, event->data, "id", pool);
    }
    if (!member.person.identifier) {
        result->verdict = HANDLER_REJECT;
        result->reason = apr_psprintf(
            pool, "member %d has no id: expected a UUID in the member id of the object data",
            event->position);
        return APR_SUCCESS;
    }
    member.at_ms = event->created_ms ? event->created_ms : event->message->received / 1000;
    member.version = crm_version_make(member.at_ms, 0, event->text, strlen(event->text), pool);
    handler_place_person(&member.person, &event->place, member.version, pool);
    say_name(&member);
    say_points(&member);
    say_birth(&member);
    say_consent(&member);
    if (event->type && strcasecmp(event->type, "member.created") == 0 && event->created_ms) {
        crm_news_say(&member.person.contact[CRM_CONTACT_CREATED], member.version,
                     crm_date_text(event->created_ms, pool));
    }
    return crm_person_save(contact_id, event->context->db, &member.person, pool);
}
