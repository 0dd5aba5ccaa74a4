/*
 * The setters of the directives: each takes the words of one line, checks them strictly and stores
 * the value in the member that the row names, or says what is wrong and what is allowed. apply()
 * has counted the words. Must never quote a secret, nor open a file that the reading program does
 * not need.
 */
#include "core/config_private.h"

#include <apr_cstr.h>
#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

static void *member(const crm360_directive_t *directive, void *target)
{
    return (char *)target + directive->offset;
}

apr_status_t crm360_digits_read(apr_int64_t *value, const char **text)
{
    apr_size_t len = strspn(*text, "0123456789");
    const char *end = *text + len;

    if (len == 0 || len > 18) {
        return APR_EINVAL;
    }
    for (*value = 0; *text < end; (*text)++) {
        *value = *value * 10 + (**text - '0');
    }
    return APR_SUCCESS;
}

/* A whole word as an integer of a range. */
static apr_status_t read_number(apr_int64_t *value, const char *text, apr_int64_t min,
                                apr_int64_t max)
{
    if (crm360_digits_read(value, &text) != APR_SUCCESS || *text || *value < min || *value > max) {
        return APR_EINVAL;
    }
    return APR_SUCCESS;
}

/* ---- words and numbers ---- */

static const char *no_choice(const char *const *choices, const char *word, apr_pool_t *pool)
{
    const char *allowed = *choices;

    while (*++choices) {
        allowed = apr_pstrcat(pool, allowed, ", ", *choices, NULL);
    }
    return apr_psprintf(pool, "%s is not known; allowed: %s", crm360_quoted(word, pool), allowed);
}

static int find_choice(const char *const *choices, const char *word)
{
    int i;

    for (i = 0; choices[i]; i++) {
        if (apr_cstr_casecmp(choices[i], word) == 0) {
            return i;
        }
    }
    return -1;
}

const char *crm360_set_flag(const crm360_directive_t *directive, void *target, int argc,
                            const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    static const char *const words[] = {"Off", "On", NULL};
    int found = find_choice(words, argv[0]);

    (void)argc;
    (void)reader;
    if (found < 0) {
        return no_choice(words, argv[0], pool);
    }
    *(int *)member(directive, target) = found;
    return NULL;
}

const char *crm360_set_choice(const crm360_directive_t *directive, void *target, int argc,
                              const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    int found = find_choice(directive->choices, argv[0]);

    (void)argc;
    (void)reader;
    if (found < 0) {
        return no_choice(directive->choices, argv[0], pool);
    }
    *(const char **)member(directive, target) = directive->choices[found];
    return NULL;
}

const char *crm360_set_id(const crm360_directive_t *directive, void *target, int argc,
                          const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    apr_int64_t value;

    (void)argc;
    (void)reader;
    if (read_number(&value, argv[0], directive->min, directive->max) != APR_SUCCESS) {
        return apr_psprintf(pool, "%s; allowed: a whole number from %s",
                            crm360_quoted(argv[0], pool), crm360_range_text(directive, pool));
    }
    *(int *)member(directive, target) = (int)value;
    return NULL;
}

const char *crm360_set_workers(const crm360_directive_t *directive, void *target, int argc,
                               const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    const char *names[CRM360_LANES + 1] = {NULL};
    int *workers = member(directive, target);
    apr_int64_t value;
    int lane;

    (void)argc;
    (void)reader;
    for (lane = 0; lane < CRM360_LANES; lane++) {
        names[lane] = crm360_lane_name((crm360_lane_t)lane);
    }
    lane = find_choice(names, argv[0]);
    if (lane < 0) {
        return no_choice(names, argv[0], pool);
    }
    if (read_number(&value, argv[1], directive->min, directive->max) != APR_SUCCESS) {
        return apr_psprintf(pool, "%s workers for %s; allowed: a whole number from %s",
                            crm360_quoted(argv[1], pool), names[lane],
                            crm360_range_text(directive, pool));
    }
    if (workers[lane] >= 0) {
        return apr_psprintf(pool,
                            "the lane %s is set already, to %d; allowed: one line for each lane",
                            names[lane], workers[lane]);
    }
    workers[lane] = (int)value;
    return NULL;
}

/* ---- intervals and sizes ---- */

const char *crm360_interval_read(apr_interval_time_t *interval, const crm360_directive_t *directive,
                                 const char *text, apr_pool_t *pool)
{
    static const struct {
        const char *unit;
        apr_int64_t size;
    } units[] = {{"ms", 1000},
                 {"s", 1000000},
                 {"m", 60000000},
                 {"min", 60000000},
                 {"h", APR_INT64_C(3600000000)},
                 {"d", APR_INT64_C(86400000000)},
                 {NULL, 0}};
    const char *fault = "is no time";
    const char *unit = text;
    apr_int64_t value;
    int i = 0;

    if (crm360_digits_read(&value, &unit) == APR_SUCCESS) {
        while (units[i].unit && apr_cstr_casecmp(units[i].unit, unit) != 0) {
            i++;
        }
        /* Dividing the limit cannot overflow, multiplying the value could. */
        if (!units[i].unit) {
            fault = *unit ? "has an unknown unit" : "has no unit";
        }
        else if (value > directive->max / units[i].size || value * units[i].size < directive->min) {
            fault = "is out of range";
        }
        else {
            *interval = value * units[i].size;
            return NULL;
        }
    }
    return apr_psprintf(pool, "%s %s; allowed: a whole number with ms, s, m, h or d, from %s",
                        crm360_quoted(text, pool), fault, crm360_range_text(directive, pool));
}

const char *crm360_set_interval(const crm360_directive_t *directive, void *target, int argc,
                                const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    apr_interval_time_t interval;
    const char *fault = crm360_interval_read(&interval, directive, argv[0], pool);

    (void)argc;
    (void)reader;
    if (!fault) {
        *(apr_int64_t *)member(directive, target) = interval;
    }
    return fault;
}

