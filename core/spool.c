/*
 * Making a spool and writing into it. Must never let a caller hear 2xx before file and name are on
 * the disk, leave a file behind that its caller was not told about, or log once for each request.
 */
#include "core/spool_private.h"

#include <apr_atomic.h>
#include <apr_strings.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"

/* What the processes have noticed last. */
#define SPOOL_TAKES 0u
#define SPOOL_FULL 1u
#define SPOOL_FAILS 2u

/* A spool that fails takes messages again when it has not failed for so long: on a disk that is
 * nearly full a small file may still find a place. */
#define FINE_AFTER_MS 1000

#define BOOT_FILE "/proc/sys/kernel/random/boot_id"
#define BOOT_BYTES 36

/* ---- making ---- */

const char *crm360_spool_fault(const crm360_spool_place_t *place, apr_pool_t *pool)
{
    const char *what = NULL;
    struct stat info;

    if (stat(place->folder, &info) < 0) {
        what = errno == ENOENT ? "there is no such folder" : strerror(errno);
    }
    else if (!S_ISDIR(info.st_mode)) {
        what = "it is no folder";
    }
    else if (info.st_mode & S_IWOTH) {
        what = "everybody may write there, and it will hold personal data";
    }
    else if (geteuid() != 0 && access(place->folder, R_OK | W_OK | X_OK) < 0) {
        what = "this user may not write there";
    }
    return what ? apr_psprintf(pool,
                               "Crm360Spool: %s: %s; allowed: a folder of mode 2770 whose group "
                               "the users of httpd and crm360d are in",
                               place->folder, what)
                : NULL;
}

/* The run of the kernel, to which its monotonic clock belongs. */
static const char *read_boot(apr_pool_t *pool)
{
    char text[BOOT_BYTES];
    int file = open(BOOT_FILE, O_RDONLY | O_CLOEXEC);
    ssize_t len = file < 0 ? 0 : read(file, text, sizeof(text));

    if (file >= 0) {
        close(file);
    }
    return len == BOOT_BYTES ? apr_pstrmemdup(pool, text, BOOT_BYTES) : "-";
}

static apr_status_t unlock_cleanup(void *data)
{
    crm360_spool_unlock(data);
    return APR_SUCCESS;
}

apr_size_t crm360_spool_state_size(void)
{
    return sizeof(spool_state_t);
}

crm360_spool_t *crm360_spool_make(const crm360_spool_place_t *place, void *state, apr_pool_t *pool)
{
    crm360_spool_t *spool = apr_pcalloc(pool, sizeof(*spool));

    spool->place = place;
    spool->state = state ? state : apr_pcalloc(pool, crm360_spool_state_size());
    spool->boot = read_boot(pool);
    spool->lock = -1;
    apr_pool_cleanup_register(pool, spool, unlock_cleanup, apr_pool_cleanup_null);
    return spool;
}

/* ---- names and files ---- */

static int ends_in(const char *name, const char *end)
{
    apr_size_t len = strlen(name);
    apr_size_t end_len = strlen(end);

    return len > end_len && strcmp(name + len - end_len, end) == 0;
}

int spool_is_message(const char *name)
{
    return name[0] != '.' && ends_in(name, SPOOL_SUFFIX);
}

int spool_is_new(const char *name)
{
    return strncmp(name, SPOOL_NEW, sizeof(SPOOL_NEW) - 1) == 0;
}

