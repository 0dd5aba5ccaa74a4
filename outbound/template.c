/*
 * Texts with variables (the contract stands in template.h). One pass over the text; what follows
 * from a value is written, never read. Must never log a value or take one for a part of the
 * template.
 */
#include "outbound/template.h"

#include <apr_strings.h>

#include <string.h>

#include "outbound/placeholder.h"

/* ---- what is written ---- */

typedef struct rendering_t {
    outbound_template_t form;
    json_object *variables;
    apr_array_header_t *unknown;
    char *out; /* `len` of `size` bytes, in `pool` */
    apr_size_t len;
    apr_size_t size;
    apr_size_t taken; /* bytes of values, also of those that leave nothing behind */
    int is_full;
    apr_pool_t *pool;
} rendering_t;

static void put(rendering_t *rendering, const char *text, apr_size_t len)
{
    apr_size_t size = rendering->size;
    char *larger;

    if (rendering->is_full || len > OUTBOUND_RENDERED_MOST - rendering->len) {
        rendering->is_full = 1;
        return;
    }
    while (size < rendering->len + len) {
        size *= 2;
    }
    if (size > rendering->size) {
        larger = apr_palloc(rendering->pool, size);
        memcpy(larger, rendering->out, rendering->len);
        rendering->out = larger;
        rendering->size = size;
    }
    memcpy(rendering->out + rendering->len, text, len);
    rendering->len += len;
}

static const char *html_escape(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* How many bytes of valid UTF-8 are a control character or the end of a line: those of ASCII,
 * U+0080 to U+009F (with NEL), U+2028 and U+2029. */
static apr_size_t count_control(const char *text, apr_size_t len)
{
    const unsigned char *c = (const unsigned char *)text;

    if (c[0] < 0x20 || c[0] == 0x7F) {
        return 1;
    }
    if (len >= 2 && c[0] == 0xC2 && c[1] < 0xA0) {
        return 2;
    }
    return len >= 3 && c[0] == 0xE2 && c[1] == 0x80 && (c[2] == 0xA8 || c[2] == 0xA9) ? 3 : 0;
}

/* What stands for the character at `text` in the form of the rendering, NULL when that is itself;
 * *bytes is how long it is. */
static const char *replacement(apr_size_t *bytes, outbound_template_t form, const char *text,
                               apr_size_t len)
{
    *bytes = 1;
    if (*text == '\0') {
        return "";
    }
    if (form == OUTBOUND_TEMPLATE_HTML) {
        return html_escape(*text);
    }
    if (form == OUTBOUND_TEMPLATE_LINE && (*bytes = count_control(text, len)) > 0) {
        return " ";
    }
    *bytes = 1;
    return NULL;
}

static void put_value(rendering_t *rendering, json_object *value)
{
    const char *text = "", *instead;
    apr_size_t len = 0, i, from = 0, bytes;

    if (json_object_is_type(value, json_type_string)) {
        text = json_object_get_string(value);
        len = (apr_size_t)json_object_get_string_len(value);
    }
    else if (value) {
        text = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
                                                         JSON_C_TO_STRING_NOSLASHESCAPE);
        len = strlen(text);
    }
    rendering->taken += len;
    rendering->is_full |= rendering->taken > OUTBOUND_RENDERED_MOST;
    for (i = 0; i < len && !rendering->is_full; i += bytes) {
        instead = replacement(&bytes, rendering->form, text + i, len - i);
        if (instead) {
            put(rendering, text + from, i - from);
            put(rendering, instead, strlen(instead));
            from = i + bytes;
        }
    }
    put(rendering, text + from, len - from);
}

/* ---- one by one ---- */

/* Looks a name up, whole or by its dots. */
static int find(json_object **value, json_object *object, const char *name, apr_pool_t *pool)
{
    const char *dot;

    while (json_object_is_type(object, json_type_object)) {
        if (json_object_object_get_ex(object, name, value)) {
            return 1;
        }
        dot = strchr(name, '.');
        if (!dot || !json_object_object_get_ex(
                        object, apr_pstrmemdup(pool, name, (apr_size_t)(dot - name)), &object)) {
            return 0;
        }
        name = dot + 1;
    }
    return 0;
}

static void note_unknown(apr_array_header_t *unknown, const char *name)
{
    int i;

    for (i = 0; i < unknown->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(unknown, i, const char *), name) == 0) {
            return;
        }
    }
    if (unknown->nelts < OUTBOUND_UNKNOWN_MOST) {
        *(const char **)apr_array_push(unknown) = name;
    }
}

static void put_variable(rendering_t *rendering, const outbound_placeholder_t *variable)
{
    json_object *value;

    if (!find(&value, rendering->variables, variable->name, rendering->pool)) {
        value = variable->otherwise;
        if (!variable->has_default && rendering->unknown) {
            note_unknown(rendering->unknown, variable->name);
        }
    }
    put_value(rendering, value);
}

const char *outbound_template_render(const char *text, outbound_template_t form,
                                     json_object *variables, apr_array_header_t *unknown,
                                     apr_pool_t *pool)
{
    const char *end = text + strlen(text);
    rendering_t rendering = {
        .form = form, .variables = variables, .unknown = unknown, .pool = pool};
    outbound_placeholder_t variable;

    rendering.size = (apr_size_t)(end - text) + 256;
    rendering.out = apr_palloc(pool, rendering.size);
    while (!rendering.is_full && outbound_placeholder_find(&variable, text, end, pool)) {
        put(&rendering, text, (apr_size_t)(variable.start - text));
        put_variable(&rendering, &variable);
        text = variable.end;
    }
    put(&rendering, text, (apr_size_t)(end - text));
    put(&rendering, "", 1);
    return rendering.is_full ? NULL : rendering.out;
}
