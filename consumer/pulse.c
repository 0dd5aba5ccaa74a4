/* The master's pulse, for the service manager. */
#include "consumer/pulse.h"

#include <apr_strings.h>

#include <string.h>

#include "consumer/notify.h"
#include "consumer/schedule.h"

/* How often at most the status is told anew while only its numbers change. */
#define STATUS_EVERY (10 * APR_USEC_PER_SEC)

struct consumer_pulse_t {
    const consumer_crew_t *crew;
    apr_interval_time_t every; /* 0 = nobody watches */
    apr_time_t alive_at;       /* when it is to be told next */
    apr_time_t told_at;        /* when the status was told last; 0 = never */
    consumer_state_t told;
};

consumer_pulse_t *consumer_pulse_make(const consumer_crew_t *crew, apr_pool_t *pool)
{
    consumer_pulse_t *pulse = apr_pcalloc(pool, sizeof *pulse);

    pulse->crew = crew;
    pulse->every = consumer_notify_every();
    return pulse;
}

/* Whether what is told is another thing, not only another number of messages. */
static int is_news(const consumer_pulse_t *pulse, const consumer_state_t *state)
{
    return !pulse->told_at || state->redis_up != pulse->told.redis_up ||
           state->away != pulse->told.away;
}

static void tell_status(consumer_pulse_t *pulse, const consumer_state_t *state, apr_time_t now)
{
    char away[80] = "", text[200];

    pulse->told = *state;
    pulse->told_at = now;
    if (!state->redis_up) {
        consumer_notify_status("Redis cannot be used; messages wait");
        return;
    }
    if (state->away) {
        apr_snprintf(away, sizeof away, "; %d cannot be used, whose messages wait", state->away);
    }
    apr_snprintf(text, sizeof text,
                 "Serving %d database%s, %" APR_INT64_T_FMT " messages worked on%s",
                 state->databases, state->databases == 1 ? "" : "s", state->messages, away);
    consumer_notify_status(text);
}

static void tell_alive(consumer_pulse_t *pulse, apr_time_t now)
{
    if (pulse->every && now >= pulse->alive_at) {
        pulse->alive_at = now + pulse->every;
        consumer_notify_alive();
    }
}

void consumer_pulse_beat(consumer_pulse_t *pulse, const consumer_state_t *state, apr_time_t now)
{
    if (!pulse->told_at) {
        consumer_notify_ready();
    }
    if (is_news(pulse, state) ||
        (state->messages != pulse->told.messages && now >= pulse->told_at + STATUS_EVERY)) {
        tell_status(pulse, state, now);
    }
    if (!consumer_crew_overlooks(pulse->crew, now)) {
        tell_alive(pulse, now);
    }
}

void consumer_pulse_beat_last(consumer_pulse_t *pulse, apr_time_t now)
{
    tell_alive(pulse, now);
}

apr_time_t consumer_pulse_next(const consumer_pulse_t *pulse)
{
    return pulse->every ? pulse->alive_at : CONSUMER_NEVER;
}
