/*
 * Shopify customers to Contacts, ContactIdentifiers and Addresses. Insert and Update are the same:
 * whatever members a payload has are news about those columns, and members it lacks say nothing. So
 * the topics that carry a part of a customer (consents, tags) are partial updates. Must never take
 * the absence of a member for its deletion.
 */
#include "handlers/shopify.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>
#include <strings.h>

#include "core/log.h"
#include "crm/country.h"
#include "crm/date.h"
#include "crm/person.h"
#include "handlers/field.h"
#include "handlers/people.h"
#include "handlers/shopify_id.h"
#include "outbound/phone.h"

#define KIND "Customer" /* in gids */
#define DAY_MS ((apr_int64_t)86400000)

typedef struct customer_t {
    const handler_shopify_event_t *event;
    apr_pool_t *pool;
    crm_person_t person;
    const char *version; /* of everything but the consents */
    handler_field_t has_address;
    json_object *address;   /* the default address, NULL unless there is one */
    const char *country;    /* its alpha-3, NULL = not told */
    const char *first_name; /* NULL = not told; likewise the next two */
    const char *last_name;
    const char *phone; /* E.164 */
} customer_t;

/* ---- which customer ---- */

/* The external id; customer_id, customerId and a nested customer stand in partial topics. */
static const char *find_id(json_object *body, apr_pool_t *pool)
{
    const char *id = handler_shopify_id(body, KIND, "id", pool);
    json_object *customer;

    if (!id) {
        id = handler_shopify_reference(body, KIND, "customer_id", pool);
    }
    if (!id) {
        id = handler_shopify_reference(body, KIND, "customerId", pool);
    }
    if (!id && handler_field_object(&customer, body, "customer") == HANDLER_FIELD_VALUE) {
        id = handler_shopify_id(customer, KIND, "id", pool);
    }
    return id;
}

/* ---- what it says ---- */

/* A member that goes to one column as it is. Returns its text for further use. */
static const char *say_member(crm_news_t *news, customer_t *customer, const char *name)
{
    const char *text;

    if (handler_field_text(&text, customer->event->body, name, customer->pool) !=
        HANDLER_FIELD_ABSENT) {
        crm_news_say(news, customer->version, text);
    }
    return text;
}

static void say_names(customer_t *customer)
{
    crm_news_t *contact = customer->person.contact;
    apr_int64_t created;

    customer->first_name = say_member(&contact[CRM_CONTACT_FIRST_NAME], customer, "first_name");
    customer->last_name = say_member(&contact[CRM_CONTACT_LAST_NAME], customer, "last_name");
    if (handler_field_date(&created, customer->event->body, "created_at", customer->pool)) {
        crm_news_say(&contact[CRM_CONTACT_CREATED], customer->version,
                     crm_date_text(created, customer->pool));
    }
}

/* email_address is what the topic of e-mail consents calls it. */
static void say_email(customer_t *customer)
{
    json_object *body = customer->event->body;
    const char *text;
    handler_field_t field = handler_field_text(&text, body, "email", customer->pool);

    if (field == HANDLER_FIELD_ABSENT) {
        field = handler_field_text(&text, body, "email_address", customer->pool);
    }
    if (field == HANDLER_FIELD_NULL) {
        crm_news_say(&customer->person.address[CRM_ADDRESS_EMAIL], customer->version, NULL);
    }
    else if (text && !handler_people_email(&customer->person, customer->version, text)) {
        crm360_log(CRM360_LOG_DEBUG, APR_SUCCESS, "%s: email is no mail address; left out",
                   customer->event->message->id);
    }
}

/* A phone number with its country to two columns. NULL when it cannot be read; then nothing is
 * said. */
static const char *say_phone(crm_news_t *news, customer_t *customer, const char *text)
{
    outbound_phone_t phone;

    if (outbound_phone_parse(&phone, text, customer->country) != APR_SUCCESS) {
        crm360_log(CRM360_LOG_DEBUG, APR_SUCCESS, "%s: a phone number cannot be read; left out",
                   customer->event->message->id);
        return NULL;
    }
    crm_news_say(news, customer->version, apr_pstrdup(customer->pool, phone.e164));
    news->values[1] = phone.country;
    return news->values[0];
}

static void say_mobile_phone(customer_t *customer)
{
    crm_news_t *news = &customer->person.address[CRM_ADDRESS_MOBILE_PHONE];
    const char *text;

    switch (handler_field_text(&text, customer->event->body, "phone", customer->pool)) {
    case HANDLER_FIELD_VALUE:
        customer->phone = say_phone(news, customer, text);
        break;
    case HANDLER_FIELD_NULL:
        crm_news_say(news, customer->version, NULL);
        break;
    case HANDLER_FIELD_ABSENT:
        break;
    }
}

