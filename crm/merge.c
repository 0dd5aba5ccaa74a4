/*
 * Judging two contacts, taking them, and merging them (see merge.h, whose numbers stand here). Must
 * never lock in another order than crm/person.c does: identifiers, match keys, contacts.
 */
#include "crm/merge.h"

#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "crm/contact.h"
#include "crm/date.h"
#include "crm/identifier.h"
#include "crm/match.h"
#include "crm/merge_private.h"

/* ---- statements ---- */

static const crm_db_statement_t select_decision = {
    .label = "merge_decision",
    .sql = "SELECT Decision FROM WebhookReviews WHERE ContactId = %d AND OtherContactId = %d"};

static const crm_db_statement_t count_shared_sources = {
    .label = "merge_shared_sources",
    .sql = "SELECT COUNT(*) FROM ContactIdentifiers i JOIN ContactIdentifiers j"
           " ON j.SourceId = i.SourceId WHERE i.ContactId = %d AND j.ContactId = %d"
           " AND " CRM_IDENTIFIER_IS_NAMED("i") " AND " CRM_IDENTIFIER_IS_NAMED("j")};

static const crm_db_statement_t select_identifiers = {
    .label = "merge_identifiers",
    .sql = "SELECT SourceId, Identifier FROM ContactIdentifiers WHERE ContactId IN (%d, %d)"};

static const crm_db_statement_t select_keys = {
    .label = "merge_match_keys",
    .sql = "SELECT MatchKey FROM WebhookMatches WHERE ContactId IN (%d, %d)"};

static const crm_db_statement_t select_values = {
    .label = "merge_values",
    .sql = "SELECT Email, MobilePhoneNumber FROM Addresses WHERE ContactId IN (%d, %d)"};

static const crm_db_statement_t insert_merge = {
    .label = "merge_insert",
    .sql = "INSERT INTO WebhookMerges (MessageId, KeptContactId, MergedContactId, Rule, Score,"
           " Explanation, At, Detail) VALUES (%s, %d, %d, %s, %d, %s, %s, %s)"};

/* A row that says something else than before is brought up to date; who has decided has decided. */
static const crm_db_statement_t upsert_review = {
    .label = "merge_review",
    .sql = "INSERT INTO WebhookReviews (ContactId, OtherContactId, Rule, Score, Explanation,"
           " NotedAt) VALUES (%d, %d, %s, %d, %s, %s)"
           " ON CONFLICT (ContactId, OtherContactId) DO UPDATE SET Rule = excluded.Rule,"
           " Score = excluded.Score, Explanation = excluded.Explanation"
           " WHERE WebhookReviews.Decision IS NULL"
           " AND (WebhookReviews.Rule <> excluded.Rule OR WebhookReviews.Score <> excluded.Score"
           " OR WebhookReviews.Explanation <> excluded.Explanation)"};

static const crm_db_statement_t select_reviews = {
    .label = "merge_reviews_of",
    .sql = "SELECT ContactId, OtherContactId, Rule, Score, Explanation, NotedAt, Decision"
           " FROM WebhookReviews WHERE (ContactId = %d OR OtherContactId = %d)"
           " AND Decision IS NOT NULL ORDER BY ContactId, OtherContactId"};

static const crm_db_statement_t copy_review = {
    .label = "merge_review_copy",
    .sql = "INSERT INTO WebhookReviews (ContactId, OtherContactId, Rule, Score, Explanation,"
           " NotedAt, Decision) VALUES (%d, %d, %s, %d, %s, %s, %s)"
           " ON CONFLICT (ContactId, OtherContactId) DO UPDATE SET Decision = excluded.Decision"
           " WHERE WebhookReviews.Decision IS NULL OR excluded.Decision = 'apart'"};

static const crm_db_statement_t drop_reviews = {
    .label = "merge_reviews_drop",
    .sql = "DELETE FROM WebhookReviews WHERE (ContactId = %d OR OtherContactId = %d)"
           " AND Decision IS NULL"};

/* ---- judging ---- */

