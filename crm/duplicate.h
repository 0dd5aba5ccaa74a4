/*
 * Are two contacts one person? Says MERGE, REVIEW (a person should look) or NO, by stated rules,
 * with the rule, a score and the reason. Pure functions, usable by any thread: the caller brings
 * all that is known of both and does the merging. Merging two people into one is worse than
 * leaving one twice, so what may be a family is never merged.
 *
 * What agrees:
 *
 *   Names       when their letters do, or their sounds (sound.h), or when there is a slip of the
 *               pen between them. Capitals, accents, blanks, hyphens and the order of the words do
 *               not count. Slips: two swapped letters; in last names one letter, two from eight
 *               letters on, or a missing "de"; in first names one letter of seven or more, not near
 *               the end, where the names of a family differ. First and last name may be exchanged,
 *               or stand in one field.
 *               Weakly: an initial; a part of the other (Jean, Jean-Pierre; Roy, Roy-Martin); his
 *               and hers of one sound (Michel, Michèle), unless both genders are known to be the
 *               same; first names a letter apart; names in one field by their sounds.
 *   Address     when the first 35 characters of the street, the post code (the city, where there is
 *               no post code on either side) and the country do. Of the street "bis" and B,
 *               abbreviated types and titles, and articles are no difference
 *               (crm_postal_street_key()). A missing country agrees with any. One of several
 *               addresses is enough.
 *   E-mail      when one of several does. Capitals do not count.
 *   Phone       when one of several does, home and mobile alike. A number whose last seven digits
 *               are the same is nobody's.
 *   Birth date  when it is complete. Dates up to 1900 only fill a field.
 *
 * MERGE:
 *
 *   1. Both names agree, and the address ("name+address"), or else an e-mail ("name+email"), or
 *      else a phone ("name+phone"), or else birth date and post code ("name+birth date").
 *   2. One name agrees, the other is a part of the other, and the birth date agrees, and the
 *      address, an e-mail or a phone, and there are not two genders ("name+birth date").
 *   3. One name agrees, the other is missing on a side, an e-mail agrees, nothing contradicts
 *      ("name+email").
 *   4. One of the two has no name at all, an e-mail agrees, nothing contradicts ("email").
 *   5. Both are companies, that is without the name of a person; their names agree, and the address
 *      ("company+address"), or else an e-mail while nothing contradicts ("company+email").
 *
 *   Nothing contradicts: there are not two birth dates, two genders, two addresses without a
 *   common one, two phones without a common one.
 *
 * REVIEW:
 *
 *   6. As 1, but both have a birth date, or a gender, and these differ. As 3, 4, 5, but something
 *      contradicts. The same rules' names.
 *   7. One name agrees, the other weakly or is missing on a side, and an e-mail agrees
 *      ("name+email"), or else the address, unless the birth dates differ ("name+address"), or
 *      else a phone ("name+phone"), or else the birth date ("name+birth date").
 *   8. Both names and the birth date agree, the post code does not ("name+birth date"). First
 *      names, birth date and post code agree ("first name+birth date": a married name).
 *   9. Companies agree and share a phone ("company+phone").
 *  10. Names stand in one field, agree by their sounds, and the address does ("name+address").
 *  11. An e-mail ("email") or else a phone ("phone") agrees, whatever the names: a family, an
 *      office.
 *
 * NO ("none"): everything else.
 *
 * Agreement is not passed on. A and B may be one person, and B and C, but not A and C: B has no
 * name, A and C are a couple with one e-mail. Whoever merges compares again with what came of it,
 * and never merges by chains.
 */
#ifndef CRM_DUPLICATE_H
#define CRM_DUPLICATE_H

#include <apr_pools.h>
#include <apr_tables.h>

/* A postal address as it counts here. */
typedef struct crm_suspect_place_t {
    const char *street;    /* postal line 4, else 5, else 3, normalised or not; NULL = none */
    const char *post_code; /* likewise */
    const char *city;
    const char *country; /* alpha-3, or what crm_country_find() knows */
} crm_suspect_place_t;

/* All that is known of a contact. Everything may be NULL and is borrowed. */
typedef struct crm_suspect_t {
    int contact_id; /* for the caller; not looked at */
    const char *first_name;
    const char *last_name;
    const char *company;
    const char *birth_date;     /* ISO; a time behind it is not looked at */
    int gender_id;              /* GenderId; 0 = not known */
    apr_array_header_t *places; /* crm_suspect_place_t, in any order */
    apr_array_header_t *emails; /* const char * */
    apr_array_header_t *phones; /* const char *, E.164, home and mobile together */
} crm_suspect_t;

typedef enum {
    CRM_DUPLICATE_NO,
    CRM_DUPLICATE_REVIEW,
    CRM_DUPLICATE_MERGE
} crm_duplicate_verdict_t;

typedef struct crm_duplicate_t {
    crm_duplicate_verdict_t verdict;
    const char *rule; /* one of the list above; stored, so it never changes */
    /* Per mille: how much of what both sides tell agrees. For sorting a list; decides nothing. */
    int score;
    /* "last name same, first name alike by sound, address same": in the pool; never a value. */
    const char *explanation;
} crm_duplicate_t;

/* Compares two contacts. Symmetric, and independent of the order within the arrays. */
void crm_duplicate_compare(crm_duplicate_t *result, const crm_suspect_t *a, const crm_suspect_t *b,
                           apr_pool_t *pool);

/* The keys under which a contact is to be found: any two that crm_duplicate_compare() would not
 * answer with NO have a key in common, so only those with the same key need be compared. (But for
 * those who share neither e-mail nor phone, and of whose names each is misspelt on one side.)
 * Texts in `pool`, sorted, each once; none for a contact of which nothing is known. They hold
 * personal data.
 *
 *   e:<e-mail>   p:<phone>
 *   n:<post code, or city>:<sound>   of the last name, the first name, and each longer word of
 *   both b:<birth date>:<sound>           likewise
 *   c:<post code, or city>:<sound>   of a company, and each longer word of it
 */
apr_array_header_t *crm_duplicate_keys(const crm_suspect_t *suspect, apr_pool_t *pool);

#endif
