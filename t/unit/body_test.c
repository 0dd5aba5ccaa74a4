/* Bodies and query strings: charsets, JSON with its place, and events in every form. */
#include "handlers/body.h"

#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>

#include "core/charset.h"
#include "t/unit/tap.h"

#define ALL (HANDLER_BODY_JSON | HANDLER_BODY_FORM | HANDLER_BODY_QUERY)
#define E_ACUTE "\xC3\xA9"
#define FFFD "\xEF\xBF\xBD"

static apr_pool_t *pool;

static crm360_message_t *message_of(const char *type, const char *query, const char *body,
                                    size_t len)
{
    crm360_message_t *message = apr_pcalloc(pool, sizeof(*message));
    apr_table_t *headers = apr_table_make(pool, 2);

    if (type) {
        apr_table_setn(headers, "content-type", type);
    }
    message->headers = headers;
    message->target = query ? apr_pstrcat(pool, "/a/b?", query, NULL) : "/a/b";
    message->body_len = len;
    /* On the heap and not terminated, so that reading past it is seen. */
    message->body = memcpy(malloc(len + !len), body, len);
    return message;
}

/* ---- text ---- */

/* A text with its length, since some hold NUL. */
#define BYTES(text) text, sizeof(text) - 1

static void charsets(void)
{
    static const struct {
        const char *type;
        const char *body;
        size_t len;
        const char *want;
    } rows[] = {
        {NULL, BYTES(""), ""},
        {NULL, BYTES("abc"), "abc"},
        {NULL,
         BYTES("\xEF\xBB\xBF"
               "abc"),
         "abc"},
        {NULL, BYTES("\xEF\xBB\xBF"), ""},
        {NULL, BYTES("l" E_ACUTE "a"), "l" E_ACUTE "a"},
        {NULL,
         BYTES("l\xE9"
               "a"),
         "l" E_ACUTE "a"},
        {NULL, BYTES("\x80 \x9C \x81"), "\xE2\x82\xAC \xC5\x93 " FFFD},
        {NULL, BYTES(E_ACUTE "\xE9"), E_ACUTE FFFD},
        {NULL, BYTES("a\0b\0"), "ab"},
        {NULL, BYTES("\xE9\0"), E_ACUTE},
        {NULL, BYTES("\xF0\x9F\x98\x80"), "\xF0\x9F\x98\x80"},
        {NULL, BYTES("\xF0\x9F\x98"), "\xC3\xB0\xC5\xB8\xCB\x9C"},
        {"application/json", BYTES("\xE9"), E_ACUTE},
        {"application/json; charset=utf-8",
         BYTES("l\xE9"
               "a"),
         "l" E_ACUTE "a"},
        {"application/json; charset=utf-8", BYTES(E_ACUTE "\xE9"), E_ACUTE FFFD},
        {"text/plain; charset=ISO-8859-1", BYTES(E_ACUTE), "\xC3\x83\xC2\xA9"},
        {"text/plain; charset=ISO-8859-1", BYTES("\xEF\xBB\xBF" E_ACUTE), E_ACUTE},
        {"text/plain;CHARSET=\"latin1\"", BYTES("\xE9\x80"), E_ACUTE "\xE2\x82\xAC"},
        {"text/plain; a=b; charset = 'Windows-1252' ;x", BYTES(E_ACUTE), "\xC3\x83\xC2\xA9"},
        {"text/plain; charset=cp1252", BYTES("\xA4"), "\xC2\xA4"},
        {"text/plain; charset=ISO_8859-15", BYTES("\xA4\xBD\xE9"), "\xE2\x82\xAC\xC5\x93" E_ACUTE},
        {"text/plain; charset=klingon", BYTES("\xE9"), E_ACUTE},
        {"text/plain; charset=klingon", BYTES(E_ACUTE), E_ACUTE},
        {"text/plain; charset=", BYTES("\xE9"), E_ACUTE},
        {"text/plain; charset", BYTES("\xE9"), E_ACUTE},
        {"text/plain; xcharset=latin1", BYTES(E_ACUTE), E_ACUTE},
        {"text/plain; charset=us-ascii", BYTES("\xE9"), E_ACUTE},
        {NULL,
         BYTES("\xFF\xFE"
               "a\0\xE9\0"),
         "a" E_ACUTE},
        {NULL,
         BYTES("\xFE\xFF"
               "\0a\0\xE9"),
         "a" E_ACUTE},
        {"a/b; charset=utf-8",
         BYTES("\xFF\xFE"
               "a\0"),
         "a"},
        {"a/b; charset=utf-16le", BYTES("a\0\xAC\x20"), "a\xE2\x82\xAC"},
        {"a/b; charset=utf-16be", BYTES("\0a\x20\xAC"), "a\xE2\x82\xAC"},
        {"a/b; charset=utf-16", BYTES("\0a\0b"), "ab"},
        {"a/b; charset=utf-16", BYTES("a\0b\0"), "ab"},
        {"a/b; charset=utf-16", BYTES("{\"l\":\"" E_ACUTE "\"}"), "{\"l\":\"" E_ACUTE "\"}"},
        {"a/b; charset=utf-16le", BYTES("\x3D\xD8\x00\xDE"), "\xF0\x9F\x98\x80"},
        {"a/b; charset=utf-16le",
         BYTES("\x3D\xD8"
               "a\0"),
         FFFD "a"},
        {"a/b; charset=utf-16le", BYTES("a\0\x00\xDE"), "a" FFFD},
        {"a/b; charset=utf-16le", BYTES("a\0\x3D\xD8"), "a" FFFD},
        {"a/b; charset=utf-16le", BYTES("a\0b"), "a" FFFD},
        {"a/b; charset=utf-16le", BYTES("a\0\0\0b\0"), "ab"},
        {NULL, BYTES("\xFF\xFE"), ""},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        crm360_message_t *message = message_of(rows[i].type, NULL, rows[i].body, rows[i].len);
        apr_size_t len;
        const char *text = handler_body_text(&len, message, pool);

        is_text(apr_pstrmemdup(pool, text, len), rows[i].want,
                apr_psprintf(pool, "text %d (%s)", (int)i, rows[i].type ? rows[i].type : "-"));
        free((void *)message->body);
    }
}

