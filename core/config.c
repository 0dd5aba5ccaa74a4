/*
 * The table of directives, and what follows from its rows: making and merging the structs. Below it
 * the getters, and the checks across settings. A default is applied by its getter only, so that a
 * merge never mistakes one for a setting; the test compares the getters with the table's default
 * texts.
 */
#include "core/config_private.h"

#include <apr_strings.h>

#include <stddef.h>
#include <string.h>

#define MSEC APR_INT64_C(1000)
#define SECOND (1000 * MSEC)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

#define BOTH (CRM360_READ_HTTPD | CRM360_READ_CONSUMER)

static const char *const drivers[] = {"sqlite3", "pgsql", NULL};

const crm360_directive_t crm360_directives[] = {
    {.name = "Crm360Redis",
     .contexts = CRM360_IN_SERVER,
     .readers = BOTH,
     .min_args = 1,
     .max_args = 1,
     .syntax = "unix:/path | redis://host[:port][/db]",
     .default_text = "redis://127.0.0.1:6379/0",
     .help = "Where the Redis server is that holds the queues. An IPv6 address stands in brackets.",
     .set = crm360_set_address,
     .holds = CRM360_HOLDS_ADDRESS,
     .offset = offsetof(crm360_config_t, redis)},
    {.name = "Crm360RedisUser",
     .contexts = CRM360_IN_SERVER,
     .readers = BOTH,
     .min_args = 1,
     .max_args = 1,
     .syntax = "name",
     .default_text = "none",
     .help = "User to log in to Redis as; without it, the default user of Redis.",
     .set = crm360_set_text,
     .holds = CRM360_HOLDS_TEXT,
     .offset = offsetof(crm360_config_t, redis_user),
     .min = 1,
     .max = 128},
    {.name = "Crm360RedisPasswordFile",
     .contexts = CRM360_IN_SERVER,
     .readers = BOTH,
     .min_args = 1,
     .max_args = 1,
     .syntax = "/file",
     .default_text = "none",
     .help = "File whose only line is the password for Redis; mode 0640 or less.",
     .set = crm360_set_secret,
     .holds = CRM360_HOLDS_TEXT,
     .offset = offsetof(crm360_config_t, redis_password)},
    {.name = "Crm360ConnectTimeout",
     .contexts = CRM360_IN_SERVER,
     .readers = BOTH,
     .min_args = 1,
     .max_args = 1,
     .syntax = "time",
     .default_text = "200ms",
     .help = "How long connecting to Redis may take. Must be less than Crm360CommandTimeout.",
     .set = crm360_set_interval,
     .holds = CRM360_HOLDS_INTERVAL,
     .offset = offsetof(crm360_config_t, connect_timeout),
     .min = MSEC,
     .max = 10 * SECOND},
    {.name = "Crm360CommandTimeout",
     .contexts = CRM360_IN_SERVER,
     .readers = BOTH,
     .min_args = 1,
     .max_args = 1,
     .syntax = "time",
     .default_text = "250ms",
     .help =
         "How long Redis may take to answer one command. Must be less than Crm360HandlerTimeout.",
     .set = crm360_set_interval,
     .holds = CRM360_HOLDS_INTERVAL,
     .offset = offsetof(crm360_config_t, command_timeout),
     .min = MSEC,
     .max = MINUTE},
    {.name = "Crm360HandlerTimeout",
     .contexts = CRM360_IN_SERVER,
     .readers = CRM360_READ_CONSUMER,
     .min_args = 1,
     .max_args = 1,
     .syntax = "time",
     .default_text = "30s",
     .help = "How long a worker may spend on one message before it is stopped. Must be less than "
             "Crm360Lease.",
     .set = crm360_set_interval,
     .holds = CRM360_HOLDS_INTERVAL,
     .offset = offsetof(crm360_config_t, handler_timeout),
     .min = SECOND,
     .max = HOUR},
    {.name = "Crm360Lease",
     .contexts = CRM360_IN_SERVER,
     .readers = CRM360_READ_CONSUMER,
     .min_args = 1,
     .max_args = 1,
     .syntax = "time",
     .default_text = "60s",
     .help = "How long a claimed message belongs to its worker; afterwards it is visible again, as "
             "when the host of the worker is gone.",
     .set = crm360_set_interval,
     .holds = CRM360_HOLDS_INTERVAL,
     .offset = offsetof(crm360_config_t, lease),
     .min = 2 * SECOND,
     .max = 12 * HOUR},
    {.name = "Crm360Workers",
     .contexts = CRM360_IN_SERVER,
     .readers = CRM360_READ_CONSUMER,
     .min_args = 2,
     .max_args = 2,
     .syntax = "live | batch | send number",
     .default_text = "live 2, batch 1, send 1",
     .help =
         "How many worker processes crm360d keeps for a lane; one line for each lane. With 0 this "
         "host leaves the lane to others.",
     .set = crm360_set_workers,
     .holds = CRM360_HOLDS_LANES,
     .offset = offsetof(crm360_config_t, workers),
     .min = 0,
     .max = 64},
    {.name = "Crm360RetrySchedule",
     .contexts = CRM360_IN_SERVER,
     .readers = CRM360_READ_CONSUMER,
     .min_args = 1,
     .max_args = 20,
     .syntax = "time ...",
     .default_text = "10s 1m 5m 30m 2h 6h 24h",
     .help = "Delays after the first, second, ... failed attempt of a message; 1 to 20 of them. "
             "After the last one it goes to the dead letters.",
     .set = crm360_set_schedule,
     .holds = CRM360_HOLDS_SCHEDULE,
     .offset = offsetof(crm360_config_t, retry_schedule),
     .min = MSEC,
     .max = 30 * DAY},
    {.name = "Crm360InboxKeep",
     .contexts = CRM360_IN_SERVER,
     .readers = CRM360_READ_CONSUMER,
     .min_args = 1,
     .max_args = 1,
     .syntax = "time",
     .default_text = "30d",
     .help =
         "How long the inbox table of a database remembers what was processed. A message that is "
         "delivered again later than that is processed again.",
     .set = crm360_set_interval,
     .holds = CRM360_HOLDS_INTERVAL,
     .offset = offsetof(crm360_config_t, inbox_keep),
     .min = MINUTE,
     .max = 3650 * DAY},
    {.name = "Crm360DBDriver",
     .contexts = CRM360_IN_DATABASE,
     .readers = CRM360_READ_CONSUMER,
     .min_args = 1,
     .max_args = 1,
     .syntax = "sqlite3 | pgsql",
     .default_text = "none",
     .help = "Kind of the CRM database. Required by crm360d.",
     .set = crm360_set_driver,
     .holds = CRM360_HOLDS_TEXT,
     .offset = offsetof(crm360_database_t, driver),
     .choices = drivers},
    {.name = "Crm360DBParams",
     .contexts = CRM360_IN_DATABASE,
     .readers = CRM360_READ_CONSUMER,
     .min_args = 1,
     .max_args = 1,
     .syntax = "\"parameters\"",
     .default_text = "none",
     .help = "Where the CRM database is: for sqlite3 the absolute name of its file, for pgsql a "
             "connection string of libpq without a password. Required by crm360d.",
     .set = crm360_set_params,
     .holds = CRM360_HOLDS_TEXT,
     .offset = offsetof(crm360_database_t, params),
     .min = 1,
     .max = 4096},
    {.name = "Crm360DBPasswordFile",
     .contexts = CRM360_IN_DATABASE,
     .readers = CRM360_READ_CONSUMER,
     .min_args = 1,
     .max_args = 1,
     .syntax = "/file",
     .default_text = "none",
     .help = "File whose only line is the password for the CRM database; mode 0640 or less.",
     .set = crm360_set_secret,
     .holds = CRM360_HOLDS_TEXT,
     .offset = offsetof(crm360_database_t, password)},
    {.name = "Crm360DefaultZoneId",
     .contexts = CRM360_IN_DATABASE,
     .readers = CRM360_READ_CONSUMER,
     .min_args = 1,
     .max_args = 1,
     .syntax = "number",
     .default_text = "none",
     .help = "ZoneId of new contacts when a webhook names none.",
     .set = crm360_set_id,
     .holds = CRM360_HOLDS_ID,
     .offset = offsetof(crm360_database_t, default_zone_id),
     .min = 1,
     .max = 2147483647},
    {.name = "Crm360DefaultBrandId",
     .contexts = CRM360_IN_DATABASE,
     .readers = CRM360_READ_CONSUMER,
     .min_args = 1,
     .max_args = 1,
     .syntax = "number",
     .default_text = "none",
     .help = "BrandId of new contacts when a webhook names none.",
     .set = crm360_set_id,
     .holds = CRM360_HOLDS_ID,
     .offset = offsetof(crm360_database_t, default_brand_id),
     .min = 1,
     .max = 2147483647},
    {.name = "Crm360DefaultContactAddressTypeId",
     .contexts = CRM360_IN_DATABASE,
     .readers = CRM360_READ_CONSUMER,
     .min_args = 1,
     .max_args = 1,
     .syntax = "number",
     .default_text = "none",
     .help = "ContactAddressTypeId of new addresses when a webhook names none.",
     .set = crm360_set_id,
     .holds = CRM360_HOLDS_ID,
     .offset = offsetof(crm360_database_t, default_contact_address_type_id),
     .min = 1,
     .max = 32767},
    {.name = "Crm360Webhook",
     .contexts = CRM360_IN_LOCATION,
     .readers = CRM360_READ_HTTPD,
     .min_args = 1,
     .max_args = 1,
     .syntax = "On | Off",
     .default_text = "Off",
     .help = "Takes webhooks in at this location; the last six segments of the path are the route.",
     .set = crm360_set_flag,
     .holds = CRM360_HOLDS_FLAG,
     .offset = offsetof(crm360_location_t, enabled)},
    {.name = "Crm360MaxBody",
     .contexts = CRM360_IN_LOCATION,
     .readers = CRM360_READ_HTTPD,
     .min_args = 1,
     .max_args = 1,
     .syntax = "size",
     .default_text = "10M",
     .help = "Largest body of a webhook, in bytes or with K, M or G. A larger one is answered with "
             "413.",
     .set = crm360_set_size,
     .holds = CRM360_HOLDS_SIZE,
     .offset = offsetof(crm360_location_t, max_body),
     .min = 1,
     .max = APR_INT64_C(1) << 30},
    {.name = NULL}};

