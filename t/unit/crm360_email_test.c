/*
 * Crm360/Email/Send up to the mailer and after it: what mail a body makes, in whose name it may go,
 * what is refused and why, and what is noted. The mailer itself is the test's.
 */
#include "handlers/crm360_email.h"

#include "outbound/mail.h"
#include "t/unit/handler_tools.h"

#define SOME "EmailTo:\"a@b.fr\",SenderEmail:\"c@d.fr\","
#define MAIL "{" SOME "Subject:\"s\",TextMessage:\"t\","

static handler_send_t *prepared;
static const outbound_mail_t *mail; /* what the mailer was given */

/* In the place of the real one. */
void outbound_mail_send(outbound_result_t *result, outbound_t *outbound,
                        const crm360_provider_t *provider, const outbound_mail_t *given,
                        apr_pool_t *own)
{
    (void)outbound;
    (void)provider;
    (void)own;
    mail = given;
    result->fate = OUTBOUND_SENT;
    result->reference = "ref-1";
}

/* Prepares a mail and gives it to the mailer. NULL, or why it is rejected. */
static const char *prepare(const char *body)
{
    sent_t sent = {.route = "Crm360/Email/Send", .body = body};
    crm360_message_t *message = message_of(&sent);
    handler_context_t context = {.db = db, .database = section};
    outbound_result_t outcome = {.fate = OUTBOUND_UNCERTAIN};
    handler_result_t result;
    apr_status_t rv;

    mail = NULL;
    if (crm_db_begin(db) != APR_SUCCESS) {
        return crm_db_error(db);
    }
    rv = handler_prepare(&result, &prepared, &handler_crm360_email, message, &context, pool);
    if (crm_db_commit(db) != APR_SUCCESS || rv != APR_SUCCESS) {
        return crm_db_error(db);
    }
    if (result.verdict != HANDLER_DONE) {
        free((void *)message->body);
        return result.verdict == HANDLER_REJECT ? result.reason : "no reject";
    }
    prepared->call(&outcome, prepared, NULL, pool);
    free((void *)message->body);
    return NULL;
}

/* Finishes what was prepared last, as the message `id`. */
static apr_status_t finish(const char *id)
{
    sent_t sent = {.route = "Crm360/Email/Send", .body = "", .id = id};
    crm360_message_t *message = message_of(&sent);
    handler_context_t context = {.db = db, .database = section};
    outbound_result_t outcome = {.fate = OUTBOUND_SENT, .reference = "ref-1"};
    handler_result_t result = {HANDLER_DONE, NULL, 0};
    apr_status_t rv = crm_db_begin(db);

    if (rv == APR_SUCCESS) {
        rv = handler_crm360_email.finish(&result, prepared, &outcome, message, &context, pool);
    }
    free((void *)message->body);
    return rv == APR_SUCCESS ? crm_db_commit(db) : rv;
}

static const char *recipients(void)
{
    const char *text = "";
    int i;

    for (i = 0; mail && i < mail->to->nelts; i++) {
        text =
            apr_pstrcat(pool, text, i ? " " : "", APR_ARRAY_IDX(mail->to, i, const char *), NULL);
    }
    return text;
}

static void samples(void)
{
    is_text(prepare(fixture("crm360/email-send.json")), NULL, "the sample in strict JSON");
    is_text(recipients(), "lea.marchand@example.fr", "EmailTo");
    is_text(mail->from, "contact@example.com", "SenderEmail");
    is_text(mail->from_name, "CRM360", "SenderAlias");
    is_text(mail->reply_to, "support@example.com", "ReplyTo");
    is_text(mail->subject,
            "Bonjour L\xC3\xA9"
            "a",
            "Subject");
    is_text(mail->html,
            "<p>Bonjour L\xC3\xA9"
            "a Marchand</p>",
            "HtmlMessage");
    is_text(mail->text,
            "Bonjour L\xC3\xA9"
            "a Marchand",
            "TextMessage");
    ok(mail->id && strstr(mail->id, "-Crm360-Email-Send") != NULL, "the message's id");
    ok(mail->attachment == NULL, "nothing attached");
    is_text(prepared->record.kind, "mail", "kind");
    is_text(prepared->record.provider, "outbox", "provider");
    is_text(prepared->record.recipient, "lea.marchand@example.fr", "recipient");
    is_text(prepared->record.detail, "{\"recipients\":1}", "detail");
    is_text(prepare(fixture("crm360/email-send-lenient.txt")), NULL, "the sample as it stands");
    is_text(mail->html,
            "Bonjour L\xC3\xA9"
            "a",
            "its HtmlMessage");
    is_text(mail->reply_to, "support@example.com", "a domain in small letters");
}

