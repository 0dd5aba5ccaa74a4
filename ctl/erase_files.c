/*
 * A person in files: the spool, and dead letters that were exported. A file of exported letters is
 * replaced as a whole, under the lock that crm360d takes to write into it, so that it is never half
 * a file and no line that is being written gets lost. Must never hold more than one message in
 * memory.
 */
#include "ctl/erase.h"

#include <apr_base64.h>
#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/queue_admin.h"
#include "core/spool.h"
#include "ctl/output.h"

#define SUFFIX ".jsonl"
#define LOCK_WAIT (10 * APR_USEC_PER_SEC)
#define LOCK_STEP (10 * APR_TIME_C(1000))

static int ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len > end_len && strcmp(text + len - end_len, end) == 0;
}

/* Something that is no message of anybody has the person in it: a person has to look at it. */
static void tell_unreadable(erase_run_t *run, const char *what, apr_pool_t *pool)
{
    run->unreadable++;
    fprintf(stderr, "crm360ctl: %s: %s is no message any more and names the person: look at it\n",
            run->place.name, ctl_plain(what, pool));
}

/* Something could not be searched to its end, and may have the person in it. */
static void tell_unsearched(erase_run_t *run, const char *what, apr_status_t rv, apr_pool_t *pool)
{
    char text[200];
    const char *why = rv == ELOOP                   ? "it is a symbolic link"
                      : rv == ENODEV || rv == ENXIO ? "it is no file"
                                                    : crm360_status_text(rv, text, sizeof(text));

    run->unsearched++;
    fprintf(stderr, "crm360ctl: %s: %s: %s\n", run->place.name, ctl_plain(what, pool), why);
}

/* Opens a file of a folder in which others write, who may have put anything there: a pipe would be
 * waited for for ever, and a link lead to a file that is none of these. ELOOP for a link, ENODEV
 * or ENXIO for what else is no file. */
