/*
 * The payload of a card update: what becomes of a template, whatever its values hold; and which
 * templates are refused.
 */
#include "core/json.h"
#include "outbound/placeholder.h"
#include "outbound/wallet.h"
#include "t/unit/crm_tools.h"

static json_object *json_of(const char *text)
{
    json_object *value = NULL;
    const char *why;

    if (crm360_json_parse(&value, &why, text, strlen(text), pool) != APR_SUCCESS) {
        ok(0, "this test's JSON: %s: %s", text, why);
    }
    return value;
}

static const char *plain(json_object *value)
{
    return apr_pstrdup(pool, json_object_to_json_string_ext(
                                 value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static const char *payload(const char *template, json_object *values)
{
    const char *why = "", *text = outbound_wallet_payload(&why, template, values, pool);

    return text ? text : apr_pstrcat(pool, "fault: ", why, NULL);
}

/* ---- what becomes of a template ---- */

#define VALUES                                                                                     \
    "{\"FirstName\":\"Léa\",\"LastName\":\"O\\\"Brien\\\\\",\"Points\":120,\"Points2\":7.25,"     \
    "\"FreeFieldBoolean1\":true,\"Email\":\"{{var:FirstName}}\",\"Vouchers\":["                    \
    "{\"VoucherCode\":\"A\",\"VoucherAmount\":10.5},{\"VoucherId\":2}]}"

static const struct {
    const char *template, *payload, *what;
} fills[] = {
    {"{}", "{}", "nothing"},
    {"{\"a\":[1,-2.50,true,null,\"x\",{}]}", "{\"a\":[1,-2.50,true,null,\"x\",{}]}",
     "what is no placeholder stays as it is"},
    {"{\"a\":\"{{var:FirstName}}\"}", "{\"a\":\"Léa\"}", "a text"},
    {"{\"a\":\"{{var:Points}}\"}", "{\"a\":120}", "a number stays one"},
    {"{\"a\":\"{{var:Points2}}\"}", "{\"a\":7.25}", "a decimal, too, exactly"},
    {"{\"a\":\"{{var:FreeFieldBoolean1}}\"}", "{\"a\":true}", "a flag"},
    {"{\"a\":\"{{var:Vouchers}}\"}",
     "{\"a\":[{\"VoucherCode\":\"A\",\"VoucherAmount\":10.5},{\"VoucherId\":2}]}", "a list"},
    {"{\"a\":\"{{var:LastName}}\"}", "{\"a\":\"O\\\"Brien\\\\\"}", "quotes stay inside"},
    {"{\"a\":\" {{var:Points}}\"}", "{\"a\":\" 120\"}", "with a blank it is a text"},
    {"{\"a\":\"{{var:FirstName}} {{var:LastName}}: {{var:Points}}!\"}",
     "{\"a\":\"Léa O\\\"Brien\\\\: 120!\"}", "several in one text"},
    {"{\"a\":\"{{var:FirstName}}{{var:Points}}\"}", "{\"a\":\"Léa120\"}",
     "two in a row are a text"},
    {"{\"a\":\"{{var:Email}}\",\"b\":\"<{{var:Email}}>\"}",
     "{\"a\":\"{{var:FirstName}}\",\"b\":\"<{{var:FirstName}}>\"}",
     "a value is never filled again"},
    {"{\"a\":\"{{var:Store}}\",\"b\":1}", "{\"b\":1}", "without a value the member is left out"},
    {"{\"a\":{\"b\":\"{{var:Store}}\"}}", "{\"a\":{}}", "but not what it stands in"},
    {"{\"a\":[1,\"{{var:Store}}\",2]}", "{\"a\":[1,2]}", "likewise in a list"},
    {"{\"a\":\"x{{var:Store}}y\"}", "{\"a\":\"xy\"}", "in a text it is empty"},
    {"{\"a\":\"{{var:Store:\\\"none\\\"}}\"}", "{\"a\":\"none\"}", "or its default"},
    {"{\"a\":\"{{var:Store:\\\"\\\"}}\"}", "{\"a\":\"\"}", "or an empty default"},
    {"{\"a\":\"at {{var:Store:\\\"a {shop}\\\"}}\"}", "{\"a\":\"at a {shop}\"}",
     "a default in a text"},
    {"{\"a\":\"{{var:Points:\\\"0\\\"}}\"}", "{\"a\":120}", "a default that is not needed"},
    {"{\"a\":\"{{var:Points9:0}}\"}", "{\"a\":0}", "a default that is a number"},
    {"{\"a\":\"{{var:Store:null}}\",\"b\":\"{{var:Store:}}\"}", "{\"a\":null,\"b\":null}",
     "or null"},
    {"{\"a\":\"{{ var:Points }}\"}", "{\"a\":120}", "blanks do no harm"},
    {"{\"a\":\"{{var:Points77}}\"}", "{}", "a type of points without any"},
    {"{\"a\":{\"{{each:Vouchers}}\":{\"c\":\"{{var:VoucherCode}}\",\"n\":\"{{var:FirstName}}\"}}}",
     "{\"a\":[{\"c\":\"A\",\"n\":\"Léa\"},{\"n\":\"Léa\"}]}", "each voucher"},
    {"{\"a\":{\"{{each:Vouchers}}\":\"{{var:VoucherCode}}\"}}", "{\"a\":[\"A\"]}",
     "those without a value are left out"},
    {"{\"a\":{\"{{each:Vouchers}}\":[1,\"{{var:VoucherAmount}}\"]}}", "{\"a\":[[1,10.5],[1]]}",
     "a list of lists"},
};

static void filling(void)
{
    json_object *values = json_of(VALUES);
    const char *before = plain(values);
    size_t i;

    for (i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
        is_text(payload(fills[i].template, values), fills[i].payload, fills[i].what);
    }
    is_text(plain(values), before, "the values are as before");
    is_text(payload("{\"a\":{\"{{each:Vouchers}}\":1}}", json_of("{\"Vouchers\":[]}")),
            "{\"a\":[]}", "no voucher is an empty list");
    is_text(payload("{\"a\":{\"{{each:Vouchers}}\":1}}", json_of("{}")), "{}",
            "no list is no member");
    is_text(payload("{\"a\":{\"{{each:Vouchers}}\":1}}", json_of("{\"Vouchers\":7}")), "{}",
            "what is no list is none");
}

/* ---- whatever a value holds ---- */

static void hostile(void)
{
    static const char *const texts[] = {
        "\"",
        "\\",
        "\\\"",
        "\",\"identifier\":\"other",
        "\"}}",
        "}},{\"a\":{",
        "{{var:Points}}",
        "{{each:Vouchers}}",
        "\n\r\t\b\f\x01\x1f\x7f",
        "</script>",
        "%s%n%d",
        "null",
        "\xe2\x80\xa8\xe2\x80\xa9",
        "\xf0\x9f\x8e\x81",
        "''--;",
    };
    static const char template[] =
        "{\"identifier\":\"{{var:Identifier}}\",\"x\":{\"y\":\"-{{var:FirstName}}-\"},"
        "\"z\":\"{{var:FirstName}}\",\"{a}\":\"{{var:Store:\\\"d\\\"}}\",\"o\":{"
        "\"{{each:Vouchers}}\":{\"c\":\"{{var:VoucherCode}}\"}}}";
    json_object *values, *read, *part, *voucher;
    const char *text, *why;
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        values = json_of("{\"Identifier\":\"mine\",\"Vouchers\":[{}]}");
        json_object_object_add(values, "FirstName", json_object_new_string(texts[i]));
        json_object_object_add(values, "Store", json_object_new_string(texts[i]));
        json_object_object_get_ex(values, "Vouchers", &part);
        voucher = json_object_array_get_idx(part, 0);
        json_object_object_add(voucher, "VoucherCode", json_object_new_string(texts[i]));
        text = payload(template, values);
        if (!ok(crm360_json_parse(&read, &why, text, strlen(text), pool) == APR_SUCCESS,
                "text %d: what comes of it is JSON", (int)i)) {
            continue;
        }
        is_number(json_object_object_length(read), 5, "  with the members of the template");
        json_object_object_get_ex(read, "identifier", &part);
        is_text(json_object_get_string(part), "mine", "  the identifier is its own");
        json_object_object_get_ex(read, "z", &part);
        is_text(json_object_get_string(part), texts[i], "  the text is that text");
        json_object_object_get_ex(read, "{a}", &part);
        is_text(json_object_get_string(part), texts[i], "  and not its default");
        json_object_object_get_ex(read, "x", &part);
        is_number(json_object_object_length(part), 1, "  a text is inside its text");
        json_object_object_get_ex(part, "y", &part);
        is_text(json_object_get_string(part), apr_pstrcat(pool, "-", texts[i], "-", NULL),
                "  whole");
        json_object_object_get_ex(read, "o", &part);
        json_object_object_get_ex(json_object_array_get_idx(part, 0), "c", &part);
        is_text(json_object_get_string(part), texts[i], "  likewise in a list");
    }
}

/* ---- the built-in template ---- */

static void built_in(void)
{
    json_object *request = json_of(fixture("captainwallet/expected-update-request.json")), *body;
    const char *text;

    json_object_object_get_ex(request, "body", &body);
    is_text(outbound_wallet_template_fault(outbound_wallet_template, pool), NULL,
            "the built-in template has no fault");
    text = payload(NULL, json_of("{\"Identifier\":\"2990000012345\",\"FirstName\":\"Léa\","
                                 "\"LastName\":\"Marchand\",\"Email\":\"lea.marchand@example.fr\","
                                 "\"Points\":120,\"Points1\":120,\"LoyaltyCardId\":12345}"));
    is_text(text, plain(body), "it makes what is expected");
    is_text(payload("", json_of("{}")), "{\"counters\":{},\"metadatas\":{}}",
            "of nothing it makes nothing");
    is_text(payload(NULL, json_of("{\"Store\":\"S1\",\"Points\":0,\"Vouchers\":[]}")),
            "{\"store\":\"S1\",\"counters\":{\"points\":0},\"metadatas\":{},\"offers\":[]}",
            "no voucher that is valid any more");
    is_text(payload(NULL, json_of("{\"Vouchers\":[{\"VoucherIdentifier\":\"v\",\"VoucherCode\":"
                                  "\"TEN\",\"VoucherCategory\":\"Birthday\",\"VoucherAmount\":10,"
                                  "\"VoucherCurrencyId\":\"EUR\",\"VoucherEndDate\":\"2026\"}]}")),
            "{\"counters\":{},\"metadatas\":{},\"offers\":[{\"identifier\":\"v\",\"code\":\"TEN\","
            "\"label\":\"Birthday\",\"amount\":10,\"currency\":\"EUR\",\"endDate\":\"2026\"}]}",
            "a voucher");
}

/* ---- faults ---- */

static const struct {
    const char *template, *part;
} faults[] = {
    {"", "line 1, column 1"},
    {"{", "line 1, column 2"},
    {"{\"a\":1,}", "column 8"},
    {"{a:1}", "column 2"},
    {"[]", "no JSON object"},
    {"null", "no JSON object"},
    {"\"{{var:Points}}\"", "no JSON object"},
    {"{\"{{each:Vouchers}}\":1}", "no JSON object"},
    {"{\"a\":\"{{var:Frist}}\"}", "{{var:Frist}} names no value"},
    {"{\"a\":\"x {{var:Frist:\\\"d\\\"}} y\"}", "{{var:Frist}} names no value"},
    {"{\"a\":[[\"{{var:points}}\"]]}", "{{var:points}} names no value"},
    {"{\"a\":\"{{var:Points0}}\"}", "{{var:Points0}} names no value"},
    {"{\"a\":\"{{var:Points1x}}\"}", "{{var:Points1x}} names no value"},
    {"{\"a\":\"{{var:VoucherCode}}\"}", "{{var:VoucherCode}} names no value that there is outside"},
    {"{\"a\":{\"{{each:Cards}}\":1}}", "{{each:Cards}} names no list"},
    {"{\"a\":{\"{{each:Vouchers}}\":\"{{var:X}}\"}}", "{{var:X}} names no value"},
    {"{\"a\":{\"{{each:Vouchers}}\":1,\"b\":2}}", "alone in its object"},
    {"{\"{{var:Points}}\":1}", "a name of a member"},
    {"{\"a\":\"{{Points}}\"}", "begins no placeholder"},
    {"{\"a\":\"{{var:Points}\"}", "begins no placeholder"},
    {"{\"a\":\"{{var:Points:d}}\"}", "begins no placeholder"},
    {"{\"a\":\"{{var:Points.a}}\"}", "{{var:Points.a}} names no value"},
    {"{\"a\":\"{{oops}} {{var:Points}}\"}", "begins no placeholder"},
    {"{\"a\":\"{{var:}}\"}", "begins no placeholder"},
};

static void refusing(void)
{
    const char *fault, *why;
    size_t i;

    for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        fault = outbound_wallet_template_fault(faults[i].template, pool);
        ok(fault && strstr(fault, faults[i].part), "%s: %s", faults[i].template,
           fault ? fault : "no fault");
        if (*faults[i].template) {
            ok(!outbound_wallet_payload(&why, faults[i].template, json_of(VALUES), pool) &&
                   strcmp(why, fault) == 0,
               "  and no payload");
        }
    }
    is_text(outbound_wallet_template_fault("{\"a\":\"{{var:Points12}}\"}", pool), NULL,
            "any type of points may be named");
}

/* ---- placeholders ---- */

static int find(outbound_placeholder_t *found, const char *text)
{
    return outbound_placeholder_find(found, text, text + strlen(text), pool);
}

static void placeholders(void)
{
    static const struct {
        const char *text, *name, *otherwise, *rest; /* "" = no default */
    } cases[] = {
        {"{{var:A}}", "A", "", ""},
        {"x{{var:A}}y", "A", "", "y"},
        {"{{{var:A}}}", "A", "", "}"},
        {"{{ var : A b.c-d }}", "A b.c-d", "", ""},
        {"{{var:Pr\xc3\xa9nom}}", "Pr\xc3\xa9nom", "", ""},
        {"{{var:A:\"\"}}", "A", "\"\"", ""},
        {"{{var:A:\"b}} c\"}}d", "A", "\"b}} c\"", "d"},
        {"{{var:A:\"{{var:B}}\"}}", "A", "\"{{var:B}}\"", ""},
        {"{{var:A:7}}", "A", "7", ""},
        {"{{var:A:null}}", "A", "null", ""},
        {"{{var:A:}}", "A", "null", ""},
        {"{{var:A:{}}}", NULL, NULL, NULL},
        {"{{var:A:x}}", NULL, NULL, NULL},
        {"{{var:A:\"x\"y\"}}", NULL, NULL, NULL},
        {"{{var:A:\"x{{var:B:\"y\"}}", "B", "\"y\"", ""},
        {"{{var:A{{var:B}}", "B", "", ""},
        {"{{Var:A}}", NULL, NULL, NULL},
        {"{{var:A}", NULL, NULL, NULL},
        {"", NULL, NULL, NULL},
    };
    outbound_placeholder_t found;
    apr_time_t before;
    char *many;
    size_t i, len;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int there = find(&found, cases[i].text);

        is_number(there, cases[i].name != NULL, cases[i].text);
        if (there && cases[i].name) {
            is_text(found.name, cases[i].name, "  its name");
            is_text(found.has_default ? plain(found.otherwise) : "", cases[i].otherwise,
                    "  its default");
            is_text(found.end, cases[i].rest, "  what follows");
        }
    }
    /* Less under sanitizers, whose strstr() looks at all that is left. */
    len = getenv("CRM360_TIMING") ? 30000 : 1000000;
    many = apr_palloc(pool, len + 1);
    for (i = 0; i < len; i++) {
        many[i] = "{{var:A:\""[i % 9];
    }
    many[len] = '\0';
    before = apr_time_now();
    is_number(find(&found, many), 0, "beginnings alone are text");
    ok(apr_time_now() - before < apr_time_from_sec(5), "  which is soon known");
}

int main(void)
{
    tools_start();
    placeholders();
    filling();
    hostile();
    built_in();
    refusing();
    return tap_done();
}
