/*
 * Rnvp over a whole database: thousands of addresses in steps, gone on with by another connection
 * after one was lost in the middle, done again, and what others have locked meanwhile.
 */
#include "core/clock.h"
#include "t/unit/rnvp_tools.h"

/* Fewer on PostgreSQL, where each row of each step is a turn over its socket. */
#define PEOPLE (getenv("CRM360_TEST_DB") ? 4000 : 10000)

/* A text with %d for PEOPLE, and for shares of it. */
#define OF_ALL(text) apr_psprintf(pool, text, PEOPLE)

/* People 1 to PEOPLE of source 12 with one address each, of every sort. */
static void many(void)
{
    tools_execute(
        section,
        OF_ALL("BEGIN;"
               "INSERT INTO Contacts (ContactId, LastName)"
               " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
               " SELECT i, 'P' FROM n; COMMIT"));
    tools_execute(
        section,
        "BEGIN;"
        "INSERT INTO ContactIdentifiers SELECT '12:p' || ContactId, 'p' || ContactId, ContactId, 12"
        " FROM Contacts;"
        "INSERT INTO Addresses (AddressId, ContactId, Address4, PostCode, City)"
        " SELECT ContactId, ContactId, ContactId || CASE WHEN ContactId % 3 = 0"
        " THEN ' RUE DU PORT' ELSE ' bis, rue de la Paix' END,"
        " CASE ContactId % 5 WHEN 0 THEN '6000' WHEN 1 THEN '69001' WHEN 2 THEN NULL"
        " WHEN 3 THEN '99999' ELSE '44000' END,"
        " CASE ContactId % 5 WHEN 0 THEN 'Nice' WHEN 1 THEN 'LYON' WHEN 2 THEN 'Valence'"
        " WHEN 3 THEN 'Nulle Part' ELSE 'Nantes' END FROM Contacts; COMMIT");
}

/* One step on a connection; `lost`: the worker dies before it is committed. The verdict, or -1. */
static int step(const sent_t *sent, crm_db_t *connection, int lost)
{
    crm360_message_t *message = message_of(sent);
    handler_context_t context = {.db = connection, .database = section};
    handler_result_t result = {.verdict = HANDLER_REJECT};
    apr_status_t rv = crm_db_begin(connection);
    apr_pool_t *own;

    apr_pool_create(&own, pool);
    if (rv == APR_SUCCESS) {
        rv = crm_db_savepoint(connection);
    }
    if (rv == APR_SUCCESS) {
        rv = handler_deliver(&result, handler_find(message), message, &context, own);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_db_savepoint_release(connection);
    }
    free((void *)message->body);
    apr_pool_destroy(own);
    if (lost || rv != APR_SUCCESS) {
        crm_db_rollback(connection);
        return lost && rv == APR_SUCCESS ? (int)result.verdict : -1;
    }
    return crm_db_commit(connection) == APR_SUCCESS ? (int)result.verdict : -1;
}

/* Steps until the end; how many, or -1. */
static int finish(const sent_t *sent, crm_db_t *connection)
{
    int steps = 0, verdict;

    do {
        verdict = step(sent, connection, 0);
        steps++;
    } while (verdict == HANDLER_MORE);
    return verdict == HANDLER_DONE ? steps : -1;
}

static long long count(const char *sql)
{
    return apr_atoi64(ask(sql));
}

#define CLEANED "SELECT COUNT(*) FROM Addresses WHERE AddressStateId IS NOT NULL"
/* Keeps the rows as they are now, beside them, to be compared later. */
static void keep_rows(void)
{
    tools_execute(section, "DROP TABLE IF EXISTS KeptAddresses; DROP TABLE IF EXISTS KeptChecks;"
                           "CREATE TABLE KeptAddresses AS SELECT * FROM Addresses;"
                           "CREATE TABLE KeptChecks AS SELECT * FROM WebhookAddressChecks");
}

static long long changed_rows(void)
{
    return count("SELECT COUNT(*) FROM (SELECT * FROM Addresses EXCEPT SELECT * FROM"
                 " KeptAddresses) x") +
           count("SELECT COUNT(*) FROM (SELECT * FROM WebhookAddressChecks EXCEPT SELECT * FROM"
                 " KeptChecks) x");
}

static void whole_database(void)
{
    static const sent_t sent = {.route = RNVP, .id = "01JDCW3T2XQ5M7V9K0B4Z8R6AE-job"};
    crm_db_t *other;
    const char *why = "";
    int i, most = 0;
    long long before = 0, now;

    many();
    for (i = 0; i < 10; i++) {
        is_number(step(&sent, db, 0), HANDLER_MORE, "a step: there is more to do");
        now = count(CLEANED);
        most = now - before > most ? (int)(now - before) : most;
        ok(now > before, "it got further, to %d", (int)now);
        before = now;
    }
    ok(most <= 200, "at most 200 at once");
    is_text(ask("SELECT Cursor, Done, Total, FinishedAt FROM WebhookJobs"),
            apr_psprintf(pool, "%d|%d|%d|NULL", (int)now, (int)now, PEOPLE), "where it stands");

    is_number(step(&sent, db, 1), HANDLER_MORE, "a step whose worker is killed");
    crm_db_close(db);
    is_number(count(CLEANED), now, "leaves nothing");
    /* Whoever comes while it runs is for another time. */
    person(20001, 12, "Address4, City", "'1 rue X', 'Nice'");
    if (crm_db_open(&other, &why, section, pool) != APR_SUCCESS) {
        printf("Bail out! %s\n", why);
        exit(1);
    }
    db = other;
    ok(finish(&sent, db) >= (PEOPLE - (int)now) / 200, "another worker goes on to the end");
    is_number(count(CLEANED), PEOPLE, "every address has a state");
    is_text(ask("SELECT COUNT(*), MIN(AddressId), MAX(AddressId) FROM WebhookAddressChecks"),
            apr_psprintf(pool, "%d|1|%d", PEOPLE, PEOPLE), "and a check");
    is_text(ask("SELECT Done, Changed, Valid, Corrected, Ambiguous, Rejected, Unknown,"
                " CASE WHEN FinishedAt IS NULL THEN 0 ELSE 1 END FROM WebhookJobs"),
            apr_psprintf(pool, "%d|%d|0|%d|%d|%d|0|1", PEOPLE, PEOPLE, PEOPLE * 3 / 5, PEOPLE / 5,
                         PEOPLE / 5),
            "each was counted once");
    is_number(count("SELECT COUNT(*) FROM Addresses WHERE AddressStateId = 4 AND"
                    " (City <> 'Nulle Part' OR PostCode <> '99999')"),
              0, "rejected ones are as they were");
    is_number(finish(&sent, db), 1, "when the message comes again");
    is_text(ask("SELECT COUNT(*) FROM WebhookJobs"), "1", "nothing is done");
}

