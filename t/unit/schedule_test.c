/* The master's schedule: turns, pauses, wake-ups while somebody works, next due time. */
#include <apr_general.h>

#include <stdlib.h>
#include <string.h>

#include "consumer/schedule.h"
#include "t/unit/tap.h"

static const int all_idle[CRM360_LANES] = {1, 1, 1};
static const int one_share[CRM360_LANES] = {1, 1, 1};

static void test_due(apr_pool_t *pool)
{
    const int most[] = {1, 1};
    consumer_schedule_t *s = consumer_schedule_make(2, most, one_share, pool);

    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 400), -1,
              "nothing is due at first");
    ok(consumer_schedule_next(s, all_idle) == CONSUMER_NEVER, "and nothing will be");
    consumer_schedule_due(s, 1, CRM360_LANE_LIVE, 500);
    consumer_schedule_due(s, 1, CRM360_LANE_LIVE, 700);
    is_number(consumer_schedule_next(s, all_idle), 500, "the earlier of two times counts");
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 499), -1,
              "not before it is due");
    is_number(consumer_schedule_take(s, CRM360_LANE_SEND, CONSUMER_ANY_SHARE, 500), -1,
              "not in another lane");
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 500), 1, "on time");
    consumer_schedule_done(s, 1, CRM360_LANE_LIVE, 900);
    is_number(consumer_schedule_next(s, all_idle), 900, "a report says when it goes on");
    consumer_schedule_seen(s, 1, CRM360_LANE_LIVE, CONSUMER_NEVER);
    ok(consumer_schedule_next(s, all_idle) == CONSUMER_NEVER, "what was seen replaces it");
}

static void test_turns(apr_pool_t *pool)
{
    const int most[] = {1, 1, 1};
    consumer_schedule_t *s = consumer_schedule_make(3, most, one_share, pool);
    int seen[3] = {0};
    int i;

    for (i = 0; i < 3; i++) {
        consumer_schedule_due(s, i, CRM360_LANE_LIVE, 0);
    }
    /* Everybody always has more to do: nobody is taken twice before the others were. */
    for (i = 0; i < 30; i++) {
        int at = consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 1);

        seen[at]++;
        consumer_schedule_done(s, at, CRM360_LANE_LIVE, 0);
    }
    ok(seen[0] == 10 && seen[1] == 10 && seen[2] == 10, "databases take turns");
}

/* However many have a backlog, a fresh message elsewhere is next. */
static void test_fresh_first(apr_pool_t *pool)
{
    const int most[] = {1, 1, 1, 1, 1};
    consumer_schedule_t *s = consumer_schedule_make(5, most, one_share, pool);
    int fresh, i;

    for (fresh = 0; fresh < 5; fresh++) {
        for (i = 0; i < 20; i++) {
            int at, other;

            for (other = 0; other < 5; other++) {
                if (other != fresh) {
                    consumer_schedule_due(s, other, CRM360_LANE_LIVE, 0);
                }
            }
            at = consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 1);
            consumer_schedule_done(s, at, CRM360_LANE_LIVE, CONSUMER_NEVER);
        }
        consumer_schedule_due(s, fresh, CRM360_LANE_LIVE, 1);
        is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 1), fresh,
                  "four have a backlog, the fifth is next");
        consumer_schedule_done(s, fresh, CRM360_LANE_LIVE, CONSUMER_NEVER);
    }
}

static void test_one_writer(apr_pool_t *pool)
{
    const int most[] = {1};
    consumer_schedule_t *s = consumer_schedule_make(1, most, one_share, pool);

    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 0);
    consumer_schedule_due(s, 0, CRM360_LANE_BATCH, 0);
    is_number(consumer_schedule_take(s, CRM360_LANE_BATCH, CONSUMER_ANY_SHARE, 1), 0,
              "one worker takes the database");
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 1), -1,
              "a second one is not let in");
    ok(consumer_schedule_next(s, all_idle) == CONSUMER_NEVER,
       "no timer while it is taken: the report is the event");
    consumer_schedule_done(s, 0, CRM360_LANE_BATCH, CONSUMER_NEVER);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 1), 0,
              "then it is the other lane's turn");
}

