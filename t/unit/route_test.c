/* The route table: complete, consistent, and found in any spelling of case. Never starts a
 * server. */
#include "core/route.h"

#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>

#include <string.h>

#include "tap.h"

typedef struct row_t {
    const char *platform, *entity, *action, *lane;
    crm360_reply_kind_t reply;
} row_t;

/* The page that lists them is the CustomerApi's help page of QueueProcess. */
static const row_t documented[] = {
    {"Shopify", "Customer", "Insert", "live", CRM360_REPLY_JSON},
    {"Shopify", "Customer", "Update", "live", CRM360_REPLY_JSON},
    {"Shopify", "Customer", "Delete", "live", CRM360_REPLY_JSON},
    {"Shopify", "Product", "Insert", "live", CRM360_REPLY_JSON},
    {"Shopify", "Product", "Update", "live", CRM360_REPLY_JSON},
    {"Shopify", "Product", "Delete", "live", CRM360_REPLY_JSON},
    {"Shopify", "Order", "Insert", "live", CRM360_REPLY_JSON},
    {"Shopify", "Order", "Update", "live", CRM360_REPLY_JSON},
    {"Shopify", "Order", "Delete", "live", CRM360_REPLY_JSON},
    {"Adictiz", "User", "Participate", "live", CRM360_REPLY_JSON},
    {"Primotexto", "Sms", "Callback", "live", CRM360_REPLY_JSON},
    {"Smsbox", "Sms", "Callback", "live", CRM360_REPLY_TEXT},
    {"Smsbox", "Sms", "CallbackStop", "live", CRM360_REPLY_TEXT},
    {"Mailjet", "email", "Callback", "live", CRM360_REPLY_JSON},
    {"elfy76310", "process", "Rnvp", "batch", CRM360_REPLY_JSON},
    {"elfy76310", "process", "RnvpDedup", "batch", CRM360_REPLY_JSON},
    {"Zendesk", "Ticket", "Update", "live", CRM360_REPLY_JSON},
    {"Tabology", "Ticket", "Create", "live", CRM360_REPLY_JSON},
    {"Tabology", "Ticket", "Update", "live", CRM360_REPLY_JSON},
    {"Crm360", "Sms", "Send", "send", CRM360_REPLY_JSON},
    {"Crm360", "Email", "Send", "send", CRM360_REPLY_JSON},
    {"CaptainWallet", "LoyaltyCard", "SendUpdate", "send", CRM360_REPLY_JSON},
};
#define DOCUMENTED ((int)(sizeof(documented) / sizeof(documented[0])))

static char *in_case(const char *text, int upper, apr_pool_t *pool)
{
    char *copy = apr_pstrdup(pool, text);
    char *c;

    for (c = copy; *c; c++) {
        if (upper && *c >= 'a' && *c <= 'z') {
            *c = (char)(*c - 'a' + 'A');
        }
        if (!upper && *c >= 'A' && *c <= 'Z') {
            *c = (char)(*c - 'A' + 'a');
        }
    }
    return copy;
}

static void test_platforms(void)
{
    int count = 0;
    int i;

    for (i = 0; i < DOCUMENTED; i++) {
        if (i == 0 || strcmp(documented[i].platform, documented[i - 1].platform) != 0) {
            is_text(crm360_platform_name(count), documented[i].platform, "a platform's name");
            count++;
        }
        is_number(crm360_platform_find(documented[i].platform), count - 1, "its number");
    }
    is_number(count, CRM360_PLATFORMS, "CRM360_PLATFORMS");
    is_number(crm360_platform_find("sHoPiFy"), 0, "a platform in any case");
    is_number(crm360_platform_find("Shop"), -1, "an unknown platform");
}

static void test_table(apr_pool_t *pool)
{
    int i, rows = 0;

    for (i = 0; i < DOCUMENTED; i++) {
        const row_t *want = &documented[i];
        const char *name =
            apr_psprintf(pool, "%s/%s/%s", want->platform, want->entity, want->action);
        const crm360_route_t *route;
        int upper;

        for (upper = 0; upper < 2; upper++) {
            ok(crm360_route_find(&route, in_case(want->platform, upper, pool),
                                 in_case(want->entity, upper, pool),
                                 in_case(want->action, upper, pool)) == CRM360_ROUTE_FOUND,
               "%s is found in %s case", name, upper ? "upper" : "lower");
        }
        if (!route) {
            continue;
        }
        is_text(route->platform, want->platform, "  platform as documented");
        is_text(route->entity, want->entity, "  entity as documented");
        is_text(route->action, want->action, "  action as documented");
        is_text(crm360_lane_name(route->lane), want->lane, "  lane");
        is_number(route->reply, want->reply, "  reply");
        is_text(route->name, name, "  name");
        is_text(route->id_suffix,
                apr_psprintf(pool, "%s-%s-%s", want->platform, want->entity, want->action),
                "  id suffix");
        ok(crm360_route_by_name(name) == route, "  found by its name");
        ok(crm360_route_by_name(in_case(name, 1, pool)) == route,
           "  found by its name in capitals");
    }
    while (crm360_routes[rows].platform) {
        rows++;
    }
    is_number(rows, DOCUMENTED, "no row beyond the documented ones");
}

static void test_unknown(void)
{
    static const struct {
        const char *platform, *entity, *action;
        crm360_route_match_t want;
    } rows[] = {
        {"Shopifi", "Customer", "Insert", CRM360_ROUTE_NO_PLATFORM},
        {"", "", "", CRM360_ROUTE_NO_PLATFORM},
        {"Shopify2", "Customer", "Insert", CRM360_ROUTE_NO_PLATFORM},
        {"Shopify", "Ticket", "Update", CRM360_ROUTE_NO_ENTITY},
        {"Shopify", "Custome", "Insert", CRM360_ROUTE_NO_ENTITY},
        {"Shopify", "Customer", "Send", CRM360_ROUTE_NO_ACTION},
        {"Shopify", "Customer", "", CRM360_ROUTE_NO_ACTION},
        {"Zendesk", "Ticket", "Create", CRM360_ROUTE_NO_ACTION},
        {"CaptainWallet", "LoyaltyCard", "Send", CRM360_ROUTE_NO_ACTION},
        /* The entity exists in the first row of a platform, the action only under another one. */
        {"Crm360", "Sms", "Callback", CRM360_ROUTE_NO_ACTION},
    };
    unsigned i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const crm360_route_t *route = crm360_routes;

        ok(crm360_route_find(&route, rows[i].platform, rows[i].entity, rows[i].action) ==
               rows[i].want,
           "'%s/%s/%s' is unknown in the right part", rows[i].platform, rows[i].entity,
           rows[i].action);
        ok(route == NULL, "  and gives no route");
    }
    ok(crm360_route_by_name("Shopify/Customer") == NULL, "half a name is no route");
    ok(crm360_route_by_name("Shopify/Customer/Insert/") == NULL, "a longer name is no route");
    ok(crm360_route_by_name("") == NULL, "an empty name is no route");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    test_table(pool);
    test_platforms();
    test_unknown();
    apr_pool_destroy(pool);
    apr_terminate();
    return tap_done();
}
