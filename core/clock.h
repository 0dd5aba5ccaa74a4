/* The clock for durations and deadlines. The time of day may jump; this one does not. */
#ifndef CRM360_CLOCK_H
#define CRM360_CLOCK_H

#include <apr_time.h>

/* Microseconds since some moment in the past, the same for all processes of this machine. Any
 * thread. */
apr_time_t crm360_clock(void);

#endif
