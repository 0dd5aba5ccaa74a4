/*
 * The spool in a folder of its own: what is put comes out as it was, in order and within the bound;
 * what is broken is told from what is whole; delays are never over too early; whoever dies leaves
 * nothing that stays wrong.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/spool.h"
#include "t/unit/tap.h"

#define ID "01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Order-Insert"
#define MANY 20300 /* more than a walk keeps in memory */

static apr_pool_t *pool; /* of one test */
static crm360_spool_place_t place;
static crm360_spool_t *spool;
static int lines; /* logged from warning upward */
static char last_line[1000];

static void count_line(void *baton, crm360_log_level_t level, apr_status_t rv, const char *text)
{
    (void)baton;
    (void)rv;
    lines += level <= CRM360_LOG_WARNING;
    apr_cpystrn(last_line, text, sizeof(last_line));
}

/* ---- the folder ---- */

static const char *path(const char *name)
{
    return apr_pstrcat(pool, place.folder, "/", name, NULL);
}

static void run(const char *command)
{
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        execv(argv[0], (char *const *)argv);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        printf("Bail out! %s\n", command);
        exit(1);
    }
}

static void fresh(apr_int64_t most)
{
    run(apr_psprintf(pool, "rm -rf %s; mkdir -m 2770 %s", place.folder, place.folder));
    place.most_bytes = most;
    spool = crm360_spool_make(&place, NULL, pool);
}

static void write_file(const char *name, const char *text, apr_size_t len)
{
    int file = open(path(name), O_WRONLY | O_CREAT | O_TRUNC, 0660);

    if (file < 0 || write(file, text, len) != (ssize_t)len) {
        printf("Bail out! %s\n", name);
        exit(1);
    }
    close(file);
}

static char *read_file(const char *name)
{
    char *text = apr_pcalloc(pool, 4096);
    int file = open(path(name), O_RDONLY);

    if (file < 0 || read(file, text, 4095) < 0) {
        text[0] = '\0';
    }
    close(file);
    return text;
}

static int exists(const char *name)
{
    struct stat info;

    return lstat(path(name), &info) == 0;
}

/* Its time becomes `seconds` ago. */
static void age(const char *name, double seconds)
{
    struct timespec times[2];
    struct stat info;
    apr_time_t when;
    int probe = open(path("probe"), O_WRONLY | O_CREAT, 0660);

    futimens(probe, NULL);
    fstat(probe, &info);
    close(probe);
    when = apr_time_from_sec((apr_time_t)info.st_mtim.tv_sec) + info.st_mtim.tv_nsec / 1000 -
           (apr_time_t)(seconds * 1e6);
    times[0].tv_sec = times[1].tv_sec = (time_t)apr_time_sec(when);
    times[0].tv_nsec = times[1].tv_nsec = (long)apr_time_usec(when) * 1000;
    utimensat(AT_FDCWD, path(name), times, AT_SYMLINK_NOFOLLOW);
}

static crm360_push_t job(const char *id, const char *message, apr_size_t len)
{
    crm360_push_t push = {.customer = "acme", .database = "prod", .id = id};

    push.message = message;
    push.message_len = len;
    return push;
}

static apr_status_t put(const char *id, apr_size_t len)
{
    char *message = apr_palloc(pool, len);
    crm360_push_t push = job(id, memset(message, 'x', len), len);
    crm360_receipt_t receipt;

    return crm360_spool_put(&receipt, spool, &push, crm360_clock(), pool);
}

static apr_int64_t usage(void)
{
    apr_int64_t bytes = -1;

    return crm360_spool_usage(&bytes, spool) == APR_SUCCESS ? bytes : -1;
}

/* All names in the order of the walk, with a blank behind each. */
static const char *listed(void)
{
    crm360_spool_walk_t *walk;
    const char *name;
    const char *all = "";

    if (crm360_spool_walk(&walk, spool, pool) != APR_SUCCESS) {
        return "no walk";
    }
    while (crm360_spool_next(&name, walk, 0) == APR_SUCCESS) {
        all = apr_pstrcat(pool, all, name, " ", NULL);
    }
    return all;
}

