/*
 * What a message costs the database does not grow with the rows that are there: SQLite, which
 * has no statistics, must take the index that leads to few rows. Counted in steps of its virtual
 * machine.
 */
#include "t/unit/handler_tools.h"

#define ROWS 3000 /* how many more of each kind there are the second time */

static long steps;

static int count_step(void *baton)
{
    (void)baton;
    steps++;
    return 0;
}

/* For each connection that is opened. */
static int count_steps(sqlite3 *connection, const char **error, const void *api)
{
    (void)error;
    (void)api;
    sqlite3_progress_handler(connection, 1, count_step, NULL);
    return SQLITE_OK;
}

/* Rows of others: sent messages, goods of other products, events of nobody. */
static void fill(void)
{
    tools_execute(
        section,
        apr_psprintf(
            pool,
            "BEGIN;"
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
            " INSERT INTO WebhookSends (MessageId, Kind, Provider, State, Attempt, Recipient,"
            " StartedAt, Reference) SELECT 'm' || i, 'sms', 'smsbox', 'sent', 1,"
            " '+3370' || (1000000 + i), '2026-03-02T09:00:00', 'r' || i FROM n;"
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
            " INSERT INTO PurchaseGoods (Identifier, ParentIdentifier, SourceId)"
            " SELECT 'v' || i, 'p' || (i / 3), 12 FROM n;"
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
            " INSERT INTO WebhookEvents (MessageId, Kind, At, SourceId, EventIdentifier, Address,"
            " Reference) SELECT 'm' || i, 'sms.sent', '2026-03-02T09:00:00', 12, 'e' || i,"
            " '+3370' || (1000000 + i), 'r' || i FROM n;"
            "COMMIT;",
            ROWS, ROWS, ROWS));
}

static const sent_t messages[] = {
    {.route = "Smsbox/Sms/Callback",
     .query = "numero=33612345678&reference=123456789012&accuse=0&ts=1772442927"},
    {.route = "Primotexto/Sms/Callback",
     .body = "{\"event\": \"delivered\", \"snapshotId\": \"386479\","
             " \"contact\": {\"identifier\": \"+33612345679\"}}"},
    {.route = "Shopify/Customer/Insert",
     .body = "{\"id\": 1, \"updated_at\": \"2026-03-02T10:15:27+01:00\", \"first_name\": \"Ann\","
             " \"email\": \"ann@example.fr\", \"phone\": \"+33612345670\"}"},
    {.route = "Shopify/Product/Insert",
     .body = "{\"id\": 8, \"title\": \"Tea\", \"updated_at\": \"2026-03-02T10:15:27+01:00\","
             " \"variants\": [{\"id\": 81, \"price\": \"1.00\"}, {\"id\": 82}]}"},
    {.route = "Shopify/Order/Insert",
     .body = "{\"id\": 5, \"currency\": \"EUR\", \"updated_at\": \"2026-03-02T10:15:27+01:00\","
             " \"customer\": {\"id\": 2, \"email\": \"bob@example.fr\"}, \"line_items\": ["
             "{\"id\": 51, \"variant_id\": 81, \"product_id\": 8, \"price\": \"1.00\","
             " \"quantity\": 1},"
             "{\"id\": 52, \"variant_id\": 91, \"product_id\": 9, \"price\": \"2.00\","
             " \"quantity\": 1}]}"},
};

#define MESSAGES ((int)(sizeof(messages) / sizeof(messages[0])))

/* The steps of a message, which leaves nothing. It runs twice, because the first run prepares the
 * statements. */
static long steps_of(const sent_t *message)
{
    const char *reason = NULL;
    int i;

    for (i = 0; i < 2 && !reason; i++) {
        reason = crm_db_begin(db) == APR_SUCCESS ? NULL : crm_db_error(db);
        steps = 0;
        reason = reason ? reason : deliver(message);
        crm_db_rollback(db);
    }
    is_text(reason, NULL, apr_psprintf(pool, "%s", message->route));
    return steps;
}

int main(void)
{
    long few[MESSAGES], many;
    int i;

    tools_start();
    sqlite3_auto_extension((void (*)(void))count_steps);
    section = tools_section("prod");
    db = tools_open(section);
    for (i = 0; i < MESSAGES; i++) {
        few[i] = steps_of(&messages[i]);
        ok(few[i] > 100, "takes %ld steps in an empty database", few[i]);
    }
    fill();
    for (i = 0; i < MESSAGES; i++) {
        many = steps_of(&messages[i]);
        ok(many < 2 * few[i], "takes %ld in one with %d rows of others", many, ROWS);
    }
    return tap_done();
}
