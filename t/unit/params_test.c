/* Query parameters: what is read, what is refused, and by which name. Never starts a server. */
#include "core/params.h"

#include <apr_general.h>
#include <apr_strings.h>

#include "tap.h"

typedef struct good_t {
    const char *query;
    int source, zone, brand, type, batch, seconds;
    const char *email;
} good_t;

static const good_t good[] = {
    {"SourceId=1", 1, 0, 0, 0, 0, 0, NULL},
    {"SourceId=32767", 32767, 0, 0, 0, 0, 0, NULL},
    {"sourceid=12&ZONEID=3&brandId=4&contactaddresstypeid=5", 12, 3, 4, 5, 0, 0, NULL},
    {"SourceId=1&ZoneId=2147483647&BrandId=2147483647&ContactAddressTypeId=32767", 1, 2147483647,
     2147483647, 32767, 0, 0, NULL},
    {"SourceId=0012", 12, 0, 0, 0, 0, 0, NULL},
    {"%53ource%49d=%31%32", 12, 0, 0, 0, 0, 0, NULL},
    {"SourceId=1&BatchMode=true", 1, 0, 0, 0, 1, 0, NULL},
    {"SourceId=1&BatchMode=TRUE", 1, 0, 0, 0, 1, 0, NULL},
    {"SourceId=1&BatchMode=1", 1, 0, 0, 0, 1, 0, NULL},
    {"SourceId=1&BatchMode=False", 1, 0, 0, 0, 0, 0, NULL},
    {"SourceId=1&BatchMode=0", 1, 0, 0, 0, 0, 0, NULL},
    {"SourceId=1&secondsOfInvisibility=0", 1, 0, 0, 0, 0, 0, NULL},
    {"SourceId=1&SECONDSOFINVISIBILITY=604800", 1, 0, 0, 0, 0, 604800, NULL},
    {"SourceId=1&Email=a.b%2Bc@mail.example.org", 1, 0, 0, 0, 0, 0, "a.b+c@mail.example.org"},
    {"SourceId=1&Email=x@y.fr", 1, 0, 0, 0, 0, 0, "x@y.fr"},
    /* Empty optional ones count as absent, with and without '='. */
    {"SourceId=1&ZoneId=&BrandId=&ContactAddressTypeId=&BatchMode=&Email=&secondsOfInvisibility=",
     1, 0, 0, 0, 0, 0, NULL},
    {"SourceId=1&ZoneId&Email", 1, 0, 0, 0, 0, 0, NULL},
    /* Others are none of our business, even when they cannot be decoded. */
    {"store=LDN-01&currency=GBP&SourceId=71", 71, 0, 0, 0, 0, 0, NULL},
    {"SourceId=1&texte=%E9t%E9&x=%zz&%zz=1&%00=2&=3", 1, 0, 0, 0, 0, 0, NULL},
    {"SourceId=1&store=a&store=b", 1, 0, 0, 0, 0, 0, NULL},
    {"&&SourceId=1&&", 1, 0, 0, 0, 0, 0, NULL},
    {"SourceId=1;ZoneId=x&x=1", 0, 0, 0, 0, 0, 0, "refused"}, /* ';' parts nothing */
};

static void test_good(apr_pool_t *pool)
{
    unsigned i;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const good_t *row = &good[i];
        crm360_params_t params;
        crm360_param_error_t error;
        apr_status_t rv =
            crm360_params_read(&params, &error, row->query, CRM360_QUEUE_PROCESS, pool);

        if (row->source == 0) {
            ok(rv == APR_EINVAL, "'%s' is refused", row->query);
            continue;
        }
        if (!ok(rv == APR_SUCCESS, "'%s' is read", row->query)) {
            printf("# %s: %s\n", error.parameter, error.detail);
            continue;
        }
        ok(params.source_id == row->source && params.zone_id == row->zone &&
               params.brand_id == row->brand && params.contact_address_type_id == row->type &&
               params.batch_mode == row->batch && params.seconds_of_invisibility == row->seconds,
           "  with the right values");
        is_text(params.email, row->email, "  with the right address");
    }
}

typedef struct bad_t {
    const char *query;
    const char *parameter;
    const char *says; /* part of the detail */
} bad_t;

