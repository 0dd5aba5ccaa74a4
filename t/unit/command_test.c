/*
 * Bodies of commands: in which forms a command may come, which field is at fault and what it must
 * be, and that no reason quotes a value.
 */
#include "handlers/command.h"

#include <apr_general.h>
#include <apr_strings.h>

#include "t/unit/tap.h"

static apr_pool_t *pool;

#define SMS "Crm360/Sms/Send"
#define MAIL "Crm360/Email/Send"
#define CARD "CaptainWallet/LoyaltyCard/SendUpdate"

#define SOME_SMS "MobilePhoneNumber:\"0600000000\",Message:\"x\""
#define SOME_MAIL "EmailTo:\"a@b.fr\",SenderEmail:\"c@d.fr\",Subject:\"s\",TextMessage:\"t\""

static crm360_message_t *message_of(const char *route, const char *type, const char *body)
{
    crm360_message_t *message = apr_pcalloc(pool, sizeof(*message));
    apr_table_t *headers = apr_table_make(pool, 1);

    message->route = crm360_route_by_name(route);
    message->target = "/x?SourceId=1&Message=q";
    message->headers = headers;
    if (type) {
        apr_table_setn(headers, "Content-Type", type);
    }
    message->body = body;
    message->body_len = strlen(body);
    return message;
}

/* Reads a body; NULL, or the reason. */
static const char *read_body(handler_command_t *command, const char *route, const char *type,
                             const char *body)
{
    const char *reason = NULL;

    memset(command, 0, sizeof(*command));
    return handler_command_read(command, &reason, message_of(route, type, body), NULL, pool)
               ? NULL
               : reason;
}

static void forms_of_a_body(void)
{
    static const struct {
        const char *name;
        const char *type;
        const char *body;
        const char *reason;
    } list[] = {
        {"strict JSON", "application/json", "{\"MobilePhoneNumber\":\"06\",\"Message\":\"x\"}",
         NULL},
        {"relaxed JSON", NULL, "{MobilePhoneNumber : \"06\"\n Message: \"x\",}", NULL},
        {"names in any case", NULL, "{mobilephonenumber:\"06\",MESSAGE:\"x\"}", NULL},
        {"an array of one", NULL, "[{MobilePhoneNumber:\"06\",Message:\"x\"}]", NULL},
        {"a form", "application/x-www-form-urlencoded", "MobilePhoneNumber=06&Message=%78", NULL},
        {"a form that says it is none", "text/plain", "MobilePhoneNumber=06&Message=x", NULL},
        {"a charset", "application/json; charset=iso-8859-1",
         "{MobilePhoneNumber:\"06\",Message:\"x\"}", NULL},
        {"two objects", NULL, "[{},{}]",
         "the body is an array of several objects, or of none: expected one command"},
        {"no object", NULL, "[]",
         "the body is an array of several objects, or of none: expected one command"},
        {"a number", NULL, "12",
         "the body is no event: line 1, column 1: expected an object or an array of objects"},
        {"nothing, whatever the query says", NULL, "",
         "there is no body: expected a command as a JSON object"},
        {"cut", NULL, "{MobilePhoneNumber:\"06\",",
         "the body is not JSON: line 1, column 25: expected a member name, found the end of the "
         "text"},
    };
    handler_command_t command;
    size_t i;

    for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        is_text(read_body(&command, SMS, list[i].type, list[i].body), list[i].reason, list[i].name);
        if (!list[i].reason) {
            is_text(handler_command_text(&command, "Message"), "x", "and its field is read");
        }
    }
}

