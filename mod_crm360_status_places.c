/*
 * Which locations of a server take webhooks, and with what limits. Must never know more of httpd's
 * configuration than the sections by URL.
 */
#include "mod_crm360_status.h"

#include <apr_fnmatch.h>
#include <http_config.h>
#include <http_core.h>

#include <string.h>

extern module AP_MODULE_DECLARE_DATA crm360_webhook_module;

/* Whether a section applies to a path, by the rules of httpd's own walk through them. */
static int applies(const core_dir_config *section, const char *path)
{
    apr_size_t len = strlen(section->d);

    if (section->r) {
        return ap_regexec(section->r, path, 0, NULL, 0) == 0;
    }
    if (section->d_is_fnmatch) {
        return apr_fnmatch(section->d, path, APR_FNM_PATHNAME) == APR_SUCCESS;
    }
    return strncmp(section->d, path, len) == 0 &&
           (len == 0 || path[len - 1] == '/' || path[len] == '/' || path[len] == '\0');
}

apr_array_header_t *status_places(const server_rec *s, apr_pool_t *pool)
{
    const core_server_config *core = ap_get_core_module_config(s->module_config);
    ap_conf_vector_t **sections = (ap_conf_vector_t **)core->sec_url->elts;
    apr_array_header_t *places = apr_array_make(pool, 1, sizeof(status_place_t));
    int i, j;

    for (i = 0; i < core->sec_url->nelts; i++) {
        const char *path = ((core_dir_config *)ap_get_core_module_config(sections[i]))->d;
        crm360_location_t *merged = crm360_location_make(pool);
        int known = 0;

        for (j = 0; j < core->sec_url->nelts; j++) {
            const core_dir_config *section = ap_get_core_module_config(sections[j]);
            const crm360_location_t *add =
                ap_get_module_config(sections[j], &crm360_webhook_module);

            if (add && (j == i || applies(section, path))) {
                merged = crm360_location_merge(merged, add, pool);
            }
            known = known || (j < i && strcmp(section->d, path) == 0);
        }
        if (crm360_location_enabled(merged) && !known) {
            status_place_t *place = apr_array_push(places);

            place->path = path;
            place->location = merged;
        }
    }
    return places;
}
