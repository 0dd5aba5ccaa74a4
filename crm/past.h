/*
 * What a database remembers of messages: when they had their effect, and what became of what they
 * sent. For who looks on (crm360ctl trace); workers ask crm/inbox.h and crm/send.h. Changes
 * nothing.
 */
#ifndef CRM_PAST_H
#define CRM_PAST_H

#include "crm/db.h"

/* Of one message. Times are 0, and texts NULL, where there is nothing; whole seconds, cut. */
typedef struct crm_past_t {
    apr_time_t processed; /* it had its effect */
    const char *kind; /* "mail", "sms" or "wallet": it was sent, or was to be; NULL = no such row */
    const char *provider;
    const char *state; /* "calling", "sent", "refused", "failed", "uncertain" or "resend" */
    int attempt;       /* number of the last call */
    apr_time_t started;
    apr_time_t ended;
    const char *reference; /* the provider's id */
    const char *code;
    const char *reason;
} crm_past_t;

/* Of `count` messages: (*pasts)[i] is that of ids[i], in `pool`. Errors as crm_db_begin(). */
apr_status_t crm_past_find(crm_past_t **pasts, crm_db_t *db, const char *const *ids, int count,
                           apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