static void addresses(void)
{
    static const struct {
        const char *members;
        const char *reason;
    } list[] = {
        {"EmailTo:\"a@b..fr\"",
         "EmailTo must be a mail address such as name@example.org, or several "
         "parted by , or ;"},
        {"EmailTo:\"a@\xE2\x80\xA6.fr\"",
         "EmailTo is no list of mail addresses: the domain is no domain name"},
        {"EmailTo:\"a@b.fr>\\r\\nRCPT TO:<x@y.fr\"",
         "EmailTo must be a mail address such as name@example.org, or several parted by , or ;"},
        {"SenderEmail:\"x@b.fr\\nBcc: y@b.fr\"",
         "SenderEmail must be a mail address such as name@example.org"},
        {"SenderEmail:\"x@\xE2\x80\xA6.fr\"",
         "SenderEmail is no mail address: the domain is no domain name"},
        {"ReplyTo:\"x@\xE2\x80\xA6.fr\"",
         "ReplyTo is no mail address: the domain is no domain name"},
        {"ReplyTo:\"x@b.fr,y@b.fr\"", "ReplyTo must be a mail address such as name@example.org"},
        {"ReplyTo:\" \"", NULL},
    };
    const char *many = "a0@b.fr";
    size_t i;

    for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        is_text(prepare(apr_pstrcat(pool, MAIL, list[i].members, "}", NULL)), list[i].reason,
                list[i].members);
    }
    is_text(prepare(MAIL "EmailTo:\" L.M@Caf\xC3\xA9.fr;c@d.fr,, c@D.fr\",SenderEmail:\"X@D.fr\"}"),
            NULL, "several, in other letters, one twice");
    is_text(recipients(), "L.M@xn--caf-dma.fr c@d.fr", "as they go on the wire");
    is_text(prepared->record.recipient, "l.m@xn--caf-dma.fr",
            "the first is noted, in small letters");
    is_text(prepared->record.detail, "{\"recipients\":2}", "and how many");
    is_text(mail->from, "X@d.fr", "the sender as it is written");
    for (i = 1; i <= OUTBOUND_RECIPIENTS_MOST; i++) {
        many = apr_psprintf(pool, "%s,a%d@b.fr", many, (int)i);
    }
    is_text(prepare(apr_pstrcat(pool, MAIL, "EmailTo:\"", many, "\"}", NULL)),
            "EmailTo is no list of mail addresses: there are more than 50 addresses", "too many");
}

static void senders(void)
{
    static const crm360_provider_t provider = {.kind = "smtp"};
    apr_array_header_t *patterns = apr_array_make(pool, 2, sizeof(const char *));
    static const char none[] = "{EmailTo:\"a@b.fr\",Subject:\"s\",TextMessage:\"t\"}";

    APR_ARRAY_PUSH(patterns, const char *) = "*@shop.fr";
    APR_ARRAY_PUSH(patterns, const char *) = "boss@d.fr";
    is_text(prepare(none),
            "SenderEmail is missing or empty; it must be a mail address such as "
            "name@example.org",
            "no sender, and none of the section's");
    section->email_from = "Own@Shop.example";
    is_text(prepare(none), NULL, "the section's own");
    is_text(mail->from, "Own@shop.example", "stands for it");
    section->providers[CRM360_SENDS_MAIL] = &provider;
    is_text(prepare(MAIL "}"),
            "SenderEmail may not be used: Crm360EmailSender of this database is not set",
            "a real mailer, and no senders named");
    is_text(prepare(none), NULL, "the section's own needs no such leave");
    is_text(prepared->record.provider, "smtp", "the provider is noted");
    section->email_sender = patterns;
    is_text(prepare(MAIL "}"), "SenderEmail is none of those that Crm360EmailSender allows",
            "a sender that is not allowed");
    is_text(prepare(MAIL "SenderEmail:\"x@shop.fr.evil.fr\"}"),
            "SenderEmail is none of those that Crm360EmailSender allows", "nor one that looks so");
    is_text(prepare(MAIL "SenderEmail:\"X@Shop.FR\",ReplyTo:\"any@where.fr\"}"), NULL,
            "one that is, with any ReplyTo");
    is_text(prepare(MAIL "SenderEmail:\"boss@d.fr\"}"), NULL, "and another");
    section->providers[CRM360_SENDS_MAIL] = NULL;
    is_text(prepare(MAIL "}"), "SenderEmail is none of those that Crm360EmailSender allows",
            "patterns hold for the outbox too");
    section->email_sender = NULL;
    section->email_from = "nobody";
    is_text(prepare(none), "Crm360EmailFrom is no mail address: it has no @",
            "a section's own that is none");
    section->email_from = NULL;
}

