/*
 * The inbox: one row per message that had its effect, written in the same transaction, so that a
 * message delivered again by the queue changes nothing.
 */
#ifndef CRM_INBOX_H
#define CRM_INBOX_H

#include "crm/db.h"

/* Notes that message `id` is being processed. *fresh is 0 when an earlier transaction has committed
 * it: then skip the handler and acknowledge. Errors as crm_db_begin(). */
apr_status_t crm_inbox_add(int *fresh, crm_db_t *db, const char *id, const char *route,
                           apr_pool_t *pool) __attribute__((warn_unused_result));

/* Takes the note back: only a step of the message is done (HANDLER_MORE). */
apr_status_t crm_inbox_remove(crm_db_t *db, const char *id, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
