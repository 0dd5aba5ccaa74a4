/*
 * Names for contents: SHA-256, cut to what tells them apart, and SHA-1 where stored names have been
 * made by it from the beginning. Not for secrets: a name that is stored beside its content hides
 * nothing.
 */
#ifndef CRM360_DIGEST_H
#define CRM360_DIGEST_H

#include <apr_pools.h>

#include <sys/uio.h>

/* Characters of a digest: 128 bits. Whoever wants two contents with the same one has to try 2^64 of
 * them. */
#define CRM360_DIGEST_LEN 32

/* The first CRM360_DIGEST_LEN hexadecimal digits, lower case, of SHA-256 over the pieces one after
 * the other, in `pool`. NULL when libcrypto fails (no memory). Safe in any thread. */
const char *crm360_digest(const struct iovec *pieces, int count, apr_pool_t *pool);

/* The whole of SHA-256 over a text, in base64, in `pool`; for documents that name a content by it.
 * NULL when libcrypto fails. Safe in any thread. */
const char *crm360_digest_base64(const char *text, apr_pool_t *pool);

#define CRM360_SHA1_BYTES 20

/* SHA-1 of `len` bytes. By libcrypto, which uses the processor's instructions for it; by APR, and
 * slowly, where libcrypto has none to give. Safe in any thread. */
void crm360_sha1(unsigned char digest[CRM360_SHA1_BYTES], const char *data, apr_size_t len);

#endif
