/*
 * Tabology's tickets: a tab of a till as a purchase and its lines. No public document describes a
 * webhook for them; it is read as the object "Tab" of the REST interface. Its dates are the shop's
 * local time without a zone, and are stored as they are.
 *
 * A ticket tells no date of change. What happened last on it stands for that: the event's own date,
 * else the newest date anywhere in the ticket; then how far it has come (open, closed, settled,
 * void), then how much is on it. So an open ticket that comes late does not undo a settled one,
 * in whatever order they come. Must never look at when a message came, where a ticket has dates.
 */
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>
#include <strings.h>

#include "core/params.h"
#include "crm/date.h"
#include "crm/decimal.h"
#include "crm/good.h"
#include "crm/person.h"
#include "crm/purchase.h"
#include "handlers/body.h"
#include "handlers/field.h"
#include "handlers/tabology.h"

#define ID_MOST 64 /* bytes of one id: a line is known by three */
#define CENTS 2
#define AMOUNT_MOST ((crm_decimal_t)999999999999999000) /* stays within a column when rounded */

typedef struct ticket_t {
    const handler_tabology_event_t *event;
    apr_pool_t *pool;
    json_object *data;
    const char *version;
    int rank; /* how far it has come */
    int bulk; /* how much is on it */
    crm_purchase_t purchase;
    const char *currency; /* NULL = not told */
    /* Sums over the lines that count. */
    crm_decimal_t total;
    crm_decimal_t tax;
    int tax_known;
    crm_decimal_t refund;
} ticket_t;

/* What a line is worth. */
typedef struct worth_t {
    crm_decimal_t quantity;
    crm_decimal_t total;
    crm_decimal_t tax_free;
    int has_total;
    int has_tax_free;
} worth_t;

/* ---- reading ---- */

static const char *short_id(json_object *object, const char *name, apr_pool_t *pool)
{
    const char *text;

    handler_field_id(&text, object, name, pool);
    return text && strlen(text) <= ID_MOST ? text : NULL;
}

/* Numbers stand as such or as text. Floats have been through a double: 10.9 can be 10.899999. */
static int read_amount(crm_decimal_t *value, json_object *object, const char *name,
                       apr_pool_t *pool)
{
    const char *text;

    return handler_field_text(&text, object, name, pool) == HANDLER_FIELD_VALUE &&
           crm_decimal_parse(value, text) == APR_SUCCESS;
}

/* a + b, within what a column holds. */
static crm_decimal_t add(crm_decimal_t a, crm_decimal_t b)
{
    crm_decimal_t sum = a + b; /* each has at most 18 digits */

    return sum > AMOUNT_MOST ? AMOUNT_MOST : sum < -AMOUNT_MOST ? -AMOUNT_MOST : sum;
}

static crm_decimal_t cents(crm_decimal_t value)
{
    return add(crm_decimal_round(value, CENTS), 0);
}

/* Entries of items, discounts and the like do not count when they are void or not active. */
static int counts(json_object *entry, apr_pool_t *pool)
{
    const char *reason;
    int active;

    if (!json_object_is_type(entry, json_type_object)) {
        return 0;
    }
    return handler_field_text(&reason, entry, "void_reason", pool) != HANDLER_FIELD_VALUE &&
           (handler_field_flag(&active, entry, "active") != HANDLER_FIELD_VALUE || active);
}

/* ---- version ---- */

static void note_dates(apr_int64_t *newest, json_object *object, const char *const *names,
                       apr_pool_t *pool)
{
    apr_int64_t ms;
    int i;

    for (i = 0; names[i]; i++) {
        if (handler_field_time(&ms, object, names[i], pool) == HANDLER_FIELD_VALUE &&
            ms > *newest) {
            *newest = ms;
        }
    }
}

