/*
 * What the verbs that begin with "dead" share: the options that choose among the dead letters of a
 * database, and the walk through them. Only what was dead at the beginning counts: what dies again
 * meanwhile is not worked on in a circle.
 */
#ifndef CTL_DEAD_H
#define CTL_DEAD_H

#include <apr_hash.h>

#include "core/queue_admin.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/progress.h"

#define DEAD_PAGE CRM360_ADMIN_MOST

/* The options that choose, first in the table of each verb. */
/* clang-format off */
#define DEAD_CHOICE \
    {"id", "ID ...", "this dead letter; may be given several times"}, \
    {"route", "ROUTE", "of this platform, or this Platform/Entity/Action"}, \
    {"reason", "TEXT", "whose last error has this text in it, in any case"}, \
    {"older", "TIME", "that died longer ago than this, as 2h or 30d"}, \
    {"younger", "TIME", "that died less long ago than this"}, \
    {"lane", "LANE", "that died in this lane: live, batch or send"}, \
    {"all", NULL, "all of them"}
/* clang-format on */
#define DEAD_CHOICES 7

/* What the words choose; where several things are said, all hold. */
typedef struct dead_choice_t {
    apr_hash_t *ids;           /* id -> was it found: "" or "found"; NULL = any id */
    const char *route;         /* as of ctl_read_route(); NULL = any */
    const char *reason;        /* part of the last error; NULL = any */
    apr_interval_time_t older; /* -1 = not said */
    apr_interval_time_t younger;
    int lane; /* -1 = any */
    int all;  /* --all */
} dead_choice_t;

/* Nothing said. */
#define DEAD_ANY                                                                                   \
    {                                                                                              \
        .older = -1, .younger = -1, .lane = -1                                                     \
    }

/* Takes the options of DEAD_CHOICE, as ctl_option_take_t. */
const char *dead_choice_take(dead_choice_t *choice, int which, const char *value, apr_pool_t *pool);

/* Whether nothing was said at all, not even --all. */
int dead_choice_is_open(const dead_choice_t *choice);

/* One that was chosen. */
typedef struct dead_letter_t {
    const crm360_entry_t *entry;
    const crm360_failure_t *failure;
} dead_letter_t;

typedef struct dead_run_t dead_run_t;

/* Works on the `count` (<= DEAD_PAGE) chosen letters of a page. *removed, which is 0 before, counts
 * those that are no dead letters any more. Anything but APR_SUCCESS ends the walk. */
typedef apr_status_t dead_work_t(dead_run_t *run, int *removed, const dead_letter_t *letters,
                                 int count, apr_pool_t *pool);

struct dead_run_t {
    ctl_place_t place;
    dead_choice_t choice;
    ctl_output_t *output;
    dead_work_t *work;
    void *baton;
    ctl_progress_t *progress; /* NULL = none is shown */
    apr_time_t began;         /* Redis' clock */
    apr_int64_t total;        /* dead letters there were then */
    apr_int64_t looked_at;
    apr_int64_t chosen;
};

/* Makes the way to the place, asks Redis for its clock and how many dead letters there are.
 * Anything but CTL_FINE has been said. */
ctl_status_t dead_run_begin(dead_run_t *run, const crm360_config_t *config, const char *name,
                            apr_pool_t *pool);

/* Works on all dead letters that are chosen, from the oldest on; nothing is passed over, nothing
 * looked at twice, also when others remove some meanwhile. */
apr_status_t dead_run_all(dead_run_t *run, apr_pool_t *pool) __attribute__((warn_unused_result));

/* Says which of the ids that were named were not chosen; how many. */
int dead_run_missing(const dead_run_t *run, apr_pool_t *pool);

#endif