static int lesser(int a, int b)
{
    return a < b ? a : b;
}

static int greater(int a, int b)
{
    return a < b ? b : a;
}

static int lacks_name(const crm_suspect_t *suspect)
{
    return !suspect->first_name || !*suspect->first_name || !suspect->last_name ||
           !*suspect->last_name;
}

static int rests_on_missing_name(const crm_duplicate_t *result, const crm_suspect_t *a,
                                 const crm_suspect_t *b)
{
    return strcmp(result->rule, "email") == 0 ||
           (strcmp(result->rule, "name+email") == 0 && (lacks_name(a) || lacks_name(b)));
}

/* A source that knows both by names of its own has its reasons. */
static apr_status_t heed_sources(crm_duplicate_t *result, crm_db_t *db, const crm_suspect_t *a,
                                 const crm_suspect_t *b, apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv;

    if (result->verdict != CRM_DUPLICATE_MERGE || !rests_on_missing_name(result, a, b)) {
        return APR_SUCCESS;
    }
    rv = crm_db_select(
        &rows, db, &count_shared_sources,
        CRM_DB_VALUES(crm_db_int(a->contact_id, pool), crm_db_int(b->contact_id, pool)), pool);
    if (crm_db_number(&rows, 0, 0) > 0) {
        result->verdict = CRM_DUPLICATE_REVIEW;
        result->explanation =
            apr_pstrcat(pool, result->explanation, ", two of the same source", NULL);
    }
    return rv;
}

/* What a person has said counts more than rules. */
static apr_status_t heed_decision(crm_duplicate_t *result, crm_db_t *db, int a, int b,
                                  apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(
        &rows, db, &select_decision,
        CRM_DB_VALUES(crm_db_int(lesser(a, b), pool), crm_db_int(greater(a, b), pool)), pool);
    const char *decision = crm_db_cell(&rows, 0, 0);

    if (decision && strcmp(decision, "apart") == 0) {
        result->verdict = CRM_DUPLICATE_NO;
    }
    else if (decision && strcmp(decision, "same") == 0) {
        result->verdict = CRM_DUPLICATE_MERGE;
        result->explanation = apr_pstrcat(pool, result->explanation, ", decided by a person", NULL);
    }
    return rv;
}

apr_status_t crm_merge_judge(crm_duplicate_t *result, crm_db_t *db, const crm_suspect_t *a,
                             const crm_suspect_t *b, apr_pool_t *pool)
{
    apr_status_t rv;

    crm_duplicate_compare(result, a, b, pool);
    if (result->verdict == CRM_DUPLICATE_NO) {
        return APR_SUCCESS;
    }
    rv = heed_sources(result, db, a, b, pool);
    return rv == APR_SUCCESS ? heed_decision(result, db, a->contact_id, b->contact_id, pool) : rv;
}

/* ---- taking: steps 1 and 2 ---- */

#define VALUE_MOST 254 /* bytes; what some program has written longer is no address, and no key */

