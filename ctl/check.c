/*
 * crm360ctl check: the configuration against the servers that it names. Must change nothing, send
 * nothing, and never hang: whatever a server or a resolver does, each check ends in its time.
 */
#include "ctl/check.h"

#include <apr_hash.h>
#include <apr_strings.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "ctl/ctl.h"
#include "ctl/options.h"
#include "ctl/output.h"

#define TIME_DEFAULT (10 * APR_USEC_PER_SEC)
#define LINE_MOST 2000 /* bytes of one finding: a pipe takes it whole */
#define BLOCK 65536    /* bytes read at a time */

enum { TIMEOUT };

static const ctl_option_t options[] = {
    {"timeout", "TIME", "how long each check may take, as 2s (default 10s)"},
    CTL_OPTION_JSON,
    {NULL, NULL, NULL},
};

static const ctl_column_t columns[] = {
    {"result", "RESULT", CTL_TEXT, 0},
    {"check", "CHECK", CTL_TEXT, 0},
    {"subject", "OF", CTL_TEXT, 0},
    {"text", "WHAT", CTL_TEXT, 0},
};

typedef struct run_t {
    ctl_check_t check;
    ctl_table_t *table;
    int is_table;
    apr_int64_t found[CTL_CHECK_RESULTS];
} run_t;

static const char *take(void *baton, int which, const char *value, apr_pool_t *pool)
{
    run_t *run = baton;
    const char *fault = ctl_read_interval(&run->check.most, value);

    (void)which;
    (void)pool;
    return fault ? fault : run->check.most < APR_USEC_PER_SEC ? "wants at least 1s" : NULL;
}

/* ---- findings ---- */

void ctl_check_say(const ctl_check_t *check, ctl_check_result_t result, const char *name,
                   const char *subject, const char *format, ...)
{
    const char *text, *line;
    va_list args;

    va_start(args, format);
    text = apr_pvsprintf(check->pool, format, args);
    va_end(args);
    line = apr_psprintf(check->pool, "%d\t%s\t%s\t%.*s\n", (int)result, name,
                        ctl_plain(subject, check->pool), LINE_MOST, ctl_plain(text, check->pool));
    if (write(check->out, line, strlen(line)) < 0) {
        return; /* who listened has given up */
    }
}

static void show(run_t *run, int result, const char *name, const char *subject, const char *text)
{
    static const char *const words[][2] = {
        [CTL_CHECK_OK] = {"ok", "ok"},       [CTL_CHECK_INFO] = {"info", "info"},
        [CTL_CHECK_WARN] = {"warn", "warn"}, [CTL_CHECK_FAIL] = {"fail", "FAIL"},
        [CTL_CHECK_AWAY] = {"away", "AWAY"},
    };

    run->found[result]++;
    ctl_cell_text(run->table, words[result][run->is_table]);
    ctl_cell_text(run->table, name);
    ctl_cell_text(run->table, subject);
    ctl_cell_text(run->table, text);
    ctl_row_end(run->table);
}

/* Takes the text up to a tab off *rest. */
static char *next_field(char **rest)
{
    char *field = *rest, *tab = strchr(field, '\t');

    if (tab) {
        *tab = '\0';
    }
    *rest = tab ? tab + 1 : field + strlen(field);
    return field;
}

static void show_all(run_t *run, char *lines)
{
    char *line, *last = NULL;

    for (line = apr_strtok(lines, "\n", &last); line; line = apr_strtok(NULL, "\n", &last)) {
        const char *result = next_field(&line);
        const char *name = next_field(&line);
        const char *subject = next_field(&line);

        if (*result >= '0' && *result < '0' + CTL_CHECK_RESULTS) {
            show(run, *result - '0', name, subject, line);
        }
    }
}

/* ---- a process for each ---- */

/* Reads what a check says until it ends: whole lines. All of it is read before any is shown: a
 * reader who takes his time, as a pager, must not make a check look late. 0 when it took too
 * long. */
