/*
 * WebhookSends: the way of a row through its states, who may begin an attempt and who is overtaken,
 * finding a message by its provider's number, reports that came first, pruning.
 */
#include "crm/send.h"

#include "crm/retention.h"
#include "t/unit/crm_tools.h"

#define ID "01JDCW3T2XQ5M7V9K0B4000001-Crm360-Sms-Send"
#define ROW                                                                                        \
    "SELECT State, Attempt, COALESCE(Recipient, '-'), COALESCE(Reference, '-'),"                   \
    " COALESCE(Code, '-'), COALESCE(Reason, '-'),"                                                 \
    " CASE WHEN EndedAt IS NULL THEN 1 ELSE 0 END FROM WebhookSends"                               \
    " WHERE MessageId = '" ID "'"

static const crm360_database_t *section;
static crm_db_t *db;
static const crm_send_t sms = {.kind = "sms",
                               .provider = "smsbox",
                               .recipient = "+33612345678",
                               .contact_id = 7,
                               .detail = "{\"segments\":1}"};

static void begin_transaction(void)
{
    if (crm_db_begin(db) != APR_SUCCESS) {
        printf("Bail out! %s\n", crm_db_error(db));
        exit(1);
    }
}

static void commit(void)
{
    is_number(crm_db_commit(db), APR_SUCCESS, "  committed");
}

/* What crm_send_find() says: "state attempt reason". */
static const char *find(void)
{
    crm_send_past_t past;
    apr_status_t rv;

    begin_transaction();
    rv = crm_send_find(&past, db, ID, pool);
    crm_db_rollback(db);
    return rv == APR_SUCCESS ? apr_psprintf(pool, "%d %d %s", past.state, past.attempt,
                                            past.reason ? past.reason : "-")
                             : "failed";
}

static void begin(int attempt, int wanted)
{
    begin_transaction();
    is_number(crm_send_begin(&attempt, db, ID, &sms, pool), APR_SUCCESS, "an attempt is begun");
    is_number(attempt, wanted, "  it has this number");
    commit();
}

static int end(int attempt, crm_send_state_t state, const char *reference, const char *reason)
{
    const crm_send_outcome_t outcome = {
        .state = state, .reference = reference, .code = "03", .reason = reason};
    int ours = -1;

    begin_transaction();
    is_number(crm_send_end(&ours, db, ID, attempt, &outcome, pool), APR_SUCCESS, "an outcome");
    commit();
    return ours;
}

static void states(void)
{
    int attempt = 0, changed;

    is_text(find(), apr_psprintf(pool, "%d 0 -", CRM_SEND_NONE), "there is no row");
    begin(0, 1);
    is_text(tools_query(section, ROW), "calling|1|+33612345678|-|-|-|1", "the row");
    is_text(find(), apr_psprintf(pool, "%d 1 -", CRM_SEND_CALLING), "calling");

    begin_transaction();
    is_number(crm_send_begin(&attempt, db, ID, &sms, pool), CRM360_ECONFLICT,
              "who has seen no row does not begin when there is one");
    crm_db_rollback(db);

    is_number(end(1, CRM_SEND_FAILED, NULL, "no credit"), 1, "  is noted");
    is_text(tools_query(section, ROW), "failed|1|+33612345678|-|03|no credit|0", "failed");
    is_text(find(), apr_psprintf(pool, "%d 1 no credit", CRM_SEND_FAILED), "with its reason");
    begin(1, 2);
    is_text(tools_query(section, ROW), "calling|2|+33612345678|-|-|-|1", "the second");
    is_number(end(1, CRM_SEND_SENT, "123", NULL), 0, "  of the first comes too late");
    is_text(tools_query(section, ROW), "calling|2|+33612345678|-|-|-|1", "and changes nothing");
    is_number(end(2, CRM_SEND_UNCERTAIN, NULL, "lost"), 1, "  of the second is noted");

    begin_transaction();
    is_number(crm_send_resend(&changed, db, ID, pool), APR_SUCCESS, "a person decides");
    is_number(changed, 1, "  what is uncertain is sent again");
    commit();
    is_text(find(), apr_psprintf(pool, "%d 2 lost", CRM_SEND_RESEND), "which is noted");
    begin(2, 3);
    is_number(end(3, CRM_SEND_SENT, "000123", NULL), 1, "  it is sent");
    begin_transaction();
    is_number(crm_send_resend(&changed, db, ID, pool), APR_SUCCESS, "a person decides again");
    is_number(changed, 0, "  what is sent stays so");
    commit();
    is_text(tools_query(section, ROW), "sent|3|+33612345678|000123|03|-|0", "as it was");
}

