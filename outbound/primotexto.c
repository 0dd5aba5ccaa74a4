/*
 * Primotexto: the request, and what its answers mean, code by code. An answer that is not
 * understood says nothing: then nobody knows whether the message has left.
 */
#include "outbound/primotexto.h"

#include <apr_strings.h>
#include <json-c/json.h>

#include <string.h>

#include "core/json.h"

#define REFERENCE_MOST 255

/* ---- result codes ---- */

typedef struct code_t {
    int code;
    outbound_fate_t fate;
    int alarm;
    outbound_says_t says;
    const char *means;
} code_t;

#define SAYS_NOTHING OUTBOUND_SAYS_NOTHING
#define BAD_NUMBER OUTBOUND_SAYS_UNREACHABLE

/* Those of the page on sending, and those that clients of other calls know. */
static const code_t codes[] = {
    {10, OUTBOUND_REFUSED, 0, BAD_NUMBER, "no number"},
    {11, OUTBOUND_REFUSED, 0, BAD_NUMBER, "the number is none"},
    {12, OUTBOUND_REFUSED, 0, OUTBOUND_SAYS_UNSUBSCRIBED, "the person has sent STOP"},
    {13, OUTBOUND_REFUSED, 0, BAD_NUMBER, "the number is in the account's list of bounces"},
    {14, OUTBOUND_REFUSED, 0, BAD_NUMBER, "the number is in the provider's list of bounces"},
    {15, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "it exists already"},
    {16, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "no message for this query"},
    {17, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "too many fields"},
    {18, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "the file is too large"},
    {19, OUTBOUND_REFUSED, 0, BAD_NUMBER, "the number is a fixed line"},
    {20, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "the sender has wrong characters"},
    {21, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "the sender is too short"},
    {22, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "the sender is too long"},
    {23, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "the sender has digits only"},
    {30, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "no text"},
    {31, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "the text has characters outside the GSM alphabet"},
    {32, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "the text is too long"},
    {40, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "campaign: wrong name"},
    {41, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "campaign: wrong time"},
    {42, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "campaign: cannot be deleted"},
    {43, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "campaign: cannot be cancelled"},
    {44, OUTBOUND_AWAY, 1, SAYS_NOTHING, "campaign: the limit of a free account is reached"},
    {45, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "campaign: wrong tag"},
    {46, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "campaign: the tag exists already"},
    {47, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "campaign: not found"},
    {48, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "campaign: wrong list"},
    {60, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "list not found"},
    {61, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "the date has a wrong form"},
    {62, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "the date is wrong"},
    {70, OUTBOUND_AWAY, 1, SAYS_NOTHING, "the account may not use the API"},
    {71, OUTBOUND_AWAY, 1, SAYS_NOTHING, "the account has no credit"},
    {72, OUTBOUND_AWAY, 1, SAYS_NOTHING, "the key is wrong"},
    {73, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "the request is not JSON"},
    {74, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "too many contacts"},
    {75, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "no column of identifiers"},
    {76, OUTBOUND_AWAY, 0, SAYS_NOTHING, "the quota is used up"},
    {90, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "the country is not served"},
    {91, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "the account may not send abroad"},
    {92, OUTBOUND_AWAY, 1, SAYS_NOTHING, "the account is blocked"},
    {93, OUTBOUND_AWAY, 1, SAYS_NOTHING, "no such account"},
    {94, OUTBOUND_AWAY, 1, SAYS_NOTHING, "the account cannot be read"},
    {95, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "no account can be made"},
    {120, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "automatic campaign: wrong"},
    {121, OUTBOUND_REFUSED, 0, SAYS_NOTHING, "automatic campaign: wrong contact"},
    /* The provider itself does not know what has happened. */
    {1000, OUTBOUND_UNCERTAIN, 0, SAYS_NOTHING, "unknown error"},
};

static const code_t *find_code(int code)
{
    size_t i;

    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].code == code) {
            return &codes[i];
        }
    }
    return NULL;
}

/* ---- the answer ---- */

/* A member as text, exact; NULL when it is neither text nor whole number, or not of a sensible
 * length. */
