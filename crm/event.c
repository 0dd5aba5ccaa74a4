/*
 * The rows of WebhookEvents (see event.h). Must never change one, but for whom it belongs to, and
 * for an event that another message had told before: then the row is that one's.
 */
#include "crm/event.h"

#include <string.h>

#include "crm/date.h"
#include "crm/db_private.h"
#include "crm/entity.h"
#include "crm/match.h"

#define IDENTIFIER_MOST 100
#define REFERENCE_MOST 255

static const crm_db_statement_t insert_row = {
    .label = "event_insert",
    .sql = "INSERT INTO WebhookEvents (SourceId, EventIdentifier, MessageId, ContactId, Kind, At,"
           " EventChannelId, EventCategoryId, Address, Reference, Detail)"
           " VALUES (%d, %s, %s, %d, %s, %s, %d, %d, %s, %s, %s) ON CONFLICT DO NOTHING"};

/* Ids of messages sort by arrival. */
static const crm_db_statement_t update_row = {
    .label = "event_update",
    .sql = "UPDATE WebhookEvents SET MessageId = %s, ContactId = %d, Kind = %s, At = %s,"
           " EventChannelId = %d, EventCategoryId = %d, Address = %s, Reference = %s, Detail = %s"
           " WHERE SourceId = %d AND EventIdentifier = %s AND MessageId > %s"};

static const crm_db_statement_t adopt_rows = {
    .label = "event_adopt",
    .sql = "UPDATE WebhookEvents SET ContactId = %d WHERE Address = %s AND ContactId IS NULL"};

/* The address as it is stored: the value in a match key. */
static const char *address_of(crm_point_kind_t kind, const char *address, apr_pool_t *pool)
{
    return strchr(crm_match_key(kind, address, pool), ':') + 1;
}

static int has_address(const crm_event_t *event)
{
    return event->address && *event->address;
}

/* Adds the row; one that is there becomes that of the message that came first. */
static apr_status_t write_row(int *added, crm_db_t *db, const crm_event_t *event, int contact_id,
                              apr_pool_t *pool)
{
    const char *source = crm_db_int(event->source_id, pool);
    const char *identifier = crm_entity_identifier(event->identifier, IDENTIFIER_MOST, pool);
    const char *reference =
        event->reference ? crm_entity_identifier(event->reference, REFERENCE_MOST, pool) : NULL;
    const char *contact = crm_db_id(contact_id, pool);
    const char *at = crm_date_text(event->at_ms, pool);
    const char *channel = crm_db_id((int)event->channel, pool);
    const char *category = crm_db_id((int)event->category, pool);
    const char *address =
        has_address(event) ? address_of(event->address_kind, event->address, pool) : NULL;
    apr_status_t rv =
        crm_db_execute(added, db, &insert_row,
                       CRM_DB_VALUES(source, identifier, event->message_id, contact, event->kind,
                                     at, channel, category, address, reference, event->detail),
                       pool);

    if (rv == APR_SUCCESS && !*added) {
        rv = crm_db_execute(NULL, db, &update_row,
                            CRM_DB_VALUES(event->message_id, contact, event->kind, at, channel,
                                          category, address, reference, event->detail, source,
                                          identifier, event->message_id),
                            pool);
    }
    return rv;
}

apr_status_t crm_event_add(int *fresh, crm_db_t *db, const crm_event_t *event, apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    int contact_id = event->contact_id, added = 0;
    crm_match_t match;

    if (has_address(event)) {
        /* Held, so that whoever gets this address meanwhile finds the event, or we find him. */
        rv = crm_match_hold(&match, db, event->address_kind, event->address, pool);
        if (rv == APR_SUCCESS && !contact_id) {
            rv = crm_match_held_contact(&contact_id, db, &match, pool);
        }
    }
    if (rv == APR_SUCCESS) {
        rv = write_row(&added, db, event, contact_id, pool);
    }
    if (fresh) {
        *fresh = added;
    }
    return rv;
}

apr_status_t crm_event_adopt(crm_db_t *db, crm_point_kind_t kind, const char *address,
                             int contact_id, apr_pool_t *pool)
{
    return crm_db_execute(
        NULL, db, &adopt_rows,
        CRM_DB_VALUES(crm_db_int(contact_id, pool), address_of(kind, address, pool)), pool);
}
