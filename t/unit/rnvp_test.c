/*
 * elfy76310 process/Rnvp: what bodies ask for, what becomes of addresses, what a source that knows
 * nothing of it can do to them, and bodies that make no sense.
 */
#include "core/json.h"
#include "t/unit/rnvp_tools.h"

/* Each a second after the last. */
static const char *rnvp(const char *body)
{
    static int second;

    return send_one(&(sent_t){.route = RNVP, .body = body, .received_s = 1772500000 + ++second});
}

/* A Shopify customer of source 12, whose address is what stands in `members`. */
static const char *shopify(const char *id, int day, const char *members)
{
    return send_one(
        &(sent_t){.route = "Shopify/Customer/Update",
                  .body = apr_psprintf(pool,
                                       "{\"id\":%s,\"updated_at\":\"2026-03-%02dT00:00:00Z\","
                                       "\"default_address\":{%s}}",
                                       id, day, members)});
}

#define NICE                                                                                       \
    "\"address1\":\"12 bis, rue de la "                                                            \
    "Paix\",\"zip\":\"6000\",\"city\":\"Nice\",\"country_code\":\"FR\""
#define LYON                                                                                       \
    "\"address1\":\"3 quai Perrache\",\"zip\":\"69001\",\"city\":\"Lyon\",\"country_code\":\"FR\""

/* The columns that the file names have its values. */
static void as_expected(const char *file)
{
    const char *text = fixture(file), *why, *got;
    json_object *object;
    int columns = 0;

    if (crm360_json_parse(&object, &why, text, strlen(text), pool) != APR_SUCCESS) {
        ok(0, "%s: %s", file, why);
        return;
    }
    json_object_object_foreach(object, column, value)
    {
        if (strcmp(column, "note") != 0) {
            got = ask(apr_pstrcat(pool, "SELECT COALESCE(", column, ", '') FROM Addresses", NULL));
            is_text(got, json_object_get_string(value), column);
            columns++;
        }
    }
    is_number(columns, 10, "the columns of an address, as the fixture wants them");
}

static void fixtures(void)
{
    empty();
    person(1132, 3, "Address1", "'Mme Léa Marchand'");
    tools_execute(section, "UPDATE Contacts SET ContactId = 132 WHERE ContactId = 1132;"
                           "UPDATE ContactIdentifiers SET ContactId = 132;"
                           "UPDATE Addresses SET ContactId = 132, AddressId = 5501");
    is_text(rnvp(fixture("elfy76310/process-rnvp.json")), NULL, "the fixture with an address");
    as_expected("elfy76310/process-rnvp.expected.json");
    is_text(states(), "2", "and corrected");
    is_text(ask("SELECT StateId, Input FROM WebhookAddressChecks"),
            "2|{\"Address1\":\"Mme Léa Marchand\",\"Address2\":\"appt 4, 2e étage\","
            "\"Address3\":\"Résidence les Mimosas\","
            "\"Address4\":\"15 bis, avenue du Général-de-Gaulle\",\"PostCode\":\"6000\","
            "\"City\":\"Nice\",\"CountryId\":\"FRA\"}",
            "the check keeps what was given");
    is_text(rnvp(fixture("elfy76310/process-rnvp-selection.json")), NULL,
            "the fixture with numbers of contacts, one of them unknown");
    is_text(ask("SELECT Done, Unknown, Changed FROM WebhookJobs ORDER BY StartedAt, MessageId"),
            "1|0|1\n1|1|0", "which is noted");
}

/* The same in a database that has never heard of these numbers. */
static void foreign_numbers(void)
{
    empty();
    is_text(rnvp(fixture("elfy76310/process-rnvp.json")), NULL, "numbers of another database");
    is_text(ask("SELECT Address4, PostCode, City, Email, AddressStateId FROM Addresses"),
            "15 B AVENUE DU GENERAL DE GAULLE|06000|NICE|lea.marchand@example.fr|2",
            "the address is that of the person with this mail address");
    is_text(ask("SELECT FirstName, LastName, CivilityId FROM Contacts"), "Léa|Marchand|2",
            "who is made");
    is_text(rnvp(fixture("elfy76310/process-rnvp.json")), NULL, "once more");
    is_text(ask("SELECT COUNT(*) FROM Contacts"), "1", "makes nobody else");
    ok(has(rnvp("{\"AddressId\":5501,\"City\":\"Nice\"}"), "AddressId 5501 is not there"),
       "without mail address and number nobody is found");
}