/* The newest date of a ticket, 0 when it has none. Counts what is on it. */
static apr_int64_t newest_date(ticket_t *ticket)
{
    static const char *const own[] = {"time_opened", "time_closed", "time_paid", "updated_at",
                                      NULL};
    static const char *const lists[] = {"items", "payments", "discounts", "promotions",
                                        "voidedItems"};
    static const char *const entries[] = {"time_ordered", "acknowledged_timestamp",
                                          "ready_timestamp", "collected_timestamp", NULL};
    apr_int64_t newest = 0;
    json_object *list, *entry;
    size_t i, k;

    note_dates(&newest, ticket->data, own, ticket->pool);
    for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        handler_field_array(&list, ticket->data, lists[i]);
        for (k = 0; list && k < json_object_array_length(list); k++) {
            entry = json_object_array_get_idx(list, k);
            note_dates(&newest, entry, entries, ticket->pool);
            /* What is void now was not before. */
            ticket->bulk += counts(entry, ticket->pool) ? 1 : 2;
        }
    }
    return newest;
}

/* ---- status ---- */

static const struct {
    const char *word;
    crm_purchase_status_t status;
    int rank;
} states[] = {
    {"OPEN", CRM_PURCHASE_OPEN, 1},
    {"CLOSED", CRM_PURCHASE_CLOSED, 2},
    {"SETTLED", CRM_PURCHASE_PAID, 3},
};

#define RANK_VOID 4

/* Says the status, still without a version, and returns how far the ticket has come. */
static int read_status(crm_news_t *news, const ticket_t *ticket)
{
    const char *text, *reason;
    int status = 0, rank = 0;
    size_t i;

    handler_field_text(&text, ticket->data, "status", ticket->pool);
    for (i = 0; text && i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcasecmp(text, states[i].word) == 0) {
            status = (int)states[i].status;
            rank = states[i].rank;
        }
    }
    if (handler_field_text(&reason, ticket->data, "void_reason", ticket->pool) ==
        HANDLER_FIELD_VALUE) {
        status = CRM_PURCHASE_VOIDED;
        rank = RANK_VOID;
    }
    if (status || text) {
        news->said = 1;
        news->values[0] = status ? apr_itoa(ticket->pool, status) : NULL;
        news->values[1] = text;
    }
    return rank;
}

static void make_version(ticket_t *ticket)
{
    const handler_tabology_event_t *event = ticket->event;
    crm_news_t *status = &ticket->purchase.news[CRM_PURCHASE_STATUS];
    apr_int64_t date = newest_date(ticket);

    ticket->rank = read_status(status, ticket);
    date = event->created_ms ? event->created_ms : date;
    date = date ? date : event->message->received / 1000;
    ticket->version = crm_version_make(date, ((apr_int64_t)ticket->rank << 32) + ticket->bulk,
                                       event->text, strlen(event->text), ticket->pool);
    ticket->purchase.version = status->version = ticket->version;
}

/* ---- lines ---- */

static void read_worth(worth_t *worth, json_object *item, apr_pool_t *pool)
{
    crm_decimal_t factor, price;

    memset(worth, 0, sizeof(*worth));
    if (!read_amount(&worth->quantity, item, "quantity", pool)) {
        worth->quantity = CRM_DECIMAL_ONE;
    }
    if (read_amount(&factor, item, "quantity_multiplier", pool)) {
        worth->quantity = crm_decimal_multiply(worth->quantity, factor);
    }
    worth->has_total = read_amount(&worth->total, item, "total_price", pool);
    if (!worth->has_total && read_amount(&price, item, "item_price", pool)) {
        worth->total = crm_decimal_multiply(price, worth->quantity);
        worth->has_total = 1;
    }
    /* In spite of their names these are prices without tax. */
    worth->has_tax_free = read_amount(&worth->tax_free, item, "total_tax_price", pool);
    if (!worth->has_tax_free && read_amount(&price, item, "tax_item_price", pool)) {
        worth->tax_free = crm_decimal_multiply(price, worth->quantity);
        worth->has_tax_free = 1;
    }
    worth->total = cents(worth->total);
    worth->tax_free = cents(worth->tax_free);
}

static void add_up(ticket_t *ticket, const worth_t *worth)
{
    ticket->total = add(ticket->total, worth->total);
    ticket->tax = add(ticket->tax, add(worth->total, -worth->tax_free));
    ticket->tax_known &= worth->has_total && worth->has_tax_free;
    if (worth->quantity < 0) {
        ticket->refund = add(ticket->refund, worth->total < 0 ? -worth->total : worth->total);
    }
}