static void test_wake_while_taken(apr_pool_t *pool)
{
    const int most[] = {2};
    consumer_schedule_t *s = consumer_schedule_make(1, most, one_share, pool);

    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 0);
    consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 1);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 1), -1,
              "no second worker without a sign of more");
    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 5);
    consumer_schedule_seen(s, 0, CRM360_LANE_LIVE, CONSUMER_NEVER);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 6), 0,
              "a wake-up brings a second worker, whatever an older look saw");
    consumer_schedule_done(s, 0, CRM360_LANE_LIVE, CONSUMER_NEVER);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 6), -1,
              "who has nothing to say is not sent again and again while the other works");
    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 7);
    consumer_schedule_done(s, 0, CRM360_LANE_LIVE, CONSUMER_NEVER);
    is_number(consumer_schedule_next(s, all_idle), 7, "a wake-up outlives the end of the work");
}

static void test_more_while_taken(apr_pool_t *pool)
{
    const int most[] = {2};
    consumer_schedule_t *s = consumer_schedule_make(1, most, one_share, pool);

    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 0);
    consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 1);
    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 1);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 1), 0,
              "the claim of the first one brings a second one");
    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 1);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 1), -1,
              "but no more than may");
    consumer_schedule_done(s, 0, CRM360_LANE_LIVE, CONSUMER_NEVER);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 1), 0,
              "until one is done");
    consumer_schedule_done(s, 0, CRM360_LANE_LIVE, CONSUMER_NEVER);
    consumer_schedule_seen(s, 0, CRM360_LANE_LIVE, 20);
    is_number(consumer_schedule_next(s, all_idle), 20,
              "what a look finds while somebody works is not forgotten");
}

static void test_hold(apr_pool_t *pool)
{
    const int most[] = {1};
    const int none[CRM360_LANES] = {0, 1, 1};
    consumer_schedule_t *s = consumer_schedule_make(1, most, one_share, pool);

    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 10);
    consumer_schedule_hold(s, 0, 100);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 50), -1,
              "a paused database rests");
    is_number(consumer_schedule_next(s, all_idle), 100, "until its pause ends");
    consumer_schedule_hold(s, 0, 0);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 50), 0,
              "which may be cut short");
    consumer_schedule_done(s, 0, CRM360_LANE_LIVE, 60);
    ok(consumer_schedule_next(s, none) == CONSUMER_NEVER,
       "no timer for a lane without idle worker");
}

static void test_probe(apr_pool_t *pool)
{
    const int most[] = {4};
    consumer_schedule_t *s = consumer_schedule_make(1, most, one_share, pool);

    consumer_schedule_hold(s, 0, 100);
    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 10);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 100), 0,
              "after a pause one worker tries");
    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 10);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 100), -1,
              "and the others wait for it");
    consumer_schedule_done(s, 0, CRM360_LANE_LIVE, 10);
    consumer_schedule_hold(s, 0, 0);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 100), 0,
              "it worked: one");
    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 10);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, 100), 0,
              "and another");
}

/* Each worker has his share, but nobody waits long for the one whose share he is in. */
static void test_shares(apr_pool_t *pool)
{
    const int most[] = {1, 1, 1, 1};
    const int two[CRM360_LANES] = {2, 2, 2};
    const apr_time_t soon = 1000;
    const apr_time_t late = soon + APR_USEC_PER_SEC;
    consumer_schedule_t *s = consumer_schedule_make(4, most, two, pool);
    int i;

    consumer_schedule_due(s, 1, CRM360_LANE_LIVE, soon);
    consumer_schedule_due(s, 3, CRM360_LANE_LIVE, soon);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 0, soon), -1, "nothing in his share");
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 1, soon), 1,
              "that of another goes to him");
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, soon), 3,
              "or to anybody, when he is busy");
    for (i = 0; i < 4; i++) {
        consumer_schedule_due(s, i, CRM360_LANE_LIVE, late);
    }
    consumer_schedule_done(s, 1, CRM360_LANE_LIVE, soon);
    consumer_schedule_done(s, 3, CRM360_LANE_LIVE, soon);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 0, late), 0, "his share comes first");
    consumer_schedule_done(s, 0, CRM360_LANE_LIVE, late);
    consumer_schedule_take(s, CRM360_LANE_LIVE, 0, late);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 0, late), 1,
              "but for one that has waited too long");
}