static void verdicts(void)
{
    static const struct {
        const char *columns, *values, *wanted, *why;
    } cases[] = {
        {"Address4, PostCode, City, CountryId", "'12 RUE DE LA PAIX', '06000', 'NICE', 'FRA'",
         "1:/12 RUE DE LA PAIX/06000/NICE/FRA", "valid"},
        {"Address4, PostCode, City", "'12 bis, rue de la Paix', '6000', 'Nice'",
         "2:/12 B RUE DE LA PAIX/06000/NICE/FRA", "corrected"},
        {"Address4, City, CountryId", "'3 quai Perrache', 'Lyon', 'FRA'",
         "2:/3 QUAI PERRACHE/69001/LYON/FRA", "with the post code of the only such city"},
        {"Address4, City, CountryId", "'3 rue du Port', 'Valence', 'FRA'",
         "3:/3 RUE DU PORT/VALENCE/FRA", "ambiguous: several cities have the name"},
        {"Address4, PostCode, City, CountryId", "'3 rue  du Port', '99999', 'Nulle Part', 'FRA'",
         "4:/3 rue  du Port/99999/Nulle Part/FRA", "rejected, and left as it was"},
        {"Address4, PostCode, City, CountryId", "'Hauptstr. 5', '10115', 'Berlin', 'DEU'",
         "1:/Hauptstr. 5/10115/BERLIN/DEU", "abroad"},
        {"Email", "'x@example.fr'", "4:", "no address at all"},
        {"Address4, Address5, PostCode, City, CountryId",
         "'12 RUE DE LA PAIX', '', '06000', 'NICE', 'FRA'", "1:/12 RUE DE LA PAIX/06000/NICE/FRA",
         "an empty text is as good as none"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        empty();
        person(1001, 12, cases[i].columns, cases[i].values);
        is_text(rnvp(NULL), NULL, cases[i].why);
        is_text(address(1001), cases[i].wanted, "  in the row");
        is_text(ask("SELECT StateId FROM WebhookAddressChecks"),
                apr_pstrndup(pool, cases[i].wanted, 1), "  and in the check");
        is_text(ask("SELECT Done, Cursor, Total, Valid + Corrected + Ambiguous + Rejected,"
                    " FinishedAt IS NULL FROM WebhookJobs"),
                tools_pgsql() ? "1|1001|1001|1|f" : "1|1001|1001|1|0", "  and in the job");
    }
    is_text(ask("SELECT COUNT(*) FROM WebhookVersions"), "0", "the guard knows nothing of it");
}

/* Five people: 1001 to 1004 are of source 12, 1003 and 1005 of 13; zones are 1 for even, 2 for odd
 * numbers; 1002 is deleted. */
static void five(void)
{
    int i;

    empty();
    for (i = 1001; i <= 1005; i++) {
        person(i, i == 1005 ? 13 : 12, "Address4, PostCode, City, BrandId, ContactAddressTypeId",
               apr_psprintf(pool, "'%d rue X', '6000', 'Nice', %d, %d", i - 1000, i < 1004 ? 7 : 8,
                            i < 1003 ? 1 : 2));
    }
    tools_execute(section, "INSERT INTO ContactIdentifiers VALUES ('13:p1003', 'p1003', 1003, 13);"
                           "UPDATE Contacts SET DeletionFlag = 1 WHERE ContactId = 1002;"
                           "UPDATE Addresses SET DeletionFlag = 1 WHERE ContactId = 1002");
}

static void selections(void)
{
    static const struct {
        const char *body;
        const char *query;
        int source, zone, brand, type;
        const char *wanted, *what;
    } cases[] = {
        {NULL, NULL, 12, 0, 0, 0, "2 - 2 2 -", "no body: all of the source"},
        {" \r\n\t", NULL, 13, 0, 0, 0, "- - 2 - 2", "blanks are none; another source"},
        {NULL, NULL, 99, 0, 0, 0, "- - - - -", "a source of nobody"},
        {NULL, NULL, 12, 1, 0, 0, "- - - 2 -", "by zone"},
        {NULL, NULL, 12, 0, 7, 0, "2 - 2 - -", "by brand"},
        {NULL, NULL, 12, 0, 0, 2, "- - 2 2 -", "by type"},
        {NULL, NULL, 12, 2, 7, 2, "- - 2 - -", "by all three"},
        {"{\"AddressIds\":[1001,\"1005\"]}", NULL, 99, 0, 0, 0, "2 - - - 2", "by numbers"},
        {"{\"AddressIds\":\"1001, 1005\"}", NULL, 99, 0, 0, 0, "2 - - - 2", "with commas"},
        {"{\"AddressIds\":1004}", NULL, 99, 0, 0, 0, "- - - 2 -", "a single number"},
        {"{\"addressids\":[1004]}", NULL, 99, 0, 0, 0, "- - - 2 -", "in any case"},
        {"{\"ContactIds\":[1001,1003]}", NULL, 99, 0, 0, 0, "2 - 2 - -", "by contacts"},
        {"{\"ContactIds\":[1001,1003],\"AddressIds\":[1004]}", NULL, 99, 0, 0, 0, "2 - 2 2 -",
         "by both"},
        {"{\"ContactIds\":[1001,1002,1003,5]}", NULL, 99, 0, 0, 0, "2 - 2 - -",
         "deleted and unknown ones are passed over"},
        {"{\"ContactIds\":[1001,1004]}", NULL, 99, 0, 8, 0, "- - - 2 -", "within the URI's brand"},
        {"{\"ContactIds\":[]}", NULL, 12, 0, 0, 0, "- - - - -", "nobody is nobody"},
        {"{\"AddressIds\":\"\"}", NULL, 12, 0, 0, 0, "- - - - -", "likewise as a text"},
        {"[]", NULL, 12, 0, 0, 0, "- - - - -", "likewise an empty array"},
        {"{\"Addresses\":[]}", NULL, 12, 0, 0, 0, "- - - - -", "and no addresses"},
        {"{\"AddressId\":1004}", NULL, 99, 0, 0, 0, "- - - 2 -", "one address"},
        {"{\"ContactId\":\"1003\",\"City\":\"\"}", NULL, 99, 0, 0, 0, "- - 2 - -", "one contact"},
        {"[{\"AddressId\":1004},{\"ContactId\":1003}]", NULL, 99, 0, 0, 0, "- - 2 2 -",
         "several of them"},
        {"{\"Addresses\":[{\"AddressId\":1004,\"ContactId\":1004},{\"ContactId\":1003}]}", NULL, 99,
         0, 0, 0, "- - 2 2 -", "also by name"},
        {"{\"Addresses\":{\"AddressId\":1004}}", NULL, 99, 0, 0, 0, "- - - 2 -",
         "a single one without its array"},
        {NULL, "AddressIds=1001,1004", 12, 0, 0, 0, "2 - - 2 -", "numbers in the URI"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        five();
        is_text(send_one(&(sent_t){.route = RNVP,
                                   .body = cases[i].body,
                                   .query = cases[i].query,
                                   .source_id = cases[i].source,
                                   .zone_id = cases[i].zone,
                                   .brand_id = cases[i].brand,
                                   .contact_address_type_id = cases[i].type}),
                NULL, cases[i].what);
        is_text(states(), cases[i].wanted, "  only these are cleaned");
    }
    /* Defaults of the section say where rows are made, not which are chosen. */
    five();
    section->default_brand_id = 8;
    is_text(rnvp(NULL), NULL, "a default of the section");
    is_text(states(), "2 - 2 2 -", "  does not choose");
    section->default_brand_id = 0;
}

static void unknown(void)
{
    static const struct {
        const char *body, *reason;
    } cases[] = {
        {"{\"AddressIds\":[7,8]}", "reject: nothing of it is known here: AddressId 7 is not there"},
        {"{\"ContactIds\":\"9\"}", "reject: nothing of it is known here: ContactId 9 is not there"},
        {"{\"ContactIds\":[1002]}", "ContactId 1002 is not there, or deleted"},
        {"{\"AddressId\":7,\"City\":\"Nice\"}", "AddressId 7 is not there"},
        {"{\"AddressId\":1002,\"City\":\"Nice\"}", "AddressId 1002 is not there, or deleted"},
        {"{\"AddressId\":1001,\"ContactId\":1003,\"City\":\"Nice\"}",
         "AddressId 1001 is no address of ContactId 1003"},
        {"{\"ContactId\":7,\"City\":\"Nice\"}", "ContactId 7 is not there"},
        {"{\"Address4\":\"1 rue X\",\"City\":\"Nice\"}",
         "nothing that the address can be attached"},
        {"{\"Address4\":\"1 rue X\",\"Email\":\"nobody\",\"MobilePhoneNumber\":\"12\"}",
         "expected AddressId, ContactId, Email or MobilePhoneNumber"},
        {"[{\"AddressId\":7},{\"ContactId\":8}]", "AddressId 7 is not there"},
    };
    const char *before;
    size_t i;

    five();
    before = dump();
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *reason = rnvp(cases[i].body);

        ok(has(reason, cases[i].reason), "%s: %s", cases[i].body, reason ? reason : "done");
        is_text(dump(), before, "  nothing is written");
        is_text(ask("SELECT COUNT(*) FROM WebhookJobs"), "0", "  and no job is left");
    }
    is_text(rnvp("[{\"AddressId\":7},{\"Address4\":\"1 rue X\"},{\"AddressId\":1001}]"), NULL,
            "if one is known, the rest is passed over");
    is_text(ask("SELECT Done, Unknown FROM WebhookJobs"), "1|2", "and counted");
}

static void senseless(void)
{
    static const struct {
        const char *body, *reason;
    } cases[] = {
        {"{", "reject: the body is not JSON: line 1, column 2: expected"},
        {"{\"AddressIds\":\n[1,]}", "line 2, column 4: expected"},
        {"17", "line 1, column 1: expected an object or an array"},
        {"\"all\"", "line 1, column 1: expected an object or an array"},
        {"null", "line 1, column 1: expected an object or an array"},
        {"[1]", "element 1: expected an object"},
        {"[{\"AddressId\":1001},[]]", "element 2: expected an object"},
        {"{}", "expected AddressIds, ContactIds, Addresses, or the members of an address"},
        {"{\"Id\":5}", "expected AddressIds, ContactIds, Addresses, or the members of an address"},
        {"{\"ContactIds\":null}", "expected AddressIds, ContactIds, Addresses"},
        {"[{\"AddressId\":1001},{}]", "element 2: expected AddressIds"},
        {"{\"AddressIds\":{}}", "AddressIds: expected an array of whole numbers, or a text"},
        {"{\"AddressIds\":true}", "AddressIds: expected an array of whole numbers"},
        {"{\"AddressIds\":1.5}", "AddressIds: expected an array of whole numbers"},
        {"{\"AddressIds\":[1001,\"x\"]}",
         "AddressIds: place 2: expected a whole number from 1 to 2147483647"},
        {"{\"AddressIds\":[1001,1.5]}", "AddressIds: place 2: expected a whole number"},
        {"{\"AddressIds\":[1001,null]}", "AddressIds: place 2: expected a whole number"},
        {"{\"AddressIds\":[0]}", "AddressIds: place 1: expected a whole number"},
        {"{\"AddressIds\":[-1001]}", "AddressIds: place 1: expected a whole number"},
        {"{\"AddressIds\":[2147483648]}", "AddressIds: place 1: expected a whole number"},
        {"{\"AddressIds\":[99999999999999999999]}", "AddressIds: place 1: expected a whole number"},
        {"{\"ContactIds\":\"1001,1002x\"}", "ContactIds: place 2: expected a whole number"},
        {"{\"ContactIds\":\"12345678901234567890123\"}", "ContactIds: place 1: expected"},
        {"{\"ContactIds\":[[1001]]}", "ContactIds: place 1: expected a whole number"},
        {"{\"Addresses\":\"x\"}", "Addresses: expected an array of objects"},
        {"{\"Addresses\":[{\"AddressId\":1001},7]}", "Addresses: element 2: expected an object"},
        {"{\"AddressId\":[1001]}", "AddressId: expected a whole number from 1 to 2147483647"},
        {"{\"AddressId\":\"one\",\"City\":\"Nice\"}", "AddressId: expected a whole number"},
        {"{\"ContactId\":true,\"City\":\"Nice\"}", "ContactId: expected a whole number"},
        {"{\"AddressId\":1001,\"City\":[\"Nice\"]}", "City: expected a text of at most 500 bytes"},
        {"{\"AddressId\":1001,\"Address4\":{}}", "Address4: expected a text of at most 500 bytes"},
        {"{\"Addresses\":[{\"AddressId\":1001,\"Email\":false}]}",
         "Addresses: element 1: Email: expected a text"},
    };
    const char *before, *reason;
    size_t i;

    five();
    before = dump();
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        reason = rnvp(cases[i].body);
        ok(has(reason, "reject: ") && has(reason, cases[i].reason), "%s: %s", cases[i].body,
           reason ? reason : "done");
    }
    is_text(dump(), before, "nothing is written by any of them");
    is_text(ask("SELECT COUNT(*) FROM WebhookJobs"), "0", "and no job is left");
}

