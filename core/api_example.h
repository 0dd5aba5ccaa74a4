/*
 * The example of each route: what its platform sends, with invented content. The files of examples/
 * are compiled in. Each is a request: method and query in the first line, header fields, an empty
 * line, and the body.
 */
#ifndef CRM360_API_EXAMPLE_H
#define CRM360_API_EXAMPLE_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "core/route.h"

/* A name with its value: a header field, or a query parameter (decoded). */
typedef struct crm360_example_pair_t {
    const char *name;
    const char *value;
} crm360_example_pair_t;

typedef struct crm360_example_t {
    const char *method;           /* what the platform uses: "POST" or "GET" */
    const char *query;            /* as it is sent: "SourceId=1" */
    apr_array_header_t *query_of; /* crm360_example_pair_t: the same, taken apart */
    apr_array_header_t *headers;  /* crm360_example_pair_t, without Content-Type */
    const char *content_type;     /* of the body; NULL = there is no body */
    const char *body;
} crm360_example_t;

/* The example of a route, in `pool`. A route without a file has one that is empty. */
const crm360_example_t *crm360_example_read(const crm360_route_t *route, apr_pool_t *pool);

/* The value of a query parameter of an example (any case); NULL when it has none. */
const char *crm360_example_query(const crm360_example_t *example, const char *name);

#endif
