/*
 * For tests of postal addresses: an address as one text, "4=12 rue X|P=69100|C=Nice", where 1 to
 * 7 are the lines, P is PostCode, C City, S State, K CountryId. Must never need a database.
 */
#ifndef POSTAL_TOOLS_H
#define POSTAL_TOOLS_H

#include "crm/postal.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "t/unit/tap.h"

#define PLACES "1234567PCSK" /* of the values, in their order */

/* The address that a text writes; `values` has CRM_POSTAL_VALUES places. */
static void read_address(const char **values, const char *text, apr_pool_t *pool)
    __attribute__((unused));
static void read_address(const char **values, const char *text, apr_pool_t *pool)
{
    memset(values, 0, sizeof(*values) * CRM_POSTAL_VALUES);
    while (*text) {
        size_t length = strcspn(text, "|");

        values[strchr(PLACES, *text) - PLACES] = apr_pstrmemdup(pool, text + 2, length - 2);
        text += length + (text[length] == '|');
    }
}

/* The text of an address; France is not worth saying. */
static const char *write_address(const char *const *values, apr_pool_t *pool)
{
    const char *text = "";
    int i;

    for (i = 0; i < CRM_POSTAL_VALUES; i++) {
        if (values[i] && (i != CRM_POSTAL_COUNTRY || strcmp(values[i], "FRA") != 0)) {
            text = apr_psprintf(pool, "%s%s%c=%s", text, *text ? "|" : "", PLACES[i], values[i]);
        }
    }
    return text;
}

static int same_address(const char *const *one, const char *const *other)
{
    int i;

    for (i = 0; i < CRM_POSTAL_VALUES; i++) {
        if (strcmp(one[i] ? one[i] : "", other[i] ? other[i] : "") != 0) {
            return 0;
        }
    }
    return 1;
}

#endif
