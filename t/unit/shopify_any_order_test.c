/*
 * Shopify products and orders: the same messages in any order and any number give the same rows,
 * also together with messages of the customers and products that orders name.
 */
#include "t/unit/handler_tools.h"

#define PRODUCT "Shopify/Product/"
#define ORDER "Shopify/Order/"
#define CUSTOMER "Shopify/Customer/"

#define AT(day) "\"updated_at\":\"2026-03-" day "T00:00:00Z\""
#define SENT(day)                                                                                  \
    {                                                                                              \
        "X-Shopify-Triggered-At: 2026-03-" day "T00:00:01Z"                                        \
    }

#define VARIANT(id, title, price)                                                                  \
    "{\"id\":" id ",\"admin_graphql_api_id\":\"gid://shopify/ProductVariant/" id                   \
    "\",\"title\":\"" title "\",\"sku\":\"S-" id "\",\"price\":\"" price "\"," AT("01") "}"
#define GID(id) "{\"admin_graphql_api_id\":\"gid://shopify/ProductVariant/" id "\"}"

/* ---- one product ---- */

static const sent_t product[] = {
    {.route = PRODUCT "Insert",
     .body = "{\"id\":1,\"title\":\"Shirt\",\"vendor\":\"V\",\"product_type\":\"Shirts\","
             "\"status\":"
             "\"active\"," AT("01") ",\"variants\":[" VARIANT("11", "S", "10.00") "," VARIANT(
                 "12", "M", "10.00") "]}",
     .headers = SENT("01")},
    /* a variant more, and one that is only listed */
    {.route = PRODUCT "Update",
     .body = "{\"id\":1,\"title\":\"Shirt\",\"vendor\":\"\",\"product_type\":"
             "\"Tops\"," AT("02") ",\"variants\":[" VARIANT("11", "S", "11.00") "," VARIANT(
                 "12", "M", "10.00") "," VARIANT("13", "L",
                                                 "12.00") "],\"variant_gids\":"
                                                          "[" GID("13") "," GID(
                                                              "1"
                                                              "2") "," GID("11") "," GID("14") "]}",
     .headers = SENT("02"),
     .brand_id = 3},
    /* one less, and no category */
    {.route = PRODUCT "Update",
     .body = "{\"id\":1,\"title\":\"Shirt 2\",\"product_type\":\"\",\"status\":\"draft\"," AT(
         "03") ",\"variants\":[" VARIANT("11", "S", "9.00") "," VARIANT("13", "L", "12.00") "]}",
     .headers = SENT("03")},
    {.route = PRODUCT "Delete", .body = "{\"id\":1}", .headers = SENT("02")},
    /* late, and about the same second as the one before */
    {.route = PRODUCT "Update",
     .body = "{\"id\":1,\"title\":\"Shirt 3\",\"status\":\"archived\"," AT(
         "03") ",\"variants\":[" VARIANT("12", "M", "8.00") "]}",
     .headers = SENT("04")},
    /* a purchase that names a variant before its product, and one that nobody lists */
    {.route = ORDER "Insert",
     .body = "{\"id\":900,\"created_at\":\"2026-03-02T10:00:00Z\",\"currency\":\"EUR\"," AT(
         "02") ",\"line_items\":[{\"id\":91,\"variant_id\":13,\"product_id\":1,\"title\":"
               "\"Old\","
               "\"quantity\":1,\"price\":\"12.50\",\"vendor\":\"W\"},{\"id\":92,\"variant_"
               "id\":19,"
               "\"product_id\":1,\"title\":\"Gone\",\"quantity\":1,\"price\":\"1\"}]}",
     .headers = SENT("02"),
     .brand_id = 4},
};

/* The same without the deletion, and with two orders that disagree about an unknown product. */
static const sent_t guesses[] = {
    {.route = ORDER "Insert",
     .body = "{\"id\":900,\"created_at\":\"2026-03-02T10:00:00Z\",\"currency\":\"EUR\"," AT(
         "02") ",\"discount_codes\":[{\"code\":\"X\",\"type\":\"percentage\"}],\"source_name\":"
               "\"pos\",\"location_id\":7,\"line_items\":[{\"id\":91,\"variant_id\":13,"
               "\"product_id\":1,\"title\":\"A\",\"sku\":\"a\",\"quantity\":1,\"price\":\"1\"}]}",
     .brand_id = 4,
     .zone_id = 1},
    {.route = ORDER "Insert",
     .body = "{\"id\":901,\"created_at\":\"2026-03-02T23:00:00Z\",\"currency\":\"USD\"," AT(
         "02") ",\"discount_codes\":[{\"code\":\"X\",\"type\":\"fixed_amount\"}],\"source_name\":"
               "\"pos\",\"location_id\":7,\"line_items\":[{\"id\":93,\"variant_id\":13,"
               "\"product_id\":1,\"title\":\"B\",\"quantity\":1,\"price\":\"2\",\"gift_card\":true}"
               "]}",
     .brand_id = 5,
     .zone_id = 2},
    {.route = ORDER "Insert",
     .body = "{\"id\":902,\"created_at\":\"2026-03-01T10:00:00Z\"," AT(
         "05") ",\"line_items\":[{\"id\":94,\"variant_id\":13,\"title\":\"C\",\"quantity\":1,"
               "\"price\":\"3\",\"vendor\":\"V\"}]}",
     .brand_id = 4},
    {.route = PRODUCT "Update",
     .body = "{\"id\":1,\"title\":\"Shirt\",\"product_type\":\"Tops\"," AT(
         "01") ",\"variants\":[" VARIANT("13", "L", "12.00") "]}",
     .brand_id = 4},
    {.route = PRODUCT "Update",
     .body = "{\"id\":1,\"product_type\":\"Tops\"," AT(
         "02") ",\"variants\":[{\"id\":13,\"price\":null,\"sku\":\"\"}]}",
     .brand_id = 6},
};

