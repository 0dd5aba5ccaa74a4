/* Tabology: tickets as purchases, members as contacts, whatever order they come in. */
#include "t/unit/broken_tools.h"

#define ROUTE "Tabology/Ticket/Update"
#define HERE "store=Nice&currency=eur"
#define UUID "0b9c5d1e-6a3f-4c2b-9e8d-7f6a5b4c3d2e"

static const char *post(const char *body)
{
    return send_one(&(sent_t){.route = ROUTE, .body = body, .query = HERE});
}

static const char *header(void)
{
    return ask("SELECT PurchaseIdentifier, PurchaseNumber, PurchaseTypeId, PurchaseStatusId,"
               " StatusText, PurchaseDate, AmountTaxIncluded, AmountTaxFree, TaxAmount,"
               " DiscountAmount, RefundAmount, CurrencyId FROM PurchaseHeaders ORDER BY 1");
}

static void mapping(void)
{
    const char *id = "SELECT Identifier FROM ContactIdentifiers i JOIN PurchaseHeaders h"
                     " ON h.ContactId = i.ContactId";

    empty();
    is_text(send_one(&(sent_t){.route = "Tabology/Ticket/Create",
                               .body = fixture("tabology/ticket-create.json"),
                               .query = HERE,
                               .zone_id = 3,
                               .brand_id = 4}),
            NULL, "the open ticket is done");
    is_text(header(),
            "Nice/34212|34212|2|11|OPEN|2026-03-02T12:41:09|14.800|12.330|2.470|0.000|0.000|EUR",
            "the purchase");
    is_text(ask("SELECT s.Identifier, s.Label, s.ZoneId, s.BrandId, h.BrandId, h.SourceId,"
                " h.ContactId FROM PurchaseHeaders h JOIN Stores s ON s.StoreId = h.StoreId"),
            "Nice|Nice|3|4|4|12|NULL", "its store, and nobody's");
    is_text(ask("SELECT PurchaseDetailIdentifier, d.Label, Quantity, UnitPrice, AmountTaxIncluded,"
                " AmountTaxFree, TaxAmount, TaxRate, g.Identifier, g.Label, c.Identifier,"
                " d.DeletionFlag FROM PurchaseDetails d JOIN PurchaseGoods g"
                " ON g.PurchaseGoodId = d.PurchaseGoodId JOIN PurchaseGoodCategories c"
                " ON c.PurchaseGoodCategoryId = g.PurchaseGoodCategoryId ORDER BY 1"),
            "Nice/34212/82305|Flat white|2.000|3.900|7.800|6.500|1.300|20.000|5291|Flat white|"
            "DRINKS|0\nNice/34212/82306|Crêpe sucrée|1.000|7.000|7.000|5.830|1.170|20.000|5299|"
            "Crêpe sucrée|FOOD|0",
            "its lines, goods and categories");
    is_text(send_one(&(sent_t){
                .route = ROUTE, .body = fixture("tabology/ticket-update.json"), .query = HERE}),
            NULL, "the settled ticket is done");
    is_text(header(),
            "Nice/34212|34212|2|4|SETTLED|2026-03-02T12:41:09|14.800|12.330|2.470|0.000|0.000|EUR",
            "and paid");
    is_text(ask(id), UUID, "by a member who is not known yet");
    is_text(post(fixture("tabology/ticket-update-member-event.json")), NULL, "the member is done");
    is_text(ask("SELECT FirstName, LastName, Email FROM Contacts, Addresses WHERE Email IS NOT"
                " NULL"),
            "Léa|Marchand|lea.marchand@example.fr", "the same contact");
    is_text(ask("SELECT COUNT(*) FROM Contacts"), "1", "there is no other");
    is_text(post(fixture("tabology/ticket-create.json")), NULL, "the open ticket comes late");
    is_text(ask("SELECT PurchaseStatusId, StatusText FROM PurchaseHeaders"), "4|SETTLED",
            "and undoes nothing");
    is_text(ask(id), UUID, "nor whose it is");
}