static int by_alphabet(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, each once. */
static void sort(apr_array_header_t *texts)
{
    int i, kept = 0;

    if (texts->nelts > 1) {
        qsort(texts->elts, (size_t)texts->nelts, sizeof(const char *), by_alphabet);
    }
    for (i = 0; i < texts->nelts; i++) {
        const char *text = APR_ARRAY_IDX(texts, i, const char *);

        if (kept == 0 || strcmp(text, APR_ARRAY_IDX(texts, kept - 1, const char *)) != 0) {
            APR_ARRAY_IDX(texts, kept++, const char *) = text;
        }
    }
    texts->nelts = kept;
}

/* What two contacts are known by. */
typedef struct known_t {
    apr_array_header_t *identifiers; /* const char *: crm_identifier_key() */
    apr_array_header_t *keys;        /* const char *: crm_match_key() */
} known_t;

static apr_status_t list_known(known_t *known, crm_db_t *db, const char **ids, apr_pool_t *pool)
{
    static const crm_point_kind_t kinds[] = {CRM_POINT_EMAIL, CRM_POINT_PHONE};
    crm_db_rows_t rows, keys, values;
    apr_status_t rv = crm_db_select(&rows, db, &select_identifiers, ids, 2, pool);
    const char *value;
    int i;

    if (rv == APR_SUCCESS) {
        rv = crm_db_select(&keys, db, &select_keys, ids, 2, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_db_select(&values, db, &select_values, ids, 2, pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    known->identifiers = apr_array_make(pool, rows.count + 1, sizeof(const char *));
    known->keys = apr_array_make(pool, keys.count + 2 * values.count + 1, sizeof(const char *));
    for (i = 0; i < rows.count; i++) {
        APR_ARRAY_PUSH(known->identifiers, const char *) =
            crm_identifier_key((int)crm_db_number(&rows, i, 0), crm_db_cell(&rows, i, 1), pool);
    }
    for (i = 0; i < keys.count; i++) {
        APR_ARRAY_PUSH(known->keys, const char *) = crm_db_cell(&keys, i, 0);
    }
    for (i = 0; i < 2 * values.count; i++) {
        value = crm_db_cell(&values, i / 2, i % 2);
        if (value && *value && strlen(value) <= VALUE_MOST) {
            APR_ARRAY_PUSH(known->keys, const char *) = crm_match_key(kinds[i % 2], value, pool);
        }
    }
    sort(known->identifiers);
    sort(known->keys);
    return APR_SUCCESS;
}

static apr_status_t take_known(const known_t *known, crm_db_t *db, apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    crm_match_t match;
    int i, deleted;

    for (i = 0; i < known->identifiers->nelts && rv == APR_SUCCESS; i++) {
        rv = crm_identifier_lock(&deleted, db, APR_ARRAY_IDX(known->identifiers, i, const char *),
                                 pool);
    }
    for (i = 0; i < known->keys->nelts && rv == APR_SUCCESS; i++) {
        const char *key = APR_ARRAY_IDX(known->keys, i, const char *);

        rv = crm_match_hold(&match, db,
                            strncmp(key, "phone:", 6) == 0 ? CRM_POINT_PHONE : CRM_POINT_EMAIL,
                            strchr(key, ':') + 1, pool);
    }
    return rv;
}

static int same_texts(const apr_array_header_t *a, const apr_array_header_t *b)
{
    int i;

    if (a->nelts != b->nelts) {
        return 0;
    }
    for (i = 0; i < a->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(a, i, const char *), APR_ARRAY_IDX(b, i, const char *)) != 0) {
            return 0;
        }
    }
    return 1;
}

/* *gone: one of them is deleted, or is not there. */
static apr_status_t take(int *gone, crm_db_t *db, int kept_id, int merged_id, apr_pool_t *pool)
{
    const char *ids[] = {crm_db_int(kept_id, pool), crm_db_int(merged_id, pool)};
    crm_contact_t kept = {.id = 0}, merged = {.id = 0};
    known_t known, now;
    apr_status_t rv = list_known(&known, db, ids, pool);

    if (rv == APR_SUCCESS) {
        rv = take_known(&known, db, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_contact_load(&kept, db, kept_id, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_contact_load(&merged, db, merged_id, pool);
    }
    *gone = APR_STATUS_IS_ENOENT(rv) || kept.deleted || merged.deleted;
    if (rv != APR_SUCCESS || *gone) {
        return APR_STATUS_IS_ENOENT(rv) ? APR_SUCCESS : rv;
    }
    rv = list_known(&now, db, ids, pool);
    if (rv == APR_SUCCESS &&
        (!same_texts(known.identifiers, now.identifiers) || !same_texts(known.keys, now.keys))) {
        crm_db_note(db, "a contact that is to be merged has changed meanwhile");
        return CRM360_ECONFLICT;
    }
    return rv;
}

/* ---- WebhookReviews ---- */

apr_status_t crm_merge_note(int *written, crm_db_t *db, int contact_id, int other_contact_id,
                            const crm_duplicate_t *result, apr_pool_t *pool)
{
    const char *now = crm_date_text(apr_time_now() / 1000, pool);

    return crm_db_execute(written, db, &upsert_review,
                          CRM_DB_VALUES(crm_db_int(lesser(contact_id, other_contact_id), pool),
                                        crm_db_int(greater(contact_id, other_contact_id), pool),
                                        result->rule, crm_db_int(result->score, pool),
                                        result->explanation, now),
                          pool);
}

/* Step 8. What is decided of the merged contact holds for the one that has taken its place. */
apr_status_t crm_merge_reviews(crm_db_t *db, int kept_id, int merged_id, apr_pool_t *pool)
{
    const char *id = crm_db_int(merged_id, pool);
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, &select_reviews, CRM_DB_VALUES(id, id), pool);
    int i;

    for (i = 0; i < rows.count && rv == APR_SUCCESS; i++) {
        int other = (int)(crm_db_number(&rows, i, 0) + crm_db_number(&rows, i, 1)) - merged_id;

        if (other != kept_id) {
            rv = crm_db_execute(NULL, db, &copy_review,
                                CRM_DB_VALUES(crm_db_int(lesser(kept_id, other), pool),
                                              crm_db_int(greater(kept_id, other), pool),
                                              crm_db_cell(&rows, i, 2), crm_db_cell(&rows, i, 3),
                                              crm_db_cell(&rows, i, 4), crm_db_cell(&rows, i, 5),
                                              crm_db_cell(&rows, i, 6)),
                                pool);
        }
    }
    return rv == APR_SUCCESS ? crm_db_execute(NULL, db, &drop_reviews, CRM_DB_VALUES(id, id), pool)
                             : rv;
}

/* ---- the whole ---- */

/* Steps 4 to 10. */
static apr_status_t merge(const crm_duplicate_t *result, crm_db_t *db, int kept_id, int merged_id,
                          const char *message_id, apr_pool_t *pool)
{
    const char *detail = NULL;
    apr_status_t rv = crm_merge_rows(&detail, db, kept_id, merged_id, pool);

    if (rv == APR_SUCCESS) {
        rv = crm_merge_reviews(db, kept_id, merged_id, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_contact_flag(db, merged_id, pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return crm_db_execute(NULL, db, &insert_merge,
                          CRM_DB_VALUES(message_id, crm_db_int(kept_id, pool),
                                        crm_db_int(merged_id, pool), result->rule,
                                        crm_db_int(result->score, pool), result->explanation,
                                        crm_date_text(apr_time_now() / 1000, pool), detail),
                          pool);
}

/* Step 3. */
static apr_status_t judge(crm_duplicate_t *result, crm_db_t *db, int kept_id, int merged_id,
                          apr_pool_t *pool)
{
    crm_suspect_t kept, merged;
    apr_status_t rv = crm_merge_read(&kept, db, kept_id, pool);

    if (rv == APR_SUCCESS) {
        rv = crm_merge_read(&merged, db, merged_id, pool);
    }
    return rv == APR_SUCCESS ? crm_merge_judge(result, db, &kept, &merged, pool) : rv;
}

apr_status_t crm_merge_pair(crm_duplicate_t *result, crm_db_t *db, int contact_id,
                            int other_contact_id, const char *message_id, apr_pool_t *pool)
{
    int kept_id = lesser(contact_id, other_contact_id);
    int merged_id = greater(contact_id, other_contact_id);
    int gone = 1;
    apr_status_t rv = APR_SUCCESS;

    *result = (crm_duplicate_t){.verdict = CRM_DUPLICATE_NO, .rule = "none", .explanation = ""};
    if (kept_id != merged_id) {
        rv = take(&gone, db, kept_id, merged_id, pool);
    }
    if (rv != APR_SUCCESS || gone) {
        return rv;
    }
    rv = judge(result, db, kept_id, merged_id, pool);
    if (rv != APR_SUCCESS || result->verdict != CRM_DUPLICATE_MERGE) {
        return rv;
    }
    return merge(result, db, kept_id, merged_id, message_id, pool);
}
