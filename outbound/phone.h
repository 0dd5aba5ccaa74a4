/*
 * Phone numbers: what people and platforms write, as E.164 (ITU-T), the only form the CRM stores
 * and gateways get. Pure functions, usable by any thread. Never logs or guesses a number.
 */
#ifndef OUTBOUND_PHONE_H
#define OUTBOUND_PHONE_H

#include <apr_errno.h>

#define OUTBOUND_PHONE_SIZE 17 /* '+', at most 15 digits, NUL */

typedef enum {
    OUTBOUND_PHONE_UNKNOWN, /* no plan of that country here */
    OUTBOUND_PHONE_MOBILE,
    OUTBOUND_PHONE_FIXED /* a valid number, not for SMS */
} outbound_phone_kind_t;

typedef struct outbound_phone_t {
    char e164[OUTBOUND_PHONE_SIZE]; /* "+33612345678" */
    /* Alpha-3, constant; NULL when the prefix belongs to several or to none known. */
    const char *country;
    outbound_phone_kind_t kind;
    int is_prefixed; /* it was written with its country code, behind "+" or "00" */
} outbound_phone_t;

/* Reads `text`, written in the manner of `country` (alpha-3, alpha-2 or the numeric code of ISO
 * 3166-1, any case; NULL, empty or unknown = France). An explicit prefix wins over the country.
 * APR_EINVAL when it is no number that can be dialled; *phone is undefined then. */
apr_status_t outbound_phone_parse(outbound_phone_t *phone, const char *text, const char *country)
    __attribute__((warn_unused_result));

/* Whether the plan of a country (as above) is known here. */
int outbound_phone_knows(const char *country);

#endif
