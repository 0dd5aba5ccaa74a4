/* crm360ctl, the operator's command: options, configuration, verb, exit. */
#include <apr_general.h>
#include <apr_getopt.h>
#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#include "core/version.h"
#include "crm/db.h"
#include "ctl/ctl.h"

#define USAGE "usage: crm360ctl [-htV] [-c FILE] VERB [WORD ...]\n"

static const struct {
    const char *name;
    const char *words;
    const char *help;
    ctl_verb_t *run;
} verbs[] = {
    {"migrate", "[customer alias | customer/alias ...]",
     "bring the schema of all databases, or of these, up to date;\n"
     "      a SQLite file that is not there is made",
     ctl_migrate},
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static const apr_getopt_option_t option_table[] = {
    {"config", 'c', 1, "configuration file (default " CRM360_CONFIG_FILE ")"},
    {"test", 't', 0, "test the configuration and exit"},
    {"version", 'V', 0, "print the version and exit"},
    {"help", 'h', 0, "print this and the directives, and exit"},
    {NULL, 0, 0, NULL},
};

typedef struct options_t {
    const char *config_file;
    int test;
    int ind; /* of the verb */
} options_t;

static void print_help(apr_pool_t *pool)
{
    size_t verb;
    int i;

    printf("crm360ctl operates a CRM360 webhook system.\n\n" USAGE "\n");
    for (i = 0; option_table[i].optch; i++) {
        printf("  -%c, --%-12s %s\n", option_table[i].optch, option_table[i].name,
               option_table[i].description);
    }
    printf("\nVerbs:\n\n");
    for (verb = 0; verb < VERBS; verb++) {
        printf("  %s %s\n      %s\n", verbs[verb].name, verbs[verb].words, verbs[verb].help);
    }
    printf(
        "\nExample: make the database of customer acme called prod, or update its schema\n\n"
        "  crm360ctl -c " CRM360_CONFIG_FILE " migrate acme prod\n\n"
        "Exit status: 0 fine, 1 failed, 2 usage, 3 configuration, 4 a server is out of reach.\n\n"
        "Directives of %s:\n\n%s",
        CRM360_CONFIG_FILE, crm360_directive_help(pool));
}

static ctl_status_t usage(const char *what, const char *which)
{
    fprintf(stderr, "crm360ctl: %s%s\n" USAGE "crm360ctl --help says more\n", what, which);
    return CTL_USAGE;
}

/* Reads the options. -1 = go on, else the exit status. */
static int read_options(options_t *options, int argc, const char *const *argv, apr_pool_t *pool)
{
    apr_getopt_t *scan;
    const char *value;
    apr_status_t rv;
    int letter;

    apr_getopt_init(&scan, pool, argc, argv);
    while ((rv = apr_getopt_long(scan, option_table, &letter, &value)) == APR_SUCCESS) {
        switch (letter) {
        case 'c':
            options->config_file = value;
            break;
        case 't':
            options->test = 1;
            break;
        case 'V':
            printf("crm360ctl %s\n", CRM360_VERSION);
            return CTL_FINE;
        default:
            print_help(pool);
            return CTL_FINE;
        }
    }
    options->ind = scan->ind;
    return APR_STATUS_IS_EOF(rv) ? -1 : (int)usage("wrong option", "");
}

static ctl_status_t run(const options_t *options, int argc, const char *const *argv,
                        apr_pool_t *pool)
{
    const char *error;
    crm360_config_t *config;
    size_t verb = 0;

    if (!options->test) {
        if (options->ind == argc) {
            return usage("a verb is missing", "");
        }
        while (verb < VERBS && strcmp(verbs[verb].name, argv[options->ind]) != 0) {
            verb++;
        }
        if (verb == VERBS) {
            return usage("there is no verb ", argv[options->ind]);
        }
    }
    if (crm360_config_read(&config, &error, options->config_file, CRM360_READ_CONSUMER, pool) !=
        APR_SUCCESS) {
        fprintf(stderr, "crm360ctl: %s\n", error);
        return CTL_CONFIGURATION;
    }
    if (options->test) {
        printf("%s: fine\n", options->config_file);
        return CTL_FINE;
    }
    if (crm_db_init(pool) != APR_SUCCESS) {
        fprintf(stderr, "crm360ctl: apr_dbd cannot be used\n");
        return CTL_FAILED;
    }
    return verbs[verb].run(config, argc - options->ind - 1, argv + options->ind + 1, pool);
}

int main(int argc, const char *const *argv)
{
    options_t options = {.config_file = CRM360_CONFIG_FILE};
    apr_pool_t *pool;
    int status;

    if (apr_app_initialize(&argc, &argv, NULL) != APR_SUCCESS) {
        return CTL_FAILED;
    }
    apr_pool_create(&pool, NULL);
    status = read_options(&options, argc, argv, pool);
    if (status < 0) {
        status = (int)run(&options, argc, argv, pool);
    }
    apr_pool_destroy(pool);
    apr_terminate();
    return status;
}
