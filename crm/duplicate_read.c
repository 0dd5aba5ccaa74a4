/*
 * Contacts in comparable form, and the keys under which they are found (see duplicate.h). What is
 * dropped here (a phone nobody has, a birth date that only fills a field) counts nowhere.
 */
#include "crm/duplicate_private.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "crm/country.h"
#include "crm/date.h"
#include "crm/postal.h"
#include "crm/sound.h"

#define STREET_CHARACTERS 35
#define PHONE_DIGITS_LEAST 6
#define PHONE_DIGITS_ALIKE 7 /* a number that ends in so many equal digits only fills a field */
#define LAST_FILLER_DATE "1900-12-31" /* 1900-01-01 and the like mean that nobody asked */

/* Countries whose post codes are French, so that an address overseas is found whether its country
 * is its own or France. */
static const char french_countries[] = "FRA GLP MTQ GUF REU MYT SPM BLM MAF MCO WLF PYF NCL ATF";

/* ---- addresses ---- */

static const char *country_of(const char *text, apr_pool_t *pool)
{
    const char *country = text ? crm_country_find(text) : NULL;

    if (!country) {
        return crm_postal_letters(text, pool);
    }
    return strstr(french_countries, country) ? "FRA" : country;
}

static int all_digits(const char *text)
{
    return strspn(text, "0123456789") == strlen(text);
}

/* Without blanks, without the country in front (F-75001), and with the zero that a French one
 * loses when a platform takes it for a number. */
static const char *post_code_of(const char *text, const char *country, apr_pool_t *pool)
{
    const char *letters = crm_postal_letters(text, pool);
    char *code = apr_palloc(pool, strlen(letters) + 1), *to = code;
    apr_size_t length, prefix;

    for (; *letters; letters++) {
        if (*letters != ' ') {
            *to++ = *letters;
        }
    }
    *to = '\0';
    prefix = strcspn(code, "0123456789");
    length = strlen(code + prefix);
    if (prefix <= 2 && length >= 4 && length <= 5 && all_digits(code + prefix)) {
        code += prefix;
        if (length == 4 && strcmp(country, "FRA") == 0) {
            return apr_pstrcat(pool, "0", code, NULL);
        }
    }
    return code;
}

static apr_array_header_t *read_places(const apr_array_header_t *given, apr_pool_t *pool)
{
    apr_array_header_t *places = apr_array_make(pool, 2, sizeof(place_t));
    int i;

    for (i = 0; given && i < given->nelts; i++) {
        const crm_suspect_place_t *from = &APR_ARRAY_IDX(given, i, crm_suspect_place_t);
        place_t place;

        place.country = country_of(from->country, pool);
        place.street =
            apr_pstrndup(pool, crm_postal_street_key(from->street, pool), STREET_CHARACTERS);
        place.code = post_code_of(from->post_code, place.country, pool);
        if (!*place.code) {
            place.code = crm_postal_letters(from->city, pool);
        }
        if (*place.code) {
            APR_ARRAY_PUSH(places, place_t) = place;
        }
    }
    return places;
}

/* ---- e-mail, phone, birth date ---- */

static apr_array_header_t *read_emails(const apr_array_header_t *given, apr_pool_t *pool)
{
    apr_array_header_t *emails = apr_array_make(pool, 2, sizeof(const char *));
    int i;

    for (i = 0; given && i < given->nelts; i++) {
        const char *text = APR_ARRAY_IDX(given, i, const char *);
        char *email = apr_pstrdup(pool, text ? text : ""), *c;
        const char *at;

        while (apr_isspace(*email)) {
            email++;
        }
        for (c = email + strlen(email); c > email && apr_isspace(c[-1]); c--) {
            c[-1] = '\0';
        }
        for (c = email; *c; c++) {
            *c = (char)apr_tolower(*c);
        }
        at = strchr(email, '@');
        if (at && at > email && at[1]) {
            APR_ARRAY_PUSH(emails, const char *) = email;
        }
    }
    return emails;
}

static int is_filler(const char *digits)
{
    apr_size_t length = strlen(digits), alike = 1;

    while (alike < length && digits[length - alike - 1] == digits[length - 1]) {
        alike++;
    }
    return alike >= PHONE_DIGITS_ALIKE;
}