int spool_id_ok(const char *id, apr_size_t len)
{
    return len > 0 && len < SPOOL_ID_BYTES && id[0] != '.' &&
           strspn(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-") == len;
}

int spool_folder(const crm360_spool_t *spool)
{
    return open(spool->place->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int spool_share(int file, int folder)
{
    struct stat own, parent;

    if (fstat(folder, &parent) < 0 || fstat(file, &own) < 0) {
        return -1;
    }
    if (own.st_gid != parent.st_gid && fchown(file, (uid_t)-1, parent.st_gid) < 0 &&
        errno != EPERM) {
        return -1;
    }
    return fchmod(file, SPOOL_MODE);
}

int spool_own_file(int folder, const char *name)
{
    int tries;

    for (tries = 0; tries < 3; tries++) {
        int file = openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        struct stat info;
        char bad[40];

        if (file < 0 && errno == ENOENT) {
            file = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, SPOOL_MODE);
            if (file >= 0 && spool_share(file, folder) < 0) {
                close(file);
                return -1;
            }
        }
        if (file >= 0 && fstat(file, &info) == 0 && S_ISREG(info.st_mode)) {
            return file;
        }
        if (file >= 0) {
            close(file);
        }
        else if (errno == EEXIST) {
            continue; /* somebody else has just made it */
        }
        else if (errno != ELOOP && errno != EISDIR && errno != ENXIO) {
            return -1;
        }
        apr_snprintf(bad, sizeof(bad), "%s" SPOOL_BAD, name);
        if (renameat(folder, name, folder, bad) < 0) {
            return -1;
        }
    }
    errno = EEXIST;
    return -1;
}

/* ---- writing ---- */

static apr_status_t write_all(int file, const char *head, const crm360_push_t *push)
{
    struct iovec parts[2] = {{.iov_base = (void *)head, .iov_len = strlen(head)},
                             {.iov_base = (void *)push->message, .iov_len = push->message_len}};
    int first = 0;

    while (first < 2) {
        ssize_t done = writev(file, parts + first, 2 - first);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return done < 0 ? errno : ENOSPC;
        }
        while (first < 2 && (apr_size_t)done >= parts[first].iov_len) {
            done -= (ssize_t)parts[first++].iov_len;
        }
        if (first < 2) {
            parts[first].iov_base = (char *)parts[first].iov_base + done;
            parts[first].iov_len -= (apr_size_t)done;
        }
    }
    return APR_SUCCESS;
}

/* What a put has done so far, to be undone. */
typedef struct put_t {
    int folder;
    const char *new_name;
    const char *name;
    apr_int64_t reserved; /* bytes */
    const char *doing;    /* for the log */
} put_t;

/* Makes, reserves, fills and flushes the new file, in that order. */
static apr_status_t write_new(put_t *put, crm360_spool_t *spool, const char *head,
                              const crm360_push_t *push)
{
    apr_int64_t cost = spool_cost((apr_int64_t)(strlen(head) + push->message_len));
    apr_int64_t taken;
    apr_status_t rv;
    int file;

    put->doing = "making a file";
    file = openat(put->folder, put->new_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, SPOOL_MODE);
    if (file < 0) {
        put->new_name = NULL;
        return errno;
    }
    rv = spool_share(file, put->folder) < 0 ? errno : APR_SUCCESS;
    if (rv == APR_SUCCESS) {
        put->doing = "counting bytes";
        rv = spool_usage_add(&taken, put->folder, cost, spool->place->most_bytes);
        put->reserved = rv == APR_SUCCESS ? cost : 0;
        if (APR_STATUS_IS_TIMEUP(rv)) {
            rv = APR_SUCCESS; /* who holds the lock was stopped: rather too many bytes than none */
        }
    }
    if (rv == APR_SUCCESS) {
        put->doing = "writing a file";
        rv = write_all(file, head, push);
    }
    if (rv == APR_SUCCESS && fsync(file) < 0) {
        rv = errno;
    }
    if (close(file) < 0 && rv == APR_SUCCESS) {
        rv = errno;
    }
    return rv;
}

/* Gives it its name, for good. */
static apr_status_t publish(put_t *put)
{
    put->doing = "naming a file";
    if (renameat(put->folder, put->new_name, put->folder, put->name) < 0) {
        return errno;
    }
    put->new_name = put->name;
    return fsync(put->folder) < 0 ? errno : APR_SUCCESS;
}

/* Removes what is there and gives back what it counted; a message that crm360d has carried away
 * meanwhile has been counted by it. */
static void undo(put_t *put)
{
    apr_int64_t taken;

    if (put->new_name && unlinkat(put->folder, put->new_name, 0) == 0 && put->reserved) {
        /* If this fails it stays counted until crm360d finds the folder empty. */
        spool_usage_add(&taken, put->folder, -put->reserved, 0);
    }
}

/* Notes the outcome of what began while the spool was in the state `before`. One line a change of
 * state, whichever process sees it first. */
static void note_state(const crm360_spool_t *spool, apr_uint32_t before, apr_status_t rv,
                       const char *doing)
{
    apr_uint32_t now_ms = (apr_uint32_t)apr_time_as_msec(crm360_clock());
    apr_uint32_t now = rv == APR_SUCCESS       ? SPOOL_TAKES
                       : rv == CRM360_EREFUSED ? SPOOL_FULL
                                               : SPOOL_FAILS;

    if (now == SPOOL_FAILS) {
        apr_atomic_set32(&spool->state->failed_ms, now_ms);
    }
    if (before == SPOOL_FAILS && now == SPOOL_TAKES &&
        now_ms - apr_atomic_read32(&spool->state->failed_ms) < FINE_AFTER_MS) {
        return;
    }
    if (before == now || apr_atomic_cas32(&spool->state->state, now, before) != before) {
        return; /* nothing new, or somebody else was first and logs it */
    }
    if (now == SPOOL_FULL) {
        crm360_log(CRM360_LOG_ERROR, APR_SUCCESS,
                   CRM360_LOGNO(0111) "the spool %s is full (Crm360Spool allows %" APR_INT64_T_FMT
                                      " bytes); callers hear 503 until crm360d has made room",
                   spool->place->folder, spool->place->most_bytes);
    }
    else if (now == SPOOL_FAILS) {
        crm360_log(CRM360_LOG_ERROR, rv,
                   CRM360_LOGNO(0112) "the spool %s cannot be used (%s); callers hear 503",
                   spool->place->folder, doing);
    }
    else {
        crm360_log(CRM360_LOG_NOTICE, APR_SUCCESS, "the spool %s takes messages again",
                   spool->place->folder);
    }
}

void crm360_spool_try(crm360_spool_t *spool)
{
    const char *folder = spool->place->folder;

    if (access(folder, R_OK | W_OK | X_OK) < 0) {
        note_state(spool, apr_atomic_read32(&spool->state->state), errno,
                   "this user may not write there");
    }
}

/* A spool that is nearly full refuses a long message and takes a short one: that it is full is
 * over only when there is room again. */
static int still_full(const crm360_spool_t *spool, apr_uint32_t before, int folder)
{
    apr_int64_t taken;

    return before == SPOOL_FULL && spool_usage_add(&taken, folder, 0, 0) == APR_SUCCESS &&
           taken > spool->place->most_bytes / 2;
}

static apr_status_t store(put_t *put, crm360_spool_t *spool, const char *head,
                          const crm360_push_t *push)
{
    apr_uint32_t before = apr_atomic_read32(&spool->state->state);
    apr_status_t rv;

    put->doing = "opening the folder";
    put->folder = spool_folder(spool);
    if (put->folder < 0) {
        rv = errno;
        note_state(spool, before, rv, put->doing);
        return rv;
    }
    rv = write_new(put, spool, head, push);
    if (rv == APR_SUCCESS) {
        rv = publish(put);
    }
    if (rv != APR_SUCCESS) {
        undo(put);
    }
    if (rv != APR_SUCCESS || !still_full(spool, before, put->folder)) {
        note_state(spool, before, rv, put->doing);
    }
    close(put->folder);
    return rv;
}

apr_status_t crm360_spool_put(crm360_receipt_t *receipt, crm360_spool_t *spool,
                              const crm360_push_t *push, apr_time_t since, apr_pool_t *pool)
{
    spool_stamp_t stamp = {.boot = spool->boot, .clock = since, .waited = crm360_clock() - since};
    const crm360_keys_t *keys = crm360_keys_make(push->customer, push->database, pool);
    put_t put = {.folder = -1};
    apr_status_t rv;
    const char *head;

    memset(receipt, 0, sizeof(*receipt));
    receipt->id = push->id;
    receipt->queue = keys->lane[push->lane];
    receipt->visible_at = apr_time_now() - stamp.waited + push->invisible_for;
    receipt->durability = CRM360_IN_SPOOL;
    head = spool_head(push, &stamp, pool);
    if (!spool_id_ok(push->id, strlen(push->id))) {
        receipt->detail = "its id is no name of a file";
        return APR_EINVAL;
    }
    if (spool_cost((apr_int64_t)(strlen(head) + push->message_len)) > spool->place->most_bytes) {
        receipt->detail = "larger than the whole spool";
        return CRM360_EREFUSED;
    }
    put.name = apr_pstrcat(pool, push->id, SPOOL_SUFFIX, NULL);
    put.new_name = apr_pstrcat(pool, SPOOL_NEW, push->id, NULL);
    rv = store(&put, spool, head, push);
    if (rv != APR_SUCCESS) {
        char text[200];

        receipt->detail = rv == CRM360_EREFUSED
                              ? "the spool is full"
                              : apr_pstrcat(pool, "the spool fails, ", put.doing, ": ",
                                            crm360_status_text(rv, text, sizeof(text)), NULL);
    }
    return rv;
}
