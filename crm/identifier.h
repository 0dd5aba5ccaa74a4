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

/* Which contacts are not taken for a person of this source, although mail address or number agree,
 * because the source already calls them something else. A name made of a mail address or number
 * (crm_person_identify()) is "email:..." or "phone:...". */
typedef enum {
    CRM_IDENTIFIER_ANY,   /* none is refused */
    CRM_IDENTIFIER_NAMED, /* those with a name of the source's own */
    CRM_IDENTIFIER_OTHER  /* those, and those known by a mail address */
} crm_identifier_rule_t;

/* Conditions on a row of ContactIdentifiers, by its alias in the statement. */
#define CRM_IDENTIFIER_IS_NAMED(row) "SUBSTR(" row ".Identifier, 1, 6) NOT IN ('email:', 'phone:')"
#define CRM_IDENTIFIER_IS_OTHER(row) "SUBSTR(" row ".Identifier, 1, 6) <> 'phone:'"

/* Whether the rule refuses a contact. */
apr_status_t crm_identifier_refuses(int *refuses, crm_db_t *db, int contact_id, int source_id,
                                    crm_identifier_rule_t rule, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* How many of a contact's identifiers carry no mark of deletion; those made of a mail address or
 * number do not count beside a name of the source's own. */
apr_status_t crm_identifier_live(int *live, crm_db_t *db, int contact_id, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
