/*
 * Adictiz: participations in marketing games
 * (https://box.adictiz.help/en/articles/4671604-how-to-set-up-a-webhook). A player comes once for
 * each form of a game, each time with all that was told so far; what was not filled in is "", and
 * says nothing. Doing a message twice is harmless: rows are guarded by the event's date, the event
 * is known by its request_id. Must never store the player's network address, nor take a consent
 * back that somebody has given elsewhere.
 */
#include "handlers/adictiz.h"

#include <apr_strings.h>

#include <string.h>
#include <strings.h>

#include "crm/country.h"
#include "crm/date.h"
#include "crm/event.h"
#include "crm/interest.h"
#include "handlers/body.h"
#include "handlers/events.h"
#include "handlers/field.h"
#include "handlers/people.h"
#include "handlers/place.h"

#define DAY_MS ((apr_int64_t)86400000)
#define FREE_FIELDS 5

typedef struct player_t {
    const crm360_message_t *message;
    const handler_context_t *context;
    apr_pool_t *pool;
    crm_place_t place;
    json_object *event;
    json_object *data;   /* the event's, or the event itself */
    apr_int64_t at_ms;   /* timestamp, else when the message came */
    const char *version; /* of what it says */
    const char *guess;   /* of what any other news wins over; among guesses the newest counts */
    const char *request; /* request_id, else made of the event's digest */
    int has_request;
    crm_person_t person;
    const char *country; /* alpha-3, NULL = not told */
    int contact_id;      /* 0 = nobody can tell who it is */
} player_t;

static int serves(const crm360_route_t *route)
{
    return strcmp(route->entity, "User") == 0 && strcmp(route->action, "Participate") == 0;
}

/* A member of data, NULL when it is not filled in. */
static const char *filled(const player_t *player, const char *name)
{
    const char *text;

    handler_field_text(&text, player->data, name, player->pool);
    return text;
}

static const char *filled_id(const player_t *player, json_object *object, const char *name)
{
    const char *text;

    handler_field_id(&text, object, name, player->pool);
    return text;
}

/* ---- the event ---- */

static void read_event(player_t *player)
{
    const char *text = json_object_to_json_string_ext(player->event, JSON_C_TO_STRING_PLAIN);
    apr_int64_t arrival = player->message->received / 1000;
    size_t length = strlen(text);

    if (handler_field_object(&player->data, player->event, "data") != HANDLER_FIELD_VALUE) {
        player->data = player->event;
    }
    /* A date to come would let a consent stand against every withdrawal until then. */
    if (handler_field_time(&player->at_ms, player->event, "timestamp", player->pool) !=
            HANDLER_FIELD_VALUE ||
        player->at_ms > arrival + DAY_MS) {
        player->at_ms = arrival;
    }
    player->version = crm_version_make(player->at_ms, 0, text, length, player->pool);
    player->guess = crm_version_make(0, player->at_ms, text, length, player->pool);
    player->request = filled_id(player, player->event, "request_id");
    player->has_request = player->request != NULL;
    if (!player->request) {
        player->request = crm_version_weak(text, length, player->pool);
    }
}

static int is_participation(const player_t *player, const char **type)
{
    handler_field_text(type, player->event, "event_type", player->pool);
    return !*type || strcasecmp(*type, "FormSubscribe") == 0;
}

static void start_event(crm_event_t *event, const player_t *player)
{
    *event = (crm_event_t){.source_id = player->place.source_id,
                           .identifier = player->request,
                           .message_id = player->message->id,
                           .channel = CRM_CHANNEL_WEB,
                           .category = CRM_CATEGORY_OTHER,
                           .at_ms = player->at_ms};
}

/* An event that is no participation is written down, and nothing else. */
static apr_status_t save_other(player_t *player, const char *type)
{
    crm_event_t event;

    start_event(&event, player);
    event.kind = handler_events_kind("adictiz", type, player->pool);
    return crm_event_add(NULL, player->context->db, &event, player->pool);
}

/* ---- the player ---- */

static void say_text(crm_news_t *news, const player_t *player, const char *name)
{
    const char *text = filled(player, name);

    if (text) {
        crm_news_say(news, player->version, text);
    }
}

