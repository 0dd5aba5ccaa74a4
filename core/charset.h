/*
 * Bytes of unknown callers as text. Databases take valid UTF-8 without NUL and nothing else, so
 * whatever a caller sends goes through here first. Pure functions, any thread; they never fail.
 */
#ifndef CRM360_CHARSET_H
#define CRM360_CHARSET_H

#include <apr_pools.h>

/* `len` bytes as valid UTF-8 without NUL: wrong bytes become U+FFFD, NUL is dropped. Returns `data`
 * itself when nothing needs changing, else a copy in `pool`; *out_len is the new length. */
const char *crm360_utf8_clean(apr_size_t *out_len, const char *data, apr_size_t len,
                              apr_pool_t *pool);

/* `len` bytes as valid UTF-8 without NUL and without a byte-order mark. `label` is what the sender
 * calls their charset: UTF-8, ISO-8859-1, ISO-8859-15, Windows-1252 or UTF-16 (LE, BE) in any
 * usual spelling; NULL, or one that is not known, says nothing. A byte-order mark counts more than
 * a label. Bytes said to be UTF-8, or nothing, that are not: Windows-1252 when not one sequence
 * among them is UTF-8, else crm360_utf8_clean(). Returns a part of `data` when nothing needs
 * changing, else a NUL-terminated copy in `pool`. */
const char *crm360_charset_decode(apr_size_t *out_len, const char *data, apr_size_t len,
                                  const char *label, apr_pool_t *pool);

/* Writes a character (below 0x110000) as UTF-8 at `to`, four bytes at most; returns its end. */
char *crm360_utf8_put(char *to, unsigned long code);

#endif
