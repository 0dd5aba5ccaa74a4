/*
 * The stored message: written and read back, cut at every byte, forged in every field. Each input
 * is handed over in a block of exactly its length, so that a tool like valgrind sees a read beyond
 * it.
 */
#include "core/message.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>

#include "tap.h"

#define HEAD                                                                                       \
    "POST /a/QueueProcess/acme/prod/Shopify/Customer/Insert?SourceId=12 HTTP/1.1\r\n"              \
    "Crm360-Id: 01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Customer-Insert\r\n"                            \
    "Crm360-Received: 2026-11-23T15:58:00.123456Z\r\n"                                             \
    "Crm360-Customer: acme\r\n"                                                                    \
    "Crm360-Database: prod\r\n"                                                                    \
    "Crm360-Route: Shopify/Customer/Insert\r\n"                                                    \
    "Crm360-Source-Id: 12\r\n"                                                                     \
    "Crm360-Origin: none\r\n"

/* A message with everything set. The headers go through an apr_table_t, as httpd's do. */
static crm360_message_t *sample(apr_table_t **headers, apr_pool_t *pool)
{
    crm360_message_t *message = apr_pcalloc(pool, sizeof(*message));

    *headers = apr_table_make(pool, 8);
    apr_table_add(*headers, "Content-Type", "application/json");
    message->id = "01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Customer-Insert";
    message->received = apr_time_make(1795449480, 123456);
    message->customer = "acme";
    message->database = "prod";
    message->route = crm360_route_by_name("Shopify/Customer/Insert");
    message->source_id = 12;
    message->zone_id = 2147483647;
    message->brand_id = 4;
    message->contact_address_type_id = 5;
    message->batch_mode = 1;
    message->email = "a@example.org";
    message->peer = "192.0.2.7";
    message->origin = "none";
    message->dedup = "ba7816bf8f01cfea414140de5dae2223";
    message->trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    message->method = "POST";
    message->target = "/a/QueueProcess/acme/prod/Shopify/Customer/Insert?SourceId=12&x=%C3%A9";
    message->host = "www.example.org:8360";
    message->headers = *headers;
    return message;
}

/* Head and body in one text. */
static const char *stored(apr_size_t *len, crm360_message_t *message, const char *body,
                          apr_size_t body_len, apr_pool_t *pool)
{
    const char *head;
    char *all;

    message->body_len = body_len;
    crm360_message_head(&head, len, message, pool);
    all = apr_palloc(pool, *len + body_len + 1);
    memcpy(all, head, *len);
    memcpy(all + *len, body, body_len);
    *len += body_len;
    all[*len] = '\0';
    return all;
}

/* Parses a copy in a block of its own. */
static apr_status_t parse(crm360_message_t **message, const char **why, const char *data,
                          apr_size_t len, apr_pool_t *pool)
{
    char *copy = malloc(len ? len : 1);
    apr_status_t rv;

    memcpy(copy, data, len);
    rv = crm360_message_parse(message, why, copy, len, pool);
    if (rv == APR_SUCCESS) {
        (*message)->body = apr_pmemdup(pool, (*message)->body, (*message)->body_len);
    }
    free(copy);
    return rv;
}

