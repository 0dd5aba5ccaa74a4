/*
 * The one way out for log lines of everything below httpd. Formats, defuses control characters and
 * hands over; must never fail, allocate or block.
 */
#include "core/log.h"

#include <apr_lib.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/log_line.h"
#include "core/status.h"

#define WORDS_BYTES 1000
/* "CRM0310: ", as CRM360_LOGNO() writes it. */
#define CODE_LENGTH 7
#define CODE_AND_COLON (CODE_LENGTH + 2)

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

/* Set before threads start, read only afterwards. Either `write` or `write_line`. */
static struct {
    crm360_log_write_t *write;
    crm360_log_write_line_t *write_line;
    void *baton;
    crm360_log_level_t level;
} sink = {write_stderr, NULL, NULL, CRM360_LOG_INFO};

void crm360_log_set(crm360_log_write_t *write, void *baton, crm360_log_level_t level)
{
    sink.write = write;
    sink.write_line = NULL;
    sink.baton = baton;
    sink.level = level;
}

void crm360_log_set_lines(crm360_log_write_line_t *write, void *baton, crm360_log_level_t level)
{
    sink.write = NULL;
    sink.write_line = write;
    sink.baton = baton;
    sink.level = level;
}

/* Whether a format begins with a code. Only ours do: what somebody else wrote comes by an
 * argument. */
static int has_code(const char *format)
{
    int i;

    for (i = 3; strncmp(format, "CRM", 3) == 0 && i < CODE_LENGTH && apr_isdigit(format[i]);) {
        i++;
    }
    return i == CODE_LENGTH && format[i] == ':' && format[i + 1] == ' ';
}

static void hand_over(crm360_log_level_t level, apr_status_t rv,
                      const crm360_log_message_t *message, const char *format, va_list args)
{
    crm360_log_line_t line = {.level = level, .rv = rv, .message = message};
    char words[WORDS_BYTES], code[CODE_LENGTH + 1] = "", text[CRM360_LOG_TEXT_BYTES];
    unsigned char *at;

    if (has_code(format)) {
        memcpy(code, format, CODE_LENGTH);
        format += CODE_AND_COLON;
    }
    vsnprintf(words, sizeof words, format, args);
    for (at = (unsigned char *)words; *at; at++) {
        if (*at < 0x20 || *at == 0x7f) {
            *at = '?';
        }
    }
    line.code = code;
    line.words = words;
    if (sink.write_line) {
        sink.write_line(sink.baton, &line);
        return;
    }
    crm360_log_line_text(text, &line);
    sink.write(sink.baton, level, rv, text);
}

void crm360_log(crm360_log_level_t level, apr_status_t rv, const char *format, ...)
{
    va_list args;

    if (level > sink.level) {
        return;
    }
    va_start(args, format);
    hand_over(level, rv, NULL, format, args);
    va_end(args);
}

void crm360_log_message(crm360_log_level_t level, const crm360_log_message_t *message,
                        const char *format, ...)
{
    va_list args;

    if (level > sink.level) {
        return;
    }
    va_start(args, format);
    hand_over(level, APR_SUCCESS, message, format, args);
    va_end(args);
}

const char *crm360_log_level_name(crm360_log_level_t level)
{
    static const char *const names[] = {"error", "warning", "notice", "info", "debug", "trace"};

    return (unsigned)level < sizeof names / sizeof names[0] ? names[level] : "unknown";
}
