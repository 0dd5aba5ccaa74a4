/*
 * The forms of the status pages: whether one may act, and what it says. Must never take one for
 * good that another site can have made, nor where the location does not allow it.
 */
#include "mod_crm360_status.h"

#include <apr_cstr.h>
#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>

#include <string.h>

#include "core/queue_steer.h"

APLOG_USE_MODULE(crm360_webhook);

/* A form has at most so many bytes: the ids of a page fit twice. */
#define FORM_MOST 65536

int status_refuse(request_rec *r, int code, const char *why)
{
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "status page: %s", why);
    r->status = code;
    ap_set_content_type(r, "text/plain; charset=utf-8");
    ap_rvputs(r, "Nothing was done: ", why, ".\n", NULL);
    return OK;
}

/* The authority of an origin ("https://host:port"); NULL when it is none. */
static const char *authority_of(const char *origin)
{
    const char *colon = strstr(origin, "://");

    return colon ? colon + 3 : NULL;
}

/* Whether the browser says that the form came from elsewhere. What no browser sends says nothing:
 * the seal decides. Sec-Fetch-Site is the browser's own verdict; only without it Origin is compared
 * with Host, which a proxy in front may have changed. */
static int is_foreign(const request_rec *r)
{
    const char *site = apr_table_get(r->headers_in, "Sec-Fetch-Site");
    const char *origin = apr_table_get(r->headers_in, "Origin");
    const char *host = apr_table_get(r->headers_in, "Host");
    const char *authority = origin ? authority_of(origin) : NULL;

    if (site) {
        return strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
    }
    return origin && (!authority || !host || apr_cstr_casecmp(authority, host) != 0);
}

static int read_text(status_form_t *form, request_rec *r)
{
    const char *type = apr_table_get(r->headers_in, "Content-Type");
    static const char wanted[] = "application/x-www-form-urlencoded";
    webhook_body_t body;
    int code;

    if (!type || apr_cstr_casecmpn(type, wanted, sizeof(wanted) - 1) != 0) {
        return HTTP_UNSUPPORTED_MEDIA_TYPE;
    }
    code = webhook_body_read(&body, r, FORM_MOST);
    if (code == OK) {
        form->text = apr_pstrmemdup(r->pool, webhook_body_prepend(&body, "", 0), body.len);
    }
    return code;
}

/* The ids of a form, each once. 0 when there are too many. */
static int read_ids(status_form_t *form, apr_pool_t *pool)
{
    const char *rest = form->text;
    crm360_param_pair_t pair;
    int i;

    while (crm360_params_next(&pair, &rest)) {
        const char *id;

        if (!crm360_params_is(pair.name, pair.name_len, "id", pool) ||
            crm360_params_decode(&id, pair.value, pair.value_len, pool) != APR_SUCCESS || !*id) {
            continue;
        }
        for (i = 0; i < form->count && strcmp(form->ids[i], id) != 0; i++) {
        }
        if (i == CRM360_ADMIN_MOST) {
            return 0;
        }
        form->ids[i] = id;
        form->count = i < form->count ? form->count : i + 1;
    }
    return 1;
}

static int read_members(status_form_t *form, const status_t *status)
{
    apr_pool_t *pool = status->r->pool;
    const char *name = status_param(form->text, "database", pool);
    const char *what = status_param(form->text, "what", pool);
    const crm360_database_t *database = name ? status_database_named(status, name) : NULL;

    form->what = what ? crm360_pause_name(what) : NULL;
    form->keys = database ? crm360_keys_make(database->customer, database->alias, pool) : NULL;
    return database && read_ids(form, pool);
}

int status_form_read(status_form_t *form, int *code, const status_t *status)
{
    request_rec *r = status->r;
    const char *why = NULL;

    if (!status->actions) {
        why = "this location does not act (Crm360StatusActions)";
    }
    else if (is_foreign(r)) {
        why = "the form is one of another site";
    }
    if (why) {
        webhook_body_leave(r, WEBHOOK_BODY_SPARE);
        *code = status_refuse(r, HTTP_FORBIDDEN, why);
        return 0;
    }
    *code = read_text(form, r);
    if (*code != OK) {
        return 0;
    }
    if (!status_seal_fits(r, status->server, STATUS_FORM,
                          status_param(form->text, "token", r->pool))) {
        *code = status_refuse(r, HTTP_FORBIDDEN,
                              "the form is too old, of somebody else, or of before httpd was "
                              "restarted; open the page again");
        return 0;
    }
    if (!read_members(form, status)) {
        *code = status_refuse(r, HTTP_BAD_REQUEST,
                              "the form names no database, or more than a hundred messages");
        return 0;
    }
    return 1;
}
