/*
 * The body of a command as fields to read. What the fields of a command must be stands in
 * core/command.c; a handler reads only what has been checked, and adds what only it can know.
 */
#ifndef HANDLERS_COMMAND_H
#define HANDLERS_COMMAND_H

#include "core/command.h"
#include "core/message.h"

typedef struct handler_command_t {
    json_object *body; /* an object, borrowed from `pool` */
    apr_pool_t *pool;
} handler_command_t;

/* Reads and checks the body: one object in JSON, strict or relaxed (crm360_json_parse_relaxed()),
 * an array of one, or a form. 0 with *reason when it is none, or when a field is not what it must
 * be (crm360_command_check(), with the default sender of `database`). The rest lives in `pool`. */
int handler_command_read(handler_command_t *command, const char **reason,
                         const crm360_message_t *message, const crm360_database_t *database,
                         apr_pool_t *pool);

/* A field by its documented name, which the body may spell in any case. Absent, null and blank are
 * NULL. */

/* A text of one line: trimmed, control characters become blanks. */
const char *handler_command_text(const handler_command_t *command, const char *name);

/* A text of several lines, as it came. */
const char *handler_command_block(const handler_command_t *command, const char *name);

/* An id; 0 = none. */
int handler_command_id(const handler_command_t *command, const char *name);

/* An object, given as one or as its JSON text. Borrowed. */
json_object *handler_command_object(const handler_command_t *command, const char *name);

#endif