/* ---- tests ---- */

static void test_fault(void)
{
    const char *fault;

    fresh(1 << 20);
    ok(!crm360_spool_fault(&place, pool), "a folder of mode 2770 is fine");
    chmod(place.folder, 0777);
    fault = crm360_spool_fault(&place, pool);
    ok(fault && strstr(fault, "everybody") && strstr(fault, "2770"), "not one open to everybody");
    run(apr_psprintf(pool, "rm -rf %s; touch %s", place.folder, place.folder));
    fault = crm360_spool_fault(&place, pool);
    ok(fault && strstr(fault, "no folder"), "nor a file");
    unlink(place.folder);
    fault = crm360_spool_fault(&place, pool);
    ok(fault && strncmp(fault, "Crm360Spool: ", 13) == 0 && strstr(fault, place.folder),
       "nor one that is missing; directive and folder are named");
}

static void test_round_trip(void)
{
    static const char message[] = "POST /x HTTP/1.1\r\nA: b\r\n\r\n\0\xff\n\n--";
    crm360_push_t push = job(ID, message, sizeof(message));
    crm360_receipt_t receipt;
    crm360_spooled_t spooled;
    struct stat file, folder;
    apr_time_t before = apr_time_now();

    fresh(1 << 20);
    push.lane = CRM360_LANE_SEND;
    push.invisible_for = apr_time_from_sec(60);
    push.durability = CRM360_ON_DISK;
    push.dedup.hash = "0123456789abcdef0123456789abcdef";
    push.dedup.content = "fedcba9876543210fedcba9876543210";
    push.dedup.window = apr_time_from_sec(3600);
    push.dedup.strict = 1;
    umask(077);
    is_number(crm360_spool_put(&receipt, spool, &push, crm360_clock(), pool), 0,
              "a message is put");
    umask(022);
    is_text(receipt.id, ID, "the receipt has its id");
    ok(receipt.durability == CRM360_IN_SPOOL && !receipt.duplicate, "says where it is");
    ok(strstr(receipt.queue, "{acme/prod}:send") != NULL, "and the queue that it is for");
    ok(receipt.visible_at - before >= apr_time_from_sec(60) &&
           receipt.visible_at - before < apr_time_from_sec(65),
       "and when it will be visible");
    stat(path(ID ".msg"), &file);
    stat(place.folder, &folder);
    ok((file.st_mode & 0777) == 0660 && file.st_gid == folder.st_gid,
       "both sides may read the file, whatever the umask is");
    stat(path("usage"), &file);
    ok((file.st_mode & 0777) == 0660, "and the usage");
    is_text(listed(), ID ".msg ", "nothing else is there to be carried");
    is_number(crm360_spool_read(&spooled, spool, ID ".msg", pool), 0, "it is read");
    is_text(spooled.push.id, ID, "with id");
    is_text(spooled.push.customer, "acme", "customer");
    is_text(spooled.push.database, "prod", "database");
    is_number(spooled.push.lane, CRM360_LANE_SEND, "lane");
    is_number(spooled.push.durability, CRM360_ON_DISK, "durability");
    is_text(spooled.push.dedup.hash, push.dedup.hash, "what it is known by");
    is_text(spooled.push.dedup.content, push.dedup.content, "its content");
    is_number(spooled.push.dedup.window, push.dedup.window, "the window");
    is_number(spooled.push.dedup.strict, 0, "no refusal, as it was acknowledged");
    is_number(spooled.push.invisible_for, apr_time_from_sec(60),
              "without the lock the delay is the one asked for");
    ok(spooled.push.message_len == sizeof(message) &&
           memcmp(spooled.push.message, message, sizeof(message)) == 0,
       "and the message is the same byte for byte");
    is_number(usage(), 4096, "it counts a block");
}

/* A message with a mail copy is of another version, so that a program that would forget the copy
 * sets the file aside. */
