/* crm360d: options, configuration, log, pid file, serve, exit. */
#include <apr_general.h>
#include <apr_getopt.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>

#include <stdio.h>
#include <stdlib.h>

#include "consumer/export.h"
#include "consumer/master.h"
#include "consumer/output.h"
#include "consumer/privileges.h"
#include "consumer/signals.h"
#include "core/config.h"
#include "core/log.h"
#include "core/spool.h"
#include "core/status.h"
#include "core/version.h"
#include "outbound/wallet.h"

enum { EXIT_FINE, EXIT_FAILED, EXIT_USAGE, EXIT_CONFIGURATION };

typedef struct options_t {
    const char *config_file;
    const char *pid_file;
    const char *log_file;
    int test;
    int foreground;
    int verbose;
} options_t;

/* What a reload needs: the configuration is read into a pool of its own, which is the next
 * life's. */
typedef struct life_t {
    const options_t *options;
    crm360_config_t *config;
    apr_pool_t *pool;
    crm360_config_t *next;
    apr_pool_t *next_pool;
} life_t;

static const apr_getopt_option_t option_table[] = {
    {"config", 'c', 1, "configuration file (default " CRM360_CONFIG_FILE ")"},
    {"test", 't', 0, "test the configuration and exit"},
    {"foreground", 'f', 0, "stay in front"},
    {"pidfile", 'p', 1, "write the process id there"},
    {"log", 'l', 1, "log to this file instead of standard error; reopened on HUP"},
    {"verbose", 'v', 0, "log what is decided too"},
    {"version", 'V', 0, "print the version and exit"},
    {"help", 'h', 0, "print this and the directives, and exit"},
    {NULL, 0, 0, NULL},
};

static void print_help(apr_pool_t *pool)
{
    int i;

    printf("crm360d carries queued webhooks into the CRM databases.\n\n"
           "usage: crm360d [-ftvVh] [-c FILE] [-p PIDFILE] [-l LOGFILE]\n\n");
    for (i = 0; option_table[i].optch; i++) {
        printf("  -%c, --%-12s %s\n", option_table[i].optch, option_table[i].name,
               option_table[i].description);
    }
    printf("\nTERM ends it after the messages in hand, HUP reads the configuration again.\n"
           "Exit status: 0 fine, 1 failed, 2 usage, 3 configuration.\n\nDirectives of %s:\n\n%s",
           CRM360_CONFIG_FILE, crm360_directive_help(pool));
}

/* Reads the options. -1 = go on, else the exit status. */
static int read_options(options_t *options, int argc, const char *const *argv, apr_pool_t *pool)
{
    apr_getopt_t *scan;
    const char *value;
    char *absolute;
    apr_status_t rv;
    int letter;

    apr_getopt_init(&scan, pool, argc, argv);
    while ((rv = apr_getopt_long(scan, option_table, &letter, &value)) == APR_SUCCESS) {
        switch (letter) {
        case 'c':
            options->config_file = value;
            break;
        case 'p':
            options->pid_file = value;
            break;
        case 'l':
            options->log_file = value;
            break;
        case 't':
            options->test = 1;
            break;
        case 'f':
            options->foreground = 1;
            break;
        case 'v':
            options->verbose = 1;
            break;
        case 'V':
            printf("crm360d %s\n", CRM360_VERSION);
            return EXIT_FINE;
        default:
            print_help(pool);
            return EXIT_FINE;
        }
    }
    if (options->test && (options->foreground || options->pid_file || options->log_file)) {
        fprintf(stderr, "crm360d: -t starts nothing: it excludes -f, -p and -l\n");
        return EXIT_USAGE;
    }
    if (!options->test && !options->foreground && !options->log_file) {
        fprintf(stderr, "crm360d: in the background it needs -l LOGFILE (-f stays in front)\n");
        return EXIT_USAGE;
    }
    /* Detaching changes the working directory, and HUP reads the file again. */
    if (APR_STATUS_IS_EOF(rv) && scan->ind == argc &&
        apr_filepath_merge(&absolute, NULL, options->config_file, 0, pool) == APR_SUCCESS) {
        options->config_file = absolute;
    }
    else {
        fprintf(stderr, "usage: crm360d [-ftvVh] [-c FILE] [-p PIDFILE] [-l LOGFILE]\n");
        return EXIT_USAGE;
    }
    return -1;
}

