/* Shopify products and orders: bodies that are cut, mistyped or no JSON are rejected or read as far
 * as they go, and leave nothing half done. */
#include <apr_hash.h>

#include "core/json.h"
#include "t/unit/handler_tools.h"

static const char *const fixtures[][2] = {
    {"Shopify/Product/Insert", "shopify/product-insert.json"},
    {"Shopify/Product/Update", "shopify/product-update.json"},
    {"Shopify/Product/Delete", "shopify/product-delete.json"},
    {"Shopify/Order/Insert", "shopify/order-insert.json"},
    {"Shopify/Order/Update", "shopify/order-update.json"},
    {"Shopify/Order/Insert", "shopify/order-insert-pos.json"},
    {"Shopify/Order/Delete", "shopify/order-delete.json"},
};

#define FIXTURES (sizeof(fixtures) / sizeof(fixtures[0]))

static const char *post(const char *route, const char *body)
{
    return send_one(&(sent_t){.route = route, .body = body});
}

static int is_sound(const char *reason)
{
    return !reason || strncmp(reason, "reject: ", 8) == 0;
}

/* ---- cut ---- */

static void truncations(const char *route, const char *name)
{
    const char *whole = fixture(name);
    size_t length = strlen(whole), i, rejected = 0;
    int begun = crm_db_begin(db) == APR_SUCCESS;

    for (i = 0; i < length; i++) {
        /* A body of no bytes has no end: sent_t wants NUL for its length. */
        const char *reason = deliver(&(sent_t){.route = route, .body = whole, .length = i});

        rejected += i == 0 || (has(reason, "reject: the body is not JSON: line 1, column") &&
                               has(reason, "expected"));
    }
    crm_db_rollback(db);
    is_number(begun ? (long long)rejected : -1, (long long)length,
              apr_pstrcat(pool, name, " cut anywhere is rejected with its place", NULL));
}

/* ---- mistyped ---- */

static const char *const oddities[] = {"null",
                                       "true",
                                       "-1",
                                       "0",
                                       "1.5e300",
                                       "99999999999999999999999999",
                                       "\"\"",
                                       "\"x\"",
                                       "\"a\\u0000b\"",
                                       "\"\\ud800\"",
                                       "\"2026-99-99\"",
                                       "[]",
                                       "[null]",
                                       "[[[{}]]]",
                                       "{}",
                                       "{\"id\":{}}",
                                       "\"gid://shopify/Order/\"",
                                       "\"gid://shopify/ProductVariant/9x\""};

#define ODDITIES (sizeof(oddities) / sizeof(oddities[0]))

typedef struct walk_t {
    const char *route;
    json_object *root;
    apr_hash_t *seen; /* "parent/member": each is tried once */
    int tried;
    int sound;
} walk_t;

static void try_body(walk_t *walk, const char *what)
{
    const char *text = json_object_to_json_string_ext(walk->root, JSON_C_TO_STRING_PLAIN);
    const char *reason = deliver(&(sent_t){.route = walk->route, .body = text});

    walk->tried++;
    walk->sound += is_sound(reason);
    if (!is_sound(reason)) {
        printf("# %s: %s\n", what, reason);
    }
}

/* Puts each oddity in the place of a member, then takes the member away. */
static void vary(walk_t *walk, json_object *object, const char *name, const char *what)
{
    json_object *kept = NULL, *value;
    const char *why;
    size_t i;

    json_object_object_get_ex(object, name, &kept);
    json_object_get(kept);
    for (i = 0; i < ODDITIES; i++) {
        if (crm360_json_parse(&value, &why, oddities[i], strlen(oddities[i]), pool) ==
            APR_SUCCESS) {
            json_object_object_add(object, name, json_object_get(value));
            try_body(walk, what);
        }
    }
    json_object_object_del(object, name);
    try_body(walk, what);
    json_object_object_add(object, name, kept);
}

static void walk_value(walk_t *walk, json_object *value, const char *parent);

static void walk_object(walk_t *walk, json_object *object, const char *parent)
{
    const char *names[256], *what;
    int i, count = 0;

    json_object_object_foreach(object, name, ignored)
    {
        (void)ignored;
        if (count < 256) {
            names[count++] = apr_pstrdup(pool, name);
        }
    }
    for (i = 0; i < count; i++) {
        json_object *value = NULL;

        what = apr_pstrcat(pool, parent, "/", names[i], NULL);
        if (apr_hash_get(walk->seen, what, APR_HASH_KEY_STRING)) {
            continue;
        }
        apr_hash_set(walk->seen, what, APR_HASH_KEY_STRING, what);
        json_object_object_get_ex(object, names[i], &value);
        walk_value(walk, value, names[i]);
        vary(walk, object, names[i], what);
    }
}

static void walk_value(walk_t *walk, json_object *value, const char *parent)
{
    size_t i;

    if (json_object_is_type(value, json_type_object)) {
        walk_object(walk, value, parent);
    }
    if (json_object_is_type(value, json_type_array)) {
        for (i = 0; i < json_object_array_length(value); i++) {
            walk_value(walk, json_object_array_get_idx(value, i), parent);
        }
    }
}

static void wrong_types(const char *route, const char *name)
{
    walk_t walk = {.route = route, .seen = apr_hash_make(pool)};
    const char *text = fixture(name), *why;
    int begun = crm_db_begin(db) == APR_SUCCESS;

    if (crm360_json_parse(&walk.root, &why, text, strlen(text), pool) != APR_SUCCESS) {
        ok(0, "%s: %s", name, why);
        return;
    }
    walk_value(&walk, walk.root, "");
    crm_db_rollback(db);
    is_number(begun ? walk.sound : -1, walk.tried,
              apr_psprintf(pool, "%s with %d oddities is survived", name, walk.tried));
    ok(walk.tried >= (int)ODDITIES, "  and they were many");
}

