/*
 * Names for contents: SHA-256, cut to what tells them apart. Not for secrets: a name that is stored
 * beside its content hides nothing.
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

#endif
