/* The master process: knows when each queue is due, and gives work to the workers. Never touches
 * a message. */
#ifndef CONSUMER_MASTER_H
#define CONSUMER_MASTER_H

#include <apr_pools.h>

#include "core/config.h"

/* Why the master came back. */
typedef enum { CONSUMER_STOPPED, CONSUMER_RELOAD } consumer_end_t;

/* Called on HUP: reads the configuration anew; 1 when the new one is good and the master should
 * end to be run with it, 0 to go on with the old one. */
typedef int consumer_reload_t(void *baton);

/* Serves until TERM or INT (CONSUMER_STOPPED) or an accepted HUP (CONSUMER_RELOAD). All workers
 * have ended when it returns. consumer_signals_open() must have been called. */
apr_status_t consumer_master_run(consumer_end_t *end, const crm360_config_t *config,
                                 consumer_reload_t *reload, void *baton, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
