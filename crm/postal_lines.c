/*
 * Puts the parts of a French address into their postal lines. Must never drop a part, and must
 * decide from words alone: commas are gone when its own output comes in again.
 */
#include "crm/postal_lines.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "crm/postal_city.h"
#include "crm/postal_country.h"
#include "crm/postal_fit.h"
#include "crm/postal_number.h"
#include "crm/postal_parts.h"

#define LINES 7   /* that come in */
#define WRITTEN 5 /* that go out; the locality has its own values */

/* Lines by number, as indexes. */
enum { ADDRESSEE, FLAT, BUILDING, STREET, HAMLET, LOCALITY, COUNTRY };

/* An address at work. */
typedef struct address_t {
    apr_array_header_t *parts; /* of crm_postal_part_t, in the order of their lines */
    crm_postal_locality_t locality;
    crm_postal_part_t *street;            /* the part that is line 4; NULL = none */
    apr_array_header_t *written[WRITTEN]; /* of crm_postal_words_t */
    crm_postal_result_t *result;
    apr_pool_t *pool;
} address_t;

static crm_postal_part_t *part_at(const address_t *address, int i)
{
    return i >= 0 && i < address->parts->nelts
               ? &APR_ARRAY_IDX(address->parts, i, crm_postal_part_t)
               : NULL;
}

static void reject(address_t *address, const char *reason)
{
    if (address->result->verdict != CRM_POSTAL_REJECTED) {
        address->result->verdict = CRM_POSTAL_REJECTED;
        address->result->reason = reason;
    }
}

static int has_digit(crm_postal_words_t words)
{
    int i;

    for (i = 0; i < words.count; i++) {
        if (strpbrk(words.at[i].text, "0123456789")) {
            return 1;
        }
    }
    return 0;
}

/* ---- parts ---- */

/* Joins part `i`, a number or a street, with the other one behind it; the number goes first. */
static void merge(address_t *address, int i, int number_first)
{
    crm_postal_part_t *one = part_at(address, i);
    crm_postal_part_t *next = part_at(address, i + 1);

    one->words = number_first ? crm_postal_join(one->words, next->words, address->pool)
                              : crm_postal_join(next->words, one->words, address->pool);
    one->kind =
        !number_first || next->kind == CRM_POSTAL_STREET ? CRM_POSTAL_NUMBERED : CRM_POSTAL_OTHER;
    next->words.count = 0;
}

/* "15 bis, rue X" and "rue X, 15" are one part. */
static void merge_numbers(address_t *address)
{
    int i;

    for (i = 0; i + 1 < address->parts->nelts; i++) {
        crm_postal_part_t *one = part_at(address, i);
        crm_postal_part_t *next = part_at(address, i + 1);

        if (one->line != next->line) {
            continue;
        }
        if (one->kind == CRM_POSTAL_NUMBER &&
            (next->kind == CRM_POSTAL_STREET || next->kind == CRM_POSTAL_OTHER ||
             next->kind == CRM_POSTAL_ESTATE || next->kind == CRM_POSTAL_HAMLET)) {
            merge(address, i, 1);
        }
        else if (one->kind == CRM_POSTAL_STREET && next->kind == CRM_POSTAL_NUMBER) {
            merge(address, i, 0);
        }
    }
}

/* In the line of the street, a number makes any name a street. */
static void name_streets(address_t *address)
{
    int i;

    for (i = 0; i < address->parts->nelts; i++) {
        crm_postal_part_t *part = part_at(address, i);
        crm_postal_number_t number;

        if (part->line != STREET || part->kind != CRM_POSTAL_OTHER || part->words.count == 0) {
            continue;
        }
        crm_postal_number_read(&number, part->words, address->pool);
        if (number.taken > 0 && number.taken < part->words.count) {
            part->kind = CRM_POSTAL_STREET;
        }
    }
}

static void cut_lines(address_t *address, const char *const *from)
{
    crm_postal_words_t words[LINES];
    int i, other_script;

    address->parts = apr_array_make(address->pool, 16, sizeof(crm_postal_part_t));
    for (i = 0; i < LINES; i++) {
        words[i] = crm_postal_words(from[i], &other_script, address->pool);
        if (other_script) {
            reject(address,
                   apr_psprintf(address->pool, "line %d has letters of another script than Latin",
                                i + 1));
        }
    }
    for (i = 0; i < LINES; i++) {
        /* A name with a keyword in it is a name, unless the whole address is in its line. */
        int whole = i == ADDRESSEE && words[STREET].count > 0;

        crm_postal_parts_cut(address->parts, words[i], i, whole, address->pool);
    }
    merge_numbers(address);
    name_streets(address);
}

