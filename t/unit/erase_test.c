/* Erasing a person from the tables: who is found by what, which rows end, and whose stay. */
#include "crm/erase.h"

#include "crm/db_private.h"
#include "crm/person.h"
#include "t/unit/crm_tools.h"

#define WHEN "00000000001-00000000000-0123456789abcdef"

static crm_db_t *db;
static crm360_database_t *section;

/* A person as a handler would write it; NULL = not told. */
static void save(int source_id, const char *identifier, const char *name, const char *email,
                 const char *mobile, const char *home)
{
    crm_person_t person = {.source_id = source_id, .identifier = identifier};
    const char *const values[] = {email, home, mobile};
    const int groups[] = {CRM_ADDRESS_EMAIL, CRM_ADDRESS_HOME_PHONE, CRM_ADDRESS_MOBILE_PHONE};
    int i;

    person.contact[CRM_CONTACT_LAST_NAME] = (crm_news_t){1, WHEN, {name}};
    for (i = 0; i < 3; i++) {
        if (values[i]) {
            person.address[groups[i]] = (crm_news_t){1, WHEN, {values[i]}};
        }
    }
    if (crm_db_begin(db) != APR_SUCCESS ||
        crm_person_save(NULL, db, &person, pool) != APR_SUCCESS ||
        crm_db_commit(db) != APR_SUCCESS) {
        ok(0, "saving %s: %s", name, crm_db_error(db));
    }
}

static void bury(int source_id, const char *identifier)
{
    ok(crm_db_begin(db) == APR_SUCCESS &&
           crm_person_delete(db, source_id, identifier, pool) == APR_SUCCESS &&
           crm_db_commit(db) == APR_SUCCESS,
       "the source deletes %s", identifier);
}

static crm_known_t known(const char *email, const char *phone, int source_id,
                         const char *identifier)
{
    crm_known_t made;

    crm_known_make(&made, pool);
    if (email) {
        APR_ARRAY_PUSH(made.emails, const char *) = email;
    }
    if (phone) {
        APR_ARRAY_PUSH(made.phones, const char *) = phone;
    }
    if (identifier) {
        crm_known_identifier_t at = {source_id, identifier};

        APR_ARRAY_PUSH(made.identifiers, crm_known_identifier_t) = at;
    }
    return made;
}

/* Everything that the result says, in one text. */
static const char *told(const crm_erasure_t *erasure)
{
    const char *text = apr_psprintf(pool, "%d contacts:", erasure->contacts->nelts);
    int i;

    for (i = 0; i < erasure->known.emails->nelts; i++) {
        text = apr_pstrcat(pool, text, " ", APR_ARRAY_IDX(erasure->known.emails, i, const char *),
                           NULL);
    }
    for (i = 0; i < erasure->known.phones->nelts; i++) {
        text = apr_pstrcat(pool, text, " ", APR_ARRAY_IDX(erasure->known.phones, i, const char *),
                           NULL);
    }
    for (i = 0; i < erasure->known.identifiers->nelts; i++) {
        crm_known_identifier_t at =
            APR_ARRAY_IDX(erasure->known.identifiers, i, crm_known_identifier_t);

        text = apr_psprintf(pool, "%s %d:%s", text, at.source_id, at.identifier);
    }
    for (i = 0; i < erasure->shared->nelts; i++) {
        text = apr_pstrcat(pool, text, " shared:", APR_ARRAY_IDX(erasure->shared, i, const char *),
                           NULL);
    }
    return erasure->refused ? apr_pstrcat(pool, text, " refused", NULL) : text;
}

static const char *rows_told(const crm_erasure_t *erasure)
{
    const char *text = "";
    int i;

    for (i = 0; i < erasure->rows->nelts; i++) {
        crm_erased_rows_t *entry = &APR_ARRAY_IDX(erasure->rows, i, crm_erased_rows_t);

        text = apr_psprintf(pool, "%s%s%s %d", text, *text ? ", " : "", entry->table, entry->rows);
    }
    return text;
}

static const char *erase(crm_erasure_t *erasure, crm_known_t wanted, int most, int dry_run)
{
    apr_status_t rv = crm_erase(erasure, db, &wanted, most, dry_run, pool);

    return rv == APR_SUCCESS ? told(erasure) : crm_db_error(db);
}