#define TICKET(members) "{\"id\":7,\"time_opened\":\"2026-03-02 12:00:00\"," members "}"
#define ITEMS(items) TICKET("\"status\":\"OPEN\",\"items\":[" items "]")
#define AMOUNTS                                                                                    \
    "SELECT AmountTaxIncluded, AmountTaxFree, TaxAmount, DiscountAmount, RefundAmount FROM"        \
    " PurchaseHeaders"
#define LINES                                                                                      \
    "SELECT PurchaseDetailIdentifier, Quantity, AmountTaxIncluded, AmountTaxFree FROM"             \
    " PurchaseDetails ORDER BY 1"

/* One row a case: a ticket, and what a query shows. */
static void members(void)
{
    static const struct {
        const char *body;
        const char *sql;
        const char *shown;
    } cases[] = {
        {TICKET("\"status\":\"closed\""),
         "SELECT PurchaseStatusId, StatusText FROM PurchaseHeaders", "12|closed"},
        {TICKET("\"status\":\"PARKED\""),
         "SELECT PurchaseStatusId, StatusText FROM PurchaseHeaders", "NULL|PARKED"},
        {TICKET("\"status\":\"SETTLED\",\"void_reason\":\"wrong table\""),
         "SELECT PurchaseStatusId, StatusText FROM PurchaseHeaders", "7|SETTLED"},
        {TICKET("\"grand_total\":10.899999999999999,\"sales_tax\":\"1.82\""), AMOUNTS,
         "10.900|9.080|1.820|NULL|NULL"},
        {TICKET("\"grand_total\":\"-3.9\",\"sales_tax\":-0.65"), AMOUNTS,
         "-3.900|-3.250|-0.650|NULL|NULL"},
        {TICKET("\"grand_total\":\"many\""), AMOUNTS, "NULL|NULL|NULL|NULL|NULL"},
        {ITEMS("{\"id\":1,\"quantity\":\"2.000\",\"quantity_multiplier\":\"1.50\",\"item_price\":"
               "\"3.900\",\"tax_item_price\":3.25}"),
         LINES, "Nice/7/1|3.000|11.700|9.750"},
        {ITEMS("{\"id\":1,\"quantity\":2,\"item_price\":3.9,\"tax_item_price\":3.25},"
               "{\"id\":2,\"quantity\":\"-1\",\"total_price\":-3.9,\"total_tax_price\":-3.25}"),
         AMOUNTS, "3.900|3.250|0.650|NULL|3.900"},
        {ITEMS("{\"id\":1,\"total_price\":3.9},{\"id\":2,\"total_price\":1,\"active\":\"N\"},"
               "{\"id\":3,\"total_price\":1,\"void_reason\":\"mistake\"},null,7"),
         LINES, "Nice/7/1|1.000|3.900|NULL"},
        {ITEMS("{\"id\":1,\"total_price\":3.9},{\"id\":2,\"total_price\":1,\"active\":\"N\"}"),
         AMOUNTS, "3.900|NULL|NULL|NULL|0.000"},
        {ITEMS("{\"item_name\":\"A\"},{\"item_name\":\"B\",\"id\":\"\"}"),
         "SELECT PurchaseDetailIdentifier, Label FROM PurchaseDetails ORDER BY 1",
         "Nice/7/#1|A\nNice/7/#2|B"},
        {ITEMS("{\"id\":9007199254740993,\"item_id\":18446744073709551616}"),
         "SELECT PurchaseDetailIdentifier, Identifier FROM PurchaseDetails, PurchaseGoods",
         "Nice/7/9007199254740993|18446744073709551616"},
        {TICKET("\"discounts\":[{\"item_price\":\"-1.500\",\"active\":\"Y\"},{\"amount\":2},"
                "{\"amount\":9,\"active\":\"N\"},{}]"),
         AMOUNTS, "NULL|NULL|NULL|3.500|NULL"},
        {ITEMS("{\"id\":1,\"quantity\":-1,\"total_price\":3.9},{\"id\":2,\"quantity\":-1,"
               "\"total_price\":-1}"),
         "SELECT RefundAmount FROM PurchaseHeaders", "4.900"},
        {TICKET("\"items\":null"),
         "SELECT COUNT(*), (SELECT COUNT(*) FROM PurchaseDetails) FROM"
         " PurchaseHeaders",
         "1|0"},
        {"{\"id\":7,\"time_opened\":\"0000-00-00 00:00:00\",\"time_closed\":null,\"time_paid\":"
         "\"2026-03-02 13:00:00\",\"items\":[]}",
         "SELECT PurchaseDate FROM PurchaseHeaders", "2026-03-02T13:00:00"},
        {TICKET("\"member_id\":\"0\""), "SELECT COUNT(*) FROM Contacts", "0"},
        {TICKET("\"member_id\":0"), "SELECT COUNT(*) FROM Contacts", "0"},
        {TICKET("\"member_id\":\"\""), "SELECT COUNT(*) FROM Contacts", "0"},
        {TICKET("\"member_id\":null"), "SELECT COUNT(*) FROM Contacts", "0"},
        {TICKET("\"member_id\":\"0B9C5D1E-6A3F-4C2B-9E8D-7F6A5B4C3D2E\""),
         "SELECT Identifier FROM ContactIdentifiers", UUID},
        {"{\"data\":" TICKET("\"items\":[]") "}", "SELECT PurchaseIdentifier FROM PurchaseHeaders",
         "Nice/7"},
        {"{\"ticket\":{\"tab\":{\"order\":{\"id\":\"8\"}}}}",
         "SELECT PurchaseIdentifier FROM PurchaseHeaders", "Nice/8"},
        {"{\"id\":\"evt_1\",\"type\":\"ticket.updated\",\"created_at\":\"2026-03-02T13:31:00Z\","
         "\"data\":" TICKET("\"status\":\"OPEN\"") "}",
         "SELECT PurchaseIdentifier FROM PurchaseHeaders", "Nice/7"},
        {"[" TICKET("\"status\":\"OPEN\"") ",{\"tab\":{\"id\":9}}]",
         "SELECT PurchaseIdentifier FROM PurchaseHeaders ORDER BY 1", "Nice/7\nNice/9"},
        {ITEMS(
             "{\"id\":1,\"total_price\":999999999999999.999,\"total_tax_price\":-999999999999999},"
             "{\"id\":2,\"total_price\":\"9e14\"},{\"id\":3,\"total_price\":1e300}"),
         "SELECT AmountTaxIncluded FROM PurchaseHeaders", "999999999999999.000"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        empty();
        is_text(post(cases[i].body), NULL, apr_pstrcat(pool, "done: ", cases[i].body, NULL));
        is_text(ask(cases[i].sql), cases[i].shown, cases[i].body);
    }
}

static void parameters(void)
{
    static const char *const wrong[] = {"currency=EU", "currency=EURO", "currency=12A",
                                        "currency=%C3%89UR", "currency=E%20R"};
    size_t i;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        empty();
        ok(has(send_one(
                   &(sent_t){.route = ROUTE, .body = TICKET("\"items\":[]"), .query = wrong[i]}),
               "reject: parameter currency: expected three letters"),
           "%s is refused", wrong[i]);
        broken_left_nothing(wrong[i]);
    }
    is_text(send_one(&(sent_t){.route = ROUTE, .body = TICKET("\"items\":[]")}), NULL,
            "without parameters");
    is_text(ask("SELECT PurchaseIdentifier, StoreId, CurrencyId FROM PurchaseHeaders"),
            "7|NULL|NULL", "the source alone is the key");
    is_text(send_one(&(sent_t){.route = ROUTE,
                               .body = TICKET("\"items\":[]"),
                               .query = "Store=+Lyon%201+&currency="}),
            NULL, "an empty currency counts as absent");
    is_text(ask("SELECT PurchaseIdentifier, CurrencyId FROM PurchaseHeaders ORDER BY 1"),
            "7|NULL\nLyon 1/7|NULL", "stores are kept apart");
    ok(has(send_one(&(sent_t){.route = ROUTE,
                              .body = TICKET("\"items\":[]"),
                              .query = apr_psprintf(pool, "store=%070d", 1)}),
           "reject: parameter store: expected at most 64 bytes"),
       "a long store is refused");
}

