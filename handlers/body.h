/*
 * What a stored message says, as something to read: its body as UTF-8, as JSON, and as the events
 * that a platform sent in whatever form it sends them. For handlers only; pure functions.
 */
#ifndef HANDLERS_BODY_H
#define HANDLERS_BODY_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <json-c/json.h>

#include "core/message.h"

#define HANDLER_BODY_PARAMETERS 10000 /* most parameters of a form or query string */

/* What Content-Type says: the charset of the body (RFC 9110 8.3.1), NULL when it names none; and
 * whether the body is a form. */
const char *handler_body_charset(const crm360_message_t *message, apr_pool_t *pool);
int handler_body_says_form(const crm360_message_t *message);

/* The body as valid UTF-8 without NUL and byte-order mark, by the charset in Content-Type where
 * that is known (crm360_charset_decode()). `*len` bytes, not always NUL-terminated; points into the
 * body or `pool`. Never fails. */
const char *handler_body_text(apr_size_t *len, const crm360_message_t *message, apr_pool_t *pool);

/* The body as one JSON value (crm360_json_parse()), which goes with `pool`. 1: *value is set; NULL
 * stands for the JSON value null. 0: *reason is "the body is not JSON: line L, column C: expected
 * ..."; it never quotes the body. */
int handler_body_json(json_object **value, const char **reason, const crm360_message_t *message,
                      apr_pool_t *pool);

/* Where events may stand. */
#define HANDLER_BODY_JSON 1  /* the body is an object, or an array of objects */
#define HANDLER_BODY_FORM 2  /* the body is a form (application/x-www-form-urlencoded) */
#define HANDLER_BODY_QUERY 4 /* the query string, when there is no body or nothing else is asked */
#define HANDLER_BODY_RELAXED 8 /* JSON may be relaxed: crm360_json_parse_relaxed() */

/* The events of a message: an array of json_object *, each an object, borrowed from `pool`. Forms
 * and query strings become one object of strings: names and values are decoded by the parameter
 * `charset`, else by Content-Type (forms), else as UTF-8 or Windows-1252; the first of several
 * values of a name counts; a query's object lacks CRM360's own parameters (SourceId, ..., token).
 * What a body is decides its first character where Content-Type can be wrong: { or [ begin JSON.
 * An empty JSON array is no event, and is fine. 0 with *reason (as above) when the body is none of
 * `sources`, when an element is no object, or when neither body nor query has anything. */
int handler_body_events(apr_array_header_t **events, const char **reason,
                        const crm360_message_t *message, int sources, apr_pool_t *pool);

/* Value of a parameter of the target's query string, as crm360_params_get() gives it. */
const char *handler_body_parameter(const crm360_message_t *message, const char *name,
                                   apr_pool_t *pool);

#endif
