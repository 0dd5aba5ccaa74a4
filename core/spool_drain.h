/*
 * Carries what lies in the spool into Redis, a slice in each turn: of crm360d's master, or of
 * crm360ctl, also at the same time. Removes a message only after Redis has it; a message that
 * cannot be carried now holds up no other. One thread.
 */
#ifndef CRM360_SPOOL_DRAIN_H
#define CRM360_SPOOL_DRAIN_H

#include <apr_pools.h>
#include <apr_time.h>

#include "core/config.h"
#include "core/queue.h"

typedef struct crm360_spool_drain_t crm360_spool_drain_t;

#define CRM360_SPOOL_DRAIN_NEVER APR_INT64_MAX

/* So often Redis may not answer about one message before the others go first. Who gives up earlier
 * never comes to them. */
#define CRM360_SPOOL_DRAIN_TRIES 4

/* What has come of it since it was made. */
typedef struct crm360_spool_drained_t {
    int carried;    /* Redis has them: new ones, and repeated deliveries */
    int duplicates; /* of these */
    int aside;      /* files that are no message, renamed */
    int ended;      /* the last walk came to its end, and nothing is there but what was held */
    int held;       /* messages that it had to leave; why is in the log */
    int postponed;  /* how often it left one, and others behind it, that Redis did not take */
    int refused;    /* how often in a row Redis did not take the message in hand */
    int faults;     /* how often in a row the folder could not be used */
    apr_time_t locked_since; /* somebody else has the lock since then; 0 = nobody */
} crm360_spool_drained_t;

/* Makes the drain of the spool that the configuration names, if it names one. Reads nothing yet;
 * the first turn begins with what an earlier life has left. Ends with `pool`. */
crm360_spool_drain_t *crm360_spool_drain_make(const crm360_config_t *config, crm360_queue_t *queue,
                                              apr_pool_t *pool);

/* Does what is due at `now` (crm360_clock()), for some 20 ms; nothing while Redis is not `up`. */
void crm360_spool_drain_turn(crm360_spool_drain_t *drain, apr_time_t now, int up);

/* When the next turn is due; CRM360_SPOOL_DRAIN_NEVER while Redis is not `up`, and where
 * there is no spool. */
apr_time_t crm360_spool_drain_next(const crm360_spool_drain_t *drain, int up);

crm360_spool_drained_t crm360_spool_drain_sum(const crm360_spool_drain_t *drain);

#endif
