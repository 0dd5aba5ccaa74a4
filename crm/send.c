/*
 * The rows of WebhookSends (see send.h). Must never let two callers begin an attempt of one message
 * at the same time, nor forget that one was begun.
 */
#include "crm/send.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "crm/date.h"
#include "crm/db_private.h"

/* Longest reason and code that are kept, bytes. */
#define REASON_MOST 1000
#define CODE_MOST 100

/* By crm_send_state_t. */
static const char *const state_names[] = {NULL,     "calling",   "sent",  "refused",
                                          "failed", "uncertain", "resend"};

static const crm_db_statement_t select_row = {
    .label = "send_select",
    .sql = "SELECT State, Attempt, Reason, Provider FROM WebhookSends WHERE MessageId = %s",
    .locks = 1};

static const crm_db_statement_t insert_row = {
    .label = "send_insert",
    .sql = "INSERT INTO WebhookSends (MessageId, Kind, Provider, State, Attempt, Recipient,"
           " ContactId, StartedAt, Detail) VALUES (%s, %s, %s, 'calling', 1, %s, %d, %s, %s)"
           " ON CONFLICT DO NOTHING"};

static const crm_db_statement_t begin_again = {
    .label = "send_begin_again",
    .sql = "UPDATE WebhookSends SET Kind = %s, Provider = %s, State = 'calling',"
           " Attempt = Attempt + 1, Recipient = %s, ContactId = %d, StartedAt = %s, EndedAt = NULL,"
           " Reference = NULL, Code = NULL, Reason = NULL, Detail = %s"
           " WHERE MessageId = %s AND Attempt = %d"};

static const crm_db_statement_t end_attempt = {
    .label = "send_end",
    .sql = "UPDATE WebhookSends SET State = %s, EndedAt = %s, Reference = %s, Code = %s,"
           " Reason = %s WHERE MessageId = %s AND Attempt = %d"};

static const crm_db_statement_t resend = {
    .label = "send_resend",
    .sql = "UPDATE WebhookSends SET State = 'resend' WHERE MessageId = %s"
           " AND State IN ('uncertain', 'calling')"};

/* State as an expression: SQLite, which has no statistics here, would else take the index on it,
 * and read all that was ever sent. Not sorted there: for that it would make a temporary table. */
static const crm_db_statement_t by_reference = {
    .label = "send_by_reference",
    .sql = "SELECT ContactId, Recipient, StartedAt FROM WebhookSends WHERE Reference = %s"
           " AND Kind = %s AND State || '' = 'sent'"};

static const crm_db_statement_t by_message = {
    .label = "send_by_message",
    .sql = "SELECT ContactId, Recipient, StartedAt FROM WebhookSends WHERE MessageId = %s"
           " AND Kind = %s"};

/* Reports may have come before the provider's answer was noted. */
static const crm_db_statement_t adopt_reports = {
    .label = "send_adopt",
    .sql = "UPDATE WebhookEvents SET ContactId = (SELECT ContactId FROM WebhookSends"
           " WHERE MessageId = %s) WHERE Reference = %s AND ContactId IS NULL"
           " AND EventChannelId = %d"};

apr_status_t crm_send_find(crm_send_past_t *past, crm_db_t *db, const char *message_id,
                           apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, &select_row, CRM_DB_VALUES(message_id), pool);
    const char *name;
    int i;

    memset(past, 0, sizeof(*past));
    if (rv != APR_SUCCESS || rows.count == 0) {
        return rv;
    }
    name = crm_db_cell(&rows, 0, 0);
    for (i = CRM_SEND_CALLING; i <= CRM_SEND_RESEND; i++) {
        if (strcmp(state_names[i], name) == 0) {
            past->state = (crm_send_state_t)i;
        }
    }
    past->attempt = (int)crm_db_number(&rows, 0, 1);
    past->reason = crm_db_cell(&rows, 0, 2);
    past->provider = crm_db_cell(&rows, 0, 3);
    return APR_SUCCESS;
}

