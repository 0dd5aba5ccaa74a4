/*
 * A loyalty card in the phone of its owner: the payload of an update, and handing it to the wallet
 * provider of a database: Captain Wallet, or a file of the outbox. An update says how things are,
 * so calling twice does no harm.
 */
#ifndef OUTBOUND_WALLET_H
#define OUTBOUND_WALLET_H

#include <json-c/json.h>

#include "outbound/outbound.h"

/* What the provider is to know. Borrowed. */
typedef struct outbound_card_t {
    const char *id;         /* of the message */
    const char *identifier; /* what the pass is known by; outbound_wallet_identifier_ok() */
    json_object *values;    /* what the payload template can name; those without value are absent */
} outbound_card_t;

/* The code of an update whose card nobody has in a phone. */
#define OUTBOUND_WALLET_NO_PASS "no pass"

/* Hands it to `provider`, NULL = the outbox (<id>.json). code is OUTBOUND_WALLET_NO_PASS when the
 * owner has never installed a pass, which is no fault: SENT. */
void outbound_wallet_update(outbound_result_t *result, outbound_t *outbound,
                            const crm360_provider_t *provider, const outbound_card_t *card,
                            apr_pool_t *pool);

/* Whether an identifier can stand in a URL: not empty, not too long, not "." or "..". */
int outbound_wallet_identifier_ok(const char *identifier);

/* ---- the payload (wallet_payload.c) ---- */

/* A payload template is a JSON object. A text in it that is nothing but {{var:Name}} becomes the
 * value of that name, a number or a list included; without a value it becomes its default, or its
 * member is left out. Other texts are filled by outbound_template_render(). An object
 * {"{{each:Vouchers}}": ...} becomes a list with one element for each voucher, made of what stands
 * there, in which the voucher's own values can be named too. Values are put in their places after
 * the template is read: whatever they hold, they stay values. */

/* The built-in template. */
extern const char outbound_wallet_template[];

/* The names that a template may use, ended by NULL: of a card, and of each voucher. Besides there
 * is PointsN for each type N of points. */
extern const char *const outbound_wallet_names[];
extern const char *const outbound_wallet_voucher_names[];

/* What is wrong with a template: no JSON object, or a name that there is not. NULL, or a sentence
 * without full stop, in `pool`. For whoever checks a configuration. */
const char *outbound_wallet_template_fault(const char *text, apr_pool_t *pool);

/* The payload of a template, NULL or "" = the built-in one, as JSON text in `pool`. NULL with *why
 * when the template has a fault. */
const char *outbound_wallet_payload(const char **why, const char *text, json_object *values,
                                    apr_pool_t *pool);

#endif
