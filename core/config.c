/*
 * What follows from the table of directives (config_table.c): making and merging the structs. Below
 * it the getters, and the checks across settings. A default is applied by its getter only, so that
 * a merge never mistakes one for a setting; the test compares the getters with the table's default
 * texts.
 */
#include "core/config_private.h"

#include <apr_strings.h>

#include <string.h>

/* ---- members by their kind ---- */

/* Bytes of one value of a member. */
static apr_size_t value_size(crm360_holds_t holds)
{
    switch (holds) {
    case CRM360_HOLDS_FLAG:
    case CRM360_HOLDS_ID:
    case CRM360_HOLDS_LANES:
        return sizeof(int);
    case CRM360_HOLDS_INTERVAL:
    case CRM360_HOLDS_SIZE:
    case CRM360_HOLDS_WINDOWS:
        return sizeof(apr_int64_t);
    case CRM360_HOLDS_PROGRAMS:
        return sizeof(crm360_by_program_t);
    case CRM360_HOLDS_RATES:
        return sizeof(crm360_rate_t);
    default:
        return sizeof(void *);
    }
}

/* How many values a member has, each set and merged by itself. */
static int value_count(crm360_holds_t holds)
{
    switch (holds) {
    case CRM360_HOLDS_LANES:
        return CRM360_LANES;
    case CRM360_HOLDS_RATES:
        return CRM360_RATES;
    case CRM360_HOLDS_WINDOWS:
    case CRM360_HOLDS_KEYS:
        return CRM360_SCOPES * CRM360_ROUTES;
    case CRM360_HOLDS_ORIGINS:
        return CRM360_PLATFORMS + 1;
    default:
        return 1;
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
    case CRM360_HOLDS_WINDOWS:
    case CRM360_HOLDS_RATES:
        return 0xFF;
    default:
        return 0;
    }
}

static int is_set(const unsigned char *bytes, apr_size_t size, int unset)
{
    const unsigned char *end = bytes + size;

    while (bytes < end && *bytes == unset) {
        bytes++;
    }
    return bytes < end;
}

int crm360_member_is_set(const crm360_directive_t *row, const void *target)
{
    return is_set((const unsigned char *)target + row->offset,
                  value_size(row->holds) * (apr_size_t)value_count(row->holds),
                  unset_byte(row->holds));
}

void crm360_members_unset(void *target, unsigned context)
{
    const crm360_directive_t *row;

    for (row = crm360_directives; row->name; row++) {
        if (row->contexts & context) {
            memset((char *)target + row->offset, unset_byte(row->holds),
                   value_size(row->holds) * (apr_size_t)value_count(row->holds));
        }
    }
}

void crm360_members_merge(void *target, const void *add, unsigned context)
{
    const crm360_directive_t *row;

    for (row = crm360_directives; row->name; row++) {
        apr_size_t size = value_size(row->holds);
        char *to = (char *)target + row->offset;
        const char *from = (const char *)add + row->offset;
        int left = row->contexts & context ? value_count(row->holds) : 0;

        for (; left > 0; left--, to += size, from += size) {
            if (is_set((const unsigned char *)from, size, unset_byte(row->holds))) {
                memcpy(to, from, size);
            }
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

    address->user = config->redis_user.value;
    address->password = config->redis_password.value;
    address->sentinel_user = config->sentinel_user.value;
    address->sentinel_password = config->sentinel_password.value;
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

int crm360_config_workers_per_database(const crm360_config_t *config)
{
    return config->workers_per_database;
}

int crm360_config_databases_open(const crm360_config_t *config)
{
    return config->databases_open ? config->databases_open : 32;
}

apr_int64_t crm360_config_worker_memory(const crm360_config_t *config)
{
    return set_or(config->worker_memory, APR_INT64_C(512) << 20);
}

int crm360_config_log_json(const crm360_config_t *config)
{
    return config->log_format && strcmp(config->log_format, "json") == 0;
}

const crm360_user_t *crm360_config_user(const crm360_config_t *config)
{
    return config->user;
}

const crm360_spool_place_t *crm360_config_spool(const crm360_config_t *config)
{
    return config->spool;
}

apr_interval_time_t crm360_config_event_keep(const crm360_config_t *config)
{
    return set_or(config->event_keep, 1095 * DAY);
}

crm360_dead_limits_t crm360_config_dead_limits(const crm360_config_t *config)
{
    crm360_dead_limits_t limits;

    limits.keep = set_or(config->dead_keep, 90 * DAY);
    limits.most = config->dead_most ? config->dead_most : 100000;
    limits.bytes = set_or(config->dead_bytes, APR_INT64_C(256) << 20);
    limits.export_folder =
        config->dead_export ? config->dead_export : "/var/lib/crm360/dead-letters";
    return limits;
}

const char *crm360_config_outbox(const crm360_config_t *config)
{
    return config->outbox ? config->outbox : "/var/lib/crm360/outbox";
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

apr_off_t crm360_location_max_batch_body(const crm360_location_t *location)
{
    return location->max_batch_body >= 0 ? (apr_off_t)location->max_batch_body
                                         : crm360_location_max_body(location);
}

apr_int64_t crm360_location_max_headers(const crm360_location_t *location)
{
    return set_or(location->max_headers, APR_INT64_C(64) << 10);
}

int crm360_location_max_parameters(const crm360_location_t *location)
{
    return location->max_parameters ? location->max_parameters : 100;
}

const char *crm360_durability_name(crm360_durability_t durability)
{
    static const char *const names[] = {"memory", "fsync", "replica", "spool"};

    return names[durability];
}

crm360_durability_t crm360_location_durability(const crm360_location_t *location)
{
    const char *text = location->durability ? location->durability : "memory";

    return strcmp(text, "fsync") == 0     ? CRM360_ON_DISK
           : strcmp(text, "replica") == 0 ? CRM360_ON_REPLICA
                                          : CRM360_IN_MEMORY;
}

int crm360_location_status_actions(const crm360_location_t *location)
{
    return location->status_actions > 0;
}

int crm360_location_status_messages(const crm360_location_t *location)
{
    return location->status_messages > 0;
}

const char *crm360_location_help_mount(const crm360_location_t *location)
{
    return location->help_mount ? location->help_mount : CRM360_DEFAULT_MOUNT;
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
    if (config->sentinel_user.value && !config->sentinel_password.value) {
        return "Crm360SentinelUser: there is no Crm360SentinelPasswordFile, and nobody logs in "
               "without a password; allowed: both, the file alone, or none of them";
    }
    return NULL;
}

const char *crm360_config_check(const crm360_config_t *config, unsigned reader, apr_pool_t *pool)
{
    const char *fault = crm360_limits_check(config, pool);

    return fault ? fault : crm360_databases_check(config, reader, pool);
}
