/*
 * A mail, and who carries it. What could leave its place in a header field or an SMTP command
 * (addresses, ids, names of files and types) is looked at here once more, whoever has made the
 * mail; texts need no look, as they are encoded.
 */
#include "outbound/mail.h"

#include <string.h>
#include <strings.h>

#include "core/mail_address.h"
#include "core/message.h"
#include "outbound/mail_mime.h"
#include "outbound/mailjet.h"
#include "outbound/outbound_private.h"
#include "outbound/smtp.h"

#define PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define NAME_MOST 100
/* What Mailjet takes, and mail servers often do not: 15 MB, whole. */
#define ATTACHMENT_MOST (15 * 1024 * 1024)

/* 1 to `most` characters that are letters, digits or in `also`, the first one a letter or digit. */
static int is_made_of(const char *text, const char *also, apr_size_t most)
{
    apr_size_t len = text ? strlen(text) : 0;
    apr_size_t i;

    if (len < 1 || len > most || !strchr(PLAIN, text[0])) {
        return 0;
    }
    for (i = 0; i < len; i++) {
        if (!strchr(PLAIN, text[i]) && !strchr(also, text[i])) {
            return 0;
        }
    }
    return 1;
}

static const char *attachment_fault(const outbound_mail_t *mail)
{
    const char *slash = mail->attachment_type ? strchr(mail->attachment_type, '/') : NULL;

    if (mail->attachment_len > ATTACHMENT_MOST) {
        return "the attachment is larger than 15 MB";
    }
    if (!is_made_of(mail->attachment_name, "._-", NAME_MOST)) {
        return "the attachment's name is not made of letters, digits, dots, _ and -";
    }
    if (!slash || strchr(slash + 1, '/') || slash[1] == '\0' ||
        !is_made_of(mail->attachment_type, "/.+-", NAME_MOST)) {
        return "the attachment's type is no media type";
    }
    /* RFC 2045 6.4: these may not stand in base64. */
    if (strncasecmp(mail->attachment_type, "message/", 8) == 0 ||
        strncasecmp(mail->attachment_type, "multipart/", 10) == 0) {
        return "the attachment is of a composite type";
    }
    return NULL;
}

const char *outbound_mail_fault(const outbound_mail_t *mail)
{
    int i;

    if (!is_made_of(mail->id, "._-", CRM360_ID_MOST) || strstr(mail->id, "..") ||
        mail->id[strlen(mail->id) - 1] == '.') {
        return "the id is none of a message";
    }
    if (!mail->from || crm360_mail_address_fault(mail->from)) {
        return "the sender is no mail address";
    }
    if (mail->reply_to && crm360_mail_address_fault(mail->reply_to)) {
        return "the address for replies is no mail address";
    }
    if (!mail->to || mail->to->nelts < 1 || mail->to->nelts > OUTBOUND_RECIPIENTS_MOST) {
        return "there is no recipient, or more than 50";
    }
    for (i = 0; i < mail->to->nelts; i++) {
        if (crm360_mail_address_fault(APR_ARRAY_IDX(mail->to, i, const char *))) {
            return "a recipient is no mail address";
        }
    }
    return mail->attachment ? attachment_fault(mail) : NULL;
}

void outbound_mail_send(outbound_result_t *result, outbound_t *outbound,
                        const crm360_provider_t *provider, const outbound_mail_t *mail,
                        apr_pool_t *pool)
{
    const char *bytes;
    apr_size_t len;

    memset(result, 0, sizeof(*result));
    result->reason = outbound_mail_fault(mail);
    if (result->reason) {
        result->fate = OUTBOUND_REFUSED;
        return;
    }
    if (provider && strcmp(provider->kind, "mailjet") == 0) {
        outbound_mailjet_send(result, outbound, provider, mail, pool);
        return;
    }
    if (outbound_mail_mime(&bytes, &len, mail, pool) != APR_SUCCESS) {
        result->fate = OUTBOUND_FAILED;
        result->reason = "libcurl could not make MIME of the mail";
        return;
    }
    if (provider) {
        outbound_smtp_send(result, outbound, provider, mail, bytes, len, pool);
    }
    else {
        outbound_outbox_put(result, outbound, mail->id, ".eml", bytes, len, pool);
    }
}
