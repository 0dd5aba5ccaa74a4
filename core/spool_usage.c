/*
 * How many bytes lie in the spool: one number in the file `usage`, changed by all processes under
 * its lock. It is read and written, not mapped into memory: a mapped file that somebody has cut
 * short, or that a full disk cannot hold, kills who looks at it. A writer reserves after its file
 * is there and before it is filled, so whoever dies leaves the number too high, never too low; it
 * is set right when the folder is empty. Must never keep a caller waiting for long.
 */
#include "core/spool_private.h"

#include <apr_strings.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* "crm360-usage 1\n" and 20 digits, always as long. */
#define FIRST_LINE "crm360-usage 1\n"
#define DIGITS 20
#define TEXT_BYTES (sizeof(FIRST_LINE) - 1 + DIGITS + 1)

/* The lock is held for some microseconds. Whoever does not get it gives up after this many tries,
 * with a ms between them: its holder was stopped, or counts a large folder. */
#define LOCK_TRIES 250
#define LOCK_PAUSE 1000

apr_int64_t spool_cost(apr_int64_t len)
{
    return (len + 4095) & ~APR_INT64_C(4095);
}

/* Takes the lock, which ends when `file` is closed. */
static apr_status_t lock(int file)
{
    int i;

    for (i = 0; i < LOCK_TRIES; i++) {
        if (flock(file, LOCK_EX | LOCK_NB) == 0) {
            return APR_SUCCESS;
        }
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return errno;
        }
        usleep(LOCK_PAUSE);
    }
    return APR_TIMEUP;
}

/* Counts what lies in the folder, file by file: messages, and with `news` those being written. */
static apr_status_t count(apr_int64_t *bytes, int *found, int folder)
{
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *entry;

    *bytes = 0;
    *found = 0;
    if (!dir) {
        return errno;
    }
    while ((entry = readdir(dir)) != NULL) {
        struct stat info;

        if ((spool_is_message(entry->d_name) || spool_is_new(entry->d_name)) &&
            fstatat(folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0) {
            *bytes += S_ISREG(info.st_mode) ? spool_cost(info.st_size) : 0;
            *found = 1;
        }
    }
    closedir(dir);
    return APR_SUCCESS;
}

/* The number in the file; what the folder holds where there is none that can be believed: *counted
 * says so. */
static apr_status_t get(apr_int64_t *bytes, int *counted, int file, int folder)
{
    char text[TEXT_BYTES + 1];
    ssize_t len = pread(file, text, sizeof(text), 0);
    const char *digits = text + sizeof(FIRST_LINE) - 1;
    int found;

    if (len < 0) {
        return errno;
    }
    if (len == TEXT_BYTES && memcmp(text, FIRST_LINE, sizeof(FIRST_LINE) - 1) == 0 &&
        text[TEXT_BYTES - 1] == '\n') {
        text[TEXT_BYTES - 1] = '\0';
        /* Two digits less always fit. */
        if (strspn(digits, "0123456789") == DIGITS && strncmp(digits, "00", 2) == 0) {
            *bytes = apr_atoi64(digits);
            *counted = 0;
            return APR_SUCCESS;
        }
    }
    *counted = 1;
    return count(bytes, &found, folder);
}

static apr_status_t set(int file, apr_int64_t bytes)
{
    char text[TEXT_BYTES + 1];
    struct stat info;

    apr_snprintf(text, sizeof(text), FIRST_LINE "%020" APR_INT64_T_FMT "\n", bytes);
    if (pwrite(file, text, TEXT_BYTES, 0) != (ssize_t)TEXT_BYTES) {
        return errno ? errno : ENOSPC;
    }
    if (fstat(file, &info) == 0 && info.st_size > (off_t)TEXT_BYTES &&
        ftruncate(file, TEXT_BYTES) < 0) {
        return errno;
    }
    return APR_SUCCESS;
}

apr_status_t spool_usage_add(apr_int64_t *after, int folder, apr_int64_t bytes, apr_int64_t most)
{
    int file = spool_own_file(folder, SPOOL_USAGE);
    apr_int64_t before = 0;
    apr_status_t rv;
    int counted = 0;

    if (file < 0) {
        return errno;
    }
    errno = 0;
    rv = lock(file);
    if (rv == APR_SUCCESS) {
        rv = get(&before, &counted, file, folder);
    }
    if (counted && bytes < 0) {
        bytes = 0; /* the folder was changed first, so the count knows it already */
    }
    *after = before;
    if (rv == APR_SUCCESS && bytes > 0 && before + bytes > most) {
        rv = CRM360_EREFUSED;
    }
    else if (rv == APR_SUCCESS && (bytes != 0 || counted)) {
        *after = before + bytes > 0 ? before + bytes : 0;
        rv = set(file, *after);
    }
    close(file);
    return rv;
}

apr_status_t spool_usage_reset(int *empty, int folder)
{
    int file = spool_own_file(folder, SPOOL_USAGE);
    apr_int64_t bytes;
    int counted = 0;
    int found = 1;
    apr_status_t rv;

    *empty = 0;
    if (file < 0) {
        return errno;
    }
    errno = 0;
    rv = lock(file);
    if (rv == APR_SUCCESS) {
        /* Nobody can reserve while we look. */
        rv = count(&bytes, &found, folder);
    }
    if (rv == APR_SUCCESS && !found) {
        *empty = 1;
        rv = get(&bytes, &counted, file, folder);
        if (rv == APR_SUCCESS && (bytes != 0 || counted)) {
            rv = set(file, 0);
        }
    }
    close(file);
    return rv;
}

apr_status_t crm360_spool_usage(apr_int64_t *bytes, crm360_spool_t *spool)
{
    int folder = spool_folder(spool);
    apr_status_t rv = folder < 0 ? errno : spool_usage_add(bytes, folder, 0, 0);

    if (folder >= 0) {
        close(folder);
    }
    return rv;
}

apr_status_t crm360_spool_files(apr_int64_t *files, crm360_spool_t *spool)
{
    int folder = spool_folder(spool);
    DIR *dir = folder < 0 ? NULL : fdopendir(folder);
    struct dirent *entry;
    apr_status_t rv = dir ? APR_SUCCESS : errno;

    *files = 0;
    if (!dir) {
        if (folder >= 0) {
            close(folder);
        }
        return rv;
    }
    while ((entry = readdir(dir)) != NULL) {
        *files += spool_is_message(entry->d_name) != 0;
    }
    closedir(dir);
    return APR_SUCCESS;
}
