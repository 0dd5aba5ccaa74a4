/* Finding a person in texts and stored messages: what is found, and who is somebody else. */
#include "ctl/person.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>

#include "ctl/unescape.h"
#include "t/unit/tap.h"

static apr_pool_t *pool;

/* ---- escapes ---- */

static const struct {
    const char *text;
    const char *want;
} escapes[] = {
    {"nothing", "nothing"},
    {"a%40b%2eC%2", "a@b.C%2"},
    {"%", "%"},
    {"%4", "%4"},
    {"%zz%41", "%zzA"},
    {"%2540", "%40"},
    {"a+b", "a+b"},
    {"a+b%20c+d", "a b c d"},
    {"x=a+b&y=%41+c", "x=a+b&y=A c"},
    {"\"a+b\" %41", "\"a+b\" A"},
    {"\\u0040", "@"},
    {"\\u00e9\\u20AC", "\xC3\xA9\xE2\x82\xAC"},
    {"\\ud83d\\ude00!", "\xF0\x9F\x98\x80!"},
    {"\\ud83d\\u0041", "\xED\xA0\xBD"
                       "A"},
    {"\\u004", "\\u004"},
    {"\\u00g0", "\\u00g0"},
    {"\\n\\t\\/\\\"\\\\u0040", "\n\t/\"\\u0040"},
    {"\\", "\\"},
    {"\\x", "\\x"},
    {"&#64;&#x40;&#X40;&amp;#64;", "@@@&#64;"},
    {"&#64", "&#64"},
    {"&#;&#x;&#0;&#1114112;&lt;", "&#;&#x;&#0;&#1114112;&lt;"},
    {"&#x1F600;", "\xF0\x9F\x98\x80"},
    {"&", "&"},
};

static void unescaping(void)
{
    size_t i;

    for (i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
        apr_size_t len = strlen(escapes[i].text);
        char *text = malloc(len + 1); /* so that a sanitizer sees its end */
        int changed, differs = strcmp(escapes[i].text, escapes[i].want) != 0;

        memcpy(text, escapes[i].text, len + 1);
        text[ctl_unescape(text, len, &changed)] = '\0';
        is_text(text, escapes[i].want, escapes[i].text);
        is_number(changed != 0, differs, "  and it is told whether something changed");
        free(text);
    }
}

/* ---- texts ---- */

typedef struct text_case_t {
    const char *known; /* a mail address, an E.164 number, or an identifier of source 3 */
    const char *text;
    int want;
} text_case_t;

