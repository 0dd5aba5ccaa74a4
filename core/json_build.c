/*
 * Building values of checked JSON. json-c's own parser looks at each character by a state machine
 * and copies every name and string twice; for a webhook that was most of the work. Must never be
 * given a text that core/json_scan.c has not passed: it looks for no errors.
 */
#include "core/json_build.h"

#include <apr_lib.h>

#include <stdlib.h>
#include <string.h>

#include "core/charset.h"
#include "core/json_scan.h"

#define UINT64_MOST "18446744073709551615"
#define INT64_LEAST "9223372036854775808" /* below zero */
#define SURE_DIGITS 18                    /* as many always fit into 64 bits */

typedef struct builder_t {
    char *at; /* where reading goes on */
    json_object *root;
    int levels;
    json_object *open[CRM360_SCAN_LEVELS]; /* the objects and arrays we are in */
    const char *name;                      /* of the member that comes next */
    int failed;
} builder_t;

static void skip_blanks(builder_t *b)
{
    while (*b->at == ' ' || *b->at == '\n' || *b->at == '\t' || *b->at == '\r') {
        b->at++;
    }
}

/* ---- strings ---- */

/* The four digits at `text`. */
static unsigned int read_hex(const char *text)
{
    unsigned int value = 0;
    int i;

    for (i = 0; i < 4; i++) {
        value = value << 4 |
                (unsigned int)(apr_isdigit(text[i]) ? text[i] - '0' : (text[i] & 0xDF) - 'A' + 10);
    }
    return value;
}

/* The escape at *from, which moves behind it; of a surrogate pair both halves. Half of one is
 * U+FFFD, as json-c has it. */
static char *put_escape(char *to, const char **from)
{
    const char *at = *from + 1;
    unsigned int code, low;

    *from += 2;
    switch (*at) {
    case 'b':
        *to++ = '\b';
        return to;
    case 'f':
        *to++ = '\f';
        return to;
    case 'n':
        *to++ = '\n';
        return to;
    case 'r':
        *to++ = '\r';
        return to;
    case 't':
        *to++ = '\t';
        return to;
    case 'u':
        break;
    default:
        *to++ = *at;
        return to;
    }
    code = read_hex(at + 1);
    *from += 4;
    if (code >= 0xD800 && code < 0xE000) {
        low = code < 0xDC00 && (*from)[0] == '\\' && (*from)[1] == 'u' ? read_hex(*from + 2) : 0;
        if (low >= 0xDC00 && low < 0xE000) {
            *from += 6;
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
        else {
            code = 0xFFFD;
        }
    }
    return crm360_utf8_put(to, code);
}

/* The string at b->at, in its place in the text and with NUL behind it; moves behind its end. An
 * escape is never shorter than what it stands for. */
static const char *read_string(size_t *len, builder_t *b)
{
    char *begin = b->at + 1, *to = begin + strcspn(begin, "\"\\");
    const char *from = to;

    while (*from != '"') {
        if (*from == '\\') {
            to = put_escape(to, &from);
        }
        else {
            *to++ = *from++;
        }
    }
    b->at = (char *)from + 1;
    *to = '\0';
    *len = (size_t)(to - begin);
    return begin;
}

/* ---- scalars ---- */

/* Whether `digits` are more than fit, below zero or above. */
static int is_too_long(const char *digits, size_t count, int negative)
{
    const char *most = negative ? INT64_LEAST : UINT64_MOST;

    return count > strlen(most) || (count == strlen(most) && memcmp(digits, most, count) > 0);
}

static json_object *build_integer(const char *text, size_t len)
{
    int negative = *text == '-';
    size_t digits = len - (size_t)negative, i;
    uint64_t value = 0;

    if (digits > SURE_DIGITS && is_too_long(text + negative, digits, negative)) {
        return json_object_new_string_len(text, (int)len);
    }
    for (i = (size_t)negative; i < len; i++) {
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    if (negative) {
        return json_object_new_int64((int64_t)(0 - value));
    }
    return value <= INT64_MAX ? json_object_new_int64((int64_t)value)
                              : json_object_new_uint64(value);
}

/* A decimal keeps its text; what counts is that, and no double. */
static json_object *build_number(builder_t *b)
{
    const char *text = b->at;
    size_t digits = strspn(text, "-0123456789"), len = strspn(text, "+-.eE0123456789");
    json_object *value;
    char behind;

    b->at += len;
    if (digits == len) {
        return build_integer(text, len);
    }
    behind = *b->at;
    *b->at = '\0';
    value = json_object_new_double_s(strtod(text, NULL), text);
    *b->at = behind;
    return value;
}

/* A string, number or word. */
static json_object *build_scalar(builder_t *b)
{
    json_object *value = NULL;
    const char *text;
    size_t len;

    switch (*b->at) {
    case '"':
        text = read_string(&len, b);
        value = json_object_new_string_len(text, (int)len);
        break;
    case 't':
        b->at += 4;
        value = json_object_new_boolean(1);
        break;
    case 'f':
        b->at += 5;
        value = json_object_new_boolean(0);
        break;
    case 'n':
        b->at += 4;
        return NULL;
    default:
        value = build_number(b);
        break;
    }
    b->failed |= !value;
    return value;
}

/* ---- objects and arrays ---- */

/* Reads the name of a member and the colon behind it. */
static void read_name(builder_t *b)
{
    size_t len;

    b->name = read_string(&len, b);
    skip_blanks(b);
    b->at++;
    skip_blanks(b);
}

/* Adds a value where it belongs. Of members with one name the last counts. */
static void add(builder_t *b, json_object *value)
{
    json_object *parent = b->levels ? b->open[b->levels - 1] : NULL;
    int added = 0;

    if (!parent) {
        b->root = value;
    }
    else if (json_object_is_type(parent, json_type_object)) {
        added = json_object_object_add_ex(parent, b->name, value, JSON_C_OBJECT_KEY_IS_CONSTANT);
    }
    else {
        added = json_object_array_add(parent, value);
    }
    if (added != 0) {
        json_object_put(value);
        b->failed = 1;
    }
}

/* Closes what ends here, and goes on to the next value. Whether there is one. */
static int next_value(builder_t *b)
{
    while (b->levels > 0) {
        skip_blanks(b);
        if (*b->at == ',') {
            b->at++;
            skip_blanks(b);
            if (json_object_is_type(b->open[b->levels - 1], json_type_object)) {
                read_name(b);
            }
            return 1;
        }
        b->at++;
        b->levels--;
    }
    return 0;
}

/* Opens an object or array. Whether a value follows, or it is empty. */
static int open_value(builder_t *b)
{
    int is_object = *b->at == '{';
    json_object *value = is_object ? json_object_new_object() : json_object_new_array();

    b->failed |= !value;
    if (b->failed) {
        json_object_put(value);
        return 0;
    }
    add(b, value);
    b->at++;
    b->open[b->levels++] = value;
    skip_blanks(b);
    if (*b->at == '}' || *b->at == ']') {
        return 0;
    }
    if (is_object) {
        read_name(b);
    }
    return 1;
}

json_object *crm360_json_build(int *failed, char *text)
{
    builder_t b = {.at = text};
    int more;

    skip_blanks(&b);
    do {
        if (*b.at == '{' || *b.at == '[') {
            more = open_value(&b);
        }
        else {
            add(&b, build_scalar(&b));
            more = 0;
        }
        if (!more && !b.failed) {
            more = next_value(&b);
        }
    } while (more && !b.failed);
    *failed = b.failed;
    if (b.failed) {
        json_object_put(b.root);
        return NULL;
    }
    return b.root;
}
