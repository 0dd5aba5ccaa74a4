/* JSON reading: what is accepted, where an error is placed, and that bytes become valid UTF-8. */
#include "core/json.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>

#include "core/charset.h"
#include "t/unit/tap.h"

static apr_pool_t *pool;

static void parse_cases(void)
{
    static const struct {
        const char *name;
        const char *text;
        const char *want; /* compact JSON, NULL = refused */
        const char *why;
    } cases[] = {
        {"object", "{\"a\":1}", "{\"a\":1}", NULL},
        {"byte-order mark and blanks", "\xEF\xBB\xBF {\"a\":[ ]} \r\n", "{\"a\":[]}", NULL},
        {"null", "null", "null", NULL},
        {"lone number", "12", "12", NULL},
        {"lone string", "\"x\"", "\"x\"", NULL},
        {"lone false", "false", "false", NULL},
        {"integer above 2^53", "706405506930370084", "706405506930370084", NULL},
        {"integer above 2^63", "18446744073709551615", "18446744073709551615", NULL},
        {"integer below", "-9223372036854775808", "-9223372036854775808", NULL},
        {"integer above 64 bits", "18446744073709551616", "\"18446744073709551616\"", NULL},
        {"integer below 64 bits", "-9223372036854775809", "\"-9223372036854775809\"", NULL},
        {"many of them",
         "{\"123456789012345678901\":[123456789012345678901,1,-98765432109876543210, \"\\\"\","
         "123456789012345678902],\"d\":123456789012345678901.50,\"s\":\"\\\\\"}",
         "{\"123456789012345678901\":[\"123456789012345678901\",1,\"-98765432109876543210\","
         "\"\\\"\",\"123456789012345678902\"],\"d\":123456789012345678901.50,\"s\":\"\\\\\"}",
         NULL},
        {"decimal beyond a double", "1e400", "1e400", NULL},
        {"escapes", "\"\\u003c\\u00e9\\/\"", "\"<\xC3\xA9/\"", NULL},
        {"surrogate pair", "\"\\ud83d\\ude00\"", "\"\xF0\x9F\x98\x80\"", NULL},
        {"lone surrogate", "\"\\ud83d\"", "\"\xEF\xBF\xBD\"", NULL},
        {"wrong UTF-8", "\"a\xE9z\"", "\"a\xEF\xBF\xBDz\"", NULL},
        {"decimals keep their text", "10.50", "10.50", NULL},
        {"nothing", "", NULL, "line 1, column 1: expected a JSON value, found the end of the text"},
        {"blanks", " \n ", NULL,
         "line 2, column 2: expected a JSON value, found the end of the text"},
        {"cut object", "{\"a\":1", NULL,
         "line 1, column 7: expected , or } in an object, found the end of the text"},
        {"cut string", "{\"a\":\"x", NULL,
         "line 1, column 8: expected \" at the end of a string, found the end of the text"},
        {"cut word", "tru", NULL,
         "line 1, column 4: expected true, false or null, found the end of the text"},
        {"second value", "{} {}", NULL, "line 1, column 4: expected nothing after the value"},
        {"text behind", "{}x", NULL, "line 1, column 3: expected nothing after the value"},
        {"single quotes", "{'a':1}", NULL,
         "line 1, column 2: expected a member name in double quotes"},
        {"no quotes", "{a:1}", NULL, "line 1, column 2: expected a member name in double quotes"},
        {"missing colon", "{\"a\" 1}", NULL, "line 1, column 6: expected : after a member name"},
        {"missing comma on line 3", "{\n\"\xC3\xA9\":1,\n\"b\":2 \"c\":3}", NULL,
         "line 3, column 7: expected , or } in an object"},
        {"characters, not bytes", "[\"\xC3\xA9\xC3\xA9\" 1]", NULL,
         "line 1, column 7: expected , or ] in an array"},
        {"trailing comma", "[1,]", NULL, "line 1, column 4: expected a JSON value"},
        {"comment", "/* x */ 1", NULL, "line 1, column 1: expected a JSON value"},
        {"NaN", "NaN", NULL, "line 1, column 1: expected a JSON value"},
        {"capital word", "True", NULL, "line 1, column 1: expected a JSON value"},
        {"control character", "\"a\nb\"", NULL,
         "line 1, column 3: expected no control character in a string"},
        {"leading zero", "[01]", NULL, "line 1, column 3: expected , or ] in an array"},
        {"no digit", "[-]", NULL, "line 1, column 3: expected a digit"},
        {"no fraction", "1.", NULL,
         "line 1, column 3: expected a digit after the decimal point, found the end of the text"},
        {"exponent", "[1e+5,0.5E3]", "[1e+5,0.5E3]", NULL},
        {"no exponent", "[1e]", NULL, "line 1, column 4: expected a digit in the exponent"},
        {"unknown escape", "[\"\\x\"]", NULL,
         "line 1, column 4: expected an escape such as \\n or \\u00e9"},
        {"short escape", "[\"\\u12\"]", NULL,
         "line 1, column 7: expected four hexadecimal digits after \\u"},
        {"empty object and array", "{ \"a\" : { } , \"b\" : [ ] }", "{\"a\":{},\"b\":[]}", NULL},
        {"wrong closer", "[1}", NULL, "line 1, column 3: expected , or ] in an array"},
        {"trailing comma in an object", "{\"a\":1,}", NULL,
         "line 1, column 8: expected a member name in double quotes"},
        {"form", "a=1&b=2", NULL, "line 1, column 1: expected a JSON value"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_object *value = NULL;
        const char *why = NULL;
        size_t len = strlen(cases[i].text);
        char *exact = malloc(len + 1);
        apr_status_t rv;

        /* An exact copy without the NUL lets a sanitizer see a read past the end. */
        exact = memcpy(realloc(exact, len ? len : 1), cases[i].text, len);
        rv = crm360_json_parse(&value, &why, exact, len, pool);
        free(exact);
        if (cases[i].want) {
            ok(rv == APR_SUCCESS, "%s is accepted", cases[i].name);
            is_text(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
                                                              JSON_C_TO_STRING_NOSLASHESCAPE),
                    cases[i].want, cases[i].name);
        }
        else {
            ok(rv == APR_EINVAL && value == NULL, "%s is refused", cases[i].name);
            is_text(why, cases[i].why, cases[i].name);
        }
    }
}

