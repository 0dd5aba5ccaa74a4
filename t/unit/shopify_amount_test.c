/* Amounts of Shopify orders: what is exact, what is reckoned, and what is refused. */
#include "t/unit/handler_tools.h"

#define INSERT "Shopify/Order/Insert"

#define AMOUNTS                                                                                    \
    "SELECT AmountTaxIncluded, AmountTaxFree, TaxAmount, DiscountAmount, ShippingAmount,"          \
    " RefundAmount, OriginalAmountTaxIncluded FROM PurchaseHeaders"

#define LINE                                                                                       \
    "SELECT Quantity, RefundedQuantity, UnitPrice, AmountTaxIncluded, AmountTaxFree, TaxAmount,"   \
    " TaxRate, DiscountAmount FROM PurchaseDetails"

static const char *post(const char *members)
{
    return send_one(
        &(sent_t){.route = INSERT, .body = apr_pstrcat(pool, "{\"id\":1,", members, "}", NULL)});
}

typedef struct amount_case_t {
    const char *members;
    const char *want;
} amount_case_t;

static void try_all(const amount_case_t *cases, size_t count, const char *query)
{
    size_t i;

    for (i = 0; i < count; i++) {
        empty();
        is_text(post(cases[i].members), NULL, cases[i].members);
        is_text(ask(query), cases[i].want, "  and what it is worth");
    }
}

#define TRY_ALL(cases, query) try_all(cases, sizeof(cases) / sizeof((cases)[0]), query)

/* ---- the header ---- */

#define SUCCESS(amount)                                                                            \
    "{\"transactions\":[{\"kind\":\"refund\",\"status\":\"success\",\"amount\":" amount "}]}"

static const amount_case_t headers[] = {
    {"\"x\":1", "NULL|NULL|NULL|NULL|NULL|NULL|NULL"},
    {"\"total_price\":\"129.80\",\"total_tax\":\"21.63\",\"total_discounts\":\"0.00\"",
     "129.800|108.170|21.630|0.000|NULL|NULL|129.800"},
    {"\"total_price\":129.8,\"total_tax\":21.63", "129.800|108.170|21.630|NULL|NULL|NULL|129.800"},
    {"\"total_price\":\"1.298e2\"", "129.800|NULL|NULL|NULL|NULL|NULL|129.800"},
    {"\"total_price\":\"+129.80\"", "129.800|NULL|NULL|NULL|NULL|NULL|129.800"},
    {"\"total_price\":\".5\"", "0.500|NULL|NULL|NULL|NULL|NULL|0.500"},
    {"\"total_price\":null,\"total_tax\":\"\"", "NULL|NULL|NULL|NULL|NULL|NULL|NULL"},
    {"\"total_price\":\"10.00\",\"current_total_price\":\"7.50\",\"total_tax\":\"2.00\","
     "\"current_total_tax\":\"1.50\",\"total_discounts\":\"3.00\",\"current_total_discounts\":"
     "\"2.00\"",
     "7.500|6.000|1.500|2.000|NULL|NULL|10.000"},
    /* a yen has no part, a Kuwaiti dinar a thousand */
    {"\"currency\":\"JPY\",\"total_price\":\"1200\",\"total_tax\":\"109\"",
     "1200.000|1091.000|109.000|NULL|NULL|NULL|1200.000"},
    {"\"currency\":\"KWD\",\"total_price\":\"12.345\",\"total_tax\":\"0.001\"",
     "12.345|12.344|0.001|NULL|NULL|NULL|12.345"},
    {"\"total_price\":\"999999999999999.999\",\"total_tax\":\"0.001\"",
     "999999999999999.999|999999999999999.998|0.001|NULL|NULL|NULL|999999999999999.999"},
    {"\"total_price\":\"123456789012345.67\"",
     "123456789012345.670|NULL|NULL|NULL|NULL|NULL|123456789012345.670"},
    {"\"total_price\":123456789012345.67",
     "123456789012345.670|NULL|NULL|NULL|NULL|NULL|123456789012345.670"},
    {"\"total_price\":\"-5.00\",\"total_tax\":\"-1\"",
     "-5.000|-4.000|-1.000|NULL|NULL|NULL|-5.000"},
    /* old payloads: without current_*, refunds are taken off */
    {"\"total_price\":\"10.00\",\"total_tax\":\"2.00\",\"refunds\":[" SUCCESS("\"4.00\"") "]",
     "6.000|4.000|2.000|NULL|NULL|4.000|10.000"},
    {"\"total_price\":\"10.00\",\"total_tax\":\"2.00\",\"taxes_included\":true,\"refunds\":[{"
     "\"refund_line_items\":[{\"line_item_id\":2,\"quantity\":1,\"subtotal\":4.8,\"total_tax\":"
     "0.8}]}]",
     "5.200|4.000|1.200|NULL|NULL|4.800|10.000"},
    {"\"total_price\":\"10.00\",\"current_total_price\":\"9.00\",\"refunds\":[]",
     "9.000|NULL|NULL|NULL|NULL|0.000|10.000"},
};