/* ---- members by their kind ---- */

static apr_size_t member_size(crm360_holds_t holds)
{
    switch (holds) {
    case CRM360_HOLDS_FLAG:
    case CRM360_HOLDS_ID:
        return sizeof(int);
    case CRM360_HOLDS_LANES:
        return CRM360_LANES * sizeof(int);
    case CRM360_HOLDS_INTERVAL:
    case CRM360_HOLDS_SIZE:
        return sizeof(apr_int64_t);
    default:
        return sizeof(void *);
    }
}

/* Numbers that may be 0 are unset at -1, all bits set; the rest at 0 or NULL. */
static int unset_byte(crm360_holds_t holds)
{
    switch (holds) {
    case CRM360_HOLDS_FLAG:
    case CRM360_HOLDS_LANES:
    case CRM360_HOLDS_INTERVAL:
    case CRM360_HOLDS_SIZE:
        return 0xFF;
    default:
        return 0;
    }
}

int crm360_member_is_set(const crm360_directive_t *row, const void *target)
{
    const unsigned char *byte = (const unsigned char *)target + row->offset;
    const unsigned char *end = byte + member_size(row->holds);
    int unset = unset_byte(row->holds);

    while (byte < end && *byte == unset) {
        byte++;
    }
    return byte < end;
}

