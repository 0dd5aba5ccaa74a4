/*
 * elfy76310 process/RnvpDedup: what bodies select, that addresses are cleaned before contacts are
 * compared, and what messages of other platforms find afterwards.
 */
#include "t/unit/rnvp_tools.h"

static const char *dedup_of(const char *body, int source_id)
{
    return send_one(
        &(sent_t){.route = "elfy76310/process/RnvpDedup", .body = body, .source_id = source_id});
}

static const char *dedup(const char *body)
{
    return dedup_of(body, 51);
}

static void clear(void)
{
    empty();
    tools_execute(section, "DELETE FROM WebhookMerges; DELETE FROM WebhookReviews;"
                           "DELETE FROM WebhookJobs; DELETE FROM WebhookAddressChecks;"
                           "DELETE FROM WebhookDuplicateKeys; DELETE FROM WebhookInbox;"
                           "DELETE FROM WebhookDuplicateContacts");
}

/* A contact of source `source_id`, called "p<id>" there, with one address of the same number. */
static void human(int id, int source_id, const char *first, const char *last, const char *columns,
                  const char *values)
{
    person(id, source_id, columns, values);
    tools_execute(section, apr_psprintf(pool,
                                        "UPDATE Contacts SET FirstName = '%s', LastName = '%s'"
                                        " WHERE ContactId = %d",
                                        first, last, id));
}

static const char *merges(void)
{
    return ask("SELECT KeptContactId, MergedContactId, Rule FROM WebhookMerges"
               " ORDER BY MergedContactId");
}

#define PLACE "Address4, PostCode, City, CountryId"

static void fixtures(void)
{
    clear();
    human(977, 12, "Lea", "MARCHAND", PLACE, "'15 B av Gal de Gaulle', '06000', 'NICE', 'FRA'");
    human(132, 12, "Léa", "Marchand", PLACE,
          "'15 bis, avenue du Général-de-Gaulle', '6000', 'Nice', 'FRA'");
    tools_execute(section, "UPDATE Addresses SET AddressId = 5502 WHERE AddressId = 977;"
                           "UPDATE Addresses SET AddressId = 5501 WHERE AddressId = 132;"
                           "UPDATE ContactIdentifiers SET Identifier = '8800',"
                           " ContactIdentifierId = '12:8800' WHERE ContactId = 977;"
                           "INSERT INTO PurchaseHeaders (PurchaseIdentifier, ContactId, SourceId)"
                           " VALUES ('1', 977, 12)");
    is_text(dedup(fixture("elfy76310/process-rnvpdedup.json")), NULL, "the fixture");
    is_text(merges(), "132|977|name+address", "ends with contacts 132 and 977 as one");
    is_text(ask("SELECT ContactId, DeletionFlag FROM Contacts ORDER BY 1"), "132|0\n977|1",
            "  the older one");
    is_text(ask("SELECT Address4, PostCode, City FROM Addresses WHERE ContactId = 132"
                " AND DeletionFlag = 0"),
            "15 B AVENUE DU GENERAL DE GAULLE|06000|NICE", "  with a clean address");
    is_text(ask("SELECT ContactId FROM PurchaseHeaders"), "132", "  and what the other has bought");
    is_text(ask("SELECT Kind, Done, Changed, Unknown FROM WebhookJobs ORDER BY Kind"),
            "dedup|1|1|0\nrnvp|2|2|0", "  in two jobs");
    is_text(dedup(fixture("elfy76310/process-rnvpdedup.json")), NULL, "the fixture again");
    is_text(merges(), "132|977|name+address", "  changes nothing");
    is_text(send_one(&(sent_t){.route = "Shopify/Customer/Update",
                               .body = "{\"id\":8800,\"updated_at\":\"2026-04-01T00:00:00Z\","
                                       "\"first_name\":\"Léonie\"}"}),
            NULL, "news of the shop about the merged one");
    is_text(ask("SELECT ContactId, FirstName FROM Contacts ORDER BY 1"), "132|Léonie\n977|Lea",
            "  is for the one that was kept");
}

