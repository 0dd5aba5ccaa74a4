/*
 * The timeline: an event is there once, and belongs to whoever has its address, before or after;
 * old events are pruned.
 */
#include "crm/event.h"

#include "crm/date.h"
#include "crm/person.h"
#include "crm/retention.h"
#include "t/unit/order_tools.h"

#define SOURCE 12
#define COUNT(steps) ((int)(sizeof(steps) / sizeof((steps)[0])))

#define ANN "ann@example.fr"
#define NEW "new@example.fr"
#define MOBILE "+33612345678"

/* ---- the steps ---- */

/* An event that several messages tell of, each in its own way. */
static apr_status_t retell(apr_pool_t *p, const char *message_id, const char *address)
{
    crm_event_t event = {.source_id = SOURCE,
                         .identifier = "told:5",
                         .message_id = message_id,
                         .kind = "web.participate",
                         .address_kind = CRM_POINT_EMAIL,
                         .address = address};

    return crm_event_add(NULL, db, &event, p);
}

static apr_status_t first_tells(apr_pool_t *p)
{
    return retell(p, "01JDCW3T2XQ5M7V9K0B4000001-X", NULL);
}

static apr_status_t second_tells(apr_pool_t *p)
{
    return retell(p, "01JDCW3T2XQ5M7V9K0B4000002-X", ANN);
}

static apr_status_t bob_tells(apr_pool_t *p)
{
    return retell(p, "01JDCW3T2XQ5M7V9K0B4000003-X", "bob@example.fr");
}

static apr_status_t add(apr_pool_t *p, const char *identifier, const char *address,
                        crm_point_kind_t kind)
{
    crm_event_t event = {.source_id = SOURCE,
                         .identifier = identifier,
                         .message_id = "01JDCW3T2XQ5M7V9K0B4000001-Mailjet-email-Callback",
                         .kind = kind == CRM_POINT_EMAIL ? "email.open" : "sms.delivered",
                         .channel = kind == CRM_POINT_EMAIL ? CRM_CHANNEL_EMAIL : CRM_CHANNEL_SMS,
                         .category = CRM_CATEGORY_REACTION,
                         .at_ms = 1772446527000,
                         .address_kind = kind,
                         .address = address,
                         .reference = "19421777396190490",
                         .detail = "{\"ip\":\"192.0.2.1\"}"};

    return crm_event_add(NULL, db, &event, p);
}

static apr_status_t ann_opens(apr_pool_t *p)
{
    return add(p, "open:1", "Ann@Example.FR", CRM_POINT_EMAIL);
}

static apr_status_t new_opens(apr_pool_t *p)
{
    return add(p, "open:2", NEW, CRM_POINT_EMAIL);
}

static apr_status_t sms_arrives(apr_pool_t *p)
{
    return add(p, "sms:3", MOBILE, CRM_POINT_PHONE);
}

static apr_status_t nobody_opens(apr_pool_t *p)
{
    return add(p, "open:4", NULL, CRM_POINT_EMAIL);
}

static apr_status_t person(apr_pool_t *p, int second, const char *identifier, const char *email,
                           const char *phone)
{
    crm_person_t told = {.source_id = SOURCE, .identifier = identifier};
    const char *version = at(second, identifier);

    crm_news_say(&told.contact[CRM_CONTACT_LAST_NAME], version, identifier);
    if (email) {
        crm_news_say(&told.address[CRM_ADDRESS_EMAIL], version, email);
    }
    if (phone) {
        crm_news_say(&told.address[CRM_ADDRESS_MOBILE_PHONE], version, phone);
    }
    return crm_person_save(NULL, db, &told, p);
}

static apr_status_t ann(apr_pool_t *p)
{
    return person(p, 1, "ann", ANN, MOBILE);
}

static apr_status_t ann_moves(apr_pool_t *p)
{
    return person(p, 2, "ann", NEW, NULL);
}

static apr_status_t ann_ends(apr_pool_t *p)
{
    return crm_person_delete(db, SOURCE, "ann", p);
}

static apr_status_t bob(apr_pool_t *p)
{
    return person(p, 3, "bob", "bob@example.fr", NULL);
}

static const char *events(void)
{
    return ask("SELECT EventIdentifier, LastName, Address FROM WebhookEvents e LEFT JOIN Contacts c"
               " ON c.ContactId = e.ContactId ORDER BY EventIdentifier");
}

