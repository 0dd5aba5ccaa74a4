/*
 * The grammar of RFC 8259 (the contract stands in json_scan.h). Checked by ourselves because json-c
 * takes single quotes, NaN and raw control characters even when told to be strict, and what it
 * takes differs between versions. Non-recursive, so that a hostile body cannot use up the stack.
 * Must never quote the text it reads: bodies hold personal data, and the reasons end in logs and
 * dead letters.
 */
#include "core/json_scan.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

static char look(crm360_scan_t *s)
{
    while (s->at < s->len && s->data[s->at] == '\0') {
        s->at++;
    }
    return s->at < s->len ? s->data[s->at] : '\0';
}

char crm360_scan_look(crm360_scan_t *scan)
{
    return look(scan);
}

void crm360_scan_mark(crm360_scan_t *scan)
{
    if (scan->len >= 3 && memcmp(scan->data, "\xEF\xBB\xBF", 3) == 0) {
        scan->data += 3;
        scan->len -= 3;
    }
}

void crm360_scan_blanks(crm360_scan_t *scan)
{
    char c = look(scan);

    while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        scan->at++;
        c = look(scan);
    }
}

static const char *scan_escape(crm360_scan_t *s)
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
static const char *scan_string(crm360_scan_t *s, const char *otherwise)
{
    char c = look(s);

    if (c != '"') {
        return otherwise;
    }
    s->at++;
    for (c = look(s); c != '"'; c = look(s)) {
        const char *why;

        if (s->at >= s->len) {
            return "expected \" at the end of a string";
        }
        if ((unsigned char)c < 0x20) {
            return "expected no control character in a string";
        }
        if (c != '\\') {
            s->at++;
        }
        else if ((why = scan_escape(s)) != NULL) {
            return why;
        }
    }
    s->at++;
    return NULL;
}

static int scan_digits(crm360_scan_t *s)
{
    int digits = 0;

    while (apr_isdigit(look(s))) {
        s->at++;
        digits = 1;
    }
    return digits;
}

static const char *scan_number(crm360_scan_t *s)
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
static const char *scan_scalar(crm360_scan_t *s)
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
static const char *scan_name(crm360_scan_t *s)
{
    const char *why = scan_string(s, "expected a member name in double quotes");

    if (why) {
        return why;
    }
    crm360_scan_blanks(s);
    if (look(s) != ':') {
        return "expected : after a member name";
    }
    s->at++;
    crm360_scan_blanks(s);
    return NULL;
}

/* Closes what ends here. *more: a comma came, and a further value follows. */
static const char *scan_closers(crm360_scan_t *s, int *more)
{
    char closer;

    *more = 0;
    while (s->levels > 0) {
        crm360_scan_blanks(s);
        closer = s->closer[s->levels - 1];
        if (look(s) == ',') {
            s->at++;
            crm360_scan_blanks(s);
            *more = 1;
            return closer == '}' ? scan_name(s) : NULL;
        }
        if (look(s) != closer) {
            return closer == '}' ? "expected , or } in an object" : "expected , or ] in an array";
        }
        s->levels--;
        s->at++;
    }
    return NULL;
}

/* Opens an object or array. *ends: it is empty, its closer comes next. */
static const char *scan_opener(crm360_scan_t *s, int *ends)
{
    char closer = look(s) == '{' ? '}' : ']';

    *ends = 0;
    if (s->levels == CRM360_SCAN_LEVELS - s->within) {
        return "expected at most " APR_STRINGIFY(CRM360_SCAN_LEVELS) " levels of nesting";
    }
    s->closer[s->levels++] = closer;
    s->at++;
    crm360_scan_blanks(s);
    *ends = look(s) == closer;
    return *ends || closer == ']' ? NULL : scan_name(s);
}

const char *crm360_scan_value(crm360_scan_t *scan)
{
    const char *why;
    int more, ends;

    scan->levels = 0;
    do {
        more = 1;
        scan->values++;
        if (scan->counts && scan->values > CRM360_SCAN_VALUES) {
            return "expected at most " APR_STRINGIFY(CRM360_SCAN_VALUES) " values";
        }
        if (look(scan) == '{' || look(scan) == '[') {
            why = scan_opener(scan, &ends);
        }
        else {
            why = scan_scalar(scan);
            ends = 1;
        }
        if (!why && ends) {
            why = scan_closers(scan, &more);
        }
    } while (!why && more);
    return why;
}

const char *crm360_scan_place(const crm360_scan_t *scan, const char *expected, apr_pool_t *pool)
{
    int line = 1, column = 1;
    apr_size_t i;

    for (i = 0; i < scan->at; i++) {
        if (scan->data[i] == '\n') {
            line++;
            column = 1;
        }
        else if (((unsigned char)scan->data[i] & 0xC0) != 0x80) {
            column++;
        }
    }
    return apr_psprintf(pool, "line %d, column %d: %s%s", line, column, expected,
                        scan->at < scan->len ? "" : ", found the end of the text");
}
