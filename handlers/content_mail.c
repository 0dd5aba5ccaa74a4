/*
 * Mail copies: the content of a webhook of any route, mailed to whom its URL names (the parameter
 * Email, and EmailProcess). Whoever may call a webhook could have anything mailed to anybody, so
 * nothing goes to a recipient whom the database's section does not allow on the day it is sent.
 * Must never do what the webhook itself does, and leaves no event: it is nobody's marketing.
 */
#include "handlers/content_mail.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "core/mail_copy.h"
#include "handlers/content_text.h"
#include "outbound/mail.h"

/* Most bytes of the request that are attached. */
#define ATTACHED_MOST ((apr_size_t)10 << 20)
/* While mail goes into the outbox nobody has to say who sends it: an address that is none
 * (RFC 6761 6.4). */
#define FROM_OUTBOX "crm360@outbox.invalid"

/* It is of no platform: handler_find() knows it by the id of its messages. */
static int serves(const crm360_route_t *route)
{
    (void)route;
    return 0;
}

static void reject(handler_result_t *result, const char *reason)
{
    result->verdict = HANDLER_REJECT;
    result->reason = reason;
}

/* As addresses are compared, and found in WebhookSends. */
static const char *lower_case(const char *address, apr_pool_t *pool)
{
    char *lower = apr_pstrdup(pool, address), *c;

    for (c = lower; *c; c++) {
        *c = (char)apr_tolower(*c);
    }
    return lower;
}

static void call(outbound_result_t *result, const handler_send_t *send, outbound_t *outbound,
                 apr_pool_t *pool)
{
    outbound_mail_send(result, outbound, send->provider, send->job, pool);
}

/* The request itself. Returns whether something is missing at its end. */
static int attach(outbound_mail_t *mail, const crm360_message_t *message, const char *id,
                  apr_pool_t *pool)
{
    const char *head;
    apr_size_t head_len, body_len = message->body_len;
    char *bytes;

    crm360_message_request(&head, &head_len, message, pool);
    if (head_len + body_len > ATTACHED_MOST) {
        body_len = head_len < ATTACHED_MOST ? ATTACHED_MOST - head_len : 0;
    }
    bytes = apr_palloc(pool, head_len + body_len + 1);
    memcpy(bytes, head, head_len);
    memcpy(bytes + head_len, message->body, body_len);
    mail->attachment = bytes;
    mail->attachment_len = head_len + body_len;
    mail->attachment_name = apr_pstrcat(pool, id, ".http.txt", NULL);
    mail->attachment_type = "application/octet-stream";
    return body_len < message->body_len;
}

static outbound_mail_t *make_mail(const crm360_message_t *message, const char *to, const char *from,
                                  apr_pool_t *pool)
{
    outbound_mail_t *mail = apr_pcalloc(pool, sizeof(*mail));
    const char *id = crm360_mail_source(message->id, pool);
    apr_array_header_t *recipients = apr_array_make(pool, 1, sizeof(const char *));
    int cut;

    APR_ARRAY_PUSH(recipients, const char *) = to;
    mail->id = message->id;
    mail->from = from;
    mail->from_name = "CRM360";
    mail->to = recipients;
    mail->subject = apr_psprintf(pool, "[%s/%s] %s %s", message->customer, message->database,
                                 message->route->name, id);
    cut = attach(mail, message, id, pool);
    mail->text = content_text(message, cut ? ATTACHED_MOST : 0, pool);
    return mail;
}

static apr_status_t prepare(handler_result_t *result, handler_send_t **send,
                            const crm360_message_t *message, const handler_context_t *context,
                            apr_pool_t *pool)
{
    const crm360_database_t *section = context->database;
    const char *from = FROM_OUTBOX;
    const char *to, *why;

    if (!message->email) {
        reject(result, "a mail copy without a recipient (Crm360-Email)");
        return APR_SUCCESS;
    }
    if (!crm360_address_fits(section->email_allow, message->email)) {
        reject(result, "Crm360EmailAllow of this database does not allow its recipient");
        return APR_SUCCESS;
    }
    why = outbound_address_read(&to, message->email, pool);
    if (why) {
        reject(result, apr_pstrcat(pool, "its recipient (Email): ", why, NULL));
        return APR_SUCCESS;
    }
    if (section->email_from || section->providers[CRM360_SENDS_MAIL]) {
        why = section->email_from ? outbound_address_read(&from, section->email_from, pool)
                                  : "it is not set";
    }
    if (why) {
        reject(result, apr_pstrcat(pool, "Crm360EmailFrom of this database: ", why, NULL));
        return APR_SUCCESS;
    }
    *send = apr_pcalloc(pool, sizeof(**send));
    (*send)->record.recipient = lower_case(to, pool);
    (*send)->call = call;
    (*send)->job = make_mail(message, to, from, pool);
    return APR_SUCCESS;
}

const handler_t handler_content_mail = {
    .platform = "", .serves = serves, .sends = CRM360_SENDS_MAIL, .prepare = prepare};