static const text_case_t texts[] = {
    /* mail addresses */
    {"ann@example.fr", "ann@example.fr", 1},
    {"Ann@Example.FR", "aNN@eXAMPLE.fr", 1},
    {"ann@example.fr", "\"email\":\"ann@example.fr\",", 1},
    {"ann@example.fr", "Email=ann@example.fr&x=1", 1},
    {"ann@example.fr", "x?Email=ann%40example.fr HTTP/1.1", 1},
    {"ann@example.fr", "x?Email=ann%40example%2efr&y", 1},
    {"ann@example.fr", "x?url=%2Fx%3FEmail%3Dann%2540example.fr", 1},
    {"ann@example.fr", "\"ann\\u0040example.fr\"", 1},
    {"ann@example.fr", "\"\\u0061nn@example.fr\"", 1},
    {"ann@example.fr", "{\"json\":\"{\\\"email\\\":\\\"ann\\\\u0040example.fr\\\"}\"}", 1},
    {"ann@example.fr", "payload=%7B%22email%22%3A%22ann%5Cu0040example.fr%22%7D", 1},
    {"ann@example.fr", "&lt;a href=mailto:ann&#64;example.fr&gt;", 1},
    {"ann@example.fr", "line\\nann@example.fr", 1},
    {"ann@example.fr", "text=mail+ann%40example.fr+please", 1},
    {"ann@example.fr", "Ann <ann@example.fr>, Bob", 1},
    {"ann@example.fr", "write to ann@example.fr.", 1},
    {"ann@example.fr", "'ann@example.fr'", 1},
    {"ann@example.fr",
     "\xC2\xAB"
     "ann@example.fr\xC2\xBB",
     1},
    {"ann@example.fr",
     "\xE2\x80\x99"
     "ann@example.fr\xE2\x80\x99",
     1},
    {"ann@example.fr",
     "a\xAB"
     "ann@example.fr\xBB",
     1},
    {"ann@example.fr", "joann@example.fr ann@example.fr", 1},
    {"ann@example.fr", "joann@example.fr", 0},
    {"ann@example.fr", "jo.ann@example.fr", 0},
    {"ann@example.fr", "jo-ann@example.fr", 0},
    {"ann@example.fr", "_ann@example.fr", 0},
    {"ann@example.fr", "o'ann@example.fr", 0},
    {"ann@example.fr", "jo+ann@example.fr", 0},
    {"ann@example.fr", "\"jo+ann@example.fr\",\"x\":\"100%25\"", 0},
    {"ann@example.fr",
     "ren\xC3\xA9"
     "ann@example.fr",
     0},
    {"ann@example.fr", "ren\\u00e9ann@example.fr", 0},
    {"ann@example.fr", "joe%61nn@example.fr", 0},
    {"ann@example.fr", "ann@example.france", 0},
    {"ann@example.fr", "ann@example.fr.example", 0},
    {"ann@example.fr", "ann@example.fr-mail.example", 0},
    {"ann@example.fr", "ann@example", 0},
    {"ann@example.fr", "ann@", 0},
    {"ann@example.fr", "@example.fr", 0},
    {"ann+news@example.fr", "ann+news@example.fr", 1},
    {"ann+news@example.fr", "Email=ann%2Bnews%40example.fr", 1},
    {"ann+news@example.fr", "ann@example.fr", 0},
    /* phone numbers */
    {"+33612345678", "+33612345678", 1},
    {"+33612345678", "33612345678", 1},
    {"+33612345678", "0033612345678", 1},
    {"+33612345678", "0612345678", 1},
    {"+33612345678", "612345678", 1},
    {"+33612345678", "\"phone\":612345678,", 1},
    {"+33612345678", "06 12 34 56 78", 1},
    {"+33612345678", "06.12.34.56.78", 1},
    {"+33612345678", "06-12-34-56-78", 1},
    {"+33612345678", "+33 (0)6 12 34 56 78", 1},
    {"+33612345678", "+33 (0) 6 12-34-56-78", 1},
    {"+33612345678", "00 33 6 12 34 56 78", 1},
    {"+33612345678",
     "06\xC2\xA0"
     "12\xE2\x80\xAF"
     "34\xE2\x80\x91"
     "56 78",
     1},
    {"+33612345678", "06\\u00a012 34\\u202f56 78", 1},
    {"+33612345678", "numero=%2B33612345678&x", 1},
    {"+33612345678", "numero=+33612345678&x", 1},
    {"+33612345678", "numero=06+12+34+56+78", 1},
    {"+33612345678", "numero=06%2012%2034%2056%2078", 1},
    {"+33612345678", "tel:\\t0612345678\\n", 1},
    {"+33612345678", "no. 12 0612345678 or 0698765432", 1},
    {"+33612345678", "0698765432 / 0612345678", 1},
    {"+33612345678", "0612345678.", 1},
    {"+33612345678", "0612345678: call", 1},
    {"+33612345678", "06123456789", 0},
    {"+33612345678", "10612345678", 0},
    {"+33612345678", "5f0612345678", 0},
    {"+33612345678", "0612345678a", 0},
    {"+33612345678", "0612345679", 0},
    {"+33612345678", "061234567", 0},
    {"+33612345678", "+212612345678", 0},
    {"+33612345678", "+212 612345678", 0},
    {"+33612345678", "+212 (0)612345678", 0},
    {"+33612345678", "00212 0612345678", 0},
    {"+33612345678", "+612345678", 0},
    {"+33612345678", "1234 612345678", 0},
    {"+33612345678", "612345678.50", 0},
    {"+33612345678", "3361234567", 0},
    {"+33612345678", "06, 12, 34, 56, 78", 0},
    {"+32470123456", "0470 12 34 56", 1},
    {"+32470123456", "+32 470 12 34 56", 1},
    {"+12125550123", "(212) 555-0123", 1},
    {"+12125550123", "1-212-555-0123", 1},
    {"+12125550123", "2125550123", 1},
    {"+12125550123", "+49 212 5550123", 0},
    {"+12026112315", "2026-11-23 15:58:00", 0},
    {"+12026112315", "2026-11-23T15:58:00", 0},
    {"+34612345678", "612 34 56 78", 1},
    {"+21620261123", "2026-11-23", 0},
    {"+21620261123", "+216 20 26 11 23", 1},
    {"+21620261123", "21620261123", 1},
    {"+590690123456", "0690 12 34 56", 1},
    {"+590690123456", "+590 690 12 34 56", 1},
    {"+819012345678", "+81 90 1234 5678", 1},
    {"+819012345678", "090 1234 5678", 0},
    {"+687751234", "75 12 34", 0},
    {"+687751234", "+687 75 12 34", 1},
    {"+35212345", "35212345", 0},
    {"+35212345", "+352 12345", 1},
    /* identifiers */
    {"7312459817263", "{\"id\":7312459817263}", 1},
    {"7312459817263", "gid://shopify/Customer/7312459817263\"", 1},
    {"7312459817263", "customer=7312459817263&x=1", 1},
    {"7312459817263", "gid:\\/\\/shopify\\/Customer\\/7312459817263", 1},
    {"7312459817263", "see 7312459817263.", 1},
    {"7312459817263", "73124598172630", 0},
    {"7312459817263", "17312459817263", 0},
    {"7312459817263", "7312459817263-1", 0},
    {"7312459817263", "7312459817263.5", 0},
    {"7312459817263", "A_7312459817263", 0},
    {"C-1234", "\"card\":\"C-1234\"", 1},
    {"C-1234", "\"card\":\"c-1234\"", 0},
    {"C-1234", "\"card\":\"C-12345\"", 0},
    {"C-1234", "\"card\":\"AC-1234\"", 0},
    {"annmarie1", "annmarie1@example.fr", 0},
    {"customer", "{\"customer\":{\"id\":1}}", 0},
    {"customer", "{\"customer\" : 1}", 0},
    {"customer", "{\"type\":\"customer\"}", 1},
    {"customer", "type=customer&x=1", 1},
    {"customer", "customer=1", 0},
    {"customer", "a customer came", 0},
    {"12345", "{\"quantity\":12345}", 0},
};

