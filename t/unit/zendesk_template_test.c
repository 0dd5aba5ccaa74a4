/*
 * Zendesk's ticket bodies: JSON, texts that stand unescaped in the template, and texts that imitate
 * it. Whatever stands in a ticket comes back as it is, or not at all.
 */
#include "handlers/zendesk_template.h"

#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <apr_time.h>

#include <stdlib.h>

#include "core/charset.h"
#include "core/json.h"
#include "t/unit/tap.h"

#define FIXTURES "t/fixtures/zendesk/"
#define E_ACUTE "\xC3\xA9"
#define FFFD "\xEF\xBF\xBD"

static apr_pool_t *pool;

static const char *slurp(const char *name, apr_size_t *length)
{
    const char *path = apr_pstrcat(pool, FIXTURES, name, NULL);
    apr_finfo_t info;
    apr_file_t *file;
    char *text;

    if (apr_file_open(&file, path, APR_FOPEN_READ, 0, pool) != APR_SUCCESS ||
        apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS) {
        printf("Bail out! %s cannot be read (run from the project's folder)\n", path);
        exit(1);
    }
    *length = (apr_size_t)info.size;
    text = apr_pcalloc(pool, *length + 1);
    apr_file_read_full(file, text, *length, NULL);
    apr_file_close(file);
    return text;
}

/* ---- reading ---- */

typedef struct reading_t {
    json_object *ticket; /* NULL = refused */
    int repaired;
    const char *reason;
} reading_t;

static reading_t read_bytes(const char *body, apr_size_t len)
{
    crm360_message_t message = {0};
    reading_t reading = {0};

    message.headers = apr_table_make(pool, 1);
    /* On the heap and not terminated, so that reading past it is seen. */
    message.body = memcpy(malloc(len + !len), body, len);
    message.body_len = len;
    if (!handler_zendesk_template(&reading.ticket, &reading.repaired, &reading.reason, &message,
                                  pool)) {
        reading.ticket = NULL;
    }
    free((void *)message.body);
    return reading;
}

/* The member of the ticket or its requester, NULL = absent. */
static const char *got(const reading_t *reading, int key)
{
    json_object *object = reading->ticket, *value;

    if (key > ZENDESK_REQUESTER && !json_object_object_get_ex(object, "requester", &object)) {
        return NULL;
    }
    return json_object_object_get_ex(object, handler_zendesk_keys[key], &value)
               ? json_object_get_string(value)
               : NULL;
}

/* ---- the template ---- */

/* A ticket's texts; NULL = the fixture's usual one. */
typedef struct ticket_t {
    const char *texts[ZENDESK_KEYS];
} ticket_t;

static const char *const usual[ZENDESK_KEYS] = {"Mail",
                                                "Colis",
                                                "48213",
                                                "https://demo.zendesk.com/agent/tickets/48213",
                                                "Ouvert",
                                                "Incident",
                                                "Bonjour",
                                                "",
                                                "L" E_ACUTE "a",
                                                "Marchand",
                                                "lea.marchand@example.fr",
                                                "+33612345678"};

static const char *text_of(const ticket_t *ticket, int key)
{
    return ticket->texts[key] ? ticket->texts[key] : usual[key];
}

/* The template with each text put where its placeholder stands, as Zendesk does it. */
static const char *render(const ticket_t *ticket)
{
    const char *body = "{\n";
    int key;

    for (key = 0; key < ZENDESK_KEYS; key++) {
        body = key == ZENDESK_REQUESTER
                   ? apr_pstrcat(pool, body, "\t\"requester\" : {\n", NULL)
                   : apr_pstrcat(pool, body, "\t\"", handler_zendesk_keys[key], "\" : \"",
                                 text_of(ticket, key),
                                 key == ZENDESK_PHONE ? "\"\n\t}\n}" : "\",\n", NULL);
    }
    return body;
}

static reading_t read_text(const char *body)
{
    return read_bytes(body, strlen(body));
}