/* Every body cut off anywhere, with wrong types, deep, long, or not UTF-8: never half an effect. */
static void broken(void)
{
    static const char whole[] = "{\"Addresses\":[{\"AddressId\":1001,\"Address4\":\"9 rue Y\","
                                "\"PostCode\":\"69001\",\"City\":\"Lyon\"},{\"AddressId\":1003}]}";
    static const char nuls[] = "{\"AddressId\":1001,\"City\":\"N\0i\\u0000ce\"}";
    char *text = apr_palloc(pool, 10 * 1024 * 1024 + 100), *c;
    const char *before;
    apr_size_t length;
    int i, rejected = 0;

    five();
    before = dump();
    for (length = 1; length < sizeof(whole) - 1; length++) {
        const char *reason = send_one(&(sent_t){.route = RNVP, .body = whole, .length = length});

        rejected += has(reason, "reject: the body is not JSON: line 1, column ");
    }
    is_number(rejected, (long long)sizeof(whole) - 2, "a body cut off anywhere is rejected");
    is_text(dump(), before, "and does nothing");

    for (c = text, i = 0; i < 1000; i++) {
        c = apr_cpystrn(c, "{\"Addresses\":[", 20);
    }
    ok(has(rnvp(text), "reject: the body is not JSON: line 1, column "), "a thousand levels");
    c = apr_cpystrn(text, "{\"AddressId\":1001,\"City\":\"", 100);
    memset(c, 'N', 10 * 1024 * 1024);
    apr_cpystrn(c + 10 * 1024 * 1024, "\"}", 10);
    ok(has(rnvp(text), "City: expected a text of at most 500 bytes"), "a city of 10 MB");
    is_text(dump(), before, "do nothing");

    is_text(send_one(&(sent_t){.route = RNVP, .body = nuls, .length = sizeof(nuls) - 1}), NULL,
            "NULs");
    is_text(address(1001), "2:/1 RUE X/06000/NICE/FRA", "are left out");
    ok(!has(rnvp("{\"AddressId\":1001,\"City\":\"N\xe9rac\"}"), "status"), "Latin-1 is read");
    ok(has(rnvp("{\"AddressId\":1001,\"City\":\"\xff\xfe\xc3\"}"), "reject") ||
           strchr("234", *address(1001)),
       "what is no text at all gets a state");
}