/* Two spellings of one address, of two sources. */
static void twins(void)
{
    clear();
    human(1, 12, "Benoît", "Lefèvre", PLACE, "'12 bis, rue de la Paix', '6000', 'Nice', 'FRA'");
    human(2, 13, "LEFEVRE", "BENOIT", PLACE, "'12 B RUE DE LA PAIX', '06000', 'NICE', NULL");
    human(3, 13, "Sophie", "Lefèvre", PLACE, "'12 B RUE DE LA PAIX', '06000', 'NICE', NULL");
}

static void selections(void)
{
    twins();
    is_text(dedup_of("", 12), NULL, "no body: the contacts of the source");
    is_text(merges(), "1|2|name+address", "  are compared with everybody");
    twins();
    is_text(dedup_of("", 14), NULL, "a source without contacts");
    is_text(merges(), "", "  has none that are twice");
    twins();
    is_text(dedup("{\"ContactIds\":\"2, 77\"}"), NULL, "ContactIds, one of them unknown");
    is_text(merges(), "1|2|name+address", "  are looked at");
    is_text(dedup("{\"ContactIds\":[2]}"), NULL, "a contact that was merged");
    is_text(ask("SELECT Done, Changed FROM WebhookJobs WHERE Kind = 'dedup' ORDER BY 1, 2"),
            "1|0\n1|1", "  is the one that was kept");
    is_text(dedup("{\"ContactIds\":[77]}"),
            "reject: nothing of it is known here: ContactId 77 is not there, or deleted, or has no"
            " address",
            "a contact that never was");
    twins();
    is_text(dedup("{\"AddressIds\":[3]}"), NULL, "an AddressId of somebody else");
    is_text(merges(), "", "  leads to nobody who is twice");
    is_text(dedup("{\"AddressIds\":[1]}"), NULL, "another AddressId");
    is_text(merges(), "1|2|name+address", "  does");
    clear();
    human(1, 12, "Léa", "Marchand", "Email", "'lea@example.org'");
    human(2, 13, "Léa", "Marchand", "Email", "'lea@example.org'");
    tools_execute(section, "DELETE FROM Addresses WHERE ContactId = 1;"
                           "UPDATE Contacts SET BirthDate = '1980-02-03T00:00:00'");
    is_text(dedup("{\"ContactIds\":[1]}"), NULL, "a contact without an address");
    is_text(ask("SELECT ContactId, OtherContactId, Rule FROM WebhookReviews"),
            "1|2|name+birth date", "  is compared, too");
    is_text(send_one(&(sent_t){.route = "elfy76310/process/RnvpDedup",
                               .body = "{\"ContactIds\":[1]}",
                               .zone_id = 7,
                               .source_id = 51}),
            "reject: nothing of it is known here: ContactId 1 is not there, or deleted, or has no"
            " address, or it is not of the URI's zone, brand and type",
            "  but not from another zone");
}

/* Somebody writes an address of a person who is here twice under other names. */
static void told(void)
{
    clear();
    human(1, 12, "Léa", "Marchand", PLACE, "'3 QUAI PERRACHE', '69001', 'LYON', 'FRA'");
    is_text(dedup("{\"FirstName\":\"Lea\",\"LastName\":\"MARCHAND\",\"Email\":\"lea@example.org\","
                  "\"Address4\":\"3, quai Perrache\",\"PostCode\":\"69001\",\"City\":\"Lyon\"}"),
            NULL, "an address and a name");
    is_text(ask("SELECT COUNT(*) FROM Contacts"), "2", "  make a contact");
    is_text(ask("SELECT KeptContactId, Rule FROM WebhookMerges"), "1|name+address",
            "  which turns out to be known");
    is_text(ask("SELECT Email, Address4 FROM Addresses WHERE ContactId = 1 AND DeletionFlag = 0"),
            "lea@example.org|3 QUAI PERRACHE", "  and whose mail address is known now");
    is_text(ask("SELECT COUNT(*) FROM WebhookDuplicateTasks"), "0", "  nothing is left over");
}

int main(void)
{
    start();
    import_post_codes();
    if (tools_pgsql()) {
        ask("SELECT setval(pg_get_serial_sequence('contacts', 'contactid'), 1000000)");
        ask("SELECT setval(pg_get_serial_sequence('addresses', 'addressid'), 1000000)");
    }
    fixtures();
    selections();
    told();
    crm_db_close(db);
    return tap_done();
}
