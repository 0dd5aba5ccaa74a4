/* Reading members of a JSON object (see field.h). Must never log what it reads. */
#include "handlers/field.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>
#include <strings.h>

#include "crm/date.h"

/* The member, NULL when it is absent or null; *field says which. */
static json_object *member(handler_field_t *field, json_object *object, const char *name)
{
    json_object *value = NULL;

    *field = HANDLER_FIELD_ABSENT;
    if (json_object_is_type(object, json_type_object) &&
        json_object_object_get_ex(object, name, &value)) {
        *field = value ? HANDLER_FIELD_VALUE : HANDLER_FIELD_NULL;
    }
    return value;
}

/* A copy in one line without blanks at its ends; NULL when nothing is left. */
static const char *one_line(const char *from, size_t length, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, length + 1), *to = text;
    size_t i;

    for (i = 0; i < length; i++) {
        /* A NUL (\u0000) would end the text early; databases refuse it. */
        if (from[i] != '\0') {
            *to++ = apr_iscntrl(from[i]) ? ' ' : from[i];
        }
    }
    while (to > text && to[-1] == ' ') {
        to--;
    }
    *to = '\0';
    text += strspn(text, " ");
    return *text ? text : NULL;
}

handler_field_t handler_field_text(const char **text, json_object *object, const char *name,
                                   apr_pool_t *pool)
{
    handler_field_t field;
    json_object *value = member(&field, object, name);
    const char *found;

    *text = NULL;
    if (!value) {
        return field;
    }
    switch (json_object_get_type(value)) {
    case json_type_string:
        *text = one_line(json_object_get_string(value), (size_t)json_object_get_string_len(value),
                         pool);
        return *text ? HANDLER_FIELD_VALUE : HANDLER_FIELD_NULL;
    case json_type_int:
    case json_type_double:
        /* json-c keeps the text of a decimal as it was written. */
        found = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
        *text = apr_pstrdup(pool, found);
        return HANDLER_FIELD_VALUE;
    default:
        return HANDLER_FIELD_ABSENT;
    }
}

handler_field_t handler_field_object(json_object **value, json_object *object, const char *name)
{
    handler_field_t field;

    *value = member(&field, object, name);
    if (*value && !json_object_is_type(*value, json_type_object)) {
        *value = NULL;
        return HANDLER_FIELD_ABSENT;
    }
    return field;
}

handler_field_t handler_field_flag(int *value, json_object *object, const char *name)
{
    handler_field_t field;
    json_object *found = member(&field, object, name);
    const char *text;

    *value = 0;
    if (!found) {
        return field;
    }
    text = json_object_get_string(found);
    if (strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0) {
        *value = 1;
        return HANDLER_FIELD_VALUE;
    }
    return strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0 ? HANDLER_FIELD_VALUE
                                                                    : HANDLER_FIELD_ABSENT;
}

int handler_field_date(apr_int64_t *ms, json_object *object, const char *name, apr_pool_t *pool)
{
    const char *text;

    return handler_field_text(&text, object, name, pool) == HANDLER_FIELD_VALUE &&
           crm_date_parse(ms, text) == APR_SUCCESS;
}