static void test_round_trip(apr_pool_t *pool)
{
    static const char body[] = "{\"a\":1}\0\r\n\r\nPOST / HTTP/1.1\r\n";
    apr_table_t *headers;
    crm360_message_t *in = sample(&headers, pool), *out;
    const char *why, *data;
    apr_size_t len;

    apr_table_add(headers, "X-Twice", "one");
    apr_table_add(headers, "x-twice", "two");
    apr_table_add(headers, "X-Empty", "");
    data = stored(&len, in, body, sizeof(body) - 1, pool);
    if (!ok(parse(&out, &why, data, len, pool) == APR_SUCCESS, "what was written is read")) {
        printf("# %s\n", why);
        return;
    }
    is_text(out->id, in->id, "  id");
    is_number(out->received, in->received, "  received");
    is_text(out->customer, in->customer, "  customer");
    is_text(out->database, in->database, "  database");
    ok(out->route == in->route, "  route");
    is_number(out->source_id, 12, "  source");
    is_number(out->zone_id, 2147483647, "  zone");
    is_number(out->brand_id, 4, "  brand");
    is_number(out->contact_address_type_id, 5, "  address type");
    is_number(out->batch_mode, 1, "  batch mode");
    is_text(out->email, in->email, "  email");
    is_text(out->peer, in->peer, "  peer");
    is_text(out->origin, in->origin, "  origin");
    is_text(out->dedup, in->dedup, "  deduplication key");
    is_text(out->trace, in->trace, "  trace");
    is_text(out->method, in->method, "  method");
    is_text(out->target, in->target, "  target");
    is_text(out->host, in->host, "  host");
    is_text(crm360_message_header(out, "content-type"), "application/json", "  a header");
    is_text(crm360_message_header(out, "X-Empty"), "", "  an empty header");
    is_text(crm360_message_header(out, "X-Absent"), NULL, "  no header where there was none");
    is_text(crm360_message_header(out, "X-Twice"), "one", "  the first of two");
    is_text(apr_table_getm(pool, out->headers, "X-Twice"), "one,two", "  and both are kept");
    ok(out->body_len == sizeof(body) - 1 && memcmp(out->body, body, sizeof(body) - 1) == 0,
       "  the body, byte for byte");
    /* Written again from what was read it is the same text: nothing is lost on the way. */
    {
        apr_size_t len2;
        const char *again = stored(&len2, out, out->body, out->body_len, pool);

        ok(len == len2 && memcmp(again, data, len) == 0, "  and writing it again changes nothing");
    }
}

static void test_minimum(apr_pool_t *pool)
{
    apr_table_t *headers;
    crm360_message_t *in = sample(&headers, pool), *out;
    const char *why, *data;
    apr_size_t len;

    in->zone_id = in->brand_id = in->contact_address_type_id = in->batch_mode = 0;
    in->email = in->peer = in->dedup = in->trace = in->host = in->origin = NULL;
    in->headers = NULL;
    data = stored(&len, in, "", 0, pool);
    ok(!strstr(data, "Zone-Id") && !strstr(data, "Email") && !strstr(data, "Host:"),
       "what is not given is not written");
    ok(strstr(data, "Content-Length: 0\r\n\r\n") != NULL, "no body has a length too");
    if (ok(parse(&out, &why, data, len, pool) == APR_SUCCESS, "and it is read")) {
        is_number(out->zone_id + out->brand_id + out->contact_address_type_id + out->batch_mode, 0,
                  "  with nothing in it");
        ok(!out->email && !out->peer && !out->dedup && !out->trace && !out->host &&
               out->body_len == 0,
           "  at all");
        is_text(out->origin, "none", "  and no origin proven");
    }
}

static void test_every_cut(apr_pool_t *pool)
{
    apr_table_t *headers;
    crm360_message_t *message = sample(&headers, pool);
    apr_size_t len, cut, accepted = 0;
    const char *data = stored(&len, message, "{\"id\": 1}\n", 10, pool);
    apr_pool_t *turn;

    apr_pool_create(&turn, pool);
    for (cut = 0; cut < len; cut++) {
        crm360_message_t *out;
        const char *why = NULL;

        if (parse(&out, &why, data, cut, turn) != APR_EINVAL || !why || out) {
            printf("# accepted or unexplained when cut to %d bytes\n", (int)cut);
            accepted++;
        }
        apr_pool_clear(turn);
    }
    ok(accepted == 0 && len > 500, "each of %d cuts is refused with a reason", (int)len);
}

/* A stored message of HEAD, `more` fields, and a body with its right length. */
static const char *with(const char *more, const char *body, apr_pool_t *pool)
{
    return apr_psprintf(pool, HEAD "%sContent-Length: %d\r\n\r\n%s", more, (int)strlen(body), body);
}

