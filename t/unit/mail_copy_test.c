/*
 * The ids of mail copies: told from those of webhooks and of elements, never taken for another's,
 * and sent to their own lane, for every route.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>

#include "core/mail_copy.h"
#include "core/message_element.h"
#include "core/queue_admin.h"
#include "t/unit/tap.h"

static void ids(apr_pool_t *pool)
{
    static const char *const others[] = {"",       ".mail",     "x",     "x.mail.1", "x.MAIL",
                                         "x.mai",  "x.mails",   "xmail", "x.mail ",  "x.1",
                                         "mail.x", ".mail.mai", "mail"};
    apr_size_t i;

    is_text(crm360_mail_id("x", pool), "x.mail", "the id of a copy");
    ok(crm360_id_is_mail("x.mail"), "is known by its end");
    is_text(crm360_mail_source("x.mail", pool), "x", "and leads back");
    is_text(crm360_mail_source("x.1", pool), "x.1", "others are what they are");
    for (i = 0; i < sizeof others / sizeof others[0]; i++) {
        ok(!crm360_id_is_mail(others[i]), "'%s' is none", others[i]);
    }
}

static void fits(void)
{
    static const struct {
        const char *id, *stored;
        int fits;
    } rows[] = {
        {"x", "x", 1},           {"x.mail", "x", 1},      {"x", "x.mail", 0},
        {"x.mail", "x.mail", 0}, {"x.mail", "xy", 0},     {"x.mail", "", 0},
        {"xy.mail", "x", 0},     {"x.1", "x", 0},         {"x", "X", 0},
        {"x.1.mail", "x.1", 1},  {"x.mail.mail", "x", 0},
    };
    apr_size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        is_number(crm360_id_fits(rows[i].id, rows[i].stored), rows[i].fits,
                  rows[i].fits ? "it is that message" : "it is another one");
    }
}

static void lanes(apr_pool_t *pool)
{
    const crm360_route_t *route;
    crm360_message_t message = {.id = NULL};
    int count = 0;

    for (route = crm360_routes; route->platform; route++, count++) {
        const char *id = crm360_message_id(route, apr_time_now(), pool);
        const char *mail = crm360_mail_id(id, pool);

        message.id = mail;
        ok(crm360_id_is_mail(mail) && !crm360_id_is_mail(id), "%s: a copy is one", route->name);
        ok(!crm360_message_is_element(&message), "  and no element");
        ok(crm360_id_route(mail) == route && crm360_id_route(id) == route, "  of the same route");
        is_number(crm360_id_lane(mail), CRM360_LANE_SEND, "  in lane send");
        is_number(crm360_id_lane(id), route->lane, "  the webhook in its own");
        is_number(crm360_id_lane(crm360_element_id(id, 7, pool)), CRM360_LANE_BATCH,
                  "  and an element in batch");
        ok(strlen(mail) <= CRM360_ID_MOST, "  short enough");
    }
    is_number(count, CRM360_ROUTES, "all routes");
    ok(!crm360_id_route("x.mail") && !crm360_id_route("x-y.mail"), "no route, no route");
    is_number(crm360_id_lane("x.mail"), CRM360_LANE_SEND, "but a lane");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    ids(pool);
    fits();
    lanes(pool);
    return tap_done();
}
