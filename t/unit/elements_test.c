/*
 * The elements of a batch: what has elements, where each begins and ends, and that a text which is
 * not whole is refused where crm360_json_parse() refuses it. Random texts, whole and spoilt, are
 * compared with it: CRM360_SEED repeats a run. Then the stored message that is made of an element.
 */
#include "core/elements.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <time.h>

#include "core/charset.h"
#include "core/json.h"
#include "core/message_element.h"
#include "t/unit/tap.h"

static apr_pool_t *pool;

/* A copy in a block of exactly its length, so that a tool sees a read beyond it. */
static char *exactly(const char *text, apr_size_t len)
{
    char *copy = malloc(len ? len : 1);

    memcpy(copy, text, len);
    return copy;
}

/* The elements of a text in brackets, one after the other, and where and why it ended badly. */
static const char *list(const char *content_type, const char *text, apr_size_t len)
{
    char *body = exactly(text, len);
    crm360_elements_kind_t kind = crm360_elements_kind(content_type, body, len);
    const char *all = kind == CRM360_ELEMENTS_ARRAY ? "array" : "lines";
    crm360_elements_t *elements;
    const char *element;
    apr_size_t element_len;
    apr_status_t rv;

    if (kind == CRM360_ELEMENTS_NONE) {
        free(body);
        return "none";
    }
    elements = crm360_elements_make(kind, body, len, pool);
    while ((rv = crm360_elements_next(&element, &element_len, elements)) == APR_SUCCESS) {
        all = apr_pstrcat(pool, all, " <", apr_pstrmemdup(pool, element, element_len), ">", NULL);
    }
    if (rv == APR_EINVAL) {
        all = apr_pstrcat(pool, all, " ", crm360_elements_why(elements, pool), NULL);
    }
    free(body);
    return all;
}

#define NDJSON "application/x-ndjson"

static const struct {
    const char *content_type;
    const char *text;
    const char *want;
} cases[] = {
    {NULL, "", "none"},
    {NULL, " \n", "none"},
    {NULL, "{}", "none"},
    {NULL, "{}\r\n", "none"},
    {NULL, "{\n \"a\": [1,\n2]\n}\n", "none"},
    {NULL, "a=1&b=2", "none"},
    {NULL, "{\"a\":1", "none"},
    {NULL, "{} {}", "none"},
    {NULL, "{}{}\n", "none"},
    {NULL, "\xEF\xBB\xBF{}", "none"},
    {NULL, "[]", "array"},
    {NULL, "\xEF\xBB\xBF [ \n] \n", "array"},
    {NULL, "[1]", "array <1>"},
    {NULL, " [ {\"a\":[1,2]} ,\r\n[3,[4]],\"x]\\\"\",null , -1.5e3 ] ",
     "array <{\"a\":[1,2]}> <[3,[4]]> <\"x]\\\"\"> <null> <-1.5e3>"},
    {NULL, "[\"\xE9\",\"\xC3\xA9\"]", "array <\"\xE9\"> <\"\xC3\xA9\">"},
    {NULL, "[1,2",
     "array <1> <2> line 1, column 5: expected , or ] in an array, found the end of the text"},
    {NULL, "[1,]", "array <1> line 1, column 4: expected a JSON value"},
    {NULL, "[,1]", "array line 1, column 2: expected a JSON value"},
    {NULL, "[1 2]", "array <1> line 1, column 4: expected , or ] in an array"},
    {NULL, "[1}", "array <1> line 1, column 3: expected , or ] in an array"},
    {NULL, "[", "array line 1, column 2: expected a JSON value, found the end of the text"},
    {NULL, "[1,\n{\"a\":1,\n \"\xC3\xA9\" 2}]",
     "array <1> line 3, column 6: expected : after a member name"},
    {NULL, "[1,\"a\nb\"]", "array <1> line 1, column 6: expected no control character in a string"},
    {NULL, "[1]x", "array <1> line 1, column 4: expected nothing after the array"},
    {NULL, "[1]\n[2]", "array <1> line 2, column 1: expected nothing after the array"},
    {NULL, "[1,tru]", "array <1> line 1, column 7: expected true, false or null"},
    {NULL, "{}\n{}", "lines <{}> <{}>"},
    {NULL, "\xEF\xBB\xBF{\"a\":1}\r\n\r\n{\"b\":\"\\n\"} \n",
     "lines <{\"a\":1}> <{\"b\":\"\\n\"}>"},
    {NULL, "{}\n{\n}\n[]\n", "lines <{}> <{\n}> <[]>"},
    {NULL, "{}\n{} {}", "lines <{}> <{}> line 2, column 4: expected a line feed after the value"},
    {NULL, "{}\n{",
     "lines <{}> line 2, column 2: expected a member name in double quotes, found "
     "the end of the text"},
    {NULL, "{}\nx", "lines <{}> line 2, column 1: expected a JSON value"},
    {NDJSON, "", "lines"},
    {NDJSON, "\n", "lines"},
    {NDJSON, "{}", "lines <{}>"},
    {"Application/X-NDJSON; charset=utf-8", "[1]\n[2]\n", "lines <[1]> <[2]>"},
    {"application/jsonl", "1", "lines <1>"},
    {"application/x-ndjsonp", "1", "none"},
    {NDJSON, "a=1", "lines line 1, column 1: expected a JSON value"},
    {NDJSON, "1 2", "lines <1> line 1, column 3: expected a line feed after the value"},
};

