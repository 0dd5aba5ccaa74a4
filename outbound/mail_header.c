/*
 * Header fields. Text goes as it is only when it is short, printable ASCII that no reader takes for
 * anything else; all other text becomes encoded words of RFC 2047 (form Q), which hold nothing but
 * letters, digits, "=" and "_".
 */
#include "outbound/mail_header.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "core/charset.h"

#define LINE_MOST 78  /* RFC 5322 2.1.1, without CRLF */
#define CODED_MOST 76 /* a line with an encoded word: RFC 2047 2 */
#define WORD_MOST 75  /* the word itself */

static const char opening[] = "=?UTF-8?Q?";
static const char closing[] = "?=";
static const char folding[] = "\r\n ";

/* Bytes of the UTF-8 sequence that begins with `first`, in valid text. */
static int sequence(char first)
{
    unsigned char c = (unsigned char)first;

    return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

const char *outbound_header_line(const char *text, apr_pool_t *pool)
{
    apr_size_t len, i;
    const char *clean = crm360_utf8_clean(&len, text, strlen(text), pool);
    char *line = apr_pstrmemdup(pool, clean, len);

    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];

        if (c < 0x20 || c == 0x7F) {
            line[i] = ' ';
        }
        else if (c == 0xC2 && (unsigned char)line[i + 1] < 0xA0) {
            line[i] = line[i + 1] = ' ';
            i++;
        }
    }
    return line;
}

/* Whether a line, behind `column` bytes of its field, may stand as it is. */
static int is_plain(const char *line, apr_size_t column)
{
    apr_size_t len = strlen(line);
    apr_size_t i;

    for (i = 0; i < len; i++) {
        if ((unsigned char)line[i] > 0x7E) {
            return 0;
        }
    }
    return column + len <= LINE_MOST && len > 0 && line[0] != ' ' && line[len - 1] != ' ' &&
           !strstr(line, "=?");
}

/* Characters that stand for themselves, in phrases too (RFC 2047 5 (3)); not "-", "*", "+", "/"
 * and "!", so that nobody's grammar is tried. */
static int stays(char c)
{
    return apr_isascii(c) && apr_isalnum(c);
}

/* Bytes that the next character takes in an encoded word. */
static apr_size_t coded_size(const char *text)
{
    return stays(*text) || *text == ' ' ? 1 : 3 * (apr_size_t)sequence(*text);
}

static char *put_coded(char *to, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    int i, bytes = sequence(*text);

    if (stays(*text) || *text == ' ') {
        *to++ = *text == ' ' ? '_' : *text;
        return to;
    }
    for (i = 0; i < bytes; i++) {
        *to++ = '=';
        *to++ = hex[(unsigned char)text[i] >> 4];
        *to++ = hex[(unsigned char)text[i] & 15];
    }
    return to;
}

static char *put(char *to, const char *text)
{
    apr_size_t len = strlen(text);

    memcpy(to, text, len);
    return to + len;
}

/* `line` (not empty) as encoded words, whole characters each, that begin behind `column` bytes of a
 * line. *last becomes the length of the last line. */
static const char *encoded(const char *line, apr_size_t column, apr_size_t *last, apr_pool_t *pool)
{
    const apr_size_t around = sizeof(opening) - 1 + sizeof(closing) - 1;
    apr_size_t words = strlen(line) * 3 / (WORD_MOST - around - 12) + 2;
    char *text = apr_palloc(pool, strlen(line) * 3 + words * (around + sizeof(folding)) + 1);
    char *to = text;

    while (*line) {
        apr_size_t most = column + WORD_MOST > CODED_MOST ? CODED_MOST - column : WORD_MOST;
        apr_size_t size = around;

        to = put(to, opening);
        while (*line && size + coded_size(line) <= most) {
            size += coded_size(line);
            to = put_coded(to, line);
            line += sequence(*line);
        }
        to = put(to, closing);
        *last = column + size;
        if (*line) {
            to = put(to, folding);
            column = 1;
        }
    }
    *to = '\0';
    return text;
}

const char *outbound_header_text(const char *name, const char *text, apr_pool_t *pool)
{
    const char *line = outbound_header_line(text, pool);
    apr_size_t column = strlen(name) + 2;
    apr_size_t last;

    if (*line == '\0') {
        return apr_pstrcat(pool, name, ":", NULL);
    }
    return apr_pstrcat(pool, name, ": ",
                       is_plain(line, column) ? line : encoded(line, column, &last, pool), NULL);
}

/* A quoted-string (RFC 5322 3.2.4). */
static const char *quoted(const char *line, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, strlen(line) * 2 + 3);
    char *to = text;

    *to++ = '"';
    for (; *line; line++) {
        if (*line == '"' || *line == '\\') {
            *to++ = '\\';
        }
        *to++ = *line;
    }
    *to++ = '"';
    *to = '\0';
    return text;
}

const char *outbound_header_mailbox(const char *name, const char *display, const char *address,
                                    apr_pool_t *pool)
{
    const char *line = display ? outbound_header_line(display, pool) : "";
    apr_size_t column = strlen(name) + 2;
    const char *phrase;

    if (line[strspn(line, " ")] == '\0') {
        return apr_pstrcat(pool, name, ": ", address, NULL);
    }
    phrase = quoted(line, pool);
    if (is_plain(line, column) && column + strlen(phrase) <= LINE_MOST) {
        column += strlen(phrase);
    }
    else {
        phrase = encoded(line, column, &column, pool);
    }
    return apr_pstrcat(pool, name, ": ", phrase,
                       column + strlen(address) + 3 > CODED_MOST ? folding : " ", "<", address, ">",
                       NULL);
}

const char *outbound_header_addresses(const char *name, const apr_array_header_t *addresses,
                                      apr_pool_t *pool)
{
    apr_array_header_t *pieces = apr_array_make(pool, addresses->nelts * 2 + 2, sizeof(char *));
    apr_size_t column = strlen(name) + 1;
    int i;

    APR_ARRAY_PUSH(pieces, const char *) = name;
    APR_ARRAY_PUSH(pieces, const char *) = ":";
    for (i = 0; i < addresses->nelts; i++) {
        const char *address = APR_ARRAY_IDX(addresses, i, const char *);
        int folds = i > 0 && column + strlen(address) + 2 > LINE_MOST;

        if (folds) {
            column = 0;
        }
        column += strlen(address) + 2;
        APR_ARRAY_PUSH(pieces, const char *) = folds ? folding : " ";
        APR_ARRAY_PUSH(pieces, const char *) = address;
        if (i + 1 < addresses->nelts) {
            APR_ARRAY_PUSH(pieces, const char *) = ",";
        }
    }
    return apr_array_pstrcat(pool, pieces, 0);
}

const char *outbound_header_date(apr_time_t when, apr_pool_t *pool)
{
    char text[APR_RFC822_DATE_LEN];

    apr_rfc822_date(text, when);
    /* It ends in GMT, which RFC 5322 calls obsolete. */
    return apr_psprintf(pool, "Date: %.*s+0000", (int)strlen(text) - 3, text);
}
