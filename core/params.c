/*
 * Decoding and checking of the documented query parameters. Works on the raw query string, because
 * APR's and httpd's own splitters fold, cut or overwrite silently what has to be refused by name.
 * Must never guess a value and never echo a caller's bytes unescaped.
 */
#include "core/params.h"

#include <apr_cstr.h>
#include <apr_strings.h>

#include <stddef.h>
#include <string.h>

#include "core/charset.h"
#include "core/encode.h"
#include "core/mail_address.h"

#define QUOTE_MOST 60 /* bytes of a caller's value repeated in an error text */

/* Ranges are those of the columns that the ids end up in: Int16 and Int32 of the OData pages. */
#define INT16_MOST 32767
#define INT32_MOST 2147483647
#define INVISIBILITY_MOST 604800 /* a week */

#define NUMBER CRM360_PARAM_NUMBER
#define AT_QUEUE (1 << CRM360_QUEUE_PROCESS)
#define AT_EMAIL (1 << CRM360_EMAIL_PROCESS)

#define MEMBER(name) offsetof(crm360_params_t, name)

/* The order is the order in which a missing parameter is reported. */
const crm360_param_rule_t crm360_param_rules[CRM360_PARAM_RULES + 1] = {
    {"SourceId", NUMBER, MEMBER(source_id), 1, INT16_MOST, AT_QUEUE | AT_EMAIL, 0, NULL,
     "The CRM360 Source that stands for where the data comes from."},
    {"ZoneId", NUMBER, MEMBER(zone_id), 1, INT32_MOST, 0, 0, NULL,
     "The Zone that the data is attached to; without it that of the database's settings, if any."},
    {"BrandId", NUMBER, MEMBER(brand_id), 1, INT32_MOST, 0, 0, NULL,
     "The Brand that the data is attached to; without it that of the database's settings, if any."},
    {"ContactAddressTypeId", NUMBER, MEMBER(contact_address_type_id), 1, INT16_MOST, 0, 0, NULL,
     "The type of contact address that the data is attached to; without it that of the database's "
     "settings, if any."},
    {"BatchMode", CRM360_PARAM_BOOLEAN, MEMBER(batch_mode), 0, 1, 0, 1, "false",
     "For large volumes: the message holds up no others, and each element of a body that is a JSON "
     "array, or newline-delimited JSON, is a webhook on its own."},
    {"Email", CRM360_PARAM_EMAIL, MEMBER(email), 0, 0, AT_EMAIL, 0, NULL,
     "The address that the content of the request is mailed to, if the database's settings allow "
     "it; with QueueProcess as well as being processed."},
    {"secondsOfInvisibility", NUMBER, MEMBER(seconds_of_invisibility), 0, INVISIBILITY_MOST, 0, 1,
     NULL, "How many seconds the message stays invisible in the queue before it is taken."},
    {NULL, NUMBER, 0, 0, 0, 0, 0, NULL, NULL},
};
#define RULES CRM360_PARAM_RULES

const crm360_path_value_t crm360_path_values[] = {
    {"CustomerName", "The tenant: a customer of CRM360, as its settings name it; case is ignored."},
    {"DatabaseAlias", "Which database of that customer; case is ignored."},
    {"ExternalPlatform", "Where the webhook comes from."},
    {"ExternalEntity", "The kind of thing the webhook is about."},
    {"ExternalAction", "What happened to it, or what is to be done."},
    {NULL, NULL},
};

const crm360_platform_param_t crm360_platform_params[] = {
    {"elfy76310", CRM360_PARAM_ADDRESS_IDS,
     "Numbers of the addresses, parted by commas, in the place of a body."},
    {"elfy76310", CRM360_PARAM_CONTACT_IDS,
     "Numbers of the contacts, parted by commas, in the place of a body."},
    {"Tabology", CRM360_PARAM_STORE, "Tabology's identifier of the store."},
    {"Tabology", CRM360_PARAM_CURRENCY, "The currency of the amounts: three letters (ISO 4217)."},
    {NULL, NULL, NULL},
};

