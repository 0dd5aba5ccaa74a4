/*
 * The daemon's log lines: time, process, level, text, or one JSON object, each written at once,
 * so that lines of several processes never mix. The pid file is locked for as long as the master
 * lives: a stale one is no obstacle, and two masters with one file are.
 */
#include "consumer/output.h"

#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <apr_time.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log_line.h"
#include "core/status.h"

static const char *log_name; /* NULL = standard error */
static int to_journal;       /* standard error is the journal */
static int as_json;
static const char *pid_name; /* NULL = none */
static int pid_fd = -1;      /* holds its lock */

/* Lines that are written together. A pipe takes so much whole or not at all (PIPE_BUF), and so do
 * not mix with those of other processes either. */
#define HELD_BYTES 4096
static char held[HELD_BYTES];
static apr_size_t held_len;
static int holding;

/* Whether standard error is a stream of the journal, which stamps lines itself, and takes the
 * priority from their beginning. JOURNAL_STREAM says so, and may have been inherited from somebody
 * whose standard error was another one: systemd.exec(5). */
static int is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat found;
    char name[64];

    if (!stream || fstat(STDERR_FILENO, &found) < 0) {
        return 0;
    }
    apr_snprintf(name, sizeof name, "%" APR_UINT64_T_FMT ":%" APR_UINT64_T_FMT,
                 (apr_uint64_t)found.st_dev, (apr_uint64_t)found.st_ino);
    return strcmp(name, stream) == 0;
}

/* What stands in front of a line for a person: the same for all lines of a millisecond. */
static const char *front_of(crm360_log_level_t level)
{
    static char front[120];
    static apr_time_t of_ms = -1;
    static crm360_log_level_t of_level;
    static pid_t of;
    const char *name = crm360_log_level_name(level);
    apr_time_t now = apr_time_now();
    pid_t pid = getpid();
    apr_time_exp_t t;
    char when[40] = "";
    apr_size_t len;

    if (apr_time_as_msec(now) == of_ms && level == of_level && pid == of) {
        return front;
    }
    of_ms = apr_time_as_msec(now);
    of_level = level;
    of = pid;
    if (to_journal) {
        apr_snprintf(front, sizeof front, "[%d] %s: ", (int)pid, name);
        return front;
    }
    apr_time_exp_gmt(&t, now);
    apr_strftime(when, &len, sizeof when, "%Y-%m-%dT%H:%M:%S", &t);
    apr_snprintf(front, sizeof front, "%s.%03dZ crm360d[%d] %s: ", when, (int)(t.tm_usec / 1000),
                 (int)pid, name);
    return front;
}

static void write_out(const char *bytes, apr_size_t len)
{
    if (write(STDERR_FILENO, bytes, len) < 0) {
        return; /* nowhere left to say it */
    }
}

/* Writes a line, or keeps it for others to be written with it. */
static void put_line(const char *line, apr_size_t len)
{
    if (held_len + len > sizeof held) {
        write_out(held, held_len);
        held_len = 0;
    }
    if (!holding || len > sizeof held) {
        write_out(line, len);
        return;
    }
    memcpy(held + held_len, line, len);
    held_len += len;
}

/* Adds what there is room for. */
static char *add(char *at, const char *end, const char *text)
{
    return apr_cpystrn(at, text, (apr_size_t)(end - at));
}

static void write_line(void *baton, const crm360_log_line_t *log)
{
    char line[CRM360_LOG_JSON_BYTES + 500], text[CRM360_LOG_JSON_BYTES], reason[180], priority[8];
    const char *end = line + sizeof line - 1; /* and the line feed */
    char *at = line;

    (void)baton;
    if (to_journal) {
        apr_snprintf(priority, sizeof priority, "<%d>", crm360_log_priority(log->level));
        at = add(at, end, priority);
    }
    if (as_json) {
        crm360_log_line_json(text, log, apr_time_now(), (int)getpid());
        at = add(at, end, text);
    }
    else {
        at = add(at, end, front_of(log->level));
        crm360_log_line_text(text, log);
        at = add(at, end, text);
        if (log->rv != APR_SUCCESS) {
            at = add(at, end, " (");
            at = add(at, end, crm360_status_text(log->rv, reason, sizeof reason));
            at = add(at, end, ")");
        }
    }
    *at++ = '\n';
    put_line(line, (apr_size_t)(at - line));
}

