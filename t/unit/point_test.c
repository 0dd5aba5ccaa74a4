/*
 * The state and the consent of mail addresses and numbers beside what sources say of their
 * contacts: any order of bounces, STOPs, consents and changes of address gives the same rows.
 */
#include "crm/point.h"

#include "crm/person.h"
#include "t/unit/order_tools.h"

#define SOURCE 12
#define OTHER_SOURCE 13
#define COUNT(steps) ((int)(sizeof(steps) / sizeof((steps)[0])))

/* ---- the steps ---- */

/* What a source says of a person; NULL = nothing, "" = empty. */
typedef struct said_t {
    int second;
    int source_id;
    int brand_id;
    const char *email;
    const char *phone;
    const char *email_optin;
    const char *mobile_optin;
} said_t;

static void say(crm_news_t *news, const char *version, const char *value)
{
    if (value) {
        crm_news_say(news, version, *value ? value : NULL);
    }
}

static apr_status_t person(apr_pool_t *p, const said_t *said)
{
    crm_person_t told = {
        .source_id = said->source_id, .identifier = "77", .brand_id = said->brand_id};
    const char *version = at(said->second, "person");

    crm_news_say(&told.contact[CRM_CONTACT_LAST_NAME], version, "Ann");
    say(&told.address[CRM_ADDRESS_EMAIL], version, said->email);
    say(&told.address[CRM_ADDRESS_MOBILE_PHONE], version, said->phone);
    say(&told.address[CRM_ADDRESS_EMAIL_OPTIN], version, said->email_optin);
    say(&told.address[CRM_ADDRESS_MOBILE_OPTIN], version, said->mobile_optin);
    return crm_person_save(NULL, db, &told, p);
}

#define PERSON(name, ...)                                                                          \
    static apr_status_t name(apr_pool_t *p)                                                        \
    {                                                                                              \
        return person(p, &(said_t){__VA_ARGS__});                                                  \
    }

