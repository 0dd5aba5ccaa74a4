/* Erasing a person from the tables: who is found by what, which rows end, and whose stay. */
#include "crm/erase.h"

#include "crm/case.h"
#include "crm/db_private.h"
#include "crm/event.h"
#include "crm/interest.h"
#include "crm/person.h"
#include "crm/purchase.h"
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

        text = apr_psprintf(pool, "%s%s%s %d%s", text, *text ? ", " : "", entry->table, entry->rows,
                            entry->kept ? " kept" : "");
    }
    return text;
}

static const char *erase(crm_erasure_t *erasure, crm_known_t wanted, int most, int dry_run)
{
    apr_status_t rv = crm_erase(erasure, db, &wanted, NULL, most, dry_run, pool);

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
        "SELECT Kind || COALESCE(Detail, '') || COALESCE(Address, '') FROM WebhookEvents"
        " ORDER BY EventId",
        "SELECT MessageId || COALESCE(Recipient, '') FROM WebhookSends ORDER BY MessageId",
        "SELECT PointKey FROM WebhookPoints ORDER BY PointKey, BrandId",
        "SELECT PurchaseIdentifier, ContactId FROM PurchaseHeaders ORDER BY PurchaseIdentifier",
        "SELECT VoucherCode, ContactId FROM Vouchers ORDER BY VoucherCode",
        "SELECT LoyaltyCardIdentifier FROM LoyaltyCards ORDER BY LoyaltyCardIdentifier",
        "SELECT PointIdentifier FROM LoyaltyPoints ORDER BY PointIdentifier",
        "SELECT LoyaltyCardActionIdentifier FROM LoyaltyCardActions ORDER BY LoyaltyCardActionId",
        "SELECT CaseIdentifier, Title, Description FROM Cases ORDER BY CaseIdentifier",
        "SELECT ContactInterestIdentifier, FreeField1 FROM ContactInterests"
        " ORDER BY ContactInterestIdentifier",
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
            "WebhookVersions 4, WebhookMatches 2, WebhookEvents 1, WebhookSends 0,"
            " PurchaseHeaders 0 kept,"
            " Vouchers 0 kept, LoyaltyPoints 0, LoyaltyCardActions 0, LoyaltyCards 0, Cases 0,"
            " ContactInterests 0, WebhookAddressChecks 1,"
            " WebhookMerges 2, WebhookReviews 1, WebhookDuplicateKeys 1,"
            " WebhookDuplicateContacts 1, WebhookDuplicateTasks 1, Addresses 1,"
            " ContactIdentifiers 2, Contacts 1, WebhookPoints 0",
            "and says which rows would end");
    is_text(everything(), before, "which do not");

    is_text(erase(&erasure, known("ann@example.fr", NULL, 0, NULL), 1, 0),
            "1 contacts: ann@example.fr +33612345678 +33123456780 3:ann1 4:ann2", "erasing");
    is_text(everything(), others, "nothing of her is left, and nobody else has lost anything");
    is_text(erase(&erasure, known("ann@example.fr", NULL, 0, NULL), 1, 0),
            "0 contacts:", "once more is harmless");
    is_text(rows_told(&erasure),
            "WebhookVersions 0, WebhookMatches 0, WebhookEvents 0, WebhookSends 0,"
            " PurchaseHeaders 0 kept,"
            " Vouchers 0 kept, LoyaltyPoints 0, LoyaltyCardActions 0, LoyaltyCards 0, Cases 0,"
            " ContactInterests 0, WebhookAddressChecks 0,"
            " WebhookMerges 0, WebhookReviews 0, WebhookDuplicateKeys 0,"
            " WebhookDuplicateContacts 0, WebhookDuplicateTasks 0, Addresses 0,"
            " ContactIdentifiers 0, Contacts 0, WebhookPoints 0",
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
    is_number((int)strspn(everything(), "\n"), (int)strlen(everything()), "nobody is left");
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

/* ---- what other platforms have written ---- */

static int contact_of(const char *last_name)
{
    return (int)apr_atoi64(tools_query(
        section,
        apr_psprintf(pool, "SELECT ContactId FROM Contacts WHERE LastName = '%s'", last_name)));
}

/* A purchase, a case and an interest of a contact. */
static apr_status_t belongings(int contact, const char *identifier)
{
    crm_purchase_line_t line = {.identifier = identifier, .label = "A shirt"};
    crm_purchase_t purchase = {.source_id = 3,
                               .identifier = identifier,
                               .version = WHEN,
                               .has_lines = 1,
                               .lines = &line,
                               .line_count = 1};
    crm_case_t ticket = {.source_id = 3, .identifier = identifier};
    crm_interest_t interest = {.source_id = 3, .identifier = identifier};
    int voucher = 0;
    apr_status_t rv;

    crm_news_say_id(&purchase.news[CRM_PURCHASE_CONTACT], WHEN, contact, pool);
    crm_news_say_id(&ticket.news[CRM_CASE_CONTACT], WHEN, contact, pool);
    crm_news_say(&ticket.news[CRM_CASE_TITLE], WHEN, apr_pstrcat(pool, "of ", identifier, NULL));
    crm_news_say_id(&interest.news[CRM_INTEREST_CONTACT], WHEN, contact, pool);
    crm_news_say(&interest.news[CRM_INTEREST_FREE_1], WHEN, identifier);
    rv = crm_purchase_voucher(&voucher, db, 3, identifier, CRM_VOUCHER_OTHER, pool);
    if (rv == APR_SUCCESS) {
        rv = crm_purchase_save(NULL, db, &purchase, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_case_save(NULL, db, &ticket, pool);
    }
    return rv == APR_SUCCESS ? crm_interest_save(db, &interest, pool) : rv;
}

static apr_status_t point_and_event(crm_point_kind_t kind, const char *value)
{
    crm_point_news_t news = {WHEN, CRM_EMAIL_INVALID, 1, 0};
    crm_event_t event = {.source_id = 3,
                         .identifier = value,
                         .message_id = "m",
                         .kind = "some.thing ",
                         .channel = CRM_CHANNEL_EMAIL,
                         .category = CRM_CATEGORY_OTHER,
                         .at_ms = 1000,
                         .address_kind = kind,
                         .address = value};
    apr_status_t rv = crm_point_tell(db, kind, value, 0, &news, pool);

    return rv == APR_SUCCESS ? crm_event_add(NULL, db, &event, pool) : rv;
}

/* All that is told of one person, but for the contact itself. */
static void tell(const char *last_name, const char *identifier, const char *email,
                 const char *phone)
{
    ok(crm_db_begin(db) == APR_SUCCESS &&
           belongings(contact_of(last_name), identifier) == APR_SUCCESS &&
           (!email || point_and_event(CRM_POINT_EMAIL, email) == APR_SUCCESS) &&
           (!phone || point_and_event(CRM_POINT_PHONE, phone) == APR_SUCCESS) &&
           crm_db_commit(db) == APR_SUCCESS,
       "what is told of %s: %s", identifier, crm_db_error(db));
    tools_execute(section,
                  apr_psprintf(pool, "UPDATE Vouchers SET ContactId = %d WHERE VoucherCode = '%s'",
                               contact_of(last_name), identifier));
}

/* A guest of source 5, which has no names of its own. */
static void save_guest(const char *last_name, const char *email, const char *phone)
{
    crm_person_t person = {.source_id = 5};

    person.contact[CRM_CONTACT_LAST_NAME] = (crm_news_t){1, WHEN, {last_name}};
    if (email) {
        person.address[CRM_ADDRESS_EMAIL] = (crm_news_t){1, WHEN, {email}};
    }
    if (phone) {
        person.address[CRM_ADDRESS_MOBILE_PHONE] = (crm_news_t){1, WHEN, {phone}};
    }
    ok(crm_person_identify(&person, pool) && crm_db_begin(db) == APR_SUCCESS &&
           crm_person_save(NULL, db, &person, pool) == APR_SUCCESS &&
           crm_db_commit(db) == APR_SUCCESS,
       "a guest");
}

/* The text without the lines of purchases and vouchers, which stay. */
static const char *but_sales(const char *text)
{
    const char *line, *kept = "";
    char *rest = apr_pstrdup(pool, text);

    while ((line = apr_strtok(rest, "\n", &rest)) != NULL) {
        if (!strstr(line, "|NULL")) {
            kept = apr_pstrcat(pool, kept, line, "\n", NULL);
        }
    }
    return kept;
}

static void whole_life(void)
{
    crm_erasure_t erasure;
    const char *others, *notes;

    fresh("life");
    save(3, "bob1", "Bob", "bob@example.fr", "+33698765432", NULL);
    tell("Bob", "bob1", "bob@example.fr", "+33698765432");
    others = everything();
    save(3, "ann1", "Ann", "ann@example.fr", "+33612345678", NULL);
    save_guest("Ann", "ANN@example.fr", NULL);
    tell("Ann", "ann1", "ann@example.fr", "+33612345678");
    is_text(tools_query(section, "SELECT COUNT(*) FROM Contacts"), "2", "two people");
    /* An event of an address that she had, and one whose contact is no more. */
    tools_execute(
        section,
        "INSERT INTO WebhookEvents (MessageId, ContactId, Kind, At, Address)"
        " SELECT 'm', ContactId, 'x', '2026-01-01T00:00:00', 'had@example.fr'"
        " FROM Contacts WHERE LastName = 'Ann';"
        "INSERT INTO WebhookEvents (MessageId, ContactId, Kind, At, Address)"
        " VALUES ('m', 999, 'x', '2026-01-01T00:00:00', 'ann@example.fr');"
        "INSERT INTO WebhookSends (MessageId, Kind, Provider, State, Attempt,"
        " Recipient, ContactId, StartedAt)"
        " SELECT 'm1', 'mail', 'smtp', 'sent', 1, 'old@example.fr', ContactId,"
        " '2026-01-01T00:00:00' FROM Contacts WHERE LastName = 'Ann';"
        "INSERT INTO WebhookSends (MessageId, Kind, Provider, State, Attempt,"
        " Recipient, ContactId, StartedAt) VALUES"
        " ('m2', 'sms', 'smsbox', 'sent', 1, '+33612345678', NULL, '2026-01-01T00:00:00'),"
        " ('m3', 'mail', 'smtp', 'sent', 1, 'ann@example.fr', 999, '2026-01-01T00:00:00')");
    is_text(erase(&erasure, known(NULL, "+33612345678", 0, NULL), 1, 0),
            "1 contacts: ann@example.fr had@example.fr +33612345678 3:ann1 5:email:ann@example.fr",
            "all of it leads to her");
    is_text(rows_told(&erasure),
            "WebhookVersions 6, WebhookMatches 2, WebhookEvents 4, WebhookSends 3,"
            " PurchaseHeaders 1 kept,"
            " Vouchers 1 kept, LoyaltyPoints 0, LoyaltyCardActions 0, LoyaltyCards 0, Cases 1,"
            " ContactInterests 1, WebhookAddressChecks 0,"
            " WebhookMerges 0, WebhookReviews 0, WebhookDuplicateKeys 0,"
            " WebhookDuplicateContacts 0, WebhookDuplicateTasks 0, Addresses 1,"
            " ContactIdentifiers 2, Contacts 1, WebhookPoints 2",
            "and goes");
    notes = tools_query(section, "SELECT PurchaseIdentifier, ContactId FROM PurchaseHeaders WHERE"
                                 " ContactId IS NULL");
    is_text(notes, "ann1|NULL", "  the purchase stays, without her");
    is_text(tools_query(section, "SELECT Label FROM PurchaseDetails d JOIN PurchaseHeaders h"
                                 " ON h.PurchaseHeaderId = d.PurchaseHeaderId"
                                 " WHERE h.ContactId IS NULL"),
            "A shirt", "  with its lines");
    is_text(tools_query(section, "SELECT VoucherCode FROM Vouchers WHERE ContactId IS NULL"),
            "ann1", "  and the voucher");
    tools_execute(section, "DELETE FROM WebhookVersions WHERE TargetKey = '3:ann1'");
    is_text(but_sales(everything()), but_sales(others), "nobody else has lost anything");
    is_text(erase(&erasure, known(NULL, "+33612345678", 0, NULL), 1, 0),
            "0 contacts:", "once more is harmless");
    crm_db_close(db);
}

/* Addresses and numbers of nobody; those of somebody else. */
static void values(void)
{
    crm_erasure_t erasure;
    crm_known_t learned;
    const char *others;

    fresh("values");
    save(3, "bob1", "Bob", "bob@example.fr", "+33698765432", NULL);
    tell("Bob", "bob1", "bob@example.fr", "+33698765432");
    others = everything();
    ok(crm_db_begin(db) == APR_SUCCESS &&
           point_and_event(CRM_POINT_EMAIL, "nobody@example.fr") == APR_SUCCESS &&
           point_and_event(CRM_POINT_PHONE, "+33611111111") == APR_SUCCESS &&
           crm_db_commit(db) == APR_SUCCESS,
       "an address and a number of nobody");
    is_text(erase(&erasure, known("nobody@example.fr", "+33611111111", 0, NULL), 1, 0),
            "0 contacts:", "have no contact");
    is_number(APR_ARRAY_IDX(erasure.rows, 1, crm_erased_rows_t).rows, 2, "  but match keys");
    is_text(everything(), others, "  and all that is kept of them goes");

    learned = known("bob@example.fr", "+33611111111", 0, NULL);
    ok(crm_db_begin(db) == APR_SUCCESS &&
           point_and_event(CRM_POINT_PHONE, "+33611111111") == APR_SUCCESS &&
           crm_db_commit(db) == APR_SUCCESS,
       "what was learned earlier");
    {
        crm_known_t wanted = known("gone@example.fr", NULL, 0, NULL);

        is_number(crm_erase(&erasure, db, &wanted, &learned, 1, 0, pool), APR_SUCCESS, "  goes");
    }
    is_text(everything(), others, "  but for what somebody else has by now");
    save_guest("Cat", NULL, "+33622222222");
    is_text(erase(&erasure, known(NULL, "+33622222222", 0, NULL), 1, 0),
            "1 contacts: +33622222222 5:phone:+33622222222", "a guest by number");
    is_text(everything(), others, "  leaves nothing");
    save_guest("Dan", "dan@example.fr", NULL);
    tools_execute(section, "UPDATE Addresses SET Email = NULL WHERE Email = 'dan@example.fr';"
                           "DELETE FROM WebhookMatches WHERE MatchKey = 'email:dan@example.fr'");
    is_text(erase(&erasure, known("dan@example.fr", NULL, 0, NULL), 1, 0),
            "1 contacts: dan@example.fr 5:email:dan@example.fr",
            "a guest who is called by an address");
    is_text(everything(), others, "  leaves nothing");
    crm_db_close(db);
}

/* Cards with their points go; what was bought with them stays, and knows them no more. */
static void cards(void)
{
    static const char before[] = "a|1|11\nb|2|12\nlent|2|11\nshown|1|12\nwho|NULL|11";
    static const char bought[] = "SELECT PurchaseIdentifier, ContactId, LoyaltyCardId"
                                 " FROM PurchaseHeaders ORDER BY 1";
    static const char issued[] = "SELECT VoucherIdentifier, ContactId, LoyaltyCardId"
                                 " FROM Vouchers ORDER BY 1";
    crm_erasure_t erasure;

    fresh("cards");
    save(3, "ann1", "Ann", "ann@example.fr", NULL, NULL);
    save(3, "bob1", "Bob", "bob@example.fr", NULL, NULL);
    tools_execute(
        section,
        "INSERT INTO LoyaltyCards (LoyaltyCardId, LoyaltyCardIdentifier, ContactId, SourceId)"
        " VALUES (11, 'of Ann', 1, 3), (12, 'of Bob', 2, 3);"
        "INSERT INTO LoyaltyPoints (PointIdentifier, ContactId, LoyaltyCardId, SourceId) VALUES"
        " ('of Ann', 1, NULL, 3), ('of her card', NULL, 11, 3), ('of Bob', 2, 12, 3),"
        " ('of his card', NULL, 12, 3);"
        "INSERT INTO LoyaltyCardActions (LoyaltyCardActionIdentifier, LoyaltyCardId, SourceId)"
        " VALUES ('of Ann', 11, 3), ('of Bob', 12, 3);"
        "INSERT INTO PurchaseHeaders (PurchaseIdentifier, ContactId, LoyaltyCardId, SourceId)"
        " VALUES ('a', 1, 11, 3), ('shown', 1, 12, 3), ('lent', 2, 11, 3), ('who', NULL, 11, 3),"
        " ('b', 2, 12, 3);"
        "INSERT INTO Vouchers (VoucherIdentifier, ContactId, LoyaltyCardId, SourceId)"
        " SELECT PurchaseIdentifier, ContactId, LoyaltyCardId, SourceId FROM PurchaseHeaders");
    is_text(tools_query(section, bought), before, "two people with cards");
    is_text(erase(&erasure, known("ann@example.fr", NULL, 0, NULL), 1, 0),
            "1 contacts: ann@example.fr 3:ann1", "one of them is erased");
    ok(strstr(rows_told(&erasure), "PurchaseHeaders 4 kept, Vouchers 4 kept, LoyaltyPoints 2,"
                                   " LoyaltyCardActions 1, LoyaltyCards 1,") != NULL,
       "  what goes is counted: %s", rows_told(&erasure));
    is_text(tools_query(section, bought),
            "a|NULL|NULL\nb|2|12\nlent|2|NULL\nshown|NULL|12\nwho|NULL|NULL",
            "  purchases know neither her nor her card");
    is_text(tools_query(section, issued), tools_query(section, bought), "  likewise vouchers");
    is_text(tools_query(section, "SELECT LoyaltyCardIdentifier FROM LoyaltyCards UNION ALL"
                                 " SELECT LoyaltyCardActionIdentifier FROM LoyaltyCardActions"),
            "of Bob\nof Bob", "  the other has his card");
    is_text(tools_query(section, "SELECT PointIdentifier FROM LoyaltyPoints ORDER BY 1"),
            "of Bob\nof his card", "  with its points");
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
    whole_life();
    cards();
    values();
    return tap_done();
}
