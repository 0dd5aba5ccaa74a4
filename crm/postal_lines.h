/*
 * One pass of restructuring and normalising a French address. Private to crm/postal*.c. Pure;
 * whoever wants a result that stays repeats the pass until nothing changes.
 */
#ifndef CRM_POSTAL_LINES_H
#define CRM_POSTAL_LINES_H

#include "crm/postal.h"

/* Writes `from` into result->values, which becomes CRM_POSTAL_VALID, or CRM_POSTAL_AMBIGUOUS or
 * CRM_POSTAL_REJECTED with a reason. A rejected result's values are of no use. `country` is
 * alpha-3. In `pool`. */
void crm_postal_lines_pass(crm_postal_result_t *result, const char *const *from,
                           const char *country, apr_pool_t *pool);

#endif
