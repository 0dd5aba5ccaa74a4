/*
 * The master's ear: a subscription to the wake channel, made again whenever it breaks. Tells which
 * queue's head moved, and when everything has to be looked at because something may have been
 * missed.
 */
#ifndef CONSUMER_LISTEN_H
#define CONSUMER_LISTEN_H

#include <apr_pools.h>
#include <apr_time.h>

#include "core/config.h"
#include "core/queue.h"

typedef struct consumer_listener_t consumer_listener_t;

/* Makes it; connects nothing. `config` and `queue` are borrowed. */
consumer_listener_t *consumer_listener_make(const crm360_config_t *config, crm360_queue_t *queue,
                                            apr_pool_t *pool);

/* To poll for readability; -1 while there is no connection. */
int consumer_listener_fd(const consumer_listener_t *listener);

/* Does what is due at `now`: connects, or makes sure that a silent connection still lives. 1
 * when a subscription has just been made: whatever happened before went unheard. */
int consumer_listener_tick(consumer_listener_t *listener, apr_time_t now);

/* When to call tick again at the latest. */
apr_time_t consumer_listener_next(const consumer_listener_t *listener);

/* Subscribes anew at the next tick: the node that it listens to may be none of the cluster's any
 * more, and be silent for ever. */
void consumer_listener_renew(consumer_listener_t *listener, apr_time_t now);

/* Reads what has arrived; call when the descriptor is readable. */
void consumer_listener_read(consumer_listener_t *listener, apr_time_t now);

/* Takes one wake-up that was read: 1 with the queue's key (in `pool`) and the time in ms of
 * Redis' clock, 0 when there is none left. */
int consumer_listener_take(consumer_listener_t *listener, const char **key, apr_int64_t *visible_ms,
                           apr_pool_t *pool);

#endif
