/*
 * Events of a platform's own for the timeline, for handlers whose platform names its events in the
 * body. For handlers only; pure functions.
 */
#ifndef HANDLERS_EVENTS_H
#define HANDLERS_EVENTS_H

#include <apr_pools.h>

/* "<platform>.<name>" for crm_event_t.kind: the name in lower case, as far as it is one word of
 * letters, digits, points, hyphens and underscores of at most 40 bytes; else "<platform>.other". In
 * `pool`. `name` may be NULL. */
const char *handler_events_kind(const char *platform, const char *name, apr_pool_t *pool);

#endif
