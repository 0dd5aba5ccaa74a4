/*
 * The files of exported dead letters. A line is whole or not there: what could not be written to
 * its end is cut off again, at once or when the file is opened next. Must never hold a large
 * message in memory, and never say that something is written before it is on the disk.
 */
#include "consumer/export.h"

#include <apr_base64.h>
#include <apr_strings.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/charset.h"
#include "core/json.h"

/* A part of a message; a multiple of 3, so that the parts of base64 fit together. */
#define PART_BYTES (192 * 1024)

struct consumer_export_t {
    const crm360_database_t *database;
    const char *name;
    const char *folder;
    int made;     /* the file is new: its folder has to be flushed as well */
    FILE *file;   /* NULL = closed */
    off_t before; /* its length when it was opened */
    apr_pool_t *pool;
    apr_pool_t *part; /* of one part of a message */
};

/* ---- the file ---- */

/* Not closed in time: nothing of it counts. */
static apr_status_t abandon(void *data)
{
    consumer_export_t *export = data;
    apr_status_t rv = APR_SUCCESS;

    if (export->file) {
        __fpurge(export->file);
        if (ftruncate(fileno(export->file), export->before) < 0) {
            rv = errno; /* lines stay whose letters are exported again */
        }
        fclose(export->file);
        export->file = NULL;
    }
    return rv;
}

/* A program that was killed may have left half a line, of a letter that was not dropped: the file
 * is cut back to its last line feed. *length is what it has then. */
static apr_status_t cut_half_line(off_t *length, int fd)
{
    char block[4096];
    off_t end = *length;

    while (end > 0) {
        size_t some = end < (off_t)sizeof block ? (size_t)end : sizeof block;
        ssize_t got = pread(fd, block, some, end - (off_t)some);
        const char *feed;

        if (got != (ssize_t)some) {
            return got < 0 ? errno : EIO;
        }
        feed = memrchr(block, '\n', some);
        if (feed) {
            end -= (off_t)some - (feed - block) - 1;
            break;
        }
        end -= (off_t)some;
    }
    if (end < *length && ftruncate(fd, end) < 0) {
        return errno;
    }
    *length = end;
    return APR_SUCCESS;
}

/* Opens the file and takes its lock: another crm360d may export to the same folder, and lines must
 * never mix. Who erases a person puts a new file in the place of the old one, perhaps while the
 * lock is waited for: then the new one is opened. Descriptor, or -1 and errno. */
