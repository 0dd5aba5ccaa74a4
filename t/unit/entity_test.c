/* Goods, products, purchases, cases, interests: any order of what is told gives the same rows. */
#include "crm/case.h"
#include "crm/date.h"
#include "crm/db_private.h"
#include "crm/good.h"
#include "crm/interest.h"
#include "crm/person.h"
#include "crm/purchase.h"
#include "t/unit/order_tools.h"

#define SOURCE 12
#define COUNT(steps) ((int)(sizeof(steps) / sizeof((steps)[0])))

/* ---- statements that are made for the call ---- */

static apr_status_t shoes(apr_pool_t *p)
{
    int id;

    return crm_good_category(&id, db, SOURCE, 0, "Shoes", p);
}

static sqlite3 *latest; /* the connection that was opened last */
static sqlite3 *native; /* that of the tests */

static int keep_connection(sqlite3 *connection, const char **error, const void *api)
{
    (void)error;
    (void)api;
    latest = connection;
    return SQLITE_OK;
}

/* How many statements SQLite keeps for the connection. */
static int count_native(void)
{
    sqlite3_stmt *statement = NULL;
    int count = 0;

    while ((statement = sqlite3_next_stmt(native, statement)) != NULL) {
        count++;
    }
    return count;
}

static void statements(void)
{
    static const char count[] = "SELECT COUNT(*) FROM pg_prepared_statements";
    static const crm_db_statement_t prepared = {.label = "test_prepared", .sql = count};
    apr_int64_t before = 0, after = 0;
    crm_db_rows_t rows;
    int i, fine = 0;

    empty();
    for (i = 0; i < 400; i++) {
        fine += run_alone(shoes) == APR_SUCCESS;
        if (i != 100 && i != 399) {
            continue;
        }
        after = native ? count_native() : 0;
        if (tools_pgsql() && crm_db_select(&rows, db, &prepared, NULL, 0, pool) == APR_SUCCESS) {
            after = crm_db_number(&rows, 0, 0);
        }
        before = i == 100 ? after : before;
    }
    is_number(fine, 400, "400 times the same category");
    ok(after > 0 && after <= before + 2, "is not prepared again each time: %d, then %d",
       (int)before, (int)after);
}

/* ---- goods ---- */

/* A product as a message of second `second` tells of it: its variants by name, and what it lists
 * (NULL = it does not say), ended by NULL. */
