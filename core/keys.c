/* Spells every Redis key of contract version 1; nothing else does. */
#include "core/keys.h"

#include <apr_strings.h>

#define PREFIX "crm360:1:{"

const crm360_keys_t *crm360_keys_make(const char *customer, const char *alias, apr_pool_t *pool)
{
    crm360_keys_t *keys = apr_pcalloc(pool, sizeof *keys);
    const char *tag = apr_pstrcat(pool, PREFIX, customer, "/", alias, "}:", NULL);
    int lane;

    for (lane = 0; lane < CRM360_LANES; lane++) {
        keys->lane[lane] = apr_pstrcat(pool, tag, crm360_lane_name((crm360_lane_t)lane), NULL);
    }
    keys->claims = apr_pstrcat(pool, tag, "claims", NULL);
    keys->failures = apr_pstrcat(pool, tag, "failures", NULL);
    keys->dead = apr_pstrcat(pool, tag, "dead", NULL);
    keys->splits = apr_pstrcat(pool, tag, "splits", NULL);
    keys->counters = apr_pstrcat(pool, tag, "counters", NULL);
    keys->message_prefix = apr_pstrcat(pool, tag, "message:", NULL);
    keys->seen_prefix = apr_pstrcat(pool, tag, "seen:", NULL);
    return keys;
}

const char *crm360_keys_message(const crm360_keys_t *keys, const char *id, apr_pool_t *pool)
{
    return apr_pstrcat(pool, keys->message_prefix, id, NULL);
}

const char *crm360_keys_parts(const crm360_keys_t *keys, const char *id, apr_pool_t *pool)
{
    return apr_pstrcat(pool, keys->message_prefix, id, ":parts", NULL);
}

const char *crm360_keys_seen(const crm360_keys_t *keys, const char *hash, apr_pool_t *pool)
{
    return apr_pstrcat(pool, keys->seen_prefix, hash, NULL);
}