static const amount_case_t refunds[] = {
    {"\"refunds\":[]", "0.000"},
    {"\"refunds\":null", "NULL"},
    {"\"refunds\":[" SUCCESS("\"22.41\"") "," SUCCESS("5") "]", "27.410"},
    {"\"refunds\":[" SUCCESS("22.409999999999997") "]", "22.410"},
    {"\"refunds\":[{\"transactions\":[{\"kind\":\"refund\",\"status\":\"pending\",\"amount\":\"9\"}"
     ","
     "{\"kind\":\"refund\",\"status\":\"failure\",\"amount\":\"9\"},{\"kind\":\"sale\",\"status\":"
     "\"success\",\"amount\":\"9\"},{\"kind\":\"refund\",\"status\":\"success\",\"amount\":\"1\"}]}"
     "]",
     "1.000"},
    /* a line that was taken out of an unpaid order: no money */
    {"\"refunds\":[{\"transactions\":[],\"refund_line_items\":[{\"line_item_id\":2,\"quantity\":1,"
     "\"subtotal\":89.99,\"total_tax\":0}]}]",
     "0.000"},
    {"\"taxes_included\":true,\"refunds\":[{\"refund_line_items\":[{\"line_item_id\":2,\"quantity\""
     ":1,\"subtotal\":89.99,\"total_tax\":15.0}]}]",
     "89.990"},
    {"\"taxes_included\":false,\"refunds\":[{\"refund_line_items\":[{\"line_item_id\":2,"
     "\"quantity\":1,\"subtotal\":89.99,\"total_tax\":18.0}]}]",
     "107.990"},
    {"\"refunds\":[{\"order_adjustments\":[{\"kind\":\"shipping_refund\",\"amount\":\"-4.90\","
     "\"tax_amount\":\"-0.98\"}]}]",
     "5.880"},
    {"\"refunds\":[{\"order_adjustments\":[{\"kind\":\"shipping_refund\",\"amount\":\"4.90\"}]}]",
     "4.900"},
    {"\"refunds\":[{\"refund_line_items\":[{\"quantity\":1,\"subtotal\":20}],\"order_adjustments\":"
     "[{\"kind\":\"refund_discrepancy\",\"amount\":\"5.00\",\"tax_amount\":\"0.00\"}]}]",
     "15.000"},
};

static const amount_case_t shippings[] = {
    {"\"shipping_lines\":[]", "0.000"},
    {"\"shipping_lines\":[{\"price\":\"4.90\",\"discounted_price\":\"3.90\"}]", "3.900"},
    {"\"shipping_lines\":[{\"price\":\"4.90\",\"discounted_price\":\"0.00\"},{\"price\":\"2\"}]",
     "2.000"},
    {"\"shipping_lines\":[{\"price\":\"4.90\",\"discount_allocations\":[{\"amount\":\"1.40\"},"
     "{\"amount\":\"0.50\"}]}]",
     "3.000"},
    {"\"shipping_lines\":[{\"price\":\"4.90\",\"is_removed\":true},{\"price\":\"1\",\"is_removed\":"
     "false}]",
     "1.000"},
};

