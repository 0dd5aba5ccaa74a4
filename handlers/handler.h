/*
 * The contract of a platform handler. A handler turns one message into rows of the CRM database,
 * inside a transaction and savepoint that the worker holds. It never touches the queue, never
 * sleeps, keeps no state between messages, and must stand being called twice with the same message.
 */
#ifndef HANDLER_H
#define HANDLER_H

#include <apr_pools.h>
#include <apr_time.h>

#include "core/config.h"
#include "core/message.h"
#include "crm/db.h"
#include "crm/send.h"
#include "outbound/outbound.h"

typedef enum {
    HANDLER_DONE,  /* its effect is in the transaction */
    HANDLER_MORE,  /* a step of it is in the transaction: call again for the next one */
    HANDLER_RETRY, /* not now: try again by the schedule, or not before `not_before` */
    HANDLER_REJECT /* never: the message goes to the dead letters with the reason */
} handler_verdict_t;

typedef struct handler_result_t {
    handler_verdict_t verdict;
    /* For RETRY and REJECT: one sentence for the operator, in the message's pool; says what was
     * expected, never quotes personal data. */
    const char *reason;
    apr_time_t not_before; /* for RETRY: 0 = by the schedule */
} handler_result_t;

typedef struct handler_context_t {
    crm_db_t *db;                      /* inside a transaction and a savepoint */
    const crm360_database_t *database; /* its section: default zone, brand, address type */
} handler_context_t;

/* What WebhookSends calls the provider that is none. */
#define HANDLER_OUTBOX "outbox"

/* What is to leave, made of one message. Lives in the message's pool. */
typedef struct handler_send_t {
    crm_send_t record; /* what WebhookSends notes of it; kind and provider are filled in */
    /* Calls the provider, with no transaction open. */
    void (*call)(outbound_result_t *result, const struct handler_send_t *send, outbound_t *outbound,
                 apr_pool_t *pool);
    const crm360_provider_t *provider; /* filled in; NULL = the outbox */
    const void *job;                   /* the handler's own */
} handler_send_t;

/* ---- interface to implement ---- */

typedef struct handler_t {
    const char *platform; /* as the route table spells it */
    /* Which routes of the platform it serves: 1 when it can deliver `route`. */
    int (*serves)(const crm360_route_t *route);
    /* *result is all zero, DONE that is, before the call. APR_SUCCESS: it is the verdict. Anything
     * else comes from crm/: a fault of the database (CRM360_EAWAY, CRM360_ECONFLICT,
     * CRM360_ESCHEMA) that no message is to blame for, or CRM360_EDATA: the data cannot be
     * stored. */
    apr_status_t (*deliver)(handler_result_t *result, const crm360_message_t *message,
                            const handler_context_t *context, apr_pool_t *pool);

    /* ---- a handler of commands has no deliver, but these ---- */

    /* By which kind of provider its messages leave. */
    crm360_sends_t sends;
    /* Makes *send of the message. Reads the database, writes nothing, and is called again before
     * another attempt. *result and status as with deliver; *send counts with DONE only. */
    apr_status_t (*prepare)(handler_result_t *result, handler_send_t **send,
                            const crm360_message_t *message, const handler_context_t *context,
                            apr_pool_t *pool);
    int repeatable; /* calling the provider twice does no harm: an unknown outcome is tried again */
    /* The provider has it: writes what follows from that (an event) into the transaction that
     * notes the outcome. MORE: it has to be sent again, for things have changed meanwhile; else
     * *result stays DONE. NULL = nothing follows. */
    apr_status_t (*finish)(handler_result_t *result, const handler_send_t *send,
                           const outbound_result_t *outcome, const crm360_message_t *message,
                           const handler_context_t *context, apr_pool_t *pool);
    /* The provider refuses it: writes what follows from that (a number that is invalid), likewise.
     * NULL = nothing follows. */
    apr_status_t (*refused)(handler_result_t *result, const handler_send_t *send,
                            const outbound_result_t *outcome, const crm360_message_t *message,
                            const handler_context_t *context, apr_pool_t *pool);
} handler_t;

/* Whose message it is: of the handler that serves its route or, whatever the route, of the one for
 * mail copies. NULL when this version has none. */
const handler_t *handler_find(const crm360_message_t *message);

/* Calls a handler. As its deliver(), but CRM360_EDATA has become REJECT with the reason; what else
 * is not APR_SUCCESS makes the worker roll the batch back and try later without spending an
 * attempt. */
apr_status_t handler_deliver(handler_result_t *result, const handler_t *handler,
                             const crm360_message_t *message, const handler_context_t *context,
                             apr_pool_t *pool) __attribute__((warn_unused_result));

/* Calls a handler's prepare, with *result and *send cleared, maps CRM360_EDATA as above, and fills
 * in what is the same for all: the provider of the section, and its names for WebhookSends. */
apr_status_t handler_prepare(handler_result_t *result, handler_send_t **send,
                             const handler_t *handler, const crm360_message_t *message,
                             const handler_context_t *context, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* All of them, ended by NULL (handlers.c). */
extern const handler_t *const handlers[];

#endif
