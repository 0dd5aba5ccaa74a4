/* Members of JSON objects: texts, blocks, ids, flags, times; absent, null and wrong types apart. */
#include "handlers/field.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>

#include "core/json.h"
#include "t/unit/tap.h"

static apr_pool_t *pool;

/* An object with a member `a` of this JSON; "" = without. */
static json_object *with(const char *value)
{
    const char *text = *value ? apr_pstrcat(pool, "{\"a\":", value, "}", NULL) : "{\"b\":1}";
    json_object *object = NULL;
    const char *why;

    if (crm360_json_parse(&object, &why, text, strlen(text), pool) != APR_SUCCESS) {
        printf("Bail out! %s: %s\n", text, why);
        exit(1);
    }
    return object;
}

/* "absent", "null", or what was read. */
static const char *shown(handler_field_t field, const char *text)
{
    return field == HANDLER_FIELD_ABSENT ? "absent" : field == HANDLER_FIELD_NULL ? "null" : text;
}

typedef struct row_t {
    const char *json;
    const char *want;
} row_t;

typedef handler_field_t read_t(const char **text, json_object *object, const char *name,
                               apr_pool_t *p);

static void texts(const char *kind, read_t *read, const row_t *rows, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        const char *text = "left";
        handler_field_t field = read(&text, with(rows[i].json), "a", pool);

        is_text(shown(field, text), rows[i].want, apr_pstrcat(pool, kind, rows[i].json, NULL));
        ok((text != NULL) == (field == HANDLER_FIELD_VALUE), "  a text only when there is one");
    }
    ok(read(&(const char *){NULL}, NULL, "a", pool) == HANDLER_FIELD_ABSENT, "no object at all");
}

static void text_and_block(void)
{
    static const row_t lines[] = {
        {"", "absent"},
        {"null", "null"},
        {"\"\"", "null"},
        {"\" \\t\\r\\n\"", "null"},
        {"\"\\u0000\"", "null"},
        {"\" a\\tb\\r\\nc \"", "a b c"},
        {"\"a\\u0000b\"", "ab"},
        {"12", "12"},
        {"10.50", "10.50"},
        {"123456789012345678901234567890", "123456789012345678901234567890"},
        {"true", "absent"},
        {"[]", "absent"},
        {"{}", "absent"},
    };
    static const row_t blocks[] = {
        {"", "absent"},
        {"null", "null"},
        {"\"\\r\\n \\n\\t\"", "null"},
        {"\"\\n one\\r\\n\\r\\n\\ttwo\\u0007\\u0000!\\n\\n\"", "one\n\n\ttwo !"},
        {"\"a\\rb\\n\\rc\"", "a b\n c"},
        {"7", "7"},
        {"false", "absent"},
    };

    texts("text ", handler_field_text, lines, sizeof(lines) / sizeof(lines[0]));
    texts("block ", handler_field_block, blocks, sizeof(blocks) / sizeof(blocks[0]));
}

static void ids(void)
{
    static const row_t rows[] = {
        {"", "absent"},
        {"null", "null"},
        {"\" \"", "null"},
        {"42", "42"},
        {"0", "0"},
        {"-7", "-7"},
        {"9007199254740993", "9007199254740993"},
        {"18446744073709551615", "18446744073709551615"},
        {"18446744073709551616", "18446744073709551616"},
        {"99999999999999999999999999", "99999999999999999999999999"},
        {"7.0", "absent"},
        {"7e3", "absent"},
        {"\"007\"", "007"},
        {"\" G-1 \"", "G-1"},
        {"\"7.0\"", "7.0"},
        {"true", "absent"},
        {"[1]", "absent"},
    };
    char longest[260];
    const char *text;

    texts("id ", handler_field_id, rows, sizeof(rows) / sizeof(rows[0]));
    memset(longest, '9', sizeof(longest));
    longest[255] = '\0';
    ok(handler_field_id(&text, with(longest), "a", pool) == HANDLER_FIELD_VALUE &&
           strcmp(text, longest) == 0,
       "a number of 255 digits");
    longest[255] = '9';
    longest[256] = '\0';
    ok(handler_field_id(&text, with(longest), "a", pool) == HANDLER_FIELD_ABSENT && !text,
       "256 are too many");
    ok(handler_field_id(&text, with(apr_psprintf(pool, "\"%s\"", longest)), "a", pool) ==
               HANDLER_FIELD_ABSENT &&
           !text,
       "as a text too");
}

