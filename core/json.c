/*
 * Strict JSON on json-c (the contract stands in json.h). Says of an error where it is and what was
 * expected, so that a person can act on it. Must never quote the text it reads: bodies hold
 * personal data, and the reasons end in logs and dead letters.
 */
#include "core/json.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <limits.h>
#include <string.h>

#define MOST_LEVELS 64
/* A value costs json-c up to 800 bytes, however short its text: this keeps a worker small. */
#define MOST_VALUES 200000

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

/*
 * The grammar of RFC 8259, checked before json-c builds the value: json-c takes single quotes, NaN
 * and raw control characters even when told to be strict, and what it takes differs between
 * versions. Non-recursive, so that a hostile body cannot use up the stack.
 */
typedef struct scan_t {
    const char *data;
    apr_size_t len;
    apr_size_t at;            /* where reading goes on; where it failed */
    char closer[MOST_LEVELS]; /* what ends each open object or array */
    int levels;
    int values;
} scan_t;

static void skip_blanks(scan_t *s)
{
    while (s->at < s->len && (s->data[s->at] == ' ' || s->data[s->at] == '\t' ||
                              s->data[s->at] == '\n' || s->data[s->at] == '\r')) {
        s->at++;
    }
}

/* The character at the place of reading, 0 at the end (a NUL cannot be in cleaned text). */
static char look(const scan_t *s)
{
    return s->at < s->len ? s->data[s->at] : '\0';
}

static const char *scan_escape(scan_t *s)
{
    int i;

    s->at++;
    if (look(s) != 'u') {
        if (look(s) == '\0' || !strchr("\"\\/bfnrt", look(s))) {
            return "expected an escape such as \\n or \\u00e9";
        }
        s->at++;
        return NULL;
    }
    s->at++;
    for (i = 0; i < 4; i++, s->at++) {
        if (!apr_isxdigit(look(s))) {
            return "expected four hexadecimal digits after \\u";
        }
    }
    return NULL;
}

/* Each scan_... returns NULL, or what was expected at s->at. */
static const char *scan_string(scan_t *s, const char *otherwise)
{
    const char *why;

    if (look(s) != '"') {
        return otherwise;
    }
    s->at++;
    while (look(s) != '"') {
        if (s->at >= s->len) {
            return "expected \" at the end of a string";
        }
        if ((unsigned char)look(s) < 0x20) {
            return "expected no control character in a string";
        }
        if (look(s) == '\\') {
            if ((why = scan_escape(s)) != NULL) {
                return why;
            }
        }
        else {
            s->at++;
        }
    }
    s->at++;
    return NULL;
}

static int scan_digits(scan_t *s)
{
    apr_size_t from = s->at;

    while (apr_isdigit(look(s))) {
        s->at++;
    }
    return s->at > from;
}

static const char *scan_number(scan_t *s)
{
    if (look(s) == '-') {
        s->at++;
    }
    if (look(s) == '0') {
        s->at++;
    }
    else if (!scan_digits(s)) {
        return "expected a digit";
    }
    if (look(s) == '.') {
        s->at++;
        if (!scan_digits(s)) {
            return "expected a digit after the decimal point";
        }
    }
    if (look(s) == 'e' || look(s) == 'E') {
        s->at++;
        if (look(s) == '+' || look(s) == '-') {
            s->at++;
        }
        if (!scan_digits(s)) {
            return "expected a digit in the exponent";
        }
    }
    return NULL;
}

/* A string, number or word. */
static const char *scan_scalar(scan_t *s)
{
    static const char *const words[] = {"true", "false", "null"};
    const char *word;
    size_t i, n;

    if (look(s) == '"') {
        return scan_string(s, NULL);
    }
    if (look(s) == '-' || apr_isdigit(look(s))) {
        return scan_number(s);
    }
    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        word = words[i];
        if (look(s) == word[0]) {
            for (n = 0; word[n] && look(s) == word[n]; n++) {
                s->at++;
            }
            return word[n] ? "expected true, false or null" : NULL;
        }
    }
    return "expected a JSON value";
}