static const bad_t bad[] = {
    {NULL, "SourceId", "missing"},
    {"", "SourceId", "missing"},
    {"ZoneId=3", "SourceId", "missing"},
    {"Source%zzId=3", "SourceId", "missing"},
    {"SourceId", "SourceId", "empty"},
    {"SourceId=", "SourceId", "empty"},
    {"SourceId=0", "SourceId", "1 to 32767"},
    {"SourceId=-1", "SourceId", "1 to 32767"},
    {"SourceId=%2B1", "SourceId", "1 to 32767"},
    {"SourceId=+1", "SourceId", "\" 1\""},
    {"SourceId=1+", "SourceId", "1 to 32767"},
    {"SourceId=1%20", "SourceId", "1 to 32767"},
    {"SourceId=1.0", "SourceId", "1 to 32767"},
    {"SourceId=1e3", "SourceId", "1 to 32767"},
    {"SourceId=0x10", "SourceId", "1 to 32767"},
    {"SourceId=1,2", "SourceId", "1 to 32767"},
    {"SourceId=32768", "SourceId", "1 to 32767"},
    {"SourceId=65537", "SourceId", "1 to 32767"},
    {"SourceId=4294967297", "SourceId", "1 to 32767"},
    {"SourceId=18446744073709551617", "SourceId", "1 to 32767"},
    {"SourceId=99999999999999999999999999999999999999999999999999999999999999999999", "SourceId",
     "99...\""},
    {"SourceId=abc", "SourceId", "\"abc\""},
    {"SourceId=%D9%A1", "SourceId", "%D9%A1"}, /* an Arabic-Indic one */
    {"SourceId=null", "SourceId", "null"},
    {"SourceId=1%00", "SourceId", "percent-encoding"},
    {"SourceId=%", "SourceId", "percent-encoding"},
    {"SourceId=%3", "SourceId", "percent-encoding"},
    {"SourceId=%3g", "SourceId", "percent-encoding"},
    {"SourceId=1&SourceId=1", "SourceId", "more than once"},
    {"SourceId=1&sourceID=2", "SourceId", "more than once"},
    {"SourceId=1&%73ourceId=", "SourceId", "more than once"},
    {"SourceId=1&ZoneId=0", "ZoneId", "1 to 2147483647"},
    {"SourceId=1&ZoneId=2147483648", "ZoneId", "1 to 2147483647"},
    {"SourceId=1&ZoneId=&ZoneId=3", "ZoneId", "more than once"},
    {"SourceId=1&BrandId=x", "BrandId", "1 to 2147483647"},
    {"SourceId=1&ContactAddressTypeId=32768", "ContactAddressTypeId", "1 to 32767"},
    {"SourceId=1&BatchMode=yes", "BatchMode", "true, false, 1 or 0"},
    {"SourceId=1&BatchMode=2", "BatchMode", "true, false, 1 or 0"},
    {"SourceId=1&BatchMode=%20true", "BatchMode", "true, false, 1 or 0"},
    {"SourceId=1&BatchMode=01", "BatchMode", "true, false, 1 or 0"},
    {"SourceId=1&Email=nobody", "Email", "mail address"},
    {"SourceId=1&Email=@example.org", "Email", "mail address"},
    {"SourceId=1&Email=a@", "Email", "mail address"},
    {"SourceId=1&Email=a@localhost", "Email", "mail address"},
    {"SourceId=1&Email=a@b@example.org", "Email", "mail address"},
    {"SourceId=1&Email=a..b@example.org", "Email", "mail address"},
    {"SourceId=1&Email=.a@example.org", "Email", "mail address"},
    {"SourceId=1&Email=a@example..org", "Email", "mail address"},
    {"SourceId=1&Email=a@example.org.", "Email", "mail address"},
    {"SourceId=1&Email=a@-example.org", "Email", "mail address"},
    {"SourceId=1&Email=a@example-.org", "Email", "mail address"},
    {"SourceId=1&Email=a+b@example.org", "Email", "mail address"}, /* a '+' unencoded is a blank */
    {"SourceId=1&Email=a@example.org%0D%0ABcc:b@example.org", "Email", "%0D%0A"},
    {"SourceId=1&Email=a@example.org,b@example.org", "Email", "mail address"},
    {"SourceId=1&Email=%22a%22@example.org", "Email", "%22a%22"},
    {"SourceId=1&Email=%C3%A9@example.org", "Email", "%C3%A9"},
    {"SourceId=1&secondsOfInvisibility=-1", "secondsOfInvisibility", "0 to 604800"},
    {"SourceId=1&secondsOfInvisibility=604801", "secondsOfInvisibility", "0 to 604800"},
    {"SourceId=1&secondsOfInvisibility=5s", "secondsOfInvisibility", "0 to 604800"},
    {"SourceId=1&secondsOfInvisibility=1.5", "secondsOfInvisibility", "0 to 604800"},
    {"SourceId=1&secondsOfInvisibility=3&SECONDSOFINVISIBILITY=3", "secondsOfInvisibility",
     "more than once"},
    /* The first fault in the order of the query is the one that is told. */
    {"ZoneId=x&SourceId=y", "ZoneId", "1 to"},
};

