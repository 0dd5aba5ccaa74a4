/*
 * Relaxed JSON: what people paste is read as they mean it, what could be meant otherwise is refused
 * with its place, and strict text says the same as to the strict reader. Whatever bytes come, no
 * reader crashes.
 */
#include "core/json.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>

#include "core/json_scan.h"
#include "t/unit/tap.h"

#define PLAIN (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

static apr_pool_t *pool;

typedef apr_status_t (*reader_t)(json_object **, const char **, const char *, apr_size_t,
                                 apr_pool_t *);

/* Reads a copy that ends where the text does, so that a sanitizer sees a read past the end. The
 * compact JSON of it, or NULL with *why. */
static const char *read_with(reader_t reader, const char **why, const char *text, size_t len,
                             apr_pool_t *where)
{
    json_object *value = NULL;
    char *exact = malloc(len ? len : 1);
    apr_status_t rv;

    memcpy(exact, text, len);
    *why = NULL;
    rv = reader(&value, why, exact, len, where);
    free(exact);
    return rv == APR_SUCCESS ? apr_pstrdup(where, json_object_to_json_string_ext(value, PLAIN))
                             : NULL;
}

static void cases(void)
{
    static const struct {
        const char *name;
        const char *text;
        const char *want; /* NULL = refused */
        const char *why;
    } list[] = {
        {"names without quotes", "{Ab_1: 1, $x:2,_:3}", "{\"Ab_1\":1,\"$x\":2,\"_\":3}", NULL},
        {"a name with an accent",
         "{Pr\xC3\xA9nom: \"L\xC3\xA9"
         "a\"}",
         "{\"Pr\xC3\xA9nom\":\"L\xC3\xA9"
         "a\"}",
         NULL},
        {"a blank before the colon", "{ReplyTo : \"x\"}", "{\"ReplyTo\":\"x\"}", NULL},
        {"names that are words", "{true:true,null:null}", "{\"true\":true,\"null\":null}", NULL},
        {"a comma missing before a name", "{a:\"1\"\n b:2 c:3}", "{\"a\":\"1\",\"b\":2,\"c\":3}",
         NULL},
        {"a comma missing before a name in quotes", "{\"a\":1 \"b\":2}", "{\"a\":1,\"b\":2}", NULL},
        {"a comma missing behind brackets", "{a:{b:1}c:[1]\"d\":2}",
         "{\"a\":{\"b\":1},\"c\":[1],\"d\":2}", NULL},
        {"commas missing in an array", "[1 -2 \"x\"\"y\"[3]{a:4}true null]",
         "[1,-2,\"x\",\"y\",[3],{\"a\":4},true,null]", NULL},
        {"a spare comma", "{a:[1,2 , ],}", "{\"a\":[1,2]}", NULL},
        {"a no-break space",
         "\xC2\xA0{\xC2\xA0 a\xC2\xA0:\xC2\xA0"
         "1,\xC2\xA0}\xC2\xA0",
         "{\"a\":1}", NULL},
        {"no-break spaces in a text stay", "{a:\"1\xC2\xA0,\xC2\xA0}\"}",
         "{\"a\":\"1\xC2\xA0,\xC2\xA0}\"}", NULL},
        {"digits beyond 64 bits", "{a:123456789012345678901 b:1,}",
         "{\"a\":\"123456789012345678901\",\"b\":1}", NULL},
        {"escapes", "{a:\"\\\"b:1 \\u00e9\"}", "{\"a\":\"\\\"b:1 \xC3\xA9\"}", NULL},
        {"null", " null ", "null", NULL},
        {"the same member twice", "{a:1 a:2}", "{\"a\":2}", NULL},
        {"a value without quotes", "{a:b}", NULL, "line 1, column 4: expected a JSON value"},
        {"single quotes", "{'a':1}", NULL, "line 1, column 2: expected a member name"},
        {"single quotes around a value", "{a:'b'}", NULL,
         "line 1, column 4: expected a JSON value"},
        {"curly quotes",
         "{\xE2\x80\x9C"
         "a\xE2\x80\x9D: 1}",
         NULL, "line 1, column 2: expected a member name"},
        {"a comment", "{a:1 /* x */}", NULL, "line 1, column 6: expected , or } in an object"},
        {"a name with a hyphen", "{a-b:1}", NULL,
         "line 1, column 3: expected : after a member name"},
        {"a name with a digit in front", "{1a:1}", NULL,
         "line 1, column 2: expected a member name"},
        {"a name beside a number", "{a:1b:2}", NULL,
         "line 1, column 5: expected , or } in an object"},
        {"a name beside a word", "{a:trueb:2}", NULL,
         "line 1, column 8: expected , or } in an object"},
        {"a leading zero", "[01]", NULL, "line 1, column 3: expected , or ] in an array"},
        {"a number beside another", "[1-2]", NULL, "line 1, column 3: expected , or ] in an array"},
        {"two commas", "[1,,2]", NULL, "line 1, column 4: expected a JSON value"},
        {"two commas in an object", "{a:1,,b:2}", NULL, "line 1, column 6: expected a member name"},
        {"nothing but a comma", "[,]", NULL, "line 1, column 2: expected a JSON value"},
        {"nothing but a comma in an object", "{,}", NULL,
         "line 1, column 2: expected a member name"},
        {"a comma in front", "{,a:1}", NULL, "line 1, column 2: expected a member name"},
        {"a value missing", "{a:,b:1}", NULL, "line 1, column 4: expected a JSON value"},
        {"a colon missing", "{a 1}", NULL, "line 1, column 4: expected : after a member name"},
        {"two texts for one name", "{a:\"x\" \"y\"}", NULL,
         "line 1, column 11: expected : after a member name"},
        {"names in an array", "[a b]", NULL, "line 1, column 2: expected a JSON value"},
        {"a second value", "{a:1} {b:2}", NULL,
         "line 1, column 7: expected nothing after the value"},
        {"the wrong closer behind a comma", "[1,}", NULL,
         "line 1, column 4: expected a JSON value"},
        {"a line feed in a text", "{a:\"x\ny\"}", NULL,
         "line 1, column 6: expected no control character in a string"},
        {"the place counts what was typed", "{\n\xC2\xA0 a:1 b:2,\n  c:\xC3\xA9}", NULL,
         "line 3, column 5: expected a JSON value"},
        {"nothing", "", NULL, "line 1, column 1: expected a JSON value, found the end of the text"},
        {"an open name", "{abc", NULL,
         "line 1, column 5: expected : after a member name, found the end of the text"},
    };
    const char *got, *why;
    size_t i;

    for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        got = read_with(crm360_json_parse_relaxed, &why, list[i].text, strlen(list[i].text), pool);
        is_text(got, list[i].want, list[i].name);
        if (!list[i].want) {
            is_text(why, list[i].why, "and the reason says where");
        }
    }
}

