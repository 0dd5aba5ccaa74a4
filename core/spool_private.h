/*
 * What the files of the spool share and nobody else may include: names in the folder, the format of
 * a file, counting. core/spool.c makes and writes, spool_file.c knows the format, spool_usage.c
 * counts bytes, spool_walk.c lists, spool_keep.c locks, reads, removes and tidies.
 */
#ifndef CRM360_SPOOL_PRIVATE_H
#define CRM360_SPOOL_PRIVATE_H

#include "core/spool.h"

#define SPOOL_SUFFIX ".msg"
#define SPOOL_NEW ".new-"
#define SPOOL_USAGE "usage"
#define SPOOL_LOCK "lock"
#define SPOOL_BAD ".bad"
#define SPOOL_MODE 0660

#define SPOOL_ID_BYTES 96 /* longest id and its NUL */
/* Longest file: the largest body that Crm360MaxBody allows, and heads. */
#define SPOOL_FILE_MOST ((apr_int64_t)(1024 + 16) << 20)

/* What all processes know of a spool. Changed by atomic operations only. */
typedef struct spool_state_t {
    volatile apr_uint32_t state;     /* SPOOL_TAKES, ... in spool.c */
    volatile apr_uint32_t failed_ms; /* when it failed last; wraps */
} spool_state_t;

struct crm360_spool_t {
    const crm360_spool_place_t *place;
    spool_state_t *state; /* shared */
    const char *boot;     /* which run of the kernel this is; "-" = not known */
    int lock;             /* descriptor of the lock, -1 = not held */
    apr_time_t locked_at; /* crm360_clock() of the moment that follows */
    apr_time_t files_now; /* the file system's clock then */
};

/* Opens the folder for openat() and the like: descriptor, or -1 and errno. */
int spool_folder(const crm360_spool_t *spool);

/* Opens a file of ours in the folder for reading and writing and makes it when it is missing.
 * Anything that is no plain file is moved out of the way. -1 and errno. */
int spool_own_file(int folder, const char *name);

/* Gives a file the mode and the group that both sides need, whatever umask and group the process
 * has. The group is that of the folder; where that is not allowed it stays. */
int spool_share(int file, int folder);

/* What a file of `len` bytes counts: whole blocks, as on most disks. */
apr_int64_t spool_cost(apr_int64_t len);

/* Whether a name in the folder is that of a message, by its end; and whether a text may be an
 * id. */
int spool_is_message(const char *name);
int spool_is_new(const char *name);
int spool_id_ok(const char *id, apr_size_t len);

/* ---- spool_file.c ---- */

/* From when on the delay of a message counts. */
typedef struct spool_stamp_t {
    const char *boot;           /* the run of the kernel to which the clock belongs */
    apr_time_t clock;           /* by its monotonic clock */
    apr_interval_time_t waited; /* from then until the file was written */
} spool_stamp_t;

/* What stands in front of the stored message, in `pool`. */
const char *spool_head(const crm360_push_t *push, const spool_stamp_t *stamp, apr_pool_t *pool);

/* Takes the bytes of a whole file apart. NULL, or why it is no message of this version; in `pool`.
 * push->message points into `data`; push->invisible_for is the delay that was asked. */
const char *spool_parse(crm360_push_t *push, spool_stamp_t *stamp, const char *data, apr_size_t len,
                        apr_pool_t *pool);

/* ---- spool_usage.c ---- */

/* Adds `bytes`, which may be negative, unless there would be more than `most` then:
 * CRM360_EREFUSED. *after is what is taken afterwards (or without them, when they are refused). */
apr_status_t spool_usage_add(apr_int64_t *after, int folder, apr_int64_t bytes, apr_int64_t most);

/* Sets it to nothing if there is neither a message nor a new file. *empty says so. */
apr_status_t spool_usage_reset(int *empty, int folder);

#endif
