/* Shopify orders through the real handler into a temporary database, column by column. */
#include "t/unit/handler_tools.h"

#define INSERT "Shopify/Order/Insert"
#define UPDATE "Shopify/Order/Update"
#define DELETE "Shopify/Order/Delete"

#define HEADER                                                                                     \
    "SELECT PurchaseIdentifier, PurchaseNumber, ContactId IS NULL, SourceId, BrandId,"             \
    " PurchaseTypeId, PurchaseStatusId, StatusText, PurchaseDate, CancellationDate,"               \
    " AmountTaxIncluded, AmountTaxFree, TaxAmount, DiscountAmount, ShippingAmount, RefundAmount,"  \
    " OriginalAmountTaxIncluded, CurrencyId, DeletionFlag FROM PurchaseHeaders"

#define LINES                                                                                      \
    "SELECT PurchaseDetailIdentifier, g.Identifier, d.Label, d.Sku, Quantity, RefundedQuantity,"   \
    " UnitPrice, AmountTaxIncluded, AmountTaxFree, TaxAmount, TaxRate, DiscountAmount,"            \
    " d.DeletionFlag FROM PurchaseDetails d LEFT JOIN PurchaseGoods g"                             \
    " ON g.PurchaseGoodId = d.PurchaseGoodId ORDER BY PurchaseDetailIdentifier"

static const char *post(const char *route, const char *body)
{
    return send_one(&(sent_t){.route = route, .body = body});
}

/* As both databases write a truth value. */
static const char *truth(int value)
{
    return tools_pgsql() ? (value ? "t" : "f") : (value ? "1" : "0");
}

/* ---- fixtures ---- */

static void fixtures(void)
{
    const char *after;

    empty();
    is_text(send_one(&(sent_t){.route = INSERT,
                               .body = fixture("shopify/order-insert.json"),
                               .zone_id = 3,
                               .brand_id = 1,
                               .contact_address_type_id = 1}),
            NULL, "insert is done");
    is_text(ask(HEADER),
            apr_pstrcat(pool, "5801234567890|#1042|", truth(0),
                        "|12|1|1|1|pending|2026-03-02T09:20:05|NULL|120.820|100.680|20.140|12.880|"
                        "4.900|0.000|120.820|EUR|0",
                        NULL),
            "insert: the header");
    is_text(ask(LINES),
            "14801234567801|44556677889901|Tee-shirt marin - S / Marine|TSM-S-MAR|2.000|0.000|"
            "24.900|44.820|37.350|7.470|20.000|4.980|0\n"
            "14801234567802|44556677889999|Sac en toile|SAC-TOILE|1.000|0.000|79.000|71.100|"
            "59.250|11.850|20.000|7.900|0",
            "insert: the lines");
    is_text(ask("SELECT i.Identifier, FirstName, LastName, ZoneId, Email, City, EmailOptin,"
                " AdvertiserCreationDate FROM PurchaseHeaders h JOIN Contacts c"
                " ON c.ContactId = h.ContactId JOIN ContactIdentifiers i"
                " ON i.ContactId = c.ContactId JOIN Addresses a ON a.ContactId = c.ContactId"),
            "7312459817263|Léa|Marchand|3|lea.marchand@example.fr|Nice|NULL|2026-03-02T09:15:27",
            "insert: the contact, without a consent");
    is_text(ask("SELECT g.Identifier, ParentIdentifier, Label, Sku, Barcode, Vendor, Price,"
                " CurrencyId, BrandId, PurchaseGoodTypeId, DeletionFlag FROM PurchaseGoods g"
                " ORDER BY 1"),
            "44556677889901|8123456789012|Tee-shirt marin - S / Marine|TSM-S-MAR|NULL|Maison Demo|"
            "24.900|EUR|1|1|0\n"
            "44556677889999|8123456789099|Sac en toile|SAC-TOILE|NULL|Maison Demo|79.000|EUR|1|1|0",
            "insert: the goods");
    is_text(ask("SELECT v.VoucherIdentifier, VoucherCode, VoucherTypeId FROM PurchaseHeaders h"
                " JOIN Vouchers v ON v.VoucherId = h.VoucherId"),
            "BIENVENUE10|BIENVENUE10|2", "insert: the voucher");
    is_text(post(UPDATE, fixture("shopify/order-update.json")), NULL, "update is done");
    after =
        apr_pstrcat(pool, "5801234567890|#1042|", truth(0),
                    "|12|1|1|5|partially_refunded|2026-03-02T09:20:05|NULL|98.410|82.010|16.400|"
                    "12.880|4.900|22.410|120.820|EUR|0",
                    NULL);
    is_text(ask(HEADER), after, "update: the header");
    is_text(ask(LINES),
            "14801234567801|44556677889901|Tee-shirt marin - S / Marine|TSM-S-MAR|2.000|1.000|"
            "24.900|22.410|18.680|3.730|20.000|2.490|0\n"
            "14801234567802|44556677889999|Sac en toile|SAC-TOILE|1.000|0.000|79.000|71.100|"
            "59.250|11.850|20.000|7.900|0",
            "update: the lines");
    is_text(ask("SELECT COUNT(*) FROM PurchaseHeaders WHERE AmountTaxIncluded = '98.410' AND"
                " TaxAmount = '16.400'"),
            "1", "lines and shipping make the header: 22.41 + 71.10 + 4.90, 3.73 + 11.85 + 0.82");
    post(INSERT, fixture("shopify/order-insert.json"));
    is_text(ask(HEADER), after, "the insert once more changes nothing");
    is_text(post(DELETE, fixture("shopify/order-delete.json")), NULL, "delete is done");
    is_text(ask("SELECT h.DeletionFlag, SUM(d.DeletionFlag), COUNT(*) FROM PurchaseHeaders h,"
                " PurchaseDetails d GROUP BY h.DeletionFlag"),
            "1|2|2", "it flags header and lines, and removes nothing");
}

