/* Shopify products through the real handler into a temporary database, column by column. */
#include "t/unit/handler_tools.h"

#define INSERT "Shopify/Product/Insert"
#define UPDATE "Shopify/Product/Update"
#define DELETE "Shopify/Product/Delete"

/* The goods, all columns that a product writes. */
#define GOODS                                                                                      \
    "SELECT g.Identifier, ParentIdentifier, g.Label, Sku, Barcode, Vendor, GoodStateText, Price,"  \
    " ComparePrice, CurrencyId, g.SourceId, g.BrandId, PurchaseGoodTypeId, c.Label,"               \
    " g.DeletionFlag FROM PurchaseGoods g LEFT JOIN PurchaseGoodCategories c"                      \
    " ON c.PurchaseGoodCategoryId = g.PurchaseGoodCategoryId ORDER BY g.Identifier"

static const char *post(const char *route, const char *body)
{
    return send_one(&(sent_t){.route = route, .body = body});
}

static void is_now(const char *want, const char *what)
{
    is_text(ask(GOODS), want, what);
}

/* ---- fixtures ---- */

static void fixtures(void)
{
    const char *after;

    empty();
    is_text(send_one(&(sent_t){
                .route = INSERT, .body = fixture("shopify/product-insert.json"), .brand_id = 1}),
            NULL, "insert is done");
    is_now("44556677889901|8123456789012|Tee-shirt marin - S / Marine|TSM-S-MAR|3760123450011|"
           "Maison Demo|active|24.900|NULL|NULL|12|1|1|Tee-shirts|0\n"
           "44556677889902|8123456789012|Tee-shirt marin - M / Marine|TSM-M-MAR|NULL|"
           "Maison Demo|active|24.900|29.900|NULL|12|1|1|Tee-shirts|0",
           "insert: two goods");
    is_text(ask("SELECT SourceId, Identifier, Label, PurchaseGoodCategoryPath, BrandId,"
                " DeletionFlag FROM PurchaseGoodCategories"),
            "12|Tee-shirts|Tee-shirts|Tee-shirts|1|0", "insert: one category");
    is_text(send_one(&(sent_t){
                .route = UPDATE, .body = fixture("shopify/product-update.json"), .brand_id = 1}),
            NULL, "update is done");
    after = "44556677889901|8123456789012|Tee-shirt marin - S / Marine|TSM-S-MAR|3760123450011|"
            "Maison Demo|draft|22.500|24.900|NULL|12|1|1|Tee-shirts|0\n"
            "44556677889902|8123456789012|Tee-shirt marin - M / Marine|TSM-M-MAR|NULL|"
            "Maison Demo|draft|24.900|29.900|NULL|12|1|1|Tee-shirts|0\n"
            "44556677889903|8123456789012|Tee-shirt marin - L / Marine|NULL|NULL|"
            "Maison Demo|draft|24.900|NULL|NULL|12|1|1|Tee-shirts|0";
    is_now(after, "update: a price, the state, a third good");
    post(INSERT, fixture("shopify/product-insert.json"));
    is_now(after, "the insert once more changes nothing");
    is_text(post(DELETE, fixture("shopify/product-delete.json")), NULL, "delete is done");
    is_text(ask("SELECT COUNT(*), SUM(DeletionFlag) FROM PurchaseGoods"), "3|3",
            "it flags all goods and removes none");
    is_text(post(DELETE, fixture("shopify/product-delete.json")), NULL, "delete again is done");
    post(UPDATE, "{\"id\":8123456789012,\"updated_at\":\"2027-01-01T00:00:00Z\","
                 "\"variants\":[{\"id\":44556677889901,\"price\":\"1\"}]}");
    is_text(ask("SELECT Price, DeletionFlag FROM PurchaseGoods WHERE Identifier ="
                " '44556677889901'"),
            "1.000|1", "what comes later is written and stays flagged");
}

static void test_button(void)
{
    empty();
    is_text(post(INSERT, "{\"id\":788032119674292900,\"admin_graphql_api_id\":"
                         "\"gid://shopify/Product/788032119674292922\",\"title\":\"T\",\"vendor\":"
                         "\"\",\"product_type\":\"\",\"created_at\":null,\"updated_at\":null,"
                         "\"variants\":[{\"id\":642667041472714000,\"admin_graphql_api_id\":"
                         "\"gid://shopify/ProductVariant/642667041472713922\","
                         "\"title\":\"Default Title\",\"sku\":null,\"price\":19.5,"
                         "\"compare_at_price\":\"\"}]}"),
            NULL, "the test button is done");
    is_now("642667041472713922|788032119674292922|T|NULL|NULL|NULL|NULL|19.500|NULL|NULL|12|NULL|"
           "1|NULL|0",
           "its ids are exact, and empty texts are NULL");
    is_text(ask("SELECT COUNT(*) FROM PurchaseGoodCategories"), "0", "it has no category");
}

