/*
 * The drain of the spool against a Redis that answers as the test wants: order, pauses, what is
 * left behind and what is not, and that a turn is short. The queue's push stands here, in the place
 * of the real one.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/config.h"
#include "core/log.h"
#include "core/spool.h"
#include "core/spool_drain.h"
#include "t/unit/tap.h"

static apr_pool_t *pool; /* of one test */
static crm360_spool_place_t place;
static crm360_spool_t *spool; /* to write into */
static crm360_spool_drain_t *drain;
static const char *lines; /* all that was logged, from info upward */

/* ---- the queue ---- */

static apr_status_t answers[2]; /* of acme/prod and of beta/shop */
static int answer_after;        /* so many succeed before */
static apr_interval_time_t answer_time;
static const char *pushed; /* ids in their order, with a blank behind each */
static int pushes;
static apr_interval_time_t left; /* of the delay of the last one */

apr_status_t crm360_queue_push(crm360_receipt_t *receipt, crm360_queue_t *queue,
                               const crm360_push_t *push, apr_pool_t *p)
{
    apr_status_t rv = answers[strcmp(push->customer, "beta") == 0];

    (void)queue;
    (void)p;
    memset(receipt, 0, sizeof(*receipt));
    receipt->detail = "as the test wants";
    pushes++;
    left = push->invisible_for;
    apr_sleep(answer_time);
    if (rv != APR_SUCCESS && answer_after-- <= 0) {
        return rv;
    }
    pushed = apr_pstrcat(pool, pushed, push->id, " ", NULL);
    return APR_SUCCESS;
}

static int spread; /* databases are on different servers */

int crm360_queue_is_spread(const crm360_queue_t *queue)
{
    (void)queue;
    return spread;
}

static apr_status_t ping; /* what it answers to everything else */

apr_status_t crm360_queue_now(apr_time_t *now, crm360_queue_t *queue, apr_pool_t *p)
{
    (void)queue;
    (void)p;
    *now = apr_time_now();
    return ping;
}

/* ---- tools ---- */

static crm360_durability_t wanted; /* of what is put */

static void keep_line(void *baton, crm360_log_level_t level, apr_status_t rv, const char *text)
{
    (void)baton;
    (void)level;
    (void)rv;
    lines = apr_pstrcat(pool, lines, text, "\n", NULL);
}

static int logged(const char *text)
{
    const char *at = lines;
    int count = 0;

    while ((at = strstr(at, text)) != NULL) {
        at += strlen(text);
        count++;
    }
    return count;
}

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

static void put(const char *customer, const char *database, const char *id,
                apr_interval_time_t delay)
{
    crm360_push_t push = {.customer = customer,
                          .database = database,
                          .id = id,
                          .message = "hello",
                          .message_len = 5,
                          .durability = wanted,
                          .invisible_for = delay};
    crm360_receipt_t receipt;

    if (crm360_spool_put(&receipt, spool, &push, crm360_clock(), pool) != APR_SUCCESS) {
        printf("Bail out! cannot put %s: %s\n", id, receipt.detail);
        exit(1);
    }
}

static int exists(const char *name)
{
    struct stat info;

    return lstat(path(name), &info) == 0;
}

static int messages(void)
{
    crm360_spool_walk_t *walk;
    const char *name;
    int count = 0;

    if (crm360_spool_walk(&walk, spool, pool) == APR_SUCCESS) {
        while (crm360_spool_next(&name, walk, 0) == APR_SUCCESS) {
            count++;
        }
    }
    return count;
}

static void fresh(void)
{
    crm360_config_t *config = crm360_config_make(pool);
    const char *fault;

    run(apr_psprintf(pool, "rm -rf %s; mkdir -m 2770 %s", place.folder, place.folder));
    place.most_bytes = 1 << 24;
    spool = crm360_spool_make(&place, NULL, pool);
    fault = crm360_directive_apply(crm360_directive_find("Crm360Spool"), config, CRM360_IN_SERVER,
                                   CRM360_READ_CONSUMER, apr_psprintf(pool, "%s 16M", place.folder),
                                   pool);
    if (fault) {
        printf("Bail out! %s\n", fault);
        exit(1);
    }
    drain = crm360_spool_drain_make(config, NULL, pool);
    answers[0] = answers[1] = ping = APR_SUCCESS;
    answer_after = pushes = 0;
    answer_time = 0;
    spread = 0;
    wanted = CRM360_IN_MEMORY;
    pushed = lines = "";
}

