/*
 * Many processes that write about the same things at once, in batches as the workers do it, each
 * thing told in a random order and several times: the rows are those of one process that did all of
 * it in order. On PostgreSQL with eight processes, on SQLite with two.
 */
#include <apr_strings.h>

#include <sys/wait.h>
#include <unistd.h>

#include "crm/case.h"
#include "crm/event.h"
#include "crm/good.h"
#include "crm/person.h"
#include "crm/point.h"
#include "crm/purchase.h"
#include "t/unit/order_tools.h"

#define SOURCE 12
#define OTHER_SOURCE 13
#define THINGS 24 /* of each kind */
#define BATCH 6
#define ATTEMPTS 50 /* of one message that is in conflict with others */

/* One message about thing number `k`. Its pool is `p`. */
typedef apr_status_t (*told_t)(int k, apr_pool_t *p);

static const char *name(const char *form, int k)
{
    return apr_psprintf(pool, form, k);
}

/* ---- people ---- */

static apr_status_t save(crm_person_t *told, int second, const char *last_name, const char *email,
                         const char *phone, apr_pool_t *p)
{
    const char *version = at(second, "person");

    crm_news_say(&told->contact[CRM_CONTACT_LAST_NAME], version, last_name);
    if (email) {
        crm_news_say(&told->address[CRM_ADDRESS_EMAIL], version, email);
    }
    if (phone) {
        crm_news_say(&told->address[CRM_ADDRESS_MOBILE_PHONE], version, phone);
    }
    crm_news_say(&told->address[CRM_ADDRESS_EMAIL_OPTIN], version, second % 2 ? "1" : NULL);
    if (!told->identifier && !crm_person_identify(told, p)) {
        return APR_EGENERAL;
    }
    return crm_person_save(NULL, db, told, p);
}

/* Everybody's sources agree on mail address and number, so it is one person in any order. */
static apr_status_t shop(int k, apr_pool_t *p)
{
    crm_person_t told = {.source_id = SOURCE, .identifier = name("s%d", k)};

    return save(&told, 11, "Shop", name("p%d@example.fr", k), name("+336100%05d", k), p);
}

static apr_status_t till(int k, apr_pool_t *p)
{
    crm_person_t told = {.source_id = OTHER_SOURCE, .identifier = name("t%d", k)};

    return save(&told, 12, "Till", name("P%d@Example.FR", k), name("+336100%05d", k), p);
}

static apr_status_t guest(int k, apr_pool_t *p)
{
    crm_person_t told = {.source_id = SOURCE};

    return save(&told, 13, "Guest", name("p%d@example.fr", k), NULL, p);
}

static apr_status_t brand(int k, apr_pool_t *p)
{
    crm_person_t told = {.source_id = SOURCE, .identifier = name("s%d", k), .brand_id = 1 + k % 3};

    return save(&told, 14, "Brand", name("p%d@example.fr", k), name("+336100%05d", k), p);
}

static apr_status_t bounce(int k, apr_pool_t *p)
{
    return crm_point_tell(db, CRM_POINT_EMAIL, name("p%d@example.fr", k), 0,
                          &(crm_point_news_t){at(20, "bounce"), CRM_EMAIL_INVALID, 1, 0}, p);
}

static apr_status_t stop(int k, apr_pool_t *p)
{
    return crm_point_tell(db, CRM_POINT_PHONE, name("+336100%05d", k), 1 + k % 3,
                          &(crm_point_news_t){at(21, "stop"), CRM_PHONE_SUSPECT, 1, 0}, p);
}

static apr_status_t event(const char *identifier, crm_point_kind_t kind, const char *address,
                          apr_pool_t *p)
{
    crm_event_t it = {.source_id = SOURCE,
                      .identifier = identifier,
                      .message_id = "m",
                      .kind = "some.thing",
                      .channel = CRM_CHANNEL_SMS,
                      .category = CRM_CATEGORY_OTHER,
                      .at_ms = 1000,
                      .address_kind = kind,
                      .address = address};

    return crm_event_add(NULL, db, &it, p);
}

static apr_status_t mail_opened(int k, apr_pool_t *p)
{
    return event(name("open %d", k), CRM_POINT_EMAIL, name("p%d@example.fr", k), p);
}

static apr_status_t sms_arrived(int k, apr_pool_t *p)
{
    return event(name("sms %d", k), CRM_POINT_PHONE, name("+336100%05d", k), p);
}

/* One source's people, whose address changes, and who are deleted. */
static apr_status_t mover(int k, apr_pool_t *p)
{
    crm_person_t told = {.source_id = SOURCE, .identifier = name("m%d", k)};

    return save(&told, 11, "Mover", name("old%d@example.fr", k), NULL, p);
}

static apr_status_t moved(int k, apr_pool_t *p)
{
    crm_person_t told = {.source_id = SOURCE, .identifier = name("m%d", k)};

    return save(&told, 13, "Moved", name("new%d@example.fr", k), NULL, p);
}