/* ---- addresses that somebody writes ---- */

static void written(void)
{
    five();
    is_text(rnvp("{\"AddressId\":1001,\"ContactId\":1001,\"Address4\":\"12 bis, rue de la Paix\","
                 "\"PostCode\":69001,\"City\":\"Lyon\",\"CountryId\":\"fr\"}"),
            NULL, "an address with its number");
    is_text(address(1001), "2:/12 B RUE DE LA PAIX/69001/LYON/FRA", "is cleaned and written");
    is_text(ask("SELECT BrandId, ContactAddressTypeId FROM Addresses WHERE AddressId = 1001"),
            "7|1", "where it was");
    is_text(rnvp("{\"AddressId\":1001,\"PostCode\":\"44000\",\"City\":\"Nantes\"}"), NULL,
            "what is not given");
    is_text(address(1001), "2:/12 B RUE DE LA PAIX/44000/NANTES/FRA", "stays");
    is_text(rnvp("{\"AddressId\":1001,\"Address4\":\"\",\"City\":null}"), NULL,
            "nothing but empty values");
    is_text(address(1001), "2:/12 B RUE DE LA PAIX/44000/NANTES/FRA", "say nothing");
    is_text(
        rnvp("{\"AddressId\":1001,\"Address4\":\"1 rue X\",\"Address5\":\"\",\"City\":\"Nowhere\","
             "\"PostCode\":\"99999\"}"),
        NULL, "one that cannot be delivered");
    is_text(address(1001), "4:/1 rue X/99999/Nowhere/FRA", "stands there as it was given");

    section->default_brand_id = 7;
    is_text(send_one(&(sent_t){.route = RNVP,
                               .body = "{\"ContactId\":1003,\"Address4\":\"2 rue Y\","
                                       "\"PostCode\":\"33000\",\"City\":\"Bordeaux\"}",
                               .received_s = 1772599999,
                               .contact_address_type_id = 2}),
            NULL, "an address of a contact");
    section->default_brand_id = 0;
    is_text(address(1003), "2:/2 RUE Y/33000/BORDEAUX/FRA", "of that brand and type");
    is_text(rnvp("{\"ContactId\":1003,\"Address4\":\"3 rue Y\",\"City\":\"Lille\"}"), NULL,
            "and where there is none");
    is_text(ask("SELECT AddressStateId, Address4, PostCode, City, BrandId FROM Addresses"
                " WHERE ContactId = 1003 AND AddressId <> 1003"),
            "2|3 RUE Y|59000|LILLE|NULL", "it is made");
    is_text(ask("SELECT LastName FROM Contacts WHERE ContactId = 1003"), "P1003",
            "nobody's name is changed");
}

