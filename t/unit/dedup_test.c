/*
 * Which deliveries are the same: a table of pairs, each differing in one thing; keys that are none;
 * and the digest against published values.
 */
#include "core/dedup.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <string.h>

#include "core/digest.h"
#include "tap.h"

#define HOUR apr_time_from_sec(3600)

/* One delivery and the rule that it comes under. */
typedef struct delivery_t {
    const char *route;
    int source_id;
    const char *target;
    const char *key; /* value of Idempotency-Key; NULL = none */
    const char *id;  /* value of X-Id; NULL = none */
    const char *body;
    const char *rule;
} delivery_t;

static int mail;                         /* by EmailProcess */
static const crm360_cloudevent_t *event; /* the CloudEvent that it is; NULL = none */

static apr_status_t find(crm360_dedup_t *dedup, const char **fault, const delivery_t *delivery,
                         apr_interval_time_t window, apr_pool_t *pool)
{
    crm360_dedup_rule_t rule = {delivery->rule, window};
    crm360_message_t message;
    apr_table_t *headers = apr_table_make(pool, 4);

    memset(&message, 0, sizeof message);
    message.route = crm360_route_by_name(delivery->route);
    message.source_id = delivery->source_id;
    message.target = delivery->target;
    message.headers = headers;
    message.body = delivery->body;
    message.body_len = strlen(delivery->body);
    if (delivery->key) {
        apr_table_set(headers, "Idempotency-Key", delivery->key);
    }
    if (delivery->id) {
        apr_table_set(headers, "X-Id", delivery->id);
    }
    return crm360_dedup_find(dedup, fault, &rule, &message, event, mail, pool);
}

#define A "Shopify/Order/Insert"
#define B "Shopify/Order/Update"
#define CONTENT CRM360_DEDUP_CONTENT

static void test_pairs(apr_pool_t *pool)
{
    static const struct {
        const char *what;
        int same; /* the same delivery */
        delivery_t one;
        delivery_t other;
    } pairs[] = {
        {"id",
         1,
         {A, 1, "/x?a=1", NULL, "7", "body", "X-Id"},
         {A, 1, "/x?a=1", NULL, "7", "body", "x-id"}},
        {"id, another query",
         1,
         {A, 1, "/x?a=1", NULL, "7", "body", "X-Id"},
         {A, 1, "/x?a=2", NULL, "7", "body", "X-Id"}},
        {"id, another body",
         0,
         {A, 1, "/x", NULL, "7", "body", "X-Id"},
         {A, 1, "/x", NULL, "7", "bodY", "X-Id"}},
        {"id, no body, another query",
         0,
         {A, 1, "/x?a=1", NULL, "7", "", "X-Id"},
         {A, 1, "/x?a=2", NULL, "7", "", "X-Id"}},
        {"another id",
         0,
         {A, 1, "/x", NULL, "7", "body", "X-Id"},
         {A, 1, "/x", NULL, "8", "body", "X-Id"}},
        {"another route",
         0,
         {A, 1, "/x", NULL, "7", "body", "X-Id"},
         {B, 1, "/x", NULL, "7", "body", "X-Id"}},
        {"another source",
         0,
         {A, 1, "/x", NULL, "7", "body", "X-Id"},
         {A, 12, "/x", NULL, "7", "body", "X-Id"}},
        {"id and key are of two kinds",
         0,
         {A, 1, "/x", NULL, "7", "body", "X-Id"},
         {A, 1, "/x", "7", NULL, "body", "X-Id"}},
        {"what is one cannot pass for the other",
         0,
         {A, 1, "/x", NULL, "1", "body", "X-Id"},
         {A, 11, "/x", NULL, "", "body", CONTENT}},
        {"content",
         1,
         {A, 1, "/x?a=1", NULL, NULL, "body", CONTENT},
         {A, 1, "/y?a=1", NULL, "9", "body", CONTENT}},
        {"content, another query",
         0,
         {A, 1, "/x?a=1", NULL, NULL, "body", CONTENT},
         {A, 1, "/x?a=2", NULL, NULL, "body", CONTENT}},
        {"content, another body",
         0,
         {A, 1, "/x?a=1", NULL, NULL, "body", CONTENT},
         {A, 1, "/x?a=1", NULL, NULL, "body ", CONTENT}},
        {"content, only a query",
         0,
         {A, 1, "/x?a=1", NULL, NULL, "", CONTENT},
         {A, 1, "/x?a=2", NULL, NULL, "", CONTENT}},
        {"content, nothing at all",
         1,
         {A, 1, "/x", NULL, NULL, "", CONTENT},
         {A, 1, "/x", NULL, NULL, "", CONTENT}},
        {"content, another token",
         1,
         {A, 1, "/x?a=1&token=s", NULL, NULL, "body", CONTENT},
         {A, 1, "/x?a=1&token=t", NULL, NULL, "body", CONTENT}},
        {"key",
         1,
         {A, 1, "/x?a=1", "k", "7", "body", "X-Id"},
         {A, 1, "/x?a=2", "k", "8", "other", CONTENT}},
        {"key in quotes",
         1,
         {A, 1, "/x", "k", NULL, "body", NULL},
         {A, 1, "/x", "\"k\"", NULL, "body", NULL}},
        {"key in quotes with escapes",
         1,
         {A, 1, "/x", "a\\b", NULL, "body", NULL},
         {A, 1, "/x", "\"a\\\\b\";p=1", NULL, "body", NULL}},
        {"another key",
         0,
         {A, 1, "/x", "k", "7", "body", "X-Id"},
         {A, 1, "/x", "K", "7", "body", "X-Id"}},
        {"key, another source",
         0,
         {A, 1, "/x", "k", NULL, "body", NULL},
         {A, 2, "/x", "k", NULL, "body", NULL}},
    };
    apr_size_t i;

    for (i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        crm360_dedup_t one, other;
        const char *fault = NULL;

        if (!ok(find(&one, &fault, &pairs[i].one, HOUR, pool) == APR_SUCCESS && one.hash &&
                    find(&other, &fault, &pairs[i].other, HOUR, pool) == APR_SUCCESS && other.hash,
                "%s: both have a name", pairs[i].what)) {
            continue;
        }
        ok((strcmp(one.hash, other.hash) == 0) == pairs[i].same, "%s: %s", pairs[i].what,
           pairs[i].same ? "the same" : "not the same");
        is_number((apr_int64_t)strlen(one.hash), CRM360_DIGEST_LEN, "  of its length");
        is_number((apr_int64_t)strlen(one.content), CRM360_DIGEST_LEN,
                  "  like that of its content");
        is_number(one.strict, pairs[i].one.key != NULL, "  strict with a key only");
        is_number(one.window, HOUR, "  for as long as the rule says");
    }
}