static int open_locked(const char *name, struct stat *info)
{
    struct stat named;
    int fd, saved;

    do {
        fd = open(name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (fd < 0) {
            return -1;
        }
        if (flock(fd, LOCK_EX) < 0 || fstat(fd, info) < 0) {
            break;
        }
        if (stat(name, &named) == 0 && named.st_ino == info->st_ino &&
            named.st_dev == info->st_dev) {
            return fd;
        }
    } while (close(fd) == 0);
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

const char *consumer_export_fault(const char *folder, apr_pool_t *pool)
{
    const char *what = NULL;
    struct stat info;

    if (stat(folder, &info) < 0) {
        return NULL; /* it is made when there is something to write */
    }
    if (!S_ISDIR(info.st_mode)) {
        what = "it is no folder";
    }
    else if (info.st_mode & S_IWOTH) {
        what = "everybody may write there, and it will hold personal data";
    }
    return what ? apr_psprintf(pool,
                               "Crm360DeadLetterExport: %s: %s; allowed: a folder of mode 750 "
                               "that belongs to the user of crm360d",
                               folder, what)
                : NULL;
}

apr_status_t consumer_export_open(consumer_export_t **export, const char **why, const char *folder,
                                  const crm360_database_t *database, apr_time_t now,
                                  apr_pool_t *pool)
{
    consumer_export_t *made = apr_pcalloc(pool, sizeof *made);
    struct stat info;
    apr_time_exp_t day;
    apr_status_t rv;
    int fd;

    apr_time_exp_gmt(&day, now);
    made->database = database;
    made->pool = pool;
    made->folder = folder;
    /* No name of a customer or a database has an '@' in it. */
    made->name = apr_psprintf(pool, "%s/%s@%s-%04d-%02d-%02d.jsonl", folder, database->customer,
                              database->alias, day.tm_year + 1900, day.tm_mon + 1, day.tm_mday);
    *why = apr_pstrcat(pool, "making ", folder, NULL);
    if (mkdir(folder, 0750) < 0 && errno != EEXIST) {
        if (errno == ENOENT) {
            *why = apr_pstrcat(pool, *why, ": the folder in which it is to stand is missing", NULL);
        }
        return errno;
    }
    *why = apr_pstrcat(pool, "opening ", made->name, NULL);
    made->made = access(made->name, F_OK) < 0;
    fd = open_locked(made->name, &info);
    if (fd < 0) {
        return errno;
    }
    rv = cut_half_line(&info.st_size, fd);
    if (rv == APR_SUCCESS && !(made->file = fdopen(fd, "a"))) {
        rv = errno;
    }
    if (rv != APR_SUCCESS) {
        close(fd);
        return rv;
    }
    made->before = info.st_size;
    apr_pool_create(&made->part, pool);
    apr_pool_tag(made->part, "crm360_export");
    apr_pool_cleanup_register(pool, made, abandon, apr_pool_cleanup_null);
    *export = made;
    return APR_SUCCESS;
}

const char *consumer_export_name(const consumer_export_t *export)
{
    return export->name;
}

/* A new file is lasting only when its name is. */
static int flush_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int done = fd >= 0 && fsync(fd) == 0;
    int saved = errno;

    if (fd >= 0) {
        close(fd);
    }
    errno = saved;
    return done;
}

apr_status_t consumer_export_close(consumer_export_t *export)
{
    FILE *file = export->file;

    if (fflush(file) != 0 || ferror(file) || fsync(fileno(file)) < 0 ||
        (export->made && !flush_folder(export->folder))) {
        apr_status_t rv = errno ? errno : EIO;

        apr_pool_cleanup_run(export->pool, export, abandon);
        return rv;
    }
    export->file = NULL;
    fclose(file);
    return APR_SUCCESS;
}

/* ---- a message as JSON ---- */

/* Whether bytes that come in parts are UTF-8 (RFC 3629). */
typedef struct utf8_t {
    int wrong;
    int more;                /* bytes that the character still needs */
    unsigned char low, high; /* range of the next one */
} utf8_t;

static void utf8_feed(utf8_t *text, const char *data, apr_size_t len)
{
    apr_size_t i;

    for (i = 0; i < len && !text->wrong; i++) {
        unsigned char c = (unsigned char)data[i];

        if (text->more) {
            text->wrong = c < text->low || c > text->high;
            text->more--;
            text->low = 0x80;
            text->high = 0xbf;
        }
        else if (c >= 0x80) {
            text->wrong = c < 0xc2 || c > 0xf4;
            text->more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
            text->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
            text->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        }
    }
}

static void write_text(FILE *file, const char *data, apr_size_t len)
{
    apr_size_t i;

    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)data[i];

        if (c == '"' || c == '\\') {
            fputc('\\', file);
            fputc(c, file);
        }
        else if (c == '\n') {
            fputs("\\n", file);
        }
        else if (c == '\r') {
            fputs("\\r", file);
        }
        else if (c < 0x20) {
            fprintf(file, "\\u%04x", c);
        }
        else {
            fputc(c, file);
        }
    }
}

static void write_base64(FILE *file, const char *data, apr_size_t len, apr_pool_t *pool)
{
    char *coded = apr_palloc(pool, (apr_size_t)apr_base64_encode_len((int)len));

    apr_base64_encode_binary(coded, (const unsigned char *)data, (int)len);
    fputs(coded, file);
}

/* Goes through a stored message part by part: feeds it to `text`, or writes it, as text or in
 * base64. *bytes is its length. */
