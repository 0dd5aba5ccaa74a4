/*
 * Decoding of the few charsets that senders use (the contract stands in charset.h). By tables of
 * our own, because iconv refuses what callers really send: bytes that a charset leaves open, a
 * text that is cut inside a character. Must never refuse a text, nor log it.
 */
#include "core/charset.h"

#include <apr_lib.h>

#include <string.h>

#define REPLACEMENT 0xFFFD /* U+FFFD, for what cannot be read */

typedef enum {
    CHARSET_NONE, /* nobody says, or nothing we know */
    CHARSET_UTF8,
    CHARSET_LATIN1, /* read as Windows-1252, as browsers do */
    CHARSET_LATIN9,
    CHARSET_UTF16, /* in the order its first bytes suggest */
    CHARSET_UTF16LE,
    CHARSET_UTF16BE
} charset_t;

/* Windows-1252 from 0x80 to 0x9F; 0 = not assigned. */
static const unsigned short windows_1252[] = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

/* ---- UTF-8 ---- */

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

char *crm360_utf8_put(char *to, unsigned long code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    if (code < 0x800) {
        *to++ = (char)(0xC0 | code >> 6);
    }
    else if (code < 0x10000) {
        *to++ = (char)(0xE0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3F));
    }
    else {
        *to++ = (char)(0xF0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3F));
        *to++ = (char)(0x80 | (code >> 6 & 0x3F));
    }
    *to++ = (char)(0x80 | (code & 0x3F));
    return to;
}

/* The same, but that NUL is dropped. */
static char *put(char *to, unsigned long code)
{
    return code == 0 ? to : crm360_utf8_put(to, code);
}

/* What a text is made of. */
typedef struct census_t {
    apr_size_t wrong; /* bytes that are no UTF-8 */
    apr_size_t longs; /* sequences of several bytes */
    apr_size_t nuls;
} census_t;

/* How many bytes in front are ASCII and no NUL, as far as words of eight tell: most texts are
 * hardly anything else. */
static apr_size_t plain_length(const unsigned char *s, apr_size_t len)
{
    static const apr_uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
    apr_uint64_t word;
    apr_size_t i;

    for (i = 0; i + sizeof(word) <= len; i += sizeof(word)) {
        memcpy(&word, s + i, sizeof(word));
        /* A byte above 0x7F, or one that borrows from its high bit. */
        if ((word | (word - ones)) & highs) {
            break;
        }
    }
    return i;
}

static census_t take_census(const char *data, apr_size_t len)
{
    const unsigned char *in = (const unsigned char *)data;
    census_t census = {0};
    apr_size_t i, n;

    for (i = plain_length(in, len); i < len; i += n ? n : 1) {
        n = sequence_length(in + i, len - i);
        if (n == 1 && in[i] != 0) {
            n += plain_length(in + i + 1, len - i - 1);
            continue;
        }
        census.wrong += n == 0;
        census.longs += n > 1;
        census.nuls += in[i] == 0;
    }
    return census;
}

