/*
 * The one way out for log lines of everything below httpd. Formats, defuses control characters and
 * hands over; must never fail, allocate or block.
 */
#include "core/log.h"

#include "core/status.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_BYTES 1000

static void write_stderr(void *baton, crm360_log_level_t level, apr_status_t rv, const char *text)
{
    char status[200];

    (void)baton;
    if (rv == APR_SUCCESS) {
        fprintf(stderr, "%s: %s\n", crm360_log_level_name(level), text);
        return;
    }
    fprintf(stderr, "%s: (%d)%s: %s\n", crm360_log_level_name(level), rv,
            crm360_status_text(rv, status, sizeof status), text);
}

/* Set once before threads start, read only afterwards. */
static struct {
    crm360_log_write_t *write;
    void *baton;
    crm360_log_level_t level;
} sink = {write_stderr, NULL, CRM360_LOG_INFO};

void crm360_log_set(crm360_log_write_t *write, void *baton, crm360_log_level_t level)
{
    sink.write = write;
    sink.baton = baton;
    sink.level = level;
}

void crm360_log(crm360_log_level_t level, apr_status_t rv, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list args;
    unsigned char *at;

    if (level > sink.level) {
        return;
    }
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    for (at = (unsigned char *)line; *at; at++) {
        if (*at < 0x20 || *at == 0x7f) {
            *at = '?';
        }
    }
    sink.write(sink.baton, level, rv, line);
}

const char *crm360_log_level_name(crm360_log_level_t level)
{
    static const char *const names[] = {"error", "warning", "notice", "info", "debug", "trace"};

    return (unsigned)level < sizeof names / sizeof names[0] ? names[level] : "unknown";
}
