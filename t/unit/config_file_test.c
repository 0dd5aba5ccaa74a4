/*
 * The grammar of the file: what is read, and each fault with its exact place and text. Every
 * beginning of a good file is read too: it must be fine or refused with a place, whatever it ends
 * in.
 */
#include "core/status.h"
#include "t/unit/config_tools.h"

#define IN_SERVER                                                                                  \
    "<Crm360Database>, Crm360Redis, Crm360RedisUser, Crm360RedisPasswordFile, "                    \
    "Crm360SentinelUser, Crm360SentinelPasswordFile, "                                             \
    "Crm360ConnectTimeout, Crm360CommandTimeout, Crm360Spool, Crm360DedupWindow, "                 \
    "Crm360DedupKey, Crm360HandlerTimeout, Crm360Lease, Crm360User, Crm360Workers, "               \
    "Crm360WorkersPerDatabase, Crm360DatabasesOpen, Crm360WorkerMemory, Crm360LogFormat, "         \
    "Crm360RetrySchedule, Crm360InboxKeep, "                                                       \
    "Crm360EventKeep, Crm360DeadLetterKeep, Crm360DeadLetterMost, Crm360DeadLetterBytes, "         \
    "Crm360DeadLetterExport, Crm360Outbox"
#define IN_DATABASE                                                                                \
    "Crm360DBDriver, Crm360DBParams, Crm360DBPasswordFile, Crm360Origin, Crm360DefaultZoneId, "    \
    "Crm360DefaultBrandId, Crm360DefaultContactAddressTypeId, Crm360Mailer, "                      \
    "Crm360SmsGateway, Crm360Wallet, Crm360Rate, Crm360WaitingMost, Crm360WaitingBytes, "          \
    "Crm360EmailFrom, Crm360EmailSender, Crm360EmailAllow"
#define SECTION "<Crm360Database acme prod>\n"
#define NO_SECTION                                                                                 \
    ": no section of this file, which httpd and crm360d share because of its <Crm360Database>, "   \
    "so that nothing else may stand in it; allowed: <Crm360Database customer alias> and "          \
    "</Crm360Database>"

static const char *path; /* of the file that is read */

static const char good[] = "# a comment, ${ignored} and \\\n"
                           "   continued\n"
                           "\n"
                           "\t Crm360Redis  unix:/run/crm360/redis.sock \r\n"
                           "crm360lease 90s\n"
                           "Crm360Workers live 4\n"
                           "CRM360WORKERS send 0\n"
                           "Crm360RetrySchedule 1s \\\n"
                           "    2s \\\r\n"
                           "    3s\n"
                           "  <Crm360Database acme prod>  \n"
                           "    Crm360DBDriver sqlite3\n"
                           "    Crm360DBParams \"/var/lib/crm360/it's \\\"acme\\\".db\"\n"
                           "    Crm360DefaultZoneId 12\n"
                           "  </crm360database>\n"
                           "<CRM360DATABASE 'acme' \"test\">\n"
                           "Crm360DBDriver pgsql\n"
                           "Crm360DBParams 'host=db dbname=acme'\n"
                           "</Crm360Database>";

/* Reads `len` bytes as a file. The error, or NULL and *config. */
static const char *read_bytes(crm360_config_t **config, const char *text, apr_size_t len)
{
    apr_pool_t *scratch;
    const char *error = "the file could not be written";
    apr_file_t *file;
    apr_status_t rv;

    apr_pool_create(&scratch, pool);
    rv = apr_file_open(&file, path, APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_TRUNCATE, 0x600,
                       scratch);
    if (rv == APR_SUCCESS) {
        rv = apr_file_write_full(file, text, len, NULL);
        apr_file_close(file);
    }
    if (rv == APR_SUCCESS) {
        rv = crm360_config_read(config, &error, path, CRM360_READ_CONSUMER, pool);
        ok((rv == APR_SUCCESS) == (error == NULL) && (rv == APR_SUCCESS || rv == CRM360_ECONFIG),
           "status and text agree");
    }
    apr_pool_destroy(scratch);
    return error;
}

