/*
 * Tabology: a till system with one URL for everything
 * (https://help.tabology.com/support/solutions/articles/103000403131-configuring-webhooks): tickets
 * are purchases, members are contacts, whatever else happens is an event of the timeline. Doing a
 * message twice is harmless: rows are guarded by a version, events are known by their id. Must
 * never take the id of an event for that of a ticket.
 */
#include "handlers/tabology.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>
#include <strings.h>

#include "crm/event.h"
#include "handlers/body.h"
#include "handlers/events.h"
#include "handlers/field.h"
#include "handlers/people.h"

#define WRAPPED_MOST 4 /* objects inside of each other */

static int serves(const crm360_route_t *route)
{
    return strcmp(route->entity, "Ticket") == 0;
}

/* ---- what it is ---- */

static int begins(const char *text, const char *prefix)
{
    return text && strncasecmp(text, prefix, strlen(prefix)) == 0;
}

static int has_one(json_object *object, const char *const *names)
{
    int i;

    for (i = 0; names[i]; i++) {
        if (json_object_object_get_ex(object, names[i], NULL)) {
            return 1;
        }
    }
    return 0;
}

/* Not by what a booking has as well, such as a status. */
static int looks_like_ticket(json_object *object)
{
    static const char *const names[] = {"items",    "grand_total", "sales_tax",
                                        "tab_type", "time_opened", NULL};

    return has_one(object, names);
}

static int looks_like_member(json_object *object)
{
    static const char *const names[] = {"email", "dob", "marketing_permission_given", NULL};

    return has_one(object, names) && !looks_like_ticket(object);
}

/* An envelope has a type; its id and date are those of the event. */
static void read_envelope(handler_tabology_event_t *event, json_object *object, apr_pool_t *pool)
{
    if (!event->type &&
        handler_field_text(&event->type, object, "type", pool) == HANDLER_FIELD_VALUE) {
        handler_field_id(&event->id, object, "id", pool);
        handler_field_time(&event->created_ms, object, "created_at", pool);
    }
}

/* Looks for what the event is about in the objects inside of it. */
static void unwrap(handler_tabology_event_t *event, apr_pool_t *pool)
{
    static const char *const names[] = {"data", "ticket", "tab", "order"};
    json_object *inner = NULL;
    size_t i;
    int depth;

    event->data = event->whole;
    for (depth = 0; depth < WRAPPED_MOST; depth++) {
        read_envelope(event, event->data, pool);
        event->ticket_like = looks_like_ticket(event->data);
        for (i = 0; i < sizeof(names) / sizeof(names[0]) && !inner; i++) {
            handler_field_object(&inner, event->data, names[i]);
        }
        if (event->ticket_like || !inner) {
            return;
        }
        event->data = inner;
        inner = NULL;
    }
    event->ticket_like = looks_like_ticket(event->data);
}

/* ---- other events ---- */

static apr_status_t save_event(const handler_tabology_event_t *told, int contact_id,
                               apr_pool_t *pool)
{
    const crm360_message_t *message = told->message;
    crm_person_t person = {.source_id = 0}; /* only to read a mail address */
    const char *email;
    crm_event_t event = {.source_id = told->place.source_id,
                         .identifier = told->id,
                         .message_id = message->id,
                         .kind = handler_events_kind("tabology", told->type, pool),
                         .channel = CRM_CHANNEL_STORE,
                         .category = CRM_CATEGORY_OTHER,
                         .contact_id = contact_id,
                         .address_kind = CRM_POINT_EMAIL};

    event.at_ms = told->created_ms ? told->created_ms : message->received / 1000;
    if (!event.identifier) {
        event.identifier = crm_version_weak(told->text, strlen(told->text), pool);
    }
    if (told->data != told->whole) {
        handler_field_id(&event.reference, told->data, "id", pool);
    }
    handler_field_text(&email, told->data, "email", pool);
    if (handler_people_email(&person, "", email)) {
        event.address = email;
    }
    return crm_event_add(NULL, told->context->db, &event, pool);
}

/* ---- the whole ---- */

static apr_status_t take_member(handler_result_t *result, const handler_tabology_event_t *event,
                                apr_pool_t *pool)
{
    int contact_id = 0;
    apr_status_t rv = handler_tabology_member(&contact_id, result, event, pool);

    /* No column shows it: a member who does not use the card any more is no deleted person. */
    if (rv == APR_SUCCESS && result->verdict == HANDLER_DONE &&
        (begins(event->type, "member.activated") || begins(event->type, "member.deactivated"))) {
        rv = save_event(event, contact_id, pool);
    }
    return rv;
}

/* No event about tickets is documented: their names are a guess. */
static int is_ticket(const handler_tabology_event_t *event)
{
    return !event->type || begins(event->type, "ticket") || begins(event->type, "tab.") ||
           begins(event->type, "order") || begins(event->type, "sale") || event->ticket_like;
}

static apr_status_t take(handler_result_t *result, handler_tabology_event_t *event,
                         apr_pool_t *pool)
{
    unwrap(event, pool);
    if (begins(event->type, "member.") || (!event->type && looks_like_member(event->data))) {
        return take_member(result, event, pool);
    }
    if (!begins(event->type, "booking.") && !begins(event->type, "cashup.") && is_ticket(event)) {
        return handler_tabology_ticket(result, event, pool);
    }
    return save_event(event, 0, pool);
}

static apr_status_t deliver(handler_result_t *result, const crm360_message_t *message,
                            const handler_context_t *context, apr_pool_t *pool)
{
    apr_array_header_t *events;
    crm_place_t place;
    apr_status_t rv;
    apr_pool_t *own; /* of one event: there can be very many */
    int i;

    if (!handler_body_events(&events, &result->reason, message, HANDLER_BODY_JSON, pool)) {
        result->verdict = HANDLER_REJECT;
        return APR_SUCCESS;
    }
    rv = handler_place(&place, message, context, pool);
    apr_pool_create(&own, pool);
    apr_pool_tag(own, "crm360_tabology");
    for (i = 0; i < events->nelts && rv == APR_SUCCESS && result->verdict == HANDLER_DONE; i++) {
        handler_tabology_event_t event = {
            .message = message, .context = context, .place = place, .position = i + 1};

        event.whole = APR_ARRAY_IDX(events, i, json_object *);
        event.text = json_object_to_json_string_ext(event.whole, JSON_C_TO_STRING_PLAIN);
        rv = take(result, &event, own);
        result->reason = result->reason ? apr_pstrdup(pool, result->reason) : NULL;
        apr_pool_clear(own);
    }
    apr_pool_destroy(own);
    return rv;
}

const handler_t handler_tabology = {
    .platform = "Tabology",
    .serves = serves,
    .deliver = deliver,
};