/* The known thing by its form; -1 = it was not taken. */
static int add(ctl_person_t *person, const char *known)
{
    if (strchr(known, '@')) {
        return ctl_person_add_email(person, known);
    }
    return known[0] == '+' ? ctl_person_add_phone(person, known)
                           : ctl_person_add_identifier(person, 3, known);
}

/* At its own end, so that a sanitizer sees who reads past it. */
static int in_text(const ctl_person_t *person, const char *text, int source_id)
{
    apr_size_t len = strlen(text);
    char *copy = malloc(len ? len : 1);
    int found;

    memcpy(copy, text, len);
    found = ctl_person_in_text(person, copy, len, source_id, pool);
    free(copy);
    return found;
}

static void in_texts(void)
{
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ctl_person_t *person = ctl_person_make(0, pool);
        const char *text = texts[i].text;

        ok(add(person, texts[i].known) == 1 && in_text(person, text, 3) == texts[i].want,
           "%s is %sin %s", texts[i].known, texts[i].want ? "" : "not ", text);
        /* With something around it, where no edge of the text ends a word. */
        text = apr_pstrcat(pool, " ", text, " ", NULL);
        ok(in_text(person, text, 3) == texts[i].want, "  nor does it depend on the edges");
    }
}

static void knowing(void)
{
    ctl_person_t *person = ctl_person_make(0, pool);
    ctl_person_t *bold = ctl_person_make(1, pool);

    is_number(in_text(person, "ann@example.fr 0612345678", 3), 0, "nobody is in no text");
    is_number(ctl_person_add_email(person, "Ann@example.fr"), 1, "an address is news");
    is_number(ctl_person_add_email(person, "ann@EXAMPLE.fr"), 0, "and then no more");
    is_number(ctl_person_add_email(person, "ann"), -1, "a word is no address");
    is_number(ctl_person_add_email(person, "@example.fr"), -1, "nor is a half");
    is_number(ctl_person_add_email(person, "ann@"), -1, "nor the other");
    is_number(ctl_person_add_email(person, "ann@x@y"), -1, "nor one and a half");
    is_number(ctl_person_add_email(person, "an n@example.fr"), -1, "nor two words");
    is_number(ctl_person_add_phone(person, "+33612345678"), 1, "a number is news");
    is_number(ctl_person_add_phone(person, "+33612345678"), 0, "and then no more");
    is_number(ctl_person_add_phone(person, "0612345678"), -1, "it has to be E.164");
    is_number(ctl_person_add_phone(person, "+33 6"), -1, "and a number");
    is_number(ctl_person_add_identifier(person, 3, "42"), 1, "an identifier is news");
    is_number(ctl_person_add_identifier(person, 3, "42"), 0, "and then no more");
    is_number(ctl_person_add_identifier(person, 4, "42"), 1, "another source is another one");
    is_number(ctl_person_add_identifier(person, 4, ""), -1, "empty is none");
    is_number(ctl_person_add_identifier(person, 0, "x"), -1, "and a source there is");
    is_number(ctl_person_short_identifiers(person), 2, "short ones are counted");
    is_number(in_text(person, "{\"id\":42}", 3), 0, "and not looked for");
    ctl_person_add_identifier(bold, 3, "42");
    is_number(ctl_person_short_identifiers(bold), 0, "unless that is wanted");
    is_number(in_text(bold, "{\"id\":42}", 3), 1, "then they are found");
    is_number(in_text(bold, "{\"id\":42}", 4), 0, "for their source");
    is_number(in_text(bold, "{\"id\":42}", 0), 0, "and no other");
    is_number(in_text(person, "a%25252540b ann%25252540example.fr", 3), 1, "four levels deep");
    is_number(in_text(person, "", 3), 0, "an empty text");
}

