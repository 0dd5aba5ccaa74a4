/*
 * WebhookDuplicateKeys: under which keys each contact is found. Private to crm/dedup*.c. Keys are
 * digests of crm_duplicate_keys(), so that the table holds no names. A contact whose keys are out
 * of date is not found by what is new; whoever is found is always read and compared as it is now.
 */
#ifndef CRM_DEDUP_KEYS_H
#define CRM_DEDUP_KEYS_H

#include "crm/merge_private.h"

/* The keys of a contact: const char *, in `pool`. */
apr_array_header_t *crm_dedup_keys_of(const crm_suspect_t *suspect, apr_pool_t *pool);

/* Brings the keys of at most CRM_MERGE_RANGE contacts behind `after` up to date. *last is the last
 * of them, 0 when there are none. */
apr_status_t crm_dedup_keys_range(int *last, crm_db_t *db, int after, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Brings those of one contact up to date, which may be deleted, or gone. */
apr_status_t crm_dedup_keys_one(crm_db_t *db, int contact_id, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The other contacts that share a key with this one: int, ascending, each once. *left_out is set
 * when there are more than `most` of a key, or of two keys, that are not among them. */
apr_status_t crm_dedup_candidates(apr_array_header_t **ids, int *left_out, crm_db_t *db,
                                  const crm_suspect_t *suspect, int most, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
