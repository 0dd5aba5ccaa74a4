/*
 * What a provider of mail or SMS reports of a message, a mail address or a number: an event of the
 * timeline, and what it means for the address itself. What Mailjet and the SMS gateways have in
 * common; for handlers only.
 */
#ifndef HANDLERS_REPORT_H
#define HANDLERS_REPORT_H

#include <apr_tables.h>
#include <json-c/json.h>

#include "crm/event.h"
#include "handlers/handler.h"

#define HANDLER_REPORT_TEXT 1000     /* most bytes of a text in an event's Detail */
#define HANDLER_REPORT_REFERENCE 255 /* and of its Reference, which is indexed */

/* One report. Zero is a fine beginning. */
typedef struct handler_report_t {
    /* source_id and message_id are filled in by handler_report_save(), which also cuts the
     * reference. at_ms is how new the rest is, too. */
    crm_event_t event;
    int state;     /* of the address: crm_email_state_t or crm_phone_state_t; 0 = says nothing */
    int lasts;     /* the state stays, whatever is reported later */
    int rank;      /* of two states of one moment that of the higher rank counts, 0 to 9 */
    int withdraws; /* consent: within the brand of the URI, in all when it has none */
    /* The id of our message that this is about, when the provider has brought it back; else the
     * reference tells it. */
    const char *sent_id;
    int is_unreadable; /* it has a number that cannot be read */
} handler_report_t;

/* Saves a report. One about a message of ours belongs to the contact that it went to, and to that
 * address when it has none of its own that can be read. State and consent are told only of an
 * address that is known. The version is made
 * of the report's own date and the event's identifier, so that an event means the same alone and in
 * an array, and again. Errors as crm_db_begin(), or CRM360_EDATA. */
apr_status_t handler_report_save(handler_report_t *report, const crm360_message_t *message,
                                 const handler_context_t *context, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* ---- the reports of a message ---- */

/* As handler_body_events(), but an array with an object in it may have other elements: they are
 * NULL in *events. */
int handler_report_events(apr_array_header_t **events, const char **reason,
                          const crm360_message_t *message, int sources, apr_pool_t *pool);

/* Reads an object into *report, which is all zero. NULL: it is there. Else what is missing and what
 * was expected; quotes nothing. `number` is the element's, from 1. */
typedef const char *handler_report_read_t(handler_report_t *report, json_object *object, int number,
                                          const crm360_message_t *message, apr_pool_t *pool);

/* Reads and saves each of `events`. What cannot be read is left out, with a warning in the log;
 * when nothing can, the message is rejected with the first reason. */
apr_status_t handler_report_each(handler_result_t *result, const apr_array_header_t *events,
                                 handler_report_read_t *read, const crm360_message_t *message,
                                 const handler_context_t *context, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* ---- Detail ---- */

/* An empty object that goes with `pool`. */
json_object *handler_report_detail(apr_pool_t *pool);

/* Adds a text, cut to HANDLER_REPORT_TEXT bytes; NULL adds nothing. */
void handler_report_add(json_object *detail, const char *name, const char *text);

/* As text in `pool`; NULL when it is empty. */
const char *handler_report_detail_text(json_object *detail, apr_pool_t *pool);

#endif
