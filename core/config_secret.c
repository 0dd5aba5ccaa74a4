/*
 * Files that settings name and whose content is the value: secrets, and other texts. Must never
 * quote what a file holds, nor open a secret that the reading program does not need.
 */
#include "core/config_private.h"

#include <apr_file_io.h>
#include <apr_strings.h>

#include <string.h>

#define SECRET_MOST 4096 /* bytes of a secret file */
#define TEXT_MOST 65536  /* of another one */

/* Type, mode and size of a secret file; NULL when they are as they must be. */
static const char *secret_info_fault(const char *name, const apr_finfo_t *info, apr_pool_t *pool)
{
    const char *quoted = crm360_quoted(name, pool);

    if (info->filetype != APR_REG) {
        return apr_psprintf(pool, "%s is a %s; allowed: a regular file", quoted,
                            info->filetype == APR_DIR ? "directory" : "special file");
    }
    if (info->protection &
        (APR_FPROT_GWRITE | APR_FPROT_WREAD | APR_FPROT_WWRITE | APR_FPROT_WEXECUTE)) {
        /* apr_fileperms_t keeps the nine bits in hexadecimal digits: 0x640 is mode 0640. */
        return apr_psprintf(pool,
                            "%s has mode 0%03x; allowed: nothing for others and no writing for the "
                            "group (0640 or less)",
                            quoted, (unsigned)(info->protection & 0x777));
    }
    if (info->size > SECRET_MOST) {
        return apr_psprintf(pool, "%s has more than %d bytes; allowed: 1 to %d bytes", quoted,
                            SECRET_MOST, SECRET_MOST);
    }
    return NULL;
}

static const char *cannot_read(const char *name, apr_status_t rv, apr_pool_t *pool)
{
    char text[120];

    return apr_psprintf(pool, "%s cannot be read (%s); allowed: a regular file, mode 0640 or less",
                        crm360_quoted(name, pool), apr_strerror(rv, text, sizeof(text)));
}

/* Reads the one line of an open secret file into *secret. */
static const char *read_secret(const char **secret, apr_file_t *file, const char *name,
                               apr_pool_t *pool)
{
    char data[SECRET_MOST + 1];
    apr_finfo_t info;
    apr_size_t len = 0;
    apr_status_t rv;
    const char *fault;

    rv = apr_file_info_get(&info, APR_FINFO_TYPE | APR_FINFO_PROT | APR_FINFO_SIZE, file);
    if (rv != APR_SUCCESS) {
        return cannot_read(name, rv, pool);
    }
    fault = secret_info_fault(name, &info, pool);
    if (fault) {
        return fault;
    }
    rv = apr_file_read_full(file, data, SECRET_MOST, &len);
    if (rv != APR_SUCCESS && !APR_STATUS_IS_EOF(rv)) {
        return cannot_read(name, rv, pool);
    }
    if (len && data[len - 1] == '\n') {
        len--;
        len -= len && data[len - 1] == '\r';
    }
    if (!len) {
        return apr_psprintf(pool, "%s is empty; allowed: 1 to %d bytes", crm360_quoted(name, pool),
                            SECRET_MOST);
    }
    data[len] = '\0';
    if (strcspn(data, "\r\n") != len) {
        return apr_psprintf(pool, "%s has several lines or a NUL byte; allowed: one line",
                            crm360_quoted(name, pool));
    }
    *secret = apr_pstrmemdup(pool, data, len);
    return NULL;
}

/* The file itself, which the reading program needs. */
static const char *open_secret(const char **secret, const char *name, apr_pool_t *pool)
{
    const char *fault;
    apr_file_t *file;
    apr_finfo_t info;
    apr_status_t rv;

    /* Looked at before opening, for opening a pipe would wait for its writer; and again when
     * open. */
    rv = apr_stat(&info, name, APR_FINFO_TYPE | APR_FINFO_PROT | APR_FINFO_SIZE, pool);
    if (rv != APR_SUCCESS) {
        return cannot_read(name, rv, pool);
    }
    fault = secret_info_fault(name, &info, pool);
    if (fault) {
        return fault;
    }
    rv = apr_file_open(&file, name, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, pool);
    if (rv != APR_SUCCESS) {
        return cannot_read(name, rv, pool);
    }
    fault = read_secret(secret, file, name, pool);
    apr_file_close(file);
    return fault;
}

const char *crm360_secret_read(const char **secret, const char *name, int wanted, apr_pool_t *pool)
{
    if (name[0] != '/') {
        /* Not quoted, for it may be the password itself. */
        return "no absolute file name; allowed: the name of a file, from / on";
    }
    if (!wanted) {
        *secret = ""; /* set, so that a second line is noticed, and never opened */
        return NULL;
    }
    return open_secret(secret, name, pool);
}

const char *crm360_file_check(const char *name, int wanted, apr_pool_t *pool)
{
    apr_file_t *file;
    apr_finfo_t info;
    apr_status_t rv;

    if (name[0] != '/') {
        return apr_psprintf(pool, "%s is no absolute name; allowed: the name of a file, from / on",
                            crm360_quoted(name, pool));
    }
    if (!wanted) {
        return NULL;
    }
    rv = apr_stat(&info, name, APR_FINFO_TYPE, pool);
    if (rv == APR_SUCCESS && info.filetype != APR_REG) {
        return apr_psprintf(pool, "%s is no regular file; allowed: one", crm360_quoted(name, pool));
    }
    if (rv == APR_SUCCESS) {
        rv = apr_file_open(&file, name, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, pool);
    }
    if (rv != APR_SUCCESS) {
        char text[120];

        return apr_psprintf(pool, "%s cannot be read (%s); allowed: a file that can",
                            crm360_quoted(name, pool), apr_strerror(rv, text, sizeof(text)));
    }
    apr_file_close(file);
    return NULL;
}

const char *crm360_text_read(const char **text, const char *name, int wanted, apr_pool_t *pool)
{
    const char *fault = crm360_file_check(name, wanted, pool);
    apr_size_t len = 0;
    apr_file_t *file;
    char *data;

    *text = "";
    if (fault || !wanted) {
        return fault;
    }
    data = apr_pcalloc(pool, TEXT_MOST + 2);
    if (apr_file_open(&file, name, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, pool) == APR_SUCCESS) {
        (void)apr_file_read_full(file, data, TEXT_MOST + 1, &len); /* a short one says EOF */
        apr_file_close(file);
    }
    if (len == 0 || len > TEXT_MOST || strlen(data) != len) {
        return apr_psprintf(pool,
                            "%s is empty, too large, or has a NUL byte; allowed: a text of 1 to %d "
                            "bytes",
                            crm360_quoted(name, pool), TEXT_MOST);
    }
    *text = data;
    return NULL;
}

const char *crm360_set_secret(const crm360_directive_t *directive, void *target, int argc,
                              const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    (void)argc;
    return crm360_secret_read((const char **)((char *)target + directive->offset), argv[0],
                              (reader & directive->readers) != 0, pool);
}
