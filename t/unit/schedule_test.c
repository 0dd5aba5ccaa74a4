/* The master's schedule: turns, pauses, wake-ups while somebody works, next due time. */
#include <apr_general.h>

#include "consumer/schedule.h"
#include "t/unit/tap.h"

static const int all_idle[CRM360_LANES] = {1, 1, 1};

static void test_due(apr_pool_t *pool)
{
    const int most[] = {1, 1};
    consumer_schedule_t *s = consumer_schedule_make(2, most, pool);

    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 1000), -1, "nothing is due at first");
    ok(consumer_schedule_next(s, all_idle) == CONSUMER_NEVER, "and nothing will be");
    consumer_schedule_due(s, 1, CRM360_LANE_LIVE, 500);
    consumer_schedule_due(s, 1, CRM360_LANE_LIVE, 700);
    is_number(consumer_schedule_next(s, all_idle), 500, "the earlier of two times counts");
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 499), -1, "not before it is due");
    is_number(consumer_schedule_take(s, CRM360_LANE_SEND, 500), -1, "not in another lane");
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 500), 1, "on time");
    consumer_schedule_done(s, 1, CRM360_LANE_LIVE, 900);
    is_number(consumer_schedule_next(s, all_idle), 900, "a report says when it goes on");
    consumer_schedule_seen(s, 1, CRM360_LANE_LIVE, CONSUMER_NEVER);
    ok(consumer_schedule_next(s, all_idle) == CONSUMER_NEVER, "what was seen replaces it");
}

static void test_turns(apr_pool_t *pool)
{
    const int most[] = {1, 1, 1};
    consumer_schedule_t *s = consumer_schedule_make(3, most, pool);
    int seen[3] = {0};
    int i;

    for (i = 0; i < 3; i++) {
        consumer_schedule_due(s, i, CRM360_LANE_LIVE, 0);
    }
    /* Everybody always has more to do: nobody is taken twice before the others were. */
    for (i = 0; i < 30; i++) {
        int at = consumer_schedule_take(s, CRM360_LANE_LIVE, 1);

        seen[at]++;
        consumer_schedule_done(s, at, CRM360_LANE_LIVE, 0);
    }
    ok(seen[0] == 10 && seen[1] == 10 && seen[2] == 10, "databases take turns");
}

/* However many have a backlog, a fresh message elsewhere is next. */
static void test_fresh_first(apr_pool_t *pool)
{
    const int most[] = {1, 1, 1, 1, 1};
    consumer_schedule_t *s = consumer_schedule_make(5, most, pool);
    int fresh, i;

    for (fresh = 0; fresh < 5; fresh++) {
        for (i = 0; i < 20; i++) {
            int at, other;

            for (other = 0; other < 5; other++) {
                if (other != fresh) {
                    consumer_schedule_due(s, other, CRM360_LANE_LIVE, 0);
                }
            }
            at = consumer_schedule_take(s, CRM360_LANE_LIVE, 1);
            consumer_schedule_done(s, at, CRM360_LANE_LIVE, CONSUMER_NEVER);
        }
        consumer_schedule_due(s, fresh, CRM360_LANE_LIVE, 1);
        is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 1), fresh,
                  "four have a backlog, the fifth is next");
        consumer_schedule_done(s, fresh, CRM360_LANE_LIVE, CONSUMER_NEVER);
    }
}

static void test_one_writer(apr_pool_t *pool)
{
    const int most[] = {1};
    consumer_schedule_t *s = consumer_schedule_make(1, most, pool);

    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 0);
    consumer_schedule_due(s, 0, CRM360_LANE_BATCH, 0);
    is_number(consumer_schedule_take(s, CRM360_LANE_BATCH, 1), 0, "one worker takes the database");
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 1), -1, "a second one is not let in");
    ok(consumer_schedule_next(s, all_idle) == CONSUMER_NEVER,
       "no timer while it is taken: the report is the event");
    consumer_schedule_done(s, 0, CRM360_LANE_BATCH, CONSUMER_NEVER);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 1), 0,
              "then it is the other lane's turn");
}

static void test_wake_while_taken(apr_pool_t *pool)
{
    const int most[] = {2};
    consumer_schedule_t *s = consumer_schedule_make(1, most, pool);

    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 0);
    consumer_schedule_take(s, CRM360_LANE_LIVE, 1);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 1), -1,
              "no second worker without a sign of more");
    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 5);
    consumer_schedule_seen(s, 0, CRM360_LANE_LIVE, CONSUMER_NEVER);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 6), 0,
              "a wake-up brings a second worker, whatever an older look saw");
    consumer_schedule_done(s, 0, CRM360_LANE_LIVE, CONSUMER_NEVER);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 6), -1,
              "who has nothing to say is not sent again and again while the other works");
    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 7);
    consumer_schedule_done(s, 0, CRM360_LANE_LIVE, CONSUMER_NEVER);
    is_number(consumer_schedule_next(s, all_idle), 7, "a wake-up outlives the end of the work");
}

static void test_more_while_taken(apr_pool_t *pool)
{
    const int most[] = {2};
    consumer_schedule_t *s = consumer_schedule_make(1, most, pool);

    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 0);
    consumer_schedule_take(s, CRM360_LANE_LIVE, 1);
    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 1);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 1), 0,
              "the claim of the first one brings a second one");
    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 1);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 1), -1, "but no more than may");
    consumer_schedule_done(s, 0, CRM360_LANE_LIVE, CONSUMER_NEVER);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 1), 0, "until one is done");
    consumer_schedule_done(s, 0, CRM360_LANE_LIVE, CONSUMER_NEVER);
    consumer_schedule_seen(s, 0, CRM360_LANE_LIVE, 20);
    is_number(consumer_schedule_next(s, all_idle), 20,
              "what a look finds while somebody works is not forgotten");
}

static void test_hold(apr_pool_t *pool)
{
    const int most[] = {1};
    const int none[CRM360_LANES] = {0, 1, 1};
    consumer_schedule_t *s = consumer_schedule_make(1, most, pool);

    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 10);
    consumer_schedule_hold(s, 0, 100);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 50), -1, "a paused database rests");
    is_number(consumer_schedule_next(s, all_idle), 100, "until its pause ends");
    consumer_schedule_hold(s, 0, 0);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 50), 0, "which may be cut short");
    consumer_schedule_done(s, 0, CRM360_LANE_LIVE, 60);
    ok(consumer_schedule_next(s, none) == CONSUMER_NEVER,
       "no timer for a lane without idle worker");
}

static void test_probe(apr_pool_t *pool)
{
    const int most[] = {4};
    consumer_schedule_t *s = consumer_schedule_make(1, most, pool);

    consumer_schedule_hold(s, 0, 100);
    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 10);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 100), 0,
              "after a pause one worker tries");
    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 10);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 100), -1, "and the others wait for it");
    consumer_schedule_done(s, 0, CRM360_LANE_LIVE, 10);
    consumer_schedule_hold(s, 0, 0);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 100), 0, "it worked: one");
    consumer_schedule_due(s, 0, CRM360_LANE_LIVE, 10);
    is_number(consumer_schedule_take(s, CRM360_LANE_LIVE, 100), 0, "and another");
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
    apr_terminate();
    return tap_done();
}
