/*
 * Fuzz target: texts with variables. The first line of an input is the template with byte 1 for a
 * line feed, the rest is JSON (relaxed) with the variables.
 *
 * Whatever has no placeholder comes out as it was; what is put in by a value is never expanded, is
 * no markup in HTML and no second line in a header field; the result keeps within its bound, and
 * each unknown name is noted once.
 */
#include "t/fuzz/fuzz.h"

#include <apr_strings.h>

#include <string.h>

#include "core/json.h"
#include "outbound/placeholder.h"
#include "outbound/template.h"

/* The placeholders of a text, each behind the one before it. */
static int count(const char *text, apr_pool_t *pool)
{
    const char *end = text + strlen(text);
    outbound_placeholder_t found;
    int n = 0;

    while (outbound_placeholder_find(&found, text, end, pool)) {
        expect(found.start >= text && found.end > found.start && found.end <= end, text);
        expect(found.start[0] == '{' && found.start[1] == '{' && found.end[-1] == '}' &&
                   found.end[-2] == '}',
               text);
        expect(found.name != NULL, text);
        text = found.end;
        n++;
    }
    return n;
}

static void check_unknown(const apr_array_header_t *unknown)
{
    int i, j;

    expect(unknown->nelts <= OUTBOUND_UNKNOWN_MOST, NULL);
    for (i = 0; i < unknown->nelts; i++) {
        for (j = 0; j < i; j++) {
            expect(!fuzz_same(APR_ARRAY_IDX(unknown, i, const char *),
                              APR_ARRAY_IDX(unknown, j, const char *)),
                   APR_ARRAY_IDX(unknown, i, const char *));
        }
    }
}

/* A value of its own in the middle of a text: how it must come out. */
static void check_value(const char *value, apr_pool_t *pool)
{
    static const char template[] = "<{{var:a}}>";
    json_object *variables = json_object_new_object();
    const char *text, *c;

    json_object_object_add(variables, "a", json_object_new_string(value));
    text = outbound_template_render(template, OUTBOUND_TEMPLATE_TEXT, variables, NULL, pool);
    expect(text && fuzz_same(text, apr_pstrcat(pool, "<", value, ">", NULL)), text);
    text = outbound_template_render(template, OUTBOUND_TEMPLATE_HTML, variables, NULL, pool);
    expect(text && !strpbrk(apr_pstrndup(pool, text + 1, strlen(text) - 2), "<>\"'"), text);
    text = outbound_template_render(template, OUTBOUND_TEMPLATE_LINE, variables, NULL, pool);
    for (c = text; *c; c++) {
        expect((unsigned char)*c >= ' ' && *c != 0x7f, text);
    }
    json_object_put(variables);
}

void fuzz_one(const char *data, apr_size_t len, apr_pool_t *pool)
{
    static const outbound_template_t forms[] = {OUTBOUND_TEMPLATE_TEXT, OUTBOUND_TEMPLATE_HTML,
                                                OUTBOUND_TEMPLATE_LINE};
    apr_array_header_t *unknown = apr_array_make(pool, 1, sizeof(const char *));
    char *template, *c;
    json_object *variables = NULL;
    const char *why, *text;
    int i, placeholders;

    if (len > 8192) {
        return;
    }
    template = apr_pstrdup(pool, fuzz_text(&data, &len, '\n', pool));
    for (c = template; *c; c++) {
        *c = *c == 1 ? '\n' : *c;
    }
    if (crm360_json_parse_relaxed(&variables, &why, data, len, pool) != APR_SUCCESS ||
        !json_object_is_type(variables, json_type_object)) {
        variables = NULL;
    }
    placeholders = count(template, pool);
    for (i = 0; i < 3; i++) {
        text = outbound_template_render(template, forms[i], variables, unknown, pool);
        expect(!text || strlen(text) <= OUTBOUND_RENDERED_MOST, template);
        expect(placeholders || fuzz_same(text, template), template);
    }
    check_unknown(unknown);
    expect(unknown->nelts <= placeholders, template);
    check_value(fuzz_text(&data, &len, '\0', pool), pool);
}