/* ---- the default address ---- */

/* An absent default_address may still be marked in the list; an empty list says nothing (a
 * customer can have a default address and an empty list, as Shopify's own samples do). */
static void find_address(customer_t *customer)
{
    json_object *body = customer->event->body, *list = NULL, *entry;
    size_t i, count;
    int chosen;

    customer->has_address = handler_field_object(&customer->address, body, "default_address");
    if (customer->has_address != HANDLER_FIELD_ABSENT ||
        !json_object_object_get_ex(body, "addresses", &list) ||
        !json_object_is_type(list, json_type_array)) {
        return;
    }
    count = json_object_array_length(list);
    for (i = 0; i < count; i++) {
        entry = json_object_array_get_idx(list, i);
        if (handler_field_flag(&chosen, entry, "default") == HANDLER_FIELD_VALUE && chosen) {
            customer->address = entry;
            customer->has_address = HANDLER_FIELD_VALUE;
            return;
        }
    }
}

static const char *address_text(const customer_t *customer, const char *name)
{
    const char *text;

    handler_field_text(&text, customer->address, name, customer->pool);
    return text;
}

/* country_code, or a code or English name in one of the others. */
static const char *address_country(const customer_t *customer)
{
    static const char *const names[] = {"country_code", "country", "country_name"};
    const char *text, *country = NULL;
    size_t i;

    for (i = 0; !country && i < sizeof(names) / sizeof(names[0]); i++) {
        text = address_text(customer, names[i]);
        country = text ? crm_country_find(text) : NULL;
    }
    return country;
}

static const char *join(const char *first, const char *last, apr_pool_t *pool)
{
    return first && last ? apr_pstrcat(pool, first, " ", last, NULL) : first ? first : last;
}

/* Who lives there: the names of the address, else of the customer. */
static const char *addressee(const customer_t *customer)
{
    const char *name = join(address_text(customer, "first_name"),
                            address_text(customer, "last_name"), customer->pool);

    name = name ? name : address_text(customer, "name");
    return name ? name : join(customer->first_name, customer->last_name, customer->pool);
}

/* Postal lines as La Poste and AFNOR NF Z10-011 order them: 1 the company, or the person; 2 the
 * person in a company; 3 building, flat; 4 number and street. */
static void say_postal(customer_t *customer)
{
    crm_news_t *news = &customer->person.address[CRM_ADDRESS_POSTAL];
    const char *company = address_text(customer, "company");

    crm_news_say(&customer->person.contact[CRM_CONTACT_COMPANY], customer->version, company);
    news->said = 1;
    news->version = customer->version;
    if (!customer->address) {
        return;
    }
    news->values[0] = company ? company : addressee(customer);
    news->values[1] = company ? addressee(customer) : NULL;
    news->values[2] = address_text(customer, "address2");
    news->values[3] = address_text(customer, "address1");
    news->values[CRM_POSTAL_POST_CODE] = address_text(customer, "zip");
    news->values[CRM_POSTAL_CITY] = address_text(customer, "city");
    news->values[CRM_POSTAL_STATE] = address_text(customer, "province");
    news->values[CRM_POSTAL_COUNTRY] = customer->country;
}

/* The address' phone is the home phone, unless it repeats the customer's own. */
static void say_home_phone(customer_t *customer)
{
    crm_news_t *news = &customer->person.address[CRM_ADDRESS_HOME_PHONE];
    const char *text = address_text(customer, "phone");
    const char *home;

    if (!text) {
        crm_news_say(news, customer->version, NULL);
        return;
    }
    home = say_phone(news, customer, text);
    if (home && customer->phone && strcmp(home, customer->phone) == 0) {
        news->values[0] = news->values[1] = NULL;
    }
}

/* ---- consents ---- */

/* The version of a consent: its own date, where it has one that can be read. One that is later than
 * the day after its arrival is a mistake, and would stand against every withdrawal to come. */
static const char *consent_version(const customer_t *customer, json_object *object,
                                   const char *name)
{
    apr_int64_t arrival = customer->event->message->received / 1000, date;

    if (!handler_field_date(&date, object, name, customer->pool)) {
        date = customer->event->date_ms;
    }
    return crm_version_of(date > arrival + DAY_MS ? arrival : date, customer->event->triggered_ms,
                          customer->event->digest, customer->pool);
}

/* {"state": "subscribed", ...}: only "subscribed" is consent, any other state is none, and no
 * state is no information. Returns whether something was said. */