static void orders(void)
{
    static const step_t moves[] = {ann, ann_opens, ann_moves, new_opens, sms_arrives, bob};
    static const step_t ends[] = {ann, ann_opens, ann_ends, sms_arrives, nobody_opens};
    static const step_t strangers[] = {bob, ann_opens, sms_arrives, nobody_opens};

    static const step_t retold[] = {ann, bob, second_tells, bob_tells};
    static const step_t nobodys[] = {ann, bob, first_tells, second_tells, bob_tells};

    all_steps_agree(retold, COUNT(retold), "an event that two messages tell differently");
    is_text(events(), "told:5|ann|" ANN, "  is whose the first of them says");
    all_steps_agree(nobodys, COUNT(nobodys), "an event that three messages tell differently");
    is_text(events(), "told:5|NULL|NULL", "  is nobody's, as the first of them says");
    all_steps_agree(moves, COUNT(moves), "events and a change of address");
    is_text(events(), "open:1|ann|" ANN "\nopen:2|ann|" NEW "\nsms:3|ann|" MOBILE,
            "  all are hers");
    all_steps_agree(ends, COUNT(ends), "events and a deletion");
    is_text(events(), "open:1|ann|" ANN "\nopen:4|NULL|NULL\nsms:3|ann|" MOBILE,
            "  what was hers stays hers");
    all_steps_agree(strangers, COUNT(strangers), "events of nobody");
    is_text(events(), "open:1|NULL|" ANN "\nopen:4|NULL|NULL\nsms:3|NULL|" MOBILE,
            "  belong to nobody");
}

/* ---- one event ---- */

static int fresh;
static crm_event_t one;

static apr_status_t add_one(apr_pool_t *p)
{
    return crm_event_add(&fresh, db, &one, p);
}

/* Adds it and says whether it was new. */
static int added(void)
{
    fresh = -1;
    if (run_alone(add_one) != APR_SUCCESS) {
        printf("# %s\n", crm_db_error(db));
        return -1;
    }
    return fresh;
}

static void rows(void)
{
    char *text = apr_pcalloc(pool, 10001);

    memset(text, 'i', 10000);
    empty();
    one = (crm_event_t){.source_id = SOURCE,
                        .identifier = "1",
                        .message_id = "m",
                        .kind = "web.participate",
                        .channel = CRM_CHANNEL_WEB,
                        .category = CRM_CATEGORY_PARTICIPATION,
                        .at_ms = -1};
    is_number(added(), 1, "an event without anything");
    is_text(ask("SELECT SourceId, EventIdentifier, MessageId, ContactId, Kind, At, EventChannelId,"
                " EventCategoryId, Address, Reference, Detail FROM WebhookEvents"),
            "12|1|m|NULL|web.participate|1969-12-31T23:59:59|3|6|NULL|NULL|NULL", "  its row");
    is_number(added(), 0, "  once more");
    one.source_id = 13;
    is_number(added(), 1, "  of another source");
    one.address = "";
    one.identifier = "empty";
    is_number(added(), 1, "  with an empty address");
    is_text(ask("SELECT Address FROM WebhookEvents WHERE EventIdentifier = 'empty'"), "NULL",
            "  has none");
    is_text(ask("SELECT COUNT(*) FROM WebhookMatches"), "0", "  and holds none");
    one.identifier = one.reference = text;
    is_number(added(), 1, "a long name");
    is_number(added(), 0, "  once more");
    text[9999] = 'x';
    is_number(added(), 1, "another one");
    is_text(ask("SELECT MAX(LENGTH(EventIdentifier)), MAX(LENGTH(Reference)) FROM WebhookEvents"),
            "40|40", "  are stored short");
    text[100] = '\0';
    is_number(added(), 1, "100 letters");
    is_text(ask("SELECT MAX(LENGTH(EventIdentifier)) FROM WebhookEvents"), "100",
            "  are stored as they are");
    one.identifier = "at";
    one.at_ms = INT64_MAX;
    is_number(added(), 1, "a moment that no calendar has");
    one.identifier = "address";
    memset(text, 'a', 300);
    text[300] = '\0';
    one.address = text;
    is_number(run_alone(add_one), CRM360_EDATA, "an address that cannot be");
}

/* ---- old ones ---- */

static void pruning(void)
{
    crm_retention_t keep = {apr_time_from_sec(3600), apr_time_from_sec(7200)};
    crm_pruned_t pruned;
    const apr_int64_t now = apr_time_now() / 1000;
    int i;

    empty();
    for (i = 0; i < 30; i++) {
        one = (crm_event_t){.source_id = SOURCE,
                            .identifier = apr_itoa(pool, i),
                            .message_id = "m",
                            .kind = "email.open",
                            .channel = CRM_CHANNEL_EMAIL,
                            .category = CRM_CATEGORY_REACTION,
                            .at_ms = now - i * (apr_int64_t)600000 - 300000,
                            .address = ANN};
        added();
    }
    ok(crm_retention_prune(&pruned, db, &keep, 10, pool) == APR_SUCCESS, "pruning");
    is_number(pruned.events, 10, "  some at a time");
    ok(pruned.more, "  which is said");
    while (pruned.more && crm_retention_prune(&pruned, db, &keep, 10, pool) == APR_SUCCESS) {
    }
    is_text(ask("SELECT COUNT(*), MAX(CAST(EventIdentifier AS INTEGER)) FROM WebhookEvents"),
            "12|11", "  what is older than two hours goes");
    ok(run_alone(ann) == APR_SUCCESS, "who comes later");
    is_text(ask("SELECT COUNT(*) FROM WebhookEvents WHERE ContactId IS NULL"), "0",
            "  takes what is left");
}

int main(void)
{
    start();
    orders();
    rows();
    pruning();
    return tap_done();
}