/* As addresses are compared: ASCII letters in lower case; a number stays as it is. */
static const char *recipient_of(const crm_send_t *send, apr_pool_t *pool)
{
    char *text = apr_pstrdup(pool, send->recipient);
    char *at;

    for (at = text; at && *at; at++) {
        *at = (char)apr_tolower(*at);
    }
    return text;
}

apr_status_t crm_send_begin(int *attempt, crm_db_t *db, const char *message_id,
                            const crm_send_t *send, apr_pool_t *pool)
{
    const char *recipient = recipient_of(send, pool);
    const char *contact = crm_db_id(send->contact_id, pool);
    const char *now = crm_date_text(apr_time_now() / 1000, pool);
    const char *known = crm_db_int(*attempt, pool);
    apr_status_t rv;
    int rows = 0;

    if (*attempt == 0) {
        rv = crm_db_execute(&rows, db, &insert_row,
                            CRM_DB_VALUES(message_id, send->kind, send->provider, recipient,
                                          contact, now, send->detail),
                            pool);
    }
    else {
        rv = crm_db_execute(&rows, db, &begin_again,
                            CRM_DB_VALUES(send->kind, send->provider, recipient, contact, now,
                                          send->detail, message_id, known),
                            pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    (*attempt)++;
    return rows ? APR_SUCCESS : CRM360_ECONFLICT;
}

/* At most `most` bytes, without cutting a character of UTF-8 in two. */
static const char *cut(const char *text, apr_size_t most, apr_pool_t *pool)
{
    if (!text || strlen(text) <= most) {
        return text;
    }
    while (most && ((unsigned char)text[most] & 0xC0) == 0x80) {
        most--;
    }
    return apr_pstrmemdup(pool, text, most);
}

apr_status_t crm_send_end(int *ours, crm_db_t *db, const char *message_id, int attempt,
                          const crm_send_outcome_t *outcome, apr_pool_t *pool)
{
    const char *now = crm_date_text(apr_time_now() / 1000, pool);

    return crm_db_execute(ours, db, &end_attempt,
                          CRM_DB_VALUES(state_names[outcome->state], now, outcome->reference,
                                        cut(outcome->code, CODE_MOST, pool),
                                        cut(outcome->reason, REASON_MOST, pool), message_id,
                                        crm_db_int(attempt, pool)),
                          pool);
}

apr_status_t crm_send_resend(int *changed, crm_db_t *db, const char *message_id, apr_pool_t *pool)
{
    return crm_db_execute(changed, db, &resend, CRM_DB_VALUES(message_id), pool);
}

/* Reads the row of a statement that asks for a name and a kind; of several the latest. */
static apr_status_t find_recipient(int *contact_id, const char **recipient, crm_db_t *db,
                                   const crm_db_statement_t *statement, const char *name,
                                   const char *kind, apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, statement, CRM_DB_VALUES(name, kind), pool);

    int i, latest = 0;

    for (i = 1; i < rows.count; i++) {
        if (strcmp(crm_db_cell(&rows, i, 2), crm_db_cell(&rows, latest, 2)) > 0) {
            latest = i;
        }
    }
    *contact_id = (int)crm_db_number(&rows, latest, 0);
    *recipient = crm_db_cell(&rows, latest, 1);
    return rv;
}

apr_status_t crm_send_by_reference(int *contact_id, const char **recipient, crm_db_t *db,
                                   const char *kind, const char *reference, apr_pool_t *pool)
{
    return find_recipient(contact_id, recipient, db, &by_reference, reference, kind, pool);
}

apr_status_t crm_send_by_message(int *contact_id, const char **recipient, crm_db_t *db,
                                 const char *kind, const char *message_id, apr_pool_t *pool)
{
    return find_recipient(contact_id, recipient, db, &by_message, message_id, kind, pool);
}

apr_status_t crm_send_adopt_reports(crm_db_t *db, const char *message_id, crm_channel_t channel,
                                    const char *reference, apr_pool_t *pool)
{
    return crm_db_execute(NULL, db, &adopt_reports,
                          CRM_DB_VALUES(message_id, reference, crm_db_int((int)channel, pool)),
                          pool);
}
