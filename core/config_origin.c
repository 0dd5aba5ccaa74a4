/*
 * Crm360Origin: how the webhooks of a platform prove where they come from. One table of schemes and
 * one of their options; a new scheme is a row, and what it looks at is core/origin.c. Must never
 * quote a secret, nor any word that may be one in the wrong place; and never let a line pass that
 * would prove less than it seems to.
 */
#include "core/config_private.h"

#include <apr_cstr.h>
#include <apr_file_info.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <arpa/inet.h>

#include <string.h>

#include "core/charset.h"
#include "core/encode.h"

#define RULES_MOST 8 /* alternatives for one platform */
#define NETWORKS_MOST 256
#define PREFIX_MOST 32
#define SECRET_SHORT 8 /* bytes: one with fewer can be guessed */
#define WINDOW (5 * MINUTE)
#define ANY (CRM360_AS_HEX | CRM360_AS_BASE64)
/* What Zendesk signs the requests of its test button with, for all of its customers
 * (https://developer.zendesk.com/documentation/webhooks/verifying/). */
#define ZENDESK_TEST "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="
#define STANDARD_PREFIX "whsec_"

/* ---- the table ---- */

typedef enum {
    OPTION_NETWORKS,
    OPTION_WINDOW,
    OPTION_IN,
    OPTION_HEADER,
    OPTION_HASH,
    OPTION_ENCODING,
    OPTION_PREFIX,
    OPTIONS
} option_t;

static const char *const option_names[OPTIONS] = {"networks", "window",   "in",    "header",
                                                  "hash",     "encoding", "prefix"};

#define BIT(option) (1u << OPTION_##option)

/* A scheme, as the rule that it makes of a line without options. */
typedef struct scheme_t {
    crm360_origin_t rule;
    unsigned options;
    const char *syntax; /* behind the platform */
} scheme_t;

static const scheme_t schemes[] = {
    {{.scheme = "shopify",
      .by = CRM360_BY_BODY,
      .header = "X-Shopify-Hmac-Sha256",
      .as = CRM360_AS_BASE64},
     BIT(NETWORKS),
     "shopify /file [networks=a,b]"},
    {{.scheme = "zendesk", .by = CRM360_BY_ZENDESK, .window = WINDOW},
     BIT(WINDOW) | BIT(NETWORKS),
     "zendesk /file [window=5m] [networks=a,b]"},
    {{.scheme = "tabology",
      .by = CRM360_BY_BODY,
      .header = "Signature",
      .prefix = "sha256=",
      .prefix_optional = 1,
      .as = ANY},
     BIT(NETWORKS),
     "tabology /file [networks=a,b]"},
    {{.scheme = "standard-webhooks", .by = CRM360_BY_STANDARD, .window = WINDOW},
     BIT(WINDOW) | BIT(NETWORKS),
     "standard-webhooks /file [window=5m] [networks=a,b]"},
    {{.scheme = "hmac", .by = CRM360_BY_BODY, .as = ANY},
     BIT(HEADER) | BIT(HASH) | BIT(ENCODING) | BIT(PREFIX) | BIT(NETWORKS),
     "hmac /file header=NAME [hash=sha256|sha1|sha512] [encoding=hex|base64|any] [prefix=TEXT] "
     "[networks=a,b]"},
    {{.scheme = "basic", .by = CRM360_BY_BASIC}, BIT(NETWORKS), "basic /file [networks=a,b]"},
    {{.scheme = "token",
      .by = CRM360_BY_TOKEN,
      .token_in = CRM360_TOKEN_IN_HEADER | CRM360_TOKEN_IN_URL},
     BIT(IN) | BIT(NETWORKS),
     "token /file [in=any|header|url] [networks=a,b]"},
    {{.scheme = "networks", .by = CRM360_BY_NETWORK}, 0, "networks address[/bits] ... | /file"},
    {{.scheme = "none", .by = CRM360_BY_NOTHING}, 0, "none"},
};

#define SCHEMES (sizeof(schemes) / sizeof(schemes[0]))

