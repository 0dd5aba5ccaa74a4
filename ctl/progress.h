/* How far a long piece of work is, on standard error when that is a terminal, else nothing. */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

#include <apr_pools.h>

typedef struct ctl_progress_t ctl_progress_t;

/* Begins in `pool`. `what` is in front of the bar: "acme/prod: dead letters". `total` is how much
 * there is to do, 0 = that is not known: then only what is done is shown. */
ctl_progress_t *ctl_progress_begin(const char *what, apr_int64_t total, apr_pool_t *pool);

/* `done` is all that is done so far. May be called as often as one likes: it draws some times a
 * second. */
void ctl_progress_at(ctl_progress_t *progress, apr_int64_t done);

/* Takes the bar away, at the end, and before another line goes to the terminal: the next
 * ctl_progress_at() draws it again. */
void ctl_progress_hide(ctl_progress_t *progress);

#endif