static void test_nameless(apr_pool_t *pool)
{
    static const delivery_t none[] = {
        {A, 1, "/x", NULL, "7", "body", NULL},
        {A, 1, "/x", NULL, NULL, "body", "X-Id"},
        {A, 1, "/x", NULL, "", "body", "X-Id"},
    };
    static const delivery_t some[] = {
        {A, 1, "/x", "k", NULL, "body", NULL},
        {A, 1, "/x", NULL, "7", "body", "X-Id"},
        {A, 1, "/x", NULL, NULL, "body", CONTENT},
    };
    crm360_dedup_t dedup;
    const char *fault;
    int i;

    for (i = 0; i < 3; i++) {
        ok(find(&dedup, &fault, &none[i], HOUR, pool) == APR_SUCCESS && !dedup.hash,
           "nothing to know it by: not remembered (%d)", i);
        ok(find(&dedup, &fault, &some[i], 0, pool) == APR_SUCCESS && !dedup.hash,
           "no window: not remembered (%d)", i);
    }
}

static void test_keys(apr_pool_t *pool)
{
    static const struct {
        const char *key;
        int good;
    } keys[] = {
        {"a", 1},
        {"8e03978e-40d5-43dd-bc93-6894a57f9324", 1},
        {"\"a\"", 1},
        {"!#$%&'()*+,-./:;<=>?@[]^_`{|}~", 1},
        {"", 0},
        {"\"\"", 0},
        {"\"", 0},
        {"\"a", 0},
        {"a\"", 0},
        {"a\"b", 0},
        {"a b", 0},
        {"\"a b\"", 1},
        {"\"a\\\"b\"", 1},
        {"\"a\\\\b\"", 1},
        {"\"a\\b\"", 0},
        {"\"a\";v=1", 1},
        {"\"a\" b", 0},
        {"\"a\", \"b\"", 0},
        {"\"caf\xc3\xa9\"", 0},
        {"\"a\\", 0},
        {"a, b", 0},
        {"a\tb", 0},
        {"a\x7f", 0},
        {"\xc3\xa9", 0},
        {"\x01", 0},
    };
    delivery_t delivery = {A, 1, "/x", NULL, NULL, "body", NULL};
    char longest[260];
    crm360_dedup_t dedup;
    const char *fault;
    apr_size_t i;

    for (i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        fault = NULL;
        delivery.key = keys[i].key;
        ok(find(&dedup, &fault, &delivery, HOUR, pool) == (keys[i].good ? APR_SUCCESS : APR_EINVAL),
           "'%s' is %s key", keys[i].key, keys[i].good ? "a" : "no");
        ok(keys[i].good || (fault && strstr(fault, "Idempotency-Key") == fault),
           "  with a sentence where it is none");
        is_number(find(&dedup, &fault, &delivery, 0, pool), keys[i].good ? APR_SUCCESS : APR_EINVAL,
                  "  whatever the window");
    }
    memset(longest, 'x', sizeof longest);
    longest[255] = '\0';
    delivery.key = longest;
    is_number(find(&dedup, &fault, &delivery, HOUR, pool), APR_SUCCESS, "255 characters are a key");
    delivery.key = apr_pstrcat(pool, "\"", longest, "\"", NULL);
    is_number(find(&dedup, &fault, &delivery, HOUR, pool), APR_SUCCESS, "  in quotes as well");
    longest[255] = 'x';
    longest[256] = '\0';
    delivery.key = longest;
    is_number(find(&dedup, &fault, &delivery, HOUR, pool), APR_EINVAL, "256 are none");
}

