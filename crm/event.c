/*
 * The rows of WebhookEvents (see event.h). Must never change one, but for whom it belongs to, and
 * for an event that another message had told before: then the row is that one's.
 */
#include "crm/event.h"

#include <apr_sha1.h>
#include <apr_strings.h>

#include <string.h>

#include "crm/date.h"
#include "crm/db_private.h"
#include "crm/match.h"

#define IDENTIFIER_MOST 100

static const crm_db_statement_t insert_row = {
    .label = "event_insert",
    .sql = "INSERT INTO WebhookEvents (SourceId, EventIdentifier, MessageId, ContactId, Kind, At,"
           " EventChannelId, EventCategoryId, Address, Reference, Detail)"
           " VALUES (%d, %s, %s, %d, %s, %s, %d, %d, %s, %s, %s) ON CONFLICT DO NOTHING"};

/* Ids of messages sort by arrival. */
static const crm_db_statement_t update_row = {
    .label = "event_update",
    .sql = "UPDATE WebhookEvents SET MessageId = %s, Kind = %s, At = %s, EventChannelId = %d,"
           " EventCategoryId = %d, Address = %s, Reference = %s, Detail = %s"
           " WHERE SourceId = %d AND EventIdentifier = %s AND MessageId > %s"};

static const crm_db_statement_t adopt_rows = {
    .label = "event_adopt",
    .sql = "UPDATE WebhookEvents SET ContactId = %d WHERE Address = %s AND ContactId IS NULL"};

/* Short, and of a length that any index takes. */
static const char *short_identifier(const char *identifier, apr_pool_t *pool)
{
    unsigned char digest[APR_SHA1_DIGESTSIZE];
    char *hex = apr_palloc(pool, 2 * APR_SHA1_DIGESTSIZE + 1);
    apr_size_t length = strlen(identifier);
    apr_sha1_ctx_t context;
    int i;

    if (length <= IDENTIFIER_MOST) {
        return identifier;
    }
    apr_sha1_init(&context);
    apr_sha1_update(&context, identifier, (unsigned int)length);
    apr_sha1_final(digest, &context);
    for (i = 0; i < APR_SHA1_DIGESTSIZE; i++) {
        apr_snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
    return hex;
}

/* The address as it is stored: the value in a match key. */
static const char *address_of(crm_point_kind_t kind, const char *address, apr_pool_t *pool)
{
    return strchr(crm_match_key(kind, address, pool), ':') + 1;
}

/* Adds the row; one that is there becomes that of the message that came first. */
static apr_status_t write_row(int *added, crm_db_t *db, const crm_event_t *event, int contact_id,
                              apr_pool_t *pool)
{
    const char *source = crm_db_int(event->source_id, pool);
    const char *identifier = short_identifier(event->identifier, pool);
    const char *at = crm_date_text(event->at_ms, pool);
    const char *channel = crm_db_id((int)event->channel, pool);
    const char *category = crm_db_id((int)event->category, pool);
    const char *address =
        event->address ? address_of(event->address_kind, event->address, pool) : NULL;
    apr_status_t rv = crm_db_execute(
        added, db, &insert_row,
        CRM_DB_VALUES(source, identifier, event->message_id, crm_db_id(contact_id, pool),
                      event->kind, at, channel, category, address, event->reference, event->detail),
        pool);

    if (rv == APR_SUCCESS && !*added) {
        rv = crm_db_execute(NULL, db, &update_row,
                            CRM_DB_VALUES(event->message_id, event->kind, at, channel, category,
                                          address, event->reference, event->detail, source,
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

    if (event->address) {
        /* Held, so that whoever gets this address meanwhile finds the event, or we find him. */
        rv = crm_match_hold(&match, db, event->address_kind, event->address, pool);
        if (rv == APR_SUCCESS && !contact_id) {
            rv = crm_match_contact(&contact_id, db, event->address_kind, event->address, pool);
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
