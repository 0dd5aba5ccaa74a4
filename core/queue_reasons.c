/* Grouping why messages failed. A reason may hold anything that a webhook says: it is hostile. */
#include "core/queue_reasons.h"

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "core/charset.h"
#include "core/queue_list.h"
#include "core/queue_private.h"

#define ULID_LEN 26
/* So many hexadecimal digits and more are an id. */
#define HEX_LEAST 16

struct crm360_reasons_t {
    apr_hash_t *by_text; /* crm360_reason_t */
    int count;
    apr_pool_t *pool;
};

/* ---- the shape of a reason ---- */

typedef struct shape_t {
    const char *at; /* what is read */
    const char *begin;
    char *to; /* what is written */
    const char *end;
} shape_t;

static void put(shape_t *shape, const char *text, apr_size_t len)
{
    len = len < (apr_size_t)(shape->end - shape->to) ? len : (apr_size_t)(shape->end - shape->to);
    memcpy(shape->to, text, len);
    shape->to += len;
}

static int is_word(char c)
{
    return apr_isalnum(c) || (c && strchr("._@+-", c)) || (unsigned char)c >= 0x80;
}

/* The end of what is quoted at `at`, behind its last quote; NULL when it is no quote. An apostrophe
 * within a word is none. */
static const char *quoted_end(const shape_t *shape)
{
    char quote = *shape->at;
    const char *end = shape->at + 1;

    if ((quote != '"' && quote != '\'') ||
        (quote == '\'' && shape->at > shape->begin && apr_isalnum(shape->at[-1]))) {
        return NULL;
    }
    do {
        end = strchr(end, quote);
        end = end ? end + 1 : NULL;
    } while (end && quote == '\'' && apr_isalnum(*end));
    return end;
}

static int is_id(const char *word, apr_size_t len)
{
    apr_size_t hex = 0, digits = 0, capitals = 0;

    while (hex < len && (apr_isxdigit(word[hex]) || word[hex] == '-')) {
        digits += (apr_size_t)(apr_isdigit(word[hex]) != 0);
        hex++;
    }
    if (hex == len && len >= HEX_LEAST && digits > 0) {
        return 1;
    }
    while (capitals < len && (apr_isdigit(word[capitals]) || apr_isupper(word[capitals]))) {
        capitals++;
    }
    return capitals == ULID_LEN && apr_isdigit(*word);
}

static int is_address(const char *word, apr_size_t len)
{
    const char *at = memchr(word, '@', len);

    return at && at > word && at + 1 < word + len;
}

/* Whether what stands before says that a number is the name of a status. */
static int is_status(const shape_t *shape, apr_size_t len)
{
    static const char *const before[] = {"HTTP ", "status ", "SMTP ", "answered ", "code "};
    apr_size_t i;

    for (i = 0; i < sizeof(before) / sizeof(*before); i++) {
        apr_size_t most = strlen(before[i]);

        if (len == 3 && (apr_size_t)(shape->at - shape->begin) >= most &&
            strncmp(shape->at - most, before[i], most) == 0) {
            return 1;
        }
    }
    return 0;
}

/* A word as it is, but for its digits. */
static void put_word(shape_t *shape, apr_size_t len)
{
    const char *end = shape->at + len;

    while (shape->at < end) {
        const char *from = shape->at;

        while (shape->at < end && !apr_isdigit(*shape->at)) {
            shape->at++;
        }
        put(shape, from, (apr_size_t)(shape->at - from));
        for (from = shape->at; shape->at < end && apr_isdigit(*shape->at); shape->at++) {
        }
        if (shape->at > from) {
            put(shape, "N", 1);
        }
    }
}

static void shape_word(shape_t *shape)
{
    apr_size_t len = 0;

    while (is_word(shape->at[len])) {
        len++;
    }
    if (is_address(shape->at, len)) {
        put(shape, "<address>", 9);
    }
    else if (is_id(shape->at, len)) {
        put(shape, "<id>", 4);
    }
    else if (strspn(shape->at, "0123456789") == len && is_status(shape, len)) {
        put(shape, shape->at, len);
    }
    else {
        put_word(shape, len);
        return;
    }
    shape->at += len;
}

const char *crm360_reason_shape(const char *reason, apr_pool_t *pool)
{
    apr_size_t len;
    shape_t shape;
    char *text = apr_palloc(pool, CRM360_REASON_MOST + 1);

    /* A copy, so that it ends with NUL whatever it was made of. */
    shape.begin = crm360_utf8_clean(&len, reason, strlen(reason), pool);
    shape.begin = shape.at = apr_pstrmemdup(pool, shape.begin, len);
    shape.to = text;
    shape.end = text + CRM360_REASON_MOST;
    while (*shape.at && shape.to < shape.end) {
        const char *end = quoted_end(&shape);

        if (end) {
            put(&shape, "\"...\"", 5);
            shape.at = end;
        }
        else if (is_word(*shape.at)) {
            shape_word(&shape);
        }
        else {
            /* Lines and other controls would tear a table apart. */
            put(&shape, apr_iscntrl(*shape.at) ? " " : shape.at, 1);
            shape.at++;
        }
    }
    *shape.to = '\0';
    /* It may have been cut within a character. */
    shape.begin = crm360_utf8_clean(&len, text, strlen(text), pool);
    return apr_pstrmemdup(pool, shape.begin, len);
}