/* The samples of the product's page, as they stand there. */
static const char *const samples[] = {
    "{\n    MobilePhoneNumber : \"0600000000\"\n    MobilePhoneCountryIso3 : \"FRA\",\n"
    "    Sender : \"CRM360\",\n    Message : \"Mon SMS\",\n    Crm360EventChannelId : \"1\",\n"
    "    Crm360EventCategoryId : \"1\"\n}",
    "{\r\n\tEmailTo: \"lea.marchand@example.fr\",\r\n\tReplyTo : \"support@example.Com\",\r\n"
    "\tSubject: \"Bonjour {{var:Prenom}}\",\r\n\tVariablePersoJson: {\r\n    \tPrenom: \"L\xC3\xA9"
    "a\",\r\n    \tNom: \"Marchand\"\r\n    }\r\n}\r\n",
    "{\n    LoyaltyCardId: \"12345\"\n}",
};
#define SAMPLES (int)(sizeof(samples) / sizeof(samples[0]))

static void page_samples(void)
{
    static const char *const want[] = {
        "{\"MobilePhoneNumber\":\"0600000000\",\"MobilePhoneCountryIso3\":\"FRA\",\"Sender\":"
        "\"CRM360\",\"Message\":\"Mon SMS\",\"Crm360EventChannelId\":\"1\","
        "\"Crm360EventCategoryId\":\"1\"}",
        "{\"EmailTo\":\"lea.marchand@example.fr\",\"ReplyTo\":\"support@example.Com\","
        "\"Subject\":\"Bonjour {{var:Prenom}}\",\"VariablePersoJson\":{\"Prenom\":\"L\xC3\xA9"
        "a\",\"Nom\":\"Marchand\"}}",
        "{\"LoyaltyCardId\":\"12345\"}",
    };
    const char *why;
    int i, wrong = 0;
    size_t len;

    for (i = 0; i < SAMPLES; i++) {
        is_text(read_with(crm360_json_parse_relaxed, &why, samples[i], strlen(samples[i]), pool),
                want[i], "a sample of the page");
        for (len = 0; len < strcspn(samples[i], "}") && i != 1; len++) {
            wrong += read_with(crm360_json_parse_relaxed, &why, samples[i], len, pool) != NULL ||
                     !strstr(why, "found the end of the text");
        }
    }
    is_number(wrong, 0, "cut anywhere, they are refused because of their end");
}