/* What is wrong with a wallet's template, which only outbound/ can tell. */
static const char *template_fault(const crm360_config_t *config, apr_pool_t *pool)
{
    const apr_array_header_t *databases = crm360_config_databases(config);
    const char *fault = NULL;
    apr_pool_t *own;
    int i;

    apr_pool_create(&own, pool); /* a template that was read is of no use here */
    apr_pool_tag(own, "crm360_templates");
    for (i = 0; i < databases->nelts && !fault; i++) {
        const crm360_database_t *database = APR_ARRAY_IDX(databases, i, const crm360_database_t *);
        const crm360_provider_t *wallet = database->providers[CRM360_SENDS_WALLET];

        if (wallet && wallet->template) {
            fault = outbound_wallet_template_fault(wallet->template, own);
        }
        if (fault) {
            fault = apr_psprintf(pool, "%s:%d: <Crm360Database %s %s>: Crm360Wallet: template=: %s",
                                 database->file, database->line, database->customer,
                                 database->alias, fault);
        }
    }
    apr_pool_destroy(own);
    return fault;
}

/* Reads the configuration, and looks whether what it names for us is there, and ours to use.
 * *warning: see consumer_privileges_fault(). */
static apr_status_t read_config(crm360_config_t **config, const char **error, const char **warning,
                                const options_t *options, apr_pool_t *pool)
{
    const crm360_spool_place_t *place;
    apr_status_t rv =
        crm360_config_read(config, error, options->config_file, CRM360_READ_CONSUMER, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    place = crm360_config_spool(*config);
    *error = place ? crm360_spool_fault(place, pool) : NULL;
    if (!*error) {
        *error = template_fault(*config, pool);
    }
    if (!*error) {
        *error = consumer_export_fault(crm360_config_dead_limits(*config).export_folder, pool);
    }
    if (!*error) {
        *error =
            consumer_privileges_fault(warning, *config, options->config_file, options->test, pool);
    }
    return *error ? CRM360_ECONFIG : APR_SUCCESS;
}

/* On HUP: the log file is opened again, and the configuration read into the next life's pool. */
static int reload(void *baton)
{
    life_t *life = baton;
    const char *error, *warning;

    consumer_output_reopen();
    apr_pool_create(&life->next_pool, NULL);
    apr_pool_tag(life->next_pool, "crm360_life");
    if (read_config(&life->next, &error, &warning, life->options, life->next_pool) == APR_SUCCESS) {
        crm360_log(CRM360_LOG_INFO, APR_SUCCESS, "configuration read again");
        return 1;
    }
    crm360_log(CRM360_LOG_ERROR, APR_SUCCESS,
               CRM360_LOGNO(0340) "%s; going on with the old configuration", error);
    apr_pool_destroy(life->next_pool);
    life->next_pool = NULL;
    return 0;
}

/* Serving nothing is allowed, and hardly ever meant. */
static void tell_databases(const crm360_config_t *config)
{
    int count = crm360_config_databases(config)->nelts;

    if (count == 0) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0343) "the configuration has no <Crm360Database>: nothing to do");
        return;
    }
    crm360_log(CRM360_LOG_INFO, APR_SUCCESS, "serving %d database%s", count, count == 1 ? "" : "s");
}

/* Said early, for at HUP it would be too late: only an administrator can mend it. */
static void tell_warning(const char *warning)
{
    if (warning) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0392) "the user of Crm360User cannot read the configuration again, "
                                      "which HUP will want: %s",
                   warning);
    }
}