static void good_file(void)
{
    crm360_config_t *config;
    const crm360_database_t *database;
    int steps = 0;

    if (!is_text(read_bytes(&config, good, sizeof(good) - 1), NULL, "a good file")) {
        return;
    }
    is_text(crm360_config_redis(config, pool)->path, "/run/crm360/redis.sock", "blanks and CR");
    is_number(crm360_config_lease(config), 90000000, "names in any case");
    is_number(crm360_config_workers(config, CRM360_LANE_LIVE), 4, "workers of a lane");
    is_number(crm360_config_workers(config, CRM360_LANE_BATCH), 1, "default of another");
    is_number(crm360_config_workers(config, CRM360_LANE_SEND), 0, "workers of a third");
    is_number(crm360_config_retry_schedule(config, &steps)[2], 3000000, "a continued line");
    is_number(steps, 3, "its words");
    is_number(crm360_config_databases(config)->nelts, 2, "sections");
    database = crm360_config_database(config, "acme", "prod", NULL);
    is_text(database->params, "/var/lib/crm360/it's \"acme\".db", "quotes in quotes");
    is_number(database->default_zone_id, 12, "a number");
    is_number(database->line, 11, "line of the section");
    is_text(database->file, path, "its file");
    is_text(crm360_config_database(config, "acme", "test", NULL)->driver, "pgsql",
            "another section");
    is_text(read_bytes(&config, "", 0), NULL, "an empty file");
}

