/* Options of verbs, on apr_getopt_long. Must never repeat a value on standard error: it may be a
 * mail address. */
#include "ctl/options.h"

#include <apr_cstr.h>
#include <apr_getopt.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/queue_admin.h"
#include "core/route.h"
#include "ctl/output.h"

#define OPTIONS_MOST 16
#define LONG_ONLY 256 /* above all letters: apr_getopt takes such an option by its name alone */
#define HELP (LONG_ONLY - 1)

/* What apr_getopt gets in the place of the word "-", which it would take for an option. */
static const char dash[] = "standard input";

ctl_status_t ctl_usage_error(const ctl_verb_t *verb, const char *what)
{
    fprintf(stderr, "crm360ctl: %s: %s\nusage: crm360ctl %s %s\ncrm360ctl %s --help says more\n",
            verb->name, what, verb->name, verb->words, verb->name);
    return CTL_USAGE;
}

ctl_status_t ctl_refuse(const ctl_verb_t *verb, const char *what)
{
    fprintf(stderr, "crm360ctl: %s: %s; --yes does it\n", verb->name, what);
    return CTL_USAGE;
}

void ctl_help(const ctl_verb_t *verb)
{
    const ctl_option_t *option;
    char text[40];

    printf("usage: crm360ctl %s %s\n\n%s\n", verb->name, verb->words, verb->help);
    for (option = verb->options; option->name; option++) {
        apr_snprintf(text, sizeof(text), "--%s %s", option->name,
                     option->value ? option->value : "");
        printf("  %-28s %s\n", text, option->help);
    }
    printf("  %-28s %s\n", "--help", "print this and exit");
    if (verb->examples) {
        printf("\nExamples:\n\n%s", verb->examples);
    }
}

/* The option that is wrong, from apr_getopt's sentence, "program: what is wrong: --option=value".
 * The value is left out. */
typedef struct wrong_t {
    char option[64];
    int has_value;
} wrong_t;

static void note_option(void *baton, const char *format, ...)
{
    wrong_t *wrong = baton;
    char text[200];
    const char *at;
    va_list args;

    va_start(args, format);
    apr_vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    at = strstr(text, ": ");
    at = at ? strstr(at + 2, ": ") : NULL;
    at = at ? at + 2 : "";
    wrong->has_value = strchr(at, '=') != NULL;
    apr_snprintf(wrong->option, sizeof(wrong->option), ": %s%.*s", *at == '-' ? "" : "-",
                 (int)strcspn(at, "=\n"), at);
}

/* apr_getopt's table, made from ours. */
static const apr_getopt_option_t *native_table(const ctl_verb_t *verb, apr_pool_t *pool)
{
    apr_getopt_option_t *table = apr_pcalloc(pool, (OPTIONS_MOST + 2) * sizeof(*table));
    int i;

    for (i = 0; i < OPTIONS_MOST && verb->options[i].name; i++) {
        table[i].name = verb->options[i].name;
        table[i].optch = LONG_ONLY + i;
        table[i].has_arg = verb->options[i].value != NULL;
    }
    table[i].name = "help";
    table[i].optch = HELP;
    return table;
}

/* Takes one of the options that all verbs have in common; 0 = it is none of them. */
static int take_common(ctl_words_t *words, const char *name)
{
    if (strcmp(name, "json") == 0) {
        words->json = 1;
        return 1;
    }
    if (strcmp(name, "yes") == 0) {
        words->yes = 1;
        return 1;
    }
    return 0;
}

/* Whether an option may be given again, as ctl_option_t says it. */
static int may_repeat(const ctl_option_t *option)
{
    return option->value && strstr(option->value, " ...") != NULL;
}

/* Takes the option `which`, with its value or NULL. *given notes those that were there: of one that
 * came twice nobody could tell which is meant, and "dead drop" would go by the last. NULL, or what
 * is wrong. */
static const char *take_option(ctl_words_t *words, unsigned int *given, const ctl_verb_t *verb,
                               int which, const char *value, ctl_option_take_t *take, void *baton,
                               apr_pool_t *pool)
{
    const ctl_option_t *option = &verb->options[which];

    if (*given & 1u << which && !may_repeat(option)) {
        return "is given twice";
    }
    *given |= 1u << which;
    return take_common(words, option->name) ? NULL : take(baton, which, value, pool);
}

/* The words for apr_getopt: behind the name of the program, and without "-". */
static const char **native_words(int count, const char *const *text, apr_pool_t *pool)
{
    const char **argv = apr_pcalloc(pool, ((apr_size_t)count + 2) * sizeof(*argv));
    int i;

    argv[0] = "crm360ctl";
    for (i = 0; i < count; i++) {
        argv[i + 1] = strcmp(text[i], "-") == 0 ? dash : text[i];
    }
    return argv;
}

