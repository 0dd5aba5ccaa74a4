/*
 * The route table of the CustomerApi's QueueProcess page and the look-ups in it. Constant data:
 * must never hold anything that a configuration can change.
 */
#include "core/route.h"

#include <apr_cstr.h>

#include <string.h>

#define ROUTE(platform, entity, action, lane, reply)                                               \
    {                                                                                              \
        platform, entity, action, platform "/" entity "/" action, platform "-" entity "-" action,  \
            CRM360_LANE_##lane, CRM360_REPLY_##reply                                               \
    }

/* Rows of one platform stand together: texts that list a platform's routes lean on it. */
const crm360_route_t crm360_routes[] = {
    ROUTE("Shopify", "Customer", "Insert", LIVE, JSON),
    ROUTE("Shopify", "Customer", "Update", LIVE, JSON),
    ROUTE("Shopify", "Customer", "Delete", LIVE, JSON),
    ROUTE("Shopify", "Product", "Insert", LIVE, JSON),
    ROUTE("Shopify", "Product", "Update", LIVE, JSON),
    ROUTE("Shopify", "Product", "Delete", LIVE, JSON),
    ROUTE("Shopify", "Order", "Insert", LIVE, JSON),
    ROUTE("Shopify", "Order", "Update", LIVE, JSON),
    ROUTE("Shopify", "Order", "Delete", LIVE, JSON),
    ROUTE("Adictiz", "User", "Participate", LIVE, JSON),
    ROUTE("Primotexto", "Sms", "Callback", LIVE, JSON),
    /* Smsbox repeats a callback for 12 hours unless the answer is the text OK. */
    ROUTE("Smsbox", "Sms", "Callback", LIVE, TEXT),
    ROUTE("Smsbox", "Sms", "CallbackStop", LIVE, TEXT),
    ROUTE("Mailjet", "email", "Callback", LIVE, JSON),
    /* Jobs over many addresses: never in front of a webhook. */
    ROUTE("elfy76310", "process", "Rnvp", BATCH, JSON),
    ROUTE("elfy76310", "process", "RnvpDedup", BATCH, JSON),
    ROUTE("Zendesk", "Ticket", "Update", LIVE, JSON),
    ROUTE("Tabology", "Ticket", "Create", LIVE, JSON),
    ROUTE("Tabology", "Ticket", "Update", LIVE, JSON),
    ROUTE("Crm360", "Sms", "Send", SEND, JSON),
    ROUTE("Crm360", "Email", "Send", SEND, JSON),
    ROUTE("CaptainWallet", "LoyaltyCard", "SendUpdate", SEND, JSON),
    {NULL, NULL, NULL, NULL, NULL, CRM360_LANE_LIVE, CRM360_REPLY_JSON},
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
