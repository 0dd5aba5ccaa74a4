/*
 * What our parser makes of a text is what json-c's own makes of it, but for integers beyond 64
 * bits: random documents, of which each kind of value, escape and blank is a part.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "t/unit/tap.h"

#define DOCUMENTS 30000
#define TEXT_MOST (256 * 1024)
#define DEEP 6

static char text[TEXT_MOST];
static apr_size_t length;

static unsigned int any(unsigned int below)
{
    static unsigned int seed = 20260302;

    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % below;
}

static void put(const char *piece)
{
    apr_size_t size = strlen(piece);

    if (length + size < TEXT_MOST) {
        memcpy(text + length, piece, size + 1);
        length += size;
    }
}

#define PUT_ANY(pieces) put((pieces)[any((unsigned int)(sizeof(pieces) / sizeof((pieces)[0])))])

static void put_blanks(void)
{
    static const char *const blanks[] = {"", "", "", " ", "\n", "\t \r\n"};

    PUT_ANY(blanks);
}

static void put_string(void)
{
    static const char *const pieces[] = {"a",
                                         "bc",
                                         "x y",
                                         "\xC3\xA9",
                                         "\xE2\x82\xAC",
                                         "\xF0\x9F\x98\x80",
                                         "\\n",
                                         "\\u00e9",
                                         "\\u20AC",
                                         "\\u0000",
                                         "\\uFFFF",
                                         "\\ud83d\\ude00",
                                         "\\ud83d",
                                         "\\ude00",
                                         "\\ud83dx",
                                         "\\ud83d\\u0041",
                                         "\\ud83d\\ud83d\\ude00",
                                         "\\\"",
                                         "\\\\",
                                         "\\/",
                                         "\\b\\f\\r\\t"};
    unsigned int count = any(6);

    put("\"");
    while (count-- > 0) {
        PUT_ANY(pieces);
    }
    put("\"");
}

static void put_number(void)
{
    static const char *const numbers[] = {"0",
                                          "-0",
                                          "1",
                                          "-1",
                                          "123456789012345678",
                                          "1234567890123456789",
                                          "9223372036854775807",
                                          "9223372036854775808",
                                          "18446744073709551615",
                                          "-9223372036854775807",
                                          "-9223372036854775808",
                                          "24.90",
                                          "-0.0",
                                          "1e5",
                                          "1E-7",
                                          "1e400",
                                          "123456789.123456789"};

    PUT_ANY(numbers);
}

static void put_value(int depth);

static void put_object(int depth)
{
    static const char *const names[] = {"\"k\"", "\"\"", "\"\\u006b\"", "\"a b\""};
    unsigned int count = any(5), i;

    put("{");
    put_blanks();
    for (i = 0; i < count; i++) {
        put(i ? "," : "");
        put_blanks();
        if (any(2)) {
            put_string();
        }
        else {
            PUT_ANY(names); /* also the same one again */
        }
        put_blanks();
        put(":");
        put_value(depth + 1);
    }
    put("}");
}

static void put_array(int depth)
{
    unsigned int count = any(5), i;

    put("[");
    put_blanks();
    for (i = 0; i < count; i++) {
        put(i ? "," : "");
        put_value(depth + 1);
    }
    put("]");
}

static void put_value(int depth)
{
    static const char *const words[] = {"null", "true", "false"};

    put_blanks();
    switch (any(depth > DEEP ? 4 : 8)) {
    case 0:
    case 1:
        PUT_ANY(words);
        break;
    case 2:
        put_number();
        break;
    case 3:
        put_string();
        break;
    case 4:
        put_array(depth);
        break;
    default:
        put_object(depth);
        break;
    }
    put_blanks();
}

static json_object *by_json_c(void)
{
    json_tokener *tokener = json_tokener_new_ex(70);
    json_object *value = json_tokener_parse_ex(tokener, text, (int)length);

    if (json_tokener_get_error(tokener) == json_tokener_continue) {
        value = json_tokener_parse_ex(tokener, "\n", 1);
    }
    json_tokener_free(tokener);
    return value;
}

static int is_same(json_object *a, json_object *b);

/* Members in the same order. */
static int has_same_members(json_object *a, json_object *b)
{
    struct json_object_iterator i = json_object_iter_begin(a), j = json_object_iter_begin(b),
                                end = json_object_iter_end(a);

    if (json_object_object_length(a) != json_object_object_length(b)) {
        return 0;
    }
    for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
        if (strcmp(json_object_iter_peek_name(&i), json_object_iter_peek_name(&j)) != 0 ||
            !is_same(json_object_iter_peek_value(&i), json_object_iter_peek_value(&j))) {
            return 0;
        }
        json_object_iter_next(&j);
    }
    return 1;
}

static int has_same_elements(json_object *a, json_object *b)
{
    size_t i, count = json_object_array_length(a);
    int same = count == json_object_array_length(b);

    for (i = 0; i < count && same; i++) {
        same = is_same(json_object_array_get_idx(a, i), json_object_array_get_idx(b, i));
    }
    return same;
}

static int is_same(json_object *a, json_object *b)
{
    double x, y;

    if (json_object_get_type(a) != json_object_get_type(b)) {
        return 0;
    }
    switch (json_object_get_type(a)) {
    case json_type_object:
        return has_same_members(a, b);
    case json_type_array:
        return has_same_elements(a, b);
    case json_type_string:
        return json_object_get_string_len(a) == json_object_get_string_len(b) &&
               memcmp(json_object_get_string(a), json_object_get_string(b),
                      (size_t)json_object_get_string_len(a)) == 0;
    case json_type_double:
        x = json_object_get_double(a);
        y = json_object_get_double(b);
        if (memcmp(&x, &y, sizeof(x)) != 0) {
            return 0;
        }
        /* fall through */
    default:
        return strcmp(json_object_to_json_string(a), json_object_to_json_string(b)) == 0;
    }
}

int main(void)
{
    int i, taken = 0, same = 0, large = 0;
    json_object *ours, *theirs;
    apr_pool_t *pool;
    const char *why;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    for (i = 0; i < DOCUMENTS; i++) {
        length = 0;
        put_value(0);
        if (crm360_json_parse(&ours, &why, text, length, pool) == APR_SUCCESS) {
            theirs = by_json_c();
            taken++;
            large += length > 100;
            same += is_same(ours, theirs);
            if (!is_same(ours, theirs) && taken - same < 4) {
                printf("# differs: %.500s\n", text);
            }
            json_object_put(theirs);
        }
        apr_pool_clear(pool);
    }
    is_number(taken, DOCUMENTS, "all documents are taken");
    is_number(same, DOCUMENTS, "and are what json-c makes of them");
    ok(large > DOCUMENTS / 20, "%d of them have more than 100 bytes", large);
    return tap_done();
}
