/* What the tests of the configuration share: structs by context, applying a line, members as
 * text. */
#ifndef CONFIG_TOOLS_H
#define CONFIG_TOOLS_H

#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <unistd.h>

#include "core/config_private.h"
#include "t/unit/tap.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static apr_pool_t *pool;

__attribute__((unused)) static void *make_target(unsigned context)
{
    if (context == CRM360_IN_SERVER) {
        return crm360_config_make(pool);
    }
    if (context == CRM360_IN_DATABASE) {
        crm360_database_t *database = apr_pcalloc(pool, sizeof(*database));

        crm360_members_unset(database, context);
        return database;
    }
    return crm360_location_make(pool);
}

/* Applies "Name args" to `target` as crm360d would. */
__attribute__((unused)) static const char *apply(const char *name, void *target, const char *args)
{
    const crm360_directive_t *row = crm360_directive_find(name);

    return row ? crm360_directive_apply(row, target, row->contexts,
                                        CRM360_READ_CONSUMER | row->readers, args, pool)
               : apr_pstrcat(pool, "no such directive: ", name, NULL);
}

static const char *show_lanes(const int *lanes)
{
    return apr_psprintf(pool, "%d %d %d", lanes[0], lanes[1], lanes[2]);
}

static const char *show_intervals(const apr_interval_time_t *delays, int steps)
{
    const char *text = "";
    int i;

    for (i = 0; i < steps; i++) {
        text = apr_pstrcat(pool, text, i ? " " : "", crm360_interval_text(delays[i], pool), NULL);
    }
    return text;
}

/* "Shopify: shopify zendesk, *: none" */
static const char *show_origins(apr_array_header_t *const *origins)
{
    const char *text = "";
    int i, j;

    for (i = 0; i <= CRM360_PLATFORMS; i++) {
        if (!origins[i]) {
            continue;
        }
        text = apr_pstrcat(pool, text, *text ? ", " : "",
                           i < CRM360_PLATFORMS ? crm360_platform_name(i) : "*", ":", NULL);
        for (j = 0; j < origins[i]->nelts; j++) {
            text = apr_pstrcat(pool, text, " ",
                               APR_ARRAY_IDX(origins[i], j, const crm360_origin_t *)->scheme, NULL);
        }
    }
    return *text ? text : "unset";
}

/* The member of a row as text; NULL pointers as "unset". */
__attribute__((unused)) static const char *show(const crm360_directive_t *row, const void *target)
{
    const void *at = (const char *)target + row->offset;
    const void *pointer;

    switch (row->holds) {
    case CRM360_HOLDS_FLAG:
    case CRM360_HOLDS_ID:
        return apr_itoa(pool, *(const int *)at);
    case CRM360_HOLDS_LANES:
        return show_lanes(at);
    case CRM360_HOLDS_ORIGINS:
        return show_origins(at);
    case CRM360_HOLDS_WINDOWS: /* the first of them stand for all */
    case CRM360_HOLDS_INTERVAL:
    case CRM360_HOLDS_SIZE:
        return apr_psprintf(pool, "%" APR_INT64_T_FMT, *(const apr_int64_t *)at);
    case CRM360_HOLDS_RATES: /* likewise */
        return apr_psprintf(pool, "%d/%d", ((const crm360_rate_t *)at)->number,
                            ((const crm360_rate_t *)at)->seconds);
    default:
        pointer = *(const void *const *)at;
        if (!pointer) {
            return "unset";
        }
        if (row->holds == CRM360_HOLDS_ADDRESS) {
            return ((const crm360_redis_address_t *)pointer)->text;
        }
        if (row->holds == CRM360_HOLDS_PROVIDER) {
            return ((const crm360_provider_t *)pointer)->key;
        }
        if (row->holds == CRM360_HOLDS_PATTERNS) {
            return apr_array_pstrcat(pool, pointer, ' ');
        }
        if (row->holds == CRM360_HOLDS_USER) {
            const crm360_user_t *user = pointer;

            return apr_pstrcat(pool, user->name, user->group ? " " : "", user->group, NULL);
        }
        if (row->holds == CRM360_HOLDS_SPOOL) {
            const crm360_spool_place_t *place = pointer;

            return apr_psprintf(pool, "%s %s", place->folder,
                                crm360_size_text(place->most_bytes, pool));
        }
        if (row->holds == CRM360_HOLDS_SCHEDULE) {
            const crm360_schedule_t *schedule = pointer;

            return show_intervals(schedule->delays, schedule->steps);
        }
        return pointer;
    }
}

__attribute__((unused)) static const char *write_file(const char *folder, const char *name,
                                                      const char *text)
{
    const char *path = apr_pstrcat(pool, folder, "/", name, NULL);
    apr_file_t *file;

    if (apr_file_open(&file, path, APR_FOPEN_WRITE | APR_FOPEN_CREATE, 0x600, pool) ==
        APR_SUCCESS) {
        (void)apr_file_puts(text, file);
        (void)apr_file_close(file);
    }
    return path;
}

#endif