static void people(void)
{
    static const char body[] =
        "{\"Civility\":\"Mme\",\"FirstName\":\"Léa\",\"LastName\":\"Marchand\","
        "\"Address4\":\"12 bis rue de la Paix\",\"PostCode\":\"6000\",\"City\":\"Nice\","
        "\"Email\":\"Lea@example.fr\",\"MobilePhoneNumber\":\"06.12.34.56.78\","
        "\"MobilePhoneCountryIso3\":\"FRA\"}";
    const char *before;

    empty();
    is_text(send_one(&(sent_t){.route = RNVP, .body = body, .zone_id = 3, .brand_id = 7}), NULL,
            "an address of somebody new");
    is_text(ask("SELECT FirstName, LastName, CivilityId, GenderId, ZoneId FROM Contacts"),
            "Léa|Marchand|2|2|3", "makes a contact");
    is_text(ask("SELECT AddressStateId, Address4, PostCode, City, Email, MobilePhoneNumber, BrandId"
                " FROM Addresses"),
            "2|12 B RUE DE LA PAIX|06000|NICE|Lea@example.fr|+33612345678|7", "with the address");
    is_text(ask("SELECT Identifier FROM ContactIdentifiers"), "email:lea@example.fr",
            "known by the mail address");
    before = dump();
    is_text(send_one(&(sent_t){.route = RNVP, .body = body, .zone_id = 3, .brand_id = 7}), NULL,
            "the same again");
    is_text(dump(), before, "changes nothing");
    is_text(send_one(&(sent_t){
                .route = RNVP,
                .body = "[{\"MobilePhoneNumber\":\"+33612345678\","
                        "\"Address4\":\"2 rue Y\",\"PostCode\":\"69001\",\"City\":\"Lyon\"}]",
                .brand_id = 7,
                .received_s = 1772599999}),
            NULL, "somebody known by the number");
    is_text(ask("SELECT COUNT(*) FROM Contacts"), "1", "is found");
    is_text(ask("SELECT AddressStateId, Address4, PostCode, City, Email FROM Addresses"),
            "2|2 RUE Y|69001|LYON|Lea@example.fr", "and has another address");
}

