/* Pages by state: where a part begins and ends is counted, and the page is read by its ranks. */
#include "core/queue_list.h"

#include <apr_strings.h>

#include <string.h>

#include "core/queue_private.h"

/* What is counted first. */
enum { SIZE, COME, UNPARKED, COUNTS };

static void add_count(crm360_command_t *command, const char *key, const char *to)
{
    crm360_command_add(command, "ZCOUNT");
    crm360_command_add(command, key);
    crm360_command_add(command, "-inf");
    crm360_command_add(command, to);
}

static apr_int64_t number_of(const crm360_reply_t *reply)
{
    return reply->type == CRM360_REPLY_NUMBER ? reply->number : 0;
}

/* Ranks at which the part begins, and ends before. */
static apr_status_t find_part(apr_int64_t *from, apr_int64_t *to, crm360_queue_t *queue,
                              const crm360_list_t *list, apr_pool_t *pool)
{
    queue_pipeline_t *all = queue_pipeline_make(COUNTS, 4, pool);
    apr_int64_t size, come, unparked;
    const char *detail;
    apr_status_t rv;

    crm360_command_add(&all->commands[SIZE], "ZCARD");
    crm360_command_add(&all->commands[SIZE], list->key);
    add_count(&all->commands[COME], list->key,
              apr_psprintf(pool, "%" APR_TIME_T_FMT, apr_time_as_msec(list->now)));
    add_count(&all->commands[UNPARKED], list->key,
              apr_psprintf(pool, "(%" APR_INT64_T_FMT, QUEUE_PARKED_MS));
    rv = queue_pipeline_look(&detail, queue, all, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    size = number_of(all->replies[SIZE]);
    come = number_of(all->replies[COME]);
    unparked = number_of(all->replies[UNPARKED]);
    *from = list->part == CRM360_LIST_LATER    ? come
            : list->part == CRM360_LIST_PARKED ? unparked
                                               : 0;
    *to = list->part == CRM360_LIST_COME ? come : list->part == CRM360_LIST_LATER ? unparked : size;
    return APR_SUCCESS;
}

static void turn_round(crm360_page_t *page)
{
    crm360_entry_t *entries = (crm360_entry_t *)page->entries;
    int i;

    for (i = 0; i < page->count / 2; i++) {
        crm360_entry_t entry = entries[i];

        entries[i] = entries[page->count - 1 - i];
        entries[page->count - 1 - i] = entry;
    }
}

apr_status_t crm360_queue_list(crm360_page_t *page, apr_int64_t *total, crm360_queue_t *queue,
                               const crm360_list_t *list, apr_pool_t *pool)
{
    queue_pipeline_t *one = queue_pipeline_make(1, 5, pool);
    apr_int64_t from = 0, to = 0, first, last;
    const char *detail;
    apr_status_t rv = find_part(&from, &to, queue, list, pool);

    memset(page, 0, sizeof *page);
    *total = to > from ? to - from : 0;
    if (rv != APR_SUCCESS || list->first < 0 || list->first >= *total) {
        return rv;
    }
    first = from + list->first;
    last = first + list->most < to ? first + list->most : to;
    if (list->newest_first) {
        last = to - list->first;
        first = last - list->most > from ? last - list->most : from;
    }
    crm360_command_add(&one->commands[0], "ZRANGE");
    crm360_command_add(&one->commands[0], list->key);
    crm360_command_add_number(&one->commands[0], first, pool);
    crm360_command_add_number(&one->commands[0], last - 1, pool);
    crm360_command_add(&one->commands[0], "WITHSCORES");
    rv = queue_pipeline_look(&detail, queue, one, pool);
    if (rv == APR_SUCCESS && one->replies[0]->type == CRM360_REPLY_ARRAY) {
        rv = queue_read_page(page, one->replies[0], pool);
    }
    if (list->newest_first) {
        turn_round(page);
    }
    return rv;
}

apr_status_t crm360_queue_peek(const char **data, apr_size_t *len, crm360_queue_t *queue,
                               const crm360_keys_t *keys, const char *id, apr_size_t most,
                               apr_pool_t *pool)
{
    queue_pipeline_t *one = queue_pipeline_make(1, 4, pool);
    const char *detail;
    apr_status_t rv;

    *data = "";
    *len = 0;
    crm360_command_add(&one->commands[0], "GETRANGE");
    crm360_command_add(&one->commands[0], crm360_keys_message(keys, id, pool));
    crm360_command_add(&one->commands[0], "0");
    crm360_command_add_number(&one->commands[0], (apr_int64_t)most - 1, pool);
    rv = queue_pipeline_look(&detail, queue, one, pool);
    if (rv == APR_SUCCESS && one->replies[0]->type == CRM360_REPLY_STRING &&
        one->replies[0]->len <= most) {
        *data = one->replies[0]->text;
        *len = one->replies[0]->len;
    }
    return rv;
}
