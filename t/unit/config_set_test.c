/*
 * The setters: good and bad values of each directive with the exact texts, and the faults of secret
 * files.
 */
#include <sys/stat.h>

#include "t/unit/config_tools.h"

static const char *folder; /* for secret files */

#define TIME_ALLOWED "; allowed: a whole number with ms, s, m, h or d, from "
#define ADDRESS                                                                                    \
    "; allowed: unix:/path, redis://host[:port][/db], sentinel://host[:port][,...]/name[/db] or "  \
    "cluster://host[:port][,...]"
#define IDENTITY " to become; allowed: a name, or # and a number from 1 to 4294967294"
#define NOT_QUOTED                                                                                 \
    "user and password do not belong into the address; put them into "                             \
    "Crm360RedisUser and Crm360RedisPasswordFile" ADDRESS

#define MOUNT                                                                                      \
    "; allowed: a path of the site that begins with /, of at most 255 characters A-Z a-z 0-9 / . " \
    "_ "                                                                                           \
    "~ -"

/* `wrong` NULL: accepted and the member shows `want`. Else the text behind "Name: ". */
static const struct {
    const char *name;
    const char *args;
    const char *want;
    const char *wrong;
} values[] = {
    {"Crm360Redis", "unix:/run/redis.sock", "unix:/run/redis.sock", NULL},
    {"Crm360Redis", "UNIX:/run/with@sign", "unix:/run/with@sign", NULL},
    {"Crm360Redis", "redis://cache", "redis://cache:6379/0", NULL},
    {"Crm360Redis", "redis://cache.example.org:7000/3", "redis://cache.example.org:7000/3", NULL},
    {"Crm360Redis", "redis://10.0.0.1/15", "redis://10.0.0.1:6379/15", NULL},
    {"Crm360Redis", "redis://cache/", "redis://cache:6379/0", NULL},
    {"Crm360Redis", "redis://[::1]:6380/2", "redis://[::1]:6380/2", NULL},
    {"Crm360Redis", "redis://::1", NULL,
     "\"redis://::1\": the host is neither a name nor an address (IPv6 stands in "
     "brackets)" ADDRESS},
    {"Crm360Redis", "redis://[::1", NULL,
     "\"redis://[::1\": the host is neither a name nor an address (IPv6 stands in "
     "brackets)" ADDRESS},
    {"Crm360Redis", "redis://[::g]", NULL,
     "\"redis://[::g]\": the host is neither a name nor an address (IPv6 stands in "
     "brackets)" ADDRESS},
    {"Crm360Redis", "redis://", NULL, "\"redis://\": a host is missing" ADDRESS},
    {"Crm360Redis", "redis://:7000", NULL, "\"redis://:7000\": a host is missing" ADDRESS},
    {"Crm360Redis", "cluster://", NULL, "\"cluster://\": a host is missing" ADDRESS},
    {"Crm360Redis", "sentinel:///crm", NULL, "\"sentinel:///crm\": a host is missing" ADDRESS},
    {"Crm360Redis", "redis://a:0", NULL,
     "\"redis://a:0\": the port is not a number from 1 to 65535" ADDRESS},
    {"Crm360Redis", "redis://a:65536", NULL,
     "\"redis://a:65536\": the port is not a number from 1 to 65535" ADDRESS},
    {"Crm360Redis", "redis://a:+1", NULL,
     "\"redis://a:+1\": the port is not a number from 1 to 65535" ADDRESS},
    {"Crm360Redis", "redis://a/x", NULL,
     "\"redis://a/x\": the database is not a number from 0 to 65535" ADDRESS},
    {"Crm360Redis", "redis://a/65536", NULL,
     "\"redis://a/65536\": the database is not a number from 0 to 65535" ADDRESS},
    {"Crm360Redis", "redis://a/1?x=y", NULL,
     "\"redis://a/1?x=y\": something stands behind it" ADDRESS},
    {"Crm360Redis", "redis://bob:hunter2@a", NULL, NOT_QUOTED},
    {"Crm360Redis", "sentinel://bob:hunter2@a", NULL, NOT_QUOTED},
    {"Crm360Redis", "sentinel://a/crm", "sentinel://a:26379/crm", NULL},
    {"Crm360Redis", "sentinel://a", NULL,
     "\"sentinel://a\": the name of the master is missing: /name" ADDRESS},
    {"Crm360Redis", "sentinel://a,/crm", NULL, "\"sentinel://a,/crm\": a host is missing" ADDRESS},
    {"Crm360Redis", "sentinel://a/x/16x", NULL,
     "\"sentinel://a/x/16x\": the database is not a number from 0 to 65535" ADDRESS},
    {"Crm360Redis", "sentinel://a/x/1/2", NULL,
     "\"sentinel://a/x/1/2\": something stands behind it" ADDRESS},
    {"Crm360Redis", "sentinel://a/c%m", NULL,
     "\"sentinel://a/c%m\": the name of the master must be 1 to 128 characters of A-Z a-z 0-9 . _ "
     "-" ADDRESS},
    {"Crm360Redis", "cluster://a,b:7000/", "cluster://a:6379,b:7000", NULL},
    {"Crm360Redis", "cluster://a/1", NULL,
     "\"cluster://a/1\": a cluster has database 0 only" ADDRESS},
    {"Crm360Redis", "cluster://a/0", NULL,
     "\"cluster://a/0\": a cluster has database 0 only: leave /0 out" ADDRESS},
    {"Crm360Redis", "rediss://a", NULL, "\"rediss://a\": TLS is not supported" ADDRESS},
    {"Crm360Redis", "\"\"", NULL, "\"\": no such kind of address" ADDRESS},
    {"Crm360Redis", "unix:run/redis.sock", NULL,
     "\"unix:run/redis.sock\": the name of the socket does not begin with /" ADDRESS},
    {"Crm360RedisUser", "queue", "queue", NULL},
    {"Crm360RedisUser", "\"a 'b' \\\"c\\\" \\\\ \\d\"", "a 'b' \"c\" \\ \\d", NULL},
    {"Crm360RedisUser", "'it\\'s'", "it's", NULL},
    {"Crm360RedisUser", "a\\\\b\\c", "a\\b\\c", NULL},
    {"Crm360RedisUser", "''", NULL,
     "empty; allowed: 1 to 128 characters, none of them a control character"},
    {"Crm360RedisUser", "\"a\tb\"", NULL,
     "a control character is in it; allowed: 1 to 128 characters, none of them a control "
     "character"},
    {"Crm360RedisUser", "\"open", NULL,
     "a quote (\") is not closed; allowed: the same quote at the end of the word"},
    {"Crm360RedisUser", "'open\\'", NULL,
     "a quote (') is not closed; allowed: the same quote at the end of the word"},
    {"Crm360RedisUser", "queue crm360d", "queue", NULL},
    {"Crm360RedisUser", "queue crm360ctl", "unset", NULL},
    {"Crm360RedisUser", "queue apache", NULL,
     "\"apache\" is no program; allowed: httpd, crm360d, crm360ctl"},
    {"Crm360User", "crm360", "crm360", NULL},
    {"Crm360User", "#1 #4294967294", "#1 #4294967294", NULL},
    {"Crm360User", "crm360.x-y_z staff", "crm360.x-y_z staff", NULL},
    {"Crm360User", "root", NULL, "\"root\" is no user" IDENTITY},
    {"Crm360User", "#0", NULL, "\"#0\" is no user" IDENTITY},
    {"Crm360User", "#", NULL, "\"#\" is no user" IDENTITY},
    {"Crm360User", "#4294967295", NULL, "\"#4294967295\" is no user" IDENTITY},
    {"Crm360User", "#1x", NULL, "\"#1x\" is no user" IDENTITY},
    {"Crm360User", "33", NULL, "\"33\" is no user" IDENTITY},
    {"Crm360User", "\"a b\"", NULL, "\"a b\" is no user" IDENTITY},
    {"Crm360User", "''", NULL, "\"\" is no user" IDENTITY},
    {"Crm360User", "crm360 #0", NULL, "\"#0\" is no group" IDENTITY},
    {"Crm360RedisUser", "${USER}", NULL, "${...} is not replaced here; allowed: the value itself"},
    {"Crm360ConnectTimeout", "1ms", "1000", NULL},
    {"Crm360ConnectTimeout", "10s", "10000000", NULL},
    {"Crm360ConnectTimeout", "10001ms", NULL,
     "\"10001ms\" is out of range" TIME_ALLOWED "1ms to 10s"},
    {"Crm360ConnectTimeout", "0ms", NULL, "\"0ms\" is out of range" TIME_ALLOWED "1ms to 10s"},
    {"Crm360CommandTimeout", "1m", "60000000", NULL},
    {"Crm360CommandTimeout", "1min", "60000000", NULL},
    {"Crm360CommandTimeout", "5S", "5000000", NULL},
    {"Crm360CommandTimeout", "61s", NULL, "\"61s\" is out of range" TIME_ALLOWED "1ms to 1m"},
    {"Crm360HandlerTimeout", "1h", "3600000000", NULL},
    {"Crm360HandlerTimeout", "999ms", NULL, "\"999ms\" is out of range" TIME_ALLOWED "1s to 1h"},
    {"Crm360Lease", "12h", "43200000000", NULL},
    {"Crm360Lease", "60", NULL, "\"60\" has no unit" TIME_ALLOWED "2s to 12h"},
    {"Crm360Lease", "5w", NULL, "\"5w\" has an unknown unit" TIME_ALLOWED "2s to 12h"},
    {"Crm360Lease", "1.5h", NULL, "\"1.5h\" has an unknown unit" TIME_ALLOWED "2s to 12h"},
    {"Crm360Lease", "\"5 s\"", NULL, "\"5 s\" has an unknown unit" TIME_ALLOWED "2s to 12h"},
    {"Crm360Lease", "-5s", NULL, "\"-5s\" is no time" TIME_ALLOWED "2s to 12h"},
    {"Crm360Lease", "+5s", NULL, "\"+5s\" is no time" TIME_ALLOWED "2s to 12h"},
    {"Crm360Lease", "s", NULL, "\"s\" is no time" TIME_ALLOWED "2s to 12h"},
    {"Crm360Lease", "999999999999999999d", NULL,
     "\"999999999999999999d\" is out of range" TIME_ALLOWED "2s to 12h"},
    {"Crm360Lease", "18446744073709551617s", NULL,
     "\"18446744073709551617s\" is no time" TIME_ALLOWED "2s to 12h"},
    {"Crm360Lease", "\"\033[31m\xC3\xA9\\\"\"", NULL,
     "\"\\x1B[31m\\xC3\\xA9\\\"\" is no time" TIME_ALLOWED "2s to 12h"},
    {"Crm360Lease", "123456789012345678901234567890123456789012345678901234567890x", NULL,
     "\"123456789012345678901234567890123456789012345678901234567890...\" is no time" TIME_ALLOWED
     "2s to 12h"},
    {"Crm360Workers", "live 64", "64 -1 -1", NULL},
    {"Crm360Workers", "BATCH 0", "-1 0 -1", NULL},
    {"Crm360Workers", "fast 1", NULL, "\"fast\" is not known; allowed: live, batch, send"},
    {"Crm360Workers", "live 65", NULL,
     "\"65\" workers for live; allowed: a whole number from 0 to 64"},
    {"Crm360Workers", "send two", NULL,
     "\"two\" workers for send; allowed: a whole number from 0 to 64"},
    {"Crm360RetrySchedule", "1ms", "1ms", NULL},
    {"Crm360RetrySchedule", "1s 90s 2h 30d", "1s 90s 2h 30d", NULL},
    {"Crm360RetrySchedule", "1s 31d", NULL, "\"31d\" is out of range" TIME_ALLOWED "1ms to 30d"},
    {"Crm360RetrySchedule", "1s 0s", NULL, "\"0s\" is out of range" TIME_ALLOWED "1ms to 30d"},
    {"Crm360InboxKeep", "3650d", "315360000000000", NULL},
    {"Crm360InboxKeep", "59s", NULL, "\"59s\" is out of range" TIME_ALLOWED "1m to 3650d"},
    {"Crm360DBDriver", "SQLite3", "sqlite3", NULL},
    {"Crm360DBDriver", "pgsql", "pgsql", NULL},
    {"Crm360DBDriver", "mysql", NULL, "\"mysql\" is not known; allowed: sqlite3, pgsql"},
    {"Crm360DBParams", "/var/lib/crm360/acme.db", "/var/lib/crm360/acme.db", NULL},
    {"Crm360DBParams", "\"host=db user=crm dbname=acme\"", "host=db user=crm dbname=acme", NULL},
    {"Crm360DBParams", "postgresql://crm@db/acme", "postgresql://crm@db/acme", NULL},
    {"Crm360DefaultZoneId", "1", "1", NULL},
    {"Crm360DefaultZoneId", "2147483647", "2147483647", NULL},
    {"Crm360DefaultZoneId", "2147483648", NULL,
     "\"2147483648\"; allowed: a whole number from 1 to 2147483647"},
    {"Crm360DefaultZoneId", "0", NULL, "\"0\"; allowed: a whole number from 1 to 2147483647"},
    {"Crm360DefaultZoneId", "-1", NULL, "\"-1\"; allowed: a whole number from 1 to 2147483647"},
    {"Crm360DefaultZoneId", "0x10", NULL, "\"0x10\"; allowed: a whole number from 1 to 2147483647"},
    {"Crm360DefaultZoneId", "\" 1\"", NULL, "\" 1\"; allowed: a whole number from 1 to 2147483647"},
    {"Crm360DefaultBrandId", "7", "7", NULL},
    {"Crm360DefaultBrandId", "seven", NULL,
     "\"seven\"; allowed: a whole number from 1 to 2147483647"},
    {"Crm360DefaultContactAddressTypeId", "32767", "32767", NULL},
    {"Crm360DefaultContactAddressTypeId", "32768", NULL,
     "\"32768\"; allowed: a whole number from 1 to 32767"},
    {"Crm360Webhook", "on", "1", NULL},
    {"Crm360Webhook", "OFF", "0", NULL},
    {"Crm360Webhook", "1", NULL, "\"1\" is not known; allowed: Off, On"},
    {"Crm360MaxBody", "1", "1", NULL},
    {"Crm360MaxBody", "64k", "65536", NULL},
    {"Crm360MaxBody", "10M", "10485760", NULL},
    {"Crm360MaxBody", "128M", "134217728", NULL},
    {"Crm360MaxBody", "0", NULL,
     "\"0\"; allowed: a number of bytes, or with K, M or G, from 1 to 128M"},
    {"Crm360MaxBody", "2G", NULL,
     "\"2G\"; allowed: a number of bytes, or with K, M or G, from 1 to 128M"},
    {"Crm360MaxBody", "10MB", NULL,
     "\"10MB\"; allowed: a number of bytes, or with K, M or G, from 1 to 128M"},
    {"Crm360MaxBody", "1T", NULL,
     "\"1T\"; allowed: a number of bytes, or with K, M or G, from 1 to 128M"},
    {"Crm360HelpMount", "/hooks", "/hooks", NULL},
    {"Crm360HelpMount", "/a/b.c_d~e-1/", "/a/b.c_d~e-1", NULL},
    {"Crm360HelpMount", "/", "", NULL},
    {"Crm360HelpMount", "hooks", NULL, "\"hooks\"" MOUNT},
    {"Crm360HelpMount", "\"\"", NULL, "\"\"" MOUNT},
    {"Crm360HelpMount", "/a//b", NULL, "\"/a//b\"" MOUNT},
    {"Crm360HelpMount", "\"/a b\"", NULL, "\"/a b\"" MOUNT},
    {"Crm360HelpMount", "/a?b", NULL, "\"/a?b\"" MOUNT},
    {"Crm360HelpMount", "/{a}", NULL, "\"/{a}\"" MOUNT},
    {"Crm360HelpMount", "/a'b", NULL, "\"/a'b\"" MOUNT},
    {"Crm360MaxBody", "999999999999999999G", NULL,
     "\"999999999999999999G\"; allowed: a number of bytes, or with K, M or G, from 1 to 128M"},
};