/* Every text of the ticket comes back as it is; `except` may hold another text instead. */
static int comes_back(const reading_t *reading, const ticket_t *ticket, int except,
                      const char *instead)
{
    int key;

    for (key = 0; reading->ticket && key < ZENDESK_KEYS; key++) {
        const char *want = key == except ? instead : text_of(ticket, key);
        const char *found = got(reading, key);

        if (key != ZENDESK_REQUESTER && (!found || strcmp(found, want) != 0)) {
            printf("# %s is: %s\n# expected: %s\n", handler_zendesk_keys[key],
                   found ? found : "(absent)", want);
            return 0;
        }
    }
    if (!reading->ticket) {
        printf("# refused: %s\n", reading->reason);
    }
    return reading->ticket != NULL;
}

/* ---- tables ---- */

static void fixtures(void)
{
    apr_size_t len;
    const char *text, *why;
    json_object *want;
    reading_t reading;

    text = slurp("ticket-update.json", &len);
    reading = read_bytes(text, len);
    ok(crm360_json_parse(&want, &why, text, len, pool) == APR_SUCCESS && reading.ticket &&
           json_object_equal(want, reading.ticket) && !reading.repaired,
       "the fixture in JSON");
    text = slurp("ticket-update-broken.txt", &len);
    reading = read_bytes(text, len);
    text = slurp("ticket-update-broken.expected.json", &len);
    ok(crm360_json_parse(&want, &why, text, len, pool) == APR_SUCCESS && reading.ticket &&
           json_object_equal(want, reading.ticket) && reading.repaired,
       "the fixture that is none");
}

#define CHAIN(id)                                                                                  \
    "x\", \"id\" : \"" id "\", \"link\" : \"l\", \"status\" : \"s\", \"type\" : \"t\", "           \
    "\"comments\" : \"y"

