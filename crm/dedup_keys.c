/*
 * The rows of WebhookDuplicateKeys and WebhookDuplicateContacts, and the search by them. Must never
 * decide who is a duplicate: candidates are compared by crm/merge.c.
 */
#include "crm/dedup_keys.h"

#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "crm/merge.h"

#define KEYS_AT_ONCE 8

/* To be changed when crm_duplicate_keys() makes other keys of the same contact: all are made
 * again. */
#define KEYS_VERSION "1:"

static const crm_db_statement_t select_digests = {
    .label = "dedup_digests",
    .sql = "SELECT ContactId, Digest FROM WebhookDuplicateContacts WHERE ContactId > %d"
           " AND ContactId <= %d ORDER BY ContactId"};

static const crm_db_statement_t upsert_digest = {
    .label = "dedup_digest_upsert",
    .sql = "INSERT INTO WebhookDuplicateContacts (ContactId, Digest) VALUES (%d, %s)"
           " ON CONFLICT (ContactId) DO UPDATE SET Digest = excluded.Digest"};

static const crm_db_statement_t delete_digest = {
    .label = "dedup_digest_delete",
    .sql = "DELETE FROM WebhookDuplicateContacts WHERE ContactId = %d"};

static const crm_db_statement_t delete_keys = {
    .label = "dedup_keys_delete", .sql = "DELETE FROM WebhookDuplicateKeys WHERE ContactId = %d"};

static const crm_db_statement_t insert_keys = {
    .label = "dedup_keys_insert",
    .sql = "INSERT INTO WebhookDuplicateKeys (KeyText, ContactId) VALUES (%s, %d), (%s, %d),"
           " (%s, %d), (%s, %d), (%s, %d), (%s, %d), (%s, %d), (%s, %d) ON CONFLICT DO NOTHING"};

static const crm_db_statement_t select_block = {
    .label = "dedup_block",
    .sql = "SELECT ContactId FROM WebhookDuplicateKeys WHERE KeyText = %s AND ContactId <> %d"
           " ORDER BY ContactId LIMIT CAST(%d AS INTEGER)"};

static const crm_db_statement_t select_common = {
    .label = "dedup_common",
    .sql = "SELECT a.ContactId FROM WebhookDuplicateKeys a JOIN WebhookDuplicateKeys b"
           " ON b.ContactId = a.ContactId AND b.KeyText = %s WHERE a.KeyText = %s"
           " AND a.ContactId <> %d ORDER BY a.ContactId LIMIT CAST(%d AS INTEGER)"};

/* ---- keeping them ---- */

apr_array_header_t *crm_dedup_keys_of(const crm_suspect_t *suspect, apr_pool_t *pool)
{
    apr_array_header_t *keys = crm_duplicate_keys(suspect, pool);
    int i;

    for (i = 0; i < keys->nelts; i++) {
        APR_ARRAY_IDX(keys, i, const char *) =
            crm_merge_digest(APR_ARRAY_IDX(keys, i, const char *), pool);
    }
    return keys;
}

static apr_status_t write_keys(crm_db_t *db, const crm_suspect_t *suspect, const char *id,
                               apr_pool_t *pool)
{
    apr_array_header_t *keys = crm_dedup_keys_of(suspect, pool);
    const char *values[2 * KEYS_AT_ONCE];
    apr_status_t rv = APR_SUCCESS;
    int i, k;

    for (i = 0; i < keys->nelts && rv == APR_SUCCESS; i += KEYS_AT_ONCE) {
        for (k = 0; k < KEYS_AT_ONCE; k++) {
            /* What is missing to a full statement is the last one again. */
            int at = i + k < keys->nelts ? i + k : keys->nelts - 1;

            values[2 * k] = APR_ARRAY_IDX(keys, at, const char *);
            values[2 * k + 1] = id;
        }
        rv = crm_db_execute(NULL, db, &insert_keys, values, 2 * KEYS_AT_ONCE, pool);
    }
    return rv;
}

/* `digest` is that of its last keys, NULL = it has none. */
static apr_status_t refresh(crm_db_t *db, const crm_merge_seen_t *seen, const char *digest,
                            apr_pool_t *pool)
{
    const char *id = crm_db_int(seen->suspect.contact_id, pool);
    const char *now = apr_pstrcat(pool, KEYS_VERSION, seen->digest, NULL);
    apr_status_t rv = APR_SUCCESS;

    if (seen->deleted ? !digest : digest && strcmp(digest, now) == 0) {
        return APR_SUCCESS;
    }
    if (digest) {
        rv = crm_db_execute(NULL, db, &delete_keys, CRM_DB_VALUES(id), pool);
    }
    if (rv == APR_SUCCESS && seen->deleted) {
        return crm_db_execute(NULL, db, &delete_digest, CRM_DB_VALUES(id), pool);
    }
    if (rv == APR_SUCCESS) {
        rv = write_keys(db, &seen->suspect, id, pool);
    }
    return rv == APR_SUCCESS
               ? crm_db_execute(NULL, db, &upsert_digest, CRM_DB_VALUES(id, now), pool)
               : rv;
}

