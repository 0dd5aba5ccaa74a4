/*
 * The handler crm360-help: the help page of the webhook API, and its OpenAPI document below it.
 * Both are made once at each start; what depends on the request is filled in. Must never show what
 * the configuration holds: the page may be public, and tenants are not.
 */
#include "mod_crm360_private.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>

#include <string.h>

#include "core/digest.h"

#define HANDLER "crm360-help"
#define DOCUMENT "/openapi.json"

/* What stands in the texts where each request has its own. */
#define SERVER_MARK "@SERVER@"
#define MOUNT_MARK "@MOUNT@"
#define PATH_MARK "@PATH@"

struct webhook_help_t {
    const char *page;
    const char *document;
    const char *digest; /* of both; NULL = none could be made */
    const char *policy; /* Content-Security-Policy */
};

/* What is filled in. */
typedef struct filling_t {
    const char *server; /* scheme and authority */
    const char *mount;
    const char *path; /* of the document */
} filling_t;

/* ---- at start ---- */

webhook_help_t *webhook_help_make(apr_pool_t *pool, apr_pool_t *scratch)
{
    webhook_help_t *help = apr_pcalloc(pool, sizeof(*help));
    crm360_api_t api = {SERVER_MARK, MOUNT_MARK, webhook_problems};
    struct iovec pieces[2];
    const char *hash;

    help->page = apr_pstrdup(pool, crm360_api_page(&api, PATH_MARK, scratch));
    help->document = apr_pstrdup(pool, crm360_api_openapi(&api, scratch));
    pieces[0].iov_base = (void *)help->page;
    pieces[0].iov_len = strlen(help->page);
    pieces[1].iov_base = (void *)help->document;
    pieces[1].iov_len = help->document ? strlen(help->document) : 0;
    help->digest = crm360_digest(pieces, 2, pool);
    /* Nothing may be loaded or run; the style element is known by its hash. */
    hash = crm360_digest_base64(crm360_api_style(), scratch);
    help->policy = apr_pstrcat(
        pool, "default-src 'none'; style-src ", hash ? "'sha256-" : "'none", hash ? hash : "",
        "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", NULL);
    return help;
}

/* ---- filling in ---- */

/* What a mark at the beginning of `text` stands for, and its length; NULL when there is none. */
static const char *filling_at(apr_size_t *len, const char *text, const filling_t *filling)
{
    static const char *const marks[] = {SERVER_MARK, MOUNT_MARK, PATH_MARK};
    const char *const values[] = {filling->server, filling->mount, filling->path};
    int i;

    for (i = 0; i < 3; i++) {
        *len = strlen(marks[i]);
        if (strncmp(text, marks[i], *len) == 0) {
            return values[i];
        }
    }
    return NULL;
}

static const char *fill(const char *text, const filling_t *filling, apr_pool_t *pool)
{
    apr_array_header_t *parts = apr_array_make(pool, 256, sizeof(const char *));
    const char *at = text;

    while ((at = strchr(at, '@')) != NULL) {
        apr_size_t len;
        const char *value = filling_at(&len, at, filling);

        if (!value) {
            at++;
            continue;
        }
        APR_ARRAY_PUSH(parts, const char *) = apr_pstrmemdup(pool, text, (apr_size_t)(at - text));
        APR_ARRAY_PUSH(parts, const char *) = value;
        text = at += len;
    }
    APR_ARRAY_PUSH(parts, const char *) = text;
    return apr_array_pstrcat(pool, parts, 0);
}

/* A path that HTML may break in front of each '/'; its characters mean nothing in HTML. */
static const char *breakable(const char *path, apr_pool_t *pool)
{
    const char *text = "";

    while (*path) {
        apr_size_t len = strcspn(path + 1, "/") + 1;

        text = apr_pstrcat(pool, text, "<wbr>", apr_pstrmemdup(pool, path, len), NULL);
        path += len;
    }
    return text;
}

/* Scheme and authority as the caller sees them (UseCanonicalName of httpd decides). It stands in
 * HTML, JSON and lines for a shell, so a name that could mean something there is not repeated. */
static const char *server_url(request_rec *r)
{
    const char *url = ap_construct_url(r->pool, "", r);

    return url[strspn(url, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:/.-_[]")]
               ? apr_pstrcat(r->pool, ap_http_scheme(r), "://", r->server->server_hostname, NULL)
               : url;
}

/* Where the document is for whoever sees the page: with and without '/' at the end of its URI. */
static const char *document_path(request_rec *r)
{
    apr_size_t len = strlen(r->uri);
    const char *path;

    while (len > 0 && r->uri[len - 1] == '/') {
        len--;
    }
    path = apr_pstrcat(r->pool, apr_pstrmemdup(r->pool, r->uri, len), DOCUMENT, NULL);
    return ap_escape_html(r->pool, ap_os_escape_path(r->pool, path, 1));
}

/* ---- a request ---- */

/* A name for what will be answered. */
static const char *etag(request_rec *r, const webhook_help_t *help, const filling_t *filling)
{
    const char *texts[] = {help->digest, filling->server, filling->mount, filling->path};
    struct iovec pieces[4];
    const char *digest;
    int i;

    for (i = 0; i < 4 && help->digest; i++) {
        pieces[i].iov_base = (void *)texts[i];
        pieces[i].iov_len = strlen(texts[i]) + 1;
    }
    digest = help->digest ? crm360_digest(pieces, 4, r->pool) : NULL;
    return digest ? apr_pstrcat(r->pool, "\"", digest, "\"", NULL) : NULL;
}

/* Sends a text, or 304 when the caller has it. */
static int send_text(request_rec *r, const webhook_help_t *help, const filling_t *filling,
                     int is_document)
{
    const char *tag = etag(r, help, filling);
    const char *text;
    apr_size_t len;
    int status;

    if (tag) {
        apr_table_setn(r->headers_out, "ETag", tag);
    }
    ap_set_content_type(r, is_document ? "application/json" : "text/html; charset=utf-8");
    status = ap_meets_conditions(r);
    if (status != OK) {
        return status;
    }
    text = fill(is_document ? help->document : help->page, filling, r->pool);
    len = strlen(text);
    ap_set_content_length(r, (apr_off_t)len);
    ap_rwrite(text, (int)len, r);
    return OK;
}

int webhook_help(request_rec *r, const webhook_help_t *help, const crm360_location_t *location)
{
    filling_t filling;
    apr_size_t len = strlen(r->uri), tail = strlen(DOCUMENT);
    int is_document = len >= tail && strcmp(r->uri + len - tail, DOCUMENT) == 0;
    int status;

    if (!r->handler || strcmp(r->handler, HANDLER) != 0) {
        return DECLINED;
    }
    if (!help || !help->document) {
        return HTTP_INTERNAL_SERVER_ERROR; /* there was no memory for it */
    }
    /* Caches have to ask every time: the location may be protected, and an upgrade changes it. */
    status = webhook_begin_page(r, "no-cache", help->policy);
    if (status != OK) {
        return status;
    }
    filling.server = server_url(r);
    filling.mount = crm360_location_help_mount(location);
    filling.path = DOCUMENT; /* the document does not have its own */
    if (!is_document) {
        filling.mount = breakable(filling.mount, r->pool);
        filling.path = document_path(r);
    }
    return send_text(r, help, &filling, is_document);
}
