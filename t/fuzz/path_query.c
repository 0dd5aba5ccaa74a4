/*
 * Fuzz target: path values, the route they name, and the query. First line: the path; the rest: the
 * query.
 *
 * What is accepted means the same when it is written again in its plainest form, and when it is
 * read back from the target as it is stored; what is refused names a documented parameter, in
 * printable characters; no `token` is stored.
 */
#include "t/fuzz/fuzz.h"

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "core/charset.h"
#include "core/message.h"
#include "core/params.h"

static void swap_case(char *text)
{
    for (; *text; text++) {
        if (apr_isalpha(*text)) {
            *text ^= 0x20;
        }
    }
}

static int is_printable(const char *text)
{
    for (; *text; text++) {
        if (*text < 0x20 || *text > 0x7e) {
            return 0;
        }
    }
    return 1;
}

/* ---- the path ---- */

/* What the contract says of a value, in other words than the code. */
static int looks_good(const char *value)
{
    apr_size_t len = 0;

    for (; value[len]; len++) {
        if (!apr_isalnum(value[len]) && value[len] != '.' && value[len] != '_' &&
            value[len] != '-') {
            return 0;
        }
    }
    return len >= 1 && len <= 64;
}

static void check_route(const char *const *values, apr_pool_t *pool)
{
    const crm360_route_t *route, *again;
    char *platform = apr_pstrdup(pool, values[0]);

    if (crm360_route_find(&route, values[0], values[1], values[2]) != CRM360_ROUTE_FOUND) {
        expect(route == NULL, values[0]);
        return;
    }
    swap_case(platform);
    expect(crm360_route_find(&again, platform, values[1], values[2]) == CRM360_ROUTE_FOUND,
           platform);
    expect(again == route, route->name);
    expect(crm360_route_by_name(route->name) == route, route->name);
    expect(apr_cstr_casecmp(route->platform, values[0]) == 0, values[0]);
    expect(apr_cstr_casecmp(route->entity, values[1]) == 0, values[1]);
    expect(apr_cstr_casecmp(route->action, values[2]) == 0, values[2]);
    expect(crm360_platform_find(values[0]) >= 0, values[0]);
}

static void check_path(const char *path, apr_pool_t *pool)
{
    const char *values[3] = {"", "", ""};
    apr_size_t left = strlen(path);

    while (left > 0) {
        values[0] = values[1];
        values[1] = values[2];
        values[2] = fuzz_text(&path, &left, '/', pool);
        expect(crm360_path_value_ok(values[2]) == looks_good(values[2]), values[2]);
    }
    check_route(values, pool);
}

/* ---- the query ---- */

static int same_params(const crm360_params_t *one, const crm360_params_t *other)
{
    return one->source_id == other->source_id && one->zone_id == other->zone_id &&
           one->brand_id == other->brand_id &&
           one->contact_address_type_id == other->contact_address_type_id &&
           one->batch_mode == other->batch_mode && fuzz_same(one->email, other->email) &&
           one->seconds_of_invisibility == other->seconds_of_invisibility;
}

static const char *escaped(const char *text, apr_pool_t *pool)
{
    const char *out = "";

    for (; *text; text++) {
        out = apr_psprintf(pool, "%s%%%02x", out, (unsigned char)*text);
    }
    return out;
}

static const char *number(const char *name, int value, apr_pool_t *pool)
{
    return value ? apr_psprintf(pool, "&%s=%d", name, value) : "";
}

/* The parameters that were read, as a query. */
static const char *in_full(const crm360_params_t *params, apr_pool_t *pool)
{
    return apr_pstrcat(
        pool, number("sourceid", params->source_id, pool), number("ZONEID", params->zone_id, pool),
        number("BrandId", params->brand_id, pool),
        number("%43ontactAddressTypeId", params->contact_address_type_id, pool),
        params->batch_mode ? "&BatchMode=TRUE" : "", params->email ? "&Email=" : "",
        params->email ? escaped(params->email, pool) : "",
        number("SecondsOfInvisibility", params->seconds_of_invisibility, pool), NULL);
}

