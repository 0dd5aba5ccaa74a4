/*
 * Texts with variables: which value stands where, what leaves a text unharmed, and that no value
 * becomes a part of a template, a tag or a header line. Hostile templates take no more time than
 * long ones.
 */
#include "outbound/template.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <apr_time.h>

#include <stdlib.h>

#include "core/json.h"
#include "t/unit/tap.h"

#define TEXT OUTBOUND_TEMPLATE_TEXT
#define HTML OUTBOUND_TEMPLATE_HTML
#define LINE OUTBOUND_TEMPLATE_LINE

static apr_pool_t *pool;

static json_object *object_of(const char *text)
{
    json_object *object;
    const char *why;

    if (crm360_json_parse_relaxed(&object, &why, text, strlen(text), pool) != APR_SUCCESS) {
        printf("Bail out! %s\n", why);
        exit(1);
    }
    return object;
}

static void values(void)
{
    static const struct {
        const char *name;
        const char *text;
        const char *want;
        const char *unknown; /* names, each followed by a blank */
    } list[] = {
        {"nothing to do", "Bonjour", "Bonjour", ""},
        {"nothing at all", "", "", ""},
        {"a text", "Bonjour {{var:Prenom}} !",
         "Bonjour L\xC3\xA9"
         "a !",
         ""},
        {"twice", "{{var:Prenom}}{{var:Prenom}}",
         "L\xC3\xA9"
         "aL\xC3\xA9"
         "a",
         ""},
        {"blanks", "{{ var : Prenom }}{{\nvar:\tPrenom\r\n}}",
         "L\xC3\xA9"
         "aL\xC3\xA9"
         "a",
         ""},
        {"a name with a blank", "{{var:Deux Mots }}", "2", ""},
        {"a name with an accent", "{{var:\xC3\x82ge}}", "18", ""},
        {"numbers", "{{var:Points}} {{var:Prix}} {{var:Grand}} {{var:Exp}}",
         "120 12.50 123456789012345678901 1e3", ""},
        {"booleans and null", "{{var:Oui}} {{var:Non}} {{var:Rien}}.", "true false .", ""},
        {"objects and arrays", "{{var:order}} {{var:List}}",
         "{\"total\":\"9/9\",\"a.b\":{\"c\":5}} [1,\"x\"]", ""},
        {"nested", "{{var:order.total}} {{var:order.a.b}}", "9/9 {\"c\":5}", ""},
        {"a name with a dot of its own", "{{var:x.y}}", "dot", ""},
        {"nested that is not there", "{{var:order.nil}}{{var:Prenom.x}}{{var:order.}}", "",
         "order.nil Prenom.x order. "},
        {"names are exact", "{{var:prenom}}{{var:Pre}}", "", "prenom Pre "},
        {"unknown, each once", "a{{var:X}}b{{var:Y}}c{{var:X}}", "abc", "X Y "},
        {"a default", "{{var:X:\"Client\"}} {{ var:X : \"Client\" }}", "Client Client", ""},
        {"a default that is not needed", "{{var:Prenom:\"Client\"}}",
         "L\xC3\xA9"
         "a",
         ""},
        {"null needs none", "{{var:Rien:\"Client\"}}", "", ""},
        {"an empty default", "{{var:X:\"\"}}{{var:X:}}{{var:X: }}{{var:X:null}}.", ".", ""},
        {"defaults that are no text", "{{var:Age:18}} {{var:X:-1.50}} {{var:X:true}}",
         "18 -1.50 true", ""},
        {"escapes in a default", "{{var:X:\"a\\\"b\\\\\\u00e9\\n}}\"}}", "a\"b\\\xC3\xA9\n}}", ""},
        {"braces in a default", "{{var:X:\"{{var:Prenom}}\"}}", "{{var:Prenom}}", ""},
        {"a value is not expanded", "{{var:Evil}}", "{{var:Prenom}}", ""},
        {"nor with what stands beside it", "{{var:Open}}var:Prenom}}", "{{var:Prenom}}", ""},
        {"more braces around", "{{{var:Points}}}", "{120}", ""},
        {"statements stay", "{% if var:Age > 17 %}{{data:x}}{% endif %}",
         "{% if var:Age > 17 %}{{data:x}}{% endif %}", ""},
        {"what is not closed stays", "{{var:Prenom} {{var:Prenom", "{{var:Prenom} {{var:Prenom",
         ""},
        {"what is none stays",
         "{{}} {{var}} {{var:}} {{var: }} {{var::\"x\"}} {{variable:x}} {{VAR:Prenom}} {{",
         "{{}} {{var}} {{var:}} {{var: }} {{var::\"x\"}} {{variable:x}} {{VAR:Prenom}} {{", ""},
        {"what is no default stays",
         "{{var:X:Client}} {{var:X:\"a}} {{var:X:[1]}} {{var:X:{}}} {{var:X:\"a\" b}} {{var:X:01}}",
         "{{var:X:Client}} {{var:X:\"a}} {{var:X:[1]}} {{var:X:{}}} {{var:X:\"a\" b}} {{var:X:01}}",
         ""},
        {"goes on behind it", "{{var:{{var:Points}}", "{{var:120", ""},
    };
    json_object *variables =
        object_of("{Prenom:\"L\xC3\xA9"
                  "a\",\"Deux Mots\":2,\"\xC3\x82ge\":18,Points:120,Prix:12.50,"
                  "Grand:123456789012345678901,Exp:1e3,Oui:true,Non:false,Rien:null,"
                  "order:{total:\"9/9\",\"a.b\":{c:5}},List:[1,\"x\"],\"x.y\":\"dot\",x:{y:1},"
                  "Evil:\"{{var:Prenom}}\",Open:\"{{\"}");
    size_t i;
    int n;

    for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        apr_array_header_t *unknown = apr_array_make(pool, 1, sizeof(const char *));
        const char *names = "";

        is_text(outbound_template_render(list[i].text, TEXT, variables, unknown, pool),
                list[i].want, list[i].name);
        for (n = 0; n < unknown->nelts; n++) {
            names = apr_pstrcat(pool, names, APR_ARRAY_IDX(unknown, n, const char *), " ", NULL);
        }
        is_text(names, list[i].unknown, "and what is unknown");
    }
    is_text(outbound_template_render("a{{var:X}}b", TEXT, NULL, NULL, pool), "ab",
            "without variables");
}

