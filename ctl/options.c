/* Options of verbs, on apr_getopt_long. Must never repeat a value on standard error: it may be a
 * mail address. */
#include "ctl/options.h"

#include <apr_getopt.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define OPTIONS_MOST 16
#define LONG_ONLY 256 /* above all letters: apr_getopt takes such an option by its name alone */
#define HELP (LONG_ONLY - 1)

ctl_status_t ctl_usage_error(const ctl_usage_t *usage, const char *what)
{
    fprintf(stderr, "crm360ctl: %s: %s\nusage: crm360ctl %s %s\ncrm360ctl %s --help says more\n",
            usage->verb, what, usage->verb, usage->words, usage->verb);
    return CTL_USAGE;
}

static void print_help(const ctl_usage_t *usage)
{
    const ctl_option_t *option;
    char text[40];

    printf("usage: crm360ctl %s %s\n\n%s\n", usage->verb, usage->words, usage->help);
    for (option = usage->options; option->name; option++) {
        apr_snprintf(text, sizeof(text), "--%s %s", option->name,
                     option->value ? option->value : "");
        printf("  %-26s %s\n", text, option->help);
    }
    printf("  %-26s %s\n", "--help", "print this and exit");
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
static const apr_getopt_option_t *native_table(const ctl_usage_t *usage, apr_pool_t *pool)
{
    apr_getopt_option_t *table = apr_pcalloc(pool, (OPTIONS_MOST + 2) * sizeof(*table));
    int i;

    for (i = 0; usage->options[i].name && i < OPTIONS_MOST; i++) {
        table[i].name = usage->options[i].name;
        table[i].optch = LONG_ONLY + i;
        table[i].has_arg = usage->options[i].value != NULL;
    }
    table[i].name = "help";
    table[i].optch = HELP;
    return table;
}

int ctl_options_read(const char *const **rest, int *rest_count, const ctl_usage_t *usage,
                     ctl_option_take_t *take, void *baton, int count, const char *const *words,
                     apr_pool_t *pool)
{
    const apr_getopt_option_t *table = native_table(usage, pool);
    const char **argv = apr_pcalloc(pool, ((apr_size_t)count + 2) * sizeof(*argv));
    const char *value, *fault = NULL;
    wrong_t wrong = {.option = ""};
    apr_getopt_t *scan;
    apr_status_t rv;
    int letter;

    argv[0] = "crm360ctl";
    memcpy(argv + 1, words, (apr_size_t)count * sizeof(*argv));
    apr_getopt_init(&scan, pool, count + 1, argv);
    scan->interleave = 1;
    scan->errfn = note_option;
    scan->errarg = &wrong;
    while ((rv = apr_getopt_long(scan, table, &letter, &value)) == APR_SUCCESS) {
        if (letter == HELP) {
            print_help(usage);
            return CTL_FINE;
        }
        fault = take(baton, letter - LONG_ONLY, value, pool);
        if (fault) {
            fault = apr_psprintf(pool, "--%s %s", usage->options[letter - LONG_ONLY].name, fault);
            return (int)ctl_usage_error(usage, fault);
        }
    }
    if (!APR_STATUS_IS_EOF(rv)) {
        fault = rv != APR_BADARG  ? "wrong option"
                : wrong.has_value ? "an option has a value that takes none"
                                  : "an option's value is missing";
        fault = apr_pstrcat(pool, fault, ctl_plain(wrong.option, pool), NULL);
        return (int)ctl_usage_error(usage, fault);
    }
    *rest = (const char *const *)scan->argv + scan->ind;
    *rest_count = count + 1 - scan->ind;
    return -1;
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
