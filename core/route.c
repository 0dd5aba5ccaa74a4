/*
 * The route table of the CustomerApi's QueueProcess page and the look-ups in it. Constant data:
 * must never hold anything that a configuration can change.
 */
#include "core/route.h"

#include <apr_cstr.h>

#include <string.h>

#define HOURS(hours) apr_time_from_sec((hours)*3600)

#define ROW(platform, entity, action, lane, reply, key, window, meaning)                           \
    {                                                                                              \
        platform, entity, action, platform "/" entity "/" action, platform "-" entity "-" action,  \
            CRM360_LANE_##lane, CRM360_REPLY_##reply, key, window, meaning                         \
    }

/* Lets the key and the window of a platform pass as one argument. */
#define ROUTE(...) ROW(__VA_ARGS__)

/* How a repeated delivery is known, and for how long: an hour more than the platform repeats.
 * Shopify and Zendesk give each delivery an id, the same in each retry; Shopify repeats for 4 hours
 * (https://shopify.dev/changelog/updates-to-webhook-retry-mechanism), Zendesk for minutes. */
#define SHOPIFY "X-Shopify-Webhook-Id", HOURS(5)
#define ZENDESK "X-Zendesk-Webhook-Invocation-Id", HOURS(5)
/* The others send no such id; dates and ids stand inside, so equal ones are the same. Mailjet
 * repeats for 24 hours, Smsbox for 12; of the rest it is not documented. */
#define MAILJET CRM360_DEDUP_CONTENT, HOURS(25)
#define SMSBOX CRM360_DEDUP_CONTENT, HOURS(13)
#define UNTOLD CRM360_DEDUP_CONTENT, HOURS(25)
/* Whoever gives the same command twice may mean it, unless an Idempotency-Key says otherwise. */
#define COMMAND NULL, HOURS(25)

/* Rows of one platform stand together: texts that list a platform's routes lean on it. */
const crm360_route_t crm360_routes[CRM360_ROUTES + 1] = {
    ROUTE("Shopify", "Customer", "Insert", LIVE, JSON, SHOPIFY,
          "A customer was created in the shop."),
    ROUTE("Shopify", "Customer", "Update", LIVE, JSON, SHOPIFY,
          "A customer of the shop was changed."),
    ROUTE("Shopify", "Customer", "Delete", LIVE, JSON, SHOPIFY,
          "A customer of the shop was deleted."),
    ROUTE("Shopify", "Product", "Insert", LIVE, JSON, SHOPIFY,
          "A product was created in the shop."),
    ROUTE("Shopify", "Product", "Update", LIVE, JSON, SHOPIFY,
          "A product of the shop, or one of its variants, was changed."),
    ROUTE("Shopify", "Product", "Delete", LIVE, JSON, SHOPIFY,
          "A product of the shop was deleted."),
    ROUTE("Shopify", "Order", "Insert", LIVE, JSON, SHOPIFY, "An order was placed in the shop."),
    ROUTE("Shopify", "Order", "Update", LIVE, JSON, SHOPIFY,
          "An order of the shop was changed, paid, shipped or refunded."),
    ROUTE("Shopify", "Order", "Delete", LIVE, JSON, SHOPIFY, "An order of the shop was deleted."),
    ROUTE("Adictiz", "User", "Participate", LIVE, JSON, UNTOLD, "Somebody took part in a game."),
    ROUTE("Primotexto", "Sms", "Callback", LIVE, JSON, UNTOLD,
          "An SMS was delivered or not, or somebody answered it."),
    /* Smsbox repeats a callback for 12 hours unless the answer is the text OK. */
    ROUTE("Smsbox", "Sms", "Callback", LIVE, TEXT, SMSBOX, "An SMS was delivered or not."),
    ROUTE("Smsbox", "Sms", "CallbackStop", LIVE, TEXT, SMSBOX,
          "Somebody answered an SMS with STOP."),
    ROUTE("Mailjet", "email", "Callback", LIVE, JSON, MAILJET,
          "Something happened to a mail: sent, opened, clicked, bounced, blocked, spam or "
          "unsubscribed."),
    /* Jobs over many addresses: never in front of a webhook. */
    ROUTE("elfy76310", "process", "Rnvp", BATCH, JSON, COMMAND,
          "Cleans postal addresses: restructures, normalises and validates them."),
    ROUTE("elfy76310", "process", "RnvpDedup", BATCH, JSON, COMMAND,
          "Cleans postal addresses, then finds contacts that are there twice and merges them."),
    ROUTE("Zendesk", "Ticket", "Update", LIVE, JSON, ZENDESK,
          "A ticket of the help desk was created or changed."),
    ROUTE("Tabology", "Ticket", "Create", LIVE, JSON, UNTOLD, "A ticket was opened at the till."),
    ROUTE("Tabology", "Ticket", "Update", LIVE, JSON, UNTOLD,
          "A ticket of the till was changed or settled."),
    ROUTE("Crm360", "Sms", "Send", SEND, JSON, COMMAND, "Sends an SMS."),
    ROUTE("Crm360", "Email", "Send", SEND, JSON, COMMAND,
          "Sends a mail, with placeholders filled in."),
    ROUTE("CaptainWallet", "LoyaltyCard", "SendUpdate", SEND, JSON, COMMAND,
          "Tells the wallet provider how a loyalty card is now."),
    {NULL, NULL, NULL, NULL, NULL, CRM360_LANE_LIVE, CRM360_REPLY_JSON, NULL, 0, NULL},
};

crm360_route_match_t crm360_route_find(const crm360_route_t **route, const char *platform,
                                       const char *entity, const char *action)
{
    crm360_route_match_t best = CRM360_ROUTE_NO_PLATFORM;
    const crm360_route_t *row;

    *route = NULL;
    for (row = crm360_routes; row->platform; row++) {
        if (apr_cstr_casecmp(row->platform, platform) != 0) {
            continue;
        }
        if (apr_cstr_casecmp(row->entity, entity) != 0) {
            best = best == CRM360_ROUTE_NO_PLATFORM ? CRM360_ROUTE_NO_ENTITY : best;
            continue;
        }
        if (apr_cstr_casecmp(row->action, action) == 0) {
            *route = row;
            return CRM360_ROUTE_FOUND;
        }
        best = CRM360_ROUTE_NO_ACTION;
    }
    return best;
}

/* Where the rows of the next platform begin. */
static const crm360_route_t *next_platform(const crm360_route_t *row)
{
    const char *name = row->platform;

    while (row->platform && strcmp(row->platform, name) == 0) {
        row++;
    }
    return row;
}

const char *crm360_platform_name(int platform)
{
    const crm360_route_t *row = crm360_routes;

    for (; platform > 0; platform--) {
        row = next_platform(row);
    }
    return row->platform;
}

int crm360_platform_find(const char *name)
{
    const crm360_route_t *row;
    int platform = 0;

    for (row = crm360_routes; row->platform; row = next_platform(row), platform++) {
        if (apr_cstr_casecmp(row->platform, name) == 0) {
            return platform;
        }
    }
    return -1;
}

const crm360_route_t *crm360_route_by_name(const char *name)
{
    const crm360_route_t *row;

    for (row = crm360_routes; row->platform; row++) {
        if (apr_cstr_casecmp(row->name, name) == 0) {
            return row;
        }
    }
    return NULL;
}

const char *crm360_lane_name(crm360_lane_t lane)
{
    static const char *const names[CRM360_LANES] = {"live", "batch", "send"};

    return names[lane];
}