/* ---- a source that knows nothing of it ---- */

static void sources(void)
{
    const char *clean, *raw;

    empty();
    is_text(shopify("1", 1, NICE), NULL, "a customer");
    raw = ask("SELECT Address4, PostCode, City, AddressStateId FROM Addresses");
    is_text(raw, "12 bis, rue de la Paix|6000|Nice|NULL", "as he wrote it");
    is_text(rnvp(NULL), NULL, "is cleaned");
    clean = ask("SELECT Address4, PostCode, City, AddressStateId FROM Addresses");
    is_text(clean, "12 B RUE DE LA PAIX|06000|NICE|2", "and so is his address");

#define NOW ask("SELECT Address4, PostCode, City, AddressStateId FROM Addresses")
    is_text(shopify("1", 2, NICE), NULL, "an update with the same address");
    is_text(NOW, clean, "does not undo it");
    is_text(shopify("1", 3, LYON), NULL, "another address");
    is_text(NOW, "3 quai Perrache|69001|Lyon|NULL", "counts, and has no state");
    is_text(shopify("1", 2, NICE), NULL, "late news");
    is_text(NOW, "3 quai Perrache|69001|Lyon|NULL", "do not");
    is_text(shopify("1", 4, NICE), NULL, "back to the old one");
    is_text(NOW, clean, "which was checked");
    is_text(shopify("1", 5,
                    "\"address1\":\"12 B RUE DE LA PAIX\",\"zip\":\"06000\","
                    "\"city\":\"NICE\",\"country_code\":\"FR\""),
            NULL, "the cleaned one from the source");
    is_text(NOW, clean, "is as good");
    is_text(shopify("1", 6, LYON), NULL, "another one");
    is_text(rnvp(NULL), NULL, "is cleaned in its turn");
    is_text(NOW, "3 QUAI PERRACHE|69001|LYON|2", "as it should be");
    is_text(shopify("1", 7, NICE), NULL, "the first one again");
    is_text(NOW, raw, "is not remembered for ever");

    tools_execute(section, "UPDATE WebhookAddressChecks SET Output = 'not JSON', Input ="
                           " (SELECT REPLACE(Input, '3 quai Perrache', '4 quai Perrache')"
                           " FROM WebhookAddressChecks)");
    is_text(shopify("1", 8,
                    "\"address1\":\"4 quai Perrache\",\"zip\":\"69001\",\"city\":\"Lyon\","
                    "\"country_code\":\"FR\""),
            NULL, "a check that somebody has spoilt");
    is_text(NOW, "4 quai Perrache|69001|Lyon|NULL", "does no harm");
#undef NOW
}

