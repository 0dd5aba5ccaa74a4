/*
 * What crm360d tells the service manager (sd_notify(3)), where there is one. The only place that
 * knows libsystemd; without it, or without NOTIFY_SOCKET, everything here does nothing. Must never
 * fail; it waits only for a manager that listens and does not read. Used by the master's single
 * thread only.
 */
#ifndef CONSUMER_NOTIFY_H
#define CONSUMER_NOTIFY_H

#include <apr_time.h>

/* The start, or the reading of the configuration, is through. */
void consumer_notify_ready(void);

/* The configuration is being read again; consumer_notify_ready() follows in any case. */
void consumer_notify_reloading(void);

/* The end has begun. */
void consumer_notify_stopping(void);

/* What `systemctl status` shows; one line. */
void consumer_notify_status(const char *text);

/* How often consumer_notify_alive() is to be called at least: half of what the manager waits; 0 =
 * it waits for nothing. */
apr_interval_time_t consumer_notify_every(void);
void consumer_notify_alive(void);

#endif