/* ---- groups ---- */

crm360_reasons_t *crm360_reasons_make(apr_pool_t *pool)
{
    crm360_reasons_t *reasons = apr_pcalloc(pool, sizeof *reasons);

    reasons->by_text = apr_hash_make(pool);
    reasons->pool = pool;
    return reasons;
}

void crm360_reasons_add(crm360_reasons_t *reasons, const char *reason, int is_dead,
                        const char *database, const char *id)
{
    const char *text = crm360_reason_shape(reason, reasons->pool);
    crm360_reason_t *group = apr_hash_get(reasons->by_text, text, APR_HASH_KEY_STRING);

    if (!group) {
        group = apr_pcalloc(reasons->pool, sizeof *group);
        group->text = text;
        group->database = database;
        group->id = id;
        apr_hash_set(reasons->by_text, text, APR_HASH_KEY_STRING, group);
    }
    group->dead += is_dead;
    group->retried += !is_dead;
    reasons->count++;
}

int crm360_reasons_count(const crm360_reasons_t *reasons)
{
    return reasons->count;
}

static int larger_first(const void *a, const void *b)
{
    const crm360_reason_t *one = a, *two = b;
    int difference = two->dead + two->retried - one->dead - one->retried;

    return difference ? difference : strcmp(one->text, two->text);
}

const apr_array_header_t *crm360_reasons_list(const crm360_reasons_t *reasons)
{
    apr_array_header_t *list = apr_array_make(reasons->pool, 8, sizeof(crm360_reason_t));
    apr_hash_index_t *at;

    for (at = apr_hash_first(reasons->pool, reasons->by_text); at; at = apr_hash_next(at)) {
        APR_ARRAY_PUSH(list, crm360_reason_t) = *(crm360_reason_t *)apr_hash_this_val(at);
    }
    if (list->nelts > 1) {
        qsort(list->elts, (size_t)list->nelts, sizeof(crm360_reason_t), larger_first);
    }
    return list;
}

/* ---- from Redis ---- */

/* Adds a page of ids by their records; one without is no failure unless it is dead. */
static apr_status_t add_page(crm360_reasons_t *reasons, crm360_queue_t *queue,
                             const crm360_keys_t *keys, const crm360_page_t *page, int is_dead,
                             apr_pool_t *pool)
{
    queue_pipeline_t *one = queue_pipeline_make(1, 2 + page->count, pool);
    crm360_command_t *command = &one->commands[0];
    const crm360_reply_t *reply;
    const char *detail;
    apr_status_t rv;
    int i;

    crm360_command_add(command, "HMGET");
    crm360_command_add(command, keys->failures);
    for (i = 0; i < page->count; i++) {
        crm360_command_add(command, page->entries[i].id);
    }
    rv = page->count > 0 ? queue_pipeline_look(&detail, queue, one, pool) : APR_SUCCESS;
    reply = one->replies[0];
    if (rv != APR_SUCCESS || page->count == 0 || reply->type != CRM360_REPLY_ARRAY ||
        reply->count != (apr_size_t)page->count) {
        return rv;
    }
    for (i = 0; i < page->count; i++) {
        crm360_failure_t failure;

        queue_read_failure(&failure, page->entries[i].id, &reply->items[i], pool);
        if (is_dead || *failure.reason) {
            crm360_reasons_add(reasons, *failure.reason ? failure.reason : "no reason is noted",
                               is_dead, keys->name, page->entries[i].id);
        }
    }
    return rv;
}

apr_status_t crm360_queue_reasons(crm360_reasons_t *reasons, crm360_queue_t *queue,
                                  const crm360_keys_t *keys, int most, int most_retried,
                                  apr_time_t now, apr_pool_t *pool)
{
    crm360_list_t list = {.key = keys->dead, .now = now, .newest_first = 1, .most = most};
    crm360_page_t page;
    apr_int64_t total;
    apr_status_t rv = crm360_queue_list(&page, &total, queue, &list, pool);
    int i;

    if (rv == APR_SUCCESS) {
        rv = add_page(reasons, queue, keys, &page, 1, pool);
    }
    list.part = CRM360_LIST_LATER;
    list.newest_first = 0;
    list.most = most_retried;
    for (i = 0; i < CRM360_LANES && rv == APR_SUCCESS; i++) {
        list.key = keys->lane[i];
        rv = crm360_queue_list(&page, &total, queue, &list, pool);
        if (rv == APR_SUCCESS) {
            rv = add_page(reasons, queue, keys, &page, 0, pool);
        }
    }
    return rv;
}