static void say_person(player_t *player)
{
    crm_person_t *person = &player->person;

    say_text(&person->contact[CRM_CONTACT_FIRST_NAME], player, "firstname");
    say_text(&person->contact[CRM_CONTACT_LAST_NAME], player, "lastname");
    handler_people_civility(person, player->version, filled(player, "civility"), player->pool);
    handler_people_birth(person, player->version, filled(player, "birthday"), player->at_ms,
                         player->pool);
    handler_people_language(person, player->version, filled(player, "language"), player->pool);
}

/* One without a street is only a guess: it must not take a street away that is known. */
static void say_postal(player_t *player)
{
    crm_news_t *news = &player->person.address[CRM_ADDRESS_POSTAL];
    const char *street = filled(player, "address");
    const char *post_code = filled(player, "zipCode");
    const char *city = filled(player, "city");

    if (!street && !post_code && !city) {
        return;
    }
    news->said = 1;
    news->version = street && (post_code || city) ? player->version : player->guess;
    news->values[3] = street;
    news->values[CRM_POSTAL_POST_CODE] = post_code;
    news->values[CRM_POSTAL_CITY] = city;
    news->values[CRM_POSTAL_STATE] = filled(player, "state");
    news->values[CRM_POSTAL_COUNTRY] = player->country;
}

/* A yes counts with its date. A no is what a box says that nobody has ticked: it stands only where
 * nobody has said anything. */
static void say_consent(crm_news_t *news, const player_t *player, const char *name)
{
    int given;

    if (handler_field_flag(&given, player->data, name) == HANDLER_FIELD_VALUE) {
        crm_news_say(news, given ? player->version : player->guess, given ? "1" : "0");
    }
}

/* Consents to mail and SMS are about the address or number that came with them. */
static void say_points(player_t *player)
{
    crm_person_t *person = &player->person;

    if (handler_people_email(person, player->version, filled(player, "email"))) {
        say_consent(&person->address[CRM_ADDRESS_EMAIL_OPTIN], player, "newsletter");
    }
    if (handler_people_phone(person, player->version, filled(player, "mobilePhone"),
                             player->country, player->pool) == HANDLER_PEOPLE_MOBILE) {
        say_consent(&person->address[CRM_ADDRESS_MOBILE_OPTIN], player, "optin_mobile");
    }
    handler_people_home_phone(person, player->version, filled(player, "deskPhone"), player->country,
                              player->pool);
    say_consent(&person->contact[CRM_CONTACT_PARTNER], player, "optin_partner");
}

/* Without mail address and mobile number nobody can tell who it is, and no contact is made: user_id
 * is of one campaign only. */
static apr_status_t save_person(player_t *player)
{
    const char *country = filled(player, "country");

    player->country = country ? crm_country_find(country) : NULL;
    handler_place_person(&player->person, &player->place, player->version, player->pool);
    say_person(player);
    say_postal(player);
    say_points(player);
    if (!crm_person_identify(&player->person, player->pool)) {
        return APR_SUCCESS;
    }
    return crm_person_save(&player->contact_id, player->context->db, &player->person, player->pool);
}

/* ---- the participation ---- */

/* One row for each player of a campaign. NULL = nothing tells one from another. */
static const char *interest_of(const player_t *player)
{
    const char *operation = filled_id(player, player->data, "operation_id");
    const char *user = filled_id(player, player->data, "user_id");

    if (operation && user && strlen(operation) + 1 + strlen(user) <= CRM_IDENTIFIER_MOST) {
        return apr_pstrcat(player->pool, operation, "/", user, NULL);
    }
    return player->has_request ? player->request : NULL;
}

/* The campaign. Its name has the version of the day: players of one day do not wait for each other
 * to write the same name again. */
static apr_status_t find_category(int *id, const player_t *player)
{
    const char *operation = filled_id(player, player->data, "operation_id");
    const char *name = filled(player, "operation_name");
    const char *version = name ? crm_version_make(player->at_ms - player->at_ms % DAY_MS, 0, name,
                                                  strlen(name), player->pool)
                               : NULL;

    return crm_interest_category(id, player->context->db, player->place.source_id, operation, name,
                                 version, player->pool);
}

