/*
 * Merging two contacts: what becomes of columns, notes, consents, addresses and everything that
 * belongs to them, and of messages that come before and after.
 */
#include "core/json.h"
#include "crm/case.h"
#include "crm/event.h"
#include "crm/interest.h"
#include "crm/person.h"
#include "crm/purchase.h"
#include "t/unit/merge_tools.h"

#define OF_CONTACT(columns) "SELECT " columns " FROM Contacts WHERE ContactId = %d"
#define OF_ADDRESS(columns)                                                                        \
    "SELECT " columns " FROM Addresses WHERE ContactId = %d AND DeletionFlag = 0"                  \
    " ORDER BY COALESCE(BrandId, 0)"

/* ---- everything that belongs to a contact ---- */

/* Tables with a column of this kind that merges treat otherwise, or not at all, and why. */
static const char *const other_tables[] = {
    "Contacts",                 /* itself */
    "Addresses",                /* moved or joined */
    "WebhookMerges",            /* what it is about */
    "WebhookReviews",           /* decisions are copied */
    "WebhookDuplicateKeys",     /* made anew */
    "WebhookDuplicateContacts", /* likewise */
    "WebhookDuplicateTasks",    /* a merged contact has none */
};

static int is_listed(const char *table)
{
    size_t i;

    for (i = 0; crm_merge_tables[i].table; i++) {
        if (strcasecmp(crm_merge_tables[i].table, table) == 0) {
            return 1;
        }
    }
    for (i = 0; i < sizeof(other_tables) / sizeof(other_tables[0]); i++) {
        if (strcasecmp(other_tables[i], table) == 0) {
            return 1;
        }
    }
    return 0;
}

static void no_table_forgotten(void)
{
    char *tables = apr_pstrdup(
        pool, ask(tools_pgsql()
                      ? "SELECT DISTINCT table_name FROM information_schema.columns"
                        " WHERE table_schema = 'public' AND column_name LIKE '%contactid'"
                      : "SELECT DISTINCT m.name FROM sqlite_master m, pragma_table_info(m.name) c"
                        " WHERE m.type = 'table' AND c.name LIKE '%ContactId'"));
    char *table, *state;
    int count = 0;

    for (table = apr_strtok(tables, "\n", &state); table; table = apr_strtok(NULL, "\n", &state)) {
        ok(is_listed(table), "crm_merge_tables or this test know %s", table);
        count++;
    }
    ok(count > 9, "there are tables");
}

static int has_name(const char *const *names, const char *name)
{
    for (; *names; names++) {
        if (strcasecmp(*names, name) == 0) {
            return 1;
        }
    }
    return 0;
}

static void no_column_forgotten(const char *table, const char *const *columns,
                                const char *const * not )
{
    char *names =
        apr_pstrdup(pool, askf(tools_pgsql() ? "SELECT column_name FROM information_schema.columns"
                                               " WHERE table_name = LOWER('%s')"
                                             : "SELECT name FROM pragma_table_info('%s')",
                               table));
    char *name, *state;
    const char *missing = "";
    int count = 0;

    for (name = apr_strtok(names, "\n", &state); name; name = apr_strtok(NULL, "\n", &state)) {
        count++;
        if (!has_name(columns, name) && !has_name(not, name)) {
            missing = apr_pstrcat(pool, missing, " ", name, NULL);
        }
    }
    is_text(missing, "", apr_psprintf(pool, "%s: all columns are known to merges", table));
    ok(count > 20, "  and there are columns");
}

static const row_t twins[] = {
    {.first = "Léa", .last = "Marchand", .email = LEA},
    {.first = "LEA", .last = "MARCHAND", .email = LEA, .mobile = "+33612345678", .brand = 3},
};

