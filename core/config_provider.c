/*
 * What the lines about sending say: who carries mail, SMS and wallet updates, and to and from whom
 * mail may go. One table of providers and one of their options; a new provider is a row
 * in each. Must never quote a secret, nor connect to anybody.
 */
#include "core/config_private.h"

#include <apr_cstr.h>
#include <apr_fnmatch.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <stddef.h>
#include <string.h>

#include "core/mail_address.h"

#define URL_MOST 512
#define VALUE_MOST 128

/* ---- options ---- */

/* What the value of an option is. */
typedef enum { TEXT, CHOICE, URL, SECRET, FILE_TEXT, FILE_NAME } value_t;

typedef struct option_t {
    const char *name;
    value_t value;
    apr_size_t offset;
    const char *const *choices; /* of CHOICE */
} option_t;

#define OPTION(name, value, choices)                                                               \
    {                                                                                              \
#name, value, offsetof(crm360_provider_t, name), choices                                   \
    }

static const char *const tls_choices[] = {"required", "offered", "none", NULL};
static const char *const mode_choices[] = {"Standard", "Expert", "Reponse", NULL};
static const char *const strategy_choices[] = {"1", "2", "3", "4", NULL};
static const char *const identifier_choices[] = {"card", "contact", "source", NULL};

static const option_t options[] = {
    OPTION(url, URL, NULL),
    OPTION(user, TEXT, NULL),
    OPTION(secret, SECRET, NULL),
    OPTION(ca, FILE_NAME, NULL),
    OPTION(tls, CHOICE, tls_choices),
    OPTION(sender, TEXT, NULL),
    OPTION(mode, CHOICE, mode_choices),
    OPTION(strategy, CHOICE, strategy_choices),
    OPTION(account, TEXT, NULL),
    OPTION(project, TEXT, NULL),
    OPTION(identifier, CHOICE, identifier_choices),
    OPTION(template, FILE_TEXT, NULL),
};

#define OPTIONS (sizeof(options) / sizeof(options[0]))

/* ---- providers ---- */

typedef struct kind_t {
    const char *name;
    crm360_sends_t sends;
    const char *url;      /* where it is by itself; NULL = the first word of the line says it */
    const char *required; /* names of options, each between blanks */
    const char *optional;
    const char *syntax;
} kind_t;

static const kind_t kinds[] = {
    {"smtp", CRM360_SENDS_MAIL, NULL, " ", " user secret tls ca ",
     "smtp://host[:port] or smtps://host[:port] [user=NAME secret=/FILE] "
     "[tls=required|offered|none] [ca=/FILE]"},
    {"mailjet", CRM360_SENDS_MAIL, "https://api.mailjet.com", " user secret ", " url ca ",
     "mailjet user=PUBLIC-KEY secret=/FILE [url=URL] [ca=/FILE]"},
    {"primotexto", CRM360_SENDS_SMS, "https://api.primotexto.com", " secret ", " url sender ca ",
     "primotexto secret=/FILE [sender=NAME] [url=URL] [ca=/FILE]"},
    {"smsbox", CRM360_SENDS_SMS, "https://api.smsbox.pro", " secret ",
     " url sender mode strategy ca ",
     "smsbox secret=/FILE [sender=NAME] [mode=Standard|Expert|Reponse] [strategy=1|2|3|4] "
     "[url=URL] [ca=/FILE]"},
    {"captainwallet", CRM360_SENDS_WALLET, "https://api.captainwallet.com",
     " account project user secret ", " url identifier template ca ",
     "captainwallet account=NAME project=NAME user=CLIENT-ID secret=/FILE "
     "[identifier=card|contact|source] [template=/FILE] [url=URL] [ca=/FILE]"},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static int is_named(const char *names, const char *name, apr_pool_t *pool)
{
    return strstr(names, apr_pstrcat(pool, " ", name, " ", NULL)) != NULL;
}

/* "...; allowed: the syntax of each provider of that kind". */
static const char *allowed(crm360_sends_t sends, const char *fault, apr_pool_t *pool)
{
    const char *text = apr_pstrcat(pool, fault, "; allowed: ", NULL);
    int count = 0;
    apr_size_t i;

    for (i = 0; i < KINDS; i++) {
        if (kinds[i].sends == sends) {
            text = apr_pstrcat(pool, text, count++ ? "; or " : "", kinds[i].syntax, NULL);
        }
    }
    return text;
}

/* ---- addresses ---- */

static int is_loopback(const char *host, apr_size_t len)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    int i;

    for (i = 0; i < 3; i++) {
        if (strlen(names[i]) == len && apr_cstr_casecmpn(names[i], host, len) == 0) {
            return 1;
        }
    }
    return 0;
}

