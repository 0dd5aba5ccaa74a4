/*
 * Reading what lies in the spool, removing and setting aside, and tidying up. Must never take a
 * file for a message that is not wholly one, wait on a file that is none, or count a delay as over
 * before it is.
 */
#include "core/spool_private.h"

#include <apr_strings.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"

/* File systems stamp files by a clock that moves on every few ms. */
#define TICK (10 * 1000)
/* A change of the folder is seen for sure when the last one was this long ago. */
#define SURE_AFTER (100 * 1000)
/* A file that has been new for longer belongs to a writer that died. */
#define NEW_MOST (60 * APR_USEC_PER_SEC)
/* Names tried for one that is set aside. */
#define ASIDE_TRIES 1000
#define ASIDE_NAME_MOST 200

static apr_time_t changed_at(const struct stat *info)
{
    return apr_time_from_sec((apr_time_t)info->st_mtim.tv_sec) + info->st_mtim.tv_nsec / 1000;
}

/* ---- the lock ---- */

/* Stamps the file by the clock of the file system. Writing does that for sure, where a clock
 * that is given may be that of this process; but it needs a place on the disk. */
static int touch(int file)
{
    return pwrite(file, "\n", 1, 0) == 1 ? 0 : futimens(file, NULL);
}

apr_status_t crm360_spool_lock(crm360_spool_t *spool)
{
    /* Of this kind, because it does not pass to children that are forked meanwhile. */
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int folder = spool_folder(spool);
    apr_status_t rv = APR_SUCCESS;
    struct stat info;

    if (folder < 0) {
        return errno;
    }
    spool->lock = spool_own_file(folder, SPOOL_LOCK);
    if (spool->lock < 0 || fcntl(spool->lock, F_SETLK, &whole) < 0 || touch(spool->lock) < 0 ||
        fstat(spool->lock, &info) < 0) {
        rv = errno == EACCES && spool->lock >= 0 ? EAGAIN : errno;
    }
    close(folder);
    if (rv != APR_SUCCESS) {
        crm360_spool_unlock(spool);
        return rv;
    }
    spool->files_now = changed_at(&info);
    spool->locked_at = crm360_clock();
    return APR_SUCCESS;
}

void crm360_spool_unlock(crm360_spool_t *spool)
{
    if (spool->lock >= 0) {
        close(spool->lock);
        spool->lock = -1;
    }
}

/* ---- reading ---- */

/* How much of its delay is over for sure. The monotonic clock says it well, but only within one run
 * of the kernel, and where writer and reader have the same one: a message from the future shows
 * that they have not. So it does not count when it says more than the clock of the file system
 * does, which may have been set meanwhile. */
static apr_interval_time_t elapsed(const crm360_spool_t *spool, const spool_stamp_t *stamp,
                                   apr_time_t written)
{
    apr_time_t now = crm360_clock();
    apr_interval_time_t by_clock = now - stamp->clock;
    apr_interval_time_t by_files =
        spool->files_now + (now - spool->locked_at) - written + stamp->waited;

    if (strcmp(spool->boot, "-") != 0 && strcmp(spool->boot, stamp->boot) == 0 && by_clock >= 0 &&
        by_clock <= by_files + TICK) {
        return by_clock;
    }
    return by_files - TICK;
}

/* What is left of a delay, in whole ms, so that nothing is cut off on its way. */
static apr_interval_time_t remaining(apr_interval_time_t delay, apr_interval_time_t over)
{
    apr_interval_time_t rest = over > 0 ? delay - over : delay;

    return rest > 0 ? apr_time_from_msec((rest + 999) / 1000 + 1) : 0;
}

static apr_status_t read_all(char *data, int file, apr_size_t len)
{
    apr_size_t at = 0;

    while (at < len) {
        ssize_t got = read(file, data + at, len - at);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? errno : CRM360_EDATA;
        }
        at += (apr_size_t)got;
    }
    return APR_SUCCESS;
}

