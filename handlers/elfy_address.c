/*
 * One thing of an order: the number of an address or of a contact, or an address as somebody writes
 * it. What is written is news of the day on which it came: newer news of the source that the row
 * belongs to stays, and so does a newer message of this kind. Must never log what it reads.
 */
#include "handlers/elfy.h"

#include <apr_strings.h>

#include <string.h>

#include "core/log.h"
#include "crm/country.h"
#include "crm/person.h"
#include "handlers/people.h"
#include "outbound/phone.h"

/* An address on its way. */
typedef struct letter_t {
    crm_clean_t *clean;
    const crm360_message_t *message;
    const crm_place_t *place;
    json_object *object;
    int contact_id; /* whose it is */
    crm_clean_given_t given;
    apr_pool_t *pool;
} letter_t;

static const char *text_of(const letter_t *letter, const char *name)
{
    return handler_elfy_text(NULL, letter->object, name, letter->pool);
}

/* ---- the postal values ---- */

static void read_given(letter_t *letter)
{
    static const char *const names[CRM_POSTAL_VALUES] = {
        "Address1", "Address2", "Address3", "Address4", "Address5", "Address6",
        "Address7", "PostCode", "City",     "State",    "CountryId"};
    crm_clean_given_t *given = &letter->given;
    const char *body = json_object_to_json_string_ext(letter->object, JSON_C_TO_STRING_PLAIN);
    const char *country;
    int i;

    for (i = 0; i < CRM_POSTAL_VALUES; i++) {
        given->values[i] =
            handler_elfy_text(&given->said[i], letter->object, names[i], letter->pool);
    }
    country = given->values[CRM_POSTAL_COUNTRY];
    if (country && crm_country_find(country)) {
        given->values[CRM_POSTAL_COUNTRY] = crm_country_find(country);
    }
    given->version =
        crm_version_make(letter->message->received / 1000, 0, body, strlen(body), letter->pool);
    given->writer = apr_psprintf(letter->pool, "%d:elfy76310", letter->place->source_id);
}

/* ---- a person, where no number is given ---- */

static void say_text(crm_news_t *news, const letter_t *letter, const char *name)
{
    const char *text = text_of(letter, name);

    if (text) {
        crm_news_say(news, letter->given.version, text);
    }
}

/* A number is written in the manner of its own country, or of the address. */
static void say_phone(crm_news_t *news, const letter_t *letter, const char *name,
                      const char *country_name)
{
    const char *text = text_of(letter, name), *country = text_of(letter, country_name);
    outbound_phone_t phone;

    country = country ? country : letter->given.values[CRM_POSTAL_COUNTRY];
    if (text && outbound_phone_parse(&phone, text, country) == APR_SUCCESS) {
        crm_news_say(news, letter->given.version, apr_pstrdup(letter->pool, phone.e164));
        news->values[1] = phone.country;
    }
}

/* Finds or makes the person by mail address or mobile number, and cleans the address. */
static apr_status_t clean_person(letter_t *letter)
{
    const crm_place_t *place = letter->place;
    crm_person_t person;
    apr_status_t rv;

    memset(&person, 0, sizeof(person));
    handler_place_person(&person, place, letter->given.version, letter->pool);
    say_text(&person.contact[CRM_CONTACT_FIRST_NAME], letter, "FirstName");
    say_text(&person.contact[CRM_CONTACT_LAST_NAME], letter, "LastName");
    say_text(&person.contact[CRM_CONTACT_COMPANY], letter, "CompanyName");
    handler_people_civility(&person, letter->given.version, text_of(letter, "Civility"),
                            letter->pool);
    handler_people_email(&person, letter->given.version, text_of(letter, "Email"));
    say_phone(&person.address[CRM_ADDRESS_MOBILE_PHONE], letter, "MobilePhoneNumber",
              "MobilePhoneCountryIso3");
    say_phone(&person.address[CRM_ADDRESS_HOME_PHONE], letter, "HomePhoneNumber",
              "HomePhoneCountryIso3");
    if (!crm_person_identify(&person, letter->pool)) {
        return APR_ENOENT;
    }
    rv = crm_person_save(&letter->contact_id, letter->clean->db, &person, letter->pool);
    if (rv == APR_SUCCESS) {
        rv = crm_clean_take(letter->clean, letter->contact_id);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_clean_place(letter->clean, letter->contact_id, place->brand_id,
                             place->contact_address_type_id, &letter->given);
    }
    return rv;
}

