/*
 * Fuzz target: a stored message, as any bytes that might stand in Redis.
 *
 * Nothing past the input is read; a refusal says why; what is accepted has its body inside of the
 * input, is written again and read back as the same, and so are its elements. The input is also
 * read with the Content-Length that its body has, which bytes at random hardly ever say.
 */
#include "t/fuzz/fuzz.h"

#include <apr_cstr.h>
#include <apr_strings.h>

#include <string.h>

#include "core/message_element.h"

static int same_tables(const apr_table_t *one, const apr_table_t *other)
{
    const apr_array_header_t *left = apr_table_elts(one), *right = apr_table_elts(other);
    int i;

    if (left->nelts != right->nelts) {
        return 0;
    }
    for (i = 0; i < left->nelts; i++) {
        const apr_table_entry_t *a = &APR_ARRAY_IDX(left, i, apr_table_entry_t);
        const apr_table_entry_t *b = &APR_ARRAY_IDX(right, i, apr_table_entry_t);

        if (strcmp(a->key, b->key) != 0 || strcmp(a->val, b->val) != 0) {
            return 0;
        }
    }
    return 1;
}

static int same_message(const crm360_message_t *one, const crm360_message_t *other)
{
    return fuzz_same(one->customer, other->customer) && fuzz_same(one->database, other->database) &&
           one->received == other->received && one->route == other->route &&
           one->source_id == other->source_id && one->zone_id == other->zone_id &&
           one->brand_id == other->brand_id &&
           one->contact_address_type_id == other->contact_address_type_id &&
           one->batch_mode == other->batch_mode && fuzz_same(one->peer, other->peer) &&
           fuzz_same(one->origin, other->origin) && fuzz_same(one->trace, other->trace) &&
           fuzz_same(one->method, other->method) && fuzz_same(one->target, other->target) &&
           fuzz_same(one->host, other->host);
}

static int same_body(const crm360_message_t *message, const char *body, apr_size_t len)
{
    return message->body_len == len && memcmp(message->body, body, len) == 0;
}

/* Written and read again. Writing drops what a message must not hold, so that the first time may
 * make it smaller. */
static crm360_message_t *write_and_read(const crm360_message_t *message, apr_pool_t *pool)
{
    crm360_message_t *read;
    const char *head, *why = "";
    apr_size_t len;
    char *data;

    crm360_message_head(&head, &len, message, pool);
    data = apr_palloc(pool, len + message->body_len);
    memcpy(data, head, len);
    memcpy(data + len, message->body, message->body_len);
    expect(crm360_message_parse(&read, &why, data, len + message->body_len, pool) == APR_SUCCESS,
           apr_pstrcat(pool, why, "\n", head, NULL));
    expect(same_body(read, message->body, message->body_len), head);
    return read;
}

static void check_elements(const crm360_message_t *message, const char *data, apr_pool_t *pool)
{
    crm360_element_head_t head;
    crm360_message_t *read;
    const char *stored, *why = "";
    apr_size_t len;

    if (strlen(message->id) + sizeof(".2147483647") > CRM360_ID_MOST) {
        return;
    }
    crm360_element_head(&head, message, data, NULL, pool);
    stored = crm360_element_message(&len, &head, 2147483647, "[1]\0", 4, pool);
    expect(crm360_message_parse(&read, &why, apr_pmemdup(pool, stored, len), len, pool) ==
               APR_SUCCESS,
           why);
    expect(same_message(message, read) && same_body(read, "[1]\0", 4), stored);
    expect(same_tables(message->headers, read->headers), stored);
    expect(fuzz_same(read->id, crm360_element_id(message->id, 2147483647, pool)), read->id);
    expect(crm360_message_is_element(read), read->id);
    expect(!read->email && !read->dedup, stored);
}

static void check(const char *data, apr_size_t len, apr_pool_t *pool)
{
    crm360_message_t *message, *again, *third;
    const char *why = NULL;

    if (crm360_message_parse(&message, &why, data, len, pool) != APR_SUCCESS) {
        expect(why && *why && !message, "a refusal without a word");
        return;
    }
    expect(!why && message->route && message->source_id >= 1, message->id);
    expect(message->body >= data && message->body + message->body_len == data + len, message->id);
    expect(message->target[0] == '/', message->target);
    again = write_and_read(message, pool);
    expect(fuzz_same(message->id, again->id) && fuzz_same(message->email, again->email), again->id);
    expect(fuzz_same(message->dedup, again->dedup), again->id);
    third = write_and_read(again, pool);
    expect(same_message(again, third) && same_tables(again->headers, third->headers), again->id);
    check_elements(message, data, pool);
}

/* The same with a Content-Length in front of its fields that fits. */
static void check_completed(const char *data, apr_size_t len, apr_pool_t *pool)
{
    const char *end = NULL, *line = memchr(data, '\n', len);
    const char *at, *field;
    char *whole;
    apr_size_t first, more;

    for (at = data; !end && (at = memchr(at, '\n', (apr_size_t)(data + len - at))) != NULL; at++) {
        end = data + len - at >= 3 && memcmp(at, "\n\r\n", 3) == 0 ? at + 3 : NULL;
    }
    if (!end) {
        return;
    }
    first = (apr_size_t)(line + 1 - data);
    field = apr_psprintf(pool, "Content-Length: %d\r\n", (int)(data + len - end));
    more = strlen(field);
    whole = apr_palloc(pool, len + more);
    memcpy(whole, data, first);
    memcpy(whole + first, field, more);
    memcpy(whole + first + more, data + first, len - first);
    check(whole, len + more, pool);
}

void fuzz_one(const char *data, apr_size_t len, apr_pool_t *pool)
{
    check(data, len, pool);
    check_completed(data, len, pool);
}