void crm360_members_unset(void *target, unsigned context)
{
    const crm360_directive_t *row;

    for (row = crm360_directives; row->name; row++) {
        if (row->contexts & context) {
            memset((char *)target + row->offset, unset_byte(row->holds), member_size(row->holds));
        }
    }
}

static void lanes_merge(int *target, const int *add)
{
    int lane;

    for (lane = 0; lane < CRM360_LANES; lane++) {
        if (add[lane] >= 0) {
            target[lane] = add[lane];
        }
    }
}

void crm360_members_merge(void *target, const void *add, unsigned context)
{
    const crm360_directive_t *row;

    for (row = crm360_directives; row->name; row++) {
        char *to = (char *)target + row->offset;
        const char *from = (const char *)add + row->offset;

        if (!(row->contexts & context) || !crm360_member_is_set(row, add)) {
            continue;
        }
        if (row->holds == CRM360_HOLDS_LANES) {
            lanes_merge((int *)(void *)to, (const int *)(const void *)from);
        }
        else {
            memcpy(to, from, member_size(row->holds));
        }
    }
}

/* ---- making and merging ---- */

crm360_config_t *crm360_config_make(apr_pool_t *pool)
{
    crm360_config_t *config = apr_pcalloc(pool, sizeof(*config));

    crm360_members_unset(config, CRM360_IN_SERVER);
    config->databases = apr_array_make(pool, 4, sizeof(crm360_database_t *));
    config->by_name = apr_hash_make(pool);
    config->customers = apr_hash_make(pool);
    return config;
}

crm360_config_t *crm360_config_merge(const crm360_config_t *base, const crm360_config_t *add,
                                     apr_pool_t *pool)
{
    crm360_config_t *merged = crm360_config_make(pool);

    crm360_members_merge(merged, base, CRM360_IN_SERVER);
    crm360_members_merge(merged, add, CRM360_IN_SERVER);
    crm360_databases_merge(merged, base, pool);
    crm360_databases_merge(merged, add, pool);
    return merged;
}