static int say_consent(crm_news_t *news, customer_t *customer, const char *name)
{
    json_object *consent;
    const char *state;

    if (handler_field_object(&consent, customer->event->body, name) != HANDLER_FIELD_VALUE ||
        handler_field_text(&state, consent, "state", customer->pool) != HANDLER_FIELD_VALUE) {
        return 0;
    }
    crm_news_say(news, consent_version(customer, consent, "consent_updated_at"),
                 strcasecmp(state, "subscribed") == 0 ? "1" : "0");
    return 1;
}

static void say_consents(customer_t *customer)
{
    crm_news_t *address = customer->person.address;
    json_object *body = customer->event->body;
    int accepts;

    say_consent(&address[CRM_ADDRESS_MOBILE_OPTIN], customer, "sms_marketing_consent");
    /* accepts_marketing is what versions before 2023-10 have. */
    if (!say_consent(&address[CRM_ADDRESS_EMAIL_OPTIN], customer, "email_marketing_consent") &&
        handler_field_flag(&accepts, body, "accepts_marketing") == HANDLER_FIELD_VALUE) {
        crm_news_say(&address[CRM_ADDRESS_EMAIL_OPTIN],
                     consent_version(customer, body, "accepts_marketing_updated_at"),
                     accepts ? "1" : "0");
    }
}

/* ---- the whole ---- */

apr_status_t handler_shopify_customer_save(int *contact_id, const handler_shopify_event_t *event,
                                           const char *id, apr_pool_t *pool)
{
    customer_t customer = {.event = event, .pool = pool};

    customer.version = handler_shopify_version(event, pool);
    customer.person.identifier = id;
    handler_place_person(&customer.person, &event->place, customer.version, pool);
    say_names(&customer);
    say_email(&customer);
    find_address(&customer);
    customer.country = address_country(&customer);
    say_mobile_phone(&customer);
    if (customer.has_address != HANDLER_FIELD_ABSENT) {
        say_postal(&customer);
        say_home_phone(&customer);
    }
    say_consents(&customer);
    return crm_person_save(contact_id, event->context->db, &customer.person, pool);
}

apr_status_t handler_shopify_customer(handler_result_t *result,
                                      const handler_shopify_event_t *event, apr_pool_t *pool)
{
    const char *id = find_id(event->body, pool);

    if (!event->deletes) {
        result->reason = handler_shopify_privacy(event->body);
    }
    if (!result->reason && !id) {
        result->reason =
            "the customer has no id: expected an integer in the member id (or a gid in "
            "admin_graphql_api_id, or customer_id)";
    }
    if (result->reason) {
        result->verdict = HANDLER_REJECT;
        return APR_SUCCESS;
    }
    if (event->deletes) {
        return crm_person_delete(event->context->db, event->message->source_id, id, pool);
    }
    return handler_shopify_customer_save(NULL, event, id, pool);
}

/* ---- the buyer of an order without a customer ---- */

/* The first of these that is a mail address: `email` is often empty. */
static void say_buyer_email(customer_t *customer)
{
    static const char *const names[] = {"email", "contact_email"};
    const char *text;
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (handler_field_text(&text, customer->event->body, names[i], customer->pool) ==
                HANDLER_FIELD_VALUE &&
            handler_people_email(&customer->person, customer->version, text)) {
            return;
        }
    }
}

/* A name of the address; the customer's own names are not told. */
static void say_buyer_name(crm_news_t *news, const customer_t *customer, const char *name)
{
    const char *text = address_text(customer, name);

    if (text) {
        crm_news_say(news, customer->version, text);
    }
}

apr_status_t handler_shopify_buyer_save(int *contact_id, const handler_shopify_event_t *event,
                                        apr_pool_t *pool)
{
    customer_t customer = {.event = event, .pool = pool};
    const char *phone;

    *contact_id = 0;
    customer.version = handler_shopify_version(event, pool);
    handler_place_person(&customer.person, &event->place, customer.version, pool);
    if (handler_field_object(&customer.address, event->body, "billing_address") !=
        HANDLER_FIELD_VALUE) {
        handler_field_object(&customer.address, event->body, "shipping_address");
    }
    customer.country = address_country(&customer);
    say_buyer_email(&customer);
    if (handler_field_text(&phone, event->body, "phone", pool) == HANDLER_FIELD_VALUE) {
        customer.phone =
            say_phone(&customer.person.address[CRM_ADDRESS_MOBILE_PHONE], &customer, phone);
    }
    if (!crm_person_identify(&customer.person, pool)) {
        return APR_SUCCESS;
    }
    if (customer.address) {
        say_buyer_name(&customer.person.contact[CRM_CONTACT_FIRST_NAME], &customer, "first_name");
        say_buyer_name(&customer.person.contact[CRM_CONTACT_LAST_NAME], &customer, "last_name");
        say_postal(&customer);
        say_home_phone(&customer);
    }
    return crm_person_save(contact_id, event->context->db, &customer.person, pool);
}