static apr_status_t pass(apr_int64_t *bytes, consumer_export_t *export, utf8_t *text, int coded,
                         crm360_queue_t *queue, const crm360_keys_t *keys, const char *id)
{
    const char *data;
    apr_status_t rv;
    apr_size_t len;

    *bytes = 0;
    do {
        apr_pool_clear(export->part);
        rv = crm360_queue_read(&data, &len, queue, keys, id, *bytes, PART_BYTES, export->part);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (text) {
            utf8_feed(text, data, len);
        }
        else if (coded) {
            write_base64(export->file, data, len, export->part);
        }
        else {
            write_text(export->file, data, len);
        }
        *bytes += (apr_int64_t)len;
    } while (len == PART_BYTES);
    return APR_SUCCESS;
}

/* ---- a letter ---- */

static const char *quote(const char *text, apr_pool_t *pool)
{
    apr_size_t len;
    const char *clean = crm360_utf8_clean(&len, text, strlen(text), pool);

    return crm360_json_quote(apr_pstrmemdup(pool, clean, len), pool);
}

/* The list of errors of a history. */
static const char *errors_of(const crm360_failure_t *failure, apr_pool_t *pool)
{
    json_object *record, *errors;
    const char *why;

    if (failure->json &&
        crm360_json_parse(&record, &why, failure->json, failure->json_len, pool) == APR_SUCCESS &&
        json_object_object_get_ex(record, "errors", &errors) &&
        json_object_is_type(errors, json_type_array)) {
        return apr_pstrdup(pool, json_object_to_json_string_ext(errors, JSON_C_TO_STRING_PLAIN));
    }
    return "[]";
}

/* Everything but the message. */
static void write_head(consumer_export_t *export, const crm360_entry_t *letter,
                       const crm360_failure_t *failure, apr_pool_t *pool)
{
    const crm360_route_t *route = crm360_id_route(letter->id);

    fprintf(export->file, "{\"id\":%s,\"customer\":%s,\"database\":%s,\"lane\":\"%s\",\"route\":%s",
            quote(letter->id, pool), quote(export->database->customer, pool),
            quote(export->database->alias, pool), crm360_lane_name(failure->lane),
            route ? quote(route->name, pool) : "null");
    fprintf(export->file, ",\"died_at\":%s,\"died_at_ms\":%" APR_INT64_T_FMT,
            crm360_json_date(letter->at, pool), apr_time_as_msec(letter->at));
    fprintf(export->file, ",\"attempts\":%d,\"crashes\":%d,\"expiries\":%d,\"errors\":%s",
            failure->attempts, failure->crashes, failure->expiries, errors_of(failure, pool));
}

/* The message of a letter, by which the line ends. APR_NOTFOUND when it is not what it was when it
 * was looked at first. */
static apr_status_t write_message(apr_int64_t *bytes, consumer_export_t *export,
                                  crm360_queue_t *queue, const crm360_keys_t *keys, const char *id)
{
    utf8_t text = {0};
    apr_int64_t written;
    apr_status_t rv = pass(bytes, export, &text, 0, queue, keys, id);
    int coded = text.wrong || text.more > 0;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (*bytes == 0) {
        fputs(",\"encoding\":null,\"message\":null}\n", export->file);
        return APR_SUCCESS;
    }
    fprintf(export->file, ",\"encoding\":\"%s\",\"message\":\"", coded ? "base64" : "utf-8");
    rv = pass(&written, export, NULL, coded, queue, keys, id);
    fputs("\"}\n", export->file);
    return rv == APR_SUCCESS && written != *bytes ? APR_NOTFOUND : rv;
}

apr_status_t consumer_export_letter(apr_int64_t *bytes, consumer_export_t *export,
                                    crm360_queue_t *queue, const crm360_keys_t *keys,
                                    const crm360_entry_t *letter, const crm360_failure_t *failure)
{
    apr_status_t rv;
    off_t start;

    errno = 0;
    if (fflush(export->file) != 0 || (start = lseek(fileno(export->file), 0, SEEK_END)) < 0) {
        return errno;
    }
    apr_pool_clear(export->part);
    write_head(export, letter, failure, export->part);
    rv = write_message(bytes, export, queue, keys, letter->id);
    *bytes += (apr_int64_t)failure->json_len;
    if (fflush(export->file) != 0 || ferror(export->file)) {
        return errno ? errno : EIO;
    }
    if (rv != APR_SUCCESS && ftruncate(fileno(export->file), start) < 0) {
        return errno;
    }
    return rv;
}
