/*
 * The body of a Zendesk ticket webhook: a template that the customer keeps in Zendesk, into which
 * Zendesk puts the texts of a ticket, often without escaping them for JSON. Pure functions.
 */
#ifndef HANDLERS_ZENDESK_TEMPLATE_H
#define HANDLERS_ZENDESK_TEMPLATE_H

#include <apr_pools.h>
#include <json-c/json.h>

#include "core/message.h"

/* Reads a ticket. 1: *ticket is an object of `pool` with the template's members, as far as they
 * are there, all strings: via, title, id, link, status, type, comments, and in the object requester
 * first_name, last_name, email, phone. An empty string is a placeholder without text (or null); a
 * value that is only "{{...}}" is absent; id is always there, and digits. *repaired tells that the
 * body was read by the template's keys instead of as JSON.
 *
 * 0: *reason says where strict JSON ended and that no id was found, or that two tickets claim the
 * body; it never quotes the body. */
int handler_zendesk_template(json_object **ticket, int *repaired, const char **reason,
                             const crm360_message_t *message, apr_pool_t *pool);

/* ---- for the parts ---- */

/* The template's keys in the order of the template. */
enum {
    ZENDESK_VIA,
    ZENDESK_TITLE,
    ZENDESK_ID,
    ZENDESK_LINK,
    ZENDESK_STATUS,
    ZENDESK_TYPE,
    ZENDESK_COMMENTS,
    ZENDESK_REQUESTER, /* an object of those that follow */
    ZENDESK_FIRST_NAME,
    ZENDESK_LAST_NAME,
    ZENDESK_EMAIL,
    ZENDESK_PHONE,
    ZENDESK_KEYS
};

extern const char *const handler_zendesk_keys[ZENDESK_KEYS];

/* What was read: NULL = absent. The requester's is "" when there is one. */
typedef struct handler_zendesk_values_t {
    const char *texts[ZENDESK_KEYS];
} handler_zendesk_values_t;

/* Reads `len` bytes of UTF-8 without NUL by the template's keys (zendesk_anchors.c). Values that
 * are not there, or have no end, stay NULL. 1, or 0 when the text holds the template several times
 * with different ids, so that nobody can tell which is the ticket's; *at is then where. */
int handler_zendesk_cut(handler_zendesk_values_t *values, apr_size_t *at, const char *text,
                        apr_size_t len, apr_pool_t *pool);

#endif
