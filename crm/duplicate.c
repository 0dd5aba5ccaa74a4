/*
 * The verdict on two contacts (see duplicate.h, which states the rules; this follows it step by
 * step). A rule that is not in that list must not be here: merges are explained by it.
 */
#include "crm/duplicate_private.h"

#include <apr_strings.h>

#include <string.h>

typedef enum {
    UNKNOWN, /* at least one side does not tell */
    DIFFERS,
    AGREES
} field_t;

/* How the two names of two people agree. */
typedef struct names_t {
    crm_name_match_t last;
    crm_name_match_t first;
    int exchanged; /* then the better of the two is in `last` */
    int whole;     /* last and first name together agree, in whatever fields they are */
} names_t;

typedef struct evidence_t {
    names_t names; /* all 0 unless both have a name of a person */
    crm_name_match_t company;
    field_t address;
    field_t post_code;
    field_t email;
    field_t phone;
    field_t birth;
    field_t gender;
} evidence_t;

/* ---- comparing fields ---- */

static field_t compare_texts(const char *a, const char *b)
{
    return !*a || !*b ? UNKNOWN : strcmp(a, b) == 0 ? AGREES : DIFFERS;
}

/* One of several is enough. */
static field_t compare_lists(const apr_array_header_t *a, const apr_array_header_t *b)
{
    int i, j;

    for (i = 0; i < a->nelts; i++) {
        for (j = 0; j < b->nelts; j++) {
            if (strcmp(APR_ARRAY_IDX(a, i, const char *), APR_ARRAY_IDX(b, j, const char *)) == 0) {
                return AGREES;
            }
        }
    }
    return a->nelts && b->nelts ? DIFFERS : UNKNOWN;
}

/* Sets address and post code. */
static void compare_places(evidence_t *evidence, const apr_array_header_t *a,
                           const apr_array_header_t *b)
{
    int i, j;

    for (i = 0; i < a->nelts; i++) {
        for (j = 0; j < b->nelts; j++) {
            const place_t *one = &APR_ARRAY_IDX(a, i, place_t);
            const place_t *other = &APR_ARRAY_IDX(b, j, place_t);
            int near = strcmp(one->code, other->code) == 0 &&
                       compare_texts(one->country, other->country) != DIFFERS;
            field_t street = compare_texts(one->street, other->street);

            if (street == AGREES && !near) {
                street = DIFFERS;
            }
            evidence->post_code = near ? AGREES : evidence->post_code;
            evidence->address = street > evidence->address ? street : evidence->address;
        }
    }
    if (a->nelts && b->nelts && evidence->post_code == UNKNOWN) {
        evidence->post_code = DIFFERS;
    }
}

/* ---- comparing names ---- */

static int is_strong(crm_name_match_t match)
{
    return match.level >= CRM_NAME_CLOSE;
}

static int is_weak(crm_name_match_t match)
{
    return match.level > CRM_NAME_ABSENT && match.level < CRM_NAME_CLOSE;
}

/* How much two names have in common: for choosing a way to read them. */
static int rank(const names_t *names)
{
    return (is_strong(names->last) + is_strong(names->first)) * 100 + names->last.level +
           names->first.level;
}

/* His and hers no more, when both are known to be of one gender. */
static void settle_feminine(crm_name_match_t *match, field_t gender)
{
    if (match->level == CRM_NAME_FEMININE && gender == AGREES) {
        match->level = CRM_NAME_SOUND;
    }
}

/* Last name against first name. Which is which cannot be told then, so the better is called last,
 * whichever side is asked first. */
static names_t compare_crossed(const person_t *a, const person_t *b, field_t gender,
                               apr_pool_t *pool)
{
    names_t crossed = {.exchanged = 1};
    crm_name_match_t one = crm_name_compare(&a->last, &b->first, pool);
    crm_name_match_t other = crm_name_compare(&a->first, &b->last, pool);
    int in_order;

    settle_feminine(&one, gender);
    settle_feminine(&other, gender);
    in_order =
        one.level > other.level || (one.level == other.level && one.similarity >= other.similarity);
    crossed.last = in_order ? one : other;
    crossed.first = in_order ? other : one;
    return crossed;
}

/* Both names as one. */
static void read_whole(crm_name_t *whole, const person_t *person, apr_pool_t *pool)
{
    const char *last = person->suspect->last_name, *first = person->suspect->first_name;

    crm_name_read(whole, CRM_NAME_LAST,
                  apr_pstrcat(pool, last ? last : "", " ", first ? first : "", NULL), pool);
}

/* All words of both names. By their sounds alone, his and hers could not be told apart, so these
 * are only a hint; of another script nothing is said. */