static const struct {
    const char *title;
    const char *text;
    int line;
    const char *wrong;
} faults[] = {
    {"unknown name", "\nServerName x\n", 2,
     "\"ServerName\": no directive of this file; allowed here: " IN_SERVER},
    {"nearly a name", "Crm360Leese 5s\n", 1,
     "\"Crm360Leese\": no directive of this file; did you mean Crm360Lease? allowed "
     "here: " IN_SERVER},
    {"Include", "Include /etc/x\n", 1,
     "\"Include\": no directive of this file; allowed here: " IN_SERVER},
    {"IncludeOptional", "IncludeOptional /etc/x\n", 1,
     "\"IncludeOptional\": no directive of this file; allowed here: " IN_SERVER},
    {"Define", "Define A b\n", 1,
     "\"Define\": no directive of this file; allowed here: " IN_SERVER},
    {"UnDefine", "UnDefine A\n", 1,
     "\"UnDefine\": no directive of this file; allowed here: " IN_SERVER},
    {"IfModule", "<IfModule x>\n</IfModule>\n", 1, "\"<IfModule x>\"" NO_SECTION},
    {"IfDefine", "#\n<IfDefine X>\n", 2, "\"<IfDefine X>\"" NO_SECTION},
    {"Location", "<Location />\n", 1, "\"<Location />\"" NO_SECTION},
    {"foreign end", SECTION "</IfModule>\n", 2, "\"</IfModule>\"" NO_SECTION},
    {"name with a tail", "<Crm360Databases a b>\n", 1, "\"<Crm360Databases a b>\"" NO_SECTION},
    {"blank behind <", "< Crm360Database a b>\n", 1, "\"< Crm360Database a b>\"" NO_SECTION},
    {"end with a tail", SECTION "</Crm360Database> x\n", 2, "\"</Crm360Database> x\"" NO_SECTION},
    {"location directive", "Crm360Webhook On\n", 1,
     "Crm360Webhook: belongs inside <Location> of httpd, not at server level; allowed "
     "here: " IN_SERVER},
    {"server directive in a section", SECTION "Crm360Lease 5s\n", 2,
     "Crm360Lease: belongs at server level, not inside <Crm360Database>; allowed "
     "here: " IN_DATABASE},
    {"database directive outside", "Crm360DBDriver pgsql\n", 1,
     "Crm360DBDriver: belongs inside <Crm360Database>, not at server level; allowed "
     "here: " IN_SERVER},
    {"unknown name in a section", SECTION "\nInclude x\n", 3,
     "\"Include\": no directive of this file; allowed here: " IN_DATABASE},
    {"variable", "Crm360RedisUser a${B}\n", 1,
     "Crm360RedisUser: ${...} is not replaced here; allowed: the value itself"},
    {"continued line: its last part counts", "Crm360Lease \\\n\\\n5\n", 3,
     "Crm360Lease: \"5\" has no unit; allowed: a whole number with ms, s, m, h or d, from 2s to "
     "12h"},
    {"continued at the end of the file", "Crm360Lease \\\n", 1,
     "Crm360Lease: takes 1 argument, 0 given; syntax: Crm360Lease time"},
    {"a comment behind an argument", "Crm360Lease 5s # short\n", 1,
     "Crm360Lease: takes 1 argument, 3 given; syntax: Crm360Lease time"},
    {"unclosed quote", "Crm360RedisUser 'a\n", 1,
     "Crm360RedisUser: a quote (') is not closed; allowed: the same quote at the end of the word"},
    {"twice", "Crm360Lease 50s\nCrm360Lease 50s\n", 2,
     "Crm360Lease: is set already; allowed: once at server level"},
    {"twice in a section", SECTION "Crm360DBDriver pgsql\nCrm360DBDriver pgsql\n", 3,
     "Crm360DBDriver: is set already; allowed: once inside <Crm360Database>"},
    {"unclosed section", "\n" SECTION "Crm360DBDriver pgsql\n", 2,
     "<Crm360Database acme prod>: is not closed; allowed: a line </Crm360Database> behind its "
     "directives"},
    {"end without a section", "</Crm360Database>\n", 1,
     "</Crm360Database>: no section is open; allowed: after <Crm360Database customer alias>"},
    {"missing >", "<Crm360Database acme prod\n", 1,
     "<Crm360Database>: the '>' at the end is missing; allowed: <Crm360Database customer alias>"},
    {"nothing but the name", "<Crm360Database>\n", 1,
     "<Crm360Database>: takes 2 arguments, 0 given; syntax: <Crm360Database customer alias>"},
    {"three names", "<Crm360Database a b c>\n", 1,
     "<Crm360Database>: takes 2 arguments, 3 given; syntax: <Crm360Database customer alias>"},
    {"byte-order mark",
     "\xEF\xBB\xBF"
     "Crm360Lease 5s\n",
     1,
     "\"\\xEF\\xBB\\xBF"
     "Crm360Lease\": no directive of this file; did you mean Crm360Lease? allowed "
     "here: " IN_SERVER},
    {"incomplete database", SECTION "</Crm360Database>\n", 1,
     "<Crm360Database acme prod>: Crm360DBDriver is missing; allowed: Crm360DBDriver sqlite3 or "
     "pgsql"},
};

static void fault_cases(void)
{
    crm360_config_t *config;
    size_t i;

    for (i = 0; i < COUNT(faults); i++) {
        is_text(read_bytes(&config, faults[i].text, strlen(faults[i].text)),
                apr_psprintf(pool, "%s:%d: %s", path, faults[i].line, faults[i].wrong),
                faults[i].title);
        ok(config == NULL, "no configuration");
    }
}

