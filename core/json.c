/*
 * JSON on json-c (the contract stands in json.h). Says of an error where it is and what was
 * expected, so that a person can act on it. Must never quote the text it reads: bodies hold
 * personal data, and the reasons end in logs and dead letters.
 */
#include "core/json.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <limits.h>
#include <string.h>

#include "core/charset.h"
#include "core/json_scan.h"

#define UINT64_MOST "18446744073709551615"
#define INT64_LEAST "9223372036854775808" /* below zero */

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

/* ---- integers beyond 64 bits ---- */

/* Whether a number as it stands in the text is an integer that json-c would cut to the largest it
 * knows. The grammar has been checked: there are no leading zeros. */
static int is_long_integer(const char *number, apr_size_t len)
{
    int negative = *number == '-';
    const char *most = negative ? INT64_LEAST : UINT64_MOST;
    apr_size_t digits = len - (apr_size_t)negative, i;

    for (i = (apr_size_t)negative; i < len; i++) {
        if (!apr_isdigit(number[i])) {
            return 0;
        }
    }
    return digits > strlen(most) ||
           (digits == strlen(most) && memcmp(number + negative, most, digits) > 0);
}

/* The next such integer from *at on, which is outside of strings: its length, and *at where it
 * begins. 0 when there is none. */
static apr_size_t next_long_integer(const char *data, apr_size_t len, apr_size_t *at)
{
    apr_size_t i, n;

    for (i = *at; i < len; i++) {
        if (data[i] == '"') {
            for (i++; i < len && data[i] != '"'; i++) {
                i += data[i] == '\\';
            }
        }
        else if (data[i] == '-' || apr_isdigit(data[i])) {
            for (n = 1;
                 i + n < len && (apr_isdigit(data[i + n]) || strchr("+-.eE", data[i + n]));) {
                n++;
            }
            if (is_long_integer(data + i, n)) {
                *at = i;
                return n;
            }
            i += n - 1;
        }
    }
    return 0;
}

/* Puts such integers in quotes, so that their digits stay. */
static const char *keep_digits(apr_size_t *len, const char *data, apr_pool_t *pool)
{
    apr_size_t at, from = 0, n, found = 0;
    char *out, *to;

    for (at = 0; (n = next_long_integer(data, *len, &at)) > 0; at += n) {
        found++;
    }
    if (found == 0) {
        return data;
    }
    to = out = apr_palloc(pool, *len + found * 2);
    for (at = 0; (n = next_long_integer(data, *len, &at)) > 0; from = at) {
        memcpy(to, data + from, at - from);
        to += at - from;
        *to++ = '"';
        memcpy(to, data + at, n);
        to += n;
        *to++ = '"';
        at += n;
    }
    memcpy(to, data + from, *len - from);
    *len += found * 2;
    return out;
}

/* ---- reading ---- */

static apr_status_t put_value(void *value)
{
    json_object_put(value);
    return APR_SUCCESS;
}

/* json-c's part, after the grammar has been checked. */
static json_object *build(const char *data, apr_size_t len)
{
    json_tokener *tokener = json_tokener_new_ex(CRM360_SCAN_LEVELS + 1);
    json_object *value;

    if (!tokener) {
        return NULL;
    }
    value = json_tokener_parse_ex(tokener, data, (int)len);
    if (json_tokener_get_error(tokener) == json_tokener_continue) {
        /* A number at the very end is only known to be complete when something follows it. */
        value = json_tokener_parse_ex(tokener, "\n", 1);
    }
    json_tokener_free(tokener);
    return value;
}

/* Checks, repairs and builds. `scan` is fresh. */
static apr_status_t parse(json_object **value, const char **why, crm360_scan_t *scan,
                          const char *data, apr_size_t len, apr_pool_t *pool)
{
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
    data = keep_digits(&len, data, pool);
    *value = build(data, len);
    if (*value) {
        apr_pool_cleanup_register(pool, *value, put_value, apr_pool_cleanup_null);
        return APR_SUCCESS;
    }
    /* json-c stands for null with NULL, and for its failures too. */
    scan->at = 0;
    crm360_scan_blanks(scan);
    if (crm360_scan_look(scan) == 'n') {
        return APR_SUCCESS;
    }
    *why = "this JSON is beyond the parser";
    return APR_EINVAL;
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

const char *crm360_json_quote(const char *text, apr_pool_t *pool)
{
    json_object *string = json_object_new_string(text);
    const char *quoted;

    if (!string) {
        return "\"\"";
    }
    quoted =
        apr_pstrdup(pool, json_object_to_json_string_ext(string, JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(string);
    return quoted;
}
