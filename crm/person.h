/*
 * A person as one source tells of it: found or made in Contacts, with its identifier and one
 * address. What handlers use; the tables behind it are contact.h, address.h, identifier.h. Any set
 * of messages about one identifier gives the same rows, in whatever order and however often.
 */
#ifndef CRM_PERSON_H
#define CRM_PERSON_H

#include "crm/address.h"
#include "crm/contact.h"
#include "crm/db.h"
#include "crm/version.h"

#define CRM_IDENTIFIER_MOST 255 /* bytes of an identifier */

typedef struct crm_person_t {
    int source_id;
    const char *identifier; /* what the source calls the person; at most CRM_IDENTIFIER_MOST */
    /* The source has no name of its own for the person: the identifier is made of the mail address
     * or number (crm_person_identify()), and tells nobody apart. */
    int unnamed;
    int brand_id;                /* which address; 0 = NULL */
    int contact_address_type_id; /* likewise */
    crm_news_t contact[CRM_CONTACT_GROUPS];
    crm_news_t address[CRM_ADDRESS_GROUPS];
} crm_person_t;

/* For a source that has no id of its own for people: makes the identifier, "email:<address>", else
 * "phone:<E.164>", of what the address groups say. Returns 0 when they say neither: such a person
 * cannot be saved. In `pool`. */
int crm_person_identify(crm_person_t *person, apr_pool_t *pool);

/* Saves what a message says, inside the caller's transaction. The contact is the one with this
 * identifier; else the one with this mail address, else with this mobile number; else a new one. A
 * contact that the same source already calls by another name is not taken for it (families share
 * phones); crm/identifier.h has the rule. Nobody is merged here: of whom only a later message tells
 * that they are one, they stay two. If the source has deleted the identifier, the data is written
 * and the contact stays flagged. *contact_id may be NULL. Errors
 * as crm_db_begin(), or CRM360_EDATA. */
apr_status_t crm_person_save(int *contact_id, crm_db_t *db, const crm_person_t *person,
                             apr_pool_t *pool) __attribute__((warn_unused_result));

/* The source has deleted the person: marks the identifier for good, known or not, and flags the
 * contact and its addresses once all its identifiers are marked. Never removes a row. */
apr_status_t crm_person_delete(crm_db_t *db, int source_id, const char *identifier,
                               apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
