/*
 * Texts with variables: {{var:Name}} and {{var:Name:"default"}}, the form of Mailjet's template
 * language (https://dev.mailjet.com/template-language/reference/). Pure functions.
 */
#ifndef OUTBOUND_TEMPLATE_H
#define OUTBOUND_TEMPLATE_H

#include <apr_tables.h>
#include <json-c/json.h>

#define OUTBOUND_RENDERED_MOST (4 * 1024 * 1024) /* bytes of a text with its values */
#define OUTBOUND_UNKNOWN_MOST 100                /* names of unknown variables that are noted */

typedef enum {
    OUTBOUND_TEMPLATE_TEXT, /* values as they are */
    OUTBOUND_TEMPLATE_HTML, /* values escaped, so that they are text wherever they stand */
    OUTBOUND_TEMPLATE_LINE  /* control characters of values become blanks: for a header field */
} outbound_template_t;

/* Puts the values of the members of `variables` (an object, or NULL; borrowed) in their places.
 *
 * A name is spelt as the member is; "order.total" is also the member `total` of the object `order`.
 * A default is a JSON string, number, true, false or null. Blanks between the parts do no harm. A
 * text stands as it is, another value as its JSON; null is empty. Values and defaults are never
 * expanded again. Whatever else stands in braces ({% if %}, {{data:x}}, what is not closed) stays.
 *
 * A variable that is not there and has no default is empty, and its name is added to `unknown`
 * (const char *, each once, the first OUTBOUND_UNKNOWN_MOST; may be NULL).
 *
 * In `pool`. NULL when the result would be longer than OUTBOUND_RENDERED_MOST: a few bytes of
 * template can name a long value very often. */
const char *outbound_template_render(const char *text, outbound_template_t form,
                                     json_object *variables, apr_array_header_t *unknown,
                                     apr_pool_t *pool);

#endif