static void any(void)
{
    static const char *const names[] = {"event", "contact.identifier", "x.y.z", NULL};
    static const row_t rows[] = {
        {"{}", "absent"},
        {"{\"event\":\"a\",\"contact\":{\"identifier\":\"b\"}}", "a"},
        {"{\"event\":null,\"contact\":{\"identifier\":33612}}", "33612"},
        {"{\"event\":\"\",\"contact\":{\"identifier\":[]}}", "null"},
        {"{\"event\":{},\"contact\":{\"identifier\":\"b\"}}", "b"},
        {"{\"contact\":\"b\"}", "absent"},
        {"{\"contact.identifier\":\"flat\",\"contact\":{\"identifier\":\"b\"}}", "flat"},
        {"{\"contact\":{},\"x\":{\"y\":{\"z\":\"deep\"}}}", "deep"},
        {"{\"contact\":{\"identifier\":null},\"x\":{\"y\":[]}}", "null"},
        {"[]", "absent"},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_object *object;
        const char *text;
        handler_field_t field;

        json_object_object_get_ex(with(rows[i].json), "a", &object);
        field = handler_field_any(&text, object, names, pool);
        is_text(shown(field, text), rows[i].want, rows[i].json);
    }
}

static void flags(void)
{
    static const row_t rows[] = {
        {"", "absent"},
        {"null", "null"},
        {"\"\"", "null"},
        {"\"  \"", "null"},
        {"true", "1"},
        {"false", "0"},
        {"1", "1"},
        {"0", "0"},
        {"2", "absent"},
        {"1.0", "absent"},
        {"\"TRUE\"", "1"},
        {"\"False\"", "0"},
        {"\"1\"", "1"},
        {"\"0\"", "0"},
        {"\"yes\"", "1"},
        {"\"No\"", "0"},
        {"\"OUI\"", "1"},
        {"\"non\"", "0"},
        {"\"on\"", "1"},
        {"\"Off\"", "0"},
        {"\"y\"", "1"},
        {"\"N\"", "0"},
        {"\" oui\\n\"", "1"},
        {"\"oui non\"", "absent"},
        {"\"yess\"", "absent"},
        {"\"falsefalse\"", "absent"},
        {"[]", "absent"},
        {"{}", "absent"},
        {"[1]", "absent"},
        {"\"peut-etre\"", "absent"},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int value = 7;
        handler_field_t field = handler_field_flag(&value, with(rows[i].json), "a");

        is_text(shown(field, value ? "1" : "0"), rows[i].want,
                apr_pstrcat(pool, "flag ", rows[i].json, NULL));
        ok(field == HANDLER_FIELD_VALUE || value == 0, "  0 unless it is true");
    }
}

static void times(void)
{
    static const row_t rows[] = {
        {"", "absent"},
        {"null", "null"},
        {"\"\"", "null"},
        {"\"0000-00-00 00:00:00\"", "null"},
        {"\"0000-00-00\"", "null"},
        {"1772442927", "1772442927000"},
        {"\"1772442927\"", "1772442927000"},
        {"1772442927118", "1772442927118"},
        {"\" 1772442927118 \"", "1772442927118"},
        {"177244292", "absent"},
        {"17724429271", "absent"},
        {"-1772442927", "absent"},
        {"1772442927.5", "absent"},
        {"0", "absent"},
        {"\"2026-03-02T10:15:27+01:00\"", "1772442927000"},
        {"\"2026-03-02 09:15:27\"", "1772442927000"},
        {"\"2026-03-02T09:15:27.118Z\"", "1772442927118"},
        {"\"2026-03-02\"", "1772409600000"},
        {"\"2026-02-30 00:00:00\"", "absent"},
        {"\"02/03/2026\"", "absent"},
        {"true", "absent"},
        {"[]", "absent"},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        apr_int64_t ms = 7;
        handler_field_t field = handler_field_time(&ms, with(rows[i].json), "a", pool);

        is_text(shown(field, apr_psprintf(pool, "%" APR_INT64_T_FMT, ms)), rows[i].want,
                apr_pstrcat(pool, "time ", rows[i].json, NULL));
        ok(field == HANDLER_FIELD_VALUE || ms == 0, "  0 unless there is one");
    }
}

static void containers(void)
{
    json_object *value;

    ok(handler_field_array(&value, with("[1,2]"), "a") == HANDLER_FIELD_VALUE &&
           json_object_array_length(value) == 2,
       "an array");
    ok(handler_field_array(&value, with("{}"), "a") == HANDLER_FIELD_ABSENT && !value,
       "an object is no array");
    ok(handler_field_array(&value, with("null"), "a") == HANDLER_FIELD_NULL && !value, "null is");
    ok(handler_field_array(&value, with(""), "a") == HANDLER_FIELD_ABSENT && !value, "none");
    ok(handler_field_object(&value, with("{}"), "a") == HANDLER_FIELD_VALUE && value, "an object");
    ok(handler_field_object(&value, with("[]"), "a") == HANDLER_FIELD_ABSENT && !value,
       "an array is no object");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    text_and_block();
    ids();
    any();
    flags();
    times();
    containers();
    apr_pool_destroy(pool);
    return tap_done();
}