/* "...; allowed: the syntax of each scheme". */
static const char *all_schemes(const char *fault, apr_pool_t *pool)
{
    const char *text = apr_pstrcat(pool, fault, "; allowed: ", NULL);
    apr_size_t i;

    for (i = 0; i < SCHEMES; i++) {
        text = apr_pstrcat(pool, text, i ? "; or " : "", schemes[i].syntax, NULL);
    }
    return text;
}

static const char *all_platforms(const char *word, apr_pool_t *pool)
{
    const char *text =
        apr_psprintf(pool, "%s is no platform; allowed: *", crm360_quoted(word, pool));
    int i;

    for (i = 0; i < CRM360_PLATFORMS; i++) {
        text = apr_pstrcat(pool, text, ", ", crm360_platform_name(i), NULL);
    }
    return text;
}

/* ---- networks ---- */

#define NETWORK_ALLOWED                                                                            \
    "an address or network, as 192.0.2.10, 192.0.2.0/24 or 2001:db8::/32, of at least 1 bit "      \
    "(scheme none is for everybody)"

/* An address, or one with its number of bits. NULL when it is none: APR itself would take parts of
 * addresses and masks. */
static apr_ipsubnet_t *read_network(const char *text, apr_pool_t *pool)
{
    const char *slash = strchr(text, '/');
    const char *address = slash ? apr_pstrmemdup(pool, text, (apr_size_t)(slash - text)) : text;
    apr_size_t digits = slash ? strspn(slash + 1, "0123456789") : 0;
    apr_ipsubnet_t *network;
    unsigned char bytes[16];
    int bits = inet_pton(AF_INET, address, bytes) == 1    ? 32
               : inet_pton(AF_INET6, address, bytes) == 1 ? 128
                                                          : 0;

    if (!bits || (slash && (digits == 0 || digits > 3 || slash[1 + digits] ||
                            apr_atoi64(slash + 1) < 1 || apr_atoi64(slash + 1) > bits))) {
        return NULL;
    }
    return apr_ipsubnet_create(&network, address, slash ? slash + 1 : NULL, pool) == APR_SUCCESS
               ? network
               : NULL;
}

/* Adds one to a rule. NULL, or what is wrong with it; the callers say which one by its number, for
 * what is in the place of a network may be anything. */
static const char *add_network(crm360_origin_t *rule, const char *text, apr_pool_t *pool)
{
    apr_ipsubnet_t *network = read_network(text, pool);

    if (!network) {
        return "is none; allowed: " NETWORK_ALLOWED;
    }
    if (!rule->networks) {
        rule->networks = apr_array_make(pool, 4, sizeof(apr_ipsubnet_t *));
    }
    if (rule->networks->nelts == NETWORKS_MOST) {
        return "is too many; allowed: " APR_STRINGIFY(NETWORKS_MOST);
    }
    APR_ARRAY_PUSH(rule->networks, apr_ipsubnet_t *) = network;
    return NULL;
}

/* networks=a,b,c */
static const char *add_networks(crm360_origin_t *rule, const char *list, apr_pool_t *pool)
{
    const char *fault = NULL;
    int number;

    for (number = 1; list && !fault; number++) {
        const char *comma = strchr(list, ',');
        apr_size_t len = comma ? (apr_size_t)(comma - list) : strlen(list);

        fault = add_network(rule, apr_pstrmemdup(pool, list, len), pool);
        list = comma ? comma + 1 : NULL;
    }
    return fault ? apr_psprintf(pool, "network %d of networks= %s", number - 1, fault) : NULL;
}

/* A file with one network a line; # begins a comment. */
static const char *read_networks(crm360_origin_t *rule, const char *name, int wanted,
                                 apr_pool_t *pool)
{
    const char *fault, *text;
    apr_finfo_t info;
    int number = 0;

    fault = crm360_text_read(&text, name, wanted, pool);
    if (fault || !wanted) {
        return fault;
    }
    if (apr_stat(&info, name, APR_FINFO_PROT, pool) == APR_SUCCESS &&
        (info.protection & APR_FPROT_WWRITE)) {
        return apr_psprintf(pool,
                            "anybody may write to %s; allowed: a file that only its owner and "
                            "group can change",
                            crm360_quoted(name, pool));
    }
    while (*text && !fault) {
        apr_size_t len = strcspn(text, "\n");
        char *line = apr_pstrmemdup(pool, text, len);

        line[strcspn(line, "#")] = '\0';
        apr_collapse_spaces(line, line);
        number++;
        if (*line) {
            fault = add_network(rule, line, pool);
        }
        text += len + (text[len] == '\n');
    }
    if (!fault && !rule->networks) {
        return apr_psprintf(pool, "%s names no network; allowed: one a line",
                            crm360_quoted(name, pool));
    }
    return fault ? apr_psprintf(pool, "line %d of %s %s", number, crm360_quoted(name, pool), fault)
                 : NULL;
}

