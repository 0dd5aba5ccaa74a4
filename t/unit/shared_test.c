/* An outage that several workers run into is said once, and its end once, whoever of them goes. */
#include <apr_general.h>

#include "consumer/shared.h"
#include "t/unit/tap.h"

#define MINUTE (60 * APR_USEC_PER_SEC)

int main(void)
{
    consumer_trouble_t trouble = {0, 0, 0};
    apr_time_t now = 5 * MINUTE;

    apr_initialize();
    ok(!consumer_trouble_ends(&trouble, 0, now), "nothing was wrong, and nothing is over");
    ok(consumer_trouble_begins(&trouble, now), "the first who fails says so");
    ok(!consumer_trouble_begins(&trouble, now + 1), "the second does not");
    ok(!consumer_trouble_ends(&trouble, 0, now + 2), "one for whom it works says nothing");
    ok(!consumer_trouble_begins(&trouble, now + 3), "and those who fail go on without a word");
    ok(consumer_trouble_ends(&trouble, 1, now + 4), "one of them succeeds: it is over");
    ok(!consumer_trouble_ends(&trouble, 1, now + 5), "which is not said twice");
    ok(consumer_trouble_begins(&trouble, now + 6), "another outage is another line");
    ok(!consumer_trouble_ends(&trouble, 0, now + MINUTE), "which is not over so soon");
    ok(consumer_trouble_ends(&trouble, 0, now + MINUTE + 6), "but when nobody fails for a minute");
    ok(consumer_trouble_begins(&trouble, now), "one fails");
    trouble.failed = 4194304 + 1; /* more than Linux has */
    ok(consumer_trouble_ends(&trouble, 0, now + 1), "and is gone: then any success is its end");
    is_number((long)(consumer_shared_size(3) - consumer_shared_size(0)),
              3 * (long)sizeof(consumer_trouble_t), "there is room for each database");
    apr_terminate();
    return tap_done();
}
