/*
 * What a body asks for: nothing but blanks is everything, an object or an array of objects is what
 * it says. No public document describes these bodies, so all readings that make sense are taken,
 * and names count in any case; what makes no sense is refused before anything is done. Must never
 * take a body that it does not understand for an empty one: that one means the whole database.
 */
#include "handlers/elfy.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <limits.h>
#include <string.h>
#include <strings.h>

#include "core/params.h"
#include "handlers/body.h"
#include "handlers/field.h"

#define TEXT_MOST 500 /* bytes of a member; more is no address */

/* A place of reading. */
typedef struct reader_t {
    handler_elfy_order_t *order;
    const char *reason; /* NULL = nothing is wrong so far */
    apr_pool_t *pool;
} reader_t;

/* The member's name as the object spells it, NULL when there is none. */
static const char *spelt(json_object *object, const char *name)
{
    if (json_object_object_get_ex(object, name, NULL)) {
        return name;
    }
    json_object_object_foreach(object, key, value)
    {
        (void)value;
        if (strcasecmp(key, name) == 0) {
            return key;
        }
    }
    return NULL;
}

/* *value is NULL for null, too. */
static int find_member(json_object **value, json_object *object, const char *name)
{
    const char *key = spelt(object, name);

    *value = NULL;
    return key && json_object_object_get_ex(object, key, value);
}

const char *handler_elfy_text(int *said, json_object *object, const char *name, apr_pool_t *pool)
{
    const char *key = spelt(object, name), *text = NULL;
    handler_field_t field = HANDLER_FIELD_ABSENT;

    if (key) {
        field = handler_field_text(&text, object, key, pool);
    }
    if (said) {
        *said = field != HANDLER_FIELD_ABSENT;
    }
    return text;
}

/* ---- numbers ---- */

/* 0 when it is none that a row can have. */
static int number_of(const char *text)
{
    char *end;
    apr_int64_t number = apr_isdigit(*text) ? apr_strtoi64(text, &end, 10) : 0;

    return number < 1 || number > INT_MAX || *end ? 0 : (int)number;
}

/* A single number, or a text of one. */
static int read_number(json_object *value)
{
    return json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_string)
               ? number_of(json_object_get_string(value))
               : 0;
}

static void expect_number(reader_t *reader, const char *where, size_t place)
{
    const char *at = place ? apr_psprintf(reader->pool, ": place %lu", (unsigned long)place) : "";

    reader->reason = apr_pstrcat(reader->pool, where, at,
                                 ": expected a whole number from 1 to 2147483647", NULL);
}

static void add_number(reader_t *reader, int number, int is_address)
{
    handler_elfy_item_t *item = apr_array_push(reader->order->items);

    memset(item, 0, sizeof(*item));
    *(is_address ? &item->address_id : &item->contact_id) = number;
}

/* Numbers with commas, semicolons or blanks between. */
static void read_list(reader_t *reader, const char *text, const char *where, int is_address)
{
    static const char gaps[] = ",; \t\r\n";
    size_t place = 0, length;
    char word[12];
    int number;

    for (text += strspn(text, gaps); *text && !reader->reason; text += strspn(text, gaps)) {
        length = strcspn(text, gaps);
        place++;
        apr_cpystrn(word, text, length < sizeof(word) ? length + 1 : sizeof(word));
        number = length < sizeof(word) ? number_of(word) : 0;
        if (!number) {
            expect_number(reader, where, place);
        }
        add_number(reader, number, is_address);
        text += length;
    }
}

/* AddressIds or ContactIds. */
static void read_numbers(reader_t *reader, json_object *value, const char *where, int is_address)
{
    size_t i, count;
    int number;

    switch (json_object_get_type(value)) {
    case json_type_string:
    case json_type_int:
        read_list(reader, json_object_get_string(value), where, is_address);
        break;
    case json_type_array:
        count = json_object_array_length(value);
        for (i = 0; i < count && !reader->reason; i++) {
            number = read_number(json_object_array_get_idx(value, i));
            if (!number) {
                expect_number(reader, where, i + 1);
            }
            add_number(reader, number, is_address);
        }
        break;
    default:
        reader->reason = apr_pstrcat(
            reader->pool, where,
            ": expected an array of whole numbers, or a text of them with commas between", NULL);
    }
}

/* ---- addresses ---- */

/* Members of an address that are texts. */
static const char *const texts[] = {"Address1",
                                    "Address2",
                                    "Address3",
                                    "Address4",
                                    "Address5",
                                    "Address6",
                                    "Address7",
                                    "PostCode",
                                    "City",
                                    "State",
                                    "CountryId",
                                    "Email",
                                    "MobilePhoneNumber",
                                    "MobilePhoneCountryIso3",
                                    "HomePhoneNumber",
                                    "HomePhoneCountryIso3",
                                    "Civility",
                                    "FirstName",
                                    "LastName",
                                    "CompanyName"};

#define TEXTS ((int)(sizeof(texts) / sizeof(texts[0])))

