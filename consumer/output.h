/*
 * Where the daemon's lines go, and its life as a daemon: log file or standard error, detaching, the
 * pid file. The process has one output; all functions are for its main thread.
 */
#ifndef CONSUMER_OUTPUT_H
#define CONSUMER_OUTPUT_H

#include <apr_pools.h>

#include "core/log.h"

/* Opens the log (NULL = standard error), detaches unless `foreground`, and writes the pid file
 * (NULL = none). A pid file whose process still runs refuses the start. On failure *error names
 * the thing at fault. */
apr_status_t consumer_output_open(const char *log_file, int foreground, const char *pid_file,
                                  crm360_log_level_t level, const char **error, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Whether lines are JSON objects from here on (Crm360LogFormat); at first they are text. Children
 * that are forked later write likewise. */
void consumer_output_format(int json);

/* Between the two, lines may be kept, to be written some together and whole: for many that come at
 * once, while nothing can happen that ends the process. */
void consumer_output_hold(void);
void consumer_output_release(void);

/* Opens the log file again after it was moved away. */
void consumer_output_reopen(void);

/* Removes the pid file. */
void consumer_output_close(void);

#endif
