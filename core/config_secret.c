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
/* Not quoted, for it may be the password itself. */
#define NO_NAME "no absolute file name; allowed: the name of a file, from / on"

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

/* Reads what an open secret file holds into `data`, of SECRET_MOST + 1 bytes, without the line end
 * at its end. */
static const char *read_all(char *data, apr_size_t *len, apr_file_t *file, const char *name,
                            apr_pool_t *pool)
{
    apr_finfo_t info;
    apr_status_t rv;
    const char *fault;

    *len = 0;
    rv = apr_file_info_get(&info, APR_FINFO_TYPE | APR_FINFO_PROT | APR_FINFO_SIZE, file);
    if (rv != APR_SUCCESS) {
        return cannot_read(name, rv, pool);
    }
    fault = secret_info_fault(name, &info, pool);
    if (fault) {
        return fault;
    }
    rv = apr_file_read_full(file, data, SECRET_MOST, len);
    if (rv != APR_SUCCESS && !APR_STATUS_IS_EOF(rv)) {
        return cannot_read(name, rv, pool);
    }
    if (*len && data[*len - 1] == '\n') {
        (*len)--;
        *len -= *len && data[*len - 1] == '\r';
    }
    if (!*len) {
        return apr_psprintf(pool, "%s is empty; allowed: 1 to %d bytes", crm360_quoted(name, pool),
                            SECRET_MOST);
    }
    data[*len] = '\0';
    return NULL;
}

/* The file itself, which the reading program needs; as read_all(). */
static const char *open_secret(char *data, apr_size_t *len, const char *name, apr_pool_t *pool)
{
    const char *fault;
    apr_file_t *file;
    apr_finfo_t info;
    apr_status_t rv;

    if (name[0] != '/') {
        return NO_NAME;
    }
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
    fault = read_all(data, len, file, name, pool);
    apr_file_close(file);
    return fault;
}

const char *crm360_secret_read(const char **secret, const char *name, int wanted, apr_pool_t *pool)
{
    char data[SECRET_MOST + 1];
    const char *fault;
    apr_size_t len;

    if (!wanted) {
        *secret = ""; /* set, so that a second line is noticed, and never opened */
        return name[0] == '/' ? NULL : NO_NAME;
    }
    fault = open_secret(data, &len, name, pool);
    if (fault) {
        return fault;
    }
    if (strcspn(data, "\r\n") != len) {
        return apr_psprintf(pool, "%s has several lines or a NUL byte; allowed: one line",
                            crm360_quoted(name, pool));
    }
    *secret = apr_pstrmemdup(pool, data, len);
    return NULL;
}

/* Whether a line is a secret as people have them: printable, with no blank around it. */
static int line_ok(const char *line, apr_size_t len)
{
    apr_size_t i;

    for (i = 0; i < len; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) {
            return 0;
        }
    }
    return len > 0 && line[0] != ' ' && line[len - 1] != ' ';
}

const char *crm360_secrets_read(crm360_secrets_t *secrets, const char *name, int wanted,
                                apr_pool_t *pool)
{
    char data[SECRET_MOST + 1];
    const char *at = data;
    const char *fault;
    apr_size_t len;

    secrets->count = 0;
    if (!wanted) {
        return name[0] == '/' ? NULL : NO_NAME;
    }
    fault = open_secret(data, &len, name, pool);
    if (fault) {
        return fault;
    }
    while (len && (data[len - 1] == '\n' || data[len - 1] == '\r')) {
        len--; /* empty lines at the end */
    }
    do {
        const char *feed = memchr(at, '\n', (apr_size_t)(data + len - at));
        const char *end = feed ? feed : data + len;
        apr_size_t line_len = (apr_size_t)(end - at);

        line_len -= line_len && feed && at[line_len - 1] == '\r';
        if (secrets->count == CRM360_SECRETS || !line_ok(at, line_len)) {
            return apr_psprintf(pool,
                                "%s has more than two lines, or one that is empty, has a control "
                                "character, or a blank at its beginning or end; allowed: one "
                                "secret, or two, the one in use on the first line and the one "
                                "before it on the second",
                                crm360_quoted(name, pool));
        }
        secrets->at[secrets->count].bytes = apr_pstrmemdup(pool, at, line_len);
        secrets->at[secrets->count++].len = line_len;
        at = feed ? feed + 1 : NULL;
    } while (at);
    return NULL;
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

        return apr_psprintf(pool, "%s cannot be read (%s); allowed: a file that can be read",
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