static apr_status_t save_interest(player_t *player)
{
    crm_interest_t interest = {.source_id = player->place.source_id,
                               .identifier = interest_of(player)};
    crm_news_t *news = interest.news;
    apr_status_t rv;
    int category, i;

    if (!interest.identifier) {
        return APR_SUCCESS;
    }
    rv = find_category(&category, player);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    crm_news_say_id(&news[CRM_INTEREST_CONTACT], player->version, player->contact_id, player->pool);
    crm_news_say_id(&news[CRM_INTEREST_CATEGORY], player->version, category, player->pool);
    crm_news_say(&news[CRM_INTEREST_DATE], player->version,
                 crm_date_text(player->at_ms, player->pool));
    for (i = 0; i < FREE_FIELDS; i++) {
        say_text(&news[CRM_INTEREST_FREE_1 + i], player,
                 apr_psprintf(player->pool, "custom_%d", i + 1));
    }
    return crm_interest_save(player->context->db, &interest, player->pool);
}

static apr_status_t put_object(void *object)
{
    json_object_put(object);
    return APR_SUCCESS;
}

/* What else is to be known: campaign, answers, where the player came from. */
static const char *detail_of(const player_t *player)
{
    json_object *detail = json_object_new_object();
    const char *text;

    apr_pool_cleanup_register(player->pool, detail, put_object, apr_pool_cleanup_null);
    json_object_object_foreach(player->data, name, value)
    {
        (void)value;
        text = strncmp(name, "operation_", 10) == 0 || strncmp(name, "custom_", 7) == 0 ||
                       strncmp(name, "utm_", 4) == 0
                   ? filled(player, name)
                   : NULL;
        if (text) {
            json_object_object_add(detail, name, json_object_new_string(text));
        }
    }
    return json_object_object_length(detail)
               ? json_object_to_json_string_ext(detail, JSON_C_TO_STRING_PLAIN)
               : NULL;
}

static apr_status_t save_event(player_t *player)
{
    const crm_news_t *email = &player->person.address[CRM_ADDRESS_EMAIL];
    const crm_news_t *phone = &player->person.address[CRM_ADDRESS_MOBILE_PHONE];
    crm_event_t event;

    start_event(&event, player);
    event.kind = "game.participation";
    event.category = CRM_CATEGORY_PARTICIPATION;
    event.contact_id = player->contact_id;
    event.address_kind = email->said ? CRM_POINT_EMAIL : CRM_POINT_PHONE;
    event.address = email->said ? email->values[0] : phone->said ? phone->values[0] : NULL;
    event.detail = detail_of(player);
    return crm_event_add(NULL, player->context->db, &event, player->pool);
}

/* ---- the whole ---- */

/* `place` is its position in the body, from 1. */
static apr_status_t take(handler_result_t *result, player_t *player, int place)
{
    const char *type;
    apr_status_t rv;

    read_event(player);
    if (!is_participation(player, &type)) {
        return save_other(player, type);
    }
    rv = save_person(player);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!player->contact_id && !interest_of(player)) {
        result->verdict = HANDLER_REJECT;
        result->reason = apr_psprintf(
            player->pool,
            "participation %d tells neither who nor what it is: expected request_id, operation_id "
            "and user_id, a mail address in email, or a number in mobilePhone",
            place);
        return APR_SUCCESS;
    }
    rv = save_interest(player);
    return rv == APR_SUCCESS ? save_event(player) : rv;
}

static apr_status_t deliver(handler_result_t *result, const crm360_message_t *message,
                            const handler_context_t *context, apr_pool_t *pool)
{
    apr_array_header_t *events;
    crm_place_t place;
    apr_status_t rv;
    apr_pool_t *own; /* of one event: there can be very many */
    int i;

    if (!handler_body_events(&events, &result->reason, message,
                             HANDLER_BODY_JSON | HANDLER_BODY_FORM, pool)) {
        result->verdict = HANDLER_REJECT;
        return APR_SUCCESS;
    }
    rv = handler_place(&place, message, context, pool);
    apr_pool_create(&own, pool);
    apr_pool_tag(own, "crm360_adictiz");
    for (i = 0; i < events->nelts && rv == APR_SUCCESS && result->verdict == HANDLER_DONE; i++) {
        player_t player = {.message = message, .context = context, .pool = own, .place = place};

        player.event = APR_ARRAY_IDX(events, i, json_object *);
        rv = take(result, &player, i + 1);
        result->reason = result->reason ? apr_pstrdup(pool, result->reason) : NULL;
        apr_pool_clear(own);
    }
    apr_pool_destroy(own);
    return rv;
}

const handler_t handler_adictiz = {
    .platform = "Adictiz",
    .serves = serves,
    .deliver = deliver,
};
