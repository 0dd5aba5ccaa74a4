/*
 * Holding requests against rules. Each scheme has a part that needs no body (are its fields there,
 * well formed, and of now?) and, if it signs the body, one that does.
 */
#include "core/origin.h"

#include <apr_cstr.h>
#include <apr_strings.h>

#include <string.h>

#include "core/params.h"

#define AUTHORIZATION "Authorization"
#define TOKEN_FIELD "X-Crm360Api-Token"
#define ZENDESK_SIGNATURE "X-Zendesk-Webhook-Signature"
#define ZENDESK_TIME "X-Zendesk-Webhook-Signature-Timestamp"
#define STANDARD_ID "webhook-id"
#define STANDARD_TIME "webhook-timestamp"
#define STANDARD_SIGNATURE "webhook-signature"
#define REALM " realm=\"crm360\""

/* One rule and one request. */
typedef struct trial_t {
    const crm360_origin_t *rule;
    const crm360_caller_t *caller;
    int key; /* number of the secret that fitted; 0 = the scheme has none */
    apr_pool_t *pool;
} trial_t;

static const char *field(const trial_t *trial, const char *name)
{
    return apr_table_get(trial->caller->headers, name);
}

/* What the search for a secret has found. */
static crm360_origin_found_t found_key(trial_t *trial, int key)
{
    trial->key = key;
    return key > 0                     ? CRM360_ORIGIN_PROVEN
           : key == CRM360_FITS_FAILED ? CRM360_ORIGIN_FAILED
                                       : CRM360_ORIGIN_WRONG;
}

static int in_networks(const trial_t *trial)
{
    const apr_array_header_t *networks = trial->rule->networks;
    int i;

    for (i = 0; networks && i < networks->nelts; i++) {
        if (apr_ipsubnet_test(APR_ARRAY_IDX(networks, i, apr_ipsubnet_t *),
                              trial->caller->address)) {
            return 1;
        }
    }
    return !networks;
}

/* ---- token and basic ---- */

/* What stands behind an authentication scheme (any case) and blanks; NULL when it is another. */
static const char *credentials(const trial_t *trial, const char *scheme)
{
    const char *value = field(trial, AUTHORIZATION);
    apr_size_t len = strlen(scheme);

    if (!value || apr_cstr_casecmpn(value, scheme, len) != 0 || value[len] != ' ') {
        return NULL;
    }
    return value + len + strspn(value + len, " ");
}

/* The parameter `token` of the URL; *times says how often it stands there. */
static const char *url_token(const trial_t *trial, int *times)
{
    const char *rest = trial->caller->query ? trial->caller->query : "";
    const char *token = NULL;
    crm360_param_pair_t pair;
    const char *text;

    *times = 0;
    while (crm360_params_next(&pair, &rest)) {
        if (!crm360_params_is(pair.name, pair.name_len, CRM360_PARAM_TOKEN, trial->pool)) {
            continue;
        }
        (*times)++;
        token = crm360_params_decode(&text, pair.value, pair.value_len, trial->pool) == APR_SUCCESS
                    ? text
                    : "";
    }
    return token;
}

/* Each place that may have a token is looked at, and one is enough: the Authorization field may
 * hold what httpd or a proxy before it wants. No token has a comma, which joins two fields. */
static crm360_origin_found_t check_token(trial_t *trial)
{
    const char *shown[3] = {NULL, NULL, NULL};
    crm360_origin_found_t worst = CRM360_ORIGIN_ABSENT;
    int times = 0;
    int key = 0;
    int i;

    if (trial->rule->token_in & CRM360_TOKEN_IN_HEADER) {
        shown[0] = field(trial, TOKEN_FIELD);
        shown[1] = credentials(trial, "Bearer");
    }
    if (trial->rule->token_in & CRM360_TOKEN_IN_URL) {
        shown[2] = url_token(trial, &times);
    }
    for (i = 0; i < 3; i++) {
        crm360_origin_found_t found = CRM360_ORIGIN_ABSENT;

        if (shown[i] && (strchr(shown[i], ',') || (i == 2 && times > 1))) {
            found = CRM360_ORIGIN_MALFORMED;
        }
        else if (shown[i]) {
            found = found_key(trial, crm360_secret_fits(shown[i], &trial->rule->secrets));
            key = trial->key > 0 ? trial->key : key;
        }
        worst = found > worst ? found : worst;
    }
    return key > 0 ? found_key(trial, key) : worst;
}

static crm360_origin_found_t check_basic(trial_t *trial)
{
    const char *shown = credentials(trial, "Basic");

    if (!shown) {
        return CRM360_ORIGIN_ABSENT;
    }
    if (strchr(shown, ',')) {
        return CRM360_ORIGIN_MALFORMED;
    }
    return found_key(trial, crm360_secret_fits(shown, &trial->rule->secrets));
}

/* ---- signatures ---- */

/* The signature behind its prefix; NULL when a prefix that must be there is not. */
static const char *bare_signature(const crm360_origin_t *rule, const char *value)
{
    apr_size_t len = rule->prefix ? strlen(rule->prefix) : 0;

    if (len == 0) {
        return value;
    }
    if (strncmp(value, rule->prefix, len) == 0) {
        return value + len;
    }
    return rule->prefix_optional ? value : NULL;
}

