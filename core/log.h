/*
 * Logging for everything below httpd: core, crm, handlers, consumer and ctl write through one
 * callback, and whoever owns the process (the httpd module, the daemon, the command) plugs in where
 * the lines go. Never pass a secret, a body, a phone number or a mail address at info or above.
 */
#ifndef CRM360_LOG_H
#define CRM360_LOG_H

#include <apr_errno.h>

/* What a level means: error = this request or message failed; warning = it will be retried, or
 * something is degraded; notice = what an error or warning has told of is over; info = life of the
 * process; debug = decisions; trace = bytes. */
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

/* Receives one finished line without a line feed. rv is APR_SUCCESS when there is no status to add.
 * May be called by any thread of the process. */
typedef void crm360_log_write_t(void *baton, crm360_log_level_t level, apr_status_t rv,
                                const char *text);

/* Sends all lines up to and including `level` to `write`. Call once, before threads start. Before
 * the first call lines go to standard error. */
void crm360_log_set(crm360_log_write_t *write, void *baton, crm360_log_level_t level);

/* Writes one line (at most 1,000 bytes; a longer one is cut). Control characters are replaced by
 * '?', so that a caller's text cannot forge a line. */
void crm360_log(crm360_log_level_t level, apr_status_t rv, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "error", "warning", ...; never NULL. */
const char *crm360_log_level_name(crm360_log_level_t level);

#endif