/* ---- options ---- */

/* The place of `value` in a list of words, in any case; -1 = not in it. */
static int word_at(const char *const *words, const char *value)
{
    int i;

    for (i = 0; words[i]; i++) {
        if (apr_cstr_casecmp(words[i], value) == 0) {
            return i;
        }
    }
    return -1;
}

static const char *set_hash(crm360_origin_t *rule, const char *value)
{
    static const char *const words[] = {"sha256", "sha1", "sha512", NULL};
    static const crm360_hash_t hashes[] = {CRM360_SHA256, CRM360_SHA1, CRM360_SHA512};
    int at = word_at(words, value);

    rule->hash = hashes[at < 0 ? 0 : at];
    return at < 0 ? "hash= is none of them; allowed: sha256, sha1, sha512" : NULL;
}

static const char *set_encoding(crm360_origin_t *rule, const char *value)
{
    static const char *const words[] = {"hex", "base64", "any", NULL};
    static const unsigned forms[] = {CRM360_AS_HEX, CRM360_AS_BASE64, ANY};
    int at = word_at(words, value);

    rule->as = forms[at < 0 ? 0 : at];
    return at < 0 ? "encoding= is none of them; allowed: hex, base64, any" : NULL;
}

static const char *set_places(crm360_origin_t *rule, const char *value)
{
    static const char *const words[] = {"any", "header", "url", NULL};
    static const unsigned places[] = {CRM360_TOKEN_IN_HEADER | CRM360_TOKEN_IN_URL,
                                      CRM360_TOKEN_IN_HEADER, CRM360_TOKEN_IN_URL};
    int at = word_at(words, value);

    rule->token_in = places[at < 0 ? 0 : at];
    return at < 0 ? "in= is none of them; allowed: any, header, url" : NULL;
}

static const char *set_prefix(crm360_origin_t *rule, const char *value, apr_pool_t *pool)
{
    const char *at = value;

    while (*at && apr_isgraph(*at) && (unsigned char)*at < 0x80 && *at != ',') {
        at++;
    }
    if (*at || !*value || strlen(value) > PREFIX_MOST) {
        return apr_psprintf(pool,
                            "prefix= is empty, too long, or has a character that it cannot have; "
                            "allowed: 1 to %d visible ASCII characters without comma",
                            PREFIX_MOST);
    }
    rule->prefix = value;
    return NULL;
}

static const char *set_option(crm360_origin_t *rule, option_t option, const char *value,
                              const crm360_directive_t *directive, apr_pool_t *pool)
{
    switch (option) {
    case OPTION_NETWORKS:
        return add_networks(rule, value, pool);
    case OPTION_WINDOW:
        if (crm360_interval_read(&rule->window, directive, value, pool)) {
            return apr_psprintf(pool, "window= is no such time; allowed: from %s to %s, as 5m",
                                crm360_interval_text(directive->min, pool),
                                crm360_interval_text(directive->max, pool));
        }
        return NULL;
    case OPTION_IN:
        return set_places(rule, value);
    case OPTION_HEADER:
        if (!crm360_is_field_name(value)) {
            return "header= is no name of a header field; allowed: as X-Hub-Signature-256";
        }
        rule->header = value;
        return NULL;
    case OPTION_HASH:
        return set_hash(rule, value);
    case OPTION_ENCODING:
        return set_encoding(rule, value);
    default:
        return set_prefix(rule, value, pool);
    }
}