/* ---- no JSON, too much JSON ---- */

static void hostile(const char *route)
{
    static const char *const cases[][2] = {
        {"", "reject: the body is not JSON: line 1, column 1: expected a JSON value"},
        {"id=1", "reject: the body is not JSON: line 1, column 1"},
        {"[]", "expected an object"},
        {"[{\"id\":1}]", "expected an object"},
        {"null", "expected an object"},
        {"{\"id\":1,\n \"title\":}", "line 2, column 10: expected a JSON value"},
        {"{\"id\":1}}", "expected nothing after the value"},
    };
    char *deep = apr_pcalloc(pool, 2001), *large = malloc(10000001);
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *reason = post(route, cases[i][0]);

        ok(has(reason, cases[i][1]), "%s: broken body %d is rejected: %s", route, (int)i, reason);
    }
    memset(deep, '[', 1000);
    memset(deep + 1000, ']', 1000);
    ok(has(post(route, apr_pstrcat(pool, "{\"id\":1,\"line_items\":", deep, "}", NULL)),
           "at most 64 levels"),
       "%s: 1,000 levels are rejected", route);
    ok(has(send_one(&(sent_t){.route = route, .body = "{\"id\":1}\0\0{", .length = 11}),
           "expected nothing after the value"),
       "%s: NULs behind are rejected", route);
    is_text(ask("SELECT COUNT(*) FROM WebhookVersions"), "0", "nothing was written");
    memset(large, 'x', 10000000);
    large[10000000] = '\0';
    is_text(post(route, apr_pstrcat(pool, "{\"id\":1,\"note\":\"", large, "\",\"body_html\":\"",
                                    large, "\"}", NULL)),
            NULL, "20 MB of text that nobody reads is done");
    ok(is_sound(
           post(route,
                apr_pstrcat(pool, "{\"id\":1,\"product_type\":\"", large, "\",\"title\":\"", large,
                            "\",\"variants\":[{\"id\":2,\"sku\":\"", large, "\"}]}", NULL))),
       "20 MB that are read are survived");
    ok(is_sound(post(route, apr_pstrcat(pool, "{\"id\":1,\"name\":\"", large,
                                        "\",\"discount_codes\":[{\"code\":\"", large,
                                        "\"}],\"line_items\":[{\"id\":2,\"title\":\"", large,
                                        "\"}]}", NULL))),
       "in an order too");
    free(large);
    empty();
    ok(is_sound(
           send_one(&(sent_t){.route = route,
                              .body = "{\"id\":1,\"name\":\"a\0b\xFF\xC3\",\"title\":\"\xE9\"}",
                              .length = 33})),
       "%s: NULs inside and invalid UTF-8 are survived", route);
    empty();
}

/* Lists that are longer than any that Shopify sends. */
static void long_lists(void)
{
    char *text = malloc(400000), *at = text;
    int i;

    for (i = 0; i <= 10000; i++) {
        at += apr_snprintf(at, 32, "%s{\"id\":%d}", i ? "," : "", i + 1);
    }
    ok(has(post("Shopify/Order/Insert",
                apr_pstrcat(pool, "{\"id\":1,\"line_items\":[", text, "]}", NULL)),
           "line_items has more entries"),
       "10,001 lines are rejected");
    ok(has(post("Shopify/Product/Insert",
                apr_pstrcat(pool, "{\"id\":1,\"variants\":[", text, "]}", NULL)),
           "variants has more entries"),
       "10,001 variants too");
    ok(has(post("Shopify/Product/Insert",
                apr_pstrcat(pool, "{\"id\":1,\"variant_gids\":[", text, "]}", NULL)),
           "variant_gids has more entries"),
       "in either list");
    is_text(ask("SELECT COUNT(*) FROM WebhookVersions"), "0", "nothing was written");
    free(text);
}

/* A message that the database refuses in its last step leaves nothing of the first ones. */
static void half_done(void)
{
    const char *order = fixture("shopify/order-insert.json"), *reason;

    tools_execute(section, tools_pgsql()
                               ? "ALTER TABLE PurchaseDetails ADD CONSTRAINT no CHECK (Sku <> "
                                 "'SAC-TOILE')"
                               : "CREATE TRIGGER no BEFORE INSERT ON PurchaseDetails WHEN NEW.Sku ="
                                 " 'SAC-TOILE' BEGIN SELECT RAISE(ABORT, 'no'); END");
    reason = post("Shopify/Order/Insert", order);
    ok(has(reason, "reject: the database refuses the data"), "refused by the database: %s", reason);
    is_text(ask("SELECT (SELECT COUNT(*) FROM Contacts) + (SELECT COUNT(*) FROM PurchaseGoods) +"
                " (SELECT COUNT(*) FROM PurchaseHeaders) + (SELECT COUNT(*) FROM WebhookVersions)"),
            "0", "nothing is half done");
    tools_execute(section, tools_pgsql() ? "ALTER TABLE PurchaseDetails DROP CONSTRAINT no"
                                         : "DROP TRIGGER no");
    is_text(post("Shopify/Order/Insert", order), NULL, "and it can be done later");
}

int main(void)
{
    size_t i;

    start();
    empty();
    hostile("Shopify/Product/Update");
    hostile("Shopify/Order/Update");
    long_lists();
    for (i = 0; i < FIXTURES; i++) {
        truncations(fixtures[i][0], fixtures[i][1]);
        wrong_types(fixtures[i][0], fixtures[i][1]);
    }
    is_text(ask("SELECT COUNT(*) FROM WebhookVersions"), "0", "nothing broken was written");
    half_done();
    crm_db_close(db);
    return tap_done();
}
