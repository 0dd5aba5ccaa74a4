/*
 * The spool: a flat folder of files that takes messages while Redis cannot, one file a message, on
 * its disk before a caller hears so. Children of httpd write, crm360d carries what lies there into
 * Redis, crm360ctl looks and erases; none of them may take a file for more than it is, lose a
 * whole one, or wait long for another process.
 *
 * In the folder:
 *   <id>.msg    a message, whole and flushed; in the order of their names they came
 *   .new-<id>   one being written; acknowledged to nobody yet
 *   usage       how many bytes the two kinds above take, in text; remade when it is damaged
 *   lock        held by who removes messages; its time is the clock of the file system
 *   *.bad       a file called .msg that is none, set aside with the reason in the log
 * Whatever else lies there is left alone.
 */
#ifndef CRM360_SPOOL_H
#define CRM360_SPOOL_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "core/config.h"
#include "core/queue.h"
#include "core/status.h"

typedef struct crm360_spool_t crm360_spool_t;

/* What is wrong with the folder as far as it can be seen from outside: it is none, it is not there,
 * it is open to everybody, or (for who is not root) it cannot be written. NULL, or a text in `pool`
 * that begins with the directive. */
const char *crm360_spool_fault(const crm360_spool_place_t *place, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Makes the access to a spool; opens nothing yet. `state` is memory in which all processes remember
 * whether it takes messages, of crm360_spool_state_size() zeroed bytes, so that a change is logged
 * once; NULL for one of our own. `place` is borrowed. Ends with `pool`. */
crm360_spool_t *crm360_spool_make(const crm360_spool_place_t *place, void *state, apr_pool_t *pool);
apr_size_t crm360_spool_state_size(void);

/* Notes, and logs when it is new, whether this process may write into the folder: said at the
 * start, and not when the first message wants to go there. */
void crm360_spool_try(crm360_spool_t *spool);

/* ---- writing; any thread, any number of processes ---- */

/* Stores what would have been pushed, and returns once it is on the disk. Its delay counts from
 * `since` (crm360_clock()), before Redis was asked: Redis may have it all the same, and count
 * from then. Sets the receipt as a push does, with the clock of this host. CRM360_EREFUSED: the
 * spool is full, or holds less than this message; anything else: the file system said no. Then
 * nothing is stored (or it is carried into Redis all the same), and receipt->detail says why,
 * for the log. */
apr_status_t crm360_spool_put(crm360_receipt_t *receipt, crm360_spool_t *spool,
                              const crm360_push_t *push, apr_time_t since, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* ---- reading and removing; one thread ---- */

/* Takes the lock of the folder for this process, which who removes or sets aside must hold, and
 * sets the clock by which delays are counted. Held for some ms at a time, so that others get
 * their turn. APR_EAGAIN when another process has it. crm360_spool_unlock() without a lock does
 * nothing. */
apr_status_t crm360_spool_lock(crm360_spool_t *spool) __attribute__((warn_unused_result));
void crm360_spool_unlock(crm360_spool_t *spool);

/* A walk over the messages in their order. Reads the folder as seldom as its memory allows, so
 * messages that come meanwhile may be met or not. */
typedef struct crm360_spool_walk_t crm360_spool_walk_t;

/* Begins a walk that ends with `pool`. */
apr_status_t crm360_spool_walk(crm360_spool_walk_t **walk, crm360_spool_t *spool, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The next name, valid until the next call. APR_EOF after the last; APR_TIMEUP when `until`
 * (crm360_clock()) passed before it was found: call again, the work done is kept. 0 = no such
 * bound. */
apr_status_t crm360_spool_next(const char **name, crm360_spool_walk_t *walk, apr_time_t until)
    __attribute__((warn_unused_result));

/* A message as it lies there. */
typedef struct crm360_spooled_t {
    crm360_push_t push; /* what to push now: invisible_for is what is left of the delay */
    apr_int64_t bytes;  /* what its file counts */
    apr_time_t written; /* when, by the clock of the file system; 0 = not known */
    const char *detail; /* why it could not be read, for the log */
} crm360_spooled_t;

/* Reads one whole message; everything lives in `pool`. Without the lock, invisible_for is the
 * whole delay that was asked. APR_ENOENT: gone; CRM360_EDATA: no message of this version, to be
 * set aside; anything else: cannot be read now. */
apr_status_t crm360_spool_read(crm360_spooled_t *spooled, crm360_spool_t *spool, const char *name,
                               apr_pool_t *pool) __attribute__((warn_unused_result));

/* The names of the files that were set aside (const char *), in `pool`, in their order.
 * crm360_spool_read() says of such a one, too, what is wrong with it: CRM360_EDATA, or APR_SUCCESS
 * when it is a message after all. */
apr_status_t crm360_spool_bad(apr_array_header_t **names, const crm360_spool_t *spool,
                              apr_pool_t *pool) __attribute__((warn_unused_result));

/* Removes one whose file counts `bytes`. Needs the lock. Gone already is a success. */
apr_status_t crm360_spool_remove(crm360_spool_t *spool, const char *name, apr_int64_t bytes)
    __attribute__((warn_unused_result));

/* Renames one that is none to <name>.bad; *aside (in `pool`) is its new name. Needs the lock. */
apr_status_t crm360_spool_set_aside(const char **aside, crm360_spool_t *spool, const char *name,
                                    apr_pool_t *pool) __attribute__((warn_unused_result));

/* Removes what writers that died have left (files that have been new for more than a minute), and
 * sets the usage to nothing when nothing is left. *settled is 0 while there are new files that may
 * still become messages or not. Needs the lock. */
apr_status_t crm360_spool_settle(int *settled, crm360_spool_t *spool)
    __attribute__((warn_unused_result));

/* When the folder changed last, by the clock of the file system. *sure is 0 when that is so
 * short ago that another change may not show, and always without the lock. */
apr_status_t crm360_spool_changed(apr_time_t *changed, int *sure, const crm360_spool_t *spool)
    __attribute__((warn_unused_result));

/* How many messages lie there; reads the folder's names and nothing else. Any thread. */
apr_status_t crm360_spool_files(apr_int64_t *files, crm360_spool_t *spool)
    __attribute__((warn_unused_result));

/* How many bytes are taken, as writers count. Any thread. */
apr_status_t crm360_spool_usage(apr_int64_t *bytes, crm360_spool_t *spool)
    __attribute__((warn_unused_result));

#endif
