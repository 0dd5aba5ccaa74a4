/*
 * WebhookAddressChecks: what the last check of an address found, put there, and why. Private to
 * crm/. A source knows nothing of a check: with every update it sends the address that it has, and
 * must not undo what was cleaned.
 */
#ifndef CRM_ADDRESS_CHECK_H
#define CRM_ADDRESS_CHECK_H

#include "crm/db.h"
#include "crm/postal.h"

typedef struct crm_address_check_t {
    int state;          /* crm_postal_verdict_t; 0 = the address was never checked */
    const char *reason; /* NULL = nothing to remark */
    const char *input;  /* the postal values before, crm_address_check_text() */
    const char *output; /* and after */
} crm_address_check_t;

/* CRM_POSTAL_VALUES values as JSON text, in `pool`: equal values give equal texts, NULL and "" are
 * the same. */
const char *crm_address_check_text(const char *const *values, apr_pool_t *pool);

/* The values of such a text, in `pool`; NULL = empty. 0 when it is none. */
int crm_address_check_values(const char **values, const char *text, apr_pool_t *pool);

/* Reads the check of an address. */
apr_status_t crm_address_check_load(crm_address_check_t *check, crm_db_t *db, int address_id,
                                    apr_pool_t *pool) __attribute__((warn_unused_result));

/* Writes it, in place of the last one. */
apr_status_t crm_address_check_save(const crm_address_check_t *check, crm_db_t *db, int address_id,
                                    const char *message_id, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* A source has put `values` into an address: what was checked already, before or after the check,
 * becomes what the check made of it, with its state; *state is NULL when nobody has checked it.
 * For crm/address.c. */
apr_status_t crm_address_check_recall(const char **values, const char **state, crm_db_t *db,
                                      int address_id, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
