/*
 * Signatures by libcrypto. What a caller shows is never decoded: the right signature is written out
 * the way the caller must have written it, and the texts are compared. So nothing passes that
 * merely decodes to the same bytes.
 */
#include "core/signature.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <string.h>

#include "core/encode.h"

#define MAC_MOST EVP_MAX_MD_SIZE
/* A signature as text: hexadecimal digits are the longer of the two. */
#define TEXT_MOST (2 * MAC_MOST + 1)

static const EVP_MD *digest_of(crm360_hash_t hash)
{
    switch (hash) {
    case CRM360_SHA1:
        return EVP_sha1();
    case CRM360_SHA512:
        return EVP_sha512();
    default:
        return EVP_sha256();
    }
}

/* ---- HMAC ---- */

/* RFC 2104 over the pieces. 0 when libcrypto fails. */
static int make_mac(unsigned char *mac, apr_size_t *len, crm360_hash_t hash,
                    const crm360_secret_t *secret, const struct iovec *pieces, int count)
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL,
                                                 (const unsigned char *)secret->bytes, secret->len);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int good = key && context && EVP_DigestSignInit(context, NULL, digest_of(hash), NULL, key) == 1;
    size_t mac_len = MAC_MOST;
    int i;

    for (i = 0; i < count && good; i++) {
        good = EVP_DigestSignUpdate(context, pieces[i].iov_base, pieces[i].iov_len) == 1;
    }
    good = good && EVP_DigestSignFinal(context, mac, &mac_len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    *len = mac_len;
    return good;
}

/* Writes a signature as text; returns its length. */
static apr_size_t write_mac(char *text, unsigned as, const unsigned char *mac, apr_size_t len)
{
    if (as == CRM360_AS_BASE64) {
        return (apr_size_t)EVP_EncodeBlock((unsigned char *)text, mac, (int)len);
    }
    crm360_hex_write(text, mac, len);
    return 2 * len;
}

/* Whether `value` is that signature, written as `as`. */
static int is_mac(const char *value, apr_size_t value_len, unsigned as, const unsigned char *mac,
                  apr_size_t len)
{
    char want[TEXT_MOST];
    char got[TEXT_MOST];
    apr_size_t want_len = write_mac(want, as, mac, len);
    apr_size_t i;

    if (value_len != want_len) {
        return 0;
    }
    for (i = 0; i < value_len; i++) {
        got[i] = as == CRM360_AS_HEX ? (char)apr_tolower(value[i]) : value[i];
    }
    return CRYPTO_memcmp(got, want, want_len) == 0;
}

/* The number of the first secret whose bit is set. */
static int first_of(unsigned fitting)
{
    int i;

    for (i = 0; i < CRM360_SECRETS; i++) {
        if (fitting & (1u << i)) {
            return i + 1;
        }
    }
    return CRM360_FITS_NONE;
}

int crm360_signature_is_one(const char *value, unsigned as, crm360_hash_t hash)
{
    apr_size_t len = strlen(value);
    apr_size_t bytes = (apr_size_t)EVP_MD_size(digest_of(hash));

    if ((as & CRM360_AS_HEX) && len == 2 * bytes &&
        strspn(value, "0123456789abcdefABCDEF") == len) {
        return 1;
    }
    return (as & CRM360_AS_BASE64) && crm360_base64_bytes(value, len) == (apr_ssize_t)bytes;
}

int crm360_signature_fits(const char *value, unsigned as, crm360_hash_t hash,
                          const crm360_secrets_t *secrets, const struct iovec *pieces, int count)
{
    apr_size_t value_len = strlen(value);
    unsigned char mac[MAC_MOST];
    unsigned fitting = 0;
    unsigned form;
    apr_size_t len;
    int i;

    for (i = 0; i < secrets->count; i++) {
        if (!make_mac(mac, &len, hash, &secrets->at[i], pieces, count)) {
            return CRM360_FITS_FAILED;
        }
        for (form = CRM360_AS_HEX; form <= CRM360_AS_BASE64; form <<= 1) {
            if (as & form) {
                fitting |= (unsigned)is_mac(value, value_len, form, mac, len) << i;
            }
        }
    }
    return first_of(fitting);
}

/* ---- lists ---- */

#define V1 "v1,"
#define V1_LEN (sizeof(V1) - 1)

/* Length of the element at `at`: up to the next blank, or the end. */
static apr_size_t element_len(const char *at)
{
    return strcspn(at, " ");
}

