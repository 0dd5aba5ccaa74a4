/*
 * Reads the body of a request into memory, within the limit of its location. Must never read on past
 * the limit, and never take a body for whole that the caller did not finish.
 */
#include "mod_crm360_private.h"

#include <apr_buckets.h>
#include <http_core.h>
#include <http_protocol.h>
#include <util_filter.h>

#include <string.h>

/* The head of most stored messages fits into the room; a longer one costs a copy of the body. */
#define ROOM 4096
/* First size for a body whose length the caller does not tell. */
#define UNTOLD 8192
/* Asked of the filters at a time. */
#define READ_BYTES 65536

/* Moves the body to a new block. */
static void resize(webhook_body_t *body, apr_size_t room, apr_size_t size)
{
    char *block = apr_palloc(body->pool, room + size);

    if (body->len) {
        memcpy(block + room, body->block + body->room, body->len);
    }
    body->block = block;
    body->room = room;
    body->size = size;
}

/* Adds what one brigade holds. *done is set at the end of the body. */
static int take(webhook_body_t *body, int *done, apr_bucket_brigade *brigade, apr_off_t most)
{
    apr_bucket *bucket;

    for (bucket = APR_BRIGADE_FIRST(brigade); bucket != APR_BRIGADE_SENTINEL(brigade);
         bucket = APR_BUCKET_NEXT(bucket)) {
        const char *data;
        apr_size_t len;
        apr_status_t rv;

        if (APR_BUCKET_IS_EOS(bucket)) {
            *done = 1;
            return OK;
        }
        if (APR_BUCKET_IS_METADATA(bucket)) {
            continue;
        }
        rv = apr_bucket_read(bucket, &data, &len, APR_BLOCK_READ);
        if (rv != APR_SUCCESS) {
            return ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
        }
        if ((apr_off_t)(body->len + len) > most) {
            return HTTP_REQUEST_ENTITY_TOO_LARGE;
        }
        if (body->len + len > body->size) {
            resize(body, body->room, (body->len + len) * 2);
        }
        memcpy(body->block + body->room + body->len, data, len);
        body->len += len;
    }
    return OK;
}

int webhook_body_read(webhook_body_t *body, request_rec *r, apr_off_t most)
{
    const char *told = apr_table_get(r->headers_in, "Content-Length");
    apr_off_t length = UNTOLD;
    apr_bucket_brigade *brigade;
    int done = 0;

    memset(body, 0, sizeof(*body));
    body->pool = r->pool;
    if (told) {
        if (!ap_parse_strict_length(&length, told)) {
            return HTTP_BAD_REQUEST;
        }
        if (length > most) {
            return HTTP_REQUEST_ENTITY_TOO_LARGE;
        }
    }
    /* What the caller tells is only where to begin: a filter may make more or less of it. */
    resize(body, ROOM, (apr_size_t)length);
    brigade = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    while (!done) {
        apr_status_t rv = ap_get_brigade(r->input_filters, brigade, AP_MODE_READBYTES,
                                         APR_BLOCK_READ, READ_BYTES);
        int status;

        if (rv != APR_SUCCESS) {
            return ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
        }
        status = take(body, &done, brigade, most);
        if (status != OK) {
            return status;
        }
        apr_brigade_cleanup(brigade);
    }
    return OK;
}

const char *webhook_body_prepend(webhook_body_t *body, const char *head, apr_size_t head_len)
{
    char *start;

    if (head_len > body->room) {
        resize(body, head_len, body->len);
    }
    start = body->block + body->room - head_len;
    memcpy(start, head, head_len);
    return start;
}
