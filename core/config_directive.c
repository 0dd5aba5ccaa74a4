/*
 * Looking a directive up, applying one line, and the help listing; all from the table. Must never
 * quote arguments: they may be a secret put into the wrong place, and only the setters know.
 */
#include "core/config_private.h"

#include <apr_cstr.h>
#include <apr_strings.h>

#include <string.h>

const crm360_directive_t *crm360_directive_find(const char *name)
{
    const crm360_directive_t *row;

    for (row = crm360_directives; row->name; row++) {
        if (apr_cstr_casecmp(row->name, name) == 0) {
            return row;
        }
    }
    return NULL;
}

const char *crm360_context_place(unsigned context)
{
    switch (context) {
    case CRM360_IN_SERVER:
        return "at server level";
    case CRM360_IN_DATABASE:
        return "inside <" CRM360_SECTION ">";
    default:
        return "inside <Location> of httpd";
    }
}

const char *crm360_context_directives(unsigned context, apr_pool_t *pool)
{
    const crm360_directive_t *row;
    const char *names = context == CRM360_IN_SERVER ? "<" CRM360_SECTION ">" : NULL;

    for (row = crm360_directives; row->name; row++) {
        if (row->contexts & context) {
            names = names ? apr_pstrcat(pool, names, ", ", row->name, NULL) : row->name;
        }
    }
    return names;
}

static const char *wrong_count(const crm360_directive_t *directive, int argc, apr_pool_t *pool)
{
    int min = directive->min_args;
    int max = directive->max_args;
    const char *takes = min == max ? apr_psprintf(pool, "%d", min)
                        : max < 0  ? apr_psprintf(pool, "%d or more", min)
                                   : apr_psprintf(pool, "%d to %d", min, max);

    return apr_psprintf(pool, "%s: takes %s argument%s, %d given; syntax: %s %s", directive->name,
                        takes, max == 1 ? "" : "s", argc, directive->name, directive->syntax);
}

/* Lanes, rates, routes and platforms: their setters look for themselves what is set already. */
static int is_set_one_by_one(crm360_holds_t holds)
{
    return holds == CRM360_HOLDS_LANES || holds == CRM360_HOLDS_RATES ||
           holds == CRM360_HOLDS_WINDOWS || holds == CRM360_HOLDS_KEYS ||
           holds == CRM360_HOLDS_ORIGINS || holds == CRM360_HOLDS_PROGRAMS;
}

const char *crm360_directive_apply(const crm360_directive_t *directive, void *target,
                                   unsigned context, unsigned reader, const char *args,
                                   apr_pool_t *pool)
{
    const char *name = directive->name;
    const char *const *argv;
    const char *fault;
    int argc;

    if (!(directive->contexts & context)) {
        return apr_psprintf(pool, "%s: belongs %s, not %s; allowed here: %s", name,
                            crm360_context_place(directive->contexts),
                            crm360_context_place(context),
                            crm360_context_directives(context, pool));
    }
    /* httpd has its own limit of a line and its own ${}; the other readers of the file lack
     * both. */
    if (strlen(args) > CRM360_LINE_MOST) {
        return apr_psprintf(pool, "%s: the line is too long; allowed: %d bytes", name,
                            CRM360_LINE_MOST);
    }
    if (strstr(args, "${")) {
        return apr_pstrcat(pool, name, ": ${...} is not replaced here; allowed: the value itself",
                           NULL);
    }
    fault = crm360_words_split(&argc, &argv, args, pool);
    if (fault) {
        return apr_pstrcat(pool, name, ": ", fault, NULL);
    }
    if (argc < directive->min_args || (directive->max_args >= 0 && argc > directive->max_args)) {
        return wrong_count(directive, argc, pool);
    }
    if (!is_set_one_by_one(directive->holds) && crm360_member_is_set(directive, target)) {
        return apr_psprintf(pool, "%s: is set already; allowed: once %s", name,
                            crm360_context_place(context));
    }
    fault = directive->set(directive, target, argc, argv, reader, pool);
    return fault ? apr_pstrcat(pool, name, ": ", fault, NULL) : NULL;
}

/* "Stands: at server level. Default: 200ms. Range: 1ms to 10s. Read by: httpd, crm360d,
 * crm360ctl." */
static const char *facts(const crm360_directive_t *row, apr_pool_t *pool)
{
    const char *range = crm360_range_text(row, pool);
    const char *httpd = row->readers & CRM360_READ_HTTPD ? "httpd" : "";
    const char *consumer = row->readers & CRM360_READ_CONSUMER ? "crm360d, crm360ctl" : "";

    return apr_pstrcat(pool, "Stands: ", crm360_context_place(row->contexts),
                       ". Default: ", row->default_text, range ? ". Range: " : "",
                       range ? range : "", ". Read by: ", httpd, *httpd && *consumer ? ", " : "",
                       consumer, ".", NULL);
}

const char *crm360_directive_help(apr_pool_t *pool)
{
    const crm360_directive_t *row;
    const char *text = "";

    for (row = crm360_directives; row->name; row++) {
        text = apr_pstrcat(pool, text, row->name, " ", row->syntax, "\n    ", facts(row, pool),
                           "\n    ", row->help, "\n", NULL);
    }
    return text;
}