/* ---- lines ---- */

#define ONE(members) "\"line_items\":[{\"id\":2," members "}]"

static const amount_case_t lines[] = {
    {ONE("\"x\":1"), "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL"},
    {ONE("\"quantity\":3"), "3.000|0.000|NULL|NULL|NULL|NULL|NULL|NULL"},
    {ONE("\"price\":\"5\""), "NULL|NULL|5.000|NULL|NULL|NULL|NULL|NULL"},
    {ONE("\"quantity\":2,\"price\":\"10.00\""), "2.000|0.000|10.000|NULL|20.000|NULL|NULL|0.000"},
    {"\"taxes_included\":true," ONE("\"quantity\":2,\"price\":\"10.00\""),
     "2.000|0.000|10.000|20.000|NULL|NULL|NULL|0.000"},
    {ONE("\"quantity\":\"2\",\"price\":10,\"tax_lines\":[]"),
     "2.000|0.000|10.000|20.000|20.000|0.000|NULL|0.000"},
    /* taxes in the price, and on top of it */
    {"\"taxes_included\":true," ONE("\"quantity\":2,\"price\":\"12.00\",\"tax_lines\":[{\"price\":"
                                    "\"4.00\",\"rate\":0.2}]"),
     "2.000|0.000|12.000|24.000|20.000|4.000|20.000|0.000"},
    {"\"taxes_included\":false," ONE("\"quantity\":2,\"price\":\"10.00\",\"tax_lines\":[{\"price\":"
                                     "\"4.00\",\"rate\":0.2}]"),
     "2.000|0.000|10.000|24.000|20.000|4.000|20.000|0.000"},
    {ONE("\"quantity\":1,\"price\":\"100\",\"tax_lines\":[{\"price\":8.88,\"rate\":0.08875}]"),
     "1.000|0.000|100.000|108.880|100.000|8.880|8.875|0.000"},
    {ONE("\"quantity\":1,\"price\":\"100\",\"tax_lines\":[{\"price\":\"5\",\"rate\":0.05},{"
         "\"price\":\"9.98\",\"rate\":0.09975}]"),
     "1.000|0.000|100.000|114.980|100.000|14.980|NULL|0.000"},
    {ONE("\"quantity\":1,\"price\":\"100\",\"tax_lines\":[{\"price\":\"20\",\"rate\":\"20%\"}]"),
     "1.000|0.000|100.000|120.000|100.000|20.000|NULL|0.000"},
    /* discounts */
    {ONE("\"quantity\":2,\"price\":\"10.00\",\"total_discount\":\"0.00\",\"discount_allocations\":["
         "{\"amount\":\"1.50\"},{\"amount\":\"0.25\"}]"),
     "2.000|0.000|10.000|NULL|18.250|NULL|NULL|1.750"},
    {ONE("\"quantity\":2,\"price\":\"10.00\",\"total_discount\":\"3.00\""),
     "2.000|0.000|10.000|NULL|17.000|NULL|NULL|3.000"},
    /* what was taken back: exactly as the refund says */
    {"\"taxes_included\":true,\"refunds\":[{\"refund_line_items\":[{\"line_item_id\":2,\"quantity\""
     ":1,\"subtotal\":22.41,\"total_tax\":3.74}]}]," ONE(
         "\"quantity\":2,\"current_quantity\":1,\"price\":\"24.90\",\"discount_allocations\":[{"
         "\"amount\":\"4.98\"}],\"tax_lines\":[{\"price\":\"7.47\",\"rate\":0.2}]"),
     "2.000|1.000|24.900|22.410|18.680|3.730|20.000|2.490"},
    /* without current_quantity */
    {"\"refunds\":[{\"refund_line_items\":[{\"line_item_id\":9,\"quantity\":5},{\"line_item\":{"
     "\"admin_graphql_api_id\":\"gid://shopify/LineItem/2\"},\"quantity\":1,\"subtotal\":10,"
     "\"total_tax\":2}]}]," ONE("\"quantity\":3,\"price\":\"10.00\",\"tax_lines\":[{\"price\":"
                                "\"6.00\",\"rate\":0.2}]"),
     "3.000|1.000|10.000|24.000|20.000|4.000|20.000|0.000"},
    /* nobody says what: by quantity, in the places of the currency */
    {"\"currency\":\"EUR\"," ONE("\"quantity\":3,\"current_quantity\":2,\"price\":\"10.00\","
                                 "\"discount_allocations\":[{\"amount\":\"10.00\"}],\"tax_lines\":"
                                 "[{\"price\":\"4.00\",\"rate\":0.2}]"),
     "3.000|1.000|10.000|16.000|13.330|2.670|20.000|6.670"},
    {"\"currency\":\"JPY\"," ONE("\"quantity\":3,\"current_quantity\":2,\"price\":\"1000\","
                                 "\"discount_allocations\":[{\"amount\":\"1000\"}]"),
     "3.000|1.000|1000.000|NULL|1333.000|NULL|NULL|667.000"},
    {"\"currency\":\"KWD\"," ONE("\"quantity\":3,\"current_quantity\":2,\"price\":\"1.000\","
                                 "\"discount_allocations\":[{\"amount\":\"1.000\"}]"),
     "3.000|1.000|1.000|NULL|1.333|NULL|NULL|0.667"},
    /* nothing is left, or was there */
    {ONE("\"quantity\":2,\"current_quantity\":0,\"price\":\"10\",\"discount_allocations\":[{"
         "\"amount\":\"3\"}],\"tax_lines\":[{\"price\":\"2\",\"rate\":0.1}]"),
     "2.000|2.000|10.000|0.000|0.000|0.000|10.000|0.000"},
    {ONE("\"quantity\":0,\"current_quantity\":0,\"price\":\"10\",\"tax_lines\":[]"),
     "0.000|0.000|10.000|0.000|0.000|0.000|NULL|0.000"},
    {ONE("\"quantity\":1,\"current_quantity\":3,\"price\":\"10\",\"tax_lines\":[]"),
     "1.000|0.000|10.000|10.000|10.000|0.000|NULL|0.000"},
    {ONE("\"quantity\":1,\"current_quantity\":-3,\"price\":\"10\",\"tax_lines\":[]"),
     "1.000|1.000|10.000|0.000|0.000|0.000|NULL|0.000"},
    {"\"refunds\":[{\"refund_line_items\":[{\"line_item_id\":2,\"quantity\":7}]}]," ONE(
         "\"quantity\":1,\"price\":\"10\",\"tax_lines\":[]"),
     "1.000|1.000|10.000|0.000|0.000|0.000|NULL|0.000"},
    {ONE("\"quantity\":1,\"price\":\"999999999999999.999\",\"tax_lines\":[]"),
     "1.000|0.000|999999999999999.999|999999999999999.999|999999999999999.999|0.000|NULL|0.000"},
};