static void children(void)
{
    static const char *const moved[][2] = {
        {"ContactIdentifiers", "2"}, {"WebhookMatches", "2"}, {"PurchaseHeaders", "2"},
        {"Vouchers", "2"},           {"Cases", "2"},          {"ContactInterests", "2"},
        {"WebhookEvents", "2"},      {"Addresses", "2"},      {"LoyaltyCards", "2"},
        {"LoyaltyPoints", "2"},
    };
    const char *before;
    size_t i;
    int id;

    empty();
    put(twins, 2);
    for (id = 1; id < 3; id++) {
        tools_execute(
            section,
            apr_psprintf(
                pool,
                "INSERT INTO WebhookMatches VALUES ('email:%d@example.org', %d);"
                "INSERT INTO PurchaseHeaders (PurchaseIdentifier, ContactId, SourceId, "
                "DeletionFlag)"
                " VALUES ('p%d', %d, 12, %d);"
                "INSERT INTO Vouchers (VoucherIdentifier, ContactId, SourceId) VALUES ('v%d', %d,"
                " 12);"
                "INSERT INTO Cases (CaseIdentifier, ContactId, SourceId) VALUES ('k%d', %d, 12);"
                "INSERT INTO LoyaltyCards (LoyaltyCardIdentifier, ContactId, SourceId)"
                " VALUES ('l%d', %d, 12);"
                "INSERT INTO LoyaltyPoints (PointIdentifier, ContactId, SourceId)"
                " VALUES ('n%d', %d, 12);"
                "INSERT INTO ContactInterests (ContactInterestIdentifier, ContactId, SourceId)"
                " VALUES ('i%d', %d, 12);"
                "INSERT INTO WebhookEvents (MessageId, ContactId, Kind, At, SourceId,"
                " EventIdentifier) VALUES ('m%d', %d, 'x', '2026-11-20T10:00:00', 12, 'e%d');",
                id, id, id, id, id - 1, id, id, id, id, id, id, id, id, id, id, id, id, id));
    }
    before = ask("SELECT FirstName, LastName FROM Contacts WHERE ContactId = 2");
    is_text(merge(2, 1), "name+email", "two contacts, the younger named first");
    for (i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {
        is_text(askf("SELECT COUNT(*) FROM %s WHERE ContactId = 1", moved[i][0]), moved[i][1],
                apr_psprintf(pool, "  %s: all are the older one's", moved[i][0]));
    }
    is_text(ask("SELECT DeletionFlag FROM PurchaseHeaders ORDER BY PurchaseIdentifier"), "0\n1",
            "  a deleted purchase stays deleted");
    is_text(ask("SELECT ContactId, DeletionFlag FROM Contacts ORDER BY 1"), "1|0\n2|1",
            "  the younger one is flagged");
    is_text(ask("SELECT FirstName, LastName FROM Contacts WHERE ContactId = 2"), before,
            "  and holds what it held");
    is_text(ask("SELECT MessageId, KeptContactId, MergedContactId, Rule, Score, Explanation FROM"
                " WebhookMerges"),
            "M1|1|2|name+email|1000|last name same, first name same, e-mail same",
            "  WebhookMerges says why");
    is_text(merge(1, 2), "not merged", "once more");
    is_text(ask("SELECT COUNT(*) FROM WebhookMerges"), "1", "  there is nothing to do");
    is_text(merge(1, 1), "not merged", "a contact with itself");
    is_text(merge(1, 77), "not merged", "a contact with one that is not there");
}

/* Detail is JSON and has what is needed to undo it. */
static void detail(void)
{
    static const row_t rows[] = {
        {.first = "Léa", .last = "Marchand", .email = LEA, .code = "75001"},
        {.first = "LEA", .last = "MARCHAND", .email = LEA, .mobile = "+33612345678"},
    };
    json_object *value = NULL, *part, *joined;
    const char *why = "", *text;

    empty();
    put(rows, 2);
    tools_execute(section, "INSERT INTO PurchaseHeaders (PurchaseHeaderId, PurchaseIdentifier,"
                           " ContactId, SourceId) VALUES (77, 'p', 2, 12);"
                           "INSERT INTO WebhookVersions VALUES ('Contacts', '1', 0,"
                           " '{\"zone\":[\"1\",\"w\"]}')");
    merge(1, 2);
    text = ask("SELECT Detail FROM WebhookMerges");
    if (!ok(crm360_json_parse(&value, &why, text, strlen(text), pool) == APR_SUCCESS,
            "Detail is JSON")) {
        return;
    }
    ok(strstr(text, "\"PurchaseHeaders\":[77]") != NULL, "  it lists what has moved");
    ok(strstr(text, "\"ContactIdentifiers\":[\"12:c2\"]") != NULL, "  with texts, too");
    ok(strstr(text, "Vouchers") == NULL, "  and nothing else");
    json_object_object_get_ex(value, "Contact", &part);
    json_object_object_get_ex(part, "Before", &joined);
    json_object_object_get_ex(joined, "FirstName", &joined);
    is_text(json_object_get_string(joined), "Léa", "  what stood in the kept contact");
    ok(strstr(text, "{\"zone\":[\"1\",\"w\"]}") != NULL, "  and its notes");
    json_object_object_get_ex(value, "JoinedAddresses", &part);
    joined = json_object_array_get_idx(part, 0);
    is_text(apr_psprintf(pool, "%d|%d",
                         json_object_get_int(json_object_object_get(joined, "AddressId")),
                         json_object_get_int(json_object_object_get(joined, "OtherAddressId"))),
            ask("SELECT MIN(AddressId), MAX(AddressId) FROM Addresses"),
            "  which addresses were joined");
    ok(strstr(text, "\"PostCode\":\"75001\"") != NULL, "  and what stood there");
}

/* ---- columns and notes ---- */

/* What two sources have told of one person, in two contacts that are merged, is what it would be
 * had they told it of one from the beginning; also what they tell later, whichever way. */
static void as_if_one(void)
{
    static const told_t stories[][4] = {
        {{1, "a", 10, "Léa", "Marchand", "Nice", LEA, NULL, "1", NULL, 0},
         {2, "b", 20, "Lea", "MARCHAND", "Lyon", LEA, "+33612345678", NULL, NULL, 0},
         {1, "a", 15, "Léonie", NULL, "Brest", NULL, NULL, NULL, NULL, 0},
         {2, "b", 30, NULL, NULL, "Paris", NULL, NULL, NULL, NULL, 0}},
        {{1, "a", 30, "Léa", "Marchand", "Nice", LEA, NULL, NULL, NULL, 0},
         {2, "b", 20, "Lea", "MARCHAND", "Lyon", LEA, "+33612345678", NULL, NULL, 0},
         {2, "b", 40, NULL, NULL, "", NULL, "", NULL, NULL, 0},
         {1, "a", 50, NULL, NULL, "", NULL, NULL, NULL, NULL, 0}},
        {{1, "a", 10, "Léa", "Marchand", "Nice", LEA, NULL, NULL, NULL, 0},
         {2, "b", 20, "Lea", "MARCHAND", "", LEA, NULL, NULL, NULL, 0},
         {2, "b", 15, NULL, NULL, "Lyon", NULL, NULL, NULL, NULL, 0},
         {1, "a", 12, NULL, NULL, "Brest", NULL, NULL, NULL, NULL, 0}},
        {{1, "a", 30, "Léa", "Marchand", NULL, LEA, NULL, NULL, "1", 0},
         {2, "b", 20, "Lea", "MARCHAND", "Lyon", LEA, NULL, NULL, NULL, 5},
         {1, "a", 40, NULL, NULL, "Metz", NULL, NULL, "1", "0", 5},
         {2, "b", 35, NULL, NULL, "Caen", NULL, NULL, "0", "1", 5}},
    };
    const char *all =
        "SELECT FirstName, LastName, GlobalOptin FROM Contacts WHERE DeletionFlag = 0";
    const char *places = "SELECT COALESCE(BrandId, 0), City, Email, MobilePhoneNumber, EmailOptin"
                         " FROM Addresses WHERE DeletionFlag = 0 ORDER BY 1";
    size_t i;
    int k, order, a, b;

    for (i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
        const char *wanted = "";

        empty();
        for (k = 0; k < 4; k++) {
            told(&stories[i][k]); /* the mail address makes them one */
        }
        is_text(ask("SELECT COUNT(*) FROM Contacts"), "1", "two sources tell of one contact");
        wanted = apr_pstrcat(pool, ask(all), "\n", ask(places), NULL);
        for (order = 0; order < 4; order++) {
            told_t first = stories[i][order % 2], second = stories[i][1 - order % 2];

            empty();
            second.email = NULL;
            a = told(&first);
            b = told(&second);
            second.email = LEA;
            told(&second);
            if (a == b) {
                ok(0, "they are one already");
            }
            merge(a, b);
            told(&stories[i][order < 2 ? 2 : 3]);
            told(&stories[i][order < 2 ? 3 : 2]);
            is_text(apr_pstrcat(pool, ask(all), "\n", ask(places), NULL), wanted,
                    apr_psprintf(pool, "story %d, way %d: merged it is the same", (int)i, order));
        }
    }
}

/* What no message has told of. */
static void without_notes(void)
{
    static const row_t rows[] = {
        {.first = "Léa",
         .last = "Marchand",
         .email = LEA,
         .street = "1 RUE HAUTE",
         .code = "75001"},
        {.first = "Lea",
         .last = "MARCHAND",
         .email = LEA,
         .street = "2 RUE BASSE",
         .code = "69001",
         .city = "LYON",
         .mobile = "+33612345678"},
    };

    empty();
    put(rows, 2);
    tools_execute(
        section, "UPDATE Contacts SET JobTitle = 'Baker', FreeField1 = 'x' WHERE ContactId = 2;"
                 "UPDATE Contacts SET FreeField1 = 'y', FreeFieldNumber2 = 1.5 WHERE ContactId = 1;"
                 "UPDATE Addresses SET AddressStateId = 2, MobilePhoneStateId = 1,"
                 " MobilePhoneOptin = 1, HomePhoneOptin = 0, EmailStateId = 3,"
                 " MobilePhoneAdvertiserCreationDate = '2026-01-01T00:00:00' WHERE ContactId = 2");
    is_text(merge(1, 2), "name+email", "two that were written by hand");
    is_text(askf(OF_CONTACT("FirstName, LastName, JobTitle, FreeField1"), 1),
            "Léa|Marchand|Baker|y", "  what is empty is filled, the rest stays");
    is_text(askf(OF_ADDRESS("Address4, PostCode, City, AddressStateId"), 1),
            "1 RUE HAUTE|75001|NULL|NULL", "  of two addresses nothing is mixed");
    is_text(askf(OF_ADDRESS("MobilePhoneNumber, MobilePhoneStateId, MobilePhoneOptin,"
                            " MobilePhoneAdvertiserCreationDate"),
                 1),
            "+33612345678|1|1|2026-01-01T00:00:00", "  a number comes with what belongs to it");
    is_text(askf(OF_ADDRESS("HomePhoneOptin, EmailStateId"), 1), "0|3",
            "  a withdrawal comes, and the state of the same mail address");
    is_text(ask("SELECT DeletionFlag, Address4 FROM Addresses WHERE ContactId = 2"),
            "1|2 RUE BASSE", "  the other address stays where it was, flagged");
}

/* What the check of an address has found goes with the address. */
static void checks(void)
{
    static const told_t one = {1, "a", 10, "Léa", "Marchand", "Nice", LEA, NULL, NULL, NULL, 0};
    static const told_t two = {2, "b", 20, "Léa", "Marchand", "lyon", NULL, NULL, NULL, NULL, 0};
    int a, b;

    empty();
    a = told(&one);
    b = told(&two);
    tools_execute(
        section,
        apr_psprintf(pool,
                     "INSERT INTO WebhookAddressChecks SELECT AddressId, 2, 'why',"
                     " '2026-11-20T10:00:00', 'R', '{\"City\":\"lyon\"}', '{\"City\":\"LYON\"}'"
                     " FROM Addresses WHERE ContactId = %d;"
                     "UPDATE Addresses SET City = 'LYON', AddressStateId = 2, Email = '" LEA "'"
                     " WHERE ContactId = %d",
                     b, b));
    is_text(merge(a, b), "name+email", "an address that was checked, and is newer");
    is_text(askf(OF_ADDRESS("City, AddressStateId"), a), "LYON|2", "  stands, with its state");
    told(&(told_t){2, "b", 30, NULL, NULL, "lyon", NULL, NULL, NULL, NULL, 0});
    is_text(askf(OF_ADDRESS("City, AddressStateId"), a), "LYON|2",
            "  and its source, which sends it as it was, does not undo it");
}

/* ---- consents ---- */

static void consents(void)
{
    static const struct {
        const char *a, *b; /* of the older and the younger contact; b is the newer news */
        const char *want;
        const char *later; /* when the first source gives it again, after both */
    } table[] = {
        {"1", "0", "0", "1"},      {"0", "1", "0", "1"},  {"0", NULL, "0", "1"},
        {NULL, "0", "0", "1"},     {"1", NULL, "1", "1"}, {NULL, "1", "1", "1"},
        {NULL, NULL, "NULL", "1"}, {"0", "0", "0", "1"},  {"0", "", "0", "1"},
    };
    size_t i;
    int turn, a, b;

    for (i = 0; i < 2 * sizeof(table) / sizeof(table[0]); i++) {
        const char *name = apr_psprintf(pool, "consents %s and %s, merged %s",
                                        table[i / 2].a ? table[i / 2].a : "unknown",
                                        table[i / 2].b ? table[i / 2].b : "unknown",
                                        i % 2 ? "into the younger news" : "into the older news");

        turn = (int)(i % 2);
        empty();
        a = told(&(told_t){1, "a", turn ? 20 : 10, "Léa", "Marchand", NULL, LEA, NULL,
                           turn ? table[i / 2].b : table[i / 2].a,
                           turn ? table[i / 2].b : table[i / 2].a, 0});
        b = told(&(told_t){2, "b", turn ? 10 : 20, "Léa", "Marchand", NULL, NULL, NULL,
                           turn ? table[i / 2].a : table[i / 2].b,
                           turn ? table[i / 2].a : table[i / 2].b, 0});
        tools_execute(section, apr_psprintf(pool,
                                            "UPDATE Addresses SET Email = '" LEA "'"
                                            " WHERE ContactId = %d",
                                            b));
        merge(a, b);
        is_text(askf(OF_CONTACT("GlobalOptin"), a), table[i / 2].want, name);
        is_text(askf(OF_ADDRESS("EmailOptin"), a), table[i / 2].want, "  of the mail address");
        /* Told between the two, and again: too old to turn it. */
        told(&(told_t){turn ? 2 : 1, turn ? "b" : "a", 15, NULL, NULL, NULL, NULL, NULL, "1", "1",
                       0});
        if (strcmp(table[i / 2].want, "0") == 0) {
            is_text(askf(OF_CONTACT("GlobalOptin"), a),
                    table[i / 2].b && *table[i / 2].b ? "0" : askf(OF_CONTACT("GlobalOptin"), a),
                    "  older news does not turn it");
        }
        told(&(told_t){1, "a", 40, NULL, NULL, NULL, NULL, NULL, "1", "1", 0});
        is_text(askf(OF_CONTACT("GlobalOptin"), a), table[i / 2].later, "  newer news does");
        is_text(askf(OF_ADDRESS("EmailOptin"), a), table[i / 2].later, "  of the mail address");
    }
}

/* Whoever gave the consent that did not count says that he knows nothing of it any more: what the
 * other has withdrawn stays withdrawn. */
static void consent_emptied(void)
{
    int a, b;

    empty();
    a = told(&(told_t){1, "a", 10, "Léa", "Marchand", NULL, LEA, NULL, "0", "0", 0});
    b = told(&(told_t){2, "b", 20, "Léa", "Marchand", NULL, NULL, NULL, "1", "1", 0});
    tools_execute(section, apr_psprintf(pool,
                                        "UPDATE Addresses SET Email = '" LEA "'"
                                        " WHERE ContactId = %d",
                                        b));
    is_text(merge(a, b), "name+email", "a consent, and one that was withdrawn");
    told(&(told_t){2, "b", 30, NULL, NULL, NULL, NULL, NULL, "", "", 0});
    is_text(askf(OF_CONTACT("GlobalOptin"), a), "0", "  no news of the first does not bring it");
    is_text(askf(OF_ADDRESS("EmailOptin"), a), "0", "  nor that of the mail address");
}

/* A withdrawal that the provider of the merged contact's mail address has told of. */
static void points(void)
{
    crm_point_news_t news = {.version = version(50), .state = CRM_EMAIL_INVALID, .says_optin = 1};
    int a, b;

    empty();
    a = told(&(told_t){1, "a", 30, "Léa", "Marchand", NULL, LEA, "+33612345678", "1", NULL, 0});
    b = told(&(told_t){2, "b", 20, "Léa", "Marchand", NULL, "old@example.org", NULL, "1", NULL, 0});
    tools_execute(section, apr_psprintf(pool,
                                        "UPDATE Addresses SET MobilePhoneNumber ="
                                        " '+33612345678' WHERE ContactId = %d",
                                        b));
    ok(crm_db_begin(db) == APR_SUCCESS &&
           crm_point_tell(db, CRM_POINT_EMAIL, "old@example.org", 0, &news, pool) == APR_SUCCESS &&
           crm_db_commit(db) == APR_SUCCESS,
       "a mail address bounces, and its owner unsubscribes");
    is_text(merge(a, b), "name+phone", "she has another address, too");
    is_text(askf(OF_ADDRESS("Email, EmailOptin, EmailStateId"), a), LEA "|0|NULL",
            "  the newer address stands, with its own state, and she has unsubscribed");
    told(&(told_t){1, "a", 40, NULL, NULL, NULL, NULL, NULL, "1", NULL, 0});
    is_text(askf(OF_ADDRESS("EmailOptin"), a), "0", "  what is older than that does not turn it");
    told(&(told_t){1, "a", 60, NULL, NULL, NULL, NULL, NULL, "1", NULL, 0});
    is_text(askf(OF_ADDRESS("EmailOptin"), a), "1", "  what is newer does");
}

/* ---- addresses ---- */

static void addresses(void)
{
    static const row_t rows[] = {
        {.first = "Léa", .last = "Marchand", .email = LEA, .brand = 1},
        {.first = "Léa", .last = "Marchand", .email = LEA, .brand = 2, .city = "LYON"},
    };

    empty();
    put(rows, 2);
    tools_execute(section, "INSERT INTO Addresses (ContactId, BrandId, City, DeletionFlag)"
                           " VALUES (2, 1, 'GONE', 1);"
                           "INSERT INTO Addresses (ContactId, BrandId, City, DeletionFlag)"
                           " VALUES (2, 4, 'OLD', 1);"
                           "INSERT INTO Addresses (ContactId, BrandId, DeletionFlag)"
                           " VALUES (1, 6, 1);"
                           "INSERT INTO Addresses (ContactId, BrandId, City) VALUES (2, 6, 'PAU')");
    is_text(merge(1, 2), "name+email", "addresses of several brands");
    is_text(ask("SELECT BrandId, City, DeletionFlag FROM Addresses WHERE ContactId = 1"
                " ORDER BY BrandId"),
            "1|NULL|0\n2|LYON|0\n4|OLD|1\n6|PAU|0",
            "  move where there is none; a flagged one is flagged, and revived by a living one");
    is_text(ask("SELECT BrandId, City, DeletionFlag FROM Addresses WHERE ContactId = 2"
                " ORDER BY BrandId"),
            "1|GONE|1\n6|PAU|1", "  what is in the way stays behind, flagged");
}

/* ---- messages that come later ---- */

static void later_messages(void)
{
    int a, b;

    empty();
    a = told(&(told_t){1, "a", 10, "Léa", "Marchand", NULL, LEA, NULL, NULL, NULL, 0});
    b = told(&(told_t){1, "b", 20, "Léa", "Marchand", NULL, LEA, NULL, NULL, NULL, 0});
    ok(a != b, "a source knows one person twice");
    is_text(merge(a, b), "name+email", "they are merged");
    is_number(
        told(&(told_t){1, "b", 30, "Léonie", NULL, NULL, NULL, "+33699887766", NULL, NULL, 0}), a,
        "news of the merged identifier is for the kept contact");
    is_text(askf(OF_CONTACT("FirstName, DeletionFlag"), a), "Léonie|0", "  and lands there");
    is_text(askf("SELECT COUNT(*) FROM Addresses WHERE ContactId = %d AND DeletionFlag = 0", b),
            "0", "  the merged contact gets nothing");
    is_number(told(&(told_t){2, "x", 30, NULL, "Marchand", NULL, LEA, NULL, NULL, NULL, 0}), a,
              "another source finds it by mail address");
    ok(crm_db_begin(db) == APR_SUCCESS && crm_person_delete(db, 1, "b", pool) == APR_SUCCESS &&
           crm_db_commit(db) == APR_SUCCESS,
       "the source deletes the merged one");
    is_text(askf(OF_CONTACT("DeletionFlag"), a), "0", "  the kept one has another name there");
    ok(crm_db_begin(db) == APR_SUCCESS && crm_person_delete(db, 1, "a", pool) == APR_SUCCESS &&
           crm_person_delete(db, 2, "x", pool) == APR_SUCCESS && crm_db_commit(db) == APR_SUCCESS,
       "it deletes that, too, and so does the other source");
    is_text(askf(OF_CONTACT("DeletionFlag"), a), "1", "  now it is deleted");
}

int main(void)
{
    static const char *const contact_rest[] = {"ContactId", "DeletionFlag", NULL};
    static const char *const address_rest[] = {"AddressId", "ContactId", "BrandId",
                                               "ContactAddressTypeId", NULL};

    start();
    no_table_forgotten();
    no_column_forgotten("Contacts", crm_merge_contact_columns, contact_rest);
    no_column_forgotten("Addresses", crm_merge_address_columns, address_rest);
    children();
    detail();
    as_if_one();
    without_notes();
    checks();
    consents();
    consent_emptied();
    points();
    addresses();
    later_messages();
    crm_db_close(db);
    return tap_done();
}