static apr_status_t gone(int k, apr_pool_t *p)
{
    return k % 3 ? APR_SUCCESS : crm_person_delete(db, SOURCE, name("m%d", k), p);
}

static apr_status_t old_opened(int k, apr_pool_t *p)
{
    return event(name("old %d", k), CRM_POINT_EMAIL, name("old%d@example.fr", k), p);
}

static apr_status_t new_complains(int k, apr_pool_t *p)
{
    return crm_point_tell(db, CRM_POINT_EMAIL, name("new%d@example.fr", k), 0,
                          &(crm_point_news_t){at(12, "x"), CRM_EMAIL_COMPLAINED, 1, 0}, p);
}

/* ---- goods and purchases: all orders have lines of a few products ---- */

#define PRODUCTS 5

static apr_status_t product(int k, int second, int variants, apr_pool_t *p)
{
    const char *listed[4];
    crm_good_t goods[4] = {{.identifier = NULL}};
    crm_product_t told = {.source_id = SOURCE,
                          .identifier = name("product %d", k % PRODUCTS),
                          .version = at(second, "product"),
                          .goods = goods,
                          .listed = listed,
                          .listed_count = variants};
    int category = 0, i;
    apr_status_t rv = crm_good_category(&category, db, SOURCE, 0, name("kind %d", second % 2), p);

    for (i = 0; i < variants; i++) {
        goods[i].identifier = listed[i] = name("good %d", k % PRODUCTS * 10 + i);
        crm_news_say(&goods[i].news[CRM_GOOD_LABEL], told.version, name("at %d", second));
        crm_news_say_id(&goods[i].news[CRM_GOOD_CATEGORY], told.version, category, p);
        told.good_count++;
    }
    return rv == APR_SUCCESS ? crm_product_save(db, &told, p) : rv;
}

static apr_status_t product_first(int k, apr_pool_t *p)
{
    return product(k, 10 + k / PRODUCTS, 3, p);
}

static apr_status_t product_later(int k, apr_pool_t *p)
{
    return product(k, 20 + k / PRODUCTS, 2, p);
}

static apr_status_t order(int k, int second, int lines, apr_pool_t *p)
{
    crm_purchase_line_t made[3] = {{.identifier = NULL}};
    crm_purchase_t told = {.source_id = SOURCE,
                           .identifier = name("order %d", k),
                           .version = at(second, "order"),
                           .has_lines = 1,
                           .lines = made,
                           .line_count = lines};
    crm_person_t who = {.source_id = SOURCE, .identifier = name("b%d", k / 4)};
    const char *weak = crm_version_weak("line", 4, p);
    int contact = 0, store = 0, i;
    apr_status_t rv;

    crm_news_say(&who.contact[CRM_CONTACT_LAST_NAME], told.version, "Buyer");
    rv = crm_person_save(&contact, db, &who, p);
    if (rv == APR_SUCCESS) {
        rv = crm_purchase_store(&store, db, SOURCE, name("store %d", k % 3), 0, 0, p);
    }
    for (i = 0; i < lines && rv == APR_SUCCESS; i++) {
        int of = (k + second + i * (k % 2 ? 1 : PRODUCTS - 1)) % PRODUCTS;
        crm_good_t good = {.identifier = name("good %d", of * 10 + i)};

        made[i].identifier = name("line %d", k * 10 + i);
        made[i].quantity = apr_psprintf(p, "%d.000", second);
        crm_news_say(&good.news[CRM_GOOD_LABEL], weak, "from a line");
        rv = crm_good_of_line(&made[i].good_id, db, SOURCE, name("product %d", of), &good, p);
    }
    crm_news_say_id(&told.news[CRM_PURCHASE_CONTACT], told.version, contact, p);
    crm_news_say_id(&told.news[CRM_PURCHASE_STORE], told.version, store, p);
    crm_news_say(&told.news[CRM_PURCHASE_TAX], told.version, apr_psprintf(p, "%d.500", second));
    return rv == APR_SUCCESS ? crm_purchase_save(NULL, db, &told, p) : rv;
}

static apr_status_t order_made(int k, apr_pool_t *p)
{
    return order(k, 11, 3, p);
}

static apr_status_t order_edited(int k, apr_pool_t *p)
{
    return order(k, 12, 1, p);
}

static apr_status_t order_paid(int k, apr_pool_t *p)
{
    return order(k, 13, 2, p);
}

static apr_status_t order_ended(int k, apr_pool_t *p)
{
    return k % 4 ? APR_SUCCESS : crm_purchase_delete(db, SOURCE, name("order %d", k), p);
}