/* ---- stored messages ---- */

#define HEAD(query, type)                                                                          \
    "POST /x?" query " HTTP/1.1\r\nCrm360-Id: 1-Shopify-Customer-Insert\r\nCrm360-Source-Id: 3"    \
    "\r\nContent-Type: " type "\r\n\r\n"
#define JSON HEAD("SourceId=3", "application/json")
#define LINES HEAD("SourceId=3", "application/x-ndjson")
#define EVENT                                                                                      \
    HEAD("SourceId=3", "application/cloudevents+json")                                             \
    "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\","

static const struct {
    const char *what;
    const char *data;
    ctl_person_verdict_t want;
    const char *spans; /* the elements, with blanks between them */
} messages[] = {
    {"somebody else", JSON "{\"email\":\"bob@example.fr\"}", CTL_PERSON_ABSENT, ""},
    {"one object", JSON "{\"email\":\"ann@example.fr\"}", CTL_PERSON_WHOLE, ""},
    {"no body", HEAD("Email=ann%40example.fr", "text/plain"), CTL_PERSON_WHOLE, ""},
    {"an identifier in the query", HEAD("id=7312459817263&x=1", "text/plain"), CTL_PERSON_WHOLE,
     ""},
    {"an identifier in the body", JSON "{\"id\":7312459817263}", CTL_PERSON_WHOLE, ""},
    {"an identifier elsewhere in the head",
     "GET /7312459817263 HTTP/1.1\r\nCrm360-Source-Id: 3\r\n"
     "X: 7312459817263\r\n\r\n",
     CTL_PERSON_ABSENT, ""},
    {"an identifier of another source",
     "POST / HTTP/1.1\r\nCrm360-Source-Id: 33\r\n\r\n{\"id\":7312459817263}", CTL_PERSON_ABSENT,
     ""},
    {"an identifier without a source", "POST / HTTP/1.1\r\n\r\n{\"id\":7312459817263}",
     CTL_PERSON_ABSENT, ""},
    {"no message at all", "ann@example.fr", CTL_PERSON_WHOLE, ""},
    {"nothing", "", CTL_PERSON_ABSENT, ""},
    {"an array of one", JSON "[{\"email\":\"ann@example.fr\"}]", CTL_PERSON_WHOLE, ""},
    {"an array of herself", JSON "[{\"e\":\"ann@example.fr\"},{\"id\":7312459817263}]",
     CTL_PERSON_WHOLE, ""},
    {"an array of others", JSON "[{\"e\":\"bob@example.fr\"},{\"e\":\"cat@example.fr\"}]",
     CTL_PERSON_ABSENT, ""},
    {"an array with her",
     JSON " [ 1, {\"e\":\"ann@example.fr\"} ,{\"e\":[2]},\"\\u0061nn@example.fr\"]",
     CTL_PERSON_PARTS, "{\"e\":\"ann@example.fr\"} \"\\u0061nn@example.fr\""},
    {"lines with her", LINES "{\"a\":1}\n{\"id\":7312459817263}\r\n{\"a\":3}\n", CTL_PERSON_PARTS,
     "{\"id\":7312459817263}"},
    {"lines that nobody announced", JSON "{\"a\":1}\n{\"e\":\"ann@example.fr\"}\n",
     CTL_PERSON_PARTS, "{\"e\":\"ann@example.fr\"}"},
    {"an array of hers", HEAD("Email=ann@example.fr", "application/json") "[1,2,3]",
     CTL_PERSON_MIXED, ""},
    {"an array of hers with her",
     HEAD("Email=ann@example.fr", "application/json") "[1,\"ann@example.fr\",3]", CTL_PERSON_MIXED,
     "\"ann@example.fr\""},
    {"a broken array", JSON "[{\"e\":\"bob@example.fr\"},{\"e\":\"ann@example.fr\"",
     CTL_PERSON_MIXED, ""},
    {"an array broken behind her", JSON "[{\"e\":\"ann@example.fr\"},{\"e\":\"bob@example.fr\"",
     CTL_PERSON_PARTS, "{\"e\":\"ann@example.fr\"}"},
    {"an event about her", EVENT "\"data\":{\"e\":\"ann@example.fr\"}}", CTL_PERSON_WHOLE, ""},
    {"an event about others", EVENT "\"data\":[{\"e\":\"bob@example.fr\"}]}", CTL_PERSON_ABSENT,
     ""},
    {"an event with her in its subject", EVENT "\"subject\":\"ann@example.fr\"}", CTL_PERSON_WHOLE,
     ""},
    {"an event with an array with her", EVENT "\"data\": [1, \"ann@example.fr\" ,3]}",
     CTL_PERSON_PARTS, "\"ann@example.fr\""},
    {"an event with an array, and her in its subject",
     EVENT "\"data\":[1,7312459817263],\"subject\":\"ann@example.fr\"}", CTL_PERSON_MIXED,
     "7312459817263"},
    /* ann@example.fr; then ["bob@example.fr","ann@example.fr"] */
    {"an event with base64 about her", EVENT "\"data_base64\":\"YW5uQGV4YW1wbGUuZnI=\"}",
     CTL_PERSON_WHOLE, ""},
    {"an event with an array in base64 with her",
     EVENT "\"data_base64\":\"WyJib2JAZXhhbXBsZS5mciIsImFubkBleGFtcGxlLmZyIl0=\"}",
     CTL_PERSON_MIXED, ""},
    {"a broken event about her", EVENT "\"data\":\"ann@example.fr", CTL_PERSON_WHOLE, ""},
    {"an array broken at once", JSON "[{\"e\":\"ann@example.fr\"", CTL_PERSON_WHOLE, ""},
};

static void in_messages(void)
{
    ctl_person_t *person = ctl_person_make(0, pool);
    size_t i;
    int k;

    ctl_person_add_email(person, "ann@example.fr");
    ctl_person_add_identifier(person, 3, "7312459817263");
    for (i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        apr_size_t len = strlen(messages[i].data);
        char *data = malloc(len ? len : 1);
        apr_array_header_t *spans;
        const char *text = "";

        memcpy(data, messages[i].data, len);
        is_number(ctl_person_in_message(&spans, person, data, len, pool), messages[i].want,
                  messages[i].what);
        for (k = 0; k < spans->nelts; k++) {
            crm360_span_t span = APR_ARRAY_IDX(spans, k, crm360_span_t);

            text = apr_pstrcat(pool, text, k ? " " : "",
                               apr_pstrmemdup(pool, data + span.at, span.len), NULL);
        }
        if (messages[i].want == CTL_PERSON_PARTS || messages[i].want == CTL_PERSON_MIXED) {
            is_text(text, messages[i].spans, "  its elements");
        }
        free(data);
    }
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    unescaping();
    in_texts();
    knowing();
    in_messages();
    return tap_done();
}