/* What is only mailed never stands for the webhook itself, nor the other way round. */
static void test_mail(apr_pool_t *pool)
{
    static const delivery_t deliveries[] = {
        {A, 1, "/x", "k", NULL, "body", NULL},
        {A, 1, "/x", NULL, "7", "body", "X-Id"},
        {A, 1, "/x", NULL, NULL, "body", CONTENT},
    };
    crm360_dedup_t one, other, again;
    const char *fault;
    int i;

    for (i = 0; i < 3; i++) {
        mail = 0;
        ok(find(&one, &fault, &deliveries[i], HOUR, pool) == APR_SUCCESS && one.hash,
           "a webhook has a name (%d)", i);
        mail = 1;
        ok(find(&other, &fault, &deliveries[i], HOUR, pool) == APR_SUCCESS &&
               find(&again, &fault, &deliveries[i], HOUR, pool) == APR_SUCCESS,
           "and what is only mailed");
        mail = 0;
        ok(strcmp(one.hash, other.hash) != 0, "which is another one");
        is_text(again.hash, other.hash, "each time the same");
    }
}

/* The same source and id are the same event, whatever the rest says; a key counts more, and the
 * route's own less. */
static void test_events(apr_pool_t *pool)
{
    static const crm360_cloudevent_t events[] = {
        {.id = "1", .source = "/s"}, {.id = "1", .source = "/s"}, {.id = "2", .source = "/s"},
        {.id = "1", .source = "/t"}, {.id = "s1", .source = "/"}, {.id = "mail", .source = "/s"},
    };
    delivery_t delivery = {A, 1, "/x", NULL, "7", "body", "X-Id"};
    crm360_dedup_t first, other;
    const char *fault;
    apr_size_t i;

    event = &events[0];
    is_number(find(&first, &fault, &delivery, HOUR, pool), APR_SUCCESS, "an event");
    is_number(first.strict, 0, "  may come with another content");
    for (i = 0; i < sizeof events / sizeof events[0]; i++) {
        event = &events[i];
        delivery.body = "another";
        delivery.rule = i % 2 ? CONTENT : NULL;
        is_number(find(&other, &fault, &delivery, HOUR, pool), APR_SUCCESS, "  another");
        ok((strcmp(first.hash, other.hash) == 0) == (i < 2) &&
               (strcmp(first.content, other.content) == 0) == (i < 2),
           "  is %s", i < 2 ? "the same" : "not the same");
    }
    event = &events[0];
    delivery.route = B;
    ok(find(&other, &fault, &delivery, HOUR, pool) == APR_SUCCESS &&
           strcmp(first.hash, other.hash) != 0,
       "on another route it is another");
    delivery.route = A;
    mail = 1;
    ok(find(&other, &fault, &delivery, HOUR, pool) == APR_SUCCESS &&
           strcmp(first.hash, other.hash) != 0,
       "to be mailed it is another");
    mail = 0;
    ok(find(&other, &fault, &delivery, 0, pool) == APR_SUCCESS && !other.hash,
       "without a window it is not remembered");
    delivery.key = "k";
    ok(find(&first, &fault, &delivery, HOUR, pool) == APR_SUCCESS && first.strict,
       "a key counts more");
    event = NULL;
    ok(find(&other, &fault, &delivery, HOUR, pool) == APR_SUCCESS &&
           strcmp(first.hash, other.hash) == 0,
       "  and is the same without the event");
}

static void test_digest(apr_pool_t *pool)
{
    struct iovec pieces[3] = {{(void *)"a", 1}, {(void *)"", 0}, {(void *)"bc", 2}};

    is_text(crm360_digest(pieces, 3, pool), "ba7816bf8f01cfea414140de5dae2223",
            "SHA-256 of abc (FIPS 180-2), its first half");
    is_text(crm360_digest(pieces, 0, pool), "e3b0c44298fc1c149afbf4c8996fb924",
            "SHA-256 of nothing");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    test_digest(pool);
    test_pairs(pool);
    test_nameless(pool);
    test_keys(pool);
    test_mail(pool);
    test_events(pool);
    apr_pool_destroy(pool);
    apr_terminate();
    return tap_done();
}