static apr_status_t ticket(int k, int second, apr_pool_t *p)
{
    crm_case_t told = {.source_id = SOURCE, .identifier = name("case %d", k)};
    int category = 0;
    apr_status_t rv = crm_case_category(&category, db, SOURCE, name("topic %d", k % 4), p);

    crm_news_say_id(&told.news[CRM_CASE_CATEGORY], at(second, "x"), category, p);
    crm_news_say(&told.news[CRM_CASE_TITLE], at(second, "x"), name("at %d", second));
    return rv == APR_SUCCESS ? crm_case_save(NULL, db, &told, p) : rv;
}

static apr_status_t ticket_opened(int k, apr_pool_t *p)
{
    return ticket(k, 10, p);
}

static apr_status_t ticket_answered(int k, apr_pool_t *p)
{
    return ticket(k, 11, p);
}

static const told_t told[] = {
    shop,          till,          guest,          brand,      bounce,       stop,
    mail_opened,   sms_arrived,   mover,          moved,      gone,         old_opened,
    new_complains, product_first, product_later,  order_made, order_edited, order_paid,
    order_ended,   ticket_opened, ticket_answered};

#define KINDS ((int)(sizeof(told) / sizeof(told[0])))
#define MESSAGES (KINDS * THINGS)

/* ---- one worker ---- */

/* Runs messages in one transaction. */
static apr_status_t run(const int *messages, int count)
{
    apr_status_t rv = crm_db_begin(db);
    apr_pool_t *own;
    int i;

    apr_pool_create(&own, pool);
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        rv = told[messages[i] / THINGS](messages[i] % THINGS, own);
        apr_pool_clear(own);
    }
    apr_pool_destroy(own);
    if (rv == APR_SUCCESS) {
        return crm_db_commit(db);
    }
    crm_db_rollback(db);
    return rv;
}

/* A batch, and after a conflict each message on its own, until it is done. */
static apr_status_t run_batch(const int *messages, int count, int *conflicts)
{
    apr_status_t rv = run(messages, count);
    int i, attempts;

    if (rv != CRM360_ECONFLICT) {
        return rv;
    }
    ++*conflicts;
    for (i = 0; i < count; i++) {
        for (attempts = 0; (rv = run(messages + i, 1)) == CRM360_ECONFLICT; attempts++) {
            if (attempts == ATTEMPTS) {
                return rv;
            }
            ++*conflicts;
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    return APR_SUCCESS;
}

static unsigned int next_random(unsigned int *state)
{
    *state = *state * 1103515245 + 12345;
    return *state >> 16;
}

/* Worker `number` of `workers`: its share of the messages and a third of those of others, in an
 * order of its own. */
static int work(int number, int workers)
{
    unsigned int state = 4711 + (unsigned int)number;
    int messages[MESSAGES], count = 0, conflicts = 0, i;
    const char *why = "";
    apr_status_t rv;

    db = NULL;
    if (crm_db_open(&db, &why, section, pool) != APR_SUCCESS) {
        printf("# worker %d: %s\n", number, why);
        return 1;
    }
    for (i = 0; i < MESSAGES; i++) {
        if (i % workers == number || next_random(&state) % 3 == 0) {
            messages[count++] = i;
        }
    }
    for (i = count - 1; i > 0; i--) {
        int k = (int)(next_random(&state) % (unsigned int)(i + 1)), kept = messages[i];

        messages[i] = messages[k];
        messages[k] = kept;
    }
    for (i = 0; i < count; i += BATCH) {
        rv = run_batch(messages + i, count - i < BATCH ? count - i : BATCH, &conflicts);
        if (rv != APR_SUCCESS) {
            printf("# worker %d: status %d: %s\n", number, rv, crm_db_error(db));
            return 1;
        }
    }
    printf("# worker %d: %d messages, %d conflicts\n", number, count, conflicts);
    crm_db_close(db);
    return 0;
}

static void many(int workers)
{
    int messages[MESSAGES], i, status, good = 0;
    const char *wanted;
    pid_t pids[8];

    empty();
    for (i = 0; i < MESSAGES; i++) {
        messages[i] = i;
    }
    is_number(run(messages, MESSAGES), APR_SUCCESS, "all messages in order");
    wanted = dump();
    is_text(ask("SELECT COUNT(*) FROM PurchaseDetails"), apr_itoa(pool, 3 * THINGS),
            "there are rows");
    empty();
    crm_db_close(db);
    fflush(stdout);
    for (i = 0; i < workers; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            status = work(i, workers);
            fflush(stdout);
            _exit(status);
        }
    }
    for (i = 0; i < workers; i++) {
        good += waitpid(pids[i], &status, 0) == pids[i] && status == 0;
    }
    is_number(good, workers, "workers that ended well");
    db = tools_open(section);
    is_text(dump(), wanted, "the rows are those of one worker");
}

int main(void)
{
    start();
    if (tools_pgsql()) {
        tools_disconnect();
    }
    many(tools_pgsql() ? 8 : 2);
    return tap_done();
}