static void value_cases(void)
{
    size_t i;

    for (i = 0; i < COUNT(values); i++) {
        const crm360_directive_t *row = crm360_directive_find(values[i].name);
        void *target = make_target(row->contexts);
        const char *wrong = apply(values[i].name, target, values[i].args);
        const char *title = apr_pstrcat(pool, values[i].name, " ", values[i].args, NULL);

        if (values[i].wrong) {
            is_text(wrong, apr_pstrcat(pool, values[i].name, ": ", values[i].wrong, NULL), title);
            ok(!crm360_member_is_set(row, target), "%s sets nothing", title);
        }
        else if (is_text(wrong, NULL, title)) {
            is_text(show(row, target), values[i].want, title);
        }
    }
}

static void address_parts(void)
{
    crm360_config_t *config = crm360_config_make(pool);
    const crm360_redis_address_t *address;
    char path[120];

    is_text(apply("Crm360Redis", config, "redis://[fe80::1]:7000/4"), NULL, "an IPv6 address");
    is_text(apply("Crm360RedisUser", config, "queue"), NULL, "a user");
    is_text(apply("Crm360RedisPasswordFile", config, write_file(folder, "good", "open sesame\n")),
            NULL, "a password");
    address = crm360_config_redis(config, pool);
    is_text(address->path, NULL, "TCP has no path");
    is_text(address->host, "fe80::1", "host without brackets");
    is_number(address->port, 7000, "port");
    is_number(address->database, 4, "database");
    is_text(address->user, "queue", "user");
    is_text(address->password, "open sesame", "password, without the line feed");
    is_text(address->text, "redis://[fe80::1]:7000/4", "the text for logs has no password");

    config = crm360_config_make(pool);
    is_text(apply("Crm360Redis", config, "sentinel://a,[::1]:7,b:8/crm-1.x/2"), NULL, "sentinels");
    address = crm360_config_redis(config, pool);
    is_number(address->kind, CRM360_REDIS_SENTINEL, "of that kind");
    is_number(address->seed_count, 3, "three");
    is_text(address->text, "sentinel://a:26379,[::1]:7,b:8/crm-1.x/2", "their text, with ports");
    is_text(address->name, "crm-1.x", "the master's name");
    is_number(address->database, 2, "its database");
    config = crm360_config_make(pool);
    is_text(apply("Crm360Redis", config, "cluster://10.0.0.1:7000,b"), NULL, "a cluster");
    address = crm360_config_redis(config, pool);
    is_number(address->kind, CRM360_REDIS_CLUSTER, "of that kind");
    is_text(address->text, "cluster://10.0.0.1:7000,b:6379", "its text");
    is_text(address->seeds[1].host, "b", "its second seed");

    config = crm360_config_make(pool);
    memset(path, 'x', sizeof(path));
    memcpy(path, "unix:/", 6);
    path[5 + 107] = '\0';
    is_text(apply("Crm360Redis", config, path), NULL, "a socket name of 107 bytes");
    is_text(crm360_config_redis(config, pool)->path, path + 5, "path of the socket");
    path[5 + 107] = 'x';
    path[5 + 108] = '\0';
    ok(apply("Crm360Redis", crm360_config_make(pool), path) != NULL, "108 are refused");
}

