/*
 * The words behind a verb: its own long options, in any place, and the rest. Whatever is wrong with
 * them is said on standard error, together with how the verb is used; nothing is done then.
 */
#ifndef CTL_OPTIONS_H
#define CTL_OPTIONS_H

#include <apr_pools.h>
#include <apr_time.h>

#include "ctl/ctl.h"

/* One option, in a table that ends with a name of NULL. */
typedef struct ctl_option_t {
    const char *name;
    const char *value; /* what its value is called in the help; NULL = it has none */
    const char *help;
} ctl_option_t;

/* How a verb is called. */
typedef struct ctl_usage_t {
    const char *verb;  /* "dead list" */
    const char *words; /* what stands behind it */
    const char *help;  /* sentences, each line begins with two blanks */
    const ctl_option_t *options;
} ctl_usage_t;

/* Takes one option; `which` is its place in the table. NULL, or what is wrong with the value. */
typedef const char *ctl_option_take_t(void *baton, int which, const char *value, apr_pool_t *pool);

/* Reads `count` words: options go to `take`, the others are in *rest, in `pool`. -1 = go on, else
 * the exit status: --help was asked for and printed, or something is wrong. */
int ctl_options_read(const char *const **rest, int *rest_count, const ctl_usage_t *usage,
                     ctl_option_take_t *take, void *baton, int count, const char *const *words,
                     apr_pool_t *pool);

/* Says what is wrong with the words and how the verb is used. Returns CTL_USAGE. */
ctl_status_t ctl_usage_error(const ctl_usage_t *usage, const char *what);

/* "10s", "2h", "30d": a whole number with ms, s, m, h or d, up to 3650d. NULL, or what is wrong. */
const char *ctl_read_interval(apr_interval_time_t *interval, const char *text);

/* A whole number of digits only, within the limits. APR_EINVAL for anything else. */
apr_status_t ctl_read_number(apr_int64_t *number, const char *text, apr_int64_t least,
                             apr_int64_t most) __attribute__((warn_unused_result));

#endif
