/* Tabology: the handler, and its parts: tickets (sales), members (people). */
#ifndef HANDLERS_TABOLOGY_H
#define HANDLERS_TABOLOGY_H

#include <json-c/json.h>

#include "handlers/handler.h"
#include "handlers/place.h"

extern const handler_t handler_tabology;

/* ---- for the parts ---- */

/* One event of a message. Lives in the message's pool. */
typedef struct handler_tabology_event_t {
    const crm360_message_t *message;
    const handler_context_t *context;
    crm_place_t place;
    json_object *whole;     /* as it came, an object */
    json_object *data;      /* what it is about: `whole`, or an object inside of it */
    int ticket_like;        /* `data` has members that only a ticket has */
    const char *text;       /* `whole` as JSON: what makes versions differ */
    const char *type;       /* "member.updated"; NULL = not told */
    const char *id;         /* of the event; NULL = not told */
    apr_int64_t created_ms; /* of the event; 0 = not told */
    int position;           /* in the message, from 1 */
} handler_tabology_event_t;

/* A ticket (tabology_ticket.c). As handler_t.deliver. */
apr_status_t handler_tabology_ticket(handler_result_t *result,
                                     const handler_tabology_event_t *event, apr_pool_t *pool);

/* A member (tabology_member.c), likewise; *contact_id is whose it is. */
apr_status_t handler_tabology_member(int *contact_id, handler_result_t *result,
                                     const handler_tabology_event_t *event, apr_pool_t *pool);

/* What a ticket or an event calls a member, NULL when it names none: "0" means nobody. *told says
 * whether the member `name` is there. */
const char *handler_tabology_member_id(int *told, json_object *object, const char *name,
                                       apr_pool_t *pool);

#endif
