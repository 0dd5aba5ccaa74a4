/*
 * Proof of origin on the way of a webhook: core/origin.c decides, here its question is put together
 * and its answer told. Must never say to a caller, or in a log, what a proof was or how near it
 * came; and never let a webhook on that no rule has proven.
 */
#include "mod_crm360_private.h"

#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>

#include "core/log.h"

APLOG_USE_MODULE(crm360_webhook);

static crm360_caller_t caller_of(const webhook_t *webhook)
{
    const request_rec *r = webhook->r;
    /* The query as it came, for r->args shows no token any more; useragent_addr: mod_remoteip has
     * put there what a proxy that it trusts says. */
    crm360_caller_t caller = {r->headers_in, webhook->query, r->useragent_addr, r->request_time};

    return caller;
}

static int refuse(webhook_t *webhook, const apr_array_header_t *rules, crm360_origin_found_t found)
{
    request_rec *r = webhook->r;
    const char *platform = webhook->route->platform;
    const char *detail;

    if (found == CRM360_ORIGIN_FAILED) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      CRM360_LOGNO(0210) "the origin of a webhook could not be checked, answering "
                                         "503: libcrypto has failed");
        return webhook_refuse(webhook, PROBLEM_AWAY, NULL,
                              "The origin could not be checked now. Send it again later.");
    }
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "origin of %s for %s/%s not proven: %s", platform,
                  webhook->database->customer, webhook->database->alias,
                  crm360_origin_cause(found));
    detail = found == CRM360_ORIGIN_NO_RULE
                 ? apr_pstrcat(r->pool, "This database takes nothing from ", platform,
                               ": no Crm360Origin says how it proves where it comes from.", NULL)
                 : apr_pstrcat(r->pool, "Webhooks of ", platform,
                               " prove here where they come "
                               "from, by ",
                               crm360_origin_wanted(rules, r->pool), ".", NULL);
    apr_table_setn(r->err_headers_out, "WWW-Authenticate",
                   crm360_origin_challenges(rules, r->pool));
    return webhook_refuse(webhook, PROBLEM_ORIGIN, NULL, detail);
}

int webhook_origin_head(webhook_t *webhook)
{
    const apr_array_header_t *rules = crm360_database_origins(webhook->database, webhook->route);
    crm360_caller_t caller = caller_of(webhook);
    crm360_origin_found_t found =
        crm360_origin_head(&webhook->origin, rules, &caller, webhook->r->pool);

    if (found == CRM360_ORIGIN_PROVEN || found == CRM360_ORIGIN_OPEN) {
        return 1;
    }
    /* Who proves nothing is not waited for at all. */
    webhook_body_leave(webhook->r, 0);
    return refuse(webhook, rules, found);
}

int webhook_origin_body(webhook_t *webhook, webhook_body_t *body)
{
    const apr_array_header_t *rules = crm360_database_origins(webhook->database, webhook->route);
    crm360_caller_t caller = caller_of(webhook);
    crm360_origin_found_t found;

    if (webhook->origin) {
        return 1;
    }
    found = crm360_origin_body(&webhook->origin, rules, &caller, webhook_body_prepend(body, "", 0),
                               body->len, webhook->r->pool);
    return found == CRM360_ORIGIN_PROVEN ? 1 : refuse(webhook, rules, found);
}

/* Warns of secrets that can be guessed. `platform`: whom the rules are for. */
static void warn_short(const server_rec *s, const crm360_database_t *database, int platform)
{
    const apr_array_header_t *rules = database->origins[platform];
    int i;

    for (i = 0; rules && i < rules->nelts; i++) {
        const crm360_origin_t *rule = APR_ARRAY_IDX(rules, i, const crm360_origin_t *);

        if (rule->short_secret) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                         CRM360_LOGNO(0212) "%s:%d: <" CRM360_SECTION " %s %s>: the secret of %s "
                                            "for %s can be guessed: line %d of its file has fewer "
                                            "than 8 bytes",
                         database->file, database->line, database->customer, database->alias,
                         platform < CRM360_PLATFORMS ? crm360_platform_name(platform) : "*",
                         rule->scheme, rule->short_secret);
        }
    }
}

void webhook_origin_warn(const server_rec *s, const crm360_config_t *config)
{
    const apr_array_header_t *databases = crm360_config_databases(config);
    int i, platform;

    for (i = 0; i < databases->nelts; i++) {
        const crm360_database_t *database = APR_ARRAY_IDX(databases, i, const crm360_database_t *);

        if (!crm360_database_has_origins(database)) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                         CRM360_LOGNO(0211) "%s:%d: <" CRM360_SECTION " %s %s> has no "
                                            "Crm360Origin: each of its webhooks is answered with "
                                            "401",
                         database->file, database->line, database->customer, database->alias);
        }
        for (platform = 0; platform <= CRM360_PLATFORMS; platform++) {
            warn_short(s, database, platform);
        }
    }
}