/* ---- locality and country ---- */

/* Whether post code and city may be in this part. */
static int may_hold_locality(const address_t *address, const crm_postal_part_t *part)
{
    if (part->words.count == 0) {
        return 0;
    }
    if (part->line >= LOCALITY) {
        return part->kind == CRM_POSTAL_OTHER || part->kind == CRM_POSTAL_LOCALITY;
    }
    if (part->line >= STREET) {
        return part->kind == CRM_POSTAL_LOCALITY ||
               (part->kind == CRM_POSTAL_OTHER && (part->line == HAMLET || !part->first));
    }
    return part->kind == CRM_POSTAL_LOCALITY && !(part->line == ADDRESSEE && part->first) &&
           (!address->locality.post_code ||
            crm_postal_is(part->words, 0, address->locality.post_code));
}

/* A part that only says the country. */
static int is_country(const address_t *address, const crm_postal_part_t *part)
{
    const char *named, *of_code;

    if (part->words.count == 0 || (part->line < STREET && part->first)) {
        return 0;
    }
    named = part->line == COUNTRY ? crm_postal_country_of(part->words, 1, address->pool)
                                  : crm_postal_country_in_french(part->words, address->pool);
    if (!named) {
        return 0;
    }
    of_code = address->locality.post_code ? crm_postal_country_of_code(address->locality.post_code)
                                          : NULL;
    return strcmp(named, "FRA") == 0 ||
           (part->line >= LOCALITY && (strcmp(named, address->locality.country) == 0 ||
                                       (of_code && strcmp(named, of_code) == 0)));
}

static void take_localities(address_t *address)
{
    static const int order[LINES] = {LOCALITY, HAMLET, STREET, COUNTRY, BUILDING, FLAT, ADDRESSEE};
    int n, i;

    for (n = 0; n < LINES; n++) {
        for (i = 0; i < address->parts->nelts; i++) {
            crm_postal_part_t *part = part_at(address, i);

            if (part->line != order[n]) {
                continue;
            }
            if (is_country(address, part)) {
                part->words.count = 0;
            }
            else if (may_hold_locality(address, part)) {
                part->words = crm_postal_locality_take(&address->locality, part->words,
                                                       part->line == LOCALITY, address->pool);
                part->kind = CRM_POSTAL_OTHER;
            }
        }
    }
}

/* Without any city, the last part behind the street's comma is it. */
static void guess_city(address_t *address)
{
    int i, last = -1;

    if (address->locality.city.count > 0 || !address->street) {
        return;
    }
    for (i = 0; i < address->parts->nelts; i++) {
        crm_postal_part_t *part = part_at(address, i);

        if (part->words.count > 0 && part > address->street &&
            (part->line == address->street->line || part->line == HAMLET)) {
            last = i;
        }
    }
    if (last >= 0) {
        crm_postal_part_t *part = part_at(address, last);

        if (part->kind == CRM_POSTAL_OTHER && !part->first && !has_digit(part->words) &&
            part->words.at[0].gap == CRM_POSTAL_HARD) {
            address->locality.city = part->words;
            part->words.count = 0;
        }
    }
}

/* ---- lines ---- */

/* The first part of one of two kinds in a line; any line when that is negative. */
static crm_postal_part_t *find_part(const address_t *address, int line, crm_postal_kind_t kind,
                                    crm_postal_kind_t or_kind)
{
    int i;

    for (i = 0; i < address->parts->nelts; i++) {
        crm_postal_part_t *part = part_at(address, i);

        if (part->words.count > 0 && (line < 0 || part->line == line) &&
            (part->kind == kind || part->kind == or_kind)) {
            return part;
        }
    }
    return NULL;
}

