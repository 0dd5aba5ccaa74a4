/*
 * Recognising a person by mail address or mobile number. Private to crm/, but for
 * crm_match_contact(), by which handlers ask whose an address is.
 *
 * People are searched in Addresses, so that rows of any origin are found. WebhookMatches only keeps
 * two transactions from making the same person at once: look first, then search, and claim what was
 * found free after the contact was made; of two at once one gets CRM360_ECONFLICT and runs again.
 */
#ifndef CRM_MATCH_H
#define CRM_MATCH_H

#include "crm/db.h"
#include "crm/identifier.h"
#include "crm/point.h"

/* Bytes of a mail address (RFC 5321 4.5.3.1.3, without the angle brackets); numbers are shorter. */
#define CRM_MATCH_MOST 254

typedef struct crm_match_t {
    crm_point_kind_t kind;
    /* The mail address in lower case, or the E.164 number; NULL = none, every call does nothing. */
    const char *value;
    const char *key; /* in WebhookMatches */
    int exists;      /* the key was there when it was looked up */
    int owner;       /* who held it then; 0 = nobody */
} crm_match_t;

/* "email:<address in lower case>" or "phone:<E.164>", in `pool`. */
const char *crm_match_key(crm_point_kind_t kind, const char *value, apr_pool_t *pool);

/* Looks the key up, and takes it for this transaction if it is there. `value` is borrowed and may
 * be NULL or empty. CRM360_EDATA: it has more than CRM_MATCH_MOST. */
apr_status_t crm_match_look(crm_match_t *match, crm_db_t *db, crm_point_kind_t kind,
                            const char *value, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Looks the key up and takes it, making it for nobody when it is not there: then no address can get
 * this value until the transaction ends. */
apr_status_t crm_match_hold(crm_match_t *match, crm_db_t *db, crm_point_kind_t kind,
                            const char *value, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Searches a contact that is not deleted, has this value in an address that is not deleted, and is
 * not refused by the rule. The oldest of several; 0 = none. */
apr_status_t crm_match_find(int *contact_id, crm_db_t *db, const crm_match_t *match, int source_id,
                            crm_identifier_rule_t rule, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Whose this mail address or number is: of the contact that has it in an address and is not
 * deleted, else of the one that has the key, deleted or not. 0 = nobody's. Takes nothing. */
apr_status_t crm_match_contact(int *contact_id, crm_db_t *db, crm_point_kind_t kind,
                               const char *value, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The same of a key that is held. */
apr_status_t crm_match_held_contact(int *contact_id, crm_db_t *db, const crm_match_t *match,
                                    apr_pool_t *pool) __attribute__((warn_unused_result));

/* Takes the key for a contact; `created` = the contact was made in this transaction, which alone
 * may take a key from another contact. CRM360_ECONFLICT: somebody took it since it was looked
 * up. */
apr_status_t crm_match_claim(crm_db_t *db, const crm_match_t *match, int contact_id, int created,
                             apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
