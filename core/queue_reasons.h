/*
 * Why messages failed, by groups: reasons that differ only in what they are about (ids, numbers,
 * quoted values, addresses) are one. A group's text holds none of that, so it says nothing of
 * anybody. For crm360ctl and the status page. Changes nothing. Any thread, each set of groups by
 * one at a time.
 */
#ifndef CRM360_QUEUE_REASONS_H
#define CRM360_QUEUE_REASONS_H

#include "core/queue_admin.h"

/* Most bytes of a group's text. */
#define CRM360_REASON_MOST 300

typedef struct crm360_reason_t {
    const char *text; /* valid UTF-8 */
    int dead;         /* dead letters with it */
    int retried;      /* messages that are tried again because of it */
    /* The first that was added, as an example. */
    const char *database; /* keys->name */
    const char *id;
} crm360_reason_t;

typedef struct crm360_reasons_t crm360_reasons_t;

/* A reason without what it is about, in `pool`: `the body is not JSON: line N, column N`, `"..."`
 * for a quoted value, `<id>`, `<address>`. Numbers that name a status (HTTP 503) stay. */
const char *crm360_reason_shape(const char *reason, apr_pool_t *pool);

/* No group yet; everything lives in `pool`. */
crm360_reasons_t *crm360_reasons_make(apr_pool_t *pool);

/* Adds one message. Strings are borrowed for as long as the groups are there. */
void crm360_reasons_add(crm360_reasons_t *reasons, const char *reason, int is_dead,
                        const char *database, const char *id);

/* Adds the newest `most` (<= CRM360_PAGE_MOST) dead letters of a database, and of each lane the
 * first `most_retried` (likewise) messages that wait after `now` (Redis' clock) and have failed
 * before. Errors as crm360_redis_run(); what was found until then is there. */
apr_status_t crm360_queue_reasons(crm360_reasons_t *reasons, crm360_queue_t *queue,
                                  const crm360_keys_t *keys, int most, int most_retried,
                                  apr_time_t now, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The groups, the largest first: crm360_reason_t. */
const apr_array_header_t *crm360_reasons_list(const crm360_reasons_t *reasons);

/* How many messages were looked at that had a reason. */
int crm360_reasons_count(const crm360_reasons_t *reasons);

#endif
