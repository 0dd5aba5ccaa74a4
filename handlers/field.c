/* Reading members of a JSON object (see field.h). Must never log what it reads. */
#include "handlers/field.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>
#include <strings.h>

#include "crm/date.h"
#include "crm/person.h"

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

/* A copy without blanks at its ends, NULL when nothing is left. Control characters become blanks;
 * `kept` names those that stay. */
static const char *cleaned(const char *from, size_t length, const char *kept, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, length + 1), *to = text;
    size_t i;

    for (i = 0; i < length; i++) {
        char c = from[i];

        if (c == '\r' && i + 1 < length && from[i + 1] == '\n') {
            continue;
        }
        /* A NUL (\u0000) would end the text early; databases refuse it. */
        if (c != '\0') {
            *to++ = apr_iscntrl(c) && !strchr(kept, c) ? ' ' : c;
        }
    }
    while (to > text && apr_isspace(to[-1])) {
        to--;
    }
    *to = '\0';
    text += strspn(text, " \t\n");
    return *text ? text : NULL;
}

/* A member as text. */
static handler_field_t read_text(const char **text, json_object *object, const char *name,
                                 const char *kept, apr_pool_t *pool)
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
        *text = cleaned(json_object_get_string(value), (size_t)json_object_get_string_len(value),
                        kept, pool);
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

handler_field_t handler_field_text(const char **text, json_object *object, const char *name,
                                   apr_pool_t *pool)
{
    return read_text(text, object, name, "", pool);
}

handler_field_t handler_field_block(const char **text, json_object *object, const char *name,
                                    apr_pool_t *pool)
{
    return read_text(text, object, name, "\n\t", pool);
}

/* As handler_field_text(), for a name that may lead into nested objects. */
static handler_field_t follow(const char **text, json_object *object, const char *name,
                              apr_pool_t *pool)
{
    const char *dot = strchr(name, '.');
    json_object *inner;

    if (!dot || json_object_object_get_ex(object, name, NULL)) {
        return handler_field_text(text, object, name, pool);
    }
    *text = NULL;
    if (handler_field_object(&inner, object, apr_pstrmemdup(pool, name, (size_t)(dot - name))) !=
        HANDLER_FIELD_VALUE) {
        return HANDLER_FIELD_ABSENT;
    }
    return follow(text, inner, dot + 1, pool);
}

handler_field_t handler_field_any(const char **text, json_object *object, const char *const *names,
                                  apr_pool_t *pool)
{
    handler_field_t field, best = HANDLER_FIELD_ABSENT;
    size_t i;

    *text = NULL;
    for (i = 0; names[i] && best != HANDLER_FIELD_VALUE; i++) {
        field = follow(text, object, names[i], pool);
        best = field == HANDLER_FIELD_ABSENT ? best : field;
    }
    return best;
}

handler_field_t handler_field_id(const char **text, json_object *object, const char *name,
                                 apr_pool_t *pool)
{
    handler_field_t field = handler_field_text(text, object, name, pool);

    if (field == HANDLER_FIELD_VALUE &&
        (json_object_is_type(member(&field, object, name), json_type_double) ||
         strlen(*text) > CRM_IDENTIFIER_MOST)) {
        *text = NULL;
        return HANDLER_FIELD_ABSENT;
    }
    return field;
}

/* A member of one type, borrowed. */
static handler_field_t read_type(json_object **value, json_object *object, const char *name,
                                 json_type type)
{
    handler_field_t field;

    *value = member(&field, object, name);
    if (*value && !json_object_is_type(*value, type)) {
        *value = NULL;
        return HANDLER_FIELD_ABSENT;
    }
    return field;
}

handler_field_t handler_field_object(json_object **value, json_object *object, const char *name)
{
    return read_type(value, object, name, json_type_object);
}

handler_field_t handler_field_array(json_object **value, json_object *object, const char *name)
{
    return read_type(value, object, name, json_type_array);
}

/* What a word says: 1, 0, or -1 when it is none of ours. */
static int word_flag(const char *text)
{
    static const struct {
        const char *word;
        int value;
    } words[] = {{"true", 1},  {"1", 1}, {"yes", 1}, {"y", 1}, {"on", 1},  {"oui", 1},
                 {"false", 0}, {"0", 0}, {"no", 0},  {"n", 0}, {"off", 0}, {"non", 0}};
    size_t i;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(words[i].word, text) == 0) {
            return words[i].value;
        }
    }
    return -1;
}

handler_field_t handler_field_flag(int *value, json_object *object, const char *name)
{
    handler_field_t field;
    json_object *found = member(&field, object, name);
    char word[8]; /* longer than the longest, so that what is cut is none */
    const char *text;
    int flag;

    *value = 0;
    if (!found) {
        return field;
    }
    text = json_object_get_string(found);
    text += strspn(text, " \t\r\n");
    if (*text == '\0') {
        return HANDLER_FIELD_NULL;
    }
    apr_cpystrn(word, text, sizeof(word));
    word[strcspn(word, " \t\r\n")] = '\0';
    flag = text[strlen(word) + strspn(text + strlen(word), " \t\r\n")] ? -1 : word_flag(word);
    *value = flag == 1;
    return flag < 0 ? HANDLER_FIELD_ABSENT : HANDLER_FIELD_VALUE;
}

handler_field_t handler_field_time(apr_int64_t *ms, json_object *object, const char *name,
                                   apr_pool_t *pool)
{
    const char *text;
    handler_field_t field = handler_field_text(&text, object, name, pool);
    size_t digits = text ? strspn(text, "0123456789") : 0;

    *ms = 0;
    if (field != HANDLER_FIELD_VALUE) {
        return field;
    }
    if (strncmp(text, "0000-00-00", 10) == 0) {
        return HANDLER_FIELD_NULL;
    }
    if (text[digits] == '\0' && (digits == 10 || digits == 13)) {
        *ms = apr_atoi64(text) * (digits == 10 ? 1000 : 1);
        return HANDLER_FIELD_VALUE;
    }
    if (crm_date_parse(ms, text) != APR_SUCCESS) {
        *ms = 0;
        return HANDLER_FIELD_ABSENT;
    }
    return HANDLER_FIELD_VALUE;
}

int handler_field_date(apr_int64_t *ms, json_object *object, const char *name, apr_pool_t *pool)
{
    const char *text;

    return handler_field_text(&text, object, name, pool) == HANDLER_FIELD_VALUE &&
           crm_date_parse(ms, text) == APR_SUCCESS;
}
