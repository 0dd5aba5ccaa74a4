/*
 * Mailjet's Send API v3.1: one message a call, texts as they are (no TemplateLanguage), known to
 * its events by CustomID. What Mailjet writes in ErrorMessage names people and is not repeated: the
 * sentences are those of the table below.
 */
#include "outbound/mailjet.h"

#include <apr_base64.h>
#include <apr_strings.h>

#include <string.h>

#include "core/charset.h"
#include "core/json.h"
#include "outbound/http.h"
#include "outbound/mail_header.h"
#include "outbound/mail_mime.h"

/* "Send API errors" of the page above. A code that is not here goes by its StatusCode. */
static const struct {
    const char *code;
    outbound_fate_t fate;
    const char *says;
} errors[] = {
    {"mj-0001", OUTBOUND_AWAY, "the API key is suspended"},
    {"mj-0015", OUTBOUND_AWAY, "the two keys are not accepted"},
    {"mj-0002", OUTBOUND_REFUSED, "it cannot read the request"},
    {"mj-0003", OUTBOUND_REFUSED, "a property is missing"},
    {"mj-0004", OUTBOUND_REFUSED, "a property is of the wrong type"},
    {"mj-0005", OUTBOUND_REFUSED, "a property has a value that is not allowed"},
    {"mj-0006", OUTBOUND_REFUSED, "a property is too long (the subject: 255 characters)"},
    {"mj-0007", OUTBOUND_REFUSED, "a list is empty"},
    {"mj-0008", OUTBOUND_REFUSED, "a list is too long"},
    {"mj-0011", OUTBOUND_REFUSED, "the mail is too large"},
    {"mj-0012", OUTBOUND_REFUSED, "a property is empty"},
    {"mj-0013", OUTBOUND_REFUSED, "an address is not valid"},
    {"send-0003", OUTBOUND_REFUSED, "there is neither text nor HTML"},
    /* One sender's fault: mails of other senders go on. */
    {"send-0008", OUTBOUND_REFUSED, "the sender's address is not validated in the account"},
    {"send-0015", OUTBOUND_REFUSED, "there are too many recipients"},
};

/* ---- the request ---- */

/* Adds a text, valid UTF-8, unless there is none: Mailjet refuses empty ones (mj-0012). */
static void add(json_object *object, const char *name, const char *text, apr_pool_t *pool)
{
    apr_size_t len;
    const char *clean = text ? crm360_utf8_clean(&len, text, strlen(text), pool) : "";

    if (clean[strspn(clean, " \t\r\n")] != '\0') {
        json_object_object_add(object, name, json_object_new_string_len(clean, (int)len));
    }
}

static json_object *mailbox(const char *address, const char *name, apr_pool_t *pool)
{
    json_object *object = json_object_new_object();

    add(object, "Email", address, pool);
    if (name) {
        add(object, "Name", outbound_header_line(name, pool), pool);
    }
    return object;
}

static json_object *attachments(const outbound_mail_t *mail, apr_pool_t *pool)
{
    json_object *list = json_object_new_array();
    json_object *file = json_object_new_object();
    char *base64 =
        apr_palloc(pool, (apr_size_t)apr_base64_encode_len((int)mail->attachment_len) + 1);

    apr_base64_encode_binary(base64, (const unsigned char *)mail->attachment,
                             (int)mail->attachment_len);
    add(file, "ContentType", mail->attachment_type, pool);
    add(file, "Filename", mail->attachment_name, pool);
    add(file, "Base64Content", base64, pool);
    json_object_array_add(list, file);
    return list;
}

/* The body of the request, in `pool`. */
static const char *request_body(const outbound_mail_t *mail, apr_pool_t *pool)
{
    json_object *whole = json_object_new_object();
    json_object *messages = json_object_new_array();
    json_object *message = json_object_new_object();
    json_object *to = json_object_new_array();
    const char *body;
    int i;

    json_object_object_add(whole, "Messages", messages);
    json_object_array_add(messages, message);
    json_object_object_add(message, "From", mailbox(mail->from, mail->from_name, pool));
    for (i = 0; i < mail->to->nelts; i++) {
        json_object_array_add(to, mailbox(APR_ARRAY_IDX(mail->to, i, const char *), NULL, pool));
    }
    json_object_object_add(message, "To", to);
    if (mail->reply_to) {
        json_object_object_add(message, "ReplyTo", mailbox(mail->reply_to, NULL, pool));
    }
    add(message, "Subject", outbound_header_line(mail->subject ? mail->subject : "", pool), pool);
    add(message, "TextPart", outbound_mail_text(mail, pool), pool);
    add(message, "HTMLPart", mail->html, pool);
    if (mail->attachment) {
        json_object_object_add(message, "Attachments", attachments(mail, pool));
    }
    add(message, "CustomID", mail->id, pool);
    body = apr_pstrdup(pool, json_object_to_json_string_ext(whole, JSON_C_TO_STRING_PLAIN));
    json_object_put(whole);
    return body;
}