/* Reads the words "name=value" from argv[at] on. */
static const char *read_options(crm360_origin_t *rule, const scheme_t *scheme,
                                const crm360_directive_t *directive, int at, int argc,
                                const char *const *argv, apr_pool_t *pool)
{
    const char *fault = NULL;
    unsigned seen = 0;

    for (; at < argc && !fault; at++) {
        apr_size_t len = strcspn(argv[at], "=");
        unsigned option = 0;

        while (option < OPTIONS && (strlen(option_names[option]) != len ||
                                    apr_cstr_casecmpn(option_names[option], argv[at], len) != 0)) {
            option++;
        }
        if (option == OPTIONS || !argv[at][len] || !(scheme->options & (1u << option))) {
            return apr_psprintf(pool, "word %d is no option of scheme %s; allowed: %s", at + 1,
                                scheme->rule.scheme, scheme->syntax);
        }
        if (seen & (1u << option)) {
            return apr_psprintf(pool, "%s= is given twice; allowed: once", option_names[option]);
        }
        seen |= 1u << option;
        fault = set_option(rule, (option_t)option, argv[at] + len + 1, directive, pool);
    }
    return fault;
}

/* ---- secrets ---- */

/* What is wrong with a secret that a caller sends, or that makes signatures; NULL when nothing
 * is. */
static const char *secret_fault(const crm360_origin_t *rule, const crm360_secret_t *secret)
{
    apr_size_t i;

    if (rule->by == CRM360_BY_ZENDESK && strcmp(secret->bytes, ZENDESK_TEST) == 0) {
        return "is the one that Zendesk has published for tests; allowed: that of the webhook, "
               "which Zendesk shows once it is saved";
    }
    for (i = 0; rule->by == CRM360_BY_TOKEN && i < secret->len; i++) {
        unsigned char byte = (unsigned char)secret->bytes[i];

        if (byte <= ' ' || byte >= 0x7f || byte == ',') {
            return "has a character that no token can have; allowed: visible ASCII without comma";
        }
    }
    return NULL;
}

/* user:password becomes what stands behind the word Basic (RFC 7617 2); *secret_len is that of the
 * password. */
static const char *take_basic(apr_size_t *secret_len, crm360_secret_t *secret, apr_pool_t *pool)
{
    const char *colon = strchr(secret->bytes, ':');
    apr_size_t clean;

    if (!colon || colon == secret->bytes) {
        return "has no user and ':' in front of the password; allowed: user:password";
    }
    if (!colon[1]) {
        return "has no password behind the ':'; allowed: user:password";
    }
    *secret_len = strlen(colon + 1);
    if (crm360_utf8_clean(&clean, secret->bytes, secret->len, pool) != secret->bytes) {
        return "is not in UTF-8; allowed: UTF-8";
    }
    secret->bytes = crm360_base64_write(secret->bytes, secret->len, pool);
    secret->len = strlen(secret->bytes);
    return NULL;
}

/* whsec_BASE64, or BASE64 alone, becomes the bytes of the key. */
static const char *take_standard(crm360_secret_t *secret, apr_pool_t *pool)
{
    const apr_size_t prefix_len = sizeof(STANDARD_PREFIX) - 1;
    const char *text = secret->bytes;

    text += strncmp(text, STANDARD_PREFIX, prefix_len) == 0 ? prefix_len : 0;
    if (crm360_base64_read(&secret->bytes, &secret->len, text, pool) != APR_SUCCESS) {
        return "is no key of Standard Webhooks; allowed: base64 with its padding, "
               "behind " STANDARD_PREFIX " or alone";
    }
    return NULL;
}

/* Reads the file of a rule and makes of its lines what callers are held against. */
static const char *read_secrets(crm360_origin_t *rule, const char *name, int wanted,
                                apr_pool_t *pool)
{
    const char *fault = crm360_secrets_read(&rule->secrets, name, wanted, pool);
    int i;

    if (fault) {
        return fault;
    }
    for (i = 0; i < rule->secrets.count && !fault; i++) {
        crm360_secret_t *secret = &rule->secrets.at[i];
        apr_size_t len = 0;

        if (rule->by == CRM360_BY_BASIC) {
            fault = take_basic(&len, secret, pool);
        }
        else if (rule->by == CRM360_BY_STANDARD) {
            fault = take_standard(secret, pool);
        }
        fault = fault ? fault : secret_fault(rule, secret);
        if (!fault && (len ? len : secret->len) < SECRET_SHORT) {
            rule->short_secret = i + 1;
        }
    }
    return fault ? apr_psprintf(pool, "line %d of %s %s", i, crm360_quoted(name, pool), fault)
                 : NULL;
}

