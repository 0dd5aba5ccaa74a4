/*
 * HTTP requests in files: as a platform sends them, as crm360ctl show --raw and redis-cli --raw GET
 * print a stored message, or short, as those of examples/.
 */
#ifndef CTL_REQUEST_FILE_H
#define CTL_REQUEST_FILE_H

#include <apr_pools.h>
#include <apr_tables.h>

typedef struct ctl_request_t {
    const char *method;   /* "POST" */
    const char *path;     /* "/ProcessManagement/..."; "" = the file has none */
    const char *query;    /* not decoded; "" = none */
    const char *host;     /* NULL = none */
    apr_table_t *headers; /* in their order, repeated ones kept; Host and Content-Length are not */
    const char *body;     /* in the bytes that were read */
    apr_size_t body_len;
} ctl_request_t;

/* Takes a request of `len` bytes apart; what it has lives in `pool`, the body in `data`. Lines may
 * end in LF alone; the target may be a query alone. A Content-Length says where the body ends:
 * behind it there may be line feeds only. NULL, or what is wrong: a sentence. */
const char *ctl_request_read(ctl_request_t *request, const char *data, apr_size_t len,
                             apr_pool_t *pool);

/* What is wrong with the name and the value of a header field; NULL = nothing. */
const char *ctl_request_field_fault(const char *name, const char *value);

/* Reads a whole file, "-" being standard input, in `pool`. NULL, or what is wrong: a sentence. */
const char *ctl_request_load(const char **data, apr_size_t *len, const char *name,
                             apr_pool_t *pool);

#endif
