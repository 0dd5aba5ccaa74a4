/*
 * What the tests of Mailjet and the SMS gateways share: a contact that a shop tells of, what is
 * known of it afterwards, and bodies that are broken in every way.
 */
#ifndef REPORT_TOOLS_H
#define REPORT_TOOLS_H

#include "t/unit/handler_tools.h"

#define SHOP "Shopify/Customer/Update"

/* The events, oldest first, without their identifiers. */
static const char *events(void) __attribute__((unused));
static const char *events(void)
{
    return ask("SELECT Kind, At, EventChannelId, EventCategoryId, Address, Reference, Detail"
               " FROM WebhookEvents ORDER BY At, Kind");
}

static const char *kinds(void) __attribute__((unused));
static const char *kinds(void)
{
    return ask("SELECT Kind FROM WebhookEvents ORDER BY At, Kind");
}

/* State and consent of what there is. */
static const char *points(void) __attribute__((unused));
static const char *points(void)
{
    return ask("SELECT PointKey, BrandId, StateId, Optin FROM WebhookPoints ORDER BY 1, 2");
}

static int is_sound(const char *reason) __attribute__((unused));
static int is_sound(const char *reason)
{
    if (reason && strncmp(reason, "reject: ", 8) != 0) {
        printf("# %s\n", reason);
        return 0;
    }
    return 1;
}

/* A JSON body cut at every byte: rejected with its place. */
static void cut_anywhere(const char *route, const char *body) __attribute__((unused));
static void cut_anywhere(const char *route, const char *body)
{
    size_t length = strlen(body), i;
    int rejected = 0;

    for (i = 1; i < length; i++) {
        rejected += has(send_one(&(sent_t){.route = route, .body = apr_pstrmemdup(pool, body, i)}),
                        "reject: the body is not JSON: line 1, column ");
    }
    is_number(rejected, (long long)length - 1, "cut anywhere, a body is rejected with its place");
}

/* Each member in turn with a value of every type: rejected or done. */
static void any_type(const char *route, const char *body) __attribute__((unused));
static void any_type(const char *route, const char *body)
{
    static const char *const values[] = {"null",
                                         "true",
                                         "-1",
                                         "0",
                                         "1.5e300",
                                         "\"\"",
                                         "\"\\u0000x\"",
                                         "[]",
                                         "[null]",
                                         "{}",
                                         "{\"id\":{}}",
                                         "\"2026-99-99\"",
                                         "\"@\"",
                                         "\"+\"",
                                         "9999999999999",
                                         "\"STOP\"",
                                         "99999999999999999999999999"};
    const char *at, *end;
    int tried = 0, sound = 0;
    size_t i, skipped;

    for (at = body; (at = strstr(at, "\": ")) != NULL; at = end) {
        end = at + 3;
        skipped = *end == '"' ? 2 + strcspn(end + 1, "\"") : strcspn(end, ",}");
        for (i = 0; i < sizeof(values) / sizeof(values[0]); i++, tried++) {
            sound += is_sound(send_one(&(sent_t){
                .route = route,
                .body = apr_pstrcat(pool, apr_pstrmemdup(pool, body, (size_t)(end - body)),
                                    values[i], end + skipped, NULL)}));
        }
    }
    ok(tried > 40, "a body with %d wrong values", tried);
    is_number(sound, tried, "is survived");
}

/* Bodies that are no events at all. */
static void never_an_event(const char *route, int takes_forms) __attribute__((unused));
static void never_an_event(const char *route, int takes_forms)
{
    char *deep = apr_pcalloc(pool, 20001), *long_text = apr_pcalloc(pool, 10000001);
    const char *reason;

    memset(deep, '[', 10000);
    memset(deep + 10000, ']', 10000);
    memset(long_text, 'x', 10000000);
    empty();
    ok(has(send_one(&(sent_t){.route = route, .body = deep}), "at most 64 levels"),
       "10,000 levels are rejected");
    ok(has(send_one(&(sent_t){.route = route, .body = "7"}), "expected an object or an array"),
       "a number is rejected");
    ok(has(send_one(&(sent_t){.route = route, .body = "[1, \"a\", null]"}),
           "element 1 of the array: expected an object"),
       "an array without any object is rejected");
    ok(has(send_one(&(sent_t){.route = route, .body = "null"}), "expected an object"),
       "null is rejected");
    ok(has(send_one(&(sent_t){.route = route, .body = "{}"}), "the event has no name"),
       "an empty object is rejected");
    reason = send_one(&(sent_t){.route = route, .body = long_text});
    ok(has(reason, "the body is not JSON: line 1, column 1"), "10 MB of nothing are rejected");
    reason = send_one(&(sent_t){.route = route, .body = "\0\0\0", .length = 3});
    ok(has(reason, takes_forms ? "the body is empty" : "the body is not JSON"),
       "NULs alone are no event");
    is_text(send_one(&(sent_t){.route = route, .body = "[]"}), NULL, "an empty array is done");
    is_text(kinds(), "", "nothing was written");
}

/* A member of 10 MB. */
static void long_member(const char *route, const char *before, const char *after)
    __attribute__((unused));
static void long_member(const char *route, const char *before, const char *after)
{
    char *text = apr_pcalloc(pool, 10000001);

    memset(text, 'x', 10000000);
    empty();
    is_text(
        send_one(&(sent_t){.route = route, .body = apr_pstrcat(pool, before, text, after, NULL)}),
        NULL, "an event with a text of 10 MB is done");
    ok(strlen(events()) < 3000, "cut to what can be kept: %s", kinds());
}

#endif