/* ---- members ---- */

/* One good after a product with these members, and a variant with those. */
typedef struct member_case_t {
    const char *product;
    const char *variant;
    const char *column;
    const char *want;
} member_case_t;

static const member_case_t members[] = {
    {"\"title\":\"A\"", "\"title\":\"Default Title\"", "Label", "A"},
    {"\"title\":\"A\"", "\"title\":\"B\"", "Label", "A - B"},
    {"\"title\":\"A\"", "\"title\":null", "Label", "A"},
    {"\"title\":\"A\"", "\"x\":1", "Label", "A"},
    {"\"x\":1", "\"title\":\"B\"", "Label", "NULL"},
    {"\"title\":\" A\\n\\tB \"", "\"x\":1", "Label", "A  B"},
    {"\"vendor\":\"V\"", "\"x\":1", "Vendor", "V"},
    {"\"vendor\":\"\"", "\"x\":1", "Vendor", "NULL"},
    {"\"status\":\"archived\"", "\"x\":1", "GoodStateText", "archived"},
    {"\"status\":5", "\"x\":1", "GoodStateText", "5"},
    {"\"x\":1", "\"sku\":\"\"", "Sku", "NULL"},
    {"\"x\":1", "\"sku\":\" S-1 \"", "Sku", "S-1"},
    {"\"x\":1", "\"sku\":7312459817263", "Sku", "7312459817263"},
    {"\"x\":1", "\"barcode\":\"0012\"", "Barcode", "0012"},
    {"\"x\":1", "\"price\":\"24.90\"", "Price", "24.900"},
    {"\"x\":1", "\"price\":24.9", "Price", "24.900"},
    {"\"x\":1", "\"price\":\"2.49e1\"", "Price", "24.900"},
    {"\"x\":1", "\"price\":\"0\"", "Price", "0.000"},
    {"\"x\":1", "\"price\":\"999999999999999.999\"", "Price", "999999999999999.999"},
    {"\"x\":1", "\"price\":null", "Price", "NULL"},
    {"\"x\":1", "\"price\":\"\"", "Price", "NULL"},
    {"\"x\":1", "\"compare_at_price\":\"1200\"", "ComparePrice", "1200.000"},
    {"\"x\":1", "\"x\":1", "PurchaseGoodTypeId", "1"},
    {"\"gift_card\":true", "\"x\":1", "PurchaseGoodTypeId", "2"},
    {"\"gift_card\":false", "\"x\":1", "PurchaseGoodTypeId", "1"},
    {"\"is_gift_card\":true", "\"x\":1", "PurchaseGoodTypeId", "2"},
    {"\"x\":1", "\"fulfillment_service\":\"gift_card\"", "PurchaseGoodTypeId", "2"},
    {"\"x\":1", "\"fulfillment_service\":\"manual\"", "PurchaseGoodTypeId", "1"},
    {"\"product_type\":\"K\"", "\"x\":1", "PurchaseGoodCategoryId IS NULL", "0"},
    {"\"product_type\":\"\"", "\"x\":1", "PurchaseGoodCategoryId IS NULL", "1"},
    {"\"product_type\":[\"K\"]", "\"x\":1", "PurchaseGoodCategoryId IS NULL", "1"},
    {"\"variant_gids\":5", "\"x\":1", "DeletionFlag", "0"},
};

static void each_member(void)
{
    const char *boolean = tools_pgsql() ? "f" : "0";
    size_t i;

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const member_case_t *c = &members[i];
        const char *want = c->want;

        if (strstr(c->column, "IS NULL")) {
            want = strcmp(want, "1") ? boolean : tools_pgsql() ? "t" : "1";
        }
        empty();
        is_text(post(INSERT, apr_pstrcat(pool, "{\"id\":1,", c->product,
                                         ",\"variants\":[{\"id\":2,", c->variant, "}]}", NULL)),
                NULL, c->product);
        is_text(ask(apr_pstrcat(pool, "SELECT ", c->column, " FROM PurchaseGoods", NULL)), want,
                apr_pstrcat(pool, "  ", c->variant, ": ", c->column, NULL));
    }
}

