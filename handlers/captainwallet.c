/*
 * CaptainWallet/LoyaltyCard/SendUpdate: tells the wallet provider how a card is now. Two updates of
 * one card may be on their way at once, and the older one arrive last: so the card is read once
 * more when the provider has taken an update, and sent again when it has changed since. Must never
 * send a card or a contact that is deleted.
 */
#include "handlers/captainwallet.h"

#include <apr_strings.h>

#include <string.h>

#include "core/charset.h"
#include "core/log.h"
#include "crm/decimal.h"
#include "crm/event.h"
#include "crm/loyalty.h"
#include "handlers/command.h"
#include "handlers/place.h"
#include "outbound/wallet.h"

#define ID "LoyaltyCardId"

typedef struct job_t {
    int card_id;
    int contact_id;   /* 0 = none */
    const char *gone; /* why it cannot be sent; NULL = it can */
    int is_known;     /* there is such a card, deleted or not */
    outbound_card_t card;
    const char *values; /* card.values as text: what has to be the same */
} job_t;

/* ---- values ---- */

/* A decimal as a number of JSON, without zeros at its end; exact. */
static json_object *decimal_json(const char *text, apr_pool_t *pool)
{
    crm_decimal_t value;
    char *digits;
    apr_size_t len;

    if (crm_decimal_parse(&value, text) != APR_SUCCESS) {
        return NULL;
    }
    if (value % CRM_DECIMAL_ONE == 0) {
        return json_object_new_int64(value / CRM_DECIMAL_ONE);
    }
    digits = apr_pstrdup(pool, crm_decimal_text(value, pool));
    for (len = strlen(digits); digits[len - 1] == '0'; len--) {
        digits[len - 1] = '\0';
    }
    /* The text is what is printed; the double is only a companion. */
    return json_object_new_double_s((double)value / (double)CRM_DECIMAL_ONE, digits);
}

static json_object *integer_json(const char *text)
{
    char *end;
    apr_int64_t value = apr_strtoi64(text, &end, 10);

    return *end ? NULL : json_object_new_int64(value);
}

/* Other programs write to these tables, and SQLite takes any bytes for a text. */
static json_object *text_json(const char *text, apr_pool_t *pool)
{
    apr_size_t len;
    const char *clean = crm360_utf8_clean(&len, text, strlen(text), pool);

    return json_object_new_string_len(clean, (int)len);
}

/* A value; NULL when it is none of its kind. */
static json_object *value_json(const crm_loyalty_value_t *value, apr_pool_t *pool)
{
    switch (value->kind) {
    case CRM_LOYALTY_INTEGER:
        return integer_json(value->text);
    case CRM_LOYALTY_DECIMAL:
        return decimal_json(value->text, pool);
    case CRM_LOYALTY_FLAG:
        return json_object_new_boolean(strcmp(value->text, "0") != 0);
    case CRM_LOYALTY_TEXT:
        break;
    }
    return text_json(value->text, pool);
}

/* An object of those that there are; the caller's. */
static json_object *values_json(const apr_array_header_t *values, apr_pool_t *pool)
{
    json_object *object = json_object_new_object(), *json;
    int i;

    for (i = 0; i < values->nelts; i++) {
        const crm_loyalty_value_t *value = &APR_ARRAY_IDX(values, i, crm_loyalty_value_t);

        json = value->text ? value_json(value, pool) : NULL;
        if (json) {
            json_object_object_add(object, value->name, json);
        }
    }
    return object;
}

static apr_status_t put_object(void *object)
{
    json_object_put(object);
    return APR_SUCCESS;
}

/* All that a template can name. A card that never had a voucher has no list of them. */
static json_object *all_values(const crm_loyalty_card_t *card, const char *identifier,
                               apr_pool_t *pool)
{
    json_object *object = values_json(card->values, pool), *list;
    int i;

    apr_pool_cleanup_register(pool, object, put_object, apr_pool_cleanup_null);
    json_object_object_add(object, "Identifier", text_json(identifier, pool));
    if (card->had_vouchers) {
        list = json_object_new_array();
        for (i = 0; i < card->vouchers->nelts; i++) {
            json_object_array_add(
                list, values_json(APR_ARRAY_IDX(card->vouchers, i, apr_array_header_t *), pool));
        }
        json_object_object_add(object, "Vouchers", list);
    }
    return object;
}

/* ---- the card ---- */

/* What the pass is known by. NULL with *lacking when there is nothing to know it by. */
static const char *identifier_of(const char **lacking, const crm_loyalty_card_t *card,
                                 const crm360_provider_t *provider, apr_pool_t *pool)
{
    const char *by = provider && provider->identifier ? provider->identifier : "card";

    if (strcmp(by, "contact") == 0) {
        *lacking = "it has no contact, and identifier=contact needs one";
        return card->contact_id ? apr_itoa(pool, card->contact_id) : NULL;
    }
    if (strcmp(by, "source") == 0) {
        *lacking = "its source has no identifier for its contact, and identifier=source needs one";
        return card->contact_identifier;
    }
    *lacking = "it has neither LoyaltyCardNumber nor LoyaltyCardIdentifier";
    return card->number;
}

