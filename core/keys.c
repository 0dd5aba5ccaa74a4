/* Spells every Redis key of contract version 1; nothing else does. */
#include "core/keys.h"

#include <apr_strings.h>

#include <string.h>

#define PREFIX "crm360:1:{"

const crm360_keys_t *crm360_keys_make(const char *customer, const char *alias, apr_pool_t *pool)
{
    crm360_keys_t *keys = apr_pcalloc(pool, sizeof *keys);
    const char *tag = apr_pstrcat(pool, PREFIX, customer, "/", alias, "}:", NULL);
    int lane;

    keys->name = apr_pstrcat(pool, customer, "/", alias, NULL);
    for (lane = 0; lane < CRM360_LANES; lane++) {
        keys->lane[lane] = apr_pstrcat(pool, tag, crm360_lane_name((crm360_lane_t)lane), NULL);
    }
    keys->claims = apr_pstrcat(pool, tag, "claims", NULL);
    keys->failures = apr_pstrcat(pool, tag, "failures", NULL);
    keys->dead = apr_pstrcat(pool, tag, "dead", NULL);
    keys->splits = apr_pstrcat(pool, tag, "splits", NULL);
    keys->counters = apr_pstrcat(pool, tag, "counters", NULL);
    keys->paused = apr_pstrcat(pool, tag, "paused", NULL);
    keys->message_prefix = apr_pstrcat(pool, tag, "message:", NULL);
    keys->seen_prefix = apr_pstrcat(pool, tag, "seen:", NULL);
    return keys;
}

const char *crm360_keys_message(const crm360_keys_t *keys, const char *id, apr_pool_t *pool)
{
    return apr_pstrcat(pool, keys->message_prefix, id, NULL);
}

const char *crm360_keys_parts(const crm360_keys_t *keys, const char *id, const char *writer,
                              apr_pool_t *pool)
{
    return apr_pstrcat(pool, keys->message_prefix, id, "~", writer, ":parts", NULL);
}

const char *crm360_keys_seen(const crm360_keys_t *keys, const char *hash, apr_pool_t *pool)
{
    return apr_pstrcat(pool, keys->seen_prefix, hash, NULL);
}

/* A brace would end the hash tag. */
static const char *provider_key(const char *provider, const char *what, apr_pool_t *pool)
{
    char *name = apr_pstrdup(pool, provider);
    char *at;

    for (at = name; *at; at++) {
        *at = (char)(*at == '{' || *at == '}' ? '_' : *at);
    }
    return apr_pstrcat(pool, PREFIX "provider/", name, "}:", what, NULL);
}

const char *crm360_keys_breaker(const char *provider, apr_pool_t *pool)
{
    return provider_key(provider, "breaker", pool);
}

const char *crm360_keys_turns(const char *provider, apr_pool_t *pool)
{
    return provider_key(provider, "turns", pool);
}

const char *crm360_keys_aside(const char *key, apr_int64_t ms, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s:aside:%" APR_INT64_T_FMT, key, ms);
}

const char *crm360_keys_all_aside(const crm360_keys_t *keys, apr_pool_t *pool)
{
    return apr_pstrcat(pool, PREFIX, keys->name, "}:*:aside:*", NULL);
}

int crm360_keys_stored(const char **name, const char **id, const char *key, apr_pool_t *pool)
{
    static const char message[] = "}:message:";
    const char *tag = key + strlen(PREFIX);
    const char *end;

    if (strncmp(key, PREFIX, strlen(PREFIX)) != 0 || !(end = strstr(tag, message)) ||
        strchr(end + strlen(message), ':')) {
        return 0;
    }
    *name = apr_pstrmemdup(pool, tag, (apr_size_t)(end - tag));
    *id = end + strlen(message);
    return **id != '\0';
}

const char *crm360_keys_type(const char *key)
{
    static const struct {
        const char *name; /* behind the tag; one that ends in ':' is followed by an id */
        const char *type;
    } kinds[] = {{"live", "zset"},    {"batch", "zset"},    {"send", "zset"},
                 {"dead", "zset"},    {"claims", "hash"},   {"failures", "hash"},
                 {"splits", "hash"},  {"counters", "hash"}, {"message:", "string"},
                 {"seen:", "string"}, {"breaker", "hash"},  {"turns", "zset"},
                 {"paused", "set"},   {NULL, NULL}};
    const char *name = strstr(key, "}:");
    int i;

    if (strcmp(key, CRM360_KEY_CONSUMERS) == 0 || strcmp(key, CRM360_KEY_HISTORY) == 0) {
        return "hash";
    }
    if (strncmp(key, PREFIX, strlen(PREFIX)) != 0 || !name) {
        return NULL;
    }
    for (name += 2, i = 0; kinds[i].name; i++) {
        apr_size_t len = strlen(kinds[i].name);

        if (strncmp(name, kinds[i].name, len) == 0 &&
            (name[len] == '\0' || kinds[i].name[len - 1] == ':')) {
            return kinds[i].type;
        }
    }
    return NULL;
}