/* ---- all of them ---- */

/* An address whose number is given, if it is that contact's. */
static apr_status_t clean_address(letter_t *letter, int address_id, int contact_id)
{
    int owner, still;
    apr_status_t rv = crm_clean_owner(&owner, letter->clean, address_id);

    if (rv == APR_SUCCESS && contact_id && contact_id != owner) {
        return APR_ENOENT;
    }
    letter->contact_id = rv == APR_SUCCESS ? owner : 0;
    if (rv == APR_SUCCESS) {
        rv = crm_clean_take(letter->clean, owner);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_clean_owner(&still, letter->clean, address_id);
        rv = rv == APR_SUCCESS && still != owner ? CRM360_ECONFLICT : rv;
    }
    return rv == APR_SUCCESS ? crm_clean_given(letter->clean, address_id, &letter->given) : rv;
}

static apr_status_t clean_contact(letter_t *letter, int contact_id)
{
    apr_status_t rv = crm_clean_take(letter->clean, contact_id);

    return rv == APR_SUCCESS
               ? crm_clean_place(letter->clean, contact_id, letter->place->brand_id,
                                 letter->place->contact_address_type_id, &letter->given)
               : rv;
}

static int says_address(const crm_clean_given_t *given)
{
    int i;

    for (i = 0; i < CRM_POSTAL_VALUES; i++) {
        if (given->values[i]) {
            return 1;
        }
    }
    return 0;
}

/* An address with numbers that are not known here: whoever wrote it down may have them from another
 * database. Then it is somebody's by mail address or number, as one without numbers is. */
static apr_status_t clean_foreign(letter_t *letter, const handler_elfy_item_t *item)
{
    int exists;
    apr_status_t rv = crm_clean_exists(&exists, letter->clean, item->address_id, item->contact_id);

    if (rv != APR_SUCCESS || exists) {
        return rv == APR_SUCCESS ? APR_ENOENT : rv;
    }
    rv = clean_person(letter);
    if (rv == APR_SUCCESS) {
        crm360_log(
            CRM360_LOG_INFO, rv,
            "%s: AddressId %d and ContactId %d are not known; taken as ContactId %d, by mail "
            "address or number",
            letter->message->id, item->address_id, item->contact_id, letter->contact_id);
    }
    return rv;
}

/* Numbers alone: what is there is cleaned. */
static apr_status_t clean_known(letter_t *letter, const handler_elfy_item_t *item)
{
    const crm360_message_t *message = letter->message;
    crm_clean_choice_t choice = {.contact_id = item->contact_id,
                                 .address_id = item->address_id,
                                 .zone_id = message->zone_id,
                                 .brand_id = message->brand_id,
                                 .contact_address_type_id = message->contact_address_type_id};
    apr_status_t rv = crm_clean_few(letter->clean, &choice);

    letter->contact_id = item->contact_id;
    if (rv == APR_SUCCESS && !item->contact_id) {
        rv = crm_clean_owner(&letter->contact_id, letter->clean, item->address_id);
    }
    return rv;
}

apr_status_t handler_elfy_clean(int *contact_id, crm_clean_t *clean,
                                const handler_elfy_item_t *item, const crm360_message_t *message,
                                const crm_place_t *place)
{
    letter_t letter = {.clean = clean,
                       .message = message,
                       .place = place,
                       .object = item->object,
                       .contact_id = item->address_id ? 0 : item->contact_id,
                       .pool = clean->pool};
    apr_status_t rv;

    if (item->object) {
        read_given(&letter);
    }
    if (!item->object || (!item->address_id && item->contact_id && !says_address(&letter.given))) {
        rv = clean_known(&letter, item);
    }
    else if (item->address_id) {
        rv = clean_address(&letter, item->address_id, item->contact_id);
    }
    else {
        rv = item->contact_id ? clean_contact(&letter, item->contact_id) : clean_person(&letter);
    }
    if (APR_STATUS_IS_ENOENT(rv) && item->object && (item->address_id || item->contact_id)) {
        rv = clean_foreign(&letter, item);
    }
    *contact_id = letter.contact_id;
    return rv;
}