static void test_mail_copy(void)
{
    crm360_push_t push = job(ID, "message", 7);
    crm360_receipt_t receipt;
    crm360_spooled_t spooled;
    int i;

    for (i = 0; i < 2; i++) {
        fresh(1 << 20);
        push.mail_copy = i;
        is_number(crm360_spool_put(&receipt, spool, &push, crm360_clock(), pool), 0,
                  "a message is put");
        ok(strncmp(read_file(ID ".msg"), i ? "crm360-spool 2\nid: " : "crm360-spool 1\nid: ", 19) ==
               0,
           "of version %d", i + 1);
        is_number(crm360_spool_read(&spooled, spool, ID ".msg", pool), 0, "it is read");
        is_number(spooled.push.mail_copy, i, i ? "with its copy" : "without a copy");
    }
    write_file(ID ".msg", "crm360-spool 3\nid: " ID "\n", sizeof(ID) + 19);
    is_number(crm360_spool_read(&spooled, spool, ID ".msg", pool), CRM360_EDATA,
              "a later version is not guessed at");
}

static void test_order_and_bound(void)
{
    crm360_spooled_t spooled;
    int before = lines;

    fresh(65536);
    is_number(put("C-1", 5000), 0, "put the third");
    is_number(put("A-1", 5000), 0, "put the first");
    is_number(put("B-1", 50000), CRM360_EREFUSED, "a message beyond the bound is refused");
    ok(lines == before + 1 && strstr(last_line, "CRM0111"), "which is logged");
    is_number(put("B-1", 50000), CRM360_EREFUSED, "again");
    is_number(lines, before + 1, "and logged no more");
    is_number(put("B-1", 40000), 0, "one that fits is not");
    is_text(listed(), "A-1.msg B-1.msg C-1.msg ", "they come in their order");
    is_number(put("B-2", 50000), CRM360_EREFUSED, "full again");
    is_number(lines, before + 1, "which is still the same trouble");
    is_number(put("Z-1", 70000), CRM360_EREFUSED, "nor one larger than the spool");
    is_number(usage(), 8192 * 2 + 40960, "whole blocks are counted");
    is_number(crm360_spool_lock(spool), 0, "with the lock");
    is_number(crm360_spool_read(&spooled, spool, "B-1.msg", pool), 0, "one is read");
    is_number(crm360_spool_remove(spool, "B-1.msg", spooled.bytes), 0, "and removed");
    is_number(crm360_spool_remove(spool, "B-1.msg", spooled.bytes), 0, "twice is no error");
    is_number(usage(), 8192 * 2, "and its bytes are counted once");
    is_number(put("B-3", 40000), 0, "there is room again");
    is_number(crm360_spool_read(&spooled, spool, "B-1.msg", pool), APR_ENOENT, "gone is gone");
    is_number(put("../B", 10), APR_EINVAL, "an id that is no name is not written");
    crm360_spool_unlock(spool);
}

static void test_trouble(void)
{
    struct rlimit limit, less = {.rlim_cur = 20000};
    int before;

    fresh(1 << 20);
    before = lines;
    getrlimit(RLIMIT_FSIZE, &limit);
    less.rlim_max = limit.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &less);
    is_number(put("A-1", 30000), EFBIG, "a file that cannot be written is an error");
    setrlimit(RLIMIT_FSIZE, &limit);
    is_number(usage(), 0, "it counts nothing");
    is_text(listed(), "", "and nothing of it is left");
    ok(!exists(".new-A-1"), "nor of its beginning");
    ok(lines == before + 1 && strstr(last_line, "CRM0112"), "it is logged");
    is_number(put("A-1", 30000), 0, "then it works again");
    is_number(lines, before + 1, "which is not believed at once");
    apr_sleep(APR_USEC_PER_SEC + 100000);
    is_number(put("A-2", 30000), 0, "and still does");
    ok(strstr(last_line, "takes messages again") != NULL, "now it is, and logged");
    run(apr_psprintf(pool, "rm -rf %s", place.folder));
    is_number(put("A-1", 30), ENOENT, "without its folder it does not");
    is_number(lines, before + 2, "which is logged");
}

