/*
 * Walks over the elements of a batch with the grammar of json_scan.h. Must never build or copy what
 * it reads, and never give out an element of a kind of text that it does not read to the end.
 */
#include "core/elements.h"

#include <apr_cstr.h>

#include <string.h>

#include "core/json_scan.h"

struct crm360_elements_t {
    crm360_scan_t scan;
    crm360_elements_kind_t kind;
    int begun;       /* the first element was asked for */
    const char *why; /* what was expected where it failed */
};

/* Content types of newline-delimited JSON that are in use; none is registered. */
static int says_lines(const char *content_type)
{
    static const char *const types[] = {"application/x-ndjson", "application/ndjson",
                                        "application/jsonl", "application/x-jsonlines",
                                        "application/json-lines"};
    apr_size_t len = content_type ? strcspn(content_type, "; \t") : 0;
    apr_size_t i;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (len == strlen(types[i]) && apr_cstr_casecmpn(content_type, types[i], len) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Steps over white space; whether there was a line feed in it. */
static int skip_line_end(crm360_scan_t *scan)
{
    apr_size_t from = scan->at;

    crm360_scan_blanks(scan);
    return memchr(scan->data + from, '\n', scan->at - from) != NULL;
}

static int at_end(const crm360_scan_t *scan)
{
    return scan->at >= scan->len;
}

crm360_elements_kind_t crm360_elements_kind(const char *content_type, const char *body,
                                            apr_size_t len)
{
    crm360_scan_t scan = {.data = body, .len = len};

    if (says_lines(content_type)) {
        return CRM360_ELEMENTS_LINES;
    }
    crm360_scan_mark(&scan);
    crm360_scan_blanks(&scan);
    if (crm360_scan_look(&scan) == '[') {
        return CRM360_ELEMENTS_ARRAY;
    }
    if (crm360_scan_value(&scan) == NULL && skip_line_end(&scan) && !at_end(&scan)) {
        return CRM360_ELEMENTS_LINES;
    }
    return CRM360_ELEMENTS_NONE;
}

crm360_elements_t *crm360_elements_make(crm360_elements_kind_t kind, const char *body,
                                        apr_size_t len, apr_pool_t *pool)
{
    crm360_elements_t *elements = apr_pcalloc(pool, sizeof *elements);

    elements->kind = kind;
    elements->scan.data = body;
    elements->scan.len = len;
    elements->scan.within = kind == CRM360_ELEMENTS_ARRAY;
    crm360_scan_mark(&elements->scan);
    return elements;
}

static apr_status_t fail(crm360_elements_t *elements, const char *expected)
{
    elements->why = expected;
    return APR_EINVAL;
}

/* Behind the array, where nothing may stand. */
static apr_status_t end_array(crm360_elements_t *elements)
{
    elements->scan.at++;
    crm360_scan_blanks(&elements->scan);
    return at_end(&elements->scan) ? APR_EOF : fail(elements, "expected nothing after the array");
}

/* Goes to the next value of an array: over [, or over the comma. */
static apr_status_t step_array(crm360_elements_t *elements)
{
    crm360_scan_t *scan = &elements->scan;
    int first = !elements->begun;

    crm360_scan_blanks(scan);
    if (!first && crm360_scan_look(scan) == ']') {
        return end_array(elements);
    }
    if (crm360_scan_look(scan) != (first ? '[' : ',')) {
        return fail(elements, first ? "expected [" : "expected , or ] in an array");
    }
    scan->at++;
    crm360_scan_blanks(scan);
    return first && crm360_scan_look(scan) == ']' ? end_array(elements) : APR_SUCCESS;
}

/* Goes to the next value of newline-delimited JSON: over at least one line feed. */
static apr_status_t step_lines(crm360_elements_t *elements)
{
    int parted = skip_line_end(&elements->scan);

    if (at_end(&elements->scan)) {
        return APR_EOF;
    }
    return parted || !elements->begun ? APR_SUCCESS
                                      : fail(elements, "expected a line feed after the value");
}

apr_status_t crm360_elements_next(const char **element, apr_size_t *len,
                                  crm360_elements_t *elements)
{
    crm360_scan_t *scan = &elements->scan;
    const char *why;
    apr_status_t rv;

    rv = elements->kind == CRM360_ELEMENTS_ARRAY ? step_array(elements) : step_lines(elements);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    elements->begun = 1;
    *element = scan->data + scan->at;
    why = crm360_scan_value(scan);
    if (why) {
        return fail(elements, why);
    }
    *len = (apr_size_t)(scan->data + scan->at - *element);
    return APR_SUCCESS;
}

const char *crm360_elements_why(const crm360_elements_t *elements, apr_pool_t *pool)
{
    return crm360_scan_place(&elements->scan, elements->why, pool);
}