apr_status_t crm_dedup_keys_range(int *last, crm_db_t *db, int after, apr_pool_t *pool)
{
    apr_array_header_t *seen;
    crm_db_rows_t digests = {.count = 0};
    apr_status_t rv = crm_merge_read_range(&seen, db, after, pool);
    int i, next = 0;

    *last = 0;
    if (rv != APR_SUCCESS || seen->nelts == 0) {
        return rv;
    }
    *last = APR_ARRAY_IDX(seen, seen->nelts - 1, crm_merge_seen_t).suspect.contact_id;
    rv = crm_db_select(&digests, db, &select_digests,
                       CRM_DB_VALUES(crm_db_int(after, pool), crm_db_int(*last, pool)), pool);
    for (i = 0; i < seen->nelts && rv == APR_SUCCESS; i++) {
        const crm_merge_seen_t *one = &APR_ARRAY_IDX(seen, i, crm_merge_seen_t);
        int id = one->suspect.contact_id;

        while (next < digests.count && crm_db_number(&digests, next, 0) < id) {
            next++; /* of a contact that some program has removed: nobody is found by it */
        }
        rv = refresh(db, one,
                     crm_db_number(&digests, next, 0) == id ? crm_db_cell(&digests, next, 1) : NULL,
                     pool);
    }
    return rv;
}

apr_status_t crm_dedup_keys_one(crm_db_t *db, int contact_id, apr_pool_t *pool)
{
    crm_merge_seen_t none = {.suspect = {.contact_id = contact_id}, .deleted = 1};
    apr_array_header_t *seen;
    crm_db_rows_t digests;
    apr_status_t rv = crm_merge_read_one(&seen, db, contact_id, pool);

    if (rv == APR_SUCCESS) {
        rv = crm_db_select(
            &digests, db, &select_digests,
            CRM_DB_VALUES(crm_db_int(contact_id - 1, pool), crm_db_int(contact_id, pool)), pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return refresh(db, seen->nelts ? &APR_ARRAY_IDX(seen, 0, crm_merge_seen_t) : &none,
                   crm_db_cell(&digests, 0, 1), pool);
}

/* ---- searching ---- */

static int by_number(const void *a, const void *b)
{
    int left = *(const int *)a, right = *(const int *)b;

    return (left > right) - (left < right);
}

static void sort_unique(apr_array_header_t *ids)
{
    int i, kept = 0;

    if (ids->nelts > 1) {
        qsort(ids->elts, (size_t)ids->nelts, sizeof(int), by_number);
    }
    for (i = 0; i < ids->nelts; i++) {
        if (kept == 0 || APR_ARRAY_IDX(ids, i, int) != APR_ARRAY_IDX(ids, kept - 1, int)) {
            APR_ARRAY_IDX(ids, kept++, int) = APR_ARRAY_IDX(ids, i, int);
        }
    }
    ids->nelts = kept;
}

static void add_ids(apr_array_header_t *ids, const crm_db_rows_t *rows)
{
    int i;

    for (i = 0; i < rows->count; i++) {
        APR_ARRAY_PUSH(ids, int) = (int)crm_db_number(rows, i, 0);
    }
}

/* Common keys count two by two. *left_out: some say nothing even so. */
static apr_status_t search_common(apr_array_header_t *ids, int *left_out, crm_db_t *db,
                                  const apr_array_header_t *keys, const char *id, int most,
                                  apr_pool_t *pool)
{
    const char *limit = crm_db_int(most + 1, pool);
    apr_status_t rv = APR_SUCCESS;
    crm_db_rows_t rows;
    int i, k;

    for (i = 0; i < keys->nelts; i++) {
        for (k = i + 1; k < keys->nelts && rv == APR_SUCCESS; k++) {
            rv = crm_db_select(&rows, db, &select_common,
                               CRM_DB_VALUES(APR_ARRAY_IDX(keys, k, const char *),
                                             APR_ARRAY_IDX(keys, i, const char *), id, limit),
                               pool);
            if (rows.count <= most) {
                add_ids(ids, &rows);
            }
        }
    }
    *left_out = keys->nelts > 0;
    return rv;
}

apr_status_t crm_dedup_candidates(apr_array_header_t **ids, int *left_out, crm_db_t *db,
                                  const crm_suspect_t *suspect, int most, apr_pool_t *pool)
{
    apr_array_header_t *keys = crm_dedup_keys_of(suspect, pool);
    apr_array_header_t *common = apr_array_make(pool, 2, sizeof(const char *));
    const char *id = crm_db_int(suspect->contact_id, pool);
    const char *limit = crm_db_int(most + 1, pool);
    apr_status_t rv = APR_SUCCESS;
    crm_db_rows_t rows;
    int i;

    *ids = apr_array_make(pool, 8, sizeof(int));
    for (i = 0; i < keys->nelts && rv == APR_SUCCESS; i++) {
        const char *key = APR_ARRAY_IDX(keys, i, const char *);

        rv = crm_db_select(&rows, db, &select_block, CRM_DB_VALUES(key, id, limit), pool);
        if (rows.count > most) {
            APR_ARRAY_PUSH(common, const char *) = key;
        }
        else {
            add_ids(*ids, &rows);
        }
    }
    if (rv == APR_SUCCESS) {
        rv = search_common(*ids, left_out, db, common, id, most, pool);
    }
    sort_unique(*ids);
    return rv;
}
