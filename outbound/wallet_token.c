/*
 * Access tokens of Captain Wallet, one for each account, kept in the worker until shortly before
 * they end. Must never show a token or a secret to a log, nor give the token of one account to
 * another.
 */
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "core/clock.h"
#include "core/json.h"
#include "outbound/wallet_private.h"

#define SCOPE "pass-owner webhooks"

#define TOKEN_MOST 8192 /* bytes; a longer one fits into no header field */
#define LIFE_UNSAID 300 /* seconds, when the answer does not say */
#define LIFE_MOST 86400
#define MARGIN 60 /* seconds before its end when a token is used no more */

/* One account's. Found by everything that has led to the token, so that another secret is another
 * account. */
struct outbound_token_t {
    const char *url;
    const char *user;
    const char *secret;
    const char *token; /* NULL = none */
    apr_time_t until;  /* of crm360_clock() */
    apr_pool_t *pool;  /* of the token; cleared with it */
    struct outbound_token_t *next;
};

apr_interval_time_t outbound_token_life(apr_int64_t seconds)
{
    if (seconds <= 0) {
        return 0;
    }
    seconds = seconds < LIFE_MOST ? seconds : LIFE_MOST;
    return seconds > 2 * MARGIN ? apr_time_from_sec(seconds - MARGIN)
                                : apr_time_from_sec(seconds) / 2;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static int is_of(const struct outbound_token_t *kept, const crm360_provider_t *provider)
{
    return strcmp(kept->url, provider->url) == 0 &&
           strcmp(kept->user, or_empty(provider->user)) == 0 &&
           strcmp(kept->secret, or_empty(provider->secret)) == 0;
}

/* The entry of an account, made when there is none. */
static struct outbound_token_t *entry_of(outbound_t *outbound, const crm360_provider_t *provider)
{
    struct outbound_token_t *kept = outbound->tokens;

    while (kept && !is_of(kept, provider)) {
        kept = kept->next;
    }
    if (!kept) {
        kept = apr_pcalloc(outbound->pool, sizeof(*kept));
        kept->url = apr_pstrdup(outbound->pool, provider->url);
        kept->user = apr_pstrdup(outbound->pool, or_empty(provider->user));
        kept->secret = apr_pstrdup(outbound->pool, or_empty(provider->secret));
        apr_pool_create(&kept->pool, outbound->pool);
        apr_pool_tag(kept->pool, "crm360_wallet_token");
        kept->next = outbound->tokens;
        outbound->tokens = kept;
    }
    return kept;
}

void outbound_token_forget(outbound_t *outbound, const crm360_provider_t *provider)
{
    struct outbound_token_t *kept = entry_of(outbound, provider);

    kept->token = NULL;
    apr_pool_clear(kept->pool);
}

/* ---- the answer ---- */

/* Whether a text can be a token in a header field (RFC 6750 2.1, and what else is visible). */
static int is_token(const char *text)
{
    const char *at = text;

    while (apr_isgraph(*at) && (unsigned char)*at < 0x80) {
        at++;
    }
    return *text && !*at && at - text <= TOKEN_MOST;
}

/* A member of the answer as text, NULL when it is none. Borrowed. */
static const char *text_member(json_object *object, const char *name)
{
    json_object *value;

    return json_object_is_type(object, json_type_object) &&
                   json_object_object_get_ex(object, name, &value) &&
                   json_object_is_type(value, json_type_string)
               ? json_object_get_string(value)
               : NULL;
}

static json_object *read_answer(const outbound_answer_t *answer, apr_pool_t *pool)
{
    json_object *object = NULL;
    const char *why;

    return crm360_json_parse(&object, &why, answer->body, answer->body_len, pool) == APR_SUCCESS
               ? object
               : NULL;
}

/* How long the token lives, in seconds; a number or its digits. */
static apr_int64_t seconds_of(json_object *object)
{
    json_object *value;

    if (!json_object_object_get_ex(object, "expires_in", &value) ||
        json_object_is_type(value, json_type_object) ||
        json_object_is_type(value, json_type_array) || !value) {
        return LIFE_UNSAID;
    }
    return json_object_get_int64(value);
}

/* The word of RFC 6749 5.2 ("invalid_client"), when the answer has one that can be shown. */
static const char *error_word(const outbound_answer_t *answer, apr_pool_t *pool)
{
    const char *word = text_member(read_answer(answer, pool), "error");
    apr_size_t len = word ? strspn(word, "abcdefghijklmnopqrstuvwxyz_") : 0;

    return len > 0 && len <= 40 && !word[len] ? word : NULL;
}

static void away(outbound_result_t *result, const char *code, int alarm, const char *reason)
{
    memset(result, 0, sizeof(*result));
    result->fate = OUTBOUND_AWAY;
    result->code = code;
    result->alarm = alarm;
    result->reason = reason;
}

/* No token came. What is not the provider's passing weakness, somebody has to mend. */
static void refused(outbound_result_t *result, const outbound_answer_t *answer, apr_pool_t *pool)
{
    int status = answer->status;
    int passing = status >= 500 || status == 408 || status == 425 || status == 429;
    const char *word = error_word(answer, pool);

    away(result, word ? apr_pstrdup(pool, word) : apr_psprintf(pool, "HTTP %d", status), !passing,
         apr_psprintf(pool, "the provider gives no access token: HTTP %d%s%s", status,
                      word ? ", " : "", word ? word : ""));
    result->retry_after = answer->retry_after;
}

/* ---- getting one ---- */

static const char *form_of(const crm360_provider_t *provider, apr_pool_t *pool)
{
    return apr_pstrcat(pool, "client_id=", outbound_wallet_escape(or_empty(provider->user), pool),
                       "&client_secret=", outbound_wallet_escape(or_empty(provider->secret), pool),
                       "&grant_type=client_credentials&scope=", outbound_wallet_escape(SCOPE, pool),
                       NULL);
}

/* Keeps the token of an answer; NULL when there is none in it. */
static const char *keep(struct outbound_token_t *kept, const outbound_answer_t *answer,
                        apr_time_t asked, apr_pool_t *pool)
{
    json_object *object = read_answer(answer, pool);
    const char *token = text_member(object, "access_token");
    apr_interval_time_t life;

    if (!token || !is_token(token)) {
        return NULL;
    }
    life = outbound_token_life(seconds_of(object));
    if (life > 0) {
        kept->token = apr_pstrdup(kept->pool, token);
        kept->until = asked + life;
    }
    return apr_pstrdup(pool, token);
}

static const char *fetch(outbound_result_t *result, struct outbound_token_t *kept,
                         const outbound_t *outbound, const crm360_provider_t *provider,
                         apr_time_t until, apr_pool_t *pool)
{
    apr_table_t *headers = apr_table_make(pool, 2);
    outbound_request_t request = {.method = "POST",
                                  .url = apr_pstrcat(pool, provider->url, "/oauth/token", NULL),
                                  .headers = headers,
                                  .ca = provider->ca,
                                  .body = form_of(provider, pool)};
    apr_time_t asked = crm360_clock();
    outbound_answer_t answer;
    const char *why, *token;

    request.body_len = strlen(request.body);
    apr_table_setn(headers, "Content-Type", "application/x-www-form-urlencoded");
    apr_table_setn(headers, "Accept", "application/json");
    if (outbound_wallet_http(&answer, &why, outbound, &request, until, pool) != APR_SUCCESS) {
        away(result, NULL, 0, apr_pstrcat(pool, "no access token: ", why, NULL));
        return NULL;
    }
    if (answer.status < 200 || answer.status >= 300) {
        refused(result, &answer, pool);
        return NULL;
    }
    token = keep(kept, &answer, asked, pool);
    if (!token) {
        away(result, apr_psprintf(pool, "HTTP %d", answer.status), 0,
             "the provider answers without an access token");
    }
    return token;
}

const char *outbound_token_get(outbound_result_t *result, outbound_t *outbound,
                               const crm360_provider_t *provider, apr_time_t until,
                               apr_pool_t *pool)
{
    struct outbound_token_t *kept = entry_of(outbound, provider);

    if (kept->token && kept->until > crm360_clock()) {
        return apr_pstrdup(pool, kept->token);
    }
    outbound_token_forget(outbound, provider);
    return fetch(result, kept, outbound, provider, until, pool);
}