/* One text, unescaped, in one place of the template. */
static void broken_texts(void)
{
    static const struct {
        int key;
        const char *text;
        const char *want; /* NULL = the text itself */
    } rows[] = {
        {ZENDESK_COMMENTS, "one\ntwo", NULL},
        {ZENDESK_COMMENTS, "one\r\ntwo\r\n", NULL},
        {ZENDESK_COMMENTS, "\tindented", NULL},
        {ZENDESK_COMMENTS, "he said \"yes\"", NULL},
        {ZENDESK_COMMENTS, "\"yes\"", NULL},
        {ZENDESK_COMMENTS, "\"", NULL},
        {ZENDESK_COMMENTS, "\"\"\"\"", NULL},
        {ZENDESK_COMMENTS, "C:\\docs\\scan.pdf", NULL},
        {ZENDESK_COMMENTS, "C:\\new \"x\"", NULL},
        {ZENDESK_COMMENTS, "C:\\new\n", NULL},
        {ZENDESK_COMMENTS, "C:\\new", "C:\new"}, /* valid JSON: nobody can tell */
        {ZENDESK_COMMENTS, "C:\\new C:\\docs", "C:\new C:\\docs"},
        {ZENDESK_COMMENTS, "C:\\u C:\\u00", NULL},
        {ZENDESK_COMMENTS, "\\\\server\\share\\", NULL},
        {ZENDESK_COMMENTS, "ends in \\", NULL},
        {ZENDESK_COMMENTS, "\\q \\u00e9 \\\"a\\\" \\/", "\\q " E_ACUTE " \"a\" /"},
        {ZENDESK_COMMENTS, "\\q \\ud83d\\ude00 \\ud83d \\ud83d\\u0041",
         "\\q \xF0\x9F\x98\x80 " FFFD " " FFFD "A"},
        {ZENDESK_COMMENTS, "\\q a\\u0000b", "\\q ab"},
        {ZENDESK_COMMENTS, "\xF0\x9F\x98\x80 \"ok\"", NULL},
        {ZENDESK_COMMENTS, "{\"a\": 1}", NULL},
        {ZENDESK_COMMENTS, "\n\"requester\": {", NULL},
        {ZENDESK_COMMENTS, "see {\"requester\": {\"first_name\": \"X\"}}", NULL},
        {ZENDESK_COMMENTS, "x\",\n\t\"requester\" : {\n\t\t\"first_name\" : \"X\"", NULL},
        {ZENDESK_COMMENTS, "x\", \"id\": \"5", NULL},
        {ZENDESK_COMMENTS, "x\", \"id\": 5, \"a\": \"b", NULL},
        {ZENDESK_COMMENTS, "x\", \"comments\": \"y", NULL},
        {ZENDESK_COMMENTS, "x\", \"status\": \"Solved\", \"comments\": \"y", NULL},
        {ZENDESK_COMMENTS, "x\", \"via\": \"v\", \"title\": \"t\", \"id\": \"5", NULL},
        {ZENDESK_COMMENTS, CHAIN("48213"), NULL},
        {ZENDESK_COMMENTS, "\"}}", NULL},
        {ZENDESK_COMMENTS, "\",\n", NULL},
        {ZENDESK_COMMENTS, "{{ticket.comments}} \"", NULL},
        {ZENDESK_TITLE, "Commande \"CRM-1042\" non re\xC3\xA7ue", NULL},
        {ZENDESK_TITLE, "a\tb", NULL},
        {ZENDESK_TITLE, "\\d \"", NULL},
        {ZENDESK_TITLE, "{\"code\":\"E1\", \"msg\":\"x\"}", NULL},
        {ZENDESK_TITLE, "x\", \"y", NULL},
        {ZENDESK_TITLE, "x \"\", \"id\": \"5", NULL},
        {ZENDESK_TITLE, "x\", \"id\": \"5", "x"}, /* JSON: the template's own id comes last */
        {ZENDESK_TITLE, "x \" \", \"id\": \"5\", \"link\": \"l", NULL},
        {ZENDESK_TITLE, "x\", \"comments\": \"y", NULL},
        {ZENDESK_TITLE, "x\"}, \"id\": 5, {\"", NULL},
        {ZENDESK_STATUS, "En \"attente\"", NULL},
        {ZENDESK_TYPE, "a\\b\\", NULL},
        {ZENDESK_FIRST_NAME, "Jean \"Jo\"", NULL},
        {ZENDESK_FIRST_NAME, "A\", \"email\": \"x@example.org", "A"},
        {ZENDESK_FIRST_NAME, "A\"}, \"id\": \"5\", \"x\": {\"y\": \"b", "A"},
        {ZENDESK_LAST_NAME, "O\"Neil\\", NULL},
        {ZENDESK_PHONE, "06 \"12\" 34", NULL},
        {ZENDESK_PHONE, "1\", \"email\": \"x@example.org", "1"},
        {ZENDESK_PHONE, "\n", NULL},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ticket_t ticket = {{0}};
        reading_t reading;

        ticket.texts[rows[i].key] = rows[i].text;
        reading = read_text(render(&ticket));
        ok(comes_back(&reading, &ticket, rows[i].want ? rows[i].key : -1, rows[i].want),
           "text %d in %s", (int)i, handler_zendesk_keys[rows[i].key]);
    }
}