static void rejected(void)
{
    static const char *const cases[][2] = {
        {"", "line 1, column 1: expected a JSON value"},
        {"{\"id\":7,\n\"items\":[}", "line 2, column 10"},
        {"7", "expected an object or an array of objects"},
        {"{}", "ticket 1 has no id: expected an integer"},
        {"{\"items\":[]}", "ticket 1 has no id"},
        {"{\"id\":1.5,\"items\":[]}", "ticket 1 has no id"},
        {"[{\"id\":1},{\"id\":null}]", "ticket 2 has no id"},
        {"{\"id\":\"evt_1\",\"type\":\"ticket.updated\",\"data\":[]}", "ticket 1 has no id"},
        {"{\"id\":\"evt_1\",\"type\":\"member.updated\",\"created_at\":\"2026-03-02T13:31:00Z\"}",
         "member 1 has no id: expected a UUID"},
        {"{\"id\":\"evt_1\",\"type\":\"member.updated\",\"data\":{\"id\":\"0\"}}",
         "member 1 has no id"},
    };
    size_t i;

    empty();
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *reason = post(cases[i][0]);

        ok(has(reason, "reject: ") && has(reason, cases[i][1]), "%s: %s", cases[i][0], reason);
    }
    broken_left_nothing("what was rejected");
}

