/*
 * French postal addresses after NF Z 10-011: restructured into postal lines, written in norm
 * letters, fitted into 38 columns, and checked against places of La Poste's table that the caller
 * has looked up. Pure functions, usable by any thread; never asks a database, never guesses where
 * two readings are possible (that is CRM_POSTAL_AMBIGUOUS).
 *
 * Line N of a letter is AddressN: 1 addressee, 2 flat, floor or "chez", 3 building or estate,
 * 4 number and street, 5 hamlet or box; line 6 is PostCode and City, line 7 CountryId, so that
 * Address6 and Address7 are empty afterwards. No word gets lost: what has no line of its own stays
 * in the line it came in, or goes to line 5. What does go: a word that repeats post code, city or
 * country; the further numbers of a range (15/17 is 15); "n°"; a number 0; arrondissements of
 * Paris, Lyon and Marseille, which the post code says; and articles, where a line is too long.
 */
#ifndef CRM_POSTAL_H
#define CRM_POSTAL_H

#include <apr_pools.h>

/* Values of an address, in the order of crm/address.h's CRM_ADDRESS_POSTAL: Address1 ... Address7
 * at 0 ... 6, then these. NULL or "" is empty. */
#define CRM_POSTAL_POST_CODE 7
#define CRM_POSTAL_CITY 8
#define CRM_POSTAL_STATE 9
#define CRM_POSTAL_COUNTRY 10 /* alpha-3 */
#define CRM_POSTAL_VALUES 11

#define CRM_POSTAL_COLUMNS 38      /* most in a line */
#define CRM_POSTAL_CITY_COLUMNS 32 /* most in a locality, and in a street without its number */

/* The numbers are stored: they do not change. */
typedef enum {
    CRM_POSTAL_VALID = 1, /* nothing had to be changed */
    CRM_POSTAL_CORRECTED, /* the values differ from those given */
    CRM_POSTAL_AMBIGUOUS, /* several readings; a person has to choose */
    CRM_POSTAL_REJECTED   /* cannot be delivered, or cannot be brought into norm form */
} crm_postal_verdict_t;

typedef struct crm_postal_result_t {
    crm_postal_verdict_t verdict;
    const char *reason; /* a short sentence without personal data; NULL = nothing to remark */
    const char *values[CRM_POSTAL_VALUES]; /* NULL = empty, never "" */
} crm_postal_result_t;

/* A place of La Poste's table: post code, locality as letters carry it (libelle d'acheminement),
 * and the part of it that goes to line 5 (ligne_5; NULL or "" = none). */
typedef struct crm_postal_place_t {
    const char *post_code;
    const char *city;
    const char *line5;
} crm_postal_place_t;

/* Restructures and normalises `values` (CRM_POSTAL_VALUES of them) into *result, whose texts live
 * in `pool` or are constants. Doing it again to the result changes nothing.
 *
 * Without CountryId an address is French, unless it names another country. French are FRA, MCO
 * and overseas: GLP MTQ GUF REU MYT SPM BLM MAF NCL PYF WLF ATF. Any other address is VALID with a
 * remark, and kept as given, with City and Address7 in capitals.
 *
 * A post code changes in these ways only: "F-" in front and blanks go, and four digits get back
 * the zero they have lost. A missing one is taken from the lines, or from the arrondissement of
 * Paris, Lyon or Marseille. A line that is too long is abbreviated in the norm's order, as far as
 * needed; then parts from its end move to a line that is free. Abbreviated types and titles of a
 * street are written out where they fit.
 *
 * REJECTED (values as given, but trimmed): nothing in it; no street line, that is none of lines 3,
 * 4, 5; neither post code nor city; a post code that is not five digits; a line that does not fit;
 * a value over 500 bytes; letters of another script than Latin.
 * AMBIGUOUS: a country that is not known, or that the lines contradict (values as given, but
 * trimmed); two post codes; an arrondissement that contradicts the post code; a house number of
 * more than four digits. */
void crm_postal_normalise(crm_postal_result_t *result, const char *const *values, apr_pool_t *pool);

/* Checks the result of crm_postal_normalise() against `places`: all those of its post code, and
 * all those whose city has the key of its city. `reference_empty`: the table was never filled, so
 * that only the form can be judged. REJECTED, AMBIGUOUS and foreign results are left as they are.
 * Values stay in norm form, with every verdict.
 *
 * A CEDEX, an army post code (00...) and Monaco (98000) are no communes: accepted as written. Else:
 *
 * 1. No post code: the city's, if it has one only; several: AMBIGUOUS; none: REJECTED.
 * 2. No city: the post code's, if it has one only; several: AMBIGUOUS; none: REJECTED.
 * 3. The city is one of the post code's: good. A place's part (line5) given as city moves to
 *    line 5, if that is free or says the same; else AMBIGUOUS.
 * 4. It is one of theirs but for its spelling (a swap, a missing, added or wrong letter in four to
 *    seven letters, two from eight on) or but for missing words at its end, and one only:
 *    CORRECTED, unless the department has a city of exactly that name.
 * 5. Else the city has one post code: that one, if the post code given is unknown or of the same
 *    department (three digits overseas). It has several, and one in the department of an unknown
 *    post code: that one. But never when line 5 has a box: that is a CEDEX that does not say so.
 * 6. Else AMBIGUOUS when post code or city is known, REJECTED when neither is. */
void crm_postal_validate(crm_postal_result_t *result, const crm_postal_place_t *places, int count,
                         int reference_empty, apr_pool_t *pool);

/* What spellings of one street have in common, in `pool`: norm letters, the first number with its
 * suffix as a letter, type and titles in full, without articles. "" for NULL. */
const char *crm_postal_street_key(const char *street, apr_pool_t *pool);

/* The key under which a city is looked up, in `pool`: norm letters, SAINT and SAINTE before a
 * name as ST and STE, "S/" as SUR, without CEDEX and its number and without arrondissement. For
 * the import of the table, too. NULL counts as "". */
const char *crm_postal_city_key(const char *city, apr_pool_t *pool);

/* `text` in norm letters, in `pool`: A to Z, 0 to 9 and single blanks. Latin letters lose their
 * accents (Œ is OE, Æ is AE, ß is SS), "&" is ET, other marks are blanks, and other scripts are
 * left out. Bytes that are not UTF-8 are read as Latin-1. NULL counts as "". */
const char *crm_postal_letters(const char *text, apr_pool_t *pool);

#endif