/* Whole bodies, and the ticket as compact JSON, or the reason. */
static void bodies(void)
{
    static const struct {
        const char *name;
        const char *body;
        int repaired;
        const char *want;
    } rows[] = {
        {"id alone", "{\"id\":\"5\"}", 0, "{\"id\":\"5\"}"},
        {"id as number", "{\"id\":48213}", 0, "{\"id\":\"48213\"}"},
        {"id beyond 64 bits", "{\"id\":99999999999999999999999}", 0,
         "{\"id\":\"99999999999999999999999\"}"},
        {"id with blanks", "{\"id\":\" 48213\\n\"}", 0, "{\"id\":\"48213\"}"},
        {"no requester", "{\"id\":5,\"title\":\"t\"}", 0, "{\"title\":\"t\",\"id\":\"5\"}"},
        {"requester null", "{\"id\":5,\"requester\":null}", 0, "{\"id\":\"5\"}"},
        {"requester a text", "{\"id\":5,\"requester\":\"L\"}", 0, "{\"id\":\"5\"}"},
        {"requester empty", "{\"id\":5,\"requester\":{}}", 0, "{\"id\":\"5\",\"requester\":{}}"},
        {"other order, other keys",
         "{\"requester\":{\"phone\":\"\",\"age\":3,\"email\":\"a@b.fr\"},\"x\":[{\"id\":\"9\"}],"
         "\"comments\":\"c\",\"id\":\"5\",\"via\":\"v\"}",
         0,
         "{\"via\":\"v\",\"id\":\"5\",\"comments\":\"c\",\"requester\":{\"email\":\"a@b.fr\","
         "\"phone\":\"\"}}"},
        {"null is empty", "{\"id\":5,\"title\":null,\"status\":\"\"}", 0,
         "{\"title\":\"\",\"id\":\"5\",\"status\":\"\"}"},
        {"wrong types", "{\"id\":5,\"title\":[1],\"via\":{},\"type\":true,\"status\":7}", 0,
         "{\"id\":\"5\",\"status\":\"7\"}"},
        {"placeholders",
         "{\"id\":\"5\",\"via\":\"{{ticket.via}}\",\"title\":\" {{ticket.title}} \","
         "\"status\":\"{{a}} {{b}}\",\"requester\":{\"email\":\"{{x}}\",\"phone\":\"{{\"}}",
         0, "{\"id\":\"5\",\"status\":\"{{a}} {{b}}\",\"requester\":{\"phone\":\"{{\"}}"},
        {"NUL in JSON", "{\"id\":\"5\",\"title\":\"a\\u0000b\"}", 0,
         "{\"title\":\"ab\",\"id\":\"5\"}"},
        {"the last of two", "{\"title\":\"a\",\"title\":\"b\",\"id\":\"1\",\"id\":\"2\"}", 0,
         "{\"title\":\"b\",\"id\":\"2\"}"},
        {"an escaped key is none", "{\"id\":\"1\",\"\\u0069d\":\"2\"}", 0, "{\"id\":\"1\"}"},
        {"an imitated id, the title behind the id",
         "{\"id\":\"1\",\"title\":\"a\",\"id\":\"2\",\"comments\":\"c\"}", 1,
         "{\"title\":\"a\\\",\\\"id\\\":\\\"2\",\"id\":\"1\",\"comments\":\"c\"}"},
        {"a key of the customer's own, and a bare quote",
         "{\"title\":\"a\"b\",\"id\":\"5\",\"brand\":\"x\",\"status\":\"New\",\"priority\":3,"
         "\"requester\":{\"first_name\":\"L\",\"locale\":\"fr\"},\"at\":\"now\"}",
         1,
         "{\"title\":\"a\\\"b\",\"id\":\"5\",\"status\":\"New\",\"requester\":{\"first_name\":"
         "\"L\"}}"},
        {"numbers and null, and a bare quote",
         "{\"via\":null,\"title\":\"a\"b\",\"id\":5 ,\"status\":\"\",\"requester\":{\"email\":null,"
         "\"phone\":33612}}",
         1,
         "{\"via\":\"\",\"title\":\"a\\\"b\",\"id\":\"5\",\"status\":\"\",\"requester\":{"
         "\"email\":\"\",\"phone\":\"33612\"}}"},
        {"comments behind the requester",
         "{\"id\":\"5\",\"requester\":{\"phone\":\"1\"},\"comments\":\"a\"b\"}", 1,
         "{\"id\":\"5\",\"comments\":\"a\\\"b\",\"requester\":{\"phone\":\"1\"}}"},
        {"without comments", "{\"title\":\"a\"b\",\"id\":\"5\",\"requester\":{\"phone\":\"1\"}}", 1,
         "{\"title\":\"a\\\"b\",\"id\":\"5\",\"requester\":{\"phone\":\"1\"}}"},
        {"cut in the link", "{\"via\":\"v\",\"title\":\"t\",\"id\":\"5\",\"link\":\"htt", 1,
         "{\"via\":\"v\",\"title\":\"t\",\"id\":\"5\"}"},
        {"cut in the comments",
         "{\"id\":\"5\",\"type\":\"x\",\"comments\":\"one {\"a\":\"b\", \"c\":\"d", 1,
         "{\"id\":\"5\",\"type\":\"x\"}"},
        {"cut in the id", "{\"title\":\"t\",\"id\":\"482", 1,
         "the body is not JSON: line 1, column 23: expected \" at the end of a string, found the "
         "end of the text; and no id of a ticket (digits) was found in it"},
        {"cut behind the id", "{\"title\":\"t\",\"id\":\"482\"", 1,
         "the body is not JSON: line 1, column 24: expected , or } in an object, found the end of "
         "the text; and no id of a ticket (digits) was found in it"},
        {"cut in an id without quotes", "{\"title\":\"t\",\"id\":482", 1,
         "the body is not JSON: line 1, column 22: expected , or } in an object, found the end of "
         "the text; and no id of a ticket (digits) was found in it"},
        {"the raw template",
         "{\"title\":\"{{ticket.title}}\"\",\"id\":\"{{ticket.id}}\",\"link\":\"\"}", 1,
         "the body is not JSON: line 1, column 28: expected , or } in an object; and no id of a "
         "ticket (digits) was found in it"},
        {"no digits", "{\"id\":\"A-1\"}", 0,
         "the ticket has no id: expected digits in the member id"},
        {"a decimal", "{\"id\":5.0}", 0, "the ticket has no id: expected digits in the member id"},
        {"no id", "{}", 0, "the ticket has no id: expected digits in the member id"},
        {"id null", "{\"id\":null}", 0, "the ticket has no id: expected digits in the member id"},
        {"an array", "[]", 0,
         "the body is not what Zendesk sends: line 1, column 1: expected the template's object"},
        {"nothing", "", 1,
         "the body is not JSON: line 1, column 1: expected a JSON value, found the end of the text;"
         " and no id of a ticket (digits) was found in it"},
        {"a form", "id=5&title=x", 1,
         "the body is not JSON: line 1, column 1: expected a JSON value; and no id of a ticket "
         "(digits) was found in it"},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        reading_t reading = read_text(rows[i].body);

        is_text(reading.ticket
                    ? json_object_to_json_string_ext(
                          reading.ticket, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                    : reading.reason,
                rows[i].want, rows[i].name);
        ok(!reading.ticket || reading.repaired == rows[i].repaired, "  by the right way");
    }
}

/* Bytes that are no UTF-8, and NUL, in a template that is no JSON. */
static void bytes(void)
{
    static const struct {
        const char *text; /* 16 bytes, '@' stands for NUL */
        const char *want;
    } rows[] = {
        {"\"L\xE9"
         "a\" \x80",
         "\"L" E_ACUTE "a\" \xE2\x82\xAC"},
        {"\"\xC3\xA9\" \xE9", "\"" E_ACUTE "\" " FFFD},
        {"\"a@b\"@", "\"ab\""},
    };
    size_t i, k;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ticket_t ticket = {{0}};
        char *body;
        size_t len;
        reading_t reading;

        ticket.texts[ZENDESK_COMMENTS] = rows[i].text;
        ticket.texts[ZENDESK_FIRST_NAME] = "Lea"; /* the name would be UTF-8 */
        ticket.texts[ZENDESK_EMAIL] = "";
        body = apr_pstrdup(pool, render(&ticket));
        len = strlen(body);
        for (k = 0; k < len; k++) {
            body[k] = body[k] == '@' ? '\0' : body[k];
        }
        reading = read_bytes(body, len);
        ok(comes_back(&reading, &ticket, ZENDESK_COMMENTS, rows[i].want), "bytes %d", (int)i);
    }
}

