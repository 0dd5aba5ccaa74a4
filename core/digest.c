/* SHA-256 by libcrypto; nothing else in the project calls it. */
#include "core/digest.h"

#include <openssl/evp.h>

const char *crm360_digest(const struct iovec *pieces, int count, apr_pool_t *pool)
{
    static const char hex[] = "0123456789abcdef";
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
        for (i = 0; i < CRM360_DIGEST_LEN; i++) {
            text[i] = hex[i % 2 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4];
        }
        text[CRM360_DIGEST_LEN] = '\0';
    }
    EVP_MD_CTX_free(context);
    return text;
}
