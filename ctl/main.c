/* crm360ctl, the operator's command: options, configuration, verb, exit. */
#include <apr_general.h>
#include <apr_getopt.h>
#include <apr_signal.h>
#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#include "core/version.h"
#include "crm/db.h"
#include "ctl/log.h"
#include "ctl/options.h"
#include "ctl/output.h"

#define USAGE "usage: crm360ctl [-htV] [-c FILE] VERB [WORD ...]\n"

/* All verbs, in the order of the help. */
static const ctl_verb_t *const verbs[] = {
    /* looking and steering */
    &ctl_status, &ctl_queues, &ctl_list, &ctl_show, &ctl_now, &ctl_pause, &ctl_resume,
    /* dead letters */
    &ctl_dead_list, &ctl_dead_show, &ctl_dead_redrive, &ctl_dead_drop,
    /* messages on their way */
    &ctl_push, &ctl_trace, &ctl_tail, &ctl_spool_list, &ctl_spool_drain,
    /* servers */
    &ctl_check,
    /* databases */
    &ctl_migrate, &ctl_erase, &ctl_import_postcodes};

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
    apr_size_t i;

    printf("crm360ctl operates a CRM360 webhook system.\n\n" USAGE "\n");
    for (i = 0; option_table[i].optch; i++) {
        printf("  -%c, --%-12s %s\n", option_table[i].optch, option_table[i].name,
               option_table[i].description);
    }
    printf("\nVerbs:\n\n");
    for (i = 0; i < VERBS; i++) {
        printf("  %s %s\n      %s\n", verbs[i]->name, verbs[i]->words, verbs[i]->summary);
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

/* The second word of a verb's name when `word` is the first of two; else NULL. */
static const char *part_of(const ctl_verb_t *verb, const char *word)
{
    apr_size_t length = strlen(word);

    return strncmp(verb->name, word, length) == 0 && verb->name[length] == ' '
               ? verb->name + length + 1
               : NULL;
}

/* Finds the verb that the words name; *used says how many they are. NULL = there is none: that is
 * said. */
static const ctl_verb_t *find_verb(int *used, int count, const char *const *words, apr_pool_t *pool)
{
    const char *parts = "", *part;
    apr_size_t i;

    if (count == 0) {
        usage("a verb is missing", "");
        return NULL;
    }
    for (i = 0; i < VERBS; i++) {
        if (strcmp(verbs[i]->name, words[0]) == 0) {
            *used = 1;
            return verbs[i];
        }
        part = part_of(verbs[i], words[0]);
        if (part && count > 1 && strcmp(part, words[1]) == 0) {
            *used = 2;
            return verbs[i];
        }
        if (part) {
            parts = apr_pstrcat(pool, parts, *parts ? ", " : "", part, NULL);
        }
    }
    if (*parts) {
        usage(apr_pstrcat(pool, words[0], " is followed by ", NULL),
              apr_pstrcat(pool, "one of: ", parts, NULL));
    }
    else {
        usage("there is no verb ", ctl_plain(words[0], pool));
    }
    return NULL;
}

static int is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* "list --help", "dead --help", "dead list --help": help wants no configuration. Of a word with
 * which several verbs begin, all are printed. 0 when something else was asked for. */
static int print_verb_help(int count, const char *const *words)
{
    int printed = 0, is_part;
    apr_size_t i;

    for (i = 0; i < VERBS && count > 1; i++) {
        const char *part = part_of(verbs[i], words[0]);

        is_part = part && count > 2 && strcmp(part, words[1]) == 0 && is_help(words[2]);
        if (is_part || (is_help(words[1]) && (part || strcmp(verbs[i]->name, words[0]) == 0))) {
            printf("%s", printed++ ? "\n" : "");
            ctl_help(verbs[i]);
        }
    }
    return printed;
}

static ctl_status_t run(const options_t *options, int argc, const char *const *argv,
                        apr_pool_t *pool)
{
    const char *error;
    crm360_config_t *config;
    const ctl_verb_t *verb = NULL;
    int used = 0;

    if (!options->test) {
        if (print_verb_help(argc - options->ind, argv + options->ind)) {
            return CTL_FINE;
        }
        verb = find_verb(&used, argc - options->ind, argv + options->ind, pool);
        if (!verb) {
            return CTL_USAGE;
        }
    }
    if (crm360_config_read(&config, &error, options->config_file,
                           CRM360_READ_CONSUMER | CRM360_READ_CTL, pool) != APR_SUCCESS) {
        fprintf(stderr, "crm360ctl: %s\n", error);
        return CTL_CONFIGURATION;
    }
    ctl_log_set(config);
    if (!verb) {
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
    apr_signal(SIGPIPE, SIG_IGN); /* a reader that goes must not end what is being done */
    apr_pool_create(&pool, NULL);
    status = read_options(&options, argc, argv, pool);
    if (status < 0) {
        status = (int)run(&options, argc, argv, pool);
    }
    status = (int)ctl_output_end((ctl_status_t)status);
    apr_pool_destroy(pool);
    apr_terminate();
    return status;
}
