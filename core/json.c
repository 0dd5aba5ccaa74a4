/*
 * JSON on json-c (the contract stands in json.h). Says of an error where it is and what was
 * expected, so that a person can act on it. Must never quote the text it reads: bodies hold
 * personal data, and the reasons end in logs and dead letters.
 */
#include "core/json.h"

#include <apr_strings.h>

#include <limits.h>
#include <string.h>

#include "core/charset.h"
#include "core/json_build.h"
#include "core/json_scan.h"

/* The grammar first. NULL, or what was expected at scan->at. */
static const char *scan_text(crm360_scan_t *scan)
{
    const char *why;

    if (scan->len > INT_MAX / 2) {
        return "expected a shorter text";
    }
    crm360_scan_blanks(scan);
    why = crm360_scan_value(scan);
    if (!why) {
        crm360_scan_blanks(scan);
        why = scan->at < scan->len ? "expected nothing after the value" : NULL;
    }
    if (!why && scan->repairs && scan->repairs->nelts == CRM360_SCAN_REPAIRS) {
        scan->at = APR_ARRAY_IDX(scan->repairs, CRM360_SCAN_REPAIRS - 1, crm360_repair_t).at;
        why = "expected fewer than " APR_STRINGIFY(CRM360_SCAN_REPAIRS) " slips from strict JSON";
    }
    return why;
}

/* ---- relaxed text ---- */

/* The same as strict JSON. */
static const char *repaired(apr_size_t *len, const crm360_scan_t *scan, apr_pool_t *pool)
{
    const crm360_repair_t *repairs = (const crm360_repair_t *)scan->repairs->elts;
    char *text = apr_pstrmemdup(pool, scan->data, scan->len);
    char *out = apr_palloc(pool, scan->len + (apr_size_t)scan->repairs->nelts), *to = out;
    apr_size_t from = 0;
    int i;

    /* A comma is known to be one too many only behind the blanks that follow it, so what becomes a
     * blank stands in no order. */
    for (i = 0; i < scan->repairs->nelts; i++) {
        if (!repairs[i].put) {
            text[repairs[i].at] = ' ';
        }
    }
    for (i = 0; i < scan->repairs->nelts; i++) {
        if (repairs[i].put) {
            memcpy(to, text + from, repairs[i].at - from);
            to += repairs[i].at - from;
            *to++ = repairs[i].put;
            from = repairs[i].at;
        }
    }
    memcpy(to, text + from, scan->len - from);
    *len = (apr_size_t)(to - out) + scan->len - from;
    return out;
}

/* ---- reading ---- */

static apr_status_t put_value(void *value)
{
    json_object_put(value);
    return APR_SUCCESS;
}

/* Checks, repairs and builds. `scan` is fresh. */
static apr_status_t parse(json_object **value, const char **why, crm360_scan_t *scan,
                          const char *data, apr_size_t len, apr_pool_t *pool)
{
    int failed;

    *value = NULL;
    scan->counts = 1;
    scan->data = crm360_utf8_clean(&scan->len, data, len, pool);
    crm360_scan_mark(scan);
    *why = scan_text(scan);
    if (*why) {
        *why = crm360_scan_place(scan, *why, pool);
        return APR_EINVAL;
    }
    len = scan->len;
    data = scan->repairs && scan->repairs->nelts > 0 ? repaired(&len, scan, pool) : scan->data;
    *value = crm360_json_build(&failed, apr_pstrmemdup(pool, data, len));
    if (failed) {
        *why = "this JSON is beyond the parser";
        return APR_EINVAL;
    }
    if (*value) {
        apr_pool_cleanup_register(pool, *value, put_value, apr_pool_cleanup_null);
    }
    return APR_SUCCESS;
}

apr_status_t crm360_json_parse(json_object **value, const char **why, const char *data,
                               apr_size_t len, apr_pool_t *pool)
{
    crm360_scan_t scan = {.repairs = NULL};

    return parse(value, why, &scan, data, len, pool);
}

apr_status_t crm360_json_parse_relaxed(json_object **value, const char **why, const char *data,
                                       apr_size_t len, apr_pool_t *pool)
{
    crm360_scan_t scan = {.repairs = apr_array_make(pool, 16, sizeof(crm360_repair_t))};

    return parse(value, why, &scan, data, len, pool);
}

/* How a character is written in a string when not as it is: what follows the backslash. */
static char short_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
        return c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return '\0';
    }
}

/* Bytes of a text as a string with its quotes, at most. */
static apr_size_t quoted_length(const char *text)
{
    apr_size_t length = 2;

    for (; *text; text++) {
        length += (unsigned char)*text < 0x20 ? 6 : *text == '"' || *text == '\\' ? 2 : 1;
    }
    return length;
}

const char *crm360_json_quote(const char *text, apr_pool_t *pool)
{
    char *quoted = apr_palloc(pool, quoted_length(text) + 1), *to = quoted;

    *to++ = '"';
    for (; *text; text++) {
        char escape = short_escape(*text);

        if (escape) {
            *to++ = '\\';
            *to++ = escape;
        }
        else if ((unsigned char)*text < 0x20) {
            to += apr_snprintf(to, 7, "\\u%04x", (unsigned int)*text);
        }
        else {
            *to++ = *text;
        }
    }
    *to++ = '"';
    *to = '\0';
    return quoted;
}

const char *crm360_json_date(apr_time_t when, apr_pool_t *pool)
{
    apr_time_exp_t t;

    apr_time_exp_gmt(&t, when);
    return apr_psprintf(pool, "\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\"", t.tm_year + 1900,
                        t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, t.tm_usec / 1000);
}