void consumer_output_hold(void)
{
    holding = 1;
}

void consumer_output_release(void)
{
    holding = 0;
    if (held_len) {
        write_out(held, held_len);
        held_len = 0;
    }
}

void consumer_output_format(int json)
{
    as_json = json;
}

/* Puts the log file in the place of standard error, so that libraries' words land there too. */
static apr_status_t open_log(void)
{
    int fd;

    if (!log_name) {
        to_journal = is_journal();
        return APR_SUCCESS;
    }
    fd = open(log_name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) {
        return errno;
    }
    if (dup2(fd, STDERR_FILENO) < 0) {
        return errno;
    }
    close(fd);
    return APR_SUCCESS;
}

void consumer_output_reopen(void)
{
    apr_status_t rv = open_log();

    if (rv != APR_SUCCESS) {
        crm360_log(
            CRM360_LOG_WARNING, rv,
            CRM360_LOGNO(0342) "cannot open the log file %s again; going on with the old one",
            log_name);
    }
}

/* Opens the pid file and tries the lock on it, a record lock, which no forked worker inherits: the
 * file is free again the moment the master is gone, whatever its workers still finish. */
static apr_status_t lock_pid(int *fd, const char **error, apr_pool_t *pool)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    *error = pid_name;
    *fd = open(pid_name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (*fd < 0) {
        return errno;
    }
    if (fcntl(*fd, F_SETLK, &lock) < 0) {
        close(*fd);
        *error = apr_pstrcat(pool, pid_name, " belongs to a crm360d that is running", NULL);
        return CRM360_EREFUSED;
    }
    return APR_SUCCESS;
}

/* Writes the pid file; its descriptor stays open for the lock. */
static apr_status_t write_pid(const char **error, apr_pool_t *pool)
{
    char text[32];
    apr_status_t rv;

    rv = lock_pid(&pid_fd, error, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_snprintf(text, sizeof text, "%d\n", (int)getpid());
    return ftruncate(pid_fd, 0) < 0 || write(pid_fd, text, strlen(text)) < 0 ? errno : APR_SUCCESS;
}

/* Makes both names absolute (detaching changes the working directory), and finds out while somebody
 * is still looking whether another daemon has the pid file. */
static apr_status_t prepare(const char *log_file, const char *pid_file, const char **error,
                            apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    int fd;

    if (log_file) {
        *error = log_file;
        rv = apr_filepath_merge((char **)&log_name, NULL, log_file, 0, pool);
    }
    if (rv == APR_SUCCESS && pid_file) {
        *error = pid_file;
        rv = apr_filepath_merge((char **)&pid_name, NULL, pid_file, 0, pool);
        rv = rv == APR_SUCCESS ? lock_pid(&fd, error, pool) : rv;
        if (rv == APR_SUCCESS) {
            close(fd);
        }
    }
    return rv;
}

apr_status_t consumer_output_open(const char *log_file, int foreground, const char *pid_file,
                                  crm360_log_level_t level, const char **error, apr_pool_t *pool)
{
    apr_status_t rv = prepare(log_file, pid_file, error, pool);

    if (rv == APR_SUCCESS) {
        *error = log_file;
        rv = open_log();
    }
    if (rv == APR_SUCCESS && !foreground) {
        *error = "detaching";
        rv = apr_proc_detach(APR_PROC_DETACH_DAEMONIZE);
        rv = rv == APR_SUCCESS ? open_log() : rv; /* detaching closed standard error */
    }
    if (rv == APR_SUCCESS && pid_name) {
        rv = write_pid(error, pool);
    }
    crm360_log_set_lines(write_line, NULL, level);
    return rv;
}

void consumer_output_close(void)
{
    /* The user that root has become may not remove it; but who reads it must not find the number
     * of a process that may be somebody else's by then. */
    if (pid_name && unlink(pid_name) < 0 && ftruncate(pid_fd, 0) < 0) {
        crm360_log(CRM360_LOG_INFO, errno, "the pid file %s stays as it is", pid_name);
    }
}
