/*
 * Runs of RnvpDedup over small databases: who becomes one with whom, who is shown to a person, and
 * who stays apart.
 */
#include "t/unit/merge_tools.h"

#define MOST 6

static const struct {
    const char *what;
    row_t rows[MOST];
    const char *want;
} situations[] = {
    {"accents and capitals, one address",
     {{.first = "Léa",
       .last = "Marchand",
       .street = "15 B AVENUE DU GENERAL DE GAULLE",
       .code = "06000"},
      {.first = "LEA",
       .last = "MARCHAND",
       .street = "15 B avenue du Général-de-Gaulle",
       .code = "06000"}},
     "1<2"},
    {"first and last name exchanged",
     {{.first = "Benoît", .last = "Lefèvre", .street = "3 PLACE DU MARCHE", .code = "75002"},
      {.first = "LEFEVRE", .last = "BENOIT", .street = "3 PLACE DU MARCHE", .code = "75002"}},
     "1<2"},
    {"one mail address in other capitals, no address",
     {{.first = "Zoé", .last = "Roy", .email = "Zoe.Roy@Example.org"},
      {.first = "Zoe", .last = "Roy", .email = "zoe.roy@example.org"}},
     "1<2"},
    {"home against mobile phone",
     {{.first = "Jean", .last = "Petit", .mobile = "+33612345678"},
      {.first = "Jean", .last = "PETIT", .home = "+33612345678"}},
     "1<2"},
    {"a married couple at one address with one mail address",
     {{.first = "Jean",
       .last = "Petit",
       .street = "1 RUE HAUTE",
       .code = "69001",
       .email = "petit@example.org"},
      {.first = "Sophie",
       .last = "Petit",
       .street = "1 RUE HAUTE",
       .code = "69001",
       .email = "petit@example.org"}},
     "1?2"},
    {"father and son of one name, with birth dates",
     {{.first = "Paul",
       .last = "Morel",
       .birth = "1955-03-02",
       .street = "1 RUE HAUTE",
       .code = "69001"},
      {.first = "Paul",
       .last = "Morel",
       .birth = "1985-03-02",
       .street = "1 RUE HAUTE",
       .code = "69001"}},
     "1?2"},
    {"the same names in two towns",
     {{.first = "Paul", .last = "Morel", .street = "1 RUE HAUTE", .code = "69001"},
      {.first = "Paul", .last = "Morel", .street = "1 RUE HAUTE", .code = "13001"}},
     ""},
    {"three of one person",
     {{.first = "Agnès", .last = "Roux", .street = "9 RUE BASSE", .code = "44000"},
      {.first = "Agnes",
       .last = "Roux",
       .street = "9 RUE BASSE",
       .code = "44000",
       .email = "agnes@example.org"},
      {.first = "AGNES", .last = "ROUX", .email = "agnes@example.org"}},
     "1<2 1<3"},
    {"of three, the kept one has grown by the second and so meets the third",
     {{.first = "Agnès", .last = "Roux", .street = "9 RUE BASSE", .code = "44000"},
      {.first = "Agnes", .last = "Roux", .email = "agnes@example.org"},
      {.first = "Agnes",
       .last = "Roux",
       .street = "9 RUE BASSE",
       .code = "44000",
       .email = "agnes@example.org"}},
     "1<2 1<3"},
    {"a chain that must not close: a nameless one between a couple",
     {{.first = "Jean", .last = "Petit", .email = "petit@example.org", .source = 1},
      {.email = "petit@example.org", .source = 2},
      {.first = "Sophie", .last = "Petit", .email = "petit@example.org", .source = 3}},
     "1<2 1?3"},
    {"the nameless one first: it becomes the older of them, the other is shown",
     {{.email = "petit@example.org", .source = 2},
      {.first = "Jean", .last = "Petit", .email = "petit@example.org", .source = 1},
      {.first = "Sophie", .last = "Petit", .email = "petit@example.org", .source = 3}},
     "1<2 1?3"},
    {"a nameless one, of the same source, which keeps them apart",
     {{.first = "Jean", .last = "Petit", .email = "petit@example.org"},
      {.email = "petit@example.org"}},
     "1?2"},
    {"the same, but the source has no names of its own",
     {{.first = "Jean", .last = "Petit", .email = "petit@example.org"},
      {.email = "petit@example.org", .identifier = "email:petit@example.org"}},
     "1<2"},
    {"companies with and without their legal form",
     {{.company = "Roy & Fils SARL", .street = "ZONE INDUSTRIELLE", .code = "59000"},
      {.company = "ROY ET FILS", .street = "ZONE INDUSTRIELLE", .code = "59000"}},
     "1<2"},
    {"a company and somebody who works there",
     {{.company = "Roy & Fils SARL",
       .street = "ZONE INDUSTRIELLE",
       .code = "59000",
       .email = "info@example.org"},
      {.first = "Luc",
       .last = "Roy",
       .company = "Roy & Fils",
       .street = "ZONE INDUSTRIELLE",
       .code = "59000",
       .email = "info@example.org"}},
     "1?2"},
    {"one of them is deleted",
     {{.first = "Léa", .last = "Marchand", .email = "lea@example.org", .deleted = 1},
      {.first = "Léa", .last = "Marchand", .email = "lea@example.org"}},
     ""},
    {"two people, two of each",
     {{.first = "Léa", .last = "Marchand", .email = "lea@example.org"},
      {.first = "Luc", .last = "Marchand", .email = "luc@example.org"},
      {.first = "Luc", .last = "Marchand", .email = "luc@example.org"},
      {.first = "Léa", .last = "Marchand", .email = "lea@example.org"}},
     "1<4 2<3"},
};

