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

/* A verb, or a word behind it where `part` is set. */
typedef struct verb_t {
    const char *name;
    const char *part;
    const char *words;
    const char *help;
    ctl_verb_t *run;
} verb_t;

static const verb_t verbs[] = {
    {"migrate", NULL, "[customer alias | customer/alias ...]",
     "bring the schema of all databases, or of these, up to date;\n"
     "      a SQLite file that is not there is made",
     ctl_migrate},
    {"dead", "list", CTL_DEAD_LIST_WORDS, "show dead letters, and what they died of",
     ctl_dead_list},
    {"dead", "redrive", CTL_DEAD_REDRIVE_WORDS, "give dead letters another life", ctl_dead_redrive},
    {"erase", NULL, CTL_ERASE_WORDS, "erase what is stored of one person, everywhere", ctl_erase},
    {"import-postcodes", NULL, CTL_IMPORT_POSTCODES_WORDS,
     "replace the post codes that addresses are checked against by those of La Poste's CSV file",
     ctl_import_postcodes},
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
    const verb_t *verb;
    int i;

    printf("crm360ctl operates a CRM360 webhook system.\n\n" USAGE "\n");
    for (i = 0; option_table[i].optch; i++) {
        printf("  -%c, --%-12s %s\n", option_table[i].optch, option_table[i].name,
               option_table[i].description);
    }
    printf("\nVerbs:\n\n");
    for (verb = verbs; verb < verbs + VERBS; verb++) {
        printf("  %s%s%s %s\n      %s\n", verb->name, verb->part ? " " : "",
               verb->part ? verb->part : "", verb->words, verb->help);
    }
    printf(
        "\nExample: make the database of customer acme called prod, or update its schema\n\n"
        "  crm360ctl -c " CRM360_CONFIG_FILE " migrate acme prod\n\n"
        "Options stand behind the verb that they belong to; crm360ctl VERB --help lists them.\n"
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

/* Finds the verb that the words name; *used says how many they are. NULL = there is none: that is
 * said. */
static const verb_t *find_verb(int *used, int count, const char *const *words, apr_pool_t *pool)
{
    const char *parts = "";
    const verb_t *verb;

    if (count == 0) {
        usage("a verb is missing", "");
        return NULL;
    }
    for (verb = verbs; verb < verbs + VERBS; verb++) {
        if (strcmp(verb->name, words[0]) != 0) {
            continue;
        }
        if (!verb->part || (count > 1 && strcmp(verb->part, words[1]) == 0)) {
            *used = verb->part ? 2 : 1;
            return verb;
        }
        parts = apr_pstrcat(pool, parts, *parts ? " or " : "", verb->part, NULL);
    }
    if (*parts) {
        usage(apr_pstrcat(pool, words[0], " is followed by ", NULL), parts);
    }
    else {
        usage("there is no verb ", words[0]);
    }
    return NULL;
}

/* "dead --help": the help of all verbs that begin so. 0 when something else was asked for. */
static int print_parts(int count, const char *const *words, apr_pool_t *pool)
{
    static const char *const help[] = {"--help"};
    const verb_t *verb;
    int printed = 0;

    if (count < 2 || (strcmp(words[1], "--help") != 0 && strcmp(words[1], "-h") != 0)) {
        return 0;
    }
    for (verb = verbs; verb < verbs + VERBS; verb++) {
        if (verb->part && strcmp(verb->name, words[0]) == 0) {
            printf("%s", printed++ ? "\n" : "");
            (void)verb->run(NULL, 1, help, pool);
        }
    }
    return printed;
}

static ctl_status_t run(const options_t *options, int argc, const char *const *argv,
                        apr_pool_t *pool)
{
    const char *error;
    crm360_config_t *config;
    const verb_t *verb = NULL;
    int used = 0;

    if (!options->test) {
        if (print_parts(argc - options->ind, argv + options->ind, pool)) {
            return CTL_FINE;
        }
        verb = find_verb(&used, argc - options->ind, argv + options->ind, pool);
        if (!verb) {
            return CTL_USAGE;
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
    used += options->ind;
    return verb->run(config, argc - used, argv + used, pool);
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
