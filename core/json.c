/*
 * Strict JSON on json-c (the contract stands in json.h). Says of an error where it is and what was
 * expected, so that a person can act on it. Must never quote the text it reads: bodies hold
 * personal data, and the reasons end in logs and dead letters.
 */
#include "core/json.h"

#include <apr_strings.h>

#include <limits.h>
#include <string.h>

#include "core/json_scan.h"

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

/* Length of the UTF-8 sequence at `s`, 0 when it is not one (Unicode 15, table 3-7). */
static apr_size_t sequence_length(const unsigned char *s, apr_size_t left)
{
    unsigned char low = 0x80, high = 0xBF;
    apr_size_t length, i;

    if (s[0] < 0x80) {
        return 1;
    }
    if (s[0] < 0xC2 || s[0] > 0xF4) {
        return 0;
    }
    length = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    if (length > left) {
        return 0;
    }
    /* The first byte narrows the second: no overlong forms, no surrogates, nothing past
     * U+10FFFF. */
    switch (s[0]) {
    case 0xE0:
        low = 0xA0;
        break;
    case 0xED:
        high = 0x9F;
        break;
    case 0xF0:
        low = 0x90;
        break;
    case 0xF4:
        high = 0x8F;
        break;
    default:
        break;
    }
    if (s[1] < low || s[1] > high) {
        return 0;
    }
    for (i = 2; i < length; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return length;
}

const char *crm360_utf8_clean(apr_size_t *out_len, const char *data, apr_size_t len,
                              apr_pool_t *pool)
{
    const unsigned char *in = (const unsigned char *)data;
    apr_size_t i, n, wrong = 0, dropped = 0;
    char *out, *to;

    for (i = 0; i < len; i += n ? n : 1) {
        n = sequence_length(in + i, len - i);
        wrong += n == 0;
        dropped += in[i] == 0;
    }
    if (wrong == 0 && dropped == 0) {
        *out_len = len;
        return data;
    }
    to = out = apr_palloc(pool, len + wrong * (sizeof(replacement) - 2) + 1);
    for (i = 0; i < len; i += n ? n : 1) {
        n = sequence_length(in + i, len - i);
        if (n == 0) {
            memcpy(to, replacement, sizeof(replacement) - 1);
            to += sizeof(replacement) - 1;
        }
        else if (in[i] != 0) {
            memcpy(to, in + i, n);
            to += n;
        }
    }
    *to = '\0';
    *out_len = (apr_size_t)(to - out);
    return out;
}

/* The grammar first. NULL, or what was expected at scan->at. */
static const char *scan_text(crm360_scan_t *scan)
{
    const char *why;

    crm360_scan_blanks(scan);
    why = crm360_scan_value(scan);
    if (!why) {
        crm360_scan_blanks(scan);
        why = scan->at < scan->len ? "expected nothing after the value" : NULL;
    }
    return why;
}

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

apr_status_t crm360_json_parse(json_object **value, const char **why, const char *data,
                               apr_size_t len, apr_pool_t *pool)
{
    crm360_scan_t scan = {.counts = 1};

    *value = NULL;
    scan.data = crm360_utf8_clean(&scan.len, data, len, pool);
    crm360_scan_mark(&scan);
    *why = scan.len > INT_MAX ? "the text is too long" : scan_text(&scan);
    if (*why) {
        *why = crm360_scan_place(&scan, *why, pool);
        return APR_EINVAL;
    }
    *value = build(scan.data, scan.len);
    if (*value) {
        apr_pool_cleanup_register(pool, *value, put_value, apr_pool_cleanup_null);
        return APR_SUCCESS;
    }
    /* json-c stands for null with NULL, and for its failures too. */
    scan.at = 0;
    crm360_scan_blanks(&scan);
    if (crm360_scan_look(&scan) == 'n') {
        return APR_SUCCESS;
    }
    *why = "this JSON is beyond the parser";
    return APR_EINVAL;
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
