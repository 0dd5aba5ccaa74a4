/*
 * Dead letters of which nobody knows whether they were sent: a person decides that they are sent
 * again, and only a person. For dead.c.
 */
#ifndef CTL_RESEND_H
#define CTL_RESEND_H

#include "core/queue_admin.h"
#include "crm/db.h"
#include "ctl/ctl.h"

/* Whether a dead letter is one of them, by what it died of. */
int ctl_resend_needed(const crm360_failure_t *failure);

/* Notes in the database that these may be sent again; before they are redriven. Those that are not
 * uncertain there (any more) stay as they are. *db is opened at the first call and used again; it
 * ends with `owner`. CTL_FINE, or the exit status for what went wrong, which has been said. */
ctl_status_t ctl_resend_allow(crm_db_t **db, const ctl_place_t *place, const char *const *ids,
                              int count, apr_pool_t *owner, apr_pool_t *pool);

#endif