/* What was sold. The till tells of it only here: its label and category are guesses, which have the
 * same version each time, so that tills do not wait for each other to write them again. */
static apr_status_t find_good(int *id, const ticket_t *ticket, json_object *item, apr_pool_t *pool)
{
    const handler_tabology_event_t *event = ticket->event;
    crm_good_t good = {.identifier = short_id(item, "item_id", pool)};
    const char *label, *category, *brand;
    apr_status_t rv;
    int category_id;

    *id = 0;
    if (!good.identifier || strcmp(good.identifier, "0") == 0) {
        return APR_SUCCESS;
    }
    handler_field_text(&label, item, "item_name", pool);
    handler_field_text(&category, item, "item_category", pool);
    category = category && strlen(category) <= CRM_IDENTIFIER_MOST ? category : NULL;
    rv = crm_good_category(&category_id, event->context->db, event->place.source_id,
                           event->place.brand_id, category, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (label) {
        crm_news_say(&good.news[CRM_GOOD_LABEL], crm_version_weak(label, strlen(label), pool),
                     label);
    }
    if (category) {
        crm_news_say_id(&good.news[CRM_GOOD_CATEGORY],
                        crm_version_weak(category, strlen(category), pool), category_id, pool);
    }
    brand = apr_itoa(pool, event->place.brand_id);
    crm_news_say_id(&good.news[CRM_GOOD_BRAND], crm_version_weak(brand, strlen(brand), pool),
                    event->place.brand_id, pool);
    return crm_good_of_line(id, event->context->db, event->place.source_id, NULL, &good, pool);
}

static const char *decimal_member(json_object *object, const char *name, apr_pool_t *pool)
{
    crm_decimal_t value;

    return read_amount(&value, object, name, pool) ? crm_decimal_text(value, pool) : NULL;
}

/* `place` is where the item stands, for one without an id. */
static apr_status_t read_line(crm_purchase_line_t *line, ticket_t *ticket, json_object *item,
                              size_t place)
{
    const char *id = short_id(item, "id", ticket->pool);
    apr_pool_t *pool = ticket->pool, *own; /* a ticket can have very many lines */
    apr_status_t rv;
    worth_t worth;

    read_worth(&worth, item, pool);
    add_up(ticket, &worth);
    id = id ? id : apr_psprintf(pool, "#%lu", (unsigned long)place + 1);
    line->identifier = apr_pstrcat(pool, ticket->purchase.identifier, "/", id, NULL);
    handler_field_text(&line->label, item, "item_name", pool);
    line->quantity = crm_decimal_text(worth.quantity, pool);
    line->unit_price = decimal_member(item, "item_price", pool);
    line->tax_rate = decimal_member(item, "tax_rate", pool);
    if (worth.has_total) {
        line->amount_tax_included = crm_decimal_text(worth.total, pool);
    }
    if (worth.has_tax_free) {
        line->amount_tax_free = crm_decimal_text(worth.tax_free, pool);
    }
    if (worth.has_total && worth.has_tax_free) {
        line->tax_amount = crm_decimal_text(add(worth.total, -worth.tax_free), pool);
    }
    apr_pool_create(&own, pool);
    apr_pool_tag(own, "crm360_tabology_good");
    rv = find_good(&line->good_id, ticket, item, own);
    apr_pool_destroy(own);
    return rv;
}

/* The items that count are the lines; those that were lines before are flagged. */
static apr_status_t read_lines(ticket_t *ticket)
{
    crm_purchase_t *purchase = &ticket->purchase;
    crm_purchase_line_t *lines;
    json_object *items, *item;
    apr_status_t rv = APR_SUCCESS;
    size_t i, count;

    if (handler_field_array(&items, ticket->data, "items") == HANDLER_FIELD_ABSENT) {
        return APR_SUCCESS;
    }
    count = items ? json_object_array_length(items) : 0;
    lines = apr_pcalloc(ticket->pool, sizeof(*lines) * (count + 1));
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        item = json_object_array_get_idx(items, i);
        if (counts(item, ticket->pool)) {
            rv = read_line(&lines[purchase->line_count++], ticket, item, i);
        }
    }
    purchase->lines = lines;
    purchase->has_lines = 1;
    return rv;
}

