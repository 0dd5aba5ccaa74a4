/*
 * The elements of a batch: where each value of a JSON array, or of newline-delimited JSON, begins
 * and ends. Nothing is built and nothing copied: a body of any length costs no more memory than it
 * has.
 */
#ifndef CRM360_ELEMENTS_H
#define CRM360_ELEMENTS_H

#include <apr_pools.h>

/* What a body is, as far as its beginning shows. */
typedef enum {
    CRM360_ELEMENTS_NONE,  /* one value, or no JSON: it has no elements */
    CRM360_ELEMENTS_ARRAY, /* it begins like a JSON array */
    CRM360_ELEMENTS_LINES  /* values separated by line feeds: said to be, or more than one there */
} crm360_elements_kind_t;

/* Looks at the first value of a body, no further. `content_type` may be NULL. A text that begins
 * with [ is an array and one value, unless the content type says that it is newline-delimited. */
crm360_elements_kind_t crm360_elements_kind(const char *content_type, const char *body,
                                            apr_size_t len);

typedef struct crm360_elements_t crm360_elements_t;

/* Begins to read the elements of a body that is not CRM360_ELEMENTS_NONE. The body is borrowed. */
crm360_elements_t *crm360_elements_make(crm360_elements_kind_t kind, const char *body,
                                        apr_size_t len, apr_pool_t *pool);

/* The next element, without white space around: *element points into the body. APR_EOF after the
 * last, when the body is whole to its end; APR_EINVAL where it is not: as strict as
 * crm360_json_parse(), but for the number of values. */
apr_status_t crm360_elements_next(const char **element, apr_size_t *len,
                                  crm360_elements_t *elements) __attribute__((warn_unused_result));

/* After APR_EINVAL: "line L, column C: " and what was expected, in `pool`. Quotes nothing. */
const char *crm360_elements_why(const crm360_elements_t *elements, apr_pool_t *pool);

#endif