int crm360_signature_is_list(const char *list)
{
    static const char version[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    char value[TEXT_MOST];
    int with_v1 = 0;

    for (;;) {
        apr_size_t len = element_len(list);
        apr_size_t comma = strspn(list, version);

        if (comma == 0 || comma + 1 >= len || list[comma] != ',' ||
            memchr(list + comma + 1, ',', len - comma - 1)) {
            return 0;
        }
        if (strncmp(list, V1, V1_LEN) == 0) {
            if (len - V1_LEN >= sizeof(value)) {
                return 0;
            }
            memcpy(value, list + V1_LEN, len - V1_LEN);
            value[len - V1_LEN] = '\0';
            if (!crm360_signature_is_one(value, CRM360_AS_BASE64, CRM360_SHA256)) {
                return 0;
            }
            with_v1 = 1;
        }
        if (!list[len]) {
            return with_v1;
        }
        list += len + 1;
    }
}

/* Whether one of the v1 elements is that signature; each is looked at. */
static unsigned is_in_list(const char *list, const unsigned char *mac, apr_size_t mac_len)
{
    unsigned found = 0;

    for (;;) {
        apr_size_t len = element_len(list);

        if (len > V1_LEN && strncmp(list, V1, V1_LEN) == 0) {
            found |= (unsigned)is_mac(list + V1_LEN, len - V1_LEN, CRM360_AS_BASE64, mac, mac_len);
        }
        if (!list[len]) {
            return found;
        }
        list += len + 1;
    }
}

int crm360_signature_list_fits(const char *list, const crm360_secrets_t *secrets,
                               const struct iovec *pieces, int count)
{
    unsigned char mac[MAC_MOST];
    unsigned fitting = 0;
    apr_size_t len;
    int i;

    if (!crm360_signature_is_list(list)) {
        return CRM360_FITS_NONE;
    }
    for (i = 0; i < secrets->count; i++) {
        if (!make_mac(mac, &len, CRM360_SHA256, &secrets->at[i], pieces, count)) {
            return CRM360_FITS_FAILED;
        }
        fitting |= is_in_list(list, mac, len) << i;
    }
    return first_of(fitting);
}

/* ---- credentials ---- */

static int digest(unsigned char *out, const char *bytes, apr_size_t len)
{
    return EVP_Digest(bytes, len, out, NULL, EVP_sha256(), NULL) == 1;
}

int crm360_secret_fits(const char *value, const crm360_secrets_t *secrets)
{
    unsigned char got[MAC_MOST], want[MAC_MOST];
    apr_size_t len = (apr_size_t)EVP_MD_size(EVP_sha256());
    unsigned fitting = 0;
    int i;

    if (!digest(got, value, strlen(value))) {
        return CRM360_FITS_FAILED;
    }
    for (i = 0; i < secrets->count; i++) {
        if (!digest(want, secrets->at[i].bytes, secrets->at[i].len)) {
            return CRM360_FITS_FAILED;
        }
        fitting |= (unsigned)(CRYPTO_memcmp(got, want, len) == 0) << i;
    }
    return first_of(fitting);
}

/* ---- timestamps ---- */

/* Takes `count` digits, a number from `least` to `most`, off *text. */
static int take_number(int *number, const char **text, int count, int least, int most)
{
    *number = 0;
    for (; count > 0; count--, (*text)++) {
        if (!apr_isdigit(**text)) {
            return 0;
        }
        *number = *number * 10 + (**text - '0');
    }
    return *number >= least && *number <= most;
}

static int take_character(const char **text, const char *one_of)
{
    if (!**text || !strchr(one_of, **text)) {
        return 0;
    }
    (*text)++;
    return 1;
}

/* "Z", "+01:00" or "-01:00": seconds to take off. */
static int take_offset(int *seconds, const char **text)
{
    int sign = **text == '-' ? -1 : 1;
    int hours, minutes;

    *seconds = 0;
    if (take_character(text, "Zz")) {
        return 1;
    }
    if (!take_character(text, "+-") || !take_number(&hours, text, 2, 0, 23) ||
        !take_character(text, ":") || !take_number(&minutes, text, 2, 0, 59)) {
        return 0;
    }
    *seconds = sign * (hours * 3600 + minutes * 60);
    return 1;
}

apr_status_t crm360_timestamp_date(apr_time_t *when, const char *text)
{
    apr_time_exp_t t, again;
    apr_size_t digits;
    int offset;

    memset(&t, 0, sizeof(t));
    if (!take_number(&t.tm_year, &text, 4, 1970, 9999) || !take_character(&text, "-") ||
        !take_number(&t.tm_mon, &text, 2, 1, 12) || !take_character(&text, "-") ||
        !take_number(&t.tm_mday, &text, 2, 1, 31) || !take_character(&text, "Tt") ||
        !take_number(&t.tm_hour, &text, 2, 0, 23) || !take_character(&text, ":") ||
        !take_number(&t.tm_min, &text, 2, 0, 59) || !take_character(&text, ":") ||
        !take_number(&t.tm_sec, &text, 2, 0, 59)) {
        return APR_EINVAL;
    }
    if (take_character(&text, ".")) {
        digits = strspn(text, "0123456789");
        if (digits == 0 || digits > 9) {
            return APR_EINVAL;
        }
        text += digits; /* windows are seconds long, and longer */
    }
    if (!take_offset(&offset, &text) || *text) {
        return APR_EINVAL;
    }
    t.tm_year -= 1900;
    t.tm_mon--;
    if (apr_time_exp_gmt_get(when, &t) != APR_SUCCESS ||
        apr_time_exp_gmt(&again, *when) != APR_SUCCESS || again.tm_mday != t.tm_mday) {
        return APR_EINVAL; /* no such day in that month */
    }
    *when -= apr_time_from_sec(offset);
    return APR_SUCCESS;
}

apr_status_t crm360_timestamp_seconds(apr_time_t *when, const char *text)
{
    apr_size_t len = strlen(text);

    if (len == 0 || len > 12 || strspn(text, "0123456789") != len) {
        return APR_EINVAL;
    }
    *when = apr_time_from_sec(apr_atoi64(text));
    return APR_SUCCESS;
}