static void test_usage(void)
{
    static const struct {
        const char *name;
        const char *command;
    } cases[] = {
        {"text", "echo hello >usage"},
        {"nothing", ": >usage"},
        {"cut", "head -c 20 usage >u && cat u >usage"},
        {"too long", "echo more >>usage"},
        {"a negative number", "printf 'crm360-usage 1\\n%020d\\n' -5 >usage"},
        {"a number beyond all", "printf 'crm360-usage 1\\n99999999999999999999\\n' >usage"},
        {"removed", "rm usage"},
        {"a folder", "rm usage; mkdir usage"},
        {"a link", "rm usage; ln -s /etc/passwd usage"},
        {"a pipe", "rm usage; mkfifo usage"},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fresh(1 << 20);
        is_number(put("A-1", 5000), 0, "a message");
        run(apr_psprintf(pool, "cd %s && %s", place.folder, cases[i].command));
        is_number(put("B-1", 100), 0, apr_pstrcat(pool, "usage: ", cases[i].name, NULL));
        is_number(usage(), 8192 + 4096, "is what lies there");
        is_number(strlen(read_file("usage")), 36, "and is written as it must be");
    }
}

static void test_settle(void)
{
    int settled;

    fresh(1 << 20);
    is_number(put("A-1", 10), 0, "a message");
    write_file(".new-B-1", "half", 4);
    write_file(".new-C-1", "half", 4);
    write_file(".new-D-1", "half", 4);
    age(".new-B-1", 61);
    age(".new-C-1", 50);
    age(".new-D-1", -3600);
    is_text(listed(), "A-1.msg ", "what is new is no message yet");
    is_number(crm360_spool_lock(spool), 0, "locked");
    is_number(crm360_spool_settle(&settled, spool), 0, "settled");
    ok(!settled && exists("A-1.msg"), "not while messages are there");
    ok(!exists(".new-B-1") && exists(".new-C-1") && exists(".new-D-1"),
       "what a writer left a minute ago goes, and nothing younger");
    is_number(crm360_spool_remove(spool, "A-1.msg", 0), 0, "the last message goes");
    is_number(crm360_spool_settle(&settled, spool), 0, "settled again");
    ok(!settled && usage() == 4096, "a file that may still become one keeps the usage");
    unlink(path(".new-C-1"));
    unlink(path(".new-D-1"));
    is_number(crm360_spool_settle(&settled, spool), 0, "and now");
    ok(settled && usage() == 0, "an empty spool counts nothing");
    crm360_spool_unlock(spool);
}

/* ---- broken files ---- */

#define HEAD                                                                                       \
    "crm360-spool 1\nid: " ID "\ncustomer: acme\ndatabase: prod\nlane: live\ndelay: 0\n"           \
    "durability: memory\ndedup: -\ncontent: -\nwindow: 0\nboot: -\nclock: 1\nwaited: 0\nlength: "  \
    "5\n\nhello"

/* HEAD with one text replaced. */
static const char *changed(const char *from, const char *to)
{
    const char *at = strstr(HEAD, from);

    return apr_pstrcat(pool, apr_pstrmemdup(pool, HEAD, (apr_size_t)(at - HEAD)), to,
                       at + strlen(from), NULL);
}