/* Every row of every table that may hold something of a person, as one text. */
static const char *everything(void)
{
    static const char *const queries[] = {
        "SELECT LastName FROM Contacts ORDER BY ContactId",
        "SELECT COALESCE(Email, '') || ' ' || COALESCE(MobilePhoneNumber, '') || ' ' ||"
        " COALESCE(HomePhoneNumber, '') FROM Addresses ORDER BY AddressId",
        "SELECT ContactIdentifierId FROM ContactIdentifiers ORDER BY ContactIdentifierId",
        "SELECT TargetTable || ' ' || TargetKey || ' ' || Versions FROM WebhookVersions"
        " ORDER BY TargetTable, TargetKey",
        "SELECT MatchKey FROM WebhookMatches ORDER BY MatchKey",
        "SELECT Kind || Detail FROM WebhookEvents ORDER BY EventId",
        "SELECT Input FROM WebhookAddressChecks ORDER BY AddressId",
        "SELECT Explanation FROM WebhookMerges ORDER BY MergeId",
        "SELECT Explanation FROM WebhookReviews ORDER BY ContactId, OtherContactId",
        "SELECT KeyText FROM WebhookDuplicateKeys ORDER BY KeyText",
        "SELECT Digest FROM WebhookDuplicateContacts ORDER BY ContactId",
        "SELECT MessageId FROM WebhookDuplicateTasks ORDER BY ContactId",
    };
    const char *text = "";
    size_t i;

    for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        text = apr_pstrcat(pool, text, tools_query(section, queries[i]), "\n", NULL);
    }
    return text;
}

static void fresh(const char *name)
{
    section = tools_section(name);
    db = tools_open(section);
}

static void one_person(void)
{
    crm_erasure_t erasure;
    const char *others, *before;

    fresh("one");
    save(3, "bob1", "Bob", "bob@example.fr", "+33698765432", NULL);
    tools_execute(
        section,
        "INSERT INTO WebhookAddressChecks SELECT AddressId, 4, NULL,"
        " '2026-01-01T00:00:00', 'm', 'of Bob', '{}' FROM Addresses;"
        "INSERT INTO WebhookMerges (MessageId, KeptContactId, MergedContactId, Rule, Score,"
        " Explanation, At) SELECT 'm', ContactId, 902, 'r', 90, 'into Bob',"
        " '2026-01-01T00:00:00' FROM Contacts");
    others = everything();
    save(3, "ann1", "Ann", "Ann@Example.fr", "+33612345678", "+33123456789");
    save(4, "ann2", "Ann", "ann@example.fr", NULL, NULL);
    save(4, "ann2", "Ann", NULL, NULL, "+33123456780");
    tools_execute(section, "INSERT INTO WebhookEvents (MessageId, ContactId, Kind, At, Detail)"
                           " SELECT 'm', ContactId, 'opened', '2026-01-01T00:00:00', 'by Ann'"
                           " FROM Contacts WHERE LastName = 'Ann'");
    tools_execute(
        section,
        "INSERT INTO WebhookAddressChecks SELECT AddressId, 4, NULL,"
        " '2026-01-01T00:00:00', 'm', 'of Ann', '{}' FROM Addresses"
        " WHERE LOWER(Email) = 'ann@example.fr';"
        "INSERT INTO WebhookMerges (MessageId, KeptContactId, MergedContactId, Rule, Score,"
        " Explanation, At) SELECT 'm', ContactId, 900, 'r', 90, 'into Ann',"
        " '2026-01-01T00:00:00' FROM Contacts WHERE LastName = 'Ann' UNION ALL"
        " SELECT 'm', 901, ContactId, 'r', 90, 'of Ann', '2026-01-01T00:00:00'"
        " FROM Contacts WHERE LastName = 'Ann';"
        "INSERT INTO WebhookReviews (ContactId, OtherContactId, Rule, Score, Explanation, NotedAt)"
        " SELECT 1, ContactId, 'r', 90, 'perhaps Ann', '2026-01-01T00:00:00' FROM Contacts"
        " WHERE LastName = 'Ann';"
        "INSERT INTO WebhookDuplicateKeys SELECT 'of Ann', ContactId FROM Contacts"
        " WHERE LastName = 'Ann';"
        "INSERT INTO WebhookDuplicateContacts SELECT ContactId, 'of Ann' FROM Contacts"
        " WHERE LastName = 'Ann';"
        "INSERT INTO WebhookDuplicateTasks SELECT 'of Ann', ContactId FROM Contacts"
        " WHERE LastName = 'Ann'");
    bury(3, "ann1");
    is_text(tools_query(section, "SELECT COUNT(*) FROM Contacts"), "2", "two people");

    before = everything();
    ok(strstr(before, "Ann") && strstr(before, "ann1") && strstr(before, "by Ann"), "she is there");
    is_text(erase(&erasure, known("ann@example.fr", NULL, 0, NULL), 1, 1),
            "1 contacts: ann@example.fr +33612345678 +33123456780 3:ann1 4:ann2",
            "a dry run finds everything");
    is_text(rows_told(&erasure),
            "WebhookVersions 4, WebhookMatches 2, WebhookEvents 1, WebhookAddressChecks 1,"
            " WebhookMerges 2, WebhookReviews 1, WebhookDuplicateKeys 1,"
            " WebhookDuplicateContacts 1, WebhookDuplicateTasks 1, Addresses 1,"
            " ContactIdentifiers 2, Contacts 1",
            "and says which rows would end");
    is_text(everything(), before, "which do not");

    is_text(erase(&erasure, known("ann@example.fr", NULL, 0, NULL), 1, 0),
            "1 contacts: ann@example.fr +33612345678 +33123456780 3:ann1 4:ann2", "erasing");
    is_text(everything(), others, "nothing of her is left, and nobody else has lost anything");
    is_text(erase(&erasure, known("ann@example.fr", NULL, 0, NULL), 1, 0),
            "0 contacts:", "once more is harmless");
    is_text(rows_told(&erasure),
            "WebhookVersions 0, WebhookMatches 0, WebhookEvents 0, WebhookAddressChecks 0,"
            " WebhookMerges 0, WebhookReviews 0, WebhookDuplicateKeys 0,"
            " WebhookDuplicateContacts 0, WebhookDuplicateTasks 0, Addresses 0,"
            " ContactIdentifiers 0, Contacts 0",
            "and does nothing");
    save(3, "ann1", "Ann", "ann@example.fr", NULL, NULL);
    is_text(tools_query(section, "SELECT DeletionFlag FROM Contacts WHERE LastName = 'Ann'"), "0",
            "when she comes back, she is somebody new");
    crm_db_close(db);
}