/* ---- the header ---- */

static void say_amount(ticket_t *ticket, crm_purchase_group_t group, crm_decimal_t value)
{
    crm_news_say(&ticket->purchase.news[group], ticket->version,
                 crm_decimal_text(cents(value), ticket->pool));
}

/* What the ticket says, else what its lines come to. */
static void say_amounts(ticket_t *ticket)
{
    int has_lines = ticket->purchase.has_lines;
    crm_decimal_t total, tax;
    int has_total = read_amount(&total, ticket->data, "grand_total", ticket->pool);
    int has_tax = read_amount(&tax, ticket->data, "sales_tax", ticket->pool);

    if (!has_total && has_lines) {
        total = ticket->total;
        has_total = 1;
    }
    if (!has_tax && has_lines && ticket->tax_known) {
        tax = ticket->tax;
        has_tax = 1;
    }
    if (has_total) {
        say_amount(ticket, CRM_PURCHASE_TAX_INCLUDED, total);
    }
    if (has_tax) {
        say_amount(ticket, CRM_PURCHASE_TAX, tax);
    }
    if (has_total && has_tax) {
        say_amount(ticket, CRM_PURCHASE_TAX_FREE, add(cents(total), -cents(tax)));
    }
    if (has_lines) {
        say_amount(ticket, CRM_PURCHASE_REFUND, ticket->refund);
    }
}

/* Their form is not documented; payments stand with a minus, so discounts may as well. */
static void say_discount(ticket_t *ticket)
{
    static const char *const names[] = {"total_price", "item_price", "amount"};
    crm_decimal_t sum = 0, value;
    json_object *list, *entry;
    size_t i, k;

    if (handler_field_array(&list, ticket->data, "discounts") != HANDLER_FIELD_VALUE) {
        return;
    }
    for (i = 0; i < json_object_array_length(list); i++) {
        entry = json_object_array_get_idx(list, i);
        value = 0;
        for (k = 0; counts(entry, ticket->pool) && k < sizeof(names) / sizeof(names[0]); k++) {
            if (read_amount(&value, entry, names[k], ticket->pool)) {
                break;
            }
        }
        sum = add(sum, value < 0 ? -value : value);
    }
    say_amount(ticket, CRM_PURCHASE_DISCOUNT, sum);
}

/* The first of these dates that the ticket has. */
static void say_date(ticket_t *ticket)
{
    static const char *const names[] = {"time_opened", "time_closed", "time_paid"};
    apr_int64_t ms;
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (handler_field_time(&ms, ticket->data, names[i], ticket->pool) == HANDLER_FIELD_VALUE) {
            crm_news_say(&ticket->purchase.news[CRM_PURCHASE_DATE], ticket->version,
                         crm_date_text(ms, ticket->pool));
            return;
        }
    }
}

/* The member, who may not have been told of yet: then there is a contact with a UUID only. */
static apr_status_t say_member(ticket_t *ticket)
{
    const handler_tabology_event_t *event = ticket->event;
    crm_news_t *news = &ticket->purchase.news[CRM_PURCHASE_CONTACT];
    crm_person_t person = {.source_id = 0};
    apr_status_t rv;
    int told, contact_id;

    person.identifier = handler_tabology_member_id(&told, ticket->data, "member_id", ticket->pool);
    if (!person.identifier) {
        if (told) {
            crm_news_say(news, ticket->version, NULL);
        }
        return APR_SUCCESS;
    }
    handler_place_person(&person, &event->place, ticket->version, ticket->pool);
    rv = crm_person_save(&contact_id, event->context->db, &person, ticket->pool);
    if (rv == APR_SUCCESS) {
        crm_news_say_id(news, ticket->version, contact_id, ticket->pool);
    }
    return rv;
}

