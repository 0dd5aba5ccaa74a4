/*
 * Crm360Redis: reading the address of a server, of sentinels or of a cluster. Checks strictly, and
 * asks nobody whether it is there. Must never quote a text that may hold a password.
 */
#include "core/config_private.h"

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <arpa/inet.h>
#include <string.h>

#define SOCKET_PATH_MOST 107 /* sun_path of Linux, less its NUL */
#define REDIS_PORT 6379
#define SENTINEL_PORT 26379
#define REDIS_DATABASE_MOST 65535

#define ADDRESS_ALLOWED                                                                            \
    "; allowed: unix:/path, redis://host[:port][/db], sentinel://host[:port][,...]/name[/db] or "  \
    "cluster://host[:port][,...]"

/* Whether `host` is a name, an IPv4 address or (when it stood in brackets) an IPv6 address. */
static int host_ok(const char *host, int bracketed)
{
    unsigned char address[16];
    const char *at;

    if (bracketed) {
        return inet_pton(AF_INET6, host, address) == 1;
    }
    for (at = host; *at; at++) {
        if (!apr_isalnum(*at) && !strchr("._-", *at)) {
            return 0;
        }
    }
    return at > host && at - host <= 253;
}

/* Reads "host[:port]" up to *end. NULL, or what is wrong. */
static const char *read_seed(crm360_redis_seed_t *seed, const char **end, const char *text,
                             int port, apr_pool_t *pool)
{
    int bracketed = *text == '[';
    const char *at = text + strcspn(text, bracketed ? "]" : ":/,?#");
    apr_int64_t value;

    if (at == text && strncmp(text, "::", 2) != 0) { /* an IPv6 address has brackets */
        return "a host is missing";
    }
    seed->host = apr_pstrmemdup(pool, text + bracketed, (apr_size_t)(at - text) - bracketed);
    if ((bracketed && *at++ != ']') || !host_ok(seed->host, bracketed)) {
        return "the host is neither a name nor an address (IPv6 stands in brackets)";
    }
    seed->port = port;
    if (*at == ':') {
        at++;
        if (crm360_digits_read(&value, &at) != APR_SUCCESS || value < 1 || value > 65535) {
            return "the port is not a number from 1 to 65535";
        }
        seed->port = (int)value;
    }
    *end = at;
    return NULL;
}

/* Reads "[/db]" to the end of the text. */
static const char *read_database(crm360_redis_address_t *address, const char *text)
{
    apr_int64_t value;

    /* A lone slash at the end names no database. */
    if (*text == '/' && *++text) {
        if (crm360_digits_read(&value, &text) != APR_SUCCESS || value > REDIS_DATABASE_MOST ||
            apr_isalnum(*text)) {
            return "the database is not a number from 0 to " APR_STRINGIFY(REDIS_DATABASE_MOST);
        }
        address->database = (int)value;
    }
    return *text ? "something stands behind it" : NULL;
}

const char *crm360_redis_seed_text(const crm360_redis_seed_t *seed, apr_pool_t *pool)
{
    return apr_psprintf(pool, strchr(seed->host, ':') ? "[%s]:%d" : "%s:%d", seed->host,
                        seed->port);
}

/* Reads "host[:port][/db]". NULL, or what is wrong. */
static const char *read_tcp(crm360_redis_address_t *address, const char *text, apr_pool_t *pool)
{
    crm360_redis_seed_t seed;
    const char *fault = read_seed(&seed, &text, text, REDIS_PORT, pool);

    fault = fault ? fault : read_database(address, text);
    if (!fault) {
        address->host = seed.host;
        address->port = seed.port;
        address->text = apr_psprintf(pool, "redis://%s/%d", crm360_redis_seed_text(&seed, pool),
                                     address->database);
    }
    return fault;
}

/* Reads "host[:port],..." up to *end. */
static const char *read_seeds(crm360_redis_address_t *address, const char **end, const char *text,
                              int port, apr_pool_t *pool)
{
    const char *fault;

    for (;; text++) {
        crm360_redis_seed_t *seed = &address->seeds[address->seed_count];

        if (address->seed_count == CRM360_REDIS_SEEDS_MOST) {
            return "there are more than " APR_STRINGIFY(CRM360_REDIS_SEEDS_MOST) " hosts";
        }
        fault = read_seed(seed, &text, text, port, pool);
        if (fault) {
            return fault;
        }
        address->text = apr_pstrcat(pool, address->text, address->seed_count++ ? "," : "",
                                    crm360_redis_seed_text(seed, pool), NULL);
        if (*text != ',') {
            *end = text;
            return NULL;
        }
    }
}