static names_t compare_whole(const person_t *a, const person_t *b, apr_pool_t *pool)
{
    names_t together = {.whole = 1};
    crm_name_t one, other;

    read_whole(&one, a, pool);
    read_whole(&other, b, pool);
    if (one.other_script || other.other_script) {
        return together;
    }
    together.last = crm_name_compare(&one, &other, pool);
    if (together.last.level == CRM_NAME_SOUND) {
        together.last.level = CRM_NAME_NEAR;
    }
    else if (together.last.level != CRM_NAME_SAME) {
        together.last.level = CRM_NAME_DIFFERENT;
    }
    together.first = together.last;
    return together;
}

/* Last and first name straight, exchanged, or both together, whichever agrees best. */
static void compare_names(evidence_t *evidence, const person_t *a, const person_t *b,
                          apr_pool_t *pool)
{
    names_t *names = &evidence->names;
    names_t way;

    names->last = crm_name_compare(&a->last, &b->last, pool);
    names->first = crm_name_compare(&a->first, &b->first, pool);
    settle_feminine(&names->first, evidence->gender);
    if (is_strong(names->last) && is_strong(names->first)) {
        return;
    }
    way = compare_crossed(a, b, evidence->gender, pool);
    if (rank(&way) > rank(names)) {
        *names = way;
    }
    way = compare_whole(a, b, pool);
    if (rank(&way) > rank(names)) {
        *names = way;
    }
}

/* ---- the rules ---- */

static void decide(crm_duplicate_t *result, crm_duplicate_verdict_t verdict, const char *rule)
{
    result->verdict = verdict;
    result->rule = rule;
}

static int contradicts(const evidence_t *e)
{
    return e->birth == DIFFERS || e->gender == DIFFERS || e->address == DIFFERS ||
           e->phone == DIFFERS;
}

/* Whatever the names: an e-mail or a phone is shared. */
static void decide_shared(crm_duplicate_t *result, const evidence_t *e)
{
    if (e->email == AGREES) {
        decide(result, CRM_DUPLICATE_REVIEW, "email");
    }
    else if (e->phone == AGREES) {
        decide(result, CRM_DUPLICATE_REVIEW, "phone");
    }
}

/* Last and first name agree. */
static void decide_strong(crm_duplicate_t *result, const evidence_t *e)
{
    crm_duplicate_verdict_t most =
        e->birth == DIFFERS || e->gender == DIFFERS ? CRM_DUPLICATE_REVIEW : CRM_DUPLICATE_MERGE;

    if (e->address == AGREES) {
        decide(result, most, "name+address");
    }
    else if (e->email == AGREES) {
        decide(result, most, "name+email");
    }
    else if (e->phone == AGREES) {
        decide(result, most, "name+phone");
    }
    else if (e->birth == AGREES) {
        decide(result, e->post_code == AGREES ? most : CRM_DUPLICATE_REVIEW, "name+birth date");
    }
}

/* One name agrees, the other (`weaker`) weakly, or it is missing on one side. */
static void decide_half(crm_duplicate_t *result, const evidence_t *e, crm_name_level_t weaker)
{
    if (weaker == CRM_NAME_PART && e->birth == AGREES && e->gender != DIFFERS &&
        (e->address == AGREES || e->email == AGREES || e->phone == AGREES)) {
        decide(result, CRM_DUPLICATE_MERGE, "name+birth date");
    }
    else if (e->email == AGREES) {
        decide(result,
               weaker == CRM_NAME_ABSENT && !contradicts(e) ? CRM_DUPLICATE_MERGE
                                                            : CRM_DUPLICATE_REVIEW,
               "name+email");
    }
    else if (e->address == AGREES && e->birth != DIFFERS) {
        decide(result, CRM_DUPLICATE_REVIEW, "name+address");
    }
    else if (e->phone == AGREES) {
        decide(result, CRM_DUPLICATE_REVIEW, "name+phone");
    }
    else if (e->birth == AGREES) {
        decide(result, CRM_DUPLICATE_REVIEW, "name+birth date");
    }
}

static void decide_people(crm_duplicate_t *result, const evidence_t *e)
{
    crm_name_match_t last = e->names.last, first = e->names.first;
    int last_fits = is_weak(last) || last.level == CRM_NAME_ABSENT;
    int first_fits = is_weak(first) || first.level == CRM_NAME_ABSENT;

    if (is_strong(last) && is_strong(first)) {
        decide_strong(result, e);
    }
    else if (is_strong(last) && first_fits) {
        decide_half(result, e, first.level);
    }
    else if (is_strong(first) && last_fits) {
        decide_half(result, e, last.level);
    }
    else if (e->email == AGREES || e->phone == AGREES) {
        decide_shared(result, e);
    }
    else if (e->names.whole && e->address == AGREES && e->birth != DIFFERS) {
        decide(result, CRM_DUPLICATE_REVIEW, "name+address");
    }
    else if (is_strong(first) && e->birth == AGREES && e->post_code == AGREES) {
        decide(result, CRM_DUPLICATE_REVIEW, "first name+birth date");
    }
}

