/*
 * Cleaning postal addresses of the database after NF Z 10-011 (crm/postal.h) against the post codes
 * that were imported (crm/postcode.h), step by step. What handlers use.
 *
 * An address gets the lines of the norm and a state (PostalAddressStates). Ambiguous ones get the
 * lines, but nothing that had to be guessed; rejected ones stay as they are.
 * Each address is cleaned from what stood there before its last check, so that cleaning again
 * changes nothing, and a newer table of post codes has its say. The notes of the guard stay
 * (crm/version.h): newer news of the address's source still counts.
 */
#ifndef CRM_ADDRESS_CLEAN_H
#define CRM_ADDRESS_CLEAN_H

#include <apr_time.h>

#include "crm/job.h"
#include "crm/postal.h"

/* One step of a job, inside one transaction. */
typedef struct crm_clean_t {
    crm_db_t *db;
    crm_job_t *job; /* counts what is done */
    int reference_empty;
    int left;         /* how many addresses more */
    apr_time_t until; /* crm360_clock() */
    /* Something is locked already. From then on nobody is waited for, since he may be waiting for
     * us: who is locked by somebody else is left to the next step. */
    int holds;
    apr_pool_t *pool; /* of what one address needs */
} crm_clean_t;

/* Begins a step: of at most 200 addresses or 40 ms, so that nobody waits long for the database. */
apr_status_t crm_clean_begin(crm_clean_t *clean, crm_db_t *db, crm_job_t *job, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Whether the step has had its share. Whoever asks does something first: each step gets further. */
int crm_clean_is_over(const crm_clean_t *clean);

/* Which addresses; 0 in a member = any. Never deleted ones. */
typedef struct crm_clean_choice_t {
    int source_id; /* contacts with an identifier of this source */
    int contact_id;
    int address_id;
    int zone_id; /* of the contact */
    int brand_id;
    int contact_address_type_id;
} crm_clean_choice_t;

/* The highest AddressId there is: where the job that takes all addresses ends. */
apr_status_t crm_clean_last(int *address_id, crm_db_t *db, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Cleans the chosen addresses from behind job->cursor on, up to job->total, as far as the step
 * goes; job->cursor says how far that was. */
apr_status_t crm_clean_all(crm_clean_t *clean, const crm_clean_choice_t *choice)
    __attribute__((warn_unused_result));

/* Cleans the chosen addresses at once, a contact's or a single one. APR_ENOENT: there are none.
 * APR_EBUSY: somebody else has the contact locked, nothing was done; end the step before it. */
apr_status_t crm_clean_few(crm_clean_t *clean, const crm_clean_choice_t *choice)
    __attribute__((warn_unused_result));

/* What somebody says of an address. */
typedef struct crm_clean_given_t {
    int said[CRM_POSTAL_VALUES]; /* 0 = the value stays as it is */
    const char *values[CRM_POSTAL_VALUES];
    const char *version; /* crm_version_make() */
    const char *writer;
} crm_clean_given_t;

/* Takes a contact for the transaction. APR_ENOENT: there is none, or it is deleted; APR_EBUSY as
 * above. */
apr_status_t crm_clean_take(crm_clean_t *clean, int contact_id) __attribute__((warn_unused_result));

/* Whether there is an address or a contact with that number, deleted or not; 0 = not given. */
apr_status_t crm_clean_exists(int *exists, crm_clean_t *clean, int address_id, int contact_id)
    __attribute__((warn_unused_result));

/* Whose an address is. APR_ENOENT: there is no such address, or it is deleted. */
apr_status_t crm_clean_owner(int *contact_id, crm_clean_t *clean, int address_id)
    __attribute__((warn_unused_result));

/* Puts what was given into an address, unless something newer is there, and cleans it. Nothing but
 * empty values says nothing. What is there already is no news: the address stays that of the source
 * that told it first. The contact is taken. */
apr_status_t crm_clean_given(crm_clean_t *clean, int address_id, const crm_clean_given_t *given)
    __attribute__((warn_unused_result));

/* The same for the address of a contact, brand and type; made when there is none. APR_ENOENT: there
 * is none, and nothing was given. */
apr_status_t crm_clean_place(crm_clean_t *clean, int contact_id, int brand_id,
                             int contact_address_type_id, const crm_clean_given_t *given)
    __attribute__((warn_unused_result));

#endif
