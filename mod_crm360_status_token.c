/*
 * Seals: what shows that a form, or a line that tells what was done, was made by this httpd for
 * whoever sends it. A seal is an HMAC over who he is, what it is for, and the time, with a key of
 * this life of httpd. Must never take a seal whose time is over, nor compare so that its bytes can
 * be guessed one by one.
 */
#include "mod_crm360_status.h"

#include <apr_strings.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <string.h>

#include "core/encode.h"

/* A seal holds until the end of the slot after the one in which it was made. */
#define SLOT APR_TIME_C(1800000000)

const char *webhook_status_key(apr_pool_t *pool)
{
    unsigned char *key = apr_palloc(pool, WEBHOOK_KEY_BYTES);

    return RAND_bytes(key, WEBHOOK_KEY_BYTES) == 1 ? (const char *)key : NULL;
}

/* Who asks: a user where httpd knows one, else an address. */
static const char *caller(const request_rec *r)
{
    return r->user ? apr_pstrcat(r->pool, "user ", r->user, NULL)
                   : apr_pstrcat(r->pool, "peer ", r->useragent_ip, NULL);
}

/* NULL when none can be made. */
static const char *seal_of(request_rec *r, const char *key, const char *purpose, apr_time_t slot)
{
    const char *text =
        apr_psprintf(r->pool, "%" APR_TIME_T_FMT "\n%s\n%s", slot, caller(r), purpose);
    unsigned char bytes[EVP_MAX_MD_SIZE];
    char digits[2 * EVP_MAX_MD_SIZE + 1];
    unsigned int len = 0;

    if (!key || !HMAC(EVP_sha256(), key, WEBHOOK_KEY_BYTES, (const unsigned char *)text,
                      strlen(text), bytes, &len)) {
        return NULL;
    }
    crm360_hex_write(digits, bytes, len);
    return apr_pstrdup(r->pool, digits);
}

const char *status_seal(request_rec *r, const webhook_server_t *server, const char *purpose)
{
    const char *seal = seal_of(r, server->status_key, purpose, apr_time_now() / SLOT);

    return seal ? seal : "";
}

int status_seal_fits(request_rec *r, const webhook_server_t *server, const char *purpose,
                     const char *shown)
{
    int age;

    for (age = 0; shown && age < 2; age++) {
        const char *seal = seal_of(r, server->status_key, purpose, apr_time_now() / SLOT - age);

        if (seal && strlen(seal) == strlen(shown) &&
            CRYPTO_memcmp(seal, shown, strlen(seal)) == 0) {
            return 1;
        }
    }
    return 0;
}