static void table(void)
{
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_text(list(cases[i].content_type, cases[i].text, strlen(cases[i].text)), cases[i].want,
                apr_psprintf(pool, "case %d", (int)i));
    }
    is_text(list(NULL, "[1\0,\0t\0rue\0]\0", 14), "array <1> <t>", "NUL is read over");
}

/* As deep as one value may be, and one deeper: the array is a level of it. */
static void depth(void)
{
    int levels;

    for (levels = 63; levels <= 65; levels++) {
        char text[140];
        int fits;

        memset(text, '[', (size_t)levels);
        memset(text + levels, ']', (size_t)levels);
        fits = strstr(list(NULL, text, (size_t)levels * 2), "at most 64 levels") == NULL;
        is_number(fits, levels <= 64, apr_psprintf(pool, "an array of %d levels", levels));
        fits = strstr(list(NDJSON, text, (size_t)levels * 2), "at most 64 levels") == NULL;
        is_number(fits, levels <= 64, apr_psprintf(pool, "a line of %d levels", levels));
    }
}

/* ---- random texts, against the other reader ---- */

typedef struct text_t {
    char data[4096];
    apr_size_t len;
} text_t;

static int roll(int sides)
{
    return rand() % sides;
}

static void put(text_t *text, const char *more)
{
    apr_size_t len = strlen(more);

    if (text->len + len < sizeof text->data) {
        memcpy(text->data + text->len, more, len);
        text->len += len;
    }
}

static void put_blanks(text_t *text)
{
    static const char *const blanks[] = {"", "", "", "", " ", "\n", "\r\n", "\t"};

    put(text, blanks[roll(8)]);
}

static void put_value(text_t *text, int levels)
{
    static const char *const scalars[] = {"0",           "-12.5e+3", "true",     "false",
                                          "null",        "\"\"",     "\"a,b]\"", "\"\\\"\\u00e9\"",
                                          "\"\xC3\xA9\""};
    int kind = levels > 0 ? roll(4) : 3;
    int count = roll(4);
    int i;

    if (kind == 3) {
        put(text, scalars[roll(9)]);
        return;
    }
    put(text, kind ? "[" : "{");
    for (i = 0; i < count; i++) {
        put(text, i ? "," : "");
        put_blanks(text);
        put(text, kind ? "" : "\"n\":");
        put_value(text, levels - 1);
        put_blanks(text);
    }
    put(text, kind ? "]" : "}");
}

/* A byte is lost, or becomes another. */
static void spoil(text_t *text)
{
    static const char likely[] = "{}[],:\"\\ \n01e-tfnu";
    apr_size_t at = (apr_size_t)roll((int)text->len);

    if (roll(2)) {
        memmove(text->data + at, text->data + at + 1, --text->len - at);
    }
    else {
        text->data[at] = roll(3) ? likely[roll((int)sizeof likely - 1)] : (char)roll(256);
    }
}

/* Walks through `text`; what it finds must be what the other reader has found. */
static int same_array(const text_t *text, json_object *array, const char *why)
{
    crm360_elements_t *elements =
        crm360_elements_make(CRM360_ELEMENTS_ARRAY, text->data, text->len, pool);
    const char *element, *other;
    apr_size_t len, count = 0;
    apr_status_t rv;

    while ((rv = crm360_elements_next(&element, &len, elements)) == APR_SUCCESS) {
        json_object *value;

        if (crm360_json_parse(&value, &other, element, len, pool) != APR_SUCCESS ||
            (array && !json_object_equal(value, json_object_array_get_idx(array, count)))) {
            return 0;
        }
        count++;
    }
    if (array) {
        return APR_STATUS_IS_EOF(rv) && count == json_object_array_length(array);
    }
    other = crm360_elements_why(elements, pool);
    /* Where bytes are no UTF-8, columns are a matter of taste. */
    return rv == APR_EINVAL &&
           (strcmp(why, other) == 0 || strstr(other, "expected nothing after the array") ||
            crm360_utf8_clean(&len, text->data, text->len, pool) != text->data);
}

