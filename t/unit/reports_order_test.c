/* Mailjet, Primotexto and Smsbox about people that a shop tells of: in any order, and twice, the
 * same messages give the same rows. */
#include "t/unit/report_tools.h"

#define MAILJET "Mailjet/email/Callback"
#define PRIMOTEXTO "Primotexto/Sms/Callback"
#define REPORT "Smsbox/Sms/Callback"
#define STOP "Smsbox/Sms/CallbackStop"
#define MAIL ",\"MessageID\":576460777283914763,\"email\":\"lea@example.fr\"}"

/* A customer as the shop tells of him on day `day` of March, with what consent since when. */
#define CUSTOMER(day, more) "{\"id\":1,\"updated_at\":\"2026-03-" day "T12:00:00Z\"" more "}"
#define EMAIL(address) ",\"email\":\"" address "\""
#define PHONE(number) ",\"phone\":\"" number "\""
#define CONSENT(medium, state, day)                                                                \
    ",\"" medium "_marketing_consent\":{\"state\":\"" state                                        \
    "\",\"consent_updated_at\":\"2026-03-" day "T11:00:00Z\"}"
/* Noon of the first, second, ... of March. */
#define DAY1 "1772366400"
#define DAY2 "1772452800"
#define DAY3 "1772539200"
#define DAY4 "1772625600"
#define DAY5 "1772712000"

static void mail(void)
{
    static const sent_t told[] = {
        {.route = "Shopify/Customer/Insert",
         .body = CUSTOMER("01", EMAIL("Lea@example.fr") CONSENT("email", "subscribed", "01"))},
        {.route = SHOP,
         .body = CUSTOMER("03", EMAIL("lea@example.fr") CONSENT("email", "subscribed", "03"))},
        {.route = MAILJET, .body = "{\"event\":\"unsub\",\"time\":" DAY2 MAIL},
        {.route = MAILJET,
         .body = "[{\"event\":\"unsub\",\"time\":" DAY4 MAIL
                 ",{\"event\":\"bounce\",\"hard_bounce\":true,\"time\":" DAY4 MAIL "]"},
        {.route = MAILJET,
         .body =
             "[{\"event\":\"sent\",\"time\":" DAY2 MAIL ",{\"event\":\"open\",\"time\":" DAY3 MAIL
             ",{\"event\":\"sent\",\"time\":" DAY4 MAIL "]"},
    };

    all_orders_agree(told, 5, "mail");
    is_text(ask("SELECT EmailOptin, EmailStateId FROM Addresses"), "0|2",
            "bounced, and wants none");
    is_text(ask("SELECT COUNT(*), COUNT(ContactId) FROM WebhookEvents"), "6|6",
            "all events are the customer's");
    all_orders_agree(told, 3, "mail, as far as the consent given anew");
    is_text(ask("SELECT EmailOptin, EmailStateId FROM Addresses"), "1|NULL", "which counts");
}

static void complaint(void)
{
    static const sent_t told[] = {
        {.route = SHOP,
         .body = CUSTOMER("01", EMAIL("lea@example.fr") CONSENT("email", "subscribed", "01")),
         .brand_id = 1},
        {.route = SHOP, .body = CUSTOMER("02", EMAIL("lea@example.fr")), .brand_id = 2},
        {.route = MAILJET, .body = "{\"event\":\"spam\",\"time\":" DAY3 MAIL, .brand_id = 1},
        {.route = MAILJET, .body = "{\"event\":\"sent\",\"time\":" DAY4 MAIL, .brand_id = 2},
        {.route = MAILJET,
         .body =
             "[{\"event\":\"blocked\",\"error_related_to\":\"recipient\",\"error\":"
             "\"user unknown\",\"time\":" DAY5 MAIL ",{\"event\":\"unsub\",\"time\":" DAY4 MAIL "]",
         .brand_id = 2},
    };

    all_orders_agree(told, 5, "a complaint, two brands");
    is_text(ask("SELECT BrandId, EmailOptin, EmailStateId FROM Addresses ORDER BY 1"),
            "1|0|4\n2|0|4", "it stays");
}

/* The customer changes his address, and leaves. */
static void departures(void)
{
    static const sent_t told[] = {
        {.route = "Shopify/Customer/Insert", .body = CUSTOMER("01", EMAIL("lea@example.fr"))},
        {.route = SHOP, .body = CUSTOMER("03", EMAIL("new@example.fr"))},
        {.route = MAILJET,
         .body = "{\"event\":\"bounce\",\"hard_bounce\":true,\"time\":" DAY2 MAIL},
        {.route = MAILJET,
         .body = "{\"event\":\"unsub\",\"time\":" DAY4
                 ",\"MessageID\":7,\"email\":\"NEW@example.fr\"}"},
        {.route = "Shopify/Customer/Delete", .body = "{\"id\":1}"},
    };

    all_orders_agree(told, 4, "another address");
    is_text(ask("SELECT Email, EmailOptin, EmailStateId FROM Addresses"), "new@example.fr|0|NULL",
            "the bounce was of the old one");
    all_orders_agree(told, 5, "and the end");
}

