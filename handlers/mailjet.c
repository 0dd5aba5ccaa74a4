/*
 * Mailjet's Event API (https://dev.mailjet.com/email/guides/webhooks/): one event as an object, or
 * those of a second as an array, of any kinds. Each becomes a row of WebhookEvents; some change the
 * state or the consent of the mail address. Must never let one event that is broken fail the others
 * of its array, nor keep what tells of the reader instead of the message (ip, geo, agent).
 */
#include "handlers/mailjet.h"

#include <apr_strings.h>

#include <string.h>
#include <strings.h>

#include "core/digest.h"
#include "core/log.h"
#include "handlers/body.h"
#include "handlers/field.h"
#include "handlers/report.h"

#define EMAIL_MOST 254 /* RFC 5321 4.5.3.1.3, without the angle brackets */

/* Ranks of states of one second: a complaint is about a mail that has arrived, a bounce may follow
 * the acceptance by a first server. */
#define RANK_OF_SENT 1
#define RANK_OF_FAILURE 2

/* ---- what an error means ---- */

/* What a permanent failure means for the address, by Mailjet's two words. Not in the table: a
 * hard bounce makes it invalid, a blocked message says nothing. */
typedef struct failure_t {
    const char *related_to;
    const char *error;
    crm_email_state_t state; /* 0 = it says nothing of the address */
    int hard_only;           /* the state only when it bounced for good */
    int withdraws;           /* the person wants no more: consent */
    int lasts;
} failure_t;

static const failure_t failures[] = {
    {"recipient", "user unknown", CRM_EMAIL_INVALID, 0, 0, 0},
    {"recipient", "mailbox inactive", CRM_EMAIL_INVALID, 1, 0, 0},
    {"recipient", "quota exceeded", 0, 0, 0, 0},
    {"recipient", "blacklisted", CRM_EMAIL_BLOCKED, 0, 1, 0},
    {"recipient", "spam reporter", CRM_EMAIL_COMPLAINED, 0, 1, 1},
    {"domain", "invalid domain", CRM_EMAIL_INVALID, 0, 0, 0},
    {"domain", "no mail host", CRM_EMAIL_INVALID, 0, 0, 0},
    {"domain", "typofix", CRM_EMAIL_INVALID, 0, 0, 0},
    {"domain", "relay/access denied", 0, 0, 0, 0},
    {"domain", "greylisted", 0, 0, 0, 0},
    {"content", "bad or empty template", 0, 0, 0, 0},
    {"content", "error in template language", 0, 0, 0, 0},
    {"spam", "sender blocked", 0, 0, 0, 0},
    {"spam", "content blocked", 0, 0, 0, 0},
    {"spam", "policy issue", 0, 0, 0, 0},
    {"system", "system issue", 0, 0, 0, 0},
    {"system", "protocol issue", 0, 0, 0, 0},
    {"system", "connection issue", 0, 0, 0, 0},
    {"mailjet", "preblocked", CRM_EMAIL_INVALID, 0, 0, 0},
    {"mailjet", "duplicate in campaign", 0, 0, 0, 0},
    /* Words that are not listed: these are never about the address. */
    {"content", NULL, 0, 0, 0, 0},
    {"spam", NULL, 0, 0, 0, 0},
    {"system", NULL, 0, 0, 0, 0},
};

/* The row of two words, either may be NULL; real events also have the second in the place of the
 * first. NULL = none. */
static const failure_t *find_failure(const char *related_to, const char *error)
{
    size_t i;

    for (i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        const failure_t *row = &failures[i];

        if (related_to && strcasecmp(row->related_to, related_to) == 0 &&
            (!row->error || (error && strcasecmp(row->error, error) == 0))) {
            return row;
        }
        if (related_to && !error && row->error && strcasecmp(row->error, related_to) == 0) {
            return row;
        }
    }
    return NULL;
}

/* ---- one event ---- */

typedef struct mail_t {
    handler_report_t *report;
    json_object *object;
    const char *word;  /* the event's name */
    const char *email; /* NULL = none, or none that can be read */
    const char *guid;  /* Message_GUID, NULL = none */
    const char *id;    /* the message's number as text, NULL = none */
    const char *time;  /* in seconds, "-" when it is not told */
    apr_pool_t *pool;
} mail_t;

static const char *text_of(const mail_t *mail, const char *name)
{
    const char *text;

    handler_field_text(&text, mail->object, name, mail->pool);
    return text;
}

