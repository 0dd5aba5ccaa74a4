/* Reading the bodies of commands (see command.h). Must never log or quote what it reads. */
#include "handlers/command.h"

#include <apr_strings.h>

#include <string.h>

#include "core/json.h"
#include "handlers/body.h"
#include "handlers/field.h"

int handler_command_read(handler_command_t *command, const char **reason,
                         const crm360_message_t *message, const crm360_database_t *database,
                         apr_pool_t *pool)
{
    apr_array_header_t *bodies;
    crm360_param_error_t error;

    if (message->body_len == 0) {
        *reason = "there is no body: expected a command as a JSON object";
        return 0;
    }
    if (!handler_body_events(&bodies, reason, message,
                             HANDLER_BODY_JSON | HANDLER_BODY_FORM | HANDLER_BODY_RELAXED, pool)) {
        return 0;
    }
    if (bodies->nelts != 1) {
        *reason = "the body is an array of several objects, or of none: expected one command";
        return 0;
    }
    command->body = APR_ARRAY_IDX(bodies, 0, json_object *);
    command->pool = pool;
    if (crm360_command_check(&error, crm360_command_find(message->route), command->body, database,
                             pool) != APR_SUCCESS) {
        *reason = error.detail;
        return 0;
    }
    return 1;
}

const char *handler_command_text(const handler_command_t *command, const char *name)
{
    const char *key = crm360_command_key(command->body, name), *text = NULL;

    if (key) {
        handler_field_text(&text, command->body, key, command->pool);
    }
    return text;
}

const char *handler_command_block(const handler_command_t *command, const char *name)
{
    return crm360_command_text(command->body, name, command->pool);
}

int handler_command_id(const handler_command_t *command, const char *name)
{
    const char *text = handler_command_text(command, name);

    return text ? (int)apr_atoi64(text) : 0;
}

json_object *handler_command_object(const handler_command_t *command, const char *name)
{
    const char *key = crm360_command_key(command->body, name), *text, *why;
    json_object *object = key ? json_object_object_get(command->body, key) : NULL;

    if (json_object_is_type(object, json_type_object)) {
        return object;
    }
    text = crm360_command_text(command->body, name, command->pool);
    if (!text || crm360_json_parse_relaxed(&object, &why, text, strlen(text), command->pool) !=
                     APR_SUCCESS) {
        return NULL;
    }
    return object;
}
