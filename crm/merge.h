/*
 * Making one contact of two. Never removes a row of a person, never merges what crm/duplicate.h
 * does not call MERGE (or somebody has called "same"), and never without a row of WebhookMerges
 * that says why, and what was there before.
 *
 * Which stays. The one with the smaller ContactId is kept, the other is merged into it and gets
 * DeletionFlag 1. So merges never run in a circle, and following them ends.
 *
 * What is done, in this order; it is the order in which person.c locks:
 *
 *   1. Take the marks of all identifiers of both (crm/mark.h), in the order of their keys, then the
 *      match keys of both (crm/match.h), likewise: no message about either of them is on its way
 *      then, and nobody gives them an event.
 *   2. Lock both contacts, the smaller ContactId first. One is deleted: nothing to do. They have
 *      got an identifier or a match key meanwhile: CRM360_ECONFLICT, run it again.
 *   3. Read both again and judge: what came of an earlier merge is compared as it is now. So chains
 *      do not form by themselves. Only MERGE goes on.
 *   4. Contacts. Of each group the newer version stands, and the notes are joined (crm/version.h):
 *      the columns are what they would be, had both sources written to one contact from the
 *      beginning, and messages that are still to come find their order. Other columns are filled
 *      where they are empty. A consent withdrawn on either side is withdrawn.
 *   5. Addresses. Where the kept contact has none for (BrandId, ContactAddressTypeId), the row
 *      moves as it is. Where it has one, the two are joined (crm/address.h), and the other row
 *      stays with the merged contact; one that is flagged is left alone.
 *   6. ContactIdentifiers and WebhookMatches: all to the kept contact.
 *   7. What belongs to a contact gets the other ContactId, flagged or not (crm_merge_tables).
 *   8. Decisions of WebhookReviews move along; what nobody has decided is asked anew.
 *   9. The merged contact: DeletionFlag 1, also on its addresses that are left. Its columns stay.
 *  10. WebhookMerges: one row.
 *
 * Doing it again changes nothing: a merged contact is deleted, and step 2 ends it. A message that
 * found one of the two before the merge has its identifier or match key taken: it goes first, or
 * finds the kept contact, or gets CRM360_ECONFLICT and runs again.
 */
#ifndef CRM_MERGE_H
#define CRM_MERGE_H

#include "crm/db.h"
#include "crm/duplicate.h"

/* All that is known of a contact that is not deleted, from Contacts and those of its Addresses
 * that are not. APR_ENOENT for any other. In `pool`. Errors as crm_db_begin(). */
apr_status_t crm_merge_read(crm_suspect_t *suspect, crm_db_t *db, int contact_id, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* What is to become of two contacts: crm_duplicate_compare(), and
 *   - what a person has decided (WebhookReviews.Decision): NO for "apart", MERGE for "same" and a
 *     pair that is at least one for REVIEW;
 *   - that a source keeps them apart: when both have a name of the source's own in one source, a
 *     name that is missing on a side makes MERGE a REVIEW. */
apr_status_t crm_merge_judge(crm_duplicate_t *result, crm_db_t *db, const crm_suspect_t *a,
                             const crm_suspect_t *b, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Locks and judges two contacts, and merges them when that says MERGE. *result says what it was;
 * its verdict is CRM_DUPLICATE_NO as well when one of them is gone. Inside the caller's
 * transaction; on an error its savepoint is to be rolled back. `message_id` is for
 * WebhookMerges. Errors as crm_db_begin(), or CRM360_ECONFLICT. */
apr_status_t crm_merge_pair(crm_duplicate_t *result, crm_db_t *db, int contact_id,
                            int other_contact_id, const char *message_id, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Puts a pair into WebhookReviews, or brings its row up to date. *written: there was something to
 * write. */
apr_status_t crm_merge_note(int *written, crm_db_t *db, int contact_id, int other_contact_id,
                            const crm_duplicate_t *result, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
