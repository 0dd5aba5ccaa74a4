/*
 * Crm360/Email/Send: a mail, whose texts may name variables, to one or several addresses. Must
 * never send in the name of somebody whom the database's section does not allow, nor log what is in
 * a mail: of a template only the names of its variables.
 */
#include "handlers/crm360_email.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>
#include <strings.h>

#include "core/log.h"
#include "crm/event.h"
#include "crm/match.h"
#include "handlers/command.h"
#include "handlers/place.h"
#include "handlers/report.h"
#include "outbound/mail.h"
#include "outbound/template.h"

#define TO "EmailTo"
#define SENDER "SenderEmail"
#define ALIAS "SenderAlias"
#define REPLY_TO "ReplyTo"
#define SUBJECT "Subject"
#define HTML "HtmlMessage"
#define TEXT "TextMessage"
#define VARIABLES "VariablePersoJson"

/* Characters of a subject (Mailjet takes no more) and of a display name. */
#define LINE_MOST 255
/* Names of unknown variables that are told, and bytes of each. */
#define NAMES_MOST 20
#define NAME_MOST 60

typedef struct job_t {
    outbound_mail_t mail;
    json_object *variables;
    apr_array_header_t *unknown; /* names of variables, as the templates spell them */
} job_t;

/* ---- who ---- */

/* Whether it may be sent in this name. NULL, or why not. The section's own sender always may. */
static const char *sender_fault(const char *address, const crm360_database_t *database)
{
    if (database->email_sender) {
        return crm360_address_fits(database->email_sender, address) ? NULL
                                                                    : SENDER
                   " is none of those that Crm360EmailSender allows";
    }
    return database->providers[CRM360_SENDS_MAIL] ? SENDER
               " may not be used: Crm360EmailSender of this database is not set"
                                                  : NULL;
}

static const char *read_address(const char **address, const char *text, const char *field,
                                apr_pool_t *pool)
{
    const char *fault = outbound_address_read(address, text, pool);

    return fault ? apr_pstrcat(pool, field, " is no mail address: ", fault, NULL) : NULL;
}

/* NULL, or what is wrong. */
static const char *read_sender(job_t *job, const handler_command_t *command,
                               const crm360_database_t *database)
{
    const char *text = handler_command_text(command, SENDER), *fault;

    if (!text) {
        return read_address(&job->mail.from, database->email_from, "Crm360EmailFrom",
                            command->pool);
    }
    fault = read_address(&job->mail.from, text, SENDER, command->pool);
    return fault ? fault : sender_fault(job->mail.from, database);
}

static const char *read_others(job_t *job, const handler_command_t *command)
{
    const char *reply_to = handler_command_text(command, REPLY_TO);
    apr_array_header_t *to;
    const char *fault =
        outbound_address_list(&to, handler_command_text(command, TO), command->pool);

    if (fault) {
        return apr_pstrcat(command->pool, TO " is no list of mail addresses: ", fault, NULL);
    }
    job->mail.to = to;
    return reply_to ? read_address(&job->mail.reply_to, reply_to, REPLY_TO, command->pool) : NULL;
}

/* ---- what ---- */

static int is_long(const char *text)
{
    int characters = 0;

    for (; text && *text; text++) {
        characters += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return characters > LINE_MOST;
}

/* Fills *text with a field and its values; NULL when it says nothing. NULL, or what is wrong. */
static const char *render(const char **text, job_t *job, const handler_command_t *command,
                          const char *field, outbound_template_t form)
{
    const char *template = form == OUTBOUND_TEMPLATE_LINE ? handler_command_text(command, field)
                                                          : handler_command_block(command, field);

    *text = NULL;
    if (!template) {
        return NULL;
    }
    *text = outbound_template_render(template, form, job->variables, job->unknown, command->pool);
    return *text ? NULL
                 : apr_pstrcat(command->pool, field,
                               " is too long with the values of its variables: "
                               "expected at most 4 MB",
                               NULL);
}

/* Whether there is something to be read. */
static int says(const char *text)
{
    return text && text[strspn(text, " \t\r\n")];
}

static const char *read_texts(job_t *job, const handler_command_t *command)
{
    outbound_mail_t *mail = &job->mail;
    const char *fault = render(&mail->subject, job, command, SUBJECT, OUTBOUND_TEMPLATE_LINE);

    if (!fault) {
        fault = render(&mail->html, job, command, HTML, OUTBOUND_TEMPLATE_HTML);
    }
    if (!fault) {
        fault = render(&mail->text, job, command, TEXT, OUTBOUND_TEMPLATE_TEXT);
    }
    if (fault) {
        return fault;
    }
    mail->from_name = handler_command_text(command, ALIAS);
    if (is_long(mail->subject) || is_long(mail->from_name)) {
        return is_long(mail->subject) ? SUBJECT
                   " must have at most 255 characters with the values of its variables"
                                      : ALIAS " must have at most 255 characters";
    }
    mail->html = says(mail->html) ? mail->html : NULL;
    mail->text = says(mail->text) ? mail->text : NULL;
    return mail->html || mail->text ? NULL
                                    : HTML
               " or " TEXT " is empty with the values of its variables; one of them must "
               "say something";
}

/* ---- what is told of it ---- */

/* A variable's name, fit for logs. */
static const char *shown(const char *name, apr_pool_t *pool)
{
    char *text = apr_pstrndup(pool, name, NAME_MOST), *c;

    for (c = text; *c; c++) {
        *c = apr_isalnum(*c) || strchr("._-", *c) ? *c : '?';
    }
    return text;
}

static const char *tell(const job_t *job, const crm360_message_t *message, apr_pool_t *pool)
{
    json_object *detail = handler_report_detail(pool), *names = NULL;
    const char *list = "";
    int i;

    json_object_object_add(detail, "recipients", json_object_new_int(job->mail.to->nelts));
    for (i = 0; i < job->unknown->nelts && i < NAMES_MOST; i++) {
        const char *name = shown(APR_ARRAY_IDX(job->unknown, i, const char *), pool);

        names = names ? names : json_object_new_array();
        json_object_array_add(names, json_object_new_string(name));
        list = apr_pstrcat(pool, list, i ? ", " : "", name, NULL);
    }
    if (names) {
        json_object_object_add(detail, "unknown", names);
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0440) "%s: variables that are not there and have no default: %d "
                                      "(%s%s); their places stay empty",
                   message->id, job->unknown->nelts, list,
                   job->unknown->nelts > NAMES_MOST ? ", ..." : "");
    }
    return handler_report_detail_text(detail, pool);
}