static void test_broken(void)
{
    static const struct {
        const char *from;
        const char *to;
        const char *why;
    } cases[] = {
        {"spool 1", "spool 3", "version"},
        {"crm360-spool 1\n", "", "version"},
        {"id: 01", "id: 02", "its id is not its name"},
        {"id: 01", "id: ../01", "id"},
        {"id: 01", "Id: 01", "id"},
        {"customer: acme\n", "", "customer"},
        {"customer: acme", "customer: ac}me", "customer"},
        {"customer: acme", "customer:", "customer"},
        {"customer: acme", "customer: ac me", "customer"},
        {"database: prod", "database: prod\r", "database"},
        {"lane: live", "lane: dead", "lane"},
        {"delay: 0", "delay: -1", "delay"},
        {"delay: 0", "delay: 0x1", "delay"},
        {"delay: 0", "delay: 99999999999999999999", "delay"},
        {"durability: memory", "durability: spool", "durability"},
        {"dedup: -", "dedup: 0123456789abcdef0123456789abcdef", "dedup"},
        {"content: -", "content: short", "content"},
        {"window: 0", "window: 5", "dedup"},
        {"length: 5", "length: 6", "5 bytes where its head says 6"},
        {"length: 5", "length: 4", "5 bytes where its head says 4"},
        {"length: 5\n\nhello", "length: 0\n\n", "empty"},
        {"length: 5\n\nhello", "length: 5\nmore: 1\n\nhello", "empty line"},
        {"\n\nhello", "", "length"},
        {"hello", "", "0 bytes"},
    };
    crm360_spooled_t spooled;
    apr_size_t i;

    fresh(1 << 20);
    write_file(ID ".msg", HEAD, strlen(HEAD));
    is_number(crm360_spool_read(&spooled, spool, ID ".msg", pool), 0, "a whole file is read");
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *text = changed(cases[i].from, cases[i].to);

        write_file(ID ".msg", text, strlen(text));
        ok(crm360_spool_read(&spooled, spool, ID ".msg", pool) == CRM360_EDATA &&
               strstr(spooled.detail, cases[i].why),
           "not one with a wrong line (%d): %s", (int)i,
           spooled.detail ? spooled.detail : "no detail");
    }
    for (i = 0; i < strlen(HEAD); i++) {
        write_file(ID ".msg", HEAD, i);
        if (crm360_spool_read(&spooled, spool, ID ".msg", pool) != CRM360_EDATA) {
            break;
        }
    }
    is_number((long long)i, (long long)strlen(HEAD), "nor one that ends early, wherever");
}

static void test_strange(void)
{
    static const char *const commands[] = {"mkfifo", "mkdir", "ln -s /etc/passwd", ": >",
                                           "truncate -s 2G"};
    crm360_spooled_t spooled;
    const char *aside;
    apr_size_t i;

    for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        fresh(1 << 20);
        run(apr_psprintf(pool, "cd %s && %s A.msg", place.folder, commands[i]));
        alarm(10); /* a pipe must not be waited for */
        is_number(crm360_spool_read(&spooled, spool, "A.msg", pool), CRM360_EDATA,
                  apr_pstrcat(pool, commands[i], " makes no message", NULL));
        alarm(0);
        is_number(crm360_spool_lock(spool), 0, "locked");
        is_number(crm360_spool_set_aside(&aside, spool, "A.msg", pool), 0, "it is set aside");
        ok(strcmp(aside, "A.msg.bad") == 0 && exists(aside) && !exists("A.msg"), "under its name");
        run(apr_psprintf(pool, "cd %s && %s A.msg", place.folder, commands[i]));
        is_number(crm360_spool_set_aside(&aside, spool, "A.msg", pool), 0, "a second one too");
        ok(strcmp(aside, "A.msg.1.bad") == 0 && exists(aside), "and the first stays");
        is_text(listed(), "", "neither is met again");
        crm360_spool_unlock(spool);
    }
    fresh(1 << 20);
    aside = apr_pstrcat(pool, (char *)memset(apr_pcalloc(pool, 251), 'l', 250), ".msg", NULL);
    write_file(aside, "x", 1);
    is_number(crm360_spool_lock(spool), 0, "locked");
    is_number(crm360_spool_set_aside(&aside, spool, aside, pool), 0, "a very long name too");
    write_file("README", "x", 1);
    write_file(".hidden.msg", "x", 1);
    is_text(listed(), "", "files of other names are nobody's concern");
    crm360_spool_unlock(spool);
}

/* ---- delays ---- */

/* Writes a message with a delay of 100 s, taken in `clock_ago` seconds ago by the clock of its
 * head and `file_ago` by the time of its file. Returns what is left of the delay, in s; *took is
 * how long that took. */
