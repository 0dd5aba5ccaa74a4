/* Looking for an id in all databases. Must never hold Redis up, however many there are. */
#include "core/queue_find.h"

#include <apr_strings.h>

#include "core/queue_private.h"

#define DATABASES_MOST 200 /* in one go */

/* What is asked of each: its lanes, its dead letters, the stored message. */
enum { DEAD = CRM360_LANES, STORED, EACH };

static apr_status_t find_some(int *has, const char **detail, crm360_queue_t *queue,
                              const crm360_keys_t *const *keys, int count, const char *id,
                              apr_pool_t *pool)
{
    queue_pipeline_t *all = queue_pipeline_make(count * EACH, 3, pool);
    apr_status_t rv;
    int i, what;

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
    rv = queue_pipeline_run(detail, queue, all, pool);
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        crm360_reply_t *const *replies = all->replies + i * EACH;

        has[i] = replies[STORED]->type == CRM360_REPLY_NUMBER && replies[STORED]->number > 0;
        for (what = 0; what <= DEAD; what++) {
            has[i] |= replies[what]->type == CRM360_REPLY_STRING;
        }
    }
    return rv;
}

apr_status_t crm360_queue_find(int *has, const char **detail, crm360_queue_t *queue,
                               const crm360_keys_t *const *keys, int count, const char *id,
                               apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    apr_pool_t *turn;
    const char *why = "";
    int first, some;

    apr_pool_create(&turn, pool);
    apr_pool_tag(turn, "crm360_find");
    for (first = 0; first < count && rv == APR_SUCCESS; first += some) {
        some = count - first < DATABASES_MOST ? count - first : DATABASES_MOST;
        apr_pool_clear(turn);
        rv = find_some(has + first, &why, queue, keys + first, some, id, turn);
    }
    *detail = apr_pstrdup(pool, why);
    apr_pool_destroy(turn);
    return rv;
}