/* ---- secret files ---- */

static const char *repeat(char letter, apr_size_t times)
{
    char *text = apr_palloc(pool, times + 1);

    memset(text, letter, times);
    text[times] = '\0';
    return text;
}

static void secret_cases(void)
{
    const struct {
        const char *content;
        int mode;
        const char *want;
        const char *wrong; /* behind the quoted name */
    } cases[] = {
        {"hunter2\n", 0600, "hunter2", NULL},
        {"hunter2", 0400, "hunter2", NULL},
        {"hunter2\r\n", 0640, "hunter2", NULL},
        {" hunter 2 \n", 0440, " hunter 2 ", NULL},
        {repeat('x', 4096), 0600, repeat('x', 4096), NULL},
        {repeat('x', 4097), 0600, NULL, " has more than 4096 bytes; allowed: 1 to 4096 bytes"},
        {"", 0600, NULL, " is empty; allowed: 1 to 4096 bytes"},
        {"\n", 0600, NULL, " is empty; allowed: 1 to 4096 bytes"},
        {"hunter2\n\n", 0600, NULL, " has several lines or a NUL byte; allowed: one line"},
        {"hunter2\nhunter3", 0600, NULL, " has several lines or a NUL byte; allowed: one line"},
        {"hunter2", 0644, NULL,
         " has mode 0644; allowed: nothing for others and no writing for the "
         "group (0640 or less)"},
        {"hunter2", 0660, NULL,
         " has mode 0660; allowed: nothing for others and no writing for the "
         "group (0640 or less)"},
        {"hunter2", 0601, NULL,
         " has mode 0601; allowed: nothing for others and no writing for the "
         "group (0640 or less)"},
    };
    size_t i;

    for (i = 0; i < COUNT(cases); i++) {
        const char *path = write_file(folder, "secret", cases[i].content);
        crm360_config_t *config = crm360_config_make(pool);
        const char *wrong;

        chmod(path, (mode_t)cases[i].mode);
        wrong = apply("Crm360RedisPasswordFile", config, path);
        is_text(wrong,
                cases[i].wrong ? apr_pstrcat(pool, "Crm360RedisPasswordFile: \"", path, "\"",
                                             cases[i].wrong, NULL)
                               : NULL,
                apr_psprintf(pool, "secret %d, mode %o", (int)i, (unsigned)cases[i].mode));
        is_text(config->redis_password.value, cases[i].want, "what was read");
        unlink(path);
    }
}