/* A word or a value as it was typed. */
static const char *as_typed(const char *word)
{
    return word == dash ? "-" : word;
}

/* What is wrong when apr_getopt has given up. */
static int wrong_word(const ctl_verb_t *verb, const wrong_t *wrong, apr_status_t rv,
                      apr_pool_t *pool)
{
    const char *fault = rv != APR_BADARG   ? "wrong option"
                        : wrong->has_value ? "an option has a value that takes none"
                                           : "an option's value is missing";

    return (int)ctl_usage_error(verb,
                                apr_pstrcat(pool, fault, ctl_plain(wrong->option, pool), NULL));
}

int ctl_options_read(ctl_words_t *words, const ctl_verb_t *verb, ctl_option_take_t *take,
                     void *baton, int count, const char *const *text, apr_pool_t *pool)
{
    const apr_getopt_option_t *table = native_table(verb, pool);
    const char **argv = native_words(count, text, pool);
    const char *value, *fault;
    unsigned int given = 0;
    wrong_t wrong = {.option = ""};
    apr_getopt_t *scan;
    apr_status_t rv;
    int letter, i;

    memset(words, 0, sizeof(*words));
    apr_getopt_init(&scan, pool, count + 1, argv);
    scan->interleave = 1;
    scan->errfn = note_option;
    scan->errarg = &wrong;
    while ((rv = apr_getopt_long(scan, table, &letter, &value)) == APR_SUCCESS) {
        if (letter == HELP) {
            ctl_help(verb);
            return CTL_FINE;
        }
        fault = take_option(words, &given, verb, letter - LONG_ONLY, as_typed(value), take, baton,
                            pool);
        if (fault) {
            return (int)ctl_usage_error(
                verb, apr_psprintf(pool, "--%s %s", verb->options[letter - LONG_ONLY].name, fault));
        }
    }
    if (!APR_STATUS_IS_EOF(rv)) {
        return wrong_word(verb, &wrong, rv, pool);
    }
    for (i = scan->ind; i <= count; i++) {
        scan->argv[i] = as_typed(scan->argv[i]);
    }
    words->rest = (const char *const *)scan->argv + scan->ind;
    words->count = count + 1 - scan->ind;
    return -1;
}

const char *ctl_read_route(const char **route, const char *text)
{
    const crm360_route_t *row;

    for (row = crm360_routes; row->platform; row++) {
        if (apr_cstr_casecmp(row->platform, text) == 0 || apr_cstr_casecmp(row->name, text) == 0) {
            *route = strchr(text, '/') ? row->name : row->platform;
            return NULL;
        }
    }
    return "wants a platform, as Shopify, or a route, as Shopify/Order/Insert";
}

int ctl_id_has_route(const char *id, const char *route)
{
    const crm360_route_t *of_id = crm360_id_route(id);

    return of_id && (strcmp(of_id->platform, route) == 0 || strcmp(of_id->name, route) == 0);
}

const char *ctl_read_lane(int *lane, const char *text)
{
    int i;

    for (i = 0; i < CRM360_LANES; i++) {
        if (strcmp(crm360_lane_name((crm360_lane_t)i), text) == 0) {
            *lane = i;
            return NULL;
        }
    }
    return "wants live, batch or send";
}

apr_status_t ctl_read_number(apr_int64_t *number, const char *text, apr_int64_t least,
                             apr_int64_t most)
{
    apr_int64_t value = 0;

    if (!*text) {
        return APR_EINVAL;
    }
    for (; *text; text++) {
        if (!apr_isdigit(*text) || value > (most - (*text - '0')) / 10) {
            return APR_EINVAL;
        }
        value = value * 10 + (*text - '0');
    }
    *number = value;
    return value >= least ? APR_SUCCESS : APR_EINVAL;
}

const char *ctl_read_interval(apr_interval_time_t *interval, const char *text)
{
    static const struct {
        const char *name;
        apr_interval_time_t size;
    } units[] = {{"ms", 1000},
                 {"s", APR_USEC_PER_SEC},
                 {"m", 60 * APR_USEC_PER_SEC},
                 {"h", 3600 * APR_USEC_PER_SEC},
                 {"d", 86400 * APR_USEC_PER_SEC}};
    const apr_interval_time_t most = 3650 * 86400 * APR_USEC_PER_SEC;
    size_t digits = strspn(text, "0123456789"), i;
    apr_int64_t value;
    char number[24];

    for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (digits < sizeof(number) && strcmp(text + digits, units[i].name) == 0) {
            apr_cpystrn(number, text, digits + 1);
            if (ctl_read_number(&value, number, 0, most / units[i].size) == APR_SUCCESS) {
                *interval = value * units[i].size;
                return NULL;
            }
        }
    }
    return "wants a time: a whole number with ms, s, m, h or d, as 2h, at most 3650d";
}