/* ---- one order ---- */

#define BUYER(first, day)                                                                          \
    "\"customer\":{\"id\":5,\"email\":\"a@b.fr\",\"first_name\":\"" first "\"," AT(day) "}"
#define LINE(id, quantity, current)                                                                \
    "{\"id\":" id ",\"variant_id\":1" id                                                           \
    ",\"product_id\":1,\"title\":\"T\",\"quantity\":" quantity ",\"current_quantity\":" current    \
    ",\"price\":\"10.00\",\"tax_lines\":[{\"price\":\"3.00\","                                     \
    "\"rate\":0.2}]}"
#define HEAD                                                                                       \
    "{\"id\":1,\"name\":\"#1\",\"currency\":\"EUR\",\"created_at\":\"2026-03-01T00:00:00Z\","      \
    "\"taxes_included\":true,\"source_name\":\"web\",\"total_price\":\"30.00\",\"total_tax\":"     \
    "\"5.00\","

#define INSERTED                                                                                   \
    {                                                                                              \
        .route = ORDER "Insert",                                                                   \
        .body = HEAD "\"financial_status\":\"pending\"," AT("01") "," BUYER(                       \
            "order", "01") ",\"discount_codes\":[{\"code\":\"A\",\"type\":\"percentage\"}],"       \
                           "\"line_items\":[" LINE("1", "2", "2") "," LINE("2", "1", "1") "]}",    \
        .headers = SENT("01")                                                                      \
    }
/* in the same second as the insert */
#define PAID                                                                                       \
    {                                                                                              \
        .route = ORDER "Update",                                                                   \
        .body = HEAD "\"financial_status\":\"paid\"," AT("01") "," BUYER(                          \
            "order", "01") ",\"line_items\":[" LINE("1", "2", "2") "," LINE("2", "1", "1") "]}",   \
        .headers = SENT("02"), .brand_id = 2                                                       \
    }
#define REFUNDED                                                                                   \
    {                                                                                              \
        .route = ORDER "Update",                                                                   \
        .body = HEAD "\"financial_status\":\"partially_refunded\"," AT("03") "," BUYER(            \
            "refund",                                                                              \
            "03") ",\"refunds\":[{\"refund_line_items\":[{\"line_item_id\":1,\"quantity\":"        \
                  "1,\"subtotal\":10.0,\"total_tax\":1.67}],\"transactions\":[{\"kind\":"          \
                  "\"refund\",\"status\":\"success\",\"amount\":\"10.00\"}]}],"                    \
                  "\"discount_codes\":[],\"line_items\":[" LINE("1", "2", "1") "," LINE("2", "1",  \
                                                                                        "1") "]}", \
        .headers = SENT("03")                                                                      \
    }
#define CANCELLED                                                                                  \
    {                                                                                              \
        .route = ORDER "Update",                                                                   \
        .body = HEAD                                                                               \
            "\"financial_status\":\"refunded\",\"cancelled_at\":\"2026-03-05T00:00:00Z\"," AT(     \
                "05") ",\"customer\":null,\"email\":\"A@B.fr\",\"billing_address\":{\"first_"      \
                      "name\":"                                                                    \
                      "\"Guess\",\"city\":\"Nice\"},\"line_items\":[" LINE(                        \
                          "1", "2", "0") "," LINE("3", "1", "0") "]}",                             \
        .headers = SENT("05"), .brand_id = 3                                                       \
    }
/* an edit has dropped a line and added one */
#define EDITED                                                                                     \
    {                                                                                              \
        .route = ORDER "Update",                                                                   \
        .body = HEAD "\"financial_status\":\"paid\"," AT(                                          \
            "02") ",\"cancelled_at\":null,\"line_items\":[" LINE("1", "2",                         \
                                                                 "2") "," LINE("3", "1",           \
                                                                               "1") "]}",          \
        .headers = SENT("02")                                                                      \
    }
#define DELETED                                                                                    \
    {                                                                                              \
        .route = ORDER "Delete", .body = "{\"id\":1}", .headers = SENT("02")                       \
    }

static const sent_t order_alone[] = {INSERTED, PAID, REFUNDED, CANCELLED, EDITED, DELETED};

/* Messages of the customer: one in the same second as what an order tells, one newer than all
 * orders, and the deletion. */