static void no_secret_file(void)
{
    const char *path = apr_pstrcat(pool, folder, "/pipe", NULL);

    is_text(apply("Crm360RedisPasswordFile", crm360_config_make(pool), "/nowhere/secret"),
            "Crm360RedisPasswordFile: \"/nowhere/secret\" cannot be read (No such file or "
            "directory); allowed: a regular file, mode 0640 or less",
            "a missing file");
    is_text(apply("Crm360RedisPasswordFile", crm360_config_make(pool), "/"),
            "Crm360RedisPasswordFile: \"/\" is a directory; allowed: a regular file",
            "a directory");
    is_text(
        apply("Crm360RedisPasswordFile", crm360_config_make(pool), "hunter2"),
        "Crm360RedisPasswordFile: no absolute file name; allowed: the name of a file, from / on",
        "the password itself is not quoted");
    if (mkfifo(path, 0600) == 0) {
        ok(strstr(apply("Crm360RedisPasswordFile", crm360_config_make(pool), path),
                  " is a special file; allowed: a regular file") != NULL,
           "a pipe is not waited for");
        unlink(path);
    }
}

/* A NUL byte cannot be part of a C string, so it would cut the password in silence. */
static void nul_in_secret(void)
{
    const char *path = write_file(folder, "secret", "hunter2\nx");
    apr_file_t *file;
    apr_off_t at = 3;
    char fault[] = " has several lines or a NUL byte; allowed: one line";

    if (apr_file_open(&file, path, APR_FOPEN_WRITE, 0, pool) == APR_SUCCESS) {
        (void)apr_file_seek(file, APR_SET, &at);
        (void)apr_file_putc('\0', file);
        (void)apr_file_trunc(file, 6);
        (void)apr_file_close(file);
    }
    ok(strstr(apply("Crm360RedisPasswordFile", crm360_config_make(pool), path), fault) != NULL,
       "a NUL byte in a secret");
    unlink(path);
}