const char *crm360_utf8_clean(apr_size_t *out_len, const char *data, apr_size_t len,
                              apr_pool_t *pool)
{
    const unsigned char *in = (const unsigned char *)data;
    census_t census = take_census(data, len);
    apr_size_t i, n;
    char *out, *to;

    if (census.wrong == 0 && census.nuls == 0) {
        *out_len = len;
        return data;
    }
    to = out = apr_palloc(pool, len + census.wrong * 2 + 1);
    for (i = 0; i < len; i += n ? n : 1) {
        n = sequence_length(in + i, len - i);
        if (n == 0) {
            to = put(to, REPLACEMENT);
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

/* ---- the others ---- */

/* The character a byte stands for. */
static unsigned long latin_char(unsigned char c, charset_t charset)
{
    static const struct {
        unsigned char byte;
        unsigned short code;
    } latin_9[] = {{0xA4, 0x20AC}, {0xA6, 0x0160}, {0xA8, 0x0161}, {0xB4, 0x017D},
                   {0xB8, 0x017E}, {0xBC, 0x0152}, {0xBD, 0x0153}, {0xBE, 0x0178}};
    apr_size_t i;

    if (c >= 0x80 && c < 0xA0) {
        return windows_1252[c - 0x80] ? windows_1252[c - 0x80] : REPLACEMENT;
    }
    for (i = 0; charset == CHARSET_LATIN9 && i < sizeof(latin_9) / sizeof(latin_9[0]); i++) {
        if (latin_9[i].byte == c) {
            return latin_9[i].code;
        }
    }
    return c;
}

static const char *from_latin(apr_size_t *out_len, const char *data, apr_size_t len,
                              charset_t charset, apr_pool_t *pool)
{
    const unsigned char *in = (const unsigned char *)data;
    apr_size_t i, high = 0;
    char *out, *to;

    for (i = 0; i < len; i++) {
        high += in[i] >= 0x80;
    }
    to = out = apr_palloc(pool, len + high * 2 + 1);
    for (i = 0; i < len; i++) {
        to = put(to, latin_char(in[i], charset));
    }
    *to = '\0';
    *out_len = (apr_size_t)(to - out);
    return out;
}

static const char *from_utf16(apr_size_t *out_len, const char *data, apr_size_t len,
                              charset_t charset, apr_pool_t *pool)
{
    const unsigned char *in = (const unsigned char *)data;
    apr_size_t high = charset == CHARSET_UTF16BE ? 0 : 1, i;
    char *out = apr_palloc(pool, len / 2 * 3 + 4), *to = out;
    unsigned long lead = 0; /* a high surrogate that waits for its other half */

    for (i = 0; i + 1 < len; i += 2) {
        unsigned long unit = (unsigned long)in[i + high] << 8 | in[i + 1 - high];
        int trails = unit >= 0xDC00 && unit < 0xE000;

        if (lead && !trails) {
            to = put(to, REPLACEMENT);
        }
        if (unit >= 0xD800 && unit < 0xDC00) {
            lead = unit;
            continue;
        }
        if (trails) {
            unit = lead ? 0x10000 + ((lead - 0xD800) << 10) + (unit - 0xDC00) : REPLACEMENT;
        }
        to = put(to, unit);
        lead = 0;
    }
    if (lead || i < len) {
        to = put(to, REPLACEMENT);
    }
    *to = '\0';
    *out_len = (apr_size_t)(to - out);
    return out;
}

/* The charset of a label, whatever its case and punctuation. */
static charset_t find_label(const char *label)
{
    static const struct {
        const char *name;
        charset_t charset;
    } names[] = {
        {"utf8", CHARSET_UTF8},      {"iso88591", CHARSET_LATIN1},    {"latin1", CHARSET_LATIN1},
        {"l1", CHARSET_LATIN1},      {"windows1252", CHARSET_LATIN1}, {"cp1252", CHARSET_LATIN1},
        {"xcp1252", CHARSET_LATIN1}, {"iso885915", CHARSET_LATIN9},   {"latin9", CHARSET_LATIN9},
        {"utf16", CHARSET_UTF16},    {"utf16le", CHARSET_UTF16LE},    {"utf16be", CHARSET_UTF16BE}};
    char plain[16];
    apr_size_t i, n = 0;

    for (; label && *label && n < sizeof(plain) - 1; label++) {
        if (apr_isalnum(*label)) {
            plain[n++] = (char)apr_tolower(*label);
        }
    }
    plain[n] = '\0';
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(plain, names[i].name) == 0) {
            return names[i].charset;
        }
    }
    return CHARSET_NONE;
}

/* What the bytes are, by their mark and the label. *skipped: bytes of the mark. */
static charset_t find_charset(apr_size_t *skipped, const char *data, apr_size_t len,
                              const char *label)
{
    charset_t charset = find_label(label);

    *skipped = 0;
    if (len >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0) {
        *skipped = 3;
        return CHARSET_UTF8;
    }
    if (len >= 2 && (memcmp(data, "\xFF\xFE", 2) == 0 || memcmp(data, "\xFE\xFF", 2) == 0)) {
        *skipped = 2;
        return data[0] == '\xFF' ? CHARSET_UTF16LE : CHARSET_UTF16BE;
    }
    if (charset < CHARSET_UTF16) {
        return charset;
    }
    if (len == 0 || !memchr(data, '\0', len)) {
        return CHARSET_NONE; /* a wrong label: JSON and forms in UTF-16 have NUL bytes */
    }
    return charset != CHARSET_UTF16 ? charset : data[0] ? CHARSET_UTF16LE : CHARSET_UTF16BE;
}

const char *crm360_charset_decode(apr_size_t *out_len, const char *data, apr_size_t len,
                                  const char *label, apr_pool_t *pool)
{
    apr_size_t skipped;
    charset_t charset = find_charset(&skipped, data, len, label);
    census_t census;

    data += skipped;
    len -= skipped;
    if (charset >= CHARSET_UTF16) {
        return from_utf16(out_len, data, len, charset, pool);
    }
    if (charset >= CHARSET_LATIN1) {
        return from_latin(out_len, data, len, charset, pool);
    }
    census = take_census(data, len);
    return census.wrong && !census.longs ? from_latin(out_len, data, len, CHARSET_LATIN1, pool)
                                         : crm360_utf8_clean(out_len, data, len, pool);
}