/* What is absent says nothing, null and "" clear. */
static void absent_and_null(void)
{
    empty();
    post(INSERT,
         "{\"id\":1,\"updated_at\":\"2026-01-01T00:00:00Z\",\"title\":\"A\",\"vendor\":\"V\","
         "\"product_type\":\"K\",\"status\":\"active\",\"variants\":[{\"id\":2,"
         "\"sku\":\"S\",\"price\":\"1\",\"compare_at_price\":\"2\",\"barcode\":\"B\"}]}");
    post(UPDATE, "{\"id\":1,\"updated_at\":\"2026-01-02T00:00:00Z\",\"variants\":[{\"id\":2}]}");
    is_now("2|1|A|S|B|V|active|1.000|2.000|NULL|12|NULL|1|K|0", "absent members say nothing");
    post(UPDATE, "{\"id\":1,\"updated_at\":\"2026-01-03T00:00:00Z\"}");
    is_now("2|1|A|S|B|V|active|1.000|2.000|NULL|12|NULL|1|K|0", "nor does an absent list");
    post(UPDATE, "{\"id\":1,\"updated_at\":\"2026-01-03T00:00:00Z\",\"variants\":[]}");
    is_now("2|1|A|S|B|V|active|1.000|2.000|NULL|12|NULL|1|K|0", "nor an empty one");
    post(UPDATE, "{\"id\":1,\"updated_at\":\"2026-01-04T00:00:00Z\",\"vendor\":\"\","
                 "\"product_type\":null,\"variants\":[{\"id\":2,\"sku\":\"\",\"price\":null,"
                 "\"compare_at_price\":null,\"barcode\":null}]}");
    is_now("2|1|A|NULL|NULL|NULL|active|NULL|NULL|NULL|12|NULL|1|NULL|0",
           "null and empty texts clear");
}

/* ---- the list of variants ---- */

static void lists(void)
{
#define GID(id) "{\"admin_graphql_api_id\":\"gid://shopify/ProductVariant/" id "\"}"
#define SHOWN "SELECT Identifier FROM PurchaseGoods WHERE DeletionFlag = 0 ORDER BY Identifier"
    empty();
    post(INSERT,
         "{\"id\":1,\"updated_at\":\"2026-01-01T00:00:00Z\",\"title\":\"A\",\"vendor\":\"V\","
         "\"variants\":[{\"id\":2},{\"id\":3}],\"variant_gids\":[" GID("2") "," GID("3") "," GID(
             "4") "]}");
    is_now("2|1|A|NULL|NULL|V|NULL|NULL|NULL|NULL|12|NULL|1|NULL|0\n"
           "3|1|A|NULL|NULL|V|NULL|NULL|NULL|NULL|12|NULL|1|NULL|0\n"
           "4|1|A|NULL|NULL|V|NULL|NULL|NULL|NULL|12|NULL|1|NULL|0",
           "a variant that is only listed is made");
    post(UPDATE, "{\"id\":1,\"updated_at\":\"2026-01-02T00:00:00Z\",\"variants\":[{\"id\":2},"
                 "{\"id\":5}],\"variant_gids\":[" GID("2") "," GID("4") "]}");
    is_text(ask(SHOWN), "2\n4\n5",
            "one that is no longer listed is flagged; one that is told is not");
    post(UPDATE, "{\"id\":1,\"updated_at\":\"2026-01-03T00:00:00Z\",\"variants\":[{\"id\":3}]}");
    is_text(ask(SHOWN), "3", "without variant_gids the variants are the list");
    post(UPDATE, "{\"id\":1,\"updated_at\":\"2026-01-04T00:00:00Z\",\"variants\":[{\"id\":2}],"
                 "\"variant_gids\":[" GID("2") ",{\"admin_graphql_api_id\":\"gid://x\"}]}");
    is_text(ask(SHOWN), "3", "a list that cannot be read whole flags nothing and shows nothing");
    post(UPDATE, "{\"id\":1,\"updated_at\":\"2026-01-05T00:00:00Z\",\"variant_gids\":[" GID(
                     "3") "," GID("2") "]}");
    is_text(ask(SHOWN), "2\n3", "a list alone will do");
    post(UPDATE, "{\"id\":9,\"updated_at\":\"2026-01-06T00:00:00Z\",\"variants\":[{\"id\":90}]}");
    is_text(ask(SHOWN), "2\n3\n90", "another product does not matter");
#undef SHOWN
#undef GID
}

/* More than 100 variants: the rest is only listed. */
static void many(void)
{
    const char *variants = "", *gids = "";
    int i;

    for (i = 1; i <= 150; i++) {
        if (i <= 100) {
            variants = apr_psprintf(pool, "%s%s{\"id\":%d,\"price\":\"5\"}", variants,
                                    i > 1 ? "," : "", i);
        }
        gids = apr_psprintf(pool,
                            "%s%s{\"admin_graphql_api_id\":\"gid://shopify/ProductVariant/%d\","
                            "\"updated_at\":\"2026-03-02T08:00:00.000Z\"}",
                            gids, i > 1 ? "," : "", i);
    }
    empty();
    is_text(post(INSERT, apr_pstrcat(pool, "{\"id\":7,\"status\":\"active\",\"variants\":[",
                                     variants, "],\"variant_gids\":[", gids, "]}", NULL)),
            NULL, "150 variants are done");
    is_text(ask("SELECT COUNT(*), COUNT(Price), COUNT(ParentIdentifier), COUNT(GoodStateText),"
                " SUM(DeletionFlag) FROM PurchaseGoods"),
            "150|100|150|150|0", "all are there, the last 50 without a price");
}