/* Which program opens which secret. */
static void readers(void)
{
    static const char missing[] = "/nowhere/secret";
    static const struct {
        const char *name;
        unsigned reader;
        int opened;
    } cases[] = {
        {"Crm360RedisPasswordFile", CRM360_READ_HTTPD, 1},
        {"Crm360RedisPasswordFile", CRM360_READ_CONSUMER, 1},
        {"Crm360DBPasswordFile", CRM360_READ_HTTPD, 0},
        {"Crm360DBPasswordFile", CRM360_READ_CONSUMER, 1},
    };
    size_t i;

    for (i = 0; i < COUNT(cases); i++) {
        const crm360_directive_t *row = crm360_directive_find(cases[i].name);
        void *target = make_target(row->contexts);
        const char *wrong =
            crm360_directive_apply(row, target, row->contexts, cases[i].reader, missing, pool);

        ok(cases[i].opened == (wrong != NULL), "%s, reader %u: %s", cases[i].name, cases[i].reader,
           wrong ? wrong : "not opened");
        wrong =
            crm360_directive_apply(row, target, row->contexts, cases[i].reader, "relative", pool);
        ok(wrong != NULL, "%s, reader %u: %s", cases[i].name, cases[i].reader, wrong);
    }
}

/* Whose line counts for whom. */
static void programs(void)
{
    static const unsigned readers_of[] = {CRM360_READ_HTTPD, CRM360_READ_CONSUMER,
                                          CRM360_READ_CONSUMER | CRM360_READ_CTL};
    static const struct {
        const char *lines[4];
        const char *user[3]; /* of httpd, crm360d, crm360ctl; NULL = none; "!" = refused */
    } cases[] = {
        {{"all"}, {"all", "all", "all"}},
        {{"all", "web httpd"}, {"web", "all", "all"}},
        {{"web httpd", "all"}, {"web", "all", "all"}},
        {{"web httpd", "worker crm360d", "person crm360ctl"}, {"web", "worker", "person"}},
        {{"web httpd", "worker crm360d"}, {"web", "worker", NULL}},
        {{"all", "other"}, {"!", "!", "!"}},
        {{"web httpd", "all", "other"}, {"!", "!", "!"}},
        {{"web httpd", "other httpd"}, {"!", NULL, NULL}},
        {{"a crm360d", "all", "b crm360d"}, {"all", "!", "all"}},
    };
    const crm360_directive_t *row = crm360_directive_find("Crm360RedisUser");
    size_t i, j, k;

    for (i = 0; i < COUNT(cases); i++) {
        for (j = 0; j < COUNT(readers_of); j++) {
            crm360_config_t *config = crm360_config_make(pool);
            const char *fault = NULL;

            for (k = 0; k < 4 && cases[i].lines[k] && !fault; k++) {
                fault = crm360_directive_apply(row, config, CRM360_IN_SERVER, readers_of[j],
                                               cases[i].lines[k], pool);
            }
            is_text(fault ? "!" : crm360_config_redis(config, pool)->user, cases[i].user[j],
                    apr_psprintf(pool, "programs %d, reader %u", (int)i, readers_of[j]));
        }
    }
    is_text(crm360_directive_apply(crm360_directive_find("Crm360RedisPasswordFile"),
                                   crm360_config_make(pool), CRM360_IN_SERVER, CRM360_READ_HTTPD,
                                   "/nowhere/secret crm360d", pool),
            NULL, "a password of another program is not opened");
}

int main(void)
{
    char name[] = "/tmp/crm360-config-XXXXXX";
    int status;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    folder = mkdtemp(name);
    if (!folder) {
        return 1;
    }
    value_cases();
    address_parts();
    secret_cases();
    no_secret_file();
    nul_in_secret();
    readers();
    programs();
    status = tap_done();
    (void)apr_file_remove(apr_pstrcat(pool, folder, "/good", NULL), pool);
    rmdir(folder);
    apr_pool_destroy(pool);
    return status;
}