/* HEAD with one text replaced by another. */
static const char *changed(const char *from, const char *to, apr_pool_t *pool)
{
    const char *data = with("", "{}", pool);
    const char *at = strstr(data, from);

    if (!at) {
        printf("Bail out! '%s' is not in the message to change\n", from);
        exit(1);
    }
    return apr_pstrcat(pool, apr_pstrmemdup(pool, data, (apr_size_t)(at - data)), to,
                       at + strlen(from), NULL);
}

typedef struct change_t {
    const char *from;
    const char *to;
} change_t;

static const change_t refused[] = {
    {"POST /", "POST  /"},
    {"POST /", "PO(ST /"},
    {"POST /", " /"},
    {"POST /", "POST http://x/"},
    {"POST /a", "POST /a b"},
    {"POST /a", "POST /a\tb"},
    {"POST /a", "POST /a\x01"},
    {"HTTP/1.1\r\n", "HTTP/1.0\r\n"},
    {"HTTP/1.1\r\n", "HTTP/1.1 \r\n"},
    {"HTTP/1.1\r\n", "HTTP/1.1\n"},
    {"HTTP/1.1\r\n", "HTTP/1.1\r\r\n"},
    {"HTTP/1.1\r\n", "HTTP/1.1\r\n\r\n"},
    {"HTTP/1.1\r\n", "HTTP/1.1\r\n folded: x\r\n"},
    {"HTTP/1.1\r\n", "HTTP/1.1\r\nno colon\r\n"},
    {"HTTP/1.1\r\n", "HTTP/1.1\r\n: x\r\n"},
    {"HTTP/1.1\r\n", "HTTP/1.1\r\nX y: x\r\n"},
    {"HTTP/1.1\r\n", "HTTP/1.1\r\nX : x\r\n"},
    {"HTTP/1.1\r\n", "HTTP/1.1\r\nX: a\rb\r\n"},
    {"Crm360-Id: 01J", "Crm360-Id:\r\nX: 01J"},
    {"Crm360-Id: 01J", "Crm360-Id: 01J/"},
    {"Crm360-Id: 01J", "Crm360-Id: {01J}"},
    {"Crm360-Id: 01J", "Crm360-Id: 01J 2"},
    {"Crm360-Id: 01J",
     "Crm360-Id: "
     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901"},
    {"Crm360-Id: ", "X-Crm360-Id: "},
    {"Crm360-Id: ", "Crm360-Id: a\r\nCrm360-Id: "},
    {"Crm360-Id: ", "Crm360-Id: a\r\ncrm360-ID: "},
    {"2026-11-23T", "2026-02-31T"},
    {"2026-11-23T", "2026-13-23T"},
    {"2026-11-23T", "1969-11-23T"},
    {"2026-11-23T", "2026-11-2aT"},
    {"2026-11-23T", "2026-11-23 "},
    {"T15:58:00", "T25:58:00"},
    {"T15:58:00", "T15:58:61"},
    {".123456Z", ".12345Z"},
    {".123456Z", ".123456+"},
    {".123456Z", ".-23456Z"},
    {"Crm360-Received: 2", "Crm360-Received: 1795449480\r\nX: 2"},
    {"Crm360-Customer: acme", "Crm360-Customer: "},
    {"Crm360-Customer: acme", "Crm360-Customer: ac}me"},
    {"Crm360-Customer: acme", "X: acme"},
    {"Crm360-Database: prod", "Crm360-Database: pr/od"},
    {"Crm360-Database: prod", "X: prod"},
    {"Shopify/Customer/Insert\r\n", "Shopify/Customer\r\n"},
    {"Shopify/Customer/Insert\r\n", "Nobody/Nothing/Never\r\n"},
    {"Crm360-Route: Shopify", "X: Shopify"},
    {"Crm360-Source-Id: 12", "X: 12"},
    {"Crm360-Source-Id: 12", "Crm360-Source-Id: 0"},
    {"Crm360-Source-Id: 12", "Crm360-Source-Id: -1"},
    {"Crm360-Source-Id: 12", "Crm360-Source-Id: +1"},
    {"Crm360-Source-Id: 12", "Crm360-Source-Id: 1x"},
    {"Crm360-Source-Id: 12", "Crm360-Source-Id: 2147483648"},
    {"Crm360-Source-Id: 12", "Crm360-Source-Id: 99999999999"},
    {"Crm360-Origin: none", "Crm360-Origin: "},
    {"Crm360-Origin: none", "X: none"},
    {"Crm360-Origin: none", "Crm360-Origin: none\r\nCrm360-Zone-Id: x"},
    {"Crm360-Origin: none", "Crm360-Origin: none\r\nCrm360-Brand-Id: "},
    {"Crm360-Origin: none", "Crm360-Origin: none\r\nCrm360-Contact-Address-Type-Id: 0"},
    {"Crm360-Origin: none", "Crm360-Origin: none\r\nCrm360-Batch-Mode: 1"},
    {"Crm360-Origin: none", "Crm360-Origin: none\r\nCrm360-Email: "},
    {"Crm360-Origin: none", "Crm360-Origin: none\r\nHost: a\r\nHost: b"},
    {"Crm360-Origin: none", "Crm360-Origin: none\r\nContent-Length: 2"},
    {"Content-Length: 2", "Content-Length: 1"},
    {"Content-Length: 2", "Content-Length: 3"},
    {"Content-Length: 2", "Content-Length: 02"},
    {"Content-Length: 2", "Content-Length: +2"},
    {"Content-Length: 2", "Content-Length: 18446744073709551618"},
    {"Content-Length: 2", "Content-Length: "},
    {"Content-Length: 2\r\n", ""},
    {"\r\n\r\n{}", "\r\n{}"},
    {"\r\n\r\n{}", "\n\n{}"},
    {"\r\n\r\n{}", "\r\n\r\n{}\n"},
};

static const change_t accepted[] = {
    {"POST /", "post /"},
    {"Crm360-Id: ", "CRM360-ID:"},
    {"Crm360-Id: ", "crm360-id: \t "},
    {"Crm360-Origin: none", "Crm360-Origin: shopify-hmac"},
    {"Crm360-Origin: none", "Crm360-Origin: none\r\nCrm360-Later-Version: x"},
    {"Crm360-Origin: none", "Crm360-Origin: none\r\nCrm360-Batch-Mode: false"},
    {"Crm360-Origin: none", "Crm360-Origin: none\r\nX: caf\xe9 \x01"},
    {"Crm360-Source-Id: 12", "Crm360-Source-Id: 2147483647"},
    {"-Customer-Insert\r\n", "-Customer-Insert.17\r\n"},
    {"Shopify/Customer/Insert\r\n", "shopify/CUSTOMER/insert\r\n"},
};

static void test_changes(apr_pool_t *pool)
{
    unsigned i;
    crm360_message_t *out;
    const char *why, *data = with("", "{}", pool);

    ok(parse(&out, &why, data, strlen(data), pool) == APR_SUCCESS, "the message to change is good");
    for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        data = changed(refused[i].from, refused[i].to, pool);
        why = NULL;
        ok(parse(&out, &why, data, strlen(data), pool) == APR_EINVAL && why && strlen(why) > 10,
           "refused, row %u: %s", i, why ? why : "NOT");
    }
    for (i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        data = changed(accepted[i].from, accepted[i].to, pool);
        why = NULL;
        ok(parse(&out, &why, data, strlen(data), pool) == APR_SUCCESS, "accepted, row %u%s%s", i,
           why ? ": " : "", why ? why : "");
    }
    {
        char *nul = apr_pstrdup(pool, data = with("X: ab\r\n", "{}", pool));

        strstr(nul, "X: ab")[4] = '\0';
        ok(parse(&out, &why, nul, strlen(data), pool) == APR_EINVAL, "refused: NUL in a value");
    }
}