/* A reason is cut between characters. */
static void long_reason(void)
{
    char *reason = apr_pcalloc(pool, 2002);
    int i;

    reason[0] = 'x'; /* else no character would begin at an odd place */
    for (i = 0; i < 1000; i++) {
        memcpy(reason + 1 + 2L * i, "\xC3\xA9", 2);
    }
    is_number(end(3, CRM_SEND_SENT, "000123", reason), 1, "  with a long reason");
    is_text(tools_query(section, "SELECT LENGTH(Reason) FROM WebhookSends"), "500",
            "it is cut between two characters");
}

static void references(void)
{
    const char *recipient;
    int contact_id;

    begin_transaction();
    is_number(crm_send_by_reference(&contact_id, &recipient, db, "sms", "000123", pool),
              APR_SUCCESS, "a message by its provider's number");
    is_number(contact_id, 7, "  its contact");
    is_text(recipient, "+33612345678", "  and recipient");
    is_number(crm_send_by_reference(&contact_id, &recipient, db, "sms", "123", pool), APR_SUCCESS,
              "another number");
    ok(contact_id == 0 && !recipient, "  is nobody's");
    is_number(crm_send_by_reference(&contact_id, &recipient, db, "mail", "000123", pool),
              APR_SUCCESS, "the number of another kind");
    ok(contact_id == 0 && !recipient, "  is not his either");
    crm_db_rollback(db);
}

static void reports(void)
{
    tools_execute(section,
                  "INSERT INTO WebhookEvents (MessageId, Kind, At, EventChannelId, Reference,"
                  " ContactId) VALUES ('a', 'sms.delivered', '2026-11-20T10:00:00', 1, '000123',"
                  " NULL), ('b', 'sms.delivered', '2026-11-20T10:00:00', 1, '000123', 9),"
                  " ('c', 'sms.delivered', '2026-11-20T10:00:00', 1, '9', NULL),"
                  " ('d', 'email.open', '2026-11-20T10:00:00', 2, '000123', NULL)");
    begin_transaction();
    is_number(crm_send_adopt_reports(db, ID, CRM_CHANNEL_SMS, "000123", pool), APR_SUCCESS,
              "reports that came first");
    commit();
    is_text(tools_query(section, "SELECT MessageId, ContactId FROM WebhookEvents"
                                 " ORDER BY MessageId"),
            "a|7\nb|9\nc|NULL\nd|NULL", "those of nobody are the contact's, and no others");
}

static void pruning(void)
{
    const crm_retention_t keep = {.inbox = apr_time_from_sec(60), .events = apr_time_from_sec(60)};
    crm_pruned_t pruned;

    is_number(crm_retention_prune(&pruned, db, &keep, 10, pool), APR_SUCCESS, "pruning");
    is_number(pruned.sends, 0, "  what is fresh stays");
    tools_execute(section, "UPDATE WebhookSends SET StartedAt = '2020-01-01T00:00:00'");
    is_number(crm_retention_prune(&pruned, db, &keep, 10, pool), APR_SUCCESS, "pruning");
    is_number(pruned.sends, 1, "  what is old goes");
    is_text(tools_query(section, "SELECT COUNT(*) FROM WebhookSends"), "0", "  for good");
}

int main(void)
{
    tools_start();
    section = tools_section("sends");
    db = tools_open(section);
    states();
    long_reason();
    references();
    reports();
    pruning();
    crm_db_close(db);
    tools_disconnect();
    return tap_done();
}
