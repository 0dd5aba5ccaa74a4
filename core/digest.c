/* SHA-256 and SHA-1 by libcrypto. */
#include "core/digest.h"

#include <apr_sha1.h>
#include <openssl/evp.h>

#include <string.h>

#include "core/encode.h"

const char *crm360_digest_base64(const char *text, apr_pool_t *pool)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int len;

    if (!EVP_Digest(text, strlen(text), bytes, &len, EVP_sha256(), NULL)) {
        return NULL;
    }
    return crm360_base64_write((const char *)bytes, len, pool);
}

const char *crm360_digest(const struct iovec *pieces, int count, apr_pool_t *pool)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int good = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    char *text = NULL;
    int i;

    for (i = 0; i < count && good; i++) {
        good = EVP_DigestUpdate(context, pieces[i].iov_base, pieces[i].iov_len);
    }
    if (good && EVP_DigestFinal_ex(context, bytes, NULL)) {
        text = apr_palloc(pool, CRM360_DIGEST_LEN + 1);
        crm360_hex_write(text, bytes, CRM360_DIGEST_LEN / 2);
    }
    EVP_MD_CTX_free(context);
    return text;
}

/* APR counts in unsigned int. */
static void sha1_by_apr(unsigned char digest[CRM360_SHA1_BYTES], const char *data, apr_size_t len)
{
    apr_sha1_ctx_t context;
    apr_size_t done, part;

    apr_sha1_init(&context);
    for (done = 0; done < len; done += part) {
        part = len - done > 0x10000000 ? 0x10000000 : len - done;
        apr_sha1_update(&context, data + done, (unsigned int)part);
    }
    apr_sha1_final(digest, &context);
}

/* libcrypto looks an algorithm up by its name, which takes longer than the digest of a short text:
 * once per process. Two threads that come first both look, and find the same. */
static const EVP_MD *find_sha1(void)
{
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
    static EVP_MD *found;
    EVP_MD *known = __atomic_load_n(&found, __ATOMIC_ACQUIRE);

    if (!known && (known = EVP_MD_fetch(NULL, "SHA1", NULL)) != NULL) {
        __atomic_store_n(&found, known, __ATOMIC_RELEASE);
    }
    return known;
#else
    return EVP_sha1();
#endif
}

void crm360_sha1(unsigned char digest[CRM360_SHA1_BYTES], const char *data, apr_size_t len)
{
    const EVP_MD *sha1 = find_sha1();
    unsigned int size = 0;

    if (!sha1 || !EVP_Digest(data, len, digest, &size, sha1, NULL) || size != CRM360_SHA1_BYTES) {
        sha1_by_apr(digest, data, len);
    }
}
