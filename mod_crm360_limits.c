/*
 * The limits of what comes in: sizes by the location, rates by database and platform. Must never
 * charge a rate for a request whose origin is not proven, nor ask anybody: these are the checks
 * that hold when there is too much of everything.
 */
#include "mod_crm360_private.h"

#include <apr_strings.h>
#include <http_log.h>

#include <string.h>

#include "core/clock.h"
#include "core/log.h"

APLOG_USE_MODULE(crm360_webhook);

/* ---- sizes ---- */

apr_off_t webhook_body_most(const webhook_t *webhook)
{
    return webhook->params.batch_mode ? crm360_location_max_batch_body(webhook->location)
                                      : crm360_location_max_body(webhook->location);
}

static apr_int64_t header_bytes(const request_rec *r)
{
    const apr_array_header_t *fields = apr_table_elts(r->headers_in);
    apr_int64_t bytes = 0;
    int i;

    for (i = 0; i < fields->nelts; i++) {
        const apr_table_entry_t *field = &APR_ARRAY_IDX(fields, i, apr_table_entry_t);

        bytes += (apr_int64_t)(strlen(field->key) + strlen(field->val));
    }
    return bytes;
}

/* Whether the query has more than `most` parameters. */
static int has_more(const char *query, int most)
{
    crm360_param_pair_t pair;
    int count = 0;

    query = query ? query : "";
    while (count <= most && crm360_params_next(&pair, &query)) {
        count++;
    }
    return count > most;
}

int webhook_check_sizes(webhook_t *webhook)
{
    apr_int64_t most_bytes = crm360_location_max_headers(webhook->location);
    int most = crm360_location_max_parameters(webhook->location);
    request_rec *r = webhook->r;

    if (header_bytes(r) > most_bytes) {
        return webhook_refuse(webhook, PROBLEM_HEADERS_TOO_LARGE, NULL,
                              apr_psprintf(r->pool,
                                           "The header fields have more bytes than this location "
                                           "takes (Crm360MaxHeaders is %" APR_INT64_T_FMT ").",
                                           most_bytes));
    }
    if (has_more(r->args, most)) {
        return webhook_refuse(webhook, PROBLEM_TOO_MANY_PARAMETERS, NULL,
                              apr_psprintf(r->pool,
                                           "The query has more parameters than this location takes "
                                           "(Crm360MaxParameters is %d).",
                                           most));
    }
    return 1;
}

/* ---- what the log says ---- */

/* Whoever is held back is told each time, the log when it begins and when it has been over for a
 * while: near a limit the two would follow each other all day. */
#define QUIET 60 /* seconds */

static apr_uint64_t seconds_now(void)
{
    return (apr_uint64_t)apr_time_sec(crm360_clock()) + 1; /* never 0, which means: not at all */
}

static const char *const held_back[WEBHOOK_HOLDS] = {
    [WEBHOOK_HOLD_RATE] = "some come faster than Crm360Rate allows (429)",
    [WEBHOOK_HOLD_FULL] = "as many wait as Crm360WaitingMost or Crm360WaitingBytes allow (503)",
    [WEBHOOK_HOLD_BROKEN] = "Redis answers what nobody understands (503)",
};

int webhook_hold_is_news(const webhook_t *webhook, webhook_hold_t hold)
{
    apr_uint64_t *last =
        &webhook->server->holds[webhook->database->number * WEBHOOK_HOLDS + (int)hold];

    return !__atomic_exchange_n(last, seconds_now(), __ATOMIC_RELAXED);
}

void webhook_hold_begins(const webhook_t *webhook, webhook_hold_t hold)
{
    const crm360_database_t *database = webhook->database;

    if (webhook_hold_is_news(webhook, hold)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, webhook->r,
                      CRM360_LOGNO(0220) "webhooks of %s/%s are refused: %s", database->customer,
                      database->alias, held_back[hold]);
    }
}