/* Whatever has its own date may come in any order, also beside a source's news. */
static void orders(void)
{
#define WRITTEN(second, street)                                                                    \
    {                                                                                              \
        .route = RNVP, .received_s = 1772500000 + (second),                                        \
        .body = "{\"Email\":\"lea@example.fr\",\"Address4\":\"" street                             \
                "\",\"PostCode\":\"6000\",\"City\":\"Nice\"}"                                      \
    }
#define TOLD(date, street)                                                                         \
    {                                                                                              \
        .route = "Shopify/Customer/Update",                                                        \
        .body = "{\"id\":1,\"email\":\"lea@example.fr\",\"updated_at\":\"" date                    \
                "\",\"default_address\":{\"address1\":\"" street                                   \
                "\",\"zip\":\"44000\",\"city\":\"Nantes\",\"country_code\":\"FR\"}}"               \
    }
    static const sent_t written[] = {WRITTEN(1, "1 bis rue A"), WRITTEN(2, "2 bis rue B"),
                                     WRITTEN(3, "3 bis rue C"), WRITTEN(4, "4 bis rue D"),
                                     WRITTEN(5, "5 bis rue E")};
    static const sent_t mixed[] = {
        WRITTEN(1, "1 bis rue A"), TOLD("2026-03-03T01:06:42Z", "2 bis rue B"),
        WRITTEN(3, "3 bis rue C"), TOLD("2026-03-03T01:06:44Z", "4 bis rue D"),
        WRITTEN(5, "5 bis rue E")};
    static const int forwards[] = {0, 1, 2, 3, 4};

    all_orders_agree(written, 5, "addresses of one person");
    ok(has(outcome(mixed, forwards, 5, 0), "5 B RUE E"), "beside a source the newest counts");
    is_text(ask("SELECT AddressStateId, PostCode FROM Addresses"), "2|06000", "cleaned");
#undef WRITTEN
#undef TOLD
}

int main(void)
{
    start();
    import_post_codes();
    fixtures();
    foreign_numbers();
    verdicts();
    selections();
    unknown();
    senseless();
    broken();
    written();
    people();
    sources();
    orders();
    crm_db_close(db);
    return tap_done();
}