const char *crm360_process_name(crm360_process_t process)
{
    return process == CRM360_EMAIL_PROCESS ? "EmailProcess" : "QueueProcess";
}

int crm360_process_find(crm360_process_t *process, const char *segment, apr_size_t len)
{
    int i;

    for (i = CRM360_QUEUE_PROCESS; i <= CRM360_EMAIL_PROCESS; i++) {
        const char *name = crm360_process_name((crm360_process_t)i);

        if (len == strlen(name) && apr_cstr_casecmpn(segment, name, len) == 0) {
            if (process) {
                *process = (crm360_process_t)i;
            }
            return 1;
        }
    }
    return 0;
}

/* Decodes %XX and '+' of `len` bytes; *decoded is NUL-terminated. Returns how many escapes are
 * wrong: a bad one is kept as it stands, %00 is left out. */
static apr_size_t unescape(char **decoded, apr_size_t *decoded_len, const char *text,
                           apr_size_t len, apr_pool_t *pool)
{
    char *out = apr_palloc(pool, len + 1);
    char *to = out;
    apr_size_t i, wrong = 0;

    for (i = 0; i < len; i++) {
        char c = text[i];

        if (c == '+') {
            c = ' ';
        }
        else if (c == '%') {
            int high = i + 2 < len ? crm360_hex_value(text[i + 1]) : -1;
            int low = i + 2 < len ? crm360_hex_value(text[i + 2]) : -1;

            wrong += high < 0 || low < 0 || (high == 0 && low == 0);
            if (high >= 0 && low >= 0) {
                c = (char)(high * 16 + low);
                i += 2;
            }
        }
        if (c != '\0') {
            *to++ = c;
        }
    }
    *to = '\0';
    *decoded = out;
    *decoded_len = (apr_size_t)(to - out);
    return wrong;
}

apr_status_t crm360_params_decode(const char **decoded, const char *text, apr_size_t len,
                                  apr_pool_t *pool)
{
    char *out;
    apr_size_t out_len;

    if (unescape(&out, &out_len, text, len, pool) > 0) {
        return APR_EINVAL;
    }
    *decoded = out;
    return APR_SUCCESS;
}

int crm360_params_is(const char *text, apr_size_t len, const char *name, apr_pool_t *pool)
{
    const char *decoded;

    return crm360_params_decode(&decoded, text, len, pool) == APR_SUCCESS &&
           apr_cstr_casecmp(decoded, name) == 0;
}

const char *crm360_params_text(const char *text, apr_size_t len, const char *charset,
                               apr_pool_t *pool)
{
    char *bytes;
    apr_size_t bytes_len;

    unescape(&bytes, &bytes_len, text, len, pool);
    return crm360_charset_decode(&bytes_len, bytes, bytes_len, charset, pool);
}

/* `len` bytes of a caller's text for an error text: in double quotes, cut, and only printable
 * ASCII; what is not is shown as it would stand in a URL. */
static const char *quoted(const char *text, apr_size_t len, apr_pool_t *pool)
{
    static const char hex[] = "0123456789ABCDEF";
    apr_size_t shown = len > QUOTE_MOST ? QUOTE_MOST : len;
    char *out = apr_palloc(pool, shown * 3 + sizeof("\"...\""));
    char *to = out;
    apr_size_t i;

    *to++ = '"';
    for (i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 || c > 0x7e || c == '"' || c == '\\') {
            *to++ = '%';
            *to++ = hex[c >> 4];
            *to++ = hex[c & 15];
        }
        else {
            *to++ = (char)c;
        }
    }
    apr_cpystrn(to, shown < len ? "...\"" : "\"", sizeof("...\""));
    return out;
}

int crm360_params_next(crm360_param_pair_t *pair, const char **rest)
{
    apr_size_t len;
    const char *equals;

    while (**rest == '&') {
        (*rest)++;
    }
    if (**rest == '\0') {
        return 0;
    }
    len = strcspn(*rest, "&");
    equals = memchr(*rest, '=', len);
    pair->name = *rest;
    pair->name_len = equals ? (apr_size_t)(equals - *rest) : len;
    pair->value = equals ? equals + 1 : *rest + len;
    pair->value_len = equals ? len - pair->name_len - 1 : 0;
    *rest += len;
    return 1;
}