/* Contacts that were merged are one person, whichever of them is found. */
static void merged(void)
{
    static const char *const wanted[] = {"ann@example.fr", "ann2@example.fr", "ann3@example.fr"};
    crm_erasure_t erasure;
    size_t i;

    for (i = 0; i < 3; i++) {
        fresh(apr_psprintf(pool, "merged%d", (int)i));
        save(3, "ann1", "Ann", "ann@example.fr", NULL, NULL);
        save(3, "ann2", "Ann", "ann2@example.fr", NULL, NULL);
        save(3, "ann3", "Ann", "ann3@example.fr", NULL, NULL);
        save(3, "bob1", "Bob", "bob@example.fr", NULL, NULL);
        tools_execute(
            section,
            "UPDATE ContactIdentifiers SET ContactId = (SELECT MIN(ContactId) FROM Contacts)"
            " WHERE Identifier LIKE 'ann%';"
            "INSERT INTO WebhookMerges (MessageId, KeptContactId, MergedContactId, Rule, Score,"
            " Explanation, At) SELECT 'm', ContactId - 1, ContactId, 'r', 90, 'x',"
            " '2026-01-01T00:00:00' FROM Contacts WHERE ContactId - 1 IN (SELECT ContactId FROM"
            " Contacts) AND LastName = 'Ann'");
        is_text(tools_query(section, "SELECT COUNT(*) FROM WebhookMerges"), "2",
                "three contacts, each merged into the one before");
        is_text(erase(&erasure, known(wanted[i], NULL, 0, NULL), 2, 0), "3 contacts: refused",
                "  they are three contacts");
        is_text(erase(&erasure, known(wanted[i], NULL, 0, NULL), 3, 0),
                "3 contacts: ann@example.fr ann2@example.fr ann3@example.fr 3:ann1 3:ann2 3:ann3",
                "  one person");
        is_text(tools_query(section, "SELECT LastName FROM Contacts"), "Bob",
                "  of whom nothing is left");
        is_text(tools_query(section, "SELECT COUNT(*) FROM WebhookMerges"), "0",
                "  nor of the merges");
        crm_db_close(db);
    }
}