static void test_every_flipped_byte(apr_pool_t *pool)
{
    apr_table_t *headers;
    crm360_message_t *message = sample(&headers, pool), *out;
    apr_size_t len, at;
    const char *why, *data = stored(&len, message, "{}", 2, pool);
    char *copy = apr_pmemdup(pool, data, len);
    int survived = 0;
    apr_pool_t *turn;

    apr_pool_create(&turn, pool);
    for (at = 0; at < len; at++) {
        static const char with_what[] = {'\0', '\r', '\n', ':', '\xff', '9'};
        unsigned i;

        for (i = 0; i < sizeof(with_what); i++) {
            copy[at] = with_what[i];
            why = NULL;
            if (parse(&out, &why, copy, len, turn) == APR_SUCCESS ? out->route != NULL
                                                                  : why != NULL) {
                survived++;
            }
            apr_pool_clear(turn);
        }
        copy[at] = data[at];
    }
    is_number(survived, (long long)len * 6, "each changed byte gives a message or a reason");
}

typedef struct header_t {
    const char *name;
    const char *value;
    const char *stored; /* the line, NULL when it must not be there */
} header_t;

static const header_t fields[] = {
    {"X-Shopify-Hmac-Sha256", "abc=", "X-Shopify-Hmac-Sha256: abc=\r\n"},
    {"X-Crm360Api-CustomerName", "acme", "X-Crm360Api-CustomerName: acme\r\n"},
    {"Content-Encoding", "gzip", "Content-Encoding: gzip\r\n"},
    {"X-Inject", "a\r\nCrm360-Id: b", "X-Inject: a  Crm360-Id: b\r\n"},
    {"X-Latin", "caf\xe9", "X-Latin: caf\xe9\r\n"},
    {"Connection", "close, X-Hop ,x-other, content-type", NULL},
    {"Content-Type", "stays", "Content-Type: stays\r\n"},
    {"X-Hop", "gone", NULL},
    {"X-Other", "gone", NULL},
    {"X-Ho", "stays", "X-Ho: stays\r\n"},
    {"Referer", "http://a/b?token=gone&x=1?y", "Referer: http://a/b?token=&x=1?y\r\n"},
    {"X-Url", "/a?x=1&%54oken=gone?gone=gone#f", "X-Url: /a?x=1&%54oken=#f\r\n"},
    {"X-Query", "token=gone", "X-Query: token=\r\n"},
    {"X-Link", "<http://a/?token=gone>; x=\"token=gone\" ",
     "X-Link: <http://a/?token=>; x=\"token=\" \r\n"},
    {"X-Tokens", "tokens=1&a=token=1, token", "X-Tokens: tokens=1&a=token=1, token\r\n"},
    {"Keep-Alive", "gone", NULL},
    {"Proxy-Connection", "gone", NULL},
    {"TE", "gone", NULL},
    {"Trailer", "gone", NULL},
    {"transfer-encoding", "gone", NULL},
    {"Upgrade", "gone", NULL},
    {"Expect", "gone", NULL},
    {"HOST", "gone", NULL},
    {"content-length", "999", NULL},
    {"Authorization", "Basic gone", NULL},
    {"Proxy-Authorization", "gone", NULL},
    {"Cookie", "gone", NULL},
    {"x-crm360api-token", "gone", NULL},
    {"crm360-origin", "gone", NULL},
    {"CRM360-Anything", "gone", NULL},
    {"Bad Name", "gone", NULL},
    {"Bad\r\nName", "gone", NULL},
    {"", "gone", NULL},
};