static void depth(void)
{
    static const int tried[] = {63, 64, 65, 200};
    json_object *value;
    const char *why = NULL;
    char text[401];
    int levels;
    size_t i;

    for (i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
        levels = tried[i];
        memset(text, '[', (size_t)levels);
        memset(text + levels, ']', (size_t)levels);
        text[2 * levels] = '\0';
        if (levels <= 64) {
            ok(crm360_json_parse(&value, &why, text, strlen(text), pool) == APR_SUCCESS,
               "%d levels are fine", levels);
        }
        else {
            ok(crm360_json_parse(&value, &why, text, strlen(text), pool) == APR_EINVAL,
               "%d levels are refused", levels);
            ok(why && strstr(why, "at most 64 levels") != NULL, "the reason names the limit");
        }
    }
}

/* An array of `count` empty objects: the dearest value for its length. */
static apr_status_t parse_many(int count, const char **why)
{
    char *text = apr_palloc(pool, (apr_size_t)count * 3 + 2);
    json_object *value;
    char *at = text;
    int i;

    *at++ = '[';
    for (i = 0; i < count; i++) {
        memcpy(at, "{},", 3);
        at += 3;
    }
    at[-1] = ']';
    return crm360_json_parse(&value, why, text, (apr_size_t)(at - text), pool);
}

static void values(void)
{
    const char *why;

    is_number(parse_many(199999, &why), APR_SUCCESS, "200,000 values are read");
    is_number(parse_many(200000, &why), APR_EINVAL, "one more is refused");
    ok(strstr(why, "at most 200000 values") != NULL, "saying why");
}

static void clean(void)
{
    static const struct {
        const char *name;
        const char *in;
        size_t len;
        const char *want;
    } cases[] = {
        {"ASCII", "abc", 3, "abc"},
        {"valid sequences", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9,
         "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"},
        {"ISO 8859-1", "\xE9t\xE9", 3, "\xEF\xBF\xBDt\xEF\xBF\xBD"},
        {"NUL", "a\0b", 3, "ab"},
        {"overlong slash", "\xC0\xAF", 2, "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"surrogate", "\xED\xA0\x80", 3, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"cut sequence", "a\xE2\x82", 3, "a\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"past U+10FFFF", "\xF4\x90\x80\x80", 4,
         "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"empty", "", 0, ""},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        apr_size_t len = 0;
        const char *out = crm360_utf8_clean(&len, cases[i].in, cases[i].len, pool);

        is_text(apr_pstrmemdup(pool, out, len), cases[i].want, cases[i].name);
        is_number((long long)len, (long long)strlen(cases[i].want), cases[i].name);
    }
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    parse_cases();
    depth();
    values();
    clean();
    is_text(crm360_json_date(APR_INT64_C(1764082680007999), pool), "\"2025-11-25T14:58:00.007Z\"",
            "a moment, its microseconds cut");
    is_text(crm360_json_quote("a\"b\\c\n/\xC3\xA9", pool), "\"a\\\"b\\\\c\\n/\xC3\xA9\"",
            "quoting");
    apr_pool_destroy(pool);
    return tap_done();
}
