/*
 * The outbox: what leaves while no provider is configured, one file each, for a person to look at.
 * A file is there whole and flushed, or not at all; its name is the id of its message, so the same
 * message never makes a second one.
 */
#include "outbound/outbound_private.h"

#include <apr_file_io.h>
#include <apr_strings.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* What people sent is nobody else's business. */
#define FOLDER_MODE 0x0750
#define FILE_MODE 0x0640

static void cannot(outbound_result_t *result, const char *doing, const char *path, apr_status_t rv,
                   apr_pool_t *pool)
{
    char text[120];

    result->fate = OUTBOUND_AWAY;
    result->reference = NULL; /* there is no such file */
    result->reason = apr_psprintf(pool, "the outbox: %s %s: %s", doing, path,
                                  apr_strerror(rv, text, sizeof(text)));
}

/* Writes and flushes a new file. */
static apr_status_t write_file(const char *path, const char *data, apr_size_t len, apr_pool_t *pool)
{
    apr_file_t *file;
    apr_status_t rv = apr_file_open(
        &file, path, APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_TRUNCATE | APR_FOPEN_BINARY,
        FILE_MODE, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_file_write_full(file, data, len, NULL);
    if (rv == APR_SUCCESS) {
        rv = apr_file_sync(file);
    }
    apr_file_close(file);
    if (rv != APR_SUCCESS) {
        apr_file_remove(path, pool);
    }
    return rv;
}

/* A name is on the disk only when its folder is. */
static apr_status_t sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    apr_status_t rv = APR_SUCCESS;

    if (fd < 0) {
        return errno;
    }
    if (fsync(fd) < 0) {
        rv = errno;
    }
    close(fd);
    return rv;
}

void outbound_outbox_replace(outbound_result_t *result, const outbound_t *outbound, const char *id,
                             const char *suffix, const char *data, apr_size_t len, apr_pool_t *pool)
{
    const char *path = apr_pstrcat(pool, outbound->outbox, "/", id, suffix, NULL);
    const char *fresh =
        apr_psprintf(pool, "%s/.new-%s%s-%d", outbound->outbox, id, suffix, (int)getpid());
    apr_status_t rv;

    memset(result, 0, sizeof(*result));
    result->fate = OUTBOUND_SENT;
    result->reference = apr_pstrcat(pool, id, suffix, NULL);
    rv = apr_dir_make_recursive(outbound->outbox, FOLDER_MODE, pool);
    if (rv != APR_SUCCESS) {
        cannot(result, "making the folder", outbound->outbox, rv, pool);
        return;
    }
    rv = write_file(fresh, data, len, pool);
    if (rv == APR_SUCCESS) {
        rv = apr_file_rename(fresh, path, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = sync_folder(outbound->outbox);
    }
    if (rv != APR_SUCCESS) {
        cannot(result, "writing", path, rv, pool);
    }
}

void outbound_outbox_put(outbound_result_t *result, const outbound_t *outbound, const char *id,
                         const char *suffix, const char *data, apr_size_t len, apr_pool_t *pool)
{
    const char *path = apr_pstrcat(pool, outbound->outbox, "/", id, suffix, NULL);
    apr_finfo_t info;

    if (apr_stat(&info, path, APR_FINFO_TYPE, pool) != APR_SUCCESS) {
        outbound_outbox_replace(result, outbound, id, suffix, data, len, pool);
        return;
    }
    memset(result, 0, sizeof(*result)); /* an earlier try has written it */
    result->fate = OUTBOUND_SENT;
    result->reference = apr_pstrcat(pool, id, suffix, NULL);
}