/* Takes turns as the master does, until nothing is due for `quiet`, or they are `most`. Returns how
 * many were taken. */
static int turns(int most, apr_interval_time_t quiet)
{
    int i;

    for (i = 0; i < most && crm360_spool_drain_next(drain, 1) <= crm360_clock() + quiet; i++) {
        apr_interval_time_t rest = crm360_spool_drain_next(drain, 1) - crm360_clock();

        if (rest > 0) {
            apr_sleep(rest);
        }
        crm360_spool_drain_turn(drain, crm360_clock(), 1);
    }
    return i;
}

/* The same until no message is left, for some seconds at most. */
static void turns_until_empty(void)
{
    apr_time_t until = crm360_clock() + apr_time_from_sec(10);

    while (messages() > 0 && crm360_clock() < until) {
        turns(1, apr_time_from_sec(10));
    }
    turns(5, 0);
}

/* ---- tests ---- */

static void test_none(void)
{
    drain = crm360_spool_drain_make(crm360_config_make(pool), NULL, pool);
    crm360_spool_drain_turn(drain, crm360_clock(), 1);
    ok(crm360_spool_drain_next(drain, 1) == CRM360_SPOOL_DRAIN_NEVER,
       "without a spool there is nothing to do");
}

static void test_order(void)
{
    fresh();
    put("acme", "prod", "3-c", 0);
    put("beta", "shop", "1-a", 0);
    put("acme", "prod", "2-b", apr_time_from_sec(60));
    crm360_spool_drain_turn(drain, crm360_clock(), 0);
    ok(pushes == 0 && crm360_spool_drain_next(drain, 0) == CRM360_SPOOL_DRAIN_NEVER,
       "while Redis is away nothing is tried");
    put("acme", "prod", "4-d", apr_time_from_sec(60));
    ok(turns(10, 0) > 0, "when it is back something is due at once");
    is_text(pushed, "1-a 2-b 3-c 4-d ", "all are carried, in their order");
    ok(left > apr_time_from_sec(50) && left <= apr_time_from_sec(60) + 2000, "with their delay");
    is_number(messages(), 0, "none is left");
    ok(logged("carrying spooled messages") == 1 && logged("carried 4 spooled") == 1,
       "the log says when it begins and when it ends");
    is_number(logged("CRM"), 0, "and nothing else");
    put("acme", "prod", "5-e", 0);
    turns_until_empty();
    is_text(pushed, "1-a 2-b 3-c 4-d 5-e ", "what comes later is found");
}

static void test_away(void)
{
    apr_time_t before;
    int i;

    fresh();
    for (i = 0; i < 5; i++) {
        put("acme", "prod", apr_psprintf(pool, "%d-x", i), 0);
    }
    answers[0] = CRM360_EAWAY;
    answer_after = 2;
    before = crm360_clock();
    turns(10, 0);
    is_text(pushed, "0-x 1-x ", "what Redis takes is carried");
    is_number(pushes, 3, "then it is not asked again and again");
    ok(crm360_spool_drain_next(drain, 1) > before + 100000 &&
           crm360_spool_drain_next(drain, 1) < crm360_clock() + apr_time_from_sec(2),
       "but after a pause");
    is_number(messages(), 3, "and what it did not take stays");
    answers[0] = CRM360_EREFUSED;
    turns(1, apr_time_from_sec(2));
    is_number(pushes, 4, "a refusal makes a pause too");
    answers[0] = APR_SUCCESS;
    turns_until_empty();
    is_text(pushed, "0-x 1-x 2-x 3-x 4-x ", "it goes on where it was, and leaves nothing out");
    is_number(logged("CRM"), 0, "the queue logs that Redis is away, not the drain");
}

/* An outage, however long, is nobody's fault; a message that alone gets no answer is left
 * behind. */
static void test_slow_message(void)
{
    fresh();
    put("acme", "prod", "0-x", 0);
    put("beta", "shop", "1-y", 0);
    answers[0] = CRM360_EAWAY;
    ping = CRM360_EAWAY;
    turns(9, apr_time_from_sec(2));
    is_number(pushes, 9, "it is tried all through an outage");
    is_number(logged("CRM0353"), 0, "and blamed for none");
    ping = APR_SUCCESS;
    turns(4, apr_time_from_sec(2));
    is_text(pushed, "1-y ", "a message that alone gets no answer holds up no other");
    is_number(logged("CRM0353"), 1, "which is said");
}

/* As crm360ctl does it: Redis counts as away after so many tries, not before, and a message that
 * was left counts for none. */
