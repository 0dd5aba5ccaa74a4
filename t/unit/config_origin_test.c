/*
 * Crm360Origin: what lines of each scheme make, what they are refused for (and that no text quotes
 * a secret), files of one and two secrets, and which rules count for a platform.
 */
#include "t/unit/config_tools.h"

#include <sys/stat.h>

#define SHOPIFY 0 /* the first platform of the route table */

static const char *folder;

/* Applies a line, $name in it being a file of that name in `folder`; the fault, or NULL. */
static const char *line(crm360_database_t *database, const char *args)
{
    const char *at;

    while ((at = strchr(args, '$')) != NULL) {
        args = apr_pstrcat(pool, apr_pstrmemdup(pool, args, (apr_size_t)(at - args)), folder, "/",
                           at + 1, NULL);
    }
    return apply("Crm360Origin", database, args);
}

/* What is said of a line, and must not be missing. */
static void refused(const char *args, const char *said)
{
    const char *fault = line(make_target(CRM360_IN_DATABASE), args);

    ok(fault && strstr(fault, said), "%s: %s", args, fault ? fault : "taken");
    ok(fault && strstr(fault, "; allowed: ") && !strstr(fault, "hunter2"),
       "  it says what is allowed, and shows no secret");
}

static const crm360_origin_t *taken(const char *args)
{
    static const crm360_origin_t none;
    crm360_database_t *database = make_target(CRM360_IN_DATABASE);
    int i;

    is_text(line(database, args), NULL, args);
    for (i = 0; i <= CRM360_PLATFORMS; i++) {
        if (database->origins[i]) {
            return APR_ARRAY_IDX(database->origins[i], 0, const crm360_origin_t *);
        }
    }
    return &none;
}

/* ---- schemes ---- */

static void body_signatures(void)
{
    const crm360_origin_t *rule = taken("Shopify shopify $one");

    is_text(rule->scheme, "shopify", "shopify");
    is_text(rule->header, "X-Shopify-Hmac-Sha256", "  its field");
    is_number(rule->as, CRM360_AS_BASE64, "  base64");
    is_number(rule->secrets.count, 1, "  one secret");
    is_text(rule->secrets.at[0].bytes, "hunter2 hunter2", "  as it stands in the file");
    rule = taken("shopify SHOPIFY $two networks=10.0.0.0/8,2001:db8::1");
    is_number(rule->secrets.count, 2, "names in any case; two secrets");
    is_text(rule->secrets.at[1].bytes, "hunter2-before", "  the one before");
    is_number(rule->networks ? rule->networks->nelts : 0, 2, "  and two networks");
    rule = taken("Tabology tabology $one");
    is_text(rule->header, "Signature", "tabology: its field");
    ok(rule->prefix_optional && strcmp(rule->prefix, "sha256=") == 0, "  its prefix may be there");
    rule = taken("* hmac $one header=X-Hub-Signature-256 hash=SHA512 encoding=hex prefix=sha512=");
    is_text(rule->header, "X-Hub-Signature-256", "hmac: field");
    is_number(rule->hash, CRM360_SHA512, "  hash");
    is_number(rule->as, CRM360_AS_HEX, "  encoding");
    is_text(rule->prefix, "sha512=", "  prefix");
    ok(!rule->prefix_optional, "  which must be there");
    rule = taken("* hmac $one header=Signature");
    is_number(rule->hash, CRM360_SHA256, "hmac by itself: sha256");
    is_number(rule->as, CRM360_AS_HEX | CRM360_AS_BASE64, "  in either form");
    is_text(rule->prefix, NULL, "  without a prefix");

    refused("Shopify shopify", "nothing follows the scheme");
    refused("Shopify shopify hunter2", "no absolute file name");
    refused("Shopify shopify $one hunter2=", "word 4 is no option of scheme shopify");
    refused("Shopify shopify $one window=5m", "word 4 is no option of scheme shopify");
    refused("Shopify shopify $one networks", "word 4 is no option");
    refused("* hmac $one", "header= is missing");
    refused("* hmac $one header=X header=Y", "header= is given twice");
    refused("* hmac $one header=hunter2:", "header= is no name");
    refused("* hmac $one header=X hash=md5",
            "hash= is none of them; allowed: sha256, sha1, sha512");
    refused("* hmac $one header=X encoding=hunter2", "encoding= is none of them");
    refused("* hmac $one header=X prefix=", "prefix= is empty");
    refused("* hmac $one header=X \"prefix=a b\"", "prefix= is empty, too long, or has");
}