static void test_fields(apr_pool_t *pool)
{
    apr_table_t *headers;
    crm360_message_t *message = sample(&headers, pool);
    const char *head;
    apr_size_t len;
    unsigned i;

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        apr_table_addn(headers, fields[i].name, fields[i].value);
    }
    crm360_message_head(&head, &len, message, pool);
    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (fields[i].stored) {
            ok(strstr(head, fields[i].stored) != NULL, "field %s is stored", fields[i].name);
        }
    }
    ok(!strstr(head, "gone") && !strstr(head, "999"), "no other field is");
    ok(strstr(head, "Crm360-Origin: none\r\n") != NULL, "our own origin stands");
    is_number((long long)strlen(head), (long long)len, "the head has no NUL in it");
    ok(len > 4 && strcmp(head + len - 4, "\r\n\r\n") == 0, "the head ends in an empty line");
}

static void test_target(apr_pool_t *pool)
{
    static const change_t rows[] = {
        {"/a", "/a"},
        {"/a?", "/a?"},
        {"/a?token=s", "/a"},
        {"/a?TOKEN=s&x=1", "/a?x=1"},
        {"/a?x=1&Token=s", "/a?x=1"},
        {"/a?x=1&token=s&y=2&token=t", "/a?x=1&y=2"},
        {"/a?x=1&token", "/a?x=1"},
        {"/a?%74oken=s&x=1", "/a?x=1"},
        {"/a?tokens=s&mytoken=t", "/a?tokens=s&mytoken=t"},
        {"/a?x=token=s", "/a?x=token=s"},
        {"/a?x=1&&y=?%zz", "/a?x=1&&y=?%zz"},
        {"/a b\r\nX: y?z= 1\x7f", "/a_b__X:_y?z=_1_"},
    };
    unsigned i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        apr_table_t *headers;
        crm360_message_t *message = sample(&headers, pool), *out;
        const char *why = NULL, *data;
        apr_size_t len;

        message->target = rows[i].from;
        data = stored(&len, message, "", 0, pool);
        if (ok(parse(&out, &why, data, len, pool) == APR_SUCCESS, "target in row %u", i)) {
            is_text(out->target, rows[i].to, "  as stored");
        }
    }
}

