/* Goods, products, purchases, cases and interests: any order of what is told gives the same rows. */
#include "crm/case.h"

#include "crm/db_private.h"
#include "crm/good.h"
#include "crm/interest.h"
#include "crm/person.h"
#include "crm/purchase.h"
#include "t/unit/order_tools.h"

#define SOURCE 12

/* ---- statements that are made for the call ---- */

static apr_status_t category(apr_pool_t *p)
{
    int id;

    return crm_good_category(&id, db, SOURCE, 0, "Shoes", p);
}

static void statements(void)
{
    static const char count[] = "SELECT COUNT(*) FROM pg_prepared_statements";
    static const crm_db_statement_t prepared = {.label = "test_prepared", .sql = count};
    apr_int64_t before = 0, after;
    crm_db_rows_t rows;
    int i, fine = 1;

    empty();
    for (i = 0; i < 400; i++) {
        if (run_alone(category) != APR_SUCCESS) {
            fine = 0;
            printf("# %s\n", crm_db_error(db));
        }
        if (i == 100 || i == 399) {
            if (tools_pgsql()) {
                fine &= crm_db_select(&rows, db, &prepared, NULL, 0, pool) == APR_SUCCESS;
                after = crm_db_number(&rows, 0, 0);
            }
            else {
                after = sqlite3_memory_used() / 1000;
            }
            before = i == 100 ? after : before;
        }
    }
    ok(fine, "400 times the same category");
    ok(after <= before + 2, "is not prepared again each time: %d, then %d", (int)before,
       (int)after);
}

int main(void)
{
    start();
    statements();
    return tap_done();
}
