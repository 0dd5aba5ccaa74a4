/*
 * The grammar of RFC 8259, and the relaxed one (the contract stands in json_scan.h). Checked by
 * ourselves because json-c takes single quotes, NaN and raw control characters even when told to be
 * strict, and what it takes differs between versions. Non-recursive, so that a hostile body cannot
 * use up the stack. Must never quote the text it reads: bodies hold personal data, and the reasons
 * end in logs and dead letters.
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

/* Notes a change of the text. The one too many is noted by nobody but whoever looks at the end. */
static void repair(crm360_scan_t *s, apr_size_t at, char put)
{
    crm360_repair_t *change;

    if (s->repairs->nelts < CRM360_SCAN_REPAIRS) {
        change = apr_array_push(s->repairs);
        change->at = at;
        change->put = put;
    }
}

/* How many bytes of white space come next. A no-break space (U+00A0) comes along when a sample is
 * copied from a web page. */
static apr_size_t count_blank(crm360_scan_t *s)
{
    char c = look(s);

    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        return 1;
    }
    return s->repairs && s->len - s->at >= 2 && memcmp(s->data + s->at, "\xC2\xA0", 2) == 0 ? 2 : 0;
}

void crm360_scan_blanks(crm360_scan_t *scan)
{
    apr_size_t bytes;

    /* Mostly there are none. */
    if (scan->at < scan->len && scan->data[scan->at] > ' ') {
        return;
    }
    while ((bytes = count_blank(scan)) > 0) {
        if (bytes == 2) {
            repair(scan, scan->at, '\0');
            repair(scan, scan->at + 1, '\0');
        }
        scan->at += bytes;
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

/* Steps over what is nothing special in a string. */
static void scan_plain(crm360_scan_t *s)
{
    const char *data = s->data + s->at, *end = s->data + s->len;

    while (data < end && (unsigned char)*data >= 0x20 && *data != '"' && *data != '\\') {
        data++;
    }
    s->at = (apr_size_t)(data - s->data);
}

/* Each scan_... returns NULL, or what was expected at s->at. */
static const char *scan_string(crm360_scan_t *s, const char *otherwise)
{
    char c = look(s);

    if (c != '"') {
        return otherwise;
    }
    s->at++;
    for (;;) {
        const char *why;

        scan_plain(s);
        c = look(s);
        if (c == '"') {
            break;
        }
        if (s->at >= s->len) {
            return "expected \" at the end of a string";
        }
        if ((unsigned char)c < 0x20) {
            return "expected no control character in a string";
        }
        if (c == '\\' && (why = scan_escape(s)) != NULL) {
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

/* How many bytes of the text are the next character of an identifier: ASCII, or a letter from
 * U+00C0 to U+1FFF. What lies around those are signs, quotes and blanks. */
static apr_size_t count_letter(const crm360_scan_t *s, apr_size_t at)
{
    unsigned char c = at < s->len ? (unsigned char)s->data[at] : '\0';
    apr_size_t bytes = c < 0xE0 ? 2 : 3;

    if (apr_isalnum(c) || c == '_' || c == '$') {
        return 1;
    }
    return c >= 0xC3 && c <= 0xE1 && s->len - at >= bytes ? bytes : 0;
}

static int begins_identifier(crm360_scan_t *s)
{
    return !apr_isdigit(look(s)) && count_letter(s, s->at) > 0;
}

/* A member's name without quotes, which it gets. */
static void scan_identifier(crm360_scan_t *s)
{
    apr_size_t bytes;

    repair(s, s->at, '"');
    while ((bytes = count_letter(s, s->at)) > 0) {
        s->at += bytes;
    }
    repair(s, s->at, '"');
}

/* A member's name and colon. */
static const char *scan_name(crm360_scan_t *s)
{
    const char *why = NULL;

    if (s->repairs && begins_identifier(s)) {
        scan_identifier(s);
    }
    else {
        why = scan_string(s, s->repairs ? "expected a member name"
                                        : "expected a member name in double quotes");
    }
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

/* Whether a comma is missing here: the next member or element begins, and nothing else can be
 * meant. `from` is where the last value ended: a word or number that touches another is none. */
static int lacks_comma(crm360_scan_t *s, apr_size_t from, char closer)
{
    char c = look(s);

    if (!s->repairs || c == '\0' ||
        (s->at == from && apr_isalnum(s->data[from - 1]) && !strchr("\"{[", c))) {
        return 0;
    }
    return closer == '}' ? c == '"' || begins_identifier(s)
                         : apr_isdigit(c) || strchr("\"{[-tfn", c) != NULL;
}

/* Steps over the comma behind a value and the white space around it. Whether a further value
 * follows. */
static int scan_comma(crm360_scan_t *s, char closer)
{
    apr_size_t from = s->at, comma;

    crm360_scan_blanks(s);
    comma = s->at;
    if (look(s) != ',') {
        if (!lacks_comma(s, from, closer)) {
            return 0;
        }
        repair(s, comma, ',');
        return 1;
    }
    s->at++;
    crm360_scan_blanks(s);
    if (s->repairs && look(s) == closer) {
        repair(s, comma, '\0');
        return 0;
    }
    return 1;
}

/* Closes what ends here. *more: a further value follows. */
static const char *scan_closers(crm360_scan_t *s, int *more)
{
    char closer;

    *more = 0;
    while (s->levels > 0) {
        closer = s->closer[s->levels - 1];
        *more = scan_comma(s, closer);
        if (*more) {
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
