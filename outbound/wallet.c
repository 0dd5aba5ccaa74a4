/*
 * Updates of loyalty cards to Captain Wallet. There is no public documentation of its API; what is
 * sent, and to where, can all be configured, and what comes back is judged by its status. Must
 * never take a card that nobody has in a phone for a fault.
 */
#include "outbound/wallet.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "core/clock.h"
#include "core/json.h"
#include "outbound/wallet_private.h"

#define IDENTIFIER_MOST 255

/* Less than this is no time for a request. */
#define TIME_LEAST (100 * 1000)

/* ---- what both files need ---- */

apr_status_t outbound_wallet_http(outbound_answer_t *answer, const char **why,
                                  const outbound_t *outbound, const outbound_request_t *request,
                                  apr_time_t until, apr_pool_t *pool)
{
    outbound_t limited = *outbound;

    limited.most = until - crm360_clock();
    if (limited.most < TIME_LEAST) {
        *why = "no time was left for it";
        return CRM360_EAWAY;
    }
    return outbound_http(answer, why, &limited, request, pool);
}

const char *outbound_wallet_escape(const char *text, apr_pool_t *pool)
{
    static const char digits[] = "0123456789ABCDEF";
    char *escaped = apr_palloc(pool, 3 * strlen(text) + 1), *to = escaped;

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x80 && (apr_isalnum(c) || strchr("-._~", c))) {
            *to++ = (char)c;
        }
        else {
            *to++ = '%';
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        }
    }
    *to = '\0';
    return escaped;
}

int outbound_wallet_identifier_ok(const char *identifier)
{
    return *identifier && strlen(identifier) <= IDENTIFIER_MOST && strcmp(identifier, ".") != 0 &&
           strcmp(identifier, "..") != 0;
}

/* ---- the request ---- */

/* The path of a card; `account` and `project` as they stand in a URL. */
static const char *path_of(const char *account, const char *project, const outbound_card_t *card,
                           apr_pool_t *pool)
{
    return apr_pstrcat(pool, "/v1/", account, "/", project, "/pass-owners/",
                       outbound_wallet_escape(card->identifier, pool), NULL);
}

/* ---- the answer ---- */

/* The provider's own code, ER and digits, wherever it stands in the body; NULL = none. */
static const char *own_code(const outbound_answer_t *answer, apr_pool_t *pool)
{
    const char *at;
    apr_size_t len;

    for (at = strstr(answer->body, "ER"); at; at = strstr(at + 2, "ER")) {
        len = strspn(at + 2, "0123456789");
        if (len > 0 && len <= 3 && !apr_isalnum(at[2 + len]) &&
            (at == answer->body || !apr_isalnum(at[-1]))) {
            return apr_pstrmemdup(pool, at, 2 + len);
        }
    }
    return NULL;
}

/* What an answer means. The rest is as for all calls. What is uncertain is repeated: the handler
 * says that it may be. */
static void read_answer(outbound_result_t *result, const outbound_answer_t *answer,
                        apr_pool_t *pool)
{
    const char *code = own_code(answer, pool);

    outbound_http_fate(result, answer, pool);
    if (answer->status == 404) {
        result->fate = OUTBOUND_SENT;
        result->code = OUTBOUND_WALLET_NO_PASS;
        result->reason = NULL;
    }
    else if (answer->status >= 300 && answer->status < 400) {
        /* A redirect is an address that somebody has to set right: url=. */
        result->fate = OUTBOUND_AWAY;
        result->alarm = 1;
    }
    else if (code && result->reason) {
        result->code = code;
        result->reason = apr_pstrcat(pool, result->reason, ", ", code, NULL);
    }
}

/* ---- sending ---- */

/* One try with the token that there is. 1: an answer has come, and is not "token?". */
static int put(outbound_result_t *result, outbound_t *outbound, const crm360_provider_t *provider,
               const outbound_request_t *request, apr_time_t until, apr_pool_t *pool)
{
    const char *token = outbound_token_get(result, outbound, provider, until, pool), *why;
    outbound_request_t with_token = *request;
    apr_table_t *headers = apr_table_make(pool, 3);
    outbound_answer_t answer;
    apr_status_t rv;

    if (!token) {
        return 1;
    }
    apr_table_setn(headers, "Content-Type", "application/json; charset=utf-8");
    apr_table_setn(headers, "Accept", "application/json");
    apr_table_setn(headers, "Authorization", apr_pstrcat(pool, "Bearer ", token, NULL));
    with_token.headers = headers;
    rv = outbound_wallet_http(&answer, &why, outbound, &with_token, until, pool);
    if (rv != APR_SUCCESS) {
        outbound_http_failed(result, rv, why);
        return 1;
    }
    read_answer(result, &answer, pool);
    if (answer.status == 401) {
        outbound_token_forget(outbound, provider);
    }
    return answer.status != 401;
}

static void send_update(outbound_result_t *result, outbound_t *outbound,
                        const crm360_provider_t *provider, const outbound_card_t *card,
                        const char *payload, apr_pool_t *pool)
{
    apr_time_t until = crm360_clock() + outbound->most;
    outbound_request_t request = {
        .method = "PUT",
        .url = apr_pstrcat(pool, provider->url,
                           path_of(outbound_wallet_escape(provider->account, pool),
                                   outbound_wallet_escape(provider->project, pool), card, pool),
                           NULL),
        .ca = provider->ca,
        .body = payload,
        .body_len = strlen(payload)};

    /* A token may end before its time. */
    if (!put(result, outbound, provider, &request, until, pool)) {
        put(result, outbound, provider, &request, until, pool);
    }
}

/* What would be sent, as a file. One that is there tells of how things were. */
static void write_file(outbound_result_t *result, outbound_t *outbound, const outbound_card_t *card,
                       const char *payload, apr_pool_t *pool)
{
    const char *text =
        apr_pstrcat(pool, "{\n  \"method\": \"PUT\",\n  \"path\": ",
                    crm360_json_quote(path_of("{accountId}", "{projectId}", card, pool), pool),
                    ",\n  \"body\": ", payload, "\n}\n", NULL);

    outbound_outbox_replace(result, outbound, card->id, ".json", text, strlen(text), pool);
}

void outbound_wallet_update(outbound_result_t *result, outbound_t *outbound,
                            const crm360_provider_t *provider, const outbound_card_t *card,
                            apr_pool_t *pool)
{
    const char *why, *payload = outbound_wallet_payload(&why, provider ? provider->template : NULL,
                                                        card->values, pool);

    if (!payload) {
        memset(result, 0, sizeof(*result));
        result->fate = OUTBOUND_AWAY;
        result->alarm = 1;
        result->reason = apr_pstrcat(pool, "the file of template=: ", why, NULL);
    }
    else if (provider) {
        send_update(result, outbound, provider, card, payload, pool);
    }
    else {
        write_file(result, outbound, card, payload, pool);
    }
}
