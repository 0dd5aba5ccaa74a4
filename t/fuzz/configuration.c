/*
 * Fuzz target: the configuration file. The input is its text; it is read as httpd would and as
 * crm360d would.
 *
 * Any text is read or refused; a refusal names file and line, or the file where a whole is at
 * fault, in one line of printable characters, and quotes no more of a line than its names; what is
 * accepted holds what the getters promise, and merged with nothing it is the same.
 */
#include "t/fuzz/fuzz.h"

#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/config_private.h"
#include "core/status.h"

/* A file in memory, under a name that anybody in this process may open. Opened anew for each input,
 * so that none can leave it longer than it is. */
static const char *put(int *fd, const char *data, apr_size_t len, apr_pool_t *pool)
{
    *fd = memfd_create("fuzz", 0);
    expect(*fd >= 0 && write(*fd, data, len) == (ssize_t)len, "no file in memory");
    return apr_psprintf(pool, "/proc/self/fd/%d", *fd);
}

static void check_error(const char *error, const char *file, const char *data, apr_size_t len)
{
    const char *rest = error, *c;
    apr_size_t lines = 1;
    const char *at;

    expect(error && strncmp(error, file, strlen(file)) == 0 && error[strlen(file)] == ':', error);
    rest += strlen(file) + 1;
    if (apr_isdigit(*rest)) {
        for (at = data; (at = memchr(at, '\n', len - (apr_size_t)(at - data))) != NULL; at++) {
            lines++;
        }
        expect(apr_atoi64(rest) >= 1 && apr_atoi64(rest) <= (apr_int64_t)lines, error);
        rest += strspn(rest, "0123456789");
        expect(rest[0] == ':' && rest[1] == ' ', error);
    }
    for (c = rest; *c; c++) {
        expect(*c >= ' ' && *c <= '~', error);
    }
    expect(strstr(rest, "allowed") || strstr(rest, "syntax") || strstr(rest, "must") ||
               strstr(rest, "lacks") || strstr(rest, "missing"),
           error);
}

static int same_config(const crm360_config_t *one, const crm360_config_t *other, apr_pool_t *pool)
{
    const apr_array_header_t *some = crm360_config_databases(one);
    const apr_array_header_t *same = crm360_config_databases(other);
    int i;

    for (i = 0; i < some->nelts && some->nelts == same->nelts; i++) {
        const crm360_database_t *a = APR_ARRAY_IDX(some, i, crm360_database_t *);
        const crm360_database_t *b = APR_ARRAY_IDX(same, i, crm360_database_t *);

        if (!fuzz_same(a->customer, b->customer) || !fuzz_same(a->params, b->params) ||
            a->default_zone_id != b->default_zone_id) {
            return 0;
        }
    }
    return some->nelts == same->nelts &&
           fuzz_same(crm360_config_redis(one, pool)->text,
                     crm360_config_redis(other, pool)->text) &&
           crm360_config_lease(one) == crm360_config_lease(other) &&
           crm360_config_workers(one, CRM360_LANE_LIVE) ==
               crm360_config_workers(other, CRM360_LANE_LIVE) &&
           fuzz_same(crm360_config_outbox(one), crm360_config_outbox(other));
}

static void check_config(const crm360_config_t *config, apr_pool_t *pool)
{
    const apr_array_header_t *databases = crm360_config_databases(config);
    const crm360_redis_address_t *redis = crm360_config_redis(config, pool);
    int i, steps = 0, known = 0;

    expect(crm360_config_connect_timeout(config) < crm360_config_command_timeout(config), NULL);
    expect(crm360_config_command_timeout(config) < crm360_config_handler_timeout(config), NULL);
    expect(crm360_config_handler_timeout(config) < crm360_config_lease(config), NULL);
    expect(crm360_config_retry_schedule(config, &steps) && steps >= 1, NULL);
    expect(redis->path || redis->host || redis->seed_count > 0, NULL);
    expect(redis->text && redis->seed_count <= CRM360_REDIS_SEEDS_MOST, NULL);
    expect(redis->kind != CRM360_REDIS_SENTINEL || redis->name, NULL);
    for (i = 0; i < databases->nelts; i++) {
        const crm360_database_t *database = APR_ARRAY_IDX(databases, i, crm360_database_t *);

        expect(crm360_config_database(config, database->customer, database->alias, &known) ==
                   database,
               database->customer);
        expect(database->line >= 1 && database->file, database->customer);
    }
    expect(same_config(config, crm360_config_merge(config, crm360_config_make(pool), pool), pool),
           "merged with nothing");
    expect(same_config(config, crm360_config_merge(crm360_config_make(pool), config, pool), pool),
           "merged into nothing");
}

void fuzz_one(const char *data, apr_size_t len, apr_pool_t *pool)
{
    static const unsigned readers[] = {CRM360_READ_HTTPD, CRM360_READ_CONSUMER};
    const char *file, *error;
    crm360_config_t *config;
    int fd, i;

    /* Names of files in the text would be opened: of devices, of what this machine happens to have.
     * Only those of the file itself are left. */
    if (len > 65536 || memmem(data, len, "/dev", 4) || memmem(data, len, "/proc", 5)) {
        return;
    }
    file = put(&fd, data, len, pool);
    for (i = 0; i < 2; i++) {
        apr_status_t rv = crm360_config_read(&config, &error, file, readers[i], pool);

        if (rv == APR_SUCCESS) {
            expect(config && !error, error);
            check_config(config, pool);
        }
        else {
            expect(rv == CRM360_ECONFIG && !config, error);
            check_error(error, file, data, len);
        }
    }
    close(fd);
}