#define OWN_INSERT                                                                                 \
    {                                                                                              \
        .route = CUSTOMER "Insert",                                                                \
        .body =                                                                                    \
            "{\"id\":5,\"email\":\"a@b.fr\",\"first_name\":\"own\",\"last_name\":\"Petit\"," AT(   \
                "01") "}",                                                                         \
        .headers = SENT("01"), .brand_id = 2                                                       \
    }
#define OWN_UPDATE                                                                                 \
    {                                                                                              \
        .route = CUSTOMER "Update",                                                                \
        .body = "{\"id\":5,\"email\":\"a@b.fr\",\"first_name\":null,\"last_name\":\"Grand\"," AT(  \
            "04") ",\"default_address\":null}",                                                    \
        .headers = SENT("04")                                                                      \
    }
#define OWN_DELETE                                                                                 \
    {                                                                                              \
        .route = CUSTOMER "Delete", .body = "{\"id\":5}", .headers = SENT("02")                    \
    }

static const sent_t order_and_customer[] = {INSERTED, REFUNDED, OWN_INSERT, OWN_UPDATE, OWN_DELETE};

static const sent_t order_without_customer[] = {INSERTED, REFUNDED, CANCELLED, OWN_INSERT,
                                                OWN_UPDATE};

/* ---- buyers without an id ---- */

static const sent_t unnamed[] = {
    {.route = ORDER "Insert",
     .body = "{\"id\":1,\"customer\":null,\"email\":\"a@b.fr\"," AT(
         "01") ",\"billing_address\":{\"first_name\":\"One\",\"city\":\"Nice\",\"company\":\"C\"}"
               "}"},
    {.route = ORDER "Insert",
     .body = "{\"id\":2,\"customer\":null,\"email\":\"\",\"contact_email\":\"A@b.fr\"," AT(
         "02") ",\"shipping_address\":{\"first_name\":\"Two\",\"city\":\"Lyon\"}}"},
    {.route = ORDER "Insert",
     .body = "{\"id\":3,\"customer\":{\"id\":5,\"email\":\"a@b.fr\",\"updated_at\":null,"
             "\"first_name\":\"Three\"}," AT("03") "}"},
    {.route = CUSTOMER "Update",
     .body = "{\"id\":5,\"email\":\"a@b.fr\",\"first_name\":\"Own\"," AT("01") "}"},
    {.route = ORDER "Update",
     .body = "{\"id\":1,\"customer\":{\"id\":5,\"email\":\"a@b.fr\"," AT("01") "}," AT("04") "}"},
};

int main(void)
{
    int natural[6] = {0, 1, 2, 3, 4, 5};

    start();
    outcome(product, natural, 6, 0);
    is_text(ask("SELECT g.Identifier, g.Label, Sku, Vendor, GoodStateText, Price, g.DeletionFlag,"
                " c.Label FROM PurchaseGoods g LEFT JOIN PurchaseGoodCategories c"
                " ON c.PurchaseGoodCategoryId = g.PurchaseGoodCategoryId ORDER BY 1"),
            "11|Shirt 2 - S|S-11|NULL|draft|9.000|1|NULL\n"
            "12|Shirt 3 - M|S-12|NULL|archived|8.000|1|Tops\n"
            "13|Shirt 2 - L|S-13|NULL|draft|12.000|1|NULL\n"
            "14|Shirt|NULL|NULL|NULL|NULL|1|Tops\n"
            "19|Gone|NULL|NULL|NULL|1.000|1|NULL",
            "a product in order");
    all_orders_agree(product, 6, "a product");
    outcome(product, natural, 3, 0);
    is_text(ask("SELECT Identifier FROM PurchaseGoods WHERE DeletionFlag = 0 ORDER BY 1"), "11\n13",
            "its newest list shows what there is");
    all_orders_agree(guesses, 5, "a product that orders guess at");

    outcome(order_alone, natural, 5, 0);
    is_text(
        ask("SELECT PurchaseStatusId, StatusText, CancellationDate, AmountTaxIncluded, TaxAmount,"
            " RefundAmount, BrandId, VoucherId, DeletionFlag FROM PurchaseHeaders"),
        "9|refunded|2026-03-05T00:00:00|30.000|5.000|10.000|3|NULL|0", "an order in order");
    is_text(ask("SELECT PurchaseDetailIdentifier, RefundedQuantity, AmountTaxIncluded, DeletionFlag"
                " FROM PurchaseDetails ORDER BY 1"),
            "1|2.000|0.000|0\n2|0.000|10.000|1\n3|1.000|0.000|0", "its lines");
    all_orders_agree(order_alone, 6, "an order");

    outcome(order_and_customer, natural, 5, 0);
    is_text(ask("SELECT FirstName, LastName, DeletionFlag, (SELECT COUNT(*) FROM Contacts),"
                " (SELECT COUNT(*) FROM ContactIdentifiers) FROM Contacts"),
            "NULL|Grand|1|1|1", "an order and its customer in order");
    all_orders_agree(order_and_customer, 5, "an order and its customer");
    all_orders_agree(order_without_customer, 5, "an order that loses its customer");
    all_orders_agree(unnamed, 5, "buyers without an id");
    crm_db_close(db);
    return tap_done();
}
