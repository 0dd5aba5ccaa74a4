/*
 * An SMS, how long it is, and handing it to the gateway of a database: Primotexto, Smsbox, or a
 * file of the outbox.
 */
#ifndef OUTBOUND_SMS_H
#define OUTBOUND_SMS_H

#include "outbound/outbound.h"

/* Most segments of one message (Smsbox takes no more). */
#define OUTBOUND_SEGMENTS_MOST 8

typedef struct outbound_length_t {
    const char *encoding; /* "GSM-7" or "UCS-2" */
    int units;            /* septets, or UTF-16 units */
    int segments;
} outbound_length_t;

/* How long a text (UTF-8) is as an SMS: 3GPP TS 23.038. */
void outbound_sms_length(outbound_length_t *length, const char *text);

typedef struct outbound_sms_t {
    const char *id;     /* of the message */
    const char *number; /* E.164 */
    const char *sender; /* NULL = the gateway's own */
    const char *text;   /* UTF-8 */
    int is_marketing;   /* neither transactional nor asked for */
} outbound_sms_t;

/* Whether the gateway takes this sender: NULL, or what it must be, constant. */
const char *outbound_sms_sender_fault(const crm360_provider_t *provider, const char *sender);

/* Hands it to `provider`, NULL = the outbox (<id>.json). reference is the id by which its reports
 * speak of it. */
void outbound_sms_send(outbound_result_t *result, outbound_t *outbound,
                       const crm360_provider_t *provider, const outbound_sms_t *sms,
                       apr_pool_t *pool);

#endif