#define POINT(name, second, kind, value, brand, ...)                                               \
    static apr_status_t name(apr_pool_t *p)                                                        \
    {                                                                                              \
        return crm_point_tell(db, kind, value, brand,                                              \
                              &(crm_point_news_t){at(second, #name), __VA_ARGS__}, p);             \
    }

#define ANN "ann@example.fr"
#define NEW "new@example.fr"
#define MOBILE "+33612345678"

PERSON(ann, 10, SOURCE, 0, ANN, MOBILE, "1", "1")
PERSON(ann_moves, 30, SOURCE, 0, NEW, NULL, NULL, NULL)
PERSON(ann_returns, 50, SOURCE, 0, "Ann@Example.FR", NULL, NULL, NULL)
PERSON(ann_agrees, 45, SOURCE, 0, NULL, NULL, "1", NULL)
PERSON(ann_says_nothing, 46, SOURCE, 0, NULL, NULL, "", "")
PERSON(ann_has_no_mail, 60, SOURCE, 0, "", "", NULL, NULL)
PERSON(ann_of_brand, 12, SOURCE, 3, ANN, MOBILE, NULL, NULL)
PERSON(ann_of_another, 14, OTHER_SOURCE, 0, ANN, NULL, "0", NULL)
PERSON(ann_without_consent, 11, SOURCE, 0, ANN, MOBILE, NULL, NULL)

POINT(bounce, 20, CRM_POINT_EMAIL, "ANN@example.fr", 0, CRM_EMAIL_INVALID, 0, 0)
POINT(complaint, 40, CRM_POINT_EMAIL, ANN, 0, CRM_EMAIL_COMPLAINED, 1, 0)
POINT(earlier_refusal, 5, CRM_POINT_EMAIL, ANN, 0, 0, 1, 0)
POINT(delivered, 35, CRM_POINT_EMAIL, NEW, 0, CRM_EMAIL_VALID, 0, 0)
POINT(new_refuses, 42, CRM_POINT_EMAIL, NEW, 0, 0, 1, 0)
POINT(refuses_brand, 44, CRM_POINT_EMAIL, ANN, 3, 0, 1, 0)
POINT(agrees_again, 55, CRM_POINT_EMAIL, ANN, 0, 0, 1, 1)
POINT(stop, 40, CRM_POINT_PHONE, MOBILE, 0, 0, 1, 0)
POINT(stop_brand, 41, CRM_POINT_PHONE, MOBILE, 3, 0, 1, 0)
POINT(start_all, 43, CRM_POINT_PHONE, MOBILE, 0, 0, 1, 1)
POINT(unknown_number, 43, CRM_POINT_PHONE, MOBILE, 0, CRM_PHONE_INVALID, 0, 0)

static const char *addresses(void)
{
    return ask("SELECT BrandId, Email, EmailStateId, EmailOptin, MobilePhoneNumber,"
               " MobilePhoneStateId, MobilePhoneOptin FROM Addresses"
               " ORDER BY COALESCE(BrandId, 0)");
}

/* ---- orders ---- */

static void mail(void)
{
    static const step_t bounces[] = {ann, bounce, ann_moves, delivered, earlier_refusal, complaint};
    static const step_t refusals[] = {ann,         complaint,  ann_moves,
                                      ann_returns, ann_agrees, new_refuses};
    static const step_t silence[] = {ann,         complaint,       ann_says_nothing, ann_moves,
                                     ann_returns, earlier_refusal, ann_has_no_mail};
    static const step_t unsaid[] = {ann_without_consent, complaint,    ann_moves,
                                    ann_returns,         agrees_again, new_refuses};

    all_steps_agree(bounces, COUNT(bounces), "bounces and a change of address");
    is_text(addresses(), "NULL|" NEW "|1|1|" MOBILE "|NULL|1",
            "  the new address has its own state, and the source's consent");
    all_steps_agree(refusals, COUNT(refusals), "refusals, a change of address and back");
    is_text(addresses(), "NULL|Ann@Example.FR|4|1|" MOBILE "|NULL|1",
            "  what was said last counts");
    all_steps_agree(silence, COUNT(silence), "a consent that is emptied, and the address as well");
    is_text(addresses(), "NULL|NULL|NULL|NULL|NULL|NULL|NULL", "  nothing is left");
    all_steps_agree(unsaid, COUNT(unsaid), "no consent but that of the address itself");
    is_text(addresses(), "NULL|Ann@Example.FR|4|1|" MOBILE "|NULL|NULL",
            "  it is that of the address that stands there");
}

static void brands(void)
{
    static const step_t mails[] = {ann,           ann_of_brand, complaint,
                                   refuses_brand, agrees_again, ann_of_another};
    static const step_t phones[] = {ann, ann_of_brand, stop, stop_brand, start_all, unknown_number};

    all_steps_agree(mails, COUNT(mails), "two brands and two sources");
    is_text(addresses(), "NULL|" ANN "|4|1|" MOBILE "|NULL|1\n3|" ANN "|4|1|" MOBILE "|NULL|NULL",
            "  the newest counts, whomever it was said to");
    all_steps_agree(phones, COUNT(phones), "a number's states and STOPs");
    is_text(addresses(), "NULL|" ANN "|NULL|1|" MOBILE "|2|1\n3|" ANN "|NULL|NULL|" MOBILE "|2|1",
            "  the newest counts");
}

static void stops(void)
{
    static const step_t of_brand[] = {ann, ann_of_brand, stop_brand};
    static const step_t of_all[] = {ann, ann_of_brand, stop};

    all_steps_agree(of_brand, COUNT(of_brand), "a STOP to one brand");
    is_text(ask("SELECT BrandId, MobilePhoneOptin FROM Addresses ORDER BY COALESCE(BrandId, 0)"),
            "NULL|1\n3|0", "  is for that brand only");
    all_steps_agree(of_all, COUNT(of_all), "a STOP to all");
    is_text(ask("SELECT BrandId, MobilePhoneOptin FROM Addresses ORDER BY COALESCE(BrandId, 0)"),
            "NULL|0\n3|0", "  is for all");
}

/* ---- everybody who has the address ---- */

static apr_status_t cousin(apr_pool_t *p)
{
    crm_person_t told = {.source_id = SOURCE, .identifier = "78"};

    crm_news_say(&told.address[CRM_ADDRESS_MOBILE_PHONE], at(15, "cousin"), MOBILE);
    return crm_person_save(NULL, db, &told, p);
}

static void families(void)
{
    static const step_t steps[] = {cousin, stop, unknown_number};

    empty();
    ok(run_alone(ann) == APR_SUCCESS && run_alone(cousin) == APR_SUCCESS, "two with one number");
    is_text(ask("SELECT COUNT(*) FROM Contacts"), "2", "  are two");
    ok(run_alone(stop) == APR_SUCCESS && run_alone(unknown_number) == APR_SUCCESS, "a STOP");
    is_text(ask("SELECT MobilePhoneStateId, MobilePhoneOptin FROM Addresses"), "2|0\n2|0",
            "  is for both");
    all_steps_agree(steps, COUNT(steps), "before and after the contact");
}

static apr_status_t nobody(apr_pool_t *p)
{
    crm_point_news_t news = {at(1, "x"), CRM_EMAIL_INVALID, 1, 0};
    apr_status_t rv = crm_point_tell(db, CRM_POINT_EMAIL, NULL, 0, &news, p);

    if (rv == APR_SUCCESS) {
        rv = crm_point_tell(db, CRM_POINT_EMAIL, "", 0, &news, p);
    }
    if (rv == APR_SUCCESS) {
        news.state = news.says_optin = 0;
        rv = crm_point_tell(db, CRM_POINT_EMAIL, ANN, 0, &news, p);
    }
    return rv;
}

static apr_status_t endless(apr_pool_t *p)
{
    crm_point_news_t news = {at(1, "x"), CRM_EMAIL_INVALID, 1, 0};
    char *text = apr_pcalloc(p, 256);

    memset(text, 'x', 255);
    text[200] = '@';
    return crm_point_tell(db, CRM_POINT_EMAIL, text, 0, &news, p);
}

static void odd(void)
{
    empty();
    ok(run_alone(nobody) == APR_SUCCESS, "no address, an empty one, no news: %s", crm_db_error(db));
    is_text(ask("SELECT (SELECT COUNT(*) FROM WebhookPoints), (SELECT COUNT(*) FROM"
                " WebhookMatches)"),
            "0|0", "  do nothing");
    ok(run_alone(endless) == CRM360_EDATA, "an address of 255 bytes is refused");
    ok(strstr(crm_db_error(db), "longer than any can be") != NULL, "  which is said: %s",
       crm_db_error(db));
}

/* ---- notes that were written before groups kept their value ---- */

static void old_notes(void)
{
    const char *notes;

    empty();
    ok(run_alone(ann) == APR_SUCCESS, "somebody who has agreed");
    notes = apr_psprintf(pool,
                         "UPDATE WebhookVersions SET Versions = '{\"email\":[\"%s\",\"12:77\"],"
                         "\"emailoptin\":[\"%s\",\"12:77\"]}' WHERE TargetTable = 'Addresses'",
                         at(10, "person"), at(10, "person"));
    tools_execute(section, notes);
    ok(run_alone(complaint) == APR_SUCCESS, "who complains");
    is_text(ask("SELECT EmailOptin FROM Addresses"), "0", "  has refused");
    ok(run_alone(ann_moves) == APR_SUCCESS, "and gets another address");
    is_text(ask("SELECT EmailOptin FROM Addresses"), "1", "  for which her own word counts");
    ok(run_alone(ann_returns) == APR_SUCCESS, "and returns to the old one");
    is_text(ask("SELECT EmailOptin FROM Addresses"), "0", "  where the complaint does");
}

/* ---- one address of very many ---- */

/* Pages of memory that this program has. */
static long pages(void)
{
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file) {
        if (fscanf(file, "%ld %ld", &size, &resident) != 2) {
            resident = 0;
        }
        fclose(file);
    }
    return resident;
}

static void placeholders(void)
{
    long before;

    empty();
    tools_execute(section, "INSERT INTO Contacts (LastName) WITH RECURSIVE n (i) AS"
                           " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
                           " SELECT 'Nobody' FROM n;"
                           "INSERT INTO Addresses (ContactId, MobilePhoneNumber, MobilePhoneOptin)"
                           " SELECT ContactId, '" MOBILE "', 1 FROM Contacts");
    before = pages();
    ok(run_alone(stop) == APR_SUCCESS, "a STOP for a number that 3,000 contacts have");
    is_text(ask("SELECT COUNT(*), SUM(MobilePhoneOptin) FROM Addresses"), "3000|0",
            "  is for all of them");
    /* Sanitizers keep what was freed for a while: no memory is looked at then. */
    ok(getenv("CRM360_TIMING") || pages() - before < 3000, "  and takes little memory: %ld pages",
       pages() - before);
}

/* ---- one version from two writers ---- */

PERSON(twin_1, 10, SOURCE, 0, ANN, NULL, "1", NULL)
PERSON(twin_2, 10, OTHER_SOURCE, 0, ANN, MOBILE, "0", "1")
PERSON(twin_1_silent, 20, SOURCE, 0, ANN, NULL, "", NULL)

static void twins(void)
{
    static const step_t steps[] = {twin_1, twin_2, twin_1_silent};

    all_steps_agree(steps, 2, "one version from two sources");
    is_text(addresses(), "NULL|" ANN "|NULL|0|" MOBILE "|NULL|1",
            "  the same one is the newer in any order");
    all_steps_agree(steps, 3, "and one of them empties");
    is_text(addresses(), "NULL|" ANN "|NULL|0|" MOBILE "|NULL|1", "  what is not its own");
}

int main(void)
{
    start();
    mail();
    brands();
    stops();
    families();
    odd();
    old_notes();
    placeholders();
    twins();
    return tap_done();
}