/* Reads "host[:port],.../name[/db]". */
static const char *read_sentinels(crm360_redis_address_t *address, const char *text,
                                  apr_pool_t *pool)
{
    const char *fault, *end;

    address->kind = CRM360_REDIS_SENTINEL;
    address->text = "sentinel://";
    fault = read_seeds(address, &text, text, SENTINEL_PORT, pool);
    if (fault) {
        return fault;
    }
    if (*text++ != '/') {
        return "the name of the master is missing: /name";
    }
    end = text + strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    if (end == text || end - text > 128 || (*end && *end != '/')) {
        return "the name of the master must be 1 to 128 characters of A-Z a-z 0-9 . _ -";
    }
    address->name = apr_pstrmemdup(pool, text, (apr_size_t)(end - text));
    fault = read_database(address, end);
    address->text = apr_psprintf(pool, address->database ? "%s/%s/%d" : "%s/%s", address->text,
                                 address->name, address->database);
    return fault;
}

/* Reads "host[:port],...". */
static const char *read_cluster(crm360_redis_address_t *address, const char *text, apr_pool_t *pool)
{
    const char *fault;

    address->kind = CRM360_REDIS_CLUSTER;
    address->text = "cluster://";
    fault = read_seeds(address, &text, text, REDIS_PORT, pool);
    if (fault || !*text || strcmp(text, "/") == 0) {
        return fault;
    }
    if (strcmp(text, "/0") == 0) {
        return "a cluster has database 0 only: leave /0 out";
    }
    return *text == '/' ? "a cluster has database 0 only" : "something stands behind it";
}

static const char *read_socket(crm360_redis_address_t *address, const char *path, apr_pool_t *pool)
{
    if (path[0] != '/') {
        return "the name of the socket does not begin with /";
    }
    if (strlen(path) > SOCKET_PATH_MOST) {
        return "the name of the socket has more than " APR_STRINGIFY(SOCKET_PATH_MOST) " bytes";
    }
    address->path = path;
    address->text = apr_pstrcat(pool, "unix:", path, NULL);
    return NULL;
}

const char *crm360_set_address(const crm360_directive_t *directive, void *target, int argc,
                               const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    static const char tcp[] = "redis://";
    static const char tls[] = "rediss://";
    static const char sentinel[] = "sentinel://";
    static const char cluster[] = "cluster://";
    static const char local[] = "unix:";
    crm360_redis_address_t *address = apr_pcalloc(pool, sizeof(*address));
    const char *text = argv[0];
    const char *fault = "no such kind of address";

    (void)argc;
    (void)reader;
    if (apr_cstr_casecmpn(text, local, sizeof(local) - 1) == 0) {
        fault = read_socket(address, text + sizeof(local) - 1, pool);
    }
    else if (strchr(text, '@')) {
        /* Not quoted, for it may hold a password. */
        return "user and password do not belong into the address; put them into Crm360RedisUser "
               "and Crm360RedisPasswordFile" ADDRESS_ALLOWED;
    }
    else if (apr_cstr_casecmpn(text, tls, sizeof(tls) - 1) == 0) {
        fault = "TLS is not supported";
    }
    else if (apr_cstr_casecmpn(text, tcp, sizeof(tcp) - 1) == 0) {
        fault = read_tcp(address, text + sizeof(tcp) - 1, pool);
    }
    else if (apr_cstr_casecmpn(text, sentinel, sizeof(sentinel) - 1) == 0) {
        fault = read_sentinels(address, text + sizeof(sentinel) - 1, pool);
    }
    else if (apr_cstr_casecmpn(text, cluster, sizeof(cluster) - 1) == 0) {
        fault = read_cluster(address, text + sizeof(cluster) - 1, pool);
    }
    if (fault) {
        return apr_psprintf(pool, "%s: %s" ADDRESS_ALLOWED, crm360_quoted(text, pool), fault);
    }
    *(const crm360_redis_address_t **)((char *)target + directive->offset) = address;
    return NULL;
}