static void test_bad(apr_pool_t *pool)
{
    unsigned i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *query = bad[i].query;
        crm360_params_t params;
        crm360_param_error_t error;
        const char *c;

        if (!ok(crm360_params_read(&params, &error, query, CRM360_QUEUE_PROCESS, pool) ==
                    APR_EINVAL,
                "'%s' is refused", query ? query : "(null)")) {
            continue;
        }
        is_text(error.parameter, bad[i].parameter, "  by the right name");
        if (!ok(strstr(error.detail, bad[i].says) != NULL, "  saying %s", bad[i].says)) {
            printf("# it said: %s\n", error.detail);
        }
        for (c = error.detail; *c >= 0x20 && *c < 0x7f; c++) {
        }
        ok(*c == '\0' && strlen(error.detail) < 300, "  in short printable ASCII");
    }
}

static void test_email_process(apr_pool_t *pool)
{
    crm360_params_t params;
    crm360_param_error_t error;

    ok(crm360_params_read(&params, &error,
                          "SourceId=1&BatchMode=maybe&secondsOfInvisibility=x&Email=a@b.fr",
                          CRM360_EMAIL_PROCESS, pool) == APR_SUCCESS,
       "EmailProcess knows neither BatchMode nor secondsOfInvisibility");
    is_text(params.email, "a@b.fr", "but it knows Email");
    ok(crm360_params_read(&params, &error, "SourceId=x", CRM360_EMAIL_PROCESS, pool) == APR_EINVAL,
       "and SourceId");
    ok(crm360_params_read(&params, &error, "SourceId=1", CRM360_EMAIL_PROCESS, pool) == APR_EINVAL,
       "without Email there is nobody to mail to");
    is_text(error.parameter, "Email", "which is named");
    ok(crm360_params_read(&params, &error, "SourceId=1&email=", CRM360_EMAIL_PROCESS, pool) ==
               APR_EINVAL &&
           strstr(error.detail, "empty"),
       "and an empty one is none");
    ok(crm360_params_read(&params, &error, "SourceId=1&email=", CRM360_QUEUE_PROCESS, pool) ==
           APR_SUCCESS,
       "QueueProcess does without");
}

static void test_decode(apr_pool_t *pool)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", ""},     {"abc", "abc"},       {"a+b", "a b"}, {"a%2Bb", "a+b"}, {"%e9", "\xe9"},
        {"%7E", "~"}, {"%25%32%35", "%25"}, {"%", NULL},    {"%2", NULL},     {"%G0", NULL},
        {"%0", NULL}, {"%00", NULL},        {"a%0", NULL},  {"%-1", NULL},    {"% 1", NULL},
    };
    unsigned i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *decoded = NULL;
        apr_status_t rv = crm360_params_decode(&decoded, rows[i].text, strlen(rows[i].text), pool);

        ok((rv == APR_SUCCESS) == (rows[i].want != NULL), "decoding '%s' %s", rows[i].text,
           rows[i].want ? "works" : "is refused");
        if (rows[i].want) {
            is_text(decoded, rows[i].want, "  to the right text");
        }
    }
    {
        const char *decoded;

        ok(crm360_params_decode(&decoded, "a%41b", 3, pool) == APR_EINVAL,
           "an escape cut by the length is refused");
        ok(crm360_params_decode(&decoded, "ab%41", 2, pool) == APR_SUCCESS && strlen(decoded) == 2,
           "nothing behind the length is read");
    }
}

static void test_get(apr_pool_t *pool)
{
    const char *query = "numero=0033612&Texte=%C3%A9+1&empty=&bare&numero=2&bad=%zz";

    is_text(crm360_params_get(query, "NUMERO", pool), "0033612", "the first value, any case");
    is_text(crm360_params_get(query, "texte", pool), "\xc3\xa9 1", "decoded");
    is_text(crm360_params_get(query, "empty", pool), "", "an empty value is there");
    is_text(crm360_params_get(query, "bare", pool), "", "so is a bare name");
    is_text(crm360_params_get(query, "bad", pool), NULL, "what cannot be decoded is not");
    is_text(crm360_params_get(query, "other", pool), NULL, "nor what was not sent");
    is_text(crm360_params_get(NULL, "other", pool), NULL, "nor anything without a query");
    is_text(crm360_params_get("store=caf%E9", "store", pool), "caf\xc3\xa9", "always UTF-8");
    is_text(crm360_params_get("m=%A4&charset=ISO-8859-15", "m", pool), "\xe2\x82\xac",
            "by the charset of the query");
}