static void forms(void)
{
    json_object *variables = object_of(
        "{T:\"<b a='1' c=\\\"2\\\">&amp;\",L:\"a\\r\\nBcc: x@y.fr\\tz\\u0000\\u0085\\u2028\\u2029"
        "\\u007f\\u0001\\u009f.\\u00a0\\u00e9\",O:{\"<\":\"\\n\"}}");

    is_text(outbound_template_render("<i>{{var:T}}</i>&", HTML, variables, NULL, pool),
            "<i>&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;amp;</i>&",
            "HTML: values are text, the template is markup");
    is_text(outbound_template_render("{{var:X:\"<\"}}{{var:O}}", HTML, variables, NULL, pool),
            "&lt;{&quot;&lt;&quot;:&quot;\\n&quot;}", "HTML: so are defaults and objects");
    is_text(outbound_template_render("{{var:T}}", TEXT, variables, NULL, pool),
            "<b a='1' c=\"2\">&amp;", "text: as it is");
    is_text(outbound_template_render("{{var:L}}{{var:X:\"\\r\\n\"}}", LINE, variables, NULL, pool),
            "a  Bcc: x@y.fr z      .\xC2\xA0\xC3\xA9  ", "line: no control character is left");
    is_text(outbound_template_render("{{var:L}}", TEXT, variables, NULL, pool),
            "a\r\nBcc: x@y.fr\tz\xC2\x85\xE2\x80\xA8\xE2\x80\xA9\x7f\x01\xC2\x9F.\xC2\xA0\xC3\xA9",
            "text: all but NUL");
}

/* `piece`, `times` times. */
static char *repeat(const char *piece, int times)
{
    size_t len = strlen(piece);
    char *text = apr_palloc(pool, len * (size_t)times + 1);
    int i;

    for (i = 0; i < times; i++) {
        memcpy(text + len * (size_t)i, piece, len);
    }
    text[len * (size_t)times] = '\0';
    return text;
}

