/*
 * Logging for everything below httpd: core, crm, handlers, consumer and ctl write through one
 * callback, and whoever owns the process (the httpd module, the daemon, the command) plugs in where
 * the lines go. Never pass a secret, a body, a phone number or a mail address at info or above.
 */
#ifndef CRM360_LOG_H
#define CRM360_LOG_H

#include <apr_errno.h>
#include <apr_time.h>

/* What a level means: error = this request or message failed; warning = it will be retried, or
 * something is degraded; notice = what an error or warning has told of is over; info = life of the
 * process, and the end of a message; debug = decisions; trace = bytes. */
typedef enum {
    CRM360_LOG_ERROR,
    CRM360_LOG_WARNING,
    CRM360_LOG_NOTICE,
    CRM360_LOG_INFO,
    CRM360_LOG_DEBUG,
    CRM360_LOG_TRACE
} crm360_log_level_t;

/* The code in front of every line from warning upward: CRM360_LOGNO(0101) "text". Codes are never
 * reused; each is explained in doc/errors.txt (a test compares). Ranges: 0001 configuration,
 * 0101 Redis and queue, 0201 module, 0301 consumer, 0401 CRM database, 0501 handlers, 0601 ctl. */
#define CRM360_LOGNO(code) "CRM" #code ": "

/* The message that a line is about, beside its words: for programs, which shall not have to take
 * the words apart. What is not known is NULL, 0 or -1. All strings are borrowed for the call. */
typedef struct crm360_log_message_t {
    const char *id;
    const char *database;     /* "customer/alias" */
    const char *route;        /* "Shopify/Order/Insert" */
    int attempt;              /* from 1 on */
    const char *outcome;      /* one word: done, split, retry, ... (doc/errors.txt) */
    apr_interval_time_t took; /* in its handler, microseconds; -1 = none has run */
    const char *trace;        /* id of the trace that it belongs to */
} crm360_log_message_t;

/* One line, as it is handed over. */
typedef struct crm360_log_line_t {
    crm360_log_level_t level;
    apr_status_t rv;   /* APR_SUCCESS = there is no status to add */
    const char *code;  /* "CRM0310"; "" = none */
    const char *words; /* without code and control characters; "" = the outcome says it all */
    const crm360_log_message_t *message; /* NULL = it is about none */
} crm360_log_line_t;

/* Receives a line with its parts (core/log_line.h writes them). May be called by any thread of the
 * process. */
typedef void crm360_log_write_line_t(void *baton, const crm360_log_line_t *line);

/* Receives one finished line without a line feed: code, what it says of a message, words. Any
 * thread. */
typedef void crm360_log_write_t(void *baton, crm360_log_level_t level, apr_status_t rv,
                                const char *text);

/* Sends all lines up to and including `level` to `write`, in place of what was set before. Call
 * before threads start. Before the first call lines go to standard error, up to info. */
void crm360_log_set(crm360_log_write_t *write, void *baton, crm360_log_level_t level);
void crm360_log_set_lines(crm360_log_write_line_t *write, void *baton, crm360_log_level_t level);

/* Writes one line (at most 1,000 bytes of words; more is cut). Control characters are replaced by
 * '?', so that a caller's text cannot forge a line. */
void crm360_log(crm360_log_level_t level, apr_status_t rv, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same about a message. The format may be "" when the outcome says it all. */
void crm360_log_message(crm360_log_level_t level, const crm360_log_message_t *message,
                        const char *format, ...) __attribute__((format(printf, 3, 4)));

/* "error", "warning", ...; never NULL. */
const char *crm360_log_level_name(crm360_log_level_t level);

#endif
