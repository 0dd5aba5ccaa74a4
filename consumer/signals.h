/*
 * Signals of the master: each handler writes one byte into a pipe that the main loop polls, and
 * does nothing else.
 */
#ifndef CONSUMER_SIGNALS_H
#define CONSUMER_SIGNALS_H

#include <apr_errno.h>

#include <signal.h>

/* Makes the pipe and installs the handlers for TERM, INT, HUP, USR1 and CHLD; PIPE is ignored. Once
 * per process. */
apr_status_t consumer_signals_open(void);

/* The end to poll for readability. */
int consumer_signals_fd(void);

/* Takes one signal that has arrived: its number, 0 when there is none. Never blocks. */
int consumer_signals_take(void);

/* In a worker, after the fork: TERM sets `*stop`, INT, HUP and USR1 are the master's business and
 * ignored, the rest is as usual. A handler that still runs `grace_seconds` after TERM ends the
 * process. */
void consumer_signals_worker(volatile sig_atomic_t *stop, unsigned grace_seconds);

#endif
