/*
 * The stored message: the HTTP request a webhook came as (message/http, RFC 9112), with CRM360's
 * own header fields, named Crm360-..., in front. The module writes it, the consumer reads it;
 * nothing else knows the format. Never stores a credential (Authorization, Cookie, a token
 * parameter).
 */
#ifndef CRM360_MESSAGE_H
#define CRM360_MESSAGE_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "core/route.h"

#define CRM360_ID_MOST 128 /* bytes of the longest message id */

typedef struct crm360_message_t {
    /* CRM360's own fields. */
    /* Crm360-Id: <ULID>-<Platform>-<Entity>-<Action>; that of its webhook in a mail copy. */
    const char *id;
    apr_time_t received;         /* Crm360-Received (stored as 2026-11-23T15:58:00.123456Z) */
    const char *customer;        /* spelt as the configuration spells it */
    const char *database;        /* the alias, likewise */
    const crm360_route_t *route; /* Crm360-Route; never NULL after parsing */
    int source_id;               /* >= 1 */
    int zone_id;                 /* 0 = not given */
    int brand_id;                /* 0 = not given */
    int contact_address_type_id; /* 0 = not given */
    int batch_mode;
    const char *email;  /* who gets the mail copy (core/mail_copy.h); NULL = nobody */
    const char *peer;   /* address of the caller */
    const char *origin; /* scheme that proved the origin, "none" when nothing did */
    const char *dedup;  /* Crm360-Dedup-Key: by what it is known again, NULL = not at all */
    const char *trace;  /* Crm360-Trace: as crm360_trace_parent() makes it, NULL = none */
    /* The request. */
    const char *method;
    const char *target;         /* origin form: path and query, as it came */
    const char *host;           /* authority; NULL when the caller sent none */
    const apr_table_t *headers; /* the caller's header fields, repeated ones kept */
    const char *body;           /* body_len bytes, not NUL-terminated */
    apr_size_t body_len;
} crm360_message_t;

/* Writes everything of `message` up to and including the empty line before the body; the stored
 * message is this head followed by body_len bytes of body. Drops from `headers`: hop-by-hop
 * fields (RFC 9110 7.6.1, those that Connection names included), Expect, Host and Content-Length
 * (written anew), Crm360-... fields and credentials; removes a `token` parameter from the
 * target. CR, LF and NUL inside a value become blanks. `message->body` is not looked at. *head
 * lives in `pool` and is NUL-terminated. */
void crm360_message_head(const char **head, apr_size_t *head_len, const crm360_message_t *message,
                         apr_pool_t *pool);

/* The request alone, to be shown to somebody: the same without the Crm360-... fields. */
void crm360_message_request(const char **head, apr_size_t *head_len,
                            const crm360_message_t *message, apr_pool_t *pool);

/* The target as it is stored: without a `token` parameter, and with '_' for whatever no target may
 * hold. In `pool`. */
const char *crm360_message_target(const crm360_message_t *message, apr_pool_t *pool);

/* Reads a stored message back. On success *message and its strings live in `pool`, while its
 * body points into `data`, which must stay alive as long. Any text that is not such a message
 * gives APR_EINVAL with a sentence in *why; it never reads past `len`. */
apr_status_t crm360_message_parse(crm360_message_t **message, const char **why, const char *data,
                                  apr_size_t len, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Value of the caller's header field `name`, NULL when there is none (the first of several). */
const char *crm360_message_header(const crm360_message_t *message, const char *name);

/* A new message id for a route: ULID (48 bits of milliseconds from `now`, 80 random bits;
 * Crockford base 32, 26 characters) and the route's suffix. Safe in any thread. In `pool`. NULL
 * when the system has no random numbers to give (no file descriptor left): then nothing can be
 * stored safely. */
const char *crm360_message_id(const crm360_route_t *route, apr_time_t now, apr_pool_t *pool);

/* When an id was made, by the clock of the host that made it; in ms. 0 = it does not say. */
apr_time_t crm360_message_id_time(const char *id);

#endif
