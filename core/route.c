/*
 * The route table of the CustomerApi's QueueProcess page and the look-ups in it. Constant data:
 * must never hold anything that a configuration can change.
 */
#include "core/route.h"

#include <apr_cstr.h>

#include <string.h>

#define HOURS(hours) apr_time_from_sec((hours)*3600)

#define ROW(platform, entity, action, lane, reply, key, window)                                    \
    {                                                                                              \
        platform, entity, action, platform "/" entity "/" action, platform "-" entity "-" action,  \
            CRM360_LANE_##lane, CRM360_REPLY_##reply, key, window                                  \
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
    ROUTE("Shopify", "Customer", "Insert", LIVE, JSON, SHOPIFY),
    ROUTE("Shopify", "Customer", "Update", LIVE, JSON, SHOPIFY),
    ROUTE("Shopify", "Customer", "Delete", LIVE, JSON, SHOPIFY),
    ROUTE("Shopify", "Product", "Insert", LIVE, JSON, SHOPIFY),
    ROUTE("Shopify", "Product", "Update", LIVE, JSON, SHOPIFY),
    ROUTE("Shopify", "Product", "Delete", LIVE, JSON, SHOPIFY),
    ROUTE("Shopify", "Order", "Insert", LIVE, JSON, SHOPIFY),
    ROUTE("Shopify", "Order", "Update", LIVE, JSON, SHOPIFY),
    ROUTE("Shopify", "Order", "Delete", LIVE, JSON, SHOPIFY),
    ROUTE("Adictiz", "User", "Participate", LIVE, JSON, UNTOLD),
    ROUTE("Primotexto", "Sms", "Callback", LIVE, JSON, UNTOLD),
    /* Smsbox repeats a callback for 12 hours unless the answer is the text OK. */
    ROUTE("Smsbox", "Sms", "Callback", LIVE, TEXT, SMSBOX),
    ROUTE("Smsbox", "Sms", "CallbackStop", LIVE, TEXT, SMSBOX),
    ROUTE("Mailjet", "email", "Callback", LIVE, JSON, MAILJET),
    /* Jobs over many addresses: never in front of a webhook. */
    ROUTE("elfy76310", "process", "Rnvp", BATCH, JSON, COMMAND),
    ROUTE("elfy76310", "process", "RnvpDedup", BATCH, JSON, COMMAND),
    ROUTE("Zendesk", "Ticket", "Update", LIVE, JSON, ZENDESK),
    ROUTE("Tabology", "Ticket", "Create", LIVE, JSON, UNTOLD),
    ROUTE("Tabology", "Ticket", "Update", LIVE, JSON, UNTOLD),
    ROUTE("Crm360", "Sms", "Send", SEND, JSON, COMMAND),
    ROUTE("Crm360", "Email", "Send", SEND, JSON, COMMAND),
    ROUTE("CaptainWallet", "LoyaltyCard", "SendUpdate", SEND, JSON, COMMAND),
    {NULL, NULL, NULL, NULL, NULL, CRM360_LANE_LIVE, CRM360_REPLY_JSON, NULL, 0},
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