static void texts(void)
{
    char *longest = apr_palloc(pool, 2 * 255 + 1);
    int i;

    is_text(
        prepare("{" SOME
                "Subject:\"{{var:s}} {{var:u}}\\r\\nX: y\",HtmlMessage:\"<a title='{{var:s}}'>"
                "{{var:n}}{{var:v.w}}</a>\",TextMessage:\"{{var:s}}\\r\\n\",SenderAlias:"
                "\"A\\r\\nB: {{var:s}}\",VariablePersoJson:{s:\"<i>'\\r\\nBcc: x@y.fr\",n:1.50}}"),
        NULL, "values in all texts");
    is_text(mail->subject, "<i>'  Bcc: x@y.fr  X: y", "a subject is one line");
    is_text(mail->html, "<a title='&lt;i&gt;&#39;\r\nBcc: x@y.fr'>1.50</a>", "HTML stays HTML");
    is_text(mail->text, "<i>'\r\nBcc: x@y.fr\r\n", "a text is as it is");
    is_text(mail->from_name, "A B: {{var:s}}", "an alias has no variables");
    is_text(prepared->record.detail, "{\"recipients\":1,\"unknown\":[\"u\",\"v.w\"]}",
            "unknown ones are told");
    is_text(
        prepare("{" SOME
                "Subject:\"{{var:s}}\",HtmlMessage:\"{{var:b\xC3\xA9 <x>}}\",TextMessage:\"t\"}"),
        NULL, "a subject that comes to nothing");
    is_text(mail->subject, "", "is empty");
    ok(mail->html == NULL, "HTML that comes to nothing is none");
    is_text(prepared->record.detail, "{\"recipients\":1,\"unknown\":[\"s\",\"b????x?\"]}",
            "names are made fit for logs");
    is_text(
        prepare("{" SOME "Subject:\"s\",HtmlMessage:\" {{var:x}}\",TextMessage:\"{{var:y}}\\n\"}"),
        "HtmlMessage or TextMessage is empty with the values of its variables; one of them "
        "must say something",
        "no text at all");
    is_text(prepare("{" SOME "Subject:\"s\",HtmlMessage:\"<p>\"}"), NULL, "HTML alone");
    ok(mail->text == NULL, "the mailer makes the text");
    is_text(prepare(MAIL "VariablePersoJson:\"{\\\"s\\\":1}\",Subject:\"{{var:s}}\"}"), NULL,
            "variables as JSON text");
    is_text(mail->subject, "1", "are read");
    for (i = 0; i < 255; i++) {
        memcpy(longest + 2 * i, "\xC3\xA9", 2);
    }
    longest[2 * 255] = '\0';
    is_text(prepare(apr_pstrcat(pool, MAIL "SenderAlias:\"", longest,
                                "\",Subject:\"{{var:s}}\","
                                "VariablePersoJson:{s:\"",
                                longest, "\"}}", NULL)),
            NULL, "lines of 255 characters");
    is_text(prepare(apr_pstrcat(pool, MAIL "Subject:\"{{var:s}}.\",VariablePersoJson:{s:\"",
                                longest, "\"}}", NULL)),
            "Subject must have at most 255 characters with the values of its variables",
            "a longer subject");
    is_text(prepare(apr_pstrcat(pool, MAIL "SenderAlias:\"", longest, ".\"}", NULL)),
            "SenderAlias must have at most 255 characters", "a longer alias");
}

static void long_texts(void)
{
    char *body = apr_palloc(pool, 3000000), *to;
    int i;

    to = body + sprintf(body, "%sVariablePersoJson:{a:\"", MAIL);
    memset(to, 'x', 1000000);
    to += 1000000;
    to += sprintf(to, "\"},HtmlMessage:\"");
    for (i = 0; i < 100000; i++) {
        memcpy(to, "{{var:a}}", 9);
        to += 9;
    }
    strcpy(to, "\"}");
    is_text(prepare(body),
            "HtmlMessage is too long with the values of its variables: expected at "
            "most 4 MB",
            "what few bytes make of a long value is bounded");
}

static void events(void)
{
    empty();
    tools_execute(section,
                  "INSERT INTO Contacts (ContactId, LastName, DeletionFlag) VALUES (7, 'x', 0);"
                  "INSERT INTO Addresses (ContactId, Email, DeletionFlag) VALUES (7, 'a@b.fr', 0)");
    is_text(prepare(MAIL "EmailTo:\"A@B.fr\"}"), NULL, "to somebody known");
    is_number(prepared->record.contact_id, 7, "the contact is noted");
    is_number(finish("01-Crm360-Email-Send"), APR_SUCCESS, "finished");
    is_number(finish("01-Crm360-Email-Send"), APR_SUCCESS, "finished again");
    is_text(prepare(MAIL "EmailTo:\"n@b.fr;a@b.fr\"}"), NULL, "to two, the first unknown");
    is_number(prepared->record.contact_id, 0, "nobody is noted");
    is_number(finish("02-Crm360-Email-Send"), APR_SUCCESS, "finished");
    is_text(ask("SELECT EventIdentifier, Kind, EventChannelId, EventCategoryId, ContactId, Address,"
                " Reference, SourceId, MessageId FROM WebhookEvents ORDER BY EventIdentifier"),
            "01-Crm360-Email-Send|email.sent|2|1|7|a@b.fr|ref-1|12|01-Crm360-Email-Send\n"
            "02-Crm360-Email-Send:a@b.fr|email.sent|2|1|7|a@b.fr|ref-1|12|02-Crm360-Email-Send\n"
            "02-Crm360-Email-Send:n@b.fr|email.sent|2|1|NULL|n@b.fr|ref-1|12|02-Crm360-Email-Send",
            "one event a recipient");
}

int main(void)
{
    start();
    samples();
    addresses();
    senders();
    texts();
    long_texts();
    events();
    crm_db_close(db);
    return tap_done();
}
