/*
 * Members of a platform's JSON object, read so that "absent", "null" and a value stay three things,
 * and that a member of the wrong type does no harm. For handlers only.
 */
#ifndef HANDLERS_FIELD_H
#define HANDLERS_FIELD_H

#include <apr_pools.h>
#include <json-c/json.h>

typedef enum {
    HANDLER_FIELD_ABSENT, /* says nothing; also a member of a type that makes no sense there */
    HANDLER_FIELD_NULL,   /* says "empty": null, or a text of blanks */
    HANDLER_FIELD_VALUE
} handler_field_t;

/* A text of one line: trimmed, control characters become blanks. A number counts as its digits.
 * *text is in `pool`, NULL unless there is a value. `object` may be NULL. */
handler_field_t handler_field_text(const char **text, json_object *object, const char *name,
                                   apr_pool_t *pool);

/* A nested object; *value is borrowed, NULL unless there is one. */
handler_field_t handler_field_object(json_object **value, json_object *object, const char *name);

/* true/false, also as 0/1 or a text; *value is 0 unless it is true. */
handler_field_t handler_field_flag(int *value, json_object *object, const char *name);

/* A date (crm_date_parse()): 1 and milliseconds since 1970, or 0 when there is none that can be
 * read. */
int handler_field_date(apr_int64_t *ms, json_object *object, const char *name, apr_pool_t *pool);

#endif