static void test_tries(void)
{
    int most = 0;
    int i;

    fresh();
    put("acme", "prod", "0-x", 0);
    put("acme", "prod", "1-x", 0);
    put("beta", "shop", "2-y", 0);
    answers[0] = CRM360_EAWAY;
    for (i = 0; i < 20 && !crm360_spool_drain_sum(drain).ended; i++) {
        turns(1, apr_time_from_sec(2));
        most = crm360_spool_drain_sum(drain).refused > most ? crm360_spool_drain_sum(drain).refused
                                                            : most;
    }
    ok(most > 0 && most < CRM360_SPOOL_DRAIN_TRIES, "two slow ones are not an outage: %d", most);
    is_text(pushed, "2-y ", "the other one is carried");
    is_number(crm360_spool_drain_sum(drain).refused, 0, "what was left does not count");
    is_number(crm360_spool_drain_sum(drain).held, 2, "but is known");
}

static void test_broken_database(void)
{
    int i;

    fresh();
    for (i = 0; i < 6; i++) {
        put("beta", "shop", apr_psprintf(pool, "%d-b", i), 0);
        put("acme", "prod", apr_psprintf(pool, "%d-a", i), 0);
    }
    answers[1] = CRM360_EPROTOCOL;
    turns(20, 0);
    is_text(pushed, "0-a 1-a 2-a 3-a 4-a 5-a ", "a database with broken keys holds up no other");
    is_number(pushes, 6 + 3, "after three of its messages the rest is not tried");
    is_number(messages(), 6, "they stay");
    is_number(logged("CRM0353"), 1, "which is logged once");
    ok(strstr(lines, "beta/shop") != NULL, "with its name");
    put("acme", "prod", "7-a", 0);
    turns(3, apr_time_from_sec(2));
    ok(strstr(pushed, "7-a") != NULL, "what comes later passes them too");
    is_number(logged("CRM0353"), 1, "and nothing is logged again");
    answers[1] = APR_SUCCESS;
    turns_until_empty();
    ok(strstr(pushed, "0-b 1-b 2-b 3-b 4-b 5-b ") != NULL, "when the keys are mended they go on");
    is_number(messages(), 0, "all of them");
    put("beta", "shop", "8-b", 0);
    answers[1] = CRM360_EPROTOCOL;
    turns(2, apr_time_from_sec(1));
    is_number(logged("CRM0353"), 2, "another time is another line");
}

static void test_unsafe(void)
{
    int i;

    fresh();
    for (i = 0; i < 5; i++) {
        put("beta", "shop", apr_psprintf(pool, "%d-b", i), 0);
    }
    answers[1] = CRM360_EUNSAFE;
    turns(5, 0);
    is_number(pushes, 5, "what Redis does not keep safe is tried message by message");
    is_number(messages(), 5, "and stays");
    is_number(logged("CRM0353"), 1, "which is logged once");
}

/* A node of a cluster is away: its databases wait, and those of others do not. */
static void test_node_away(void)
{
    int i;

    fresh();
    spread = 1;
    for (i = 0; i < 4; i++) {
        put("beta", "shop", apr_psprintf(pool, "%d-b", i), 0);
        put("acme", "prod", apr_psprintf(pool, "%d-a", i), 0);
    }
    answers[1] = CRM360_EAWAY;
    turns(20, 0);
    is_text(pushed, "0-a 1-a 2-a 3-a ", "the databases of other nodes are carried");
    is_number(pushes, 4 + 1, "its own is tried once a walk");
    is_number(messages(), 4, "and stays");
    is_number(logged("CRM"), 0, "which the queue logs, not the drain");
    ok(crm360_spool_drain_sum(drain).ended && crm360_spool_drain_sum(drain).postponed == 1,
       "who asks learns that Redis did not take it");
    for (i = 0; i < 8; i++) {
        turns(1, apr_time_from_sec(2));
    }
    ok(crm360_spool_drain_next(drain, 1) < crm360_clock() + apr_time_from_sec(2),
       "however long that lasts, the next try is near");
    answers[1] = APR_SUCCESS;
    turns_until_empty();
    is_number(messages(), 0, "all are carried when it is back");
}