static void test_ids(apr_pool_t *pool)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    const crm360_route_t *route = crm360_route_by_name("Shopify/Order/Insert");
    /* The time part of the example in the ULID specification: 1469918176385 ms is 01ARYZ6S41. */
    const char *id = crm360_message_id(route, apr_time_from_msec(1469918176385), pool);
    const char *other = crm360_message_id(route, apr_time_from_msec(1469918176385), pool);
    const char *later = crm360_message_id(route, apr_time_from_msec(1469918176386), pool);
    char seen[26][32] = {{0}};
    int i, j, poor = 0;

    is_number((long long)strlen(id), 26 + 21, "an id has 26 characters and its suffix");
    ok(strncmp(id, "01ARYZ6S41", 10) == 0, "it begins with the time");
    is_text(id + 26, "-Shopify-Order-Insert", "it ends with the route");
    ok(strspn(id, alphabet) == 26, "in Crockford's alphabet");
    ok(strcmp(id, other) != 0, "two ids of one millisecond differ");
    ok(strcmp(id, later) < 0 && strcmp(other, later) < 0, "a later id sorts behind");
    /* All 80 random bits must move: each of the 16 characters takes many of its 32 values. */
    for (i = 0; i < 600; i++) {
        id = crm360_message_id(route, 0, pool);
        for (j = 10; j < 26; j++) {
            seen[j][strchr(alphabet, id[j]) - alphabet] = 1;
        }
    }
    for (j = 10; j < 26; j++) {
        int values = 0;

        for (i = 0; i < 32; i++) {
            values += seen[j][i];
        }
        poor += values < 32;
    }
    is_number(poor, 0, "every random character takes every value");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    test_round_trip(pool);
    test_minimum(pool);
    test_every_cut(pool);
    test_changes(pool);
    test_every_flipped_byte(pool);
    test_fields(pool);
    test_target(pool);
    test_ids(pool);
    apr_pool_destroy(pool);
    apr_terminate();
    return tap_done();
}