static void decide_companies(crm_duplicate_t *result, const evidence_t *e)
{
    if (!is_strong(e->company)) {
        decide_shared(result, e);
    }
    else if (e->address == AGREES) {
        decide(result, CRM_DUPLICATE_MERGE, "company+address");
    }
    else if (e->email == AGREES) {
        decide(result, contradicts(e) ? CRM_DUPLICATE_REVIEW : CRM_DUPLICATE_MERGE,
               "company+email");
    }
    else if (e->phone == AGREES) {
        decide(result, CRM_DUPLICATE_REVIEW, "company+phone");
    }
}

/* ---- score and explanation ---- */

typedef struct account_t {
    int weight;
    int sum;
    apr_array_header_t *words; /* of the explanation */
} account_t;

static void count_name(account_t *account, const char *what, crm_name_match_t match, int weight)
{
    static const char *const levels[] = {
        [CRM_NAME_DIFFERENT] = "different",
        [CRM_NAME_ABSENT] = "missing on a side",
        [CRM_NAME_INITIAL] = "an initial",
        [CRM_NAME_PART] = "a part of the other",
        [CRM_NAME_FEMININE] = "alike by sound, his and hers",
        [CRM_NAME_NEAR] = "almost the same",
        [CRM_NAME_CLOSE] = "same but for a slip",
        [CRM_NAME_SOUND] = "alike by sound",
        [CRM_NAME_SAME] = "same",
    };

    APR_ARRAY_PUSH(account->words, const char *) =
        apr_pstrcat(account->words->pool, what, " ", levels[match.level], NULL);
    if (match.level != CRM_NAME_ABSENT) {
        account->weight += weight;
        account->sum += weight * match.similarity;
    }
}

static void count_field(account_t *account, const char *what, field_t field, int weight)
{
    if (field == UNKNOWN) {
        return;
    }
    APR_ARRAY_PUSH(account->words, const char *) =
        apr_pstrcat(account->words->pool, what, field == AGREES ? " same" : " different", NULL);
    account->weight += weight;
    account->sum += field == AGREES ? weight * 1000 : 0;
}

static void explain(crm_duplicate_t *result, const evidence_t *e, int people, int companies,
                    apr_pool_t *pool)
{
    account_t account = {.words = apr_array_make(pool, 12, sizeof(const char *))};
    int i;

    if (people && e->names.whole) {
        count_name(&account, "last and first name together", e->names.last, 500);
    }
    else if (people) {
        count_name(&account, e->names.exchanged ? "one name, exchanged," : "last name",
                   e->names.last, 250);
        count_name(&account, e->names.exchanged ? "the other" : "first name", e->names.first, 250);
    }
    if (companies) {
        count_name(&account, "company", e->company, 500);
    }
    count_field(&account, "address", e->address, 200);
    count_field(&account, "post code", e->post_code, 50);
    count_field(&account, "e-mail", e->email, 150);
    count_field(&account, "phone", e->phone, 100);
    count_field(&account, "birth date", e->birth, 150);
    count_field(&account, "gender", e->gender, 50);
    result->score = account.weight ? account.sum / account.weight : 0;
    result->explanation = "";
    for (i = 0; i < account.words->nelts; i++) {
        result->explanation = apr_pstrcat(pool, result->explanation, i > 0 ? ", " : "",
                                          APR_ARRAY_IDX(account.words, i, const char *), NULL);
    }
}

void crm_duplicate_compare(crm_duplicate_t *result, const crm_suspect_t *a, const crm_suspect_t *b,
                           apr_pool_t *pool)
{
    evidence_t e = {.address = UNKNOWN};
    person_t one, other;
    int people, companies, nothing;

    crm_duplicate_read(&one, a, pool);
    crm_duplicate_read(&other, b, pool);
    people = one.named && other.named;
    companies = *one.company.letters && *other.company.letters;
    nothing = (!one.named && !*one.company.letters) || (!other.named && !*other.company.letters);
    compare_places(&e, one.places, other.places);
    e.email = compare_lists(one.emails, other.emails);
    e.phone = compare_lists(one.phones, other.phones);
    e.birth = compare_texts(one.birth_date, other.birth_date);
    if (one.gender_id && other.gender_id) {
        e.gender = one.gender_id == other.gender_id ? AGREES : DIFFERS;
    }
    decide(result, CRM_DUPLICATE_NO, "none");
    if (people) {
        compare_names(&e, &one, &other, pool);
        decide_people(result, &e);
    }
    else if (companies) {
        e.company = crm_name_compare(&one.company, &other.company, pool);
        decide_companies(result, &e);
    }
    else {
        decide_shared(result, &e);
        if (nothing && e.email == AGREES && !contradicts(&e)) {
            result->verdict = CRM_DUPLICATE_MERGE;
        }
    }
    explain(result, &e, people, companies, pool);
}