static int count_of(const row_t *rows)
{
    int count = 0;

    while (count < MOST && (rows[count].last || rows[count].email || rows[count].company)) {
        count++;
    }
    return count;
}

/* All rows that a run may change, but for its own job. */
static const char *everything(void)
{
    static const char *const queries[] = {
        "SELECT ContactId, FirstName, LastName, CompanyName, BirthDate, DeletionFlag FROM Contacts"
        " ORDER BY 1",
        "SELECT AddressId, ContactId, Address4, PostCode, Email, MobilePhoneNumber, EmailOptin,"
        " DeletionFlag FROM Addresses ORDER BY 1",
        "SELECT * FROM ContactIdentifiers ORDER BY 1",
        "SELECT * FROM WebhookMerges ORDER BY 1",
        "SELECT * FROM WebhookReviews ORDER BY 1, 2",
        "SELECT * FROM WebhookDuplicateKeys ORDER BY 1, 2",
        "SELECT * FROM WebhookDuplicateContacts ORDER BY 1",
        "SELECT * FROM WebhookDuplicateTasks ORDER BY 1, 2",
        "SELECT * FROM WebhookVersions ORDER BY 1, 2",
        "SELECT * FROM WebhookMatches ORDER BY 1",
    };
    const char *text = "";
    size_t i;

    for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        text = apr_pstrcat(pool, text, ask(queries[i]), "\n", NULL);
    }
    return text;
}

static void all_situations(void)
{
    const char *before;
    size_t i;

    for (i = 0; i < sizeof(situations) / sizeof(situations[0]); i++) {
        int count = count_of(situations[i].rows);

        empty();
        put(situations[i].rows, count);
        run_all("M1");
        is_text(outcome(), situations[i].want, situations[i].what);
        before = everything();
        run_all("M2");
        is_text(everything(), before, "  and a second run changes nothing");
    }
}

/* Only who is asked for is looked at, but he is compared with everybody. */
static void selection(void)
{
    static const row_t rows[] = {
        {.first = "Léa", .last = "Marchand", .email = "lea@example.org", .source = 1, .brand = 5},
        {.first = "Luc", .last = "Marchand", .email = "luc@example.org", .source = 1, .brand = 6},
        {.first = "Luc", .last = "Marchand", .email = "luc@example.org", .source = 2},
        {.first = "Léa", .last = "Marchand", .email = "lea@example.org", .source = 2},
    };
    const crm_dedup_choice_t source = {.source_id = 1};
    const crm_dedup_choice_t brand = {.source_id = 1, .brand_id = 6};
    const crm_dedup_choice_t other = {.source_id = 7};
    const crm_dedup_choice_t zone = {.zone_id = 3};
    int known = 0;

    empty();
    put(rows, 4);
    if (crm_db_begin(db) != APR_SUCCESS ||
        crm_dedup_ask(&known, db, "M1", 99, NULL, pool) != APR_SUCCESS) {
        ok(0, "asking: %s", crm_db_error(db));
    }
    is_number(known, 0, "a contact that is not there");
    ok(crm_dedup_ask(&known, db, "M1", 4, &brand, pool) == APR_SUCCESS && !known,
       "one of another brand");
    ok(crm_dedup_ask(&known, db, "M1", 4, NULL, pool) == APR_SUCCESS && known, "one that is there");
    ok(crm_dedup_ask(&known, db, "M1", 4, NULL, pool) == APR_SUCCESS && known, "the same again");
    ok(crm_db_commit(db) == APR_SUCCESS, "  are asked for");
    is_text(run("M1", NULL), "1 compared, 1 merged, 0 for review", "one contact is asked for");
    is_text(outcome(), "1<4", "  and compared with those who are not");
    is_text(run("M2", NULL), "0 compared, 0 merged, 0 for review", "nobody is asked for");
    is_text(run("M3", &other), "0 compared, 0 merged, 0 for review", "a source without contacts");
    is_text(run("M4", &zone), "0 compared, 0 merged, 0 for review", "a zone without contacts");
    is_text(run("M5", &brand), "1 compared, 1 merged, 0 for review", "a brand of a source");
    is_text(outcome(), "1<4 2<3", "  is looked at");
    is_text(run("M6", &source), "2 compared, 0 merged, 0 for review", "the source");
    empty();
    is_text(run_all("M1"), "0 compared, 0 merged, 0 for review", "an empty database");
}

