/* La Poste's public file of post codes, as text in a CSV file. Reads and checks; knows no database
 * and prints nothing. */
#ifndef CTL_POSTCODE_FILE_H
#define CTL_POSTCODE_FILE_H

#include <apr_tables.h>

#include "crm/postcode.h"

typedef struct ctl_postcodes_t {
    apr_array_header_t *rows; /* crm_postcode_row_t, no two the same */
    int codes;                /* how many post codes are among them */
    int duplicates;           /* how many rows were left out because they came before */
} ctl_postcodes_t;

/* Reads all of `path`, NULL = standard input, which is then called so. The text is UTF-8 or, when
 * its bytes are not, Windows-1252, which has all of ISO-8859-1. The header line names the columns,
 * in any order; those that nobody needs are passed over. APR_EINVAL or what APR said: *why names
 * file, line, column and what was expected, without control characters; *found is then of no use.
 * All in `pool`. */
apr_status_t ctl_postcodes_read(ctl_postcodes_t *found, const char **why, const char *path,
                                apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