static double left(double *took, const char *boot, double clock_ago, double file_ago, double waited)
{
    apr_time_t began = crm360_clock();
    crm360_spooled_t spooled;
    const char *text = changed("delay: 0", "delay: 100000");
    const char *at = strstr(text, "boot: -\nclock: 1\nwaited: 0\n");

    text =
        apr_psprintf(pool, "%.*sboot: %s\nclock: %" APR_TIME_T_FMT "\nwaited: %d\n%s",
                     (int)(at - text), text, boot, crm360_clock() - (apr_time_t)(clock_ago * 1e6),
                     (int)(waited * 1e6), at + strlen("boot: -\nclock: 1\nwaited: 0\n"));
    write_file(ID ".msg", text, strlen(text));
    age(ID ".msg", file_ago);
    if (crm360_spool_lock(spool) != APR_SUCCESS ||
        crm360_spool_read(&spooled, spool, ID ".msg", pool) != APR_SUCCESS) {
        return -1;
    }
    crm360_spool_unlock(spool);
    *took = (double)(crm360_clock() - began) / 1e6;
    return (double)spooled.push.invisible_for / 1e6;
}

static void test_delay(void)
{
    static const struct {
        const char *name;
        int same_boot;
        double clock_ago, file_ago, waited, left;
    } cases[] = {
        {"30 s ago", 1, 30, 30, 0, 70},
        {"30 s ago, of which Redis was asked 10", 1, 30, 20, 10, 70},
        {"the same after a restart", 0, 5, 20, 10, 70},
        {"just now", 1, 0, 0, 0, 100},
        {"the system's clock was set forward", 1, 30, 3630, 0, 70},
        {"the system's clock was set back", 1, 30, -3570, 0, 100},
        {"the writer's monotonic clock was behind", 1, 3630, 30, 0, 70},
        {"the writer's monotonic clock was ahead", 1, -3570, 30, 0, 70},
        {"long ago", 1, 200, 200, 0, 0},
        {"after a restart of the kernel", 0, 5, 30, 0, 70},
        {"after a restart, long ago", 0, 5, 3600, 0, 0},
        {"after a restart, from the future", 0, 5, -3600, 0, 100},
    };
    const char *boot;
    apr_size_t i;
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY);
    char text[37] = "";

    ok(file >= 0 && read(file, text, 36) == 36, "the kernel says which run it is");
    close(file);
    fresh(1 << 20);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double rest, took = 0;

        if (cases[i].clock_ago > (double)crm360_clock() / APR_USEC_PER_SEC) {
            ok(1, "%s: left out, the machine has not run for so long", cases[i].name);
            continue;
        }
        boot = cases[i].same_boot ? text : "00000000-0000-0000-0000-000000000000";
        rest = left(&took, boot, cases[i].clock_ago, cases[i].file_ago, cases[i].waited);
        ok(rest + took >= cases[i].left, "%s: not early, %.3f s are left", cases[i].name, rest);
        ok(rest <= cases[i].left + 0.05, "and not late");
        if (!cases[i].same_boot && cases[i].left == 70) {
            ok(rest + took > 70.005, "in doubt of the files' clock a little more");
        }
    }
}

/* ---- several processes, many files ---- */

static void test_processes(void)
{
    enum { PROCESSES = 4, EACH = 50 };
    pid_t pids[PROCESSES];
    crm360_spooled_t spooled;
    crm360_spool_walk_t *walk;
    const char *name;
    int i, j, count = 0, whole = 0;

    fresh(1 << 20);
    for (i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            for (j = 0; j < EACH && put(apr_psprintf(pool, "%03d-%d", j, i), 100) == 0; j++) {
            }
            _exit(j != EACH);
        }
    }
    for (i = 0; i < PROCESSES; i++) {
        int status;

        waitpid(pids[i], &status, 0);
        is_number(status, 0, "a process puts all of its messages");
    }
    is_number(usage(), PROCESSES * EACH * 4096, "they count together");
    is_number(crm360_spool_walk(&walk, spool, pool), 0, "a walk");
    while (crm360_spool_next(&name, walk, 0) == APR_SUCCESS) {
        whole += crm360_spool_read(&spooled, spool, name, pool) == APR_SUCCESS;
        count++;
    }
    ok(count == PROCESSES * EACH && whole == count, "all of them are there, and whole");
}

