/*
 * What all fuzz targets share. A target is one file that defines fuzz_one(); fuzz.c hands it what
 * libFuzzer, or replay.c, comes with. A target asserts what must hold of any input, with expect():
 * that nothing crashes is the least of it. Must never need a server, a clock or an order of inputs.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <apr_pools.h>

/* One input: `len` bytes in a block of exactly that size, without a NUL behind it. Everything made
 * in `pool`, or in pools below it, is a block of its own until this returns, so that
 * AddressSanitizer sees who writes past its end. */
void fuzz_one(const char *data, apr_size_t len, apr_pool_t *pool);

/* What must hold; else says what did not, with `what` (a text of the input, may be NULL), and ends
 * the program. */
#define expect(condition, what) fuzz_expect((condition) != 0, #condition, what, __FILE__, __LINE__)
void fuzz_expect(int good, const char *condition, const char *what, const char *file, int line);

/* Takes the next record of an input: what stands before `separator`, or the rest of it. It is
 * NUL-terminated in `pool`, and cut at a NUL of its own. "" at the end; *at and *left go on. */
const char *fuzz_text(const char **at, apr_size_t *left, char separator, apr_pool_t *pool);

/* Two texts are the same; NULL is only the same as NULL. */
int fuzz_same(const char *one, const char *other);

#endif