/* ---- what is no amount ---- */

static void refusals(void)
{
    static const struct {
        const char *members;
        const char *reason;
    } cases[] = {
        {"\"total_price\":\"x\"", "total_price is no number: expected one such as 129.80"},
        {"\"total_price\":\"12,50\"", "total_price is no number"},
        {"\"total_price\":true", "total_price is no number"},
        {"\"current_total_price\":{}", "current_total_price is no number"},
        {"\"total_tax\":[1]", "total_tax is no number"},
        {"\"total_discounts\":\"1.2.3\"", "total_discounts is no number"},
        {"\"total_price\":\"1000000000000000\"",
         "total_price is too large: expected at most fifteen digits in front of the point"},
        {"\"total_price\":1e300", "total_price is too large"},
        {"\"total_price\":\"-999999999999999\",\"total_tax\":\"1\"", "the amounts are too large"},
        {"\"currency\":\"eur\"",
         "currency is no currency: expected three capital letters (ISO 4217)"},
        {"\"currency\":\"EURO\"", "currency is no currency"},
        {"\"currency\":\"E1R\"", "currency is no currency"},
        {"\"currency\":978", "currency is no currency"},
        {"\"currency\":[\"EUR\"]", "currency is no currency"},
        {"\"refunds\":[{},{\"transactions\":[{},{\"kind\":\"refund\",\"status\":\"success\","
         "\"amount\":\"x\"}]}]",
         "refunds[1].transactions[1].amount is no number"},
        {"\"refunds\":[{\"refund_line_items\":[{\"subtotal\":\"x\"}]}]",
         "refunds[0].refund_line_items[0].subtotal is no number"},
        {"\"refunds\":[{\"order_adjustments\":[{\"tax_amount\":\"x\"}]}]",
         "refunds[0].order_adjustments[0].tax_amount is no number"},
        {"\"shipping_lines\":[{\"discounted_price\":false}]",
         "shipping_lines[0].discounted_price is no number"},
        {ONE("\"quantity\":\"two\""), "line_items[0].quantity is no number"},
        {ONE("\"price\":\"free\""), "line_items[0].price is no number"},
        {ONE("\"current_quantity\":[]"), "line_items[0].current_quantity is no number"},
        {ONE("\"tax_lines\":[{},{\"price\":\"?\"}]"),
         "line_items[0].tax_lines[1].price is no number"},
        {ONE("\"discount_allocations\":[{\"amount\":\"?\"}]"),
         "line_items[0].discount_allocations[0].amount is no number"},
        {ONE("\"price\":\"999999999999999\",\"quantity\":2"), "the amounts are too large"},
        {ONE("\"price\":\"999999999999999\",\"quantity\":1,\"tax_lines\":[{\"price\":\"1\"}]"),
         "the amounts are too large"},
    };
    size_t i;

    empty();
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *reason = post(cases[i].members);

        ok(has(reason, "reject: ") && has(reason, cases[i].reason), "%s is refused: %s",
           cases[i].members, reason);
    }
    is_text(ask("SELECT COUNT(*) FROM WebhookVersions"), "0", "nothing was written");
}