static void test_lock(void)
{
    int ready[2], done[2];
    char byte;
    pid_t pid;

    fresh(1 << 20);
    if (pipe(ready) < 0 || pipe(done) < 0) {
        exit(1);
    }
    pid = fork();
    if (pid == 0) {
        byte = crm360_spool_lock(spool) == APR_SUCCESS ? '1' : '0';
        _exit(write(ready[1], &byte, 1) != 1 || read(done[0], &byte, 1) != 1);
    }
    ok(read(ready[0], &byte, 1) == 1 && byte == '1', "one process has the lock");
    is_number(crm360_spool_lock(spool), APR_EAGAIN, "another does not get it");
    ok(write(done[1], "x", 1) == 1 && waitpid(pid, NULL, 0) == pid, "the first one ends");
    is_number(crm360_spool_lock(spool), 0, "then it does");
    pid = fork();
    if (pid == 0) {
        pause();
    }
    crm360_spool_unlock(spool);
    ready[0] = fork();
    if (ready[0] == 0) {
        _exit(crm360_spool_lock(spool) != APR_SUCCESS);
    }
    waitpid(ready[0], ready, 0);
    is_number(ready[0], 0, "a child of its holder does not keep it");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void test_held_up(void)
{
    int file;
    apr_time_t began;

    fresh(1 << 20);
    is_number(put("A-1", 10), 0, "a message");
    file = open(path("usage"), O_RDWR);
    flock(file, LOCK_EX); /* as a process that was stopped at the worst moment */
    began = crm360_clock();
    is_number(put("B-1", 10), 0, "a writer does not wait for a stopped one for ever");
    ok(crm360_clock() - began < apr_time_from_sec(5), "it goes on soon");
    ok(exists("B-1.msg") && !exists(".new-B-1"), "and its message is there, uncounted");
    close(file);
    is_number(put("C-1", 10), 0, "then all is as before");
}

static void test_many(void)
{
    crm360_spool_walk_t *walk;
    apr_interval_time_t longest = 0;
    const char *name;
    char before[40] = "";
    int i, count = 0, sorted = 1, pieces = 0;
    apr_status_t rv;

    fresh(1 << 20);
    for (i = 0; i < MANY; i++) {
        /* In no order. */
        close(open(path(apr_psprintf(pool, "%06d.msg", (int)((i * 7919LL) % MANY))),
                   O_WRONLY | O_CREAT, 0660));
    }
    is_number(crm360_spool_walk(&walk, spool, pool), 0, "a walk through very many");
    for (;;) {
        apr_time_t began = crm360_clock();

        rv = crm360_spool_next(&name, walk, began + 500);
        longest = crm360_clock() - began > longest ? crm360_clock() - began : longest;
        if (rv == APR_TIMEUP) {
            pieces++;
            continue;
        }
        if (rv != APR_SUCCESS) {
            break;
        }
        sorted &= strcmp(before, name) < 0;
        apr_cpystrn(before, name, sizeof(before));
        count++;
    }
    is_number(rv, APR_EOF, "comes to an end");
    ok(count == MANY && sorted, "met all of them once, in order: %d", count);
    ok(pieces > 3, "in pieces: %d, the longest took %d us", pieces, (int)longest);
}

int main(void)
{
    static void (*const tests[])(void) = {test_fault,           test_round_trip, test_mail_copy,
                                          test_order_and_bound, test_trouble,    test_usage,
                                          test_settle,          test_broken,     test_strange,
                                          test_delay,           test_processes,  test_lock,
                                          test_held_up,         test_many};
    char folder[] = "/tmp/crm360-spool-XXXXXX";
    apr_pool_t *all;
    apr_size_t i;

    apr_initialize();
    apr_pool_create(&all, NULL);
    crm360_log_set(count_line, NULL, CRM360_LOG_INFO);
    if (!mkdtemp(folder)) {
        return 1;
    }
    place.folder = folder;
    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        apr_pool_create(&pool, all);
        tests[i]();
        apr_pool_destroy(pool);
    }
    pool = all;
    run(apr_psprintf(pool, "rm -rf %s", folder));
    apr_terminate();
    return tap_done();
}
