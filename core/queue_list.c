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

/* The ranks of a part: from one on, to before another, without a gap; that of most is empty, and at
 * the end. */
typedef struct part_t {
    apr_int64_t from, to;
    apr_int64_t gap_at, gap_to;
} part_t;

static apr_status_t find_part(part_t *part, crm360_queue_t *queue, const crm360_list_t *list,
                              apr_pool_t *pool)
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
    part->from = list->part == CRM360_LIST_LATER    ? come
                 : list->part == CRM360_LIST_PARKED ? unparked
                                                    : 0;
    part->to = list->part == CRM360_LIST_COME    ? come
               : list->part == CRM360_LIST_LATER ? unparked
                                                 : size;
    part->gap_at = part->gap_to = part->to;
    if (list->part == CRM360_LIST_HELD && come < unparked) {
        part->gap_at = come;
        part->gap_to = unparked;
    }
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

static apr_int64_t smaller(apr_int64_t a, apr_int64_t b)
{
    return a < b ? a : b;
}

/* Puts what lies at the ranks from `first` to before `end` behind what is on the page. */
static apr_status_t add_ranks(crm360_page_t *page, crm360_queue_t *queue, const char *key,
                              apr_int64_t first, apr_int64_t end, apr_pool_t *pool)
{
    queue_pipeline_t *one = queue_pipeline_make(1, 5, pool);
    crm360_page_t more = {.count = 0};
    crm360_entry_t *entries;
    const char *detail;
    apr_status_t rv;

    if (first >= end) {
        return APR_SUCCESS;
    }
    crm360_command_add(&one->commands[0], "ZRANGE");
    crm360_command_add(&one->commands[0], key);
    crm360_command_add_number(&one->commands[0], first, pool);
    crm360_command_add_number(&one->commands[0], end - 1, pool);
    crm360_command_add(&one->commands[0], "WITHSCORES");
    rv = queue_pipeline_look(&detail, queue, one, pool);
    if (rv == APR_SUCCESS && one->replies[0]->type == CRM360_REPLY_ARRAY) {
        rv = queue_read_page(&more, one->replies[0], pool);
    }
    if (rv == APR_SUCCESS && more.count > 0) {
        entries = apr_palloc(pool, (apr_size_t)(page->count + more.count) * sizeof *entries);
        if (page->count > 0) {
            memcpy(entries, page->entries, (apr_size_t)page->count * sizeof *entries);
        }
        memcpy(entries + page->count, more.entries, (apr_size_t)more.count * sizeof *entries);
        page->entries = entries;
        page->count += more.count;
    }
    return rv;
}

apr_status_t crm360_queue_list(crm360_page_t *page, apr_int64_t *total, crm360_queue_t *queue,
                               const crm360_list_t *list, apr_pool_t *pool)
{
    apr_int64_t first, last, gap;
    part_t part = {.from = 0};
    apr_status_t rv = find_part(&part, queue, list, pool);

    memset(page, 0, sizeof *page);
    gap = part.gap_to - part.gap_at;
    part.to -= gap;
    *total = part.to > part.from ? part.to - part.from : 0;
    if (rv != APR_SUCCESS || list->first < 0 || list->first >= *total) {
        return rv;
    }
    first = part.from + list->first;
    last = smaller(first + list->most, part.to);
    if (list->newest_first) {
        last = part.to - list->first;
        first = last - list->most > part.from ? last - list->most : part.from;
    }
    rv = add_ranks(page, queue, list->key, first, smaller(last, part.gap_at), pool);
    if (rv == APR_SUCCESS) {
        first = first > part.gap_at ? first : part.gap_at;
        rv = add_ranks(page, queue, list->key, first + gap, last + gap, pool);
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