static void sms(void)
{
    static const sent_t told[] = {
        {.route = "Shopify/Customer/Insert",
         .body = CUSTOMER("01", PHONE("0612345678") CONSENT("sms", "subscribed", "01"))},
        {.route = STOP, .query = "numero=33612345678&reference=1&keyword=STOP&ts=" DAY2},
        {.route = SHOP,
         .body = CUSTOMER("03", PHONE("+33612345678") CONSENT("sms", "subscribed", "03"))},
        {.route = PRIMOTEXTO,
         .body = "{\"event\":\"reply\",\"replyMessage\":\"Stop\",\"snapshotId\":\"1\",\"number\":"
                 "\"+33612345678\",\"date\":" DAY4 "}"},
        {.route = REPORT, .query = "numero=33612345678&reference=5&accuse=3&ts=" DAY5},
        {.route = REPORT, .query = "numero=33612345678&reference=6&accuse=0&ts=" DAY4},
    };

    all_orders_agree(told, 6, "SMS");
    is_text(ask("SELECT MobilePhoneOptin, MobilePhoneStateId FROM Addresses"), "0|3",
            "suspect, and wants none");
    is_text(ask("SELECT COUNT(*), COUNT(ContactId) FROM WebhookEvents"), "4|4",
            "all events are the customer's");
}

static void reports(void)
{
    static const sent_t told[] = {
        {.route = REPORT, .query = "numero=33612345678&reference=5&accuse=9&ts=" DAY2},
        {.route = REPORT, .query = "numero=33612345678&reference=5&accuse=0&ts=" DAY2},
        {.route = REPORT, .query = "numero=33612345678&reference=5&accuse=-1&ts=" DAY3},
        {.route = REPORT, .query = "numero=33612345678&reference=4&accuse=7&ts=" DAY1},
        {.route = SHOP, .body = CUSTOMER("01", PHONE("0612345678")), .brand_id = 2},
    };

    all_orders_agree(told, 5, "reports");
    is_text(ask("SELECT MobilePhoneStateId FROM Addresses"), "1",
            "what is not final changes no state");
}

/* Two brands; a number that two people share. */
static void brands(void)
{
    static const sent_t told[] = {
        {.route = SHOP,
         .body = CUSTOMER("01", PHONE("0612345678") CONSENT("sms", "subscribed", "01")),
         .brand_id = 1},
        {.route = SHOP,
         .body = CUSTOMER("02", PHONE("0612345678") CONSENT("sms", "subscribed", "01")),
         .brand_id = 2},
        {.route = STOP,
         .query = "numero=33612345678&reference=1&keyword=STOP&ts=" DAY2,
         .brand_id = 1},
        {.route = PRIMOTEXTO,
         .body = "{\"event\":\"bounced\",\"id\":1,\"number\":\"+33612345678\",\"date\":" DAY3 "}",
         .brand_id = 2},
        {.route = PRIMOTEXTO,
         .body = "{\"event\":\"delivered\",\"id\":2,\"number\":\"+33612345678\",\"date\":" DAY2 "}",
         .brand_id = 1},
    };

    all_orders_agree(told, 5, "two brands");
    is_text(ask("SELECT BrandId, MobilePhoneOptin, MobilePhoneStateId FROM Addresses ORDER BY 1"),
            "1|0|2\n2|1|2", "the STOP is of one");
}

/* Without dates the arrival counts; what is told again keeps that of the first message. */
static void undated(void)
{
    static const sent_t told[] = {
        {.route = PRIMOTEXTO,
         .body = "{\"event\":\"delivered\",\"id\":1,\"number\":\"+33612345678\"}",
         .id = "01JDCW3T2XQ5M7V9K0B4000001-Primotexto-Sms-Callback",
         .received_s = 1772500001},
        {.route = PRIMOTEXTO,
         .body = "{\"event\":\"bounced\",\"id\":2,\"number\":\"+33612345678\"}",
         .id = "01JDCW3T2XQ5M7V9K0B4000002-Primotexto-Sms-Callback",
         .received_s = 1772500002},
        {.route = PRIMOTEXTO,
         .body = "[{\"number\":\"+33612345678\",\"event\":\"delivered\",\"id\":1}]",
         .id = "01JDCW3T2XQ5M7V9K0B4000003-Primotexto-Sms-Callback",
         .received_s = 1772500003},
        {.route = PRIMOTEXTO,
         .body = "{\"event\":\"unsubscribed\",\"number\":\"+33612345678\"}",
         .id = "01JDCW3T2XQ5M7V9K0B4000004-Primotexto-Sms-Callback",
         .received_s = 1772500004},
        {.route = SHOP, .body = CUSTOMER("01", PHONE("0612345678"))},
    };

    all_orders_agree(told, 5, "without dates");
    is_text(ask("SELECT Kind, At, MessageId FROM WebhookEvents WHERE Kind = 'sms.delivered'"),
            "sms.delivered|2026-03-03T01:06:41|01JDCW3T2XQ5M7V9K0B4000001-Primotexto-Sms-Callback",
            "the first time it was told");
}

int main(void)
{
    start();
    mail();
    complaint();
    departures();
    sms();
    reports();
    brands();
    undated();
    crm_db_close(db);
    return tap_done();
}