/* ---- against the same rules, done the slow way ---- */

enum { MANY = 40, STEPS = 20000 };

typedef struct slow_t {
    apr_time_t due, held;
    int most, taken, served;
} slow_t;

static int may(const slow_t *one)
{
    return one->taken < (one->held ? 1 : one->most);
}

static int slow_take(slow_t *all, apr_time_t now, int number)
{
    int best = -1;
    int i;

    for (i = 0; i < MANY; i++) {
        if (may(&all[i]) && all[i].due <= now && all[i].held <= now &&
            (best < 0 || all[i].served < all[best].served)) {
            best = i;
        }
    }
    if (best >= 0) {
        all[best].taken++;
        all[best].served = number;
        all[best].due = CONSUMER_NEVER;
    }
    return best;
}

static apr_time_t slow_next(const slow_t *all)
{
    apr_time_t next = CONSUMER_NEVER;
    int i;

    for (i = 0; i < MANY; i++) {
        apr_time_t at = all[i].due > all[i].held ? all[i].due : all[i].held;

        if (may(&all[i]) && all[i].due != CONSUMER_NEVER && at < next) {
            next = at;
        }
    }
    return next;
}

/* What is due is due, since when does not matter. */
static apr_time_t at_least(apr_time_t at, apr_time_t now)
{
    return at > now ? at : now;
}

/* Something happens to one of them. */
static void happen(consumer_schedule_t *s, slow_t *all, int which, apr_time_t at)
{
    slow_t *one = &all[which];

    switch (rand() % 4) {
    case 0:
        consumer_schedule_due(s, which, CRM360_LANE_LIVE, at);
        one->due = at < one->due ? at : one->due;
        break;
    case 1:
        consumer_schedule_seen(s, which, CRM360_LANE_LIVE, at);
        one->due = !one->taken || at < one->due ? at : one->due;
        break;
    case 2:
        one->held = rand() % 2 ? at : 0;
        consumer_schedule_hold(s, which, one->held);
        break;
    default:
        if (one->taken) {
            consumer_schedule_done(s, which, CRM360_LANE_LIVE, at);
            one->taken--;
            one->due = at < one->due ? at : one->due;
        }
    }
}

static void test_any_order(apr_pool_t *pool)
{
    const int shares[CRM360_LANES] = {3, 1, 2};
    slow_t all[MANY];
    int most[MANY];
    int step, i, wrong = 0, takes = 0;
    apr_time_t now = 0;
    consumer_schedule_t *s;

    memset(all, 0, sizeof all);
    for (i = 0; i < MANY; i++) {
        all[i].most = most[i] = 1 + i % 3;
        all[i].due = CONSUMER_NEVER;
    }
    s = consumer_schedule_make(MANY, most, shares, pool);
    srand(1);
    for (step = 0; step < STEPS; step++) {
        now += rand() % 3;
        happen(s, all, rand() % MANY, now + rand() % 50);
        if (rand() % 2) {
            int expected = slow_take(all, now, step + 1);

            takes += expected >= 0;
            wrong +=
                consumer_schedule_take(s, CRM360_LANE_LIVE, CONSUMER_ANY_SHARE, now) != expected;
        }
        wrong +=
            at_least(consumer_schedule_next(s, all_idle), now) != at_least(slow_next(all), now);
    }
    ok(takes > STEPS / 10, "many were taken");
    is_number(wrong, 0, "whose turn it is, and when the next one is due, whatever happens");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    test_due(pool);
    test_turns(pool);
    test_fresh_first(pool);
    test_one_writer(pool);
    test_wake_while_taken(pool);
    test_more_while_taken(pool);
    test_hold(pool);
    test_probe(pool);
    test_shares(pool);
    test_any_order(pool);
    apr_terminate();
    return tap_done();
}