void webhook_hold_ends(const webhook_t *webhook, webhook_hold_t hold)
{
    const crm360_database_t *database = webhook->database;
    apr_uint64_t *last = &webhook->server->holds[database->number * WEBHOOK_HOLDS + (int)hold];
    apr_uint64_t then = __atomic_load_n(last, __ATOMIC_RELAXED);

    if (then && seconds_now() - then >= QUIET &&
        __atomic_compare_exchange_n(last, &then, 0, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        ap_log_rerror(APLOG_MARK, APLOG_NOTICE, 0, webhook->r,
                      "webhooks of %s/%s are taken again: for %d s none was refused because %s",
                      database->customer, database->alias, QUIET, held_back[hold]);
    }
}

/* ---- rates ---- */

/* The bucket of this webhook; NULL = any number of them. */
static crm360_rate_slot_t *slot_of(const webhook_t *webhook, crm360_rate_t *rate)
{
    int platform = crm360_platform_find(webhook->route->platform);
    crm360_rate_slot_t *slots = webhook->server->rates[webhook->database->number];

    *rate = crm360_database_rate(webhook->database, platform);
    return slots && rate->number > 0 ? &slots[platform] : NULL;
}

static int refuse_rate(webhook_t *webhook, crm360_rate_t rate, apr_interval_time_t wait)
{
    int seconds = crm360_rate_seconds(wait);

    webhook_hold_begins(webhook, WEBHOOK_HOLD_RATE);
    return webhook_refuse_for(
        webhook, PROBLEM_RATE_LIMITED, seconds,
        apr_psprintf(webhook->r->pool,
                     "This database takes %d requests of %s in %s. The next one may come in %d s.",
                     rate.number, webhook->route->platform,
                     rate.seconds == 1    ? "a second"
                     : rate.seconds == 60 ? "a minute"
                                          : "an hour",
                     seconds));
}

int webhook_peek_rate(webhook_t *webhook)
{
    crm360_rate_t rate;
    crm360_rate_slot_t *slot = slot_of(webhook, &rate);
    apr_interval_time_t wait = slot ? crm360_rate_peek(slot, rate, crm360_clock()) : 0;

    return wait > 0 ? refuse_rate(webhook, rate, wait) : 1;
}

int webhook_take_rate(webhook_t *webhook)
{
    crm360_rate_t rate;
    crm360_rate_slot_t *slot = slot_of(webhook, &rate);
    apr_interval_time_t wait = slot ? crm360_rate_take(slot, rate, crm360_clock()) : 0;

    if (wait > 0) {
        return refuse_rate(webhook, rate, wait);
    }
    webhook_hold_ends(webhook, WEBHOOK_HOLD_RATE);
    return 1;
}

/* ---- their memory ---- */

static int is_limited(const crm360_database_t *database)
{
    int platform;

    for (platform = 0; platform < CRM360_PLATFORMS; platform++) {
        if (crm360_database_rate(database, platform).number > 0) {
            return 1;
        }
    }
    return 0;
}

static apr_size_t holds_size(const crm360_config_t *config)
{
    return (apr_size_t)crm360_config_databases(config)->nelts * WEBHOOK_HOLDS *
           sizeof(apr_uint64_t);
}

apr_size_t webhook_limits_size(const crm360_config_t *config)
{
    const apr_array_header_t *databases = crm360_config_databases(config);
    apr_size_t limited = 0;
    int i;

    for (i = 0; i < databases->nelts; i++) {
        limited += (apr_size_t)is_limited(APR_ARRAY_IDX(databases, i, const crm360_database_t *));
    }
    return limited * CRM360_PLATFORMS * sizeof(crm360_rate_slot_t) + holds_size(config);
}

void webhook_limits_make(webhook_server_t *server, void *memory, apr_pool_t *pool)
{
    const crm360_config_t *config = server->config;
    const apr_array_header_t *databases = crm360_config_databases(config);
    crm360_rate_slot_t **rates =
        apr_pcalloc(pool, ((apr_size_t)databases->nelts + 1) * sizeof(*rates));
    crm360_rate_slot_t *next = (void *)((char *)memory + holds_size(config));
    int i;

    for (i = 0; i < databases->nelts; i++) {
        if (is_limited(APR_ARRAY_IDX(databases, i, const crm360_database_t *))) {
            rates[i] = next;
            next += CRM360_PLATFORMS;
        }
    }
    server->holds = memory;
    server->rates = rates;
}