static apr_status_t open_plain(int *fd, struct stat *info, const char *path, int how)
{
    apr_status_t rv = APR_SUCCESS;

    *fd = open(path, how | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (*fd < 0) {
        return errno;
    }
    if (fstat(*fd, info) < 0) {
        rv = errno;
    }
    else if (!S_ISREG(info->st_mode)) {
        rv = ENODEV;
    }
    if (rv != APR_SUCCESS) {
        close(*fd);
        *fd = -1;
    }
    return rv;
}

/* ---- the spool ---- */

static apr_status_t lock_spool(crm360_spool_t *spool)
{
    apr_time_t until = crm360_clock() + LOCK_WAIT;
    apr_status_t rv;

    while (APR_STATUS_IS_EAGAIN(rv = crm360_spool_lock(spool)) && crm360_clock() < until) {
        apr_sleep(LOCK_STEP);
    }
    return rv;
}

static apr_status_t remove_spooled(erase_run_t *run, crm360_spool_t *spool, const char *name,
                                   apr_int64_t bytes)
{
    apr_status_t rv = lock_spool(spool);

    if (APR_STATUS_IS_EAGAIN(rv)) {
        run->spooled++;
        return APR_SUCCESS;
    }
    if (rv == APR_SUCCESS) {
        rv = crm360_spool_remove(spool, name, bytes);
        crm360_spool_unlock(spool);
    }
    return rv;
}

/* Works on one spooled message. A batch is left to crm360d, which carries it into Redis. */
static apr_status_t work_on_spooled(erase_run_t *run, crm360_spool_t *spool, const char *name,
                                    apr_pool_t *pool)
{
    const crm360_database_t *database = run->place.database;
    ctl_person_verdict_t verdict;
    crm360_spooled_t spooled;
    apr_array_header_t *spans;
    apr_status_t rv = crm360_spool_read(&spooled, spool, name, pool);

    if (APR_STATUS_IS_ENOENT(rv) || rv == CRM360_EDATA) {
        return APR_SUCCESS; /* crm360d has it, or will set it aside */
    }
    if (rv != APR_SUCCESS || strcmp(spooled.push.customer, database->customer) != 0 ||
        strcmp(spooled.push.database, database->alias) != 0) {
        return rv;
    }
    verdict = ctl_person_in_message(&spans, run->person, spooled.push.message,
                                    spooled.push.message_len, pool);
    if (verdict == CTL_PERSON_ABSENT) {
        return APR_SUCCESS;
    }
    run->found = 1;
    if (run->dry_run) {
        erase_show(run, "spool", spooled.push.id, verdict, pool);
    }
    if (verdict != CTL_PERSON_WHOLE) {
        run->spooled++;
        return APR_SUCCESS;
    }
    run->counts[ERASE_SPOOL].messages++;
    return run->dry_run ? APR_SUCCESS : remove_spooled(run, spool, name, spooled.bytes);
}

/* Reads a whole file. */
static apr_status_t read_file(char **data, apr_size_t *len, const char *path, apr_pool_t *pool)
{
    struct stat info;
    ssize_t got = 1;
    int fd;
    apr_status_t rv = open_plain(&fd, &info, path, O_RDONLY);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *data = apr_palloc(pool, (apr_size_t)info.st_size + 1);
    *len = 0;
    while (got != 0 && *len < (apr_size_t)info.st_size) {
        got = read(fd, *data + *len, (apr_size_t)info.st_size - *len);
        if (got < 0 && errno != EINTR) {
            rv = errno;
            break;
        }
        *len += got > 0 ? (apr_size_t)got : 0;
    }
    close(fd);
    return rv;
}

/* Files that crm360d has set aside, whatever database they were for. */
static apr_status_t look_at_bad(erase_run_t *run, const crm360_spool_t *spool, const char *folder,
                                apr_pool_t *parent)
{
    apr_array_header_t *names, *spans;
    apr_size_t len;
    apr_pool_t *pool;
    apr_status_t rv = crm360_spool_bad(&names, spool, parent);
    char *data;
    int i;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm360ctl_bad");
    for (i = 0; i < names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(names, i, const char *);

        apr_pool_clear(pool);
        rv = read_file(&data, &len, apr_pstrcat(pool, folder, "/", name, NULL), pool);
        if (rv != APR_SUCCESS) {
            if (!APR_STATUS_IS_ENOENT(rv)) {
                tell_unsearched(run, name, rv, pool);
            }
        }
        else if (ctl_person_in_message(&spans, run->person, data, len, pool) != CTL_PERSON_ABSENT) {
            tell_unreadable(run, name, pool);
        }
    }
    apr_pool_destroy(pool);
    return APR_SUCCESS;
}

void erase_spool(erase_run_t *run, apr_pool_t *parent)
{
    const crm360_spool_place_t *place = crm360_config_spool(run->place.config);
    crm360_spool_walk_t *walk;
    crm360_spool_t *spool;
    apr_int64_t done = 0;
    const char *name;
    apr_pool_t *pool, *turn;
    apr_status_t rv;

    if (!place) {
        return;
    }
    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm360ctl_spool");
    apr_pool_create(&turn, pool);
    apr_pool_tag(turn, "crm360ctl_spooled");
    spool = crm360_spool_make(place, NULL, pool);
    rv = crm360_spool_walk(&walk, spool, pool);
    while (rv == APR_SUCCESS && (rv = crm360_spool_next(&name, walk, 0)) == APR_SUCCESS) {
        apr_pool_clear(turn);
        rv = work_on_spooled(run, spool, name, turn);
        if (rv != APR_SUCCESS) {
            tell_unsearched(run, name, rv, turn);
            rv = APR_SUCCESS;
        }
        erase_progress(run, "spool", ++done);
    }
    if (APR_STATUS_IS_EOF(rv) || APR_STATUS_IS_ENOENT(rv)) {
        rv = look_at_bad(run, spool, place->folder, pool);
    }
    if (rv != APR_SUCCESS && !APR_STATUS_IS_ENOENT(rv)) {
        tell_unsearched(run, place->folder, rv, pool);
    }
    apr_pool_destroy(pool);
}

/* ---- exported dead letters ---- */

/* One line of a file. */
typedef struct line_t {
    char *text; /* malloc(3), with its line feed */
    size_t room;
    apr_size_t len;
    json_object *letter; /* NULL = it is none of this database */
    const char *id;
    char *message; /* the stored message, NULL = none */
    apr_size_t message_len;
    int coded; /* it stands there in base64 */
} line_t;

static const char *member(json_object *object, const char *name)
{
    json_object *value;

    return json_object_object_get_ex(object, name, &value) &&
                   json_object_is_type(value, json_type_string)
               ? json_object_get_string(value)
               : "";
}

/* Takes a line apart. Returns 0 when it is no JSON object. */
static int read_line(line_t *line, const erase_run_t *run, apr_pool_t *pool)
{
    json_object *value;
    const char *why;

    line->letter = NULL;
    line->message = NULL;
    line->message_len = 0;
    if (crm360_json_parse(&value, &why, line->text, line->len, pool) != APR_SUCCESS ||
        !json_object_is_type(value, json_type_object)) {
        return 0;
    }
    if (strcmp(member(value, "customer"), run->place.database->customer) != 0 ||
        strcmp(member(value, "database"), run->place.database->alias) != 0) {
        return 1;
    }
    line->letter = value;
    line->id = member(value, "id");
    line->coded = strcmp(member(value, "encoding"), "base64") == 0;
    if (json_object_object_get_ex(value, "message", &value) &&
        json_object_is_type(value, json_type_string)) {
        const char *text = json_object_get_string(value);

        line->message_len = (apr_size_t)json_object_get_string_len(value);
        line->message = apr_palloc(pool, line->message_len + 1);
        if (line->coded) {
            line->message_len =
                (apr_size_t)apr_base64_decode_binary((unsigned char *)line->message, text);
        }
        else {
            memcpy(line->message, text, line->message_len);
        }
    }
    return 1;
}

/* Writes a line whose message has lost the elements. */
static void write_without(FILE *to, const line_t *line, const apr_array_header_t *spans,
                          apr_pool_t *pool)
{
    json_object *text;
    int i;

    for (i = 0; i < spans->nelts; i++) {
        crm360_span_t span = APR_ARRAY_IDX(spans, i, crm360_span_t);

        memset(line->message + span.at, ' ', span.len);
        memcpy(line->message + span.at, span.len < 4 ? "0" : "null", span.len < 4 ? 1 : 4);
    }
    if (line->coded) {
        char *coded = apr_palloc(pool, (apr_size_t)apr_base64_encode_len((int)line->message_len));

        apr_base64_encode_binary(coded, (unsigned char *)line->message, (int)line->message_len);
        text = json_object_new_string(coded);
    }
    else {
        text = json_object_new_string_len(line->message, (int)line->message_len);
    }
    json_object_object_add(line->letter, "message", text);
    fprintf(to, "%s\n",
            json_object_to_json_string_ext(line->letter, JSON_C_TO_STRING_PLAIN |
                                                             JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* One file. */
typedef struct export_t {
    erase_run_t *run;
    const char *path;
    FILE *to;      /* NULL = only looking */
    int complains; /* says what it leaves alone */
    int counts;
    int touched; /* lines that go or change */
} export_t;

static void work_on_line(export_t *export, line_t *line, apr_pool_t *pool)
{
    erase_run_t *run = export->run;
    erase_count_t *count = &run->counts[ERASE_EXPORT];
    ctl_person_verdict_t verdict = CTL_PERSON_ABSENT;
    apr_array_header_t *spans;

    if (!read_line(line, run, pool)) {
        if (export->complains && ctl_person_in_text(run->person, line->text, line->len, 0, pool)) {
            tell_unreadable(run, apr_pstrcat(pool, "a line of ", export->path, NULL), pool);
        }
    }
    else if (line->message) {
        verdict =
            ctl_person_in_message(&spans, run->person, line->message, line->message_len, pool);
    }
    if (verdict == CTL_PERSON_MIXED && export->complains) {
        run->mixed++;
        fprintf(stderr,
                "crm360ctl: %s: %s in %s is a batch about others as well and names the person "
                "outside its elements: look at it\n",
                run->place.name, ctl_plain(line->id, pool), export->path);
    }
    if (verdict != CTL_PERSON_ABSENT && export->counts) {
        if (run->dry_run) {
            erase_show(run, "export", line->id, verdict, pool);
        }
        count->messages += verdict == CTL_PERSON_WHOLE;
        count->batches += verdict != CTL_PERSON_WHOLE && spans->nelts;
        count->elements += verdict != CTL_PERSON_WHOLE ? spans->nelts : 0;
    }
    export->touched +=
        verdict == CTL_PERSON_WHOLE || (verdict != CTL_PERSON_ABSENT && spans->nelts);
    if (!export->to || verdict == CTL_PERSON_WHOLE) {
        return;
    }
    if (verdict == CTL_PERSON_ABSENT || !spans->nelts) {
        fwrite(line->text, 1, line->len, export->to);
    }
    else {
        write_without(export->to, line, spans, pool);
    }
}

/* Goes through the lines of a file. */
static apr_status_t work_on_lines(export_t *export, FILE *from, apr_pool_t *parent)
{
    line_t line = {.text = NULL};
    apr_status_t why;
    apr_pool_t *pool;
    ssize_t len;

    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm360ctl_line");
    export->touched = 0;
    errno = 0;
    while ((len = getline(&line.text, &line.room, from)) > 0) {
        apr_pool_clear(pool);
        line.len = (apr_size_t)len;
        work_on_line(export, &line, pool);
        errno = 0;
    }
    why = errno;
    free(line.text);
    apr_pool_destroy(pool);
    /* Also no memory for a line ends the loop: only the end of the file is the end. */
    return feof(from) && !ferror(from) ? APR_SUCCESS : why ? why : EIO;
}

/* Opens a file and takes its lock. APR_ENOENT when there is none any more. */
static apr_status_t open_locked(FILE **from, const char *path)
{
    struct stat locked, named;
    apr_status_t rv;
    int fd;

    *from = NULL;
    do {
        rv = open_plain(&fd, &locked, path, O_RDWR);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (flock(fd, LOCK_EX) < 0) {
            break;
        }
        /* Somebody may have put another one in its place while this was waited for. */
        if (stat(path, &named) == 0 && named.st_ino == locked.st_ino &&
            named.st_dev == locked.st_dev) {
            *from = fdopen(fd, "r");
            if (*from) {
                return APR_SUCCESS;
            }
            break;
        }
    } while (close(fd) == 0);
    rv = errno;
    close(fd);
    return rv == APR_SUCCESS ? APR_EGENERAL : rv;
}

static apr_status_t flush_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    apr_status_t rv = fd < 0 || fsync(fd) < 0 ? errno : APR_SUCCESS;

    if (fd >= 0) {
        close(fd);
    }
    return rv;
}

/* Fills the new file and gives it the name. Mode and owner stay as they were. */
static apr_status_t replace(export_t *export, FILE *from, const char *fresh, apr_pool_t *pool)
{
    struct stat info;
    apr_status_t rv;
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        return errno;
    }
    export->to = fdopen(fd, "w");
    if (!export->to) {
        rv = errno;
        close(fd);
        return rv;
    }
    rv = work_on_lines(export, from, pool);
    if (rv == APR_SUCCESS &&
        (fflush(export->to) != 0 || ferror(export->to) || fstat(fileno(from), &info) < 0 ||
         (fchown(fd, info.st_uid, info.st_gid) < 0 && errno != EPERM) ||
         fchmod(fd, info.st_mode & 07777) < 0 || fsync(fd) < 0 ||
         rename(fresh, export->path) < 0)) {
        rv = errno ? errno : EIO;
    }
    fclose(export->to);
    return rv;
}

/* Looks first: most files have nothing of the person and need no new one. All under the lock, so
 * that no line is written between looking and writing. */
static apr_status_t work_on_export(erase_run_t *run, const char *folder, const char *name,
                                   apr_pool_t *pool)
{
    export_t export = {.run = run, .path = apr_pstrcat(pool, folder, "/", name, NULL)};
    const char *fresh = apr_pstrcat(pool, folder, "/.", name, ".new", NULL);
    erase_count_t before = run->counts[ERASE_EXPORT];
    apr_status_t rv;
    FILE *from;

    rv = open_locked(&from, export.path);
    if (!from) {
        return APR_STATUS_IS_ENOENT(rv) ? APR_SUCCESS : rv;
    }
    export.complains = 1;
    export.counts = run->dry_run;
    rv = work_on_lines(&export, from, pool);
    if (rv == APR_SUCCESS && export.touched && !run->dry_run) {
        export.complains = 0;
        export.counts = 1;
        rewind(from);
        unlink(fresh); /* of a command that was killed; the lock says that there is no other */
        rv = replace(&export, from, fresh, pool);
        if (rv != APR_SUCCESS) {
            unlink(fresh);
            run->counts[ERASE_EXPORT] = before; /* the old file stays as it was */
        }
        else {
            rv = flush_folder(folder);
        }
    }
    run->found |= export.touched > 0;
    fclose(from);
    return rv;
}

void erase_exports(erase_run_t *run, apr_pool_t *parent)
{
    const char *folder = crm360_config_dead_limits(run->place.config).export_folder;
    apr_int64_t done = 0;
    apr_finfo_t entry;
    apr_pool_t *pool;
    apr_status_t rv;
    apr_dir_t *dir;

    rv = apr_dir_open(&dir, folder, parent);
    if (rv != APR_SUCCESS) {
        if (!APR_STATUS_IS_ENOENT(rv)) {
            tell_unsearched(run, folder, rv, parent);
        }
        return;
    }
    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm360ctl_exports");
    while (apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        apr_pool_clear(pool);
        if (entry.name[0] != '.' && ends_with(entry.name, SUFFIX)) {
            rv = work_on_export(run, folder, entry.name, pool);
            if (rv != APR_SUCCESS) {
                tell_unsearched(run, apr_pstrcat(pool, folder, "/", entry.name, NULL), rv, pool);
            }
            erase_progress(run, "export", ++done);
        }
    }
    apr_pool_destroy(pool);
    apr_dir_close(dir);
}