/* ---- lines ---- */

/* What follows the scheme of a line. */
static const char *read_rest(crm360_origin_t *rule, const scheme_t *scheme,
                             const crm360_directive_t *directive, int wanted, int argc,
                             const char *const *argv, apr_pool_t *pool)
{
    const char *fault = NULL;
    int at = 2;

    if (rule->by == CRM360_BY_NETWORK) {
        if (argc == 3 && argv[2][0] == '/') {
            return read_networks(rule, argv[2], wanted, pool);
        }
        for (; at < argc && !fault; at++) {
            fault = add_network(rule, argv[at], pool);
        }
        fault = fault ? apr_psprintf(pool, "network %d %s", at - 2, fault) : NULL;
    }
    else if (rule->by != CRM360_BY_NOTHING && at < argc) {
        fault = read_secrets(rule, argv[at++], wanted, pool);
    }
    if (!fault && rule->by != CRM360_BY_NOTHING && argc < 3) {
        return apr_psprintf(pool, "nothing follows the scheme; allowed: %s", scheme->syntax);
    }
    if (!fault) {
        fault = read_options(rule, scheme, directive, at, argc, argv, pool);
    }
    if (!fault && rule->by == CRM360_BY_BODY && !rule->header) {
        return apr_psprintf(pool, "header= is missing; allowed: %s", scheme->syntax);
    }
    return fault;
}

/* Adds a rule to those of its platform. */
static const char *add_rule(apr_array_header_t **rules, const crm360_origin_t *rule,
                            apr_pool_t *pool)
{
    const crm360_origin_t *first;

    if (!*rules) {
        *rules = apr_array_make(pool, 2, sizeof(const crm360_origin_t *));
    }
    if ((*rules)->nelts > 0) {
        first = APR_ARRAY_IDX(*rules, 0, const crm360_origin_t *);
        if (first->by == CRM360_BY_NOTHING || rule->by == CRM360_BY_NOTHING) {
            return "is set already for this platform, and scheme none stands alone: beside it "
                   "whoever proves nothing would pass; allowed: none, or lines of other schemes";
        }
    }
    if ((*rules)->nelts == RULES_MOST) {
        return "too many lines for this platform; allowed: " APR_STRINGIFY(RULES_MOST);
    }
    APR_ARRAY_PUSH(*rules, const crm360_origin_t *) = rule;
    return NULL;
}

const char *crm360_set_origin(const crm360_directive_t *directive, void *target, int argc,
                              const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    apr_array_header_t **rules =
        (apr_array_header_t **)(void *)((char *)target + directive->offset);
    crm360_origin_t *rule = apr_palloc(pool, sizeof(*rule));
    int platform = CRM360_PLATFORMS;
    const char *fault;
    apr_size_t i = 0;

    if (strcmp(argv[0], "*") != 0) {
        platform = crm360_platform_find(argv[0]);
        if (platform < 0) {
            return all_platforms(argv[0], pool);
        }
    }
    while (i < SCHEMES && apr_cstr_casecmp(schemes[i].rule.scheme, argv[1]) != 0) {
        i++;
    }
    if (i == SCHEMES) {
        return all_schemes("the second word is no scheme", pool);
    }
    *rule = schemes[i].rule;
    fault = read_rest(rule, &schemes[i], directive, (reader & directive->readers) != 0, argc, argv,
                      pool);
    return fault ? fault : add_rule(&rules[platform], rule, pool);
}

/* ---- what counts ---- */

const apr_array_header_t *crm360_database_origins(const crm360_database_t *database,
                                                  const crm360_route_t *route)
{
    const apr_array_header_t *own = database->origins[crm360_platform_find(route->platform)];

    return own ? own : database->origins[CRM360_PLATFORMS];
}

int crm360_database_has_origins(const crm360_database_t *database)
{
    int i;

    for (i = 0; i <= CRM360_PLATFORMS; i++) {
        if (database->origins[i]) {
            return 1;
        }
    }
    return 0;
}