/* What follows a host: nothing, a path, or ":" and a port. */
static int port_ok(const char *text)
{
    apr_size_t digits = *text == ':' ? strspn(text + 1, "0123456789") : 0;

    if (*text != ':') {
        return *text == '\0' || *text == '/';
    }
    return digits > 0 && digits < 6 && (text[1 + digits] == '\0' || text[1 + digits] == '/') &&
           apr_atoi64(text + 1) >= 1 && apr_atoi64(text + 1) <= 65535;
}

/* Scheme, host, port and perhaps a path: what is wrong with the rest, or NULL. */
static const char *url_fault(const char *url, const char *const *schemes)
{
    const char *host = NULL;
    const char *at;
    apr_size_t len;
    int i;

    for (i = 0; schemes[i] && !host; i++) {
        if (apr_cstr_casecmpn(url, schemes[i], strlen(schemes[i])) == 0) {
            host = url + strlen(schemes[i]);
        }
    }
    if (!host) {
        return "has another scheme than is allowed";
    }
    for (at = host; *at; at++) {
        if (!apr_isgraph(*at) || (unsigned char)*at >= 0x80 || strchr("\"'<>\\^`{|}?#@", *at)) {
            return "has a character that it cannot have: it is scheme, host, port and path, "
                   "without "
                   "user, password and parameters";
        }
    }
    len = strcspn(host, *host == '[' ? "]" : ":/");
    if (*host == '[' && host[len++] != ']') {
        return "has a [ that no ] closes";
    }
    if (len == 0 || len > 253 || strlen(url) > URL_MOST || at[-1] == '/') {
        return "has no host, is too long, or ends in a slash";
    }
    if (!port_ok(host + len)) {
        return "has something else than a port from 1 to 65535 behind the colon";
    }
    if (apr_cstr_casecmpn(url, "smtp", 4) == 0 && strchr(host, '/')) {
        return "has a path, which means nothing to a mail server";
    }
    if (apr_cstr_casecmpn(url, "http:", 5) == 0 && !is_loopback(host, len)) {
        return "would send secrets over the network unencrypted: http:// is for 127.0.0.1, [::1] "
               "and localhost only";
    }
    return NULL;
}

/* For errors: an address that may hold a password is not shown. */
static const char *url_quoted(const char *url, apr_pool_t *pool)
{
    return strchr(url, '@') ? "the address" : crm360_quoted(url, pool);
}

/* ---- reading a line ---- */

static const char *set_choice(const char **member, const option_t *option, const char *value,
                              apr_pool_t *pool)
{
    const char *all = "";
    int i;

    for (i = 0; option->choices[i]; i++) {
        if (apr_cstr_casecmp(option->choices[i], value) == 0) {
            *member = option->choices[i];
            return NULL;
        }
        all = apr_pstrcat(pool, all, i ? ", " : "", option->choices[i], NULL);
    }
    return apr_psprintf(pool, "%s=%s is not known; allowed: %s", option->name,
                        crm360_quoted(value, pool), all);
}

static const char *set_text(const char **member, const option_t *option, const char *value,
                            apr_pool_t *pool)
{
    const char *at = value;

    while (*at && !apr_iscntrl(*at)) {
        at++;
    }
    if (*at || !*value || strlen(value) > VALUE_MOST) {
        return apr_psprintf(pool,
                            "%s= is empty, too long, or has a control character; allowed: 1 to %d "
                            "characters",
                            option->name, VALUE_MOST);
    }
    *member = value;
    return NULL;
}

/* Sets one option; `wanted`: the reading program needs the content of files. */
static const char *set_option(crm360_provider_t *provider, const option_t *option,
                              const char *value, int wanted, apr_pool_t *pool)
{
    static const char *const schemes[] = {"https://", "http://", NULL};
    const char **member = (const char **)((char *)provider + option->offset);
    const char *fault = NULL;

    switch (option->value) {
    case TEXT:
        return set_text(member, option, value, pool);
    case CHOICE:
        return set_choice(member, option, value, pool);
    case URL:
        *member = value;
        fault = url_fault(value, schemes);
        return fault ? apr_psprintf(pool, "url=%s %s; allowed: https://host[:port][/path]",
                                    url_quoted(value, pool), fault)
                     : NULL;
    case SECRET:
        fault = crm360_secret_read(member, value, wanted, pool);
        break;
    case FILE_TEXT:
        fault = crm360_text_read(member, value, wanted, pool);
        break;
    case FILE_NAME:
        *member = value;
        fault = crm360_file_check(value, wanted, pool);
        break;
    }
    return fault ? apr_pstrcat(pool, option->name, "=: ", fault, NULL) : NULL;
}

