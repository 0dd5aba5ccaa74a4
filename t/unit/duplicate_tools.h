/*
 * Contacts as the tests of duplicate detection write them, and what is asked of any two. Included
 * once by a test program.
 */
#ifndef DUPLICATE_TOOLS_H
#define DUPLICATE_TOOLS_H

#include "crm/duplicate.h"

#include <apr_general.h>
#include <apr_strings.h>

#include "t/unit/tap.h"

/* A contact as the table writes it; several e-mails, phones or places are separated by "|". */
typedef struct who_t {
    const char *first, *last, *company, *birth, *street, *post_code, *city, *country;
    const char *emails, *phones;
    int gender;
} who_t;

#define NO CRM_DUPLICATE_NO
#define REVIEW CRM_DUPLICATE_REVIEW
#define MERGE CRM_DUPLICATE_MERGE

static apr_array_header_t *split(const char *text, apr_pool_t *p)
{
    apr_array_header_t *parts = apr_array_make(p, 2, sizeof(const char *));

    while (text && *text) {
        apr_size_t length = strcspn(text, "|");

        APR_ARRAY_PUSH(parts, const char *) = apr_pstrmemdup(p, text, length);
        text += length + (text[length] == '|');
    }
    return parts;
}

static const char *nth(const apr_array_header_t *texts, int i)
{
    return texts->nelts == 0
               ? NULL
               : APR_ARRAY_IDX(texts, i < texts->nelts ? i : texts->nelts - 1, const char *);
}

static crm_suspect_t suspect_of(const who_t *who, apr_pool_t *p)
{
    apr_array_header_t *streets = split(who->street, p), *codes = split(who->post_code, p);
    int i, most = streets->nelts > codes->nelts ? streets->nelts : codes->nelts;
    crm_suspect_t suspect = {.first_name = who->first,
                             .last_name = who->last,
                             .company = who->company,
                             .birth_date = who->birth,
                             .gender_id = who->gender,
                             .emails = split(who->emails, p),
                             .phones = split(who->phones, p)};

    if (most == 0 && who->city) {
        most = 1;
    }
    if (most > 0) {
        suspect.places = apr_array_make(p, most, sizeof(crm_suspect_place_t));
    }
    for (i = 0; i < most; i++) {
        crm_suspect_place_t place = {nth(streets, i), nth(codes, i), who->city, who->country};

        APR_ARRAY_PUSH(suspect.places, crm_suspect_place_t) = place;
    }
    return suspect;
}

static int same_result(const crm_duplicate_t *one, const crm_duplicate_t *other)
{
    return one->verdict == other->verdict && strcmp(one->rule, other->rule) == 0 &&
           one->score == other->score && strcmp(one->explanation, other->explanation) == 0;
}

static int common_key(const crm_suspect_t *a, const crm_suspect_t *b, apr_pool_t *p)
{
    apr_array_header_t *a_keys = crm_duplicate_keys(a, p), *b_keys = crm_duplicate_keys(b, p);
    int i = 0, j = 0;

    while (i < a_keys->nelts && j < b_keys->nelts) {
        int order =
            strcmp(APR_ARRAY_IDX(a_keys, i, const char *), APR_ARRAY_IDX(b_keys, j, const char *));

        if (order == 0) {
            return 1;
        }
        i += order < 0;
        j += order > 0;
    }
    return 0;
}

#endif