/* 100,000 of each, fewer under sanitizers, whose strstr() looks at all that is left: a reader that
 * looks at anything again and again takes minutes. */
static void hostile(void)
{
    static const char *const pieces[] = {
        "{{",
        "{{var:",
        "{{var:a",
        "{{var:a:\"",
        "{{var:a:\"\\\"",
        "{{var:a:\"}}",
        "{{var:a:1",
        "{{ \n ",
        "}}",
        "{{var:a:\\\"{{",
        "{",
        "{{var:a.b.",
        "{{var:a:1}}x",
        "\"",
        "{{var:a:tru",
    };
    apr_time_t began = apr_time_now();
    json_object *variables = object_of("{a:\"\"}");
    int same = 0, times = getenv("CRM360_TIMING") ? 3000 : 100000;
    char *text;
    size_t i;

    for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        text = repeat(pieces[i], times);
        same += outbound_template_render(text, HTML, variables, NULL, pool) != NULL;
        text = apr_pstrcat(pool, "{{var:a:\"", text, NULL);
        same += outbound_template_render(text, LINE, variables, NULL, pool) != NULL;
    }
    is_number(same, (long long)i * 2, "no template is too much");
    ok(apr_time_now() - began < 20 * APR_USEC_PER_SEC, "and none takes long");
}

static void too_long(void)
{
    json_object *variables = json_object_new_object();
    apr_array_header_t *unknown = apr_array_make(pool, 1, sizeof(const char *));
    const char *text;
    int i;

    json_object_object_add(variables, "a", json_object_new_string(repeat("&", 1024)));
    json_object_object_add(variables, "nul",
                           json_object_new_string_len(apr_pcalloc(pool, 65536), 65536));
    ok(outbound_template_render(repeat("{{var:a}}", 4095), TEXT, variables, NULL, pool) != NULL,
       "just short of the limit");
    ok(outbound_template_render(repeat("{{var:a}}", 4096), TEXT, variables, NULL, pool) == NULL,
       "a value that is named too often");
    ok(outbound_template_render(repeat("{{var:a}}", 1000), HTML, variables, NULL, pool) == NULL,
       "what is written counts");
    ok(outbound_template_render(repeat("{{var:nul}}", 1000), TEXT, variables, NULL, pool) == NULL,
       "and what is read");
    text = "";
    for (i = 0; i < 150; i++) {
        text = apr_pstrcat(pool, text, apr_psprintf(pool, "{{var:u%d}}", i), NULL);
    }
    is_text(outbound_template_render(text, TEXT, variables, unknown, pool), "",
            "many unknown ones");
    is_number(unknown->nelts, OUTBOUND_UNKNOWN_MOST, "not all of them are noted");
    json_object_put(variables);
}

/* Whatever stands in a template and in a value, the forms keep their promise. */
static void random_templates(void)
{
    static const char bytes[] = "{{{}}}var::\"\"\\ abn1.-\r\n\t<>&'\xC3\xA9\xC2\x85";
    json_object *variables = object_of("{a:\"<>&\\\"'\\n\\u0085{{var:b}}\",b:[1],n:{a:null}}");
    char text[64];
    int i, n, len, wrong = 0;
    apr_pool_t *round, *keep = pool;
    const char *out;

    srand(5);
    apr_pool_create(&round, pool);
    pool = round;
    for (i = 0; i < 50000; i++) {
        apr_pool_clear(round);
        len = rand() % 40;
        strcpy(text, rand() % 2 ? "{{var:" : "");
        n = (int)strlen(text);
        for (; n < len; n++) {
            text[n] = bytes[(size_t)rand() % (sizeof(bytes) - 1)];
        }
        text[n] = '\0';
        out = outbound_template_render(text, LINE, variables, NULL, round);
        wrong += !out || (!strpbrk(text, "\r\n") && strpbrk(out, "\r\n"));
        out = outbound_template_render(text, HTML, variables, NULL, round);
        wrong += !out || (!strpbrk(text, "<>'") && strpbrk(out, "<>'"));
    }
    pool = keep;
    is_number(wrong, 0, "random templates");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    values();
    forms();
    hostile();
    too_long();
    random_templates();
    apr_pool_destroy(pool);
    apr_terminate();
    return tap_done();
}
