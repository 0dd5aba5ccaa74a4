/*
 * Crm360Rate: how many calls the providers of a database get, and how many requests of a platform
 * it takes. Must never let two lines about the same pass: one of them would be forgotten.
 */
#include "core/config_private.h"

#include <apr_cstr.h>
#include <apr_strings.h>

#include <string.h>

/* The platforms that have no line of their own, each for itself. */
#define OTHERS (CRM360_SENDS + CRM360_PLATFORMS)

/* The place of a line's first word among the rates; -1 when it is none. */
static int find(const char *word)
{
    int platform = crm360_platform_find(word);
    int sends;

    for (sends = 0; sends < CRM360_SENDS; sends++) {
        if (apr_cstr_casecmp(word, crm360_sends_name((crm360_sends_t)sends)) == 0) {
            return sends;
        }
    }
    if (strcmp(word, "*") == 0) {
        return OTHERS;
    }
    return platform < 0 ? -1 : CRM360_SENDS + platform;
}

static const char *not_known(const char *word, apr_pool_t *pool)
{
    const char *allowed = "";
    int i;

    for (i = 0; i < CRM360_SENDS; i++) {
        allowed = apr_pstrcat(pool, allowed, crm360_sends_name((crm360_sends_t)i), ", ", NULL);
    }
    for (i = 0; i < CRM360_PLATFORMS; i++) {
        allowed = apr_pstrcat(pool, allowed, crm360_platform_name(i), ", ", NULL);
    }
    return apr_psprintf(pool, "%s is not known; allowed: %sor * for the platforms without a line",
                        crm360_quoted(word, pool), allowed);
}

const char *crm360_set_rate(const crm360_directive_t *directive, void *target, int argc,
                            const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    static const char units[] = "smh";
    static const apr_int32_t seconds[] = {1, 60, 3600};
    crm360_rate_t *rates = (crm360_rate_t *)(void *)((char *)target + directive->offset);
    const char *end = argv[1] + strspn(argv[1], "0123456789");
    apr_int64_t count = end - argv[1] < 8 ? apr_atoi64(argv[1]) : 0;
    const char *unit = end[0] == '/' && end[1] && !end[2] ? strchr(units, end[1]) : NULL;
    int at = find(argv[0]);

    (void)argc;
    (void)reader;
    if (at < 0) {
        return not_known(argv[0], pool);
    }
    if (!unit || count < directive->min || count > directive->max) {
        return apr_psprintf(pool,
                            "%s; allowed: a whole number and the time it is for, as 10/s, 300/m or "
                            "5000/h, %" APR_INT64_T_FMT " to %" APR_INT64_T_FMT,
                            crm360_quoted(argv[1], pool), directive->min, directive->max);
    }
    if (rates[at].number >= 0) {
        return apr_psprintf(pool, "the rate of %s is set already; allowed: one line for each",
                            argv[0]);
    }
    rates[at].number = (apr_int32_t)count;
    rates[at].seconds = seconds[unit - units];
    return NULL;
}

crm360_rate_t crm360_database_rate(const crm360_database_t *database, int platform)
{
    const crm360_rate_t *own = &database->rates[CRM360_SENDS + platform];

    return own->number >= 0 ? *own : database->rates[OTHERS];
}

apr_interval_time_t crm360_database_spacing(const crm360_database_t *database, crm360_sends_t sends)
{
    const crm360_rate_t *rate = &database->rates[sends];

    return rate->number > 0 ? rate->seconds * SECOND / rate->number : -1;
}
