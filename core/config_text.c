/*
 * Words of a configuration line, and values and faults as text. Pure functions on strings. Must
 * never be given a secret to quote: the callers decide what may be shown.
 */
#include "core/config_private.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#define QUOTED_MOST 60

/* Copies a word of `len` bytes without its escapes. `quote` is 0 outside quotes. */
static const char *unescape(const char *text, apr_size_t len, char quote, apr_pool_t *pool)
{
    char *word = apr_palloc(pool, len + 1);
    char *out = word;
    apr_size_t i;

    for (i = 0; i < len; i++) {
        if (text[i] == '\\' && i + 1 < len &&
            (text[i + 1] == '\\' || (quote && text[i + 1] == quote))) {
            i++;
        }
        *out++ = text[i];
    }
    *out = '\0';
    return word;
}

/* End of the word that begins at `text` behind an opening `quote`: the closing one, or the NUL. */
static const char *quoted_end(const char *text, char quote)
{
    while (*text && *text != quote) {
        if (*text == '\\' && (text[1] == quote || text[1] == '\\')) {
            text++;
        }
        text++;
    }
    return text;
}

const char *crm360_words_split(int *argc, const char *const **argv, const char *text,
                               apr_pool_t *pool)
{
    apr_array_header_t *words = apr_array_make(pool, 4, sizeof(const char *));
    const char *end;
    char quote;

    for (;;) {
        while (apr_isspace(*text)) {
            text++;
        }
        if (!*text) {
            break;
        }
        quote = (*text == '"' || *text == '\'') ? *text++ : 0;
        if (quote) {
            end = quoted_end(text, quote);
            if (!*end) {
                return apr_psprintf(pool,
                                    "a quote (%c) is not closed; allowed: the same quote at "
                                    "the end of the word",
                                    quote);
            }
        }
        else {
            end = text + strcspn(text, " \t\n\v\f\r");
        }
        APR_ARRAY_PUSH(words, const char *) = unescape(text, (apr_size_t)(end - text), quote, pool);
        text = quote ? end + 1 : end;
    }
    *argc = words->nelts;
    *argv = (const char *const *)words->elts;
    return NULL;
}

const char *crm360_quoted(const char *text, apr_pool_t *pool)
{
    static const char hex[] = "0123456789ABCDEF";
    char *quoted = apr_palloc(pool, QUOTED_MOST * 4 + sizeof("\"...\""));
    char *out = quoted;
    int i;

    *out++ = '"';
    for (i = 0; i < QUOTED_MOST && text[i]; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (byte == '"' || byte == '\\') {
            *out++ = '\\';
            *out++ = (char)byte;
        }
        else if (byte < ' ' || byte > '~') {
            *out++ = '\\';
            *out++ = 'x';
            *out++ = hex[byte >> 4];
            *out++ = hex[byte & 15];
        }
        else {
            *out++ = (char)byte;
        }
    }
    if (text[i]) {
        memcpy(out, "...", 3);
        out += 3;
    }
    *out++ = '"';
    *out = '\0';
    return quoted;
}

int crm360_is_field_name(const char *text)
{
    apr_size_t len = strlen(text);

    for (; *text; text++) {
        if (!apr_isalnum(*text) && !strchr("!#$%&'*+-.^_`|~", *text)) {
            return 0;
        }
    }
    return len > 0 && len <= 64;
}

const char *crm360_interval_text(apr_int64_t interval, apr_pool_t *pool)
{
    static const struct {
        const char *unit;
        apr_int64_t size;
    } units[] = {{"d", APR_INT64_C(86400000000)},
                 {"h", APR_INT64_C(3600000000)},
                 {"m", 60000000},
                 {"s", 1000000},
                 {"ms", 1000}};
    int i = 0;

    while (units[i].size > 1000 && interval % units[i].size) {
        i++;
    }
    return apr_psprintf(pool, "%" APR_INT64_T_FMT "%s", interval / units[i].size, units[i].unit);
}

const char *crm360_size_text(apr_int64_t size, apr_pool_t *pool)
{
    static const char units[] = "GMK";
    int shift = 30;
    int i;

    for (i = 0; units[i]; i++, shift -= 10) {
        if (size && size % (APR_INT64_C(1) << shift) == 0) {
            return apr_psprintf(pool, "%" APR_INT64_T_FMT "%c", size >> shift, units[i]);
        }
    }
    return apr_psprintf(pool, "%" APR_INT64_T_FMT, size);
}

const char *crm360_range_text(const crm360_directive_t *directive, apr_pool_t *pool)
{
    switch (directive->holds) {
    case CRM360_HOLDS_INTERVAL:
    case CRM360_HOLDS_SCHEDULE:
    case CRM360_HOLDS_WINDOWS:
        return apr_psprintf(pool, "%s to %s", crm360_interval_text(directive->min, pool),
                            crm360_interval_text(directive->max, pool));
    case CRM360_HOLDS_SIZE:
    case CRM360_HOLDS_SPOOL:
        return apr_psprintf(pool, "%s to %s", crm360_size_text(directive->min, pool),
                            crm360_size_text(directive->max, pool));
    case CRM360_HOLDS_ID:
    case CRM360_HOLDS_LANES:
        return apr_psprintf(pool, "%" APR_INT64_T_FMT " to %" APR_INT64_T_FMT, directive->min,
                            directive->max);
    default:
        return NULL;
    }
}