/* A street without a number, from another line. What begins the addressee's line is a name. */
static crm_postal_part_t *find_bare_street(const address_t *address)
{
    static const int order[] = {BUILDING, HAMLET, FLAT, LOCALITY, COUNTRY, ADDRESSEE};
    crm_postal_part_t *part = NULL;
    size_t i;

    for (i = 0; i < sizeof(order) / sizeof(order[0]) && !part; i++) {
        part = find_part(address, order[i], CRM_POSTAL_STREET, CRM_POSTAL_STREET);
        part = part && part->line == ADDRESSEE && part->first ? NULL : part;
    }
    return part;
}

/* Decides which part is line 4: the street of that line; else one from elsewhere; else what may
 * stand for a street. */
static void choose_street(address_t *address)
{
    static const crm_postal_kind_t stand_ins[] = {
        CRM_POSTAL_OTHER, CRM_POSTAL_NUMBER, CRM_POSTAL_ESTATE, CRM_POSTAL_HAMLET, CRM_POSTAL_CHEZ};
    size_t i;

    address->street = find_part(address, STREET, CRM_POSTAL_NUMBERED, CRM_POSTAL_NUMBERED);
    if (!address->street) {
        address->street = find_part(address, STREET, CRM_POSTAL_STREET, CRM_POSTAL_STREET);
    }
    if (!address->street) {
        address->street = find_part(address, -1, CRM_POSTAL_NUMBERED, CRM_POSTAL_NUMBERED);
    }
    if (!address->street) {
        address->street = find_bare_street(address);
    }
    for (i = 0; i < sizeof(stand_ins) / sizeof(stand_ins[0]) && !address->street; i++) {
        address->street = find_part(address, STREET, stand_ins[i], stand_ins[i]);
    }
}

/* The line for a part that is not the street. What begins the addressee's line is the addressee,
 * unless the street is in that line, too. */
static int line_of(const address_t *address, const crm_postal_part_t *part)
{
    const crm_postal_part_t *street = address->street;
    int behind_street = street && street->line == part->line && part > street;

    if (part->line == ADDRESSEE && part->first &&
        (part->kind == CRM_POSTAL_ESTATE || !street || street->line != ADDRESSEE)) {
        return ADDRESSEE;
    }
    switch (part->kind) {
    case CRM_POSTAL_FLAT:
        return FLAT;
    case CRM_POSTAL_CHEZ:
        return part->line == HAMLET ? HAMLET : FLAT;
    case CRM_POSTAL_BUILDING:
    case CRM_POSTAL_ESTATE:
        return BUILDING;
    case CRM_POSTAL_BOX:
    case CRM_POSTAL_HAMLET:
        return HAMLET;
    default:
        break;
    }
    if (behind_street || part->line >= HAMLET) {
        return HAMLET;
    }
    if (part->line == STREET) {
        return street && street->line == STREET ? BUILDING : HAMLET;
    }
    return part->line;
}

static void assign(address_t *address)
{
    int i;

    for (i = 0; i < WRITTEN; i++) {
        address->written[i] = apr_array_make(address->pool, 4, sizeof(crm_postal_words_t));
    }
    for (i = 0; i < address->parts->nelts; i++) {
        crm_postal_part_t *part = part_at(address, i);
        int line = part == address->street ? STREET : line_of(address, part);

        if (part->words.count > 0) {
            APR_ARRAY_PUSH(address->written[line], crm_postal_words_t) = part->words;
        }
    }
}

/* The first `count` parts of a line, in one. */
static crm_postal_words_t line_words(const apr_array_header_t *line, int from, apr_pool_t *pool)
{
    crm_postal_words_t words = {NULL, 0};
    int i;

    for (i = from; i < line->nelts; i++) {
        words = crm_postal_join(words, APR_ARRAY_IDX(line, i, crm_postal_words_t), pool);
    }
    return words;
}

/* Moves parts from the end of a line that is too long to a line that is free. */
static void move_parts(address_t *address, int line)
{
    static const int targets[WRITTEN][2] = {
        [ADDRESSEE] = {FLAT, FLAT},  [FLAT] = {BUILDING, HAMLET}, [BUILDING] = {FLAT, HAMLET},
        [STREET] = {STREET, STREET}, [HAMLET] = {BUILDING, FLAT},
    };
    apr_array_header_t *from = address->written[line];
    apr_array_header_t *to = NULL;
    int i, keep;

    for (i = 0; i < 2 && !to; i++) {
        if (address->written[targets[line][i]]->nelts == 0) {
            to = address->written[targets[line][i]];
        }
    }
    for (keep = from->nelts - 1; to && keep > 0; keep--) {
        crm_postal_words_t moved = line_words(from, keep, address->pool);
        crm_postal_words_t kept;

        if (!crm_postal_fits(crm_postal_fit_line(moved, line, address->pool))) {
            return;
        }
        from->nelts = keep;
        kept = crm_postal_fit_line(line_words(from, 0, address->pool), line, address->pool);
        if (crm_postal_fits(kept)) {
            APR_ARRAY_PUSH(to, crm_postal_words_t) = moved;
            return;
        }
        from->nelts = keep + 1;
    }
}