/* ---- before the call, the call, and after it ---- */

static void call(outbound_result_t *result, const handler_send_t *send, outbound_t *outbound,
                 apr_pool_t *pool)
{
    const job_t *job = send->job;

    outbound_mail_send(result, outbound, send->provider, &job->mail, pool);
}

static const char *lower_case(const char *address, apr_pool_t *pool)
{
    char *text = apr_pstrdup(pool, address), *c;

    for (c = text; *c; c++) {
        *c = (char)apr_tolower(*c);
    }
    return text;
}

static apr_status_t reject(handler_result_t *result, const char *reason)
{
    result->verdict = HANDLER_REJECT;
    result->reason = reason;
    return APR_SUCCESS;
}

static apr_status_t prepare(handler_result_t *result, handler_send_t **send,
                            const crm360_message_t *message, const handler_context_t *context,
                            apr_pool_t *pool)
{
    job_t *job = apr_pcalloc(pool, sizeof(*job));
    handler_command_t command;
    const char *fault;

    if (!handler_command_read(&command, &fault, message, context->database, pool)) {
        return reject(result, fault);
    }
    job->mail.id = message->id;
    job->variables = handler_command_object(&command, VARIABLES);
    job->unknown = apr_array_make(pool, 0, sizeof(const char *));
    if ((fault = read_others(job, &command)) != NULL ||
        (fault = read_sender(job, &command, context->database)) != NULL ||
        (fault = read_texts(job, &command)) != NULL) {
        return reject(result, fault);
    }
    *send = apr_pcalloc(pool, sizeof(**send));
    (*send)->record.recipient = lower_case(APR_ARRAY_IDX(job->mail.to, 0, const char *), pool);
    (*send)->record.detail = tell(job, message, pool);
    (*send)->call = call;
    (*send)->job = job;
    return crm_match_contact(&(*send)->record.contact_id, context->db, CRM_POINT_EMAIL,
                             (*send)->record.recipient, pool);
}

/* One event for each of the recipients: whoever has the address, or will have it. */
static apr_status_t finish(handler_result_t *result, const handler_send_t *send,
                           const outbound_result_t *outcome, const crm360_message_t *message,
                           const handler_context_t *context, apr_pool_t *pool)
{
    const job_t *job = send->job;
    crm_event_t event = {.source_id = message->source_id,
                         .message_id = message->id,
                         .identifier = message->id,
                         .kind = "email.sent",
                         .channel = CRM_CHANNEL_EMAIL,
                         .category = CRM_CATEGORY_TRANSACTIONAL,
                         .at_ms = apr_time_now() / 1000,
                         .address_kind = CRM_POINT_EMAIL,
                         .reference = outcome->reference};
    crm_place_t place;
    apr_status_t rv = handler_place(&place, message, context, pool);
    int i;

    (void)result;
    for (i = 0; i < job->mail.to->nelts && rv == APR_SUCCESS; i++) {
        event.address = APR_ARRAY_IDX(job->mail.to, i, const char *);
        if (job->mail.to->nelts > 1) {
            event.identifier = apr_pstrcat(pool, message->id, ":", event.address, NULL);
        }
        rv = crm_event_add(NULL, context->db, &event, pool);
    }
    if (rv == APR_SUCCESS && outcome->reference) {
        rv = crm_send_adopt_reports(context->db, message->id, CRM_CHANNEL_EMAIL, outcome->reference,
                                    pool);
    }
    return rv;
}

static int serves(const crm360_route_t *route)
{
    return strcasecmp(route->entity, "Email") == 0;
}

const handler_t handler_crm360_email = {.platform = "Crm360",
                                        .serves = serves,
                                        .sends = CRM360_SENDS_MAIL,
                                        .prepare = prepare,
                                        .finish = finish};
