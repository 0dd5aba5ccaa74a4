/*
 * ContactIdentifiers: what a source calls a contact, and whether that source has deleted it.
 * Private to crm/. A deletion is kept as a mark in WebhookVersions, where it can stand before the
 * identifier itself is known.
 */
#ifndef CRM_IDENTIFIER_H
#define CRM_IDENTIFIER_H

#include "crm/db.h"

/* "<SourceId>:<Identifier>", in `pool`: the primary key, the writer in the guard's notes. */
const char *crm_identifier_key(int source_id, const char *identifier, apr_pool_t *pool);

/* Takes the identifier for this transaction, so that messages about one person follow each other.
 * *deleted says whether it carries the mark of deletion. */
apr_status_t crm_identifier_lock(int *deleted, crm_db_t *db, const char *key, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Sets the mark of deletion for good. */
apr_status_t crm_identifier_bury(crm_db_t *db, const char *key, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* *contact_id is 0 when the identifier is not known. */
apr_status_t crm_identifier_find(int *contact_id, crm_db_t *db, int source_id,
                                 const char *identifier, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* CRM360_ECONFLICT when somebody else has just added it. */
apr_status_t crm_identifier_add(crm_db_t *db, int source_id, const char *identifier, int contact_id,
                                apr_pool_t *pool) __attribute__((warn_unused_result));

/* Whether the contact has an identifier of this source. */
apr_status_t crm_identifier_of_source(int *there, crm_db_t *db, int contact_id, int source_id,
                                      apr_pool_t *pool) __attribute__((warn_unused_result));

/* How many of a contact's identifiers carry no mark of deletion. */
apr_status_t crm_identifier_live(int *live, crm_db_t *db, int contact_id, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
