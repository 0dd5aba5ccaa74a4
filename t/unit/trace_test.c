/*
 * Trace Context: what is a traceparent and what is none, version by version; children; tracestate.
 */
#include "core/trace.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define ID "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"
#define ZEROS "00000000000000000000000000000000"
#define GOOD "00-" ID "-" SPAN "-01"

static void test_parents(apr_pool_t *pool)
{
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {GOOD, GOOD},
        {"00-" ID "-" SPAN "-00", "00-" ID "-" SPAN "-00"},
        {"00-" ID "-" SPAN "-ff", "00-" ID "-" SPAN "-ff"},
        /* A higher version, as long as 00 or longer behind a '-'. */
        {"01-" ID "-" SPAN "-01", GOOD},
        {"cc-" ID "-" SPAN "-01-", GOOD},
        {"cc-" ID "-" SPAN "-01-what-the-future-will-be-like", GOOD},
        {"fe-" ID "-" SPAN "-01-x", GOOD},
        /* Neither. */
        {NULL, NULL},
        {"", NULL},
        {"00", NULL},
        {"00-" ID "-" SPAN "-0", NULL},
        {GOOD " ", NULL},
        {" " GOOD, NULL},
        {GOOD "-", NULL},
        {GOOD "-more", NULL},
        {"cc-" ID "-" SPAN "-01.more", NULL},
        {"cc-" ID "-" SPAN "-0", NULL},
        {"cc-" ID "-" SPAN "-012", NULL},
        {"ff-" ID "-" SPAN "-01", NULL},
        {"0g-" ID "-" SPAN "-01", NULL},
        {"0-" ID "-" SPAN "-001", NULL},
        {"00-" ZEROS "-" SPAN "-01", NULL},
        {"00-" ID "-0000000000000000-01", NULL},
        {"00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01", NULL},
        {"00-" ID "-B7AD6B7169203331-01", NULL},
        {"00-" ID "-" SPAN "-0A", NULL},
        {"00-" ID "-" SPAN "-.1", NULL},
        {"00-" ID "." SPAN "-01", NULL},
        {"00." ID "-" SPAN "-01", NULL},
        {"00-" ID "-" SPAN ".01", NULL},
        {"00-0af7651916cd43dd8448eb211c80319-b7ad6b71692033311-01", NULL},
        /* Twice: httpd makes a list of it. */
        {GOOD ", " GOOD, NULL},
        {"cc-" ID "-" SPAN "-01, " GOOD, NULL},
    };
    apr_size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        is_text(crm360_trace_parent(rows[i].text, pool), rows[i].want,
                apr_pstrcat(pool, "traceparent: ", rows[i].text ? rows[i].text : "none", NULL));
    }
    is_text(crm360_trace_id(GOOD, pool), ID, "its trace id");
}

static void test_children(apr_pool_t *pool)
{
    const char *one = crm360_trace_child(GOOD, pool);
    const char *other = crm360_trace_child(GOOD, pool);

    is_text(crm360_trace_parent(one, pool), one, "a child is a traceparent");
    ok(one && strncmp(one, "00-" ID "-", 36) == 0, "  of the same trace");
    ok(one && strncmp(one + 36, SPAN, 16) != 0, "  with a span of its own");
    ok(one && other && strcmp(one, other) != 0, "  each time another");
    is_text(one ? one + 52 : NULL, "-01", "  sampled like its parent");
    one = crm360_trace_child("00-" ID "-" SPAN "-00", pool);
    is_text(one ? one + 52 : NULL, "-00", "  or not");
    one = crm360_trace_child("00-" ID "-" SPAN "-ff", pool);
    is_text(one ? one + 52 : NULL, "-01", "flags that are reserved are not passed on");
    is_text(crm360_trace_child(NULL, pool), NULL, "no parent, no child");
    is_text(crm360_trace_child("nonsense", pool), NULL, "nor of nonsense");
}

/* `count` times `text`. */
static const char *times(const char *text, int count, apr_pool_t *pool)
{
    const char *all = "";

    while (count-- > 0) {
        all = apr_pstrcat(pool, all, text, NULL);
    }
    return all;
}

static void test_states(apr_pool_t *pool)
{
    static const char *const good[] = {
        "a=1",
        "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
        "rojo=00f067aa0ba902b7 , congo=t61rcWkgMzE",
        "a=1,,b=2",
        "a=1,",
        "fw529a3039@dt=FfD4eV~!\"#",
        "0a_-*/@z=with blank",
    };
    static const char *const bad[] = {
        "",          " ",     ",",      "a",     "a=",     "=1",
        "A=1",       "a=1=2", "a =1",   "_a=1",  "a=\x01", "a=caf\xc3\xa9",
        "a=1;b=2=3", "a b=1", "a=\x7f", "a=\t1",
    };
    apr_size_t i;

    for (i = 0; i < sizeof good / sizeof good[0]; i++) {
        ok(crm360_trace_state_ok(good[i]), "a tracestate: %s", good[i]);
    }
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ok(!crm360_trace_state_ok(bad[i]), "no tracestate: '%s'", bad[i]);
    }
    ok(!crm360_trace_state_ok(NULL), "nor is nothing");
    ok(crm360_trace_state_ok(times("a=12345,", 32, pool)), "32 members");
    ok(!crm360_trace_state_ok(times("a=1,", 33, pool)), "  not 33");
    ok(crm360_trace_state_ok(times("a=12345,", 32, pool)), "256 characters");
    ok(crm360_trace_state_ok(
           apr_pstrcat(pool, "a=", times("x", 254, pool), ",b=", times("y", 253, pool), NULL)),
       "512 characters");
    ok(!crm360_trace_state_ok(
           apr_pstrcat(pool, "a=", times("x", 254, pool), ",b=", times("y", 254, pool), NULL)),
       "  not 513");
    ok(crm360_trace_state_ok(apr_pstrcat(pool, "a=", times("x", 256, pool), NULL)),
       "a value of 256");
    ok(!crm360_trace_state_ok(apr_pstrcat(pool, "a=", times("x", 257, pool), NULL)), "  not 257");
    ok(!crm360_trace_state_ok(apr_pstrcat(pool, times("a", 257, pool), "=1", NULL)),
       "  nor a key of 257");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    test_parents(pool);
    test_children(pool);
    test_states(pool);
    return tap_done();
}