/* The whole template inside a title or comments, with another id: refused, with the place. */
static void imitations(void)
{
    static const struct {
        int key;
        const char *text;
    } rows[] = {
        {ZENDESK_COMMENTS, CHAIN("5")},         {ZENDESK_TITLE, CHAIN("5")},
        {ZENDESK_COMMENTS, "\" " CHAIN("5")},   {ZENDESK_TITLE, "\" " CHAIN("5")},
        {ZENDESK_TITLE, CHAIN("5") CHAIN("5")}, {ZENDESK_COMMENTS, CHAIN("48213") CHAIN("5")},
    };
    reading_t reading;
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ticket_t ticket = {{0}};

        ticket.texts[rows[i].key] = rows[i].text;
        reading = read_text(render(&ticket));
        ok(!reading.ticket &&
               strncmp(reading.reason, "the body names two tickets: line ", 33) == 0 &&
               strstr(reading.reason, ": expected no second id"),
           "two tickets %d: %s", (int)i, reading.ticket ? "read" : reading.reason);
    }
    reading = read_text("{\"title\":\"a\",\"id\":\"5\",\"comments\":\"b\",\n\"id\":\"6\","
                        "\"comments\":\"c\"}");
    is_text(reading.reason, "the body names two tickets: line 2, column 1: expected no second id",
            "in a shorter template");
}