#define EVENT(id, type, time, data)                                                                \
    "{\"id\":\"" id "\",\"type\":\"" type "\",\"created_at\":\"2026-03-02T" time "Z\",\"data\":"   \
    "{\"id\":\"" UUID "\"" data "}}"
#define CONTACT                                                                                    \
    "SELECT FirstName, LastName, BirthDate, GlobalOptin, EmailOptin, MobilePhoneOptin, Email,"     \
    " MobilePhoneNumber, HomePhoneNumber, c.DeletionFlag FROM Contacts c, Addresses"

static void people(void)
{
    static const struct {
        const char *body;
        const char *shown;
    } cases[] = {
        {EVENT("1", "member.created", "10:00:00",
               ",\"name\":\"Léa de la Marchand\",\"email\":\"lea@b.fr\",\"phone\":\"0612345678\","
               "\"dob\":\"1990-05-17\",\"marketing_permission_given\":1,\"active\":\"Y\","
               "\"balance\":\"99.99\""),
         "Léa|de la Marchand|1990-05-17T00:00:00|1|1|NULL|lea@b.fr|+33612345678|NULL|0"},
        {EVENT("2", "member.updated", "10:01:00",
               ",\"name\":\"Marchand, Léa\",\"phone\":\"01 23 45 67 89\",\"dob\":null,"
               "\"marketing_permission_given\":\"0\""),
         "Léa|Marchand|NULL|0|0|NULL|lea@b.fr|NULL|+33123456789|0"},
        {EVENT("3", "member.updated", "10:02:00",
               ",\"name\":\"Zoé\",\"email\":\"x\",\"phone\":\"x\""),
         "Zoé|Marchand|NULL|0|0|NULL|lea@b.fr|NULL|+33123456789|0"},
        {EVENT("4", "member.updated", "10:03:00",
               ",\"name\":\"\",\"email\":null,\"phone\":\"\",\"dob\":\"0000-00-00\""),
         "NULL|NULL|NULL|0|0|NULL|NULL|NULL|NULL|0"},
        {EVENT("5", "member.deactivated", "10:04:00", ",\"name\":\"Léa M\",\"active\":\"N\""),
         "Léa|M|NULL|0|0|NULL|NULL|NULL|NULL|0"},
    };
    size_t i;

    empty();
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_text(post(cases[i].body), NULL, apr_psprintf(pool, "member event %d", (int)i + 1));
        is_text(ask(CONTACT), cases[i].shown, cases[i].body);
    }
    is_text(ask("SELECT AdvertiserCreationDate FROM Contacts"), "2026-03-02T10:00:00",
            "made when the member was");
    is_text(ask("SELECT EventIdentifier, Kind, At, EventChannelId, EventCategoryId, Reference FROM"
                " WebhookEvents WHERE ContactId = (SELECT ContactId FROM Contacts)"),
            "5|tabology.member.deactivated|2026-03-02T10:04:00|4|7|" UUID,
            "a deactivation is an event, no deletion");
    empty();
    is_text(post("{\"id\":\"" UUID "\",\"name\":\"Léa\",\"email\":\"lea@b.fr\",\"active\":\"Y\"}"),
            NULL, "a member without an envelope");
    is_text(ask("SELECT COUNT(*), (SELECT COUNT(*) FROM PurchaseHeaders) FROM Contacts"), "1|0",
            "is a member all the same");
}

