/* What of a reason makes its group: nothing that it is about. */
#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "core/queue_reasons.h"
#include "t/unit/tap.h"

#define ULID "01JDCW3T2XQ5M7V9K0B4Z8R6AE"

static const struct {
    const char *reason;
    const char *shape;
} shapes[] = {
    {"", ""},
    {"the order has no id", "the order has no id"},
    {"line 3, column 17", "line N, column N"},
    {"failed 7 times, the last time: HTTP 503", "failed N times, the last time: HTTP 503"},
    {"the provider answered 429", "the provider answered 429"},
    {"503 of them", "N of them"},
    {"HTTP 5031", "HTTP N"},
    {"at 2026-11-23T15:58:00.123Z", "at N-N-NTN:N:N.NZ"},
    {"expected \"}\", not \"ann\"", "expected \"...\", not \"...\""},
    {"'ann' is no address", "\"...\" is no address"},
    {"'it's late' he said", "\"...\" he said"},
    {"the order's id isn't there", "the order's id isn't there"},
    {"an open \"quote", "an open \"quote"},
    {"a quote at the end'", "a quote at the end'"},
    {"mail to ann@example.com, refused", "mail to <address>, refused"},
    {"<ann+1@example.com>", "<<address>>"},
    {"@home and a@", "@home and a@"},
    {ULID "-Shopify-Order-Insert.12 is gone", "<id> is gone"},
    {"of " ULID ".", "of <id>"},
    {"hash 0123456789abcdef", "hash <id>"},
    {"0f8fad5b-d9cb-469f-a165-70867728950e", "<id>"},
    {"deadbeefdeadbeefdead is a word", "deadbeefdeadbeefdead is a word"},
    {"two\nlines\tand \x01", "two lines and  "},
    {"caf\xc3\xa9 12", "caf\xc3\xa9 N"},
    {"bad \xff byte", "bad \xef\xbf\xbd byte"},
};

static void shape(apr_pool_t *pool)
{
    char *many = apr_pcalloc(pool, 100001);
    const char *text;
    size_t i;

    for (i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        is_text(crm360_reason_shape(shapes[i].reason, pool), shapes[i].shape,
                apr_psprintf(pool, "shape %d", (int)i));
    }
    for (i = 0; i < 50000; i++) {
        memcpy(many + 2 * i, "\xc3\xa9", 2);
    }
    text = crm360_reason_shape(many, pool);
    ok(strlen(text) <= CRM360_REASON_MOST + 2, "a long one is cut");
    is_text(crm360_reason_shape(apr_pstrcat(pool, "x", many, NULL), pool) + 1 +
                CRM360_REASON_MOST - 2,
            "\xef\xbf\xbd", "and not within a character");
}

static void groups(apr_pool_t *pool)
{
    crm360_reasons_t *reasons = crm360_reasons_make(pool);
    const apr_array_header_t *list;
    const crm360_reason_t *first;
    int i;

    is_number(crm360_reasons_list(reasons)->nelts, 0, "none at first");
    crm360_reasons_add(reasons, "alone", 1, "acme/prod", "one");
    for (i = 0; i < 3; i++) {
        crm360_reasons_add(reasons, apr_psprintf(pool, "line %d", i), i > 0, "acme/shop",
                           apr_psprintf(pool, "id %d", i));
    }
    list = crm360_reasons_list(reasons);
    first = &APR_ARRAY_IDX(list, 0, crm360_reason_t);
    is_number(list->nelts, 2, "two groups");
    is_number(crm360_reasons_count(reasons), 4, "of four");
    is_text(first->text, "line N", "the largest comes first");
    is_number(first->dead, 2, "its dead letters");
    is_number(first->retried, 1, "those tried again");
    is_text(first->id, "id 0", "an example");
    is_text(first->database, "acme/shop", "and where it is");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    shape(pool);
    groups(pool);
    return tap_done();
}