static apr_status_t product(apr_pool_t *p, int second, const char *identifier,
                            const char *const *told, const char *const *listed)
{
    crm_good_t goods[4] = {{.identifier = NULL}};
    crm_product_t made = {.source_id = SOURCE,
                          .identifier = identifier,
                          .version = at(second, identifier),
                          .goods = goods,
                          .listed = (const char **)listed};
    int i;

    for (i = 0; told[i]; i++) {
        crm_news_t *news = goods[i].news;

        goods[i].identifier = told[i];
        crm_news_say(&news[CRM_GOOD_LABEL], made.version,
                     apr_psprintf(p, "%s of %s at %d", told[i], identifier, second));
        crm_news_say(&news[CRM_GOOD_PRICE], made.version, apr_psprintf(p, "%d.500", second));
        crm_news_say(&news[CRM_GOOD_BARCODE], made.version, second % 2 ? "4006381333931" : NULL);
        crm_news_say_id(&news[CRM_GOOD_TYPE], made.version, CRM_GOOD_TYPE_PRODUCT, p);
        made.good_count++;
    }
    for (i = 0; listed && listed[i]; i++) {
        made.listed_count++;
    }
    return crm_product_save(db, &made, p);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NONE ((const char *const[]){NULL})

static apr_status_t product_at_1(apr_pool_t *p)
{
    return product(p, 1, "P", WORDS("a", "b"), WORDS("a", "b"));
}

static apr_status_t product_at_2(apr_pool_t *p)
{
    return product(p, 2, "P", WORDS("b"), WORDS("b", "c"));
}

static apr_status_t product_at_3(apr_pool_t *p)
{
    return product(p, 3, "P", WORDS("c"), NULL);
}

static apr_status_t product_without_variants(apr_pool_t *p)
{
    return product(p, 4, "P", NONE, NONE);
}

static apr_status_t product_deleted(apr_pool_t *p)
{
    return crm_product_delete(db, SOURCE, "P", p);
}

static apr_status_t line_good(apr_pool_t *p, const char *parent, const char *identifier,
                              const char *label)
{
    crm_good_t good = {.identifier = identifier};
    int id = 0;
    apr_status_t rv;

    crm_news_say(&good.news[CRM_GOOD_LABEL], crm_version_weak(label, strlen(label), p), label);
    crm_news_say(&good.news[CRM_GOOD_SKU], crm_version_weak("", 0, p), NULL);
    rv = crm_good_of_line(&id, db, SOURCE, parent, &good, p);
    return rv == APR_SUCCESS && !id ? APR_EGENERAL : rv;
}

static apr_status_t line_of_b(apr_pool_t *p)
{
    return line_good(p, "P", "b", "b, as somebody bought it");
}

static apr_status_t line_of_d(apr_pool_t *p)
{
    return line_good(p, "P", "d", "d, never listed");
}

static apr_status_t line_of_b_alone(apr_pool_t *p)
{
    return line_good(p, NULL, "b", "b, of whatever product");
}

static apr_status_t category_of_b(apr_pool_t *p)
{
    crm_good_t good = {.identifier = "b"};
    crm_product_t told = {.source_id = SOURCE,
                          .identifier = "P",
                          .version = at(5, "category"),
                          .goods = &good,
                          .good_count = 1};
    int id = 0;
    apr_status_t rv = crm_good_category(&id, db, SOURCE, 3, "Shoes", p);

    crm_news_say_id(&good.news[CRM_GOOD_CATEGORY], told.version, id, p);
    crm_news_say_id(&good.news[CRM_GOOD_BRAND], told.version, 3, p);
    return rv == APR_SUCCESS ? crm_product_save(db, &told, p) : rv;
}

static const char *shown_goods(void)
{
    return ask("SELECT Identifier, ParentIdentifier, Label, DeletionFlag FROM PurchaseGoods"
               " ORDER BY Identifier");
}

static void goods(void)
{
    static const step_t updates[] = {product_at_1,    product_at_2, product_at_3,
                                     line_of_b_alone, line_of_d,    category_of_b};
    static const step_t emptied[] = {product_at_1, product_without_variants, product_at_2,
                                     line_of_b};
    static const step_t deleted[] = {product_deleted, product_at_2, line_of_b, product_at_1,
                                     line_of_d};

    all_steps_agree(updates, COUNT(updates), "a product");
    is_text(shown_goods(),
            "a|P|a of P at 1|1\nb|P|b of P at 2|0\nc|P|c of P at 3|0\nd|P|d, never listed|1",
            "  what it lists is shown");
    is_text(ask("SELECT Label, PurchaseGoodCategoryPath, BrandId FROM PurchaseGoodCategories"),
            "Shoes|Shoes|3", "  its category");
    all_steps_agree(emptied, COUNT(emptied), "a product that loses its variants");
    is_text(ask("SELECT COUNT(*), SUM(DeletionFlag) FROM PurchaseGoods"), "3|3", "  none is shown");
    all_steps_agree(deleted, COUNT(deleted), "a product that is deleted");
    is_text(ask("SELECT COUNT(*), SUM(DeletionFlag) FROM PurchaseGoods"), "4|4", "  none is shown");
}

/* ---- a variant that becomes another product's ---- */

static apr_status_t other_has_b(apr_pool_t *p)
{
    return product(p, 3, "Q", WORDS("b"), WORDS("b"));
}

static apr_status_t product_without_b(apr_pool_t *p)
{
    return product(p, 4, "P", WORDS("a"), WORDS("a"));
}

static void moving_goods(void)
{
    static const step_t moves[] = {product_at_1, other_has_b, product_at_2, line_of_b,
                                   product_without_b};
    static const step_t orphans[] = {product_at_1, other_has_b, product_deleted, line_of_b};

    all_steps_agree(moves, COUNT(moves), "a variant that moves");
    is_text(shown_goods(), "a|P|a of P at 4|0\nb|Q|b of Q at 3|0\nc|P|NULL|1",
            "  its new product shows it");
    all_steps_agree(orphans, COUNT(orphans), "a variant that moves before its product ends");
    is_text(shown_goods(), "a|P|a of P at 1|1\nb|Q|b of Q at 3|0", "  stays");
}

/* ---- purchases ---- */

/* A purchase with lines, "identifier:quantity", ended by NULL; no lines at all: NULL. */
static apr_status_t purchase(apr_pool_t *p, int second, const char *identifier,
                             const char *const *lines)
{
    crm_purchase_line_t made[4] = {{.identifier = NULL}};
    crm_purchase_t told = {.source_id = SOURCE,
                           .identifier = identifier,
                           .version = at(second, identifier),
                           .has_lines = lines != NULL,
                           .lines = made};
    apr_status_t rv = APR_SUCCESS;
    int i;

    crm_news_say(&told.news[CRM_PURCHASE_NUMBER], told.version, apr_psprintf(p, "#%s", identifier));
    crm_news_say(&told.news[CRM_PURCHASE_TAX_INCLUDED], told.version,
                 apr_psprintf(p, "%d.990", second));
    crm_news_say(&told.news[CRM_PURCHASE_CANCELLED], told.version,
                 second % 2 ? crm_date_text(second * 1000, p) : NULL);
    crm_news_say_id(&told.news[CRM_PURCHASE_STATUS], told.version,
                    second % 2 ? CRM_PURCHASE_PAID : CRM_PURCHASE_PENDING, p);
    told.news[CRM_PURCHASE_STATUS].values[1] = second % 2 ? "paid" : NULL;
    for (i = 0; lines && lines[i] && rv == APR_SUCCESS; i++) {
        crm_good_t good = {.identifier = apr_pstrmemdup(p, lines[i], 1)};

        made[i].identifier = good.identifier;
        made[i].quantity = apr_pstrcat(p, lines[i] + 2, ".000", NULL);
        made[i].sku = second % 2 ? "sku" : NULL;
        crm_news_say(&good.news[CRM_GOOD_LABEL], crm_version_weak("x", 1, p), "x");
        rv = crm_good_of_line(&made[i].good_id, db, SOURCE, NULL, &good, p);
        told.line_count++;
    }
    return rv == APR_SUCCESS ? crm_purchase_save(NULL, db, &told, p) : rv;
}

static apr_status_t order_at_1(apr_pool_t *p)
{
    return purchase(p, 1, "1001", WORDS("a:1", "b:1"));
}

static apr_status_t order_at_2(apr_pool_t *p)
{
    return purchase(p, 2, "1001", WORDS("b:2", "c:2"));
}

static apr_status_t order_at_3(apr_pool_t *p)
{
    return purchase(p, 3, "1001", NULL);
}

static apr_status_t order_of_nothing(apr_pool_t *p)
{
    return purchase(p, 4, "1001", NONE);
}

static apr_status_t order_at_5(apr_pool_t *p)
{
    return purchase(p, 5, "1001", WORDS("a:5"));
}

static apr_status_t order_deleted(apr_pool_t *p)
{
    return crm_purchase_delete(db, SOURCE, "1001", p);
}

static apr_status_t order_of_somebody(apr_pool_t *p)
{
    crm_purchase_t told = {.source_id = SOURCE, .identifier = "1001", .version = at(3, "who")};
    crm_person_t person = {.source_id = SOURCE, .identifier = "77"};
    int contact = 0, store = 0, voucher = 0;
    apr_status_t rv;

    crm_news_say(&person.contact[CRM_CONTACT_LAST_NAME], told.version, "Ann");
    rv = crm_person_save(&contact, db, &person, p);
    if (rv == APR_SUCCESS) {
        rv = crm_purchase_store(&store, db, SOURCE, "Lyon 2", 4, 3, p);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_purchase_voucher(&voucher, db, SOURCE, "TEN", CRM_VOUCHER_PERCENTAGE, p);
    }
    crm_news_say_id(&told.news[CRM_PURCHASE_CONTACT], told.version, contact, p);
    crm_news_say_id(&told.news[CRM_PURCHASE_STORE], told.version, store, p);
    crm_news_say_id(&told.news[CRM_PURCHASE_VOUCHER], told.version, voucher, p);
    return rv == APR_SUCCESS ? crm_purchase_save(NULL, db, &told, p) : rv;
}

static const char *shown_lines(void)
{
    return ask("SELECT PurchaseDetailIdentifier, PurchaseIdentifier, Quantity, Sku, d.DeletionFlag"
               " FROM PurchaseDetails d JOIN PurchaseHeaders h"
               " ON h.PurchaseHeaderId = d.PurchaseHeaderId ORDER BY PurchaseDetailIdentifier");
}

static void purchases(void)
{
    static const step_t updates[] = {order_at_1, order_at_2, order_at_3, order_of_somebody,
                                     order_at_5};
    static const step_t emptied[] = {order_at_1, order_of_nothing, order_at_2, order_at_3};
    static const step_t deleted[] = {order_at_1, order_at_5, order_deleted, order_at_2,
                                     order_of_somebody};

    all_steps_agree(updates, COUNT(updates), "a purchase");
    is_text(shown_lines(), "a|1001|5.000|sku|0\nb|1001|2.000|NULL|1\nc|1001|2.000|NULL|1",
            "  the lines of the newest list are shown");
    is_text(ask("SELECT PurchaseNumber, LastName, s.Label, s.ZoneId, s.BrandId, VoucherCode,"
                " StatusText, CancellationDate, AmountTaxIncluded, h.DeletionFlag"
                " FROM PurchaseHeaders h JOIN Contacts c ON c.ContactId = h.ContactId"
                " JOIN Stores s ON s.StoreId = h.StoreId"
                " JOIN Vouchers v ON v.VoucherId = h.VoucherId"),
            "#1001|Ann|Lyon 2|4|3|TEN|paid|1970-01-01T00:00:05|5.990|0", "  and its header");
    all_steps_agree(emptied, COUNT(emptied), "a purchase that loses its lines");
    is_text(shown_lines(), "a|1001|1.000|sku|1\nb|1001|2.000|NULL|1\nc|1001|2.000|NULL|1",
            "  none is shown");
    is_text(ask("SELECT PurchaseStatusId, CancellationDate, AmountTaxIncluded FROM"
                " PurchaseHeaders"),
            "1|NULL|4.990", "  what was emptied is empty");
    all_steps_agree(deleted, COUNT(deleted), "a purchase that is deleted");
    is_text(ask("SELECT h.DeletionFlag, COUNT(*), SUM(d.DeletionFlag) FROM PurchaseHeaders h"
                " JOIN PurchaseDetails d ON d.PurchaseHeaderId = h.PurchaseHeaderId GROUP BY 1"),
            "1|3|3", "  stays so, with its lines");
}

/* ---- a line that becomes another purchase's ---- */

static apr_status_t other_order(apr_pool_t *p)
{
    return purchase(p, 3, "1002", WORDS("b:3"));
}

static apr_status_t other_order_without(apr_pool_t *p)
{
    return purchase(p, 4, "1002", WORDS("d:4"));
}

static void moving_lines(void)
{
    static const step_t moves[] = {order_at_1, other_order, order_at_2, order_at_5};
    static const step_t back[] = {other_order, order_at_1, other_order_without, order_of_nothing};
    static const step_t deleted[] = {order_at_1, other_order, order_deleted, order_at_2};

    all_steps_agree(moves, COUNT(moves), "a line that moves");
    is_text(shown_lines(), "a|1001|5.000|sku|0\nb|1002|3.000|sku|0\nc|1001|2.000|NULL|1",
            "  its new purchase shows it");
    all_steps_agree(back, COUNT(back), "a line that both lose");
    is_text(shown_lines(), "a|1001|1.000|sku|1\nb|1002|3.000|sku|1\nd|1002|4.000|NULL|0",
            "  is shown by none");
    all_steps_agree(deleted, COUNT(deleted), "a line that moves before its purchase ends");
    is_text(shown_lines(), "a|1001|1.000|sku|1\nb|1002|3.000|sku|0\nc|1001|2.000|NULL|1",
            "  stays");
}

/* ---- cases and interests ---- */

static apr_status_t ticket(apr_pool_t *p, int second, int says_all)
{
    const char *version = at(second, "ticket");
    crm_case_t told = {.source_id = SOURCE, .identifier = "35436"};
    int category = 0;
    apr_status_t rv = crm_case_category(&category, db, SOURCE, second % 2 ? "bills" : "goods", p);

    crm_news_say_id(&told.news[CRM_CASE_STATE], version, 1 + second % 6, p);
    told.news[CRM_CASE_STATE].values[1] = second % 2 ? "open" : "solved";
    told.news[CRM_CASE_STATE].values[2] = second % 2 ? NULL : crm_date_text(second * 1000, p);
    crm_news_say(&told.news[CRM_CASE_OPENED], crm_version_earliest(second * 1000, p),
                 crm_date_text(second * 1000, p));
    if (says_all) {
        crm_news_say_id(&told.news[CRM_CASE_CATEGORY], version, category, p);
        crm_news_say(&told.news[CRM_CASE_TITLE], version, second == 4 ? NULL : "Help!");
        crm_news_say(&told.news[CRM_CASE_DESCRIPTION], version, apr_psprintf(p, "at %d", second));
    }
    return rv == APR_SUCCESS ? crm_case_save(NULL, db, &told, p) : rv;
}

static apr_status_t ticket_at_1(apr_pool_t *p)
{
    return ticket(p, 1, 1);
}

static apr_status_t ticket_at_2(apr_pool_t *p)
{
    return ticket(p, 2, 1);
}

static apr_status_t ticket_at_3(apr_pool_t *p)
{
    return ticket(p, 3, 0);
}

static apr_status_t ticket_at_4(apr_pool_t *p)
{
    return ticket(p, 4, 1);
}

static apr_status_t ticket_at_6(apr_pool_t *p)
{
    return ticket(p, 6, 0);
}

static apr_status_t game(apr_pool_t *p, int second, const char *label)
{
    const char *version = at(second, "game");
    crm_interest_t told = {.source_id = SOURCE, .identifier = "game:9"};
    int category = 0;
    apr_status_t rv = crm_interest_category(&category, db, SOURCE, "9", label, version, p);

    crm_news_say_id(&told.news[CRM_INTEREST_CATEGORY], version, category, p);
    crm_news_say(&told.news[CRM_INTEREST_DATE], version, crm_date_text(second * 1000, p));
    if (second != 2) {
        crm_news_say(&told.news[CRM_INTEREST_FREE_1 + second % 5], version,
                     second == 6 ? NULL : apr_psprintf(p, "at %d", second));
    }
    return rv == APR_SUCCESS ? crm_interest_save(db, &told, p) : rv;
}

static apr_status_t game_at_1(apr_pool_t *p)
{
    return game(p, 1, "Summer game");
}

static apr_status_t game_at_2(apr_pool_t *p)
{
    return game(p, 2, NULL);
}

static apr_status_t game_at_3(apr_pool_t *p)
{
    return game(p, 3, "Autumn game");
}

static apr_status_t game_at_6(apr_pool_t *p)
{
    return game(p, 6, "");
}

static apr_status_t game_at_8(apr_pool_t *p)
{
    return game(p, 8, NULL);
}

static void others(void)
{
    static const step_t tickets[] = {ticket_at_1, ticket_at_2, ticket_at_3, ticket_at_4,
                                     ticket_at_6};
    static const step_t games[] = {game_at_1, game_at_2, game_at_3, game_at_6, game_at_8};

    all_steps_agree(tickets, COUNT(tickets), "a case");
    is_text(ask("SELECT CaseStateId, CaseStateText, ClosingDate, Identifier, Title, Description,"
                " OpeningDate FROM Cases k JOIN CaseCategories c"
                " ON c.CaseCategoryId = k.CaseCategoryId"),
            "1|solved|1970-01-01T00:00:06|goods|NULL|at 4|1970-01-01T00:00:01", "  its row");
    all_steps_agree(games, COUNT(games), "an interest");
    is_text(ask("SELECT InterestDate, FreeField1, FreeField2, FreeField3, FreeField4, c.Label"
                " FROM ContactInterests x JOIN ContactInterestCategories c"
                " ON c.ContactInterestCategoryId = x.ContactInterestCategoryId"),
            "1970-01-01T00:00:08|NULL|NULL|NULL|at 8|", "  its row");
}

/* ---- what does not fit, and what somebody else has removed ---- */

static const char *long_text; /* that no index of PostgreSQL takes: it cannot be packed */

static apr_status_t long_category(apr_pool_t *p)
{
    int id = 0;
    apr_status_t rv = crm_good_category(&id, db, SOURCE, 0, long_text, p);

    return rv == APR_SUCCESS && !id ? APR_EGENERAL : rv;
}

static apr_status_t long_store(apr_pool_t *p)
{
    int id = 0;

    return crm_purchase_store(&id, db, SOURCE, long_text, 0, 0, p);
}

static apr_status_t long_voucher(apr_pool_t *p)
{
    int id = 0;

    return crm_purchase_voucher(&id, db, SOURCE, long_text, CRM_VOUCHER_OTHER, p);
}

static apr_status_t long_amount(apr_pool_t *p)
{
    crm_purchase_t told = {.source_id = SOURCE, .identifier = "1", .version = at(1, "")};

    crm_news_say(&told.news[CRM_PURCHASE_TAX], told.version, "999999999999999.999");
    crm_news_say(&told.news[CRM_PURCHASE_REFUND], told.version, "-999999999999999.999");
    return crm_purchase_save(NULL, db, &told, p);
}

static void limits(void)
{
    unsigned int state = 1;
    char *text = apr_palloc(pool, 20001);
    int i;

    for (i = 0; i < 20000; i++) {
        state = state * 1103515245 + 12345;
        text[i] = (char)('!' + (state >> 16) % 90);
    }
    text[20000] = '\0';
    long_text = text;
    empty();
    for (i = 0; i < 2; i++) {
        ok(run_alone(long_category) == APR_SUCCESS && run_alone(long_store) == APR_SUCCESS &&
               run_alone(long_voucher) == APR_SUCCESS,
           "a name of 20,000 letters: %s", crm_db_error(db));
    }
    is_text(ask("SELECT COUNT(*), MAX(LENGTH(Label)), MAX(LENGTH(Identifier))"
                " FROM PurchaseGoodCategories"),
            "1|20000|40", "  is there once, whole, and short where it is looked up");
    is_text(ask("SELECT COUNT(*) FROM Stores"), "1", "  as a store");
    is_text(ask("SELECT COUNT(*) FROM Vouchers"), "1", "  and as a voucher");
    ok(run_alone(long_amount) == APR_SUCCESS, "the largest amounts: %s", crm_db_error(db));
    is_text(ask("SELECT TaxAmount, RefundAmount FROM PurchaseHeaders"),
            "999999999999999.999|-999999999999999.999", "  are exact");
}

static void removed(void)
{
    empty();
    ok(run_alone(order_at_1) == APR_SUCCESS && run_alone(ticket_at_1) == APR_SUCCESS &&
           run_alone(product_at_1) == APR_SUCCESS,
       "a purchase, a case and goods");
    tools_execute(section, "DELETE FROM PurchaseDetails; DELETE FROM PurchaseHeaders;"
                           "DELETE FROM Cases; DELETE FROM PurchaseGoods");
    ok(run_alone(order_at_1) == APR_SUCCESS && run_alone(ticket_at_1) == APR_SUCCESS &&
           run_alone(product_at_1) == APR_SUCCESS,
       "once more, when some other program has removed the rows");
    is_text(shown_lines(), "a|1001|1.000|sku|0\nb|1001|1.000|sku|0", "  the lines are whole");
    is_text(ask("SELECT PurchaseNumber, AmountTaxIncluded FROM PurchaseHeaders"), "#1001|1.990",
            "  and the header");
    is_text(ask("SELECT Title, Description FROM Cases"), "Help!|at 1", "  and the case");
    is_text(ask("SELECT Identifier, Price, DeletionFlag FROM PurchaseGoods ORDER BY 1"),
            "a|1.500|0\nb|1.500|0", "  and the goods");
}

int main(void)
{
    sqlite3_auto_extension((void (*)(void))keep_connection);
    start();
    native = latest;
    statements();
    goods();
    moving_goods();
    purchases();
    moving_lines();
    others();
    limits();
    removed();
    return tap_done();
}
