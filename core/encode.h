/*
 * Bytes as text and back: hexadecimal digits and base64 (RFC 4648, 8 and 4). Pure functions, any
 * thread. Must never take base64 for good that is not exactly what would be written: padding, no
 * white space, nothing behind it.
 */
#ifndef CRM360_ENCODE_H
#define CRM360_ENCODE_H

#include <apr_pools.h>

/* The value of a hexadecimal digit in either case; -1 when it is none. */
int crm360_hex_value(char c);

/* Writes `len` bytes as 2 * len lower-case digits, and NUL behind them. */
void crm360_hex_write(char *text, const unsigned char *bytes, apr_size_t len);

/* How many bytes `len` characters of base64 stand for; -1 when they are none. */
apr_ssize_t crm360_base64_bytes(const char *text, apr_size_t len);

/* `len` bytes written as base64, in `pool`. */
const char *crm360_base64_write(const char *bytes, apr_size_t len, apr_pool_t *pool);

/* Reads base64 of at least one byte into *bytes, in `pool`, with a NUL behind them that *len does
 * not count. APR_EINVAL also when the bits that padding leaves over are not 0. */
apr_status_t crm360_base64_read(const char **bytes, apr_size_t *len, const char *text,
                                apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
