/*
 * What the files of outbound/ share and nobody else may include.
 */
#ifndef OUTBOUND_PRIVATE_H
#define OUTBOUND_PRIVATE_H

#include <apr_tables.h>

#include "outbound/outbound.h"

/* How long a connection may take to come about. */
#define OUTBOUND_CONNECT_MOST (5 * APR_USEC_PER_SEC)

struct outbound_t {
    const char *outbox;
    apr_interval_time_t most;        /* of one call */
    const char *trace;               /* traceparent of what is sent now; NULL = none */
    const char *trace_state;         /* its tracestate; NULL = none */
    struct outbound_smtp_t *smtp;    /* kept connections (smtp.c); NULL until the first */
    struct outbound_token_t *tokens; /* access tokens (wallet_token.c); NULL until the first */
    apr_pool_t *pool;
};

/* ---- outbox.c ---- */

/* Writes a file of the outbox: <id><suffix>, whole and flushed or not at all; one that is there is
 * left as it is, so repeating is harmless. *result is SENT (reference: the file's name) or AWAY. */
void outbound_outbox_put(outbound_result_t *result, const outbound_t *outbound, const char *id,
                         const char *suffix, const char *data, apr_size_t len, apr_pool_t *pool);

/* The same, but one that is there is replaced: for what says how things are. */
void outbound_outbox_replace(outbound_result_t *result, const outbound_t *outbound, const char *id,
                             const char *suffix, const char *data, apr_size_t len,
                             apr_pool_t *pool);

#endif