/* ---- random ---- */

static unsigned below(unsigned most)
{
    return (unsigned)rand() % most;
}

/* A text of pieces that hurt; none of them makes an anchor of the template. */
static const char *random_text(void)
{
    static const char *const pieces[] = {"\"",
                                         "\\",
                                         "\n",
                                         "\r\n",
                                         "\t",
                                         "{",
                                         "}",
                                         ",",
                                         ":",
                                         "\", \"",
                                         "\" :",
                                         " \"a\" : ",
                                         "\"id",
                                         "id\"",
                                         "[",
                                         "]",
                                         "\\n",
                                         "\\u00e9",
                                         "\\u",
                                         "\\\"",
                                         "\"}",
                                         "\"\n}",
                                         "null",
                                         "5",
                                         "a b",
                                         E_ACUTE,
                                         "\xE2\x82\xAC",
                                         " ",
                                         "x",
                                         "{{x}}",
                                         "\xF0\x9F\x98\x80",
                                         "comments",
                                         "\x07",
                                         "\"requester\" ",
                                         "-"};
    const char *text = "\"";
    unsigned count = below(12);

    while (count-- > 0) {
        text = apr_pstrcat(pool, text, pieces[below(sizeof(pieces) / sizeof(pieces[0]))], NULL);
    }
    /* A raw line feed and a bare quote, so that no backslash may be taken for an escape. */
    return apr_pstrcat(pool, text, "\n.", NULL);
}

static int has_anchor(const char *text)
{
    int key;

    for (key = 0; key < ZENDESK_KEYS; key++) {
        const char *name = apr_pstrcat(pool, "\"", handler_zendesk_keys[key], "\"", NULL);
        const char *at = strstr(text, name);

        if (at) {
            at += strlen(name);
            at += strspn(at, " \t\r\n");
            if (*at == ':') {
                return 1;
            }
        }
    }
    return 0;
}

static void random_texts(void)
{
    apr_pool_t *whole = pool;
    int i, good = 1, tried = 0, survived = 0;

    for (i = 0; good && i < 20000; i++) {
        ticket_t ticket = {{0}};
        const char *body;
        reading_t reading;

        apr_pool_create(&pool, whole);
        if (below(4)) {
            ticket.texts[ZENDESK_TITLE] = random_text();
        }
        ticket.texts[ZENDESK_COMMENTS] = random_text();
        body = render(&ticket);
        reading = read_text(body);
        survived++;
        if (!has_anchor(text_of(&ticket, ZENDESK_TITLE)) &&
            !has_anchor(ticket.texts[ZENDESK_COMMENTS])) {
            tried++;
            good = comes_back(&reading, &ticket, -1, NULL);
            if (!good) {
                printf("# %d: %s\n", i, body);
            }
        }
        apr_pool_destroy(pool);
        pool = whole;
    }
    ok(good && tried > survived / 2, "random texts come back exactly (%d of %d)", tried, survived);
}

/* The whole reading is sound: valid UTF-8, digits for an id, and no reason that quotes. */
static int is_sound(const reading_t *reading)
{
    const char *text, *id;
    apr_size_t len;

    if (!reading->ticket) {
        return reading->reason && !strstr(reading->reason, "Marchand");
    }
    text = json_object_to_json_string(reading->ticket);
    id = got(reading, ZENDESK_ID);
    return crm360_utf8_clean(&len, text, strlen(text), pool) == text && id && *id &&
           strspn(id, "0123456789") == strlen(id);
}