/* A member's name and colon. */
static const char *scan_name(scan_t *s)
{
    const char *why = scan_string(s, "expected a member name in double quotes");

    if (why) {
        return why;
    }
    skip_blanks(s);
    if (look(s) != ':') {
        return "expected : after a member name";
    }
    s->at++;
    skip_blanks(s);
    return NULL;
}

/* Closes what ends here. *more: a comma came, and a further value follows. */
static const char *scan_closers(scan_t *s, int *more)
{
    char closer;

    *more = 0;
    skip_blanks(s);
    while (s->levels > 0) {
        closer = s->closer[s->levels - 1];
        if (look(s) == ',') {
            s->at++;
            skip_blanks(s);
            *more = 1;
            return closer == '}' ? scan_name(s) : NULL;
        }
        if (look(s) != closer) {
            return closer == '}' ? "expected , or } in an object" : "expected , or ] in an array";
        }
        s->levels--;
        s->at++;
        skip_blanks(s);
    }
    return NULL;
}

/* Opens an object or array. *ends: it is empty, its closer comes next. */
static const char *scan_opener(scan_t *s, int *ends)
{
    char closer = look(s) == '{' ? '}' : ']';

    *ends = 0;
    if (s->levels == MOST_LEVELS) {
        return "expected at most " APR_STRINGIFY(MOST_LEVELS) " levels of nesting";
    }
    s->closer[s->levels++] = closer;
    s->at++;
    skip_blanks(s);
    *ends = look(s) == closer;
    return *ends || closer == ']' ? NULL : scan_name(s);
}

static const char *scan_text(scan_t *s)
{
    const char *why;
    int more, ends;

    skip_blanks(s);
    do {
        more = 1;
        if (++s->values > MOST_VALUES) {
            return "expected at most " APR_STRINGIFY(MOST_VALUES) " values";
        }
        if (look(s) == '{' || look(s) == '[') {
            why = scan_opener(s, &ends);
        }
        else {
            why = scan_scalar(s);
            ends = 1;
        }
        if (!why && ends) {
            why = scan_closers(s, &more);
        }
    } while (!why && more);
    if (!why && s->at < s->len) {
        why = "expected nothing after the value";
    }
    return why;
}

static apr_status_t put_value(void *value)
{
    json_object_put(value);
    return APR_SUCCESS;
}

/* "line 3, column 14: expected ...". Columns count characters, not bytes. */
static const char *place(const scan_t *s, const char *text, apr_pool_t *pool)
{
    int line = 1, column = 1;
    apr_size_t i;

    for (i = 0; i < s->at; i++) {
        if (s->data[i] == '\n') {
            line++;
            column = 1;
        }
        else if (((unsigned char)s->data[i] & 0xC0) != 0x80) {
            column++;
        }
    }
    return apr_psprintf(pool, "line %d, column %d: %s%s", line, column, text,
                        s->at < s->len ? "" : ", found the end of the text");
}

/* json-c's part, after the grammar has been checked. */
static json_object *build(const char *data, apr_size_t len)
{
    json_tokener *tokener = json_tokener_new_ex(MOST_LEVELS + 1);
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
    scan_t scan = {.at = 0};

    *value = NULL;
    scan.data = crm360_utf8_clean(&scan.len, data, len, pool);
    if (scan.len >= 3 && memcmp(scan.data, "\xEF\xBB\xBF", 3) == 0) {
        scan.data += 3;
        scan.len -= 3;
    }
    *why = scan.len > INT_MAX ? "the text is too long" : scan_text(&scan);
    if (*why) {
        *why = place(&scan, *why, pool);
        return APR_EINVAL;
    }
    *value = build(scan.data, scan.len);
    if (*value) {
        apr_pool_cleanup_register(pool, *value, put_value, apr_pool_cleanup_null);
        return APR_SUCCESS;
    }
    /* json-c stands for null with NULL, and for its failures too. */
    scan.at = 0;
    skip_blanks(&scan);
    if (look(&scan) == 'n') {
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
