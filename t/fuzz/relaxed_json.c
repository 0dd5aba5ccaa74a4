/*
 * Fuzz target: JSON, strict and relaxed, and the elements of a batch. The input is the text.
 *
 * What is strict is what json-c reads of it, and means the same to the relaxed reader; what only
 * the relaxed reader takes, comes out as strict JSON; a refusal says where; the elements of a batch
 * are those of the array, and cover it.
 */
#include "t/fuzz/fuzz.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "core/charset.h"
#include "core/elements.h"
#include "core/json.h"
#include "core/json_scan.h"

#define PLAIN (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

static const char *plain(json_object *value)
{
    return json_object_to_json_string_ext(value, PLAIN);
}

/* Whether there may be a number that we keep as a string, and json-c cuts. */
static int has_long_number(const char *text)
{
    int digits = 0;

    for (; *text; text++) {
        digits = apr_isdigit(*text) ? digits + 1 : 0;
        if (digits > 18) {
            return 1;
        }
    }
    return 0;
}

/* json-c 0.16 takes a pair that stands for U+1D800 to U+1DFFF, or the same in another plane, for a
 * surrogate once more: 0xD836 and 0xD837, and each 64 further, begin one. */
static int has_pair_misread(const char *text)
{
    while ((text = strstr(text, "\\u"))) {
        text += 2;
        if (apr_isxdigit(text[0]) && strspn(text, "0123456789abcdefABCDEF") >= 4) {
            char digits[5] = {text[0], text[1], text[2], text[3]};
            long code = strtol(digits, NULL, 16);

            if ((code & 0xFC00) == 0xD800 && (code & 0x3E) == 0x36) {
                return 1;
            }
        }
    }
    return 0;
}

/* ---- one value ---- */

/* The text as json-c alone reads it: one value with nothing but white space behind. */
static void check_json_c(json_object *ours, const char *data, apr_size_t len, apr_pool_t *pool)
{
    json_tokener *tokener = json_tokener_new_ex(CRM360_SCAN_LEVELS + 1);
    apr_size_t clean_len;
    const char *clean = crm360_utf8_clean(&clean_len, data, len, pool);
    const char *text = apr_pstrndup(pool, clean, clean_len);
    json_object *theirs;

    text += strncmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    theirs = json_tokener_parse_ex(tokener, text, (int)strlen(text) + 1);
    expect(json_tokener_get_error(tokener) == json_tokener_success, text);
    if (!has_long_number(text) && !has_pair_misread(text)) {
        expect(json_object_equal(ours, theirs), text);
        expect(fuzz_same(plain(ours), plain(theirs)), text);
    }
    json_object_put(theirs);
    json_tokener_free(tokener);
}

static void check_why(const char *why)
{
    const char *c;

    expect(why && (strncmp(why, "line ", 5) == 0 ||
                   strcmp(why, "this JSON is beyond the parser") == 0),
           why);
    for (c = why; *c; c++) {
        expect(*c >= ' ' && *c <= '~', why);
    }
}

/* What is given out is strict JSON of the same value. */
static void check_written(json_object *value, apr_pool_t *pool)
{
    const char *text = plain(value), *why = "";
    json_object *again;

    expect(crm360_json_parse(&again, &why, text, strlen(text), pool) == APR_SUCCESS, text);
    expect(json_object_equal(value, again), text);
}

/* ---- elements ---- */

/* What may stand between two elements: white space, the array's own signs, and NUL, which is read
 * over wherever it is. */
static int is_between(const char *from, const char *to, int array)
{
    for (; from < to; from++) {
        if (*from && !strchr(array ? " \t\r\n[]," : " \t\r\n", *from)) {
            return 0;
        }
    }
    return 1;
}

static void check_elements(json_object *whole, const char *data, apr_size_t len,
                           crm360_elements_kind_t kind, apr_pool_t *pool)
{
    crm360_elements_t *elements = crm360_elements_make(kind, data, len, pool);
    const char *at = data + (len >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0);
    const char *element, *why;
    int array = kind == CRM360_ELEMENTS_ARRAY;
    apr_size_t element_len, count = 0;
    apr_status_t rv;

    while ((rv = crm360_elements_next(&element, &element_len, elements)) == APR_SUCCESS) {
        json_object *value;

        expect(element >= at && element_len > 0 && element + element_len <= data + len, NULL);
        expect(is_between(at, element, array), NULL);
        expect(crm360_json_parse(&value, &why, element, element_len, pool) == APR_SUCCESS, why);
        if (array && whole) {
            expect(count < json_object_array_length(whole), NULL);
            expect(json_object_equal(value, json_object_array_get_idx(whole, count)), plain(whole));
        }
        at = element + element_len;
        count++;
    }
    if (rv == APR_EINVAL) {
        check_why(crm360_elements_why(elements, pool));
        expect(!array || !whole, plain(whole));
        return;
    }
    expect(rv == APR_EOF && is_between(at, data + len, array), NULL);
    if (array) {
        expect(whole && count == json_object_array_length(whole), NULL);
    }
}

void fuzz_one(const char *data, apr_size_t len, apr_pool_t *pool)
{
    json_object *strict = NULL, *relaxed = NULL;
    const char *why = NULL;
    crm360_elements_kind_t kind;
    apr_status_t rv;

    if (len > 65536) {
        return;
    }
    rv = crm360_json_parse(&strict, &why, data, len, pool);
    if (rv == APR_SUCCESS) {
        check_json_c(strict, data, len, pool);
        check_written(strict, pool);
    }
    else {
        check_why(why);
    }
    if (crm360_json_parse_relaxed(&relaxed, &why, data, len, pool) == APR_SUCCESS) {
        check_written(relaxed, pool);
        expect(rv != APR_SUCCESS || json_object_equal(strict, relaxed), plain(strict));
    }
    else {
        check_why(why);
        expect(rv != APR_SUCCESS, why);
    }
    kind = crm360_elements_kind(NULL, data, len);
    if (kind != CRM360_ELEMENTS_NONE) {
        check_elements(rv == APR_SUCCESS ? strict : NULL, data, len, kind, pool);
    }
    check_elements(NULL, data, len, CRM360_ELEMENTS_LINES, pool);
}