/* ---- dates ---- */

static void dates(void)
{
    static const char *const body = "{\"id\":1,\"title\":\"%s\",\"updated_at\":\"2026-01-%sT00:00:"
                                    "00Z\",\"variants\":[{\"id\":2,"
                                    "\"price\":\"%s\",\"updated_at\":\"2026-01-%sT00:00:00Z\"}]}";

    empty();
    post(UPDATE, apr_psprintf(pool, body, "A", "05", "5", "05"));
    post(UPDATE, apr_psprintf(pool, body, "B", "04", "4", "04"));
    is_text(ask("SELECT Label, Price FROM PurchaseGoods"), "A|5.000", "older news changes nothing");
    post(UPDATE, apr_psprintf(pool, body, "C", "06", "6", "02"));
    is_text(ask("SELECT Label, Price FROM PurchaseGoods"), "C|6.000",
            "a newer product with a variant that was not touched");
    post(UPDATE, apr_psprintf(pool, body, "D", "06", "7", "08"));
    is_text(ask("SELECT Label, Price FROM PurchaseGoods"), "D|7.000",
            "a newer variant of a product that was not touched");
    post(UPDATE, apr_psprintf(pool, body, "E", "07", "8", "07"));
    is_text(ask("SELECT Label, Price FROM PurchaseGoods"), "D|7.000",
            "the later of the two dates decides");
    send_one(&(sent_t){.route = UPDATE,
                       .body = apr_psprintf(pool, body, "F", "09", "9", "01"),
                       .headers = {"X-Shopify-Triggered-At: 2026-01-09T00:00:02Z"}});
    send_one(&(sent_t){.route = UPDATE,
                       .body = apr_psprintf(pool, body, "G", "09", "10", "01"),
                       .headers = {"X-Shopify-Triggered-At: 2026-01-09T00:00:01Z"}});
    is_text(ask("SELECT Label, Price FROM PurchaseGoods"), "F|9.000",
            "equal dates: the time of sending decides");
}

/* ---- what is refused ---- */

static void refusals(void)
{
    static const struct {
        const char *body;
        const char *reason;
    } cases[] = {
        {"{}", "the product has no id"},
        {"{\"id\":null}", "the product has no id"},
        {"{\"id\":8.1e12}", "the product has no id"},
        {"{\"id\":\"x\"}", "the product has no id"},
        {"{\"id\":1,\"admin_graphql_api_id\":\"gid://shopify/Order/1\"}",
         "expected gid://shopify/Product/"},
        {"{\"id\":1,\"admin_graphql_api_id\":\"gid://shopify/ProductVariant/1\"}",
         "expected gid://shopify/Product/"},
        {"{\"id\":1,\"line_items\":[]}", "is an order"},
        {"{\"inventory_item_id\":1,\"location_id\":2,\"available\":3}", "inventory"},
        {"{\"id\":1,\"product_id\":5}", "part of a product"},
        {"{\"id\":1,\"variants\":[{\"id\":2,\"price\":\"1\"},{\"price\":\"1\"}]}",
         "variants[1].id is no id: expected an integer"},
        {"{\"id\":1,\"variants\":[null]}", "variants[0].id is no id"},
        {"{\"id\":1,\"variants\":[{\"id\":2,\"price\":\"x\"}]}",
         "variants[0].price is no number: expected one such as 129.80"},
        {"{\"id\":1,\"variants\":[{\"id\":2,\"price\":{}}]}", "variants[0].price is no number"},
        {"{\"id\":1,\"variants\":[{\"id\":2,\"compare_at_price\":\"1,5\"}]}",
         "variants[0].compare_at_price is no number"},
        {"{\"id\":1,\"variants\":[{\"id\":2,\"price\":\"1e15\"}]}",
         "variants[0].price is too large: expected at most fifteen digits"},
    };
    size_t i;

    empty();
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *reason = post(INSERT, cases[i].body);

        ok(has(reason, "reject: ") && has(reason, cases[i].reason), "%s is refused: %s",
           cases[i].body, reason);
    }
    is_text(ask("SELECT COUNT(*) FROM WebhookVersions"), "0", "nothing was written");
}

int main(void)
{
    start();
    fixtures();
    test_button();
    each_member();
    absent_and_null();
    lists();
    many();
    dates();
    refusals();
    crm_db_close(db);
    return tap_done();
}
