/*
 * Making one contact of two. Not built yet: this is what crm/merge.c has to do, stated before it
 * is written. It will never remove a row, never merge what crm/duplicate.h does not call MERGE,
 * and never do so without a row of WebhookMerges that says why.
 *
 * Which stays. The one with the smaller ContactId is kept, the other is merged into it and gets
 * DeletionFlag 1. So merges never run in a circle, and following them ends.
 *
 * One merge is one savepoint, in this order; it is the order in which person.c locks:
 *
 *   1. Take the marks of all identifiers of both (crm/mark.h), in the order of their keys: no
 *      message about either of them is on its way then.
 *   2. Lock both contacts, the smaller ContactId first. Either is deleted meanwhile: nothing to
 *   do. 3. Read both again and compare them: the pair came from a list that may be old, and the
 *   kept
 *      one may have grown by an earlier merge of the same run. Only MERGE goes on; REVIEW is noted
 *      (below). This is also what keeps chains from forming.
 *   4. The source keeps them apart: if both have an identifier of one source that is a name of its
 *      own (not "email:..." or "phone:..."), the rules that rest on a missing name ("email", and
 *      "name+email" with a name missing) are REVIEW, not MERGE.
 *   5. Contacts. Of each group the newer version stands, as crm/version.h has it, and the notes of
 *   both
 *      are joined: for every writer the later "empty". Then the columns are what they would be,
 *      had both sources written to one contact from the beginning, and messages that are still to
 *      come find their order. A group or column without notes (written by hand, by RNVP) is filled
 *      from the merged contact where it is empty, and else left. GlobalOptin, GlobalPartnerOptin:
 *      0 of either wins over 1, and 1 over NULL.
 *   6. Addresses. Where the kept contact has none for (BrandId, ContactAddressTypeId), the row is
 *      moved: its ContactId changes, its AddressId and notes do not. Where it has one, flagged or
 *      not, groups are joined as in 5, and the other row stays with the merged contact, flagged.
 *      The postal lines are one group and never mixed of two. Each consent: 0 of either wins over
 *      1, with the newer of the two versions, so that only a later consent turns it again. States
 *      go with the value they are about; WebhookPoints is asked again for the value that stands.
 *   7. ContactIdentifiers: all to the kept contact. (SourceId, Identifier) stays unique, and two
 *   of
 *      one source are allowed: that is somebody with two accounts. Marks of deletion stay as they
 *      are; the kept contact is flagged when none of all its identifiers is without one.
 *   8. What belongs to a contact gets the other ContactId, flagged or not: PurchaseHeaders,
 *      Vouchers, Cases, ContactInterests, WebhookEvents, and LoyaltyCards, LoyaltyPoints when
 *      they come. One table in merge.c lists them; a test compares it with the schema, so that no
 *      table with a ContactId is forgotten.
 *   9. WebhookMatches: all keys to the kept contact. Keys are unique, so nothing collides.
 *  10. The merged contact: DeletionFlag 1, also on its addresses that are left. Its columns stay,
 *  so
 *      that the merge can be explained, and undone by hand.
 *  11. WebhookMerges: one row.
 *
 * Doing it again changes nothing: a merged contact is deleted, and step 2 ends it. A run that is
 * broken off is continued by running again.
 *
 * WebhookMerges (schema to come): MergedContactId (primary key: one is merged once),
 * KeptContactId, Rule, Score, Explanation (crm_duplicate_t: no values, so the row may be shown to
 * anybody), MessageId (of the Rnvp/Dedup message), MergedAt. WebhookReviews: ContactId,
 * OtherContactId (the smaller first; both the primary key), Rule, Score, Explanation, NotedAt,
 * Decision (NULL, or 'apart', by which a person says that they are two; crm_merge_pair() heeds it
 * and such a pair is neither merged nor listed again).
 *
 * Others that have to know:
 *
 *   - person.c: a contact found before it was locked may be merged when the lock is there. It is
 *     deleted then, and stands in WebhookMerges: CRM360_ECONFLICT, and the message runs again.
 *   - A writer that took a ContactId without a lock may still store the merged one a moment later.
 *     crm_merge_sweep() at the beginning of each run moves such rows.
 *   - erase.c: a person's rows are also those of contacts merged into theirs, at any depth, and
 *     rows of WebhookMerges and WebhookReviews about them.
 */
#ifndef CRM_MERGE_H
#define CRM_MERGE_H

#include "crm/db.h"
#include "crm/duplicate.h"

/* All that is known of a contact that is not deleted, from Contacts and those of its Addresses
 * that are not. APR_ENOENT for any other. In `pool`. Errors as crm_db_begin(). */
apr_status_t crm_merge_read(crm_suspect_t *suspect, crm_db_t *db, int contact_id, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Locks and compares two contacts and does what the verdict says: merges them, notes them for a
 * person, or nothing. *result says what it was; its verdict is CRM_DUPLICATE_NO as well when one
 * of them is gone, or a person has said that they are two. Inside the caller's transaction; on an
 * error its savepoint is to be rolled back. Errors as crm_db_begin(), or CRM360_ECONFLICT. */
apr_status_t crm_merge_pair(crm_duplicate_t *result, crm_db_t *db, int contact_id,
                            int other_contact_id, const char *message_id, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The contact that now stands for `contact_id`: itself, or what it was merged into, to
 * the last. */
apr_status_t crm_merge_resolve(int *kept_id, crm_db_t *db, int contact_id, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Moves rows that came to merged contacts after they were merged (8, 9). *moved counts them. */
apr_status_t crm_merge_sweep(int *moved, crm_db_t *db, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