static void other_events(void)
{
    empty();
    is_text(post(EVENT("b1", "booking.confirmed", "10:00:00",
                       ",\"status\":\"confirmed\",\"covers\":2,\"email\":\"lea@b.fr\",\"name\":"
                       "\"Léa\"")),
            NULL, "a booking");
    is_text(post("{\"id\":\"c1\",\"type\":\"cashup.ran\",\"created_at\":\"2026-03-02T23:00:00Z\","
                 "\"data\":{\"id\":4,\"grand_total\":1234.5,\"items\":[]}}"),
            NULL, "a cash-up");
    is_text(post("{\"id\":\"d1\",\"type\":\"Stock.Low\",\"data\":{\"status\":\"x\"}}"), NULL,
            "something new");
    is_text(post("{\"id\":\"d1\",\"type\":\"Stock.Low\",\"data\":{\"status\":\"x\"}}"), NULL,
            "and once more");
    is_text(post("{\"type\":\"a sentence of somebody\",\"data\":null}"), NULL, "without an id");
    is_text(ask("SELECT Kind, EventIdentifier, Reference, Address, Detail FROM WebhookEvents"
                " WHERE EventIdentifier IN ('b1', 'c1', 'd1') ORDER BY 2"),
            "tabology.booking.confirmed|b1|" UUID "|lea@b.fr|NULL\ntabology.cashup.ran|c1|4|NULL|"
            "NULL\ntabology.stock.low|d1|NULL|NULL|NULL",
            "are events");
    is_text(ask("SELECT COUNT(*) FROM WebhookEvents WHERE Kind = 'tabology.other'"), "1",
            "a type that is no word too");
    is_text(ask("SELECT COUNT(*), (SELECT COUNT(*) FROM PurchaseHeaders) FROM Contacts"), "0|0",
            "and nothing else");
}

#define ITEM(id, price, time, rest)                                                                \
    "{\"id\":" #id ",\"item_id\":5" #id ",\"item_name\":\"I" #id "\",\"item_category\":\"C\","     \
    "\"total_price\":" price ",\"total_tax_price\":" price ",\"time_ordered\":\"2026-03-02 " time  \
    "\"" rest "}"
#define TAB(status, member, total, closed, paid, items)                                            \
    {                                                                                              \
        .route = ROUTE, .query = HERE,                                                             \
        .body = "{\"id\":7,\"status\":\"" status "\",\"member_id\":\"" member                      \
                "\",\"grand_total\":" total                                                        \
                ",\"sales_tax\":0,\"time_opened\":\"2026-03-02 12:00:00\","                        \
                "\"time_closed\":" closed ",\"time_paid\":" paid ",\"items\":[" items "]}"         \
    }