/* What a person has decided. */
static void decisions(void)
{
    static const row_t couple[] = {
        {.first = "Jean", .last = "Petit", .email = "petit@example.org"},
        {.first = "Sophie", .last = "Petit", .email = "petit@example.org"},
        {.first = "Sophie", .last = "Petit", .email = "petit@example.org"},
    };

    empty();
    put(couple, 2);
    run_all("M1");
    is_text(outcome(), "1?2", "a couple is shown");
    is_text(ask("SELECT Rule, Explanation, Decision FROM WebhookReviews"),
            "email|last name same, first name different, e-mail same|NULL", "  with the reason");
    tools_execute(section, "UPDATE WebhookReviews SET Decision = 'apart'");
    is_text(run_all("M2"), "2 compared, 0 merged, 0 for review", "they are two, says a person");
    tools_execute(section, "UPDATE WebhookReviews SET Decision = 'same'");
    is_text(run_all("M3"), "1 compared, 1 merged, 0 for review", "they are one, says a person");
    is_text(ask("SELECT KeptContactId, MergedContactId, Rule, Explanation FROM WebhookMerges"),
            "1|2|email|last name same, first name different, e-mail same, decided by a person",
            "  which is the reason");

    empty();
    put(couple, 3);
    run_all("M1");
    is_text(outcome(), "1?2 2<3", "a couple, one of them twice");
    empty();
    put(couple, 3);
    tools_execute(section, "INSERT INTO WebhookReviews VALUES (1, 3, 'email', 500, 'why',"
                           " '2026-11-20T10:00:00', 'apart')");
    run_all("M1");
    is_text(ask("SELECT ContactId, OtherContactId, Decision FROM WebhookReviews ORDER BY 1, 2"),
            "1|2|apart\n1|3|apart", "what was decided of a merged one holds for the kept one");
}

/* A pair whose data has changed since it was noted. */
static void review_again(void)
{
    static const row_t rows[] = {
        {.first = "Jean", .last = "Petit", .email = "petit@example.org"},
        {.first = "Sophie", .last = "Petit", .email = "petit@example.org"},
    };

    empty();
    put(rows, 2);
    run_all("M1");
    tools_execute(section, "UPDATE WebhookReviews SET NotedAt = '2026-01-01T00:00:00'");
    tools_execute(section, "UPDATE Contacts SET LastName = 'Petite' WHERE ContactId = 2");
    is_text(run_all("M2"), "2 compared, 0 merged, 1 for review", "a pair is otherwise now");
    is_text(ask("SELECT Explanation, NotedAt FROM WebhookReviews"),
            "last name same but for a slip, first name different, e-mail same|2026-01-01T00:00:00",
            "  its row says so, and since when it is there");
    tools_execute(section, "UPDATE Contacts SET FirstName = 'Jean' WHERE ContactId = 2");
    is_text(run_all("M3"), "1 compared, 1 merged, 0 for review", "now it is one person");
    is_text(outcome(), "1<2", "  and nothing is left to be looked at");
}

/* One pair that the database refuses does not hold up the others. */
static void refused(void)
{
    static const row_t rows[] = {
        {.first = "Léa", .last = "Marchand", .email = "lea@example.org"},
        {.first = "Léa", .last = "Marchand", .email = "lea@example.org"},
        {.first = "Luc", .last = "Marchand", .email = "luc@example.org"},
        {.first = "Luc", .last = "Marchand", .email = "luc@example.org"},
    };

    empty();
    put(rows, 4);
    tools_execute(section, tools_pgsql() ? "ALTER TABLE WebhookMerges ADD CONSTRAINT no CHECK"
                                           " (MergedContactId <> 2)"
                                         : "CREATE TRIGGER no BEFORE INSERT ON WebhookMerges"
                                           " WHEN NEW.MergedContactId = 2"
                                           " BEGIN SELECT RAISE(ABORT, 'no'); END");
    is_text(run_all("M1"), "3 compared, 1 merged, 1 for review", "a pair that cannot be merged");
    is_text(outcome(), "1?2 3<4", "  is shown to a person, and the next is merged");
    is_text(ask("SELECT COUNT(*) FROM Contacts WHERE DeletionFlag = 1"), "1",
            "  nothing of it has happened");
    tools_execute(section, tools_pgsql() ? "ALTER TABLE WebhookMerges DROP CONSTRAINT no"
                                         : "DROP TRIGGER no");
    is_text(run_all("M2"), "2 compared, 1 merged, 0 for review", "when that is mended, it is");
    is_text(outcome(), "1<2 3<4", "  and nothing is left to be looked at");
}