static void signatures_of_now(void)
{
    const crm360_origin_t *rule = taken("Zendesk zendesk $one");

    is_number(rule->window, 5 * MINUTE, "zendesk: five minutes");
    rule = taken("Zendesk zendesk $one window=90s");
    is_number(rule->window, 90 * SECOND, "or another window");
    rule = taken("* standard-webhooks $whsec");
    is_number(rule->window, 5 * MINUTE, "standard-webhooks: five minutes");
    is_number(rule->secrets.at[0].len, 24, "  a key of 24 bytes");
    ok(memcmp(rule->secrets.at[0].bytes, "\0\1\2hunter2-hunter2-hunte", 24) == 0,
       "  which may hold anything");

    refused("Zendesk zendesk $published", "line 1 of");
    refused("Zendesk zendesk $published", "published for tests");
    refused("Zendesk zendesk $published2", "line 2 of");
    refused("Zendesk zendesk $one window=0s", "window= is no such time; allowed: from 1s to 1h");
    refused("Zendesk zendesk $one window=2h", "from 1s to 1h");
    refused("Zendesk zendesk $one window=hunter2", "from 1s to 1h");
    refused("* standard-webhooks $one", "no key of Standard Webhooks");
    refused("* standard-webhooks $whsec-unpadded", "no key of Standard Webhooks");
    refused("* standard-webhooks $whsec-bits", "no key of Standard Webhooks");
    is_number(taken("* standard-webhooks $whsec-short")->short_secret, 1, "a short key is noted");
    is_text(taken("* standard-webhooks $whsec-bare")->secrets.at[0].bytes, "hunter2-hunter2",
            "whsec_ may be missing");
}

static void credentials(void)
{
    const crm360_origin_t *rule = taken("Mailjet basic $basic");

    is_text(rule->secrets.at[0].bytes, "bcOpYTpodW50ZXIyLWh1bnRlcg==", "basic: as it is sent");
    rule = taken("Primotexto token $token");
    is_number(rule->token_in, CRM360_TOKEN_IN_HEADER | CRM360_TOKEN_IN_URL, "token: anywhere");
    rule = taken("Primotexto token $token in=URL");
    is_number(rule->token_in, CRM360_TOKEN_IN_URL, "  in the URL alone");
    rule = taken("Primotexto token $token in=header");
    is_number(rule->token_in, CRM360_TOKEN_IN_HEADER, "  in a field alone");

    refused("Mailjet basic $one", "has no user and ':'");
    refused("Mailjet basic $basic-nobody", "has no user and ':'");
    is_number(taken("Mailjet basic $basic-short")->short_secret, 1, "a short password is noted");
    is_number(taken("Mailjet basic $basic")->short_secret, 0, "  and a long one is not");
    refused("Mailjet basic $basic-none", "has no password behind the ':'");
    refused("Mailjet basic $basic-latin", "is not in UTF-8");
    refused("Primotexto token $one", "a character that no token can have");
    refused("Primotexto token $comma", "a character that no token can have");
    refused("Primotexto token $token in=body", "in= is none of them");
}

static void networks(void)
{
    const crm360_origin_t *rule =
        taken("Smsbox networks 37.59.198.135 178.33.185.0/24 2001:db8::/32");
    apr_sockaddr_t *address;

    is_number(rule->networks->nelts, 3, "networks");
    apr_sockaddr_info_get(&address, "178.33.185.51", APR_INET, 0, 0, pool);
    ok(apr_ipsubnet_test(APR_ARRAY_IDX(rule->networks, 1, apr_ipsubnet_t *), address), "  in it");
    apr_sockaddr_info_get(&address, "178.33.186.51", APR_INET, 0, 0, pool);
    ok(!apr_ipsubnet_test(APR_ARRAY_IDX(rule->networks, 1, apr_ipsubnet_t *), address), "  not");
    rule = taken("Smsbox networks $networks");
    is_number(rule->networks ? rule->networks->nelts : 0, 3, "  from a file, comments left out");

    refused("Smsbox networks", "nothing follows the scheme");
    refused("Smsbox networks 10.0.0.0/8 hunter2", "network 2 is none");
    refused("Smsbox networks 10.0.0", "network 1 is none");
    refused("Smsbox networks 10.0.0.0/33", "network 1 is none");
    refused("Smsbox networks 0.0.0.0/0", "scheme none is for everybody");
    refused("Smsbox networks ::/0", "scheme none is for everybody");
    refused("Smsbox networks 10.0.0.0/", "network 1 is none");
    refused("Smsbox networks 10.0.0.0/255.0.0.0", "network 1 is none");
    refused("Smsbox networks 2001:db8::/129", "network 1 is none");
    refused("Smsbox networks $nowhere", "cannot be read");
    refused("Smsbox networks $networks-bad", "line 2 of");
    refused("Smsbox networks $networks-empty", "names no network");
    refused("Smsbox networks $networks-open", "anybody may write");
    refused("Shopify shopify $one networks=10.0.0.0/8,", "network 2 of networks= is none");
    refused("Shopify shopify $one networks=", "network 1 of networks= is none");
}