static void mutations(const char *name)
{
    apr_pool_t *whole = pool;
    apr_size_t len, other_len;
    const char *text = slurp(name, &len), *want = strstr(text, "\"4821");
    int i, good = 1;

    for (i = 0; good && i < (int)len; i++) {
        reading_t reading;

        apr_pool_create(&pool, whole);
        reading = read_bytes(text, (apr_size_t)i);
        good = is_sound(&reading) &&
               (!reading.ticket || memcmp(got(&reading, ZENDESK_ID), want + 1, 5) == 0);
        apr_pool_destroy(pool);
        pool = whole;
    }
    ok(good, "%s cut anywhere is refused or names its own ticket", name);
    for (i = 0; good && i < 20000; i++) {
        unsigned times = 1 + below(6);
        reading_t reading;
        char *copy;

        apr_pool_create(&pool, whole);
        copy = apr_pmemdup(pool, text, len);
        other_len = len - below(3) * below((unsigned)len / 2);
        while (times-- > 0 && other_len > 0) {
            static const char bytes_that_hurt[] = "\"\\{}:,\n \0\xFF\xC3\xA9"
                                                  "5";
            unsigned at = below((unsigned)other_len);

            if (below(3)) {
                copy[at] = bytes_that_hurt[below(sizeof(bytes_that_hurt) - 1)];
            }
            else {
                unsigned from = below((unsigned)other_len), n = below(40);

                n = n > other_len - at ? (unsigned)other_len - at : n;
                n = n > other_len - from ? (unsigned)other_len - from : n;
                memmove(copy + at, copy + from, n);
            }
        }
        reading = read_bytes(copy, other_len);
        good = is_sound(&reading);
        apr_pool_destroy(pool);
        pool = whole;
    }
    ok(good, "%s with wrong bytes is refused or read soundly", name);
}

/* Bodies of 256 kB that are made to be slow: the time grows with the length, not its square. */
static void hostile(void)
{
    static const char *const units[] = {"\"",
                                        "\"id\" : \"5",
                                        "\", \"id\" : \"48213",
                                        "\"id\"           ",
                                        "\\",
                                        "\",",
                                        "\"}",
                                        "}",
                                        "\" , \"a\" : ",
                                        ", \"comments\" : \"",
                                        ", \"requester\" : {",
                                        " ",
                                        CHAIN("48213"),
                                        "\"\n",
                                        "\\u00e9\""};
    apr_pool_t *whole = pool;
    size_t i;

    for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t n = strlen(units[i]), len = 256 * 1024 / n * n, k;
        ticket_t ticket = {{0}};
        apr_time_t start;
        reading_t reading;
        char *text;
        int key, ms = 0, bound = getenv("CRM360_TIMING") ? 60000 : 1000;

        apr_pool_create(&pool, whole);
        text = apr_palloc(pool, len + 1);
        for (k = 0; k < len; k += n) {
            memcpy(text + k, units[i], n);
        }
        text[len] = '\0';
        for (key = ZENDESK_TITLE; key < ZENDESK_KEYS; key += ZENDESK_COMMENTS - ZENDESK_TITLE) {
            ticket = (ticket_t){{0}};
            ticket.texts[key] = text;
            start = apr_time_now();
            reading = read_text(render(&ticket));
            ms += (int)apr_time_as_msec(apr_time_now() - start);
            if (!is_sound(&reading)) {
                ms = 1000000;
            }
        }
        start = apr_time_now();
        read_bytes(text, len);
        ms += (int)apr_time_as_msec(apr_time_now() - start);
        ok(ms < bound, "256 kB of hostile text %d: %d ms", (int)i, ms);
        apr_pool_destroy(pool);
        pool = whole;
    }
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    srand(2026);
    fixtures();
    broken_texts();
    bodies();
    bytes();
    imitations();
    random_texts();
    mutations("ticket-update.json");
    mutations("ticket-update-broken.txt");
    hostile();
    apr_pool_destroy(pool);
    return tap_done();
}
