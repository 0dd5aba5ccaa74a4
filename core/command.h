/*
 * The bodies of commands: which fields each has, and what they must be. The same table for httpd,
 * which refuses what can be seen at once, and for the handlers (handlers/command.h). Pure, any
 * thread. Never quotes what it reads.
 */
#ifndef CRM360_COMMAND_H
#define CRM360_COMMAND_H

#include <apr_pools.h>
#include <json-c/json.h>

#include "core/config.h"
#include "core/params.h"
#include "core/route.h"

#define CRM360_COMMAND_FIELDS 8 /* most fields of a command */
/* What is looked at while the caller waits: most bytes of a body, and values in it. */
#define CRM360_COMMAND_GLANCE 65536
#define CRM360_COMMAND_GLANCE_VALUES 1000

typedef enum {
    CRM360_FIELD_TEXT,      /* a text; a number counts as its digits */
    CRM360_FIELD_ADDRESS,   /* a mail address */
    CRM360_FIELD_ADDRESSES, /* one or several of them, parted by , or ; */
    CRM360_FIELD_PHONE,     /* a phone number as people write it */
    CRM360_FIELD_ID,        /* a whole number from 1 to `most`, or its digits */
    CRM360_FIELD_OBJECT     /* an object, or the JSON text of one */
} crm360_field_kind_t;

typedef enum {
    CRM360_FIELD_OPTIONAL,
    CRM360_FIELD_REQUIRED,
    CRM360_FIELD_ONE_OF, /* at least one of those must be there */
    CRM360_FIELD_SENDER  /* required, unless the database's section has Crm360EmailFrom */
} crm360_field_need_t;

typedef struct crm360_field_t {
    const char *name; /* as the API's page spells it; NULL ends the list */
    crm360_field_kind_t kind;
    crm360_field_need_t need;
    int most;            /* of an id */
    const char *meaning; /* a sentence for callers */
} crm360_field_t;

typedef struct crm360_command_t {
    const char *route; /* "Crm360/Sms/Send" */
    crm360_field_t fields[CRM360_COMMAND_FIELDS + 1];
} crm360_command_t;

/* What a field must be, as it stands behind "must be": "a phone number". In `pool`. */
const char *crm360_field_expected(const crm360_field_t *field, apr_pool_t *pool);

/* The command of a route, NULL when it is none. */
const crm360_command_t *crm360_command_find(const crm360_route_t *route);

/* The name under which `body` (an object) has a field: spelt exactly, else in any case; NULL when
 * it has none. Borrowed. */
const char *crm360_command_key(json_object *body, const char *name);

/* A field of `body` (an object) as text, without NUL and otherwise as it came; a number as it was
 * written. NULL when there is none, when it is blank, and when it is no text. In `pool`. */
const char *crm360_command_text(json_object *body, const char *name, apr_pool_t *pool);

/* Checks the documented fields of `body` (an object); null and blank text are no value. APR_EINVAL:
 * error->parameter is the field, error->detail a sentence without full stop that begins with its
 * name and says what it must be. Mail addresses outside ASCII and the plans of phone numbers are
 * left to the handlers. `database` NULL: whether there is a default sender is not known. */
apr_status_t crm360_command_check(crm360_param_error_t *error, const crm360_command_t *command,
                                  json_object *body, const crm360_database_t *database,
                                  apr_pool_t *pool) __attribute__((warn_unused_result));

/* What the intake sees of a body without effort: when it is an object in JSON, strict or relaxed,
 * that has at least one field of the command, it is checked as above. Everything else is
 * APR_SUCCESS, for a command may be many things that only its handler reads. */
apr_status_t crm360_command_glance(crm360_param_error_t *error, const crm360_command_t *command,
                                   const char *body, apr_size_t len,
                                   const crm360_database_t *database, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