static int listen_to(char **text, int in, apr_time_t until, apr_pool_t *pool)
{
    struct pollfd ready = {.fd = in, .events = POLLIN};
    apr_size_t len = 0, room = BLOCK;
    apr_time_t left;
    ssize_t got = 1;

    *text = apr_palloc(pool, room + 1);
    while (got != 0 && (left = until - crm360_clock()) > 0) {
        int polled = poll(&ready, 1, (int)(left / 1000) + 1);

        if (len == room) {
            char *more = apr_palloc(pool, 2 * room + 1);

            *text = memcpy(more, *text, len);
            room *= 2;
        }
        got = polled > 0 ? read(in, *text + len, room - len) : -1;
        if (got < 0 && polled != 0 && errno != EINTR) {
            break;
        }
        len += got > 0 ? (apr_size_t)got : 0;
    }
    while (len > 0 && (*text)[len - 1] != '\n') {
        len--;
    }
    (*text)[len] = '\0';
    return got == 0;
}

/* What the queue would say in a log: the findings say it. */
static void say_nothing(void *baton, crm360_log_level_t level, apr_status_t rv, const char *text)
{
    (void)baton;
    (void)level;
    (void)rv;
    (void)text;
}

/* Runs a check in a process of its own. `name` and `subject` are for when it says nothing. */
static void run_check(run_t *run, ctl_check_run_t *check, const void *what, const char *name,
                      const char *subject)
{
    ctl_check_t *shared = &run->check;
    int pipes[2], status = 0, in_time;
    apr_pool_t *pool;
    char *text;
    pid_t pid;

    apr_pool_create(&pool, shared->pool);
    apr_pool_tag(pool, "crm360ctl_check");
    if (pipe(pipes) < 0 || (pid = fork()) < 0) {
        show(run, CTL_CHECK_FAIL, name, subject, "no process for it");
        return;
    }
    if (pid == 0) {
        ctl_check_t own = *shared;

        close(pipes[0]);
        own.out = pipes[1];
        own.pool = pool;
        crm360_log_set(say_nothing, NULL, CRM360_LOG_ERROR);
        check(&own, what);
        _exit(0);
    }
    close(pipes[1]);
    in_time = listen_to(&text, pipes[0], crm360_clock() + shared->most, pool);
    close(pipes[0]);
    if (!in_time) {
        kill(pid, SIGKILL); /* else its end would be waited for */
    }
    waitpid(pid, &status, 0);
    show_all(run, text);
    if (!in_time) {
        show(run, CTL_CHECK_AWAY, name, subject,
             apr_psprintf(pool, "no answer within %s", ctl_span_text(shared->most, pool)));
    }
    else if (status != 0) {
        show(run, CTL_CHECK_FAIL, name, subject, "the check itself has failed");
    }
    apr_pool_destroy(pool);
}

/* ---- all of them ---- */

/* Each provider once: several databases may have the same. */
static void check_providers(run_t *run, const crm360_database_t *database, apr_hash_t *seen)
{
    int i;

    for (i = 0; i < CRM360_SENDS; i++) {
        const crm360_provider_t *provider = database->providers[i];

        if (provider && !apr_hash_get(seen, provider->url, APR_HASH_KEY_STRING)) {
            apr_hash_set(seen, provider->url, APR_HASH_KEY_STRING, provider);
            run_check(run, ctl_check_provider, provider, "provider", provider->url);
        }
    }
}

static void check_databases(run_t *run, const apr_array_header_t *databases)
{
    apr_hash_t *seen = apr_hash_make(run->check.pool);
    int i;

    for (i = 0; i < databases->nelts && !ctl_output_ended(); i++) {
        const crm360_database_t *database = APR_ARRAY_IDX(databases, i, const crm360_database_t *);

        run_check(run, ctl_check_database, database, "database",
                  apr_pstrcat(run->check.pool, database->customer, "/", database->alias, NULL));
        check_providers(run, database, seen);
    }
}

