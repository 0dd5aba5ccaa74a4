/*
 * Deduplication at intake, the part before Redis: which deliveries are the same. A delivery is
 * known by its Idempotency-Key field, as a CloudEvent by its source and id, by the id that its
 * platform gave it, or by its content; Redis remembers the name made here for a while
 * (lua/push.lua). Never lets one sender, route or source pass for another.
 */
#ifndef CRM360_DEDUP_H
#define CRM360_DEDUP_H

#include "core/cloudevent.h"
#include "core/config.h"
#include "core/message.h"

/* How a delivery is known again. */
typedef struct crm360_dedup_t {
    const char *hash; /* CRM360_DIGEST_LEN digits; NULL = it is not remembered */
    /* Digest of its content, likewise; set together with hash. That of a CloudEvent is the same
     * whatever its content: the same source and id are the same event. */
    const char *content;
    apr_interval_time_t window; /* how long it is remembered; > 0 where hash is set */
    int strict;                 /* the same hash with another content is refused */
} crm360_dedup_t;

/* Says by what `message` is known again under `rule`: route, source, target, headers and body of
 * the message must be set. `event`: the CloudEvent that it is, NULL = none. `mail`: it is only to
 * be mailed, which is another delivery than the webhook itself. Strings live in `pool`.
 * APR_EINVAL: its Idempotency-Key is none, *fault is a sentence for the caller; APR_ENOMEM. */
apr_status_t crm360_dedup_find(crm360_dedup_t *dedup, const char **fault,
                               const crm360_dedup_rule_t *rule, const crm360_message_t *message,
                               const crm360_cloudevent_t *event, int mail, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