static apr_status_t say_store(ticket_t *ticket, const char *store)
{
    const handler_tabology_event_t *event = ticket->event;
    crm_news_t *news = ticket->purchase.news;
    apr_status_t rv;
    int id;

    rv = crm_purchase_store(&id, event->context->db, event->place.source_id, store,
                            event->place.zone_id, event->place.brand_id, ticket->pool);
    crm_news_say_id(&news[CRM_PURCHASE_STORE], ticket->version, id, ticket->pool);
    crm_news_say_id(&news[CRM_PURCHASE_BRAND], ticket->version, event->place.brand_id,
                    ticket->pool);
    crm_news_say_id(&news[CRM_PURCHASE_TYPE], ticket->version, CRM_PURCHASE_TYPE_STORE,
                    ticket->pool);
    return rv;
}

/* ---- parameters ---- */

/* A parameter of the URI without blanks at its ends, NULL when it is not given or empty. */
static const char *parameter(const ticket_t *ticket, const char *name)
{
    const char *text = handler_body_parameter(ticket->event->message, name, ticket->pool);
    char *copy;

    if (!text) {
        return NULL;
    }
    copy = apr_pstrdup(ticket->pool, text + strspn(text, " \t"));
    while (*copy && apr_isspace(copy[strlen(copy) - 1])) {
        copy[strlen(copy) - 1] = '\0';
    }
    return *copy ? copy : NULL;
}

/* Three letters, in capitals. NULL when they are none. */
static const char *currency_code(const char *text, apr_pool_t *pool)
{
    char *code = apr_pstrdup(pool, text);
    int i;

    for (i = 0; apr_isalpha(code[i]) && (unsigned char)code[i] < 0x80; i++) {
        code[i] = (char)apr_toupper(code[i]);
    }
    return i == 3 && code[i] == '\0' ? code : NULL;
}

/* ---- the whole ---- */

static apr_status_t reject(handler_result_t *result, const char *reason)
{
    result->verdict = HANDLER_REJECT;
    result->reason = reason;
    return APR_SUCCESS;
}

static apr_status_t save(ticket_t *ticket, const char *id, const char *store)
{
    apr_status_t rv;

    ticket->tax_known = 1;
    ticket->purchase.source_id = ticket->event->place.source_id;
    ticket->purchase.identifier = store ? apr_pstrcat(ticket->pool, store, "/", id, NULL) : id;
    make_version(ticket);
    crm_news_say(&ticket->purchase.news[CRM_PURCHASE_NUMBER], ticket->version, id);
    if (ticket->currency) {
        crm_news_say(&ticket->purchase.news[CRM_PURCHASE_CURRENCY], ticket->version,
                     ticket->currency);
    }
    say_date(ticket);
    say_discount(ticket);
    rv = say_member(ticket);
    if (rv == APR_SUCCESS) {
        rv = say_store(ticket, store);
    }
    if (rv == APR_SUCCESS) {
        rv = read_lines(ticket);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    say_amounts(ticket);
    return crm_purchase_save(NULL, ticket->event->context->db, &ticket->purchase, ticket->pool);
}

/* Whether nothing was found inside of an event: then `id` is that of the event. */
static int is_envelope(const handler_tabology_event_t *event)
{
    return event->type && event->data == event->whole && !event->ticket_like &&
           (event->created_ms || json_object_object_get_ex(event->whole, "data", NULL));
}

apr_status_t handler_tabology_ticket(handler_result_t *result,
                                     const handler_tabology_event_t *event, apr_pool_t *pool)
{
    ticket_t ticket = {.event = event, .pool = pool, .data = event->data};
    const char *store = parameter(&ticket, CRM360_PARAM_STORE);
    const char *currency = parameter(&ticket, CRM360_PARAM_CURRENCY);
    const char *code = currency ? currency_code(currency, pool) : NULL;
    const char *id;

    if (currency && !code) {
        return reject(result, "parameter currency: expected three letters (ISO 4217), as in EUR");
    }
    if (store && strlen(store) > ID_MOST) {
        return reject(result, "parameter store: expected at most " APR_STRINGIFY(ID_MOST) " bytes");
    }
    id = is_envelope(event) ? NULL : short_id(event->data, "id", pool);
    if (!id) {
        return reject(result, apr_psprintf(pool,
                                           "ticket %d has no id: expected an integer, or a text of "
                                           "at most %d bytes, in the member id",
                                           event->position, ID_MOST));
    }
    ticket.currency = code;
    return save(&ticket, id, store);
}