static void check_accepted(const crm360_params_t *params, const char *query,
                           crm360_process_t process, apr_pool_t *pool)
{
    crm360_params_t again;
    crm360_param_error_t error;
    const char *written = in_full(params, pool);

    expect(params->source_id >= 1 && params->source_id <= 32767, query);
    expect(params->zone_id >= 0 && params->brand_id >= 0, query);
    expect(params->contact_address_type_id >= 0 && params->contact_address_type_id <= 32767, query);
    expect(params->batch_mode == 0 || params->batch_mode == 1, query);
    expect(params->seconds_of_invisibility >= 0 && params->seconds_of_invisibility <= 604800,
           query);
    expect(process == CRM360_QUEUE_PROCESS || params->email != NULL, query);
    expect(!params->email || is_printable(params->email), query);
    expect(crm360_params_read(&again, &error, written, process, pool) == APR_SUCCESS, written);
    expect(same_params(params, &again), written);
}

static void check_refused(const crm360_param_error_t *error, const char *query)
{
    expect(error->parameter && crm360_params_is_own(error->parameter), query);
    expect(apr_cstr_casecmp(error->parameter, "token") != 0, query);
    expect(error->detail && *error->detail && is_printable(error->detail), query);
    expect(strstr(error->detail, error->parameter) != NULL, query);
}

/* What is stored of the target says the same, and no secret. */
static void check_target(const char *query, crm360_process_t process, apr_pool_t *pool)
{
    crm360_message_t message = {.target = apr_pstrcat(pool, "/a?", query, NULL)};
    crm360_message_t stored = {.target = crm360_message_target(&message, pool)};
    const char *kept = strchr(stored.target, '?');
    crm360_params_t before, after;
    crm360_param_error_t error_before, error_after;
    apr_status_t rv = crm360_params_read(&before, &error_before, query, process, pool);
    const char *c;

    expect(fuzz_same(crm360_message_target(&stored, pool), stored.target), stored.target);
    expect(crm360_params_get(kept ? kept + 1 : "", "token", pool) == NULL, stored.target);
    for (c = query; *c; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f) {
            return; /* httpd lets none of these through; they have become something else */
        }
    }
    expect(crm360_params_read(&after, &error_after, kept ? kept + 1 : "", process, pool) == rv,
           stored.target);
    expect(rv == APR_SUCCESS ? same_params(&before, &after)
                             : fuzz_same(error_before.detail, error_after.detail),
           stored.target);
}

static void check_texts(const char *query, apr_pool_t *pool)
{
    static const char *const names[] = {"store", "charset", "texte", ""};
    const char *rest = query;
    crm360_param_pair_t pair;
    apr_size_t i, len;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *text = crm360_params_get(query, names[i], pool);

        expect(!text || crm360_utf8_clean(&len, text, strlen(text), pool) == text, text);
    }
    while (crm360_params_next(&pair, &rest)) {
        const char *decoded, *twice, *again;

        expect(pair.name >= query && pair.value + pair.value_len <= rest, query);
        if (crm360_params_decode(&decoded, pair.value, pair.value_len, pool) == APR_SUCCESS) {
            again = escaped(decoded, pool);
            expect(crm360_params_decode(&twice, again, strlen(again), pool) == APR_SUCCESS, again);
            expect(fuzz_same(decoded, twice), again);
        }
    }
}

static void check_query(const char *query, crm360_process_t process, apr_pool_t *pool)
{
    crm360_params_t params;
    crm360_param_error_t error;

    if (crm360_params_read(&params, &error, query, process, pool) == APR_SUCCESS) {
        check_accepted(&params, query, process, pool);
    }
    else {
        check_refused(&error, query);
    }
    check_target(query, process, pool);
}

void fuzz_one(const char *data, apr_size_t len, apr_pool_t *pool)
{
    const char *path = fuzz_text(&data, &len, '\n', pool);
    const char *query = fuzz_text(&data, &len, '\0', pool);

    if (strlen(path) > 4096 || strlen(query) > 4096) {
        return; /* httpd's own limit of a request line is less than both together */
    }
    check_path(path, pool);
    check_query(query, CRM360_QUEUE_PROCESS, pool);
    check_query(query, CRM360_EMAIL_PROCESS, pool);
    check_texts(query, pool);
}
