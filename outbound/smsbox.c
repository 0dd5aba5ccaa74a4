/*
 * Smsbox: the request, a form, and what its answers mean, which are one line of text. A line that
 * is not understood says nothing: then nobody knows whether the message has left.
 */
#include "outbound/smsbox.h"

#include <apr_escape.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#define REFERENCE_MOST 20 /* digits */

/* ---- the answer ---- */

typedef struct code_t {
    const char *line;
    outbound_fate_t fate;
    int alarm;
    outbound_says_t says;
    const char *code;
    const char *means;
} code_t;

static const code_t codes[] = {
    {"ERROR 01", OUTBOUND_REFUSED, 0, OUTBOUND_SAYS_NOTHING, "01", "parameters missing or wrong"},
    {"ERROR 02", OUTBOUND_AWAY, 1, OUTBOUND_SAYS_NOTHING, "02",
     "wrong key, suspended key, or an address that may not use it"},
    {"ERROR 03", OUTBOUND_AWAY, 1, OUTBOUND_SAYS_NOTHING, "03", "the account has no credit"},
    {"ERROR 04", OUTBOUND_REFUSED, 0, OUTBOUND_SAYS_UNREACHABLE, "04", "the number is none"},
    {"ERROR 05", OUTBOUND_FAILED, 0, OUTBOUND_SAYS_NOTHING, "05",
     "internal error, may be tried again"},
    {"ERROR", OUTBOUND_REFUSED, 0, OUTBOUND_SAYS_NOTHING, "ERROR",
     "on the black list, the same text to the same number within the hour, or a prefix that is "
     "not served"},
};

/* The row of a line, NULL = none. */
static const code_t *find_code(const char *line)
{
    size_t i;

    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (strcmp(codes[i].line, line) == 0) {
            return &codes[i];
        }
    }
    return NULL;
}

/* Reads "OK" or "OK 123[,456...]": *reference is the first number, NULL = none. 0 when it is
 * neither. */
static int read_ok(const char **reference, const char *line, apr_pool_t *pool)
{
    size_t len;

    *reference = NULL;
    if (strcmp(line, "OK") == 0) {
        return 1;
    }
    if (strncmp(line, "OK ", 3) != 0) {
        return 0;
    }
    line += 3;
    len = strspn(line, "0123456789");
    if (len == 0 || len > REFERENCE_MOST || line[strspn(line, "0123456789,")] != '\0') {
        return 0;
    }
    *reference = apr_pstrmemdup(pool, line, len);
    return 1;
}

/* The answer without white space around it; "" when it has a NUL in it. */
static const char *line_of(const outbound_answer_t *answer, apr_pool_t *pool)
{
    const char *start = answer->body;
    const char *end = start + answer->body_len;

    if (strlen(start) != answer->body_len) {
        return "";
    }
    while (apr_isspace(*start)) {
        start++;
    }
    while (end > start && apr_isspace(end[-1])) {
        end--;
    }
    return apr_pstrmemdup(pool, start, (apr_size_t)(end - start));
}

void outbound_smsbox_read(outbound_result_t *result, const outbound_answer_t *answer,
                          apr_pool_t *pool)
{
    const char *line = line_of(answer, pool);
    const code_t *row = find_code(line);
    int is_ok;

    outbound_http_fate(result, answer, pool);
    is_ok = read_ok(&result->reference, line, pool);
    if (row) {
        result->fate = row->fate;
        result->alarm = row->alarm;
        result->says = row->says;
        result->code = row->code;
        result->reason = apr_psprintf(pool, "Smsbox: %s: %s", row->line, row->means);
    }
    else if (is_ok && result->fate != OUTBOUND_SENT) {
        /* He says that he has taken it, and the status that it was not. */
        result->fate = OUTBOUND_UNCERTAIN;
        result->alarm = 0;
        result->reason = apr_psprintf(pool, "Smsbox: OK, but with HTTP %d", answer->status);
    }
    else if (!is_ok && result->fate == OUTBOUND_SENT) {
        result->fate = OUTBOUND_UNCERTAIN;
        result->reason = apr_psprintf(pool,
                                      "Smsbox: HTTP %d with neither OK nor ERROR, which is no "
                                      "answer that this version understands",
                                      answer->status);
    }
}

/* ---- the request ---- */

/* The form so far, and one more name and value. */
static const char *with(const char *form, const char *name, const char *value, apr_pool_t *pool)
{
    return apr_pstrcat(pool, form, *form ? "&" : "", name, "=", apr_pescape_urlencoded(pool, value),
                       NULL);
}

static const char *request_body(const crm360_provider_t *provider, const outbound_sms_t *sms,
                                apr_pool_t *pool)
{
    const char *mode = provider->mode ? provider->mode : sms->sender ? "Expert" : "Standard";
    const char *strategy = provider->strategy ? provider->strategy : "2";
    const char *own = with("", OUTBOUND_SMSBOX_ID, sms->id, pool);
    outbound_length_t length;
    const char *form;

    outbound_sms_length(&length, sms->text);
    form = with("", "dest", sms->number + (*sms->number == '+'), pool);
    form = with(form, "msg", sms->text, pool);
    form = with(form, "charset", "utf-8", pool);
    /* What was counted is what is sent: nothing is left to be detected. */
    form =
        with(form, "coding", strcmp(length.encoding, "GSM-7") == 0 ? "default" : "unicode", pool);
    form = with(form, "mode", mode, pool);
    if (sms->sender && strcmp(mode, "Expert") == 0) {
        form = with(form, "origine", sms->sender, pool);
    }
    form = with(form, "strategy", sms->is_marketing ? "4" : strategy, pool);
    form = with(form, "id", "1", pool);
    form = with(form, "callback", "1", pool);
    /* A form in a form: encoded twice. No uniq_period: two commands may say the same. */
    return with(form, "cvar", own, pool);
}

void outbound_smsbox_send(outbound_result_t *result, const outbound_t *outbound,
                          const crm360_provider_t *provider, const outbound_sms_t *sms,
                          apr_pool_t *pool)
{
    apr_table_t *headers = apr_table_make(pool, 2);
    outbound_request_t request = {.method = "POST", .headers = headers, .ca = provider->ca};
    outbound_answer_t answer;
    const char *why;
    apr_status_t rv;

    apr_table_setn(headers, "Content-Type", "application/x-www-form-urlencoded");
    apr_table_setn(headers, "Authorization", apr_pstrcat(pool, "App ", provider->secret, NULL));
    request.url = apr_pstrcat(pool, provider->url, "/1.1/api.php", NULL);
    request.body = request_body(provider, sms, pool);
    request.body_len = strlen(request.body);
    rv = outbound_http(&answer, &why, outbound, &request, pool);
    if (rv == APR_SUCCESS) {
        outbound_smsbox_read(result, &answer, pool);
    }
    else {
        outbound_http_failed(result, rv, why);
    }
}