static int flag_of(const mail_t *mail, const char *name)
{
    int flag;

    return handler_field_flag(&flag, mail->object, name) == HANDLER_FIELD_VALUE && flag;
}

/* Accepted by the server of the address. */
static void on_sent(mail_t *mail)
{
    mail->report->state = CRM_EMAIL_VALID;
    mail->report->rank = RANK_OF_SENT;
}

static void on_failure(mail_t *mail, int is_hard)
{
    const failure_t *failure =
        find_failure(text_of(mail, "error_related_to"), text_of(mail, "error"));

    mail->report->rank = RANK_OF_FAILURE;
    if (!failure) {
        mail->report->state = is_hard ? CRM_EMAIL_INVALID : 0;
    }
    else if (is_hard || !failure->hard_only) {
        mail->report->state = (int)failure->state;
        mail->report->withdraws = failure->withdraws;
        mail->report->lasts = failure->lasts;
    }
}

/* A bounce that is not for good says nothing, whatever its words are. */
static void on_bounce(mail_t *mail)
{
    if (flag_of(mail, "hard_bounce")) {
        on_failure(mail, 1);
    }
}

static void on_blocked(mail_t *mail)
{
    on_failure(mail, 0);
}

/* That a later mail was accepted does not mean that the person has changed his mind. */
static void on_spam(mail_t *mail)
{
    mail->report->state = CRM_EMAIL_COMPLAINED;
    mail->report->lasts = 1;
    mail->report->withdraws = 1;
}

static void on_unsub(mail_t *mail)
{
    mail->report->withdraws = 1;
}

/* The events. `also` names what tells two events of one message and second apart. */
static const struct {
    const char *word;
    const char *kind;
    crm_category_t category;
    void (*act)(mail_t *mail);
    const char *also;
} kinds[] = {
    {"sent", "email.sent", CRM_CATEGORY_DELIVERY_REPORT, on_sent, NULL},
    {"open", "email.open", CRM_CATEGORY_REACTION, NULL, NULL},
    {"click", "email.click", CRM_CATEGORY_REACTION, NULL, "url"},
    {"bounce", "email.bounce", CRM_CATEGORY_DELIVERY_REPORT, on_bounce, NULL},
    {"spam", "email.spam", CRM_CATEGORY_CONSENT, on_spam, NULL},
    {"blocked", "email.blocked", CRM_CATEGORY_DELIVERY_REPORT, on_blocked, NULL},
    {"unsub", "email.unsub", CRM_CATEGORY_CONSENT, on_unsub, "mj_list_id"},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* ---- which message ---- */

/* The message's number. mj_message_id is the same as text: it is exact where the other has been
 * through a double. 0 is none: the test button sends it. */
static const char *message_number(const mail_t *mail)
{
    const char *text;

    handler_field_id(&text, mail->object, "mj_message_id", mail->pool);
    if (!text || text[strspn(text, "0123456789")] != '\0' || strcmp(text, "0") == 0) {
        handler_field_id(&text, mail->object, "MessageID", mail->pool);
    }
    return text && strcmp(text, "0") != 0 ? text : NULL;
}

static const char *reference_of(const mail_t *mail)
{
    const char *custom = text_of(mail, "CustomID");

    return custom ? custom : mail->guid ? mail->guid : mail->id;
}

/* The mail address, NULL when there is none or it cannot be one. Less strict than
 * handler_people_email(): whoever wrote an address into the database, an unsubscription reaches
 * it. */
static const char *email_of(const mail_t *mail)
{
    const char *text = text_of(mail, "email");
    size_t local = text ? strcspn(text, "@ ") : 0;

    if (local == 0 || text[local] != '@' || strlen(text) > EMAIL_MOST) {
        return NULL;
    }
    return text[local + 1] && !strpbrk(text + local + 1, "@ ") ? text : NULL;
}

/* ---- Detail ---- */

static void add_flag(json_object *detail, const mail_t *mail, const char *name)
{
    int flag;

    if (handler_field_flag(&flag, mail->object, name) == HANDLER_FIELD_VALUE) {
        json_object_object_add(detail, name, json_object_new_boolean(flag));
    }
}

/* What else is to be known, in Mailjet's own names; numbers as texts, because they exceed 2^53. */
static const char *detail_of(const mail_t *mail)
{
    static const char *const names[] = {
        "CustomID",   "customcampaign",   "mj_campaign_id", "mj_list_id", "Payload", "url",
        "smtp_reply", "error_related_to", "error",          "comment",    "source"};
    json_object *detail = handler_report_detail(mail->pool);
    size_t i;

    if (mail->report->event.category == CRM_CATEGORY_OTHER) {
        handler_report_add(detail, "event", mail->word);
    }
    handler_report_add(detail, "MessageID", mail->id);
    handler_report_add(detail, "Message_GUID", mail->guid);
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *text = text_of(mail, names[i]);

        /* A campaign or list of number 0 is none. */
        if (text && strcmp(text, "0") != 0) {
            handler_report_add(detail, names[i], text);
        }
    }
    add_flag(detail, mail, "hard_bounce");
    add_flag(detail, mail, "blocked");
    return handler_report_detail_text(detail, mail->pool);
}