static void words(void)
{
    is_text(taken("* none")->scheme, "none", "none, said on purpose");
    refused("Shopfy none", "\"Shopfy\" is no platform; allowed: *, Shopify, Adictiz");
    refused("Shopify hunter2", "the second word is no scheme; allowed: shopify /file");
    refused("* none hunter2", "word 3 is no option of scheme none");
    refused("Shopify/Order/Insert none", "is no platform");
}

/* ---- files ---- */

static void files(void)
{
    const char *path = apr_pstrcat(pool, folder, "/one", NULL);

    is_number(taken("* token $token-ends")->secrets.count, 2, "empty lines at the end, CR LF");
    refused("Shopify shopify $nowhere", "cannot be read");
    refused("Shopify shopify $", "is a directory");
    refused("Shopify shopify $empty", "is empty");
    refused("Shopify shopify $blank", "has more than two lines, or one that is empty");
    refused("Shopify shopify $three", "has more than two lines");
    refused("Shopify shopify $gap", "one that is empty");
    refused("Shopify shopify $trailing", "a blank at its beginning or end");
    refused("Shopify shopify $tab", "a control character");
    is_number(taken("Shopify shopify $short")->short_secret, 1, "a short secret is noted");
    is_number(taken("Shopify shopify $short2")->short_secret, 2, "  with its line");
    is_number(taken("Shopify shopify $two")->short_secret, 0, "  and a long one is not");
    chmod(path, 0644);
    refused("Shopify shopify $one", "has mode 0644");
    chmod(path, 0600);
}

static const struct {
    const char *name;
    const char *content;
} contents[] = {
    {"one", "hunter2 hunter2\n"},
    {"two", "hunter2-now\r\nhunter2-before\r\n"},
    {"whsec", "whsec_AAECaHVudGVyMi1odW50ZXIyLWh1bnRl\n"},
    {"whsec-unpadded", "whsec_aHVudGVyMi1odW50ZXIy\nwhsec_aHVudGVyMi1odW50ZXI"},
    {"whsec-bits", "whsec_aHVudGVyMi1odW50ZXJ=\n"},
    {"whsec-short", "whsec_aHVudGVy\n"},
    {"whsec-bare", "aHVudGVyMi1odW50ZXIy\n"},
    {"published", "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==\n"},
    {"published2", "hunter2-now\ndGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==\n"},
    {"basic", "m\xc3\xa9"
              "a:hunter2-hunter\n"},
    {"basic-nobody", ":hunter2-hunter\n"},
    {"basic-short", "hunter2-hunter2:hunter2\n"},
    {"basic-none", "hunter2-hunter2:\n"},
    {"basic-latin", "m\xe9"
                    "a:hunter2-hunter\n"},
    {"token", "hunter2-hunter2\n"},
    {"token-ends", "hunter2-hunter2\r\nhunter2-before\r\n\r\n\n"},
    {"comma", "hunter2,hunter2\n"},
    {"networks", "# ours\n10.0.0.0/8 # all of it\n\n 192.0.2.1\n2001:db8::/32"},
    {"networks-bad", "10.0.0.0/8\nhunter2\n"},
    {"networks-empty", "# nothing\n"},
    {"networks-open", "10.0.0.0/8\n"},
    {"empty", ""},
    {"blank", "\n\n"},
    {"three", "hunter2-a\nhunter2-b\nhunter2-c\n"},
    {"gap", "hunter2-a\n\nhunter2-b\n"},
    {"trailing", "hunter2-a \n"},
    {"tab", "hunter2\thunter2\n"},
    {"short", "hunter2\n"},
    {"short2", "hunter2-now\nhunter2\n"},
};