static void point_of_sale(void)
{
    empty();
    is_text(send_one(&(sent_t){.route = INSERT,
                               .body = fixture("shopify/order-insert-pos.json"),
                               .zone_id = 3,
                               .brand_id = 1}),
            NULL, "a sale in a shop is done");
    is_text(ask(HEADER),
            apr_pstrcat(pool, "5801234567999|#1043|", truth(1),
                        "|12|1|2|4|paid|2026-03-02T16:45:00|NULL|15.000|12.500|2.500|0.000|0.000|"
                        "0.000|15.000|EUR|0",
                        NULL),
            "its header");
    is_text(ask(LINES),
            "14801234567900|NULL|Vente libre|NULL|1.000|0.000|15.000|15.000|12.500|2.500|20.000|"
            "0.000|0",
            "a line without a good");
    is_text(ask("SELECT s.SourceId, s.Identifier, Label, ZoneId, s.BrandId FROM Stores s JOIN"
                " PurchaseHeaders h ON h.StoreId = s.StoreId"),
            "12|70112233445|70112233445|3|1", "its store");
    is_text(ask("SELECT COUNT(*) FROM Contacts"), "0", "no mail address, no number: no contact");
}

/* ---- state ---- */

static void states(void)
{
    static const struct {
        const char *members;
        const char *want; /* PurchaseStatusId, StatusText, CancellationDate */
    } cases[] = {
        {"\"financial_status\":\"pending\"", "1|pending|NULL"},
        {"\"financial_status\":\"authorized\"", "2|authorized|NULL"},
        {"\"financial_status\":\"partially_paid\"", "3|partially_paid|NULL"},
        {"\"financial_status\":\"paid\"", "4|paid|NULL"},
        {"\"financial_status\":\"PAID\"", "4|PAID|NULL"},
        {"\"financial_status\":\"partially_refunded\"", "5|partially_refunded|NULL"},
        {"\"financial_status\":\"refunded\"", "6|refunded|NULL"},
        {"\"financial_status\":\"voided\"", "7|voided|NULL"},
        {"\"financial_status\":\"expired\"", "8|expired|NULL"},
        {"\"financial_status\":\"on_hold\"", "NULL|on_hold|NULL"},
        {"\"financial_status\":null", "NULL|NULL|NULL"},
        {"\"financial_status\":\"paid\",\"cancelled_at\":null", "4|paid|NULL"},
        {"\"financial_status\":\"refunded\",\"cancelled_at\":\"2026-03-01T01:00:00+02:00\"",
         "9|refunded|2026-02-28T23:00:00"},
        {"\"cancelled_at\":\"2026-03-01T01:00:00Z\"", "9|NULL|2026-03-01T01:00:00"},
        {"\"financial_status\":\"paid\",\"cancelled_at\":\"soon\"", "4|paid|NULL"},
        {"\"financial_status\":\"paid\",\"test\":true", "10|paid|NULL"},
        {"\"financial_status\":\"paid\",\"test\":false", "4|paid|NULL"},
        {"\"financial_status\":\"voided\",\"test\":true,\"cancelled_at\":\"2021-12-31T19:00:00-05:"
         "00\"",
         "10|voided|2022-01-01T00:00:00"},
        {"\"x\":1", "NULL|NULL|NULL"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        empty();
        is_text(post(INSERT, apr_pstrcat(pool, "{\"id\":1,", cases[i].members, "}", NULL)), NULL,
                cases[i].members);
        is_text(ask("SELECT PurchaseStatusId, StatusText, CancellationDate FROM PurchaseHeaders"),
                cases[i].want, "  and its state");
    }
    empty();
    post(INSERT, "{\"id\":1,\"cancelled_at\":\"2026-01-01T00:00:00Z\",\"financial_status\":"
                 "\"refunded\",\"refunds\":[{\"transactions\":[{\"kind\":\"refund\",\"status\":"
                 "\"success\",\"amount\":\"5.00\"}]}]}");
    is_text(ask("SELECT PurchaseStatusId, RefundAmount FROM PurchaseHeaders"), "9|5.000",
            "what a cancelled order gave back is counted");
}

static void facts(void)
{
    static const struct {
        const char *members;
        const char *column;
        const char *want;
    } cases[] = {
        {"\"name\":\"SHOP-#1042/A\"", "PurchaseNumber", "SHOP-#1042/A"},
        {"\"name\":\"\"", "PurchaseNumber", "NULL"},
        {"\"processed_at\":\"2026-01-01T00:30:00+01:00\",\"created_at\":\"2026-02-01T00:00:00Z\"",
         "PurchaseDate", "2025-12-31T23:30:00"},
        {"\"processed_at\":null,\"created_at\":\"2026-02-01T00:00:00-05:00\"", "PurchaseDate",
         "2026-02-01T05:00:00"},
        {"\"processed_at\":\"x\"", "PurchaseDate", "NULL"},
        {"\"source_name\":\"pos\"", "PurchaseTypeId", "2"},
        {"\"source_name\":\"web\"", "PurchaseTypeId", "1"},
        {"\"source_name\":580111", "PurchaseTypeId", "1"},
        {"\"source_name\":null", "PurchaseTypeId", "1"},
        {"\"x\":1", "PurchaseTypeId", "NULL"},
        {"\"source_name\":\"pos\",\"location_id\":null", "StoreId", "NULL"},
        {"\"source_name\":\"web\",\"location_id\":5", "StoreId", "NULL"},
        {"\"currency\":\"KWD\"", "CurrencyId", "KWD"},
        {"\"currency\":null", "CurrencyId", "NULL"},
        {"\"discount_codes\":[]", "VoucherId", "NULL"},
        {"\"discount_codes\":[{\"code\":\"\"},5,{\"amount\":\"1\"}]", "VoucherId", "NULL"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        empty();
        is_text(post(INSERT, apr_pstrcat(pool, "{\"id\":1,", cases[i].members, "}", NULL)), NULL,
                cases[i].members);
        is_text(ask(apr_pstrcat(pool, "SELECT ", cases[i].column, " FROM PurchaseHeaders", NULL)),
                cases[i].want, apr_pstrcat(pool, "  ", cases[i].column, NULL));
    }
}

static void vouchers(void)
{
    empty();
    post(INSERT,
         "{\"id\":1,\"updated_at\":\"2026-01-01T00:00:00Z\",\"discount_codes\":["
         "{\"code\":\"A\",\"type\":\"fixed_amount\"},{\"code\":\"B\",\"type\":\"shipping\"},"
         "{\"code\":\"C\",\"type\":\"odd\"},{\"code\":\"D\"},{\"code\":15,\"type\":"
         "\"percentage\"}]}");
    is_text(ask("SELECT VoucherIdentifier, VoucherCode, VoucherTypeId FROM Vouchers ORDER BY 1"),
            "15|15|2\nA|A|1\nB|B|3\nC|C|4\nD|D|NULL", "each code is a voucher");
    is_text(ask("SELECT VoucherCode FROM PurchaseHeaders h JOIN Vouchers v"
                " ON v.VoucherId = h.VoucherId"),
            "A", "the header names the first");
    post(UPDATE, "{\"id\":1,\"updated_at\":\"2026-01-02T00:00:00Z\"}");
    is_text(ask("SELECT VoucherId IS NULL FROM PurchaseHeaders"), truth(0), "absent says nothing");
    post(UPDATE, "{\"id\":1,\"updated_at\":\"2026-01-03T00:00:00Z\",\"discount_codes\":[]}");
    is_text(ask("SELECT VoucherId IS NULL FROM PurchaseHeaders"), truth(1), "an empty list clears");
}

/* ---- who has bought ---- */

static void buyers(void)
{
#define ADDRESS                                                                                    \
    "{\"first_name\":\"Ann\",\"last_name\":\"Petit\",\"address1\":\"1 rue A\",\"zip\":"            \
    "\"69001\",\"city\":\"Lyon\",\"country_code\":\"FR\",\"phone\":\"0472000000\"}"
    static const struct {
        const char *members;
        const char
            *want; /* Identifier, FirstName, LastName, Email, Mobile, Home, City, EmailOptin */
    } cases[] = {
        {"\"customer\":null,\"email\":\"\",\"contact_email\":null", ""},
        {"\"email\":\"none\",\"phone\":\"\"", ""},
        {"\"customer\":{},\"email\":null,\"billing_address\":" ADDRESS, ""},
        {"\"customer\":null,\"email\":\"Ann@Example.fr\",\"buyer_accepts_marketing\":true",
         "email:ann@example.fr|NULL|NULL|Ann@Example.fr|NULL|NULL|NULL|NULL"},
        {"\"customer\":null,\"email\":\"\",\"contact_email\":\"ann@example.fr\"",
         "email:ann@example.fr|NULL|NULL|ann@example.fr|NULL|NULL|NULL|NULL"},
        {"\"email\":\"no address\",\"contact_email\":\"ann@example.fr\"",
         "email:ann@example.fr|NULL|NULL|ann@example.fr|NULL|NULL|NULL|NULL"},
        {"\"customer\":null,\"phone\":\"06 12 34 56 78\",\"billing_address\":" ADDRESS,
         "phone:+33612345678|Ann|Petit|NULL|+33612345678|+33472000000|Lyon|NULL"},
        {"\"customer\":null,\"phone\":\"+33612345678\",\"billing_address\":null,"
         "\"shipping_address\":" ADDRESS,
         "phone:+33612345678|Ann|Petit|NULL|+33612345678|+33472000000|Lyon|NULL"},
        {"\"customer\":null,\"email\":\"a@b.fr\",\"phone\":\"+33612345678\"",
         "email:a@b.fr|NULL|NULL|a@b.fr|+33612345678|NULL|NULL|NULL"},
        {"\"customer\":{\"id\":5},\"email\":\"a@b.fr\"", "5|NULL|NULL|NULL|NULL|NULL|NULL|NULL"},
        {"\"customer\":{\"admin_graphql_api_id\":\"gid://shopify/Customer/115310627314723954\","
         "\"id\":115310627314723950,\"email\":\"c@d.fr\",\"first_name\":null}",
         "115310627314723954|NULL|NULL|c@d.fr|NULL|NULL|NULL|NULL"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        empty();
        is_text(post(INSERT, apr_pstrcat(pool, "{\"id\":1,", cases[i].members, "}", NULL)), NULL,
                cases[i].members);
        is_text(ask("SELECT i.Identifier, FirstName, LastName, Email, MobilePhoneNumber,"
                    " HomePhoneNumber, City, EmailOptin FROM PurchaseHeaders h JOIN Contacts c"
                    " ON c.ContactId = h.ContactId JOIN ContactIdentifiers i"
                    " ON i.ContactId = c.ContactId JOIN Addresses a ON a.ContactId = c.ContactId"),
                cases[i].want, "  and its contact");
    }
#undef ADDRESS
}

#define NAME "SELECT FirstName FROM Contacts"

/* What the order tells of its customer never stands against the customer's own webhooks. */
static void customers(void)
{
    empty();
    post("Shopify/Customer/Insert", "{\"id\":5,\"email\":\"a@b.fr\",\"first_name\":\"own\","
                                    "\"updated_at\":\"2026-01-02T00:00:00Z\"}");
    post(INSERT, "{\"id\":1,\"updated_at\":\"2027-01-01T00:00:00Z\",\"customer\":{\"id\":5,"
                 "\"first_name\":\"late\",\"updated_at\":\"2026-01-01T00:00:00Z\"}}");
    is_text(ask(NAME), "own", "the customer's date decides, not the order's");
    post(INSERT, "{\"id\":2,\"updated_at\":\"2027-01-01T00:00:00Z\",\"customer\":{\"id\":5,"
                 "\"first_name\":\"undated\",\"updated_at\":null}}");
    is_text(ask(NAME), "own", "a customer without a date is only a guess");
    send_one(&(sent_t){.route = INSERT,
                       .body = "{\"id\":3,\"customer\":{\"id\":5,\"first_name\":\"newer\","
                               "\"updated_at\":\"2026-01-03T00:00:00Z\"}}",
                       .headers = {"X-Shopify-Triggered-At: 2027-01-01T00:00:00Z"}});
    is_text(ask(NAME), "newer", "newer news of an order counts");
    send_one(&(sent_t){.route = "Shopify/Customer/Update",
                       .body = "{\"id\":5,\"first_name\":\"sent\","
                               "\"updated_at\":\"2026-01-03T00:00:00Z\"}",
                       .headers = {"X-Shopify-Triggered-At: 2026-01-03T00:00:00Z"}});
    is_text(ask(NAME), "sent", "at equal dates the customer's own message wins");
    post(INSERT, "{\"id\":4,\"updated_at\":\"2028-01-01T00:00:00Z\",\"customer\":null,\"email\":"
                 "\"A@b.fr\",\"billing_address\":{\"first_name\":\"guess\",\"city\":\"Nice\"}}");
    is_text(ask("SELECT FirstName, City, (SELECT COUNT(*) FROM Contacts) FROM Contacts c"
                " JOIN Addresses a ON a.ContactId = c.ContactId"),
            "sent|Nice|1", "a buyer known by mail address only fills in what is not known");
    is_text(ask("SELECT COUNT(*), COUNT(DISTINCT ContactId) FROM PurchaseHeaders"), "4|1",
            "all orders belong to one contact");
    post("Shopify/Customer/Delete", "{\"id\":5}");
    post(UPDATE, "{\"id\":3,\"updated_at\":\"2028-01-01T00:00:00Z\",\"customer\":{\"id\":5}}");
    is_text(ask("SELECT COUNT(ContactId) FROM PurchaseHeaders"), "4",
            "purchases stay when the customer is deleted");
}

static void contact_changes(void)
{
    empty();
    post(INSERT, "{\"id\":1,\"updated_at\":\"2026-01-01T00:00:00Z\",\"customer\":null}");
    post(UPDATE, "{\"id\":1,\"updated_at\":\"2026-01-02T00:00:00Z\",\"customer\":{\"id\":5}}");
    is_text(ask("SELECT ContactId IS NULL FROM PurchaseHeaders"), truth(0),
            "a customer that comes later");
    post(UPDATE, "{\"id\":1,\"updated_at\":\"2026-01-03T00:00:00Z\"}");
    is_text(ask("SELECT ContactId IS NULL FROM PurchaseHeaders"), truth(0),
            "members that are missing (protected data) say nothing");
    post(UPDATE, "{\"id\":1,\"updated_at\":\"2026-01-04T00:00:00Z\",\"customer\":null}");
    is_text(ask("SELECT ContactId IS NULL FROM PurchaseHeaders"), truth(1),
            "a customer that is taken off");
}

/* ---- goods ---- */

static void goods(void)
{
#define GOOD "SELECT Label, Sku, Price, Vendor, CurrencyId, PurchaseGoodTypeId FROM PurchaseGoods"
#define LINE(title, price)                                                                         \
    "\"line_items\":[{\"id\":11,\"variant_id\":2,\"product_id\":1,\"title\":\"" title              \
    "\",\"sku\":\"S\",\"quantity\":1,\"price\":\"" price "\",\"vendor\":\"V\"}]"
    empty();
    post(INSERT, "{\"id\":1,\"created_at\":\"2026-01-05T09:00:00Z\",\"currency\":\"EUR\"," LINE(
                     "A", "5") "}");
    post(INSERT, "{\"id\":2,\"created_at\":\"2026-01-04T09:00:00Z\",\"currency\":\"EUR\"," LINE(
                     "old", "4") "}");
    is_text(ask(GOOD), "A|S|5.000|V|EUR|1", "a good that only orders know: the newest order's day");
    post("Shopify/Product/Insert", "{\"id\":1,\"title\":\"P\",\"vendor\":\"\",\"updated_at\":"
                                   "\"2020-01-01T00:00:00Z\",\"variants\":[{\"id\":2,\"price\":"
                                   "\"9\",\"sku\":null}]}");
    is_text(ask(GOOD), "P|NULL|9.000|NULL|EUR|1", "the product's own news replaces guesses");
    post(INSERT, "{\"id\":3,\"created_at\":\"2027-01-04T09:00:00Z\"," LINE("new", "8") "}");
    is_text(ask(GOOD), "P|NULL|9.000|NULL|EUR|1", "and is not replaced by newer ones");
    post(INSERT, "{\"id\":4,\"line_items\":[{\"id\":44,\"variant_id\":2,\"gift_card\":true}]}");
    is_text(ask("SELECT PurchaseGoodTypeId FROM PurchaseGoods"), "2", "a line knows a gift card");
    post("Shopify/Product/Update",
         "{\"id\":1,\"updated_at\":\"2028-01-01T00:00:00Z\",\"variants\":[{\"id\":2}]}");
    is_text(ask("SELECT PurchaseGoodTypeId FROM PurchaseGoods"), "2", "which it stays");
    is_text(ask("SELECT COUNT(*), COUNT(PurchaseGoodId) FROM PurchaseDetails"), "2|2",
            "every line has its good");
#undef LINE
#undef GOOD
}

/* ---- what is no order ---- */

static void refusals(void)
{
    static const struct {
        const char *body;
        const char *reason;
    } cases[] = {
        {"{}", "the order has no id"},
        {"{\"id\":\"x\"}", "the order has no id"},
        {"{\"id\":5.8e12}", "the order has no id"},
        {"{\"order_edit\":{\"id\":1,\"order_id\":2,\"line_items\":{\"additions\":[]}}}",
         "orders/edited, which carries no order: subscribe orders/updated"},
        {"{\"id\":255858046,\"order_id\":820982911946154508,\"status\":\"pending\",\"line_items\":"
         "[{\"id\":866550311766439020,\"quantity\":1}]}",
         "part of an order"},
        {"{\"id\":1,\"admin_graphql_api_id\":\"gid://shopify/DraftOrder/1\",\"line_items\":[]}",
         "expected gid://shopify/Order/"},
        {"{\"id\":1,\"admin_graphql_api_id\":\"gid://shopify/Fulfillment/1\"}",
         "expected gid://shopify/Order/"},
        {"{\"customer_id\":1,\"email_address\":\"a@b.fr\",\"email_marketing_consent\":{}}",
         "consent"},
        {"{\"id\":1,\"phone\":null,\"sms_marketing_consent\":{\"state\":\"subscribed\"}}",
         "consent"},
        {"{\"shop_id\":1,\"shop_domain\":\"x\",\"customer\":{\"id\":1,\"email\":\"a@b.fr\"},"
         "\"orders_to_redact\":[1]}",
         "privacy request"},
        {"{\"shop_id\":1,\"orders_requested\":[1],\"customer\":{\"id\":1},\"data_request\":{"
         "\"id\":1}}",
         "crm360ctl erase"},
        {"{\"id\":1,\"variants\":[]}", "is a product"},
        {"{\"id\":1,\"abandoned_checkout_url\":\"x\"}", "is a checkout"},
        {"{\"id\":1,\"line_items\":[{\"id\":2},{\"quantity\":1}]}",
         "line_items[1].id is no id: expected an integer"},
        {"{\"id\":1,\"line_items\":[5]}", "line_items[0].id is no id"},
    };
    static const char *const routes[] = {INSERT, UPDATE, DELETE};
    size_t i, k;

    empty();
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (k = 0; k < (strstr(cases[i].reason, "line_items[") ? 2 : 3); k++) {
            const char *reason = post(routes[k], cases[i].body);

            ok(has(reason, "reject: ") && has(reason, cases[i].reason) && !has(reason, "a@b"),
               "%s of %s is refused: %s", routes[k], cases[i].body, reason);
        }
    }
    for (k = 0; k < 2; k++) {
        ok(has(post(k ? "Shopify/Customer/Update" : "Shopify/Customer/Insert", cases[9].body),
               "privacy request"),
           "a privacy request is no customer either");
    }
    is_text(ask("SELECT COUNT(*) FROM WebhookVersions"), "0", "nothing was written");
}

/* What is strange and still an order. */
static void oddities(void)
{
    static const char *const cases[] = {
        "\"line_items\":null",
        "\"line_items\":{}",
        "\"line_items\":[{\"id\":2,\"properties\":{\"a\":[1,{\"b\":null}]}}]",
        "\"line_items\":[{\"id\":2,\"properties\":[{\"name\":5,\"value\":{}}]}]",
        "\"line_items\":[{\"id\":2,\"variant_id\":\"x\",\"product_id\":true}]",
        "\"line_items\":[{\"id\":2,\"quantity\":0,\"price\":\"5\",\"current_quantity\":0}]",
        "\"line_items\":[{\"id\":2},{\"id\":2}]",
        "\"refunds\":[null,5,{},{\"transactions\":5,\"refund_line_items\":{}},{\"transactions\":["
        "null]}]",
        "\"shipping_lines\":[null,{},{\"price\":null}]",
        "\"discount_codes\":{}",
        "\"customer\":[]",
        "\"customer\":\"x\"",
        "\"billing_address\":[],\"shipping_address\":5,\"email\":\"a@b.fr\"",
        "\"test\":\"true\",\"cancelled_at\":{}",
        "\"note\":\"\\u0000\",\"tags\":[1]",
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        empty();
        is_text(post(INSERT, apr_pstrcat(pool, "{\"id\":1,", cases[i], "}", NULL)), NULL, cases[i]);
        is_text(ask("SELECT COUNT(*) FROM PurchaseHeaders"), "1", "  is an order all the same");
    }
}

int main(void)
{
    start();
    fixtures();
    point_of_sale();
    states();
    facts();
    vouchers();
    buyers();
    customers();
    contact_changes();
    goods();
    refusals();
    oddities();
    crm_db_close(db);
    return tap_done();
}
