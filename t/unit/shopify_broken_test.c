/* Shopify customers: bodies that are cut, mistyped or no JSON are rejected or read as far as
 * they go. */
#include "t/unit/shopify_tools.h"

static void is_sound(const char *reason, const char *what, int at)
{
    if (reason && strncmp(reason, "reject: ", 8) != 0) {
        ok(0, "%s at %d: %s", what, at, reason);
    }
}

static void truncations(const char *name)
{
    const char *whole = slurp(name);
    size_t length = strlen(whole), i;
    int rejected = 0, begun = crm_db_begin(db) == APR_SUCCESS;

    for (i = 0; i < length; i++) {
        const char *reason = deliver(&(sent_t){.body = apr_pstrmemdup(pool, whole, i)});

        rejected += reason && strstr(reason, "reject: the body is not JSON: line 1, column") &&
                    strstr(reason, "expected");
    }
    crm_db_rollback(db);
    ok(begun, "a transaction for %s", name);
    is_number(rejected, (long long)length,
              apr_pstrcat(pool, name, " cut anywhere is rejected with its place", NULL));
}

/* Each member of a fixture with values of every type. */
static void wrong_types(const char *name)
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
                                         "\"gid://shopify/Customer/\"",
                                         "\"2026-99-99\"",
                                         "99999999999999999999999999"};
    const char *whole = slurp(name), *at, *end;
    int tried = 0, begun = crm_db_begin(db) == APR_SUCCESS;
    size_t i;

    for (at = whole; (at = strstr(at, "\":")) != NULL; at = end) {
        end = at + 2;
        for (i = 0; i < sizeof(values) / sizeof(values[0]); i++, tried++) {
            size_t skipped = strcspn(end, ",}");

            if (*end == '"') {
                skipped = 1 + strcspn(end + 1, "\"") + 1;
            }
            else if (*end == '{' || *end == '[') {
                skipped = 0; /* makes the text broken: that must be survived as well */
            }
            is_sound(deliver(&(sent_t){.body = apr_pstrcat(
                                           pool, apr_pstrmemdup(pool, whole, (size_t)(end - whole)),
                                           values[i], end + skipped, NULL)}),
                     name, (int)(end - whole));
        }
    }
    crm_db_rollback(db);
    ok(begun && tried > 20, "%s with %d wrong values is survived", name, tried);
}

static void broken_bodies(void)
{
    static const char *const cases[][2] = {
        {"", "reject: the body is not JSON: line 1, column 1: expected a JSON value"},
        {"id=1&email=a%40b.fr", "reject: the body is not JSON: line 1, column 1"},
        {"[]", "expected an object"},
        {"[{\"id\":1}]", "expected an object"},
        {"null", "expected an object"},
        {"\"id\"", "expected an object"},
        {"{\"id\":1,\n \"email\":}", "line 2, column 10: expected a JSON value"},
        {"{\"id\":1}}", "expected nothing after the value"},
    };
    static const char *const names[] = {"customer-insert.json", "customer-update.json",
                                        "customer-update-2024-10.json",
                                        "customer-update-testbutton.json", "customer-delete.json"};
    char *deep = apr_pcalloc(pool, 20001);
    size_t i;

    empty();
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *reason = post("Insert", cases[i][0]);

        ok(has(reason, cases[i][1]), "broken body %d is rejected: %s", (int)i, reason);
    }
    memset(deep, '[', 10000);
    memset(deep + 10000, ']', 10000);
    ok(has(post("Insert", deep), "at most 64 levels"), "deep nesting is rejected");
    ok(has(post("Insert", apr_pstrcat(pool, "{\"id\":1,\"default_address\":", deep, "}", NULL)),
           "at most 64 levels"),
       "inside a member too");
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        truncations(names[i]);
        wrong_types(names[i]);
    }
    is_text(ask("SELECT COUNT(*) FROM Contacts"), "0", "nothing broken was written");
    is_text(post("Insert", "{\"id\":1,\"first_name\":\"L\xE9"
                           "a\",\"last_name\":\"Z\"}"),
            NULL, "a body in Latin-1 is done");
    is_text(ask("SELECT FirstName FROM Contacts"),
            "L\xC3\xA9"
            "a",
            "and read as such");
    is_text(post("Update", "{\"id\":1,\"first_name\":\"\xC3\xA9\xE9\"}"), NULL,
            "a body with one wrong byte is done");
    is_text(ask("SELECT FirstName FROM Contacts"), "\xC3\xA9\xEF\xBF\xBD", "as U+FFFD");
}

int main(void)
{
    start();
    broken_bodies();
    crm_db_close(db);
    return tap_done();
}
