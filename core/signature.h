/*
 * Whether a secret made what a caller shows: signatures of bytes (HMAC), credentials, and the times
 * that are signed with them. Pure functions on text and bytes: no pool, no clock, any thread. What
 * depends on a secret takes the same time for every value of it, and no candidate ends the search
 * early. Must never take a value for good that its scheme would not write: no white space, no
 * missing or false padding, no second value behind a comma.
 */
#ifndef CRM360_SIGNATURE_H
#define CRM360_SIGNATURE_H

#include <apr_time.h>

#include <sys/uio.h>

/* How many secrets may be live at a time: the one in use and the one before it. */
#define CRM360_SECRETS 2

typedef struct crm360_secret_t {
    const char *bytes; /* may hold NUL, and ends with one that is not counted */
    apr_size_t len;    /* >= 1 */
} crm360_secret_t;

typedef struct crm360_secrets_t {
    crm360_secret_t at[CRM360_SECRETS];
    int count; /* 0 = none, or this program must not read them */
} crm360_secrets_t;

typedef enum { CRM360_SHA256, CRM360_SHA1, CRM360_SHA512 } crm360_hash_t;

/* How a signature is written; one or both. */
#define CRM360_AS_HEX 1u    /* digits in either case */
#define CRM360_AS_BASE64 2u /* RFC 4648 4, with its padding */

/* What the functions that look for a secret return: its number from 1 on (the first that fits), or
 * one of these. */
#define CRM360_FITS_NONE 0
#define CRM360_FITS_FAILED (-1) /* libcrypto has failed: no memory */

/* Whether `value` has the length and the characters of a signature with `hash`. */
int crm360_signature_is_one(const char *value, unsigned as, crm360_hash_t hash);

/* Which secret signed the pieces, one after the other, so that HMAC with `hash` is `value`. */
int crm360_signature_fits(const char *value, unsigned as, crm360_hash_t hash,
                          const crm360_secrets_t *secrets, const struct iovec *pieces, int count);

/* The list of Standard Webhooks: "v1,BASE64 v1a,... v1,...", one blank between its elements
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
 * Whether it is well formed and has an element of version v1. A field that was sent twice is not:
 * httpd joins the two with a comma. */
int crm360_signature_is_list(const char *list);

/* Which secret made one of the v1 elements (HMAC-SHA256) of a list that is well formed. */
int crm360_signature_list_fits(const char *list, const crm360_secrets_t *secrets,
                               const struct iovec *pieces, int count);

/* Which secret `value` equals. Digests are compared, so that its length does not show either. */
int crm360_secret_fits(const char *value, const crm360_secrets_t *secrets);

/* Reads the timestamp that a signature goes with: APR_EINVAL when it is none. RFC 3339 5.6
 * ("2026-03-02T09:15:27Z", perhaps with a fraction, or with an offset); seconds since 1970. */
apr_status_t crm360_timestamp_date(apr_time_t *when, const char *text)
    __attribute__((warn_unused_result));
apr_status_t crm360_timestamp_seconds(apr_time_t *when, const char *text)
    __attribute__((warn_unused_result));

#endif