/* Whatever the bytes and the label are, valid UTF-8 without NUL comes out. */
static void random_bytes(void)
{
    static const char *const types[] = {NULL,
                                        "a/b; charset=utf-8",
                                        "a/b; charset=latin1",
                                        "a/b; charset=iso-8859-15",
                                        "a/b; charset=utf-16",
                                        "a/b; charset=utf-16be"};
    int i, good = 1;

    srand(4);
    for (i = 0; i < 6000; i++) {
        apr_pool_t *whole = pool;
        crm360_message_t *message;
        char bytes[24];
        apr_size_t len = (apr_size_t)(rand() % 24), n, clean;
        const char *text;

        apr_pool_create(&pool, whole);
        for (n = 0; n < len; n++) {
            bytes[n] = (char)(rand() % 4 ? rand() : "\xEF\xBB\xBF\xFF\xFE\xD8\0{"[rand() % 8]);
        }
        message = message_of(types[i % 6], NULL, bytes, len);
        text = handler_body_text(&n, message, pool);
        good = good && crm360_utf8_clean(&clean, text, n, pool) == text && clean == n;
        free((void *)message->body);
        apr_pool_destroy(pool);
        pool = whole;
    }
    ok(good, "random bytes come out as UTF-8");
}

/* ---- JSON ---- */

static void json(void)
{
    static const struct {
        const char *body;
        const char *want; /* the value, or the reason */
    } rows[] = {
        {"{\"a\":1}", "{\"a\":1}"},
        {"[\"l\xE9"
         "a\"]",
         "[\"l" E_ACUTE "a\"]"},
        {" null ", "null"},
        {"", "the body is not JSON: line 1, column 1: expected a JSON value, found the end of the "
             "text"},
        {"{\"a\":\n tru}", "the body is not JSON: line 2, column 5: expected true, false or null"},
        {"secret", "the body is not JSON: line 1, column 1: expected a JSON value"},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        crm360_message_t *message = message_of(NULL, NULL, rows[i].body, strlen(rows[i].body));
        json_object *value = NULL;
        const char *reason = NULL;

        is_text(handler_body_json(&value, &reason, message, pool)
                    ? json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN)
                    : reason,
                rows[i].want, apr_pstrcat(pool, "JSON ", rows[i].body, NULL));
        free((void *)message->body);
    }
}

/* ---- events ---- */

