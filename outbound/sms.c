/*
 * Handing an SMS to whoever carries it. What a sender may be is said in one place (core/config.h):
 * the configuration is checked by it too.
 */
#include "outbound/sms.h"

#include <json-c/json.h>

#include <string.h>

#include "outbound/outbound_private.h"
#include "outbound/primotexto.h"
#include "outbound/smsbox.h"

const char *outbound_sms_sender_fault(const crm360_provider_t *provider, const char *sender)
{
    return crm360_sender_fault(provider ? provider->kind : NULL, sender);
}

/* The file of the outbox: what a gateway would be told, and how long it is. */
static void put_file(outbound_result_t *result, const outbound_t *outbound,
                     const outbound_sms_t *sms, apr_pool_t *pool)
{
    json_object *file = json_object_new_object();
    outbound_length_t length;
    const char *text;

    outbound_sms_length(&length, sms->text);
    json_object_object_add(file, "number", json_object_new_string(sms->number));
    json_object_object_add(file, "sender",
                           sms->sender ? json_object_new_string(sms->sender) : NULL);
    json_object_object_add(file, "text", json_object_new_string(sms->text));
    json_object_object_add(file, "encoding", json_object_new_string(length.encoding));
    json_object_object_add(file, "units", json_object_new_int(length.units));
    json_object_object_add(file, "segments", json_object_new_int(length.segments));
    text = json_object_to_json_string_ext(file,
                                          JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
    outbound_outbox_put(result, outbound, sms->id, ".json", text, strlen(text), pool);
    json_object_put(file);
}

void outbound_sms_send(outbound_result_t *result, outbound_t *outbound,
                       const crm360_provider_t *provider, const outbound_sms_t *sms,
                       apr_pool_t *pool)
{
    outbound_sms_t told = *sms;

    if (!provider) {
        put_file(result, outbound, sms, pool);
        return;
    }
    told.sender = sms->sender ? sms->sender : provider->sender;
    if (strcmp(provider->kind, "primotexto") == 0) {
        outbound_primotexto_send(result, outbound, provider, &told, pool);
    }
    else {
        outbound_smsbox_send(result, outbound, provider, &told, pool);
    }
}