/* Why a file cannot be a message, seen from outside; NULL when it can. */
static const char *strange(const struct stat *info)
{
    return S_ISLNK(info->st_mode)            ? "it is a symbolic link"
           : !S_ISREG(info->st_mode)         ? "it is no plain file"
           : info->st_size > SPOOL_FILE_MOST ? "it is larger than any message"
           : info->st_size == 0              ? "it is empty"
                                             : NULL;
}

static int is_bad(const char *name)
{
    apr_size_t len = strlen(name);

    return len >= sizeof(SPOOL_BAD) - 1 &&
           strcmp(name + len - (sizeof(SPOOL_BAD) - 1), SPOOL_BAD) == 0;
}

/* Opens a message that is one as far as can be seen without reading it. */
static apr_status_t open_message(int *file, struct stat *info, crm360_spooled_t *spooled,
                                 int folder, const char *name)
{
    *file = -1;
    if (fstatat(folder, name, info, AT_SYMLINK_NOFOLLOW) < 0) {
        return errno;
    }
    spooled->bytes = S_ISREG(info->st_mode) ? spool_cost(info->st_size) : 0;
    spooled->written = changed_at(info);
    spooled->detail = strange(info);
    if (spooled->detail) {
        return CRM360_EDATA;
    }
    *file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return *file < 0 || fstat(*file, info) < 0 ? errno : APR_SUCCESS;
}

/* Whether the file of a message is called as its id wants, or was when it was set aside. */
static int is_named(const char *name, const char *id)
{
    apr_size_t len = strlen(id);

    if (strncmp(name, id, len) != 0 ||
        strncmp(name + len, SPOOL_SUFFIX, sizeof(SPOOL_SUFFIX) - 1) != 0) {
        return 0;
    }
    name += len + sizeof(SPOOL_SUFFIX) - 1;
    return *name == '\0' || is_bad(name);
}