/* ---- rounding ---- */

static int roundings; /* lines of the log that tell of one */

static void count_log(void *baton, crm360_log_level_t level, apr_status_t rv, const char *text)
{
    (void)baton;
    (void)rv;
    roundings += level == CRM360_LOG_WARNING && strstr(text, "CRM0510") != NULL;
    if (strstr(text, "CRM0510")) {
        printf("# log: %s\n", text);
    }
}

static void rounding(void)
{
    static const struct {
        const char *members;
        const char *want;
        int told;
    } cases[] = {
        {"\"total_price\":\"1.0005\"", "1.001", 1},
        {"\"total_price\":\"1.0004\"", "1.000", 1},
        {"\"total_price\":\"-1.0005\"", "-1.001", 1},
        {"\"total_price\":\"1.5000000\"", "1.500", 0},
        {"\"total_price\":0.30000000000000004", "0.300", 0},
        {"\"total_price\":\"1.234\"", "1.234", 0},
        {"\"total_price\":\"1.2345\",\"total_tax\":\"0.0001\"", "1.235", 1},
    };
    size_t i;

    crm360_log_set(count_log, NULL, CRM360_LOG_INFO);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        empty();
        roundings = 0;
        post(cases[i].members);
        is_text(ask("SELECT AmountTaxIncluded FROM PurchaseHeaders"), cases[i].want,
                cases[i].members);
        is_number(roundings, cases[i].told, "  and the log tells, or is silent");
    }
    crm360_log_set(tools_log, NULL, CRM360_LOG_INFO);
}

int main(void)
{
    start();
    TRY_ALL(headers, AMOUNTS);
    TRY_ALL(refunds, "SELECT RefundAmount FROM PurchaseHeaders");
    TRY_ALL(shippings, "SELECT ShippingAmount FROM PurchaseHeaders");
    TRY_ALL(lines, LINE);
    refusals();
    rounding();
    crm_db_close(db);
    return tap_done();
}
