/*
 * The server of the targets that are about what servers answer: it sends the bytes of the input,
 * whatever it is asked, and then closes the connection. It stands in the place of the few calls of
 * hiredis that would reach one; a target has those that differ: how one connects, and poll().
 */
#ifndef FUZZ_SERVER_H
#define FUZZ_SERVER_H

#include <apr.h>

#include <hiredis.h>

/* What is sent to the end of this input: all behind its first two bytes, of which the second says
 * into what pieces it is cut on its way. Whether there is anything to try: an input that is too
 * short, or an answer that says that it has very many parts, for which hiredis would make room
 * before the first, is not. How much memory a server may cost its client is no question of ours. */
int fuzz_server_sends(const char *data, apr_size_t len);

/* A connection to it. */
redisContext *fuzz_server_connect(void);

#endif
