/*
 * What the tests of RNVP share: a few post codes, people with addresses in the database, and how an
 * address looks.
 */
#ifndef RNVP_TOOLS_H
#define RNVP_TOOLS_H

#include "crm/postcode.h"
#include "t/unit/handler_tools.h"

#define RNVP "elfy76310/process/Rnvp"

static const crm_postcode_row_t post_codes[] = {
    {"06000", "NICE", "06088", ""},     {"06100", "NICE", "06088", ""},
    {"69001", "LYON", "69381", ""},     {"44000", "NANTES", "44109", ""},
    {"33000", "BORDEAUX", "33063", ""}, {"75008", "PARIS", "75108", ""},
    {"59000", "LILLE", "59350", ""},    {"26000", "VALENCE", "26362", ""},
    {"16460", "VALENCE", "16392", ""},  {"69100", "VILLEURBANNE", "69266", ""},
};

#define POST_CODES ((int)(sizeof(post_codes) / sizeof(post_codes[0])))

static apr_status_t next_post_code(void *baton, crm_postcode_row_t *row)
{
    int *next = baton;

    if (*next == POST_CODES) {
        return APR_EOF;
    }
    *row = post_codes[(*next)++];
    return APR_SUCCESS;
}

static void import_post_codes(void)
{
    int next = 0, stored;

    if (crm_postcode_replace(&stored, db, next_post_code, &next, pool) != APR_SUCCESS) {
        printf("Bail out! no post codes: %s\n", crm_db_error(db));
        exit(1);
    }
}

/* A contact with an identifier "p<id>" of a source and one address of the same number; `columns`
 * and `values` are more of the address ("Address4, City", "'1 rue', 'Nice'"). */
static void person(int id, int source_id, const char *columns, const char *values)
    __attribute__((unused));
static void person(int id, int source_id, const char *columns, const char *values)
{
    tools_execute(
        section,
        apr_psprintf(pool,
                     "INSERT INTO Contacts (ContactId, LastName, ZoneId) VALUES (%d, 'P%d', %d);"
                     "INSERT INTO ContactIdentifiers VALUES ('%d:p%d', 'p%d', %d, %d);"
                     "INSERT INTO Addresses (AddressId, ContactId%s%s) VALUES (%d, %d%s%s)",
                     id, id, id % 2 + 1, source_id, id, id, id, source_id, *columns ? ", " : "",
                     columns, id, id, *values ? ", " : "", values));
}

/* "state: line 1/line 2/.../post code city/country", empty ones left out. */
static const char *address(int id) __attribute__((unused));
static const char *address(int id)
{
    const char *text =
        ask(apr_psprintf(pool,
                         "SELECT COALESCE(CAST(AddressStateId AS TEXT), '-') || ':'"
                         " || COALESCE('/' || Address1, '') || COALESCE('/' || Address2, '')"
                         " || COALESCE('/' || Address3, '') || COALESCE('/' || Address4, '')"
                         " || COALESCE('/' || Address5, '') || COALESCE('/' || Address6, '')"
                         " || COALESCE('/' || Address7, '') || COALESCE('/' || PostCode, '')"
                         " || COALESCE('/' || City, '') || COALESCE('/' || CountryId, '')"
                         " FROM Addresses WHERE AddressId = %d",
                         id));
    return text;
}

/* The states of all addresses, in their order: "1 2 - 4". */
static const char *states(void) __attribute__((unused));
static const char *states(void)
{
    char *text = apr_pstrdup(pool, ask("SELECT COALESCE(CAST(AddressStateId AS TEXT), '-')"
                                       " FROM Addresses ORDER BY AddressId")),
         *c;

    for (c = text; *c; c++) {
        *c = *c == '\n' ? ' ' : *c;
    }
    return text;
}

#endif
