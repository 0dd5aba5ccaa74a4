/*
 * Messages with very many elements: what handlers need for each of them goes when it is done, so
 * that one message does not eat a worker's memory.
 */
#include <sys/resource.h>

#include "t/unit/handler_tools.h"

#define ELEMENTS 5000
#define WORDS 100000 /* bytes of a long text */
#define MORE_MB 30   /* a pool for all of them takes twice that */

static char *body;
static apr_size_t length;

static void put(const char *text)
{
    apr_size_t size = strlen(text);

    memcpy(body + length, text, size + 1);
    length += size;
}

/* `head`, then ELEMENTS times `element`, in which %d is the number of it, then `tail`. */
static void make_body(const char *head, const char *element, const char *tail)
{
    const char *at = strstr(element, "%d");
    int i;

    length = 0;
    put(head);
    for (i = 0; i < ELEMENTS; i++) {
        put(i ? "," : "");
        put(apr_psprintf(pool, "%.*s%d%s", (int)(at - element), element, 1000000 + i, at + 2));
    }
    put(tail);
}

/* Most memory that this program has had so far, in MB. */
static int memory(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (int)(usage.ru_maxrss / 1024);
}

/* Delivers the body, and takes it back after a look at what it has left: as many headers, goods and
 * interests as `rows` says. */
static void deliver_many(const char *route, const char *rows)
{
    static const char *const queries[] = {"SELECT (SELECT COUNT(*) FROM PurchaseHeaders),"
                                          " (SELECT COUNT(*) FROM PurchaseGoods),"
                                          " (SELECT COUNT(*) FROM ContactInterests)",
                                          NULL};
    sent_t sent = {.route = route, .body = body};
    int begun = crm_db_begin(db) == APR_SUCCESS, before = memory(), more;

    is_text(begun ? deliver(&sent) : "no transaction", NULL,
            apr_psprintf(pool, "%s: %d elements", route, ELEMENTS));
    more = memory() - before;
    is_text(inside(queries), rows, "  rows");
    crm_db_rollback(db);
    if (getenv("CRM360_TIMING")) {
        printf("# %d MB more: not asserted in this build\n", more);
        return;
    }
    ok(more <= MORE_MB, "  take at most %d MB more (%d)", MORE_MB, more);
}

/* Streets and names of very many words, looked at by process/RnvpDedup. */
static void long_texts(void)
{
    static const sent_t dedup = {.route = "elfy76310/process/RnvpDedup"};
    sent_t sent = {.route = "Shopify/Customer/Insert", .body = body};
    int i, before, more;

    for (i = 1; i <= 2; i++) {
        length = 0;
        put(apr_psprintf(pool, "{\"id\":%d,\"first_name\":\"Ann\",\"last_name\":\"", i));
        while (length < WORDS) {
            put("Martin ");
        }
        put("\",\"default_address\":{\"zip\":\"75007\",\"city\":\"Paris\",\"address1\":\"1 rue ");
        while (length < 2 * WORDS) {
            put("du Bac ");
        }
        put("\"}}");
        is_text(send_one(&sent), NULL, "somebody of many words");
    }
    before = memory();
    is_text(send_one(&dedup), NULL, "  is cleaned and compared");
    more = memory() - before;
    is_text(ask("SELECT AddressStateId, COUNT(*) FROM Addresses GROUP BY AddressStateId"), "4|2",
            "  which is no address");
    ok(getenv("CRM360_TIMING") || more <= MORE_MB, "  with at most %d MB more (%d)", MORE_MB, more);
}

int main(void)
{
    start();
    body = malloc((apr_size_t)ELEMENTS * 100 + 1000);
    make_body("[", "{\"id\":%d,\"status\":\"OPEN\"}", "]");
    deliver_many("Tabology/Ticket/Create", "5000|0|0\n");
    make_body("[", "{\"request_id\":%d,\"data\":{\"email\":\"ann@example.fr\"}}", "]");
    deliver_many("Adictiz/User/Participate", "0|0|5000\n");
    make_body("{\"id\":1,\"items\":[", "{\"item_id\":%d,\"item_price\":1}", "]}");
    deliver_many("Tabology/Ticket/Create", "1|5000|0\n");
    make_body("{\"id\":1,\"title\":\"Tea\",\"variants\":[", "{\"id\":%d,\"price\":1}", "]}");
    deliver_many("Shopify/Product/Insert", "0|5000|0\n");
    long_texts();
    free(body);
    return tap_done();
}
