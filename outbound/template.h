/*
 * Texts with variables: {{var:Name}} and {{var:Name:"default"}}, the form of Mailjet's template
 * language (https://dev.mailjet.com/template-language/reference/). Pure functions.
 */
#ifndef OUTBOUND_TEMPLATE_H
#define OUTBOUND_TEMPLATE_H

#include <apr_tables.h>
#include <json-c/json.h>

typedef enum {
    OUTBOUND_TEMPLATE_TEXT, /* values as they are */
    OUTBOUND_TEMPLATE_HTML, /* values escaped, so that they are text wherever they stand */
    OUTBOUND_TEMPLATE_LINE  /* control characters of values become blanks: for a header field */
} outbound_template_t;

/* Puts the values of the members of `variables` (an object, or NULL; borrowed) in their places. A
 * value is never expanded again. A variable that is not there and has no default is empty, and its
 * name is added to `unknown` (const char *, each once; may be NULL). In `pool`. */
const char *outbound_template_render(const char *text, outbound_template_t form,
                                     json_object *variables, apr_array_header_t *unknown,
                                     apr_pool_t *pool);

#endif
