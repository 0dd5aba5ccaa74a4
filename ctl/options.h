/*
 * The words behind a verb: its own long options, in any place, and the rest. Whatever is wrong with
 * them is said on standard error, together with how the verb is used; nothing is done then.
 */
#ifndef CTL_OPTIONS_H
#define CTL_OPTIONS_H

#include <apr_pools.h>
#include <apr_time.h>

#include "ctl/ctl.h"

/* Options that mean the same for all verbs that have them; ctl_options_read() reads them itself.
 * They stand behind the others in a table. */
#define CTL_OPTION_JSON                                                                            \
    {                                                                                              \
        "json", NULL, "print JSON, one object a line, for programs"                                \
    }
#define CTL_OPTION_YES                                                                             \
    {                                                                                              \
        "yes", NULL, "do it; without it nothing is changed"                                        \
    }

/* The words of a verb, once they are read. */
typedef struct ctl_words_t {
    const char *const *rest; /* those that are no options */
    int count;
    int json; /* --json */
    int yes;  /* --yes */
} ctl_words_t;

/* Takes one option; `which` is its place in the table. NULL, or what is wrong with the value. */
typedef const char *ctl_option_take_t(void *baton, int which, const char *value, apr_pool_t *pool);

/* Reads `count` words into *words, in `pool`; options go to `take` with `baton`, which may be NULL
 * when the verb has none of its own. -1 = go on, else the exit status: --help was asked for and
 * printed, or something is wrong. */
int ctl_options_read(ctl_words_t *words, const ctl_verb_t *verb, ctl_option_take_t *take,
                     void *baton, int count, const char *const *text, apr_pool_t *pool);

/* Prints the help of a verb. */
void ctl_help(const ctl_verb_t *verb);

/* Says what is wrong with the words and how the verb is used. Returns CTL_USAGE. */
ctl_status_t ctl_usage_error(const ctl_verb_t *verb, const char *what);

/* Says what would be done and that --yes does it. Returns CTL_USAGE. */
ctl_status_t ctl_refuse(const ctl_verb_t *verb, const char *what);

/* "Shopify", or "Shopify/Order/Insert", in any case: *route is spelt as the table of routes has it.
 * NULL, or what is wrong. */
const char *ctl_read_route(const char **route, const char *text);

/* Whether the id of a message names the platform or route of ctl_read_route(). */
int ctl_id_has_route(const char *id, const char *route);

/* "live", "batch" or "send": a crm360_lane_t. NULL, or what is wrong. */
const char *ctl_read_lane(int *lane, const char *text);

/* "10s", "2h", "30d": a whole number with ms, s, m, h or d, up to 3650d. NULL, or what is wrong. */
const char *ctl_read_interval(apr_interval_time_t *interval, const char *text);

/* A whole number of digits only, within the limits. APR_EINVAL for anything else. */
apr_status_t ctl_read_number(apr_int64_t *number, const char *text, apr_int64_t least,
                             apr_int64_t most) __attribute__((warn_unused_result));

#endif