static void ways(void)
{
    static const struct {
        const char *email, *phone, *identifier, *what;
    } cases[] = {
        {"ann@example.fr", NULL, NULL, "by mail address"},
        {NULL, "+33612345678", NULL, "by mobile number"},
        {NULL, "+33123456789", NULL, "by home number"},
        {NULL, NULL, "ann1", "by identifier"},
        {"old@example.fr", NULL, NULL, "by an address that she had before"},
        {"ann@example.com", NULL, NULL, "by an address that a source calls her by"},
        {NULL, "+33611111111", NULL, "by a number that a source calls her by"},
        {"ann@example.fr", "+33612345678", "ann1", "by all of it"},
    };
    crm_erasure_t erasure;
    const char *others;
    size_t i;

    fresh("ways");
    save(3, "bob1", "Bob", "bob@example.fr", "+33698765432", NULL);
    others = everything();
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        save(3, "ann1", "Ann", "ann@example.fr", "+33612345678", "+33123456789");
        tools_execute(section, "INSERT INTO WebhookMatches SELECT 'email:old@example.fr', ContactId"
                               " FROM Contacts WHERE LastName = 'Ann';"
                               "INSERT INTO ContactIdentifiers SELECT 'x', 'Ann@Example.com',"
                               " ContactId, 7 FROM Contacts WHERE LastName = 'Ann';"
                               "INSERT INTO ContactIdentifiers SELECT 'y', '+33611111111',"
                               " ContactId, 8 FROM Contacts WHERE LastName = 'Ann'");
        erase(&erasure, known(cases[i].email, cases[i].phone, 3, cases[i].identifier), 1, 0);
        is_number(erasure.contacts->nelts, 1, cases[i].what);
        is_text(everything(), others, "  all of her goes");
    }
    bury(3, "bob1");
    is_text(erase(&erasure, known("bob@example.fr", NULL, 0, NULL), 1, 0),
            "1 contacts: bob@example.fr +33698765432 3:bob1", "who is flagged as deleted is found");
    bury(3, "never seen");
    is_text(erase(&erasure, known(NULL, NULL, 3, "never seen"), 1, 0),
            "0 contacts:", "of who was only deleted");
    is_number(APR_ARRAY_IDX(erasure.rows, 0, crm_erased_rows_t).rows, 1, "the mark goes");
    is_text(everything(), "\n\n\n\n\n\n\n\n\n\n\n\n", "nobody is left");
    is_text(erase(&erasure, known(NULL, NULL, 3, "bob%"), 1, 0),
            "0 contacts:", "a word is no pattern");
    crm_db_close(db);
}

static void families(void)
{
    crm_erasure_t erasure;
    const char *all;

    fresh("families");
    save(3, "ann1", "Ann", "ann@example.fr", "+33612345678", "+33123456789");
    save(3, "bob1", "Bob", "bob@example.fr", "+33612345678", "+33123456789");
    save(3, "cat1", "Cat", "ann@example.fr", NULL, NULL);
    all = everything();
    is_text(tools_query(section, "SELECT COUNT(*) FROM Contacts"), "3", "three of a family");
    is_text(erase(&erasure, known(NULL, "+33612345678", 0, NULL), 1, 0), "2 contacts: refused",
            "two have the phone: refused");
    is_text(erase(&erasure, known("ann@example.fr", NULL, 0, NULL), 1, 0), "2 contacts: refused",
            "two have the mail address: refused");
    is_text(erase(&erasure, known(NULL, "+33612345678", 3, "cat1"), 2, 0), "3 contacts: refused",
            "three have one of them: refused");
    is_text(everything(), all, "nothing was erased");
    is_text(erase(&erasure, known(NULL, NULL, 3, "ann1"), 1, 0),
            "1 contacts: 3:ann1 shared:ann@example.fr shared:+33612345678 shared:+33123456789",
            "one of them by name: what others have too leads no further");
    is_text(tools_query(section, "SELECT LastName FROM Contacts ORDER BY 1"), "Bob\nCat",
            "the others stay");
    is_text(tools_query(section, "SELECT Email FROM Addresses ORDER BY 1"),
            "ann@example.fr\nbob@example.fr", "with their addresses");
    is_text(erase(&erasure, known("ann@example.fr", "+33612345678", 0, NULL), 100, 0),
            "2 contacts: bob@example.fr ann@example.fr +33612345678 +33123456789 3:bob1 3:cat1",
            "the rest of them at once");
    is_text(tools_query(section, "SELECT COUNT(*) FROM Contacts"), "0", "nobody is left");
    crm_db_close(db);
}

static void nobody(void)
{
    crm_erasure_t erasure;
    int i;

    fresh("nobody");
    for (i = 0; i < 150; i++) {
        save(3, apr_psprintf(pool, "%d", i), "Shop", "shop@example.fr", NULL, NULL);
    }
    is_text(erase(&erasure, known("shop@example.fr", NULL, 0, NULL), CRM_ERASE_MOST, 0),
            "101 contacts: refused", "what 150 people have is nobody's");
    is_text(tools_query(section, "SELECT COUNT(*) FROM Contacts"), "150", "they stay");

    /* Rows that another program has left without their contact. */
    tools_execute(section, "INSERT INTO WebhookMatches VALUES ('email:ghost@example.fr', 999999)");
    is_text(erase(&erasure, known("ghost@example.fr", NULL, 0, NULL), 1, 0),
            "1 contacts: ghost@example.fr", "a key without its contact");
    is_text(
        tools_query(section, "SELECT COUNT(*) FROM WebhookMatches WHERE MatchKey LIKE '%ghost%'"),
        "0", "goes as well");
    crm_db_close(db);
}

int main(void)
{
    tools_start();
    one_person();
    merged();
    ways();
    families();
    nobody();
    return tap_done();
}
