/*
 * The command's log lines: what fails, or is about to. What it prints as its result is no log line,
 * and what goes on as it should (who is the master, who answers again) is none of a command's that
 * runs for a moment: cron(8) would mail it.
 */
#include "ctl/log.h"

#include <stdio.h>
#include <unistd.h>

#include "core/log_line.h"
#include "core/status.h"

static void write_json(void *baton, const crm360_log_line_t *line)
{
    char text[CRM360_LOG_JSON_BYTES];

    (void)baton;
    crm360_log_line_json(text, line, apr_time_now(), (int)getpid());
    fprintf(stderr, "%s\n", text);
}

/* For people: a status is its words. */
static void write_text(void *baton, crm360_log_level_t level, apr_status_t rv, const char *text)
{
    char status[200];

    (void)baton;
    fprintf(stderr, "%s: %s%s%s\n", crm360_log_level_name(level), text, rv ? ": " : "",
            rv ? crm360_status_text(rv, status, sizeof status) : "");
}

void ctl_log_set(const crm360_config_t *config)
{
    if (crm360_config_log_json(config)) {
        crm360_log_set_lines(write_json, NULL, CRM360_LOG_WARNING);
    }
    else {
        crm360_log_set(write_text, NULL, CRM360_LOG_WARNING);
    }
}
