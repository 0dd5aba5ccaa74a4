/* Where data belongs: what is known, what is noted as unknown, and what a section's defaults do. */
#include "crm/place.h"

#include "handlers/place.h"
#include "t/unit/order_tools.h"

static crm_place_t place;

static apr_status_t check(apr_pool_t *p)
{
    return crm_place_check(db, &place, "01JDCW3T2XQ5M7V9K0B4000001-Shopify-Order-Insert", p);
}

static const char *unknown(void)
{
    return ask("SELECT Kind, Id FROM WebhookUnknownIds ORDER BY Kind, Id");
}

static void checking(void)
{
    ok(run_alone(check) == APR_SUCCESS, "nothing is told");
    is_text(unknown(), "", "  nothing is unknown");
    place = (crm_place_t){12, 4, 3, 2};
    ok(run_alone(check) == APR_SUCCESS && run_alone(check) == APR_SUCCESS, "numbers, twice");
    is_text(unknown(), "BrandId|3\nSourceId|12\nZoneId|4",
            "  are noted once, but for the one that the schema has");
    is_text(ask("SELECT COUNT(*) FROM WebhookUnknownIds WHERE MessageId LIKE '01JDCW%'"
                " AND SeenAt LIKE '20__-__-__T__:__:__'"),
            "3", "  with message and time");
    is_text(ask("SELECT (SELECT COUNT(*) FROM Sources) + (SELECT COUNT(*) FROM Zones) +"
                " (SELECT COUNT(*) FROM Brands)"),
            "0", "  nothing was invented");
    tools_execute(section, "INSERT INTO Sources (SourceId) VALUES (13);"
                           "INSERT INTO Zones (ZoneId) VALUES (2147483647);"
                           "INSERT INTO Brands (BrandId) VALUES (5)");
    place = (crm_place_t){13, 2147483647, 5, 1};
    ok(run_alone(check) == APR_SUCCESS, "what the tenant has");
    is_text(ask("SELECT COUNT(*) FROM WebhookUnknownIds"), "3", "  is known");
    place = (crm_place_t){32767, 2147483647, 2147483647, 32767};
    ok(run_alone(check) == APR_SUCCESS, "the largest numbers: %s", crm_db_error(db));
    is_text(ask("SELECT COUNT(*) FROM WebhookUnknownIds"), "6", "  are noted");
}

static void defaults(void)
{
    static const struct {
        int given[3], otherwise[3], want[3];
    } cases[] = {
        {{0, 0, 0}, {0, 0, 0}, {0, 0, 0}},
        {{1, 2, 3}, {0, 0, 0}, {1, 2, 3}},
        {{0, 0, 0}, {4, 5, 6}, {4, 5, 6}},
        {{1, 0, 3}, {4, 5, 6}, {1, 5, 3}},
    };
    handler_context_t context = {.db = db, .database = section};
    crm360_message_t message = {.id = "x", .source_id = 12};
    crm_person_t person;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        message.zone_id = cases[i].given[0];
        message.brand_id = cases[i].given[1];
        message.contact_address_type_id = cases[i].given[2];
        section->default_zone_id = cases[i].otherwise[0];
        section->default_brand_id = cases[i].otherwise[1];
        section->default_contact_address_type_id = cases[i].otherwise[2];
        ok(crm_db_begin(db) == APR_SUCCESS &&
               handler_place(&place, &message, &context, pool) == APR_SUCCESS &&
               crm_db_commit(db) == APR_SUCCESS,
           "case %d", (int)i);
        is_number(place.source_id, 12, "  the source");
        is_number(place.zone_id, cases[i].want[0], "  the zone");
        is_number(place.brand_id, cases[i].want[1], "  the brand");
        is_number(place.contact_address_type_id, cases[i].want[2], "  the type of address");
        memset(&person, 0, sizeof(person));
        handler_place_person(&person, &place, "v", pool);
        ok(person.source_id == 12 && person.brand_id == place.brand_id &&
               person.contact_address_type_id == place.contact_address_type_id,
           "  a person is put there");
        is_number(person.contact[CRM_CONTACT_ZONE].said, place.zone_id != 0,
                  "  and told of its zone, if there is one");
    }
}

int main(void)
{
    start();
    checking();
    defaults();
    return tap_done();
}
