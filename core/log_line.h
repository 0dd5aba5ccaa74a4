/*
 * A log line as text for persons and as JSON for programs. Whatever is in it, it stays one line,
 * and one object: nobody's text forges another. Never allocates, never fails; what is too long is
 * cut. Any thread.
 */
#ifndef CRM360_LOG_LINE_H
#define CRM360_LOG_LINE_H

#include "core/log.h"

/* Room for any line with its NUL, so that a pipe takes it whole. */
#define CRM360_LOG_TEXT_BYTES 2400
#define CRM360_LOG_JSON_BYTES 4000

/* Code, what the line says of a message, and its words, without level and status:
 * "CRM0310: id=... database=acme/prod route=Shopify/Order/Insert attempt=1 outcome=retry ms=12: the
 * words". `to` has CRM360_LOG_TEXT_BYTES. */
void crm360_log_line_text(char *to, const crm360_log_line_t *line);

/* One JSON object in valid UTF-8: time (`now`, RFC 3339 with ms), level, code, pid, what the line
 * says of a message (id, database, route, attempt, outcome, ms, trace), and message: its words with
 * the status. What is not known is left out. `to` has CRM360_LOG_JSON_BYTES. */
void crm360_log_line_json(char *to, const crm360_log_line_t *line, apr_time_t now, int pid);

/* The priority of a level as syslog and the journal number them, 3 (error) to 7 (debug). */
int crm360_log_priority(crm360_log_level_t level);

#endif
