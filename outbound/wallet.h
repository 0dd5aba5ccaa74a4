/*
 * A loyalty card in the phone of its owner: the payload of an update, and handing it to the wallet
 * provider of a database: Captain Wallet, or a file of the outbox. An update says how things are,
 * so calling twice does no harm.
 */
#ifndef OUTBOUND_WALLET_H
#define OUTBOUND_WALLET_H

#include <json-c/json.h>

#include "outbound/outbound.h"

/* What the provider is to know, as one JSON object; see doc/handlers.txt for its members.
 * Borrowed. */
typedef struct outbound_card_t {
    const char *id;         /* of the message */
    const char *identifier; /* what the pass is known by */
    json_object *values;    /* what the payload template can name */
} outbound_card_t;

/* Hands it to `provider`, NULL = the outbox (<id>.json). code is "no pass" when the owner has never
 * installed one, which is no fault: SENT. */
void outbound_wallet_update(outbound_result_t *result, outbound_t *outbound,
                            const crm360_provider_t *provider, const outbound_card_t *card,
                            apr_pool_t *pool);

#endif
