/*
 * Bodies that no platform should send, for the tests of handlers: cut anywhere, with members of
 * every type, nested deeply, with wrong bytes, very long. Each must be done or rejected; what was
 * rejected leaves nothing behind.
 */
#ifndef BROKEN_TOOLS_H
#define BROKEN_TOOLS_H

#include "t/unit/handler_tools.h"

#define BROKEN_LONG ((apr_size_t)10 * 1024 * 1024)

/* Delivers; 1 when it was rejected. Says what it was when it was neither rejected nor done. */
static int broken_one(const sent_t *like, const char *body, apr_size_t length, const char *what,
                      int at)
{
    sent_t sent = *like;
    const char *reason;

    sent.body = body;
    sent.length = length;
    reason = deliver(&sent);
    if (reason && strncmp(reason, "reject: ", 8) != 0) {
        ok(0, "%s %d: %s", what, at, reason);
    }
    return reason != NULL;
}

/* Cut at every byte. Returns how many of them were rejected. */
static int broken_cut(const sent_t *like, const char *whole)
{
    size_t length = strlen(whole), i;
    int rejected = 0, begun = crm_db_begin(db) == APR_SUCCESS;

    for (i = 1; i < length; i++) {
        rejected += broken_one(like, whole, i, "cut at", (int)i);
    }
    crm_db_rollback(db);
    ok(begun, "%s: a body cut anywhere is survived (%d of %d rejected)", like->route, rejected,
       (int)length);
    return rejected;
}

/* Values of every type for every member of a body. */
static void broken_types(const sent_t *like, const char *whole)
{
    static const char *const values[] = {"null",
                                         "true",
                                         "-1",
                                         "1.5e300",
                                         "\"\"",
                                         "\"\\u0000x\"",
                                         "[]",
                                         "[null]",
                                         "{}",
                                         "{\"id\":{}}",
                                         "[[{}]]",
                                         "\"2026-99-99\"",
                                         "\"0000-00-00 00:00:00\"",
                                         "\"0\"",
                                         "\"N\"",
                                         "99999999999999999999999999",
                                         "\"-0.005\"",
                                         "\"@\"",
                                         "\"+\"",
                                         "\"\\ud800\""};
    const char *at, *end;
    int tried = 0, begun = crm_db_begin(db) == APR_SUCCESS;
    size_t i, skipped;

    for (at = whole; (at = strchr(at, ':')) != NULL; at = end) {
        end = at + 1 + strspn(at + 1, " ");
        if (at == whole || strspn(at - 1, " \"") == 0) {
            continue;
        }
        for (i = 0; i < sizeof(values) / sizeof(values[0]); i++, tried++) {
            const char *body;

            skipped = *end == '"' ? 1 + strcspn(end + 1, "\"") + 1 : strcspn(end, ",}]");
            skipped = *end == '{' || *end == '[' ? 0 : skipped; /* makes it no JSON */
            body = apr_pstrcat(pool, apr_pstrmemdup(pool, whole, (apr_size_t)(end - whole)),
                               values[i], end + skipped, NULL);
            broken_one(like, body, 0, values[i], (int)(end - whole));
        }
    }
    crm_db_rollback(db);
    ok(begun && tried > 100, "%s: %d wrong values are survived", like->route, tried);
}

/* `open` a thousand and ten thousand times, and as often its end. */
static void broken_nested(const sent_t *like, const char *open, const char *close)
{
    static const int depths[] = {1000, 10000};
    int i, k, begun = crm_db_begin(db) == APR_SUCCESS, rejected = 0;

    for (i = 0; i < 2; i++) {
        char *body = apr_pcalloc(pool, (apr_size_t)depths[i] * (strlen(open) + strlen(close)) + 1);
        char *to = body;

        for (k = 0; k < 2 * depths[i]; k++) {
            to = apr_cpystrn(to, k < depths[i] ? open : close, 100);
        }
        rejected += broken_one(like, body, 0, "nested", depths[i]);
    }
    crm_db_rollback(db);
    ok(begun && rejected == 2, "%s: deep nesting with %s is rejected", like->route, open);
}

/* Wrong bytes at every fifth place. */
static void broken_bytes(const sent_t *like, const char *whole)
{
    static const unsigned char bytes[] = {0x00, 0xC3, 0xFF, 0x80, 0x1B, '"', '\\', '\n'};
    size_t length = strlen(whole), i, k;
    int begun = crm_db_begin(db) == APR_SUCCESS, tried = 0;

    for (i = 0; i < length; i += 5) {
        for (k = 0; k < sizeof(bytes); k++, tried++) {
            char *body = apr_pstrmemdup(pool, whole, length);

            body[i] = (char)bytes[k];
            broken_one(like, body, length, "byte at", (int)i);
        }
    }
    crm_db_rollback(db);
    ok(begun && tried > 100, "%s: %d wrong bytes are survived", like->route, tried);
}

/* A very long text in place of `word`, which stands in a string of the body. */
static void broken_long(const sent_t *like, const char *whole, const char *word)
{
    const char *at = strstr(whole, word);
    apr_size_t before = (apr_size_t)(at - whole), after = strlen(at);
    char *body = apr_palloc(pool, before + BROKEN_LONG + after + 1);
    int begun = crm_db_begin(db) == APR_SUCCESS;

    memcpy(body, whole, before);
    memset(body + before, 'a', BROKEN_LONG);
    memcpy(body + before + BROKEN_LONG, at, after + 1);
    broken_one(like, body, before + BROKEN_LONG + after, "long", 0);
    crm_db_rollback(db);
    ok(begun, "%s: 10 MB in place of %s are survived", like->route, word);
}

/* Nothing but what a rejected message left: there must be nothing. */
static void broken_left_nothing(const char *what) __attribute__((unused));
static void broken_left_nothing(const char *what)
{
    size_t i;
    int rows = 0;

    for (i = 0; i < WRITTEN_TABLES; i++) {
        rows += strcmp(ask(apr_pstrcat(pool, "SELECT COUNT(*) FROM ", written_tables[i], NULL)),
                       "0") != 0;
    }
    is_number(rows, 0, apr_psprintf(pool, "%s: nothing is left behind", what));
}

#endif
