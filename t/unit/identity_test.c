/*
 * Who is who: which messages of which sources end in one contact, and which in two, in any order
 * in which they can come.
 */
#include "crm/db_private.h"
#include "crm/person.h"
#include "t/unit/order_tools.h"

#define ANN "ann@example.fr"
#define BOB "bob@example.fr"
#define MOBILE "+33612345678"
#define OTHER "+33698765432"

/* What a source says of somebody; identifier NULL = it has no name for the person. */
typedef struct said_t {
    int source_id;
    const char *identifier;
    const char *email;
    const char *phone;
} said_t;

typedef struct situation_t {
    const char *name;
    said_t said[5];
    /* Identifiers of one contact joined by '=', contacts by ", ". */
    const char *want;
    int in_order; /* only in the order in which they stand here */
} situation_t;

static const situation_t situations[] = {
    {"one name",
     {{12, "77", ANN, MOBILE}, {12, "77", BOB, NULL}, {12, "77", NULL, NULL}},
     "12:77",
     0},
    {"one name of two sources is two people's",
     {{12, "77", ANN, NULL}, {13, "77", BOB, NULL}},
     "12:77, 13:77",
     0},
    {"known by mail, in other letters",
     {{12, "77", ANN, NULL}, {13, "5", "ANN@Example.FR", NULL}},
     "12:77=13:5",
     0},
    {"known by mobile number", {{12, "77", ANN, MOBILE}, {13, "5", BOB, MOBILE}}, "12:77=13:5", 0},
    {"neither", {{12, "77", ANN, MOBILE}, {13, "5", BOB, OTHER}}, "12:77, 13:5", 0},
    {"nothing to be known by", {{12, "77", NULL, NULL}, {13, "5", NULL, NULL}}, "12:77, 13:5", 0},
    {"three sources and one mail address",
     {{12, "77", ANN, NULL}, {13, "5", ANN, NULL}, {14, "x", "Ann@example.fr", NULL}},
     "12:77=13:5=14:x",
     0},
    {"the mail address decides before the number",
     {{12, "77", ANN, OTHER}, {12, "78", BOB, MOBILE}, {13, "5", ANN, MOBILE}},
     "12:77=13:5, 12:78",
     1},
    {"a family shares a number",
     {{12, "77", ANN, MOBILE}, {12, "78", BOB, MOBILE}},
     "12:77, 12:78",
     0},
    {"a family shares a mail address",
     {{12, "77", ANN, NULL}, {12, "78", ANN, NULL}},
     "12:77, 12:78",
     0},
    {"a family of three with nothing but a number",
     {{12, "77", NULL, MOBILE}, {12, "78", NULL, MOBILE}, {12, "79", NULL, MOBILE}},
     "12:77, 12:78, 12:79",
     0},
    {"another source knows the family's number: it is the oldest's",
     {{12, "77", ANN, MOBILE}, {12, "78", BOB, MOBILE}, {13, "5", NULL, MOBILE}},
     "12:77=13:5, 12:78",
     1},
    {"another source knows two of the family",
     {{12, "77", ANN, MOBILE},
      {12, "78", BOB, MOBILE},
      {13, "5", ANN, MOBILE},
      {13, "6", BOB, MOBILE}},
     "12:77=13:5, 12:78=13:6",
     1},
    /* whom the source has no name for */
    {"a guest, twice",
     {{12, NULL, ANN, MOBILE}, {12, NULL, "Ann@Example.fr", NULL}},
     "12:email:" ANN,
     0},
    {"a guest by number, twice",
     {{12, NULL, NULL, MOBILE}, {12, NULL, NULL, MOBILE}},
     "12:phone:" MOBILE,
     0},
    {"a guest and the customer webhook",
     {{12, NULL, ANN, NULL}, {12, "77", ANN, NULL}},
     "12:77=12:email:" ANN,
     0},
    {"a guest by number and the customer webhook",
     {{12, NULL, NULL, MOBILE}, {12, "77", ANN, MOBILE}},
     "12:77=12:phone:" MOBILE,
     0},
    {"a guest with both, later a customer with both",
     {{12, NULL, ANN, MOBILE}, {12, "77", ANN, MOBILE}},
     "12:77=12:email:" ANN,
     0},
    {"a guest of another source",
     {{12, "77", ANN, NULL}, {13, NULL, ANN, NULL}},
     "12:77=13:email:" ANN,
     0},
    {"guests of two sources",
     {{12, NULL, ANN, NULL}, {13, NULL, ANN, MOBILE}},
     "12:email:" ANN "=13:email:" ANN,
     0},
    {"two guests of a family, each with a mail address",
     {{12, NULL, ANN, MOBILE}, {12, NULL, BOB, MOBILE}},
     "12:email:" ANN ", 12:email:" BOB,
     0},
    {"a guest with a customer's number, but a mail address of his own",
     {{12, "77", ANN, MOBILE}, {12, NULL, BOB, MOBILE}},
     "12:77, 12:email:" BOB,
     0},
    {"a guest by number, of a customer who is known by mail and number",
     {{12, "77", ANN, MOBILE}, {12, NULL, NULL, MOBILE}, {12, NULL, ANN, NULL}},
     "12:77=12:email:" ANN "=12:phone:" MOBILE,
     1},
    {"guests whom only a later message ties together stay two: merging is for RnvpDedup",
     {{12, NULL, NULL, MOBILE}, {12, NULL, ANN, NULL}, {12, "77", ANN, MOBILE}},
     "12:77=12:email:" ANN ", 12:phone:" MOBILE,
     1},
    {"a customer of the family comes after the guest",
     {{12, NULL, ANN, MOBILE}, {12, "78", BOB, MOBILE}},
     "12:78, 12:email:" ANN,
     0},
    {"a guest by number is the first customer's who has it",
     {{12, NULL, NULL, MOBILE}, {12, "77", ANN, MOBILE}, {12, "78", BOB, MOBILE}},
     "12:77=12:phone:" MOBILE ", 12:78",
     1},
    {"the name stays when the address is another's by now",
     {{12, "77", ANN, NULL}, {12, "77", BOB, NULL}, {13, "5", ANN, NULL}},
     "12:77, 13:5",
     1},
};