static crm360_origin_found_t look_at_body_signature(const trial_t *trial)
{
    const char *value = field(trial, trial->rule->header);
    const char *bare = value ? bare_signature(trial->rule, value) : NULL;

    if (!value) {
        return CRM360_ORIGIN_ABSENT;
    }
    return bare && crm360_signature_is_one(bare, trial->rule->as, trial->rule->hash)
               ? CRM360_ORIGIN_OPEN
               : CRM360_ORIGIN_MALFORMED;
}

static crm360_origin_found_t check_age(const trial_t *trial, apr_time_t signed_at)
{
    apr_interval_time_t age = trial->caller->now - signed_at;

    return age <= trial->rule->window && -age <= trial->rule->window ? CRM360_ORIGIN_OPEN
                                                                     : CRM360_ORIGIN_STALE;
}

static crm360_origin_found_t look_at_zendesk(const trial_t *trial)
{
    const char *value = field(trial, ZENDESK_SIGNATURE);
    const char *date = field(trial, ZENDESK_TIME);
    apr_time_t signed_at;

    if (!value || !date) {
        return CRM360_ORIGIN_ABSENT;
    }
    if (!crm360_signature_is_one(value, CRM360_AS_BASE64, CRM360_SHA256) ||
        crm360_timestamp_date(&signed_at, date) != APR_SUCCESS) {
        return CRM360_ORIGIN_MALFORMED;
    }
    return check_age(trial, signed_at);
}

static crm360_origin_found_t look_at_standard(const trial_t *trial)
{
    const char *id = field(trial, STANDARD_ID);
    const char *date = field(trial, STANDARD_TIME);
    const char *list = field(trial, STANDARD_SIGNATURE);
    apr_time_t signed_at;

    if (!id || !date || !list) {
        return CRM360_ORIGIN_ABSENT;
    }
    if (!*id || strpbrk(id, ", \t") || !crm360_signature_is_list(list) ||
        crm360_timestamp_seconds(&signed_at, date) != APR_SUCCESS) {
        return CRM360_ORIGIN_MALFORMED;
    }
    return check_age(trial, signed_at);
}

static struct iovec piece(const char *bytes, apr_size_t len)
{
    struct iovec made = {(void *)bytes, len};

    return made;
}

/* The second step of a signature whose first one has said OPEN. */
static crm360_origin_found_t check_signature(trial_t *trial, const char *body, apr_size_t body_len)
{
    const crm360_origin_t *rule = trial->rule;
    struct iovec pieces[3];
    const char *text;

    switch (rule->by) {
    case CRM360_BY_BODY:
        pieces[0] = piece(body, body_len);
        text = bare_signature(rule, field(trial, rule->header));
        return found_key(
            trial, crm360_signature_fits(text, rule->as, rule->hash, &rule->secrets, pieces, 1));
    case CRM360_BY_ZENDESK:
        text = field(trial, ZENDESK_TIME);
        pieces[0] = piece(text, strlen(text));
        pieces[1] = piece(body, body_len);
        return found_key(trial,
                         crm360_signature_fits(field(trial, ZENDESK_SIGNATURE), CRM360_AS_BASE64,
                                               CRM360_SHA256, &rule->secrets, pieces, 2));
    default:
        text = apr_pstrcat(trial->pool, field(trial, STANDARD_ID), ".", field(trial, STANDARD_TIME),
                           ".", NULL);
        pieces[0] = piece(text, strlen(text));
        pieces[1] = piece(body, body_len);
        return found_key(trial, crm360_signature_list_fits(field(trial, STANDARD_SIGNATURE),
                                                           &rule->secrets, pieces, 2));
    }
}

/* ---- one rule ---- */

static crm360_origin_found_t look_at(trial_t *trial)
{
    if (!in_networks(trial)) {
        return CRM360_ORIGIN_NETWORK;
    }
    switch (trial->rule->by) {
    case CRM360_BY_NOTHING:
    case CRM360_BY_NETWORK:
        return CRM360_ORIGIN_PROVEN;
    case CRM360_BY_TOKEN:
        return check_token(trial);
    case CRM360_BY_BASIC:
        return check_basic(trial);
    case CRM360_BY_BODY:
        return look_at_body_signature(trial);
    case CRM360_BY_ZENDESK:
        return look_at_zendesk(trial);
    case CRM360_BY_STANDARD:
        return look_at_standard(trial);
    }
    return CRM360_ORIGIN_ABSENT;
}

static const char *verdict_of(const trial_t *trial)
{
    return trial->key ? apr_psprintf(trial->pool, "%s; key=%d", trial->rule->scheme, trial->key)
                      : trial->rule->scheme;
}

/* ---- all rules of a platform ---- */

static const crm360_origin_t *rule_at(const apr_array_header_t *rules, int i)
{
    return APR_ARRAY_IDX(rules, i, const crm360_origin_t *);
}

static int count_of(const apr_array_header_t *rules)
{
    return rules ? rules->nelts : 0;
}