static apr_array_header_t *read_phones(const apr_array_header_t *given, apr_pool_t *pool)
{
    apr_array_header_t *phones = apr_array_make(pool, 2, sizeof(const char *));
    int i;

    for (i = 0; given && i < given->nelts; i++) {
        const char *text = APR_ARRAY_IDX(given, i, const char *);
        char *digits = apr_pstrdup(pool, text ? text : ""), *to = digits;

        for (; text && *text; text++) {
            if (apr_isdigit(*text)) {
                *to++ = *text;
            }
        }
        *to = '\0';
        if (strncmp(digits, "00", 2) == 0) {
            digits += 2;
        }
        if (strlen(digits) >= PHONE_DIGITS_LEAST && !is_filler(digits)) {
            APR_ARRAY_PUSH(phones, const char *) = digits;
        }
    }
    return phones;
}

/* The day of a date, "" when it is none, or one that fills a field. */
static const char *day_of(const char *text, apr_pool_t *pool)
{
    const char *day = text ? apr_pstrndup(pool, text, 10) : "";
    apr_int64_t ms;

    if (crm_date_parse(&ms, day) != APR_SUCCESS || strcmp(day, LAST_FILLER_DATE) <= 0) {
        return "";
    }
    return day;
}

void crm_duplicate_read(person_t *person, const crm_suspect_t *suspect, apr_pool_t *pool)
{
    person->suspect = suspect;
    crm_name_read(&person->last, CRM_NAME_LAST, suspect->last_name, pool);
    crm_name_read(&person->first, CRM_NAME_FIRST, suspect->first_name, pool);
    person->named = *person->last.letters || *person->first.letters;
    crm_name_read(&person->company, CRM_NAME_COMPANY, person->named ? NULL : suspect->company,
                  pool);
    person->birth_date = day_of(suspect->birth_date, pool);
    person->gender_id = suspect->gender_id;
    person->places = read_places(suspect->places, pool);
    person->emails = read_emails(suspect->emails, pool);
    person->phones = read_phones(suspect->phones, pool);
}

/* ---- keys ---- */

static void add_key(apr_array_header_t *keys, const char *kind, const char *where,
                    const char *sound)
{
    if (*sound) {
        APR_ARRAY_PUSH(keys, const char *) =
            apr_pstrcat(keys->pool, kind, where, *where ? ":" : "", sound, NULL);
    }
}

/* A name under `where`: as one word, and each of several words. */
static void add_name(apr_array_header_t *keys, const char *kind, const char *where,
                     const crm_name_t *name)
{
    int i;

    add_key(keys, kind, where, name->sound);
    for (i = 0; name->words->nelts > 1 && i < name->words->nelts; i++) {
        const char *word = APR_ARRAY_IDX(name->words, i, const char *);

        if (!crm_name_is_small(word)) {
            add_key(keys, kind, where, crm_sound(word, keys->pool));
        }
    }
}

static int by_alphabet(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_unique(apr_array_header_t *keys)
{
    int i, kept = 0;

    if (keys->nelts > 1) {
        qsort(keys->elts, (size_t)keys->nelts, sizeof(const char *), by_alphabet);
    }
    for (i = 0; i < keys->nelts; i++) {
        const char *key = APR_ARRAY_IDX(keys, i, const char *);

        if (kept == 0 || strcmp(key, APR_ARRAY_IDX(keys, kept - 1, const char *)) != 0) {
            APR_ARRAY_IDX(keys, kept++, const char *) = key;
        }
    }
    keys->nelts = kept;
}

apr_array_header_t *crm_duplicate_keys(const crm_suspect_t *suspect, apr_pool_t *pool)
{
    apr_array_header_t *keys = apr_array_make(pool, 8, sizeof(const char *));
    person_t person;
    int i;

    crm_duplicate_read(&person, suspect, pool);
    for (i = 0; i < person.emails->nelts; i++) {
        add_key(keys, "e:", "", APR_ARRAY_IDX(person.emails, i, const char *));
    }
    for (i = 0; i < person.phones->nelts; i++) {
        add_key(keys, "p:", "", APR_ARRAY_IDX(person.phones, i, const char *));
    }
    for (i = 0; i < person.places->nelts; i++) {
        const char *code = APR_ARRAY_IDX(person.places, i, place_t).code;

        add_name(keys, "n:", code, &person.last);
        add_name(keys, "n:", code, &person.first);
        add_name(keys, "c:", code, &person.company);
    }
    if (*person.birth_date) {
        add_name(keys, "b:", person.birth_date, &person.last);
        add_name(keys, "b:", person.birth_date, &person.first);
    }
    sort_unique(keys);
    return keys;
}
