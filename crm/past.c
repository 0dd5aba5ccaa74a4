/* Rows of WebhookInbox and WebhookSends by message id. Must never lock one: workers wait for it. */
#include "crm/past.h"

#include <string.h>

#include "crm/date.h"
#include "crm/db_private.h"

#define AT_ONCE 10 /* ids in one statement: looked up by the primary key, in any collation */
#define TEN "(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"

static const crm_db_statement_t inbox_rows = {
    .label = "past_inbox",
    .sql = "SELECT MessageId, ProcessedAt FROM WebhookInbox WHERE MessageId IN " TEN};

static const crm_db_statement_t send_rows = {
    .label = "past_sends",
    .sql = "SELECT MessageId, Kind, Provider, State, Attempt, StartedAt, EndedAt, Reference, Code,"
           " Reason FROM WebhookSends WHERE MessageId IN " TEN};

static apr_time_t time_of(const char *text)
{
    apr_int64_t ms;

    return text && crm_date_parse(&ms, text) == APR_SUCCESS ? apr_time_from_msec(ms) : 0;
}

/* The one of `count` ids that a row is about. */
static crm_past_t *past_of(crm_past_t *pasts, const char *const *ids, int count, const char *id)
{
    int i;

    for (i = 0; i < count; i++) {
        if (id && strcmp(ids[i], id) == 0) {
            return &pasts[i];
        }
    }
    return NULL;
}

static void take_send(crm_past_t *past, const crm_db_rows_t *rows, int row)
{
    past->kind = crm_db_cell(rows, row, 1);
    past->provider = crm_db_cell(rows, row, 2);
    past->state = crm_db_cell(rows, row, 3);
    past->attempt = (int)crm_db_number(rows, row, 4);
    past->started = time_of(crm_db_cell(rows, row, 5));
    past->ended = time_of(crm_db_cell(rows, row, 6));
    past->reference = crm_db_cell(rows, row, 7);
    past->code = crm_db_cell(rows, row, 8);
    past->reason = crm_db_cell(rows, row, 9);
}

/* At most AT_ONCE of them. */
static apr_status_t find_some(crm_past_t *pasts, crm_db_t *db, const char *const *ids, int count,
                              apr_pool_t *pool)
{
    const char *values[AT_ONCE];
    crm_db_rows_t rows;
    crm_past_t *past;
    apr_status_t rv;
    int i;

    for (i = 0; i < AT_ONCE; i++) {
        values[i] = ids[i < count ? i : 0];
    }
    rv = crm_db_select(&rows, db, &inbox_rows, values, AT_ONCE, pool);
    for (i = 0; rv == APR_SUCCESS && i < rows.count; i++) {
        past = past_of(pasts, ids, count, crm_db_cell(&rows, i, 0));
        if (past) {
            past->processed = time_of(crm_db_cell(&rows, i, 1));
        }
    }
    if (rv == APR_SUCCESS) {
        rv = crm_db_select(&rows, db, &send_rows, values, AT_ONCE, pool);
    }
    for (i = 0; rv == APR_SUCCESS && i < rows.count; i++) {
        past = past_of(pasts, ids, count, crm_db_cell(&rows, i, 0));
        if (past) {
            take_send(past, &rows, i);
        }
    }
    return rv;
}

apr_status_t crm_past_find(crm_past_t **pasts, crm_db_t *db, const char *const *ids, int count,
                           apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    *pasts = apr_pcalloc(pool, ((apr_size_t)count + 1) * sizeof(**pasts));
    for (i = 0; i < count && rv == APR_SUCCESS; i += AT_ONCE) {
        rv = find_some(*pasts + i, db, ids + i, count - i < AT_ONCE ? count - i : AT_ONCE, pool);
    }
    return rv;
}