/* Faults that do not fit a table of strings. */
static void other_faults(void)
{
    static const char nested[] = SECTION "<Crm360Database acme test>\n";
    static const char again[] =
        SECTION "Crm360DBDriver pgsql\nCrm360DBParams x\n</Crm360Database>\n"
                "<Crm360Database ACME Prod>\n";
    static const char nul[] = "#\nCrm360Lease 5s\0x\n";
    static const char comment_nul[] = "# a\0b\n";
    crm360_config_t *config;
    char *line = apr_palloc(pool, 8200);

    is_text(read_bytes(&config, nested, sizeof(nested) - 1),
            apr_psprintf(pool,
                         "%s:2: <Crm360Database>: sections do not nest; allowed here: "
                         "</Crm360Database> of the one at %s:1",
                         path, path),
            "nested sections");
    is_text(
        read_bytes(&config, again, sizeof(again) - 1),
        apr_psprintf(pool,
                     "%s:5: <Crm360Database ACME Prod>: is there already, at %s:1; allowed: one "
                     "section for each customer and alias, whatever their case",
                     path, path),
        "a section twice");
    is_text(read_bytes(&config, nul, sizeof(nul) - 1),
            apr_pstrcat(pool, path, ":2: a NUL byte; allowed: text", NULL), "a NUL byte");
    is_text(read_bytes(&config, comment_nul, sizeof(comment_nul) - 1),
            apr_pstrcat(pool, path, ":1: a NUL byte; allowed: text", NULL),
            "a NUL byte in a comment");
    memset(line, '#', 8200);
    is_text(read_bytes(&config, line, 8192), NULL, "a line of 8192 bytes");
    is_text(read_bytes(&config, line, 8193),
            apr_pstrcat(pool, path, ":1: the line is too long; allowed: 8192 bytes", NULL),
            "a line of 8193 bytes");
    memcpy(line + 4096, "\\\n", 2);
    is_text(read_bytes(&config, line, 8194), NULL, "a continued line of 8192 bytes");
    is_text(read_bytes(&config, line, 8195),
            apr_pstrcat(pool, path, ":2: the line is too long; allowed: 8192 bytes", NULL),
            "a continued line of 8193 bytes");
    ok(strstr(crm360_directive_apply(crm360_directive_find("Crm360RedisUser"),
                                     crm360_config_make(pool), CRM360_IN_SERVER, CRM360_READ_HTTPD,
                                     memset(apr_pcalloc(pool, 8194), 'x', 8193), pool),
              "the line is too long") != NULL,
       "httpd may hand over longer ones");
}

static void nesting_and_files(void)
{
    static const char limits[] = "Crm360Lease 5s\n";
    static const char watcher[] = "Crm360SentinelUser watcher\n";
    crm360_config_t *config;
    const char *error;

    is_text(read_bytes(&config, limits, sizeof(limits) - 1),
            apr_pstrcat(pool, path,
                        ": Crm360HandlerTimeout: 30s is not less than Crm360Lease, 5s; allowed: "
                        "Crm360ConnectTimeout < Crm360CommandTimeout < Crm360HandlerTimeout < "
                        "Crm360Lease",
                        NULL),
            "limits that do not nest");
    is_text(read_bytes(&config, watcher, sizeof(watcher) - 1),
            apr_pstrcat(pool, path,
                        ": Crm360SentinelUser: there is no Crm360SentinelPasswordFile, and nobody "
                        "logs in without a password; allowed: both, the file alone, or none of "
                        "them",
                        NULL),
            "a user of sentinels without a password");
    is_number(crm360_config_read(&config, &error, "/nowhere/crm360.conf", CRM360_READ_HTTPD, pool),
              CRM360_ECONFIG, "a missing file");
    is_text(error,
            "/nowhere/crm360.conf: cannot be read (No such file or directory); allowed: a regular "
            "file of at most 16 MB",
            "a missing file");
    is_number(crm360_config_read(&config, &error, "/tmp", CRM360_READ_HTTPD, pool), CRM360_ECONFIG,
              "a folder");
}

static void beginnings(void)
{
    crm360_config_t *config;
    apr_size_t len;
    int bad = 0;
    int fine = 0;

    for (len = 0; len < sizeof(good); len++) {
        const char *error = read_bytes(&config, good, len);

        fine += error == NULL;
        bad += error && strncmp(error, path, strlen(path)) != 0;
    }
    ok(fine > 50, "%d beginnings of the good file are good", fine);
    is_number(bad, 0, "the others are refused with a place");
}

int main(void)
{
    char folder[] = "/tmp/crm360-config-XXXXXX";
    int status;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    if (!mkdtemp(folder)) {
        return 1;
    }
    path = apr_pstrcat(pool, folder, "/crm360.conf", NULL);
    good_file();
    fault_cases();
    other_faults();
    nesting_and_files();
    beginnings();
    status = tap_done();
    unlink(path);
    rmdir(folder);
    apr_pool_destroy(pool);
    return status;
}
