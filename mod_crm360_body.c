/*
 * Reads the body of a request into memory, within the limit of its location. Must never read on
 * past the limit, and never take a body for whole that the caller did not finish.
 */
#include "mod_crm360_private.h"

#include <apr_buckets.h>
#include <apr_cstr.h>
#include <http_core.h>
#include <http_protocol.h>
#include <util_filter.h>

#include <string.h>

/* The head of most stored messages fits into the room; a longer one costs a copy of the body. */
#define ROOM 4096
/* First size for a body whose length the caller does not tell. */
#define UNTOLD 8192
/* Asked of the filters at a time; of those that undo a coding less, for mod_deflate decodes in one
 * go what it was asked for, and may make a thousand times as much of it. */
#define READ_BYTES 65536
#define READ_CODED_BYTES 4096

#define CATCHER "CRM360_CATCHER"
#define WITNESS "CRM360_WITNESS"

/* httpd's input filter answers a body that is too large or broken by itself, with an error page
 * of the site, and sends it down the output filters. While a body is read this filter stands
 * there, takes the error out and notes its status in the int that is its context; the answer is
 * ours then. */
static apr_status_t webhook_catcher(ap_filter_t *f, apr_bucket_brigade *brigade)
{
    apr_bucket *bucket;

    for (bucket = APR_BRIGADE_FIRST(brigade); bucket != APR_BRIGADE_SENTINEL(brigade);
         bucket = APR_BUCKET_NEXT(bucket)) {
        if (AP_BUCKET_IS_ERROR(bucket)) {
            *(int *)f->ctx = ((ap_bucket_error *)bucket->data)->status;
            apr_brigade_cleanup(brigade);
            /* The end of the stream that came along is no end of our answer. */
            f->r->eos_sent = 0;
            return AP_FILTER_ERROR;
        }
    }
    return ap_pass_brigade(f->next, brigade);
}

/* Stands between the filters that decode a body (mod_deflate) and httpd's own, and notes in the
 * apr_status_t that is its context what those have said: whether the caller did not finish his body
 * or it cannot be decoded are two faults, and come as one. */
static apr_status_t webhook_witness(ap_filter_t *f, apr_bucket_brigade *brigade,
                                    ap_input_mode_t mode, apr_read_type_e block,
                                    apr_off_t readbytes)
{
    apr_status_t rv = ap_get_brigade(f->next, brigade, mode, block, readbytes);

    *(apr_status_t *)f->ctx = rv;
    return rv;
}

void webhook_body_register(void)
{
    ap_register_input_filter(WITNESS, webhook_witness, NULL, AP_FTYPE_PROTOCOL - 1);
    ap_register_output_filter(CATCHER, webhook_catcher, NULL, AP_FTYPE_RESOURCE);
}

/* Moves the body to a new block, whose predecessor is given back: a body that grows is in memory
 * twice for a moment, and once afterwards. */
static void resize(webhook_body_t *body, apr_size_t room, apr_size_t size)
{
    apr_pool_t *holder;
    char *block;

    apr_pool_create(&holder, body->pool);
    apr_pool_tag(holder, "crm360_body");
    block = apr_palloc(holder, room + size);
    if (body->len) {
        memcpy(block + room, body->block + body->room, body->len);
    }
    if (body->holder) {
        apr_pool_destroy(body->holder);
    }
    body->holder = holder;
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

/* The status of a body that could not be read. `sent`: what httpd's own filters said of it. A
 * decoder says APR_EINVAL or APR_ENOSPC of one that becomes too large (DeflateInflateLimit...). */
static int status_of(webhook_body_t *body, apr_status_t rv, apr_status_t sent)
{
    if (sent != APR_SUCCESS) {
        return ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
    }
    body->undecoded = 1;
    return rv == APR_EINVAL || APR_STATUS_IS_ENOSPC(rv) ? HTTP_REQUEST_ENTITY_TOO_LARGE
                                                        : HTTP_BAD_REQUEST;
}

/* Reads up to the end of the body. */
static int take_all(webhook_body_t *body, request_rec *r, apr_off_t most)
{
    apr_bucket_brigade *brigade = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    apr_status_t sent = APR_EGENERAL; /* nothing was asked yet */
    ap_filter_t *witness = ap_add_input_filter(WITNESS, &sent, r, r->connection);
    apr_off_t bytes =
        apr_table_get(r->headers_in, "Content-Encoding") ? READ_CODED_BYTES : READ_BYTES;
    int done = 0, status = OK;

    while (!done && status == OK) {
        apr_status_t rv =
            ap_get_brigade(r->input_filters, brigade, AP_MODE_READBYTES, APR_BLOCK_READ, bytes);

        status = rv == APR_SUCCESS ? take(body, &done, brigade, most) : status_of(body, rv, sent);
        apr_brigade_cleanup(brigade);
    }
    ap_remove_input_filter(witness);
    return status;
}

int webhook_body_read(webhook_body_t *body, request_rec *r, apr_off_t most)
{
    const char *told = apr_table_get(r->headers_in, "Content-Length");
    const char *coding = apr_table_get(r->headers_in, "Transfer-Encoding");
    apr_off_t length = UNTOLD;
    ap_filter_t *catcher;
    int caught = 0;
    int status;

    memset(body, 0, sizeof(*body));
    body->pool = r->pool;
    /* httpd asks only for chunked as the last coding. Others in front of it (gzip) would stay on
     * the body, and no field of the stored message would say so (RFC 9112 6.1 and 7). */
    if (coding && apr_cstr_casecmp(coding, "chunked") != 0) {
        return HTTP_BAD_REQUEST;
    }
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
    catcher = ap_add_output_filter(CATCHER, &caught, r, r->connection);
    status = take_all(body, r, most);
    ap_remove_output_filter(catcher);
    return caught ? caught : status;
}

void webhook_body_leave(request_rec *r, apr_off_t most)
{
    const char *told = apr_table_get(r->headers_in, "Content-Length");
    apr_off_t length = 0;

    if (apr_table_get(r->headers_in, "Transfer-Encoding") ||
        (told && (!ap_parse_strict_length(&length, told) || length > most))) {
        r->connection->keepalive = AP_CONN_CLOSE;
    }
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
