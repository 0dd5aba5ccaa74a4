/* Looking for an id in all databases. Must never hold Redis up, however many there are. */
#include "core/queue_find.h"

#include <apr_strings.h>

#include "core/queue_private.h"

#define DATABASES_MOST 200 /* in one go */

/* What is asked of each: its lanes, its dead letters, the stored message. */
enum { DEAD = CRM360_LANES, STORED, EACH };

/* What the replies of one database say: all are of one node. */
static int read_one(crm360_reply_t *const *replies)
{
    int what, has = 0;

    for (what = 0; what < EACH; what++) {
        if (!replies[what]) {
            return -1;
        }
        has |= what == STORED
                   ? replies[what]->type == CRM360_REPLY_NUMBER && replies[what]->number > 0
                   : replies[what]->type == CRM360_REPLY_STRING;
    }
    return has;
}

static apr_status_t find_some(int *has, const char **detail, crm360_queue_t *queue,
                              const crm360_keys_t *const *keys, int count, const char *id,
                              apr_pool_t *pool)
{
    queue_pipeline_t *all = queue_pipeline_make(count * EACH, 3, pool);
    apr_status_t rv;
    int i, what, missing;

    for (i = 0; i < count; i++) {
        crm360_command_t *each = all->commands + i * EACH;

        for (what = 0; what <= DEAD; what++) {
            crm360_command_add(&each[what], "ZSCORE");
            crm360_command_add(&each[what], what == DEAD ? keys[i]->dead : keys[i]->lane[what]);
            crm360_command_add(&each[what], id);
        }
        crm360_command_add(&each[STORED], "STRLEN");
        crm360_command_add(&each[STORED], crm360_keys_message(keys[i], id, pool));
    }
    rv = queue_pipeline_run_some(&missing, detail, queue, all, pool);
    for (i = 0; i < count; i++) {
        has[i] = rv == APR_SUCCESS ? read_one(all->replies + i * EACH) : -1;
    }
    return rv;
}

apr_status_t crm360_queue_find(int *has, const char **detail, crm360_queue_t *queue,
                               const crm360_keys_t *const *keys, int count, const char *id,
                               apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    apr_pool_t *turn;
    const char *why = "", *last = "";
    int first, some, asked = 0;

    apr_pool_create(&turn, pool);
    apr_pool_tag(turn, "crm360_find");
    for (first = 0; first < count; first += some) {
        some = count - first < DATABASES_MOST ? count - first : DATABASES_MOST;
        apr_pool_clear(turn);
        rv = find_some(has + first, &last, queue, keys + first, some, id, turn);
        asked |= rv == APR_SUCCESS;
        why = *last ? apr_pstrdup(pool, last) : why;
        if (rv != APR_SUCCESS && !crm360_queue_is_spread(queue)) {
            asked = 0;
            break;
        }
    }
    *detail = why;
    apr_pool_destroy(turn);
    return asked ? APR_SUCCESS : rv;
}
