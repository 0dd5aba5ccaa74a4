/* Shopify customers: the same messages in any order and any number give the same rows. */
#include "t/unit/shopify_tools.h"

static const sent_t events[] = {
    {.action = "Insert",
     .body =
         "{\"id\":1,\"first_name\":\"Ann\",\"last_name\":\"One\",\"email\":\"ann@example.fr\","
         "\"phone\":\"0612345678\",\"created_at\":\"2026-03-01T10:00:00+01:00\","
         "\"default_address\":{\"city\":\"Nice\",\"company\":\"First\",\"phone\":\"0493000000\"},"
         "\"accepts_marketing\":false," AT("01") "}",
     .triggered = "2026-03-01T00:00:01Z",
     .zone_id = 1},
    {.body = "{\"id\":1,\"last_name\":\"Two\",\"email\":\"two@example.fr\",\"phone\":null,"
             "\"default_address\":{\"city\":\"Lyon\"}," AT("02") "}",
     .triggered = "2026-03-02T00:00:01Z",
     .zone_id = 2},
    {.body = "{\"id\":1,\"first_name\":null,\"last_name\":\"Three\",\"default_address\":null,"
             "\"email_marketing_consent\":{\"state\":\"subscribed\","
             "\"consent_updated_at\":\"2026-03-01T12:00:00Z\"}," AT("02") "}",
     .triggered = "2026-03-02T00:00:02Z"},
    {.body = "{\"customer_id\":1,\"email_address\":\"two@example.fr\",\"email_marketing_consent\":"
             "{\"state\":\"unsubscribed\",\"consent_updated_at\":\"2026-03-03T00:00:00Z\"}}",
     .triggered = "2026-03-01T12:00:00Z",
     .topic = "customers_email_marketing_consent/update",
     .brand_id = 2},
    {.action = "Delete", .body = "{\"id\":1}", .triggered = "2026-03-01T06:00:00Z"},
};

#define EVENTS 5

/* Delivers the events in an order and gives the dump. `twice`: each once more afterwards,
 * backwards. */
static const char *outcome(const int *order, int twice)
{
    int i, fine = crm_db_begin(db) == APR_SUCCESS;

    for (i = 0; i < EVENTS; i++) {
        fine &= deliver(&events[order[i]]) == NULL;
    }
    for (i = EVENTS - 1; twice && i >= 0; i--) {
        fine &= deliver(&events[order[i]]) == NULL;
    }
    fine &= crm_db_commit(db) == APR_SUCCESS;
    return fine ? dump() : "failed";
}

static void permutations(void)
{
    int order[EVENTS] = {0, 1, 2, 3, 4}, orders = 0, equal = 0;
    const char *wanted, *got;

    empty();
    wanted = outcome(order, 0);
    is_text(ask("SELECT FirstName, LastName, CompanyName, ZoneId, DeletionFlag FROM Contacts"),
            "NULL|Three|NULL|2|1", "in order: the contact");
    is_text(ask("SELECT BrandId, City, Email, MobilePhoneNumber, HomePhoneNumber, EmailOptin,"
                " DeletionFlag FROM Addresses ORDER BY COALESCE(BrandId, 0)"),
            "NULL|NULL|two@example.fr|NULL|NULL|1|1\n2|NULL|two@example.fr|NULL|NULL|0|1",
            "in order: its addresses");
    do {
        empty();
        got = outcome(order, orders % 2);
        if (strcmp(got, wanted) == 0) {
            equal++;
        }
        else {
            printf("# order %d %d %d %d %d:\n%s\n# wanted:\n%s\n", order[0], order[1], order[2],
                   order[3], order[4], got, wanted);
        }
        orders++;
    } while (next_order(order, EVENTS));
    is_number(orders, 120, "all orders were tried");
    is_number(equal, 120, "each gives the same rows, every second one with all events twice");
}

/* Two sources of one contact: what each wrote and cleared last decides, in any order. */
static void two_writers(void)
{
    static const sent_t told[] = {
        {.body = "{\"id\":1,\"first_name\":\"one\"," AT("01") "}"},
        {.body = "{\"id\":2,\"first_name\":\"two\"," AT("02") "}", .source_id = 13},
        {.body = "{\"id\":1,\"first_name\":null," AT("03") "}"},
        {.body = "{\"id\":2,\"first_name\":null," AT("04") "}", .source_id = 13},
        {.body = "{\"id\":1,\"first_name\":\"late\"," AT("02") "}"},
    };
    int order[EVENTS] = {0, 1, 2, 3, 4}, orders = 0, equal = 0, i, fine;
    const char *wanted = NULL, *got;

    do {
        empty();
        post("Update", "{\"id\":1,\"email\":\"a@b.fr\"}");
        send_one(&(sent_t){.body = "{\"id\":2,\"email\":\"a@b.fr\"}", .source_id = 13});
        fine = crm_db_begin(db) == APR_SUCCESS;
        for (i = 0; i < EVENTS; i++) {
            fine &= deliver(&told[order[i]]) == NULL;
        }
        fine &= crm_db_commit(db) == APR_SUCCESS;
        got = fine ? dump() : "failed";
        wanted = wanted ? wanted : got;
        equal += strcmp(got, wanted) == 0;
        orders++;
    } while (next_order(order, EVENTS));
    is_number(equal, orders, "two writers: all orders agree");
    is_text(ask("SELECT COUNT(*) FROM Contacts"), "1", "on one contact");
}

int main(void)
{
    start();
    permutations();
    two_writers();
    crm_db_close(db);
    return tap_done();
}
