/*
 * One pass over a text that knows neither where it came from nor in which form it is: escapes of
 * all kinds are undone side by side. For searching only: the result is no message any more. Must
 * never write in front of the place it reads.
 */
#include "ctl/unescape.h"

#include <string.h>

#include "core/encode.h"

typedef struct pass_t {
    char *text;
    apr_size_t len;
    apr_size_t at;      /* where it reads */
    apr_size_t out;     /* where it writes: never behind `at` */
    apr_size_t run_end; /* of the name or value in a form that it is in */
    int plus_is_blank;  /* in that one */
    int changed;
} pass_t;

/* `digits` hexadecimal digits at a place, -1 when they are not there. */
static long hex_number(const pass_t *pass, apr_size_t at, int digits)
{
    long number = 0;
    int i;

    if (at + (apr_size_t)digits > pass->len) {
        return -1;
    }
    for (i = 0; i < digits; i++) {
        int digit = crm360_hex_value(pass->text[at + (apr_size_t)i]);

        if (digit < 0) {
            return -1;
        }
        number = number * 16 + digit;
    }
    return number;
}

static void put(pass_t *pass, long byte)
{
    pass->text[pass->out++] = (char)byte;
}

/* Writes a character as UTF-8: never longer than any way to escape it. */
static void put_character(pass_t *pass, long c)
{
    if (c < 0x80) {
        put(pass, c);
        return;
    }
    if (c < 0x800) {
        put(pass, 0xc0 | (c >> 6));
    }
    else {
        if (c < 0x10000) {
            put(pass, 0xe0 | (c >> 12));
        }
        else {
            put(pass, 0xf0 | (c >> 18));
            put(pass, 0x80 | ((c >> 12) & 0x3f));
        }
        put(pass, 0x80 | ((c >> 6) & 0x3f));
    }
    put(pass, 0x80 | (c & 0x3f));
}

/* \uXXXX, or two of them that make one character. How many bytes were read, 0 = it is none. */
static apr_size_t read_unicode(pass_t *pass)
{
    long low, c = hex_number(pass, pass->at + 2, 4);

    if (c < 0) {
        return 0;
    }
    if (c >= 0xd800 && c < 0xdc00 && pass->at + 12 <= pass->len &&
        pass->text[pass->at + 6] == '\\' && pass->text[pass->at + 7] == 'u') {
        low = hex_number(pass, pass->at + 8, 4);
        if (low >= 0xdc00 && low < 0xe000) {
            put_character(pass, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
            return 12;
        }
    }
    put_character(pass, c);
    return 6;
}

static apr_size_t read_backslash(pass_t *pass)
{
    static const char letters[] = "nrtbf\"\\/", meant[] = "\n\r\t\b\f\"\\/";
    char letter = pass->at + 1 < pass->len ? pass->text[pass->at + 1] : '\0';
    const char *found = letter ? strchr(letters, letter) : NULL;

    if (letter == 'u') {
        return read_unicode(pass);
    }
    if (!found) {
        return 0;
    }
    put(pass, meant[found - letters]);
    return 2;
}

/* &#64; or &#x40; or &amp; */
static apr_size_t read_entity(pass_t *pass)
{
    const char *text = pass->text + pass->at;
    apr_size_t rest = pass->len - pass->at, i = 2;
    int base = 10, digit;
    long c = 0;

    if (rest >= 5 && memcmp(text, "&amp;", 5) == 0) {
        put(pass, '&');
        return 5;
    }
    if (rest < 4 || text[1] != '#') {
        return 0;
    }
    if ((text[2] | 0x20) == 'x') {
        base = 16;
        i = 3;
    }
    for (; i < rest && (digit = crm360_hex_value(text[i])) >= 0 && digit < base && c < 0x110000;
         i++) {
        c = c * base + digit;
    }
    if (i == rest || text[i] != ';' || c == 0 || c >= 0x110000) {
        return 0;
    }
    put_character(pass, c);
    return i + 1;
}

/* What cannot stand in a name or value of a form that was encoded. */
static int ends_run(char c)
{
    return (unsigned char)c <= ' ' || strchr("\"\\<>&=?;", c) != NULL;
}

/* Looks ahead to the end of the name or value that begins here. */
static void enter_run(pass_t *pass)
{
    pass->plus_is_blank = 0;
    for (pass->run_end = pass->at; pass->run_end < pass->len; pass->run_end++) {
        char c = pass->text[pass->run_end];

        if (ends_run(c)) {
            break;
        }
        if (c == '%' && hex_number(pass, pass->run_end + 1, 2) >= 0) {
            pass->plus_is_blank = 1;
        }
    }
    pass->run_end++; /* what ends it belongs to it */
}

apr_size_t ctl_unescape(char *text, apr_size_t len, int *changed)
{
    pass_t pass = {.text = text, .len = len};
    apr_size_t used;
    char c;

    while (pass.at < len) {
        if (pass.at >= pass.run_end) {
            enter_run(&pass);
        }
        c = text[pass.at];
        used = 0;
        if (c == '%' && hex_number(&pass, pass.at + 1, 2) >= 0) {
            put(&pass, hex_number(&pass, pass.at + 1, 2));
            used = 3;
        }
        else if (c == '+' && pass.plus_is_blank) {
            put(&pass, ' ');
            used = 1;
        }
        else if (c == '\\') {
            used = read_backslash(&pass);
        }
        else if (c == '&') {
            used = read_entity(&pass);
        }
        pass.changed |= used > 0;
        if (!used) {
            put(&pass, c);
            used = 1;
        }
        pass.at += used;
    }
    *changed = pass.changed;
    return pass.out;
}