static void faults(void)
{
    static const struct {
        const char *route;
        const char *body;
        const char *reason;
    } list[] = {
        {SMS, "{}", "MobilePhoneNumber is missing or empty; it must be a phone number"},
        {SMS, "{MobilePhoneNumber:null,Message:\"x\"}",
         "MobilePhoneNumber is missing or empty; it must be a phone number"},
        {SMS, "{MobilePhoneNumber:\"  \",Message:\"x\"}",
         "MobilePhoneNumber is missing or empty; it must be a phone number"},
        {SMS, "{MobilePhoneNumber:\"none\",Message:\"x\"}",
         "MobilePhoneNumber must be a phone number"},
        {SMS, "{MobilePhoneNumber:\"123456789012345678901\",Message:\"x\"}",
         "MobilePhoneNumber must be a phone number"},
        {SMS, "{MobilePhoneNumber:[\"06\"],Message:\"x\"}",
         "MobilePhoneNumber must be a phone number"},
        {SMS, "{MobilePhoneNumber:\"06\",Message:\"\\u0000\"}",
         "Message is missing or empty; it must be a text"},
        {SMS, "{MobilePhoneNumber:\"06\",Message:{}}", "Message must be a text"},
        {SMS, "{MobilePhoneNumber:\"06\",Message:true}", "Message must be a text"},
        {SMS, "{MobilePhoneNumber:612345678,Message:12}", NULL},
        {SMS, "{MobilePhoneNumber:\"+33 (0)6 12.34-56 78\",Message:\"x\",Sender:\"\"}", NULL},
        {SMS, "{" SOME_SMS ",Crm360EventChannelId:\"0\"}",
         "Crm360EventChannelId must be a whole number from 1 to 32767"},
        {SMS, "{" SOME_SMS ",Crm360EventChannelId:-1}",
         "Crm360EventChannelId must be a whole number from 1 to 32767"},
        {SMS, "{" SOME_SMS ",Crm360EventCategoryId:\"32768\"}",
         "Crm360EventCategoryId must be a whole number from 1 to 32767"},
        {SMS, "{" SOME_SMS ",Crm360EventCategoryId:1.5}",
         "Crm360EventCategoryId must be a whole number from 1 to 32767"},
        {SMS, "{" SOME_SMS ",Crm360EventCategoryId:99999999999999999999999}",
         "Crm360EventCategoryId must be a whole number from 1 to 32767"},
        {SMS, "{" SOME_SMS ",Crm360EventCategoryId:\" 7 \",Crm360EventChannelId:32767}", NULL},
        {SMS, "{" SOME_SMS ",Crm360EventCategoryId:\"\",Other:[]}", NULL},
        {CARD, "{}",
         "LoyaltyCardId is missing or empty; it must be a whole number from 1 to 2147483647"},
        {CARD, "{LoyaltyCardId:2147483648}",
         "LoyaltyCardId must be a whole number from 1 to 2147483647"},
        {CARD, "{LoyaltyCardId:\"12a\"}",
         "LoyaltyCardId must be a whole number from 1 to 2147483647"},
        {CARD, "{LoyaltyCardId:\"00000000000012\"}", NULL},
        {MAIL, "{}",
         "EmailTo is missing or empty; it must be a mail address such as name@example.org, or "
         "several parted by , or ;"},
        {MAIL, "{" SOME_MAIL "}", NULL},
        {MAIL,
         "{EmailTo:\"a@b.fr; c@d.fr,,e@f.fr \",SenderEmail:\" c@d.fr\",Subject:\"s\","
         "HtmlMessage:\"t\"}",
         NULL},
        {MAIL, "{EmailTo:\"a@b.fr c@d.fr\",SenderEmail:\"c@d.fr\",Subject:\"s\",TextMessage:\"t\"}",
         "EmailTo must be a mail address such as name@example.org, or several parted by , or ;"},
        {MAIL, "{EmailTo:\"a@b.fr,c\",SenderEmail:\"c@d.fr\",Subject:\"s\",TextMessage:\"t\"}",
         "EmailTo must be a mail address such as name@example.org, or several parted by , or ;"},
        {MAIL, "{EmailTo:\",;\",SenderEmail:\"c@d.fr\",Subject:\"s\",TextMessage:\"t\"}",
         "EmailTo must be a mail address such as name@example.org, or several parted by , or ;"},
        {MAIL, "{EmailTo:\"a@caf\xC3\xA9.fr\",Subject:\"s\",TextMessage:\"t\"}", NULL},
        {MAIL,
         "{EmailTo:\"l\xC3\xA9"
         "a@b.fr\",Subject:\"s\",TextMessage:\"t\"}",
         "EmailTo must be a mail address such as name@example.org, or several parted by , or ;"},
        {MAIL, "{EmailTo:\"caf\xC3\xA9.fr\",Subject:\"s\",TextMessage:\"t\"}",
         "EmailTo must be a mail address such as name@example.org, or several parted by , or ;"},
        {MAIL, "{" SOME_MAIL ",ReplyTo:\"x@y.fr\\nBcc: z@y.fr\"}",
         "ReplyTo must be a mail address such as name@example.org"},
        {MAIL, "{" SOME_MAIL ",SenderEmail:\"a@b.fr,c@d.fr\"}",
         "SenderEmail must be a mail address such as name@example.org"},
        {MAIL, "{EmailTo:\"a@b.fr\",SenderEmail:\"c@d.fr\",TextMessage:\"t\"}",
         "Subject is missing or empty; it must be a text"},
        {MAIL, "{EmailTo:\"a@b.fr\",SenderEmail:\"c@d.fr\",Subject:\"s\"}",
         "HtmlMessage or TextMessage is missing or empty; it must be a text"},
        {MAIL, "{" SOME_MAIL ",HtmlMessage:[]}", "HtmlMessage must be a text"},
        {MAIL, "{" SOME_MAIL ",VariablePersoJson:[]}",
         "VariablePersoJson must be an object, or the JSON text of one"},
        {MAIL, "{" SOME_MAIL ",VariablePersoJson:\"[]\"}",
         "VariablePersoJson must be an object, or the JSON text of one"},
        {MAIL, "{" SOME_MAIL ",VariablePersoJson:\"x\"}",
         "VariablePersoJson must be an object, or the JSON text of one"},
        {MAIL, "{" SOME_MAIL ",VariablePersoJson:12}",
         "VariablePersoJson must be an object, or the JSON text of one"},
        {MAIL, "{" SOME_MAIL ",VariablePersoJson:\" {a:1 b:2}\"}", NULL},
        {MAIL, "{" SOME_MAIL ",VariablePersoJson:\"\"}", NULL},
        {MAIL, "{" SOME_MAIL ",VariablePersoJson:null}", NULL},
    };
    handler_command_t command;
    size_t i;

    for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        is_text(read_body(&command, list[i].route, NULL, list[i].body), list[i].reason,
                list[i].body);
    }
}