crm360_origin_found_t crm360_origin_head(const char **verdict, const apr_array_header_t *rules,
                                         const crm360_caller_t *caller, apr_pool_t *pool)
{
    crm360_origin_found_t worst = CRM360_ORIGIN_NO_RULE;
    int open = 0;
    int i;

    *verdict = NULL;
    for (i = 0; i < count_of(rules); i++) {
        trial_t trial = {rule_at(rules, i), caller, 0, pool};
        crm360_origin_found_t found = look_at(&trial);

        if (found == CRM360_ORIGIN_PROVEN) {
            *verdict = verdict_of(&trial);
            return found;
        }
        open |= found == CRM360_ORIGIN_OPEN;
        worst = found > worst ? found : worst;
    }
    return open ? CRM360_ORIGIN_OPEN : worst;
}

crm360_origin_found_t crm360_origin_body(const char **verdict, const apr_array_header_t *rules,
                                         const crm360_caller_t *caller, const char *body,
                                         apr_size_t body_len, apr_pool_t *pool)
{
    crm360_origin_found_t worst = CRM360_ORIGIN_NO_RULE;
    int i;

    *verdict = NULL;
    for (i = 0; i < count_of(rules); i++) {
        trial_t trial = {rule_at(rules, i), caller, 0, pool};
        crm360_origin_found_t found = look_at(&trial);

        if (found == CRM360_ORIGIN_OPEN) {
            found = check_signature(&trial, body, body_len);
        }
        if (found == CRM360_ORIGIN_PROVEN) {
            *verdict = verdict_of(&trial);
            return found;
        }
        worst = found > worst ? found : worst;
    }
    return worst;
}

/* ---- what is told ---- */

const char *crm360_origin_cause(crm360_origin_found_t found)
{
    static const char *const causes[] = {
        [CRM360_ORIGIN_PROVEN] = "proven",
        [CRM360_ORIGIN_OPEN] = "the body decides",
        [CRM360_ORIGIN_NO_RULE] = "no rule",
        [CRM360_ORIGIN_ABSENT] = "no proof",
        [CRM360_ORIGIN_NETWORK] = "not from one of the networks",
        [CRM360_ORIGIN_MALFORMED] = "the proof is malformed, or was sent twice",
        [CRM360_ORIGIN_STALE] = "timestamp outside the window",
        [CRM360_ORIGIN_WRONG] = "no secret fits",
        [CRM360_ORIGIN_FAILED] = "libcrypto has failed",
    };

    return causes[found];
}

static const char *wanted(const crm360_origin_t *rule, apr_pool_t *pool)
{
    static const char *const tokens[] = {
        [CRM360_TOKEN_IN_HEADER] = "a token, in " TOKEN_FIELD " or " AUTHORIZATION ": Bearer",
        [CRM360_TOKEN_IN_URL] = "a token, as the query parameter " CRM360_PARAM_TOKEN,
        [CRM360_TOKEN_IN_HEADER | CRM360_TOKEN_IN_URL] =
            "a token, in " TOKEN_FIELD ", in " AUTHORIZATION ": Bearer or as the query "
            "parameter " CRM360_PARAM_TOKEN,
    };

    switch (rule->by) {
    case CRM360_BY_TOKEN:
        return tokens[rule->token_in];
    case CRM360_BY_BASIC:
        return "user and password, in " AUTHORIZATION ": Basic";
    case CRM360_BY_BODY:
        return apr_pstrcat(pool, "a signature of the body, in ", rule->header, NULL);
    case CRM360_BY_ZENDESK:
        return "a signature of now, in " ZENDESK_SIGNATURE " and " ZENDESK_TIME;
    case CRM360_BY_STANDARD:
        return "a signature of now, in " STANDARD_ID ", " STANDARD_TIME " and " STANDARD_SIGNATURE;
    default:
        return "a call from a network that is known here";
    }
}

const char *crm360_origin_wanted(const apr_array_header_t *rules, apr_pool_t *pool)
{
    const char *text = "";
    int i;

    for (i = 0; i < count_of(rules); i++) {
        const char *one = wanted(rule_at(rules, i), pool);
        int j = 0;

        while (j < i && strcmp(wanted(rule_at(rules, j), pool), one) != 0) {
            j++;
        }
        if (j == i) {
            text = apr_pstrcat(pool, text, *text ? "; or " : "", one, NULL);
        }
    }
    return text;
}

static const char *challenge(const crm360_origin_t *rule)
{
    switch (rule->by) {
    case CRM360_BY_BASIC:
        return "Basic" REALM ", charset=\"UTF-8\"";
    case CRM360_BY_TOKEN:
        return "Bearer" REALM;
    default:
        return "Signature" REALM;
    }
}

const char *crm360_origin_challenges(const apr_array_header_t *rules, apr_pool_t *pool)
{
    const char *text = "";
    int i;

    for (i = 0; i < count_of(rules); i++) {
        const char *one = challenge(rule_at(rules, i));

        if (!strstr(text, one)) {
            text = apr_pstrcat(pool, text, *text ? ", " : "", one, NULL);
        }
    }
    return *text ? text : "Signature" REALM;
}