/* ---- reading ---- */

/* An event of a kind we do not know is kept, without effect. Its own text tells it apart. */
static void read_other(mail_t *mail, const crm360_message_t *message)
{
    const char *text = json_object_to_json_string_ext(mail->object, JSON_C_TO_STRING_PLAIN);
    struct iovec piece = {.iov_base = (void *)text, .iov_len = strlen(text)};

    crm360_log(
        CRM360_LOG_INFO, APR_SUCCESS,
        "%s: an event that is none of Mailjet's seven is kept as email.other, without effect",
        message->id);
    mail->report->event.kind = "email.other";
    mail->report->event.category = CRM_CATEGORY_OTHER;
    mail->report->event.identifier =
        apr_pstrcat(mail->pool, "mailjet:other:", crm360_digest(&piece, 1, mail->pool), NULL);
}

static void read_kind(mail_t *mail, const crm360_message_t *message)
{
    crm_event_t *event = &mail->report->event;
    const char *also;
    size_t i;

    for (i = 0; i < KINDS && strcasecmp(kinds[i].word, mail->word) != 0; i++) {
    }
    if (i == KINDS) {
        read_other(mail, message);
        return;
    }
    event->kind = kinds[i].kind;
    event->category = kinds[i].category;
    if (kinds[i].act) {
        kinds[i].act(mail);
    }
    also = kinds[i].also ? text_of(mail, kinds[i].also) : NULL;
    event->identifier = apr_pstrcat(mail->pool, "mailjet:", kinds[i].word, ":",
                                    mail->id     ? mail->id
                                    : mail->guid ? mail->guid
                                                 : "-",
                                    ":", mail->time, ":", mail->email ? mail->email : "", ":",
                                    also ? also : "", NULL);
}

/* A handler_report_read_t. */
static const char *read_event(handler_report_t *report, json_object *object, int number,
                              const crm360_message_t *message, apr_pool_t *pool)
{
    mail_t mail = {.report = report, .object = object, .pool = pool, .time = "-"};

    (void)number;
    mail.word = text_of(&mail, "event");
    if (!mail.word) {
        return "the event has no name: expected sent, open, click, bounce, spam, blocked or unsub "
               "in the member event";
    }
    mail.email = email_of(&mail);
    mail.guid = text_of(&mail, "Message_GUID");
    mail.id = message_number(&mail);
    if (handler_field_time(&report->event.at_ms, object, "time", pool) == HANDLER_FIELD_VALUE) {
        mail.time = apr_psprintf(pool, "%" APR_INT64_T_FMT, report->event.at_ms / 1000);
    }
    else {
        crm360_log(CRM360_LOG_DEBUG, APR_SUCCESS,
                   "%s: an event has no time that can be read; that of its arrival is taken",
                   message->id);
        report->event.at_ms = message->received / 1000;
    }
    report->event.channel = CRM_CHANNEL_EMAIL;
    report->event.address_kind = CRM_POINT_EMAIL;
    report->event.address = mail.email;
    report->event.reference = reference_of(&mail);
    report->sent_id = text_of(&mail, "CustomID");
    read_kind(&mail, message);
    report->event.detail = detail_of(&mail);
    return NULL;
}

/* ---- the handler ---- */

static int serves(const crm360_route_t *route)
{
    return strcmp(route->entity, "email") == 0;
}

static apr_status_t deliver(handler_result_t *result, const crm360_message_t *message,
                            const handler_context_t *context, apr_pool_t *pool)
{
    apr_array_header_t *events;

    if (!handler_report_events(&events, &result->reason, message, HANDLER_BODY_JSON, pool)) {
        result->verdict = HANDLER_REJECT;
        return APR_SUCCESS;
    }
    return handler_report_each(result, events, read_event, message, context, pool);
}

const handler_t handler_mailjet = {
    .platform = "Mailjet",
    .serves = serves,
    .deliver = deliver,
};