static void random_texts(int rounds)
{
    const char *given = getenv("CRM360_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    int good = 0, bad = 0, different = 0;
    apr_pool_t *all = pool;
    int round;

    printf("# seed %u\n", seed);
    srand(seed);
    for (round = 0; round < rounds; round++) {
        text_t text = {.len = 0};
        json_object *array;
        const char *why;
        int i;

        apr_pool_create(&pool, all);
        put(&text, "[");
        put_blanks(&text);
        for (i = roll(6); i > 0; i--) {
            put_value(&text, 4);
            put_blanks(&text);
            put(&text, i > 1 ? "," : "");
        }
        put(&text, "]");
        for (i = roll(3); i > 0 && text.len > 1; i--) {
            spoil(&text);
        }
        /* What does not begin with [ any more is none of our business. */
        if (crm360_elements_kind(NULL, text.data, text.len) == CRM360_ELEMENTS_ARRAY) {
            int whole = crm360_json_parse(&array, &why, text.data, text.len, pool) == APR_SUCCESS;

            if (!same_array(&text, whole ? array : NULL, why)) {
                printf("# differs: %s\n",
                       crm360_json_quote(apr_pstrmemdup(pool, text.data, text.len), pool));
                different++;
            }
            good += whole;
            bad += !whole;
        }
        apr_pool_destroy(pool);
    }
    pool = all;
    is_number(different, 0, "random texts are read as crm360_json_parse() reads them");
    ok(good > rounds / 10 && bad > rounds / 10, "%d whole ones, %d that are not", good, bad);
}

/* ---- the stored message of an element ---- */

#define HEAD                                                                                       \
    "POST /x/QueueProcess/acme/prod/Shopify/Customer/Insert?SourceId=1&BatchMode=true HTTP/1.1"    \
    "\r\nCrm360-Id: 01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Customer-Insert%s\r\n"                      \
    "Crm360-Received: 2026-11-23T15:58:00.123456Z\r\nCrm360-Customer: acme\r\n"                    \
    "Crm360-Database: prod\r\nCrm360-Route: Shopify/Customer/Insert\r\nCrm360-Source-Id: 1\r\n"    \
    "Crm360-Batch-Mode: true\r\nCrm360-Origin: shopify; key=2\r\n%sCrm360-Not-Known-Yet: "         \
    "stays\r\n"                                                                                    \
    "Host: x\r\nContent-Type: application/json\r\nX-Crm360-Id: not ours\r\n"                       \
    "Content-Length: %d\r\n\r\n%s"

static void stored(void)
{
    const char *whole = apr_psprintf(
        pool, HEAD, "", "crm360-dedup-key: abc\r\nCrm360-Email: a@b.fr\r\n", 11, "[{\"a\":1},2]");
    crm360_message_t *message, *part;
    crm360_element_head_t head;
    const char *made, *why;
    apr_size_t len;

    ok(crm360_message_parse(&message, &why, whole, strlen(whole), pool) == APR_SUCCESS,
       "the whole can be read");
    ok(!crm360_message_is_element(message), "and is no element");
    crm360_element_head(&head, message, whole, NULL, pool);
    made = crm360_element_message(&len, &head, 100000, "{\"a\":1}", 7, pool);
    /* The id moves to the front, and the length to the end, where they are in the whole too. */
    is_text(made, apr_psprintf(pool, HEAD, ".100000", "", 7, "{\"a\":1}"),
            "an element has the head of the whole but for id, key, recipient and length");
    is_number((long long)len, (long long)strlen(made), "its length");
    ok(crm360_message_parse(&part, &why, made, len, pool) == APR_SUCCESS, "it can be read");
    is_text(part->id, "01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Customer-Insert.100000", "its id");
    is_text(part->id, crm360_element_id(message->id, 100000, pool), "as it is announced");
    ok(crm360_message_is_element(part), "it is an element");
    crm360_element_head(&head, message, whole, "text/x", pool);
    made = crm360_element_message(&len, &head, 2, "[]", 2, pool);
    ok(crm360_message_parse(&part, &why, made, len, pool) == APR_SUCCESS && part->body_len == 2,
       "one with a type of its own can be read");
    is_text(crm360_message_header(part, "Content-Type"), "text/x", "  has that type");
    ok(!strstr(made, "application/json") && strstr(made, "X-Crm360-Id: not ours\r\n"),
       "  instead of the whole's, and all other fields");
    part->id = "01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Customer-Insert.";
    ok(!crm360_message_is_element(part), "a dot alone makes none");
    part->id = "x.1a";
    ok(!crm360_message_is_element(part), "nor does a name");
}

/* No id of ours looks like that of an element, and each has room for a number. */
static void ids(void)
{
    const crm360_route_t *route;
    crm360_message_t message = {.id = NULL};
    apr_size_t longest = 0;
    int elements = 0;

    for (route = crm360_routes; route->platform; route++) {
        message.id = crm360_message_id(route, apr_time_now(), pool);
        elements += crm360_message_is_element(&message);
        longest = strlen(message.id) > longest ? strlen(message.id) : longest;
    }
    is_number(elements, 0, "no new id looks like that of an element");
    ok(longest + sizeof ".2147483647" - 1 <= CRM360_ID_MOST, "the longest has room for a number");
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    table();
    depth();
    random_texts(50000);
    stored();
    ids();
    apr_pool_destroy(pool);
    return tap_done();
}
