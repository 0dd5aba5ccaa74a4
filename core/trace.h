/*
 * W3C Trace Context (Recommendation of 23 November 2021): by which a caller, a message and the
 * calls that leave because of it belong together. The fields are taken or dropped as a whole; no
 * message is ever refused for them. Pure functions but for the random span ids; any thread.
 */
#ifndef CRM360_TRACE_H
#define CRM360_TRACE_H

#include <apr_pools.h>

#define CRM360_TRACE_LEN 55 /* characters of a traceparent of version 00 */

/* Reads the value of a traceparent field (section 3.2); NULL when it is none. Version 00 has
 * exactly 55 characters; of a higher version those count that 00 has, and more may follow behind a
 * '-'. Returns it as one of version 00, in `pool`. A field that came twice arrives as a list, which
 * is none. `text` may be NULL. */
const char *crm360_trace_parent(const char *text, apr_pool_t *pool);

/* The trace id, 32 hexadecimal digits, of what crm360_trace_parent() has returned, in `pool`. */
const char *crm360_trace_id(const char *parent, apr_pool_t *pool);

/* The traceparent for a call that is made because of `parent`: the same trace id, a new random span
 * id, and of the flags `sampled`, the only one of version 00. NULL when `parent` is none, or the
 * system has no random numbers to give. In `pool`. */
const char *crm360_trace_child(const char *parent, apr_pool_t *pool);

/* Whether the value of a tracestate field is one (section 3.3): at most 512 characters and 32
 * members `key=value`. `text` may be NULL, which is none. */
int crm360_trace_state_ok(const char *text);

#endif