/* A value longer than any index takes. */
static void long_values(void)
{
    char *mail = apr_palloc(pool, 6001);
    row_t rows[2] = {{.first = "Léa", .last = "Marchand", .mobile = "+33612345678"},
                     {.first = "Léa", .last = "Marchand", .mobile = "+33612345678"}};

    memset(mail, 'x', 6000);
    memcpy(mail + 100, "@", 1);
    mail[6000] = '\0';
    empty();
    put(rows, 2);
    if (!tools_pgsql()) { /* which has an index of its own on mail addresses */
        tools_execute(section, apr_psprintf(pool, "UPDATE Addresses SET Email = '%s'", mail));
    }
    is_text(run_all("M1"), "1 compared, 1 merged, 0 for review", "an endless mail address");
    is_text(ask("SELECT COUNT(*) FROM WebhookMatches WHERE LENGTH(MatchKey) > 300"), "0",
            "  is no key");
}

/* Of messages that were given up, nothing stays for ever. */
static void orphans(void)
{
    empty();
    tools_execute(section, "INSERT INTO WebhookDuplicateTasks VALUES ('gone', 1);"
                           "INSERT INTO WebhookDuplicateTasks VALUES ('alive', 1);"
                           "INSERT INTO WebhookJobs (MessageId, Kind, StartedAt, UpdatedAt)"
                           " VALUES ('alive', 'rnvp', '2026-11-20T10:00:00',"
                           " '2026-11-20T10:00:00')");
    run_all("M1");
    is_text(ask("SELECT MessageId FROM WebhookDuplicateTasks"), "alive",
            "the tasks of a message that is no more end");
}

/* A word of its own for each number. */
static const char *word(int number)
{
    static const char *const parts[] = {"bar", "cle", "dov", "fin", "gul", "mek", "ros", "tuv"};

    return apr_pstrcat(pool, parts[number % 8], parts[number / 8 % 8], parts[number / 64 % 8],
                       NULL);
}

#define SHARED (CRM_DEDUP_BLOCK + 5)

/* A mail address that very many share tells nothing. */
static void common_mail(void)
{
    const char *sql = "BEGIN;";
    int i;

    empty();
    for (i = 1; i <= SHARED; i++) {
        row_t row = {.first = i < 3 ? "Léa" : word(i),
                     .last = i < 3 ? "Marchand" : "Roy",
                     .email = "shop@example.org"};

        sql = apr_pstrcat(pool, sql, insert_text(i, &row), NULL);
    }
    tools_execute(section, apr_pstrcat(pool, sql, "COMMIT;", NULL));
    is_text(run_all("M1"), "305 compared, 0 merged, 0 for review, some left out",
            "a mail address of 305 contacts says nothing");
    tools_execute(section, "UPDATE Addresses SET PostCode = '75001', Address4 = '1 RUE HAUTE'"
                           " WHERE ContactId < 3");
    is_text(run_all("M2"), "304 compared, 1 merged, 0 for review, some left out",
            "but two of them with an address are found by that");
    is_text(outcome(), "1<2", "  the right two");
}

/* Two keys that very many share are enough together. */
static void common_names(void)
{
    const char *sql = "BEGIN;";
    int i;

    empty();
    for (i = 1; i <= 2 * SHARED; i++) {
        row_t row = {.first = i % 2 || i < 3 ? "Jean" : word(i / 2),
                     .last = i % 2 == 0 || i < 3 ? "Martin" : word(i / 2),
                     .street = i < 3 ? "1 RUE HAUTE" : apr_psprintf(pool, "%d RUE BASSE", i),
                     .code = "75001"};

        sql = apr_pstrcat(pool, sql, insert_text(i, &row), NULL);
    }
    tools_execute(section, apr_pstrcat(pool, sql, "COMMIT;", NULL));
    is_text(run_all("M1"), "609 compared, 1 merged, 0 for review, some left out",
            "among 305 named Jean and 305 named Martin in one town");
    is_text(outcome(), "1<2", "  those are found who are both, at one address");
}

int main(void)
{
    start();
    all_situations();
    selection();
    decisions();
    review_again();
    orphans();
    refused();
    long_values();
    common_mail();
    common_names();
    crm_db_close(db);
    return tap_done();
}
