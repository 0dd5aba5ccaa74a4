/*
 * Looking up the numbers of a URI (see place.h). Must never make a source, zone or brand: which
 * there are is for the tenant to say.
 */
#include "crm/place.h"

#include <apr_strings.h>

#include "core/log.h"
#include "crm/date.h"
#include "crm/db_private.h"

/* 1 for each that is known; a number that is not given counts as known. */
static const crm_db_statement_t select_known = {
    .label = "place_known",
    .sql = "SELECT (SELECT COUNT(*) FROM Sources WHERE SourceId = %d),"
           " (SELECT COUNT(*) FROM Zones WHERE ZoneId = %d),"
           " (SELECT COUNT(*) FROM Brands WHERE BrandId = %d),"
           " (SELECT COUNT(*) FROM ContactAddressTypes WHERE ContactAddressTypeId = %d)"};

static const crm_db_statement_t select_noted = {
    .label = "place_noted", .sql = "SELECT 1 FROM WebhookUnknownIds WHERE Kind = %s AND Id = %d"};

static const crm_db_statement_t insert_unknown = {
    .label = "place_unknown",
    .sql = "INSERT INTO WebhookUnknownIds (Kind, Id, SeenAt, MessageId) VALUES (%s, %d, %s, %s)"
           " ON CONFLICT DO NOTHING"};

/* Notes a number once. Looked up first: an insert would wait for a parallel one. */
static apr_status_t note_unknown(crm_db_t *db, const char *kind, const char *table, int id,
                                 const char *message_id, apr_pool_t *pool)
{
    const char *number = crm_db_int(id, pool);
    const char *now = crm_date_text(apr_time_now() / 1000, pool);
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, &select_noted, CRM_DB_VALUES(kind, number), pool);
    int added = 0;

    if (rv == APR_SUCCESS && rows.count == 0) {
        rv = crm_db_execute(&added, db, &insert_unknown,
                            CRM_DB_VALUES(kind, number, now, message_id), pool);
    }
    if (added) {
        crm360_log(CRM360_LOG_INFO, APR_SUCCESS,
                   "%s: %s %d is not in %s; it is kept, and noted in WebhookUnknownIds", message_id,
                   kind, id, table);
    }
    return rv;
}

apr_status_t crm_place_check(crm_db_t *db, const crm_place_t *place, const char *message_id,
                             apr_pool_t *pool)
{
    const struct {
        const char *kind;
        const char *table;
        int id;
    } ids[] = {{"SourceId", "Sources", place->source_id},
               {"ZoneId", "Zones", place->zone_id},
               {"BrandId", "Brands", place->brand_id},
               {"ContactAddressTypeId", "ContactAddressTypes", place->contact_address_type_id}};
    const char *values[4], *text = "place";
    crm_db_rows_t rows;
    apr_status_t rv;
    int i;

    for (i = 0; i < 4; i++) {
        values[i] = crm_db_int(ids[i].id, pool);
        text = apr_pstrcat(pool, text, " ", values[i], NULL);
    }
    if (crm_db_remembers(db, text)) {
        return APR_SUCCESS;
    }
    rv = crm_db_select(&rows, db, &select_known, values, 4, pool);
    for (i = 0; i < 4 && rv == APR_SUCCESS; i++) {
        if (ids[i].id && crm_db_number(&rows, 0, i) == 0) {
            rv = note_unknown(db, ids[i].kind, ids[i].table, ids[i].id, message_id, pool);
        }
    }
    if (rv == APR_SUCCESS) {
        crm_db_remember(db, text);
    }
    return rv;
}