/* The events as one line, or the reason. */
static const char *events_of(crm360_message_t *message, int sources)
{
    apr_array_header_t *events;
    const char *reason = NULL, *line = "";
    int i;

    if (!handler_body_events(&events, &reason, message, sources, pool)) {
        return reason;
    }
    for (i = 0; i < events->nelts; i++) {
        json_object *event = APR_ARRAY_IDX(events, i, json_object *);

        if (!json_object_is_type(event, json_type_object)) {
            return "not an object";
        }
        line = apr_pstrcat(pool, line, i ? " " : "",
                           json_object_to_json_string_ext(
                               event, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
                           NULL);
    }
    return line;
}

#define FORM "application/x-www-form-urlencoded"
#define NOT_JSON "the body is not JSON: line 1, column 1: expected a JSON value"
#define NOTHING                                                                                    \
    "the body is empty, and the URL has no parameters but CRM360's own: expected the parameters "  \
    "of an event"

static void events(void)
{
    static const struct {
        int sources;
        const char *type;
        const char *query;
        const char *body;
        const char *want;
    } rows[] = {
        {ALL, NULL, NULL, "{\"a\":1}", "{\"a\":1}"},
        {ALL, NULL, "SourceId=1&b=2", " [{\"a\":1},{},{\"a\":2}] ", "{\"a\":1} {} {\"a\":2}"},
        {ALL, NULL, "x=1", "[]", ""},
        {ALL, NULL, NULL, "[{},3]",
         "the body is no event: element 2 of the array: expected an object"},
        {ALL, NULL, NULL, "[null]",
         "the body is no event: element 1 of the array: expected an object"},
        {ALL, NULL, NULL, "[[{}]]",
         "the body is no event: element 1 of the array: expected an object"},
        {ALL, NULL, NULL, "\n 12",
         "the body is no event: line 2, column 2: expected an object or an array of objects"},
        {ALL, NULL, NULL, "null",
         "the body is no event: line 1, column 1: expected an object or an array of objects"},
        {ALL, NULL, NULL, "<xml a=\"1\"/>", NOT_JSON},
        {ALL, NULL, NULL, "{\"a\"=1}",
         "the body is not JSON: line 1, column 5: expected : after a member name"},
        {ALL, FORM, NULL, "{\"a\":\"b&c=d\"}", "{\"a\":\"b&c=d\"}"},
        {ALL, "application/json", NULL, "a=1&b=c+d%21", "{\"a\":\"1\",\"b\":\"c d!\"}"},
        {ALL, NULL, NULL, "\r\na=1&a=2&A=3&b\r\n", "{\"a\":\"1\",\"A\":\"3\",\"b\":\"\"}"},
        {ALL, FORM "; charset=ISO-8859-1", NULL, "a=%E9&b=\xE9",
         "{\"a\":\"" E_ACUTE "\",\"b\":\"" E_ACUTE "\"}"},
        {ALL, FORM "; charset=ISO-8859-1", NULL, "a=%C3%A9&charset=utf-8",
         "{\"a\":\"" E_ACUTE "\",\"charset\":\"utf-8\"}"},
        {ALL, FORM, NULL, "SourceId=5&a=%zz%", "{\"SourceId\":\"5\",\"a\":\"%zz%\"}"},
        {ALL, FORM, NULL, "hello", "{\"hello\":\"\"}"},
        {ALL, FORM, NULL, "&&", "{}"},
        {ALL, FORM, NULL, "=1&%00=2&c%00d=e%00f", "{\"cd\":\"ef\"}"},
        {HANDLER_BODY_FORM, NULL, NULL, "{\"a\":1}",
         "the body is no form: expected application/x-www-form-urlencoded"},
        {HANDLER_BODY_FORM, FORM, NULL, "{=1", "{\"{\":\"1\"}"},
        {HANDLER_BODY_FORM, NULL, "a=1", "",
         "the body is no form: expected application/x-www-form-urlencoded"},
        {HANDLER_BODY_JSON, FORM, NULL, "a=1", NOT_JSON},
        {HANDLER_BODY_JSON, NULL, "a=1", "", NOT_JSON ", found the end of the text"},
        {ALL, NULL,
         "SourceId=1&ZONEID=2&BrandId=3&ContactAddressTypeId=4&BatchMode=1&Email=a%40b.fr&"
         "secondsOfInvisibility=5&token=s&numero=336&numero=337&accuse=-3",
         "", "{\"numero\":\"336\",\"accuse\":\"-3\"}"},
        {ALL, NULL, "SourceId=1&a=b", " \r\n", "{\"a\":\"b\"}"},
        {ALL, NULL, "SourceId=1&%53ourceId=1", "", NOTHING},
        {ALL, NULL, "", "", NOTHING},
        {ALL, NULL, NULL, "", NOTHING},
        {HANDLER_BODY_QUERY, NULL, "a=1", "stray", "{\"a\":\"1\"}"},
        {HANDLER_BODY_QUERY, NULL, "charset=ISO-8859-1&keyword=STOP&message=STOP%20d%E9sol%E9", "",
         "{\"charset\":\"ISO-8859-1\",\"keyword\":\"STOP\",\"message\":\"STOP d" E_ACUTE
         "sol" E_ACUTE "\"}"},
        {HANDLER_BODY_QUERY, NULL, "charset=UTF-8&m=%C3%A9", "",
         "{\"charset\":\"UTF-8\",\"m\":\"" E_ACUTE "\"}"},
        {HANDLER_BODY_QUERY, NULL, "charset=&m=%C3%A9&n=%E9", "",
         "{\"charset\":\"\",\"m\":\"" E_ACUTE "\",\"n\":\"" E_ACUTE "\"}"},
        {HANDLER_BODY_QUERY, NULL, "a=%F0%9F%98%80&b=1%2B1%3D2&c=%", "",
         "{\"a\":\"\xF0\x9F\x98\x80\",\"b\":\"1+1=2\",\"c\":\"%\"}"},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        crm360_message_t *message =
            message_of(rows[i].type, rows[i].query, rows[i].body, strlen(rows[i].body));

        is_text(events_of(message, rows[i].sources), rows[i].want,
                apr_psprintf(pool, "events %d: %s", (int)i, *rows[i].body ? rows[i].body : "-"));
        free((void *)message->body);
    }
}

static void limits(void)
{
    char *many = apr_pcalloc(pool, 2 * HANDLER_BODY_PARAMETERS + 4);
    crm360_message_t *message;
    int i;

    for (i = 0; i < HANDLER_BODY_PARAMETERS; i++) {
        memcpy(many + 2 * i, "a&", 2);
    }
    message = message_of(FORM, many, many, strlen(many));
    is_text(events_of(message, ALL), "{\"a\":\"\"}", "as many parameters as there may be");
    memcpy(many + strlen(many), "a", 2);
    free((void *)message->body);
    message = message_of(FORM, many, many, strlen(many));
    is_text(events_of(message, ALL), "the form: expected at most 10000 parameters", "one more");
    is_text(events_of(message, HANDLER_BODY_QUERY),
            "the query string: expected at most 10000 parameters", "in a query");
    free((void *)message->body);
    message = message_of(NULL, "currency=gbp&store=LDN-01&x=caf%E9", "", 0);
    is_text(handler_body_parameter(message, "STORE", pool), "LDN-01", "a parameter");
    is_text(handler_body_parameter(message, "x", pool), "caf" E_ACUTE, "as UTF-8");
    is_text(handler_body_parameter(message, "y", pool), NULL, "none");
    free((void *)message->body);
}

/* ---- the fixtures, cut and spoilt ---- */

static char *slurp(const char *path, apr_size_t *len)
{
    apr_finfo_t info;
    apr_file_t *file;
    char *text;

    if (apr_file_open(&file, path, APR_FOPEN_READ, 0, pool) != APR_SUCCESS ||
        apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS) {
        printf("Bail out! %s cannot be read (run from the project's folder)\n", path);
        exit(1);
    }
    *len = (apr_size_t)info.size;
    text = apr_pcalloc(pool, *len + 1);
    apr_file_read_full(file, text, *len, NULL);
    apr_file_close(file);
    return text;
}

/* Objects, or a reason that says what was expected and repeats no text of the body. */
static int reads_soundly(const char *body, apr_size_t len, int as_query)
{
    crm360_message_t *message = as_query ? message_of(NULL, apr_pstrmemdup(pool, body, len), "", 0)
                                         : message_of(NULL, NULL, body, len);
    const char *line = events_of(message, ALL);
    apr_size_t clean;

    free((void *)message->body);
    return strcmp(line, "not an object") != 0 &&
           crm360_utf8_clean(&clean, line, strlen(line), pool) == line &&
           (*line == '{' || *line == '\0' ||
            (strstr(line, "expected") && !strstr(line, "Marchand") && !strstr(line, "3361")));
}

static int spoil(const char *text, apr_size_t len, int as_query)
{
    static const char hurting[] = "\"\\{}[]:,=&%\n \0\xFF\xC3\xA9"
                                  "5";
    char *copy = apr_pmemdup(pool, text, len);
    apr_size_t cut = (apr_size_t)rand() % (len + 1);
    int times = rand() % 4;

    while (times-- > 0) {
        copy[(apr_size_t)rand() % len] = hurting[(apr_size_t)rand() % (sizeof(hurting) - 1)];
    }
    return reads_soundly(copy, rand() % 2 ? cut : len, as_query);
}

static void fixtures(void)
{
    apr_pool_t *whole = pool;
    apr_size_t len;
    char *line, *rest, *index = slurp("t/fixtures/index.tsv", &len);
    int files = 0, i;

    apr_strtok(index, "\n", &rest);
    while ((line = apr_strtok(NULL, "\n", &rest)) != NULL) {
        int as_query = strstr(line, "\tquery\t") != NULL, good = 1;
        const char *text;

        line[strcspn(line, "\t")] = '\0';
        text = slurp(apr_pstrcat(pool, "t/fixtures/", line, NULL), &len);
        good = reads_soundly(text, len, as_query);
        for (i = 0; good && len > 0 && i < 300; i++) {
            apr_pool_create(&pool, whole);
            good = spoil(text, len, as_query);
            apr_pool_destroy(pool);
            pool = whole;
        }
        ok(good, "%s, whole and spoilt", line);
        files++;
    }
    ok(files > 40, "%d fixtures", files);
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    charsets();
    random_bytes();
    json();
    events();
    limits();
    fixtures();
    apr_pool_destroy(pool);
    return tap_done();
}