crm360_location_t *crm360_location_make(apr_pool_t *pool)
{
    crm360_location_t *location = apr_pcalloc(pool, sizeof(*location));

    crm360_members_unset(location, CRM360_IN_LOCATION);
    return location;
}

crm360_location_t *crm360_location_merge(const crm360_location_t *base,
                                         const crm360_location_t *add, apr_pool_t *pool)
{
    crm360_location_t *merged = crm360_location_make(pool);

    crm360_members_merge(merged, base, CRM360_IN_LOCATION);
    crm360_members_merge(merged, add, CRM360_IN_LOCATION);
    return merged;
}

/* ---- getters, with the defaults ---- */

const crm360_redis_address_t *crm360_config_redis(const crm360_config_t *config, apr_pool_t *pool)
{
    static const crm360_redis_address_t fallback = {
        .host = "127.0.0.1", .port = 6379, .text = "redis://127.0.0.1:6379/0"};
    crm360_redis_address_t *address =
        apr_pmemdup(pool, config->redis ? config->redis : &fallback, sizeof(*address));

    address->user = config->redis_user;
    address->password = config->redis_password;
    return address;
}

static apr_int64_t set_or(apr_int64_t value, apr_int64_t fallback)
{
    return value >= 0 ? value : fallback;
}

apr_interval_time_t crm360_config_connect_timeout(const crm360_config_t *config)
{
    return set_or(config->connect_timeout, 200 * MSEC);
}

apr_interval_time_t crm360_config_command_timeout(const crm360_config_t *config)
{
    return set_or(config->command_timeout, 250 * MSEC);
}

apr_interval_time_t crm360_config_handler_timeout(const crm360_config_t *config)
{
    return set_or(config->handler_timeout, 30 * SECOND);
}

apr_interval_time_t crm360_config_lease(const crm360_config_t *config)
{
    return set_or(config->lease, 60 * SECOND);
}

apr_interval_time_t crm360_config_inbox_keep(const crm360_config_t *config)
{
    return set_or(config->inbox_keep, 30 * DAY);
}

int crm360_config_workers(const crm360_config_t *config, crm360_lane_t lane)
{
    return (int)set_or(config->workers[lane], lane == CRM360_LANE_LIVE ? 2 : 1);
}

const apr_interval_time_t *crm360_config_retry_schedule(const crm360_config_t *config, int *steps)
{
    static const apr_interval_time_t fallback[] = {10 * SECOND, MINUTE,   5 * MINUTE, 30 * MINUTE,
                                                   2 * HOUR,    6 * HOUR, 24 * HOUR};

    if (config->retry_schedule) {
        *steps = config->retry_schedule->steps;
        return config->retry_schedule->delays;
    }
    *steps = (int)(sizeof(fallback) / sizeof(fallback[0]));
    return fallback;
}

const apr_array_header_t *crm360_config_databases(const crm360_config_t *config)
{
    return config->databases;
}

int crm360_location_enabled(const crm360_location_t *location)
{
    return location->enabled > 0;
}

apr_off_t crm360_location_max_body(const crm360_location_t *location)
{
    return (apr_off_t)set_or(location->max_body, APR_INT64_C(10) << 20);
}

/* ---- checks across settings ---- */

const char *crm360_limits_check(const crm360_config_t *config, apr_pool_t *pool)
{
    const struct {
        const char *name;
        apr_interval_time_t value;
    } limits[] = {{"Crm360ConnectTimeout", crm360_config_connect_timeout(config)},
                  {"Crm360CommandTimeout", crm360_config_command_timeout(config)},
                  {"Crm360HandlerTimeout", crm360_config_handler_timeout(config)},
                  {"Crm360Lease", crm360_config_lease(config)}};
    int i;

    for (i = 1; i < (int)(sizeof(limits) / sizeof(limits[0])); i++) {
        if (limits[i - 1].value >= limits[i].value) {
            return apr_psprintf(pool,
                                "%s: %s is not less than %s, %s; allowed: Crm360ConnectTimeout < "
                                "Crm360CommandTimeout < Crm360HandlerTimeout < Crm360Lease",
                                limits[i - 1].name, crm360_interval_text(limits[i - 1].value, pool),
                                limits[i].name, crm360_interval_text(limits[i].value, pool));
        }
    }
    return NULL;
}

const char *crm360_config_check(const crm360_config_t *config, unsigned reader, apr_pool_t *pool)
{
    const char *fault = crm360_limits_check(config, pool);

    return fault ? fault : crm360_databases_check(config, reader, pool);
}