static void again(void)
{
    tools_execute(section, OF_ALL("DELETE FROM Addresses WHERE AddressId > %d"));
    keep_rows();
    ok(finish(&(sent_t){.route = RNVP, .id = "again"}, db) > 0, "another run");
    is_text(ask("SELECT Done, Changed, Corrected, Ambiguous, Rejected FROM WebhookJobs"
                " WHERE MessageId = 'again'"),
            apr_psprintf(pool, "%d|0|%d|%d|%d", PEOPLE, PEOPLE * 3 / 5, PEOPLE / 5, PEOPLE / 5),
            "finds the same, and changes nothing");
    is_number(changed_rows(), 0, "in no address, and in no check");

    tools_execute(section, "DELETE FROM WebhookPostcodes WHERE PostCode = '16460'");
    ok(finish(&(sent_t){.route = RNVP, .id = "newer"}, db) > 0, "with a newer table of post codes");
    is_text(ask("SELECT Changed, Corrected, Ambiguous, Rejected FROM WebhookJobs"
                " WHERE MessageId = 'newer'"),
            apr_psprintf(pool, "%d|%d|0|%d", PEOPLE / 5, PEOPLE * 4 / 5, PEOPLE / 5),
            "what it knows is put right");
    is_text(address(7), "2:/7 B RUE DE LA PAIX/26000/VALENCE/FRA", "as with a first run");
    tools_execute(section, "DELETE FROM WebhookPostcodes");
    ok(finish(&(sent_t){.route = RNVP, .id = "none"}, db) > 0, "without any post codes");
    is_text(address(1), "2:/1 B RUE DE LA PAIX/69001/LYON/FRA", "the form is checked");
    import_post_codes();
}

/* A list is worked on in steps, too. */
static void long_list(void)
{
    char *body = apr_palloc(pool, 100000), *c = body;
    int i, steps;

    c = apr_cpystrn(c, "{\"Addresses\":[", 50);
    for (i = 1; i <= 1000; i++) {
        c += apr_snprintf(c, 100, "%s{\"AddressId\":%d,\"City\":\"Nantes\",\"PostCode\":\"44000\"}",
                          i > 1 ? "," : "", i % 10 ? i : 50000 + i);
    }
    apr_cpystrn(c, "]}", 5);
    steps = finish(&(sent_t){.route = RNVP, .id = "list", .body = body}, db);
    ok(steps >= 5, "a list of 1,000 addresses in %d steps", steps);
    is_text(ask("SELECT Cursor, Total, Done, Unknown FROM WebhookJobs WHERE MessageId = 'list'"),
            "1000|1000|900|100", "each was looked at once");
    is_number(count("SELECT COUNT(*) FROM Addresses WHERE City = 'NANTES' AND AddressId <= 1000"
                    " AND PostCode = '44000'"),
              900, "and written");

    c = apr_cpystrn(body, "{\"ContactIds\":\"", 50);
    for (i = 1; i <= 1000; i++) {
        c += apr_snprintf(c, 20, "%d,", 50000 + i);
    }
    apr_cpystrn(c, "\"}", 5);
    i = finish(&(sent_t){.route = RNVP, .id = "nobody", .body = body}, db);
    is_number(i, -1, "a list of nobody is rejected at its end");
}

/* What somebody else has locked is left to the next step: he may be waiting for us. */
static void locked(void)
{
    static const sent_t sent = {.route = RNVP, .id = "locked"};
    PGconn *other;
    apr_time_t begun;

    if (!tools_pgsql()) {
        return; /* SQLite has one writer */
    }
    other = PQconnectdb(section->params);
    PQclear(PQexec(other, "BEGIN"));
    PQclear(PQexec(other, "SELECT * FROM Contacts WHERE ContactId = 5 FOR UPDATE"));
    begun = crm360_clock();
    is_number(step(&sent, db, 0), HANDLER_MORE, "a contact is locked by somebody else");
    ok(crm360_clock() - begun < 2 * APR_USEC_PER_SEC, "nobody waits for it");
    is_text(ask("SELECT Cursor, Done FROM WebhookJobs WHERE MessageId = 'locked'"), "4|4",
            "the step ends before it");
    PQclear(PQexec(other, "COMMIT"));
    PQfinish(other);
    ok(finish(&sent, db) > 0, "then the rest is done");
    is_text(ask("SELECT Cursor, Done FROM WebhookJobs WHERE MessageId = 'locked'"),
            apr_psprintf(pool, "%d|%d", PEOPLE, PEOPLE), "all of it");
}

int main(void)
{
    start();
    import_post_codes();
    whole_database();
    again();
    long_list();
    locked();
    crm_db_close(db);
    return tap_done();
}