static void orders(void)
{
    /* The second to the fourth carry the same newest date. */
    static const sent_t tab[] = {
        TAB("OPEN", "0", "1", "null", "null", ITEM(1, "1", "12:00:00", "")),
        TAB("OPEN", UUID, "6", "null", "null",
            ITEM(1, "1", "12:00:00", "") "," ITEM(2, "2", "12:10:00", "") "," ITEM(3, "3",
                                                                                   "12:20:00", "")),
        TAB("CLOSED", UUID, "4", "\"2026-03-02 12:20:00\"", "null",
            ITEM(1, "1", "12:00:00", "") "," ITEM(2, "2", "12:10:00", ",\"active\":\"N\"") "," ITEM(
                3, "3", "12:20:00", "")),
        TAB("SETTLED", UUID, "4", "\"2026-03-02 12:20:00\"", "\"2026-03-02 12:20:00\"",
            ITEM(1, "1", "12:00:00", "") "," ITEM(2, "2", "12:10:00", ",\"active\":\"N\"") "," ITEM(
                3, "3", "12:20:00", "")),
        {.route = ROUTE,
         .query = HERE,
         .body = EVENT("1", "member.updated", "13:00:00",
                       ",\"name\":\"Ann Bee\",\"email\":\"ann@b.fr\"")},
    };
    static const sent_t reopened[] = {
        TAB("SETTLED", UUID, "1", "\"2026-03-02 12:30:00\"", "\"2026-03-02 12:30:00\"",
            ITEM(1, "1", "12:00:00", "")),
        TAB("OPEN", UUID, "1", "null", "null", ITEM(1, "1", "12:00:00", "")),
        TAB("OPEN", UUID, "0", "null", "null",
            ITEM(1, "1", "12:00:00", "") "," ITEM(4, "-1", "12:40:00", ",\"quantity\":\"-1\"")),
        TAB("SETTLED", UUID, "0", "\"2026-03-02 12:41:00\"", "\"2026-03-02 12:41:00\"",
            ITEM(1, "1", "12:00:00", "") "," ITEM(4, "-1", "12:40:00", ",\"quantity\":\"-1\"")),
        TAB("SETTLED", UUID, "0", "\"2026-03-02 12:41:00\"", "\"2026-03-02 12:41:00\"",
            ITEM(1, "1", "12:00:00", "") "," ITEM(4, "-1", "12:40:00",
                                                  ",\"void_reason\":\"x\",\"quantity\":\"-1\"")),
    };

    all_orders_agree(tab, 5, "a tab until it is settled");
    is_text(ask("SELECT PurchaseStatusId, AmountTaxIncluded, FirstName FROM PurchaseHeaders h"
                " JOIN Contacts c ON c.ContactId = h.ContactId"),
            "4|4.000|Ann", "it is settled, by the member");
    is_text(ask("SELECT PurchaseDetailIdentifier, DeletionFlag FROM PurchaseDetails ORDER BY 1"),
            "Nice/7/1|0\nNice/7/2|1\nNice/7/3|0", "without the line that was taken off");
    all_orders_agree(reopened, 3, "one that was opened again");
    is_text(ask("SELECT PurchaseStatusId, RefundAmount FROM PurchaseHeaders"), "11|1.000",
            "is open");
    all_orders_agree(reopened, 5, "one that was opened again for a refund");
    is_text(ask("SELECT PurchaseStatusId, RefundAmount FROM PurchaseHeaders"), "4|0.000",
            "which was void in the end");
    is_text(ask("SELECT PurchaseDetailIdentifier, DeletionFlag FROM PurchaseDetails ORDER BY 1"),
            "Nice/7/1|0\nNice/7/4|1", "so its line is gone");
}

/* What an event says of its own date counts more than the dates on the ticket, and when a message
 * came counts nothing. */