/* The rule for a pair's name, NULL when it is not a parameter of ours. */
static const crm360_param_rule_t *find_rule(const crm360_param_pair_t *pair,
                                            crm360_process_t process, apr_pool_t *pool)
{
    const char *name;
    int i;

    if (crm360_params_decode(&name, pair->name, pair->name_len, pool) != APR_SUCCESS) {
        return NULL;
    }
    for (i = 0; i < RULES; i++) {
        if (apr_cstr_casecmp(crm360_param_rules[i].name, name) == 0) {
            return crm360_param_rules[i].queue_only && process == CRM360_EMAIL_PROCESS
                       ? NULL
                       : &crm360_param_rules[i];
        }
    }
    return NULL;
}

/* Digits only, the whole text, within the range. */
static int read_number(int *number, const char *text, int min, int max)
{
    apr_int64_t value = 0;
    const char *c;

    for (c = text; *c; c++) {
        if (*c < '0' || *c > '9') {
            return 0;
        }
        value = value * 10 + (*c - '0');
        if (value > max) {
            return 0;
        }
    }
    if (c == text || value < min) {
        return 0;
    }
    *number = (int)value;
    return 1;
}

static int read_boolean(int *flag, const char *text)
{
    if (strcmp(text, "1") == 0 || apr_cstr_casecmp(text, "true") == 0) {
        *flag = 1;
        return 1;
    }
    if (strcmp(text, "0") == 0 || apr_cstr_casecmp(text, "false") == 0) {
        *flag = 0;
        return 1;
    }
    return 0;
}

const char *crm360_param_allowed(const crm360_param_rule_t *rule, apr_pool_t *pool)
{
    switch (rule->type) {
    case CRM360_PARAM_BOOLEAN:
        return "true, false, 1 or 0";
    case CRM360_PARAM_EMAIL:
        return "one mail address such as name@example.org";
    case CRM360_PARAM_NUMBER:
        break;
    }
    return apr_psprintf(pool, "a whole number from %d to %d", rule->min, rule->max);
}

static apr_status_t refuse(crm360_param_error_t *error, const crm360_param_rule_t *rule,
                           const char *detail)
{
    error->parameter = rule->name;
    error->detail = detail;
    return APR_EINVAL;
}

/* Checks one value and puts it into `params`. An empty one that may be empty changes nothing. */
static apr_status_t read_value(crm360_params_t *params, crm360_param_error_t *error,
                               const crm360_param_rule_t *rule, const crm360_param_pair_t *pair,
                               int required, apr_pool_t *pool)
{
    void *member = (char *)params + rule->offset;
    const char *value;
    int good = 0;

    if (crm360_params_decode(&value, pair->value, pair->value_len, pool) != APR_SUCCESS) {
        return refuse(error, rule,
                      apr_psprintf(pool, "The value %s of %s is not valid percent-encoding.",
                                   quoted(pair->value, pair->value_len, pool), rule->name));
    }
    if (*value == '\0') {
        return required ? refuse(error, rule,
                                 apr_psprintf(pool, "%s is empty; it must be %s.", rule->name,
                                              crm360_param_allowed(rule, pool)))
                        : APR_SUCCESS;
    }
    switch (rule->type) {
    case CRM360_PARAM_NUMBER:
        good = read_number(member, value, rule->min, rule->max);
        break;
    case CRM360_PARAM_BOOLEAN:
        good = read_boolean(member, value);
        break;
    case CRM360_PARAM_EMAIL:
        good = crm360_mail_address_ok(value);
        *(const char **)member = value;
        break;
    }
    return good ? APR_SUCCESS
                : refuse(error, rule,
                         apr_psprintf(pool, "%s is %s; it must be %s.", rule->name,
                                      quoted(value, strlen(value), pool),
                                      crm360_param_allowed(rule, pool)));
}

