/*
 * Keeps tokens in URLs out of logs: what httpd and its modules write of a request is taken from
 * fields of it, and in these the value of a `token` parameter is replaced as soon as the request
 * is known to be a webhook. Whoever needs the value is handed the query as it was. Must never
 * change anything else that a log shows.
 */
#include "mod_crm360_private.h"

#include <apr_strings.h>
#include <scoreboard.h>

#include <string.h>

#define INSTEAD "***"
#define SHORT 6 /* digits: less than any phone number has */

static char *hide(const char *text, const char *ends, apr_pool_t *pool)
{
    return text ? (char *)crm360_params_hide(text, ends, INSTEAD, pool) : NULL;
}

/* Whether the value of a parameter says nothing of a person: it is one of ours, and looks like it.
 * Platforms that can only call URLs (Smsbox) put numbers and texts of people there, and Email holds
 * an address. */
static int is_harmless(const crm360_param_pair_t *pair, apr_pool_t *pool)
{
    const char *name;
    const char *value = apr_pstrmemdup(pool, pair->value, pair->value_len);

    return crm360_params_decode(&name, pair->name, pair->name_len, pool) == APR_SUCCESS &&
           crm360_params_is_own(name) && pair->value_len <= SHORT &&
           (strspn(value, "0123456789") == pair->value_len || strcmp(value, "true") == 0 ||
            strcmp(value, "false") == 0);
}

/* Whether a name is one: a text without '=' is no name, and might be anything. */
static int is_name(const crm360_param_pair_t *pair)
{
    return pair->name + pair->name_len < pair->value && pair->name_len <= 64 &&
           strspn(pair->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                              "0123456789_.%-") >= pair->name_len;
}

/* The target for our own log: no value of a parameter that could be about somebody. */
static const char *target_for_log(const request_rec *r)
{
    apr_pool_t *pool = r->pool;
    const char *target = webhook_target(r);
    const char *query = strchr(target, '?');
    const char *rest = query ? query + 1 : "";
    apr_array_header_t *parts = apr_array_make(pool, 16, sizeof(const char *));
    crm360_param_pair_t pair;

    while (crm360_params_next(&pair, &rest)) {
        const char *name = apr_pstrmemdup(pool, pair.name, pair.name_len);
        const char *value = apr_pstrmemdup(pool, pair.value, pair.value_len);

        APR_ARRAY_PUSH(parts, const char *) =
            !is_name(&pair)
                ? INSTEAD
                : apr_pstrcat(pool, name, "=",
                              is_harmless(&pair, pool) || !*value ? value : INSTEAD, NULL);
    }
    return query ? apr_pstrcat(pool, apr_pstrmemdup(pool, target, (apr_size_t)(query - target)),
                               "?", apr_array_pstrcat(pool, parts, '&'), NULL)
                 : target;
}

const char *webhook_hide_tokens(request_rec *r)
{
    const char *query = r->args;
    request_rec *each;

    for (each = r; each; each = each->prev) {
        const char *referer = apr_table_get(each->headers_in, "Referer");

        each->the_request = hide(each->the_request, "& ", r->pool);
        each->args = hide(each->args, "&", r->pool);
        each->unparsed_uri = hide(each->unparsed_uri, "&", r->pool);
        /* %r is made of the parsed parts when the target holds a password. */
        each->parsed_uri.query = hide(each->parsed_uri.query, "&", r->pool);
        if (referer) {
            /* As it is stored, too. */
            apr_table_setn(each->headers_in, "Referer",
                           crm360_params_hide(referer, "&#\"<> \t", "", r->pool));
        }
    }
    apr_table_setn(r->notes, "crm360-target", target_for_log(r));
    /* The server status shows the request line that it was told last. */
    ap_update_child_status(r->connection->sbh, SERVER_BUSY_WRITE, r);
    return query;
}
