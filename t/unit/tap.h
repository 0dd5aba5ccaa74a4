/*
 * A minimal TAP printer for the C unit tests: one test program per core or crm file, run by prove.
 * A test program ends with `return tap_done();`, which also prints the plan.
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int tap_count;
static int tap_failed;

/* One assertion; the rest is a printf-like name. Returns `good`. */
static int ok(int good, const char *format, ...) __attribute__((format(printf, 2, 3), unused));
static int ok(int good, const char *format, ...)
{
    va_list args;

    tap_count++;
    if (!good) {
        tap_failed++;
    }
    printf("%sok %d - ", good ? "" : "not ", tap_count);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
    return good;
}

/* Two strings are equal (NULL equals NULL); shows both when not. */
static int is_text(const char *got, const char *want, const char *name) __attribute__((unused));
static int is_text(const char *got, const char *want, const char *name)
{
    int good = (!got || !want) ? got == want : strcmp(got, want) == 0;

    ok(good, "%s", name);
    if (!good) {
        printf("#      got: %s\n# expected: %s\n", got ? got : "(null)", want ? want : "(null)");
    }
    return good;
}

/* Two numbers are equal; shows both when not. */
static int is_number(long long got, long long want, const char *name) __attribute__((unused));
static int is_number(long long got, long long want, const char *name)
{
    int good = got == want;

    ok(good, "%s", name);
    if (!good) {
        printf("#      got: %lld\n# expected: %lld\n", got, want);
    }
    return good;
}

static int tap_done(void)
{
    printf("1..%d\n", tap_count);
    return tap_failed ? 1 : 0;
}

#endif
