/*
 * What leaves for a provider: what all calls have in common. A call ends in one of five fates, and
 * the worker alone decides what follows from it; nothing here repeats a call that may have been
 * heard. Used by the worker of lane `send`, one thread.
 */
#ifndef OUTBOUND_OUTBOUND_H
#define OUTBOUND_OUTBOUND_H

#include <apr_pools.h>
#include <apr_time.h>

#include "core/config.h"
#include "core/status.h"

/* What became of a call. */
typedef enum {
    OUTBOUND_UNCERTAIN, /* it may have been heard, and nobody has said so: never repeated blindly */
    OUTBOUND_SENT,      /* the provider has taken it */
    OUTBOUND_REFUSED,   /* the provider will never take it as it is */
    OUTBOUND_FAILED,    /* it was not taken; another try may go better */
    /* It was not taken, and no message is to blame: the provider is out of reach, overloaded, or
     * does not let us in. */
    OUTBOUND_AWAY
} outbound_fate_t;

/* What a provider that has REFUSED says of the recipient himself. */
typedef enum {
    OUTBOUND_SAYS_NOTHING,
    OUTBOUND_SAYS_UNREACHABLE, /* nothing arrives at this number or address */
    OUTBOUND_SAYS_UNSUBSCRIBED /* the person wants no more */
} outbound_says_t;

typedef struct outbound_result_t {
    outbound_fate_t fate;
    const char *reference; /* the provider's id of what it has taken; NULL = none */
    const char *code;      /* the provider's own result code, as text; NULL = none */
    const char *reason; /* one sentence for an operator, unless SENT; no personal data, no secret */
    apr_interval_time_t
        retry_after; /* the provider asks for so much patience; 0 = it says nothing */
    int alarm; /* AWAY, and only a person can mend it: credentials, credit, a blocked account */
    outbound_says_t says;
} outbound_result_t;

/* What a worker needs for its calls; made once, ends with its pool. */
typedef struct outbound_t outbound_t;

/* `outbox` is the folder that takes what has no provider (Crm360Outbox); it need not be there yet.
 * A call, from looking up a name to the last byte, takes at most `most`. The first of a process
 * initialises libcurl. APR_EGENERAL when that fails. */
apr_status_t outbound_make(outbound_t **outbound, const char *outbox, apr_interval_time_t most,
                           apr_pool_t *pool) __attribute__((warn_unused_result));

/* To which trace the calls belong that are made from now on (core/trace.h): each HTTP request
 * carries a traceparent of its own that says so, and `state` as tracestate when it is well formed.
 * `parent` NULL, or none: to no trace. Both are borrowed until the next time. A mail by SMTP has no
 * such field: a trace ends where people read. */
void outbound_trace(outbound_t *outbound, const char *parent, const char *state);

#endif