apr_status_t crm360_params_read(crm360_params_t *params, crm360_param_error_t *error,
                                const char *query, crm360_process_t process, apr_pool_t *pool)
{
    int seen[RULES] = {0};
    crm360_param_pair_t pair;
    int i;

    memset(params, 0, sizeof(*params));
    memset(error, 0, sizeof(*error));
    query = query ? query : "";
    while (crm360_params_next(&pair, &query)) {
        const crm360_param_rule_t *rule = find_rule(&pair, process, pool);
        apr_status_t rv;

        if (!rule) {
            continue;
        }
        if (seen[rule - crm360_param_rules]++) {
            return refuse(error, rule,
                          apr_psprintf(pool, "%s is given more than once.", rule->name));
        }
        rv = read_value(params, error, rule, &pair, rule->required & 1 << process, pool);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    for (i = 0; i < RULES; i++) {
        if ((crm360_param_rules[i].required & 1 << process) && !seen[i]) {
            return refuse(error, &crm360_param_rules[i],
                          apr_psprintf(pool, "%s is missing; it must be %s.",
                                       crm360_param_rules[i].name,
                                       crm360_param_allowed(&crm360_param_rules[i], pool)));
        }
    }
    return APR_SUCCESS;
}

int crm360_params_is_own(const char *name)
{
    int i;

    for (i = 0; i < RULES; i++) {
        if (apr_cstr_casecmp(crm360_param_rules[i].name, name) == 0) {
            return 1;
        }
    }
    return apr_cstr_casecmp(CRM360_PARAM_TOKEN, name) == 0;
}

/* Where the value of a `token` parameter begins in the `len` bytes of one pair; 0 when it is
 * none. */
static apr_size_t secret_from(const char *text, apr_size_t len, apr_pool_t *pool)
{
    const char *equals = memchr(text, '=', len);

    return equals && crm360_params_is(text, (apr_size_t)(equals - text), CRM360_PARAM_TOKEN, pool)
               ? (apr_size_t)(equals + 1 - text)
               : 0;
}

const char *crm360_params_hide(const char *text, const char *ends, const char *instead,
                               apr_pool_t *pool)
{
    const char *stops = apr_pstrcat(pool, "?", ends, NULL);
    apr_size_t instead_len = strlen(instead);
    apr_size_t size = strlen(text) + 1;
    const char *at;
    char *out, *to;

    for (at = strchr(text, '='); at; at = strchr(at + 1, '=')) {
        size += instead_len;
    }
    out = to = apr_palloc(pool, size);
    for (at = text; *at;) {
        apr_size_t len = strcspn(at, stops);
        apr_size_t from = secret_from(at, len, pool);
        apr_size_t kept = from ? from : len;

        memcpy(to, at, kept);
        to += kept;
        if (from) {
            memcpy(to, instead, instead_len);
            to += instead_len;
            len = from + strcspn(at + from, ends);
        }
        at += len;
        if (*at) {
            *to++ = *at++;
        }
    }
    *to = '\0';
    return out;
}

/* The first pair of a name (any case). 0 when there is none. */
static int find_pair(crm360_param_pair_t *pair, const char *query, const char *name,
                     apr_pool_t *pool)
{
    query = query ? query : "";
    while (crm360_params_next(pair, &query)) {
        if (crm360_params_is(pair->name, pair->name_len, name, pool)) {
            return 1;
        }
    }
    return 0;
}

const char *crm360_params_charset(const char *query, apr_pool_t *pool)
{
    crm360_param_pair_t pair;

    return find_pair(&pair, query, "charset", pool)
               ? crm360_params_text(pair.value, pair.value_len, NULL, pool)
               : NULL;
}

const char *crm360_params_get(const char *query, const char *name, apr_pool_t *pool)
{
    crm360_param_pair_t pair;
    const char *text;

    if (!find_pair(&pair, query, name, pool) ||
        crm360_params_decode(&text, pair.value, pair.value_len, pool) != APR_SUCCESS) {
        return NULL;
    }
    return crm360_params_text(pair.value, pair.value_len, crm360_params_charset(query, pool), pool);
}

int crm360_path_value_ok(const char *value)
{
    apr_size_t len = strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                   "0123456789._-");

    return len >= 1 && len <= CRM360_PATH_VALUE_MOST && value[len] == '\0';
}