/* Checks the texts of an address; returns how many there are. */
static int check_texts(reader_t *reader, json_object *object, const char *where)
{
    json_object *value;
    int i, count = 0;

    for (i = 0; i < TEXTS && !reader->reason; i++) {
        if (!find_member(&value, object, texts[i]) || !value) {
            continue;
        }
        count++;
        if (json_object_is_type(value, json_type_string)
                ? json_object_get_string_len(value) > TEXT_MOST
                : !json_object_is_type(value, json_type_int) &&
                      !json_object_is_type(value, json_type_double)) {
            reader->reason = apr_psprintf(reader->pool, "%s%s: expected a text of at most %d bytes",
                                          where, texts[i], TEXT_MOST);
        }
    }
    return count;
}

static int read_id(reader_t *reader, json_object *object, const char *where, const char *name)
{
    json_object *value;
    int number;

    if (reader->reason || !find_member(&value, object, name) || !value) {
        return 0;
    }
    /* An empty text, as forms send it, is no number, and no mistake. */
    if (json_object_is_type(value, json_type_string) && json_object_get_string_len(value) == 0) {
        return 0;
    }
    number = read_number(value);
    if (!number) {
        expect_number(reader, apr_pstrcat(reader->pool, where, name, NULL), 0);
    }
    return number;
}

/* `where` is "" or "element 3: ". */
static void read_address(reader_t *reader, json_object *object, const char *where)
{
    handler_elfy_item_t item = {.object = object};
    int count;

    item.address_id = read_id(reader, object, where, "AddressId");
    item.contact_id = read_id(reader, object, where, "ContactId");
    count = check_texts(reader, object, where);
    if (!reader->reason && !item.address_id && !item.contact_id && count == 0) {
        reader->reason = apr_pstrcat(
            reader->pool, where,
            "expected AddressIds, ContactIds, Addresses, or the members of an address", NULL);
    }
    APR_ARRAY_PUSH(reader->order->items, handler_elfy_item_t) = item;
}

static void read_addresses(reader_t *reader, json_object *array, const char *name)
{
    size_t i, count = json_object_array_length(array);

    for (i = 0; i < count && !reader->reason; i++) {
        json_object *element = json_object_array_get_idx(array, i);
        const char *where =
            apr_psprintf(reader->pool, "%selement %lu: ", name, (unsigned long)i + 1);

        if (!json_object_is_type(element, json_type_object)) {
            reader->reason = apr_pstrcat(reader->pool, where, "expected an object", NULL);
            return;
        }
        read_address(reader, element, where);
    }
}

/* ---- the body ---- */

static void read_object(reader_t *reader, json_object *object)
{
    json_object *value;
    int known = 0;

    if (find_member(&value, object, "AddressIds") && value) {
        read_numbers(reader, value, "AddressIds", 1);
        known = 1;
    }
    if (!reader->reason && find_member(&value, object, "ContactIds") && value) {
        read_numbers(reader, value, "ContactIds", 0);
        known = 1;
    }
    if (!reader->reason && find_member(&value, object, "Addresses") && value) {
        known = 1;
        if (json_object_is_type(value, json_type_array)) {
            read_addresses(reader, value, "Addresses: ");
        }
        else if (json_object_is_type(value, json_type_object)) {
            read_address(reader, value, "Addresses: ");
        }
        else {
            reader->reason = "Addresses: expected an array of objects";
        }
    }
    if (!known) {
        read_address(reader, object, "");
    }
}

/* Without a body: the parameters of a GET, or everything. */
static void read_query(reader_t *reader, const crm360_message_t *message)
{
    const char *addresses = handler_body_parameter(message, CRM360_PARAM_ADDRESS_IDS, reader->pool);
    const char *contacts = handler_body_parameter(message, CRM360_PARAM_CONTACT_IDS, reader->pool);

    reader->order->all = !addresses && !contacts;
    if (addresses) {
        read_list(reader, addresses, "AddressIds", 1);
    }
    if (contacts && !reader->reason) {
        read_list(reader, contacts, "ContactIds", 0);
    }
}

static int is_blank(const crm360_message_t *message, apr_pool_t *pool)
{
    apr_size_t length, i = 0;
    const char *text = handler_body_text(&length, message, pool);

    while (i < length && apr_isspace(text[i])) {
        i++;
    }
    return i == length;
}

static void read_value(reader_t *reader, json_object *value)
{
    if (json_object_is_type(value, json_type_array)) {
        read_addresses(reader, value, "");
    }
    else if (json_object_is_type(value, json_type_object)) {
        read_object(reader, value);
    }
    else {
        reader->reason = "the body is no order: line 1, column 1: expected an object or an array "
                         "of objects, or no body at all for every address of the source";
    }
}

int handler_elfy_order(handler_elfy_order_t *order, const char **reason,
                       const crm360_message_t *message, apr_pool_t *pool)
{
    reader_t reader = {.order = order, .pool = pool};
    json_object *value;

    order->all = 0;
    order->items = apr_array_make(pool, 1, sizeof(handler_elfy_item_t));
    if (is_blank(message, pool)) {
        read_query(&reader, message);
    }
    else if (handler_body_json(&value, &reader.reason, message, pool)) {
        read_value(&reader, value);
    }
    *reason = reader.reason;
    return !reader.reason;
}
