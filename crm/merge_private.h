/* What crm/merge*.c and crm/dedup.c share, and their tests look at. */
#ifndef CRM_MERGE_PRIVATE_H
#define CRM_MERGE_PRIVATE_H

#include <apr_tables.h>

#include "crm/db_private.h"
#include "crm/duplicate.h"

/* A contact as a run sees it. */
typedef struct crm_merge_seen_t {
    crm_suspect_t suspect; /* its contact_id is set */
    int deleted;           /* then nothing else is known */
    const char *digest;    /* of everything in `suspect` */
} crm_merge_seen_t;

/* At most CRM_MERGE_RANGE contacts behind ContactId `after`, deleted ones too, in their order. */
#define CRM_MERGE_RANGE 200
apr_status_t crm_merge_read_range(apr_array_header_t **seen, crm_db_t *db, int after,
                                  apr_pool_t *pool) __attribute__((warn_unused_result));

/* One contact; an empty array when there is none. */
apr_status_t crm_merge_read_one(apr_array_header_t **seen, crm_db_t *db, int contact_id,
                                apr_pool_t *pool) __attribute__((warn_unused_result));

/* A table whose rows belong to a contact and simply move. */
typedef struct crm_merge_table_t {
    const char *table;
    int is_text; /* its key, for Detail, is a text */
    crm_db_statement_t list;
    crm_db_statement_t move;
} crm_merge_table_t;

extern const crm_merge_table_t crm_merge_tables[]; /* ended by a table NULL */

/* The columns of Contacts and Addresses whose old values are kept in Detail: all but the keys, and
 * DeletionFlag of Contacts. Ended by NULL. */
extern const char *const crm_merge_contact_columns[];
extern const char *const crm_merge_address_columns[];
extern const char *const crm_merge_check_columns[]; /* of WebhookAddressChecks */

/* Changes what two contacts own into what one does: steps 4 to 7 of merge.h. *detail becomes
 * what is to be stored in WebhookMerges.Detail. Both are locked. */
apr_status_t crm_merge_rows(const char **detail, crm_db_t *db, int kept_id, int merged_id,
                            apr_pool_t *pool) __attribute__((warn_unused_result));

/* Step 8. */
apr_status_t crm_merge_reviews(crm_db_t *db, int kept_id, int merged_id, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* 16 hexadecimal digits that stand for a text. In `pool`. */
const char *crm_merge_digest(const char *text, apr_pool_t *pool);

#endif