/* ---- the answer ---- */

static json_object *member(json_object *object, const char *name)
{
    json_object *value = NULL;

    json_object_object_get_ex(object, name, &value); /* anything but an object has none */
    return value;
}

static json_object *first(json_object *array)
{
    return json_object_is_type(array, json_type_array) ? json_object_array_get_idx(array, 0) : NULL;
}

/* A text of the answer that may be repeated: made of letters, digits and hyphens. NULL when it is
 * not. */
static const char *plain(json_object *value, apr_pool_t *pool)
{
    const char *text =
        json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
    apr_size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789-");

    return len > 0 && len <= 64 && text[len] == '\0' ? apr_pstrdup(pool, text) : NULL;
}

/* The fate by one error, an object with ErrorCode and StatusCode. */
static void by_error(outbound_result_t *result, json_object *error, const outbound_answer_t *answer,
                     apr_pool_t *pool)
{
    const char *code = plain(member(error, "ErrorCode"), pool);
    outbound_answer_t as_said = *answer;
    json_object *status = member(error, "StatusCode");
    size_t i;

    if (json_object_is_type(status, json_type_int) && json_object_get_int(status) >= 400 &&
        json_object_get_int(status) < 600) {
        as_said.status = json_object_get_int(status);
    }
    outbound_http_fate(result, &as_said, pool);
    if (result->fate == OUTBOUND_SENT) { /* an error in an answer that says 2xx */
        result->fate = OUTBOUND_UNCERTAIN;
    }
    if (code) {
        result->code = code;
    }
    result->reason = apr_psprintf(pool, "Mailjet answers %s", result->code);
    for (i = 0; code && i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (strcmp(code, errors[i].code) == 0) {
            result->fate = errors[i].fate;
            result->alarm = result->fate == OUTBOUND_AWAY;
            result->reason = apr_psprintf(pool, "Mailjet answers %s: %s", code, errors[i].says);
        }
    }
}

/* Several errors of one message: the gravest is the one that counts for all mails. */
static void by_errors(outbound_result_t *result, json_object *list, const outbound_answer_t *answer,
                      apr_pool_t *pool)
{
    outbound_result_t other;
    size_t i;

    by_error(result, first(list), answer, pool);
    for (i = 1; json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
         i++) {
        by_error(&other, json_object_array_get_idx(list, i), answer, pool);
        if (other.fate == OUTBOUND_AWAY && result->fate != OUTBOUND_AWAY) {
            *result = other;
        }
    }
}

static void by_answer(outbound_result_t *result, const outbound_answer_t *answer, apr_pool_t *pool)
{
    json_object *body = NULL, *message;
    const char *why, *status;

    outbound_http_fate(result, answer, pool);
    if (crm360_json_parse(&body, &why, answer->body, answer->body_len, pool) != APR_SUCCESS) {
        body = NULL;
    }
    message = first(member(body, "Messages"));
    status = plain(member(message, "Status"), pool);
    if (status && strcmp(status, "success") == 0) {
        result->reference = plain(member(first(member(message, "To")), "MessageUUID"), pool);
        if (result->fate != OUTBOUND_SENT) {
            /* It says that it has taken it, and the status that it was not. */
            result->fate = OUTBOUND_UNCERTAIN;
            result->alarm = 0;
            result->reason =
                apr_psprintf(pool, "Mailjet answers \"success\", but with %s", result->code);
        }
    }
    else if (status && strcmp(status, "error") == 0) {
        by_errors(result, member(message, "Errors"), answer, pool);
    }
    else if (member(body, "ErrorCode")) {
        by_error(result, body, answer, pool);
    }
    else if (result->fate == OUTBOUND_SENT) {
        result->fate = OUTBOUND_UNCERTAIN;
        result->reason =
            apr_psprintf(pool, "Mailjet answers %s without saying what became of it", result->code);
    }
}

void outbound_mailjet_send(outbound_result_t *result, outbound_t *outbound,
                           const crm360_provider_t *provider, const outbound_mail_t *mail,
                           apr_pool_t *pool)
{
    apr_table_t *headers = apr_table_make(pool, 1);
    outbound_request_t request = {.method = "POST",
                                  .url = apr_pstrcat(pool, provider->url, "/v3.1/send", NULL),
                                  .headers = headers,
                                  .user = provider->user,
                                  .secret = provider->secret,
                                  .ca = provider->ca,
                                  .body = request_body(mail, pool)};
    outbound_answer_t answer;
    const char *why;
    apr_status_t rv;

    request.body_len = strlen(request.body);
    apr_table_setn(headers, "Content-Type", "application/json");
    rv = outbound_http(&answer, &why, outbound, &request, pool);
    if (rv != APR_SUCCESS) {
        outbound_http_failed(result, rv, why);
        return;
    }
    by_answer(result, &answer, pool);
}
