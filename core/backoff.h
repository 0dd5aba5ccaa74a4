/* Delays between attempts. Pure arithmetic. */
#ifndef CRM360_BACKOFF_H
#define CRM360_BACKOFF_H

#include <apr_time.h>

/* Delay before the next attempt after `failures` failed ones (>= 1), from a schedule of `steps`
 * delays: full jitter, a random time of at most the step. Returns -1 when the schedule is used
 * up. */
apr_interval_time_t crm360_backoff_next(const apr_interval_time_t *schedule, int steps,
                                        int failures);

/* Delay before trying a server again that has been away for `tries` (>= 1) attempts: doubles from
 * `first` up to `most`, with jitter of a quarter. */
apr_interval_time_t crm360_backoff_reconnect(int tries, apr_interval_time_t first,
                                             apr_interval_time_t most);

#endif
