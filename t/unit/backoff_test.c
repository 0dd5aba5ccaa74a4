/* Retry schedule and reconnect delays: bounds, and that they are spread. */
#include <apr_general.h>

#include "core/backoff.h"
#include "t/unit/tap.h"

int main(void)
{
    const apr_interval_time_t schedule[] = {1000, 60000};
    int first_low = 0, second_high = 0, bad = 0;
    int i;

    apr_initialize();
    is_number(crm360_backoff_next(schedule, 2, 3), -1, "a used-up schedule ends");
    is_number(crm360_backoff_next(schedule, 2, 0), -1, "no failure, no delay");
    for (i = 0; i < 1000; i++) {
        apr_interval_time_t one = crm360_backoff_next(schedule, 2, 1);
        apr_interval_time_t two = crm360_backoff_next(schedule, 2, 2);
        apr_interval_time_t away = crm360_backoff_reconnect(50, 100, 1000);

        bad += one < 1 || one > 1000 || two < 1 || two > 60000 || away < 750 || away > 1000;
        first_low += one < 500;
        second_high += two > 30000;
    }
    is_number(bad, 0, "all delays within their bounds");
    ok(first_low > 400 && first_low < 600, "the first step is spread (%d of 1000 low)", first_low);
    ok(second_high > 400 && second_high < 600, "the second too (%d high)", second_high);
    ok(crm360_backoff_reconnect(1, 100, 1000) <= 100, "reconnecting begins with the first delay");
    ok(crm360_backoff_reconnect(3, 100, 1000) >= 300, "and doubles");
    apr_terminate();
    return tap_done();
}
