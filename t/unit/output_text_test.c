/* What crm360ctl prints of values: times with their ages, spans, sizes, numbers; and texts in which
 * nothing is left that a terminal obeys. */
#include "ctl/output.h"

#include <apr_general.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/output_private.h"
#include "t/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOON (APR_INT64_C(1764504000) * APR_USEC_PER_SEC) /* 2025-11-30 12:00:00 UTC */
#define SECOND APR_USEC_PER_SEC

static apr_pool_t *pool;

static void spans(void)
{
    static const struct {
        apr_interval_time_t span;
        const char *text;
    } rows[] = {{0, "0ms"},
                {SECOND - 1, "999ms"},
                {SECOND, "1s"},
                {99 * SECOND, "99s"},
                {100 * SECOND, "1m"},
                {99 * 60 * SECOND + 59 * SECOND, "99m"},
                {100 * 60 * SECOND, "1h"},
                {48 * 3600 * SECOND - 1, "47h"},
                {48 * 3600 * SECOND, "2d"},
                {365 * 86400 * SECOND, "365d"}};
    size_t i;

    for (i = 0; i < COUNT(rows); i++) {
        is_text(ctl_span_text(rows[i].span, pool), rows[i].text, rows[i].text);
    }
}

static void sizes_and_numbers(void)
{
    is_text(ctl_bytes_text(0, pool), "0 B", "no byte");
    is_text(ctl_bytes_text(1023, pool), "1023 B", "bytes");
    is_text(ctl_bytes_text(1536, pool), "1.5 kB", "one digit behind the point");
    is_text(ctl_bytes_text(64 << 20, pool), "64 MB", "and none from ten on");
    is_text(ctl_bytes_text(APR_INT64_C(5) << 50, pool), "5120 TB", "the largest unit");
    is_text(output_number_text(0, pool), "0", "zero");
    is_text(output_number_text(999, pool), "999", "three digits");
    is_text(output_number_text(1000, pool), "1,000", "four");
    is_text(output_number_text(1000000, pool), "1,000,000", "seven");
    is_text(output_number_text(-1, pool), "-1", "minus one");
    is_text(output_number_text(-123456, pool), "-123,456", "no comma behind a sign");
}

static void times(void)
{
    is_text(ctl_time_utc(NOON, pool), "2025-11-30T12:00:00Z", "UTC");
    is_text(ctl_time_local(NOON - 63 * SECOND, NOON, pool), "12:58:57, 63s ago", "local, today");
    is_text(ctl_time_local(NOON + 7200 * SECOND, NOON, pool), "15:00:00, in 2h", "to come");
    is_text(ctl_time_local(NOON - 86400 * SECOND, NOON, pool), "2025-11-29 13:00:00, 24h ago",
            "another day has its date");
}

/* Control characters, and those that turn the text around, each a question mark. */
static void harmless(void)
{
    static const struct {
        const char *text;
        const char *plain;
    } rows[] = {
        {"plain", "plain"},
        {"", ""},
        {"a\tb\r\nc\x7f", "a?b??c?"},
        {"\033[2J", "?[2J"},
        {"\302\2331A", "?1A"},                                    /* U+009B, CSI in one */
        {"\302\240\303\251", "\302\240\303\251"},                 /* U+00A0, U+00E9 */
        {"a\342\200\256b\342\200\216c", "a?b?c"},                 /* U+202E, 200E */
        {"a\342\201\246b\342\201\251c", "a?b?c"},                 /* U+2066, 2069 */
        {"a\342\200\250b\330\234c", "a?b?c"},                     /* U+2028, 061C */
        {"\342\200\246\342\202\254", "\342\200\246\342\202\254"}, /* U+2026, 20AC */
        {"\2331A\377", "\357\277\2751A\357\277\275"},             /* bytes that are no UTF-8 */
    };
    size_t i;

    for (i = 0; i < COUNT(rows); i++) {
        is_text(ctl_plain(rows[i].text, pool), rows[i].plain, rows[i].plain);
    }
    is_number(ctl_text_width("a\303\251\342\202\254"), 3, "a character is a column");
}

/* In JSON the same characters are escapes: programs get them as they are. */
static void quoted(void)
{
    static const struct {
        const char *text;
        const char *json;
    } rows[] = {
        {"", "\"\""},
        {"a \"b\" \\", "\"a \\\"b\\\" \\\\\""},
        {"\033[2J\n", "\"\\u001b[2J\\n\""},
        {"\177", "\"\\u007f\""},
        {"\302\2331A\302\200\302\237", "\"\\u009b1A\\u0080\\u009f\""},
        {"\302\240\303\251\342\202\254", "\"\302\240\303\251\342\202\254\""}, /* are none */
        {"a\342\200\256b\342\200\216", "\"a\\u202eb\\u200e\""},
        {"\342\201\246\342\201\251", "\"\\u2066\\u2069\""},
        {"\342\200\250\330\234", "\"\\u2028\\u061c\""},
        {"\2331A\377", "\"\357\277\2751A\357\277\275\""}, /* bytes that are no UTF-8 */
    };
    size_t i;

    for (i = 0; i < COUNT(rows); i++) {
        is_text(output_json_quote(rows[i].text, pool), rows[i].json, rows[i].json);
    }
}

int main(void)
{
    setenv("TZ", "CET-1", 1);
    tzset();
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    spans();
    sizes_and_numbers();
    times();
    harmless();
    quoted();
    apr_pool_destroy(pool);
    return tap_done();
}