const char *crm360_set_schedule(const crm360_directive_t *directive, void *target, int argc,
                                const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    crm360_schedule_t *schedule = apr_palloc(pool, sizeof(*schedule));
    apr_interval_time_t *delays = apr_palloc(pool, (apr_size_t)argc * sizeof(apr_interval_time_t));
    const char *fault = NULL;
    int i;

    (void)reader;
    for (i = 0; i < argc && !fault; i++) {
        fault = crm360_interval_read(&delays[i], directive, argv[i], pool);
    }
    if (fault) {
        return fault;
    }
    schedule->steps = argc;
    schedule->delays = delays;
    *(const crm360_schedule_t **)member(directive, target) = schedule;
    return NULL;
}

/* Reads "10M", or plain bytes, within the range of the directive. */
static apr_status_t read_size(apr_int64_t *size, const crm360_directive_t *directive,
                              const char *text)
{
    static const char units[] = "KMG";
    const char *found;
    int shift = 0;

    if (crm360_digits_read(size, &text) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    if (*text) {
        found = strchr(units, apr_toupper(*text));
        if (!found || text[1]) {
            return APR_EINVAL;
        }
        shift = 10 * (int)(found - units + 1);
    }
    if (*size > directive->max >> shift || *size << shift < directive->min) {
        return APR_EINVAL;
    }
    *size <<= shift;
    return APR_SUCCESS;
}

const char *crm360_set_size(const crm360_directive_t *directive, void *target, int argc,
                            const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    apr_int64_t size;

    (void)argc;
    (void)reader;
    if (read_size(&size, directive, argv[0]) != APR_SUCCESS) {
        return apr_psprintf(pool, "%s; allowed: a number of bytes, or with K, M or G, from %s",
                            crm360_quoted(argv[0], pool), crm360_range_text(directive, pool));
    }
    *(apr_int64_t *)member(directive, target) = size;
    return NULL;
}

/* ---- texts ---- */

const char *crm360_text_fault(const crm360_directive_t *directive, const char *text,
                              apr_pool_t *pool)
{
    apr_size_t len = strlen(text);
    const char *at = text;

    while (*at && !apr_iscntrl(*at)) {
        at++;
    }
    if (*at || (apr_int64_t)len < directive->min || (apr_int64_t)len > directive->max) {
        return apr_psprintf(pool,
                            "%s; allowed: %" APR_INT64_T_FMT " to %" APR_INT64_T_FMT
                            " characters, none of them a control character",
                            *at   ? "a control character is in it"
                            : len ? "too long"
                                  : "empty",
                            directive->min, directive->max);
    }
    return NULL;
}

const char *crm360_set_text(const crm360_directive_t *directive, void *target, int argc,
                            const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    const char *fault = crm360_text_fault(directive, argv[0], pool);

    (void)argc;
    (void)reader;
    if (!fault) {
        *(const char **)member(directive, target) = argv[0];
    }
    return fault;
}

const char *crm360_set_driver(const crm360_directive_t *directive, void *target, int argc,
                              const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    const char *fault = crm360_set_choice(directive, target, argc, argv, reader, pool);

    return fault ? fault : crm360_database_fault(target, pool);
}

const char *crm360_set_params(const crm360_directive_t *directive, void *target, int argc,
                              const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    const char *fault = crm360_set_text(directive, target, argc, argv, reader, pool);

    return fault ? fault : crm360_database_fault(target, pool);
}

/* ---- paths ---- */

/* It becomes part of URLs and of lines for a shell: only characters that mean nothing to either. */
const char *crm360_set_mount(const crm360_directive_t *directive, void *target, int argc,
                             const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    const char *path = argv[0];
    apr_size_t len = strlen(path);

    (void)argc;
    (void)reader;
    if (path[0] != '/' || (apr_int64_t)len > directive->max || strstr(path, "//") ||
        path[strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._~-")]) {
        return apr_psprintf(pool,
                            "%s; allowed: a path of the site that begins with /, of at most "
                            "%" APR_INT64_T_FMT " characters A-Z a-z 0-9 / . _ ~ -",
                            crm360_quoted(path, pool), directive->max);
    }
    *(const char **)member(directive, target) =
        apr_pstrmemdup(pool, path, path[len - 1] == '/' ? len - 1 : len);
    return NULL;
}

/* ---- folders ---- */

const char *crm360_set_folder(const crm360_directive_t *directive, void *target, int argc,
                              const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    (void)argc;
    (void)reader;
    if (argv[0][0] != '/') {
        return apr_psprintf(pool,
                            "%s is no absolute name; allowed: the name of a folder, from / on",
                            crm360_quoted(argv[0], pool));
    }
    *(const char **)member(directive, target) = argv[0];
    return NULL;
}

const char *crm360_set_spool(const crm360_directive_t *directive, void *target, int argc,
                             const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    crm360_spool_place_t *place = apr_palloc(pool, sizeof(*place));

    (void)argc;
    (void)reader;
    if (argv[0][0] != '/') {
        return apr_psprintf(pool,
                            "%s is no absolute name; allowed: the name of a folder, from / on",
                            crm360_quoted(argv[0], pool));
    }
    if (read_size(&place->most_bytes, directive, argv[1]) != APR_SUCCESS) {
        return apr_psprintf(pool, "%s; allowed: a number of bytes, or with K, M or G, from %s",
                            crm360_quoted(argv[1], pool), crm360_range_text(directive, pool));
    }
    place->folder = argv[0];
    *(const crm360_spool_place_t **)member(directive, target) = place;
    return NULL;
}

/* ---- where Redis is ---- */