static void write_lines(address_t *address)
{
    static const int order[WRITTEN] = {STREET, ADDRESSEE, FLAT, BUILDING, HAMLET};
    crm_postal_words_t words;
    int n, line;

    for (n = 1; n < WRITTEN; n++) {
        line = order[n];
        words = line_words(address->written[line], 0, address->pool);
        if (!crm_postal_fits(crm_postal_fit_line(words, line, address->pool))) {
            move_parts(address, line);
        }
    }
    for (n = 0; n < WRITTEN; n++) {
        line = order[n];
        words = line_words(address->written[line], 0, address->pool);
        words = line == STREET ? crm_postal_fit_street(words, address->pool)
                               : crm_postal_fit_line(words, line, address->pool);
        if (!crm_postal_fits(words)) {
            reject(address, apr_psprintf(address->pool, "line %d does not fit into %d columns",
                                         line + 1, CRM_POSTAL_COLUMNS));
        }
        address->result->values[line] = crm_postal_text(words, address->pool);
    }
}

/* ---- the whole ---- */

static void write_locality(address_t *address)
{
    crm_postal_locality_t *locality = &address->locality;
    const char **values = address->result->values;

    crm_postal_locality_finish(locality, address->pool);
    values[CRM_POSTAL_POST_CODE] = locality->post_code;
    values[CRM_POSTAL_CITY] = crm_postal_text(locality->city, address->pool);
    values[CRM_POSTAL_COUNTRY] = locality->country;
    if (locality->post_code && !crm_postal_is_digits(locality->post_code, 5, 5)) {
        reject(address, "the post code is not five digits");
    }
    if (!locality->post_code && !values[CRM_POSTAL_CITY]) {
        reject(address, "no post code and no locality");
    }
    if (values[CRM_POSTAL_CITY] && strlen(values[CRM_POSTAL_CITY]) > CRM_POSTAL_CITY_COLUMNS) {
        reject(address, "the locality does not fit into 32 columns");
    }
}

/* Faults and doubts that the finished lines show. */
static void judge(address_t *address)
{
    crm_postal_result_t *result = address->result;
    const char *street = result->values[STREET];

    if (!street && !result->values[HAMLET] && !result->values[BUILDING]) {
        reject(address, "no street line");
    }
    if (result->verdict == CRM_POSTAL_REJECTED) {
        return;
    }
    if (address->locality.remark) {
        result->verdict = CRM_POSTAL_AMBIGUOUS;
        result->reason = address->locality.remark;
    }
    else if (street && strspn(street, "0123456789") > 4) {
        result->verdict = CRM_POSTAL_AMBIGUOUS;
        result->reason = "the house number has more than four digits";
    }
}

void crm_postal_lines_pass(crm_postal_result_t *result, const char *const *from,
                           const char *country, apr_pool_t *pool)
{
    address_t address;
    int script[2];

    memset(&address, 0, sizeof(address));
    memset(result, 0, sizeof(*result));
    result->verdict = CRM_POSTAL_VALID;
    address.result = result;
    address.pool = pool;
    cut_lines(&address, from);
    crm_postal_locality_begin(
        &address.locality, crm_postal_words(from[CRM_POSTAL_POST_CODE], &script[0], pool),
        crm_postal_words(from[CRM_POSTAL_CITY], &script[1], pool), country, pool);
    if (script[0] || script[1]) {
        reject(&address, "post code or locality has letters of another script than Latin");
    }
    take_localities(&address);
    choose_street(&address);
    guess_city(&address);
    assign(&address);
    write_lines(&address);
    write_locality(&address);
    judge(&address);
    result->values[CRM_POSTAL_STATE] = from[CRM_POSTAL_STATE];
}