/* Those that are named, or all. NULL when one is not there: that is said. */
static const apr_array_header_t *choose(const crm360_config_t *config, const ctl_words_t *words,
                                        apr_pool_t *pool)
{
    apr_array_header_t *chosen;
    int i;

    if (words->count == 0) {
        return crm360_config_databases(config);
    }
    chosen = apr_array_make(pool, words->count, sizeof(const crm360_database_t *));
    for (i = 0; i < words->count; i++) {
        const crm360_database_t *database = ctl_database_named(config, words->rest[i], pool);

        if (!database) {
            return NULL;
        }
        APR_ARRAY_PUSH(chosen, const crm360_database_t *) = database;
    }
    return chosen;
}

static ctl_status_t run_all(const crm360_config_t *config, int count, const char *const *text,
                            apr_pool_t *pool)
{
    run_t run = {.check = {.config = config, .most = TIME_DEFAULT, .pool = pool}};
    const apr_array_header_t *all = crm360_config_databases(config), *databases;
    ctl_output_t *output;
    ctl_words_t words;
    int status = ctl_options_read(&words, &ctl_check, take, &run, count, text, pool);

    if (status >= 0) {
        return (ctl_status_t)status;
    }
    databases = choose(config, &words, pool);
    if (!databases) {
        return CTL_USAGE;
    }
    run.check.file = all->nelts ? APR_ARRAY_IDX(all, 0, const crm360_database_t *)->file : NULL;
    output = ctl_output_make(words.json, pool);
    run.is_table = ctl_output_form(output) == CTL_FORM_TABLE;
    run.table = ctl_table_begin(output, NULL, columns, sizeof(columns) / sizeof(columns[0]));
    run_check(&run, ctl_check_secrets, NULL, "secrets", "");
    run_check(&run, ctl_check_files, NULL, "folders", "");
    if (crm360_config_spool(config)) {
        run_check(&run, ctl_check_spool, NULL, "spool", crm360_config_spool(config)->folder);
    }
    run_check(&run, ctl_check_redis, NULL, "redis", crm360_config_redis(config, pool)->text);
    check_databases(&run, databases);
    ctl_table_end(run.table);
    fprintf(stderr,
            "%" APR_INT64_T_FMT " ok, %" APR_INT64_T_FMT " warnings, %" APR_INT64_T_FMT
            " failed, %" APR_INT64_T_FMT " out of reach\n",
            run.found[CTL_CHECK_OK] + run.found[CTL_CHECK_INFO], run.found[CTL_CHECK_WARN],
            run.found[CTL_CHECK_FAIL], run.found[CTL_CHECK_AWAY]);
    return run.found[CTL_CHECK_FAIL] ? CTL_FAILED : run.found[CTL_CHECK_AWAY] ? CTL_AWAY : CTL_FINE;
}

const ctl_verb_t ctl_check = {
    .name = "check",
    .words = "[customer/alias ...] [option ...]",
    .summary = "hold the configuration against the servers that it names",
    .help = "Looks at secrets, folders and the spool, at Redis (sentinels, settings, replicas,\n"
            "rights, clock, scripts), at crm360d, and at each database and provider, or those of\n"
            "the databases that are named. Prints a line for each check: ok, info, warn, FAIL, or\n"
            "AWAY for a server that is out of reach, and what to do. Changes nothing and sends\n"
            "nothing. Run it as root, to have the rights of crm360d's user tried.\n"
            "Exit status: 0 all is fine, with or without warnings, 1 something failed, 4 only\n"
            "servers are out of reach.\n",
    .options = options,
    .examples = "  crm360ctl check\n"
                "  crm360ctl check acme/prod --timeout 3s\n"
                "  crm360ctl check --json | jq -r 'select(.result == \"fail\").text'\n",
    .run = run_all};