static const situation_t *now; /* what the steps say */

static apr_status_t say(int number, apr_pool_t *p)
{
    const said_t *said = &now->said[number];
    crm_person_t told = {.source_id = said->source_id, .identifier = said->identifier};
    const char *version = at(10 + number, "person");

    crm_news_say(&told.contact[CRM_CONTACT_LAST_NAME], version, apr_itoa(p, number));
    if (said->email) {
        crm_news_say(&told.address[CRM_ADDRESS_EMAIL], version, said->email);
    }
    if (said->phone) {
        crm_news_say(&told.address[CRM_ADDRESS_MOBILE_PHONE], version, said->phone);
    }
    if (!said->identifier && !crm_person_identify(&told, p)) {
        return APR_EGENERAL;
    }
    return crm_person_save(NULL, db, &told, p);
}

/* Who is together, in the transaction in progress. */
static const char *together(void)
{
    static const crm_db_statement_t select = {
        .label = "test_together",
        .sql = "SELECT ContactId, CAST(SourceId AS TEXT) || ':' || Identifier"
               " FROM ContactIdentifiers ORDER BY 2"};
    const char *text = "";
    crm_db_rows_t rows;
    int i, k;

    if (crm_db_select(&rows, db, &select, NULL, 0, pool) != APR_SUCCESS) {
        return crm_db_error(db);
    }
    for (i = 0; i < rows.count; i++) {
        apr_int64_t contact = crm_db_number(&rows, i, 0);

        for (k = 0; k < i && crm_db_number(&rows, k, 0) != contact; k++) {
        }
        if (k < i) {
            continue;
        }
        text = apr_pstrcat(pool, text, *text ? ", " : "", crm_db_cell(&rows, i, 1), NULL);
        for (k = i + 1; k < rows.count; k++) {
            if (crm_db_number(&rows, k, 0) == contact) {
                text = apr_pstrcat(pool, text, "=", crm_db_cell(&rows, k, 1), NULL);
            }
        }
    }
    return text;
}

/* Each message in the order, and once more; nothing stays. */
static const char *who(const int *order, int count)
{
    const char *text = NULL;
    int i;

    if (crm_db_begin(db) != APR_SUCCESS) {
        return crm_db_error(db);
    }
    for (i = 0; i < 2 * count && !text; i++) {
        apr_pool_t *own;

        apr_pool_create(&own, pool);
        if (say(order[i % count], own) != APR_SUCCESS) {
            text = apr_pstrcat(pool, "failed: ", crm_db_error(db), NULL);
        }
        apr_pool_destroy(own);
    }
    text = text ? text : together();
    crm_db_rollback(db);
    return text;
}