static void envelope_orders(void)
{
#define WRAPPED(time, status, paid)                                                                \
    "{\"id\":\"e" time "\",\"type\":\"ticket.updated\",\"created_at\":\"2026-03-02T" time          \
    "Z\",\"data\":{\"id\":7,\"status\":\"" status                                                  \
    "\",\"time_opened\":\"2026-03-02 12:00:00\",\"time_paid\":" paid ",\"items\":[]}}"
    static const sent_t events[] = {
        {.route = ROUTE,
         .received_s = 1772500003,
         .body = WRAPPED("13:00:00", "SETTLED", "\"2026-03-02 15:00:00\"")},
        {.route = ROUTE, .received_s = 1772500002, .body = WRAPPED("13:05:00", "OPEN", "null")},
        {.route = ROUTE,
         .received_s = 1772500001,
         .body = "{\"id\":8,\"status\":\"CLOSED\",\"time_closed\":\"2026-03-02 12:00:00\"}"},
        {.route = ROUTE,
         .received_s = 1772500000,
         .body = "{\"id\":8,\"status\":\"OPEN\",\"time_opened\":\"2026-03-02 12:10:00\"}"},
    };

    all_orders_agree(events, 4, "what came in another order than it happened");
    is_text(ask("SELECT PurchaseIdentifier, StatusText FROM PurchaseHeaders ORDER BY 1"),
            "7|OPEN\n8|OPEN", "is as it happened");
}

static void member_orders(void)
{
    static const sent_t events[] = {
        {.route = ROUTE,
         .body = EVENT("1", "member.created", "10:00:00",
                       ",\"name\":\"Ann Bee\",\"email\":\"ann@b.fr\",\"phone\":\"0612345678\","
                       "\"marketing_permission_given\":1")},
        {.route = ROUTE,
         .body =
             EVENT("3", "member.deactivated", "10:02:00",
                   ",\"name\":\"Ann Boe\",\"phone\":null,\"dob\":\"17/05/1990\",\"active\":\"N\","
                   "\"marketing_permission_given\":0")},
        {.route = ROUTE,
         .body = EVENT("4", "member.activated", "10:02:01", ",\"phone\":\"0123456789\"")},
        {.route = ROUTE,
         .query = HERE,
         .body = "{\"id\":7,\"status\":\"SETTLED\",\"member_id\":\"" UUID
                 "\",\"time_paid\":\"2026-03-02 09:00:00\",\"items\":[]}"},
        {.route = ROUTE,
         .body = EVENT("5", "booking.arrived", "10:03:00", ",\"email\":\"ANN@b.fr\"")},
    };

    all_orders_agree(events, 5, "a member");
    is_text(ask("SELECT FirstName, LastName, BirthYear, GlobalOptin, EmailOptin, Email,"
                " MobilePhoneNumber, HomePhoneNumber FROM Contacts, Addresses"),
            "Ann|Boe|1990|0|0|ann@b.fr|NULL|+33123456789", "as it was told last");
    is_text(ask("SELECT COUNT(*) FROM WebhookEvents WHERE ContactId IS NOT NULL"), "3",
            "with three events");
}

static void broken(void)
{
    const sent_t like = {.route = ROUTE, .query = HERE};
    const char *whole = fixture("tabology/ticket-create.json");
    const char *member = EVENT("1", "member.created", "10:00:00",
                               ",\"name\":\"Ann Bee\",\"email\":\"ann@b.fr\",\"phone\":"
                               "\"0612345678\",\"dob\":\"1990-05-17\",\"active\":\"Y\","
                               "\"marketing_permission_given\":1");

    empty();
    is_number(broken_cut(&like, whole), (long long)strlen(whole) - 1, "all of them are rejected");
    broken_types(&like, whole);
    broken_types(&like, member);
    broken_nested(&like, "[", "]");
    broken_nested(&like, "{\"data\":", "}");
    broken_bytes(&like, member);
    broken_long(&like, whole, "Flat white");
    broken_long(&like, whole, "DRINKS");
    broken_long(&like, whole, "OPEN");
    broken_long(&like, member, "Bee");
    broken_left_nothing("broken tickets");
}

int main(void)
{
    start();
    mapping();
    members();
    parameters();
    rejected();
    people();
    other_events();
    orders();
    envelope_orders();
    member_orders();
    broken();
    crm_db_close(db);
    return tap_done();
}