/* Why it cannot be sent, NULL = it can; then *identifier is what the pass is known by. */
static const char *fault_of(const char **identifier, const crm_loyalty_card_t *card,
                            const crm360_provider_t *provider, apr_pool_t *pool)
{
    const char *lacking;

    if (!card->id) {
        return "there is none in this database";
    }
    if (card->deleted || card->contact_deleted) {
        return card->deleted ? "it is deleted" : "its contact is deleted";
    }
    *identifier = identifier_of(&lacking, card, provider, pool);
    if (!*identifier) {
        return lacking;
    }
    return outbound_wallet_identifier_ok(*identifier) ? NULL
                                                      : "its identifier cannot stand in a URL";
}

/* Reads a card as it is now, and what is to be said of it. */
static apr_status_t read_card(job_t *job, int card_id, const handler_context_t *context,
                              apr_pool_t *pool)
{
    const char *identifier = NULL;
    crm_loyalty_card_t card;
    apr_status_t rv = crm_loyalty_read(&card, context->db, card_id, apr_time_now(), pool);

    memset(job, 0, sizeof(*job));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    job->card_id = card_id;
    job->contact_id = card.contact_id;
    job->is_known = card.id != 0;
    job->gone =
        fault_of(&identifier, &card, context->database->providers[CRM360_SENDS_WALLET], pool);
    if (!job->gone) {
        job->card.identifier = identifier;
        job->card.values = all_values(&card, identifier, pool);
        job->values = apr_pstrdup(
            pool, json_object_to_json_string_ext(job->card.values, JSON_C_TO_STRING_PLAIN));
    }
    return APR_SUCCESS;
}

/* ---- before the call ---- */

static const char *detail_of(int card_id, apr_pool_t *pool)
{
    return apr_psprintf(pool, "{\"" ID "\":%d}", card_id);
}

static void call(outbound_result_t *result, const handler_send_t *send, outbound_t *outbound,
                 apr_pool_t *pool)
{
    const job_t *job = send->job;

    outbound_wallet_update(result, outbound, send->provider, &job->card, pool);
}

static apr_status_t reject(handler_result_t *result, const char *reason)
{
    result->verdict = HANDLER_REJECT;
    result->reason = reason;
    return APR_SUCCESS;
}

static apr_status_t prepare(handler_result_t *result, handler_send_t **send,
                            const crm360_message_t *message, const handler_context_t *context,
                            apr_pool_t *pool)
{
    job_t *job = apr_palloc(pool, sizeof(*job));
    handler_command_t command;
    const char *reason;
    apr_status_t rv;
    int id;

    if (!handler_command_read(&command, &reason, message, context->database, pool)) {
        return reject(result, reason);
    }
    id = handler_command_id(&command, ID);
    rv = read_card(job, id, context, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (job->gone) {
        return reject(result, apr_psprintf(pool, ID " %d: %s", id, job->gone));
    }
    job->card.id = message->id;
    *send = apr_pcalloc(pool, sizeof(**send));
    (*send)->record.contact_id = job->contact_id;
    (*send)->record.detail = detail_of(id, pool);
    (*send)->call = call;
    (*send)->job = job;
    return APR_SUCCESS;
}

/* ---- after it ---- */

static apr_status_t note(const job_t *now, int has_pass, const crm360_message_t *message,
                         const handler_context_t *context, apr_pool_t *pool)
{
    crm_event_t event = {.source_id = message->source_id,
                         .identifier = message->id,
                         .message_id = message->id,
                         .kind = has_pass ? "wallet.update" : "wallet.no-pass",
                         .channel = CRM_CHANNEL_WALLET,
                         .category = CRM_CATEGORY_TRANSACTIONAL,
                         .at_ms = apr_time_as_msec(apr_time_now()),
                         .contact_id = now->contact_id,
                         .detail = detail_of(now->card_id, pool)};
    crm_place_t place;
    apr_status_t rv = handler_place(&place, message, context, pool);

    if (rv == APR_SUCCESS) {
        rv = crm_event_add(NULL, context->db, &event, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_loyalty_act(context->db, now->card_id,
                             has_pass ? CRM_LOYALTY_SENT : CRM_LOYALTY_NO_PASS, message->source_id,
                             message->id, apr_time_now(), pool);
    }
    return rv;
}

static apr_status_t finish(handler_result_t *result, const handler_send_t *send,
                           const outbound_result_t *outcome, const crm360_message_t *message,
                           const handler_context_t *context, apr_pool_t *pool)
{
    const job_t *sent = send->job;
    int has_pass = !outcome->code || strcmp(outcome->code, OUTBOUND_WALLET_NO_PASS) != 0;
    job_t now;
    apr_status_t rv = read_card(&now, sent->card_id, context, pool);

    if (rv != APR_SUCCESS || !now.is_known) {
        return rv; /* erased meanwhile: there is nobody to write of */
    }
    if (!now.gone && strcmp(now.values, sent->values) != 0) {
        crm360_log(CRM360_LOG_INFO, APR_SUCCESS,
                   "%s: " ID " %d has changed during the call, and is sent again", message->id,
                   sent->card_id);
        result->verdict = HANDLER_MORE;
        return APR_SUCCESS;
    }
    return note(&now, has_pass, message, context, pool);
}

static int serves(const crm360_route_t *route)
{
    return strcmp(route->entity, "LoyaltyCard") == 0;
}

const handler_t handler_captainwallet = {
    .platform = "CaptainWallet",
    .serves = serves,
    .sends = CRM360_SENDS_WALLET,
    .prepare = prepare,
    .repeatable = 1,
    .finish = finish,
};