/* No replica confirms: who demands none is not held up by who does. */
static void test_no_replica(void)
{
    int i;

    fresh();
    for (i = 0; i < 3; i++) {
        wanted = CRM360_ON_REPLICA;
        put("beta", "shop", apr_psprintf(pool, "%d-b", i), 0);
        wanted = CRM360_IN_MEMORY;
        put("acme", "prod", apr_psprintf(pool, "%d-a", i), 0);
    }
    answers[1] = CRM360_EUNSAFE;
    turns(20, 0);
    is_text(pushed, "0-a 1-a 2-a ", "what demands no replica is carried");
    is_number(pushes, 3 + 1, "what does is tried once a walk");
    is_number(messages(), 3, "and stays");
    answers[1] = APR_SUCCESS;
    turns_until_empty();
    is_number(messages(), 0, "until a replica confirms");
}

static void test_files(void)
{
    fresh();
    put("acme", "prod", "1-a", 0);
    put("acme", "prod", "3-c", 0);
    put("acme", "prod", "4-d", 0);
    close(open(path("2-b.msg"), O_WRONLY | O_CREAT, 0660));
    if (mkdir(path("0-z.msg"), 0700) < 0) {
        exit(1);
    }
    turns(10, 0);
    is_text(pushed, "1-a 3-c 4-d ", "files that are no messages hold up nothing");
    ok(exists("0-z.msg.bad") && exists("2-b.msg.bad"), "they are set aside");
    is_number(logged("CRM0351"), 2, "each with a line");
    ok(logged("2 files were set aside") == 1, "and counted at the end");
}

static void test_folder(void)
{
    fresh();
    put("acme", "prod", "1-a", 0);
    turns(5, 0);
    run(apr_psprintf(pool, "mv %s %s.gone", place.folder, place.folder));
    turns(4, apr_time_from_sec(2));
    is_number(logged("CRM0352"), 1, "a folder that is gone is logged once");
    run(apr_psprintf(pool, "mv %s.gone %s", place.folder, place.folder));
    put("acme", "prod", "2-b", 0);
    turns_until_empty();
    is_text(pushed, "1-a 2-b ", "when it is back the drain goes on");
    ok(logged("can be used again") == 1, "which is logged");
}

static void test_short_turns(void)
{
    apr_time_t began;
    int i, first;

    fresh();
    for (i = 0; i < 250; i++) {
        put("acme", "prod", apr_psprintf(pool, "%03d-x", i), 0);
    }
    crm360_spool_drain_turn(drain, crm360_clock(), 1);
    first = pushes;
    ok(first > 0 && first <= 100, "a turn carries some, not all: %d", first);
    answer_time = 5000;
    began = crm360_clock();
    crm360_spool_drain_turn(drain, began, 1);
    ok(pushes - first <= 5, "a slow Redis makes it fewer: %d", pushes - first);
    ok(crm360_spool_drain_next(drain, 1) <= crm360_clock(), "the next turn is due at once");
    answer_time = 0;
    turns(100, 0);
    is_number(pushes, 250, "in the end all are carried");
}

static void test_lock(void)
{
    int ready[2], done[2];
    char byte;
    pid_t pid;

    fresh();
    put("acme", "prod", "1-a", 0);
    if (pipe(ready) < 0 || pipe(done) < 0 || (pid = fork()) < 0) {
        exit(1);
    }
    if (pid == 0) {
        byte = crm360_spool_lock(spool) == APR_SUCCESS ? '1' : '0';
        _exit(write(ready[1], &byte, 1) != 1 || read(done[0], &byte, 1) != 1);
    }
    ok(read(ready[0], &byte, 1) == 1 && byte == '1', "another process has the lock");
    turns(3, 0);
    is_number(pushes, 0, "nothing is carried meanwhile");
    ok(crm360_spool_drain_sum(drain).locked_since > 0, "who asks learns since when");
    ok(write(done[1], "x", 1) == 1 && waitpid(pid, NULL, 0) == pid, "it ends");
    turns_until_empty();
    is_number(pushes, 1, "then it is");
    is_number(crm360_spool_drain_sum(drain).locked_since, 0, "and nobody else has it");
    is_number(logged("CRM"), 0, "and that is no trouble");
}

int main(void)
{
    static void (*const tests[])(void) = {
        test_none,        test_order,     test_away,       test_slow_message, test_broken_database,
        test_unsafe,      test_node_away, test_no_replica, test_files,        test_folder,
        test_short_turns, test_lock,      test_tries};
    char folder[] = "/tmp/crm360-drain-XXXXXX";
    apr_pool_t *all;
    apr_size_t i;

    apr_initialize();
    apr_pool_create(&all, NULL);
    crm360_log_set(keep_line, NULL, CRM360_LOG_INFO);
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