static void make_files(void)
{
    size_t i;

    for (i = 0; i < COUNT(contents); i++) {
        chmod(write_file(folder, contents[i].name, contents[i].content), 0600);
    }
    chmod(apr_pstrcat(pool, folder, "/networks-open", NULL), 0666);
}

static void remove_files(void)
{
    size_t i;

    for (i = 0; i < COUNT(contents); i++) {
        unlink(apr_pstrcat(pool, folder, "/", contents[i].name, NULL));
    }
    rmdir(folder);
}

/* ---- which rules count ---- */

static const char *counts(const crm360_database_t *database, const char *route)
{
    const apr_array_header_t *rules =
        crm360_database_origins(database, crm360_route_by_name(route));
    const char *text = "";
    int i;

    for (i = 0; rules && i < rules->nelts; i++) {
        text = apr_pstrcat(pool, text, i ? " " : "",
                           APR_ARRAY_IDX(rules, i, const crm360_origin_t *)->scheme, NULL);
    }
    return text;
}

static void platforms(void)
{
    crm360_database_t *database = make_target(CRM360_IN_DATABASE);
    crm360_database_t *add = make_target(CRM360_IN_DATABASE);
    const char *fault = NULL;
    int i;

    is_text(counts(database, "Shopify/Order/Insert"), "", "without a line there is no rule");
    is_number(crm360_database_has_origins(database), 0, "  of any platform");
    is_text(line(database, "Shopify shopify $one"), NULL, "a rule for one");
    is_number(crm360_database_has_origins(database), 1, "  which counts as one");
    is_text(counts(database, "Zendesk/Ticket/Update"), "", "  leaves the others without");
    is_text(line(database, "* none"), NULL, "one for all");
    is_text(counts(database, "Shopify/Order/Insert"), "shopify", "  does not come before its own");
    is_text(counts(database, "Zendesk/Ticket/Update"), "none", "  and counts for the others");
    is_text(line(database, "shopify token $token"), NULL, "another for the first");
    is_text(counts(database, "Shopify/Product/Delete"), "shopify token", "  is an alternative");
    fault = line(database, "Shopify none");
    ok(fault && strstr(fault, "stands alone"), "none does not stand beside others: %s", fault);
    fault = line(database, "* networks 10.0.0.0/8");
    ok(fault && strstr(fault, "stands alone"), "nor others beside none: %s", fault);
    is_text(line(add, "* networks 10.0.0.0/8"), NULL, "of another file");
    crm360_members_merge(database, add, CRM360_IN_DATABASE);
    is_text(counts(database, "Shopify/Order/Insert"), "shopify token", "merged: the first stay");
    is_text(counts(database, "Mailjet/email/Callback"), "networks", "  the rest is replaced");
    for (i = 3; i <= 9; i++) {
        fault = line(database, "Shopify shopify $one");
        ok(i <= 8 ? !fault : fault && strstr(fault, "too many lines"), "line %d: %s", i,
           fault ? fault : "taken");
    }
}

/* crm360d checks the words and opens nothing. */
static void readers(void)
{
    const crm360_directive_t *row = crm360_directive_find("Crm360Origin");
    static const struct {
        const char *args;
        int good;
    } cases[] = {{"* shopify /nowhere", 1},
                 {"* networks /nowhere", 1},
                 {"* shopify relative", 0},
                 {"* hmac /nowhere", 0},
                 {"* shopfy /nowhere", 0}};
    size_t i;

    for (i = 0; i < COUNT(cases); i++) {
        const char *fault =
            crm360_directive_apply(row, make_target(CRM360_IN_DATABASE), CRM360_IN_DATABASE,
                                   CRM360_READ_CONSUMER, cases[i].args, pool);

        ok((fault == NULL) == cases[i].good, "crm360d: %s: %s", cases[i].args,
           fault ? fault : "taken");
    }
}

int main(void)
{
    char name[] = "/tmp/crm360-origin-XXXXXX";

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    folder = mkdtemp(name);
    if (!folder) {
        return 1;
    }
    make_files();
    is_text(crm360_platform_name(SHOPIFY), "Shopify", "the first platform");
    body_signatures();
    signatures_of_now();
    credentials();
    networks();
    words();
    files();
    platforms();
    readers();
    remove_files();
    return tap_done();
}