/* Reads "name=value". */
static const char *read_option(crm360_provider_t *provider, const kind_t *kind, const char *word,
                               int wanted, apr_pool_t *pool)
{
    const char *equals = strchr(word, '=');
    const char *name = equals ? apr_pstrmemdup(pool, word, (apr_size_t)(equals - word)) : "";
    apr_size_t i;

    for (i = 0; i < OPTIONS && apr_cstr_casecmp(options[i].name, name) != 0; i++) {
    }
    if (i == OPTIONS || (!is_named(kind->required, options[i].name, pool) &&
                         !is_named(kind->optional, options[i].name, pool))) {
        /* Nothing else is quoted, for it may be a secret in the wrong place. */
        return apr_psprintf(pool, "%s is no option of %s; allowed: %s",
                            equals ? crm360_quoted(name, pool) : "a word without =", kind->name,
                            kind->syntax);
    }
    if (*(const char **)((char *)provider + options[i].offset)) {
        return apr_psprintf(pool, "%s= is given twice; allowed: once", options[i].name);
    }
    return set_option(provider, &options[i], equals + 1, wanted, pool);
}

/* The provider that the first word names; NULL = none. */
static const kind_t *find_kind(crm360_provider_t *provider, crm360_sends_t sends, const char *word)
{
    apr_size_t i;

    if (sends == CRM360_SENDS_MAIL && strstr(word, "://")) {
        provider->url = word;
        word = "smtp";
    }
    for (i = 0; i < KINDS; i++) {
        if (kinds[i].sends == sends && apr_cstr_casecmp(kinds[i].name, word) == 0 &&
            !kinds[i].url == (provider->url != NULL)) {
            return &kinds[i];
        }
    }
    return NULL;
}

const char *crm360_sender_fault(const char *kind, const char *sender)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    apr_size_t len = strlen(sender);
    int is_number = len > 0 && strspn(sender, "0123456789") == len;
    int is_name = len >= 1 && len <= 11 && strspn(sender, letters) == len;

    if (kind && strcmp(kind, "primotexto") == 0) {
        return is_name && len >= 3 && !is_number
                   ? NULL
                   : "3 to 11 letters A to Z and digits, not digits alone";
    }
    return is_name || (is_number && len <= 15) ? NULL
                                               : "1 to 11 letters A to Z and digits, or at most 15 "
                                                 "digits";
}

