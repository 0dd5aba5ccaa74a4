/*
 * Calls of the system that fail on demand, for inject_run.c. The n-th call of a class, counted from
 * inject_begin() on, fails in the way that is asked for; all are counted. One thread only.
 *
 * Linked into the program itself, in front of every library: what it calls, and what APR, hiredis,
 * json-c and libcrypto call for it, comes through here, under a sanitizer too.
 */
#ifndef INJECT_H
#define INJECT_H

/* Reads what is to fail, "class:n:way", or "" = nothing. Classes: memory (malloc and the like, of
 * the program, hiredis, json-c and libcrypto), pool (of APR), read, write, open, sync, rename,
 * close, connect, poll, look (stat, readdir and what else only looks), change (unlink, truncate,
 * mkdir, lock and the like). Ways: the name of an error, or "short": one byte less than was asked
 * for. Counting begins. -1 when that cannot be understood. */
int inject_begin(const char *what);

/* Prints "calls <class> <number>" for each class, and "failed <name of the call>" when one did. No
 * call fails or counts from here on. */
void inject_end(void);

#endif
