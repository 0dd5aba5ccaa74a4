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

/* The first of several names (ended by NULL) that has a value, as a text of one line. A name with
 * dots that is no member itself leads into nested objects ("contact.identifier"). Without any
 * value: NULL when one of them says so, else ABSENT. */
handler_field_t handler_field_any(const char **text, json_object *object, const char *const *names,
                                  apr_pool_t *pool);

/* A text of several lines, such as a comment: every line end becomes a line feed, tabs stay, other
 * control characters become blanks; trimmed at both ends. */
handler_field_t handler_field_block(const char **text, json_object *object, const char *name,
                                    apr_pool_t *pool);

/* A platform's id as text, exact at any size: an integer, or a text of one line, of at most
 * CRM_IDENTIFIER_MOST bytes. Numbers with a fraction or an exponent, and longer texts, are ABSENT:
 * they have been through somebody's double, or are no ids. */
handler_field_t handler_field_id(const char **text, json_object *object, const char *name,
                                 apr_pool_t *pool);

/* A nested object; *value is borrowed, NULL unless there is one. */
handler_field_t handler_field_object(json_object **value, json_object *object, const char *name);

/* A nested array, likewise. */
handler_field_t handler_field_array(json_object **value, json_object *object, const char *name);

/* true/false, also as 1/0 or as the text of these, yes/no, y/n, on/off, oui/non (any case); *value
 * is 0 unless it is true. An empty text is NULL: a box that nobody ticked or refused. */
handler_field_t handler_field_flag(int *value, json_object *object, const char *name);

/* A moment in milliseconds since 1970: Unix time in seconds (10 digits) or milliseconds (13), as
 * number or text, or what crm_date_parse() reads (without an offset: UTC). "0000-00-00..." says
 * NULL, what cannot be read is ABSENT; *ms is 0 unless there is a value. */
handler_field_t handler_field_time(apr_int64_t *ms, json_object *object, const char *name,
                                   apr_pool_t *pool);

/* A date (crm_date_parse()): 1 and milliseconds since 1970, or 0 when there is none that can be
 * read. */
int handler_field_date(apr_int64_t *ms, json_object *object, const char *name, apr_pool_t *pool);

#endif