static void default_sender(void)
{
    static const char body[] = "{EmailTo:\"a@b.fr\",Subject:\"s\",TextMessage:\"t\"}";
    crm360_message_t *message = message_of(MAIL, NULL, body);
    crm360_database_t database = {.email_from = NULL};
    handler_command_t command;
    const char *reason = NULL;

    ok(!handler_command_read(&command, &reason, message, &database, pool), "no sender at all");
    is_text(reason,
            "SenderEmail is missing or empty; it must be a mail address such as name@example.org",
            "is named");
    database.email_from = "c@d.fr";
    ok(handler_command_read(&command, &reason, message, &database, pool),
       "the section's own stands for it");
}

static void values(void)
{
    handler_command_t command;
    json_object *object;

    is_text(read_body(&command, MAIL, NULL,
                      "{" SOME_MAIL
                      ",Subject:\" a\\r\\nb\\u0000\\tc \",HtmlMessage:\" a\\r\\n\\u0000b "
                      "\\n\",SenderAlias:12.50,VariablePersoJson:\"{a:{b:1}}\",ReplyTo:\"\"}"),
            NULL, "a mail");
    is_text(handler_command_text(&command, "Subject"), "a b c", "a text is one line");
    is_text(handler_command_block(&command, "HtmlMessage"), " a\r\nb \n", "a block is as it came");
    is_text(handler_command_text(&command, "SenderAlias"), "12.50", "a number is its text");
    is_text(handler_command_text(&command, "ReplyTo"), NULL, "what is empty is not there");
    is_text(handler_command_block(&command, "ReplyTo"), NULL, "nor as a block");
    object = handler_command_object(&command, "variablepersojson");
    is_text(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN), "{\"a\":{\"b\":1}}",
            "JSON text is an object");
    ok(handler_command_object(&command, "Other") == NULL, "an object that is not there");
    is_text(read_body(&command, SMS, NULL,
                      "{" SOME_SMS ",message:\"y\",CRM360EVENTCHANNELID:\"0012\"}"),
            NULL, "an SMS");
    is_text(handler_command_text(&command, "Message"), "x", "the exact name comes first");
    is_number(handler_command_id(&command, "Crm360EventChannelId"), 12, "an id as text");
    is_number(handler_command_id(&command, "Crm360EventCategoryId"), 0, "an id that is not there");
}

static void others(void)
{
    static const char *const words[] = {"zz-secret", "0612345678", "secret@", "leaks"};
    handler_command_t command;
    const char *reason;
    int found = 0;
    size_t i, n;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        static const char *const bodies[] = {"{EmailTo:\"%s\"}", "{" SOME_MAIL ",ReplyTo:\"%s\"}",
                                             "{" SOME_MAIL ",VariablePersoJson:\"{%s\"}",
                                             "{" SOME_MAIL ",%s:1 %s}"};

        for (n = 0; n < sizeof(bodies) / sizeof(bodies[0]); n++) {
            const char *body = apr_psprintf(pool, bodies[n], words[i], words[i]);

            reason = read_body(&command, MAIL, NULL, body);
            found += !reason || strstr(reason, words[i]) != NULL;
        }
    }
    is_number(found, 0, "no reason quotes what came");
    ok(crm360_command_find(crm360_route_by_name("Shopify/Order/Insert")) == NULL,
       "an order is no command");
    ok(crm360_command_find(crm360_route_by_name(CARD)) != NULL, "an update of a card is one");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    forms_of_a_body();
    faults();
    default_sender();
    values();
    others();
    apr_pool_destroy(pool);
    apr_terminate();
    return tap_done();
}