static const char *text_of(json_object *object, const char *name, apr_pool_t *pool)
{
    json_object *member;
    const char *text;

    if (!json_object_object_get_ex(object, name, &member) ||
        (!json_object_is_type(member, json_type_string) &&
         !json_object_is_type(member, json_type_int))) {
        return NULL;
    }
    text = json_object_get_string(member);
    return *text && strlen(text) <= REFERENCE_MOST ? apr_pstrdup(pool, text) : NULL;
}

/* The number in the member `code`, 0 = none. */
static int code_of(json_object *object, apr_pool_t *pool)
{
    const char *text = text_of(object, "code", pool);
    int code = 0;

    if (!text || strlen(text) > 6 || text[strspn(text, "0123456789")] != '\0') {
        return 0;
    }
    for (; *text; text++) {
        code = code * 10 + (*text - '0');
    }
    return code;
}

void outbound_primotexto_read(outbound_result_t *result, const outbound_answer_t *answer,
                              apr_pool_t *pool)
{
    json_object *object = NULL;
    const char *why, *reference;
    const code_t *row;
    int code;

    outbound_http_fate(result, answer, pool);
    if (crm360_json_parse(&object, &why, answer->body, answer->body_len, pool) != APR_SUCCESS ||
        !json_object_is_type(object, json_type_object)) {
        object = NULL;
    }
    reference = text_of(object, "snapshotId", pool);
    code = code_of(object, pool);
    row = find_code(code);
    if (row) {
        result->fate = row->fate;
        result->alarm = row->alarm;
        result->says = row->says;
        result->code = apr_psprintf(pool, "%d", code);
        result->reason = apr_psprintf(pool, "Primotexto: code %d: %s", code, row->means);
    }
    else if (reference) {
        result->reference = reference;
        if (result->fate != OUTBOUND_SENT) {
            /* He says that he has taken it, and the status that it was not. */
            result->fate = OUTBOUND_UNCERTAIN;
            result->alarm = 0;
            result->reason =
                apr_psprintf(pool, "Primotexto: a snapshotId, but with HTTP %d", answer->status);
        }
    }
    else if (result->fate == OUTBOUND_SENT) {
        result->fate = OUTBOUND_UNCERTAIN;
        result->reason = apr_psprintf(pool,
                                      "Primotexto: HTTP %d without a snapshotId, which is no "
                                      "answer that this version understands",
                                      answer->status);
    }
    else if (code) {
        result->reason = apr_psprintf(pool,
                                      "Primotexto: HTTP %d, code %d, which this version does "
                                      "not know",
                                      answer->status, code);
    }
}

/* ---- the request ---- */

static const char *request_body(const outbound_sms_t *sms, apr_pool_t *pool)
{
    const char *category = sms->is_marketing ? "crm360-marketing" : "crm360-transactional";

    return apr_pstrcat(pool, "{\"number\":", crm360_json_quote(sms->number, pool),
                       ",\"message\":", crm360_json_quote(sms->text, pool),
                       sms->sender ? ",\"sender\":" : "",
                       sms->sender ? crm360_json_quote(sms->sender, pool) : "",
                       ",\"campaignName\":", crm360_json_quote(sms->id, pool),
                       ",\"category\":", crm360_json_quote(category, pool), "}", NULL);
}

void outbound_primotexto_send(outbound_result_t *result, const outbound_t *outbound,
                              const crm360_provider_t *provider, const outbound_sms_t *sms,
                              apr_pool_t *pool)
{
    apr_table_t *headers = apr_table_make(pool, 2);
    outbound_request_t request = {.method = "POST", .headers = headers, .ca = provider->ca};
    outbound_answer_t answer;
    const char *why;
    apr_status_t rv;

    apr_table_setn(headers, "Content-Type", "application/json");
    apr_table_setn(headers, "X-Primotexto-ApiKey", provider->secret);
    request.url = apr_pstrcat(
        pool, provider->url,
        sms->is_marketing ? "/v2/marketing/messages/send" : "/v2/notification/messages/send", NULL);
    request.body = request_body(sms, pool);
    request.body_len = strlen(request.body);
    rv = outbound_http(&answer, &why, outbound, &request, pool);
    if (rv == APR_SUCCESS) {
        outbound_primotexto_read(result, &answer, pool);
    }
    else {
        outbound_http_failed(result, rv, why);
    }
}