static void who_is_who(void)
{
    size_t i;

    for (i = 0; i < sizeof(situations) / sizeof(situations[0]); i++) {
        int order[5] = {0, 1, 2, 3, 4}, count = 0, orders = 0, good = 0;

        now = &situations[i];
        while (count < 5 && now->said[count].source_id) {
            count++;
        }
        do {
            const char *got = who(order, count);

            orders++;
            good += strcmp(got, now->want) == 0;
            if (strcmp(got, now->want) != 0) {
                printf("# order %d %d %d %d %d:\n#      got: %s\n# expected: %s\n", order[0],
                       order[1], order[2], order[3], order[4], got, now->want);
            }
        } while (!now->in_order && next_order(order, count));
        is_number(good, orders, now->name);
    }
}

/* ---- deleted people ---- */

static apr_status_t ann_of_12(apr_pool_t *p)
{
    static const situation_t it = {.said = {{12, "77", ANN, MOBILE}}};

    now = &it;
    return say(0, p);
}

static apr_status_t ann_of_13(apr_pool_t *p)
{
    static const situation_t it = {.said = {{13, "5", ANN, NULL}}};

    now = &it;
    return say(0, p);
}

static apr_status_t guest(apr_pool_t *p)
{
    static const situation_t it = {.said = {{12, NULL, ANN, NULL}}};

    now = &it;
    return say(0, p);
}

static apr_status_t end_at_12(apr_pool_t *p)
{
    return crm_person_delete(db, 12, "77", p);
}

static apr_status_t end_at_13(apr_pool_t *p)
{
    return crm_person_delete(db, 13, "5", p);
}

static const char *contacts(void)
{
    return ask("SELECT COUNT(*), SUM(DeletionFlag) FROM Contacts");
}

static void deletions(void)
{
    static const step_t alone[] = {ann_of_12, end_at_12};

    all_steps_agree(alone, 2, "somebody who is deleted");
    is_text(contacts(), "1|1", "  stays so");
    empty();
    ok(run_alone(ann_of_12) == APR_SUCCESS && run_alone(ann_of_13) == APR_SUCCESS &&
           run_alone(end_at_12) == APR_SUCCESS,
       "deleted by one of two sources");
    is_text(contacts(), "1|0", "  is still there");
    ok(run_alone(end_at_13) == APR_SUCCESS, "by both");
    is_text(contacts(), "1|1", "  is not");
    ok(run_alone(ann_of_13) == APR_SUCCESS && run_alone(ann_of_12) == APR_SUCCESS, "late news");
    is_text(contacts(), "1|1", "  bring nobody back");
    ok(run_alone(guest) == APR_SUCCESS, "a guest with that address");
    is_text(contacts(), "2|1", "  is somebody new");
    is_text(ask("SELECT LOWER(a.Email), m.ContactId = a.ContactId FROM Addresses a"
                " JOIN WebhookMatches m ON m.MatchKey = 'email:' || a.Email"
                " WHERE a.DeletionFlag = 0"),
            tools_pgsql() ? ANN "|t" : ANN "|1", "  who has the address now");
}

/* ---- what cannot be ---- */

static apr_status_t long_mail(apr_pool_t *p)
{
    crm_person_t told = {.source_id = 12, .identifier = "9"};
    char *text = apr_pcalloc(p, 300);

    memset(text, 'm', 299);
    text[250] = '@';
    crm_news_say(&told.address[CRM_ADDRESS_EMAIL], at(1, ""), text);
    return crm_person_save(NULL, db, &told, p);
}

static apr_status_t empty_mail(apr_pool_t *p)
{
    crm_person_t told = {.source_id = 12, .identifier = "9"};

    crm_news_say(&told.address[CRM_ADDRESS_EMAIL], at(1, ""), "");
    return crm_person_save(NULL, db, &told, p);
}

static void odd(void)
{
    crm_person_t nobody = {.source_id = 12};

    empty();
    is_number(run_alone(long_mail), CRM360_EDATA, "a mail address of 299 bytes");
    is_number(run_alone(empty_mail), APR_SUCCESS, "an empty one");
    is_text(ask("SELECT COUNT(*) FROM WebhookMatches"), "0", "  recognises nobody");
    is_number(crm_person_identify(&nobody, pool), 0, "nobody has no name");
    crm_news_say(&nobody.address[CRM_ADDRESS_MOBILE_PHONE], at(1, ""), MOBILE);
    is_number(crm_person_identify(&nobody, pool), 1, "a number is one");
    is_text(nobody.identifier, "phone:" MOBILE, "  with its kind in front");
    crm_news_say(&nobody.address[CRM_ADDRESS_EMAIL], at(1, ""), "Ann@Example.FR");
    is_number(crm_person_identify(&nobody, pool), 1, "a mail address comes first");
    is_text(nobody.identifier, "email:" ANN, "  in small letters");
}

int main(void)
{
    start();
    who_is_who();
    deletions();
    odd();
    return tap_done();
}