/* What is missing or does not go together. */
static const char *complete(crm360_provider_t *provider, const kind_t *kind, apr_pool_t *pool)
{
    apr_size_t i;

    for (i = 0; i < OPTIONS; i++) {
        if (is_named(kind->required, options[i].name, pool) &&
            !*(const char **)((char *)provider + options[i].offset)) {
            return apr_psprintf(pool, "%s= is missing; allowed: %s", options[i].name, kind->syntax);
        }
    }
    if (provider->sender && crm360_sender_fault(kind->name, provider->sender)) {
        return apr_pstrcat(pool, "sender= is none for this gateway; allowed: ",
                           crm360_sender_fault(kind->name, provider->sender), NULL);
    }
    if (!provider->user != !provider->secret && is_named(kind->optional, "user", pool)) {
        return "user= and secret= go together; allowed: both or none";
    }
    if (provider->tls && apr_cstr_casecmpn(provider->url, "smtps:", 6) == 0) {
        return "tls= is for smtp://; allowed: smtps:// without it";
    }
    if (provider->secret && provider->tls && strcmp(provider->tls, "required") != 0) {
        const char *host = provider->url + strlen("smtp://");

        if (!is_loopback(host, *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/"))) {
            return "tls=required alone protects a password on the network; allowed: another value "
                   "without user= and secret=, or with 127.0.0.1, [::1] or localhost";
        }
    }
    return NULL;
}

/* What tells two accounts at one provider apart: a name, or else, for a key that is all there is of
 * an account, the name of its file. "" = none. */
static const char *account_of(const crm360_provider_t *provider, int argc, const char *const *argv)
{
    static const char secret[] = "secret=";
    int i;

    if (provider->user) {
        return provider->user;
    }
    for (i = 1; i < argc; i++) {
        if (apr_cstr_casecmpn(argv[i], secret, sizeof(secret) - 1) == 0) {
            return argv[i] + sizeof(secret) - 1;
        }
    }
    return "";
}

const char *crm360_set_provider(const crm360_directive_t *directive, void *target, int argc,
                                const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    static const char *const schemes[] = {"smtp://", "smtps://", NULL};
    crm360_provider_t *provider = apr_pcalloc(pool, sizeof(*provider));
    crm360_sends_t sends =
        (crm360_sends_t)((directive->offset - offsetof(crm360_database_t, providers)) /
                         sizeof(provider));
    const kind_t *kind = find_kind(provider, sends, argv[0]);
    const char *fault;
    int i;

    if (!kind) {
        return allowed(
            sends, apr_pstrcat(pool, crm360_quoted(argv[0], pool), " is not known", NULL), pool);
    }
    fault = provider->url ? url_fault(provider->url, schemes) : NULL;
    if (fault) {
        return apr_psprintf(pool, "%s %s; allowed: %s", url_quoted(argv[0], pool), fault,
                            kind->syntax);
    }
    provider->kind = kind->name;
    for (i = 1; i < argc; i++) {
        fault = read_option(provider, kind, argv[i], (reader & directive->readers) != 0, pool);
        if (fault) {
            return fault;
        }
    }
    provider->url = provider->url ? provider->url : kind->url;
    fault = complete(provider, kind, pool);
    if (fault) {
        return fault;
    }
    provider->tls = provider->tls ? provider->tls : "required";
    provider->key = apr_pstrcat(pool, kind->name, ":", provider->url, ":",
                                account_of(provider, argc, argv), NULL);
    *(const crm360_provider_t **)((char *)target + directive->offset) = provider;
    return NULL;
}

/* ---- what leaves ---- */

const char *crm360_sends_name(crm360_sends_t sends)
{
    static const char *const names[] = {"mail", "sms", "wallet"};

    return names[sends];
}

/* ---- to and from whom ---- */

const char *crm360_set_patterns(const crm360_directive_t *directive, void *target, int argc,
                                const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    apr_array_header_t *patterns = apr_array_make(pool, argc, sizeof(const char *));
    int i;

    (void)reader;
    for (i = 0; i < argc; i++) {
        const char *at = strchr(argv[i], '@');
        const char *c = argv[i];

        while (*c && (apr_isalnum(*c) || strchr("*@.!#$%&'+/=^_`{|}~-", *c))) {
            c++;
        }
        if (*c || !at || at == argv[i] || !at[1] || strchr(at + 1, '@')) {
            return apr_psprintf(pool,
                                "%s; allowed: a mail address, in which * stands for any "
                                "characters, as *@example.com",
                                crm360_quoted(argv[i], pool));
        }
        APR_ARRAY_PUSH(patterns, const char *) = argv[i];
    }
    *(const apr_array_header_t **)((char *)target + directive->offset) = patterns;
    return NULL;
}

const char *crm360_set_mail(const crm360_directive_t *directive, void *target, int argc,
                            const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    const char *fault = crm360_mail_address_fault(argv[0]);

    (void)argc;
    (void)reader;
    if (fault) {
        return apr_psprintf(pool, "%s is no mail address: %s; allowed: as crm360@example.com",
                            crm360_quoted(argv[0], pool), fault);
    }
    *(const char **)((char *)target + directive->offset) = argv[0];
    return NULL;
}

int crm360_address_fits(const apr_array_header_t *patterns, const char *address)
{
    int i;

    for (i = 0; patterns && i < patterns->nelts; i++) {
        /* Only '*' is special: a pattern has no other character that apr_fnmatch() knows. */
        if (apr_fnmatch(APR_ARRAY_IDX(patterns, i, const char *), address,
                        APR_FNM_CASE_BLIND | APR_FNM_NOESCAPE) == APR_SUCCESS) {
            return 1;
        }
    }
    return 0;
}

const char *crm360_sending_fault(const crm360_database_t *database)
{
    if (!database->providers[CRM360_SENDS_MAIL]) {
        return NULL;
    }
    if (database->email_allow && !database->email_from) {
        return "Crm360EmailAllow and Crm360Mailer without Crm360EmailFrom: mail copies would have "
               "no sender; allowed: Crm360EmailFrom and an address";
    }
    if (!database->email_sender && !database->email_from) {
        return "Crm360Mailer alone: no mail could leave; allowed: with Crm360EmailSender, "
               "Crm360EmailFrom, or both";
    }
    return NULL;
}
