/* Values as text. Must never pass on a character that a terminal obeys. */
#include "ctl/output_private.h"

#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#include "core/charset.h"
#include "core/json.h"

#define DAY (86400 * APR_USEC_PER_SEC)

/* How many bytes at `at`, which is valid UTF-8, are a character that a terminal obeys: a control
 * character (U+0000 to 001F, 007F to 009F), the end of a line or a paragraph (U+2028, 2029), or one
 * that sets the direction (U+061C, 200E, 200F, 202A to 202E, 2066 to 2069). 0 = none. */
static apr_size_t obeyed(const unsigned char *at)
{
    if (at[0] < 0x20 || at[0] == 0x7f) {
        return 1;
    }
    if ((at[0] == 0xc2 && at[1] < 0xa0) || (at[0] == 0xd8 && at[1] == 0x9c)) {
        return 2;
    }
    if (at[0] == 0xe2 && at[1] == 0x80) {
        return at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xa8 && at[2] <= 0xae) ? 3 : 0;
    }
    return at[0] == 0xe2 && at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9 ? 3 : 0;
}

/* The character of `len` bytes at `at`, one of those that a terminal obeys. */
static unsigned int code_at(const unsigned char *at, apr_size_t len)
{
    return len == 1   ? at[0]
           : len == 2 ? ((at[0] & 0x1fU) << 6) | (at[1] & 0x3fU)
                      : ((at[0] & 0x0fU) << 12) | ((at[1] & 0x3fU) << 6) | (at[2] & 0x3fU);
}

const char *output_json_quote(const char *text, apr_pool_t *pool)
{
    apr_size_t len = strlen(text), skip, more = 0;
    const char *at, *quoted;
    char *safe, *to;

    text = crm360_utf8_clean(&len, text, len, pool);
    quoted = crm360_json_quote(apr_pstrmemdup(pool, text, len), pool);
    for (at = quoted; *at; at += skip ? skip : 1) {
        skip = obeyed((const unsigned char *)at);
        more += skip ? 6 - skip : 0;
    }
    if (!more) {
        return quoted;
    }
    safe = to = apr_palloc(pool, (apr_size_t)(at - quoted) + more + 1);
    for (at = quoted; *at; at += skip ? skip : 1) {
        skip = obeyed((const unsigned char *)at);
        if (skip) {
            to += snprintf(to, 7, "\\u%04x", code_at((const unsigned char *)at, skip));
        }
        else {
            *to++ = *at;
        }
    }
    *to = '\0';
    return safe;
}

const char *ctl_plain(const char *text, apr_pool_t *pool)
{
    apr_size_t len, skip;
    const char *at, *end;
    char *plain, *to;

    at = crm360_utf8_clean(&len, text, strlen(text), pool);
    end = at + len;
    plain = to = apr_palloc(pool, len + 1);
    while (at < end) {
        skip = obeyed((const unsigned char *)at);
        *to++ = skip ? '?' : *at;
        at += skip ? skip : 1;
    }
    *to = '\0';
    return plain;
}

int ctl_text_width(const char *text)
{
    int width = 0;

    for (; *text; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return width;
}

const char *ctl_span_text(apr_interval_time_t span, apr_pool_t *pool)
{
    apr_int64_t seconds = apr_time_sec(span);

    if (seconds < 1) {
        return apr_psprintf(pool, "%dms", (int)(span / 1000));
    }
    if (seconds < 100) {
        return apr_psprintf(pool, "%ds", (int)seconds);
    }
    if (seconds < 100 * 60) {
        return apr_psprintf(pool, "%dm", (int)(seconds / 60));
    }
    if (seconds < 48 * 3600) {
        return apr_psprintf(pool, "%dh", (int)(seconds / 3600));
    }
    return apr_psprintf(pool, "%" APR_INT64_T_FMT "d", seconds / 86400);
}

const char *ctl_time_local(apr_time_t at, apr_time_t now, apr_pool_t *pool)
{
    apr_time_exp_t exploded, today;
    const char *form = "%Y-%m-%d %H:%M:%S";
    char text[32];
    apr_size_t length;

    if (apr_time_exp_lt(&exploded, at) != APR_SUCCESS ||
        apr_time_exp_lt(&today, now) != APR_SUCCESS) {
        return "?";
    }
    if (exploded.tm_year == today.tm_year && exploded.tm_yday == today.tm_yday) {
        form = "%H:%M:%S";
    }
    if (apr_strftime(text, &length, sizeof(text), form, &exploded) != APR_SUCCESS) {
        return "?";
    }
    return at > now ? apr_pstrcat(pool, text, ", in ", ctl_span_text(at - now, pool), NULL)
                    : apr_pstrcat(pool, text, ", ", ctl_span_text(now - at, pool), " ago", NULL);
}

const char *ctl_time_utc(apr_time_t at, apr_pool_t *pool)
{
    apr_time_exp_t exploded;
    char text[32];
    apr_size_t length;

    if (apr_time_exp_gmt(&exploded, at) != APR_SUCCESS ||
        apr_strftime(text, &length, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &exploded) != APR_SUCCESS) {
        return "?";
    }
    return apr_pstrdup(pool, text);
}

const char *ctl_bytes_text(apr_int64_t bytes, apr_pool_t *pool)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double number = (double)bytes;
    int unit = 0;

    while (number >= 1024 && unit < 4) {
        number /= 1024;
        unit++;
    }
    return apr_psprintf(pool, unit && number < 10 ? "%.1f %s" : "%.0f %s", number, units[unit]);
}

const char *output_number_text(apr_int64_t number, apr_pool_t *pool)
{
    const char *digits = apr_psprintf(pool, "%" APR_INT64_T_FMT, number);
    apr_size_t left = strlen(digits);
    char *grouped = apr_palloc(pool, left + left / 3 + 1), *to = grouped;

    for (; left > 0; left--) {
        *to++ = *digits++;
        if (left > 1 && left % 3 == 1 && digits[-1] != '-') {
            *to++ = ',';
        }
    }
    *to = '\0';
    return grouped;
}