static void nesting(void)
{
    char text[6 * 70 + 1];
    const char *why;
    int levels, i;

    for (levels = 64; levels <= 65; levels++) {
        text[0] = '\0';
        for (i = 0; i < levels; i++) {
            strcat(text, "{a:");
        }
        text[strlen(text) - 2] = '\0';
        for (i = 0; i < levels; i++) {
            strcat(text, i ? ",}" : "}");
        }
        ok((read_with(crm360_json_parse_relaxed, &why, text, strlen(text), pool) != NULL) ==
               (levels == 64),
           "%d levels", levels);
    }
    ok(why && strstr(why, "at most 64 levels") != NULL, "the reason names the limit");
}

static void many_slips(void)
{
    apr_size_t len = CRM360_SCAN_REPAIRS + 2, i;
    char *text = apr_palloc(pool, len);
    const char *why;

    text[0] = '[';
    for (i = 1; i < len - 1; i++) {
        text[i] = i % 2 ? '1' : ' ';
    }
    text[len - 1] = ']';
    ok(read_with(crm360_json_parse_relaxed, &why, text, len, pool) != NULL,
       "a long array without commas");
    len = 2 * CRM360_SCAN_REPAIRS + 2;
    text = apr_palloc(pool, len);
    for (i = 0; i < len; i++) {
        text[i] = i % 2 ? '\xA0' : '\xC2';
    }
    ok(read_with(crm360_json_parse_relaxed, &why, text, len, pool) == NULL,
       "more no-break spaces than are noted");
    memcpy(text, "[]", 2);
    ok(read_with(crm360_json_parse_relaxed, &why, text, len, pool) == NULL, "and behind a value");
    is_text(why, "line 1, column 50003: expected fewer than 100000 slips from strict JSON",
            "the reason names the limit");
}

/* A mutation of a sample or of strict JSON, in `out`; returns its length. */
static size_t mutate(char *out, size_t size)
{
    static const char *const strict[] = {
        "{\"a\":[1,-2.5e3,{\"b\":null}],\"c\":\"x\\\"\\u00e9\",\"d\":{},\"e\":[]}",
        "[true,false,null,\"\",[[]],12345678901234567890123]",
    };
    static const char pieces[] = "{}[]:,\"\\ \n\t\xC2\xA0\xC3\xA9"
                                 "ab1-0.e'*/\0tn";
    int which = rand() % (SAMPLES + 2), edits = rand() % 4, i;
    const char *from = which < SAMPLES ? samples[which] : strict[which - SAMPLES];
    size_t len = strlen(from), at;

    memcpy(out, from, len);
    for (i = 0; i < edits; i++) {
        at = (size_t)rand() % (len + 1);
        switch (rand() % 3) {
        case 0:
            if (len < size) {
                memmove(out + at + 1, out + at, len++ - at);
                out[at] = pieces[(size_t)rand() % (sizeof(pieces) - 1)];
            }
            break;
        case 1:
            if (at < len) {
                out[at] = pieces[(size_t)rand() % (sizeof(pieces) - 1)];
            }
            break;
        default:
            if (at < len) {
                memmove(out + at, out + at + 1, --len - at);
            }
        }
    }
    return len;
}

/* Whatever the strict reader takes, the relaxed one reads alike; what the relaxed one makes of a
 * text is strict JSON that says the same. */
static void random_texts(void)
{
    int i, read = 0, strict = 0, apart = 0, unreadable = 0;
    const char *relaxed_says, *strict_says, *why;
    apr_pool_t *round;
    char text[600];
    size_t len;

    srand(360);
    apr_pool_create(&round, pool);
    for (i = 0; i < 40000; i++) {
        apr_pool_clear(round);
        len = mutate(text, sizeof(text));
        relaxed_says = read_with(crm360_json_parse_relaxed, &why, text, len, round);
        unreadable += !relaxed_says && strncmp(why, "line ", 5) != 0;
        strict_says = read_with(crm360_json_parse, &why, text, len, round);
        read += relaxed_says != NULL;
        strict += strict_says != NULL;
        apart += strict_says && (!relaxed_says || strcmp(relaxed_says, strict_says) != 0);
        if (relaxed_says) {
            strict_says =
                read_with(crm360_json_parse, &why, relaxed_says, strlen(relaxed_says), round);
            apart += !strict_says || strcmp(relaxed_says, strict_says) != 0;
        }
    }
    is_number(apart, 0, "both readers agree on what is strict");
    is_number(unreadable, 0, "every refusal has its place");
    ok(strict > 1000 && read > strict + 1000 && read < 35000,
       "%d of the texts were strict, %d readable", strict, read);
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    cases();
    page_samples();
    nesting();
    many_slips();
    random_texts();
    apr_pool_destroy(pool);
    apr_terminate();
    return tap_done();
}
