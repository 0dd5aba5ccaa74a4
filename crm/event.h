/*
 * WebhookEvents: the timeline, one row for each thing that a webhook tells has happened. What
 * handlers use. An event that is told again adds no row: of several messages that tell it, the row
 * is that of the first, by its id, in whatever order they are done. Rows are kept for
 * Crm360EventKeep.
 */
#ifndef CRM_EVENT_H
#define CRM_EVENT_H

#include "crm/db.h"
#include "crm/point.h"

/* EventChannels */
typedef enum {
    CRM_CHANNEL_SMS = 1,
    CRM_CHANNEL_EMAIL,
    CRM_CHANNEL_WEB,
    CRM_CHANNEL_STORE,
    CRM_CHANNEL_HELP_DESK,
    CRM_CHANNEL_WALLET
} crm_channel_t;

/* EventCategories */
typedef enum {
    CRM_CATEGORY_TRANSACTIONAL = 1,
    CRM_CATEGORY_MARKETING,
    CRM_CATEGORY_DELIVERY_REPORT,
    CRM_CATEGORY_REACTION,
    CRM_CATEGORY_CONSENT,
    CRM_CATEGORY_PARTICIPATION,
    CRM_CATEGORY_OTHER
} crm_category_t;

typedef struct crm_event_t {
    int source_id;
    /* What makes it one event of that source. Any length: it is stored as it is up to 100 bytes, a
     * longer one as its digest. */
    const char *identifier;
    const char *message_id;
    const char
        *kind; /* "email.open", "sms.delivered", ...: constant words, listed in doc/handlers.txt */
    crm_channel_t channel;
    crm_category_t category;
    apr_int64_t at_ms; /* since 1970 */
    int contact_id;    /* 0 = whoever has the address, now or later */
    crm_point_kind_t address_kind;
    const char *address;   /* mail address, or E.164; NULL = none */
    const char *reference; /* the provider's number of the message that was sent, NULL = none */
    const char *detail;    /* JSON text of what else is to be known, NULL = nothing */
} crm_event_t;

/* Adds an event. *fresh (may be NULL) is 0 when it was there already; of several messages that tell
 * of one event, all of the row is that of the first to arrive. Errors as crm_db_begin(). */
apr_status_t crm_event_add(int *fresh, crm_db_t *db, const crm_event_t *event, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Gives the events of an address that belong to nobody yet to a contact. For crm/person.c. */
apr_status_t crm_event_adopt(crm_db_t *db, crm_point_kind_t kind, const char *address,
                             int contact_id, apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