static apr_status_t read_message(crm360_spooled_t *spooled, crm360_spool_t *spool, int folder,
                                 const char *name, apr_pool_t *pool)
{
    spool_stamp_t stamp;
    struct stat info;
    char *data;
    int file;
    apr_status_t rv = open_message(&file, &info, spooled, folder, name);

    if (rv == APR_SUCCESS) {
        data = apr_palloc(pool, (apr_size_t)info.st_size + 1);
        data[info.st_size] = '\0';
        rv = read_all(data, file, (apr_size_t)info.st_size);
    }
    if (file >= 0) {
        close(file);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    spooled->detail = spool_parse(&spooled->push, &stamp, data, (apr_size_t)info.st_size, pool);
    if (!spooled->detail && !is_named(name, spooled->push.id)) {
        spooled->detail = "its id is not its name";
    }
    if (spooled->detail) {
        return CRM360_EDATA;
    }
    if (spool->lock >= 0) {
        spooled->push.invisible_for =
            remaining(spooled->push.invisible_for, elapsed(spool, &stamp, changed_at(&info)));
    }
    return APR_SUCCESS;
}

apr_status_t crm360_spool_read(crm360_spooled_t *spooled, crm360_spool_t *spool, const char *name,
                               apr_pool_t *pool)
{
    int folder = spool_folder(spool);
    apr_status_t rv = folder < 0 ? errno : APR_SUCCESS;
    char text[200];

    memset(spooled, 0, sizeof(*spooled));
    if (rv == APR_SUCCESS) {
        rv = read_message(spooled, spool, folder, name, pool);
        close(folder);
    }
    else if (APR_STATUS_IS_ENOENT(rv)) {
        rv = APR_ENOTDIR; /* the folder is gone, which says nothing of the message */
    }
    if (rv != APR_SUCCESS && !spooled->detail) {
        spooled->detail = rv == CRM360_EDATA
                              ? "it became shorter while it was read"
                              : apr_pstrdup(pool, crm360_status_text(rv, text, sizeof(text)));
    }
    return rv;
}

static int compare_names(const void *one, const void *other)
{
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

apr_status_t crm360_spool_bad(apr_array_header_t **names, const crm360_spool_t *spool,
                              apr_pool_t *pool)
{
    int folder = spool_folder(spool);
    DIR *dir = folder < 0 ? NULL : fdopendir(folder);
    struct dirent *entry;

    *names = apr_array_make(pool, 4, sizeof(const char *));
    if (!dir) {
        return errno;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (is_bad(entry->d_name)) {
            APR_ARRAY_PUSH(*names, const char *) = apr_pstrdup(pool, entry->d_name);
        }
    }
    closedir(dir);
    qsort((*names)->elts, (size_t)(*names)->nelts, sizeof(const char *), compare_names);
    return APR_SUCCESS;
}

/* ---- removing ---- */

apr_status_t crm360_spool_remove(crm360_spool_t *spool, const char *name, apr_int64_t bytes)
{
    int folder = spool_folder(spool);
    apr_status_t rv = APR_SUCCESS;
    apr_int64_t taken;

    if (folder < 0) {
        return errno;
    }
    if (unlinkat(folder, name, 0) == 0) {
        /* If this fails it stays counted until the folder is empty. */
        spool_usage_add(&taken, folder, -bytes, 0);
    }
    else if (errno != ENOENT) {
        rv = errno;
    }
    close(folder);
    return rv;
}

apr_status_t crm360_spool_set_aside(const char **aside, crm360_spool_t *spool, const char *name,
                                    apr_pool_t *pool)
{
    int folder = spool_folder(spool);
    apr_status_t rv = APR_EEXIST;
    struct stat info;
    apr_int64_t taken;
    int i;

    if (folder < 0) {
        return errno;
    }
    for (i = 0; i < ASIDE_TRIES && rv == APR_EEXIST; i++) {
        *aside = i ? apr_psprintf(pool, "%.*s.%d" SPOOL_BAD, ASIDE_NAME_MOST, name, i)
                   : apr_psprintf(pool, "%.*s" SPOOL_BAD, ASIDE_NAME_MOST, name);
        if (fstatat(folder, *aside, &info, AT_SYMLINK_NOFOLLOW) == 0) {
            continue; /* an earlier one of that name stays */
        }
        rv = fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) < 0 ||
                     renameat(folder, name, folder, *aside) < 0
                 ? errno
                 : APR_SUCCESS;
    }
    if (rv == APR_SUCCESS && S_ISREG(info.st_mode)) {
        spool_usage_add(&taken, folder, -spool_cost(info.st_size), 0);
    }
    close(folder);
    return rv;
}

/* ---- tidying up ---- */

/* Removes new files that are old. */
static apr_status_t sweep(const crm360_spool_t *spool, int folder)
{
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *entry;

    if (!dir) {
        return errno;
    }
    while ((entry = readdir(dir)) != NULL) {
        struct stat info;

        if (spool_is_new(entry->d_name) &&
            fstatat(folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            spool->files_now - changed_at(&info) > NEW_MOST) {
            unlinkat(folder, entry->d_name, 0);
        }
    }
    closedir(dir);
    return APR_SUCCESS;
}

apr_status_t crm360_spool_settle(int *settled, crm360_spool_t *spool)
{
    int folder = spool_folder(spool);
    apr_status_t rv;

    *settled = 0;
    if (folder < 0) {
        return errno;
    }
    rv = sweep(spool, folder);
    if (rv == APR_SUCCESS) {
        rv = spool_usage_reset(settled, folder);
    }
    close(folder);
    return rv;
}

apr_status_t crm360_spool_changed(apr_time_t *changed, int *sure, const crm360_spool_t *spool)
{
    struct stat info;

    if (stat(spool->place->folder, &info) < 0) {
        return errno;
    }
    *changed = changed_at(&info);
    *sure = spool->lock >= 0 && spool->files_now - *changed > SURE_AFTER;
    return APR_SUCCESS;
}