static void test_text(apr_pool_t *pool)
{
    static const struct {
        const char *text;
        const char *charset;
        const char *want;
    } rows[] = {
        {"", NULL, ""},
        {"a+b%20c", NULL, "a b c"},
        {"%zz%4", NULL, "%zz%4"},
        {"100%", NULL, "100%"},
        {"a%00b", NULL, "ab"},
        {"d%E9sol%E9", NULL, "d\xc3\xa9sol\xc3\xa9"},
        {"d%C3%A9sol%C3%A9", NULL, "d\xc3\xa9sol\xc3\xa9"},
        {"d%C3%A9", "iso_8859-1", "d\xc3\x83\xc2\xa9"},
        {"%C3%A9%E9", NULL, "\xc3\xa9\xef\xbf\xbd"},
        {"%80", "klingon", "\xe2\x82\xac"},
    };
    crm360_param_pair_t pair;
    const char *rest = "&&a=1&=2&b&c=d=e&";
    char seen[64] = "";
    unsigned i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_text(crm360_params_text(rows[i].text, strlen(rows[i].text), rows[i].charset, pool),
                rows[i].want, rows[i].text);
    }
    while (crm360_params_next(&pair, &rest)) {
        snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "[%.*s|%.*s]",
                 (int)pair.name_len, pair.name, (int)pair.value_len, pair.value);
    }
    is_text(seen, "[a|1][|2][b|][c|d=e]", "the pairs of a query");
    ok(crm360_params_is_own("sourceid") && crm360_params_is_own("TOKEN") &&
           crm360_params_is_own("secondsOfInvisibility") && !crm360_params_is_own("store"),
       "our own parameters are known");
}

static void test_path(void)
{
    static const struct {
        const char *value;
        int good;
    } rows[] = {
        {"acme", 1},
        {"A-Z_0.9", 1},
        {"a", 1},
        {"", 0},
        {"a b", 0},
        {"a/b", 0},
        {"a{b", 0},
        {"a}b", 0},
        {"caf\xc3\xa9", 0},
        {"a%41", 0},
        {"a\nb", 0},
        {"a:b", 0},
        {"1234567890123456789012345678901234567890123456789012345678901234", 1},
        {"12345678901234567890123456789012345678901234567890123456789012345", 0},
    };
    unsigned i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ok(crm360_path_value_ok(rows[i].value) == rows[i].good, "path value '%s' is %s",
           strchr(rows[i].value, '\n') ? "with a line feed" : rows[i].value,
           rows[i].good ? "fine" : "refused");
    }
}

static void test_hide(apr_pool_t *pool)
{
    static const struct {
        const char *text;
        const char *hidden;
    } rows[] = {
        {"SourceId=1", "SourceId=1"},
        {"", ""},
        {"token=s", "token=*"},
        {"token=s?more\"of;it", "token=*"},
        {"token=", "token=*"},
        {"token=?s", "token=*"},
        {"token", "token"},
        {"a=1&TOKEN=s&b=2&%74oken=t", "a=1&TOKEN=*&b=2&%74oken=*"},
        {"tokens=1&atoken=2&x=token=3", "tokens=1&atoken=2&x=token=3"},
        {"POST /a?token=s HTTP/1.1", "POST /a?token=* HTTP/1.1"},
        {"GET http://h/a?b=1&token=s&c HTTP/1.1", "GET http://h/a?b=1&token=*&c HTTP/1.1"},
        {"to%6ben=s&%zz=1&token%00=t", "to%6ben=*&%zz=1&token%00=t"},
    };
    const char *text = "";
    unsigned i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_text(crm360_params_hide(rows[i].text, "& ", "*", pool), rows[i].hidden, rows[i].text);
    }
    for (i = 0; i < 2000; i++) {
        text = apr_pstrcat(pool, text, "token=s&", NULL);
    }
    ok(strlen(crm360_params_hide(text, "&", "***", pool)) == 2000 * strlen("token=***&"),
       "and in each of 2000 that the same text has");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    test_good(pool);
    test_bad(pool);
    test_email_process(pool);
    test_decode(pool);
    test_get(pool);
    test_text(pool);
    test_path();
    test_hide(pool);
    apr_pool_destroy(pool);
    apr_terminate();
    return tap_done();
}