static int serve(life_t *life)
{
    consumer_end_t end = CONSUMER_RELOAD;
    apr_status_t rv = APR_SUCCESS;

    crm360_log(CRM360_LOG_INFO, APR_SUCCESS, "crm360d %s started", CRM360_VERSION);
    while (rv == APR_SUCCESS && end == CONSUMER_RELOAD) {
        consumer_output_format(crm360_config_log_json(life->config));
        tell_databases(life->config);
        rv = consumer_master_run(&end, life->config, reload, life, life->pool);
        if (rv == APR_SUCCESS && end == CONSUMER_RELOAD) {
            apr_pool_destroy(life->pool);
            life->pool = life->next_pool;
            life->config = life->next;
        }
    }
    if (rv != APR_SUCCESS) {
        crm360_log(CRM360_LOG_ERROR, rv, CRM360_LOGNO(0341) "crm360d cannot go on");
        return EXIT_FAILED;
    }
    crm360_log(CRM360_LOG_INFO, APR_SUCCESS, "crm360d stopped");
    return EXIT_FINE;
}

/* Log, pid file, and then the user: what only root may open is open by then. */
static apr_status_t open_all(const options_t *options, const crm360_config_t *config,
                             const char **error, apr_pool_t *pool)
{
    /* Signals first: whoever finds the pid file may send one. */
    apr_status_t rv = consumer_signals_open();

    *error = "signals";
    if (rv == APR_SUCCESS) {
        rv = consumer_output_open(options->log_file, options->foreground, options->pid_file,
                                  options->verbose ? CRM360_LOG_DEBUG : CRM360_LOG_INFO, error,
                                  pool);
    }
    return rv == APR_SUCCESS ? consumer_privileges_drop(error, config, pool) : rv;
}

/* Says why it cannot be. Returns the exit status. */
static int cannot_start(const char *error, apr_status_t rv)
{
    char text[200];

    if (rv == CRM360_EREFUSED) {
        fprintf(stderr, "crm360d: %s\n", error);
        return EXIT_FAILED;
    }
    fprintf(stderr, "crm360d: %s: %s\n", error, crm360_status_text(rv, text, sizeof text));
    return EXIT_FAILED;
}

static int tell_test(const options_t *options, const crm360_config_t *config, const char *warning)
{
    if (warning) {
        fprintf(stderr, "crm360d: as the user of Crm360User: %s\n", warning);
    }
    printf("%s: fine%s\n", options->config_file,
           crm360_config_databases(config)->nelts == 0
               ? ", but without a <Crm360Database> there is nothing to do"
               : "");
    return EXIT_FINE;
}

int main(int argc, const char *const *argv)
{
    options_t options = {.config_file = CRM360_CONFIG_FILE};
    life_t life = {.options = &options};
    const char *error, *warning;
    apr_pool_t *pool;
    apr_status_t rv;
    int status;

    if (apr_app_initialize(&argc, &argv, NULL) != APR_SUCCESS) {
        return EXIT_FAILED;
    }
    apr_pool_create(&pool, NULL);
    status = read_options(&options, argc, argv, pool);
    if (status >= 0) {
        return status;
    }
    apr_pool_create(&life.pool, NULL);
    if (read_config(&life.config, &error, &warning, &options, life.pool) != APR_SUCCESS) {
        fprintf(stderr, "crm360d: %s\n", error);
        return EXIT_CONFIGURATION;
    }
    if (options.test) {
        return tell_test(&options, life.config, warning);
    }
    consumer_output_format(crm360_config_log_json(life.config));
    rv = open_all(&options, life.config, &error, pool);
    if (rv != APR_SUCCESS) {
        return cannot_start(error, rv);
    }
    tell_warning(warning);
    status = serve(&life);
    apr_pool_destroy(life.pool); /* closes the connections */
    consumer_output_close();
    return status;
}
