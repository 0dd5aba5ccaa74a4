/*
 * Settings about routes: Crm360DedupWindow and Crm360DedupKey, for all routes, those of a platform,
 * or one. A line about less counts more, wherever it stands. What no line says comes from the route
 * table. Must never let two lines about the same routes pass: one of them would be forgotten.
 */
#include "core/config_private.h"

#include <apr_cstr.h>
#include <apr_strings.h>

#include <string.h>

/* Whether row `row` of the route table is among those that `words` names: NULL, "Platform" or
 * "Platform/Entity/Action". */
static int is_named(const crm360_route_t *row, const char *words)
{
    return !words || apr_cstr_casecmp(row->platform, words) == 0 ||
           apr_cstr_casecmp(row->name, words) == 0;
}

/* The routes that a line is about: their scope, and the first of them; NULL, or what is wrong. */
static const char *find_routes(crm360_scope_t *scope, const char *words, apr_pool_t *pool)
{
    int i = 0;

    *scope = !words               ? CRM360_SCOPE_ALL
             : strchr(words, '/') ? CRM360_SCOPE_ROUTE
                                  : CRM360_SCOPE_PLATFORM;
    while (crm360_routes[i].platform && !is_named(&crm360_routes[i], words)) {
        i++;
    }
    if (crm360_routes[i].platform) {
        return NULL;
    }
    return apr_psprintf(pool,
                        "%s is no platform or route; allowed: a platform, as Shopify, or a "
                        "route, as Shopify/Order/Insert",
                        crm360_quoted(words, pool));
}

static const char *set_already(const char *words, apr_pool_t *pool)
{
    return apr_psprintf(pool,
                        "is set already for %s; allowed: once for all routes, each platform "
                        "and each route",
                        words ? crm360_quoted(words, pool) : "all routes");
}

const char *crm360_set_dedup_window(const crm360_directive_t *directive, void *target, int argc,
                                    const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    apr_int64_t *windows = (apr_int64_t *)(void *)((char *)target + directive->offset);
    const char *words = argc > 1 ? argv[1] : NULL;
    apr_interval_time_t window;
    crm360_scope_t scope;
    const char *fault = crm360_interval_read(&window, directive, argv[0], pool);
    int i;

    (void)reader;
    if (!fault) {
        fault = find_routes(&scope, words, pool);
    }
    for (i = 0; i < CRM360_ROUTES && !fault; i++) {
        apr_int64_t *at = &windows[(int)scope * CRM360_ROUTES + i];

        if (!is_named(&crm360_routes[i], words)) {
            continue;
        }
        if (*at >= 0) {
            return set_already(words, pool);
        }
        *at = window;
    }
    return fault;
}

const char *crm360_set_dedup_key(const crm360_directive_t *directive, void *target, int argc,
                                 const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    const char **keys = (const char **)(void *)((char *)target + directive->offset);
    const char *words = argc > 1 ? argv[1] : NULL;
    crm360_scope_t scope;
    const char *fault = find_routes(&scope, words, pool);
    int i;

    (void)reader;
    if (!crm360_is_field_name(argv[0])) {
        return apr_psprintf(pool,
                            "%s is no name of a header field; allowed: such a name, content, "
                            "or none",
                            crm360_quoted(argv[0], pool));
    }
    for (i = 0; i < CRM360_ROUTES && !fault; i++) {
        const char **at = &keys[(int)scope * CRM360_ROUTES + i];

        if (!is_named(&crm360_routes[i], words)) {
            continue;
        }
        if (*at) {
            return set_already(words, pool);
        }
        *at = argv[0];
    }
    return fault;
}

crm360_dedup_rule_t crm360_config_dedup(const crm360_config_t *config, const crm360_route_t *route)
{
    crm360_dedup_rule_t rule = {route->dedup_key, route->dedup_window};
    apr_size_t number = (apr_size_t)(route - crm360_routes);
    int scope;

    for (scope = CRM360_SCOPE_ALL; scope < CRM360_SCOPES; scope++) {
        apr_size_t at = (apr_size_t)scope * CRM360_ROUTES + number;
        const char *key = config->dedup_key[at];

        if (config->dedup_window[at] >= 0) {
            rule.window = config->dedup_window[at];
        }
        if (key) {
            rule.key = apr_cstr_casecmp(key, "none") == 0      ? NULL
                       : apr_cstr_casecmp(key, "content") == 0 ? CRM360_DEDUP_CONTENT
                                                               : key;
        }
    }
    return rule;
}
